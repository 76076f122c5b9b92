"""`write_report`: from a study to a folder that a reader can trust."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

from ..errors import AllianceStatsError, AllianceStatsWarning
from . import manifest
from .content import Block, Figure, Section, Table
from .context import Context, Options
from .figures import to_svg
from .formatting import count, spreadsheet_safe
from .page import number_blocks, render
from .place import check_place, move_into_place
from .sections import SECTIONS, Entry
from .sections.draft import Draft, internal
from .suppression import is_small
from .tables import to_csv
from .word import write_word

Progress = Callable[[str, int, int], None]
"""Called with what is being done, the steps done and the steps in all."""


@dataclass(frozen=True)
class Report:
    """A report that was written.

    Attributes
    ----------
    folder
        Where it is; ``index.html`` is the page.
    sections
        What it holds, as values.
    """

    folder: Path
    sections: tuple[Section, ...]

    @property
    def page(self) -> Path:
        """The page to open."""
        return self.folder / "index.html"

    @property
    def incomplete(self) -> tuple[Section, ...]:
        """The sections of which something could not be computed."""
        return tuple(section for section in self.sections if section.status != "complete")


def write_report(
    study: Any,
    out: str | os.PathLike[str],
    *,
    progress: Progress | None = None,
    strict: bool = False,
    **options: Any,
) -> Report:
    """Write the first complete report of a study into a folder.

    Parameters
    ----------
    study
        A `Study`, or the path of one (then its files are hashed into ``run.json``).
    out
        The folder. It is made; an earlier report in it is replaced; a folder that holds
        anything else is refused.
    progress
        Called before each step with its name, the steps done and the steps in all.
    strict
        Raise errors of the program itself. By default a section that meets one says so.
    **options
        See `Options`: ``alliance, outcome, cutoff, rater, rupture_rule, rupture_parameters,
        replicates, seed, individual_courses``.

    Returns
    -------
    Report
        The folder holds ``index.html`` (self-contained), ``tables/*.csv`` and ``*.docx``,
        ``figures/*.svg`` (with their numbers as CSV) and ``run.json``. Nothing is written unless
        all of it is.

    Notes
    -----
    Counts of one to four people are not shown anywhere but in ``run.json``.

    Examples
    --------
    >>> import alliance_stats as al, tempfile, pathlib
    >>> study = al.simulate_study(n_therapists=6, n_clients=30, seed=1)
    >>> folder = pathlib.Path(tempfile.mkdtemp()) / "report"
    >>> report = al.write_report(study, folder, replicates=20)
    >>> report.page.name
    'index.html'
    """
    chosen = _checked_options(options)
    folder = Path(out)
    check_place(folder)
    tell = progress or (lambda what, done, steps: None)
    steps = len(SECTIONS) + 2
    tell("Opening the study", 0, steps)
    opened, source = _opened(study)
    context = Context(opened, chosen)
    sections = tuple(_sections(context, strict, tell, steps))
    tell("Writing the report", steps - 1, steps)
    with _scratch(folder) as scratch:
        _write(scratch, context, sections, source)
        move_into_place(scratch, folder)
    tell("Done", steps, steps)
    return Report(folder, sections)


def _checked_options(options: dict[str, Any]) -> Options:
    from dataclasses import fields

    from ..errors import DesignError, did_you_mean, listing

    known = [field.name for field in fields(Options)]
    for name in options:
        if name not in known:
            raise DesignError(
                f"A report has no option '{name}'; its options are {listing(known, 12)}."
                f"{did_you_mean(name, known)}"
            )
    return Options(**options)


def _opened(study: Any) -> tuple[Any, Path | None]:
    if not isinstance(study, str | os.PathLike):
        return study, getattr(study, "folder", None)
    from ..study import open_study

    opened = open_study(study)
    return opened, getattr(opened, "folder", None) or Path(study)


def _sections(context: Context, strict: bool, tell: Progress, steps: int) -> Iterator[Section]:
    for position, entry in enumerate(SECTIONS, 1):
        tell(entry.title, position, steps)
        yield make_section(entry, context, strict=strict)


def make_section(entry: Entry, context: Context, *, strict: bool = False) -> Section:
    """Return one section; whatever goes wrong in it is said in it."""
    draft = Draft(entry.key, entry.title, strict=strict)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", AllianceStatsWarning)
        try:
            section = entry.build(context, draft)
        except AllianceStatsError as error:
            draft.refuse(str(error))
            section = draft.finish()
        except Exception as error:  # one faulty section must not cost the others
            if strict:
                raise
            draft.refuse(internal(error))
            section = replace(draft.finish(), status="failed")
    said = [str(w.message) for w in caught if issubclass(w.category, AllianceStatsWarning)]
    new = tuple(dict.fromkeys(m for m in said if m not in section.messages))
    return replace(section, messages=section.messages + new)


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Give a folder beside the target, so that moving it there is one step; it leaves no trace."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".alliance-", dir=folder.parent) as name:
        inner = Path(name) / "report"
        inner.mkdir()
        yield inner


def _write(folder: Path, context: Context, sections: Sequence[Section], source: Any) -> None:
    study = context.study
    synthetic = bool(getattr(study, "synthetic", False))
    blocks = [block for section in sections for block in section.blocks]
    svgs = {
        block.key: to_svg(block.canvas, synthetic=synthetic)
        for block in blocks
        if isinstance(block, Figure)
    }
    _write_figures(folder / "figures", blocks, svgs, synthetic)
    _write_tables(folder / "tables", blocks, sections, synthetic)
    made = _now()
    page = render(
        title=study.name,
        synthetic=synthetic,
        facts=facts(study),
        notes=getattr(study, "notes", ()),
        sections=[without_ids(section, study) for section in sections],
        svgs=svgs,
        footer=_footer(made, context),
    )
    (folder / "index.html").write_text(page, encoding="utf-8", newline="\n", errors="replace")
    _write_manifest(folder, context, sections, source, made)


def _write_figures(
    folder: Path, blocks: Sequence[Block], svgs: dict[str, bytes], synthetic: bool
) -> None:
    folder.mkdir()
    for block in blocks:
        if isinstance(block, Figure):
            (folder / f"{block.key}.svg").write_bytes(titled(svgs[block.key], block, synthetic))
            if block.data is not None:
                safe = block.data.map(spreadsheet_safe)
                safe.to_csv(folder / f"{block.key}.csv", index=False, lineterminator="\n")


def titled(svg: bytes, figure: Figure, synthetic: bool) -> bytes:
    """Return the SVG with its title inside, for those who meet it without the page."""
    title = escape(figure.title + " (synthetic data)" * synthetic, quote=False)
    end = svg.index(b">", svg.index(b"<svg")) + 1
    return svg[:end] + b"<title>" + title.encode("utf-8", "replace") + b"</title>" + svg[end:]


def _write_tables(
    folder: Path, blocks: Sequence[Block], sections: Sequence[Section], synthetic: bool
) -> None:
    folder.mkdir()
    numbers = number_blocks(sections).tables
    for block in blocks:
        if isinstance(block, Table):
            to_csv(block, folder / f"{block.key}.csv")
            word = folder / f"{block.key}.docx"
            write_word(block, word, number=numbers[block.key], synthetic=synthetic)


def _write_manifest(
    folder: Path, context: Context, sections: Sequence[Section], source: Any, made: str
) -> None:
    study = context.study
    is_folder = source is not None and source.is_dir()
    files = manifest.file_hashes(source, getattr(study, "files", ())) if is_folder else []
    written = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    content = {
        "tool": manifest.TOOL,
        "what": "How this report was made. Holds places of rows in the lab's files: keep it in "
        "the lab.",
        "made": made,
        "study": study.name,
        "synthetic": bool(getattr(study, "synthetic", False)),
        "versions": manifest.versions(),
        "options": context.options.as_dict(),
        "seed": context.options.seed,
        "inputs": files,
        "tables": manifest.table_hashes(study.tables),
        "rows_set_aside": manifest.rows_set_aside(getattr(study, "report", None)),
        "sections": [manifest.section_record(section) for section in sections],
        "outputs": [*written, "run.json"],
    }
    manifest.write_json(content, folder / "run.json")


def facts(study: Any) -> list[tuple[str, str]]:
    """Return the sizes at the top of the page."""
    tables = study.tables
    named = (("therapists", "Therapists"), ("clients", "Clients"), ("sessions", "Sessions"),
             ("ratings", "Answers to items"))  # fmt: skip
    shown = []
    for name, label in named:
        if name in tables and len(tables[name]):
            n = len(tables[name])
            people = name in ("therapists", "clients")
            shown.append((label, "< 5" if people and is_small(n) else count(n)))
    return shown


def without_ids(section: Section, study: Any) -> Section:
    """Return the section without messages that name a client or therapist: the page may travel."""
    ids: set[str] = set()
    for table, column in (("clients", "client_id"), ("therapists", "therapist_id")):
        if table in study.tables:
            ids.update(map(str, study.tables[table][column].dropna()))
    kept = tuple(m for m in section.messages if not ids & set(re.findall(r"[\w\-.]*[\w\-]", m)))
    hidden = len(section.messages) - len(kept)
    if hidden:
        kept += (f"{hidden} more, which may name clients, stand in run.json.",)
    return replace(section, messages=kept)


def _footer(made: str, context: Context) -> list[str]:
    versions = manifest.versions()
    libraries = ", ".join(f"{name} {versions[name]}" for name in ("pandas", "scipy", "statsmodels",
                          "pingouin"))  # fmt: skip
    return [
        f"Made {made} with alliance_stats {versions['alliance_stats']} (Python "
        f"{versions['python']}, {libraries}); seed {context.options.seed}. Inputs with hashes, "
        "options and every row set aside stand in run.json beside this page.",
        "Counts of one to four people are not shown. Intervals are 95% intervals. Estimates of "
        "associations are not proofs of cause.",
    ]


def _now() -> str:
    """Return the time of making in UTC; SOURCE_DATE_EPOCH fixes it for a repeatable build."""
    fixed = os.environ.get("SOURCE_DATE_EPOCH", "")
    now = (
        dt.datetime.fromtimestamp(int(fixed), dt.UTC)
        if fixed.isdigit()
        else dt.datetime.now(dt.UTC)
    )
    return now.strftime("%Y-%m-%d %H:%M UTC")

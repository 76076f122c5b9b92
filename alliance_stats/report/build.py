"""`write_report`: from a study to a folder that a reader can trust."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ..core.arguments import checked_choice
from ..core.outputs import scratch_beside
from ..errors import (
    AllianceStatsError,
    AllianceStatsWarning,
    DesignError,
    did_you_mean,
    listing,
)
from ..instruments.criteria import CRITERIA
from ..ruptures import rupture_rules
from ..study import Study, open_study
from ..study.reading.table import changed_since
from .content import Section
from .context import Context, Options
from .place import account_place, check_place, move_into_place
from .sections import FIRST_TOLD, Entry, sections_of
from .sections.draft import Draft
from .writing import write_account, write_files

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
    account
        The private account of how it was made; None where none was written.
    changed
        Files that no longer hold what the report was made from.
    """

    folder: Path
    sections: tuple[Section, ...] = field(repr=False)
    account: Path | None = None
    changed: tuple[str, ...] = ()

    @property
    def page(self) -> Path:
        """The page to open."""
        return self.folder / "index.html"

    @property
    def incomplete(self) -> tuple[Section, ...]:
        """The sections of which something could not be computed."""
        return tuple(section for section in self.sections if section.status != "complete")


def write_report(
    study: Study | str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    progress: Progress | None = None,
    strict: bool = False,
    account: str | os.PathLike[str] | None = None,
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
    account
        Where the private account goes (JSON): input files with their hashes, every row set aside
        with its place and reason, everything the procedures reported. Unless given, into
        ``.alliance-stats/`` in the study's own folder, named like the report's folder; a study
        without a folder of its own (made in memory, shipped with the package) keeps none.
    **options
        See `Options`: ``alliance, outcome, cutoff, criterion, rater, rupture_rule,
        rupture_parameters, replicates, seed, individual_courses``.

    Returns
    -------
    Report
        The folder holds ``index.html`` (self-contained), ``report.docx`` (the same in one
        Word document), ``methods.md``, ``tables/*.csv``, ``figures/*.svg``, ``*.png`` (300 dpi) and
        ``*.pdf`` (with their numbers as CSV) and ``run.json``. Nothing is written unless
        all of it is.

    Notes
    -----
    The folder may be shared: no number in it is about fewer than ten people, nor can one be
    computed from the others, and no person is named or drawn. With ``individual_courses=True``
    persons are drawn and nothing is withheld but ids: such a report is for the owner of the data.
    CSV files hold four significant digits. The private account holds places of rows in the files
    of the study and must stay with them.

    Examples
    --------
    >>> import alliance_stats as al, tempfile, pathlib
    >>> study = al.simulate_study(n_therapists=3, n_clients=9, seed=1)
    >>> folder = pathlib.Path(tempfile.mkdtemp()) / "report"
    >>> report = al.write_report(study, folder)
    >>> report.page.name
    'index.html'
    """
    chosen = _checked_options(options)
    folder = Path(out)
    check_place(folder)
    tell = progress or (lambda what, done, steps: None)
    tell("Opening the study", 0, len(FIRST_TOLD) + 2)
    opened, source = _opened(study)
    context = Context(opened, chosen)
    steps = len(sections_of(context)) + 2
    _check_named(context)
    place = account_place(source, folder, account)
    sections = tuple(_sections(context, strict, tell, steps))
    tell("Writing the report", steps - 1, steps)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with scratch_beside(folder) as scratch:
        (scratch / "new").mkdir()
        made = write_files(scratch / "new", context, sections)
        move_into_place(scratch, folder)
    found = getattr(opened.report, "files", ()) if opened.report is not None else ()
    read = {one.file: one.sha256 for one in found}
    changed = changed_since(source, read) if source is not None and source.is_dir() else ()
    kept = write_account(place, context, sections, source, made, read, changed)
    tell("Done", steps, steps)
    return Report(folder, sections, kept, changed)


def _checked_options(options: dict[str, Any]) -> Options:
    known = [field.name for field in fields(Options)]
    for name in options:
        if name not in known:
            raise DesignError(
                f"A report has no option '{name}'; its options are {listing(known, 12)}."
                f"{did_you_mean(name, known)}"
            )
    chosen = Options(**options)
    _check_values(chosen)
    return chosen


def _check_values(chosen: Options) -> None:
    """Refuse what no report can be made with, before any work is done."""
    rules = list(rupture_rules()["name"])
    if chosen.rupture_rule not in rules:
        raise DesignError(
            f"There is no rupture rule '{chosen.rupture_rule}'; the rules are "
            f"{listing(rules, 30)}.{did_you_mean(chosen.rupture_rule, rules)}"
        )
    for name, least in (("seed", 0), ("replicates", 1)):
        value = getattr(chosen, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise DesignError(f"{name} must be a whole number from {least} on, got {value!r}.")
    checked_choice("criterion", chosen.criterion, CRITERIA)
    if chosen.cutoff is not None and not math.isfinite(chosen.cutoff):
        raise DesignError(f"cutoff must be a score, got {chosen.cutoff!r}.")


def _check_named(context: Context) -> None:
    """Refuse a measure that the user names and the study has no scores of."""
    if context.options.alliance is not None:
        context.alliance  # noqa: B018
    if context.options.outcome is not None:
        context.outcome  # noqa: B018


def _opened(study: Study | str | os.PathLike[str]) -> tuple[Study, Path | None]:
    if not isinstance(study, str | os.PathLike):
        return study, getattr(study, "folder", None)
    opened = open_study(study)
    return opened, getattr(opened, "folder", None) or Path(study)


def _sections(context: Context, strict: bool, tell: Progress, steps: int) -> Iterator[Section]:
    by_key = {entry.key: entry for entry in sections_of(context)}
    made = {}
    for position, key in enumerate((key for key in FIRST_TOLD if key in by_key), 1):
        tell(by_key[key].title, position, steps)
        made[key] = make_section(by_key[key], context, strict=strict)
    yield from (made[key] for key in by_key)


def make_section(entry: Entry, context: Context, *, strict: bool = False) -> Section:
    """Return one section; whatever goes wrong in it is said in it."""
    whole = context.options.individual_courses
    draft = Draft(entry.key, entry.title, strict=strict, whole=whole)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", AllianceStatsWarning)
        try:
            section = entry.build(context, draft)
        except AllianceStatsError as error:
            draft.refuse(error)
            section = draft.finish()
        except Exception as error:  # one faulty section must not cost the others
            if strict:
                raise
            draft.refuse(error)
            section = replace(draft.finish(), status="failed")
    said = [str(w.message) for w in caught if issubclass(w.category, AllianceStatsWarning)]
    new = tuple(dict.fromkeys(m for m in said if m not in section.messages))
    return replace(section, messages=section.messages + new)

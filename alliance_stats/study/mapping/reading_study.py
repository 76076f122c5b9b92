"""`read_study`: a folder in, tables with origins and every problem met out; nothing raises."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ...errors import MeasureError, ReadError, did_you_mean, listing, plural
from ..labels import together
from ..origin import BESIDE, Problem, RawStudy
from ..reading import Loaded, load
from ..reading.cells import WRITTEN_MISSING
from ..reading.loaded import Conventions
from ..reading.workbooks import opening_once
from .assembling import assemble
from .dated_sessions import days_part, number_sessions
from .describing import read_description
from .file_labels import labels_of
from .gathering import Gathered
from .occasions import read_long_items
from .package import name_of, not_readable, options_of, read_package, sources_of
from .paths import inside
from .sessions_of import read_open_source
from .source import Source
from .spec import SourceSpec
from .tables_of import table_part
from .who import OWN_WORDS, note_ids

DESCRIPTIONS = ("study.yaml", "study.yml", "datapackage.json")


@opening_once()
def read_study(path: str | os.PathLike[str]) -> RawStudy:
    """Read a study's files and map them to the canonical tables; nothing is validated yet.

    Parameters
    ----------
    path
        The study's folder, or its ``study.yaml`` or ``datapackage.json``.

    Returns
    -------
    RawStudy
        ``tables`` and their ``origins``; ``problems`` met on the way, each with its file and
        place; ``set_aside`` and ``rows_in``, so that rows add up. ``options`` holds
        ``registry`` (the measures, with the study's own cards), ``already_reversed`` (pairs of
        measure and rater whose file holds reversed values), ``given_scores`` (totals of
        measures whose items are there too), ``synthetic``, ``description`` and ``notes``.
        A file that cannot be read is a problem; the others are read all the same.
    """
    found, problem = _description(path)
    if found is None:
        return RawStudy(name=str(path), folder=Path(), problems=[problem] if problem else [])
    folder = found.parent
    raw = RawStudy(name=folder.resolve().name, folder=folder)
    gathered = Gathered(_registry(folder, raw))
    if found.suffix == ".json":
        sources = _from_package(found, raw)
    else:
        described, problems = read_description(found)
        raw.name = described.name
        raw.problems += problems
        raw.options |= {"synthetic": described.synthetic, "description": described.description}
        raw.options |= described.extra
        raw.options |= {"raters": described.raters, "time_unit": described.time_unit}
        sources = [(source, _conventions(source)) for source in described.sources]
    gathered.time_unit = raw.options.get("time_unit")
    gathered.raters += tuple(raw.options.get("raters", ()))
    prefixed = any(source.id_prefix for source, _ in sources)
    for spec, conventions in sources:
        before = len(gathered.parts)
        source = _read_source(spec, conventions, folder, raw, gathered)
        if source is None:
            continue
        gathered.dated += gathered.parts[before:] if spec.by_date else []
        gathered.labels.append(labels_of(source, source.further(spec.table or "sessions")))
        if prefixed:
            note_ids(source)
    return _finished(raw, gathered)


def _finished(raw: RawStudy, gathered: Gathered) -> RawStudy:
    for left in gathered.takings.set_aside():
        gathered.leave_out(left.table, left.reason, left.rows, left.file)
    gathered.problems += number_sessions(gathered.parts, gathered.dated)
    assembled = assemble(gathered)
    raw.tables = assembled.tables
    raw.origins = assembled.origins
    raw.options["registry"] = gathered.registry
    raw.options["time_unit"] = gathered.time_unit
    labels, torn = together(gathered.labels)
    raw.options["labels"] = labels | raw.options.get("labels", {})
    gathered.problems += [
        Problem(
            "warning",
            "labels_contradict",
            f"The values of '{name}' are called differently in different files, so that a code may "
            "not mean the same everywhere.",
            "Give the column the same codes in all files, or recode: them.",
            column=name,
        )
        for name in torn
    ]
    raw.options["already_reversed"] = gathered.already_reversed | raw.options.get(
        "already_reversed", set()
    )
    raw.options |= {name: raw.tables.pop(name) for name in BESIDE if name in raw.tables}
    raw.options["notes"] = [*raw.options.get("notes", ()), *filter(None, [gathered.who.note])]
    raw.problems += [*gathered.problems, *gathered.takings.problems(), *gathered.who.problems()]
    raw.set_aside += gathered.set_aside
    raw.rows_in = {name: n for name, n in gathered.rows_in.items() if name not in BESIDE}
    return raw


# -- where the study is -----------------------------------------------------------------------


def _description(path: str | os.PathLike[str]) -> tuple[Path | None, Problem | None]:
    """Return the file that describes the study, or the problem that there is none."""
    try:
        given = Path(path)
        if given.is_file():
            if given.name in DESCRIPTIONS or given.suffix in (".yaml", ".yml", ".json"):
                return given, None
            return None, _no_study(
                f"'{given.name}' is not a study; expected a folder, a study.yaml or a "
                "datapackage.json.",
                "To read one file use read_table; to describe it use suggest_mapping.",
            )
        for name in DESCRIPTIONS:
            if (given / name).is_file():
                if (given / name).resolve().is_relative_to(given.resolve()):
                    return given / name, None
                return None, _no_study(
                    f"'{name}' in '{given}' is a link that leads out of the study's folder; it "
                    "was not read.",
                    "Copy the file into the folder.",
                )
        if given.is_dir():
            there = [each.name for each in given.iterdir()]
            near = did_you_mean("study.yaml", there)
            return None, _no_study(
                f"The folder '{given}' holds neither study.yaml nor datapackage.json.{near}",
                "suggest_mapping(folder) drafts a study.yaml from the files in it.",
            )
        beside = [p.name for p in given.parent.iterdir()] if given.parent.is_dir() else []
    except (OSError, ValueError, TypeError):
        return None, _no_study(f"Expected the path of a study, got {str(path)[:80]!r}.", "")
    return None, _no_study(f"There is no study at '{given}'.{did_you_mean(given.name, beside)}", "")


def _no_study(message: str, hint: str) -> Problem:
    return Problem("error", "missing_study", message, hint)


def _registry(folder: Path, raw: RawStudy) -> Any:
    """Return the known measures; a faulty card of the study's own is a problem."""
    from ...instruments import load_registry

    own = folder / "measures"
    try:
        if own.is_dir() and not own.resolve().is_relative_to(folder.resolve()):
            raise MeasureError("The folder 'measures' leads out of the study's folder.")
        return load_registry(own)
    except MeasureError as error:
        hint = "Correct the card in the study's folder 'measures'."
        raw.problems.append(Problem("error", "faulty_card", str(error), hint, file="measures"))
        return load_registry()


def _from_package(path: Path, raw: RawStudy) -> list[tuple[SourceSpec, Conventions]]:
    package, problems = read_package(path)
    raw.problems += problems
    if not package:
        return []
    raw.name = name_of(package, path)
    raw.options |= options_of(package) | {"saved": True}
    sources, problems = sources_of(package, path)
    raw.problems += problems
    return sources


# -- one source -------------------------------------------------------------------------------


def _conventions(source: SourceSpec) -> Conventions:
    words = source.missing_words
    return Conventions(
        missing_words=None if words is None else frozenset(w.strip().casefold() for w in words),
        encoding=source.encoding,
        delimiter=source.delimiter,
        decimal=source.decimal,
    )


def _read_source(
    spec: SourceSpec, conventions: Conventions, folder: Path, raw: RawStudy, gathered: Gathered
) -> Source | None:
    try:
        path = inside(folder, spec.file)
        loaded = load(path, sheet=spec.sheet, conventions=conventions)
        wrong = _wrong_sheet(spec, loaded, path)
    except ReadError as error:
        raw.problems.append(not_readable(error, spec.file, spec.table or ""))
        return None
    if wrong is not None:
        raw.problems.append(wrong)
        return None
    _note_reading(spec, loaded, raw, gathered)
    source = Source(spec, loaded, gathered)
    if source.file not in raw.files:
        raw.files.append(source.file)
    if spec.table is None:
        read_open_source(source)
        return source
    if (
        spec.table == "ratings"
        and not source.has("session")
        and (source.has("occasion") or source.has("time"))
    ):
        read_long_items(source)
        source.name_repeated()
        return source
    part = table_part(source, spec.table)
    gathered.parts.append(part)
    if spec.by_date and spec.table != "sessions" and "session" in part.frame:
        gathered.parts.append(days_part(part))
    source.name_repeated()
    return source


def _wrong_sheet(spec: SourceSpec, loaded: Loaded, path: Path) -> Problem | None:
    """Return that no sheet was named and another than the first holds the columns, if so."""
    sheets = loaded.notes["sheets"]
    named = {*spec.columns.values(), *(c for m in spec.measures for c in m.scores.values())}
    wanted = {name for name in named if isinstance(name, str) and "{" not in name}
    if spec.sheet is not None or len(sheets) < 2 or wanted & set(loaded.columns):
        return None
    for sheet in sheets:
        try:
            there = [name for name in load(path, sheet=sheet).columns if name in wanted]
        except ReadError:
            continue
        if there:
            return Problem(
                "error",
                "wrong_sheet",
                f"The sheet '{loaded.sheet}', the first of the workbook, has none of the columns "
                f"that study.yaml names; the sheet '{sheet}' has {listing(there, 8)}.",
                f"Write sheet: {sheet} in study.yaml"
                + (f" (line {spec.line})." if spec.line else "."),
                table=spec.table or "",
                file=spec.file,
                sheet=loaded.sheet,
            )
    return None


def _note_reading(spec: SourceSpec, loaded: Loaded, raw: RawStudy, gathered: Gathered) -> None:
    """Pass on what reading a file found: faults, lost rows, hidden sheets, a guessed encoding."""
    raw.problems += loaded.problems(spec.file)
    file = loaded.source(spec.file)
    reason = "a row with more cells than columns"
    gathered.leave_out(spec.table or "sessions", reason, loaded.lost_rows, spec.file)
    told: list[tuple[str, str, str]] = []
    if titles := loaded.notes["titles"]:
        sentence = (
            f"Above the names of the columns stands {listing(map(repr, titles))}, which is read as "
            "a title."
        )
        hint = "If that is a row of data, give the columns names in the row above it."
        told.append(("title_rows", sentence, hint))
    if loaded.notes["header_rows"] > 1 and not loaded.notes["export"]:
        sentence = (
            f"The names of columns stand in two rows; read as one, as in {file.columns[-1]!r}."
        )
        hint = "If the second row is one of data, fill in each name in the first."
        told.append(("two_rows_of_names", sentence, hint))
    if loaded.notes["hidden_sheets"] and spec.sheet is None:
        sentence = (
            f"Hidden in the workbook, and not read: {listing(loaded.notes['hidden_sheets'])}."
        )
        hint = "If a hidden sheet holds data, name it in study.yaml: sheet: <its name>."
        told.append(("hidden_sheet", sentence, hint))
    written = [
        f"'{word}' in '{column}' ({plural(n, 'cell')})"
        for column, words in loaded.notes["missing_words"].items()
        for word, n in words.items()
        if word.casefold() in WRITTEN_MISSING
    ]
    if written and spec.missing_words is None:
        told.append(("missing_words", f"Read as missing: {listing(written)}.", OWN_WORDS))
    if loaded.notes["encoding_guessed"]:
        sentence = f"The file is not UTF-8 and was read as {loaded.notes['encoding']}."
        hint = "If names look wrong, give encoding: in study.yaml, or save the file as UTF-8."
        told.append(("guessed_encoding", sentence, hint))
    raw.problems += [Problem("info", *each, file=file.file, sheet=file.sheet) for each in told]
    if not len(loaded.frame):
        raw.problems.append(
            Problem(
                "warning",
                "no_rows",
                "The file has a header but no rows.",
                table=spec.table or "",
                file=file.file,
                sheet=file.sheet,
            )
        )

"""`suggest_mapping`: a first ``study.yaml`` from the names and values of columns."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import pandas as pd

from ...errors import ColumnError, ReadError, listing
from ..reading import load, read_table
from ..reading.kinds import files_in
from ..reading.workbooks import opening_once
from .draft import MappingDraft
from .draft_source import Sorting, sort_columns
from .kinds_of_rows import EVENT, Kind, arms_of, kinds_of_rows
from .named_times import clients_in, times_in
from .names import tool_of


def suggest_mapping(frame_or_path: pd.DataFrame | str | os.PathLike[str]) -> MappingDraft:
    """Draft the ``study.yaml`` of a file, a folder of files, or a table in memory.

    Question answered: which of these columns is the client, the session, the items of which
    measure by whom - and which columns does nobody know what to do with?

    Clients, therapists, sessions, dates, sites and conditions are told from the names of
    columns; measures from names with numbers (``wai1`` ... ``wai12``), their number and the
    range of their values, which must fit the measure's card. Where no column says the session or
    occasion, the names of several sheets or files may (``Voormeting`` and ``Nameting``,
    ``Sitzung 3.csv``), or a client's days count the sessions. Codes for missing that stand out
    (-9, 99) are proposed. Nothing is placed on a mere likeness of numbers: such columns are in
    ``.unplaced`` with what they might be.

    Parameters
    ----------
    frame_or_path
        A DataFrame, a file that `read_table` reads, or a folder of such files; those in its
        folder ``data`` count too.

    Returns
    -------
    MappingDraft
        ``.mapping`` (plain values), ``.unplaced`` (column → why), ``.doubts``, ``.to_yaml()``;
        printing it shows the YAML.

    Raises
    ------
    ReadError
        Where a file cannot be read, or a folder holds none.
    ColumnError
        Where a frame has no column.

    Examples
    --------
    >>> import pandas as pd
    >>> import alliance_stats as al
    >>> frame = pd.DataFrame({"pid": [1, 1], "sess": [1, 2], "oq_total": [80, 74], "mood": [1, 2]})
    >>> draft = al.suggest_mapping(frame)
    >>> draft["sources"][0]["measures"]
    [{'measure': 'oq-45', 'rater': 'client', 'score': 'oq_total'}]
    >>> list(draft.unplaced)
    ['mood']
    """
    frames, name, registry = _given(frame_or_path)
    sources: list[dict[str, Any]] = []
    placed: dict[str, str] = {}
    unplaced: dict[str, str] = {}
    doubts: list[str] = []
    names: list[str] = []
    filled = [each for each in frames if len(each[2])] or frames
    empty = [_place(file, sheet) for file, sheet, frame in frames if frame.empty]
    if empty and len(filled) < len(frames):
        verbs = ("has", "is") if len(empty) == 1 else ("have", "are")
        doubts.append(f"{listing(empty)} {verbs[0]} no rows yet and {verbs[1]} left out")
    said = _said_by_names(filled)
    filled, copies = _clients_as_one(filled, said)
    parts = [(*each[:2], kind) for each in filled for kind in kinds_of_rows(each[2])]
    for file, sheet, kind in parts:
        sorting = sort_columns(file, sheet, kind.frame, registry, said.get((file, sheet), {}))
        where = _place(file, sheet)
        if kind.where:
            where = ", ".join([where, *map(_said, kind.where.values())])
            if not _of_one_kind(sorting, kind):
                doubts.append(f"{where}: no draft; nothing says what these rows are")
                continue
        if sheet and _is_of_nobody(sorting.source):
            doubts.append(f"{where}: no column names a client; the sheet is left out of the draft")
            continue
        if sorting.counted_by:
            _count_by_date(sorting.source, sorting.counted_by)
        alike = copies.get((file, sheet), {})
        several = len(parts) > 1 or alike
        for place, each in {(file, sheet): where, **alike}.items():
            prefix = f"{each}: " if several else ""
            names += [each] if prefix else []
            sources.append(_moved(sorting.source, place, said))
            placed |= {f"{prefix}{column}": what for column, what in sorting.placed.items()}
            unplaced |= {f"{prefix}{column}": why for column, why in sorting.unplaced.items()}
        if alike:
            where += f" and {len(alike)} more"
        doubts += [f"{where}: {doubt}" if several else doubt for doubt in sorting.doubts]
    clients = [one for one in sources if "client_id" in one.get("constants", {})]
    if clients:
        doubts.append(f"each of {len(clients)} sheets or files is taken for the client of its name")
    if not any({"measures", "table"} & set(source) for source in sources):
        doubts.append(
            "no answer and no score of a known instrument was found, and without one there is "
            "nothing to analyse; if a column holds one, write measures: (an instrument of your own "
            "needs a card in the folder measures)"
        )
    mapping = {"name": name, "sources": sources}
    return MappingDraft(mapping, unplaced, tuple(doubts), placed, tuple(names))


def _given(
    frame_or_path: Any,
) -> tuple[list[tuple[str, str, pd.DataFrame]], str, Any]:
    """Return the tables with their files and sheets, the study's name, and the known measures."""
    from ...instruments import load_registry

    if isinstance(frame_or_path, pd.DataFrame):
        if not len(frame_or_path.columns):
            raise ColumnError("suggest_mapping needs a table with columns; this one has none.")
        file = str(frame_or_path.attrs.get("file") or "data.csv")
        frames = [(file, str(frame_or_path.attrs.get("sheet") or ""), frame_or_path)]
        return frames, "my-study", load_registry()
    if not isinstance(frame_or_path, str | os.PathLike):
        raise ColumnError(
            "suggest_mapping needs a table, or the path of a file or folder; a "
            f"{type(frame_or_path).__name__} came."
        )
    path = Path(frame_or_path)
    frames = _files(path)
    home = path if path.is_dir() else path.parent
    return frames, home.resolve().name or "my-study", load_registry(home / "measures")


def _files(path: Path) -> list[tuple[str, str, pd.DataFrame]]:
    if not path.is_dir():
        return _sheets(path, path.name)
    paths = files_in(path)
    if not paths:
        raise ReadError(
            f"The folder '{path}' holds no file that can be read.",
            rule="missing_file",
            hint=f"Expected files such as {listing(['.csv', '.sav', '.dta', '.xlsx'])}.",
        )
    return [each for file in paths for each in _sheets(file, file.relative_to(path).as_posix())]


@opening_once()
def _sheets(path: Path, name: str) -> list[tuple[str, str, pd.DataFrame]]:
    frame = read_table(path)
    sheets = frame.attrs["sheets"]
    if len(sheets) < 2:
        return [(name, "", frame)]
    found = []
    for sheet in sheets:
        try:
            found.append((name, str(sheet), load(path, sheet=sheet).frame))
        except ReadError as error:
            if error.rule != "empty_sheet":
                raise
    return found


def _said_by_names(
    frames: list[tuple[str, str, pd.DataFrame]],
) -> dict[tuple[str, str], dict[str, Any]]:
    """Return file and sheet → its time or client, where names of sheets, or of files, say it."""
    alike: dict[str, dict[str, tuple[str, str]]] = {}
    columns: dict[str, dict[str, list[str]]] = {}
    for file, sheet, frame in frames:
        group, name = (file, sheet) if sheet else ("", Path(file).stem)
        alike.setdefault(group, {})[name] = (file, sheet)
        columns.setdefault(group, {})[name] = [str(each) for each in frame.columns]
    said: dict[tuple[str, str], dict[str, Any]] = {}
    for group, named in alike.items():
        for name, client in clients_in(columns[group]).items():
            said[named[name]] = {"constants": {"client_id": client}}
        said |= {named[name]: time for name, time in times_in(named).items()}
    return said


def _clients_as_one(
    frames: list[tuple[str, str, pd.DataFrame]], said: dict[tuple[str, str], dict[str, Any]]
) -> tuple[list[tuple[str, str, pd.DataFrame]], dict[tuple[str, str], dict[tuple[str, str], str]]]:
    """Return the tables, those of one client each joined, and for whom else the first stands.

    What a column holds is told from all of them: one wrong date does not make another kind of it.
    """
    groups: dict[str, list[tuple[str, str, pd.DataFrame]]] = {}
    for file, sheet, frame in frames:
        if "client_id" in said.get((file, sheet), {}).get("constants", {}):
            groups.setdefault(file if sheet else "", []).append((file, sheet, frame))
    joined: dict[tuple[str, str], pd.DataFrame] = {}
    copies: dict[tuple[str, str], dict[tuple[str, str], str]] = {}
    for (*first, frame), *others in groups.values():
        whole = pd.concat([frame, *(each[2] for each in others)], ignore_index=True)
        whole.attrs = frame.attrs
        joined[first[0], first[1]] = whole
        copies[first[0], first[1]] = {
            (file, sheet): _place(file, sheet) for file, sheet, _ in others
        }
    stood_for = {place for others in copies.values() for place in others}
    kept = [each for each in frames if each[:2] not in stood_for]
    return [(*each[:2], joined.get(each[:2], each[2])) for each in kept], copies


def _moved(
    source: dict[str, Any], place: tuple[str, str], said: dict[tuple[str, str], dict[str, Any]]
) -> dict[str, Any]:
    """Return a source as that of another file or sheet, whose name may say another client."""
    file, sheet = place
    moved = copy.deepcopy(source) | {"file": file} | ({"sheet": sheet} if sheet else {})
    if "client_id" in moved.get("constants", {}):
        moved["constants"] |= said[place]["constants"]
    return moved


def _place(file: str, sheet: str) -> str:
    return f"{file}, {sheet}" if sheet else file


def _said(value: Any) -> str:
    """Return in words which rows a value of ``where:`` takes."""
    several = isinstance(value, list)
    return "no instrument" if value is None else listing(value, 4) if several else str(value)


def _count_by_date(source: dict[str, Any], dates: str) -> None:
    """Say of a column that was taken for the sessions that it holds dates, which count them."""
    columns = source.get("columns") or {}
    if dates in (source.get("session"), columns.get("session")):
        columns.pop("session", None)
        source["session"] = {"date": dates}


def _of_one_kind(sorting: Sorting, kind: Kind) -> bool:
    """Say in a source which rows it takes; return whether it is of any use.

    Rows without measures are of clients or of sessions, if each has one; of events, the first of
    each client tells of the client.
    """
    source, where, frame = sorting.source, dict(kind.where), kind.frame
    if "client_id" not in source and "table" not in source:
        return False
    if kind.by_event == "session" and "occasion" in source:
        source["session"] = source.pop("occasion")
    recode = kind.recode
    if "measures" not in source and "table" not in source:
        client = source["client_id"]
        if kind.by_event == "occasion" and frame[client].duplicated().any():
            first = frame.drop_duplicates(client)[EVENT].unique().tolist()
            frame = frame[frame[EVENT].isin(first)].dropna(axis=1, how="all")
            where[EVENT] = first if len(first) > 1 else first[0]
            sorting.doubts.append(
                "no instrument was found; only the first event of each client is drafted, as what "
                f"is known of clients ({listing(first)})"
            )
            sorting.unplaced |= {
                name: "nothing says what it is, and its events are not drafted"
                for name in sorting.unplaced
                if name not in frame and not tool_of(name)
            }
        if not frame[client].duplicated().any():
            source.pop("session", None)
            source.pop("occasion", None)
            recode = {}
        elif "session" not in source or frame.duplicated([client, source["session"]]).any():
            return False
    arms = arms_of(where)
    if len(set(arms.values())) > 1 and "condition" not in source:
        source["condition"] = EVENT
        recode = {**recode, "condition": arms}
    if recode:
        source["recode"] = source.get("recode", {}) | recode
    along = [name for name in sorting.unplaced if tool_of(name) != "REDCap" and name in frame]
    source["carry"] = along or False
    rest = {key: source.pop(key) for key in list(source) if key not in ("file", "sheet")}
    source |= {"where": where} | rest
    return True


def _is_of_nobody(source: dict[str, Any]) -> bool:
    """Return whether nothing was found in a sheet, as in one that holds notes."""
    return not set(source) - {"file", "sheet"}

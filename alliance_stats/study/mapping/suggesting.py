"""`suggest_mapping`: a first ``study.yaml`` from the names and values of columns."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from ...errors import ColumnError, ReadError, listing
from ..reading import load, read_table
from ..reading.kinds import KINDS
from .families import guess_measures
from .names import ROLES, maybe_session, roles_of
from .tables_guess import guess_table
from .values import dates, whole_numbers
from .vocabulary import fields_of

_HEAD = (
    "# A first draft, made from the names and values of the columns.",
    "# Check each line before you rely on it.",
)


@dataclass(frozen=True, eq=False)
class MappingDraft(Mapping[str, Any]):
    """A draft of ``study.yaml``.

    It behaves like the mapping it holds (``draft["sources"]``); printing it shows the YAML.

    Attributes
    ----------
    mapping
        What ``study.yaml`` would hold, as plain values.
    unplaced
        Column → why it could not be placed (``file: column`` where several files were read).
    doubts
        What a person should check, a sentence each.
    """

    mapping: dict[str, Any]
    unplaced: dict[str, str] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()

    def __getitem__(self, key: str) -> Any:
        return self.mapping[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.mapping)

    def __len__(self) -> int:
        return len(self.mapping)

    def to_yaml(self) -> str:
        """Return the draft as the text of a ``study.yaml``, with comments on what is unsure."""
        lines = [*_HEAD, *(f"# Check: {' '.join(doubt.split())}" for doubt in self.doubts)]
        if self.unplaced:
            lines.append("# Not placed:")
            reasons: dict[str, list[str]] = {}
            for name, why in self.unplaced.items():
                reasons.setdefault(why, []).append(_one_line(name))
            lines += [f"#   {', '.join(names)}: {why}" for why, names in reasons.items()]
        body = yaml.dump(
            self.mapping, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100
        )
        return "\n".join(lines) + "\n" + body

    def __str__(self) -> str:
        return self.to_yaml()

    def __repr__(self) -> str:
        files = listing(source["file"] for source in self.mapping["sources"])
        return f"<MappingDraft of {files}: {len(self.unplaced)} columns not placed>"


class _Dumper(yaml.SafeDumper):
    """Writes a measure on one line, as people do."""


def _represent(dumper: yaml.SafeDumper, data: dict[str, Any]) -> yaml.Node:
    flow = "measure" in data or not any(isinstance(v, dict | list) for v in data.values())
    small = flow and "sources" not in data and "file" not in data
    return dumper.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=small)


def _represent_list(dumper: yaml.SafeDumper, data: list[Any]) -> yaml.Node:
    plain = not any(isinstance(value, dict | list) for value in data)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=plain)


_Dumper.add_representer(dict, _represent)
_Dumper.add_representer(list, _represent_list)


def suggest_mapping(frame_or_path: pd.DataFrame | str | os.PathLike[str]) -> MappingDraft:
    """Draft the ``study.yaml`` of a file, a folder of files, or a table in memory.

    Question answered: which of these columns is the client, the session, the items of which
    measure by whom - and which columns does nobody know what to do with?

    Clients, therapists, sessions, dates, sites and conditions are told from the names of
    columns; measures from names with numbers (``wai1`` ... ``wai12``), their number and the
    range of their values, which must fit the measure's card. Codes for missing that stand out
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
    from ...instruments import load_registry

    if isinstance(frame_or_path, pd.DataFrame):
        if not len(frame_or_path.columns):
            raise ColumnError("suggest_mapping needs a table with columns; this one has none.")
        file = str(frame_or_path.attrs.get("file") or "data.csv")
        frames = [(file, str(frame_or_path.attrs.get("sheet") or ""), frame_or_path)]
        name, registry = "my-study", load_registry()
    elif not isinstance(frame_or_path, str | os.PathLike):
        raise ColumnError(
            "suggest_mapping needs a table, or the path of a file or folder; a "
            f"{type(frame_or_path).__name__} came."
        )
    else:
        path = Path(frame_or_path)
        frames = _files(path)
        home = path if path.is_dir() else path.parent
        name = home.resolve().name or "my-study"
        registry = load_registry(home / "measures")
    sources: list[dict[str, Any]] = []
    unplaced: dict[str, str] = {}
    doubts: list[str] = []
    filled = [each for each in frames if len(each[2])] or frames
    doubts += [
        f"{file} has no rows yet and is left out"
        for file, _, frame in frames
        if len(filled) < len(frames) and not len(frame)
    ]
    for file, sheet, frame in filled:
        source, left, unsure = _source(file, sheet, frame, registry)
        where = f"{file}, {sheet}" if sheet else file
        if sheet and _is_of_nobody(source):
            doubts.append(f"{where}: no column names a client; the sheet is left out of the draft")
            continue
        prefix = f"{where}: " if len(filled) > 1 else ""
        sources.append(source)
        unplaced |= {f"{prefix}{column}": why for column, why in left.items()}
        doubts += [f"{prefix}{doubt}" for doubt in unsure]
    return MappingDraft({"name": name, "sources": sources}, unplaced, tuple(doubts))


def _files(path: Path) -> list[tuple[str, str, pd.DataFrame]]:
    if not path.is_dir():
        return _sheets(path, path.name)
    places = [path, path / "data"] if (path / "data").is_dir() else [path]
    found = (each for place in places for each in place.iterdir())
    paths = sorted(each for each in found if each.suffix.lower() in KINDS)
    if not paths:
        raise ReadError(
            f"The folder '{path}' holds no file that can be read.",
            rule="missing_file",
            hint=f"Expected files such as {listing(['.csv', '.sav', '.xlsx', '.parquet'])}.",
        )
    return [each for file in paths for each in _sheets(file, file.relative_to(path).as_posix())]


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


# -- one file ---------------------------------------------------------------------------------


def _source(
    file: str, sheet: str, frame: pd.DataFrame, registry: Any
) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """Return a source, the columns that were not placed, and the doubts."""
    frame = frame.rename(columns=str)
    names = [str(name) for name in frame.columns]
    source: dict[str, Any] = {"file": file} | ({"sheet": sheet} if sheet else {})
    roles, doubts = _roles(frame, names)
    left = [name for name in names if name not in roles.values()]
    table = guess_table(frame, left, roles)
    if table is not None:
        source |= {"table": table.table, "columns": _roles_for(table.table, roles) | table.columns}
        if table.recode:
            source["recode"] = table.recode
        placed = set(source["columns"].values())
        doubts += table.doubts
    else:
        guesses, why = guess_measures(frame, left, registry, by_session="session" in roles)
        source |= roles
        if guesses:
            source["measures"] = [guess.entry for guess in guesses]
            doubts += [
                f"{guess.entry['measure']} in {guess.columns[0]}: {guess.doubt}"
                for guess in guesses
                if guess.doubt
            ]
        codes = sorted({code for guess in guesses for code in guess.missing})
        if codes:
            source["missing"] = codes
            many = "codes" if len(codes) > 1 else "a code"
            doubts.append(f"{listing(codes)} looked like {many} for missing")
        placed = set(roles.values()) | {name for guess in guesses for name in guess.columns}
        unplaced = {name: why.get(name, _why(name)) for name in left if name not in placed}
        return source, unplaced, doubts
    return source, {name: _why(name) for name in names if name not in placed}, doubts


def _is_of_nobody(source: dict[str, Any]) -> bool:
    """Return whether nothing was found in a sheet, as in one that holds notes."""
    return not set(source) - {"file", "sheet"}


def _roles_for(table: str, roles: dict[str, str]) -> dict[str, str]:
    """Return the roles that are columns of a table."""
    return {role: name for role, name in roles.items() if role in fields_of(table)}


def _why(name: str) -> str:
    if maybe_session(name):
        return "may count sessions; if so, write session: " + _one_line(name)
    return "no known role or measure in its name; it comes along as it is"


def _roles(frame: pd.DataFrame, names: list[str]) -> tuple[dict[str, str], list[str]]:
    """Return our column → the file's, each column at most once, and what is unsure."""
    roles: dict[str, str] = {}
    doubts: list[str] = []
    for name in names:
        for role in roles_of(name):
            if role not in roles and name not in roles.values() and _holds(frame[name], role):
                roles[role] = name
    for name in names:
        countable = "session" not in roles and "occasion" not in roles and maybe_session(name)
        if countable and name not in roles.values() and _holds(frame[name], "session"):
            roles["session"] = name
            doubts.append(f"'{name}' is taken to count sessions")
    if "client_id" not in roles:
        doubts.append("no column was found that names the client; add client_id:")
    order = [role for role, _ in ROLES if role in roles]
    return {role: roles[role] for role in order}, doubts


def _holds(series: pd.Series, role: str) -> bool:
    """Return whether the values agree with the role a name suggests."""
    if not series.notna().any():
        return False
    if role == "session":
        values, bad = whole_numbers(series)
        return len(bad) <= 0.1 * len(values)
    if role == "date":
        _, bad, _ = dates(series)
        return series.dtype.kind not in "iufb" and len(bad) <= 0.1 * len(series)
    if role == "years_experience":
        return series.dtype.kind in "iuf"
    return True


def _one_line(text: str) -> str:
    return " ".join(str(text).split())[:80]

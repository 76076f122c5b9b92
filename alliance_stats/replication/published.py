"""A published table, typed in as YAML with every number as it is printed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ..core.resources import folder
from ..core.yaml_reading import read_yaml
from ..errors import ReadError, did_you_mean, listing
from .printed import Printed, parse_printed

KEYS = ("title", "source", "decimal", "note", "columns", "rows")
SOURCE_KEYS = ("citation", "doi", "url", "table", "page")
DECIMALS = ("point", "comma")


@dataclass(frozen=True)
class PublishedTable:
    """A table as printed; made by `read_published_table`.

    Attributes
    ----------
    title, note
        What the table is called, and what is printed below it.
    source
        ``citation``, ``doi``, ``url``, ``table`` (its number), ``page``; as far as given.
    columns
        Each printed column → the quantities its cells hold, in order.
    cells
        ``(row, quantity)`` → the printed number.
    """

    title: str
    source: dict[str, str]
    columns: dict[str, tuple[str, ...]]
    cells: dict[tuple[str, str], Printed]
    note: str = ""

    @property
    def rows(self) -> tuple[str, ...]:
        """The rows in the order of the table."""
        return tuple(dict.fromkeys(row for row, _ in self.cells))

    def to_frame(self) -> pd.DataFrame:
        """Return a row a printed number: ``row, column, printed, value, decimals, relation``."""
        return pd.DataFrame(
            [
                {
                    "row": row, "column": column, "printed": one.text, "value": float(one.value),
                    "decimals": max(0, -int(one.value.as_tuple().exponent)),
                    "relation": one.relation,
                }
                for (row, column), one in self.cells.items()
            ]
        )  # fmt: skip


def read_published_table(path: str | os.PathLike[str]) -> PublishedTable:
    """Read a published table that was typed in as YAML, keeping each number as it is printed.

    Parameters
    ----------
    path
        A file with ``title``, ``source`` (``citation``, ``doi`` or ``url``, ``table``, ``page``),
        ``columns``, ``rows`` and, if wanted, ``note`` and ``decimal`` (``point`` or ``comma``).
        ``columns`` is a list of names; or names each printed column with what its cells hold, as
        in ``n (%): [n, percent]``. ``rows`` holds for each row its cells by column. No cell needs
        quotes but one that begins with ``>``, ``[`` or ``*``, or holds ``: `` or `` #``.

    Returns
    -------
    PublishedTable

    Raises
    ------
    ReadError
        Where the file is no such table, or a cell cannot be read for certain: the message names
        row and column, and says why.

    Examples
    --------
    >>> import alliance_stats as al
    >>> table = al.read_published_table("demo-trial")
    >>> table.source["table"]
    'Table 2'
    >>> str(table.cells["Client, session 1", "M"].value)
    '3.85'
    """
    source = _located(path)
    content = _content(source)
    decimal = content.get("decimal", "point")
    if decimal not in DECIMALS:
        raise _wrong(source, f"'decimal' must be {' or '.join(DECIMALS)}, not {decimal!r}.")
    columns = _columns(content["columns"], source)
    cells: dict[tuple[str, str], Printed] = {}
    for row, given in _mapping(content["rows"], "rows", source).items():
        for column, cell in _mapping(given, f"the row '{row}'", source).items():
            if column not in columns:
                raise _wrong(
                    source,
                    f"The row '{row}' names a column '{column}', which is not among the columns "
                    f"{listing(columns, 12)}.{did_you_mean(column, columns)} A number with a "
                    "comma, in {...}, must stand in quotes.",
                )
            names = columns[column]
            for name, number in zip(
                names, _numbers(cell, names, decimal, row, column, source), strict=False
            ):
                cells[row, name] = number
    if not cells:
        raise _wrong(source, "No row holds a number.")
    return PublishedTable(
        title=_text(content, "title"), source=_source(content.get("source", ""), source),
        columns=columns, cells=cells, note=_text(content, "note"),
    )  # fmt: skip


def _located(path: str | os.PathLike[str]) -> Path:
    """Return the file; the name of a shipped study stands for the example beside its data."""
    given = Path(path)
    if not given.exists() and given.name == str(path):
        shipped = folder("datasets") / given.name / "published-table.yaml"
        if shipped.is_file():
            return shipped
    if not given.is_file():
        raise ReadError(f"There is no published table '{path}'; give the path of a YAML file.")
    return given


def _content(source: Path) -> dict[str, Any]:
    """Return the file with every value as text; YAML's own reading would drop decimals."""
    try:
        tree = read_yaml(source, as_text=True)
    except ReadError as error:
        raise _wrong(
            source,
            f"{error.message} A cell that begins with >, [ or *, or holds a colon, must stand in "
            "quotes.",
        ) from None
    if tree.repeated:
        raise _wrong(source, f"'{tree.repeated[0][0][-1]}' stands twice in one place.")
    content = _mapping(tree.value, "the file", source)
    _only(content, KEYS, "It", source)
    missing = [key for key in ("columns", "rows") if key not in content]
    if missing:
        raise _wrong(source, f"It lacks {listing(missing)}.")
    return content


def _wrong(source: Path, message: str) -> ReadError:
    return ReadError(f"The published table '{source.name}': {message}")


def _mapping(given: Any, what: str, source: Path) -> dict[str, Any]:
    if not isinstance(given, dict) or not given:
        raise _wrong(source, f"Under {what}, names with values were expected, not {given!r}.")
    return given


def _only(given: Mapping[str, Any], known: tuple[str, ...], what: str, source: Path) -> None:
    """Refuse a key that nobody knows."""
    for key in given:
        if key not in known:
            near = did_you_mean(key, known)
            raise _wrong(source, f"{what} has a key '{key}'; known are {listing(known, 9)}.{near}")


def _text(content: Mapping[str, Any], key: str) -> str:
    value = content.get(key, "")
    return " ".join(value.split()) if isinstance(value, str) else str(value)


def _source(given: Any, path: Path) -> dict[str, str]:
    if isinstance(given, str):
        return {"citation": given} if given else {}
    _only(_mapping(given, "source", path), SOURCE_KEYS, "The source", path)
    return {key: _text(given, key) for key in given}


def _columns(given: Any, source: Path) -> dict[str, tuple[str, ...]]:
    if isinstance(given, list):
        given = {str(name): str(name) for name in given}
    columns = {
        name: (held,) if isinstance(held, str) else tuple(map(str, held))
        for name, held in _mapping(given, "columns", source).items()
    }
    quantities = [name for held in columns.values() for name in held]
    twice = [name for name in quantities if quantities.count(name) > 1]
    if twice:
        raise _wrong(source, f"Two columns hold '{twice[0]}'; give each quantity its own name.")
    return columns


def _numbers(
    cell: Any, names: tuple[str, ...], decimal: str, row: str, column: str, source: Path
) -> tuple[Printed, ...]:
    """Return a cell's numbers, as many as its column holds; none where nothing is printed."""
    where = f"Row '{row}', column '{column}'"
    text = f"[{', '.join(cell)}]" if isinstance(cell, list) else cell
    if not isinstance(text, str):
        raise _wrong(source, f"{where} holds {cell!r}, not a text. Put it in quotes.")
    try:
        found = parse_printed(text, decimal=decimal)
    except ValueError as error:
        raise _wrong(source, f"{where} holds '{text}', which cannot be read: {error}.") from None
    if found and len(found) != len(names):
        held = "1 number" if len(found) == 1 else f"{len(found)} numbers"
        raise _wrong(
            source,
            f"{where} holds {held} ('{text}'), the column {len(names)} ({listing(names)}). Say "
            f"under columns what its cells hold, as in {column}: [first, second].",
        )
    return found

"""Tables of published numbers: read with care, the rows of a claim picked out, fingerprinted.

A table that cannot be read makes the claims that rest on it fail with a reason; a cell that makes
no sense does so only for the claims that rest on its row.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from ..core import resources
from ..errors import ColumnError, DesignError, listing

NUMBERS = ("estimate", "se", "ci_low", "ci_high", "k", "n", "events")
# Words that change what a number means; label, where and note may be mended freely.
MEANING = ("year", "doi", "kind", "measured", "definition", "denominator", "metric")
REQUIRED = ("study_id", "claim", "label", *MEANING, *NUMBERS, "where", "note", "verified")
READ = {"full text": "full text", "abstract": "abstract", "columns": "data set"}
"""How a row was read in its own source: what ``where`` begins with, and the word for it."""
UNREAD = {"secondary source": "second hand", "not read": "not read", "not found": "not found"}
_TRUTH = {"true": True, "false": False}


def published_folder(folder: str | Path | None = None) -> Path:
    """Return the folder with the ledger and its tables."""
    return resources.folder("datasets") / "published" if folder is None else Path(folder)


def _content(name: str, folder: str | Path | None) -> bytes:
    path = published_folder(folder) / f"{name}.csv"
    if not path.is_file():
        raise DesignError(f"There is no table of published numbers '{name}' ({path}).")
    return path.read_bytes()


@lru_cache(maxsize=32)
def _cells(name: str, content: bytes) -> pd.DataFrame:
    """Return one table as the text it is, blank cells missing, every row as long as the header."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DesignError(
            f"Table '{name}' is not UTF-8 text (byte {error.start}); save it as CSV in UTF-8."
        ) from None
    if "\0" in text:
        raise DesignError(f"Table '{name}' holds NUL bytes; save it as CSV in UTF-8.")
    try:
        header, *rows = [row for row in csv.reader(io.StringIO(text), strict=True) if row]
    except (csv.Error, ValueError) as error:
        raise DesignError(f"Table '{name}' is empty or no CSV ({error}).") from None
    missing = [column for column in REQUIRED if column not in header]
    if missing:
        raise ColumnError(
            f"Table '{name}' lacks the columns {listing(missing)}; it has {listing(header)} "
            "(columns are separated by commas)."
        )
    for at, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise DesignError(
                f"Table '{name}', row {at} ({row[0]}): {len(row)} cells under {len(header)} "
                "columns."
            )
    cells = pd.DataFrame(rows, columns=header, dtype=str)
    return cells.mask(cells.apply(lambda column: column.str.strip() == ""))


def read_published(name: str, folder: str | Path | None = None) -> pd.DataFrame:
    """Return one table of published numbers, with numbers as numbers."""
    return as_numbers(_cells(name, _content(name, folder)), name)


def as_numbers(cells: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows with numbers as numbers, ``verified`` as true or false, and ``read_in``.

    ``read_in`` is the word for how ``where`` begins (``abstract``, ``second hand``, ...), or
    ``elsewhere``; a row that says it was read second hand cannot be verified.
    """
    table = cells.copy()
    for column in (*NUMBERS, "year"):
        numbers = pd.to_numeric(table[column], errors="coerce").astype(float)
        odd = table.index[table[column].notna() & ~np.isfinite(numbers)]
        if len(odd):
            raise DesignError(
                f"Table '{name}', column '{column}', {table.loc[odd[0], 'study_id']}: "
                f"{table.loc[odd[0], column]!r} is not a number."
            )
        table[column] = numbers
    verified = table["verified"].str.strip().str.lower().map(_TRUTH)
    if verified.isna().any():
        odd = table.index[verified.isna()]
        raise DesignError(
            f"Table '{name}', column 'verified', {table.loc[odd[0], 'study_id']}: expected True or "
            f"False, not {table.loc[odd[0], 'verified']!r}."
        )
    words = {**READ, **UNREAD}
    begins = table["where"].str.extract(f"^({'|'.join(words)})", expand=False)
    read_in = begins.map(words).fillna("elsewhere")
    for odd in table.index[verified.astype(bool) & read_in.isin(UNREAD.values())]:
        raise DesignError(
            f"Table '{name}', {table.loc[odd, 'study_id']}: 'verified' is true, but 'where' says "
            f"{read_in[odd]}; a row is verified where somebody read it in its own source."
        )
    return table.assign(verified=verified.astype(bool), read_in=read_in)


def pick_rows(
    name: str, wanted: Mapping[str, list[str]], folder: str | Path | None = None
) -> pd.DataFrame:
    """Return the rows of a table whose columns hold what is wanted, sorted by study.

    Studies that are named must be there; otherwise a row belongs to the claim because of what it
    is, so that a new row enters the claim by itself.
    """
    key = tuple((str(column), tuple(map(str, values))) for column, values in wanted.items())
    return _picked(name, _content(name, folder), key).copy()


@lru_cache(maxsize=128)
def _picked(
    name: str, content: bytes, wanted: tuple[tuple[str, tuple[str, ...]], ...]
) -> pd.DataFrame:
    """Do the picking, once for the numbers that rest on the same rows of the same file."""
    cells = _cells(name, content)
    for column, allowed in wanted:
        if column not in cells:
            raise ColumnError(f"Table '{name}' has no column '{column}' to pick rows by.")
        cells = cells[cells[column].isin(allowed)]
    absent = sorted(set(dict(wanted).get("study_id", ())) - set(cells["study_id"]))
    if absent:
        raise DesignError(f"It rests on {listing(absent)}, which table '{name}' does not have.")
    if cells.empty:
        raise DesignError(f"Table '{name}' has no such row.")
    twice = cells.loc[cells["study_id"].duplicated(), "study_id"]
    if len(twice):
        raise DesignError(f"Table '{name}' has {listing(twice)} more than once.")
    return as_numbers(cells, name).sort_values("study_id").assign(table=name)


def rows_digest(rows: pd.DataFrame) -> str:
    """Return a short fingerprint of the rows: their numbers and what the numbers mean.

    The order of rows and columns does not enter it.
    """
    columns = [rows[name].astype(str).tolist() for name in ("table", "study_id", "verified")]
    for name in (*NUMBERS, *MEANING):
        form = "{:.10g}".format if name in NUMBERS else lambda cell: str(cell).strip()
        columns.append(["" if pd.isna(cell) else form(cell) for cell in rows[name].tolist()])
    lines = ["|".join(line) for line in sorted(zip(*columns, strict=True), key=lambda one: one[:2])]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]

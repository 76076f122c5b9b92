"""Whatever layout ratings come in, the same arrays go out.

`Answers` holds runs of answers that stand together and belong to one unit: codes for who a run
belongs to, and for each answer the item and the value. Long tables and tables with item columns
both become `Answers`; scoring knows nothing of layouts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..core.arguments import truth_in
from ..errors import ColumnError, MeasureError, listing, require_columns
from .registry import Registry

Codes = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Key:
    """One identifying column as whole numbers, and what each number stands for."""

    codes: Codes
    labels: pd.Index


@dataclass(frozen=True)
class Answers:
    """Answers, those that stand together and are of one unit as a run.

    Attributes
    ----------
    keys
        The identifying columns, a code a run: those of the unit (``client_id, session``), then
        ``rater`` and ``measure``, in this order. The labels of ``measure`` are ids of the registry.
    start
        Where each run begins.
    item, value
        The item number and the answer; NaN where there is none or it is no number.
    not_numbers
        Positions of cells that hold something other than a number → the text in them.
    notes
        Sentences on what was assumed.
    """

    keys: dict[str, Key]
    start: Codes
    item: Codes
    value: NDArray[np.float64]
    not_numbers: dict[int, str]
    notes: tuple[str, ...] = ()

    @property
    def length(self) -> Codes:
        """How many answers each run has."""
        return np.diff(self.start, append=len(self.item))

    def run_of(self, rows: Codes) -> Codes:
        """Return the run of each of some answers."""
        return np.searchsorted(self.start, rows, side="right") - 1


def unit_columns(frame: pd.DataFrame, by: str | Sequence[str] | None) -> list[str]:
    """Return the columns that name a client's session: as given, else those of the tables."""
    if by is not None:
        wanted = [by] if isinstance(by, str) else list(by)
        require_columns(frame.columns, wanted, what="the ratings")
        return wanted
    require_columns(frame.columns, ["client_id"], what="the ratings")
    when = next((name for name in ("session", "occasion") if name in frame.columns), None)
    if when is None:
        raise ColumnError(
            "The ratings must have the column session (or occasion) beside client_id; the columns "
            f"are {listing(frame.columns, 12)}. Name the identifying columns with by=[...]."
        )
    return ["client_id", when]


def from_long(
    frame: pd.DataFrame, by: Sequence[str], *, measure: str | None, rater: str, registry: Registry
) -> Answers:
    """Return the answers of a table with one row an item."""
    notes: list[str] = []
    names = [*by, *(name for name in ("rater", "measure") if name in frame.columns)]
    start = _starts([_plain(frame[name], name) for name in dict.fromkeys(names)], len(frame))
    keys = {name: key_of(frame[name].iloc[start]) for name in by}
    if "rater" in frame.columns:
        keys["rater"] = key_of(frame["rater"].iloc[start])
    else:
        keys["rater"] = constant(rater, len(start))
        notes.append(f"The ratings name no rater; '{rater}' was taken.")
    if "measure" in frame.columns:
        keys["measure"] = canonical(key_of(frame["measure"].iloc[start]), registry)
    elif measure is not None:
        keys["measure"] = constant(measure, len(start))
    else:
        raise ColumnError(
            "The ratings name no measure: give the column 'measure', or say measure='wai-sr'."
        )
    value, not_numbers = numbers(frame["value"])
    item = item_numbers(frame["item"])
    return Answers(keys, start, item, value, not_numbers, tuple(notes))


def from_wide(
    frame: pd.DataFrame,
    by: Sequence[str],
    families: Mapping[str, Mapping[int, Any]],
    *,
    rater: str,
    registry: Registry,
) -> Answers:
    """Return the answers of a table with one row a client's session and a column an item."""
    notes: tuple[str, ...] = ()
    unit = {name: key_of(_whole(frame[name], name)) for name in by}
    if "rater" in frame.columns:
        unit["rater"] = key_of(_whole(frame["rater"], "rater"))
    else:
        unit["rater"] = constant(rater, len(frame))
        notes = (f"The ratings name no rater; '{rater}' was taken.",)
    labels = pd.Index([registry.find(name).name for name in families])
    keys = {name: Key(np.tile(key.codes, len(families)), key.labels) for name, key in unit.items()}
    keys["measure"] = Key(np.repeat(np.arange(len(families)), len(frame)), labels)
    values, items, starts, at = [], [], [], 0
    odd: dict[int, str] = {}
    for columns in families.values():
        value, texts = _wide_values(frame, columns)
        odd |= {at + place: text for place, text in texts.items()}
        starts.append(at + np.arange(len(frame)) * len(columns))
        numbered = np.fromiter(columns, dtype=np.int64, count=len(columns))
        items.append(np.tile(numbered, len(frame)))
        values.append(value)
        at += len(value)
    start, item = np.concatenate(starts), np.concatenate(items)
    return Answers(keys, start, item, np.concatenate(values), odd, notes)


def _wide_values(
    frame: pd.DataFrame, columns: Mapping[int, Any]
) -> tuple[NDArray[np.float64], dict[int, str]]:
    n_items = len(columns)
    value = np.empty((len(frame), n_items))
    odd: dict[int, str] = {}
    for position, column in enumerate(columns.values()):
        value[:, position], texts = numbers(frame[column])
        odd |= {row * n_items + position: text for row, text in texts.items()}
    return value.reshape(-1), odd


def _plain(column: pd.Series, name: str) -> Codes:
    """Return a column as whole numbers that differ where its values do; none may be empty."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iu":
        return column.to_numpy()
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.cat.codes.to_numpy()
    else:
        codes = pd.factorize(column, sort=False)[0]
    if codes.min(initial=0) < 0:
        rows = np.flatnonzero(codes < 0)
        raise ColumnError(
            f"The column '{name}' of the ratings is empty in {len(rows)} rows (first at position "
            f"{listing(rows + 1)}); every answer must say whose it is."
        )
    return codes


def _whole(column: pd.Series, name: str) -> pd.Series:
    """Return a column in which no cell is empty."""
    _plain(column, name)
    return column


def _starts(keys: list[Codes], n: int) -> Codes:
    """Return where a run of equal keys begins."""
    new = np.zeros(n, dtype=bool)
    new[:1] = True
    for key in keys:
        new[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(new)


def key_of(column: pd.Series) -> Key:
    """Return a column as codes; sessions in their order, other labels as they first appear."""
    codes, labels = pd.factorize(column, sort=False)
    key = Key(codes, pd.Index(labels))
    return _in_order(key) if pd.api.types.is_numeric_dtype(key.labels.dtype) else key


def _in_order(key: Key) -> Key:
    order = np.argsort(key.labels.to_numpy(), kind="stable")
    if (order == np.arange(len(order))).all():
        return key
    rank = np.empty(len(order), dtype=key.codes.dtype)
    rank[order] = np.arange(len(order))
    return Key(rank[key.codes], key.labels.take(order))


def canonical(key: Key, registry: Registry) -> Key:
    """Return the key with every spelling of a measure replaced by its id."""
    ids = [registry.find(label).name for label in key.labels]
    codes, labels = pd.factorize(np.array(ids, dtype=object))
    alone = len(labels) == len(key.labels)  # no two spellings of one
    return Key(key.codes if alone else codes[key.codes], pd.Index(labels))


def constant(label: str, n_rows: int) -> Key:
    """Return a key that is the same in every row."""
    return Key(np.zeros(n_rows, dtype=np.int32), pd.Index([label]))


def item_numbers(column: pd.Series) -> Codes:
    """Return item numbers as whole numbers; anything else is refused."""
    if pd.api.types.is_integer_dtype(column.dtype) and not column.hasnans:
        return column.to_numpy(dtype=np.int64)
    as_numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    odd = ~(np.floor(as_numbers) == as_numbers) | ~(np.abs(as_numbers) < _NO_ITEM)
    if odd.any():
        found = pd.unique(column.astype(object).to_numpy()[odd])
        raise MeasureError(
            f"The column 'item' must hold item numbers (1, 2, 3, ...); in {int(odd.sum())} rows it "
            f"holds {listing(found)}."
        )
    return as_numbers.astype(np.int64)


_NO_ITEM = 2**31
"""No form has an item of such a number, and a larger one is no whole number any more."""


def numbers(column: pd.Series) -> tuple[NDArray[np.float64], dict[int, str]]:
    """Return a column as floats, and the cells that hold something else (position → text)."""
    if not pd.api.types.is_any_real_numeric_dtype(column.dtype):
        cells = column.astype(object)
        truth = truth_in(cells)
        if truth.any():  # true is no answer 1
            cells = cells.mask(truth, cells.astype(str))
        if pd.api.types.is_complex_dtype(column.dtype):
            cells = cells.astype(str)
        value = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        odd = np.flatnonzero(np.isnan(value) & column.notna().to_numpy())
        texts = cells.to_numpy()
        return value, {int(row): str(texts[row]) for row in odd if str(texts[row]).strip()}
    return column.to_numpy(dtype=float, na_value=np.nan), {}

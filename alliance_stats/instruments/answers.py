"""Whatever layout ratings come in, the same arrays go out.

`Answers` holds one row an answer: codes for who it belongs to, the item and the value. Long
tables and tables with item columns both become `Answers`; scoring knows nothing of layouts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import ColumnError, MeasureError, listing, require_columns
from .registry import Registry

Codes = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Key:
    """One identifying column as whole numbers, and what each number stands for."""

    codes: Codes
    labels: pd.Index

    def repeat(self, times: int) -> Key:
        """Return the key with each row repeated."""
        return Key(np.repeat(self.codes, times), self.labels)


@dataclass(frozen=True)
class Answers:
    """One row an answer.

    Attributes
    ----------
    keys
        The identifying columns: those of the unit (``client_id, session``), then ``rater`` and
        ``measure``, in this order. The labels of ``measure`` are ids of the registry.
    item, value
        The item number and the answer; NaN where there is none or it is no number.
    not_numbers
        Positions of cells that hold something other than a number → the text in them.
    notes
        Sentences on what was assumed.
    """

    keys: dict[str, Key]
    item: Codes
    value: NDArray[np.float64]
    not_numbers: dict[int, str]
    notes: tuple[str, ...] = ()


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
    keys = {name: key_of(frame[name], name) for name in by}
    if "rater" in frame.columns:
        keys["rater"] = key_of(frame["rater"], "rater")
    else:
        keys["rater"] = constant(rater, len(frame))
        notes.append(f"The ratings name no rater; '{rater}' was taken.")
    if "measure" in frame.columns:
        keys["measure"] = canonical(key_of(frame["measure"], "measure"), registry)
    elif measure is not None:
        keys["measure"] = constant(measure, len(frame))
    else:
        raise ColumnError(
            "The ratings name no measure: give the column 'measure', or say measure='wai-sr'."
        )
    value, not_numbers = numbers(frame["value"])
    return Answers(keys, item_numbers(frame["item"]), value, not_numbers, tuple(notes))


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
    unit = {name: key_of(frame[name], name) for name in by}
    if "rater" in frame.columns:
        unit["rater"] = key_of(frame["rater"], "rater")
    else:
        unit["rater"] = constant(rater, len(frame))
        notes = (f"The ratings name no rater; '{rater}' was taken.",)
    blocks = [_wide_block(frame, unit, columns) for columns in families.values()]
    labels = pd.Index([registry.find(name).name for name in families])
    sizes = [len(block.item) for block in blocks]
    keys = {
        name: Key(np.concatenate([b.keys[name].codes for b in blocks]), unit[name].labels)
        for name in unit
    }
    keys["measure"] = Key(np.repeat(np.arange(len(blocks)), sizes), labels)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    odd = {
        int(start) + place: text
        for start, block in zip(starts, blocks, strict=True)
        for place, text in block.not_numbers.items()
    }
    item = np.concatenate([block.item for block in blocks])
    return Answers(keys, item, np.concatenate([block.value for block in blocks]), odd, notes)


def _wide_block(
    frame: pd.DataFrame, unit: Mapping[str, Key], columns: Mapping[int, Any]
) -> Answers:
    n_rows, n_items = len(frame), len(columns)
    value = np.empty((n_rows, n_items))
    odd: dict[int, str] = {}
    for position, column in enumerate(columns.values()):
        value[:, position], texts = numbers(frame[column])
        odd |= {row * n_items + position: text for row, text in texts.items()}
    keys = {name: key.repeat(n_items) for name, key in unit.items()}
    item = np.tile(np.fromiter(columns, dtype=np.int64, count=n_items), n_rows)
    return Answers(keys, item, value.reshape(-1), odd)


def key_of(column: pd.Series, name: str) -> Key:
    """Return a column as codes; sessions in their order, other labels as they first appear."""
    codes, labels = _factorized(column)
    if (codes < 0).any():
        rows = np.flatnonzero(codes < 0)
        raise ColumnError(
            f"The column '{name}' of the ratings is empty in {len(rows)} rows (first at position "
            f"{listing(rows + 1)}); every answer must say whose it is."
        )
    key = Key(codes, pd.Index(labels))
    return _in_order(key) if pd.api.types.is_numeric_dtype(key.labels.dtype) else key


def _factorized(column: pd.Series) -> tuple[Codes, Any]:
    """Return codes and labels as they first appear, looking up each run of one value once."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        plain = column.cat.codes.to_numpy()
    elif isinstance(column.dtype, np.dtype) and column.dtype.kind in "iu":
        plain = column.to_numpy()
    else:
        return pd.factorize(column, sort=False)
    first = np.flatnonzero(np.concatenate([[True], plain[1:] != plain[:-1]])[: len(plain)])
    codes, labels = pd.factorize(column.iloc[first], sort=False)
    codes = codes.astype(np.int32)  # as many labels as there are runs at most
    return np.repeat(codes, np.diff(first, append=len(plain))), labels


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
        truth = cells.map(lambda cell: isinstance(cell, bool | np.bool_)).to_numpy(dtype=bool)
        if truth.any():  # true is no answer 1
            cells = cells.mask(truth, cells.astype(str))
        if pd.api.types.is_complex_dtype(column.dtype):
            cells = cells.astype(str)
        value = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        odd = np.flatnonzero(np.isnan(value) & column.notna().to_numpy())
        texts = cells.to_numpy()
        return value, {int(row): str(texts[row]) for row in odd if str(texts[row]).strip()}
    return column.to_numpy(dtype=float, na_value=np.nan), {}

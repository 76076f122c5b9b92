"""From parts of a formula to columns of numbers.

Sums of products of numeric columns are multiplied here; categories, functions and everything
else go to formulaic. Both give the same columns under the same names, and both can be applied
to new data.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from ..errors import ColumnError, DesignError, listing
from .batches import Array
from .formula import Formula, Part
from .tokens import fail

INTERCEPT = "Intercept"
NUMBERS_AS_TEXT = 20  # more text categories than this that all read as numbers are a mistake


@dataclass
class Table:
    """A data frame whose numeric columns are turned into floats once."""

    frame: pd.DataFrame
    known: dict[str, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frame)

    def is_number(self, name: str) -> bool:
        """Say whether a column holds numbers (or true and false)."""
        return name in self.known or types.is_numeric_dtype(self.frame[name].dtype)

    def numbers(self, name: str) -> Array:
        """Return a numeric column as floats, missing values as NaN."""
        if name not in self.known:
            column = self.frame[name]
            if types.is_extension_array_dtype(column.dtype):
                values = column.to_numpy(dtype=float, na_value=np.nan)
            else:
                values = column.to_numpy(dtype=float)
            # A copy: a fit must not change when its data frame is written to later.
            self.known[name] = np.array(values)
        return self.known[name]

    def missing(self, name: str) -> NDArray[np.bool_] | None:
        """Return a mask of missing values, or None where there are none."""
        if self.is_number(name):
            values = self.numbers(name)
            # A sum is finite only where all are: one pass instead of a mask and a count.
            if np.isfinite(values.sum()):
                return None
            mask = np.isnan(values)
        else:
            mask = self.frame[name].isna().to_numpy()
        return mask if mask.any() else None


@dataclass(frozen=True)
class Columns:
    """Columns of a model matrix, and how to make them again from new data."""

    names: tuple[str, ...]
    arrays: tuple[Array, ...]
    rebuild: Callable[[Table], tuple[Array, ...]]

    def named_arrays(self) -> Iterator[tuple[str, Array]]:
        """Go through the columns with their names."""
        return zip(self.names, self.arrays, strict=True)


def build(part: Part | None, table: Table) -> Columns:
    """Make the columns a part of the formula asks for.

    Raises
    ------
    FormulaError
        Where formulaic cannot evaluate the part, with the place marked.
    DesignError
        Where a transformation gives infinite or missing values.
    """
    simple = (True, ()) if part is None else part.simple_terms()
    if simple is not None and all(table.is_number(n) for term in simple[1] for n in term):
        return _products(*simple, table)
    assert part is not None
    return _library_columns(part, table)


def _products(intercept: bool, terms: tuple[tuple[str, ...], ...], table: Table) -> Columns:
    names = tuple([INTERCEPT] * intercept + [":".join(term) for term in terms])

    def rebuild(new: Table) -> tuple[Array, ...]:
        arrays = [np.ones(len(new))] if intercept else []
        for term in terms:
            product = _numbers(new, term[0])
            for name in term[1:]:
                product = product * _numbers(new, name)
            arrays.append(product)
        return tuple(arrays)

    return Columns(names, rebuild(table), rebuild)


def _numbers(table: Table, name: str) -> Array:
    if name not in table.frame.columns:
        raise ColumnError(f"The new data lack the column '{name}', which the model uses.")
    if not table.is_number(name):
        raise ColumnError(f"The column '{name}' held numbers when the model was fitted.")
    return table.numbers(name)


def _why_not(error: Exception, text: str) -> str:
    """Put in words why the formula library could not evaluate a part."""
    reason = str(error).strip().splitlines()[-1]
    unknown = re.search(r"name '(\w+)' is not defined", reason)
    if not unknown:
        return f"This part cannot be evaluated: {reason}"
    name = unknown[1]
    hint = ""
    if name == "offset":
        hint = " Subtract the offset from the outcome instead, in a column of its own."
    return (
        f"'{name}' in '{text}' is no function that formulas know here; use np.{name} where NumPy "
        f"has it, or make a column of the data first.{hint}"
    )


def _library_columns(part: Part, table: Table) -> Columns:
    import formulaic
    from formulaic.errors import DataMismatchWarning, FormulaicError

    _check_categories(part, table)
    frame = _without_unused(_without_bools(table.frame[list(part.columns)]))
    try:
        with np.errstate(all="ignore"):  # what becomes infinite is refused by name later
            matrix = formulaic.model_matrix(
                part.text, frame, context={"np": np}, na_action="ignore", output="pandas"
            )
    except (FormulaicError, NameError, TypeError, ValueError, SyntaxError, KeyError) as error:
        fail(_why_not(error, part.text), part.source, part.start, part.end)
    spec = matrix.model_spec
    levels = {
        name: set(pd.unique(frame[name].dropna()))
        for name in part.columns
        if not table.is_number(name)
    }

    def rebuild(new: Table) -> tuple[Array, ...]:
        lacking = [name for name in part.columns if name not in new.frame.columns]
        if lacking:
            raise ColumnError(f"The new data lack the column '{lacking[0]}', which the model uses.")
        for name, seen in levels.items():
            unseen = sorted(map(str, set(pd.unique(new.frame[name].dropna())) - seen))
            if unseen:
                raise DesignError(
                    f"The column '{name}' has categories the model was not fitted on: "
                    f"{listing(unseen)}. It knows {listing(sorted(map(str, seen)), 12)}."
                )
        plain = _without_unused(_without_bools(new.frame[list(part.columns)]))
        with warnings.catch_warnings():
            warnings.simplefilter("error", DataMismatchWarning)
            try:
                return _arrays(spec.get_model_matrix(plain, na_action="ignore"))
            except DataMismatchWarning as unseen:
                raise DesignError(
                    f"'{part.text}' meets categories the model was not fitted on: {unseen}"
                ) from None

    return Columns(tuple(map(str, matrix.columns)), _arrays(matrix), rebuild)


def _arrays(matrix: Any) -> tuple[Array, ...]:
    return tuple(
        np.ascontiguousarray(matrix.iloc[:, i].to_numpy(dtype=float))
        for i in range(matrix.shape[1])
    )


def _without_bools(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn true and false into 1 and 0, and nullable numbers into floats."""
    changes = {}
    for name in frame.columns:
        dtype = frame[name].dtype
        if types.is_bool_dtype(dtype) or (
            types.is_extension_array_dtype(dtype) and types.is_numeric_dtype(dtype)
        ):
            changes[name] = frame[name].astype(float)
    return frame.assign(**changes)


def _without_unused(frame: pd.DataFrame) -> pd.DataFrame:
    """Take categories without a row off, as lme4 does: none of them can be the reference."""
    changes = {
        name: frame[name].cat.remove_unused_categories()
        for name in frame.columns
        if isinstance(frame[name].dtype, pd.CategoricalDtype)
    }
    return frame.assign(**changes)


def _check_categories(part: Part, table: Table) -> None:
    for name in part.columns:
        column = table.frame[name]
        if types.is_datetime64_any_dtype(column.dtype):
            raise ColumnError(
                f"The column '{name}' holds dates; a model needs numbers, such as days since the "
                "first session."
            )
        if table.is_number(name) or isinstance(column.dtype, pd.CategoricalDtype):
            continue
        texts = pd.Series(pd.unique(column.dropna()))
        as_numbers = pd.to_numeric(texts, errors="coerce")
        if len(texts) > NUMBERS_AS_TEXT and as_numbers.notna().all():
            raise ColumnError(
                f"The column '{name}' holds {len(texts)} different numbers as text and would "
                f"become {len(texts) - 1} categories; make it numeric first (pandas.to_numeric)."
            )


def response(formula: Formula, table: Table) -> tuple[str, Array]:
    """Return the outcome's name and values.

    Raises
    ------
    ColumnError
        Where the outcome is not one column of numbers.
    """
    part = formula.response
    if len(part.tokens) == 1 and not table.is_number(part.columns[0]):
        raise ColumnError(
            f"The outcome '{part.columns[0]}' must hold numbers, but it is of type "
            f"{table.frame[part.columns[0]].dtype}."
        )
    if len(part.tokens) == 1:
        return part.columns[0], table.numbers(part.columns[0])
    columns = _library_columns(part, table)
    kept = [i for i, name in enumerate(columns.names) if name != INTERCEPT]
    if len(kept) != 1:
        fail("The outcome must be one column.", part.source, part.start, part.end)
    return columns.names[kept[0]], columns.arrays[kept[0]]


def complete_rows(
    formula: Formula, frame: pd.DataFrame
) -> tuple[Table, NDArray[np.bool_] | None, dict[str, int]]:
    """Set rows with missing values aside.

    Returns
    -------
    table, keep, missing
        The complete rows; the mask that chose them (None where all are complete); how many
        values each variable lacks.
    """
    table = Table(frame)
    counts: dict[str, int] = {}
    dropped: NDArray[np.bool_] | None = None
    for name in formula.columns:
        missing = table.missing(name)
        if missing is not None:
            counts[name] = int(missing.sum())
            dropped = missing if dropped is None else dropped | missing
    if dropped is None:
        return table, None, counts
    return Table(frame.loc[~dropped]), ~dropped, counts

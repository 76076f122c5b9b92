"""One factor of a term as columns: numbers of an expression, or categories.

What a factor learns from the rows fitted (a mean, knots, the categories) is kept, so that new
rows are treated alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from pandas.api import types

from ...errors import AllianceStatsError, ColumnError, DesignError, FormulaError, listing
from ..engine.batches import Array
from .coding import Contrast, position
from .functions import FORMULA_FUNCTIONS
from .syntax import constant
from .table import Table
from .tokens import fail, marked
from .tree import Call, Chain, Name, Node, Number, Text

NUMBERS_AS_TEXT = 20  # more text categories than this that all read as numbers are a mistake

Again = Callable[[Table], Array]
_SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "**": np.power,
    "==": np.equal, "!=": np.not_equal, "<": np.less, ">": np.greater, "<=": np.less_equal,
    ">=": np.greater_equal,
}  # fmt: skip


@dataclass(frozen=True)
class Numbers:
    """Numeric columns of a factor: a name each, and how to make them (rows by columns)."""

    names: tuple[str, ...]
    values: Array
    again: Again

    def columns(self, full: bool) -> tuple[str, ...]:
        """Return the columns' names."""
        return self.names

    def matrix(self, values: Array, full: bool) -> Sequence[Array]:
        """Return the columns."""
        return [values] if values.ndim == 1 else list(values.T)


@dataclass(frozen=True)
class Categories:
    """A factor's categories; the values are each row's category as a whole number."""

    label: str
    levels: tuple[object, ...]
    contrast: Contrast
    values: Array
    again: Again

    def coded(self, full: bool) -> tuple[list[str], Array]:
        """Return the columns' endings and a row a category, in full or by contrasts."""
        if full:
            return [f"[{level}]" for level in self.levels], np.eye(len(self.levels))
        return self.contrast.matrix(self.levels)

    def columns(self, full: bool) -> tuple[str, ...]:
        """Return the columns' names."""
        return tuple(self.label + ending for ending in self.coded(full)[0])

    def matrix(self, values: Array, full: bool) -> Sequence[Array]:
        """Return the columns; a row without a category is NaN in all."""
        rows = self.coded(full)[1]
        return list(np.vstack([rows, np.full(rows.shape[1], np.nan)])[values].T)


Learned = Numbers | Categories


def learn_factor(node: Node, source: str, table: Table) -> Learned:
    """Learn a factor from rows.

    Raises
    ------
    FormulaError
        Where a function or sign cannot take what it is given, with the place marked.
    DesignError, ColumnError
        Where a column's values do not allow it.
    """
    if isinstance(node, Call) and FORMULA_FUNCTIONS[node.function].kind == "categories":
        return _called_categories(node, source, table)
    if isinstance(node, Name) and not table.is_number(node.column):
        check_categories(node.column, table)
        return _categories(node, source, table, Contrast(), None)
    values, again = _numbers(node, source, table)
    if values.ndim == 2:
        names = tuple(f"{node.label}[{i + 1}]" for i in range(values.shape[1]))
        return Numbers(names, values, again)
    return Numbers((node.label,), values, again)


def learn_outcome(node: Node, source: str, table: Table) -> Array:
    """Return the outcome's values; the left of ``~`` is arithmetic, as in R."""
    values, _ = _numbers(node, source, table)
    if values.ndim == 2:
        fail("The outcome must be one column.", source, node.start, node.end)
    return values


def _numbers(node: Node, source: str, table: Table) -> tuple[Array, Again]:
    """Return the values of an expression and how to make them of new rows."""
    if isinstance(node, Name):
        if not table.is_number(node.column):
            _fail_text(node, source, table)
        return table.numbers(node.column), lambda new: numbers_of(new, node.column)
    if isinstance(node, Number):
        value = node.value
        return np.full(len(table), value), lambda new: np.full(len(new), value)
    if isinstance(node, Call):
        return _called(node, source, table)
    if isinstance(node, Chain):
        return _chained(node, source, table)
    raise marked("Text can only be compared, as in I(arm == 'a').", source, node.start, node.end)


def _column(table: Table, name: str) -> pd.Series:
    """Return a column of new data."""
    if name not in table.frame.columns:
        raise ColumnError(f"The new data lack the column '{name}', which the model uses.")
    return table.frame[name]


def numbers_of(table: Table, name: str) -> Array:
    """Return a numeric column of new data."""
    _column(table, name)
    if not table.is_number(name):
        raise ColumnError(f"The column '{name}' held numbers when the model was fitted.")
    return table.numbers(name)


def _fail_text(node: Name, source: str, table: Table) -> NoReturn:
    dtype = table.frame[node.column].dtype
    if types.is_datetime64_any_dtype(dtype):
        check_categories(node.column, table)
    fail(
        f"The column '{node.column}' holds categories ({dtype}), and numbers are needed here.",
        source,
        node.start,
        node.end,
    )


def _chained(node: Chain, source: str, table: Table) -> tuple[Array, Again]:
    compared = _compared_text(node, source, table)
    if compared is not None:
        return compared
    signs = [sign for sign, _ in node.items]
    if ":" in signs:
        fail("':' has no meaning inside of a function.", source, node.start, node.end)
    made = [_single(part, source, table) for _, part in node.items]
    steps = [_SIGNS[sign] for sign in signs[1:]]
    negative = signs[0] == "-"

    def joined(values: Sequence[Array]) -> Array:
        total = -values[0] if negative else values[0]
        with np.errstate(all="ignore"):  # what becomes infinite is refused by name later
            for step, value in zip(steps, values[1:], strict=True):
                total = step(total, value)
        return np.asarray(total, dtype=float)

    again = [make for _, make in made]
    return joined([values for values, _ in made]), lambda new: joined([make(new) for make in again])


def _single(node: Node, source: str, table: Table) -> tuple[Array, Again]:
    """Return the values of an expression that must be one column."""
    values, again = _numbers(node, source, table)
    if values.ndim == 2:
        fail(f"{node.label} makes several columns and stands alone.", source, node.start, node.end)
    return values, again


def _compared_text(node: Chain, source: str, table: Table) -> tuple[Array, Again] | None:
    """Return where a column equals a text, or None where none is compared."""
    sign, parts = node.items[-1][0], node.parts
    texts = [part for part in parts if isinstance(part, Text)]
    names = [part for part in parts if isinstance(part, Name)]
    if not texts:
        return None
    if sign not in {"==", "!="} or len(texts) != 1 or len(names) != 1:
        fail("A text can only be compared, as in I(arm == 'a').", source, node.start, node.end)
    if table.is_number(names[0].column):
        name = names[0].column
        fail(f"The column '{name}' holds numbers, no texts.", source, node.start, node.end)
    column, text = names[0].column, texts[0].value

    def again(new: Table) -> Array:
        cells = _column(new, column).astype(object)
        same = (cells == text).to_numpy(dtype=float)
        return np.where(cells.isna(), np.nan, same if sign == "==" else 1.0 - same)

    return again(table), again


def _settings(node: Call, source: str) -> dict[str, Any]:
    return {name: constant(source, value) for name, value in node.settings}


def _called(node: Call, source: str, table: Table) -> tuple[Array, Again]:
    known = FORMULA_FUNCTIONS[node.function]
    if known.kind == "categories":
        message = f"{node.code} makes categories, and numbers are needed here."
        fail(message, source, node.start, node.end)
    made = [_single(part, source, table) for part in node.arguments]
    columns = [values for values, _ in made]
    try:
        apply = known.learn(*columns, **_settings(node, source))
    except AllianceStatsError:
        raise
    except (TypeError, ValueError) as error:
        message = f"{node.code} cannot be made: {error}."
        raise FormulaError(message) from error

    def values(given: Sequence[Array]) -> Array:
        try:
            with np.errstate(all="ignore"):  # what becomes infinite is refused by name later
                found = np.asarray(apply(*given), dtype=float)
        except AllianceStatsError:
            raise
        except Exception as error:
            message = f"{node.code} cannot be made: {type(error).__name__}: {error}."
            raise FormulaError(message) from error
        if found.ndim not in (1, 2) or found.shape[0] != len(given[0]) or not found.size:
            raise FormulaError(
                f"{node.code} must give a number for each of {len(given[0])} rows, or several "
                f"columns; it gave the shape {found.shape}."
            )
        return found

    again = [make for _, make in made]
    return values(columns), lambda new: values([make(new) for make in again])


def _called_categories(node: Call, source: str, table: Table) -> Categories:
    settings, argument = _settings(node, source), node.arguments[0]
    contrast, levels = settings.get("contrast") or Contrast(), settings.get("levels")
    if not isinstance(contrast, Contrast):
        message = "A coding is contr.treatment, contr.sum, contr.helmert, contr.poly or contr.sdif."
        fail(message, source, node.start, node.end)
    if levels is not None and not isinstance(levels, tuple):
        levels = (levels,)
    if isinstance(argument, Name) and types.is_datetime64_any_dtype(
        table.frame[argument.column].dtype
    ):
        check_categories(argument.column, table)
    found = _categories(node, source, table, contrast, levels)
    if node.function == "relevel":
        if settings.get("ref") is None:
            message = "relevel() needs its reference, as in relevel(x, ref='b')."
            fail(message, source, node.start, node.end)
        levels = list(found.levels)
        levels.insert(0, levels.pop(position(levels, settings["ref"], "The reference")))
        found = _categories(node, source, table, contrast, tuple(levels))
    return found


def _categories(
    node: Node, source: str, table: Table, contrast: Contrast, levels: tuple[object, ...] | None
) -> Categories:
    read = _cells(node.arguments[0] if isinstance(node, Call) else node, source, table)
    cells, codes = read(table), None
    if levels is None:
        found = pd.Categorical(cells).remove_unused_categories()
        levels, codes = tuple(found.categories), found.codes.astype(np.intp)
    else:
        present = pd.unique(cells.dropna())
        unknown = [value for value in present if value not in levels]
        levels = tuple(level for level in levels if level in set(present))
        if unknown:
            raise DesignError(
                f"{node.label} leaves out categories that the rows hold: {listing(unknown)}."
            )
    if len(levels) < 2:
        raise DesignError(
            f"'{node.label}' has one category only ({listing(levels)}), so nothing can go with "
            "it; leave it out."
        )
    label, known = node.label, pd.Index(list(levels), dtype=object)

    def again(new: Table) -> Array:
        there = read(new)
        codes = known.get_indexer(pd.Index(there.astype(object)))
        unseen = pd.unique(there[(codes < 0) & there.notna().to_numpy()])
        if len(unseen):
            what = (
                f"The column '{label}' has categories the model was not fitted on"
                if isinstance(node, Name)
                else f"'{label}' meets categories the model was not fitted on"
            )
            raise DesignError(
                f"{what}: {listing(sorted(map(str, unseen)))}. "
                f"It knows {listing(sorted(map(str, levels)), 12)}."
            )
        return codes

    return Categories(label, levels, contrast, again(table) if codes is None else codes, again)


def _cells(node: Node, source: str, table: Table) -> Callable[[Table], pd.Series]:
    """Return how to read the cells that are categories: a column, or values of an expression."""
    if not isinstance(node, Name):
        _, make = _single(node, source, table)
        return lambda new: pd.Series(make(new))
    name = node.column

    def read(new: Table) -> pd.Series:
        cells = _column(new, name)
        dtype = cells.dtype
        if types.is_bool_dtype(dtype) or (
            types.is_extension_array_dtype(dtype) and types.is_numeric_dtype(dtype)
        ):
            return pd.Series(new.numbers(name))
        return cells.reset_index(drop=True)

    return read


def check_categories(name: str, table: Table) -> None:
    """Refuse dates, and numbers held as text, where they would become categories."""
    column = table.frame[name]
    if types.is_datetime64_any_dtype(column.dtype) or column.dtype.kind == "m":
        raise ColumnError(
            f"The column '{name}' holds dates or spans of time; a model needs numbers, such "
            "as days since the first session."
        )
    if isinstance(column.dtype, pd.CategoricalDtype):
        return
    try:
        texts = pd.Series(pd.unique(column.dropna()))
    except TypeError:
        raise ColumnError(
            f"The column '{name}' holds cells that are neither numbers nor texts."
        ) from None
    as_numbers = pd.to_numeric(texts, errors="coerce")
    if len(texts) > NUMBERS_AS_TEXT and as_numbers.notna().all():
        raise ColumnError(
            f"The column '{name}' holds {len(texts)} different numbers as text and would "
            f"become {len(texts) - 1} categories; make it numeric first (pandas.to_numeric)."
        )


def categories_among(factors: Mapping[str, Learned]) -> set[str]:
    """Return which factors are categories."""
    return {code for code, factor in factors.items() if isinstance(factor, Categories)}

"""The predictors of a meta-regression: from a formula and a table to columns of numbers."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd

from ..errors import DesignError, FormulaError, listing, require_columns
from ..multilevel.formula.model_formula import Part, read_part
from ..multilevel.formula.table import Table
from ..multilevel.formula.terms import build


def design_of(formula: str, effects: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Return the design of the rows that have every predictor, and which rows those are.

    A row without a predictor has no place in the design: left in, a missing category would read
    as the reference level.
    """
    part = _part(formula, effects)
    wanted = sorted(part.columns)
    require_columns(effects.columns, wanted, what="the effects")
    complete = effects[wanted].notna().all(axis=1)
    if not complete.any():
        raise DesignError(f"No row has all predictors ({listing(wanted)}).")
    rows = effects.loc[complete, wanted]
    ready = pd.DataFrame(
        {name: _predictor(rows[name], name, name in part.bare_columns()) for name in wanted},
        index=rows.index,
    )
    columns = build(part, Table(ready))
    design = pd.DataFrame(dict(columns.named_arrays()), index=rows.index)
    if design.shape[1] == 0:
        raise FormulaError(
            f"The formula {formula!r} holds no coefficient. Name a predictor, such as 'year'."
        )
    values = design.to_numpy(dtype=float)
    if not np.isfinite(values).all():
        bad = design.index[~np.isfinite(values).all(axis=1)]
        raise DesignError(f"The predictors of rows {listing(bad)} are not finite numbers.")
    return design, complete


def _part(formula: str, effects: pd.DataFrame) -> Part:
    """Read a right-hand side that stands alone."""
    if not isinstance(formula, str):
        raise FormulaError(
            "The formula must be text, such as 'year + setting', not "
            f"{type(formula).__name__} {formula!r}."
        )
    if "~" in formula:
        raise FormulaError(
            f"Give the right-hand side alone, such as {formula.split('~')[-1].strip()!r}: the "
            "effect is always what is explained."
        )
    try:
        part = read_part(formula, effects.columns)
    except FormulaError as error:
        raise FormulaError(f"The formula cannot be read. {error}") from None
    if "Intercept" in part.columns:
        raise FormulaError(
            "A predictor named 'Intercept' cannot be told from the model's own; rename the column."
        )
    return part


def _predictor(cells: pd.Series, name: str, bare: bool) -> pd.Series:
    """Return the column as the formula takes it: numbers as numbers, words as categories."""
    if isinstance(cells.dtype, pd.CategoricalDtype):
        cells = cells.cat.remove_unused_categories()
    elif cells.map(lambda cell: isinstance(cell, Decimal)).all():
        return cells.astype(float)
    if pd.api.types.is_numeric_dtype(cells.dtype):
        return cells
    words = bare and not isinstance(cells.dtype, pd.CategoricalDtype)
    if words and pd.to_numeric(cells, errors="coerce").notna().all():
        raise DesignError(
            f"Predictor '{name}' holds numbers as text (first {cells.iloc[0]!r}), each of which "
            f"would become a category. Use pd.to_numeric, or C({name}) if you mean categories."
        )
    if len(cells.unique()) == 1:
        raise DesignError(f"Predictor '{name}' is {cells.iloc[0]!r} in every row; leave it out.")
    return cells

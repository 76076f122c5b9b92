"""What changes in the population with a predictor: differences and slopes, averaged over rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.arguments import names, share
from ...errors import DesignError, did_you_mean, listing
from ...inference.rows import coefficient_rows
from ..engine.batches import Array
from ..formula.factors import Categories, Learned, Numbers
from ..formula.functions import FORMULA_FUNCTIONS, OWN, STEPPED
from ..formula.table import Table
from ..formula.tree import Call, Chain, Name, Node
from . import rows
from .ordinal import Ordinal

if TYPE_CHECKING:
    from .result import OutcomeFit

STEP = 1e-4  # of a parameter, for the delta method
NEAR = 1e-3  # SDs: how far a predictor is moved for a slope
STILL = 1e-5  # a slope that half the step moves by less stands still
HALVINGS = 45
COMPARED = frozenset({"==", "!=", "<", ">", "<=", ">="})

Factors = Mapping[str, tuple[Node, Learned]]


def average_effects(
    fit: OutcomeFit,
    variables: str | Sequence[str] | None = None,
    at: Mapping[str, Any] | None = None,
    *,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return how much the outcome changes with a predictor, averaged over clients and therapists.

    The random effects are integrated out, so this is what changes in the population, in
    probability (of one trial), count or probability of a category, averaged over the rows.

    Parameters
    ----------
    variables
        Columns of the data; all predictors if left out.
    at
        Values that columns take in all rows, such as ``{"session": 1}``.
    confidence
        Level of the intervals.

    Returns
    -------
    pandas.DataFrame
        As ``tidy()``. For a column of 0 and 1 the estimate is the difference between them, for
        categories (``C(session)`` too) that to the first (``arm[T.b]``), for other numbers the
        change by one unit at the margin (the mean slope; at a bend, as of ``pmax(x, 4)``, the
        mean of its two sides). A term that jumps, such as ``I(session > 3)`` or ``floor(x)``, or
        has no slope in some row, as ``sqrt(x)`` at zero, has a row of its own under its name, as
        a column of the term would have; the slope of ``session`` is then that of the other terms.
        Ordered outcomes have a row a category, named in ``category``. Standard errors by the delta
        method, the uncertainty of the variances included; z.

    Raises
    ------
    DesignError
        Where a column is no predictor of the model, or the model has none.
    """
    level, frame = share(confidence), fit.design.frame
    known = list(fit.design.formula.fixed.columns) if fit.design.formula.fixed else []
    if not known:
        raise DesignError(
            f"'{fit.formula}' has no predictors, so there is no effect to average; "
            "predict(average=True) gives the average outcome."
        )
    wanted = known if variables is None else names(variables, "variables")
    given = dict(at or {})
    for name in [*wanted, *given]:
        if name not in known:
            raise DesignError(
                f"'{name}' is no predictor of the model.{did_you_mean(name, known)} There are "
                f"{listing(known, 12)}."
            )
    for name, value in given.items():
        frame = frame.assign(**{name: _like(frame[name], value)})
    moves = [move for name in wanted for move in _moves(fit, frame, name)]
    found = [_effect(fit, move, level) for move in {move.term: move for move in moves}.values()]
    return pd.concat(found, ignore_index=True)


@dataclass(frozen=True)
class _Move:
    """Two states of the rows, and what the outcome's difference between them is divided by.

    `given` are values of factors in both, `factor` the code of one that takes `high` and `low`
    itself; without it `high` and `low` are the values of the column `name`.
    """

    term: str
    frame: pd.DataFrame
    name: str
    high: Any
    low: Any
    size: Array | float = 1.0
    factor: str | None = None
    given: Mapping[str, Array] = field(default_factory=dict)

    def table(self, value: Any) -> Table:
        """Return the rows in one of the states."""
        if self.factor is not None:
            return Table(self.frame, given={**self.given, self.factor: value})
        return Table(self.frame.assign(**{self.name: value}), given=dict(self.given))


def _effect(fit: OutcomeFit, move: _Move, level: float) -> pd.DataFrame:
    """Return the rows of one move."""
    columns = [_columns(fit, move.table(value)) for value in (move.high, move.low)]
    size = np.broadcast_to(move.size, (len(move.frame),))[:, None]

    def change(vector: Array) -> Array:
        moved = replace(fit, ladder=replace(fit.ladder, best=replace(fit.best, point=vector)))
        one, other = (_expected(moved, each) for each in columns)
        return np.asarray(((one - other) / size).mean(axis=0))

    at, steps = fit.best.point, STEP * np.eye(len(fit.best.point))
    slope = np.stack([(change(at + s) - change(at - s)) / (2.0 * STEP) for s in steps], axis=1)
    error = np.sqrt(np.einsum("ip,pq,iq->i", slope, fit.best.covariance(), slope))
    table = coefficient_rows([move.term] * len(error), change(at), error, confidence=level)
    if isinstance(fit.model.family, Ordinal):
        table["category"] = list(fit.model.family.categories)
    return table


def _columns(fit: OutcomeFit, table: Table) -> tuple[Array, Array]:
    """Return the columns of coefficients and of the lowest level's effects."""
    terms = fit.design.fixed_terms
    arrays = dict(zip(terms.names, terms.rebuild(table), strict=True))
    kept = [arrays[name] for name in fit.model.coefficients]
    X = np.stack(kept, axis=1) if kept else np.zeros((len(table), 0))
    return X / fit.model.scale, rows.effect_columns(fit, table)


def _expected(fit: OutcomeFit, columns: tuple[Array, Array]) -> Array:
    """Return the outcome of each row over random effects, a column a category."""
    X, Z = columns
    eta = X @ fit.best.point[: X.shape[1]] + fit.model.offset
    return rows.averaged(fit, eta, rows.random_sd(fit, Z), rows.own_values(fit)).reshape(len(X), -1)


# -- which two states to compare -----------------------------------------------------------------


def _moves(fit: OutcomeFit, frame: pd.DataFrame, name: str) -> Iterator[_Move]:
    """Yield what to compare for a column: categories, 0 and 1, a slope, or terms by themselves."""
    whole, factors = fit.design.frame[name], _factors_with(fit, name)
    levels = levels_of(fit, name)
    as_categories = any(isinstance(learned, Categories) for _, learned in factors.values())
    if _is_yes_no(whole):
        yield _Move(name, frame, name, 1.0, 0.0)
    elif not as_categories and not pd.api.types.is_numeric_dtype(whole.dtype):
        for code, (_, learned) in factors.items():  # texts that are compared, I(arm == 'a')
            yield from _of_factor(code, learned, frame, name)
    elif levels is not None:
        first, *others = levels
        for level in others:
            ends = (_like(whole, level), _like(whole, first))
            yield _Move(f"{name}[T.{level}]", frame, name, *ends)
    else:
        yield from _slopes(whole, frame, name, factors)


def _factors_with(fit: OutcomeFit, name: str) -> Factors:
    """Return the factors of fixed and lowest random terms that a column is in."""
    terms = (fit.design.fixed_terms, *fit.design.effects[0].terms)
    all_of_them = {code: found for term in terms for code, found in term.factors.items()}
    return {code: found for code, found in all_of_them.items() if _holds(found[0], name)}


def _holds(node: Node, name: str) -> bool:
    return any(isinstance(part, Name) and part.column == name for part in node.walk())


def _is_yes_no(column: pd.Series) -> bool:
    numeric = pd.api.types.is_numeric_dtype(column.dtype)
    return bool(numeric and column.dtype != bool and set(column.unique()) <= {0, 1})


def levels_of(fit: OutcomeFit, name: str) -> list[object] | None:
    """Return a column's categories, the reference first; None for numbers that are no categories.

    Numbers are categories where a term such as ``C(session)`` takes them so.
    """
    column = fit.design.frame[name]
    for node, learned in _factors_with(fit, name).values():
        bare = isinstance(node, Name) or isinstance(node.parts[0], Name)
        if isinstance(learned, Categories) and bare and column.dtype != bool:
            return _reference_first(learned)
    if pd.api.types.is_numeric_dtype(column.dtype) and column.dtype != bool:
        return None
    if isinstance(column.dtype, pd.CategoricalDtype):
        return list(column.cat.remove_unused_categories().cat.categories)
    return sorted(column.unique())


def _reference_first(learned: Categories) -> list[object]:
    """Return categories with that of which the others are told first, by its coding."""
    levels, rows_of = list(learned.levels), learned.coded(False)[1]
    base = next((i for i, row in enumerate(rows_of) if not row.any()), 0)
    return [levels.pop(base), *levels]


def _slopes(whole: pd.Series, frame: pd.DataFrame, name: str, factors: Factors) -> Iterator[_Move]:
    """Yield the slope of a column of numbers, and what to compare of terms that have none."""
    table, x = Table(frame), frame[name].to_numpy(dtype=float)
    spread = float(whole.std())
    step, apart = np.full(len(x), NEAR * spread), {}
    ends = _domain(whole, factors)
    for code, (node, learned) in factors.items():
        if isinstance(node, Name):
            continue
        still = np.full(len(x), np.nan)
        if not _jumps(node, learned, whole, name, frame):
            still = _steady_step(learned, frame, name, spread, ends)
        if np.isnan(still).any():
            apart[code] = learned
        else:
            step = np.minimum(step, still)
    if len(apart) < len(factors):
        held = {code: learned.again(table) for code, learned in apart.items()}
        high, low = (np.clip(x + side * step, *ends) for side in (1.0, -1.0))
        yield _Move(name, frame, name, high, low, high - low, given=held)
    for code, learned in apart.items():
        yield from _of_factor(code, learned, frame, name)


def _domain(whole: pd.Series, factors: Factors) -> tuple[float, float]:
    """Return where a column may be moved: B-splines say nothing beyond the rows they were made of.

    At such an end the slope is that of the side that is there.
    """
    calls = [part for node, _ in factors.values() for part in node.walk() if isinstance(part, Call)]
    if any(FORMULA_FUNCTIONS[call.function].name == "bs" for call in calls):
        return float(whole.min()), float(whole.max())
    return -np.inf, np.inf


def _jumps(node: Node, learned: Learned, whole: pd.Series, name: str, frame: pd.DataFrame) -> bool:
    """Tell whether a factor jumps along a column: by its signs and functions, or by looking."""
    if isinstance(learned, Categories):
        return True
    own = False
    for part in node.walk():
        if isinstance(part, Chain) and part.items[-1][0] in COMPARED and _holds(part, name):
            return True
        if isinstance(part, Call) and _holds(part, name):
            function = FORMULA_FUNCTIONS[part.function]
            if function.name in STEPPED:
                return True
            own = own or function.says == OWN
    return own and _seen_to_jump(learned, frame.assign(**{name: whole}), name)


def _seen_to_jump(learned: Learned, frame: pd.DataFrame, name: str) -> bool:
    """Close in on the steepest place between each row's value and the next: does it stay steep?"""
    low = frame[name].to_numpy(dtype=float)
    known = np.unique(low)
    place = np.searchsorted(known, low, side="right")
    high = np.where(place < len(known), known[np.minimum(place, len(known) - 1)], known[-2])
    at_low, at_high = (_along(learned, frame, name, x) for x in (low, high))
    whole = np.nanmax(np.ptp(at_low, axis=0))
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        found = _along(learned, frame, name, middle)
        left = np.abs(found - at_low).max(axis=1) >= np.abs(at_high - found).max(axis=1)
        low, high = np.where(left, low, middle), np.where(left, middle, high)
        at_low = np.where(left[:, None], at_low, found)
        at_high = np.where(left[:, None], found, at_high)
    return bool((np.abs(at_high - at_low) > 1e-5 * whole).any())


def _steady_step(
    learned: Learned, frame: pd.DataFrame, name: str, spread: float, ends: tuple[float, float]
) -> Array:
    """Return each row's step at which the slope stands still; NaN where there is no slope."""
    x = frame[name].to_numpy(dtype=float)
    step, usual = np.full(len(x), NEAR * spread), np.ptp(learned.values, axis=0) / spread

    def slope(h: Array) -> Array:
        high, low = (np.clip(x + side * h, *ends) for side in (1.0, -1.0))
        change = _along(learned, frame, name, high) - _along(learned, frame, name, low)
        return np.asarray(change / (high - low)[:, None])

    for _ in range(HALVINGS):
        one, other = slope(step), slope(0.5 * step)
        with np.errstate(invalid="ignore"):
            moved = np.abs(one - other) <= STILL * np.maximum(np.abs(other), usual)
        still = moved.all(axis=1)
        if still.all():
            return step
        step = np.where(still, step, 0.5 * step)
    return np.where(still, step, np.nan)


def _along(learned: Learned, frame: pd.DataFrame, name: str, x: Array) -> Array:
    """Return a factor's values with the column at `x`, a column each."""
    return np.asarray(learned.again(Table(frame.assign(**{name: x})))).reshape(len(x), -1)


def _of_factor(code: str, learned: Learned, frame: pd.DataFrame, name: str) -> Iterator[_Move]:
    """Yield what to compare of a factor that is taken as a column of its own."""
    if isinstance(learned, Categories):
        first, *others = _reference_first(learned)
        for level in others:
            high, low = (np.full(len(frame), learned.levels.index(one)) for one in (level, first))
            yield _Move(f"{learned.label}[T.{level}]", frame, name, high, low, factor=code)
        return
    assert isinstance(learned, Numbers)
    values = np.asarray(learned.again(Table(frame)))
    for number, term in enumerate(learned.names):
        here = (slice(None), number) if values.ndim == 2 else slice(None)
        high, low, size = values.copy(), values.copy(), 1.0
        if set(np.unique(learned.values[here])) <= {0.0, 1.0}:
            high[here], low[here] = 1.0, 0.0
        else:
            step = NEAR * float(learned.values[here].std())
            high[here], low[here], size = high[here] + step, low[here] - step, 2.0 * step
        yield _Move(term, frame, name, high, low, size, factor=code)


def _like(column: pd.Series, value: Any) -> pd.Series:
    """Return a column of one value, of the same kind."""
    kind = column.dtype if isinstance(column.dtype, pd.CategoricalDtype) else None
    return pd.Series([value] * len(column), index=column.index, dtype=kind)

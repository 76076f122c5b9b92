"""Means that a model gives to categories, and their differences.

Every category counts the same in the means over the others, whatever its share of the rows, and
numbers stand at their mean, unless `at` says otherwise: Searle, Speed & Milliken (1980), doi
10.1080/00031305.1980.10483031; as emmeans.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.arguments import checked_choice, level_of
from ...core.arguments import names as names_of
from ...core.display.shown import shown
from ...errors import ColumnError, DesignError, did_you_mean, listing
from ...inference.multiplicity import ADJUST, Adjust, adjusted_p, half_widths
from ...inference.rows import coefficient_rows
from ..engine.batches import Array
from ..formula.factors import Categories, learn_factor
from ..formula.terms import Table
from ..formula.tree import Name
from .cluster_robust import bias_reduced

if TYPE_CHECKING:
    from ..result import MultilevelFit


def marginal_means(
    fit: MultilevelFit,
    factor: str | Sequence[str],
    *,
    by: str | Sequence[str] | None = None,
    at: Mapping[str, Any] | None = None,
    cluster: str | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return the mean that the coefficients give to each category.

    What is the outcome in each arm, were the arms alike in everything else of the model?

    Parameters
    ----------
    factor
        A category of the formula, such as ``"condition"``; of several, every combination.
    by
        Categories within which the means are wanted (``"occasion"``).
    at
        Values of other predictors: one value, or several over which means are taken.
    cluster
        Standard errors robust to clusters, as `robust` takes them, in place of the model's own.
    confidence
        Level of the intervals.

    Returns
    -------
    pandas.DataFrame
        The columns of ``tidy()``, a row a mean (``effect`` is ``mean``, ``term`` its category,
        ``group`` the category of `by`), and those of `factor` and `by` themselves. Tests of a mean
        against zero are given as for every row.
    """
    grid = _Grid(fit, names_of(factor, "factor"), [] if by is None else names_of(by, "by"), at)
    level = level_of(confidence)
    L, estimate = grid.means, grid.values(fit)
    error, df = _errors(fit, cluster)(L)
    found = coefficient_rows(grid.terms, estimate, error, df, group=grid.groups, confidence=level)
    found["effect"] = "mean"
    rows = pd.concat([_emptied(found, grid.undetermined(grid.missing)), grid.shown], axis=1)
    return shown(rows, f"Means by {listing(names_of(factor, 'factor'))}")


def contrasts(
    fit: MultilevelFit,
    factor: str,
    *,
    by: str | Sequence[str] | None = None,
    at: Mapping[str, Any] | None = None,
    reference: Any = None,
    adjust: Adjust = "holm",
    cluster: str | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Compare the means of categories, two at a time.

    Parameters
    ----------
    factor, by, at, cluster
        As `marginal_means` takes them.
    reference
        Compare every category with this one; if left out, all pairs are compared.
    adjust
        For the number of comparisons within each category of `by`: ``"none"``, ``"holm"``,
        ``"bonferroni"``, or ``"tukey"`` (of all pairs). Intervals hold together under
        ``"bonferroni"`` and ``"tukey"``, and each by itself else.
    confidence
        Level of the intervals.

    Returns
    -------
    pandas.DataFrame
        The columns of ``tidy()``, a row a comparison (``term`` is ``dynamic - cbt``, later less
        earlier category, or each less the reference), ``p_adjusted``, and the columns of `by`.
    """
    checked_choice("adjust", adjust, ADJUST)
    if adjust == "tukey" and reference is not None:
        raise DesignError("adjust='tukey' is for all pairs; with reference= use 'holm'.")
    grid = _Grid(fit, [factor], [] if by is None else names_of(by, "by"), at)
    level = level_of(confidence)
    labels = [str(value) for value in grid.shown[factor]]
    own = list(dict.fromkeys(labels))
    if reference is not None and str(reference) not in own:
        raise DesignError(f"'{factor}' has no category {reference!r}; it has {listing(own)}.")
    errors, tables = _errors(fit, cluster), []
    for rows in grid.blocks:
        pairs = _pairs([labels[row] for row in rows], reference)
        L = np.array([grid.means[rows[a]] - grid.means[rows[b]] for a, b in pairs])
        unknown = grid.undetermined(
            np.array([grid.missing[rows[a]] - grid.missing[rows[b]] for a, b in pairs])
        )
        error, df = errors(L)
        terms = [f"{labels[rows[a]]} - {labels[rows[b]]}" for a, b in pairs]
        table = coefficient_rows(
            terms, L @ fit.params.to_numpy(), error, df, group=grid.groups[rows[0]]
        )
        half = half_widths(np.where(unknown, np.nan, error), df, level, adjust, len(rows))
        table["conf_low"], table["conf_high"] = table["estimate"] - half, table["estimate"] + half
        p, t, df = table["p_value"].to_numpy(), table["statistic"].to_numpy(), np.asarray(df)
        p = np.where(unknown, np.nan, p)
        table["p_adjusted"] = adjusted_p(p, adjust, t, df, len(rows))
        table = _emptied(table, unknown)
        for name in grid.by:
            table[name] = grid.shown[name].iloc[rows[0]]
        tables.append(table)
    found = pd.concat(tables, ignore_index=True)
    found["effect"] = "contrast"
    return found


def _emptied(table: pd.DataFrame, unknown: Array) -> pd.DataFrame:
    """Return the rows without numbers where the data determine none."""
    numbers = ["estimate", "std_error", "statistic", "df", "p_value", "conf_low", "conf_high"]
    there = [name for name in (*numbers, "p_adjusted") if name in table]
    table.loc[unknown, there] = np.nan
    return table


def _pairs(labels: list[str], reference: Any) -> list[tuple[int, int]]:
    if reference is None:
        return [(b, a) for a, b in itertools.combinations(range(len(labels)), 2)]
    at = labels.index(str(reference))
    return [(i, at) for i in range(len(labels)) if i != at]


def _errors(fit: MultilevelFit, cluster: str | None) -> Callable[[Array], tuple[Array, Array]]:
    """Return what gives standard errors and df of combinations (rows) of coefficients."""
    robust = None if cluster is None else bias_reduced(fit, cluster)[0]

    def of(L: Array) -> tuple[Array, Array]:
        scaled = L @ fit.to_user_scale
        if robust is not None:
            variance = np.einsum("ia,ab,ib->i", scaled, robust.covariance, scaled)
            nothing = np.maximum(variance, 0.0)  # of an arm that does not vary, up to rounding
            return np.sqrt(nothing), robust.degrees_of_freedom(scaled)
        variance = np.einsum("ia,ab,ib->i", L, fit.coefficients.covariance, L)
        return np.sqrt(variance), fit.inference.df(scaled)

    return of


class _Grid:
    """Every combination of the categories, and the coefficients' weights in its mean."""

    def __init__(
        self, fit: MultilevelFit, factors: list[str], by: list[str], at: Mapping[str, Any] | None
    ) -> None:
        self.by, self.wanted = by, [*by, *factors]
        twice = [name for name in dict.fromkeys(self.wanted) if self.wanted.count(name) > 1]
        if twice:
            raise DesignError(
                f"{listing(map(repr, twice))} is named twice: by= takes predictors other than "
                "those whose categories are asked for."
            )
        values = _values(fit, self.wanted, dict(at or {}))
        names = list(values)
        grid = pd.DataFrame(list(itertools.product(*values.values())), columns=names)
        for name in names:
            if values[name] and isinstance(fit.design.frame[name].dtype, pd.CategoricalDtype):
                grid[name] = pd.Categorical(grid[name], fit.design.frame[name].cat.categories)
        terms = fit.design.fixed_terms
        arrays = dict(zip(terms.names, terms.rebuild(Table(grid)), strict=True))
        X = np.stack([arrays[name] for name in fit.design.fixed_names], axis=1)
        cells = list(itertools.product(*(values[name] for name in self.wanted)))
        place = {cell: i for i, cell in enumerate(cells)}
        of = [place[row] for row in grid[self.wanted].itertuples(index=False, name=None)]
        self.means = np.stack([X[np.equal(of, i)].mean(axis=0) for i in range(len(cells))])
        # A column that was left out is a sum of the others in the data; where it is not in the
        # grid too (a cell nobody is in), the data say nothing of that mean.
        self.missing = np.zeros((len(cells), len(fit.design.dropped)))
        if fit.design.dropped:
            data = dict(terms.named_arrays())
            kept = np.stack([data[name] for name in fit.design.fixed_names], axis=1)
            out = np.stack([data[name] for name in fit.design.dropped], axis=1)
            sums = np.linalg.lstsq(kept, out, rcond=None)[0]
            there = np.stack([arrays[name] for name in fit.design.dropped], axis=1)
            means = np.stack([there[np.equal(of, i)].mean(axis=0) for i in range(len(cells))])
            self.missing = means - self.means @ sums
        self.shown = pd.DataFrame(cells, columns=self.wanted)
        n = len(factors)
        self.terms = [", ".join(str(v) for v in cell[len(cell) - n :]) for cell in cells]
        self.groups = [
            ", ".join(f"{b}={v}" for b, v in zip(by, cell, strict=False)) for cell in cells
        ]
        size = int(np.prod([len(values[name]) for name in factors]))
        self.blocks = [list(range(i, i + size)) for i in range(0, len(cells), size)]

    @staticmethod
    def undetermined(missing: Array) -> Array:
        """Return which combinations of means the data do not determine."""
        return np.asarray((np.abs(missing) > 1e-8).any(axis=1))

    def values(self, fit: MultilevelFit) -> Array:
        """Return the means themselves."""
        return self.means @ fit.params.to_numpy()


def _values(fit: MultilevelFit, wanted: list[str], at: dict[str, Any]) -> dict[str, list[Any]]:
    """Return for each predictor the values of the grid: categories, or a number's mean."""
    frame, fixed = fit.design.frame, fit.design.formula.fixed
    predictors = list(fixed.columns) if fixed else []
    for name in (*wanted, *at):
        if name not in predictors:
            raise ColumnError(
                f"'{name}' is no predictor of the model; there are {listing(predictors)}."
                f"{did_you_mean(name, predictors)}"
            )
    categories = _categorical(fit)
    found: dict[str, list[Any]] = {}
    for name in predictors:
        column = frame[name]
        if name in at:
            given = at[name]
            single = isinstance(given, str) or not isinstance(given, Sequence | np.ndarray)
            found[name] = [given] if single else list(given)
        elif name in categories:
            present = column.dropna().unique()
            if isinstance(column.dtype, pd.CategoricalDtype):
                found[name] = [v for v in column.cat.categories if v in set(present)]
            else:
                found[name] = sorted(present.tolist())
        elif name in wanted:
            raise DesignError(
                f"'{name}' is a number in the model: name its values with at={{'{name}': [...]}}, "
                f"or make categories of it with C({name})."
            )
        else:
            found[name] = [float(column.mean())]
    return found


def _categorical(fit: MultilevelFit) -> set[str]:
    """Return the columns that stand in the model as categories."""
    fixed, table = fit.design.formula.fixed, Table(fit.design.frame)
    if fixed is None:
        return set()
    nodes = {node.code: node for term in fixed.expansion.terms for node in term}
    return {
        part.column
        for node in nodes.values()
        if isinstance(learn_factor(node, fixed.source, table), Categories)
        for part in node.walk()
        if isinstance(part, Name)
    }

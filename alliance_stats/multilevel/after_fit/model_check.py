"""What a reviewer asks of a multilevel model: one table, one figure, nobody's verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.display.journal import in_places
from ...core.results import Result
from ...errors import DesignError
from ...inference.rows import glance_row, tidy_rows
from ..engine.batches import Array
from ..engine.grouping import CrossedGrouping
from ..formula.terms import INTERCEPT
from .influence import influence
from .neighbours import TIME, LagOne, lag_one, message
from .plots import residuals_data

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...core.display.page import Block
    from ..result import MultilevelFit

LAG_ONE = "lag-1 correlation"
ENOUGH = 8
"""Rows from which the spread of one group's residuals is looked at."""


@dataclass(frozen=True, eq=False)
class ModelCheck(Result):
    """What a reviewer asks of a fitted model; made by `check_model`.

    Attributes
    ----------
    table
        A row a question: ``about`` (residuals, random effects, collinearity, influence), ``what``,
        ``value``, ``where`` (the term, level or group it is about), ``reads`` (how the number
        is read) and ``p_value`` (of the lag-1 correlation, the one that is tested).
    influence
        A row a group of each level, as `influence` gives it; empty where groups cross.
    spread
        A row a group of the top level with at least eight rows: ``group, rows, sd`` of its
        residuals, in residual SDs.
    inflation
        The variance inflation factor of each coefficient but the intercept.
    residuals
        ``fitted`` and ``residual`` of every row, in residual SDs.
    effects
        ``level, term, value``: every predicted random effect over the SD of its kind.
    """

    table: pd.DataFrame
    influence: pd.DataFrame
    spread: pd.DataFrame
    inflation: pd.Series
    residuals: pd.DataFrame
    effects: pd.DataFrame
    level: str
    messages: tuple[str, ...] = ()
    title: str = "What a reviewer asks of the model"
    picture = "plot"

    def tidy(self) -> pd.DataFrame:
        """Return one row a question; ``where`` says what it is about, ``reads`` how it is read."""
        terms = self.table["about"] + ": " + self.table["what"]
        more = {name: self.table[name] for name in ("where", "reads")}
        tested = self.table["p_value"].to_numpy()
        return tidy_rows(terms, self.table["value"], p_value=tested, **more)

    def glance(self) -> pd.DataFrame:
        """Return one row: the largest influence of a group and the largest inflation."""
        largest = self.influence["cooks_distance"].max() if len(self.influence) else np.nan
        inflation = self.inflation.max() if len(self.inflation) else np.nan
        return glance_row(self, nobs=len(self.residuals), cooks_distance=largest, vif=inflation)

    def shown(self, labels: Mapping[str, str] | None = None) -> list[Block]:
        """Return the questions with their numbers, and who moves the coefficients most."""
        rows = self.tidy()
        blocks: list[Block] = [
            self._table(
                rows.assign(where=[in_places(where, labels) for where in rows["where"]]), labels
            )
        ]
        if len(self.influence):
            most = self.influence.nlargest(5, "cooks_distance")
            most = most.assign(level=most["level"].map(in_places))
            title = "The five groups whose leaving out moves the coefficients most"
            words = {"cooks_distance": "Cook's distance", "moved_se": "Moved (SE)"}
            blocks.append(self._table(most, words | dict(labels or {}), title))
        return blocks

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw residuals, random effects, influence, collinearity and spread (`ax`: the first)."""
        from .model_check_plot import plot_check

        return plot_check(self, ax)


def check_model(fit: MultilevelFit) -> ModelCheck:
    """What would a reviewer ask of this model, and what is the answer in numbers?

    How residuals and random effects are spread, whether residuals of neighbouring sessions are
    alike (a score test against AR(1) residuals, where the data have a column ``session``), which
    therapist or client carries the coefficients, whether predictors can be told apart, and whether
    residuals spread alike under all therapists.
    No number here says that an assumption is met: a small sample hides what a large one shows, and
    predicted random effects look more normal than the effects are, because they are shrunken.

    Parameters
    ----------
    fit
        What `fit_multilevel` returns for a measured outcome.

    Returns
    -------
    ModelCheck
        ``.table``, ``.influence`` (each group left out by its cross-products, variances held; Cook
        1977, doi 10.2307/1268249), ``.spread``, ``.inflation``; ``.plot()``.

    Raises
    ------
    DesignError
        Where `fit` is no fit of a measured outcome.

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.simulate_study(n_therapists=8, n_clients=40, seed=1)
    >>> data = al.decompose(study.select("wai-sr/total/client"), "session")
    >>> fit = al.fit_multilevel("score ~ session_within + (1 | therapist_id/client_id)", data)
    >>> check = al.check_model(fit)
    >>> check.influence.nlargest(1, "cooks_distance")[["level", "term"]].values.tolist()
    [['therapist_id', 'session_within']]
    """
    if not hasattr(fit, "optimum"):
        raise DesignError(
            "check_model takes a fit of a measured outcome, as fit_multilevel(formula, data) "
            f"returns it, not {type(fit).__name__}; of counts and of yes or no "
            "fit.residuals(kind='quantile') shows the residuals."
        )
    residuals = residuals_data(fit)
    effects = _effects(fit)
    nested = not isinstance(fit.design.grouping, CrossedGrouping)
    moved = influence(fit) if nested else pd.DataFrame()
    inflation = _inflation(fit)
    top = fit.design.grouping.names[-1]
    spread = _spread(fit, residuals["residual"].to_numpy(), top) if nested else pd.DataFrame()
    neighbours = lag_one(fit)
    parts = [
        *_of_residuals(residuals),
        *_of_neighbours(neighbours),
        *_of_spread(spread, top),
        *_of_effects(effects),
        *_of_inflation(inflation),
        *_of_influence(moved),
    ]
    table = pd.DataFrame(parts, columns=["about", "what", "value", "where", "reads"])
    p_value = np.nan if neighbours is None else neighbours.p_value
    table["p_value"] = np.where(table["what"] == LAG_ONE, p_value, np.nan)
    notes = ["Groups are left out with variances and correlations held as estimated from all."]
    if not nested:
        notes = ["Groups cross, so that none can be left out by its cross-products alone."]
    if neighbours is None and fit.autocorrelation is None and not fit.structured:
        notes.append(
            f"Whether residuals of neighbouring sessions are alike was not asked: that needs a "
            f"column of whole numbers '{TIME}' in the data, one row a session and nested groups."
        )
    notes += message(neighbours)
    return ModelCheck(table, moved, spread, inflation, residuals, effects, top, tuple(notes))


def _effects(fit: MultilevelFit) -> pd.DataFrame:
    """Return every predicted random effect over the spread of its kind."""
    parts = []
    for level, values in fit.random_effects.items():
        for term in values.columns:
            own = values[term].to_numpy()
            if own.std() > 1e-9 * np.sqrt(fit.scale):  # else the variance is estimated as zero
                scaled = own / own.std()
                parts.append(pd.DataFrame({"level": level, "term": term, "value": scaled}))
    none = pd.DataFrame(columns=["level", "term", "value"])
    return pd.concat(parts, ignore_index=True) if parts else none


def _inflation(fit: MultilevelFit) -> pd.Series:
    """Return each coefficient's variance over what it would be were predictors uncorrelated."""
    names = [name for name in fit.names if name != INTERCEPT]
    inner = np.linalg.inv(fit.cov_params().to_numpy())  # the information
    places = [list(fit.names).index(name) for name in names]
    if INTERCEPT in fit.names:  # what the intercept takes is no collinearity of predictors
        one = list(fit.names).index(INTERCEPT)
        inner = inner - np.outer(inner[:, one], inner[one]) / inner[one, one]
    inner = inner[np.ix_(places, places)]
    return pd.Series(np.diag(inner) * np.diag(np.linalg.inv(inner)), index=names, dtype=float)


def _spread(fit: MultilevelFit, residual: Array, level: str) -> pd.DataFrame:
    grouping = fit.design.grouping
    number = len(grouping.names) - 1
    rows = pd.DataFrame({"code": grouping.of_rows(number), "residual": residual})
    found = rows.groupby("code")["residual"].agg(["size", "std"])
    found = found[found["size"] >= ENOUGH]
    ids = [str(grouping.labels[number][code]) for code in found.index]
    table = pd.DataFrame({"group": ids, "rows": found["size"].to_numpy(), "sd": found["std"]})
    return table.reset_index(drop=True)


def _of_residuals(data: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    residual = data["residual"]
    far = float((residual.abs() > 3).mean())
    yield ("Residuals", "skewness", residual.skew(), "", "0 where both sides are alike")
    yield (
        "Residuals",
        "excess kurtosis",
        residual.kurt(),
        "",
        "above 0: heavy tails",
    )
    yield ("Residuals", "share beyond 3 SD", far, "", "0.0027 in a normal distribution")
    fan = data["fitted"].corr(residual.abs(), method="spearman")
    yield (
        "Residuals", "rank correlation of size and fitted value", fan, "",
        "above 0: spread grows with the level; below 0: a ceiling",
    )  # fmt: skip


def _of_neighbours(test: LagOne | None) -> Iterator[tuple[Any, ...]]:
    if test is None:
        return
    reads = "0 where neighbours are not alike; above 0: residual='ar1'; p by the score test"
    yield ("Residuals", LAG_ONE, test.correlation, TIME, reads)


def _of_spread(spread: pd.DataFrame, level: str) -> Iterator[tuple[Any, ...]]:
    if len(spread) < 2:
        return
    ordered = spread.sort_values("sd")
    widest, narrowest = ordered.iloc[-1], ordered.iloc[0]
    ratio, where = widest["sd"] / narrowest["sd"], f"{level} {widest['group']}"
    yield ("Residuals", "largest over smallest SD of a group", ratio, where, "1 where alike")


def _of_effects(effects: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    for (level, term), part in effects.groupby(["level", "term"], sort=False):
        if len(part) > 2:
            where = f"{level}, {term}"
            yield ("Random effects", "skewness", part["value"].skew(), where, "of shrunken effects")


def _of_inflation(inflation: pd.Series) -> Iterator[tuple[Any, ...]]:
    if len(inflation) > 1:
        reads = "1 where predictors are uncorrelated; its root widens the interval"
        worst = str(inflation.idxmax())
        yield ("Collinearity", "largest variance inflation", inflation.max(), worst, reads)


def _of_influence(moved: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    if moved.empty:
        return
    for level, part in moved.groupby("level", sort=False):
        most = part.sort_values("cooks_distance").iloc[-1]
        farthest = part.sort_values("moved_se", key=abs).iloc[-1]
        where = f"{level} {most['group']}"
        yield ("Influence", "largest Cook's distance", most["cooks_distance"], where, "")
        where = f"{farthest['term']} without {level} {farthest['group']}"
        reads = "in standard errors of that coefficient"
        yield ("Influence", "farthest move of a coefficient", farthest["moved_se"], where, reads)

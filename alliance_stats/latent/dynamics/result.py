"""What a cross-lagged model gives: terms, fit, standardised paths, comparison, pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.results import Result
from ...errors import DesignError
from ...inference.distributions import chi2_upper
from ...inference.rows import coefficient_rows, glance_row
from ...multilevel import Comparison
from ..engine.fit import Estimates
from .plots import plot_course, plot_paths
from .waves import Waves

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...core.display.page import Block

WAVE = re.compile(r"^(.*)\[(\d+|later)\]$")
LAGS = ("x_on_x", "x_on_y", "y_on_x", "y_on_y")
ORDER = (*LAGS, "x_between_on_", "y_between_on_", "x_slope_on_", "y_slope_on_", "x_on_", "y_on_",
         "var_x_between", "var_y_between", "cov_between", "var_", "cov_", "mean_")  # fmt: skip


@dataclass(frozen=True, eq=False)
class CrossLagged(Result):
    """Two scores that lead and follow each other over waves; made by `fit_cross_lagged`.

    Attributes
    ----------
    table
        ``tidy()``: the glossary's columns, and ``wave``, the time of the later score, where a term
        has one. ``x_on_y``: x on the y before, within clients where the model parts levels;
        ``cov_within``, ``var_x_within``, ``var_y_within``: of the first wave, and of what is new
        at each later one; ``var_x_between``, ``var_y_between``, ``cov_between``: of lasting
        levels; ``mean_x``, ``mean_y``.
    model, lags
        Which model it is, and whether lagged effects are ``equal`` over waves.
    x, y
        The names of the scores.
    waves
        The times of the waves.
    n_clients
        How many clients have any value.
    estimates
        The fitted covariance structure.
    data
        The values it was fitted to.
    """

    table: pd.DataFrame
    model: str
    lags: str
    x: str
    y: str
    waves: tuple[float, ...]
    n_clients: int
    estimates: Estimates
    data: Waves
    confidence: float = 0.95
    messages: tuple[str, ...] = ()
    title: str = "Cross-lagged panel model"

    @property
    def fewest(self) -> int:  # type: ignore[override]
        """How many clients the terms are about."""
        return self.n_clients

    @property
    def llf(self) -> float:
        """The log-likelihood."""
        return self.estimates.llf

    @property
    def chi2(self) -> float:
        """Chi-square against the model without structure; NaN where that cannot be estimated."""
        return self.estimates.chi2

    @property
    def chi2_df(self) -> int:
        """The degrees of freedom of `chi2`."""
        return self.estimates.chi2_df

    @property
    def params(self) -> pd.Series:
        """All parameters by their names, those that `tidy` leaves out among them."""
        return self.estimates.params

    @property
    def bse(self) -> pd.Series:
        """The standard errors of all parameters."""
        return self.estimates.bse

    @property
    def converged(self) -> bool:
        """Whether the maximum of the likelihood was reached."""
        return self.estimates.converged

    @cached_property
    def _indices(self) -> pd.Series:
        return self.estimates.fit_indices()

    def fit_indices(self) -> pd.Series:
        """Return ``chi2, df, p_value, cfi, tli, rmsea`` (with 90 % limits), ``srmr, aic, bic``.

        Where errors are robust or by cluster, ``chi2_scaled``, ``scaling`` and ``p_value_scaled``
        follow (Yuan & Bentler 2000, as Mplus and lavaan have it).
        """
        return self._indices.copy()

    def tidy(self) -> pd.DataFrame:
        """Return one row a term (and wave)."""
        return self.table.copy()

    def glance(self) -> pd.DataFrame:
        """Return model, size, likelihood and fit in one row."""
        size = {"n_waves": len(self.waves), "n_parameters": len(self.estimates.theta)}
        row = glance_row(self, "model", "lags", "n_clients", **size, llf=self.llf)
        fit = self._indices.rename({"p_value_scaled": "p_scaled"})
        return pd.concat([row, fit.to_frame().T.set_axis([0])], axis=1)

    def term_labels(self) -> dict[str, str]:
        """Return the terms with the names of the two scores."""
        name = {"x": self.x, "y": self.y}
        lags = {f"{a}_on_{b}": f"{name[a]} on {name[b]} before" for a in "xy" for b in "xy"}
        spread = {
            f"var_{a}_{level}": f"Variance of {name[a]} ({level} clients)"
            for a in "xy"
            for level in ("within", "between")
        }
        both = {
            f"cov_{level}": f"Covariance of both ({level} clients)"
            for level in ("within", "between")
        }
        return lags | spread | both | {f"mean_{a}": f"Mean of {name[a]}" for a in "xy"}

    def shown(self, labels: Mapping[str, str] | None = None) -> list[Block]:
        """Return the terms without those that only describe waves, and the fit."""
        of_waves = self.table["term"].str.match(r"mean_[xy]$|var_[xy]_within$")
        fit = self.glance().drop(columns=["model", "lags"])
        return [self._table(self.table[~of_waves], labels), self._table(fit, labels)]

    def standardised(self) -> pd.DataFrame:
        """Return the lagged effects in standard deviations, by wave and as their mean over waves.

        An effect is multiplied by the standard deviation of the earlier score and divided by that
        of the later one, both as the model implies them (within clients, where it parts levels);
        standard errors by the delta method.

        Returns
        -------
        DataFrame
            As `tidy`; rows without ``wave`` are the mean over waves.
        """
        terms = [term for term in LAGS if (self.table["term"] == term).any()]
        structure, later = self.estimates.model.structures[0], len(self.waves) - 1
        place = {name: i for i, name in enumerate(structure.latent)}

        def standard(theta: np.ndarray) -> np.ndarray:
            values = self.estimates.model.values(theta)
            m = structure.moments(values)
            sd = np.sqrt(np.diag(m.omega))
            out = []
            for term in terms:
                to, before = term[0], term[-1]
                rows = [place[f"w{to}{t}"] for t in range(2, later + 2)]
                columns = [place[f"w{before}{t}"] for t in range(1, later + 1)]
                own = m.matrices["path"][rows, columns] * sd[columns] / sd[rows]
                out.append(np.append(own, own.mean()))
            return np.concatenate(out)

        value, covariance = self.estimates.delta(standard)
        table = coefficient_rows(
            list(np.repeat(terms, later + 1)),
            value,
            np.sqrt(np.maximum(np.diag(covariance), 0.0)),
            _df(self.estimates),
            confidence=self.confidence,
        )
        return table.assign(wave=np.tile([*self.waves[1:], np.nan], len(terms)))

    def compare(self, other: Any) -> Comparison:
        """Return the likelihood-ratio test of this model and one nested in it (or the reverse).

        Both must be fitted to the same clients, scores and waves. Where the smaller model sets
        variances of levels to zero (``clpm`` in ``ri-clpm``), they lie at the edge of what they
        may be, and the p value is too large (Stoel et al. 2006, doi 10.1037/1082-989X.11.4.439).
        """
        if not isinstance(other, CrossLagged):
            raise DesignError("compare needs another result of fit_cross_lagged.")
        mine, theirs = self.data.values, other.data.values
        if mine.shape != theirs.shape or not np.array_equal(mine, theirs, equal_nan=True):
            raise DesignError("Both models must be fitted to the same scores, clients and waves.")
        small, large = sorted((self, other), key=lambda one: len(one.estimates.theta))
        df = large.estimates.theta.size - small.estimates.theta.size
        edge = small.model != large.model
        if df == 0 or (edge and "dynamic-panel" in (small.model, large.model)):
            raise DesignError(
                "Neither of the two models is a special case of the other; compare their .glance()."
            )
        statistic = max(small.estimates.deviance - large.estimates.deviance, 0.0)
        rows = [
            {"model": one.model, "lags": one.lags, "n_parameters": len(one.estimates.theta),
             "llf": one.llf, "aic": one.fit_indices()["aic"], "bic": one.fit_indices()["bic"]}
            for one in (small, large)
        ]  # fmt: skip
        notes = []
        if edge:
            notes.append(
                "Variances set to zero lie at the edge of what they may be: the p value is too "
                "large, so a small one stands, a large one says little."
            )
        if self.estimates.clusters or self.estimates.scaling != 1.0:
            notes.append("The test is that of normal theory, without regard to clusters.")
        return Comparison(
            models=pd.DataFrame(rows),
            statistic=statistic,
            df=df,
            p_value=chi2_upper(statistic, df),
            distribution=f"chi-square with {df} df",
            messages=tuple(notes),
        )

    def course(self) -> pd.DataFrame:
        """Return means of both scores by wave: observed (of who was there) and as implied.

        Columns ``score, wave, n, observed, implied, sd_observed, sd_implied``.
        """
        implied, names = self.estimates.moments[0], self.estimates.model.structures[0].observed
        place = {name: i for i, name in enumerate(names)}
        rows = []
        for v, of, values in (("x", self.x, self.data.x), ("y", self.y, self.data.y)):
            for t, wave in enumerate(self.waves):
                column, i = values[:, t], place.get(f"{v}{t + 1}")
                rows.append(
                    {
                        "score": of,
                        "wave": wave,
                        "n": int(np.isfinite(column).sum()),
                        "observed": np.nanmean(column),
                        "implied": np.nan if i is None else implied.mu[i],
                        "sd_observed": np.nanstd(column),
                        "sd_implied": np.nan if i is None else np.sqrt(implied.sigma[i, i]),
                    }
                )
        return pd.DataFrame(rows)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the paths from wave to wave with their standardised estimates."""
        return plot_paths(self, ax)

    def plot_course(self, ax: Axes | None = None) -> Axes:
        """Draw the observed means by wave beside those that the model implies."""
        return plot_course(self, ax)


def _df(estimates: Estimates) -> float:
    return np.inf if estimates.clusters is None else float(estimates.clusters - 1)


def _parted(name: str, time: np.ndarray) -> tuple[str, float]:
    """Return the term of a parameter's name and its wave (missing where it has none)."""
    found = WAVE.match(name)
    if found is None:
        return name, np.nan
    return found[1], np.nan if found[2] == "later" else float(time[int(found[2]) - 1])


def terms_table(estimates: Estimates, time: np.ndarray, confidence: float) -> pd.DataFrame:
    """Return the rows of ``tidy()``: what the model is about, without the rest of its covariances.

    Whether a variance is zero is not told by its z, so variances have none.
    """
    kept = sorted(_terms(estimates.model.names), key=lambda one: one[0])
    rows = [i for _, i in kept]
    parted = [_parted(estimates.model.names[i], time) for i in rows]
    table = coefficient_rows(
        [term for term, _ in parted],
        estimates.theta[rows],
        estimates.bse.to_numpy()[rows],
        _df(estimates),
        confidence=confidence,
    ).assign(wave=[wave for _, wave in parted])
    variance = table["term"].str.startswith("var_")
    table.loc[variance, ["statistic", "p_value"]] = np.nan
    return table


def _terms(names: Any) -> Iterator[tuple[int, int]]:
    """Yield rank and place of each parameter that is a term."""
    for i, name in enumerate(names):
        if "(" not in name:
            yield next(k for k, start in enumerate(ORDER) if name.startswith(start)), i

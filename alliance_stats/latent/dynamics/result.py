"""What a cross-lagged model gives: terms, fit, standardised paths, comparison, pictures."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...errors import DesignError, listing
from ...inference.distributions import chi2_upper, half_width
from ...inference.rows import coefficient_rows
from ...multilevel import Comparison
from ..engine.fit import Estimates, difference, is_nested
from ..result import CORRECTION, ROBUST, LatentFit, clustered
from .fitting import Specification
from .panel_models import EQUAL, MODELS
from .plots import plot_course, plot_paths
from .readings import Readings, readings
from .standard import correlations, in_groups, standardised_effects
from .waves import Waves, labels_of
from .words import assumed, words_of_terms

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...core.display.page import Block

NAME = re.compile(r"^([^\[@]*)(?:\[(\d+|later)\])?(?:@(\d+))?$")
ORDER = (r"[xyz]_on_[xyz]$", r"._between_on_", r"._slope_on_", r"._on_", r"var_._between",
         r"cov_between", r"var_", r"cov_", r"mean_")  # fmt: skip
"""The order of terms: lagged effects, covariates, levels, what is new at a wave, means."""

BELOW = 1e-4
"""By so much the likelihood's search may end short of the maximum of the larger model."""


@dataclass(frozen=True, eq=False)
class CrossLagged(LatentFit):
    """Scores that lead and follow each other over waves; made by `fit_cross_lagged`.

    Attributes
    ----------
    table
        ``tidy()``: the glossary's columns, and ``wave``, the time of the later score, where a term
        has one. ``x_on_y``: x on the y before, within clients where the model parts levels;
        ``cov_within``, ``var_x_within``, ``var_y_within``: of the first wave, and of what is new
        at each later one; ``var_x_between``, ``var_y_between``, ``cov_between``: of lasting
        levels; ``mean_x``, ``mean_y``. Of three scores ``cov_within_x_z`` and so on. Of groups
        also ``subgroup``, empty where a term is the same in all.
    model, lags
        Which model it is, and whether lagged effects are ``equal`` over waves.
    x, y, z
        The names of the scores; z is empty where there are two.
    waves
        The times of the waves.
    subgroups
        The groups that were compared; one without a name where there is one.
    n_clients
        How many clients have any value.
    estimates
        The fitted covariance structure.
    data
        The values it was fitted to.
    specification
        What is held equal.
    """

    table: pd.DataFrame
    model: str
    lags: str
    x: str
    y: str
    waves: tuple[float, ...]
    n_clients: int
    estimates: Estimates = field(repr=False)
    data: Waves = field(repr=False)
    specification: Specification
    z: str = ""
    subgroups: tuple[str, ...] = ("",)
    confidence: float = 0.95
    messages: tuple[str, ...] = ()
    title: str = "Cross-lagged panel model"

    @property
    def fewest(self) -> int:  # type: ignore[override]
        """How few clients have one of the scores, in one of the groups, beyond one a parameter."""
        return self.estimates.fewest

    def glance(self) -> pd.DataFrame:
        """Return model, size, likelihood and fit in one row."""
        size = {"n_waves": len(self.waves), "n_parameters": len(self.estimates.theta)}
        size |= {"n_groups": len(self.subgroups)} if len(self.subgroups) > 1 else {}
        return self._glance("model", "lags", "n_clients", **size)

    def facts(self) -> dict[str, Any]:
        """Return what sentences are filled from: the glance, groups, and what errors rest on."""
        clusters, cluster = self.estimates.clusters, self.specification.cluster
        groups, equal = len(self.subgroups), sorted(self.specification.equal)
        same = f" (the same in all: {listing(equal)})" if equal else ""
        of = f" in {groups} groups{same}" if groups > 1 else ""
        if cluster and clusters:
            errors = clustered(cluster, clusters)
        elif self.specification.errors == "robust":
            errors = " Standard errors are robust."
        else:
            errors = ""
        title, tested = MODELS[self.model][2], f"{self._scaled}{self._corrected}"
        sources = [MODELS[self.model][3], errors and ROBUST, self._corrected and CORRECTION]
        told = {
            "kind": f"{title[:1].lower()}{title[1:]}",
            "groups_told": of,
            "errors_told": f"{assumed(self.specification, self.data)}{errors}{tested}",
            "source": "; ".join(filter(None, sources)),
        }
        return super().facts() | told

    def term_labels(self) -> dict[str, str]:
        """Return the terms with the names of the scores."""
        return words_of_terms(self.model, self.data)

    def name_labels(self) -> dict[str, str]:
        """Return what scores of a study are called."""
        return labels_of(self.data.names.values())

    def shown(self, labels: Mapping[str, str] | None = None) -> list[Block]:
        """Return the terms without those that only describe waves, and the fit."""
        of_waves = self.table["term"].str.match(r"mean_[xyz]$|var_[xyz]_within$")
        shown = self._table(self.table[~of_waves], labels)
        return [shown, self._fit_in_words("n_clients", "n_groups", "n_waves", "n_parameters")]

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
        return in_groups(self, standardised_effects, "Standardised lagged effects")

    def correlations(self) -> pd.DataFrame:
        """Return what goes together: lasting levels, and what is new at each wave.

        ``cor_between`` of levels; ``cor_within`` by wave, and without ``wave`` the mean over waves
        from the second on. Standard errors by the delta method.

        Returns
        -------
        DataFrame
            As `tidy`.
        """
        return in_groups(self, correlations, "Correlations of levels and of what is new")

    @property
    def _lagged(self) -> set[str]:
        return {term for term in self.table["term"] if re.fullmatch(ORDER[0], term)}

    def _rows(self, terms: Any, function: Callable[[np.ndarray], np.ndarray]) -> pd.DataFrame:
        """Return rows of functions of the parameters, tested by the delta method."""
        value, covariance = self.estimates.delta(function)
        error = np.sqrt(np.maximum(np.diag(covariance), 0.0))
        df = self.estimates.df
        return coefficient_rows([*terms], value, error, df, confidence=self.confidence)

    def group_differences(self) -> pd.DataFrame:
        """Return how far the lagged effects of each group are from those of the first.

        A row an effect and group, each tested by itself; whether all are the same tests
        ``.compare`` with the fit in which ``equal=["lags"]``.

        Returns
        -------
        DataFrame
            As `tidy`, with ``wave`` and ``compared``.
        """
        if self.data.group is None:
            raise DesignError("There is one group; name a column of groups in group=.")
        rows = self.table[self.table["term"].isin(self._lagged) & (self.table["subgroup"] != "")]
        if rows.empty:
            raise DesignError("Lagged effects were held equal; leave 'lags' out of equal=.")
        place = {name: i for i, name in enumerate(self.estimates.model.names)}
        first = [name for name in place if name.endswith("@0") and _term(name) in self._lagged]
        labels = [name.removesuffix("@0") for name in first]
        base, found = [place[name] for name in first], []
        for g, group in enumerate(self.subgroups[1:], 1):
            own = [place[f"{label}@{g}"] for label in labels]

            def apart(theta: np.ndarray, own: Any = own) -> np.ndarray:
                return theta[own] - theta[base]

            parted = [_parted(label, self.data.time) for label in labels]
            table = self._rows([term for term, _, _ in parted], apart)
            table = table.assign(wave=[wave for _, wave, _ in parted])
            found.append(table.assign(compared=f"{group} minus {self.subgroups[0]}"))
        return pd.concat(found, ignore_index=True)

    def readings(self) -> Readings:
        """Return the same data read in other ways: observed means, nothing lasting, at once.

        What comes out if each client's mean over the sessions is taken for the lasting level; if
        nothing lasting differed between clients (``clpm``); and what this fit says where x acts on
        y within a session, or y on x.
        """
        return readings(self)

    def compare(self, other: Any) -> Comparison:
        """Return the likelihood-ratio test of this model and one nested in it (or the reverse).

        Both must be fitted to the same clients, scores and waves, and the larger must be able to
        have all means and covariances that the smaller one implies (Bentler & Satorra 2010, doi
        10.1037/a0019625); models of which neither is a case of the other are refused.
        Scaled (Satorra & Bentler 2001) where both chi-squares are.
        Where the smaller model sets variances of levels to zero (``clpm`` in ``ri-clpm``), they lie
        at the edge of what they may be, and the p value is too large (Stoel et al. 2006, doi
        10.1037/1082-989X.11.4.439).
        """
        if not isinstance(other, CrossLagged):
            raise DesignError("compare needs another result of fit_cross_lagged.")
        small, large = sorted((self, other), key=lambda one: len(one.estimates.theta))
        if not _same_data(small.data, large.data):
            raise DesignError(
                "Both models must be fitted to the same scores, clients, waves and groups."
            )
        alike = abs(small.estimates.deviance - large.estimates.deviance) < BELOW
        if alike and small.estimates.model.names == large.estimates.model.names:
            raise DesignError(
                "Both are the same model, so there is nothing to compare; fit one of them with "
                "another model=, lags=, residuals=, equal= or reliability=."
            )
        if not is_nested(small.estimates, large.estimates):
            criteria = [
                one.fit_indices()[["aic", "bic"]].round(1).tolist() for one in (self, other)
            ]
            aic, bic = zip(*criteria, strict=True)
            raise DesignError(
                "Neither of the two models is a special case of the other, so no chi-square tests "
                f"one against the other; AIC ({aic[0]} and {aic[1]}) and BIC ({bic[0]} and "
                f"{bic[1]}) compare them, the smaller the better."
            )
        df = large.estimates.theta.size - small.estimates.theta.size
        edge = small.model != large.model
        grouped = [one.data.group is not None for one in (small, large)]
        traces = [small.estimates.trace, large.estimates.trace]
        scaled = grouped[0] == grouped[1] and bool(np.isfinite(traces).all())
        statistic = small.estimates.deviance - large.estimates.deviance
        if statistic < -BELOW:
            raise DesignError(
                f"The larger of the two models ({large.model}) is less likely than its special "
                "case: its maximum was not reached, so the two cannot be compared."
            )
        statistic = max(statistic, 0.0)
        p_value = chi2_upper(statistic, df)
        if scaled:
            statistic, df, p_value = difference(small.estimates, large.estimates)
        clusters = small.estimates.clusters if scaled else None
        distribution = f"chi-square with {df} df"
        if clusters is not None:
            distribution = f"F with {df} and {clusters - 1} df (chi-square / {df})"
        rows = [
            {"model": one.model, "lags": one.lags, "equal": ", ".join(one._equal_in_groups()),
             "n_parameters": len(one.estimates.theta), "llf": one.llf,
             "aic": one.fit_indices()["aic"], "bic": one.fit_indices()["bic"]}
            for one in (small, large)
        ]  # fmt: skip
        models = pd.DataFrame(rows)
        notes = []
        if edge:
            notes.append(
                "Variances set to zero lie at the edge of what they may be: the p value is too "
                "large, so a small one stands, a large one says little."
            )
        if scaled:
            notes.append("Scaled difference of chi-squares (Satorra & Bentler 2001).")
        elif self.estimates.clusters:
            notes.append("The test is that of normal theory, without regard to clusters.")
        return Comparison(
            models=models if any(grouped) else models.drop(columns="equal"),
            statistic=statistic,
            df=df,
            p_value=p_value,
            distribution=distribution,
            messages=tuple(notes),
        )

    def _equal_in_groups(self) -> list[str]:
        if self.data.group is None:
            return ["everything"]
        return [one for one in EQUAL if one in self.specification.equal]

    def course(self) -> pd.DataFrame:
        """Return means of the scores by wave: observed (of who was there) and as implied.

        Columns ``score, wave, n, observed, implied, sd_observed, sd_implied``, and the limits of
        what is implied, ``conf_low, conf_high``; of groups also ``subgroup``.
        """
        rows = []
        for g, group in enumerate(self.subgroups):
            implied, who = self.estimates.moments[g], self.data.of(group)
            half = self._half_width_of_means(g)
            place = {name: i for i, name in enumerate(implied.structure.observed)}
            for v, values in self.data.scores.items():
                for t, wave in enumerate(self.data.time):
                    column, i = values[who, t], place.get(f"{v}{t + 1}")
                    n = int(np.isfinite(column).sum())
                    if not n:
                        continue
                    rows.append(
                        {
                            "subgroup": group,
                            "score": self.data.names[v],
                            "wave": wave,
                            "n": n,
                            "observed": np.nanmean(column),
                            "implied": np.nan if i is None else implied.mu[i],
                            "sd_observed": np.nanstd(column),
                            "sd_implied": np.nan if i is None else np.sqrt(implied.sigma[i, i]),
                            "conf_low": np.nan if i is None else implied.mu[i] - half[i],
                            "conf_high": np.nan if i is None else implied.mu[i] + half[i],
                        }
                    )
        table = pd.DataFrame(rows)
        return table.drop(columns="subgroup") if self.data.group is None else table

    def _half_width_of_means(self, g: int) -> np.ndarray:
        """Return half the intervals of the means that are implied for a group."""
        model = self.estimates.model

        def means(theta: np.ndarray) -> np.ndarray:
            return model.structures[g].moments(model.values(theta, g)).mu

        error = np.sqrt(np.maximum(np.diag(self.estimates.delta(means)[1]), 0.0))
        return half_width(error, self.estimates.df, self.confidence)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the paths from wave to wave with their standardised estimates."""
        return plot_paths(self, ax)

    def plot_course(self, ax: Axes | None = None) -> Axes:
        """Draw the observed means by wave beside those that the model implies."""
        return plot_course(self, ax)


def _same_data(mine: Waves, theirs: Waves) -> bool:
    """Tell whether both hold the same values; groups too, where both have any."""
    if mine.values.shape != theirs.values.shape:
        return False
    if mine.group is not None and theirs.group is not None and (mine.group != theirs.group).any():
        return False
    return np.array_equal(mine.values, theirs.values, equal_nan=True)


def _term(name: str) -> str:
    return name.partition("@")[0].partition("[")[0]


def _parted(name: str, time: np.ndarray) -> tuple[str, float, int | None]:
    """Return the term of a parameter's name, its wave (missing where it has none), its group."""
    found = NAME.match(name)
    if found is None:
        return name, np.nan, None
    term, wave, group = found.groups()
    at = np.nan if wave in (None, "later") else float(time[int(wave) - 1])
    return term, at, None if group is None else int(group)


def terms_table(estimates: Estimates, held: Waves, confidence: float) -> pd.DataFrame:
    """Return the rows of ``tidy()``: what the model is about, without the rest of its covariances.

    Whether a variance is zero is not told by its z, so variances have none.
    """
    names = estimates.model.names
    kept = [i for i, name in enumerate(names) if "(" not in name]
    first = {_term(name): i for i, name in reversed([*enumerate(names)])}
    terms = {_term(names[i]) for i in kept}
    rank = {term: next(k for k, of in enumerate(ORDER) if re.match(of, term)) for term in terms}
    kept.sort(key=lambda i: (rank[_term(names[i])], first[_term(names[i])]))
    parted = [_parted(names[i], held.time) for i in kept]
    table = coefficient_rows(
        [term for term, _, _ in parted],
        estimates.theta[kept],
        estimates.bse.to_numpy()[kept],
        estimates.df,
        confidence=confidence,
    ).assign(wave=[wave for _, wave, _ in parted])
    if held.group is not None:
        table["subgroup"] = ["" if g is None else held.groups[g] for _, _, g in parted]
    variance = table["term"].str.startswith("var_")
    table.loc[variance, ["statistic", "p_value"]] = np.nan
    return table

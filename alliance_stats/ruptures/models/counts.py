"""Who has more ruptures, given how many sessions could show one? Counts with exposure."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.arguments import checked_choice, names
from ...core.results import TIDY_COLUMNS, Result
from ...errors import DesignError, require_columns
from ...inference.rows import as_ratios, coefficient_rows, glance_row
from ...multilevel.fit import fitted_outcome
from ...multilevel.outcomes.reading import Asked
from ...multilevel.outcomes.result import OutcomeFit
from ...study.select import is_study
from ...study.times import SESSION, along
from ..reading import table_of
from ..result import Ruptures
from ..rules import RUPTURE_RULE
from .plots import plot_rates
from .session_table import session_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...study import Study

FAMILIES = ("poisson", "negative_binomial")
LEAST_CLIENTS = 20
LEAST_THERAPISTS = 5
NO_EXTRA = 1e-3  # alpha below which a negative binomial is a Poisson
UNDER = 0.8  # Pearson dispersion below which Poisson's intervals are too wide


@dataclass(frozen=True)
class RuptureCount(Result):
    """Rates of ruptures by what is known of clients.

    Attributes
    ----------
    table
        The columns of ``tidy()``: log rate ratios; ``exp`` of them are rate ratios.
    family
        ``poisson`` or ``negative_binomial``.
    dispersion
        Pearson chi-square over its degrees of freedom (1 where counts are Poisson).
    alpha
        Of the negative binomial: the variance is mu + alpha mu^2; 0 for Poisson.
    clusters
        Who differs in rates beyond the predictors: ``therapist_id``, or only ``client_id``.
    fit
        The multilevel model: ``.varcomp``, ``.rate_ratios()``, ``.average_effects()``; None for a
        negative binomial without therapists.
    """

    table: pd.DataFrame
    family: str
    dispersion: float
    alpha: float
    n_clients: int
    n_ruptures: int
    exposure: int
    clusters: str
    ruptures: Ruptures = field(repr=False)
    fit: OutcomeFit | None = field(default=None, repr=False)
    messages: tuple[str, ...] = ()
    title: str = "Number of ruptures with exposure"
    score: str = ""

    _ratio = "RR"

    def tidy(self, *, exponentiate: bool = False) -> pd.DataFrame:
        """Return one row a coefficient (a log rate ratio), or as rate ratios."""
        table = self.table[list(TIDY_COLUMNS)]
        return as_ratios(table) if exponentiate else table

    def glance(self) -> pd.DataFrame:
        """Return one row: clients, ruptures, exposure, dispersion."""
        counts = ("n_clients", "n_ruptures", "exposure")
        return glance_row(self, "family", *counts, "dispersion", "alpha", "clusters")

    def facts(self) -> dict[str, Any]:
        """Return what sentences are filled from: also the model, its integrals and its tests."""
        model = (
            "a negative binomial regression by maximum likelihood, with robust standard errors "
            "(HC1) and z tests"
        )
        if self.fit is not None:
            of = self.fit.facts()
            model = (
                f"a {of['title']} with random intercepts ({of['groups']}), by {of['estimator']} "
                f"and {of['tests']}"
            )
        return super().facts() | {"model": model}

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the rate ratios."""
        return plot_rates(self, ax=ax)


def fit_rupture_count(
    data: Study | pd.DataFrame,
    *,
    alliance: str,
    predictors: Sequence[str] | str,
    clients: pd.DataFrame | None = None,
    rule: str = RUPTURE_RULE,
    family: str = "poisson",
    subscale: str | None = None,
    rater: str | None = None,
    events: pd.DataFrame | None = None,
    codes: pd.DataFrame | None = None,
    time: str = SESSION,
    **parameters: Any,
) -> RuptureCount:
    """Who has more ruptures, given how many sessions could show one?

    Clients with more sessions have more ruptures by opportunity alone, so the count is modelled
    with the number of judged sessions as exposure: log E(count) = b x + log(judged sessions).

    Parameters
    ----------
    data, alliance, rule, subscale, rater, **parameters
        As in `fit_rupture_repair`.
    predictors
        Columns known of a client: numbers, or text (then categories, the first in sorted order
        the reference).
    clients
        One row a client with `client_id` and the predictors; a study's own table where left out.
    family
        ``"poisson"`` or ``"negative_binomial"``.
    events, codes
        Tables for the rules that read reports or codes.
    time
        The column that counts along time in place of ``session``: ``"occasion"``, by its order, or
        one of numbers, such as ``"week"``.

    Returns
    -------
    RuptureCount
        ``.tidy(exponentiate=True)`` for rate ratios, ``.dispersion``.

    Notes
    -----
    By `fit_multilevel`: a random intercept of the therapist where five or more are known; beside it
    clients differ as log-normal (``"poisson"``) or as gamma (``"negative_binomial"``), so counts
    that vary more than Poisson's widen the intervals. Degrees of freedom are between-within. A
    negative binomial without therapists has nothing to integrate and is fitted by statsmodels with
    robust standard errors (z). A fall cannot be found in a client's first session, so judged
    sessions, not all sessions, are the exposure.

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.simulate_study(n_therapists=10, n_clients=120, seed=2)
    >>> rates = al.fit_rupture_count(study, alliance="wai-sr", predictors="site_id")
    >>> bool(rates.dispersion > 0)
    True
    """
    data, events, codes = (along(one, time, whole=True) for one in (data, events, codes))
    if family == "negative-binomial":  # its name here before it was that of `fit_multilevel`
        family = "negative_binomial"
    checked_choice("family", family, FAMILIES)
    table = session_table(
        data, (alliance, subscale, rater), None, rule, parameters, events=events, codes=codes
    )
    columns = names(predictors, "predictors")
    if not columns:
        raise DesignError("predictors must name at least one column of the clients.")
    rows = _client_rows(data, table.found, clients, columns)
    x, kept = _design(rows, columns)
    fit = _count_fit(rows.loc[kept], x, family, table.found, table.messages)
    return replace(fit, score=table.score)


def _client_rows(
    data: Any, found: Ruptures, clients: pd.DataFrame | None, predictors: list[str]
) -> pd.DataFrame:
    if clients is None:
        clients = table_of(data, "clients") if is_study(data) else data
    if clients is None:
        raise DesignError("The study has no table 'clients'; pass clients= with the predictors.")
    require_columns(clients.columns, ["client_id", *predictors], what="the clients")
    keep = list(dict.fromkeys(["client_id", *predictors, "therapist_id"]))
    known = clients[[name for name in keep if name in clients.columns]].drop_duplicates()
    twice = known["client_id"][known["client_id"].duplicated()]
    if len(twice):
        raise DesignError(
            f"A predictor must be one value a client; {len(twice)} clients have several (first: "
            f"{twice.iloc[0]}). What changes over sessions belongs in fit_rupture_repair."
        )
    judged = found.clients[found.clients["n_judged"] > 0]
    return judged[["client_id", "n_ruptures", "n_judged"]].merge(known, on="client_id", how="left")


def _design(rows: pd.DataFrame, predictors: list[str]) -> tuple[pd.DataFrame, pd.Index]:
    dates = [name for name in predictors if rows[name].dtype.kind in "mM"]
    if dates:
        raise DesignError(
            f"The predictor '{dates[0]}' holds dates or durations; make it a number or a group."
        )
    complete = rows[rows[predictors].notna().all(axis=1)]
    x = pd.get_dummies(complete[predictors], drop_first=True, dtype=float).astype(float)
    x.insert(0, "Intercept", 1.0)
    if len(x) < LEAST_CLIENTS or np.linalg.matrix_rank(x.to_numpy()) < x.shape[1]:
        raise DesignError(
            f"{len(x)} clients could be judged and have the predictors; {LEAST_CLIENTS} are "
            "needed, and predictors that differ between them and are not copies of one another."
        )
    return x, complete.index


def _with_therapists(rows: pd.DataFrame) -> bool:
    known = "therapist_id" in rows.columns and rows["therapist_id"].notna().all()
    return bool(known and rows["therapist_id"].nunique() >= LEAST_THERAPISTS)


def _count_fit(
    rows: pd.DataFrame, x: pd.DataFrame, family: str, found: Ruptures, notes: tuple[str, ...]
) -> RuptureCount:
    y, exposure = rows["n_ruptures"], rows["n_judged"]
    therapists = _with_therapists(rows)
    dispersion, fit, alpha = _dispersion(y, x, exposure), None, 0.0
    if family == "negative_binomial" and not therapists:
        table, alpha = _without_groups(y, x, exposure)
    else:
        fit = _multilevel(rows, x, family, therapists)
        if fit.dispersion > 1 / NO_EXTRA:  # then a Poisson's, which has no size to look for
            fit = _multilevel(rows, x, "poisson", therapists)
        if not fit.converged:
            raise DesignError(fit.convergence_note)
        table = coefficient_rows(x.columns, fit.params, fit.bse, fit.df)
        alpha = 1 / fit.dispersion if fit.family == "negative_binomial" else 0.0
    said = [
        f"{int(y.sum())} ruptures in {int(exposure.sum())} judged sessions of {len(y)} clients; "
        f"Pearson dispersion {dispersion:.2f}.",
        _spread(fit),
    ]
    if family == "negative_binomial" and alpha < NO_EXTRA:
        said.append("The counts vary no more than Poisson's: the extra variance is zero.")
    if fit is not None and dispersion < UNDER:
        said.append(
            "The counts vary less than Poisson's, for a rupture under way cannot begin again: the "
            "intervals are wider than they need be."
        )
    return RuptureCount(
        table,
        family,
        dispersion,
        alpha,
        len(y),
        int(y.sum()),
        int(exposure.sum()),
        "therapist_id" if therapists else "client_id",
        found,
        fit,
        (*said, *notes),
    )


def _multilevel(rows: pd.DataFrame, x: pd.DataFrame, family: str, therapists: bool) -> OutcomeFit:
    """Fit the counts with clients (log-normal) or a size (gamma), and therapists."""
    groups = [name for name, there in (
        ("client_id", family == "poisson"), ("therapist_id", therapists)) if there]  # fmt: skip
    data = rows[["n_ruptures", "n_judged", *groups]].join(x.drop(columns="Intercept"))
    parts = [f"`{name}`" for name in x.columns[1:]] + [f"(1 | {name})" for name in groups]
    asked = Asked(family, offset="log(n_judged)")
    return fitted_outcome(f"n_ruptures ~ {' + '.join(parts)}", data, asked, df="between-within")


def _spread(fit: OutcomeFit | None) -> str:
    """Say how much therapists, and clients beyond chance, differ in their rates."""
    if fit is None:
        return "Standard errors are robust; clients are taken as independent."
    sds = [f"{row.group} {row.sdcor:.2f}" for row in fit.varcomp.itertuples()]
    return f"SD of the log rate, beyond the predictors and chance: {', '.join(sds)}."


def _dispersion(y: pd.Series, x: pd.DataFrame, exposure: pd.Series) -> float:
    """Return Pearson's chi-square of a Poisson regression over its degrees of freedom."""
    import statsmodels.api as sm

    poisson = sm.GLM(y, x, family=sm.families.Poisson(), exposure=exposure).fit()
    return float(poisson.pearson_chi2 / poisson.df_resid)


def _without_groups(
    y: pd.Series, x: pd.DataFrame, exposure: pd.Series
) -> tuple[pd.DataFrame, float]:
    """Return coefficients of a negative binomial regression with robust errors, and alpha."""
    import statsmodels.api as sm

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = sm.NegativeBinomial(y, x, exposure=exposure)
        fit = model.fit(disp=0, maxiter=200, cov_type="HC1")
    k = x.shape[1]
    table = coefficient_rows(list(x.columns), fit.params.to_numpy()[:k], fit.bse.to_numpy()[:k])
    return table, float(fit.params.iloc[-1])

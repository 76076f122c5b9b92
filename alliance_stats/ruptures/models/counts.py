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
from ...inference.rows import coefficient_rows, glance_row
from ...study.select import is_study
from ...study.times import SESSION, along
from ..reading import table_of
from ..result import Ruptures
from .plots import plot_rates
from .session_table import session_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...study import Study

FAMILIES = ("poisson", "negative-binomial")
LEAST_CLIENTS = 20


@dataclass(frozen=True)
class RuptureCount(Result):
    """Rates of ruptures by what is known of clients.

    Attributes
    ----------
    table
        The columns of ``tidy()``: log rate ratios; ``exp`` of them are rate ratios.
    family
        ``poisson`` or ``negative-binomial``.
    dispersion
        Pearson chi-square over its degrees of freedom (1 where counts are Poisson).
    clusters
        Whose standard errors are robust: ``therapist_id``, or none (``client``).
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
    messages: tuple[str, ...] = ()
    title: str = "Number of ruptures with exposure"
    score: str = ""

    def tidy(self, *, exponentiate: bool = False) -> pd.DataFrame:
        """Return one row a coefficient (a log rate ratio), or as rate ratios."""
        table = self.table[list(TIDY_COLUMNS)]
        if not exponentiate:
            return table
        columns = ["estimate", "conf_low", "conf_high"]
        return table.assign(**{name: np.exp(table[name]) for name in columns}, std_error=np.nan)

    def glance(self) -> pd.DataFrame:
        """Return one row: clients, ruptures, exposure, dispersion."""
        counts = ("n_clients", "n_ruptures", "exposure")
        return glance_row(self, "family", *counts, "dispersion", "alpha", "clusters")

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the rate ratios."""
        return plot_rates(self, ax=ax)


def fit_rupture_count(
    data: Study | pd.DataFrame,
    *,
    alliance: str,
    predictors: Sequence[str] | str,
    clients: pd.DataFrame | None = None,
    rule: str = "drop_stricter_sd",
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
        ``"poisson"`` or ``"negative-binomial"`` (counts that vary more than Poisson's).
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
    Standard errors are robust, with therapists as clusters where five or more are known (z tests).
    statsmodels fits both families. A fall cannot be found in a client's first session, so judged
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


def _robust(rows: pd.DataFrame) -> dict[str, Any]:
    """Return how statsmodels is asked for robust errors: over therapists, or over clients."""
    if "therapist_id" in rows.columns and rows["therapist_id"].notna().all():
        groups = pd.factorize(rows["therapist_id"])[0]
        if groups.max() >= 4:
            return {"cov_type": "cluster", "cov_kwds": {"groups": groups}}
    return {"cov_type": "HC1"}


def _count_fit(
    rows: pd.DataFrame, x: pd.DataFrame, family: str, found: Ruptures, notes: tuple[str, ...]
) -> RuptureCount:
    import statsmodels.api as sm

    y = rows["n_ruptures"].to_numpy(dtype=float)
    exposure = rows["n_judged"].to_numpy(dtype=float)
    how = _robust(rows)
    by = how["cov_type"] == "cluster"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        poisson = sm.GLM(y, x, family=sm.families.Poisson(), exposure=exposure).fit(**how)
        fit, alpha = poisson, 0.0
        if family == "negative-binomial":
            start = np.append(poisson.params.to_numpy(), 0.1)
            model = sm.NegativeBinomial(y, x, exposure=exposure)
            fit = model.fit(start_params=start, disp=0, maxiter=200, **how)
            alpha = float(fit.params.iloc[-1])
    k = x.shape[1]
    estimate = fit.params.to_numpy()[:k]
    error = fit.bse.to_numpy()[:k]
    table = coefficient_rows(list(x.columns), estimate, error)
    extra: tuple[str, ...] = ()
    if family == "negative-binomial" and alpha < 1e-3:
        extra = ("The counts vary no more than Poisson's: the extra variance is zero.",)
    dispersion = float(poisson.pearson_chi2 / poisson.df_resid)
    said = (
        f"{int(y.sum())} ruptures in {int(exposure.sum())} judged sessions of {len(y)} clients; "
        f"Pearson dispersion {dispersion:.2f}.",
        "Standard errors are robust"
        + (", therapists being the clusters." if by else "; clients are taken as independent."),
    )
    return RuptureCount(
        table,
        family,
        dispersion,
        alpha,
        len(y),
        int(y.sum()),
        int(exposure.sum()),
        "therapist_id" if by else "client_id",
        found,
        (*said, *extra, *notes),
    )

"""Cox's model of dropout by statsmodels, to compare with the discrete-time hazard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ...core.arguments import checked_choice, checked_table, numbers, share
from ...core.people import refuse_ids
from ...core.results import Result
from ...errors import ColumnError, DesignError, listing, require_columns
from ...inference.rows import glance_row
from ...study.times import SESSION, along
from ..leakage.lookahead import refuse_late_predictors, refuse_outcome
from .fit import complete_rows, fewest_clients, outcome_and_predictors, parsed_hazard
from .fit_checks import (
    INTERCEPT,
    few_events,
    few_groups,
    refuse_one_group,
    runaways,
    standardised,
    told,
)
from .links import ratio_rows


@dataclass(frozen=True)
class DropoutCox(Result):
    """A Cox model: log hazard ratios with standard errors robust to therapists.

    Attributes
    ----------
    params, bse, naive_bse
        Log hazard ratios, their robust standard errors, and those that take clients of one
        therapist as independent.
    """

    formula: str
    params: pd.Series
    bse: pd.Series
    naive_bse: pd.Series
    ties: str
    cluster: str
    n_clusters: int
    nobs: int
    n_events: int
    llf: float
    confidence: float
    messages: tuple[str, ...] = ()
    runaway: tuple[str, ...] = ()
    title: str = "Cox model of dropout (partial likelihood)"
    fewest: int | None = None

    def tidy(self, *, exponentiate: bool = False) -> pd.DataFrame:
        """Return one row a term; `exponentiate` gives hazard ratios."""
        return ratio_rows(self, exponentiate)

    def glance(self) -> pd.DataFrame:
        """Return one row: size and partial log-likelihood."""
        return glance_row(self, "nobs", "n_events", "n_clusters", "ties", "llf")


def fit_dropout_cox(
    formula: str,
    data: pd.DataFrame,
    *,
    cluster: str | None = "therapist_id",
    ties: str = "efron",
    confidence: float = 0.95,
    time: str = SESSION,
) -> DropoutCox:
    """Does a model in continuous time say the same as the discrete-time hazard?

    Parameters
    ----------
    formula
        ``event ~ alliance_within + alliance_between``: no intercept is estimated and no random
        intercept allowed. The baseline is free, so ``session`` is not a predictor.
    data
        Person-period rows with ``session``: a row spans the time from session - 1 to session.
    cluster
        A column whose groups make the standard errors robust; None for independent rows.
    ties
        ``efron`` or ``breslow``. Sessions are whole numbers and so are full of ties, which is why
        the discrete-time hazard with ``link="cloglog"`` is the better model of the two.
    time
        The column that counts along time in place of ``session``: ``"occasion"``, by its order, or
        one of numbers, such as ``"week"``.

    Returns
    -------
    DropoutCox

    Notes
    -----
    ``0 +`` changes nothing, since no intercept is estimated. statsmodels' ``PHReg`` with
    start-stop rows. The robust errors after Lin & Wei (1989, doi 10.1080/01621459.1989.10478874)
    are our own: those of ``PHReg`` do not follow Efron's weights, and are missing where a row
    outlasts the last event.

    Examples
    --------
    >>> import alliance_stats as al
    >>> data = al.person_period(al.load_dataset("demo-trial"))
    >>> fit = al.fit_dropout_cox("event ~ alliance_within + alliance_between", data)
    >>> fit.params.index.tolist()
    ['alliance_within', 'alliance_between']
    """
    data = along(data, time)
    share(confidence)
    checked_choice("ties", ties, ("efron", "breslow"))
    parsed, group = parsed_hazard(formula, data)
    if group:
        raise DesignError("A Cox model here takes no random term; use cluster= for therapists.")
    data = checked_table(data, "data")
    require_columns(data.columns, ["session"], what="the person-period rows")
    used, messages = complete_rows(parsed, data, cluster)
    fixed = parsed.fixed.columns if parsed.fixed else ()
    refuse_outcome(fixed, parsed.response.columns)
    refuse_ids(data, parsed.fixed.bare_columns() if parsed.fixed else ())
    refuse_late_predictors(data, fixed, parsed.response.columns[0])
    y, x, _ = outcome_and_predictors(parsed, used)
    others = x.drop(columns=[c for c in (INTERCEPT,) if c in x.columns])
    if others.shape[1] == 0 or "session" in fixed:
        raise DesignError(
            "A Cox model needs predictors other than 'session': time is its free baseline."
        )
    stop = _sessions(used)
    # The baseline stands for the intercept, so a predictor must differ from a constant.
    scaled = standardised(others.assign(**{INTERCEPT: 1.0}))[0][:, :-1]
    size = others.std(ddof=0).to_numpy()
    naive = _partial_likelihood(stop, scaled, y, ties)
    with np.errstate(all="ignore"):  # of a coefficient that runs to infinity they are NaN
        errors = naive.bse
    groups = None
    if cluster:
        refuse_one_group(used[cluster])
        groups = pd.factorize(used[cluster])[0]
        with np.errstate(all="ignore"):
            scores = _scores(scaled, y, stop, np.asarray(naive.params), ties)
            errors = _robust_errors(scores, groups, naive.cov_params())
    n_groups = int(groups.max()) + 1 if groups is not None else 0
    params = pd.Series(naive.params / size, others.columns)
    naive_bse = pd.Series(naive.bse / size, others.columns)
    runaway = runaways(others, params, naive_bse)
    messages += told(runaway)
    messages += few_events(int(y.sum()), others.shape[1])
    if groups is not None:
        messages += few_groups(n_groups, "take a random intercept (fit_dropout_hazard) instead")
    return DropoutCox(
        formula, params, pd.Series(errors / size, others.columns), naive_bse, ties, cluster or "",
        n_groups, len(y), int(y.sum()), float(naive.llf), confidence, tuple(messages),
        tuple(runaway), fewest=fewest_clients(others, y, used),
    )  # fmt: skip


def _sessions(used: pd.DataFrame) -> np.ndarray:
    """Return the session numbers, which are the clock."""
    stop = numbers(used, "session", "the person-period rows")
    wrong = ~(stop > 0)
    if wrong.any():
        raise ColumnError(
            f"Column 'session' must hold numbers above 0; {int(wrong.sum())} of {len(stop)} rows "
            f"hold {listing(pd.unique(used.loc[wrong, 'session']))}."
        )
    return stop


def _partial_likelihood(stop: np.ndarray, x: np.ndarray, y: np.ndarray, ties: str) -> Any:
    """Fit by statsmodels; what it warns of is told in our own words."""
    import warnings

    import statsmodels.api as sm

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        # PHReg counts a row as at risk at its very time of entry; half a session avoids that.
        try:
            return sm.PHReg(stop, x, status=y, entry=stop - 0.5, ties=ties).fit()
        except np.linalg.LinAlgError:
            raise DesignError(
                "The partial likelihood has no maximum: some predictor parts those who left from "
                "all others at their sessions. Merge categories or leave it out."
            ) from None


def _scores(
    x: np.ndarray, y: np.ndarray, session: np.ndarray, beta: np.ndarray, ties: str
) -> np.ndarray:
    """Return each row's score residual; a row is at risk at its own session and at no other."""
    eta = (x - x.mean(axis=0)) @ beta
    risk = np.exp(eta - eta.max(initial=0.0))
    out = np.zeros(x.shape)
    for now in np.unique(session[y == 1]):
        at = np.flatnonzero(session == now)
        event = y[at] == 1
        deaths = int(event.sum())
        # Efron takes a share of the events out of the risk set, one more at each step.
        steps = np.arange(deaths) / deaths if ties == "efron" else np.zeros(deaths)
        for taken in steps:
            weight = risk[at] * np.where(event, 1 - taken, 1.0)
            away = x[at] - weight @ x[at] / weight.sum()
            out[at] -= (weight / weight.sum())[:, None] * away
            out[at[event]] += away[event] / deaths
    return out


def _robust_errors(scores: np.ndarray, groups: np.ndarray, cov: np.ndarray) -> np.ndarray:
    """Return standard errors from the sums of scores within groups."""
    sums = np.zeros((int(groups.max()) + 1, scores.shape[1]))
    np.add.at(sums, groups, scores)
    return np.sqrt(np.diag(cov @ (sums.T @ sums) @ cov))

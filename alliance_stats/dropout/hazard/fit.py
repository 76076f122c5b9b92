"""Discrete-time hazard of dropout, with or without a random intercept of the therapist."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ...core.arguments import checked_choice, numbers, share, whole
from ...core.people import CLIENT, SESSION, refuse_ids
from ...errors import DesignError, require_columns
from ...multilevel.fit import MOST_NODES
from ...multilevel.formula.model_formula import Formula
from ...multilevel.formula.terms import INTERCEPT, Columns
from ..leakage.lookahead import refuse_late_predictors, refuse_outcome
from .changing import Change, Function, changes_over_time, with_changes
from .durations import by_whole_times
from .estimation import fit_with_intercepts, fit_without
from .fit_checks import (
    NO_EFFECT,
    OWN_CLUSTER,
    about_clients_without_group,
    few_events,
    few_groups,
    runaways,
    told,
    with_groups_of_their_own,
)
from .reading import complete_rows, fewest_clients, outcome_and_predictors, parsed_hazard
from .result import DropoutHazard

LINKS = ("logit", "cloglog")
ALONE = "(without a group)"
FRAILTY = (
    "Clients differ in their hazard beyond the predictors by an SD of {sd:.2f} on the link's "
    "scale. A client leaves once, so this is read from the course of the hazard alone, and hangs "
    "on the baseline in the formula and on the normal distribution. Compare other baselines, such "
    "as bs(session, df=4), and the fit without it."
)


def fit_dropout_hazard(
    formula: str,
    data: pd.DataFrame,
    *,
    link: str = "logit",
    cluster: str | None = None,
    nodes: int | None = None,
    guard: bool = True,
    confidence: float = 0.95,
    duration: str | None = None,
    entry: str | None = None,
    varying: Mapping[str, str | float | Function] | None = None,
) -> DropoutHazard:
    """What raises or lowers the chance that a client does not come back after a session?

    Parameters
    ----------
    formula
        ``event ~ session + alliance_within + alliance_between + (1 | therapist_id)``. The
        left-hand side is 0/1; the right one may use ``C(...)``, interactions and ``bs(session,
        df=4)``. Random intercepts: of one group, such as therapists, and of clients themselves,
        ``(1 | client_id)``. Rows without a therapist stay and have no effect of one.
    data
        One row a client and session at risk, from `person_period`; with `duration` one row a
        client, with how long and whether it happened.
    link
        ``logit`` (odds ratios) or ``cloglog`` (hazard ratios of a proportional-hazards model in
        continuous time).
    cluster
        Without a random intercept: a column whose groups make the standard errors robust; clients
        without one are each a cluster of their own. (Under a random intercept of therapists they
        have no effect of one.)
    nodes
        Points of the adaptive Gauss-Hermite quadrature; if left out they grow until neither the
        likelihood nor the estimates move.
    guard
        Refuse predictors that know what comes after the session they stand at (needs the columns
        ``client_id`` and ``session``): the outcome itself, how the therapy ended and after how
        many sessions, summaries of the whole therapy, the next session's value, in whatever unit.
    duration
        Of a table with one row a client: the column of the whole sessions (weeks, ...) until the
        event, or until somebody was last known to be without it. Each client is repeated for the
        times at risk, and in the formula the column counts them.
    entry
        With `duration`: the column of the time after which a row is at risk; 0 if left out.
    varying
        Predictors whose coefficient changes over time, and how, as `fit_dropout_cox` takes it:
        ``{"condition": "log"}``, ``"linear"``, a number or a function. The baseline stays that of
        the formula.

    Returns
    -------
    DropoutHazard
        ``.ratios_at([1, 6, 12])`` has the ratios of what changes over time.

    Notes
    -----
    Maximum likelihood. With a random intercept it is `fit_multilevel` with ``family="binomial"``,
    and the coefficients are conditional on the therapist; predictors that tell leaving from staying
    without error are refused. Without one there is nothing to integrate: a logistic regression
    (statsmodels), whose coefficients are averages over therapists and smaller in size. The test
    of a variance is a likelihood ratio against half a chi-squared with 1 df, half at 0; no
    interval of the variance or the ICC is given. Predictors are centred and scaled inside and
    turned back. Singer & Willett (1993, doi 10.3102/10769986018002155) describe the model.

    A client's own intercept is a frailty: those likely to leave do so first, so among those who
    stay the hazard falls though nobody's does, and a predictor seems to lose its effect. It rests
    on a form of the baseline, which is told; page "Dropout" has what it gave in simulations.

    Examples
    --------
    >>> import pandas as pd, alliance_stats as al
    >>> data = pd.DataFrame(
    ...     {"event": [0, 0, 1, 0, 1, 0, 0, 1], "session": [1, 2, 3, 1, 2, 1, 2, 3]}
    ... )
    >>> fit = al.fit_dropout_hazard("event ~ session", data)
    >>> fit.nobs, fit.n_events
    (8, 3)
    """
    share(confidence)
    if nodes is not None:
        whole(nodes, "nodes", 2, MOST_NODES)
    checked_choice("link", link, LINKS)
    parsed, group, own = parsed_hazard(formula, data)
    if duration is None and entry is not None:
        raise DesignError("entry= goes with duration=, the column of when each row ends.")
    lacking: list[str] = []
    data, alone = with_groups_of_their_own(data, cluster or group)
    data = data.assign(**{ALONE: alone})
    if duration is not None:
        data, lacking = _repeated(parsed, data, cluster, duration, entry)
    if (group or own) and cluster:
        raise DesignError(
            f"Give either a random intercept, (1 | {group or CLIENT}), or cluster='{cluster}', not "
            "both."
        )
    used, messages = complete_rows(parsed, data, cluster, repeats=duration is not None)
    alone = used[ALONE]
    what = (OWN_CLUSTER if cluster else NO_EFFECT).format(cluster or group)
    messages = [*lacking, *messages, *about_clients_without_group(used, alone, what)]
    fixed = parsed.fixed.columns if parsed.fixed else ()
    refuse_outcome(fixed, parsed.response.columns)
    refuse_ids(data, parsed.fixed.bare_columns() if parsed.fixed else ())
    if guard and duration is None:
        refuse_late_predictors(data, fixed, parsed.response.columns[0])
    y, x, terms = outcome_and_predictors(parsed, used)
    clock = duration or SESSION
    changes = _changes(varying, x, terms, used, clock)
    x = with_changes(x, changes, used, clock)
    messages += list(data.attrs.get("messages", ()))
    groups = [*([CLIENT] if own else []), *([group] if group else [])]
    if len(groups) > 1 and alone.any():
        raise DesignError(
            f"Beside (1 | {CLIENT}) each row needs a '{group}', and {int(alone.sum())} have none: "
            f"leave (1 | {CLIENT}) or (1 | {group}) out, or rows without one."
        )
    if groups:
        outcome = pd.Series(y, name=parsed.response.columns[0])
        parts = fit_with_intercepts(outcome, x, used[groups], alone, link, nodes, confidence)
    else:
        parts = fit_without(y, x, used[cluster] if cluster else None, link)
    runaway = runaways(x, parts["params"], parts.pop("naive_bse"))
    messages += told(runaway)
    messages += _warnings_in_words(parts, group)
    messages += few_events(int(y.sum()), x.shape[1])
    if cluster:
        messages += few_groups(int(used.loc[~alone, cluster].nunique()) or parts["n_groups"])
    return DropoutHazard(
        formula=formula, link=link, group=group, nobs=len(y), n_events=int(y.sum()),
        confidence=confidence, terms=terms, runaway=tuple(runaway), messages=tuple(messages),
        fewest=fewest_clients(x, y, used), clock=clock,
        cluster=cluster or "",
        clusters_alone=int(used.loc[alone, cluster].nunique()) if cluster else 0,
        varying={c.term: (c.name, c.function) for c in changes},
        starts={c.term: c.start for c in changes}, **parts,
    )  # fmt: skip


def _changes(
    varying: Mapping[str, Any] | None,
    x: pd.DataFrame,
    terms: Columns,
    used: pd.DataFrame,
    clock: str,
) -> list[Change]:
    """Return the coefficients that change over time."""
    if not varying:
        return []
    require_columns(used.columns, [clock], what="the data")
    times = np.unique(numbers(used, clock, "the rows at risk"))
    others = x.drop(columns=[c for c in (INTERCEPT,) if c in x.columns])
    return changes_over_time(varying, others, terms.main, clock, times)


def _repeated(
    parsed: Formula, data: pd.DataFrame, cluster: str | None, duration: str, entry: str | None
) -> tuple[pd.DataFrame, list[str]]:
    """Return a row a client and time at risk, of the rows without missing values."""
    clock = [duration, *([entry] if entry else [])]
    require_columns(data.columns, clock, what="the data")
    event = parsed.response.columns[0]
    used, said = complete_rows(parsed, data, cluster, *clock, repeats=True)
    return by_whole_times(used, duration, entry, event), said


def _warnings_in_words(parts: dict[str, Any], group: str) -> list[str]:
    messages = []
    if not parts["converged"]:
        messages.append("The optimiser stopped before the maximum; do not report this fit.")
    for name, variance in ((group, parts["variance"]), (CLIENT, parts.get("frailty"))):
        if variance == 0:
            messages.append(
                f"The variance between groups of '{name}' is estimated as zero: the data show no "
                "difference between them beyond chance, which with few groups says little."
            )
    if (parts.get("frailty") or 0) > 0:
        messages.append(FRAILTY.format(sd=parts["frailty"] ** 0.5))
    return messages

"""Cox's model of dropout: of sessions as they are counted, or of times as they are measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ...core.arguments import checked_choice, checked_table, names, numbers, share
from ...core.display.labels import label_of
from ...core.people import SESSION, refuse_ids
from ...core.results import Result
from ...errors import ColumnError, DesignError, listing, require_columns
from ...inference.rows import glance_row
from ...multilevel.engine.batches import Array
from ...study.times import along
from ..leakage.lookahead import refuse_late_predictors, refuse_outcome
from .changing import Change, Function, changes_over_time, ratios_at, told_of_changes
from .durations import refuse_rows_after_the_event, start_and_stop
from .fit_checks import (
    INTERCEPT,
    OWN_CLUSTER,
    about_clients_without_group,
    clusters_in_words,
    few_events,
    few_groups,
    refuse_a_row_a_client,
    refuse_one_group,
    runaways,
    standardised,
    told,
    with_groups_of_their_own,
)
from .links import ratio_rows
from .partial_likelihood import Maximum, Observed, fit_partial_likelihood
from .reading import complete_rows, fewest_clients, outcome_and_predictors, parsed_hazard

THERAPIST = "therapist_id"
LIN_AND_WEI = "Lin & Wei 1989, doi 10.1080/01621459.1989.10478874"


@dataclass(frozen=True)
class DropoutCox(Result):
    """A Cox model: log hazard ratios with standard errors robust to therapists.

    Attributes
    ----------
    params, bse, naive_bse
        Log hazard ratios, their robust standard errors, and those that take clients of one
        therapist as independent.
    cov
        Covariance of `params`, that of `bse`.
    clusters_alone
        How many of `n_clusters` are clients without a group, each a cluster of its own.
    strata
        The columns within whose groups alone clients are compared.
    varying
        Term → the term that its coefficient changes by, and the function of time.
    starts
        Term → at which times its own coefficient holds (``at weeks = 1`` under a logarithm).
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
    cov: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)
    strata: tuple[str, ...] = ()
    varying: Mapping[str, tuple[str, Function]] = field(default_factory=dict)
    starts: Mapping[str, str] = field(default_factory=dict)
    clusters_alone: int = 0

    _ratio = "HR"

    def tidy(self, *, exponentiate: bool = False) -> pd.DataFrame:
        """Return one row a term; `exponentiate` gives hazard ratios."""
        return ratio_rows(self, exponentiate)

    def term_labels(self) -> dict[str, str]:
        """Return the terms that change, with the time that their own coefficient is of."""
        return {term: f"{label_of(term)} ({start})" for term, start in self.starts.items()}

    ratios_at = ratios_at

    def glance(self) -> pd.DataFrame:
        """Return one row: size and partial log-likelihood."""
        return glance_row(self, "nobs", "n_events", "n_clusters", "ties", "llf")

    def facts(self) -> dict[str, Any]:
        """Return what sentences are filled from: strata, what changes and robust errors too."""
        further = f", stratified by {' and '.join(self.strata)}" if self.strata else ""
        further += told_of_changes(self.varying)
        errors = (
            "are robust to "
            f"{clusters_in_words(self.cluster, self.n_clusters, self.clusters_alone)} "
            f"({LIN_AND_WEI})"
            if self.cluster
            else "take rows as independent"
        )
        return super().facts() | {"further": further, "errors": errors}


def fit_dropout_cox(
    formula: str,
    data: pd.DataFrame,
    *,
    cluster: str | None = THERAPIST,
    ties: str = "efron",
    confidence: float = 0.95,
    time: str = SESSION,
    duration: str | None = None,
    entry: str | None = None,
    strata: str | Sequence[str] | None = None,
    varying: Mapping[str, str | float | Function] | None = None,
) -> DropoutCox:
    """What raises or lowers the chance of leaving, where time is measured rather than counted?

    Parameters
    ----------
    formula
        ``event ~ alliance_within + alliance_between``: no intercept is estimated and no random
        intercept allowed. The baseline is free, so time is not a predictor.
    data
        With `duration`: a row a client, with how long and whether it happened (0/1); or, with
        `entry` too, several rows a client, each of a time in which the predictors stay the same
        (the event then stands in the last).
        Without it person-period rows with ``session``: a row spans the time from session - 1 to
        session.
    cluster
        A column whose groups make the standard errors robust; None for independent rows. Clients
        without one (an arm without therapists) are each a cluster of their own.
    ties
        ``efron`` or ``breslow``. Sessions are whole numbers and so are full of ties, which is why
        for them the discrete-time hazard with ``link="cloglog"`` is the better model of the two.
    time
        Of person-period rows the column that counts along time in place of ``session``:
        ``"occasion"``, by its order, or one of numbers, such as ``"week"``.
    duration
        The column of the time until the event, or until somebody was last known to be without it.
    entry
        The column of the time from which a row is at risk; 0 if left out.
    strata
        Columns whose groups each have a baseline of their own; compared is within them only.
    varying
        Predictors whose coefficient changes over time, and how: ``{"condition": "log"}`` (with the
        logarithm of time), ``"linear"``, a number (another coefficient after that time), or a
        function of an array of times. The change is a term of its own
        (``condition[T.cbt]:log(weeks)``), and its test one of proportional hazards. In
        ``condition * age`` the coefficient of ``condition`` changes; an interaction changes where
        its own term is named, as it stands in ``.params``.

    Returns
    -------
    DropoutCox
        ``.ratios_at([1, 6, 12])`` has the hazard ratios of what changes over time.

    Notes
    -----
    ``0 +`` changes nothing, since no intercept is estimated. The likelihood is our own, also with
    coefficients that change: R's ``coxph`` with ``tt()`` gives the same. Errors robust to clusters
    after Lin & Wei (1989, doi 10.1080/01621459.1989.10478874).

    Examples
    --------
    >>> import alliance_stats as al, pandas as pd
    >>> data = al.person_period(al.load_dataset("demo-trial"))
    >>> fit = al.fit_dropout_cox("event ~ alliance_within + alliance_between", data)
    >>> fit.params.index.tolist()
    ['alliance_within', 'alliance_between']

    A row a client, weeks in therapy:

    >>> clients = pd.DataFrame({"weeks": [3, 5, 5, 8, 9.5, 12], "left": [1, 1, 0, 1, 1, 0],
    ...                         "age": [20, 31, 45, 28, 50, 41]})
    >>> fit = al.fit_dropout_cox("left ~ age", clients, duration="weeks", cluster=None)
    >>> fit.tidy(exponentiate=True)["estimate"].round(2).tolist()
    [0.87]
    """
    share(confidence)
    checked_choice("ties", ties, ("efron", "breslow"))
    if duration is None and entry is not None:
        raise DesignError("entry= goes with duration=, the column of when each row ends.")
    data = along(data, time) if duration is None else data
    parsed, group, own = parsed_hazard(formula, data)
    if group or own:
        raise DesignError("A Cox model here takes no random term; use cluster= for therapists.")
    data = checked_table(data, "data")
    by = [] if strata is None else names(strata, "strata")
    require_columns(data.columns, by, what="the data")
    messages = []
    if cluster == THERAPIST and duration is not None and cluster not in data.columns:
        cluster = None
        messages.append(f"There is no column '{THERAPIST}': rows count as independent.")
    data, alone = with_groups_of_their_own(data, cluster)
    if duration is None:
        refuse_a_row_a_client(data)
    clock = [SESSION] if duration is None else [duration, *([entry] if entry else [])]
    require_columns(data.columns, clock, what="the person-period rows")
    used, said = complete_rows(
        parsed, data, cluster, *by, *clock[: 2 * bool(duration)], repeats=duration is not None
    )
    alone = alone[used.index]
    messages += [*said, *about_clients_without_group(used, alone, OWN_CLUSTER.format(cluster))]
    fixed = parsed.fixed.columns if parsed.fixed else ()
    refuse_outcome(fixed, parsed.response.columns)
    refuse_ids(data, parsed.fixed.bare_columns() if parsed.fixed else ())
    if duration is None:
        refuse_late_predictors(data, fixed, parsed.response.columns[0])
    y, x, terms = outcome_and_predictors(parsed, used, all_may_end=duration is not None)
    others = x.drop(columns=[c for c in (INTERCEPT,) if c in x.columns])
    if others.shape[1] == 0 or set(clock) & set(fixed):
        raise DesignError(
            f"A Cox model needs predictors other than '{clock[0]}': time is its free baseline."
        )
    start, stop = _at_risk(used, y, duration, entry)
    stratum = used.groupby(by, sort=False).ngroup().to_numpy() if by else np.zeros(len(y))
    _refuse_what_strata_hold(others, stratum, by)
    changes = changes_over_time(varying, others, terms.main, clock[0], np.unique(stop[y == 1]))
    found, size = _maximum((start, stop, y, stratum), others, changes, ties)
    every = others.assign(**{c.name: others[c.term] * c.spread for c in changes})
    covariance, n_groups = _robust_to(cluster, used, found)
    with np.errstate(invalid="ignore"):
        params, bse, naive_bse = (
            pd.Series(values / size, every.columns)
            for values in (
                found.params, np.sqrt(np.diag(covariance)), np.sqrt(np.diag(found.covariance))
            )
        )  # fmt: skip
    runaway = runaways(every, params, naive_bse)
    messages += told(runaway)
    messages += few_events(int(y.sum()), every.shape[1])
    if n_groups:
        named = int(used.loc[~alone, cluster].nunique()) or n_groups
        messages += few_groups(named, "take a random intercept (fit_dropout_hazard) instead")
    return DropoutCox(
        formula, params, bse, naive_bse, ties, cluster or "",
        n_groups, len(y), int(y.sum()), found.llf, confidence, tuple(messages),
        tuple(runaway), fewest=fewest_clients(others, y, used),
        cov=pd.DataFrame(covariance / np.outer(size, size), every.columns, every.columns),
        strata=tuple(by), varying={c.term: (c.name, c.function) for c in changes},
        starts={c.term: c.start for c in changes},
        clusters_alone=int(used.loc[alone, cluster].nunique()) if n_groups else 0,
    )  # fmt: skip


def _refuse_what_strata_hold(x: pd.DataFrame, stratum: Array, by: Sequence[str]) -> None:
    """Refuse predictors that are the same for all of each stratum: there is nothing to compare."""
    within = x.groupby(stratum)
    same = ((within.max() - within.min()) == 0).all()
    if by and same.any():
        raise DesignError(
            f"Within each stratum of {listing(by)} all rows have the same "
            f"{listing(x.columns[same])}, and only they are compared: leave it out of the formula, "
            "or out of strata=."
        )


def _at_risk(
    used: pd.DataFrame, y: Array, duration: str | None, entry: str | None
) -> tuple[Array, Array]:
    """Return from when to when each row is at risk."""
    if duration is None:
        stop = _sessions(used)
        return stop - 1.0, stop
    start, stop = start_and_stop(used, duration, entry)
    refuse_rows_after_the_event(used, start, y)
    return start, stop


def _maximum(
    observed: tuple[Array, Array, Array, Array],
    others: pd.DataFrame,
    changes: Sequence[Change],
    ties: str,
) -> tuple[Maximum, Array]:
    """Return the maximum for scaled columns, those that change behind the others, and the scales.

    `observed` is start, stop, event and stratum of each row.
    """
    times = np.unique(observed[1][observed[2] == 1])
    # The baseline stands for the intercept, so a predictor must differ from a constant.
    scaled = standardised(others.assign(**{INTERCEPT: 1.0}))[0][:, :-1]
    size = others.std(ddof=0).to_numpy()
    places = others.columns.get_indexer(pd.Index([change.term for change in changes]))
    spread = np.array([change.spread for change in changes])
    functions = [change.function(times) / change.spread for change in changes]
    at_events = np.column_stack([np.ones((len(times), others.shape[1])), *functions])
    rows = Observed(
        *observed,
        x=np.hstack([scaled, scaled[:, places]]),
        over_time=np.arange(at_events.shape[1]) >= others.shape[1],
        at_events=at_events,
        times=times,
        ties=ties,
    )
    return fit_partial_likelihood(rows), np.concatenate([size, size[places] * spread])


def _sessions(used: pd.DataFrame) -> Array:
    """Return the session numbers, which are the clock."""
    stop = numbers(used, "session", "the person-period rows")
    wrong = ~(stop > 0)
    if wrong.any():
        raise ColumnError(
            f"Column 'session' must hold numbers above 0; {int(wrong.sum())} of {len(stop)} rows "
            f"hold {listing(pd.unique(used.loc[wrong, 'session']))}."
        )
    return stop


def _robust_to(cluster: str | None, used: pd.DataFrame, found: Maximum) -> tuple[Array, int]:
    """Return the coefficients' covariance, from the sums of scores in clusters, and how many."""
    if not cluster:
        return found.covariance, 0
    refuse_one_group(used[cluster])
    groups = pd.factorize(used[cluster])[0]
    n_groups = int(groups.max()) + 1
    sums = np.zeros((n_groups, found.scores.shape[1]))
    np.add.at(sums, groups, found.scores)
    return np.asarray(found.covariance @ (sums.T @ sums) @ found.covariance), n_groups

"""How far definitions of dropout agree, and how each changes the answer."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from ...core.arguments import names, share
from ...core.people import SESSION
from ...core.results import Result
from ...errors import AllianceStatsError, DesignError, listing
from ...inference.distributions import half_width
from ...inference.rows import glance_row, tidy_rows
from ...inference.shares import wilson
from ...study import Study
from ...study.select import alliance_of
from ...study.splitting import about_groups, groups_of, parts_of, with_group
from ..checks import study_or_table
from ..endings import CENSORED, DROPOUT, along_time, time_of_endings
from ..incidence.incidence import dropout_incidence, last_open_of
from .definitions import DEFINITIONS, ends_under

Asked = dict[str, dict[str, Any]]
COUNTING = {"missed_last_session", "fewer_sessions", "protocol", "median_split",
            "before_reliable_change"}  # fmt: skip
SET_ASIDE = ("transferred", "administrative")
"""Ends on which definitions that count say nothing."""


@dataclass(frozen=True)
class DropoutDefinitions(Result):
    """Rates under several definitions, their agreement, and what each does to the answer.

    Attributes
    ----------
    rates
        ``definition, n_clients, n_dropout, n_open, rate, conf_low, conf_high`` (the plain share
        of those whose therapy is over, Wilson's interval) and ``incidence, incidence_low,
        incidence_high``: the cumulative incidence at the last session, with the other ends
        competing and open therapies censored.
    agreement
        A row a pair: ``first, second, n, both, only_first, only_second, neither, agreement,
        kappa, conf_low, conf_high`` over the ``n`` clients both can decide: therapies still open
        are left out, and with a definition that counts sessions, scores or appointments those
        transferred or ended for administrative reasons as well.
    answers
        The hazard ratio of dropout for one point of alliance in the session before, within
        clients, under each definition: ``definition, estimate, conf_low, conf_high, n_events``.
    clients
        One row a client, one column a definition: the reason by that definition.
    """

    rates: pd.DataFrame
    agreement: pd.DataFrame
    answers: pd.DataFrame
    clients: pd.DataFrame
    confidence: float
    messages: tuple[str, ...] = ()
    _shares = "."
    title: str = "Dropout by definition"

    def tidy(self) -> pd.DataFrame:
        """Return the rate under each definition."""
        own = self.rates
        limits = own[["conf_low", "conf_high"]]
        group = "" if own.columns[0] == "definition" else own.iloc[:, 0].astype(str)
        return tidy_rows(own["definition"], own["rate"], group=group, **limits)

    def glance(self) -> pd.DataFrame:
        """Return one row: how many definitions, and how far the rates and kappas spread."""
        rate, kappa = self.rates["rate"], self.agreement["kappa"]
        return glance_row(
            self,
            n_definitions=len(self.rates),
            lowest_rate=rate.min(),
            highest_rate=rate.max(),
            lowest_kappa=kappa.min(),
            highest_kappa=kappa.max(),
        )


def compare_dropout_definitions(
    study: Study | pd.DataFrame,
    *,
    definitions: Asked | list[str] | None = None,
    confidence: float = 0.95,
    time: str = SESSION,
    by: str | None = None,
) -> DropoutDefinitions:
    """How much does the dropout rate, and what goes with dropout, hang on the definition?

    Parameters
    ----------
    study
        A `Study`.
    definitions
        Names, or a dict of names and parameters as `define_dropout` takes them. Unless given:
        every definition the study can carry (``fewer_sessions`` with ``k=8``); those it cannot
        are named in ``.messages`` with the reason.
    confidence
        Of every interval.
    time
        The column that counts along time in place of ``session``: ``"occasion"``, by its order, or
        one of numbers, such as ``"week"``.
    by
        A column of the clients (``condition``, ``site_id``) for the rates of each group, which then
        stands first in ``.rates``. Everybody is judged at once, so that a median is that of all.

    Returns
    -------
    DropoutDefinitions

    Notes
    -----
    Kappa with its large-sample interval (Fleiss, Cohen & Everitt 1969, doi 10.1037/h0028106).
    Every interval but the hazard ratio's takes clients as independent, also those of one
    therapist.

    Examples
    --------
    >>> import alliance_stats as al
    >>> found = al.compare_dropout_definitions(
    ...     al.load_dataset("demo-trial"), definitions=["recorded", "premature"]
    ... )
    >>> found.rates["n_dropout"].tolist()
    [81, 112]
    """
    study_or_table(study)
    share(confidence)
    study, counted = along_time(study, time), time_of_endings(study, time) == SESSION
    tables, messages = _tables(study, definitions, counted)
    columns = [t.set_index("client_id")["reason"].rename(name) for name, t in tables.items()]
    clients = pd.concat(columns, axis=1).rename_axis("client_id").reset_index()
    if by is not None:
        tables = {name: with_group(table, study, by) for name, table in tables.items()}
        messages += about_groups(with_group(clients, study, by), by, groups_of(study, by))
    rates = pd.DataFrame(
        [
            ({} if by is None else {by: group}) | _rate(name, own, confidence, last_open_of(study))
            for name, table in tables.items()
            for group, own in parts_of(table, by)
        ]
    )
    pairs = [_pair(clients, a, b, confidence) for a, b in combinations(tables, 2)]
    fields = ["first", "second", "n", "both", "only_first", "only_second", "neither",
               "agreement", "kappa", "conf_low", "conf_high"]  # fmt: skip
    answers, why = _answers(study, tables, confidence)
    return DropoutDefinitions(
        rates, pd.DataFrame(pairs, columns=fields), answers, clients, confidence,
        tuple(messages + why),
    )  # fmt: skip


def _tables(
    study: Study | pd.DataFrame, asked: Asked | list[str] | None, counted: bool
) -> tuple[dict[str, pd.DataFrame], list[str]]:
    messages: list[str] = []
    if asked is not None:
        chosen = asked if isinstance(asked, dict) else {n: {} for n in names(asked, "definitions")}
        if odd := [name for name, p in chosen.items() if not isinstance(p, dict)]:
            raise DesignError(f"definitions['{odd[0]}'] must be a dict of its parameters.")
        tables = {name: ends_under(study, name, dict(p))[0] for name, p in chosen.items()}
        if not tables:
            raise DesignError("No definition was named.")
    else:
        tables = {}
        for name in DEFINITIONS:
            if name == "fewer_sessions" and not counted:
                messages.append(f"'{name}' is left out: how many are too few (k) is not known.")
                continue
            given = {"k": 8} if name == "fewer_sessions" else {}
            try:
                tables[name] = ends_under(study, name, given)[0]
            except AllianceStatsError as reason:
                if name == "recorded":
                    raise
                messages.append(f"'{name}' is left out: {reason}")
    for name, table in tables.items():
        messages += [f"{name}: {said}" for said in table.attrs["messages"]]
    return tables, list(dict.fromkeys(messages))


def _rate(name: str, table: pd.DataFrame, confidence: float, last_open: str) -> dict[str, Any]:
    open_ = int((table["reason"] == CENSORED).sum())
    n, events = len(table) - open_, int((table["reason"] == DROPOUT).sum())
    low, high = wilson(events, n, confidence)
    row = {
        "definition": name, "n_clients": len(table), "n_dropout": events, "n_open": open_,
        "rate": events / n if n else np.nan, "conf_low": low, "conf_high": high,
    }  # fmt: skip
    curve = dropout_incidence(table, confidence=confidence, last_open=last_open).table
    last = curve[curve["event"] == DROPOUT].iloc[-1]
    return row | {
        "incidence": last["incidence"],
        "incidence_low": last["conf_low"],
        "incidence_high": last["conf_high"],
    }


def _pair(clients: pd.DataFrame, first: str, second: str, confidence: float) -> dict[str, Any]:
    undecided = [CENSORED, *(SET_ASIDE if {first, second} & COUNTING else ())]
    both = clients[[first, second]].dropna()
    both = both[~both.isin(undecided).any(axis=1)]
    a, b = both[first] == DROPOUT, both[second] == DROPOUT
    counts = np.array([[(a & b).sum(), (a & ~b).sum()], [(~a & b).sum(), (~a & ~b).sum()]])
    kappa, low, high = cohen_kappa(counts, confidence)
    return {
        "first": first, "second": second, "n": len(both), "both": counts[0, 0],
        "only_first": counts[0, 1], "only_second": counts[1, 0], "neither": counts[1, 1],
        "agreement": np.trace(counts) / len(both) if len(both) else np.nan,
        "kappa": kappa, "conf_low": low, "conf_high": high,
    }  # fmt: skip


def cohen_kappa(counts: np.ndarray, confidence: float) -> tuple[float, float, float]:
    """Return kappa of a two-by-two table with its interval.

    Where chance explains everything kappa is NaN; where one side makes no distinction, it is 0
    by construction and has no interval.
    """
    n = counts.sum()
    if n == 0:
        return np.nan, np.nan, np.nan
    p = counts / n
    row, column = p.sum(axis=1), p.sum(axis=0)
    chance = float(row @ column)
    if chance == 1:
        return np.nan, np.nan, np.nan
    kappa = float((np.trace(p) - chance) / (1 - chance))
    if 0 in row or 0 in column:
        return kappa, np.nan, np.nan
    weight = (column[:, None] + row[None, :]) * (1 - kappa)  # of cell (i, j): p.i + pj.
    np.fill_diagonal(weight, 1 - (row + column) * (1 - kappa))
    spread = (p * weight**2).sum() - (kappa - chance * (1 - kappa)) ** 2
    half = half_width(np.sqrt(max(spread, 0.0) / n) / (1 - chance), confidence=confidence)
    return kappa, kappa - half, min(kappa + half, 1.0)


def _answers(
    study: Study | pd.DataFrame, tables: dict[str, pd.DataFrame], confidence: float
) -> tuple[pd.DataFrame, list[str]]:
    """Fit the same hazard under each definition.

    Averages over therapists, errors robust to them: a variance of therapists, estimated anew under
    each definition, would move ratios conditional on it by itself.
    """
    from ..hazard.fit import fit_dropout_hazard
    from ..hazard.fit_checks import few_events
    from ..person_period import person_period

    rows: list[dict[str, Any]] = []
    why: dict[str, list[str]] = {}
    measure = None
    for name, table in tables.items():
        row: dict[str, Any] = {"definition": name, "estimate": np.nan, "conf_low": np.nan,
                               "conf_high": np.nan, "n_events": 0}  # fmt: skip
        try:
            if isinstance(study, pd.DataFrame):
                raise DesignError("a table of endings alone holds no ratings of the alliance.")
            measure = measure or alliance_of(study)
            data = person_period(study.with_tables(terminations=table), measure=measure)
            cluster = "therapist_id" if "therapist_id" in data.columns else None
            formula = "event ~ session + alliance_within + alliance_between"
            fit = fit_dropout_hazard(
                formula,
                data,
                link="cloglog",
                cluster=cluster,
                guard=False,  # person_period dates what it gives
                confidence=confidence,
            )
            row["n_events"] = fit.n_events
            few = few_events(fit.n_events, len(fit.params))
            if few:
                raise DesignError(few[0])
            own = fit.tidy(exponentiate=True).set_index("term").loc["alliance_within"]
            row |= {k: own[k] for k in ("estimate", "conf_low", "conf_high")}
        except AllianceStatsError as reason:
            why.setdefault(str(reason), []).append(f"'{name}'")
        rows.append(row)
    said = [f"No hazard under {listing(names, 12)}: {reason}" for reason, names in why.items()]
    return pd.DataFrame(rows), said

"""Who dropped out, by each of the field's definitions: a table of endings, not an assumption."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from ...core.arguments import finite, whole
from ...core.people import SESSION, same_ids
from ...errors import (
    AllianceStatsWarning,
    ColumnError,
    DesignError,
    did_you_mean,
    listing,
    require_columns,
    warn,
)
from ...instruments.criteria import CriterionTable
from ...study import Study
from ...study.select import is_study
from ..checks import flags, number_of
from ..endings import CENSORED, DROPOUT, REASONS, along_time, endings, last_observed
from .reliable_ending import improved_by_the_end

COLUMNS = ("client_id", "last_session", "reason", "definition", "judged_by")
_NOT_DECIDED = (CENSORED, "transferred", "administrative")
HALF = (
    "A median split calls up to half of the clients dropouts whatever happened in therapy (fewer "
    "where clients tie at the median): its rate is an arithmetic fact and no estimate of dropout "
    "(Hatchett & Park 2003)."
)


@dataclass(frozen=True)
class Definition:
    """One definition: its name, what it says, what is wrong with it, and how it is applied."""

    name: str
    says: str
    problem: str
    apply: Callable[..., tuple[pd.Series, str, list[str]]]
    parameters: tuple[str, ...] = ()


def define_dropout(
    study: Study | pd.DataFrame, *, definition: str, time: str = SESSION, **parameters: Any
) -> pd.DataFrame:
    """Who dropped out, if dropout means *this*?

    Parameters
    ----------
    study
        A `Study`; for ``recorded``, ``premature``, ``fewer_sessions`` and ``median_split`` a
        table of endings (``client_id, last_session, reason``) will do.
    definition
        ``recorded``
            as the table terminations has it;
        ``therapist_judgement``, ``client_judgement``
            as that person judged: rows of terminations with that ``judged_by``, or the column
            ``therapist_reason``, ``client_reason`` (another one with ``column=``);
        ``both_judgements``
            dropout only where therapist and client both say so;
        ``missed_last_session``
            the last appointment was missed, and the therapy was not completed or handed over (the
            table sessions must hold missed appointments);
        ``fewer_sessions`` (``k=``), ``protocol`` (``planned=`` a number or a column)
            fewer sessions than that, whatever the reason recorded;
        ``median_split``
            fewer sessions than the sample's median (with a warning: this is no definition of
            dropout, and is here because studies have used it);
        ``before_reliable_change`` (``measure=``, ``scale=``, ``rater=``)
            ended without a reliable change for the better (``criterion=``, ``reliability=``,
            ``sd=``, ``method=`` as in `reliable_change`), or one of more than ``points=``;
            the last session's score stands in where the study has occasions and the client no
            last one. What a change had to exceed is the table's ``.criterion``;
        ``premature``
            ended before completion, alone (``dropout``) or in agreement (``mutual``).
    time
        The column that counts along time in place of ``session``: ``"occasion"``, by its order, or
        one of numbers, such as ``"week"``. ``last_session`` is then the last of these.
    **parameters
        What the definition asks for.

    Returns
    -------
    DataFrame
        A table of terminations: ``client_id, last_session, reason, definition, judged_by``, one
        row a client; pass it on as ``study.with_tables(terminations=table)``. Where a definition
        does not call an end dropout it counts as ``completed`` if it was recorded as dropout,
        else it stays what it was. Transfers, administrative ends and clients still in therapy
        stay as they are under every definition that counts sessions or points.
        ``.attrs["messages"]`` names clients it cannot decide on; ``.attrs["rows"]`` adds up.

    Notes
    -----
    Hatchett & Park (2003, doi 10.1037/0033-3204.40.3.226) compare four of these; Swift & Greenberg
    (2012, doi 10.1037/a0028226) find 19.7 % dropout over 669 studies, moderated by definition.

    Examples
    --------
    >>> import pandas as pd, alliance_stats as al
    >>> ends = pd.DataFrame({
    ...     "client_id": ["a", "b", "c"], "last_session": [2, 12, 4],
    ...     "reason": ["dropout", "completed", "mutual"],
    ... })
    >>> al.define_dropout(ends, definition="fewer_sessions", k=5)["reason"].tolist()
    ['dropout', 'completed', 'dropout']
    """
    table, message = ends_under(along_time(study, time), definition, parameters)
    if message:
        warn(message, AllianceStatsWarning)
    return table


def ends_under(
    study: Study | pd.DataFrame, definition: str, parameters: dict[str, Any]
) -> tuple[pd.DataFrame, str | None]:
    """Return the table under a definition, and the warning that goes with it."""
    chosen = _chosen(definition, parameters)
    given, assumed = study, []
    if definition in BY_COUNT and is_study(study) and "terminations" not in study.tables:
        over = last_observed(study.tables).assign(reason="completed")
        given, assumed = study.with_tables(terminations=over), [NO_ENDS]
    ends = endings(given)
    messages = [*assumed, *ends.attrs["messages"]]
    reason, judge, said = chosen.apply(study, ends, **parameters)
    undecided = reason.isna()
    if undecided.any():
        ids = ends.loc[undecided, "client_id"]
        messages.append(
            f"{number_of(len(ids), 'client', 'cannot')} be judged by '{definition}' and "
            f"{'is' if len(ids) == 1 else 'are'} left out: {listing(ids)}."
        )
    table = ends.assign(reason=reason, definition=_words(definition, parameters), judged_by=judge)
    table = table.loc[~undecided, list(COLUMNS)].reset_index(drop=True)
    table.attrs["messages"] = (*messages, *said)
    table.attrs["rows"] = {
        "clients": len(ends), "judged": len(table), "not_judged": int(undecided.sum()),
    }  # fmt: skip
    if "criterion" in table.attrs:
        table = CriterionTable.of(table)
    return table, HALF if definition == "median_split" else None


BY_COUNT = ("fewer_sessions", "protocol", "median_split")
NO_ENDS = (
    "The study has no table 'terminations', so every therapy counts as over with its last session "
    "on record, also that of clients who are still in therapy."
)


def _chosen(definition: str, parameters: dict[str, Any]) -> Definition:
    if not isinstance(definition, str) or definition not in DEFINITIONS:
        raise DesignError(
            f"There is no definition '{definition}'; there are {listing(DEFINITIONS, 20)}."
            f"{did_you_mean(definition, DEFINITIONS)}"
        )
    chosen = DEFINITIONS[definition]
    unknown = [name for name in parameters if name not in chosen.parameters]
    if unknown:
        takes = f"it takes {listing(chosen.parameters)}" if chosen.parameters else "it takes none"
        raise DesignError(f"The definition '{definition}' has no '{unknown[0]}'; {takes}.")
    return chosen


def _words(definition: str, parameters: dict[str, Any]) -> str:
    said = ", ".join(f"{name}={value}" for name, value in parameters.items())
    return f"{definition}({said})" if said else definition


def _early(ends: pd.DataFrame, early: pd.Series | np.ndarray) -> pd.Series:
    """Turn a verdict on those whose therapy ended into reasons."""
    reason = ends["reason"].astype(object)
    open_ = reason.isin(_NOT_DECIDED)
    finished = reason.where(reason != DROPOUT, "completed")
    return finished.where(open_ | ~np.asarray(early, dtype=bool), DROPOUT).where(~open_, reason)


def _recorded(study: Study | pd.DataFrame, ends: pd.DataFrame) -> tuple[pd.Series, Any, list[str]]:
    judge = ends["judged_by"] if "judged_by" in ends.columns else "not said"
    return ends["reason"].astype(object), judge, []


def _premature(study: Study | pd.DataFrame, ends: pd.DataFrame) -> tuple[pd.Series, Any, list[str]]:
    reason = ends["reason"].astype(object)
    judge = ends["judged_by"] if "judged_by" in ends.columns else "not said"
    return reason.where(reason != "mutual", DROPOUT), judge, []


def _judged(ends: pd.DataFrame, judge: str, column: str | None) -> pd.Series:
    name = column or f"{judge}_reason"
    if name in ends.columns:
        found = ends[name].astype(object)
        wrong = found.notna() & ~found.isin(REASONS)
        if wrong.any():
            raise ColumnError(
                f"Column '{name}' must hold one of {listing(REASONS, 9)}; it also holds "
                f"{listing(pd.unique(found[wrong]))} (clients "
                f"{listing(ends.loc[wrong, 'client_id'])})."
            )
        return found.where(found.notna(), np.nan)
    if column is None and "judged_by" in ends.columns:
        own = ends["judged_by"].astype(object) == judge
        if own.any():
            return ends["reason"].astype(object).where(own, np.nan)
    raise DesignError(
        f"Nobody's ending is judged by the {judge}: the endings have neither a column '{name}' nor "
        f"rows with judged_by '{judge}'. Name the column with column=."
    )


def _therapist(
    study: Study | pd.DataFrame, ends: pd.DataFrame, column: str | None = None
) -> tuple[pd.Series, Any, list[str]]:
    return _judged(ends, "therapist", column), "therapist", []


def _client(
    study: Study | pd.DataFrame, ends: pd.DataFrame, column: str | None = None
) -> tuple[pd.Series, Any, list[str]]:
    return _judged(ends, "client", column), "client", []


def _both(
    study: Study | pd.DataFrame,
    ends: pd.DataFrame,
    therapist_column: str | None = None,
    client_column: str | None = None,
) -> tuple[pd.Series, Any, list[str]]:
    first = _judged(ends, "therapist", therapist_column)
    second = _judged(ends, "client", client_column)
    known = first.notna() & second.notna()
    agreed = (first == DROPOUT) & (second == DROPOUT)
    # Where only one of them calls it dropout it counts as the other says.
    other = first.where(first != DROPOUT, second)
    return other.where(~agreed, DROPOUT).where(known, np.nan), "therapist and client", []


def _missed(study: Study | pd.DataFrame, ends: pd.DataFrame) -> tuple[pd.Series, Any, list[str]]:
    sessions = getattr(study, "tables", {}).get("sessions")
    if sessions is None or "attended" not in sessions.columns:
        raise DesignError(
            "Whether the last appointment was missed is known only from a table 'sessions' with "
            "the column 'attended' (True, False)."
        )
    sessions = same_ids(sessions, ends["client_id"])
    attended = flags(sessions["attended"], "Column 'attended'", sessions["client_id"])
    ordered = sessions.assign(attended=attended).dropna(subset=["attended"])
    ordered = ordered.sort_values(["client_id", "session"])
    last = ordered.groupby("client_id", observed=True)["attended"].last()
    came = ends["client_id"].map(last).astype(float)
    if not (came == 0).any():
        raise DesignError(
            "The table sessions cannot show a missed last appointment: every client's last row "
            "there is a session attended. It must hold the appointments that were missed as well."
        )
    stays = ends["reason"].isin(["completed", *_NOT_DECIDED])
    reason = _early(ends, (came == 0) & ~stays)
    return reason.where(came.notna() | stays, np.nan), "rule", []


def _fewer(
    study: Study | pd.DataFrame, ends: pd.DataFrame, k: int | None = None
) -> tuple[pd.Series, Any, list]:
    k = whole(k, "k", 1)
    return _early(ends, ends["last_session"] < k), "rule", []


def _protocol(
    study: Study | pd.DataFrame, ends: pd.DataFrame, planned: float | str | None = None
) -> tuple[pd.Series, Any, list[str]]:
    if planned is None:
        raise DesignError(
            "planned= must say how many sessions the protocol has: a number, or a column of the "
            "clients or terminations that holds it."
        )
    if isinstance(planned, str):
        require_columns(ends.columns, [planned], what="the endings and clients")
        goal = pd.to_numeric(ends[planned].astype(object), errors="coerce").astype(float)
        wrong = ends[planned].notna() & ~(np.isfinite(goal) & (goal > 0))
        if wrong.any():
            raise ColumnError(
                f"Column '{planned}' must hold numbers of sessions above 0; it does not for "
                f"{number_of(int(wrong.sum()), 'client')}: "
                f"{listing(ends.loc[wrong, 'client_id'])}."
            )
    else:
        goal = pd.Series(finite(planned, "planned", 0), index=ends.index)
    reason = _early(ends, ends["last_session"] < goal)
    return reason.where(goal.notna(), np.nan), "rule", []


def _median(study: Study | pd.DataFrame, ends: pd.DataFrame) -> tuple[pd.Series, Any, list[str]]:
    over = ends["reason"] != CENSORED  # how many sessions an open therapy will have is not known
    middle = float(ends.loc[over, "last_session"].median())
    said = [HALF, f"The median of therapies that are over is {middle:g} sessions."]
    return _early(ends, ends["last_session"] < middle), "rule", said


def _before_change(
    study: Study | pd.DataFrame, ends: pd.DataFrame, **asked: Any
) -> tuple[pd.Series, Any, list[str]]:
    improved, criterion, words = improved_by_the_end(study, ends["client_id"], **asked)
    ends.attrs["criterion"] = asdict(criterion)
    undecided = improved.isna() & ~ends["reason"].isin(_NOT_DECIDED)
    reason = _early(ends, improved.fillna(1.0).to_numpy() == 0)
    said = [
        *criterion.messages, f"{words} Circular where symptoms are also a predictor or the outcome."
    ]  # fmt: skip
    if undecided.any():
        n, unknown = int((ends["reason"] != CENSORED).sum()), int(undecided.sum())
        left = int((reason[~undecided.to_numpy()] == DROPOUT).sum())
        said.append(
            f"{number_of(unknown, 'client', 'has')} fewer than two scores, most often because "
            f"therapy was short: of all therapies that are over the share of dropouts lies between "
            f"{left / n:.1%} (none of them) and {(left + unknown) / n:.1%} (all of them)."
        )
    return reason.where(~undecided.to_numpy(), np.nan), "rule", said


DEFINITIONS: dict[str, Definition] = {
    one.name: one
    for one in (
        Definition("recorded", "As the study recorded it.", "Says what somebody called it.",
                   _recorded),
        Definition("therapist_judgement", "The therapist calls it dropout.",
                   "Highest rates; missing where the therapist left.", _therapist, ("column",)),
        Definition("client_judgement", "The client calls it dropout.",
                   "Those who left are those who are not asked.", _client, ("column",)),
        Definition("both_judgements", "Therapist and client both call it dropout.",
                   "They often disagree.", _both, ("therapist_column", "client_column")),
        Definition("missed_last_session", "The last appointment was missed.",
                   "Misses early ends that were talked about.", _missed),
        Definition("fewer_sessions", "Fewer than k sessions.",
                   "Those who got well early are dropouts.", _fewer, ("k",)),
        Definition("protocol", "The protocol was not completed.",
                   "Those who got well early are dropouts.", _protocol, ("planned",)),
        Definition("median_split", "Fewer sessions than the median.", HALF, _median),
        Definition("before_reliable_change", "Ended before a reliable change.",
                   "Circular where symptoms are modelled too.", _before_change,
                   ("measure", "scale", "rater", "points", "criterion", "reliability", "sd",
                    "method")),
        Definition("premature", "Ended before completion, alone or in agreement.",
                   "Counts agreed early ends as dropout.", _premature),
    )
}  # fmt: skip

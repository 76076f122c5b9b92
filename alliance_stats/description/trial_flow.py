"""The flow of a trial: how many of each arm were allocated, came, were measured and analysed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..core.people import CLIENT, same_ids
from ..errors import AllianceStatsWarning, DesignError, listing, plural, warn
from ..study.select import ScoreName
from ..study.times import OCCASION, in_order, occasion_in_words
from .flow import ArmStage, Flow, attended_sessions
from .sample import client_groups

if TYPE_CHECKING:
    from ..study import Study

ENDS = {
    "completed": "completed treatment",
    "mutual": "ended by agreement",
    "dropout": "dropped out",
    "transferred": "were transferred",
    "administrative": "ended for other reasons",
    "ongoing": "still in treatment",
}


def trial_flow(
    study: Study,
    *,
    outcome: str | None = None,
    arm: str = "condition",
    times: Iterable[Any] | None = None,
    analysed: Iterable[Any] | None = None,
) -> list[ArmStage]:
    """How many clients of each arm were allocated, started, were measured, ended how, and counted?

    The counts of a CONSORT flow diagram from allocation on. Who was assessed for eligibility and
    why others were not randomised is not in a study, and has to be added by hand.

    Parameters
    ----------
    study
        A `Study` whose clients have an arm.
    outcome
        The score whose measurements are counted, as `Study.select` takes it; without it whether
        anything was measured.
    arm
        The column of the clients that holds the arms; clients without one are left out, with a
        warning that counts them.
    times
        Occasions (or sessions) at which measurements are counted; all occasions if left out.
    analysed
        The ids of those in the analysis, such as ``al.compare_arms(...).analysed``.

    Returns
    -------
    list of ArmStage
        For each arm ``allocated``; ``started`` (one session or more took place), where the study
        has sessions; ``measured`` at each time; one for each kind of end, where the study has
        ``terminations``; ``analysed`` and ``not_analysed``. ``pandas.DataFrame`` makes a table.

    Examples
    --------
    >>> import alliance_stats as al, pandas as pd
    >>> study = al.simulate_study(n_therapists=6, n_clients=30, seed=1)
    >>> stages = pd.DataFrame(al.trial_flow(study))
    >>> stages[["group", "label", "clients"]].head(2).values.tolist()
    [['alliance-focused', 'allocated', 14], ['alliance-focused', 'came to a session', 14]]
    """
    group, lost = client_groups(study, arm)
    for message in lost:
        warn(message, AllianceStatsWarning)
    measured = _measured(study, outcome, times)
    ends = _ends(study)
    came = attended_sessions(study)
    inside = None if analysed is None else _known(study, analysed)
    stages = []
    for name, members in group.groupby(group, sort=True):
        own = frozenset(members.index)
        parts = [("allocated", "allocated", own)]
        if came is not None:
            parts.append(("started", "came to a session", frozenset(came[CLIENT])))
        parts += [("measured", f"measured: {when}", people) for when, people in measured.items()]
        parts += [(reason, ENDS[reason], people) for reason, people in ends.items()]
        if inside is not None:
            parts += [("analysed", "analysed", inside), ("not_analysed", "not analysed",
                                                         own - inside)]  # fmt: skip
        stages += [
            ArmStage(key, label, own & people, "" if key == "allocated" else "allocated", str(name))
            for key, label, people in parts
        ]
    return Flow(stages)


def _known(study: Study, analysed: Iterable[Any]) -> frozenset[Any]:
    """Return the ids of those analysed, who must be clients of the study."""
    if isinstance(analysed, str):
        raise DesignError(f"analysed must be ids, such as ['{analysed}'], not one text.")
    everybody = study.table("clients")[CLIENT]
    inside = frozenset(same_ids(pd.DataFrame({CLIENT: list(analysed)}), everybody)[CLIENT])
    strange = inside - set(everybody)
    if strange:
        raise DesignError(
            f"analysed names {plural(len(strange), 'id')} that no client of the study has (first: "
            f"{listing(sorted(strange, key=str))})."
        )
    return inside


def _measured(
    study: Study, outcome: str | None, times: Iterable[Any] | None
) -> dict[str, frozenset[Any]]:
    """Return who was measured at each time, in order."""
    held = study.tables.get("assessments")
    rows = held if outcome is None else study.select(outcome)
    if rows is None:
        return {}
    column = OCCASION if OCCASION in rows.columns else "session"
    rows = rows[rows["score"].notna()]
    there = in_order(rows) if column == OCCASION else sorted(rows[column].unique())
    if times is None:
        times = there if column == OCCASION else []
    wanted = list(times)
    strange = [one for one in wanted if one not in there]
    if strange:
        name = ScoreName(outcome or "").words or "anything"
        raise DesignError(
            f"Nobody was measured on {name} at {listing(strange)}; there are {listing(there)}."
        )
    words = occasion_in_words if column == OCCASION else "session {}".format
    at = rows[column].astype(object)
    return {words(one): frozenset(rows.loc[at == one, CLIENT]) for one in wanted}


def _ends(study: Study) -> dict[str, frozenset[Any]]:
    """Return who ended in which way, in the order of `ENDS`; a kind that nobody had is left out."""
    ends = study.tables.get("terminations", pd.DataFrame())
    if ends.empty:
        return {}
    reason = ends["reason"].astype(object)
    return {
        name: frozenset(ends.loc[reason == name, CLIENT]) for name in ENDS if (reason == name).any()
    }

"""The rows of a trial: who was in which arm, measured when, with which baseline."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api import types

from ..core.arguments import checked_table, is_number, numbers, shown
from ..core.people import CLIENT, GROUP, THERAPIST, in_words, same_ids, trimmed
from ..errors import ColumnError, DesignError, did_you_mean, listing, plural
from ..study.labels import by_code
from ..study.select import is_study
from ..study.stages import stage_of
from ..study.times import OCCASION, SESSION, in_order

if TYPE_CHECKING:
    from ..study import Study

SCORE, ARM, TIME, BASELINE = "outcome", "arm", "time", "baseline"
SHOWN = 5  # times at which lines are compared where each client has times of their own


@dataclass(frozen=True)
class TrialRows:
    """The rows that arms are compared on, under names of their own.

    Attributes
    ----------
    rows
        ``client_id, arm, time, outcome``, and ``baseline``, ``therapist_id`` and ``group_id`` where
        they are known.
    arms, times
        In order; ``arms``, those with an outcome, begin with the reference, where one was named.
    outcomes
        The outcomes that `rows` are of, and those that lack a baseline.
    befores
        The baseline of each client who has one, measured after it or not.
    allocated
        Each client's arm, measured or not.
    no_baseline
        Those who were left out because they have none.
    score
        What the outcome is called.
    timed
        Whether rows say when they were measured.
    notes
        What was set aside.
    """

    rows: pd.DataFrame
    outcomes: pd.DataFrame
    befores: pd.Series
    arms: tuple[str, ...]
    times: tuple[Any, ...]
    allocated: pd.Series
    no_baseline: frozenset[Any]
    score: str
    timed: bool
    notes: tuple[str, ...]
    chosen: bool = False
    """Whether `rows` are those of some of the times."""

    def at(self, times: Sequence[Any]) -> TrialRows:
        """Return the same with the rows of some times; `outcomes` keeps all."""
        unknown = [time for time in times if time not in self.times]
        if unknown or not len(times):
            raise DesignError(
                f"times must be of those after the baseline, {listing(self.times)}"
                + f"; there is no {listing(unknown)}." * bool(unknown)
                + " They are none." * (not unknown)
            )
        kept = tuple(time for time in self.times if time in set(times))
        rows = self.rows[self.rows[TIME].isin(kept)].reset_index(drop=True)
        if isinstance(rows[TIME].dtype, pd.CategoricalDtype):
            rows[TIME] = rows[TIME].cat.remove_unused_categories()
        gone = self.rows[CLIENT].nunique() - rows[CLIENT].nunique()
        notes = [
            *self.notes,
            f"Of {len(self.times)} times {len(kept)} are compared, as asked: "
            f"{listing(kept, len(kept))}. Outcomes at other times are left out of the model.",
        ]
        if gone:
            notes.append(
                f"{plural(gone, 'client')} measured at others alone are in no mean; they are "
                "counted as randomised."
            )
        return replace(self, rows=rows, times=kept, notes=tuple(notes), chosen=True)

    @property
    def randomised(self) -> dict[str, int]:
        """How many clients each arm has, measured or not."""
        return {str(name): int(n) for name, n in self.allocated.value_counts().items()}

    @property
    def has_baseline(self) -> bool:
        """Whether outcomes are adjusted for a baseline."""
        return BASELINE in self.rows

    @cached_property
    def own_times(self) -> bool:
        """Whether clients were measured at times of their own, such as days since the beginning."""
        return len(self.times) > 2 * int(self.rows[CLIENT].value_counts().max())

    @cached_property
    def shown_times(self) -> tuple[Any, ...]:
        """The times; of those of clients' own, five from the first to the last common one."""
        if not self.own_times:
            return self.times
        common = self.times[: self.times.index(self.last_common_time()) + 1]
        places = np.linspace(0, len(common) - 1, SHOWN).round().astype(int)
        return tuple(common[place] for place in dict.fromkeys(places))

    def last_common_time(self) -> Any:
        """Return the last time at which half of each arm were measured; else the very last."""
        n = self.measured()
        half = n["n"] >= n[ARM].map(self.randomised).astype(float) / 2
        reached = n[half].groupby(TIME, observed=True)[ARM].nunique()
        common = reached.index[reached == len(self.arms)]
        return max(common, key=self.times.index) if len(common) else self.times[-1]

    def seen(self, arm: str, time: Any) -> frozenset[Any]:
        """Return who of an arm was measured at a time; of times of their own, then or later.

        Also those without a baseline: no analysis has them, and they are not unmeasured.
        """
        own = self.outcomes[self.outcomes[ARM] == arm]
        there = own[TIME] >= time if self.own_times else own[TIME] == time
        return frozenset(own.loc[there, CLIENT])

    def measured(self) -> pd.DataFrame:
        """Return how many clients of each arm were measured at each time, as `seen` counts."""
        counts = [
            (arm, time, len(self.seen(arm, time))) for time in self.times for arm in self.arms
        ]
        found = pd.DataFrame(counts, columns=[ARM, TIME, "n"])
        return found[found["n"] > 0].reset_index(drop=True)


def trial_rows(
    study_or_data: Study | pd.DataFrame,
    *,
    outcome: str,
    arm: str,
    baseline: Any,
    time: str | None,
    reference: Any,
) -> TrialRows:
    """Bring a study's or a table's rows into the form that arms are compared in.

    Raises
    ------
    ColumnError, DesignError
        Where a column is missing, an arm changes within a client, or there are not two arms.
    """
    everybody = None
    if is_study(study_or_data):
        data = study_or_data.select(outcome)
        score, outcome = str(data.attrs.get("score", outcome)), "score"
        if time is None:
            time = SESSION if SESSION in data else OCCASION
        data, everybody = _with_arms(data, study_or_data, arm)
    else:
        data, score = checked_table(study_or_data, "a trial's rows, or a study"), outcome
    if data.empty:
        raise DesignError("The trial has no rows.")
    data = data.reset_index(drop=True)
    named = [CLIENT, outcome, arm, *([time] if time else [])]
    for name in named:
        if name not in data.columns:
            raise ColumnError(
                f"The rows of a trial need the column '{name}'.{did_you_mean(name, data.columns)}"
            )
    rows = pd.DataFrame(
        {
            CLIENT: trimmed(data[CLIENT]),
            ARM: in_words(data[arm]),
            TIME: trimmed(data[time]) if time else 0,
            SCORE: numbers(data, outcome, "the rows of a trial"),
        }
    )
    for name in (THERAPIST, GROUP):
        if name in data.columns and trimmed(data[name]).notna().any():
            rows[name] = trimmed(data[name])
    timeless = rows[TIME].isna()
    if time and types.is_numeric_dtype(rows[TIME].dtype):
        numbers(data, time, "the rows of a trial")  # refuses a time without end
    elif time:
        asked = in_order(data.assign(**{time: rows[TIME]}), time)  # where anybody has a score
        there = rows[TIME].where(rows[TIME].isin(asked))
        rows[TIME] = pd.Categorical(there, asked, ordered=True)
    notes = []
    lacking = rows[ARM].isna() | rows[CLIENT].isna()
    if lacking.any():
        notes.append(
            f"{plural(int(lacking.sum()), 'row')} without a client or an arm were left out."
        )
        rows = rows[~lacking]
    if rows.empty:
        raise DesignError(f"No row of the trial has a client and an arm in '{arm}'.")
    several = rows[[CLIENT, ARM]].drop_duplicates()[CLIENT].duplicated(keep=False)
    if several.any():
        who = pd.unique(rows[[CLIENT, ARM]].drop_duplicates()[CLIENT][several])
        raise DesignError(
            f"A client must be in one arm, the one randomised to; {len(who)} are in several "
            f"(first: {listing(who)})."
        )
    allocated = rows.drop_duplicates(CLIENT).set_index(CLIENT)[ARM]
    if everybody is not None:
        never = everybody[~everybody.index.isin(allocated.index)]
        if len(never):
            notes.append(
                f"{plural(len(never), 'client')} of the arms have no such score at any time; they "
                "are counted as randomised and in no mean."
            )
        allocated = pd.concat([allocated, never])
    rows, befores = _with_baseline(rows, data, baseline, notes)
    timeless, missing = timeless[rows.index], rows[SCORE].isna()
    notes += [
        f"{plural(int(lacks.sum()), 'row')} {what} were left out."
        for what, lacks in (
            (f"with an empty '{time}'", timeless),
            ("without an outcome", missing & ~timeless),
        )
        if lacks.any()
    ]
    rows = rows[~(timeless | missing)]
    outcomes, gone = rows, frozenset[Any]()
    if BASELINE in rows and rows[BASELINE].isna().any():
        gone = frozenset(rows.loc[rows[BASELINE].isna(), CLIENT])
        notes.append(f"{plural(len(gone), 'client')} without a baseline were left out.")
        rows = rows[rows[BASELINE].notna()]
    if BASELINE in rows and len(rows) and (rows.groupby(ARM)[BASELINE].nunique() < 2).all():
        raise DesignError(
            f"The baseline {shown(baseline)} has one value for all of an arm: there is nothing in "
            "it that outcomes could be adjusted for. Leave baseline= out, or name the score from "
            "before treatment."
        )
    times = tuple(pd.unique(rows[TIME].sort_values(kind="stable")))
    most = 2 * int((rows[TIME] == times[0]).sum()) >= rows[CLIENT].nunique() if times else False
    if baseline is None and len(times) > 1 and most and _is_before_treatment(times[0]):
        notes.append(
            f"The first time, {times[0]}, may be the baseline, and counts as an outcome: "
            f"baseline={shown(times[0])} adjusts for it."
        )
    twice = rows.duplicated([CLIENT, TIME])
    if twice.any():
        raise DesignError(
            f"A client has one outcome at each time; {int(twice.sum())} rows are second ones "
            f"(first: {listing(pd.unique(rows.loc[twice, CLIENT]))}). Name the occasions with "
            "time=."
        )
    return TrialRows(
        rows.reset_index(drop=True),
        outcomes,
        befores,
        _arms(by_code(study_or_data, allocated.rename(arm)), rows, reference, notes),
        times,
        allocated,
        gone,
        score,
        time is not None,
        tuple(notes),
    )


def _is_before_treatment(time: Any) -> bool:
    """Tell whether a time is one before treatment, by its name or its number."""
    return time <= 0 if is_number(time) else stage_of(str(time)) in ("screening", "intake", "pre")


def _with_arms(data: pd.DataFrame, study: Study, arm: str) -> tuple[pd.DataFrame, pd.Series | None]:
    """Return a study's scores with the arms, and everybody's arm, also of those without a score."""
    clients = study.tables.get("clients", pd.DataFrame(columns=[CLIENT]))
    if arm not in clients.columns:
        return data, None
    clients = same_ids(clients, data[CLIENT]).dropna(subset=[arm]).drop_duplicates(CLIENT)
    own = in_words(clients.set_index(CLIENT)[arm]).dropna()
    return data.assign(**{arm: data[CLIENT].map(own)}), own


def _without_baseline_rows(rows: pd.DataFrame, baseline: str, notes: list[str]) -> pd.DataFrame:
    """Leave out the first time where its outcomes are the baseline itself."""
    first = rows[rows[TIME] == rows[TIME].min()].dropna(subset=[SCORE, BASELINE])
    if rows[TIME].nunique() < 2 or first.empty or (first[SCORE] != first[BASELINE]).any():
        return rows
    notes.append(
        f"The outcomes at {rows[TIME].min()} are those of '{baseline}', the baseline; they are no "
        "outcomes and were left out."
    )
    rows = rows[rows[TIME] != rows[TIME].min()]
    if isinstance(rows[TIME].dtype, pd.CategoricalDtype):
        rows = rows.assign(**{TIME: rows[TIME].cat.remove_unused_categories()})
    return rows


def _with_baseline(
    rows: pd.DataFrame, data: pd.DataFrame, baseline: Any, notes: list[str]
) -> tuple[pd.DataFrame, pd.Series]:
    """Add the baseline: a column of the data, or each client's outcome at that time.

    Also returned are the clients' baselines themselves.
    """
    if baseline is None:
        return rows, pd.Series(dtype=float)
    if isinstance(baseline, str) and baseline in data.columns:
        known = pd.Series(
            numbers(data.loc[rows.index], baseline, "the rows of a trial"), rows.index
        )
        of_client = known.groupby(rows[CLIENT])
        values = of_client.nunique()
        several = values.index[values > 1]
        if len(several):
            raise DesignError(
                f"A baseline is one value a client; {plural(len(several), 'client')} have several "
                f"in '{baseline}' (first: {listing(several)}). Give the one from before treatment "
                "in all rows, or name the time at which it was measured."
            )
        rows = rows.assign(**{BASELINE: of_client.transform("first")})
        return _without_baseline_rows(rows, baseline, notes), of_client.first().dropna()
    there = rows[TIME].notna() & (rows[TIME].astype(str) == str(baseline))
    if is_number(baseline) and types.is_numeric_dtype(rows[TIME].dtype):
        there |= rows[TIME] == baseline  # 0 is 0.0 too
    before, times = rows[there], pd.unique(rows[TIME].dropna())
    if not len(before):
        raise ColumnError(
            f"baseline={shown(baseline)} is neither a column nor a time of the data; the times are "
            f"{listing(times)}.{did_you_mean(baseline, [*times, *data.columns])}"
        )
    early = pd.unique(rows.loc[rows[SCORE].notna() & (rows[TIME] < before[TIME].iloc[0]), TIME])
    if len(early):
        raise DesignError(
            f"A baseline is measured before the outcomes, and {listing(early)} "
            f"{'comes' if len(early) == 1 else 'come'} before {baseline!r}: name the first time as "
            "the baseline, or leave the earlier rows out."
        )
    if before[CLIENT].duplicated().any():
        raise DesignError(f"Clients have several outcomes at the baseline {baseline!r}.")
    value = before.set_index(CLIENT)[SCORE]
    rows = rows[~there]
    if isinstance(rows[TIME].dtype, pd.CategoricalDtype):
        rows = rows.assign(**{TIME: rows[TIME].cat.remove_unused_categories()})
    never = len(set(before[CLIENT]) - set(rows.loc[rows[SCORE].notna(), CLIENT]))
    if never:
        notes.append(
            f"{plural(never, 'client')} with a baseline were never measured after it; they are "
            "counted as randomised and in no mean."
        )
    return rows.assign(**{BASELINE: rows[CLIENT].map(value)}), value.dropna()


CONTROL = re.compile(
    r"wait|tau\b|control|usual|standard|placebo|kontroll|warte|wl\b", re.IGNORECASE
)
"""Names by which an arm says that it is what the others are compared with."""


def _arms(
    allocated: list[str], rows: pd.DataFrame, reference: Any, notes: list[str]
) -> tuple[str, ...]:
    """Return the arms that have rows, and note those that have none.

    First stands the reference; where none is named the one arm whose name is that of a control.
    """
    arms = [name for name in allocated if name in set(rows[ARM])]
    unseen = [name for name in allocated if name not in arms]
    what = "an outcome" + " and a baseline" * (BASELINE in rows)
    alike: dict[str, list[str]] = {}
    for name in allocated:
        alike.setdefault(name.casefold(), []).append(name)
    notes += [
        f"The arms {listing(names)} differ in capital letters alone, and count as "
        f"{len(names)}: if they are one, write it in one way."
        for names in alike.values()
        if len(names) > 1
    ]
    if not arms:
        raise DesignError(f"Nobody of the trial has {what} (arms: {listing(unseen)}).")
    why = f"Nobody of the arm{'s' * (len(unseen) > 1)} {listing(unseen)} has {what}"
    if unseen:
        notes.append(f"{why}: in no mean and no comparison, and counted as randomised.")
    if len(arms) < 2:
        raise DesignError(
            f"Arms are compared, and the rows have one only: {listing(arms)}."
            + f" {why}." * bool(unseen)
        )
    if reference is None:
        control = [name for name in arms if CONTROL.search(name)]
        return tuple(sorted(arms, key=lambda name: [name] != control))
    first = arm_called(reference, allocated)
    if first in unseen:
        raise DesignError(f"The reference {shown(reference)} cannot be compared with: {why}.")
    return (first, *(name for name in arms if name != first))


def arm_called(name: Any, arms: Sequence[str]) -> str:
    """Return the arm that is named, in words or by its number.

    Raises
    ------
    DesignError
        Where there is none of that name.
    """
    word = in_words(pd.Series([name], dtype=object)).iloc[0]
    if word not in arms:
        hint = did_you_mean(name, arms)
        raise DesignError(f"There is no arm {shown(name)}; the arms are {listing(arms)}.{hint}")
    return str(word)


def standardiser(data: TrialRows) -> tuple[float, str]:
    """Return the SD that differences are divided by, and what it is.

    That of the baseline, pooled within arms, where there is one: it is the same for all occasions
    and no treatment has touched it; of all who have one, also those never measured after it. Else
    that of the outcome at the first time.
    """
    if data.has_baseline:
        values, what = data.befores, "baseline"
        arms = data.allocated.reindex(values.index)
    else:
        first = data.rows[data.rows[TIME] == data.times[0]]
        values, arms, what = first[SCORE], first[ARM], "first occasion"
    groups = values.groupby(arms)
    n, variance = groups.size(), groups.var(ddof=1)
    pooled = float(((n - 1) * variance).sum() / (n - 1).sum())
    return float(np.sqrt(pooled)), f"SD of the {what}, pooled within arms"

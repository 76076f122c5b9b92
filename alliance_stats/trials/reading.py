"""How a study or a table becomes the rows of a trial: arms, times, outcomes, baselines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pandas as pd
from pandas.api import types

from ..core.arguments import checked_table, is_number, numbers, shown
from ..core.people import CLIENT, GROUP, THERAPIST, in_words, same_ids, trimmed
from ..errors import ColumnError, DesignError, did_you_mean, listing, plural
from ..study.labels import by_code
from ..study.select import is_study
from ..study.stages import stage_of
from ..study.times import OCCASION, SESSION, in_order, refuse_calendar
from .rows import ARM, BASELINE, SCORE, TIME, TrialRows, arm_called

if TYPE_CHECKING:
    from ..study import Study


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
    if timeless.all():
        raise DesignError(f"No row of the trial has a time in '{time}'.")
    if time and types.is_numeric_dtype(rows[TIME].dtype):
        numbers(data, time, "the rows of a trial")  # refuses a time without end
    elif time:
        refuse_calendar(rows[TIME], time)
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
    if len(rows) and rows.groupby(ARM)[CLIENT].nunique().max() < 2 <= rows[ARM].nunique():
        raise DesignError(
            f"Each arm has one client with an outcome{' and a baseline' * (BASELINE in rows)}: "
            "what differs between arms cannot be told from what differs between people."
        )
    _check_baselines(befores, allocated, baseline, notes)
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
            f"(first: {listing(pd.unique(rows.loc[twice, CLIENT]))}). "
            + (f"Leave one of each in '{time}'." if time else "Name the occasions with time=.")
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


def _check_baselines(
    befores: pd.Series, allocated: pd.Series, baseline: Any, notes: list[str]
) -> None:
    """Refuse a baseline that differs in no arm; say in which it does not differ."""
    of_arm = befores.groupby(allocated.reindex(befores.index)).agg(["nunique", "size", "first"])
    if len(of_arm) and (of_arm["nunique"] < 2).all():
        raise DesignError(
            f"The baseline {shown(baseline)} has one value for all of an arm: there is nothing in "
            "it that outcomes could be adjusted for. Leave baseline= out, or name the score from "
            "before treatment."
        )
    notes += [
        f"The baseline of all {size} clients of the arm '{arm}' is {value:g}: what it tells of "
        "outcomes is taken from the other arms. Check whether it was filled in; if so, leave "
        "baseline= out."
        for arm, n, size, value in of_arm.itertuples()
        if n < 2 < size
    ]


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

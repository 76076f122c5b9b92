"""The rows of a trial: who was in which arm, measured when, with which baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..core.arguments import shown
from ..core.people import CLIENT, in_words
from ..errors import DesignError, did_you_mean, listing, plural

if TYPE_CHECKING:
    pass

SCORE, ARM, TIME, BASELINE = "outcome", "arm", "time", "baseline"
MOST_TOLD = 20  # times that a refusal lists
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
        if not self.timed:
            raise DesignError("times= names some of several times: time= names their column.")
        if unknown or not len(times):
            wrong = f"there is no {listing(map(shown, unknown))}" if unknown else "it is empty"
            raise DesignError(
                "times= names those to be compared, of the times at which outcomes stand"
                f"{' after the baseline' * self.has_baseline} "
                f"({listing(map(shown, self.times), MOST_TOLD)}); {wrong}."
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
        own = self._outcomes_of[arm]
        there = own[TIME] >= time if self.own_times else own[TIME] == time
        return frozenset(own.loc[there, CLIENT])

    @cached_property
    def _outcomes_of(self) -> dict[str, pd.DataFrame]:
        return {arm: self.outcomes[self.outcomes[ARM] == arm] for arm in self.arms}

    @cached_property
    def _measured(self) -> pd.DataFrame:
        counts = [
            (arm, time, len(self.seen(arm, time))) for time in self.times for arm in self.arms
        ]
        found = pd.DataFrame(counts, columns=[ARM, TIME, "n"])
        return found[found["n"] > 0].reset_index(drop=True)

    def measured(self) -> pd.DataFrame:
        """Return how many clients of each arm were measured at each time, as `seen` counts."""
        return self._measured.copy()


def arm_called(name: Any, arms: Sequence[str]) -> str:
    """Return the arm that is named, in words or by its number.

    Raises
    ------
    DesignError
        Where there is none of that name.
    """
    word = in_words(pd.Series([name], dtype=object)).iloc[0]
    if not isinstance(word, str) or word not in arms:
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

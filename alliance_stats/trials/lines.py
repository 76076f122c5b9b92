"""How far the straight lines of `method="growth"` are shown: as far as clients were measured."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..core.people import CLIENT
from ..inference.multiplicity import Adjust, adjusted_p, half_widths
from .rows import ARM, TIME, TrialRows

ENOUGH = 5  # clients of an arm; or half of it, where that is fewer


def within_reach(
    means: pd.DataFrame,
    contrasts: pd.DataFrame,
    data: TrialRows,
    adjust: Adjust,
    confidence: float,
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Empty means, and their differences, beyond the measurements of their arm; say where.

    A line has a value at every time. It is shown from where `ENOUGH` clients of its arm (or half)
    have been measured to the last time at which as many still are. What is left of comparisons is
    adjusted for its own number.
    """
    ends = data.rows.groupby(CLIENT).agg({ARM: "first", TIME: ["min", "max"]})
    ends.columns = [ARM, "first", "last"]
    reach, said = {}, []
    for arm in dict.fromkeys(means[ARM]):
        own = ends[ends[ARM] == arm]
        few = min(ENOUGH, data.randomised[arm] / 2)
        times = [
            time
            for time in data.shown_times
            if min((own["first"] <= time).sum(), (own["last"] >= time).sum()) >= few
        ]
        reach[arm] = set(times)
        if not times:
            said.append(f"Too few of the arm '{arm}' were measured to show its line at any time.")
        elif len(times) < len(data.shown_times):
            said.append(
                f"The line of the arm '{arm}' is shown from {times[0]:g} to {times[-1]:g}: beyond "
                f"fewer than {ENOUGH} of its clients (or half) were measured, and its means and "
                "comparisons are left empty."
            )
    unseen = [time not in reach[arm] for arm, time in zip(means[ARM], means[TIME], strict=True)]
    apart = [
        time not in reach[arm] & reach[other]
        for arm, other, time in contrasts[[ARM, "versus", TIME]].itertuples(index=False)
    ]
    means, contrasts = _emptied(means, unseen), _emptied(contrasts, apart)
    for _, rows in contrasts.groupby(TIME):
        p, ratio, df = (rows[name].to_numpy() for name in ("p_value", "statistic", "df"))
        contrasts.loc[rows.index, "p_adjusted"] = adjusted_p(p, adjust, ratio, df, len(reach))
        half = half_widths(rows["std_error"].to_numpy(), df, confidence, adjust, len(reach))
        contrasts.loc[rows.index, "conf_low"] = rows["estimate"] - half
        contrasts.loc[rows.index, "conf_high"] = rows["estimate"] + half
    return means, contrasts, said


def _emptied(table: pd.DataFrame, where: list[bool]) -> pd.DataFrame:
    numbers = ("estimate", "std_error", "statistic", "df", "p_value", "conf_low", "conf_high")
    table = table.copy()
    table.loc[where, [name for name in numbers if name in table]] = np.nan
    return table

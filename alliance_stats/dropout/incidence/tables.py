"""The tables behind the incidence of the ends of therapy: curves by group, and Gray's tests."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...errors import listing
from ..endings import CENSORED, COMPETING, DROPOUT
from .aalen_johansen import aalen_johansen, log_log_interval
from .gray import gray_test

TABLE_COLUMNS = (
    "by", "time", "event", "incidence", "std_error", "conf_low", "conf_high", "n_at_risk",
    "n_events", "one_minus_km",
)  # fmt: skip


def thin_start(found: pd.DataFrame) -> list[str]:
    """Tell of risk sets that empty before everybody has entered: the curve is then worthless."""
    ended = found.groupby(["by", "time"], sort=False)["n_events"].sum()
    at_risk = found.drop_duplicates(["by", "time"]).set_index(["by", "time"])["n_at_risk"]
    names = []
    for name, part in at_risk.groupby(level="by", sort=False):
        everybody_left = ((ended[part.index] == part) & (part > 0)).to_numpy()
        if everybody_left[:-1].any():
            names.append(str(name))
    if not names:
        return []
    return [
        f"In {listing(names)} everybody at risk ended before others came under observation; the "
        "curve is stuck at that time. Start later, when more clients are watched."
    ]


def gray_tests(
    table: pd.DataFrame, by: str | None, entry: str | None
) -> tuple[pd.DataFrame, list[str]]:
    """Return Gray's test of each kind of end that happened."""
    columns = ["event", "statistic", "df", "p_value"]
    if by is None:
        return pd.DataFrame(columns=columns), []
    group = pd.factorize(table[by])[0]
    why = []
    if group.max() == 0:
        why = [f"All clients have the same '{by}', so there are no groups to test."]
    elif entry is not None:
        why = ["Gray's test is not defined under left truncation and is left out."]
    time, reason = table["watched"].to_numpy(), table["reason"].to_numpy(dtype=object)
    rows: list[tuple[str, float, float, float]] = []
    for kind in (DROPOUT, *COMPETING):
        own = reason == kind
        if not own.any() or why:
            continue
        rows.append((kind, *gray_test(time, own, ~own & (reason != CENSORED), group)))
    return pd.DataFrame(rows, columns=columns), why


def group_table(name: str, part: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Return the incidence of every kind of end in one group of clients."""
    time, reason = part["time"].to_numpy(), part["reason"].to_numpy(dtype=object)
    watched = np.sort(part["watched"].to_numpy())
    entry = part["entry"].to_numpy()
    grid = np.unique(time[time >= entry.min()])  # also where somebody is last seen
    at_risk = len(time) - np.searchsorted(watched, grid, side="left")
    at_risk = at_risk - (entry[:, None] > grid).sum(axis=0)
    kinds = [DROPOUT, *[kind for kind in COMPETING if (reason == kind).any()]]
    places = np.searchsorted(grid, time)
    counts = np.stack([np.bincount(places[reason == k], minlength=len(grid)) for k in kinds])
    ended_before = np.cumsum(counts.sum(axis=0)) - counts.sum(axis=0)
    known = np.minimum.accumulate(at_risk + ended_before)  # who came late tells of no time before
    parts: list[pd.DataFrame] = []
    for kind, ended in zip(kinds, counts, strict=True):
        incidence, variance = aalen_johansen(at_risk, counts, len(parts))
        low, high = log_log_interval(incidence, variance, known, confidence)
        columns = {
            "by": name,
            "time": grid if (grid % 1).any() else grid.astype(np.int64),
            "event": kind,
            "incidence": incidence,
            "std_error": np.sqrt(variance),
            "conf_low": low,
            "conf_high": high,
            "n_at_risk": at_risk,
            "n_events": ended,
            "one_minus_km": 1 - np.cumprod(1 - ended / np.maximum(at_risk, 1)),
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)

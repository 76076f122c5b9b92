"""Which waves can be used; and where sessions are not equally far apart, a grid of equal steps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ...errors import DesignError, listing, plural

FEWEST = 10
"""A grid ends at the last point at which this many clients have a value."""
FLAT = 1e-9
"""Scores whose spread is this share of their size do not vary."""
OFF = 1e-6
"""The share of a step by which a wave's time may miss the grid."""
REACHED = 5
"""Unless said, a wave counts where so many clients a variable (up to it) reached it: with fewer the
model without structure often has no maximum, and no chi-square is near its distribution."""
VARYING = 3
"""The fewest values of a score at a point of a grid."""
LEFT_OUT = "Waves from"
"""How the message on waves that too few reached begins."""
LONGEST = 200
"""The most points of a grid: more are finer than anybody measures."""


def points(time: np.ndarray, first: float, step: float) -> np.ndarray:
    """Return which point of the grid is nearest to each time."""
    found = np.rint((time - first) / step).astype(int)
    if found.max(initial=0) >= LONGEST:
        raise DesignError(
            f"step={step:g} makes {found.max() + 1} steps from the first to the last time; at most "
            f"{LONGEST} can be modelled. Take a longer step, or fewer waves."
        )
    return found


def on_grid(frame: pd.DataFrame, step: float) -> pd.DataFrame:
    """Return a table of waves with a column for each point of the grid, empty between waves."""
    time = frame.columns.to_numpy(dtype=float)
    at = points(time, time[0], step)
    off = np.abs(time - time[0] - step * at) > OFF * step
    if off.any() or not (np.diff(at) > 0).all():
        raise DesignError(
            f"The waves ({listing(f'{one:g}' for one in time)}) must be apart by whole numbers of "
            f"steps, in their order; step={step:g} does not do."
        )
    grid = pd.DataFrame(np.nan, index=frame.index, columns=time[0] + step * np.arange(at[-1] + 1))
    grid.iloc[:, at] = frame.to_numpy()
    return grid


def thinned(
    long: pd.DataFrame, step: float, names: Mapping[str, str], said: list[str]
) -> pd.DataFrame:
    """Return a row a client and point of a grid, up to its end: of each score the nearest value.

    Scores need not be measured on the same day: each counts by itself.
    """
    scores = [*names]
    long = long[long[scores].notna().any(axis=1)]
    first = float(long["time"].min())
    at = points(long["time"].to_numpy(), first, step)
    off = np.abs(long["time"].to_numpy() - first - step * at)
    # of two values equally near the earlier counts, in whatever order the rows come
    near = long.assign(off=off, point=first + step * at).sort_values(["off", "time"], kind="stable")
    near = near.assign(time=near["point"])
    cells = near.groupby(["client", "time"], sort=False, observed=True)
    kept = cells[scores].first().reset_index()
    if (off > OFF * step).any():
        away = [f"{names[v]} {near['off'][near[v].notna()].mean():.2g}" for v in scores]
        said.append(
            f"Times count as the nearest of {first:g}, {first + step:g}, ...; they are away on "
            f"average: {listing(away)}."
        )
    lost = [(names[v], int(long[v].notna().sum() - kept[v].notna().sum())) for v in scores]
    if any(n for _, n in lost):
        told = listing(f"{n} of {name}" for name, n in lost if n)
        said.append(
            f"Values of clients measured more than once within a step left out: {told}; of each "
            "score the nearest counts."
        )
    counts = kept.groupby("time").size()
    enough = counts.index[counts >= FEWEST]
    if len(enough) and counts.index[-1] > enough[-1]:
        late = kept["time"] > enough[-1]
        said.append(
            f"{plural(int(kept.loc[late, scores].notna().sum().sum()), 'value')} after "
            f"{enough[-1]:g} left out: fewer than {FEWEST} clients have one at any later point."
        )
        kept = kept[~late]
    return kept


def without_sparse(
    columns: dict[str, pd.DataFrame], group: np.ndarray | None, said: list[str]
) -> dict[str, pd.DataFrame]:
    """Return the grid without points at which a score has too few values to vary."""
    of = np.zeros(len(columns["x"]), dtype=int) if group is None else group
    kept, lost = {}, 0
    for v, frame in columns.items():
        cells = frame.to_numpy(dtype=float).copy()
        for one in np.unique(of):
            rows = of == one
            n = np.isfinite(cells[rows]).sum(axis=0)
            spread = np.array([np.ptp(c[np.isfinite(c)]) if k else 0.0
                               for c, k in zip(cells[rows].T, n, strict=True)])  # fmt: skip
            sparse = (n > 0) & ((n < VARYING) | (spread == 0))
            lost += int(n[sparse].sum())
            cells[np.ix_(rows, sparse)] = np.nan
        kept[v] = pd.DataFrame(cells, index=frame.index, columns=frame.columns)
    if lost:
        said.append(
            f"{plural(lost, 'value')} left out, at points of the grid at which a score has fewer "
            f"than {VARYING}, or does not vary."
        )
    return kept


def reached(
    columns: dict[str, pd.DataFrame],
    group: np.ndarray | None,
    others: int,
    said: list[str],
) -> dict[str, pd.DataFrame]:
    """Return the waves in a row that enough clients (of each group) reached."""
    time = columns["x"].columns.to_numpy(dtype=float)
    of = np.zeros(len(columns["x"]), dtype=int) if group is None else group
    kept, least = len(time), None
    for one in np.unique(of):
        own = _reached({v: frame[of == one] for v, frame in columns.items()}, others)
        kept, least = (own, one) if own < kept else (kept, least)
    if kept < len(time):
        where = "" if group is None else f" in the group '{least}'"
        said.append(
            f"{LEFT_OUT} {time[kept]:g} on are left out: fewer than {REACHED} clients a "
            f"variable reached that far{where}, which is "
            "little for covariances; name them in waves= to keep them."
        )
    return {v: frame.iloc[:, :kept] for v, frame in columns.items()}


def _reached(columns: Mapping[str, pd.DataFrame], others: int) -> int:
    """Return how many waves in a row enough clients reached to carry their covariances."""
    width = len(next(iter(columns.values())).columns)
    for k in range(1, width + 1):
        n = min(int(frame.iloc[:, k - 1].notna().sum()) for frame in columns.values())
        if 0 < n < REACHED * (len(columns) * k + others):
            return k - 1
    return width


def refuse_unusable(name: str, frame: pd.DataFrame, group: str | None, *, gaps: bool) -> None:
    """Refuse a wave without values, or with one and the same; on a grid waves may be empty."""
    of = "" if group is None else f" in the group '{group}'"
    flat = frame.to_numpy(dtype=float)
    if np.isfinite(flat).any() and not np.nanstd(flat) > FLAT * np.nanmax(np.abs(flat)):
        raise DesignError(f"{name} never varies{of}, so nothing goes with it; take another score.")
    for at, column in zip(frame.columns, frame.to_numpy(dtype=float).T, strict=True):
        held = column[np.isfinite(column)]
        where = f"{at:g}" if isinstance(at, int | float) else str(at)
        if not len(held):
            if gaps:
                continue
            raise DesignError(
                f"Wave {where} has no value of {name}{of}: a wave needs every score. Name the "
                "waves that have them in waves=[...], or a step= where waves are not equally far "
                "apart."
            )
        if not gaps and not held.std() > FLAT * float(np.abs(held).max()):
            raise DesignError(
                f"{name} does not vary at wave {where}{of} ({plural(len(held), 'client')}, all "
                f"{held[0]:g}), so nothing goes with it there. Leave that wave out with "
                "waves=[...]."
            )

"""Time a multiverse of the demo against single fits of the same kind.

Run: python tests/benchmarks/multiverse.py

192 specifications with the joint test may take at most 150 times the time of one such fit: the
median over specifications of what one takes by itself from the scores on (detect, lag, centre,
fit), in a process that is warm. Timed as a user calls it, and on two processes, anew and warm.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np

import alliance_stats as al
from alliance_stats.ruptures.multiverse.grid import expand

LIMIT = 150.0
SAMPLE = 24
BOTH = {"alliance": "wai-sr", "outcome": "core-10"}
GRID = {
    "rule": ["drop_within_sd", "drop_pooled_sd", "drop_stricter_sd", "drop_running_mean"],
    "k": [1.0, 1.5, 2.0],
    "centring": ["client", "none"],
    "detrending": ["covariate", "none"],
    "levels": [2, 3],
    "lagged_outcome": [False, True],
}


def seconds(run: Callable[[], object]) -> float:
    """Return how long it takes, the better of two."""
    times = []
    for _ in range(2):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def single(study: al.Study) -> float:
    """Return the median time of one specification by itself, over a sample of the grid."""
    every = expand(GRID)
    chosen = every[:: len(every) // SAMPLE]
    return float(
        np.median(
            [
                seconds(
                    lambda one=one: al.rupture_multiverse(
                        study, **BOTH, grid=one.as_row(), permutations=0, n_jobs=1
                    )
                )
                for one in chosen
            ]
        )
    )


def main() -> int:
    """Print the times; return 1 where the multiverse is too slow."""
    study = al.load_dataset("demo-trial")
    study.scores  # noqa: B018 - computed once, before the clock runs
    one = single(study)
    n = len(expand(GRID))
    usual = seconds(lambda: al.rupture_multiverse(study, **BOTH, grid=GRID, seed=1))
    shared: list[float] = []
    for _ in range(2):
        start = time.perf_counter()
        al.rupture_multiverse(study, **BOTH, grid=GRID, seed=1, n_jobs=2)
        shared.append(time.perf_counter() - start)
    print(f"one specification by itself: {one * 1000:.0f} ms")
    ways = (("as called", usual), ("two processes, anew", shared[0]), ("warm", shared[1]))
    for what, took in ways:
        print(
            f"{n} specifications and the joint test, {what}: {took:.2f} s, {took / one:.0f} times"
        )
    return int(usual / one > LIMIT)


if __name__ == "__main__":
    sys.exit(main())

"""Time every rule on a million sessions, as multiples of one ``groupby("client_id").diff()``.

Run: python tests/benchmarks/ruptures.py [number of clients]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

import alliance_stats as al

LIMIT = 20.0
"""A rule may take so many times the time of the plain difference; ten is the aim."""
REPEATS = 5
MODELS = ("state_model",)
"""Rules that fit a model are shown, and not held to the limit."""


def study(n_clients: int, seed: int = 1) -> pd.DataFrame:
    """Return scores of 4 to 29 sessions a client (a million sessions with 60,000 clients)."""
    rng = np.random.default_rng(seed)
    length = rng.integers(4, 30, n_clients)
    client = np.repeat(np.arange(n_clients), length)
    session = np.arange(client.size) - np.repeat(np.cumsum(length) - length, length) + 1
    score = 5 + rng.normal(0, 0.7, n_clients)[client] + rng.normal(0, 0.6, client.size)
    return pd.DataFrame({"client_id": client, "session": session, "score": score})


def events_of(scores: pd.DataFrame) -> pd.DataFrame:
    """Return a report for one session in twenty."""
    rows = scores.iloc[::20]
    return rows[["client_id", "session"]].assign(rater="client", kind="rupture", intensity=3.0)


def codes_of(scores: pd.DataFrame) -> pd.DataFrame:
    """Return a code for one session in twenty."""
    rows = scores.iloc[::20]
    return rows[["client_id", "session"]].assign(
        coder_id="x", segment=1, marker="m", family="withdrawal"
    )


def fastest(run: Callable[[], object]) -> float:
    """Return the least of several times, in seconds."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def main(n_clients: int = 60_000) -> int:
    """Print a line a rule; return 1 where one is too slow."""
    scores = study(n_clients)
    tables = {"events": events_of(scores), "codes": codes_of(scores)}
    plain = fastest(lambda: scores.groupby("client_id").diff())
    print(f"{len(scores):,} sessions of {n_clients:,} clients; diff takes {plain * 1000:.0f} ms")
    worst = 0.0
    for rule in al.rupture_rules().itertuples():
        given = {} if rule.needs == "scores" else tables
        al.detect_ruptures(scores.head(1000), rule=rule.name, **given)  # imports happen here
        took = fastest(lambda: al.detect_ruptures(scores, rule=rule.name, **given))  # noqa: B023
        plain = min(plain, fastest(lambda: scores.groupby("client_id").diff()))
        ratio = took / plain
        print(f"{rule.name:22s} {took * 1000:7.0f} ms {ratio:7.1f} times")
        worst = max(worst, ratio if rule.name not in MODELS else 0.0)
    return int(worst > LIMIT)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))

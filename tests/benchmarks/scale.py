"""How large may data be? Time and memory of a fit to millions of sessions, and Dask's workers.

    python tests/benchmarks/scale.py [--rows 1 10 100] [--folder DIR] [--workers] [--pieces]

Sessions of clients (20 each on average) of therapists (100 clients each) are drawn and written as
Parquet files of ten million rows once; then ``y ~ session + x + (1 + x | client_id) + (1 |
therapist_id)`` is fitted by REML with Satterthwaite's degrees of freedom, each time in a process
of its own: in memory (the files read into one DataFrame), and from the folder. Times are CPU
seconds of that process, reading included; memory is its peak resident size. ``--workers`` fits
the largest folder that fits in memory on a cluster of one and of two Dask workers (wall time), and
once more while one of two workers is killed; ``--pieces`` sends a bootstrap, a power study, a
multiverse and a cross-validation to a cluster through joblib; ``--scoring`` validates and scores so
many million answers by `score_partitions`, a process of its own each time. The numbers of
docs/how-to/larger-than-memory.md are made here.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

FORMULA = "y ~ session + x + (1 + x | client_id) + (1 | therapist_id)"
MILLION = 1_000_000
FILE = 10 * MILLION
SESSIONS, CLIENTS = 20, 100  # on average: sessions of a client, clients of a therapist
IN_MEMORY = 10 * MILLION  # more rows are fitted from files only


def write(folder: Path, rows: int) -> None:
    """Draw sessions file by file; every file begins with clients of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(-(-rows // FILE)):
        path = folder / f"{number:03d}.parquet"
        if not path.exists():
            n = min(FILE, rows - number * FILE)
            draw(n, seed=number, first=number * FILE // SESSIONS).to_parquet(
                path, row_group_size=MILLION
            )


def draw(rows: int, seed: int, first: int = 0) -> pd.DataFrame:
    """Return sessions of clients in therapists, with known effects."""
    rng = np.random.default_rng(seed)
    clients = rows // SESSIONS
    lengths = rng.integers(2, 2 * SESSIONS - 1, clients)
    lengths[-1] += rows - lengths.sum() if lengths.sum() < rows else 0
    client = np.repeat(np.arange(clients, dtype=np.int32), lengths)[:rows]
    session = (np.arange(len(client)) - np.searchsorted(client, client)).astype(np.float64)
    therapist = np.arange(clients, dtype=np.int32) // CLIENTS
    x = rng.standard_normal(len(client))
    level, slope = rng.standard_normal((2, clients))
    skill = rng.standard_normal(therapist[-1] + 1)
    y = 20 - 0.2 * session + (0.5 + 0.3 * slope[client]) * x + 2 * level[client]
    y += 0.7 * skill[therapist][client] + 2 * rng.standard_normal(len(client))
    ids = {"client_id": client + first, "therapist_id": therapist[client] + first // CLIENTS}
    return pd.DataFrame({**ids, "session": session, "x": x, "y": y})


def measure(folder: str, way: str) -> dict[str, float]:
    """Fit once, in this process."""
    import alliance_stats as al

    begun = time.process_time()
    data = pd.read_parquet(folder) if way == "memory" else folder
    read = time.process_time()
    fit = al.fit_multilevel(FORMULA, data)
    done = time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    return {
        "rows": fit.nobs,
        "clients": fit.n_groups["client_id"],
        "seconds": done - begun,
        "reading": read - begun,
        "peak_gb": peak,
        "llf": fit.llf,
        "x": float(fit.params["x"]),
        "se_x": float(fit.bse["x"]),
        "df_x": float(fit.df["x"]),
    }


def apart(folder: Path, way: str) -> dict[str, float]:
    """Measure in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--one", str(folder), way],
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def scale_table(root: Path, sizes: list[int]) -> None:
    """Print a row a size and way."""
    print("| sessions | clients | where | CPU s | CPU s a million | peak memory GB | SE of x |")
    print("|---|---|---|---|---|---|---|")
    for millions in sizes:
        folder, rows = root / f"{millions}M", millions * MILLION
        write(folder, rows)
        ways = ["memory", "Parquet"] if rows <= IN_MEMORY else ["Parquet"]
        found = {way: apart(folder, way) for way in ways}
        for way, row in found.items():
            print(
                f"| {row['rows']:,.0f} | {row['clients']:,.0f} | {way} | {row['seconds']:.1f} "
                f"| {row['seconds'] / millions:.2f} | {row['peak_gb']:.2f} | {row['se_x']:.8f} |",
                flush=True,
            )
        if len(found) == 2:
            one, other = found.values()
            gap = max(abs(other[k] / one[k] - 1) for k in ("llf", "x", "se_x", "df_x"))
            print(f"<!-- relative difference of the two: {gap:.1e} -->")


def answers(folder: Path, rows: int) -> None:
    """Draw answers to the 12 items of a form, ten forms a client."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(-(-rows // FILE)):
        path = folder / f"{number:03d}.parquet"
        if path.exists():
            continue
        forms = min(FILE, rows - number * FILE) // 12
        rng = np.random.default_rng(number)
        client = (np.arange(forms) // 10 + number * FILE // 120).astype("int32")
        frame = pd.DataFrame(
            {
                "client_id": np.repeat(client, 12),
                "session": np.repeat(np.arange(forms, dtype="int16") % 10 + 1, 12),
                "rater": pd.Categorical(["client"]).repeat(12 * forms),
                "measure": pd.Categorical(["wai-sr"]).repeat(12 * forms),
                "item": np.tile(np.arange(1, 13, dtype="int16"), forms),
                "value": rng.integers(1, 6, 12 * forms).astype(float),
            }
        )
        frame.to_parquet(path, row_group_size=MILLION)


def score_once(folder: str) -> dict[str, float]:
    """Score once, in this process."""
    import alliance_stats as al

    begun = time.process_time()
    with tempfile.TemporaryDirectory(dir=Path(folder).parent) as place:
        found = al.score_partitions(folder, Path(place) / "scores")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    seconds = time.process_time() - begun
    return {"seconds": seconds, "peak_gb": peak, "forms": int(found["forms"].max())}


def scoring_table(root: Path, sizes: list[int]) -> None:
    """Print a row a number of answers."""
    print("| answers | forms | CPU s | CPU s a million | peak memory GB |\n|---|---|---|---|---|")
    for millions in sizes:
        answers(root / f"answers{millions}M", millions * MILLION)
        row = apart(root / f"answers{millions}M", "scoring")
        print(
            f"| {millions * MILLION:,} | {row['forms']:,.0f} | {row['seconds']:.1f} "
            f"| {row['seconds'] / millions:.2f} | {row['peak_gb']:.2f} |",
            flush=True,
        )


def workers_table(folder: Path) -> None:
    """Fit on one and two workers, the fastest of three, and on two of which one is killed."""
    import dask.dataframe as frames
    from distributed import Client, LocalCluster

    import alliance_stats as al

    print(f"\n{folder.name} sessions, a Dask DataFrame\n")
    print("| workers | wall s | CPU s in workers | CPU s here | log-likelihood |")
    print("|---|---|---|---|---|")
    for n, lost in ((1, False), (2, False), (2, True)):
        setup = {"threads_per_worker": 1, "dashboard_address": None, "memory_limit": "4GB"}
        with LocalCluster(n_workers=n, **setup) as cluster, Client(cluster) as client:
            data = frames.read_parquet(folder, split_row_groups=True)
            al.fit_multilevel(FORMULA, data)  # what each worker imports is not timed
            tried = []
            for _ in range(1 if lost else 3):
                begun, here = time.perf_counter(), time.process_time()
                before = sum(client.run(time.process_time).values())
                if lost:
                    pid = next(iter(client.run(os.getpid).values()))
                    client.loop.call_later(1.0, os.kill, pid, 9)
                fit = al.fit_multilevel(FORMULA, data)
                wall, own = time.perf_counter() - begun, time.process_time() - here
                there = sum(client.run(time.process_time).values()) - before
                tried.append((wall, there, own))
            wall, there, own = min(tried)
            told, cpu = (f"{n}, one of them killed after 1 s", "") if lost else (n, f"{there:.1f}")
            print(f"| {told} | {wall:.1f} | {cpu} | {own:.1f} | {fit.llf:.6f} |", flush=True)


def pieces_table() -> None:
    """Send what is done in pieces to a cluster, and compare with the answer here."""
    import joblib
    from distributed import Client, LocalCluster

    import alliance_stats as al

    small = al.simulate_study(n_therapists=12, n_clients=80, seed=3)
    study = al.simulate_study(n_therapists=30, n_clients=200, seed=3)
    fit = al.fit_multilevel("y ~ x + (1 | client_id)", draw(2000, seed=1))
    design = al.StudyDesign(20, 3, 4, icc_client=0.3, icc_therapist=0.05)
    few = {"models": ("logistic",), "folds": 4, "inner_folds": 3, "permutations": 2}
    work = {
        "bootstrap": lambda: fit.bootstrap(500, seed=1).draws,
        "power study": lambda: design.power(0.4, of="arm", method="simulation", seed=1).table,
        "multiverse": lambda: (
            al.rupture_multiverse(
                small, alliance="wai-sr", outcome="core-10", permutations=0
            ).specifications
        ),
        "cross-validation": lambda: (
            al.predict_dropout(study, landmark=3, replicates=50, seed=1, **few).predictions
        ),
    }
    print("\n| done in pieces | here, wall s | on two workers, wall s | same answer |")
    print("|---|---|---|---|")
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        client.run(lambda: __import__("alliance_stats").fit_multilevel)
        for name, task in work.items():
            begun = time.perf_counter()
            here = task()
            middle = time.perf_counter()
            with joblib.parallel_config("dask"):
                there = task()
            took = middle - begun, time.perf_counter() - middle
            same = "yes" if here.equals(there) else "NO"
            print(f"| {name} | {took[0]:.1f} | {took[1]:.1f} | {same} |", flush=True)


def main() -> None:
    """Read what is asked, measure, print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs="*", type=int, default=[1, 10, 100], help="millions")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "scale")
    parser.add_argument("--workers", action="store_true")
    parser.add_argument("--pieces", action="store_true")
    parser.add_argument("--scoring", nargs="*", type=int, help="millions of answers")
    parser.add_argument("--one", nargs=2)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    if asked.one:
        where, way = asked.one
        print(json.dumps(score_once(where) if way == "scoring" else measure(where, way)))
        return
    if asked.scoring:
        scoring_table(asked.folder, asked.scoring)
        return
    scale_table(asked.folder, asked.rows)
    if asked.workers:
        workers_table(asked.folder / f"{max(n for n in asked.rows if n * MILLION <= IN_MEMORY)}M")
    if asked.pieces:
        pieces_table()


if __name__ == "__main__":
    main()

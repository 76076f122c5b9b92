"""Speed of the multilevel engine beside its peers, with the log-likelihoods in the same table.

    python tests/benchmarks/multilevel.py [--sizes 300 2000 20000] [--no-r] [--refits 1000]

Every engine fits ``y ~ session + x_within + x_between + (1 + x_within | client) + (1 |
therapist)`` by REML with Satterthwaite's degrees of freedom, to the same simulated sessions. An
engine runs in a process of its own: the first call is timed with its imports done but nothing
else, the warm time is the best of several calls after it. R is timed inside R. statsmodels cannot
express the model (correlated slopes below the top level) and is not listed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

FORMULA = "y ~ session + x_within + x_between + (1 + x_within | client) + (1 | therapist)"
THERAPISTS = {300: 30, 2000: 100, 20000: 500}
REPEATS = {300: 30, 2000: 15, 20000: 5}
SAME = 1e-3  # log-likelihoods further apart are not the same fit; R stops within 1e-4 at 300,000
ENGINES = ("alliance_stats", "mixedlm", "lme_python")

R_SCRIPT = """
suppressMessages({library(lmerTest)})
d <- read.csv(commandArgs(TRUE)[1])
run <- function() {
  t0 <- proc.time()[["elapsed"]]
  m <- lmerTest::lmer(y ~ session + x_within + x_between + (1 + x_within | client) +
                        (1 | therapist), d)
  s <- summary(m, ddf = "Satterthwaite")
  c(proc.time()[["elapsed"]] - t0, as.numeric(logLik(m)), s$coefficients["x_within", "df"])
}
first <- suppressWarnings(run())
warm <- if (commandArgs(TRUE)[2] == "1") suppressWarnings(run()) else first
cat(sprintf('{"first": %.6f, "warm": %.6f, "loglik": %.10f, "df": %.10f}',
            first[1], min(first[1], warm[1]), warm[2], warm[3]))
"""


def simulate(clients: int, seed: int = 1) -> pd.DataFrame:
    """Draw sessions of clients of therapists; about twelve or fifteen sessions a client."""
    rng = np.random.default_rng(seed)
    therapists = THERAPISTS.get(clients, max(clients // 40, 5))
    sessions = rng.integers(2, 23 if clients <= 300 else 29, clients)
    client = np.repeat(np.arange(clients), sessions)
    therapist = rng.integers(0, therapists, clients)[client]
    level = rng.normal(size=clients)
    slope = 0.5 + 0.2 * level + rng.normal(0, 0.3, clients)
    session = np.concatenate([np.arange(1, n + 1) for n in sessions])
    within, between = rng.normal(size=client.size), rng.normal(size=clients)[client]
    y = 10 - 0.1 * session + slope[client] * within + 0.8 * between + 1.5 * level[client]
    y = y + rng.normal(0, 0.8, therapists)[therapist] + rng.normal(size=client.size)
    return pd.DataFrame(
        {
            "y": y,
            "session": session.astype(float),
            "x_within": within,
            "x_between": between,
            "client": [f"c{i:05d}" for i in client],
            "therapist": [f"t{i:03d}" for i in therapist],
        }
    )


def fit_with(engine: str, data: pd.DataFrame) -> tuple[float, float]:
    """Fit once; return the log-likelihood and the df of x_within."""
    if engine == "alliance_stats":
        import alliance_stats as al

        fit = al.fit_multilevel(FORMULA, data)
        return fit.llf, float(fit.df["x_within"])
    if engine == "mixedlm":
        import mixedlm

        model = mixedlm.lmer(FORMULA, data)
        df = mixedlm.satterthwaite_df(model).as_dict()["x_within"]
        return float(model.logLik().value), float(df)
    import lme_python

    model = lme_python.lmer(FORMULA, data=data, reml=True)
    model.with_satterthwaite(data)
    position = list(model.fixed_names).index("x_within")
    return float(model.log_likelihood), float(model.satterthwaite_dfs[position])


def warm_imports(engine: str) -> None:
    """Import what the engine is used through, as a session that has read its data would have."""
    if engine == "alliance_stats":
        import alliance_stats

        assert alliance_stats.fit_multilevel
    else:
        __import__(engine)


def time_engine(engine: str, path: Path, repeats: int) -> dict[str, float]:
    """Time one engine in this process; called in a fresh one."""
    data = pd.read_parquet(path)
    begin = time.perf_counter()
    warm_imports(engine)
    imports = time.perf_counter() - begin
    times = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        loglik, df = fit_with(engine, data)
        times.append(time.perf_counter() - begin)
    return {
        "imports": imports,
        "first": times[0],
        "warm": min(times[1:]),
        "loglik": loglik,
        "df": df,
    }


def in_fresh_process(*arguments: str) -> dict[str, float]:
    """Run this file again with arguments; return the JSON it prints last."""
    command = [sys.executable, __file__, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"error": done.stderr.strip().splitlines()[-1]}  # type: ignore[dict-item]
    return json.loads(done.stdout.strip().splitlines()[-1])


def time_r(data: pd.DataFrame, folder: Path, again: bool) -> dict[str, float] | None:
    """Time lme4 with lmerTest inside R, where R has them."""
    if shutil.which("Rscript") is None:
        return None
    data.to_csv(folder / "d.csv", index=False, float_format="%.17g")
    (folder / "run.R").write_text(R_SCRIPT)
    command = ["Rscript", str(folder / "run.R"), str(folder / "d.csv"), str(int(again))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def time_least_squares(data: pd.DataFrame, repeats: int) -> float:
    """Return the best time of one least-squares fit on the same X: the floor."""
    X = np.column_stack([np.ones(len(data)), data[["session", "x_within", "x_between"]]])
    y, times = data["y"].to_numpy(), []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        np.linalg.lstsq(X, y, rcond=None)
        times.append(time.perf_counter() - begin)
    return min(times)


def peak_memory(path: Path) -> dict[str, float]:
    """Return the peak memory of a fit over the data frame's own size."""
    import tracemalloc

    import alliance_stats as al

    data = pd.read_parquet(path)
    al.fit_multilevel(FORMULA, data.head(2000))
    own = int(data.memory_usage(deep=True).sum())
    tracemalloc.start()
    fit = al.fit_multilevel(FORMULA, data)
    fit.pvalues  # noqa: B018
    peak = tracemalloc.get_traced_memory()[1]
    return {"frame_mb": own / 1e6, "peak_mb": peak / 1e6, "ratio": peak / own}


def time_refits(number: int) -> dict[str, float]:
    """Time refits of a design of about 1,500 sessions, and as many fits by lme-python."""
    import lme_python

    import alliance_stats as al

    data = simulate(125)
    fit = al.fit_multilevel(FORMULA, data)
    outcomes = [fit.simulate(seed).to_numpy() for seed in range(number)]
    begin = time.perf_counter()
    ours = [fit.refit(outcome).llf for outcome in outcomes]
    mine = time.perf_counter() - begin
    some = max(number // 10, 1)  # the peer takes its time; a tenth is timed and multiplied
    begin = time.perf_counter()
    theirs = [
        lme_python.lmer(FORMULA, data=data.assign(y=outcome), reml=True).log_likelihood
        for outcome in outcomes[:some]
    ]
    peer = (time.perf_counter() - begin) * number / some
    behind = np.array(theirs) - np.array(ours[:some])
    return {
        "rows": len(data),
        "refits_s": mine,
        "lme_python_s": peer,
        "lowest": float(behind.min()),
        "highest": float(behind.max()),
    }


def report(sizes: list[int], with_r: bool, refits: int) -> None:
    """Run everything and print the tables."""
    print("| sessions | engine | import, s | first call, s | warm, s | log-likelihood | df |")
    print("|---:|---|---:|---:|---:|---:|---:|")
    notes, ours = [], {}
    for clients in sizes:
        data = simulate(clients)
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "d.parquet"
            data.to_parquet(path)
            repeats = REPEATS.get(clients, 5)
            rows = {e: in_fresh_process("--time", e, str(path), str(repeats)) for e in ENGINES}
            if with_r and (r := time_r(data, Path(name), clients <= 2000)):
                rows["lme4 + lmerTest (R)"] = r
            floor = time_least_squares(data, repeats)
            memory = in_fresh_process("--memory", str(path))
        for engine, row in rows.items():
            if "error" in row:
                print(f"| {len(data)} | {engine} | failed: {row['error']} | | | | |")
                continue
            wrong = "" if abs(row["loglik"] - rows["alliance_stats"]["loglik"]) < SAME else " (!)"
            print(
                f"| {len(data)} | {engine} | {row.get('imports', float('nan')):.2f} "
                f"| {row['first']:.3f} | {row['warm']:.4f} "
                f"| {row['loglik']:.4f}{wrong} | {row['df']:.3f} |"
            )
        ours[clients] = rows["alliance_stats"]["warm"]
        peers = [row["warm"] for name, row in rows.items() if name in ENGINES[1:] and "warm" in row]
        notes.append(
            f"{len(data)} sessions: {ours[clients] / min(peers):.2f} of the fastest Python peer, "
            f"{ours[clients] / floor:.0f} times one least-squares fit ({floor:.4f} s), peak "
            f"memory {memory['ratio']:.1f} times the data frame ({memory['frame_mb']:.0f} MB)."
        )
        if with_r and "lme4 + lmerTest (R)" in rows:
            share = rows["lme4 + lmerTest (R)"]["warm"] / ours[clients]
            notes[-1] += f" lme4 with lmerTest takes {share:.0f} times as long."
    print("\n" + "\n".join(f"- {note}" for note in notes))
    for small, large in pairwise(sizes):
        print(f"- {large / small:.1f} times the clients: {ours[large] / ours[small]:.1f} the time.")
    if refits:
        r = in_fresh_process("--refits-only", str(refits))
        print(
            f"- {refits} refits of {r['rows']:.0f} sessions: {r['refits_s']:.2f} s; as many fits "
            f"by lme-python: {r['lme_python_s']:.2f} s ({r['refits_s'] / r['lme_python_s']:.2f}); "
            f"its log-likelihoods less ours lie between {r['lowest']:.1e} and {r['highest']:.1e}."
        )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", type=int, default=[300, 2000, 20000])
    parser.add_argument("--no-r", action="store_true")
    parser.add_argument("--refits", type=int, default=1000)
    parser.add_argument("--time", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--memory", help=argparse.SUPPRESS)
    parser.add_argument("--refits-only", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.time:
        engine, path, repeats = options.time
        print(json.dumps(time_engine(engine, Path(path), int(repeats))))
    elif options.memory:
        print(json.dumps(peak_memory(Path(options.memory))))
    elif options.refits_only:
        print(json.dumps(time_refits(options.refits_only)))
    else:
        versions = (
            f"Python {sys.version.split()[0]}, NumPy {np.__version__}, {os.cpu_count()} cores"
        )
        print(f"{FORMULA}\n{versions}\n")
        report(options.sizes, not options.no_r, options.refits)


if __name__ == "__main__":
    main()

"""Groups that cross: how long a fit takes.

``python tests/benchmarks/groups.py`` draws 300,000 sessions of 20,000 clients of whom a tenth
changes therapist, and prints the time of the crossed fit beside the nested one of the same rows
(each client's first therapist), one process, one thread. ``--lme4`` fits the same rows in R, once.
``--insteval data.csv`` fits lme4's InstEval, written by ``write.csv(lme4::InstEval, ...)``.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
import warnings

import numpy as np
import pandas as pd

import alliance_stats as al

CLIENTS, SESSIONS, CHANGE = 20_000, 15, 0.1
RANDOM = "(1 + aw | client_id) + (1 | {})"
FORMULA = "y ~ session + aw + ab + " + RANDOM
LIMITS = {500: 6.0, 2000: 30.0}


def draw(therapists: int, seed: int = 1) -> pd.DataFrame:
    """Draw sessions in clients of whom a tenth goes on with another therapist."""
    rng = np.random.default_rng(seed)
    client = np.repeat(np.arange(CLIENTS), SESSIONS)
    session = np.tile(np.arange(float(SESSIONS)), CLIENTS)
    first, other = rng.integers(0, therapists, (2, CLIENTS))
    moved = (rng.random(CLIENTS) < CHANGE)[client] & (session >= SESSIONS // 2)
    therapist = np.where(moved, other[client], first[client])
    aw, ab = rng.normal(size=len(client)), rng.normal(size=CLIENTS)[client]
    level, slope = rng.normal(0, 2, CLIENTS), 0.5 * rng.normal(size=CLIENTS)
    y = 20 - 0.3 * session + aw * (1 + slope[client]) + 0.5 * ab + level[client]
    y += rng.normal(size=therapists)[therapist] + rng.normal(0, 2, len(client))
    names = {"session": session, "aw": aw, "ab": ab, "client_id": client}
    return pd.DataFrame({"y": y, **names, "therapist_id": therapist, "first": first[client]})


def seconds(formula: str, data: pd.DataFrame) -> tuple[float, al.MultilevelFit]:
    """Return the shorter of three times of a fit with its degrees of freedom, and the fit.

    Seconds of the processor, as of R: a machine that does something else besides costs neither.
    """
    times = []
    for _ in range(3):
        began = time.process_time()
        fit = al.fit_multilevel(formula, data)
        assert np.isfinite(fit.df).all()
        times.append(time.process_time() - began)
    return min(times), fit


def in_r(data: pd.DataFrame) -> float:
    """Return how long lme4 and lmerTest take for the crossed model."""
    with tempfile.TemporaryDirectory() as folder:
        data.to_csv(f"{folder}/data.csv", index=False)
        code = (
            f"suppressMessages(library(lmerTest)); d <- read.csv('{folder}/data.csv');"
            f"t <- system.time({{m <- lmer({FORMULA.format('therapist_id')}, d); summary(m)}});"
            "cat(t[['user.self']] + t[['sys.self']], as.numeric(logLik(m)))"
        )
        told = subprocess.run(["Rscript", "-e", code], capture_output=True, text=True, check=True)
    taken, log_likelihood = map(float, told.stdout.split()[-2:])
    print(f"  lme4: {taken:.1f} s, log-likelihood {log_likelihood:.4f}")
    return taken


def speed(lme4: bool) -> None:
    """Print times and their ratios."""
    for therapists, limit in LIMITS.items():
        data = draw(therapists)
        nested, _ = seconds(FORMULA.format("first"), data)
        crossed, fit = seconds(FORMULA.format("therapist_id"), data)
        print(
            f"{len(data):,} sessions, {therapists:,} therapists: nested {nested:.2f} s, crossed "
            f"{crossed:.2f} s, ratio {crossed / nested:.1f} (limit {limit:g}), "
            f"log-likelihood {fit.llf:.4f}"
        )
        if lme4 and therapists == min(LIMITS):
            print(f"  crossed fit over lme4's: {crossed / in_r(data):.3f} (limit 0.033)")


def insteval(path: str) -> None:
    """Fit lme4's InstEval; its answers stand in lme4's documentation."""
    data = pd.read_csv(path).astype({"service": str})
    began = time.perf_counter()
    formula = "y ~ service + (1 | s) + (1 | d) + (1 | dept:service)"
    fit = al.fit_multilevel(formula, data, reml=False)
    print(f"{time.perf_counter() - began:.1f} s, log-likelihood {fit.llf:.4f}")
    print(fit.varcomp)


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lme4", action="store_true")
    parser.add_argument("--insteval")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    if asked.insteval:
        insteval(asked.insteval)
    else:
        speed(asked.lme4)


if __name__ == "__main__":
    main()

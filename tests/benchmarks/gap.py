"""Coverage of truth and bias, and speed of the response surface.

    python tests/benchmarks/gap.py --write docs/rating-gap-benchmark.md

Simulates studies with known directional bias, truth force and covariance, at two and three levels,
and counts how often 95 % intervals hold the truth; then times the multilevel surface of 100,000
dyad-sessions against one nested fit of the same size, and a cluster bootstrap.
"""

import argparse
import time
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

import alliance_stats as al

BIAS, FORCE = -0.4, 0.5
BETWEEN_DYADS = np.array([[0.1225, -0.021], [-0.021, 0.04]])
BETWEEN_THERAPISTS = np.array([[0.0625, 0.0], [0.0, 0.01]])


def draw(rng: np.random.Generator, levels: int, therapists: int, each: int, sessions: int):
    """Draw one study; the truth's mean is that of the sessions, as the model has it."""
    n = therapists * each
    client = np.repeat(np.arange(n), sessions)
    truth = 4 + rng.normal(0, 0.5, n)[client] + rng.normal(0, 0.6, len(client))
    mean = (np.bincount(client, truth) / sessions)[client]
    effects = rng.multivariate_normal([BIAS, FORCE], BETWEEN_DYADS, n)
    if levels == 3:
        above = rng.multivariate_normal([0, 0], BETWEEN_THERAPISTS, therapists)
        effects = effects + above[np.arange(n) // each]
    bias, force = effects[client].T
    judgment = mean + bias + force * (truth - mean) + rng.normal(0, 0.4, len(client))
    return pd.DataFrame(
        {"client_id": client, "therapist_id": client // each, "client": truth,
         "therapist": judgment}
    )  # fmt: skip


def one(seed: np.random.SeedSequence, levels: int) -> list[float]:
    """Return whether each interval covers, then the dyads' variances and covariance."""
    data = draw(np.random.default_rng(seed), levels, 30, 6, 8)
    by = "client_id" if levels == 2 else ["client_id", "therapist_id"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", al.AllianceStatsWarning)
        found = al.fit_truth_and_bias(data, truth="client", judgment="therapist", by=by)
    table = found.tidy().query("effect == 'fixed'").set_index("term")
    hits = [
        float(table.loc[term, "conf_low"] <= value <= table.loc[term, "conf_high"])
        for term, value in (("directional_bias", BIAS), ("truth_force", FORCE))
    ]
    return [*hits, *found.varcomp.query("group == 'client_id'")["vcov"]]


def coverage(replicates: int, jobs: int) -> list[str]:
    """Return the rows of the coverage table."""
    rows = []
    for levels in (2, 3):
        seeds = np.random.SeedSequence(levels).spawn(replicates)
        found = joblib.Parallel(n_jobs=jobs, batch_size=20)(
            joblib.delayed(one)(seed, levels) for seed in seeds
        )
        values = np.mean(found, axis=0)
        cells = [f"{100 * v:.1f} %" for v in values[:2]] + [f"{v:.4f}" for v in values[2:]]
        rows.append(f"| {levels} | " + " | ".join(cells) + " |")
    return rows


def speed() -> list[str]:
    """Return lines on the time of the surface, of one nested fit, and of a bootstrap."""
    data = draw(np.random.default_rng(1), 3, 1000, 10, 10)
    rng = np.random.default_rng(2)
    data["outcome"] = data["client"] + rng.normal(0, 1, 10_000)[data["client_id"]]
    data["outcome"] += rng.normal(0, 1, len(data))
    columns = {"x": "client", "y": "therapist", "outcome": "outcome"}
    by = ["client_id", "therapist_id"]
    u, v = data["client"] - 4, data["therapist"] - 4
    plain = data.assign(u=u, v=v, uu=u * u, uv=u * v, vv=v * v)
    formula = "outcome ~ u + v + uu + uv + vv + (1 + u + v | client_id) + (1 | therapist_id)"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", al.AllianceStatsWarning)
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            fit = al.fit_multilevel(formula, plain)
            fit.tidy()
            middle = time.perf_counter()
            al.fit_response_surface(data, **columns, by=by, center=4).tidy()
            seconds.append((middle - start, time.perf_counter() - middle))
        nested, surface = np.min(seconds, axis=0)
        small = draw(np.random.default_rng(3), 3, 40, 8, 9)
        small["outcome"] = small["client"] + np.random.default_rng(4).normal(0, 1, len(small))
        found = al.fit_response_surface(small, **columns, by=by)
        start = time.perf_counter()
        found.bootstrap(200, seed=1, n_jobs=2, progress=True)
        drawn = time.perf_counter() - start
    return [
        f"- one nested fit of 100,000 dyad-sessions: {nested:.2f} s; the response surface of the "
        f"same size: {surface:.2f} s ({surface / nested:.2f} times)",
        f"- cluster bootstrap of {len(small):,} dyad-sessions, two processes: {drawn / 200:.3f} s "
        f"a draw, so {drawn * 5:.0f} s for 1,000",
    ]


def main() -> None:
    """Run and print, or write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--write", type=Path, help="the page to write; printed without it")
    options = parser.parse_args()
    lines = [
        "# The rating gap: coverage and speed",
        "",
        f"Made by `python tests/benchmarks/gap.py --replicates {options.replicates}`.",
        "",
        "Truth and bias, 30 therapists with 6 clients with 8 sessions: share of "
        f"{options.replicates:,} studies in which the 95 % interval holds the truth (uncertain by "
        f"{100 * np.sqrt(0.0475 / options.replicates):.1f} points), and mean estimates between "
        "dyads (truth: .1225, .0400, -.0210).",
        "",
        "| levels | directional bias | truth force | variance of bias | of force | covariance |",
        "|---|---|---|---|---|---|",
        *coverage(options.replicates, options.jobs),
        "",
        *speed(),
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    if options.write:
        options.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

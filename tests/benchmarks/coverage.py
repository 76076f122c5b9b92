"""Do 95 % intervals cover, and does a null predictor come out significant in 5 % of studies?

Simulates studies of sessions in clients in therapists, fits the field's model to each, and counts.
The therapist-level predictor has no effect, so the share of studies in which it is significant is
the Type-I error::

    python tests/benchmarks/coverage.py --write docs/coverage.md
"""

import argparse
import time
import warnings
from dataclasses import replace
from itertools import product
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

import alliance_stats as al

THERAPISTS = (8, 20, 50)
CLIENTS, SESSIONS = (5, 10), (8, 12)  # fewest and most of a therapist, of a client
TRUTH = {"Intercept": 20.0, "session": -0.3, "within": -1.0, "between": -0.8, "training": 0.0}
CLIENT_SD, SLOPE_SD, CORRELATION, RESIDUAL_SD = 3.0, 0.8, 0.2, 3.0
THERAPIST_SDS = (2.5, 1.5)
FORMULA = "y ~ session + within + between + training + (1 + within | client) + (1 | therapist)"
METHODS = ("kenward-roger", "satterthwaite", "normal")
LEVELS = {"within": "session", "between": "client", "training": "therapist"}


def draw(therapists: int, therapist_sd: float, rng: np.random.Generator) -> pd.DataFrame:
    """Draw one study with the effects of `TRUTH`."""
    clients = rng.integers(CLIENTS[0], CLIENTS[1] + 1, therapists)
    therapist = np.repeat(np.arange(therapists), clients)
    sessions = rng.integers(SESSIONS[0], SESSIONS[1] + 1, len(therapist))
    client = np.repeat(np.arange(len(therapist)), sessions)
    session = np.concatenate([np.arange(1.0, n + 1) for n in sessions])
    raw = rng.standard_normal(len(client))
    within = raw - (np.bincount(client, raw) / sessions)[client]
    between = rng.standard_normal(len(therapist))
    training = rng.standard_normal(therapists)
    level, other = rng.standard_normal((2, len(therapist)))
    slope = SLOPE_SD * (CORRELATION * level + np.sqrt(1 - CORRELATION**2) * other)
    of_client = (
        TRUTH["between"] * between
        + CLIENT_SD * level
        + (TRUTH["training"] * training + therapist_sd * rng.standard_normal(therapists))[therapist]
    )
    y = (
        TRUTH["Intercept"]
        + TRUTH["session"] * session
        + (TRUTH["within"] + slope[client]) * within
        + of_client[client]
        + RESIDUAL_SD * rng.standard_normal(len(client))
    )
    return pd.DataFrame(
        {
            "y": y,
            "session": session,
            "within": within,
            "between": between[client],
            "training": training[therapist][client],
            "client": client,
            "therapist": therapist[client],
        }
    )


def study(therapists: int, therapist_sd: float, seed: np.random.SeedSequence) -> list[dict]:
    """Simulate and fit one study: for each method and predictor, whether its interval covers."""
    data = draw(therapists, therapist_sd, np.random.default_rng(seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", al.AllianceStatsWarning)  # counted below
        fit = al.fit_multilevel(FORMULA, data, df="kenward-roger")
    rows = []
    for method in METHODS:
        ours = replace(fit, df_method=method)
        interval = ours.conf_int()
        rows += [
            {
                "therapist_sd": therapist_sd,
                "therapists": therapists,
                "method": method,
                "predictor": name,
                "covers": bool(interval.loc[name, 0] <= TRUTH[name] <= interval.loc[name, 1]),
                "significant": bool(ours.pvalues[name] < 0.05),
                "singular": fit.singular,
                "converged": fit.converged,
            }
            for name in LEVELS
        ]
    return rows


def run(replicates: int, seed: int, jobs: int) -> pd.DataFrame:
    """Run all studies; the same seed gives the same studies whatever `jobs` is."""
    designs = list(product(THERAPIST_SDS, THERAPISTS))
    seeds = np.random.SeedSequence(seed).spawn(replicates * len(designs))
    found = joblib.Parallel(n_jobs=jobs, batch_size=20)(
        joblib.delayed(study)(designs[i % len(designs)][1], designs[i % len(designs)][0], one)
        for i, one in enumerate(seeds)
    )
    return pd.DataFrame([{"study": i, **row} for i, rows in enumerate(found) for row in rows])


def table(found: pd.DataFrame) -> str:
    """Return the Markdown table."""
    names = [f"`{name}` ({level} level)" for name, level in LEVELS.items()]
    head = [
        "therapist sd",
        "therapists",
        "method",
        *names,
        "Type-I error, `training`",
        "singular fits",
    ]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    design = ["therapist_sd", "therapists", "method"]
    for (sd, therapists, method), rows in found.groupby(design, sort=False):
        covers = rows.groupby("predictor")["covers"].mean()
        null = rows.loc[rows["predictor"] == "training", "significant"].mean()
        cells = [
            f"{sd:g}",
            str(therapists),
            method,
            *(f"{100 * covers[name]:.1f} %" for name in LEVELS),
        ]
        cells += [f"{100 * null:.1f} %", f"{100 * rows['singular'].mean():.1f} %"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def page(found: pd.DataFrame, replicates: int, seed: int, seconds: float) -> str:
    """Return the page for the documentation."""
    error = 100 * np.sqrt(0.05 * 0.95 / replicates)
    failed = int((~found.drop_duplicates("study")["converged"]).sum())
    sds = THERAPIST_SDS
    shares = [sd**2 / (sd**2 + CLIENT_SD**2 + RESIDUAL_SD**2) for sd in sds]
    return f"""# Coverage of intervals and Type-I error

Made by `python tests/benchmarks/coverage.py --replicates {replicates} --seed {seed} --write \
docs/coverage.md` ({seconds / 60:.1f} minutes).

{replicates:,} simulated studies in each row, with {CLIENTS[0]} to {CLIENTS[1]} clients a
therapist and {SESSIONS[0]} to {SESSIONS[1]} sessions a client. Standard deviations: residual
{RESIDUAL_SD:g}, clients' intercepts {CLIENT_SD:g} and slopes of `within` {SLOPE_SD:g}
(correlation {CORRELATION:g}), therapists {sds[0]:g} or {sds[1]:g}: therapists hold
{shares[0]:.0%} or {shares[1]:.0%} of the variance. The model, fitted by REML:

    {FORMULA}

Share of studies in which the 95 % interval holds the true value, and share in which `training`, a
therapist's predictor without any effect, has p < .05. The simulation itself is uncertain by
{error:.1f} percentage points (one standard error). Fits that did not converge: {failed}.

{table(found)}

## How to read it
- **z tests** (`normal`) reject a null predictor of therapists too often with few therapists, which
  is why they warn there.
- **Kenward-Roger** keeps near what it promises wherever therapists' variance can be estimated.
  Where it often is estimated as zero (the column of singular fits), Kenward-Roger turns careful:
  its intervals are a little too wide, its tests reject a little too seldom. So does pbkrtest,
  whose definition it is: a variance estimated as zero is not taken for known.
- **Satterthwaite** as lmerTest computes it forgets a variance of zero, and adjusts no standard
  error.
"""


def main() -> None:
    """Run and print, or write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=20240607)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--write", type=Path, help="the page to write; printed without it")
    options = parser.parse_args()
    start = time.perf_counter()
    found = run(options.replicates, options.seed, options.jobs)
    text = page(found, options.replicates, options.seed, time.perf_counter() - start)
    print(text)
    if options.write:
        old = options.write.read_text(encoding="utf-8") if options.write.exists() else ""
        rest = old[old.find("<!-- slopes -->") :] if "<!-- slopes -->" in old else ""
        options.write.write_text(f"{text}\n{rest}" if rest else text, encoding="utf-8")


if __name__ == "__main__":
    main()

"""Is a synthetic study like its original, and does it tell of anybody? A hundred runs.

    python tests/benchmarks/synthetic.py [--originals 10] [--seeds 10]

Each original is a simulated study of 20 therapists and 100 clients (client and therapist rate the
alliance, the client distress); of each so many synthetic studies are drawn. Variance components
are those of ``score ~ time + (1 | client) + (1 | therapist)``, lag effects those of each score of
the session before on each other score, within clients. Disclosure: the share of synthetic clients
whose nearest real client is nearer than 95 % of real clients are to each other, beside the same
share of a second sample from the same population. The numbers of docs/how-to/show-the-code.md are
made here.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
import pandas as pd

import alliance_stats as al

SIZES = {"n_therapists": 20, "n_clients": 100, "planned_sessions": 10.0}
LARGE = 0.05  # share of the total variance from which a component is asked to be within 10 %


def run(originals: int, seeds: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a row a number and run, and a row a run with what it discloses."""
    likeness, disclosure = [], []
    for number in range(originals):
        original = al.simulate_study(**SIZES, seed=1000 + number)
        second = al.simulate_study(**SIZES, seed=2000 + number)
        sample = al.check_synthetic(original, second).disclosure.set_index("what")["value"]
        for seed in range(seeds):
            check = al.check_synthetic(original, al.synthetic_study(original, seed=seed))
            likeness.append(check.likeness.assign(run=f"{number}-{seed}"))
            found = check.disclosure.set_index("what")["value"]
            disclosure.append(
                {
                    "near": found["nearer than real clients"],
                    "near_second_sample": sample["nearer than real clients"],
                    "copies": found["copies of a course"],
                    "rare": found["rare values"],
                }
            )
    return pd.concat(likeness, ignore_index=True), pd.DataFrame(disclosure)


def main() -> None:
    """Run and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--originals", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=10)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    begun = time.process_time()
    table, told = run(asked.originals, asked.seeds)
    variances = table[table["what"] == "variance"].copy()
    total = variances.groupby(["run", "term"])["original"].transform("sum")
    variances["share"] = variances["original"] / total
    variances["apart"] = (variances["synthetic"] / variances["original"] - 1.0).abs()
    print("| variance component | numbers | median difference | within 10 % |\n|---|---|---|---|")
    for name, rows in (
        ("client", variances[variances["group"] == "client"]),
        ("residual", variances[variances["group"] == "residual"]),
        ("therapist", variances[variances["group"] == "therapist"]),
        (
            f"all that are {LARGE:.0%} of the variance or more",
            variances[variances["share"] >= LARGE],
        ),
    ):
        near = (rows["apart"] <= 0.1).mean()
        print(f"| {name} | {len(rows)} | {rows['apart'].median():.1%} | {near:.0%} |")
    by_term = variances.groupby(["group", "term"])[["original", "synthetic"]].mean()
    worst = (by_term["synthetic"] / by_term["original"] - 1.0).abs().max()
    print(f"\nMeans over runs: the largest difference of a component is {worst:.1%}.")
    lags = table[table["what"] == "lag"]
    z = ((lags["synthetic"] - lags["original"]) / lags["std_error"]).abs()
    print(f"Lag effects: {len(z)}, {(z <= 1).mean():.1%} within one standard error.")
    ends = table[table["what"] == "reason"]
    apart = (ends["synthetic"] - ends["original"]).abs().max()
    print(f"Shares of ends: largest difference {apart:.3f}.")
    print("\n| of synthetic clients | mean | a second sample of the population |")
    print("|---|---|---|")
    near, second = told["near"].mean(), told["near_second_sample"].mean()
    print(
        f"| nearer to a real one than 95 % of these are to each other | {near:.1%} | {second:.1%} |"
    )
    print(f"| courses that are copies | {told['copies'].mean():.2f} | |")
    print(f"| values of fewer than ten real clients | {told['rare'].mean():.2f} | |")
    seconds = time.process_time() - begun
    print(f"\n{len(told)} runs, {seconds / len(told):.1f} CPU s each.")
    assert np.isfinite(z).all()


if __name__ == "__main__":
    main()

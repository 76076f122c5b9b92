"""Coverage of the models of the rating gap where effects vary between dyads and therapists.

    python tests/benchmarks/gap_models.py --replicates 1000

Prints the section of docs/rating-gap-benchmark.md on these models. Planted: variances of bias and
force at both levels with their covariance; session slopes that vary between dyads; actor and
partner effects that vary between dyads.
"""

import argparse
import warnings

import joblib
import numpy as np
import pandas as pd

import alliance_stats as al

BIAS, FORCE = -0.4, 0.5
DYADS = np.array([[0.1225, -0.021], [-0.021, 0.04]])
THERAPISTS = np.array([[0.0625, 0.0125], [0.0125, 0.0225]])
SLOPE, SLOPE_SD = 0.05, 0.08
ACTOR, PARTNER, EFFECTS_SD = 0.5, 0.2, 0.25


def truth_and_bias(rng, levels, therapists, each, sessions, slope_sd=None):
    """Draw one study; the truth's mean is that of the sessions, as the model has it."""
    n = therapists * each
    client = np.repeat(np.arange(n), sessions)
    session = np.tile(np.arange(1, sessions + 1), n)
    truth = 4 + rng.normal(0, 0.5, n)[client] + rng.normal(0, 0.6, len(client))
    mean = (np.bincount(client, truth) / sessions)[client]
    effects = rng.multivariate_normal([BIAS, FORCE], DYADS, n)
    if levels == 3:
        above = rng.multivariate_normal([0, 0], THERAPISTS, therapists)
        effects = effects + above[np.arange(n) // each]
    bias, force = effects[client].T
    judgment = mean + bias + force * (truth - mean) + rng.normal(0, 0.4, len(client))
    if slope_sd is not None:
        judgment += (SLOPE + rng.normal(0, slope_sd, n))[client] * (session - session.mean())
    return pd.DataFrame(
        {"client_id": client, "therapist_id": client // each, "session": session,
         "client": truth, "therapist": judgment}
    )  # fmt: skip


def holds(row, value):
    """Return whether an interval holds the value; NaN where there is none."""
    if not row["conf_low"] <= row["conf_high"]:
        return np.nan
    return float(row["conf_low"] <= value <= row["conf_high"])


def random_truth(covariance, group):
    """Return the planted sd, cor and cov of a level."""
    a, b = np.sqrt(np.diag(covariance))
    pair = "directional_bias truth_force"
    c = covariance[0, 1]
    return {
        (group, "sd directional_bias"): a, (group, "sd truth_force"): b,
        (group, f"cov {pair}"): c, (group, f"cor {pair}"): c / (a * b),
    }  # fmt: skip


def one(seed, cell):
    """Return, by name of the quantity, whether its interval holds the truth."""
    rng = np.random.default_rng(seed)
    out = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", al.AllianceStatsWarning)
        if cell.startswith("actor"):
            data = actor_partner(rng)
            found = al.fit_actor_partner(data, predictors=("xc", "xt"), outcomes=("yc", "yt"))
            table = found.tidy().set_index("term")
            truth = {"client:actor_within": ACTOR, "client:partner_within": PARTNER}
            return {term: holds(table.loc[term], value) for term, value in truth.items()}
        levels = 3 if "three" in cell else 2
        therapists, each = (50, 6) if levels == 3 else (30, 6)
        sloped = "session" in cell
        data = truth_and_bias(rng, levels, therapists, each, 8, SLOPE_SD if sloped else None)
        by = ["client_id", "therapist_id"] if levels == 3 else "client_id"
        found = al.fit_truth_and_bias(
            data, truth="client", judgment="therapist", by=by, time="session" if sloped else None
        )
    table = found.tidy().set_index(["group", "term"])
    truth = {("", "directional_bias"): BIAS, ("", "truth_force"): FORCE}
    if sloped:
        truth = {("", "directional_bias:session"): SLOPE}
    else:
        truth |= random_truth(DYADS, "client_id")
        truth |= random_truth(THERAPISTS, "therapist_id") if levels == 3 else {}
    for key, value in truth.items():
        name = " ".join(part for part in (key[1], key[0] and f"[{key[0]}]") if part)
        out[name] = holds(table.loc[key], value)
    return out


def actor_partner(rng, dyads=60, sessions=8):
    """Draw sessions in which each dyad has actor and partner effects of its own."""
    dyad = np.repeat(np.arange(dyads), sessions)
    x = rng.normal(0, 1, (2, dyads))[:, dyad] + rng.normal(0, 0.7, (2, len(dyad)))
    mean = np.stack([np.bincount(dyad, row) / sessions for row in x])[:, dyad]
    own, other = rng.normal([[ACTOR], [PARTNER]], EFFECTS_SD, (2, dyads))[:, dyad]
    c = own * (x - mean)[0] + other * (x - mean)[1] + 0.8 * mean[0]
    c = c + rng.normal(0, 0.5, dyads)[dyad] + rng.normal(0, 0.7, len(dyad))
    t = 0.3 * x[1] + rng.normal(0, 0.8, len(dyad))
    return pd.DataFrame({"client_id": dyad, "xc": x[0], "xt": x[1], "yc": c, "yt": t})


CELLS = {
    "two levels": "truth and bias, 180 dyads, 8 sessions",
    "three levels": "truth and bias, 50 therapists, 6 dyads each, 8 sessions",
    "session slopes": "truth and bias with `time=`, slopes vary between dyads",
    "actor": "actor-partner, 60 dyads, 8 sessions, effects vary between dyads",
}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    error = 100 * np.sqrt(0.0475 / options.replicates)
    print("## Models with effects that vary\n")
    print(f"Made by `python tests/benchmarks/gap_models.py --replicates {options.replicates}`.\n")
    print(
        f"Share of {options.replicates:,} simulated studies in which the 95 % interval holds the "
        f'planted value (uncertain by {error:.1f} points). "No interval": the estimate lay on '
        "its edge and was left out.\n"
    )
    print("| design | quantity | coverage | no interval |\n|---|---|---|---|", flush=True)
    for number, (cell, words) in enumerate(CELLS.items()):
        seeds = np.random.SeedSequence(number + 100).spawn(options.replicates)
        found = joblib.Parallel(n_jobs=options.jobs, batch_size=20)(
            joblib.delayed(one)(seed, cell) for seed in seeds
        )
        table = pd.DataFrame(found)
        for name in table:
            lacking = f"{100 * table[name].isna().mean():.1f} %"
            print(
                f"| {words} | {name} | {100 * table[name].mean():.1f} % | {lacking} |", flush=True
            )


if __name__ == "__main__":
    main()

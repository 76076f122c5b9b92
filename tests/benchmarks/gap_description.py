"""Coverage of the description of the gap, and of who leads whom.

    python tests/benchmarks/gap_description.py --replicates 300

Simulates studies with therapists, dyads and sessions, in which the gap's change over sessions and
the therapist's following vary between dyads, and counts how often 95 % intervals hold the truth.
The truth of the description is that of one study of 4,000 therapists.
"""

import argparse
import warnings

import numpy as np
import pandas as pd

import alliance_stats as al
from alliance_stats.gap.description.rating_gap import TERMS


def study(
    rng: np.random.Generator,
    therapists: int,
    each: int = 6,
    sessions: int = 6,
    moved: float = 0.0,
):
    """Draw one study as a table of scores; `moved` is the share who change therapist halfway."""
    n = therapists * each
    of = np.tile(np.repeat(np.arange(therapists), each)[:, None], sessions)
    if moved:
        leaves = rng.random(n) < moved
        of[np.ix_(leaves, np.arange(sessions) >= sessions / 2)] = rng.integers(
            therapists, size=(int(leaves.sum()), 1)
        )
    level = 4 + rng.normal(0, 0.2, therapists)[of] + rng.normal(0, 0.5, (n, 1))
    client = level + rng.normal(0, 0.45, (n, sessions))
    gap = -0.4 + rng.normal(0, 0.25, therapists)[of] + rng.normal(0, 0.35, (n, 1))
    force, slope = rng.normal(0.4, 0.3, (n, 1)), rng.normal(0.02, 0.08, (n, 1))
    time = np.arange(sessions) - (sessions - 1) / 2
    therapist = level + gap + force * (client - level) + slope * time
    therapist = therapist + rng.normal(0, 0.3, (n, sessions))
    return long(client, therapist, of)


def course(rng: np.random.Generator, therapists: int, sessions: int, each: int = 6):
    """Draw one study in which the therapist follows within the session: no rater leads."""
    n = therapists * each
    own = np.empty((n, sessions))
    own[:, 0] = rng.normal(0, 0.5, n)
    for t in range(1, sessions):
        own[:, t] = 0.3 * own[:, t - 1] + rng.normal(0, 0.5 * np.sqrt(1 - 0.09), n)
    client = 4 + rng.normal(0, 0.5, (n, 1)) + own
    therapist = 3.6 + rng.normal(0, 0.5, (n, 1)) + 0.4 * own + rng.normal(0, 0.3, own.shape)
    return long(client, therapist, np.repeat(np.arange(therapists), each * sessions))


def long(client: np.ndarray, therapist: np.ndarray, of: np.ndarray) -> pd.DataFrame:
    """Return both raters' scores, arrays of dyads by sessions, as one table."""
    n, sessions = client.shape
    base = pd.DataFrame(
        {"client_id": np.repeat(np.arange(n), sessions), "therapist_id": of.ravel(),
         "session": np.tile(np.arange(1, sessions + 1), n)}
    )  # fmt: skip
    return pd.concat(
        [
            base.assign(rater="client", score=client.ravel()),
            base.assign(rater="therapist", score=therapist.ravel()),
        ]
    )


def truths(moved: float = 0.0) -> pd.Series:
    """Return the description of one very large study, without its models."""
    from alliance_stats.gap.description import gap_statistics as moments
    from alliance_stats.gap.pairs import paired_ratings

    data = study(np.random.default_rng(99), 4000, moved=moved)
    pairs = paired_ratings(data, measure=None, scale=None)
    sums = moments.dyad_sums(pairs)
    ones = np.ones((1, len(sums)))
    values = moments._spread(sums, ones, pd.Series(1.0, index=sums.index))
    values |= moments._correlations(sums, ones)
    known = {name: float(value[0]) for name, value in values.items()}
    known |= {"mean_gap": -0.4, "change_per_session": 0.02}
    known["sd_between_dyads"] = np.sqrt(known.pop("variance"))
    known.pop("noise")
    return pd.Series(known).reindex(list(TERMS))


def description(replicates: int) -> list[str]:
    """Return rows of the coverage of each term: 10, 20, 30 therapists, moved, 60 with a client."""
    table = {}
    for therapists, each, moved in ((10, 6, 0), (20, 6, 0), (30, 6, 0), (20, 6, 0.3), (60, 1, 0)):
        known = truths(moved)
        hits = []
        for seed in range(replicates):
            rng = np.random.default_rng([therapists, seed])
            data = study(rng, therapists, each, moved=moved)
            found = al.rating_gap(data, replicates=400).tidy().set_index("term")
            inside = (found["conf_low"] <= known) & (known <= found["conf_high"])
            hits.append(inside.where(found["conf_low"].notna()))
        table[therapists, moved] = pd.DataFrame(hits).astype(float).mean()
    return [
        f"| {term} | " + " | ".join(f"{100 * table[n][term]:.1f} %" for n in table) + " |"
        for term in TERMS
    ]


def spread(replicates: int) -> list[str]:
    """Return rows of coverage and median width of the SD between dyads, from none to plenty."""
    rows = []
    for truth in (0.0, 0.05, 0.1, 0.2, 0.35):
        cells = []
        for therapists, each in ((20, 6), (30, 1)):
            ends = np.array(
                [_ends_of_spread(truth, therapists, each, k) for k in range(replicates)]
            )
            inside = (ends[:, 0] <= truth) & (truth <= ends[:, 1])
            width = np.median(ends[:, 1] - ends[:, 0])
            cells += [f"{100 * inside.mean():.1f} %", f"{width:.3f}"]
        rows.append(f"| {truth:g} | " + " | ".join(cells) + " |")
    return rows


def _ends_of_spread(truth: float, therapists: int, each: int, seed: int) -> tuple[float, float]:
    """Draw gaps (SD .5 within dyads, 6 sessions) and return the interval of their spread."""
    from alliance_stats.gap.description import gap_statistics as moments
    from alliance_stats.inference import cluster_bootstrap as clusters

    rng = np.random.default_rng([seed, therapists, int(100 * truth)])
    n = therapists * each
    client = 4 + rng.normal(0, 0.5, (n, 1)) + rng.normal(0, 0.45, (n, 6))
    therapist = client - 0.4 + rng.normal(0, truth, (n, 1)) + rng.normal(0, 0.5, (n, 6))
    pairs = pd.DataFrame(
        {"client_id": np.repeat(np.arange(n), 6), "client": client.ravel(),
         "therapist_id": np.repeat(np.arange(n) // each, 6), "therapist": therapist.ravel()}
    )  # fmt: skip
    standard = moments.standard_units(pairs)
    sums = moments.dyad_sums(standard.pairs)
    units = clusters.clusters(sums["therapist_id"], np.arange(n))
    even = pd.Series(1.0, index=sums.index)
    found = moments._spread(sums, np.ones((1, n)), even)
    drawn = moments._spread(sums, units.draws(400, seed), even)
    variance, noise = float(found["variance"][0]), float(found["noise"][0])
    _, _, low, high = clusters.standard_deviation(variance, drawn["variance"], noise, units)
    return low * standard.unit, high * standard.unit


def leads(replicates: int) -> list[str]:
    """Return rows of coverage and of false findings of who leads whom, by number of sessions."""
    rows = []
    for sessions in (5, 8, 15):
        found = pd.concat(
            al.who_leads(course(np.random.default_rng([sessions, seed]), 30, sessions)).tidy()
            for seed in range(replicates)
        ).set_index("term")
        carry = found.loc["client:carry_over"]
        covered = ((carry["conf_low"] <= 0.3) & (carry["conf_high"] >= 0.3)).mean()
        false = [
            (found.loc[f"{rater}:from_other", "p_value"] < 0.05).mean()
            for rater in ("client", "therapist")
        ]
        cells = [f"{carry['estimate'].mean():.3f}", f"{100 * covered:.1f} %"]
        cells += [f"{100 * share:.1f} %" for share in false]
        rows.append(f"| {sessions} | " + " | ".join(cells) + " |")
    return rows


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=300)
    parser.add_argument("--part", choices=("description", "spread", "leads", "all"), default="all")
    options = parser.parse_args()
    warnings.simplefilter("ignore", al.AllianceStatsWarning)
    if options.part in ("description", "all"):
        print("| term | 10 therapists | 20 | 30 | 60 with one client |\n|---|---|---|---|---|")
        print("\n".join(description(options.replicates)))
    if options.part in ("spread", "all"):
        print("\n| true SD | 20 therapists, 120 dyads | width | 30 dyads | width |")
        print("|---|---|---|---|---|")
        print("\n".join(spread(options.replicates)))
    if options.part in ("leads", "all"):
        print("\n| sessions | carry-over, mean | covered | false: client | false: therapist |")
        print("|---|---|---|---|---|")
        print("\n".join(leads(options.replicates)))


if __name__ == "__main__":
    main()

"""What passes for an effect of the session before, where alliance and outcome share a session?

Run: python tests/benchmarks/carried_over.py [replicates] [--write]
     python tests/benchmarks/carried_over.py --ruptures [replicates] [--write]

Alliance and outcome each carry over from session to session (AR(1)), and what is new in a session
is correlated between them. In the first designs no session acts on a later one. The outcome is
regressed on the alliance of the session before, with and without its own ups and downs in that
session held equal. ``--ruptures``: the same of `al.fit_rupture_repair`, with what carries over
other for alliance and outcome. ``--write`` puts the tables into docs/coverage.md and
docs/rupture-models.md.
"""

from __future__ import annotations

import re
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import alliance_stats as al

DOCS = Path(__file__).parents[2] / "docs"
DESIGNS = (
    # sessions, what carries over, correlation of what is new, effect of the alliance before
    (12, 0.3, -0.4, 0.0),
    (12, 0.5, -0.4, 0.0),
    (6, 0.0, -0.4, 0.0),
    (12, 0.5, 0.0, 0.0),
    (12, 0.3, -0.4, -1.0),
)
CLIENTS, THERAPISTS = 80, 16
OF_RUPTURES = ((12, 0.3, 0.3), (12, 0.1, 0.5), (12, 0.5, 0.1), (6, 0.3, 0.3))
"""Sessions, what carries over of the alliance and of the outcome."""
ROWS = {
    "next outcome: rupture": ("forward", "outcome", "rupture_lag1_within"),
    "next outcome: repair": ("forward", "outcome", "repair_lag1_within"),
    "next outcome: alliance score": ("forward", "outcome", "alliance_lag1_within"),
    "reverse: alliance after outcome": ("reverse", "alliance", "outcome_lag1_within"),
}
MODELS = {"no": "", "yes": " + outcome_lag1_within"}


def study(
    rng: np.random.Generator,
    sessions: int,
    phi: float,
    together: float,
    effect: float,
    of_outcome: float | None = None,
) -> pd.DataFrame:
    """Draw clients of one therapist each, with SDs of .5 (alliance) and 2.5 within clients."""
    ties = np.array([phi, phi if of_outcome is None else of_outcome])
    shape = (CLIENTS, sessions)
    alliance, outcome = np.zeros(shape), np.zeros(shape)
    root = np.linalg.cholesky([[1.0, together], [together, 1.0]])
    for t in range(sessions):
        new = rng.normal(size=(CLIENTS, 2)) @ root.T * (np.sqrt(1 - ties**2) if t else 1.0)
        alliance[:, t] = (ties[0] * alliance[:, t - 1] if t else 0.0) + 0.5 * new[:, 0]
        outcome[:, t] = (ties[1] * outcome[:, t - 1] if t else 0.0) + 2.5 * new[:, 1]
        if t:
            outcome[:, t] += effect * alliance[:, t - 1]
    level = rng.normal(size=CLIENTS)
    usual = 18 - 2 * level + 2 * rng.normal(size=CLIENTS)
    who = np.arange(CLIENTS)
    return pd.DataFrame(
        {
            "client_id": np.repeat(who, sessions),
            "therapist_id": np.repeat(who % THERAPISTS, sessions),
            "session": np.tile(np.arange(1, sessions + 1), CLIENTS),
            "alliance": (4 + 0.5 * level[:, None] + alliance).ravel(),
            "outcome": (usual[:, None] + outcome).ravel(),
        }
    )


def within(data: pd.DataFrame) -> list[tuple[float, float, float]]:
    """Return estimate and interval within clients of each model."""
    before = ["alliance_lag1", "outcome_lag1"]
    rows = al.lag(data, ["alliance", "outcome"]).dropna(subset=before)
    rows = al.decompose(rows, before)
    found = []
    for held in MODELS.values():
        fit = al.fit_multilevel(
            f"outcome ~ session + alliance_lag1_within + alliance_lag1_between{held}"
            " + (1 | client_id) + (1 | therapist_id)",
            rows,
            slopes="all",
        )
        low, high = fit.conf_int().loc["alliance_lag1_within"]
        found.append((fit.params["alliance_lag1_within"], low, high))
    return found


def table(replicates: int) -> str:
    """Return the table, a row a design and model."""
    lines = [
        "| sessions | carries over | new in a session, r | true effect | outcome before held equal "
        "| mean estimate | interval holds it | p < .05 |",
        "|---:|---:|---:|---:|---|---:|---:|---:|",
    ]
    for design in DESIGNS:
        rng = np.random.default_rng(20261201)
        found = np.array([within(study(rng, *design)) for _ in range(replicates)])
        for place, name in enumerate(MODELS):
            estimate, low, high = found[:, place].T
            holds = 100 * np.mean((low <= design[3]) & (design[3] <= high))
            rejects = 100 * np.mean((low > 0) | (high < 0))
            lines.append(
                f"| {design[0]} | {design[1]:g} | {design[2]:g} | {design[3]:g} | {name} "
                f"| {estimate.mean():.2f} | {holds:.1f} % | {rejects:.1f} % |"
            )
    return "\n".join(lines)


def of_ruptures(replicates: int) -> str:
    """Return how often `fit_rupture_repair` finds what is not there."""
    lines = [
        "| sessions | carries over: alliance, outcome | estimate | not held equal: mean | p < .05 "
        "| held equal: mean | p < .05 |",
        "|---:|---|---|---:|---:|---:|---:|",
    ]
    for sessions, *ties in OF_RUPTURES:
        seeds = [np.random.default_rng([n, sessions, int(10 * ties[0])]) for n in range(replicates)]
        found = np.array(
            [_rows(study(rng, sessions, ties[0], -0.4, 0.0, ties[1])) for rng in seeds]
        )
        for place, name in enumerate(ROWS):
            numbers = " | ".join(
                f"{one[:, 0].mean():.3f} | {100 * np.mean(one[:, 1] < 0.05):.0f} %"
                for one in found[:, :, place].swapaxes(0, 1)
            )
            lines.append(f"| {sessions} | {ties[0]:g}, {ties[1]:g} | {name} | {numbers} |")
    return "\n".join(lines)


def _rows(data: pd.DataFrame) -> list[list[tuple[float, float]]]:
    """Return estimate and p value of each of `ROWS`, without and with the value before."""
    found = []
    for lagged in (False, True):
        table = al.fit_rupture_repair(
            data, alliance="alliance", outcome="outcome", levels=2, lagged_outcome=lagged
        ).table
        table = table.set_index(["direction", "response", "term"])[["estimate", "p_value"]]
        found.append([tuple(table.loc[[key]].iloc[0]) for key in ROWS.values()])
    return found


def main(arguments: list[str]) -> None:
    """Print the table; with ``--write``, put it into the page."""
    numbers = [one for one in arguments if one.isdigit()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fits on the boundary of a variance are counted, too
        make, page = (
            (of_ruptures, "rupture-models") if "--ruptures" in arguments else (table, "coverage")
        )
        text = make(int(numbers[0]) if numbers else 200)
    print(text)
    if "--write" in arguments:
        path, block = DOCS / f"{page}.md", f"<!-- carried -->\n{text}\n<!-- end -->"
        old = path.read_text(encoding="utf-8")
        path.write_text(
            re.sub(r"<!-- carried -->.*?<!-- end -->", lambda _: block, old, flags=re.DOTALL),
            encoding="utf-8",
        )


if __name__ == "__main__":
    main(sys.argv[1:])

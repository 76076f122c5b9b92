"""Which rule should I use? Sensitivity and false alarms of every rule, as a page of documentation.

Run: python tests/benchmarks/rule_characteristics.py > docs/rupture-rules.md

Courses are drawn from a known truth: x_t = client mean + w_t - deficit_t, where the client means
have SD 1, w is a stationary AR(1) with SD 1, and the deficit of a client with a rupture is `depth`
for three sessions from a random session on. Nothing is rounded, so there is no ceiling.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

import alliance_stats as al

CLIENTS = 4000
LASTS = 3
DEPTHS = (0.0, 1.0, 2.0, 3.0)
PHIS = (0.0, 0.3, 0.6)
LENGTHS = (8, 16, 30)
TYPICAL = {"length": 16, "phi": 0.3}

COMPARED: dict[str, dict[str, Any]] = {
    "drop_within_sd, k=1": {"rule": "drop_within_sd"},
    "drop_within_sd, k=2": {"rule": "drop_within_sd", "k": 2.0},
    "drop_pooled_sd, k=1": {"rule": "drop_pooled_sd"},
    "drop_pooled_sd, k=2": {"rule": "drop_pooled_sd", "k": 2.0},
    "drop_sample_sd, k=1": {"rule": "drop_sample_sd"},
    "drop_stricter_sd, k=1": {"rule": "drop_stricter_sd"},
    "drop_stricter_sd, k=2": {"rule": "drop_stricter_sd", "k": 2.0},
    "drop_reliable_change": {"rule": "drop_reliable_change"},
    "drop_running_mean, k=1": {"rule": "drop_running_mean"},
    "drop_running_mean, k=1.5": {"rule": "drop_running_mean", "k": 1.5},
    "drop_trend, k=2": {"rule": "drop_trend"},
    "drop_trend, k=1.5": {"rule": "drop_trend", "k": 1.5},
    "control_chart": {"rule": "control_chart"},
    "control_chart, detrended": {"rule": "control_chart", "detrend": True},
    "control_chart, k=2": {"rule": "control_chart", "k": 2.0},
    "ewma": {"rule": "ewma"},
    "cusum": {"rule": "cusum"},
    "change_point": {"rule": "change_point"},
    "sudden_loss": {"rule": "sudden_loss", "percent_of": "range", "range": (-20.0, 20.0),
                    "percent": 1.0},
}  # fmt: skip


def draw(
    length: int, phi: float, depth: float, seed: int, clients: int = CLIENTS
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return scores, and the session in which each client's rupture begins."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(clients, length))
    for t in range(1, length):
        z[:, t] = phi * z[:, t - 1] + np.sqrt(1 - phi**2) * z[:, t]
    begins = rng.integers(4, length - LASTS + 1, clients)
    session = np.arange(1, length + 1)
    inside = (session >= begins[:, None]) & (session < begins[:, None] + LASTS)
    score = z + rng.normal(size=(clients, 1)) - depth * inside
    table = {
        "client_id": np.repeat(np.arange(clients), length),
        "session": np.tile(session, clients),
        "score": score.ravel(),
    }
    return pd.DataFrame(table), begins


def assess(
    spec: dict[str, Any], length: int, phi: float, depth: float, clients: int = CLIENTS
) -> dict[str, float]:
    """Return how often a rule flags the ruptures, any session, and any client (shares)."""
    scores, begins = draw(length, phi, depth, seed=1, clients=clients)
    sessions = al.detect_ruptures(scores, **spec).sessions
    flag = sessions["flag"].to_numpy().reshape(clients, length)
    session = np.arange(1, length + 1)
    inside = (session >= begins[:, None]) & (session < begins[:, None] + LASTS)
    judged = sessions["judged"].to_numpy().reshape(clients, length)
    return {
        "found": float((flag & inside).any(axis=1).mean()),
        "sessions": float(flag.sum() / max(judged.sum(), 1)),
        "clients": float(flag.any(axis=1).mean()),
    }


def percent(value: float) -> str:
    """Return a share in whole per cent."""
    return f"{100 * value:.0f}"


def table(head: list[str], rows: list[list[str]]) -> Iterator[str]:
    """Yield a markdown table, numbers to the right."""
    yield "| " + " | ".join(head) + " |"
    yield "|---|" + "---:|" * (len(head) - 1)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def definitions() -> Iterator[str]:
    """Yield the rules with their defaults, from the registry."""
    for rule in al.rupture_rules().itertuples():
        given = ", ".join(f"{name} = {value!r}" for name, value in rule.parameters.items())
        yield f"### `{rule.name}`"
        yield f"{rule.title}. Flag: `{rule.definition}`; `distance` in: {rule.unit}."
        yield ""
        yield f"- Parameters: {given}."
        fixed = f" Fixed: {', '.join(rule.fixed)}." if rule.fixed else ""
        yield f"- Exists from {rule.least_sessions} session(s) on; reads {rule.needs}.{fixed}"
        verified = "formula read there" if rule.verified else "formula not read there"
        yield f"- Source: {rule.source} ({verified})."
        if rule.note:
            yield f"- {rule.note}"
        yield ""


Cells = dict[str, list[dict[str, float]]]


def typical_cells() -> Cells:
    """Return, for each rule compared, what it finds at each depth."""
    return {
        label: [assess(spec, depth=depth, **TYPICAL) for depth in DEPTHS]
        for label, spec in COMPARED.items()
    }


def by_depth(cells: Cells) -> Iterator[str]:
    """Yield the table of sensitivity by depth, and of false alarms."""
    rows = []
    for label, found in cells.items():
        alarms = [percent(found[0]["sessions"]), percent(found[0]["clients"])]
        rows.append([label, *(percent(cell["found"]) for cell in found), *alarms])
    head = ["rule", *(f"depth {depth:g}" for depth in DEPTHS)]
    yield from table([*head, "sessions flagged, no ruptures", "clients flagged, no ruptures"], rows)


def by_phi_and_length() -> Iterator[str]:
    """Yield sensitivity at depth 2 and false alarms by autocorrelation and number of sessions."""
    head, rows = ["rule"], []
    cells = [(16, phi) for phi in PHIS] + [(length, 0.3) for length in LENGTHS if length != 16]
    head += [f"{n} sessions, r = {phi:g}" for n, phi in cells]
    for label, spec in COMPARED.items():
        row = [label]
        for length, phi in cells:
            spec_here = spec if length > 8 else {**spec, "min_sessions": 6}
            found = assess(spec_here, length, phi, 2.0)["found"]
            false = assess(spec_here, length, phi, 0.0)["clients"]
            row.append(f"{percent(found)} / {percent(false)}")
        rows.append(row)
    yield from table(head, rows)


def conclusions(cells: Cells) -> Iterator[str]:
    """Yield what the numbers say, with the numbers."""

    def found(label: str) -> str:
        false, two = cells[label][0]["sessions"], cells[label][2]["found"]
        return f"`{label}` finds {percent(two)} % (and flags {percent(false)} % of sessions)"

    one = cells["drop_within_sd, k=1"]
    yield (
        f"- A fall of 1 SD from the session before is flagged in {percent(one[0]['clients'])} % of "
        f"clients who had no rupture, and in {percent(one[0]['found'])} % of windows of {LASTS} "
        "sessions in which nothing happened. As a class of clients it says next to nothing; "
        "report it only beside `expected_by_chance`."
    )
    yield (
        "- Falls compare two noisy scores, levels one score with many. Of ruptures of 2 SD, "
        + "; ".join(map(found, ("drop_within_sd, k=2", "drop_trend, k=1.5", "control_chart, k=2")))
        + ". This holds for ruptures that last; a dip of one session is a fall as much as a level."
    )
    yield (
        "- Compare each depth with depth 0: the difference is what a rule knows. Ruptures of 1 SD "
        "no rule finds dependably."
    )
    yield (
        "- Limits, trends and SDs taken from the whole course are widened by the rupture they "
        "should show. Set a `baseline` where sessions before the period of interest exist."
    )
    yield (
        "- Charts and the change-point search take autocorrelation for ruptures (second table); "
        "rules on falls find fewer where scores drift slowly."
    )
    yield "- No rule here is *the* rule. Choose one before looking, say why, and run the others."


def page() -> Iterator[str]:
    """Yield the page."""
    yield from (
        "# Rules for ruptures: what they say and what they find",
        "",
        "Made by `python tests/benchmarks/rule_characteristics.py > docs/rupture-rules.md`.",
        "",
        "There is no agreed rule for ruptures in a series of scores. This page says what each "
        "rule of `alliance_stats.detect_ruptures` flags, and how it does where the truth is known.",
        "",
        "## Sensitivity and false alarms",
        "",
        f"Simulated courses: {CLIENTS} clients a cell; client means with SD 1; session scores "
        "around them with SD 1 and lag-1 autocorrelation r; in each client one rupture of so many "
        f"SDs that lasts {LASTS} sessions and begins in a random session from the fourth on. "
        "Numbers are per cent; their Monte Carlo error is below one (standard error at most 0.8). "
        "No ceiling, no missing sessions. `sudden_loss` is asked for a loss of 1 % of a range of "
        "40, so that only its size and stability count.",
        "",
        f"*Found*: at least one of the {LASTS} rupture sessions is flagged. Depth 0 is the same "
        "question where nothing happened: what a rule finds there it finds by chance.",
        "",
        f"### By depth ({TYPICAL['length']} sessions, r = {TYPICAL['phi']})",
        "",
    )
    cells = typical_cells()
    yield from by_depth(cells)
    yield from (
        "",
        "### By autocorrelation and number of sessions (depth 2)",
        "",
        "Each cell: ruptures found / clients without a rupture in whom one was flagged. With 8 "
        "sessions `min_sessions` is 6 for all rules.",
        "",
    )
    yield from by_phi_and_length()
    yield from ("", "### What to make of it", "")
    yield from conclusions(cells)
    yield from ("", "## The rules", "")
    yield from definitions()


if __name__ == "__main__":
    print("\n".join(page()).rstrip())

"""Does holding the outcome before equal help or harm the effects of rupture and repair?

Run: python tests/benchmarks/outcome_before.py [replicates] [--write]

The outcome of a session carries over to the next, and a rupture or a repair moves what is new in
the next one, by nothing or by half an SD. Ruptures begin by chance, or sooner where the outcome of
the same session is bad (it is rated as the session opens). They are known, or found by the default
rule. What is missing to 95 % are, where the truth is zero, false findings. ``--write`` puts the
table into docs/rupture-models.md.
"""

from __future__ import annotations

import re
import sys
import warnings
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from alliance_stats.ruptures.models.design import Choices, lagged, model_data
from alliance_stats.ruptures.models.repair import quiet_fit
from alliance_stats.ruptures.models.session_table import session_table
from alliance_stats.ruptures.rules import RUPTURE_RULE, find_rule

PAGE = Path(__file__).parents[2] / "docs" / "rupture-models.md"
DESIGNS = ((20, 8), (100, 8), (50, 15), (20, 25), (100, 25))
"""Clients, sessions."""
SD, OPENS, CLOSES, DEPTH = 2.5, 0.08, 0.4, 3.0
"""SD of outcomes within clients; a rupture's probability to begin, to end; its depth in SDs."""
CARRIED = 0.5
EFFECTS = {"none": (0.0, 0.0), "half an SD": (1.25, -1.25)}
BY = ["world", "way", "size", "clients", "sessions", "held", "event", "truth"]
EVENTS = {"rupture_lag1_within": "rupture", "repair_lag1_within": "repair"}
WORLDS = {"by chance": 0.0, "where the outcome is bad": 0.8}
"""How ruptures come, and what one SD of outcome adds to the log odds of one."""


def study(
    rng: np.random.Generator, clients: int, sessions: int, sooner: float, effect: tuple[float, ...]
) -> pd.DataFrame:
    """Draw courses with ruptures that open and close, and what they do to the next outcome."""
    shape = clients, sessions
    begins, ends, inside = (np.zeros(shape, dtype=bool) for _ in range(3))
    outcome, drift = np.zeros(shape), np.zeros(shape)
    odds = np.log(OPENS / (1 - OPENS))
    for t in range(sessions):
        new = rng.normal(size=clients) * SD * (np.sqrt(1 - CARRIED**2) if t else 1.0)
        outcome[:, t] = new
        drift[:, t] = 0.4 * rng.normal(size=clients)
        if not t:
            continue
        outcome[:, t] += CARRIED * outcome[:, t - 1]
        outcome[:, t] += effect[0] * begins[:, t - 1] + effect[1] * ends[:, t - 1]
        drift[:, t] = 0.3 * drift[:, t - 1] + np.sqrt(1 - 0.3**2) * drift[:, t]
        was = inside[:, t - 1]
        chance = 1 / (1 + np.exp(-odds - sooner * outcome[:, t] / SD))
        better = 1 / (1 + np.exp(-np.log(CLOSES / (1 - CLOSES)) + sooner * outcome[:, t] / SD))
        ends[:, t] = was & (rng.random(clients) < better)
        begins[:, t] = ~was & (rng.random(clients) < chance)
        inside[:, t] = begins[:, t] | (was & ~ends[:, t])
    level = rng.normal(size=(clients, 1))
    step = np.arange(sessions)
    course = 18 - 2 * level + rng.normal(-0.2, 0.1, (clients, 1)) * step
    return pd.DataFrame(
        {
            "client_id": np.repeat(np.arange(clients), sessions),
            "session": np.tile(step + 1, clients),
            "alliance": (5 + 0.5 * level + drift - DEPTH * 0.4 * inside).ravel(),
            "outcome": (course + outcome).ravel(),
            "begins": begins.ravel(),
            "ends": ends.ravel(),
        }
    )


def ways(data: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return who dates the ruptures: one who knows them, or the default rule."""
    events = pd.concat(
        data.loc[data[column], ["client_id", "session"]].assign(rater="client", kind=kind)
        for column, kind in (("begins", "rupture"), ("ends", "repair"))
    )
    return {"reports": {"rule": "direct_report", "events": events}, "the default rule": {}}


def replicate(number: int, clients: int, sessions: int) -> list[tuple[Any, ...]]:
    """Return an estimate and its interval, for every world, effect, way and model."""
    rows = []
    for (world, sooner), (size, effect) in product(WORLDS.items(), EFFECTS.items()):
        rng = np.random.default_rng([number, clients, sessions])
        data = study(rng, clients, sessions, sooner, effect)
        for way, given in ways(data).items():
            if way == "the default rule" and effect[0]:
                continue  # what a rule misses dilutes effects: that is other tables' matter
            for held, found in of_both(data, given).items():
                for truth, event in zip(effect, EVENTS, strict=True):
                    if event in found.index:  # a small study may have no repair
                        row = (world, way, size, clients, sessions, held, event, truth)
                        rows.append((*row, *found.loc[event]))
    return rows


def of_both(data: pd.DataFrame, given: dict[str, Any]) -> dict[bool, pd.DataFrame]:
    """Return `fit_rupture_repair`'s rows of the outcome, two levels, of either model."""
    asked = {"alliance": ("alliance", None, None), "outcome": ("outcome", None, None)}
    more = dict(given)
    rule, events = more.pop("rule", RUPTURE_RULE), more.pop("events", None)
    table = session_table(data, *asked.values(), rule, more, events=events)
    rows = lagged(table.rows, ["rupture", "repair", "outcome", "alliance"], 1)
    found = {}
    for held in (False, True):
        beside = find_rule(rule).needs == "scores"
        choices = Choices(("rupture", "repair"), lagged_outcome=held, adjust_for_alliance=beside)
        fit = quiet_fit(model_data(rows, "outcome", choices), "satterthwaite")
        tidy = fit.tidy().set_index("term")
        found[held] = tidy.loc[tidy["effect"] == "fixed", ["estimate", "conf_low", "conf_high"]]
    return found


def measured(replicates: int) -> pd.DataFrame:
    """Return bias and coverage, a row a design and model."""
    rows = [
        row
        for number in range(replicates)
        for design in DESIGNS
        for row in replicate(number, *design)
    ]
    table = pd.DataFrame(rows, columns=[*BY, "estimate", "low", "high"])
    table["bias"] = table["estimate"] - table["truth"]
    table["covers"] = 100 * table["truth"].between(table["low"], table["high"])
    return table.groupby(BY, sort=False)[["bias", "covers"]].mean().reset_index()


def lines_of(table: pd.DataFrame) -> str:
    """Return the table of the page: a row a design, without and with the outcome before."""
    pairs = " | ".join(
        f"{'held' if held else 'not held'}: {event} | covers"
        for held, event in product((False, True), EVENTS.values())
    )
    lines = [
        f"| ruptures come | dated by | true effect | clients, sessions | {pairs} |",
        "|---|---|---|---|" + "---:|" * 8,
    ]
    for design, own in table.groupby(BY[:5], sort=False):
        cells = own.sort_values("held", kind="stable").itertuples()
        numbers = " | ".join(f"{one.bias:.2f} | {one.covers:.0f}" for one in cells)
        world, way, size, clients, sessions = design
        lines.append(f"| {world} | {way} | {size} | {clients}, {sessions} | {numbers} |")
    return "\n".join(lines)


def main(arguments: list[str]) -> None:
    """Print the table; with ``--write``, put it into the page."""
    numbers = [one for one in arguments if one.isdigit()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fits on the boundary of a variance are counted, too
        text = lines_of(measured(int(numbers[0]) if numbers else 100))
    print(text)
    if "--write" in arguments:
        block = f"<!-- before -->\n{text}\n<!-- end -->"
        old = PAGE.read_text(encoding="utf-8")
        new = re.sub(r"<!-- before -->.*?<!-- end -->", lambda _: block, old, flags=re.DOTALL)
        PAGE.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

"""Which cut-off should `drop_stricter_sd` have unless told?

Run: python tests/benchmarks/rule_default.py [studies] [--write]

By cut-off: what the rule finds and how often wrongly (the typical design of
docs/rupture-rules.md), how often its count is "more than chance" with ruptures and without any,
and what becomes of a true effect of 2 on the next outcome (the ruptures that last of
docs/rupture-models.md). ``--write`` puts the table into docs/rupture-models.md.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import rule_characteristics as rates
import rupture_chance as counts
import rupture_models as models

import alliance_stats as al
from alliance_stats.ruptures.courses import Courses
from alliance_stats.ruptures.performance.planting import plant
from alliance_stats.ruptures.rules import RUPTURE_RULE

CUTS = (1.0, 1.5, 2.0, 2.5)
TYPICAL = rates.TYPICAL
SHARES = (0.0, TYPICAL.base_rate, 2 * TYPICAL.base_rate)
"""Shares of clients who have a rupture, where counts are held against chance."""
MADE = "`simulate_study()`"


def courses(share: float, study: int) -> Courses:
    """Return the courses of `rupture_chance`, with ruptures in a share of the clients."""
    rng = np.random.default_rng([7, study])
    drawn = counts.draw(rng, TYPICAL.length, TYPICAL.phi, 0.0)
    planted = partial(plant, depth=TYPICAL.depth, duration=TYPICAL.duration, rng=rng)
    return planted(drawn, base_rate=share).courses if share else drawn


def beyond_chance(studies: int) -> dict[str, list[float]]:
    """Return, for each world, the share of studies with more ruptures than chance by cut-off."""
    rules = {k: (RUPTURE_RULE, {"k": k}) for k in CUTS}
    found: dict[str, list[list[bool]]] = {}
    for study in range(studies):
        for share in SHARES:
            tested = counts.p_values(courses(share, study), "ar1", 0.0, study, rules)
            found.setdefault(f"{100 * share:.0f} %", []).append(
                [p <= counts.NOMINAL for _, p in tested]
            )
        made = al.simulate_study(seed=study + 1)
        asked: dict[str, Any] = {"measure": "wai-sr/total/client", "rule": RUPTURE_RULE}
        more = {"replicates": counts.REPLICATES, "seed": study}
        tables = [al.expected_by_chance(made, **asked, **more, k=k) for k in CUTS]
        found.setdefault(MADE, []).append(
            [table.loc["rupture", "p_value"] <= counts.NOMINAL for table in tables]
        )
    return {world: list(np.mean(rejected, axis=0)) for world, rejected in found.items()}


def effects(studies: int) -> dict[float, tuple[float, float]]:
    """Return mean and coverage of an effect of 2 by cut-off, the alliance score beside it."""
    both = {"alliance": "bond", "outcome": "distress"}
    rows: dict[float, list[tuple[float, bool]]] = {}
    for rng in models._streams(5, studies):
        data = models.repaired_study(rng)
        for k in CUTS:
            model = al.fit_rupture_repair(data, **both, k=k, levels=2, **models.ALONE)
            own = model.table[model.table["model"] == "outcome, 2 levels"]
            _, estimate, low, high = models._row(own, "rupture_lag1_within", "")
            rows.setdefault(k, []).append((estimate, low <= models.EFFECT <= high))
    return {k: tuple(np.mean(found, axis=0)) for k, found in rows.items()}


def lines(studies: int) -> Iterator[str]:
    """Yield the table, a row a cut-off; the default in bold."""
    chance, effect = beyond_chance(studies), effects(max(studies // 2, 1))
    default = al.rupture_rules().set_index("name").loc[RUPTURE_RULE, "parameters"]["k"]
    words = ["found", "episode-PPV", "clients alarmed"]
    words += [f"more than chance, {world}" for world in chance]
    rows = []
    for i, k in enumerate(CUTS):
        own = rates.assess(RUPTURE_RULE, {"k": k}, TYPICAL)
        shares = [own[name] for name in ("sensitivity", "ppv", "false_alarms")]
        shares += [world[i] for world in chance.values()]
        mean, covered = effect[k]
        row = [f"{k:g}", *map(rates.percent, shares), f"{mean:.2f}", rates.percent(covered)]
        rows.append([f"**{cell}**" for cell in row] if k == default else row)
    yield from rates.table(["k", *words, "effect of 2", "its interval covers"], rows)


def main(*arguments: str) -> int:
    """Print the table; with ``--write``, put it into the page."""
    studies = next((int(word) for word in arguments if word.isdigit()), 100)
    text = "\n".join(lines(studies))
    print(text)
    if "--write" in arguments:
        page = models.PAGE.read_text(encoding="utf-8")
        block = f"<!-- default: {studies} studies -->\n{text}\n<!-- end -->"
        page = re.sub(r"<!-- default: .*?<!-- end -->", block, page, flags=re.DOTALL)
        models.PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""Which criterion of reliable change calls how many people changed who did not change?

Run: python tests/benchmarks/change_criterion.py [studies] [--write]

A score is what lasts, plus what belongs to the day (mood, sleep), plus error of the items. Alpha
takes the day for the person; the correlation of two days without change between them does not. In
the population of the instrument alpha is .90 and retest .80. The clients of a study are drawn from
that population, or from one whose lasting part differs less (SD .8 of it), as clients chosen by
their intake score do. ``--write`` puts the table into docs/methods/change-criterion.md.
"""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from alliance_stats.instruments.criteria import Criterion, criterion_of

PAGE = Path(__file__).parents[2] / "docs" / "methods" / "change-criterion.md"
CLIENTS, ITEMS = 100, 10
LASTS, DAY, ERROR = 0.80, 0.10, 0.10
"""Variances in the population: alpha (LASTS + DAY) = .90, retest LASTS = .80, SD 1."""
NARROW = 0.64 - DAY - ERROR
CHANGES = (0.0, 0.5, 1.0, 1.5)
POPULATIONS = {"that of the instrument": LASTS, "narrower (SD .8)": NARROW}


def scores(rng: np.random.Generator, lasts: float, change: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the items of the first day and the total of the second; lower is better."""
    person = rng.normal(0, np.sqrt(lasts), CLIENTS)

    def day(level: np.ndarray) -> np.ndarray:
        state = level + rng.normal(0, np.sqrt(DAY), CLIENTS)
        noise = rng.normal(0, np.sqrt(ERROR * ITEMS), (CLIENTS, ITEMS))
        return (state[:, None] + noise) / ITEMS

    return day(person), day(person - change).sum(axis=1)


def criteria(items: np.ndarray, post: np.ndarray) -> dict[str, Criterion]:
    """Return each criterion as the package makes it of one study."""
    pre = items.sum(axis=1)
    by_retest = criterion_of(pre, post, reliability=LASTS)
    published = 1.96 * np.sqrt(2 * (1 - LASTS))
    own = cronbach_alpha_of(items)
    return {
        "card, retest": by_retest,
        "card, alpha": criterion_of(pre, post, reliability=LASTS + DAY),
        "alpha here": criterion_of(pre, post, criterion="alpha", own_alpha=lambda: (own, CLIENTS)),
        "published points": replace(
            by_retest, method="points", points=float(published), or_more=True
        ),
    }


def cronbach_alpha_of(items: np.ndarray) -> float:
    """Return Cronbach's alpha by its formula, a thousand times faster than by a frame."""
    k = items.shape[1]
    return float(k / (k - 1) * (1 - items.var(0, ddof=1).sum() / items.sum(1).var(ddof=1)))


def lines(studies: int) -> list[str]:
    """Return the table: of a hundred clients, how many are called changed."""
    out = [
        "| clients | criterion | points (SD 1) | called changed, nobody changed | "
        + " | ".join(f"improved, all by {change:g} SD" for change in CHANGES[1:])
        + " |",
        "|---|---|---|" + "---|" * len(CHANGES),
    ]
    for population, lasts in POPULATIONS.items():
        found: dict[str, list[list[float]]] = {}
        for at, change in enumerate(CHANGES):
            rng = np.random.default_rng([13, at])
            for _ in range(studies):
                items, post = scores(rng, lasts, change)
                for name, criterion in criteria(items, post).items():
                    category = criterion.judge(items.sum(axis=1), post)[1]
                    called = (
                        np.mean(category != "unchanged")
                        if not change
                        else np.mean(category == "improved")
                    )
                    cells = found.setdefault(name, [[] for _ in range(len(CHANGES) + 1)])
                    cells[0].append(criterion.points)
                    cells[at + 1].append(float(called))
        for name, (points, *called) in found.items():
            shares = " | ".join(f"{100 * np.mean(each):.1f}" for each in called)
            out.append(f"| {population} | {name} | {np.mean(points):.2f} | {shares} |")
    return out


def main(studies: int, write: bool) -> None:
    """Print the table, and write it into the page where asked."""
    table = "\n".join(lines(studies))
    print(table)
    if write:
        page = PAGE.read_text(encoding="utf-8")
        block = re.compile(r"(<!-- criterion: begin -->\n).*?(<!-- criterion: end -->)", re.DOTALL)
        PAGE.write_text(block.sub(rf"\g<1>{table}\n\g<2>", page), encoding="utf-8")


if __name__ == "__main__":
    numbers = [int(each) for each in sys.argv[1:] if each.isdigit()]
    main(numbers[0] if numbers else 1000, "--write" in sys.argv)

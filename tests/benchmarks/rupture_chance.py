"""How often does each rule find "more than chance" in studies without ruptures?

Run: python tests/benchmarks/rupture_chance.py [studies] [--unlike] [--write]

Scores are drawn from AR(1) courses with trends and without ruptures; each test at 5 % should
reject 5 % of such studies. One set of replicates serves all rules of a study. ``--unlike``: the
same where scores are skewed or their spread changes. ``--write`` puts the table into
docs/rupture-models.md.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from alliance_stats.ruptures.chance import ar1
from alliance_stats.ruptures.chance import expected as chance
from alliance_stats.ruptures.courses import Courses
from alliance_stats.ruptures.parameters import complete
from alliance_stats.ruptures.rules import find_rule

PAGE = Path(__file__).parents[2] / "docs" / "rupture-models.md"
CLIENTS, REPLICATES, NOMINAL = 60, 99, 0.05
TREND_SD = 0.05
RULES: dict[str, dict[str, Any]] = {
    "drop_within_sd": {"k": 1.0},
    "drop_pooled_sd": {"k": 2.0},
    "drop_sample_sd": {"k": 1.0},
    "drop_stricter_sd": {"k": 1.5},
    "drop_reliable_change": {},
    "drop_running_mean": {"k": 1.5},
    "drop_trend": {"k": 1.5},
    "control_chart": {"k": 2.0},
    "ewma": {"k": 2.0},
    "cusum": {"k": 3.0},
    "change_point": {},
    "sudden_loss": {"percent_of": "range", "percent": 1.0, "range": (-50.0, 50.0)},
}
Asked = dict[Any, tuple[str, dict[str, Any]]]
"""What is held against chance: a rule and its parameters."""
OWN: Asked = {name: (name, given) for name, given in RULES.items()}
Cell = tuple[int, float, str, float, str]
CELLS: tuple[Cell, ...] = (
    *((length, phi, "ar1", 0.0, "") for length in (8, 16) for phi in (0.0, 0.3, 0.6)),
    (16, 0.3, "ar1", 0.5, ""),
    (16, 0.3, "permutation", 0.0, ""),
)
"""Sessions, autocorrelation, null, the step of a scale that ends one SD above the mean, and what
is not as the null has it."""
UNLIKE: tuple[Cell, ...] = tuple(
    (16, 0.3, null, 0.0, how)
    for how in ("skewness -0.7", "skewness -1.4", "SD halves")
    for null in ("ar1", "resampled")
)


def draw(rng: np.random.Generator, length: int, phi: float, step: float, how: str = "") -> Courses:
    """Return courses without ruptures: client means and trends, AR(1) sessions with SD 1."""
    shape = CLIENTS, length
    if how.startswith("skewness"):
        a = 4 / float(how.split()[1]) ** 2  # a gamma variate has skewness 2 / sqrt(a)
        z = (a - rng.gamma(a, size=shape)) / np.sqrt(a)
    else:
        z = rng.normal(size=shape)
    for t in range(1, length):
        z[:, t] = phi * z[:, t - 1] + np.sqrt(1 - phi**2) * z[:, t]
    if how == "SD halves":
        z = z * np.geomspace(1, 0.5, length)
    slope = TREND_SD * rng.normal(size=(CLIENTS, 1))
    x = z + rng.normal(size=(CLIENTS, 1)) + slope * np.arange(length)
    if step:
        x = np.minimum(step * np.round(x / step), 2.0)
    session = np.tile(np.arange(1, length + 1), CLIENTS)
    return Courses(session, x.ravel(), np.arange(CLIENTS) * length)


def p_values(
    courses: Courses, null: str, step: float, seed: int, asked: Asked = OWN
) -> Iterator[tuple[Any, float]]:
    """Yield each rule's p value for its number of ruptures."""
    drift = chance.fit_null(courses, null)
    grid = ar1.grid_of(courses, (-10.0, 2.0) if step else None)
    batches = list(chance.draw(courses, drift, grid, REPLICATES, seed))
    away = np.concatenate([ar1.lag_ratio(batch) for batch in batches]) - ar1.lag_ratio(courses)
    for label, (name, given) in asked.items():
        rule = find_rule(name)
        p = chance._hold_reliability(courses, complete(rule, {"min_sessions": 6, **given}))
        observed = chance.count(courses, rule, p)[0]
        drawn = np.concatenate([chance.count(batch, rule, p) for batch in batches])
        table = chance.summarise(observed, drawn, None if drift is None else away)
        yield label, float(table.loc["rupture", "p_value"])


def rejected(cell: Cell, studies: int) -> dict[str, float]:
    """Return, for each rule, the share of studies in which p is 5 % or less."""
    length, phi, null, step, how = cell
    found: dict[str, list[float]] = {}
    for study in range(studies):
        courses = draw(np.random.default_rng([7, study]), length, phi, step, how)
        for name, p in p_values(courses, null, step, study):
            found.setdefault(name, []).append(p)
    return {name: float(np.mean(np.array(p) <= NOMINAL)) for name, p in found.items()}


def head(cell: Cell) -> str:
    """Return the words above a column."""
    length, phi, null, step, how = cell
    if how:
        return f"{how}, {null}"
    kind = f"{null}, " if null == "permutation" else ""
    return f"{kind}{length} sessions, r = {phi:g}{', steps and ceiling' if step else ''}"


def main(*arguments: str) -> int:
    """Print the table; with ``--write``, put it into the page."""
    studies = next((int(word) for word in arguments if word.isdigit()), 100)
    unlike = "--unlike" in arguments
    columns = {head(cell): rejected(cell, studies) for cell in (UNLIKE if unlike else CELLS)}
    lines = ["| rule | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    for name, given in RULES.items():
        label = f"{name}, k={given['k']:g}" if "k" in given else name
        cells = [f"{100 * column[name]:.0f}" for column in columns.values()]
        lines.append("| " + " | ".join([label, *cells]) + " |")
    text = "\n".join(lines)
    print(text)
    if "--write" in arguments:
        page = PAGE.read_text(encoding="utf-8")
        name = "unlike" if unlike else "chance"
        block = f"<!-- {name}: {studies} studies -->\n{text}\n<!-- end -->"
        page = re.sub(rf"<!-- {name}: .*?<!-- end -->", block, page, flags=re.DOTALL)
        PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""Do intervals cover where an effect differs between clients, and where it does not?

Simulates sessions in clients (and in therapists) whose effect of ``within`` has a given SD between
clients, and whose course over sessions differs too; fits ``slopes="all"`` and ``slopes="none"``;
counts. Adding a multiple of a predictor to an outcome moves estimate and truth alike, so the share
of intervals that miss is also the Type-I error of a mean effect of zero::

    python tests/benchmarks/slopes.py --write docs/coverage.md
"""

from __future__ import annotations

import argparse
import re
import time
import warnings
from dataclasses import astuple, dataclass, replace
from itertools import product
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

import alliance_stats as al

EFFECT, TREND, TREND_SD = -1.0, -0.3, 0.3
CLIENT_SD, THERAPIST_SD, RESIDUAL_SD, CORRELATION = 3.0, 1.5, 3.0, 0.5
FORMULA = "y ~ session + within + between + (1 | client)"
METHODS = ("satterthwaite", "kenward-roger")


@dataclass(frozen=True)
class Cell:
    """A design: numbers of units, and SDs of the effect between clients and therapists."""

    clients: int
    sessions: int
    slope_sd: float
    therapists: int = 0
    therapist_slope_sd: float = 0.0


CELLS = [
    *(Cell(*one) for one in product((20, 50, 120), (5, 10, 16), (0.0, 0.4, 0.8))),
    *(Cell(c, 10, sd, t) for (c, t), sd in product(((50, 8), (120, 20)), (0.0, 0.8))),
    *(Cell(c, 10, 0.8, t, 0.4) for c, t in ((50, 8), (120, 20))),
]


def draw(cell: Cell, rng: np.random.Generator) -> pd.DataFrame:
    """Draw one study."""
    client = np.repeat(np.arange(cell.clients), cell.sessions)
    session = np.tile(np.arange(1.0, cell.sessions + 1), cell.clients)
    raw = rng.standard_normal(len(client))
    within = raw - (np.bincount(client, raw) / cell.sessions)[client]
    level, other, trend, between = rng.standard_normal((4, cell.clients))
    slope = EFFECT + cell.slope_sd * (CORRELATION * level + (1 - CORRELATION**2) ** 0.5 * other)
    therapist = np.arange(cell.clients) % max(cell.therapists, 1)
    above, steeper = rng.standard_normal((2, max(cell.therapists, 1)))
    own = CLIENT_SD * level - 0.8 * between
    if cell.therapists:
        own = own + THERAPIST_SD * above[therapist]
        slope = slope + cell.therapist_slope_sd * steeper[therapist]
    y = (
        20
        + own[client]
        + (TREND + TREND_SD * trend)[client] * session
        + slope[client] * within
        + RESIDUAL_SD * rng.standard_normal(len(client))
    )
    columns = {"y": y, "session": session, "within": within, "between": between[client]}
    return pd.DataFrame({**columns, "client": client, "therapist": therapist[client]})


def study(cell: Cell, seed: np.random.SeedSequence) -> list[dict]:
    """Simulate and fit one study: for each way and method, whether the intervals cover."""
    data = draw(cell, np.random.default_rng(seed))
    formula = FORMULA + (" + (1 | therapist)" if cell.therapists else "")
    rows = []
    for slopes in ("all", "none"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", al.AllianceStatsWarning)
            fit = al.fit_multilevel(formula, data, slopes=slopes)
        for method in METHODS:
            interval = replace(fit, df_method=method).conf_int()
            covers = {
                name: bool(interval.loc[name, 0] <= truth <= interval.loc[name, 1])
                for name, truth in (("within", EFFECT), ("session", TREND))
            }
            kept = "within |" in fit.formula
            rows.append({"slopes": slopes, "method": method, **covers, "kept": kept})
    return rows


def run(replicates: int, seed: int, jobs: int) -> pd.DataFrame:
    """Run all studies; the same seed gives the same studies whatever `jobs` is."""
    seeds = np.random.SeedSequence(seed).spawn(replicates * len(CELLS))
    found = joblib.Parallel(n_jobs=jobs, batch_size=10)(
        joblib.delayed(study)(CELLS[i % len(CELLS)], one) for i, one in enumerate(seeds)
    )
    return pd.DataFrame(
        [{"cell": i % len(CELLS), **row} for i, rows in enumerate(found) for row in rows]
    )


def table(found: pd.DataFrame, cells: list[Cell], head: list[str]) -> str:
    """Return a Markdown table of some cells."""
    columns = ["`within`, all: Satterthwaite", "Kenward-Roger", "`within`, none",
               "`session`, all", "`session`, none", "slope kept"]  # fmt: skip
    lines = ["| " + " | ".join([*head, *columns]) + " |", "|" + "---|" * (len(head) + 6)]
    for cell in cells:
        own = found[found["cell"] == CELLS.index(cell)]
        share = own.groupby(["slopes", "method"])[["within", "session", "kept"]].mean()
        shown = [
            share.loc[("all", "satterthwaite"), "within"],
            share.loc[("all", "kenward-roger"), "within"],
            share.loc[("none", "satterthwaite"), "within"],
            share.loc[("all", "satterthwaite"), "session"],
            share.loc[("none", "satterthwaite"), "session"],
            share.loc[("all", "satterthwaite"), "kept"],
        ]
        design = [f"{value:g}" for value in astuple(cell)[: len(head)]]
        lines.append("| " + " | ".join([*design, *(f"{100 * x:.1f} %" for x in shown)]) + " |")
    return "\n".join(lines)


def block(found: pd.DataFrame, replicates: int, seed: int, seconds: float) -> str:
    """Return the part of the page."""
    error = 100 * np.sqrt(0.05 * 0.95 / replicates)
    head = ["clients", "sessions", "SD of the effect"]
    two = table(found, [c for c in CELLS if not c.therapists], head)
    head = [*head, "therapists", "SD between therapists"]
    three = table(found, [c for c in CELLS if c.therapists], head)
    return f"""<!-- slopes -->
## Where an effect differs between clients

Made by `python tests/benchmarks/slopes.py --replicates {replicates} --seed {seed} --write \
docs/coverage.md` ({seconds / 60:.1f} minutes; one standard error: {error:.1f} points).

Share of 95 % intervals that hold the mean effect of `within`, centred within clients with SD 1,
where the effect itself has the SD given between clients (residual SD {RESIDUAL_SD:g}; clients'
levels {CLIENT_SD:g}, their trends {TREND_SD:g} a session). What is missing to 100 % is also the
Type-I error of a mean effect of zero. `slopes="all"`, the default of the package's models, lets
effects vary as far as the data carry it; `slopes="none"` holds them equal for all clients. The last
column: share of studies in which a variance of the effect was found.

{two}

With therapists (SD of their levels {THERAPIST_SD:g}), where the effect may differ between them too:

{three}

- `slopes="none"` is right only where nothing differs, and nobody knows that beforehand.
- With few therapists `slopes="all"` is a little careful where the effect is the same with all of
  them; holding it equal for all therapists where it is not costs more.
<!-- end -->
"""


def main() -> None:
    """Run and print, or put the part into the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=300)
    parser.add_argument("--seed", type=int, default=20240608)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--write", type=Path, help="the page to write into; printed without it")
    options = parser.parse_args()
    start = time.perf_counter()
    found = run(options.replicates, options.seed, options.jobs)
    text = block(found, options.replicates, options.seed, time.perf_counter() - start)
    print(text)
    if options.write:
        page = options.write.read_text(encoding="utf-8")
        kept = re.sub(r"<!-- slopes -->.*<!-- end -->\n", "", page, flags=re.DOTALL).rstrip()
        options.write.write_text(f"{kept}\n\n{text}", encoding="utf-8")


if __name__ == "__main__":
    main()

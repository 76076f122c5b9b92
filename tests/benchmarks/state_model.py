"""Are the state model's probabilities right, and does any threshold rule find as much as surely?

Run: python tests/benchmarks/state_model.py [clients] [--write]
     python tests/benchmarks/state_model.py --studies [number] [--write]
     python tests/benchmarks/state_model.py --therapists [number] [--write]
     python tests/benchmarks/state_model.py --close [number] [--write]
     python tests/benchmarks/state_model.py --sessions [number]

Courses are drawn from a known truth, once as the model assumes them and then each time with one
assumption broken. For every rule compared on docs/rupture-rules.md: at the rule's own sensitivity,
which share of the flagged sessions is truly in a rupture (PPV), for the rule and for the sessions
the model holds most probable? ``--studies``: how calibration and false alarms vary between small
studies, for several centres of the penalty on opening. ``--therapists``: each therapist's
probability that a rupture opens against the truth, over so many studies. ``--close``: the cells
in which a rule is nearest to the model, over so many independent studies. ``--sessions``: the
seconds so many take. ``--write`` puts the tables into docs/methods/state-model.md.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rule_characteristics import LEVEL, table

import alliance_stats as al
from alliance_stats.ruptures.performance.planting import CANDIDATES
from alliance_stats.ruptures.rules import find_rule
from alliance_stats.ruptures.states import model

PAGE = Path(__file__).parents[2] / "docs" / "methods" / "state-model.md"
CLIENTS = 2000
COLUMNS = ["client_id", "session", "score"]
TOP = 0.9
"""End of the scale in the cell with a ceiling: so many SDs above the mean of all clients."""

Floats = np.ndarray


CENTRES = (0.02, 0.03, 0.05)
"""Probabilities to open about which the penalty is tried."""


@dataclass(frozen=True)
class Cell:
    """How the courses of a cell are made; SDs of a client's sessions outside ruptures are 1."""

    sessions: int = 16
    phi: float = 0.3
    depth: float = 2.0
    depth_sd: float = 0.6
    opening: Any = 0.05
    closing: float = 0.4
    lasts: int | None = None
    noise: str = "normal"
    trend: str = "none"
    own_sd: float = 0.0
    own_falls: bool = True
    error: float = 0.0
    ceiling: bool = False
    missing: float = 0.0
    step: float = 0.0


CELLS: dict[str, Cell] = {
    "as assumed": Cell(),
    "depth 1": Cell(depth=1.0, depth_sd=0.3),
    "depth 3": Cell(depth=3.0, depth_sd=0.9),
    "8 sessions": Cell(sessions=8),
    "30 sessions": Cell(sessions=30),
    "phi 0": Cell(phi=0.0),
    "phi 0.6": Cell(phi=0.6),
    "ruptures of one session": Cell(lasts=1),
    "ruptures that last to the end": Cell(closing=0.0, opening=0.02),
    "one rupture in fifty sessions": Cell(opening=0.02),
    "20 % of sessions missing": Cell(missing=0.2),
    "skewed downwards": Cell(noise="skewed"),
    "skewed downwards, 8 sessions": Cell(noise="skewed", sessions=8),
    "skewed upwards": Cell(noise="upwards"),
    "heavy tails": Cell(noise="tails"),
    "ceiling": Cell(ceiling=True),
    "ceiling and skewed": Cell(ceiling=True, noise="skewed"),
    "trend bent": Cell(trend="bent"),
    "SDs differ between clients": Cell(own_sd=0.35),
    "SDs differ, falls do not": Cell(own_sd=0.35, own_falls=False),
    "half of the variance is error": Cell(error=0.5, phi=0.6),
    "falls over three sessions": Cell(trend="gradual"),
    "scores in steps of half an SD": Cell(step=0.5),
}


def draw(cell: Cell, clients: int, seed: int) -> pd.DataFrame:
    """Return scores with the truth beside them: in a rupture, and begins."""
    rng = np.random.default_rng(seed)
    shape = clients, cell.sessions
    drift = _drift(rng, shape, cell)
    inside, begins, depth = _ruptures(rng, shape, cell)
    step = np.arange(cell.sessions)
    course = LEVEL + rng.normal(0, 1, (clients, 1)) + rng.normal(0.02, 0.03, (clients, 1)) * step
    if cell.trend == "bent":
        course = course + 1.5 * np.log1p(step) / np.log1p(step[-1])
    own = np.exp(rng.normal(0, cell.own_sd, (clients, 1))) if cell.own_sd else 1.0
    score = course + own * drift - (own if cell.own_falls else 1.0) * depth
    if cell.ceiling:
        score = np.minimum(score, LEVEL + TOP)
    if cell.step:
        score = np.rint(score / cell.step) * cell.step
    score[rng.random(shape) < cell.missing] = np.nan
    return pd.DataFrame(
        {
            "client_id": np.repeat(np.arange(clients), cell.sessions),
            "session": np.tile(step + 1, clients),
            "score": score.ravel(),
            "inside": inside.ravel(),
            "begins": begins.ravel(),
        }
    )


def _drift(rng: np.random.Generator, shape: tuple[int, int], cell: Cell) -> Floats:
    shocks = {
        "normal": lambda: rng.normal(size=shape),
        "skewed": lambda: (2.0 - rng.gamma(2.0, size=shape)) / np.sqrt(2.0),
        "upwards": lambda: (rng.gamma(2.0, size=shape) - 2.0) / np.sqrt(2.0),
        "tails": lambda: rng.standard_t(5, size=shape) / np.sqrt(5 / 3),
    }[cell.noise]()
    for t in range(1, shape[1]):
        shocks[:, t] = cell.phi * shocks[:, t - 1] + np.sqrt(1 - cell.phi**2) * shocks[:, t]
    return np.sqrt(1 - cell.error) * shocks + np.sqrt(cell.error) * rng.normal(size=shape)


def _ruptures(
    rng: np.random.Generator, shape: tuple[int, int], cell: Cell
) -> tuple[Floats, Floats, Floats]:
    inside, begins, depth = np.zeros(shape, bool), np.zeros(shape, bool), np.zeros(shape)
    since, deep = np.zeros(shape[0]), np.zeros(shape[0])
    for t in range(1, shape[1]):
        closes = rng.random(shape[0]) < cell.closing
        if cell.lasts is not None:
            closes = since >= cell.lasts
        still = inside[:, t - 1] & ~closes
        begins[:, t] = ~inside[:, t - 1] & (rng.random(shape[0]) < cell.opening)
        inside[:, t] = still | begins[:, t]
        drawn = np.maximum(rng.normal(cell.depth, cell.depth_sd, shape[0]), 0.2)
        deep = np.where(begins[:, t], drawn, deep)
        since = np.where(begins[:, t], 1, since + 1)
        share = np.minimum(since, 3) / 3 if cell.trend == "gradual" else 1.0
        depth[:, t] = np.where(inside[:, t], deep * share, 0.0)
    return inside, begins, depth


def at_sensitivity(probability: Floats, truth: Floats, wanted: float) -> float:
    """Return the PPV of the most probable sessions, as many as give the sensitivity wanted."""
    order = np.argsort(-probability, kind="stable")
    found = np.cumsum(truth[order])
    n = int(np.searchsorted(found, wanted * truth.sum() - 1e-9)) + 1
    return float(found[min(n, found.size) - 1] / min(n, found.size))


def calibration(p: Floats, y: Floats) -> tuple[float, float]:
    """Return intercept (shift of all log odds) and slope of the truth on the log odds."""
    z = np.log(np.clip(p, 1e-9, 1 - 1e-9) / np.clip(1 - p, 1e-9, 1))
    shift = _logistic(np.ones((z.size, 1)), y, z)
    both = _logistic(np.column_stack([np.ones(z.size), z]), y, np.zeros(z.size))
    return float(shift[0]), float(both[1])


def _logistic(x: Floats, y: Floats, offset: Floats) -> Floats:
    beta = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-(x @ beta + offset)))
        beta = beta + np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x, x.T @ (y - p))
    return beta


def judge(cell: Cell, clients: int, seed: int = 7) -> tuple[dict[str, float], pd.DataFrame]:
    """Return the model's own numbers, and a row a rule: sensitivity, PPV, the model's PPV."""
    data = draw(cell, clients, seed)
    scores = data[COLUMNS]
    found = al.detect_ruptures(scores, rule="state_model")
    known = found.sessions["probability"].notna().to_numpy()
    p = found.sessions.loc[known, "probability"].to_numpy()
    begins = found.sessions.loc[known, "probability_begins"].to_numpy()
    inside, starts = (data.loc[known, name].to_numpy(float) for name in ("inside", "begins"))
    flag = p >= 0.5
    intercept, slope = calibration(p, inside)
    own = {
        "base": inside.mean(),
        "sensitivity": inside[flag].sum() / inside.sum(),
        "ppv": inside[flag].mean() if flag.any() else np.nan,
        "intercept": intercept,
        "slope": slope,
        "brier": np.mean((p - inside) ** 2),
        "brier of the base rate": inside.mean() * (1 - inside.mean()),
        "converged": found.estimates["converged"],
    }
    rows = []
    for label, name, given in CANDIDATES:
        short = {"min_sessions": min(find_rule(name).parameters["min_sessions"], 6)}
        given = {**(short if cell.sessions <= 8 else {}), **given}
        flags = al.detect_ruptures(scores, rule=name, **given).sessions["flag"].to_numpy()[known]
        for what, truth, mine in (("inside", inside, p), ("begins", starts, begins)):
            sensitivity = truth[flags].sum() / truth.sum()
            if not flags.any() or truth[flags].sum() == 0:
                continue
            rows.append(
                {
                    "rule": label,
                    "what": what,
                    "sensitivity": sensitivity,
                    "rule's PPV": truth[flags].mean(),
                    "model's PPV": at_sensitivity(mine, truth, sensitivity),
                    "as many": truth[np.argsort(-mine, kind="stable")[: flags.sum()]].mean(),
                }
            )
    return own, pd.DataFrame(rows)


CLOSE = ("depth 1", "heavy tails")
"""Cells in which one study of 500 clients has a rule ahead."""


def close_cells(studies: int, clients: int = 500) -> str:
    """Return, for the rules nearest to the model, mean differences in PPV over studies."""
    rows = []
    for name in CLOSE:
        found = []
        for seed in range(100, 100 + studies):
            found.append(judge(CELLS[name], clients, seed)[1])
            print(name, seed, flush=True, file=sys.stderr)
        of = pd.concat(found)
        of["more"] = of["model's PPV"] - of["rule's PPV"]
        of["more of as many"] = of["as many"] - of["rule's PPV"]
        by = of.groupby(["what", "rule"])
        means, errors, n = by.mean(), by.sem(), by.size()
        nearest = means["more"].groupby("what").nsmallest(3).droplevel(0).index
        for what, rule in nearest:
            one, error = means.loc[(what, rule)], errors.loc[(what, rule)]
            differences = [
                f"{100 * one[key]:+.1f} ({100 * error[key]:.1f})"
                for key in ("more", "more of as many")
            ]
            shares = [percent(one[key]) for key in ("sensitivity", "rule's PPV", "model's PPV")]
            rows.append([name, WHAT[what], rule, str(n[what, rule]), *shares, *differences])
    head = ["courses", "of sessions", "rule", "studies", "its sensitivity", "its session-PPV"]
    head += ["the model's there", "difference (standard error)", "of as many flagged sessions"]
    return "\n".join(table(head, rows))


SMALL = {
    "one rupture in twenty sessions": CELLS["as assumed"],
    "one rupture in fifty sessions": CELLS["one rupture in fifty sessions"],
    "none": Cell(opening=0.0),
}


def small_studies(studies: int) -> str:
    """Return calibration and false alarms over studies, by the centre of the penalty."""
    rows = []
    kept = model.PENALTIES
    for clients in (60, 300):
        for name, cell in SMALL.items():
            drawn = [draw(cell, clients, seed) for seed in range(studies)]
            for centre in CENTRES:
                penalty = {"opening": (np.log(centre / (1 - centre)), kept["opening"][1])}
                model.PENALTIES = {**kept, **penalty}  # type: ignore[misc]
                rows.append([f"{clients} clients, {name}", f"{centre:g}", *_over(drawn)])
                print(rows[-1], flush=True, file=sys.stderr)
    model.PENALTIES = kept  # type: ignore[misc]
    head = ["studies", "centre", "clients with one", "sessions in one", "mean probability"]
    return "\n".join(table([*head, "intercept (SD)", "slope", "clients alarmed"], rows))


def _over(drawn: Sequence[pd.DataFrame]) -> list[str]:
    """Return the numbers of a row: means over the studies drawn."""
    found = []
    for data in drawn:
        sessions = al.detect_ruptures(data[COLUMNS], rule="state_model").sessions
        known = sessions["probability"].notna().to_numpy()
        p, inside = sessions.loc[known, "probability"].to_numpy(), data.loc[known, "inside"]
        ill = data.groupby("client_id")["inside"].any().to_numpy()
        alarm = sessions.groupby("client_id")["flag"].any().to_numpy()
        right = calibration(p, inside.to_numpy(float)) if inside.any() else (np.nan, np.nan)
        found.append([ill.mean(), inside.mean(), p.mean(), *right, alarm[~ill].mean()])
    ill, base, mean, intercept, slope, alarmed = np.mean(found, axis=0)
    shift = f"{intercept:+.2f} ({np.std(found, axis=0, ddof=1)[3]:.2f})"
    right = [shift, f"{slope:.2f}"] if base else ["-", "-"]
    return [percent(ill), f"{100 * base:.1f}", f"{100 * mean:.1f}", *right, percent(alarmed)]


THERAPISTS, CASELOAD = 40, 15


def therapists(studies: int) -> str:
    """Return how near the truth therapists' probabilities to open are, pooled, raw and shrunk."""
    rows = []
    for sd in (0.8, 0.0):
        found = np.mean([_one_study(sd, seed) for seed in range(studies)], axis=0)
        numbers = ["-" if np.isnan(one) else f"{one:.3f}" for one in found[1:6]]
        rows.append([f"{sd:g}", f"{found[0]:.2f}", *numbers])
        rows[-1] += [percent(one) for one in found[6:8]]
        rows[-1] += [f"{one:+.2f}" for one in found[8:]]
        print(rows[-1], flush=True, file=sys.stderr)
    head = ["SD of log odds", "its estimate", "error: none", "error: shrunk", "r with truth"]
    head += ["Brier pooled", "Brier shrunk", "PPV pooled", "PPV shrunk"]
    return "\n".join(table([*head, "intercept pooled", "intercept shrunk"], rows))


def _one_study(sd: float, seed: int) -> list[float]:
    rng = np.random.default_rng(1000 + seed)
    log_odds = np.log(0.05 / 0.95) - sd**2 / 2 + sd * rng.normal(size=THERAPISTS)
    truth = 1 / (1 + np.exp(-log_odds))
    data = draw(Cell(opening=np.repeat(truth, CASELOAD)), THERAPISTS * CASELOAD, seed)
    own = data[COLUMNS].assign(therapist_id=data["client_id"] // CASELOAD)
    pooled = al.detect_ruptures(data[COLUMNS], rule="state_model")
    shrunk = al.detect_ruptures(own, rule="state_model")
    given = np.full(THERAPISTS, pooled.estimates["opening"])
    mine = shrunk.clients["opening"].to_numpy()[::CASELOAD]
    # How often ruptures open is known up to a factor of all; therapists are judged about it.
    error = [np.std(np.log(one) - log_odds) for one in (given, mine)]
    known = pooled.sessions["probability"].notna().to_numpy()
    y = data.loc[known, "inside"].to_numpy(float)
    p = [one.sessions.loc[known, "probability"].to_numpy() for one in (pooled, shrunk)]
    alike = np.ptp(mine) < 1e-9 or np.ptp(truth) == 0
    return [
        shrunk.estimates["opening_sd"],
        *error,
        np.nan if alike else np.corrcoef(np.log(mine), log_odds)[0, 1],
        *(np.mean((one - y) ** 2) for one in p),
        *(at_sensitivity(one, y, AT) for one in p),
        *(calibration(one, y)[0] for one in p),
    ]


AT = 0.4
"""Sensitivity at which PPVs with and without therapists are compared."""


def seconds(sessions: int) -> str:
    """Return how long the model takes on so many sessions, sixteen a client."""
    scores = draw(Cell(), sessions // 16, seed=1)[COLUMNS]
    start, own = time.perf_counter(), time.process_time()
    al.detect_ruptures(scores, rule="state_model")
    passed = time.perf_counter() - start, time.process_time() - own
    return f"{len(scores)} sessions: {passed[0]:.1f} s, {passed[1]:.1f} s of processor time"


def percent(value: float) -> str:
    """Return a share in whole per cent."""
    return f"{100 * value:.0f}"


def tables(clients: int) -> dict[str, str]:
    """Return the tables of the page by name."""
    own_rows, against, gains = [], [], []
    for name, cell in CELLS.items():
        own, rules = judge(cell, clients)
        own_rows.append(
            [
                name,
                *(percent(own[key]) for key in ("base", "sensitivity", "ppv")),
                *(f"{own[key]:+.2f}" for key in ("intercept",)),
                *(f"{own[key]:.2f}" for key in ("slope",)),
                *(f"{own[key]:.3f}" for key in ("brier", "brier of the base rate")),
            ]
        )
        for what in ("inside", "begins"):
            of = rules[rules["what"] == what]
            gain = of["model's PPV"] - of["rule's PPV"]
            best, least = of.loc[of["rule's PPV"].idxmax()], of.loc[gain.idxmin()]
            shown = [percent(own[key]) for key in ("sensitivity", "ppv")]
            default = " / ".join(shown) if what == "inside" else "-"
            beaten = f"{(gain > 0).sum()} of {len(of)}"
            against.append([name, WHAT[what], *_beside(best), default, beaten])
            gains.append([name, WHAT[what], *_beside(least)])
        print(name, own, flush=True, file=sys.stderr)
    head = ["courses", "in rupture", "sensitivity", "session-PPV", "intercept", "slope", "Brier"]
    beside = [
        "courses",
        "of sessions",
        "rule",
        "its sensitivity",
        "its session-PPV",
        "the model's there, threshold chosen for it",
    ]
    return {
        "calibration": "\n".join(table([*head, "Brier of the base rate"], own_rows)),
        "best": "\n".join(
            table(
                [*beside, "the model at .5: sensitivity / session-PPV", "rules the model beats"],
                against,
            )
        ),
        "least": "\n".join(table(beside, gains)),
    }


WHAT = {"inside": "in a rupture", "begins": "where one begins"}


def _beside(row: pd.Series) -> list[str]:
    names = ("sensitivity", "rule's PPV", "model's PPV")
    return [row["rule"], *(percent(row[name]) for name in names)]


def main(*arguments: str) -> int:
    """Print the tables; with ``--write``, put them into the page."""
    numbers = [int(word) for word in arguments if word.isdigit()]
    if "--sessions" in arguments:
        print(seconds(numbers[0] if numbers else 1_000_000))
        return 0
    if "--therapists" in arguments:
        made = {"therapists": therapists(numbers[0] if numbers else 4)}
    elif "--close" in arguments:
        made = {"close": close_cells(numbers[0] if numbers else 12)}
    elif "--studies" in arguments:
        made = {"studies": small_studies(numbers[0] if numbers else 8)}
    else:
        made = tables(numbers[0] if numbers else CLIENTS)
    for name, text in made.items():
        print(text, end="\n\n", flush=True)
        if "--write" in arguments:
            page = PAGE.read_text(encoding="utf-8")
            begin, rest = page.split(f"<!-- {name} -->\n")
            page = f"{begin}<!-- {name} -->\n{text}\n<!-- end -->{rest.split('<!-- end -->', 1)[1]}"
            PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""Speed, coverage and false alarms of latent models.

    python tests/benchmarks/latent.py speed [--no-r]
    python tests/benchmarks/latent.py coverage [--replicates 1000]
    python tests/benchmarks/latent.py alarms [--replicates 1000]
    python tests/benchmarks/latent.py planted [--replicates 250]
    python tests/benchmarks/latent.py few [--replicates 200]
    python tests/benchmarks/latent.py indices [--replicates 150]
    python tests/benchmarks/latent.py clusters [--replicates 100]

`speed` fits the random intercept cross-lagged panel model to 600 clients over 16 sessions with
dropout, here and in lavaan (model written by hand, its defaults, `missing = "ml"`), and to 5,000
clients over 30 sessions here; processor time, the best of three runs, lavaan's of two. `coverage`,
`alarms`, `planted`, `few` (how large the chi-square is where clients are few), `indices` (what CFI,
TLI and RMSEA are then) and `clusters` (what cluster= does where therapists are few) draw studies
whose truth is known. What was measured stands in docs/methods/latent-benchmark.md and latent.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "reference" / "latent"))
from answers import FACTORS, dyads, groups, of_therapists  # noqa: E402
from panels import panel  # noqa: E402

import alliance_stats as al  # noqa: E402
from alliance_stats.latent.engine import patterns  # noqa: E402
from alliance_stats.latent.measurement.answers import answers_of  # noqa: E402
from alliance_stats.latent.measurement.steps import (  # noqa: E402
    NOT,
    STEPS,
    Compared,
    partial_model,
    table_of,
)

BOND = {"bond": ["i1", "i2", "i3", "i4"]}
TRUE = {"x_on_x": 0.3, "x_on_y": 0.1, "y_on_x": 0.2, "y_on_y": 0.35}
R_SCRIPT = """
suppressMessages(library(lavaan))
d <- read.csv(commandArgs(TRUE)[1]); k <- as.integer(commandArgs(TRUE)[2]); t <- 1:k
model <- paste(c(
  sprintf("bx =~ %s", paste0("1*x", t, collapse = " + ")),
  sprintf("by =~ %s", paste0("1*y", t, collapse = " + ")),
  "bx ~~ by", sprintf("wx%d =~ 1*x%d", t, t), sprintf("wy%d =~ 1*y%d", t, t),
  sprintf("x%d ~~ 0*x%d", t, t), sprintf("y%d ~~ 0*y%d", t, t),
  sprintf("wx%d ~ a*wx%d + b*wy%d", t[-1], t[-k], t[-k]),
  sprintf("wy%d ~ c*wx%d + d*wy%d", t[-1], t[-k], t[-k]), sprintf("wx%d ~~ wy%d", t, t),
  sprintf("wx1 ~~ 0*bx + 0*by"), sprintf("wy1 ~~ 0*bx + 0*by"),
  sprintf("x%d ~ 1", t), sprintf("y%d ~ 1", t)), collapse = "\\n")
fit <- lavaan(model, d, missing = "ml", auto.var = TRUE)
used <- sum(proc.time()[1:2])
cat(sprintf('{"seconds": %.3f, "llf": %.8f}', used, as.numeric(logLik(fit))))
"""


def columns(waves: int) -> dict[str, list[str]]:
    """Return the arguments x and y of a wide panel."""
    return {v: [f"{v}{t}" for t in range(1, waves + 1)] for v in "xy"}


def speed(*, with_r: bool) -> dict:
    """Return processor time of both, in one run."""
    found: dict[str, float] = {}
    al.fit_cross_lagged(panel(1, 100, 3), **columns(3))  # imports are not what is measured
    for name, data, waves in (
        ("600 x 16", panel(14, 600, 16, dropout=0.05), 16),
        ("600 x 16, holes", panel(14, 600, 16, dropout=0.05, holes=0.05), 16),
        ("5000 x 30", panel(15, 5000, 30, dropout=0.03), 30),
        ("10000 x 30", panel(15, 10000, 30, dropout=0.03), 30),
    ):
        times = []
        for _ in range(3):
            started = time.process_time()
            fit = al.fit_cross_lagged(data, **columns(waves))
            fit.fit_indices()
            times.append(time.process_time() - started)
        found[name] = min(times)
        print(f"{name}: {found[name]:.3f} s, log-likelihood {fit.llf:.4f}", flush=True)
        if with_r and waves == 16:
            there = _lavaan(data)
            found[f"{name}, lavaan"] = there["seconds"]
            ratio = there["seconds"] / found[name]
            print(
                f"lavaan: {there['seconds']:.1f} s, {there['llf']:.4f}: {ratio:.0f} x", flush=True
            )
    return found


def _lavaan(data: pd.DataFrame) -> dict:
    """Return lavaan's processor time and log-likelihood; the better of two runs."""
    with tempfile.TemporaryDirectory() as folder:
        data.to_csv(Path(folder) / "d.csv", index=False)
        (Path(folder) / "fit.R").write_text(R_SCRIPT)
        command = ["Rscript", f"{folder}/fit.R", f"{folder}/d.csv", "16"]
        runs = [
            json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            for _ in range(2)
        ]
    return min(runs, key=lambda one: one["seconds"])


def coverage(replicates: int) -> dict:
    """Return how often 95 % intervals hold the truth where clients leave by what was seen."""
    apart = {**{v: [f"{v}{t}" for t in (1, 2, 4, 5, 8)] for v in "xy"}}
    designs = {
        "6 sessions": (6, columns(6)),
        "sessions 1, 2, 4, 5 and 8": (8, {**apart, "waves": [1, 2, 4, 5, 8], "step": 1}),
    }
    return {
        "replicates": replicates,
        **{name: _covered(replicates, *one) for name, one in designs.items()},
    }


def _covered(replicates: int, waves: int, given: dict) -> dict:
    held = dict.fromkeys(TRUE, 0)
    bias, errors = {term: [] for term in TRUE}, {term: [] for term in TRUE}
    for r in range(replicates):
        data = panel(10_000 + r, 200, waves, dropout=0.72 / waves)
        table = al.fit_cross_lagged(data, **given).tidy().set_index("term")
        for term, value in TRUE.items():
            row = table.loc[term]
            held[term] += bool(row["conf_low"] < value < row["conf_high"])
            bias[term].append(row["estimate"] - value)
            errors[term].append(row["std_error"])
    rows = {
        term: {"coverage": held[term] / replicates, "bias": float(np.mean(bias[term])),
               "sd": float(np.std(bias[term])), "mean_error": float(np.mean(errors[term]))}
        for term in TRUE
    }  # fmt: skip
    print(pd.DataFrame(rows).T.round(4), flush=True)
    return rows


def alarms(replicates: int) -> dict:
    """Return how often forms that measure the same are called different, and planted ones found."""
    out: dict[str, dict[str, float]] = {}
    for across, draw in (
        ("rater", lambda seed: dyads(seed, n=250, missing=0.05)),
        ("clinic", lambda seed: groups(seed, (200, 200), missing=0.05)),
    ):
        false, by_step = 0, np.zeros(3)
        for r in range(replicates):
            data = draw(20_000 + r)
            if across == "clinic":
                data["i3"] -= 0.5 * (data["clinic"] == "B")  # nothing planted
            steps = al.measurement_invariance(data, factors=FACTORS, across=across).steps
            false += bool((steps["verdict"] == NOT).any())
            by_step += steps["p_value"].to_numpy()[1:] < 0.05
        out[across] = {
            "false": false / replicates,
            **dict(zip(("metric", "scalar", "strict"), by_step / replicates, strict=True)),
        }
        print(across, out[across], flush=True)
    return {"replicates": replicates, **out}


def planted(replicates: int) -> dict:
    """Return how often half a point on one item is found, and what it is said to be in points."""
    found, held, sizes, scale = 0, 0, [], []
    for r in range(replicates):
        shifted = dyads(50_000 + r, n=250, missing=0.05, shift=0.5)
        result = al.measurement_invariance(shifted, factors=FACTORS)
        points = result.in_points.set_index("item")
        named = result.items.query("freed")["item"].tolist() == ["i3"]
        found += named
        if named:
            row = points.loc["i3"]
            held += bool(row["conf_low"] < 0.5 < row["conf_high"])
            sizes.append(row["estimate"])
            scale.append(points.loc["scale", "estimate"])
    out = {"replicates": replicates, "found_alone": found / replicates,
           "coverage": held / max(found, 1), "mean": float(np.mean(sizes)),
           "mean_of_scale": float(np.mean(scale))}  # fmt: skip
    print(out)
    return out


def few(replicates: int) -> dict:
    """Return how often a true model is rejected where clients are few for so many variables."""
    found = {}
    for n, waves in ((100, 8), (160, 8), (320, 8), (640, 8), (200, 15), (320, 16), (600, 16)):
        rows = []
        for seed in range(replicates):
            data = panel(seed, n, waves, dropout=0.08)
            rows.append(al.fit_cross_lagged(data, **columns(waves)).fit_indices())
        table = pd.DataFrame(rows)
        found[f"{n} x {waves}"] = {
            "rejected": float((table["p_value"] < 0.05).mean()),
            "rejected, corrected": float((table["p_value_corrected"].dropna() < 0.05).mean()),
            "corrected": int(table["p_value_corrected"].notna().sum()),
            "ratio": float((table["chi2"] / table["df"]).mean()),
            "cfi": float(table["cfi"].mean()),
        }
        print(n, waves, found[f"{n} x {waves}"], flush=True)
    return found


def indices(replicates: int) -> dict:
    """Return indices of few clients beside those of 30,000, of a true and of a wrong model."""
    found = {}
    for model in ("ri-clpm", "clpm"):
        many = panel(999, 30_000, 8, dropout=0.08)
        true = al.fit_cross_lagged(many, model=model, **columns(8)).fit_indices()
        for n in (110, 160):
            draws = (panel(seed, n, 8, dropout=0.08) for seed in range(replicates))
            fits = [al.fit_cross_lagged(one, model=model, **columns(8)) for one in draws]
            table = pd.DataFrame([fit.fit_indices() for fit in fits])
            table = table.dropna(subset=["chi2_corrected"])
            own = {}
            for name in ("cfi", "tli", "rmsea"):
                means = (table[f"{name}{kind}"].mean() for kind in ("", "_corrected"))
                own[name] = [float(true[name]), *map(float, means)]
            for kind in ("", "_corrected"):
                low, high = (table[f"rmsea{kind}_{end}"] for end in ("low", "high"))
                held = (low <= true["rmsea"]) & (high >= true["rmsea"])
                own[f"interval{kind}"] = float(held.mean())
            found[f"{model}, {n}"] = own
            print(model, n, own, flush=True)
    return found


def clusters(replicates: int) -> dict:
    """Return what tests say where each therapist has a way of using items, by number of them.

    Eight clients a therapist. ``false``: forms that are alike are called different; ``innocent``:
    beside an item that is .6 points higher (``found``) another is named.
    """
    out = {}
    patterns.FEWEST_CLUSTERS = 2  # fewer than are allowed, to see why they are not
    for n in (6, 10, 18, 30):
        for style in (0.0, 0.25):
            for cluster in (None, "therapist_id"):
                counts = dict.fromkeys(("false", "found", "innocent"), 0)
                for r in range(replicates):
                    for shift in (0.0, 0.6):
                        data = of_therapists(60_000 + 1_000 * n + r, n, style=style, shift=shift)
                        steps, named = tested(data, cluster)
                        if shift:
                            counts["found"] += "i2" in named
                            counts["innocent"] += bool(named - {"i2"})
                        else:
                            counts["false"] += bool((steps["verdict"] == NOT).any())
                shares = {name: count / replicates for name, count in counts.items()}
                out[f"{n} therapists, style {style}, {cluster}"] = shares
                print(n, style, cluster, shares, flush=True)
    return out


def tested(data: pd.DataFrame, cluster: str | None) -> tuple[pd.DataFrame, set[str]]:
    """Return the steps of `measurement_invariance` and the items named, without their points."""
    asked = {"across": "rater", "raters": ["client", "therapist"], "sessions": None}
    held = answers_of(data, None, BOND, **asked, scored="mean", cluster=cluster)
    compared = Compared(held, "normal")
    steps = table_of({name: compared.fit(equal) for name, equal in STEPS.items()})
    return steps, {item for _, item in partial_model(compared, steps)[0]}


def main() -> None:
    """Run what is asked for, and keep its numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=[*COMMANDS])
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--no-r", action="store_true")
    given = parser.parse_args()
    run = COMMANDS[given.what]
    found = run(with_r=not given.no_r) if run is speed else run(given.replicates)
    print(json.dumps(found, indent=1))


COMMANDS = {run.__name__: run for run in (speed, coverage, alarms, planted, few, indices, clusters)}


if __name__ == "__main__":
    main()

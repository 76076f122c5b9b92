"""Speed and truth of the dropout models, too slow for the suite.

`python tests/benchmarks/dropout.py speed` fits a hazard with a random intercept to 100,000
person-periods of 200 therapists and, where R and lme4 are there, glmer(nAGQ = 9) to the same.
`python tests/benchmarks/dropout.py noise 200` counts how often the interval of the
cross-validated AUC holds .5 where the features know nothing.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

import alliance_stats as al
from alliance_stats.dropout.prediction import intervals, metrics, models

FORMULA = "event ~ session + x + z + (1 | therapist_id)"


def person_periods(rows: int = 100_000, therapists: int = 200, seed: int = 4) -> pd.DataFrame:
    """Return that many client-sessions at risk, with a therapist SD of 0.5."""
    rng = np.random.default_rng(seed)
    clients, last = rows // 10, 30
    therapist = rng.integers(0, therapists, clients)
    x, z = rng.normal(size=(clients, last)), rng.normal(size=clients)
    own = rng.normal(0, 0.5, therapists)[therapist]
    eta = -3.2 + 0.02 * np.arange(1, last + 1) - 0.4 * x + (own - 0.3 * z)[:, None]
    leaves = rng.random((clients, last)) < 1 / (1 + np.exp(-eta))
    end = np.where(leaves.any(axis=1), leaves.argmax(axis=1), last - 1)
    client, session = np.nonzero(np.arange(last) <= end[:, None])
    table = pd.DataFrame(
        {
            "client_id": client,
            "session": session + 1,
            "x": x[client, session],
            "z": z[client],
            "therapist_id": therapist[client],
            "event": leaves[client, session].astype(int),
        }
    )
    return table.head(rows)


def speed() -> None:
    """Print the processor seconds of both programs."""
    table = person_periods()
    al.fit_dropout_hazard("event ~ x", table.head(1000))  # load what loads once
    start = time.process_time()
    fit = al.fit_dropout_hazard(FORMULA, table)
    ours = time.process_time() - start
    print(f"alliance_stats, 25 nodes: {ours:.2f} s, log-likelihood {fit.llf:.6f}")
    if shutil.which("Rscript") is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        table.to_csv(path, index=False)
        script = (
            f"library(lme4); d <- read.csv('{path}'); t <- system.time(f <- glmer({FORMULA}, d,"
            " family = binomial, nAGQ = 9)); cat(t[['user.self']], as.numeric(logLik(f)))"
        )
        done = subprocess.run(["Rscript", "-e", script], capture_output=True, text=True, check=True)
    seconds, llf = map(float, done.stdout.split()[-2:])
    print(f"lme4::glmer(nAGQ = 9): {seconds:.2f} s, log-likelihood {llf:.6f}")
    print(f"ratio: {ours / seconds:.3f}")


def noise(runs: int) -> None:
    """Print the coverage of .5, model by model."""
    held: dict[str, list[bool]] = {"one_predictor": [], "logistic": []}
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        n = 300
        group = pd.factorize(rng.integers(0, 40, n))[0]
        y = (rng.random(n) < 0.22).astype(float)
        x = pd.DataFrame(rng.normal(size=(n, 6)), columns=list("abcdef"))
        weights = intervals.draws(int(group.max()) + 1, 200, seed)
        for name in held:
            own = x[["a"]] if name == "one_predictor" else x
            p, fold = np.full(n, np.nan), np.full(n, -1)
            for k, (train, test) in enumerate(models.Split(5, seed).folds(y, group)):
                model = models.fitted(
                    name, own.iloc[train], y[train], group[train], models.Split(3, seed), None
                )
                p[test], fold[test] = model.predict(own.iloc[test]), k
            data = metrics.Predictions(y, p, p, fold, group)
            table = intervals.performance(data, weights, 0.95, constant=True)
            row = table.set_index("metric").loc["auc"]
            held[name].append(bool(row["conf_low"] <= 0.5 <= row["conf_high"]))
    for name, hits in held.items():
        print(f"{name}: the 95 % interval holds .5 in {np.mean(hits):.3f} of {runs} runs")


if __name__ == "__main__":
    if sys.argv[1:2] == ["noise"]:
        noise(int(sys.argv[2]) if len(sys.argv) > 2 else 200)
    else:
        speed()

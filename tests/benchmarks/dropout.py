"""Speed and truth of the dropout models, too slow for the suite.

`python tests/benchmarks/dropout.py speed` fits a hazard with a random intercept to 100,000
person-periods of 200 therapists and, where R and lme4 are there, glmer(nAGQ = 9) to the same.
`python tests/benchmarks/dropout.py coverage 100` counts how often the intervals of cross-validated
performance hold the truth, where features know nothing and where they know something.
`python tests/benchmarks/dropout.py therapists` does so for a new therapist's AUC.
`python tests/benchmarks/dropout.py frailty 60` fits hazards with and without a client's own
intercept, where clients differ and where they do not.
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
from alliance_stats.dropout.prediction import intervals, metrics, models, therapists
from alliance_stats.inference.cluster_bootstrap import times_drawn

FORMULA = "event ~ session + x + z + (1 | therapist_id)"


def person_periods(rows: int = 100_000, clusters: int = 200, seed: int = 4) -> pd.DataFrame:
    """Return that many client-sessions at risk, with a therapist SD of 0.5."""
    rng = np.random.default_rng(seed)
    clients, last = rows // 10, 30
    therapist = rng.integers(0, clusters, clients)
    x, z = rng.normal(size=(clients, last)), rng.normal(size=clients)
    own = rng.normal(0, 0.5, clusters)[therapist]
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


PARTS = {"auc": None, **intervals.METRICS}


def people(
    rng: np.random.Generator, n: int, clusters: int, beta: np.ndarray
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return six features, who dropped out (about .22), and the therapist, who has an SD of .3."""
    group = rng.integers(0, clusters, n)
    x = rng.normal(size=(n, len(beta)))
    eta = -1.35 + x @ beta + rng.normal(0, 0.3, clusters)[group]
    y = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float)
    return pd.DataFrame(x, columns=list("abcdef")), y, pd.factorize(group)[0]


def truth_of(data: metrics.Predictions) -> dict[str, float]:
    """Return every metric of predictions for thousands of clients of new therapists."""
    right, pairs = metrics.concordance(data)
    each = np.ones(len(data.y))
    found = {name: f(data, each) for name, f in intervals.METRICS.items()}
    return {"auc": metrics.auc(right, pairs, np.ones(1)), **found}


def coverage_run(kind: str, seed: int, n: int, clusters: int) -> pd.DataFrame:
    """Return intervals and the truth of one simulated study, both models."""
    rng = np.random.default_rng([seed, kind == "signal"])
    beta = np.array([0.6, 0.3, 0, 0, 0, 0]) if kind == "signal" else np.zeros(6)
    x, y, group = people(rng, n, clusters, beta)
    new_x, new_y, _ = people(rng, 20_000, 2_500, beta)
    weights = times_drawn(int(group.max()) + 1, 200, seed)
    tables = []
    for name in ("one_predictor", "logistic"):
        columns = ["a"] if name == "one_predictor" else list("abcdef")
        p, fold, base = np.full(n, np.nan), np.full(n, -1), np.full(n, np.nan)
        there = []
        for k, (train, test) in enumerate(models.Split(5, seed).folds(y, group)):
            model = models.fitted(
                name, x[columns].iloc[train], y[train], group[train], models.Split(3, seed), None
            )
            p[test], fold[test] = model.predict(x[columns].iloc[test]), k
            base[test] = y[train].mean()
            part = slice(k * 4000, (k + 1) * 4000)
            there.append((new_y[part], model.predict(new_x[columns].iloc[part]), base[test][0], k))
        whole = metrics.Predictions(
            np.concatenate([t[0] for t in there]), np.concatenate([t[1] for t in there]),
            np.repeat([t[2] for t in there], 4000), np.repeat([t[3] for t in there], 4000),
            np.zeros(20_000, dtype=int),
        )  # fmt: skip
        data = metrics.Predictions(y, p, base, fold, group)
        table, _ = intervals.performance(data, weights, 0.95, constant=False)
        true = table["metric"].map(truth_of(whole))
        error = metrics.slope_error(data)
        tables.append(table.assign(model=name, kind=kind, truth=true, error=error))
    return pd.concat(tables)


def coverage(runs: int, n: int = 200, clusters: int = 25) -> None:
    """Print how often the intervals hold the truth, and how often a number is shown at all."""
    found = pd.concat(
        [coverage_run(kind, seed, n, clusters)
         for seed in range(runs) for kind in ("noise", "signal")]
    )  # fmt: skip
    if len(sys.argv) > 3:
        found.to_csv(sys.argv[3], index=False)
    shown = found.dropna(subset=["estimate", "conf_low"])
    held = (shown["conf_low"] <= shown["truth"]) & (shown["truth"] <= shown["conf_high"])
    shown = shown.assign(held=held, bias=shown["estimate"] - shown["truth"], shown=1 / runs)
    by = shown.groupby(["kind", "model", "metric"], sort=False)
    print(by.agg(held=("held", "mean"), shown=("shown", "sum"), estimate=("estimate", "mean"),
                 truth=("truth", "mean")).round(3).to_string())  # fmt: skip


def true_area(slope: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Return the area of each therapist whose clients have a standard normal predictor."""
    z = np.linspace(-6, 6, 601)
    density = np.exp(-(z**2) / 2)
    p = 1 / (1 + np.exp(-(level[:, None] + slope[:, None] * z)))
    gone, stay = density * p, density * (1 - p)
    below = np.cumsum(stay, axis=1) - stay / 2
    return (gone * below).sum(axis=1) / (gone.sum(axis=1) * stay.sum(axis=1))


def new_therapists(runs: int = 400) -> None:
    """Print how often the intervals of a new therapist's AUC hold."""
    print("therapists clients SD_of_areas mean truth confidence prediction shown")
    for spread in (0.0, 0.4, 0.8):
        rng = np.random.default_rng(1)
        new = true_area(1.1 + rng.normal(0, spread, 2000), -1.2 + rng.normal(0, 0.4, 2000))
        for k, clients in ((40, 8), (40, 15), (40, 30), (15, 15), (15, 30), (12, 30)):
            found = [_one_of_therapists(rng, k, clients, spread) for _ in range(runs)]
            shown = np.array([row for row in found if not isinstance(row, str)])
            sure = np.mean((shown[:, 1] <= new.mean()) & (new.mean() <= shown[:, 2]))
            far = np.mean([np.mean((low <= new) & (new <= high)) for low, high in shown[:, 4:6]])
            print(f"{k} {clients} {new.std():.3f} {shown[:, 0].mean():.3f} {new.mean():.3f} "
                  f"{sure:.3f} {far:.3f} {len(shown) / runs:.2f}", flush=True)  # fmt: skip


def _one_of_therapists(
    rng: np.random.Generator, k: int, clients: int, spread: float
) -> tuple[float, ...] | str:
    cluster = np.repeat(np.arange(k), np.maximum(rng.poisson(clients, k), 2))
    z = rng.normal(size=len(cluster))
    slope, level = 1.1 + rng.normal(0, spread, k), -1.2 + rng.normal(0, 0.4, k)
    p = 1 / (1 + np.exp(-(level[cluster] + slope[cluster] * z)))
    y = (rng.random(len(z)) < p).astype(float)
    data = metrics.Predictions(y, z, z, np.zeros(len(z), dtype=int), cluster)
    return therapists._discrimination(therapists.areas(data), 0.95)


def frail_clients(seed: int, sd: float, *, falls: bool) -> pd.DataFrame:
    """Return 600 clients of 30 therapists, whose hazard rises with sessions, or falls from one."""
    rng, clients, last = np.random.default_rng(seed), 600, 24
    session, therapist = np.arange(1, last + 1), np.arange(clients) % 30
    x, z = rng.normal(size=(clients, last)), rng.normal(size=clients)
    level = 0.5 * z + sd * rng.normal(size=clients) + 0.4 * rng.normal(size=30)[therapist]
    course = -1.5 - 0.8 * np.log(session) if falls else -3.0 + 0.05 * session
    leaves = rng.random((clients, last)) < 1 / (1 + np.exp(-(course - 0.5 * x + level[:, None])))
    end = np.where(leaves.any(axis=1), leaves.argmax(axis=1), last - 1)
    client, row = np.nonzero(np.arange(last) <= end[:, None])
    columns = {"client_id": client, "therapist_id": therapist[client], "session": row + 1}
    columns |= {"x": x[client, row], "z": z[client], "event": leaves[client, row].astype(int)}
    return pd.DataFrame(columns)


def frailty(runs: int) -> None:
    """Print mean estimates with and without a client's own intercept; true: -.5 and .5."""
    print("| hazard | SD of clients | baseline in the model | SD | `z` (sd) | `x` | p < .05 | "
          "without it: `z` (sd) | `x` |\n|---|---|---|---|---|---|---|---|---|")  # fmt: skip
    cases = [(sd, falls, "session") for falls in (False, True) for sd in (0.0, 1.5)]
    for sd, falls, baseline in [*cases, (0.0, True, "log(session)"), (1.5, True, "log(session)")]:
        found = []
        for seed in range(runs):
            data = frail_clients(seed, sd, falls=falls)
            terms = f"event ~ {baseline} + x + z + (1 | therapist_id)"
            fit = al.fit_dropout_hazard(terms + " + (1 | client_id)", data)
            plain = al.fit_dropout_hazard(terms, data).params
            found.append((fit.frailty**0.5, fit.params["z"], fit.params["x"],
                          fit.frailty_p_value < 0.05, plain["z"], plain["x"]))  # fmt: skip
        means, spread = np.mean(found, axis=0), np.std(found, axis=0)
        print(f"| {'falls' if falls else 'rises'} | {sd:g} | `{baseline}` | {means[0]:.2f} | "
              f"{means[1]:.2f} ({spread[1]:.2f}) | {means[2]:.2f} | {means[3]:.0%} | "
              f"{means[4]:.2f} ({spread[4]:.2f}) | {means[5]:.2f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["frailty"]:
        frailty(int(sys.argv[2]))
        sys.exit()
    if sys.argv[1:2] == ["therapists"]:
        new_therapists()
        sys.exit()
    if sys.argv[1:2] == ["coverage"]:
        coverage(int(sys.argv[2]) if len(sys.argv) > 2 else 100)
    else:
        speed()

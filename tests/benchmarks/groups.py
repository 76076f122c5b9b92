"""Groups that cross: how long a fit takes, and how well few therapists are told apart.

``python tests/benchmarks/groups.py`` draws 300,000 sessions of 20,000 clients of whom a tenth
changes therapist, and prints the time of the crossed fit beside the nested one of the same rows
(each client's first therapist), one process, one thread. ``--lme4`` fits the same rows in R, once.
``--few 60 --write docs/coverage.md`` counts how often intervals of the therapists' standard
deviation hold the truth with 5, 8, 12 and 20 therapists; ``--arms 250 --write docs/coverage.md``
how often arms that do not differ are told apart where therapists differ in change.
``--insteval data.csv`` fits lme4's InstEval, written by ``write.csv(lme4::InstEval, ...)``.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import alliance_stats as al
from alliance_stats.multilevel.after_fit.inference import Satterthwaite

CLIENTS, SESSIONS, CHANGE = 20_000, 15, 0.1
RANDOM = "(1 + aw | client_id) + (1 | {})"
FORMULA = "y ~ session + aw + ab + " + RANDOM
LIMITS = {500: 6.0, 2000: 30.0}
PER_THERAPIST, PER_CLIENT = 8, 6
FEW, THERAPIST_SD, CLIENT_SD, RESIDUAL_SD = (5, 8, 12, 20), 1.5, 3.0, 3.0


def draw(therapists: int, seed: int = 1) -> pd.DataFrame:
    """Draw sessions in clients of whom a tenth goes on with another therapist."""
    rng = np.random.default_rng(seed)
    client = np.repeat(np.arange(CLIENTS), SESSIONS)
    session = np.tile(np.arange(float(SESSIONS)), CLIENTS)
    first, other = rng.integers(0, therapists, (2, CLIENTS))
    moved = (rng.random(CLIENTS) < CHANGE)[client] & (session >= SESSIONS // 2)
    therapist = np.where(moved, other[client], first[client])
    aw, ab = rng.normal(size=len(client)), rng.normal(size=CLIENTS)[client]
    level, slope = rng.normal(0, 2, CLIENTS), 0.5 * rng.normal(size=CLIENTS)
    y = 20 - 0.3 * session + aw * (1 + slope[client]) + 0.5 * ab + level[client]
    y += rng.normal(size=therapists)[therapist] + rng.normal(0, 2, len(client))
    names = {"session": session, "aw": aw, "ab": ab, "client_id": client}
    return pd.DataFrame({"y": y, **names, "therapist_id": therapist, "first": first[client]})


def seconds(formula: str, data: pd.DataFrame) -> tuple[float, al.MultilevelFit]:
    """Return the shorter of three times of a fit with its degrees of freedom, and the fit.

    Seconds of the processor, as of R: a machine that does something else besides costs neither.
    """
    times = []
    for _ in range(3):
        began = time.process_time()
        fit = al.fit_multilevel(formula, data)
        assert np.isfinite(fit.df).all()
        times.append(time.process_time() - began)
    return min(times), fit


def in_r(data: pd.DataFrame) -> float:
    """Return how long lme4 and lmerTest take for the crossed model."""
    with tempfile.TemporaryDirectory() as folder:
        data.to_csv(f"{folder}/data.csv", index=False)
        code = (
            f"suppressMessages(library(lmerTest)); d <- read.csv('{folder}/data.csv');"
            f"t <- system.time({{m <- lmer({FORMULA.format('therapist_id')}, d); summary(m)}});"
            "cat(t[['user.self']] + t[['sys.self']], as.numeric(logLik(m)))"
        )
        told = subprocess.run(["Rscript", "-e", code], capture_output=True, text=True, check=True)
    taken, log_likelihood = map(float, told.stdout.split()[-2:])
    print(f"  lme4: {taken:.1f} s, log-likelihood {log_likelihood:.4f}")
    return taken


def speed(lme4: bool) -> None:
    """Print times and their ratios."""
    for therapists, limit in LIMITS.items():
        data = draw(therapists)
        nested, _ = seconds(FORMULA.format("first"), data)
        crossed, fit = seconds(FORMULA.format("therapist_id"), data)
        print(
            f"{len(data):,} sessions, {therapists:,} therapists: nested {nested:.2f} s, crossed "
            f"{crossed:.2f} s, ratio {crossed / nested:.1f} (limit {limit:g}), "
            f"log-likelihood {fit.llf:.4f}"
        )
        if lme4 and therapists == min(LIMITS):
            print(f"  crossed fit over lme4's: {crossed / in_r(data):.3f} (limit 0.033)")


def insteval(path: str) -> None:
    """Fit lme4's InstEval; its answers stand in lme4's documentation."""
    data = pd.read_csv(path).astype({"service": str})
    began = time.perf_counter()
    formula = "y ~ service + (1 | s) + (1 | d) + (1 | dept:service)"
    fit = al.fit_multilevel(formula, data, reml=False)
    print(f"{time.perf_counter() - began:.1f} s, log-likelihood {fit.llf:.4f}")
    print(fit.varcomp)


def study(therapists: int, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw eight clients a therapist with six sessions each."""
    therapist = np.repeat(np.arange(therapists), PER_THERAPIST)
    client = np.repeat(np.arange(len(therapist)), PER_CLIENT)
    skill = THERAPIST_SD * rng.normal(size=therapists)
    level = skill[therapist] + CLIENT_SD * rng.normal(size=len(therapist))
    y = 20 + level[client] + RESIDUAL_SD * rng.normal(size=len(client))
    return pd.DataFrame({"y": y, "client": client, "therapist": therapist[client]}), skill


def wald(fit: al.MultilevelFit) -> tuple[float, float]:
    """Return the interval of the therapists' SD from the curvature of the likelihood.

    At an SD of zero the slope of the likelihood in the SD is zero, but not its curvature, twice the
    slope in the variance: the interval runs from zero to 1.96 of the errors that gives.
    """
    sd = fit.varcomp["sdcor"].iloc[1]
    best = fit.optimum
    spread = Satterthwaite(best.profile, fit.design.levels, best.theta).variance_parameters
    sigma = np.sqrt(best.profile.variance)
    slope = np.array([0.0, sigma, best.theta[1]])  # of theta times sigma
    error = np.sqrt(slope @ spread @ slope) * fit.design.scale[-1]
    return max(sd - 1.96 * error, 0.0), sd + 1.96 * error


def therapists_sd(mean_squares: np.ndarray, therapists: int) -> np.ndarray:
    """Return the REML estimate of the therapists' SD from mean squares of a balanced study.

    Mean squares (therapists, clients, sessions; draws) are all that such a study says. Where the
    clients' is below the sessions', both are one; a difference below zero is zero.
    """
    of_therapist, of_client, of_session = mean_squares
    _, client, session = (degrees := _degrees(therapists))
    together = (client * of_client + session * of_session) / sum(degrees[1:])
    below = np.where(of_client < of_session, together, of_client)
    return np.sqrt(np.maximum(of_therapist - below, 0.0) / (PER_THERAPIST * PER_CLIENT))


def _degrees(therapists: int) -> tuple[int, int, int]:
    clients = therapists * PER_THERAPIST
    return therapists - 1, clients - therapists, clients * (PER_CLIENT - 1)


def booted(fit: al.MultilevelFit, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return the ends of ``fit.bootstrap``'s interval of the therapists' SD, without refits.

    Draws of a balanced study are draws of its mean squares, which are independent.
    """
    client, therapist, session = fit.varcomp["vcov"]
    below = session + PER_CLIENT * client
    expected = np.array([below + PER_CLIENT * PER_THERAPIST * therapist, below, session])
    size = fit.n_groups["therapist"]
    degrees = np.array(_degrees(size))[:, None]
    drawn = expected[:, None] * rng.chisquare(degrees, (3, draws)) / degrees
    return np.quantile(therapists_sd(drawn, size), [0.025, 0.975])


def one_of_few(therapists: int, number: int, draws: int, seed: int) -> list[float]:
    """Return what one study of few therapists gives; its number decides what is drawn."""
    rng = np.random.default_rng([seed, therapists, number])
    data, skill = study(therapists, rng)
    formula = "y ~ 1 + (1 | client) + (1 | therapist)"
    plain = al.fit_multilevel(formula, data)
    kept = al.fit_multilevel(formula, data, prior="boundary")
    profile = plain.profile_ci(["sd Intercept"]).set_index("group").loc["therapist"]
    ends = [
        wald(plain),
        (profile["conf_low"], profile["conf_high"]),
        booted(plain, draws, rng),
        wald(kept),
    ]
    held = [low <= THERAPIST_SD <= high for low, high in ends]
    both = [pd.Series(f.random_effects["therapist"]["Intercept"]) for f in (plain, kept)]
    ranks = [modes.sort_index().corr(pd.Series(skill), "spearman") for modes in both]
    sds = [f.varcomp["sdcor"].iloc[1] for f in (plain, kept)]
    return [plain.singular, *held, *sds, *ranks]


def few(studies: int, draws: int, seed: int) -> str:
    """Return the table of intervals of the therapists' SD, and of ranks."""
    rows = {
        therapists: [one_of_few(therapists, number, draws, seed) for number in range(studies)]
        for therapists in FEW
    }
    return table_of_few(rows)


def table_of_few(rows: dict[int, list[list[float]]]) -> str:
    """Return the lines of that table; ranks are missing where all effects are zero."""
    lines = [
        "| therapists | estimated as zero | Wald | profile | bootstrap | Wald with the penalty | "
        "mean estimate (penalty) | ranks (penalty) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for therapists, studies in rows.items():
        means = np.nanmean(np.array(studies, float), axis=0)
        zero, *shares, sd, sd_kept, rank, rank_kept = means
        told = " | ".join(f"{100 * share:.1f} %" for share in (zero, *shares))
        lines.append(
            f"| {therapists} | {told} | {sd:.2f} ({sd_kept:.2f}) | {rank:.2f} ({rank_kept:.2f}) |"
        )
    return "\n".join(lines)


ARMS = ((False, 8, 0.4), (True, 8, 0.4), (False, 8, 0.0))
"""Therapists in one arm only, therapists an arm, SD of therapists' change from time to time."""
WAYS = (
    "mmrm, level alone", "mmrm, level and change by the rule", "the same, errors robust",
    "growth, level alone", "growth, level and change by the rule", "the same, errors robust",
    "ancova",
)  # fmt: skip


def null_trial(one_arm: bool, therapists: int, slope_sd: float, rng: Any) -> pd.DataFrame:
    """Draw eight clients a therapist, two arms that do not differ, four times, dropout."""
    therapist = np.repeat(np.arange(2 * therapists), 8)
    n, times = len(therapist), np.arange(4.0)
    arm = therapist >= therapists
    level = rng.normal(size=2 * therapists)[therapist] + 2 * rng.normal(size=n)
    slope = slope_sd * rng.normal(size=2 * therapists)[therapist] + 0.5 * rng.normal(size=n)
    if one_arm:  # clients of the other arm differ as much, each by oneself
        level = np.where(arm, level, np.sqrt(5) * rng.normal(size=n))
        slope = np.where(arm, slope, np.hypot(slope_sd, 0.5) * rng.normal(size=n))
    y = level[:, None] + slope[:, None] * times + 2 * rng.normal(size=(n, 4))
    y[times >= rng.choice([4, 4, 4, 3, 2], n)[:, None]] = np.nan
    names = np.array([f"t{i}" for i in range(2 * therapists)], dtype=object)[therapist]
    if one_arm:
        names[~arm] = None
    client = np.repeat(np.arange(n), 4)
    return pd.DataFrame(
        {"client_id": client, "therapist_id": names[client], "week": np.tile(times, n),
         "condition": np.where(arm, "b", "a")[client], "y": y.ravel()}
    )  # fmt: skip


def told_apart(data: pd.DataFrame) -> list[tuple[float, float, float]]:
    """Return estimate, standard error and p of the difference at the last time, each way."""
    found = []
    options = {"outcome": "y", "baseline": 0, "time": "week"}
    for method in ("mmrm", "growth"):
        found.append(_last(_level_alone(data, method, options)))
        robust = al.compare_arms(data, method=method, **options)
        asked = {"by": "time"} | ({"at": {"time": [3.0]}} if method == "growth" else {})
        found += [_last(robust.fit.contrasts("arm", **asked)), _last(robust.contrasts)]
    return [*found, _last(al.compare_arms(data, **options).contrasts)]


def _last(contrasts: pd.DataFrame) -> tuple[float, float, float]:
    row = contrasts.iloc[-1]
    return row["estimate"], row["std_error"], row["p_value"]


def _level_alone(data: pd.DataFrame, method: str, options: dict[str, Any]) -> pd.DataFrame:
    """Return the contrasts where therapists may differ in level only."""
    from alliance_stats.trials import arms

    rule, arms._with_therapists = arms._with_therapists, arms._fit
    try:
        return al.compare_arms(data, method=method, errors="model", **options).contrasts
    finally:
        arms._with_therapists = rule


def false_differences(studies: int, seed: int) -> str:
    """Return the table of how often arms that do not differ are told apart."""
    lines = ["| therapists | SD of their change | " + " | ".join(WAYS) + " |",
             "|---|---|" + "---|" * len(WAYS)]  # fmt: skip
    for one_arm, therapists, slope_sd in ARMS:
        rng = np.random.default_rng(seed)
        draws = [told_apart(null_trial(one_arm, therapists, slope_sd, rng)) for _ in range(studies)]
        estimate, error, p = np.moveaxis(np.array(draws, dtype=float), 2, 0)
        told = [
            f"{100 * share:.0f} % ({ratio:.2f})"
            for share, ratio in zip(
                (p < 0.05).mean(axis=0), error.mean(axis=0) / estimate.std(axis=0), strict=True
            )
        ]
        where = f"{therapists} in one arm" if one_arm else f"{therapists} in each arm"
        lines.append(f"| {where} | {slope_sd:g} | " + " | ".join(told) + " |")
        print(lines[-1], flush=True)
    return "\n".join(lines)


ARMS_PAGE = """<!-- arms -->
## Arms compared where therapists differ in change

Made by `{command}` ({studies} trials a row: one standard error of a share of 5 % is {error:.1f}
points).

Two arms that do not differ, eight clients a therapist, a baseline and three times, two fifths of
clients lost on the way; SD of therapists' level 1, of clients' 2, of clients' change from time to
time .5, of residuals 2. How often the difference at the last time has p below .05, and in brackets
the mean standard error over the true one.

{table}

- With therapists' level alone, as many would fit it, arms are told apart too often where therapists
  differ in change. A rule that keeps their change where the data show it cannot see all of it.
- So `al.compare_arms` takes errors robust to therapists (CR2) over several times, which do not
  depend on seeing it; `errors="model"` has those of the rule alone.
- Eight therapists, in one arm only, are few: there no way is sure to hold what it promises, the
  comparison at one time neither.
- The comparison at one time has no change in it.
<!-- end of arms -->
"""


PAGE = """<!-- few therapists -->
## The variance between few therapists

Made by `{command}` ({studies} studies a row: one standard error of a share is {error:.0f} points).

Eight clients a therapist, six sessions a client; SD of therapists {therapist}, of clients {client},
of residuals {residual}. Share of 95 % intervals of the therapists' SD that hold the truth, mean
estimate, and mean rank correlation of predicted with true effects; in brackets with
`prior="boundary"`.

{table}

- Wald intervals of a standard deviation are symmetric and know no zero. Where the estimate is zero
  they run from zero up by the curvature in the SD there (the slope in the variance), which no
  theory backs; that they cover is luck. Report the profile interval.
- Percentiles of the bootstrap cover less than they promise: they start from an estimate that is as
  often too small as too large.
- The penalty is for a variance that would be estimated as zero, and for what rests on it. It makes
  the mean estimate larger than the truth where therapists are few, and changes ranks little: they
  come from the same means.
- No method turns five therapists into a statement on therapists.
<!-- end of few therapists -->
"""


def page(table: str, command: str, studies: int) -> str:
    """Return the section of the page on coverage of the variance between few therapists."""
    return PAGE.format(
        command=command,
        studies=studies,
        error=100 * np.sqrt(0.05 * 0.95 / studies),
        therapist=THERAPIST_SD,
        client=CLIENT_SD,
        residual=RESIDUAL_SD,
        table=table,
    )


def put(path: Path, name: str, section: str) -> None:
    """Put a section on a page, in place of what stood there between its marks."""
    text = path.read_text("utf-8")
    old = rf"\n*<!-- {name} -->.*<!-- end of {name} -->\n"
    text = re.sub(old, "", text, flags=re.DOTALL)
    path.write_text(f"{text.rstrip()}\n\n{section}", encoding="utf-8")


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lme4", action="store_true")
    parser.add_argument("--few", type=int, default=0)
    parser.add_argument("--arms", type=int, default=0)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=20240609)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--insteval")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    command = "python tests/benchmarks/groups.py"
    if asked.insteval:
        insteval(asked.insteval)
    elif asked.arms:
        table = false_differences(asked.arms, asked.seed)
        if asked.write:
            command = f"{command} --arms {asked.arms} --write {asked.write}"
            error = 100 * np.sqrt(0.05 * 0.95 / asked.arms)
            section = ARMS_PAGE.format(
                command=command, studies=asked.arms, error=error, table=table
            )
            put(asked.write, "arms", section)
    elif asked.few:
        table = few(asked.few, asked.draws, asked.seed)
        if asked.write:
            command = f"{command} --few {asked.few} --draws {asked.draws} --write {asked.write}"
            put(asked.write, "few therapists", page(table, command, asked.few))
    else:
        speed(asked.lme4)


if __name__ == "__main__":
    main()

"""Groups that cross: how long a fit takes, and how well few therapists are told apart.

``python tests/benchmarks/groups.py`` draws 300,000 sessions of 20,000 clients of whom a tenth
changes therapist, and prints the time of the crossed fit beside the nested one of the same rows
(each client's first therapist), one process, one thread. ``--lme4`` fits the same rows in R, once.
``--few 10000 --write docs/coverage.md`` counts how often intervals of the therapists' standard
deviation hold the truth with 5, 8, 12 and 20 therapists; ``--one-arm 100000`` how often arms that
do not differ are told apart where one of them has no therapists, ``--arms 250`` how often where
therapists differ in change. What is balanced is counted from mean squares, in seconds.
``--insteval data.csv`` fits lme4's InstEval, written by ``write.csv(lme4::InstEval, ...)``.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

import alliance_stats as al
from alliance_stats.multilevel.after_fit.inference import Satterthwaite

CLIENTS, SESSIONS, CHANGE = 20_000, 15, 0.1
RANDOM = "(1 + aw | client_id) + (1 | {})"
FORMULA = "y ~ session + aw + ab + " + RANDOM
LIMITS = {500: 6.0, 2000: 30.0}
PER_THERAPIST, PER_CLIENT = 8, 6
EACH = PER_THERAPIST * PER_CLIENT
CHECKED = 5  # studies a row whose numbers are held against the package's own fits
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


def study(therapists: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw eight clients a therapist with six sessions each."""
    therapist = np.repeat(np.arange(therapists), PER_THERAPIST)
    client = np.repeat(np.arange(len(therapist)), PER_CLIENT)
    skill = THERAPIST_SD * rng.normal(size=therapists)
    level = skill[therapist] + CLIENT_SD * rng.normal(size=len(therapist))
    y = 20 + level[client] + RESIDUAL_SD * rng.normal(size=len(client))
    return pd.DataFrame({"y": y, "client": client, "therapist": therapist[client]})


def half_of_wald(fit: al.MultilevelFit) -> float:
    """Return half the width of the interval of the therapists' SD, of a fit of the package."""
    best = fit.optimum
    spread = Satterthwaite(best.profile, fit.design.levels, best.theta).variance_parameters
    slope = np.array([0.0, np.sqrt(best.profile.variance), best.theta[1]])  # of theta times sigma
    return float(1.96 * np.sqrt(slope @ spread @ slope) * fit.design.scale[-1])


@dataclass(frozen=True)
class Balanced:
    """Studies that are balanced, a column each: all that a model of levels sees of one.

    The mean squares between therapists, between their clients and within clients are independent,
    and estimates and intervals of the model are functions of them, here written out. `checked`
    holds them against fits of the package.
    """

    therapists: int
    squares: np.ndarray  # 3 mean squares, studies

    @property
    def df(self) -> np.ndarray:
        """Degrees of freedom of the mean squares."""
        clients = self.therapists * PER_THERAPIST
        sessions = clients * (PER_CLIENT - 1)
        return np.array([self.therapists - 1, clients - self.therapists, sessions])

    @classmethod
    def drawn(cls, therapists: int, studies: int, rng: Any) -> tuple[Balanced, np.ndarray]:
        """Draw studies, and how the ranks of therapists' means go with those of their skill."""
        below = RESIDUAL_SD**2 + PER_CLIENT * CLIENT_SD**2
        skill = THERAPIST_SD * rng.normal(size=(therapists, studies))
        mean = skill + np.sqrt(below / EACH) * rng.normal(size=skill.shape)
        of = cls(therapists, np.empty((3, studies)))
        of.squares[0] = EACH * mean.var(axis=0, ddof=1)
        for row, size in ((1, below), (2, RESIDUAL_SD**2)):
            of.squares[row] = size * rng.chisquare(of.df[row], studies) / of.df[row]
        places = [np.argsort(np.argsort(one, axis=0), axis=0) for one in (skill, mean)]
        apart = ((places[0] - places[1]) ** 2).sum(axis=0)
        return of, 1.0 - 6.0 * apart / (therapists * (therapists**2 - 1))

    @property
    def below(self) -> np.ndarray:
        """The variance of a therapist's mean that is not the therapist's, times the sessions."""
        _, client, session = self.squares
        together = (self.df[1:] @ self.squares[1:]) / self.df[1:].sum()
        return np.where(client < session, together, client)

    @property
    def sd(self) -> np.ndarray:
        """The therapists' SD by REML; a difference below zero is zero."""
        return np.sqrt(np.maximum(self.squares[0] - self.below, 0.0) / EACH)

    def wald(self) -> np.ndarray:
        """Return half the width of the interval from the curvature of the likelihood.

        At an SD of zero the slope of the likelihood in the SD is zero, but not its curvature, twice
        the slope in the variance: the interval runs from zero to 1.96 of the errors that gives.
        """
        df, below, sd = self.df, self.below, self.sd
        spread = 2 * (self.squares[0] ** 2 / df[0] + below**2 / df[1]) / EACH**2
        pooled = (df[0] * self.squares[0] + df[1] * below) / (df[0] + df[1])
        slope = EACH * df[0] * (1.0 - self.squares[0] / pooled) / pooled
        with np.errstate(divide="ignore", invalid="ignore"):
            return 1.96 * np.where(sd > 0, np.sqrt(spread) / (2 * sd), slope**-0.5)

    def profiled(self, sd: float | np.ndarray) -> np.ndarray:
        """Return how much the (ML) deviance is above its minimum at an SD of therapists."""

        def deviance(below: np.ndarray, sd: Any) -> np.ndarray:
            whole = below + EACH * sd**2
            found = df[0] * self.squares[0] / whole + (df[0] + 1) * np.log(whole)
            return found + df[1] * (self.squares[1] / below + np.log(below))

        df = self.df
        scale = np.exp(np.linspace(-1.5, 1.5, 801))[:, None] * self.squares[1]
        at = deviance(scale, sd).min(axis=0)
        between = df[0] * self.squares[0] / (df[0] + 1)  # by maximum likelihood
        pooled = (df[0] * self.squares[0] + df[1] * self.squares[1]) / (df[0] + 1 + df[1])
        inside = between > self.squares[1]
        least = np.where(inside, self.squares[1], pooled)
        estimate = np.sqrt(np.maximum(between - self.squares[1], 0.0) / EACH)
        return at - deviance(least, np.where(inside, estimate, 0.0))

    def booted(self, draws: int, rng: Any) -> np.ndarray:
        """Return the ends of the parametric bootstrap's interval, (2, studies)."""
        session = np.where(self.below > self.squares[1], self.below, self.squares[2])
        expected = np.stack([self.below + EACH * self.sd**2, self.below, session])
        expected[1] = np.where(self.sd > 0, self.below, self._pooled)
        expected[0] = np.where(self.sd > 0, expected[0], expected[1])
        ends = []
        for one in expected.T:
            drawn = one[:, None] * rng.chisquare(self.df[:, None], (3, draws)) / self.df[:, None]
            ends.append(np.quantile(Balanced(self.therapists, drawn).sd, [0.025, 0.975]))
        return np.array(ends).T

    @property
    def _pooled(self) -> np.ndarray:
        """What the clients' mean square is estimated as where therapists do not differ."""
        df = self.df[:2]
        return (df @ np.stack([self.squares[0], self.below])) / df.sum()

    def penalised(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the therapists' SD with the penalty, and half the width of Wald's interval."""
        df, squares = self.df[:, None], self.squares

        def deviance(x: np.ndarray) -> np.ndarray:
            client, therapist, session = np.exp(2 * x)
            ratio = np.stack([1 + PER_CLIENT * client + EACH * therapist, 1 + PER_CLIENT * client,
                              np.ones_like(client)])  # fmt: skip
            found = df * (np.log(ratio * session) + squares / (ratio * session))
            return found.sum(axis=0) - 3 * (x[0] + x[1])

        x = np.log(np.stack([np.full_like(self.sd, 0.8), np.full_like(self.sd, 0.4),
                             np.sqrt(squares[2])]))  # fmt: skip
        for _ in range(60):
            slope, curve = _derivatives(deviance, x)
            values, axes = np.linalg.eigh(curve)
            along = np.einsum("nji,nj->ni", axes, slope) / np.maximum(np.abs(values), 1e-3)
            x = x - np.clip(np.einsum("nij,nj->ni", axes, along), -0.5, 0.5).T
        spread = 2 * np.linalg.inv(curve)
        sd = np.exp(x[1] + x[2])
        return sd, 1.96 * sd * np.sqrt(spread[:, 1, 1] + 2 * spread[:, 1, 2] + spread[:, 2, 2])


def _derivatives(function: Any, x: np.ndarray, h: float = 1e-3) -> tuple[np.ndarray, np.ndarray]:
    """Return slopes (studies, k) and curvatures (studies, k, k) by central differences."""
    k = len(x)
    step = h * np.eye(k)[:, :, None]
    up, down, here = [function(x + s) for s in step], [function(x - s) for s in step], function(x)
    slope = np.stack([(u - d) / (2 * h) for u, d in zip(up, down, strict=True)], axis=-1)
    curve = np.empty((x.shape[1], k, k))
    for i in range(k):
        for j in range(k):
            if i == j:
                curve[:, i, i] = (up[i] - 2 * here + down[i]) / h**2
                continue
            both = function(x + step[i] + step[j]) + function(x - step[i] - step[j])
            apart = function(x + step[i] - step[j]) + function(x - step[i] + step[j])
            curve[:, i, j] = (both - apart) / (4 * h**2)
    return slope, curve


def checked(therapists: int, number: int, seed: int) -> None:
    """Hold what mean squares give against fits of the package, of one study."""
    data = study(therapists, np.random.default_rng([seed, therapists, number]))
    mean, of_client, of_therapist = (
        data["y"].mean(), data.groupby("client")["y"].transform("mean"),
        data.groupby("therapist")["y"].transform("mean"),
    )  # fmt: skip
    of = Balanced(therapists, np.empty((3, 1)))
    parts = (of_therapist - mean, of_client - of_therapist, data["y"] - of_client)
    of.squares[:, 0] = [(part**2).sum() for part in parts] / of.df
    formula = "y ~ 1 + (1 | client) + (1 | therapist)"
    plain = al.fit_multilevel(formula, data)
    kept = al.fit_multilevel(formula, data, prior="boundary")
    np.testing.assert_allclose(of.sd, plain.varcomp["sdcor"].iloc[1], atol=1e-4)
    np.testing.assert_allclose(of.wald(), half_of_wald(plain), rtol=1e-3)
    sd, half = of.penalised()
    np.testing.assert_allclose(sd, kept.varcomp["sdcor"].iloc[1], rtol=1e-3)
    np.testing.assert_allclose(half, half_of_wald(kept), rtol=1e-2)
    profile = plain.profile_ci(["sd Intercept"]).set_index("group").loc["therapist"]
    for end in (profile["conf_low"], profile["conf_high"]):
        if end > 0:
            np.testing.assert_allclose(of.profiled(end), 3.8415, rtol=1e-2)


def few(studies: int, draws: int, seed: int) -> str:
    """Return the table of intervals of the therapists' SD, and of ranks."""
    lines = [
        "| therapists | estimated as zero | Wald | profile | bootstrap | Wald with the penalty | "
        "mean estimate (penalty) | ranks |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for therapists in FEW:
        for number in range(CHECKED):
            checked(therapists, number, seed)
        rng = np.random.default_rng([seed, therapists])
        of, ranks = Balanced.drawn(therapists, studies, rng)
        kept, half = of.penalised()
        low, high = of.booted(draws, rng)
        held = (
            of.sd == 0, np.abs(of.sd - THERAPIST_SD) <= of.wald(),
            of.profiled(THERAPIST_SD) <= 3.8415,
            (low <= THERAPIST_SD) & (high >= THERAPIST_SD), np.abs(kept - THERAPIST_SD) <= half,
        )  # fmt: skip
        told = " | ".join(f"{100 * one.mean():.1f} %" for one in held)
        mean = f"{of.sd.mean():.2f} ({kept.mean():.2f})"
        lines.append(f"| {therapists} | {told} | {mean} | {ranks.mean():.2f} |")
        print(lines[-1], flush=True)
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


def told_apart(row: int, number: int, seed: int) -> list[tuple[float, float, float]]:
    """Return estimate, standard error and p of the difference at the last time, each way.

    The number of the trial, with the row of the table it is for, decides what is drawn.
    """
    data, found = null_trial(*ARMS[row], np.random.default_rng([seed, row, number])), []
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
    for row, (one_arm, therapists, slope_sd) in enumerate(ARMS):
        draws = [told_apart(row, number, seed) for number in range(studies)]
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


ALONE = ((4, 0.05), (4, 0.2), (8, 0.05), (8, 0.1), (8, 0.2), (8, 0.3), (12, 0.1), (20, 0.1))
"""Therapists, and the share of their clients' variance that is theirs."""
RATIOS = (0.5, 1.0, 2.0)
"""Variance of clients without a therapist over that of clients with one."""


def errors_alone(squares: np.ndarray, therapists: int, each: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return standard error and df of a difference of arms of which one has therapists.

    From the mean squares between therapists, within them and between clients without one; as many
    clients in each arm; a residual variance for each arm, or one for both.
    """
    clients = therapists * PER_THERAPIST
    df = np.array([therapists - 1, clients - therapists, clients - 1])[:, None]
    others = [1] if each else [1, 2]
    within = (df * squares)[others].sum(axis=0) / df[others].sum()
    whole = (df * squares)[[0, *others]].sum(axis=0) / df[[0, *others]].sum()
    zero = squares[0] <= within
    of_treated = np.where(zero, whole, squares[0])
    of_alone = squares[2] if each else np.where(zero, whole, within)
    error = of_treated + of_alone
    parts = of_treated**2 / np.where(zero, clients - 1, therapists - 1)
    parts = parts + of_alone**2 / (clients - 1 if each else df[others].sum())
    if not each:  # where therapists do not differ there is one variance
        parts = np.where(zero, error**2 / (2 * clients - 2), parts)
    return np.sqrt(error / clients), error**2 / parts


def alone(trials: int, seed: int) -> str:
    """Return the table of false differences where one arm has therapists, at one time."""
    titles = [f"{how}, {ratio:g}" for ratio in RATIOS for how in ("one", "each")]
    lines = [
        "| therapists | share of variance | " + " | ".join(titles) + " |",
        "|---|---|" + "---|" * len(titles),
    ]
    rng = np.random.default_rng(seed)
    for therapists, share in ALONE:
        told = []
        for ratio in RATIOS:
            clients = therapists * PER_THERAPIST
            expected = np.array([1 - share + PER_THERAPIST * share, 1 - share, ratio])
            df = np.array([therapists - 1, clients - therapists, clients - 1])
            squares = expected[:, None] * rng.chisquare(df[:, None], (3, trials)) / df[:, None]
            size = np.sqrt((expected[0] + expected[2]) / clients)
            difference = size * rng.normal(size=trials)
            for each in (False, True):
                error, free = errors_alone(squares, therapists, each)
                found = stats.t.sf(np.abs(difference) / error, free) < 0.025
                told.append(f"{100 * found.mean():.1f} %")
        lines.append(f"| {therapists} | {share:g} | " + " | ".join(told) + " |")
        print(lines[-1], flush=True)
    return "\n".join(lines)


def check_alone(seed: int) -> None:
    """Hold those errors against the package's comparison of trials drawn row by row."""
    for number in range(CHECKED):
        rng = np.random.default_rng([seed, number])
        therapist = np.repeat(np.arange(8), PER_THERAPIST)
        treated = 0.5 * rng.normal(size=8)[therapist] + rng.normal(size=64)
        other = np.sqrt(2) * rng.normal(size=64)
        means = np.bincount(therapist, treated) / PER_THERAPIST
        squares = np.array(
            [PER_THERAPIST * means.var(ddof=1), ((treated - means[therapist]) ** 2).sum() / 56,
             other.var(ddof=1)]
        )[:, None]  # fmt: skip
        data = pd.DataFrame(
            {"client_id": range(128), "condition": ["a"] * 64 + ["b"] * 64,
             "given": [1.0] * 64 + [0.0] * 64,
             "therapist_id": [f"t{i}" for i in therapist] + [None] * 64,
             "y": np.append(treated, other)}
        )  # fmt: skip
        row = al.compare_arms(data, outcome="y").contrasts.iloc[0]
        own = data.fillna({"therapist_id": "none"})
        one = al.fit_multilevel("y ~ condition + (0 + given | therapist_id)", own)
        for each, error, df in (
            (True, row["std_error"], row["df"]), (False, one.bse.iloc[1], one.df.iloc[1])
        ):  # fmt: skip
            expected = np.ravel(errors_alone(squares, 8, each))
            np.testing.assert_allclose([error, df], expected, rtol=1e-3)


ALONE_PAGE = """<!-- one arm -->
## Therapists in one arm only

Made by `{command}` ({studies:,} trials a cell: one standard error of a share of
5 % is {error:.2f} points).

Two arms that do not differ, measured once: {per} clients a therapist in one arm, as many clients
without a therapist in the other. How often p is below .05 by Satterthwaite's degrees of freedom,
with *one* residual variance for both arms, and with one for *each*, as `al.compare_arms` has it;
the number behind is the variance of clients without a therapist over that of clients with one.
All that a model sees of a balanced trial are three mean squares; what is computed from them is held
against the package's own fits.

{table}

- **Each arm its own variance** (Roberts & Roberts 2005, doi 10.1191/1740774505cn076oa; Candlish et
  al. 2018, doi 10.1186/s12874-018-0559-x) is wrong at most half a point more often than it
  promises, with four therapists too.
- **One for both** errs by up to one and a half points, to whichever side the variances differ.
<!-- end of one arm -->
"""

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
- The comparison at one time has no change in it. Where one arm has no therapists it gives each arm
  a residual variance of its own; the section on therapists in one arm counts that exactly.
<!-- end of arms -->
"""


PAGE = """<!-- few therapists -->
## The variance between few therapists

Made by `{command}` ({studies:,} studies a row: one standard error of a share is {error:.1f}
points).

Eight clients a therapist, six sessions a client; SD of therapists {therapist}, of clients {client},
of residuals {residual}. Share of 95 % intervals of the therapists' SD that hold the truth, mean
estimate, in brackets with `prior="boundary"`, and mean rank correlation of predicted with true
effects. All that the model sees of a balanced study are three mean squares; what is computed from
them is held against the package's own fits.

{table}

- **Report the profile interval**: it holds the truth half a point (five therapists, twenty) to
  three points (eight) less often than it promises.
- Wald intervals of a standard deviation are symmetric and know no zero. Where the estimate is zero
  they run from zero up by the curvature in the SD there (the slope in the variance), which no
  theory backs; that they cover is luck, and paid for by their width.
- Percentiles of the bootstrap cover two to six points less than they promise: they start from an
  estimate that is as often too small as too large.
- The penalty is for a variance that would be estimated as zero, as one in six is with five
  therapists, and for what rests on it. It makes the mean estimate larger than the truth, by half
  with five therapists and by a tenth with twenty; its intervals are too wide.
- Ranks are those of therapists' means whatever the variance, with the penalty too. They go with
  the true ones by .7, with five therapists as with twenty: more clients of each, not more
  therapists, would tell them apart.
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
    parser.add_argument("--one-arm", type=int, default=0)
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
    elif asked.one_arm:
        check_alone(asked.seed)
        table = alone(asked.one_arm, asked.seed)
        if asked.write:
            command = f"{command} --one-arm {asked.one_arm} --write {asked.write}"
            error = 100 * np.sqrt(0.05 * 0.95 / asked.one_arm)
            section = ALONE_PAGE.format(
                command=command, studies=asked.one_arm, error=error, per=PER_THERAPIST, table=table
            )
            put(asked.write, "one arm", section)
    elif asked.few:
        table = few(asked.few, asked.draws, asked.seed)
        if asked.write:
            command = f"{command} --few {asked.few} --draws {asked.draws} --write {asked.write}"
            put(asked.write, "few therapists", page(table, command, asked.few))
    else:
        speed(asked.lme4)


if __name__ == "__main__":
    main()

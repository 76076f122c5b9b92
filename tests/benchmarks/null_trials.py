"""How often arms that do not differ are told apart.

``python tests/benchmarks/null_trials.py --one-arm 100000 --write docs/coverage.md`` counts it where
one arm has no therapists, from mean squares, in seconds; ``--both-arms 100000`` just so where
therapists treat in both arms; ``--arms 250`` where therapists differ in change, by the package's
own comparison.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from sections import put

import alliance_stats as al
from alliance_stats.trials import arms, model

PER_THERAPIST, CHECKED = 8, 5  # clients of each; studies held against the package's own fits
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
    rule = arms.fit_with_shared
    arms.fit_with_shared = lambda data, rows, method, levels, df: model._fit(
        data, rows, method, "".join(kind.level(rows) for kind in levels), df
    )
    try:
        return al.compare_arms(data, method=method, errors="model", **options).contrasts
    finally:
        arms.fit_with_shared = rule


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


BOTH = tuple((therapists, share) for therapists in (4, 8, 16) for share in (0.0, 0.05, 0.1, 0.2))
"""Therapists who treat in both arms, and the share of variance by which they differ by arm."""


def mean_squares(therapists: int, share: float, trials: int, rng: Any) -> np.ndarray:
    """Draw the mean squares between therapists, of therapist by arm and within, and the difference.

    Eight clients a therapist in each arm; therapists' own share of the variance is a tenth.
    """
    k = PER_THERAPIST
    rest = 0.9 - share
    expected = np.array([rest + k * share + 2 * k * 0.1, rest + k * share, rest])
    df = np.array([therapists - 1, therapists - 1, 2 * therapists * (k - 1)])
    squares = expected[:, None] * rng.chisquare(df[:, None], (3, trials)) / df[:, None]
    size = np.sqrt(2 * expected[1] / (k * therapists))
    return np.vstack([squares, size * rng.normal(size=trials)])


def errors_in_both(squares: np.ndarray, therapists: int) -> tuple[Any, Any, Any]:
    """Return the model's variance and df of the difference of arms, and the robust variance.

    The model has one term for each therapist, so that therapist by arm is part of its residual;
    errors robust to therapists are those of their own differences, with therapists - 1 df.
    """
    k, inside = PER_THERAPIST, 2 * therapists * (PER_THERAPIST - 1)
    between, by_arm, within = squares
    df = therapists - 1 + inside
    residual = ((therapists - 1) * by_arm + inside * within) / df
    zero = between <= residual  # where therapists do not differ there is one variance
    whole = ((therapists - 1) * between + df * residual) / (therapists - 1 + df)
    model, free = np.where(zero, whole, residual), np.where(zero, therapists - 1 + df, df)
    return 2 * model / (k * therapists), free, 2 * by_arm / (k * therapists)


def both(trials: int, seed: int) -> str:
    """Return the table of false differences where therapists have clients in both arms."""
    lines = ["| therapists | share of variance by arm | model's errors | robust errors |",
             "|---|---|---|---|"]  # fmt: skip
    rng = np.random.default_rng(seed)
    for therapists, share in BOTH:
        *squares, difference = mean_squares(therapists, share, trials, rng)
        model, free, robust = errors_in_both(np.array(squares), therapists)
        told = [
            f"{100 * (stats.t.sf(np.abs(difference) / np.sqrt(square), df) < 0.025).mean():.1f} %"
            for square, df in ((model, free), (robust, therapists - 1))
        ]
        lines.append(f"| {therapists} | {share:g} | " + " | ".join(told) + " |")
        print(lines[-1], flush=True)
    return "\n".join(lines)


def check_both(seed: int) -> None:
    """Hold those errors against the package's comparison of trials drawn row by row."""
    J, k = 8, PER_THERAPIST
    for number in range(CHECKED):
        rng = np.random.default_rng([seed, number])
        cell = 0.5 * rng.normal(size=(J, 1)) + 0.5 * rng.normal(size=(J, 2))
        y = cell[:, :, None] + rng.normal(size=(J, 2, k))
        means, own = y.mean(axis=2), y.mean(axis=(1, 2))
        apart = means[:, 1] - means[:, 0]
        squares = np.array(
            [2 * k * own.var(ddof=1), k * apart.var(ddof=1) / 2,
             ((y - means[:, :, None]) ** 2).sum() / (2 * J * (k - 1))]
        )[:, None]  # fmt: skip
        therapist, arm, _ = np.indices(y.shape)
        data = pd.DataFrame(
            {"client_id": range(y.size), "condition": np.where(arm.ravel(), "b", "a"),
             "therapist_id": [f"t{one}" for one in therapist.ravel()], "y": y.ravel()}
        )  # fmt: skip
        model, free, robust = (float(part[0]) for part in errors_in_both(squares, J))
        for errors, expected in (("model", (model, free)), ("robust", (robust, J - 1))):
            row = al.compare_arms(data, outcome="y", errors=errors).contrasts.iloc[0]
            np.testing.assert_allclose([row["std_error"] ** 2, row["df"]], expected, rtol=1e-3)
        assert al.compare_arms(data, outcome="y").errors == "robust"


BOTH_PAGE = """<!-- both arms -->
## Therapists in both arms

Made by `{command}` ({studies:,} trials a cell: one standard error of a share of
5 % is {error:.2f} points).

Two arms that do not differ on average, measured once: {per} clients a therapist in each arm.
Therapists' own share of the variance is a tenth; what one of them does differs by arm by the share
in the second column. How often p is below .05 with the model's own errors, one term for each
therapist, and with errors robust to therapists, as `al.compare_arms` has them by itself in such a
trial. Both are computed from the three mean squares of a balanced trial and held against the
package's own comparisons.

{table}

- **The model's errors** leave out that therapists differ by arm, and err the more often the more
  they do, with sixteen therapists as with four.
- **Robust errors** are here those of the therapists' own differences between arms, and keep their
  promise with four therapists too. The price is therapists minus one degrees of freedom.
<!-- end of both arms -->
"""

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


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arms", type=int, default=0)
    parser.add_argument("--one-arm", type=int, default=0)
    parser.add_argument("--both-arms", type=int, default=0)
    parser.add_argument("--seed", type=int, default=20240609)
    parser.add_argument("--write", type=Path)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    if asked.arms:
        name, option, n, form = "arms", "arms", asked.arms, ARMS_PAGE
        table = false_differences(n, asked.seed)
    elif asked.both_arms:
        check_both(asked.seed)
        name, option, n, form = "both arms", "both-arms", asked.both_arms, BOTH_PAGE
        table = both(n, asked.seed)
    else:
        check_alone(asked.seed)
        name, option, n, form = "one arm", "one-arm", asked.one_arm, ALONE_PAGE
        table = alone(n, asked.seed)
    if asked.write:
        command = f"python tests/benchmarks/null_trials.py --{option} {n} --write {asked.write}"
        error = 100 * np.sqrt(0.05 * 0.95 / n)
        section = form.format(
            command=command, studies=n, error=error, per=PER_THERAPIST, table=table
        )
        put(asked.write, name, section)


if __name__ == "__main__":
    main()

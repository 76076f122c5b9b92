"""Do 95 % intervals cover, and does a null predictor come out significant in 5 % of studies?

Simulates studies of sessions in clients in therapists, fits the field's model to each, and counts.
The therapist-level predictor has no effect, so the share of studies in which it is significant is
the Type-I error::

    python tests/benchmarks/coverage.py --write docs/coverage.md
"""

import argparse
import re
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

import alliance_stats as al

THERAPISTS = (8, 20, 50)
CLIENTS, SESSIONS = (5, 10), (8, 12)  # fewest and most of a therapist, of a client
TRUTH = {"Intercept": 20.0, "session": -0.3, "within": -1.0, "between": -0.8, "training": 0.0}
CLIENT_SD, SLOPE_SD, CORRELATION, RESIDUAL_SD = 3.0, 0.8, 0.2, 3.0
THERAPIST_SDS = (2.5, 1.5)
FORMULA = "y ~ session + within + between + training + (1 + within | client) + (1 | therapist)"
ONE_SLOPE = FORMULA.replace("(1 + within | client)", "(1 | client)")
PHI = 0.5  # correlation of the residuals of neighbouring sessions, where there is one
CEILING = 0.2  # share of sessions at the top of the scale, where it has one
METHODS = ("kenward-roger", "satterthwaite", "normal")
LEVELS = {"within": "session", "between": "client", "training": "therapist"}


def normal(client: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw residuals as the model has them."""
    return RESIDUAL_SD * rng.standard_normal(len(client))


def autocorrelated(client: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw residuals of the same size that resemble the session's before, by AR(1) with `PHI`."""
    drawn = rng.standard_normal(len(client))
    for row in np.flatnonzero(np.diff(client) == 0) + 1:
        drawn[row] = PHI * drawn[row - 1] + np.sqrt(1 - PHI**2) * drawn[row]
    return RESIDUAL_SD * drawn


def skewed(client: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw residuals of the same size with a skew of two (exponential)."""
    return RESIDUAL_SD * (rng.exponential(size=len(client)) - 1.0)


def draw(
    therapists: int,
    therapist_sd: float,
    rng: np.random.Generator,
    slope_sd: float = SLOPE_SD,
    residual: Callable[[np.ndarray, np.random.Generator], np.ndarray] = normal,
) -> pd.DataFrame:
    """Draw one study with the effects of `TRUTH`."""
    clients = rng.integers(CLIENTS[0], CLIENTS[1] + 1, therapists)
    therapist = np.repeat(np.arange(therapists), clients)
    sessions = rng.integers(SESSIONS[0], SESSIONS[1] + 1, len(therapist))
    client = np.repeat(np.arange(len(therapist)), sessions)
    session = np.concatenate([np.arange(1.0, n + 1) for n in sessions])
    raw = rng.standard_normal(len(client))
    within = raw - (np.bincount(client, raw) / sessions)[client]
    between = rng.standard_normal(len(therapist))
    training = rng.standard_normal(therapists)
    level, other = rng.standard_normal((2, len(therapist)))
    slope = slope_sd * (CORRELATION * level + np.sqrt(1 - CORRELATION**2) * other)
    of_client = (
        TRUTH["between"] * between
        + CLIENT_SD * level
        + (TRUTH["training"] * training + therapist_sd * rng.standard_normal(therapists))[therapist]
    )
    y = (
        TRUTH["Intercept"]
        + TRUTH["session"] * session
        + (TRUTH["within"] + slope[client]) * within
        + of_client[client]
        + residual(client, rng)
    )
    return pd.DataFrame(
        {
            "y": y,
            "session": session,
            "within": within,
            "between": between[client],
            "training": training[therapist][client],
            "client": client,
            "therapist": therapist[client],
        }
    )


def study(therapists: int, therapist_sd: float, seed: np.random.SeedSequence) -> list[dict]:
    """Simulate and fit one study: for each method and predictor, whether its interval covers."""
    data = draw(therapists, therapist_sd, np.random.default_rng(seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", al.AllianceStatsWarning)  # counted below
        fit = al.fit_multilevel(FORMULA, data, df="kenward-roger")
    rows = []
    for method in METHODS:
        ours = replace(fit, df_method=method)
        interval = ours.conf_int()
        rows += [
            {
                "therapist_sd": therapist_sd,
                "therapists": therapists,
                "method": method,
                "predictor": name,
                "covers": bool(interval.loc[name, 0] <= TRUTH[name] <= interval.loc[name, 1]),
                "significant": bool(ours.pvalues[name] < 0.05),
                "singular": fit.singular,
                "converged": fit.converged,
            }
            for name in LEVELS
        ]
    return rows


def run(replicates: int, seed: int, jobs: int) -> pd.DataFrame:
    """Run all studies; the same seed gives the same studies whatever `jobs` is."""
    designs = list(product(THERAPIST_SDS, THERAPISTS))
    seeds = np.random.SeedSequence(seed).spawn(replicates * len(designs))
    found = joblib.Parallel(n_jobs=jobs, batch_size=20)(
        joblib.delayed(study)(designs[i % len(designs)][1], designs[i % len(designs)][0], one)
        for i, one in enumerate(seeds)
    )
    return pd.DataFrame([{"study": i, **row} for i, rows in enumerate(found) for row in rows])


@dataclass(frozen=True)
class Wrong:
    """Data that are not what the model takes them to be."""

    data: str
    formula: str = FORMULA
    slope_sd: float = SLOPE_SD
    residual: Callable[[np.ndarray, np.random.Generator], np.ndarray] = normal
    ceiling: bool = False
    ar1: bool = False

    @property
    def model(self) -> str:
        """The model in words."""
        slopes = "slopes of `within` vary" if self.formula == FORMULA else "one slope for all"
        return slopes + ", AR(1) residuals" * self.ar1


WRONG = (
    Wrong("one slope for all", ONE_SLOPE, slope_sd=0.0),
    Wrong("slopes differ", ONE_SLOPE),
    Wrong("slopes differ"),
    Wrong("residuals AR(1)", residual=autocorrelated),
    Wrong("residuals AR(1)", residual=autocorrelated, ar1=True),
    Wrong("skewed residuals", residual=skewed),
    Wrong("ceiling", ceiling=True),
)
WRONG_THERAPISTS, WRONG_SD = 20, 2.5


def study_of_wrong(cell: Wrong, seed: np.random.SeedSequence) -> dict:
    """Simulate and fit one study of data unlike the model."""
    rng = np.random.default_rng(seed)
    data = draw(WRONG_THERAPISTS, WRONG_SD, rng, cell.slope_sd, cell.residual)
    if cell.ceiling:
        data["y"] = data["y"].clip(upper=data["y"].quantile(1 - CEILING))
    options = {"residual": "ar1", "time": "session"} if cell.ar1 else {"df": "kenward-roger"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", al.AllianceStatsWarning)
        fit = al.fit_multilevel(cell.formula, data, **options)
    interval, slopes = fit.conf_int(), fit.omitted_slopes()
    of_within = slopes[(slopes["group"] == "client") & (slopes["term"] == "within")]
    return {
        **{name: interval.loc[name, 0] <= TRUTH[name] <= interval.loc[name, 1]
           for name in ("session", *LEVELS)},
        "estimate": fit.params["within"],
        "seen": of_within["p_value"].iloc[0] < 0.05 if len(of_within) else np.nan,
        "told": any("Effects differ" in message for message in fit.messages),
    }  # fmt: skip


def run_wrong(replicates: int, seed: int, jobs: int) -> str:
    """Return the Markdown table of data unlike the model."""
    seeds = np.random.SeedSequence([seed, 1]).spawn(replicates)
    head = ["data", "model", "mean estimate, `within`", "`session`", *(f"`{n}`" for n in LEVELS)]
    head += ["score test of the slope p < .05", "told in `.messages`"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for cell in WRONG:
        found = pd.DataFrame(
            joblib.Parallel(n_jobs=jobs, batch_size=20)(
                joblib.delayed(study_of_wrong)(cell, one) for one in seeds
            )
        )
        shares = found.drop(columns="estimate").astype(float).mean()
        cells = [cell.data, cell.model, f"{found['estimate'].mean():.2f}"]
        cells += ["–" if np.isnan(share) else f"{100 * share:.1f} %" for share in shares]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def table(found: pd.DataFrame) -> str:
    """Return the Markdown table."""
    names = [f"`{name}` ({level} level)" for name, level in LEVELS.items()]
    head = [
        "therapist sd",
        "therapists",
        "method",
        *names,
        "Type-I error, `training`",
        "singular fits",
    ]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    design = ["therapist_sd", "therapists", "method"]
    for (sd, therapists, method), rows in found.groupby(design, sort=False):
        covers = rows.groupby("predictor")["covers"].mean()
        null = rows.loc[rows["predictor"] == "training", "significant"].mean()
        cells = [
            f"{sd:g}",
            str(therapists),
            method,
            *(f"{100 * covers[name]:.1f} %" for name in LEVELS),
        ]
        cells += [f"{100 * null:.1f} %", f"{100 * rows['singular'].mean():.1f} %"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def page_of_wrong(text: str, replicates: int, seed: int) -> str:
    """Return the page's part on data unlike the model."""
    return f"""
<!-- misfit -->
## When the data are not what the model says

Made by `python tests/benchmarks/coverage.py --wrong --replicates {replicates} --seed {seed} \
--write docs/coverage.md`, {replicates:,} studies in each row.

The same studies with {WRONG_THERAPISTS} therapists (sd {WRONG_SD:g}), but one thing is not as the
model has it: slopes of `within` differ with SD {SLOPE_SD:g} and the model has one for all;
residuals of neighbouring sessions correlate {PHI:g}; residuals have a skew of 2; a fifth of the
sessions is at the top of the scale. Intervals by Kenward-Roger (Satterthwaite with AR(1)); the
columns are shares of 95 % intervals that hold the true value, of {TRUTH["within"]:g} for `within`.
The score test is that of `fit.omitted_slopes()`; `.messages` tells after Holm's correction for all
slopes tested. One standard error of a share of 95 % is {100 * np.sqrt(0.0475 / replicates):.1f}
percentage points.

{text}

- **One slope for all** where slopes differ: intervals of the within effect are too narrow. The
  score test has the level it should have where slopes do not differ, and sees most that do.
- **Autocorrelation** that the model ignores makes intervals of `session` too narrow; an effect
  that varies at random from session to session keeps its own. It looks like trends that differ, and
  is told as such. `residual="ar1"` mends it.
- **Skew** of the residuals does no harm to intervals of coefficients at these sizes.
- **A ceiling** does: effects are too small, since the scale cannot show them; no interval helps.
<!-- end of misfit -->
"""


def page(found: pd.DataFrame, replicates: int, seed: int, seconds: float) -> str:
    """Return the page for the documentation."""
    error = 100 * np.sqrt(0.05 * 0.95 / replicates)
    failed = int((~found.drop_duplicates("study")["converged"]).sum())
    sds = THERAPIST_SDS
    shares = [sd**2 / (sd**2 + CLIENT_SD**2 + RESIDUAL_SD**2) for sd in sds]
    return f"""# Coverage of intervals and Type-I error

Made by `python tests/benchmarks/coverage.py --replicates {replicates} --seed {seed} --write \
docs/coverage.md` ({seconds / 60:.1f} minutes).

{replicates:,} simulated studies in each row, with {CLIENTS[0]} to {CLIENTS[1]} clients a
therapist and {SESSIONS[0]} to {SESSIONS[1]} sessions a client. Standard deviations: residual
{RESIDUAL_SD:g}, clients' intercepts {CLIENT_SD:g} and slopes of `within` {SLOPE_SD:g}
(correlation {CORRELATION:g}), therapists {sds[0]:g} or {sds[1]:g}: therapists hold
{shares[0]:.0%} or {shares[1]:.0%} of the variance. The model, fitted by REML:

    {FORMULA}

Share of studies in which the 95 % interval holds the true value, and share in which `training`, a
therapist's predictor without any effect, has p < .05. The simulation itself is uncertain by
{error:.1f} percentage points (one standard error). Fits that did not converge: {failed}.

{table(found)}

## How to read it
- **z tests** (`normal`) reject a null predictor of therapists too often with few therapists, which
  is why they warn there.
- **Kenward-Roger** keeps near what it promises wherever therapists' variance can be estimated.
  Where it often is estimated as zero (the column of singular fits), Kenward-Roger turns careful:
  its intervals are a little too wide, its tests reject a little too seldom. So does pbkrtest,
  whose definition it is: a variance estimated as zero is not taken for known.
- **Satterthwaite** as lmerTest computes it forgets a variance of zero, and adjusts no standard
  error.
"""


def main() -> None:
    """Run and print, or write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=20240607)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--write", type=Path, help="the page to write; printed without it")
    parser.add_argument("--wrong", action="store_true", help="only the part on misfitting models")
    options = parser.parse_args()
    start = time.perf_counter()
    if options.wrong:
        text = run_wrong(options.replicates, options.seed, options.jobs)
        part = page_of_wrong(text, options.replicates, options.seed)
        print(part)
        if options.write:
            page = options.write.read_text(encoding="utf-8")
            kept = re.sub(r"\n<!-- misfit -->.*<!-- end of misfit -->\n", "", page, flags=re.DOTALL)
            options.write.write_text(kept + part, encoding="utf-8")
        return
    found = run(options.replicates, options.seed, options.jobs)
    text = page(found, options.replicates, options.seed, time.perf_counter() - start)
    print(text)
    if options.write:
        old = options.write.read_text(encoding="utf-8") if options.write.exists() else ""
        rest = old[old.find("<!-- ") :] if "<!-- " in old else ""
        options.write.write_text(f"{text}\n{rest}" if rest else text, encoding="utf-8")


if __name__ == "__main__":
    main()

"""How far a model is from the data: chi-square and what is made of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...inference.distributions import chi2_upper
from .patterns import Sample
from .saturated import Saturated

if TYPE_CHECKING:
    from .fit import Estimates

RMSEA_LEVEL = 0.90
"""The level of the interval of RMSEA that is usual (Steiger 1990)."""

TRUSTED = 1.15
"""A correction for few people that is larger comes out too small itself (simulated)."""
TELLING = 0.1
"""A chi-square too large by this share of its standard deviation rejects 6 % instead of 5 %."""


def independence(samples: Sequence[Sample]) -> tuple[float, int]:
    """Return deviance and parameters of the model in which no variable goes with another."""
    deviance, parameters = 0.0, 0
    for sample in samples:
        n = sample.counts
        deviance += float((n * (np.log(2.0 * np.pi * np.nanvar(sample.values, axis=0)) + 1)).sum())
        parameters += 2 * sample.p
    return deviance, parameters


def fit_indices(fit: Estimates) -> pd.Series:
    """Return chi-square, its df and p, CFI, TLI, RMSEA with 90 % limits, SRMR, and criteria.

    Where the chi-square is scaled, what is made of it follows.
    """
    chi2, df, n = fit.chi2, fit.chi2_df, sum(sample.n for sample in fit.samples)
    base, base_parameters = independence(fit.samples)
    base_df = sum(s.p * (s.p + 3) // 2 for s in fit.samples) - base_parameters
    base_chi2 = base - fit.saturated_deviance
    # several groups: RMSEA of the whole, by the square root of their number (Steiger 1998)
    size = n / len(fit.samples)
    own = made_of(chi2, df, base_chi2, base_df, size)
    values = {
        "chi2": chi2,
        "df": df,
        "p_value": chi2_upper(chi2, df) if df > 0 and np.isfinite(chi2) else np.nan,
        **own,
        "srmr": srmr(fit),
        "aic": fit.deviance + 2 * len(fit.theta),
        "bic": fit.deviance + np.log(n) * len(fit.theta),
    }
    size_factor = small_sample_factor(fit.samples, len(fit.theta))
    corrected = chi2 / size_factor if size_factor < TRUSTED else np.nan
    p_corrected = chi2_upper(corrected, df) if df > 0 and np.isfinite(corrected) else np.nan
    values |= {"chi2_corrected": corrected, "p_value_corrected": p_corrected}
    # misfit is what lies above the factor times df; independent variables' misfit is large anyway
    told = np.isfinite(corrected)
    more = made_of(chi2 if told else np.nan, df, base_chi2, base_df, size, size_factor)
    values |= {f"{name}_corrected": more[name] for name in ("cfi", "tli", "rmsea")}
    values |= {f"rmsea_corrected_{end}": more[f"rmsea_{end}"] for end in ("low", "high")}
    if fit.scaling != 1.0:
        scaled = chi2 / fit.scaling
        values |= {"chi2_scaled": scaled, "scaling": fit.scaling}
        values["p_value_scaled"] = chi2_upper(scaled, df) if np.isfinite(scaled) else np.nan
        more = made_of(scaled, df, base_chi2 / fit.base_scaling, base_df, size)
        values |= {f"{name}_scaled": more[name] for name in ("cfi", "tli", "rmsea")}
        # chi-square over its scaling factor is as large against its df as chi-square against theirs
        unscaled = df * fit.scaling
        there = unscaled > 0 and np.isfinite(scaled)
        limits = rmsea_limits(chi2, unscaled) if there else (np.nan, np.nan)
        ends = (np.sqrt(end / (size * unscaled)) for end in limits)
        values |= dict(zip(("rmsea_scaled_low", "rmsea_scaled_high"), ends, strict=True))
    return pd.Series(values, dtype=float, name="fit")


def small_sample_factor(samples: Sequence[Sample], parameters: int) -> float:
    """Return by what a chi-square of few people is too large.

    The model without structure is a regression of each variable on those before it, by whoever has
    it: how far its likelihood lies above that of the truth is known for any number of people, with
    dropout, too. A model with structure counts as one without of fewer variables and as many
    parameters, as in Swain's correction of complete data (Herzog, Boomsma & Reinecke 2007, doi
    10.1080/10705510701301602).
    """
    free, model, moments = 0.0, 0.0, 0
    for sample in samples:
        counts, own = np.sort(sample.counts)[::-1], parameters / len(samples)
        like = max(round((np.sqrt(9.0 + 8.0 * own) - 3.0) / 2.0), 1)
        free += _above_truth(counts)
        model += _above_truth(np.full(like, counts.mean())) * own / (like * (like + 3) / 2)
        moments += sample.p * (sample.p + 3) // 2
    return (free - model) / (moments - parameters) if moments > parameters else 1.0


def _above_truth(n: np.ndarray) -> float:
    """Return what twice the log-likelihood of such regressions is expected to gain on the truth."""
    from scipy.special import digamma

    left = n - np.arange(1, len(n) + 1)
    if not (left > 0).all():
        return np.inf
    return float(-(n * (digamma(left / 2.0) + np.log(2.0 / n))).sum())


def made_of(
    chi2: float, df: int, base_chi2: float, base_df: int, size: float, expected: float = 1.0
) -> dict[str, float]:
    """Return CFI, TLI, RMSEA and its limits from chi-squares of the model and of independence.

    `expected` is what a true model's chi-square is per df: what lies above that is misfit.
    """
    if not np.isfinite(chi2) or not np.isfinite(base_chi2):
        return dict.fromkeys(("cfi", "tli", "rmsea", "rmsea_low", "rmsea_high"), np.nan)
    above = chi2 - expected * df
    excess, base_excess = max(above, 0.0), max(base_chi2 - base_df, above, 0.0)
    known = df > 0
    unit = 1.0 / np.sqrt(size * df) if known else np.nan
    ends = rmsea_limits(chi2 / expected, df) if known else (np.nan, np.nan)
    low, high = (expected * end for end in ends)
    ratio = base_chi2 / base_df - 1.0 if base_df else np.nan
    return {
        "cfi": 1.0 - excess / base_excess if base_excess > 0 else 1.0,
        "tli": (ratio - above / df) / ratio if known and ratio > 0 else np.nan,
        "rmsea": np.sqrt(excess) * unit,
        "rmsea_low": np.sqrt(low) * unit,
        "rmsea_high": np.sqrt(high) * unit,
    }


def rmsea_limits(chi2: float, df: float) -> tuple[float, float]:
    """Return the limits of the noncentrality of a chi-square."""
    from scipy import optimize, special

    found = []
    for tail in (1 - (1 - RMSEA_LEVEL) / 2, (1 - RMSEA_LEVEL) / 2):
        if special.chdtr(df, chi2) <= tail:
            found.append(0.0)
            continue
        high = chi2 + 10.0 * np.sqrt(chi2 + df) + 100.0
        found.append(
            float(optimize.brentq(lambda nc, t=tail: special.chndtr(chi2, df, nc) - t, 0.0, high))
        )
    return found[0], found[1]


def srmr(fit: Estimates) -> float:
    """Return the root of the mean squared residual of correlations and of means in SDs.

    Of several groups the mean, by how many people each has, as lavaan has it.
    """
    total, n = 0.0, 0
    for sample, observed, implied in zip(fit.samples, fit.saturated, fit.moments, strict=True):
        total += sample.n * np.sqrt(_mean_square(observed, implied.mu, implied.sigma))
        n += sample.n
    return float(total / n)


def _mean_square(observed: Saturated, mu: np.ndarray, sigma: np.ndarray) -> float:
    if not observed.converged:
        return np.nan
    sd = np.sqrt(np.diag(observed.sigma))
    lower = np.tril_indices(len(sd))
    of_pairs = ((observed.sigma - sigma) / np.outer(sd, sd))[lower]
    of_means = (observed.mu - mu) / sd
    return float((of_pairs @ of_pairs + of_means @ of_means) / (len(of_pairs) + len(sd)))

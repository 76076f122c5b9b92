"""The numbers behind the description of the gap, from sums within dyads.

Sums are taken once, of ratings counted from their common mean in units of their own spread, so
that neither a large level nor a tiny unit costs digits. Drawing whole clusters anew is then a
weighting of dyads and costs no second look at the sessions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm, pearsonr, t

from ...inference import cluster_bootstrap as by
from .course import Fitted, change_row, mean_model

NOTHING = 1e-9
"""Spread below this share of the ratings' spread is rounding."""
Array = np.ndarray


def row(
    estimate: float,
    std_error: float = np.nan,
    low: float = np.nan,
    high: float = np.nan,
    df: float = np.nan,
    p_value: float = np.nan,
) -> dict[str, float]:
    """Return one row of the table of estimates."""
    return {
        "estimate": float(estimate),
        "std_error": float(std_error),
        "df": float(df),
        "p_value": float(p_value),
        "conf_low": float(low),
        "conf_high": float(high),
    }


def mean_row(gap: np.ndarray) -> dict[str, float]:
    """Return the mean of independent values with its t interval."""
    n = len(gap)
    if n < 2:
        return row(gap.mean())
    error = gap.std(ddof=1) / np.sqrt(n)
    half = t.ppf(0.975, n - 1) * error
    p = 2 * t.sf(abs(gap.mean()) / error, n - 1) if error > 0 else np.nan
    return row(gap.mean(), error, gap.mean() - half, gap.mean() + half, n - 1, p)


@dataclass(frozen=True, eq=False)
class Standard:
    """Pairs in units of their own spread; `unit` takes a result back to points."""

    pairs: pd.DataFrame
    unit: float
    constant: bool


def standard_units(pairs: pd.DataFrame) -> Standard:
    """Count both ratings from their common mean, in units of their pooled spread."""
    both = pairs[["client", "therapist"]].to_numpy(dtype=float)
    middle = both.mean()
    unit = float(np.sqrt(((both - middle) ** 2).mean()))
    size = float(np.abs(both).max())
    unit = unit if unit > 8 * np.finfo(float).eps * size else 1.0
    out = pairs.assign(
        client=(both[:, 0] - middle) / unit,
        therapist=(both[:, 1] - middle) / unit,
        gap=(both[:, 1] - both[:, 0]) / unit,
    )
    noise = max(NOTHING, 8 * np.finfo(float).eps * size / unit)
    constant = len(out) > 1 and float(out["gap"].max() - out["gap"].min()) <= noise
    return Standard(out, unit, constant)


def dyad_sums(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return, for each dyad, sessions, means, and sums of squares and products within."""
    groups = pairs.groupby("client_id", sort=True, observed=True)
    sums = groups[["client", "therapist", "gap"]].mean()
    sums["n"] = groups.size()
    own = groups[["client", "therapist", "gap"]].transform("mean")
    moved = pairs[["client", "therapist", "gap"]] - own
    # what is left of a rating that never moves is rounding, and would pass for a movement
    moved = moved.where(moved.abs() > NOTHING, 0.0)
    products = pd.DataFrame(
        {
            "within_ss": moved["gap"] ** 2,
            "cc": moved["client"] ** 2,
            "tt": moved["therapist"] ** 2,
            "ct": moved["client"] * moved["therapist"],
        }
    ).groupby(pairs["client_id"], sort=True, observed=True)
    sums = sums.join(products.sum())
    if "therapist_id" in pairs.columns:
        sums["therapist_id"] = groups["therapist_id"].first()
    return sums


def described(
    data: Standard, replicates: int, seed: int, messages: list[str]
) -> tuple[dict[str, dict[str, float]], str]:
    """Return every row of the description, in points of the scale, and the unit drawn."""
    pairs = data.pairs
    sums = dyad_sums(pairs)
    units = by.clusters(sums.get("therapist_id"), len(sums))
    messages.extend(units.messages)
    top = units.unit == "therapists"
    if data.constant:
        messages.append(
            "The gap is the same in every session: it has no spread, and no interval, standardised "
            "gap or change can be had. Was one rating copied from the other?"
        )
        weight = pd.Series(1.0, index=sums.index)
        rows = {"mean_gap": row(pairs["gap"].mean()), "change_per_session": row(np.nan)}
    else:
        fitted = mean_model(pairs, sums, therapists=top, messages=messages)
        weight = fitted.weight
        rows = {"mean_gap": _row_of(fitted), "change_per_session": change_row(pairs, top, messages)}
    drawn = units.draws(replicates, seed)
    ones = np.ones((1, len(sums)))
    observed = _spread(sums, ones, weight)
    draws = _spread(sums, drawn, weight)
    rows.update(_spread_rows(observed, draws, units.n, data.constant, messages))
    together = _correlations(sums, ones), _correlations(sums, drawn)
    rows.update(_correlation_rows(sums, *together, units, messages))
    points = {
        term: values if term in _WITHOUT_UNIT else _in_points(values, data.unit)
        for term, values in rows.items()
    }
    return points, units.unit


_WITHOUT_UNIT = (
    "standardised_gap", "standardised_gap_of_differences", "r_between", "r_within", "icc",
)  # fmt: skip


def _in_points(values: dict[str, float], unit: float) -> dict[str, float]:
    kept = ("df", "p_value")
    return {name: v if name in kept else v * unit for name, v in values.items()}


def _row_of(fitted: Fitted) -> dict[str, float]:
    return row(
        fitted.estimate, fitted.std_error, fitted.low, fitted.high, fitted.df, fitted.p_value
    )


def _spread(sums: pd.DataFrame, weights: Array, own: pd.Series) -> dict[str, Array]:
    """Return the analysis of variance of the gap, for each row of dyad weights.

    `own` is what each dyad counts in the model's mean: its mean of the gap is the model's.
    """
    n, gap = sums["n"].to_numpy(dtype=float), sums["gap"].to_numpy()
    dyads, sessions = weights.sum(axis=1), weights @ n
    with np.errstate(invalid="ignore", divide="ignore"):
        model = (weights @ (own.to_numpy() * gap)) / (weights @ own.to_numpy())
        mean = (weights @ (n * gap)) / sessions
        between_ss = weights @ (n * gap**2) - sessions * mean**2
        ms_between = between_ss / (dyads - 1)
        ms_within = (weights @ sums["within_ss"].to_numpy()) / (sessions - dyads)
        n0 = (sessions - (weights @ n**2) / sessions) / (dyads - 1)
        variance = (ms_between - ms_within) / n0
        single = sessions == dyads  # one session a dyad: between and within cannot be told apart
        total = np.sqrt(np.where(single, ms_between, np.maximum(variance, 0.0) + ms_within))
        pooled = np.sqrt(
            (_variance(sums["client"], weights) + _variance(sums["therapist"], weights)) / 2
        )
        z = norm.ppf(0.975)
        return {
            "variance": np.where(single, np.nan, variance),
            "noise": np.where(single, np.nan, ms_within / n0),
            "standardised_gap": model / np.where(pooled > NOTHING, pooled, np.nan),
            "standardised_gap_of_differences": model / np.where(total > NOTHING, total, np.nan),
            "loa_low": model - z * total,
            "loa_high": model + z * total,
        }


def _variance(values: pd.Series, weights: Array) -> Array:
    x, dyads = values.to_numpy(), weights.sum(axis=1)
    mean = (weights @ x) / dyads
    return np.asarray(np.maximum((weights @ x**2) - dyads * mean**2, 0.0) / (dyads - 1))


def _spread_rows(
    observed: dict[str, Array],
    drawn: dict[str, Array],
    n: int,
    constant: bool,
    messages: list[str],
) -> dict[str, dict[str, float]]:
    rows = {}
    for term in ("standardised_gap", "standardised_gap_of_differences", "loa_low", "loa_high"):
        value = float(observed[term][0])
        if constant:
            rows[term] = row(value if term != "standardised_gap_of_differences" else np.nan)
            continue
        error, low, high = by.plain(value, drawn[term], n)
        rows[term] = row(value, error, low, high)
    lacking = [t for t in ("standardised_gap", "loa_low") if np.isnan(rows[t]["estimate"])]
    if lacking and not constant:
        messages.append(f"{', '.join(lacking)}: no variation between dyads to measure it by.")
    variance = float(observed["variance"][0])
    if np.isnan(variance):
        messages.append(
            "Every dyad has one session, so the spread between dyads cannot be told from the "
            "noise of a session; sd_between_dyads and r_within are left out."
        )
        rows["sd_between_dyads"] = row(np.nan)
    elif constant:
        rows["sd_between_dyads"] = row(0.0)
    else:
        rows["sd_between_dyads"] = row(
            *by.standard_deviation(variance, drawn["variance"], float(observed["noise"][0]), n)
        )
    return rows


def _correlations(sums: pd.DataFrame, weights: Array) -> dict[str, Array]:
    """Return the correlations between and within dyads and ICC(A,1), for each row of weights.

    The repeated-measures correlation (Bakdash & Marusich 2017) is that of the deviations from the
    dyads' means. ICC(A,1) is McGraw & Wong's, from the mean squares of dyads by raters; drawing
    dyads (or therapists) anew leaves the two raters as they are, for they are roles and no sample.
    """
    c, h = sums["client"].to_numpy(), sums["therapist"].to_numpy()
    dyads = weights.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mc, mh = (weights @ c) / dyads, (weights @ h) / dyads
        vc, vh = _variance(sums["client"], weights), _variance(sums["therapist"], weights)
        cov = ((weights @ (c * h)) - dyads * mc * mh) / (dyads - 1)
        vary = (vc > NOTHING**2) & (vh > NOTHING**2)
        product = np.where(vary, vc * vh, np.nan)
        rows_ms = (vc + vh + 2 * cov) / 2
        error_ms = (vc + vh - 2 * cov) / 2
        raters_ms = dyads * (mc - mh) ** 2 / 2
        icc = (rows_ms - error_ms) / (rows_ms + error_ms + 2 * (raters_ms - error_ms) / dyads)
        cc, tt = weights @ sums["cc"].to_numpy(), weights @ sums["tt"].to_numpy()
        within = np.where((cc > 0) & (tt > 0), cc * tt, np.nan)
        return {
            "r_between": np.clip(cov / np.sqrt(product), -1, 1),
            "icc": np.where(vary, icc, np.nan),
            "r_within": np.clip((weights @ sums["ct"].to_numpy()) / np.sqrt(within), -1, 1),
        }


def _correlation_rows(
    sums: pd.DataFrame,
    observed: dict[str, Array],
    drawn: dict[str, Array],
    units: by.Clusters,
    messages: list[str],
) -> dict[str, dict[str, float]]:
    values = {term: float(found[0]) for term, found in observed.items()}
    enough = {"r_between": len(sums) >= 4, "icc": len(sums) >= 5, "r_within": _moving(sums) >= 3}
    said = {
        "r_between": "Too few dyads, or no variation, for a correlation between dyads.",
        "icc": "Fewer than five dyads, or no variation, for an ICC.",
        "r_within": "Fewer than three dyads vary over sessions, so r_within is left out.",
    }
    if (sums["n"] < 2).all():  # said already, with the spread between dyads
        said.pop("r_within")
    out = {}
    for term, value in values.items():
        if not enough[term] or np.isnan(value):
            out[term] = row(np.nan)
            if term in said:
                messages.append(said[term])
        elif term == "r_between" and units.unit == "dyads":
            out[term] = _of_independent_dyads(sums)  # exact under normality
        else:
            error, low, high, p = by.correlation(value, drawn[term], units.n)
            out[term] = row(value, error, low, high, units.n - 1, p)
    return out


def _moving(sums: pd.DataFrame) -> int:
    """Return how many dyads have both ratings moving, and so a say in r_within."""
    return int(((sums["cc"] > 0) | (sums["tt"] > 0)).sum())


def _of_independent_dyads(sums: pd.DataFrame) -> dict[str, float]:
    found = pearsonr(sums["client"], sums["therapist"])
    low, high = found.confidence_interval(0.95)
    return row(found.statistic, np.nan, low, high, len(sums) - 2, found.pvalue)

"""The numbers behind the description of the gap, from sums within dyads.

Sums are taken once, of ratings counted from their common mean in units of their own spread, so
that neither a large level nor a tiny unit costs digits. Drawing whole clusters anew is then a
weighting of dyads and costs no second look at the sessions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm, pearsonr

from ...inference import cluster_bootstrap as by
from ..about_dyads import dyads_of
from .course import UNKNOWN, Row, change_row, mean_model

NOTHING = 1e-9
"""Spread below this share of the ratings' spread is rounding."""
WITHOUT_UNIT = {
    "standardised_gap", "standardised_gap_of_differences", "r_between", "r_within", "icc",
}  # fmt: skip
Array = np.ndarray


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
    dyad = dyads_of(pairs)
    groups = pairs.groupby(dyad, sort=True, observed=True)
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
    ).groupby(dyad, sort=True, observed=True)
    sums = sums.join(products.sum())
    for name in ("client_id", "therapist_id"):
        if name in pairs.columns:
            sums[name] = groups[name].first().to_numpy()
    return sums


def described(
    data: Standard, replicates: int, seed: int, messages: list[str], confidence: float = 0.95
) -> tuple[dict[str, Row], str]:
    """Return every row of the description, in points of the scale, and the unit drawn."""
    pairs = data.pairs
    sums = dyad_sums(pairs)
    units = by.clusters(sums.get("therapist_id"), sums["client_id"].to_numpy())
    messages.extend(units.messages)
    top = units.unit == "therapists"
    if data.constant:
        messages.append(
            "The gap is the same in every session: it has no spread, and no interval, standardised "
            "gap or change can be had. Was one rating copied from the other?"
        )
        weight = pd.Series(1.0, index=sums.index)
        rows = {"mean_gap": {"estimate": float(pairs["gap"].mean())}, "change_per_session": UNKNOWN}
    else:
        mean, weight = mean_model(
            pairs, sums, therapists=top, messages=messages, confidence=confidence
        )
        change = change_row(pairs, top, messages, confidence)
        rows = {"mean_gap": mean, "change_per_session": change}
    drawn = units.draws(replicates, seed)
    ones = np.ones((1, len(sums)))
    spread = _spread(sums, ones, weight), _spread(sums, drawn, weight)
    rows |= _spread_rows(*spread, units, data.constant, messages, confidence)
    together = _correlations(sums, ones), _correlations(sums, drawn)
    rows |= _correlation_rows(sums, *together, units, messages, confidence)
    points = {"estimate", "std_error", "conf_low", "conf_high"}
    for term in rows.keys() - WITHOUT_UNIT:
        rows[term] = {k: v * data.unit if k in points else v for k, v in rows[term].items()}
    return rows, units.unit


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
    units: by.Clusters,
    constant: bool,
    messages: list[str],
    confidence: float,
) -> dict[str, Row]:
    rows = {}
    for term in ("standardised_gap", "standardised_gap_of_differences", "loa_low", "loa_high"):
        value = float(observed[term][0])
        if constant:
            rows[term] = UNKNOWN if term.endswith("differences") else {"estimate": value}
        else:
            rows[term] = _named(*by.plain(value, drawn[term], units, confidence))
    lacking = [t for t in ("standardised_gap", "loa_low") if np.isnan(rows[t]["estimate"])]
    if lacking and not constant:
        messages.append(f"{', '.join(lacking)}: no variation between dyads to measure it by.")
    variance, noise = float(observed["variance"][0]), float(observed["noise"][0])
    if np.isnan(variance):
        messages.append(
            "Every dyad has one session, so the spread between dyads cannot be told from the "
            "noise of a session; sd_between_dyads and r_within are left out."
        )
        rows["sd_between_dyads"] = UNKNOWN
    elif constant:
        rows["sd_between_dyads"] = {"estimate": 0.0}
    else:
        found = by.standard_deviation(variance, drawn["variance"], noise, units, confidence)
        rows["sd_between_dyads"] = _named(*found)
    return rows


def _named(estimate: float, std_error: float, low: float, high: float, **more: float) -> Row:
    ends = {"conf_low": low, "conf_high": high}
    return {"estimate": estimate, "std_error": std_error, **ends, **more}


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
    confidence: float,
) -> dict[str, Row]:
    moving = int(((sums["cc"] > 0) | (sums["tt"] > 0)).sum())
    enough = {"r_between": len(sums) >= 4, "icc": len(sums) >= 5, "r_within": moving >= 3}
    said = {
        "r_between": "Too few dyads, or no variation, for a correlation between dyads.",
        "icc": "Fewer than five dyads, or no variation, for an ICC.",
        "r_within": "Fewer than three dyads vary over sessions, so r_within is left out.",
    }
    if (sums["n"] < 2).all():  # said already, with the spread between dyads
        said.pop("r_within")
    out = {}
    for term, (value, *_) in observed.items():
        if not enough[term] or np.isnan(value):
            out[term] = UNKNOWN
            messages += [said[term]] if term in said else []
        elif term == "r_between" and units.unit == "dyads":  # exact under normality
            found = pearsonr(sums["client"], sums["therapist"])
            ends = found.confidence_interval(confidence)
            df = float(len(sums) - 2)
            out[term] = _named(found.statistic, np.nan, *ends, df=df, p_value=found.pvalue)
        else:
            *known, p = by.correlation(float(value), drawn[term], units, confidence)
            out[term] = _named(*known, df=float(units.n - 1), p_value=p)
    if out["r_between"].get("conf_high", 0.0) < 0:  # both rate one alliance
        messages.append(
            f"Between dyads the two ratings go against each other (r_between "
            f"{out['r_between']['estimate']:.2f}). Is a higher score the better alliance in both "
            "forms? If one of them is reversed, no number here means anything."
        )
    return out

"""The numbers behind the description of the gap, from sums within dyads.

Sums are taken once; a bootstrap over whole therapists (or dyads) is then a weighting of dyads
and costs no second look at the sessions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm, t


@dataclass(frozen=True)
class Bootstrapped:
    """An estimate with its bootstrap standard error and percentile limits."""

    estimate: float
    std_error: float
    low: float
    high: float


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


def dyad_sums(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return, for each dyad, the number of sessions, means and within-dyad sum of squares."""
    groups = pairs.groupby("client_id", sort=True, observed=True)
    sums = groups[["client", "therapist", "gap"]].mean()
    sums["n"] = groups.size()
    sums["within_ss"] = groups["gap"].var(ddof=0).to_numpy() * sums["n"]
    if "therapist_id" in pairs.columns:
        sums["therapist_id"] = groups["therapist_id"].first()
    return sums


def model_terms(pairs: pd.DataFrame, messages: list[str]) -> dict[str, dict[str, float]]:
    """Return the mean gap and its change over sessions, with dyads and therapists respected."""
    if _constant(pairs["gap"]):
        messages.append(
            "The gap is the same in every session: it has no spread, and no interval, standardised "
            "gap or change can be had. Was one rating copied from the other?"
        )
        return {"mean_gap": row(pairs["gap"].mean()), "change_per_session": row(np.nan)}
    levels = _levels(pairs, messages)
    rows = {"mean_gap": _fitted("gap ~ 1", levels, pairs, "Intercept", messages)}
    if pairs["session"].nunique() < 2 or "client_id" not in levels:
        messages.append("No dyad was rated at two sessions, so the gap's change is not estimated.")
        rows["change_per_session"] = row(np.nan)
    else:
        rows["change_per_session"] = _fitted("gap ~ session", levels, pairs, "session", messages)
    return rows


def _constant(gap: pd.Series) -> bool:
    return len(gap) > 1 and float(gap.max() - gap.min()) < 1e-12 * max(1.0, float(gap.abs().max()))


def _levels(pairs: pd.DataFrame, messages: list[str]) -> list[str]:
    """Return the grouping columns that the data can tell apart, lowest first."""
    levels = []
    if pairs["client_id"].duplicated().any():
        levels.append("client_id")
    if "therapist_id" not in pairs.columns:
        return levels
    if pairs["therapist_id"].isna().any():
        messages.append("Some dyads have no known therapist, so the therapist level is left out.")
        return levels
    dyads = pairs.drop_duplicates("client_id")["therapist_id"]
    if 1 < len(dyads.unique()) < len(dyads):
        levels.append("therapist_id")
    else:
        messages.append("No therapist has two clients, so the therapist level is left out.")
    return levels


def _fitted(
    fixed: str, levels: list[str], pairs: pd.DataFrame, term: str, messages: list[str]
) -> dict[str, float]:
    """Return one coefficient of a multilevel model, or of least squares where there is no level."""
    if not levels:
        return mean_row(pairs["gap"].to_numpy())
    import warnings

    from ..errors import AllianceStatsWarning
    from ..multilevel import fit_multilevel

    formula = fixed + "".join(f" + (1 | {level})" for level in levels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AllianceStatsWarning)  # told in the messages instead
        fit = fit_multilevel(formula, pairs)
    if not fit.converged:
        messages.append(f"The model {formula} did not converge; its row is left out.")
        return row(np.nan)
    table = fit.tidy().query("effect == 'fixed'").set_index("term")
    columns = ["estimate", "std_error", "conf_low", "conf_high", "df", "p_value"]
    return row(*table.loc[term, columns].to_numpy(dtype=float))


def mean_row(gap: np.ndarray) -> dict[str, float]:
    """Return the mean of independent values with its t interval."""
    n = len(gap)
    if n < 2:
        return row(gap.mean())
    error = gap.std(ddof=1) / np.sqrt(n)
    half = t.ppf(0.975, n - 1) * error
    p = 2 * t.sf(abs(gap.mean()) / error, n - 1) if error > 0 else np.nan
    return row(gap.mean(), error, gap.mean() - half, gap.mean() + half, n - 1, p)


def bootstrap(sums: pd.DataFrame, replicates: int, seed: int) -> dict[str, Bootstrapped]:
    """Return the spread's estimates with a bootstrap over therapists (or dyads)."""
    weights = _resampled_weights(sums, replicates, np.random.default_rng(seed))
    observed = _spread(sums, np.ones((1, len(sums))))
    drawn = _spread(sums, weights)
    out = {}
    for name, values in drawn.items():
        finite = values[np.isfinite(values)]
        estimate = float(observed[name][0])
        if np.isnan(estimate) or len(finite) < 2:
            out[name] = Bootstrapped(estimate, np.nan, np.nan, np.nan)
            continue
        low, high = np.quantile(finite, [0.025, 0.975])
        out[name] = Bootstrapped(estimate, float(finite.std(ddof=1)), float(low), float(high))
    return out


def _resampled_weights(sums: pd.DataFrame, replicates: int, rng: np.random.Generator) -> np.ndarray:
    """Return how often each dyad is drawn, shape (replicates, dyads)."""
    whole = "therapist_id" in sums.columns and sums["therapist_id"].notna().all()
    units = sums["therapist_id"] if whole else pd.Series(sums.index)
    codes, names = pd.factorize(units)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=replicates)
    return drawn[:, codes].astype(float)


def _spread(sums: pd.DataFrame, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Return the analysis of variance of the gap, for each row of dyad weights."""
    n, gap = sums["n"].to_numpy(dtype=float), sums["gap"].to_numpy()
    dyads, sessions = weights.sum(axis=1), weights @ n
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (weights @ (n * gap)) / sessions
        between_ss = weights @ (n * gap**2) - sessions * mean**2
        ms_between = between_ss / (dyads - 1)
        ms_within = (weights @ sums["within_ss"].to_numpy()) / (sessions - dyads)
        n0 = (sessions - (weights @ n**2) / sessions) / (dyads - 1)
        variance = np.maximum((ms_between - ms_within) / n0, 0.0)
        single = sessions == dyads  # one session a dyad: between and within cannot be told apart
        total = np.sqrt(np.where(single, ms_between, variance + ms_within))
        pooled = np.sqrt(
            (_variance(sums["client"], weights) + _variance(sums["therapist"], weights)) / 2
        )
        return {
            "sd_between": np.where(single, np.nan, np.sqrt(variance)),
            "sd_total": total,
            "sd_pooled": pooled,
            "mean/sd_pooled": mean / np.where(pooled > 1e-12, pooled, np.nan),
            "mean/sd_total": mean / np.where(total > 1e-12, total, np.nan),
        }


def _variance(values: pd.Series, weights: np.ndarray) -> np.ndarray:
    x, dyads = values.to_numpy(), weights.sum(axis=1)
    mean = (weights @ x) / dyads
    return np.maximum((weights @ x**2) - dyads * mean**2, 0.0) / (dyads - 1)


def correlations(
    pairs: pd.DataFrame, sums: pd.DataFrame, messages: list[str]
) -> dict[str, dict[str, float]]:
    """Return the correlation between dyads, within dyads, and the ICC of the dyads' means."""
    return {
        "r_between": _between(sums, messages),
        "r_within": _within(pairs, messages),
        "icc": _icc(sums, messages),
    }


def _varies(*columns: pd.Series) -> bool:
    return all(column.std() > 0 for column in columns)


def _between(sums: pd.DataFrame, messages: list[str]) -> dict[str, float]:
    if len(sums) < 4 or not _varies(sums["client"], sums["therapist"]):
        messages.append("Too few dyads, or no variation, for a correlation between dyads.")
        return row(np.nan)
    from scipy.stats import pearsonr

    found = pearsonr(sums["client"], sums["therapist"])
    low, high = found.confidence_interval(0.95)
    return row(found.statistic, np.nan, low, high, len(sums) - 2, found.pvalue)


def _within(pairs: pd.DataFrame, messages: list[str]) -> dict[str, float]:
    """Return the repeated-measures correlation (Bakdash & Marusich 2017).

    It is the correlation of the deviations from each dyad's means, with one degree of freedom
    taken for each dyad. Written out because the library's analysis of covariance with a dummy a
    dyad needs memory that grows with sessions times dyads; the tests hold both equal.
    """
    repeated = pairs[pairs["client_id"].duplicated(keep=False)]
    if repeated.empty:
        return row(np.nan)
    means = repeated.groupby("client_id")[["client", "therapist"]].transform("mean")
    client, therapist = (repeated[["client", "therapist"]] - means).to_numpy().T
    dyads = repeated["client_id"].nunique()
    df = len(repeated) - dyads - 1
    if dyads < 3 or df < 2 or not (np.abs(client).max() > 1e-12 < np.abs(therapist).max()):
        messages.append("Fewer than three dyads vary over sessions, so r_within is left out.")
        return row(np.nan)
    r = float(client @ therapist / np.sqrt((client @ client) * (therapist @ therapist)))
    half = norm.ppf(0.975) / np.sqrt(df - 1)
    low, high = np.tanh(np.arctanh(np.clip(r, -1 + 1e-15, 1 - 1e-15)) + np.array([-half, half]))
    p_value = 2 * t.sf(abs(r) * np.sqrt(df / max(1 - r**2, 1e-300)), df)
    return row(r, np.nan, low, high, df, p_value)


def _icc(sums: pd.DataFrame, messages: list[str]) -> dict[str, float]:
    if len(sums) < 5 or not _varies(sums["client"], sums["therapist"]):
        messages.append("Fewer than five dyads, or no variation, for an ICC.")
        return row(np.nan)
    from ..pingouin_adapter import icc_a1

    estimate, p, low, high = icc_a1(sums["client"].to_numpy(), sums["therapist"].to_numpy())
    return row(estimate, np.nan, low, high, np.nan, p)

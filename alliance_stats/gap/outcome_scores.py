"""How good are forecasts: calibration, discrimination, sensitivity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

Array = np.ndarray
EDGE = 0.005
"""Forecasts of 0 and 1 have no log odds; they are taken as this far from the edge."""


def wilson(hits: float, n: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share; NaN without cases."""
    if n == 0:
        return np.nan, np.nan
    z = stats.norm.ppf(0.975)
    p = hits / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return float(max(middle - half, 0.0)), float(min(middle + half, 1.0))


def calibration_curve(part: pd.DataFrame, bins: int) -> pd.DataFrame:
    """Return forecasts in groups of about equal size, with what came to pass."""
    ranks = part["forecast"].rank(method="average", pct=True)  # equal forecasts stay together
    group = np.minimum((ranks * bins).to_numpy().astype(int), bins - 1)
    groups = part.assign(bin=group).groupby("bin")
    out = groups.agg(
        n=("observed", "size"), forecast=("forecast", "mean"), observed=("observed", "mean")
    )
    ends = [wilson(n * p, n) for n, p in zip(out["n"], out["observed"], strict=True)]
    return out.assign(
        conf_low=[low for low, _ in ends], conf_high=[high for _, high in ends]
    ).reset_index()


def discrimination(forecast: Array, observed: Array) -> dict[str, float]:
    """Return the AUC with its interval.

    Hanley & McNeil (1982, doi 10.1148/radiology.143.1.7063747).
    """
    yes, no = int(observed.sum()), int((1 - observed).sum())
    ranks = stats.rankdata(forecast)
    auc = (ranks[observed == 1].sum() - yes * (yes + 1) / 2) / (yes * no)
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (yes - 1) * (q1 - auc**2) + (no - 1) * (q2 - auc**2)
    error = np.sqrt(variance / (yes * no))
    return {
        "estimate": float(auc), "std_error": float(error),
        "conf_low": float(max(auc - 1.959964 * error, 0)),
        "conf_high": float(min(auc + 1.959964 * error, 1)),
    }  # fmt: skip


def calibration_line(
    part: pd.DataFrame, target: str, messages: list[str]
) -> dict[str, dict[str, float]]:
    """Return calibration intercept (at slope 1) and slope, errors clustered by therapist."""
    forecast = part["forecast"].to_numpy()
    edge = (forecast < EDGE) | (forecast > 1 - EDGE)
    if edge.any():
        messages.append(
            f"'{target}': {int(edge.sum())} forecasts of 0 or 1 are taken as {EDGE:g} from it for "
            "the calibration line, since they have no log odds."
        )
    clipped = np.clip(forecast, EDGE, 1 - EDGE)
    logit = np.log(clipped / (1 - clipped))
    if np.ptp(logit) < 1e-9:
        messages.append(f"'{target}': all forecasts are alike, so there is no slope.")
        nothing = {"estimate": np.nan}
        return {"calibration_intercept": nothing, "calibration_slope": nothing}
    clusters = pd.factorize(part["therapist_id"])[0]
    observed = part["observed"].to_numpy()
    intercept = _logistic(observed, np.ones((len(logit), 1)), clusters, offset=logit)[0]
    slope = _logistic(observed, np.column_stack([np.ones(len(logit)), logit]), clusters)[1]
    return {"calibration_intercept": intercept, "calibration_slope": slope}


def _logistic(
    observed: Array, X: Array, clusters: Array, offset: Array | None = None
) -> list[dict[str, float]]:
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM

    model = GLM(observed, X, family=Binomial(), offset=offset)
    if len(np.unique(clusters)) > 2:
        fit = model.fit(cov_type="cluster", cov_kwds={"groups": clusters})
    else:
        fit = model.fit()
    low, high = np.asarray(fit.conf_int()).T
    return [
        {
            "estimate": float(fit.params[i]), "std_error": float(fit.bse[i]),
            "statistic": float(fit.tvalues[i]), "df": np.inf, "p_value": float(fit.pvalues[i]),
            "conf_low": float(low[i]), "conf_high": float(high[i]),
        }
        for i in range(X.shape[1])
    ]  # fmt: skip


def foreseen(
    clients: pd.DataFrame, threshold: float | None, messages: list[str]
) -> list[dict[str, Any]]:
    """Return how many of those who deteriorated were foreseen to, with Wilson's intervals."""
    exclusive = clients[clients["target"].isin(["improved", "unchanged", "deteriorated"])]
    said_of = exclusive.set_index(["client_id", "target"])["forecast"]
    wide = said_of.unstack("target")  # noqa: PD010 - keys are unique, nothing to aggregate
    if "deteriorated" not in wide:
        return []
    worse = exclusive[exclusive["target"] == "deteriorated"].set_index("client_id")["observed"]
    worse = worse.dropna()
    wide = wide.loc[worse.index]
    if threshold is None and wide.shape[1] < 3:
        messages.append(
            "Sensitivity to deterioration needs forecasts of improved, unchanged and "
            "deteriorated, or threshold=."
        )
        return []
    if threshold is None:
        said = wide["deteriorated"].eq(wide.max(axis=1)) & wide.notna().all(axis=1)
        rule = "it was the most likely of three"
    else:
        said = wide["deteriorated"] >= threshold
        rule = f"its forecast was {threshold:g} or more"
    did = worse == 1
    both = int((said & did).sum())
    messages.append(
        f"Deterioration counts as foreseen where {rule}: foreseen of {int(said.sum())} clients, "
        f"seen in {int(did.sum())} of {len(did)}, both in {both}."
    )
    shares = {
        "sensitivity": (both, int(did.sum())),
        "specificity": (int((~said & ~did).sum()), int((~did).sum())),
        "predictive_value": (both, int(said.sum())),
    }
    rows = []
    if not said.any():
        messages.append("No deterioration was foreseen, so there is no predictive value.")
    for name, (hits, n) in shares.items():
        low, high = wilson(hits, n)
        value = hits / n if n else np.nan
        term = f"deteriorated:{name}"
        rows.append({"term": term, "estimate": value, "conf_low": low, "conf_high": high})
    return rows

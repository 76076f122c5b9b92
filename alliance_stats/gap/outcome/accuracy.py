"""How good are forecasts: calibration, discrimination, sensitivity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ...inference.rows import t_row
from ...inference.shares import wilson

Array = np.ndarray
FEW = 20
EDGE = 0.005
"""Forecasts of 0 and 1 have no log odds; they are taken as this far from the edge."""


def calibration_curve(part: pd.DataFrame, bins: int, confidence: float = 0.95) -> pd.DataFrame:
    """Return forecasts in groups of about equal size, with what came to pass."""
    ranks = part["forecast"].rank(method="average", pct=True)  # equal forecasts stay together
    # the rounding guards .6 * 5 = 3.0000000000000004, which would open a further group
    group = np.ceil((ranks * bins).round(9).to_numpy()).astype(int) - 1
    groups = part.assign(bin=group).groupby("bin")
    out = groups.agg(
        n=("observed", "size"), forecast=("forecast", "mean"), observed=("observed", "mean")
    )
    counts = zip(out["n"], out["observed"], strict=True)
    ends = [wilson(n * p, n, confidence) for n, p in counts]
    return out.assign(
        conf_low=[low for low, _ in ends], conf_high=[high for _, high in ends]
    ).reset_index()


def discrimination(
    forecast: Array, observed: Array, clusters: Array, confidence: float = 0.95
) -> dict[str, float]:
    """Return the AUC with an interval that respects clusters.

    Obuchowski (1997, doi 10.2307/2533958); with one client a cluster it is DeLong's.
    """
    yes, no = forecast[observed == 1], forecast[observed == 0]
    m, n = len(yes), len(no)
    wins = (yes[:, None] > no).astype(float) + 0.5 * (yes[:, None] == no)
    auc = float(wins.mean())
    size = int(clusters.max()) + 1
    of_yes, of_no = clusters[observed == 1], clusters[observed == 0]
    own_yes = np.bincount(of_yes, wins.mean(axis=1) - auc, minlength=size)
    own_no = np.bincount(of_no, wins.mean(axis=0) - auc, minlength=size)
    with_yes, with_no = len(np.unique(of_yes)), len(np.unique(of_no))
    if min(with_yes, with_no) < 2:
        return {"estimate": auc}
    variance = with_yes / (with_yes - 1) * float(own_yes @ own_yes) / m**2
    variance += with_no / (with_no - 1) * float(own_no @ own_no) / n**2
    variance += 2 * size / (size - 1) * float(own_yes @ own_no) / (m * n)
    if variance < 0:
        return {"estimate": auc}
    row = t_row(auc, np.sqrt(variance), size - 1, confidence)
    del row["p_value"]  # of an AUC of zero, which nobody asks about
    return row | {"conf_low": max(row["conf_low"], 0.0), "conf_high": min(row["conf_high"], 1.0)}


def calibration_line(
    part: pd.DataFrame, target: str, messages: list[str], confidence: float = 0.95
) -> dict[str, dict[str, float]]:
    """Return calibration intercept (at slope 1) and slope, errors clustered by therapist.

    No multilevel model: whether forecasts hold is asked of all clients, not of one therapist's.
    """
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
    if clusters.max() < 2:  # _logistic needs three
        messages.append(
            f"'{target}': the calibration line takes clients as independent, since there are only "
            f"{clusters.max() + 1} therapists; its intervals may be too narrow."
        )
    elif clusters.max() < FEW:
        messages.append(
            f"'{target}': errors of the calibration line rest on {clusters.max() + 1} therapists; "
            f"with fewer than {FEW} they may be too small all the same."
        )
    observed = part["observed"].to_numpy()
    one = np.ones((len(logit), 1))
    return {
        "calibration_intercept": _logistic(observed, one, clusters, confidence, offset=logit),
        "calibration_slope": _logistic(observed, np.c_[one, logit], clusters, confidence),
    }


def _logistic(
    observed: Array, X: Array, clusters: Array, confidence: float, offset: Array | None = None
) -> dict[str, float]:
    """Return the row of the last coefficient."""
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM

    model = GLM(observed, X, family=Binomial(), offset=offset)
    n = len(np.unique(clusters))
    df = float(n - 1 if n > 2 else len(observed) - X.shape[1])
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": clusters}) if n > 2 else model.fit()
    row = t_row(fit.params[-1], fit.bse[-1], df, confidence)
    return row | {"statistic": float(fit.tvalues[-1])}


def foreseen(
    clients: pd.DataFrame,
    threshold: float | None,
    messages: list[str],
    confidence: float = 0.95,
) -> list[dict[str, Any]]:
    """Return how many of those who deteriorated were foreseen to, with Wilson's intervals."""
    exclusive = clients[clients["target"].isin(["improved", "unchanged", "deteriorated"])]
    keys = ["therapist_id", "client_id"]
    said_of = exclusive.set_index([*keys, "target"])["forecast"]
    wide = said_of.unstack("target")  # noqa: PD010 - keys are unique, nothing to aggregate
    if "deteriorated" not in wide:
        return []
    if threshold is None and wide.shape[1] < 3:
        messages.append(
            "Sensitivity to deterioration needs forecasts of improved, unchanged and "
            "deteriorated, or threshold=."
        )
        return []
    worse = exclusive[exclusive["target"] == "deteriorated"].set_index(keys)["observed"]
    worse = worse.dropna()
    without = int(wide["deteriorated"].isna().sum())
    if without:
        messages.append(
            f"{without} of {len(wide)} clients have a forecast, but none of 'deteriorated': they "
            "do not count for sensitivity, specificity and predictive value."
        )
    wide = wide.loc[worse.index]
    usable = wide.notna().all(axis=1) if threshold is None else wide["deteriorated"].notna()
    if not usable.all():
        messages.append(
            f"{int((~usable).sum())} of {len(usable)} clients lack a forecast that the rule for "
            "deterioration needs; nothing is known of what was foreseen of them, and they do not "
            "count for sensitivity, specificity and predictive value."
        )
    wide, worse = wide[usable], worse[usable]
    if threshold is None:
        others = wide.drop(columns="deteriorated").max(axis=1)
        said = wide["deteriorated"] > others
        rule = "it was the most likely of three"
        tied = int(wide["deteriorated"].eq(others).sum())
        if tied:
            messages.append(
                f"For {tied} clients deterioration was as likely as another outcome and no less "
                "than any: that is not counted as foreseen."
            )
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
        low, high = wilson(hits, n, confidence)
        value = hits / n if n else np.nan
        term = f"deteriorated:{name}"
        rows.append({"term": term, "estimate": value, "conf_low": low, "conf_high": high})
    return rows

"""The success gap by therapist: bias, shares of a caseload, ranks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ...errors import ColumnError, DesignError, require_columns
from ...inference.cluster_bootstrap import percentiles
from ...inference.rows import mean_row
from ...multilevel.fit import fitted_outcome
from ...multilevel.outcomes.reading import Asked
from ...study import Study
from ..linear import multilevel
from ..model_rows import numeric
from .forecasts import TARGETS

SMALLEST_CASELOAD = 5
COLUMNS = (
    "therapist_id", "n", "forecast", "observed", "shrunken", "rank_forecast", "rank_observed",
)  # fmt: skip


def bias_row(part: pd.DataFrame, confidence: float) -> dict[str, float]:
    """Return forecast minus observed with its interval, therapists respected where they repeat.

    A linear model: what is asked for is a mean difference of shares, in their unit.
    """
    frame = part.assign(bias=part["forecast"] - part["observed"])
    clusters = frame["therapist_id"].nunique()
    if 1 < clusters < len(frame) and frame["bias"].std() > 0:
        try:
            found = multilevel(
                "bias ~ 1 + (1 | therapist_id)", frame, df="satterthwaite", confidence=confidence
            )
        except DesignError:  # the bias differs between therapists only: each is one value
            means = frame.groupby("therapist_id")["bias"].mean()
            return mean_row(means.to_numpy(), confidence)
        return dict(found.rows(np.ones((1, 1)), ["bias"]).iloc[0])
    return mean_row(frame["bias"].to_numpy(), confidence)


def caseloads(
    study: Study,
    forecasts: pd.DataFrame,
    outcomes: pd.DataFrame,
    messages: list[str],
    confidence: float,
) -> list[dict[str, Any]]:
    """Compare shares that therapists expect of their caseload with what became of its clients.

    Each client is a row, so that a therapist counts by caseload.
    """
    shares = forecasts[forecasts["client_id"].isna() & forecasts["forecast"].notna()]
    if shares.empty:
        return []
    clients = study.tables["clients"][["client_id", "therapist_id"]]
    seen = outcomes.merge(clients, on="client_id", how="inner")
    rows = []
    for target, part in shares.groupby("target", sort=False):
        known = seen[["client_id", "therapist_id", str(target)]].dropna()
        merged = part[["therapist_id", "forecast"]].merge(known, on="therapist_id")
        lacking = int((~part["therapist_id"].isin(known["therapist_id"])).sum())
        if lacking:
            messages.append(
                f"{lacking} of {len(part)} therapists with a forecast share of '{target}' "
                "have no client whose outcome is known and do not count."
            )
        if len(merged):
            merged = merged.rename(columns={str(target): "observed"})
            rows.append({**bias_row(merged, confidence), "term": f"{target}:caseload_bias"})
    return rows


def ranks(
    clients: pd.DataFrame, replicates: int, seed: int, messages: list[str], confidence: float
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Return a row a therapist and the correlation of ranks of forecast and outcome."""
    part = clients[(clients["target"] == TARGETS[0]) & clients["observed"].notna()]
    nothing: list[dict[str, Any]] = [{"term": "rank_correlation", "estimate": np.nan}]
    if part["therapist_id"].nunique() < 3:
        return pd.DataFrame(columns=list(COLUMNS)), []
    groups = part.groupby("therapist_id", observed=True)
    table = groups[["forecast", "observed"]].mean()
    table.insert(0, "n", groups.size())
    try:
        fit = fitted_outcome("observed ~ 1 + (1 | therapist_id)", part, Asked("binomial"))
    except DesignError:
        messages.append(
            "Therapists' outcomes cannot be shrunken and ranked: with about one client each, or "
            "clients of one therapist who all end alike, therapists cannot be told from clients."
        )
        table[["shrunken", "rank_forecast", "rank_observed"]] = np.nan
        return table.reset_index()[list(COLUMNS)], nothing
    table["shrunken"] = fit.predict(table.index.to_frame()).to_numpy()
    for name, source in (("forecast", "forecast"), ("observed", "shrunken")):
        table[f"rank_{name}"] = table[source].rank(ascending=False, method="average")
    out = table.reset_index()[list(COLUMNS)]
    enough = table[table["n"] >= SMALLEST_CASELOAD]
    if len(enough) < 5 or not enough["shrunken"].std() > 1e-9 < enough["forecast"].std():
        messages.append(
            "The correlation of ranks needs five therapists with five clients or more who are "
            "found to differ in outcome and in forecast; it is left out."
        )
        return out, nothing
    row = _spearman(enough["forecast"], enough["shrunken"], replicates, seed, confidence)
    return out, [{"term": "rank_correlation", **row}]


def _spearman(
    a: pd.Series, b: pd.Series, replicates: int, seed: int, confidence: float
) -> dict[str, float]:
    """Return Spearman's correlation with the percentile interval of a bootstrap over therapists."""
    from scipy.stats import rankdata

    x, y = a.to_numpy(dtype=float), b.to_numpy(dtype=float)
    drawn = np.random.default_rng(seed).integers(0, len(x), (replicates, len(x)))
    left, right = (rankdata(v[drawn], axis=1) for v in (x, y))
    left, right = (v - v.mean(axis=1, keepdims=True) for v in (left, right))
    with np.errstate(divide="ignore", invalid="ignore"):
        r = (left * right).sum(axis=1) / np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))
    low, high = percentiles(r, confidence)
    estimate = float(np.corrcoef(rankdata(x), rankdata(y))[0, 1])
    return {
        "estimate": estimate, "std_error": float(np.nanstd(r)), "conf_low": float(low),
        "conf_high": float(high),
    }  # fmt: skip


def self_ranks(
    given: pd.DataFrame,
    therapists: pd.DataFrame,
    replicates: int,
    seed: int,
    messages: list[str],
    confidence: float,
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Return therapists with the percentile they give themselves and that of their outcome."""
    if not isinstance(given, pd.DataFrame):
        raise ColumnError(
            "self_rank must be a DataFrame with therapist_id and percentile, not "
            f"{type(given).__name__}."
        )
    require_columns(given.columns, ["therapist_id", "percentile"], what="the self-ranks")
    value = numeric(given, "percentile")
    if not value.dropna().between(0, 100).all():
        raise ColumnError("A percentile runs from 0 to 100; self_rank holds others.")
    if given["therapist_id"].duplicated().any():
        raise DesignError("self_rank must hold one row a therapist.")
    own = pd.Series(value.to_numpy(), index=given["therapist_id"])
    table = therapists.assign(self_percentile=therapists["therapist_id"].map(own))
    n = table["shrunken"].notna().sum()
    table["observed_percentile"] = (table["shrunken"].rank() - 0.5) / max(n, 1) * 100
    rows = [{"term": "self_rank:mean", **mean_row(value.dropna().to_numpy(), confidence)}]
    usable = table["n"] >= SMALLEST_CASELOAD
    known = table[usable].dropna(subset=["self_percentile", "observed_percentile"])
    messages.append(
        f"{len(known)} of {len(given)} therapists with a self-rank have {SMALLEST_CASELOAD} "
        "clients or more with a known outcome. Percentiles are among the therapists of this study, "
        "who may not be those they compared themselves with; half of any group is below its middle."
    )
    varies = len(known) >= 5 and min(known[["self_percentile", "shrunken"]].std()) > 1e-9
    if len(known) >= 2:
        gap = (known["self_percentile"] - known["observed_percentile"]).to_numpy()
        rows.append({"term": "self_rank:bias", **mean_row(gap, confidence)})
    if varies:
        own, seen = known["self_percentile"], known["shrunken"]
        found = _spearman(own, seen, replicates, seed, confidence)
        rows.append({"term": "self_rank:correlation", **found})
    else:
        rows.append({"term": "self_rank:correlation", "estimate": np.nan})
        messages.append(
            "The correlation of self-rank and outcome needs five such therapists who differ in "
            "both; it is left out."
        )
    return table, rows

"""Therapists' forecasts beside what became of their clients: one table, checked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ...errors import ColumnError, DesignError, did_you_mean, listing, require_columns
from ...instruments.criteria import Criterion
from ...study import Study
from ...study.judged import judged_pairs
from ...study.prepost import first_and_last

TARGETS = ("improved", "unchanged", "deteriorated", "dropout")


def checked_forecasts(study: Study) -> pd.DataFrame:
    """Return the table `forecasts`, or say what is wrong with it."""
    table = study.tables.get("forecasts")
    if table is None or table.empty:
        raise DesignError(
            "The study holds no table `forecasts` (therapist_id, client_id or none for a share of "
            "the caseload, target, forecast), so there is nothing to compare."
        )
    require_columns(
        table.columns, ["therapist_id", "target", "forecast"], what="the table forecasts"
    )
    strange = sorted(set(table["target"].astype(str)) - set(TARGETS))
    if strange:
        raise ColumnError(
            f"forecasts.target must be one of {', '.join(TARGETS)}; it holds {listing(strange)}."
            f"{did_you_mean(strange[0], TARGETS)}"
        )
    value = pd.to_numeric(table["forecast"], errors="coerce")
    bad = ~value.between(0, 1) & table["forecast"].notna()
    if bad.any():
        raise ColumnError(
            f"A forecast is a probability or share from 0 to 1; {int(bad.sum())} are not (first "
            f"{table['forecast'][bad].iloc[0]!r}). Divide percentages by 100."
        )
    table = table.assign(forecast=value.astype(float))
    if "client_id" not in table.columns:
        table["client_id"] = None
    keys = ["therapist_id", "client_id", "target"]
    twice = table.duplicated(keys, keep=False)
    if twice.any():
        raise DesignError(
            f"{int(twice.sum())} forecasts share therapist, client and target; keep one of each."
        )
    return table


def observed_outcomes(
    study: Study, measure: str, scale: str, rater: str, **options: Any
) -> tuple[pd.DataFrame, Criterion]:
    """Return a row a client with, for each target, 1, 0 or NaN (not known); and the criterion."""
    scores = first_and_last(study, measure=measure, scale=scale, rater=rater)
    criterion, category = judged_pairs(study, scores, **options)
    out = scores[["client_id"]].copy()
    for target in TARGETS[:3]:
        out[target] = np.where(category.isna(), np.nan, category == target).astype(float)
    ended = study.tables.get("terminations")
    out["dropout"] = np.nan
    if ended is not None and not ended.empty:
        reason = ended.drop_duplicates("client_id").set_index("client_id")["reason"]
        left = reason.where(reason != "ongoing").dropna().eq("dropout").astype(float)
        out["dropout"] = out["client_id"].map(left).astype(float)
    return out, criterion

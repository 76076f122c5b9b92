"""What the probabilities of a run are worth, put together model by model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ...errors import require_columns
from ..sample_size import DropoutSampleSize
from . import intervals, models
from .crossvalidation import Run
from .importance import permutation_importance
from .landmark import Landmark
from .metrics import Predictions
from .result import DropoutPrediction
from .therapists import by_therapist, new_therapist


def judged(
    run: Run, land: Landmark, x: pd.DataFrame, found: pd.DataFrame, size: DropoutSampleSize,
    settings: dict[str, Any], study: Any, permutations: int, messages: tuple[str, ...],
) -> DropoutPrediction:  # fmt: skip
    """Put the numbers of all models together."""
    level, seed = settings["confidence"], settings["seed"]
    codes, names = pd.factorize(land.clients["therapist_id"])
    unit = codes if settings["groups"] == "therapist_id" else pd.factorize(
        land.clients[settings["groups"]])[0]  # fmt: skip
    weights = intervals.draws(int(unit.max()) + 1, settings["replicates"], seed)
    y = land.clients["event"].to_numpy(dtype=float)
    parts: dict[str, list[pd.DataFrame]] = {
        k: [] for k in ("performance", "calibration", "net_benefit", "by_therapist",
                        "new_therapist", "fairness", "importance", "specification")
    }  # fmt: skip
    said = list(messages)
    for name, p in run.probabilities.items():
        data = Predictions(y, p, run.base, run.fold, unit)
        constant = name == "base_rate"
        own = {"performance": intervals.performance(data, weights, level, constant=constant)}
        table = by_therapist(Predictions(y, p, run.base, run.fold, codes), np.asarray(names))
        own["by_therapist"] = table
        if not constant:
            by_code = Predictions(y, p, run.base, run.fold, codes)
            own["new_therapist"], why = new_therapist(by_code, table, level)
            said += [f"{name}: {reason}" for reason in why]
            own["calibration"] = intervals.calibration_curve(data, weights, level)
            own["net_benefit"] = intervals.decision_curve(
                data, weights, np.asarray(settings["thresholds"]), level
            )
            own["importance"] = permutation_importance(run.tested[name], permutations, seed, level)
            own["fairness"] = _fairness(study, land, data, settings["fairness"], weights, level)
            if name != "boosting":
                own["specification"] = models.specification(run.final[name])
        for key, value in own.items():
            parts[key].append(value.assign(model=name))
    tables: dict[str, Any] = {key: _stacked(values) for key, values in parts.items()}
    tables["net_benefit"] = _strategies(tables["net_benefit"])
    return DropoutPrediction(
        **tables, leaks=found, folds=_folds(land, run, settings["groups"]),
        predictions=_folds(land, run, settings["groups"]).assign(event=y, **run.probabilities),
        tuning=pd.DataFrame(run.tuning), sample_size=size, flow=land.flow,
        features=tuple(map(str, x.columns)), missing=_missing(x), settings=settings,
        messages=tuple(said),
    )  # fmt: skip


def _stacked(parts: list[pd.DataFrame]) -> pd.DataFrame:
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame()
    whole = pd.concat(parts, ignore_index=True)
    return whole[["model", *[c for c in whole.columns if c != "model"]]]


def _strategies(table: pd.DataFrame) -> pd.DataFrame:
    """Name each row by its model; treating all or none is the same whatever the model."""
    if table.empty:
        return table
    named = table["model"].where(table["strategy"] == "model", table["strategy"])
    table = table.assign(model=named).drop(columns="strategy")
    return table.drop_duplicates(["model", "threshold"], ignore_index=True)


def _folds(land: Landmark, run: Run, groups: str) -> pd.DataFrame:
    columns = list(dict.fromkeys(["client_id", "therapist_id", groups]))
    return land.clients[columns].assign(fold=run.fold)


def _missing(x: pd.DataFrame) -> pd.DataFrame:
    counts = x.isna().sum()
    return pd.DataFrame(
        {
            "feature": x.columns,
            "n_missing": counts.to_numpy(),
            "share": (counts / len(x)).to_numpy(),
        }
    )


def _fairness(
    study: Any, land: Landmark, data: Predictions, columns: Sequence[str], weights: np.ndarray,
    confidence: float,
) -> pd.DataFrame:  # fmt: skip
    clients = study.tables["clients"]
    if columns:
        require_columns(clients.columns, list(columns), what="the clients' table (fairness)")
    parts = []
    for column in columns:
        group = land.clients["client_id"].map(clients.set_index("client_id")[column])
        group = group.astype(object).where(group.notna(), "not known")
        parts.append(intervals.by_group(data, group, weights, confidence).assign(by=column))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

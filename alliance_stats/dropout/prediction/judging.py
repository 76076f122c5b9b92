"""What the probabilities of a run are worth, put together model by model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ...inference.cluster_bootstrap import times_drawn
from ...study import Study
from ...study.labels import labelled
from ..sample_size import DropoutSampleSize
from . import intervals, models
from .crossvalidation import Run
from .importance import permutation_importance
from .landmark import Landmark
from .metrics import Predictions
from .result import DropoutPrediction
from .therapists import by_therapist, new_therapist, none_shown

TABLES = ("performance", "calibration", "net_benefit", "by_therapist", "new_therapist", "fairness",
          "importance", "specification")  # fmt: skip
IN_THE_LARGE = (
    "Calibration in the large is near 0 by construction here: the folds that train and those that "
    "test come from the same clients. It says nothing about other clinics or years."
)


def judged(
    run: Run, land: Landmark, x: pd.DataFrame, found: pd.DataFrame, size: DropoutSampleSize,
    settings: dict[str, Any], cohort: dict[str, str], messages: tuple[str, ...], study: Study,
) -> DropoutPrediction:  # fmt: skip
    """Put the numbers of all models together."""
    unit = pd.factorize(land.clients[settings["groups"]])[0]
    weights = times_drawn(int(unit.max()) + 1, settings["replicates"], settings["seed"])
    y = land.clients["event"].to_numpy(dtype=float)
    parts: dict[str, list[pd.DataFrame]] = {key: [] for key in TABLES}
    said = list(messages)
    if len(run.probabilities) > 1:
        said.append(IN_THE_LARGE)
    for name, p in run.probabilities.items():
        data = Predictions(y, p, run.base, run.fold, unit)
        own, why = _of_model(name, data, run, land, settings, study, weights)
        said += [f"{name}: {reason}" for reason in why]
        for key, value in own.items():
            parts[key].append(value.assign(model=name))
    tables: dict[str, Any] = {key: _stacked(values) for key, values in parts.items()}
    tables["net_benefit"] = _strategies(tables["net_benefit"])
    columns = dict.fromkeys(["client_id", "therapist_id", settings["groups"]])
    folds = land.clients[list(columns)].assign(fold=run.fold)
    return DropoutPrediction(
        **tables, leaks=found, folds=folds,
        predictions=folds.assign(event=y, **run.probabilities),
        tuning=pd.DataFrame(run.tuning), sample_size=size, flow=land.flow,
        features=tuple(map(str, x.columns)), missing=_missing(x), settings=settings,
        cohort=cohort, messages=tuple(dict.fromkeys(said)),
        title="Prediction of dropout, tested on unseen "
        + ("therapists" if settings["unseen_therapists"] else "sites"),
    )  # fmt: skip


def _of_model(
    name: str, data: Predictions, run: Run, land: Landmark, settings: dict[str, Any], study: Study,
    weights: np.ndarray,
) -> tuple[dict[str, pd.DataFrame], list[str]]:  # fmt: skip
    """Return the tables of one model, and what could not be shown."""
    level, seed, constant = settings["confidence"], settings["seed"], name == "base_rate"
    codes, names = pd.factorize(land.clients["therapist_id"])
    by_code = replace(data, cluster=codes)
    table, said = intervals.performance(data, weights, level, constant=constant, seed=seed)
    own = {"performance": table, "by_therapist": by_therapist(by_code, np.asarray(names))}
    if constant:
        return own, said
    said += _floor(table)
    own["new_therapist"], why = (
        new_therapist(by_code, level) if settings["unseen_therapists"]
        else none_shown("therapists have clients in several folds, so none of them is new.")
    )  # fmt: skip
    said += why
    own["calibration"] = intervals.calibration_curve(data, weights, level)
    risks = np.asarray(settings["thresholds"])
    own["net_benefit"] = intervals.decision_curve(data, weights, risks, level)
    own["importance"] = permutation_importance(
        run.tested[name], settings["permutations"], seed, level
    )
    own["fairness"], why = _fairness(study, land, data, settings["fairness"], weights, level)
    said += why
    if name != "boosting":
        own["specification"] = models.specification(run.final[name])
    return own, said


def _floor(table: pd.DataFrame) -> list[str]:
    """Say what ICI a perfectly calibrated model would show."""
    row = table.set_index("metric").loc["ici"]
    if not np.isfinite([row["estimate"], row["if_calibrated"]]).all():
        return []
    return [
        f"ICI {row['estimate']:.3f}; with so many clients a perfectly calibrated model would show "
        f"{row['if_calibrated']:.3f} on average."
    ]


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
    study: Study, land: Landmark, data: Predictions, columns: Sequence[str], weights: np.ndarray,
    confidence: float,
) -> tuple[pd.DataFrame, list[str]]:  # fmt: skip
    clients = study.tables["clients"].set_index("client_id")
    parts, said = [], []
    for column in columns:
        group = labelled(study, clients[column]).reindex(land.clients["client_id"].to_numpy())
        group = group.astype(object).where(group.notna(), "not known").reset_index(drop=True)
        table, why = intervals.by_group(data, group.astype(str), weights, confidence)
        parts.append(table.assign(by=column))
        said += [f"{column} {reason}" for reason in why]
    return (pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()), said

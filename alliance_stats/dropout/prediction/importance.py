"""Permutation importance on clients the model has not seen, with its spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Tested:
    """A fitted model and the clients it was tested on."""

    model: Any
    x: pd.DataFrame
    y: np.ndarray


def permutation_importance(
    tested: Sequence[Tested], repeats: int, seed: int, confidence: float
) -> pd.DataFrame:
    """Return how much the log loss grows where a feature is shuffled among the tested clients.

    Columns ``feature, estimate, sd, low, high``: mean, standard deviation and percentiles over
    folds and repeats. They say how much the growth varies between folds and shuffles, and are no
    confidence limits: the folds share most of their training clients. Features that stand for one
    another share what they are worth, and none of it is an effect.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for name in tested[0].x.columns:
        grows = []
        for part in tested:
            before = _loss(part.y, part.model.predict(part.x))
            for _ in range(repeats):
                shuffled = part.x.copy()
                shuffled[name] = part.x[name].to_numpy()[rng.permutation(len(part.x))]
                grows.append(_loss(part.y, part.model.predict(shuffled)) - before)
        low, high = np.quantile(grows, [(1 - confidence) / 2, (1 + confidence) / 2])
        rows.append((str(name), np.mean(grows), np.std(grows, ddof=1), low, high))
    columns = ["feature", "estimate", "sd", "low", "high"]
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values("estimate", ascending=False, ignore_index=True)


def _loss(y: np.ndarray, p: np.ndarray) -> float:
    safe = np.clip(p, 1e-9, 1 - 1e-9)
    return float(-np.mean(y * np.log(safe) + (1 - y) * np.log(1 - safe)))

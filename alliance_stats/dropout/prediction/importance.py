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
    grown: dict[str, list[float]] = {str(name): [] for name in tested[0].x.columns}
    for part in tested:
        for name, values in _growth(part, repeats, rng).items():
            grown[name] += values
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    rows = [
        (name, np.mean(values), np.std(values, ddof=1), *np.quantile(values, tails))
        for name, values in grown.items()
    ]
    columns = ["feature", "estimate", "sd", "low", "high"]
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values("estimate", ascending=False, ignore_index=True)


def _growth(part: Tested, repeats: int, rng: np.random.Generator) -> dict[str, list[float]]:
    """Return the growth of the log loss by feature, one number a shuffle.

    All shuffled clients are predicted at once: a pipeline takes as long for sixty as for thousands.
    """
    before, n = _loss(part.y, part.model.predict(part.x)), len(part.x)
    whole = pd.concat([part.x] * (repeats * part.x.shape[1]), ignore_index=True)
    for k, name in enumerate(part.x.columns):
        order = np.concatenate([rng.permutation(n) for _ in range(repeats)])
        first = k * repeats * n
        whole.iloc[first : first + repeats * n, k] = part.x[name].to_numpy()[order]
    p = part.model.predict(whole).reshape(part.x.shape[1], repeats, n)
    return {
        str(name): [_loss(part.y, once) - before for once in p[k]]
        for k, name in enumerate(part.x.columns)
    }


def _loss(y: np.ndarray, p: np.ndarray) -> float:
    safe = np.clip(p, 1e-9, 1 - 1e-9)
    return float(-np.mean(y * np.log(safe) + (1 - y) * np.log(1 - safe)))

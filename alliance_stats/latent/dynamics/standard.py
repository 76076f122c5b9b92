"""Effects in standard deviations, and correlations, of a fitted panel model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...core.display.shown import shown

if TYPE_CHECKING:
    from .result import CrossLagged


def in_groups(
    fit: CrossLagged, rows: Callable[[CrossLagged, int], pd.DataFrame], title: str
) -> pd.DataFrame:
    """Return rows of each group, one group below the other."""
    parts = [
        rows(fit, g) if fit.data.group is None else rows(fit, g).assign(subgroup=name)
        for g, name in enumerate(fit.subgroups)
    ]
    labels = {f"cor_{level}": f"Correlation {level} clients" for level in ("within", "between")}
    return shown(
        pd.concat(parts, ignore_index=True), title, shares="^cor_", **labels, **fit.term_labels()
    )


def standardised_effects(fit: CrossLagged, g: int) -> pd.DataFrame:
    """Return the standardised lagged effects of a group, by wave and their mean."""
    scores, later = [*fit.data.names], len(fit.data.time) - 1
    terms = [f"{a}_on_{b}" for a in scores for b in scores if f"{a}_on_{b}" in fit._lagged]
    structure = fit.estimates.model.structures[g]
    place = {name: i for i, name in enumerate(structure.latent)}
    rows = np.array([[place[f"w{o[0]}{t}"] for t in range(2, later + 2)] for o in terms])
    columns = np.array([[place[f"w{o[-1]}{t}"] for t in range(1, later + 1)] for o in terms])

    def standard(theta: np.ndarray) -> np.ndarray:
        m = structure.moments(fit.estimates.model.values(theta, g))
        sd = _root(np.diag(m.omega))
        own = m.matrices["path"][rows, columns] * sd[columns] / sd[rows]
        return np.hstack([own, own.mean(axis=1, keepdims=True)]).reshape(-1)

    table = fit._rows(np.repeat(terms, later + 1), standard)
    return table.assign(wave=np.tile([*fit.data.time[1:], np.nan], len(terms)))


def correlations(fit: CrossLagged, g: int) -> pd.DataFrame:
    """Return correlations of levels and of what is new at each wave, of a group."""
    structure, scores = fit.estimates.model.structures[g], [*fit.data.names]
    place = {name: i for i, name in enumerate(structure.latent)}
    terms: list[str] = []
    ends: list[list[tuple[int, int]]] = []
    times: list[float] = []
    for a, b in ((a, b) for i, b in enumerate(scores) for a in scores[:i]):
        behind = "" if len(scores) == 2 else f"_{a}_{b}"
        if f"between_{a}" in place and f"between_{b}" in place:
            terms.append(f"cor_between{behind}")
            ends.append([(place[f"between_{a}"], place[f"between_{b}"])])
            times.append(np.nan)
        if fit.model != "dynamic-panel":
            waves = range(1, len(fit.data.time) + 1)
            new = [(place[f"w{a}{t}"], place[f"w{b}{t}"]) for t in waves]
            terms += [f"cor_within{behind}"] * (len(new) + 1)
            ends += [*([one] for one in new), new[1:]]
            times += [*fit.data.time, np.nan]
    if not terms:
        return pd.DataFrame(columns=fit.table.columns)

    def correlated(theta: np.ndarray) -> np.ndarray:
        C = structure.matrices(fit.estimates.model.values(theta, g))["covariance"]
        sd = _root(np.diag(C))
        r = [[C[i, j] / (sd[i] * sd[j]) for i, j in of] for of in ends]
        return np.array([sum(own) / len(own) for own in r])

    return fit._rows(terms, correlated).assign(wave=times)


def _root(variance: np.ndarray) -> np.ndarray:
    """Return standard deviations; NaN where a variance is estimated below zero."""
    return np.sqrt(np.where(variance.real > 0, variance, np.nan))

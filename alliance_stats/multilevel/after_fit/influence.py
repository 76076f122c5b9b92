"""What single groups do to the coefficients: each is left out, without fitting anew.

The likelihood is a sum over groups, so leaving one out takes its cross-products away. Variances and
correlations stay as estimated from all, which is told where the numbers stand.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..engine.batches import Array, fixed_times, inverse_of_one_plus, times, transpose
from ..engine.deviance import covariances
from ..engine.likelihood import Level
from .effects import parents_of, upward

if TYPE_CHECKING:
    from ..result import MultilevelFit


def influence(fit: MultilevelFit) -> pd.DataFrame:
    """Return what leaving out each group would do to the coefficients.

    Which therapist, which client carries a finding?

    Returns
    -------
    pandas.DataFrame
        One row a group of every level: ``level`` (the grouping factor), ``group`` (the id),
        ``rows``, ``cooks_distance`` ((b - b_without)' Cov^-1 (b - b_without) / p), ``term``
        (whose coefficient would move farthest) and ``moved_se`` (by how many of its standard
        errors, up or down).
    """
    design, profile = fit.design, fit.optimum.profile
    relative = covariances(design.levels, fit.optimum.theta)
    crosses = upward(design.partition, design.levels, relative)
    left = [_eliminated(*one) for one in zip(crosses, design.levels, relative, strict=True)]
    total = left[-1].sum(axis=-1)
    fixed = list(profile.fixed)
    precision = total[np.ix_(fixed, fixed)]
    turn, errors = fit.to_user_scale, fit.bse.to_numpy()
    tables = []
    for number, name in enumerate(design.grouping.names):
        taken = left[number]
        units = np.arange(taken.shape[-1])
        for above in range(number + 1, len(left)):
            units = parents_of(design.partition, above - 1, left[above - 1].shape[-1])[units]
            without = crosses[above][..., units] - taken
            rest = _eliminated(without, design.levels[above], relative[above])
            taken = left[above][..., units] - rest
        remaining = np.moveaxis(total[..., None] - taken, -1, 0)
        inner = remaining[:, fixed][:, :, fixed]
        # a group without which a coefficient cannot be estimated has no estimate without it
        lost = np.linalg.cond(inner) > 1e12
        inner[lost] = np.eye(len(fixed))
        beta = np.linalg.solve(inner, remaining[:, fixed, -1][..., None])[..., 0]
        move = profile.beta - beta
        cook = np.einsum("ua,ab,ub->u", move, precision, move) / (profile.variance * len(fixed))
        moved = -(move @ turn.T) / errors
        cook[lost], moved[lost] = np.inf, np.inf
        farthest = np.abs(moved).argmax(axis=1)
        tables.append(
            pd.DataFrame(
                {
                    "level": name,
                    "group": _ids(design.grouping.labels[number]),
                    "rows": np.bincount(design.grouping.of_rows(number), minlength=len(cook)),
                    "cooks_distance": cook,
                    "term": np.array(fit.names)[farthest],
                    "moved_se": moved[np.arange(len(cook)), farthest],
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def _eliminated(cross: Array, level: Level, D: Array) -> Array:
    """Return every unit's cross-products with the level's effects eliminated."""
    z = list(level.columns)
    A_z = cross[z]
    E, _ = inverse_of_one_plus(A_z[:, z], D)
    return cross - times(transpose(A_z), fixed_times(D, times(E, A_z)))


def _ids(labels: Iterable[object]) -> list[str]:
    return [":".join(map(str, key)) if isinstance(key, tuple) else str(key) for key in labels]

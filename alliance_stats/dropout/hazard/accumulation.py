"""From hazards by session to the share that has ended, averaged over therapists as a whole.

A therapist is good or bad at keeping clients through the whole therapy: those still in therapy
late are more often with one who keeps them. So the product of hazards is averaged over the random
intercept, not the hazards one by one, which would promise too many ends.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...core.people import CLIENT, SESSION
from ...errors import DesignError, require_columns
from .links import inverse_link

if TYPE_CHECKING:
    from .result import DropoutHazard

_NODES = {1: 31, 2: 15, 3: 9, 4: 7, 5: 5}
"""Points of the quadrature in each dimension, by the number of ends with a random intercept."""


def accumulated(
    fits: list[DropoutHazard], rows: pd.DataFrame, client: np.ndarray, therapists: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the share still in therapy, and the share ended in each way, after each row.

    `rows` stand in the order of sessions within clients, whose codes are `client`. From the first
    row without a prediction on, a client's values are NaN. The intercepts of several ends are
    taken as independent of one another.
    """
    place = pd.Series(client).groupby(client).cumcount().to_numpy()
    shape = (client.max() + 1, place.max() + 1)
    etas, sds = [], []
    for fit in fits:
        effect, _, sd = fit.intercepts(rows, therapists)
        etas.append(_laid_out(fit.linear_predictor(rows) + effect, client, place, shape))
        sds.append(_laid_out(sd, client, place, shape))
    moving = [k for k, sd in enumerate(sds) if np.nan_to_num(sd).any()]
    survival, ended, total = np.zeros(shape), np.zeros((len(fits), *shape)), 0.0
    for at, weight in _nodes(len(moving)):
        shift = dict(zip(moving, at, strict=True))
        hazards = np.stack(
            [
                inverse_link(fit.link, eta + sd * shift.get(k, 0.0))
                for k, (fit, eta, sd) in enumerate(zip(fits, etas, sds, strict=True))
            ]
        )
        # Binary models of each end do not know of one another; together they cannot pass 1.
        hazards = hazards / np.maximum(hazards.sum(axis=0), 1.0)
        stay = np.cumprod(1 - hazards.sum(axis=0), axis=1)
        before = np.concatenate([np.ones((shape[0], 1)), stay[:, :-1]], axis=1)
        survival += weight * stay
        ended += weight * np.cumsum(before * hazards, axis=2)
        total += weight
    return survival[client, place] / total, ended[:, client, place] / total


def hazard_of_those_there(fit: DropoutHazard, data: pd.DataFrame, therapists: str) -> pd.Series:
    """Return each row's hazard among clients like it who are still there, as `predict` says."""
    rows, codes = in_order(data, CLIENT, fit.clock)
    survival, _ = accumulated([fit], rows, codes, therapists)
    there = pd.Series(survival, index=rows.index)
    before = there.groupby(codes).shift(fill_value=1.0)
    return (1.0 - there / before).loc[data.index].rename("hazard")


def in_order(data: pd.DataFrame, by: str, clock: str = SESSION) -> tuple[pd.DataFrame, np.ndarray]:
    """Return rows in the order of sessions, which run from 1 without gaps, and who each is of."""
    require_columns(data.columns, [by, clock], what="the sessions to predict for")
    rows = data.sort_values([by, clock], kind="stable")
    expected = rows.groupby(by, observed=True).cumcount() + 1
    if (rows[clock].to_numpy() != expected.to_numpy()).any():
        what = "Sessions" if clock == SESSION else f"'{clock}'"
        raise DesignError(f"{what} must run from 1 without gaps for each client.")
    return rows, pd.factorize(rows[by])[0]


def _laid_out(
    values: np.ndarray, client: np.ndarray, place: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Return values as clients by sessions; NaN where a client has no such session."""
    out = np.full(shape, np.nan)
    out[client, place] = values
    return out


def _nodes(dimensions: int) -> list[tuple[tuple[float, ...], float]]:
    if dimensions == 0:
        return [((), 1.0)]
    points, weights = np.polynomial.hermite_e.hermegauss(_NODES.get(dimensions, 4))
    grid = product(range(len(points)), repeat=dimensions)
    return [(tuple(points[i] for i in at), float(np.prod([weights[i] for i in at]))) for at in grid]

"""Both raters' items side by side, and their covariances within and between dyads."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ...errors import DesignError
from ...inference.cluster_bootstrap import Clusters, clusters
from ...study import Study
from ...study.item_table import item_table, items_card
from ...study.select import is_study, scale_of
from ..about_dyads import dyads_of
from ..pairs import with_therapist

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class ItemSums:
    """What is needed of each dyad: sessions, means and within sums of products, 2k columns.

    The client's k items come first, the therapist's k after them, in the same order.
    """

    items: tuple[int, ...]
    n: Array
    means: Array
    within: Array
    units: Clusters
    n_sessions: int
    incomplete: int

    def moments(self, weights: Array) -> tuple[Array, Array]:
        """Return covariances within and between (true dyad levels), for each row of weights.

        The covariance of dyads' means holds 1/n of that within; it is taken off, so that what is
        left is of lasting levels. NaN within where no dyad has two sessions.
        """
        dyads, sessions = weights.sum(axis=1), weights @ self.n
        k = self.means.shape[1]
        flat = (weights @ self.within.reshape(len(self.n), -1)).reshape(-1, k, k)
        free = sessions - dyads
        with np.errstate(divide="ignore", invalid="ignore"):
            within = np.where(free[:, None, None] > 0, flat / free[:, None, None], np.nan)
        means = self.means - self.means.mean(axis=0)  # a large level would cost digits
        mean = (weights @ means) / dyads[:, None]
        square = np.einsum("rd,di,dj->rij", weights, means, means, optimize=True)
        between = square - dyads[:, None, None] * mean[:, :, None] * mean[:, None, :]
        between /= (dyads - 1)[:, None, None]
        noise = (weights @ (1 / self.n)) / dyads
        return within, between - np.nan_to_num(within * noise[:, None, None])


def item_sums(study: Study, measure: str, scale: str) -> ItemSums:
    """Return the sums of the sessions in which both raters answered every item of the scale."""
    if not is_study(study):
        raise DesignError(
            "check_parallel_forms needs a Study with items (al.open_study), not "
            f"{'nothing' if study is None else type(study).__name__}."
        )
    items = [int(item) for item in scale_of(items_card(study, measure), scale).items]
    if len(items) < 2:
        raise DesignError(f"The scale '{scale}' has one item; reliability needs two or more.")
    forms = {rater: item_table(study, measure, rater, items) for rater in ("client", "therapist")}
    sides = [forms[rater].add_prefix(f"{rater} ") for rater in ("client", "therapist")]
    both = sides[0].join(sides[1], how="inner")
    complete = both.dropna()
    if complete.empty:
        raise DesignError(
            f"No session has all items of {measure} ({scale}) from both client and therapist."
        )
    return _sums(study, complete, items, len(both) - len(complete))


def _sums(study: Study, complete: pd.DataFrame, items: list[int], incomplete: int) -> ItemSums:
    messages: list[str] = []
    keys = complete.index.to_frame(index=False)
    keys = with_therapist(keys, keys, study, messages)
    codes, _ = pd.factorize(dyads_of(keys), sort=True)
    values = complete.to_numpy(dtype=float)[keys.index]
    n = np.bincount(codes).astype(float)
    means = np.stack([np.bincount(codes, column) / n for column in values.T], axis=1)
    order = np.argsort(codes, kind="stable")
    deviation = (values - means[codes])[order]
    starts = np.searchsorted(codes[order], np.arange(len(n)))
    within = np.add.reduceat(deviation[:, :, None] * deviation[:, None, :], starts)
    first = keys.iloc[order[starts]]
    units = clusters(first.get("therapist_id"), first["client_id"].to_numpy())
    units = replace(units, messages=(*messages, *units.messages))
    return ItemSums(tuple(items), n, means, within, units, len(values), incomplete)

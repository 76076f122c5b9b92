"""Both raters' items side by side, and their covariances within and between dyads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..errors import DesignError, did_you_mean, listing

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
    clusters: Array
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
        mean = (weights @ self.means) / dyads[:, None]
        square = np.einsum("rd,di,dj->rij", weights, self.means, self.means, optimize=True)
        between = square - dyads[:, None, None] * mean[:, :, None] * mean[:, None, :]
        between /= (dyads - 1)[:, None, None]
        noise = (weights @ (1 / self.n)) / dyads
        return within, between - np.nan_to_num(within * noise[:, None, None])


def item_sums(study: Any, measure: str, scale: str) -> ItemSums:
    """Return the sums of the sessions in which both raters answered every item of the scale."""
    card, ratings = _card(study, measure), study.tables.get("ratings")
    if scale not in card.scales:
        raise DesignError(
            f"{measure} has no scale '{scale}'; it has {listing(card.scales)}."
            f"{did_you_mean(scale, card.scales)}"
        )
    items = [int(item) for item in card.scales[scale].items]
    if len(items) < 2:
        raise DesignError(f"The scale '{scale}' has one item; reliability needs two or more.")
    if ratings is None or ratings.empty:
        raise DesignError("The study holds no items (table `ratings`), only scores.")
    forms = {
        rater: _form(study, card, ratings, measure, rater, items)
        for rater in ("client", "therapist")
    }
    sides = [forms[rater].add_prefix(f"{rater} ") for rater in ("client", "therapist")]
    both = sides[0].join(sides[1], how="inner")
    complete = both.dropna()
    if complete.empty:
        raise DesignError(
            f"No session has all items of {measure} ({scale}) from both client and therapist."
        )
    return _sums(study, complete, items, len(both) - len(complete))


def _card(study: Any, measure: str) -> Any:
    card = getattr(study, "measures", {}).get(measure)
    if card is None:
        raise DesignError(
            f"There is no card for the measure '{measure}', so its items are not known."
            f"{did_you_mean(measure, getattr(study, 'measures', {}))}"
        )
    return card


def _form(
    study: Any, card: Any, ratings: pd.DataFrame, measure: str, rater: str, items: list[int]
) -> pd.DataFrame:
    """Return a rater's answers, one row a session, reversed items turned, impossible ones NaN."""
    part = ratings[(ratings["measure"] == measure) & (ratings["rater"] == rater)]
    part = part[part["item"].isin(items)]
    if part.empty:
        there = pd.unique(ratings.loc[ratings["rater"] == rater, "measure"])
        raise DesignError(
            f"The {rater}s have no items of {measure} in this study, only of "
            f"{listing(there) or 'nothing'}.{did_you_mean(measure, there)}"
        )
    answers = part.set_index(["client_id", "session", "item"])["value"].astype(float)
    wide = answers.unstack("item").reindex(columns=items)  # noqa: PD010 - keys are unique
    turned = (measure, rater) in getattr(study, "already_reversed", ())
    for item in items:
        low, high = card.item_range(item)
        values = wide[item].where(wide[item].between(low, high))
        wide[item] = low + high - values if item in card.reversed_items and not turned else values
    return wide


def _sums(study: Any, complete: pd.DataFrame, items: list[int], incomplete: int) -> ItemSums:
    ids = complete.index.get_level_values("client_id")
    codes, names = pd.factorize(ids, sort=True)
    values = complete.to_numpy(dtype=float)
    n = np.bincount(codes).astype(float)
    means = np.stack([np.bincount(codes, column) / n for column in values.T], axis=1)
    order = np.argsort(codes, kind="stable")
    deviation = (values - means[codes])[order]
    starts = np.searchsorted(codes[order], np.arange(len(n)))
    within = np.add.reduceat(deviation[:, :, None] * deviation[:, None, :], starts)
    return ItemSums(
        tuple(items), n, means, within, _clusters(study, names), len(values), incomplete
    )


def _clusters(study: Any, names: Any) -> Array:
    clients = study.tables.get("clients")
    if clients is not None and "therapist_id" in clients:
        of = clients.drop_duplicates("client_id").set_index("client_id")["therapist_id"]
        therapists = of.reindex(names)
        if therapists.notna().all():
            return np.asarray(pd.factorize(therapists)[0])
    return np.arange(len(names))


def resampled(sums: ItemSums, replicates: int, seed: int) -> Array:
    """Return how often each dyad is drawn, whole therapists (else dyads) at a time."""
    n = int(sums.clusters.max()) + 1
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(n, np.full(n, 1 / n), size=replicates)
    return drawn[:, sums.clusters].astype(float)

"""Whether a client had improved reliably by the last score."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ..arguments import finite
from ..errors import DesignError, MeasureError, listing
from ..people import same_ids

_ROUNDING = 1e-9  # points that are a rounding of sums and means, and no change


def improved_by_the_end(
    study: Any,
    clients: pd.Series,
    *,
    measure: str | None = None,
    scale: str = "total",
    rater: str = "client",
    points: float | None = None,
) -> tuple[pd.Series, str]:
    """Return 1, 0 or missing for each client, and the rule in words.

    The first and the last score of the sessions decide; the change must be greater than `points`,
    by the measure's card unless given. A client with fewer than two scores cannot be judged.
    """
    scores = getattr(study, "scores", None)
    if scores is None or scores.empty:
        raise DesignError("The study has no scores, so nobody's change is known.")
    name = measure or _first_outcome(study, scores)
    card = _card(study, name)
    points = finite(points, "points", 0) if points is not None else _points(card, name, scale)
    direction = card.scales[scale].direction if card and scale in card.scales else None
    if direction is None:
        raise DesignError(f"The measure '{name}' has no card with a scale '{scale}'.")
    keep = (scores["measure"] == name) & (scores["scale"] == scale) & (scores["rater"] == rater)
    scores = same_ids(scores, clients)
    rows = scores[keep & scores["score"].notna()].sort_values(["client_id", "session"])
    if rows.empty:
        raise DesignError(f"The study has no scores of {name} {scale} by the {rater}.")
    ends = rows.groupby("client_id", observed=True)["score"].agg(["first", "last", "size"])
    sign = -1.0 if direction == "lower_is_better" else 1.0
    better = (sign * (ends["last"] - ends["first"]) > points + _ROUNDING).astype(float)
    judged = better.where(ends["size"] > 1)
    words = f"Reliable change: more than {points:g} points of {name} {scale}, first to last score."
    return clients.map(judged).astype(float), words


def _card(study: Any, name: str) -> Any:
    try:
        return study.measures[name]
    except (KeyError, MeasureError):
        return None


def _first_outcome(study: Any, scores: pd.DataFrame) -> str:
    names = [str(name) for name in pd.unique(scores["measure"])]
    for name in names:
        if getattr(_card(study, name), "construct", None) == "outcome":
            return name
    raise DesignError(
        f"None of the measures {listing(names)} is an outcome measure by its card; name one with "
        "measure=."
    )


def _points(card: Any, name: str, scale: str) -> float:
    for change in getattr(card, "reliable_change", ()):
        if change.scale == scale:
            return float(change.value)
    raise DesignError(
        f"The card of '{name}' gives no reliable change of its scale '{scale}'; give points=."
    )

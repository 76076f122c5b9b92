"""Are both ratings on one scale? By a card, by what the user says, else by the values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..core.arguments import shown
from ..errors import AllianceStatsError, DesignError, listing
from ..study import Study

SHARE_AT_END = 0.01
FEWEST_AT_END = 3
SHARE_BEYOND = 0.02
FAR_BEYOND = 0.15
"""Beyond an end by more than this share of the rater's own range."""


def require_within(
    sides: dict[str, pd.DataFrame],
    raters: tuple[str, str],
    ranges: Mapping[str, tuple[float, float]] | None,
    study: Study | None,
    measure: str | None,
    scale: str | None,
) -> bool:
    """Hold every score against what its rater's scale allows; False where nothing says it."""
    allowed = _said(ranges, raters) if ranges is not None else _of_card(study, measure, scale)
    if allowed is None:
        return False
    ends = list(allowed.values())
    if ends[0] != ends[-1]:
        raise DesignError(
            f"The raters' scales differ: {raters[0]} {_words(allowed['client'])}, {raters[1]} "
            f"{_words(allowed['therapist'])}. Put both on a common range first (not z scores, "
            "which remove the gap)."
        )
    for (role, side), rater in zip(sides.items(), raters, strict=True):
        low, high = allowed[role]
        slack = 1e-9 * (high - low)
        beyond = side[(side[role] < low - slack) | (side[role] > high + slack)]
        if len(beyond):
            ids = [f"{r.client_id}/{r.session}" for r in beyond.head(5).itertuples()]
            raise DesignError(
                f"{len(beyond)} scores of the {rater} lie outside the scale ({low:g} to {high:g}): "
                f"{side[role].min():g} to {side[role].max():g}, client/session {listing(ids)}. Are "
                "both forms on one scale? Put them on a common range, or pass same_scale=True "
                "where they are on one."
            )
    return True


def _words(ends: tuple[float, float]) -> str:
    return f"{ends[0]:g} to {ends[1]:g}"


def _said(ranges: Any, raters: tuple[str, str]) -> dict[str, tuple[float, float]]:
    wrong = DesignError(
        f"ranges must be such as {{'{raters[0]}': (1, 5), '{raters[1]}': (1, 5)}}; it is "
        f"{shown(ranges)}."
    )
    if not isinstance(ranges, Mapping) or set(ranges) != set(raters):
        raise wrong
    out = {}
    for role, rater in zip(("client", "therapist"), raters, strict=True):
        try:
            low, high = (float(end) for end in ranges[rater])
        except (TypeError, ValueError):
            raise wrong from None
        if not low < high or not np.isfinite([low, high]).all():
            raise wrong
        out[role] = (low, high)
    return out


def _of_card(
    study: Study | None, measure: str | None, scale: str | None
) -> dict[str, tuple[float, float]] | None:
    card = study.measures.get(measure) if study is not None and measure else None
    if card is None:
        return None
    names = [scale] if scale is not None else list(card.scales)
    if len(names) != 1 or names[0] not in card.scales:
        return None
    try:
        low, high = card.scale_range(names[0])
    except AllianceStatsError:
        return None
    return dict.fromkeys(("client", "therapist"), (float(low), float(high)))


def beyond_the_other(first: pd.Series, second: pd.Series) -> tuple[int, float, str] | None:
    """Return whose scale seems to end where the other's goes on: position, the end, which end.

    A scale's end shows where several ratings are exactly the largest, more than at any of the
    values next below. Without such a heap nothing can be said, and nothing is refused.
    """
    for position, (own, other) in enumerate(((first, second), (second, first))):
        for sign, word in ((1.0, "highest"), (-1.0, "lowest")):
            x, y = sign * own.to_numpy(dtype=float), sign * other.to_numpy(dtype=float)
            values, counts = np.unique(x, return_counts=True)
            if len(values) < 3:
                continue
            heap = counts[-1] >= max(FEWEST_AT_END, SHARE_AT_END * len(x))
            heap &= counts[-1] > counts[-4:-1].max()
            reach = values[-1] - values[0]
            beyond = (y > values[-1] + FAR_BEYOND * reach).mean()
            if heap and beyond > SHARE_BEYOND:
                return position, sign * float(values[-1]), word
    return None

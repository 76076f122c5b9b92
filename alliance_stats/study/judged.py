"""A study's clients judged by the one criterion of reliable change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from ..errors import DesignError
from ..instruments.criteria import Criterion, criterion_of
from ..instruments.scale_card import Card, direction_of
from .reliability import scale_reliability
from .select import ScoreName

if TYPE_CHECKING:
    from .study import Study


def judged_pairs(
    study: Study, pairs: pd.DataFrame, **options: Any
) -> tuple[Criterion, pd.Categorical]:
    """Return the criterion of a study's score, and each client's category by it.

    Parameters
    ----------
    pairs
        What `first_and_last` gives of the study.
    **options
        As `criterion_of` takes them.
    """
    measure, scale, rater = ScoreName(pairs.attrs["score"]).chosen
    found = study.measures.get(measure)
    card = Card(found, scale) if found is not None and scale in found.scales else None
    if card is None:
        raise DesignError(
            f"There is no card of '{measure}' with a scale '{scale}', so it is not known which "
            "direction is better; add a card to the study."
        )
    pre, post = (pairs[name].to_numpy(dtype=float) for name in ("pre", "post"))
    criterion = criterion_of(
        pre, post, card=card, direction=direction_of(None, card)[0],
        own_alpha=lambda: alpha_here(study, measure, scale, rater), **options,
    )  # fmt: skip
    return criterion, criterion.judge(pre, post)[1]


def alpha_here(study: Study, measure: str, scale: str, rater: str) -> tuple[float, int]:
    """Return Cronbach's alpha in a study and its number of clients; 0 where there is none."""
    table = scale_reliability(study, measure=measure)
    own = table[(table["scale"] == scale) & (table["rater"] == rater)]
    own = own[own["alpha"].between(0, 1, inclusive="neither")]
    return (float(own["alpha"].iloc[0]), int(own["n"].iloc[0])) if len(own) else (float("nan"), 0)

"""The rule about occasions whose place in the treatment nobody can tell from their labels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import yaml

from ....errors import listing
from ...stages import nearest, place_of
from ...tables import OCCASIONS
from ...times import without_order
from .registry import Finding, rule
from .view import StudyView


@rule(
    "occasion_order_unknown",
    level="warning",
    stage="meaning",
    looks_for="occasions of which neither the label nor a time says when they come",
)
def occasion_order_unknown(view: StudyView) -> Iterator[Finding]:
    """Find labels of occasions without a place: what compares occasions would stop at them."""
    if not view.has("assessments", "occasion", "score"):
        return
    frame = view.frames["assessments"]
    unplaced = list(map(str, without_order(frame)))
    if not unplaced:
        return
    occasion = view.codes("assessments", "occasion")
    labels = sorted(occasion.used())
    others = [label for label in labels if label not in unplaced]
    meant = {  # of two labels at one place only the user knows which is what
        label: nearest(label, others) if place_of(label) is None else None for label in unplaced
    }
    like = [f"'{label}' is most like '{known}'" for label, known in meant.items() if known]
    said = f" ({'; '.join(like)})" if like else ""
    line = yaml.safe_dump(
        {"occasion": {label: known or "?" for label, known in meant.items()}},
        default_flow_style=True,
        allow_unicode=True,
        width=1000,
    ).strip()
    open_ = f" For ? write what it is: {', '.join(OCCASIONS)}." if None in meant.values() else ""
    yield Finding(
        "assessments",
        f"The order of the occasions is not known, because of {listing(unplaced)}{said}. What "
        "compares occasions cannot be worked out.",
        np.flatnonzero(occasion.where(np.isin(occasion.values, unplaced))),
        column="occasion",
        hint=f"Under the file in study.yaml write recode: {line}{open_} Or say when each occasion "
        "is, by time: or week: (a column of numbers).",
        together=True,
    )

"""The rules about occasions whose labels do not say when they come, or say it as times."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import yaml

from ....core.yaml_reading import Dumper
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
    line = yaml.dump(
        {"occasion": {label: known or "?" for label, known in meant.items()}},
        Dumper=Dumper,
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


@rule(
    "occasions_are_times",
    level="info",
    stage="meaning",
    looks_for="occasions that are all numbers with decimals, which are times read as labels",
)
def occasions_are_times(view: StudyView) -> Iterator[Finding]:
    """Find occasions that are times: as labels nothing knows how far apart they are."""
    if not view.has("assessments", "occasion") or view.has("assessments", "time"):
        return
    occasion = view.codes("assessments", "occasion")
    labels = sorted(occasion.used())
    if not all(map(_NUMBER.fullmatch, labels)) or not any(map(_FRACTION.search, labels)):
        return
    yield Finding(
        "assessments",
        f"The occasions are numbers with decimals ({listing(labels, 4)}) and are read as labels: "
        "nothing knows how far apart they are.",
        np.flatnonzero(occasion.codes >= 0),
        column="occasion",
        hint="If they are times, give the column as time: instead of occasion:, with time_unit: "
        "day, week or month.",
        together=True,
    )


_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?")
_FRACTION = re.compile(r"[.,]\d*[1-9]")

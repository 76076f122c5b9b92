"""The flow of a trial, from allocation to analysis: counted for each arm, and drawn."""

from __future__ import annotations

from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd

from ...core.disclosure import OTHERS
from ...core.display import columns as col
from ...core.display import formatting as fmt
from ...core.drawing import house_style
from ...description import trial_flow
from ...description.flow import ArmStage
from ...description.trial_flow import ENDS
from ...study.select import ScoreName
from ..content import Block, Caution
from ..context import ARM, Context, Score
from ..flow_drawing import plot_flow
from ..wording import figure, table
from .sample import arms_of

KEPT = "\xa0"
"""A blank at which no line of a box breaks."""
PARTS = (*ENDS, "left_out")
MOST_DRAWN = 4
LETTERS = 110
"""About as many stand in a line across the whole width of a flow."""
OTHERWISE = (OTHERS.lower(), f"not analysed: {OTHERS.lower()}")
"""Ends, and reasons of not being analysed, that are put together because some are few."""
ELIGIBLE = (
    "Who was assessed for eligibility, and why others were not randomised, is in no table of a "
    "study: add it above the first box."
)


def flow_blocks(context: Context, score: Score, found: Any = None) -> list[Block | None]:
    """Return the flow of a trial from allocation on, as a table, and drawn where arms are few."""
    name = str(ScoreName.of(score.measure, score.scale, score.rater))
    sessions = context.study.select(name).get("session")
    times = None
    if found is not None and sessions is not None:
        first = [sessions.min()] if found.data.has_baseline else []
        times = [*first, found.data.last_common_time()]
    analysed = None if found is None else found.analysed
    stages = trial_flow(context.study, outcome=name, arm=ARM, times=times, analysed=analysed)
    if found is not None:
        stages += [
            ArmStage("left_out", f"not analysed: {why}", own & who, "allocated", arm)
            for arm, own in arms_of(context).items()
            for why, who in found.left_out.items()
        ]
    frame = flow_shown(context, stages)
    arms = list(arms_of(context))
    hidden = frame[arms].isna().any(axis=None)
    shown = (col.text("label", ""), *(col.count(arm, arm) for arm in arms))
    told = table("trial-flow", frame.drop(columns="key"), shown, withheld=hidden, score=score.title)
    drawn = None
    if len(arms) <= MOST_DRAWN:
        boxes = trial_boxes(frame, arms)
        with house_style():
            ax = plot_flow(boxes)
        alt = "; ".join(str(text).replace("\n", ", ") for text in boxes["text"])
        drawn = figure("trial-flow", ax, alt=alt, data=boxes, withheld=hidden, score=score.title)
    return [drawn, told, Caution(ELIGIBLE)]


def flow_shown(context: Context, stages: list[ArmStage]) -> pd.DataFrame:
    """Return ``key, label`` and a column of clients an arm; NaN where a number is not shown."""
    rows: dict[tuple[str, str], dict[str, float]] = {}
    for arm in dict.fromkeys(stage.group for stage in stages):
        own = [stage for stage in stages if stage.group == arm]
        for stage in own:
            if stage.key not in (*PARTS, "not_analysed"):
                shown = float(stage.clients) if context.disclosure.shows(stage.people) else np.nan
                rows.setdefault((stage.key, stage.label), {})[arm] = shown
        for keys, others in zip((tuple(ENDS), ("left_out",)), OTHERWISE, strict=True):
            parts = {s.label: s.people for s in own if s.key in keys}
            told = context.disclosure.parts(parts, whole=True)
            for label in parts:
                n = float(len(told[label])) if label in told else np.nan
                rows.setdefault((keys[0], label), {})[arm] = n
            rest = float(len(told.get(OTHERS, ()))) if told else np.nan
            rows.setdefault((keys[0], others), {})[arm] = rest
    found: list[dict[str, Any]] = [
        {"key": key, "label": label, **cells}
        for (key, label), cells in rows.items()
        if key not in PARTS  # of these withheld is said; of a part not even that there is one
        or any(n > 0 for n in cells.values())
        or (label not in OTHERWISE and all(n == 0 for n in cells.values()))
    ]
    order = {key: place for place, (_, keys) in enumerate(BOXES) for key in keys}
    found.sort(key=lambda row: order[row["key"]])
    frame = pd.DataFrame(found)
    ends = frame["key"].isin(ENDS)
    if frame.loc[ends, "label"].isin(OTHERWISE).all():  # all of them together are all who began
        frame = frame[~ends].reset_index(drop=True)
    arms = [name for name in frame.columns if name not in ("key", "label")]
    hidden = frame[arms].isna().any(axis=1)  # beside a 0, what is withheld is one to nine
    frame.loc[hidden, arms] = frame.loc[hidden, arms].replace(0.0, np.nan)
    return frame


BOXES = (
    ("Allocated", ("allocated",)),
    ("Treatment", ("started", *ENDS)),
    ("Measured", ("measured",)),
    ("Analysis", ("analysed", "left_out")),
)


def trial_boxes(frame: pd.DataFrame, arms: list[str]) -> pd.DataFrame:
    """Return the boxes of the flow, a column of them an arm, as `plot_flow` takes them."""
    boxes: list[dict[str, Any]] = []
    width = min(0.9 / len(arms), 0.4)
    wide = int(LETTERS * width)
    for place, arm in enumerate(arms):
        parent, row = -1, 0
        for head, keys in BOXES:
            part = frame[frame["key"].isin(keys)]
            if part.empty:
                continue
            lines = [
                wrapped.replace(KEPT, " ")
                for key, label, n in zip(part["key"], part["label"], part[arm], strict=True)
                if (n == n or key not in PARTS) and not (n == 0 and label in OTHERWISE)
                for wrapped in wrap(
                    f"{label.removeprefix('measured: ')}: {_n(n).replace(' ', KEPT)}", wide
                )
            ]
            text = "\n".join([arm if head == "Allocated" else head, *lines])
            boxes.append(
                {"text": text, "row": row, "parent": parent, "side": False,
                 "x": (place + 0.5) / len(arms), "width": width}
            )  # fmt: skip
            parent, row = len(boxes) - 1, row + 1
    return pd.DataFrame(boxes)


def _n(n: float) -> str:
    return "n withheld" if np.isnan(n) else f"n = {fmt.count(n)}"

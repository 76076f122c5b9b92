"""A score at each occasion, and who was lost on the way: by arm, where the study has arms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

import alliance_stats as al

from ...core.disclosure import SMALLEST_SHOWN, WithheldError
from ...core.display import columns as col
from ...core.display.formatting import interval, number, p_sentence, percent, percent_interval
from ...core.drawing import house_style, new_axes
from ...core.people import in_words
from ...core.precision import coarse, rounded
from ...description import mean_course
from ...dropout.endings import along_time, endings
from ...study.labels import by_code
from ...study.times import OCCASION, in_order, occasion_in_words
from ..content import Block, Paragraph
from ..context import ARM, Context, Score
from ..drawings import plot_occasions
from ..wording import figure, table
from .draft import Draft

COLUMNS = (
    col.text("occasion", "Occasion"),
    col.count("n", "n"),
    col.number("mean", "Mean", about="n"),
    col.number("sd", "SD"),
    col.interval(label="95% CI of the mean", about="n"),
)
LOST = ["by", "occasion", "incidence", "conf_low", "conf_high"]
"""What is told of an incidence: how many are at risk and leave at one occasion are few."""


def score_blocks(context: Context, score: Score, key: str) -> list[Block]:
    """Return mean, SD and n of a score at each occasion, as figure and table."""
    rows = context.study.tables["assessments"]
    keys = {"measure": score.measure, "scale": score.scale}
    rows = rows[(rows[list(keys)] == pd.Series(keys)).all(axis=1) & rows["score"].notna()]
    several = len(rows["rater"].unique()) > 1
    by = "rater" if several or context.arms is None else ARM
    if context.arms is not None and by == ARM:
        rows = rows.assign(**{ARM: rows["client_id"].map(context.arms)})
    course = mean_course(rows, time=OCCASION, by=None if by == "rater" else ARM)
    if by == ARM:
        course[ARM] = pd.Categorical(course[ARM], by_code(context.study, rows[ARM]), ordered=True)
        course = course.sort_values(ARM, kind="stable")
    if not context.disclosure.everything:
        course = course[course["n"] >= SMALLEST_SHOWN].reset_index(drop=True)
    if course.empty:
        raise WithheldError("Fewer than ten clients were measured at any occasion.")
    keep, told = [], []
    for row in course.itertuples():
        own = rows[(rows[by] == getattr(row, by)) & (rows[OCCASION] == row.occasion)]
        of = replace(score, rater=str(row.rater))
        keep.append(context.states_mean(of, row.occasion, own["client_id"]))
        told.append(context.disclosure.shows(own["client_id"]))
    shown = rounded(coarse(course, ~np.array(told)).assign(group=course[by].astype(str)))[keep]
    if shown.empty:
        raise WithheldError("Beside others no mean of an occasion can be shown.")
    order = [one for one in in_order(rows) if one in set(shown[OCCASION])]
    groups = course[by] if context.arms is None or by != ARM else context.arms
    with house_style():
        ax = plot_occasions(
            shown, new_axes(6.4, 3.4), order=order, label=score.label, groups=groups
        )
    facts: dict[str, Any] = {"score": score.title, "by": "rater" if by == "rater" else "arm"}
    hidden = shown["n"].isna().any()
    return [
        figure(key, ax, data=shown, withheld=hidden, **facts),
        table(key, shown, COLUMNS, group="group", withheld=hidden, **facts),
    ]


def lost_blocks(context: Context, draft: Draft) -> list[Block]:
    """Return who was lost to assessment after each occasion, where no endings are told."""
    by = ARM if context.arms is not None else None
    found = al.dropout_incidence(context.study, by=by, time=OCCASION)
    draft.say(found.messages)
    ends = endings(along_time(context.study, OCCASION))
    whose = pd.Series("all", ends.index) if by is None else in_words(ends[ARM])
    drop = found.table[found.table["event"] == "dropout"]
    # nobody can be lost after the last occasion: there the share stands still
    drop = drop[drop["time"] < ends["last_session"].max()]
    left = ends[ends["reason"] == "dropout"]
    # the last first: what is shown earlier may forbid it, and it is the answer
    back = drop.sort_values("time", ascending=False, kind="stable")
    gone = [
        left.loc[(whose[left.index] == row.by) & (left["last_session"] <= row.time), "client_id"]
        for row in back.itertuples()
    ]
    told = pd.Series([context.disclosure.shows(one) for one in gone], back.index)[drop.index]
    shown = rounded(drop.loc[told, LOST].reset_index(drop=True), 3)
    if context.disclosure.everything and left.empty:
        draft.headline = "Nobody was lost to assessment: all were measured at the last occasion."
        return [Paragraph(draft.headline)]
    if shown.empty:
        raise WithheldError("After any occasion fewer than ten clients were lost.")
    last = rounded(drop, 3).groupby("by", sort=False).tail(1)
    said = "; ".join(
        ("" if by is None else f"{row['by']}: ")
        + (
            f"{percent(row['incidence'])} {percent_interval(row['conf_low'], row['conf_high'])}"
            if is_told
            else "withheld"
        )
        for row, is_told in zip(last.to_dict("records"), told[last.index], strict=True)
    )
    end = in_order(context.study.tables["assessments"])[-1]
    named = occasion_in_words(end)
    named = f"'{end}'" if named == end else named
    draft.headline = f"Not measured any more by {named}: {said}."
    if not told[last.index].any():
        draft.headline = f"How many were not measured any more by {named} is withheld."
    if by is not None and told[last.index].all() and len(last) == found.table["by"].nunique():
        # made of what is told, it tells no more
        apart = "; ".join(
            f"{row['group']} less {row['versus']} {number(100 * row['estimate'], 1)} "
            f"{interval(100 * row['conf_low'], 100 * row['conf_high'], 1)}"
            for row in rounded(found.differences(), 3).to_dict("records")
        )
        draft.headline += f" Difference, in percentage points: {apart}."
    tests = found.tests[found.tests["event"] == "dropout"] if len(found.tests) else found.tests
    hidden = not told.all()  # a p value of few events tells how many
    test = ""
    if len(tests) and not hidden:
        test = f"Gray's test: {p_sentence(float(tests['p_value'].iloc[0]))}."
    columns = (
        col.text("occasion", "Last measured at or before"),
        col.percent("incidence", "Lost"),
        col.percent_interval("conf_low", "conf_high"),
    )
    group = "" if by is None else "by"
    lost = table("lost", shown, columns, group=group, withheld=hidden, test=test)
    return [Paragraph(draft.headline), lost]

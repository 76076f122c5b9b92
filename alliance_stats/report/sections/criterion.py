"""What the report judges a change of outcome by, and what other criteria would count."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ...core.disclosure import Disclosure
from ...core.display import columns as col
from ...core.display.formatting import number
from ...core.display.table import Table
from ...instruments.change_formulas import METHODS
from ...instruments.criteria import Criterion
from ...instruments.scale_card import Card
from ...study.judged import alpha_here, judged_pairs
from ..context import Context, Score
from ..wording import table


def judged(context: Context, score: Score, pairs: pd.DataFrame) -> tuple[Criterion, str]:
    """Return the report's criterion of change, and in words where its cut-off is from.

    It is that of `reliable_change`: one report, and the package, judge change by one criterion.
    """
    found, _ = judged_pairs(context.study, pairs, criterion=context.options.criterion)
    line, words = cutoff_of(context, score)
    return replace(found, cutoff=line), words


def used_of(criterion: Criterion, *, told: bool) -> dict[str, Any]:
    """Return what `run.json` may hold of a criterion.

    Its SD is that of the first scores of those with both scores, and its points follow from it.
    Beside mean and SD of all who have a first score either gives the sum of squares of the others,
    whole numbers: their single scores. So both go with the number of those judged.
    """
    used = criterion.as_dict()
    if told or criterion.method == "points":
        return used
    return {name: value for name, value in used.items() if name not in ("sd", "points")}


def in_short(criterion: Criterion, *, told: bool) -> str:
    """Return a criterion in a line, its SD and points only where they may be told."""
    if told or criterion.method == "points":
        return str(criterion)
    title, whose = METHODS[criterion.method].title, f"({criterion.kind})"
    reliability = f"reliability {criterion.reliability:.4g} {whose}"
    return f"{title}; {reliability}, SD of the first scores here"


def in_words(criterion: Criterion, *, told: bool) -> str:
    """Return what a change had to exceed, and where its numbers are from, for a reader."""
    if criterion.method == "points":
        return f"{criterion.source} Nothing here about the SD of these clients."
    more, sd = "1.96 × SD × √(2(1 − reliability))", "SD of the first scores here"
    limit = f"{more}; {sd}, which is withheld"
    if told:
        limit = (
            f"{number(criterion.points)} points ({more}; SD {number(criterion.sd)} of the first "
            "scores here)"
        )
    source = criterion.source
    if criterion.kind == "alpha here":  # its own sentence holds the number of forms
        alpha = number(criterion.reliability, bounded=True)
        source = f"Reliability {alpha}: Cronbach's alpha of the first complete forms here."
    return (
        f"Jacobson and Truax: a change counts where it exceeds {limit}. {source} A published "
        "reliability holds for its own population, whose SD may not be the one here."
    )


def cutoff_of(context: Context, score: Score) -> tuple[float | None, str]:
    """Return the line between clinical and functional and where it is from; None where unclear."""
    given = context.options.cutoff
    if given is not None:
        return given, f"Cut-off {given:g}: chosen for this report."
    line, words = Card(context.card(score.measure), score.scale).cutoff()
    if line is None:
        words += ", so nobody is called recovered (cutoff= names one)."
    return line, words


def other_criteria(
    context: Context, score: Score, pairs: pd.DataFrame, used: Criterion, *, told: bool
) -> Table | None:
    """Return how many would have changed by other reliabilities and published points.

    The error of measurement is SD x sqrt(1 - reliability), and both belong to one population: so
    alpha in these data stands beside what was published of other people. Points that follow from
    the SD of these clients are told where it is.
    """
    card = Card(context.card(score.measure), score.scale)
    sd = pairs.loc[pairs[["pre", "post"]].notna().all(axis=1), "pre"].std()
    rows = [_row(f"This report, {_kind(used)}", used.points, used.or_more)]
    alpha, n = alpha_here(context.study, score.measure, score.scale, score.rater)
    values = [(alpha, "SD and alpha here", "")] if n else []
    values += [
        (float(fact.value), f"SD here, published {fact.kind}", card.source(fact))
        for fact in card.reliabilities
    ]
    for value, words, source in values:
        if value != used.reliability:
            whose = f" ({_short(source)})" if source else ""
            points = 1.96 * sd * np.sqrt(2 * (1 - value))
            words = f"{words} {number(value, bounded=True)}{whose}"
            rows.append(_row(words, points, False, source))
    for fact in card.measure.reliable_change if used.method != "points" else ():
        if fact.scale == score.scale:
            source = card.source(fact)
            words = f"Published change, {fact.method} ({_short(source)})"
            rows.append(_row(words, float(fact.value), True, source))
    if len({row["points"] for row in rows}) < 2:
        return None
    sign = -1.0 if score.direction == "lower_is_better" else 1.0
    better = (sign * (pairs["post"] - pairs["pre"])).set_axis(pairs["client_id"]).dropna()
    counted = [{**row, **_counts(better, row, context.disclosure)} for row in rows]
    frame = _whole_columns(pd.DataFrame(counted))
    own = [used.method != "points", *[True] * (len(rows) - 1)]
    frame.loc[pd.Series(own) & ~frame["counts_at"] & (not told), "points"] = np.nan
    if frame[["n_improved", "n_deteriorated"]].isna().all(axis=None):
        return None
    return _table(frame, score)


def _kind(used: Criterion) -> str:
    if used.method == "points":
        return f"{used.kind} points"
    return f"{used.kind} {number(used.reliability, bounded=True)}"


def _row(words: str, points: float, at: bool, source: str = "") -> dict[str, Any]:
    return {"criterion": words, "points": points, "counts_at": at, "source": source}


def _short(citation: str) -> str:
    """Return first author and year of a citation, or the whole of what is no such citation."""
    found = re.match(r"(?P<first>[^\W\d_][^,]*),.*?\((?P<year>\d{4})\)\.", citation)
    return f"{found['first']} {found['year']}" if found else citation


def _counts(better: pd.Series, row: dict[str, Any], disclosure: Disclosure) -> dict[str, float]:
    beyond = np.greater_equal if row["counts_at"] else np.greater
    counts = {}
    for name, change in (("improved", better), ("deteriorated", -better)):
        changed = better.index[beyond(change, row["points"])]
        told = disclosure.shows(better.index, changed)
        counts[f"n_{name}"] = float(len(changed)) if told else float("nan")
    return {**counts, "share_improved": counts["n_improved"] / len(better)}


def _whole_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the counts, a column of them blank where one is withheld.

    Nobody is told, so beside a printed 0 what is withheld would be one to nine.
    """
    improved = ["n_improved", "share_improved"]
    for columns in (improved, ["n_deteriorated"]):
        if frame[columns[0]].isna().any():
            frame[columns] = np.nan
    return frame


def _table(frame: pd.DataFrame, score: Score) -> Table:
    limits = [
        f"{'≥' if at else '>'} {number(points)}" if points == points else "withheld"
        for at, points in zip(frame["counts_at"], frame["points"].to_numpy(float), strict=True)
    ]
    shown = frame.assign(limit=limits)
    columns = (
        col.text("criterion", "Criterion"),
        col.text("limit", "Points"),
        col.count("n_improved", "Improved"),
        col.percent("share_improved", "Share"),
        col.count("n_deteriorated", "Deteriorated"),
    )
    return table(
        "change-criteria",
        shown,
        columns,
        withheld=frame[["points", "n_improved", "n_deteriorated"]].isna().any(axis=None),
        score=score.title,
        sources="; ".join(dict.fromkeys(frame.loc[frame["source"] != "", "source"])),
    )

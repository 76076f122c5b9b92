"""What a change of outcome is judged by: reliability, smallest change, line of the ill."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ...description import scale_reliability
from ...disclosure import NOTE, Disclosure
from ...errors import DesignError
from .. import columns as col
from ..content import Table
from ..context import Context, Score
from ..formatting import number

CRITICAL = 1.96
ENOUGH_FOR_ALPHA = 30  # forms; with fewer an alpha's interval spans most of what alphas can be


@dataclass(frozen=True)
class Yardstick:
    """The numbers a change is judged by, and where they come from."""

    reliability: float
    reliability_words: str
    cutoff: float | None
    cutoff_words: str


def yardstick(context: Context, score: Score) -> Yardstick:
    """Return reliability and cut-off, and where they are from.

    The error of measurement is SD x sqrt(1 - reliability), and both belong to one population: a
    reliability published for people who differ more than these would, with the SD found here,
    make the error too small. So the reliability in these data comes first, where they have the
    items of enough clients, and a published one only without it.
    """
    card = context.card(score.measure)
    own, n = _own_alpha(context, score)
    published = published_reliabilities(card, score)
    if n >= ENOUGH_FOR_ALPHA or (n and not published):
        value, words = own, "Cronbach's alpha of these clients' first complete forms"
    elif published:
        best = published[0]
        value = float(best.value)
        words = (
            f"{best.kind}, {source_of(card, best)}; it holds for its own population, "
            "whose SD may not be the one here"
        )
    else:
        raise DesignError(
            f"The card of {score.measure} gives no reliability of '{score.scale}', and the study "
            "has no items to compute one from, so a reliable change cannot be told. Add a "
            "reliability with its source to a card in the study's folder 'measures'."
        )
    return Yardstick(value, words, *cutoff_of(context, score, card))


def published_reliabilities(card: Any, score: Score) -> list[Any]:
    """Return the card's reliabilities of a scale, the best first."""
    found = [r for r in getattr(card, "reliabilities", ()) if r.scale == score.scale]
    order = {"retest": 0, "icc": 1, "alpha": 2, "omega": 3}
    return sorted(found, key=lambda r: (not r.verified, order.get(r.kind, 9)))


def _own_alpha(context: Context, score: Score) -> tuple[float, int]:
    """Return Cronbach's alpha in these data and its number of clients; 0 where there is none."""
    table = scale_reliability(context.study, measure=score.measure)
    own = table[(table["scale"] == score.scale) & (table["rater"] == score.rater)]
    own = own[own["alpha"].between(0, 1, inclusive="neither")]
    return (float(own["alpha"].iloc[0]), int(own["n"].iloc[0])) if len(own) else (float("nan"), 0)


_CLINICAL = re.compile(r"clinical|caseness|significant impairment", re.IGNORECASE)


def cutoff_of(context: Context, score: Score, card: Any) -> tuple[float | None, str]:
    """Return the line between clinical and functional and where it is from; None where unclear.

    Of several cut-offs of a scale only one that speaks of a clinical range will do: a degree of
    severity is no line between ill and well.
    """
    given = context.options.cutoff
    if given is not None:
        return given, f"Cut-off {given:g}: chosen for this report."
    cuts = [c for c in getattr(card, "cutoffs", ()) if c.scale == score.scale]
    clinical = [c for c in cuts if _CLINICAL.search(c.meaning)]
    if len(clinical) != 1:
        why = "several cut-offs and none" if cuts else "no cut-off"
        return None, (
            f"The card of {score.title} gives {why} that parts a clinical from a functional range, "
            "so nobody is called recovered (cutoff= names one)."
        )
    cut = clinical[0]
    text = f"Cut-off {cut.value:g}: {cut.meaning.rstrip('.')} ({source_of(card, cut)})."
    return float(cut.value), text


def source_of(card: Any, fact: Any) -> str:
    """Return where a fact of a card is from, and whether that was checked."""
    citation = str(card.sources[fact.source]) if fact.source in card.sources else str(fact.source)
    return citation + ("" if fact.verified else "; not yet checked against its source")


def other_yardsticks(
    context: Context, score: Score, pairs: pd.DataFrame, stick: Yardstick, sd: float
) -> Table | None:
    """Return how many would have changed by the card's published values; None without any."""
    card = context.card(score.measure)
    rows = [_row("This report", CRITICAL * sd * np.sqrt(2 * (1 - stick.reliability)), False)]
    for fact in published_reliabilities(card, score):
        if float(fact.value) == stick.reliability:
            continue
        points = CRITICAL * sd * np.sqrt(2 * (1 - float(fact.value)))
        words = f"SD here, published {fact.kind} {number(fact.value, bounded=True)}"
        rows.append(_row(f"{words} ({_short(card, fact)})", points, False, source_of(card, fact)))
    for fact in getattr(card, "reliable_change", ()):
        if fact.scale == score.scale:
            words = f"Published change, {fact.method} ({_short(card, fact)})"
            rows.append(_row(words, float(fact.value), True, source_of(card, fact)))
    if len({row["points"] for row in rows}) < 2:
        return None
    sign = -1.0 if score.direction == "lower_is_better" else 1.0
    better = (sign * (pairs["post"] - pairs["pre"])).set_axis(pairs["client_id"]).dropna()
    counted = [{**row, **_counts(better, row, context.disclosure)} for row in rows]
    frame = pd.DataFrame(counted)
    if frame[["n_improved", "n_deteriorated"]].isna().all(axis=None):
        return None
    return _table(frame, score)


def _row(words: str, points: float, at: bool, source: str = "") -> dict[str, Any]:
    return {"yardstick": words, "points": points, "counts_at": at, "source": source}


def _short(card: Any, fact: Any) -> str:
    """Return first author and year of a citation, or the whole of what is no such citation."""
    citation = source_of(card, fact)
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


def _table(frame: pd.DataFrame, score: Score) -> Table:
    shown = frame.assign(
        limit=[
            f"{'≥' if row.counts_at else '>'} {number(row.points)}" for row in frame.itertuples()
        ]
    )
    hidden = bool(frame["n_improved"].isna().any() or frame["n_deteriorated"].isna().any())
    return Table(
        "change-yardsticks",
        f"How many changed reliably on the {score.title}, by what is called reliable",
        shown,
        (
            col.text("yardstick", "Yardstick"),
            col.text("limit", "Points"),
            col.count("n_improved", "Improved"),
            col.percent("share_improved", "Share"),
            col.count("n_deteriorated", "Deteriorated"),
        ),
        how="Clients with two scores. An error of measurement is SD × √(1 − reliability) of one "
        "population; a published reliability with the SD of other people can make it too small "
        "or too large. Improved: with or without recovery. Published values: "
        f"{'; '.join(dict.fromkeys(frame.loc[frame['source'] != '', 'source']))}",
        note=NOTE if hidden else "",
    )

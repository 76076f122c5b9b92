"""Outcome change: who changed reliably, and who crossed into the healthy range."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ...description import first_and_last, scale_reliability
from ...drawing import figure_of, house_style, new_axes
from ...errors import AllianceStatsError, DesignError
from .. import columns as col
from ..content import Block, Figure, Paragraph, Section, Table
from ..context import Context, Score
from ..drawings import plot_pre_post
from ..formatting import count, number, percent, percent_interval
from ..suppression import NOTE, any_hidden, people, require_people, suppress
from .draft import Draft

CATEGORY_WORDS = {
    "recovered": "Recovered",
    "improved": "Improved, not recovered",
    "unchanged": "Not reliably changed",
    "deteriorated": "Deteriorated",
}
DENOMINATORS = {
    "all": "Of all clients with two scores",
    "clinical_at_intake": "Of those in the clinical range at first",
}


@dataclass(frozen=True)
class Yardstick:
    """The published numbers a change is judged by, and where they come from."""

    reliability: float
    reliability_words: str
    cutoff: float | None
    cutoff_words: str


def build(context: Context, draft: Draft) -> Section:
    """Return the section."""
    try:
        score = context.outcome
    except AllianceStatsError as error:
        draft.refuse(str(error))
        return draft.finish()
    draft.used.update(measure=score.measure, scale=score.scale)
    draft.attempt("Outcome change", lambda: change_blocks(context, score, draft))
    return draft.finish()


def change_blocks(context: Context, score: Score, draft: Draft) -> list[Block]:
    """Return the classes of change as table and figure."""
    pairs = first_and_last(
        context.study, measure=score.measure, scale=score.scale, rater=score.rater
    )
    both = int(pairs[["pre", "post"]].notna().all(axis=1).sum())
    require_people(both, "clients have two scores")
    stick = yardstick(context, score)
    judged = _judge(pairs, score, stick)
    draft.used.update(
        reliability=stick.reliability, cutoff=stick.cutoff, smallest_change=judged.smallest
    )
    draft.say(judged.messages)
    draft.headline = _headline(judged.table, score)
    how = (
        "al.clinically_significant_change" if stick.cutoff is not None else "al.reliable_change"
    ) + (
        f", Jacobson and Truax: a change counts where it exceeds {number(judged.smallest)} points "
        f"(1.96 × SD × √(2(1 − reliability)); SD {number(judged.sd)} of the first scores here, "
        f"reliability {number(stick.reliability, bounded=True)}: {stick.reliability_words}). "
        f"{stick.cutoff_words} Intervals by Wilson."
    )
    source = (
        "first and last session with a score"
        if pairs.attrs.get("source") == "sessions"
        else "first and last occasion"
    )
    intro = (
        f"{people(both, 'client')} of {count(len(pairs))} have two scores of the {score.title} "
        f"({source}). A change without a comparison group is not an effect of treatment: natural "
        "course and regression to the mean are in it."
    )
    return [Paragraph(intro), _table(judged.table, score, how), _figure(judged, score, stick)]


@dataclass(frozen=True)
class Judged:
    """Clients with their class, and the shares."""

    data: pd.DataFrame
    table: pd.DataFrame
    smallest: float
    sd: float
    messages: tuple[str, ...]


def _judge(pairs: pd.DataFrame, score: Score, stick: Yardstick) -> Judged:
    import alliance_stats as al

    common: dict[str, Any] = {
        "pre": "pre",
        "post": "post",
        "reliability": stick.reliability,
        "direction": score.direction,
    }
    if stick.cutoff is None:
        # A cut-off nobody reaches leaves reliable change alone: nobody can recover.
        nobody = float("inf") if score.direction == "lower_is_better" else float("-inf")
        found = al.clinically_significant_change(pairs, cutoff_value=nobody, **common)
        table = found.table[
            (found.table["denominator"] == "all") & (found.table["category"] != "recovered")
        ]
    else:
        found = al.clinically_significant_change(pairs, cutoff_value=stick.cutoff, **common)
        table = found.table
    return Judged(
        found.data,
        table.reset_index(drop=True),
        float(found.options["smallest_reliable_change_jt"]),
        float(found.options["sd"]),
        tuple(found.messages),
    )


def yardstick(context: Context, score: Score) -> Yardstick:
    """Return reliability and cut-off: the card's, else the data's, and where they are from."""
    card = context.card(score.measure)
    published = [r for r in getattr(card, "reliabilities", ()) if r.scale == score.scale]
    order = {"retest": 0, "icc": 1, "alpha": 2, "omega": 3}
    published.sort(key=lambda r: (not r.verified, order.get(r.kind, 9)))
    if published:
        best = published[0]
        words = f"{best.kind}, {_source(card, best)}"
        value = float(best.value)
    else:
        value, words = _own_alpha(context, score)
    return Yardstick(value, words, *cutoff_of(context, score, card))


_CLINICAL = re.compile(r"clinical|caseness|significant impairment", re.IGNORECASE)


def cutoff_of(context: Context, score: Score, card: Any) -> tuple[float | None, str]:
    """Return the line between clinical and functional and where it is from; None where unclear.

    Of several cut-offs of a scale only one that speaks of a clinical range will do: a degree of
    severity is no line between ill and well.
    """
    given = context.options.cutoff
    if given is not None:
        return _side(given, score), f"Cut-off {given:g}: chosen for this report."
    cuts = [c for c in getattr(card, "cutoffs", ()) if c.scale == score.scale]
    clinical = [c for c in cuts if _CLINICAL.search(c.meaning)]
    if len(clinical) != 1:
        why = "several cut-offs and none" if cuts else "no cut-off"
        return None, (
            f"The card of {score.title} gives {why} that parts a clinical from a functional range, "
            "so nobody is called recovered (cutoff= names one)."
        )
    cut = clinical[0]
    text = f"Cut-off {cut.value:g}: {cut.meaning.rstrip('.')} ({_source(card, cut)})."
    return _side(float(cut.value), score), text


def _side(value: float, score: Score) -> float:
    """Return the line so that the cut-off itself is in the upper group, as cards have it.

    `clinically_significant_change` counts a score *at* the line as clinical; where higher is
    better the upper group is the functional one, so the line lies just below the cut-off.
    """
    return float(np.nextafter(value, -np.inf)) if score.direction == "higher_is_better" else value


def _source(card: Any, fact: Any) -> str:
    citation = str(card.sources[fact.source]) if fact.source in card.sources else str(fact.source)
    return citation + ("" if fact.verified else "; not yet checked against its source")


def _own_alpha(context: Context, score: Score) -> tuple[float, str]:
    table = scale_reliability(context.study, measure=score.measure)
    own = table[(table["scale"] == score.scale) & (table["rater"] == score.rater)]
    if own.empty or not own["alpha"].notna().any():
        raise DesignError(
            f"The card of {score.measure} gives no reliability of '{score.scale}', and the study "
            "has no items to compute one from, so a reliable change cannot be told. Add a "
            "reliability with its source to a card in the study's folder 'measures'."
        )
    return float(own["alpha"].iloc[0]), "Cronbach's alpha at the clients' first forms in these data"


def _table(table: pd.DataFrame, score: Score, how: str) -> Table:
    shown = suppress(table, "n", also=["share", "conf_low", "conf_high"], within=["denominator"])
    shown["denominator"] = [
        f"{DENOMINATORS[str(d)]} (n = {count(n)})"
        for d, n in zip(shown["denominator"], shown["n_of"], strict=True)
    ]
    return Table(
        "change",
        f"Change of the {score.title} from the first to the last score",
        shown,
        (
            col.text("category", "Class", words=CATEGORY_WORDS),
            col.count("n", "n"),
            col.percent("share", "Share"),
            col.percent_interval("conf_low", "conf_high"),
        ),
        how=how,
        note=NOTE if any_hidden(shown) else "",
        group="denominator",
    )


def _figure(judged: Judged, score: Score, stick: Yardstick) -> Figure:
    clients = judged.data.dropna(subset=["pre", "post"])
    direction = "below" if score.direction == "lower_is_better" else "above"
    with house_style():
        ax = plot_pre_post(
            clients,
            new_axes(6.4, 4.3),
            label=f"{score.title} score (points)",
            cutoff=stick.cutoff,
            smallest=judged.smallest,
        )
    return Figure(
        "change",
        f"First and last {score.title} of each client",
        figure_of(ax),
        how="Classes and lines as in the table above.",
        note=f"n = {count(len(clients))} clients, a mark each. Marks {direction} the solid line "
        "are better at last than at first; beyond the dashed lines the change is reliable; the "
        "dotted lines are the cut-off.",
    )


def _headline(table: pd.DataFrame, score: Score) -> str:
    every = table[table["denominator"] == "all"].set_index("category")
    better = every.loc[[c for c in ("recovered", "improved") if c in every.index]]
    n, of = int(better["n"].sum()), int(every["n_of"].iloc[0])
    worse = every.loc["deteriorated"]
    if of < 5 or 0 < n < 5 or 0 < worse["n"] < 5:
        return f"{people(of, 'client')} could be judged on the {score.title}."
    return (
        f"Of {people(of, 'client')} judged on the {score.title}, {percent(n / of)} improved "
        f"reliably (with or without recovery) and {percent(worse['share'])} "
        f"{percent_interval(worse['conf_low'], worse['conf_high'])} deteriorated."
    )

"""Rating gap: therapist minus client, of the same session, with dyads respected."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

import alliance_stats as al

from ...core.disclosure import Disclosure, WithheldError
from ...core.display import columns as col
from ...core.display.formatting import p_after_comma
from ...core.display.table import Table
from ...core.drawing import house_style, new_axes
from ...core.precision import for_page, rounded
from ...errors import plural
from ...gap.wording import labels as gap_labels
from ...study.times import OCCASION, in_order
from ..content import Block, Figure, Paragraph, Section
from ..context import RATERS, Context, Score
from ..drawings import plot_gap
from ..wording import figure, table
from . import gap_models as further
from .draft import Draft
from .models import in_sentence

TERM_WORDS = gap_labels("rating_gap")
AT_MOST_ONE = {"r_between", "r_within", "icc"}


def build(context: Context, draft: Draft) -> Section:
    """Return the section."""
    score = context.compared
    pair = context.pair(score)
    draft.used.update(measure=score.measure, scale=score.scale, seed=context.options.seed)
    draft.title = "Rating gap: {1} minus {0}".format(*pair.values())
    if draft.attempt("The rating gap", lambda: gap_blocks(context, score, draft)):
        draft.attempt("Truth and bias", lambda: further.truth_blocks(context, score, draft))
        if context.study.tables.get("ratings") is not None and set(pair) == set(RATERS):
            draft.attempt("Parallel forms", lambda: further.form_blocks(context, score, draft))
    if context.study.tables.get("forecasts") is not None:
        draft.attempt("The success gap", lambda: further.success_blocks(context, draft))
    return draft.finish()


def gap_blocks(context: Context, score: Score, draft: Draft) -> list[Block]:
    """Return the gap in words, table and figures."""
    pair = context.pair(score)
    first, second = pair
    found = al.rating_gap(
        context.study,
        measure=score.measure,
        scale=score.scale,
        seed=context.options.seed,
        raters=(first, second),
    )
    disclosure = context.disclosure
    context.disclosure.require(found.pairs["client_id"], further.DYADS)
    draft.say(found.messages)
    clients = found.pairs["client_id"]
    if not _beside_the_means(found.pairs, score, context):
        raise WithheldError(
            "Beside the means of all who rated, the gap of those whom both rated would tell of few."
        )
    told = disclosure.shows_rows(found.pairs)
    tidy = found.tidy()
    enough = disclosure.enough(found.informed(tidy))
    tidy = tidy[enough].reset_index(drop=True)
    shown = tidy if told else for_page(tidy, "RatingGap", clients.nunique())
    values = shown.set_index("term")
    one = "dyad" if found.n_dyads == clients.nunique() else "client"
    people = disclosure.people(clients, one)
    draft.headline = _headline(values, score, people, *pair.values())
    text = (
        f"{draft.headline} The gap compares raw scores of two forms and presumes that both "
        "measure the same thing on the same scale, which is contested for therapist forms."
    )
    blocks: list[Block] = [
        Paragraph(text),
        _table(
            shown,
            score,
            context.time,
            pair,
            told=told,
            withheld=not (told and enough.all()),
            **_how(found, told, disclosure, context.time),
        ),
    ]
    if context.options.individual_courses:
        blocks += [_course(found, score, context), _scatter(found, values, score)]
    return blocks


def _headline(values: pd.DataFrame, score: Score, dyads: str, first: str, second: str) -> str:
    who, whom = f"The {second} rates", f"the {first}"
    if (first, second) == RATERS:
        who, whom = "Therapists rate", "their clients"
    gap = values.loc["mean_gap"]
    size, _ = in_sentence(gap, sign=False)
    difference, ends = in_sentence(gap)
    if gap["conf_high"] < 0:
        said = f"{who} the {score.title} {size} points below {whom}"
    elif gap["conf_low"] > 0:
        said = f"{who} the {score.title} {size} points above {whom}"
    elif pd.isna(gap["conf_low"]):
        said = f"The mean gap on the {score.title} has no interval"
    else:
        who = who[0].lower() + who[1:]
        said = f"Whether {who} the {score.title} lower or higher than {whom} is open"
    p = p_after_comma(gap["p_value"])
    return f"{said} ({second} minus {first} {difference} {ends}{p}; {dyads})."


def _how(found: Any, told: bool, disclosure: Disclosure, time: str) -> dict[str, str]:
    """Return sizes, and what the levels were that the data could tell apart."""
    top = found.unit == "therapists"
    levels = "dyads in therapists" if top else "dyads (therapists are not told apart)"
    together = (
        "correlations and ICC(A,1): intervals of the same draws"
        if top
        else "correlation between dyads and ICC(A,1): intervals of independent dyads"
    )
    n = found.pairs["client_id"].nunique()
    whose = plural(n, "dyad" if n == found.n_dyads else "client")
    sizes = (
        f"{disclosure.rows(found.pairs)} {time}s that both rated, {whose}"
        if told
        else f"{time}s that both rated"
    )
    if "therapist_id" in found.pairs and found.n_therapists:
        sizes += f", {disclosure.people(found.pairs['therapist_id'].dropna(), 'therapist')}"
    return {"sizes": sizes, "levels": levels, "unit": found.unit, "together": together}


def _table(
    tidy: pd.DataFrame, score: Score, time: str, pair: dict[str, str], *, told: bool, **facts: Any
) -> Table:
    words = [TERM_WORDS.get(str(term), str(term)) for term in tidy["term"]]
    frame = tidy.reset_index(drop=True).assign(
        label=[text.replace("session", time) for text in words],
        bounded=tidy["term"].isin(AT_MOST_ONE).to_numpy(),
        digits=[3 if term == "change_per_session" else 2 for term in tidy["term"]],
    )
    columns = (
        col.text("label", "Quantity"),
        col.number("estimate", "Estimate", "digits", bounded="bounded", about=not told),
        col.number("std_error", "SE", "digits", bounded="bounded"),
        col.interval(digits="digits", bounded="bounded", about=not told),
    )
    first, second = pair.values()
    called = {"score": score.title, "scale": score.scale, "first": first, "second": second}
    return table("gap", frame, columns, time=time, **called, **facts)


def _beside_the_means(pairs: pd.DataFrame, score: Score, context: Context) -> bool:
    """Return whether the gap may stand beside the means of all who rated.

    Where each dyad rated once it is the difference of two plain means, and the means of all at
    that time stand elsewhere: those of the others would follow.
    """
    if pairs["client_id"].duplicated().any():
        return True
    times = in_order(context.study.tables["assessments"]) if context.time == OCCASION else None
    return all(
        context.states_mean(
            replace(score, rater=rater),
            times[int(at) - 1] if times else at,  # type: ignore[arg-type]
            own["client_id"],
        )
        for at, own in pairs.groupby("session")
        for rater in context.pair(score)
    )


def _course(found: Any, score: Score, context: Context) -> Figure:
    """Return the means of those whom both rated; the means of all stand with the alliance."""
    drawn = rounded(found.by_session)
    with house_style():
        ax = replace(found, by_session=drawn.assign(n=np.nan)).plot(new_axes(6.3, 3.4))
        ax.set_ylabel(score.label)
    if context.time == OCCASION:
        order = in_order(context.study.tables["assessments"])
        ax.set_xticks(range(1, len(order) + 1), order)
        ax.set_xlabel("Occasion")
    return figure("gap-course", ax, data=drawn, score=score.title)


def dyad_means(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return each dyad's mean level (of both raters) and mean gap."""
    means = pairs.groupby("client_id", observed=True)[["client", "therapist", "gap"]].mean()
    return pd.DataFrame(
        {"level": (means["client"] + means["therapist"]) / 2, "gap": means["gap"]}
    ).reset_index(drop=True)


def _scatter(found: Any, values: pd.DataFrame, score: Score) -> Figure:
    dyads = dyad_means(found.pairs)
    limits = [float(values["estimate"][name]) for name in ("loa_low", "loa_high")]
    with house_style():
        ax = plot_gap(
            dyads,
            new_axes(6.3, 3.6),
            unit=f"{score.title}, points",
            mean=float(values["estimate"]["mean_gap"]),
            limits=limits,
        )
    return figure("gap-dyads", ax, score=score.title)

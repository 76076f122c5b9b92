"""Rating gap: therapist minus client, of the same session, with dyads respected."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ...core.disclosure import NOTE, SMALLEST_SHOWN, Disclosure, blurred, rounded, spread_tells
from ...core.drawing import figure_of, house_style, new_axes
from ...errors import AllianceStatsError, plural
from .. import columns as col
from ..content import Block, Figure, Paragraph, Section, Table
from ..context import Context, Score
from ..drawings import plot_gap
from ..formatting import interval, number, p_after_comma
from . import gap_models as further
from .draft import Draft

TERM_WORDS = {
    "mean_gap": "Mean gap (points)",
    "standardised_gap": "Standardised gap (pooled SD of the dyads' means)",
    "standardised_gap_of_differences": "Standardised gap (SD of the gaps)",
    "sd_between_dyads": "SD of the gap between dyads (points)",
    "loa_low": "Lower limit of agreement (points)",
    "loa_high": "Upper limit of agreement (points)",
    "r_between": "Correlation between dyads",
    "r_within": "Correlation within dyads, over sessions",
    "icc": "Agreement of the dyads' means, ICC(A,1)",
    "change_per_session": "Change of the gap per session (points)",
}
AT_MOST_ONE = {"r_between", "r_within", "icc"}


def build(context: Context, draft: Draft) -> Section:
    """Return the section."""
    try:
        score = context.alliance
    except AllianceStatsError as error:
        draft.refuse(error)
        return draft.finish()
    draft.used.update(measure=score.measure, scale=score.scale, seed=context.options.seed)
    if draft.attempt("The rating gap", lambda: gap_blocks(context, score, draft)):
        draft.attempt("Truth and bias", lambda: further.truth_blocks(context, score, draft))
        if context.study.tables.get("ratings") is not None:
            draft.attempt("Parallel forms", lambda: further.form_blocks(context, score, draft))
    if context.study.tables.get("forecasts") is not None:
        draft.attempt("The success gap", lambda: further.success_blocks(context, draft))
    return draft.finish()


def gap_blocks(context: Context, score: Score, draft: Draft) -> list[Block]:
    """Return the gap in words, table and figures."""
    import alliance_stats as al

    found = al.rating_gap(
        context.study, measure=score.measure, scale=score.scale, seed=context.options.seed
    )
    disclosure = context.disclosure
    context.disclosure.require(found.pairs["client_id"], further.DYADS)
    draft.say(found.messages)
    told = disclosure.shows_rows(found.pairs)
    few = spread_tells(found.pairs["client_id"])
    tidy = found.tidy() if told else blurred(found.tidy(), spread=not few)
    values = tidy.set_index("term")
    draft.headline = _headline(values, score, disclosure.people(found.pairs["client_id"], "dyad"))
    text = (
        f"{draft.headline} The gap compares raw scores of two forms and presumes that both "
        "measure the same thing on the same scale, which is contested for therapist forms."
    )
    blocks: list[Block] = [
        Paragraph(text),
        _table(tidy, score, _how(found, told, disclosure), NOTE * (not told)),
        _course(found, score, disclosure),
    ]
    if context.options.individual_courses:
        blocks.append(_scatter(found, values, score))
    return blocks


def _headline(values: pd.DataFrame, score: Score, dyads: str) -> str:
    gap = values.loc["mean_gap"]
    size = f"{number(abs(gap['estimate']))} points"
    if gap["conf_high"] < 0:
        said = f"Therapists rate the {score.title} {size} below their clients"
    elif gap["conf_low"] > 0:
        said = f"Therapists rate the {score.title} {size} above their clients"
    elif pd.isna(gap["conf_low"]):
        said = f"The mean gap on the {score.title} has no interval"
    else:
        said = (
            f"Whether therapists rate the {score.title} lower or higher than their clients is open"
        )
    return (
        f"{said} (therapist minus client {number(gap['estimate'])} "
        f"{interval(gap['conf_low'], gap['conf_high'])}{p_after_comma(gap['p_value'])}; {dyads})."
    )


def _how(found: Any, told: bool, disclosure: Disclosure) -> str:
    """Return how the table was made, with the levels that the data could tell apart."""
    top = found.unit == "therapists"
    levels = "dyads in therapists" if top else "dyads (therapists are not told apart)"
    together = (
        "correlations and ICC(A,1): intervals of the same draws"
        if top
        else "correlation between dyads and ICC(A,1): intervals of independent dyads"
    )
    sizes = (
        f"{plural(len(found.pairs), 'session')} that both rated, {plural(found.n_dyads, 'dyad')}"
        if told
        else "sessions that both rated"
    )
    if "therapist_id" in found.pairs and found.n_therapists:
        sizes += f", {disclosure.people(found.pairs['therapist_id'].dropna(), 'therapist')}"
    return (
        f"al.rating_gap: {sizes}. Mean gap and "
        f"its change: multilevel models with {levels}; spread, standardised gaps and limits of "
        f"agreement: analysis of variance of dyads, standard errors by drawing whole {found.unit} "
        f"anew; {together}; correlation within dyads: repeated-measures correlation."
    )


def _table(tidy: pd.DataFrame, score: Score, how: str, note: str) -> Table:
    frame = tidy.reset_index(drop=True).assign(
        label=[TERM_WORDS.get(str(term), str(term)) for term in tidy["term"]],
        bounded=tidy["term"].isin(AT_MOST_ONE).to_numpy(),
        digits=[3 if term == "change_per_session" else 2 for term in tidy["term"]],
    )
    return Table(
        "gap",
        f"Gap between therapist and client on the {score.title} {score.scale}, "
        "therapist minus client",
        frame,
        (
            col.text("label", "Quantity"),
            col.number("estimate", "Estimate", "digits", bounded="bounded"),
            col.number("std_error", "SE", "digits", bounded="bounded"),
            col.interval(digits="digits", bounded="bounded"),
        ),
        how=how,
        note="A negative gap: the therapist rates lower. Limits of agreement: where 95% of single "
        f"sessions' gaps lie. {note}".strip(),
    )


def _course(found: Any, score: Score, disclosure: Disclosure) -> Figure:
    enough = found.by_session[found.by_session["n"] >= SMALLEST_SHOWN]
    pairs = found.pairs
    told = [disclosure.shows_rows(pairs[pairs["session"] == one]) for one in enough["session"]]
    drawn = rounded(enough.assign(n=enough["n"].where(told, np.nan)))
    with house_style():
        unsaid = rounded(enough.assign(n=np.nan))
        ax = replace(found, by_session=unsaid).plot(new_axes(6.3, 3.4))
        ax.set_ylabel(score.label)
    return Figure(
        "gap-course",
        f"Mean {score.title} of both raters by session, sessions that both rated",
        figure_of(ax),
        how="Means over the dyads that both rated that session; the distance of the lines is the "
        "mean gap.",
        note="Sessions with fewer than five dyads are left out. "
        + NOTE * bool(drawn["n"].isna().any()),
        data=drawn,
    )


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
    return Figure(
        "gap-dyads",
        f"Gap against level on the {score.title}, a mark a dyad",
        figure_of(ax),
        how="Mean of a dyad's sessions that both rated. Limits of agreement are for single "
        "sessions (Bland and Altman, doi 10.1080/10543400701329422), so dyads' means lie well "
        "inside them.",
        note="A mark each dyad, because the report was asked to show persons: it must not leave "
        "the clinic.",
    )

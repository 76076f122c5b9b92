"""Alliance: its course by rater, and how well it is measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd

import alliance_stats as al

from ...core.disclosure import SMALLEST_SHOWN, WithheldError
from ...core.display import columns as col
from ...core.display.formatting import interval, number
from ...core.display.table import Table
from ...core.drawing import house_style, new_axes
from ...core.model_disclosure import with_several
from ...core.precision import SPREAD_TELLS_BELOW, coarse, rounded
from ...description import mean_course, scale_reliability
from ...errors import AllianceStatsError
from ...study.reliability import alpha_forms
from ...study.times import OCCASION
from ..content import Block, Paragraph, Section
from ..context import Context, Score
from ..drawings import plot_course
from ..naming import without_data
from ..wording import figure, table
from .draft import Draft
from .models import in_sentence, levels, model_table, shown_terms, therapist_term, with_therapist
from .occasions import score_blocks

DF: Literal["satterthwaite"] = "satterthwaite"
ALPHA = "; Cronbach's alpha (Feldt's interval) is of each client's first complete form"
ALPHA_HOW = (
    " α: Cronbach's alpha by pingouin with Feldt's interval, at each client's first complete form, "
    "so that every row is one client."
)


def build(context: Context, draft: Draft) -> Section:
    """Return the section."""
    score = context.alliance
    draft.used.update(measure=score.measure, scale=score.scale, rater=score.rater)
    by_occasion = context.time == OCCASION
    if by_occasion:
        draft.title = "Alliance over occasions"
    draft.attempt(
        "The course of the alliance",
        lambda: (
            score_blocks(context, score, "alliance-occasions")
            if by_occasion
            else course_blocks(context, score)
        ),
    )
    draft.attempt("Level and reliability", lambda: reliability_blocks(context, score, draft))
    if not by_occasion:
        draft.attempt("The model of the course", lambda: model_blocks(context, score, draft))
    return draft.finish()


def course_blocks(context: Context, score: Score, key: str = "alliance-course") -> list[Block]:
    """Return the mean course by rater, as figure and table."""
    shown = course_shown(context, score, context.rows(score, any_rater=True))
    with house_style():
        ax = plot_course(shown, new_axes(6.4, 3.7), label=score.label, smallest_n=0)
    whole = context.disclosure.everything
    course = figure(key, ax, data=shown, private=whole, score=score.title)
    return [course, _course_table(shown, score, key)]


def course_shown(context: Context, score: Score, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the mean course without points of few people, and n and SD where they may be told."""
    course = mean_course(rows.dropna(subset=["session"]))
    if not context.disclosure.everything:
        course = course[course["n"] >= SMALLEST_SHOWN].reset_index(drop=True)
    if course.empty:
        raise WithheldError(
            "Fewer than ten clients were rated at any session: numbers about so few people are "
            "not shown."
        )
    rated = dict(iter(rows.groupby(["rater", "session"], observed=True)["client_id"]))
    keep, told = [], []
    for point in zip(course["rater"], course["session"], strict=True):
        of = replace(score, rater=str(point[0]))
        keep.append(context.states_mean(of, point[1], rated[point]))
        told.append(context.disclosure.shows(rated[point]))
    return rounded(coarse(course, ~np.array(told)))[keep].reset_index(drop=True)


def _course_table(shown: pd.DataFrame, score: Score, key: str) -> Table:
    """Return the course at sessions a reader looks up: the first three, then every fourth."""
    sessions = sorted(set(shown["session"]))
    chosen = {s for s in sessions if s in (1, 2, 3) or s % 4 == 0}
    return table(
        key,
        shown[shown["session"].isin(chosen)]
        .reset_index(drop=True)
        .assign(rater=lambda t: t["rater"].astype(str).str.capitalize()),
        (
            col.count("session", "Session"),
            col.count("n", "n"),
            col.number("mean", "Mean", about="n"),
            col.number("sd", "SD"),
            col.interval(label="95% CI of the mean", about="n"),
        ),
        group="rater",
        withheld=shown["n"].isna().any(),
        score=score.title,
    )


def reliability_blocks(context: Context, score: Score, draft: Draft) -> list[Block]:
    """Return level, spread and reliability by rater and scale."""
    alphas = scale_reliability(context.study, measure=score.measure)
    least = 0 if context.disclosure.everything else SMALLEST_SHOWN
    parts = [
        (rater, scale, rows)
        for rater, scale in _parts(context, score)
        if len((rows := _rated(context, score, rater, scale))["client_id"].unique()) >= least
    ]
    if not parts:
        raise WithheldError(
            "Fewer than ten clients were rated: numbers about so few people are not shown."
        )
    frame = pd.DataFrame(
        {
            "rater": rater,
            "scale": scale,
            **_level(context, rows, f"{rater} {scale}", draft),
            **_alpha(context, alphas, rater, scale),
        }
        for rater, scale, rows in parts
    )
    frame = rounded(frame)
    total = frame[(frame["scale"] == score.scale) & (frame["rater"] == score.rater)]
    if len(total):
        draft.headline = _headline(score, total.iloc[0])
    times = "occasions" if context.time == OCCASION else "sessions"
    columns = (
        col.text("scale", "Scale"),
        col.count("n_clients", "Clients"),
        col.count("n_sessions", times.capitalize()),
        col.number("mean", "Mean", about="n_clients"),
        col.number("sd_between", "SD between"),
        col.number("sd_within", "SD within"),
        col.number("icc_client", "ICC client", bounded=True),
        col.number("icc_therapist", "ICC therapist", bounded=True),
        col.number("mean_reliability", "Rel. of mean", bounded=True),
        col.number("alpha", "α", bounded=True),
        col.interval("alpha_low", "alpha_high", "95% CI of α", bounded=True),
    )
    why = [*dict.fromkeys(frame["reason"][frame["reason"] != ""]), *_why_not(alphas)]
    return [
        table(
            "alliance-reliability",
            frame.assign(rater=frame["rater"].str.capitalize()),
            columns,
            group="rater",
            withheld=frame[["n_clients", "n_sessions"]].isna().any(axis=None)
            or frame.loc[frame["alpha"].notna(), "alpha_low"].isna().any(),
            score=score.title,
            reasons=" ".join(why),
            times=times,
            alpha=ALPHA if (known := frame["alpha"].notna().any()) else "",
            alpha_how=ALPHA_HOW if known else "",
        )
    ]


def _parts(context: Context, score: Score) -> list[tuple[str, str]]:
    scores = context.walked.scores
    own = scores[(scores["measure"] == score.measure) & scores["score"].notna()]
    pairs = own[["rater", "scale"]].astype(str).drop_duplicates()
    order = {name: n for n, name in enumerate(("client", "therapist", "observer"))}
    return sorted(
        pairs.itertuples(index=False, name=None),
        key=lambda pair: (order.get(pair[0], 9), pair[1] == "total", pair[1]),
    )


def _rated(context: Context, score: Score, rater: str, scale: str) -> pd.DataFrame:
    rows = context.rows(Score(score.measure, scale, rater, score.title, score.direction))
    return with_therapist(context.study, rows)


def _level(context: Context, rows: pd.DataFrame, name: str, draft: Draft) -> dict[str, Any]:
    """Return means, spreads and shares of variance of one rater's scale."""
    disclosure, people = context.disclosure, rows["client_id"]
    told = disclosure.shows(people)
    counts = {
        "n_clients": float(people.nunique()) if told else np.nan,
        "n_sessions": disclosure.tens(rows),
    }
    try:
        fit = al.fit_multilevel(f"score ~ 1 + (1 | client_id){therapist_term(rows)}", rows, df=DF)
        reliability = al.mean_reliability(rows, "score").reliability
    except AllianceStatsError as error:
        return {**counts, **dict.fromkeys(SPREADS, np.nan), "reason": without_data(str(error))}
    draft.say(f"{name}: {message}" for message in fit.messages)
    parts = variance_parts(fit)
    total = sum(parts.values())
    between = parts.get("client_id", 0.0) + parts.get("therapist_id", 0.0)
    row = fit.tidy().iloc[[0]]
    spreads = {
        "mean": float((row if told else coarse(row))["estimate"].iloc[0]),
        "sd_between": np.sqrt(between),
        "sd_within": np.sqrt(parts["Residual"]),
        "icc_client": between / total,
        "icc_therapist": parts.get("therapist_id", np.nan) / total,
        "mean_reliability": reliability,
    }
    if not disclosure.everything and levels(rows, "therapist_id") < SMALLEST_SHOWN:
        spreads["icc_therapist"] = np.nan
    if not told and people.nunique() < SPREAD_TELLS_BELOW:
        spreads |= dict.fromkeys(TELLING, np.nan)
    if not disclosure.enough(pd.Series([with_several(people)])).all():
        spreads |= dict.fromkeys(SPREADS[1:], np.nan)  # what moves within clients is of few
    return {**counts, **spreads, "reason": ""}


TELLING = ("sd_between", "sd_within", "mean_reliability")
"""What of few people tells how many they are, beside what else is shown of them."""
SPREADS = ("mean", "sd_between", "sd_within", "icc_client", "icc_therapist", "mean_reliability")


def variance_parts(fit: Any) -> dict[str, float]:
    """Return the variance of each random intercept and of the residual."""
    table = fit.varcomp
    own = table[table["term2"].isna() | (table["term2"] == "")]
    return {str(row.group): float(row.vcov) for row in own.itertuples(index=False)}


def _alpha(context: Context, alphas: pd.DataFrame, rater: str, scale: str) -> dict[str, Any]:
    """Return alpha; its interval only where its number of clients may be told, which it gives."""
    found = alphas[(alphas["rater"] == rater) & (alphas["scale"] == scale)]
    row: dict[str, Any] = dict.fromkeys(("alpha", "conf_low", "conf_high"), np.nan)
    if len(found):
        row = {str(name): value for name, value in found.iloc[0].items()}
    if row["alpha"] == row["alpha"]:
        forms = alpha_forms(context.study, row["measure"], rater, scale)
        if not context.disclosure.shows(forms.index):
            row |= {"conf_low": np.nan, "conf_high": np.nan}
    return {"alpha": row["alpha"], "alpha_low": row["conf_low"], "alpha_high": row["conf_high"]}


def _why_not(alphas: pd.DataFrame) -> list[str]:
    without = alphas[alphas["alpha"].isna()]
    said = (f"No α for {r.rater} {r.scale}: {r.reason}." for r in without.itertuples())
    return [text for text in map(without_data, said) if text]


def _headline(score: Score, row: pd.Series) -> str:
    if row["reason"]:
        return ""
    text = (
        f"{score.rater.capitalize()} rating ({score.title} {score.scale}): mean "
        f"{number(row['mean'])}"
    )
    if row["icc_client"] == row["icc_client"]:
        share = number(100 * row["icc_client"], 0)
        text += f"; {share}% of the variance of single ratings lies between clients"
    if row["alpha"] == row["alpha"]:
        text += f"; α = {number(row['alpha'], bounded=True)}"
    if row["alpha_low"] == row["alpha_low"]:
        text += f" {interval(row['alpha_low'], row['alpha_high'], bounded=True)}"
    return text + "."


def model_blocks(context: Context, score: Score, draft: Draft) -> list[Block]:
    """Return the growth of the alliance over sessions as a multilevel model."""
    rows = with_therapist(context.study, context.rows(score))
    rows = rows.assign(session_from_1=rows["session"].astype(float) - 1)
    formula = f"score ~ session_from_1 + (1 + session_from_1 | client_id){therapist_term(rows)}"
    fit = al.fit_multilevel(formula, rows, df=DF)
    draft.say(fit.messages)
    draft.used["course_formula"] = formula
    words = {"session_from_1": "Change per session", "Intercept": "Level at session 1"}
    terms, _ = shown_terms(fit, context.disclosure)
    slope = terms.query("effect == 'fixed' and term == 'session_from_1'").iloc[0]
    size, ends = in_sentence(slope, 3)
    text = (
        f"From session to session the {score.rater}s' {score.title} changes by {size} points on "
        f"average {ends}, each client with an own line."
    )
    shown = model_table(
        fit,
        "alliance-model",
        words=words,
        disclosure=context.disclosure,
        score=score.title,
        rater=score.rater,
    )
    return [Paragraph(text), shown]

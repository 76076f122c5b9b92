"""Dropout: how many had left by each session, and what speaks for leaving."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

import alliance_stats as al

from ...core.disclosure import OTHERS, SMALLEST_SHOWN, Disclosure, WithheldError
from ...core.display import columns as col
from ...core.display.formatting import count, number, percent, percent_interval
from ...core.display.table import Table
from ...core.drawing import house_style, new_axes
from ...core.precision import ENDS, coarse, for_page, rounded
from ...dropout.endings import CENSORED, COMPETING, endings
from ...study.times import OCCASION
from ..content import Block, Caution, Paragraph, Section
from ..context import Context
from ..drawings import plot_incidence
from ..wording import figure, labels, table
from .draft import Draft
from .models import in_sentence, levels, therapist_term
from .occasions import lost_blocks

REASONS, DEFINITIONS = labels("reasons"), labels("dropout_definitions")
NO_ENDINGS = (
    "How therapies ended is not in the study (a table 'terminations'), so lost to assessment is "
    "all that can be counted; what speaks for leaving needs sessions, after each of which a client "
    "may leave."
)
SHOWN = ["incidence", "conf_low", "conf_high", "one_minus_km"]


def build(context: Context, draft: Draft) -> Section:
    """Return the section."""
    draft.attempt("How therapies ended", lambda: ending_blocks(context, draft))
    draft.attempt("Dropout by definition", lambda: definition_blocks(context, draft))
    if context.time == OCCASION and context.study.tables.get("terminations") is None:
        draft.attempt("Who was lost to assessment", lambda: lost_blocks(context, draft))
        draft.add(Caution(NO_ENDINGS))
        return draft.finish()
    draft.attempt("The incidence of dropout", lambda: incidence_blocks(context, draft))
    draft.attempt("The hazard of dropout", lambda: hazard_blocks(context, draft))
    return draft.finish()


def ending_blocks(context: Context, draft: Draft) -> list[Block | None]:
    """Return how therapies ended."""
    ends = context.study.tables.get("terminations")
    if ends is None or ends.empty:
        return []
    disclosure = context.disclosure
    reason = ends["reason"].astype(str)
    parts = disclosure.parts({name: ends.loc[reason == name, "client_id"] for name in REASONS})
    if not parts:
        raise WithheldError("Of no way to end it is told how many ended so.")
    frame = pd.DataFrame({"reason": list(parts), "n": [len(group) for group in parts.values()]})
    frame = frame[frame["n"] > 0].reset_index(drop=True)
    frame["share"] = frame["n"] / frame["n"].sum()
    columns = (
        col.text("reason", "End of therapy", words=REASONS),
        col.count("n", "Clients"),
        col.percent("share", "Share"),
    )
    definitions = _words(ends, "definition", context)
    judges = _words(ends, "judged_by", context)
    draft.used.update(definition=definitions, judged_by=judges)
    return [
        table(
            "endings",
            frame,
            columns,
            withheld=OTHERS in parts,
            clients=disclosure.people(ends["client_id"], "client"),
            definition=definitions or "not said in the data",
            judges=judges or "not said",
        )
    ]


def definition_blocks(context: Context, draft: Draft) -> list[Block | None]:
    """Return the dropout rate under every definition the study can carry."""
    if context.study.tables.get("terminations") is None:
        return []
    found = al.compare_dropout_definitions(context.study)
    draft.say(found.messages)
    frame = found.rates.assign(
        label=[DEFINITIONS.get(name, name) for name in found.rates["definition"]]
    )
    told = [
        _definition_told(found.clients, name, context.disclosure) for name in frame["definition"]
    ]
    frame = frame[told].reset_index(drop=True)
    if frame.empty:
        raise WithheldError("How many dropped out is withheld under every definition.")
    shown = frame[["label", "n_clients", "n_dropout", "rate", "conf_low", "conf_high"]]
    columns = (
        col.text("label", "Dropout is"),
        col.count("n_clients", "Clients"),
        col.count("n_dropout", "Dropouts"),
        col.percent("rate", "Share"),
        col.percent_interval("conf_low", "conf_high"),
    )
    hidden = len(told) - len(frame)
    more = f"{hidden} more cannot be shown beside these." if hidden else ""
    return [table("dropout-definitions", shown, columns, withheld=hidden, more=more)]


def _definition_told(clients: pd.DataFrame, name: str, disclosure: Disclosure) -> bool:
    """Return whether the numbers of a definition's dropouts and of those judged may be shown."""
    reason = clients.set_index("client_id")[name] if "client_id" in clients else clients[name]
    over = reason.index[reason.notna() & (reason != "ongoing")]
    left = reason.index[reason == "dropout"]
    return disclosure.shows(reason.index[reason.notna()], over, left)


def _words(ends: pd.DataFrame, column: str, context: Context) -> str:
    """Return the levels of a column that the codebook shows; all others are "others"."""
    if column not in ends.columns:
        return ""
    every = sorted(map(str, ends[column].dropna().unique()))
    levels = every if context.disclosure.everything else context.levels("terminations", column)
    shown = [one for one in every if one in levels]
    if shown:
        return ", ".join(shown + ["others"] * (len(shown) < len(every)))
    return "withheld" if every else ""


def incidence_blocks(context: Context, draft: Draft) -> list[Block | None]:
    """Return the cumulative incidence as figure and table."""
    found = al.dropout_incidence(context.study)
    draft.say(found.messages)
    kept = incidence_shown(context, found.table)
    with house_style():
        ax = plot_incidence(kept, new_axes(6.3, 3.6))
    draft.headline = _headline(kept)
    whole = context.disclosure.everything
    drawn = figure("dropout", ax, data=kept[["time", *SHOWN]], private=whole)
    shown = kept.rename(columns={"time": "session"})[["session", *SHOWN]]
    columns = (
        col.count("session", "After session"),
        col.percent("incidence", "Dropped out"),
        col.percent_interval("conf_low", "conf_high"),
        col.percent("one_minus_km", "1 − Kaplan-Meier"),
    )
    return [Paragraph(draft.headline), drawn, table("dropout-incidence", shown, columns)]


def incidence_shown(context: Context, table: pd.DataFrame) -> pd.DataFrame:
    """Return the incidence of dropout at the sessions by which as many left as may be told."""
    least = 0 if context.disclosure.everything else SMALLEST_SHOWN
    drop = table[(table["event"] == "dropout") & (table["n_at_risk"] >= least)]
    ends = endings(context.study)
    left = ends[ends["reason"] == "dropout"]
    context.disclosure.require(left["client_id"], "clients dropped out")
    told = []
    for time in drop["time"]:
        by_then = left.loc[left["last_session"] <= time, "client_id"]
        told.append(len(by_then) > 0 and context.disclosure.shows(by_then))
    steps = drop[told].drop_duplicates("incidence")
    if steps.empty:
        raise WithheldError("Between any two sessions fewer than ten clients left.")
    return _as_exact_as_ends(context.disclosure, rounded(steps.reset_index(drop=True), 3), ends)


def _as_exact_as_ends(
    disclosure: Disclosure, curve: pd.DataFrame, ends: pd.DataFrame
) -> pd.DataFrame:
    """Return a curve coarse where it would tell how many few were censored or ended otherwise.

    With nobody censored by then it is a share, 17 of 60, and each censored client raises it;
    1 - Kaplan-Meier rises with each who ended otherwise.
    """

    def told(*reasons: str) -> pd.Series:
        of = ends[ends["reason"].isin(reasons)]
        by_then = [of.loc[of["last_session"] <= time, "client_id"] for time in curve["time"]]
        return pd.Series([disclosure.shows(group) for group in by_then], index=curve.index)

    shares = coarse(curve, ~told(CENSORED), also=["incidence"])
    km = coarse(curve, ~(told(CENSORED) & told(*COMPETING)), also=["one_minus_km"])
    return shares.assign(one_minus_km=km["one_minus_km"])


def _headline(kept: pd.DataFrame) -> str:
    row = kept.iloc[-1]
    return (
        f"By session {count(row['time'])}, {percent(row['incidence'])} "
        f"{percent_interval(row['conf_low'], row['conf_high'])} of clients had dropped out."
    )


def hazard_blocks(context: Context, draft: Draft) -> list[Block | None]:
    """Return the discrete-time hazard on the alliance of the session before leaving."""
    score = context.alliance
    data = al.person_period(
        context.study,
        measure=score.measure,
        rater=score.rater,
        scale=score.scale,
        split="shrunken",
    )
    draft.say(data.attrs.get("messages", ()))
    known = data.dropna(subset=["alliance_within", "alliance_between"])
    left = known.loc[known["event"] == 1, "client_id"]
    stayed = known.loc[~known["client_id"].isin(left), "client_id"]
    for group in (left, stayed):
        context.disclosure.require(group, "clients dropped out after a rated session, or did not")
    formula = f"event ~ session + alliance_within + alliance_between{therapist_term(known)}"
    fit = al.fit_dropout_hazard(formula, known, link="logit")
    draft.say(fit.messages)
    draft.used.update(formula=formula, link="logit", measure=score.measure, rater=score.rater)
    tidy, told = _odds(fit, data, known, context.disclosure)
    row = tidy[tidy["term"] == "alliance_within"].iloc[0]
    return [
        _hazard_words(row, score.title),
        _hazard_table(fit, tidy, known, score, context.disclosure, told=told),
    ]


def _odds(
    fit: Any, data: pd.DataFrame, known: pd.DataFrame, disclosure: Disclosure
) -> tuple[pd.DataFrame, bool]:
    """Return the odds ratios as they may stand, and whether numbers may stand beside them."""
    if fit.fewest < SMALLEST_SHOWN and not disclosure.everything:
        raise WithheldError("A coefficient is about few clients, or they are few for the model.")
    told = fit.nobs == len(known) and disclosure.shows_rows(known) and disclosure.shows_rows(data)
    if told:
        return fit.tidy(exponentiate=True).query("effect == 'fixed'"), True
    tidy = for_page(fit.tidy(), type(fit).__name__, fit.fewest).query("effect == 'fixed'").copy()
    numbers = ["estimate", *ENDS]
    tidy[numbers] = np.exp(tidy[numbers].astype(float)).round(2)
    return tidy, False


def _hazard_words(row: pd.Series, title: str) -> Paragraph:
    size, ends = in_sentence(row)
    return Paragraph(
        f"A session whose {title} lies one point above the client's level (as expected from the "
        "ratings up to that session) goes with "
        f"{size} times the odds of leaving after it (95% CI {ends})."
    )


def _hazard_table(
    fit: Any,
    tidy: pd.DataFrame,
    known: pd.DataFrame,
    score: Any,
    disclosure: Disclosure,
    *,
    told: bool,
) -> Table:
    words = {
        "Intercept": f"Intercept (odds at session 0 and {score.title} 0)",
        "session": "Session (per session)",
        "alliance_within": f"{score.title}, this session against the client's level",
        "alliance_between": f"{score.title}, the client's level by then",
    }
    frame = tidy.reset_index(drop=True)
    frame.insert(0, "label", [words.get(str(term), str(term)) for term in frame["term"]])
    left = known.loc[known["event"] == 1, "client_id"]
    sizes = (
        f"{disclosure.rows(known)} client-sessions at risk, {disclosure.people(left, 'dropout')}; "
        if told
        else ""
    )
    therapists = ""
    enough = told and levels(known, "therapist_id") >= SMALLEST_SHOWN
    if fit.group and (enough or disclosure.everything):
        therapists = (
            f"Therapists: SD {number(fit.variance**0.5)} of the log odds, ICC "
            f"{number(fit.icc, bounded=True)}. "
        )
    columns = (
        col.text("label", "Term"),
        col.number("estimate", "Odds ratio", about=not told),
        col.interval(about=not told),
        col.number("statistic", "z"),
        col.p_value(),
    )
    return table(
        "dropout-hazard",
        frame,
        columns,
        withheld=not told,
        formula=fit.formula,
        sizes=sizes,
        therapists=therapists,
    )

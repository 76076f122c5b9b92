"""What the study was made for: does the outcome follow the alliance of the session before?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pandas as pd

import alliance_stats as al

from ...core.disclosure import WithheldError
from ...core.display.formatting import number, p_after_comma
from ...core.precision import for_page
from ...description import first_and_last
from ...errors import DesignError
from ...gap.linear import least_squares
from ...study.times import OCCASION, in_order, occasion_in_words
from ..content import Block, Paragraph, Section
from ..context import Context
from .draft import Draft
from .models import in_sentence, model_table, shown_terms, therapist_term, with_therapist

DF: Literal["satterthwaite"] = "satterthwaite"
WITHIN, BETWEEN, HELD = "alliance_lag1_within", "alliance_lag1_between", "outcome_lag1_within"
KNOWN = 0.5
"""Share of the sessions whose outcome before must be known for it to be held equal."""
EARLY = (3, 4, 5)
"""Sessions whose alliance is called early."""


def build(context: Context, draft: Draft) -> Section:
    """Return the section."""
    make = occasion_blocks if context.time == OCCASION else model_blocks
    draft.attempt("The model of alliance and outcome", lambda: make(context, draft))
    return draft.finish()


def model_blocks(context: Context, draft: Draft) -> list[Block]:
    """Return the outcome on the alliance before, within and between clients, as one model."""
    alliance, outcome = context.alliance, context.outcome
    at_sessions = set(context.study.scores["measure"].astype(str))
    if alliance.measure in at_sessions and outcome.measure not in at_sessions:
        return occasion_blocks(context, draft)
    for score in (alliance, outcome):
        if score.measure not in at_sessions:
            raise DesignError(
                f"The {score.title} was measured at occasions only, and that the outcome of a "
                "session follows the alliance of the one before needs both at sessions."
            )
    rows = session_pairs(context)
    held = f" + {HELD}" if HELD in rows else ""
    random = f"(1 | client_id){therapist_term(rows)}"
    formula = f"outcome ~ session + {WITHIN} + {BETWEEN}{held} + {random}"
    fit = al.fit_multilevel(formula, rows, df=DF, slopes="all")
    draft.say(fit.messages)
    draft.used.update(alliance=alliance.measure, outcome=outcome.measure, formula=fit.formula)
    before = f"{alliance.title} at the session before"
    words = {
        "Intercept": "Intercept",
        "session": "Session",
        WITHIN: f"{before}: the client's own ups and downs",
        BETWEEN: f"{before}: the client's usual level",
        HELD: f"{outcome.title} at the session before: the client's own ups and downs",
    }
    shown = model_table(
        fit, "outcome-model", words=words, disclosure=context.disclosure,
        alliance=alliance.title, outcome=outcome.title, rater=alliance.rater,
    )  # fmt: skip
    tidy, _ = shown_terms(fit, context.disclosure)
    own, usual = (_effect(tidy[tidy["term"] == term].iloc[0]) for term in (WITHIN, BETWEEN))
    draft.headline = (
        f"With an alliance one point higher than the client's usual, {outcome.title} at the next "
        f"session differs by {own}."
    )
    carried = (
        f"{outcome.title} of the session before is held equal"
        if held
        else f"{outcome.title} of the session before is mostly not known and not held equal, so "
        "what it shared with the alliance of that session is in the first number"
    )
    text = (
        f"{draft.headline} Between clients whose usual alliance differs by a point it differs by "
        f"{usual}. Ratings of the alliance are the {alliance.rater}'s; {carried}; each client has "
        "a level and effects of its own. Neither number shows what the alliance does: whatever "
        "changes with it may be behind the first, whatever differs between clients behind the "
        "second."
    )
    return [Paragraph(text), shown]


def session_pairs(context: Context) -> pd.DataFrame:
    """Return sessions with the outcome, and the session before: the alliance in its two parts.

    And the outcome before, held equal where it is known for most: what alliance and outcome of one
    session share, and the outcome carries over, is no effect of the alliance.
    """
    keys = ["client_id", "session"]
    alliance = context.rows(context.alliance).rename(columns={"score": "alliance"})
    outcome = context.rows(context.outcome).rename(columns={"score": "outcome"})
    both = alliance[[*keys, "alliance"]].merge(outcome[[*keys, "outcome"]], on=keys, how="outer")
    lagged = al.lag(both, ["alliance", "outcome"])
    before = lagged.dropna(subset=["outcome", "alliance_lag1"])
    if before.empty:
        raise DesignError(
            "No session has an outcome whose session before has an alliance; the model needs both."
        )
    known = before.dropna(subset=["outcome_lag1"])
    if len(known) >= KNOWN * len(before):
        parts = al.decompose(known, ["alliance_lag1", "outcome_lag1"])
    else:
        parts = al.decompose(before, ["alliance_lag1"])
    return with_therapist(context.study, parts)


def occasion_blocks(context: Context, draft: Draft) -> list[Block]:
    """Return the last outcome on the alliance under way, the first outcome held equal."""
    alliance, outcome, disclosure = context.alliance, context.outcome, context.disclosure
    rows, when = under_way(context)
    disclosure.require(rows["client_id"], "clients have the alliance and both outcomes")
    told = disclosure.shows(rows["client_id"])
    random = therapist_term(rows)
    if random:
        fit = al.fit_multilevel(f"post ~ alliance + pre{random}", rows, df=DF)
        draft.say(fit.messages)
        tidy = fit.tidy()
    else:
        columns = rows[["alliance", "pre"]].astype(float)
        found = least_squares(rows["post"].to_numpy(dtype=float), columns)
        tidy = found.rows(np.eye(3), ["Intercept", "alliance", "pre"])
    exact = tidy[tidy["term"] == "alliance"]
    shown = exact if told else for_page(exact, "MultilevelFit", rows["client_id"].nunique())
    if shown.empty:
        raise WithheldError("A slope of so few clients would tell how many they are.")
    draft.used.update(alliance=alliance.measure, outcome=outcome.measure, occasion=when)
    t, df = (float(exact[name].iloc[0]) for name in ("statistic", "df"))
    r = f"; partial r = {number(t / np.hypot(t, np.sqrt(df)), bounded=True)}" if told else ""
    draft.headline = (
        f"With an alliance one point higher ({when}), {outcome.title} at the "
        f"end differs by {_effect(shown.iloc[0])}{r}, the {outcome.title} at the start held equal."
    )
    who = disclosure.people(rows["client_id"], "client")
    arms = " of all arms together" if context.arms is not None else ""
    taken = (
        ""
        if context.time == OCCASION
        else f"The first {outcome.title} is taken to come before that session and the last after "
        "it; who left before it is not in this. "
    )
    model = "each therapist with a level of their own" if random else "by linear regression"
    return [
        Paragraph(
            f"{draft.headline} {who[:1].upper()}{who[1:]}{arms} have all three scores; ratings of "
            f"the alliance are the {alliance.rater}'s; {model}. {taken}This compares clients and "
            "does not show what the alliance does: who was better by then may rate it higher, and "
            "whatever else differs between clients is in it."
        )
    ]


def under_way(context: Context) -> tuple[pd.DataFrame, str]:
    """Return clients with first and last outcome and an alliance between, and when that was.

    Of alliance at sessions it is the early one: where the occasions lie among the sessions, nobody
    has said.
    """
    alliance, outcome = context.alliance, context.outcome
    pairs = first_and_last(
        context.study, measure=outcome.measure, scale=outcome.scale, rater=outcome.rater
    ).dropna(subset=["pre", "post"])
    rated = context.rows(alliance)
    if context.time != OCCASION:
        early = rated[rated["session"].isin(EARLY)]
        return _with_alliance(context, pairs, early, "in sessions 3 to 5", "session {}".format)
    order = in_order(context.study.tables["assessments"])
    places = {name: place for place, name in enumerate(order, 1)}  # as rows have them
    ends = [places[one] for name in ("pre_when", "post_when") for one in set(pairs[name])]
    first, last = (min(ends), max(ends)) if ends else (0, 0)
    between = rated[rated["session"].between(first, last, inclusive="neither")]
    where = f"between the first {outcome.title} and the last"

    def name(place: int) -> str:
        return occasion_in_words(str(order[place - 1]))

    return _with_alliance(context, pairs, between, where, name)


def _with_alliance(
    context: Context,
    pairs: pd.DataFrame,
    rated: pd.DataFrame,
    where: str,
    name: Callable[[int], str],
) -> tuple[pd.DataFrame, str]:
    """Return the clients with the alliance of that time at which most were rated, and its name."""
    if rated.empty:
        raise DesignError(f"The {context.alliance.title} was not measured {where}.")
    when: Any = rated.groupby("session", observed=True).size().idxmax()
    own = rated[rated["session"] == when].rename(columns={"score": "alliance"})
    rows = pairs[["client_id", "pre", "post"]].merge(own[["client_id", "alliance"]])
    return with_therapist(context.study, rows), name(int(when))


def _effect(row: pd.Series) -> str:
    size, ends = in_sentence(row)
    return f"{size} points (95% CI {ends}{p_after_comma(row['p_value'])})"

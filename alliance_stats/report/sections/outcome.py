"""What the study was made for: does the outcome follow the alliance of the session before?"""

from __future__ import annotations

from typing import Literal

import pandas as pd

import alliance_stats as al

from ...core.display.formatting import interval, number, p_after_comma
from ...errors import DesignError
from ...study.times import OCCASION
from ..content import Block, Paragraph, Section
from ..context import Context
from .draft import Draft
from .models import model_table, shown_terms, therapist_term, with_therapist

DF: Literal["satterthwaite"] = "satterthwaite"
WITHIN, BETWEEN = "alliance_lag1_within", "alliance_lag1_between"


def build(context: Context, draft: Draft) -> Section:
    """Return the section."""
    draft.attempt("The model of alliance and outcome", lambda: model_blocks(context, draft))
    return draft.finish()


def model_blocks(context: Context, draft: Draft) -> list[Block]:
    """Return the outcome on the alliance before, within and between clients, as one model."""
    alliance, outcome = context.alliance, context.outcome
    if context.time == OCCASION:
        raise DesignError(
            "That the outcome of a session follows the alliance of the one before needs both at "
            "sessions; this study has occasions."
        )
    rows = session_pairs(context)
    formula = f"outcome ~ session + {WITHIN} + {BETWEEN} + (1 | client_id){therapist_term(rows)}"
    fit = al.fit_multilevel(formula, rows, df=DF, slopes="all")
    draft.say(fit.messages)
    draft.used.update(alliance=alliance.measure, outcome=outcome.measure, formula=fit.formula)
    before = f"{alliance.title} at the session before"
    words = {
        "Intercept": "Intercept",
        "session": "Session",
        WITHIN: f"{before}: the client's own ups and downs",
        BETWEEN: f"{before}: the client's usual level",
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
    text = (
        f"{draft.headline} Between clients whose usual alliance differs by a point it differs by "
        f"{usual}. Ratings of the alliance are the {alliance.rater}'s; each client has a level "
        "and effects of its own. Neither number shows what the alliance does: whatever changes "
        "with it may be behind the first, whatever differs between clients behind the second."
    )
    return [Paragraph(text), shown]


def session_pairs(context: Context) -> pd.DataFrame:
    """Return sessions with the outcome, and the alliance of the session before in its two parts."""
    keys = ["client_id", "session"]
    alliance = context.rows(context.alliance).rename(columns={"score": "alliance"})
    outcome = context.rows(context.outcome).rename(columns={"score": "outcome"})
    both = alliance[[*keys, "alliance"]].merge(outcome[[*keys, "outcome"]], on=keys, how="outer")
    before = al.lag(both, ["alliance"]).dropna(subset=["outcome", "alliance_lag1"])
    if before.empty:
        raise DesignError(
            "No session has an outcome whose session before has an alliance; the model needs both."
        )
    return with_therapist(context.study, al.decompose(before, ["alliance_lag1"]))


def _effect(row: pd.Series) -> str:
    ends = interval(row["conf_low"], row["conf_high"])
    return f"{number(row['estimate'])} points (95% CI {ends}{p_after_comma(row['p_value'])})"

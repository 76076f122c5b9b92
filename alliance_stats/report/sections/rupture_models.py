"""What goes with a rupture at the next session, and whether the outcome goes before ruptures."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd

import alliance_stats as al

from ...core.display import columns as col
from ...core.display.formatting import decimals_for, number, p_after_comma
from ...core.precision import for_page
from ...errors import DesignError, ScoreError
from ...multilevel.summary import DF_NOTES
from ...study import Study
from ..content import Block, Paragraph
from ..context import Context, Score
from ..wording import labels, table
from .draft import Draft
from .models import in_sentence, model_table, shown_terms, therapists_tell_apart

DF: Literal["satterthwaite"] = "satterthwaite"
UNTESTED = (
    "No p is with a rupture: a fall needs a high score before it, which goes with a good outcome "
    "there, so a rule that reads scores makes this coefficient by itself."
)
WITHIN, REVERSE = "rupture_lag1_within", "outcome_lag1_within"
LEVEL_WORDS = {
    2: "two levels (sessions in clients)",
    3: "three levels (sessions in clients in therapists)",
}


def outcome_of(context: Context, score: Score) -> Score:
    """Return the outcome; raise where ruptures are told from it, or sessions do not have it."""
    outcome = context.outcome
    if outcome.measure == score.measure:
        raise DesignError(
            f"The ruptures are told from the {score.title} itself, so it cannot be the outcome; "
            "name another with outcome=."
        )
    try:
        rated = len(context.rows(outcome))
    except ScoreError:
        rated = 0
    if not rated:
        raise DesignError(f"The {outcome.title} was not rated at sessions, only at occasions.")
    return outcome


def series(score: Score, outcome: Score) -> dict[str, Any]:
    """Return the two series as the functions of ruptures are told of them."""
    return {
        "alliance": score.measure,
        "subscale": score.scale,
        "rater": score.rater,
        "outcome": outcome.measure,
        "outcome_subscale": outcome.scale,
        "outcome_rater": outcome.rater,
    }


def able_levels(study: Study) -> int:
    """Return 3 where every client's therapist is known and there are enough of them, else 2."""
    clients = study.tables.get("clients")
    return 3 if clients is not None and therapists_tell_apart(clients) else 2


def model_blocks(context: Context, score: Score, rule: dict[str, Any], draft: Draft) -> list[Block]:
    """Return the next session's outcome after a rupture, in words and as tables."""
    outcome = outcome_of(context, score)
    n = able_levels(context.study)
    found = al.fit_rupture_repair(
        context.study,
        **series(score, outcome),
        **rule,
        direction=score.direction,
        levels=n,
        df=DF,
    )
    ruptured = found.rows.loc[found.rows["rupture_lag1"] == 1, "client_id"]
    context.disclosure.require(ruptured, "clients have a rupture with a session right after it")
    draft.say(found.messages)
    fit = found.fits[f"outcome, {n} levels"]
    draft.used.update(formula=fit.formula, outcome=outcome.measure, outcome_scale=outcome.scale)
    shown = model_table(
        fit,
        "rupture-model",
        words=_words(fit.params.index),
        disclosure=context.disclosure,
        outcome=outcome.title,
        levels=LEVEL_WORDS[n],
        counting=COUNTING.format(" and has an outcome score itself" * found.choices.lagged_outcome),
    )
    tidy, told = shown_terms(fit, context.disclosure)
    said = Paragraph(_in_words(_term(tidy, WITHIN), outcome, held=found.choices.lagged_outcome))
    return [said, shown, *_reverse(found, score, outcome, n, context, told=told)]


def _words(terms: pd.Index) -> dict[str, str]:
    """Return every term of the model in words."""
    words = {"session": "Session (per session)"}
    for event in ("rupture", "repair"):
        for ending, place in labels("places").items():
            what = event.capitalize() if ending == "within" else f"Share with a {event}"
            words[f"{event}_lag1_{ending}"] = f"{what} at the session before, {place}"
    for ending, place in labels("places").items():
        words[f"alliance_lag1_{ending}"] = f"Alliance score of the session before, {place}"
    words["outcome_lag1_within"] = f"Outcome of the session before, {labels('places')['within']}"
    return {term: words[term] for term in terms if term in words}


def _in_words(row: pd.Series, outcome: Score, *, held: bool) -> str:
    beside = ", alliance score and outcome of that session" if held else " and alliance score"
    p = p_after_comma(row["p_value"])
    worse = "higher" if row["estimate"] > 0 else "lower"
    told, ends = in_sentence(row, sign=False)
    size = f"{told} points {worse} than"
    if row["estimate"] == 0:  # a rounded one
        size = "as high, as far as it is shown, as"
    return (
        f"After a session in which a rupture begins the next session's {outcome.title} is "
        f"{size} after the same client's other "
        f"sessions, at the same session number{beside} "
        f"(95% CI {ends}{p}). This is an "
        "association in time, not a proof of cause."
    )


def _term(tidy: pd.DataFrame, term: str) -> pd.Series:
    return tidy[(tidy["effect"] == "fixed") & (tidy["term"] == term)].iloc[0]


COUNTING = (
    "Outcome scores are used where the session right before (by session number, never by row) was "
    "judged{}; the others are left out. Counted as everywhere in "
    "this section: a rupture is the session in which one begins, a repair the session that ends "
    "one; a further fall within an open rupture is no rupture of its own."
)


def _reverse(
    found: Any, score: Score, outcome: Score, n: int, context: Context, *, told: bool
) -> list[Block]:
    """Return what the outcome goes before, where these models could be fitted.

    Exact, and with sizes, only where all three models may say theirs.
    """
    names = {
        f"reverse: rupture, {n} levels": "A rupture begins (log odds)",
        f"reverse: alliance, {n} levels": f"{score.title} {score.scale} (points)",
    }
    fits = {label: found.fits[name] for name, label in names.items() if name in found.fits}
    if not fits:
        return []
    shown = {label: shown_terms(fit, context.disclosure) for label, fit in fits.items()}
    told &= all(sizes for _, sizes in shown.values())
    if not told:
        shown = {
            label: (for_page(fit.tidy(), type(fit).__name__, fit.fewest), False)
            for label, fit in fits.items()
        }
    tested = found.tidy().query("term == @REVERSE").set_index("model")["p_value"].notna()
    tests = {label: bool(tested[name]) for name, label in names.items() if label in fits}
    rows = [
        {"response": label,
         "nobs": context.disclosure.tens(fits[label].design.frame) if told else np.nan,
         "digits": _digits(_term(fits[label].tidy(), REVERSE)["std_error"]),
         **_term(tidy if tests[label] else tidy.assign(p_value=np.nan), REVERSE)}
        for label, (tidy, _) in shown.items()
    ]  # fmt: skip
    frame = pd.DataFrame(rows).drop(columns=["effect", "group"])
    columns = (
        col.text("response", "At this session"),
        col.count("nobs", "Sessions"),
        col.number("estimate", "b", "digits", about=not told),
        col.number("std_error", "SE", "digits"),
        col.interval(digits="digits", about=not told),
        col.degrees(),
        col.p_value(),
    )
    return [
        table(
            "rupture-reverse",
            frame,
            columns,
            withheld=not told,
            score=score.title,
            outcome=outcome.title,
            how=" ".join(
                f'{label}: "{fit.formula}", {fit.title}; {fit.estimator}; '
                f"{DF_NOTES[fit.df_method]}."
                for label, fit in fits.items()
            ),
            levels=LEVEL_WORDS[n],
            odds=_odds(found, n) if told else "",
            untested=UNTESTED if told and not all(tests.values()) else "",
            zero=_zero_variances(fits),
        )
    ]


def _odds(found: Any, n: int) -> str:
    """Return the odds ratio of a rupture in words, where it has one."""
    fit = found.fits.get(f"reverse: rupture, {n} levels")
    if not isinstance(fit, al.OutcomeFit):
        return ""
    row = fit.odds_ratios().set_index("term").loc[REVERSE]
    return (
        f"Of a rupture, a yes or no, b is a log odds ratio: the odds are {number(row['estimate'])} "
        f"times as high for each point (95% CI {number(row['conf_low'])} to "
        f"{number(row['conf_high'])}), in the same client."
    )


def _zero_variances(fits: dict[str, Any]) -> str:
    """Say which of the models show no differences between units at some level."""
    return " ".join(
        f"{label}: a variance is estimated as zero, so these data do not show differences at that "
        "level."
        for label, fit in fits.items()
        if fit.singular
    )


def _digits(error: float) -> int:
    """Return decimals that show a slope a point, which may be small."""
    return 4 if error < 0.0095 else decimals_for([error])

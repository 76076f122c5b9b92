"""Further parts of the rating gap's section: forms, truth and bias, forecasts against outcome."""

from __future__ import annotations

from typing import Any

import pandas as pd

import alliance_stats as al

from ...core.disclosure import SMALLEST_SHOWN, Disclosure, WithheldError
from ...core.display import columns as col
from ...core.display.page import typeset
from ...core.precision import for_page, rounded, step_of
from ...gap.wording import labels as gap_labels
from ...latent.measurement.verdict import verdict
from ..content import Block, Paragraph
from ..context import Context, Score
from ..wording import labels, table
from .criterion import in_short, used_of
from .draft import Draft
from .models import in_sentence, therapists_tell_apart

DYADS = "dyads have a session that both rated"
"""Of whom there must be ten, before anything is said of their gap."""

FORM_TERMS, TRUTH_TERMS = map(gap_labels, ("parallel_forms", "truth_and_bias"))
TARGET_WORDS, STEP_WORDS = labels("forecasts"), labels("invariance")


def form_blocks(context: Context, score: Score, draft: Draft) -> list[Block]:
    """Return whether both forms run parallel."""
    found = al.check_parallel_forms(
        context.study, measure=score.measure, scale=score.scale, seed=context.options.seed
    )
    draft.say(found.messages)
    if found.fewest < SMALLEST_SHOWN and not context.disclosure.everything:
        raise WithheldError(
            "Fewer than ten dyads answered every item, or did so at two sessions: numbers about so "
            "few people are not shown."
        )
    tidy = _as_shown(found, context.disclosure)
    frame = tidy[tidy["term"].isin(FORM_TERMS)]
    frame = frame.assign(label=frame["term"].map(FORM_TERMS)).reset_index(drop=True)
    columns = (
        col.text("label", "Quantity"),
        col.number("estimate", "Estimate", bounded=True),
        col.interval(bounded=True),
    )
    blocks: list[Block] = [table("gap-forms", frame, columns, score=score.title, known=found.known)]
    few = 0 if context.disclosure.everything else SMALLEST_SHOWN
    if found.invariance is None or found.invariance.fewest < few:
        return blocks
    return blocks + _same_use(found.invariance, score, whole=context.disclosure.everything)


def _as_shown(found: Any, disclosure: Disclosure, *, told: bool = False) -> pd.DataFrame:
    if told or disclosure.everything:
        return pd.DataFrame(found.tidy())
    return for_page(found.tidy(), type(found).__name__, found.fewest)


def _same_use(found: al.MeasurementInvariance, score: Score, *, whole: bool) -> list[Block]:
    """Return whether both use the items alike, and what that adds to the gap in points.

    It takes more dyads than both have items, so that nobody stands out of it; how many is not
    said, in the sentences either, which chi-square and RMSEA give together.
    """
    frame = found.steps.assign(label=found.steps["step"].map(STEP_WORDS))
    frame = frame if whole else frame.assign(rmsea=float("nan"))
    columns = (
        col.text("label", "Held equal"),
        col.number("chi2", "χ²"),
        col.number("df", "df", 0),
        col.number("cfi", "CFI", 3, bounded=True),
        col.number("rmsea", "RMSEA", 3, bounded=True),
        col.number("delta_chi2", "Δχ²"),
        col.number("delta_df", "Δdf", 0),
        col.p_value(),
        col.text("verdict", "Verdict"),
    )
    said = Paragraph(typeset(" ".join(verdict(found, sizes=whole))))
    return [said, table("gap-invariance", frame, columns, score=score.title)]


def truth_blocks(context: Context, score: Score, draft: Draft) -> list[Block]:
    """Return the model of truth and bias, in words and as a table."""
    raters = context.pair(score)
    first, second = raters
    pairs = al.rating_gap(
        context.study, measure=score.measure, scale=score.scale, replicates=2,
        raters=(first, second),
    ).pairs  # fmt: skip
    context.disclosure.require(pairs["client_id"], DYADS)
    levels = ["client_id"]
    if therapists_tell_apart(pairs) and context.disclosure.shows(
        pairs["therapist_id"], of="therapist"
    ):
        levels.append("therapist_id")
    found = al.fit_truth_and_bias(pairs, truth="client", judgment="therapist", by=levels)
    draft.say(found.messages)
    if (found.fewest or 0) < SMALLEST_SHOWN and not context.disclosure.everything:
        raise WithheldError("A coefficient is about few dyads: nothing of it is shown.")
    told = context.disclosure.shows_rows(pairs) and found.n_rows == len(pairs)
    tidy = _as_shown(found, context.disclosure, told=told)
    # a correlation on its edge is not known; the messages say so
    frame = tidy[tidy["term"].isin(TRUTH_TERMS) & tidy["estimate"].notna()]
    between = frame["group"].map(
        {"client_id": " between dyads", "therapist_id": " between therapists"}
    )
    frame = frame.assign(
        label=frame["term"].map(TRUTH_TERMS) + between.fillna(""),
        part=frame["effect"].map({"fixed": "Effects", "random": "Random effects"}),
    ).reset_index(drop=True)
    force, _ = in_sentence(tidy.set_index("term").loc["truth_force"])
    first, second = raters.values()
    return [
        Paragraph(
            f"When a {first} rates a session one point above the own mean, the {second}'s rating "
            f"moves by {force} points. This is a slope, not a correlation, and error in "
            f"the {first}'s ratings pulls it towards zero: a value below 1 is not by itself a want "
            f"of attunement. The {first}'s rating is called the truth by convention."
        ),
        table(
            "gap-truth-and-bias",
            frame,
            (col.text("label", "Term"), *col.coefficients(frame)),
            withheld=not told,
            score=score.title,
            first=first,
            second=second,
            levels="dyad and therapist" if len(levels) > 1 else "dyad",
            sizes=f"{context.disclosure.rows(pairs)} sessions; " if told else "",
        ),
    ]


def success_blocks(context: Context, draft: Draft) -> list[Block]:
    """Return therapists' forecasts against what is measured."""
    outcome = context.outcome
    found = al.outcome_gap(  # one report judges change by one criterion
        context.study,
        measure=outcome.measure,
        scale=outcome.scale,
        rater=outcome.rater,
        criterion=context.options.criterion,
    )
    draft.say(found.messages)
    pairs = al.first_and_last(
        context.study, measure=outcome.measure, scale=outcome.scale, rater=outcome.rater
    ).dropna(subset=["pre", "post"])
    told = context.disclosure.shows(pairs["client_id"])
    kept = used_of(found.criterion, told=told)
    draft.used["success"] = {
        name: value
        for name, value in found.used.items()
        if name in kept or name in ("measure", "scale")
    }
    frame = _success_frame(found, context.disclosure)
    text = (
        "A second gap, on a scale of its own and never to be drawn on one axis with the first: "
        "what therapists forecast of their clients against what the clients' measure shows. "
        "Clients without a second score do not count, and reliable change on one self-report is "
        "not all that a therapist may have meant."
    )
    columns = (
        col.text("label", "Outcome"),
        col.count("n", "n"),
        col.percent("forecast", "Forecast, mean", 0),
        col.percent("observed", "Observed", 0),
        col.number("bias", "Bias", bounded=True),
        col.interval(bounded=True),
        col.number("auc", "AUC", bounded=True),
    )
    shown = table(
        "gap-success",
        frame,
        columns,
        withheld=frame.isna().any(axis=None),
        read=HOW_TO_READ if frame["bias"].notna().any() else "",
        outcome=outcome.title,
        criterion=in_short(found.criterion, told=told),
    )
    return [Paragraph(text), shown]


HOW_TO_READ = (
    "Bias above zero: more was forecast than seen. AUC .50: forecasts do not tell clients apart."
)
TELLING = ("observed", "bias", "conf_low", "conf_high", "auc")
"""What gives the share of those with the outcome, or pairs of those with and without."""


def _success_frame(found: Any, disclosure: Disclosure) -> pd.DataFrame:
    tidy = found.tidy().set_index("term")
    rows = []
    for target, label in TARGET_WORDS.items():
        if f"{target}:bias" not in tidy.index:
            continue
        own = found.clients[found.clients["target"] == target].dropna(subset=["observed"])
        seen, there = own["client_id"], own.loc[own["observed"] == 1, "client_id"]
        if seen.nunique() < SMALLEST_SHOWN and not disclosure.everything:
            raise WithheldError(
                f"Fewer than ten clients have a forecast of '{target}' and a known outcome: "
                "numbers about so few people are not shown."
            )
        bias = tidy.loc[f"{target}:bias"]
        row = {"target": target, "label": label, "n": float(seen.nunique())}
        row |= {name: tidy["estimate"][f"{target}:{name}"] for name in ("forecast", "observed")}
        row |= {"bias": bias["estimate"], "auc": tidy["estimate"][f"{target}:auc"]}
        row |= {name: bias[name] for name in ("conf_low", "conf_high")}
        if not disclosure.shows(seen, there):  # bias is forecast minus observed
            step = step_of(2 * float(own["forecast"].std()) / len(own) ** 0.5)
            forecast = round(float(tidy["estimate"][f"{target}:forecast"]) / step) * step
            row |= dict.fromkeys(["n", *TELLING], float("nan")) | {"forecast": forecast}
        rows.append(row)
    return rounded(pd.DataFrame(rows))

"""The trial: who was allocated and stayed, and how the arms compare."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pandas as pd

import alliance_stats as al

from ...core.disclosure import SMALLEST_SHOWN, WithheldError
from ...core.display import columns as col
from ...core.display import formatting as fmt
from ...core.display.table import Column, Table
from ...core.drawing import house_style, new_axes
from ...core.precision import coarse, rounded
from ...errors import AllianceStatsError, DesignError
from ...study.select import ALLIANCE, ScoreName, measures_of
from ...study.stages import stage_of
from ...study.times import OCCASION, in_order, occasion_in_words
from ...trials.plots import plot_means
from ..content import Block, Caution, Paragraph, Section
from ..context import ARM, Context, Score
from ..wording import figure, table
from .draft import Draft, in_public
from .models import in_sentence
from .sample import arms_of, sample_block
from .trial_flow import flow_blocks

MOST_OTHERS = 4
"""Other outcomes that are compared too; the rest is named."""
MOST_REPEATED = 6
"""Times after the baseline of which a covariance of each two is estimated; of more, so many."""
BEFORE_TREATMENT = (None, "screening", "intake", "pre")
NOT_RANDOMISED = (
    "A difference between arms is one of their treatments where clients were randomised; where "
    "they were not, whatever else differs between the arms is in it."
)
ADJUSTED = {
    "holm": "Holm's method", "bonferroni": "Bonferroni's", "tukey": "Tukey's", "none": "nothing",
}  # fmt: skip
MINUS_BETWEEN = Column("Arms", lambda row: row["term"].replace(" - ", f" {fmt.MINUS} "), "left")
MODELS = {
    "mmrm": "repeated measures with an unstructured covariance",
    "growth": "straight lines over the sessions that differ between clients",
    "ancova": "the comparison at one time",
}


def build(context: Context, draft: Draft) -> Section:
    """Return the section."""
    draft.attempt("The sample", lambda: [sample_block(context, draft)])
    score = context.compared_by_arm
    found: list[Any] = []

    def compared() -> list[Block | None]:
        found.append(compare(context, score, draft))
        return comparison_blocks(context, found[0], score, draft)

    parts: list[Block | None] = []
    draft.attempt("The comparison of the arms", lambda: _held(compared, parts))
    draft.attempt("The flow of the trial", lambda: flow_blocks(context, score, *found))
    if context.other_outcomes:
        draft.add(Caution(context.outcome_choice))
    draft.add(*parts)
    if found:
        draft.add(_others(context))
    return draft.finish()


def _held(make: Callable[[], list[Block | None]], parts: list[Block | None]) -> list[Block]:
    """Keep blocks for later: the flow stands before the comparison, and is of whom it analysed."""
    parts += make()
    return []


def compare(context: Context, score: Score, draft: Draft) -> Any:
    """Return the arms compared by the richest model that the data carry.

    All occasions or, of many, a few (all who were measured at any count, not only those who were at
    the last), straight lines over sessions, else the last time alone. The alliance has no baseline:
    its first session is one of treatment.
    """
    name = str(ScoreName.of(score.measure, score.scale, score.rater))
    rows = context.study.select(name)
    rows = rows[rows["score"].notna()]
    occasions = OCCASION in rows.columns
    times = list(in_order(rows)) if occasions else sorted(rows["session"].unique())
    if occasions:
        before = stage_of(str(times[0])) in BEFORE_TREATMENT
    else:
        before = score.measure not in measures_of(context.study, ALLIANCE)
    baseline = times[0] if before and len(times) > 1 else None
    left = len(times) - (baseline is not None)
    methods: list[Literal["mmrm", "growth", "ancova"]] = ["ancova"]
    if left > 1:
        methods.insert(0, "mmrm" if occasions else "growth")
    refusals = []
    for method in methods:
        asked: dict[str, Any] = {"outcome": name, "arm": ARM, "baseline": baseline}
        try:
            if method == "mmrm" and left > MOST_REPEATED:
                data = al.compare_arms(context.study, **asked, method="ancova").data
                asked["times"] = _few_of(data.times, data.last_common_time())
            found = al.compare_arms(context.study, **asked, method=method)
        except DesignError as error:
            refusals.append(error)
            continue
        if found.fit.converged or method == methods[-1]:
            draft.say(found.messages)
            draft.used.update(method=method, formula=found.fit.formula, adjust=found.adjust)
            return found
    raise refusals[-1]


def _few_of(times: tuple[Any, ...], last: Any) -> list[Any]:
    """Return `MOST_REPEATED` times from the first to `last`, spread evenly over their order.

    The first has nearly everybody, and those between carry what is known of who left.
    """
    common = times[: times.index(last) + 1]
    places = np.linspace(0, len(common) - 1, MOST_REPEATED).round().astype(int)
    return [common[place] for place in dict.fromkeys(places)]


def _others(context: Context) -> Block | None:
    """Return what the comparison gives for the study's other outcomes, a sentence each.

    The people behind each outcome are not told, so that what later sections may tell stays.
    """
    said = []
    for score in context.other_outcomes[:MOST_OTHERS]:
        try:
            found = compare(context, score, Draft("other", score.title))
            means, told = means_shown(context, found, tell=False)
            differences = differences_shown(found, means, told)
        except AllianceStatsError as error:
            said.append(f"{score.title}: not compared. {in_public(error)}")
            continue
        said.append(
            _headline(found, differences, score)
            if len(differences)
            else f"{score.title}: at no time ten clients of each arm were measured."
        )
    if not said:
        return None
    return Paragraph(f"The other outcomes, by the same comparison: {' '.join(said)}")


def comparison_blocks(
    context: Context, found: Any, score: Score, draft: Draft
) -> list[Block | None]:
    """Return the arms' means and differences, effect sizes and sensitivity, in words and tables."""
    means, told = means_shown(context, found)
    differences = differences_shown(found, means, told)
    if differences.empty:
        raise WithheldError(
            "After treatment began ten clients of each arm were measured at no time."
        )
    draft.headline = _headline(found, differences, score)
    if context.counted_of:
        draft.headline += f" (One of {context.counted_of} outcomes, chosen by counting scores.)"
    when = f" ({differences['time'].iloc[-1]})" if found.method == "ancova" else ""
    model = (
        f"{MODELS[found.method]}{when}{found.variances} ({found.fit.formula}), "
        f"{found.facts()['errors']}"
    )
    how = f'al.compare_arms(method="{found.method}"): {model}.'
    with house_style():
        arms = found.data.randomised
        ax = plot_means(means, score.label, new_axes(6.4, 3.4), arms=arms)
    several = len(set(means["time"])) > 1
    asked = (found.estimand if told else found.question).replace(found.score, score.title)
    drawn = figure("arms", ax, data=means, score=score.title) if several else None
    return [
        Paragraph(f"{draft.headline} {asked}"),
        table(
            "arms-means", means, _mean_columns(told), group="time" if several else "",
            withheld=not told, score=score.title, how=how, model=model,
            asked=asked,
        ),
        drawn,
        table(
            "arms", differences, _columns(differences, told, found),
            group="time" if several else "", withheld=not told, score=score.title,
            adjusted=f"; p adjusted within a time by {ADJUSTED[found.adjust]}{found.apart}"
            if told and found.several
            else "",
            sizes=f"SMD: the difference divided by the {found.standardiser}." if told else "",
        ),
        _sensitivity(found, score) if told else None,
        Caution(NOT_RANDOMISED),
    ]  # fmt: skip


def means_shown(context: Context, found: Any, *, tell: bool = True) -> tuple[pd.DataFrame, bool]:
    """Return the means of ten clients or more, and whether all numbers of clients may be told.

    With ``tell=False`` they are not asked for, and told to the owner of the data alone.
    """
    data, disclosure = found.data, context.disclosure
    shows = disclosure.shows if tell else lambda *_: disclosure.everything
    means = found.means.rename(columns={"n": "n_measured"})
    if found.method == "growth":
        means = means[means["time"] == data.last_common_time()]
    rows, told = [], True
    for row in means.to_dict("records"):
        people = data.seen(row["arm"], row["time"]) & found.analysed
        told &= shows(people)
        if len(people) >= SMALLEST_SHOWN or context.disclosure.everything:
            rows.append({**row, "n": float(len(people)) if shows(people) else np.nan})
    for own in arms_of(context).values():
        told &= shows(own & found.analysed)
    shown = pd.DataFrame(rows, columns=[*means.columns, "n"])
    shown = rounded(shown if told else coarse(shown).assign(n=shown["n"]))
    shown["time"] = shown["time"].map(_when(found))
    return shown[["arm", "time", "n", "estimate", "conf_low", "conf_high"]], bool(told)


def _when(found: Any) -> Callable[[Any], str]:
    def when(time: Any) -> str:
        return f"session {time:g}" if isinstance(time, int | float) else occasion_in_words(time)

    return when


def differences_shown(found: Any, means: pd.DataFrame, told: bool) -> pd.DataFrame:
    """Return the differences at times at which both means are shown, with sizes in SDs."""
    sizes = found.effect_sizes[["estimate", "conf_low", "conf_high"]].add_prefix("smd_")
    table = pd.concat([found.contrasts, sizes], axis=1).assign(
        time=found.contrasts["time"].map(_when(found))
    )
    there = set(zip(means["arm"], means["time"], strict=True))
    keep = [
        {(arm, time), (other, time)} <= there and estimate == estimate
        for arm, other, time, estimate in table[["arm", "versus", "time", "estimate"]].itertuples(
            index=False
        )
    ]
    kept = table[keep].reset_index(drop=True)
    if told:
        return kept
    return coarse(kept).drop(columns=[*sizes.columns, "p_adjusted"])


def _headline(found: Any, differences: pd.DataFrame, score: Score) -> str:
    at = _when(found)(found.data.last_common_time())  # where `compare_arms` compares one time
    at = at if at in set(differences["time"]) else differences["time"].iloc[-1]
    last = differences[differences["time"] == at]
    parts = []
    for row in last.to_dict("records"):
        first, second = row["arm"], row["versus"]
        size = row.get("smd_estimate", np.nan)
        smd = "" if np.isnan(size) else f"; standardised {fmt.number(size)} " + fmt.interval(
            row["smd_conf_low"], row["smd_conf_high"])  # fmt: skip
        p = row.get("p_adjusted", np.nan)
        tested = "" if np.isnan(p) else f"; {fmt.p_sentence(p)}"
        estimate, ends = in_sentence(row)
        parts.append(f"{first} less {second} {estimate} points (95% CI {ends}{smd}{tested})")
    adjusted = " (p adjusted)" if len(parts) > 1 and "p_adjusted" in last else ""
    return f"{score.title} at {last['time'].iloc[0]}: {'; '.join(parts)}{adjusted}."


def _mean_columns(told: bool) -> tuple[Column, ...]:
    return (
        col.text("arm", "Arm"),
        col.count("n", "n measured"),
        col.number("estimate", "Mean", about=not told),
        col.interval(about=not told),
    )


def _columns(differences: pd.DataFrame, told: bool, found: Any) -> tuple[Column, ...]:
    digits = fmt.decimals_for(differences["std_error"]) if told else 2
    first = (
        MINUS_BETWEEN,
        col.number("estimate", "Difference", digits, about=not told),
        col.interval(label=f"95% CI{found.intervals}", digits=digits, about=not told),
    )
    if not told:
        return first
    return (
        *first,
        col.number("smd_estimate", "SMD"),
        col.interval("smd_conf_low", "smd_conf_high", label="95% CI of SMD"),
        col.degrees(),
        col.p_value(),
        *([col.p_value("p_adjusted", "p adjusted")] if found.several else []),
    )


def _sensitivity(found: Any, score: Score) -> Table | None:
    """Return the differences where those not measured are worse, or better, by up to an SD."""
    time = found.data.last_common_time()
    last = found.means[found.means["time"] == time]
    own = found.contrasts[found.contrasts["time"] == time]
    if (last["share_measured"] == 1).all() or own["estimate"].isna().all():
        return None
    steps = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
    frame = found.sensitivity((steps * found.sd).tolist(), time=time)
    columns = (
        col.number("delta", "Added to the unmeasured"),
        MINUS_BETWEEN,
        col.number("estimate", "Difference"),
        col.interval(),
        col.p_value("p_adjusted", "p adjusted" if found.several else "p"),
    )
    arms = list(found.data.arms[1:])
    return table(
        "arms-sensitivity", frame, columns, score=score.title, arms=", ".join(arms),
        when=_when(found)(time),
    )  # fmt: skip

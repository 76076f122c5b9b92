"""Outcome change: who changed reliably, and who crossed into the healthy range."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from ...change.reliable import reliable_change
from ...change.significant import ClinicallySignificantChange, judged_by_line
from ...core.disclosure import NOTE, OTHERS, Disclosure, WithheldError
from ...core.display import columns as col
from ...core.display.formatting import count, percent, percent_interval
from ...core.display.table import Table
from ...core.drawing import house_style, new_axes
from ...core.people import SESSION
from ...core.precision import coarse, rounded
from ...description import first_and_last
from ...errors import DesignError
from ...inference.rows import mean_row
from ...inference.shares import wilson
from ...instruments.criteria import Criterion
from ...study.labels import by_code
from ...study.prepost import AFTER
from ...study.select import ALLIANCE, measures_of
from ...study.times import occasion_in_words
from ..content import Block, Caution, Figure, Paragraph, Section
from ..context import Context, Score
from ..drawings import plot_pre_post
from ..wording import figure, labels, table
from .alliance import course_blocks
from .criterion import in_words, judged, other_criteria, used_of
from .draft import Draft, in_private, in_public
from .models import in_sentence
from .occasions import score_blocks

NO_COMPARISON = (
    "A change without a comparison group is not an effect of treatment: natural course and "
    "regression to the mean are in it."
)
ARMS_TOGETHER = (
    "The clients of all arms are taken together here; a change within an arm is no effect of its "
    "treatment: natural course and regression to the mean are in it."
)
DENOMINATORS = labels("change_denominators")
ARM_CLASSES = {"improved": "Improved, recovered or not", "deteriorated": "Deteriorated"}

JACOBSON_TRUAX = " (Jacobson & Truax 1991, doi 10.1037/0022-006X.59.1.12)"


def build(context: Context, draft: Draft) -> Section:
    """Return the section."""
    score = context.outcome
    draft.used.update(measure=score.measure, scale=score.scale)
    if context.counted_of and context.arms is None:  # that of a trial says it where it compares
        draft.add(Caution(context.outcome_choice))
    draft.attempt("Outcome change", lambda: change_blocks(context, score, draft))
    if not measures_of(context.study, ALLIANCE) and context.time == SESSION:
        draft.attempt(
            "The course of the outcome",
            lambda: course_blocks(context, score, "outcome-course"),
        )
    held = context.study.tables.get("assessments")
    if held is not None and (held["measure"] == score.measure).any():
        draft.attempt(
            "The outcome at each occasion",
            lambda: score_blocks(context, score, "outcome-occasions"),
        )
    return draft.finish()


def change_blocks(context: Context, score: Score, draft: Draft) -> list[Block]:
    """Return the classes of change as table and figure."""
    pairs = first_and_last(
        context.study, measure=score.measure, scale=score.scale, rater=score.rater
    )
    disclosure = context.disclosure
    both = frozenset(pairs.loc[pairs[["pre", "post"]].notna().all(axis=1), "client_id"])
    disclosure.require(both, "clients have two scores")
    try:
        criterion, cutoff_words = judged(context, score, pairs)
    except DesignError as refusal:  # no reliability is known: how much they changed is, still
        return mean_change(context, pairs, score, draft, refusal)
    found = _judge(pairs, score, criterion)
    told = _spread_stands(context, score, pairs)
    used = used_of(criterion, told=told)
    draft.used.update(criterion=used, reliability=criterion.reliability, cutoff=criterion.cutoff)
    if "points" in used:
        draft.used["smallest_change"] = used["points"]
    draft.say(found.messages)
    shown = classes_shown(found, disclosure)
    draft.headline = _headline(found, score, disclosure)
    rule = f"{in_words(criterion, told=told)} {cutoff_words}".strip()
    after = JACOBSON_TRUAX if criterion.method != "points" else ""
    when = occasions_in_words(pairs)
    everybody = disclosure.people(pairs["client_id"], "client")
    judged_of = disclosure.people(both, "client")
    whole = everybody == judged_of and everybody[0].isdigit()
    who = f"All {everybody}" if whole else f"Of {everybody}, {judged_of}"
    intro = (
        f"{who} have two scores of the {score.title} ({when}). "
        f"{who_is_missing(context, pairs)}"
        f"{ARMS_TOGETHER if context.arms is not None else NO_COMPARISON}"
    )
    blocks: list[Block | None] = [
        Paragraph(intro),
        _table(shown, score, rule, when, after)
        if len(shown)
        else Caution(f"How many clients changed, and how, is withheld. {NOTE}"),
        _by_arm(found, score, context, when),
        _figure(found, score, criterion, when) if context.options.individual_courses else None,
        other_criteria(context, score, pairs, criterion, told=told),
    ]
    return [block for block in blocks if block is not None]


def mean_change(
    context: Context, pairs: pd.DataFrame, score: Score, draft: Draft, refusal: DesignError
) -> list[Block]:
    """Return the mean change in words, where no criterion says whose change is reliable."""
    both = pairs.dropna(subset=["pre", "post"])
    change = (both["post"] - both["pre"]).to_numpy(dtype=float)
    row = pd.DataFrame([mean_row(change)]).assign(**both[["pre", "post"]].mean())
    if not _spread_stands(context, score, pairs):
        raise WithheldError("Beside the means of all who were measured it would tell of few.")
    if not context.disclosure.shows(both["client_id"]):
        row = coarse(row, also=("pre", "post"))
    at = rounded(row).to_dict("records")[0]
    change_told, ends = in_sentence(at)
    before, after = (in_sentence({**at, "estimate": at[part]})[0] for part in ("pre", "post"))
    draft.say([in_private(refusal)])
    draft.headline = (
        f"On the {score.title} {context.disclosure.people(both['client_id'], 'client')} went from "
        f"{before} to {after} points on average ({occasions_in_words(both)}): change "
        f"{change_told} {ends}."
    )
    together = ARMS_TOGETHER if context.arms is not None else NO_COMPARISON
    why = f"Whose change is reliable is not told. {in_public(refusal)}"
    return [Paragraph(f"{draft.headline} {together}"), Caution(why)]


def _spread_stands(context: Context, score: Score, pairs: pd.DataFrame) -> bool:
    """Return whether means and SDs of those with two scores may stand beside those of all."""
    both = pairs.dropna(subset=["pre", "post"])
    return all(
        context.states_mean(score, both[f"{part}_when"].mode().iloc[0], both["client_id"])
        for part in ("pre", "post")
    )


def occasions_in_words(pairs: pd.DataFrame) -> str:
    """Return which two scores are compared."""
    if pairs.attrs.get("source") == "sessions":
        return "first and last session with a score"
    firsts = sorted(set(pairs.loc[pairs["pre"].notna(), "pre_when"]))
    before = " or ".join(map(occasion_in_words, firsts))
    last = str(pairs["post_when"].iloc[0])
    unused = "; follow-up is not used" if last in AFTER else ""
    return f"{before} and {occasion_in_words(last)}{unused}"


def who_is_missing(context: Context, pairs: pd.DataFrame) -> str:
    """Return how many of the clients without two scores had dropped out, where that is known."""
    ends = context.study.tables.get("terminations")
    missing = pairs.loc[pairs[["pre", "post"]].isna().any(axis=1), "client_id"]
    if ends is None or "reason" not in ends.columns:
        return ""
    left = ends.loc[ends["reason"].astype(str) == "dropout", "client_id"]
    dropped = missing[missing.isin(left)]
    if missing.empty or not context.disclosure.shows(missing, dropped):
        return ""
    who = f"Of the {count(len(missing))} others {count(len(dropped))}"
    if len(dropped) == len(missing):
        who = f"All {count(len(missing))} others"
    return f"{who} had dropped out; the shares speak only of those who were measured at the end. "


def _judge(pairs: pd.DataFrame, score: Score, criterion: Criterion) -> ClinicallySignificantChange:
    """Return clients with their class, and the shares that the table is to tell."""
    changed = reliable_change(
        pairs, pre="pre", post="post", criterion=criterion, direction=score.direction
    )
    lower = score.direction == "lower_is_better"
    # A cut-off nobody reaches leaves reliable change alone: nobody can recover.
    nobody = float("inf") if lower else float("-inf")
    line = nobody if criterion.cutoff is None else criterion.cutoff
    # A card's cut-off is 'so much or more': the line itself belongs to the upper group.
    found = judged_by_line(changed, "pre", "post", line, at_line_is_clinical=lower)
    told = list(DENOMINATORS) if criterion.cutoff is not None else ["all"]
    table = found.table[found.table["denominator"].isin(told)]
    if criterion.cutoff is None:
        table = table[table["category"] != "recovered"]
    return replace(found, table=table.reset_index(drop=True))


def classes_shown(found: ClinicallySignificantChange, disclosure: Disclosure) -> pd.DataFrame:
    """Return the shares of the classes that may be told, rare classes put together."""
    rows = []
    for denominator, part in found.table.groupby("denominator", sort=False):
        data = found.data[found.data["category"].notna()]
        if denominator == "clinical_at_intake":
            data = data[data["clinical_at_intake"].astype(bool)]
        own = {c: data.loc[data["category"] == c, "client_id"] for c in part["category"]}
        for name, group in disclosure.parts(own, last="unchanged").items():
            low, high = wilson(len(group), len(data))
            rows.append(
                {
                    "denominator": f"{DENOMINATORS[str(denominator)]} (n = {count(len(data))})",
                    "category": name,
                    "n": len(group),
                    "n_of": len(data),
                    "share": len(group) / len(data),
                    "conf_low": low,
                    "conf_high": high,
                }
            )
    columns = ["denominator", "category", "n", "n_of", "share", "conf_low", "conf_high"]
    return pd.DataFrame(rows, columns=columns)


def _table(shown: pd.DataFrame, score: Score, rule: str, when: str, after: str) -> Table:
    columns = (
        col.text("category", "Class", words=labels("change_classes")),
        col.count("n", "n"),
        col.percent("share", "Share"),
        col.percent_interval("conf_low", "conf_high"),
    )
    hidden = shown.empty or (shown["category"] == OTHERS).any()
    return table(
        "change",
        shown,
        columns,
        group="denominator",
        withheld=hidden,
        score=score.title,
        when=when,
        rule=rule,
        after=after,
    )


def _by_arm(
    found: ClinicallySignificantChange, score: Score, context: Context, when: str
) -> Table | None:
    """Return how many improved and deteriorated reliably in each arm."""
    if context.arms is None:
        return None
    data = found.data[found.data["category"].notna()]
    arm = data["client_id"].map(context.arms)
    rows = []
    for name in by_code(context.study, context.arms):
        own = data[arm == name]
        better = own["category"].isin(["recovered", "improved"])
        kinds = {"improved": own[better], "deteriorated": own[own["category"] == "deteriorated"]}
        for kind, part in kinds.items():
            if len(own) and context.disclosure.shows(own["client_id"], part["client_id"]):
                low, high = wilson(len(part), len(own))
                share = {"n": len(part), "share": len(part) / len(own)}
            else:
                share, low, high = {"n": np.nan, "share": np.nan}, np.nan, np.nan
            rows.append(
                {"arm": name, "category": kind, **share, "conf_low": low, "conf_high": high}
            )
    every = pd.DataFrame(rows)
    known = every.groupby("category")["share"].transform(lambda share: share.notna().all())
    shown = every[known].reset_index(drop=True)  # beside a 0, a missing row says one to nine
    if shown.empty:
        return None
    columns = (
        col.text("category", "Class", words=ARM_CLASSES),
        col.count("n", "n"),
        col.percent("share", "Share"),
        col.percent_interval("conf_low", "conf_high"),
    )
    hidden = len(shown) < len(rows)
    return table(
        "change-arms", shown, columns, group="arm", withheld=hidden, score=score.title, when=when
    )


def _figure(
    found: ClinicallySignificantChange, score: Score, criterion: Criterion, when: str
) -> Figure:
    clients = found.data.dropna(subset=["pre", "post"])
    direction = "below" if score.direction == "lower_is_better" else "above"
    with house_style():
        ax = plot_pre_post(
            clients,
            new_axes(6.4, 4.3),
            label=f"{score.title} score (points)",
            cutoff=criterion.cutoff,
            smallest=criterion.points,
        )
    return figure("change", ax, score=score.title, when=when, direction=direction)


def _headline(found: ClinicallySignificantChange, score: Score, disclosure: Disclosure) -> str:
    data = found.data[found.data["category"].notna()]
    every, category = data["client_id"], data["category"]
    better = every[category.isin(["recovered", "improved"])]
    worse = every[category == "deteriorated"]
    whole = disclosure.everybody
    if not disclosure.shows(every, better):
        return f"On the {score.title} {disclosure.people(every, 'client')} could be judged."
    of = f" of {count(len(whole))}" if len(whole) > len(every) and disclosure.shows(whole) else ""
    text = (
        f"On the {score.title}, of the {count(len(every))}{of} clients with both scores "
        f"{percent(len(better) / len(every))} improved reliably (with or without recovery)"
    )
    if not disclosure.shows(worse):
        return f"{text}; how many deteriorated is withheld."
    shares = percent(len(worse) / len(every)), percent_interval(*wilson(len(worse), len(every)))
    return f"{text} and {' '.join(shares)} deteriorated."

"""Ruptures and repairs by one stated rule, what chance alone would give, and what follows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

import alliance_stats as al

from ...core.disclosure import OTHERS, Disclosure
from ...core.display import columns as col
from ...core.display.formatting import MISSING, count, percent
from ...core.display.table import Column, Table
from ...errors import plural
from ...ruptures.result_tables import NOT_JUDGED
from ...study.times import along
from ..content import Block, Caution, Paragraph, Section
from ..context import Context, Score
from ..wording import labels, table
from .draft import Draft
from .rupture_chance import chance_blocks
from .rupture_courses import course_blocks, rule_in_words
from .rupture_models import model_blocks
from .rupture_multiverse import multiverse_blocks

CLASS_WORDS = labels("rupture_classes")
UNTOLD = (
    "How many ruptures there are in all, and how many chance alone would give, is withheld: beside "
    "the rest it would tell of a few people. Who holds the data sees it with --show-persons."
)
RUPTURED = ("repaired", "unrepaired", "censored")


def build(context: Context, draft: Draft) -> Section:
    """Return the section."""
    score = context.alliance
    along(context.study, whole=True)  # from one session to the next: refused where there is none
    options = context.options
    rows = context.rows(score)
    rule = {"rule": options.rupture_rule, **options.rupture_parameters}
    draft.used.update(rule, measure=score.measure, scale=score.scale, rater=score.rater)

    found: list[Any] = []

    def detect() -> list[Block]:
        context.disclosure.require(rows["client_id"], "clients were rated")
        found.append(al.detect_ruptures(rows, direction=score.direction, **rule))
        draft.used["parameters"] = dict(found[0].parameters)
        draft.say(found[0].messages)
        classes = _classes(found[0], context.disclosure)
        draft.headline = _headline(found[0], context.disclosure)
        none = Caution("How many clients had which course is withheld.")
        return [_stated(found[0], score), classes if len(classes.frame) else none]

    if not draft.attempt("The search for ruptures", detect):
        return draft.finish()
    if _episodes_told(found[0], context.disclosure):
        draft.attempt(
            "What chance alone would give", lambda: chance_blocks(context, score, rows, rule, draft)
        )
    else:
        draft.add(Caution(UNTOLD))
    if options.individual_courses:
        draft.attempt("A client's course", lambda: course_blocks(found[0], score))
    modelled = draft.attempt(
        "The model of the next session", lambda: model_blocks(context, score, rule, draft)
    )
    if modelled:
        draft.attempt(
            "The multiverse of rules and models",
            lambda: multiverse_blocks(context, score, rule, draft),
        )
    return draft.finish()


def _stated(found: Any, score: Score) -> Paragraph:
    title = str(_rule(found)["title"])
    return Paragraph(
        f"A rupture here is what one stated rule calls so in the {score.rater}s' {score.title} "
        f"{score.scale} scores: a {title[0].lower()}{title[1:]} ({_main_parameters(found)}). "
        "There is no agreed rule: others find other ruptures in the same data, and a fall of a "
        "score does not say what happened in the session."
    )


def _rule(found: Any) -> pd.Series:
    return al.rupture_rules().set_index("name").loc[found.rule]


def _main_parameters(found: Any) -> str:
    p = found.parameters
    parts = [f"{name} = {p[name]:g}" for name in ("k", "points", "percent") if name in p]
    window = p.get("repair_window")
    level = p.get("repair_level")
    back = _back(level)
    within = "at any later session" if window is None else f"within {window} sessions"
    return "; ".join([*parts, f"repaired: {back}, {within}"])


def _back(level: Any) -> str:
    if level == "threshold":
        return "no longer at the level of a rupture"
    return "back at the level before" if level == 1 else f"{percent(level, 0)} of the fall regained"


def _episodes_told(found: Any, disclosure: Disclosure) -> bool:
    """Return whether the numbers of ruptures and of repairs may be shown."""
    episodes = found.episodes
    repaired = episodes[episodes["outcome"] == "repaired"]
    return all(
        disclosure.shows_rows(part, EPISODE, over=disclosure.everybody, events=True)
        for part in (episodes, repaired)
    )


def _headline(found: Any, disclosure: Disclosure) -> str:
    clients = found.clients
    judged = clients[~clients["class"].isin(NOT_JUDGED)]
    ruptured = judged[judged["n_ruptures"] > 0]
    if judged.empty:
        return "No client has as many rated sessions as the rule needs."
    if not disclosure.shows(judged["client_id"], ruptured["client_id"]):
        none = clients.loc[clients["class"] == "none", "client_id"]
        every = len(disclosure.everybody)
        if none.empty or not disclosure.shows(disclosure.everybody, none):
            return "How many clients had a rupture is withheld."
        return (
            f"One stated rule finds no rupture in {count(len(none))} of {count(every)} "
            f"clients ({percent(len(none) / every)})."
        )
    text = (
        f"By one stated rule, {count(len(ruptured))} of {count(len(judged))} clients "
        f"({percent(len(ruptured) / len(judged))}) had what it calls a rupture"
    )
    if not len(found.episodes) or not _episodes_told(found, disclosure):
        return text + "."
    repaired = int((found.episodes["outcome"] == "repaired").sum())
    return (
        f"{text}; {count(repaired)} of {plural(len(found.episodes), 'rupture')} were seen "
        "repaired, the others not, or they were not followed far enough to tell."
    )


def _classes(found: Any, disclosure: Disclosure) -> Table:
    clients = found.clients
    own = clients["class"].astype(str)
    groups = {name: frozenset(clients.loc[own == name, "client_id"]) for name in CLASS_WORDS}
    groups["too_few_sessions"] |= disclosure.everybody - frozenset(clients["client_id"])
    parts = disclosure.parts(groups)
    rows = []
    for name, group in parts.items():
        rows.append(
            {"class": name, "n": len(group), "share": len(group) / len(disclosure.everybody)}
        )
        rows[-1] |= _counted(found, group, disclosure)
    frame = pd.DataFrame(rows, columns=["class", "n", "share", *COUNTED])
    return table(
        "rupture-classes",
        frame,
        (
            col.text("class", "Class", words=CLASS_WORDS),
            col.count("n", "Clients"),
            col.percent("share", "Share"),
            col.count("n_sessions", "Sessions"),
            _where_judged("n_ruptures", "Ruptures"),
            _where_judged("n_repaired", "Repaired"),
        ),
        withheld=OTHERS in parts
        or not parts
        or frame["n_sessions"].isna().any()
        or frame[~frame["class"].isin(NOT_JUDGED)].isna().any(axis=None),
        rule=rule_in_words(found),
        definition=_rule(found)["definition"],
        clients=disclosure.people(disclosure.everybody, "client"),
    )


def _where_judged(name: str, label: str) -> Column:
    """Return counts that there are of the judged alone: of the others nothing is withheld."""
    counts = col.count(name, label)
    return Column(label, lambda row: MISSING if row["class"] in NOT_JUDGED else counts.write(row))


EPISODE = "rupture_session"
COUNTED = {"n_sessions": "session", "n_ruptures": EPISODE, "n_repaired": EPISODE}


def _counted(found: Any, group: frozenset[Any], disclosure: Disclosure) -> dict[str, float]:
    """Return the sessions, ruptures and repairs of a group, where they may be told."""
    episodes = found.episodes[found.episodes["client_id"].isin(group)]
    rows = {
        "n_sessions": found.sessions[found.sessions["client_id"].isin(group)],
        "n_ruptures": episodes,
        "n_repaired": episodes[episodes["outcome"] == "repaired"],
    }
    sums = (
        found.clients[found.clients["client_id"].isin(group)][list(COUNTED)]
        .astype(float)
        .sum(min_count=1 if group else 0)
    )
    told = {
        name: float(sums[name])
        if disclosure.shows_rows(rows[name], what, over=group, events=what == EPISODE)
        else np.nan
        for name, what in COUNTED.items()
    }
    if told["n_sessions"] == told["n_sessions"]:
        told["n_sessions"] = disclosure.tens(rows["n_sessions"])
    return told

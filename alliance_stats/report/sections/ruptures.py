"""Ruptures and repairs by one stated rule, what chance alone would give, and what follows."""

from __future__ import annotations

from typing import Any

from ...errors import AllianceStatsError
from .. import columns as col
from ..content import Block, Column, Paragraph, Section, Table
from ..context import Context, Score
from ..formatting import count, percent, plural
from ..suppression import NOTE, any_hidden, is_small, people, require_people, suppress, tellable
from .draft import Draft
from .rupture_chance import chance_blocks
from .rupture_courses import course_blocks, rule_in_words
from .rupture_models import model_blocks
from .rupture_multiverse import multiverse_blocks

CLASS_WORDS = {
    "none": "No rupture",
    "repaired": "Ruptures, all repaired",
    "unrepaired": "A rupture not repaired",
    "censored": "A rupture whose repair cannot be told: the series ended",
    "too_few_sessions": "Too few rated sessions to judge",
}
RUPTURED = ("repaired", "unrepaired", "censored")


def build(context: Context, draft: Draft) -> Section:
    """Return the section."""
    import alliance_stats as al

    try:
        score = context.alliance
    except AllianceStatsError as error:
        draft.refuse(str(error))
        return draft.finish()
    options = context.options
    rows = context.rows(score)
    rule = {"rule": options.rupture_rule, **options.rupture_parameters}
    draft.used.update(rule, measure=score.measure, scale=score.scale, rater=score.rater)

    found: list[Any] = []

    def detect() -> list[Block]:
        require_people(rows["client_id"].nunique(), "clients were rated")
        found.append(al.detect_ruptures(rows, direction=score.direction, **rule))
        draft.used["parameters"] = dict(found[0].parameters)
        draft.say(tellable(found[0].messages))
        draft.headline = _headline(found[0])
        return [_stated(found[0], score), _classes(found[0])]

    if not draft.attempt("The search for ruptures", detect):
        return draft.finish()
    draft.attempt(
        "What chance alone would give", lambda: chance_blocks(context, score, rows, rule, draft)
    )
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
    import alliance_stats as al

    rule = al.rupture_rules().set_index("name").loc[found.rule]
    title = str(rule["title"])
    return Paragraph(
        f"A rupture here is what one stated rule calls so in the {score.rater}s' {score.title} "
        f"{score.scale} scores: a {title[0].lower()}{title[1:]} ({_main_parameters(found)}). "
        "There is no agreed rule: others find other ruptures in the "
        "same data (al.compare_rules shows how many), and a fall of a score does not say what "
        "happened in the session."
    )


def _definition(found: Any) -> str:
    import alliance_stats as al

    return str(al.rupture_rules().set_index("name")["definition"][found.rule])


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


def _headline(found: Any) -> str:
    clients = found.clients
    judged = clients[clients["class"] != "too_few_sessions"]
    ruptured = int((judged["n_ruptures"] > 0).sum())
    episodes = found.episodes
    if is_small(ruptured) or is_small(len(judged) - ruptured) or not len(judged):
        return f"{people(len(judged), 'client')} could be judged."
    repaired = int((episodes["outcome"] == "repaired").sum())
    return (
        f"By the rule {found.rule}, {count(ruptured)} of {count(len(judged))} clients "
        f"({percent(ruptured / len(judged))}) had a rupture; {count(repaired)} of "
        f"{plural(len(episodes), 'rupture')} were repaired in the sessions observed."
    )


def _classes(found: Any) -> Table:
    clients = found.clients
    counts = clients["class"].astype(str).value_counts().reindex(list(CLASS_WORDS), fill_value=0)
    frame = counts.rename_axis("class").rename("n").reset_index()
    frame["share"] = frame["n"] / len(clients)
    groups = clients.groupby(clients["class"].astype(str))
    for column in ("n_sessions", "n_ruptures", "n_repaired"):
        frame[column] = frame["class"].map(groups[column].sum(min_count=1))
    also = ["share", "n_sessions", "n_ruptures", "n_repaired"]
    # The headline tells how many had a rupture, so a small class of these hides behind another.
    shown = suppress(frame, "n", also=also, first=frame["class"].isin(RUPTURED))
    return Table(
        "rupture-classes",
        "Clients by what the rule finds in their course",
        shown,
        (
            col.text("class", "Class", words=CLASS_WORDS),
            col.count("n", "Clients"),
            col.percent("share", "Share"),
            _sum("n_sessions", "Sessions"),
            _sum("n_ruptures", "Ruptures"),
            _sum("n_repaired", "Repaired"),
        ),
        how=f"al.detect_ruptures: {rule_in_words(found)}; a rupture: {_definition(found)}. "
        f"Shares are of all {people(len(clients), 'client')} with a rated session.",
        note="Clients with more sessions have more chances of a rupture. "
        + (NOTE if any_hidden(shown) else ""),
    )


def _sum(name: str, label: str) -> Column:
    """Return a count of sessions or episodes; in a suppressed row it is missing, not small."""
    return Column(label, lambda row: count(row[name]))

"""Ruptures and repairs by one stated rule, what chance alone would give, and what follows."""

from __future__ import annotations

from typing import Any, Literal

import pandas as pd

from ...drawing import figure_of, house_style, new_axes
from ...errors import AllianceStatsError, DesignError
from .. import columns as col
from ..content import Block, Caution, Column, Figure, Paragraph, Section, Table
from ..context import Context, Score
from ..drawings import plot_client_course
from ..formatting import count, number, p_sentence, percent, plural
from ..suppression import NOTE, any_hidden, is_small, people, require_people, suppress
from .draft import Draft
from .models import model_table, therapist_term, with_therapist

DF: Literal["satterthwaite"] = "satterthwaite"
CLASS_WORDS = {
    "none": "No rupture",
    "repaired": "Ruptures, all repaired",
    "unrepaired": "A rupture not repaired",
    "censored": "A rupture whose repair cannot be told: the series ended",
    "too_few_sessions": "Too few rated sessions to judge",
}
RUPTURED = ("repaired", "unrepaired", "censored")
KIND_WORDS = {"rupture": "Ruptures", "repair": "Repairs"}


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
        draft.say(getattr(found[0], "messages", ()))
        draft.headline = _headline(found[0])
        return [_stated(found[0], score), _classes(found[0])]

    if not draft.attempt("The search for ruptures", detect):
        return draft.finish()
    draft.attempt(
        "What chance alone would give", lambda: chance_blocks(context, score, rows, rule, draft)
    )
    if options.individual_courses:
        draft.attempt("A client's course", lambda: course_blocks(found[0], score))
    draft.attempt("The three-level model", lambda: model_blocks(context, found[0], score, draft))
    return draft.finish()


def rule_in_words(found: Any) -> str:
    """Return the rule's name and every parameter, as they were used."""
    chosen = [
        f"{key} = {value:g}" if isinstance(value, float) else f"{key} = {value}"
        for key, value in found.parameters.items()
        if value is not None and key not in {"rater", "range"}
    ]
    return f"{found.rule} with {', '.join(chosen)}"


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
    back = "back at the level before" if level == 1 else f"repair level {level}"
    within = "at any later session" if window is None else f"within {window} sessions"
    return "; ".join([*parts, f"repaired: {back}, {within}"])


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
        frame[column] = frame["class"].map(groups[column].sum())
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


def chance_blocks(
    context: Context, score: Score, rows: pd.DataFrame, rule: dict[str, Any], draft: Draft
) -> list[Block]:
    """Return observed against expected counts, and what they mean."""
    import alliance_stats as al

    options = context.options
    found = al.expected_by_chance(
        rows,
        null="permutation",
        replicates=options.replicates,
        seed=options.seed,
        direction=score.direction,
        **rule,
    )
    frame = found if isinstance(found, pd.DataFrame) else _table_of(found)
    draft.say(getattr(found, "messages", ()))
    draft.used.update(null="permutation", replicates=options.replicates, seed=options.seed)
    name = "kind" if "kind" in frame.columns else frame.columns[0]
    table = Table(
        "rupture-chance",
        "Ruptures and repairs found, and expected of the same scores in random order",
        frame,
        (
            col.text(name, "Kind", words=KIND_WORDS),
            col.count("observed", "Found"),
            col.number("expected", "Expected", 1),
            col.interval(label="95% range by chance", digits=0),
            col.number("ratio", "Found / expected"),
            col.p_value(),
        ),
        how="al.expected_by_chance: each client's scores put into random order, "
        f"{count(options.replicates)} times (seed {options.seed}), and the same rule applied; "
        "p is the share of shuffles with at least as many.",
        note="Any noisy series falls and rises again. Shuffling keeps every low score, those of "
        "true ruptures too, and removes the likeness of neighbouring sessions: found counts below "
        "the expected ones are no surprise, and do not say that nothing ruptured.",
    )
    expected = frame.set_index(name)["expected"].iloc[0]
    draft.headline += (
        f" The same scores in random order give {number(expected, 0)} ruptures on average."
    )
    return [_chance_words(frame, name), table]


def _table_of(found: Any) -> pd.DataFrame:
    return found.table if hasattr(found, "table") else found.tidy()


def _chance_words(frame: pd.DataFrame, name: str) -> Paragraph:
    row = frame[frame[name].astype(str).str.startswith("rupture")].iloc[0]
    if row["observed"] > row["conf_high"]:
        verdict = "more falls of this kind than a random order of their own scores"
    elif row["observed"] < row["conf_low"]:
        verdict = "fewer falls of this kind than a random order of their own scores"
    else:
        verdict = "about as many falls of this kind as a random order of their own scores would"
    return Paragraph(
        f"The rule finds {count(row['observed'])} ruptures; in series of the same scores in random "
        f"order it finds {number(row['expected'], 1)} on average. So the data hold {verdict} "
        f"({p_sentence(row['p_value'])}, one-sided for more)."
    )


def course_blocks(found: Any, score: Score) -> list[Block]:
    """Return one client's course with its episodes, without the client's id."""
    chosen = example_client(found)
    if chosen is None:
        return [Caution("No client has a repaired rupture and six sessions; no course is drawn.")]
    sessions = found.sessions[found.sessions["client_id"] == chosen].sort_values("session")
    episodes = found.episodes[found.episodes["client_id"] == chosen].sort_values("rupture_session")
    with house_style():
        ax = plot_client_course(sessions, episodes, new_axes(6.3, 3.2), label=score.label)
    return [
        Figure(
            "client-course",
            f"One client's {score.title} with the ruptures and repairs the rule finds",
            figure_of(ax),
            how=f"al.detect_ruptures: {rule_in_words(found)}. The client is the one with a "
            "repaired rupture whose number of sessions lies nearest the median of such clients.",
            note=f"n = 1 client, {plural(len(sessions), 'rated session')}; dotted where sessions "
            "are unrated. One person's course: leave it out (--no-courses) where the report leaves "
            "the clinic.",
        )
    ]


def example_client(found: Any) -> Any:
    """Return a client worth showing: a repaired rupture, six sessions or more, median length."""
    clients = found.clients
    able = clients[(clients["n_repaired"] > 0) & (clients["n_sessions"] >= 6)]
    if able.empty:
        return None
    distance = (able["n_sessions"] - able["n_sessions"].median()).abs()
    order = pd.DataFrame({"d": distance, "n": able["n_ruptures"], "id": able["client_id"]})
    return order.sort_values(["d", "n", "id"], kind="stable")["id"].iloc[0]


def model_blocks(context: Context, found: Any, score: Score, draft: Draft) -> list[Block]:
    """Return the model of the next session's outcome on this session's rupture."""
    import alliance_stats as al

    outcome = context.outcome
    if outcome.measure == score.measure:
        raise DesignError(
            f"The ruptures are told from the {score.title} itself, so it cannot be the outcome; "
            "name another with outcome=."
        )
    if context.rows(outcome).empty:
        raise DesignError(f"The {outcome.title} was not rated at sessions, only at occasions.")
    data = next_session_data(context, found, outcome)
    formula = (
        "outcome ~ session + rupture_lag1_within + rupture_lag1_between"
        f" + (1 | client_id){therapist_term(data)}"
    )
    fit = al.fit_multilevel(formula, data, df=DF)
    draft.say(fit.messages)
    draft.used.update(formula=formula, outcome=outcome.measure, outcome_scale=outcome.scale)
    row = fit.tidy().query("effect == 'fixed' and term == 'rupture_lag1_within'").iloc[0]
    worse = "higher" if row["estimate"] > 0 else "lower"
    text = (
        f"After a session with a rupture the next session's {outcome.title} is "
        f"{number(abs(row['estimate']))} points {worse} than after the same client's other "
        "sessions, at the same session number "
        f"(95% CI {number(row['conf_low'])} to {number(row['conf_high'])}, "
        f"{p_sentence(row['p_value'])}). This is an association in time, not a proof of cause."
    )
    words = {
        "session": "Session (per session)",
        "rupture_lag1_within": "Rupture at the session before, within clients",
        "rupture_lag1_between": "Share of sessions with a rupture, between clients",
    }
    levels = (
        "three levels (sessions in clients in therapists)"
        if "therapist_id" in formula
        else ("two levels (sessions in clients)")
    )
    table = model_table(
        fit,
        "rupture-model",
        f"Next session's {outcome.title} after a rupture, {levels}",
        words=words,
        df=DF,
        note=f"Estimates in points of the {outcome.title}. Within: the session before compared "
        "with the client's own other sessions; between: a client all of whose sessions have a "
        f"rupture compared with one without. {_lag_words(data)}",
    )
    return [Paragraph(text), table]


def next_session_data(context: Context, found: Any, outcome: Score) -> pd.DataFrame:
    """Return sessions with the outcome, and the rupture of the session before, by its number."""
    import alliance_stats as al

    own = context.rows(outcome)[["client_id", "session", "score"]]
    own = own.rename(columns={"score": "outcome"})
    # A session that the rule could not judge (the first, one after a gap) is no calm session.
    judged = found.sessions[found.sessions["judged"]]
    flags = judged[["client_id", "session"]].assign(rupture=judged["flag"].astype(float))
    together = flags.merge(own, on=["client_id", "session"], how="outer")
    lagged = al.lag(together, ["rupture"])
    report = lagged.attrs.get("lag_report")
    usable = lagged.dropna(subset=["outcome", "rupture_lag1"])
    data = al.decompose(with_therapist(context.study, usable), ["rupture_lag1"])
    data.attrs["lag_words"] = (
        f"{count(len(usable))} of {count(len(own))} outcome scores have a judged session right "
        "before them (by session number, never by row); the others are left out. Rupture: each of "
        f"the {count(flags['rupture'].sum())} sessions that the rule flags, further falls within "
        "an open rupture among them."
    )
    data.attrs["lag_report"] = report
    return data


def _lag_words(data: pd.DataFrame) -> str:
    return str(data.attrs.get("lag_words", ""))

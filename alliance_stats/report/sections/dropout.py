"""Dropout: how many had left by each session, and what speaks for leaving."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ...drawing import figure_of, house_style, new_axes
from .. import columns as col
from ..content import Block, Figure, Paragraph, Section, Table
from ..context import Context
from ..formatting import count, number, percent, percent_interval, plural
from ..suppression import (
    NOTE,
    SMALLEST_SHOWN,
    any_hidden,
    is_small,
    people,
    require_people,
    suppress,
)
from .draft import Draft

REASONS = {
    "completed": "Completed",
    "mutual": "Ended by agreement",
    "dropout": "Dropped out",
    "transferred": "Transferred",
    "administrative": "Administrative",
    "ongoing": "Still in therapy",
}


DEFINITIONS = {
    "recorded": "As recorded",
    "therapist_judgement": "The therapist says so",
    "client_judgement": "The client says so",
    "both_judgements": "Therapist and client say so",
    "missed_last_session": "Last appointment missed",
    "fewer_sessions": "Fewer than 8 sessions",
    "protocol": "Protocol not completed",
    "median_split": "Fewer sessions than the median",
    "before_reliable_change": "Ended before a reliable change",
    "premature": "Ended early, alone or in agreement",
}


SHOWN = ["incidence", "std_error", "conf_low", "conf_high", "n_at_risk", "one_minus_km"]


def build(context: Context, draft: Draft) -> Section:
    """Return the section."""
    draft.attempt("The ends of therapy", lambda: ending_blocks(context, draft))
    draft.attempt("Dropout by definition", lambda: definition_blocks(context, draft))
    draft.attempt("The incidence of dropout", lambda: incidence_blocks(context, draft))
    draft.attempt("The hazard of dropout", lambda: hazard_blocks(context, draft))
    return draft.finish()


def ending_blocks(context: Context, draft: Draft) -> list[Block | None]:
    """Return how therapies ended."""
    table = context.study.tables.get("terminations")
    if table is None or table.empty:
        return []
    counts = table["reason"].astype(str).value_counts().reindex(list(REASONS), fill_value=0)
    frame = counts.rename_axis("reason").rename("n").reset_index()
    frame = frame[frame["n"] > 0].reset_index(drop=True)
    frame["share"] = frame["n"] / frame["n"].sum()
    shown = suppress(frame, "n", also=["share"])
    columns = (
        col.text("reason", "End of therapy", words=REASONS),
        col.count("n", "Clients"),
        col.percent("share", "Share"),
    )
    definitions = _words(table, "definition")
    judges = _words(table, "judged_by")
    draft.used.update(definition=definitions, judged_by=judges)
    said = (
        f"Definition: {definitions or 'not said in the data'}; judged by: {judges or 'not said'}."
    )
    note = said + (" " + NOTE if any_hidden(shown) else "")
    how = f"Counts of the table terminations, {people(len(table), 'client')}."
    return [Table("endings", "How therapies ended", shown, columns, how=how, note=note)]


def definition_blocks(context: Context, draft: Draft) -> list[Block | None]:
    """Return the dropout rate under every definition the study can carry."""
    import alliance_stats as al

    if context.study.tables.get("terminations") is None:
        return []
    require_people(len(context.study.tables["clients"]), "clients are in the study")
    found = al.compare_dropout_definitions(context.study)
    draft.say(found.messages)
    frame = found.rates.assign(
        label=[DEFINITIONS.get(name, name) for name in found.rates["definition"]]
    )
    # Two definitions may differ by a handful of clients, whose number their difference would tell.
    steps = (frame["n_dropout"].to_numpy()[:, None] - frame["n_dropout"].to_numpy()).astype(int)
    close = np.tril((np.abs(steps) > 0) & (np.abs(steps) < SMALLEST_SHOWN)).any(axis=1)
    frame = frame[~close].reset_index(drop=True)
    numbers = ["rate", "conf_low", "conf_high"]
    shown = suppress(frame[["label", "n_clients", "n_dropout", *numbers]], "n_dropout",
                     also=numbers, sums_to_total=False)  # fmt: skip
    columns = (
        col.text("label", "Dropout is"),
        col.count("n_clients", "Clients"),
        col.count("n_dropout", "Dropouts"),
        col.percent("rate", "Share"),
        col.percent_interval("conf_low", "conf_high"),
    )
    note = "The share is of those whose therapy is over; a median split is no dropout."
    if close.any():
        note += " Definitions fewer than five dropouts apart are not both shown."
    return [
        Table(
            "dropout-definitions", "Dropout by definition", shown, columns,
            how="al.compare_dropout_definitions; Wilson's 95% intervals.",
            note=note + (" " + NOTE if any_hidden(shown) else ""),
        )
    ]  # fmt: skip


def _words(table: pd.DataFrame, column: str) -> str:
    if column not in table.columns:
        return ""
    return ", ".join(sorted(map(str, table[column].dropna().unique())))


def incidence_blocks(context: Context, draft: Draft) -> list[Block | None]:
    """Return the cumulative incidence as figure and table."""
    import alliance_stats as al

    found = al.dropout_incidence(context.study)
    draft.say(found.messages)
    require_people(int(found.table["n_at_risk"].max()), "clients are at risk")
    kept = found.table[found.table["n_at_risk"] >= SMALLEST_SHOWN].reset_index(drop=True)
    shown = replace(found, table=kept)
    with house_style():
        ax = shown.plot(new_axes(6.3, 3.9))
        ax.set_xlim(-1, None)  # room for the first number at risk beside its label
    draft.headline = _headline(kept)
    how = (
        "al.dropout_incidence: Aalen-Johansen with completion and every other end competing; "
        "clients still in therapy are censored before their last session; pointwise 95% intervals "
        "on the log(-log) scale, which take clients as independent."
    )
    figure = Figure(
        "dropout",
        "Share of clients who had dropped out by each session",
        figure_of(ax),
        how=how,
        note=f"n = {count(kept['n_at_risk'].max())} clients at risk at first. 1 - Kaplan-Meier "
        "treats those who completed as if they could still drop out, and is too high. The curve "
        f"ends where fewer than {SMALLEST_SHOWN} clients are left.",
        data=kept.loc[kept["event"] == "dropout", ["time", *SHOWN]],
    )
    return [Paragraph(draft.headline), figure, _incidence_table(kept, how)]


def at_sessions(table: pd.DataFrame, sessions: list[int]) -> pd.DataFrame:
    """Return the incidence of dropout at each session: that of the last end up to it."""
    drop = table[table["event"] == "dropout"].sort_values("time")
    rows = []
    for session in sessions:
        before = drop[drop["time"] <= session]
        if len(before):
            rows.append({**before.iloc[-1].to_dict(), "session": session})
    return pd.DataFrame(rows)


def _incidence_table(kept: pd.DataFrame, how: str) -> Table:
    last = int(kept["time"].max())
    step = 5 if last > 12 else 2
    sessions = sorted({*range(step, last + 1, step), last})
    return Table(
        "dropout-incidence",
        "Share of clients who had dropped out, by session",
        at_sessions(kept, sessions)[["session", *SHOWN]],
        (
            col.count("session", "After session"),
            col.percent("incidence", "Dropped out"),
            col.percent_interval("conf_low", "conf_high"),
            col.percent("one_minus_km", "1 − Kaplan-Meier"),
        ),
        how=how,
    )


def _headline(kept: pd.DataFrame) -> str:
    row = at_sessions(kept, [int(kept["time"].max())]).iloc[0]
    return (
        f"By session {count(row['session'])}, {percent(row['incidence'])} "
        f"{percent_interval(row['conf_low'], row['conf_high'])} of clients had dropped out."
    )


def hazard_blocks(context: Context, draft: Draft) -> list[Block | None]:
    """Return the discrete-time hazard on the alliance of the session before leaving."""
    import alliance_stats as al

    score = context.alliance
    data = al.person_period(
        context.study,
        measure=score.measure,
        rater=score.rater,
        scale=score.scale,
        split="shrunken",
    )
    draft.say(data.attrs.get("messages", ()))
    require_people(data["client_id"].nunique(), "clients are at risk")
    known = data.dropna(subset=["alliance_within", "alliance_between"])
    formula = "event ~ session + alliance_within + alliance_between"
    if "therapist_id" in known.columns and known["therapist_id"].nunique() >= 5:
        formula += " + (1 | therapist_id)"
    fit = al.fit_dropout_hazard(formula, known, link="logit")
    draft.say(fit.messages)
    draft.used.update(formula=formula, link="logit", measure=score.measure, rater=score.rater)
    return [_hazard_words(fit, score.title), _hazard_table(fit, data, known, score)]


def _hazard_words(fit: Any, title: str) -> Paragraph:
    row = fit.tidy(exponentiate=True).set_index("term").loc["alliance_within"]
    return Paragraph(
        f"A session whose {title} lies one point above the client's level (as expected from the "
        "ratings up to that session) goes with "
        f"{number(row['estimate'])} times the odds of leaving after it "
        f"(95% CI {number(row['conf_low'])} to {number(row['conf_high'])})."
    )


def _hazard_table(fit: Any, data: pd.DataFrame, known: pd.DataFrame, score: Any) -> Table:
    words = {
        "Intercept": f"Intercept (odds at session 0 and {score.title} 0)",
        "session": "Session (per session)",
        "alliance_within": f"{score.title}, this session against the client's level",
        "alliance_between": f"{score.title}, the client's level by then",
    }
    tidy = fit.tidy(exponentiate=True)
    frame = tidy[tidy["effect"] == "fixed"].reset_index(drop=True)
    frame.insert(0, "label", [words.get(str(term), str(term)) for term in frame["term"]])
    left_out = len(data) - len(known)
    therapist = ""
    if fit.group:
        therapist = (
            f"Therapists: SD {number(fit.variance**0.5)} of the log odds, ICC "
            f"{number(fit.icc, bounded=True)}, {people(fit.n_groups, 'therapist')}. "
        )
    return Table(
        "dropout-hazard",
        "Odds of dropping out after a session",
        frame,
        (
            col.text("label", "Term"),
            col.number("estimate", "Odds ratio"),
            col.interval(),
            col.number("statistic", "z"),
            col.p_value(),
        ),
        how=f'al.person_period and al.fit_dropout_hazard("{fit.formula}"): discrete-time hazard, '
        f"logit, maximum likelihood; {plural(fit.nobs, 'client-session')} at risk, "
        f"{of_all(fit.n_events, int(data['event'].sum()))}; odds ratios with Wald intervals.",
        note=f"{therapist}A client's level is estimated from the ratings up to the session and "
        "drawn to the mean, so that the two ratios tell apart what goes with leaving within and "
        "between clients. "
        f"{plural(left_out, 'session')} at risk without a rating so far or at the session "
        f"{'is' if left_out == 1 else 'are'} left out.",
    )


def of_all(used: int, every: int) -> str:
    """Return the dropouts a model uses, and of how many where some had no rating when they left."""
    if used == every:
        return people(used, "dropout")
    if is_small(used) or is_small(every - used):
        return f"not all of {people(every, 'dropout')}"
    return f"{count(used)} of {people(every, 'dropout')}"

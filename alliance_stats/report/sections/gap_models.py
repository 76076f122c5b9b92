"""Further parts of the rating gap's section: forms, truth and bias, forecasts against outcome."""

from __future__ import annotations

from typing import Any

import pandas as pd

from .. import columns as col
from ..content import Block, Paragraph, Table
from ..context import Context, Score
from ..formatting import count, number, plural
from ..suppression import hidden_cells, people, require_people, tellable
from .draft import Draft
from .yardstick import yardstick

FORM_TERMS = {
    "reliability_client_within": "Reliability within dyads, client",
    "reliability_therapist_within": "Reliability within dyads, therapist",
    "reliability_gap_within": "Reliability within dyads, gap",
    "reliability_client_between": "Reliability between dyads, client",
    "reliability_therapist_between": "Reliability between dyads, therapist",
    "reliability_gap_between": "Reliability between dyads, gap",
    "r_within": "Correlation within dyads",
    "r_within_disattenuated": "Correlation within dyads, corrected for error of items",
    "r_between": "Correlation between dyads (lasting levels)",
    "r_between_disattenuated": "Correlation between dyads, corrected for error of items",
}
TRUTH_TERMS = {
    "directional_bias": "Directional bias (points)",
    "truth_force": "Truth force (slope)",
    "sd directional_bias": "SD of the directional bias",
    "sd truth_force": "SD of the truth force",
    "cor directional_bias truth_force": "Their correlation",
}
TARGET_WORDS = {
    "improved": "Improved",
    "unchanged": "Unchanged",
    "deteriorated": "Deteriorated",
    "dropout": "Dropped out",
}


def form_blocks(context: Context, score: Score, draft: Draft) -> list[Block]:
    """Return whether both forms run parallel."""
    import alliance_stats as al

    found = al.check_parallel_forms(
        context.study, measure=score.measure, scale=score.scale, seed=context.options.seed
    )
    draft.say(tellable(found.messages))
    tidy = found.tidy()
    frame = tidy[tidy["term"].isin(FORM_TERMS)]
    frame = frame.assign(label=frame["term"].map(FORM_TERMS)).reset_index(drop=True)
    table = Table(
        "gap-forms",
        f"Do both forms of the {score.title} measure the same? Reliabilities at both levels",
        frame,
        (
            col.text("label", "Quantity"),
            col.number("estimate", "Estimate", bounded=True),
            col.interval(bounded=True),
        ),
        how=f"al.check_parallel_forms: {plural(found.n_sessions, 'session')} in which both "
        f"answered every item, {people(found.n_dyads, 'dyad')}; alpha of covariances within and "
        "between dyads; bootstrap over therapists.",
        note="Corrected values rest on alpha and are rough. " + found.known,
    )
    return [table]


def truth_blocks(context: Context, score: Score, draft: Draft) -> list[Block]:
    """Return the model of truth and bias, in words and as a table."""
    import alliance_stats as al

    pairs = al.rating_gap(
        context.study, measure=score.measure, scale=score.scale, replicates=2
    ).pairs
    require_people(pairs["client_id"].nunique(), "dyads have a session that both rated")
    levels = ["client_id"]
    if "therapist_id" in pairs and len(pairs["therapist_id"].dropna().unique()) > 1:
        levels.append("therapist_id")
    found = al.fit_truth_and_bias(pairs, truth="client", judgment="therapist", by=levels)
    draft.say(tellable(found.messages))
    tidy = found.tidy()
    # a correlation on its edge is not known; the messages say so
    frame = tidy[tidy["term"].isin(TRUTH_TERMS) & tidy["estimate"].notna()]
    between = frame["group"].map(
        {"client_id": " between dyads", "therapist_id": " between therapists"}
    )
    frame = frame.assign(
        label=frame["term"].map(TRUTH_TERMS) + between.fillna(""),
        part=frame["effect"].map({"fixed": "Effects", "random": "Random effects"}),
    ).reset_index(drop=True)
    force = tidy.set_index("term").loc["truth_force", "estimate"]
    return [
        Paragraph(
            "When a client rates a session one point above the own mean, the therapist's rating "
            f"moves by {number(force)} points. This is a slope, not a correlation, and error in "
            "the client's ratings pulls it towards zero: a value below 1 is not by itself a want "
            "of attunement. The client's rating is called the truth by convention."
        ),
        Table(
            "gap-truth-and-bias",
            f"Truth and bias of the {score.title}: does the therapist follow the client?",
            frame,
            (col.text("label", "Term"), *col.coefficients(frame)),
            how="al.fit_truth_and_bias: both ratings minus the dyad's mean of the client's; random "
            f"bias and force of each {'dyad and therapist' if len(levels) > 1 else 'dyad'}; "
            f"{count(found.n_rows)} sessions; Satterthwaite's df.",
            note="West and Kenny (2011), doi 10.1037/a0022936.",
        ),
    ]


def success_blocks(context: Context, draft: Draft) -> list[Block]:
    """Return therapists' forecasts against what is measured."""
    import alliance_stats as al

    outcome = context.outcome
    stick = yardstick(context, outcome)  # one report judges change by one reliability
    found = al.outcome_gap(
        context.study,
        measure=outcome.measure,
        scale=outcome.scale,
        reliability=stick.reliability,
    )
    draft.say(tellable(found.messages))
    draft.used["success"] = found.used
    frame = _success_frame(found)
    text = (
        "A second gap, on a scale of its own and never to be drawn on one axis with the first: "
        "what therapists forecast of their clients against what the clients' measure shows. "
        "Clients without a second score do not count, and reliable change on one self-report is "
        "not all that a therapist may have meant."
    )
    columns = (
        col.text("label", "Outcome"),
        col.number("n", "n", 0),
        col.percent("forecast", "Forecast, mean"),
        col.percent("observed", "Observed"),
        col.number("bias", "Bias", bounded=True),
        col.interval(bounded=True),
        col.number("auc", "AUC", bounded=True),
    )
    table = Table(
        "gap-success",
        f"Therapists' forecasts against the {outcome.title} of their clients",
        frame,
        columns,
        how=f"al.outcome_gap: reliable change by {found.used['method']} with reliability "
        f"{number(stick.reliability, bounded=True)} ({stick.reliability_words}), as in the section "
        "on outcome; bias: forecast minus observed, therapists as random intercepts.",
        note="Bias above zero: more was forecast than seen. AUC .50: forecasts do not tell clients "
        "apart.",
    )
    return [Paragraph(text), table]


def _success_frame(found: Any) -> pd.DataFrame:
    tidy = found.tidy().set_index("term")
    rows = []
    for target, label in TARGET_WORDS.items():
        if f"{target}:bias" not in tidy.index:
            continue
        seen = found.clients.loc[found.clients["target"] == target, "observed"].dropna()
        require_people(len(seen), f"clients have a forecast of '{target}' and a known outcome")
        bias = tidy.loc[f"{target}:bias"]
        row = {"target": target, "label": label, "n": len(seen), "events": float(seen.sum())}
        row |= {name: tidy["estimate"][f"{target}:{name}"] for name in ("forecast", "observed")}
        row |= {"bias": bias["estimate"], "auc": tidy["estimate"][f"{target}:auc"]}
        rows.append(row | {name: bias[name] for name in ("conf_low", "conf_high")})
    return _hidden(pd.DataFrame(rows))


def _hidden(frame: pd.DataFrame) -> pd.DataFrame:
    """Blank what would tell a count of one to four clients, also by what the rows add up to."""
    if frame.empty:
        return frame
    of_three = frame["target"] != "dropout"
    hide = pd.Series(False, index=frame.index)
    # The section on outcome tells how many improved, so "unchanged" goes beside a small one.
    three = frame[of_three]
    hide[of_three] = hidden_cells(
        three["events"].to_numpy(), first=three["target"].eq("unchanged").to_numpy()
    )
    for place in frame.index[~of_three]:
        events, n = frame.loc[place, ["events", "n"]]
        hide[place] = bool(hidden_cells([events, n - events]).any())
    telling = ["observed", "bias", "conf_low", "conf_high"]
    out = frame.drop(columns="events")
    return out.assign(**{name: out[name].where(~hide) for name in telling})

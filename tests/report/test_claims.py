"""What the report says of change and ruptures, recomputed from the tables by other code."""

import math

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.core.display.table import Table
from alliance_stats.report.content import Caution
from alliance_stats.report.context import Context, Options
from alliance_stats.report.sections import change, models, ruptures
from alliance_stats.report.sections.criterion import judged, other_criteria
from alliance_stats.report.sections.draft import Draft

EXACT = 1e-9  # the same sums in another order


@pytest.fixture(scope="module")
def context(study):
    return Context(study, Options())


def core_forms(study):
    """Return each client's first complete CORE-10, items 2 and 3 turned, as rows of ten."""
    ratings = study.tables["ratings"]
    core = ratings[(ratings["measure"] == "core-10") & (ratings["rater"] == "client")]
    rows = {}
    for (client, session), form in core.groupby(["client_id", "session"], observed=True):
        answers = np.array(form.set_index("item")["value"].reindex(range(1, 11)), dtype=float)
        if np.isnan(answers).any():
            continue
        answers[[1, 2]] = 4 - answers[[1, 2]]
        if client not in rows or session < rows[client][0]:
            rows[client] = (session, answers)
    return np.array([answers for _, answers in rows.values()])


def the_criterion(context):
    score = context.outcome
    pairs = al.first_and_last(context.study, measure=score.measure)
    return judged(context, score, pairs)[0], score, pairs


def test_the_report_judges_by_the_card_as_all_do_or_by_alpha_here_where_asked(study, context):
    forms = core_forms(study)
    items = forms.shape[1]
    variances, total = forms.var(axis=0, ddof=1).sum(), forms.sum(axis=1).var(ddof=1)
    alpha = items / (items - 1) * (1 - variances / total)
    by_card, _, _ = the_criterion(context)
    assert (by_card.kind, by_card.reliability) == ("alpha", 0.9)
    here, _, _ = the_criterion(Context(study, Options(criterion="alpha")))
    assert here.kind == "alpha here"
    assert here.reliability == pytest.approx(alpha, rel=EXACT)
    assert abs(by_card.reliability - alpha) > 0.05  # so that the two could be told apart here


def test_other_criteria_are_counted_beside_the_one_used(study, context):
    used, score, pairs = the_criterion(context)
    better = [
        row.pre - row.post for row in pairs.itertuples() if row.pre - row.post == row.pre - row.post
    ]
    sd = pd.Series([row.pre for row in pairs.dropna().itertuples()]).std()
    frame = other_criteria(context, score, pairs, used, told=True).frame
    own = 1.96 * sd * math.sqrt(2 * (1 - used.reliability))
    published = frame[frame["counts_at"]].iloc[0]
    assert published["points"] == 6
    here = frame[frame["criterion"].str.startswith("SD and alpha here")].iloc[0]
    assert here["points"] > own  # its clients differ less than those of the card's alpha
    counts = [
        sum(x >= row.points if row.counts_at else x > row.points for x in better)
        for row in frame.itertuples()
    ]
    assert any(0 < abs(n - more) < 5 for n in counts for more in counts)  # tells fewer than five
    assert frame["n_improved"].isna().all()
    whole = Context(study, Options(individual_courses=True))  # the owner's: nothing is withheld
    owned = other_criteria(whole, score, pairs, used, told=True).frame
    assert owned["n_improved"].tolist() == counts
    assert owned["points"].iloc[0] == pytest.approx(own, rel=EXACT)
    assert counts[0] == sum(x > own for x in better)
    withheld = other_criteria(context, score, pairs, used, told=False).frame
    assert withheld.loc[withheld["points"].notna(), "points"].tolist() == [6]  # it is published


def test_who_lacks_a_last_score_is_told_with_how_many_dropped_out(study, context):
    pairs = al.first_and_last(study, measure="core-10")
    ends = study.terminations.set_index("client_id")["reason"].astype(str)
    missing = [row.client_id for row in pairs.itertuples() if math.isnan(row.post)]
    dropped = sum(ends[client] == "dropout" for client in missing)
    assert dropped == len(missing) > 5
    words = change.who_is_missing(context, pairs)
    assert f"All {dropped} others had dropped out" in words
    assert change.occasions_in_words(pairs) == "pre and post; follow-up is not used"


def test_a_few_who_stayed_are_not_told_apart_from_those_who_left(study, context):
    pairs = al.first_and_last(study, measure="core-10")
    stayed = study.terminations.query("reason == 'completed'")["client_id"].iloc[:2]
    pairs.loc[pairs["client_id"].isin(stayed), "post"] = np.nan
    words = change.who_is_missing(context, pairs)
    assert words == ""


def test_only_sessions_that_the_rule_judged_stand_before_an_outcome(
    study, context, report, monkeypatch
):
    rows = context.rows(context.alliance)
    own = context.rows(context.outcome)
    rated = {(row.client_id, row.session) for row in rows.itertuples()}
    sessions_of = rows.groupby("client_id")["session"].size()
    before = [
        row
        for row in own.itertuples()
        if {(row.client_id, row.session - 1), (row.client_id, row.session - 2)} <= rated
        and sessions_of[row.client_id] >= 3
    ]
    begun = len(al.detect_ruptures(rows, rule="drop_stricter_sd").episodes)
    tables = {b.key: b for s in report.sections for b in s.blocks if isinstance(b, Table)}
    note = tables["rupture-model"].note
    assert "was judged and has an outcome score itself" in note
    fit = al.fit_rupture_repair(
        study, alliance="wai-sr", outcome="core-10", levels=3, lagged_outcome=False
    ).fits
    assert fit["outcome, 3 levels"].nobs == len(before) < len(own)
    for later in ("model_blocks", "multiverse_blocks"):
        monkeypatch.setattr(ruptures, later, lambda *_: [])
    owners = Context(study, Options(replicates=5, individual_courses=True))
    section = ruptures.build(owners, Draft("ruptures", "Ruptures and repairs"))
    chance = next(b for b in section.blocks if getattr(b, "key", "") == "rupture-chance")
    assert chance.frame["observed"].iloc[0] == begun


def test_a_count_that_would_tell_of_a_few_is_withheld_with_what_chance_would_give(monkeypatch):
    # one rupture of the demo is unrepaired
    for later in ("model_blocks", "multiverse_blocks"):
        monkeypatch.setattr(ruptures, later, lambda *_: [])
    context = Context(al.open_study("demo-trial"), Options(replicates=5))
    section = ruptures.build(context, Draft("ruptures", "Ruptures and repairs"))
    assert "rupture-chance" not in {getattr(b, "key", "") for b in section.blocks}
    assert ruptures.UNTOLD in [b.text for b in section.blocks if isinstance(b, Caution)]


def test_differences_between_clients_are_those_of_one_therapist_where_therapists_have_their_own():
    groups = ["client_id", "therapist_id", "Residual"]
    table = pd.DataFrame(
        {"group": groups, "term1": ["Intercept", "Intercept", None], "term2": None, "sdcor": 1.0}
    )
    three = models._variances(table, {})["label"].tolist()
    assert three[0] == "SD between clients of a therapist: intercept"
    two = models._variances(table.iloc[[0, 2]], {})["label"].tolist()
    assert two[0] == "SD between clients: intercept"


def test_figures_with_a_mark_a_person_are_drawn_only_where_asked_for(
    study, report, only, tmp_path, monkeypatch
):
    of_persons = {"client-course.svg", "change.svg", "gap-dyads.svg"}
    assert not of_persons & {p.name for p in (report.folder / "figures").iterdir()}
    scored = study.with_tables(ratings=None, scores=study.scores)
    only("ruptures", "gap", "change")
    monkeypatch.setattr(ruptures, "multiverse_blocks", lambda *_: [])  # it draws no person
    asked = al.write_report(scored, tmp_path / "few", replicates=5, individual_courses=True)
    assert of_persons <= {p.name for p in (asked.folder / "figures").iterdir()}

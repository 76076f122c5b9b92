"""The report's answer on alliance and outcome holds the outcome of the session before equal."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.report.build import make_section
from alliance_stats.report.content import Paragraph
from alliance_stats.report.context import Context, Options
from alliance_stats.report.sections import SECTIONS
from alliance_stats.report.sections.outcome import HELD, session_pairs


@pytest.fixture(scope="module")
def study():
    """Both carry over, and share what is new in a session; no session acts on a later one."""
    rng = np.random.default_rng(5)
    clients, sessions = 200, 8
    alliance, outcome = np.zeros((2, clients, sessions))
    root = np.linalg.cholesky([[1.0, -0.5], [-0.5, 1.0]])
    for t in range(sessions):
        new = rng.normal(size=(clients, 2)) @ root.T * (np.sqrt(1 - 0.5**2) if t else 1.0)
        alliance[:, t] = 0.5 * alliance[:, t - 1] * (t > 0) + new[:, 0]
        outcome[:, t] = 0.5 * outcome[:, t - 1] * (t > 0) + new[:, 1]
    level = rng.normal(size=(clients, 1))
    who = {
        "client_id": np.repeat([f"c{i:03d}" for i in range(clients)], sessions),
        "session": np.tile(np.arange(1, sessions + 1), clients),
        "rater": "client", "scale": "total",
    }  # fmt: skip
    scores = pd.concat(
        [
            pd.DataFrame(
                {**who, "measure": "wai-sr", "score": 3.0 + 0.3 * (alliance + level).ravel()}
            ),
            pd.DataFrame(
                {**who, "measure": "core-10", "score": 15 + 3 * (outcome - level).ravel()}
            ),
        ]
    )
    people = pd.DataFrame({"client_id": pd.unique(scores["client_id"])})
    return al.Study("carried over", {"clients": people, "scores": scores})


def words(study):
    """Return the sentences of the section."""
    (entry,) = (one for one in SECTIONS if one.key == "outcome")
    blocks = make_section(entry, Context(study, Options()), strict=True).blocks
    return " ".join(block.text for block in blocks if isinstance(block, Paragraph))


def test_what_a_session_shares_and_carries_over_is_no_effect_of_the_session_before(study):
    rows = session_pairs(Context(study, Options()))
    random = " + (1 | client_id)"
    plain = "outcome ~ session + alliance_lag1_within + alliance_lag1_between"
    carried = al.fit_multilevel(plain + random, rows).tvalues["alliance_lag1_within"]
    held = al.fit_multilevel(f"{plain} + {HELD}{random}", rows).tvalues["alliance_lag1_within"]
    assert abs(held) < 3 < abs(carried)
    assert "CORE-10 of the session before is held equal" in words(study)


def test_an_outcome_that_is_mostly_unknown_before_is_not_held_equal_and_that_is_said(study):
    scores = study.scores
    rare = (scores["measure"] == "core-10") & ~scores["session"].isin((2, 5, 8))
    few = study.with_tables(scores=scores[~rare])
    assert HELD not in session_pairs(Context(few, Options()))
    assert "mostly not known and not held equal" in words(few)


def test_an_outcome_at_occasions_beside_an_alliance_at_sessions_is_told_by_occasion():
    study = al.simulate_study(n_therapists=6, n_clients=60, seed=4)
    items = study.ratings[study.ratings["measure"] == "wai-sr"]
    context = Context(study.with_tables(ratings=items), Options())
    by_key = {entry.key: entry for entry in SECTIONS}
    change = make_section(by_key["change"], context, strict=True)
    assert change.status == "complete"  # it was lost for want of an alpha of items
    told = make_section(by_key["outcome"], context, strict=True).blocks[-1].text
    assert told.startswith("With an alliance one point higher (session 3), CORE-10 at the end")
    assert al.scale_reliability(context.study, measure="core-10").empty


def at_occasions(clients: int) -> al.Study:
    """The commonest design of the field: outcome before and after, the alliance in between."""
    rng = np.random.default_rng(8)
    pre, alliance = rng.normal(18, 4, clients), rng.normal(3.5, 0.6, clients)
    post = 4 + 0.5 * pre - 2 * alliance + rng.normal(0, 3, clients)
    long = [("pre", "phq-9", pre), ("mid", "wai-sr", alliance), ("post", "phq-9", post)]
    who = {"client_id": [f"c{n}" for n in range(clients)], "rater": "client", "scale": "total"}
    rows = [pd.DataFrame({**who, "occasion": o, "measure": m, "score": s}) for o, m, s in long]
    people = pd.DataFrame({"client_id": who["client_id"]})
    return al.Study("mid", {"clients": people, "assessments": pd.concat(rows)})


def early(study: al.Study) -> al.Study:
    """Return the study with its alliance rated at sessions: the same at session 3, any at 1."""
    rows = study.tables["assessments"]
    mid = rows["occasion"] == "mid"
    rated = rows[mid].drop(columns="occasion").assign(session=3)
    first = rated.assign(session=1, score=rated["score"].to_numpy()[::-1])
    tables = {"clients": study.clients, "assessments": rows[~mid]}
    return al.Study("early", tables | {"scores": pd.concat([first, rated])})


@pytest.mark.parametrize(("at", "when"), [(lambda one: one, "mid"), (early, "session 3")])
def test_an_outcome_at_occasions_follows_the_alliance_under_way_given_the_one_before(at, when):
    study = at_occasions(80)
    wide = study.tables["assessments"].pivot_table("score", "client_id", "occasion")
    left = {one: wide[one] - np.polyval(np.polyfit(wide["pre"], wide[one], 1), wide["pre"])
            for one in ("mid", "post")}  # fmt: skip
    r = np.corrcoef(left["mid"], left["post"])[0, 1]
    slope = r * left["post"].std() / left["mid"].std()
    said = words(at(study))
    start = f"With an alliance one point higher ({when}), PHQ-9 at the end differs by"
    assert said.startswith(start)
    assert ("taken to come before that session" in said) is (when == "session 3")
    assert f"{slope:.2f} points".replace("-", "−") in said
    assert f"partial r = {r:.2f}".replace("-0", "−") in said
    assert "by linear regression" in said


def test_of_few_clients_nothing_is_said_of_the_alliance_under_way():
    study = at_occasions(14)
    rows = study.tables["assessments"]
    few = rows[(rows["occasion"] != "mid") | rows["client_id"].isin([f"c{n}" for n in range(9)])]
    assert words(study.with_tables(assessments=few)) == ""

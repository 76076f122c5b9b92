"""One score, named by one string, with who and when beside it."""

import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.errors import ScoreError
from alliance_stats.study.select import ScoreName, choose, measures_of


@pytest.fixture(scope="module")
def study():
    return al.simulate_study(n_therapists=4, n_clients=24, seed=1)


def rows(**columns):
    ids = {"client_id": ["a", "a", "b"], "session": [1, 2, 1], "score": [3.0, 4.0, 5.0]}
    return pd.DataFrame({**ids, **columns})


def test_one_string_and_three_arguments_name_the_same_score(study):
    whole = study.select("wai-sr/bond/therapist")
    parts = study.select("wai-sr", scale="bond", rater="therapist")
    pd.testing.assert_frame_equal(whole, parts)
    own = study.scores.query("measure == 'wai-sr' and scale == 'bond' and rater == 'therapist'")
    assert len(whole) == len(own)
    assert whole["score"].sum() == pytest.approx(own["score"].sum())
    assert whole.attrs["score"] == "wai-sr/bond/therapist"


def test_a_measure_alone_is_the_clients_total(study):
    assert study.select("wai-sr").attrs["score"] == "wai-sr/total/client"
    assert study.select("wai-sr//therapist").attrs["score"] == "wai-sr/total/therapist"


def test_who_and_when_stand_beside_each_score(study):
    found = study.select("wai-sr")
    assert not found.duplicated(["client_id", "session"]).any()
    first = found.iloc[0]
    own = study.clients.set_index("client_id").loc[first["client_id"]]
    assert first["therapist_id"] == own["therapist_id"]
    assert first["site_id"] == own["site_id"]
    assert first["condition"] == own["condition"]
    held = study.sessions.set_index(["client_id", "session"])["date"]
    assert first["date"] == held.loc[(first["client_id"], first["session"])]


def test_the_therapist_is_the_one_who_held_the_session(study):
    sessions = study.sessions.assign(therapist_id=study.sessions["therapist_id"].astype(object))
    last = sessions["session"] == sessions.groupby("client_id")["session"].transform("max")
    sessions.loc[last, "therapist_id"] = "T-new"
    found = study.with_tables(sessions=sessions).select("wai-sr")
    moved = sessions[last].merge(found, on=["client_id", "session"], suffixes=("", "_found"))
    assert (moved["therapist_id_found"] == "T-new").all()
    assert found["therapist_id"].notna().all()


def test_a_score_at_occasions_comes_with_its_occasion(study):
    found = study.select("core-10", at="occasion")
    assert {"occasion", "week", "therapist_id"} <= set(found.columns)
    assert len(found) == (study.assessments["measure"] == "core-10").sum()
    only = study.with_tables(assessments=study.assessments.assign(measure="phq-9"))
    assert "occasion" in only.select("phq-9")
    with pytest.raises(al.AllianceStatsError, match="at must be one of session, occasion"):
        study.select("core-10", at="week")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("wai", r"no scores of wai; there are wai-sr, core-10. Did you mean 'wai-sr'"),
        ("wai-sr/bnd", r"with scale 'bnd'; there are task, bond, goal, total. Did you mean 'bond'"),
        ("wai-sr/total/therapst", r"'therapst'; there are client, therapist. Did you mean"),
        ("wai-sr/client", r"write 'wai-sr/total/client'"),
        ("wai-sr/total/client/1", r"named by 'measure', 'measure/scale'"),
        ("/total", r"named by 'measure', 'measure/scale'"),
    ],
)
def test_an_unknown_part_is_told_with_what_there_is(study, name, told):
    with pytest.raises(al.DesignError, match=told) as caught:
        study.select(name)
    assert "\n" not in str(caught.value)


def test_a_measure_that_is_at_occasions_alone_is_told_so():
    both = al.simulate_study(n_therapists=4, n_clients=24, seed=1)
    later = pd.DataFrame({"client_id": ["C1"], "occasion": ["pre"], "measure": ["gad-7"],
                          "scale": ["total"], "rater": ["client"], "score": [9.0]})  # fmt: skip
    both = al.Study("s", {**both.tables, "assessments": later})
    with pytest.raises(ScoreError, match="no scores of gad-7 at sessions, only at occasions;"):
        choose(both, "gad-7")
    with pytest.raises(ScoreError, match="no scores of gad7; there"):
        choose(both, "gad7")


def test_a_part_said_twice_must_be_the_same(study):
    assert len(study.select("wai-sr/task", scale="task"))
    with pytest.raises(al.DesignError, match="scale='bond' name two scores"):
        study.select("wai-sr/task", scale="bond")


def test_what_nobody_names_must_be_one():
    mixed = rows(measure="x", scale=["a", "b", "a"], rater="observer")
    with pytest.raises(al.DesignError, match=r"mix 2 scales of x: a, b. Choose one with scale='a'"):
        choose(mixed, "x")
    two = rows(measure=["x", "y", "x"])
    with pytest.raises(al.ColumnError, match="mix 2 measures: x, y"):
        choose(two)
    found, name = choose(rows(measure="x", rater="observer"))
    assert (len(found), name) == (3, "x//observer")


def test_a_measure_whose_own_name_holds_a_slash_is_found():
    found, name = choose(rows(measure=["x/y", "x", "x/y"], scale="total"), "x/y")
    assert (len(found), name) == (2, "x/y/total")


def test_a_session_that_stands_there_twice_is_refused(study):
    given = study.scores
    twice = study.with_tables(ratings=None, scores=pd.concat([given, given.head(1)]))
    with pytest.raises(al.DesignError, match="one row for each client_id and session"):
        twice.select(given["measure"].iloc[0], scale=given["scale"].iloc[0],
                     rater=given["rater"].iloc[0])  # fmt: skip


def test_the_name_of_a_score_is_a_text_with_parts():
    name = ScoreName.of("wai-sr", "task", "client")
    assert (name, name.measure, name.scale, name.rater) == (
        "wai-sr/task/client", "wai-sr", "task", "client"
    )  # fmt: skip
    assert name.words == "wai-sr task by the client"
    assert ScoreName("wai-sr").parts == ("wai-sr", None, None)


def test_measures_of_a_kind_come_with_most_scores_first(study):
    assert measures_of(study, ["alliance"]) == ["wai-sr"]
    assert measures_of(study, ["outcome", "function"]) == ["core-10"]
    more = study.scores[study.scores["measure"] == "wai-sr"].assign(measure="srs")
    both = study.with_tables(ratings=None, scores=pd.concat([study.scores[::2], more]))
    assert measures_of(both, ["alliance"], rater="client")[0] == "srs"

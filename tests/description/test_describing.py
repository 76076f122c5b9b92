"""What the data hold: courses, flow, missing data, first and last scores, alpha."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.study.reliability import cronbach_alpha, feldt_interval

T_975_2DF = 4.302652729911275  # table of Student's t: two-sided 95 %, 2 df


def sessions(*rows):
    return pd.DataFrame(rows, columns=["client_id", "session", "attended"])


def scores(*rows, measure="wai-sr", scale="total"):
    frame = pd.DataFrame(rows, columns=["client_id", "session", "rater", "score"])
    return frame.assign(measure=measure, scale=scale, n_answered=12.0, n_items=12)[
        ["client_id", "session", "rater", "measure", "scale", "score", "n_answered", "n_items"]
    ]


def study_of(**tables):
    clients = pd.DataFrame({"client_id": list("abcd"), "therapist_id": ["t", "t", "u", "u"]})
    return al.Study("hand", {"clients": clients, **tables})


def test_the_mean_course_by_hand():
    found = al.mean_course(
        scores(
            ("a", 1, "client", 2.0), ("b", 1, "client", 3.0), ("c", 1, "client", 7.0),
            ("a", 2, "client", 5.0), ("b", 2, "client", np.nan),
        )
    )  # fmt: skip
    first, second = found.to_dict("records")
    assert (first["n"], first["mean"]) == (3, 4.0)
    assert first["sd"] == pytest.approx(np.sqrt(7))
    half = T_975_2DF * np.sqrt(7 / 3)
    assert first["conf_low"] == pytest.approx(4 - half)
    assert first["conf_high"] == pytest.approx(4 + half)
    assert (second["n"], second["mean"]) == (1, 5.0)
    assert np.isnan([second["sd"], second["conf_low"], second["conf_high"]]).all()


def test_a_course_needs_its_columns():
    with pytest.raises(al.ColumnError, match="must have the columns client_id, session"):
        al.mean_course(pd.DataFrame({"rater": [], "score": []}))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda rows: rows.assign(measure=["a", "b"]), "mix 2 measures: a, b"),
        (lambda rows: rows.assign(scale=["bond", "task"]), "mix 2 scales of wai-sr: bond, task"),
        (lambda rows: pd.concat([rows, rows]), "client_id and session and rater, but 2"),
        (lambda rows: rows.assign(score=np.inf), "must hold finite numbers"),
    ],
)
def test_a_course_of_what_is_no_course_is_refused(change, told):
    rows = scores(("a", 1, "client", 2.0), ("b", 1, "client", 3.0))
    with pytest.raises(al.AllianceStatsError, match=told):
        al.mean_course(change(rows))


def test_a_course_tells_how_many_scores_have_no_session():
    rows = scores(("a", 1, "client", 2.0), ("b", 1, "client", 3.0), ("c", np.nan, "client", 9.0))
    with pytest.warns(al.AllianceStatsWarning, match="1 of 3 scores have no session") as told:
        found = al.mean_course(rows)
    assert found["mean"].tolist() == [2.5]
    assert found.attrs["messages"] == (str(told[0].message),)


def test_95_percent_is_written_as_a_share():
    rows = scores(("a", 1, "client", 2.0), ("b", 1, "client", 3.0))
    with pytest.raises(al.DesignError, match=r"not 95. Write 0.95"):
        al.mean_course(rows, confidence=95)


def test_the_flow_counts_different_clients():
    study = study_of(
        sessions=sessions(
            ("a", 1, True), ("a", 2, True), ("a", 3, True), ("b", 1, True), ("c", 1, False)
        ),
        scores=scores(
            ("a", 1, "client", 3.0), ("a", 2, "client", 3.0), ("a", 3, "client", 3.0),
            ("b", 1, "client", 4.0), ("b", 1, "therapist", 4.0), ("a", 2, "therapist", np.nan),
        ),
        terminations=pd.DataFrame(
            {"client_id": ["a", "d"], "last_session": [3, 1], "reason": ["completed", "dropout"]}
        ),
    )  # fmt: skip
    stages = {s.key: s.clients for s in al.study_flow(study, measure="wai-sr")}
    table = pd.DataFrame(al.study_flow(study, measure="wai-sr"))
    assert table.columns.tolist() == ["key", "label", "of", "clients"]
    assert table["clients"].tolist() == list(stages.values())
    # d never came and c missed the only session, so the end of d does not count
    assert stages == {
        "clients": 4, "attended": 2, "rated": 2, "series": 1, "dyads": 1, "ended": 1,
    }  # fmt: skip


def test_each_expected_session_is_attended_missed_or_not_recorded():
    study = study_of(
        sessions=sessions(("a", 1, True), ("a", 4, True), ("b", 1, True), ("b", 2, False))
    )
    found = al.missing_by_session(study)
    assert found.to_numpy().tolist() == [
        [1, 2, 2, 0, 0], [2, 2, 0, 1, 1], [3, 1, 0, 0, 1], [4, 1, 1, 0, 0],
    ]  # fmt: skip
    parts = found[["attended", "missed", "not_recorded"]].sum(axis=1)
    assert parts.tolist() == found["in_therapy"].tolist()


def test_attendance_that_is_not_said_counts_as_attended():
    table = sessions(("a", 1, None), ("a", 2, False)).astype({"attended": "boolean"})
    found = al.missing_by_session(study_of(sessions=table))
    assert found["attended"].tolist() == [1, 0]
    without = al.missing_by_session(study_of(sessions=table.drop(columns="attended")))
    assert without["attended"].tolist() == [1, 1]


def test_missing_ratings_are_told_from_incomplete_ones():
    given = scores(
        ("a", 1, "client", 3.0), ("a", 2, "client", np.nan), ("b", 1, "client", 4.0)
    )  # fmt: skip
    given.loc[1, "n_answered"] = 5
    study = study_of(
        sessions=sessions(("a", 1, True), ("a", 2, True), ("b", 1, True), ("b", 2, True)),
        scores=given,
    )
    row = al.missing_ratings(study).iloc[0]
    assert row[["n_sessions", "n_scored", "n_incomplete", "n_missing"]].tolist() == [4, 2, 1, 1]
    assert row["share_missing"] == 0.5
    assert row["n_clients"] == 2


def test_first_and_last_session():
    given = scores(
        ("a", 5, "client", 10.0), ("a", 2, "client", 20.0), ("b", 1, "client", 15.0),
        ("a", 7, "client", np.nan), measure="core-10",
    )  # fmt: skip
    found = al.first_and_last(study_of(scores=given), measure="core-10")
    a, b = found.to_dict("records")
    assert (a["pre"], a["post"], a["pre_when"], a["post_when"]) == (20.0, 10.0, 2, 5)
    assert b["pre"] == 15.0
    assert np.isnan(b["post"])
    assert found.attrs["source"] == "sessions"


def test_occasions_come_before_sessions_and_intake_before_pre():
    rows = [("a", "intake", 20.0), ("a", "pre", 18.0), ("a", "post", 8.0), ("b", "pre", 9.0)]
    given = pd.DataFrame(rows, columns=["client_id", "occasion", "score"]).assign(
        rater="client", measure="core-10", scale="total"
    )
    study = study_of(assessments=given, scores=scores(("a", 1, "client", 1.0), measure="core-10"))
    a, b = al.first_and_last(study, measure="core-10").to_dict("records")
    assert (a["pre"], a["post"], a["pre_when"]) == (20.0, 8.0, "intake")
    assert (b["pre"], b["pre_when"]) == (9.0, "pre")
    assert np.isnan(b["post"])


def test_a_measure_that_is_not_there_is_told():
    study = study_of(scores=scores(("a", 1, "client", 1.0)))
    with pytest.raises(al.DesignError, match=r"no scores of phq-9; there are wai-sr"):
        al.first_and_last(study, measure="phq-9")


def test_alpha_is_cronbachs_formula():
    answers = pd.DataFrame(
        np.random.default_rng(5).normal(size=(40, 6))
        + np.random.default_rng(6).normal(size=(40, 1))
    )
    k = 6
    by_hand = k / (k - 1) * (1 - answers.var().sum() / answers.sum(axis=1).var())
    found = cronbach_alpha(answers)
    assert found["alpha"] == pytest.approx(by_hand)
    assert found["conf_low"] < found["alpha"] < found["conf_high"]


def core_10(n, *, turned=False):
    """Return CORE-10 answers of n clients at session 1: all items say the same distress."""
    rng = np.random.default_rng(3)
    level = rng.integers(0, 5, n)
    rows = []
    for client in range(n):
        for item in range(1, 11):
            value = int(np.clip(level[client] + rng.integers(-1, 2), 0, 4))
            value = 4 - value if item in (2, 3) and not turned else value
            rows.append((f"c{client}", 1, "client", "core-10", item, float(value)))
    columns = ["client_id", "session", "rater", "measure", "item", "value"]
    return pd.DataFrame(rows, columns=columns)


@pytest.mark.parametrize(
    ("alpha", "n", "items", "ends"),
    [
        # psych 2.2.9 in R: alpha.ci(alpha, n.obs, n.var, digits = 10)
        (0.923, 317, 12, (0.909866198488, 0.934954067783)),
        (0.74, 25, 4, (0.521413174147, 0.873603855224)),
    ],
)
def test_feldts_interval_is_not_rounded(alpha, n, items, ends):
    assert feldt_interval(alpha, n, items) == pytest.approx(ends, abs=1e-11)


def test_reversed_items_are_turned_before_alpha():
    plain = al.Study("plain", {"ratings": core_10(60)})
    kept = al.Study(
        "turned",
        {"ratings": core_10(60, turned=True)},
        already_reversed=frozenset({("core-10", "client")}),
    )
    a, b = (al.scale_reliability(s).set_index("scale").loc["total", "alpha"] for s in (plain, kept))
    assert a == pytest.approx(b)
    assert a > 0.9  # with items 2 and 3 left as they are it is far lower


def test_alpha_uses_each_clients_first_complete_form():
    first = core_10(20)
    later = core_10(20).assign(session=2)
    torn = first.copy()
    torn.loc[0, "value"] = np.nan  # the first client's first form lacks an item
    found = al.scale_reliability(al.Study("s", {"ratings": pd.concat([torn, later])}))
    assert found.set_index("scale").loc["total", "n"] == 20


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda r: r[r["client_id"].isin(["c1", "c2"])], "fewer than 10 clients"),
        (lambda r: r[r["item"] != 4], "1 items are not in the data"),
        (lambda r: r.assign(value=2.0), "all forms have the same total"),
        (lambda r: r.assign(value=9.0), "fewer than 10 clients"),  # impossible answers do not count
    ],
)
def test_an_alpha_that_cannot_be_computed_has_a_reason(change, reason):
    found = al.scale_reliability(al.Study("s", {"ratings": change(core_10(30))}))
    row = found.set_index("scale").loc["total"]
    assert np.isnan(row["alpha"])
    assert row["reason"] == reason


def test_without_items_there_is_no_row():
    assert al.scale_reliability(study_of(scores=scores(("a", 1, "client", 1.0)))).empty


def test_nothing_changes_its_input():
    study = al.simulate_study(n_therapists=4, n_clients=16, seed=1)
    before = {name: table.copy() for name, table in study.tables.items()}
    scored = study.scores
    kept = scored.copy()
    al.mean_course(scored[(scored["measure"] == "wai-sr") & (scored["scale"] == "total")])
    al.scale_reliability(study)
    al.missing_by_session(study)
    al.missing_ratings(study)
    al.study_flow(study, measure="wai-sr")
    al.first_and_last(study, measure="core-10")
    pd.testing.assert_frame_equal(scored, kept)
    for name, table in study.tables.items():
        pd.testing.assert_frame_equal(table, before[name])

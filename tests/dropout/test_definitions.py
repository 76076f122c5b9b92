"""Definitions of dropout on endings small enough to count by hand, and their agreement."""

import re

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.dropout.definitions.comparison import cohen_kappa

KAPPA = 5e-4  # the textbook rounds


def ends() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "client_id": list("abcdefgh"),
            "last_session": [1, 3, 5, 7, 9, 11, 2, 13],
            "reason": ["dropout", "mutual", "dropout", "completed", "dropout", "completed",
                       "transferred", "ongoing"],
            "judged_by": ["therapist"] * 5 + ["rule"] * 3,
            "client_reason": ["dropout", "dropout", "mutual", "completed", None, "completed",
                              "transferred", "ongoing"],
            "planned": [10, 3, 5, 8, 8, None, 10, 20],
        }
    )  # fmt: skip


def dropouts(definition: str, **parameters) -> str:
    table = al.define_dropout(ends(), definition=definition, **parameters)
    return "".join(table.loc[table["reason"] == "dropout", "client_id"])


@pytest.mark.parametrize(
    ("definition", "parameters", "expected"),
    [
        ("recorded", {}, "ace"),
        ("premature", {}, "abce"),
        ("therapist_judgement", {}, "ace"),
        ("client_judgement", {}, "ab"),
        ("both_judgements", {}, "a"),
        ("fewer_sessions", {"k": 8}, "abcd"),
        ("protocol", {"planned": "planned"}, "ad"),
        ("protocol", {"planned": 10}, "abcde"),
    ],
)
def test_who_dropped_out_by_hand(definition, parameters, expected):
    assert dropouts(definition, **parameters) == expected


def test_transfers_and_open_therapies_stay_what_they_are_when_sessions_decide():
    table = al.define_dropout(ends(), definition="fewer_sessions", k=100).set_index("client_id")
    assert table.loc["g", "reason"] == "transferred"
    assert table.loc["h", "reason"] == "ongoing"
    assert set(table["definition"]) == {"fewer_sessions(k=100)"}


def test_a_median_split_comes_with_a_warning():
    with pytest.warns(al.AllianceStatsWarning, match="arithmetic fact"):
        table = al.define_dropout(ends(), definition="median_split")
    assert "The median of therapies that are over is 5 sessions." in table.attrs["messages"]
    assert "".join(table.loc[table["reason"] == "dropout", "client_id"]) == "ab"


def test_clients_that_cannot_be_judged_are_named_and_the_rows_add_up():
    table = al.define_dropout(ends(), definition="client_judgement")
    assert table.attrs["rows"] == {"clients": 8, "judged": 7, "not_judged": 1}
    assert table.attrs["messages"][-1].endswith("left out: e.")


def small_study() -> al.Study:
    sessions = pd.DataFrame(
        {
            "client_id": list("aaabbbcc"),
            "session": [1, 2, 3, 1, 2, 3, 1, 2],
            "attended": [True, True, False, True, True, True, True, None],
        }
    )
    scores = pd.DataFrame(
        {
            "client_id": list("aabbc"),
            "session": [1, 2, 1, 3, 1],
            "rater": "client", "measure": "core-10", "scale": "total",
            "score": [20.0, 13.0, 20.0, 15.0, 9.0], "n_answered": 10, "n_items": 10,
        }
    )  # fmt: skip
    terminations = pd.DataFrame(
        {"client_id": list("abc"), "last_session": [2, 3, 2], "reason": ["mutual"] * 3}
    )
    clients = pd.DataFrame({"client_id": list("abc"), "therapist_id": ["t", "t", "u"]})
    tables = {"clients": clients, "sessions": sessions, "scores": scores,
              "terminations": terminations}  # fmt: skip
    return al.Study("small", tables)


def test_a_missed_last_appointment_is_dropout():
    table = al.define_dropout(small_study(), definition="missed_last_session")
    assert table["reason"].tolist() == ["dropout", "mutual", "mutual"]


def test_sessions_that_hold_no_missed_last_appointment_cannot_show_one():
    sessions = small_study().sessions
    came = sessions[sessions["attended"].ne(False)]
    with pytest.raises(al.DesignError, match="cannot show a missed last appointment"):
        al.define_dropout(
            small_study().with_tables(sessions=came), definition="missed_last_session"
        )
    found = al.compare_dropout_definitions(al.load_dataset("demo-trial"))
    assert "missed_last_session" not in found.rates["definition"].tolist()
    assert any("'missed_last_session' is left out" in m for m in found.messages)


def test_attendance_in_words_is_refused():
    sessions = small_study().sessions.assign(attended=["yes"] * 7 + ["no"])
    with pytest.raises(al.ColumnError, match=r"'yes', 'no' \(clients a, b, c"):
        al.define_dropout(
            small_study().with_tables(sessions=sessions), definition="missed_last_session"
        )


@pytest.mark.parametrize("points", [float("nan"), -1, 0, True, "6"])
def test_points_of_a_change_must_be_points(points):
    with pytest.raises(al.DesignError, match="points must be a finite number above 0"):
        al.define_dropout(small_study(), definition="before_reliable_change", points=points)


def test_kappa_is_over_those_whom_both_definitions_decide():
    """40 % open therapies, and two definitions that have nothing to do with one another."""
    rng = np.random.default_rng(2)
    n = 4000
    table = pd.DataFrame(
        {"client_id": range(n), "last_session": rng.integers(1, 20, n),
         "reason": rng.choice(["dropout", "completed"], n)}
    )  # fmt: skip
    table.loc[rng.random(n) < 0.4, "reason"] = "ongoing"
    asked = {"recorded": {}, "fewer_sessions": {"k": 8}}
    pair = al.compare_dropout_definitions(table, definitions=asked).agreement.iloc[0]
    assert pair["n"] == (table["reason"] != "ongoing").sum()
    assert pair["conf_low"] < 0 < pair["conf_high"]
    assert abs(pair["kappa"]) < 0.06  # three standard errors, of .02 each


def test_reliable_change_is_that_of_the_card_unless_given():
    def ended(**asked):
        return al.define_dropout(small_study(), definition="before_reliable_change", **asked)

    table = ended(sd=6)  # 1.96 * 6 * sqrt(2 * (1 - 0.9)) is 5.26: 20 to 13 is more, 20 to 15 not
    assert table.set_index("client_id")["reason"].to_dict() == {"a": "mutual", "b": "dropout"}
    assert table.criterion.points == pytest.approx(5.259, abs=5e-4)
    said = " ".join(table.attrs["messages"])
    assert "more than 5.259 points; reliability 0.9 (alpha), SD 6" in said
    assert "between 33.3% (none of them) and 66.7% (all of them)" in said  # c has one score only
    published = ended(criterion="published")
    assert published["reason"].tolist() == table["reason"].tolist()
    assert "6 points or more (published)" in str(published.criterion)
    assert (ended(points=7)["reason"] == "dropout").all()  # 7 is not more than 7
    assert (ended(points=4)["reason"] == "mutual").all()
    with pytest.raises(al.DesignError, match="SD of the first scores is zero"):
        ended()  # both began with 20


def test_a_client_without_a_last_occasion_is_judged_by_the_last_session():
    study = al.simulate_study(n_therapists=6, n_clients=60, seed=4)
    pairs = al.first_and_last(study, measure="core-10")
    lack = pairs.loc[pairs["post"].isna(), "client_id"]
    table = al.define_dropout(study, definition="before_reliable_change", measure="core-10")
    decided = table[table["client_id"].isin(lack)]
    assert len(decided) > 3
    said = " ".join(table.attrs["messages"])
    assert re.search(r"\d+ clients have no score at the last occasion", said)


@pytest.mark.parametrize(
    ("definition", "parameters", "text"),
    [
        ("median_spilt", {}, "Did you mean 'median_split'"),
        ("fewer_sessions", {}, "k must be a whole number"),
        ("fewer_sessions", {"k": 2.5}, "not 2.5"),
        ("fewer_sessions", {"k": True}, "not True"),
        ("protocol", {"planned": float("nan")}, "planned must be a finite number above 0"),
        ("protocol", {"planned": -1}, "above 0, not -1"),
        ("protocol", {"planned": True}, "above 0, not True"),
        ("protocol", {"planned": "reason"}, "numbers of sessions above 0"),
        (["recorded"], {}, "There is no definition"),
        ("fewer_sessions", {"n": 8}, "has no 'n'; it takes k"),
        ("protocol", {}, "planned= must say"),
        ("protocol", {"planned": "plan"}, "must have the column plan"),
        ("missed_last_session", {}, "column 'attended'"),
        ("before_reliable_change", {}, "has no scores"),
        ("client_judgement", {"column": "told"}, "column 'told'"),
    ],
)
def test_what_cannot_be_decided_is_said(definition, parameters, text):
    with pytest.raises(ValueError, match=text):
        al.define_dropout(ends(), definition=definition, **parameters)


def test_comparison_counts_what_the_tables_say():
    asked = {"recorded": {}, "premature": {}, "fewer_sessions": {"k": 8}}
    found = al.compare_dropout_definitions(ends(), definitions=asked)
    assert found.rates["n_dropout"].tolist() == [3, 4, 4]
    assert found.rates["n_open"].tolist() == [1, 1, 1]
    assert found.rates["rate"].tolist() == pytest.approx([3 / 7, 4 / 7, 4 / 7])
    pair = found.agreement.iloc[1]
    assert (pair["both"], pair["only_first"], pair["only_second"], pair["neither"]) == (2, 1, 2, 1)
    assert found.clients.shape == (8, 4)
    assert found.answers["estimate"].isna().all()
    assert "holds no ratings" in found.messages[-1]


def test_the_answer_changes_with_the_definition():
    study = al.load_dataset("demo-trial")
    found = al.compare_dropout_definitions(study, definitions=["recorded", "premature"])
    own = found.answers.set_index("definition")
    assert own.loc["recorded", "estimate"] < own.loc["premature", "estimate"] < 1
    assert (own["conf_low"] < own["estimate"]).all()
    assert found.tidy()["term"].tolist() == ["recorded", "premature"]
    assert found.glance()["lowest_kappa"].iloc[0] == found.agreement["kappa"].iloc[0]


def test_no_hazard_ratio_from_a_handful_of_events():
    study = al.load_dataset("demo-trial")
    ends = study.terminations
    few = ends.index[ends["reason"] == "dropout"][5:]
    reason = ends["reason"].where(~ends.index.isin(few), "completed")
    found = al.compare_dropout_definitions(
        study.with_tables(terminations=ends.assign(reason=reason)), definitions=["recorded"]
    )
    assert found.answers["estimate"].isna().all()
    assert "No hazard under 'recorded'" in found.messages[-1]
    assert "for 4 coefficients: so few" in found.messages[-1]


def test_kappa_against_the_textbook():
    # Fleiss, Levin & Paik (2003, ISBN 978-0-471-52629-2), table 18.1 has three categories; this is
    # the two-by-two example of Cohen's kappa with its interval computed by hand.
    counts = np.array([[20, 5], [10, 15]])
    kappa, low, high = cohen_kappa(counts, 0.95)
    assert kappa == pytest.approx(0.4)
    # 1 - k = .6: sum of squares [.4(1-1.1*.6)^2 + .3(1-.9*.6)^2 + .36(.1*1.1^2+.2*.9^2)] -
    # (.4 - .5*.6)^2 = .20032 - .01; se = sqrt(.19032 / 50) / .5
    spread = 0.4 * (1 - 1.1 * 0.6) ** 2 + 0.3 * (1 - 0.9 * 0.6) ** 2
    spread += 0.36 * (0.1 * 1.1**2 + 0.2 * 0.9**2) - 0.01
    half = 1.959964 * np.sqrt(spread / 50) / 0.5
    assert (low, high) == pytest.approx((0.4 - half, 0.4 + half), abs=KAPPA)


def test_kappa_without_a_distinction_has_no_interval():
    assert cohen_kappa(np.array([[0, 0], [3, 7]]), 0.95)[0] == 0
    assert np.isnan(cohen_kappa(np.array([[0, 0], [0, 7]]), 0.95)).all()


def test_the_median_is_of_therapies_that_are_over():
    ends = pd.DataFrame(
        {
            "client_id": [f"C{n}" for n in range(10)],
            "last_session": [1, 1, 1, 1, 10, 11, 12, 13, 14, 15],
            "reason": ["ongoing"] * 4 + ["completed"] * 6,
        }
    )
    with pytest.warns(al.AllianceStatsWarning, match="arithmetic fact"):
        table = al.define_dropout(ends, definition="median_split")
    assert (table["reason"] == "dropout").sum() == 3
    assert "12.5 sessions" in " ".join(table.attrs["messages"])


def test_the_rate_before_reliable_change_lies_within_its_bounds():
    demo = al.open_study("demo-trial")
    study = demo.with_tables(assessments=None)  # so that a client of one session has one score
    found = al.compare_dropout_definitions(study)
    (said,) = [m for m in found.messages if "share of dropouts lies between" in m]
    low, high = (float(n) / 100 for n in re.findall(r"([\d.]+)%", said))
    rate = found.rates.set_index("definition").loc["before_reliable_change", "rate"]
    assert low <= rate <= high


def test_sessions_are_counted_where_no_ending_is_recorded():
    """Three clients with 2, 5 and 8 sessions on record: one came fewer than five times."""
    sessions = pd.DataFrame(
        [(client, k) for client, n in (("a", 2), ("b", 5), ("c", 8)) for k in range(1, n + 1)],
        columns=["client_id", "session"],
    )
    study = al.Study("s", {"clients": sessions[["client_id"]].drop_duplicates(),
                           "sessions": sessions})  # fmt: skip
    found = al.define_dropout(study, definition="fewer_sessions", k=5)
    assert found["reason"].tolist() == ["dropout", "completed", "completed"]
    assert found["last_session"].tolist() == [2, 5, 8]
    assert "no table 'terminations'" in found.attrs["messages"][0]
    assert al.define_dropout(study, definition="protocol", planned=8)["reason"].tolist() == [
        "dropout", "dropout", "completed",
    ]  # fmt: skip
    with pytest.raises(al.DesignError, match="no table 'terminations'"):
        al.define_dropout(study, definition="recorded")

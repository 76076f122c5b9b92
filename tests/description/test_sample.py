"""Table 1 and the flow of a trial, counted by hand."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.report.naming import without_data


@pytest.fixture(scope="module")
def study():
    clients = pd.DataFrame(
        {
            "client_id": [f"c{i}" for i in range(12)],
            "therapist_id": ["t1", "t2", "t3"] * 2 + [None] * 6,
            "condition": ["cbt"] * 6 + ["wait"] * 5 + [None],
            "age": [20, 30, 40, 50, 60, np.nan, 25, 35, 45, 55, 65, 99],
            "gender": ["f", "m", "f", "f", "m", "f", "f", "f", None, "m", "f", "f"],
            "diagnosis": [f"d{i}" for i in range(12)],
        }
    )
    rows = [
        (f"c{i}", occasion, 10.0 + i - place * (3 + i * i % 5))
        for i in range(12)
        for place, occasion in enumerate(["pre", "mid", "post"][: 1 + i % 3])
        if i != 3
    ]
    scores = pd.DataFrame(rows, columns=["client_id", "occasion", "score"])
    scores = scores.assign(measure="phq-9", scale="total", rater="client")
    ends = pd.DataFrame(
        {
            "client_id": ["c0", "c1", "c6", "c7"],
            "last_session": 3,
            "reason": ["completed", "dropout", "dropout", "dropout"],
            "definition": "recorded",
            "judged_by": "therapist",
        }
    )
    sessions = pd.DataFrame(
        {"client_id": [f"c{i}" for i in range(11) if i != 4], "session": 1, "attended": True}
    )
    tables = {"clients": clients, "assessments": scores, "terminations": ends, "sessions": sessions}
    return al.Study("small", tables)


def cell(found, arm, variable, column, level=""):
    rows = found[(found["condition"] == arm) & (found["variable"] == variable)]
    return rows.loc[rows["level"] == level, column].item()


def test_age_and_sex_beside_each_session_are_in_the_sample():
    clients = pd.DataFrame({"client_id": ["a", "b", "c"]})
    rows = [("a", 1, "f", 30.0, 1), ("a", 2, "f", 30.0, 2), ("b", 1, "m", 41.0, 1)]
    names = ["client_id", "session", "geschlecht", "age", "mood"]
    sessions = pd.DataFrame(rows, columns=names).assign(attended=True)
    found = al.sample_table(al.Study("s", {"clients": clients, "sessions": sessions}))
    sexes = found[found["variable"] == "geschlecht"].set_index("level")
    assert sexes["n"].to_dict() == {"f": 1, "m": 1}
    assert set(sexes["n_missing"]) == {1}
    assert "mood" not in set(found["variable"])
    told = al.sample_table(study_with_ages([30.0, 31.0], 12))
    (row,) = told[told["variable"] == "age"].to_dict("records")
    assert (row["mean"], row["n_missing"]) == (40, 1)
    assert told.attrs["messages"] == (
        "'age' differs between sessions of 1 client, counted as without one.",
    )
    assert not without_data(*told.attrs["messages"])  # a report does not tell of one client
    many = al.sample_table(study_with_ages([30.0, 31.0] * 12, 12))
    assert "age" not in set(many["variable"])
    assert many.attrs["messages"] == (
        "'age' differs between sessions of a client and is not shown.",
    )


def study_with_ages(ages, n):
    """Return a study of n clients of two sessions, at which the first have these ages."""
    who = [f"c{i:02d}" for i in range(n) for _ in (1, 2)]
    others = [34.0 + i for i in range(n) for _ in (1, 2)][len(ages) :]
    sessions = pd.DataFrame({"client_id": who, "session": [1, 2] * n, "age": [*ages, *others]})
    clients = pd.DataFrame({"client_id": sorted(set(who))})
    return al.Study("s", {"clients": clients, "sessions": sessions.assign(attended=True)})


def test_a_sample_is_latex_and_word_in_which_no_label_is_a_command(study, tmp_path):
    named = study.clients.assign(gender=r"\input{/etc/passwd} & 50%")
    found = al.sample_table(study.with_tables(clients=named))
    assert r"\textbackslash{}input\{/etc/passwd\} \& 50\%" in found.to_latex()
    assert found.to_word(tmp_path / "sample.docx").stat().st_size > 0


def test_the_sample_is_what_a_pencil_gives(study):
    with pytest.warns(al.AllianceStatsWarning, match="1 client has no 'condition'"):
        found = al.sample_table(study, by="condition")
    assert cell(found, "cbt", "therapists", "n") == 3
    assert cell(found, "wait", "therapists", "n") == 0
    assert cell(found, "cbt", "clients", "n") == 6
    assert cell(found, "wait", "clients", "n") == 5
    assert cell(found, "cbt", "age", "mean") == 40
    assert cell(found, "cbt", "age", "sd") == pytest.approx(np.std([20, 30, 40, 50, 60], ddof=1))
    assert cell(found, "cbt", "age", "n_missing") == 1
    assert cell(found, "wait", "gender", "n", "f") == 3
    assert cell(found, "wait", "gender", "share", "f") == 0.75  # of the four who said it
    assert cell(found, "wait", "gender", "n_missing", "m") == 1
    assert cell(found, "cbt", "phq-9/total/client", "mean") == np.mean([10, 11, 12, 14, 15])
    assert cell(found, "cbt", "phq-9/total/client", "n_missing") == 1
    assert "1 client has no 'condition'" in found.attrs["messages"][0]
    assert "diagnosis" not in set(found["variable"])


def test_without_arms_the_sample_is_one_group(study):
    found = al.sample_table(study).set_index(["variable", "level"])
    assert found.loc[("clients", ""), "n"] == 12
    assert found.loc[("gender", "f"), "n"] == 8
    told = al.sample_table(study, columns=["diagnosis"])
    assert "12 values" in told.attrs["messages"][0]
    with pytest.raises(al.ColumnError, match="height"):
        al.sample_table(study, columns="height")


@pytest.mark.filterwarnings("ignore:1 client has no 'condition'")
def test_the_flow_counts_each_arm(study):
    found = pd.DataFrame(al.trial_flow(study, outcome="phq-9", analysed=["c1", "c2", "c7"]))
    n = found.set_index(["group", "label"])["clients"]
    assert n["cbt", "allocated"] == 6
    assert n["cbt", "came to a session"] == 5
    assert n["cbt", "measured: pre"] == 5
    assert n["cbt", "measured: post"] == 2
    assert n["cbt", "completed treatment"] == 1
    assert n["wait", "completed treatment"] == 0
    assert n["wait", "dropped out"] == 2
    assert n["cbt", "analysed"] == 2
    assert n["cbt", "not analysed"] == 4
    assert n["wait", "analysed"] == 1
    assert "c1" not in found.to_string()
    with pytest.raises(al.DesignError, match="Nobody was measured"):
        al.trial_flow(study, outcome="phq-9", times=["followup"])


def test_those_never_measured_count_as_randomised(study):
    found = al.compare_arms(study, outcome="phq-9", baseline="pre")
    assert found.means.set_index("arm")["randomised"].to_dict() == {"cbt": 6, "wait": 5}
    assert any("1 client of the arms have no such score" in m for m in found.messages)
    left = found.left_out
    assert set().union(*left.values()) | found.analysed == {f"c{i}" for i in range(11)}
    assert "c3" in left[f"not measured at {found.means['time'].iloc[-1]}"]


@pytest.fixture(scope="module")
def some_without_an_arm():
    study = al.simulate_study(n_therapists=6, n_clients=30, seed=1)
    clients = study.table("clients")
    arm = clients["condition"].astype(object).where(clients.index > 0, None)
    return study.with_tables(clients=clients.assign(condition=arm))


def test_clients_without_an_arm_are_counted_where_they_are_left_out(some_without_an_arm):
    for describe in (lambda study: al.sample_table(study, by="condition"), al.trial_flow):
        with pytest.warns(al.AllianceStatsWarning, match="1 client has no 'condition' and is left"):
            describe(some_without_an_arm)


def test_a_group_of_one_client_is_no_group(some_without_an_arm):
    for ask in (
        lambda by: al.sample_table(some_without_an_arm, by=by),
        lambda by: al.mean_course(some_without_an_arm, measure="wai-sr", by=by),
        lambda by: al.compare_dropout_definitions(some_without_an_arm, by=by),
        lambda by: al.missing_by_session(some_without_an_arm, by=by),
        some_without_an_arm.split,
    ):
        with pytest.raises(al.DesignError, match="makes each client a group of its own"):
            ask("client_id")


def test_those_analysed_are_clients_of_the_study():
    study = al.simulate_study(n_therapists=6, n_clients=30, seed=1)
    clients = study.table("clients")["client_id"]
    stages = al.trial_flow(study, analysed=clients[:9])
    assert sum(stage.clients for stage in stages if stage.key == "analysed") == 9
    with pytest.raises(al.DesignError, match=r"2 ids that no client of the study has \(first: yy"):
        al.trial_flow(study, analysed=["zz", "yy", clients[0]])
    with pytest.raises(al.DesignError, match="analysed must be ids"):
        al.trial_flow(study, analysed=clients[0])


def test_age_and_sex_are_known_by_other_words_and_by_their_labels(study):
    wanted = {"geschl": 1, "v7": 30.0, "patient_age": 41.0, "Âge": 42.0}
    clients = study.clients[["client_id"]].assign(**wanted, age_group=1, v8=3, stage=2)
    labels = {"v7": al.study.labels.Labels("Alter bei Aufnahme"),
              "v8": al.study.labels.Labels("Stage of treatment, not age")}  # fmt: skip
    found = al.sample_table(al.Study("s", {"clients": clients}, labels=labels))
    assert set(found["variable"]) == {"clients", *wanted, "age_group"}


def test_a_sample_shows_itself_in_words_without_anything_empty():
    study = al.simulate_study(n_therapists=4, n_clients=24, seed=2)
    found = al.sample_table(study, by="condition")
    assert "CORE-10 (client), pre" in str(found)
    assert "nan" not in str(found).lower()
    assert "Share" not in str(found)
    shown = found._repr_html_()
    assert "alliance-result" in shown
    assert "core-10/total" not in shown
    assert type(found.set_index("variable")) is type(study.clients)

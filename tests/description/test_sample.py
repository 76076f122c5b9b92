"""Table 1 and the flow of a trial, counted by hand."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al


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


def test_the_sample_is_what_a_pencil_gives(study):
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
    assert "1 clients have no 'condition'" in found.attrs["messages"][0]
    assert "diagnosis" not in set(found["variable"])


def test_without_arms_the_sample_is_one_group(study):
    found = al.sample_table(study).set_index(["variable", "level"])
    assert found.loc[("clients", ""), "n"] == 12
    assert found.loc[("gender", "f"), "n"] == 8
    told = al.sample_table(study, columns=["diagnosis"])
    assert "12 values" in told.attrs["messages"][0]
    with pytest.raises(al.ColumnError, match="height"):
        al.sample_table(study, columns="height")


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

"""A report does the same work once: what was made of a study is kept with it."""

import pandas as pd

import alliance_stats as al
from alliance_stats.dropout.endings import endings


def test_a_report_reads_the_endings_of_a_study_once(report, worked_on):
    studies = [id(study) for study in worked_on["endings"]]
    assert len(studies) == len(set(studies)) > 0


def test_a_report_scores_once_however_many_definitions_of_dropout_it_compares(report, worked_on):
    assert len(worked_on["scores"]) <= 1


def test_a_report_looks_for_leaks_once(report, worked_on):
    assert len(worked_on["leak checks"]) == 1


def test_what_is_done_to_a_table_that_was_handed_out_does_not_reach_the_study(study):
    first = endings(study)
    expected = first["reason"].tolist()
    first["reason"] = "dropout"
    first.attrs["messages"] = ("not so",)
    again = endings(study)
    assert again["reason"].tolist() == expected
    assert again.attrs["messages"] != ("not so",)


def test_a_study_with_other_tables_has_endings_and_scores_of_its_own(study):
    before, scored = endings(study), study.scores
    over = study.terminations.assign(reason="completed")
    changed = study.with_tables(terminations=over)
    assert set(endings(changed)["reason"]) == {"completed"}
    assert set(before["reason"]) != {"completed"}
    pd.testing.assert_frame_equal(changed.scores, scored)
    fewer = study.with_tables(ratings=study.ratings[study.ratings["session"] == 1])
    assert set(fewer.scores["session"]) == {1}


def test_a_table_of_endings_is_read_anew_each_time():
    table = pd.DataFrame({"client_id": ["a"], "last_session": [3], "reason": ["dropout"]})
    assert endings(table)["last_session"].tolist() == [3]
    table["last_session"] = 5
    assert endings(table)["last_session"].tolist() == [5]
    assert al.dropout_incidence(table).table["time"].tolist()[-1] == 5

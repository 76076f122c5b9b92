"""Errors planted in an SPSS file, a workbook and two CSV files: each found once, at its cell."""

from __future__ import annotations

import pandas as pd
import pytest

import alliance_stats as al

SAV, XLSX, ENDINGS, EVENTS = "sessions.sav", "clients.xlsx", "endings.csv", "events.csv"
WAI = [f"wai{item}" for item in range(1, 13)]
CORE = [f"core{item}" for item in range(1, 11)]


def plant_in_spss(lab) -> list[tuple]:
    """Plant errors in the SPSS file; return (file, row, column, rule) of each."""
    lab.session(12, "wai5", 9)
    lab.session(20, "wai3", 0)
    lab.session(30, "waiT02", 6)
    lab.session(41, "core4", 5)
    lab.session(50, "wai7", 2.5)
    lab.session(60, "sess", 2.5)
    lab.session(66, "sess", None)
    lab.session(72, "pid", "")
    lab.session(79, "sess", -1)
    lab.sessions.loc[90] = lab.sessions.loc[89]  # row 91 repeats row 90
    lab.session(100, "visit", pd.Timestamp("2023-01-01"))
    lab.session(110, "came", 0)
    lab.session(120, "ther", "T05")
    lab.session(130, "core_total", lab.sessions["core_total"][129] - 3)
    lab.session(131, "core_total", 77)
    lab.session(136, "came", 7)
    lab.sessions.loc[140, WAI] = lab.sessions.loc[139, WAI].to_numpy()
    lab.sessions.loc[149, CORE] = 4.0
    lab.session(150, "core_total", 32)
    lab.sessions["waiT04"] = 6 - lab.sessions["waiT04"]
    lab.session(162, "pid", "c027")
    lab.session(169, "pid", "X99")
    for row in (180, 184, 191):
        lab.session(row, "core6", -9)
    return [
        (SAV, 12, "wai5", "out_of_range"),
        (SAV, 20, "wai3", "out_of_range"),
        (SAV, 30, "waiT02", "out_of_range"),
        (SAV, 41, "core4", "out_of_range"),
        (SAV, 50, "wai7", "not_a_whole_number"),
        (SAV, 60, "sess", "not_a_whole_number"),
        (SAV, 66, "sess", "missing_value"),
        (SAV, 72, "pid", "missing_value"),
        (SAV, 79, "sess", "out_of_range"),
        (SAV, 90, "sess", "duplicate_key"),
        (SAV, 100, "visit", "sessions_out_of_order"),
        (SAV, 110, "sess", "rating_of_missed_session"),
        (SAV, 120, "ther", "client_under_two_therapists"),
        (SAV, 130, "core_total", "total_contradicts_items"),
        (SAV, 131, "core_total", "score_out_of_range"),
        (SAV, 136, "came", "not_yes_or_no"),
        (SAV, 141, "wai1", "pasted_answers"),
        (SAV, 150, "core1", "same_answer_throughout"),
        (SAV, None, "waiT04", "stored_reversed"),
        (SAV, 162, "pid", "id_spelled_differently"),
        (SAV, 169, "pid", "unknown_reference"),
        (SAV, 180, "core6", "hidden_missing_code"),
    ]


def plant_in_workbook(lab) -> list[tuple]:
    """Plant errors in the sheet of clients."""
    extra = pd.DataFrame([["C005", "T05", "south", "active"], [None, "T02", "north", "usual"]])
    lab.clients = pd.concat(
        [lab.clients, extra.set_axis(lab.clients.columns, axis=1)], ignore_index=True
    )
    lab.clients.loc[10, "ther"] = None
    lab.clients.loc[13, "ther"] = "t06"
    lab.clients.loc[17, "clinic"] = "south"
    lab.clients["income"] = "£10,000 - £20,000"
    lab.clients.insert(5, "arm ", "x")
    return [
        (XLSX, 6, "code", "duplicate_key"),
        (XLSX, 43, "code", "missing_value"),
        (XLSX, 12, "ther", "blank_therapist"),
        (XLSX, 15, "ther", "id_spelled_differently"),
        (XLSX, 19, "clinic", "therapist_at_two_sites"),
        (XLSX, 2, "income", "number_as_text"),
        (XLSX, None, "arm", "duplicate_column"),
    ]


def plant_in_text_files(lab) -> list[tuple]:
    """Plant errors in the two CSV files."""
    endings, events = lab.endings, lab.events
    endings.loc[2, "why"] = "complted"
    endings.loc[4, "n"] = "six"
    endings.loc[6, "n"] = -1
    endings.loc[40] = ["C009", 6, "completed"]
    endings.loc[41] = ["C999", 6, "completed"]
    endings.loc[10, "n"] = 5.5
    endings.loc[12, "why"] = None
    endings.loc[15, "n"] = 5  # sessions.sav, row 96, is session 6 of client C016
    endings.loc[17, "n"] = 2  # sessions 3 to 6 of client C018 have answers
    events.loc[0, "intensity"] = 7
    events.loc[1, "kind"] = "ruptur"
    events.loc[2, "sess"] = 99
    events.loc[3, "rater"] = "therapis"
    events.loc[4, "resolution"] = "high"
    events.loc[5, "intensity"] = 0
    events.loc[6, "subtype"] = "withdraw"
    return [
        (ENDINGS, 4, "why", "not_allowed"),
        (ENDINGS, 6, "n", "not_a_whole_number"),
        (ENDINGS, 8, "n", "out_of_range"),
        (ENDINGS, 10, "pid", "duplicate_key"),
        (ENDINGS, 43, "pid", "unknown_reference"),
        (ENDINGS, 12, "n", "not_a_whole_number"),
        (ENDINGS, 14, "why", "missing_value"),
        (SAV, 96, "sess", "rating_after_end"),
        (ENDINGS, 19, "n", "end_before_last_rating"),
        (EVENTS, 2, "intensity", "out_of_range"),
        (EVENTS, 3, "kind", "not_allowed"),
        (EVENTS, 4, "sess", "unknown_reference"),
        (EVENTS, 5, "rater", "not_allowed"),
        (EVENTS, 6, "resolution", "not_a_number"),
        (EVENTS, 7, "intensity", "out_of_range"),
        (EVENTS, 8, "subtype", "not_allowed"),
    ]


@pytest.fixture(scope="module")
def planted(make_lab, tmp_path_factory):
    lab = make_lab()
    expected = plant_in_spss(lab) + plant_in_workbook(lab) + plant_in_text_files(lab)
    return al.validate(lab.write(tmp_path_factory.mktemp("planted") / "study")), expected


def found(report) -> list[tuple]:
    return [(p.file, p.row, p.column, p.rule) for p in report.problems]


def test_each_planted_error_is_found_once_at_its_cell_and_nothing_else(planted):
    report, expected = planted
    assert len(expected) >= 40
    assert sorted(found(report), key=str) == sorted(expected, key=str)


def test_no_check_failed_and_no_message_is_the_same_twice(planted):
    report, _ = planted
    sentences = [(p.file, p.row, p.column, p.message) for p in report.problems]
    assert "check_failed" not in set(report.issues["rule"])
    assert len(set(sentences)) == len(sentences)


def test_cells_of_the_sheet_are_addressed_as_excel_does(planted):
    report, _ = planted
    cells = report.issues.loc[report.issues["file"] == XLSX].set_index("rule")["cell"]
    assert cells["therapist_at_two_sites"] == "C19"
    assert cells["blank_therapist"] == "B12"
    assert cells["missing_value"] == "A43"


def test_rows_that_break_a_rule_together_are_listed(planted):
    report, _ = planted
    issues = report.issues
    rows = dict(zip(zip(issues["file"], issues["rule"], strict=True), issues["rows"], strict=True))
    assert rows[SAV, "duplicate_key"] == (90, 91)
    assert rows[XLSX, "duplicate_key"] == (6, 42)
    assert rows[ENDINGS, "duplicate_key"] == (10, 42)
    assert rows[SAV, "hidden_missing_code"] == (180, 184, 191)


def test_rows_add_up(planted):
    report, _ = planted
    rows = report.rows
    assert (rows["rows_in"] == rows["rows_kept"] + rows["rows_set_aside"]).all()
    assert rows.set_index("table").loc["terminations", "rows_in"] == 42


def test_errors_come_first_then_file_and_row(planted):
    report, _ = planted
    levels = report.issues["level"].map({"error": 0, "warning": 1, "info": 2})
    assert levels.is_monotonic_increasing
    errors = report.issues[report.issues["level"] == "error"]
    assert errors["file"].is_monotonic_increasing
    of_file = errors.loc[errors["file"] == SAV, "row"].astype("float")
    assert of_file.is_monotonic_increasing


def test_the_clean_study_raises_no_alarm(lab, tmp_path):
    report = al.validate(lab.write(tmp_path / "study"))
    assert report.ok
    assert found(report) == []
    assert report.rows["rows_set_aside"].sum() == 0

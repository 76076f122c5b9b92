"""Each rule: the sentence it says where the rule is broken. A clean study breaks none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.core.people import handovers
from alliance_stats.study.validating.doctor import check, validation_rules


def one(report, rule):
    """Return the only problem of a rule."""
    found = [problem for problem in report.problems if problem.rule == rule]
    assert len(found) == 1, [p.message for p in report.problems]
    return found[0]


def only(report, rule):
    """Return the only problem of the report, which is of this rule."""
    assert [p.rule for p in report.problems] == [rule], [p.message for p in report.problems]
    return report.problems[0]


def changed(frame, row, column, value):
    """Return a copy with one cell changed."""
    column_now = frame[column].astype(object) if not np.isscalar(value) else frame[column]
    if isinstance(value, str) or value is None:
        column_now = frame[column].astype(object)
    values = column_now.tolist()
    values[row] = value
    return frame.assign(**{column: values})


@pytest.fixture
def examine(tables, raw_of):
    """Validate the clean tables with some of them replaced."""

    def run(options=None, **replaced):
        return check(raw_of({**tables, **replaced}, **(options or {})))

    return run


def test_a_clean_study_has_no_problem(examine, tables):
    report, kept = examine()
    assert report.ok
    assert report.problems == ()
    assert {name: len(frame) for name, frame in kept.items()} == {
        name: len(frame) for name, frame in tables.items()
    }


def test_every_rule_is_named_once_with_its_level():
    rules = validation_rules()
    assert rules["rule"].is_unique
    assert set(rules["level"]) == {"error", "warning", "info"}
    assert rules["looks_for"].str.len().min() > 10


# -- one table ------------------------------------------------------------------------------


def test_missing_column(examine, tables):
    ratings = tables["ratings"].rename(columns={"value": "valu"})
    report, kept = examine(ratings=ratings)
    problem = only(report, "missing_column")
    assert problem.message == (
        "The table 'ratings' has no column 'value' (Answer), so none of its rows can be used; its "
        "columns are client_id, session, item, rater, measure, valu. Did you mean 'valu'?"
    )
    assert problem.hint == (
        "Add the column, or name it in study.yaml: 'value: <column of the file>'."
    )
    assert len(kept["ratings"]) == 0
    account = report.rows.set_index("table").loc["ratings"]
    assert account["rows_set_aside"] == len(ratings)


def test_missing_value(examine, tables):
    report, kept = examine(terminations=changed(tables["terminations"], 3, "reason", " "))
    problem = only(report, "missing_value")
    assert problem.message == (
        "The cell for reason is empty, but each row of 'terminations' needs one."
    )
    assert (problem.level, problem.row, problem.column) == ("error", 4, "reason")
    assert len(kept["terminations"]) == 11


def test_not_a_number(examine, tables):
    report, kept = examine(ratings=changed(tables["ratings"], 7, "value", "often"))
    problem = only(report, "not_a_number")
    assert problem.message == "'often' is not a number, as the column for answer needs."
    assert (problem.row, problem.value) == (8, "often")
    assert np.isnan(kept["ratings"]["value"].iloc[7])
    assert len(kept["ratings"]) == len(tables["ratings"])


def test_infinity_is_not_a_number(examine, tables):
    report, _ = examine(ratings=changed(tables["ratings"], 7, "value", np.inf))
    assert only(report, "not_a_number").row == 8


def test_not_a_whole_number(examine, tables):
    report, kept = examine(terminations=changed(tables["terminations"], 3, "last_session", 3.5))
    problem = only(report, "not_a_whole_number")
    assert problem.message == "'3.5' is not a whole number, as the column for last session needs."
    assert len(kept["terminations"]) == 11
    assert kept["terminations"]["last_session"].dtype == "int64"


def test_not_a_date(examine, tables):
    report, _ = examine(sessions=changed(tables["sessions"], 2, "date", "in May"))
    problem = only(report, "not_a_date")
    assert problem.message == "'in May' is not a date, as the column for date needs."
    assert problem.hint == "Write dates as year-month-day, such as 2024-03-31."


def test_not_yes_or_no(examine, tables):
    words = ["yes", "Y", "1", "true"] * 12
    report, kept = examine(sessions=tables["sessions"].assign(attended=words))
    assert report.problems == ()
    assert kept["sessions"]["attended"].all()
    words[9] = "perhaps"
    report, _ = examine(sessions=tables["sessions"].assign(attended=words))
    problem = only(report, "not_yes_or_no")
    assert problem.message == "'perhaps' is not yes or no, as the column for attended needs."


def test_a_number_outside_the_range_of_its_column(examine, tables):
    report, kept = examine(sessions=tables["sessions"], events=_events(intensity=7))
    problem = only(report, "out_of_range")
    assert problem.message == (
        "Intensity 7 is outside its range, 1 to 5; the cell is treated as missing."
    )
    assert kept["events"]["intensity"].isna().tolist() == [True, False]


def test_a_session_below_zero_is_none(examine, tables):
    report, _ = examine(events=_events(session=-1))
    problem = only(report, "out_of_range")
    assert problem.message == "Session -1 is outside its range, 0 or more; the row is left out."


def test_a_word_that_is_not_allowed(examine, tables):
    report, kept = examine(events=_events(kind="ruptur"))
    problem = only(report, "not_allowed")
    assert problem.message == "'ruptur' is not a kind we know; known are rupture, repair."
    assert "(for 'ruptur' perhaps rupture)" in problem.hint
    assert len(kept["events"]) == 1


def _events(**first):
    events = pd.DataFrame(
        {
            "client_id": ["c0", "c1"],
            "session": [2, 3],
            "rater": ["client", "therapist"],
            "kind": ["rupture", "repair"],
            "intensity": [2.0, 3.0],
        }
    )
    for column, value in first.items():
        events = changed(events, 0, column, value)
    return events


# -- keys and ids ---------------------------------------------------------------------------


def test_a_client_twice(examine, tables):
    clients = pd.concat([tables["clients"], tables["clients"].iloc[[3]]], ignore_index=True)
    report, kept = examine(clients=clients)
    problem = only(report, "duplicate_key")
    assert problem.message == (
        "Client c3 is there twice (rows 4 and 13), but can be there only once; the first is kept, "
        "the others are left out."
    )
    assert (problem.row, problem.also_rows) == (4, (13,))
    assert len(kept["clients"]) == 12


def test_an_answer_twice(examine, tables):
    ratings = pd.concat([tables["ratings"], tables["ratings"].iloc[[20]]], ignore_index=True)
    report, kept = examine(ratings=ratings)
    problem = only(report, "duplicate_key")
    assert problem.message == (
        "The client's wai-sr, item 9, for session 2 of client c0 is there twice (rows 21 and "
        "577), but can be there only once; the first is kept, the others are left out."
    )
    assert len(kept["ratings"]) == len(tables["ratings"])


def test_thousands_of_duplicates_are_one_sentence(examine, tables):
    ratings = pd.concat([tables["ratings"], tables["ratings"]], ignore_index=True)
    report, kept = examine(ratings=ratings)
    problem = only(report, "duplicate_key")
    assert problem.message == (
        "1,152 rows hold a record that can be there only once; the first of each is kept."
    )
    assert len(kept["ratings"]) == len(tables["ratings"])


def test_ids_that_differ_by_a_blank_or_case(examine, tables):
    endings = changed(tables["terminations"], 5, "client_id", "C5 ")
    report, _ = examine(terminations=endings)
    problem = only(report, "id_spelled_differently")
    assert problem.message == (
        "The client ids 'C5 ' and 'c5' differ only by blanks, upper and lower case or leading "
        "zeros, so one client would count as two."
    )
    assert problem.hint == (
        "Write 'c5' in each place, or give two different persons clearly different ids."
    )
    assert (problem.table, problem.row, problem.value) == ("terminations", 6, "C5 ")


def test_an_id_that_lost_its_leading_zeros(examine, tables):
    numbered = {
        name: frame.assign(client_id=[f"{int(c[1:]):03d}" for c in frame["client_id"]])
        for name, frame in tables.items()
        if "client_id" in frame
    }
    numbered["terminations"] = changed(numbered["terminations"], 5, "client_id", 5)
    report, _ = examine(**numbered)
    assert only(report, "id_spelled_differently").value == "5"


def test_an_unknown_client(examine, tables):
    report, kept = examine(terminations=changed(tables["terminations"], 5, "client_id", "c50"))
    problem = only(report, "unknown_reference")
    assert problem.message == (
        "The client 'c50' is not in the table 'clients'; the rows are left out."
    )
    assert problem.hint == "Correct the id, or add the client to 'clients'. Did you mean 'c5'?"
    assert len(kept["terminations"]) == 11


def test_a_category_that_no_row_has_is_not_a_client(examine, tables):
    clients = tables["clients"].astype({"client_id": "category"})
    clients = clients[clients["client_id"] != "c5"]
    report, kept = examine(clients=clients)
    assert {p.rule for p in report.problems} == {"unknown_reference"}
    assert {p.table for p in report.problems} == {"sessions", "ratings", "terminations"}
    assert len(kept["ratings"]) == len(tables["ratings"]) - 48


def test_an_unknown_therapist_is_treated_as_not_known(examine, tables):
    report, kept = examine(clients=changed(tables["clients"], 5, "therapist_id", "x9"))
    problem = only(report, "unknown_reference")
    assert problem.message == (
        "The therapist 'x9' is not in the table 'therapists'; the therapist is treated as not "
        "known."
    )
    assert kept["clients"]["therapist_id"].isna().sum() == 1


def test_answers_of_a_session_that_is_not_there(examine, tables):
    report, kept = examine(
        sessions=tables["sessions"].drop(index=6).reset_index(drop=True)  # session 3 of c1
    )
    problem = only(report, "unknown_reference")
    assert problem.message == (
        "Client c1 has answers for session 3, but the table 'sessions' has no such session; the "
        "rows are left out."
    )
    assert problem.row == 73
    assert len(problem.also_rows) == 11
    assert len(kept["ratings"]) == len(tables["ratings"]) - 12


def test_a_client_under_two_therapists(examine, tables):
    therapist = tables["clients"].set_index("client_id")["therapist_id"]
    sessions = tables["sessions"]
    sessions = sessions.assign(therapist_id=sessions["client_id"].map(therapist))
    report, _ = examine(sessions=changed(sessions, 5, "therapist_id", "t2"))
    problem = only(report, "client_under_two_therapists")
    assert problem.message == "Client c1 is under 2 therapists: t1 (4 rows) and t2 (1 row)."
    assert (problem.level, problem.row) == ("warning", 6)


def test_a_client_listed_under_two_therapists_is_an_error_told_once(examine, tables):
    again = tables["clients"].iloc[[3]].assign(therapist_id="t2")
    clients = pd.concat([tables["clients"], again], ignore_index=True)
    report, kept = examine(clients=clients)
    problem = only(report, "client_under_two_therapists")
    assert problem.level == "error"
    assert len(kept["clients"]) == 12


def test_a_therapist_at_two_sites(examine, tables):
    report, _ = examine(clients=changed(tables["clients"], 6, "site_id", "south"))
    problem = only(report, "therapist_at_two_sites")
    assert problem.message == "Therapist t0 is at 2 sites: north (3 rows) and south (1 row)."
    assert (problem.level, problem.row) == ("warning", 7)


def test_clients_without_a_therapist(examine, tables):
    clients = changed(changed(tables["clients"], 2, "therapist_id", None), 8, "therapist_id", "")
    report, kept = examine(clients=clients)
    problem = only(report, "blank_therapist")
    assert problem.message == "2 clients of 12 have no therapist."
    assert (problem.row, problem.also_rows) == (3, (9,))
    assert len(kept["clients"]) == 12


def test_a_study_without_therapists_is_not_told_so_for_each_client(examine, tables):
    report, kept = examine(clients=tables["clients"].drop(columns="therapist_id"), therapists=None)
    assert report.problems == ()
    assert kept["clients"]["therapist_id"].isna().all()


# -- the course of therapy ------------------------------------------------------------------


def test_dates_against_session_numbers(examine, tables):
    sessions = changed(tables["sessions"], 5, "date", pd.Timestamp("2023-05-15"))
    report, _ = examine(sessions=sessions)
    problem = only(report, "sessions_out_of_order")
    assert problem.message == (
        "The dates of client c1 do not follow the session numbers: session 2 on 2023-05-15 does "
        "not fit between its neighbours."
    )
    assert (problem.level, problem.row, problem.value) == ("warning", 6, "2023-05-15")


def test_two_sessions_on_one_day_are_in_order(examine, tables):
    sessions = changed(tables["sessions"], 5, "date", tables["sessions"]["date"][4])
    report, _ = examine(sessions=sessions)
    assert report.problems == ()


def test_an_answer_about_a_session_that_did_not_take_place(examine, tables):
    report, kept = examine(sessions=changed(tables["sessions"], 9, "attended", False))
    problem = only(report, "rating_of_missed_session")
    assert problem.message == (
        "Session 2 of client c2 did not take place, but 'ratings' holds 12 entries for it; left "
        "out."
    )
    assert problem.row == 109
    assert len(kept["ratings"]) == len(tables["ratings"]) - 12


def test_blank_answers_about_a_missed_session_are_as_they_should_be(examine, tables):
    ratings = tables["ratings"]
    missed = (ratings["client_id"] == "c2") & (ratings["session"] == 2)
    report, kept = examine(
        sessions=changed(tables["sessions"], 9, "attended", False),
        ratings=ratings.assign(value=ratings["value"].mask(missed)),
    )
    assert report.problems == ()
    assert len(kept["ratings"]) == len(ratings)


def test_an_answer_after_the_end(examine, tables):
    report, _ = examine(terminations=changed(tables["terminations"], 4, "last_session", 3))
    problem = only(report, "rating_after_end")
    assert problem.message == (
        "Client c4 has entries in 'ratings' for session 4, but the therapy ended with session 3 "
        "(row 5)."
    )
    assert (problem.level, problem.row, problem.table) == ("error", 229, "ratings")


def test_an_end_before_several_sessions(examine, tables):
    report, _ = examine(terminations=changed(tables["terminations"], 4, "last_session", 1))
    problem = only(report, "end_before_last_rating")
    assert problem.message == (
        "The therapy of client c4 is said to have ended with session 1, but the later sessions 2, "
        "3 and 4 have entries."
    )
    assert (problem.row, problem.table) == (5, "terminations")


def test_an_end_long_after_the_last_session(examine, tables):
    ends = tables["terminations"]
    last = int(ends.set_index("client_id")["last_session"]["c4"])
    report, kept = examine(terminations=changed(ends, 4, "last_session", last + 5))
    problem = only(report, "end_long_after_last_session")
    assert problem.message == (
        f"The therapy of client c4 is said to have ended with session {last + 5}, but the last "
        f"session on record is {last}."
    )
    assert (problem.level, problem.row, problem.table) == ("warning", 5, "terminations")
    assert len(kept["terminations"]) == len(ends)
    for later in (1, 4):
        near, _ = examine(terminations=changed(ends, 4, "last_session", last + later))
        assert only(near, "end_long_after_last_session").level == "info"


def test_a_study_in_which_nothing_was_measured(examine, tables):
    empty = {name: frame.iloc[:0] for name, frame in tables.items()}
    report, _ = examine(**empty)
    assert only(report, "nothing_measured").level == "warning"
    people = ("clients", "therapists", "sessions")
    report, _ = examine(**{name: empty[name] for name in tables if name not in people})
    problem = only(report, "nothing_measured")
    assert problem.level == "info"
    assert problem.message.startswith("The study holds no answer and no score")


def test_files_that_no_source_names_are_told_where_nothing_was_measured(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "empty.csv").write_text("pid,n\n")
    (tmp_path / "data" / "mine.csv").write_text("pid,n\n1,2\n")
    source = "  - {file: data/empty.csv, client_id: pid, session: n}"
    (tmp_path / "study.yaml").write_text(f"name: s\nsources:\n{source}\n")
    hint = one(al.validate(tmp_path), "nothing_measured").hint
    assert "No source names data/mine.csv; suggest_mapping" in hint


# -- answers --------------------------------------------------------------------------------


def test_an_unknown_measure(examine, tables):
    measure = tables["ratings"]["measure"].where(tables["ratings"]["client_id"] != "c3", "wai-srs")
    report, kept = examine(ratings=tables["ratings"].assign(measure=measure))
    problem = only(report, "unknown_measure")
    assert problem.message == (
        "The measure 'wai-srs' is not known; its answers cannot be scored and are left out."
    )
    assert problem.hint.endswith("Did you mean 'wai-sr'?")
    assert len(problem.also_rows) == 47
    assert len(kept["ratings"]) == len(tables["ratings"]) - 48


def test_a_rater_without_a_form(examine, tables):
    ratings = tables["ratings"].assign(measure="phq-9", value=1.0)
    ratings = ratings[ratings["item"] <= 9].reset_index(drop=True)
    rater = ratings["rater"].where(ratings["client_id"] != "c3", "therapist")
    report, _ = examine(ratings=ratings.assign(rater=rater))
    assert one(report, "rater_without_form").message == (
        "The measure 'phq-9' has no form for the rater 'therapist', only for client; the rows are "
        "left out."
    )


def test_an_item_the_form_does_not_have(examine, tables):
    report, kept = examine(ratings=changed(tables["ratings"], 11, "item", 13))
    problem = only(report, "item_not_on_form")
    assert problem.message == "The measure 'wai-sr' has no item 13; its items are 1 to 12."
    assert len(kept["ratings"]) == len(tables["ratings"]) - 1


def test_an_impossible_answer_is_set_aside_and_never_moved_to_the_edge(examine, tables):
    report, kept = examine(ratings=changed(tables["ratings"], 11, "value", 9.0))
    problem = only(report, "out_of_range")
    assert problem.message == (
        "The answer 9 to item 12 of 'wai-sr' (client) is outside the range 1 to 5; it is treated "
        "as missing."
    )
    assert (problem.level, problem.row, problem.value) == ("error", 12, 9.0)
    assert np.isnan(kept["ratings"]["value"].iloc[11])


def test_many_impossible_answers_are_one_sentence_with_all_rows(examine, tables):
    value = tables["ratings"]["value"].copy()
    value.iloc[100:130] = np.tile([6.0, 7.0, 7.0], 10)
    report, _ = examine(ratings=tables["ratings"].assign(value=value))
    problem = only(report, "out_of_range")
    assert problem.message == (
        "30 answers to 'wai-sr' are outside the range 1 to 5: '7' (20 times), '6' (10 times); they "
        "are treated as missing."
    )
    assert (problem.row, *problem.also_rows) == tuple(range(101, 131))


def test_a_fraction_where_the_form_has_whole_numbers(examine, tables):
    report, _ = examine(ratings=changed(tables["ratings"], 11, "value", 2.5))
    assert only(report, "not_a_whole_number").message == (
        "The answer 2.5 to item 12 of 'wai-sr' (client) is not a whole number; it is treated as "
        "missing."
    )


def test_a_code_for_missing_that_was_not_declared(examine, tables):
    value = tables["ratings"]["value"].copy()
    value.iloc[[5, 70, 140, 300]] = -9.0
    report, kept = examine(ratings=tables["ratings"].assign(value=value))
    problem = only(report, "hidden_missing_code")
    assert problem.message == (
        "The number -9 stands 4 times among the answers to 'wai-sr', which go from 1 to 5: it "
        "looks like a code for missing and is treated as such."
    )
    assert problem.hint.startswith("If it is, say so in study.yaml: 'missing: [-9]'.")
    assert (problem.level, problem.row, problem.also_rows) == ("warning", 6, (71, 141, 301))
    assert kept["ratings"]["value"].isna().sum() == 4


def test_a_total_no_items_can_add_up_to(examine, tables):
    scores = _scores(tables, 7.0)
    report, kept = examine(scores=changed(scores, 2, "score", 28.0))
    problem = only(report, "score_out_of_range")
    assert problem.message == (
        "The score 28 is outside the range of 'phq-9' (total), 0 to 27; it is left out."
    )
    assert problem.level == "warning"
    assert len(kept["scores"]) == len(scores) - 1
    counted = report.rows.set_index("table").loc["scores"]
    assert (counted["rows_set_aside"], "score_out_of_range" in counted["reasons"]) == (1, True)


def test_a_column_of_impossible_totals_is_another_scale(examine, tables):
    report, _ = examine(scores=_scores(tables, 28.0))
    assert only(report, "score_out_of_range").level == "error"


def _scores(tables, score):
    return tables["sessions"][["client_id", "session"]].assign(
        rater="client", measure="phq-9", scale="total", score=score
    )


# -- patterns -------------------------------------------------------------------------------


def _forms(seed=5, n_clients=40, n_sessions=4, stored_reversed=False):
    """Answers to CORE-10 (items 2 and 3 reversed) that hang together, for many clients."""
    rng = np.random.default_rng(seed)
    n = n_clients * n_sessions
    keyed = 2 + rng.normal(size=(n, 1)) + rng.normal(size=(n, 10)) * 0.8
    answers = np.clip(np.rint(keyed), 0, 4)
    if not stored_reversed:
        answers[:, [1, 2]] = 4 - answers[:, [1, 2]]
    clients = [f"c{i}" for i in range(n_clients)]
    frame = pd.DataFrame(
        {
            "client_id": np.repeat(clients, n_sessions * 10),
            "session": np.tile(np.repeat(np.arange(1, n_sessions + 1), 10), n_clients),
            "rater": "client",
            "measure": "core-10",
            "item": np.tile(np.arange(1, 11), n),
            "value": answers.ravel(),
        }
    )
    return {
        "therapists": None,
        "clients": pd.DataFrame({"client_id": clients, "therapist_id": None}),
        "sessions": frame[["client_id", "session"]].drop_duplicates(),
        "terminations": None,
        "ratings": frame,
    }


def test_forms_as_given_raise_no_alarm(examine):
    report, _ = examine(**_forms())
    assert report.problems == ()


def test_items_stored_reversed(examine):
    report, _ = examine(**_forms(stored_reversed=True))
    problem = only(report, "stored_reversed")
    assert problem.message == (
        "In 'core-10' (client) items 2 and 3 run against the rest of the scale in 160 complete "
        "forms, as if stored reversed."
    )
    assert problem.hint == (
        "The file probably holds them already reversed: say 'reversed: true' for this form in "
        "study.yaml."
    )
    assert (problem.level, problem.row) == ("warning", None)


def test_a_file_that_says_it_holds_reversed_values_is_believed(examine):
    options = {"already_reversed": {("core-10", "client")}}
    report, _ = examine(options, **_forms(stored_reversed=True))
    assert report.problems == ()
    report, _ = examine(options, **_forms())
    assert (
        "take it out if the file holds the answers as given" in only(report, "stored_reversed").hint
    )


def test_too_few_forms_say_nothing_about_reversal(examine):
    report, _ = examine(**_forms(stored_reversed=True, n_clients=7))
    assert report.problems == ()


def test_one_answer_throughout(examine):
    tables = _forms()
    value = tables["ratings"]["value"].copy()
    value.iloc[200:210] = 4.0
    report, _ = examine(**{**tables, "ratings": tables["ratings"].assign(value=value)})
    problem = only(report, "same_answer_throughout")
    assert problem.message == (
        "All 10 answers to 'core-10' (client) are 4, although some items are worded the other way "
        "round."
    )
    assert (problem.row, problem.value) == (201, 4.0)


def test_pasted_answers(examine, tables):
    value = tables["ratings"]["value"].copy()
    value.iloc[36:48] = value.iloc[24:36].to_numpy()  # session 4 of c0 repeats session 3
    report, _ = examine(ratings=tables["ratings"].assign(value=value))
    problem = only(report, "pasted_answers")
    assert problem.message == (
        "All 12 answers to 'wai-sr' (client) of client c0 in session 4 are the same as those of "
        "client c0 in session 3."
    )
    assert problem.row == 37


def test_answers_pasted_from_the_client_before(examine, tables):
    value = tables["ratings"]["value"].copy()
    value.iloc[48:60] = value.iloc[36:48].to_numpy()  # session 1 of c1 repeats session 4 of c0
    report, _ = examine(ratings=tables["ratings"].assign(value=value))
    assert only(report, "pasted_answers").message.endswith(
        "of client c1 in session 1 are the same as those of client c0 in session 4."
    )


def test_all_fives_in_every_session_are_not_pasted(examine, tables):
    ratings = tables["ratings"]
    value = ratings["value"].mask(ratings["client_id"] == "c5", 5.0)
    report, _ = examine(ratings=ratings.assign(value=value))
    assert report.problems == ()


def test_short_forms_that_are_alike_by_chance_are_not_pasted(examine):
    forms = _forms(n_clients=150, n_sessions=20)
    wide = forms["ratings"].pivot_table(
        index=["client_id", "session"], columns="item", values="value", sort=False
    )
    steady = np.repeat(wide.to_numpy()[::20], 20, axis=0)  # each client's first answers, kept on
    changes = np.random.default_rng(1).random(steady.shape) < 0.2
    steady[changes] = (steady[changes] + 1) % 5
    equal = (steady[1:] == steady[:-1]).all(axis=1)
    assert equal.sum() > 20
    report, _ = examine(**{**forms, "ratings": forms["ratings"].assign(value=steady.ravel())})
    assert "pasted_answers" not in {problem.rule for problem in report.problems}


def _given(tables, score):
    return tables["sessions"][["client_id", "session"]].assign(
        rater="client", measure="wai-sr", scale="total", score=score
    )


def test_a_total_that_contradicts_its_items(examine, tables):
    means = tables["ratings"].groupby(["client_id", "session"], sort=False)["value"].mean()
    given = _given(tables, means.round(2).to_numpy())
    report, _ = examine({"given_scores": given})
    assert report.problems == ()
    given = changed(given, 3, "score", 4.75)
    report, _ = examine({"given_scores": given})
    problem = only(report, "total_contradicts_items")
    right = means.iloc[3]
    assert problem.message == (
        f"The total 4.75 of 'wai-sr' (client, total) differs from {right:g}, which its items add "
        "up to."
    )
    assert (problem.level, problem.row, problem.table) == ("warning", 4, "scores")


def test_totals_made_in_another_way_are_told_once(examine, tables):
    sums = tables["ratings"].groupby(["client_id", "session"], sort=False)["value"].sum() / 24
    report, _ = examine({"given_scores": _given(tables, sums.to_numpy())})
    problem = one(report, "total_contradicts_items")
    assert problem.message.startswith(
        "48 of 48 totals of 'wai-sr' (client, total) differ from what the items give (the file's "
        "are 0.5 times as large)"
    )


# -- further columns ------------------------------------------------------------------------


def test_amounts_as_text(examine, tables):
    clients = tables["clients"].assign(income=["£0 - £5,000", "£10,000"] * 6, note="quiet")
    report, kept = examine(clients=clients)
    problem = only(report, "number_as_text")
    assert problem.message == (
        "The column holds amounts or ranges as text, such as '£0 - £5,000' (6 times), '£10,000' "
        "(6 times); it is carried along as text and cannot be used as a number."
    )
    assert (problem.level, problem.column) == ("info", "income")
    assert kept["clients"]["income"].tolist() == clients["income"].tolist()


def test_a_day_with_a_time_of_the_clock_is_no_range(examine, tables):
    days = ["1583-01-01T00:00:00.000000", "2026-01-05 10:00"] * 6
    report, _ = examine(clients=tables["clients"].assign(entered=days, left="2026-01-05"))
    assert not report.problems


def test_one_wrong_therapist_id_is_one_problem(examine, tables):
    therapist = tables["clients"].set_index("client_id")["therapist_id"]
    sessions = tables["sessions"]
    sessions = sessions.assign(therapist_id=sessions["client_id"].map(therapist))
    report, _ = examine(sessions=changed(sessions, 5, "therapist_id", "t9"))
    assert [p.rule for p in report.problems] == ["unknown_reference"]
    report, _ = examine(
        clients=changed(tables["clients"], 5, "therapist_id", "t9"), sessions=sessions
    )
    assert [p.rule for p in report.problems] == ["unknown_reference"]


def test_client_numbers_used_again_under_each_therapist_are_told_as_that(tmp_path):
    rows = [f"{t},{c},{s},{t + c + s}" for t in (1, 2) for c in (1, 2, 3) for s in (1, 2)]
    (tmp_path / "a.csv").write_text("\n".join(["ther,pid,sess,phq", *rows]))
    (tmp_path / "study.yaml").write_text(
        "name: s\nsources:\n  - file: a.csv\n    client_id: pid\n    therapist_id: ther\n"
        "    session: sess\n    measures: [{measure: phq-9, rater: client, score: phq}]\n"
    )
    hints = al.validate(tmp_path).issues.query("rule == 'duplicate_key'")["hint"]
    assert len(hints)
    assert hints.str.contains("each therapist numbers the clients anew").all()


def test_a_change_of_therapist_counts_rows_of_the_file_and_says_what_models_take(tmp_path):
    (tmp_path / "a.csv").write_text("pid,ther,sess,phq\na,t1,1,10\na,t2,2,9\nb,t1,1,12\nb,t2,2,8\n")
    (tmp_path / "study.yaml").write_text(
        "name: s\nsources:\n  - file: a.csv\n    client_id: pid\n    therapist_id: ther\n"
        "    session: sess\n    measures: [{measure: phq-9, rater: client, score: phq}]\n"
    )
    issue = al.validate(tmp_path).issues.iloc[0]
    assert issue["message"] == "Client a is under 2 therapists: t1 (1 row) and t2 (1 row)."
    assert "scores stand under the therapist of their session" in issue["hint"]
    chosen = al.open_study(tmp_path).select("phq-9")
    assert chosen["therapist_id"].tolist() == ["t1", "t2", "t1", "t2"]
    told = handovers(al.open_study(tmp_path).tables)
    assert told[0].startswith("2 clients (a, b) had 2 sessions with another therapist")


def lab(tmp_path, scores, ends=""):
    """Write a study of PHQ-9 totals, with endings where they are given."""
    (tmp_path / "a.csv").write_text("pid,sess,phq\n" + scores)
    text = (
        "name: s\nsources:\n  - {file: a.csv, client_id: pid, session: sess, measures: "
        "[{measure: phq-9, rater: client, score: phq}]}\n"
    )
    if ends:
        (tmp_path / "e.csv").write_text("pid,n,why\n" + ends)
        text += (
            "  - {file: e.csv, table: terminations, columns: "
            "{client_id: pid, last_session: n, reason: why}}\n"
        )
    (tmp_path / "study.yaml").write_text(text)
    return al.validate(tmp_path)


def test_rows_that_come_twice_and_contradict_each_other_are_told_apart_from_copies(tmp_path):
    told = lab(tmp_path, "a,1,3\na,1,4\nb,1,5\nb,1,5\n").issues["message"]
    assert told[0].endswith("They contradict each other: score is 3 and 4.")
    assert told[1].endswith("the others are left out.")


def test_an_ending_after_the_last_session_is_told_the_louder_the_later(tmp_path):
    report = lab(
        tmp_path, "a,1,3\na,2,4\nb,1,5\nc,1,5\n", "a,4,dropout\nb,9,completed\nc,1,mutual\n"
    )
    found = {p.row: (p.level, p.message) for p in report.problems}
    assert [found[row][0] for row in (2, 3)] == ["info", "warning"]
    assert "ended with session 4, but the last session on record is 2" in found[2][1]
    assert set(found) == {2, 3}


def test_a_sum_of_whole_answers_with_a_fraction_is_told(tmp_path):
    problem = only(lab(tmp_path, "a,1,12.4\na,2,12\na,3,12.0\n"), "broken_sum")
    assert problem.message.startswith("The total 12.4 of 'phq-9' is no whole number")
    assert (problem.level, problem.row) == ("warning", 2)


def test_a_study_without_rows_is_not_said_to_be_usable(tmp_path):
    report = lab(tmp_path, "")
    assert "There is nothing to analyse" in report._repr_html_()
    assert "can be used." not in report._repr_html_().split("</p>")[0].replace(
        "no table has a row that can be used.", ""
    )


def test_a_path_in_the_users_own_folder_is_found(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    lab(tmp_path / "mine", "a,1,3\na,2,4\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    study = al.open_study("~/mine")
    assert len(study.scores) == 2
    study.save("~/saved")
    assert (tmp_path / "saved" / "datapackage.json").is_file()
    assert len(al.read_table("~/mine/a.csv")) == 2
    with pytest.raises(al.AllianceStatsError, match=r"'saved\.sav' is the name of a file"):
        study.save(tmp_path / "saved.sav")
    assert not (tmp_path / "saved.sav").exists()


def test_scores_of_a_card_that_cannot_be_read_are_no_duplicates(tmp_path):
    (tmp_path / "measures").mkdir()
    (tmp_path / "measures" / "mood.yaml").write_text("id: mood\nitems: [\n")
    (tmp_path / "a.csv").write_text("pid,sess,good,bad\n1,1,5,4\n1,2,4,3\n")
    (tmp_path / "study.yaml").write_text(
        "name: s\nsources:\n- file: a.csv\n  client_id: pid\n  session: sess\n  measures:\n"
        "  - {measure: mood, rater: client, score: good}\n"
        "  - {measure: mood, rater: client, score: bad}\n"
    )
    rules = set(al.validate(tmp_path).issues["rule"])
    assert rules == {"faulty_card", "unknown_measure"}


def test_a_date_that_comes_along_is_no_range(tmp_path):
    (tmp_path / "a.csv").write_text("pid,born,income\n1,1983-09-23,100-200\n2,02-04-2005,0-100\n")
    (tmp_path / "study.yaml").write_text("name: s\nsources:\n- {file: a.csv, client_id: pid}\n")
    told = al.validate(tmp_path).issues
    assert told.loc[told["rule"] == "number_as_text", "column"].tolist() == ["income"]


def test_a_value_is_told_with_all_its_digits(tmp_path):
    """Whoever looks for it in the file, or names it under missing:, needs it as it stands."""
    study = tmp_path / "study.yaml"
    text = (
        "name: s\nsources:\n  - {file: a.csv, client_id: pid, occasion: o, MISSING"
        "measures: [{measure: phq-9, rater: client, score: phq}]}\n"
    )
    study.write_text(text.replace("MISSING", ""))
    (tmp_path / "a.csv").write_text("pid,o,phq\n1,pre,-0.24854609370231628\n2,pre,9\n")
    issue = al.validate(tmp_path).issues.iloc[0]
    assert "The score -0.24854609370231628 is outside" in issue["message"]
    study.write_text(text.replace("MISSING", "missing: [-0.24854609370231628], "))
    assert al.validate(tmp_path).ok

"""What could tell who a person is is found, and shown only masked."""

import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.errors import AllianceStatsError


def scan(**columns):
    return al.scan_identifiers(pd.DataFrame(columns))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("anna.berg@example.org", "e-mail"),
        ("please write to a@b.co", "e-mail"),
        ("+49 30 1234567", "phone number"),
        ("(030) 123-4567", "phone number"),
        ("0301234567", "phone number"),
        ("Anna Berg", "name"),
        ("Berg, Anna Maria", "name"),
        ("Dr. José O'Neill", "name"),
        ("1980-05-17", "date of birth"),
        ("17.05.1980", "date of birth"),
        ("5/17/1980", "date of birth"),
        ("she spoke of her sister in the town", "free text"),
    ],
)
def test_a_value_is_known_by_its_form(value, kind):
    found = scan(column=[value, None, value])
    row = found[found["kind"] == kind].iloc[0]
    assert row["found_in"] == "values"
    assert row["count"] == 2
    assert row["share"] == 1.0
    assert row["reason"]


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("last_name", "name"), ("Vorname", "name"), ("dob", "date of birth"),
        ("DateOfBirth", "date of birth"), ("e_mail", "e-mail"), ("mobile", "phone number"),
        ("zip_code", "address"), ("nhs_number", "official number"), ("session_notes", "free text"),
    ],
)  # fmt: skip
def test_a_column_is_known_by_its_name(column, kind):
    found = scan(**{column: [1, 2]})
    assert found[["kind", "found_in"]].to_numpy().tolist() == [[kind, "name of the column"]]


@pytest.mark.parametrize(
    "values",
    [
        ["C001", "C002"], ["completed", "dropout"], ["2024-03-01", "2024-03-08"],
        ["wai-sr", "core-10"], [1.5, 2.5], [True, False], ["3.14159265", "2.71828182"],
        ["cognitive-behavioural", "humanistic"],
    ],
)  # fmt: skip
def test_ordinary_columns_are_left_alone(values):
    assert len(scan(column=values)) == 0


def test_examples_are_masked_and_no_value_is_shown():
    found = scan(contact=["anna.berg@example.org"], who=["Anna Berg"], tel=["+49 30 1234567"])
    shown = found["example"].tolist()
    assert "xxxx.xxxx@xxxxxxx.xxx" in shown
    assert "xxxx xxxx" in shown
    assert "+99 99 9999999" in shown
    assert "Anna" not in found.to_string()
    assert "1234567" not in found.to_string()


def test_a_day_long_before_the_sessions_is_taken_for_a_birth():
    sessions = pd.DataFrame(
        {"client_id": ["a"], "session": [1], "date": pd.to_datetime(["2024-01-01"])}
    )
    clients = pd.DataFrame(
        {"client_id": ["a"], "therapist_id": ["t"], "first_day": pd.to_datetime(["1980-05-17"]),
         "intake": pd.to_datetime(["2023-12-01"])}
    )  # fmt: skip
    found = al.scan_identifiers(al.Study("x", {"sessions": sessions, "clients": clients}))
    assert found[["table", "column", "kind", "count"]].to_numpy().tolist() == [
        ["clients", "first_day", "date of birth", 1]
    ]


def test_a_simulated_study_holds_no_identifiers():
    study = al.simulate_study(n_therapists=4, n_clients=12, seed=1)
    assert len(al.scan_identifiers(study)) == 0


def test_what_is_no_table_is_refused():
    with pytest.raises(AllianceStatsError, match="needs a Study, tables or a DataFrame, and got"):
        al.scan_identifiers("study.csv")

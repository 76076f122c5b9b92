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
        ("Frau Xyq", "name"),
        ("anna", "name"),
        ("schmidt", "name"),
        ("GARCÍA LÓPEZ, MARÍA", "name"),
        ("jan van der berg", "name"),
        ("Zoé Lefèvre", "name"),
        ("anna (at) example.org", "e-mail"),
        ("+33 6 12 34 56 78", "phone number"),
        ("0176/1234567", "phone number"),
        ("17.05.80", "date of birth"),
        ("17. Mai 1980", "date of birth"),
        ("le 3 février 1971", "date of birth"),
        ("May 3rd, 1971", "date of birth"),
        ("Hauptstraße 12", "address"),
        ("12 High Street", "address"),
        ("Kerkstraat 5 b", "address"),
        ("8, rue de la Paix", "address"),
        ("Calle Mayor 3", "address"),
        ("SW1A 1AA", "address"),
        ("1012 AB", "address"),
        ("10115 Berlin", "address"),
        ("DE89 3704 0044 0532 0130 00", "official number"),
        ("A123456780", "official number"),
        ("078-05-1120", "official number"),
        ("12345678Z", "official number"),
        ("756.1234.5678.97", "official number"),
        ("1 85 05 78 006 084 36", "official number"),
        ("https://example.org/anna", "online identifier"),
        ("www.example.org", "online identifier"),
        ("192.168.1.20", "online identifier"),
        ("2001:db8::7334", "online identifier"),
        ("00:1A:2B:3C:4D:5E", "online identifier"),
        ("K-AB 1234", "official number"),
        ("50.9413,6.9583", "address"),
        ("@anna_b", "online identifier"),
        ("Er hat nicht geschlafen", "free text"),
        ("mrs okonkwo", "name"),
        ("frau xyq", "name"),
        ("brother Ian", "name"),
        ("Mutter (Xyq)", "name"),
        ("Brandt_Ulrike_2023.pdf", "name"),
        ("ulrike.brandt", "name"),
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
    ("column", "value", "kind"),
    [
        ("last_name", "Xyq", "name"), ("Vorname", "Xyq", "name"), ("achternaam", "Xyq", "name"),
        ("nomDeFamille", "Xyq", "name"), ("Prénom", "Xyq", "name"), ("apellidos", "Xyq", "name"),
        ("Patient: Name", "Xyq", "name"), ("Kürzel", "XQ", "name"),
        ("dob", "May 1980", "date of birth"), ("DateOfBirth", "1980", "date of birth"),
        ("Geburtsjahr", 2009, "date of birth"), ("geboortejaar", 1999, "date of birth"),
        ("annee_de_naissance", 1999, "date of birth"),
        ("fecha de nacimiento", "1999", "date of birth"),
        ("e_mail", "none at all", "e-mail"), ("correo", "hidden", "e-mail"),
        ("mobile", 5551234, "phone number"), ("Telefonnummer", "5551234", "phone number"),
        ("zip_code", 10115, "address"), ("PLZ", 1067, "address"), ("code_postal", 75001, "address"),
        ("Wohnort", "Xyq", "address"), ("LocationLatitude", 52.51, "address"),
        ("jg", 84, "date of birth"), ("gebj", 62.0, "date of birth"),
        ("nhs_number", 12345, "official number"), ("KVNR", "A12", ""),
        ("bsn", 12345678, "official number"),
        ("IPAddress", "hidden", "online identifier"), ("prolific_pid", "a1b2", "online identifier"),
        ("session_notes", "tired", "free text"), ("Bemerkungen", "müde", "free text"),
    ],
)  # fmt: skip
def test_a_column_is_known_by_its_name(column, value, kind):
    found = scan(**{column: [value, value]})
    assert [*found["kind"]] == ([kind] if kind else [])
    assert set(found["found_in"]) <= {"name of the column", "values"}


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("phone_sessions", [1, 2, 0]), ("email_consent", ["yes", "no", "yes"]),
        ("birth_order", [1, 2, 3]), ("n_comments", [0, 4, 2]),
        ("name_changed", [True, False, True]),
        ("comments", [0, 1, 1]), ("mobile", ["yes", "no", "no"]), ("address_known", [0, 1, 0]),
        ("city_size", ["small", "large", "small"]), ("measure_name", ["wai-sr", "ors", "ors"]),
        ("insurance_type", ["public", "private", "public"]), ("notes", [None, None, None]),
        ("Name bekannt", ["ja", "nein", "unbekannt"]), ("email_sent", ["1st reminder", "none"]),
        ("unix", [1_656_660_383, 1_685_279_305]), ("jahrgang", [5, 7, 6]),
    ],
)  # fmt: skip
def test_a_name_that_speaks_of_something_else_accuses_nobody(column, values):
    assert len(scan(**{column: values})) == 0


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


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1711234567, 1609876543, 1525550123], "official number"),
        ([86095742719, 47036892816, 65929970489], "official number"),
        ([1711234567.0, None, 1525550123.0], "official number"),
        ([491711234567 + n for n in range(12)], "official number"),
        (["86095742719", "47036892816", "65929970489"], "official number"),
        ([1980, 1964, 1999, 1975], "date of birth"),
        ([19800517, 19640101, 19991231], "date of birth"),
        (["Berta"] * 40 + ["Anna"] * 40, "name"),
        (["K17"] * 11 + ["anna berg"], "name"),
        (["Xyqr G.", "Vrst O.", "Wqzt, K", "A. Brzt"], "name"),
        (["done"] * 30 + ["she was ill and her son had called"], "free text"),
    ],
)  # fmt: skip
def test_a_column_is_known_by_all_its_values(values, kind):
    assert kind in set(scan(x=values)["kind"])


def test_high_ages_and_an_index_of_names_are_told():
    assert scan(age=[30, 93, 999])[["kind", "count"]].to_numpy().tolist() == [["age above 89", 1]]
    frame = pd.DataFrame({"score": [1, 2]}, index=["anna berg", "jan smit"])
    assert al.scan_identifiers(frame)[["column", "kind"]].to_numpy().tolist() == [["index", "name"]]


@pytest.mark.parametrize(
    "values",
    [
        list(range(100_000_001, 100_000_031)), [1_600_000_000 + 7 * n for n in range(30)],
        [20220103, 20220110, 20220117], [2015, 2016, 2023], ["White", "Black", "Asian"],
        ["Jan", "Feb", "May"], ["Beck Depression Inventory", "North Clinic"], ["F32.1", "F60.31"],
        ["trifft nicht zu", "trifft zu"] * 9, ["09:15", "14:30"], ["18-25", "26-35"], ["1.0.2"],
        ["Cognitive therapy with a focus on the alliance", "Treatment as usual in the clinic"] * 20,
        [12345.67, 23456.78], ["green", "amber"], ["sessions.sav", "endings.xlsx"],
        ["Partner Violence", "mother and father"], ["session_003.mp4"], ["ms", "s"], ["350 ms"],
    ],
)  # fmt: skip
def test_what_studies_hold_accuses_nobody(values):
    assert len(scan(x=values)) == 0


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

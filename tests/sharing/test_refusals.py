"""What may not leave, and what cannot be shared by one mail."""

import json

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.core.disclosure import WithheldError

MODEL = "distress ~ session + (1 | client_id)"


def refused(formula, data, path=None, **options):
    with pytest.raises(WithheldError) as found:
        al.clinic_file(formula, data, path, **options)
    return str(found.value)


def test_a_column_that_few_carry(three):
    data = three["Bern"]
    few = data["client_id"].isin(data["client_id"].unique()[:3])
    marked = data.assign(rare=few.astype(float), hours=np.where(few, data["alliance"], 0.0))
    words = refused("distress ~ rare + (1 | client_id)", marked)
    assert "'rare', or a value of it, is carried by 3 of 64 clients only." in words
    assert "put rare categories together" in words
    assert "'hours', or a value of it, is carried by 3" in refused(
        "distress ~ hours + (1 | client_id)", marked
    )
    most = data.assign(usual=(~few).astype(float))
    assert "'usual', or a value" in refused("distress ~ usual + (1 | client_id)", most)


def test_a_cell_of_two_columns_that_few_are_in(three):
    data = three["Bern"]
    first = data.groupby("client_id")["condition"].first()
    some = first[first == "CBT"].index[:2].tolist() + first[first == "PDT"].index[:10].tolist()
    data = data.assign(group=data["client_id"].isin(some).astype(float))
    words = refused("distress ~ condition + group + (1 | client_id)", data)
    assert "Only 2 clients have condition[T.PDT] = 0 and group = 1" in words


def test_a_class_of_sessions_that_few_are_in(three):
    data = three["Bern"]
    people = data["client_id"].unique()[:3]
    short = data[~data["client_id"].isin(people) | (data["session"] < 5)]
    words = refused(MODEL, short, kind="sums")
    assert "3 of 'client_id' have 4 sessions, and the file would hold 1 different sums" in words
    assert "of the mean of 3 of 64 of 'client_id'" in refused(MODEL, short)
    assert al.clinic_file(MODEL, data, None).kind == "sums"


def test_too_few_clients(three):
    data = three["Bern"]
    few = data[data["client_id"].isin(data["client_id"].unique()[:8])]
    assert "There are only 8 clients; 10 are the fewest." in refused(MODEL, few)


def test_stricter_settings_refuse_more(three):
    few = three["Bern"][three["Bern"]["client_id"].isin(three["Bern"]["client_id"].unique()[:30])]
    assert al.clinic_file(MODEL, few, None).kind == "sums"
    assert "There are only 30 clients" in refused(MODEL, few, min_clients=20)


@pytest.mark.parametrize(
    ("formula", "why"),
    {
        "distress ~ 1 + (1 | client_id) + (1 + session | therapist_id)": "above clients may be sh",
        "distress ~ 1 + (0 + session | client_id) + (1 | therapist_id)": "beside an intercept",
        "distress ~ scale(session) + (1 | client_id)": r"scale\(\) may be computed from the rows",
        "distress ~ 0 + session + (1 | client_id)": "needs an intercept",
        "distress ~ . + (1 | client_id)": "Name each predictor",
        "distress ~ session": "needs a random term",
        "distress ~ session + (1 | mm(a, b))": "share a row",
    }.items(),
)
def test_what_one_mail_cannot_hold(formula, why, three):
    data = three["Bern"][["distress", "session", "client_id", "therapist_id"]]
    with pytest.raises(al.DesignError, match=why):
        al.clinic_file(formula, data.assign(a="x", b="y"), None)


def test_clients_of_several_therapists(three):
    data = three["Bern"].copy()
    data.loc[data.index[0], "therapist_id"] = data["therapist_id"].iloc[-1]
    with pytest.raises(al.DesignError, match="cross in these rows"):
        al.clinic_file("distress ~ 1 + (1 | client_id) + (1 | therapist_id)", data, None)


def test_categories_must_be_those_agreed_on(three):
    formula = "distress ~ condition + (1 | client_id)"
    with pytest.raises(al.ColumnError, match="'condition' holds PDT, and the categories agreed"):
        al.clinic_file(formula, three["Bern"], None, categories={"condition": ["CBT", "wait"]})
    with pytest.raises(al.ColumnError, match="which the formula does not use"):
        al.clinic_file(MODEL, three["Bern"], None, categories={"condition": ["CBT", "PDT"]})


def test_missing_values_are_counted_in_tens(three, tmp_path):
    data = three["Bern"].copy()
    data.loc[data.index[::8], "distress"] = np.nan
    found = al.clinic_file(MODEL, data, tmp_path / "a.json")
    assert found.file.numbers == {"rows": 448, "rows left out": 60, "client_id": 64}
    one = three["Bern"].copy()
    one.loc[one.index[0], "distress"] = np.nan
    (tmp_path / "b").mkdir()
    model = "distress ~ alliance_between + (1 | client_id)"
    told = al.clinic_file(model, one, tmp_path / "b" / "b.json", kind="curve").file
    assert told.numbers["rows left out"] == 0  # one form is one person's
    assert "Beside another count" in " ".join(told.tells["in words"])
    # whose form it is, session numbers say: no other client has that mean of them
    assert "single out 1" in refused(MODEL, one, kind="curve")


def test_the_ledger_remembers_and_stays_private(three, tmp_path):
    data, path = three["Bern"], tmp_path / "a.json"
    al.clinic_file(MODEL, data, path)
    first = path.read_text()
    again = al.clinic_file(MODEL, data, path)  # the same question has the same answer
    told = json.loads(first)["sums"], json.loads(path.read_text())["sums"]
    assert told[0] == told[1]
    assert "Other files about these clients that were written before: 1." in again.messages
    book = json.loads((tmp_path / ".alliance-stats" / "shared-files.json").read_text())
    assert len(book["files"]) == 1
    assert "Bern" not in json.dumps(book["files"][0]["people"])
    # one client's outcome corrected: the difference would be that client
    changed = data.copy()
    changed.loc[changed.index[0], "distress"] += 1.0
    assert "other rows of 1 clients" in refused(MODEL, changed, tmp_path / "b.json")
    # the same rows by another question: their difference tells of nobody in particular
    al.clinic_file("distress ~ alliance_within + (1 | client_id)", data, tmp_path / "c.json")
    # two files that come down to few with a third
    people = data["client_id"].unique()
    half, rest = (data[data["client_id"].isin(p)] for p in (people[:32], people[32:62]))
    al.clinic_file(MODEL, half, tmp_path / "d.json")
    assert "come down to fewer than 5 clients" in refused(MODEL, rest, tmp_path / "e.json")


def test_the_same_question_with_other_settings_asks_for_a_yes(uneven, tmp_path):
    loose = {"kind": "curve", "digits": 3, "most_told": 1}
    al.clinic_file(MODEL, uneven["Bern"], tmp_path / "a.json", **loose, reviewed=True)
    words = refused(MODEL, uneven["Bern"], tmp_path / "b.json", **{**loose, "digits": 4})
    assert "two roundings tell more than one" in words


def test_a_ledger_that_cannot_be_read_forbids_all(three, tmp_path):
    (tmp_path / ".alliance-stats").mkdir()
    (tmp_path / ".alliance-stats" / "shared-files.json").write_text("{")
    with pytest.raises(al.ReadError, match="put a copy back from a backup"):
        al.clinic_file(MODEL, three["Bern"], tmp_path / "a.json")


def test_nothing_of_the_study_is_written_over(three, tmp_path):
    path = tmp_path / "clients.json"
    path.write_text('{"ours": 1}')
    with pytest.raises(al.AllianceStatsError, match="is a file of the study itself"):
        al.clinic_file(MODEL, three["Bern"], path, ledger=tmp_path)


def test_a_file_tells_clients_behind_terms_in_tens_and_says_what_it_tells_exactly(three):
    data = three["Bern"]
    people = data["client_id"].unique()
    file = al.clinic_file(MODEL, data[data["client_id"].isin(people[:57])], None).file
    assert file.tells["clients behind each term"] == {"Intercept": 50, "session": 50}
    said = " ".join(file.tells["in words"])
    assert "exactly how many clients had how many sessions" in said
    assert "The rule of ten of reports does not hold for this file" in said


def test_a_clinic_is_told_where_its_own_rows_lie_beyond_its_curve(uneven, tmp_path):
    """Before it is sent, since a second file of the same rows asks for a yes."""
    inside = {name: data.assign(distress=data["distress"]) for name, data in uneven.items()}
    beyond = {
        name: data.assign(distress=data["distress"] + 9 * (pd.factorize(data["client_id"])[0] % 5))
        for name, data in uneven.items()
    }
    said = {
        how: al.clinic_file(MODEL, of["Bern"], None, kind="curve").messages
        for how, of in (("inside", inside), ("beyond", beyond))
    }
    words = "lies above 3, where the file ends"
    assert not any(words in one for one in said["inside"])
    assert any(words in one and "ratios: {client_id: [0.1, 30]}" in one for one in said["beyond"])
    paths = [tmp_path / name / f"{name}.json" for name in beyond]
    for path, data in zip(paths, beyond.values(), strict=True):
        path.parent.mkdir()
        al.clinic_file(MODEL, data, path, kind="curve")
    with pytest.raises(al.DesignError, match=r"Agree on ratios: .*asked for a yes \(--reviewed"):
        al.combine_clinics(paths)
    wide = {"kind": "curve", "ratios": {"client_id": (0.1, 30)}}
    assert "two roundings" in refused(MODEL, beyond["Bern"], paths[0], **wide)
    for path, data in zip(paths, beyond.values(), strict=True):
        al.clinic_file(MODEL, data, path, **wide, reviewed=True)
    assert al.combine_clinics(paths).converged


def test_rows_of_no_study_are_remembered_where_it_is_said(three, tmp_path):
    words = "the rows are a table of no study".capitalize()
    data = three["Bern"]
    found = al.clinic_file(MODEL, data, tmp_path / "a.json")
    assert any(one.startswith(words) and str(tmp_path) in one for one in found.messages)
    found = al.clinic_file(MODEL, data, tmp_path / "a.json", ledger=tmp_path)
    assert not any(one.startswith(words) for one in found.messages)


def test_rounding_is_no_spread_from_session_to_session(three):
    """Means of a client's rows differ in their last digit, as `decompose` may leave them."""
    data = three["Bern"].copy()
    data["hours"] = 1.0 + pd.factorize(data["client_id"])[0] / 64.0  # whose means are exact
    data.loc[data.index[0], "hours"] = np.nextafter(1.0, 2.0)
    assert al.clinic_file("distress ~ hours + (1 | client_id)", data, None).kind == "sums"

"""A client who changed therapist at an occasion stands under each in turn, in every layout."""

import pandas as pd
import pytest

import alliance_stats as al

HEAD = "sources:\n  - {file: f.csv, client_id: id, "
LONG = HEAD + (
    "therapist_id: ther, occasion: at, condition: arm,\n"
    "     measures: [{measure: phq-9, rater: client, score: phq}]}\n"
)
WIDE = HEAD + (
    "therapist_id: 'ther_{occasion}', condition: arm,\n"
    "     measures: [{measure: phq-9, rater: client, score: 'phq_{occasion}'}]}\n"
)


def rows():
    """Return 40 clients of eight therapists before and after; every fourth changed."""
    client = [f"c{n}" for n in range(40)]
    before = pd.DataFrame({"id": client, "ther": [f"T{n % 8}" for n in range(40)], "at": "pre"})
    after = before.assign(at="post")
    after.loc[::4, "ther"] = "T7"
    held = pd.concat([before, after], ignore_index=True)
    held["phq"] = [(7 * n + n // 9) % 20 for n in range(80)]
    return held.assign(arm=held["id"].str[1:].astype(int).floordiv(20).map({0: "a", 1: "b"}))


def wide():
    held = rows().pivot_table(["phq", "ther"], ["id", "arm"], "at", aggfunc="first")
    held.columns = ["_".join(names) for names in held.columns]
    return held.reset_index()


@pytest.fixture(scope="module", params=[(rows, LONG), (wide, WIDE)], ids=["long", "wide"])
def study(request, tmp_path_factory):
    table, description = request.param
    folder = tmp_path_factory.mktemp("study")
    table().to_csv(folder / "f.csv", index=False)
    (folder / "study.yaml").write_text(description, encoding="utf-8")
    return al.open_study(folder)


def test_each_score_stands_under_the_therapist_of_its_occasion(study):
    found = study.select("phq-9").set_index(["client_id", "occasion"])["therapist_id"]
    assert found["c4", "pre"] == "T4"
    assert found["c4", "post"] == "T7"
    assert found["c5"].tolist() == ["T5", "T5"]


def test_the_client_is_of_the_first_and_every_therapist_has_a_row(study):
    assert study.clients.set_index("client_id").loc["c4", "therapist_id"] == "T4"
    assert sorted(study.therapists["therapist_id"]) == [f"T{n}" for n in range(8)]


def test_the_change_is_told_once_a_client(study):
    told = [one.rule for one in al.validate(study).problems]
    assert told == ["client_under_two_therapists"] * 10


def test_it_comes_back_from_a_saved_study(study, tmp_path):
    assert al.open_study(study.save(tmp_path / "saved")).equals(study)


def test_pseudonyms_reach_it(study):
    names = set(al.pseudonymise(study, key="mv8-Qu3_zL0pTr5wXe9k").assessments["therapist_id"])
    assert len(names) == 8
    assert not names & set(study.assessments["therapist_id"])


def test_a_handover_in_a_wide_file_counts_each_cell_once(tmp_path):
    (tmp_path / "a.csv").write_text("pid,th1,th2,p1,p2\na,t1,t2,5,6\n")
    (tmp_path / "study.yaml").write_text(
        "name: s\nsources:\n  - {file: a.csv, client_id: pid, therapist_id: 'th{session}', "
        "measures: [{measure: phq-9, rater: client, score: 'p{session}'}]}\n"
    )
    (problem,) = al.validate(tmp_path).problems
    assert problem.message.endswith("Client a is under 2 therapists: t1 (1 row) and t2 (1 row).")


def test_a_list_of_clients_beside_sessions_counts_each_cell_once(tmp_path):
    (tmp_path / "s.csv").write_text("pid,n,ther,phq\na,1,A,5\na,2,A,5\na,3,B,5\n")
    (tmp_path / "c.csv").write_text("pid,age\na,44\n")
    (tmp_path / "study.yaml").write_text(
        "name: x\nsources:\n"
        "- {file: s.csv, client_id: pid, session: n, therapist_id: ther,"
        " measures: [{measure: phq-9, rater: client, score: phq}]}\n"
        "- {file: c.csv, client_id: pid}\n"
    )
    assert "A (2 rows) and B (1 row)" in str(al.validate(tmp_path))

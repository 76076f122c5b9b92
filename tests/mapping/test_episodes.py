"""Several treatments of one client: each is a course of its own, in every table and analysis."""

import textwrap

import pytest

import alliance_stats as al
from alliance_stats.core.disclosure import Disclosure

SESSIONS = """\
    id,treatment,ther,n,phq
    a,1,t1,1,18
    a,1,t1,2,15
    a,2,t2,1,12
    a,2,t2,2,7
    b,,t1,1,9
    b,,t1,2,8
    """
SOURCE = """\
- file: s.csv
  client_id: id
  therapist_id: ther
  session: n
  episode: treatment
  measures: [{measure: phq-9, rater: client, score: phq}]
"""
PEOPLE = "- {file: p.csv, table: clients, columns: {client_id: id, therapist_id: ther}}\n"


def study(folder, sources=SOURCE, **files):
    files = {"s": SESSIONS} | files
    text = "name: s\nsources:\n" + textwrap.indent(sources, "  ")
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    for name, content in files.items():
        (folder / f"{name}.csv").write_text(textwrap.dedent(content), encoding="utf-8")
    return folder


def told(folder):
    return [(p.level, p.rule, p.row, p.message) for p in al.validate(folder).problems]


def test_each_treatment_is_a_course_with_its_own_sessions_therapist_and_change(tmp_path):
    folder = study(tmp_path)
    assert told(folder) == []
    opened = al.open_study(folder)
    assert opened.scores.groupby("client_id", sort=False)["score"].apply(list).to_dict() == {
        "a": [18, 15],
        "a_e2": [12, 7],
        "b": [9, 8],
    }
    clients = opened.clients.set_index("client_id")
    assert clients["therapist_id"].to_dict() == {"a": "t1", "a_e2": "t2", "b": "t1"}
    assert clients["person_id"].to_dict() == {"a": "a", "a_e2": "a", "b": "b"}
    assert clients["episode"].to_dict() == {"a": 1, "a_e2": 2, "b": 1}
    change = al.first_and_last(opened).set_index("client_id")
    assert change.loc["a_e2", ["pre", "post"]].tolist() == [12, 7]
    assert "counts as a client" in opened.notes[0]
    chosen = opened.select("phq-9")
    assert chosen.loc[chosen["client_id"] == "a_e2", "person_id"].unique() == ["a"]
    sizes = opened.describe().set_index("quantity")["value"]
    assert sizes["clients"] == 3
    assert sizes["persons"] == 2


def test_what_a_file_says_of_the_person_is_known_in_each_treatment_but_not_who_treated(tmp_path):
    files = {"p": "id,sex,ther\na,f,t1\nb,m,t1\n"}
    opened = al.open_study(study(tmp_path, SOURCE + PEOPLE, **files))
    clients = opened.clients.set_index("client_id")
    assert clients.loc["a_e2", ["sex", "therapist_id"]].tolist() == ["f", "t2"]
    sources = SOURCE.replace("therapist_id: ther\n", "carry: false\n") + PEOPLE
    clients = al.open_study(study(tmp_path, sources, **files)).clients.set_index("client_id")
    assert clients["therapist_id"].isna().to_dict() == {"a": False, "b": False, "a_e2": True}


def test_one_number_may_hold_for_a_file_and_endings_find_their_treatment(tmp_path):
    ends = (
        "- {file: e.csv, table: terminations, episode: 2, "
        "columns: {client_id: id, last_session: n, reason: why}}\n"
    )
    folder = study(tmp_path, SOURCE + ends, e="id,n,why\na,2,dropout\n")
    assert al.open_study(folder).terminations["client_id"].tolist() == ["a_e2"]


def test_a_number_that_is_none_is_told_at_its_cell_and_the_row_left_out(tmp_path):
    folder = study(tmp_path, s=SESSIONS.replace("a,2,t2,1,12", "a,1.5,t2,1,12"))
    message = (
        "'1.5' in column 'treatment' is not the number of a treatment (1, 2, ...). The row is left "
        "out."
    )
    assert told(folder) == [("error", "not_a_whole_number", 4, message)]
    rows = al.validate(folder).rows.set_index("table")
    assert rows.loc["sessions", ["rows_in", "rows_kept"]].tolist() == [6, 5]


def test_a_column_that_is_not_there_is_told(tmp_path):
    sources = SOURCE.replace("episode: treatment", "episode: treatmnt")
    problem = told(study(tmp_path, sources))[0]
    assert "no column 'treatmnt', which study.yaml gives as episode." in problem[3]


def test_without_the_key_the_hint_names_it(tmp_path):
    folder = study(tmp_path, SOURCE.replace("episode: treatment\n", "carry: false\n"))
    hints = al.validate(folder).issues.query("rule == 'duplicate_key'")["hint"]
    assert len(hints) == 2
    assert hints.str.contains("as in episode: treatment_no").all()


def test_a_course_never_takes_the_id_of_another_client(tmp_path):
    folder = study(tmp_path, s=SESSIONS + "    a_e2,1,t1,1,3\n")
    found = [message for _, rule, _, message in told(folder) if rule == "colliding_ids"]
    assert found == ["'a_e2' is the id of treatment 2 of client a, and of another client."]


def test_saved_and_pseudonymised_the_person_stays_one(tmp_path):
    opened = al.open_study(study(tmp_path))
    opened.save(tmp_path / "saved")
    assert al.open_study(tmp_path / "saved").equals(opened)
    hidden = al.pseudonymise(opened, key="correct horse battery staple").clients
    persons = hidden.groupby("person_id")["episode"].apply(sorted).tolist()
    assert sorted(persons) == [[1], [1, 2]]
    assert not {"a", "a_e2", "b"} & set(hidden["person_id"])


def test_combined_the_persons_of_two_studies_stay_apart(tmp_path):
    opened = al.open_study(study(tmp_path))
    (tmp_path / "other").mkdir()
    sources = SOURCE.replace("  episode: treatment\n", "")
    rows = "id,treatment,ther,n,phq\na,1,t1,1,18\nc,1,t1,1,9\n"
    other = al.open_study(study(tmp_path / "other", sources, s=rows))
    clients = al.combine_studies({"x": opened, "y": other}).clients.set_index("client_id")
    assert clients["person_id"].to_dict() == {
        "x-a": "x-a", "x-a_e2": "x-a", "x-b": "x-b", "y-a": "y-a", "y-c": "y-c",
    }  # fmt: skip
    assert clients["episode"].tolist() == [1, 2, 1, 1, 1]


def test_twelve_courses_of_six_persons_are_about_six(tmp_path):
    rows = "".join(f"p{n},{e},t1,1,{n}\n" for n in range(25) for e in (1, 2))
    opened = al.open_study(study(tmp_path, s="id,treatment,ther,n,phq\n" + rows))
    disclosure = Disclosure.of(opened.tables)
    assert not disclosure.shows([f"p{n}{e}" for n in range(6) for e in ("", "_e2")])
    assert disclosure.shows([f"p{n}" for n in range(11)])


@pytest.mark.parametrize("name", ["episode", "Episode_Nr", "treatment_no", "Behandlungsnummer"])
def test_it_is_drafted_from_its_name(tmp_path, name):
    text = textwrap.dedent(SESSIONS).replace("treatment", name).replace(",n,", ",sess,")
    (tmp_path / "s.csv").write_text(text, encoding="utf-8")
    draft = al.suggest_mapping(tmp_path)
    assert draft["sources"][0]["episode"] == name
    (tmp_path / "study.yaml").write_text(draft.to_yaml(), encoding="utf-8")
    assert al.validate(tmp_path).ok

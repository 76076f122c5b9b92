"""Labels of columns and values in SPSS files: they live on in study, codebook, tables and files."""

import pandas as pd
import pyreadstat
import pytest

import alliance_stats as al
from alliance_stats.study.labels import by_code

STUDY = """\
name: s
sources:
  - file: a.sav
    client_id: klnr
    session: sitz
    condition: arm
    measures: [{measure: phq-9, rater: client, items: "phq{item}", answers: labels}]
  - {file: e.csv, table: terminations, client_id: klnr, last_session: n, reason: why}
"""
N = 24
SEX = {1: "female", 2: "male"}


def frame():
    rows = [(c, s) for c in range(1, N + 1) for s in (1, 2)]
    columns = {
        "klnr": [c for c, _ in rows],
        "sitz": [s for _, s in rows],
        "sex": [1 + c % 2 for c, _ in rows],
        "arm": [1 + c % 2 for c, _ in rows],
    }
    columns |= {f"phq{i}": [1 + (c + i // 5) % 4 for c, _ in rows] for i in range(1, 10)}
    return pd.DataFrame(columns).astype(float)


def study(folder, answers, text=STUDY, **labels):
    words = {f"phq{i}": answers for i in range(1, 10) if answers}
    pyreadstat.write_sav(
        frame(),
        folder / "a.sav",
        column_labels={"sex": "Sex of the client"},
        variable_value_labels={"sex": SEX, "arm": {1: "CBT", 2: "IPT"}} | words | labels,
    )
    ends = "".join(f"{c},2,{'dropout' if c % 3 else 'completed'}\n" for c in range(1, N + 1))
    (folder / "e.csv").write_text("klnr,n,why\n" + ends)
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    return folder


ORDER = {1: "never", 2: "rarely", 3: "often", 4: "always"}


@pytest.mark.parametrize(
    "answers",
    [ORDER, {n: f"{n - 1} = w" for n in range(1, 5)}, {n: f"w = {n - 1}" for n in range(1, 5)}],
)
def test_answers_are_what_the_labels_of_their_codes_say(tmp_path, answers):
    folder = study(tmp_path, answers)
    (told,) = al.validate(folder).problems
    assert (told.level, told.rule) == ("info", "answers_by_labels")
    assert "1 as 0, 2 as 1, 3 as 2, 4 as 3." in told.message
    ratings = al.open_study(folder).ratings.query("client_id == '1' and session == 1")
    assert ratings["value"].tolist() == [1, 1, 1, 1, 2, 2, 2, 2, 2]


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ({}, "the file has no labels of its values"),
        ({1: "never", 2: "often"}, "not each of its 2 labels has a number"),
    ],
)
def test_labels_that_do_not_say_the_answers_are_told(tmp_path, answers, why):
    problems = al.validate(study(tmp_path, answers)).problems
    (told,) = [p for p in problems if p.rule == "unclear_labels"]
    assert told.level == "error"
    assert why in told.message


def test_codebook_figures_and_files_have_the_words_and_the_tables_the_codes(tmp_path):
    opened = al.open_study(study(tmp_path, ORDER))
    assert set(opened.clients["condition"]) == {"CBT", "IPT"}
    assert set(opened.sessions["sex"]) == {1, 2}
    assert opened.labels["sex"].title == "Sex of the client"
    tables = {one["name"]: one for one in opened.codebook().content["tables"]}
    (sex,) = [c for c in tables["sessions"]["columns"] if c["name"] == "sex"]
    assert sex["description"] == "Sex of the client"
    assert sex["levels"] == {"1 = female": 12, "2 = male": 12}
    people = opened.sessions[["client_id", "sex"]].drop_duplicates()
    known = opened.with_tables(clients=opened.clients.merge(people))
    assert set(al.dropout_incidence(known, by="sex").table["by"]) == {"female", "male"}


@pytest.mark.parametrize(("format", "wide"), [("sav", False), ("sav", True), ("dta", False)])
def test_labels_are_written_and_read_back(tmp_path, format, wide):
    opened = al.open_study(study(tmp_path, ORDER))
    people = opened.sessions[["client_id", "sex"]].drop_duplicates()
    opened = opened.with_tables(clients=opened.clients.merge(people))
    opened.export(tmp_path / "out", format=format, wide=wide)
    read = {"sav": pyreadstat.read_sav, "dta": pyreadstat.read_dta}[format]
    _, meta = read(tmp_path / "out" / f"{'wide' if wide else 'clients'}.{format}")
    assert meta.variable_value_labels["sex"] == SEX
    assert meta.column_names_to_labels["sex"] == "Sex of the client"


def test_saved_combined_and_named_differently(tmp_path):
    opened = al.open_study(study(tmp_path, ORDER))
    opened.save(tmp_path / "saved")
    assert al.open_study(tmp_path / "saved").labels == opened.labels
    (tmp_path / "b").mkdir()
    other = al.open_study(study(tmp_path / "b", ORDER, sex={1: "male", 2: "female"}))
    both = al.combine_studies({"x": opened, "y": other})
    assert both.labels["sex"].values == {}
    assert "the values of 'sex' are called differently in the studies" in both.notes


def test_arms_stand_in_the_order_of_their_codes_whatever_they_are_called(tmp_path):
    """Usual care is 1, treatment 2: as in a file of codes, the first is what others are held to."""
    arms, text = {1: "Usual care", 2: "Active"}, STUDY.replace("session: sitz", "occasion: sitz")
    (tmp_path / "saved").mkdir()
    labelled = al.open_study(study(tmp_path, ORDER, text, arm=arms, sitz={1: "pre", 2: "post"}))
    labelled.save(tmp_path / "saved")
    shares, estimates = [], []
    for given in (labelled, al.open_study(tmp_path / "saved")):
        found = al.compare_arms(given, outcome="phq-9")
        assert found.tidy()["term"].tolist()[-1] == "Active - Usual care"
        estimates.append(found.contrasts["estimate"].iloc[-1])
        shares.append(al.dropout_incidence(given, by="condition", time="occasion").table)
        assert list(dict.fromkeys(shares[-1]["by"])) == ["Usual care", "Active"]
    clients = labelled.clients.assign(condition=labelled.clients["condition"].map(
        {word: str(code) for code, word in arms.items()}
    ))  # fmt: skip
    coded = al.Study("codes", {**labelled.tables, "clients": clients})
    estimates.append(al.compare_arms(coded, outcome="phq-9").contrasts["estimate"].iloc[-1])
    assert estimates == pytest.approx(3 * estimates[:1])
    pd.testing.assert_frame_equal(*shares)


def test_numbers_are_in_order_of_size_and_not_of_letters():
    values = pd.Series(["10", "2", "1", "b", "a", None], name="dose")
    assert by_code(None, values) == ["1", "2", "10", "a", "b"]


def test_an_occasion_or_a_rater_may_be_a_code_with_a_label(tmp_path):
    text = STUDY.replace("session: sitz", "occasion: sitz").replace("rater: client, ", "")
    text = text.replace("condition: arm", "rater: arm")
    folder = study(
        tmp_path, ORDER, text, sitz={1: "Pre", 2: "Ende"}, arm={1: "Client", 2: "CLIENT"}
    )
    table = al.open_study(folder).assessments
    assert set(table["occasion"]) == {"pre", "Ende"}
    assert set(table["rater"]) == {"client"}


def test_a_draft_reads_answers_by_their_labels_where_the_codes_do_not_fit(tmp_path):
    study(tmp_path, {**ORDER, 9: "no answer"}, phq1={**ORDER, 9: "no answer"})
    draft = al.suggest_mapping(tmp_path / "a.sav")
    assert "measures" not in draft["sources"][0]  # five labels for four answers
    study(tmp_path, ORDER)
    draft = al.suggest_mapping(tmp_path)
    (source,) = [one for one in draft["sources"] if one["file"] == "a.sav"]
    assert source["measures"] == [
        {"measure": "phq-9", "rater": "client", "items": "phq{item}", "answers": "labels"}
    ]
    assert any("labels of their codes" in doubt for doubt in draft.doubts)
    (tmp_path / "study.yaml").write_text(draft.to_yaml(), encoding="utf-8")
    assert al.open_study(tmp_path).ratings["value"].between(0, 3).all()


def test_a_draft_of_a_wide_file_too(tmp_path):
    wide = pd.DataFrame({"klnr": [1.0 + c for c in range(N)]})
    columns = {
        f"phq_s{s}_{i}": [1.0 + (c + s) % 4 for c in range(N)]
        for s in (1, 2, 3)
        for i in range(1, 10)
    }
    words = dict.fromkeys(columns, ORDER)
    wide = pd.concat([wide, pd.DataFrame(columns)], axis=1)
    pyreadstat.write_sav(wide, tmp_path / "a.sav", variable_value_labels=words)
    (source,) = al.suggest_mapping(tmp_path)["sources"]
    assert source["measures"] == [
        {
            "measure": "phq-9",
            "rater": "client",
            "items": "phq_s{session}_{item}",
            "answers": "labels",
        }
    ]


def test_what_is_dropped_before_sharing_takes_its_labels_along(tmp_path):
    opened = al.open_study(study(tmp_path, ORDER))
    key = "correct horse battery staple"
    assert set(al.pseudonymise(opened, key=key).labels) == {"sex", "condition"}
    assert al.pseudonymise(opened, key=key, drop=["sex"]).labels.keys() == {"condition"}

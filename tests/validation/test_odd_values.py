"""Values as careless or hostile files hold them: each told once, in the right words."""

import pytest

import alliance_stats as al

MAPPING = """\
name: x
sources:
- file: d.csv
  client_id: pid
  session: sess
  measures: [{measure: phq-9, rater: client, score: SCORE}]
"""


def problems(folder, rows, score="phq"):
    text = "\n".join([",".join(["pid", "sess", "phq", "income"]), *rows]) + "\n"
    (folder / "d.csv").write_text(text, encoding="utf-8")
    (folder / "study.yaml").write_text(MAPPING.replace("SCORE", score), encoding="utf-8")
    return al.validate(folder).problems


@pytest.mark.parametrize(
    ("one", "other"), [("Jos\u00e9", "Jose\u0301"), ("ab1", "a\u200bb1"), ("\uff21b", "Ab")]
)
def test_ids_that_only_look_the_same_are_told(tmp_path, one, other):
    found = problems(tmp_path, [f"{one},1,3,", f"{one},2,3,", f"{other},1,4,"])
    assert [(p.rule, p.row) for p in found] == [("id_spelled_differently", 4)]
    assert "signs that do not show or look the same" in found[0].message


def test_a_date_in_the_place_of_a_session_is_told_with_the_upper_limit(tmp_path):
    found = problems(tmp_path, ["a,20240131,3,", "b,1,3,"])
    assert [(p.rule, p.row) for p in found] == [("out_of_range", 2)]
    assert "is outside its range, 0 to 10,000" in found[0].message


def test_a_scale_the_form_does_not_have_is_told_with_the_nearest(tmp_path):
    found = problems(tmp_path, ["a,1,3,", "b,1,3,"], score="{totl: phq}")
    assert [(p.rule, p.level) for p in found] == [("scale_not_on_form", "warning")]
    assert "has no scale 'totl'; its scales are total. Did you mean 'total'?" in found[0].message


def test_a_column_carried_with_two_tables_is_told_once(tmp_path):
    rows = [f"c{i},{s},3,£{1 + i + s} - £9" for i in range(4) for s in (1, 2, 3)]
    problems(tmp_path, rows)
    (tmp_path / "study.yaml").write_text(
        MAPPING.replace("SCORE", "phq") + "- {file: d.csv, table: clients, columns: {client_id: "
        "pid}}\n",
        encoding="utf-8",
    )
    found = [p.rule for p in al.validate(tmp_path).problems]
    assert found.count("number_as_text") == 1


def test_the_marked_copy_is_read_in_the_encoding_that_was_declared(tmp_path):
    text = "pid;sess;phq\nŁódź;1;99\nb;1;3\n"
    (tmp_path / "d.csv").write_bytes(text.encode("cp1250"))
    (tmp_path / "study.yaml").write_text(
        MAPPING.replace("SCORE", "phq") + "  encoding: cp1250\n", encoding="utf-8"
    )
    marked = al.validate(tmp_path).to_xlsx(tmp_path / "marked.xlsx")
    assert al.read_table(marked, sheet="d.csv")["pid"].tolist() == ["Łódź", "b"]

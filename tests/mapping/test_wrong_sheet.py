"""A workbook whose first sheet is not the one that is meant."""

import openpyxl

import alliance_stats as al

TEXT = """\
name: s
sources:
  - file: b.xlsx
    client_id: id
    session: n
    measures: [{measure: phq-9, rater: client, score: phq}]
"""


def test_one_sentence_names_the_sheet_that_has_the_columns(tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "Notes"
    book.active.append(["What is in here"])
    book.active.append(["Forms"])
    sheet = book.create_sheet("Forms")
    for row in (["id", "n", "phq"], ["a", 1, 5]):
        sheet.append(row)
    book.save(tmp_path / "b.xlsx")
    (tmp_path / "study.yaml").write_text(TEXT, encoding="utf-8")
    (told,) = [p for p in al.validate(tmp_path).problems if p.level == "error"]
    assert (told.rule, told.sheet) == ("wrong_sheet", "Notes")
    assert told.message.endswith("the sheet 'Forms' has id, n, phq.")
    assert told.hint.startswith("Write sheet: Forms in study.yaml")
    text = TEXT.replace("b.xlsx", "b.xlsx\n    sheet: Forms")
    (tmp_path / "study.yaml").write_text(text, encoding="utf-8")
    assert al.validate(tmp_path).ok

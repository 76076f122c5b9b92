"""The report as a value, as a page and as a marked-up workbook."""

from __future__ import annotations

import numpy as np
import openpyxl
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.study.validating.doctor import check
from alliance_stats.study.validating.problem_words import ISSUE_COLUMNS
from alliance_stats.study.validating.report_xlsx import guarded

EVIL = '=HYPERLINK("http://x","<script>alert(1)</script>")'


@pytest.fixture
def faulty(lab, tmp_path):
    """Return the report on a study with a few errors, one of them an attack."""
    lab.session(12, "wai5", 9)
    lab.session(50, "wai7", 2.5)
    lab.clients["note"] = [EVIL, "+1", "-2 points", "@home"] + ["quiet"] * 36
    lab.clients.loc[10, "ther"] = None
    lab.endings.loc[2, "why"] = EVIL
    return al.validate(lab.write(tmp_path / "study"))


def test_issues_have_the_promised_columns_and_plain_values(faulty):
    issues = faulty.issues
    assert list(issues.columns) == list(ISSUE_COLUMNS)
    assert issues["row"].dtype == "Int64"
    at = issues.set_index(["file", "row"])
    assert at.loc[("sessions.sav", 12), "value"] == 9.0
    assert at.loc[("clients.xlsx", 12), "cell"] == "B12"
    assert (issues["hint"].str.len() > 0).all()


def test_counts_ok_and_repr(faulty, tables, raw_of):
    assert faulty.counts() == {"error": 3, "warning": 1, "info": 0}
    assert not faulty.ok
    assert repr(faulty) == "<ValidationReport of 'clinic': 3 errors, 1 warning>"
    clean, _ = check(raw_of(tables))
    assert clean.ok
    assert clean.counts() == {"error": 0, "warning": 0, "info": 0}
    assert repr(clean) == "<ValidationReport of 'small': no problems>"
    assert list(clean.issues.columns) == list(ISSUE_COLUMNS)


def test_raise_if_invalid_names_the_first_errors_and_carries_the_report(faulty, tables, raw_of):
    with pytest.raises(al.DataValidationError) as caught:
        faulty.raise_if_invalid()
    assert caught.value.report is faulty
    lines = str(caught.value).splitlines()
    assert lines[0] == "The study 'clinic' cannot be used as it is: 3 errors, 1 warning."
    assert lines[2] == (
        "  - sessions.sav, row 12, column 'wai5': The answer 9 to item 5 of 'wai-sr' (client) is "
        "outside the range 1 to 5; it is treated as missing."
    )
    assert "See all with" in lines[-1]
    assert check(raw_of(tables))[0].raise_if_invalid() is None


def test_the_page_stands_alone_and_shows_data_as_text(faulty, tmp_path):
    path = faulty.to_html(tmp_path / "report.html")
    page = path.read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "http://" not in page.replace("http://x", "")
    assert "https://" not in page
    assert "The study cannot be used as it is: 3 errors, 1 warning." in page
    for problem in faulty.problems:
        if EVIL not in problem.message:
            assert problem.message.replace("'", "&#39;") in page


def test_the_report_shows_itself_in_a_notebook(faulty):
    shown = faulty._repr_html_()
    assert "<script" not in shown
    assert "Validation of clinic" in shown
    assert "<html" not in shown


def test_the_workbook_marks_the_cells(faulty, tmp_path):
    book = openpyxl.load_workbook(faulty.to_xlsx(tmp_path / "report.xlsx"))
    assert book.sheetnames == ["problems", "rows", "sessions.sav", "list", "endings.csv",
                               "events.csv"]  # fmt: skip
    sav = book["sessions.sav"]
    header = [cell.value for cell in sav[1]]
    hit = sav.cell(13, header.index("wai5") + 1)  # case 12 stands below the names
    assert hit.value == 9
    assert "outside the range 1 to 5" in hit.comment.text
    assert hit.fill.fgColor.rgb == "FFF4B6B6"
    assert sav.cell(12, header.index("wai5") + 1).comment is None
    blank = book["list"]["B12"]
    assert blank.value is None
    assert "no therapist" in blank.comment.text
    assert book["endings.csv"]["C4"].comment is not None


def test_no_text_of_the_data_is_a_formula_in_the_workbook(faulty, tmp_path):
    book = openpyxl.load_workbook(faulty.to_xlsx(tmp_path / "report.xlsx"))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert not [c.coordinate for c in cells if c.data_type == "f"]
    texts = [c.value for c in cells if isinstance(c.value, str)]
    assert not [text for text in texts if text.startswith(("=", "+", "-", "@"))]
    assert "'" + EVIL in texts
    assert "'-2 points" in texts


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1"])
def test_guarded_text(text):
    assert guarded(text) == "'" + text
    assert guarded("a" + text) == "a" + text
    assert len(guarded(text * 40_000)) < 32_767


def test_of_a_large_file_only_rows_with_problems_are_copied(tmp_path):
    n = 4_400
    ratings = pd.DataFrame(
        {
            "client_id": np.repeat([f"c{i}" for i in range(n)], 12),
            "session": 1,
            "rater": "client",
            "measure": "wai-sr",
            "item": np.tile(np.arange(1, 13), n),
            "value": np.random.default_rng(1).integers(1, 6, 12 * n),
        }
    )
    ratings.loc[50_000, "value"] = 8
    ratings.to_csv(tmp_path / "ratings.csv", index=False)
    (tmp_path / "study.yaml").write_text(
        "name: big\nsources:\n  - {file: ratings.csv, table: ratings}\n", encoding="utf-8"
    )
    report = al.validate(tmp_path)
    assert [p.row for p in report.problems if p.rule == "out_of_range"] == [50_002]
    book = openpyxl.load_workbook(report.to_xlsx(tmp_path / "report.xlsx"))
    copy = [[cell.value for cell in row] for row in book["ratings.csv"].iter_rows()]
    assert copy[0] == ["row in the file", *ratings.columns]
    assert copy[1][0] == 50_002
    assert copy[1][-1] == 8
    assert len(copy) == 2
    notes = [row[0].value for row in book["problems"].iter_rows(max_row=4)]
    assert any("shows only those with problems" in str(note) for note in notes)


def test_a_place_that_cannot_be_written_to_is_said_in_words(faulty, tmp_path):
    with pytest.raises(al.AllianceStatsError, match="could not be written"):
        faulty.to_html(tmp_path / "nowhere" / "report.html")
    with pytest.raises(al.AllianceStatsError, match="could not be written"):
        faulty.to_xlsx(tmp_path / "nowhere" / "report.xlsx")


def test_the_workbook_says_where_a_file_is_gone(faulty, lab, tmp_path):
    (tmp_path / "study" / "endings.csv").unlink()
    book = openpyxl.load_workbook(faulty.to_xlsx(tmp_path / "report.xlsx"))
    assert "endings.csv" not in book.sheetnames
    notes = [str(row[0].value) for row in book["problems"].iter_rows(max_row=6)]
    assert "There is no marked-up copy of 'endings.csv': the file could not be read again." in notes

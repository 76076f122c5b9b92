"""Tables as HTML, Word and CSV: escaped, aligned, at full precision."""

import csv

import numpy as np
import pandas as pd
import pytest
from docx import Document

from alliance_stats.core.display import columns as col
from alliance_stats.core.display.rendering import cells, to_csv, to_html, to_text
from alliance_stats.core.display.table import Table
from alliance_stats.core.display.word import add_table, document_bytes, new_document, table_document
from alliance_stats.report.sections.models import in_sentence, therapists_tell_apart
from alliance_stats.report.wording import table as worded

EVIL = '<script>alert("x")</script>'


def make(frame, *columns, **more):
    return Table("t", "Title", frame, columns, how="Counted.", **more)


def test_every_text_of_a_table_is_escaped_once():
    frame = pd.DataFrame({"name": [EVIL, "a & b"], "group": [EVIL, EVIL]})
    html = to_html(make(frame, col.text("name", "<b>Label</b>"), group="group"))
    assert "<script" not in html
    assert "<b>" not in html
    assert html.count("&lt;script&gt;") == 2  # one cell, one group heading
    assert "a &amp; b" in html
    assert "&amp;lt;" not in html
    assert "&lt;b&gt;Label" in html


def test_markdown_and_placeholders_in_the_data_stay_what_they_are():
    frame = pd.DataFrame({"name": ["**bold**", "xPLACEx0x", "{{md:x}}", "$x^2$"]})
    html = to_html(make(frame, col.text("name", "Name")))
    assert "<strong>" not in html
    for text in frame["name"]:
        assert f">{text}<" in html


def test_the_html_has_no_style_script_or_id_of_its_own():
    frame = pd.DataFrame({"x": [1.0]})
    html = to_html(make(frame, col.number("x", "X")))
    assert html.startswith("<table")
    assert not any(word in html for word in ("style=", "<style", "<script", " id="))


def test_numbers_stand_right_and_words_left():
    frame = pd.DataFrame({"name": ["a"], "x": [0.5]})
    html = to_html(make(frame, col.text("name", "Name"), col.number("x", "X")))
    assert '<td class="gt_row gt_left">a</td>' in html
    assert '<td class="gt_row gt_right">0.50</td>' in html


def test_effects_share_decimals_and_variances_have_an_estimate_only():
    frame = pd.DataFrame(
        {
            "part": ["Fixed effects", "Random effects"],
            "estimate": [-0.0123, 0.5],
            "std_error": [0.0042, np.nan],
            "conf_low": [-0.02, np.nan],
            "conf_high": [-0.004, np.nan],
            "statistic": [-2.93, np.nan],
            "df": [38.24, np.nan],
            "p_value": [0.0057, np.nan],
        }
    )
    shown = cells(make(frame, *col.coefficients(frame)))
    assert shown.iloc[0].tolist() == [
        "−0.012", "0.004", "[−0.020, −0.004]", "−2.93", "38.2", ".006",
    ]  # fmt: skip
    assert shown.iloc[1].tolist() == ["0.500", "", "", "", "", ""]


def test_bounds_and_decimals_can_differ_by_row():
    frame = pd.DataFrame({"x": [0.5, 0.5], "bounded": [True, False], "digits": [2, 3]})
    shown = cells(make(frame, col.number("x", "X", "digits", bounded="bounded")))
    assert shown[0].tolist() == [".50", "0.500"]


def test_a_csv_keeps_four_digits_and_holds_no_formula(tmp_path):
    frame = pd.DataFrame({"=name": ["=1+1", "-x", "plain"], "x": [-1 / 3, 0.1, np.nan]})
    to_csv(make(frame, col.number("x", "X")), tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == ["'=name", "x"]
    assert [row[0] for row in rows[1:]] == ["'=1+1", "'-x", "plain"]
    assert rows[1][1] == "-0.3333"


def test_a_word_table_has_title_rows_groups_and_note(tmp_path):
    frame = pd.DataFrame({"g": ["A", "A", "B"], "name": ["a", "b\x00", EVIL], "n": [1, 20, 300]})
    table = make(frame, col.text("name", "Name"), col.count("n", "n"), group="g", note="A note.")
    document = new_document(table.title, synthetic=True)
    add_table(document, table, 3)
    (tmp_path / "t.docx").write_bytes(document_bytes(document))
    document = Document(tmp_path / "t.docx")
    texts = [p.text for p in document.paragraphs]
    assert texts[0] == "Synthetic data: nobody in this document exists."
    assert texts[1:] == ["Table 3", "Title", "Note. A note. Counted."]
    rows = [[cell.text.strip() for cell in row.cells] for row in document.tables[0].rows]
    assert rows == [
        ["Name", "n"], ["A", "A"], ["a", "1"], ["b", "20"], ["B", "B"], [EVIL, "300"],
    ]  # fmt: skip


def test_a_word_table_gives_room_by_what_stands_in_it_and_stays_with_its_title():
    label, interval = "The alliance of the session before, within clients", "[−25.948, 66.048]"
    frame = pd.DataFrame({"g": ["A"], "name": [label], "text": [interval]})
    numbers = [col.value("text", f"CI {place}", str) for place in range(3)]
    table = make(frame.assign(n=1), col.text("name", "Term"), col.count("n", "n"), *numbers)
    document = new_document("Title")
    add_table(document, table, 1)
    number, title = document.paragraphs[:2]
    grid = document.tables[0]
    assert number.paragraph_format.keep_with_next
    assert title.paragraph_format.keep_with_next
    assert all(row._tr.trPr.xpath("w:cantSplit") for row in grid.rows)
    assert grid.rows[0].cells[0].paragraphs[0].paragraph_format.keep_with_next
    widths = [column.width.inches for column in grid.columns]
    assert sum(widths) <= 6.001
    assert widths[0] > widths[2] > 2 * widths[1]
    assert grid.rows[0].cells[1].paragraphs[0].runs[0].italic


def test_a_group_of_a_word_table_is_one_cell_over_all_columns():
    frame = pd.DataFrame({"g": ["A long name of a group of rows"], "name": ["a"], "n": [1]})
    document = new_document("Title")
    columns = (col.text("name", "Name"), col.count("n", "n"))
    add_table(document, make(frame, *columns, group="g"), 1)
    group = document.tables[0].rows[1]
    assert len(group._tr.tc_lst) == 1
    assert [p.text for p in group.cells[0].paragraphs] == ["A long name of a group of rows"]


def test_an_empty_table_can_be_shown(tmp_path):
    table = make(pd.DataFrame({"n": []}), col.count("n", "n"))
    assert "<table" in to_html(table)
    (tmp_path / "t.docx").write_bytes(table_document(table, 1))
    to_csv(table, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "n\n"


@pytest.mark.parametrize("value", [None, float("nan"), pd.NA])
def test_a_missing_word_is_a_dash(value):
    table = make(pd.DataFrame({"name": [value]}, dtype=object), col.text("name", "Name"))
    assert cells(table).iloc[0, 0] == "–"
    assert "–" in to_text(table)


def test_a_column_of_coefficients_without_any_value_is_left_out():
    frame = pd.DataFrame({"estimate": [0.5], "conf_low": [0.1], "conf_high": [0.9]})
    frame = frame.assign(std_error=np.nan, statistic=np.nan, df=np.nan, p_value=np.nan)
    assert [column.label for column in col.coefficients(frame)] == ["b", "95% CI"]
    told = frame.assign(std_error=0.2)
    assert [column.label for column in col.coefficients(told)] == ["b", "SE", "95% CI"]


def test_a_rounded_number_has_the_decimals_that_are_told_of_it():
    frame = pd.DataFrame({"n": [np.nan, np.nan, 40.0], "mean": [35.0, 3.75, 30.0]})
    frame = frame.assign(conf_low=[20.0, 3.6, 29.0], conf_high=[50.0, 3.95, 31.0])
    columns = (col.number("mean", "Mean", about="n"), col.interval(about="n"))
    assert cells(make(frame, *columns)).to_numpy().tolist() == [
        ["\u2248 35", "\u2248 [20, 50]"],
        ["\u2248 3.75", "\u2248 [3.60, 3.95]"],
        ["30.00", "[29.00, 31.00]"],
    ]
    row = {"estimate": -4.0, "conf_low": -9.0, "conf_high": 0.0, "std_error": np.nan}
    assert in_sentence(row) == ("about \u22124", "[\u22129, 0]")
    assert in_sentence({**row, "std_error": 2.0}) == ("\u22124.00", "[\u22129.00, 0.00]")


def test_a_column_in_which_nothing_stands_is_left_out():
    frame = pd.DataFrame({"label": ["a", "b"], "estimate": [0.5, 0.6]})
    columns = (col.text("label", "Quantity"), col.number("estimate", "Estimate"), col.interval())
    shown = worded("gap-forms", frame.assign(conf_low=np.nan, conf_high=np.nan), columns,
                   score="WAI-SR", known="")  # fmt: skip
    assert [column.label for column in shown.columns] == ["Quantity", "Estimate"]


def test_therapists_of_one_client_each_are_not_told_from_clients():
    rows = pd.DataFrame({"client_id": range(60), "therapist_id": range(60)})
    assert not therapists_tell_apart(rows)
    shared = rows.assign(therapist_id=rows["therapist_id"] // 2)
    assert therapists_tell_apart(shared)
    assert not therapists_tell_apart(shared.assign(therapist_id=shared["therapist_id"] // 10))
    shared["therapist_id"] = shared["therapist_id"].astype(float)
    shared.loc[0, "therapist_id"] = np.nan
    assert not therapists_tell_apart(shared)


def test_effects_whose_errors_are_withheld_are_marked_as_rounded():
    parts = ["Fixed effects", "Random effects"]
    frame = pd.DataFrame({"part": parts, "estimate": [1.4, 5.04], "std_error": np.nan})
    frame = frame.assign(conf_low=[0.8, np.nan], conf_high=[2.0, np.nan])
    frame[["statistic", "df", "p_value"]] = np.nan
    assert cells(make(frame, *col.coefficients(frame))).to_numpy().tolist() == [
        ["\u2248 1.4", "\u2248 [0.8, 2.0]"],
        ["5.04", ""],
    ]
    exact = frame.assign(std_error=[0.3, np.nan])
    assert cells(make(exact, *col.coefficients(exact))).iloc[0].tolist() == [
        "1.40",
        "0.30",
        "[0.80, 2.00]",
    ]

"""Workbooks and parquet files."""

import datetime as dt
import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import alliance_stats as al
from alliance_stats.study.reading import load


def workbook(folder, sheets, name="t.xlsx"):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(folder / name)
    return folder / name


def test_a_sheet_by_name_and_the_first_with_content(tmp_path):
    path = workbook(tmp_path, {"notes": [], "final": [["pid", "n"], [1, 4]], "old": [["pid"], [9]]})
    assert al.read_table(path).attrs["sheet"] == "final"
    assert al.read_table(path, sheet="old")["pid"].tolist() == [9]
    assert al.read_table(path).attrs["sheets"] == ["notes", "final", "old"]


def test_cells_of_many_kinds(tmp_path):
    rows = [
        ["pid", "x", "as_text", "comma", "day", "ok", "mixed"],
        ["007", 1.5, 3, "1,5", dt.datetime(2026, 1, 5), True, 5],
        ["008", "#N/A", "4", "2,25", dt.datetime(2026, 1, 6), False, "abc"],
        ["009", None, "NA", None, None, True, 7],
    ]
    frame = al.read_table(workbook(tmp_path, {"s": rows}))
    assert frame["pid"].tolist() == ["007", "008", "009"]
    assert frame["x"].isna().tolist() == [False, True, True]
    assert frame["as_text"].tolist()[:2] == [3, 4]
    assert frame.attrs["numbers_stored_as_text"] == {"as_text": 1, "comma": 2}
    assert frame["comma"].tolist()[:2] == [1.5, 2.25]
    assert frame["day"].dtype.kind == "M"
    assert frame["ok"].tolist() == [True, False, True]
    assert frame["mixed"].tolist() == [5, "abc", 7]


def test_rows_and_cells_are_counted_as_excel_does(tmp_path):
    rows = [[None, None], ["pid", "x"], [1, 5], [None, None], [2, 6], [None, None]]
    loaded = load(workbook(tmp_path, {"s": rows}))
    assert loaded.rows.tolist() == [3, 4, 5]
    assert loaded.source("t.xlsx").cell(5, "x") == "B5"


def test_a_title_above_the_names_of_columns_is_told(tmp_path):
    rows = [["Endings of the clinic"], [None], ["pid", "n", "why"], [1, 4, "dropout"], [2, 6, None]]
    loaded = load(workbook(tmp_path, {"s": rows}))
    assert list(loaded.frame) == ["pid", "n", "why"]
    assert loaded.rows.tolist() == [4, 5]
    assert loaded.notes["titles"] == ["Endings of the clinic"]
    assert "in row 3, stands 'Endings of the clinic'" in loaded.notes["changes"][0]


def test_columns_without_names_are_no_title(tmp_path):
    rows = [["pid", None, None], [1, 4, 5], [2, 6, 7]]
    loaded = load(workbook(tmp_path, {"s": rows}))
    assert list(loaded.frame) == ["pid", "column 2", "column 3"]
    assert loaded.rows.tolist() == [2, 3]


def test_an_unknown_sheet_names_the_nearest(tmp_path):
    path = workbook(tmp_path, {"final": [["pid"], [1]], "old": [["pid"], [9]]})
    with pytest.raises(al.ReadError) as caught:
        al.read_table(path, sheet="finl")
    assert str(caught.value) == (
        "The workbook 't.xlsx' has no sheet 'finl'; its sheets are final, old. "
        "Did you mean 'final'?"
    )


def test_an_empty_sheet_is_refused(tmp_path):
    path = workbook(tmp_path, {"final": [], "old": [["pid"], [9]]})
    with pytest.raises(al.ReadError, match=r"^The sheet 'final' of 't\.xlsx' is empty\."):
        al.read_table(path, sheet="final")


def test_a_formula_without_a_stored_value_is_named(tmp_path):
    path = workbook(tmp_path, {"s": [["pid", "x"], [1, 5], [2, "=B2*2"]]})
    (fault,) = load(path).faults
    assert (fault.row, fault.column, fault.cell) == (3, "x", "B3")
    with pytest.raises(al.ReadError, match="holds a formula whose result was never stored"):
        al.read_table(path)


def test_an_archive_that_unpacks_to_far_more_is_not_opened(tmp_path):
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"<a/>")
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 60_000_000)
    with pytest.raises(al.ReadError, match="would unpack from"):
        al.read_table(path)


def test_parquet_keeps_what_it_says_and_cleans_text(tmp_path):
    path = tmp_path / "t.parquet"
    frame = pd.DataFrame(
        {
            "pid": ["01", "02", "03"],
            "x": [1.5, np.nan, 2.0],
            "n": [1, 2, 3],
            "text": ["NA", "4", "5"],
            "day": pd.to_datetime(["2026-01-05", None, "2026-01-07"]),
            "group": pd.Categorical(["a", "b", "a"]),
        }
    )
    frame.to_parquet(path)
    read = al.read_table(path)
    assert read["pid"].tolist() == ["01", "02", "03"]
    assert read["text"].isna().tolist() == [True, False, False]
    assert read["text"].tolist()[1:] == [4, 5]
    assert read["group"].tolist() == ["a", "b", "a"]
    assert read["day"].dtype.kind == "M"
    assert read.attrs["first_row"] == 1


def test_parquet_with_lists_in_cells_is_refused(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"pid": [1, 2], "items": [[1, 2], [3]]}), path)
    with pytest.raises(al.ReadError, match=r"The column items of 't\.parquet' holds lists"):
        al.read_table(path)


def test_a_book_of_many_sheets_is_opened_once(tmp_path, monkeypatch):
    book = openpyxl.Workbook()
    for n in range(6):
        sheet = book.create_sheet(f"K{n}")
        for row in (["Sitzung", "PHQ9"], [1, 5], [2, 4]):
            sheet.append(row)
    book.save(tmp_path / "b.xlsx")
    opened = []
    load = openpyxl.load_workbook
    monkeypatch.setattr(
        openpyxl, "load_workbook", lambda *a, **k: opened.append(k) or load(*a, **k)
    )
    draft = al.suggest_mapping(tmp_path)
    assert (len(draft["sources"]), len(opened)) == (6, 1)
    (tmp_path / "study.yaml").write_text(draft.to_yaml(), encoding="utf-8")
    opened.clear()
    assert len(al.open_study(tmp_path).scores) == 12
    assert len(opened) == 1
    (tmp_path / "b.xlsx").unlink()  # nothing holds it open

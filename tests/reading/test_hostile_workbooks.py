"""Workbooks made, or damaged, so that a program that trusts them breaks."""

import io
import zipfile

import openpyxl
import pytest
import xlsxwriter

import alliance_stats as al


def workbook(**edits):
    """Return a workbook; `edits` replace bytes in a part: ``sheet1=(old, new)``."""
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True}) as book:
        sheet = book.add_worksheet("a")
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for number, record in enumerate([["pid", "sess", "day"], ["c1", 1], ["c2", 2]]):
            sheet.write_row(number, 0, record)
        sheet.write_number(1, 2, 45000, day)
        sheet.write_number(2, 2, 45001, day)
    packed = io.BytesIO()
    with zipfile.ZipFile(made) as source, zipfile.ZipFile(packed, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            for part, (old, new) in edits.items():
                if part in name:
                    assert old in content
                    content = content.replace(old, new)
            target.writestr(name, content)
    return packed.getvalue()


def refused(tmp_path, content):
    (tmp_path / "t.xlsx").write_bytes(content)
    with pytest.raises(al.ReadError, match=r"'t\.xlsx'") as caught:
        al.read_table(tmp_path / "t.xlsx")
    (tmp_path / "study.yaml").write_text("sources: [{file: t.xlsx, client_id: pid}]\n", "utf-8")
    report = al.validate(tmp_path)
    assert [p.rule for p in report.problems] == [caught.value.rule]
    return str(caught.value)


def test_a_row_number_out_of_this_world_asks_for_no_memory(tmp_path):
    content = workbook(sheet1=(b'<row r="3"', b'<row r="999999999"'))
    assert "spans more than 1,048,576 rows" in refused(tmp_path, content)


def test_a_text_that_is_not_in_the_list_of_texts(tmp_path):
    content = workbook(sheet1=(b't="s"><v>0<', b't="s"><v>99999<'))
    assert "damaged" in refused(tmp_path, content)


def test_entities_that_multiply_or_read_other_files_are_refused(tmp_path):
    xml = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    (tmp_path / "secret.txt").write_text("secret", "utf-8")
    other = f'<!ENTITY a SYSTEM "file://{tmp_path}/secret.txt">'.encode()
    for entity in (b'<!ENTITY b "xxxxxxxxxx"><!ENTITY a "&b;&b;&b;">', other):
        content = workbook(sharedStrings=(xml, xml + b"<!DOCTYPE x [" + entity + b"]>"))
        assert "damaged" in refused(tmp_path, content)


def test_one_cell_far_away_does_not_make_the_sheet_large(tmp_path):
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True}) as book:
        sheet = book.add_worksheet("a")
        sheet.write_row(0, 0, ["pid", "sess"])
        sheet.write_row(1, 0, ["c1", 1])
        sheet.write_blank(1_000_000, 16_000, None, book.add_format({"bold": True}))
    (tmp_path / "t.xlsx").write_bytes(made.getvalue())
    assert al.read_table(tmp_path / "t.xlsx").shape == (1, 2)


def test_what_the_workbook_library_remarks_is_no_warning_of_ours(tmp_path):
    """Warnings are errors in tests: a day that is none must not become one."""
    (tmp_path / "t.xlsx").write_bytes(workbook(sheet1=(b"<v>45001</v>", b"<v>9000000</v>")))
    frame = al.read_table(tmp_path / "t.xlsx")
    assert frame["day"].isna().tolist() == [False, True]
    assert frame.attrs["missing_words"] == {"day": {"#VALUE!": 1}}


def test_the_marked_copy_shows_the_whole_sheet_whatever_size_the_file_claims(tmp_path):
    dimension = b'<dimension ref="A1:C3"/>'
    (tmp_path / "t.xlsx").write_bytes(workbook(sheet1=(dimension, b'<dimension ref="A1"/>')))
    (tmp_path / "study.yaml").write_text(
        "sources: [{file: t.xlsx, client_id: pid, session: sess}]\n", "utf-8"
    )
    al.validate(tmp_path).to_xlsx(tmp_path / "marked.xlsx")
    copy = al.read_table(tmp_path / "marked.xlsx", sheet="a")
    assert copy["pid"].tolist() == ["c1", "c2"]


def _with_rows(path, numbers):
    """Write a workbook whose rows bear these numbers in this order, the header first."""
    book = openpyxl.Workbook()
    for row in range(len(numbers)):
        book.active.append(["pid" if row == 0 else f"c{row}"])
    book.save(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"].decode()
    for row, number in reversed(list(enumerate(numbers, start=1))):
        sheet = sheet.replace(f'<row r="{row}"', f'<row r="_{number}"' if number else "<row")
        sheet = sheet.replace(f' r="A{row}"', "")
    parts["xl/worksheets/sheet1.xml"] = sheet.replace("_", "").encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("numbers", [[1, 3, 2], [1, 2, 2], [3, 1, 2]])
def test_rows_out_of_order_or_numbered_twice_are_refused(tmp_path, numbers):
    path = _with_rows(tmp_path / "t.xlsx", numbers)
    with pytest.raises(al.AllianceStatsError, match="numbered twice or out of order"):
        al.read_table(path)


@pytest.mark.parametrize(("cell", "name"), [("B2", "A2"), ("A2", "A3"), ("A2", "2")])
def test_a_cell_named_twice_or_as_one_of_another_row_is_refused(tmp_path, cell, name):
    book = openpyxl.Workbook()
    for row in (["pid", "score"], ["c1", 3], ["c2", 4]):
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    with zipfile.ZipFile(tmp_path / "t.xlsx") as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"]
    parts["xl/worksheets/sheet1.xml"] = sheet.replace(
        f'r="{cell}"'.encode(), f'r="{name}"'.encode()
    )
    with zipfile.ZipFile(tmp_path / "t.xlsx", "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    with pytest.raises(al.AllianceStatsError, match=f"cell {name} stands in row 2, or twice"):
        al.read_table(tmp_path / "t.xlsx")


@pytest.mark.parametrize("number", ["-2", "+2", "2.0", "zwei"])
def test_a_row_whose_number_is_none_is_refused_and_not_dropped(tmp_path, number):
    path = _with_rows(tmp_path / "t.xlsx", [1, number])
    with pytest.raises(al.AllianceStatsError, match="damaged"):
        al.read_table(path)


def test_rows_without_numbers_count_on_and_meet_no_number_twice(tmp_path):
    path = _with_rows(tmp_path / "t.xlsx", [1, 3, "", 4])
    with pytest.raises(al.AllianceStatsError, match="row 4 stands after row 4"):
        al.read_table(path)
    path = _with_rows(tmp_path / "t.xlsx", [1, "", ""])
    assert al.read_table(path)["pid"].tolist() == ["c1", "c2"]


def test_rows_with_holes_between_are_read(tmp_path):
    path = _with_rows(tmp_path / "t.xlsx", [1, 2, 5])
    assert al.read_table(path)["pid"].dropna().tolist() == ["c1", "c2"]


def test_a_hidden_sheet_is_skipped_and_told_and_read_where_named(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["list"])
    book.active.sheet_state = "hidden"
    book.active.title = "lists"
    book.create_sheet("data").append(["pid"])
    book["data"].append(["c1"])
    book.save(tmp_path / "t.xlsx")
    frame = al.read_table(tmp_path / "t.xlsx")
    assert frame.attrs["sheet"] == "data"
    assert frame.attrs["hidden_sheets"] == ["lists"]
    assert al.read_table(tmp_path / "t.xlsx", sheet="lists").columns.tolist() == ["list"]

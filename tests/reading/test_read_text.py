"""CSV and TSV: encodings, delimiters, missing words, decimal commas, row numbers."""

import json

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.study.reading import load


def written(folder, text, name="t.csv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_the_encoding_is_found(tmp_path, encoding):
    path = written(tmp_path, "name,wai1\nMüller,5\nZoë,4\n", encoding=encoding)
    frame = al.read_table(path)
    assert frame["name"].tolist() == ["Müller", "Zoë"]
    assert frame["wai1"].tolist() == [5, 4]
    assert frame.attrs["encoding"].startswith(encoding[:6])


@pytest.mark.parametrize("title", ["Export of 12.3.2024", "Export, 12.3.2024", "Export;;"])
def test_a_title_above_the_names_of_columns_is_told(tmp_path, title):
    loaded = load(written(tmp_path, f"\n{title}\n\npid;name;x\n1;a;2,5\n\n2;b;3,5\n"))
    assert list(loaded.frame) == ["pid", "name", "x"]
    assert loaded.frame["x"].tolist() == [2.5, 3.5]
    assert loaded.rows.tolist() == [5, 7]
    assert loaded.notes["titles"] == [title.strip(";")]
    assert loaded.notes["blank_rows"] == [1, 6]


def test_a_file_without_names_does_not_lose_rows(tmp_path):
    loaded = load(written(tmp_path, "pid,,\n1,a,b\n2,b,c\n"))
    assert loaded.rows.tolist() == [2, 3]


def test_a_guessed_encoding_is_said(tmp_path):
    frame = al.read_table(written(tmp_path, "name,x\nMüller,5\n", encoding="cp1252"))
    assert frame.attrs["encoding_guessed"]
    assert frame.attrs["changes"] == [
        "The file is not UTF-8; it was read as cp1252, which is a guess."
    ]


@pytest.mark.parametrize(
    ("delimiter", "word"), [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "bar")]
)
def test_the_delimiter_is_found(tmp_path, delimiter, word):
    text = "\n".join(delimiter.join(row) for row in (["pid", "sess", "x"], ["a", "1", "2.5"]))
    frame = al.read_table(written(tmp_path, text))
    assert list(frame.columns) == ["pid", "sess", "x"]
    assert frame.attrs["delimiter"] == word


def test_semicolons_with_decimal_commas(tmp_path):
    frame = al.read_table(written(tmp_path, "pid;x;y\n1;1,5;3\n2;1,234;4\n3;;5\n"))
    assert frame["x"].tolist()[:2] == [1.5, 1.234]
    assert np.isnan(frame["x"][2])
    assert frame.attrs["decimal_commas"] == {"x": 2}


def test_decimal_commas_beside_points_in_one_comma_file(tmp_path):
    frame = al.read_table(written(tmp_path, 'pid,h,bmi\n1,"1,54",22.1\n2,"1,84",27.3\n'))
    assert frame["h"].tolist() == [1.54, 1.84]
    assert frame["bmi"].tolist() == [22.1, 27.3]


def test_a_comma_that_may_mark_thousands_is_not_guessed_at(tmp_path):
    path = written(tmp_path, 'pid,cost\n1,"1,234"\n2,"2,500"\n')
    frame = al.read_table(path)
    assert frame["cost"].tolist() == ["1,234", "2,500"]
    assert "thousands or decimals" in frame.attrs["kept_as_text"]["cost"]
    assert al.read_table(path, decimal=",")["cost"].tolist() == [1.234, 2.5]


def test_missing_words_are_counted(tmp_path):
    words = ["NA", "N/A", "#NULL!", "#VALUE!", ".", "", "  ", "NaN", "4"]
    text = "pid,x\n" + "".join(f"{n},{word}\n" for n, word in enumerate(words))
    frame = al.read_table(written(tmp_path, text))
    assert frame["x"].isna().sum() == 8
    assert frame["x"].iloc[-1] == 4
    counted = frame.attrs["missing_words"]["x"]
    assert counted == {"NA": 1, "N/A": 1, "#NULL!": 1, "#VALUE!": 1, ".": 1, "NaN": 1}


def test_missing_words_can_be_chosen(tmp_path):
    path = written(tmp_path, "pid,x\n1,NA\n2,k.A.\n3,\n")
    frame = al.read_table(path, missing_words=["k.A."])
    assert frame["x"].isna().tolist() == [False, True, True]


def test_ids_stay_as_they_are(tmp_path):
    text = (
        "pid,long,sci,blank\n007,12345678901234567890,12E3, a\n010,12345678901234567891,45E1,a \n"
    )
    frame = al.read_table(written(tmp_path, text))
    assert frame["pid"].tolist() == ["007", "010"]
    assert frame["long"].tolist() == ["12345678901234567890", "12345678901234567891"]
    assert frame["sci"].tolist() == ["12E3", "45E1"]
    assert frame["blank"].tolist() == [" a", "a "]
    assert set(frame.attrs["kept_as_text"]) == {"pid", "long"}


def test_one_word_among_numbers_keeps_every_cell(tmp_path):
    frame = al.read_table(written(tmp_path, "pid,x\n1,5\n2,abc\n3,4.0\n"))
    assert frame["x"].tolist() == ["5", "abc", "4.0"]


def test_yes_and_no_of_other_programs(tmp_path):
    frame = al.read_table(written(tmp_path, "pid,a,b\n1,TRUE,true\n2,FALSE,\n"))
    assert frame["a"].tolist() == [True, False]
    assert frame["a"].dtype == bool
    assert frame["b"].isna().tolist() == [False, True]


def test_rows_count_as_a_sheet_shows_them(tmp_path):
    text = 'pid,note\n1,"two\nlines"\n\n2,plain\n3,plain\n\n\n'
    loaded = load(written(tmp_path, text))
    assert loaded.rows.tolist() == [2, 4, 5]
    assert loaded.notes["blank_rows"] == [3]
    assert loaded.frame["note"].tolist() == ["two\nlines", "plain", "plain"]


def test_a_row_of_delimiters_is_a_row(tmp_path):
    loaded = load(written(tmp_path, "a,b\n1,2\n,\n3,4\n"))
    assert loaded.rows.tolist() == [2, 3, 4]
    assert loaded.frame["a"].isna().tolist() == [False, True, False]


def test_excels_separator_line_is_not_a_row(tmp_path):
    loaded = load(written(tmp_path, "sep=;\r\npid;x\r\n1;2,5\r\n"))
    assert loaded.frame["x"].tolist() == [2.5]
    assert loaded.rows.tolist() == [2]


def test_a_delimiter_at_the_end_of_each_line(tmp_path):
    frame = al.read_table(written(tmp_path, "pid,x,\n1,2,\n2,3,\n"))
    assert list(frame.columns) == ["pid", "x"]
    assert frame.attrs["unnamed_columns"] == ["column 3"]


def test_a_column_named_twice_is_told(tmp_path):
    frame = al.read_table(written(tmp_path, "pid,wai5,wai5,wai5\n1,2,3,4\n"))
    assert list(frame.columns) == ["pid", "wai5", "wai5 (2)", "wai5 (3)"]
    assert frame.attrs["duplicate_columns"] == {"wai5": ["wai5 (2)", "wai5 (3)"]}


def test_a_row_with_too_many_cells_is_refused_by_its_number(tmp_path):
    path = written(tmp_path, "pid,x\n1,2\n2,3,5\n3,4\n")
    with pytest.raises(al.ReadError) as caught:
        al.read_table(path)
    assert str(caught.value) == (
        "In 't.csv': Row 3 has more cells than the 2 columns, so it is not clear which value "
        "belongs to which column. It is left out. Look for an unquoted delimiter in a text or "
        "number (a decimal comma in a comma-separated file)."
    )
    loaded = load(path)
    assert loaded.rows.tolist() == [2, 4]
    assert loaded.lost_rows == 1


def test_a_short_row_is_read_and_told(tmp_path):
    loaded = load(written(tmp_path, "pid,x,y\n1,2\n2,3,4\n"))
    assert len(loaded.frame) == 2
    assert [fault.rule for fault in loaded.faults] == ["row_too_short"]


def test_the_fast_and_the_slow_way_agree(tmp_path):
    rows = [f'{n},"t{n % 7}",{n / 4},,{n % 3 == 0}' for n in range(500)]
    regular = "a,b,c,d,e\n" + "\n".join(rows) + "\n"
    irregular = regular.replace("\n17,", "\n\n17,")
    fast = al.read_table(written(tmp_path, regular, "fast.csv"))
    slow = al.read_table(written(tmp_path, irregular, "slow.csv"))
    assert slow.attrs["blank_rows"] == [19]
    fast.attrs, slow.attrs = {}, {}
    pd.testing.assert_frame_equal(fast, slow)


def test_only_a_header_is_a_table_without_rows(tmp_path):
    for text in ("pid,x", "pid,x\n", "pid,x\r\n\r\n"):
        frame = al.read_table(written(tmp_path, text))
        assert list(frame.columns) == ["pid", "x"]
        assert len(frame) == 0


def test_attrs_are_plain_and_survive_pandas(tmp_path):
    frame = al.read_table(written(tmp_path, "pid;x;x\n01;1,5;NA\n"))
    assert json.loads(json.dumps(frame.attrs)) == frame.attrs
    assert pd.concat([frame, frame]).attrs == frame.attrs


def test_numbers_agree_with_pandas(tmp_path):
    rng = np.random.default_rng(20261123)
    frame = pd.DataFrame({"i": rng.integers(-50, 50, 300), "f": rng.normal(size=300) * 1e-7})
    frame.loc[3, "f"] = np.nan
    path = tmp_path / "n.csv"
    frame.to_csv(path, index=False)
    read = al.read_table(path)
    read.attrs = {}
    pd.testing.assert_frame_equal(read, frame, check_exact=True)


def test_nothing_of_the_csv_module_is_left_changed(tmp_path):
    import csv

    before = csv.field_size_limit()
    al.read_table(written(tmp_path, "pid,x\n1,2\n\n2,3\n"))
    assert csv.field_size_limit() == before


@pytest.mark.parametrize("odd", ["007", "+5", " 5", "5 ", "-0", "1234567890123456"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_one_id_far_down_keeps_the_column_as_written(tmp_path, odd, ending):
    cells = [str(n) for n in range(-300, 3000, 7)]
    cells[400] = odd
    text = ending.join(["pid,x", *(f"{cell},{n % 5}" for n, cell in enumerate(cells))]) + ending
    frame = al.read_table(written(tmp_path, text))
    if odd in ("007", "1234567890123456"):
        assert frame["pid"].tolist() == cells
    else:
        assert frame["pid"].tolist() == [int(cell) for cell in cells]
    assert frame["x"].tolist() == [n % 5 for n in range(len(cells))]


def test_blanks_among_whole_numbers(tmp_path):
    text = "pid,x\n" + "".join(f"{n},{'' if n % 3 else n}\n" for n in range(900))
    frame = al.read_table(written(tmp_path, text))
    assert frame["x"].isna().sum() == 600
    assert frame["x"].sum() == sum(range(0, 900, 3))


TWO_ROWS = "Code,Session 1,,Session 2,\n,SRS,Datum,SRS,Datum\na,31,01.02.2024,35,08.02.2024\n"


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        (
            TWO_ROWS,
            ["Code", "Session 1 SRS", "Session 1 Datum", "Session 2 SRS", "Session 2 Datum"],
        ),
        (TWO_ROWS.replace("Datum,SRS,Datum", "Datum,ORS,Tag"), None),  # no word comes again
        (TWO_ROWS + "b,SRS,Datum,SRS,Datum\n", ["Code", "Session 1 SRS"]),
        ("a,,b,\n1,x,2,x\n3,x,4,x\n", None),
        ("id,,,\nu,x,y,x\nv,x,y,x\n", None),
    ],
)
def test_names_of_columns_may_stand_in_two_rows(tmp_path, text, columns):
    path = tmp_path / "a.csv"
    path.write_text(text)
    frame = al.read_table(path)
    assert frame.attrs["header_rows"] == (2 if columns else 1)
    if columns:
        assert frame.columns.tolist()[: len(columns)] == columns
        assert frame["Session 1 SRS"].iloc[0] in (31, "31")

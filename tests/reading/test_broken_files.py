"""A corpus of broken files: each gives one clear sentence, never a library's error."""

import io
import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadstat
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import alliance_stats as al
from alliance_stats.study.reading import load

ENDINGS = ("csv", "tsv", "sav", "xlsx", "parquet")


def good_bytes(folder, ending):
    path = folder / f"good.{ending}"
    frame = pd.DataFrame({"pid": [1.0, 2.0, 3.0], "wai1": [5.0, 4.0, 3.0], "t": ["a", "b", "c"]})
    if ending == "sav":
        pyreadstat.write_sav(frame, str(path))
    elif ending == "xlsx":
        frame.to_excel(path, index=False)
    elif ending == "parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if ending == "tsv" else ",")
    return path.read_bytes()


def refuse(path):
    with pytest.raises(al.AllianceStatsError) as caught:
        al.read_table(path)
    message = str(caught.value)
    assert path.name in message
    assert "\n" not in message
    assert len(message) < 400
    return message


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_empty_file(tmp_path, ending):
    path = tmp_path / f"t.{ending}"
    path.write_bytes(b"")
    assert refuse(path) == f"The file 't.{ending}' is empty."


@pytest.mark.parametrize("ending", ["sav", "xlsx", "parquet"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_truncated_file(tmp_path, ending, share):
    data = good_bytes(tmp_path, ending)
    path = tmp_path / f"cut.{ending}"
    path.write_bytes(data[: int(len(data) * share)])
    assert any(word in refuse(path) for word in ("cut off", "damaged", "cannot be read"))


@pytest.mark.parametrize("ending", ["sav", "xlsx", "parquet"])
def test_text_under_another_name(tmp_path, ending):
    path = tmp_path / f"t.{ending}"
    path.write_text("pid,wai1\n1,2\n", encoding="utf-8")
    assert "by its ending, but its content is" in refuse(path)


@pytest.mark.parametrize("ending", ["sav", "xlsx", "parquet"])
def test_another_kind_under_the_name_of_a_text_file(tmp_path, ending):
    path = tmp_path / "t.csv"
    path.write_bytes(good_bytes(tmp_path, ending))
    assert "by its ending, but its content is" in refuse(path)


def test_an_unknown_ending_and_a_missing_file(tmp_path):
    path = tmp_path / "t.docx"
    path.write_bytes(b"x")
    assert refuse(path).startswith("The file 't.docx' has the ending '.docx'; expected one of .csv")
    (tmp_path / "sessions.csv").write_text("pid\n1\n", encoding="utf-8")
    with pytest.raises(al.ReadError, match=r"There is no file .*Did you mean 'sessions\.csv'\?"):
        al.read_table(tmp_path / "sesions.csv")
    with pytest.raises(al.ReadError, match="is a folder or device"):
        al.read_table(tmp_path)


def test_a_cell_of_a_million_characters_is_named(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("pid,note\n1,ok\n2," + "x" * 1_000_000 + "\n", encoding="utf-8")
    assert refuse(path) == (
        "The cell in row 3, column 'note' of 't.csv' holds 1,000,000 characters; the most a cell "
        "may hold is 100,000. Look for a quotation mark that is opened and never closed."
    )


def test_a_quotation_mark_left_open_is_named(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('pid,note\n1,ok\n2,"open\n3,x\n4,y\n', encoding="utf-8")
    assert refuse(path) == (
        "In 't.csv' a quotation mark is opened in row 3 and never closed, so that the rest of the "
        "file is one cell. Close it, or delete it, in row 3."
    )


def test_the_wrong_encoding_is_named(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("name,x\nA,1\nMüller,5\n".encode("cp1252"))
    with pytest.raises(al.ReadError) as caught:
        al.read_table(path, encoding="utf-8")
    assert str(caught.value) == (
        "The file 't.csv' is not in the encoding utf-8: line 3 holds bytes that it does not have. "
        "Leave out encoding= to have it found, or save the file as UTF-8."
    )
    with pytest.raises(al.ReadError, match="no text encoding called 'utf-9'"):
        al.read_table(path, encoding="utf-9")


def test_zero_bytes_are_no_text(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"pid,x\n" + bytes([0, 0, 0, 0, 1, 2]) * 50)
    assert "line 2 holds the byte 0" in refuse(path)


def test_a_workbook_with_damaged_insides(tmp_path):
    good = io.BytesIO(good_bytes(tmp_path, "xlsx"))
    for victim in ("xl/workbook.xml", "xl/worksheets/sheet1.xml", "[Content_Types].xml"):
        path = tmp_path / "t.xlsx"
        with zipfile.ZipFile(good) as source, zipfile.ZipFile(path, "w") as target:
            for name in source.namelist():
                content = source.read(name)
                target.writestr(name, content[: len(content) // 2] if name == victim else content)
        assert "damaged" in refuse(path)


def test_an_archive_that_is_no_workbook(tmp_path):
    path = tmp_path / "t.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello.txt", "hello")
    assert "not an Excel workbook" in refuse(path)


def test_wrong_options_are_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("pid\n1\n", encoding="utf-8")
    with pytest.raises(al.ReadError, match=r"decimal must be '\.' or ','"):
        al.read_table(path, decimal=":")
    with pytest.raises(al.ReadError, match="delimiter must be one character"):
        al.read_table(path, delimiter="ab")
    with pytest.raises(al.ReadError, match="encoding must be a name"):
        al.read_table(path, encoding=5)
    for wrong in ("", "\n", '"', "é", "\0"):
        with pytest.raises(al.ReadError, match="delimiter must be one character"):
            al.read_table(path, delimiter=wrong)
    with pytest.raises(al.ReadError, match="no text encoding called"):
        al.read_table(path, encoding="a\0b")
    with pytest.raises(al.ReadError, match="which has none"):
        al.read_table(path, sheet="final")


EXAMPLES = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def table_or_sentence(read, path):
    """What reading gives, or the message; any other error than ours fails the test."""
    try:
        return read(path)
    except al.AllianceStatsError as error:
        return str(error) or pytest.fail("an error without a message")


@EXAMPLES
@given(data=st.binary(max_size=400), ending=st.sampled_from(ENDINGS))
def test_no_bytes_give_anything_but_a_table_or_a_sentence(tmp_path, data, ending):
    path = tmp_path / f"t.{ending}"
    path.write_bytes(data)
    outcome = table_or_sentence(al.read_table, path)
    assert isinstance(outcome, pd.DataFrame | str)


@EXAMPLES
@given(text=st.text(alphabet='ab1,;"\n\r\t .é', max_size=80))
def test_no_text_gives_anything_but_a_table_or_a_sentence(tmp_path, text):
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode("utf-8"))
    loaded = table_or_sentence(load, path)
    if not isinstance(loaded, str):
        assert len(loaded.frame) == len(loaded.rows)
        assert (loaded.rows[1:] > loaded.rows[:-1]).all()


CELL = st.one_of(
    st.integers(-99, 9999).map(str),
    st.floats(allow_nan=False, allow_infinity=False, width=32).map(str),
    st.text(alphabet='ab ,;"\nNA.é', max_size=6),
)


@EXAMPLES
@given(rows=st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=12))
def test_no_row_vanishes(tmp_path, rows):
    import csv

    path = tmp_path / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
        writer.writerow(["pid", "x", "y"])
        writer.writerows(rows)
    loaded = load(path)
    assert loaded.rows.tolist() == list(range(2, len(rows) + 2))
    assert loaded.lost_rows == 0


@EXAMPLES
@given(
    place=st.floats(0, 1, exclude_max=True),
    flip=st.integers(1, 255),
    ending=st.sampled_from(["sav", "xlsx", "parquet"]),
)
@example(place=0.779296875, flip=128, ending="sav")  # leaves a variable without a readable name
def test_a_flipped_byte_gives_a_table_or_a_sentence(tmp_path, place, flip, ending):
    whole = bytearray(good_bytes(tmp_path, ending))
    whole[int(place * len(whole))] ^= flip
    path = tmp_path / f"flipped.{ending}"
    path.write_bytes(bytes(whole))
    outcome = table_or_sentence(al.read_table, path)
    assert isinstance(outcome, pd.DataFrame | str)


def test_a_workbook_read_by_position(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["pid"])
    book.active.append([1])
    path = tmp_path / "t.xlsx"
    book.save(path)
    assert al.read_table(path, sheet=0)["pid"].tolist() == [1]


def test_a_parquet_file_whose_text_is_no_text(tmp_path):
    ends = pa.py_buffer(np.array([0, 2], dtype="int32").tobytes())
    wrong = pa.Array.from_buffers(pa.string(), 1, [None, ends, pa.py_buffer(b"\xff\xfe")])
    pq.write_table(pa.table({"pid": wrong}), tmp_path / "t.parquet")
    assert "damaged" in refuse(tmp_path / "t.parquet")


@pytest.mark.parametrize("number", [2**64 - 1, -1e308, 1e308])
def test_a_session_number_no_whole_number_can_hold_is_a_problem(tmp_path, number):
    """Warnings are errors in tests: the number must not be cast to another one."""
    frame = pd.DataFrame({"pid": ["a", "b"], "sess": [number, 1], "phq": [3.0, 4.0]})
    frame.astype({"sess": type(number) if isinstance(number, float) else "uint64"}).to_parquet(
        tmp_path / "t.parquet"
    )
    (tmp_path / "study.yaml").write_text(
        "sources:\n- file: t.parquet\n  client_id: pid\n  session: sess\n"
        "  measures: [{measure: phq-9, rater: client, score: phq}]\n",
        encoding="utf-8",
    )
    report = al.validate(tmp_path)
    assert [(p.row, p.column) for p in report.problems] == [(1, "sess")]
    draft = al.suggest_mapping(tmp_path / "t.parquet")
    open_columns = draft.tables()["not_placed"]["columns"].tolist()  # -1e308 counts no sessions
    assert "session: sess" in str(draft) or "sess" in open_columns

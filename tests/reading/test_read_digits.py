"""Files of digits are cut by NumPy: they are read as they stand, or another reader is asked."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.study.reading.digits import read_digits

WIDTH = 24


def rows_of(cells, ending="\n", last="\n"):
    """Return a file with an id and 23 columns of digits, one cell put in place of another."""
    header = ",".join(["id", *(f"q{n}" for n in range(1, WIDTH))])
    lines = [[f"c{row}", *("3" * (WIDTH - 1))] for row in range(4)]
    for (row, column), text in cells.items():
        lines[row][column] = text
    return (ending.join([header, *map(",".join, lines)]) + last).encode()


def read(data):
    sample = [line.split(",") for line in data.decode().splitlines()][1:]
    return read_digits(data, WIDTH, ",", 1, sample=sample[:2], as_words=set())


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_digits_are_read_as_they_stand(ending, last):
    data = rows_of({(2, 5): "120", (3, 5): "0", (2, 23): "17"}, ending, ending if last else "")
    columns = read(data)
    assert columns[5].numbers.tolist() == [3, 3, 120, 0]
    assert columns[23].numbers.tolist() == [3, 3, 17, 3]
    assert columns[5].numbers.dtype == np.int64
    assert columns[0].words.take(columns[0].codes.tolist()).to_pylist() == ["c0", "c1", "c2", "c3"]


def test_a_blank_cell_is_missing():
    columns = read(rows_of({(2, 5): "", (3, 23): ""}))
    assert np.isnan(columns[5].numbers).tolist() == [False, False, True, False]
    assert np.isnan(columns[23].numbers).tolist() == [False, False, False, True]


OTHERS = {
    "007": "007", "+5": 5, " 5": 5, "5 ": 5, "1.5": 1.5, "-9": -9, "1234": 1234,
    "often": "often", '"5"': 5,
}  # fmt: skip


@pytest.mark.parametrize("text", OTHERS)
def test_any_other_cell_is_left_to_the_other_readers(tmp_path, text):
    data = rows_of({(3, 7): text})
    assert read(data) is None
    (tmp_path / "f.csv").write_bytes(data)
    assert al.read_table(tmp_path / "f.csv")["q7"].tolist()[3] == OTHERS[text]


@pytest.mark.parametrize(
    "data",
    [
        rows_of({(3, 7): "1,2"}),
        rows_of({(1, 23): "3\n"}),
        rows_of({}).replace(b"c2,3,", b"c2,", 1),
        b"id,a\nc1,1\nc2,2\n",
    ],
)
def test_lines_of_another_length_are_left_to_the_other_readers(data):
    assert read(data) is None


def test_a_large_file_is_read_in_pieces_like_pandas(tmp_path):
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.integers(0, 28, (60_000, 40)), columns=[f"q{n}" for n in range(40)])
    frame = frame.mask(rng.random(frame.shape) < 0.001)
    frame.insert(0, "id", [f"ä{n}" for n in range(len(frame))])
    text = frame.to_csv(index=False, float_format="%.0f")
    assert len(text) > 1 << 22
    (tmp_path / "f.csv").write_text(text, encoding="utf-8")
    found = al.read_table(tmp_path / "f.csv")
    pd.testing.assert_frame_equal(found, frame, check_dtype=False)

"""What a file of many columns costs: work that is asked of the table, not of each column."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pytest

import alliance_stats as al
from alliance_stats.study.mapping import answers_guess
from alliance_stats.study.privacy import identifier_forms
from alliance_stats.study.reading import cells, text_files
from alliance_stats.study.validating.rules import ids

KINDS = ("3", "NA", "1,5", "word", "true", "007", "")
"""One column in seven holds each of these beside other cells."""

FUNCTIONS = ("match_substring_regex", "is_in", "cast", "utf8_lower", "utf8_trim_whitespace")


def write_wide(folder, n_columns):
    """Write a study whose file has columns of each kind, and 20 rows."""
    names = ["client", "session", *(f"v{n}" for n in range(n_columns))]
    rows = [
        [f"c{row // 4}", str(row % 4 + 1), *(KINDS[(n + row // 15) % 7] for n in range(n_columns))]
        for row in range(20)
    ]
    folder.mkdir()
    lines = [";".join(row) for row in (names, *rows)]
    (folder / "wide.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "study.yaml").write_text(
        "name: wide\nsources:\n  - {file: wide.csv, client_id: client, session: session}\n",
        encoding="utf-8",
    )
    return folder / "wide.csv"


@pytest.fixture
def calls(monkeypatch):
    """Count the calls of Arrow's functions over words."""
    counted = Counter()

    def counting(name, function):
        def call(*args, **options):
            counted[name] += 1
            return function(*args, **options)

        return call

    for name in FUNCTIONS:
        monkeypatch.setattr(cells.pc, name, counting(name, getattr(pc, name)))
    return counted


@pytest.mark.parametrize(
    "work", [al.read_table, al.suggest_mapping, lambda file: al.validate(file.parent)]
)
def test_ten_times_the_columns_ask_arrow_no_more_often(tmp_path, calls, work):
    asked = []
    for n_columns in (70, 700):
        file = write_wide(tmp_path / str(n_columns), n_columns)
        calls.clear()
        work(file)
        asked.append(dict(calls))
    assert asked[0]
    assert asked[0] == asked[1]


@pytest.mark.parametrize("most_words", [1, 5, 1 << 16])
def test_columns_read_together_are_those_read_alone(tmp_path, monkeypatch, most_words):
    monkeypatch.setattr(cells, "MOST_WORDS", most_words)
    file = write_wide(tmp_path / "study", 35)
    together = al.read_table(file)
    for name in together.columns:
        column = together[["client", name]] if name != "client" else together[["client"]]
        alone = tmp_path / "one.csv"
        lines = [line.split(";") for line in file.read_text(encoding="utf-8").splitlines()]
        at = [lines[0].index(each) for each in column.columns]
        alone.write_text(
            "".join(";".join(line[n] for n in at) + "\n" for line in lines), encoding="utf-8"
        )
        read = al.read_table(alone, delimiter=";", decimal=",")
        assert read[name].dtype == together[name].dtype, name
        assert read[name].equals(together[name]), name
        assert read.attrs["missing_words"].get(name) == together.attrs["missing_words"].get(name)


def test_text_of_many_rows_is_text_of_few(tmp_path, monkeypatch):
    from alliance_stats.study.reading import table

    file = write_wide(tmp_path / "study", 21)
    few = al.read_table(file)
    monkeypatch.setattr(table, "FEW_ROWS", 0)
    many = al.read_table(file)
    assert few.equals(many)
    assert list(few.dtypes) == list(many.dtypes)


def test_numbers_among_texts_are_told_for_all_columns_as_for_one(tmp_path):
    frame = al.read_table(write_wide(tmp_path / "study", 35))
    frame["typed"] = ["1,5", *["2"] * 19]
    frame["slip"] = ["one", *["2"] * 19]
    frame["slips"] = ["one", "two", *["2"] * 18]
    frame["nothing"] = np.nan
    found = answers_guess.number_columns(frame)
    assert found == {name for name in frame if answers_guess.number_columns(frame[[name]])}
    assert {"typed", "slip"} <= found
    assert not {"slips", "nothing", "client"} & found


def test_an_id_is_cleaned_once_however_many_rows_hold_it(tmp_path, monkeypatch):
    cleaned = Counter()
    plain_id = ids.plain_id

    def counting(text):
        cleaned[text] += 1
        return plain_id(text)

    monkeypatch.setattr(ids, "plain_id", counting)
    lines = [f"c{row % 6},t{row % 2},{row // 6 + 1}" for row in range(600)]
    text = "\n".join(["client,therapist,session", *lines]) + "\n"
    (tmp_path / "wide.csv").write_text(text, encoding="utf-8")
    (tmp_path / "study.yaml").write_text(
        "name: wide\nsources:\n  - {file: wide.csv, client_id: client, therapist_id: therapist, "
        "session: session}\n",
        encoding="utf-8",
    )
    al.open_study(tmp_path)
    assert cleaned
    assert max(cleaned.values()) <= 3  # a rule each, never a row each


def test_columns_of_a_table_share_its_notes(tmp_path):
    """Pandas copies `.attrs` with every column: a loop over them would copy all notes each time."""
    frame = al.read_table(write_wide(tmp_path / "study", 35))
    column = frame["v1"]
    assert column.attrs == frame.attrs
    assert column.attrs["missing_words"]
    for name, note in frame.attrs.items():
        assert column.attrs[name] is note or not isinstance(note, dict | list), name


def test_a_text_is_asked_once_in_however_many_columns_it_stands(tmp_path, monkeypatch):
    asked = Counter()
    has_title = identifier_forms._has_title
    monkeypatch.setattr(
        identifier_forms, "_has_title", lambda text: asked.update([text]) or has_title(text)
    )
    frame = al.read_table(write_wide(tmp_path / "study", 70))
    al.scan_identifiers(frame.drop(columns=["client"]))
    assert asked
    assert max(asked.values()) == 1


def test_columns_scanned_together_are_those_scanned_alone(tmp_path):
    frame = al.read_table(write_wide(tmp_path / "study", 35)).drop(columns=["client"])
    planted = {
        "contact": ["anna@example.org", *["none"] * 19],
        "who": ["Hartley G.", "Miller B.", "Young S.", *["Walker D."] * 17],
        "said": ["she did not want to come and was late", *[None] * 19],
        "number": [str(491711234567 + 7919 * n) for n in range(20)],
        "email": ["yes", *["no"] * 19],
        "born": ["12.03.1961", *["01.01.2020"] * 19],
        "tel": ["+49 171 1234567", *["x"] * 19],
        "town": ["Bonn", *["Kiel"] * 19],
    }
    frame = frame.assign(**planted)
    together = al.scan_identifiers(frame)
    alone = pd.concat([al.scan_identifiers(frame[[name]]) for name in frame], ignore_index=True)
    assert together.equals(alone.astype(together.dtypes))
    assert {"contact", "who", "said", "born", "tel"} <= set(together["column"])


def test_a_line_longer_than_the_sample_does_not_hide_what_stands_below(tmp_path, monkeypatch):
    names = ["client", "session", *(f"answer_{n}" for n in range(20_000))]
    lines = [",".join(names), *(",".join([f"c{n}", "1", *["3"] * 20_000]) for n in range(3))]
    file = tmp_path / "wide.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert len(lines[0]) > text_files.SAMPLE
    monkeypatch.setattr(text_files, "read_fast", None)  # the parser that costs by the column
    assert al.read_table(file)["answer_19999"].tolist() == [3, 3, 3]


def test_an_endless_line_is_not_all_taken_for_the_sample():
    endless = b"a" * (text_files.LARGEST_SAMPLE + 1)
    assert len(text_files._first_records_text(endless)) == text_files.SAMPLE

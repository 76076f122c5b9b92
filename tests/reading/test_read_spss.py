"""SPSS: labels, user-missing codes and ranges, dates and times."""

import datetime as dt
import json

import numpy as np
import pandas as pd
import pyreadstat
import pytest

import alliance_stats as al


@pytest.fixture
def sav(tmp_path):
    path = tmp_path / "sessions.sav"
    frame = pd.DataFrame(
        {
            "pid": [101.0, 101.0, 102.0, 103.0],
            "wai1": [5.0, 99.0, -9.0, np.nan],
            "wai2": [1.0, 2500.0, 3.0, -1.0],
            "note": ["a", "", "c", "d"],
            "day": [dt.date(2026, 1, 5), dt.date(1583, 1, 1), None, dt.date(2026, 1, 7)],
        }
    )
    pyreadstat.write_sav(
        frame,
        str(path),
        column_labels={"wai1": "Item 1, client"},
        variable_value_labels={"wai1": {1: "never", 5: "always", 99: "refused"}},
        missing_ranges={"wai1": [99, -9], "wai2": [{"lo": 2000, "hi": 3000}, -1]},
    )
    return path


def test_codes_stay_values_and_user_missing_is_missing(sav):
    frame = al.read_table(sav)
    assert frame["wai1"].isna().tolist() == [False, True, True, True]
    assert frame["wai2"].isna().tolist() == [False, True, False, True]
    assert frame["wai1"][0] == 5
    assert frame["pid"].tolist() == [101, 101, 102, 103]


def test_attrs_hold_the_labels_and_the_codes(sav):
    attrs = al.read_table(sav).attrs
    assert attrs["kind"] == "sav"
    assert attrs["first_row"] == 1
    assert attrs["variable_labels"] == {"wai1": "Item 1, client"}
    assert attrs["value_labels"]["wai1"][99] == "refused"
    assert sorted(attrs["user_missing"]["wai1"]) == [-9, 99]
    assert attrs["user_missing"]["wai2"] == [-1]
    assert attrs["user_missing_ranges"] == {"wai2": [[2000, 3000]]}
    assert attrs["user_missing_counts"]["wai1"] == {-9: 1, 99: 1}
    json.dumps(attrs)


def test_dates_are_dates_even_old_ones(sav):
    day = al.read_table(sav)["day"]
    assert day.dtype.kind == "M"
    assert str(day[0])[:10] == "2026-01-05"
    assert str(day[1])[:10] == "1583-01-01"
    assert day.isna().tolist() == [False, False, True, False]


def test_an_empty_text_is_missing(sav):
    note = al.read_table(sav)["note"]
    assert note.isna().tolist() == [False, True, False, False]


def test_a_truncated_file_is_refused_in_words(sav):
    data = sav.read_bytes()
    for share in (0.2, 0.5, 0.9):
        cut = sav.with_name("cut.sav")
        cut.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(al.ReadError, match=r"^The SPSS file 'cut\.sav' "):
            al.read_table(cut)

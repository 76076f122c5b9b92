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


@pytest.fixture(params=[8, 10, 12, 13, 14, 15])
def dta(tmp_path, request):
    path = tmp_path / "sessions.dta"
    frame = pd.DataFrame(
        {
            "pid": ["a", "b", "", "d"],
            "wai1": [5, "a", "z", 1],
            "wai2": [np.nan, 2.5, 3.0, np.nan],
            "day": [dt.date(2026, 1, 5), dt.date(1583, 1, 1), None, dt.date(2026, 1, 7)],
            "at": [dt.datetime(2026, 1, 5, 10, 11, 12), None, dt.datetime(1950, 1, 1), None],
        }
    )
    pyreadstat.write_dta(
        frame,
        str(path),
        version=request.param,
        column_labels={"wai1": "Item 1, client"},
        variable_value_labels={"wai1": {1: "never", 5: "always", "a": "refused"}},
        missing_user_values={"wai1": ["a", "z"]},
    )
    return path


def test_a_file_of_stata_is_read_as_one_of_spss(dta):
    frame = al.read_table(dta)
    np.testing.assert_array_equal(frame["wai1"], [5, np.nan, np.nan, 1])
    np.testing.assert_array_equal(frame["wai2"], [np.nan, 2.5, 3, np.nan])
    assert frame["pid"].isna().tolist() == [False, False, True, False]
    assert [str(day) for day in frame["day"].dt.date] == [
        "2026-01-05",
        "1583-01-01",
        "NaT",
        "2026-01-07",
    ]
    assert frame["at"].tolist()[:3:2] == [
        pd.Timestamp("2026-01-05 10:11:12"),
        pd.Timestamp("1950-01-01"),
    ]
    assert frame.attrs["kind"] == "dta"
    assert frame.attrs["first_row"] == 1
    assert frame.attrs["variable_labels"] == {"wai1": "Item 1, client"}
    assert frame.attrs["value_labels"]["wai1"] == {1: "never", 5: "always", ".a": "refused"}
    assert frame.attrs["user_missing"] == {"wai1": [".a", ".z"]}
    assert frame.attrs["user_missing_counts"] == {"wai1": {".a": 1, ".z": 1}}
    json.dumps(frame.attrs)


def test_a_truncated_file_of_stata_is_refused_in_words(dta):
    data = dta.read_bytes()
    for share in (0.2, 0.5, 0.9):
        cut = dta.with_name("cut.dta")
        cut.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(al.ReadError, match=r"^The Stata file 'cut\.dta' "):
            al.read_table(cut)


def test_a_study_for_stata_opens_again_as_it_was(tmp_path):
    study = al.simulate_study(n_therapists=2, n_clients=6, n_sites=1, seed=1)
    study.export(tmp_path / "sav", format="sav")
    study.export(tmp_path / "dta", format="dta")
    sources = "".join(
        f"- {{file: {name}.ENDING, table: {name}, missing: [-99, -999, -9999]}}\n"
        for name in study.tables
    )
    read = {}
    for ending in ("sav", "dta"):
        text = "name: again\nsources:\n" + sources.replace("ENDING", ending)
        (tmp_path / ending / "study.yaml").write_text(text, encoding="utf-8")
        read[ending] = al.open_study(tmp_path / ending)
    for name, table in read["sav"].tables.items():
        pd.testing.assert_frame_equal(read["dta"].tables[name], table)
    assert read["dta"].labels == read["sav"].labels

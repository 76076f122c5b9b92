"""Ratings in parts are validated and scored as in memory."""

import dask.dataframe as frames
import joblib
import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.errors import ColumnError, DesignError, ReadError

KEY = ["client_id", "session", "rater", "measure", "scale"]


@pytest.fixture(scope="module")
def ratings():
    """Answers in any order, with one out of range, one lacking and one twice."""
    made = al.simulate_study(
        n_therapists=4, n_clients=12, seed=1, planned_sessions=3.0, coded_share=0
    )
    rows = made.tables["ratings"].sample(frac=1.0, random_state=1, ignore_index=True)
    rows.loc[5, "value"] = 99.0
    rows.loc[7, "value"] = np.nan
    return rows


@pytest.fixture(scope="module")
def folder(ratings, tmp_path_factory):
    place = tmp_path_factory.mktemp("ratings")
    for part in range(3):  # a form's items lie in several files
        ratings.iloc[part::3].to_parquet(place / f"{part}.parquet")
    return place


def read(place):
    whole = pd.concat([pd.read_parquet(path) for path in sorted(place.glob("*.parquet"))])
    return whole.sort_values(KEY, ignore_index=True)


@pytest.mark.parametrize("how", ["folder", "joblib", "dask", "one piece"])
def test_scores_are_those_of_all_answers_together(how, ratings, folder, tmp_path):
    given = frames.from_pandas(ratings, npartitions=4) if how == "dask" else folder
    backend = joblib.parallel_config("threading", n_jobs=2 if how == "joblib" else 1)
    with backend:
        found = al.score_partitions(
            given, tmp_path / "scores", pieces=1 if how == "one piece" else None
        )
    expected = al.score(ratings)
    pd.testing.assert_frame_equal(
        read(tmp_path / "scores"), expected.sort_values(KEY, ignore_index=True), check_dtype=False
    )
    pieces = len(list((tmp_path / "scores").iterdir()))
    assert pieces == (1 if how == "one piece" else 4 if how == "dask" else 3)
    assert found["forms"].sum() == len(expected)
    assert found["scored"].sum() == expected["score"].notna().sum()
    (issue,) = found.attrs["issues"]
    assert (issue["rule"], issue["level"], issue["problems"]) == ("out_of_range", "error", 1)
    assert found.attrs["rows"] == {
        "rows_in": len(ratings),
        "rows_kept": len(ratings),
        "rows_set_aside": 0,
    }
    assert [path.name for path in tmp_path.iterdir()] == ["scores"]  # no scratch is left


def test_answers_that_cannot_be_used_are_counted_and_no_reason_to_stop(ratings, tmp_path):
    odd = pd.concat([ratings, ratings.iloc[[0]]], ignore_index=True)
    odd["measure"] = odd["measure"].where(odd.index != 3, "of-our-own")
    odd["client_id"] = odd["client_id"].where(odd.index != 4, None)
    (tmp_path / "in").mkdir()
    odd.to_parquet(tmp_path / "in" / "a.parquet")
    found = al.score_partitions(tmp_path / "in", tmp_path / "out")
    rules = {one["rule"] for one in found.attrs["issues"]}
    assert {"out_of_range", "unknown_measure"} <= rules
    assert len(rules) >= 4
    assert len(read(tmp_path / "out"))


def test_what_cannot_be_scored_in_parts(ratings, folder, tmp_path):
    (tmp_path / "in").mkdir()
    ratings.drop(columns="item").to_parquet(tmp_path / "in" / "a.parquet")
    with pytest.raises(ColumnError, match="lack the column item; one row an answer has"):
        al.score_partitions(tmp_path / "in", tmp_path / "out")
    with pytest.raises(DesignError, match="is there and not empty"):
        al.score_partitions(folder, tmp_path / "in")
    with pytest.raises(ReadError, match="does not exist"):
        al.score_partitions(tmp_path / "none", tmp_path / "out")


def test_a_file_without_a_column_is_named(ratings, tmp_path):
    (tmp_path / "in").mkdir()
    ratings.iloc[::2].drop(columns="session").to_parquet(tmp_path / "in" / "0.parquet")
    ratings.iloc[1::2].to_parquet(tmp_path / "in" / "1.parquet")
    found = al.score_partitions(tmp_path / "in", tmp_path / "out")
    (said,) = found.attrs["without"]
    assert said.startswith("'session' is no column of '0.parquet'")

"""Lags by session number, never by row."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alliance_stats as al


@pytest.fixture
def sessions():
    """Client a lacks session 3 and 6 to 8; the rows are in no order."""
    return pd.DataFrame(
        {
            "client_id": ["a", "b", "a", "a", "b", "a", "a"],
            "session": [4, 2, 1, 2, 1, 5, 9],
            "bond": [40.0, -2.0, 10.0, 20.0, -1.0, 50.0, 90.0],
        },
        index=list("qwertyu"),
    )


def lagged_values(data, **arguments):
    k = arguments.get("k", 1)
    return al.lag(data, "bond", **arguments)[f"bond_lag{k}"].tolist()


def test_a_session_not_observed_has_no_stand_in(sessions):
    expected = [np.nan, -1, np.nan, 10, np.nan, 40, np.nan]
    assert lagged_values(sessions) == pytest.approx(expected, nan_ok=True)


def test_order_index_and_input_are_kept(sessions):
    before = sessions.copy()
    lagged = al.lag(sessions, "bond")
    assert list(lagged.index) == list("qwertyu")
    pd.testing.assert_frame_equal(lagged[sessions.columns], before)
    pd.testing.assert_frame_equal(sessions, before)
    assert sessions.attrs == {}


def test_two_sessions_back(sessions):
    expected = [20, np.nan, np.nan, np.nan, np.nan, np.nan, np.nan]
    assert lagged_values(sessions, k=2) == pytest.approx(expected, nan_ok=True)


def test_max_gap_takes_the_nearest_observed_session_within_reach(sessions):
    within_two = [20, -1, np.nan, 10, np.nan, 40, np.nan]
    assert lagged_values(sessions, max_gap=2) == pytest.approx(within_two, nan_ok=True)
    assert lagged_values(sessions, max_gap=4)[-1] == 50
    at_least_two = [20, np.nan, np.nan, np.nan, np.nan, 20, np.nan]
    assert lagged_values(sessions, k=2, max_gap=3) == pytest.approx(at_least_two, nan_ok=True)


def test_max_gap_of_k_is_the_default(sessions):
    default, same = lagged_values(sessions), lagged_values(sessions, max_gap=1)
    assert default == pytest.approx(same, nan_ok=True)


def test_the_report_counts_every_row_once(sessions):
    report = al.lag(sessions, "bond").attrs["lag_report"]
    assert report == {
        "rows": 7,
        "with_predecessor": 3,
        "no_id_or_session": 0,
        "first_session": 2,
        "previous_session_not_observed": 2,
        "gap_too_long": 0,
        "share_lost": pytest.approx(4 / 7),
        "predecessor_value_missing": {"bond": 0},
        "share_lost_by_column": {"bond": pytest.approx(4 / 7)},
    }
    reached = al.lag(sessions, "bond", max_gap=3).attrs["lag_report"]
    assert (reached["with_predecessor"], reached["gap_too_long"]) == (4, 1)


def test_the_record_says_it_in_words(sessions):
    message = al.lag(sessions, "bond").attrs["preparation"][-1]["message"]
    assert message == (
        "bond_lag1: the value of session 1 back; 3 of 7 rows have such a session, 4 (57.1%) do not "
        "(2 no session so early; 2 that session not observed)."
    )


def test_a_missing_earlier_value_is_counted_apart(sessions):
    holes = sessions.assign(bond=[40.0, -2, 10, 20, np.nan, 50, 90])
    lagged = al.lag(holes, "bond")
    assert np.isnan(lagged["bond_lag1"]["w"])
    assert lagged.attrs["lag_report"]["predecessor_value_missing"] == {"bond": 1}
    assert lagged.attrs["lag_report"]["with_predecessor"] == 3
    assert lagged.attrs["lag_report"]["share_lost_by_column"] == {"bond": pytest.approx(5 / 7)}


def test_rows_without_id_or_number_are_kept_and_counted(sessions):
    holes = sessions.assign(
        client_id=["a", "b", None, "a", "b", "a", "a"], session=[4, np.nan, 1, 2, 1, 5, 9]
    )
    lagged = al.lag(holes, "bond")
    assert len(lagged) == 7
    assert lagged["bond_lag1"].notna().sum() == 1
    assert lagged.attrs["lag_report"]["no_id_or_session"] == 2


def test_two_raters_are_two_series():
    ratings = pd.DataFrame(
        {"client_id": "a", "rater": list("ctct"), "session": [1, 1, 2, 2], "bond": [1.0, 2, 3, 4]}
    )
    lagged = al.lag(ratings, "bond", by=["client_id", "rater"])
    assert lagged["bond_lag1"].tolist()[2:] == [1, 2]
    with pytest.raises(al.DesignError, match="or add rater to `by`"):
        al.lag(ratings, "bond")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pd.Series([1, 2, 3]), pd.Series([np.nan, 1, 2])),
        (pd.Series([True, False, True]), pd.Series([np.nan, 1, 0])),
        (pd.Series(["low", "high", "low"]), pd.Series([np.nan, "low", "high"])),
        (pd.Series(list("lhl"), dtype="category"), pd.Series([None, "l", "h"], dtype="category")),
        (pd.Series([1, None, 3], dtype="Int64"), pd.Series([None, 1, None], dtype="Int64")),
        (pd.Series(pd.to_datetime(["2020-01-01", "2020-01-08", "2020-01-15"])), None),
    ],
)
def test_any_kind_of_column_can_be_lagged(values, expected):
    data = pd.DataFrame({"client_id": "a", "session": [1, 2, 3], "x": values})
    lagged = al.lag(data, "x")["x_lag1"]
    # three adjacent sessions of one client: here a shift by row is right
    expected = values.shift() if expected is None else expected
    pd.testing.assert_series_equal(lagged, expected, check_names=False)


@st.composite
def courses(draw):
    keys = draw(st.sets(st.tuples(st.integers(0, 3), st.integers(-3, 12)), max_size=30))
    rows = draw(st.permutations(sorted(keys)))
    data = pd.DataFrame(rows, columns=["client_id", "session"]).astype("int64")
    return data.assign(x=np.arange(len(data), dtype=float))


@given(courses(), st.integers(1, 3), st.none() | st.integers(0, 4))
def test_the_lag_is_what_a_search_row_by_row_finds(data, k, further):
    max_gap = None if further is None else k + further
    lagged = al.lag(data, "x", k=k, max_gap=max_gap)
    value = {(row.client_id, row.session): row.x for row in data.itertuples()}
    for row in lagged.itertuples():
        reach = range(k, (k if max_gap is None else max_gap) + 1)
        found = [
            value[row.client_id, row.session - b]
            for b in reach
            if (row.client_id, row.session - b) in value
        ]
        expected = found[0] if found else np.nan
        assert getattr(row, f"x_lag{k}") == pytest.approx(expected, nan_ok=True)
    report = lagged.attrs["lag_report"]
    reasons = ["no_id_or_session", "first_session", "previous_session_not_observed", "gap_too_long"]
    assert report["with_predecessor"] + sum(report[reason] for reason in reasons) == len(data)


@given(courses(), st.randoms())
def test_the_order_of_rows_does_not_matter(data, random):
    order = list(range(len(data)))
    random.shuffle(order)
    shuffled = al.lag(data.iloc[order], "x").sort_index()["x_lag1"]
    pd.testing.assert_series_equal(shuffled, al.lag(data, "x")["x_lag1"])


# --- errors, by their text -------------------------------------------------------------------


def test_repeated_sessions_are_named(sessions):
    twice = sessions.assign(session=[4, 2, 1, 2, 2, 5, 5])
    with pytest.raises(
        al.DesignError, match=r"2 rows repeat one \(first: a session 5; b session 2"
    ):
        al.lag(twice, "bond")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"columns": "bnd"}, "Did you mean 'bond'"),
        ({"columns": "bond", "by": "client"}, "Did you mean 'client_id'"),
        ({"columns": "bond", "time": "sessions"}, "Did you mean 'session'"),
        ({"columns": "bond", "time": "client_id"}, "'client_id' must hold numbers"),
        ({"columns": "bond", "k": 0}, "1 or more; it is 0. To look ahead"),
        ({"columns": "bond", "k": 1.5}, "1 or more; it is 1.5"),
        ({"columns": "bond", "k": 3, "max_gap": 2}, "at least k = 3; it is 2"),
        ({"columns": "bond", "time": "part"}, "whole session numbers; 7 rows hold others, such as"),
        ({"columns": "bond", "time": "code"}, "cannot be counts of sessions"),
    ],
)
def test_what_cannot_be_done_is_said(sessions, arguments, message):
    data = sessions.assign(part=sessions["session"] + 0.5, code=sessions["session"] * 1e18)
    with pytest.raises(al.ColumnError, match=message):
        al.lag(data, **arguments)


def test_columns_are_replaced_only_on_request(sessions):
    once = al.lag(sessions, "bond")
    with pytest.raises(al.ColumnError, match="already have the column bond_lag1; drop or rename"):
        al.lag(once, "bond")
    again = al.lag(once, "bond", replace=True)
    pd.testing.assert_series_equal(again["bond_lag1"], once["bond_lag1"])


def test_an_empty_table_has_an_empty_lag(sessions):
    empty = al.lag(sessions.iloc[:0], "bond")
    assert empty["bond_lag1"].empty
    assert empty.attrs["lag_report"]["rows"] == 0

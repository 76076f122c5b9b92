"""Sudden gains: planted ones are found, and courses that are none are refused or counted."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al


def course(*scores, first=1, client="c"):
    numbers = range(first, first + len(scores))
    return pd.DataFrame({"client_id": client, "session": list(numbers), "score": scores})


def test_planted_gains_are_found_and_no_others():
    """A quiet course falls by 12 once: noise of SD 0.5 makes no second gain of 7 points."""
    rng = np.random.default_rng(12)
    parts, truth = [], {}
    for client in range(40):
        level = np.full(12, 30.0)
        if client % 2:
            truth[client] = at = int(rng.integers(3, 9))
            level[at:] -= 12
        parts.append(course(*(level + rng.normal(0, 0.5, 12)), client=client))
    found = al.sudden_gains(pd.concat(parts, ignore_index=True), points=7)
    assert dict(zip(found["client_id"], found["session_before"], strict=True)) == truth


@pytest.mark.parametrize(
    ("sessions", "said"),
    [
        ([1, 1.5, 2, 3, 4, 5], r"whole numbers; rows 1 .*1\.5"),
        (["1", "two", "3", "4", "5", "6"], "'session'.*finite numbers.*first value 'two'"),
        ([1, np.inf, 3, 4, 5, 6], "'session'.*finite numbers"),
        ([dt.datetime(2020, 1, day) for day in range(1, 7)], "'session'.*finite numbers"),
    ],
)
def test_sessions_that_are_no_count_are_refused(sessions, said):
    frame = course(30.0, 31, 30, 18, 17, 18).assign(session=sessions)
    with pytest.raises(al.ColumnError, match=said):
        al.sudden_gains(frame, points=7)


def test_rows_without_client_session_or_score_are_counted():
    frame = course(30.0, 31, 30, 18, 17, 18, np.nan).astype({"client_id": object})
    more = pd.concat([frame, course(9.0, 8, client=None), course(5.0).assign(session=np.nan)])
    account = al.sudden_gains(more, points=7).attrs["sudden_gains"]
    assert account["rows_without_client_or_session"] == 3
    assert account["rows_without_score"] == 1
    assert account["clients"] == 1


def test_a_session_number_that_is_a_slip_costs_no_memory():
    frame = course(30.0, 31, 30, 18, 17, 18)
    frame.loc[5, "session"] = 300_000_000
    found = al.sudden_gains(frame, points=7)
    assert len(found) == 1
    assert found.attrs["sudden_gains"]["pairs"] == 299_999_999


def test_a_gain_of_exactly_the_limit_counts_whatever_floats_make_of_it():
    for low in (0.1, 0.2, 0.3, 0.7):
        high = low + 0.3  # in floats a little more or less than .3 apart
        frame = course(high, high, high, low, low, low)
        assert len(al.sudden_gains(frame, points=0.3, percent=0)) == 1
    lasting = course(*[0.1 + 0.2] * 3, *[0.3] * 3)  # 0.30000000000000004 falls to 0.3
    assert al.sudden_gains(lasting, points=1e-20, percent=0).empty


def test_a_percent_below_one_is_a_slip():
    with pytest.raises(al.DesignError, match="write 25 for 25 %"):
        al.sudden_gains(course(30.0, 31, 30, 18, 17, 18), points=7, percent=0.25)
    with pytest.raises(al.DesignError, match="points must be above 0"):
        al.sudden_gains(course(30.0, 31), points="7")

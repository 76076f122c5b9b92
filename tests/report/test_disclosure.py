"""The ledger of what was shown: no sum of it comes down to fewer than five people."""

import itertools

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from alliance_stats.core.disclosure import OTHERS, Disclosure
from alliance_stats.core.precision import blurred
from alliance_stats.report.sections import data

PEOPLE = range(10)


def spans_few(groups):
    """Return whether a vector of ones over one to four people lies in the span of the groups."""
    matrix = np.array([[one in group for one in PEOPLE] for group in groups], dtype=float)
    few = [set(c) for n in (1, 2, 3, 4) for c in itertools.combinations(PEOPLE, n)]
    wanted = np.array([[one in group for one in PEOPLE] for group in few], dtype=float)
    found = np.linalg.lstsq(matrix.T, wanted.T, rcond=None)[0]
    return (np.linalg.norm(matrix.T @ found - wanted.T, axis=0) < 1e-6).any()


def comes_down_to_few(groups):
    """Return whether some weighted sum of the groups is about one to four people."""
    matrix = np.array([[one in group for one in PEOPLE] for group in groups], dtype=float)
    whole = np.linalg.matrix_rank(matrix)
    return any(
        np.linalg.matrix_rank(np.delete(matrix, few, axis=1)) < whole
        for n in (1, 2, 3, 4)
        for few in itertools.combinations(PEOPLE, n)
    )


@given(st.lists(st.frozensets(st.sampled_from(PEOPLE), min_size=1), min_size=1, max_size=7))
@settings(max_examples=25, deadline=None)
def test_what_is_shown_spans_no_few_people_and_what_is_refused_would(asked):
    disclosure = Disclosure(PEOPLE)
    shown = [frozenset(PEOPLE)]
    for group in asked:
        if disclosure.shows(group):
            shown.append(group)
            assert not spans_few(shown)
        else:
            assert comes_down_to_few([*shown, group])


def test_a_complement_of_few_is_not_shown_nor_a_step_of_a_curve():
    shown = Disclosure(range(60))
    assert not shown.shows(range(57))
    assert shown.shows(range(50))
    assert not shown.shows(range(47))
    assert shown.shows(range(45))


def test_a_complement_of_few_is_not_shown_in_a_large_ledger_either():
    shown = Disclosure(range(320))
    random = np.random.default_rng(1)
    for _ in range(40):
        shown.shows(np.flatnonzero(random.random(320) < 0.5).tolist())
    assert not shown.shows(range(316))
    assert shown.shows(range(160))
    assert not shown.shows(range(164))
    assert not shown.shows(range(157))


def test_two_tables_are_held_against_each_other():
    shown = Disclosure(range(60))
    assert shown.shows(range(30))
    assert shown.shows(range(20, 50))
    assert not shown.shows(range(33, 60))  # 0-29 and 33-59 leave 30, 31, 32 of everybody


def test_nobody_and_what_is_known_already_are_shown():
    shown = Disclosure(range(60))
    assert shown.shows([])
    assert shown.shows(range(40))
    assert shown.shows(range(40, 60))


def test_all_of_several_groups_are_shown_or_none():
    shown = Disclosure(range(60))
    assert not shown.shows(range(30), range(28))
    assert shown.shows(range(28))  # the thirty were not shown


def test_rare_parts_are_put_together_with_the_next_smallest():
    shown = Disclosure(range(60))
    parts = shown.parts(
        {"a": range(40), "b": range(40, 52), "c": range(52, 57), "d": range(57, 60)}
    )
    assert {name: len(group) for name, group in parts.items()} == {"a": 40, "b": 12, OTHERS: 8}
    assert Disclosure(range(60)).parts({"a": range(40), "b": range(40, 60), "c": []}) == {
        "a": frozenset(range(40)), "b": frozenset(range(40, 60)), "c": frozenset(),
    }  # fmt: skip


def test_a_part_that_is_missed_least_takes_the_rare_ones():
    groups = {"better": range(20), "worse": range(20, 22), "same": range(22, 60)}
    parts = Disclosure(range(60)).parts(groups, last="same")
    assert {name: len(group) for name, group in parts.items()} == {"better": 20, OTHERS: 40}


def test_a_number_of_rows_needs_five_people_and_five_rows_of_difference():
    rows = pd.DataFrame({"client_id": np.repeat(range(20), 5), "session": list(range(5)) * 20})
    shown = Disclosure(range(20))
    assert shown.shows_rows(rows)
    assert not shown.shows_rows(rows.iloc[:-3], over=range(20))
    assert shown.shows_rows(rows.iloc[:-5], over=range(20))
    assert not shown.shows_rows(rows[rows["client_id"] < 4], over=range(20))


def test_the_size_in_words_tells_no_more_than_may_be_shown():
    shown = Disclosure(range(60))
    assert shown.people(range(60), "client") == "60 clients"
    assert shown.people(range(57), "client") == "more than 50 clients"
    for few in (0, 3):  # else what is not "0 clients" would be one to four
        assert shown.people(range(few), "client") == "few or no clients"


def test_a_model_of_withheld_size_has_no_df_and_no_digits_that_give_it():
    row = pd.DataFrame(
        {"estimate": [0.123456], "df": [57.3], "statistic": [2.1], "p_value": [3e-9]}
    )
    shown = blurred(row).iloc[0]
    assert shown["estimate"] == 0.123
    assert shown[["df", "statistic", "p_value"]].isna().all()


def test_of_a_correlation_of_withheld_size_the_interval_is_gone_whose_width_gives_it():
    ends = {"conf_low": [0.1, 0.1, 0.1], "conf_high": [0.9, 0.9, 0.9]}
    rows = pd.DataFrame({"term": ["r_between", "mean_gap", "sd_gap"], "estimate": 0.7, **ends})
    assert blurred(rows)["conf_low"].isna().tolist() == [True, False, False]
    assert blurred(rows, spread=False)["estimate"].isna().tolist() == [False, False, True]


def test_the_owner_of_the_data_may_see_everything():
    owner = Disclosure(range(7), everything=True)
    assert owner.shows(range(6))
    assert owner.shows(range(1))
    assert owner.people(range(2), "client") == "2 clients"
    assert owner.parts({"a": [1], "b": [2, 3]}) == {"a": {1}, "b": {2, 3}}
    owner.require([1], "clients came")
    assert not owner.withheld


def test_rows_of_occasions_are_counted_only_where_the_people_at_each_may_be():
    """Thirteen rows of seven clients, before and after: one of them has no second score."""
    rows = pd.DataFrame(
        {"client_id": [*range(7), *range(6)], "occasion": ["pre"] * 7 + ["post"] * 6}
    )
    assert not Disclosure(range(7)).shows_occasions(rows)
    assert Disclosure(range(7)).shows_occasions(rows[rows["occasion"] == "pre"])
    disclosure = Disclosure(range(7))
    assert not data._tells_no_few(disclosure, rows)
    assert data._tells_no_few(disclosure, rows.rename(columns={"occasion": "week"}))


def test_a_mean_of_one_score_each_is_rounded_until_it_may_be_of_any_number():
    tidy = pd.DataFrame({"term": ["mean_gap", "change"], "estimate": [-0.2463, -0.2463],
                         "conf_low": [-0.5, -0.5], "conf_high": [0.013, 0.013]})  # fmt: skip
    several, one_each = blurred(tidy), blurred(tidy, unit=1 / 12)
    assert several["estimate"].tolist() == [-0.246, -0.246]
    assert one_each["estimate"].round(9).tolist() == [-0.24, -0.246]
    assert one_each["conf_high"].round(9).tolist() == [0.02, 0.013]

"""The ledger of what was shown: no sum of it comes down to fewer than ten people."""

import itertools

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from alliance_stats.core.disclosure import OTHERS, Disclosure, in_tens
from alliance_stats.core.precision import coarse, for_page

PEOPLE = range(10)
"""Each stands for three people whom everything treats alike, so that four are no few."""
FEW = (1, 2, 3)


def three_each(group):
    return [(one, of) for one in group for of in range(3)]


def spans_few(groups):
    """Return whether a vector of ones over few people lies in the span of the groups."""
    matrix = np.array([[one in group for one in PEOPLE] for group in groups], dtype=float)
    few = [set(c) for n in FEW for c in itertools.combinations(PEOPLE, n)]
    wanted = np.array([[one in group for one in PEOPLE] for group in few], dtype=float)
    found = np.linalg.lstsq(matrix.T, wanted.T, rcond=None)[0]
    return (np.linalg.norm(matrix.T @ found - wanted.T, axis=0) < 1e-6).any()


def comes_down_to_few(groups):
    """Return whether some weighted sum of the groups is about few people."""
    matrix = np.array([[one in group for one in PEOPLE] for group in groups], dtype=float)
    whole = np.linalg.matrix_rank(matrix)
    return any(
        np.linalg.matrix_rank(np.delete(matrix, few, axis=1)) < whole
        for n in FEW
        for few in itertools.combinations(PEOPLE, n)
    )


@given(st.lists(st.frozensets(st.sampled_from(PEOPLE), min_size=1), min_size=1, max_size=7))
@settings(max_examples=25, deadline=None)
def test_what_is_shown_spans_no_few_people_and_what_is_refused_would(asked):
    disclosure = Disclosure(three_each(PEOPLE))
    shown = [frozenset(PEOPLE)]
    for group in asked:
        if disclosure.shows(three_each(group)):
            shown.append(group)
            assert not spans_few(shown)
        else:
            assert comes_down_to_few([*shown, group])


def test_a_complement_of_few_is_not_shown_nor_a_step_of_a_curve():
    shown = Disclosure(range(60))
    assert not shown.shows(range(51))
    assert shown.shows(range(50))
    assert not shown.shows(range(41))
    assert shown.shows(range(40))


def test_a_complement_of_few_is_not_shown_in_a_large_ledger_either():
    shown = Disclosure(range(320))
    random = np.random.default_rng(1)
    for _ in range(40):
        shown.shows(np.flatnonzero(random.random(320) < 0.5).tolist())
    assert not shown.shows(range(311))
    assert shown.shows(range(160))
    assert not shown.shows(range(169))
    assert not shown.shows(range(151))


def test_a_statistic_stands_beside_others_of_the_same_values_only():
    shown = Disclosure(range(25))
    assert shown.states(range(24), "core-10 pre")  # whose number is not told
    assert not shown.shows(range(24))
    assert not shown.states(range(22), "core-10 pre")  # two would be left
    assert shown.states(range(22), "core-10 post")
    assert not shown.states(range(9), "age")
    assert not shown.states([], "age")
    assert shown.withheld


def test_nothing_is_told_of_fewer_than_ten():
    assert Disclosure(range(9)).tells_nothing
    assert Disclosure([]).tells_nothing
    assert Disclosure(range(12), persons={one: one % 7 for one in range(12)}).tells_nothing
    assert not Disclosure(range(10)).tells_nothing
    assert not Disclosure(range(9), everything=True).tells_nothing


def test_rows_are_told_in_tens():
    assert [in_tens(n) for n in (238, 236, 230, 10)] == [240, 240, 230, 10]
    assert np.isnan([in_tens(n) for n in (9, 1, 0)]).all()


def test_two_tables_are_held_against_each_other():
    shown = Disclosure(range(60))
    assert shown.shows(range(30))
    assert shown.shows(range(20, 50))
    assert not shown.shows(range(36, 60))  # 0-29 and 36-59 leave 30 to 35 of everybody


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
        {"a": range(30), "b": range(30, 48), "c": range(48, 57), "d": range(57, 60)}
    )
    assert {name: len(group) for name, group in parts.items()} == {"a": 30, "b": 18, OTHERS: 12}
    assert Disclosure(range(60)).parts({"a": range(40), "b": range(40, 60), "c": []}) == {
        "a": frozenset(range(40)), "b": frozenset(range(40, 60)), "c": frozenset(),
    }  # fmt: skip


def test_a_part_that_is_missed_least_takes_the_rare_ones():
    groups = {"better": range(20), "worse": range(20, 22), "same": range(22, 60)}
    parts = Disclosure(range(60)).parts(groups, last="same")
    assert {name: len(group) for name, group in parts.items()} == {"better": 20, OTHERS: 40}


def test_a_number_of_rows_needs_ten_people_and_ten_rows_of_difference():
    rows = pd.DataFrame({"client_id": np.repeat(range(20), 5), "session": list(range(5)) * 20})
    shown = Disclosure(range(20))
    assert shown.shows_rows(rows)
    assert not shown.shows_rows(rows.iloc[:-9], over=range(20))
    assert shown.shows_rows(rows.iloc[:-10], over=range(20))
    assert not shown.shows_rows(rows[rows["client_id"] < 9], over=range(20))


def test_the_size_in_words_tells_no_more_than_may_be_shown():
    shown = Disclosure(range(60))
    assert shown.people(range(60), "client") == "60 clients"
    assert shown.people(range(57), "client") == "more than 40 clients"
    assert shown.people(range(12), "client") == "12 clients"
    assert shown.people(range(13), "client") == "ten or more clients"
    for few in (0, 9):  # else what is not "0 clients" would be one to nine
        assert shown.people(range(few), "client") == "few or no clients"


def test_a_model_of_withheld_size_has_no_df_and_no_digits_that_give_it():
    row = pd.DataFrame(
        {"effect": ["fixed"], "term": ["Intercept"], "estimate": [0.123456], "df": [57.3],
         "statistic": [2.1], "p_value": [3e-9], "std_error": [0.01], "conf_low": [0.1035],
         "conf_high": [0.1435]}
    )  # fmt: skip
    shown = for_page(row, "MultilevelFit", 40).iloc[0]
    assert shown["estimate"] == 0.125  # half the interval is 0.02, a fifth of it 0.004
    assert shown[["df", "statistic", "p_value", "std_error"]].isna().all()


def test_of_a_correlation_of_withheld_size_the_interval_is_gone_whose_width_gives_it():
    ends = {"conf_low": [0.1, 0.1, 0.1], "conf_high": [0.9, 0.9, 0.9]}
    rows = pd.DataFrame({"effect": "fixed", "term": ["r_between", "mean_gap", "cor Intercept x"],
                         "estimate": 0.7, **ends})  # fmt: skip
    assert for_page(rows, "Any", 40)["conf_low"].isna().tolist() == [True, False, True]


def test_a_coarse_mean_may_be_of_any_number_of_people():
    course = pd.DataFrame({"n": [24, 24], "sd": 5.7, "mean": 23.43, "conf_low": 21.1,
                           "conf_high": 25.76})  # fmt: skip
    shown = coarse(course, [True, False])
    assert shown["mean"].tolist() == [23.5, 23.43]
    assert shown["conf_low"].tolist() == [21.0, 21.1]
    assert shown[["n", "sd"]].isna().all(axis=1).tolist() == [True, False]


def test_the_owner_of_the_data_may_see_everything():
    owner = Disclosure(range(7), everything=True)
    assert owner.shows(range(6))
    assert owner.shows(range(1))
    assert owner.people(range(2), "client") == "2 clients"
    assert owner.parts({"a": [1], "b": [2, 3]}) == {"a": {1}, "b": {2, 3}}
    owner.require([1], "clients came")
    assert not owner.withheld


def test_a_total_less_any_of_its_parts_is_not_few_in_whatever_ways_the_few_are_treated():
    shown = Disclosure(range(60))
    random = np.random.default_rng(3)
    for _ in range(12):  # by then the six who are left are treated in six ways
        shown.shows(np.flatnonzero(random.random(60) < 0.5).tolist())
    assert shown.shows(range(34))
    assert not shown.shows(range(34, 54))


def test_a_part_that_follows_from_others_is_held_against_later_ones():
    shown = Disclosure(range(400))
    random = np.random.default_rng(3)
    for _ in range(12):
        shown.shows(np.flatnonzero(random.random(400) < 0.5).tolist())
    arms = [[*range(12)], [*range(200, 212)]]
    assert shown.shows(range(200), range(12, 200), range(212, 400))
    assert shown.shows(*arms)
    assert not shown.shows([*arms[0][2:], *arms[1][3:]])


def test_what_two_parts_that_fill_a_whole_share_is_not_few():
    shown = Disclosure(range(200))
    assert shown.shows(range(100))
    assert not shown.shows(range(96, 200))
    assert shown.shows(range(90, 200))


def test_events_beyond_one_each_are_held_to_ten_where_who_has_one_is_told():
    def ruptures(more):
        clients = [*range(28), *range(more)]
        return pd.DataFrame({"client_id": clients, "session": range(len(clients))})

    for more, told in ((0, True), (7, False), (10, True)):
        shown = Disclosure(range(42))
        assert shown.shows_rows(ruptures(more), over=range(42), events=True) is told


def test_of_fewer_than_twenty_not_even_the_size_of_the_size_is_told():
    shown = Disclosure(range(12))
    assert {shown.people(range(n), "client") for n in (0, 2, 11)} == {
        "a withheld number of clients"
    }

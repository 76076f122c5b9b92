"""Counts of one to four people are not shown, nor can they be told from what is."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from alliance_stats.report import columns as col
from alliance_stats.report.content import Table
from alliance_stats.report.suppression import hidden_cells, is_small, suppress
from alliance_stats.report.tables import cells


def test_one_to_four_is_small_and_zero_is_not():
    assert [is_small(n) for n in (0, 1, 4, 5, float("nan"), None)] == [
        False, True, True, False, False, False,
    ]  # fmt: skip


def test_a_single_small_cell_takes_the_next_smallest_with_it():
    assert hidden_cells([3, 50, 9, 0]).tolist() == [True, False, True, False]


def test_without_a_total_only_the_small_cell_is_hidden():
    assert hidden_cells([3, 50, 9], sums_to_total=False).tolist() == [True, False, False]


def test_two_ones_would_be_told_by_their_sum():
    assert hidden_cells([1, 1, 30, 8]).tolist() == [True, True, False, True]


@given(st.lists(st.integers(0, 60), min_size=1, max_size=8))
def test_hidden_cells_have_more_than_one_solution(counts):
    hidden = hidden_cells(counts)
    values = np.array(counts)
    assert not ((values > 0) & (values < 5) & ~hidden).any()
    if hidden.any() and (values > 0).sum() > 1 and not hidden.all():
        assert hidden.sum() > 1
    if hidden.sum() == 2 and (values[hidden] < 5).all() and not hidden[values > 0].all():
        assert 2 < values[hidden].sum() < 8


def test_what_was_computed_from_a_hidden_count_goes_too_and_the_page_says_less_than_five():
    frame = pd.DataFrame({"kind": ["a", "b", "c"], "n": [2, 40, 8], "share": [0.04, 0.8, 0.16]})
    hidden = suppress(frame, "n", also=["share"])
    assert hidden["share"].isna().tolist() == [True, False, True]
    table = Table(
        "t",
        "T",
        hidden,
        (col.text("kind", "Kind"), col.count("n", "n"), col.percent("share", "Share")),
        how="",
    )
    assert cells(table).to_numpy().tolist() == [
        ["a", "< 5", "–"],
        ["b", "40", "80.0%"],
        ["c", "withheld", "–"],
    ]
    assert frame["n"].tolist() == [2, 40, 8]  # the input is untouched


def test_groups_are_judged_each_by_its_own_total():
    frame = pd.DataFrame({"of": ["x", "x", "y", "y"], "n": [2, 30, 20, 30]})
    hidden = suppress(frame, "n", within=["of"])["suppressed"]
    assert hidden.tolist() == ["small", "withheld", "", ""]

"""Numbers are written as APA asks."""

import math

import pandas as pd
import pytest

from alliance_stats.core.display import formatting as fmt
from alliance_stats.errors import plural


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.04239, ".042"),
        (0.0009999, "< .001"),
        (0.001, ".001"),
        (0.0, "< .001"),
        (0.5, ".500"),
        (0.9991, "> .999"),
        (1.0, "> .999"),
        (float("nan"), "–"),
        (None, "–"),
    ],
)
def test_a_p_value_has_three_decimals_and_no_leading_zero(p, text):
    assert fmt.p_value(p) == text


def test_what_is_no_probability_is_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        fmt.p_value(1.2)


def test_a_p_value_in_a_sentence_is_never_broken_over_a_line():
    assert fmt.p_sentence(0.2) == "p\u00a0=\u00a0.200"
    assert fmt.p_sentence(1e-9) == "p\u00a0<\u00a0.001"


@pytest.mark.parametrize(
    ("value", "digits", "bounded", "text"),
    [
        (0.304, 2, False, "0.30"),
        (0.304, 2, True, ".30"),
        (-0.304, 2, True, "−.30"),
        (1.0, 2, True, "1.00"),
        (0.999, 2, True, "1.00"),
        (-0.0001, 2, False, "0.00"),
        (1234.5, 1, False, "1,234.5"),
        (math.inf, 2, False, "∞"),
        (-math.inf, 2, False, "−∞"),
        (pd.NA, 2, False, "–"),
    ],
)
def test_numbers(value, digits, bounded, text):
    assert fmt.number(value, digits, bounded=bounded) == text


def test_intervals_stand_in_brackets():
    assert fmt.interval(-0.3, 0.12) == "[−0.30, 0.12]"
    assert fmt.interval(0.1, 0.2, bounded=True) == "[.10, .20]"
    assert fmt.interval(float("nan"), float("nan")) == "–"
    assert fmt.percent_interval(0.121, 0.159) == "[12.1%, 15.9%]"


def test_degrees_of_freedom():
    assert [fmt.degrees(x) for x in (12.0, 38.24, math.inf, None)] == ["12", "38.2", "∞", "–"]


def test_decimals_follow_the_smallest_standard_error():
    assert fmt.decimals_for([0.5, 0.2]) == 2
    assert fmt.decimals_for([0.5, 0.02, float("nan")]) == 3


def test_counts_and_plurals():
    assert fmt.count(12345) == "12,345"
    assert plural(1, "client") == "1 client"
    assert plural(0, "client") == "0 clients"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1", "\n+2"])
def test_no_text_can_become_a_formula(text):
    assert fmt.spreadsheet_safe(text) == "'" + text


@pytest.mark.parametrize("value", [-1.5, 3, "a=1", "", None])
def test_what_is_no_formula_is_left_alone(value):
    assert fmt.spreadsheet_safe(value) == value

"""A printed number is read as it stands, compared by the stated rule, or refused in words."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.replication.printed import parse_printed

MINIMAL = "columns: [M, p]\nrows:\n  a: {M: 3.90, p: .05}\n"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (".05", [".05"]),
        ("3.90", ["3.90"]),
        ("-.31**", ["-.31"]),
        ("−0.31", ["-0.31"]),
        ("–0.31", ["-0.31"]),
        ("1,892", ["1892"]),
        ("12,345.6", ["12345.6"]),
        ("1\u202f892", ["1892"]),
        ("34.5%", ["34.5"]),
        ("34.5 %", ["34.5"]),
        ("12 (34.5)", ["12", "34.5"]),
        ("81 (25.3%)", ["81", "25.3"]),
        ("3.92 ± 0.81", ["3.92", "0.81"]),
        ("[−0.12, 0.30]", ["-0.12", "0.30"]),
        ("-0.12 to -0.02", ["-0.12", "-0.02"]),
        ("0.12–0.30", ["0.12", "0.30"]),
        ("0.31 [0.12, 0.50]", ["0.31", "0.12", "0.50"]),
        ("1.2e-05", ["1.2e-5"]),
        (".85†", [".85"]),
        ("3.2ᵃ", ["3.2"]),
        ("", []),
        ("–", []),
        ("n.a.", []),
    ],
)
def test_a_cell_is_read_with_its_decimals(text, values):
    assert [one.value.as_tuple() for one in parse_printed(text)] == [
        Decimal(value).as_tuple() for value in values
    ]


def test_bounds_percent_and_marks_are_kept():
    assert parse_printed("p < .001")[0].relation == "<"
    assert parse_printed(">= 5")[0].relation == "≥"
    assert parse_printed("= .05")[0].relation == ""
    assert parse_printed("34%")[0].percent
    assert parse_printed(".31**")[0].marks == "**"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0,31", "parts no thousands"),
        ("0,312", "parts no thousands"),
        (",31", "parts no thousands"),
        ("3.92a", "'a' is neither"),
        ("ns", "is neither"),
        ("12 34", "side by side"),
        ("1.234.5", "side by side"),
    ],
)
def test_what_is_not_certain_is_refused(text, said):
    with pytest.raises(ValueError, match=said):
        parse_printed(text)


def test_decimal_commas_are_an_option():
    assert parse_printed("0,31", decimal="comma")[0].value == Decimal("0.31")
    assert parse_printed("1.892,5", decimal="comma")[0].value == Decimal("1892.5")
    with pytest.raises(ValueError, match="decimal: point"):
        parse_printed("3.92", decimal="comma")


def written(tmp_path, text):
    path = tmp_path / "table.yaml"
    path.write_text(text, encoding="utf-8")
    return al.read_published_table(path)


def verdict(tmp_path, printed, value):
    table = written(tmp_path, f'columns: [x]\nrows:\n  a: {{x: "{printed}"}}\n')
    return al.compare_published(table, {"a": {"x": value}}).cells.iloc[0]


@pytest.mark.parametrize(
    ("printed", "value", "expected"),
    [
        ("3.90", 3.9, "equal"),
        ("3.90", 3.9049, "equal"),
        ("3.90", 3.9051, "rounding"),
        ("3.90", 3.91, "rounding"),  # one unit exactly, which doubles miss by a hair
        ("3.90", 3.8899, "different"),
        ("0.12", 0.125, "equal"),  # half to even
        ("0.13", 0.125, "equal"),  # half up
        ("2.67", 2.675, "equal"),  # as the double is held
        ("-0.13", -0.125, "equal"),
        ("12", 12.5, "equal"),
        ("12", 13.0, "different"),  # a count
        ("12", 12.9, "rounding"),
        ("12", 13.01, "different"),
        ("< .001", 0.0009, "equal"),
        ("< .001", 0.0012, "different"),
        ("< .001", 0.0016, "different"),
        ("> .05", 0.2, "equal"),
        ("0.00", 1e-300, "equal"),
        ("1.5", 1e300, "different"),
        ("1.5", np.nan, "not computed"),
        ("1.5", None, "not computed"),
        ("1.5", np.inf, "not computed"),
    ],
)
def test_the_verdict_follows_the_rule(tmp_path, printed, value, expected):
    assert verdict(tmp_path, printed, value)["verdict"] == expected


@pytest.mark.parametrize(
    ("printed", "value", "note"),
    [
        (".31", -0.312, "opposite sign"),
        ("34.5%", 0.3449, "percent is printed"),
        (".345", 34.5, "a share is printed"),
        ("3,921", 3.9211, "comma parts decimals"),
        (".31", 0.5, ""),
    ],
)
def test_a_difference_names_the_slip_that_explains_it(tmp_path, printed, value, note):
    found = verdict(tmp_path, printed, value)
    assert found["verdict"] == "different"
    assert note in found["note"]
    assert bool(found["note"]) == bool(note)


def test_values_keep_their_decimals_without_quotes(tmp_path):
    table = written(tmp_path, MINIMAL)
    assert [str(one.value) for one in table.cells.values()] == ["3.90", "0.05"]
    assert table.to_frame()["decimals"].tolist() == [2, 2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("columns: [M]\n", "lacks rows"),
        (MINIMAL + "titel: x\n", "Did you mean 'title'"),
        (MINIMAL.replace("M: 3.90", "N: 3.90"), "'N', which is not among"),
        ("columns: [n]\nrows:\n  a: {n: 1,892}\n", "must stand in quotes"),
        ("columns: [n]\nrows:\n  a: {n: 12 (3.4)}\n", "holds 2 numbers"),
        ("columns: {n: [n, share], m: n}\nrows:\n  a: {m: 1}\n", "Two columns hold 'n'"),
        (MINIMAL + "  a: {M: 1}\n", "'a' stands twice"),
        ("columns: [p]\nrows:\n  a: {p: > .05}\n", "quotes"),
        ("columns: [p]\nrows:\n  a: {p: about .05}\n", "Row 'a', column 'p' holds 'about .05'"),
        (MINIMAL + "decimal: dot\n", "point or comma"),
        ("columns: [p]\nrows:\n  a: {p: –}\n", "No row holds a number"),
        ("- a\n- b\n", "names with values"),
        ("", "names with values"),
        (MINIMAL + "source: {doy: 1}\n", "Did you mean 'doi'"),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_words(tmp_path, text, said):
    with pytest.raises(al.ReadError, match=said):
        written(tmp_path, text)


def test_a_file_that_is_not_there():
    with pytest.raises(al.ReadError, match="no published table"):
        al.read_published_table("none.yaml")


def test_an_interval_may_be_a_list(tmp_path):
    table = written(tmp_path, "columns: {CI: [low, high]}\nrows:\n  a:\n    CI: [-.1, .2]\n")
    assert [float(one.value) for one in table.cells.values()] == [-0.1, 0.2]


def test_a_frame_will_do_and_what_is_not_printed_is_told(tmp_path):
    table = written(tmp_path, MINIMAL)
    frame = pd.DataFrame({"M": [3.9, 1.0], "p": [0.2, np.nan]}, index=["a", "A"])
    found = al.compare_published(table, frame)
    assert found.counts == {"equal": 1, "rounding": 0, "different": 1, "not computed": 0}
    assert "2 recomputed numbers have no printed counterpart" in found.messages[0]
    assert "Did you mean 'a'?" in found.messages[0]


def test_what_shares_nothing_with_the_table_or_is_no_number_is_refused(tmp_path):
    table = written(tmp_path, MINIMAL)
    with pytest.raises(al.DesignError, match="Nothing of the published table was recomputed"):
        al.compare_published(table, {"b": {"M": 1}})
    with pytest.raises(al.ColumnError, match="row 'a', quantity 'M', is 'x'"):
        al.compare_published(table, {"a": {"M": "x"}})
    with pytest.raises(al.DesignError, match="a list came"):
        al.compare_published(table, [1])


def test_the_page_shows_the_table_in_its_shape_with_the_rule(tmp_path):
    found = al.compare_published(
        written(tmp_path, "title: <b>T\n" + MINIMAL), {"a": {"M": 4.2, "p": 0.05}}
    )
    page = found._repr_html_()
    assert "3.90 ≠ 4.200" in page
    assert "0.05 =" in page
    assert "half up or half to even" in page
    assert "<b>T" not in page
    assert "2 printed numbers: 1 equal, 0 rounding, 1 different, 0 not computed." in str(found)


def test_the_shipped_example_says_that_it_is_made_up():
    table = al.read_published_table("demo-trial")
    assert "nobody published this" in table.title
    assert table.columns["n (%)"] == ("cases", "percent")


@pytest.mark.parametrize("cell", ["[-0.45 -0.12]", "0.12 −0.30", "3.85** -0.12"])
def test_a_minus_behind_a_space_is_never_taken_for_the_word_to(cell):
    with pytest.raises(ValueError, match="side by side"):
        parse_printed(cell)
    assert [str(one.value) for one in parse_printed("0.12–0.30")] == ["0.12", "0.30"]
    assert [str(one.value) for one in parse_printed("-0.45 – 0.30")] == ["-0.45", "0.30"]


@pytest.mark.parametrize(
    ("recomputed", "said"),
    [
        (pd.DataFrame({"M": [1.0, 2.0]}, index=["a", "a"]), "stands there twice"),
        (pd.DataFrame([[1.0, 2.0]], index=["a"], columns=["M", "M"]), "stands there twice"),
        ({1: {"M": 1.0}, "1": {"M": 2.0}}, "stands there twice"),
        ({"Client, session 1": {"M": True}}, "not a number"),
    ],
)
def test_recomputed_numbers_that_are_not_one_each_are_refused(recomputed, said):
    with pytest.raises(al.AllianceStatsError, match=said):
        al.compare_published(al.read_published_table("demo-trial"), recomputed)

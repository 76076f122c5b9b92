import formulaic
import numpy as np
import pandas as pd
import pytest

from alliance_stats.errors import ColumnError, DesignError
from alliance_stats.multilevel.formula import parse_formula
from alliance_stats.multilevel.terms import Table, build


@pytest.fixture
def frame():
    rng = np.random.default_rng(3)
    return pd.DataFrame(rng.normal(size=(12, 3)), columns=list("abc")).assign(
        flag=[True, False] * 6, group=list("xyz") * 4
    )


@pytest.mark.parametrize(
    "text", ["a", "a + b", "a*b", "0 + a", "a:b + c", "a*b*c", "a - 1", "c + a:b + b", "1"]
)
def test_plain_products_equal_the_library(frame, text):
    ours = build(parse_formula(f"y ~ {text} + (1 | g)").fixed, Table(frame))
    theirs = formulaic.model_matrix(text, frame)
    assert list(ours.names) == list(theirs.columns)
    np.testing.assert_array_equal(np.stack(ours.arrays, axis=1), theirs.to_numpy(dtype=float))


def test_categories_have_the_first_in_order_as_reference(frame):
    built = build(parse_formula("y ~ group + (1 | g)").fixed, Table(frame))
    assert built.names == ("Intercept", "group[T.y]", "group[T.z]")
    reordered = frame.assign(group=pd.Categorical(frame["group"], categories=["z", "x", "y"]))
    built = build(parse_formula("y ~ group + (1 | g)").fixed, Table(reordered))
    assert built.names == ("Intercept", "group[T.x]", "group[T.y]")


def test_truth_values_count_as_numbers_with_and_without_the_library(frame):
    simple = build(parse_formula("y ~ flag + (1 | g)").fixed, Table(frame))
    library = build(parse_formula("y ~ flag + group + (1 | g)").fixed, Table(frame))
    assert "flag" in library.names
    np.testing.assert_array_equal(simple.arrays[1], library.arrays[library.names.index("flag")])


def test_new_data_are_built_the_same_way(frame):
    built = build(parse_formula("y ~ center(a) + group + (1 | g)").fixed, Table(frame))
    again = built.rebuild(Table(frame.iloc[:4]))
    for new, old in zip(again, built.arrays, strict=True):
        np.testing.assert_array_equal(new, old[:4])


def test_unknown_categories_are_named(frame):
    built = build(parse_formula("y ~ group + (1 | g)").fixed, Table(frame))
    with pytest.raises(DesignError, match="not fitted on: w"):
        built.rebuild(Table(frame.assign(group="w")))
    built = build(parse_formula("y ~ C(n) + (1 | g)").fixed, Table(frame.assign(n=[1, 2, 3] * 4)))
    with pytest.raises(DesignError, match="meets categories the model was not fitted on"):
        built.rebuild(Table(frame.assign(n=7)))


def test_new_data_without_a_column_are_refused(frame):
    for text in ("a", "log(a + 9)"):
        built = build(parse_formula(f"y ~ {text} + (1 | g)").fixed, Table(frame))
        with pytest.raises(ColumnError, match="lack the column 'a'"):
            built.rebuild(Table(frame[["b"]]))


def test_numbers_as_text_are_refused(frame):
    many = pd.DataFrame({"n": [f"{i}.5" for i in range(40)]})
    with pytest.raises(ColumnError, match="40 different numbers as text"):
        build(parse_formula("y ~ n + (1 | g)").fixed, Table(many))


def test_nullable_numbers_are_numbers():
    column = pd.array([1, None, 3], dtype="Int64")
    values = Table(pd.DataFrame({"n": column})).numbers("n")
    np.testing.assert_array_equal(values, [1.0, np.nan, 3.0])

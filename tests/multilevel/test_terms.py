from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.errors import ColumnError, DesignError, FormulaError
from alliance_stats.multilevel.formula import functions
from alliance_stats.multilevel.formula.model_formula import parse_formula
from alliance_stats.multilevel.formula.terms import Table, build

SECOND_NAMES = {"as.factor", "Treatment", "Sum", "Helmert", "Poly", "Diff", "contr.diff"}
PAGE = (Path(__file__).parents[2] / "docs" / "multilevel.md").read_text(encoding="utf-8")


@pytest.fixture
def frame():
    rng = np.random.default_rng(3)
    return pd.DataFrame(rng.normal(size=(12, 3)), columns=list("abc")).assign(
        flag=[True, False] * 6, group=list("xyz") * 4
    )


def columns(text, data):
    return build(parse_formula(f"y ~ {text} + (1 | g)").fixed, Table(data))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a*b", ["Intercept", "a", "b", "a:b"]),
        ("0 + group", ["group[x]", "group[y]", "group[z]"]),
        ("a:group", ["Intercept", "a:group[x]", "a:group[y]", "a:group[z]"]),
        ("I( a*2+1 )", ["Intercept", "I(a * 2 + 1)"]),
        ("I(a^2)", ["Intercept", "I(a ** 2)"]),
        ("poly(a,2)", ["Intercept", "poly(a, 2)[1]", "poly(a, 2)[2]"]),
        ("bs(a,df=3):flag", ["Intercept", *(f"bs(a, df=3)[{i}]:flag" for i in (1, 2, 3))]),
        ("C(group, Sum)", ["Intercept", "C(group, Sum)[S.x]", "C(group, Sum)[S.y]"]),
        ("C(group, Poly)", ["Intercept", "C(group, Poly)[.L]", "C(group, Poly)[.Q]"]),
        ("I((a+b)*c - a/(2*c)**2)", ["Intercept", "I((a + b) * c - a / (2 * c) ** 2)"]),
        ("relevel(group, ref='z')",
          ["Intercept", "relevel(group, ref='z')[T.x]", "relevel(group, ref='z')[T.y]"]),
        ("`odd name`:a", ["Intercept", "odd name:a"]),
        ("log(`odd name`)", ["Intercept", "log(`odd name`)"]),
    ],
)  # fmt: skip
def test_columns_have_names_that_can_be_read(frame, text, names):
    assert list(columns(text, frame.assign(**{"odd name": 2.0})).names) == names


def test_a_name_that_equals_a_column_is_that_column(frame):
    odd = [
        "np",
        "scale",
        "C",
        "Q",
        "I",
        "c",
        "log",
        "True",
        "None",
        "contr.sum",
        "lambda",
        "import",
    ]
    data = frame.assign(**{name: np.arange(12.0) ** k for k, name in enumerate(odd, start=1)})
    built = columns(" + ".join(odd), data)
    assert list(built.names) == ["Intercept", *odd]
    for name, array in list(built.named_arrays())[1:]:
        np.testing.assert_array_equal(array, data[name])
    scaled = columns("scale(scale)", data).arrays[1]
    np.testing.assert_allclose(scaled, (data["scale"] - data["scale"].mean()) / data["scale"].std())


def test_two_columns_of_one_name_are_refused(frame):
    with pytest.raises(DesignError, match="called 'a:b'"):
        columns("a:b + `a:b`", frame.assign(**{"a:b": 1.0}))


def test_what_is_learned_from_rows_is_kept_inside_of_functions(frame):
    built = columns("I(scale(a)^2) + log(1 + abs(center(b)))", frame)
    again = built.rebuild(Table(frame.iloc[:4]))
    a, b = frame["a"], frame["b"]
    squares = ((a - a.mean()) / a.std()) ** 2
    np.testing.assert_allclose(again[1], squares[:4])
    np.testing.assert_allclose(again[2], np.log1p(np.abs(b - b.mean()))[:4])


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("log(group)", FormulaError, "'group' holds categories"),
        ("I(group + 1)", FormulaError, "'group' holds categories"),
        ("I(a == 'x')", FormulaError, "'a' holds numbers, no texts"),
        ("I(a + 'x')", FormulaError, "A text can only be compared"),
        ("I(poly(a, 2) + 1)", FormulaError, "several columns and stands alone"),
        ("log(C(group))", FormulaError, "makes categories"),
        ("I(a:b)", FormulaError, "':' has no meaning inside"),
        ("C(group, 3)", FormulaError, "A coding is"),
        ("C(group, contr.treatment('w'))", DesignError, "'w' is none of the categories x, y, z"),
        ("C(group, levels=c('x', 'y'))", DesignError, "leaves out categories.*: z"),
        ("relevel(group)", FormulaError, "needs its reference"),
        ("one", DesignError, r"'one' has one category only \(k\)"),
        ("poly(flag, 2)", DesignError, "more than 2 different values"),
        ("poly(a, 0)", DesignError, "a whole number from 1"),
        ("poly(a, 'x')", DesignError, "a whole number from 1"),
        ("bs(a)", DesignError, "degrees of freedom or its knots"),
        ("bs(a, df=2)", DesignError, "from 3 to 100, not 2"),
        ("bs(a, knots=99)", DesignError, "must lie inside"),
        ("bs(a, knots='x')", FormulaError, "cannot be made"),
        ("bs(a, df=4, lower_bound=0)", DesignError, "must hold all values"),
        ("ns(flat, df=2)", DesignError, "finite values that differ"),
        ("scale(flat)", DesignError, "values that differ"),
        ("scale(a, 'x')", DesignError, "TRUE, FALSE or a number"),
        ("round(a, 0.5)", DesignError, "must be a whole number"),
        ("when", ColumnError, "holds dates"), ("log(when)", ColumnError, "holds dates"),
        ("C(when)", ColumnError, "holds dates"), ("spans", ColumnError, "spans of time"),
        ("lists", ColumnError, "neither numbers nor texts"),
    ],
)  # fmt: skip
def test_what_a_function_cannot_take_is_told(frame, text, error, said):
    data = frame.assign(
        one="k", flat=1.0, when=pd.Timestamp("2020-01-01"), spans=pd.Timedelta("1D"),
        lists=[[1]] * len(frame),
    )  # fmt: skip
    with pytest.raises(error, match=said):
        columns(text, data)


def test_a_spline_says_nothing_of_values_it_has_not_seen(frame):
    wide = Table(frame.assign(a=frame["a"] * 3))
    with pytest.raises(DesignError, match="says nothing there"):
        columns("bs(a, df=4)", frame).rebuild(wide)
    straight = columns("ns(a, df=2)", frame)
    line = Table(pd.DataFrame({"a": frame["a"].max() + np.arange(1.0, 4.0)}))
    for array in straight.rebuild(line)[1:]:
        assert abs(np.diff(array, 2)).max() < 1e-12  # a straight line, but for rounding


@pytest.fixture
def registry():
    before = dict(functions.FORMULA_FUNCTIONS)
    yield
    functions.FORMULA_FUNCTIONS.clear()
    functions.FORMULA_FUNCTIONS.update(before)


@pytest.mark.usefixtures("registry")
def test_own_functions_are_added_by_code_alone(frame):
    al.register_formula_function("double", lambda x: 2 * x)
    np.testing.assert_allclose(columns("double(a)", frame).arrays[1], 2 * frame["a"])
    al.register_formula_function("double", lambda x, times=2: times * x)  # taken back, not stale
    np.testing.assert_allclose(columns("double(a, times=3)", frame).arrays[1], 3 * frame["a"])
    al.register_formula_function("wrong", lambda x: x[:3])
    with pytest.raises(FormulaError, match="a number for each of 12 rows"):
        columns("wrong(a)", frame)
    al.register_formula_function("broken", lambda x: x.nosuch)
    with pytest.raises(FormulaError, match="AttributeError"):
        columns("broken(a)", frame)
    for name, said in [("log", "know 'log' already"), ("__x", "name holds"), ("a b", "name holds")]:
        with pytest.raises(DesignError, match=said):
            al.register_formula_function(name, lambda x: x)
    with pytest.raises(DesignError, match="must be a function, not str"):
        al.register_formula_function("text", "print(1)")


def test_every_function_listed_has_an_example_that_runs(frame):
    data = frame.assign(x=np.arange(1.0, 13.0), **{"odd name": 1.0})
    words = data.assign(x=[*"aabbbccabcab"])
    shipped = al.list_formula_functions().query("says != 'a function of your own'")
    for row in shipped.itertuples():
        table = words if "C(x" in row.example or "relevel" in row.example else data
        assert len(columns(row.example, table).arrays) > 1, row.example
        assert row.function in SECOND_NAMES or f"`{row.function}`" in PAGE, row.function


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


@pytest.mark.parametrize("dtype", ["string", "str", "category"])
def test_text_of_every_dtype_makes_the_categories_that_plain_text_makes(dtype):
    rng = np.random.default_rng(1)
    plain = pd.DataFrame({"g": rng.choice(["a", "b", "c"], 90), "x": rng.normal(size=90)})
    plain = plain.assign(
        y=rng.normal(size=90) + np.repeat(rng.normal(size=15), 6), client=np.repeat(range(15), 6)
    ).astype({"g": object})
    typed = plain.astype({"g": dtype, "client": str}).astype({"client": dtype})
    if dtype == "category":
        typed["g"] = plain["g"].astype("string").astype(dtype)
    formula = "y ~ x * g + (1 | client)"
    one, other = al.fit_multilevel(formula, plain), al.fit_multilevel(formula, typed)
    pd.testing.assert_series_equal(other.params, one.params)
    np.testing.assert_array_equal(other.predict(typed), one.predict(plain))
    typed.loc[0, "g"] = None
    with_gap = al.fit_multilevel(formula, typed)
    assert with_gap.rows_dropped == 1
    assert np.isnan(with_gap.predict(typed).iloc[0])

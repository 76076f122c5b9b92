import pytest

from alliance_stats.errors import FormulaError
from alliance_stats.multilevel.formula import parse_formula


def test_splits_response_fixed_and_random():
    formula = parse_formula("y ~ session + a*b + (1 + a | client) + (0 + b || therapist)")
    assert formula.response.text == "y"
    assert formula.fixed.text == "session + a*b"
    assert [(t.part.text, t.group, t.correlated) for t in formula.random] == [
        ("1 + a", ("client",), True),
        ("0 + b", ("therapist",), False),
    ]


def test_slash_names_units_within_units_from_the_inside():
    formula = parse_formula("y ~ 1 + (1 | site/therapist/client)")
    assert [term.label for term in formula.random] == [
        "site",
        "therapist:site",
        "client:therapist:site",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b", (True, (("a",), ("b",)))),
        ("0 + a", (False, (("a",),))),
        ("a - 1", (False, (("a",),))),
        ("1", (True, ())),
        ("a*b*c",
          (True, (("a",), ("b",), ("c",), ("a", "b"), ("a", "c"), ("b", "c"), ("a", "b", "c")))),
        ("a:b + c", (True, (("c",), ("a", "b")))),
        ("a + a + b:a + a:b", (True, (("a",), ("b", "a")))),
        ("log(a)", None),
        ("(a + b)**2", None),
        ("a - b", None),
    ],
)  # fmt: skip
def test_simple_terms(text, expected):
    assert parse_formula(f"y ~ {text} + (1 | g)").fixed.simple_terms() == expected


def test_columns_leave_functions_and_keywords_out():
    formula = parse_formula("log(y) ~ C(a, contr.treatment(base='b')) + `odd name` + (1 | g)")
    assert formula.columns == ("y", "a", "odd name", "g")


def test_a_dotted_column_is_quoted_for_the_library():
    assert parse_formula("y ~ log(my.var) + (1 | g)").fixed.text == "log(`my.var`)"


@pytest.mark.parametrize(
    ("text", "sentence", "marked"),
    [
        ("y x", "exactly one '~'", "y x"),
        ("y ~ x ~ z", "exactly one '~'", "~"),
        (" ~ x", "no outcome", "~"),
        ("y ~ ", "nothing right of '~'", "~"),
        ("y ~ x + + z", "Two signs", "+ +"),
        ("y ~ x +", "Nothing follows '+'", "+"),
        ("y ~ x | g", "brackets of its own", "x | g"),
        ("y ~ (1 | g", "never closed", "("),
        ("y ~ 1 | g)", "closes nothing", ")"),
        ("y ~ (1 | g | h)", "one bar", "|"),
        ("y ~ ( | g)", "Nothing stands left of the bar", "|"),
        ("y ~ (1 | )", "Nothing stands right of the bar", "|"),
        ("y ~ (1 | log(g))", "Right of the bar", "log(g)"),
        ("y ~ x - (1 | g)", "cannot be taken away", "(1 | g)"),
        ("y ~ C('a) + (1 | g)", "quotation mark", "'"),
        ("1 ~ x + (1 | g)", "must be a column", "1"),
    ],
)
def test_an_error_marks_the_place(text, sentence, marked):
    with pytest.raises(FormulaError) as caught:
        parse_formula(text)
    message, shown, carets = str(caught.value).split("\n")
    assert sentence in message
    assert shown == f"  {text}"
    start, length = carets.index("^"), carets.count("^")
    assert shown[start : start + length] == marked


def test_an_unknown_column_is_marked_with_the_nearest():
    formula = parse_formula("y ~ alliance_witin + (1 | client)")
    with pytest.raises(FormulaError, match="Did you mean 'alliance_within'") as caught:
        formula.check_columns(["y", "alliance_within", "client"])
    assert str(caught.value).endswith("\n      ^^^^^^^^^^^^^^".replace("      ", " " * 6))

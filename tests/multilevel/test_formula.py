import pytest

from alliance_stats.errors import ColumnError, FormulaError
from alliance_stats.multilevel.formula.model_formula import parse_formula, read_part


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
    ("text", "intercept", "terms"),
    [
        ("a + b", True, ["a", "b"]),
        ("0 + a", False, ["a"]),
        ("a - 1", False, ["a"]),
        ("-1 + a", False, ["a"]),
        ("a + 0 + 1", True, ["a"]),
        ("1", True, []),
        ("a - a", True, []),
        ("a + a + b:a + a:b", True, ["a", "b:a"]),
        ("a:a", True, ["a"]),
        ("a*b*c", True, ["a", "b", "c", "a:b", "a:c", "b:c", "a:b:c"]),
        ("a:b + c", True, ["c", "a:b"]),
        ("a/b/c", True, ["a", "a:b", "a:b:c"]),
        ("(a + b)/c", True, ["a", "b", "a:b:c"]),
        ("a*b - a", True, ["b", "a:b"]),
        ("(a + b)**2", True, ["a", "b", "a:b"]),
        ("(a + b)^10000", True, ["a", "b", "a:b"]),
        ("log( a ) + log(a):b", True, ["log(a)", "log(a):b"]),
        ("`odd name`*a", True, ["odd name", "a", "odd name:a"]),
    ],
)
def test_signs_mean_what_they_mean_in_r(text, intercept, terms):
    expansion = parse_formula(f"y ~ {text} + (1 | g)").fixed.expansion
    assert expansion.intercept is intercept
    assert [":".join(node.label for node in term) for term in expansion.terms] == terms


@pytest.mark.parametrize(
    ("text", "fixed", "random"),
    [
        ("y ~ . + (1 | g)", ["x", "z"], []),
        ("y ~ . - g + (1 | g)", ["x", "z"], []),
        ("log(y) ~ . - x + (1 | g)", ["z"], []),
        ("y ~ .^2 + (1 | g)", ["x", "z", "x:z"], []),
        ("y ~ x + I(z^2) + . + (1 | g)", ["x", "I(z ** 2)", "z"], []),
        ("y ~ 1 + (. | g)", [], ["x", "z"]),
    ],
)
def test_a_dot_is_every_other_column(text, fixed, random):
    formula = parse_formula(text).over(["g", "x", "y", "z"])

    def labels(part):
        return [":".join(node.label for node in term) for term in part.expansion.terms]

    assert labels(formula.fixed) == fixed
    assert labels(formula.random[0].part) == random
    assert set(formula.columns) == {"g", "x", "y", "z"}


def test_a_dot_needs_columns_that_can_be_named():
    with pytest.raises(ColumnError, match="not named by text: 7"):
        parse_formula("y ~ . + (1 | g)").over(["y", "g", 7])
    with pytest.raises(FormulaError, match="no other column"):
        parse_formula("y ~ . + (1 | g)").over(["y", "g"])


def test_columns_leave_functions_and_keywords_out():
    formula = parse_formula("log(y) ~ C(a, contr.treatment(base='b')) + `odd name` + (1 | g)")
    assert formula.columns == ("y", "a", "odd name", "g")


def test_one_spelling_names_a_function_however_it_is_written():
    spellings = ["bs(x,df = 4)", "bs( x , df=4 )", "bs(`x`, df=4)", "bs(Q('x'), df=4)"]
    parts = [read_part(text, ["x"]) for text in spellings]
    assert {part.tree.code for part in parts} == {"bs(x, df=4)"}


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
        (". ~ x + (1 | g)", "must be a column", "."),
        ("y ~ (x + (1 | g))", "brackets of its own", "(x + (1 | g))"),
        ("y ~ I(x | 2)", "brackets of its own", "I(x | 2)"),
        ("y ~ x & z", "write a:b for an interaction", "&"),
        ("y ~ x %in% z", "b within a is written a:b", "%in%"),
        ("y ~ x %% z", "no meaning", "%%"),
        ("y ~ !x", "no meaning", "!"),
        ("y ~ x + 2", "The number 2 is no term", "2"),
        ("y ~ 2 * x", "The number 2 is no term", "2"),
        ("y ~ x:(z + 1)", "The number 1 is no term", "1"),
        ("y ~ x^z", "a whole number from 1", "z"),
        ("y ~ x^0", "a whole number from 1", "0"),
        ("y ~ x**9**9", "a whole number from 1", "9**9"),
        ("y ~ x - z", "'z' is taken away, but no term before it", "z"),
        ("y ~ x*-z", "'z' is taken away, but no term before it", "z"),
        ("y ~ -x + z", "'x' is taken away, but no term before it", "x"),
        ("y ~ 'x'", "A text is no term", "'x'"),
        ("y ~ x > 2", "compares inside a function only", "x > 2"),
        ("y ~ x z", "A sign is missing before 'z'", "z"),
        ("y ~ x 2", "A sign is missing before '2'", "2"),
        ("y ~ (x)(z)", "right before '('", "("),
        ("y ~ x + ()", "Nothing stands in these brackets", "()"),
        ("y ~ x[0]", "'[' has no meaning", "["),
        ("y ~ {x}", "arithmetic stands in I(...)", "{"),
        ("y ~ x := 2", "only between the brackets of a function", "="),
        ("y ~ x, z", "only between the brackets of a function", ","),
        ("y ~ x ; z", "cannot stand here", ";"),
        ("y ~ * x", "missing before '*'", "*"),
        ("y ~ ``", "hold no name", "``"),
        ("y ~ log(.)", "only outside of functions", "."),
        ("y ~ I(2)", "holds no column", "I(2)"),
        ("y ~ c(x, z)", "is a setting", "c(x, z)"),
        ("y ~ log()", "takes 1 column first", "log()"),
        ("y ~ log(x, 2)", "takes no more", "2"),
        ("y ~ log(x, base=2)", "has no setting 'base'", "2"),
        ("y ~ bs(x, dff=4)", "Did you mean 'df'", "4"),
        ("y ~ bs(x, 4, df=5)", "given twice", "5"),
        ("y ~ bs(x, df=4, z)", "stands behind the rest", "z"),
        ("y ~ bs(x, df=z)", "A setting of a function", "z"),
        ("y ~ bs(x, df=log(z))", "A setting of a function", "log(z)"),
        ("y ~ nosuch(x)", "is no function that formulas know", "nosuch"),
        ("y ~ Log(x)", "Did you mean 'log'", "Log"),
        ("y ~ cr(x, df=3)", "Write ns(x, df=4)", "cr"),
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


@pytest.mark.parametrize("word", ["True", "FALSE", "None", "NULL"])
def test_words_for_constants_are_columns_or_refused(word):
    formula = parse_formula(f"y ~ {word} + (1 | g)")
    assert formula.over(["y", word, "g"]).fixed.columns == (word,)
    with pytest.raises(FormulaError, match="An intercept is written 1"):
        formula.over(["y", "x", "g"])


def test_each_word_is_in_a_term_or_is_told():
    """Half a formula is never read as a whole one: no prefix of a refused formula's words is."""
    text = "y ~ x + log(z) + bs(x, df=4):z + (1 | g)"
    for letter in "!@#$%&;,=[]{}<>\\'\"`\x00\x1b\u200b":
        for at in range(5, len(text)):
            with pytest.raises((FormulaError, ColumnError)):
                parse_formula(text[:at] + letter + text[at:]).over(["y", "x", "z", "g"])


def test_a_long_formula_is_shown_around_the_place():
    text = "y ~ " + " + ".join(f"x{i}" for i in range(2000)) + " + nosuch(z) + (1 | g)"
    with pytest.raises(FormulaError) as caught:
        parse_formula(text)
    _, shown, carets = str(caught.value).split("\n")
    assert len(shown) < 200
    start, length = carets.index("^"), carets.count("^")
    assert shown[start : start + length] == "nosuch"


def test_an_unknown_column_is_marked_with_the_nearest():
    formula = parse_formula("y ~ alliance_witin + (1 | client)")
    with pytest.raises(FormulaError, match="Did you mean 'alliance_within'") as caught:
        formula.check_columns(["y", "alliance_within", "client"])
    assert str(caught.value).endswith("\n      ^^^^^^^^^^^^^^".replace("      ", " " * 6))

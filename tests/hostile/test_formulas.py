"""An attacker who may write formulas and column headers gets an error and leaves no trace."""

import pickle
import time

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.multilevel.formula.model_formula import parse_formula

SECONDS = 5.0  # on a busy machine; alone each answer takes well below one

CODE = [
    # running something: CANARY is a path that must never exist
    "__import__('os').system('touch CANARY')", "I(__import__('os').system('touch CANARY'))",
    "open('CANARY', 'w')", "I(open('CANARY', 'w'))", "Q(open('CANARY', 'w'))",
    "eval('open(\"CANARY\", \"w\")')", "exec('open(\"CANARY\", \"w\")')",
    "compile('open(\"CANARY\", \"w\")', '', 'exec')", "I(eval(\"open('CANARY','w')\"))",
    "{open('CANARY', 'w')}", "{__import__('pathlib').Path('CANARY').touch()}",
    "np.load('PICKLE', allow_pickle=True)", "I(np.load('PICKLE', allow_pickle=True))",
    "pd.read_pickle('PICKLE')", "np.save('CANARY', x)", "x.to_pickle('CANARY')",
    "x.tofile('CANARY')", "np.fromfile('CANARY')", "np.lib.npyio.DataSource('CANARY')",
    "np.f2py.compile('CANARY')", "np.testing.rundocs('CANARY')", "np.savetxt('CANARY', x)",
    "np.memmap('CANARY', mode='w+')", "breakpoint()", "input()", "exit()", "quit()", "print(x)",
    "help(x)", "globals()", "locals()", "vars()", "dir()", "type(x)",
    "getattr(x, 'tofile')('CANARY')", "setattr(x, 'a', 1)", "delattr(x, 'a')",
    # walking through attributes, subscripts and dunders
    "().__class__.__base__.__subclasses__()", "(1).__class__", "x.__class__",
    "x.__class__.__mro__[1]", "''.__class__.__mro__", "I(x.__class__)", "I(x.values)",
    "log.__globals__", "np.os.system('touch CANARY')", "scale.__globals__['__builtins__']",
    "I.__init__.__globals__", "C.__code__", "__builtins__", "__name__", "x[0]", "x['a']",
    "x[x > 0]", "x[:, 0]", "{'a': 1}['a']", "[x][0]", "I([x][0])", "I({x})", "I((x,))",
    # Python and pandas that is more than arithmetic
    "lambda: x", "(lambda: open('CANARY', 'w'))()", "(lambda x: x)(x)", "I(lambda x: x)", "x := 1",
    "I(y := x)", "[i for i in x]", "I([i for i in (1, 2)])", "{i: i for i in x}", "(i for i in x)",
    "f'{x}'", "I(f'{x}')", "f\"{open('CANARY', 'w')}\"", "'{0.__class__}'.format(x)", "'%s' % x",
    "b'x'", "x if x else x", "x and x", "x or x", "not x", "x is x", "x in x", "*x", "**x",
    "log(*x)", "log(**x)", "x @ x", "x // 2", "x % 2", "x << 2", "~x", "x ~ x", "x; x",
    "x\nimport os", "x # x", "x\\", "await x", "yield x", "@x", "$x", "@foo", "import os", "del x",
    "assert x", "global x",
    # the settings of a function are no place either
    "poly(x, open('CANARY', 'w'))", "poly(x, degree=__import__('os'))", "bs(x, df=eval('4'))",
    "bs(x, knots=[1, 2])", "bs(x, knots=open('CANARY'))",
    "C(x, contr.treatment(base=open('CANARY')))", "C(x, __import__('os'))",
    "C(x, contr.sum.__class__)", "C(x, levels=globals())", "scale(x, **{})",
    "scale(x, center=lambda: 1)", "log(x, out=x)", "log(x, where=x)", "log(x, dtype='O')",
    "np.log(x, out=x)", "I(x, __class__=1)", "hashed(x, levels=2, hash_func=eval)", "lag(x, 1)",
    "Q(x)", "Q('x'.upper())", "c(x)", "c(1)", "contr.sum", "contr.sum()", "contr.treatment('a')",
    # letters that look like others, or are not seen
    "__imp\u043ert__('os')", "\uff4f\uff50\uff45\uff4e('CANARY', 'w')", "e\u200bval('x')",
    "\u202ex", "x\u0000", "\u0000", "x\u0000__import__('os')", "x\u2028open('CANARY','w')",
    "\ufeffx", "x\u00ad", "\u2061log(x)", "\uff3f\uff3fimport\uff3f\uff3f('os')", "\u1d00(x)",
    "x\u0661", "\u0661", "x\x1b[31m", "\x07x", "x\x08x", "\ud800", "\U000e0001x",
    # quotation marks that are left open or lead out
    "`x` + `open('CANARY', 'w')`", "`x", "x`", "'x", "\"x", "``", "`x``x`",
    "x` + open('CANARY', 'w') + `x", "Q('x') + Q(\"open('CANARY', 'w')\")", "Q(')",
    "`__import__('os')`",
    # numbers and brackets
    "9**9**9**9", "I(9**9**9**9)", "x**9**9**9**9", "I(x**9**9**9**9)", "1e999", "I(x*1e999)",
    "0x10", "1j", "1_000", "x**-1", "x**0.5", "x**x", "(x", "x)", "()", "(())", "I()",
    "poly(x, 10**10)", "poly(x, 1e9)", "bs(x, df=1000000000)", "ns(x, df=99999)",
    "round(x, 10000000)", "poly(x, -1)", "bs(x, 4, 4, 4, 4, 4, 4, 4)",
]  # fmt: skip
ARITHMETIC = ("x**-1", "x**0.5", "x**x")  # left of ~ these mean what they say, as in R
HUGE = {
    "many letters": "x + " * 30_000 + "x",
    "many brackets": "(" * 10_000 + "x" + ")" * 10_000,
    "brackets within the length": "(" * 5_000 + "x" + ")" * 5_000,
    "functions in functions": "log(" * 2_000 + "x" + ")" * 2_000,
    "powers of powers": "I(" + "x**" * 3_000 + "x)",
    "signs": "-" * 10_000 + "x",
    "a product of many": "*".join(f"x{i}" for i in range(3_000)),
    "a power of a sum": "(" + "+".join(f"x{i}" for i in range(2_000)) + ")**9999",
    "a long name": "x" * 10_000,
    "a long number": "9" * 10_000,
    "nested quotes": "'\"" * 5_000,
    "settings": "bs(x, knots=c(" + ",".join("1" for _ in range(5_000)) + "))",
}


def frame():
    rng = np.random.default_rng(1)
    group = np.repeat(np.arange(20), 6)
    x = rng.normal(size=120)
    return pd.DataFrame(
        {
            "group": group, "client_id": group, "session": np.tile(np.arange(1, 7), 20), "x": x,
            "y": x + rng.normal(size=20)[group] + rng.normal(size=120),
            "event": (rng.random(120) < 0.2).astype(int), "ended_as": "dropout",
            "estimate": rng.normal(size=120), "se": 0.1,
        }
    )  # fmt: skip


TAKES_FORMULAS = {
    "fixed part": lambda f, d: al.fit_multilevel(f"y ~ x + {f} + (1 | group)", d),
    "random part": lambda f, d: al.fit_multilevel(f"y ~ x + (1 + {f} | group)", d),
    "group": lambda f, d: al.fit_multilevel(f"y ~ x + (1 | {f})", d),
    "outcome": lambda f, d: al.fit_multilevel(f"{f} ~ x + (1 | group)", d),
    "all of it": al.fit_multilevel,
    "weights": lambda f, d: al.fit_multilevel("y ~ x + (1 | group)", d, weights=f),
    "time": lambda f, d: al.fit_multilevel("y ~ x + (1 | group)", d, residual="ar1", time=f),
    "ladder": lambda f, d: al.fit_ladder(f"y ~ x + {f} + (1 | group)", d),
    "hazard": lambda f, d: al.fit_dropout_hazard(f"event ~ x + {f}", d),
    "hazard's event": lambda f, d: al.fit_dropout_hazard(f"{f} ~ x", d),
    "hazard's cluster": lambda f, d: al.fit_dropout_hazard("event ~ x", d, cluster=f),
    "Cox": lambda f, d: al.fit_dropout_cox(f"event ~ x + {f}", d, cluster=None),
    "competing hazards": lambda f, d: al.fit_competing_hazards(f"event ~ x + {f}", d),
    "meta-regression": lambda f, d: al.fit_meta_regression(f"x + {f}", d, metric="smd"),
}
TAKES_NAMES = {
    "subgroups": lambda f, d: al.pool_subgroups(d, by=f, metric="smd"),
    "decompose": lambda f, d: al.decompose(d, f),
    "lag": lambda f, d: al.lag(d, f),
    "reliability": lambda f, d: al.mean_reliability(d, f),
    "surface": lambda f, d: al.fit_response_surface(d, x="x", y="y", outcome="se", covariates=f),
    "truth and bias": lambda f, d: al.fit_truth_and_bias(d, truth="x", judgment="y", moderators=f),
    "actor and partner": lambda f, d: al.fit_actor_partner(
        d, predictors=("x", "y"), outcomes=("y", "x"), covariates=f
    ),
    "repair": lambda f, d: al.fit_rupture_repair(d, alliance="x", outcome=f),
    "rupture outcome": lambda f, d: al.fit_rupture_outcome(d, alliance="x", outcome=f),
    "asymmetric change": lambda f, d: al.fit_asymmetric_change(d, alliance="x", outcome=f),
    "event study": lambda f, d: al.fit_event_study(d, alliance="x", outcome=f),
    "rupture count": lambda f, d: al.fit_rupture_count(d, alliance="x", predictors=f, clients=d),
    "multiverse": lambda f, d: al.rupture_multiverse(d, alliance="x", outcome=f, permutations=0),
}  # fmt: skip


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.fixture
def places(tmp_path):
    with (tmp_path / "trap.pickle").open("wb") as file:
        pickle.dump(Touch(tmp_path / "canary"), file)
    return {"CANARY": str(tmp_path / "canary"), "PICKLE": str(tmp_path / "trap.pickle")}


def aimed(payload, places):
    for word, place in places.items():
        payload = payload.replace(word, place)
    return payload


def refused(function, payload, data):
    """Return the message of our own error, or say what was taken."""
    try:
        function(payload, data)
    except al.AllianceStatsError as error:
        return str(error)
    pytest.fail(f"{payload!r} was taken")


@pytest.mark.parametrize("where", [*TAKES_FORMULAS, *TAKES_NAMES])
def test_code_in_a_formula_is_refused_and_leaves_no_trace(where, places, tmp_path):
    before, data = sorted(tmp_path.iterdir()), frame()
    # Where only a name of a column is taken nothing is read, and a part of the attacks will do.
    function, payloads = (
        (TAKES_FORMULAS[where], CODE)
        if where in TAKES_FORMULAS
        else (TAKES_NAMES[where], CODE[::6])
    )
    for payload in payloads:
        if where == "outcome" and payload in ARITHMETIC:
            continue
        said = refused(function, aimed(payload, places), data)
        assert all(c.isprintable() or c == "\n" for c in said), payload
    assert sorted(tmp_path.iterdir()) == before
    pd.testing.assert_frame_equal(data, frame())


def test_a_header_that_is_code_is_refused_bare_and_a_column_in_backticks(places, tmp_path):
    before = sorted(tmp_path.iterdir())
    for payload in CODE:
        header = aimed(payload, places)
        data = frame().rename(columns={"se": "to be named"})
        names = [header if name == "to be named" else name for name in data.columns]
        data.columns = pd.Index(names, dtype=object)
        with pytest.raises(al.AllianceStatsError):
            al.fit_multilevel(f"y ~ {header} + x + nosuch + (1 | group)", data)
        if "`" not in header:
            formula = parse_formula(f"y ~ `{header}` + (1 | group)").over(data.columns)
            assert formula.fixed.columns == (header,)
        everything = parse_formula("y ~ . + (1 | group)").over(data.columns)
        assert header in everything.fixed.columns
    assert sorted(tmp_path.iterdir()) == before


def test_a_header_that_is_code_is_only_a_name_in_a_fit(places, tmp_path):
    header = aimed("__import__('os').system('touch CANARY')", places)
    rng = np.random.default_rng(2)
    data = frame().assign(**{header: rng.normal(size=120)})
    fit = al.fit_multilevel(f"y ~ `{header}` + log(abs(`{header}`)) + (1 | group)", data)
    assert list(fit.params.index) == ["Intercept", header, f"log(abs(`{header}`))"]
    found = al.fit_multilevel("y ~ . - group + (1 | client_id)", data.drop(columns="ended_as"))
    assert header in found.params.index
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("name", HUGE)
@pytest.mark.parametrize("where", ["fixed part", "random part", "hazard", "meta-regression"])
def test_what_is_too_large_is_answered_soon(where, name):
    data, start = frame(), time.process_time()
    with pytest.raises(al.AllianceStatsError) as caught:
        TAKES_FORMULAS[where](HUGE[name], data)
    assert time.process_time() - start < SECONDS
    assert len(str(caught.value)) < 21_000


def test_a_message_moves_no_cursor():
    error = al.ColumnError(
        "the column '\x1b]0;x\x07\x9b31m\u202e\u2028' and\ta\ttab\nof \ud800 é 字"
    )
    shown = str(error)
    assert shown == (
        "the column '\\x1b]0;x\\x07\\x9b31m\\u202e\\u2028' and\ta\ttab\nof \\ud800 é 字"
    )
    data = frame().rename(columns={"x": "\x1b[2Jx"})
    with pytest.raises(al.FormulaError) as caught:
        al.fit_multilevel("y ~ z + (1 | group)", data)
    assert "\x1b" not in str(caught.value)
    assert "\\x1b[2Jx" in str(caught.value)

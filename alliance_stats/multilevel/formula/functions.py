"""The functions a formula knows, and the one call that adds to them.

A formula is never run as code: a name before a bracket is looked up here and nowhere else.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ...errors import DesignError
from ..engine.batches import Array
from . import splines
from .coding import KINDS

Made = Callable[..., Array]


@dataclass(frozen=True)
class FormulaFunction:
    """A function of formulas.

    Attributes
    ----------
    kind
        ``"numbers"``: makes numbers of numbers. ``"categories"``: makes categories of a column.
        ``"setting"``: stands inside of another function only. ``"column"``: names a column.
    learn
        Of ``numbers``: takes the columns and settings and returns a function that makes the
        values, for these rows or new ones, from what it has learned of these.
    columns
        How many columns come first; None for one or more.
    settings
        Names of what may follow, in order.
    """

    name: str
    kind: str
    learn: Callable[..., Made]
    columns: int | None
    settings: tuple[str, ...]
    says: str
    example: str


FORMULA_FUNCTIONS: dict[str, FormulaFunction] = {}
LEARNING = frozenset({"center", "scale", "standardize", "poly", "bs", "ns"})
"""Functions that learn something of all rows."""
STEPPED = frozenset({"sign", "floor", "ceiling", "round"})
"""Functions that jump: between the jumps they say nothing of what goes with their column."""
OWN = "a function of your own"
INSTEAD = {
    "offset": "Of a count give it beside the formula, such as offset='log(minutes)'. Subtract the "
    "offset of a measurement from the outcome, in a column of its own.",
    "lag": "Make the column first, by al.lag, which keeps to each client's own sessions.",
    "cr": "Write ns(x, df=4), a natural cubic spline.",
    "cs": "Write ns(x, df=4), a natural cubic spline.",
    "cc": "Write sin(x) + cos(x) of a turn's share, or bs(x, df=4).",
    "s": "Write ns(x, df=4), a spline of fixed stiffness.",
    "te": "Write ns(x, df=3):ns(z, df=3).",
    "as.numeric": "Make the column numeric first, by pandas.to_numeric.",
    "cbind": "Of successes and failures, model the successes (k ~ ...) and name the column of how "
    "many there could be: family='binomial', trials='n'. Fit each of several outcomes in a model "
    "of its own.",
    "np.where": "Write I(x > 1), which is 1 where it holds and else 0.",
    "where": "Write I(x > 1), which is 1 where it holds and else 0.",
    "ifelse": "Write I(x > 1), which is 1 where it holds and else 0.",
}


def register_formula_function(name: str, function: Callable[..., Any]) -> None:
    """Teach formulas a function of your own.

    Parameters
    ----------
    name
        How formulas call it: letters, digits, ``_`` and dots. Names that formulas know already
        cannot be given another meaning.
    function
        Takes one numeric array or several, and settings by keyword; returns one number a row, or
        several columns. A row's value may depend on that row alone (what is learned from all
        rows would differ in new data).

    Raises
    ------
    DesignError
        Where the name is no name, or is taken.

    Notes
    -----
    Only code can add a function: no text of a formula can. Parameters without a default are
    columns, those with one are settings.

    Examples
    --------
    >>> import alliance_stats as al, numpy as np, pandas as pd
    >>> al.register_formula_function("above", lambda x, limit=0.0: np.maximum(x - limit, 0.0))
    >>> rng = np.random.default_rng(1)
    >>> client = np.repeat(np.arange(30), 8)
    >>> data = pd.DataFrame({"client_id": client, "session": np.tile(np.arange(8.0), 30)})
    >>> data["distress"] = 20 - data.session + rng.normal(0, 3, 30)[client] + rng.normal(0, 2, 240)
    >>> fit = al.fit_multilevel("distress ~ above(session, limit=4) + (1 | client_id)", data)
    >>> fit.params.index.tolist()
    ['Intercept', 'above(session, limit=4)']
    """
    if not isinstance(name, str) or not re.fullmatch(r"[^\W\d_][\w.]*", name):
        raise DesignError(f"A function's name holds letters, digits, '_' and dots, not {name!r}.")
    if not callable(function):
        raise DesignError(f"'{name}' must be a function, not {type(function).__name__}.")
    known = FORMULA_FUNCTIONS.get(name)
    if known is not None and known.says != OWN:
        raise DesignError(f"Formulas know '{name}' already ({known.says}); take another name.")
    _add(name, _plain(function), OWN, f"{name}(x)", like=function)
    _editions.append(name)


def edition() -> int:
    """Return a number that changes with each function added."""
    return len(_editions)


def list_formula_functions() -> pd.DataFrame:
    """Which functions can stand in a formula?

    Returns
    -------
    pandas.DataFrame
        A row a function: ``function``, ``says`` (what it is) and ``example``.

    Examples
    --------
    >>> import alliance_stats as al
    >>> al.list_formula_functions().set_index("function").loc["scale", "example"]
    'scale(x)'
    """
    rows = [
        {"function": name, "says": known.says, "example": known.example}
        for name, known in FORMULA_FUNCTIONS.items()
        if name == known.name  # others are second names
    ]
    return pd.DataFrame(rows)


_editions: list[str] = []


def _add(
    name: str,
    learn: Callable[..., Made],
    says: str,
    example: str,
    *,
    kind: str = "numbers",
    like: Callable[..., Any] | None = None,
) -> None:
    """Add a function; its parameters without a default are columns, the others settings."""
    columns: int | None
    settings: tuple[str, ...] = ()
    if isinstance(like, np.ufunc):
        columns = like.nin
    else:
        columns, settings = _parameters(like or learn)
    FORMULA_FUNCTIONS[name] = FormulaFunction(name, kind, learn, columns, settings, says, example)


def _parameters(function: Callable[..., Any]) -> tuple[int | None, tuple[str, ...]]:
    try:
        given = inspect.signature(function).parameters.values()
    except ValueError:  # some built-in functions do not say
        return 1, ()
    places = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    columns = [p for p in given if p.kind in places and p.default is inspect.Parameter.empty]
    settings = tuple(p.name for p in given if p.default is not inspect.Parameter.empty)
    if any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in given):
        return None, settings
    return len(columns), settings


def _plain(function: Callable[..., Any]) -> Callable[..., Made]:
    """Make a function of each row alone into one that learns nothing."""

    def learn(*columns: Array, **settings: Any) -> Made:
        return lambda *new: function(*new, **settings)

    return learn


def _scale(x: Array, center: bool | float = True, scale: bool | float = True) -> Made:
    middle = _number(center, lambda: float(x.mean()), 0.0)
    spread = x - middle
    by = _number(scale, lambda: float(np.sqrt(spread @ spread / max(len(x) - 1, 1))), 1.0)
    if by == 0:
        raise DesignError("scale() needs values that differ.")
    return lambda new: (new - middle) / by


def _standardize(x: Array, center: bool = True, rescale: bool = True) -> Made:
    middle = _number(center, lambda: float(x.mean()), 0.0)
    by = _number(rescale, lambda: float(x.std()), 1.0)
    if by == 0:
        raise DesignError("standardize() needs values that differ.")
    return lambda new: (new - middle) / by


def _number(given: object, learned: Callable[[], float], without: float) -> float:
    if isinstance(given, bool):
        return learned() if given else without
    if isinstance(given, (int, float)):
        return float(given)
    raise DesignError(f"A centre or scale is TRUE, FALSE or a number, not {given!r}.")


def _center(x: Array) -> Made:
    middle = float(x.mean())
    return lambda new: new - middle


def _round(x: Array, digits: int = 0) -> Array:
    if isinstance(digits, bool) or not isinstance(digits, int) or abs(digits) > 15:
        raise DesignError(f"digits of round() must be a whole number to 15, not {digits!r}.")
    return np.round(x, digits)


def _nothing(x: Array) -> Made:
    raise AssertionError("handled where columns are made")


def _category(x: Any, contrast: Any = None, levels: Any = None) -> Made:
    return _nothing(x)


def _relevel(x: Any, ref: Any = None) -> Made:
    return _nothing(x)


def _several(*values: Any) -> Made:
    return _nothing(values[0])


def _contrast(base: Any = None, reference: Any = None, ref: Any = None) -> Made:
    raise AssertionError("handled where settings are read")


def _no_base() -> Made:
    raise AssertionError("handled where settings are read")


_ELEMENTWISE: dict[str, tuple[Callable[..., Any], str, str]] = {
    "log": (np.log, "natural logarithm", "log(x + 1)"),
    "log2": (np.log2, "logarithm to base 2", "log2(x)"),
    "log10": (np.log10, "logarithm to base 10", "log10(x)"),
    "log1p": (np.log1p, "log(1 + x)", "log1p(x)"),
    "exp": (np.exp, "exponential", "exp(-x)"),
    "expm1": (np.expm1, "exp(x) - 1", "expm1(x)"),
    "sqrt": (np.sqrt, "square root", "sqrt(x)"),
    "abs": (np.abs, "absolute value", "abs(x)"),
    "sign": (np.sign, "-1, 0 or 1", "sign(x)"),
    "sin": (np.sin, "sine of radians", "sin(2 * 3.141593 * x / 52)"),
    "cos": (np.cos, "cosine of radians", "cos(2 * 3.141593 * x / 52)"),
    "tanh": (np.tanh, "hyperbolic tangent", "tanh(x)"),
    "floor": (np.floor, "the whole number below", "floor(x / 10)"),
    "ceiling": (np.ceil, "the whole number above", "ceiling(x / 10)"),
}


def _register_all() -> None:
    _add("I", _plain(lambda x: x), "arithmetic and comparisons (1 where true)", "I(x^2)",
         like=lambda x: x)  # fmt: skip
    for name, (function, says, example) in _ELEMENTWISE.items():
        _add(name, _plain(function), says, example, like=function)
    _add("round", _plain(_round), "rounded, halves to even", "round(x, 1)", like=_round)
    _add("pmin", _plain(lambda *x: np.minimum.reduce(np.broadcast_arrays(*x))),
         "the smallest in each row", "pmin(x, 10)", like=lambda *x: x)  # fmt: skip
    _add("pmax", _plain(lambda *x: np.maximum.reduce(np.broadcast_arrays(*x))),
         "the largest in each row", "pmax(x - 5, 0)", like=lambda *x: x)  # fmt: skip
    _add("center", _center, "less its mean", "center(x)")
    _add("scale", _scale, "less its mean, by its SD (n - 1)", "scale(x)")
    _add("standardize", _standardize, "less its mean, by its SD (n)", "standardize(x)")
    _add("poly", splines.poly, "orthogonal polynomials; raw=TRUE: powers", "poly(x, 2)")
    _add("bs", splines.bs, "B-splines", "bs(x, df=4)")
    _add("ns", splines.ns, "natural cubic splines", "ns(x, df=3)")
    _add("C", _category, "categories, with a coding or an order of levels", "C(x, contr.sum)",
         kind="categories")  # fmt: skip
    for name in ("factor", "as.factor"):
        _add(name, _category, "categories, as C()", f"{name}(x)", kind="categories")
    _add("relevel", _relevel, "categories with another reference", "relevel(x, ref='b')",
         kind="categories")  # fmt: skip
    _add("Q", _nothing, "a column of that name, as backticks are", "Q('odd name')", kind="column")
    _add("c", _several, "several values for a setting", "bs(x, knots=c(4, 8))", kind="setting")
    for name, letter in KINDS.items():
        based = letter == "T" and name != "contr.SAS"
        _add(name, _contrast if based else _no_base, "a coding of categories",
             f"C(x, {name}('b'))" if based else f"C(x, {name})", kind="setting")  # fmt: skip
    aliases = {"np.ceil": "ceiling", "np.maximum": "pmax", "np.minimum": "pmin",
               "np.absolute": "abs", "np.round": "round"}  # fmt: skip
    aliases |= {f"np.{name}": name for name in _ELEMENTWISE if name != "ceiling"}
    for alias, name in aliases.items():
        FORMULA_FUNCTIONS[alias] = FORMULA_FUNCTIONS[name]


_register_all()

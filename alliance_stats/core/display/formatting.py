"""How numbers are written: APA style, one function a kind of number.

A missing number is an en dash. A minus sign is a minus sign (U+2212), so that it does not break
and aligns with a plus. Nothing is rounded before it comes here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

MISSING = "–"
ABOUT = "\N{ALMOST EQUAL TO}"
"""Stands before a number rounded so that no number of people follows from it."""
MINUS = "−"


def is_missing(value: Any) -> bool:
    """Return whether there is no number: None, NaN or pandas' missing value."""
    if value is None:
        return True
    try:
        return bool(value != value)
    except TypeError:  # pd.NA refuses to be a truth value
        return True


def number(value: Any, digits: int = 2, *, bounded: bool = False) -> str:
    """Return a number with fixed decimals.

    Parameters
    ----------
    value
        The number; missing gives an en dash.
    digits
        Decimals.
    bounded
        True where the quantity cannot exceed 1 in size (correlations, shares, reliabilities):
        APA then drops the zero before the point. A value that rounds to 1 keeps its ``1.00``.

    Examples
    --------
    >>> number(-0.304), number(-0.304, bounded=True), number(None)
    ('−0.30', '−.30', '–')
    """
    if is_missing(value):
        return MISSING
    value = float(value)
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    text = f"{abs(value):,.{digits}f}"
    negative = value < 0 and any(digit in "123456789" for digit in text)
    if bounded and text.startswith("0."):
        text = text[1:]
    return f"{MINUS}{text}" if negative else text


_BOUNDED = re.compile(
    r"(?:^|[\W_])(?:cor|phi|icc|kappa|alpha|auc|r|r2|share|correlation|reliability|reciprocity|"
    r"cfi|tli|rmsea|srmr|brier|ppv|sensitivity|specificity|power|prevalence)(?![^\W_])",
    re.IGNORECASE,
)


def is_bounded(name: str) -> bool:
    """Return whether a quantity's name says that it cannot exceed 1 in size.

    Examples
    --------
    >>> is_bounded("improved:AUC"), is_bounded("icc_above"), is_bounded("core")
    (True, True, False)
    """
    return _BOUNDED.search(name) is not None


def significant(value: float, digits: int = 4) -> float:
    """Return a number with so many significant digits; whole numbers stay whole.

    Examples
    --------
    >>> significant(0.0123456), significant(123456.0), significant(98.76543)
    (0.01235, 123456.0, 98.77)
    """
    if not math.isfinite(value) or float(value).is_integer():
        return value
    return float(f"{value:.{digits}g}") if abs(value) < 10**digits else round(value)


def count(value: Any) -> str:
    """Return a whole number with thousands separated: ``12,345``."""
    return MISSING if is_missing(value) else number(round(float(value)), 0)


def percent(share: Any, digits: int = 1) -> str:
    """Return a share (0 to 1) in per cent: ``25.3%``."""
    return MISSING if is_missing(share) else f"{number(100 * float(share), digits)}%"


def p_value(p: Any) -> str:
    """Return a p value as APA wants it: three decimals, no leading zero, ``< .001`` below.

    Examples
    --------
    >>> p_value(0.0423), p_value(0.00002), p_value(0.9999)
    ('.042', '< .001', '> .999')
    """
    if is_missing(p):
        return MISSING
    p = float(p)
    if not 0 <= p <= 1:
        raise ValueError(f"A p value lies between 0 and 1, not {p!r}.")
    if p < 0.001:
        return "< .001"
    if p > 0.999:
        return "> .999"
    return number(p, 3, bounded=True)


def equation(name: str, text: str) -> str:
    """Return a quantity and its number as text; one too small or large to be written is a bound.

    Examples
    --------
    >>> equation("b", "0.21"), equation("b", "< 0.001")
    ('b = 0.21', 'b < 0.001')
    """
    return f"{name} {text}" if text[:1] in ("<", ">") else f"{name} = {text}"


def p_sentence(p: Any) -> str:
    """Return ``p = .042`` or ``p < .001``, for running text."""
    return equation("p", p_value(p)).replace(" ", "\u00a0")  # never broken over a line


def p_after_comma(p: Any) -> str:
    """Return ``, p = .042`` to stand behind an interval; nothing where there is no p value."""
    return "" if is_missing(p) else f", {p_sentence(p)}"


def interval(low: Any, high: Any, digits: int = 2, *, bounded: bool = False) -> str:
    """Return an interval in brackets: ``[−0.30, 0.12]``."""
    if is_missing(low) and is_missing(high):
        return MISSING
    ends = (number(end, digits, bounded=bounded) for end in (low, high))
    return "[" + ", ".join(ends) + "]"


def percent_interval(low: Any, high: Any, digits: int = 1) -> str:
    """Return an interval of shares in per cent: ``[12.1%, 15.9%]``."""
    if is_missing(low) and is_missing(high):
        return MISSING
    return f"[{percent(low, digits)}, {percent(high, digits)}]"


def degrees(df: Any) -> str:
    """Return degrees of freedom: one decimal where they are not whole, ``∞`` for a z."""
    if is_missing(df):
        return MISSING
    df = float(df)
    if math.isinf(df) or df >= 1e5:
        return "∞"
    return number(df, 0 if df.is_integer() else 1)


def degrees_of(row: Mapping[str, Any] | pd.Series) -> str:
    """Return the degrees of freedom of a row; of an F both, those of its numerator first."""
    told = [degrees(row[name]) for name in ("df_num", "df") if not is_missing(row.get(name))]
    return ", ".join(told) or MISSING


def decimals_for(std_errors: Any) -> int:
    """Return 2 or 3 decimals: enough that the smallest standard error shows two digits."""
    errors = [abs(float(e)) for e in std_errors if not is_missing(e) and float(e) != 0]
    return 3 if errors and min(errors) < 0.095 else 2


def decimals_told(values: Any) -> int:
    """Return how many decimals write numbers that are rounded already, and none that is not told.

    Examples
    --------
    >>> decimals_told([35.0, 20.0, 50.0]), decimals_told([-0.4, -1.4, 0.0]), decimals_told([0.035])
    (0, 1, 3)
    """
    numbers = [float(value) for value in values if not is_missing(value)]
    return next(n for n in range(10) if n == 9 or all(v == round(v, n) for v in numbers))


def spreadsheet_safe(value: Any) -> Any:
    """Return text that no spreadsheet takes for a formula; numbers pass unchanged."""
    if isinstance(value, str) and value.lstrip(" \t\r\n")[:1] in ("=", "+", "-", "@"):
        return "'" + value
    if isinstance(value, str) and value[:1] in ("\t", "\r", "\n"):
        return "'" + value
    return value

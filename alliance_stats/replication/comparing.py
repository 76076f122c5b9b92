"""Each printed number beside the recomputed one, and the verdict by a stated rule."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext
from typing import Any

import numpy as np
import pandas as pd

from ..errors import ColumnError, DesignError, did_you_mean, listing
from .printed import Printed
from .published import PublishedTable
from .result import Replication

PRECISION = 400
"""Digits in which numbers are compared: more than print or doubles have."""


def compare_published(
    published: PublishedTable,
    recomputed: pd.DataFrame | Mapping[str, Mapping[str, Any]],
) -> Replication:
    """Does each number of a published table come out again?

    Parameters
    ----------
    published
        From `read_published_table`.
    recomputed
        A DataFrame whose index holds the table's rows and whose columns its quantities, at full
        precision and in the unit of print (percent where percent is printed); or the same as
        ``{row: {quantity: value}}``. What is left out or NaN counts as not computed.

    Returns
    -------
    Replication
        ``.cells`` has a row a printed number with its ``verdict``: ``equal``, ``rounding``,
        ``different`` or ``not computed``; ``.rule`` says by which rule.

    Raises
    ------
    DesignError
        Where no row and quantity of the table was recomputed at all.
    ColumnError
        Where a recomputed value is no number.

    Notes
    -----
    ``equal``: the recomputed number, rounded half up or half to even to the printed decimals, is
    the printed one. ``rounding``: it differs by no more than one unit of the last printed digit,
    which rounding on the way can cause (or an error of that size); whole numbers on both sides are
    counts, which are not rounded. Of a bound such as ``< .001``
    only whether it holds can be checked. Agreement shows that the same computation was done, not
    that it was the right one.

    Examples
    --------
    >>> import alliance_stats as al
    >>> table = al.read_published_table("demo-trial")
    >>> found = al.compare_published(table, {"Client, session 1": {"M": 3.8539, "SD": 0.9}})
    >>> found.cells.query("row == 'Client, session 1'")[["column", "verdict"]].values.tolist()
    [['n', 'not computed'], ['M', 'equal'], ['SD', 'different']]
    """
    if not isinstance(published, PublishedTable):
        raise DesignError(
            "published must be a table from al.read_published_table, not "
            f"{type(published).__name__}."
        )
    values = _values(recomputed)
    wanted = list(published.cells)
    if not set(wanted) & set(values):
        raise DesignError(
            f"Nothing of the published table was recomputed: its rows are "
            f"{listing(published.rows, 8)} and its quantities "
            f"{listing(dict.fromkeys(name for _, name in wanted), 8)}; recomputed were rows "
            f"{listing(dict.fromkeys(row for row, _ in values), 8) or 'none'}."
        )
    rows = []
    for (row, column), printed in published.cells.items():
        value = values.get((row, column), math.nan)
        verdict, note = _judge(printed, value)
        rows.append(
            {
                "row": row, "column": column, "printed": printed.text,
                "published": float(printed.value), "relation": printed.relation,
                "unit": float(printed.unit), "recomputed": value,
                "difference": math.nan if printed.relation else value - float(printed.value),
                "verdict": verdict, "note": note,
            }
        )  # fmt: skip
    return Replication(
        pd.DataFrame(rows), published, messages=tuple(_messages(published, values, rows))
    )


def _values(recomputed: Any) -> dict[tuple[str, str], float]:
    """Return the recomputed numbers by row and quantity."""
    if isinstance(recomputed, pd.DataFrame):
        for what, labels in (("row", recomputed.index), ("quantity", recomputed.columns)):
            if not labels.is_unique:
                twice = listing(labels[labels.duplicated()].unique())
                raise DesignError(f"The recomputed {what} {twice} stands there twice; keep one.")
        recomputed = recomputed.to_dict(orient="index")
    if not isinstance(recomputed, Mapping):
        raise DesignError(
            "The recomputed numbers are a DataFrame (rows by quantities) or "
            f"{{row: {{quantity: value}}}}; a {type(recomputed).__name__} came."
        )
    found: dict[tuple[str, str], float] = {}
    for row, cells in recomputed.items():
        if not isinstance(cells, Mapping):
            raise DesignError(f"The row '{row}' must map quantities to values, not {cells!r}.")
        for column, value in cells.items():
            if (str(row), str(column)) in found:
                raise DesignError(
                    f"The recomputed row '{row}', quantity '{column}', stands there twice; "
                    "keep one."
                )
            found[str(row), str(column)] = _number(value, row, column)
    return found


def _number(value: Any, row: Any, column: Any) -> float:
    if value is None or value is pd.NA:
        return math.nan
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise ColumnError(
            f"The recomputed value of row '{row}', quantity '{column}', is {value!r}, not a number."
        ) from None


def _judge(printed: Printed, value: float) -> tuple[str, str]:
    """Return the verdict on one number, and what a difference looks like."""
    if not math.isfinite(value):
        return "not computed", ""
    if printed.relation:
        return _bound(printed, value)
    if _rounds_to(value, printed):
        return "equal", ""
    with localcontext(prec=PRECISION):
        apart = abs(Decimal(repr(value)) - printed.value)
    count = printed.unit >= 1 and float(value).is_integer()  # one more client is no rounding
    if apart <= printed.unit and not count:
        return "rounding", ""
    return "different", _likely(printed, value)


def _rounds_to(value: float, printed: Printed) -> bool:
    """Return whether a number rounds to the printed one, half up or half to even.

    Programs round the number as written (0.145) or as it is held (0.14499999999999999); either
    is ordinary rounding.
    """
    with localcontext(prec=PRECISION):
        written, held = Decimal(repr(value)), Decimal(value)
        candidates = (
            written.quantize(printed.unit, ROUND_HALF_UP),
            written.quantize(printed.unit, ROUND_HALF_EVEN),
            held.quantize(printed.unit, ROUND_HALF_EVEN),
        )
    return printed.value in candidates


def _bound(printed: Printed, value: float) -> tuple[str, str]:
    bound = float(printed.value)
    holds = {"<": value < bound, "≤": value <= bound, ">": value > bound, "≥": value >= bound}
    if holds[printed.relation]:
        return "equal", ""
    return "different", "it rounds to the bound" if _rounds_to(value, printed) else ""


def _likely(printed: Printed, value: float) -> str:
    """Return which ordinary slip would explain a difference, empty where none does."""
    if _rounds_to(-value, printed):
        return "equal with the opposite sign"
    if _rounds_to(100 * value, printed):
        return "equal where the recomputed value is a share and percent is printed"
    if _rounds_to(value / 100, printed):
        return "equal where the recomputed value is in percent and a share is printed"
    if printed.value >= 1000 and _rounds_to(1000 * value, printed):
        return "equal where the comma parts decimals: write 'decimal: comma' into the file"
    return ""


def _messages(
    published: PublishedTable,
    values: Mapping[tuple[str, str], float],
    rows: list[dict[str, Any]],
) -> list[str]:
    said = []
    extra = [key for key in values if key not in published.cells]
    if extra:
        row, column = extra[0]
        names = {each for each, _ in published.cells}
        near = did_you_mean(row, names) if row not in names else ""
        said.append(
            f"{len(extra)} recomputed numbers have no printed counterpart "
            f"(first: row '{row}', quantity '{column}').{near}"
        )
    if any(one.marks for one in published.cells.values()):
        said.append("Stars and other marks behind numbers are kept and not compared.")
    if any(one["verdict"] == "equal" and one["relation"] for one in rows):
        said.append("Of a printed bound, such as < .001, only whether it holds is checked.")
    return said

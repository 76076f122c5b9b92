"""Small cells: a count of one to four people is not shown, nor is what would give it away.

The rule is the usual one of health statistics: counts from 1 to 4 are hidden, zero is shown.
Where the cells of a group add up to a total that is shown, hiding one cell hides nothing, so the
next smallest is hidden with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from ..errors import DesignError
from .formatting import plural

SMALLEST_SHOWN = 5
SMALL, WITHHELD = "small", "withheld"
NOTE = (
    "Counts of one to four people are not shown (< 5), nor what was computed from them; where "
    "one such count could be told from the total, another is withheld with it."
)


def is_small(n: object) -> bool:
    """Return whether a count of people is too small to be shown."""
    return n is not None and n == n and 0 < float(n) < SMALLEST_SHOWN  # type: ignore[arg-type]


def people(n: int, one: str, many: str | None = None) -> str:
    """Return a number of people in words: ``12 clients``, or ``fewer than 5 clients``."""
    if is_small(n):
        return f"fewer than {SMALLEST_SHOWN} {many or one + 's'}"
    return plural(n, one, many)


def require_people(n: int, what: str) -> None:
    """Raise where so few people stand behind a table or figure that it is not shown."""
    if n < SMALLEST_SHOWN:
        raise DesignError(
            f"Fewer than {SMALLEST_SHOWN} {what}: numbers about so few people are not shown."
        )


def hidden_cells(
    counts: Sequence[float] | np.ndarray,
    *,
    sums_to_total: bool = True,
    first: Sequence[bool] | np.ndarray | None = None,
) -> np.ndarray:
    """Return which of the counts must not be shown.

    Parameters
    ----------
    counts
        The cells of one group; NaN is an empty cell.
    sums_to_total
        True where the reader also sees what the cells add up to.
    first
        Cells to withhold before any other, where one must be withheld beside a small one.
    """
    preferred = (
        np.zeros(len(counts), dtype=bool) if first is None else np.asarray(first, dtype=bool)
    )
    values = np.asarray(counts, dtype=float)
    hidden = (values > 0) & (values < SMALLEST_SHOWN)
    # Hidden cells are safe together only when at least two people-bearing cells are hidden and
    # their sum leaves more than one way to split it.
    while sums_to_total and hidden.any() and _can_be_told(values, hidden):
        candidates = np.where(~hidden & (values > 0))[0]
        if not len(candidates):
            break
        if preferred[candidates].any():
            candidates = candidates[preferred[candidates]]
        hidden[candidates[np.argmin(values[candidates])]] = True
    return hidden


def _can_be_told(values: np.ndarray, hidden: np.ndarray) -> bool:
    inside = int(hidden.sum())
    # k hidden cells between 1 and 4 are told by their sum when it is k (all 1) or 4k (all 4).
    total = float(values[hidden].sum())
    return inside == 1 or total in (inside, inside * (SMALLEST_SHOWN - 1))


def suppress(
    frame: pd.DataFrame,
    count: str,
    *,
    also: Sequence[str] = (),
    within: Sequence[str] = (),
    sums_to_total: bool = True,
    first: pd.Series | None = None,
) -> pd.DataFrame:
    """Return the table with small counts, and what was computed from them, blanked.

    Parameters
    ----------
    frame
        A table with one cell a row.
    count
        The column that counts people.
    also
        Columns that give the count away (shares, intervals, means); blanked in the same rows.
    within
        Columns that say which rows add up to one shown total.
    sums_to_total
        False where no total is shown.
    first
        Rows to withhold before any other, where one must be withheld beside a small one; by
        default the next smallest.

    Returns
    -------
    DataFrame
        A copy, with the column ``suppressed``: ``small`` (one to four people), ``withheld`` (so
        that a small one cannot be told) or empty.
    """
    hidden = pd.Series(False, index=frame.index)
    groups = frame.groupby(list(within), sort=False, dropna=False) if within else [((), frame)]
    for _, part in groups:
        hidden.loc[part.index] = hidden_cells(
            part[count].to_numpy(dtype=float),
            sums_to_total=sums_to_total,
            first=None if first is None else first.loc[part.index].to_numpy(),
        )
    small = frame[count].map(is_small)
    reason = np.where(small & hidden, SMALL, np.where(hidden, WITHHELD, ""))
    out = frame.assign(suppressed=reason)
    for column in (count, *also):
        out[column] = out[column].where(~hidden)
    return out


def any_hidden(frame: pd.DataFrame) -> bool:
    """Return whether `suppress` hid anything."""
    return bool((frame["suppressed"] != "").any())


def tellable(messages: Iterable[str]) -> list[str]:
    """Return the messages that count no group of one to four people."""
    few = re.compile(r"\b[1-4] of [\d,]+ (?:clients|dyads|groups)\b|^Deterioration counts")
    return [message for message in messages if not few.search(message)]

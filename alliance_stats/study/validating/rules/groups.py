"""Splitting rows into groups that are each one problem."""

from __future__ import annotations

import numpy as np

MOST = 500
"""More groups than this are told in one sentence: nobody reads more, and it stays fast."""


def split_rows(rows: np.ndarray, codes: np.ndarray) -> list[np.ndarray] | None:
    """Return the rows by group, in order of each group's first row; None for more than `MOST`.

    Parameters
    ----------
    rows
        Positions, rising.
    codes
        For each of them an integer that says which group it belongs to.
    """
    _, first, group = np.unique(codes, return_index=True, return_inverse=True)
    if len(first) > MOST:
        return None
    order = np.argsort(group, kind="stable")
    parts = np.split(rows[order], np.cumsum(np.bincount(group, minlength=len(first)))[:-1])
    return [parts[i] for i in np.argsort(first, kind="stable")] if len(rows) else []

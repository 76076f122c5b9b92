"""Clients who are in the data twice, possibly under another therapist and so in another fold."""

from __future__ import annotations

from numbers import Real

import numpy as np
import pandas as pd

_NUMBERS, _DISTINCT = 6, 4  # what a client must have before two can be called the same


def copies(
    scores: pd.DataFrame, assessments: pd.DataFrame | None, background: pd.DataFrame, ids: pd.Series
) -> np.ndarray:
    """Return a mask of clients of `ids` whose every score repeats an earlier client's.

    Compared are the session scores of the whole therapy, whichever features were chosen and
    whoever the therapist is; without enough of those, the assessments and the client's own
    columns with them. Six numbers, four of them different, are rarely the same by accident.
    """
    by_session = _keys(scores, ["session", "rater", "measure", "scale"], ids)
    enough = by_session.notna().to_numpy()
    rest = pd.Series([None] * len(ids), dtype=object)
    if assessments is not None:
        rest = _keys(assessments, ["occasion", "rater", "measure", "scale"], ids, least=1)
    pairs = zip(rest, _own(background), strict=True)
    whole = pd.Series([_joined(scored, own) for scored, own in pairs], dtype=object)
    return _repeated(by_session) | (_repeated(whole) & ~enough)


def _keys(
    rows: pd.DataFrame, what: list[str], ids: pd.Series, *, least: int = _NUMBERS
) -> pd.Series:
    """Return each client's scores as one value; None where there are too few to compare."""
    kept = rows[rows["score"].notna() & rows["client_id"].isin(ids)].reset_index(drop=True)
    word = kept[what[0]].astype(str)
    for column in what[1:]:
        word = word + "|" + kept[column].astype(str)
    own = pd.DataFrame({"client_id": kept["client_id"], "word": word, "score": kept["score"]})
    made = {}
    for client, part in own.sort_values("word").groupby("client_id", observed=True):
        if len(part) >= least and (least == 1 or part["score"].nunique() >= _DISTINCT):
            made[client] = tuple(
                zip(part["word"], part["score"].astype(float).round(9), strict=True)
            )
    return pd.Series([made.get(client) for client in ids], dtype=object)


def _own(background: pd.DataFrame) -> list[tuple[tuple[str, object], ...]]:
    """Return each client's own columns as pairs of name and value."""
    columns = sorted(map(str, background.columns))
    rows = background[columns].astype(object).to_numpy()
    return [tuple(zip(columns, row, strict=True)) for row in rows]


def _joined(scored: object, own: tuple[tuple[str, object], ...]) -> object:
    numbers = [value for _, value in own if isinstance(value, Real) and value == value]
    numbers += [value for _, value in scored] if isinstance(scored, tuple) else []
    if len(numbers) < _NUMBERS or len(set(numbers)) < _DISTINCT:
        return None
    return (scored, tuple((name, str(value)) for name, value in own))


def _repeated(keys: pd.Series) -> np.ndarray:
    return np.asarray(keys.duplicated(keep="first") & keys.notna())

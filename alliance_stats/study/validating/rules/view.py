"""The study as the rules see it: tables with integer codes, and answers grouped into forms.

Codes are made once a column and shared by all rules; rows that belong to one filled-in form
stand next to each other in nearly every file, so that rules work on runs of rows rather than
on a million rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...frames import counted_anew
from ...origin import Origin

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_LOOKUP = 20_000_000  # cells of a lookup table: 20 MB of booleans; beyond it we sort


@dataclass(frozen=True)
class Codes:
    """A column as integers (-1 where blank) and the values they stand for."""

    codes: np.ndarray
    values: np.ndarray

    def where(self, wanted: np.ndarray) -> np.ndarray:
        """Return, for each row, whether its value is among those marked in `wanted`."""
        return np.append(wanted, False)[self.codes]

    def used(self) -> set[str]:
        """Return the values that occur (a categorical column may name others)."""
        return set(self.values[np.unique(self.codes[self.codes >= 0])])


@dataclass(frozen=True)
class Runs:
    """Consecutive rows of one form: one client, session, rater and measure.

    `start` and `length` are in rows; the others hold one code a run.
    """

    start: np.ndarray
    length: np.ndarray
    client: np.ndarray
    session: np.ndarray
    rater: np.ndarray
    measure: np.ndarray

    def rows(self, chosen: np.ndarray) -> np.ndarray:
        """Return the positions of all rows of the chosen runs (a mask over runs)."""
        return np.flatnonzero(np.repeat(chosen, self.length))


class StudyView:
    """The tables under examination.

    Attributes
    ----------
    frames
        Canonical tables with typed columns, and ``given_scores`` where the file has totals of
        measures whose items it also has.
    registry
        The cards of the measures (mapping-like: name → `Measure`).
    options
        What the mapping said about the study.
    named
        Places already spoken of while reading: ``(rule, file, column)``.
    twice
        Rows that two sources take wrongly: ``(file, sheet, row)``.
    remembered
        What rules share and is costly to make; emptied when a table changes.
    """

    def __init__(
        self,
        frames: Mapping[str, pd.DataFrame],
        origins: Mapping[str, Origin],
        registry: Any,
        options: Mapping[str, Any],
        named: frozenset[tuple[str, str, str]] = frozenset(),
        twice: frozenset[tuple[str, str, int]] = frozenset(),
    ) -> None:
        self.frames = {name: counted_anew(frame) for name, frame in frames.items()}
        self.origins = dict(origins)
        self.registry = registry
        self.options = dict(options)
        self.named, self.twice = named, twice
        self._at: dict[str, np.ndarray] = {}
        self._codes: dict[tuple[str, str], Codes] = {}
        self._runs: dict[str, Runs] = {}
        self.remembered: dict[str, Any] = {}

    def has(self, table: str, *columns: str) -> bool:
        """Return whether the table is there, with rows and all these columns."""
        frame = self.frames.get(table)
        return frame is not None and len(frame) > 0 and all(c in frame.columns for c in columns)

    def is_whole(self, table: str) -> bool:
        """Return whether no row of the table was set aside, here or (by its problem) in reading."""
        return not self.named and table not in self._at

    def positions(self, table: str, rows: np.ndarray) -> np.ndarray:
        """Return where the rows stood in the table before any were set aside."""
        at = self._at.get(table)
        return rows if at is None else at[rows]

    def keep(self, table: str, mask: np.ndarray) -> None:
        """Keep only the rows marked in `mask`."""
        rows = np.flatnonzero(mask)
        self._at[table] = self.positions(table, rows)
        self.frames[table] = self.frames[table].iloc[rows].reset_index(drop=True)
        self._forget(table)

    def replace(self, table: str, column: str, series: pd.Series) -> None:
        """Put another version of a column in place."""
        self.frames[table] = self.frames[table].assign(**{column: series})
        self._codes.pop((table, column), None)
        self.remembered = {}

    def _forget(self, table: str) -> None:
        self._codes = {key: value for key, value in self._codes.items() if key[0] != table}
        self.remembered = {}
        self._runs.pop(table, None)

    def codes(self, table: str, column: str) -> Codes:
        """Return the column as integer codes; made once."""
        key = (table, column)
        if key not in self._codes:
            self._codes[key] = encode(self.frames[table][column])
        return self._codes[key]

    def numbers(self, table: str, column: str) -> np.ndarray:
        """Return a numeric column as a NumPy array (floats where it has blanks)."""
        series = self.frames[table][column]
        if isinstance(series.dtype, np.dtype):
            return series.to_numpy()
        return series.to_numpy(dtype=float, na_value=np.nan)

    def runs(self, table: str) -> Runs:
        """Return the forms of ``ratings`` as runs of rows; made once."""
        if table not in self._runs:
            client, rater, measure = (
                self.codes(table, name).codes for name in ("client_id", "rater", "measure")
            )
            self._runs[table] = _runs(client, self.numbers(table, "session"), rater, measure)
        return self._runs[table]

    def answered(self, table: str) -> np.ndarray:
        """Return which rows hold something: an answer, a score, or (elsewhere) any row."""
        column = {"ratings": "value", "scores": "score", "given_scores": "score"}.get(table)
        if column is None or column not in self.frames[table]:
            return np.ones(len(self.frames[table]), dtype=bool)
        return self.frames[table][column].notna().to_numpy()

    def client_codes(self, table: str, reference: str) -> np.ndarray:
        """Return the table's clients as codes of the `reference` table (-1: not in it)."""
        own, other = self.codes(table, "client_id"), self.codes(reference, "client_id")
        translate = pd.Index(other.values).get_indexer(pd.Index(own.values))
        if (translate == np.arange(len(translate))).all():
            return own.codes
        return np.append(translate, -1)[own.codes]

    def session_lookup(self, mask: np.ndarray | None = None) -> SessionSet:
        """Return the set of (client, session) in ``sessions``, by codes of ``sessions``."""
        client = self.codes("sessions", "client_id").codes
        session = self.numbers("sessions", "session").astype(np.int64)
        if mask is not None:
            client, session = client[mask], session[mask]
        return SessionSet(client, session)


class SessionSet:
    """A set of (client code, session number) that answers membership for many rows at once."""

    def __init__(self, client: np.ndarray, session: np.ndarray) -> None:
        self._width = int(session.max(initial=0)) + 1
        keys = client.astype(np.int64) * self._width + session
        size = (int(client.max(initial=0)) + 1) * self._width
        self._table: np.ndarray | None = None
        if size <= MAX_LOOKUP:
            self._table = np.zeros(size, dtype=bool)
            self._table[keys] = True
        self._keys = keys

    def contains(self, client: np.ndarray, session: np.ndarray) -> np.ndarray:
        """Return for each pair whether it is in the set; an unknown client (-1) is not."""
        session = session.astype(np.int64)
        fits = (client >= 0) & (session >= 0) & (session < self._width)
        keys = np.where(fits, client.astype(np.int64) * self._width + session, -1)
        if self._table is None:
            return fits & np.isin(keys, self._keys)
        inside = fits & (keys < len(self._table))
        return inside & self._table[np.where(inside, keys, 0)] if len(self._table) else inside


def encode(series: pd.Series) -> Codes:
    """Return a column as integer codes and its distinct values, in order of appearance."""
    if isinstance(series.dtype, pd.CategoricalDtype):
        categories = series.cat.categories
        return Codes(series.cat.codes.to_numpy(), np.asarray(categories, dtype=object))
    codes, values = pd.factorize(series)
    return Codes(codes, np.asarray(values, dtype=object))


def _runs(client: np.ndarray, session: np.ndarray, rater: np.ndarray, measure: np.ndarray) -> Runs:
    n = len(client)
    change = np.ones(n, dtype=bool)
    if n > 1:
        change[1:] = client[1:] != client[:-1]
        for key in (session, rater, measure):
            change[1:] |= key[1:] != key[:-1]
    start = np.flatnonzero(change)
    length = np.diff(np.append(start, n))
    return Runs(start, length, client[start], session[start], rater[start], measure[start])

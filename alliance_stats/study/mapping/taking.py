"""Which rows of a file which source takes, where one file is listed several times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...errors import did_you_mean, listing, plural
from ..origin import Problem, SetAside, SourceFile
from .patterns import Pattern
from .spec import SourceSpec
from .values import as_word, codes_of, is_one_of, whole_numbers

_SHOWN = 5


@dataclass
class Takings:
    """Notes of each source its rows, and says at the end which were left and which taken twice."""

    taken: dict[SourceFile, list[tuple[SourceSpec, np.ndarray]]] = field(default_factory=dict)
    rows: dict[SourceFile, np.ndarray] = field(default_factory=dict)

    def add(self, file: SourceFile, spec: SourceSpec, rows: np.ndarray, taken: np.ndarray) -> None:
        """Note the rows of a file (as it counts them) and which of them a source takes."""
        self.rows[file] = rows
        self.taken.setdefault(file, []).append((spec, rows[taken]))

    def problems(self) -> Iterator[Problem]:
        """Yield the rows that a ``where:`` leaves to no source, and those that two sources take."""
        for file, sources in self.taken.items():
            if not any(spec.where for spec, _ in sources):
                continue
            left = self._left(file)
            if len(left):
                yield _problem(
                    "info",
                    "rows_not_taken",
                    f"{plural(len(left), 'row')} of {len(self.rows[file]):,} (row"
                    f"{'s' * (len(left) > 1)} {listing(left, _SHOWN)}) "
                    f"{'is' if len(left) == 1 else 'are'} taken by no source.",
                    "If they hold something, add a source with a where: that takes them.",
                    file,
                    left,
                )
            for n, (spec, rows) in enumerate(sources):
                for other, others in sources[:n]:
                    twice = np.intersect1d(rows, others)
                    used = _used_twice(spec, other) if len(twice) else ""
                    if used:
                        yield _problem(
                            "error",
                            "rows_taken_twice",
                            f"{plural(len(twice), 'row')} (row{'s' * (len(twice) > 1)} "
                            f"{listing(twice, _SHOWN)}) of the file would {used}, by the sources "
                            f"of lines {other.line} and {spec.line} of study.yaml.",
                            "Give where: values that no row has for both.",
                            file,
                            twice,
                        )

    def set_aside(self) -> Iterator[SetAside]:
        """Yield how many rows of each file no source takes."""
        for file, sources in self.taken.items():
            left = len(self._left(file))
            if left:
                table = sources[0][0].table or "sessions"
                yield SetAside(table, "a row that no source takes", left, file.file)

    def _left(self, file: SourceFile) -> np.ndarray:
        rows = self.rows[file]
        return rows[~np.isin(rows, np.concatenate([r for _, r in self.taken[file]]))]


def _used_twice(one: SourceSpec, other: SourceSpec) -> str:
    """Return in words what two sources make twice of the rows they share; empty where nothing.

    Rows may serve several sources as long as each takes other cells: one cell is one answer or one
    total. Whose and of when it is may differ (both partners of a couple, an intake that is session
    0 as well), and answers may make a short form too.
    """
    same_way = "be used twice in the same way"
    if one.table not in _VALUES and other.table not in _VALUES:
        return same_way if (one.table, one.columns) == (other.table, other.columns) else ""
    mine, theirs = _uses_of(one), _uses_of(other)
    for cells, (what, shared) in mine.items():
        if cells in theirs:
            before, also_shared = theirs[cells]
            if what == before:
                return same_way
            if not (shared and also_shared and what[1:] == before[1:]):
                return f"give '{cells[0]}' as {_in_words(before)} and as {_in_words(what)}"
    return "" if mine or theirs else same_way


_VALUES = {None: "", "ratings": "value", "scores": "score", "assessments": "score"}
"""Tables of answers and scores, and the column that holds them; None for measures."""


def _uses_of(spec: SourceSpec) -> dict[tuple[Any, ...], tuple[tuple[Any, ...], bool]]:
    """Return cells (with whose and of when they are) → what they are, and whether items."""

    def held(name: str) -> Any:
        return spec.columns.get(name, spec.constants.get(name))

    about = (spec.table, spec.episode, *map(held, ("client_id", "session", "occasion", "time")))
    if spec.table is not None:
        value = spec.columns.get(_VALUES[spec.table], _VALUES[spec.table])
        return {(value, about): (tuple(map(held, ("measure", "rater", "scale", "item"))), False)}
    return {
        (_name_of(columns), (*about, m.session, m.occasion)): (
            (m.measure, m.rater or held("rater"), scale),
            scale == "items",
        )
        for m in spec.measures
        for scale, columns in {"items": m.items, **m.scores}.items()
        if columns is not None
    }


def _name_of(columns: Any) -> str:
    """Return a column, a pattern, or columns one by one as text."""
    if isinstance(columns, dict):
        return ", ".join(columns.values())
    return columns.text if isinstance(columns, Pattern) else str(columns)


def _in_words(what: tuple[Any, ...]) -> str:
    measure, rater, *rest = what
    by = f" of the {rater}" if rater else ""
    return f"{measure or 'the measure in its column'}{by}" + "".join(f" ({x})" for x in rest if x)


def _problem(
    level: str, rule: str, message: str, hint: str, file: SourceFile, rows: np.ndarray
) -> Problem:
    return Problem(
        level=level,
        rule=rule,
        message=message,
        hint=hint,
        file=file.file,
        sheet=file.sheet,
        row=int(rows[0]),
        also_rows=tuple(map(int, rows[1:])),
    )


def take_where(source: Any) -> None:
    """Keep the rows that ``where:`` takes; say so where it takes none."""
    taken = np.ones(len(source.frame), dtype=bool)
    for column, wanted in source.spec.where.items():
        if column not in source.frame.columns:
            source.absent(column, "which 'where' in study.yaml names")
            taken[:] = False
            continue
        here = is_one_of(source.frame[column], wanted)
        if not here.any():
            there = [as_word(value) for value in codes_of(source.frame[column])[1]]
            words = listing("an empty cell" if w in (None, "") else w for w in wanted)
            source.notes.add(
                "where_takes_nothing",
                f"'where' takes no row: column '{column}' nowhere holds {words}; it holds "
                f"{listing(there, 8) or 'nothing'}.{did_you_mean(wanted[0], there)}"
                if wanted
                else f"'where' takes no row: it gives no value of column '{column}'.",
                hint="Correct the value under where: in study.yaml.",
                column=column,
            )
        taken &= here
    source.gathered.takings.add(source.file, source.spec, source.rows, taken)
    source.keep(taken)


def episodes_of(source: Any) -> np.ndarray | int:
    """Return the treatment each row is of; rows of which it cannot be told are left out."""
    given = source.spec.episode
    if not isinstance(given, str):
        return given or 1
    if given not in source.frame.columns:
        source.absent(given, "which study.yaml gives as episode")
        return 1
    number, bad = whole_numbers(source.frame[given])
    bad = np.union1d(bad, np.flatnonzero(number < 1))
    table = source.spec.table or "sessions"
    source.notes.bad_cells(
        source.frame[given],
        bad,
        rule="not_a_whole_number",
        table=table,
        column=given,
        expected="the number of a treatment (1, 2, ...)",
        hint="Correct it in the file, or leave it empty for a client's first treatment.",
        consequence="The row is left out.",
    )
    source.gathered.leave_out(table, "an episode that cannot be read", len(bad), source.file.file)
    kept = np.ones(len(number), dtype=bool)
    kept[bad] = False
    source.keep(kept)
    return np.nan_to_num(number[kept], nan=1).astype("int64")

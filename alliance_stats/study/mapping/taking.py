"""Which rows of a file which source takes, where one file is listed several times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...errors import did_you_mean, listing, plural
from ..origin import Problem, SetAside, SourceFile
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
                    if len(twice) and _same_use(spec, other):
                        yield _problem(
                            "error",
                            "rows_taken_twice",
                            f"{plural(len(twice), 'row')} (row{'s' * (len(twice) > 1)} "
                            f"{listing(twice, _SHOWN)}) of the file would be used twice in the "
                            f"same way, by the sources of lines {other.line} and {spec.line} of "
                            "study.yaml.",
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


def _same_use(one: SourceSpec, other: SourceSpec) -> bool:
    """Whether two sources make the same of a row: the same table, or a measure in common."""
    if one.table is not None or other.table is not None:
        return one.table == other.table and one.columns == other.columns
    mine, theirs = ([replace(m, line=None) for m in s.measures] for s in (one, other))
    return any(measure in theirs for measure in mine) or not (mine or theirs)


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

"""From partitions to what the engine fits: one pass over the rows, in the rarest case two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd

from ...core.partitions import Source
from ...core.people import refuse_ids
from ...errors import DesignError
from ..checks import (
    about_few_values,
    check_effects,
    check_frame,
    check_sizes,
    missing_note,
)
from ..engine.basis import find_basis, why_left_out
from ..engine.batches import Array, Packing
from ..engine.blocks import Effects, Pool, centre, orthogonalise, random_columns
from ..engine.deviance import lifted, profile_at
from ..engine.grouping import Grouping
from ..engine.likelihood import Level
from ..engine.optimise import minimise
from ..formula.functions import FORMULA_FUNCTIONS, LEARNING
from ..formula.model_formula import Formula, RandomTerm
from ..formula.terms import INTERCEPT, Columns, Table, build, response
from ..formula.tree import Call, Name, Node
from .absent import AbsentFrame, AbsentRows, SummedDesign, SummedGrouping
from .pool import PackedPartition, SummedPool
from .sums import Joined, Summing, complete, join

SAMPLE = 5000  # rows from which it is read what a column holds, and about where it lies
EVERY = 2**31
MANY = 25  # pieces of a partition from which a search on some of them saves more than it takes
SOME = 20  # of so many pieces one is searched first: the search of all then takes four steps
FAR = 3.0  # SDs from zero beyond which a column is summed less its mean


def summed_design(
    formula: Formula, source: Source, *, saturated: bool, progress: bool
) -> SummedDesign:
    """Read partitions into a design of sums.

    Raises
    ------
    FormulaError, ColumnError, DesignError, ReadError
        As `make_design`; and where groups are not nested, or the formula holds a function that
        learns something of all rows.
    """
    _refuse_learning(formula)
    table = Table(_some_rows(formula, source, progress))
    model = _Model.of(formula, table)
    known: list[tuple[Array, Array]] = []
    for _ in range(2):
        summing = model.summing(table, [rest for rest, _ in known])
        words = "Reading partitions" if progress else ""
        parts = list(source.each(summing, formula.columns, words))
        joined = join(formula, parts)
        pool = model.pool(joined, summing.centres, known)
        design = model.design(joined, pool, summing.centres, source.where, saturated)
        if not pool.asked or known:
            break
        known = pool.asked
    return replace(design, notes=(*source.without(formula.columns), *design.notes))


def _refuse_learning(formula: Formula) -> None:
    for node in _nodes(formula):
        for part in node.walk():
            if isinstance(part, Call) and FORMULA_FUNCTIONS[part.function].name in LEARNING:
                raise DesignError(
                    f"{part.code} learns something of all rows (a mean, knots), which partitions "
                    "do not know of each other: make it a column of the data first."
                )
    shared = [term.label for term in formula.random if term.multiple]
    if shared:
        raise DesignError(f"Groups that share rows ({shared[0]}) are fitted in memory.")


def _nodes(formula: Formula) -> Iterator[Node]:
    parts = [formula.fixed, *(term.part for term in formula.random)]
    yield formula.response.tree
    for part in parts:
        for term in part.expansion.terms if part else ():
            yield from term


def _categorical(formula: Formula, table: Table) -> list[str]:
    """Return the columns whose values are categories of the model."""
    found = []
    for node in _nodes(formula):
        called = isinstance(node, Call) and FORMULA_FUNCTIONS[node.function].kind == "categories"
        names = [part.column for part in node.walk() if isinstance(part, Name)]
        found += [name for name in names if called or not table.is_number(name)]
    return list(dict.fromkeys(found))


@dataclass(frozen=True)
class _FirstOfEach:
    """A partition's first complete row of each category."""

    formula: Formula
    columns: tuple[str, ...]

    def __call__(self, frame: pd.DataFrame) -> pd.DataFrame:
        found = complete(self.formula, frame)[0].frame
        keep = np.zeros(len(found), dtype=bool)
        for name in self.columns:
            keep |= ~found[name].duplicated().to_numpy()
        return found[keep]


def _some_rows(formula: Formula, source: Source, progress: bool) -> pd.DataFrame:
    """Return complete rows that hold every category once, and what the first partition holds."""
    some = _first_rows(formula, source)
    names = tuple(_categorical(formula, Table(some)))
    if names:
        words = "Looking for categories" if progress else ""
        first = source.each(_FirstOfEach(formula, names), formula.columns, words)
        some = pd.concat([some, *(rows for rows in first if len(rows))], ignore_index=True)
    for name in formula.fixed.bare_columns() if formula.fixed else ():
        refuse_ids(some[[name]], [name])
    return some


def _first_rows(formula: Formula, source: Source) -> pd.DataFrame:
    """Return complete rows of the first partition that has some, from its beginning if there."""
    for rows in (SAMPLE, EVERY):
        for number in range(len(source)):
            frame = source.begin(number, formula.columns, rows)
            if len(frame):
                check_frame(formula, frame)
            some = complete(formula, frame)[0].frame.iloc[:SAMPLE]
            if len(some):
                return some
    raise DesignError(f"No row of {source.where} has a value in every variable of the model.")


def start_of(design: SummedDesign, reml: bool) -> Array | None:
    """Return where a search of many groups may begin: what a twentieth of them tells."""
    partition, cuts = design.partition, design.partition.cuts
    if len(cuts) < MANY or not isinstance(partition, PackedPartition):
        return None
    units, few = partition.beginning(cuts[-(-len(cuts) // SOME)])
    some = replace(design, partition=few, rows=int(design.grouping.rows_in(0)[units].sum()))
    best = minimise(lambda at: profile_at(some, at, reml), design.levels)
    return lifted(design.levels, best.theta)


@dataclass(frozen=True)
class _Model:
    """What the formula asks for, known from a few rows."""

    formula: Formula
    outcome: str
    fixed_terms: Columns
    terms: dict[str, list[RandomTerm]]
    names: tuple[str, ...]
    built: dict[str, tuple[Level, Effects]]

    @classmethod
    def of(cls, formula: Formula, table: Table) -> _Model:
        outcome, _ = response(formula, table)
        fixed_terms = build(formula.fixed, table)
        terms: dict[str, list[RandomTerm]] = {}
        for term in formula.random:
            terms.setdefault(term.same_groups, []).append(term)
        pool = Pool(len(table))
        levels, effects = random_columns(list(terms.values()), table, pool)
        for name, array in fixed_terms.named_arrays():
            pool.place(name, array)
        built = dict(zip(terms, zip(levels, effects, strict=True), strict=True))
        return cls(formula, outcome, fixed_terms, terms, tuple(pool.names), built)

    @property
    def others(self) -> list[str]:
        """The columns beside the ones."""
        return [name for name in self.names if name != INTERCEPT]

    def summing(self, table: Table, rests: Sequence[Array]) -> Summing:
        """Return what makes the sums; columns far from zero are taken less about their mean."""
        made_by = (self.fixed_terms, *(c for _, of in self.built.values() for c in of.terms))
        summing = Summing(self.formula, self.names, made_by, np.zeros(0))
        raw = np.array(summing.raw(table)[1])
        mean, sd = raw.mean(axis=1), raw.std(axis=1)
        centres = np.where(np.abs(mean) > FAR * sd, mean, 0.0)
        return replace(summing, centres=np.append(0.0, centres), rests=tuple(rests))

    def pool(
        self, joined: Joined, centres: Array, known: Sequence[tuple[Array, Array]]
    ) -> SummedPool:
        """Return the user's columns as combinations of those that were summed."""
        size = len(centres) + len(known)
        totals = Packing.of(size).unpack(joined.packed.sum(axis=-1, keepdims=True))[..., 0]
        unit = np.eye(size)
        own = {INTERCEPT: unit[0]}
        for place, name in enumerate(self.others, start=1):
            own[name] = unit[place] + centres[place] * unit[0]
        rests = [(len(centres) - 1 + i, weights) for i, (_, weights) in enumerate(known)]
        arrays = [own[name] for name in self.names]
        return SummedPool(self.names, arrays, totals, joined.used, rests)

    def design(
        self, joined: Joined, pool: SummedPool, centres: Array, where: str, saturated: bool
    ) -> SummedDesign:
        """Return what the engine fits; as `make_design`, with combinations for columns."""
        grouping = _grouping(joined, where)
        by_name = {t[0].label: key for key, t in self.terms.items()}
        keys = [by_name[name] for name in grouping.names]
        levels, effects = (tuple(x) for x in zip(*(self.built[k] for k in keys), strict=True))
        fixed = [pool.names.index(name) for name in self.fixed_terms.names]
        user = replace(self.fixed_terms, arrays=tuple(pool.arrays[place] for place in fixed))
        check_sizes(
            len(fixed), joined.used, joined.ends, self.outcome, grouping, levels,
            measured=not saturated, saturated=saturated,
        )  # fmt: skip
        levels, effects, fixed, centring = centre(levels, effects, fixed, pool)
        unit = np.eye(len(pool.totals))
        y = unit[-1] + centres[-1] * unit[0]
        shift = pool.mean(y) if INTERCEPT in user.names else 0.0
        y = pool.less(y, shift)
        before = np.stack([*pool.arrays, y], axis=1)
        totals = before.T @ pool.totals @ before
        basis = find_basis(totals, fixed, pool)
        partition = PackedPartition(joined.packed, grouping.starts, len(unit))
        notes = [
            *missing_note(joined.missing, joined.read - joined.used, joined.read),
            *why_left_out(basis, user, pool.constant),
            *check_effects(partition.turned(before), levels, effects, grouping),
            *about_few_values(self.formula.text, self.outcome, *joined.values),
        ]
        levels, effects = orthogonalise(levels, effects, totals, pool)
        fixed = [pool.add(basis.replaced.get(i), place) for i, place in enumerate(fixed)]
        turn = np.stack([*pool.arrays, y], axis=1)
        scale = np.sqrt(np.diag(turn.T @ pool.totals @ turn) / joined.used)
        scale[~(scale > 0)] = 1.0
        partition = partition.turned(turn / scale)
        return SummedDesign(
            formula=self.formula,
            outcome=self.outcome,
            columns=AbsentRows(where, len(scale)),  # type: ignore[arg-type]
            fixed=tuple(fixed[i] for i in basis.kept),
            fixed_names=tuple(user.names[i] for i in basis.kept),
            fixed_terms=replace(user, arrays=AbsentRows(where)),  # type: ignore[arg-type]
            fixed_basis=basis.matrix @ centring[np.ix_(basis.kept, basis.kept)],
            outcome_shift=shift,
            dropped=tuple(user.names[i] for i in basis.left_out),
            levels=levels,
            effects=effects,
            grouping=grouping,
            terms=tuple(tuple(self.terms[key]) for key in keys),
            weights=None,
            scale=scale,
            partition=partition if pool.asked and not pool.known else partition.baked(),
            frame=AbsentFrame(where),  # type: ignore[arg-type]
            missing=joined.missing,
            rows_dropped=joined.read - joined.used,
            notes=tuple(notes),
            rows=joined.used,
        )


def _grouping(joined: Joined, where: str) -> SummedGrouping:
    known = {one.name: getattr(joined.grouping, one.name) for one in fields(Grouping)}
    appearance = AbsentRows(where, joined.used)
    return SummedGrouping(**known | {"appearance": appearance}, rows=joined.rows)

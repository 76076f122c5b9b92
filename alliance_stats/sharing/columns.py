"""The columns of a clinic's model, as every clinic of the joint model has them.

A joint model needs one meaning of each column in all clinics: the same terms, the same categories
with the same reference, nothing computed from the rows of one clinic (a mean, knots). Columns are
sent in whole: what is dependent or empty in one clinic need not be so in all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ..core.people import CLIENT, refuse_ids
from ..errors import ColumnError, DesignError, listing
from ..multilevel.checks import check_frame, check_numbers, check_rows_left, check_sizes
from ..multilevel.engine.batches import Array
from ..multilevel.engine.blocks import Pool, random_columns
from ..multilevel.engine.crossproducts import cross_products
from ..multilevel.engine.grouping import Grouping, arrange, factorise
from ..multilevel.engine.likelihood import Level, Partition
from ..multilevel.formula.factors import check_categories
from ..multilevel.formula.model_formula import Formula, RandomTerm, parse_formula
from ..multilevel.formula.table import Table
from ..multilevel.formula.terms import INTERCEPT, build, complete_rows, response
from ..multilevel.formula.tree import Call
from .answers import Answers

ROW_BY_ROW = {
    "I", "log", "log2", "log10", "log1p", "exp", "expm1", "sqrt", "abs", "sign", "sin", "cos",
    "tanh", "floor", "ceiling", "round", "pmin", "pmax",
}  # fmt: skip
"""Functions whose value in a row follows from that row alone."""
MOST_RATIOS = 2
MOST_EFFECTS = 3
GROUPS = (
    "Keep to nested groups such as (1 | client_id) + (1 | therapist_id), each row in one of each."
)


@dataclass(frozen=True)
class ClinicColumns:
    """The rows of one clinic, as the likelihood sees them.

    Attributes
    ----------
    names, arrays
        The columns of X as they are, the intercept first; none is left out.
    outcome, values
        The outcome's name and values.
    shift, unit
        What is taken off each column (X, then the outcome) and what it is divided by in the file.
    groups, effects
        The levels of the random terms, the lowest first, and the effects of each.
    further
        Columns of random slopes in their own units, which come between X and the outcome.
    answers
        What kind of outcome it is, if it is no measurement; its values are then left as they are.
    """

    formula: Formula
    names: tuple[str, ...]
    arrays: tuple[Array, ...]
    outcome: str
    values: Array
    shift: Array
    unit: Array
    grouping: Grouping
    levels: tuple[Level, ...]
    effects: tuple[tuple[str, ...], ...]
    further: tuple[Array, ...]
    categories: dict[str, list[str]]
    frame: pd.DataFrame
    left_out: int
    answers: Answers | None = None

    def of_rows(self, keep: Array) -> ClinicColumns:
        """Return the same columns of some rows only, in the same units."""
        frame = self.frame[keep]
        return replace(
            self,
            arrays=tuple(column[keep] for column in self.arrays),
            values=self.values[keep],
            further=tuple(column[keep] for column in self.further),
            grouping=arrange([factorise(Table(frame), of) for of in self.grouping.columns], frame),
            frame=frame,
            left_out=0,
        )

    @property
    def one_mail(self) -> bool:
        """Whether one file holds the likelihood for every value of its parameters."""
        sizes = [size for level in self.levels for size in level.blocks]
        return self.answers is None and max(sizes) == 1 and len(sizes) <= MOST_RATIOS

    @property
    def used(self) -> list[int]:
        """Places of X and the outcome among the columns of the cross-products."""
        return [*range(len(self.names)), len(self.names) + len(self.further)]

    @property
    def sizes(self) -> tuple[Array, ...]:
        """Of each level a round number near the root mean square of each effect's column."""
        of = {0: 1.0} | {
            len(self.names) + i: _round_unit(float(np.sqrt((column**2).mean())))
            for i, column in enumerate(self.further)
        }
        return tuple(np.array([of[place] for place in level.columns]) for level in self.levels)

    @property
    def n(self) -> int:
        """Number of rows used."""
        return len(self.values)

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of the levels, the lowest first."""
        return self.grouping.names

    @property
    def who(self) -> list[str]:
        """The columns that say whose a row is."""
        return [CLIENT] if CLIENT in self.frame.columns else list(self.grouping.columns[0])

    @property
    def people(self) -> Array:
        """The client of each row: numbers, whichever level clients are."""
        return pd.factorize(ids_of(self.frame, self.who))[0]

    def model(self, units: Mapping[str, object]) -> dict[str, object]:
        """Return the model as the file names it."""
        asked = None if self.answers is None else self.answers.asked
        return {
            "formula": self.formula.text,
            "outcome": self.outcome,
            "family": "gaussian" if asked is None else asked.family,
            "link": "identity" if asked is None else str(asked.link),
            "terms": list(self.names),
            "groups": list(self.groups),
            "effects": [list(of) for of in self.effects],
            "blocks": [list(level.blocks) for level in self.levels],
            "categories": self.categories,
            "units": {name: str(word) for name, word in units.items()},
        }

    def scaled(self) -> list[Array]:
        """Return the columns of X and the outcome as the file has them."""
        columns = (*self.arrays, self.values)
        return [(c - s) / u for c, s, u in zip(columns, self.shift, self.unit, strict=True)]

    def partition(self) -> Partition:
        """Return the cross-products of each lowest unit: X, slopes, outcome."""
        *X, y = self.scaled()
        cross = cross_products((*X, *self.further, y), None, self.grouping, 0)
        return Partition(cross, self.grouping.starts)


def read_columns(
    formula: str,
    data: pd.DataFrame,
    categories: Mapping[str, Sequence[str]],
    answers: Answers | None = None,
) -> ClinicColumns:
    """Read the columns of a model from a clinic's rows.

    Raises
    ------
    FormulaError, ColumnError, DesignError
        Where the model or the rows are such that nothing can be shared.
    """
    parsed = parse_formula(formula).over(data.columns)
    _check_formula(parsed)
    check_frame(parsed, data)
    data = _with_categories(parsed, parsed.with_groups_trimmed(data), categories)
    refuse_ids(data, parsed.fixed.bare_columns() if parsed.fixed else ())
    table, _, missing = complete_rows(parsed.columns, data)
    check_rows_left(missing, len(table), len(data))
    known = _categories(parsed, table.frame)
    if answers is not None:
        table = Table(answers.numbered(parsed, table.frame))
    outcome, y = response(parsed, table, measured=answers is None)
    names, arrays = _fixed(parsed, table, known)
    grouping, terms = _groups(parsed, table)
    pool = Pool(len(table))
    pool.place(INTERCEPT, np.ones(len(table)))
    levels, effects = random_columns(terms, table, pool)
    _check_levels(grouping, levels, answers)
    check_numbers((*names, *pool.names, outcome), (*arrays, *pool.arrays, y), table.frame.index)
    ends = float(y.min()), float(y.max())
    check_sizes(len(names), len(y), ends, outcome, grouping, levels, measured=answers is None)
    further = tuple(pool.arrays[1:])
    places = {0: 0} | {i: len(names) + i - 1 for i in range(1, len(pool.arrays))}
    levels = tuple(Level(tuple(places[c] for c in lv.columns), lv.blocks) for lv in levels)
    shift, unit = zip(*(_place(column) for column in (*arrays, y)), strict=True)
    return ClinicColumns(
        parsed,
        names,
        arrays,
        outcome,
        y,
        np.array([0.0, *shift[1:-1], 0.0 if answers else shift[-1]]),
        np.array([1.0, *unit[1:-1], 1.0 if answers else unit[-1]]),
        grouping,
        levels,
        tuple(of.names for of in effects),
        further,
        known | (answers.categories(parsed) if answers else {}),
        table.frame,
        len(data) - len(table),
        answers,
    )


def ids_of(frame: pd.DataFrame, who: Sequence[str]) -> Array:
    """Return in words whose each row is."""
    ids = frame[list(who)].astype(str)
    return np.asarray(ids[who[0]] if len(who) == 1 else ids.agg("\x1f".join, axis=1), dtype=object)


def predictors_by_client(
    formula: str, data: pd.DataFrame, categories: Mapping[str, Sequence[str]], who: Sequence[str]
) -> pd.DataFrame:
    """Return clients' means of a model's predictors, in units near each one's SD.

    Raises
    ------
    FormulaError, ColumnError, DesignError
        Where these rows do not hold them.
    """
    parsed = parse_formula(formula).over(data.columns)
    used = {name: words for name, words in categories.items() if name in parsed.columns}
    table, _, _ = complete_rows(parsed.columns, _with_categories(parsed, data, used))
    missing = [name for name in who if name not in table.frame]
    if missing:
        raise ColumnError(f"There is no column '{missing[0]}'.")
    names, arrays = _fixed(parsed, table, _categories(parsed, table.frame))
    placed = {
        name: (column - shift) / unit
        for name, column in zip(names[1:], arrays[1:], strict=True)
        for shift, unit in [_place(column)]
    }
    return pd.DataFrame(placed).groupby(ids_of(table.frame, who)).mean()


def _check_formula(parsed: Formula) -> None:
    fixed = parsed.fixed
    if fixed is not None and not fixed.expansion.intercept:
        raise DesignError("A joint model needs an intercept: leave '0 +' out of the fixed part.")
    if not parsed.random:
        raise DesignError("A joint multilevel model needs a random term such as (1 | client_id).")
    parts = [parsed.response, *filter(None, [fixed]), *(term.part for term in parsed.random)]
    if any(part.has_dot for part in parts):
        raise DesignError("Name each predictor: '.' may stand for other columns in each clinic.")
    for node in (node for part in parts for node in part.tree.walk()):
        if isinstance(node, Call) and node.function not in ROW_BY_ROW:
            raise DesignError(
                f"{node.function}() may be computed from the rows of one clinic, and would mean "
                "something else in each. Write numbers that all clinics agree on, such as "
                "I((x - 20) / 5); name the categories of a column by categories=."
            )
    if any(term.multiple for term in parsed.random):
        raise DesignError(f"Groups that share a row cannot be shared between clinics. {GROUPS}")


def _check_levels(grouping: Grouping, levels: Sequence[Level], answers: Answers | None) -> None:
    if grouping.kind != "nested":
        raise DesignError(
            f"The groups {listing(grouping.names)} cross in these rows, and a file holds nested "
            "groups only: keep each client under one therapist, or leave a term out."
        )
    if len(levels) > 2 or (len(levels) == 2 and levels[1].columns != (0,)):
        raise DesignError(f"One group above clients may be shared, with intercepts. {GROUPS}")
    if len(levels[0].columns) > MOST_EFFECTS:
        raise DesignError(f"Up to {MOST_EFFECTS} random effects of the lowest groups are shared.")
    if 0 not in levels[0].columns and (answers or len(levels) > 1):
        raise DesignError("Random slopes are shared beside an intercept: (1 + x | client_id).")


def _with_categories(
    parsed: Formula, data: pd.DataFrame, categories: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Return the data with the categories that all clinics agreed on."""
    for name, words in categories.items():
        if name not in parsed.columns:
            raise ColumnError(f"categories= names '{name}', which the formula does not use.")
        if isinstance(words, str) or not isinstance(words, Sequence):
            raise ColumnError(f"The categories of '{name}' are a list of words.")
        words = [str(word) for word in words]
        if len(set(words)) != len(words) or len(words) < 2:
            raise ColumnError(f"The categories of '{name}' must be two different words or more.")
        held = data[name].astype(object).where(data[name].notna())
        unknown = sorted({str(v) for v in held.dropna()} - set(words))
        if unknown:
            raise ColumnError(
                f"'{name}' holds {listing(unknown)}, and the categories agreed on are "
                f"{listing(words)}. Recode the column, or agree on more."
            )
        coded = pd.Categorical(held.map(str, na_action="ignore"), categories=words)
        data = data.assign(**{name: coded})
    return data


def _categories(parsed: Formula, frame: pd.DataFrame) -> dict[str, list[str]]:
    """Return the categories of each column of words in the fixed part, the reference first."""
    table = Table(frame)
    grouping = {name for term in parsed.random for name in term.group}
    fixed = parsed.fixed.columns if parsed.fixed else ()
    found = {}
    for name in fixed:
        if name in grouping or table.is_number(name):
            continue
        check_categories(name, table)
        column = frame[name]
        known = isinstance(column.dtype, pd.CategoricalDtype)
        values = column.cat.categories if known else pd.unique(column)
        words = [str(value) for value in values]
        if len(set(words)) != len(words):
            raise ColumnError(f"'{name}' holds different values that read alike: {listing(words)}.")
        found[name] = words if known else sorted(words)
    return found


def _fixed(
    parsed: Formula, table: Table, categories: Mapping[str, Sequence[str]]
) -> tuple[tuple[str, ...], tuple[Array, ...]]:
    """Return X with a column for every category agreed on, held by a row of this clinic or not.

    A row with each category is put below while the columns are made, and taken off again.
    """
    frame, n = table.frame, len(table)

    kinds = {name: pd.CategoricalDtype(list(words)) for name, words in categories.items()}

    def coded(name: str, words: Iterable[str]) -> pd.Series:
        return pd.Series(list(words), dtype=object).astype(kinds[name])

    whole = frame.assign(**{name: coded(name, map(str, frame[name])).array for name in categories})
    below = [
        whole.iloc[[0]].assign(**{name: coded(name, [word]).array})
        for name, words in categories.items()
        for word in words
    ]
    with_all = pd.concat([whole, *below], ignore_index=True) if below else whole
    columns = build(parsed.fixed, Table(with_all))
    return columns.names, tuple(array[:n] for array in columns.arrays)


def _groups(parsed: Formula, table: Table) -> tuple[Grouping, list[list[RandomTerm]]]:
    terms: dict[str, list[RandomTerm]] = {}
    for term in parsed.random:
        terms.setdefault(term.same_groups, []).append(term)
    factors = [factorise(table, found[0].group) for found in terms.values()]
    grouping = arrange(factors, table.frame)
    named = {f.name: of for f, of in zip(factors, terms.values(), strict=True)}
    return grouping, [named[name] for name in grouping.names]


def _place(column: Array) -> tuple[float, float]:
    """Return a round number near a column's mean, and one near its SD.

    With these off, cross-products keep their digits. They tell no more than the sums do.
    """
    spread = float(column.std())
    if not spread > 0.0:
        return 0.0, 1.0
    unit = _round_unit(spread)
    return float(np.round(column.mean() / unit) * unit), unit


def _round_unit(size: float) -> float:
    """Return 1 or 3 times a power of ten that is near a size; one for a size of nothing."""
    return float(f"{10.0 ** float(np.round(np.log10(size) * 2.0) / 2.0):.1g}") if size > 0 else 1.0

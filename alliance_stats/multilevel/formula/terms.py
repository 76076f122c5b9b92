"""From parts of a formula to columns of numbers, under names that can be read.

The columns are R's ``model.matrix``, and can be made again of new data.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...core.arguments import refuse_truth
from ...errors import ColumnError, DesignError
from ..engine.batches import Array
from .expansion import Expansion
from .factors import Learned, categories_among, learn_factor, learn_outcome
from .model_formula import Formula, Part
from .table import Table
from .tree import Name, Node

INTERCEPT = "Intercept"
YES_NO = "Of a yes or no, model the probability: family='binomial'."


@dataclass(frozen=True)
class Columns:
    """Columns of a model matrix, how to make them of new data, and which `columns` that takes.

    `main` names those that are of one factor alone: neither the intercept nor an interaction.
    """

    names: tuple[str, ...]
    arrays: tuple[Array, ...]
    rebuild: Callable[[Table], tuple[Array, ...]]
    columns: tuple[str, ...] = ()
    main: frozenset[str] = frozenset()

    @property
    def factors(self) -> Mapping[str, tuple[Node, Learned]]:
        """Every factor by its code: where it stands in the formula, and what it learned."""
        return self.rebuild.factors if isinstance(self.rebuild, Again) else {}

    def named_arrays(self) -> Iterator[tuple[str, Array]]:
        """Go through the columns with their names."""
        return zip(self.names, self.arrays, strict=True)


def build(part: Part | None, table: Table) -> Columns:
    """Make the columns a part of the formula asks for; no part asks for an intercept.

    Raises
    ------
    FormulaError
        Where a function or sign cannot take what it is given, with the place marked.
    DesignError, ColumnError
        Where columns do not hold what the part needs, or two columns get one name.
    """
    expansion = Expansion(True, (), {}) if part is None else part.expansion
    source = "" if part is None else part.source
    used = {node.code: node for term in expansion.terms for node in term}
    learned = {code: learn_factor(node, source, table) for code, node in used.items()}
    codings = expansion.codings(categories_among(learned))
    names, main = [INTERCEPT] * expansion.intercept, set()
    for term, full in zip(expansion.terms, codings, strict=True):
        each = {node.code: learned[node.code].columns(full.get(node.code, True)) for node in term}
        for chosen in _choices(expansion, each):
            names.append(":".join(each[node.code][chosen[node.code]] for node in term))
            main |= {names[-1]} if len(term) == 1 else set()
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise DesignError(f"Two different columns of the model are called '{twice}'; rename one.")

    def arrays(values: Mapping[str, Array], rows: Table) -> tuple[Array, ...]:
        made = [rows.ones] * expansion.intercept
        for term, full in zip(expansion.terms, codings, strict=True):
            each = {
                node.code: learned[node.code].matrix(values[node.code], full.get(node.code, True))
                for node in term
            }
            for chosen in _choices(expansion, each):
                first, *rest = (each[node.code][chosen[node.code]] for node in term)
                for column in rest:
                    first = first * column
                made.append(np.ascontiguousarray(first))
        return tuple(made)

    def rebuild(new: Table) -> tuple[Array, ...]:
        made = {
            code: new.given[code] if code in new.given else factor.again(new)
            for code, factor in learned.items()
        }
        return arrays(made, new)

    values = {code: factor.values for code, factor in learned.items()}
    needed = () if part is None else part.columns
    factors = {code: (used[code], factor) for code, factor in learned.items()}
    again = Again(rebuild, part, {name: table.kept(name) for name in needed}, factors)
    return Columns(tuple(names), arrays(values, table), again, needed, frozenset(main))


@dataclass(frozen=True, eq=False)
class Again:
    """Columns of new data; in another process what was learned of the rows is learned again."""

    rebuild: Callable[[Table], tuple[Array, ...]]
    part: Part | None
    rows: Mapping[str, Any]
    factors: Mapping[str, tuple[Node, Learned]]

    def __call__(self, new: Table) -> tuple[Array, ...]:
        """Make the columns of new data."""
        return self.rebuild(new)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Part | None, pd.DataFrame]]:
        return _learned_again, (self.part, pd.DataFrame(self.rows))


def _learned_again(part: Part | None, frame: pd.DataFrame) -> Callable[[Table], tuple[Array, ...]]:
    return build(part, Table(frame)).rebuild


def _choices(
    expansion: Expansion, each: Mapping[str, Sequence[object]]
) -> Iterator[dict[str, int]]:
    """Go through every choice of a column of each factor; the formula's first moves fastest."""
    if all(len(columns) == 1 for columns in each.values()):
        yield dict.fromkeys(each, 0)
        return
    slowest_first = [code for code in reversed(expansion.factors) if code in each]
    for chosen in itertools.product(*(range(len(each[code])) for code in slowest_first)):
        yield dict(zip(slowest_first, chosen, strict=True))


def response(formula: Formula, table: Table, *, measured: bool = True) -> tuple[str, Array]:
    """Return the outcome's name and values; a yes and no is none that is `measured`.

    Raises
    ------
    ColumnError
        Where the outcome is not one column of numbers.
    """
    tree = formula.response.tree
    if isinstance(tree, Name) and not table.is_number(tree.column):
        raise ColumnError(
            f"The outcome '{tree.column}' must hold numbers, but it is of type "
            f"{table.frame[tree.column].dtype}."
        )
    if isinstance(tree, Name) and measured:
        refuse_truth(table.frame[tree.column], "the data", YES_NO)
    return tree.label, learn_outcome(tree, formula.text, table)


def complete_rows(
    variables: Sequence[str], frame: pd.DataFrame
) -> tuple[Table, NDArray[np.bool_] | None, dict[str, int]]:
    """Set rows with missing values aside.

    Returns
    -------
    table, keep, missing
        The complete rows; the mask that chose them (None where all are complete); how many
        values each variable lacks.
    """
    table = Table(frame)
    counts: dict[str, int] = {}
    dropped: NDArray[np.bool_] | None = None
    for name in dict.fromkeys(variables):
        missing = table.missing(name)
        if missing is not None:
            counts[name] = int(missing.sum())
            dropped = missing if dropped is None else dropped | missing
    if dropped is None:
        return table, None, counts
    return Table(frame.loc[~dropped]), ~dropped, counts

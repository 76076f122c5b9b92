"""What files that were sent before tell beside a new one: their predictors, and who changed.

Predictors are read again from the rows at hand. And a file less one about other rows of the same
clients is a file about those alone who changed: it is asked what any file is asked. Beside a table
of all forms (a report) it tells of those whom it leaves out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..errors import AllianceStatsError
from ..multilevel.engine.batches import Array
from ..study import Study
from .agreement import Agreement, scores_named
from .audit import Standard, about_columns, about_curve, about_sums
from .columns import ClinicColumns, ids_of, predictors_by_client
from .exposure import Exposure, Known
from .ledger import Entry, Ledger
from .sums import sums_of


@dataclass(frozen=True)
class Changed:
    """Those in whom a file differs from one that was sent before, with the same outcome.

    Attributes
    ----------
    part
        Their rows, as they are now; None where they have none.
    before
        How many of them had how many rows in the file before.
    digits
        To how many decimals that went out; empty where sums went out as they are.
    """

    said: str
    outcome: str
    part: ClinicColumns | None
    before: Mapping[int, int]
    digits: Mapping[str, int]

    def about(
        self, digits: Mapping[str, int] | None, exposure: Exposure | None, standard: Standard
    ) -> dict[str, list[str]]:
        """Return by column what the difference of the two files would tell of few.

        Parameters
        ----------
        digits
            To how many decimals the file goes; None of sums.
        exposure
            What the form of the file tells of the part.
        """
        least, part, gone = standard.min_clients, self.part, sum(self.before.values())
        exact = not digits and not self.digits
        now: Mapping[int, int] = {}
        found: dict[str, list[str]] = {}
        against: list[str] = []
        if part is None and gone < 2 * least:
            against.append(f"They are {gone} clients; {2 * least} are the fewest.")
        if part is not None:
            against += about_columns(part, standard)
            sizes = np.bincount(part.grouping.units)
            now = Counter(sizes.tolist())
            if exact:
                against += about_sums(part, sums_of(part.scaled(), part.grouping), standard)
            elif exposure is not None:
                each = [of for of in (digits, self.digits) if of]
                fewer = {
                    name: min(of.get(name, max(of.values())) for of in each)
                    for name in (*part.names, part.outcome)
                }
                found = about_curve(exposure, fewer, standard)
        rows = min(self.before, key=lambda n: now.get(n, 0) + self.before[n], default=0)
        few = now.get(rows, 0) + self.before.get(rows, 0)
        if exact and 0 < few < least:
            against.append(f"Of those with {rows} rows they are {few}.")
        if against:
            found.setdefault(self.outcome, []).extend(against)
        return {name: [f"{self.said}: {one}" for one in said] for name, said in found.items()}


def known_before(
    entries: Sequence[Entry],
    columns: ClinicColumns,
    rows: Callable[[str], pd.DataFrame],
    categories: Mapping[str, Sequence[str]],
) -> tuple[list[Known], list[str]]:
    """Return clients' means of the predictors of earlier files, and which nobody can know.

    Parameters
    ----------
    rows
        Gives the rows that hold the columns of a formula.
    """
    first = np.unique(columns.grouping.units, return_index=True)[1]
    ids = ids_of(columns.frame.iloc[first], columns.who)
    found: list[Known] = []
    unknown: list[str] = []
    for entry in entries:
        try:
            means = predictors_by_client(
                entry.formula, rows(entry.formula), categories, columns.who
            )
        except AllianceStatsError as error:
            unknown.append(
                f"The file '{entry.path}' of {entry.when} is about some of these clients by "
                f"{entry.formula}, which these rows do not hold ({error}): what both tell together "
                "is not known. Pass rows that hold the columns of both."
            )
            continue
        most = max(entry.digits.values(), default=0)
        digits = tuple(entry.digits.get(str(name), most) for name in means) if entry.digits else ()
        aligned = means.reindex(ids).fillna(0.0).to_numpy().T
        found.append(Known(entry.path, aligned, digits))
    return found, unknown


def forms_of(
    columns: ClinicColumns, data: pd.DataFrame | Study, agreed: Agreement
) -> dict[str, Array]:
    """Return whose forms there are of each score: of a table, the outcome and what some rows lack.

    Of other columns, such as the number of a session, nothing is told by the rows left out.
    """
    if isinstance(data, Study):
        named = scores_named(data, agreed.formula, agreed.scores)
        held = {name: rows.dropna(subset=["score"]) for name, rows in named.items()}
    else:
        formula, outcome = columns.formula, columns.formula.response.columns
        known = data[list(dict.fromkeys([*formula.columns, *columns.who]))].dropna(
            subset=columns.who
        )
        lacking = {name for name in formula.columns if known[name].isna().any()}
        held = {name: known[known[name].notna()] for name in sorted(lacking | {*outcome})}
    return {name: ids_of(rows, columns.who) for name, rows in held.items()}


def beside_tables(columns: ClinicColumns, scored: Mapping[str, Array], least: int) -> list[str]:
    """Say of which score a few clients have forms that the file leaves out.

    A report that gives numbers and means by session tells the sum over all forms, and the file that
    over its rows.

    Parameters
    ----------
    scored
        By score whose forms there are.
    """
    inside = Counter(ids_of(columns.frame, columns.who).tolist())
    for name, whose in scored.items():
        few = sum(n != inside[who] for who, n in Counter(whose.tolist()).items())
        if 0 < few < least:
            return [
                f"Of '{name}' there are forms of {few} clients that the file leaves out, since "
                "something else is missing there. Whoever has a table of all forms too (a report's "
                f"means by session) can subtract, and has theirs. Leave out {least} clients or "
                "more, drawn at random, or give no such table away."
            ]
    return []


def changed_since(book: Ledger, entry: Entry, columns: ClinicColumns, least: int) -> list[Changed]:
    """Return in whom a file differs from those before; once where several differ in the same.

    Fewer than `least` are forbidden as they are (`Ledger.forbids`).
    """
    marks = book.marks(columns)
    found: dict[frozenset[str], Changed] = {}
    for one, differ in book.same_outcome(entry):
        if len(differ) < least:
            continue
        keep, digits = np.isin(marks, list(differ)), dict(one.digits)
        if differ in found:
            old = found[differ].digits
            digits = {k: max(n, old.get(k, n)) for k, n in digits.items()} if old else {}
        found[differ] = Changed(
            f"The file '{one.path}' of {one.when} less this one is about {len(differ)} clients",
            entry.outcome,
            columns.of_rows(keep) if keep.any() else None,
            Counter(n for who, n in zip(one.ids, one.sizes, strict=False) if who in differ),
            digits,
        )
    return list(found.values())

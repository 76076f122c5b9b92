"""What a clinic's file tells, and whether it may leave: counts, shares, sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from ..core.disclosure import FEW_VALUES, SMALLEST_SHOWN
from ..core.model_disclosure import fewest_behind
from ..errors import listing
from ..multilevel.engine.batches import Array
from ..multilevel.formula.terms import INTERCEPT
from .columns import ClinicColumns
from .exposure import FLAT, Exposure, Known
from .recovery import EXACT, MOST_OF_MEAN, few_valued, shares_of_one, singled_out
from .sums import Sums

MIN_CLIENTS = 5
MOST_TOLD = 1.0 / MIN_CLIENTS
"""The share of a person's mean that is told where it is hidden in a sum over `MIN_CLIENTS`."""
MOST_OF_SPREAD = 0.5
"""The share of a column's spread that one client may make up (a dominance rule)."""
FEWEST_COUNT = 0.2
"""Share of clients who must count at a point, as the number of equal ones that weigh the same."""
BITS = 0.5
"""Share of what there is to know of whole numbers that a file may tell, in bits."""
SEARCHED = (8, 7, 6, 5, 4, 3, 2, 1, 0)
"""Digits that are tried, in order, where nobody named them."""


@dataclass(frozen=True)
class Standard:
    """How much a file may tell."""

    min_clients: int = MIN_CLIENTS
    most_told: float = MOST_TOLD

    @property
    def most_of_one(self) -> float:
        """The share of a sum that may be one client's (a dominance rule)."""
        return max(MOST_OF_SPREAD, self.most_told)

    @property
    def usual(self) -> bool:
        """Whether it is at least as strict as the default."""
        return self.min_clients >= MIN_CLIENTS and self.most_told <= MOST_TOLD


USUAL = Standard()


def clients_behind(columns: ClinicColumns) -> dict[str, int]:
    """Return for each term how few clients it is about, as `fewest_behind` counts; 0 for nobody."""
    people, everybody = columns.people, len(np.unique(columns.people))
    found = {INTERCEPT: everybody}
    for name, column in zip(columns.names[1:], columns.arrays[1:], strict=True):
        found[name] = fewest_behind([column], people) if np.ptp(column) > 0 else 0
    return found


def about_columns(columns: ClinicColumns, standard: Standard) -> Iterator[str]:
    """Yield what the whole clinic's sums would tell of few clients, whatever the file's kind."""
    least = standard.min_clients
    people, everybody = columns.people, len(np.unique(columns.people))
    if everybody < 2 * least:
        yield f"There are only {everybody} clients; {2 * least} are the fewest."
    for name, count in clients_behind(columns).items():
        if 0 < count < least:
            yield f"'{name}', or a value of it, is carried by {count} of {everybody} clients only."
    if columns.answers is not None:
        count = fewest_behind([columns.values], people)
        if count < least:
            yield f"An answer of '{columns.outcome}' is carried by {count} clients only."
    named = {**dict(zip(columns.names[1:], columns.arrays[1:], strict=True))}
    for _, count, cell in _small_cells(named, people, least):
        yield f"Only {count} clients have {cell}, which cross-products count."
    rows = np.array([*named.values(), columns.values])
    mean = _means(rows, people)[:, people]
    whole = rows - rows.mean(axis=1, keepdims=True)
    spread = np.abs(rows).max(axis=1, keepdims=True)  # a mean's rounding is relative to the values
    inside = np.where(np.ptp(rows - mean, axis=1, keepdims=True) > FLAT * spread, rows - mean, 0.0)
    for part, said in ((whole, ""), (inside, " from session to session")):
        each = np.stack([[np.bincount(people, a * b) for b in part] for a in part])
        for name, share in _dominated(each, columns, standard):
            yield (
                f"One client makes up {100 * share:.0f} % of the spread of {name}{said}: an "
                "outlier, whose value could be computed from the sums."
            )


def _means(rows: Array, units: Array) -> Array:
    """Return the mean of each column in each unit."""
    return np.stack([np.bincount(units, row) for row in rows]) / np.bincount(units)


def _of_clients(columns: ClinicColumns) -> Array:
    """Return clients' means of predictors and outcome, without what computing adds to a number."""
    unit = columns.unit[1:, None]
    means = _means(np.array([*columns.arrays[1:], columns.values]), columns.grouping.units)
    return np.asarray(np.round(means / unit, 9) * unit)


def _dominated(
    each: Array, columns: ClinicColumns, standard: Standard
) -> Iterator[tuple[str, float]]:
    """Yield columns of whose spread one client makes up most; else their combinations, if so.

    `each` are every client's cross-products, (columns, columns, clients), the outcome last.
    """
    most, found = standard.most_of_one, False
    for i, name in enumerate((*columns.names[1:], columns.outcome)):
        total = each[i, i].sum()
        if total > 0 and each[i, i].max() > most * total:
            found = True
            yield f"'{name}'", float(each[i, i].max() / total)
    predictors = np.moveaxis(each[:-1, :-1], -1, 0)
    share = float(shares_of_one(predictors).max()) if len(each) > 2 and not found else 0.0
    if share > most:
        yield f"a combination of {listing(columns.names[1:])}", share


def _small_cells(
    named: Mapping[str, Array], groups: Array, least: int
) -> Iterator[tuple[list[str], int, str]]:
    """Yield cells of two columns of few values that hold some groups, but few."""
    masks: list[tuple[str, str, Array]] = []
    for name, column in named.items():
        values = np.unique(column)
        if 1 < len(values) <= FEW_VALUES:
            of_value = [
                np.bincount(groups[column == v], minlength=groups.max() + 1) > 0 for v in values
            ]
            masks += [(name, f"{name} = {v:g}", m) for v, m in zip(values, of_value, strict=True)]
    for (a, one, first), (b, other, second) in combinations(masks, 2):
        both = int((first & second).sum())
        if 0 < both < least and min(first.sum(), second.sum()) >= least:
            yield [a, b], both, f"{one} and {other}"


def _about_class(
    columns: ClinicColumns, values: Array, which: str, standard: Standard
) -> Iterator[tuple[list[str], str]]:
    """Yield what sums over clients of one class would tell of few, and the columns it is about.

    `values` are the clients' means, (columns, clients): the predictors', then the outcome's.
    """
    least, clients = standard.min_clients, values.shape[1]
    few: dict[str, Array] = {}
    for name, value in zip((*columns.names[1:], columns.outcome), values, strict=True):
        kinds, counts = np.unique(value, return_counts=True)
        spread = (value - value.mean()) ** 2
        share = spread.max() / (spread.sum() or 1.0)
        if name != columns.outcome and 1 < len(kinds) <= FEW_VALUES:
            few[name] = value
            if counts.min() < least:
                yield [name], f"{which} only {counts.min()} have one value of '{name}'."
        elif name != columns.outcome and 0 < clients - counts.max() < min(least, clients / 2):
            other = f"{clients - counts.max()} have another '{name}' than all others"
            yield [name], f"{which} only {other}."
        elif share > max(MOST_OF_MEAN, standard.most_told):
            yield (
                [name],
                f"{which} one makes up {100 * share:.0f} % of the spread of '{name}': an outlier.",
            )
    for about, count, cell in _small_cells(few, np.arange(clients), least):
        yield about, f"{which} only {count} have {cell}."


def about_sums(
    columns: ClinicColumns, sums: Sums, standard: Standard, beside: Sequence[Known] = ()
) -> list[str]:
    """Return what sums by number of sessions would tell of few; nothing where they may be sent.

    Parameters
    ----------
    beside
        The columns of files that were sent before.
    """
    units, least = columns.grouping.units, standard.min_clients
    size = np.bincount(units)
    means = _means(np.array(columns.scaled()[:-1]), units)
    raw = _of_clients(columns)
    found, name = [], columns.groups[0]
    for n, m in zip(sums.sessions, sums.clients, strict=True):
        here = size == n
        rank = int(np.linalg.matrix_rank(means[:, here], tol=1e-8 * np.sqrt(m)))
        if m < least * rank:
            found.append(
                f"{m:.0f} of '{name}' have {n:.0f} sessions, and the file would hold {rank} "
                f"different sums over them: fewer than {least} behind each."
            )
            continue
        which = f"Among the {m:.0f} of '{name}' with {n:.0f} sessions"
        found += [said for _, said in _about_class(columns, raw[:, here], which, standard)]
        rows = np.vstack([means[:, here], *(known.means[:, here] for known in beside)])
        found += _about_singled([rows / EXACT, few_valued(rows) / EXACT], standard, which, beside)
    return found


def _about_singled(
    ways: Sequence[Array], standard: Standard, which: str, beside: Sequence[Known]
) -> list[str]:
    """Return of how many clients the sums together hold more than they may: all, or of cells."""
    if standard.most_told >= 1.0:
        return []
    told = [singled_out(rows, standard.min_clients, standard.most_told) for rows in ways]
    over = max(count for _, count in told)
    files = listing([f"'{known.file}'" for known in beside])
    added = f" and those of {files}, sent before," if beside else ""
    remedy = " Keep to the predictors of one file." if beside else ""
    return [
        f"{which} combinations of the sums{added} single out {over} (an outlier, or a small cell "
        f"of the predictors): up to {100 * max(shares.max() for shares, _ in told):.0f} % of a "
        f"mean could be computed.{remedy}"
    ] * (over > 0)


def about_curve(
    exposure: Exposure,
    digits: Mapping[str, int],
    standard: Standard,
    beside: Sequence[Known] = (),
) -> dict[str, list[str]]:
    """Return by column what a curve of so many digits would tell of single people, if anything."""
    found: dict[str, list[str]] = {}
    columns, least = exposure.columns, standard.min_clients
    outcome = columns.outcome
    for name, shares in exposure.shares(digits).items():
        over = int((shares > standard.most_told).sum())
        if over:
            found.setdefault(name if name in digits else outcome, []).append(
                f"A reader who knows everybody's number of sessions could compute "
                f"{100 * standard.most_told:.0f} % or more of the mean "
                f"{f'of {name} ' if name in digits else ''}of {over} of {len(shares)} of "
                f"'{columns.groups[0] if name in digits else name}' "
                f"(at most {100 * shares.max():.0f} %)."
            )
    if standard.most_told >= 1.0:
        return found
    for pair, told, there in exposure.bits(digits, least):
        if told > BITS * there:
            for name in pair:
                found.setdefault(name, []).append(
                    f"The sums of '{' x '.join(pair)}', in whole steps, could be searched for: "
                    f"{told:.0f} bits are told of {there:.0f} that there are."
                )
    for names, said in _about_classes(exposure, digits, standard):
        for name in names:
            found.setdefault(name, []).append(said)
    which = f"Of the {len(exposure.sizes)} of '{columns.groups[0]}'"
    ways = [exposure.rows(digits, beside, few) for few in (False, True)]
    for said in _about_singled(ways, standard, which, beside):
        found.setdefault(outcome, []).append(said)
    return found


def _about_classes(
    exposure: Exposure, digits: Mapping[str, int], standard: Standard
) -> Iterator[tuple[list[str], str]]:
    """Yield what is told of few in classes whose sums follow from a curve of so many digits."""
    columns, names = exposure.columns, [*exposure.columns.names[1:], exposure.columns.outcome]
    raw = _of_clients(columns)
    alone = {name: exposure.classes_told(name, digits) for name in names}
    for one in np.unique(exposure.classes):
        here = exposure.classes == one
        which = (
            f"Among the {here.sum()} of '{columns.groups[0]}' with {exposure.sizes[here][0]:.0f} "
            "sessions, whose sums follow from the curve,"
        )
        for about, said in _about_class(columns, raw[:, here], which, standard):
            if all(alone[name][one] for name in about):
                yield about, said


def about_point(weights: Array) -> list[str]:
    """Return what is wrong with a point of an outcome that is no measurement, if anything.

    Far out, where nearly everybody's answer is certain, the likelihood bends for the few only who
    lie between; a point that is aimed there asks about them.
    """
    count = float(weights.sum() ** 2 / max((weights**2).sum(), 1e-300))
    if count >= FEWEST_COUNT * len(weights):
        return []
    return [
        f"At the point that is asked about only {count:.0f} of {len(weights)} clients would count: "
        "it lies far from where a search would look, and aims at few."
    ]


def about_round(number: int, before: int) -> str:
    """Say what a round of a search by mail is, and that those before it are counted in."""
    return (
        f"It answers round {number} of a search by mail: the clinic's part of the likelihood at a "
        "point that the coordinator named, and how that changes nearby. What could be computed was "
        f"asked of this answer together with the {before} that were written before."
    )


def enough_sessions(sizes: Sequence[int] | Array, least: int, rank: int) -> int | None:
    """Return to how many sessions a client must be cut so that equally many are held by enough."""
    sizes = np.asarray(sizes)
    for most in range(int(sizes.max()), 0, -1):
        counts = np.bincount(np.minimum(sizes, most))
        if (counts[counts > 0] >= least * rank).all():
            return most
    return None


def _at_least(clients: int, least: int) -> int:
    """Return a number of clients that is reached: in tens, below ten the least there may be."""
    return clients // 10 * 10 if clients >= SMALLEST_SHOWN else min(clients, least)


def told(
    columns: ClinicColumns,
    exposure: Exposure | None,
    digits: Mapping[str, int] | None,
    standard: Standard,
    earlier: int,
    cost: dict[str, float],
) -> dict[str, Any]:
    """Return the page "what this file tells": numbers for a person to read."""
    least = standard.min_clients
    behind = {k: _at_least(n, least) for k, n in clients_behind(columns).items()}
    counts = dict(zip(columns.groups, columns.grouping.sizes, strict=True))
    whole = ", ".join(f"{size} groups of {name}" for name, size in counts.items())
    said = [
        f"Sums over {columns.n} rows of {len(np.unique(columns.people))} clients ({whole}).",
        "Numbers that could be read: means, spreads and correlations of "
        f"{listing(columns.names[1:])} and {columns.outcome} in the clinic, counts of categories, "
        "and exactly how many clients had how many sessions, also where these are fewer than "
        "ten, and from them how many lack a form or have one only. The rule of ten of reports "
        f"does not hold for this file: values are kept to {least} clients, numbers of sessions "
        "are not.",
        "Clients behind each term are told in tens, rounded down; fewer than ten as "
        f"{least}, the least there may be.",
        "It holds no row, no id, no date, and no value of one person.",
        "How many rows it is about can be read out of any such file. Beside another count of the "
        "same clients' forms, such as a codebook's, it tells how many forms are not in it.",
    ]
    found: dict[str, Any] = {"clients behind each term": behind}
    if exposure is None or digits is None:
        said.append(
            f"Every number that is about clients with equally many sessions is about at least "
            f"{standard.min_clients} of them for each different sum."
        )
    else:
        shares = exposure.shares(digits)
        most = {name: round(float(of.max()), 3) for name, of in shares.items()}
        mean = {name: round(float(of.mean()), 3) for name, of in shares.items()}
        knowing = exposure.knowing_predictors(digits)
        said.append(
            "Someone who knew everybody's number of sessions could compute at most "
            f"{100 * max(most.values()):.0f} % of the variance of one person's mean (on average "
            f"{100 * max(mean.values()):.0f} %); someone who also knew every predictor of "
            f"everybody exactly, on average {100 * knowing.mean():.0f} %."
        )
        said.append(
            "Products of two columns are rounded to the fewer of their decimals ("
            + ", ".join(f"{name} {count}" for name, count in digits.items())
            + "). In this clinic's own fit that moves "
            f"coefficients by about {cost['standard_errors']:.2g} of their standard errors and the "
            f"deviance by about {cost['deviance']:.2g}."
        )
        found["share of a person's mean that could be computed, at most"] = most
        found["share of a person's mean that could be computed, on average"] = mean
        found["the same for one who knows all predictors, on average"] = round(
            float(knowing.mean()), 3
        )
        found["bits told of whole numbers, and bits there are"] = {
            " x ".join(names): [round(t, 1), round(h, 1)]
            for names, t, h in exposure.bits(digits, standard.min_clients)
        }
    if earlier:
        said.append(f"Other files about these clients that were written before: {earlier}.")
    found["settings"] = {"min_clients": standard.min_clients, "most_told": standard.most_told}
    return {"in words": said} | found

"""Which groups each row belongs to: one, several with weights, or none where none is needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from ...core.arguments import numbers
from ...core.people import in_words
from ...errors import ColumnError, DesignError, listing, require_columns
from ..formula.model_formula import Formula, RandomTerm
from ..formula.terms import Table, build
from .batches import Array
from .grouping import Factor, Grouping, factorise

Memberships = Mapping[str, pd.DataFrame]
WHOLE = 1e-6  # how far from one the weights of a row may add up to and count as shares


def factor_of(term: RandomTerm, table: Table, membership: Memberships) -> Factor:
    """Return the groups of a random term's rows."""
    if term.multiple:
        return _of_columns(term, table)
    if term.label in membership:
        return _of_frame(term.label, table, membership[term.label])
    return factorise(table, term.group)


def members_of(
    term: RandomTerm, table: Table, membership: Memberships, labels: pd.Index
) -> tuple[Any, Array, Array]:
    """Return the weights of known groups in rows, the squared weights of others, who has any.

    `labels` are the groups that are known.
    """
    factor = factor_of(term, table, membership)
    weights, known = factor.weights.tocoo(), labels.get_indexer(factor.labels)
    seen = known[weights.col] >= 0
    at = weights.row[seen], known[weights.col[seen]]
    shape = len(table), len(labels)
    unknown = np.bincount(weights.row[~seen], weights.data[~seen] ** 2, len(table))
    return sparse.csr_matrix((weights.data[seen], at), shape), unknown, factor.codes >= 0


def optional_groups(formula: Formula, data: pd.DataFrame, membership: Memberships) -> set[str]:
    """Return the grouping columns that a row may lack: none of them stands elsewhere."""
    found = set(membership)
    for term in formula.random:
        if term.multiple or not term.part.expansion.intercept:
            found |= set(term.group)
    needed = {*formula.response.columns, *(formula.fixed.columns if formula.fixed else ())}
    for term in formula.random:
        needed |= set(term.part.columns)
        if not term.multiple and term.part.expansion.intercept:
            needed |= set(term.group) - set(membership)
    return found - needed


def rows_without_group(
    formula: Formula, table: Table, membership: Memberships
) -> dict[str, np.ndarray]:
    """Return by group which rows lack one that they need: an effect's column is not zero there."""
    found: dict[str, np.ndarray] = {}
    missing: dict[str, np.ndarray] = {}  # of each column once: many terms share one
    for term in formula.random:
        if term.label in membership or term.multiple:
            none = factor_of(term, table, membership).codes < 0
        else:
            for name in term.group:
                if name not in missing:
                    missing[name] = table.frame[name].isna().to_numpy()
            none = np.any([missing[name] for name in term.group], axis=0)
        if not none.any():
            continue
        columns = build(term.part, table)
        needed = np.any([array != 0 for array in columns.arrays], axis=0) & none
        if needed.any():
            found[term.label] = found.get(term.label, False) | needed
    return found


def _of_columns(term: RandomTerm, table: Table) -> Factor:
    """Return groups that stand in several columns, by weights or in equal shares."""
    columns = [table.frame[name] for name in term.group]
    present = np.stack([column.notna().to_numpy() for column in columns])
    if term.weights:
        values = np.stack([table.numbers(name) for name in term.weights])
        _check_weights(values[present], term.label, listing(term.weights))
    else:
        values = np.broadcast_to(1.0 / np.maximum(present.sum(axis=0), 1), present.shape)
    at, rows = np.nonzero(present)
    groups = np.concatenate(
        [c.to_numpy()[there] for c, there in zip(columns, present, strict=True)]
    )
    held = pd.Series(pd.unique(groups), dtype=object)
    twice = held[in_words(held).duplicated()]
    if len(twice):
        raise DesignError(
            f"The columns of {term.label} hold {listing(in_words(twice))} as a number and as text, "
            "which would be two groups: write ids in one way in all of them, such as data[name] = "
            "pd.to_numeric(data[name])."
        )
    return _factor(term.group, term.label, rows, groups, values[at, rows], len(table))


def _of_frame(name: str, table: Table, frame: pd.DataFrame) -> Factor:
    """Return groups that stand in a table of their own, beside the rows they belong to."""
    rows = table.frame.index.get_indexer(pd.Index(frame["row"]))
    weights = frame["weight"].to_numpy(dtype=float)
    used = rows >= 0
    groups = frame[name].to_numpy()[used]
    return _factor((name,), name, rows[used], groups, weights[used], len(table))


def _factor(
    columns: tuple[str, ...], name: str, rows: Array, groups: Array, weights: Array, n: int
) -> Factor:
    used = weights != 0
    rows, weights = rows[used], weights[used]
    codes, labels = pd.factorize(groups[used])
    members = sparse.csr_matrix((weights, (rows, codes)), (n, len(labels)))
    first = np.full(n, -1, dtype=np.intp)
    order = np.argsort(weights, kind="stable")  # the largest is written last
    first[rows[order]] = codes[order]
    return Factor(columns, first, pd.Index(labels, name=name), name, members)


def check_memberships(membership: object, formula: Formula, data: pd.DataFrame) -> Memberships:
    """Refuse memberships that are no tables of rows, groups and weights, or of other rows."""
    if membership is None:
        return {}
    if not isinstance(membership, Mapping):
        raise DesignError(
            "membership must be a dict of tables by group, such as {'therapist_id': frame}, not "
            f"{type(membership).__name__}."
        )
    groups = [term.label for term in formula.random]
    for name, frame in membership.items():
        what = f"membership['{name}']"
        if name not in groups:
            raise DesignError(f"{what} names no group of the formula; there are {listing(groups)}.")
        if not isinstance(frame, pd.DataFrame):
            raise ColumnError(f"{what} must be a DataFrame, not {type(frame).__name__}.")
        require_columns(frame.columns, ["row", name, "weight"], what=what)
        if not data.index.is_unique:
            raise DesignError(
                f"{what} names rows by the index of the data, which must be unique: use "
                "data.reset_index(drop=True)."
            )
        strange = frame.loc[~frame["row"].isin(data.index), "row"]
        if len(strange):
            raise DesignError(
                f"{what} names {len(strange)} rows that the data do not have (first: "
                f"{listing(strange)}); 'row' is the index of the data."
            )
        if frame[name].isna().any():
            raise DesignError(f"{what} has no '{name}' in {int(frame[name].isna().sum())} rows.")
        _check_weights(numbers(frame, "weight", what), what, "weight")
    return membership


def _check_weights(values: Array, what: str, columns: str) -> None:
    wrong = ~(np.isfinite(values) & (values >= 0))
    if wrong.any():
        raise DesignError(
            f"The weights of {what} ({columns}) must be zero or more; {int(wrong.sum())} are not "
            f"(first: {listing(values[wrong][:3])})."
        )


def about_shares(grouping: Grouping) -> list[str]:
    """Say in how many rows weights do not add up to one."""
    notes = []
    for factor in getattr(grouping, "factors", ()):
        if factor.members is None:
            continue
        total = np.asarray(factor.members.sum(axis=1)).ravel()
        off = int((np.abs(total[factor.codes >= 0] - 1.0) > WHOLE).sum())
        several = int((np.diff(factor.members.indptr) > 1).sum())
        notes.append(f"{several} of {len(total)} rows belong to several groups of '{factor.name}'.")
        if off:
            notes.append(
                f"The weights of '{factor.name}' do not add up to one in {off} rows; they are used "
                "as they stand, so these rows have another variance between groups."
            )
    return notes

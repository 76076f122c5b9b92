"""Table 1: who is in the study, in one column or in one for each arm."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ...core.disclosure import OTHERS
from ...core.display import columns as col
from ...core.display import formatting as fmt
from ...core.display.table import Column, Table
from ...core.people import CLIENT, THERAPIST
from ...core.precision import coarse, rounded
from ...description.sample import EVERYBODY, Characteristic, characteristics
from ...inference.rows import mean_row
from ...study.labels import by_code
from ...study.select import ScoreName
from ..context import Context
from ..wording import table
from .draft import Draft

Group = frozenset[Hashable]
MISSING = "withheld"
NOT_TOLD = {"n": np.nan, "share": np.nan}
"""Also of nobody, beside an arm whose number is withheld and so would be one to nine."""


def sample_block(context: Context, draft: Draft) -> Table:
    """Return therapists, clients, age and sex, and scores before treatment, by arm."""
    groups = arms_of(context)
    said: list[str] = []
    found = characteristics(context.study, None, said)
    draft.say(said)
    rows = _heads(context, groups)
    for one in found:
        rows += (_mean if one.numeric else _levels)(context, one, groups)
    frame = pd.DataFrame(rows)
    means = frame["kind"] == "mean"
    frame = pd.concat([rounded(frame[means]), rounded(frame[~means], 3)]).sort_index()
    columns = [_column(name, "All" if name == EVERYBODY else name) for name in groups]
    cells = [column.write(row) for _, row in frame.iterrows() for column in columns]
    arms = context.arms is not None
    return table(
        "sample", frame, (col.text("label", ""), *columns), withheld=MISSING in cells,
        by_arm=" by arm" if arms else "",
        untested="No tests of differences between arms: where clients were randomised, any "
        "difference is chance." if arms else "",
        no_tests=" No tests of baseline differences were made." if arms else "",
    )  # fmt: skip


def arms_of(context: Context) -> dict[str, Group]:
    """Return the clients of each arm; without arms, all of them as one group."""
    if context.arms is None:
        return {EVERYBODY: context.disclosure.everybody}
    arms = context.arms
    order = by_code(context.study, arms)
    return {str(name): frozenset(arms.index[arms == name]) for name in order}


def _heads(context: Context, groups: Mapping[str, Group]) -> list[dict[str, Any]]:
    clients, shows = context.study.table("clients"), context.disclosure.shows
    treats = {}
    if THERAPIST in clients.columns and clients[THERAPIST].notna().any():
        for name, members in groups.items():
            own = clients.loc[clients[CLIENT].isin(members), THERAPIST].dropna()
            treats[name] = {"n": own.nunique() if shows(own, of="therapist") else np.nan}
    heads = {name: {"n": len(own) if shows(own) else np.nan} for name, own in groups.items()}
    return [_row("Therapists", treats)] * bool(treats) + [_row("Clients", heads)]


def _row(label: str, cells: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """Return a row whose cells are columns of numbers: ``therapy n``, ``therapy mean``, ..."""
    values = {f"{group} {part}": n for group, cell in cells.items() for part, n in cell.items()}
    return {"label": label, "kind": "mean" if "M (SD)" in label else "n", **values}


def _without(context: Context, without: Mapping[str, Group]) -> list[dict[str, Any]]:
    """Return a row of those without a value, where there are any."""
    if not any(without.values()):
        return []
    shows = context.disclosure.shows
    cells = {name: {"n": len(own) if shows(own) else np.nan} for name, own in without.items()}
    if not any(cell["n"] > 0 for cell in cells.values()):
        return []  # beside nothing at all, a withheld number says that there are some
    return [_row("– missing", cells)]


def _mean(context: Context, one: Characteristic, groups: Mapping[str, Group]) -> list[Any]:
    """Return the row of means and SDs, and one of those without a value."""
    cells, without = {}, {}
    about = f"{one.variable} {one.when}".strip()
    # that of all comes first: it also stands on the explorer's page and on those of notebooks
    known_of_all = one.values.dropna()
    may = context.disclosure.states(known_of_all.index, about, values=known_of_all)
    for name, members in groups.items():
        values = one.values.reindex(list(members)).dropna()
        known = frozenset(values.index)
        without[name] = members - known
        told = context.disclosure.shows(known, without[name])
        mean, sd = float(values.mean()), float(values.std())
        if not may or not context.disclosure.states(values.index, about, values=values):
            mean = sd = np.nan
        elif not told:  # an exact mean tells of how many it is
            row = pd.DataFrame([mean_row(values.to_numpy(dtype=float))])
            mean, sd = float(coarse(row)["estimate"].iloc[0]), np.nan
        cells[name] = {"mean": mean, "sd": sd}
    return [_row(f"{_words(context, one)}, M (SD)", cells), *_without(context, without)]


def _levels(context: Context, one: Characteristic, groups: Mapping[str, Group]) -> list[Any]:
    """Return a row a category, with those put together that are few, and one of the missing."""
    levels = [*sorted(one.values.dropna().unique()), OTHERS]
    cells: dict[str, dict[str, dict[str, float]]] = {level: {} for level in levels}
    without = {}
    for name, members in groups.items():
        values = one.values.reindex(list(members)).dropna()
        known = frozenset(values.index)
        own = {level: frozenset(values.index[values == level]) for level in levels[:-1]}
        parts = {OTHERS: frozenset(), **context.disclosure.parts(own)}
        for level in levels:
            there = level in parts and len(parts) > 1
            n = len(parts[level]) if there else np.nan
            cells[level][name] = {"n": n, "share": n / len(known) if known else np.nan}
        without[name] = members - known
    label = _words(context, one)
    told = [(one, cell) for one, cell in cells.items() if any(c["n"] > 0 for c in cell.values())]
    for _, cell in told:
        if any(c["n"] != c["n"] for c in cell.values()):
            cell.update((arm, NOT_TOLD) for arm, c in cell.items() if c["n"] == 0)
    # a category that stands in no arm is not named either: it may be one person's
    rows = [_row(f"{label}: {level}", cell) for level, cell in told] or [_row(label, {})]
    return [*rows, *_without(context, without)]


def _words(context: Context, one: Characteristic) -> str:
    """Return what a characteristic is called: a score with its time, a column by its label."""
    name = ScoreName(one.variable)
    if one.when:
        return f"{name.label}, {one.when}"
    labels = context.study.labels
    title = labels[one.variable].title if one.variable in labels else ""
    return title or one.variable.replace("_", " ").capitalize()


def _column(name: str, label: str) -> Column:
    """Return a column that writes ``12 (34.3%)``, ``18.20 (4.10)``, or a number alone."""

    def write(row: pd.Series) -> str:
        n, share, mean, sd = (row.get(f"{name} {part}") for part in ("n", "share", "mean", "sd"))
        first, second = (mean, sd) if row["kind"] == "mean" else (n, share)
        if fmt.is_missing(first):
            return MISSING
        whole, part = (
            (fmt.number, fmt.number) if row["kind"] == "mean" else (fmt.count, fmt.percent)
        )
        if fmt.is_missing(second):  # a mean without its SD is one of people who are not told
            rounded_mean = f"{fmt.ABOUT} {fmt.number(first, fmt.decimals_told([first]))}"
            return rounded_mean if row["kind"] == "mean" else whole(first)
        return f"{whole(first)} ({part(second)})"

    return Column(label, write)

"""Rules about ids: spelled in two ways, clients of two therapists, therapists of two sites."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import pandas as pd

from ....core.people import ID_COLUMNS, plain_id
from ....errors import plural
from ...tables import TABLES, table_schema
from .places import locate
from .registry import Finding, rule
from .view import StudyView
from .words import series_of

ID_WORDS = {
    "client_id": "client",
    "therapist_id": "therapist",
    "site_id": "site",
    "coder_id": "coder",
}


def spellings(view: StudyView, column: str) -> dict[str, list[str]]:
    """Return the ids that have more than one spelling in the study, commonest first."""
    if f"spellings of {column}" not in view.remembered:
        view.remembered[f"spellings of {column}"] = _spellings(view, column)
    found: dict[str, list[str]] = view.remembered[f"spellings of {column}"]
    return found


def _surely_apart(texts: set[str]) -> bool:
    """Return whether no two ids are alike, told from all at once: most studies' are plain."""
    joined = "\n".join(texts)
    plain = joined.isascii() and "\n0" not in f"\n{joined}"
    return plain and len(joined.split()) == len(set(joined.casefold().split())) == len(texts)


def _spellings(view: StudyView, column: str) -> dict[str, list[str]]:
    tables = [table for table in TABLES if view.has(table, column)]
    texts = {text for table in tables for text in view.codes(table, column).values}
    if _surely_apart(texts):
        return {}
    found: dict[str, set[str]] = defaultdict(set)
    for text in texts:
        found[plain_id(text)].add(text)
    suspect = {plain: texts for plain, texts in sorted(found.items()) if len(texts) > 1}
    if not suspect:
        return {}
    counts: dict[str, int] = defaultdict(int)
    for table in tables:
        codes = view.codes(table, column)
        used = np.bincount(codes.codes[codes.codes >= 0], minlength=len(codes.values))
        for text, count in zip(codes.values, used, strict=True):
            counts[text] += int(count)
    ordered = {
        plain: sorted((t for t in texts if counts[t]), key=lambda text: (-counts[text], text))
        for plain, texts in suspect.items()
    }
    return {plain: texts for plain, texts in ordered.items() if len(texts) > 1}


@rule(
    "id_spelled_differently",
    level="error",
    stage="rows",
    looks_for="ids that differ only by blanks, upper and lower case, or leading zeros",
)
def id_spelled_differently(view: StudyView) -> Iterator[Finding]:
    """Find ids that a person reads as one and a program as two."""
    for column in ID_COLUMNS:
        for usual, *others in spellings(view, column).values():
            for other in others:
                yield _spelling(view, column, usual, other)


def _spelling(view: StudyView, column: str, usual: str, other: str) -> Finding:
    table, rows = _first_rows(view, column, other)
    what = ID_WORDS[column]
    return Finding(
        table,
        f"The {what} ids '{other}' and '{usual}' differ only by blanks, upper and lower case"
        f"{_unseen(usual, other)} or leading zeros, so one {what} would count as two.",
        rows,
        column=column,
        many=f"{{n}} {what} ids differ from another id only by blanks, upper and lower case or "
        f"leading zeros, so one {what} would count as two: {{values}}.",
        hint=f"Write '{usual}' in each place, or give two different persons clearly different ids.",
        values=np.full(len(rows), other, dtype=object),
        together=True,
    )


def _unseen(usual: str, other: str) -> str:
    """Return what else may differ where an id has other letters than the plain ones."""
    return "" if (usual + other).isascii() else ", signs that do not show or look the same,"


def _first_rows(view: StudyView, column: str, value: str) -> tuple[str, np.ndarray]:
    for table in TABLES:
        if view.has(table, column):
            codes = view.codes(table, column)
            rows = np.flatnonzero(codes.where(codes.values == value))
            if len(rows):
                return table, rows
    return "", np.empty(0, dtype=np.int64)


@rule(
    "client_under_two_therapists",
    level="warning",
    stage="rows",
    looks_for="a client whose rows name more than one therapist",
)
def client_under_two_therapists(view: StudyView) -> Iterator[Finding]:
    """Find clients under two therapists; a change of therapist is real, a slip is common."""
    yield from _split(
        view,
        "client_id",
        "therapist_id",
        tables=("clients", "sessions", "assessments"),
        sentence="Client {one} is under {n} therapists: {others}.",
        many="{n} rows name another therapist than the rest of the client's rows.",
        hint="If the therapist changed, leave it: scores stand under the therapist of their "
        "session or occasion, models fit clients and therapists as groups that cross, the rating "
        "gap takes the client with each therapist as a dyad, and what has one row a client takes "
        "the therapist of the table 'clients'. Otherwise correct the id.",
    )


@rule(
    "therapist_at_two_sites",
    level="warning",
    stage="rows",
    looks_for="a therapist id that occurs at more than one site",
)
def therapist_at_two_sites(view: StudyView) -> Iterator[Finding]:
    """Find therapist ids used at two sites: often two persons with the same number."""
    yield from _split(
        view,
        "therapist_id",
        "site_id",
        tables=("therapists", "clients", "sessions"),
        sentence="Therapist {one} is at {n} sites: {others}.",
        many="{n} rows name a therapist at another site than the therapist's other rows.",
        hint="If they are two persons, give them different ids (such as the site's name before "
        "the number); if it is one person, leave it.",
    )


def _split(
    view: StudyView,
    one: str,
    other: str,
    *,
    tables: tuple[str, ...],
    sentence: str,
    many: str,
    hint: str,
) -> Iterator[Finding]:
    """Yield a finding for each `one` that stands with more than one `other`."""
    pairs = [
        view.frames[table][[one, other]]
        .astype(object)
        .assign(table=table, at=np.arange(len(view.frames[table])))
        for table in tables
        if view.has(table, one, other)
    ]
    if not pairs:
        return
    rows = pd.concat(pairs, ignore_index=True).dropna(subset=[one, other])
    rows = _without_unknown(view, rows, one, other)
    plain = {value: plain_id(str(value)) for value in rows[other].unique()}
    rows = rows.assign(plain=rows[other].map(plain))
    kinds = rows.groupby(one, sort=True)["plain"].nunique()
    for name in kinds.index[kinds.to_numpy() > 1]:
        group = rows[rows[one] == name]
        counts = _once_a_cell(view, group, other)[other].value_counts()
        usual = sorted(counts.index, key=lambda value: (-counts[value], str(value)))[0]
        odd = group[group[other] != usual]
        table = odd["table"].iloc[0]
        at = odd.loc[odd["table"] == table, "at"].to_numpy(dtype=np.int64)
        others = series_of(
            f"{value} ({plural(counts[value], 'row')})" for value in sorted(counts.index)
        )
        key = table_schema(table).primary_key
        twice = key == (one,) and (group["table"] == table).sum() > 1
        yield Finding(
            table,
            sentence.format(one=name, n=len(counts), others=others),
            at,
            column=other,
            many=many,
            hint=hint,
            together=True,
            level="error" if twice else "",
        )


def _without_unknown(view: StudyView, rows: pd.DataFrame, one: str, other: str) -> pd.DataFrame:
    """Leave out ids that the table of therapists lacks: one wrong id is told as that, once.

    A client who is listed twice stays: this rule alone tells of it.
    """
    if other != "therapist_id" or not view.has("therapists", other):
        return rows
    known = rows[other].astype(str).isin(view.codes("therapists", other).used())
    return rows[
        known | ((rows["table"] == "clients") & rows.duplicated(["table", one], keep=False))
    ]


def _once_a_cell(view: StudyView, group: pd.DataFrame, other: str) -> pd.DataFrame:
    """Return one row for each cell that names `other`, though several tables may be made of it."""
    records = []
    for table, at in zip(group["table"], group["at"], strict=True):
        places = locate(view.origins.get(table), view.positions(table, np.array([at])), other)
        ((line, _),) = places.records()
        column = places.layouts[places.layout[0]].columns.get(other, "")
        records.append((line[0] or f"table {table}", *line[1:], column))
    said = list(zip(records, group[other], strict=True))
    named = {(cell[:-1], value) for cell, value in said if cell[-1]}
    copies = [not cell[-1] and (cell[:-1], value) in named for cell, value in said]
    return group[~(pd.Series(records, dtype=object).duplicated().to_numpy() | copies)]


@rule(
    "blank_therapist",
    level="warning",
    stage="rows",
    looks_for="clients without a therapist",
)
def blank_therapist(view: StudyView) -> Iterator[Finding]:
    """Find clients without a therapist: they stay, but not where therapists are compared."""
    if not view.has("clients", "therapist_id"):
        return
    blank = view.frames["clients"]["therapist_id"].isna().to_numpy()
    if blank.all() or not blank.any():
        return
    yield Finding(
        "clients",
        f"{plural(int(blank.sum()), 'client')} of {len(blank):,} "
        f"{'has' if blank.sum() == 1 else 'have'} no therapist.",
        np.flatnonzero(blank),
        column="therapist_id",
        hint="If they had a therapist, fill it in. If not (a waiting group, treatment as usual), "
        "leave it: they are kept, but left out wherever therapists are compared.",
        together=True,
    )

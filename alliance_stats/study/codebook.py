"""The codebook of a study: every table, column and measure, as a page and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..core.disclosure import (
    FEW_VALUES,
    SMALLEST_SHOWN,
    TIMES,
    TOO_FEW,
    Disclosure,
    in_tens,
    most_together,
)
from ..core.id_masking import Names
from ..core.outputs import write_whole
from ..core.precision import coarse
from ..inference.rows import mean_row
from .labels import Labels
from .privacy.identifier_forms import are_free, are_names, is_day
from .select import measures_named
from .tables import TableSchema, table_schema

if TYPE_CHECKING:
    from ..instruments import Measure
    from .study import Study

MOST_LEVELS = 12
"""A text column with more distinct values is described by their number alone."""
LENGTHS = ("session", "last_session")
"""How long each client stayed: the mean of the numbers of all sessions is a sum of squares of these
lengths, and the largest number is one person's."""

FURTHER = "A further column of this study."

OURS = ("client_id", "therapist_id", "coder_id")

MIXED = {
    "ratings": ("item", "value"),
    "scores": ("score", "n_answered", "n_items"),
    "assessments": ("score",),
}
"""Columns that hold several measures at once: a mean over them would mean nothing."""


@dataclass(frozen=True, repr=False)
class Codebook:
    """What a study's tables, columns and measures mean.

    Attributes
    ----------
    content
        Everything as plain values: ``name, synthetic, notes, description, tables, measures``.
        Ids, dates of single sessions, lowest and highest values and free text are not in it, nor
        a number of people from one to nine, nor what would tell one (None: withheld). Levels
        count people. The type of a further column is that of ten people's values or more: some may
        have other ones.
    """

    content: dict[str, Any]

    def to_json(self, path: str | PathLike[str]) -> Path:
        """Write the codebook as JSON; return the path."""
        content = {"made_by": "alliance_stats", **self.content}
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
        return _write(path, text + "\n")

    def to_html(self, path: str | PathLike[str]) -> Path:
        """Write the codebook as one HTML page that needs nothing else; return the path."""
        return _write(path, self._page("page"))

    def _page(self, part: str) -> str:
        from jinja2 import Environment, PackageLoader

        environment = Environment(
            loader=PackageLoader("alliance_stats.study", "templates"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters["mark"] = lambda status: "✓ verified" if status else "not verified"
        return environment.get_template("codebook.html").render(part=part, **self.content)

    def _repr_html_(self) -> str:
        return self._page("fragment")

    def __repr__(self) -> str:
        tables = ", ".join(one["name"] for one in self.content["tables"])
        measures = ", ".join(one["name"] for one in self.content["measures"])
        return f"<Codebook of {self.content['name']}: tables {tables}; measures {measures}>"


def codebook_and_ledger(study: Study) -> tuple[Codebook, Disclosure]:
    """Return the codebook of `study` (see `Study.codebook`), and the groups of people it shows.

    Made once a study. A report goes on with that ledger, so that it shows nothing that would undo
    what the codebook withholds.
    """
    made: dict[Any, Any] = study._made
    if "codebook" not in made:
        ledger = Disclosure.of(study.tables)
        made["codebook"] = _codebook(study, ledger), ledger
    return deepcopy(made["codebook"])


def _codebook(study: Study, disclosure: Disclosure) -> Codebook:
    tables, names = study.tables, Names.of(study)
    labels = {name: one.masked(names.mask) for name, one in study.labels.items()}
    nobody: dict[str, list[dict[str, Any]]] = {name: [] for name in measures_named(study)}
    used = nobody if disclosure.tells_nothing else _forms(tables, disclosure)
    known = [name for name in used if name in study.measures]
    return Codebook(
        {
            "name": names.mask(study.name),
            "synthetic": study.synthetic,
            "notes": [*map(names.mask, study.notes), *[TOO_FEW] * disclosure.tells_nothing],
            "tables": [
                _table(table_schema(name), frame, disclosure, labels)
                for name, frame in tables.items()
            ],
            "measures": [_measure(study.measures[name], used[name], study) for name in known],
            "without_card": [name for name in used if name not in study.measures],
        }
    )


def _table(
    schema: TableSchema, frame: pd.DataFrame, disclosure: Disclosure, labels: Mapping[str, Labels]
) -> dict[str, Any]:
    frame = frame.reset_index(drop=True)
    people = _People(frame, disclosure)
    return {
        "name": schema.name,
        "title": schema.title,
        "description": schema.description,
        "rows": people.number(frame.index),
        "key": list(schema.primary_key),
        "refers_to": {key.table: list(key.fields) for key in schema.foreign_keys},
        "columns": [
            _column(schema, frame[name], people, labels.get(str(name), Labels()))
            for name in frame.columns
        ],
    }


class _People:
    """Whose the rows of a table are: the clients', else the therapists', else each its own.

    Rows are counted from 0 on.
    """

    def __init__(self, frame: pd.DataFrame, disclosure: Disclosure) -> None:
        self.of = next((of for of in ("client", "therapist") if f"{of}_id" in frame), "row")
        self._ids = frame[f"{self.of}_id"] if self.of != "row" else frame.index.to_series()
        self._codes, who = pd.factorize(self._ids)
        self._who = np.asarray(who, dtype=object)
        times = [name for name in TIMES if name in frame]
        self._when = frame[times].assign(**{f"{self.of}_id": self._codes})
        self._disclosure = disclosure

        self.one_each = bool(self._ids.is_unique)
        """Whether each row is somebody else, so that rows count people."""

    def of_rows(self, rows: pd.Index) -> frozenset[Any]:
        found = np.unique(self._codes[rows])
        return frozenset(self._who[found[found >= 0]])

    def enough(self, rows: pd.Index) -> bool:
        """Return whether ten people or more, of a study that tells anything, have some rows."""
        return not self._disclosure.tells_nothing and len(self.of_rows(rows)) >= SMALLEST_SHOWN

    def counted(self, rows: pd.Index) -> bool:
        """Return whether it may be shown how many people have some rows."""
        if self._disclosure.tells_nothing:
            return False
        return self.of == "row" or self._disclosure.shows(self.of_rows(rows), of=self.of)

    def number(self, rows: pd.Index) -> int | None:
        """Return the number of some rows as it may be shown: of people, else in tens; or None."""
        if self.one_each:
            return len(rows) if self.counted(rows) else None
        if not self.enough(rows):
            return None
        together = most_together(self._when.loc[rows], self.counted(rows), f"{self.of}_id")
        tens = in_tens(len(rows), together)
        return None if tens != tens else int(tens)

    def named(self, name: str, column: pd.Series) -> bool:
        """Return whether it may be shown how many different ids of people a column holds."""
        of, people = name.removesuffix("_id"), column.dropna().unique()
        return name not in OURS or self._disclosure.shows(people, of=of)

    def mean(self, about: str, column: pd.Series, *, exact: bool) -> dict[str, float]:
        """Return the mean of numbers, coarse where their number is not told; else nothing."""
        ids = self._ids[column.index].dropna()
        values = column[ids.index].to_numpy(dtype=float)
        if not self._disclosure.states(ids, about, values=values):
            return {}
        row = pd.DataFrame([mean_row(values)])
        found = float((row if exact else coarse(row))["estimate"].iloc[0])
        return {"mean": float(f"{found:.4g}")}


def _column(
    schema: TableSchema, column: pd.Series, people: _People, labels: Labels
) -> dict[str, Any]:
    name = str(column.name)
    ours = {field.name: field for field in schema.fields}.get(name)
    filled, missing = column.index[column.notna()], column.index[column.isna()]
    held, lack = people.number(filled), people.number(missing)
    told = held is not None and (lack is not None or not people.one_each)
    mixed = name in MIXED.get(schema.name, ())
    about = name if schema.name == "clients" else f"{schema.name} {name}"
    exact = told and people.one_each
    values = {} if mixed else _values(name, column, people, labels, about=about, exact=exact)
    counted = told and _all_told(name, column, values) and people.named(name, column)
    return {
        "name": name,
        "description": ours.description if ours else labels.title or FURTHER,
        "type": ours.type if ours else _kind(column, people),
        "allowed": list(ours.enum) if ours and ours.enum else (ours.limits if ours else ""),
        "filled": held if told else None,
        "missing": lack if exact else None,
        "distinct": int(column.nunique()) if counted else None,
        **values,
    }


def _all_told(name: str, column: pd.Series, values: dict[str, Any]) -> bool:
    """Return whether how many values there are tells no more than what is shown of them.

    Words that are not shown may be names of people (supervisors, judges) or what few are; a number
    of them would count these.
    """
    if name in OURS:
        return True
    if name.endswith("_id") or name in LENGTHS or values.get("rare_levels"):
        return False
    return bool(values.get("levels"))  # of moments and amounts there may be one a row


def _values(
    name: str, column: pd.Series, people: _People, labels: Labels, *, about: str, exact: bool
) -> dict[str, Any]:
    """Return what the values are, without any that could point at one person."""
    from pandas.api import types

    filled = column.dropna()
    if labels.cover(filled):
        column = filled = filled.map(labels.word)
    if (
        name in LENGTHS
        or name.endswith("_id")
        or len(people.of_rows(filled.index)) < SMALLEST_SHOWN
    ):
        return {}
    if types.is_datetime64_any_dtype(column.dtype):
        years = [year for year, rows in _levels(filled.dt.year) if people.counted(rows)]
        return {"from_year": int(min(years)), "to_year": int(max(years))} if years else {}
    if types.is_numeric_dtype(column.dtype) and not types.is_bool_dtype(column.dtype):
        if filled.nunique() > FEW_VALUES:
            return people.mean(about, filled, exact=exact)
        # the mean of 0 and 1 is a share: times the people, it counts those with a 1
        filled = filled.map(lambda value: f"{value:g}")
    levels = _levels(filled.astype(str))
    texts = [str(value) for value, _ in levels]
    written = any(are_free(texts, [len(rows) for _, rows in levels]) + are_names(texts))
    written = written or any(map(is_day, texts))
    if len(levels) > MOST_LEVELS or written:
        return {}
    shown = {str(v): len(people.of_rows(rows)) for v, rows in levels if people.counted(rows)}
    if not shown:  # how many levels there are would tell how few have each
        return {"levels": {}}
    return {"levels": shown, **({"rare_levels": True} if len(levels) > len(shown) else {})}


def _levels(column: pd.Series) -> list[tuple[Any, pd.Index]]:
    """Return each value and its rows, the most frequent first."""
    held = column.groupby(column, observed=True).groups
    return [(value, held[value]) for value in column.value_counts().index]


def _kind(column: pd.Series, people: _People) -> str:
    """Return the type of a further column that the values of ten people or more have.

    One client's 34.5 makes whole numbers decimal, one client's word makes numbers text: so all
    numbers are called numbers, and are text where ten people or more have no number.
    """
    from .saving import _type_of

    if not people.enough(column.index[column.notna()]):
        return ""
    kind = _type_of(column)
    if kind == "datetime":
        at_a_time = column.notna() & (column != column.dt.normalize())
        return "datetime" if people.enough(column.index[at_a_time]) else "date"
    if kind == "string":
        no_number = pd.to_numeric(column.astype(str), errors="coerce").isna() & column.notna()
        return "string" if people.enough(column.index[no_number]) else "number"
    return "number" if kind == "integer" else kind


def _forms(
    tables: dict[str, pd.DataFrame], disclosure: Disclosure
) -> dict[str, list[dict[str, Any]]]:
    """Return measure → how often each rater filled it in, over all tables that name measures.

    A form counts where it has an answer: a blank one of a missed session does not. Forms are
    counted in tens, so that those that were not filled in do not follow from those that were.
    """
    used: dict[str, list[dict[str, Any]]] = {}
    when = {"ratings": "session", "scores": "session", "assessments": "occasion"}
    for table, time in when.items():
        if table not in tables:
            continue
        answered = tables[table].reset_index(drop=True)
        answered = answered.dropna(subset=["value" if table == "ratings" else "score"])
        once = answered.drop_duplicates(["client_id", time, "rater", "measure"])
        for (measure, rater), forms in once.groupby(["measure", "rater"], observed=True):
            people = _People(forms.reset_index(drop=True), disclosure)
            number = people.number(pd.RangeIndex(len(forms)))
            used.setdefault(str(measure), []).append(
                {"table": table, "rater": rater, "forms": number}
            )
    return {name: used[name] for name in sorted(used)}


def _measure(card: Measure, forms: list[dict[str, Any]], study: Study) -> dict[str, Any]:
    turned = [rater for measure, rater in study.already_reversed if measure == card.name]
    return {
        "name": card.name,
        "title": card.title,
        "form": card.form,
        "version": card.version,
        "timing": card.timing,
        "raters": dict(card.raters),
        "forms": forms,
        "n_items": card.n_items,
        "range": {"low": card.range.low, "high": card.range.high, "step": card.step},
        "reversed_items": list(card.reversed_items),
        "held_already_reversed": sorted(turned),
        "scales": [_scale(card, name) for name in card.scales],
        "scales_without_key": dict(card.scales_without_key),
        "missing_rule": str(card.missing_rule),
        "direction": card.direction,
        "cutoffs": [asdict(one) for one in card.cutoffs],
        "reliable_change": [asdict(one) for one in card.reliable_change],
        "reliabilities": [asdict(one) for one in card.reliabilities],
        "licence": {
            "text": str(card.licence),
            "class": card.licence.kind,
            "verified": card.licence.verified,
        },
        "sources": [
            {key: value for key, value in asdict(one).items() if value}
            for one in card.sources.values()
        ],
        "verified": {fact: asdict(mark) for fact, mark in card.verified.items()},
        "unknown": list(card.unknown),
    }


def _scale(card: Measure, name: str) -> dict[str, Any]:
    scale, limits = card.scales[name], card.scale_range(name)
    return {
        "name": name,
        "title": scale.title,
        "items": list(scale.items),
        "method": scale.method,
        "multiply": scale.multiply,
        "direction": scale.direction,
        "lowest": limits.low,
        "highest": limits.high,
    }


def _write(path: str | PathLike[str], text: str) -> Path:
    return write_whole(path, text.encode("utf-8", "replace"), what="the codebook", make_folder=True)

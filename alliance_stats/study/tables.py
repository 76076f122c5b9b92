"""The canonical tables of a study: their schemas, and the pandera checks made from them.

The schemas are Frictionless Table Schemas under ``schemas/tables``, so that R and any
Frictionless tool read the same rules. The one property of our own is ``optional`` on a field:
the column may be absent. ``required`` keeps its standard meaning: no blank cell.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from ..core.resources import folder
from ..errors import ColumnError, did_you_mean, listing

if TYPE_CHECKING:
    from pandera.pandas import Check, DataFrameSchema

TABLES: tuple[str, ...] = (
    "therapists",
    "clients",
    "sessions",
    "ratings",
    "scores",
    "assessments",
    "terminations",
    "events",
    "observer_codes",
    "principle_codes",
    "forecasts",
    "effects",
)
"""The tables a study can hold; a table stands after those it refers to."""


OCCASIONS = ("intake", "pre", "mid", "post", "followup")
"""The occasions whose order is known."""

NO_REAL_LIMIT = 10_000
"""A maximum this high only keeps nonsense out (a date as a session number): no limit in words."""


@dataclass(frozen=True)
class Field:
    """One column of a canonical table.

    Attributes
    ----------
    type
        ``string``, ``integer``, ``number``, ``date`` or ``boolean``.
    optional
        Whether the table may lack the column.
    required
        Whether every row must hold a value.
    """

    name: str
    type: str
    title: str
    description: str
    optional: bool = False
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    enum: tuple[str, ...] = ()

    @property
    def limits(self) -> str:
        """The allowed range in words, as in ``1 to 5`` or ``1 or more``; empty without one."""
        upper = self.maximum is not None and self.maximum < NO_REAL_LIMIT
        if self.minimum is not None and self.maximum is not None and upper:
            return f"{self.minimum:g} to {self.maximum:g}"
        if self.minimum is not None:
            return f"{self.minimum:g} or more"
        return "" if self.maximum is None else f"{self.maximum:g} or less"


@dataclass(frozen=True)
class ForeignKey:
    """Columns whose values must occur in another table."""

    fields: tuple[str, ...]
    table: str
    reference: tuple[str, ...]


@dataclass(frozen=True)
class TableSchema:
    """One canonical table: its fields, its key and what it refers to."""

    name: str
    title: str
    description: str
    fields: tuple[Field, ...]
    primary_key: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...]

    def field(self, name: str) -> Field:
        """Return the field of that name, or raise `ColumnError` naming the nearest."""
        for field in self.fields:
            if field.name == name:
                return field
        names = [field.name for field in self.fields]
        raise ColumnError(
            f"The table '{self.name}' has no column '{name}'; its columns are "
            f"{listing(names, 20)}.{did_you_mean(name, names)}"
        )

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns the table cannot do without."""
        return tuple(field.name for field in self.fields if not field.optional)


@cache
def descriptor(name: str) -> str:
    """Return the table's Frictionless Table Schema as JSON text, as it ships."""
    if name not in TABLES:
        raise ColumnError(
            f"A study has no table '{name}'; its tables are {listing(TABLES, 20)}."
            f"{did_you_mean(name, TABLES)}"
        )
    return (folder("schemas") / "tables" / f"{name}.json").read_text(encoding="utf-8")


@cache
def table_schema(name: str, raters: tuple[str, ...] = ()) -> TableSchema:
    """Return the schema of one canonical table.

    Parameters
    ----------
    name
        One of `TABLES`, such as ``"sessions"``.
    raters
        What a study declares beyond client, therapist and observer.

    Raises
    ------
    ColumnError
        Where there is no such table; the message names the nearest.

    Examples
    --------
    >>> from alliance_stats.study.tables import table_schema
    >>> table_schema("sessions").primary_key
    ('client_id', 'session')
    >>> table_schema("events").field("intensity").limits
    '1 to 5'
    """
    raw = json.loads(descriptor(name))
    fields = tuple(_field(field) for field in raw["fields"])
    if raters:
        fields = tuple(
            replace(field, enum=(*field.enum, *raters)) if field.name == "rater" else field
            for field in fields
        )
    return TableSchema(
        name=name,
        title=raw["title"],
        description=raw["description"],
        fields=fields,
        primary_key=tuple(raw["primaryKey"]),
        foreign_keys=tuple(_foreign_key(key) for key in raw.get("foreignKeys", ())),
    )


def _field(raw: dict[str, Any]) -> Field:
    limits = raw.get("constraints", {})
    return Field(
        name=raw["name"],
        type=raw["type"],
        title=raw["title"],
        description=raw["description"],
        optional=raw.get("optional", False),
        required=limits.get("required", False),
        minimum=limits.get("minimum"),
        maximum=limits.get("maximum"),
        enum=tuple(limits.get("enum", ())),
    )


def _foreign_key(raw: dict[str, Any]) -> ForeignKey:
    target = raw["reference"]
    return ForeignKey(tuple(raw["fields"]), target["resource"], tuple(target["fields"]))


@cache
def to_pandera(schema: TableSchema) -> DataFrameSchema:
    """Return the table's rules as a pandera schema: columns, blanks, ranges and allowed words.

    Types are brought about before (`study.rules.values`), keys and foreign keys are study rules
    of their own: what is left for pandera is vectorised and cheap on a million rows. Columns the
    schema does not name are let through.
    """
    from pandera.pandas import Column, DataFrameSchema

    columns = {
        field.name: Column(
            None,
            checks=_checks(field),
            nullable=not field.required,
            required=not field.optional,
            coerce=False,
        )
        for field in schema.fields
    }
    return DataFrameSchema(columns, strict=False, name=schema.name)


def _checks(field: Field) -> list[Check]:
    from pandera.pandas import Check

    checks = []
    if field.minimum is not None:
        checks.append(Check.ge(field.minimum))
    if field.maximum is not None:
        checks.append(Check.le(field.maximum))
    if field.enum:
        checks.append(Check.isin(list(field.enum)))
    return checks

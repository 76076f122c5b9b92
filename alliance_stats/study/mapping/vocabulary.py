"""The names a source in ``study.yaml`` may use: its own keys, and the columns of our tables."""

from __future__ import annotations

from functools import cache

from ...core.resources import json_schema
from ..tables import OCCASIONS as OCCASIONS
from ..tables import TABLES, table_schema

STUDY_SCHEMA = "study.schema.json"
"""The keys of ``study.yaml``, what each may hold, and an example of each."""

OPEN_TABLES = ("sessions", "clients", "therapists")
"""Tables whose columns a source without ``table:`` may carry."""

IDS = frozenset({"client_id", "therapist_id", "site_id", "coder_id"})
"""Columns that say who somebody is."""

DAYS = {"day": 1.0, "week": 7.0, "month": 30.4375}
"""Units of time in days; a month is a twelfth of 365.25."""

KEYS = (
    "client_id",
    "therapist_id",
    "session",
    "occasion",
    "time",
    "week",
    "coder_id",
    "study_id",
    "item",
)
"""Columns to which codes for missing do not apply: session 99 is a session."""


@cache
def fields_of(table: str) -> tuple[str, ...]:
    """Return the canonical columns of a table."""
    return tuple(field.name for field in table_schema(table).fields)


@cache
def source_keys() -> tuple[str, ...]:
    """Return the keys a source has of its own, besides the columns of our tables."""
    columns = {name for table in TABLES for name in fields_of(table)}
    known = json_schema(STUDY_SCHEMA)["$defs"]["source"]["properties"]
    return tuple(key for key in known if key not in columns)


@cache
def columns_for(table: str | None) -> tuple[str, ...]:
    """Return the columns a source may map: of its table, or of the tables it feeds."""
    if table == "ratings":  # of sessions, or of occasions
        return (*fields_of(table), "occasion", "time")
    if table is not None:
        return fields_of(table)
    names: dict[str, None] = {}
    for each in OPEN_TABLES:
        names |= dict.fromkeys(fields_of(each))
    return (*names, "occasion", "time", "week", "rater")


@cache
def enum_of(table: str, column: str) -> tuple[str, ...]:
    """Return the words a column may hold, empty where it is free."""
    if table not in TABLES or column not in fields_of(table):
        return ()
    return table_schema(table).field(column).enum


def type_of(table: str, column: str) -> str:
    """Return the type of a canonical column; text where it is none of ours."""
    return table_schema(table).field(column).type if column in fields_of(table) else "string"

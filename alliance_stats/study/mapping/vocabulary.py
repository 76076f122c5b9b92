"""The names a source in ``study.yaml`` may use: its own keys, and the columns of our tables."""

from __future__ import annotations

from functools import cache

from ..tables import TABLES, table_schema

STUDY_KEYS = ("name", "title", "description", "synthetic", "licence", "citation", "sources")
SOURCE_KEYS = (
    "file",
    "sheet",
    "table",
    "columns",
    "constants",
    "recode",
    "missing",
    "measures",
    "carry",
    "encoding",
    "delimiter",
    "decimal",
    "date_format",
)
MEASURE_KEYS = (
    "measure",
    "rater",
    "items",
    "score",
    "scale",
    "reversed",
    "missing",
    "session",
    "occasion",
)
OPEN_TABLES = ("sessions", "clients", "therapists")
"""Tables whose columns a source without ``table:`` may carry."""

OCCASIONS = ("intake", "pre", "mid", "post", "followup")
IDS = frozenset({"client_id", "therapist_id", "site_id", "coder_id"})
"""Columns that say who somebody is."""

KEYS = ("client_id", "therapist_id", "session", "occasion", "week", "coder_id", "study_id", "item")
"""Columns to which codes for missing do not apply: session 99 is a session."""


@cache
def fields_of(table: str) -> tuple[str, ...]:
    """Return the canonical columns of a table."""
    return tuple(field.name for field in table_schema(table).fields)


@cache
def columns_for(table: str | None) -> tuple[str, ...]:
    """Return the columns a source may map: of its table, or of the tables it feeds."""
    if table is not None:
        return fields_of(table)
    names: dict[str, None] = {}
    for each in OPEN_TABLES:
        names |= dict.fromkeys(fields_of(each))
    return (*names, "occasion", "week")


@cache
def enum_of(table: str, column: str) -> tuple[str, ...]:
    """Return the words a column may hold, empty where it is free."""
    if table not in TABLES or column not in fields_of(table):
        return ()
    return table_schema(table).field(column).enum


def type_of(table: str, column: str) -> str:
    """Return the type of a canonical column; text where it is none of ours."""
    return table_schema(table).field(column).type if column in fields_of(table) else "string"

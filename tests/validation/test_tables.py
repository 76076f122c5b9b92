"""The table schemas: an open standard, complete, and the same rules in pandera."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from frictionless import Schema
from pandera.errors import SchemaErrors

from alliance_stats.errors import ColumnError
from alliance_stats.study.tables import TABLES, descriptor, table_schema, to_pandera


@pytest.mark.parametrize("name", TABLES)
def test_a_schema_is_a_frictionless_table_schema(name):
    raw = json.loads(descriptor(name))
    schema = Schema.from_descriptor(raw)
    assert [field.name for field in schema.fields] == [f.name for f in table_schema(name).fields]
    assert list(Schema.metadata_validate(schema.to_descriptor())) == []


@pytest.mark.parametrize("name", TABLES)
def test_each_field_is_described_and_each_key_is_a_field(name):
    schema = table_schema(name)
    names = [field.name for field in schema.fields]
    assert all(field.title and field.description.endswith(".") for field in schema.fields)
    assert set(schema.primary_key) <= set(names)
    for key in schema.foreign_keys:
        assert set(key.fields) <= set(names)
        assert set(key.reference) <= {field.name for field in table_schema(key.table).fields}
        assert TABLES.index(key.table) < TABLES.index(name)


def test_keys_and_optional_columns_are_those_of_the_handbook():
    assert table_schema("ratings").primary_key == (
        "client_id",
        "session",
        "rater",
        "measure",
        "item",
    )
    assert table_schema("sessions").needed == ("client_id", "session")
    assert table_schema("events").field("kind").enum == ("rupture", "repair")
    assert table_schema("terminations").field("reason").enum == (
        "completed",
        "dropout",
        "mutual",
        "transferred",
        "administrative",
        "ongoing",
    )


def test_an_unknown_table_or_column_names_the_nearest():
    with pytest.raises(ColumnError, match=r"A study has no table 'session'.*Did you mean 'sess"):
        table_schema("session")
    with pytest.raises(ColumnError, match=r"has no column 'intensty'.*Did you mean 'intensity'"):
        table_schema("events").field("intensty")


def test_ranges_are_said_in_words():
    assert table_schema("events").field("intensity").limits == "1 to 5"
    assert table_schema("sessions").field("session").limits == "0 or more"
    assert table_schema("scores").field("score").limits == ""


def test_pandera_reports_all_cases_at_once_and_lets_further_columns_through():
    events = pd.DataFrame(
        {
            "client_id": ["a", None, "c"],
            "session": [1, -1, 3],
            "rater": ["client", "clint", "observer"],
            "kind": ["rupture", "repair", "repair"],
            "intensity": [1.0, 6.0, None],
            "colour": ["red", "blue", "green"],
        }
    )
    with pytest.raises(SchemaErrors) as caught:
        to_pandera(table_schema("events")).validate(events, lazy=True)
    cases = caught.value.failure_cases
    assert sorted(zip(cases["column"], cases["index"], strict=True)) == [
        ("client_id", 1),
        ("intensity", 1),
        ("rater", 1),
        ("session", 1),
    ]
    assert len(to_pandera(table_schema("events")).validate(events.iloc[[0, 2]])) == 2

"""The schema of study.yaml: right as a JSON Schema, whole, and told by our checker as it means."""

import jsonschema
import pytest

from alliance_stats.core.resources import json_schema
from alliance_stats.study.mapping.checking import WRONG, Checker
from alliance_stats.study.tables import TABLES, table_schema

SCHEMA = json_schema("study.schema.json")
SOURCE, MEASURE = (SCHEMA["$defs"][part]["properties"] for part in ("source", "measure"))
COLUMNS = {field.name for table in TABLES for field in table_schema(table).fields}
GOOD_MEASURE = {"measure": "phq-9", "score": "phq"}


def test_it_is_a_json_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_it_knows_each_column_of_our_tables():
    assert set(SOURCE) >= COLUMNS


def test_each_key_has_a_description_and_all_but_plain_columns_an_example():
    for keys in (SCHEMA["properties"], SOURCE, MEASURE):
        for key, part in keys.items():
            assert part["description"].endswith("."), key
            assert part.get("examples") or (keys is SOURCE and key in COLUMNS), key


def _with(part, key, value):
    if part == "study":
        return {"sources": [{"file": "a.csv"}], key: value}
    if part == "source":
        return {"sources": [{"file": "a.csv", key: value}]}
    return {"sources": [{"file": "a.csv", "measures": [GOOD_MEASURE | {key: value}]}]}


PARTS = {"study": SCHEMA["properties"], "source": SOURCE, "measure": MEASURE}
ALL = [(part, key) for part, keys in PARTS.items() for key in keys]
VALUES = [
    None,
    True,
    0,
    -3,
    1.5,
    "",
    "x",
    ";;",
    [],
    ["a"],
    [1, None],
    [[1]],
    {},
    {"a": 1},
    {"a": {}},
]
VALUES += [{"a": {"b": [1]}}, {"a": "b"}, {"column": "who"}, {1: "a"}]


def _checked(document):
    checker = Checker("study.yaml", SCHEMA)
    return checker.checked(document, SCHEMA), checker.problems


@pytest.mark.parametrize(("part", "key"), ALL)
def test_examples_are_right_and_what_is_wrong_is_so_for_jsonschema_too(part, key):
    judge = jsonschema.Draft202012Validator(SCHEMA)
    for value in PARTS[part][key].get("examples", ()):
        assert _checked(_with(part, key, value)) == (_with(part, key, value), [])
    for value in VALUES:
        document = _with(part, key, value)
        found, problems = _checked(document)
        assert bool(problems) == (not judge.is_valid(document)), (value, problems)
        assert problems or found == document
        assert all(problem.message[-1] in ".?" for problem in problems)


def test_a_wrong_entry_keeps_the_places_of_the_others():
    found, problems = _checked({"sources": [5, {"file": "a.csv", "clientid": "x"}]})
    assert found == {"sources": [WRONG, {"file": "a.csv"}]}
    assert [problem.message for problem in problems] == [
        "A source must have keys such as file:, got 5.",
        "The key 'clientid' is not known here. Did you mean 'client_id'?",
    ]

"""Saved studies: a folder with datapackage.json."""

import json

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import alliance_stats as al
from alliance_stats.study.mapping import read_study
from alliance_stats.study.tables import descriptor


def package(folder, tables, **extra):
    resources = []
    for name, frame in tables.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
        schema = json.loads(descriptor(name)) | {"missingValues": [""]}
        resources.append({"name": name, "path": f"{name}.csv", "schema": schema})
    text = json.dumps({"name": "saved", "resources": resources, **extra})
    (folder / "datapackage.json").write_text(text, encoding="utf-8")
    return read_study(folder)


CLIENTS = pd.DataFrame({"client_id": ["007", "NA", " b"], "therapist_id": ["1", "1", "2"]})
NUMBERS = pd.DataFrame({"client_id": ["1.0", "1.50", "2"], "therapist_id": ["1", "1", "2"]})


def test_text_of_a_saved_study_stays_as_it_is(tmp_path):
    raw = package(tmp_path, {"clients": CLIENTS}, alliance_stats={"synthetic": True})
    assert raw.problems == []
    assert raw.tables["clients"]["client_id"].tolist() == ["007", "NA", " b"]
    assert raw.tables["clients"]["therapist_id"].tolist() == ["1", "1", "2"]
    assert raw.options["synthetic"] is True
    assert raw.name == "saved"


def test_ids_that_look_like_numbers_stay_as_they_are(tmp_path):
    raw = package(tmp_path, {"clients": NUMBERS})
    assert raw.tables["clients"]["client_id"].tolist() == ["1.0", "1.50", "2"]


def test_already_reversed_measures_come_back(tmp_path):
    own = {"already_reversed": [["phq-9", "client"]], "notes": ["n"]}
    raw = package(tmp_path, {"clients": CLIENTS}, alliance_stats=own)
    assert raw.options["already_reversed"] == {("phq-9", "client")}
    assert raw.options["notes"] == ["n"]


@pytest.mark.parametrize("path", ["../x.csv", "/etc/passwd", "https://x.org/x.csv"])
def test_a_resource_cannot_lead_out(tmp_path, path):
    text = json.dumps({"resources": [{"name": "clients", "path": path}]})
    (tmp_path / "datapackage.json").write_text(text, encoding="utf-8")
    (problem,) = read_study(tmp_path).problems
    assert problem.rule == "path_outside_study"


def test_an_unknown_resource_is_told(tmp_path):
    raw = package(tmp_path, {"clients": CLIENTS})
    described = json.loads((tmp_path / "datapackage.json").read_text(encoding="utf-8"))
    described["resources"].append({"name": "sesions", "path": "clients.csv"})
    (tmp_path / "datapackage.json").write_text(json.dumps(described), encoding="utf-8")
    (problem,) = read_study(tmp_path).problems
    assert problem.level == "warning"
    assert "Did you mean 'sessions'?" in problem.message
    assert len(raw.tables["clients"]) == 3


EXAMPLES = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["name", "path", "schema", "fields", "resources", "missingValues", "type"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@EXAMPLES
@given(resources=st.lists(JSON, max_size=3), own=JSON)
def test_no_package_gives_an_error_of_a_library(tmp_path, resources, own):
    (tmp_path / "clients.csv").write_text("client_id\n1\n", encoding="utf-8")
    good = {"name": "clients", "path": "clients.csv", "schema": own, "dialect": own}
    text = json.dumps({"resources": [*resources, good], "alliance_stats": own, "title": own})
    (tmp_path / "datapackage.json").write_text(text, encoding="utf-8")
    raw = read_study(tmp_path)
    assert all(problem.message for problem in raw.problems)


@EXAMPLES
@given(data=st.binary(max_size=60))
def test_no_bytes_give_an_error_of_a_library(tmp_path, data):
    (tmp_path / "datapackage.json").write_bytes(data)
    assert read_study(tmp_path).problems


def test_a_package_without_resources_is_no_study(tmp_path):
    (tmp_path / "datapackage.json").write_text('{"resources": []}', encoding="utf-8")
    report = al.validate(tmp_path)
    assert [p.message for p in report.problems] == [
        "It lists no resource, so the study has no tables."
    ]

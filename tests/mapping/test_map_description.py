"""study.yaml: every mistake is named with its line, and nothing in it can run or lead out."""

import os
import textwrap

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alliance_stats.core.resources import json_schema
from alliance_stats.core.yaml_reading import parse_yaml
from alliance_stats.errors import ReadError
from alliance_stats.study.mapping import read_study
from alliance_stats.study.mapping.patterns import PatternError, parse_pattern

GOOD = """\
name: clinic
sources:
  - file: s.csv
    client_id: pid
    session: sess
    measures:
      - {measure: oq-45, rater: client, score: oq}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "s.csv").write_text("pid,sess,oq\n1,1,50\n", encoding="utf-8")
    return tmp_path


def problems(folder, yaml):
    (folder / "study.yaml").write_text(textwrap.dedent(yaml), encoding="utf-8")
    return read_study(folder).problems


def test_a_good_description_has_no_problem(folder):
    assert problems(folder, GOOD) == []


@pytest.mark.parametrize(
    ("wrong", "line", "message"),
    [
        (
            GOOD.replace("client_id:", "clientid:"),
            4,
            "The key 'clientid' is not known here. Did you mean 'client_id'?",
        ),
        (
            GOOD.replace("rater:", "ratr:"),
            7,
            "The key 'ratr' is not known here. Did you mean 'rater'?",
        ),
        (
            GOOD.replace("sources:", "source:"),
            2,
            "The key 'source' is not known here. Did you mean 'sources'?",
        ),
        (
            GOOD.replace("rater: client", "rater: clint"),
            7,
            "The rater must be one of client, therapist, observer, got 'clint'. "
            "Did you mean 'client'?",
        ),
        (
            GOOD.replace("    measures:", "    table: sesions\n    measures:"),
            6,
            "There is no table 'sesions'. Did you mean 'sessions'?",
        ),
        (
            GOOD.replace("score: oq", 'items: "oq{itm}"'),
            7,
            "The pattern 'oq{itm}' has the placeholder {itm}; known are {item}, {session} and "
            "{occasion}. Did you mean 'item'?",
        ),
        (
            GOOD.replace(", score: oq", ""),
            7,
            "The measure 'oq-45' has neither items: nor score:.",
        ),
        (
            GOOD.replace("    session: sess", "    session: sess\n    session: other"),
            6,
            "The same key is written twice in one place; only the last would count.",
        ),
        (GOOD.replace("  - file: s.csv\n    ", "  - "), 3, "A source must name its file"),
        ("name: clinic\nsources: 5\n", 2, "The study names no files"),
        ("", 1, "The study's description is empty."),
        ("- a\n- b\n", 1, "The study's description does not begin with keys such as name:."),
    ],
)
def test_a_mistake_is_named_with_its_line(folder, wrong, line, message):
    found = [p for p in problems(folder, wrong) if p.message.startswith(message)]
    assert len(found) == 1
    assert found[0].file == "study.yaml"
    assert found[0].row in (line, None if line == 1 else line)
    assert found[0].level == "error"


def test_broken_yaml_says_its_line(folder):
    (problem,) = problems(folder, "name: clinic\nsources:\n  - {file: s.csv\n")
    assert problem.rule == "study_yaml"
    assert problem.message.startswith("'study.yaml' cannot be read as YAML in line 4:")


def test_yes_no_dates_and_leading_zeros_stay_what_they_look_like():
    tree = parse_yaml("a: yes\nb: 2026-01-05\nc: 010\nd: [-9, 1.5, true, ~]\n", "t")
    assert tree.value == {"a": "yes", "b": "2026-01-05", "c": 10, "d": [-9, 1.5, True, None]}


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['touch /tmp/never']",
        "a: !!python/name:os.system",
        "[" * 5000 + "]" * 5000,
        "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: &d [*c,*c]\n"
        + "\n".join(f"k{n}: &k{n} [*d,*d,*d,*d,*d,*d,*d,*d,*d]" for n in range(800)),
        "? [a, b]\n: c\n",
        "x" * 1_100_000,
    ],
    ids=["apply", "name", "deep", "laughs", "list as key", "large"],
)
def test_yaml_can_neither_run_nor_flood(text):
    with pytest.raises(ReadError):
        parse_yaml(text, "study.yaml")


@pytest.mark.parametrize(
    "path",
    [
        "../other/s.csv",
        "/etc/passwd",
        "C:\\data\\s.csv",
        "~/s.csv",
        "http://x.org/s.csv",
        "a/../s.csv",
    ],
)
def test_a_path_that_leads_out_is_refused(folder, path):
    (problem,) = problems(folder, GOOD.replace("s.csv", f"'{path}'"))
    assert problem.rule == "path_outside_study"
    assert "leads out of the study's folder" in problem.message


def test_a_link_that_leads_out_is_refused(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "s.csv"
    outside.write_text("pid,sess,oq\n1,1,50\n", encoding="utf-8")
    os.symlink(outside, folder / "link.csv")
    (problem,) = problems(folder, GOOD.replace("s.csv", "link.csv"))
    assert problem.rule == "path_outside_study"


def test_a_missing_file_names_the_nearest(folder):
    (problem,) = problems(folder, GOOD.replace("s.csv", "ss.csv"))
    assert (problem.rule, problem.file) == ("missing_file", "ss.csv")
    assert "Did you mean 's.csv'?" in problem.message


def test_a_place_without_a_study(tmp_path):
    assert [p.rule for p in read_study(tmp_path).problems] == ["missing_study"]
    assert [p.rule for p in read_study(tmp_path / "nowhere").problems] == ["missing_study"]
    (tmp_path / "s.csv").write_text("a\n1\n", encoding="utf-8")
    assert [p.rule for p in read_study(tmp_path / "s.csv").problems] == ["missing_study"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("wai{item", "unmatched brace"),
        ("{item}{session}", "side by side"),
        ("{item}_{item}", "twice"),
        ("wai{item:x}", "asks for the format 'x'"),
    ],
)
def test_patterns_that_cannot_be_understood(text, message):
    with pytest.raises(PatternError, match=message):
        parse_pattern(text)


def test_what_a_pattern_finds():
    columns = ["wai1", "wai01", "wai02", "wai3_old", "WAI4", "wai10", "xwai5"]
    found = {match.item: match.column for match in parse_pattern("wai{item}").find(columns)}
    assert found == {1: "wai1", 2: "wai02", 10: "wai10"}
    padded = parse_pattern("wai{item:02d}").find(columns)
    assert [match.column for match in padded] == ["wai01", "wai02", "wai10"]


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-99, 99), st.text(alphabet="abs{item}.:/\n", max_size=8)
)
PARTS = json_schema("study.schema.json")["$defs"]
NAMES = [*PARTS["source"]["properties"], *PARTS["measure"]["properties"]]
KEYS = st.sampled_from(["name", "sources", *NAMES])
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=15,
)
EXAMPLES = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@EXAMPLES
@given(source=st.dictionaries(KEYS, TREES, max_size=6), measure=TREES)
def test_no_description_gives_an_error_of_a_library(folder, source, measure):
    import yaml

    source = {"file": "s.csv", "client_id": "pid", **source, "measures": [measure]}
    (folder / "study.yaml").write_text(yaml.safe_dump({"sources": [source]}), encoding="utf-8")
    raw = read_study(folder)
    assert all(problem.message and problem.level for problem in raw.problems)


@EXAMPLES
@given(text=st.text(max_size=120))
def test_no_text_gives_an_error_of_a_library(folder, text):
    (folder / "study.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    assert read_study(folder).problems

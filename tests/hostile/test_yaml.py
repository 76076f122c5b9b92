"""Whatever a YAML file holds, each reader of one says a sentence about it, and soon."""

import time

import pytest

import alliance_stats as al
from alliance_stats.core.yaml_reading import parse_yaml
from alliance_stats.errors import ReadError

SOON = 10.0  # seconds, on a busy machine; a bomb that goes off takes minutes, or all memory

LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join(['*' + old] * 9)}]\n"
    for old, new in zip("abcdefghijk", "bcdefghijkl", strict=True)
)
BOMBS = {
    "aliases of aliases": LAUGHS,
    "a list that holds itself": "&a [*a]",
    "lists in lists": "[" * 100_000,
    "mappings in mappings": "{a: " * 100_000,
    "blocks in blocks": "\n".join(" " * depth + "a:" for depth in range(1_000)),
    "a number of 5,000 digits": "name: " + "9" * 5_000,
    "many values": "\n".join(f"- {n}" for n in range(120_000)),
    "a very long file": "name: " + "x" * 2_000_000,
    "an object": "name: !!python/object/apply:os.system [echo]",
    "a type of its own": "name: !mine [1]",
    "a NUL": "name: \x00",
    "a tab": "a:\n\t- b",
    "a list as a key": "? [a]\n: b",
    "half a character": 'name: "\\ud800"',
    "two documents": "a: 1\n---\nb: 2",
    "an open bracket": "a: [1, 2",
}


def refuse_study(folder, content):
    (folder / "study.yaml").write_bytes(content)
    report = al.validate(folder)
    assert not report.ok
    assert set(report.issues["rule"]) <= {"study_yaml", "no_data"}
    return str(report.issues["message"].iloc[0])


def refuse_plan(folder, content):
    (folder / "plan.yaml").write_bytes(content)
    with pytest.raises(al.DesignError) as refused:
        al.read_analysis_plan(folder / "plan.yaml")
    return str(refused.value)


def refuse_card(folder, content):
    (folder / "mine.yaml").write_bytes(content)
    with pytest.raises(al.MeasureError) as refused:
        al.load_registry(folder)
    return str(refused.value)


def refuse_published_table(folder, content):
    (folder / "table.yaml").write_bytes(content)
    with pytest.raises(ReadError) as refused:
        al.read_published_table(folder / "table.yaml")
    return str(refused.value)


READERS = [refuse_study, refuse_plan, refuse_card, refuse_published_table]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_in_a_sentence_soon(tmp_path, bomb, reader):
    start = time.monotonic()
    said = reader(tmp_path, BOMBS[bomb].encode("utf-8", "surrogatepass"))
    assert time.monotonic() - start < SOON
    assert 20 < len(said) < 1_000
    assert said.endswith(".")
    assert "\n" not in said


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("content", [b"\xff\xfea\x00:\x00", b"name: M\xfcller"])
def test_another_encoding_is_refused_in_a_sentence(tmp_path, content, reader):
    assert "UTF-8" in reader(tmp_path, content)


def test_codes_mean_what_they_say():
    tree = parse_yaml("a: yes\nb: 2026-01-05\nc: 010\nd: .nan\ne: 1_000", "t")
    assert tree.value == {"a": "yes", "b": "2026-01-05", "c": 10, "d": ".nan", "e": "1_000"}
    as_text = parse_yaml("a: 1.50\nb: true", "t", as_text=True)
    assert as_text.value == {"a": "1.50", "b": "true"}

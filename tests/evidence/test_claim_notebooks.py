"""The notebooks of the claims run without warning, are saved whole, and end with the check."""

import html
import re
from pathlib import Path

import nbformat
import pytest

import alliance_stats as al
from alliance_stats.core import resources

NOTEBOOKS = sorted((resources.folder("notebooks") / "claims").glob("*.ipynb"))


def read(path: Path):
    return nbformat.read(path, as_version=4)


def test_every_topic_of_the_ledger_has_its_notebook():
    assert {path.stem for path in NOTEBOOKS} == set(al.claims()["topic"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_is_saved_with_its_outputs_and_ends_with_the_check(path):
    book = read(path)
    nbformat.validate(book)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert not any(output.output_type == "error" for output in outputs)
    assert not any(output.get("name") == "stderr" for output in outputs)
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 2
    assert f'check_claims(topic="{path.stem}")' in code[-1].source
    assert 'assert checked["holds"].all()' in code[-1].source
    words = " ".join(cell.source for cell in book.cells if cell.cell_type == "markdown")
    for part in ("## The published numbers", "## Synthesis", "**simulated**", "## The verdict",
                 "## What this does not show"):  # fmt: skip
        assert part in words


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_saved_outputs_say_what_the_ledger_says(path):
    saved = " ".join(
        html.unescape(re.sub("<[^>]+>", " ", output.get("data", {}).get("text/html", "")))
        for cell in read(path).cells
        if cell.cell_type == "code"
        for output in cell.outputs
    )
    saved = " ".join(saved.split())
    ledger = al.claims()[al.claims()["topic"] == path.stem]
    for column in ("claim", "number", "words", "verdict", "because", "would_change"):
        for said in ledger[column].unique():
            assert " ".join(said.split()) in saved, f"run {path.name} anew and save it"
    for expected in ledger["expected"]:
        assert f" {expected:.3f} " in saved


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_runs(path):
    names: dict[str, object] = {}
    for cell in read(path).cells:
        if cell.cell_type == "code":
            source = cell.source.replace("%matplotlib inline\n", "")
            exec(compile(source, f"{path.name}, cell {cell.execution_count}", "exec"), names)
    assert names["checked"]["holds"].all()

"""The report's words are data: each block has its own, and none is left over."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest

from alliance_stats.core.display.table import Table
from alliance_stats.core.yaml_reading import read_yaml
from alliance_stats.report import sections, wording
from alliance_stats.report.content import Figure
from alliance_stats.report.document import methods_text

ALLOWED = {"travels", "title", "how", "note", "methods", "folded"}
PLACE = Path(wording.__file__).parent
SOURCE = "".join(p.read_text("utf-8") for p in Path(sections.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("kind", ["tables", "figures"])
def test_the_words_of_a_block_are_known_and_used(kind):
    for key, words in read_yaml(PLACE / f"{kind}.yaml").value.items():
        assert {"title", "how"} <= set(words) <= ALLOWED
        assert f'"{key}"' in SOURCE


def test_labels_are_used():
    for name in read_yaml(PLACE / "labels.yaml").value:
        assert f'"{name}"' in SOURCE


def test_every_block_of_a_report_has_its_words_filled_in(report):
    blocks = [b for section in report.sections for b in section.blocks]
    shown = [b for b in blocks if isinstance(b, (Table, Figure))]
    assert len(shown) > 15
    for block in shown:
        assert block.title
        assert block.how
        assert not set("{}") & set(block.title + block.how + block.note + block.methods)


def test_the_methods_are_paragraphs_of_a_paper_with_versions_and_references(report):
    text = (report.folder / "methods.md").read_text(encoding="utf-8")
    body, _, references = text.partition("## References")
    assert "al." not in re.sub(r"et al\.", "", body)  # what to type stands in the report
    assert "Table 1" not in body
    assert "was estimated by a linear mixed model by REML" in body
    assert f"alliance_stats {version('alliance_stats')}" in body
    assert "- West & Kenny 2011. https://doi.org/10.1037/a0022936" in references
    for line in references.strip().splitlines():  # who is listed is cited, and the other way round
        assert f"({line[2:].partition('. https')[0]})" in body
    assert "doi" not in body.replace("https://doi.org", "")


def test_no_word_of_a_study_is_markup_in_the_methods():
    told = methods_text("<script>alert(1)</script>", [], ["Of p < .05 and <!-- a -->."], "")
    assert "<script" not in told
    assert "</" not in told
    assert "<!" not in told
    assert "p < .05" in told

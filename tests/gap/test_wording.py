"""The words of the gap are data: each topic is used, and every verdict has its sentence."""

from pathlib import Path

import pandas as pd
import pytest

from alliance_stats import gap
from alliance_stats.core.yaml_reading import read_yaml
from alliance_stats.gap.surface.congruence_words import KEPT, words_of
from alliance_stats.gap.surface.design import Specification
from alliance_stats.gap.wording import wording

ROOM = Path(gap.__file__).parent
VERDICTS = ("no relation", "no congruence", "undecided", "one-rating curve", "rotated ridge",
            "shifted ridge", "strict", "broad")  # fmt: skip


def test_every_topic_is_used():
    files = [*ROOM.rglob("*.py"), *(ROOM.parent / "report" / "sections").glob("gap*.py")]
    source = "".join(path.read_text("utf-8") for path in files)
    for topic in read_yaml(ROOM / "wording.yaml").value:
        assert f'"{topic}"' in source or f"'{topic}'" in source, topic


@pytest.mark.parametrize("direction", [None, "higher_is_better", "lower_is_better"])
@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_verdict_has_a_sentence_with_nothing_left_to_fill_in(verdict, direction):
    conditions = ["p10", "p11", "p20", "p21", "a4", "a3", "a5", "a1", "a2"]
    table = pd.DataFrame(
        {"condition": conditions, "kind": KEPT, "holds": False, "contradicted": True,
         "conf_low": -1.0, "conf_high": 2.0}
    )  # fmt: skip
    terms = pd.DataFrame(
        {"estimate": 0.5, "conf_low": -1.0, "conf_high": 2.0},
        index=["b3", "b4", "b5", "a3", "a4"],
    )
    spec = Specification(
        x="c", y="t", outcome="z", levels=(), covariates=(), moderators=(), part="total",
        cubic=False, random="linear", df="normal", center=0.0,
    )  # fmt: skip
    for axis in (("p10", "p11"), ("p20", "p21")):
        words = words_of(verdict, table, terms, spec, "", direction, axis)
        assert not set("{}") & set(words)
        assert words[0].isupper() or words.startswith("c ")
        assert words.endswith(".")
        assert "  " not in words


def test_words_are_copies_that_nobody_can_change_for_others():
    wording("rating_gap").clear()
    assert "mean_gap" in wording("rating_gap")

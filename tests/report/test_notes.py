"""What procedures report is told by kind: first what may change what a reader concludes."""

import io

import docx

from alliance_stats.report.content import Section
from alliance_stats.report.document import report_document
from alliance_stats.report.notes import by_kind, said_once
from alliance_stats.report.page import render
from alliance_stats.ruptures.models.design import BEYOND_THE_SCORE

DECISIVE = "What may change a conclusion"
FOLDED = (
    "4 rows without an outcome were left out.",
    "Effects that vary between groups of 'client_id': 'session' (SD 0.155).",
    "The median of therapies that are over is 12 sessions.",
)
SECTION = Section("s", "S", messages=(*FOLDED, BEYOND_THE_SCORE[True]))


def test_what_may_change_a_conclusion_stands_first_and_open():
    kinds = by_kind(SECTION.messages)
    assert [kind.texts for kind in kinds] == [(BEYOND_THE_SCORE[True],), *((t,) for t in FOLDED)]
    assert [kind.open for kind in kinds] == [True, False, False, False]
    page = render(title="t", synthetic=False, facts=(), sections=[SECTION], svgs={}, footer=())
    above, folded = page.split('<details class="messages">', 1)
    assert DECISIVE in above
    assert "beyond its low score" in above
    assert all(text.replace("'", "&#39;") in folded for text in FOLDED)


def test_word_tells_what_may_change_a_conclusion_too():
    word = report_document("t", [SECTION], {}, synthetic=False, facts=(), footer=())
    told = "\n".join(one.text for one in docx.Document(io.BytesIO(word)).paragraphs)
    assert "beyond its low score" in told
    assert FOLDED[0] not in told


def test_what_several_models_say_is_said_once_and_nothing_else_is_lost():
    few = "There are only 12 groups."
    found = said_once(
        [
            f"bond: {few}",
            "A note: of two. parts",
            f"goal: {few}",
            "task: There are only 9 groups.",
            few.replace("12", "8"),
        ]
    )
    assert found == [
        "There are only 8 groups.",
        "bond; goal: There are only 12 groups. (Likewise, with other numbers: task.)",
        "A note: of two. parts",
    ]

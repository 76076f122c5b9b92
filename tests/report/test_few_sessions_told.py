"""What is left to say where numbers of most sessions, or of all ways to end, are withheld."""

import pytest

import alliance_stats as al
from alliance_stats.description import missing_by_session
from alliance_stats.report.content import Paragraph
from alliance_stats.report.context import Context, Options
from alliance_stats.report.sections.data import FEWEST_BARS, attendance_blocks, attendance_shown
from alliance_stats.report.sections.trial_flow import OTHERWISE, flow_blocks


@pytest.fixture(scope="module")
def small():
    return al.simulate_study(n_therapists=6, n_clients=40, seed=3)


def test_bars_that_are_too_few_for_a_picture_are_told_in_words(small):
    shown = attendance_shown(Context(small, Options()), missing_by_session(small))
    assert 2 <= len(shown) < FEWEST_BARS
    (told,) = attendance_blocks(Context(small, Options()))
    assert isinstance(told, Paragraph)
    for row in shown.itertuples():
        assert f"{row.in_therapy} at session {row.session}" in told.text


def test_ends_that_together_are_all_who_began_are_no_line_of_a_flow(small):
    context = Context(small, Options())
    table = next(b for b in flow_blocks(context, context.outcome) if hasattr(b, "frame"))
    labels = set(table.frame["label"])
    assert "came to a session" in labels
    assert not labels & {OTHERWISE[0], "dropped out"}

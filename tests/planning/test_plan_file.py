"""A plan in a file becomes a page and a form, from the command line."""

import hashlib
import re

import pytest
from docx import Document

from alliance_stats import cli
from alliance_stats.errors import AllianceStatsError
from alliance_stats.planning.plan_file import read_plan

PLAN = """
title: Training in repair
hypotheses: Clients of trained therapists are less distressed.
n_therapists: 40
clients_per_therapist: 6
sessions: 8
icc_client: 0.45
icc_therapist: 0.05
dropout: 0.25
effect: 0.35
standardised: true
"""


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / "design.yaml"
    path.write_text(PLAN)
    return path


def command(*words):
    with pytest.raises(SystemExit) as left:
        cli.main([str(word) for word in words])
    return left.value.code or 0


def test_the_page_has_power_precision_pictures_and_every_assumption(plan, tmp_path, capsys):
    assert command("plan", plan, "--out", tmp_path / "plan.html") == 0
    assert "found with a power of 0.824" in capsys.readouterr().out
    page = (tmp_path / "plan.html").read_text()
    assert "A power of 0.8 needs 38 therapists like these." in page
    assert page.count("<svg") == 3  # who stays, power by effect, power by therapists
    for message in read_plan(plan).power.messages:
        assert message in page


def test_the_form_has_the_sections_the_model_and_what_is_to_be_written(plan, tmp_path):
    assert command("preregister", plan, "--out", tmp_path / "form.docx", "--quiet") == 0
    words = [line.text for line in Document(str(tmp_path / "form.docx")).paragraphs]
    assert [w for w in words if w.isupper()] == [
        "STUDY INFORMATION", "DESIGN PLAN", "SAMPLING PLAN", "VARIABLES", "ANALYSIS PLAN", "OTHER",
        "ASSUMPTIONS",
    ]  # fmt: skip
    text = "\n".join(words)
    assert "score ~ arm + time + (1 | client_id) + (1 | therapist_id)" in text
    assert "Stopping rule: [to be written]" in text
    assert hashlib.sha256(plan.read_bytes()).hexdigest() in text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("effect: 0.35", ""), "must also say effect."),
        (("sessions: 8", "sesions: 8"), "holds 'sesions', which no plan has. Did you mean 'sess"),
        (("n_therapists: 40", "n_therapists: many"), "n_therapists must be a whole number"),
        ((PLAN, "- 1"), "must hold names and values"),
        (("effect: 0.35", "effect: 0"), "with no effect the power is alpha"),
    ],
)
def test_a_faulty_plan_is_one_line(plan, tmp_path, capsys, change, said):
    plan.write_text(PLAN.replace(*change))
    assert command("plan", plan, "--out", tmp_path / "plan.html") == 1
    assert re.match(r"Error: .*\n\Z", error := capsys.readouterr().err)
    assert said in error


def test_the_plan_itself_is_never_written_over(plan):
    with pytest.raises(AllianceStatsError, match="is the plan itself"):
        read_plan(plan).write_page(plan)
    assert plan.read_text() == PLAN

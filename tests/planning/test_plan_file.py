"""A plan in a file becomes a page and a form, from the command line."""

import hashlib
import re
import runpy
import sys

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


MODEL = "model: score ~ condition + session + (1 | client_id) + (1 | therapist_id)"


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
    assert page.count("<img ") == 3  # who stays, power by effect, power by therapists
    for message in read_plan(plan).power.messages:
        assert page.count(message) == 1
    assert page.count(read_plan(plan).power.sentence()) == 1
    assert "Estimate (SDs of one session)" in page
    assert "residual SDs)" not in page
    assert (
        "It will be analysed by score ~ arm + time + (1 | client_id) + (1 | therapist_id)" in page
    )
    assert hashlib.sha256(plan.read_bytes()).hexdigest() in page


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
        (("effect: 0.35", "effect: 0.35\nalpha: 5"), "alpha must be"),
        (("effect: 0.35", "effect: 0.35\npower: 80"), "power must be a number between 0.05 and 1"),
        (("effect: 0.35", "effect: 0.35\neffect: 0.5"), "says 'effect' twice"),
        (("effect: 0.35", f"effect: 0.1\nof: arm_by_time\n{MODEL}"), "lacks the arms' interaction"),
        (("effect: 0.35", "effect: 0.35\nmodel: y ~ arm + (1 | client_id)"), "intercept of therap"),
        (
            ("effect: 0.35", "effect: 0.35\nmodel: y ~ session + (1 | client_id)"),
            "lacks the arms (called 'condition' or 'arm'; else say columns: {arm: NAME})",
        ),
    ],
)
def test_a_faulty_plan_is_one_line(plan, tmp_path, capsys, change, said):
    plan.write_text(PLAN.replace(*change))
    assert command("plan", plan, "--out", tmp_path / "plan.html") == 1
    assert re.match(r"Error: .*\n\Z", error := capsys.readouterr().err)
    assert said in error


def form_of(path):
    out = path.with_suffix(".docx")
    read_plan(path).write_registration(out)
    return "\n".join(line.text for line in Document(str(out)).paragraphs)


def test_a_plan_for_therapists_has_their_test_and_the_share_asked_about(plan):
    text = PLAN.replace("sessions: 8", "sessions: 1").replace("dropout: 0.25", "of: therapists")
    plan.write_text(text.replace("effect: 0.35", "effect: 0.2"))
    form = form_of(plan)
    assert "one-sided, F of the therapists" in form
    assert "two-sided" not in form
    assert "therapists 0.2, and" in form
    plan.write_text(plan.read_text().replace("sessions: 1", "sessions: 2"))
    assert "one-sided, likelihood ratio to the model without therapists" in form_of(plan)
    assert "df=" not in form


def test_a_plan_with_therapists_in_one_arm_says_who_is_randomised_and_whose_sds(plan):
    plan.write_text(f"{PLAN}nested: one_arm\n")
    form = form_of(plan)
    assert "Clients are randomised to an arm with therapists or to one without." in form
    assert "shares and SDs are those of the arm with therapists" in form


def test_a_plan_with_listed_caseloads_has_a_page_without_a_search(plan, tmp_path):
    text = PLAN.replace("n_therapists: 40", "n_therapists: 8").replace("sessions: 8", "sessions: 2")
    more = "method: simulation\nreplicates: 10\ncaseloads: [1, 1, 2, 2, 3, 3, 25, 25]\n"
    plan.write_text(text + more)
    read = read_plan(plan)
    read.write_page(tmp_path / "plan.html")
    assert "cannot vary" not in (tmp_path / "plan.html").read_text()
    assert (read.power.replicates, read.needed, read.curves) == (10, "", None)


def test_a_folder_has_its_plan_in_design_yaml(plan):
    assert read_plan(plan.parent).path == plan


def test_the_plan_itself_is_never_written_over(plan):
    with pytest.raises(AllianceStatsError, match="is the plan itself"):
        read_plan(plan).write_page(plan)
    assert plan.read_text() == PLAN


def test_a_file_is_named_as_what_it_holds_and_a_folder_without_plan_says_so(plan, tmp_path):
    with pytest.raises(AllianceStatsError, match=r"end in \.docx"):
        read_plan(plan).write_registration(tmp_path / "form.html")
    with pytest.raises(AllianceStatsError, match=r"end in \.html"):
        read_plan(plan).write_page(tmp_path / "page.docx")
    (tmp_path / "empty").mkdir()
    with pytest.raises(AllianceStatsError, match=r"holds no 'design\.yaml'"):
        read_plan(tmp_path / "empty")


def test_empty_words_are_to_be_written_and_three_arms_say_what_is_compared(plan):
    text = PLAN.replace("n_therapists: 40", "n_therapists: 12")
    text = re.sub("(title|hypotheses):.*", r"\1:", text)
    plan.write_text(f"{text}arms: 3\noutcome: ' '\nmodel:\nmultiverse:\n")
    form = form_of(plan)
    assert "None" not in form
    for question in ("Title", "Hypotheses", "Outcome"):
        assert f"{question}: [to be written]" in form
    assert "the last arm minus the first (alpha is not shared among comparisons)" in form
    assert "Of 3 arms the last is compared with the first" in form


def test_the_package_runs_as_the_command_line(plan, monkeypatch, capsys):
    out = str(plan.with_suffix(".docx"))
    monkeypatch.setattr(sys, "argv", ["alliance_stats", "preregister", str(plan), "--out", out])
    with pytest.raises(SystemExit) as left:
        runpy.run_module("alliance_stats", run_name="__main__")
    assert left.value.code == 0
    assert "The form is in" in capsys.readouterr().out


def test_an_effect_in_sds_has_no_points_unless_a_residual_sd_says_what_they_are(plan, tmp_path):
    def told():
        read_plan(plan).write_page(tmp_path / "plan.html")
        methods = read_plan(plan).power.methods()
        return [(tmp_path / "plan.html").read_text(), form_of(plan), methods]

    for one in told():
        assert "0.35 SD" in one
        assert "points" not in one
        assert "0.495" not in one
    plan.write_text(f"{PLAN}residual_sd: 5\n")
    for one in told():
        assert "0.35 SD (2.47 points)" in one


def test_a_plan_for_dropout_has_a_page_whose_curve_ends_before_nobody_leaves(plan, tmp_path):
    text = PLAN.replace("effect: 0.35", "effect: -0.15\nof: dropout")
    plan.write_text(text.replace("dropout: 0.25", "dropout: 0.3"))
    read_plan(plan).write_page(tmp_path / "plan.html")
    page = (tmp_path / "plan.html").read_text()
    assert "if it is −0.15 (difference of shares)" in page
    assert "Estimate (difference of shares)" in page


@pytest.mark.parametrize(
    ("asked", "varied"),
    [
        ("of: dropout\neffect: -0.1\ndropout: .25\nicc_dropout: .1", "icc_dropout"),
        ("of: arm_by_time\neffect: .1\nslope_sd_client: .1", "slope_sd_therapist"),
        ("effect: .3", "icc_therapist"),
        ("of: within\neffect: .1\nrandomised: none", None),  # therapists' share counts for nothing
    ],
)
def test_the_pages_curves_vary_what_makes_therapists_alike_in_the_question(tmp_path, asked, varied):
    path = tmp_path / "design.yaml"
    sizes = "n_therapists: 40\nclients_per_therapist: 6\nsessions: 4\n"
    path.write_text(f"{sizes}icc_client: .4\nicc_therapist: .05\n{asked}")
    curves = read_plan(path).curves
    assert curves.varied == (("n_therapists", varied) if varied else ("n_therapists",))
    if varied:
        lines = curves.table.groupby(varied)["power"].first()
        assert len(lines) == 3
        assert lines.is_monotonic_decreasing
        assert lines.iloc[0] > lines.iloc[-1] + 0.02


def test_a_plan_for_dropout_shows_no_sds_of_an_outcome(tmp_path):
    path = tmp_path / "design.yaml"
    sizes = "n_therapists: 40\nclients_per_therapist: 6\nsessions: 4\nicc_client: .4\n"
    path.write_text(f"{sizes}icc_therapist: .05\nof: dropout\neffect: -0.1\ndropout: .25")
    plan = read_plan(path)
    plan.write_page(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Who is planned" in page
    assert "Residual SD" not in page

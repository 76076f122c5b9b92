"""What a report says of the registered design in the study's folder."""

import hashlib

import pytest

import alliance_stats as al
from alliance_stats.errors import AllianceStatsError
from alliance_stats.report.context import Context, Options
from alliance_stats.report.sections.planned import planned_blocks

DESIGN = """
n_therapists: {}
clients_per_therapist: 4
sessions: 12
icc_client: .4
icc_therapist: .05
effect: .3
of: within
randomised: none
"""


@pytest.fixture
def folder(tmp_path):
    al.simulate_study(n_therapists=20, n_clients=80, seed=1).save(tmp_path / "study")
    return tmp_path / "study"


def told(folder):
    return [block.text for block in planned_blocks(Context(al.open_study(folder), Options()))]


def test_without_a_design_nothing_is_said(folder):
    assert told(folder) == []


@pytest.mark.parametrize(
    ("therapists", "came"),
    [
        (20, "as many therapists as planned and as many clients as planned."),
        (30, "fewer therapists than planned and fewer clients than planned."),
    ],
)
def test_the_plan_its_fingerprint_and_who_came_are_told(folder, therapists, came):
    path = folder / "design.yaml"
    path.write_text(DESIGN.format(therapists))
    said, no_model = told(folder)
    assert "names no model" in no_model
    assert f"{therapists} therapists and {4 * therapists} clients in 12 sessions" in said
    assert hashlib.sha256(path.read_bytes()).hexdigest() in said
    assert came in said


def test_a_design_by_a_link_out_of_the_folder_is_not_read(folder, tmp_path):
    (tmp_path / "elsewhere.yaml").write_text(DESIGN.format(20))
    (folder / "design.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    with pytest.raises(AllianceStatsError, match="leads out"):
        told(folder)


TRIAL = """
n_therapists: 40
clients_per_therapist: 8
sessions: 12
icc_client: .4
icc_therapist: .05
"""
PLANNED = "model: score ~ condition + session + (1 | client_id) + (1 | therapist_id)\n"


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trial") / "study"
    al.load_dataset("demo-trial").save(folder)
    return folder


def blocks(folder, text, **options):
    effect = "" if "effect" in text else "effect: 3\n"
    (folder / "design.yaml").write_text(TRIAL + effect + text)
    return planned_blocks(Context(al.open_study(folder), Options(**options)))[1:]


def test_the_planned_model_is_fitted_and_what_differs_from_the_plan_listed(trial):
    outcome = "outcome: core-10/total/client\n"
    said, _ = blocks(trial, PLANNED + outcome)
    assert "fitted to core-10/total/client, as planned" in said.text
    more = "alpha: .01\nexclusions: who came once\n"
    caution, _, differs = blocks(trial, PLANNED + outcome + more)
    assert "but for 2 choices, as planned" in caution.text
    assert differs.frame["choice"].tolist() == ["exclusions", "alpha"]
    unnamed, model, differs = blocks(trial, PLANNED, individual_courses=True)  # all is told
    assert "names no score of the study" in unnamed.text
    assert differs.frame["choice"].tolist() == ["clients", "sessions held"]  # 319 of 320 have one
    rows = al.open_study(trial).select("core-10").dropna(subset=["score"])
    fit = al.fit_multilevel(PLANNED.removeprefix("model: ").strip(), rows)
    assert model.frame["estimate"].iloc[:3].tolist() == pytest.approx(fit.params.tolist())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no model"),
        (PLANNED + "of: dropout\ndropout: .3\neffect: .1\n", "did not fit the planned model"),
        (PLANNED.replace("session", "week"), "did not fit the planned model"),
    ],
)
def test_a_planned_model_that_the_report_does_not_fit_is_said(trial, text, said):
    (caution,) = blocks(trial, text)
    assert said in caution.text

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
    (said,) = told(folder)
    assert f"{therapists} therapists and {4 * therapists} clients in 12 sessions" in said
    assert hashlib.sha256(path.read_bytes()).hexdigest() in said
    assert came in said


def test_a_design_by_a_link_out_of_the_folder_is_not_read(folder, tmp_path):
    (tmp_path / "elsewhere.yaml").write_text(DESIGN.format(20))
    (folder / "design.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    with pytest.raises(AllianceStatsError, match="leads out"):
        told(folder)

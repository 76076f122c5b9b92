"""The thirteen principles of alliance-focused treatment as a coding scheme."""

import pytest

import alliance_stats as al
from alliance_stats.core.resources import folder
from alliance_stats.instruments import load_principles
from alliance_stats.instruments.card_check import read_trusted, schema_faults

CARDS = sorted((folder("schemas") / "principles").glob("*.yaml"))
NAMES = [
    "agreement_on_goals_and_tasks",
    "modifying_tasks",
    "respecting_defences",
    "giving_rationale",
    "talking_about_the_relationship",
    "giving_and_asking_feedback",
    "tracking_responses",
    "noticing_subtle_cues",
    "encouraging_negative_feelings",
    "accepting_own_part",
    "exploring_fears_of_voicing",
    "attending_to_own_feelings",
    "judicious_self_disclosure",
]


def test_there_are_thirteen_in_their_order():
    table = al.list_principles()
    assert table["principle"].tolist() == NAMES
    assert table["number"].tolist() == list(range(1, 14))


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.stem)
def test_each_card_meets_the_schema_and_bears_its_file_s_name(path):
    card = read_trusted(path)
    assert list(schema_faults(card, "principles/principle.schema.json")) == []
    assert card["id"] == path.stem


def test_each_serves_one_part_of_the_work():
    serves = al.list_principles().groupby("serves")["principle"].count()
    assert serves.to_dict() == {"building": 5, "detecting": 3, "repairing": 5}


def test_each_has_five_different_anchors_and_a_sign_in_a_table_of_the_study():
    tables = ("ratings:", "scores:", "events:", "observer_codes:")
    for principle in load_principles().values():
        assert sorted(principle.anchors) == [0, 1, 2, 3, 4]
        assert len(set(principle.anchors.values())) == 5
        assert all(sign.startswith(tables) for sign in principle.evidence_in_data)


def test_the_markers_named_as_signs_are_those_of_the_coding_system():
    markers = set(al.measure("3rs").coding.families["resolution"])
    named = {
        "changes_task_or_goal": "modifying_tasks",
        "validates_defence": "respecting_defences",
        "gives_rationale": "giving_rationale",
        "invites_discussion": "talking_about_the_relationship",
        "acknowledges_contribution": "accepting_own_part",
        "discloses_experience": "judicious_self_disclosure",
    }
    assert set(named) <= markers
    for marker, principle in named.items():
        assert any(marker in sign for sign in load_principles()[principle].evidence_in_data)


def test_nothing_is_called_verified_that_was_not_read():
    assert not al.list_principles()["verified"].any()
    assert all(principle.note for principle in load_principles().values())

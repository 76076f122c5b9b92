"""Every card gives the scores that the instrument's key asks for.

The expectations are written down here by hand, from the keys and not from the cards: answers
all lowest, all highest, and an uneven pattern (all lowest but for a few items).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al

EXACT = {"rtol": 0, "atol": 1e-12}
"""A score is a short sum and one division: nothing beyond the last bits may differ."""


@dataclass(frozen=True)
class Case:
    n_items: int
    low: float
    high: float
    all_low: dict
    all_high: dict
    changed: dict  # item -> answer; all others lowest
    uneven: dict


OQ = ("symptom_distress", "interpersonal_relations", "social_role", "total")
CORE = ("wellbeing", "problems", "functioning", "risk", "non_risk", "total", "clinical")
OCTANTS = ("pa", "bc", "de", "fg", "hi", "jk", "lm", "no")
SCL = (
    "somatization",
    "obsessive_compulsive",
    "interpersonal_sensitivity",
    "depression",
    "anxiety",
    "hostility",
    "phobic_anxiety",
    "paranoid_ideation",
    "psychoticism",
    "gsi",
)


def named(names, *values):
    return dict(zip(names, values, strict=True))


def same(names, value):
    return dict.fromkeys(names, value)


WAI = ("task", "bond", "goal", "total")
CASES = {
    # 14 items reversed: 5 of task, 3 of bond, 6 of goal
    "wai": Case(
        36,
        1,
        7,
        named(WAI, 42 / 12, 30 / 12, 48 / 12, 120 / 36),
        named(WAI, 54 / 12, 66 / 12, 48 / 12, 168 / 36),
        {2: 7, 1: 3, 6: 4},  # task + 6; bond, reversed, 7 -> 5; goal + 3
        named(WAI, 48 / 12, 28 / 12, 51 / 12, 127 / 36),
    ),
    # items 4 and 10 reversed, both goal
    "wai-s": Case(
        12,
        1,
        7,
        named(WAI, 1, 1, 4, 2),
        named(WAI, 7, 7, 4, 6),
        {8: 5, 10: 6, 3: 4},  # task + 4; goal, reversed, 7 -> 2; bond + 3
        named(WAI, 2, 1.75, 2.75, 26 / 12),
    ),
    "wai-sr": Case(
        12,
        1,
        5,
        same(WAI, 1),
        same(WAI, 5),
        {8: 5, 10: 3, 9: 2},  # goal + 4; task + 2; bond + 1
        named(WAI, 1.5, 1.25, 2, 19 / 12),
    ),
    # 5 of 19 reversed
    "haq-ii": Case(19, 1, 6, {"total": 44}, {"total": 89}, {4: 4, 5: 6}, {"total": 46}),
    "arm-5": Case(5, 1, 7, {"total": 2.2}, {"total": 5.8}, {3: 2, 5: 4}, {"total": 2.6}),
    "srs": Case(
        4,
        0,
        10,
        same(("relationship", "goals_topics", "approach", "overall", "total"), 0),
        {**same(("relationship", "goals_topics", "approach", "overall"), 10), "total": 40},
        {1: 9.5, 4: 3.25},
        {"relationship": 9.5, "goals_topics": 0, "approach": 0, "overall": 3.25, "total": 12.75},
    ),
    "sai": Case(6, 0, 5, {"total": 0}, {"total": 5}, {2: 5, 6: 1}, {"total": 1}),
    # 9 reversed: 3 symptom, 4 interpersonal, 2 social role
    "oq-45": Case(
        45,
        0,
        4,
        named(OQ, 12, 16, 8, 36),
        named(OQ, 88, 28, 28, 144),
        {2: 4, 13: 3, 7: 2, 12: 4},  # SD + 4, SD reversed - 3, IR + 2, SR reversed - 4
        named(OQ, 13, 18, 4, 35),
    ),
    # 8 reversed: 2 of 4 well-being, 6 of 12 functioning
    "core-om": Case(
        34,
        0,
        4,
        named(CORE, 2, 0, 2, 0, 32 / 28, 32 / 34, 320 / 34),
        named(CORE, 2, 4, 2, 4, 80 / 28, 104 / 34, 1040 / 34),
        {3: 4, 14: 2, 6: 1, 5: 3},  # F reversed - 4, W + 2, R + 1, P + 3
        named(CORE, 2.5, 0.25, 20 / 12, 1 / 6, 33 / 28, 1, 10),
    ),
    "core-10": Case(10, 0, 4, {"total": 8}, {"total": 32}, {2: 3, 1: 4}, {"total": 9}),
    "phq-9": Case(9, 0, 3, {"total": 0}, {"total": 27}, {1: 3, 9: 1}, {"total": 4}),
    "gad-7": Case(7, 0, 3, {"total": 0}, {"total": 21}, {7: 2, 1: 3}, {"total": 5}),
    "bdi-ii": Case(21, 0, 3, {"total": 0}, {"total": 63}, {16: 3, 21: 1}, {"total": 4}),
    "bsi-18": Case(
        18,
        0,
        4,
        same(("somatization", "depression", "anxiety", "total"), 0),
        {**same(("somatization", "depression", "anxiety"), 24), "total": 72},
        {1: 4, 2: 1, 18: 3},
        {"somatization": 4, "depression": 1, "anxiety": 3, "total": 8},
    ),
    "scl-90-r": Case(
        90,
        0,
        4,
        same(SCL, 0),
        same(SCL, 4),
        {1: 4, 19: 3, 90: 2},  # item 19 is in no dimension
        {**same(SCL, 0), "somatization": 4 / 12, "psychoticism": 2 / 10, "gsi": 9 / 90},
    ),
    "hscl-11": Case(11, 1, 4, {"total": 1}, {"total": 4}, {3: 4}, {"total": 14 / 11}),
    "ors": Case(
        4,
        0,
        10,
        same(("individual", "interpersonal", "social", "overall", "total"), 0),
        {**same(("individual", "interpersonal", "social", "overall"), 10), "total": 40},
        {2: 7.5, 3: 0.1},
        {"individual": 0, "interpersonal": 7.5, "social": 0.1, "overall": 0, "total": 7.6},
    ),
    "wsas": Case(5, 0, 8, {"total": 0}, {"total": 40}, {1: 8, 5: 3}, {"total": 11}),
    "iip-32": Case(
        32,
        0,
        4,
        same((*OCTANTS, "total"), 0),
        {**same(OCTANTS, 16), "total": 128},
        {22: 4, 1: 1, 21: 2},
        {**same(OCTANTS, 0), "pa": 4, "jk": 1, "no": 2, "total": 7},
    ),
    "iip-64": Case(
        64,
        0,
        4,
        same((*OCTANTS, "total"), 0),
        {**same(OCTANTS, 32), "total": 256},
        {17: 3, 64: 2, 21: 1},
        {**same(OCTANTS, 0), "pa": 3, "bc": 2, "lm": 1, "total": 6},
    ),
    "dass-21": Case(
        21,
        0,
        3,
        same(("depression", "anxiety", "stress", "total"), 0),
        {**same(("depression", "anxiety", "stress"), 42), "total": 126},
        {3: 3, 2: 1, 1: 2},
        {"depression": 6, "anxiety": 2, "stress": 4, "total": 12},
    ),
    # nine domains: sleep 1-4, 5, appetite and weight 6-9, 10 to 14, movement 15-16
    "qids-sr16": Case(
        16,
        0,
        3,
        {"total": 0},
        {"total": 27},
        {1: 1, 4: 3, 5: 1, 6: 2, 9: 1, 16: 2},
        {"total": 8},
    ),
    "madrs": Case(10, 0, 6, {"total": 0}, {"total": 60}, {1: 6, 10: 1}, {"total": 7}),
    "bdi-ia": Case(21, 0, 3, {"total": 0}, {"total": 63}, {16: 3, 21: 1}, {"total": 4}),
    "who-5": Case(5, 0, 5, {"total": 0}, {"total": 100}, {1: 3, 5: 4}, {"total": 28}),
    "shaps": Case(14, 0, 1, {"total": 0}, {"total": 14}, {2: 1, 14: 1}, {"total": 2}),
    "wemwbs": Case(14, 1, 5, {"total": 14}, {"total": 70}, {2: 5, 14: 2}, {"total": 19}),
    # ten of state and nine of trait are reversed
    "stai": Case(
        40,
        1,
        4,
        {"state": 50, "trait": 47},
        {"state": 50, "trait": 53},
        {1: 4, 3: 4, 21: 2, 40: 3},
        {"state": 50, "trait": 48},
    ),
    "das": Case(1, 0, 151, {"total": 0}, {"total": 151}, {1: 97}, {"total": 97}),
    "y-bocs": Case(
        10,
        0,
        4,
        {"obsessions": 0, "compulsions": 0, "total": 0},
        {"obsessions": 20, "compulsions": 20, "total": 40},
        {5: 4, 6: 1},
        {"obsessions": 4, "compulsions": 1, "total": 5},
    ),
    "lsas": Case(
        48,
        0,
        3,
        {"fear": 0, "avoidance": 0, "total": 0},
        {"fear": 72, "avoidance": 72, "total": 144},
        {24: 3, 25: 1},
        {"fear": 3, "avoidance": 1, "total": 4},
    ),
    "pcl-5": Case(
        20,
        0,
        4,
        same(("intrusion", "avoidance", "cognition_mood", "arousal", "total"), 0),
        named(("intrusion", "avoidance", "cognition_mood", "arousal", "total"), 20, 8, 28, 24, 80),
        {5: 1, 6: 2, 14: 3, 15: 4},
        named(("intrusion", "avoidance", "cognition_mood", "arousal", "total"), 1, 2, 3, 4, 10),
    ),
    "eq-5d-index": Case(1, -1, 1, {"total": -1}, {"total": 1}, {1: 0.73}, {"total": 0.73}),
    "wai-b3": Case(
        3, 1, 5, same(WAI, 1), same(WAI, 5), {1: 4}, {**same(WAI, 1), "goal": 4, "total": 2}
    ),
    "gaf": Case(1, 1, 100, {"total": 1}, {"total": 100}, {1: 55}, {"total": 55}),
}
NOT_SCORED = {"3rs", "calpas", "core-5"}
OWN_TESTS = {"psq", "ecbi", "ham-d"}  # items differ in range: tested below


def ratings(name, answers, rater="client"):
    return pd.DataFrame(
        {
            "client_id": "a",
            "session": 1,
            "rater": rater,
            "measure": name,
            "item": list(answers),
            "value": list(answers.values()),
        }
    )


def scores(name, answers, **options):
    table = al.score(ratings(name, answers), **options)
    return dict(zip(table["scale"], table["score"], strict=True))


def check(found, expected):
    assert set(found) == set(expected)
    for scale, value in expected.items():
        np.testing.assert_allclose(found[scale], value, err_msg=scale, **EXACT)


def test_every_card_has_its_expectations():
    assert set(al.list_measures()["name"]) == set(CASES) | NOT_SCORED | OWN_TESTS


@pytest.mark.parametrize("name", CASES)
def test_all_answers_lowest(name):
    case = CASES[name]
    check(scores(name, dict.fromkeys(range(1, case.n_items + 1), case.low)), case.all_low)


@pytest.mark.parametrize("name", CASES)
def test_all_answers_highest(name):
    case = CASES[name]
    check(scores(name, dict.fromkeys(range(1, case.n_items + 1), case.high)), case.all_high)


@pytest.mark.parametrize("name", CASES)
def test_an_uneven_pattern(name):
    case = CASES[name]
    answers = dict.fromkeys(range(1, case.n_items + 1), case.low) | case.changed
    check(scores(name, answers), case.uneven)


@pytest.mark.parametrize(("answer", "total"), [(0, 36), (2, 90), (4, 144)])
def test_oq45_all_alike(answer, total):
    assert scores("oq-45", dict.fromkeys(range(1, 46), answer))["total"] == total


def test_core10_all_zero_counts_the_reversed_items():
    assert scores("core-10", dict.fromkeys(range(1, 11), 0)) == {"total": 8}


def test_psq_scores_its_three_questions():
    assert scores("psq", {1: 1, 2: 4, 3: 2}) == {"rupture": 1, "intensity": 4, "resolution": 2}


def test_ham_d_adds_items_of_three_and_of_five_answers():
    short = {4, 5, 6, 12, 13, 14, 16, 17}
    answers = {item: 2 if item in short else 4 for item in range(1, 18)}
    assert scores("ham-d", answers) == {"total": 52}  # MAX_SCORE of CamCOPS
    assert scores("ham-d", dict.fromkeys(answers, 0) | {1: 4, 17: 2}) == {"total": 6}


@pytest.mark.parametrize(("often", "is_problem", "ends"), [(1, 0, (36, 0)), (7, 1, (252, 36))])
def test_ecbi_counts_frequencies_and_problems(often, is_problem, ends):
    answers = dict.fromkeys(range(1, 37), often) | dict.fromkeys(range(37, 73), is_problem)
    found = al.score(ratings("ecbi", answers, rater="observer"))
    assert dict(zip(found["scale"], found["score"], strict=True)) == {
        "intensity": ends[0],
        "problem": ends[1],
    }


# The keys once more, as one letter an item (small: reversed, a point: in no scale). They were
# written from the sources, independently of the cards.
KEYS = {
    "wai": ("TBG", "bTgTBGtBggtgTGtTBTBbBGBTGBgBbGtGtgTB"),
    "wai-s": ("TBG", "TTBgBGBTBgGT"),
    "wai-sr": ("TBG", "TTBGBGBGBTGT"),
    "oq-45": ("DIS", "iDDSDDIDDDDsdSDIIIIisDDdDIDSDIdSDDDDiSSDDDiSD"),
    "core-om": ("WPFR", "FPfwPRfPRFPfPWPRWPfPfRPRFFPPFPwfFR"),
    "dass-21": ("DAS", "SADADSASADSSDSADDSAAD"),
    "bsi-18": ("SDA", "SDASDASDASDASDASDA"),
    "iip-64": ("PBDFHJLN", "BJFNHHFHHJDHHFDDPFHDLBDBJNDLBNPBFJFDLJHBNJNPPLNNLPLPJLFBPNPDJFLB"),
    "iip-32": ("PBDFHJLN", "JFNHFHHJFDDHDBDBBBFJNPLNPLLPNPJL"),
    "scl-90-r": (
        "SOIDAHFPY",
        "SAOSDIYPOOHSFDDYAP.DIDAHFDSODDDDAIYIIOASISP.OOFSSFOSSDOSAS..IYH.O.HPIFDAIHFPYADAHFPYYAYY.Y",
    ),
}
LETTERS = {
    "wai": {"T": "task", "B": "bond", "G": "goal"},
    "wai-s": {"T": "task", "B": "bond", "G": "goal"},
    "wai-sr": {"T": "task", "B": "bond", "G": "goal"},
    "oq-45": {"D": "symptom_distress", "I": "interpersonal_relations", "S": "social_role"},
    "core-om": {"W": "wellbeing", "P": "problems", "F": "functioning", "R": "risk"},
    "dass-21": {"D": "depression", "A": "anxiety", "S": "stress"},
    "bsi-18": {"S": "somatization", "D": "depression", "A": "anxiety"},
    "iip-64": dict(zip("PBDFHJLN", OCTANTS, strict=True)),
    "iip-32": dict(zip("PBDFHJLN", OCTANTS, strict=True)),
    "scl-90-r": dict(zip("SOIDAHFPY", SCL[:9], strict=True)),
}


@pytest.mark.parametrize("name", KEYS)
def test_each_item_moves_its_own_scale_only(name):
    key = KEYS[name][1]
    card, n = al.measure(name), len(key)
    assert card.n_items == n
    low, high = card.range
    parts = list(LETTERS[name].values())
    answers = np.full((n + 1, n), float(low))
    answers[np.arange(1, n + 1), np.arange(n)] = high  # row i: item i alone is high
    wide = pd.DataFrame(answers, columns=[f"i{item}" for item in range(1, n + 1)])
    wide = wide.assign(client_id=np.arange(n + 1), session=1)
    found = al.score(wide, name, items="i{item}").set_index(["client_id", "scale"])["score"]
    table = pd.DataFrame({part: found.xs(part, level="scale") for part in parts})
    moved = table.iloc[1:] - table.iloc[0]
    for item, letter in enumerate(key, start=1):
        up = moved.columns[moved.loc[item] > 0].tolist()
        down = moved.columns[moved.loc[item] < 0].tolist()
        expected = [] if letter == "." else [LETTERS[name][letter.upper()]]
        assert (up, down) == (([], expected) if letter.islower() else (expected, [])), item


@pytest.mark.parametrize("name", KEYS)
def test_each_item_is_in_one_scale_at_most(name):
    card = al.measure(name)
    inside = [item for scale in LETTERS[name].values() for item in card.scales[scale]]
    assert len(inside) == len(set(inside))
    assert set(inside) | {i for i, c in enumerate(KEYS[name][1], 1) if c == "."} == set(card.items)

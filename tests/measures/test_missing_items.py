"""Missing items at the published limit and past it."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.errors import MeasureError

NONE_PUBLISHED = [
    "arm-5",
    "bdi-ii",
    "bsi-18",
    "dass-21",
    "gad-7",
    "haq-ii",
    "hscl-11",
    "iip-32",
    "iip-64",
    "ors",
    "sai",
    "scl-90-r",
    "srs",
    "wai",
    "wai-s",
    "wai-sr",
]


def one_form(name, answers, **options):
    table = al.score(
        pd.DataFrame(
            {
                "client_id": "a",
                "session": 1,
                "rater": "client",
                "measure": name,
                "item": list(answers),
                "value": list(answers.values()),
            }
        ),
        **options,
    )
    return table.set_index("scale")


def filled(name, value, *, missing=(), **changes):
    answers = dict.fromkeys(al.measure(name).items, float(value))
    answers |= {int(item.removeprefix("i")): answer for item, answer in changes.items()}
    return {item: np.nan if item in missing else v for item, v in answers.items()}


@pytest.mark.parametrize("name", NONE_PUBLISHED)
def test_without_a_published_rule_every_item_is_needed(name):
    card = al.measure(name)
    assert card.missing_rule.kind == "none_published"
    last = card.n_items
    table = one_form(name, filled(name, card.range.high, missing={last}))
    for scale, row in table.iterrows():
        has = last in card.scales[scale]
        assert np.isnan(row["score"]) == has, scale
        assert row["n_answered"] == row["n_items"] - has


def test_a_row_that_is_absent_counts_like_an_empty_one():
    answers = filled("gad-7", 1)
    del answers[7]
    row = one_form("gad-7", answers).loc["total"]
    assert np.isnan(row["score"])
    assert (row["n_answered"], row["n_items"]) == (6, 7)


def test_phq9_fills_two_missing_items_with_the_mean_of_the_others():
    # item 1 = 3, item 2 = 2, six of 0 and one or two missing: 5 / 8 x 9 and 5 / 7 x 9
    one = one_form("phq-9", filled("phq-9", 0, missing={9}, i1=3, i2=2)).loc["total"]
    assert one["score"] == pytest.approx(45 / 8, rel=1e-14)
    two = one_form("phq-9", filled("phq-9", 0, missing={8, 9}, i1=3, i2=2)).loc["total"]
    assert two["score"] == pytest.approx(45 / 7, rel=1e-14)
    assert (two["n_answered"], two["n_items"]) == (7, 9)
    three = one_form("phq-9", filled("phq-9", 0, missing={7, 8, 9}, i1=3, i2=2)).loc["total"]
    assert np.isnan(three["score"])


def test_core10_prorates_one_missing_item_and_no_more():
    # item 1 = 4; items 2 and 3 answered 4 count 0; nine answers with the sum 4
    one = filled("core-10", 0, missing={10}, i1=4, i2=4, i3=4)
    assert one_form("core-10", one).loc["total", "score"] == pytest.approx(40 / 9, rel=1e-14)
    two = filled("core-10", 0, missing={9, 10}, i1=4, i2=4, i3=4)
    assert np.isnan(one_form("core-10", two).loc["total", "score"])


def test_oq45_fills_with_the_rounded_mean_of_the_subscale():
    # all 0: 24 remaining symptom items sum to 12, mean .5, rounded up to 1
    table = one_form("oq-45", filled("oq-45", 0, missing={2}))
    assert table["score"].to_dict() == {
        "symptom_distress": 13,
        "interpersonal_relations": 16,
        "social_role": 8,
        "total": 37,
    }
    assert table.loc["total", "n_answered"] == 44
    # ten remaining interpersonal items sum to 12 (item 1 is reversed), mean 1.2, rounded to 1
    table = one_form("oq-45", filled("oq-45", 0, missing={1}))
    assert table.loc["interpersonal_relations", "score"] == 13


def test_oq45_without_any_answer_to_a_subscale_has_no_total():
    social = {4, 12, 14, 21, 28, 32, 38, 39, 44}
    table = one_form("oq-45", filled("oq-45", 2, missing=social))
    assert table["score"].isna().to_dict() == {
        "symptom_distress": False,
        "interpersonal_relations": False,
        "social_role": True,
        "total": True,
    }


@pytest.mark.parametrize(
    ("missing", "scored"),
    [
        ({2}, {"wellbeing", "problems", "functioning", "risk", "non_risk", "total", "clinical"}),
        ({2, 5}, {"wellbeing", "functioning", "risk", "non_risk", "total", "clinical"}),
        ({4}, {"problems", "functioning", "risk", "non_risk", "total", "clinical"}),
        ({6}, {"wellbeing", "problems", "functioning", "non_risk", "total", "clinical"}),
        ({2, 5, 8}, {"wellbeing", "functioning", "risk", "non_risk", "total", "clinical"}),
        ({2, 5, 8, 11}, {"wellbeing", "functioning", "risk"}),
        ({2, 1, 6, 9}, {"wellbeing", "problems", "functioning", "non_risk"}),
    ],
)
def test_core_om_prorates_to_a_tenth(missing, scored):
    scores = one_form("core-om", filled("core-om", 2, missing=missing))["score"]
    assert set(scores.dropna().index) == scored
    expected = {name: 20 if name == "clinical" else 2 for name in scored}
    assert scores.dropna().to_dict() == pytest.approx(expected, rel=1e-14)


def test_core_om_uses_the_mean_of_what_was_answered():
    # non-reversed problems items all 1 but item 2 = 4; item 5 missing: (4 + 10) / 11
    answers = filled("core-om", 1, missing={5}, i2=4)
    assert one_form("core-om", answers).loc["problems", "score"] == pytest.approx(14 / 11)


def test_scl90r_divides_by_the_answered_items_up_to_the_limits_the_caller_gives():
    def scored(**changes):
        rule = {"depression": 5, "gsi": 18}
        return one_form("scl-90-r", filled("scl-90-r", 0, **changes), missing_rule=rule)["score"]

    dimension = [5, 14, 15, 20, 22, 26]  # of the 13 of depression
    assert scored(missing=set(dimension[:5]), i79=4)["depression"] == pytest.approx(4 / 8)
    assert np.isnan(scored(missing=set(dimension))["depression"])
    assert scored(missing=set(range(1, 19)), i90=3)["gsi"] == pytest.approx(3 / 72)
    assert np.isnan(scored(missing=set(range(1, 20)))["gsi"])


def test_wsas_lets_item_1_not_apply():
    row = one_form("wsas", filled("wsas", 8, missing={1})).loc["total"]
    assert (row["score"], row["n_answered"], row["n_items"]) == (32, 4, 5)
    assert np.isnan(one_form("wsas", filled("wsas", 8, missing={2})).loc["total", "score"])


def test_qids_needs_one_of_each_pair_and_every_domain():
    one_of_each = one_form("qids-sr16", filled("qids-sr16", 1, missing={6, 9}, i8=3)).loc["total"]
    assert (one_of_each["score"], one_of_each["n_answered"]) == (11, 14)
    for gap in ({6, 7}, {8, 9}, {1}, {16}, {10}):
        row = one_form("qids-sr16", filled("qids-sr16", 1, missing=gap)).loc["total"]
        assert np.isnan(row["score"])
        assert row["n_answered"] == 13


def test_gaf_zero_means_no_information_and_is_no_fault():
    table = al.score(
        pd.DataFrame(
            {
                "client_id": ["a"],
                "session": [1],
                "rater": ["therapist"],
                "measure": ["gaf"],
                "item": [1],
                "value": [0],
            }
        )
    )
    assert table["score"].isna().all()
    assert table.attrs["set_aside"] == []


def test_psq_without_a_rupture_leaves_the_other_questions_open():
    table = one_form("psq", {1: 0, 2: np.nan, 3: np.nan})
    assert table.loc["rupture", "score"] == 0
    assert table["score"].isna().to_dict() == {
        "rupture": False,
        "intensity": True,
        "resolution": True,
    }


def test_the_caller_may_give_a_rule():
    answers = filled("wai-sr", 1, missing={1}, i2=4)
    frame = pd.DataFrame(
        {
            "client_id": "a",
            "session": 1,
            "rater": "client",
            "measure": "wai-sr",
            "item": list(answers),
            "value": list(answers.values()),
        }
    )
    scores = al.score(frame, missing_rule=1).set_index("scale")["score"]
    assert scores["task"] == pytest.approx(6 / 3)
    assert scores["total"] == pytest.approx(14 / 11)
    only_task = al.score(frame, missing_rule={"task": 1}).set_index("scale")["score"]
    assert only_task["task"] == pytest.approx(2)
    assert np.isnan(only_task["total"])


@pytest.mark.parametrize("rule", [-1, 0.2, True, {"task": "one"}])
def test_a_rule_that_is_no_number_of_items_is_refused(rule):
    frame = pd.DataFrame({"client_id": ["a"], "session": [1], "item": [1], "value": [1]})
    with pytest.raises(MeasureError, match="number of items of a scale that may be missing"):
        al.score(frame, "wai-sr", missing_rule=rule)

"""What the section on ruptures says follows from its numbers, and gives no small class away."""

from types import SimpleNamespace

import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.report.sections import rupture_chance
from alliance_stats.report.sections import ruptures as section


@pytest.mark.parametrize(
    ("observed", "said"),
    [(54, "about as many falls"), (80, "hold more falls"), (20, "hold fewer falls")],
)
def test_more_or_fewer_is_said_only_beyond_the_range_of_chance(observed, said):
    frame = pd.DataFrame(
        {"event": ["rupture"], "observed": [observed], "expected": [50.3], "p_value": [0.2],
         "conf_low": [42], "conf_high": [59]},
        index=["rupture"],
    )  # fmt: skip
    assert said in rupture_chance._chance_words(frame).text


def found_with(**classes):
    rows = [name for name, n in classes.items() for _ in range(n)]
    ruptures = [int(name in section.RUPTURED) for name in rows]
    clients = pd.DataFrame({"class": rows, "n_sessions": 5, "n_ruptures": ruptures})
    clients["n_repaired"] = (clients["class"] == "repaired").astype(int)
    outcomes = pd.Series(rows)[pd.Series(ruptures) == 1]
    return SimpleNamespace(
        clients=clients,
        episodes=pd.DataFrame({"outcome": outcomes}),
        rule="drop_within_sd",
        parameters={"k": 1.0, "repair_level": 1},
    )


def test_a_small_class_cannot_be_told_from_the_number_with_a_rupture():
    found = found_with(none=15, repaired=4, unrepaired=17, censored=13, too_few_sessions=7)
    shown = section._classes(found).frame.set_index("class")["n"]
    assert "34 of 49 clients" in section._headline(found)
    assert shown.index[shown.isna()].tolist() == ["repaired", "censored"]


def test_few_without_a_rupture_are_not_told_by_the_number_with_one():
    found = found_with(none=3, repaired=9, unrepaired=17, censored=13)
    assert section._headline(found) == "42 clients could be judged."


def test_the_rule_is_said_in_words_and_its_formula_beside_the_table():
    found = found_with(none=9, repaired=9)
    score = SimpleNamespace(rater="client", title="WAI-SR", scale="total")
    formula = al.rupture_rules().set_index("name")["definition"]["drop_within_sd"]
    assert formula not in section._stated(found, score).text
    assert "(k = 1; repaired: back at the level before" in section._stated(found, score).text
    found.parameters["repair_level"] = 0.5
    assert "repaired: 50% of the fall regained" in section._stated(found, score).text
    assert formula in section._classes(found).how

"""What the section on ruptures says follows from its numbers, and gives no small class away."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.core.disclosure import OTHERS, Disclosure
from alliance_stats.core.display.rendering import cells
from alliance_stats.report.context import Context, Options
from alliance_stats.report.sections import rupture_chance, rupture_models
from alliance_stats.report.sections import ruptures as section
from alliance_stats.report.sections.draft import Draft


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
    names = [name for name, n in classes.items() for _ in range(n)]
    clients = pd.DataFrame({"client_id": range(len(names)), "class": names, "n_sessions": 5})
    clients["n_ruptures"] = clients["class"].isin(section.RUPTURED).astype(int)
    clients["n_repaired"] = (clients["class"] == "repaired").astype(int)
    episodes = clients[clients["n_ruptures"] == 1].rename(columns={"class": "outcome"})
    found = SimpleNamespace(
        clients=clients,
        episodes=episodes.assign(rupture_session=3),
        sessions=clients.loc[clients.index.repeat(5)].assign(session=[1, 2, 3, 4, 5] * len(names)),
        rule="drop_within_sd",
        parameters={"k": 1.0, "repair_level": 1},
    )
    return found, Disclosure(clients["client_id"])


def test_a_small_class_is_put_together_with_others():
    found, disclosure = found_with(
        none=15, repaired=4, unrepaired=17, censored=13, too_few_sessions=7
    )
    shown = section._classes(found, disclosure).frame.set_index("class")["n"]
    assert shown.to_dict() == {"none": 15, "unrepaired": 17, "censored": 13, OTHERS: 11}
    said = section._headline(found, disclosure)  # 34 with a rupture less 17 and 13 would tell 4
    assert said == "One stated rule finds no rupture in 15 of 56 clients (26.8%)."


def test_few_without_a_rupture_are_not_told_by_the_number_with_one():
    found, disclosure = found_with(none=3, repaired=9, unrepaired=17, censored=13)
    section._classes(found, disclosure)
    assert section._headline(found, disclosure) == "How many clients had a rupture is withheld."


def test_the_headline_says_what_the_table_below_it_says():
    found, disclosure = found_with(too_few_sessions=25)
    assert section._classes(found, disclosure).frame.set_index("class")["n"].max() == 25
    assert section._headline(found, disclosure).startswith("No client has as many rated sessions")
    found, disclosure = found_with(none=25)
    said = section._headline(found, disclosure)
    assert said == "By one stated rule, 0 of 25 clients (0.0%) had what it calls a rupture."


def test_ruptures_of_those_not_judged_are_a_dash_and_nothing_is_withheld():
    found, _ = found_with(none=25, too_few_sessions=30)
    few = found.clients["class"] == "too_few_sessions"
    found.clients[["n_ruptures", "n_repaired"]] = (
        found.clients[["n_ruptures", "n_repaired"]].astype("Int64").mask(few)
    )
    shown = section._classes(found, Disclosure(found.clients["client_id"], everything=True))
    rows = {row[0]: list(row[3:]) for row in cells(shown).itertuples(index=False)}
    assert rows[section.CLASS_WORDS["too_few_sessions"]] == ["150", "–", "–"]
    assert rows[section.CLASS_WORDS["none"]] == ["125", "0", "0"]
    assert rows[section.CLASS_WORDS["repaired"]] == ["0", "0", "0"]
    assert "withheld" not in shown.note


def test_classes_that_are_all_put_together_make_no_table():
    found, disclosure = found_with(none=6, repaired=6, unrepaired=6)
    assert section._classes(found, disclosure).frame.empty


def test_the_rule_is_said_in_words_and_its_formula_beside_the_table():
    found, disclosure = found_with(none=9, repaired=9)
    score = SimpleNamespace(rater="client", title="WAI-SR", scale="total")
    formula = al.rupture_rules().set_index("name")["definition"]["drop_within_sd"]
    assert formula not in section._stated(found, score).text
    assert "(k = 1; repaired: back at the level before" in section._stated(found, score).text
    found.parameters["repair_level"] = 0.5
    assert "repaired: 50% of the fall regained" in section._stated(found, score).text
    assert formula in section._classes(found, disclosure).how


def test_where_no_session_is_judged_no_verdict_stands_beside_chance():
    rows = pd.DataFrame({"client_id": np.repeat(range(12), 6), "session": [*range(1, 7)] * 12})
    context: Any = SimpleNamespace(options=Options(replicates=9))
    score: Any = SimpleNamespace(direction="higher_is_better")
    draft = Draft("ruptures", "Ruptures")
    rule = {"rule": "drop_within_sd"}
    found = rupture_chance.chance_blocks(context, score, rows.assign(score=4.0), rule, draft)
    assert found == []
    assert draft.headline == ""
    assert "could judge no session" in draft._messages[0]


def test_no_p_stands_with_what_the_rule_makes_by_itself():
    study = al.simulate_study(n_therapists=4, n_clients=60, seed=4)
    context = Context(study, Options(individual_courses=True))
    draft = Draft("ruptures", "Ruptures", strict=True)
    rule = {"rule": "drop_stricter_sd"}
    reverse: Any = rupture_models.model_blocks(context, context.alliance, rule, draft)[-1]
    assert reverse.frame["p_value"].isna().tolist() == [True, False]
    assert "makes this coefficient by itself" in reverse.note

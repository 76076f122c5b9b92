"""Which items are used differently, and what that adds in points: planted differences."""

from dataclasses import replace

import numpy as np
import pytest

import alliance_stats as al
from alliance_stats.latent.measurement import invariance, steps

from .tables import of_two_groups

PLANTED = 0.5


def test_half_a_point_on_one_item_is_found_in_points(answers):
    data = answers.dyads(7, n=2000, shift=PLANTED)
    found = al.measurement_invariance(data, factors=answers.FACTORS)
    points = found.in_points.set_index("item")
    assert found.items.query("freed")["item"].tolist() == ["i3"]
    for item, true in (("i3", PLANTED), ("scale", PLANTED / 8)):
        row = points.loc[item]
        assert abs(row["estimate"] - true) < 3.5 * row["std_error"]
    # the mean gap is split without a rest, and is that of the answers themselves
    np.testing.assert_allclose(points["estimate"] + points["from_people"], points["gap"])
    means = data.groupby("rater")[answers.ITEMS].mean()
    gaps = (means.loc["therapist"] - means.loc["client"]).to_numpy()
    np.testing.assert_allclose(points["gap"].to_numpy()[:-1], gaps, atol=0.05)


def test_a_loading_that_differs_is_found_and_its_intercept_freed_with_it(answers):
    data = answers.dyads(8, n=2000, loading=-0.4)
    found = al.measurement_invariance(data, factors=answers.FACTORS)
    verdict = found.steps.set_index("step")["verdict"]
    assert verdict["metric"] == "not invariant"
    assert found.items.query("freed and step == 'metric'")["item"].tolist() == ["i3"]
    row = found.in_points.set_index("item").loc["i3"]
    true = -0.4 * -0.4  # the loading's difference at the therapists' mean
    assert abs(row["estimate"] - true) < 3.5 * row["std_error"]


def test_points_are_not_given_where_the_last_two_items_still_differ():
    factors = {"bond": ["i1", "i2", "i3", "i4"]}
    data = of_two_groups(1, -1, 0.5, -0.5)
    found = al.measurement_invariance(data, factors=factors, across="clinic")
    ((kind, *items),) = found.stuck
    assert kind == "intercept"
    assert len(items) == 2
    said = " ".join(found.verdict())
    assert f"Freeing items stopped at {items[0]} and {items[1]}" in said
    assert "tests still reject" in said
    assert "from how the items are used" not in said
    assert "do not say otherwise" not in said
    assert found.in_points["gap"].notna().all()
    hidden = ["estimate", "conf_low", "conf_high", "from_people"]
    assert found.in_points[hidden].isna().all(axis=None)


def test_a_search_without_a_maximum_is_named_and_nothing_rests_on_it(monkeypatch):
    fit = invariance.Compared.fit

    def no_maximum(self, equal, freed=frozenset()):
        found = fit(self, equal, freed)
        if equal == steps.STEPS["scalar"] and not freed:
            self.failed[steps._said(equal, freed)] = None
            return replace(found, converged=False)
        return found

    monkeypatch.setattr(invariance.Compared, "fit", no_maximum)
    with pytest.warns(al.ConvergenceWarning) as warned:
        found = al.measurement_invariance(
            of_two_groups(1, 0, 0, 0), factors={"bond": ["i1", "i2", "i3", "i4"]}, across="clinic"
        )
    assert [str(one.message) for one in warned] == [*found.wrong]
    assert found.holds == "metric"
    assert found.steps["verdict"].tolist()[2:] == ["not judged", "not judged"]
    assert found.in_points[["gap", "estimate", "conf_low"]].isna().all(axis=None)
    assert any("not reached in scalar;" in one for one in found.messages)
    assert "Whether the intercepts of the items differ is not judged" in " ".join(found.verdict())


def test_forms_that_measure_the_same_have_an_interval_for_each_item(answers):
    found = al.measurement_invariance(answers.dyads(3), factors=answers.FACTORS)
    assert found.holds == "strict"
    items = found.in_points[found.in_points["item"] != "scale"]
    assert not items["freed"].any()
    assert (items["estimate"].abs() < 3.5 * items["std_error"]).all()


def test_the_sum_of_items_counts_in_its_own_points(answers):
    data = answers.dyads(7, shift=PLANTED)
    mean, total = (
        al.measurement_invariance(data, factors=answers.FACTORS, scored=scored).in_points
        for scored in ("mean", "sum")
    )
    np.testing.assert_allclose(total["gap"].iloc[-1], 8 * mean["gap"].iloc[-1])


def test_an_item_that_one_rater_answers_the_other_way_round_is_named(answers):
    data = answers.dyads(3)
    turned = data["i2"].where(data["rater"] == "client", 8 - data["i2"])
    found = al.measurement_invariance(data.assign(i2=turned), factors=answers.FACTORS)
    assert found.items.query("freed")["item"].iloc[0] == "i2"


def test_the_picture_is_drawn(answers):
    found = al.measurement_invariance(answers.dyads(7, shift=PLANTED), factors=answers.FACTORS)
    assert len(found.plot().get_yticks()) == 9


def test_three_conditions_are_all_drawn_and_told_apart(answers):
    data = answers.groups(1)
    data["clinic"] = [f"c{i % 3}" for i in range(len(data))]
    found = al.measurement_invariance(data, factors=answers.FACTORS, across="clinic")
    axes = found.plot()
    assert len(axes.get_legend().get_texts()) == 4  # gap and part of two comparisons
    told = found.text().splitlines()
    assert len({*told}) == len(told)

"""Invariance where people of one cluster go together: whose tests hold, and their words."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import alliance_stats as al


def test_a_way_with_items_of_each_therapist_is_no_difference_between_raters(answers):
    factors = {"bond": ["i1", "i2", "i3", "i4"]}
    p = {"": [], "therapist_id": []}
    for seed in range(12):
        for cluster, found in p.items():
            result = al.measurement_invariance(
                answers.of_therapists(seed), factors=factors, cluster=cluster or None
            )
            found.append(result.steps.set_index("step").loc["scalar", "p_value"])
    assert sum(np.array(p[""]) < 0.05) >= 4
    assert sum(np.array(p["therapist_id"]) < 0.05) <= 2
    assert "clients of one therapist_id being alike (30 clusters" in result.methods()
    one = al.fit_factor_model(
        answers.of_therapists(1).query("rater == 'therapist'"), factors, cluster="therapist_id"
    )
    assert one.tidy()["df"].unique().tolist() == [29]
    assert "(30 clusters, t with 29" in one.methods()


@pytest.fixture(scope="module")
def shifted(answers):
    data = answers.of_therapists(2, 12, style=0.25, shift=0.8)
    return al.measurement_invariance(
        data, factors={"bond": ["i1", "i2", "i3", "i4"]}, cluster="therapist_id"
    )


def test_by_clusters_an_item_is_named_by_the_error_that_its_points_have(shifted):
    assert shifted.items.query("freed")["item"].tolist() == ["i2"]
    row = shifted.in_points.set_index("item").loc["i2"]
    test = shifted.items.set_index("item").loc["i2"]
    assert test["delta_chi2"] == pytest.approx((row["estimate"] / row["std_error"]) ** 2, rel=1e-4)
    assert test["p_value"] == pytest.approx(
        2 * stats.t.sf(np.sqrt(test["delta_chi2"]), 11), rel=1e-4
    )
    assert any("12 clusters" in message for message in shifted.messages)
    said = " ".join(shifted.methods().split())
    assert "by F (the scaled difference of chi-squares by its df; 11 degrees of freedom" in said
    assert "(by the t of the item's own difference, or Hotelling's T² of several, with 11" in said


def test_several_differences_of_few_clusters_are_held_against_hotellings_distribution(answers):
    data = answers.of_therapists(2, 12, style=0.25)
    rows = data.assign(side=data["client_id"].mod(3))[data["rater"] == "client"]
    found = al.measurement_invariance(
        rows.assign(i2=rows["i2"] + 2.0 * (rows["side"] == 2)).drop(columns="rater"),
        factors={"bond": ["i1", "i2", "i3", "i4"]}, across="side", cluster="therapist_id",
    )  # fmt: skip
    row = found.items.set_index("item").loc["i2"]
    assert row["delta_df"] == 2
    f = row["delta_chi2"] * (12 - 2) / (12 - 1) / 2
    assert row["p_value"] == pytest.approx(stats.f.sf(f, 2, 10))


def test_the_verdict_says_where_tests_and_points_disagree(shifted):
    assert "disagree" not in " ".join(shifted.verdict())
    points = shifted.in_points
    there = points["item"] == "i2"
    hollow = replace(
        shifted, in_points=points.assign(conf_low=points["conf_low"].mask(there, -0.1))
    )
    assert "i2 is named by the tests, but the interval of what that adds holds 0" in " ".join(
        hollow.verdict()
    )
    other = points["item"] == "i3"
    limits = {
        "conf_low": points["conf_low"].mask(other, 0.1),
        "conf_high": points["conf_high"].mask(other, 0.3),
    }
    apart = replace(shifted, in_points=points.assign(**limits))
    assert "i3 is held equal" in " ".join(apart.verdict())

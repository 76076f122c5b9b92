"""Measurement invariance: lavaan's numbers for each step, planted shifts, and bad input."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import alliance_stats as al
from alliance_stats.core.display.page import typeset
from alliance_stats.latent.measurement import invariance, steps
from alliance_stats.latent.result import few_people

HERE = Path(__file__).parents[1] / "reference" / "latent"
REFERENCES = json.loads((HERE / "factor_references.json").read_text())
HOLZINGER = REFERENCES["holzinger"]
HOLZINGER_FACTORS = {
    "visual": ["x1", "x2", "x3"],
    "textual": ["x4", "x5", "x6"],
    "speed": ["x7", "x8", "x9"],
}
DATA = {
    "groups": lambda a: (a.groups(1, missing=0.08), "clinic", "normal"),
    "groups robust": lambda a: (a.groups(2), "clinic", "robust"),
    "dyads": lambda a: (a.dyads(3), "rater", "normal"),
    "dyads missing": lambda a: (a.dyads(4, missing=0.08), "rater", "normal"),
}
STEPS = ["configural", "metric", "scalar", "strict"]
NEAR = 1e-4  # lavaan's search ends within 1e-6 of ours
PLANTED = 0.5


def of(answers, name):
    data, across, errors = DATA[name](answers)
    return al.measurement_invariance(data, factors=answers.FACTORS, across=across, errors=errors)


@pytest.mark.parametrize("name", DATA)
def test_every_step_is_lavaans(answers, name):
    steps = of(answers, name).steps.set_index("step")
    for step, there in REFERENCES[name].items():
        assert steps.loc[step, "chi2"] == pytest.approx(there["chi2"], abs=NEAR)
        assert steps.loc[step, "df"] == there["df"]
        for index in ("cfi", "rmsea", "srmr"):
            assert steps.loc[step, index] == pytest.approx(there["fit"][index], abs=NEAR)


def test_the_scaled_difference_is_that_of_the_formula(answers):
    steps = of(answers, "groups robust").steps.set_index("step")
    there = {step: one["fit"] for step, one in REFERENCES["groups robust"].items()}
    small, large = there["scalar"], there["metric"]
    df = small["df"] - large["df"]
    for index in ("cfi", "rmsea"):
        scaled = [step["fit"][f"{index}.scaled"] for step in REFERENCES["groups robust"].values()]
        np.testing.assert_allclose(steps[f"{index}_scaled"], scaled, atol=NEAR)
    scale = (
        small["df"] * small["chisq.scaling.factor"] - large["df"] * large["chisq.scaling.factor"]
    )
    expected = (small["chisq"] - large["chisq"]) / (scale / df)
    assert steps.loc["scalar", "delta_chi2"] == pytest.approx(expected, abs=NEAR)


def test_two_schools_differ_in_intercepts_as_published(answers):
    found = al.measurement_invariance(answers.schools(), factors=HOLZINGER_FACTORS, across="school")
    steps = found.steps.set_index("step")
    for step, there in HOLZINGER["steps"].items():
        assert steps.loc[step, "chi2"] == pytest.approx(there["chisq"], abs=1e-3)
    assert steps["verdict"].tolist() == [
        "fits badly",
        "no difference found",
        "not invariant",
        "not judged",
    ]
    assert found.holds == "metric"
    assert found.items.query("freed")["item"].tolist() == ["x3", "x7"]


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


def test_the_verdict_says_how_far_and_what_it_comes_to(answers):
    shifted = al.measurement_invariance(
        answers.dyads(7, n=600, shift=PLANTED), factors=answers.FACTORS
    )
    alike, differ, missed, points = shifted.verdict()
    assert alike == (
        "No difference between client and therapist was found in the loadings of the items (metric "
        "invariance not rejected, n = 600); that they are alike is assumed, not shown, where what "
        "goes with the factor is compared (means may not be)."
    )
    assert differ.startswith("The intercepts differ, of i3: chi2(6) = ")
    row = shifted.in_points.set_index("item").loc["scale"]
    assert f"of the mean gap of {row['gap']:.2f} points".replace("-", "−") in points
    for said in (alike, differ, missed, points):
        assert said in shifted.text()
        assert typeset(said) in shifted.summary().replace("\n", " ")


def few_in_three_groups(seed=1, n=150, shift=0.4):
    """Return answers of three groups, of which the last answers the second item higher."""
    rng = np.random.default_rng(seed)
    factor, group = rng.normal(size=n), np.array(["a", "b", "c"])[np.arange(n) % 3]
    items = {f"i{k}": 3 + 0.8 * factor + rng.normal(0, 0.7, n) for k in range(1, 5)}
    data = pd.DataFrame({**items, "clinic": group})
    return data.assign(i2=data["i2"] + shift * (group == "c"))


def of_two_groups(*shifts, n=300, seed=5):
    """Return answers of two groups, of which the second answers each item so much higher."""
    rng = np.random.default_rng(seed)
    factor, second = rng.normal(size=n), np.arange(n) % 2 == 1
    items = {
        f"i{k}": 3 + factor + rng.normal(0, 0.7, n) + shift * second
        for k, shift in enumerate(shifts, start=1)
    }
    return pd.DataFrame({**items, "clinic": np.where(second, "b", "a")})


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
    found = al.measurement_invariance(
        of_two_groups(1, 0, 0, 0), factors={"bond": ["i1", "i2", "i3", "i4"]}, across="clinic"
    )
    assert found.holds == "metric"
    assert found.steps["verdict"].tolist()[2:] == ["not judged", "not judged"]
    assert found.in_points[["gap", "estimate", "conf_low"]].isna().all(axis=None)
    assert any("not reached in scalar;" in one for one in found.messages)
    assert "Whether the intercepts of the items differ is not judged" in " ".join(found.verdict())


def test_an_item_keyed_the_other_way_on_one_side_is_named_with_the_side():
    data, factors = of_two_groups(0, 0, 0, 0), {"bond": ["i1", "i2", "i3", "i4"]}
    data = data.assign(i4=data["i4"].where(data["clinic"] == "a", 6 - data["i4"]))
    for ask in (
        lambda: al.measurement_invariance(data, factors=factors, across="clinic"),
        lambda: al.fit_factor_model(data, factors, group="clinic"),
    ):
        (said,) = [one for one in ask().messages if "against each other" in one]
        assert "against each other: i4 against i1 (b, r = -0." in said


def test_rows_without_group_or_answers_are_counted_where_they_are_left_out():
    data, factors = of_two_groups(0, 0, 0, 0), {"bond": ["i1", "i2", "i3", "i4"]}
    data.loc[:9, "clinic"] = np.nan
    data.loc[20:24, ["i1", "i2", "i3", "i4"]] = np.nan
    found = al.measurement_invariance(data, factors=factors, across="clinic")
    fit = al.fit_factor_model(data, factors, group="clinic")
    said = "15 rows lack every answer or the group and are left out."
    assert said in found.messages
    assert said in fit.messages


def test_the_methods_name_how_items_were_freed_and_what_tests_rest_on(answers):
    plain = of_two_groups(1, 0, 0, 0)
    factors = {"bond": ["i1", "i2", "i3", "i4"]}
    said = al.measurement_invariance(plain, factors=factors, across="clinic").methods()
    assert "full information maximum likelihood" in said
    assert "Enders & Bandalos 2001" in said
    assert "items were freed one by one" in said
    assert "scaled" not in said
    assert "Residuals" not in said
    robust = al.measurement_invariance(answers.dyads(3), factors=factors, errors="robust")
    for one in ("scaled for answers", "Satorra & Bentler 2001", "Yuan & Bentler 2000",
                "the same item were free to go together across raters"):  # fmt: skip
        assert one in robust.methods()


def test_a_rater_without_any_item_is_told_without_a_list_of_nothing():
    study = al.simulate_study(n_therapists=4, n_clients=20, seed=2)
    with pytest.raises(al.DesignError, match="in this study, nor of any other measure"):
        al.measurement_invariance(study, measure="wai-sr/bond", raters=("client", "nurse"))


def test_no_scaled_chi_square_is_spoken_of_where_there_is_none(answers):
    data = answers.groups(2).head(40)
    fit = al.fit_factor_model(data, answers.FACTORS, errors="robust").estimates
    (there,) = [one for one in few_people(replace(fit, scaling=1.0)) if "chi-square" in one]
    assert "too large, scaled, too" in there
    (not_there,) = [one for one in few_people(replace(fit, scaling=np.nan)) if "chi-square" in one]
    assert "scaled" not in not_there


def test_what_was_not_found_is_not_said_to_be_absent():
    found = al.measurement_invariance(
        few_in_three_groups(), factors={"bond": [f"i{k}" for k in range(1, 5)]}, across="clinic"
    )
    assert found.holds in ("scalar", "strict")
    said = " ".join(found.verdict())
    assert "may be compared" not in said
    assert "alike is assumed, not shown" in said
    assert "n = 50, 50 and 50" in said
    points = found.in_points.query("compared == 'c minus a'").set_index("item")
    assert points.loc["i2", "conf_low"] < 0.4 < points.loc["i2", "conf_high"]
    farthest = found.in_points[["conf_low", "conf_high"]].abs().max(axis=None)
    assert f"differ by up to {farthest:.2f} points" in said
    # what the scale's gap owes to items that are held equal is an assumption, no number
    assert np.isnan(points.loc["scale", "estimate"])


def test_two_rules_that_disagree_are_both_told():
    steps = pd.DataFrame(
        {"verdict": ["fits", *["no difference found"] * 3], "delta_cfi": [np.nan, 0, -0.028, 0]}
        | {"delta_df": 6, "delta_chi2": 11.0, "p_value": 0.09, "step": STEPS}
    )
    found = al.measurement_invariance(
        few_in_three_groups(), factors={"bond": ["i1", "i2", "i3", "i4"]}, across="clinic"
    )
    fell = " ".join(replace(found, steps=steps).verdict())
    assert "the intercepts differ: CFI falls by 0.028, more than 0.01 (chi2(6) = 11.00" in fell
    failed = steps.assign(delta_cfi=-0.004, verdict=["fits", *["not invariant"] * 3])
    assert "CFI falls by 0.004, not more than" in " ".join(replace(found, steps=failed).verdict())


def test_forms_are_tested_for_it_and_the_gap_knows():
    study = al.simulate_study(n_therapists=10, n_clients=120, seed=5)
    forms = al.check_parallel_forms(study, measure="wai-sr/bond", replicates=5)
    # 10 therapists rate several clients each: their own way of using the items is allowed for
    own = al.measurement_invariance(study, measure="wai-sr/bond", cluster="therapist_id")
    pd.testing.assert_frame_equal(forms.invariance.steps, own.steps)
    assert forms.glance()["holds"].tolist() == [own.holds]
    assert own.verdict()[-1] in forms.summary().replace("\n", " ")
    assert any("10 clusters" in message for message in forms.messages)
    fewer = al.simulate_study(n_therapists=9, n_clients=120, seed=5)
    forms = al.check_parallel_forms(fewer, measure="wai-sr/bond", replicates=5)
    own = al.measurement_invariance(fewer, measure="wai-sr/bond")
    pd.testing.assert_frame_equal(forms.invariance.steps, own.steps)
    assert any("9 therapists are fewer than the 10" in message for message in forms.messages)
    few = al.simulate_study(n_therapists=4, n_clients=14, seed=5)
    thin = al.check_parallel_forms(few, measure="wai-sr", replicates=5)
    assert thin.invariance is None
    assert any("could not be tested" in message for message in thin.messages)


def test_forms_that_measure_the_same_have_an_interval_for_each_item(answers):
    found = of(answers, "dyads")
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


def test_a_study_goes_in_directly_across_raters_sessions_and_sites():
    study = al.simulate_study(n_therapists=30, n_clients=200, seed=1)
    raters = al.measurement_invariance(study, measure="wai-sr/bond")
    assert raters.conditions == ("client", "therapist")
    assert "Session" in raters.messages[0]
    sessions = al.measurement_invariance(study, measure="wai-sr/bond", across="session")
    assert sessions.heading == "Measurement invariance: wai-sr/bond/client"
    assert sessions.messages[0].startswith("Answers of the client;")
    assert sessions.conditions[0] == "session 1"
    sites = al.measurement_invariance(study, measure="wai-sr/bond", across="site_id")
    assert len(sites.conditions) == 3
    assert sites.in_points["compared"].nunique() == 2


def test_answers_of_another_range_than_the_card_are_refused_and_single_ones_counted():
    study = al.simulate_study(n_therapists=10, n_clients=100, seed=1)
    ratings = study.tables["ratings"]
    therapist = ratings["rater"] == "therapist"
    doubled = ratings.assign(value=ratings["value"].where(~therapist, 2 * ratings["value"]))
    with pytest.raises(al.DesignError, match=r"\d+% of the therapists' answers .* another range"):
        al.measurement_invariance(study.with_tables(ratings=doubled), measure="wai-sr/bond")
    first = ratings[therapist & (ratings["item"] == 3)].index[:2]
    two = ratings.assign(value=ratings["value"].where(~ratings.index.isin(first), 99))
    found = al.measurement_invariance(study.with_tables(ratings=two), measure="wai-sr/bond")
    assert "2 answers of the therapists beyond the card's range left out." in found.messages


def test_the_picture_is_drawn(answers):
    found = al.measurement_invariance(answers.dyads(7, shift=PLANTED), factors=answers.FACTORS)
    assert len(found.plot().get_yticks()) == 9


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


def test_improper_solutions_stand_in_the_text_of_whatever_step_they_are(answers):
    data = answers.of_therapists(7, 3, style=0.8, clients=7)
    found = al.measurement_invariance(data, factors={"bond": ["i1", "i2", "i3", "i4"]})
    (improper,) = [one for one in found.messages if "Improper" in one]
    assert improper.startswith("In the step configural: ")
    assert " of client" in improper or " of therapist" in improper
    assert improper in found.text()


def test_three_conditions_are_all_drawn_and_told_apart(answers):
    data = answers.groups(1)
    data["clinic"] = [f"c{i % 3}" for i in range(len(data))]
    found = al.measurement_invariance(data, factors=answers.FACTORS, across="clinic")
    axes = found.plot()
    assert len(axes.get_legend().get_texts()) == 4  # gap and part of two comparisons
    told = found.text().splitlines()
    assert len({*told}) == len(told)


def test_an_item_that_one_rater_answers_the_other_way_round_is_named(answers):
    data = answers.dyads(3)
    turned = data["i2"].where(data["rater"] == "client", 8 - data["i2"])
    found = al.measurement_invariance(data.assign(i2=turned), factors=answers.FACTORS)
    assert found.items.query("freed")["item"].iloc[0] == "i2"


def small(answers, n=99):
    return answers.dyads(3, n=n)


def on_another_range(answers, rate=lambda v: (v * 7 / 5).round()):
    data = small(answers, 200)
    items = answers.ITEMS
    data[items] = data[items].round().clip(1, 5)
    therapist = data["rater"] == "therapist"
    data.loc[therapist, items] = rate(data.loc[therapist, items])
    return data


@pytest.mark.parametrize(
    ("data", "arguments", "said"),
    [
        (lambda a: small(a, 5), {}, "There are 5 rows with answers; 16 items need 32 or more"),
        (lambda a: small(a).query("rater == 'client'"), {}, "no answers of rater 'therapist'"),
        (
            lambda a: on_another_range(a, rate=lambda v: (v * 20).round()),
            {},
            "answers are on different ranges: client 1 to 5, therapist 20 to 100",
        ),
        (on_another_range, {}, "answers are on different ranges: client 1 to 5, therapist 1 to 7"),
        (lambda a: small(a), {"factors": {"bond": ["i5"]}}, "has 1 item"),
        (lambda a: small(a), {"factors": None}, "factors must be such as"),
        (lambda a: small(a), {"across": "site"}, "must have the column site"),
        (lambda a: small(a).assign(i3=2.0), {}, "i3 .*does not vary"),
        (lambda a: small(a), {"raters": ["client"]}, "two different raters"),
        (
            lambda a: a.groups(1).assign(clinic=["A"] * 355 + ["B"] * 5),
            {"across": "clinic"},
            "The group 'B' has 5 rows",
        ),
        (
            lambda a: small(a).assign(t=lambda d: d["client_id"] % 9),
            {"cluster": "t"},
            "'t' has 9 values, and errors that allow for clusters need 10 or more",
        ),
        (lambda a: small(a), {"cluster": "t"}, "must have the column t"),
        (lambda a: a.groups(1).assign(clinic="A"), {"across": "clinic"}, "has one value"),
        (lambda a: pd.concat([small(a), small(a).head(1)]), {}, "stand more than once|one row"),
    ],
)
def test_bad_input_is_one_sentence(answers, data, arguments, said):
    with pytest.raises(al.AllianceStatsError, match=said):
        al.measurement_invariance(data(answers), **{"factors": answers.FACTORS, **arguments})


def answered_on(most, n=250, seed=1, client=3.4):
    """Return answers of 1 to 5 by clients around a middle, and of 1 to so many by therapists."""
    rng = np.random.default_rng(seed)
    parts = []
    for rater, middle, end in (("client", client, 5), ("therapist", 3.6, most)):
        felt = middle + rng.normal(size=(n, 1)) + 0.7 * rng.normal(size=(n, 4))
        rows = pd.DataFrame(np.clip(felt.round(), 1, end), columns=list("abcd"))
        parts.append(rows.assign(rater=rater, client_id=range(n)))
    return pd.concat(parts)


def test_raters_whose_answers_end_differently_are_refused_or_told():
    factors = {"f": list("abcd")}
    with pytest.raises(al.DesignError, match="different ranges: client 1 to 5, therapist 1 to 7"):
        al.measurement_invariance(answered_on(7), factors=factors)
    # of clients so low 6 is not to be expected, whether or not they could have answered it
    said = al.measurement_invariance(answered_on(7, client=2.2), factors=factors).messages
    assert any("answers end at different values" in one for one in said)
    same = al.measurement_invariance(answered_on(5), factors=factors).messages
    assert not any("end at different" in one for one in same)


def test_few_dyads_for_many_items_are_told():
    data = answered_on(5, n=60)
    said = al.measurement_invariance(data, factors={"f": list("abcd")}).messages
    assert any("60 people are few for" in one for one in said)


def test_a_fall_of_cfi_near_the_rule_is_told_with_more_digits():
    found = al.measurement_invariance(answered_on(5), factors={"f": list("abcd")})
    steps = found.steps.assign(delta_cfi=[np.nan, -0.01023, 0.0, 0.0])
    said = " ".join(replace(found, steps=steps).verdict())
    assert "CFI falls by 0.01023, more than 0.01" in said

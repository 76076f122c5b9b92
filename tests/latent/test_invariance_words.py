"""What measurement invariance says: verdict, methods, messages."""

from dataclasses import replace

import numpy as np
import pandas as pd

import alliance_stats as al
from alliance_stats.core.display.page import typeset
from alliance_stats.latent.result import few_people

from .tables import answered_on, few_in_three_groups, of_two_groups

PLANTED = 0.5
STEPS = ["configural", "metric", "scalar", "strict"]


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


def test_answers_of_no_client_or_session_are_left_out_and_counted(answers):
    data = answers.dyads(3, n=99).assign(session=1.0)
    data.loc[data.index[:2], "client_id"] = np.nan
    data.loc[data.index[4:6], "session"] = np.nan
    for across in ("rater", "session"):
        rows = data if across == "rater" else data.assign(session=data["session"].where(
            data["rater"] == "client", 2.0))  # fmt: skip
        of = rows if across == "rater" else rows.drop(columns="rater")
        found = al.measurement_invariance(of, factors=answers.FACTORS, across=across)
        (said,) = [one for one in found.messages if "left out" in one]
        assert "'client_id'" in said


def test_the_methods_name_how_items_were_freed_and_what_tests_rest_on(answers):
    plain = of_two_groups(1, 0, 0, 0)
    factors = {"bond": ["i1", "i2", "i3", "i4"]}
    said = al.measurement_invariance(plain, factors=factors, across="clinic").methods()
    assert "full information maximum likelihood" in said
    assert "Enders & Bandalos 2001" in said
    assert "items were freed one by one" in said
    assert "against the one before by the difference of chi-squares, with Holm's" in said
    assert "most telling first (by the difference of chi-squares)" in said
    assert "scaled" not in said
    assert "Residuals" not in said
    robust = al.measurement_invariance(answers.dyads(3), factors=factors, errors="robust")
    for one in (
        "by the scaled difference of chi-squares, with",
        "Satorra & Bentler 2001",
        "Yuan & Bentler 2000",
        "the same item were free to go together across raters",
    ):
        assert one in robust.methods()


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


def test_improper_solutions_stand_in_the_text_of_whatever_step_they_are(answers):
    data = answers.of_therapists(7, 3, style=0.8, clients=7)
    found = al.measurement_invariance(data, factors={"bond": ["i1", "i2", "i3", "i4"]})
    (improper,) = [one for one in found.messages if "Improper" in one]
    assert improper.startswith("In the step configural: ")
    assert " of client" in improper or " of therapist" in improper
    assert improper in found.text()


def test_few_dyads_for_many_items_are_told():
    data = answered_on(5, n=60)
    said = al.measurement_invariance(data, factors={"f": list("abcd")}).messages
    assert any("60 people are few for" in one for one in said)


def test_a_fall_of_cfi_near_the_rule_is_told_with_more_digits():
    found = al.measurement_invariance(answered_on(5), factors={"f": list("abcd")})
    steps = found.steps.assign(delta_cfi=[np.nan, -0.01023, 0.0, 0.0])
    said = " ".join(replace(found, steps=steps).verdict())
    assert "CFI falls by 0.01023, more than 0.01" in said

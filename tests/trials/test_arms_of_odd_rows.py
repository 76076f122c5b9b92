"""Trials as clinics send them: blanks, gaps, one therapist an arm, an arm that does not vary."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.core.drawing import looks

ASKED = {"outcome": "score", "time": "week", "baseline": 0}
METHODS = ["ancova", "mmrm", "growth"]


@pytest.fixture
def rows():
    """Sixty clients of two arms and twelve therapists at four weeks."""
    rng = np.random.default_rng(3)
    client = np.repeat(np.arange(60), 4)
    data = pd.DataFrame({"client_id": client, "week": np.tile([0.0, 4.0, 8.0, 12.0], 60)})
    data["condition"] = np.where(client % 2, "wait", "cbt")
    data["therapist_id"] = [f"t{one % 12}" for one in client]
    return data.assign(score=rng.normal(0, 2, 60)[client] + rng.normal(0, 1, 240))


@pytest.fixture
def alone(rows):
    return rows.drop(columns="therapist_id")


@pytest.fixture
def some(rows):
    """The same with therapists in one arm only."""
    return rows.assign(therapist_id=rows["therapist_id"].where(rows["condition"] == "cbt"))


def said(found):
    return " ".join(found.messages)


@pytest.mark.parametrize("method", METHODS)
def test_rows_without_a_time_are_left_out_and_counted(alone, method):
    gone = alone.index[[7, 9, 14]]
    options = {**ASKED, "method": method}
    found = al.compare_arms(alone.assign(week=alone["week"].drop(gone)), **options)
    without = al.compare_arms(alone.drop(gone), **options)
    assert "3 rows with an empty 'week' were left out." in found.messages
    pd.testing.assert_frame_equal(found.contrasts, without.contrasts)


def test_a_blank_occasion_is_none_and_blanks_around_one_are_nothing(alone):
    words = alone.assign(week=alone["week"].map({0: "pre", 4: "mid", 8: "post", 12: "fu"}))
    options = {**ASKED, "baseline": "pre", "method": "mmrm"}
    clean = al.compare_arms(words, **options)
    padded = al.compare_arms(words.assign(week=words["week"].replace("mid", " mid ")), **options)
    pd.testing.assert_frame_equal(padded.contrasts, clean.contrasts)
    blank = al.compare_arms(words.assign(week=words["week"].replace("mid", " ")), **options)
    assert "60 rows with an empty 'week' were left out." in blank.messages


def test_blanks_make_no_arm_no_client_and_no_therapist(rows):
    clean = al.compare_arms(rows, **ASKED)
    padded = (
        rows["condition"]
        .where(rows["client_id"] > 10, " cbt")
        .where(rows["client_id"] % 2 == 0, "wait ")
    )
    found = al.compare_arms(rows.assign(condition=padded), **ASKED)
    pd.testing.assert_frame_equal(found.contrasts, clean.contrasts)
    empty = rows.assign(condition=rows["condition"].where(rows["client_id"] > 1, " "))
    assert "8 rows without a client or an arm were left out." in said(
        al.compare_arms(empty, **ASKED)
    )
    treated = (
        rows["therapist_id"].where(rows["client_id"] >= 10, "").where(rows["client_id"] != 3, " ")
    )
    found = al.compare_arms(rows.assign(therapist_id=treated), **ASKED)
    assert found.fit.n_groups == {"therapist_id": 12}
    assert "10 clients of arms that have therapists (cbt, wait) have no 'therapist_id'" in said(
        found
    )


def test_who_has_no_therapist_is_no_therapist_in_any_count(some):
    for method in METHODS:
        found = al.compare_arms(some, **ASKED, method=method, errors="model")
        assert found.fit.n_groups["therapist_id"] == 6
        assert "There are only 6 groups of 'therapist_id'" in said(found)
        assert "6 therapists)" in str(found.fit)


def test_an_arm_with_one_therapist_is_told_from_her_by_no_analysis(rows):
    one_each = rows.assign(therapist_id=rows["condition"].map({"cbt": "a", "wait": "b"}))
    three = one_each.assign(
        therapist_id=one_each["therapist_id"].where(rows["client_id"] % 4 != 0, "c")
    )
    shared = rows.assign(therapist_id="a")
    for data, arms in ((one_each, "'cbt' (a), 'wait' (b)"), (three, "'wait' (b)")):
        for method in METHODS:
            found = al.compare_arms(data, **ASKED, method=method)
            assert f"One therapist alone is named in {arms}" in said(found)
            assert found.errors == "model"
        with pytest.raises(al.DesignError, match="two therapists or more in each arm"):
            al.compare_arms(data, **ASKED, errors="robust")
    assert "One therapist" not in said(al.compare_arms(shared, **ASKED))
    few = rows.assign(therapist_id=rows["client_id"] % 4)
    assert "hardly known themselves" in said(al.compare_arms(few, **ASKED, errors="robust"))


def test_a_baseline_without_spread_in_the_arms_adjusts_for_nothing(alone):
    after = alone[alone["week"] > 0]
    for before in (5.0, (after["condition"] == "cbt") * 5.0):
        for method in METHODS:
            with pytest.raises(al.DesignError, match="baseline 'pre' has one value for all"):
                al.compare_arms(
                    after.assign(pre=before), **{**ASKED, "baseline": "pre"}, method=method
                )


def test_a_table_without_rows_arms_or_outcomes_is_told_as_that(alone):
    week, cbt = alone["week"], alone["condition"] == "cbt"
    apart = alone[((week == 12) & cbt) | ((week == 8) & ~cbt)]
    for data, words in (
        (alone.head(0), "no rows"),
        (alone.assign(condition=None), "No row of the trial has a client and an arm"),
        (alone.assign(week=np.nan), "No row of the trial has a time in 'week'"),
        (alone.assign(client_id=" "), "No row of the trial has a client and an arm"),
        (alone.assign(score=np.nan), r"Nobody of the trial has an outcome \(arms: cbt, wait\)"),
        (apart, "At 12.0, the last time, only cbt were measured"),
    ):
        with pytest.raises(al.DesignError, match=words):
            al.compare_arms(data, **{**ASKED, "baseline": None})
    third = apart.assign(condition=apart["condition"].where(apart["client_id"] % 3 > 0, "act"))
    late = third.assign(week=third["week"].where(third["condition"] == "wait", 12.0))
    with pytest.raises(al.DesignError, match="only act, cbt were measured"):
        al.compare_arms(late, **{**ASKED, "baseline": None}, reference="wait")
    for lacking in ({"score": np.nan}, {"pre": np.nan}):
        data = alone.assign(pre=1.0 * alone["client_id"]).assign(**lacking)
        with pytest.raises(al.DesignError, match="Nobody of the trial has an outcome and a base"):
            al.compare_arms(data, **{**ASKED, "baseline": "pre"})


def test_a_time_at_which_all_are_alike_has_no_variance(alone):
    at_first = alone.assign(score=alone["score"].where(alone["week"] > 0, 3.0))
    at_last = alone[(alone["week"] < 12) | (alone["client_id"] == 3)]
    for data, week in ((at_first, "0.0"), (at_last, "12.0")):
        with pytest.raises(al.DesignError, match=rf"all alike \(or one\) at {week}"):
            al.compare_arms(data, **{**ASKED, "baseline": None}, method="mmrm")


@pytest.mark.parametrize("method", METHODS)
def test_an_arm_that_does_not_vary_is_told_and_leaves_no_search_open(some, method):
    flat = some.assign(score=some["score"].where(some["condition"] == "cbt", 5.0))
    found = al.compare_arms(flat, outcome="score", time="week", method=method)
    assert "All outcomes of the arm 'wait' are 5" in said(found)
    assert "did not reach" not in said(found)
    assert found.contrasts["p_value"].notna().all()


def test_arms_of_numbers_are_named_by_them(alone):
    coded = alone.assign(condition=alone["client_id"] % 2 * 1.0)
    for reference in (1, 1.0, "1"):
        found = al.compare_arms(coded, **ASKED, reference=reference)
        assert found.contrasts["term"].tolist() == ["0 - 1"]
    assert len(found.sensitivity([1.0], arms=[0])) == 1


def test_a_name_in_other_letters_is_asked_after(alone):
    words = alone.assign(week=alone["week"].map({0: "Pre", 4: "mid", 8: "post", 12: "fu"}))
    for data, options, near in (
        (alone, {"reference": "Wait"}, "wait"),
        (words, {"baseline": "pre"}, "Pre"),
        (alone, {"outcome": "Score"}, "score"),
    ):
        with pytest.raises(al.AllianceStatsError, match=f"Did you mean '{near}'"):
            al.compare_arms(data, **{**ASKED, **options})
    with pytest.raises(al.DesignError, match="Did you mean 'cbt'"):
        al.compare_arms(alone, **ASKED).sensitivity(arms="CBT")


@pytest.mark.parametrize("alpha", [0, -1, 0.5, 0.7, "x", None, np.nan])
def test_an_alpha_that_is_none_is_refused(alone, alpha):
    found = al.compare_arms(alone, **ASKED)
    for ask in (lambda: found.equivalence(-1, 1, alpha=alpha),
                lambda: found.non_inferiority(1, alpha=alpha)):  # fmt: skip
        with pytest.raises(al.DesignError, match=r"alpha must be a number between 0 and 0.5"):
            ask()


def test_deltas_are_one_or_several_and_stand_with_their_time(alone):
    found = al.compare_arms(alone[~((alone["client_id"] < 6) & (alone["week"] > 4))], **ASKED)
    one, several = found.sensitivity(2, arms="cbt"), found.sensitivity([2.0], arms=["cbt"])
    pd.testing.assert_frame_equal(one, several)
    assert one["time"].tolist() == [12]
    with pytest.raises(al.DesignError, match="arms must name one arm or more"):
        found.sensitivity(2, arms=[])
    for deltas in ([], "much", [np.nan]):
        with pytest.raises(al.DesignError, match="deltas must"):
            found.sensitivity(deltas)


def test_one_comparison_is_adjusted_for_nothing_in_words(alone):
    found = al.compare_arms(alone, **ASKED)
    assert "adjust" not in found.text().replace("adjusted for the baseline", "")
    third = alone.assign(condition=np.array(["cbt", "act", "wait"])[alone["client_id"] % 3])
    told = al.compare_arms(third, **ASKED).text()
    assert "adjustment for several comparisons: holm" in told
    assert told.count("adjusted p") == 3


def test_an_arm_has_one_colour_whatever_the_reference(alone):
    colours = []
    for reference in ("cbt", "wait"):
        ax = al.compare_arms(alone, **ASKED, method="mmrm", reference=reference).plot()
        handles, labels = ax.get_legend_handles_labels()
        colours.append(
            {a[:3]: line.lines[0].get_color() for a, line in zip(labels, handles, strict=True)}
        )
    assert colours[0] == colours[1]
    assert len(set(colours[0].values())) == 2


def test_sentences_do_not_hide_a_search_that_did_not_end(alone):
    found = al.compare_arms(alone, **ASKED)
    note = "The search did not reach a minimum of the deviance. Do not report these estimates."
    assert note not in found.text()
    assert replace(found, messages=(note,)).text().splitlines()[1] == note


def test_the_look_of_a_group_is_of_its_name_and_not_of_its_place():
    assert looks(["wait", "cbt"]) == looks(["cbt", "wait", "cbt"])


def test_figures_of_ends_and_of_means_agree_on_the_colour_of_an_arm(alone):
    ends = alone.drop_duplicates("client_id").assign(last_session=5, reason="dropout")
    ax = al.dropout_incidence(ends, by="condition").plot()
    drawn = {line.get_label(): line.get_color() for line in ax.lines}
    means = al.compare_arms(alone, **ASKED, method="mmrm", reference="wait").plot()
    for line, label in zip(*means.get_legend_handles_labels(), strict=True):
        assert drawn[label.split(" ")[0]] == line.lines[0].get_color()


@pytest.fixture
def without_baseline(alone):
    """Every fourth client of one arm was not measured at the beginning; all were at the end."""
    return alone[(alone["client_id"] % 8 != 0) | (alone["week"] > 0)]


def test_who_lacks_a_baseline_alone_is_not_unmeasured(without_baseline):
    found = al.compare_arms(without_baseline, **ASKED)
    assert found.means["n"].tolist() == [30, 30]
    assert found.means["share_measured"].tolist() == [1, 1]
    one, other = found.sensitivity([0, 10])["estimate"]
    assert one == other
    assert len(found.analysed) == 52
    for method in METHODS:
        told = al.compare_arms(without_baseline, **ASKED, method=method).estimand
        assert "Those without a baseline are left out" in told


def test_differences_are_divided_by_the_baselines_of_all_randomised(alone):
    lost = alone[(alone["client_id"] > 11) | (alone["week"] == 0)]
    before = alone[alone["week"] == 0]
    wide = lost[lost["week"] > 0].merge(before[["client_id", "score"]], on="client_id", how="right",
                                        suffixes=("", "_before"))  # fmt: skip
    wide["condition"] = np.where(wide["client_id"] % 2, "wait", "cbt")
    pooled = np.sqrt(before.groupby("condition")["score"].var().mean())  # arms of one size
    for data, baseline in ((lost, 0), (wide, "score_before")):
        found = al.compare_arms(data, **{**ASKED, "baseline": baseline})
        assert found.sd == pytest.approx(pooled)


def test_the_time_of_one_comparison_is_told_wherever_it_is(alone):
    found = al.compare_arms(alone, **ASKED)
    for told in (str(found), found.text(), found.methods(), found.estimand):
        assert " at 12.0" in told
    assert found.left_out == {}
    once = al.compare_arms(alone[alone["week"] == 12], outcome="score")
    assert " at 0" not in str(once) + once.methods()


def test_a_time_at_which_nobody_has_the_outcome_is_no_empty_time(alone):
    words = alone.assign(week=alone["week"].map({0: "pre", 4: "mid", 8: "post", 12: "fu"}))
    asked = {**ASKED, "baseline": "pre"}
    unasked = words.assign(score=words["score"].where(words["week"] != "mid"))
    messages = " ".join(al.compare_arms(unasked, **asked).messages)
    assert "60 rows without an outcome were left out." in messages
    assert "empty 'week'" not in messages


def test_arms_that_differ_in_capitals_are_asked_after(alone):
    odd = alone["condition"].where(alone["client_id"] % 4 != 0, "CBT")
    assert "The arms CBT, cbt differ in capital letters alone" in said(
        al.compare_arms(alone.assign(condition=odd), **ASKED)
    )
    assert "capital" not in said(al.compare_arms(alone, **ASKED))


def test_a_time_without_end_is_refused(alone):
    endless = alone.assign(week=alone["week"].replace(12.0, np.inf))
    with pytest.raises(al.ColumnError, match=r"'week' .* must hold finite numbers; 60 rows do not"):
        al.compare_arms(endless, **ASKED)
    once = alone.assign(week=alone["week"].where(alone.index > 0, np.inf))
    with pytest.raises(al.ColumnError, match="1 row does not"):
        al.compare_arms(once, **ASKED)


def test_errors_that_could_not_be_robust_say_why(rows):
    changed = rows["therapist_id"].where((rows["client_id"] > 5) | (rows["week"] < 8), "t11")
    lone = rows["therapist_id"].where(rows["condition"] == "cbt", "t99")
    for data, why in ((changed, "6 clients had several therapists"),
                      (lone, "wait has one therapist alone")):  # fmt: skip
        found = al.compare_arms(rows.assign(therapist_id=data), **ASKED, method="growth")
        assert f"Errors are the model's, and not robust to therapists as they are else: {why}" in (
            said(found)
        )
        assert "errors='robust' and" not in said(found)
    assert "as they are else" not in said(al.compare_arms(rows, **ASKED, method="growth"))


def test_a_bound_is_told_in_words_and_of_the_errors_there_are(some):
    drawn = some.assign(score=np.random.default_rng(11).normal(size=len(some)))
    for errors in ("robust", "model"):
        told = said(al.compare_arms(drawn, **ASKED, method="growth", errors=errors))
        assert "The fit is singular" in told
        assert ("lmerTest" in told) == (errors == "model")
        assert "by_therapist" not in told
        assert "time_since_middle" not in told


def test_intervals_beside_holms_method_are_told_to_stand_alone():
    rng = np.random.default_rng(5)
    data = pd.DataFrame({"client_id": range(60), "condition": ["a", "b", "c"] * 20,
                         "post": rng.normal(10, 3, 60)})  # fmt: skip
    found = al.compare_arms(data, outcome="post")
    assert not found.messages
    assert "holm (of p values; each interval holds by itself)" in found.text()
    assert "by itself" not in al.compare_arms(data, outcome="post", adjust="tukey").text()


def test_the_header_of_intervals_says_whether_they_hold_together():
    """Tukey's and Bonferroni's ends are those of R's emmeans, `confint(pairs(...))`."""
    data = pd.DataFrame({"client_id": range(12), "condition": ["a", "b", "c"] * 4,
                         "post": [1.0, 3, 2, 4, 6, 9, 5, 3, 7, 2, 8, 8]})  # fmt: skip
    ends = {}
    for adjust in ("holm", "tukey", "bonferroni", "none"):
        found = al.compare_arms(data, outcome="post", adjust=adjust)
        ends[adjust] = found.contrasts.loc[0, ["conf_low", "conf_high"]].tolist()
        header = {"holm": " (unadjusted)", "none": ""}.get(adjust, " (simultaneous)")
        assert f" 95% CI{header} t df p " in " ".join(str(found).split())
        assert f"95% CI{header} [" in found.text()
    assert ends["holm"] == ends["none"]
    printed = 1e-6  # of emmeans 1.8.4, by R: seven decimals were read
    np.testing.assert_allclose(ends["tukey"], [-2.9684104, 6.9684104], atol=printed)
    np.testing.assert_allclose(ends["bonferroni"], [-3.2198885, 7.2198885], atol=printed)


def test_intervals_and_p_count_the_same_comparisons(alone):
    third = alone.assign(condition=alone["condition"].where(alone["client_id"] % 3 > 0, "act"))
    gone = (third["condition"] == "act") & (third["week"] > 4)
    for method in ("mmrm", "growth"):
        last = al.compare_arms(third[~gone], **ASKED, method=method, adjust="bonferroni").contrasts
        row = last[last["estimate"].notna()].iloc[-1]
        assert row["p_adjusted"] == row["p_value"]  # one comparison is left
        half = (row["conf_high"] - row["conf_low"]) / 2 / row["std_error"]
        assert half < 2.05


def test_some_of_many_times_are_compared_and_who_is_left_out_is_told(alone):
    late = alone["client_id"].isin([3, 4]) & (alone["week"].isin([4, 12]))
    data = alone[~late]
    options = {**ASKED, "method": "mmrm"}
    found = al.compare_arms(data, **options, times=[12, 4])
    same = al.compare_arms(data[data["week"] != 8], **options)
    pd.testing.assert_frame_equal(found.contrasts, same.contrasts)
    assert "2 clients measured at others alone are in no mean" in said(found)
    assert "never measured" not in said(found)  # as it is of the rows without week 8
    assert found.left_out == {"not measured at the times compared": frozenset({3, 4})}
    with pytest.raises(al.DesignError, match=r"\(4\.0, 8\.0, 12\.0\); there is no 5"):
        al.compare_arms(data, **options, times=[5])


def test_therapists_of_several_arms_are_told_and_errors_hold_what_differs_by_arm(rows):
    apart = al.compare_arms(rows, **ASKED)  # even numbers treat in one arm, odd ones in the other
    assert apart.errors == "model"
    assert "clients in both arms" not in said(apart)
    both = rows.assign(therapist_id=rows["client_id"] // 2 % 6)
    found = al.compare_arms(both, **ASKED)
    assert found.errors == "robust"
    assert "6 of 6 therapists have clients in both arms. If numbers start anew" in said(found)
    assert al.compare_arms(both, **ASKED, errors="model").errors == "model"


def test_a_baseline_comes_before_the_outcomes(alone):
    names = alone.assign(when=alone["week"].map({0: "pre", 4: "mid", 8: "post", 12: "followup"}))
    for time, last in (("week", 12), ("when", "followup")):
        with pytest.raises(al.DesignError, match="name the first time as the baseline"):
            al.compare_arms(names, outcome="score", time=time, baseline=last)
        first = names[time].iloc[0]
        words = f"The first time, {first}, may be the baseline"
        assert words in said(al.compare_arms(names, outcome="score", time=time))
        assert words not in said(al.compare_arms(names, outcome="score", time=time, baseline=first))
    later = names[names["week"] > 0]
    assert "may be the baseline" not in said(al.compare_arms(later, outcome="score", time="when"))


@pytest.mark.parametrize("made", [lambda score: score, lambda score: 2 * score + 1])
def test_an_outcome_made_of_its_baseline_is_refused(rows, made):
    last = rows[rows["week"] == 12]
    data = last.assign(pre=made(last["score"]))
    with pytest.raises(al.DesignError, match="follows from the baseline without error"):
        al.compare_arms(data, outcome="score", baseline="pre")
    with pytest.raises(al.DesignError, match="follows from the baseline without error"):
        al.compare_arms(data, outcome="score", baseline="score")
    late = rows[rows["week"] > 0].assign(pre=rows["client_id"].map(data.set_index("client_id").pre))
    with pytest.raises(al.DesignError, match=r"outcome at 12\.0 follows"):
        al.compare_arms(late, outcome="score", baseline="pre", time="week", method="mmrm")


def test_what_times_leaves_out_is_told(alone):
    found = al.compare_arms(alone, **ASKED, method="mmrm", times=[4, 12])
    assert "Outcomes at other times are left out of the model" in said(found)
    assert "outcomes at other times are left out of the model" in found.methods()
    with pytest.raises(al.DesignError, match="lines through all times"):
        al.compare_arms(alone, **ASKED, method="growth", times=[4, 12])


def test_lines_through_two_times_are_refused_with_what_to_take(alone):
    two = alone[alone["week"] < 12]
    with pytest.raises(al.DesignError, match=r"120 outcomes of 60 clients are two each.*'mmrm'"):
        al.compare_arms(two, **ASKED, method="growth")
    own = two.assign(week=two["week"] + two["client_id"] * (two["week"] > 0) / 100)
    with pytest.raises(al.DesignError, match="or method='ancova', at planned times"):
        al.compare_arms(own, **ASKED, method="growth")


@pytest.mark.parametrize("method", METHODS)
def test_dates_are_no_times_and_the_remedy_is_told(alone, method):
    days = pd.to_timedelta(7 * alone["week"] + alone["client_id"] % 5, unit="D")
    dates = pd.Timestamp("2024-01-29") + days
    for column in (dates, dates.astype(str), dates.dt.strftime("%d.%m.%Y"), dates.dt.date):
        with pytest.raises(al.ColumnError, match=r"'week' holds dates; .*data\['days'\]"):
            al.compare_arms(alone.assign(week=column), outcome="score", time="week", method=method)
    with pytest.raises(al.ColumnError, match=r"spans of time; .*data\['week'\]\.dt\.days"):
        al.compare_arms(alone.assign(week=days), outcome="score", time="week", method=method)


def test_an_arm_whose_baseline_does_not_differ_is_told(alone):
    after = alone[alone["week"] > 0].assign(pre=1.0 * alone["client_id"])
    filled = after.assign(pre=after["pre"].where(after["condition"] == "cbt", 5.0))
    assert "of all 30 clients of the arm 'wait' is 5: " in said(
        al.compare_arms(filled, **{**ASKED, "baseline": "pre"})
    )
    assert "baseline of all" not in said(al.compare_arms(after, **{**ASKED, "baseline": "pre"}))


def test_times_to_compare_are_told_as_they_may_be_given(alone):
    for asked, more, words in (
        ({}, ["4"], r"after the baseline \(4\.0, 8\.0, 12\.0\); there is no '4'\."),
        ({}, [], r"\(4\.0, 8\.0, 12\.0\); it is empty\."),
        ({"baseline": None}, [3], r"outcomes stand \(0\.0, 4\.0, 8\.0, 12\.0\); there is no 3\."),
        ({"baseline": None, "time": None}, [4], "time= names their column"),
    ):
        data = alone if asked.get("time", 1) else alone[alone["week"] == 4]
        with pytest.raises(al.DesignError, match=words):
            al.compare_arms(data, **{**ASKED, **asked}, times=more)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("baseline", [None, 0])
def test_one_client_an_arm_is_no_trial(alone, method, baseline):
    asked = {**ASKED, "baseline": baseline, "method": method}
    with pytest.raises(al.DesignError, match="Each arm has one client with an outcome"):
        al.compare_arms(alone[alone["client_id"] < 2], **asked)


def test_what_makes_numbers_of_an_outcome_is_said(alone):
    for cells, words in (
        (alone["score"] > 0, r"Where 1 and 0 are meant: data\['score'\]\.astype\(float\)"),
        (alone["score"].round(1).astype(str).str.replace(".", ","), "If the comma is a decimal"),
        (alone["score"].astype(str) + "?", "Correct them or set them missing"),
    ):
        with pytest.raises(al.ColumnError, match=words):
            al.compare_arms(alone.assign(score=cells), **ASKED)
    with pytest.raises(al.DesignError, match="Leave one of each in 'week'"):
        al.compare_arms(pd.concat([alone, alone.tail(2)]), **ASKED)


def test_the_legend_hides_no_interval(alone):
    axes = al.compare_arms(alone, **ASKED, method="mmrm").plot()
    axes.figure.draw_without_rendering()
    legend = axes.get_legend().get_window_extent()
    assert legend.y0 >= axes.get_window_extent().y1

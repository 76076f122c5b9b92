"""Arms compared: against least squares, against the models asked themselves, and by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

import alliance_stats as al
from alliance_stats.trials import model

DATA = Path(__file__).parents[1] / "reference" / "multilevel" / "data" / "trial.csv.gz"
SAME = 1e-6  # relative: a search ends where least squares has a closed form


@pytest.fixture(scope="module")
def trial():
    return pd.read_csv(DATA)


@pytest.fixture(scope="module")
def alone(trial):
    """The trial without its therapists."""
    return trial.drop(columns="therapist_id")


OPTIONS = {"outcome": "distress", "baseline": "baseline", "time": "occasion", "reference": "wait"}


@pytest.fixture(scope="module")
def repeated(alone):
    return al.compare_arms(alone, method="mmrm", **OPTIONS)


def test_a_yes_or_no_is_told_with_the_call_of_its_model(alone):
    better = alone.assign(better=(alone["distress"] < alone["baseline"]).astype(int))
    found = al.compare_arms(better, **OPTIONS | {"outcome": "better", "baseline": None})
    (said,) = [message for message in found.messages if "holds only 0 and 1" in message]
    assert "differences of shares" in said
    assert 'family="binomial"' in said
    assert not any("only" in message for message in al.compare_arms(alone, **OPTIONS).messages)


def test_ancova_is_least_squares(alone):
    found = al.compare_arms(alone, **OPTIONS)
    last = alone[alone["occasion"] == 4]
    ols = smf.ols("distress ~ C(condition, Treatment('wait')) + baseline", last).fit()
    for arm in ("cbt", "dynamic"):
        row = found.contrasts.set_index("term").loc[f"{arm} - wait"]
        name = f"C(condition, Treatment('wait'))[T.{arm}]"
        assert row["estimate"] == pytest.approx(ols.params[name], rel=SAME)
        assert row["std_error"] == pytest.approx(ols.bse[name], rel=SAME)
        assert row["df"] == pytest.approx(ols.df_resid, rel=SAME)
        assert row["p_value"] == pytest.approx(ols.pvalues[name], rel=1e-5)
        low, high = ols.conf_int().loc[name]
        assert (row["conf_low"], row["conf_high"]) == pytest.approx((low, high), rel=1e-5)
    means = found.means.set_index("arm")
    at = pd.DataFrame({"condition": means.index, "baseline": last["baseline"].mean()})
    np.testing.assert_allclose(means["estimate"], ols.predict(at), rtol=SAME)
    assert means["n"].to_dict() == last["condition"].value_counts().to_dict()
    assert set(means["randomised"]) == {30}


def test_repeated_measures_are_the_unstructured_model(alone, repeated):
    data = alone.assign(condition=pd.Categorical(alone["condition"], ["wait", "cbt", "dynamic"]))
    fit = al.fit_multilevel(
        "distress ~ condition * C(occasion) + baseline * C(occasion)",
        data,
        residual="unstructured",
        time="occasion",
    )
    weights = {"condition[T.cbt]": 1.0, "condition[T.cbt]:C(occasion)[T.3]": 1.0}
    by_hand = fit.test(weights).tidy().iloc[0]
    found = repeated.contrasts.query("term == 'cbt - wait' and time == 3").iloc[0]
    for name in ("estimate", "std_error", "df"):
        assert found[name] == pytest.approx(by_hand[name], rel=1e-5)
    assert len(repeated.means) == 12
    assert len(repeated.contrasts) == 8
    assert repeated.means.query("arm == 'wait' and time == 4")["n"].item() == 24


def test_holm_within_each_time(repeated):
    for _, rows in repeated.contrasts.groupby("time"):
        small, large = np.sort(rows["p_value"])
        adjusted = np.sort(rows["p_adjusted"])
        np.testing.assert_allclose(adjusted, [2 * small, max(2 * small, large)])


def test_growth_compares_lines(alone):
    found = al.compare_arms(alone, method="growth", **OPTIONS)
    data = alone.assign(condition=pd.Categorical(alone["condition"], ["wait", "cbt", "dynamic"]))
    fit = al.fit_multilevel(
        "distress ~ condition * occasion + baseline + (1 + occasion | client_id)", data
    )
    cbt, slope = fit.params["condition[T.cbt]"], fit.params["condition[T.cbt]:occasion"]
    estimate = found.contrasts.query("term == 'cbt - wait'")["estimate"]
    np.testing.assert_allclose(estimate, cbt + slope * np.arange(1, 5), rtol=1e-5)


def test_a_baseline_at_a_time_is_the_same_as_a_column(alone, repeated):
    before = alone.drop_duplicates("client_id").assign(occasion=0)
    long = pd.concat([before.assign(distress=before["baseline"]), alone]).drop(columns="baseline")
    found = al.compare_arms(long, method="mmrm", **{**OPTIONS, "baseline": 0})
    pd.testing.assert_frame_equal(found.contrasts, repeated.contrasts, rtol=1e-5)
    decimal = long.assign(occasion=long["occasion"].astype(float))
    found = al.compare_arms(decimal, **{**OPTIONS, "baseline": 0})
    assert found.data.times == (1.0, 2.0, 3.0, 4.0)


def test_therapists_in_all_arms_and_in_some(trial):
    everywhere = al.compare_arms(trial, method="mmrm", **OPTIONS)
    assert everywhere.fit.n_groups == {"client_id": 90, "therapist_id": 15}
    some = trial.assign(therapist_id=trial["therapist_id"].where(trial["condition"] != "wait"))
    found = al.compare_arms(some, method="mmrm", **OPTIONS)
    assert any("30 clients without a therapist (arms: wait)" in m for m in found.messages)
    by_hand = al.fit_multilevel(
        "distress ~ condition + baseline + (0 + given | therapist_id)",
        some[some["occasion"] == 4].assign(
            given=lambda d: d["therapist_id"].notna() * 1.0,
            therapist_id=lambda d: d["therapist_id"].fillna("nobody"),
        ),
        residual_by="condition",
    )
    last = al.compare_arms(some, **OPTIONS)
    assert last.contrasts["estimate"].iloc[0] == pytest.approx(
        -by_hand.params["condition[T.wait]"], rel=1e-5
    )
    assert last.contrasts["df"].iloc[0] == pytest.approx(by_hand.df["condition[T.wait]"], rel=1e-4)


def test_effect_sizes_divide_by_the_baseline(alone, repeated):
    per = alone.drop_duplicates("client_id")
    sd = np.sqrt(per.groupby("condition")["baseline"].var().mean())  # arms of equal size
    found = repeated.effect_sizes
    assert repeated.sd == pytest.approx(sd)
    for name in ("estimate", "conf_low", "conf_high"):
        np.testing.assert_allclose(found[name] * sd, repeated.contrasts[name])


def test_delta_moves_the_mean_by_the_share_of_those_who_left(repeated):
    found = repeated.sensitivity([0.0, 2.0]).set_index(["term", "delta"])
    share = repeated.means.query("arm == 'cbt' and time == 4")["share_measured"].item()
    moved = found.loc["cbt - wait"]["estimate"]
    assert moved[2.0] - moved[0.0] == pytest.approx(2.0 * (1 - share))
    last = repeated.contrasts.query("term == 'cbt - wait' and time == 4").iloc[0]
    assert moved[0.0] == pytest.approx(last["estimate"])
    both = repeated.sensitivity([2.0], arms=["cbt", "wait"]).set_index("term")["estimate"]
    waiting = repeated.means.query("arm == 'wait' and time == 4")["share_measured"].item()
    assert both["cbt - wait"] - moved[0.0] == pytest.approx(2.0 * (waiting - share))
    with pytest.raises(al.DesignError, match="no arm 'act'"):
        repeated.sensitivity(arms=["act"])


def test_bounds_agree_with_intervals(alone):
    low, high = -6.0, 3.0
    free, all_of_them = (
        al.compare_arms(alone, method="mmrm", adjust=adjust, **OPTIONS)
        for adjust in ("none", "bonferroni")
    )
    for comparison in (free, all_of_them):
        found = comparison.equivalence(low, high)
        inside = (found["conf_low"] > low) & (found["conf_high"] < high)
        assert found["equivalent"].tolist() == inside.tolist()
        assert 0 < inside.sum() < len(found)
        for better, end in (("lower", "conf_high"), ("higher", "conf_low")):
            worse = comparison.non_inferiority(2.0, better=better)
            sign = 1 if better == "lower" else -1
            assert worse["non_inferior"].tolist() == (sign * worse[end] < 2.0).tolist()
    for call in (
        lambda: free.equivalence(3, -3),
        lambda: free.equivalence(1, 3),
        lambda: free.non_inferiority(-1),
        lambda: free.non_inferiority(1, better="less"),
    ):
        with pytest.raises(al.AllianceStatsError):
            call()


def test_bounds_and_deltas_are_adjusted_as_the_comparison_was(repeated):
    for found in (repeated.equivalence(-6, 3), repeated.non_inferiority(2.0)):
        for _, rows in found.groupby("time"):
            small, large = np.sort(rows["p_value"])
            np.testing.assert_allclose(
                np.sort(rows["p_adjusted"]), np.minimum([2 * small, max(2 * small, large)], 1.0)
            )
    moved = repeated.sensitivity([0.0, 3.0])
    last = repeated.contrasts[repeated.contrasts["time"] == 4]
    for name in ("p_adjusted", "conf_low", "conf_high"):
        np.testing.assert_allclose(moved.query("delta == 0")[name], last[name], rtol=1e-9)
    assert (moved["p_adjusted"] >= moved["p_value"]).all()


def test_who_is_in_the_comparison_is_said(alone):
    some = alone.assign(distress=alone["distress"].where(alone["client_id"] != "c03"))
    found = al.compare_arms(some, method="mmrm", **OPTIONS)
    assert "89 of 90 clients are in the model" in found.estimand
    assert "missing at random" in found.estimand
    assert any("without an outcome were left out" in m for m in found.messages)
    assert found.means["randomised"].eq(30).all()
    assert "left out" in al.compare_arms(alone, **OPTIONS).estimand


def test_occasions_stand_in_the_order_of_treatment(alone):
    words = {1: "mid", 2: "post", 3: "follow-up 1", 4: "follow-up 2"}
    named = alone.assign(occasion=alone["occasion"].map(words))
    found = al.compare_arms(named, method="mmrm", **OPTIONS)
    assert list(found.means["time"].unique()) == list(words.values())
    numbered = al.compare_arms(alone, method="mmrm", **OPTIONS).contrasts["estimate"]
    np.testing.assert_allclose(found.contrasts["estimate"], numbered, rtol=1e-5)


def test_a_study_is_read_by_the_name_of_its_score():
    study = al.open_study("demo-trial")
    scores = study.select("core-10")
    found = al.compare_arms(
        study, outcome="core-10", baseline=scores["session"].min(), method="growth"
    )
    assert found.score.startswith("core-10")
    assert set(found.means["arm"]) == set(scores["condition"].dropna().astype(str))


def test_the_picture_has_a_line_for_each_arm(repeated):
    ax = repeated.plot()
    assert len(ax.get_legend_handles_labels()[0]) == 3
    assert "n = 24" in "".join(ax.get_legend_handles_labels()[1])


def test_what_is_no_trial_is_told(alone):
    swapped = alone.assign(condition=np.where(alone["occasion"] > 2, "cbt", alone["condition"]))
    for data, options, said in (
        (alone.assign(condition="cbt"), {}, "have one only"),
        (swapped, {}, "must be in one arm"),
        (alone, {"time": None}, "one outcome at each time"),
        (alone, {"reference": "act"}, "no arm 'act'"),
        (alone, {"baseline": "week"}, "neither a column nor a time"),
        (alone, {"outcome": "phq"}, "'phq'"),
        (alone[alone["occasion"] == 1], {"method": "mmrm"}, "two or more times"),
        (alone.assign(occasion=alone["occasion"].map(str) + "w"), {"method": "growth"}, "numbers"),
    ):
        with pytest.raises(al.AllianceStatsError, match=said):
            al.compare_arms(data, **{**OPTIONS, **options})


def three_arms(seed=3, weeks=(0, 4, 8, 12)):
    rng = np.random.default_rng(seed)
    client = np.repeat(np.arange(60), len(weeks))
    rows = pd.DataFrame({"client_id": client, "condition": np.array(list("abc"))[client % 3]})
    rows["week"] = np.tile(weeks, 60)
    rows["score"] = rng.normal(0, 2, 60)[client] + rng.normal(0, 1, len(client))
    return rows.assign(
        pre=rows["score"].where(rows["week"] == 0).groupby(client).transform("first")
    )


def test_a_time_that_nobody_of_an_arm_reached_has_no_mean_and_no_comparison():
    rows = three_arms()
    rows = rows[~((rows["condition"] == "c") & (rows["week"] == 12))]
    found = al.compare_arms(rows, outcome="score", baseline=0, time="week", method="mmrm")
    last = found.contrasts.query("time == 12").set_index("term")["estimate"]
    assert last[["c - a", "c - b"]].isna().all()
    assert np.isfinite(last["b - a"])
    assert "Nobody of the arm 'c' was measured at 12" in " ".join(found.messages)
    sooner = al.compare_arms(rows, outcome="score", baseline=0, time="week")
    assert "Arms are compared at 8" in " ".join(sooner.messages)


def test_a_baseline_in_a_column_of_its_own_is_no_outcome_beside():
    rows = three_arms()
    column, time = (
        al.compare_arms(rows, outcome="score", baseline=baseline, time="week", method="mmrm")
        for baseline in ("pre", 0)
    )
    pd.testing.assert_frame_equal(column.contrasts, time.contrasts, check_exact=False, rtol=1e-6)
    assert "are those of 'pre'" in " ".join(column.messages)


def test_sentences_tell_the_adjusted_p_too():
    found = al.compare_arms(three_arms(), outcome="score", baseline="pre", time="week")
    assert found.text().count("adjusted p") == 3


def changing(slope_sd, per=8, therapists=20, seed=5):
    """Clients of therapists who differ in level and, by `slope_sd`, in change; two arms."""
    rng = np.random.default_rng(seed)
    therapist = np.repeat(np.arange(therapists), per)
    n, times = len(therapist), np.arange(4.0)
    level = rng.normal(size=therapists)[therapist] + rng.normal(size=n)
    slope = slope_sd * rng.normal(size=therapists)[therapist] + 0.3 * rng.normal(size=n)
    y = level[:, None] + slope[:, None] * times + rng.normal(size=(n, 4))
    client = np.repeat(np.arange(n), 4)
    rows = {"client_id": client, "therapist_id": therapist[client], "week": np.tile(times, n)}
    arm = np.where(therapist % 2, "cbt", "wait")[client]
    return pd.DataFrame({**rows, "condition": arm, "score": y.ravel()})


@pytest.mark.parametrize("method", ["mmrm", "growth"])
def test_therapists_differ_in_change_where_the_data_show_it(method):
    options = {"outcome": "score", "baseline": 0, "time": "week", "method": method}
    found = al.compare_arms(changing(0.6), **options)
    spread = found.fit.tidy().query("group == 'therapist_id'").set_index("term")["estimate"]
    said = next(m for m in found.messages if m.startswith("The model lets therapists differ"))
    for words, term in (("level", "Intercept"), ("each step of time", "time_since_middle")):
        number = float(said.split(f"{words} (estimated SD ")[1].split(")")[0])
        assert number == pytest.approx(spread[f"sd {term}"], rel=0.01)  # three digits
    time = "week" if method == "growth" else "C(week)"
    more = " + (1 + week | client_id)" if method == "growth" else ""
    rows = changing(0.6).assign(middle=lambda d: d["week"] - 2)
    rows["pre"] = rows["score"].where(rows["week"] == 0).groupby(rows["client_id"]).transform("max")
    each = "pre" if method == "growth" else "pre * C(week)"
    structure = {} if method == "growth" else {"residual": "unstructured", "time": "week"}
    by_hand = al.fit_multilevel(
        f"score ~ condition * {time} + {each}{more} + (1 + middle | therapist_id)",
        rows[rows["week"] > 0].assign(condition=lambda d: d["condition"] == "wait"),
        **structure,
    )
    assert found.fit.llf == pytest.approx(by_hand.llf, abs=1e-5)
    level = al.compare_arms(changing(0.0, seed=2), **options)
    assert "in how their clients change" not in level.fit.formula
    last = found.contrasts["df"].iloc[-1]
    assert last < 25  # therapists, not clients, say how sure the difference at the end is


def test_clients_who_changed_therapist_count_for_that_of_each_measurement():
    rows = changing(0.0)
    moved = rows["client_id"].isin(range(0, 160, 5)) & (rows["week"] > 1)
    rows["therapist_id"] = rows["therapist_id"].where(~moved, (rows["therapist_id"] + 2) % 20)
    options = {"outcome": "score", "baseline": 0, "time": "week"}
    found = al.compare_arms(rows, method="growth", **options)
    assert found.fit.grouping == "crossed"
    assert "32 clients had several therapists: each" in " ".join(found.messages)
    repeated = al.compare_arms(rows, method="mmrm", **options)
    assert repeated.fit.grouping == "crossed"
    assert repeated.fit.n_groups["therapist_id"] == 20
    assert repeated.fit.converged
    assert not any("singular" in said for said in repeated.messages)


def test_repeated_measures_where_groups_cross_are_the_same_model(monkeypatch):
    rows = changing(0.4)
    options = {"outcome": "score", "baseline": 0, "time": "week", "method": "mmrm"}
    nested = al.compare_arms(rows, errors="model", **options)
    monkeypatch.setattr(model, "crossing", lambda rows: "they cross")
    crossed = al.compare_arms(rows, errors="model", **options)
    assert "(0 + C(time) | client_id)" in crossed.fit.formula
    assert crossed.fit.llf == pytest.approx(nested.fit.llf, abs=1e-6)
    for name in ("estimate", "std_error", "df"):
        np.testing.assert_allclose(crossed.contrasts[name], nested.contrasts[name], rtol=1e-4)


def one_arm(seed, per=6, therapists=8, alone=40):
    """Draw one outcome each: clients of therapists in one arm, clients by themselves in another."""
    rng = np.random.default_rng(seed)
    therapist = np.repeat(np.arange(therapists), per)
    treated = 10 + rng.normal(size=therapists)[therapist] + rng.normal(size=len(therapist))
    names = [f"t{i}" for i in therapist] + [None] * alone
    return pd.DataFrame(
        {"client_id": range(len(names)), "therapist_id": names,
         "condition": ["therapy"] * len(therapist) + ["waiting"] * alone,
         "post": np.append(treated, 12 + 3 * rng.normal(size=alone))}
    )  # fmt: skip


def mean_squares(rows, per=6, therapists=8):
    """Return the mean squares between and within therapists, and the variance of the others."""
    means = rows.groupby("therapist_id")["post"].mean()
    treated = rows.dropna(subset=["therapist_id"])
    apart = treated["post"] - treated.groupby("therapist_id")["post"].transform("mean")
    alone = rows.loc[rows["therapist_id"].isna(), "post"]
    return per * means.var(), (apart**2).sum() / (therapists * (per - 1)), alone.var()


def test_therapists_in_one_arm_leave_the_other_its_own_variance():
    """Welch's comparison of therapists' means with clients, by pencil (Roberts & Roberts 2005)."""
    rows = one_arm(1)
    between, within, alone = mean_squares(rows)
    assert between > within  # so that REML has the therapists' mean square
    treated, other = between / 48, alone / 40
    found = al.compare_arms(rows, outcome="post").contrasts.iloc[0]
    assert found["std_error"] == pytest.approx(np.sqrt(treated + other), rel=1e-6)
    df = (treated + other) ** 2 / (treated**2 / 7 + other**2 / 39)
    assert found["df"] == pytest.approx(df, rel=1e-5)
    assert "a residual variance for each arm" in al.compare_arms(rows, outcome="post").methods()
    robust = al.compare_arms(rows, outcome="post", errors="robust")
    assert robust.contrasts["std_error"].iloc[0] == pytest.approx(found["std_error"], rel=1e-6)


def test_one_therapist_variance_of_zero_leaves_welch_of_the_clients():
    rows = one_arm(1)
    even = rows.groupby("therapist_id")["post"].transform("mean").fillna(10) - 10
    rows["post"] -= even  # no therapist differs from another
    _, within, alone = mean_squares(rows)
    treated, other = within * 40 / 47 / 48, alone / 40
    found = al.compare_arms(rows, outcome="post")
    assert found.contrasts["std_error"].iloc[0] == pytest.approx(np.sqrt(treated + other), rel=1e-6)
    assert any("is estimated as zero" in said for said in found.messages)


def test_more_times_than_a_covariance_can_have_are_refused_with_another_method():
    rows = changing(0.0, therapists=6)
    many = pd.concat([rows.assign(week=rows["week"] + 4 * i) for i in range(6)])
    with pytest.raises(al.DesignError, match="method='growth'"):
        al.compare_arms(many, outcome="score", baseline=0, time="week", method="mmrm")


def test_robust_errors_are_those_of_the_fit_itself():
    rows = changing(0.4)
    options = {"outcome": "score", "baseline": 0, "time": "week"}
    found = al.compare_arms(rows, method="mmrm", **options)
    again = found.fit.contrasts("arm", by="time", cluster="cluster")
    own = found.fit.contrasts("arm", by="time")
    rows["pre"] = rows["score"].where(rows["week"] == 0).groupby(rows["client_id"]).transform("max")
    after = rows[rows["week"] > 0].assign(middle=lambda d: d["week"] - 2)
    after = after.assign(
        condition=pd.Categorical(after["condition"], ["wait", "cbt"]),
        week=pd.Categorical(after["week"], [3.0, 1.0, 2.0]),
    )
    fit = al.fit_multilevel(
        "score ~ condition * C(week) + pre * C(week) + (1 + middle | therapist_id)", after,
        residual="unstructured", time="week",
    )  # fmt: skip
    by_hand = fit.robust("therapist_id").tidy().set_index("term").loc["condition[T.cbt]"]
    last = found.contrasts.iloc[-1]
    for name in ("estimate", "std_error", "df"):
        assert last[name] == pytest.approx(by_hand[name], rel=1e-3)  # two searches
        np.testing.assert_allclose(found.contrasts[name], again[name])
    assert not np.allclose(own["std_error"], again["std_error"])
    model = al.compare_arms(rows, method="mmrm", errors="model", **options)
    np.testing.assert_allclose(model.contrasts["std_error"], own["std_error"], rtol=1e-4)
    assert "robust to therapists (20 of them)" in " ".join(found.messages)
    moved = rows.assign(therapist_id=(rows["therapist_id"] + 2 * (rows["week"] > 1)) % 20)
    with pytest.raises(al.DesignError, match="under one therapist"):
        al.compare_arms(moved, method="growth", errors="robust", **options)


def test_clients_without_a_therapist_are_clusters_of_their_own():
    rows = changing(0.4)
    some = rows.assign(
        therapist_id=rows["therapist_id"].where(rows["condition"] == "cbt"),
        cluster=np.where(rows["condition"] == "cbt", rows["therapist_id"], 100 + rows["client_id"]),
    )
    options = {"outcome": "score", "baseline": 0, "time": "week", "method": "growth"}
    found = al.compare_arms(some, **options)
    assert "and clients without one" in " ".join(found.messages)
    assert found.fit.n_groups["therapist_id"] == 10  # nobody is none
    alone = found.fit.contrasts("arm", by="time", at={"time": [3.0]}, cluster="cluster")
    assert found.contrasts["std_error"].iloc[-1] == pytest.approx(alone["std_error"].iloc[-1])
    assert 10 < found.contrasts["df"].iloc[-1] < 40


def test_lines_are_shown_as_far_as_clients_of_both_arms_were_measured():
    rows = three_arms(weeks=tuple(range(0, 40, 4)))
    kept = rows["week"] <= np.where(rows["condition"] == "c", 12, 28)
    few = rows["client_id"] < 6  # two of each arm stay to the end
    found = al.compare_arms(
        rows[kept | few], outcome="score", baseline=0, time="week", method="growth"
    )
    shown = found.means[found.means["estimate"].notna()].groupby("arm")["time"].max()
    assert shown.to_dict() == {"a": 28, "b": 28, "c": 12}
    last = found.contrasts[found.contrasts["estimate"].notna()].groupby("term")["time"].max()
    assert last.to_dict() == {"b - a": 28, "c - a": 12, "c - b": 12}
    assert found.contrasts.query("time == 36")[["p_value", "p_adjusted"]].isna().all(axis=None)
    alone = found.contrasts.query("time == 28 and term == 'b - a'").iloc[0]
    assert alone["p_adjusted"] == alone["p_value"]  # the only one of its time
    assert "line of the arm 'c' is shown from 4 to 12" in " ".join(found.messages)
    moved = found.sensitivity([0.0])
    common = found.contrasts.query("time == 12")
    np.testing.assert_allclose(moved["estimate"], common["estimate"])
    with pytest.raises(al.DesignError, match="No difference is estimated at 36"):
        found.sensitivity(time=36)
    assert found.equivalence(-2, 2)["time"].max() == 28
    legend = "".join(found.plot().get_legend_handles_labels()[1])
    assert "c (n = 20 at the last shown)" in legend


def test_arms_may_be_called_anything(alone):
    names = {"cbt": "cbt - online", "wait": "wait - 8 weeks", "dynamic": "dynamic"}
    named = alone.assign(condition=alone["condition"].map(names))
    for reference, of in (("wait - 8 weeks", "wait"), (None, None)):
        found = al.compare_arms(named, **{**OPTIONS, "reference": reference})
        plain = al.compare_arms(alone, **{**OPTIONS, "reference": of})
        np.testing.assert_allclose(
            found.sensitivity([2.0])["estimate"], plain.sensitivity([2.0])["estimate"]
        )
        assert (found.contrasts["arm"] + " - " + found.contrasts["versus"]).equals(
            found.contrasts["term"]
        )


def test_a_baseline_is_one_value_a_client(alone, repeated):
    first = ~alone["client_id"].duplicated()
    late = alone["occasion"] != 3
    for known in (first, late):
        some = alone.assign(baseline=alone["baseline"].where(known))
        found = al.compare_arms(some, method="mmrm", **OPTIONS)
        pd.testing.assert_frame_equal(found.contrasts, repeated.contrasts)
        assert "without a baseline" not in " ".join(found.messages)
    varying = alone.assign(baseline=alone["baseline"] + alone["occasion"])
    with pytest.raises(al.DesignError, match="one value a client; 90 clients have several"):
        al.compare_arms(varying, method="mmrm", **OPTIONS)


def test_an_arm_that_nobody_measured_is_named(alone):
    wait = alone["condition"] == "wait"
    some = alone.assign(distress=alone["distress"].where(~wait))
    found = al.compare_arms(some, **{**OPTIONS, "reference": "cbt"})
    assert "Nobody of the arm wait has an outcome and a baseline" in " ".join(found.messages)
    assert "of 90 clients are in the model" in found.estimand
    assert found.contrasts["term"].tolist() == ["dynamic - cbt"]
    with pytest.raises(al.DesignError, match="'wait' cannot be compared with"):
        al.compare_arms(some, **OPTIONS)
    with pytest.raises(al.DesignError, match="Nobody of the arm wait has"):
        al.compare_arms(some[some["condition"] != "dynamic"], **{**OPTIONS, "reference": None})
    late = alone[np.where(wait, alone["occasion"] < 2, alone["occasion"] > 1)]
    found = al.compare_arms(late, **{**OPTIONS, "reference": "cbt"})
    assert "Nobody of the arm 'wait' was measured at 4" in " ".join(found.messages)


def test_what_the_model_lets_differ_is_no_verdict():
    rows = changing(0.0, therapists=8)
    rows["score"] = np.random.default_rng(11).normal(size=len(rows))  # therapists are all alike
    options = {"outcome": "score", "baseline": 0, "time": "week", "method": "mmrm"}
    robust, own = (al.compare_arms(rows, errors=errors, **options) for errors in (None, "model"))
    for found in (robust, own):
        said = " ".join(found.messages)
        assert "The model lets therapists differ in" in said
        assert "Therapists differ" not in said
        assert "(estimated SD 0" in said
    assert "(1 | therapist_id)" in robust.fit.formula  # robust errors leave the terms in
    assert "kenward-roger" not in " ".join(robust.messages)  # they have df of their own
    assert "kenward-roger" in " ".join(own.messages)


def test_methods_tell_therapists_errors_and_baseline(trial, repeated):
    robust = al.compare_arms(trial, method="mmrm", **OPTIONS).methods()
    for words in (
        "in level (estimated SD", "robust to therapists (CR2) with Satterthwaite's degrees",
        "adjusted for the baseline at each time", "of 90 of 90 randomised",
    ):  # fmt: skip
        assert words in robust
    plain = repeated.methods()
    assert "no term of therapists" in plain
    assert "the model's standard errors and Satterthwaite's degrees" in plain
    assert "Mallinckrodt" in plain
    options = {"outcome": "distress", "time": "occasion", "df": "kenward-roger"}
    last = al.compare_arms(trial, **options).methods()
    assert "without a baseline" in last
    assert "Mallinckrodt" not in last
    assert "Vickers & Altman" in last
    assert "; Kenward-Roger's standard errors and degrees of freedom;" in last


@pytest.mark.parametrize("control", ["TAU", "waiting list", "usual care", "Kontrolle"])
def test_an_arm_that_is_named_as_a_control_is_compared_with(control):
    rng = np.random.default_rng(2)
    rows = pd.DataFrame({"client_id": range(40), "condition": ["CBT", control] * 20})
    found = al.compare_arms(rows.assign(score=rng.normal(size=40)), outcome="score")
    assert found.contrasts["term"].tolist() == [f"CBT - {control}"]
    assert found.data.arms == (control, "CBT")


def test_times_of_clients_own_count_as_far_as_they_were_followed():
    rng = np.random.default_rng(3)
    rows = pd.concat(
        pd.DataFrame(
            {"client_id": client, "condition": "ab"[client % 2],
             "day": np.append(0, np.unique(rng.integers(1, 120, rng.integers(2, 6))))}
        )
        for client in range(60)
    )  # fmt: skip
    rows["score"] = 20 - 0.05 * rows["day"] + rng.normal(0, 2, len(rows))
    asked = {"outcome": "score", "baseline": 0, "time": "day"}
    found = al.compare_arms(rows, method="growth", **asked)
    ends = rows.groupby("client_id").agg({"day": "max", "condition": "first"})
    last = found.data.last_common_time()
    there = ends["day"].ge(last).groupby(ends["condition"]).mean()
    assert there.min() >= 0.5
    later = min(day for day in rows["day"] if day > last)
    assert ends["day"].ge(later).groupby(ends["condition"]).mean().min() < 0.5
    assert found.means["time"].nunique() == 5  # not a hundred days
    assert found.means["time"].max() == last
    at_end = found.means.query("time == @last").set_index("arm")
    np.testing.assert_allclose(at_end["share_measured"], there[at_end.index])
    moved = found.sensitivity([0.0, 2.0])["estimate"]
    assert moved[1] - moved[0] == pytest.approx(2.0 * (1 - there["b"]))
    with pytest.raises(al.DesignError, match="clients have times of their own"):
        al.compare_arms(rows, **asked)

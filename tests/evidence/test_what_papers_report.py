"""Which precision is taken, what contradicts itself, and what no paper can report."""

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.evidence.analyses import pool_counts

FOLDER = Path(__file__).parents[1] / "reference" / "evidence"
EXACT = 1e-12  # the same arithmetic


def table(**columns):
    return pd.DataFrame(columns)


def test_a_reported_interval_comes_before_n():
    """r .29 [.10, .47] with n = 400: by hand half the width on Fisher's z is .20490."""
    found = al.pool_effects(table(estimate=[0.29], ci_low=[0.10], ci_high=[0.47], n=[400]),
                            metric="r", test="wald")  # fmt: skip
    half = (np.arctanh(0.47) - np.arctanh(0.10)) / 2
    z = np.arctanh(0.29)
    assert found.conf_low == pytest.approx(np.tanh(z - half), abs=EXACT)
    assert found.conf_high == pytest.approx(np.tanh(z + half), abs=EXACT)
    assert "rows 0 (0.105 by interval, 0.0502 by n)" in found.messages[0]


def test_precision_that_agrees_but_for_rounding_is_not_told():
    r, n = np.array([0.2, 0.35]), np.array([80, 120])
    half = 1.959963984540054 / np.sqrt(n - 3)
    rows = table(estimate=r, n=n, ci_low=np.tanh(np.arctanh(r) - half).round(2),
                 ci_high=np.tanh(np.arctanh(r) + half).round(2))  # fmt: skip
    assert not any(
        "another standard error" in m for m in al.pool_effects(rows, metric="r").messages
    )


def test_the_se_of_a_share_comes_before_its_counts():
    rows = table(estimate=[0.2], se=[0.05], events=[20], n=[100])
    found = al.pool_effects(rows, metric="proportion", test="wald")
    assert found.std_error == pytest.approx(0.05 / (0.2 * 0.8), abs=EXACT)
    assert "by se" in found.messages[0]


def test_effect_sizes_of_shares_pool_as_their_counts():
    counts = table(events=[4, 0, 12], n=[20, 15, 40])
    by_counts = al.pool_effects(counts, metric="proportion")
    by_sizes = al.pool_effects(al.effect_sizes(counts, kind="proportion"), metric="proportion")
    assert by_sizes.estimate == pytest.approx(by_counts.estimate, abs=EXACT)
    assert by_counts.messages[0].startswith("1 of 3 rows have no event or only events and got half")


@pytest.mark.parametrize(
    ("columns", "metric", "said"),
    [
        ({"estimate": [0.1, 0.2], "se": [0.1, -0.1]}, "smd", "cannot be negative; rows 1"),
        ({"estimate": [0.1, 0.2], "se": [0.1, np.inf]}, "smd", "'se'.*finite numbers.*rows 1"),
        ({"estimate": [0.1], "ci_low": [0.3], "ci_high": [0.2]}, "smd", "are the two swapped"),
        ({"estimate": [0.5], "ci_low": [0.1], "ci_high": [0.2]}, "smd", "in its own interval"),
        ({"estimate": [0.5], "events": [5], "n": [50]}, "proportion", "are two shares"),
        ({"events": [-1], "n": [50]}, "proportion", "whole number, 0 or more; rows 0"),
        ({"events": [2.5], "n": [50]}, "proportion", "whole number, 0 or more; rows 0"),
        ({"events": [60], "n": [50]}, "proportion", "between 0 and n; rows 0"),
        ({"estimate": [0.2], "n": [50.5]}, "r", "whole number"),
        ({"estimate": [True, False], "n": [50, 60]}, "r", "'estimate'.*finite numbers"),
        ({"estimate": [0.1], "se": [dt.datetime(2020, 1, 1)]}, "smd", "'se'.*finite numbers"),
        ({"estimate": [0.1], "se": [[0.1]]}, "smd", "'se'.*finite numbers"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_row(columns, metric, said):
    with pytest.raises(al.ColumnError, match=said):
        al.pool_effects(pd.DataFrame(columns), metric=metric)
    if metric == "proportion" and "events" in columns:
        with pytest.raises(al.ColumnError, match=said):
            al.pool_effects(pd.DataFrame(columns), metric=metric, method="GLMM")


def test_a_share_of_zero_with_an_error_alone_says_what_is_missing():
    rows = table(label=["A", "B", "C"], estimate=[0.0, 0.2, 0.3], se=[0.01, 0.05, 0.05])
    found = al.pool_effects(rows, metric="proportion")
    assert found.messages[0] == (
        "1 of 3 rows have a share of 0 or 1 without counts and are left out: A."
    )


def test_copies_are_refused_or_told():
    rows = table(label=["A", "A", "B"], estimate=[0.1, 0.1, 0.3], n=[50, 50, 60])
    with pytest.raises(al.DesignError, match="Rows 1 are the same as an earlier row"):
        al.pool_effects(rows, metric="r")
    for names in ({}, {"cluster": "s"}):
        told = al.pool_effects(rows.drop(columns="label").assign(s=[1, 1, 2]), metric="r", **names)
        assert "Rows 1 hold the same numbers" in told.messages[0]
    again = rows.drop(columns="label").assign(study=["A", "A", "B"], estimate=[0.1, 0.2, 0.3])
    assert "taken as independent" in al.pool_effects(again, metric="r").messages[0]


def test_generic_does_not_mix_metrics_either():
    rows = table(metric=["r", "smd"], estimate=[0.1, 0.2], se=[0.1, 0.1])
    with pytest.raises(al.DesignError, match=r"different metrics \(r, smd\)"):
        al.pool_effects(rows, metric="generic")


@pytest.mark.parametrize("level", [95, -1, 0, 1, float("nan"), "0.95", None, True])
def test_a_level_that_is_none_is_refused_everywhere(level):
    rows = table(estimate=[0.1, 0.2, 0.4], n=[50, 60, 70], g=["a", "b", "b"], x=[1, 2, 4],
                 pre=[30.0, 20, 25], post=[10.0, 19, 24])  # fmt: skip
    pool = al.pool_effects(rows, metric="r")
    calls = (
        lambda: al.pool_effects(rows, metric="r", confidence=level),
        lambda: al.pool_subgroups(rows, by="g", metric="r", confidence=level),
        lambda: al.fit_meta_regression("x", rows, metric="r", confidence=level),
        lambda: al.robust_test(pool, cluster=rows["g"], confidence=level),
        lambda: al.change_by_therapist(rows, pre="pre", post="post", therapist="g",
                                       confidence=level),
        lambda: al.clinically_significant_change(rows, pre="pre", post="post", reliability=0.9,
                                                 cutoff_value=15, confidence=level),
    )  # fmt: skip
    for call in calls:
        with pytest.raises(al.DesignError, match="confidence must be a number between 0 and 1"):
            call()


def test_what_is_of_another_kind_is_refused_in_words():
    rows = table(estimate=[0.1, 0.2, 0.4], n=[50, 60, 70], g=["a", "b", "b"])
    pool = al.pool_effects(rows, metric="r")
    counts = table(events=[3, 5, 9], n=[30, 40, 50], g=["a", "b", "b"])
    binomial = al.pool_effects(counts, metric="proportion", method="GLMM")
    for call, said in (
        (lambda: al.pool_effects({"estimate": [1]}, metric="r"), "DataFrame, not dict"),
        (lambda: al.pool_effects(rows, metric=["r"]), "metric must be one of"),
        (lambda: al.pool_effects(rows, metric="r", method=["DL"]), "method must be one of"),
        (lambda: al.pool_effects(rows, metric="r", cluster=["g"]), "name of one column"),
        (lambda: al.leave_one_out(rows), "what pool_effects returns, not DataFrame"),
        (lambda: al.small_study_test(rows), "what pool_effects returns"),
        (lambda: al.robust_test(rows), "robust_test takes what pool_effects"),
        (lambda: al.robust_test(pool, cluster=["a", "b", "b"]), "a column .* not list"),
        (lambda: al.robust_test(binomial, cluster=counts["g"]), "binomial-normal"),
        (lambda: al.selection_model(pool, cutoff=2), "one-sided p between 0 and 1"),
        (lambda: al.effect_sizes(rows, kind=["r"]), "kind must be one of"),
        (lambda: al.effect_sizes([1], kind="r"), "DataFrame, not list"),
        (lambda: al.d_from_r(1), "between -1 and 1"),
        (lambda: al.d_from_r([0.1, 1.5]), r"between -1 and 1.*1\.5"),
        (lambda: al.r_from_d("x"), "numbers"),
    ):
        with pytest.raises((al.DesignError, al.ColumnError), match=said):
            call()
    assert al.d_from_r([0.0, 0.6]).tolist() == pytest.approx([0.0, 1.5])
    twice = pd.concat([rows, rows[["n"]]], axis=1)
    with pytest.raises(al.ColumnError, match="n come more than once"):
        al.pool_effects(twice, metric="r")


def test_shares_are_not_tested_for_a_leaning_funnel():
    """Shares without any bias were called asymmetric in 60 of 60 draws."""
    rng = np.random.default_rng(1)
    n = rng.integers(20, 400, 60)
    events = rng.binomial(n, 1 / (1 + np.exp(1.8 - rng.normal(0, 0.5, 60))))
    pool = al.pool_effects(table(events=events, n=n), metric="proportion")
    assert np.isnan(pool.p_value)
    assert "50 %" in pool.messages[-1]
    for ask in (al.small_study_test, al.trim_and_fill, al.selection_model):
        with pytest.raises(al.DesignError, match="not for proportions"):
            ask(pool)
    assert len(al.leave_one_out(pool)) == 60


def test_effects_all_alike_are_not_certain():
    """By hand: two effects of .3 with se .1 have a mean of .3 with se .1 / sqrt(2), t with 1 df."""
    found = al.pool_effects(table(estimate=[0.3, 0.3], se=[0.1, 0.1]), metric="smd")
    assert found.std_error == pytest.approx(0.1 / np.sqrt(2))
    assert found.p_value == pytest.approx(1 - 2 * np.arctan(0.3 / (0.1 / np.sqrt(2))) / np.pi)
    assert "all alike" in found.messages[1]
    assert np.isfinite(found.tidy()["statistic"]).all()
    line = table(estimate=[0.1, 0.2, 0.3, 0.4], se=[0.1] * 4, x=[1, 2, 3, 4])
    fit = al.fit_meta_regression("x", line, metric="smd")
    assert fit.tidy()["std_error"].iloc[1] == pytest.approx(0.1 / np.sqrt(5))
    assert fit.tidy()["p_value"].iloc[1] > 0.01
    steep = table(estimate=[0.1, 0.2, 0.3, 0.4], se=[0.1, 0.2, 0.3, 0.4])
    with pytest.raises(al.DesignError, match="on a line exactly"):
        al.small_study_test(al.pool_effects(steep, metric="smd"))
    groups = table(estimate=[0.1, 0.1, 0.2, 0.2], se=[0.1] * 4, g=list("aabb"))
    assert np.isfinite(al.pool_subgroups(groups, by="g", metric="smd").attrs["test"]["q"])


def test_where_effects_lie_and_in_which_unit_does_not_matter():
    rng = np.random.default_rng(4)
    y, se = rng.normal(0, 0.4, 12), rng.uniform(0.1, 0.4, 12)
    here = al.pool_effects(table(estimate=y, se=se), metric="generic")
    far = al.pool_effects(table(estimate=y + 1e7, se=se), metric="generic")
    assert far.tau2 == pytest.approx(here.tau2, rel=1e-6)  # 1e7 leaves nine digits of y
    small = al.pool_effects(table(estimate=y * 1e-6, se=se * 1e-6), metric="generic")
    for name in ("tau2", "tau2_low", "tau2_high"):
        assert getattr(small, name) == pytest.approx(1e-12 * getattr(here, name), rel=1e-8)
    bias, other = (al.selection_model(pool) for pool in (here, small))
    assert other.std_error == pytest.approx(1e-6 * bias.std_error, rel=1e-4)
    assert other.weight == pytest.approx(bias.weight, rel=1e-4)


def test_three_levels_say_what_cannot_be_told_apart():
    rows = table(estimate=[0.1, 0.5, 0.3, 0.45], n=[50, 60, 70, 80], s=list("abcd"))
    found = al.pool_effects(rows, metric="r", cluster="s")
    plain = al.pool_effects(rows, metric="r", test="wald")
    assert np.isnan(found.sigma2["between"])
    assert np.isnan(found.sigma2["within"])
    assert found.tau2 == pytest.approx(plain.tau2)
    assert found.estimate == pytest.approx(plain.estimate)
    assert "only the sum" in found.messages[0]
    assert np.isfinite(al.robust_test(found)["std_error"]).all()
    with pytest.raises(al.DesignError, match="All 4 effects are of one study"):
        al.pool_effects(rows.assign(s="a"), metric="r", cluster="s")


def test_trim_and_fill_does_not_depend_on_the_rows_order():
    """Of dat.mcdaniel1994 R fills 21 as the rows come, and 20 in another order: equal effects."""
    rows = pd.read_csv(FOLDER / "estimators.csv").query("case == 'mcdaniel'")
    rows = rows.assign(estimate=rows["yi"], se=np.sqrt(rows["vi"]))
    found = []
    for order in (rows, rows[::-1], rows.sort_values(["yi", "vi"], ascending=[True, False])):
        pool = al.pool_effects(order, metric="generic", method="DL", test="wald")
        found.append(al.trim_and_fill(pool))
    assert {(f.n_filled, round(f.adjusted.estimate, 10)) for f in found} == {
        (found[0].n_filled, round(found[0].adjusted.estimate, 10))
    }
    assert found[0].n_filled == 20
    assert "effects equal another" in found[0].messages[0]


def test_what_is_printed_holds_the_spread_of_the_effects():
    rows = table(estimate=[0.1, 0.4, 0.3], n=[50, 60, 70])
    pool = al.pool_effects(rows, metric="r")
    for shown in (str(pool), pool._repr_html_()):
        for word in (
            "τ² 95% CI",
            "I²",
            "Prediction 95%",
            "p (Q)",
            "Standard error and tests",
            "Fisher",
        ):
            assert word in shown
    glmm = al.pool_effects(table(events=[3], n=[10]), metric="proportion", method="GLMM")
    assert np.isnan(glmm.tau2)
    assert "cannot be estimated" in glmm.messages[0]


def test_a_table_without_single_row_names_is_counted_from_zero():
    rows = table(
        estimate=[0.1, 0.4, 0.3, 0.2], n=[50, 60, 70, 55], x=[1.0, 2, 3, 5], s=list("aabb")
    )
    twice = rows.set_axis([0, 0, 1, 1])
    for fit in (lambda d: al.pool_effects(d, metric="r", cluster="s"),
                lambda d: al.fit_meta_regression("x", d, metric="r")):  # fmt: skip
        pd.testing.assert_frame_equal(fit(twice).tidy(), fit(rows).tidy())
    robust = [al.robust_test(al.pool_effects(d, metric="r"), cluster=d["s"]) for d in (rows, twice)]
    pd.testing.assert_frame_equal(*robust)


def test_a_share_with_its_own_interval_is_not_turned_into_counts():
    rows = table(estimate=[0.2, 0.3], ci_low=[0.1, None], ci_high=[0.35, None], n=[900, 40],
                 events=[None, None])  # fmt: skip
    with pytest.raises(al.DesignError, match=r"Rows 0 have a share with its own se or interval"):
        pool_counts(rows)
    assert pool_counts(rows.tail(1)).estimate == pytest.approx(0.3)

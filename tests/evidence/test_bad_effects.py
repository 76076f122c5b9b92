"""What cannot be pooled is refused in words, and what was left out is told."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al


def table(**columns):
    return pd.DataFrame(columns)


def test_a_study_that_comes_twice_is_refused_and_can_be_clustered():
    twice = table(study_id=["A", "A", "B"], estimate=[0.1, 0.2, 0.3], n=[50, 50, 60])
    with pytest.raises(al.DesignError, match=r"A come more than once.*cluster='study_id'"):
        al.pool_effects(twice, metric="r")
    assert al.pool_effects(twice, metric="r", cluster="study_id").n_clusters == 2


def test_metrics_do_not_mix():
    mixed = table(metric=["r", "smd"], estimate=[0.1, 0.2], se=[0.1, 0.1])
    with pytest.raises(al.DesignError, match=r"1 rows are in smd \(rows 1\)"):
        al.pool_effects(mixed, metric="r")


def test_one_study_pools_to_itself_and_says_what_cannot_be_had():
    found = al.pool_effects(table(estimate=[0.3], n=[103]), metric="r")
    assert found.estimate == pytest.approx(0.3)
    for name in ("tau2", "i2", "prediction_low", "prediction_high"):
        assert np.isnan(getattr(found, name)), name
    assert "cannot be estimated" in found.messages[0]
    assert "no Knapp-Hartung test" in found.messages[1]
    assert "No prediction interval" in found.messages[2]
    assert [x.get_text() for x in found.forest().get_yticklabels()] == ["effect 1", "Pooled"]


def test_no_events_anywhere_have_no_pool():
    none = table(events=[0, 0, 0], n=[10, 12, 9])
    with pytest.raises(al.DesignError, match=r"0 of 31 people .* half events"):
        al.pool_effects(none, metric="proportion")
    with pytest.raises(al.DesignError, match=r"0 of 31 people .* no maximum"):
        al.pool_effects(none, metric="proportion", method="GLMM")


def test_proportions_that_are_alike_have_no_variance_between_them():
    alike = table(events=[5, 6, 10], n=[50, 60, 100])
    found = al.pool_effects(alike, metric="proportion", method="GLMM")
    assert found.estimate == pytest.approx(0.1)
    assert found.tau2 == 0
    assert "estimated as zero" in found.messages[0]


def test_more_events_than_people_are_refused():
    with pytest.raises(al.ColumnError, match=r"between 0 and n; rows 1"):
        al.pool_effects(table(events=[1, 9], n=[5, 8]), metric="proportion", method="GLMM")
    with pytest.raises(al.DesignError, match="pools proportions with counts"):
        al.pool_effects(table(estimate=[0.1], n=[50]), metric="r", method="GLMM")


def test_rows_without_counts_are_told():
    rows = table(label=["A", "B", "C"], events=[1, None, 3], n=[10, 12, 20])
    found = al.pool_effects(rows, metric="proportion", method="GLMM")
    assert found.messages[0] == "1 of 3 rows have no counts and are left out: B."


@pytest.mark.parametrize(
    ("kind", "columns", "said"),
    [
        ("r", {"r": [0.2, 1.0], "n": [20, 20]}, r"'r' must lie between -1 and 1; rows 1"),
        ("r", {"r": [0.2], "n": [3]}, r"'n' must be above 3; rows 0"),
        ("f", {"f": [3.0], "sign": [0], "n1": [9], "n2": [9]}, "'sign' must be 1 or -1"),
        ("proportion", {"events": [9], "n": [5]}, "'events' must lie between 0 and n"),
        ("odds_ratio", {"events1": [1], "n1": [5], "events2": [7], "n2": [6]}, "'events2' must"),
        ("means", {"mean1": [1], "sd1": [0], "n1": [9], "mean2": [1], "sd2": [1], "n2": [9]},
         "'sd1' must be above 0"),
        ("d", {"d": ["a lot"], "n1": [9], "n2": [9]}, "first value 'a lot'"),
        ("t", {"t": [2.0], "n1": [9]}, "must have the column n2"),
    ],
)  # fmt: skip
def test_what_no_paper_can_report_is_refused(kind, columns, said):
    with pytest.raises(al.ColumnError, match=said):
        al.effect_sizes(pd.DataFrame(columns), kind=kind)


def test_kinds_agree_where_they_must():
    groups = table(mean1=[12.0], sd1=[4.0], n1=[20], mean2=[10.0], sd2=[4.0], n2=[20])
    by_means = al.effect_sizes(groups, kind="means").loc[0, ["estimate", "se"]].tolist()
    t = 2 / (4 * np.sqrt(1 / 20 + 1 / 20))
    by_t = al.effect_sizes(table(t=[t], n1=[20], n2=[20]), kind="t")
    by_f = al.effect_sizes(table(f=[t**2], sign=[1], n1=[20], n2=[20]), kind="f")
    by_d = al.effect_sizes(table(d=[0.5], n1=[20], n2=[20]), kind="d")
    for other in (by_t, by_f, by_d):
        assert other.loc[0, ["estimate", "se"]].tolist() == pytest.approx(by_means)
    assert al.effect_sizes(table(t=[-2.0], n=[30]), kind="r_from_t").loc[
        0, "estimate"
    ] == pytest.approx(-2 / np.sqrt(4 + 28))


def test_an_effect_size_can_be_pooled_as_it_comes():
    rows = al.effect_sizes(table(r=[0.2, 0.3, 0.4], n=[40, 50, 60]), kind="r")
    assert al.pool_effects(rows, metric="r").k == 3


def test_conversions_of_the_field():
    assert al.d_from_r(0.278) == pytest.approx(0.579, abs=5e-4)  # Fluckiger et al. 2018
    assert al.r_from_d(al.d_from_r(0.4)) == pytest.approx(0.4)


def test_regressions_that_cannot_be_are_refused():
    rows = table(estimate=[0.1, 0.2, 0.3], n=[50, 60, 70], year=[1, 1, 1], kind=["a", "b", "c"])
    with pytest.raises(al.DesignError, match="leave one out"):
        al.fit_meta_regression("year", rows, metric="r")
    with pytest.raises(al.DesignError, match="more effects than coefficients"):
        al.fit_meta_regression("kind", rows, metric="r")
    with pytest.raises(al.ColumnError, match="Did you mean 'year'"):
        al.fit_meta_regression("yeer", rows, metric="r")
    with pytest.raises(al.DesignError, match="Did you mean 'wald'"):
        al.fit_meta_regression("year", rows, metric="r", test="walt")
    with pytest.raises(al.DesignError, match="A come more than once"):
        al.fit_meta_regression("year", rows.assign(study_id="A"), metric="r")
    with pytest.raises(al.FormulaError, match="cannot be read"):
        al.fit_meta_regression("year +* kind", rows, metric="r")


def test_a_row_without_predictor_is_told():
    rows = table(label=list("ABCD"), estimate=[0.1, 0.2, 0.3, 0.35], n=[50, 60, 70, 80],
                 year=[1.0, 2.0, None, 4.0])  # fmt: skip
    found = al.fit_meta_regression("year", rows, metric="r")
    assert (found.k, found.messages) == (3, ("1 rows lack a predictor and are left out: C.",))


def test_subgroups_each_with_their_pool_and_the_difference_tested():
    rows = table(estimate=[0.1, 0.12, 0.5, 0.52], n=[203] * 4, rater=["t", "t", "c", "c"])
    found = al.pool_subgroups(rows, by="rater", metric="r", test="wald")
    z = np.arctanh(rows["estimate"]).groupby(rows["rater"]).mean()
    expected = (z["c"] - z["t"]) ** 2 / (2 / 400)
    assert found["estimate"].tolist() == pytest.approx(np.tanh(z).tolist())
    assert found.attrs["test"]["q"] == pytest.approx(expected)
    with pytest.raises(al.DesignError, match="two kinds"):
        al.pool_subgroups(rows.head(2), by="rater", metric="r")


def test_what_needs_independent_effects_says_so():
    rows = table(estimate=[0.1, 0.2, 0.3], n=[50, 60, 70], s=["a", "a", "b"])
    pool = al.pool_effects(rows, metric="r", cluster="s")
    for ask in (al.leave_one_out, al.small_study_test, al.trim_and_fill, al.selection_model):
        with pytest.raises(al.DesignError, match="independent effects"):
            ask(pool)
    with pytest.raises(al.DesignError, match="give cluster="):
        al.robust_test(al.pool_effects(rows, metric="r"))


def test_results_are_shown_and_tidy():
    rows = table(estimate=[0.1, 0.2, 0.3, 0.6], n=[50, 60, 70, 20], year=[1, 2, 3, 5])
    pool = al.pool_effects(rows, metric="r")
    results = (
        al.fit_meta_regression("year", rows, metric="r"), al.trim_and_fill(pool),
        al.selection_model(pool),
    )  # fmt: skip
    for result in results:
        assert list(result.tidy().columns[:4]) == ["effect", "group", "term", "estimate"]
        assert len(result.glance()) == 1
        assert result.title in result._repr_html_()


def test_the_leave_one_out_picture_names_who_is_left_out():
    rows = table(label=list("ABC"), estimate=[0.1, 0.2, 0.5], n=[50, 60, 70])
    ax = al.plot_leave_one_out(al.pool_effects(rows, metric="r"))
    assert [x.get_text() for x in ax.get_yticklabels()] == ["without A", "without B", "without C"]

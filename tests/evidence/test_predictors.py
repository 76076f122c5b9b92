"""What a meta-regression takes as a predictor, and which rows it leaves out."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al

ROWS = pd.DataFrame({
    "label": list("ABCDEF"), "estimate": [0.1, 0.2, 0.3, 0.35, 0.5, 0.15],
    "n": [50, 60, 70, 80, 90, 55], "year": [1.0, 2, 3, 4, 5, 6],
    "kind": ["a", "b", "b", "a", "c", "c"],
})  # fmt: skip


def fit(formula, rows=ROWS, **options):
    return al.fit_meta_regression(formula, rows, metric="r", **options)


def test_a_missing_category_is_left_out_and_not_read_as_the_reference():
    rows = ROWS.assign(kind=["a", "b", "b", "a", None, "a"])
    found = fit("kind", rows)
    assert found.k == 5
    assert found.messages[0] == "1 rows lack a predictor and are left out: E."
    pd.testing.assert_frame_equal(found.tidy(), fit("kind", rows.drop(index=4)).tidy())
    categories = rows.assign(kind=pd.Categorical(rows["kind"], categories=list("abz")))
    pd.testing.assert_frame_equal(fit("kind", categories).tidy(), found.tidy())


def test_numbers_of_other_types_are_numbers():
    decimal = ROWS.assign(year=[Decimal(int(x)) for x in ROWS["year"]])
    pd.testing.assert_frame_equal(fit("year", decimal).tidy(), fit("year").tidy())
    text = ROWS.assign(year=["1", "2", "1", "2", "1", "2"])
    with pytest.raises(al.DesignError, match=r"holds numbers as text.*C\(year\)"):
        fit("year", text)
    assert len(fit("C(year)", text).tidy()) == 2


@pytest.mark.parametrize(
    ("formula", "rows", "said"),
    [
        ("estimate ~ year", ROWS, "right-hand side alone, such as 'year'"),
        (["year"], ROWS, "must be text"),
        ("0", ROWS, "holds no coefficient"),
        ("Intercept", ROWS.assign(Intercept=1.0), "named 'Intercept'"),
        ("kind", ROWS.assign(kind="a"), "is 'a' in every row"),
        ("year", ROWS.assign(year=np.nan), "No row has all predictors"),
    ],
)
def test_formulas_that_mean_something_else_are_refused(formula, rows, said):
    with pytest.raises((al.FormulaError, al.DesignError), match=said):
        fit(formula, rows)


def test_an_r2_without_intercept_or_without_spread_says_why():
    assert "an intercept alone" in fit("0 + year").messages[-1]
    alike = ROWS.assign(estimate=[0.2, 0.21, 0.2, 0.19, 0.2, 0.22])
    assert "no more than chance would have it" in fit("year", alike).messages[-1]


def test_subgroups_tell_who_is_in_none_and_who_is_in_several():
    rows = ROWS.assign(study_id=list("ABCDEF"), kind=["a", "b", "b", "a", None, "a"])
    found = al.pool_subgroups(rows, by="kind", metric="r")
    assert found["k"].tolist() == [3, 2]
    assert "1 of 6 rows name no 'kind'" in found.attrs["messages"][0]
    rows = rows.assign(study_id=["A", "A", "C", "D", "E", "F"])
    told = al.pool_subgroups(rows, by="kind", metric="r").attrs["messages"]
    assert any(m.startswith("A are in several groups") for m in told)
    with pytest.raises(al.DesignError, match="name of one column"):
        al.pool_subgroups(rows, by=["kind"], metric="r")


def test_three_levels_need_more_studies_than_coefficients():
    rows = ROWS.assign(s=["a", "a", "a", "b", "b", "b"])
    with pytest.raises(al.DesignError, match="more studies than coefficients"):
        fit("year", rows, cluster="s")

"""What a model's sentences name, and what residuals' covariances cannot be estimated."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al


@pytest.fixture(scope="module")
def rows():
    """Sixty clients at four weeks, ten therapists in one of two arms."""
    rng = np.random.default_rng(3)
    client = np.repeat(np.arange(60), 4)
    data = pd.DataFrame({"client_id": client, "week": np.tile([0.0, 4.0, 8.0, 12.0], 60)})
    treated = client % 2 == 0
    return data.assign(
        condition=np.where(treated, "cbt", "wait"),
        given=treated * 1.0,
        therapist_id=np.where(treated, [f"t{one // 2 % 10}" for one in client], None),
        score=rng.normal(0, 2, 60)[client]
        + np.where(treated, rng.normal(0, 1.5, 10)[client // 2 % 10], 0)
        + rng.normal(0, 1, 240),
    )


MEANS = "score ~ condition * C(week)"
UNSTRUCTURED = {"residual": "unstructured", "time": "week"}


def test_methods_name_what_is_particular_of_a_model(rows):
    formula = "score ~ week + (1 | client_id)"
    shares = pd.DataFrame({"row": rows.index, "group": rows["week"].astype(str), "weight": 1.0})
    for options, words in (
        ({"prior": "boundary"}, "boundary penalty (Chung"),
        ({"residual": "ar1", "time": "week"}, "AR(1) residuals over week"),
        ({"residual_by": "condition"}, "a residual variance for each of 2 groups"),
    ):
        fit = al.fit_multilevel(formula, rows, **options)
        for told in (fit.text(), fit.methods()):
            assert words in told
        assert words not in al.fit_multilevel(formula, rows).methods()
    assert "an unstructured covariance" in al.fit_multilevel(MEANS, rows, **UNSTRUCTURED).methods()
    full = al.fit_multilevel("score ~ 1 + (0 + C(week) | client_id)", rows, allow_saturated=True)
    assert "as many random effects as rows or more" in full.methods()
    several = al.fit_multilevel(
        f"{formula} + (1 | group)", rows.assign(group="x"), membership={"group": shares},
        prior="boundary",
    )  # fmt: skip
    assert "Browne, Goldstein & Rasbash 2001" in several.methods()


def test_occasions_that_depend_on_one_another_are_refused(rows):
    wide = rows.pivot_table(index="client_id", columns="week", values="score")
    carried = rows.assign(score=rows["score"].where(rows["week"] < 12, np.repeat(wide[8.0], 4)
                                                    .to_numpy()))  # fmt: skip
    between = rows.assign(
        score=rows["score"].where(rows["week"] != 8, np.repeat((wide[4.0] + wide[12.0]) / 2, 4)
                                  .to_numpy())
    )  # fmt: skip
    number = rows.assign(score=rows["client_id"] + rows["week"])
    equal = rows.assign(score=np.repeat(wide[0.0], 4).to_numpy())
    for data, formula, which in (
        (carried, MEANS, "8, 12"),
        (between, MEANS, "4, 8, 12"),
        (number, MEANS, "0, 4"),
        (equal, "score ~ condition", "0, 4"),
    ):
        with pytest.raises(al.DesignError, match=f"leave at {which} is linearly dependent"):
            al.fit_multilevel(formula, data, **UNSTRUCTURED)
    for errors in ("model", "robust"):
        with pytest.raises(al.DesignError, match="carried forward"):
            al.compare_arms(carried, outcome="score", time="week", method="mmrm", baseline=0,
                            errors=errors)  # fmt: skip


def test_times_that_nobody_has_both_of_have_no_covariance(rows):
    apart = rows[rows["week"] != np.where(rows["client_id"] % 4 < 2, 8, 12)]
    fit = al.fit_multilevel(MEANS, apart, **UNSTRUCTURED)
    of = fit.varcomp["term1"].astype(str) + " " + fit.varcomp["term2"].astype(str)
    for column in ("vcov", "sdcor"):
        assert of[fit.varcomp[column].isna()].tolist() == ["8 12"]
    told = "Nobody was measured at both 8 and 12"
    assert told in " ".join(fit.messages)
    arms = al.compare_arms(apart, outcome="score", time="week", method="mmrm")
    assert told in " ".join(arms.messages)
    assert told not in " ".join(al.fit_multilevel(MEANS, rows, **UNSTRUCTURED).messages)


def test_rows_without_a_group_cross_nothing(rows):
    formula = f"{MEANS} + (0 + given | therapist_id)"
    with pytest.raises(al.DesignError, match=r"'therapist_id' in each row.*such as 'none'"):
        al.fit_multilevel(formula, rows, **UNSTRUCTURED)
    named = rows.fillna({"therapist_id": "none"})
    assert al.fit_multilevel(formula, named, **UNSTRUCTURED).nobs == 240


def test_one_row_that_is_left_is_counted_as_one(rows):
    one = pd.DataFrame({"row": [3], "group": ["a"], "weight": [1.0]})
    formula = "score ~ week + (1 | client_id) + (1 | group)"
    with pytest.raises(al.DesignError, match=r"Only one row has .*\(group 239 missing of 240"):
        al.fit_multilevel(formula, rows.assign(group="a"), membership={"group": one})

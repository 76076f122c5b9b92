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


def test_occasions_that_depend_beside_what_was_not_measured_are_refused(rows):
    """Missing outcomes hide the dependence from least squares; the search then runs to the end."""
    wide = rows.pivot_table(index="client_id", columns="week", values="score")
    middle = np.repeat((wide[4.0] + wide[8.0]) / 2, 4).to_numpy()
    data = rows.assign(score=rows["score"].where(rows["week"] != 12, middle))
    data = data[~((data["week"] == 12) & (data["client_id"] % 5 == 0))]
    moved = np.where(
        (data["week"] > 4) & (data["client_id"] < 20) & (data["given"] == 1),
        "t0", data["therapist_id"],
    )  # fmt: skip
    asked = {"outcome": "score", "time": "week", "method": "mmrm", "baseline": 0}
    for one in (data.drop(columns="therapist_id"), data.assign(therapist_id=moved)):
        with pytest.raises(al.DesignError, match="leave at 4, 8, 12 is linearly dependent"):
            al.compare_arms(one, **asked)
    few = rows[rows["client_id"] < 5].drop(columns="therapist_id")
    with pytest.raises(al.DesignError, match="too few for so many covariances"):
        al.compare_arms(few, **asked)
    few = rows[(rows["client_id"] < 8) & ((rows["week"] < 12) | (rows["client_id"] < 3))]
    with pytest.raises(al.DesignError, match=r"no more rows than coefficients.*is 12\."):
        al.compare_arms(few, **asked)


@pytest.mark.parametrize("options", [UNSTRUCTURED, {"residual": "ar1", "time": "week"}])
def test_rows_without_a_group_need_no_word_for_none(rows, options):
    formula = f"{MEANS} + (0 + given | therapist_id)"
    if options["residual"] == "ar1":
        formula += " + (1 | client_id)"
    later = rows.assign(given=rows["given"] * (rows["week"] > 0))  # treated from week 4 on
    once = later.assign(therapist_id=later["therapist_id"].where(later["week"] > 0))
    for data, same, n in ((rows, rows, 120), (once, later, 90)):
        fit = al.fit_multilevel(formula, data, **options)
        named = al.fit_multilevel(formula, same.fillna({"therapist_id": "none"}), **options)
        np.testing.assert_allclose(fit.llf, named.llf, rtol=1e-10)
        assert fit.nobs == 240
        assert fit.n_groups["therapist_id"] == 10
        assert f"{n} have one." in " ".join(fit.messages)
    assert not any("need none" in said for said in named.messages)
    fit = al.fit_multilevel(formula, rows, **options)
    np.testing.assert_allclose(fit.predict(rows.head(9), new_groups="error"), fit.fittedvalues[:9])


def test_sites_without_a_name_are_apart_from_those_with_one(rows):
    """Nobody's therapists make a group in each site, so that groups stay nested."""
    far = rows["client_id"] % 4 < 2
    data = rows.assign(site_id=np.where(far, "a", "b"), score=rows["score"] + 2.0 * far)
    data["therapist_id"] += data["site_id"]
    formula = f"{MEANS} + (0 + given | therapist_id) + (1 | site_id)"
    named = data.fillna({"therapist_id": "none " + data["site_id"]})
    fit, same = (al.fit_multilevel(formula, one, **UNSTRUCTURED) for one in (data, named))
    np.testing.assert_allclose(fit.llf, same.llf, rtol=1e-10)
    assert fit.n_groups == same.n_groups


def test_a_yes_or_no_needs_no_word_for_none_either(rows):
    data = rows.assign(yes=(rows["score"] > 0).astype(int), session=rows["week"].astype(int))
    formula = "yes ~ given + (0 + given | therapist_id)"
    fit, named = (
        al.fit_multilevel(formula, one, family="binomial", df="between-within")
        for one in (data, data.fillna({"therapist_id": "none"}))
    )
    assert fit.llf == pytest.approx(named.llf, abs=1e-9)
    assert fit.nobs == 240
    assert fit.n_groups == named.n_groups == {"therapist_id": 10}
    whole, part = (
        al.fit_dropout_hazard(f"yes ~ given + ({term} | therapist_id)", data)
        for term in ("1", "0 + given")
    )
    assert part.llf == whole.llf
    with pytest.raises(al.FormulaError, match="x is 1 in those with one"):
        al.fit_dropout_hazard("yes ~ given + (0 + session | therapist_id)", data)
    with pytest.raises(al.DesignError, match=r"each row needs a 'therapist_id', and 120 have none"):
        al.fit_dropout_hazard("yes ~ given + (1 | client_id) + (1 | therapist_id)", data)


def test_one_row_that_is_left_is_counted_as_one(rows):
    one = pd.DataFrame({"row": [3], "group": ["a"], "weight": [1.0]})
    formula = "score ~ week + (1 | client_id) + (1 | group)"
    with pytest.raises(al.DesignError, match=r"Only one row has .*\(group 239 missing of 240"):
        al.fit_multilevel(formula, rows.assign(group="a"), membership={"group": one})


def test_what_groups_that_cross_or_lack_cannot_have_is_told_with_the_remedy(rows):
    data = rows.assign(yes=(rows["score"] > 0).astype(int), session=rows["week"].astype(int))
    crossed = data.assign(therapist_id=(data["client_id"] + data["session"]) % 7)
    both = f"{MEANS} + (1 | client_id) + (1 | therapist_id)"
    lacking = "given + (1 | client_id) + (0 + given | therapist_id)"
    for words, ask in {
        r"Take one group for each client \(the last.*leave residual_by='given' out": lambda: (
            al.fit_multilevel(both, crossed, residual_by="given")
        ),
        "or take one therapist for each client": lambda: al.fit_multilevel(
            both, crossed, residual="ar1", time="week"
        ),
        r"lets rows have no 'therapist_id' only where .* leave \(… \| client_id\) or": lambda: (
            al.fit_multilevel(f"yes ~ {lacking}", data, family="binomial")
        ),
        r"Beside \(1 \| client_id\) each row needs a 'therapist_id', and 120": lambda: (
            al.fit_dropout_hazard(f"yes ~ {lacking}", data)
        ),
    }.items():
        with pytest.raises(al.DesignError, match=words):
            ask()

"""A model combined from files is the model of the pooled rows: twelve designs."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al

EXACT = 1e-8
"""Sums are sums: only their order differs, which costs a few of sixteen digits."""
CURVE = 1e-6
"""Curves of eight decimals; the deviance is a few hundred times a rounding of 1e-8 / sqrt(12)."""
DF = 1e-5
"""Second derivatives of a curve lose two or three digits more; sums lose none."""

TWO = "distress ~ session + condition + alliance_within + alliance_between + (1 | client_id)"
THREE = TWO + " + (1 | therapist_id)"
LOOSE = {"most_told": 1, "reviewed": True, "digits": 8, "kind": "curve"}
DESIGNS = {
    "sums, nothing of clinics": ("three", TWO, {}, "shared", {}),
    "sums, clinics fixed": ("three", TWO, {}, "fixed", {}),
    "sums, clinics random": ("three", TWO, {}, "random", {}),
    "sums, maximum likelihood": ("three", TWO, {}, "fixed", {"reml": False}),
    "sums, Kenward-Roger": ("three", TWO, {}, "fixed", {"df": "kenward-roger"}),
    "sums, an interaction and a power": (
        "three",
        "distress ~ session * condition + I((session - 5)^2) + (1 | client_id)",
        {},
        "fixed",
        {},
    ),
    "curve, clinics fixed": ("uneven", TWO, LOOSE, "fixed", {}),
    "curve, clinics random, Kenward-Roger": (
        "uneven",
        TWO,
        LOOSE,
        "random",
        {"df": "kenward-roger"},
    ),
    "curve, three levels": ("uneven", THREE, LOOSE, "shared", {}),
    "curve, three levels, clinics fixed": ("uneven", THREE, LOOSE, "fixed", {}),
    "curve, three levels, clinics random": ("uneven", THREE, LOOSE, "random", {"reml": False}),
    "curve, a slope without correlation": (
        "uneven",
        "distress ~ session + alliance_within + (1 + session || client_id)",
        LOOSE,
        "fixed",
        {},
    ),
}
pytestmark = pytest.mark.filterwarnings("ignore::alliance_stats.errors.AllianceStatsWarning")


def pooled(clinics, formula, clinic, **how):
    rows = pd.concat([d.assign(clinic=name) for name, d in clinics.items()], ignore_index=True)
    more = {"shared": "", "fixed": " + clinic", "random": " + (1 | clinic)"}[clinic]
    return al.fit_multilevel(formula + more, rows, **how)


def assert_same(fit, reference, tolerance):
    order = fit.params.index
    assert set(order) == set(reference.params.index)
    errors = reference.bse[order]
    off = ((fit.params - reference.params[order]) / errors).abs()
    assert off.max() < tolerance
    np.testing.assert_allclose(fit.bse, errors, rtol=tolerance)
    np.testing.assert_allclose(2 * fit.llf, 2 * reference.llf, rtol=0, atol=tolerance)
    np.testing.assert_allclose(fit.df, reference.df[order], rtol=DF)
    np.testing.assert_allclose(
        fit.varcomp["vcov"], reference.varcomp["vcov"], rtol=tolerance, atol=tolerance
    )


@pytest.mark.parametrize("name", DESIGNS)
def test_combined_is_pooled(name, request, send):
    clinics, formula, options, clinic, how = DESIGNS[name]
    clinics = request.getfixturevalue(clinics)
    fit = al.combine_clinics(send(formula, clinics, **options), clinic=clinic, **how)
    reference = pooled(clinics, formula, clinic, **how)
    assert_same(fit, reference, CURVE if options else EXACT)
    assert fit.nobs == reference.nobs
    assert fit.n_groups == reference.n_groups
    np.testing.assert_allclose(fit.aic, reference.aic, atol=CURVE)
    np.testing.assert_allclose(fit.bic, reference.bic, atol=CURVE)


def test_what_a_fit_is_asked_needs_no_rows(three, send):
    small = "distress ~ session + (1 | client_id)"
    fit = al.combine_clinics(send(TWO, three), clinic="fixed")
    reference = pooled(three, TWO, "fixed")
    terms = ["condition[T.PDT]", "session"]
    mine, theirs = fit.test(terms), reference.test(terms)
    np.testing.assert_allclose([mine.statistic, mine.df_den], [theirs.statistic, theirs.df_den])
    smaller = al.combine_clinics(send(small, three), clinic="fixed")
    found = fit.compare(smaller)
    expected = reference.compare(pooled(three, small, "fixed"))
    np.testing.assert_allclose(found.statistic, expected.statistic)
    assert found.df == expected.df
    np.testing.assert_allclose(
        fit.profile_ci(["random", "session"])[["conf_low", "conf_high"]],
        reference.profile_ci(["random", "session"])[["conf_low", "conf_high"]],
        rtol=1e-6,
    )
    np.testing.assert_allclose(fit.icc()["icc"], reference.icc()["icc"])
    pd.testing.assert_frame_equal(fit.conf_int(), reference.conf_int().loc[fit.params.index])
    # in tens, rounded down, a file; who is at all references together no file says
    assert fit.fewest > reference.fewest - 10 * len(fit.files)
    assert "of 3 clinics, each of which sent sums and no rows" in fit.text()


@pytest.mark.parametrize(
    "name", ["fittedvalues", "resid", "random_effects", "predict", "bootstrap", "robust", "refit"]
)
def test_what_needs_rows_says_so(name, three, send):
    fit = al.combine_clinics(send(TWO, three))
    with pytest.raises(al.DesignError, match="would need the rows, and those stayed in the clinic"):
        getattr(fit, name)()


def test_a_category_that_a_clinic_has_nobody_in(three, send):
    one_arm = {**three, "York": three["York"].query("condition == 'PDT'")}
    words = {"condition": ["CBT", "PDT"]}
    fit = al.combine_clinics(send(TWO, one_arm, categories=words), clinic="fixed")
    assert_same(fit, pooled(one_arm, TWO, "fixed"), EXACT)


def test_a_variance_of_zero_is_found(make_clinic, send):
    clinics = {n: make_clinic(i, therapist_sd=0.0) for i, n in enumerate(("a", "b"), start=40)}
    fit = al.combine_clinics(send(THREE, clinics, **LOOSE))
    reference = pooled(clinics, THREE, "shared")
    assert reference.singular
    assert fit.singular
    np.testing.assert_allclose(fit.llf, reference.llf, atol=CURVE)


def test_an_estimate_beyond_the_files_is_no_estimate(uneven, send):
    paths = send(TWO, uneven, **LOOSE, ratios={"client_id": (0.05, 0.2)})
    with pytest.raises(al.DesignError, match=r"above 0\.2.*ratios=\{'client_id': \(0\.05, 2\)\}"):
        al.combine_clinics(paths)
    low = send(TWO, uneven, **LOOSE, ratios={"client_id": (2, 9)})
    with pytest.raises(al.DesignError, match="below 2"):
        al.combine_clinics(low)


def test_fewer_digits_cost_what_is_said(uneven, send):
    fit = al.combine_clinics(send(TWO, uneven, **{**LOOSE, "digits": 2}), clinic="fixed")
    reference = pooled(uneven, TWO, "fixed")
    off = ((fit.params - reference.params[fit.params.index]) / fit.bse).abs().max()
    assert CURVE < off < fit.rounding["standard_errors"] < 0.05
    assert any("were rounded" in message for message in fit.messages)


def test_what_rounding_does_to_variances_and_df_is_said(uneven, send):
    said, apart = [], []
    for digits in (1, 2):
        fit = al.combine_clinics(send(TWO, uneven, **{**LOOSE, "digits": digits}), clinic="fixed")
        reference = pooled(uneven, TWO, "fixed")
        known = fit.rounding_by_redrawing
        said.append([known["sds"], known["standard_errors"], np.log(known["df"])])
        names = fit.params.index
        pairs = [(f.varcomp["sdcor"], f.bse[names], f.df[names]) for f in (fit, reference)]
        apart.append([np.abs(np.log(a / b)).max() for a, b in zip(*pairs, strict=True)])
        words = f"standard errors themselves to about {100 * known['standard_errors']:.2g} %"
        assert any(words in m and "df to a factor" in m for m in fit.messages)
    said, apart = np.array(said), np.array(apart)
    assert (apart < 3 * said).all()  # three root mean squares
    assert (apart > said / 30).all()
    assert (said[1] < said[0] / 3).all()
    exact = al.combine_clinics(send(TWO, uneven, **{**LOOSE, "digits": 8}), clinic="fixed")
    assert not any("df to a factor" in m for m in exact.messages)

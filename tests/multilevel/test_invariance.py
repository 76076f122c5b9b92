"""A fit does not depend on where a predictor's zero lies, on its unit, or on the slopes' basis."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.multilevel import fit_multilevel

REFERENCE = Path(__file__).parents[1] / "reference" / "multilevel"
YEARS = json.loads((REFERENCE / "calendar_years.json").read_text())["designs"]

LOG_LIKELIHOOD = 1e-8  # absolute: rounding of data far from zero
SAME = 1e-6  # relative: two searches that end within 1e-8 standard errors of one optimum
REFERENCE_LOG_LIKELIHOOD = 1e-6  # lme4 stops a little before the top
REFERENCE_ERROR = 1e-4  # relative: the same
REFERENCE_DF = 1e-3  # relative: lmerTest's derivatives are numerical
INTERPOLATED = 1e-2  # share of its width: lme4 interpolates the ends of a profile interval

FORMULAS = (
    "y ~ x + (1 + x | therapist) + (1 | client)",
    "y ~ x + (1 + x | client) + (1 | therapist)",
    "y ~ x + z + (1 + x + z | client)",
    "y ~ z + x + (1 + x | client) + (1 + x | therapist)",
    "y ~ x + (1 + x | client) + (1 + z || therapist)",
    "y ~ z + x + (1 + z + x | therapist) + (1 | client)",
    "y ~ z + x + (1 + z | client)",
    "y ~ x + (1 | client)",
)


def fit(formula, data, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", al.SingularFitWarning)
        return fit_multilevel(formula, data, **options)


def draw(seed):
    """Sessions of clients of therapists; x has one of three units, and lies near zero."""
    rng = np.random.default_rng(seed)
    therapists, clients, sessions = rng.integers((12, 3, 4), (25, 7, 9))
    client = np.repeat(np.arange(therapists * clients), sessions)
    therapist = client // clients

    def effect(size, ids):
        return rng.normal(0, size, ids.max() + 1)[ids]

    x, z = rng.normal(size=(2, len(client)))
    slope = 0.3 + effect(0.5, therapist) + effect(0.4, client)
    y = 20 + effect(1.5, therapist) + effect(2, client) + slope * x + effect(0.5, client) * z
    return pd.DataFrame(
        {
            "y": y + rng.normal(0, 2, len(client)),
            "x": x * rng.choice([0.01, 1, 100]),
            "z": z,
            "client": client,
            "therapist": therapist,
            "session": np.tile(np.arange(sessions), therapists * clients),
        }
    )


@pytest.fixture(scope="module")
def years():
    return pd.read_csv(REFERENCE / "data" / "calendar_years.csv.gz")


@pytest.mark.parametrize("x", ["year", "centred"])
@pytest.mark.parametrize("reference", YEARS, ids=[one["formula"] for one in YEARS])
def test_a_slope_on_the_calendar_year_is_lme4s(years, reference, x):
    formula = reference["formula"].replace("X", x)
    for method in ("satterthwaite", "kenward-roger"):
        found, expected = fit(formula, years, df=method), reference[method.replace("-", "_")]
        assert found.converged
        assert found.singular == reference["singular"]
        assert found.llf == pytest.approx(reference["loglik"], abs=REFERENCE_LOG_LIKELIHOOD)
        assert found.bse[x] == pytest.approx(expected["Std. Error"], rel=REFERENCE_ERROR)
        assert found.df[x] == pytest.approx(expected["df"], rel=REFERENCE_DF)
    profile = found.profile_ci([x])[["conf_low", "conf_high"]].to_numpy()[0]
    width = np.ptp(reference["profile"])
    np.testing.assert_allclose(profile, reference["profile"], atol=INTERPOLATED * width)


@pytest.mark.parametrize("method", ["satterthwaite", "kenward-roger"])
@pytest.mark.parametrize("seed", range(32))
def test_origin_and_unit_of_a_predictor_change_nothing(seed, method):
    data, formula = draw(seed), FORMULAS[seed % len(FORMULAS)]
    one = fit(formula, data, df=method)
    far = 2019 * data["x"].std()
    for moved, unit in (
        (data["x"] + far, 1.0),
        (data["x"] - 1e3 * far, 1.0),
        (1e3 * data["x"], 1e3),
    ):
        other = fit(formula, data.assign(x=moved), df=method)
        # a restricted likelihood has the determinant of X'X in it, so a unit moves it
        assert other.llf + np.log(unit) == pytest.approx(one.llf, abs=LOG_LIKELIHOOD)
        assert (other.converged, other.singular) == (one.converged, one.singular)
        assert other.bse["x"] * unit == pytest.approx(one.bse["x"], rel=SAME)
        assert other.df["x"] == pytest.approx(one.df["x"], rel=SAME)


@pytest.mark.parametrize("apart", [0.1, 0.01, 0.001])
@pytest.mark.parametrize("method", ["satterthwaite", "kenward-roger"])
def test_nearly_equal_slopes_are_a_model_of_one_and_their_difference(method, apart):
    data = draw(1)
    data["twin"] = data["x"] / data["x"].std() + apart * data["z"]
    one = fit("y ~ x + z + (1 + x + z | therapist) + (1 | client)", data, df=method)
    other = fit("y ~ x + twin + (1 + x + twin | therapist) + (1 | client)", data, df=method)
    assert other.llf + np.log(apart) == pytest.approx(one.llf, abs=LOG_LIKELIHOOD)
    assert other.bse["twin"] * apart == pytest.approx(one.bse["z"], rel=SAME)
    assert other.df["twin"] == pytest.approx(one.df["z"], rel=SAME)
    variance = other.random_covariances["therapist"].loc["twin", "twin"] * apart**2
    assert variance == pytest.approx(one.random_covariances["therapist"].loc["z", "z"], rel=SAME)


@pytest.fixture(
    scope="module",
    params=[
        ("y ~ x + (1 + x | client) + (1 | therapist)", {}),
        ("y ~ x + z + (1 + x + z | client)", {"df": "kenward-roger"}),
        ("y ~ x + (1 + x | client)", {"residual": "ar1", "time": "session"}),
    ],
    ids=["three levels", "two slopes", "ar1"],
)
def pair(request):
    formula, options = request.param
    data = draw(1)
    far = data.assign(x=data["x"] + 2019 * data["x"].std())
    return (fit(formula, data, **options), data), (fit(formula, far, **options), far)


def test_profile_intervals_do_not_depend_on_the_origin(pair):
    (one, _), (other, _) = pair
    near, far = (f.profile_ci().set_index(["group", "term"]) for f in (one, other))
    here = [key for key in near.index if "Intercept" not in key[1]]
    assert far["conf_high"].notna().all()
    for end in ("conf_low", "conf_high"):
        np.testing.assert_allclose(far.loc[here, end], near.loc[here, end], rtol=SAME, atol=SAME)


def test_what_is_said_of_rows_and_units_does_not_depend_on_the_origin(pair):
    (one, data), (other, far) = pair
    same = {"rtol": SAME}
    np.testing.assert_allclose(other.fittedvalues, one.fittedvalues, **same)
    np.testing.assert_allclose(other.predict(far), one.predict(data), **same)
    for effects in (True, False):
        np.testing.assert_allclose(
            other.predict_interval(far.iloc[:40], random_effects=effects)["std_error"],
            one.predict_interval(data.iloc[:40], random_effects=effects)["std_error"],
            **same,
        )
    for of in ("random_effects", "random_effects_sd"):
        np.testing.assert_allclose(
            getattr(other, of)["client"]["x"], getattr(one, of)["client"]["x"], rtol=SAME, atol=SAME
        )
    np.testing.assert_allclose(other.icc()["icc"], one.icc()["icc"], **same)
    np.testing.assert_allclose(
        other.r_squared().parts["total"], one.r_squared().parts["total"], **same
    )
    assert other.robust().df["x"] == pytest.approx(one.robust().df["x"], rel=SAME)
    contrast = {"x": 2.0}
    assert other.test(contrast).p_value == pytest.approx(one.test(contrast).p_value, rel=SAME)


def test_draws_do_not_depend_on_the_origin(pair):
    (one, _), (other, _) = pair
    np.testing.assert_allclose(other.simulate(1), one.simulate(1), rtol=SAME)
    again, far = (f.bootstrap(3, seed=1).draws["x"] for f in (one, other))
    np.testing.assert_allclose(far, again, rtol=10 * SAME)


def test_a_singular_slope_is_named_wherever_zero_lies():
    data = pd.read_csv(REFERENCE / "data" / "tied.csv.gz")
    formula = "distress ~ alliance_within + (1 + alliance_within | client_id) + (1 | therapist_id)"
    moved = data.assign(alliance_within=data["alliance_within"] + 300)
    notes = [fit(formula, d).singular_note for d in (data, moved)]
    assert notes[0] == notes[1]
    assert "the effect of 'alliance_within' for 'client_id' is a fixed multiple" in notes[0]


def test_uncorrelated_slopes_keep_their_origin():
    """Without a correlation the zero of x is part of the model, so the likelihood moves."""
    data = draw(2)
    formula = "y ~ x + (1 + x || client)"
    moved = fit(formula, data.assign(x=data["x"] + 3 * data["x"].std()))
    assert abs(moved.llf - fit(formula, data).llf) > 0.1


def test_a_refit_ends_where_a_first_fit_does():
    """Dyestuff's ML variance is 1388.3333 (Bates et al., lme4's vignette); a balanced design."""
    values = (
        "1545 1440 1440 1520 1580 1540 1555 1490 1560 1495 1595 1550 1605 1510 1560 "
        "1445 1440 1595 1465 1545 1595 1630 1515 1635 1625 1520 1455 1450 1480 1445"
    )
    data = pd.DataFrame({"y": [float(v) for v in values.split()], "batch": np.repeat(range(6), 5)})
    means = data.groupby("batch")["y"].mean()
    within = ((data["y"] - means[data["batch"]].to_numpy()) ** 2).sum() / 24
    expected = ((means - means.mean()) ** 2).mean() - within / 5  # algebra of the balanced design
    for found in (
        fit("y ~ 1 + (1 | batch)", data).by_maximum_likelihood(),
        fit("y ~ 1 + (1 | batch)", data).refit(data["y"].to_numpy(), reml=False),
        fit("y ~ 1 + (1 | batch)", data, reml=False),
    ):
        assert found.varcomp["vcov"].iloc[0] == pytest.approx(expected, rel=SAME / 100)

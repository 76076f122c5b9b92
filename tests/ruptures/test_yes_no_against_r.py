"""Models of ruptures and repairs as yes and no, and of their number: equal to lme4 and glmmTMB."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al

FOLDER = Path(__file__).parents[1] / "reference" / "ruptures"
REFERENCE = json.loads((FOLDER / "yes_no_references.json").read_text())
HOW = {"alliance": "bond", "rule": "drop_points", "points": 1.5}
NODES = 1e-5  # relative: 25 nodes in R against as many as it takes; the optimiser of R stops there
LAPLACE = 1e-4  # glmmTMB has Laplace's approximation only, and so have we for this comparison


def panel() -> pd.DataFrame:
    return pd.read_csv(FOLDER / "yes_no_panel.csv")


def close(fit, reference, tolerance=NODES):
    np.testing.assert_allclose(fit.params, reference["beta"], rtol=tolerance)
    assert fit.varcomp["sdcor"].iloc[0] == pytest.approx(reference["sd"], rel=tolerance)


def test_repair_on_a_principle_is_a_multilevel_logistic_model():
    codes = pd.read_csv(FOLDER / "yes_no_codes.csv")
    found = al.fit_principles_repair(panel(), principles=codes, **HOW)
    assert found.method == "logistic"
    assert not any("too few" in message for message in found.messages)
    row, reference = found.table.iloc[0], REFERENCE["repair"]
    assert row["estimate"] == pytest.approx(reference["beta"][1], rel=NODES)
    assert row["std_error"] == pytest.approx(reference["se"][1], rel=NODES)
    ratio = found.tidy(exponentiate=True).iloc[0]
    assert ratio["estimate"] == pytest.approx(np.exp(reference["beta"][1]), rel=NODES)
    linear = al.fit_principles_repair(panel(), principles=codes, method="linear", **HOW)
    with pytest.raises(al.DesignError, match="no odds ratios"):
        linear.tidy(exponentiate=True)


def test_a_rupture_after_the_outcome_is_a_multilevel_logistic_model():
    found = al.fit_rupture_repair(panel(), outcome="distress", levels=2, **HOW)
    fit, reference = found.fits["reverse: rupture, 2 levels"], REFERENCE["reverse"]
    close(fit, reference)
    np.testing.assert_allclose(fit.bse, reference["se"], rtol=NODES)
    assert fit.llf == pytest.approx(reference["llf"], abs=1e-6)
    assert any("multilevel logistic" in message for message in found.messages)
    rows = found.tidy().query("model == 'reverse: rupture, 2 levels' and effect == 'fixed'")
    assert rows["estimate"].tolist() == fit.params.tolist()


def test_counts_of_clients_who_differ_as_log_normal():
    data = panel().drop(columns="therapist_id")
    found = al.fit_rupture_count(data, predictors="group", **HOW)
    assert found.clusters == "client_id"
    said = found.methods()
    for words in ("multilevel Poisson model", "random intercepts (", "quadrature", "t tests with"):
        assert words in said
    close(found.fit, REFERENCE["poisson"])
    np.testing.assert_allclose(found.table["std_error"], REFERENCE["poisson"]["se"], rtol=NODES)


def test_counts_of_clients_who_differ_as_gamma_within_therapists():
    found = al.fit_rupture_count(panel(), predictors="group", family="negative-binomial", **HOW)
    assert found.family == "negative_binomial"  # the spelling of fit_multilevel; both are taken
    assert "multilevel negative binomial model" in found.methods()
    assert found.clusters == "therapist_id"
    assert found.alpha == pytest.approx(1 / found.fit.dispersion)
    reference = REFERENCE["negative_binomial"]
    close(found.fit.laplace, reference, LAPLACE)
    assert found.fit.laplace.dispersion == pytest.approx(reference["size"], rel=LAPLACE)
    assert found.fit.llf > reference["llf"]  # Laplace's is not the maximum


def test_counts_that_vary_less_than_a_poissons_are_told():
    study = al.simulate_study(n_therapists=8, n_clients=90, seed=2)
    found = al.fit_rupture_count(
        study, alliance="wai-sr", predictors="condition", family="negative_binomial", k=1.0
    )
    assert found.alpha == 0
    assert any("extra variance is zero" in message for message in found.messages)
    assert any("wider than they need be" in message for message in found.messages)


def test_a_probability_of_rupture_stays_a_measurement():
    study = al.simulate_study(n_therapists=3, n_clients=24, seed=2)
    given = {"depth": 0.8, "opening": 0.05, "closing": 0.4, "phi": 0.3, "skew": -0.3}
    found = al.fit_rupture_repair(
        study, alliance="wai-sr", outcome="core-10", rule="state_model", levels=2, **given
    )
    assert type(found.fits["reverse: rupture, 2 levels"]).__name__ == "MultilevelFit"
    assert not any("multilevel logistic" in message for message in found.messages)

"""Panel models against lavaan: `tests/reference/latent` draws the panels and has the answers."""

import json
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

import alliance_stats as al

HERE = Path(__file__).parents[1] / "reference" / "latent"
REFERENCES = json.loads((HERE / "references.json").read_text())
SAME = 1e-4  # of log-likelihoods and chi-squares; lavaan's search ends within 1e-8 of ours
NEAR = 1e-4  # of estimates and standard errors, on which lavaan stops somewhat earlier
SCALED = {"chisq": "chi2", "rmsea.ci.lower": "rmsea_low", "rmsea.ci.upper": "rmsea_high",
          "chisq.scaled": "chi2_scaled", "chisq.scaling.factor": "scaling",
          "cfi.scaled": "cfi_scaled", "tli.scaled": "tli_scaled",
          "rmsea.scaled": "rmsea_scaled", "rmsea.ci.lower.scaled": "rmsea_scaled_low",
          "rmsea.ci.upper.scaled": "rmsea_scaled_high"}  # fmt: skip


CASES = [name for name in REFERENCES if name != "textbook"]
PUBLISHED = json.loads((HERE / "published.json").read_text())  # the example of the model's authors


@pytest.fixture(scope="module")
def fitted(panels):
    @cache
    def fit(name):
        case = panels.CASES[name]
        data = panels.panel(**case.draw)
        drawn = float(data.select_dtypes("float").sum().sum())
        assert drawn == pytest.approx(REFERENCES[name]["check"], rel=1e-9)  # as R had it
        return al.fit_cross_lagged(data, **panels.call_of(case))

    return fit


@pytest.mark.parametrize("name", CASES)
def test_likelihood_and_fit_are_lavaans(fitted, name):
    there, here = REFERENCES[name], fitted(name)
    assert there["converged"]
    assert here.llf == pytest.approx(there["llf"], abs=SAME)
    assert here.chi2 == pytest.approx(there["chi2"], abs=SAME)
    assert here.chi2_df == there["df"]
    indices = here.fit_indices()
    for index, value in there["fit"].items():
        assert indices[SCALED.get(index, index)] == pytest.approx(value, abs=SAME), index


@pytest.mark.parametrize("name", CASES)
def test_estimates_and_errors_are_lavaans(fitted, name):
    there, here = REFERENCES[name], fitted(name)
    estimates, errors = pd.Series(there["estimates"]), pd.Series(there["errors"])
    assert set(estimates.index) == set(here.params.index)
    assert (here.params - estimates).abs().max() < NEAR
    assert (here.bse - errors).abs().max() < NEAR


@pytest.mark.parametrize("name", REFERENCES["textbook"])
def test_models_are_those_of_the_literature_written_by_hand(panels, name):
    there = REFERENCES["textbook"][name]
    given = panels.call_of(panels.CASES["dropout-5"]) | panels.TEXTBOOK[name]
    here = al.fit_cross_lagged(panels.textbook_data(), **given)
    assert (here.chi2, here.chi2_df) == (pytest.approx(there["chi2"], abs=SAME), there["df"])
    for term, value in there["estimates"].items():
        assert here.params[term] == pytest.approx(value, abs=NEAR)
        assert here.bse[term] == pytest.approx(there["errors"][term], abs=NEAR)


@pytest.mark.parametrize("lags", ["free", "equal"])
def test_the_example_of_the_models_authors(answers, lags):
    moments = (PUBLISHED[name] for name in ("n", "means", "covariances", "columns"))
    persons = answers.with_moments(*moments).assign(client_id=range(PUBLISHED["n"]))
    waves = {name: [f"{name}{wave}" for wave in range(1, 6)] for name in "xy"}
    here, there = al.fit_cross_lagged(persons, lags=lags, **waves), PUBLISHED[lags]
    assert (here.chi2, here.chi2_df) == (pytest.approx(there["chisq"], abs=SAME), there["df"])
    assert here.llf == pytest.approx(there["logl"], abs=SAME)
    rows = here.tidy().drop_duplicates("term").set_index("term")  # of free lags, the second wave's
    rows = rows.loc[["x_on_x", "x_on_y", "y_on_x", "y_on_y"]]
    assert rows["estimate"].tolist() == pytest.approx(there["estimates"], abs=NEAR)
    assert rows["std_error"].tolist() == pytest.approx(there["errors"], abs=NEAR)

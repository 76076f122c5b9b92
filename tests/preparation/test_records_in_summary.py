"""What was done to the data stands in the summary of the fit that uses them."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al


def test_the_summary_of_a_fit_repeats_the_preparation():
    rng = np.random.default_rng(2)
    client = np.repeat(np.arange(25), 6)
    data = pd.DataFrame({"client_id": client, "session": np.tile(np.arange(1, 7), 25)})
    data["alliance"] = rng.normal(size=25)[client] + rng.normal(size=150)
    data["distress"] = 20 - data["alliance"] + 2 * rng.normal(size=25)[client]
    data["distress"] += rng.normal(size=150)
    prepared = al.lag(al.decompose(data, "alliance"), "alliance_within")
    fit = al.fit_multilevel(
        "distress ~ alliance_within_lag1 + alliance_between + (1 | client_id)", prepared
    )
    said = fit.summary()
    for record in prepared.attrs["preparation"]:
        assert record["message"] in said


def test_the_engines_fit_can_be_corrected():
    rng = np.random.default_rng(4)
    client = np.repeat(np.arange(40), 5)
    data = pd.DataFrame({"client_id": client})
    data["alliance"] = rng.normal(size=40)[client] + rng.normal(size=200)
    data["distress"] = 2 * rng.normal(size=40)[client] - data["alliance"] + rng.normal(size=200)
    split = al.decompose(data, "alliance")
    fit = al.fit_multilevel("distress ~ alliance_within + alliance_between + (1|client_id)", split)
    reliability = al.mean_reliability(data, "alliance")
    found = reliability.correct_between(fit)
    share = reliability.reliability
    mixture = share * found.between + (1 - share) * fit.params["alliance_within"]
    assert mixture == pytest.approx(fit.params["alliance_between"])
    assert found.std_error > fit.bse["alliance_between"]

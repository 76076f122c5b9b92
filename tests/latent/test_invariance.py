"""Measurement invariance: lavaan's numbers for each step, and published ones."""

import json
from pathlib import Path

import numpy as np
import pytest

import alliance_stats as al

HERE = Path(__file__).parents[1] / "reference" / "latent"
REFERENCES = json.loads((HERE / "factor_references.json").read_text())
HOLZINGER = REFERENCES["holzinger"]
HOLZINGER_FACTORS = {
    "visual": ["x1", "x2", "x3"],
    "textual": ["x4", "x5", "x6"],
    "speed": ["x7", "x8", "x9"],
}
DATA = {
    "groups": lambda a: (a.groups(1, missing=0.08), "clinic", "normal"),
    "groups robust": lambda a: (a.groups(2), "clinic", "robust"),
    "dyads": lambda a: (a.dyads(3), "rater", "normal"),
    "dyads missing": lambda a: (a.dyads(4, missing=0.08), "rater", "normal"),
}
NEAR = 1e-4  # lavaan's search ends within 1e-6 of ours


def of(answers, name):
    data, across, errors = DATA[name](answers)
    return al.measurement_invariance(data, factors=answers.FACTORS, across=across, errors=errors)


@pytest.mark.parametrize("name", DATA)
def test_every_step_is_lavaans(answers, name):
    steps = of(answers, name).steps.set_index("step")
    for step, there in REFERENCES[name].items():
        assert steps.loc[step, "chi2"] == pytest.approx(there["chi2"], abs=NEAR)
        assert steps.loc[step, "df"] == there["df"]
        for index in ("cfi", "rmsea", "srmr"):
            assert steps.loc[step, index] == pytest.approx(there["fit"][index], abs=NEAR)


def test_the_scaled_difference_is_that_of_the_formula(answers):
    steps = of(answers, "groups robust").steps.set_index("step")
    there = {step: one["fit"] for step, one in REFERENCES["groups robust"].items()}
    small, large = there["scalar"], there["metric"]
    df = small["df"] - large["df"]
    for index in ("cfi", "rmsea"):
        scaled = [step["fit"][f"{index}.scaled"] for step in REFERENCES["groups robust"].values()]
        np.testing.assert_allclose(steps[f"{index}_scaled"], scaled, atol=NEAR)
    scale = (
        small["df"] * small["chisq.scaling.factor"] - large["df"] * large["chisq.scaling.factor"]
    )
    expected = (small["chisq"] - large["chisq"]) / (scale / df)
    assert steps.loc["scalar", "delta_chi2"] == pytest.approx(expected, abs=NEAR)


def test_two_schools_differ_in_intercepts_as_published(answers):
    found = al.measurement_invariance(answers.schools(), factors=HOLZINGER_FACTORS, across="school")
    steps = found.steps.set_index("step")
    for step, there in HOLZINGER["steps"].items():
        assert steps.loc[step, "chi2"] == pytest.approx(there["chisq"], abs=1e-3)
    assert steps["verdict"].tolist() == [
        "fits badly",
        "no difference found",
        "not invariant",
        "not judged",
    ]
    assert found.holds == "metric"
    assert found.items.query("freed")["item"].tolist() == ["x3", "x7"]

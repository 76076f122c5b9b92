"""Change against R: the six statistics, the cut-offs and Wilson's interval, from the articles."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.inference.shares import wilson
from alliance_stats.instruments.change_formulas import METHODS, cutoff

FOLDER = Path(__file__).parents[1] / "reference" / "change"
REFERENCE = json.loads((FOLDER / "formulas.json").read_text())
CLIENTS = pd.read_csv(FOLDER / "clients.csv")

EXACT = 1e-10  # the same formulas in another order of operations
ROOT = 1e-9  # R finds cut-off c as a root, to 1e-13 of the distance


@pytest.mark.parametrize("method", list(METHODS))
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("own_sd", {"reliability": 0.85, "reliability_post": 0.8}),
        ("given_sd", {"reliability": 0.9, "reliability_post": 0.75, "sd": 7.5}),
    ],
)
def test_the_six_statistics(method, name, options):
    found = al.reliable_change(
        CLIENTS, pre="pre", post="post", method=method, direction="higher_is_better", **options
    )
    np.testing.assert_allclose(found["rci"], REFERENCE[name][method], rtol=EXACT)


@pytest.mark.parametrize("case", REFERENCE["cutoffs"])
@pytest.mark.parametrize("criterion", ["a", "b", "c"])
def test_the_three_cut_offs(case, criterion):
    lower = case["functional"][0] < case["clinical"][0]
    line = cutoff(criterion, case["clinical"], case["functional"], lower_is_better=lower)
    assert line == pytest.approx(case["value"][criterion], rel=ROOT)


@pytest.mark.parametrize("case", REFERENCE["wilson"])
def test_wilsons_interval(case):
    assert wilson(case["n"], case["of"]) == pytest.approx(case["ci"], abs=EXACT)

"""ICC(A,1) of the dyads' means against R psych."""

import json
from pathlib import Path

import pandas as pd
import pytest

import alliance_stats as al

HERE = Path(__file__).parents[1] / "reference" / "gap"
EXACT = 1e-8  # the same sums of squares twice


def test_the_icc_is_psychs():
    data = pd.read_csv(HERE / "dyads.csv")
    long = data.melt(
        ["client_id", "session"], ["client", "therapist"], var_name="rater", value_name="score"
    )
    row = al.rating_gap(long, replicates=200).tidy().set_index("term").loc["icc"]
    expected = json.loads((HERE / "references.json").read_text())["icc_a1"]
    assert row["estimate"] == pytest.approx(expected[0], rel=EXACT)
    # psych's interval is about raters drawn at random; these two are roles, and theirs is narrower
    assert expected[1] < row["conf_low"] < row["estimate"] < row["conf_high"] < expected[2]

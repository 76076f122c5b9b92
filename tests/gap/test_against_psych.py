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
    row = al.rating_gap(long, replicates=2).tidy().set_index("term").loc["icc"]
    expected = json.loads((HERE / "references.json").read_text())["icc_a1"]
    ours = row[["estimate", "conf_low", "conf_high"]].to_numpy(dtype=float)
    assert ours == pytest.approx(expected, rel=EXACT)

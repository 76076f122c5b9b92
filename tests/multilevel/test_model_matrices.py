"""Model matrices against R's model.matrix, for the rows fitted and for new ones."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alliance_stats.multilevel.formula.model_formula import read_part
from alliance_stats.multilevel.formula.table import Table
from alliance_stats.multilevel.formula.terms import build

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference/multilevel/model_matrices.json").read_text()
)
DATA, NEW = pd.DataFrame(REFERENCE["data"]), pd.DataFrame(REFERENCE["new"])
ROUNDING = 1e-11  # values near one in double precision; R builds some bases in another order
MATRICES = {matrix["ours"]: matrix for matrix in REFERENCE["matrices"]}


@pytest.mark.parametrize("formula", MATRICES)
def test_columns_are_r_s(formula):
    expected = MATRICES[formula]
    built = build(read_part(formula, DATA.columns), Table(DATA))
    assert len(built.names) == len(expected["names"])
    for ours, theirs in zip(built.arrays, expected["columns"], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=ROUNDING, atol=ROUNDING)


@pytest.mark.parametrize("formula", MATRICES)
def test_columns_of_new_rows_are_r_s(formula):
    built = build(read_part(formula, DATA.columns), Table(DATA))
    again = built.rebuild(Table(NEW))
    for ours, theirs in zip(again, MATRICES[formula]["again"], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=ROUNDING, atol=ROUNDING)

"""Falls and rises: equal to panelr's asym, to a dense computation, and to what was planted."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.ruptures.models.asymmetric import accumulated, changes

HERE = Path(__file__).resolve().parents[1] / "reference" / "ruptures"
BOTH = {"alliance": "alliance", "outcome": "outcome"}
FIXED_RHO = 1e-6
"""Relative: the same closed form in both."""
SEARCHED_RHO = 5e-5
"""Relative: nlme and we stop searching for the correlation at slightly different places."""


@pytest.fixture(scope="module")
def panel():
    return pd.read_csv(HERE / "panel.csv")


@pytest.fixture(scope="module")
def reference():
    return json.loads((HERE / "references.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("errors", "close"), [("constrained", FIXED_RHO), ("toeplitz-1", SEARCHED_RHO)]
)
def test_first_differences_equal_panelr(panel, reference, errors, close):
    found = al.fit_asymmetric_change(panel, **BOTH, errors=errors)
    wanted = reference[errors]
    rows = found.tidy().set_index("term").loc[["rise", "fall"]]
    assert rows["estimate"].tolist() == pytest.approx(wanted["coef"][1:], rel=close)
    assert rows["std_error"].tolist() == pytest.approx(wanted["std_error"][1:], rel=close)
    assert rows["df"].tolist() == wanted["df"][1:]
    assert rows["p_value"].tolist() == pytest.approx(wanted["p_value"][1:], rel=100 * close)
    assert found.equality["statistic"] == pytest.approx(wanted["chisq"], rel=close)
    assert found.nobs == wanted["nobs"]
    if "theta" in wanted:
        theta = wanted["theta"]
        assert found.rho == pytest.approx(theta / (1 + theta**2), rel=1e-3)


def test_first_differences_equal_a_dense_computation(panel):
    found = al.fit_asymmetric_change(panel, **BOTH)
    table = changes(panel, 1)
    x = np.column_stack([np.ones(len(table)), table["rise"], table["fall"]])
    V = np.zeros((len(table), len(table)))
    client, session = table["client_id"].to_numpy(), table["session"].to_numpy()
    same = client[:, None] == client[None, :]
    apart = np.abs(session[:, None] - session[None, :])
    V[same & (apart == 0)] = 1.0
    V[same & (apart == 1)] = found.rho
    W = np.linalg.inv(V)
    coef = np.linalg.solve(x.T @ W @ x, x.T @ W @ table["change"].to_numpy())
    assert found.tidy()["estimate"].tolist()[:2] == pytest.approx(coef[1:], rel=1e-9)


def test_changes_are_between_adjacent_sessions_and_lagged():
    rows = pd.DataFrame(
        {
            "client_id": "a",
            "session": [1, 2, 3, 5, 6],
            "alliance": [4.0, 5.0, 3.0, 3.0, 4.0],
            "outcome": [9.0, 8.0, 6.0, 1.0, 2.0],
        }
    )
    table = changes(rows, 1)
    assert table["session"].tolist() == [3]  # 5-6 has no alliance change that ended at 5
    assert table[["change", "rise", "fall"]].iloc[0].tolist() == [-2.0, 1.0, 0.0]
    now = changes(rows, 0)
    assert now["session"].tolist() == [2, 3, 6]
    assert now["rise"].tolist() == [1.0, 0.0, 1.0]
    assert now["fall"].tolist() == [0.0, 2.0, 0.0]


def test_sums_end_at_the_first_gap():
    rows = pd.DataFrame(
        {
            "client_id": "a",
            "session": [1, 2, 3, 5],
            "alliance": [4.0, 5.0, 3.0, 9.0],
            "outcome": 0.0,
        }
    )
    table = accumulated(rows, 0)
    assert table["session"].tolist() == [1, 2, 3]
    assert table["rises"].tolist() == [0.0, 1.0, 1.0]
    assert table["falls"].tolist() == [0.0, 0.0, 2.0]


@pytest.mark.parametrize("how", [{}, {"method": "cumulative"}])
def test_planted_asymmetry_is_found(panel, how):
    found = al.fit_asymmetric_change(panel, **BOTH, **how)
    rows = found.tidy().set_index("term")
    for name, truth in (("rise", -0.4), ("fall", 1.1)):
        assert abs(rows.loc[name, "estimate"] - truth) < 4 * rows.loc[name, "std_error"]
    assert found.equality["p_value"] < 0.05


def test_three_levels_need_therapists_and_differences_have_none(panel):
    with pytest.raises(al.DesignError, match="therapist_id"):
        al.fit_asymmetric_change(panel, **BOTH, method="cumulative", levels=3)
    with pytest.raises(al.DesignError, match="cancel therapists"):
        al.fit_asymmetric_change(panel, **BOTH, levels=3)
    known = panel.assign(therapist_id=panel["client_id"] % 9)
    found = al.fit_asymmetric_change(known, **BOTH, method="cumulative", levels=3)
    assert "therapist_id" in found.fit.n_groups


def test_refusals_and_the_picture(panel):
    with pytest.raises(al.DesignError, match="Did you mean 'cumulative'"):
        al.fit_asymmetric_change(panel, **BOTH, method="cumulativ")
    with pytest.raises(al.DesignError, match="some of them rises and some falls"):
        al.fit_asymmetric_change(panel.assign(alliance=panel["session"] * 1.0), **BOTH)
    found = al.fit_asymmetric_change(panel, **BOTH)
    assert len(found.glance()) == 1
    ax = found.plot()
    assert [label.get_text()[:4] for label in ax.get_yticklabels()] == ["rise", "fall"]
    assert "equality p" in ax.get_title(loc="left")

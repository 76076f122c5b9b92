"""The tables behind the pictures of a hazard model."""

import numpy as np
import pytest

import alliance_stats as al
from alliance_stats.dropout.hazard_plots import client_course, hazard_by_session

FORMULA = "event ~ session + alliance_within + alliance_between + (1 | therapist_id)"


@pytest.fixture(scope="module")
def rows():
    return al.person_period(al.load_dataset("demo-trial"))


@pytest.fixture(scope="module")
def fit(rows):
    return al.fit_dropout_hazard(FORMULA, rows)


def test_observed_shares_are_counts(fit, rows):
    table = hazard_by_session(fit, rows)
    used = rows.dropna(subset=["alliance_within"])
    assert table["n_at_risk"].sum() == len(used) == fit.nobs
    assert table["n_events"].sum() == fit.n_events
    assert (
        (table["conf_low"] <= table["observed"]) & (table["observed"] <= table["conf_high"])
    ).all()
    ax = fit.plot(rows)
    shown = table.query("n_at_risk >= 5")
    np.testing.assert_allclose(ax.get_lines()[1].get_ydata(), shown["fitted"])


def test_what_drives_a_client_adds_up(fit, rows):
    client = rows["client_id"].iloc[0]
    table = client_course(fit, rows, client)
    terms = ["session", "alliance_within", "alliance_between"]
    eta = fit.linear_predictor(rows)
    mine = (rows["client_id"] == client).to_numpy()
    np.testing.assert_allclose(table.iloc[:, -3:].sum(axis=1, skipna=False),
                               eta[mine] - np.nanmean(_centre(fit, rows)))  # fmt: skip
    assert list(table.columns[-3:]) == terms
    assert (np.diff(table["left_by"]) >= 0).all()
    ax = fit.plot_client(rows, client)
    assert ax.get_ylabel().startswith("Predicted chance")
    with pytest.raises(al.DesignError, match="no client 'nobody'"):
        client_course(fit, rows, "nobody")


def _centre(fit, rows):
    """The linear predictor at the mean of each term."""
    means = rows[["session", "alliance_within", "alliance_between"]].mean()
    return np.array([fit.params["Intercept"] + (means * fit.params[means.index]).sum()])

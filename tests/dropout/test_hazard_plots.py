"""The tables behind the pictures of a hazard model."""

import numpy as np
import pytest

import alliance_stats as al
from alliance_stats.dropout.hazard.plots import client_course, hazard_by_session

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
    assert table.columns.is_unique
    adds = [c for c in table.columns if c.startswith("adds: ")]
    terms = ["session", "alliance_within", "alliance_between", "therapist_id"]
    assert adds == [f"adds: {term}" for term in terms]
    mine = rows[rows["client_id"] == client]
    own = fit.therapists.set_index("therapist_id").loc[mine["therapist_id"].iloc[0], "effect"]
    eta = fit.linear_predictor(mine) + own
    np.testing.assert_allclose(table[adds].sum(axis=1, skipna=False), eta - _centre(fit, rows))
    # The client's own therapist, not one drawn at random.
    np.testing.assert_allclose(table["hazard"], 1 / (1 + np.exp(-eta)))
    seen = table["hazard"].notna()
    assert (table["conf_low"] < table["hazard"])[seen].all()
    assert (table["hazard"] < table["conf_high"])[seen].all()


def test_the_chance_to_have_left_is_unknown_after_a_gap(fit, rows):
    gaps = rows["alliance_within"].isna().groupby(rows["client_id"]).sum()
    long = rows["client_id"].value_counts()
    client = next(c for c in long.index if gaps[c] == 0 and long[c] > 8)
    gap = rows.copy()
    gap.loc[(gap["client_id"] == client) & (gap["session"] == 4), "alliance_within"] = np.nan
    table = client_course(fit, gap, client)
    hazard = table["hazard"].to_numpy()
    assert np.isnan(hazard[3])
    np.testing.assert_allclose(table["left_by"][:3], 1 - np.cumprod(1 - hazard[:3]))
    assert table["left_by"][3:].isna().all()
    ax = fit.plot_client(gap, client)
    assert ax.get_title("left").startswith(f"Client {client}; no prediction after session 4")
    lower = ax.get_figure().axes[1]
    ax.get_figure().canvas.draw()
    assert all(float(tick).is_integer() for tick in lower.get_xticks())
    drawn = [line.get_label() for line in lower.get_lines()[1:]]
    assert drawn == ["session", "alliance_within", "alliance_between", "therapist_id"]


def test_a_therapist_not_seen_before_is_averaged_over(fit, rows):
    client = rows["client_id"].iloc[0]
    other = rows.assign(therapist_id="new")
    table = client_course(fit, other, client)
    mine = other[other["client_id"] == client]
    np.testing.assert_allclose(table["hazard"], fit.predict(mine))
    assert table["conf_low"].isna().all()


def test_what_cannot_be_drawn_is_said(fit, rows):
    with pytest.raises(al.DesignError, match="no client 'nobody'"):
        client_course(fit, rows, "nobody")
    client = rows["client_id"].iloc[0]
    empty = rows.assign(alliance_within=np.nan)
    with pytest.raises(al.DesignError, match="no prediction to draw"):
        fit.plot_client(empty, client)
    for few in (rows.head(0), empty, rows.head(3)):
        with pytest.raises(al.DesignError, match="5 clients at risk"):
            fit.plot(few)


def _centre(fit, rows):
    """The linear predictor at the mean of each term, over the rows the model could use."""
    means = rows[["session", "alliance_within", "alliance_between"]].dropna().mean()
    return np.array([fit.params["Intercept"] + (means * fit.params[means.index]).sum()])

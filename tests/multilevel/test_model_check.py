"""What a reviewer asks of a model, against dense matrices and planted trouble."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al


def sessions(seed: int = 0, therapists: int = 10, clients: int = 6, n: int = 8) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    client = np.repeat(np.arange(therapists * clients), n)
    therapist = client // clients
    x, z = rng.normal(size=(2, len(client)))
    level = rng.normal(0, 1, therapists)[therapist] + rng.normal(0, 1, therapists * clients)[client]
    score = 20 + 0.5 * x + level + rng.normal(0, 1, len(client))
    return pd.DataFrame(
        {
            "client_id": [f"c{i:02}" for i in client],
            "therapist_id": [f"t{i:02}" for i in therapist],
            "x": x,
            "z": z,
            "score": score,
        }
    )


FORMULA = "score ~ x + z + (1 | client_id) + (1 | therapist_id)"


def dense(fit: al.MultilevelFit, rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return coefficients and information by the whole covariance of some rows."""
    v = fit.varcomp.set_index("group")["vcov"]
    x = np.column_stack([np.ones(len(rows)), rows["x"], rows["z"]])
    cover = np.eye(len(rows)) * v["Residual"]
    for group in ("client_id", "therapist_id"):
        cover += v[group] * (rows[group].to_numpy()[:, None] == rows[group].to_numpy())
    precision = np.linalg.inv(cover)
    information = x.T @ precision @ x
    return np.linalg.solve(information, x.T @ precision @ rows["score"].to_numpy()), information


@pytest.mark.parametrize("level", ["client_id", "therapist_id"])
def test_leaving_out_by_cross_products_is_leaving_out_the_rows(level):
    data = sessions()
    fit = al.fit_multilevel(FORMULA, data)
    found = al.check_model(fit).influence.query("level == @level").set_index("group")
    assert len(found) == data[level].nunique()
    whole, information = dense(fit, data)
    for group in list(found.index)[::7]:
        without, _ = dense(fit, data[data[level] != group])
        move = whole - without
        # both solve the same equations: only rounding parts them
        cook = move @ information @ move / 3
        assert found.loc[group, "cooks_distance"] == pytest.approx(cook, rel=1e-8)
        far = -move / fit.bse.to_numpy()
        place = int(np.abs(far).argmax())
        assert found.loc[group, "term"] == fit.params.index[place]
        assert found.loc[group, "moved_se"] == pytest.approx(far[place], rel=1e-7)
        assert found.loc[group, "rows"] == (data[level] == group).sum()


def test_the_therapist_who_carries_a_finding_is_found():
    data = sessions(1)
    own = data["therapist_id"] == "t04"
    data.loc[own, "score"] += 6 * data.loc[own, "x"]
    check = al.check_model(al.fit_multilevel(FORMULA, data))
    most = check.influence.loc[check.influence["cooks_distance"].idxmax()]
    assert (most["level"], most["group"], most["term"]) == ("therapist_id", "t04", "x")
    assert most["moved_se"] < -2
    widest = check.spread.loc[check.spread["sd"].idxmax()]
    assert widest["group"] == "t04"


def test_inflation_is_that_of_the_coefficients_covariance():
    data = sessions(2).assign(z=lambda d: d["x"] + 0.2 * d["z"])
    fit = al.fit_multilevel(FORMULA, data)
    covariance = fit.cov_params().to_numpy()[1:, 1:]
    errors = np.sqrt(np.diag(covariance))
    expected = np.diag(np.linalg.inv(covariance / np.outer(errors, errors)))
    found = al.check_model(fit).inflation
    np.testing.assert_allclose(found, expected, rtol=1e-9)  # rounding of two inverses
    assert (found > 15).all()


def test_a_group_without_which_nothing_is_estimated_says_so():
    data = sessions(3)
    data["x"] = np.where(data["therapist_id"] == "t00", data["x"], 1.0)
    check = al.check_model(al.fit_multilevel(FORMULA, data, slopes="none"))
    found = check.influence.set_index("group")
    assert np.isinf(found.loc["t00", "cooks_distance"])


def test_crossed_groups_have_no_influence_and_a_sentence():
    data = sessions(4)
    moved = data["client_id"].eq("c03") & (data.groupby("client_id").cumcount() > 3)
    data.loc[moved, "therapist_id"] = "t05"
    check = al.check_model(al.fit_multilevel(FORMULA, data))
    assert check.influence.empty
    assert "Groups cross" in check.messages[0]
    assert "Groups cross" in check.summary()


def test_yes_and_no_are_sent_to_their_own_residuals():
    data = sessions(5).assign(repaired=lambda d: (d["score"] > 20).astype(int))
    fit = al.fit_multilevel("repaired ~ x + (1 | client_id)", data, family="binomial")
    with pytest.raises(al.DesignError, match="quantile"):
        al.check_model(fit)

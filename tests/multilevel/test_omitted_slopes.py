"""The score test of slopes that a model leaves out."""

import warnings

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al

DENSE = 1e-7  # relative: rounding of dense n by n inverses
SAME = 1e-6  # relative: two searches that end within 1e-8 standard errors of one optimum


def study(seed, therapists=10, clients=4, sessions=6, slope=0.0):
    """Sessions of clients of therapists; x varies within clients, its slope between them."""
    rng = np.random.default_rng(seed)
    client = np.repeat(np.arange(therapists * clients), sessions)
    therapist = client // clients
    x = rng.normal(size=len(client))
    slopes = -1 + rng.normal(0, slope, therapists * clients)
    y = 20 + rng.normal(0, 1.5, therapists)[therapist] + rng.normal(0, 2, client.max() + 1)[client]
    y = y + slopes[client] * x + rng.normal(0, 2, len(client))
    sex = rng.integers(0, 2, therapists * clients)[client]
    return pd.DataFrame({"y": y, "x": x, "sex": sex, "client": client, "therapist": therapist})


def fit(formula, data, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", al.SingularFitWarning)
        return al.fit_multilevel(formula, data, **options)


def test_statistic_and_df_are_those_of_the_formula_with_dense_matrices():
    """Zhang & Lin (2003), section 3, written with P = V^-1 - V^-1 X (X' V^-1 X)^-1 X' V^-1."""
    data = study(1, slope=0.7)
    found = fit("y ~ x + (1 | client) + (1 | therapist)", data).omitted_slopes()
    model = fit("y ~ x + (1 | client) + (1 | therapist)", data)
    same = {g: np.equal.outer(data[g].to_numpy(), data[g].to_numpy()) for g in model.n_groups}
    kernels = [same["client"], same["therapist"], np.eye(len(data))]
    V = sum(v * K for v, K in zip(model.varcomp["vcov"], kernels, strict=True))
    X = np.column_stack([np.ones(len(data)), data["x"]])
    W = np.linalg.inv(V)
    P = W - W @ X @ np.linalg.solve(X.T @ W @ X, X.T @ W)
    x, y = (data["x"] - data["x"].mean()).to_numpy(), data["y"].to_numpy()
    for row in found.itertuples():
        K = np.outer(x, x) * same[row.group]
        all_of_them = [*kernels, K]
        information = 0.5 * np.array(
            [[np.trace(P @ A @ P @ B) for B in all_of_them] for A in all_of_them]
        )
        left = 1.0 / np.linalg.inv(information)[-1, -1]
        mean, form = np.trace(P @ K) / 2, y @ P @ K @ P @ y / 2
        scale = left / (2 * mean)
        assert row.statistic == pytest.approx(form / scale, rel=DENSE)
        assert row.df == pytest.approx(mean / scale, rel=DENSE)
        assert row.sd == pytest.approx(np.sqrt(max(form - mean, 0) / left), rel=DENSE, abs=DENSE)


def test_slopes_that_differ_are_seen_and_told():
    data = study(2, therapists=25, slope=0.8)
    one = fit("y ~ x + (1 | client) + (1 | therapist)", data)
    table = one.omitted_slopes().set_index(["group", "term"])
    assert table.loc[("client", "x"), "p_value"] < 0.001
    told = [m for m in one.messages if "'x' between groups of 'client'" in m]
    assert "intervals leave these differences out" in told[0]
    assert "(1 + x | client)" in told[0]
    assert told[0] in one.summary()
    with_slope = fit("y ~ x + (1 + x | client) + (1 | therapist)", data)
    assert not any("Effects differ" in message for message in with_slope.messages)


def test_without_a_difference_one_in_twenty_is_called_one():
    """300 studies: 95 % of binomial counts of .05 lie within 8 and 23."""
    p_values = [
        fit("y ~ x + (1 | client)", study(seed)).omitted_slopes()["p_value"].iloc[0]
        for seed in range(300)
    ]
    assert 6 <= sum(p < 0.05 for p in p_values) <= 26  # 99.5 % of them


def test_only_predictors_that_vary_within_a_group_can_have_a_slope_there():
    table = fit("y ~ x + sex + (1 | client) + (1 + x | therapist)", study(3)).omitted_slopes()
    assert table[["group", "term"]].to_numpy().tolist() == [["client", "x"], ["therapist", "sex"]]
    none = fit("y ~ 1 + (1 | client)", study(3))
    assert not len(none.omitted_slopes())


@pytest.mark.parametrize("options", [{}, {"reml": False}, {"residual": "ar1", "time": "session"}])
def test_origin_and_unit_of_the_predictor_change_nothing(options):
    data = study(4, slope=0.6)
    data["session"] = data.groupby("client").cumcount()
    tables = [
        fit("y ~ x + (1 | client)", data.assign(x=x), **options).omitted_slopes()
        for x in (data["x"], data["x"] + 2019, 1000 * data["x"])
    ]
    for other, unit in zip(tables[1:], (1.0, 1000.0), strict=True):
        assert other["statistic"].iloc[0] == pytest.approx(tables[0]["statistic"].iloc[0], rel=SAME)
        assert other["sd"].iloc[0] * unit == pytest.approx(tables[0]["sd"].iloc[0], rel=SAME)


def test_fits_at_the_edge_of_their_rows_are_told_without_an_error():
    rng = np.random.default_rng(8)
    asked = 0
    for _ in range(60):
        clients, sessions = rng.integers(2, 6), rng.integers(2, 4)
        client = np.repeat(np.arange(clients), sessions)
        table = pd.DataFrame({"client": client, "x": rng.integers(0, 2, client.size)})
        table["y"] = rng.normal(size=client.size).round(rng.integers(0, 2))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", al.AllianceStatsWarning)
            try:
                fit = al.fit_multilevel("y ~ x + (1 | client)", table)
            except al.DesignError:
                continue
        asked += 1
        assert fit.omitted_slopes()["p_value"].between(0, 1).all()
        assert isinstance(fit.messages, tuple)
    assert asked > 30

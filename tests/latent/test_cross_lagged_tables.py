"""Which tables and studies cross-lagged models take, what they leave out, and what they refuse."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.latent.engine.patterns import copies

from .tables import EXACT, call, long, wide


def test_long_wide_and_turned_rows_give_the_same():
    data = wide()
    a = al.fit_cross_lagged(data, **call())
    b = al.fit_cross_lagged(long(data).sample(frac=1, random_state=1), x="x", y="y")
    assert a.llf == pytest.approx(b.llf, abs=EXACT)
    pd.testing.assert_frame_equal(a.tidy(), b.tidy(), rtol=1e-6)


def test_occasions_count_in_their_order():
    data = long(wide(waves=4), 4)
    words = dict(enumerate(["pre", "mid", "post", "followup"], 1))
    words = data.assign(occasion=data["session"].map(words))
    a = al.fit_cross_lagged(data, x="x", y="y")
    b = al.fit_cross_lagged(words.drop(columns="session"), x="x", y="y", time="occasion")
    assert a.llf == pytest.approx(b.llf, abs=EXACT)
    assert b.waves == (1.0, 2.0, 3.0, 4.0)


def test_a_study_goes_in_directly_and_clients_who_left_count():
    study = al.simulate_study(n_therapists=15, n_clients=150, seed=4)
    fit = al.fit_cross_lagged(study, x="wai-sr", y="core-10", cluster="therapist_id")
    assert (fit.x, fit.y) == ("wai-sr/total/client", "core-10/total/client")
    assert fit.n_clients > 140
    assert fit.estimates.clusters == 15
    assert any("left out" in message for message in fit.messages)
    assert any("15 clusters" in message for message in fit.messages)
    assert fit.tidy()["df"].eq(14).all()


def test_a_study_counts_days_by_its_dates():
    study = al.simulate_study(n_therapists=15, n_clients=150, seed=4)
    weeks = al.fit_cross_lagged(study, x="wai-sr", y="core-10", time="days", step=14, waves=[42])
    assert weeks.waves[:3] == (0.0, 14.0, 28.0)
    undated = study.with_tables(sessions=study.tables["sessions"].drop(columns="date"))
    with pytest.raises(al.DesignError, match="dates of sessions"):
        al.fit_cross_lagged(undated, x="wai-sr", y="core-10", time="days", step=7)


def measured_apart(late):
    """Return scores by day, y in a row of its own a day later for a share of them."""
    rows = long(wide(200, 4), 4).assign(day=lambda d: 7 * d["session"])
    late = np.random.default_rng(3).random(len(rows)) < late
    after = rows.loc[late, ["client_id", "day", "y"]].assign(day=lambda d: d["day"] + 1)
    return pd.concat([rows.assign(y=rows["y"].mask(late)), after])


@pytest.mark.parametrize("late", [0.4, 1.0])
def test_scores_of_one_step_need_not_be_of_one_day(late):
    rows = measured_apart(late)
    fit = al.fit_cross_lagged(rows, x="x", y="y", time="day", step=7)
    same_day = al.fit_cross_lagged(long(wide(200, 4), 4), x="x", y="y", residuals="equal")
    assert fit.llf == pytest.approx(same_day.llf, abs=1e-6)
    assert not any("left out" in message for message in fit.messages)
    assert f"on average: x 0, y {0.41 if late < 1 else 1}" in fit.messages[0]


def test_values_left_out_within_a_step_are_counted_by_score():
    rows = measured_apart(0.4)
    again = rows[rows["y"].notna()].head(30).assign(day=lambda d: d["day"] + 2, y=99.0)
    rows = pd.concat([rows, again.assign(x=np.nan)]).sample(frac=1, random_state=1)
    fit = al.fit_cross_lagged(rows, x="x", y="y", time="day", step=7)
    assert not (fit.data.scores["y"] == 99).any()
    assert any("left out: 30 of y; of each score the nearest" in one for one in fit.messages)


def bad(**more):
    data = long(wide(), 5)
    return data.assign(**more)


@pytest.mark.parametrize(
    ("data", "arguments", "said"),
    [
        (bad().query("session == 1"), {}, "needs 3 waves or more; there is 1"),
        (bad().query("session != 3"), {}, "Wave 3 has no value of x"),
        (bad(y=lambda d: d["y"].where(d["session"] != 2)), {}, "Wave 2 has no value of y"),
        (bad(y=lambda d: d["y"].where(d["session"] != 2, 7)), {}, "y does not vary at wave 2"),
        (bad().head(0), {}, "there are 0"),
        (bad(y=3.0), {}, "y never varies, so"),
        (bad(y=lambda d: 0.0), {}, "y never varies, so"),
        (bad(t=lambda d: d["client_id"].str[1:].astype(int) % 9), {"cluster": "t"},
         "'t' has 9 values, and errors that allow for clusters need 10 or more"),
        (bad(x=lambda d: d["x"].where(d.index != 0, np.inf)), {}, r"\(first value inf; rows 0\)"),
        (bad(g=lambda d: np.where(d["client_id"].isin(["c1", "c2", "c3", "c4", "c5"]), "A", "B")),
         {"group": "g"}, "as waves from 1 on .* in the group 'A', which .* keep them.$"),
        (bad(x=lambda d: d["x"].astype(str) + "a"), {}, "must hold finite numbers"),
        (pd.concat([bad(), bad().head(2)]), {}, "one row for each client_id and session"),
        (bad(), {"y": "x"}, "x and y are both 'x'"),
        (bad(y=lambda d: 2 * d["x"]), {}, "x at wave 1 and y at wave 1 move exactly together"),
        (bad(), {"x": [], "y": []}, "x has 0 columns and y 0"),
        (bad(), {"y": "z"}, "must have the column z"),
        (bad(), {"y": ["x", "y"]}, "must all be one name"),
        (bad(z=1.0), {"covariates": ["z"]}, "does not vary over clients"),
        (bad(z=np.nan), {"covariates": ["z"]}, "The covariate 'z' has no value; leave it out"),
        (bad(z="a"), {"covariates": ["z"]}, r"holds words \(a\).* a column of 1 and 0"),
        (bad(z="2024-03-01"), {"covariates": ["z"]}, "holds dates.* days since one"),
        (bad(g=None), {"group": "g"}, "'g' has no value, so there are no groups"),
        (bad(), {"model": "riclpm"}, "Did you mean 'ri-clpm'"),
        (bad(), {"reliability": {"x": 1.2}}, "between 0 and 1"),
        (bad(t=None), {"cluster": "t"}, "without a value of 't'"),
        (bad(g="A"), {"group": "g"}, "'g' has one value"),
        (bad(g=lambda d: np.where(d["client_id"].isin(["c1", "c2", "c3", "c4", "c5"]), "A", "B")),
         {"group": "g", "waves": [1, 2, 3]}, "only 5 clients in the group 'A'"),
        (bad(), {"equal": ["lags"]}, "name them in group="),
        (bad(g=lambda d: d["client_id"].str[-1]), {"group": "g", "equal": ["lag"]}, "'lags'"),
        (bad(), {"step": 0}, "above zero"),
        (bad(), {"step": 1, "lags": "free"}, "lags='equal'"),
        (bad(), {"step": 0.001}, "at most 200"),
        (bad(), {"z": "x"}, "x and z are both 'x'"),
        (bad(w=lambda d: d["x"] + 1), {"z": "w", "model": "dynamic-panel"}, "y by x alone"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(data, arguments, said):
    with pytest.raises(al.AllianceStatsError, match=said):
        al.fit_cross_lagged(data, **{"x": "x", "y": "y", **arguments})


def test_more_variables_than_clients_are_refused_and_thin_waves_left_out():
    with pytest.raises(al.DesignError, match="10 variables, but only 10 clients"):
        al.fit_cross_lagged(wide(10), **call())
    with pytest.raises(al.DesignError, match=r"ri-clpm needs 3 waves .* left out"):
        al.fit_cross_lagged(long(wide(10)), x="x", y="y")


def test_a_client_with_nothing_is_counted():
    data = wide()
    data.loc[3, data.columns[1:]] = np.nan
    fit = al.fit_cross_lagged(data, **call())
    assert fit.n_clients == 199
    assert "1 client without any value of x and y left out: c3." in fit.messages


def test_unless_said_waves_count_that_five_clients_a_variable_reached():
    data = long(wide(100, 7), 7)
    left = data["client_id"].str[1:].astype(int) > 62
    data = data[
        ~left | (data["session"] < 5)
    ]  # 63 clients have wave 5 and later: six waves need 60
    fit = al.fit_cross_lagged(data, x="x", y="y")
    assert fit.waves == (1, 2, 3, 4, 5, 6)
    assert "Waves from 7 on are left out: fewer than 5 clients a variable" in fit.messages[0]
    assert np.isfinite(fit.chi2)


def test_nothing_that_was_given_is_changed():
    data = long(wide())
    before = data.copy()
    al.fit_cross_lagged(data, x="x", y="y")
    pd.testing.assert_frame_equal(data, before)


@pytest.mark.parametrize("waves", [[5, 4, 3, 2, 1], [1, 3, 2, 4], [1, 2, 2, 3], "1,2"])
def test_waves_that_do_not_rise_are_refused(waves):
    with pytest.raises(al.DesignError, match="waves must"):
        al.fit_cross_lagged(long(wide()), x="x", y="y", waves=waves)
    with pytest.raises(al.DesignError, match="waves must"):
        al.fit_cross_lagged(wide(), **call(), waves=waves)


def test_two_waves_that_two_clients_have_both_are_no_copies():
    values = np.random.default_rng(1).normal(size=(60, 2))
    values[:29, 0] = values[31:, 1] = np.nan  # two points lie on a line
    assert copies(values) is None
    values[:, 0] = 2 * values[:, 1]
    assert copies(values) == (0, 1)


def test_values_after_the_last_step_named_are_counted():
    data = long(wide(100, 6), 6).assign(day=lambda d: 7 * d["session"])
    fit = al.fit_cross_lagged(data, x="x", y="y", time="day", step=7, waves=[28])
    assert "400 values after 28 left out, where waves= ends." in fit.messages


def test_a_score_as_covariate_and_a_number_as_group_are_refused():
    data = wide(v=np.random.default_rng(1).normal(size=200))
    with pytest.raises(al.DesignError, match="'x1' is a score and a covariate"):
        al.fit_cross_lagged(data, covariates=["x1"], **call())
    with pytest.raises(al.DesignError, match="'v' has 200 values of 200 clients: groups need"):
        al.fit_cross_lagged(data, group="v", **call())


def test_scores_of_no_client_or_wave_are_left_out_and_counted():
    data = long(wide())
    lost = data.assign(
        client_id=data["client_id"].where(data.index != 0),
        session=data["session"].where(data.index != 5),
    )
    for given in (lost, lost.set_axis([0] * len(lost))):
        said = al.fit_cross_lagged(given, x="x", y="y").messages
        assert "2 rows of scores without a value of 'client_id' or 'session' left out." in said


def test_a_covariate_of_true_and_false_counts_as_one_and_zero():
    data = wide(120, 3, v=np.arange(120) % 3 == 0)
    asked = {"covariates": ["v"], **call(3)}
    truth = al.fit_cross_lagged(data, **asked).tidy()
    for given in (data["v"].astype(float), data["v"].astype("boolean"), data["v"].astype(object)):
        pd.testing.assert_frame_equal(
            al.fit_cross_lagged(data.assign(v=given), **asked).tidy(), truth
        )

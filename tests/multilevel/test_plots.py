"""What the plots of a fit draw, and that every kind draws it."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.multilevel.after_fit import plots


@pytest.fixture(scope="module")
def fit(draw_sessions):
    formula = "y ~ session + within + between + (1 + within | client) + (1 | therapist)"
    return al.fit_multilevel(formula, draw_sessions())


def test_estimates_are_the_tidy_rows(fit):
    data = plots.estimates_data(fit)
    assert list(data["term"]) == ["session", "within", "between"]
    np.testing.assert_array_equal(data["estimate"], fit.params.iloc[1:])
    assert plots.estimates_data(fit, intercept=True)["term"].iloc[0] == "Intercept"
    ax = fit.plot("estimates")
    drawn = ax.lines[-1].get_xdata()
    np.testing.assert_array_equal(drawn, data["estimate"])
    named = {"within": "Alliance, own ups and downs"}
    ax = fit.plot("estimates", labels=named)
    words = [label.get_text() for label in ax.get_yticklabels()]
    assert "Alliance, own ups and downs" in words
    assert words == [named.get(term, term.capitalize()) for term in data["term"]]


def test_caterpillar_is_sorted_and_holds_the_modes(fit):
    data = plots.caterpillar_data(fit, "client", "within")
    assert data["effect"].is_monotonic_increasing
    assert len(data) == fit.n_groups["client"]
    one = data.set_index("group").iloc[5]
    assert one["effect"] == fit.random_effects["client"].loc[one.name, "within"]
    half = 1.959963984540054 * fit.random_effects_sd["client"].loc[one.name, "within"]
    assert one["conf_high"] - one["effect"] == pytest.approx(half)
    assert one["effect"] - one["conf_low"] == pytest.approx(half)
    ax = fit.plot("caterpillar")
    assert len(ax.get_yticks()) == fit.n_groups["therapist"]
    assert "12 groups of therapist" in ax.get_title(loc="left")
    assert not len(fit.plot("caterpillar", group="client").get_yticks())


def test_courses_hold_observed_and_fitted(fit):
    data = plots.courses_data(fit, "session", ["c003", "c010"])
    assert set(data["group"]) == {"c003", "c010"}
    rows = fit.design.frame[fit.design.frame["client"] == "c003"].sort_values("session")
    ours = data[data["group"] == "c003"]
    np.testing.assert_allclose(ours["observed"], rows["y"])
    np.testing.assert_allclose(ours["fitted"], fit.fittedvalues[rows.index])
    np.testing.assert_allclose(ours["average"], fit.predict(rows, random_effects=False))
    assert plots.courses_data(fit, "session")["group"].nunique() == 6
    ax = fit.plot("courses", x="session", groups=["c003", "c010"])
    assert len(ax.lines) == 6
    assert ax.get_xlabel() == "session"


def test_residuals_and_quantiles(fit):
    data = plots.residuals_data(fit)
    np.testing.assert_allclose(data["residual"] * np.sqrt(fit.scale), fit.resid)
    assert len(fit.plot("residuals").lines) == 3
    quantiles = plots.qq_data(fit)
    assert quantiles["residual"].is_monotonic_increasing
    assert quantiles["normal"].iloc[0] == pytest.approx(-quantiles["normal"].iloc[-1])
    assert "n = 415 rows" in fit.plot("qq").get_title(loc="left")


def test_axes_given_are_drawn_on(fit):
    ax = plots.new_axes()
    assert fit.plot("estimates", ax=ax) is ax


@pytest.mark.parametrize(
    ("kind", "options", "text"),
    [
        ("caterpilar", {}, "Did you mean 'caterpillar'"),
        ("caterpillar", {"group": "clinic"}, "no group 'clinic'"),
        ("caterpillar", {"term": "slope"}, "no random effect 'slope'"),
        ("courses", {"x": "sesion"}, "Did you mean 'session'"),
        ("courses", {"x": "session", "groups": ["c999"]}, "no client 'c999'"),
    ],
)
def test_refusals(fit, kind, options, text):
    with pytest.raises(al.DesignError, match=text):
        fit.plot(kind, **options)


def test_lags_lost_are_told(draw_sessions):
    lagged = al.lag(draw_sessions(), "within", by="client")
    fit = al.fit_multilevel("y ~ within_lag1 + (1 | client)", lagged)
    share = lagged["within_lag1"].isna().mean()
    told = [m for m in fit.messages if "no previous value of 'within'" in m]
    assert told
    assert told[0].startswith(f"{share:.0%} of the {len(lagged)} rows")
    assert "; they do not enter the model." in told[0]
    assert isinstance(fit.structure, pd.DataFrame)


def test_rows_lost_for_other_reasons_are_in_the_share_that_does_not_enter(draw_sessions):
    lagged = al.lag(draw_sessions(), "within", by="client")
    some = lagged.index % 5 == 0
    fit = al.fit_multilevel(
        "y ~ within_lag1 + (1 | client)", lagged.assign(y=lagged["y"].mask(some))
    )
    lost = (lagged["within_lag1"].isna() | some).mean()
    assert any(f"with what else is missing {lost:.0%} do not enter" in m for m in fit.messages)


def test_a_trend_beside_the_outcomes_own_past_is_told_to_be_no_change_per_session():
    # y = own + .4 of y before + trend, so that y rises by .3 / (1 - .4) a session in the long run
    rng = np.random.default_rng(1)
    y = np.zeros((80, 25))
    for t in range(1, 25):
        y[:, t] = 0.4 * y[:, t - 1] + 0.3 * t + rng.normal(size=80)
    data = pd.DataFrame(
        {
            "client_id": np.repeat(np.arange(80), 25),
            "session": np.tile(np.arange(1, 26), 80),
            "y": y.ravel(),
        }
    )
    data = al.lag(data[data["session"] > 5], "y").dropna()
    fit = al.fit_multilevel("y ~ session + y_lag1 + (1 | client_id)", data)
    told = [m for m in fit.messages if "the outcome's own earlier value" in m]
    assert len(told) == 1
    assert float(told[0].rstrip(".").rsplit("= ", 1)[1]) == pytest.approx(0.5, abs=0.02)
    alone = al.fit_multilevel("y ~ session + (1 | client_id)", data)
    assert alone.params["session"] == pytest.approx(0.5, abs=0.01)
    assert not any("own earlier value" in m for m in alone.messages)
    assert not any("Nickell" in m for m in fit.messages)  # not centred: no such bias

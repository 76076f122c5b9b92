"""The score test of a lag-1 correlation of residuals, beside a fit that has one."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.multilevel.after_fit.neighbours import lag_one

FORMULA = "y ~ session + (1 + session | client_id) + (1 | therapist_id)"


def drifting(phi, seed=1, clients=120, sessions=12):
    rng = np.random.default_rng(seed)
    e = rng.normal(0, 1, (clients, sessions))
    for t in range(1, sessions):
        e[:, t] = phi * e[:, t - 1] + np.sqrt(1 - phi**2) * e[:, t]
    own = rng.normal(0, 1, (clients, 1)) + rng.normal(0, 0.1, (clients, 1)) * np.arange(sessions)
    data = pd.DataFrame(
        {
            "client_id": np.repeat(np.arange(clients), sessions),
            "therapist_id": np.repeat(np.arange(clients) % 20, sessions),
            "session": np.tile(np.arange(1, sessions + 1), clients),
            "y": (own + e).ravel(),
        }
    )
    return data[rng.random(len(data)) > 0.1].sample(frac=1, random_state=1)  # missed, unsorted


def told(fit):
    return [m for m in fit.messages if "neighbouring sessions resemble each other" in m]


@pytest.mark.filterwarnings("ignore::alliance_stats.SingularFitWarning")
def test_what_is_ignored_is_found_and_told():
    data = drifting(0.3)
    fit = al.fit_multilevel(FORMULA, data)
    with_it = al.fit_multilevel(FORMULA, data, residual="ar1", time="session")
    test = lag_one(fit)
    assert test.correlation == pytest.approx(with_it.phi, abs=1e-4)  # the same likelihood
    assert test.statistic == pytest.approx(2 * (with_it.llf - fit.llf), rel=0.15)
    assert len(told(fit)) == 1
    assert told(with_it) == []
    assert lag_one(with_it) is None
    row = al.check_model(fit).tidy().set_index("term").loc["Residuals: lag-1 correlation"]
    assert (row["estimate"], row["p_value"]) == (test.correlation, test.p_value)
    assert "residual='ar1'" in al.check_model(fit).messages[-1]


@pytest.mark.filterwarnings("ignore::alliance_stats.SingularFitWarning")
def test_nothing_is_told_where_sessions_are_independent():
    fits = [al.fit_multilevel(FORMULA, drifting(0.0, seed)) for seed in range(20)]
    tests = [lag_one(fit) for fit in fits]
    assert sum(test.p_value < 0.05 for test in tests) <= 4  # of 20 at 5 %: P(5 or more) = .003
    assert abs(np.mean([test.correlation for test in tests])) < 0.03
    assert not any(told(fit) for fit in fits)


def test_without_sessions_in_the_model_it_is_said_that_nothing_was_asked():
    fit = al.fit_multilevel("y ~ 1 + (1 | client_id)", drifting(0.3).drop(columns="session"))
    assert lag_one(fit) is None
    assert any("was not asked" in m for m in al.check_model(fit).messages)


@pytest.mark.filterwarnings("ignore::alliance_stats.SingularFitWarning")
@pytest.mark.parametrize(
    ("phi", "formula", "nlme"),
    [
        (-0.4, "y ~ session + (1 | client_id)", -0.2544533),
        (-0.4, "y ~ session + (1 + session | client_id)", -0.4193948),
        (-0.8, "y ~ session + (1 + session | client_id)", -0.7961743),  # no hill at zero
    ],
)
def test_neighbours_that_go_against_each_other_are_told(phi, formula, nlme):
    """As nlme 3.1's lme with corAR1(form = ~ session | client_id), by REML."""
    fit = al.fit_multilevel(formula, drifting(phi))
    test = lag_one(fit)
    assert test.correlation == pytest.approx(nlme, abs=2e-5)  # both stop near the maximum
    assert test.p_value < 1e-12
    said = [m for m in fit.messages if "go against each other (lag-1 correlation" in m]
    assert said == [al.check_model(fit).messages[-1]]
    assert told(fit) == []

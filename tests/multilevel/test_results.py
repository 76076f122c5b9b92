"""What every result of the engine can do."""

import pytest

import alliance_stats as al
from alliance_stats.core.results import TIDY_COLUMNS

FORMULA = "y ~ within + (1 | client)"


@pytest.fixture(scope="module")
def results(draw_sessions):
    data = draw_sessions()
    fit = al.fit_multilevel(FORMULA, data)
    return {
        "fit": fit,
        "ar1": al.fit_multilevel(FORMULA, data, residual="ar1", time="session"),
        "comparison": fit.compare(al.fit_multilevel("y ~ 1 + (1 | client)", data)),
        "contrast": fit.test("within"),
        "explained": fit.r_squared(),
        "robust": fit.robust(),
        "bootstrap": fit.bootstrap(5, seed=1),
        "ladder": al.fit_ladder(FORMULA, data),
    }


@pytest.mark.parametrize(
    "name",
    ["fit", "ar1", "comparison", "contrast", "explained", "robust", "bootstrap", "ladder"],
)
def test_every_result_tidies_glances_and_shows_itself(results, name):
    result = results[name]
    tidy = result.tidy()
    assert list(tidy.columns) == list(TIDY_COLUMNS)
    assert len(tidy)
    assert set(tidy["effect"]) <= {"fixed", "random"}
    assert len(result.glance()) == 1
    assert all(message in result.summary() for message in result.messages)
    assert "<table" in result._repr_html_()
    assert isinstance(result.messages, tuple)

"""What a reader of a result sees: ratios, letters, dashes, intervals, minus signs."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.change.reliable import ReliableChanges
from alliance_stats.core.display.journal import journal_table, written
from alliance_stats.core.display.page import as_html, as_text, typeset
from alliance_stats.core.display.rendering import cells
from alliance_stats.core.display.sentences import findings
from alliance_stats.core.results import Result
from alliance_stats.inference.rows import coefficient_rows, tidy_rows
from alliance_stats.ruptures.chance.table import ChanceTable

LOG_TWO = 0.6931471805599453


def shown(frame: pd.DataFrame, **options: str) -> pd.DataFrame:
    table = journal_table(frame, **options)
    found = cells(table)
    return found.set_axis([column.label for column in table.columns], axis=1)


def odds() -> pd.DataFrame:
    return coefficient_rows(["Intercept", "session", "zero:Intercept"], [0.5, LOG_TWO, 1], 0.1)


def test_a_log_odds_ratio_stands_beside_the_odds_ratio_and_an_intercept_does_not():
    column = shown(odds(), ratio="OR")["OR [95% CI]"]
    # exp(log 2 ± 1.96 × 0.1), by hand
    assert column.tolist() == ["", "2.00 [1.64, 2.43]", ""]


def test_sentences_have_the_ratio_too():
    said = findings(odds(), lambda rows: journal_table(rows, ratio="OR"), 0.95)
    assert "OR = 2.00, 95% CI [1.64, 2.43], z = 6.93" in said[1]
    assert "OR" not in said[0]


def test_a_ratio_that_no_data_tell_is_not_written_out():
    rows = coefficient_rows(["slope"], [47.0], [34.0])
    assert shown(rows, ratio="HR")["HR [95% CI]"].tolist() == ["> 10,000 [< 0.01, > 10,000]"]


def test_a_test_of_several_at_once_has_its_letter_and_is_no_estimate():
    row = tidy_rows("likelihood ratio", 11.79, statistic=11.79, df=1.0, p_value=0.0006)
    assert shown(row, letter="χ²").columns.tolist() == ["", "χ²", "df", "p"]
    said = findings(row, lambda rows: journal_table(rows, letter="χ²"), 0.95)
    assert said == ["Likelihood ratio: χ²(1) = 11.79, p < .001."]


def test_a_row_of_which_nothing_could_be_computed_has_a_dash():
    rows = tidy_rows(["a", "b"], [0.5, np.nan], [0.1, np.nan])
    assert shown(rows)["Estimate"].tolist() == ["0.50", "–"]


def test_a_number_too_small_to_be_seen_is_a_bound_and_no_equation():
    small = tidy_rows("slope", 2e-9, 1e-9, statistic=2.0, p_value=0.05, df=9.0)
    assert findings(small, journal_table, 0.95) == [
        "Slope: b < 0.000001, SE < 0.000001, t(9) = 2.00, p = .050."
    ]
    tiny = coefficient_rows(["slope"], [-9.0], [1.0])
    assert "OR < 0.01, 95% CI [" in findings(tiny, partial(journal_table, ratio="OR"), 0.95)[0]


def test_a_column_of_data_named_as_a_statistic_keeps_its_name():
    names = ["i2", "tau2", "h2", "chi2", "llf", "i2:tau2", "I2"]
    rows = tidy_rows(names, [0.5] * 7, [0.1] * 7)
    assert shown(rows)[""].tolist() == ["i2", "Tau2", "h2", "Chi2", "Llf", "i2 × tau2", "I2"]
    spread = tidy_rows("sd i2", 0.5, effect="random", group="client_id")
    assert shown(spread)[""].tolist() == ["Client: SD of i2"]
    assert shown(pd.DataFrame([{"i2": 0.5, "I2": 0.5, "tau2": 0.25}])).columns.tolist() == [
        "i2", "I²", "τ²",
    ]  # fmt: skip


def test_two_limits_are_one_interval_and_those_of_rmsea_are_at_90_percent():
    row = {"tau2": 0.25, "tau2_low": 0.125, "tau2_high": 0.5, "rmsea_low": 0.0, "rmsea_high": 0.5}
    table = shown(pd.DataFrame([{**row, "rmsea": 0.25}]))
    assert table.loc[0, "τ² 95% CI"] == "[0.125, 0.500]"
    assert table.loc[0, "RMSEA 90% CI"] == "[0, 0.500]"
    assert not any("low" in name or "high" in name for name in table)


def test_quantities_about_levels_are_not_called_fixed_effects():
    rows = tidy_rows(["r_within", "r_between", "kappa"], [0.5, 0.4, 0.3])
    assert set(journal_table(rows).frame["part"]) == {
        "Within clients", "Between clients", "Overall",
    }  # fmt: skip
    model = tidy_rows(["Intercept", "alliance_within"], [0.5, 0.4])
    assert journal_table(model).frame["part"].tolist() == ["Fixed effects", "Within clients"]


def test_what_is_zero_but_for_rounding_is_zero():
    assert written(2.2e-12) == "0"
    assert written(0.000012) == "0.000012"


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("from -0.3 to 0.5", "from −0.3 to 0.5"),
        ("[-1, 2] (-.5)", "[−1, 2] (−.5)"),
        ("2-3 sessions on 2026-11-30, range=(-1, 5)", "2-3 sessions on 2026-11-30, range=(-1, 5)"),
        ("invariance, chi2(2) = 4.73", "invariance, χ²(2) = 4.73"),
        ("y ~ x - 1 + I(-2)", "y ~ x - 1 + I(-2)"),
    ],
)
def test_a_hyphen_before_a_number_is_a_minus_but_not_in_ranges_and_code(typed, printed):
    assert typeset(typed) == printed
    assert printed in as_text("", [typed], [])
    assert "−0.5" in as_text("", [], ["at -0.5"])
    assert "−0.5" in as_html("", [], ["at -0.5"])


def test_a_form_with_too_few_answers_is_no_grave_note():
    page = as_html("", [], ["a form with too few answers has none", "too few clusters"])
    assert page.index("⚠ too few clusters") < page.index("a form with too few answers")
    assert page.count("⚠") == 1


def test_parts_of_factor_models_are_called_by_words():
    rng = np.random.default_rng(3)
    items = rng.normal(size=(80, 1)) + rng.normal(size=(80, 3))
    fit = al.fit_factor_model(pd.DataFrame(items, columns=list("abc")), {"bond": list("abc")})
    text = str(fit)
    assert "bond → b" in text
    assert "Residual variance of a" in text
    assert "=~" not in text
    assert "the model cannot fail" in text


def test_a_number_too_small_to_be_seen_is_no_zero():
    rows = tidy_rows(["type_s", "nothing", "rounding"], [0.00002, 0.0, 2e-16])
    assert shown(rows)["Estimate"].tolist() == ["< 0.0001", "0", "0.0000"]


def small_fit() -> al.MultilevelFit:
    rng = np.random.default_rng(2)
    client = np.repeat(np.arange(20), 5)
    data = pd.DataFrame({"client_id": client, "session": np.tile(np.arange(5.0), 20)})
    data["distress"] = rng.normal(0, 3, 20)[client] + rng.normal(0, 2, 100)
    return al.fit_multilevel("distress ~ session + (1 | client_id)", data)


def test_tables_beside_a_fit_show_themselves_and_stay_tables():
    fit = small_fit()
    shares = fit.icc()
    share = f"{shares['icc'].iloc[0]:.3f}".lstrip("0")
    assert str(shares).splitlines()[3].split()[0] == "Client"
    assert share in str(shares)
    assert "client_id" not in shares._repr_html_()
    assert type(shares.round(2)) is pd.DataFrame
    means = str(fit.marginal_means("session", at={"session": [1, 3]}))
    assert means.startswith("Means by session")
    assert "effect" not in means


def test_only_what_cannot_exceed_one_loses_its_zero():
    rows = tidy_rows("cor a b", 0.5, effect=["random"], group="g")
    assert shown(rows)["Estimate"].tolist() == [".50"]
    column = tidy_rows(["r", "r"], [0.5, 1.5], 0.1)  # a column of somebody's data
    assert shown(column)["Estimate"].tolist() == ["0.50", "1.50"]
    assert shown(column, quantities=True)["Estimate"].tolist() == [".50", "1.50"]
    named = tidy_rows(["improved:AUC", "dyadic_reciprocity", "slope"], [0.5, 0.6, 0.7])
    assert shown(named, quantities=True)["Estimate"].tolist() == [".50", ".60", "0.70"]
    assert shown(tidy_rows("dropout", 0.25), shares=".")["Estimate"].tolist() == [".25"]


def test_a_number_without_an_error_has_no_more_decimals_than_its_size_asks():
    rows = tidy_rows(["a", "b", "c"], [4.85, 0.06911, 0.00123], [0.01, np.nan, np.nan])
    assert shown(rows)["Estimate"].tolist() == ["4.850", "0.069", "0.0012"]


def test_sentences_say_random_effects_as_the_table_does():
    rng = np.random.default_rng(2)
    client = np.repeat(np.arange(20), 6)
    data = pd.DataFrame({"client_id": client, "session": np.tile(np.arange(6.0), 20)})
    own = rng.normal(0, 1, (20, 2)) @ [[3, 0.3], [0, 0.8]]
    data["distress"] = own[client, 0] + own[client, 1] * data["session"] + rng.normal(size=120)
    fit = al.fit_multilevel("distress ~ session + (1 + session | client_id)", data)
    text, table = fit.text(), fit.summary()
    for name in ("SD of intercept", "SD of session", "correlation of intercept and session"):
        told = text.partition(f"client: {name} = ")[2].partition(";")[0]
        assert told
        assert f"Client: {name} {told}" in " ".join(table.split())
    assert "session = ." in text or "session = −." in text  # a correlation has no zero


def test_a_picture_and_left_cells_outlive_a_notebook_that_is_not_trusted():
    html = al.StudyDesign(40, 6, 8, icc_client=0.45, icc_therapist=0.05).power(0.3, of="arm")
    html = html._repr_html_()
    assert 'src="data:image/svg+xml;base64,' in html
    assert "<svg" not in html
    assert 'gt_left" style="text-align:left"' in html


def test_a_flow_shows_a_column_an_arm():
    study = al.simulate_study(n_therapists=6, n_clients=30, seed=1)
    stages = al.trial_flow(study)
    lines = str(stages).splitlines()
    assert lines[2].split() == ["alliance-focused", "standard"]
    assert lines[3].split()[0] == "Allocated"
    assert int(lines[3].split()[1]) == stages[0].clients
    assert "<table" in stages._repr_html_()


@pytest.mark.parametrize("table", [ReliableChanges, ChanceTable])
def test_a_table_that_shows_itself_as_a_result_has_all_that_results_have(table):
    ways = {name for name in vars(Result) if not name.startswith("__")}
    assert {name for name in ways if not hasattr(table, name)} == set()
    assert table.merge is pd.DataFrame.merge


def test_numbers_of_a_column_have_as_many_decimals_as_each_other():
    sizes = pd.DataFrame({"mean": [3.9148, 4.0, 12.5], "share": [0.5, 0.25, 0.125]})
    sizes = sizes.assign(weight=[0.947, 0.0531, 0.00012], n=[2.0, 30.0, 5.0])
    shown = cells(journal_table(sizes))
    assert shown[0].tolist() == ["3.91", "4.00", "12.50"]
    assert shown[1].tolist() == [".500", ".250", ".125"]
    assert shown[2].tolist() == ["0.947", "0.053", "0.000120"]
    assert shown[3].tolist() == ["2", "30", "5"]


def test_two_models_fit_a_narrow_window(tab):
    fit = small_fit()
    names = ["Without the alliance of the session before", "With it, within and between clients"]
    html = al.model_table([fit, fit], names=names)._repr_html_()
    page = tab(viewport={"width": 470, "height": 800})
    page.set_content(f"<body style='font:14px sans-serif;margin:8px'>{html}</body>")
    seen = "document.querySelector('.alliance-result')"
    assert page.evaluate(f"{seen}.scrollWidth <= {seen}.clientWidth")


def test_a_bound_is_not_broken_over_lines():
    far = journal_table(coefficient_rows(["x"], [10.0], 0.1))
    assert "&lt;\u00a0.001" in as_html("", [far], [])


def test_lines_of_a_paragraph_stay_lines_in_a_notebook_that_is_not_trusted():
    assert "<p>REML<br>Rows: 20</p>" in as_html("", ["REML\nRows: 20"], [])

"""Times as they are measured: Cox against R's survival, and the hazard against rows by hand."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.dropout import checks

REFERENCE = Path(__file__).parents[1] / "reference" / "dropout"
FOUND = json.loads((REFERENCE / "durations.json").read_text())
SAME = 1e-6  # coxph stops where the log-likelihood moves by 1e-9 of itself


@pytest.fixture(scope="module")
def veteran():
    return pd.read_csv(REFERENCE / "veteran.csv")


def agrees(fit, reference, robust=False):
    np.testing.assert_allclose(fit.params, reference["beta"], rtol=SAME)
    np.testing.assert_allclose(fit.naive_bse, reference["se"], rtol=SAME)
    np.testing.assert_allclose(fit.bse, reference["robust" if robust else "se"], rtol=SAME)
    assert fit.llf == pytest.approx(reference["llf"], rel=1e-9)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("efron", {"cluster": "celltype"}),
        ("breslow", {"cluster": "celltype", "ties": "breslow"}),
        ("strata", {"strata": "celltype"}),
        ("log", {"varying": {"karno": "log"}}),
        ("log_strata", {"varying": {"karno": "log"}, "strata": ["celltype"]}),
        ("after", {"varying": {"karno": 90}}),
    ],
)
def test_times_equal_r(veteran, name, options):
    fit = al.fit_dropout_cox("status ~ trt + karno", veteran, duration="time", **options)
    agrees(fit, FOUND[name], robust="cluster" in options)


def test_pieces_of_time_equal_r():
    pieces = pd.read_csv(REFERENCE / "veteran_pieces.csv").rename(columns={"who": "client_id"})
    fit = al.fit_dropout_cox(
        "status ~ trt + karno + late", pieces, duration="time", entry="tstart", cluster="client_id"
    )
    agrees(fit, FOUND["pieces"], robust=True)
    with pytest.raises(al.DesignError, match=r"overlap in time.*entry="):
        al.fit_dropout_cox("status ~ karno", pieces, duration="time", cluster=None)


def test_sessions_are_pieces_of_one():
    rows = pd.read_csv(REFERENCE / "person_period.csv")
    rows = rows.assign(
        client_id=rows["therapist_id"] * 1000 + rows["c"], before=rows["session"] - 1
    )
    counted = al.fit_dropout_cox("event ~ x", rows)
    timed = al.fit_dropout_cox("event ~ x", rows, duration="session", entry="before")
    np.testing.assert_allclose(counted.params, timed.params, rtol=1e-12)
    np.testing.assert_allclose(counted.bse, timed.bse, rtol=1e-12)


def test_a_ratio_that_changes_is_told_at_each_time(veteran):
    fit = al.fit_dropout_cox(
        "status ~ trt + karno", veteran, duration="time", cluster=None, varying={"karno": "log"}
    )
    assert fit.params.index.tolist() == ["trt", "karno", "karno:log(time)"]
    found = fit.ratios_at([1, 100])
    main, change = fit.params["karno"], fit.params["karno:log(time)"]
    np.testing.assert_allclose(found["estimate"], np.exp(main + change * np.log([1, 100])))
    assert found["std_error"].iloc[0] == pytest.approx(fit.bse["karno"])
    same = al.fit_dropout_cox(
        "status ~ trt + karno", veteran, duration="time", cluster=None, varying={"karno": np.log}
    )
    np.testing.assert_allclose(same.params, fit.params)
    plain = al.fit_dropout_cox("status ~ karno", veteran, duration="time", cluster=None)
    with pytest.raises(al.DesignError, match="varying="):
        plain.ratios_at([1])


def test_an_effect_that_changes_is_found_again():
    """Hazard ratio 4 until time 1, and 1 from then on."""
    rng = np.random.default_rng(8)
    arm = np.arange(4000) % 2
    first = rng.exponential(1 / (0.5 * 4.0**arm))
    time = np.where(first < 1, first, 1 + rng.exponential(2.0, 4000))
    data = pd.DataFrame({"arm": arm, "left": (time < 3).astype(int), "time": np.minimum(time, 3)})
    fit = al.fit_dropout_cox(
        "left ~ arm", data, duration="time", cluster=None, varying={"arm": 1.0}
    )
    found = fit.ratios_at([0.5, 2.0])
    truth = np.array([4.0, 1.0])
    assert ((found["conf_low"] < truth) & (truth < found["conf_high"])).all()
    assert found["std_error"].max() < 0.1


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"varying": {"age": "log"}}, "no term of the formula"),
        ({"varying": {"karno": "square"}}, "'linear', 'log'"),
        ({"varying": {"karno": 1e9}}, "not the same at all"),
        ({"duration": None, "entry": "age"}, "goes with duration="),
        ({"strata": "site"}, "column site"),
        ({"duration": "nought"}, "numbers above 0; 137 of"),
    ],
)
def test_what_cannot_be_asked_of_durations(veteran, options, text):
    data = veteran.assign(nought=0.0)
    with pytest.raises(al.AllianceStatsError, match=text):
        al.fit_dropout_cox("status ~ karno", data, **{"duration": "time", **options})


def test_time_is_no_predictor_and_a_missing_therapist_is_told(veteran):
    with pytest.raises(al.DesignError, match="free baseline"):
        al.fit_dropout_cox("status ~ karno + time", veteran, duration="time")
    fit = al.fit_dropout_cox("status ~ karno", veteran, duration="time")
    assert "rows count as independent" in fit.messages[0]
    gone = al.fit_dropout_cox(
        "status ~ karno", veteran.assign(time=veteran["time"].where(veteran["id"] > 2)),
        duration="time", cluster=None,
    )  # fmt: skip
    assert "2 of 137 rows lack a value (time 2)" in gone.messages[0]


def test_the_hazard_repeats_clients_itself(veteran):
    weeks = veteran.assign(week=np.ceil(veteran["time"] / 30).clip(upper=10).astype(int))
    weeks["status"] = weeks["status"].where(veteran["time"] <= 300, 0)
    found = al.fit_dropout_hazard("status ~ week + karno", weeks, duration="week")
    rows = pd.concat(
        [
            pd.DataFrame(
                {"week": range(1, row.week + 1), "karno": row.karno,
                 "status": [0] * (row.week - 1) + [row.status]}
            )
            for row in weeks.itertuples()
        ]
    )  # fmt: skip
    by_hand = al.fit_dropout_hazard("status ~ week + karno", rows, guard=False)
    np.testing.assert_allclose(found.params, by_hand.params)
    np.testing.assert_allclose(found.bse, by_hand.bse)
    assert found.nobs == weeks["week"].sum()
    with pytest.raises(al.ColumnError, match=r"numpy\.ceil"):
        al.fit_dropout_hazard(
            "status ~ karno", weeks.assign(week=weeks["week"] + 0.5), duration="week"
        )


@pytest.mark.parametrize("product", ["cell*karno", "karno*cell"])
def test_what_changes_over_time_is_the_same_whichever_factor_stands_first(veteran, product):
    data = veteran.assign(cell=veteran["celltype"].astype(str).str[:1])
    fit = al.fit_dropout_cox(
        f"status ~ {product}", data, duration="time", cluster=None, varying={"cell": "log"}
    )
    changing = [term for term in fit.params.index if term.endswith(":log(time)")]
    assert changing == [f"{main}:log(time)" for main in fit.varying]
    assert not any("karno" in term for term in changing)
    plain = al.fit_dropout_cox(
        "status ~ cell*karno", data, duration="time", cluster=None, varying={"cell": "log"}
    )
    assert fit.llf == pytest.approx(plain.llf, abs=1e-8)  # one model, two orders of its terms


@pytest.mark.parametrize("how", ["log", lambda times: 1 / times])
def test_no_ratio_stands_at_a_time_where_its_function_is_not_finite(veteran, how):
    fit = al.fit_dropout_cox(
        "status ~ karno", veteran, duration="time", cluster=None, varying={"karno": how}
    )
    with pytest.raises(al.DesignError, match=r"'karno' changes is -?inf at time 0"):
        fit.ratios_at([0, 1])


@pytest.mark.parametrize("model", [al.fit_dropout_cox, al.fit_dropout_hazard])
def test_who_has_left_is_no_longer_at_risk(model):
    pieces = pd.DataFrame({"client_id": [1, 1, 2, 2, 3], "start": [0, 2, 0, 2, 0]})
    pieces = pieces.assign(weeks=[2, 4, 2, 5, 3], age=[20, 20, 31, 31, 45], left=[1, 1, 0, 1, 0])
    asked = {"duration": "weeks", "entry": "start", "cluster": None}
    with pytest.raises(al.DesignError, match=r"1 row of 1 client \(first: 1\) begin"):
        model("left ~ age", pieces.iloc[::-1], **asked)
    assert model("left ~ age", pieces.drop(index=1), **asked).n_events == 2


def test_the_methods_say_strata_what_changes_and_robust_errors(veteran):
    told = al.fit_dropout_cox(
        "status ~ karno", veteran, duration="time", cluster="celltype", strata="trt",
        varying={"karno": "log"},
    ).methods()  # fmt: skip
    assert "stratified by trt" in told
    assert "change over time (karno:log(time))" in told
    assert "robust to 4 groups of celltype (Lin & Wei 1989" in told
    plain = al.fit_dropout_cox("status ~ karno", veteran, duration="time", cluster=None).methods()
    assert "events; standard errors take rows as independent." in plain


def test_an_effect_of_the_hazard_changes_as_a_product_in_the_formula_does(veteran):
    rows = veteran.assign(months=np.ceil(veteran["time"] / 60).astype(int))
    formula, asked = "status ~ months + trt + karno", {"duration": "months"}
    by_hand = al.fit_dropout_hazard(f"{formula} + karno:log(months)", rows, **asked)
    fit = al.fit_dropout_hazard(formula, rows, varying={"karno": "log"}, **asked)
    assert fit.params.index[-1] == "karno:log(months)"
    np.testing.assert_allclose(fit.params, by_hand.params, rtol=1e-8)
    np.testing.assert_allclose(fit.bse, by_hand.bse, rtol=1e-8)
    np.testing.assert_allclose(fit.predict(rows), by_hand.predict(rows), rtol=1e-8)
    ratios = fit.ratios_at([1, 3])["estimate"]
    slope = by_hand.params["karno"] + np.log(3) * by_hand.params["karno:log(months)"]
    np.testing.assert_allclose(ratios, np.exp([by_hand.params["karno"], slope]), rtol=1e-8)
    assert "change over time (karno:log(months))" in fit.methods()
    assert "(at months = 1)" in fit.summary()
    with pytest.raises(al.DesignError, match=r"formula has karno:months already"):
        al.fit_dropout_hazard(f"{formula} + karno:months", rows, varying={"karno": "linear"},
                              **asked)  # fmt: skip
    with pytest.raises(al.DesignError, match="which is no term of the formula"):
        al.fit_dropout_hazard(formula, rows, varying={"age": "log"}, **asked)


def test_a_unit_far_too_small_is_refused_before_it_fills_the_memory(veteran):
    seconds = veteran.assign(time=veteran["time"] * 86_400.0, client_id=range(len(veteran)))
    with pytest.raises(al.DesignError, match=r"\d times at risk .*larger unit.*fit_dropout_cox"):
        al.fit_dropout_hazard("status ~ karno", seconds, duration="time")


def test_sessions_in_a_unit_far_too_small_are_refused_too(monkeypatch):
    monkeypatch.setattr(checks, "MOST_PERIODS", 100)
    study = al.simulate_study(n_therapists=3, n_clients=12, seed=1)
    with pytest.raises(al.DesignError, match=r"times at risk .*larger unit"):
        al.person_period(study)


def test_the_event_may_be_true_and_false_and_words_are_told(veteran):
    fits = (al.fit_dropout_cox, al.fit_dropout_hazard)
    yes = veteran["status"] == 1
    for fit in fits:
        truth = fit("status ~ karno", veteran.assign(status=yes), duration="time")
        counted = fit("status ~ karno", veteran, duration="time")
        pd.testing.assert_series_equal(truth.params, counted.params)
        words = veteran.assign(status=yes.map({True: "died", False: "alive"}))
        with pytest.raises(al.ColumnError, match=r"holds words \(died, alive\).*astype\(int\)"):
            fit("status ~ karno", words, duration="time")


@pytest.mark.parametrize("fit", [al.fit_dropout_cox, al.fit_dropout_hazard])
def test_dates_are_no_durations_and_the_remedy_is_told(veteran, fit):
    spans = pd.to_timedelta(veteran["time"], unit="D")
    dates = pd.Timestamp("2024-01-29") + spans
    for column in (dates, dates.astype(str), dates.dt.date):
        with pytest.raises(al.ColumnError, match=r"'time' holds dates, .*data\['start'\]"):
            fit("status ~ karno", veteran.assign(time=column), duration="time")
    with pytest.raises(al.ColumnError, match=r"spans of time; .*\.dt\.days"):
        fit("status ~ karno", veteran.assign(time=spans), duration="time")


def test_a_row_a_client_without_its_duration_is_told_of_it(veteran):
    rows = veteran.assign(client_id=range(len(veteran)))
    for fit in (al.fit_dropout_cox, al.fit_dropout_hazard):
        with pytest.raises(al.DesignError, match="duration="):
            fit("status ~ karno", rows)

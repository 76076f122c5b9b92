"""Forecasts against outcomes, by hand and with planted optimism."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

import alliance_stats as al
from alliance_stats.gap.outcome_scores import calibration_curve, discrimination, wilson

STUDY = al.simulate_study(n_therapists=25, n_clients=250, seed=8)


def with_forecasts(forecasts):
    tables = {name: table for name, table in STUDY.tables.items() if name != "forecasts"}
    return al.Study(STUDY.name, {**tables, "forecasts": forecasts}, measures=STUDY.measures)


def observed():
    """The clients' reliable change, made anew with the public functions."""
    pairs = al.first_and_last(STUDY, measure="core-10")
    card = al.measure("core-10")
    r = next(one.value for one in card.reliabilities if one.scale == "total")
    return al.reliable_change(
        pairs, pre="pre", post="post", reliability=r, direction=card.direction
    )


def test_the_bias_is_forecast_minus_what_is_seen():
    found = al.outcome_gap(STUDY)
    table = found.tidy().set_index("term")["estimate"]
    seen = observed().dropna(subset=["category"]).set_index("client_id")["category"]
    forecast = STUDY.forecasts.query("target == 'improved'").set_index("client_id")["forecast"]
    forecast = forecast.reindex(seen.index)
    assert table["improved:observed"] == pytest.approx((seen == "improved").mean())
    assert table["improved:forecast"] == pytest.approx(forecast.mean())
    brier = ((forecast - (seen == "improved")) ** 2).mean()
    assert table["improved:brier"] == pytest.approx(brier)
    # therapists have unequal caseloads, so the mixed mean is near the plain one, not equal to it
    plain = (forecast - (seen == "improved")).mean()
    assert table["improved:bias"] == pytest.approx(plain, abs=0.02)
    left = STUDY.terminations["reason"]
    assert table["dropout:observed"] == pytest.approx((left[left != "ongoing"] == "dropout").mean())
    assert table["improved:bias"] > 0 > table["dropout:bias"]  # planted optimism


def test_perfect_foresight_is_perfect():
    seen = observed()[["client_id", "category"]].dropna()
    of = STUDY.clients.set_index("client_id")["therapist_id"]
    parts = [
        pd.DataFrame(
            {"therapist_id": seen["client_id"].map(of), "client_id": seen["client_id"],
             "target": target, "forecast": (seen["category"] == target).astype(float)}
        )
        for target in ("improved", "unchanged", "deteriorated")
    ]  # fmt: skip
    with pytest.warns(Warning, match="[Pp]erfect"):
        found = al.outcome_gap(with_forecasts(pd.concat(parts, ignore_index=True)))
    table = found.tidy().set_index("term")["estimate"]
    assert table["deteriorated:sensitivity"] == 1
    assert table["deteriorated:specificity"] == 1
    assert table["improved:brier"] == 0
    assert table["improved:auc"] == 1


def test_what_counts_as_foreseen_is_said_and_can_be_chosen():
    most = al.outcome_gap(STUDY)
    low = al.outcome_gap(STUDY, threshold=0.03)
    tables = [one.tidy().set_index("term") for one in (most, low)]
    rows = [table.loc["deteriorated:sensitivity"] for table in tables]
    assert rows[0]["estimate"] <= rows[1]["estimate"]
    assert any("most likely of three" in message for message in most.messages)
    assert any("0.03 or more" in message for message in low.messages)
    seen = observed().set_index("client_id")["category"]
    worse = seen.index[seen == "deteriorated"]
    forecast = STUDY.forecasts.query("target == 'deteriorated'").set_index("client_id")["forecast"]
    hits = int((forecast.reindex(worse) >= 0.03).sum())
    assert rows[1]["estimate"] == pytest.approx(hits / len(worse))
    assert (rows[1]["conf_low"], rows[1]["conf_high"]) == pytest.approx(wilson(hits, len(worse)))


def test_wilson_is_statsmodels():
    from statsmodels.stats.proportion import proportion_confint

    for hits, n in ((0, 11), (3, 40), (40, 40)):
        expected = proportion_confint(hits, n, method="wilson")
        assert wilson(hits, n) == pytest.approx(expected, abs=1e-12)


def test_the_auc_is_the_share_of_pairs_put_in_order():
    rng = np.random.default_rng(1)
    forecast, seen = rng.random(60).round(1), rng.integers(0, 2, 60).astype(float)
    yes, no = forecast[seen == 1], forecast[seen == 0]
    pairs = (yes[:, None] > no).mean() + 0.5 * (yes[:, None] == no).mean()
    assert discrimination(forecast, seen)["estimate"] == pytest.approx(pairs)
    assert rankdata(forecast).max() <= 60


def test_a_calibrated_forecast_has_slope_one():
    rng = np.random.default_rng(2)
    of = STUDY.clients[["therapist_id", "client_id"]]
    n = 4000
    p = rng.uniform(0.05, 0.95, n)
    part = pd.DataFrame(
        {"therapist_id": rng.integers(0, 40, n), "forecast": p,
         "observed": (rng.random(n) < p).astype(float)}
    )  # fmt: skip
    from alliance_stats.gap.outcome_scores import calibration_line

    lines = calibration_line(part, "improved", [])
    assert lines["calibration_slope"]["conf_low"] < 1 < lines["calibration_slope"]["conf_high"]
    intercept = lines["calibration_intercept"]
    assert intercept["conf_low"] < 0 < intercept["conf_high"]
    curve = calibration_curve(part, 5)
    assert (curve["observed"] - curve["forecast"]).abs().max() < 0.06
    assert curve["n"].sum() == n
    assert len(of) == 250


def test_shares_of_a_caseload_are_compared_with_the_caseloads():
    seen = observed().merge(STUDY.clients[["client_id", "therapist_id"]], on="client_id")
    shares = seen.dropna(subset=["category"]).groupby("therapist_id")["category"]
    true = shares.apply(lambda c: (c == "improved").mean())
    table = pd.DataFrame(
        {"therapist_id": true.index, "client_id": None, "target": "improved",
         "forecast": (true + 0.2).clip(upper=1.0).to_numpy()}
    )  # fmt: skip
    found = al.outcome_gap(with_forecasts(table)).tidy().set_index("term")
    gap = (true + 0.2).clip(upper=1.0) - true
    assert found.loc["improved:caseload_bias", "estimate"] == pytest.approx(gap.mean())
    assert list(found.index) == ["improved:caseload_bias"]


def test_therapists_are_ranked_by_shrunken_outcome():
    found = al.outcome_gap(STUDY)
    table = found.therapists
    assert len(table) == 25
    raw, shrunken = table["observed"] - table["observed"].mean(), table["shrunken"]
    assert (shrunken - shrunken.mean()).abs().max() <= raw.abs().max() + 1e-12
    assert (table["rank_forecast"].rank() == table["rank_forecast"].rank(method="average")).all()


def test_the_published_studies_stand_beside_with_their_source():
    published = al.outcome_gap(STUDY).published
    assert {"label", "estimate", "doi", "verified"} <= set(published.columns)
    assert published["doi"].notna().all()


def test_the_caution_that_the_two_gaps_are_not_on_one_axis_is_always_there():
    assert any("not on one axis" in message for message in al.outcome_gap(STUDY).messages)


def test_the_curve_is_drawn_with_n():
    found = al.outcome_gap(STUDY)
    ax = found.plot("improved")
    part = found.calibration.query("target == 'improved'")
    texts = {text.get_text() for text in ax.texts}
    assert {str(n) for n in part["n"]} <= texts
    with pytest.raises(al.DesignError, match="Did you mean 'improved'"):
        found.plot("improve")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"forecast": 80.0}, "Divide percentages by 100"),
        ({"target": "improve"}, "Did you mean 'improved'"),
        ({"client_id": "C001", "therapist_id": "T01", "target": "improved"}, "share therapist"),
    ],
)
def test_a_wrong_forecast_is_told(change, said):
    with pytest.raises(ValueError, match=said):
        al.outcome_gap(with_forecasts(STUDY.forecasts.assign(**change)))


def test_a_study_without_forecasts_is_told():
    with pytest.raises(al.DesignError, match="no table `forecasts`"):
        al.outcome_gap(with_forecasts(STUDY.forecasts.iloc[:0]))

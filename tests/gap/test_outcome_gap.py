"""Forecasts against outcomes, by hand and with planted optimism."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

import alliance_stats as al
from alliance_stats.gap.outcome.accuracy import calibration_curve, discrimination
from alliance_stats.inference.shares import wilson

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
    found = discrimination(forecast, seen, np.arange(60))
    assert found["estimate"] == pytest.approx(pairs)
    # with one client a therapist it is DeLong's error, here from its definition
    wins = (yes[:, None] > no) + 0.5 * (yes[:, None] == no)
    delong = wins.mean(axis=1).var(ddof=1) / len(yes) + wins.mean(axis=0).var(ddof=1) / len(no)
    # Obuchowski's covariance term is 60 / 59 * 0 there: no client is both
    assert found["std_error"] == pytest.approx(np.sqrt(delong), rel=1e-10)


def test_the_auc_knows_of_therapists():
    """Twice the same clients is no more knowledge: errors stay those of the clients once."""
    rng = np.random.default_rng(3)
    seen = rng.integers(0, 2, 80).astype(float)
    forecast = rng.random(80) + 0.3 * seen
    once = discrimination(forecast, seen, np.arange(80))
    pair = np.tile(np.arange(80), 2)
    twice = discrimination(np.tile(forecast, 2), np.tile(seen, 2), pair)
    assert twice["std_error"] == pytest.approx(once["std_error"], rel=1e-10)
    naive = discrimination(np.tile(forecast, 2), np.tile(seen, 2), np.arange(160))
    assert naive["std_error"] < 0.75 * twice["std_error"]


def test_the_auc_of_therapists_who_differ_is_as_unsure_as_it_is():
    """Therapists who are all high, in forecast and in outcome: the SD of 400 draws is the truth."""
    rng = np.random.default_rng(4)
    drawn, said = [], []
    for _ in range(400):
        of = np.repeat(np.arange(30), 8)
        high = rng.normal(0, 1, 30)[of]
        seen = (rng.random(240) < 1 / (1 + np.exp(-high))).astype(float)
        forecast = high - 0.8 * seen + rng.normal(0, 1, 240)
        one = discrimination(forecast, seen, of)
        drawn.append(one["estimate"])
        said.append(one["std_error"])
    # an SD of 400 draws is uncertain by 3.5 %
    assert np.sqrt(np.mean(np.square(said))) == pytest.approx(np.std(drawn), rel=0.12)


def test_a_calibrated_forecast_has_slope_one():
    rng = np.random.default_rng(2)
    n = 4000
    p = rng.uniform(0.05, 0.95, n)
    part = pd.DataFrame(
        {"therapist_id": rng.integers(0, 40, n), "forecast": p,
         "observed": (rng.random(n) < p).astype(float)}
    )  # fmt: skip
    from alliance_stats.gap.outcome.accuracy import calibration_line

    lines = calibration_line(part, "improved", [])
    assert lines["calibration_slope"]["conf_low"] < 1 < lines["calibration_slope"]["conf_high"]
    intercept = lines["calibration_intercept"]
    assert intercept["conf_low"] < 0 < intercept["conf_high"]
    curve = calibration_curve(part, 5)
    assert (curve["observed"] - curve["forecast"]).abs().max() < 0.06
    assert curve["n"].sum() == n
    ten = pd.DataFrame({"forecast": np.linspace(0.05, 0.95, 10), "observed": 1.0})
    assert calibration_curve(ten, 5)["n"].tolist() == [2, 2, 2, 2, 2]


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
    mean = observed().dropna(subset=["category"])
    mean = (mean["category"] == "improved").mean()
    raw = table["observed"] - mean
    pulled = table["shrunken"] - mean
    # smaller caseloads are pulled further towards the mean of all
    kept = (pulled / raw).where(raw.abs() > 0.1)
    assert spearmanr(kept, table["n"], nan_policy="omit").statistic > 0.5
    order = table.sort_values("shrunken", ascending=False)
    assert order["rank_observed"].is_monotonic_increasing
    assert order["rank_observed"].iloc[0] < 3


def test_an_empty_forecast_is_not_a_forecast_of_no_deterioration():
    seen = observed()[["client_id", "category"]].dropna()
    of = STUDY.clients.set_index("client_id")["therapist_id"]
    parts = [
        pd.DataFrame(
            {"therapist_id": seen["client_id"].map(of), "client_id": seen["client_id"],
             "target": target, "forecast": np.where(seen["category"] == target, 0.9, 0.05)}
        )
        for target in ("improved", "unchanged", "deteriorated")
    ]  # fmt: skip
    worse = seen.loc[seen["category"] == "deteriorated", "client_id"]
    half = worse.iloc[: len(worse) // 2]
    table = pd.concat(parts, ignore_index=True)
    table.loc[table["client_id"].isin(half) & (table["target"] == "unchanged"), "forecast"] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # perfect forecasts have no finite calibration slope
        found = al.outcome_gap(with_forecasts(table))
    rows = found.tidy().set_index("term")
    assert rows.loc["deteriorated:sensitivity", "estimate"] == 1.0
    low, _ = wilson(len(worse) - len(half), len(worse) - len(half))
    assert rows.loc["deteriorated:sensitivity", "conf_low"] == pytest.approx(low)
    assert any(f"{len(half)} of {len(seen)} clients lack a forecast" in m for m in found.messages)


def test_two_therapists_may_forecast_one_client():
    twice = STUDY.forecasts.assign(therapist_id=STUDY.forecasts["therapist_id"].iloc[0])
    own = STUDY.forecasts[STUDY.forecasts["therapist_id"] != twice["therapist_id"].iloc[0]]
    found = al.outcome_gap(with_forecasts(pd.concat([twice, own], ignore_index=True)))
    assert any("forecasts of several therapists" in message for message in found.messages)
    assert any(
        "another therapist than the table of clients" in message for message in found.messages
    )


def test_one_client_a_therapist_leaves_bias_and_brier():
    alone = STUDY.forecasts.assign(therapist_id="of " + STUDY.forecasts["client_id"].astype(str))
    found = al.outcome_gap(with_forecasts(alone))
    rows = found.tidy().set_index("term")["estimate"]
    usual = al.outcome_gap(STUDY).tidy().set_index("term")["estimate"]
    assert rows["improved:brier"] == pytest.approx(usual["improved:brier"])
    assert np.isfinite(rows["improved:bias"])
    assert np.isnan(rows["rank_correlation"])
    assert any("about one client each" in message for message in found.messages)


def test_a_caseload_counts_by_its_size():
    """One therapist with one client is 60 points off, the others are right: the bias is near 0."""
    seen = observed().merge(STUDY.clients[["client_id", "therapist_id"]], on="client_id")
    seen = seen.dropna(subset=["category"])
    odd = seen["therapist_id"].iloc[0]
    keep = (seen["therapist_id"] != odd) | ~seen["therapist_id"].duplicated()
    share = (seen["category"] == "improved").groupby(seen["therapist_id"]).mean()
    forecast = share.where(share.index != odd, 1.0 - share)
    table = pd.DataFrame({"therapist_id": [*forecast.index, "nobody"], "client_id": None,
                          "target": "improved", "forecast": [*forecast, 0.5]})  # fmt: skip
    study = with_forecasts(table)
    away = seen.loc[~keep, "client_id"]
    clients = study.tables["clients"]
    clients = clients[~clients["client_id"].isin(away)]
    study = al.Study("x", {**study.tables, "clients": clients}, measures=STUDY.measures)
    found = al.outcome_gap(study)
    row = found.tidy().set_index("term").loc["improved:caseload_bias"]
    plain = abs(1.0 - 2 * float(seen["category"].iloc[0] == "improved")) / 25
    assert abs(row["estimate"]) < 0.8 * plain
    assert any("1 of 26 therapists" in message for message in found.messages)


def test_self_ranks_are_compared_with_outcome():
    places = al.outcome_gap(STUDY).therapists
    given = pd.DataFrame({"therapist_id": places["therapist_id"], "percentile": 80.0})
    rows = al.outcome_gap(STUDY, self_rank=given).tidy().set_index("term")
    assert rows.loc["self_rank:mean", "estimate"] == 80
    assert 15 < rows.loc["self_rank:bias", "estimate"] < 45
    assert np.isnan(rows.loc["self_rank:correlation", "estimate"])
    # whoever ranks by the outcome itself correlates at one
    given["percentile"] = places["shrunken"].rank(pct=True) * 100
    rows = al.outcome_gap(STUDY, self_rank=given, replicates=50).tidy().set_index("term")
    assert rows.loc["self_rank:correlation", "estimate"] == pytest.approx(1)
    with pytest.raises(al.ColumnError, match="0 to 100"):
        al.outcome_gap(STUDY, self_rank=given.assign(percentile=101))


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


def test_a_tie_foresees_nothing():
    from alliance_stats.gap.outcome.accuracy import foreseen

    clients = pd.DataFrame(
        [
            (f"T{n % 4}", f"C{n}", target, forecast, float(target == "deteriorated" and n < 8))
            for n in range(40)
            for target, forecast in (("improved", 0.4), ("unchanged", 0.2), ("deteriorated", 0.4))
        ],
        columns=["therapist_id", "client_id", "target", "forecast", "observed"],
    )
    messages = []
    rows = {row["term"]: row for row in foreseen(clients, None, messages)}
    assert rows["deteriorated:sensitivity"]["estimate"] == 0
    assert "For 40 clients deterioration was as likely" in " ".join(messages)

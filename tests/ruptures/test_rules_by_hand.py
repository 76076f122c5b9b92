"""Every rule on series short enough to be checked with pencil and paper."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al

EXACT = 1e-12
"""Sums of a handful of decimals: nothing but rounding may differ."""


def course(score, session=None, client="a"):
    session = range(1, len(score) + 1) if session is None else session
    return pd.DataFrame({"client_id": client, "session": list(session), "score": score})


def flagged(result, client="a"):
    rows = result.sessions[result.sessions["client_id"] == client]
    return rows.loc[rows["flag"], "session"].tolist()


def test_a_fall_of_exactly_the_cut_off_counts_despite_rounding():
    # 4.3 - 3.3 is 0.9999999999999996 in floating point
    found = al.detect_ruptures(course([4.3, 3.3, 4.3]), rule="drop_points", points=1.0)
    assert flagged(found) == [2]


def test_within_sd_uses_the_clients_own_sd_with_n_minus_1():
    # mean 4, squares 1 + 1 + 4 + 1 + 1 = 8 over 4: SD = sqrt(2); the fall 5 -> 2 is 3 points
    scores = course([5, 5, 2, 3, 5])
    found = al.detect_ruptures(scores, rule="drop_within_sd", k=2.0)
    assert flagged(found) == [3]
    assert found.sessions["distance"][2] == pytest.approx(3 / np.sqrt(2), abs=EXACT)
    assert flagged(al.detect_ruptures(scores, rule="drop_within_sd", k=2.2)) == []


def two_clients():
    # a: squares 8 over 4 df; b never moves but once: 4, 4, 4, 4, 3.5 -> squares 0.2 over 4 df
    return pd.concat([course([5, 5, 2, 3, 5]), course([4, 4, 4, 4, 3.5], client="b")])


def test_pooled_sd_takes_both_clients_together():
    found = al.detect_ruptures(two_clients(), rule="drop_pooled_sd")
    pooled = np.sqrt((8 + 0.2) / 8)
    assert found.sessions["distance"][2] == pytest.approx(3 / pooled, abs=EXACT)
    assert flagged(found) == [3]
    assert flagged(found, "b") == []


def test_a_stable_client_has_a_trivial_rupture_by_own_sd_and_none_by_the_stricter():
    own = al.detect_ruptures(two_clients(), rule="drop_within_sd")
    strict = al.detect_ruptures(two_clients(), rule="drop_stricter_sd")
    assert flagged(own, "b") == [5]
    assert flagged(strict, "b") == []
    assert strict.sessions["distance"][2] == pytest.approx(3 / np.sqrt(2), abs=EXACT)
    assert strict.sessions["distance"][9] == pytest.approx(0.5 / np.sqrt(8.2 / 8), abs=EXACT)


def test_sample_sd_is_the_sd_of_all_scores():
    found = al.detect_ruptures(two_clients(), rule="drop_sample_sd")
    sd = np.std([5, 5, 2, 3, 5, 4, 4, 4, 4, 3.5], ddof=1)
    assert found.sessions["distance"][2] == pytest.approx(3 / sd, abs=EXACT)


def test_reliable_change_is_1_96_standard_errors_of_a_difference():
    # SE of the difference = 2 * sqrt(2 * 0.2) = 1.2649; times 1.96 = 2.479
    cut = {"rule": "drop_reliable_change", "reliability": 0.8, "sd": 2.0}
    assert flagged(al.detect_ruptures(course([5, 2.53, 5]), **cut)) == []
    assert flagged(al.detect_ruptures(course([5, 2.52, 5]), **cut)) == [2]


def test_without_a_reliability_the_adjacent_correlation_is_used_and_told():
    scores = pd.concat([course([5, 4, 5, 4, 6]), course([3, 2, 1, 2, 1], client="b")])
    found = al.detect_ruptures(scores, rule="drop_reliable_change")
    x, y = [5, 4, 5, 4, 3, 2, 1, 2], [4, 5, 4, 6, 2, 1, 2, 1]
    r = np.corrcoef(x, y)[0, 1]
    unit = np.std(scores["score"], ddof=1) * np.sqrt(2 * (1 - r))
    assert found.sessions["distance"][1] == pytest.approx(1 / unit, abs=EXACT)
    assert f"{r:.3f}" in found.messages[0]


def test_running_mean_needs_all_its_sessions():
    found = al.detect_ruptures(course([4, 5, 6, 3, 5]), rule="drop_running_mean", n_reference=3)
    assert found.sessions["judged"].tolist() == [False, False, False, True, True]
    assert found.sessions["reference"][3] == pytest.approx(5, abs=EXACT)
    assert found.sessions["reference"][4] == pytest.approx(14 / 3, abs=EXACT)
    assert flagged(found) == [4]


def test_trend_follows_session_numbers_and_not_rows():
    # x = 2 t without error but for session 6, on sessions 1, 2, 4, 6, 8, 9 (mean 5)
    session, score = [1, 2, 4, 6, 8, 9], [2, 4, 8, 6, 16, 18]
    found = al.detect_ruptures(course(score, session), rule="drop_trend", k=1.5)
    slope, intercept = np.polyfit(session, score, 1)
    fitted = intercept + slope * np.array(session)
    sd = np.sqrt(np.square(np.array(score) - fitted).sum() / 4)
    assert found.sessions["reference"].to_numpy() == pytest.approx(fitted, abs=1e-10)
    assert found.sessions["distance"][3] == pytest.approx((fitted[3] - 6) / sd, abs=1e-10)
    assert flagged(found) == [6]


def test_client_mean_is_a_reference_of_the_open_rule():
    found = al.detect_ruptures(
        course([5, 5, 1, 5]), rule="drop", reference="client_mean", scale="points", points=2
    )
    assert found.sessions["reference"].tolist() == [4.0] * 4
    assert flagged(found) == [3]


VISCOSITY = [
    33.75, 33.05, 34.00, 33.81, 33.46, 34.02, 33.68, 33.27,
    33.49, 33.20, 33.62, 33.00, 33.54, 33.12, 33.84,
]  # fmt: skip


def test_limits_of_the_viscosity_example():
    # Montgomery, Introduction to Statistical Quality Control: centre 33.52, mean moving range
    # 0.48, limits 32.24 and 34.80 (two decimals in the book)
    found = al.detect_ruptures(course(VISCOSITY), rule="control_chart")
    limits = found.limits.iloc[0]
    book = {"centre": 33.52, "mean_moving_range": 0.48, "lower": 32.24, "upper": 34.80}
    for name, value in book.items():
        assert round(limits[name], 2) == value
    assert limits["upper"] - limits["centre"] == pytest.approx(
        3 / 1.128 * limits["mean_moving_range"], abs=EXACT
    )
    assert flagged(found) == []


def test_a_session_below_the_limit_of_a_baseline_phase_is_flagged():
    score = [5, 5.2, 5, 5.2, 5, 5.2, 4.0, 5.1]
    found = al.detect_ruptures(course(score), rule="control_chart", baseline=6)
    limits = found.limits.iloc[0]
    assert limits["centre"] == pytest.approx(5.1, abs=EXACT)
    assert limits["lower"] == pytest.approx(5.1 - 3 * 0.2 / 1.128, abs=EXACT)
    assert found.sessions["judged"].tolist() == [False] * 6 + [True] * 2
    assert flagged(found) == [7]
    assert found.episodes.loc[0, "repair_session"] == 8


def test_moving_ranges_do_not_cross_gaps():
    score, session = [5, 6, 5, 9, 8, 9, 8, 9], [1, 2, 3, 7, 8, 9, 10, 11]
    near = al.detect_ruptures(course(score, session), rule="control_chart")
    across = al.detect_ruptures(course(score, session), rule="control_chart", max_gap=None)
    assert near.limits.loc[0, "mean_moving_range"] == pytest.approx(1, abs=EXACT)
    assert across.limits.loc[0, "mean_moving_range"] == pytest.approx(10 / 7, abs=EXACT)


def test_a_chart_without_width_flags_nothing_and_says_so():
    found = al.detect_ruptures(course([7.0] * 8 + [5.0]), rule="control_chart", baseline=8)
    assert flagged(found) == []
    assert "moving ranges of zero" in found.messages[0]


def test_a_trend_is_taken_out_of_the_chart():
    t = np.arange(1, 11)
    score = 3 + 0.5 * t + np.where(t % 2 == 0, 0.1, -0.1)
    plain = al.detect_ruptures(course(score), rule="control_chart")
    detrended = al.detect_ruptures(course(score), rule="control_chart", detrend=True)
    assert flagged(plain) != []
    assert flagged(detrended) == []
    slope, intercept = np.polyfit(t, score, 1)
    assert detrended.limits.loc[0, "slope"] == pytest.approx(slope, abs=1e-10)
    assert detrended.limits.loc[0, "intercept"] == pytest.approx(intercept, abs=1e-10)


def test_lag_1_autocorrelation_of_the_chart():
    # mean 0; products 1*-1 seven times, squares 8: -7/8
    found = al.detect_ruptures(course([1, -1] * 4), rule="control_chart")
    assert found.limits.loc[0, "autocorrelation"] == pytest.approx(-7 / 8, abs=EXACT)


def test_ewma_recursion_and_its_widening_limits():
    score = [5.0, 5.4, 5.0, 5.4, 3.0, 3.0, 3.2, 3.0]
    found = al.detect_ruptures(course(score), rule="ewma", baseline=4, k=2.0)
    sigma, centre, z = 0.4 / 1.128, 5.2, 5.2
    for step, x in enumerate(score[4:], start=1):
        z = 0.2 * x + 0.8 * z
        width = sigma * np.sqrt(0.2 / 1.8 * (1 - 0.8 ** (2 * step)))
        row = found.sessions.iloc[3 + step]
        assert row["distance"] == pytest.approx((centre - z) / width, abs=1e-10)
        assert row["threshold"] == pytest.approx(centre - 2 * width, abs=1e-10)
    assert flagged(found) == [5, 6, 7, 8]


def test_cusum_adds_falls_beyond_the_allowance():
    score = [5.0, 5.4, 5.0, 5.4, 4.8, 4.8, 5.8, 4.6]
    found = al.detect_ruptures(course(score), rule="cusum", baseline=4, k=1.5)
    sigma, total, sums = 0.4 / 1.128, 0.0, []
    for x in score[4:]:
        total = max(0.0, total + (5.2 - x) / sigma - 0.5)
        sums.append(total)
    assert found.sessions["distance"].tolist()[4:] == pytest.approx(sums, abs=1e-10)
    assert flagged(found) == [s for s, value in zip(range(5, 9), sums, strict=True) if value > 1.5]
    assert sums[2] == 0.0


def test_change_point_dates_the_fall_and_the_return():
    score = [5, 5.1, 4.9, 5, 3, 3.1, 2.9, 3, 5, 4.9, 5.1, 5]
    found = al.detect_ruptures(course(score), rule="change_point")
    episode = found.episodes.iloc[0]
    assert flagged(found) == [5]
    assert episode["depth"] == pytest.approx(2, abs=1e-10)
    assert episode["repair_session"] == 9
    assert episode["outcome"] == "repaired"


def test_change_point_needs_no_noise():
    found = al.detect_ruptures(course([5.0] * 4 + [3.0] * 4), rule="change_point")
    assert flagged(found) == [5]


def test_thirty_to_thirty_three_is_not_a_loss_of_a_quarter():
    score = course([30, 30, 30, 33, 33, 33])
    options = {"rule": "sudden_loss", "points": 2, "direction": "lower_is_better"}
    assert flagged(al.detect_ruptures(score, **options)) == []
    assert flagged(al.detect_ruptures(score, **options, percent=10)) == [4]
    wide = dict(options, percent_of="range", range=(0, 63))
    assert flagged(al.detect_ruptures(score, **wide)) == []
    narrow = dict(options, percent_of="range", range=(24, 36))
    assert flagged(al.detect_ruptures(score, **narrow)) == [4]


def test_a_sudden_loss_where_higher_is_better():
    score = course([5, 5.2, 5.1, 3, 3.1, 3.2])
    assert flagged(al.detect_ruptures(score, rule="sudden_loss", points=1)) == [4]
    turned = course([3, 3.1, 3.2, 5, 5.2, 5.1])
    assert flagged(al.detect_ruptures(turned, rule="sudden_loss", points=1)) == []


def test_stability_heuristic_is_stricter_than_the_t_test_it_looks_like():
    # squares 2 and 0 over 4 df: heuristic cut 2.776 * 0.707 = 1.963, t cut 1.603
    before, after = [4, 5, 6], [2.5, 2.5, 2.5]
    spread = np.sqrt((2 + 0) / 4)
    difference = 5 - 2.5
    assert 2.776 * spread < difference  # both hold here
    both = {"rule": "sudden_loss", "points": 1}
    assert flagged(al.detect_ruptures(course(before + after), **both)) == [4]
    after = [3.3, 3.3, 3.3]
    assert 2.776 * spread * np.sqrt(2 / 3) < 5 - 3.3 < 2.776 * spread
    score = course(before + after)
    assert flagged(al.detect_ruptures(score, **both)) == []
    assert flagged(al.detect_ruptures(score, **both, stability="t")) == [4]
    assert flagged(al.detect_ruptures(score, **both, stability="none")) == [4]


def test_a_missing_session_raises_the_critical_value_of_stability():
    # 2 before (4, 6: squares 2) and 3 after: df 3, 3.182 * sqrt(2/3) = 2.598,
    # where the value for 6 sessions would let 2.776 * sqrt(2/3) = 2.267 pass
    score, session = [4, 6, 2.5, 2.5, 2.5, 2.5], [1, 3, 4, 5, 6, 7]
    same = {"rule": "sudden_loss", "points": 1, "percent": 10}
    assert flagged(al.detect_ruptures(course(score, session), **same)) == []
    lower = [*score[:2], *[2.4] * 4]
    assert flagged(al.detect_ruptures(course(lower, session), **same)) == [4]


def test_shapes_are_the_coefficients_of_a_parabola():
    t = np.arange(1.0, 9.0)
    bend = np.array([1, -1, -1, 1, 1, -1, -1, 1]) * 0.1
    up, down = 2 + 0.5 * t + bend, 6 - 0.5 * t + bend
    valley = 0.2 * (t - 4.5) ** 2 + 2 + bend
    frame = pd.concat([course(up), course(down, client="b"), course(valley, client="c")])
    found = al.detect_ruptures(frame, rule="shape_clusters", n_clusters=3)
    clients = found.clients.set_index("client_id")
    curvature, slope, _ = np.polyfit(t - 4.5, valley, 2)
    assert clients.loc["c", "curvature"] == pytest.approx(curvature, abs=1e-10)
    assert clients.loc["c", "slope"] == pytest.approx(slope, abs=1e-10)
    residual = valley - np.polyval(np.polyfit(t, valley, 2), t)
    assert clients.loc["c", "residual_sd"] == pytest.approx(
        np.sqrt(np.square(residual).sum() / 5), abs=1e-10
    )
    assert clients["cluster"].tolist() == [1, 3, 2]
    assert clients["class"].isna().all()
    assert "dates no rupture" in found.messages[0]


EVENTS = pd.DataFrame(
    {
        "client_id": ["a", "a", "a", "a", "b"],
        "session": [2, 3, 5, 6, 1],
        "rater": ["client", "client", "client", "client", "therapist"],
        "kind": ["rupture", "repair", "rupture", "rupture", "rupture"],
        "intensity": [3.0, np.nan, 1.0, 2.0, 4.0],
        "resolution": [1.0, np.nan, 2.0, np.nan, 5.0],
    }
)


def held(n=7):
    return pd.concat([course([4.0] * n), course([4.0] * n, client="b")])


def test_direct_reports_of_one_rater():
    found = al.detect_ruptures(held(), rule="direct_report", events=EVENTS)
    assert flagged(found) == [2, 5, 6]
    episodes = found.episodes
    assert episodes["rupture_session"].tolist() == [2, 5]
    assert episodes["repair_session"][0] == 3
    assert episodes["outcome"].tolist() == [
        "repaired",
        "censored",
    ]
    assert episodes["depth"].tolist() == [3, 2]
    therapist = al.detect_ruptures(held(), rule="direct_report", events=EVENTS, rater="therapist")
    assert therapist.episodes["repair_session"].tolist() == [1]  # resolved in the same session


def test_observer_codes_count_segments_and_coders():
    codes = pd.DataFrame(
        {
            "client_id": "a",
            "session": [1, 1, 1, 2, 2, 3],
            "segment": [1, 2, 2, 1, 1, 1],
            "coder_id": ["x", "x", "y", "x", "y", "x"],
            "marker": "m",
            "family": ["withdrawal"] * 3 + ["confrontation", "resolution", "resolution"],
        }
    )
    found = al.detect_ruptures(held(), rule="observer_codes", codes=codes)
    sessions = found.sessions.set_index(["client_id", "session"])
    assert sessions.loc[("a", 1), "distance"] == 1.5  # two segments by x, one by y
    assert flagged(found) == [1, 2]
    assert not sessions.loc[("a", 4), "judged"]
    everybody = al.detect_ruptures(held(), rule="observer_codes", codes=codes, coders="all")
    assert flagged(everybody) == [1]
    known = al.detect_ruptures(held(), rule="observer_codes", codes=codes, uncoded="none")
    assert known.sessions["judged"].all()
    assert found.episodes.loc[0, ["rupture_session", "repair_session"]].tolist() == [1, 2]

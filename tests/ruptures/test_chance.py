"""What chance alone brings, against theory and against itself."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.ruptures.chance import ar1
from alliance_stats.ruptures.chance import expected as chance
from alliance_stats.ruptures.reading import read_series

MONTE_CARLO = 4
"""Standard errors by which a simulated mean may miss its theory."""


def drawn(rng, n, length, phi=0.0, mean_sd=1.0):
    z = np.empty((n, length))
    z[:, 0] = rng.normal(size=n)
    for t in range(1, length):
        z[:, t] = phi * z[:, t - 1] + np.sqrt(1 - phi**2) * rng.normal(size=n)
    return z + rng.normal(0, mean_sd, (n, 1))


def frame(x):
    n, length = x.shape
    return pd.DataFrame(
        {
            "client_id": np.repeat(np.arange(n), length),
            "session": np.tile(np.arange(1, length + 1), n),
            "score": x.ravel(),
        }
    )


def test_permutations_of_three_scores_can_be_counted():
    # 1, 2, 3 in random order with a fall of 2 points: 3 before 1 in 2 of 6 orders
    data = frame(np.array([[1.0, 2.0, 3.0]]))
    table = al.expected_by_chance(
        data,
        rule="drop_points",
        points=2,
        repair_level=1,
        null="permutation",
        replicates=3000,
        seed=1,
    )
    error = np.sqrt(1 / 3 * 2 / 3 / 3000)
    assert table.loc["rupture", "expected"] == pytest.approx(1 / 3, abs=MONTE_CARLO * error)
    assert table.loc["rupture", "observed"] == 0
    assert table.loc["rupture", "ratio"] == 0
    assert table.loc["rupture", "p_value"] == 1
    # the repair back to 3 needs a second 3: never
    assert table.loc["repair", "expected"] == 0
    assert np.isnan(table.loc["repair", "ratio"])


def test_columns_index_and_what_was_done():
    data = frame(drawn(np.random.default_rng(1), 20, 8))
    table = al.expected_by_chance(data, rule="drop_within_sd", replicates=19, seed=2)
    wanted = ["observed", "expected", "ratio", "p_value", "conf_low", "conf_high"]
    assert list(table.index) == ["rupture", "repair"] == table["event"].tolist()
    assert set(wanted) <= set(table.columns)
    found = al.detect_ruptures(data, rule="drop_within_sd")
    assert table.loc["rupture", "observed"] == len(found.episodes)
    assert table.loc["repair", "observed"] == (found.episodes["outcome"] == "repaired").sum()
    assert table.attrs["replicates"] == 19
    again = al.expected_by_chance(data, rule="drop_within_sd", replicates=19, seed=2)
    pd.testing.assert_frame_equal(table, again)


@pytest.mark.parametrize("rule", ["drop_pooled_sd", "drop_sample_sd", "drop_reliable_change"])
def test_what_is_pooled_is_pooled_within_each_replicate(rule, monkeypatch):
    data = frame(drawn(np.random.default_rng(1), 12, 8))
    together = al.expected_by_chance(data, rule=rule, replicates=8, seed=2, null="ar1")
    monkeypatch.setattr(chance, "BATCH_ROWS", 1)
    apart = al.expected_by_chance(data, rule=rule, replicates=400, seed=2, null="ar1")
    many = al.expected_by_chance(data, rule=rule, replicates=400, seed=2, null="ar1")
    pd.testing.assert_frame_equal(apart, many)
    monkeypatch.undo()
    batched = al.expected_by_chance(data, rule=rule, replicates=400, seed=3, null="ar1")
    spread = batched.loc["rupture", "conf_high"] - batched.loc["rupture", "conf_low"]
    # two runs of 400: standard error of the difference is about spread / 4 * sqrt(2 / 400)
    gap = abs(apart.loc["rupture", "expected"] - batched.loc["rupture", "expected"])
    assert gap < MONTE_CARLO * max(spread, 2) / 4 * np.sqrt(2 / 400)
    assert together.loc["rupture", "expected"] > 0


def courses_of(x):
    return read_series(frame(x)).courses("higher_is_better")


def test_autocorrelation_is_found_without_the_bias_of_short_series_and_trends():
    rng = np.random.default_rng(4)
    naive, ours = [], []
    for _ in range(10):
        x = drawn(rng, 200, 8, phi=0.4) + rng.normal(0, 0.3, (200, 1)) * np.arange(8)
        courses = courses_of(x)
        naive.append(ar1.lag_ratio(courses)[0])
        ours.append(ar1.estimate_phi(courses))
    assert np.mean(naive) < 0.1  # what the correction is for
    assert np.mean(ours) == pytest.approx(0.4, abs=MONTE_CARLO * np.std(ours) / np.sqrt(10))


@pytest.mark.parametrize(
    ("course", "words"),
    [
        ([0.0, 1.0, 0.0, 1.0, 0.0, 1.0], "not to be relied on"),
        ([1.0, 3.0, 2.0], "cannot be estimated"),
    ],
)
def test_an_autocorrelation_that_cannot_be_estimated_is_told(course, words):
    data = frame(np.array([course]))
    table = al.expected_by_chance(data, rule="drop_points", replicates=5)
    assert words in " ".join(table.attrs["messages"])


def test_expected_sums_follow_gaps_in_session_numbers():
    times = np.array([1, 2, 5, 6, 7])
    data = pd.DataFrame({"client_id": "a", "session": times, "score": [1.0, 2.0, 3.0, 1.0, 4.0]})
    courses = read_series(data).courses("higher_is_better")
    products, squares = ar1.expected_sums(courses, 0.5)
    R = 0.5 ** np.abs(times[:, None] - times[None, :])
    X = np.column_stack([np.ones(5), times])
    M = np.eye(5) - X @ np.linalg.inv(X.T @ X) @ X.T
    about = M @ R @ M
    assert squares[0] == pytest.approx(np.trace(about))
    assert products[0] == pytest.approx(about[0, 1] + about[2, 3] + about[3, 4])


def test_drawn_courses_keep_each_line_and_sum_of_squares_by_generalised_least_squares():
    rng = np.random.default_rng(3)
    times = np.array([1, 2, 3, 5, 6, 9])
    scores = {"client_id": np.repeat(["a", "b"], 6), "session": np.tile(times, 2)}
    data = pd.DataFrame({**scores, "score": rng.normal(size=12)})
    courses = read_series(data).courses("higher_is_better")
    drift = ar1.fit_drift(courses, 0.5)
    made = ar1.simulate(chance.stack(courses, 2), drift, rng).value.reshape(4, 6)
    R = np.linalg.inv(0.5 ** np.abs(times[:, None] - times[None, :]))
    X = np.column_stack([np.ones(6), times])

    def fit(y):
        line = X @ np.linalg.solve(X.T @ R @ X, X.T @ R @ y)
        return np.append(line, (y - line) @ R @ (y - line))

    real = [fit(y) for y in courses.value.reshape(2, 6)]
    for drawn_course, known in zip(made, [*real, *real], strict=True):
        assert fit(drawn_course) == pytest.approx(known)
    assert not np.allclose(made[0], made[2])


def test_drawn_courses_have_the_autocorrelation_asked_for():
    courses = courses_of(drawn(np.random.default_rng(4), 400, 12))
    drift = ar1.fit_drift(courses, 0.6)
    made = ar1.simulate(courses, drift, np.random.default_rng(1))
    products, squares = ar1.expected_sums(courses, 0.6)
    wanted = products.sum() / squares.sum()
    assert ar1.lag_ratio(made)[0] == pytest.approx(wanted, abs=0.05)


def test_one_or_two_scores_are_kept_as_they_are():
    data = pd.DataFrame(
        {"client_id": ["a", "b", "b"], "session": [4, 1, 5], "score": [3.0, 5.0, 2.0]}
    )
    courses = read_series(data).courses("higher_is_better")
    made = ar1.simulate(courses, ar1.fit_drift(courses, 0.3), np.random.default_rng(1))
    assert made.value == pytest.approx(courses.value)


def test_drawn_scores_lie_on_the_steps_of_the_scale_and_within_its_ends():
    x = np.clip(np.round(2 * drawn(np.random.default_rng(1), 30, 8)) / 2, -2, 1)
    courses = courses_of(x)
    grid = ar1.grid_of(courses, (-2.0, 1.0))
    assert (grid.step, grid.ends) == (0.5, (-2.0, 1.0))
    made = grid.place(ar1.simulate(courses, ar1.fit_drift(courses, 0.0), np.random.default_rng(1)))
    assert set(np.unique(made.value)) <= set(np.arange(-2, 1.1, 0.5))
    assert ar1.grid_of(courses_of(drawn(np.random.default_rng(1), 30, 8)), None).step == 0


STUDIES = 100
NOMINAL = 0.05
ERROR = MONTE_CARLO * np.sqrt(NOMINAL * (1 - NOMINAL) / STUDIES)


@pytest.mark.parametrize(
    ("null", "phi", "rule"),
    [
        ("permutation", 0.0, "drop_within_sd"),
        ("ar1", 0.0, "drop_pooled_sd"),
        ("ar1", 0.4, "drop_pooled_sd"),
        ("ar1", 0.4, "control_chart"),
        ("ar1", 0.4, "change_point"),
    ],
)
def test_with_no_ruptures_five_percent_are_called_more_than_chance(null, phi, rule):
    rng = np.random.default_rng(8)
    p = []
    for study in range(STUDIES):
        data = frame(drawn(rng, 25, 12, phi))
        table = al.expected_by_chance(data, rule=rule, null=null, replicates=99, seed=study)
        p.append(table.loc[["rupture", "repair"], "p_value"].to_numpy())
    rejected = (np.array(p) <= NOMINAL).mean(axis=0)
    assert (rejected <= NOMINAL + ERROR).all(), rejected
    if rule.startswith("drop"):  # counts of a chart are mostly 0 or 1, and p mostly 1
        assert np.mean(p) == pytest.approx(0.5, abs=0.1 + MONTE_CARLO * 0.29 / np.sqrt(STUDIES))


def test_autocorrelation_taken_for_ruptures_by_permutation_is_no_news_to_ar1():
    x = drawn(np.random.default_rng(2), 60, 16, phi=0.6)
    same = {"rule": "control_chart", "replicates": 99, "seed": 1}
    shuffled = al.expected_by_chance(frame(x), null="permutation", **same)
    drifting = al.expected_by_chance(frame(x), null="ar1", **same)
    assert shuffled.loc["rupture", "p_value"] <= 0.02
    assert drifting.loc["rupture", "p_value"] > 0.05


def test_scores_at_the_ends_of_the_scale_are_told():
    x = np.clip(np.round(drawn(np.random.default_rng(1), 30, 8)), -2, 1)
    table = al.expected_by_chance(frame(x), rule="drop_points", replicates=9, range=(-2, 1))
    assert any("lowest or highest the scale has" in said for said in table.attrs["messages"])


def test_ends_at_which_scores_pile_up_are_told_without_a_range():
    x = np.minimum(drawn(np.random.default_rng(1), 30, 8), 1.0)
    said = al.expected_by_chance(frame(x), rule="drop_points", replicates=9).messages
    assert any("highest there are (range= names the scale's ends)" in one for one in said)


@pytest.mark.parametrize(
    ("steps", "word"),
    [
        (lambda rng: rng.normal(size=(60, 12)), ""),
        (lambda rng: -rng.exponential(size=(60, 12)), "skewed"),
        (lambda rng: rng.standard_t(3, size=(60, 12)), "long-tailed"),
    ],
    ids=["normal", "skewed", "long-tailed"],
)
def test_drift_that_is_not_normal_is_told(steps, word):
    x = steps(np.random.default_rng(3))
    said = al.expected_by_chance(frame(x), rule="drop_stricter_sd", replicates=99).messages
    told = [one for one in said if one.startswith("From session to session")]
    assert len(told) == bool(word)
    assert all(word in one and "does not tell the two apart" in one for one in told)
    assert all("(null='resampled';" in one for one in told)


def test_moves_drawn_from_the_scores_own_are_as_skewed_and_tell_no_ruptures_where_there_are_none():
    x = -np.random.default_rng(3).gamma(4, size=(60, 12))
    same = {"rule": "drop_trend", "k": 1.5, "replicates": 99}
    normal, own = (
        al.expected_by_chance(frame(x), null=null, **same) for null in ("ar1", "resampled")
    )
    assert normal.loc["rupture", "p_value"] <= 0.02
    assert own.loc["rupture", "p_value"] > 0.05
    p = f"{own.loc['rupture', 'p_value']:.3f}"[1:]
    assert any(f"{p} for the number of ruptures" in said for said in normal.messages)
    assert "as the clients' own do" in own.messages[0]


@pytest.mark.parametrize(("last", "word"), [(1.0, ""), (0.4, "falls"), (2.5, "grows")])
def test_a_spread_that_changes_over_sessions_is_told(last, word):
    x = np.random.default_rng(4).normal(size=(60, 12)) * np.geomspace(1, last, 12)
    said = al.expected_by_chance(frame(x), rule="drop_stricter_sd", replicates=99).messages
    told = [one for one in said if one.startswith("The spread of the scores")]
    assert len(told) == bool(word)
    assert all(f"scores {word} over sessions" in one for one in told)


def planted_dips(seed=6):
    x = drawn(np.random.default_rng(seed), 40, 12)
    x[:, 6] -= 6
    return frame(x)


def test_the_null_is_ar1_with_the_clients_trends_and_says_what_it_assumes():
    # courses that fall from session to session, and nothing else: many falls, all by the trend
    rng = np.random.default_rng(5)
    data = frame(rng.normal(0, 0.3, (40, 12)) - 0.6 * np.arange(12))
    same = {"rule": "drop_points", "points": 0.9, "replicates": 99, "seed": 1}
    table = al.expected_by_chance(data, **same)
    assert table.attrs["null"] == "ar1"
    assert "own straight trend" in table.attrs["messages"][0]
    assert table.loc["rupture", "p_value"] > 0.05
    shuffled = al.expected_by_chance(data, null="permutation", **same)
    assert "any order" in shuffled.attrs["messages"][0]
    assert shuffled.loc["rupture", "ratio"] < 0.9  # in random order falls are of any size


def test_planted_dips_are_more_than_chance_against_ar1():
    # the dips widen the SD the null is given (to about 1.9), hence the high cut-off
    same = {"rule": "drop_pooled_sd", "k": 3, "replicates": 199, "seed": 1}
    table = al.expected_by_chance(planted_dips(), null="ar1", **same)
    assert table.loc["rupture", "p_value"] == 1 / 200
    assert table.loc["rupture", "ratio"] > 1.3
    assert table.loc["rupture", "observed"] > table.loc["rupture", "conf_high"]


def test_permutation_keeps_dips_of_one_session_and_so_cannot_see_them():
    # said in the docstring: the low score falls from whatever comes before it
    same = {"rule": "drop_pooled_sd", "k": 3, "replicates": 199, "seed": 1}
    table = al.expected_by_chance(planted_dips(), null="permutation", **same)
    assert 0.8 < table.loc["rupture", "ratio"] < 1.2


@pytest.mark.parametrize("null", ["ar1", "resampled", "permutation"])
def test_where_no_session_can_be_judged_nothing_is_held_against_chance(null):
    data = frame(np.repeat(np.arange(20.0)[:, None], 6, axis=1))
    table = al.expected_by_chance(data, rule="drop_within_sd", replicates=19, null=null)
    assert table["observed"].tolist() == [0, 0]
    assert table.drop(columns=["event", "observed"]).isna().all(axis=None)
    assert len(table.messages) == 1
    assert "could judge no session" in table.messages[0]
    assert "Ruptures: no session could be judged." in table.text()
    assert "could judge no session" in str(table)
    with pytest.raises(al.DesignError, match="nothing to draw"):
        table.plot()


def test_the_picture_has_what_was_found_on_what_was_expected():
    same = {"rule": "drop_pooled_sd", "k": 3, "replicates": 99, "seed": 1}
    table = al.expected_by_chance(planted_dips(), **same)
    ax = table.plot()
    found = {line.get_label(): line.get_xdata()[0] for line in ax.lines}
    assert found == {
        "Ruptures found": table.loc["rupture", "observed"],
        "Repairs found": table.loc["repair", "observed"],
    }
    ends = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches]
    np.testing.assert_allclose(ends, table[["null_low", "null_high"]])  # the same numbers


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"null": "permutations"}, "Did you mean 'permutation'"),
        ({"replicates": 0}, "whole number of 1 or more"),
        ({"rule": "shape_clusters"}, "chance has no say"),
    ],
)
def test_errors(options, words):
    data = frame(drawn(np.random.default_rng(1), 5, 8))
    with pytest.raises(al.DesignError, match=words):
        al.expected_by_chance(data, **{"rule": "drop_within_sd", **options})

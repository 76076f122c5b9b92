"""The state model against sums over all paths, known truth and input that cannot be judged."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.stats import loggamma, multivariate_normal, norm

import alliance_stats as al
from alliance_stats.errors import DesignError
from alliance_stats.ruptures.reading import read_series
from alliance_stats.ruptures.states import blocks, estimation, shrinking
from alliance_stats.ruptures.states.drift import beyond, drift
from alliance_stats.ruptures.states.model import NAMES, SHARES, START, STEPS, to_states
from alliance_stats.ruptures.states.passes import Block, Nodes, run

ROUNDING = 1e-9
"""Sums of a few thousand products in another order."""
HARDLY_SKEWED = 5e-3
"""A skew of .001 stands for none: log densities and tails change by up to .0044 three SDs off."""
DIFFERENCE = 1e-5
"""Central differences of a step of 1e-5 of a sum of some hundred."""
SAMPLE = 0.25
"""The number of ruptures six hundred clients seem to have varies by an eighth between studies."""
FEW = 0.03
"""In a hundred clients without ruptures low sessions may lie together by chance."""
NAMED = ("depth", "opening", "closing", "phi", "skew")
"""What may be given, and is not estimated then."""
SEARCH = 0.02
"""The search ends where the likelihood is flat, not at the last digit."""


def one_client(x, session, end=None):
    session = np.asarray(session)
    gap = np.diff(session, prepend=session[0] - 1)
    gaps = np.unique(gap[1:])
    x = np.asarray(x, dtype=float)[:, None]
    return Block(
        x,
        (session - 3.0)[:, None] / 2,
        np.searchsorted(gaps, np.where(np.arange(session.size) > 0, gap, gaps[0]))[:, None],
        np.zeros((session.size, 1), dtype=int) if end is None else np.asarray(end)[:, None],
        np.ones(session.size, dtype=int),
        gaps,
    )


STATES = to_states(START + np.array([0.2, 0.1, 0, 0, -0.1, 0.3, 0.1, 0.1, 0.8, 0.3, -0.5]))
POINTS = Nodes(
    *np.array([[[0.3], [0.9]], [[0.1], [-0.2]], [[0.4], [-0.1]]]), np.log([[0.7], [1.4]])
)


def by_enumeration(x, session, level, trend, log_sd):
    """Return the density of a course and each session's states, summed over all paths.

    States of unobserved sessions are summed over one by one; the density of the scores is that
    of a multivariate normal vector.
    """
    session = np.asarray(session)
    every = np.arange(session[0], session[-1] + 1)
    step = np.zeros((3, 3))
    step[0] = [1 - STATES.opening, *(STATES.opening * SHARES)]
    step[1:, 0] = STATES.closing
    step[[1, 2], [1, 2]] = 1 - STATES.closing
    tie = STATES.phi ** np.diff(session)
    shape = drift(STATES.skew).shape
    mean, spread = loggamma.mean(shape), loggamma.std(shape)
    unit = np.exp(log_sd)
    total, inside = 0.0, np.zeros(session.size)
    line = level + trend * (session - 3.0) / 2
    for path in itertools.product(range(3), repeat=every.size - 1):
        states = np.array([0, *path])
        chance = np.prod(step[states[:-1], states[1:]])
        if chance == 0:
            continue
        seen = states[session - session[0]]
        off = x - line + unit * STATES.depth * STEPS[seen]
        new = np.array([off[0], *((off[1:] - tie * off[:-1]) / np.sqrt(1 - tie**2))])
        spread_of = unit * STATES.sd * np.array([1.0, *np.sqrt(1 - tie**2)])
        z = mean + spread * new / (unit * STATES.sd)
        density = chance * np.prod(spread * loggamma.pdf(z, shape) / spread_of)
        total += density
        inside += density * (seen > 0)
    return total, inside / total


@pytest.mark.parametrize("session", [[1, 2, 3, 4, 5], [1, 2, 4, 5, 8], [1, 4, 5, 6, 7]])
def test_forward_and_backward_sum_over_all_paths_missing_sessions_included(session):
    x = [0.4, -1.9, -1.2, 0.8, -2.5]
    found = run(one_client(x, session), POINTS, STATES)
    weights, shares = [], []
    for k in range(2):
        level, trend, log_sd = POINTS.level[k, 0], POINTS.trend[k, 0], POINTS.log_sd[k, 0]
        density, inside = by_enumeration(x, session, level, trend, log_sd)
        prior = norm(STATES.level, STATES.level_sd).pdf(level)
        prior *= norm(STATES.trend, STATES.trend_sd).pdf(trend)
        prior *= norm(0, STATES.sd_sd).pdf(log_sd)
        weights.append(np.exp(POINTS.log_weight[k, 0]) * prior * density)
        shares.append(inside)
    assert found.log_likelihood[0] == pytest.approx(np.log(sum(weights)), abs=ROUNDING)
    assert found.node[:, 0] == pytest.approx(np.array(weights) / sum(weights), abs=ROUNDING)
    expected = np.average(shares, axis=0, weights=weights)
    assert found.inside[:, 0] == pytest.approx(expected, abs=ROUNDING)
    assert found.sums["moved"].sum() == pytest.approx(4.0)


def test_a_score_at_the_end_of_the_scale_is_that_or_anything_beyond():
    session, top = [1, 2, 3], 0.6
    found = run(one_client([0.1, -0.4, top], session, [0, 0, 1]), POINTS, STATES)

    def density(last):
        return np.exp(run(one_client([0.1, -0.4, last], session), POINTS, STATES).log_likelihood[0])

    assert np.exp(found.log_likelihood[0]) == pytest.approx(quad(density, top, 12)[0], rel=1e-6)


def simulated(
    clients, sessions=16, seed=1, depth=2.0, opening=0.05, closing=0.4, phi=0.3, varies=0.0
):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(clients, sessions))
    inside = np.zeros(z.shape, dtype=bool)
    deep = depth + varies * np.random.default_rng([seed, 1]).normal(size=z.shape)
    for t in range(1, sessions):
        z[:, t] = phi * z[:, t - 1] + np.sqrt(1 - phi**2) * z[:, t]
        draw = rng.random(clients)
        inside[:, t] = np.where(inside[:, t - 1], draw >= closing, draw < opening)
        deep[:, t] = np.where(inside[:, t - 1], deep[:, t - 1], deep[:, t])
    score = 20 + 4 * (z - deep * inside + rng.normal(size=(clients, 1)))
    return pd.DataFrame(
        {
            "client_id": np.repeat(np.arange(clients), sessions),
            "session": np.tile(np.arange(1, sessions + 1), clients),
            "score": score.ravel(),
            "inside": inside.ravel(),
        }
    )


@pytest.fixture(scope="module")
def study():
    return simulated(80, sessions=10)


@pytest.fixture(scope="module")
def found(study):
    return al.detect_ruptures(study, rule="state_model")


def some_blocks(frame):
    courses = read_series(frame).courses("higher_is_better")
    everybody = np.ones(courses.session.size, dtype=bool)
    clients = np.arange(courses.start.size)
    unit = blocks.unit_of(courses, everybody)
    end = blocks.ends(courses, (-100.0, float(courses.value.max())))
    return [block for block, _, _ in blocks.blocks(courses, clients, unit, end)]


def test_the_slope_is_that_of_the_likelihood(monkeypatch):
    frame = simulated(40, sessions=9, seed=3)
    frame["score"] = np.minimum(frame["score"], 23.0)
    frame = frame[np.random.default_rng(1).random(len(frame)) > 0.15]
    (block,) = some_blocks(frame)
    assert block.gaps.size > 1
    assert (block.end == 1).any()
    theta = START + np.linspace(-0.2, 0.2, START.size)
    search = estimation._Search([block], theta, np.ones(theta.size, dtype=bool))
    start = to_states(theta)
    points = estimation.lay(search.evidence[0], start)
    monkeypatch.setattr(estimation, "lay", lambda evidence, states: points)
    slope = search.objective(theta)[1] * search.n_sessions

    def value(at):
        return search.objective(at)[0] * search.n_sessions

    for name, one, step in zip(NAMES, slope, np.eye(theta.size) * 1e-5, strict=True):
        difference = (value(theta + step) - value(theta - step)) / 2e-5
        assert one == pytest.approx(difference, abs=DIFFERENCE, rel=DIFFERENCE), name


@pytest.mark.parametrize("skew", [-1.5, -0.3, 0.6])
def test_drift_has_mean_sd_and_skew_and_tails_of_a_log_gamma_value(skew):
    one = drift(skew)
    turn, same = -np.sign(skew), loggamma(one.shape)
    moments = loggamma.stats(one.shape, moments="mvs")
    assert turn * float(moments[2]) == pytest.approx(skew, rel=ROUNDING)
    z = np.array([-3.0, -0.4, 1.7])
    y = float(moments[0]) + turn * np.sqrt(moments[1]) * z
    density = same.logpdf(y) + np.log(moments[1]) / 2
    assert one.log_density(one.w(z)) == pytest.approx(density, abs=ROUNDING)
    tails = (same.sf, same.cdf) if turn > 0 else (same.cdf, same.sf)
    for end, tail in zip(np.array([1, -1]), tails, strict=True):
        ends = np.full(3, end)
        log_tail, slope, by_skew = beyond(skew, ends, z)
        assert log_tail == pytest.approx(np.log(tail(y)), abs=1e-6)
        ahead, more = beyond(skew, ends, z + 1e-5)[0], beyond(skew + 1e-5, ends, z)[0]
        assert (ahead - log_tail) / 1e-5 == pytest.approx(slope, abs=1e-3)
        assert (more - log_tail) / 1e-5 == pytest.approx(by_skew, abs=1e-3)


def test_no_skew_is_the_normal_distribution():
    one, z = drift(0.0), np.linspace(-3.0, 3.0, 7)
    assert one.log_density(one.w(z)) == pytest.approx(norm.logpdf(z), abs=HARDLY_SKEWED)
    assert beyond(0.0, np.ones(7, dtype=int), z)[0] == pytest.approx(
        norm.logsf(z), abs=HARDLY_SKEWED
    )
    assert np.isfinite(beyond(-1.7, np.ones(2, dtype=int), np.array([-50.0, 50.0]))).all()


def test_without_ruptures_the_likelihood_is_that_of_a_multilevel_model():
    (block,) = some_blocks(simulated(20, sessions=8, seed=5))
    theta = START.copy()
    theta[NAMES.index("opening")] = -40.0
    theta[NAMES.index("sd_sd")] = np.log(1e-4)
    s = to_states(theta)
    found = estimation.smooth(block, s)
    time = block.time[:, 0]
    cov = s.level_sd**2 + s.trend_sd**2 * np.outer(time, time)
    cov = cov + s.sd**2 * s.phi ** np.abs(np.subtract.outer(np.arange(8), np.arange(8)))
    plain = (block.end == 0).all(axis=0)
    expected = multivariate_normal(s.level + s.trend * time, cov).logpdf(block.x.T)
    assert found.log_likelihood[plain] == pytest.approx(expected[plain], abs=HARDLY_SKEWED)


def test_the_truth_is_found_again_and_probabilities_are_shares():
    data = simulated(600, seed=3, varies=0.6)
    found = al.detect_ruptures(data, rule="state_model")
    e = found.estimates
    assert e["converged"]
    assert e["depth"] == pytest.approx(8.0, rel=0.15)
    assert e["opening"] == pytest.approx(0.05, abs=0.02)
    assert e["closing"] == pytest.approx(0.4, abs=0.1)
    assert e["phi"] == pytest.approx(0.3, abs=0.06)
    assert e["within_sd"] == pytest.approx(4.0, rel=0.05)
    known = found.sessions["probability"].notna()
    p, truth = found.sessions.loc[known, "probability"], data.loc[known.to_numpy(), "inside"]
    assert truth[(p >= 0.8).to_numpy()].mean() > 0.8
    assert p.sum() == pytest.approx(truth.sum(), rel=SAMPLE)
    assert truth[(p >= 0.5).to_numpy()].mean() > 0.7


def test_restless_clients_have_no_more_ruptures_than_steady_ones():
    data = simulated(100, sessions=12, seed=4)
    own = np.exp(0.4 * np.random.default_rng(4).normal(size=100))[data["client_id"]]
    mean = data.groupby("client_id")["score"].transform("mean")
    found = al.detect_ruptures(
        data.assign(score=mean + own * (data["score"] - mean)), rule="state_model"
    )
    assert found.estimates["within_sd_sd"] == pytest.approx(0.4, abs=0.1)
    known = found.sessions["probability"].notna().to_numpy()
    p, truth = found.sessions.loc[known, "probability"].to_numpy(), data.loc[known, "inside"]
    steady = own[known] < np.quantile(own, 1 / 3)
    # one SD for all sees 5 of the 37 sessions here, and 60 of 28 with the most restless third
    assert p[steady].sum() == pytest.approx(truth[steady].sum(), rel=SAMPLE)


@pytest.mark.parametrize("phi", [0.0, 0.5])
def test_where_nothing_happened_few_sessions_look_like_a_rupture(phi):
    found = al.detect_ruptures(simulated(150, depth=0.0, phi=phi), rule="state_model")
    assert found.sessions["flag"].mean() < FEW
    assert found.sessions["probability"].mean() < 0.07


def test_scale_shift_and_direction_do_not_matter(study, found):
    turned = study.assign(score=100 - 3 * study["score"])
    other = al.detect_ruptures(turned, rule="state_model", direction="lower_is_better")
    assert other.sessions["probability"].to_numpy() == pytest.approx(
        found.sessions["probability"].to_numpy(), abs=1e-6, nan_ok=True
    )
    assert other.estimates["depth"] == pytest.approx(3 * found.estimates["depth"], rel=1e-5)
    assert other.estimates["level"] == pytest.approx(100 - 3 * found.estimates["level"], rel=1e-5)


def test_the_order_of_rows_does_not_matter(study, found):
    again = al.detect_ruptures(study.sample(frac=1, random_state=1), rule="state_model")
    key = ["client_id", "session"]
    pair = again.sessions.merge(found.sessions, on=key)
    assert pair["probability_x"].to_numpy() == pytest.approx(
        pair["probability_y"].to_numpy(), abs=SEARCH, nan_ok=True
    )


def test_how_clients_are_blocked_does_not_matter(study, found, monkeypatch):
    monkeypatch.setattr(blocks, "CLIENTS", 37)
    other = al.detect_ruptures(study, rule="state_model")
    assert other.sessions["probability"].to_numpy() == pytest.approx(
        found.sessions["probability"].to_numpy(), abs=1e-6, nan_ok=True
    )


def test_parameters_that_are_given_stay_and_stand_in_the_result(study, found):
    given = {name: found.parameters[name] for name in NAMED}
    assert given["depth"] == found.estimates["depth"]
    again = al.detect_ruptures(study, rule="state_model", **given)
    assert {name: again.parameters[name] for name in given} == pytest.approx(given)
    assert again.sessions["probability"].to_numpy() == pytest.approx(
        found.sessions["probability"].to_numpy(), abs=SEARCH, nan_ok=True
    )
    assert "Given, not estimated: depth, opening, closing, phi, skew." in again.messages[0]


def test_flag_distance_and_columns_say_the_same(study, found):
    rows = found.sessions.dropna(subset=["probability"])
    assert (rows["flag"] == (rows["probability"] >= 0.5)).all()
    odds = rows["probability"] / (1 - rows["probability"])
    assert rows["distance"].to_numpy() == pytest.approx(np.log(odds).to_numpy())
    assert (rows["probability_begins"] <= rows["probability"] + ROUNDING).all()
    assert (rows["reference"] >= rows["score"] - ROUNDING).all()
    assert (found.episodes["depth"] > 0).all()
    given = {name: found.parameters[name] for name in NAMED}
    stricter = al.detect_ruptures(
        study, rule="state_model", threshold=0.9, repair_level=0.5, **given
    )
    assert 0 < stricter.sessions["flag"].sum() < found.sessions["flag"].sum()


def test_first_sessions_and_short_clients_are_not_judged(study):
    short = pd.DataFrame({"client_id": "short", "session": [1, 2, 3], "score": [20.0, 9.0, 21.0]})
    found = al.detect_ruptures(pd.concat([study, short]), rule="state_model")
    sessions, clients = found.sessions, found.clients.set_index("client_id")
    first = sessions.groupby("client_id")["session"].transform("min") == sessions["session"]
    assert sessions.loc[first, "probability"].isna().all()
    assert not sessions.loc[first, "judged"].any()
    assert clients.loc["short", "class"] == "too_few_sessions"
    assert sessions.loc[sessions["client_id"] == "short", "probability"].isna().all()


def test_a_ceiling_is_no_rupture_of_those_below_it():
    data = simulated(100, seed=4, depth=0.0, sessions=12)
    data["score"] = np.minimum(data["score"], 26.0)
    found = al.detect_ruptures(data, rule="state_model", range=(-40, 26))
    assert found.sessions["flag"].mean() < FEW
    assert found.estimates["within_sd"] == pytest.approx(4.0, rel=0.1)
    assert found.estimates["within_sd_sd"] == 0
    assert any("of the scores stand at an end" in said for said in found.messages)
    courses = read_series(data).courses("higher_is_better")
    known = blocks.ends(courses, (-40, 26))
    assert (known == 1).sum() == (data["score"] == 26).sum()
    assert (blocks.ends(courses, None) == known).all()


def test_courses_that_never_move_have_no_rupture_and_say_why():
    flat = pd.DataFrame({"client_id": "a", "session": range(1, 9), "score": 4.0})
    found = al.detect_ruptures(flat, rule="state_model")
    assert not found.sessions["flag"].any()
    assert "No client's scores move" in found.messages[0]


def test_one_client_is_judged_and_told_what_that_rests_on():
    one = pd.DataFrame(
        {
            "client_id": "a",
            "session": range(1, 13),
            "score": [5, 5.1, 4.8, 5, 5.2, 3.0, 3.1, 5, 4.9, 5.1, 5, 4.9],
        }
    )
    found = al.detect_ruptures(one, rule="state_model")
    assert list(found.sessions.loc[found.sessions["flag"], "session"]) == [6, 7]
    assert any("rest mostly on what the model assumes" in said for said in found.messages)
    assert found.episodes.loc[0, "repair_session"] == 8


def test_two_sessions_and_no_scores_are_told_of():
    two = pd.DataFrame({"client_id": "a", "session": [1, 2], "score": [4.0, 3.0]})
    with pytest.raises(DesignError, match="needs 4 observed sessions"):
        al.detect_ruptures(two, rule="state_model")
    with pytest.raises(DesignError, match="Not one value"):
        al.detect_ruptures(two.assign(score=np.nan), rule="state_model")
    with pytest.raises(DesignError, match="threshold must be a number between 0 and 1"):
        al.detect_ruptures(two, rule="state_model", threshold=1.5)
    with pytest.raises(DesignError, match="depth must be a number above 0"):
        al.detect_ruptures(two, rule="state_model", depth=-1)


def test_an_outlier_far_beyond_all_scores_leaves_numbers():
    data = simulated(30, sessions=6)
    data.loc[37, "score"] = -1e6
    found = al.detect_ruptures(data, rule="state_model")
    assert found.sessions["probability"].dropna().between(0, 1).all()
    assert np.isfinite(found.estimates["log_likelihood"])


def test_one_far_off_session_is_no_proof_and_three_are():
    given = {"depth": 8.0, "opening": 0.003, "closing": 0.3, "phi": 0.0, "skew": 0.0}
    data = simulated(40, depth=0.0, phi=0.0)
    for lasts, likely in ((1, (0.0, 0.6)), (3, (0.9, 1.0))):
        low = (data["client_id"] == 3) & data["session"].between(8, 7 + lasts)
        fallen = data.assign(score=np.where(low, data["score"].mean() - 16.0, data["score"]))
        found = al.detect_ruptures(fallen, rule="state_model", **given)
        assert found.sessions.loc[low, "probability"].between(*likely).all()


def test_chance_fits_every_replicate_anew():
    table = al.expected_by_chance(
        simulated(40, sessions=8), rule="state_model", replicates=3, null="ar1", seed=1
    )
    assert table.loc["rupture", "observed"] >= table.loc["rupture", "expected"]


def test_therapists_are_shrunk_by_hand():
    points, tau = np.linspace(-3, 3, 601), 0.5
    said, error = np.array([1.0, -0.2]), np.array([0.5, 0.1])
    told = -0.5 * np.square((points[:, None] - said) / error)
    # precisions: of all 1/.25 = 4 about -.125, of their own 4 and 100
    by_hand = [(4 * 1.0 + 4 * -0.125) / 8, (100 * -0.2 + 4 * -0.125) / 104]
    assert shrinking.mean_of(told, points, tau) == pytest.approx(by_hand, abs=1e-6)
    assert shrinking.mean_of(told, points, 0.0) == pytest.approx([0, 0])


def test_the_spread_of_therapists_is_what_is_left_of_their_error():
    points = np.linspace(-3, 3, 601)
    said = np.tile([0.5, -0.5], 50) - 0.08
    told = -0.5 * np.square((points[:, None] - said) / 0.3)
    # variance .25, less the error's .09, about a mean of -.08 = -tau^2 / 2
    # (the penalty's slope, .4 / .25, by the information 200 .16 / .25^2 moves it by .003)
    assert shrinking.sd_of(told, points) == pytest.approx(0.4 - 0.003, abs=2e-3)
    alike = -0.5 * np.square((points[:, None] - 0.5 * said) / 0.3)
    assert shrinking.sd_of(alike, points) < shrinking.LEAST * 1.01


@pytest.mark.parametrize("therapist", ["one", None])
def test_one_therapist_or_none_changes_nothing_and_nothing_is_random(study, found, therapist):
    same = al.detect_ruptures(study.assign(therapist_id=therapist), rule="state_model")
    pd.testing.assert_frame_equal(same.sessions, found.sessions)
    pd.testing.assert_frame_equal(same.clients, found.clients)
    assert same.messages == found.messages
    assert same.estimates == found.estimates


def test_a_probability_to_open_of_each_client_is_used_for_that_client():
    (block,) = some_blocks(simulated(3, sessions=8, seed=5))
    each = np.array([0.01, 0.3, 0.01])
    found = estimation.smooth(block, replace(STATES, opening=each))
    for client, one in enumerate(each):
        alone = estimation.smooth(block, replace(STATES, opening=one))
        assert found.inside[:, client] == pytest.approx(alone.inside[:, client], abs=ROUNDING)


@pytest.fixture(scope="module")
def two_kinds():
    """Twelve therapists of twenty clients; with the last six ruptures open five times as often."""
    parts = [simulated(120, 12, seed=1, opening=0.02), simulated(120, 12, seed=2, opening=0.10)]
    data = pd.concat([parts[0], parts[1].assign(client_id=parts[1]["client_id"] + 120)])
    return data.assign(therapist_id=data["client_id"] // 20).reset_index(drop=True)


def test_therapists_with_more_ruptures_are_told_apart_and_shrunk(two_kinds):
    found = al.detect_ruptures(two_kinds, rule="state_model")
    opening = found.clients["opening"].to_numpy()[::20]
    assert opening[6:].min() > opening[:6].max()
    assert opening[6:].mean() / opening[:6].mean() < 5
    assert found.estimates["n_therapists"] == 12
    assert 0.4 < found.estimates["opening_sd"] < 1.2
    assert any("Between 12 therapists" in said for said in found.messages)
    known = found.sessions["probability"].notna().to_numpy()
    truth = two_kinds.loc[known, "inside"].to_numpy(float)
    pooled = al.detect_ruptures(two_kinds.drop(columns="therapist_id"), rule="state_model")
    error = [
        np.mean(np.square(one.sessions.loc[known, "probability"] - truth))
        for one in (found, pooled)
    ]
    assert error[0] < error[1]


def test_clients_without_a_therapist_have_the_probability_of_all(two_kinds):
    ten_each = two_kinds[two_kinds["client_id"] % 20 < 10]
    some = ten_each["therapist_id"].mask(ten_each["client_id"] == 7)
    found = al.detect_ruptures(ten_each.assign(therapist_id=some), rule="state_model")
    assert found.clients["opening"][7] == pytest.approx(found.estimates["opening"])
    assert found.clients["opening"].nunique() == 13
    few = two_kinds[two_kinds["client_id"] < 60]
    given = al.detect_ruptures(few, rule="state_model", opening=0.05)
    assert "opening" not in given.clients


def test_a_study_and_its_models_know_the_therapists():
    study = al.simulate_study(n_therapists=6, n_clients=40, seed=2)
    ask = {"measure": "wai-sr", "subscale": "total", "rater": "client"}
    often = {"rule": "state_model", "threshold": 0.2}  # ruptures of enough clients for the model
    found = al.detect_ruptures(study, **often, **ask)
    assert found.estimates["n_therapists"] == 6
    inside = al.fit_event_study(study, alliance="wai-sr", **often).ruptures
    assert inside.clients["opening"].to_numpy() == pytest.approx(found.clients["opening"])

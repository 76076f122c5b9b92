"""The search finds planted falls as often as an exact search that knows there is one."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al

N, SESSIONS = 1500, 14
MONTE_CARLO = 0.03
"""Three standard errors of a share near .84 among 1500 clients."""


def frame(x):
    n, length = x.shape
    return pd.DataFrame(
        {
            "client_id": np.repeat(np.arange(n), length),
            "session": np.tile(np.arange(1, length + 1), n),
            "score": x.ravel(),
        }
    )


def planted(seed):
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(N, SESSIONS))
    at = rng.integers(4, 13, N)
    return noise, noise - 3 * (np.arange(1, SESSIONS + 1) >= at[:, None]), at


def exact_search(x):
    """Return the session after the one cut with the least squares, trying every place."""
    places = range(1, SESSIONS)
    rest = [
        ((x[:, :a] - x[:, :a].mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
        + ((x[:, a:] - x[:, a:].mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
        for a in places
    ]
    return np.argmin(rest, axis=0) + 2


def hits(found, at):
    flags = found.sessions.loc[found.sessions["flag"], ["client_id", "session"]]
    return (flags["session"].to_numpy() == at[flags["client_id"].to_numpy()]).sum() / N


def test_planted_falls_of_three_sd_are_found_as_often_as_by_an_exact_search():
    _, x, at = planted(1)
    exact = (exact_search(x) == at).mean()
    assert exact == pytest.approx(0.84, abs=MONTE_CARLO)
    one = al.detect_ruptures(frame(x), rule="change_point", max_changes=1, penalty=0.0)
    assert hits(one, at) == pytest.approx(exact, abs=MONTE_CARLO)
    usual = al.detect_ruptures(frame(x), rule="change_point")
    assert hits(usual, at) == pytest.approx(exact, abs=MONTE_CARLO)


def test_noise_alone_gives_a_fall_to_about_one_client_in_nine():
    noise, _, _ = planted(2)
    found = al.detect_ruptures(frame(noise), rule="change_point")
    share = (found.clients["n_ruptures"] > 0).mean()
    assert 0.05 < share < 0.15


def test_a_change_at_a_gap_cannot_be_dated():
    score = [5, 5.1, 4.9, 5, 3, 3.1, 2.9, 3]
    session = [1, 2, 3, 4, 8, 9, 10, 11]
    data = pd.DataFrame({"client_id": "a", "session": session, "score": score})
    assert al.detect_ruptures(data, rule="change_point").episodes.empty
    far = al.detect_ruptures(data, rule="change_point", max_gap=None)
    assert far.episodes["rupture_session"].tolist() == [8]


def test_dips_of_one_session_need_min_length_one():
    score = [5, 5.1, 4.9, 5, 5.05, 1, 5.1, 4.95, 5, 5.1]
    data = pd.DataFrame({"client_id": "a", "session": range(1, 11), "score": score})
    assert al.detect_ruptures(data, rule="change_point").episodes.empty
    short = al.detect_ruptures(data, rule="change_point", min_length=1)
    assert short.episodes["rupture_session"].tolist() == [6]
    assert short.episodes["repair_session"].tolist() == [7]

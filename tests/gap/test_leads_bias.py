"""Who leads: the bias of few sessions is taken off, and moving together is no lead."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.gap.dyads.cross_lagged import _lagged
from alliance_stats.gap.dyads.lagged import solve, sums_of
from alliance_stats.gap.pairs import paired_ratings

A = np.array([[0.3, 0.15], [0.1, 0.2]])


def scores_of(client, therapist, of=None, keep=None):
    """Arrays of dyads by sessions as scores; `keep` leaves sessions out."""
    dyads, sessions = client.shape
    base = pd.DataFrame(
        {"client_id": np.repeat(np.arange(dyads), sessions),
         "session": np.tile(np.arange(1, sessions + 1), dyads)}
    )  # fmt: skip
    if of is not None:
        base["therapist_id"] = np.repeat(of, sessions)
    sides = [
        base.assign(rater=rater, score=values.ravel())
        for rater, values in (("client", client), ("therapist", therapist))
    ]
    return pd.concat(side[keep.ravel()] if keep is not None else side for side in sides)


def course(seed, dyads, sessions, effects=A, noise=((0.25, 0.08), (0.08, 0.16))):
    rng = np.random.default_rng(seed)
    shocks = rng.multivariate_normal([0, 0], noise, (dyads, sessions + 20))
    y = np.zeros((dyads, 2))
    out = []
    for t in range(sessions + 20):
        y = y @ np.asarray(effects).T + shocks[:, t]
        out.append(y)
    y = np.stack(out[20:], axis=1) + rng.normal(4, 0.6, (dyads, 1, 2))
    return y[:, :, 0], y[:, :, 1]


@pytest.mark.parametrize("sessions", [5, 8, 15])
@pytest.mark.parametrize("holes", [False, True])
def test_planted_effects_are_found_with_few_sessions(sessions, holes):
    client, therapist = course(sessions, 6000, sessions)
    keep = np.random.default_rng(0).random(client.shape) > 0.15 if holes else None
    rows, _ = _lagged(
        paired_ratings(scores_of(client, therapist, keep=keep), measure=None, scale=None)
    )
    sums = sums_of(rows)
    found = solve(sums, np.ones((1, sums.n))).effects[0]
    # 6,000 dyads: standard errors are below .02 at five sessions; uncorrected -.1 comes for .3
    assert found == pytest.approx(A, abs=0.05)
    plain = np.linalg.solve(sums.xx.sum(0), sums.xy.sum(0))[:2].T
    if sessions == 5:
        assert plain[0, 0] < 0.1


def test_following_within_the_session_is_no_lead():
    """The therapist follows in the same session, the client's rating carries over: nobody leads."""
    found, hits, false = [], 0, 0
    for seed in range(40):
        rng = np.random.default_rng([7, seed])
        client, _ = course(seed, 120, 8, [[0.3, 0.0], [0.0, 0.0]])
        own = client - client.mean(axis=1, keepdims=True)
        therapist = 3.6 + 0.4 * own + rng.normal(0, 0.3, own.shape)
        table = al.who_leads(scores_of(client, therapist, np.repeat(np.arange(20), 6))).tidy()
        rows = table.set_index("term")
        hits += (
            rows.loc["client:carry_over", "conf_low"]
            < 0.3
            < rows.loc["client:carry_over", "conf_high"]
        )
        false += rows.loc["therapist:from_other", "p_value"] < 0.05
        found.append(rows.loc["difference_standardised", "p_value"] < 0.05)
    assert hits >= 34  # of 40 at 95 %: fewer in 1 of 1,000 runs
    assert false <= 6  # of 40 at 5 %: more in 3 of 1,000 runs
    assert sum(found) <= 6


def test_the_standard_error_is_that_of_leaving_therapists_out():
    client, therapist = course(3, 60, 8)
    of = np.repeat(np.arange(10), 6)
    data = scores_of(client, therapist, of)
    row = al.who_leads(data).tidy().set_index("term").loc["client:carry_over"]
    without = [
        al.who_leads(data[data["therapist_id"] != one]).tidy().set_index("term")
        .loc["client:carry_over", "estimate"]
        for one in range(10)
    ]  # fmt: skip
    expected = np.sqrt(9 / 10 * ((without - np.mean(without)) ** 2).sum())
    assert row["std_error"] == pytest.approx(expected, rel=1e-6)
    assert row["df"] == 9

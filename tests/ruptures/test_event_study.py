"""The course around ruptures: windows by hand, exact courses, equality with R."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.ruptures.models import event_study
from alliance_stats.ruptures.models.event_windows import Course, windows

HERE = Path(__file__).resolve().parents[1] / "reference" / "ruptures"
EXACT = 1e-8
"""Relative: the same least squares, in another order of sums."""


def course(values, ruptures=(), free=()):
    number = np.arange(1, len(values) + 1)
    return Course(number, np.array(values, float), np.array(ruptures, int), np.array(free, int))


def test_a_window_is_cut_at_the_ruptures_beside_it():
    one = course(range(12), ruptures=[3, 6])
    window = one.around(3, before=5, after=5, lag=0)
    clock, value = window["clock"], window["value"]
    assert clock.tolist() == [-2, -1, 0, 1, 2]  # session 6 is the next rupture
    assert value.tolist() == [0, 1, 2, 3, 4]
    clock = one.around(6, before=5, after=2, lag=0)["clock"]
    assert clock.tolist() == [-3, -2, -1, 0, 1, 2]
    clock = one.around(3, before=2, after=5, lag=1)["clock"]
    assert clock.tolist() == [-2, -1, 0, 1, 2]  # the clock begins one session later


def test_events_without_enough_sessions_are_counted_not_used():
    courses = {"a": course(range(6), ruptures=[2], free=[4])}
    rows, counts = windows(
        courses,
        before=3,
        after=3,
        least=2,
        lag=0,
        matched=False,
        rng=np.random.default_rng(0),
    )
    assert counts == {"ruptures": 1, "used": 0, "pseudo": 0}
    assert rows.empty


def test_a_matched_pseudo_event_has_the_nearest_level_before():
    values = [0, 0, 0, 9, 0, 0, 5, 0, 0, 8, 0, 0, 0, 0, 0]
    one = course(values, ruptures=[5], free=[8, 11])
    rows, _ = windows(
        {"a": one},
        before=2,
        after=2,
        least=1,
        lag=0,
        matched=True,
        rng=np.random.default_rng(0),
    )
    pseudo = rows[rows["kind"] == "pseudo"]
    assert set(pseudo["event_session"]) == {11}  # 8 before it, nearer to 9 than 5 is


def test_the_window_of_a_pseudo_event_keeps_out_of_those_of_ruptures():
    one = course(range(20), ruptures=[4, 16])
    clock = one.around(10, before=3, after=3, lag=0, clear=True)["clock"]
    assert clock.tolist() == [-2, -1, 0, 1, 2]  # sessions 8 to 12: 1-7 and 13-19 are taken
    clock = one.around(10, before=3, after=3, lag=1, clear=True)["clock"]
    assert clock.tolist() == [-2, -1, 0, 1, 2]  # sessions 9 to 13 about 11


def ramps(seed, clients=150, sessions=20, before=3):
    """An outcome that rises by .5 a session up to the one before a rupture, and stays there.

    The line before would go on to rise at the rupture: the step from it is -.5.
    """
    rng = np.random.default_rng(seed)
    begins = rng.integers(5, sessions - 3, (clients, 1))
    number = np.arange(1, sessions + 1)
    bond = 5 + rng.normal(0, 0.3, (clients, sessions)) - 3 * (number == begins)
    risen = 0.5 * np.clip(number - begins + before + 1, 0, before)
    y = rng.normal(0, 2, (clients, 1)) + rng.normal(0, 0.5, bond.shape) + risen
    return pd.DataFrame(
        {
            "client_id": np.repeat(np.arange(clients), sessions),
            "session": np.tile(number, clients),
            "bond": bond.ravel(),
            "y": y.ravel(),
        }
    )


def test_a_ramp_before_ruptures_is_not_among_the_pseudo_events():
    ask = {"alliance": "bond", "outcome": "y", "lag": 0, "rule": "drop_points", "points": 2}
    rows = [
        al.fit_event_study(ramps(seed), **ask, seed=seed).tidy().set_index("term")
        for seed in range(4)
    ]
    for part, truth in (("slope_before", 0.5), ("step", -0.5), ("slope_after", 0.0)):
        found = pd.concat([row.loc[[f"difference: {part}"]] for row in rows])
        error = found["std_error"].mean() / np.sqrt(len(rows))
        assert found["estimate"].mean() == pytest.approx(truth, abs=3 * error)


def lines(step, clients=8):
    """Exact courses: slope -1, a step at session 6, slope 2 after; each client a level."""
    number = np.arange(1, 13)
    parts = []
    for client in range(clients):
        tau = number - 6
        y = 10 * client - np.minimum(tau, 0) + step * (tau >= 0) + 2 * np.maximum(tau, 0)
        parts.append(pd.DataFrame({"client_id": client, "session": number, "y": y * 1.0}))
    return pd.concat(parts, ignore_index=True)


def test_slopes_and_step_of_an_exact_course_are_found_exactly():
    data = lines(5.0)
    dip = np.where(data["session"] == 6, 1.0, 5.0)
    found = al.fit_event_study(
        data.assign(bond=dip),
        alliance="bond",
        outcome="y",
        lag=0,
        rule="drop_points",
        points=2,
        before=4,
        after=4,
    )
    rows = found.tidy().set_index("term")["estimate"]
    assert rows["rupture: slope_before"] == pytest.approx(-1.0)
    assert rows["rupture: step"] == pytest.approx(5.0)
    assert rows["rupture: slope_after"] == pytest.approx(2.0)


def test_estimates_and_errors_equal_r():
    wanted = json.loads((HERE / "references.json").read_text(encoding="utf-8"))["event_study"]
    rows = event_study._estimate(pd.read_csv(HERE / "windows.csv")).iloc[:6]
    assert rows["estimate"].tolist() == pytest.approx(wanted["coef"], rel=EXACT)
    assert rows["std_error"].tolist() == pytest.approx(wanted["std_error"], rel=EXACT)


def test_the_difference_is_rupture_minus_pseudo():
    study = al.simulate_study(n_therapists=6, n_clients=60, seed=4)
    found = al.fit_event_study(study, alliance="wai-sr", outcome="core-10", seed=1)
    rows = found.tidy().set_index("term")["estimate"]
    for part in ("slope_before", "step", "slope_after"):
        difference = rows[f"rupture: {part}"] - rows[f"pseudo: {part}"]
        assert rows[f"difference: {part}"] == pytest.approx(difference)
    again = al.fit_event_study(study, alliance="wai-sr", outcome="core-10", seed=1)
    pd.testing.assert_frame_equal(found.windows, again.windows)


def test_pseudo_events_lie_outside_episodes_of_the_same_clients():
    study = al.simulate_study(n_therapists=6, n_clients=60, seed=4)
    found = al.fit_event_study(study, alliance="wai-sr", outcome="core-10", seed=1)
    pseudo = found.windows[found.windows["kind"] == "pseudo"]
    where = pseudo[["client_id", "event_session"]].drop_duplicates()
    sessions = found.ruptures.sessions.rename(columns={"session": "event_session"})
    joined = where.merge(sessions, on=["client_id", "event_session"])
    assert len(joined) == len(where)
    assert (joined["episode"] < 0).all()
    with_rupture = set(found.ruptures.episodes["client_id"])
    assert set(pseudo["client_id"]) <= with_rupture


def test_the_series_the_rule_reads_is_told_of():
    study = al.simulate_study(n_therapists=6, n_clients=60, seed=4)
    found = al.fit_event_study(study, alliance="wai-sr")
    assert found.settings["lag"] == 0
    assert "regression to the mean" in " ".join(found.messages)
    assert found.tidy().set_index("term")["estimate"]["rupture: step"] < 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"pseudo": "matchd"}, "Did you mean 'matched'"),
        ({"series": "outcome"}, "needs outcome="),
        ({"before": 0}, "before must be a whole number of 1 or more"),
        ({"min_each": 9}, "more than the window can hold"),
    ],
)
def test_what_cannot_be_asked_is_refused(change, said):
    study = al.simulate_study(n_therapists=3, n_clients=20, seed=4)
    with pytest.raises(al.DesignError, match=said):
        al.fit_event_study(study, **{"alliance": "wai-sr", **change})


def test_too_few_ruptures_are_refused():
    data = lines(1.0, clients=4).assign(bond=5.0)
    with pytest.raises(al.DesignError, match="ruptures of 5 clients"):
        al.fit_event_study(data, alliance="bond", outcome="y", rule="drop_points", points=1)


def test_the_picture_shows_both_kinds_with_n():
    study = al.simulate_study(n_therapists=6, n_clients=60, seed=4)
    found = al.fit_event_study(study, alliance="wai-sr", outcome="core-10")
    ax = found.plot()
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[0] == f"rupture (n = {found.counts['used']})"
    assert labels[1].startswith("pseudo-event (n = ")
    before = found.course[(found.course["kind"] == "rupture") & (found.course["clock"] < 0)]
    assert abs(before["mean"].mean()) < 1.0

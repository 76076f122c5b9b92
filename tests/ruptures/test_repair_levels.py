"""The levels at which rules call a rupture repaired, against repairs whose session is known."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al

CLIENTS, SESSIONS, LAST = 600, 16, 2
ERROR = 3 * (0.9 * 0.1 / 380) ** 0.5
"""Three Monte Carlo standard errors, .046, of a share of .9: of the 600 ruptures the default finds
about 380. Five seeds give .90 to .94 (1 SD, which finds 470, .92 to .95: a fall of 2 SD comes
more often from a session that was high by chance, half of which is regained later).
"""
STEP = 0.1
"""A default may fall short of the best level of a coarse grid by so much of right dates."""
CENTRED = ("drop_trend", "control_chart", "cusum")
"""They count a fall from a level that the rupture itself pulls down: more has to be regained."""


def repaired_courses(depth, seed=1, lasting=False):
    rng = np.random.default_rng(seed)
    begins = rng.integers(5, SESSIONS - LAST - 1, CLIENTS)
    session = np.arange(1, SESSIONS + 1)
    inside = (session >= begins[:, None]) & ((session < begins[:, None] + LAST) | lasting)
    score = rng.normal(size=(CLIENTS, SESSIONS)) + rng.normal(size=(CLIENTS, 1)) - depth * inside
    frame = pd.DataFrame(
        {
            "client_id": np.repeat(np.arange(CLIENTS), SESSIONS),
            "session": np.tile(session, CLIENTS),
            "score": score.ravel(),
        }
    )
    return frame, begins


def dated_right(rule, depth, **options):
    """Return the share of found ruptures whose repair is dated at its true session."""
    frame, begins = repaired_courses(depth)
    episodes = al.detect_ruptures(frame, rule=rule, **options).episodes
    start = begins[episodes["client_id"].astype(int)]
    inside = (episodes["rupture_session"] >= start) & (episodes["rupture_session"] < start + LAST)
    repair = episodes["repair_session"].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    return float((repair == start + LAST)[inside].mean())


@pytest.mark.parametrize(
    "rule", ["drop_stricter_sd", "drop_reliable_change", "drop_running_mean", *CENTRED]
)
def test_the_default_dates_repairs_about_as_well_as_any_level_could(rule):
    options = {"k": 3.0} if rule == "cusum" else {}
    best = max(dated_right(rule, 4.0, repair_level=level, **options) for level in (0.4, 0.6, 0.8))
    assert dated_right(rule, 4.0, **options) > best - STEP
    assert dated_right(rule, 4.0, **options) > 0.8


def test_the_whole_fall_regained_dates_less_than_half_of_them():
    assert dated_right("drop_stricter_sd", 4.0, repair_level=1) < 0.5
    assert dated_right("drop_stricter_sd", 4.0) > 0.9 - ERROR


def test_what_half_a_fall_costs_is_that_lasting_falls_are_more_often_called_repaired():
    frame, _ = repaired_courses(3.0, lasting=True)
    share = [
        (al.detect_ruptures(frame, rule="drop_stricter_sd", k=2.0, repair_level=level)
         .episodes["outcome"] == "repaired").mean()
        for level in (0.5, 1.0)
    ]  # fmt: skip
    assert share[0] > share[1] + STEP


def test_a_true_effect_of_repair_comes_out_where_the_repair_is_dated_right():
    # -2 points at the session after each repair; a level of 1 misses half of the repairs
    frame, begins = repaired_courses(6.0)
    after = frame["session"] == (begins + LAST + 1)[frame["client_id"]]
    noise = np.random.default_rng(2).normal(0, 1, len(frame))
    data = frame.assign(distress=20 + noise - 2.0 * after)

    def effect(**options):
        model = al.fit_rupture_repair(
            data, alliance="score", outcome="distress", levels=2, reverse=False, **options
        )
        table = model.table[model.table["model"] == "outcome, 2 levels"]
        return table.set_index("term").loc["repair_lag1_within"]

    found = effect(rule="drop_stricter_sd", k=2.0)
    assert found["conf_low"] < -2.0 < found["conf_high"]
    old = effect(rule="drop_stricter_sd", k=2.0, repair_level=1)
    assert old["conf_low"] > -2.0

"""The session after ruptures and repairs: marks by hand, planted effects, refusals."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.ruptures.models.session_table import session_table

BOTH = {"alliance": "bond", "outcome": "distress"}
EFFECT = 3.0
FOUR_ERRORS = 4.0
"""A recovered effect lies within four standard errors: once in 16,000 it would not."""


def planted(seed=1, clients=80, sessions=12, effect=EFFECT, therapists=0):
    """Courses with one deep dip a client, after which the next outcome is raised."""
    rng = np.random.default_rng(seed)
    shape = (clients, sessions)
    bond = 5 + rng.normal(0, 0.5, (clients, 1)) + rng.normal(0, 0.2, shape)
    distress = 20 + rng.normal(0, 3, (clients, 1)) + rng.normal(0, 1.0, shape)
    where = rng.integers(3, sessions - 2, clients)
    bond[np.arange(clients), where] -= 2.0
    distress[np.arange(clients), where + 1] += effect
    data = pd.DataFrame(
        {
            "client_id": np.repeat([f"c{i:03d}" for i in range(clients)], sessions),
            "session": np.tile(np.arange(1, sessions + 1), clients),
            "bond": bond.ravel(),
            "distress": distress.ravel(),
        }
    )
    if therapists:
        data["therapist_id"] = np.repeat(np.arange(clients) % therapists, sessions)
    return data


def term(model, name, which="outcome, 2 levels"):
    table = model.table
    return table[(table["model"] == which) & (table["term"] == name)].iloc[0]


def test_ruptures_and_repairs_stand_at_their_sessions_with_their_size():
    data = pd.DataFrame(
        {"client_id": "a", "session": range(1, 8), "bond": [5.0, 5.2, 3.0, 4.0, 5.3, 5.1, 5.0]}
    )
    rows = session_table(
        data,
        alliance=("bond", None, None),
        outcome=None,
        rule="drop_points",
        parameters={"points": 1.5},
    ).rows
    assert np.isnan(rows["rupture"].iloc[0])  # the first session cannot be judged
    assert rows["rupture"].tolist()[1:] == [0, 1, 0, 0, 0, 0]
    assert rows["repair"].tolist()[1:] == [0, 0, 0, 1, 0, 0]
    assert rows["rupture_size"].iloc[2] == pytest.approx(2.2)
    assert rows["repair_size"].iloc[4] == pytest.approx(2.3)


def test_the_size_is_the_fall_in_that_session_not_the_depth_reached_later():
    data = pd.DataFrame(
        {"client_id": "a", "session": range(1, 6), "bond": [5.0, 3.0, 1.0, 5.0, 5.0]}
    )
    table = session_table(
        data,
        alliance=("bond", None, None),
        outcome=None,
        rule="drop_points",
        parameters={"points": 1.5},
    )
    assert table.found.episodes["depth"].iloc[0] == pytest.approx(4.0)
    assert table.rows["rupture_size"].iloc[1] == pytest.approx(2.0)


@pytest.mark.parametrize("how", [{}, {"lagged_outcome": False}, {"detrending": "none"}])
def test_a_planted_effect_on_the_next_session_is_found(how):
    model = al.fit_rupture_repair(planted(), **BOTH, rule="drop_points", points=1.2, **how)
    row = term(model, "rupture_lag1_within")
    assert abs(row["estimate"] - EFFECT) < FOUR_ERRORS * row["std_error"]
    assert row["p_value"] < 1e-6


def test_two_and_three_levels_and_the_reverse_stand_beside_each_other():
    model = al.fit_rupture_repair(planted(therapists=10), **BOTH, rule="drop_points", points=1.2)
    assert list(model.fits) == [
        "outcome, 2 levels",
        "outcome, 3 levels",
        "alliance, 2 levels",
        "alliance, 3 levels",
        "reverse: alliance, 2 levels",
        "reverse: alliance, 3 levels",
        "reverse: rupture, 2 levels",
        "reverse: rupture, 3 levels",
    ]
    two = term(model, "rupture_lag1_within")
    three = term(model, "rupture_lag1_within", "outcome, 3 levels")
    assert three["estimate"] == pytest.approx(two["estimate"], rel=0.02)
    back = term(model, "outcome_lag1_within", "reverse: rupture, 2 levels")
    assert abs(back["estimate"]) < FOUR_ERRORS * back["std_error"]


def test_what_a_rule_of_scores_finds_in_these_scores_is_no_test():
    table = al.fit_rupture_repair(planted(), **BOTH, levels=2).table
    event = table["term"].str.contains(r"^(?:rupture|repair|outcome)_lag1")
    course = table["model"].isin(("alliance, 2 levels", "reverse: rupture, 2 levels")) & event
    assert course.sum() == 4  # a fall, too, needs a high score before
    assert table.loc[course, ["statistic", "p_value"]].isna().all(axis=None)
    assert table.loc[event & ~course, "p_value"].notna().all()


def test_without_an_effect_the_test_rejects_about_one_in_twenty():
    rejected = 0
    for seed in range(30):
        data = planted(seed, clients=25, sessions=10, effect=0.0)
        model = al.fit_rupture_repair(
            data, **BOTH, rule="drop_points", points=1.2, levels=2, reverse=False
        )
        rejected += term(model, "rupture_lag1_within")["p_value"] < 0.05
    assert rejected <= 6  # of 30 at 5 %: P(7 or more) is below .001


def test_the_size_of_a_rupture_has_an_effect_of_its_own():
    rng = np.random.default_rng(3)
    data = planted(seed=3, effect=0.0)
    dips = data.groupby("client_id")["bond"].transform("min").eq(data["bond"])
    deeper = rng.uniform(0, 2, int(dips.sum()))
    data.loc[dips, "bond"] -= deeper
    after = data.index[dips] + 1
    data.loc[after, "distress"] += 2.0 * deeper
    model = al.fit_rupture_repair(data, **BOTH, rule="drop_points", points=1.2, size=True)
    row = term(model, "rupture_size_lag1_within")
    assert row["estimate"] == pytest.approx(2.0, abs=FOUR_ERRORS * row["std_error"])
    assert row["p_value"] < 1e-6


def test_what_a_session_shares_and_carries_over_is_no_effect():
    """Alliance carries over by .5, the outcome by .1; what is new correlates -.6; nothing acts."""
    rng, (bond, distress) = np.random.default_rng(1), np.zeros((2, 200, 12))
    root = np.linalg.cholesky([[1.0, -0.6], [-0.6, 1.0]])
    for t in range(12):
        new = rng.normal(size=(200, 2)) @ root.T
        bond[:, t] = 0.5 * bond[:, t - 1] * (t > 0) + new[:, 0]
        distress[:, t] = 0.1 * distress[:, t - 1] * (t > 0) + new[:, 1]
    data = pd.DataFrame(
        {
            "client_id": np.repeat(np.arange(200), 12),
            "session": np.tile(np.arange(1, 13), 200),
            "bond": bond.ravel(),
            "distress": distress.ravel(),
        }
    )
    p = {}
    for held in (True, False):
        model = al.fit_rupture_repair(data, **BOTH, slopes="none", lagged_outcome=held)
        p[held] = term(model, "outcome_lag1_within", "reverse: alliance, 2 levels")["p_value"]
    assert p[False] < 0.001 < 0.01 < p[True]
    assert "passes for an effect" in " ".join(model.messages)
    assert al.fit_rupture_repair(data, **BOTH, slopes="none", reverse=False).choices.lagged_outcome


def test_an_outcome_rated_now_and_then_is_explained_without_the_one_before():
    data = planted()
    data.loc[data["session"] % 2 == 0, "distress"] = np.nan
    asked = {**BOTH, "rule": "drop_points", "points": 1.2, "reverse": False}
    model = al.fit_rupture_repair(data, **asked)
    assert not model.choices.lagged_outcome
    row = term(model, "rupture_lag1_within")
    assert abs(row["estimate"] - EFFECT) < FOUR_ERRORS * row["std_error"]
    assert "is not held equal" in " ".join(model.messages)
    with pytest.raises(al.DesignError, match=r"that has 'outcome' too \(lagged_outcome=False"):
        al.fit_rupture_repair(data, **asked, lagged_outcome=True)


def test_nickell_is_named_with_its_size():
    model = al.fit_rupture_repair(planted(), **BOTH, reverse=False)
    said = " ".join(model.messages)
    assert said.count("Nickell") == 1  # of all models once, though each fit says it of itself
    assert "lagged_outcome=False" in said
    fit = model.fits["outcome, 2 levels"]
    rho, rows = fit.params["outcome_lag1_within"], fit.nobs / fit.n_groups["client_id"]
    (own,) = [one for one in fit.messages if "Nickell" in one]
    assert f"with {rows:.1f} rows a group by about {-(1 + rho) / (rows - 1):.2f}, and" in own
    assert own.split("Nickell")[1].rstrip(".") in said


def test_what_nobody_would_read_is_counted_and_grave_notes_are_not_cut():
    model = al.fit_rupture_repair(planted(), **BOTH, reverse=False)
    notes = [f"note {n} of no weight" for n in range(20)]
    many = replace(model, messages=(*notes, "The fit is singular: so it is."))
    text = str(many)
    assert "note 11 of" in text
    assert "note 12 of" not in text
    assert "The fit is singular" in text
    assert "8 more, none of them grave, stand in .messages." in text
    assert many.messages[19] == notes[19]


def test_a_falling_score_is_better_where_the_direction_says_so():
    data = planted()
    turned = data.assign(bond=-data["bond"])
    one = al.fit_rupture_repair(data, **BOTH, reverse=False)
    other = al.fit_rupture_repair(turned, **BOTH, direction="lower_is_better", reverse=False)
    assert term(one, "rupture_lag1_within")["estimate"] == pytest.approx(
        term(other, "rupture_lag1_within")["estimate"]
    )


def test_a_session_without_the_one_before_is_left_out_and_counted():
    data = planted(clients=20)
    gone = data.drop(data.index[data["session"] == 6])
    model = al.fit_rupture_repair(gone, **BOTH, reverse=False)
    used = model.fits["outcome, 2 levels"].design.frame["session"]
    assert 7 not in set(used)  # its predecessor is missing, session 5 is not taken instead
    assert "by session number" in " ".join(model.messages)


def test_nothing_is_changed_in_the_input():
    data = planted(clients=10)
    before = data.copy(deep=True)
    al.fit_rupture_repair(data, **BOTH)
    pd.testing.assert_frame_equal(data, before)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"alliance": "bnd"}, "Did you mean 'bond'?"),
        ({"rule": "drop_point"}, "Did you mean 'drop_points'?"),
        ({"rule": "shape_clusters"}, "dates no session"),
        ({"levels": 3}, "no column 'therapist_id'"),
        ({"levels": 4}, "levels must be one of 2, 3"),
        ({"lag": 0}, "lag must be a whole number of 1 or more"),
        ({"centring": "clients"}, "Did you mean 'client'?"),
        ({"outcome": "bond"}, "cannot be both"),
        ({"kk": 2}, "no parameter 'kk'"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(change, said):
    with pytest.raises(al.AllianceStatsError, match=said):
        al.fit_rupture_repair(planted(clients=12), **{**BOTH, **change})


def test_too_few_clients_are_refused():
    with pytest.raises(al.DesignError, match="Only 3 clients"):
        al.fit_rupture_repair(planted(clients=3), **BOTH)


def test_a_study_gives_its_measures_and_an_unknown_one_is_told_of():
    study = al.simulate_study(n_therapists=6, n_clients=40, seed=2)
    model = al.fit_rupture_repair(study, alliance="wai-sr", outcome="core-10")
    assert "outcome, 3 levels" in model.fits
    with pytest.raises(al.DesignError, match="Did you mean 'wai-sr'"):
        al.fit_rupture_repair(study, alliance="wai-s", outcome="core-10")
    with pytest.raises(al.DesignError, match="with scale 'trust'; there are task"):
        al.fit_rupture_repair(study, alliance="wai-sr", outcome="core-10", subscale="trust")


def test_reports_can_be_the_ruptures():
    study = al.simulate_study(n_therapists=6, n_clients=60, client_sensitivity=0.9, seed=2)
    model = al.fit_rupture_repair(
        study, alliance="wai-sr", outcome="core-10", rule="direct_report", size=True, levels=2
    )
    assert "rupture_size_lag1_within" in set(model.tidy()["term"])
    assert "repairs have no size" in " ".join(model.messages)


def test_the_result_shows_itself():
    model = al.fit_rupture_repair(planted(clients=30), **BOTH)
    assert {"model", "direction", "estimate"} <= set(model.tidy().columns)
    assert len(model.glance()) == 1
    assert "Note:" in model.summary()
    ax = model.plot()
    assert "points" in ax.get_xlabel()
    assert len(ax.get_yticklabels()) == 2


def differing(seed=6):
    """Courses in which clients' next outcomes are moved by a dip by 3 points, give or take 3."""
    data = planted(seed, effect=0.0)
    dips = data["bond"].to_numpy().reshape(80, 12)
    where = (dips - np.median(dips, axis=1, keepdims=True)).argmin(axis=1)
    moved = data["distress"].to_numpy().reshape(80, 12).copy()
    moved[np.arange(80), where + 1] += np.random.default_rng(seed).normal(3.0, 3.0, 80)
    return data.assign(distress=moved.ravel())


def test_effects_that_differ_between_clients_vary_by_default_and_are_told():
    data = differing()
    options = {"rule": "drop_points", "points": 1.2, "levels": 2, "reverse": False}
    options["adjust_for_alliance"] = False
    each = al.fit_rupture_repair(data, **BOTH, **options)
    same = al.fit_rupture_repair(data, **BOTH, **options, slopes="none")
    assert "(0 + rupture_lag1_within | client_id)" in each.fits["outcome, 2 levels"].formula
    assert same.fits["outcome, 2 levels"].formula.endswith("+ (1 | client_id)")
    spread = term(each, "sd rupture_lag1_within")
    assert spread["estimate"] == pytest.approx(3.0, abs=0.8)  # its error is about 0.3
    assert any("'rupture_lag1_within' (SD" in message for message in each.messages)
    assert (
        term(each, "rupture_lag1_within")["std_error"]
        > 1.5 * term(same, "rupture_lag1_within")["std_error"]
    )


def test_the_old_name_of_slopes_still_holds():
    data = planted()
    named = al.fit_rupture_repair(data, **BOTH, levels=2, reverse=False, random_slope=False)
    assert named.choices.slopes == "none"
    with pytest.raises(al.DesignError, match="slopes must be one of all, none"):
        al.fit_rupture_repair(data, **BOTH, levels=2, slopes="some")

"""One row a client: classes known at a landmark, and counts with exposure."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al

GLM = 1e-6
"""Relative: an iterative fit against another."""


def staying(seed=1, clients=60):
    """Clients of whom some rupture early; who stays longer is better off, whatever happened."""
    rng = np.random.default_rng(seed)
    parts = []
    for client in range(clients):
        length = int(rng.integers(5, 16))
        bond = 5 + rng.normal(0, 0.2, length)
        kind = client % 3
        if kind:
            bond[2] -= 2.0
        if kind == 2:
            bond[3:] -= 2.0
        distress = 20 - 0.5 * np.arange(length) + rng.normal(0, 1, length)
        rows = {"client_id": client, "session": np.arange(1, length + 1)}
        parts.append(pd.DataFrame({**rows, "bond": bond, "distress": distress}))
    return pd.concat(parts, ignore_index=True)


def later(data, **how):
    given = {"alliance": "bond", "outcome": "distress", "rule": "drop_points", "points": 1.2}
    return al.fit_rupture_outcome(data, **{**given, "landmark": 6, **how})


def test_the_class_knows_nothing_of_what_came_after_the_landmark():
    data = staying()
    one = later(data)
    changed = data.copy()
    after = changed["session"] > 6
    changed.loc[after, "bond"] = np.where(changed.loc[after, "session"] % 2, 1.0, 9.0)
    other = later(changed)
    pd.testing.assert_frame_equal(
        one.rows[["client_id", "class"]], other.rows[["client_id", "class"]]
    )


def test_only_who_has_an_outcome_after_the_landmark_is_compared():
    data = staying()
    found = later(data)
    longest = data.groupby("client_id")["session"].max()
    assert set(found.rows["client_id"]) == set(longest.index[longest > 6])
    assert set(found.counts["class"]) == {"none", "repaired", "unrepaired"}
    assert found.counts["n"].sum() == len(found.rows)
    assert "immortal time" in found.messages[0]


def test_least_squares_without_therapists_and_levels_with_them():
    data = staying(clients=120)
    plain = later(data)
    assert plain.fit is None
    rows = plain.rows
    x = np.column_stack(
        [
            np.ones(len(rows)),
            rows["class"] == "repaired",
            rows["class"] == "unrepaired",
            rows["baseline"],
            rows["n_sessions"],
        ]
    ).astype(float)
    if np.ptp(rows["n_sessions"]) == 0:
        x = x[:, :4]
    coef = np.linalg.lstsq(x, rows["later"].to_numpy(), rcond=None)[0]
    assert plain.tidy()["estimate"].tolist() == pytest.approx(coef.tolist())
    levels = later(data.assign(therapist_id=data["client_id"] % 12))
    assert levels.fit.n_groups == {"therapist_id": 12}


def test_what_the_classes_do_not_say_is_told():
    data = staying()
    late = data.copy()
    late.loc[late["client_id"].eq(2) & late["session"].between(3, 5), "bond"] += 2.0
    said = " ".join(later(late).messages)
    assert "level of the alliance, too, which is not held beside the classes" in said
    assert "1 clients are in the class 'open': by session 6 a rupture of theirs" in said
    assert "'open'" not in " ".join(later(data).messages)


def test_a_class_may_mean_more_with_one_therapist_than_with_another():
    data = staying(clients=120).assign(therapist_id=lambda f: f["client_id"] % 8)
    apart = np.random.default_rng(4).normal(0, 4, 8)[data["therapist_id"]]
    data["distress"] += apart * (data["client_id"] % 3 == 2) * (data["session"] > 6)
    each, same = later(data), later(data, slopes="none")
    assert "(0 + class_unrepaired | therapist_id)" in each.fit.formula
    assert same.fit.formula.endswith("+ (1 | therapist_id)")
    errors = [f.tidy().set_index("term")["std_error"]["class: unrepaired"] for f in (each, same)]
    assert errors[0] > errors[1]


def test_a_landmark_too_early_or_without_classes_is_refused():
    with pytest.raises(al.DesignError, match="landmark must be"):
        later(staying(), landmark=2)
    with pytest.raises(al.DesignError, match="Choose an earlier landmark"):
        later(staying(clients=10))


def test_the_counts_equal_a_plain_poisson_likelihood():
    rng = np.random.default_rng(5)
    rows = []
    for client in range(80):
        group = "b" if client % 2 else "a"
        length = int(rng.integers(6, 20))
        bond = np.full(length, 5.0)
        bond[rng.random(length) < (0.25 if group == "b" else 0.12)] = 2.0
        rows.append(
            pd.DataFrame(
                {
                    "client_id": client,
                    "session": np.arange(1, length + 1),
                    "bond": bond,
                    "group": group,
                }
            )
        )
    data = pd.concat(rows, ignore_index=True)
    found = al.fit_rupture_count(
        data, alliance="bond", predictors="group", rule="drop_points", points=1
    )
    clients = found.ruptures.clients.merge(data[["client_id", "group"]].drop_duplicates())
    sums = clients.groupby("group")[["n_ruptures", "n_judged"]].sum()
    rate = sums["n_ruptures"] / sums["n_judged"]
    ratio = found.tidy(exponentiate=True).set_index("term").loc["group_b", "estimate"]
    assert ratio == pytest.approx(rate["b"] / rate["a"], rel=GLM)
    assert found.exposure == sums["n_judged"].sum()
    assert found.dispersion > 0
    spread = al.fit_rupture_count(
        data,
        alliance="bond",
        predictors="group",
        rule="drop_points",
        points=1,
        family="negative_binomial",
    )
    assert spread.alpha >= 0
    assert len(spread.tidy()) == 2


def test_a_predictor_must_be_one_value_a_client():
    data = staying()
    with pytest.raises(al.DesignError, match="one value a client"):
        al.fit_rupture_count(data, alliance="bond", predictors="distress")
    with pytest.raises(al.DesignError, match="family must be"):
        al.fit_rupture_count(data, alliance="bond", predictors="x", family="normal")


def test_both_show_themselves():
    study = al.simulate_study(n_therapists=8, n_clients=90, seed=2)
    classes = al.fit_rupture_outcome(study, alliance="wai-sr", outcome="core-10")
    counts = al.fit_rupture_count(study, alliance="wai-sr", predictors=["condition", "site_id"])
    assert counts.clusters == "therapist_id"
    for found in (classes, counts):
        assert len(found.glance()) == 1
        assert "Note:" in found.summary()
        assert "n = " in found.plot().get_title(loc="left") + found.plot().get_xlabel()

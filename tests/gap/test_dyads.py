"""The actor-partner model and the one-with-many partition against hand calculation."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al


def nested(seed=1, therapists=30, each=6, sessions=5):
    """Balanced sessions in dyads in therapists with planted covariances of both ratings."""
    rng = np.random.default_rng(seed)
    T = rng.multivariate_normal([0, 0], [[0.3, 0.15], [0.15, 0.4]], therapists)
    D = rng.multivariate_normal([0, 0], [[0.5, 0.3], [0.3, 0.6]], therapists * each)
    E = rng.multivariate_normal([4, 3.5], [[0.2, 0.05], [0.05, 0.4]], therapists * each * sessions)
    dyad = np.repeat(np.arange(therapists * each), sessions)
    y = T[dyad // each] + D[dyad] + E
    base = pd.DataFrame(
        {"client_id": dyad, "therapist_id": dyad // each,
         "session": np.tile(np.arange(1, sessions + 1), therapists * each)}
    )  # fmt: skip
    sides = [base.assign(rater=r, score=y[:, i]) for i, r in enumerate(("client", "therapist"))]
    return pd.concat(sides), base.assign(client=y[:, 0], therapist=y[:, 1])


def test_balanced_variances_are_those_of_the_engine():
    data, wide = nested()
    found = al.one_with_many(data, replicates=20).tidy().set_index("term")["estimate"]
    for rater in ("client", "therapist"):
        fit = al.fit_multilevel(f"{rater} ~ 1 + (1 | client_id) + (1 | therapist_id)", wide)
        dyad, therapist, session = fit.varcomp["vcov"]
        for level, value in (("dyad", dyad), ("therapist", therapist), ("session", session)):
            # balanced and above zero: REML is the analysis of variance
            ours = found[f"{rater}_rating:{level}_variance"]
            assert ours == pytest.approx(value, rel=1e-4)


def test_the_covariances_are_those_of_sums_and_differences():
    data, wide = nested()
    found = al.one_with_many(data, replicates=20)
    both = wide.assign(sum=wide["client"] + wide["therapist"])
    fit = al.fit_multilevel("sum ~ 1 + (1 | client_id) + (1 | therapist_id)", both)
    for level, variance in zip(("dyad", "therapist", "session"), fit.varcomp["vcov"], strict=True):
        C = found.covariances[level].to_numpy()
        assert C.sum() == pytest.approx(variance, rel=1e-4)
    table = found.tidy().set_index("term")["estimate"]
    C = found.covariances["dyad"].to_numpy()
    assert table["dyadic_reciprocity"] == pytest.approx(C[0, 1] / np.sqrt(C[0, 0] * C[1, 1]))


def test_unbalanced_data_recover_the_truth_on_average():
    values = []
    for seed in range(30):
        data, _ = nested(seed)
        rng = np.random.default_rng(seed)
        wide_keep = rng.random(30 * 6 * 5) < np.repeat(rng.uniform(0.3, 1, 180), 5)
        kept = data[np.tile(wide_keep, 2)]
        covariances = al.one_with_many(kept, replicates=2).covariances
        values.append([covariances[k].to_numpy() for k in ("therapist", "dyad", "session")])
    mean = np.mean(values, axis=0)
    truth = [[[0.3, 0.15], [0.15, 0.4]], [[0.5, 0.3], [0.3, 0.6]], [[0.2, 0.05], [0.05, 0.4]]]
    assert mean == pytest.approx(np.array(truth), abs=0.07)  # 30 draws, SE at most .03


def test_what_the_partition_needs_is_told():
    data, _ = nested()
    with pytest.raises(al.DesignError, match="needs the therapist_id"):
        al.one_with_many(data.drop(columns="therapist_id"))
    with pytest.raises(al.DesignError, match="several sessions; here are 30 therapists, 180 dyads"):
        al.one_with_many(data[data["session"] == 1])


def test_a_therapists_level_that_is_not_there_gives_no_reciprocity():
    _, wide = nested(3)
    flat = wide.assign(therapist_id=np.random.default_rng(0).permutation(180).repeat(5) % 30)
    sides = [flat.assign(rater=r, score=flat[r]) for r in ("client", "therapist")]
    table = al.one_with_many(pd.concat(sides), replicates=50).tidy().set_index("term")
    row = table.loc["generalised_reciprocity"]
    assert np.isnan(row["conf_low"]) or row["conf_high"] - row["conf_low"] > 0.5


# -- actor and partner ---------------------------------------------------------------------------


def sessions_of_both(seed=0, dyads=120, sessions=8):
    rng = np.random.default_rng(seed)
    dyad = np.repeat(np.arange(dyads), sessions)
    level = rng.normal(0, 1, (2, dyads))[:, dyad]
    move = rng.normal(0, 0.7, (2, len(dyad)))
    x = level + move
    noise = rng.multivariate_normal([0, 0], [[0.5, 0.2], [0.2, 0.8]], len(dyad)).T
    own = rng.normal(0, 0.5, (2, dyads))[:, dyad]
    mean = np.stack([np.bincount(dyad, row) / sessions for row in x])[:, dyad]
    within = x - mean
    c = 0.5 * within[0] + 0.2 * within[1] + 0.8 * mean[0] + own[0] + noise[0]
    t = 0.3 * within[1] + 0.0 * within[0] + 0.4 * mean[0] + own[1] + noise[1]
    return pd.DataFrame({"client_id": dyad, "xc": x[0], "xt": x[1], "yc": c, "yt": t})


BOTH = {"predictors": ("xc", "xt"), "outcomes": ("yc", "yt")}


def test_planted_actor_and_partner_effects_are_found_at_both_levels():
    found = al.fit_actor_partner(sessions_of_both(), **BOTH)
    table = found.tidy().set_index("term")
    truth = {
        "client:actor_within": 0.5, "client:partner_within": 0.2, "client:actor_between": 0.8,
        "therapist:actor_within": 0.3, "therapist:partner_within": 0.0,
        "therapist:partner_between": 0.4,
    }  # fmt: skip
    for term, value in truth.items():
        row = table.loc[term]
        assert abs(row["estimate"] - value) < 3 * row["std_error"], term
    assert found.residual_correlation == pytest.approx(0.2 / np.sqrt(0.4), abs=0.1)


def test_one_row_a_dyad_is_two_regressions():
    data = sessions_of_both().drop_duplicates("client_id")
    table = al.fit_actor_partner(data, **BOTH, by=None).tidy().set_index("term")
    X = np.column_stack([np.ones(len(data)), data["xc"], data["xt"]])
    for role, outcome, order in (
        ("client", "yc", ["Intercept", "actor", "partner"]),
        ("therapist", "yt", ["Intercept", "partner", "actor"]),
    ):
        beta = np.linalg.lstsq(X, data[outcome], rcond=None)[0]
        ours = table.loc[[f"{role}:{name}" for name in order], "estimate"].to_numpy()
        assert ours == pytest.approx(beta)


def test_bad_dyads_are_told():
    data = sessions_of_both()
    with pytest.raises(al.DesignError, match="predictors must name two"):
        al.fit_actor_partner(data, predictors="xc", outcomes=("yc", "yt"))
    with pytest.raises(al.DesignError, match="same value in all"):
        al.fit_actor_partner(data.assign(xc=1.0), **BOTH)
    with pytest.raises(al.DesignError, match="by=None"):
        al.fit_actor_partner(data.drop_duplicates("client_id"), **BOTH)

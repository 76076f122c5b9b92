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
    with pytest.raises(al.DesignError, match="exact function"):
        al.fit_actor_partner(data.assign(yc=2 * data["xc"] + 1), **BOTH, by=None)
    with pytest.raises(al.DesignError, match="named for two parts"):
        al.fit_actor_partner(data, predictors=("xc", "xt"), outcomes=("xc", "yt"))


def test_couples_with_one_row_each_run_with_by_set_to_the_couple():
    """A wide file of couples is the model of by=None; a pairwise file is told of."""
    rng = np.random.default_rng(2)
    x = rng.multivariate_normal([3.5, 3.6], [[0.25, 0.1], [0.1, 0.25]], 148)
    y = 1 + 0.4 * x + 0.2 * x[:, ::-1] + rng.normal(0, 0.3, (148, 2))
    wide = pd.DataFrame({"couple": range(148), "xc": x[:, 0], "xt": x[:, 1],
                         "yc": y[:, 0], "yt": y[:, 1]})  # fmt: skip
    found = al.fit_actor_partner(wide, **BOTH, by="couple", roles=("wife", "husband"))
    alone = al.fit_actor_partner(wide, **BOTH, by=None, roles=("wife", "husband"))
    pd.testing.assert_frame_equal(found.tidy(), alone.tidy())
    assert "Every unit of 'couple' has one row" in found.messages[0]
    pd.testing.assert_frame_equal(
        al.fit_truth_and_bias(wide, truth="xc", judgment="xt", by="couple").tidy(),
        al.fit_truth_and_bias(wide, truth="xc", judgment="xt", by=None).tidy(),
    )
    surface = {"x": "xc", "y": "xt", "outcome": "yc"}
    pd.testing.assert_frame_equal(
        al.fit_response_surface(wide, **surface, by="couple").tidy(),
        al.fit_response_surface(wide, **surface).tidy(),
    )
    swapped = wide.rename(columns={"xc": "xt", "xt": "xc", "yc": "yt", "yt": "yc"})
    pairwise = pd.concat([wide, swapped]).sort_values("couple", kind="stable")
    for call in (
        lambda: al.fit_truth_and_bias(pairwise, truth="xc", judgment="xt", by="couple"),
        lambda: al.fit_response_surface(
            pairwise.assign(yc=pairwise["yc"] + pairwise["yt"]), **surface, by="couple"
        ),
        lambda: al.fit_actor_partner(pairwise, **BOTH, by="couple"),
    ):
        with pytest.raises(al.DesignError, match="pairwise form"):
            call()
    persons = al.fit_response_surface(pairwise, **surface, by="couple")
    assert "the surface is of persons" in " ".join(persons.messages)
    assert len(persons.rows) == 296


def test_effects_that_vary_between_dyads_get_wider_intervals():
    """With effects of SD .6 between 60 dyads their mean cannot be surer than .6 / sqrt(60)."""
    rng = np.random.default_rng(8)
    data = sessions_of_both(8, dyads=60)
    within = data["xc"] - data.groupby("client_id")["xc"].transform("mean")
    data["yc"] += rng.normal(0, 0.6, 60)[data["client_id"]] * within
    varying = al.fit_actor_partner(data, **BOTH).tidy().set_index("term")["std_error"]
    fixed = al.fit_actor_partner(data, **BOTH, random="intercepts")
    fixed = fixed.tidy().set_index("term")["std_error"]
    term = "client:actor_within"
    assert varying[term] > 0.9 * 0.6 / np.sqrt(60)  # the drawn SD differs from .6 by a tenth
    assert varying[term] > 1.3 * fixed[term]
    messages = al.fit_actor_partner(data, **BOTH).messages
    assert any("'actor_within' between units of 'client_id'" in m for m in messages)

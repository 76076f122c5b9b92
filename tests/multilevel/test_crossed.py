"""Groups that cross, share rows, or are missing where none is needed."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.multilevel.engine import grouping as groups
from alliance_stats.multilevel.engine.crossed import CrossedPartition
from alliance_stats.multilevel.engine.deviance import covariances
from alliance_stats.multilevel.result import MultilevelFit

REFERENCE = Path(__file__).parents[1] / "reference" / "multilevel"
SAME = 1e-9  # relative: two ways of adding up the same numbers
FORMULA = "y ~ session + within + (1 + within | client) + (1 + session | therapist)"


def as_crossed(design):
    """Return a nested design as one whose groups could cross."""
    g = design.grouping
    factors = [
        groups.Factor(columns, g.of_rows(number), labels, name)
        for number, (columns, labels, name) in enumerate(
            zip(g.columns, g.labels, g.names, strict=True)
        )
    ]
    crossed = groups.CrossedGrouping(
        g.names, g.columns, g.labels, (), g.units, np.arange(g.sizes[0]), "crossed", tuple(factors)
    )
    rows = np.stack(design.columns) / design.scale[:, None]
    if design.weights is not None:
        rows = rows * np.sqrt(design.weights)
    return replace(
        design, grouping=crossed, partition=crossed.partition(design.partition.cross, rows)
    )


@pytest.fixture(scope="module")
def weighted(draw_sessions):
    data = draw_sessions(seed=5)
    slope = data["therapist"].str[1:].astype(int) % 3 / 4 * data["session"]
    precision = np.random.default_rng(1).uniform(0.5, 2, len(data))
    return data.assign(y=data["y"] + slope, precision=precision)


@pytest.fixture(scope="module")
def changed(draw_sessions):
    """Sessions of 60 clients, a third of whom goes on with another therapist."""
    data = draw_sessions(seed=6).assign(site="a")
    late = data["session"] > 3
    moves = data["client"].str[1:].astype(int) % 3 == 0
    other = "t" + ((data["therapist"].str[1:].astype(int) + 5) % 12).astype(str).str.zfill(2)
    data["therapist"] = data["therapist"].where(~(late & moves), other)
    level = data["therapist"].str[1:].astype(int) % 5 - 2.0
    return data.assign(y=data["y"] + level)


@pytest.mark.parametrize("weights", [None, "precision"])
def test_the_likelihood_is_that_of_the_nested_engine_where_nobody_changes(weighted, weights):
    nested = al.fit_multilevel(FORMULA, weighted, weights=weights)
    design = as_crossed(nested.design)
    relative = covariances(design.levels, nested.optimum.theta)
    ours = design.partition.contribution(design.levels, relative, 2)
    theirs = nested.design.partition.contribution(design.levels, relative, 2)
    assert isinstance(design.partition, CrossedPartition)
    for name in ("logdet", "cross", "logdet1", "cross1", "logdet2", "cross2"):
        expected = np.asarray(getattr(theirs, name))
        close = {"rtol": SAME, "atol": SAME * np.abs(expected).max()}
        np.testing.assert_allclose(getattr(ours, name), expected, **close)


@pytest.mark.parametrize("method", ["satterthwaite", "kenward-roger"])
def test_everything_asked_is_as_nested_where_nobody_changes(weighted, method):
    nested = al.fit_multilevel(FORMULA, weighted, df=method)
    crossed = MultilevelFit.of_design(as_crossed(nested.design), reml=True, df=method)
    near = 1e-6  # relative: two searches end at one point to half the digits
    assert crossed.llf == pytest.approx(nested.llf, abs=1e-9)
    pd.testing.assert_frame_equal(crossed.tidy(), nested.tidy(), rtol=near, atol=near)
    for group, modes in nested.random_effects.items():
        close = {
            "rtol": near,
            "atol": near,
            "check_frame_type": False,
        }  # a part shows itself plainly
        found = crossed.random_effects[group].loc[modes.index]
        pd.testing.assert_frame_equal(found, modes, **close)
        found = crossed.random_effects_sd[group].loc[modes.index]
        pd.testing.assert_frame_equal(found, nested.random_effects_sd[group], **close)
    new = weighted.iloc[[0, 5, 60]].assign(client=["c000", "new", "c003"])
    new["therapist"] = [weighted["therapist"].iloc[0], weighted["therapist"].iloc[5], "t99"]
    known, missing = new.iloc[:2], new.iloc[[1]].assign(therapist="t98")
    for rows in (None, known, missing):
        for options in ({}, {"kind": "prediction", "random_effects": False}):
            pd.testing.assert_frame_equal(
                crossed.predict_interval(rows, **options),
                nested.predict_interval(rows, **options),
                rtol=near,
                atol=near,
            )
    pd.testing.assert_series_equal(crossed.resid, nested.resid, rtol=near, atol=near)
    ours, theirs = crossed.r_squared(), nested.r_squared()
    assert ours.conditional == pytest.approx(theirs.conditional, rel=near)
    pd.testing.assert_frame_equal(
        crossed.omitted_slopes(), nested.omitted_slopes(), rtol=1e-5, atol=near
    )


def dense_deviance(fit):
    """Return the deviance of a fit from the n by n covariance of its rows."""
    design = fit.design
    W = np.stack(design.columns, axis=1) / design.scale
    V = np.eye(design.n)
    for number, D in enumerate(covariances(design.levels, fit.optimum.theta)):
        Z = W[:, list(design.levels[number].columns)]
        V += (Z @ D @ Z.T) * design.grouping.in_common(number, np.arange(design.n))
    X, y = W[:, list(design.fixed)], W[:, -1]
    A = np.linalg.solve(V, X)
    beta = np.linalg.solve(X.T @ A, A.T @ y)
    rest = y - X @ beta
    squares, df = rest @ np.linalg.solve(V, rest), design.n - X.shape[1] * fit.reml
    total = np.linalg.slogdet(V)[1] + df * (1 + np.log(2 * np.pi * squares / df))
    return total + fit.reml * np.linalg.slogdet(X.T @ A)[1]


@pytest.fixture(scope="module")
def shared(changed):
    rng = np.random.default_rng(2)
    second = rng.permutation(changed["therapist"].to_numpy())
    weight = np.where(rng.random(len(changed)) < 0.5, 1.0, rng.uniform(0.3, 0.9, len(changed)))
    return changed.assign(
        second=np.where(weight < 1, second, None), w1=weight, w2=np.where(weight < 1, 1 - weight, 0)
    )


MEMBERS = "y ~ session + within + (1 | client) + (1 | mm(therapist, second, weights=[w1, w2]))"


@pytest.mark.parametrize("reml", [True, False])
def test_membership_has_the_deviance_of_its_covariance(shared, reml):
    fit = al.fit_multilevel(MEMBERS, shared, reml=reml)
    assert fit.grouping == "membership"
    assert fit.converged
    assert fit.optimum.profile.deviance == pytest.approx(dense_deviance(fit), abs=1e-7)
    best = fit.optimum.profile.deviance
    for step in np.vstack([np.eye(2), -np.eye(2)]) * 0.02:
        moved = replace(fit, optimum=replace(fit.optimum, theta=fit.optimum.theta + step))
        assert dense_deviance(moved) > best


def test_a_table_of_memberships_is_the_same_as_columns(shared):
    by_columns = al.fit_multilevel(MEMBERS, shared)
    rows = [
        pd.DataFrame({"row": shared.index, "therapist": shared[name], "weight": shared[w]})
        for name, w in (("therapist", "w1"), ("second", "w2"))
    ]
    frame = pd.concat(rows).dropna().sample(frac=1, random_state=1)
    formula = "y ~ session + within + (1 | client) + (1 | therapist)"
    fit = al.fit_multilevel(
        formula, shared.drop(columns="therapist"), membership={"therapist": frame}
    )
    assert fit.llf == pytest.approx(by_columns.llf, abs=1e-9)
    np.testing.assert_allclose(fit.df, by_columns.df, rtol=1e-5)
    head = shared.head(7)
    by_table = fit.predict(head, membership={"therapist": frame[frame["row"].isin(head.index)]})
    np.testing.assert_allclose(by_table, fit.fittedvalues[head.index], rtol=1e-9)
    np.testing.assert_allclose(by_columns.predict(head), by_table, rtol=1e-7)
    for new in (head, head.drop(columns="therapist")):
        for ask in (fit.predict, fit.predict_interval):
            with pytest.raises(al.DesignError, match=r"give membership=\{'therapist': frame\} for"):
                ask(new)
        assert fit.predict(new, random_effects=False).notna().all()


def test_membership_against_lme4_with_its_design_replaced():
    expected = json.loads((REFERENCE / "memberships.json").read_text())
    data = pd.read_csv(REFERENCE / "data" / "memberships.csv.gz")
    for one in expected["fits"]:
        fit = al.fit_multilevel(one["formula"], data, reml=one["reml"])
        assert fit.llf == pytest.approx(one["loglik"], abs=1e-6)
        np.testing.assert_allclose(fit.params, one["fixef"], rtol=1e-5)
        np.testing.assert_allclose(fit.bse, one["se"], rtol=1e-5)
        sd = fit.varcomp.loc[fit.varcomp["term2"].isna(), "sdcor"]
        np.testing.assert_allclose(sd, one["sd"], rtol=1e-4)


def test_one_group_a_row_is_a_membership_of_one(changed):
    formula = "y ~ session + (1 | client) + (1 | therapist)"
    frame = pd.DataFrame({"row": changed.index, "therapist": changed["therapist"], "weight": 1.0})
    crossed = al.fit_multilevel(formula, changed)
    one = al.fit_multilevel(formula, changed, membership={"therapist": frame})
    assert (crossed.grouping, one.grouping) == ("crossed", "membership")
    pd.testing.assert_frame_equal(one.tidy(), crossed.tidy())


def test_rows_with_all_columns_zero_need_no_group(weighted):
    formula = "y ~ session + therapy + (1 | client) + (0 + therapy | therapist)"
    therapy = (weighted["client"].str[1:].astype(int) % 2).astype(float)
    named = weighted.assign(therapy=therapy)
    named["therapist"] = named["therapist"].where(therapy == 1, "nobody")
    missing = named.assign(therapist=named["therapist"].where(therapy == 1))
    whole, fit = (al.fit_multilevel(formula, data) for data in (named, missing))
    assert fit.grouping == "nested"
    assert fit.nobs == len(weighted)
    assert fit.n_groups == whole.n_groups  # "nobody" is none
    assert fit.design.grouping.sizes[-1] == whole.design.grouping.sizes[-1] - 1
    pd.testing.assert_frame_equal(fit.tidy(), whole.tidy(), rtol=1e-5)
    n = int((therapy == 0).sum())
    assert any(f"{n} of {len(missing)} rows have no 'therapist'" in m for m in fit.messages)
    pd.testing.assert_series_equal(fit.predict(missing), fit.fittedvalues, check_names=False)
    assert str(n) in fit.summary()
    alone = al.fit_multilevel("y ~ therapy + (0 + therapy | therapist)", missing)
    named = al.fit_multilevel("y ~ therapy + (0 + therapy | therapist)", named)
    assert alone.llf == pytest.approx(named.llf, abs=1e-8)


def test_a_group_that_is_needed_and_missing_costs_the_row(weighted):
    gone = weighted.assign(therapist=weighted["therapist"].where(weighted.index > 4))
    fit = al.fit_multilevel("y ~ session + (1 | client) + (1 | therapist)", gone)
    assert fit.rows_dropped == 5
    assert "therapist 5" in fit.messages[0]
    gone = gone.assign(arm=np.where(weighted.index > 2, 1.0, 0.0))
    fit = al.fit_multilevel("y ~ session + (1 | client) + (0 + arm | therapist)", gone)
    assert fit.rows_dropped == 2


def test_two_large_groupings_are_refused_with_their_sizes(changed, monkeypatch):
    monkeypatch.setattr(groups, "LARGEST", 10)
    with pytest.raises(al.DesignError, match=r"'client' \(60 groups\) and 'therapist' \(12 groups"):
        al.fit_multilevel("y ~ session + (1 | client) + (1 | therapist)", changed)


def test_questions_after_the_fit(changed):
    fit = al.fit_multilevel("y ~ session + within + (1 | client) + (1 | therapist)", changed)
    again = fit.refit(fit.simulate(3))
    fresh = al.fit_multilevel(fit.formula, changed.assign(y=fit.simulate(3)))
    assert again.llf == pytest.approx(fresh.llf, abs=1e-8)
    assert len(fit.bootstrap(4, seed=1).draws) == 4
    assert (
        fit.compare(al.fit_multilevel("y ~ session + within + (1 | client)", changed)).tidy()
        is not None
    )
    profile = fit.profile_ci(["sd Intercept", "within"])
    assert (profile["conf_low"] < profile["estimate"]).all()
    assert list(fit.structure["contains"]) == ["rows", "rows"]
    assert fit.icc()["icc"].sum() == pytest.approx(1.0)
    with pytest.raises(al.DesignError, match="name a column of the data"):
        fit.robust()
    with pytest.raises(al.DesignError, match="Let clients differ in their course instead"):
        al.fit_multilevel(fit.formula, changed, residual="ar1", time="session")


def test_a_covariance_of_occasions_where_groups_cross_is_written_as_effects(draw_sessions):
    rows = draw_sessions(seed=6)
    rows = rows[rows["session"].isin(sorted(rows["session"].unique())[:3])].reset_index(drop=True)
    rows["y"] += 2 * (rows["therapist"].str[1:].astype(int) % 5)
    fixed, options = "y ~ C(session) + within + (1 | therapist)", {"time": "session"}
    nested = al.fit_multilevel(fixed, rows, residual="unstructured", by="client", **options)
    formula = f"{fixed} + (0 + C(session) | client)"
    same = al.fit_multilevel(formula, rows, allow_saturated=True)
    assert same.llf == pytest.approx(nested.llf, abs=1e-7)
    np.testing.assert_allclose(same.bse, nested.bse, rtol=1e-5)
    np.testing.assert_allclose(same.df, nested.df, rtol=1e-4)
    summed = same.random_covariances["client"].to_numpy() + same.scale * np.eye(3)
    np.testing.assert_allclose(summed, nested.residual_covariance, rtol=1e-4, atol=1e-5)
    late = rows["session"] > rows["session"].min()
    moved = rows.assign(therapist=rows["therapist"].where(~late | (rows.index % 5 > 0), "t05"))
    with pytest.raises(al.DesignError, match=r"\(0 \+ C\(session\) \| client\)"):
        al.fit_multilevel(fixed, moved, residual="unstructured", by="client", **options)
    assert al.fit_multilevel(formula, moved, allow_saturated=True).grouping == "crossed"


def test_robust_tests_around_all_groups(changed):
    site = (changed["client"].str[1:].astype(int) % 4).astype(str)
    data = changed.assign(site=site, therapist=site + changed["therapist"])
    fit = al.fit_multilevel("y ~ session + within + (1 | client) + (1 | therapist)", data)
    assert fit.grouping == "crossed"
    robust = fit.robust("site")
    assert robust.n_clusters == 4
    with pytest.raises(al.DesignError, match="cut through"):
        fit.robust("session")


@pytest.mark.parametrize(
    "group", ["mm(a)", "mm(a, b, weights=[w])", "mm(a, b, w)", "mm(a, b, weights=w)", "mm(a b"]
)
def test_shared_groups_are_written_one_way(group):
    data = pd.DataFrame({"y": [1.0, 2], "a": [1, 2], "b": [1, 2], "w": [1.0, 1]})
    with pytest.raises(al.AllianceStatsError):
        al.fit_multilevel(f"y ~ 1 + (1 | a) + (1 | {group})", data)


def test_an_id_that_is_a_number_here_and_text_there_is_not_two_groups():
    data = pd.DataFrame({"y": [1.0, 2, 4, 3], "a": [1, 2, 1, 2], "b": ["2", "1", None, "one"]})
    with pytest.raises(al.DesignError, match="hold 2, 1 as a number and as text"):
        al.fit_multilevel("y ~ 1 + (1 | mm(a, b))", data)


def test_wrong_memberships_are_told(shared):
    frame = pd.DataFrame({"row": shared.index, "therapist": shared["therapist"], "weight": 1.0})
    formula = "y ~ session + (1 | client) + (1 | therapist)"
    for wrong, said in (
        ({"therapist": frame.assign(weight=-1.0)}, "must be zero or more"),
        ({"therapist": frame.assign(weight="half")}, "must hold finite numbers"),
        ({"therapist": frame.assign(row=frame["row"] + 5000)}, "that the data do not have"),
        ({"coach": frame}, "names no group of the formula"),
        ({"therapist": frame.drop(columns="row")}, "row"),
        (frame, "must be a dict"),
    ):
        with pytest.raises(al.AllianceStatsError, match=said):
            al.fit_multilevel(formula, shared, membership=wrong)
    half = {"therapist": frame.assign(weight=0.5)}
    assert any(
        "do not add up to one" in m
        for m in al.fit_multilevel(formula, shared, membership=half).messages
    )


def test_other_outcomes_need_nested_groups(changed):
    formula = "yes ~ session + (1 | client) + (1 | therapist)"
    yes = changed.assign(yes=(changed["y"] > changed["y"].median()).astype(int))
    with pytest.raises(al.DesignError, match=r"needs nested groups.*18 of 60"):
        al.fit_multilevel(formula, yes, family="binomial")


def test_a_group_that_is_only_ever_second_has_the_rows_it_shares(weighted):
    """The note on groups with fewer rows than effects counts shared rows too."""
    both = weighted.index % 3 == 0
    data = weighted.assign(
        second=np.where(both, "only second", None), w1=np.where(both, 0.7, 1.0), w2=both * 0.3
    )
    group = "mm(therapist, second, weights=[w1, w2])"
    fit = al.fit_multilevel(f"y ~ session + (1 | client) + (1 | {group})", data)
    assert not any("fewer rows" in message for message in fit.messages)

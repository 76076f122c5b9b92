"""The response surface against R, published fixtures, and surfaces of known shape."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.gap.surface import geometry

HERE = Path(__file__).parents[1] / "reference" / "gap"
REFERENCE = json.loads((HERE / "references.json").read_text())
DATA = pd.read_csv(HERE / "dyads.csv")
EXACT = 1e-8  # least squares twice: only rounding differs
OPTIMISERS = 1e-4  # relative; two optimisers stop within this of one REML optimum
COLUMNS = {"x": "client", "y": "therapist", "outcome": "outcome"}
AXES = list(geometry.AXES)


def terms(found, group=""):
    table = found.tidy()
    return table[(table["effect"] == "fixed") & (table["group"] == group)].set_index("term")


def planted(seed=0, n=400, **b):
    """Ratings around 4 and an outcome with the coefficients given, b1 to b9, noise of SD 0.5."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(0, 1, (2, n))
    columns = geometry.monomials(x, y, cubic=True)
    z = sum(b.get(f"b{i + 1}", 0.0) * column for i, column in enumerate(columns))
    z = z + rng.normal(0, 0.5, n)
    return pd.DataFrame({"client": x + 4, "therapist": y + 4, "outcome": z})


def test_a_surface_that_few_clients_cannot_tell_is_refused():
    rng = np.random.default_rng(2)
    data = planted(n=60).assign(client_id=np.arange(60) % 5)
    data["client"] += rng.normal(0, 1, 5)[data["client_id"]]
    with pytest.raises(al.DesignError, match="cannot tell b5 of the surface between clients"):
        al.fit_response_surface(data, by="client_id", part="both", **COLUMNS)


# -- published fixtures --------------------------------------------------------------------------


def test_the_first_fixture_of_slopes_and_curvatures():
    b = np.array([0.0, -0.23, 0.77, -0.07, 0.27, -0.10])
    found = geometry.contrasts(geometry.SHAPE, geometry.QUADRATIC) @ b
    assert found == pytest.approx([0.54, 0.10, -1.00, -0.44, 0.03], abs=1e-12)


def test_the_second_fixture_with_standard_errors():
    b = np.array([0.0, 0.131, 0.382, 0.074, 0.002, 0.039])
    V = np.diag(np.array([0.0, 0.09, 0.09, 0.07, 0.11, 0.07]) ** 2)
    V[3, 5] = V[5, 3] = 0.001
    V[3, 4] = V[4, 3] = -0.003
    V[4, 5] = V[5, 4] = -0.004
    A = geometry.contrasts(geometry.SHAPE, geometry.QUADRATIC)
    # the printed a1, a3 = -.251 and so on have three digits, the errors four
    assert np.round(A @ b, 3) == pytest.approx([0.513, 0.115, -0.251, 0.111, 0.035])
    errors = np.sqrt(np.diag(A @ V @ A.T))
    assert np.round(errors, 4) == pytest.approx([0.1273, 0.0995, 0.1273, 0.1947, 0.0883])


# -- against R -----------------------------------------------------------------------------------


def assert_like(found, expected, tolerance, group=""):
    table = terms(found, group)
    b = [f"b{i}" for i in range(6)]
    assert table.loc[b, "estimate"].to_numpy() == pytest.approx(expected["b"][:6], rel=tolerance)
    assert table.loc[b, "std_error"].to_numpy() == pytest.approx(expected["se"][:6], rel=tolerance)
    for term in [*geometry.SHAPE, *AXES]:
        row = table.loc[term, ["estimate", "std_error"]].to_numpy(dtype=float)
        assert row == pytest.approx(expected[term], rel=10 * tolerance), term


def test_least_squares_with_delta_method_is_rs():
    found = al.fit_response_surface(DATA, **COLUMNS, covariates="covariate")
    assert_like(found, REFERENCE["single"], EXACT)
    assert terms(found).loc["covariate", "estimate"] == pytest.approx(REFERENCE["single"]["b"][6])
    assert terms(found).loc["p11", "df"] == len(DATA) - 7


def test_cubic_terms_are_rs():
    found = terms(al.fit_response_surface(DATA, **COLUMNS, cubic=True))
    rows = found.loc[[f"b{i}" for i in range(10)]]
    assert rows["estimate"].to_numpy() == pytest.approx(REFERENCE["cubic"]["b"], rel=EXACT)
    assert rows["std_error"].to_numpy() == pytest.approx(REFERENCE["cubic"]["se"], rel=EXACT)
    assert found.loc[AXES, "estimate"].isna().all()


def test_the_multilevel_surface_is_lme4s_with_delta_method():
    found = al.fit_response_surface(DATA, **COLUMNS, by=["client_id", "therapist_id"])
    assert_like(found, REFERENCE["multilevel"], OPTIMISERS)
    assert np.isinf(terms(found).loc["p11", "df"])


def test_the_surface_within_clients_is_lme4s():
    found = al.fit_response_surface(DATA, **COLUMNS, by="client_id", part="within")
    assert_like(found, REFERENCE["within"], OPTIMISERS)


def test_the_ladder_has_rs_aicc():
    table = al.fit_response_surface(DATA, **COLUMNS, covariates="covariate").ladder()
    assert dict(zip(table["model"], table["aicc"], strict=True)) == pytest.approx(
        REFERENCE["aicc"], rel=EXACT
    )
    assert table["weight"].sum() == pytest.approx(1)
    assert table["delta"].is_monotonic_increasing


# -- shape ---------------------------------------------------------------------------------------


def test_both_ratings_are_centred_on_one_number():
    found = al.fit_response_surface(DATA, **COLUMNS)
    middle = (DATA["client"].mean() + DATA["therapist"].mean()) / 2
    assert found.spec.center == pytest.approx(middle)
    raw = al.fit_response_surface(DATA, **COLUMNS, center=None)
    other = al.fit_response_surface(DATA, **COLUMNS, center=3)
    for term in ("a2", "a4", "a5", "p11", "p21"):  # moved along the diagonal, shape stays
        value = terms(found).loc[term, "estimate"]
        assert terms(raw).loc[term, "estimate"] == pytest.approx(value, rel=1e-6)
        assert terms(other).loc[term, "estimate"] == pytest.approx(value, rel=1e-6)


def test_axes_do_not_exist_on_a_plane_and_that_is_said():
    x, y = (DATA[c] - 5 for c in ("client", "therapist"))
    data = DATA.assign(outcome=x - y + 1e-3 * np.sin(1e5 * x))
    b, V = np.array([0, 1.0, -1.0, 0, 0, 0]), np.eye(6)
    assert np.isnan(geometry.axes_with_errors(b, V)[0]).all()
    rounding = np.array([0, 1.0, -1.0, 1e-16, -1e-16, 1e-16])
    assert np.isnan(geometry.axes_with_errors(rounding, V)[0]).all()
    found = al.fit_response_surface(data, **COLUMNS, cubic=True)
    assert any("principal axes" in message for message in found.messages)


@pytest.mark.parametrize(
    ("b", "verdict"),
    [
        ({"b3": -0.5, "b4": 1.0, "b5": -0.5}, "strict"),
        ({"b1": 0.4, "b2": 0.4, "b3": -0.5, "b4": 1.0, "b5": -0.5}, "broad"),
        ({"b1": 0.4, "b2": -0.4, "b3": -0.5, "b4": 1.0, "b5": -0.5}, "shifted ridge"),  # a3, p10
        ({"b3": -1.0, "b4": 1.0, "b5": -0.25}, "rotated ridge"),  # rotated: p11 and a5
        ({"b3": -1.0}, "one-rating curve"),
        ({"b1": 0.5, "b2": -0.5}, "no congruence"),
        ({"b3": 0.5, "b4": -1.0, "b5": 0.5}, "no congruence"),  # a valley
        ({}, "no relation"),
    ],
)
def test_the_verdict_on_surfaces_of_known_shape(b, verdict):
    found = al.fit_response_surface(planted(seed=7, **b), **COLUMNS, center=4)
    said = found.congruence(confidence=0.999)  # eight conditions, each wrong once in 1000 by chance
    assert said.verdict == verdict
    assert said.holds == (verdict in ("strict", "broad"))
    assert set(said.table["condition"]) == {"overall", "p10", "p11", "a1", "a2", "a3", "a4", "a5"}


def test_a_significant_a3_alone_is_not_called_congruence():
    data = planted(seed=7, b1=0.5, b2=-0.5)
    said = al.fit_response_surface(data, **COLUMNS, center=4).congruence()
    assert "direction of the gap, not agreement" in said.words
    assert "client is the higher one" in said.words


def test_where_lower_is_better_the_valley_is_judged_on_the_outcome_as_given():
    valley = planted(seed=7, b3=0.5, b4=-1.0, b5=0.5)
    found = al.fit_response_surface(valley, **COLUMNS, center=4, direction="lower_is_better")
    said = found.congruence(confidence=0.999)
    assert said.verdict == "strict"
    assert "outcome is lower (better) the closer" in said.words
    # the same names mean the same numbers in both tables
    table, own = said.table.set_index("condition")["estimate"], terms(found)["estimate"]
    names = ["p20", "p21", "a1", "a2", "a3", "a4", "a5"]
    assert table[names].to_numpy() == pytest.approx(own[names].to_numpy(), rel=1e-12)
    assert table["a4"] > 0
    assert said.table.set_index("condition").loc["a4", "needed"] == "above 0"
    # turned over by hand, the second axis of the valley is the first of the ridge
    ridge = al.fit_response_surface(valley.assign(outcome=-valley["outcome"]), **COLUMNS, center=4)
    for valleys, ridges in (("p20", "p10"), ("p21", "p11")):
        assert own[valleys] == pytest.approx(terms(ridge).loc[ridges, "estimate"], rel=1e-6)
    assert any("judged" in str(line.get_label()) for line in found.plot().lines)
    with pytest.raises(al.DesignError, match="Did you mean 'lower_is_better'"):
        found.congruence(direction="lower_better")


def test_agreement_that_goes_with_more_distress_is_not_called_better():
    data = planted(seed=7, b3=-1.0, b4=2.0, b5=-1.0)
    found = al.fit_response_surface(data, **COLUMNS, center=4)
    assert "better" not in found.congruence().words
    assert "outcome is higher the closer" in found.summary()
    symptoms = al.fit_response_surface(data, **COLUMNS, center=4, direction="lower_is_better")
    assert symptoms.congruence().verdict == "no congruence"
    assert "falls to both sides instead" in symptoms.congruence().words


def test_deviations_that_go_together_are_not_called_agreement():
    rng = np.random.default_rng(3)
    client = np.repeat(np.arange(100), 8)
    move = rng.normal(0, 1, (2, len(client)))
    data = pd.DataFrame({"client_id": client, "client": 7 + move[0], "therapist": 4 + move[1]})
    mean = data.groupby("client_id")[["client", "therapist"]].transform("mean")
    apart = (data["client"] - mean["client"]) - (data["therapist"] - mean["therapist"])
    data["outcome"] = -0.5 * apart**2 + rng.normal(0, 0.5, len(client))
    found = al.fit_response_surface(data, **COLUMNS, by="client_id", part="within")
    words = found.congruence(confidence=0.999).words
    assert "closer" not in words
    assert "deviate alike from the client's own means" in words
    table = found.regions(margin=0.5).set_index("region")
    alike = int((apart.abs() <= 0.5).sum())
    assert table.loc["both deviate alike", "n_rows"] == alike  # not 0, as of the raw ratings


def test_what_is_not_contradicted_is_said_with_its_limits():
    found = al.fit_response_surface(planted(seed=7, b3=-0.5, b4=1.0, b5=-0.5), **COLUMNS, center=4)
    said = found.congruence()
    row = said.table.set_index("condition").loc["p11"]
    assert f"slope of the axis {row['conf_low']:.2f} to {row['conf_high']:.2f}" in said.words
    assert "do not contradict" in said.words
    narrow = {"p11": (0.99, 1.01), "p10": (-0.01, 0.01), "a3": (-0.01, 0.01), "a5": (-0.01, 0.01)}
    assert not found.congruence(equivalence=narrow).holds
    wide = {"p11": (0.5, 2.0), "p10": (-1, 1), "a3": (-1, 1), "a5": (-1, 1)}
    assert "within the bounds that were stated" in found.congruence(equivalence=wide).words
    drawn = found.bootstrap(200, seed=1)
    low = found.congruence(limits=drawn).table.set_index("condition")["conf_low"]
    assert low["p11"] == pytest.approx(drawn.tidy().set_index("term").loc["p11", "conf_low"])


def test_a_curve_of_one_rating_alone_is_named_where_it_is_not_contradicted():
    words = []
    for seed in range(30):
        data = planted(seed=seed, n=60, b3=-0.5)
        said = al.fit_response_surface(data, **COLUMNS, center=4).congruence()
        if said.holds:
            words.append(said.words)
    assert all("a curve of client alone" in one or "bends" in one for one in words)
    big = al.fit_response_surface(planted(seed=1, n=2000, b3=-0.5), **COLUMNS, center=4)
    assert big.congruence(confidence=0.999).verdict == "one-rating curve"
    assert "curves with client" in big.congruence(confidence=0.999).words


def test_the_unit_of_the_ratings_changes_no_verdict():
    data = planted(seed=7, b1=0.3, b3=-1.0, b4=1.0, b5=-0.25)
    small = terms(al.fit_response_surface(data, **COLUMNS))
    large = data.assign(client=data["client"] * 1e12, therapist=data["therapist"] * 1e12)
    large = terms(al.fit_response_surface(large, **COLUMNS))
    for term, unit in (("p11", 1), ("p21", 1), ("x0", 1e12), ("p10", 1e12)):
        for column in ("estimate", "std_error"):
            assert large.loc[term, column] == pytest.approx(
                small.loc[term, column] * unit, rel=1e-6
            )


def test_moderators_stay_in_all_rungs_of_the_ladder():
    data = planted(seed=5, n=300, b1=0.5, b2=0.2)
    data["training"] = np.random.default_rng(1).normal(0, 1, len(data))
    data["outcome"] += 0.4 * data["training"]
    found = al.fit_response_surface(data, **COLUMNS, center=4, moderators="training")
    table = found.ladder().set_index("model")
    # the rung "full" is the fitted model: its residual sum of squares gives the likelihood
    n, k = len(data), len(found.linear.params)
    variance = found.linear.scale * (n - k) / n
    llf = -n / 2 * (np.log(2 * np.pi * variance) + 1)
    assert table.loc["full", "llf"] == pytest.approx(llf, rel=1e-10)
    assert table.loc["full", "n_parameters"] == k + 1
    assert "no verdict on agreement" in found.ladder().attrs["note"]


def test_means_of_few_sessions_are_said_to_attenuate_the_surface_between():
    rng = np.random.default_rng(5)
    client = np.repeat(np.arange(200), 4)
    level = rng.normal(0, 0.7, (2, 200))
    x, y = level[:, client] + rng.normal(0, 0.7, (2, 800))
    outcome = -((level[0] - level[1]) ** 2)[client] + rng.normal(0, 0.5, 800)
    data = pd.DataFrame({"client_id": client, "client": x, "therapist": y, "outcome": outcome})
    found = al.fit_response_surface(data, **COLUMNS, by="client_id", part="both", center=0)
    reliability = 0.49 / (0.49 + 0.49 / 4)
    assert found.mean_reliability["gap"] == pytest.approx(reliability, abs=0.06)
    # a4 is -4 for true levels; squares of observed means carry the reliability squared
    row = terms(found, "between").loc["a4"]
    assert abs(row["estimate"] + 4 * reliability**2) < 3 * row["std_error"]
    assert row["conf_low"] > -4
    assert any("not of the clients' lasting levels" in message for message in found.messages)
    said = " ".join(found.messages)
    assert "Split it with" not in said
    assert "_b" not in said


def test_a_cubic_surface_tells_which_mismatch_is_worse():
    data = planted(seed=3, n=2000, b3=-0.5, b4=1.0, b5=-0.5, b6=0.1, b7=-0.3, b8=0.3, b9=-0.1)
    found = al.fit_response_surface(data, **COLUMNS, center=4, cubic=True)
    row = terms(found).loc["loic_cubic"]
    assert row["conf_low"] < 0.8 < row["conf_high"]
    assert row["p_value"] < 1e-6
    with pytest.raises(al.DesignError, match="quadratic surface"):
        found.congruence()


def test_moderators_change_the_surface():
    data = planted(seed=5, n=3000, b1=0.5, b2=0.2)
    z = np.random.default_rng(1).normal(0, 1, len(data))
    data["training"] = z + 10
    data["outcome"] += 0.4 * z * (data["client"] - 4)
    table = terms(al.fit_response_surface(data, **COLUMNS, center=4, moderators="training"))
    for term, truth in {"b1:training": 0.4, "b2:training": 0.0, "a1:training": 0.4}.items():
        assert table.loc[term, "conf_low"] < truth < table.loc[term, "conf_high"]


def test_within_and_between_surfaces_are_told_apart():
    rng = np.random.default_rng(11)
    client = np.repeat(np.arange(150), 8)
    level = rng.normal(0, 1, (2, 150))[:, client]
    move = rng.normal(0, 0.6, (2, len(client)))
    x, y = 4 + level + move
    # deviations from the true level: within slopes .8 and -.3, between 0 and 1
    outcome = 0.8 * move[0] - 0.3 * move[1] + 1.0 * level[1] + rng.normal(0, 0.5, len(client))
    data = pd.DataFrame({"client_id": client, "client": x, "therapist": y, "outcome": outcome})
    found = al.fit_response_surface(data, **COLUMNS, by="client_id", part="both", center=4)
    within, between = terms(found, "within"), terms(found, "between")
    assert within.loc["b1", "conf_low"] < 0.8 < within.loc["b1", "conf_high"]
    assert within.loc["b2", "conf_low"] < -0.3 < within.loc["b2", "conf_high"]
    # a mean of 8 sessions has reliability 1 / (1 + .36 / 8), which pulls it towards within
    reliability = 1 / (1 + 0.36 / 8)
    expected = reliability * 1.0 + (1 - reliability) * -0.3
    assert between.loc["b2", "conf_low"] < expected < between.loc["b2", "conf_high"]
    assert found.congruence(group="between").verdict in ("no congruence", "no relation")


def test_regions_count_rows_and_dyads():
    data = pd.DataFrame(
        {
            "client_id": [1, 1, 2, 2, 3, 3, 4, 4],
            "client": [5.0, 5.2, 3.0, 3.1, 4.0, 4.1, 2.0, 2.2],
            "therapist": [3.0, 3.1, 5.0, 5.2, 4.0, 4.2, 2.1, 2.0],
            "outcome": [1.0, 2.0, 0.0, 1.5, 3.0, 2.0, 1.0, 0.5],
        }
    )
    found = al.fit_response_surface(data, **COLUMNS)
    table = found.regions(margin=0.5).set_index("region")
    assert table["n_rows"].to_dict() == {
        "client above therapist": 2, "agreement": 4, "therapist above client": 2
    }  # fmt: skip
    assert table["n_dyads"].isna().all()


# -- bootstrap -----------------------------------------------------------------------------------


def test_the_bootstrap_of_least_squares_is_that_of_its_clusters():
    data = planted(seed=2, n=300, b1=0.5, b4=0.6, b3=-0.4, b5=-0.4)
    found = al.fit_response_surface(data, **COLUMNS)
    drawn = found.bootstrap(800, seed=1)
    table = drawn.tidy().set_index("term")
    exact = terms(found)
    # the SD of 800 draws has a relative error of 1 / sqrt(1600) = 2.5 %, and HC noise besides
    for term in ("b1", "a4", "p11"):
        ratio = table.loc[term, "std_error"] / exact.loc[term, "std_error"]
        assert 0.8 < ratio < 1.25
    again = found.bootstrap(800, seed=1)
    pd.testing.assert_frame_equal(drawn.draws, again.draws)
    doubled = pd.concat([data, data]).assign(pair=np.tile(np.arange(300), 2))
    clustered = al.fit_response_surface(doubled, **COLUMNS, cluster="pair").bootstrap(800, seed=1)
    assert clustered.n_clusters == 300
    # every row twice in one cluster: the naive error is too small by sqrt(2), the cluster's is not
    ratio = clustered.tidy().set_index("term")["std_error"] / table["std_error"]
    assert 0.9 < ratio["b1"] < 1.1


def test_the_multilevel_bootstrap_draws_whole_therapists_and_any_number_of_processes():
    found = al.fit_response_surface(
        DATA, **COLUMNS, by=["client_id", "therapist_id"], random="intercepts"
    )
    one = found.bootstrap(22, seed=4)
    assert (one.n_clusters, one.failed) == (20, 0)
    two = found.bootstrap(22, seed=4, n_jobs=2)
    pd.testing.assert_frame_equal(one.draws, two.draws)


# -- bad input -----------------------------------------------------------------------------------


def test_ratings_on_different_ranges_are_refused_until_said_to_be_one_scale():
    data = DATA.assign(therapist=DATA["therapist"] * 14)
    with pytest.raises(al.DesignError, match=r"'client' runs from .* common\s+scale"):
        al.fit_response_surface(data, **COLUMNS)
    found = al.fit_response_surface(data, **COLUMNS, same_scale=True)
    assert found.linear.n == len(data)


def test_incomplete_rows_are_counted_by_what_is_missing():
    data = DATA.astype({"client": float})
    data.loc[[0, 5], "client"] = np.nan
    data.loc[[5, 9], "outcome"] = np.nan
    found = al.fit_response_surface(data, **COLUMNS)
    assert found.messages[0] == (
        f"3 of {len(data)} rows are incomplete and left out (missing: 'client' 2, 'outcome' 2)."
    )


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        ({}, {"outcome": "outcom"}, "Did you mean 'outcome'"),
        ({"client": "much"}, {}, "must hold finite numbers"),
        ({"client": 4.0}, {}, "same value in all"),
        ({}, {"part": "within"}, "needs by='client_id'"),
        ({}, {"part": "withn", "by": "client_id"}, "Did you mean 'within'"),
        ({}, {"center": "mean"}, "center must be"),
        ({}, {"by": ["a", "b"], "cluster": "x"}, "cluster is for by=None"),
        ({}, {"center": True}, "center must be"),
        ({}, {"center": pd.NA}, "center must be"),
        ({}, {"cubic": "no"}, "cubic must be True or False"),
        ({}, {"df": "satterthwait"}, "Did you mean 'satterthwaite'"),
        ({}, {"outcome": "client"}, "named for two parts"),
        ({}, {"covariates": ["outcome"]}, "named for two parts"),
        ({}, {"covariates": "constant"}, "same value in all"),
        ({"constant": 2.0, "client": DATA["therapist"]}, {}, "copy or a sum"),
        ({"outcome": 2 * DATA["client"]}, {}, "exact function"),
        ({"outcome": pd.Timestamp("2020-01-01")}, {}, "holds dates"),
        ({"session": 1}, {"by": "client_id"}, "share 'client_id' and session"),
        ({}, {"direction": "lower"}, "direction must be"),
    ],
)
def test_bad_input_is_told(change, options, said):
    with pytest.raises(ValueError, match=said):
        al.fit_response_surface(
            DATA.assign(**{"constant": 2.0, **change}), **{**COLUMNS, **options}
        )


def test_bad_questions_are_told():
    found = al.fit_response_surface(planted(b3=-0.5, b4=1.0, b5=-0.5), **COLUMNS)
    for level in (95, np.nan, 0, -1, True, "high"):
        with pytest.raises(al.DesignError, match="confidence must be a number between 0 and 1"):
            found.congruence(confidence=level)
    for margin in (-1, np.nan, "wide"):
        with pytest.raises(al.DesignError, match="margin must be"):
            found.regions(margin=margin)
    with pytest.raises(al.DesignError, match="name one of them as group="):
        found.congruence(group="within")
    for options in ({"replicates": 2.5, "seed": 1}, {"replicates": 9, "seed": None},
                    {"replicates": 9, "seed": 1, "n_jobs": 0}):  # fmt: skip
        with pytest.raises(al.DesignError, match="must be a whole number"):
            found.bootstrap(**options)
    for data in (None, 3):
        with pytest.raises(al.ColumnError, match="must be a pandas DataFrame"):
            al.fit_response_surface(data, **COLUMNS)
    twice = pd.concat([DATA, DATA[["client"]]], axis=1)
    with pytest.raises(al.ColumnError, match="more than once"):
        al.fit_response_surface(twice, **COLUMNS)


def test_repeated_clients_without_by_are_told_of():
    found = al.fit_response_surface(DATA, **COLUMNS)
    assert any("clients have several rows" in message for message in found.messages)
    found = al.fit_response_surface(DATA, **COLUMNS, by="client_id")
    assert any("20 therapists, but the model does not use them" in m for m in found.messages)


def test_a_client_with_two_therapists_is_a_dyad_with_each():
    moved = (DATA["session"] > 4) & (DATA["client_id"] == DATA["client_id"].iloc[0])
    data = DATA.assign(therapist_id=DATA["therapist_id"].where(~moved, 99))
    levels = ["client_id", "therapist_id"]
    found = al.fit_response_surface(data, **COLUMNS, by=levels)
    assert "lie in several of 'therapist_id'" in found.messages[0]
    each = data.assign(client_id=data["client_id"].where(~moved, -1))
    expected = al.fit_response_surface(each, **COLUMNS, by=levels)
    pd.testing.assert_frame_equal(found.tidy(), expected.tidy())


def test_the_picture_shows_the_surface_only_where_data_are():
    found = al.fit_response_surface(planted(b3=-0.5, b4=1.0, b5=-0.5), **COLUMNS)
    ax = found.plot()
    assert "points" in ax.get_xlabel()
    assert ax.get_title(loc="left") == "n = 400 rows"
    from alliance_stats.gap.surface.model_sequence import surface_grid

    grid = surface_grid(found, "")
    assert 0.2 < grid["inside"].mean() < 0.95
    assert found.plot_3d().figure.axes[1].name == "3d" or len(found.plot_3d().figure.axes) == 3


def test_bounds_that_are_not_met_contradict_nothing():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(2, 400))
    data = pd.DataFrame({"x": x, "y": y, "z": -0.4 * (x - y) ** 2 + rng.normal(size=400)})
    found = al.fit_response_surface(
        data, x="x", y="y", outcome="z", center=0.0, direction="higher_is_better"
    )
    assert found.congruence().verdict == "strict"
    for bounds in ({"p11": (0.99, 1.01)}, {"a3": (-0.01, 0.01)}):
        narrow = found.congruence(equivalence=bounds)
        assert narrow.verdict == "undecided"
        assert "nothing contradicts it" in narrow.words
    level = found.congruence(equivalence={"a1": (-0.01, 0.01), "a2": (-0.01, 0.01)})
    assert level.verdict == "broad"
    assert "also depends on their level" not in level.words

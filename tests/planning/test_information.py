"""Standard errors and degrees of freedom of a plan, against dense matrices and pencil and paper."""

import numpy as np
import pytest

import alliance_stats as al
from alliance_stats.errors import DesignError
from alliance_stats.multilevel.fit import fitted
from alliance_stats.planning.chances import operating
from alliance_stats.planning.information import certainty, degrees_of_freedom, question_of
from alliance_stats.planning.replicates import draw, with_predictor
from alliance_stats.planning.satterthwaite import own_df
from alliance_stats.planning.simulated import analysis

SHARES = {"icc_client": 0.4, "icc_therapist": 0.1}
ROUNDING = 1e-9
"""The same algebra in another order."""


def dense_covariance(design, rows):
    """The covariance of all sessions, written down in full."""
    time = rows["time"].to_numpy()
    V = design.residual_sd**2 * np.eye(len(rows))
    for column, variance, slope in (
        ("client_id", design.client_variance, design.slope_sd_client**2),
        ("therapist_id", design.therapist_variance, design.slope_sd_therapist**2),
    ):
        who = rows[column].to_numpy()
        same = (who[:, None] == who) & (who >= 0)[:, None]
        V += same * (variance + slope * np.outer(time, time))
    return V


@pytest.mark.parametrize("of", ["arm", "arm_by_time"])
@pytest.mark.parametrize(
    "more",
    [
        {"caseloads": [1, 5, 2, 2, 7, 1]},
        {"randomised": "client", "dropout": [0, 0.2, 0.2, 0.5]},
        {"nested": "one_arm", "dropout": 0.4},
        {"arms": 3},
    ],
    ids=["caseloads", "clients randomised", "one arm", "three arms"],
)
def test_generalised_least_squares_by_therapist_is_that_of_the_dense_matrix(of, more):
    slopes = {"slope_sd_client": 0.3, "slope_sd_therapist": 0.2}
    design = al.StudyDesign(6, 3, 4, **SHARES, **slopes, **more)
    rows = design.layout.rows()
    arms = (rows["arm"].to_numpy()[:, None] == np.arange(1, design.arms)).astype(float)
    time = rows["time"].to_numpy()
    X = np.column_stack([np.ones(len(rows)), arms, time, arms * time[:, None]])
    if of == "arm":
        X = X[:, : design.arms + 1]
    variance = np.linalg.inv(X.T @ np.linalg.solve(dense_covariance(design, rows), X))
    place = design.arms - 1 if of == "arm" else -1
    assert certainty(design, of).std_error == pytest.approx(
        np.sqrt(variance[place, place]), rel=ROUNDING
    )


def test_one_measurement_has_the_design_effect():
    design = al.StudyDesign(40, 6, 1, icc_client=0, icc_therapist=0.05, residual_sd=np.sqrt(0.95))
    effect = 1 + (6 - 1) * 0.05  # of a total variance of one
    assert certainty(design, "arm").std_error == pytest.approx(np.sqrt(2 * effect / 120))


def test_the_variance_of_a_difference_of_slopes_is_the_textbooks():
    slopes = {"slope_sd_client": 0.3, "slope_sd_therapist": 0.2}
    design = al.StudyDesign(20, 5, 6, **SHARES, **slopes)
    of_time = np.sum((np.arange(6) - 2.5) ** 2)
    one_arm = (0.2**2 + (0.3**2 + 1 / of_time) / 5) / 10
    assert certainty(design, "arm_by_time").std_error == pytest.approx(np.sqrt(2 * one_arm))


@pytest.mark.parametrize("of", ["within", "between", "rupture"])
def test_the_expected_information_of_a_predictor_is_that_of_many_draws(of):
    slopes = {"slope_sd_client": 0.3, "slope_sd_therapist": 0.2}
    design = al.StudyDesign(4, 3, 5, randomised="none", dropout=0.3, **SHARES, **slopes)
    rows = design.layout.rows()
    rows = rows[rows["session"] > 1] if of == "rupture" else rows
    client = rows["client_id"].to_numpy()
    rng = np.random.default_rng(1)
    if of == "between":
        drawn = rng.standard_normal((20_000, 12))
        x = (drawn * np.sqrt(11 / 12))[:, client]
    else:
        x = rng.standard_normal((20_000, len(rows)))
        x = rng.random(x.shape) < 0.06 if of == "rupture" else x
        same = client[:, None] == client
        x = x - x @ (same / same.sum(axis=0))
    known = (x * np.linalg.solve(dense_covariance(design, rows), x.T).T).sum(axis=1).mean()
    # 20,000 draws of a quadratic form, whose own spread is about 1/2 to 1
    assert certainty(design, of).std_error ** -2 == pytest.approx(known, rel=0.03)


@pytest.mark.parametrize(("n", "df"), [(6, 4), (8, 6), (7, 5), (53, 51)])
def test_randomised_therapists_leave_therapists_minus_arms(n, df):
    # the counts of powerlmm's own tests: 3 and 3, 4 and 4, 3 and 4, 3 and 50 therapists
    design = al.StudyDesign(n, 3, 4, slope_sd_therapist=0.1, **SHARES)
    for of in ("arm", "arm_by_time"):
        assert degrees_of_freedom(design, of)[0] == df


def test_arms_of_unequal_size_are_dealt_so_and_have_powerlmms_count():
    design = al.StudyDesign(53, 3, 4, slope_sd_therapist=0.1, **SHARES, allocation=[3, 50])
    whose = design.layout.therapist[design.layout.arm == 0]
    assert len(np.unique(whose)) == 3
    assert certainty(design, "arm_by_time").df == 51
    once = al.StudyDesign(12, 4, 1, icc_client=0, icc_therapist=0.2, residual_sd=np.sqrt(0.8),
                          allocation=[1, 2])  # fmt: skip
    mean = (0.2 + 0.8 / 4) * (1 / 4 + 1 / 8)  # of four therapists, and of eight
    assert certainty(once, "arm").std_error == pytest.approx(np.sqrt(mean))
    clients = al.StudyDesign(6, 9, 1, icc_client=0, icc_therapist=0.2, allocation=[1, 2],
                             randomised="client")  # fmt: skip
    assert np.bincount(clients.layout.arm).tolist() == [18, 36]


def test_a_measure_with_error_attenuates_what_is_true():
    true = {"icc_client": 0.4, "icc_therapist": 0.1, "standardised": True}
    design = al.StudyDesign(40, 6, 1, reliability=0.8, **true)
    seen = al.StudyDesign(40, 6, 1, icc_client=0.32, icc_therapist=0.08, standardised=True)
    # what is seen: shares times the reliability, and an effect in SDs times its root
    assert design.power(0.5).power == pytest.approx(seen.power(0.5 * np.sqrt(0.8)).power)
    assert design.power(0.1, of="therapists").power == pytest.approx(
        seen.power(0.08, of="therapists").power
    )
    score = design.simulate(1).table("scores")["score"]
    # 240 scores of an SD of 1.41 / sqrt(.8) = 1.58; its error is about .08
    assert score.std() == pytest.approx(np.sqrt(2 / 0.8), abs=0.25)


def test_the_sizes_of_a_protocol_have_the_effect_that_their_icc_gives():
    """Gumz et al. 2025, doi 10.1136/bmjopen-2024-098343: 120 therapists with two patients each.

    R 4: power.t.test(n = 60, power = .8, strict = TRUE)$delta is 0.51570249, on therapists' means
    whose SD is that of two patients with an ICC of .05; R's search ends at about 1e-5 of it.
    """
    design = al.StudyDesign(120, 2, 1, icc_client=0, icc_therapist=0.05)
    expected = 0.51570249 * np.sqrt((1 + 0.05) / 2)
    assert design.precision().detectable / design.total_sd == pytest.approx(expected, abs=1e-5)


def test_other_questions_have_the_df_of_their_own_level():
    design = al.StudyDesign(10, 4, 5, randomised="none", **SHARES)
    found = {of: degrees_of_freedom(design, of)[0] for of in ("gap", "between", "within")}
    assert found == {"gap": 9, "between": 40 - 10 - 1, "within": 200 - 40 - 2}


def test_the_power_of_a_t_test_is_that_of_r():
    # R 4: power.t.test(n = 20, delta = .5, sd = 1, strict = TRUE)
    assert operating(0.5, np.sqrt(2 / 20), 38, 0.05)[0] == pytest.approx(0.337939, abs=5e-7)


def test_signs_and_sizes_are_those_published():
    # Gelman & Carlin (2014): effect .1, standard error 3.28
    power, sign, size = operating(0.1, 3.28, np.inf, 0.05)
    assert (round(power, 2), round(sign, 2), round(size)) == (0.05, 0.46, 77)


def test_signs_and_sizes_by_t_are_those_of_drawn_estimates():
    rng = np.random.default_rng(2)
    estimate = 1 + rng.standard_normal(400_000)
    error = np.sqrt(rng.chisquare(6, 400_000) / 6)
    hit = np.abs(estimate / error) > 2.4469
    found = operating(1, 1, 6, 0.05)
    drawn = hit.mean(), (estimate[hit] < 0).mean(), np.abs(estimate[hit]).mean()
    assert found == pytest.approx(drawn, rel=0.03)  # three errors of 57,000 hits, 1.2 % of them


def test_an_arm_without_therapists_has_the_df_that_fits_have():
    design = al.StudyDesign(12, 8, 5, icc_client=0.3, icc_therapist=0.2, nested="one_arm")
    rng = np.random.default_rng(1)
    rows, _ = with_predictor(design, design.layout.rows(), "arm", rng)
    data = rows.assign(score=draw(design, rows, rng))
    fit = fitted(analysis(design, "arm"), data)
    found = [fit.refit(draw(design, rows, rng)).df["arm"] for _ in range(30)]
    # Satterthwaite's df vary from study to study (here by about 3); their median does by 0.7
    assert certainty(design, "arm").df == pytest.approx(np.median(found), abs=2)


LMM = {"icc_client": 0.5, "icc_therapist": 0, "slope_sd_client": np.sqrt(0.02 * 0.95),
       "slope_sd_therapist": np.sqrt(0.02 * 0.05)}  # fmt: skip


def test_growth_has_the_power_that_powerlmm_prints():
    # its readme; its dropout differs between the arms, ours is their mean
    gone = [0, 0, 0.01, 0.025, 0.05, 0.07, 0.1, 0.13, 0.165, 0.21, 0.25]
    design = al.StudyDesign(10, 10, 11, **LMM, dropout=gone)
    found = design.power(-0.8 * np.sqrt(2) / 10, of="arm_by_time")
    assert (round(100 * found.power), found.df) == (68, 8)


UNEQUAL = {"caseloads": [1, 1, 2, 2, 3, 3, 25, 25], "icc_client": 0.45, "icc_therapist": 0.05}
GROWTH = {"slope_sd_client": 0.2, "slope_sd_therapist": 0.15}


@pytest.mark.parametrize(
    ("of", "more"),
    [
        ("arm", UNEQUAL),
        ("arm_by_time", UNEQUAL | GROWTH),
        ("arm_by_time", SHARES | GROWTH | {"dropout": 0.5, "randomised": "client"}),
        ("arm_by_time", SHARES | GROWTH | {"nested": "one_arm", "dropout": 0.3}),
    ],
    ids=["arm", "growth", "clients randomised", "one arm"],
)
def test_the_df_of_a_design_are_satterthwaites_of_the_dense_matrices(of, more):
    design = al.StudyDesign(8, 7.75, 4, **more)
    rows = design.layout.rows()
    time, arm = rows["time"].to_numpy(), rows["arm"].to_numpy(dtype=float)
    X = np.column_stack([np.ones(len(rows)), arm, time, arm * time][: 3 + (of == "arm_by_time")])
    parts, variances = [np.eye(len(rows))], [design.residual_sd**2]
    for who, level, slope in (
        ("client_id", design.client_variance, design.slope_sd_client**2),
        ("therapist_id", design.therapist_variance, design.slope_sd_therapist**2),
    ):
        whose = rows[who].to_numpy()
        same = (whose[:, None] == whose) & (whose >= 0)
        parts += [same, same * np.outer(time, time)][: 1 + (slope > 0)]
        variances += [level, slope][: 1 + (slope > 0)]
    W = np.linalg.inv(sum(v * part for v, part in zip(variances, parts, strict=True)))
    C = np.linalg.inv(X.T @ W @ X)
    P = W - W @ X @ C @ X.T @ W
    products = [P @ part for part in parts]
    information = [[np.sum(one * two.T) / 2 for two in products] for one in products]
    place = 3 if of == "arm_by_time" else 1
    a = (W @ X @ C)[:, place]
    gradient = np.array([a @ part @ a for part in parts])
    expected = 2 * C[place, place] ** 2 / (gradient @ np.linalg.solve(information, gradient))
    assert own_df(design, *question_of(design, of)) == pytest.approx(expected, rel=1e-6)


def test_where_few_therapists_decide_no_formula_is_shown_and_simulation_tells_its_own_size():
    design = al.StudyDesign(8, 7.75, 4, **UNEQUAL)
    for asked in (
        lambda: design.power(1), design.precision, lambda: design.required("sessions", effect=1)
    ):  # fmt: skip
        with pytest.raises(DesignError, match="so unequal that few therapists decide"):
            asked()
    found = design.power(1, method="simulation", replicates=20, seed=1)
    assert found.false_positives == found.false_positives
    assert found.table["method"].tolist() == ["simulation"]
    assert found.df < 6  # therapists minus arms; the median of so few goes up and down


def test_unequal_caseloads_of_more_therapists_have_fewer_df_than_are_counted():
    # 250 fits of drawn studies (the design of tests/benchmarks/planning.py with this name) are
    # significant in .71 of cases, with a median of 6.6 df; the count, 14, gives .80
    sizes = [1, 1, 1, 1, 1, 1, 30, 30] * 2
    design = al.StudyDesign(16, 8.25, 5, **UNEQUAL | GROWTH | {"caseloads": sizes})
    found = design.power(0.4, of="arm_by_time")
    assert found.power == pytest.approx(0.71, abs=3 * 0.03)
    assert found.power < 0.75
    assert "of at most 14 (therapists minus arms)" in " ".join(found.messages)


def test_the_mean_gap_is_that_in_the_middle_of_the_sessions():
    design = al.StudyDesign(6, 3, 5, randomised="none", **SHARES, **GROWTH)
    rows = design.layout.rows()
    X = np.column_stack([np.ones(len(rows)), rows["time"] - 2])
    variance = np.linalg.inv(X.T @ np.linalg.solve(dense_covariance(design, rows), X))
    assert certainty(design, "gap").std_error == pytest.approx(np.sqrt(variance[0, 0]), rel=1e-9)
    told = " ".join(design.power(1, of="gap", method="simulation", replicates=2).messages)
    assert "score ~ 1 + centred + (1 + time || client_id)" in told


@pytest.mark.parametrize(
    ("villages", "question", "percent"),
    [
        (True, (0.4, "arm", None), 90),
        (True, (0.20, "dropout", 0.45), 90),
        (True, (0.16, "dropout", 0.22), 81),
        (False, (0.4, "arm", None), 84),
        (False, (0.20, "dropout", 0.45), 86),
        (False, (0.16, "dropout", 0.22), 74),
    ],
)
def test_a_protocols_powers_come_out_from_its_iccs(villages, question, percent):
    """Sikander et al. 2015, doi 10.1186/s13063-015-1063-9, table 4.

    Two trials: 40 villages of 14 are randomised (ICC .07 and .05, 20 % lost), or 280 women, half of
    them with 30 therapists (ICC .05, 15 % lost). The shares are of remission, which is a yes or no
    of each client as dropout is. What formula they used is not said: two points are left open.
    """
    effect, of, base = question
    if villages:
        design = al.StudyDesign(40, 14 * 0.8, 1, icc_client=0, icc_therapist=0.06,
                                dropout_share=base)  # fmt: skip
    else:
        design = al.StudyDesign(30, 140 * 0.85 / 30, 1, icc_client=0, icc_therapist=0.05,
                                nested="one_arm", dropout_share=base)  # fmt: skip
    found = design.power(effect, of=of, standardised=True).power
    assert 100 * found == pytest.approx(percent, abs=2)


@pytest.mark.parametrize("of", ["arm", "arm_by_time", "within", "between", "rupture"])
def test_scores_missing_between_sessions_are_averaged_over_the_dense_matrix(of):
    slopes = {"slope_sd_client": 0.3, "slope_sd_therapist": 0.2}
    missing = {"missing": [0, 0.3, 0.3, 0.5, 0, 0.3], "dropout": [0, 0, 0.2, 0.2, 0.4, 0.4]}
    design = al.StudyDesign(8, 5, 6, **missing, **SHARES, **slopes)
    rows = design.layout.rows()
    rng, total = np.random.default_rng(2), 0.0
    for _ in range(300):
        kept = rows[rng.random(len(rows)) >= design.missed[rows["session"] - 1]]
        kept = kept[kept["session"] > 1] if of == "rupture" else kept
        V, arm, time = dense_covariance(design, kept), kept["arm"], kept["time"]
        client = kept["client_id"].to_numpy()
        same = client[:, None] == client
        inside = np.eye(len(kept)) - same / same.sum(axis=0)
        if of.startswith("arm"):
            X = np.column_stack([np.ones(len(kept)), arm, time, arm * time])
            X = X if of == "arm_by_time" else X[:, :3]
            total = total + X.T @ np.linalg.solve(V, X)
        elif of == "between":
            total += (np.linalg.inv(V) * same).sum() * (1 - 1 / 40)
        else:
            part = design.rupture_variance if of == "rupture" else 1
            total += part * np.trace(inside @ np.linalg.solve(V, inside))
    known = total / 300
    if of.startswith("arm"):
        place = {"arm": 1, "arm_by_time": 3}[of]
        known = 1 / np.linalg.inv(known)[place, place]
    # 300 patterns against 200 others; therapists' own inverse is taken of a mean
    assert certainty(design, of).std_error ** -2 == pytest.approx(known, rel=0.03)


def test_a_predictor_with_error_tells_as_much_less_as_its_reliability():
    sure = al.StudyDesign(20, 5, 6, randomised="none", **SHARES)
    less = al.StudyDesign(20, 5, 6, randomised="none", predictor_reliability=0.64, **SHARES)
    for of in ("within", "between"):
        assert less.power(0.2, of=of).power == pytest.approx(sure.power(0.16, of=of).power)
        assert "0.64 of it" in str(less.power(0.2, of=of))
    rng, rows = np.random.default_rng(0), less.layout.rows()
    x = with_predictor(less, rows, "within", rng)[1]
    assert x @ x / (len(rows) - 100) == pytest.approx(0.64)


def test_caseloads_in_shares_are_those_of_all_therapists():
    loads = {3: 0.1, 5: 0.3, 6: 0.5, 13: 0.1}  # ten therapists, an odd number of each kind
    design = al.StudyDesign(10, 6.1, 2, caseloads=loads, **SHARES)
    layout = design.layout
    assert sorted(np.bincount(layout.therapist)) == [3, 5, 5, 5, 6, 6, 6, 6, 6, 13]
    assert len(np.unique(layout.therapist[layout.arm == 0])) == 5


def test_a_pilots_missing_scores_and_clients_are_all_in_its_plan():
    pilot = al.StudyDesign(9, 4, 5, missing=0.3, dropout=0.3, **SHARES).simulate(3)
    plan = al.StudyDesign.from_study(pilot, "outcome", draws=0)
    rows = pilot.select("outcome").dropna(subset=["score"])
    assert plan.layout.n_clients == rows["client_id"].nunique()
    assert plan.missing > 0.1
    within = (rows["session"] <= plan.sessions).sum()
    assert plan.scores.sum() == pytest.approx(within, rel=0.03)  # lengths are dealt
    few = al.StudyDesign(3, 2, 5, randomised="none", **SHARES).simulate(3)
    assert "fewer than ten clients" in str(al.StudyDesign.from_study(few, "outcome", draws=0))

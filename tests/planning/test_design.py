"""What a plan is, asks and refuses."""

import numpy as np
import pytest
from scipy import stats

import alliance_stats as al
from alliance_stats.errors import DesignError
from alliance_stats.planning import simulated

SHARES = {"icc_client": 0.4, "icc_therapist": 0.1}


def plan(n=12, each=4, sessions=5, **more):
    return al.StudyDesign(n, each, sessions, **SHARES | more)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"n": 0}, "n_therapists must be a whole number of 1"),
        ({"n": 900_000}, "at most 1,000,000 clients"),
        ({"n": 3}, "n_therapists must be 4 or more"),
        ({"n": 1, "randomised": "none"}, "n_therapists must be 2 or more"),
        ({"each": 0}, "clients_per_therapist must be a number of 1 or more"),
        ({"icc_therapist": 1.2}, "icc_therapist is a share"),
        ({"icc_client": -0.1}, "icc_client is a share"),
        ({"icc_client": 0.7, "icc_therapist": 0.3}, "add to 1 and must leave"),
        ({"slope_sd_client": -1}, "slope_sd_client must be 0 or more"),
        ({"residual_sd": 0}, "residual_sd must be a finite number above 0"),
        ({"dropout": 1}, "leaves nobody"),
        ({"dropout": [0, 0.5, 1, 1, 1]}, "leaves nobody in session 3"),
        ({"dropout": [0.1, 0.2, 0.3, 0.4, 0.5]}, r"\(from 0 up\) or are still there"),
        ({"dropout": [1, 0.9, 0.95, 0.7, 0.6]}, r"\(from 1 down\), not \[1, 0.9"),
        ({"dropout": [1, 0.5, 0, 0, 0]}, "leaves nobody in session 3"),
        ({"caseloads": [4, 4]}, "each of the 12 therapists; it lists 2"),
        ({"caseloads": {2: 0.5}}, "must add to 1"),
        ({"randomised": "clients"}, "Did you mean 'client'"),
        ({"nested": "one_arm", "arms": 3}, "needs two arms"),
        ({"arms": 1}, "arms=2 or more"),
        ({"reliability": 0}, "reliability must be a number between 0 and 1"),
        ({"allocation": 2}, "allocation must list a part for each arm"),
        ({"allocation": [1, 2, 3]}, "one for each of 2 arms"),
        ({"allocation": [1, 20]}, "allocation leaves an arm fewer than two"),
        ({"pilot_draws": 5}, "pilot_draws must be a list of variances"),
        ({"randomised": "none", "nested": "one_arm"}, "needs two arms"),
    ],
)
def test_an_impossible_plan_is_one_sentence(more, said):
    with pytest.raises(DesignError, match=said):
        plan(**more)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"effect": 0}, "with no effect the power is alpha"),
        ({"effect": 1, "of": "dropout"}, "shares between 0 and 1; dropout is 0"),
        ({"effect": 1, "of": "rapture"}, "Did you mean 'rupture'"),
        ({"effect": 1, "alpha": 5}, "alpha must be a number between 0 and 1"),
        ({"effect": 1, "over": {"effect": [0, 0.1]}}, "effect must be a number other than 0"),
        ({"effect": 1, "over": {"n_therapists": 20}}, "over needs numbers for 'n_therapists'"),
        ({"effect": 1, "over": {"sessions": [1, 2]}, "of": "arm_by_time"}, "2 sessions or more"),
        ({"effect": 1, "method": "simulation", "resume": 5}, "resume must be the name of a file"),
        ({"effect": 1, "method": "simulated"}, "method must be one of"),
        ({"effect": 1, "formula": "score ~ time + (1 | client_id)"}, "must hold the term 'arm'"),
    ],
)
def test_an_impossible_question_is_one_sentence(asked, said):
    with pytest.raises(DesignError, match=said):
        plan().power(**asked)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: plan().precision(confidence=0.15), "confidence must lie above 0.2, not 0.15"),
        (lambda: plan().precision(standardised="yes"), "standardised must be True or False"),
        (lambda: plan().required("n_therapists", power=0.04, effect=1), "must lie above alpha"),
        (lambda: plan(icc_therapist=0).precision(of="therapists"), "for precision icc_therapist"),
    ],
)
def test_an_impossible_wish_is_one_sentence(ask, said):
    with pytest.raises(DesignError, match=said):
        ask()


def test_a_giant_effect_is_found_for_sure():
    found = plan().power(1e300)
    assert (found.power, found.type_s, found.type_m) == pytest.approx((1, 0, 1))


def test_questions_need_the_sessions_and_arms_that_they_are_about():
    with pytest.raises(DesignError, match="needs 2 sessions"):
        plan(sessions=1).power(1, of="arm_by_time")
    with pytest.raises(DesignError, match="needs arms"):
        plan(randomised="none").precision(of="arm")
    with pytest.raises(DesignError, match="needs a therapist for every client"):
        plan(nested="one_arm").precision(of="gap")


@pytest.mark.parametrize("of", ["arm_by_time", "within", "rupture"])
def test_sessions_are_searched_from_the_fewest_that_the_question_has(of):
    assert plan(randomised="client").required("sessions", effect=2, of=of).design.sessions >= 2
    nobody = plan(n=20, each=3, sessions=8, dropout=[0] + [0.9999] * 7)
    with pytest.raises(DesignError, match=r"none of an arm's clients does"):
        nobody.power(1, of=of)
    assert nobody.power(1).power > 0  # in the first session


def test_numbers_of_numpy_are_numbers():
    given = {"slope_sd_client": np.float64(0.2), "slope_sd_therapist": np.float64(0.1)}
    design = plan(**given)
    assert design == plan(slope_sd_client=0.2, slope_sd_therapist=0.1)
    assert "(1 + time || client_id)" in simulated.analysis(design, "arm_by_time")


def test_of_each_length_there_are_as_many_as_the_curve_says_in_every_arm():
    gone = [0, 0.1, 0.1, 0.3, 0.5]
    layout = plan(n=20, each=5, dropout=gone).layout
    for arm in (0, 1):
        length = layout.length[layout.arm == arm]
        assert [(length <= s).mean() for s in range(5)] == pytest.approx(gone)


def test_a_share_that_leaves_is_spread_at_a_constant_rate():
    assert plan(dropout=[1, 0.9, 0.9, 0.7, 0.5]).gone == pytest.approx([0, 0.1, 0.1, 0.3, 0.5])
    assert plan(dropout=0.25).gone == pytest.approx(1 - 0.75 ** (np.arange(5) / 4))


@pytest.mark.parametrize(
    "caseloads", ["poisson", "geometric", {2: 0.5, 6: 0.5}, [2, 6] * 10, stats.poisson(4)]
)
def test_caseloads_have_their_mean(caseloads):
    layout = plan(n=20, each=4, caseloads=caseloads).layout
    assert layout.n_clients == pytest.approx(80, abs=4)  # ten quantiles an arm
    assert np.bincount(layout.therapist).min() >= 1


@pytest.mark.parametrize("caseloads", ["equal", "poisson", "geometric"])
def test_a_mean_of_one_client_is_one_client_each(caseloads):
    design = plan(each=1, caseloads=caseloads)
    assert design.layout.n_clients == 12
    one = 0.8 + 0.2 + 1 / 5  # variance of a client's mean: client, therapist, five sessions
    assert design.precision().std_error == pytest.approx(np.sqrt(4 * one / 12))
    assert "1 to" not in design.summary()


def test_the_arm_without_therapists_has_as_many_clients():
    layout = plan(nested="one_arm").layout
    assert layout.n_therapists == 12
    assert (layout.therapist == -1).sum() == (layout.therapist >= 0).sum() == 48


@pytest.mark.parametrize("what", ["n_therapists", "clients_per_therapist", "sessions"])
def test_required_is_the_first_number_that_suffices(what):
    design = plan(slope_sd_client=0.1)
    found = design.required(what, power=0.7, effect=1.1)
    n, step = getattr(found.design, what), 2 if what == "n_therapists" else 1
    fewer = {"n_therapists": 12, "clients_per_therapist": 4, "sessions": 5} | {what: n - step}
    sizes = fewer["n_therapists"], fewer["clients_per_therapist"], fewer["sessions"]
    assert found.power >= 0.7
    assert plan(*sizes, slope_sd_client=0.1).power(1.1).power < 0.7


def test_the_smallest_effect_has_the_power_asked_for():
    found = plan().required("effect", power=0.9)
    assert found.power == pytest.approx(0.9)
    assert plan().precision().detectable == pytest.approx(plan().required("effect").effect)


def test_an_answer_says_what_its_question_takes_for_granted():
    found = plan(slope_sd_client=0.1, randomised="none").power(1, of="rupture")
    said = " ".join(found.messages)
    for words in ("same for every client", "6.0% of sessions", "SDs of 0.1 and 0", "carry 0.4"):
        assert words in said
    assert "best case" in " ".join(plan().power(1, of="arm_by_time").messages)


def test_more_clients_of_few_therapists_do_not_suffice_and_that_is_said():
    with pytest.raises(DesignError, match="more therapists are needed"):
        plan(n=6, icc_therapist=0.2).required("clients_per_therapist", effect=0.5)
    with pytest.raises(DesignError, match="cannot vary while caseloads are given as a list"):
        plan(caseloads=[4] * 12).required("n_therapists", effect=0.5)
    with pytest.raises(DesignError, match="needs effect="):
        plan().required("n_therapists")


def test_a_standardised_effect_is_in_sds_of_one_session():
    design = plan(residual_sd=4)
    assert design.total_sd == pytest.approx(4 / np.sqrt(0.5))
    points = design.power(0.5 * design.total_sd).power
    found = design.power(0.5, standardised=True)
    assert found.power == points
    assert "One SD (of one session, over all clients) is 5.66 points." in found.messages
    assert plan(residual_sd=4, standardised=True).power(0.5).power == points


def numbers(answer):
    """The numbers of an answer that are in its unit: what it holds, and its glance."""
    row = answer.glance().iloc[0]
    table = getattr(answer, "table", None)
    curve = [] if table is None else table["effect"].tolist()
    names = ("effect", "std_error", "half_width", "detectable")
    return [row[name] for name in names if name in row] + curve


@pytest.mark.parametrize("ask", ["power", "precision", "required"])
def test_an_answer_has_one_unit_in_every_number_and_its_header_names_it(ask):
    design = plan(residual_sd=4)

    def asked(standardised):
        effect = 0.5 if standardised else 0.5 * design.total_sd
        return {
            "power": lambda: design.power(effect, standardised=standardised),
            "precision": lambda: design.precision(standardised=standardised),
            "required": lambda: design.required("effect", standardised=standardised),
        }[ask]()

    points, sds = asked(False), asked(True)
    assert np.array(numbers(points)) == pytest.approx(np.array(numbers(sds)) * design.total_sd)
    units = {one.glance()["unit"].iloc[0] for one in (points, sds)}
    assert units == {"points", "SDs of one session"}
    if ask == "precision":
        assert "Estimate (points)" in str(points)
        assert "Estimate (SDs of one session)" in str(sds)
        assert f"estimate = {sds.half_width:.2f} SDs of one session" in sds.text()
    else:
        assert points.plot().get_xlabel() == "Effect (points)"
        assert sds.plot().get_xlabel() == "Effect (SDs of one session)"
    for one in (points, sds):  # what one is in the other
        assert "over all clients) is 5.66 points." in str(one)


def test_a_plan_shows_its_sds_in_its_own_unit():
    assert "Estimate (points)" in str(plan(residual_sd=4))
    inside = plan(residual_sd=4, standardised=True)
    assert "Estimate (SDs of one session)" in str(inside)
    sds = inside.tidy().set_index("term").loc[["sd Intercept", "sd"], "estimate"]
    assert (sds**2).sum() == pytest.approx(1)  # the shares of one session's variance
    assert "Therapists: estimate = 12." in inside.text()


def test_simulated_power_is_that_of_the_formula_and_of_its_seed():
    design = al.StudyDesign(16, 4, 3, **SHARES)
    asked = {"method": "simulation", "replicates": 150}
    found = design.power(0.6, **asked, seed=1)
    assert abs(found.power - design.power(0.6).power) < 3 * found.mc_error
    assert found.power == design.power(0.6, **asked, seed=1).power
    assert list(found.table["method"].unique()) == ["analytic", "simulation"]


def test_a_model_without_therapists_finds_what_is_not_there():
    design = al.StudyDesign(6, 12, 3, icc_client=0.2, icc_therapist=0.3)
    found = design.power(1, formula="score ~ arm + time + (1 | client_id)", replicates=100, seed=2)
    assert found.false_positives > 0.2
    assert any("without any effect" in message for message in found.messages)


@pytest.mark.parametrize(
    "more", [{}, {"nested": "one_arm"}, {"randomised": "none"}], ids=["full", "one arm", "none"]
)
def test_a_plan_simulates_a_study_that_can_be_analysed(more):
    design = plan(dropout=0.3, **more)
    study = design.simulate(seed=4, effect=2.0)
    rows = study.select("outcome")
    assert len(rows) == design.layout.length.sum()
    assert study.synthetic
    assert study.truth["effect"] == 2.0
    assert ("condition" in study.tables["clients"]) == (design.arms > 1)


def test_a_study_is_simulated_with_the_effect_in_the_designs_unit():
    arms = plan(n=8, each=3).simulate(seed=4, effect=0.5)
    same = plan(n=8, each=3, standardised=True)
    again = same.simulate(seed=4, effect=0.5 / same.total_sd)
    ours, theirs = (one.select("outcome")["score"].to_numpy() for one in (arms, again))
    assert ours == pytest.approx(theirs)


def test_a_change_is_told_a_session_and_that_fits_have_more_df():
    found = plan(n=8, each=3).power(0.2, of="arm_by_time")
    assert "if it is 0.2 points a session (" in found.sentence()
    assert found.df == 6
    # without SDs of change the interaction is one of rows: 24 clients in 5 sessions, whose
    # arm and line take 4 and whose own means 22 more
    assert "Satterthwaite's of this design are 94" in found.messages[0]
    assert "Satterthwaite" not in plan(n=8, each=3).power(0.2).messages[0]


def test_many_lines_of_a_picture_stay_apart():
    over = {"icc_therapist": [0.0, 0.1], "n_therapists": [4, 10, 20, 30, 40, 50, 60]}
    lines = plan(n=8, each=3).power(0.2, over=over).plot().get_lines()[1:]
    assert len({(one.get_color(), one.get_marker(), one.get_linestyle()) for one in lines}) == 7


def test_a_pilot_gives_a_plan_with_its_own_variances():
    truth = al.StudyDesign(
        60, 5, 6, icc_client=0.4, icc_therapist=0.1, residual_sd=3, randomised="none", dropout=0.2
    )
    found = al.StudyDesign.from_study(
        truth.simulate(seed=3), "outcome", randomised="therapist", n_therapists=80
    )
    assert (found.n_therapists, found.sessions, found.randomised) == (80, 6, "therapist")
    assert found.residual_sd == pytest.approx(3, rel=0.05)  # 1,400 sessions: 2 %
    assert found.icc_client == pytest.approx(0.4, abs=0.08)  # 300 clients
    assert found.icc_therapist == pytest.approx(0.1, abs=0.08)  # 60 therapists
    assert found.gone[-1] == pytest.approx(0.2, abs=0.01)
    assert "planned-3" in found.messages[0]


@pytest.mark.parametrize("more", [{}, {"slopes": True}])
def test_what_a_pilots_treatment_did_is_no_difference_of_its_therapists(more):
    trial = plan(n=20, each=4)
    none, large = (
        al.StudyDesign.from_study(trial.simulate(3, effect=by), "outcome", draws=0, **more)
        for by in (0, 5.0)
    )
    # a shift of an arm leaves all that is within arms as it was
    assert large.icc_therapist == pytest.approx(none.icc_therapist, abs=1e-6)
    assert large.icc_client == pytest.approx(none.icc_client, abs=1e-6)
    assert "2 conditions may differ in mean" in " ".join(large.notes)


def test_a_pilots_arms_that_lose_different_shares_make_no_therapists_alike():
    trial = plan(n=40, each=6, sessions=3).simulate(2)
    clients = trial.table("clients")
    each = clients.groupby("therapist_id").cumcount()  # of six: one leaves in one arm, three else
    left = each < np.where(clients["condition"] == "Arm 1", 1, 3)
    ends = clients[["client_id"]].assign(last_session=2, reason=np.where(left, "dropout", "mutual"))
    pilot = trial.with_tables(terminations=ends)
    found = al.StudyDesign.from_study(pilot, "outcome", draws=0)
    assert found.icc_dropout == 0  # all therapists of an arm lose as many
    assert found.dropout_share == pytest.approx(1 / 3, abs=1e-4)


def test_power_for_dropout_is_that_of_two_shares_with_a_design_effect():
    design = plan(n=60, each=4, dropout=0.3, icc_dropout=0.05)
    found = design.power(-0.1, of="dropout")
    variance = (0.3 * 0.7 + 0.2 * 0.8) / 120 * (1 + 3 * 0.05)
    assert found.std_error == pytest.approx(np.sqrt(variance), rel=1e-9)  # the textbook's formula
    assert found.df == 58
    assert found.table["effect"].between(-0.3, 0.7).all()  # no share below 0
    half = design.power(-0.15, of="dropout")  # its curve would end where nobody is left to leave
    assert half.table["effect"].min() > -0.3
    assert half.size == "-0.15 (difference of shares)"
    few = plan(icc_client=0.7).power(0.15, of="therapists")
    assert few.table["effect"].max() < 0.3
    by_default = plan(n=60, each=4, dropout=0.3).power(-0.1, of="dropout")
    assert any("as of the outcome" in message for message in by_default.messages)
    with pytest.raises(DesignError, match="sessions decide nothing"):
        design.required("sessions", effect=-0.1, of="dropout")


@pytest.mark.parametrize("who", ["therapist", "client"])
def test_simulated_power_for_dropout_agrees(who):
    design = plan(n=30, each=8, dropout=0.3, icc_dropout=0.05, randomised=who)
    found = design.power(-0.15, of="dropout", method="simulation", replicates=300, seed=4)
    analytic = design.power(-0.15, of="dropout").power
    assert abs(found.power - analytic) < 3 * found.mc_error
    assert "logistic" in " ".join(found.messages)


def test_a_pilots_uncertainty_is_carried_into_the_power():
    truth = plan(n=10, each=5, sessions=4, randomised="none")
    pilot = truth.simulate(seed=10)
    found = al.StudyDesign.from_study(pilot, "outcome", randomised="therapist", draws=30)
    assert len(found.pilot_draws) == 30
    shares = np.array([one["icc_therapist"] for one in found.pilot_draws])
    assert shares.std() > 0.03  # ten therapists tell little
    answer = found.power(0.8)
    powers = [
        al.StudyDesign.from_study(pilot, "outcome", randomised="therapist", draws=0, **one)
        .power(0.8)
        .power
        for one in found.pilot_draws
    ]
    assert answer.assurance == pytest.approx(np.mean(powers))
    assert answer.tidy()["term"].tolist()[:2] == ["power", "assurance"]
    assert "Power averaged over what the pilot's variances may be" in str(answer)
    known = al.StudyDesign.from_study(pilot, "outcome", randomised="therapist", draws=0)
    assert np.isnan(known.power(0.8).assurance)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((5, "outcome"), "needs a study as the pilot, not 5"),
        (("demo-trial", "core-10", {"sessions": "x"}), "sessions must be a whole number"),
    ],
)
def test_what_is_no_pilot_is_one_sentence(given, said):
    study, score, *more = given
    study = al.load_dataset(study) if isinstance(study, str) else study
    with pytest.raises(DesignError, match=said):
        al.StudyDesign.from_study(study, score, **(more[0] if more else {}))


def test_a_pilots_variance_of_zero_gives_no_assurance_and_the_remedy():
    pilot = plan(n=10, each=5, sessions=4, randomised="none").simulate(seed=8)
    found = al.StudyDesign.from_study(pilot, "outcome", randomised="therapist", draws=3)
    assert (found.icc_therapist, found.pilot_draws) == (0, ())
    assert "icc_therapist was estimated as zero" in " ".join(found.notes)
    given = al.StudyDesign.from_study(pilot, "outcome", draws=3, icc_therapist=0.05)
    assert [sorted(draw)[:1] for draw in given.pilot_draws] == [["icc_client"]] * 3
    assert all("icc_therapist" not in draw for draw in given.pilot_draws)


def test_a_pilot_measured_at_some_sessions_plans_these_measurements():
    pilot = plan(n=10, each=5, sessions=9, randomised="none").simulate(seed=3)
    scores = pilot.table("scores")
    some = pilot.with_tables(scores=scores[scores["session"].isin([1, 5, 9])])
    found = al.StudyDesign.from_study(some, "outcome", draws=0, clients_per_therapist=20)
    assert (found.sessions, found.caseloads, found.layout.n_clients) == (3, "equal", 200)
    assert "measured at 3 of 9 sessions" in " ".join(found.notes)


def test_the_smallest_fall_in_dropout_has_the_power_asked_for():
    design = plan(n=20, each=8, dropout=0.25)
    found = design.required("effect", power=0.8, of="dropout")
    assert found.effect < 0
    assert found.power == pytest.approx(0.8, abs=1e-6)
    assert design.precision(of="dropout").detectable == pytest.approx(found.effect)
    with pytest.raises(DesignError, match="not even to none at all"):
        plan(n=20, each=8, dropout=0.05).required("effect", power=0.8, of="dropout")


def test_dropout_with_therapists_in_one_arm_has_their_variance_there_only():
    design = plan(n=20, each=10, dropout=0.1, icc_dropout=0.3, nested="one_arm")
    found = design.power(0.2, of="dropout")
    variance = 0.1 * 0.9 / 200 + 0.3 * 0.7 / 200 * (1 + 9 * 0.3)
    assert found.std_error == pytest.approx(np.sqrt(variance), rel=1e-9)
    rng, means = np.random.default_rng(3), []
    for _ in range(2000):
        own = rng.beta(0.3 * 7 / 3, 0.7 * 7 / 3, 20)
        means.append(rng.binomial(10, own).mean() / 10 - rng.binomial(200, 0.1) / 200)
    assert np.std(means) == pytest.approx(found.std_error, rel=0.06)  # 2,000 draws: 1.6 %
    with pytest.raises(DesignError, match="no difference of shares"):
        design.power(0.2, of="dropout", method="simulation", replicates=2)


def test_a_pilots_therapists_differ_in_dropout_as_they_were_drawn():
    found, pilot = [], plan(n=40, each=12).simulate(seed=1)
    whose = pilot.table("clients")["therapist_id"].to_numpy()
    for seed in range(12):
        rng = np.random.default_rng(seed)
        own = dict(zip(np.unique(whose), rng.beta(2.25, 6.75, 40), strict=True))  # .25, ICC .10
        left = rng.random(len(whose)) < [own[name] for name in whose]
        ends = pilot.table("clients")[["client_id"]].assign(
            last_session=5, reason=np.where(left, "dropout", "mutual")
        )
        ended = pilot.with_tables(terminations=ends)
        design = al.StudyDesign.from_study(ended, "outcome", draws=0)
        found.append((design.dropout_share, design.icc_dropout))
    share, alike = np.mean(found, axis=0)
    assert share == pytest.approx(0.25, abs=0.03)
    assert alike == pytest.approx(0.10, abs=0.03)


def test_a_pilots_dropout_is_that_of_its_terminations():
    pilot = al.load_dataset("demo-trial")
    found = al.StudyDesign.from_study(pilot, "core-10", randomised="therapist", draws=10)
    left = (pilot.table("terminations")["reason"] == "dropout").mean()
    assert found.dropout_share == pytest.approx(left, abs=0.02)  # weighted by therapist
    assert np.std([one["dropout_share"] for one in found.pilot_draws]) > 0.01
    answer = found.power(-0.15, of="dropout")
    assert 0 < answer.assurance < 1
    assert any("25." in message and "drop out" in message for message in answer.messages)


def test_who_leaves_before_the_one_measurement_has_no_score():
    alike = {"icc_client": 0, "icc_therapist": 0.05}
    design = al.StudyDesign(40, 6, 1, dropout=0.25, **alike)
    fewer = al.StudyDesign(40, 4.5, 1, **alike)
    for of, effect in (("arm", 0.4), ("therapists", 0.15)):
        lost, planned = design.power(effect, of=of), fewer.power(effect, of=of)
        assert (lost.power, lost.df) == pytest.approx((planned.power, planned.df), rel=1e-9)
    assert design.tidy()["estimate"].tolist()[:3] == [40, 240, 180]
    tables = design.simulate(1).tables
    assert (len(tables["clients"]), len(tables["scores"])) == (240, 180)
    assert any("25% leave before the one measurement" in note for note in design.messages)
    share = al.StudyDesign(40, 6, 1, dropout_share=0.25, **alike).power(-0.15, of="dropout")
    assert design.power(-0.15, of="dropout").power == share.power
    # therapists whose clients all left are no therapists of the comparison
    short = al.StudyDesign(40, 2, 1, dropout=0.6, randomised="none", **alike)
    left = len(np.unique(short.layout.therapist[short.layout.length > 0]))
    assert left < 40
    assert short.power(0.2, of="gap").df == left - 1


def test_the_therapists_required_do_not_depend_on_how_many_are_there():
    # with few therapists no formula is right for these caseloads
    needed = {
        plan(n, 6, 2, caseloads="geometric")
        .required("n_therapists", effect=1.0)
        .design.n_therapists
        for n in (4, 40)
    }
    assert len(needed) == 1


def test_a_list_of_dropout_is_told_in_the_singular():
    with pytest.raises(DesignError, match="sessions cannot vary while dropout is given as a list"):
        plan(dropout=[0, 0.1, 0.1, 0.2, 0.2]).required("sessions", effect=0.5)


def test_what_the_pilots_model_says_against_the_plan_is_passed_on():
    pilot = al.load_dataset("demo-trial")
    notes = " ".join(al.StudyDesign.from_study(pilot, "core-10", draws=0).notes)
    assert "The pilot's own model: Effects differ that the model takes to be one" in notes
    assert "Residuals of neighbouring sessions resemble each other" in notes

"""What was planted comes back: means, variances, autocorrelation, hazards, effects.

Every tolerance is about four standard errors of the estimate at the size simulated, so that a
correct generator fails one seed in some ten thousand; the seeds are fixed.
"""

import numpy as np
import pytest

import alliance_stats as al

HALF_STEP = 0.5  # an item mean is rounded to whole answers: half an answer over n items
ROUNDING = 1e-9
BARE = dict.fromkeys(["assessments", "forecasts", "observer_codes", "principle_codes"], False)


@pytest.fixture(scope="module")
def study():
    """A large study in the middle of the range, with every form and answer there."""
    return al.simulate_study(
        n_therapists=100,
        n_clients=2500,
        planned_sessions=12,
        planned_sessions_sd=0,
        alliance_mean=3.2,
        alliance_trend_sd=0.0,
        alliance_trend=0.03,
        alliance_therapist_sd=0.3,
        alliance_client_sd=0.4,
        alliance_within_sd=0.35,
        autocorrelation=0.4,
        rupture_rate=0.05,
        missed_rate=0.05,
        outcome_trend_sd=0.0,
        outcome_within_effect=-2.0,
        item_missing_rate=0.0,
        client_form_missing_rate=0.0,
        therapist_form_missing_rate=0.0,
        **BARE,
        seed=5,
    )


@pytest.fixture(scope="module")
def latent(study):
    frame = study.truth.sessions.merge(study.truth.clients, on="client_id")
    slope = study.truth["alliance_trend"] * (frame["session"] - 1)
    own = frame["alliance"] - slope - frame["alliance_level"] - study.truth["alliance_mean"]
    return frame.assign(own=own, calm=own + np.where(frame["in_rupture"], frame["depth"], 0.0))


def test_client_scores_are_the_latent_rating_rounded(study):
    scores = study.scores.query("measure == 'wai-sr' and rater == 'client' and scale == 'total'")
    both = scores.merge(study.truth.sessions, on=["client_id", "session"])
    error = (both["score"] - both["alliance"].clip(1, 5)).abs()
    assert len(both) == study.sessions["attended"].sum()
    assert error.max() <= HALF_STEP / 12 + ROUNDING


def test_therapist_scores_are_the_therapists_latent_rating_rounded(study):
    scores = study.scores.query("rater == 'therapist' and scale == 'total'")
    both = scores.merge(study.truth.sessions, on=["client_id", "session"])
    error = (both["score"] - both["therapist_alliance"].clip(1, 5)).abs()
    assert error.max() <= HALF_STEP / 12 + ROUNDING


def test_outcome_scores_with_reversed_items_are_the_latent_outcome_rounded(study):
    scores = study.scores.query("measure == 'core-10' and scale == 'total'")
    both = scores.merge(study.truth.sessions, on=["client_id", "session"])
    error = (both["score"] - both["outcome"].clip(0, 40)).abs()
    assert error.max() <= HALF_STEP + ROUNDING


def test_mean_and_trend_of_the_alliance(study, latent):
    # SE of the level: sqrt(.3^2/100 + .4^2/2500) = .031
    level = study.truth.clients["alliance_level"]
    assert abs(level.mean()) < 4 * 0.031
    # sessions without rupture: own part has mean 0, SE about .35 / sqrt(2500) * inflation
    assert abs(latent["calm"].mean()) < 0.01


def test_variances_between_therapists_clients_and_sessions(study, latent):
    level = study.truth.clients
    mean = level.groupby("therapist_id")["alliance_level"].transform("mean")
    own = level["alliance_level"] - mean
    within_therapist = np.sqrt((own**2).sum() / (len(level) - 100))
    assert within_therapist == pytest.approx(0.4, abs=4 * 0.4 / np.sqrt(2 * 2400))
    between = study.truth.therapists["alliance_effect"].std()
    assert between == pytest.approx(0.3, abs=4 * 0.3 / np.sqrt(2 * 99))
    # neighbouring sessions are correlated: about 0.43 times as many independent values
    n = len(latent) * (1 - 0.4) / (1 + 0.4)
    assert latent["calm"].std() == pytest.approx(0.35, abs=4 * 0.35 / np.sqrt(2 * n))


def test_autocorrelation_within_clients(latent):
    pairs = latent.assign(before=latent.groupby("client_id")["calm"].shift(1)).dropna()
    found = np.corrcoef(pairs["before"], pairs["calm"])[0, 1]
    assert found == pytest.approx(0.4, abs=4 * (1 - 0.4**2) / np.sqrt(len(pairs)))


def test_ruptures_come_at_their_rate_and_are_repaired_at_theirs(study, latent):
    truth = study.truth
    frame = latent.sort_values(["client_id", "session"])
    broken = frame.groupby("client_id")["in_rupture"].shift(1)
    later = frame[broken.notna() & frame["attended"]]
    before = broken.loc[later.index].astype(bool)
    begun = later.loc[~before, "rupture"]
    mended = later.loc[before, "repair"]
    for flags, rate in ((begun, truth["rupture_rate"]), (mended, truth["repair_probability"])):
        assert flags.mean() == pytest.approx(rate, abs=4 * np.sqrt(rate * (1 - rate) / len(flags)))
    assert not frame.loc[frame["session"] == 1, "rupture"].any()
    assert not (frame["rupture"] & frame["repair"]).any()


def test_depth_of_ruptures(study, latent):
    depth = latent.loc[latent["rupture"], "depth"]
    assert depth.mean() == pytest.approx(0.9, abs=4 * 0.25 / np.sqrt(len(depth)))


def test_therapists_rate_with_the_planted_bias_and_truth_force(study):
    latent = study.truth.sessions.query("attended").set_index(["client_id", "session"])
    mean = latent.groupby("client_id")["alliance"].transform("mean")
    gap = (latent["therapist_alliance"] - mean).groupby("client_id").mean()
    assert gap.mean() == pytest.approx(-0.40, abs=4 * 0.36 / np.sqrt(2500))
    x = latent["alliance"] - mean
    y = latent["therapist_alliance"] - mean - gap.reindex(x.index, level="client_id")
    slope = (x * y).sum() / (x**2).sum()
    assert slope == pytest.approx(0.40, abs=0.02)  # SE: .25/(.4*sqrt(25,000)) and .1/sqrt(2500)


def test_the_within_effect_acts_with_its_lag(study):
    frame = study.truth.sessions.sort_values(["client_id", "session"]).copy()
    step = frame.groupby("client_id")["session"].diff() == 1
    frame["before"] = frame.groupby("client_id")["alliance_within"].shift(1)
    used = frame[step & frame["before"].notna()].copy()
    trend = study.truth["outcome_trend"] * (used["session"] - 1)
    people = study.truth.clients.set_index("client_id")["alliance_level"]
    level = study.truth["outcome_between_effect"] * used["client_id"].map(people)
    left = (used["outcome"] - trend - level).to_numpy()
    # between clients sd 4.6, within 2.8: both are noise to a slope on the within part
    slope = np.polyfit(used["before"], left, 1)[0]
    se = 5.5 / (used["before"].std() * np.sqrt(len(used)))
    assert slope == pytest.approx(-2.0, abs=4 * se)


def test_dropout_has_the_planted_log_odds():
    import statsmodels.api as sm

    study = al.simulate_study(
        n_therapists=200, n_clients=6000, planned_sessions=12, planned_sessions_sd=0,
        dropout_hazard=0.05, dropout_within_effect=-1.0, dropout_between_effect=-0.5,
        dropout_therapist_sd=0.0, transfer_hazard=0.0, administrative_hazard=0.0,
        mutual_hazard=0.0, **BARE, seed=8,
    )  # fmt: skip
    truth = study.truth
    risk = truth.sessions[truth.sessions["attended"]].merge(truth.clients, on="client_id")
    risk = risk.merge(study.terminations[["client_id", "last_session"]], on="client_id")
    # the last planned session is at risk as well: everybody planned twelve
    left = (risk["session"] == risk["last_session"]) & (risk["reason"] == "dropout")
    design = sm.add_constant(risk[["alliance_within", "alliance_level"]])
    fit = sm.Logit(left.astype(float), design).fit(disp=0)
    wanted = [np.log(0.05 / 0.95), -1.0, -0.5]
    assert left.sum() > 1500
    assert np.all(np.abs(fit.params.to_numpy() - wanted) < 4 * fit.bse.to_numpy())


def test_ways_to_end_come_at_their_hazards():
    study = al.simulate_study(
        n_therapists=20, n_clients=4000, planned_sessions=10, planned_sessions_sd=0,
        dropout_hazard=0.03, dropout_within_effect=0.0, dropout_between_effect=0.0,
        dropout_therapist_sd=0.0, transfer_hazard=0.02, administrative_hazard=0.01,
        mutual_hazard=0.04, missed_rate=0.0, **BARE, seed=9,
    )  # fmt: skip
    at_risk = len(study.sessions)
    counts = study.terminations["reason"].value_counts()
    hazards = {"dropout": 0.03, "transferred": 0.02, "administrative": 0.01, "mutual": 0.04}
    for reason, hazard in hazards.items():
        se = np.sqrt(hazard * (1 - hazard) / at_risk)
        assert counts[reason] / at_risk == pytest.approx(hazard, abs=4 * se), reason


def test_raters_report_with_their_own_sensitivity():
    study = al.simulate_study(
        n_therapists=10, n_clients=1500, rupture_rate=0.2, client_sensitivity=0.3,
        therapist_sensitivity=0.6, false_report_rate=0.05, **BARE, seed=10,
    )  # fmt: skip
    truth = study.truth.sessions[study.truth.sessions["attended"]]
    reports = study.events.query("kind == 'rupture'")
    for rater, rate in (("client", 0.3), ("therapist", 0.6)):
        seen = reports.loc[reports["rater"] == rater, ["client_id", "session"]].assign(seen=True)
        both = truth.merge(seen, on=["client_id", "session"], how="left")
        told = both["seen"].notna()
        for flags, wanted in ((told[both["rupture"]], rate), (told[~both["rupture"]], 0.05)):
            se = np.sqrt(wanted * (1 - wanted) / len(flags))
            assert flags.mean() == pytest.approx(wanted, abs=4 * se), rater


def test_repairing_principles_are_seen_more_before_a_repair():
    study = al.simulate_study(
        n_therapists=10, n_clients=400, rupture_rate=0.2, coded_share=0.5, principle_effect=1.0,
        seed=4,
    )  # fmt: skip
    serves = al.list_principles().set_index("principle")["serves"]
    codes = study.principle_codes.assign(serves=study.principle_codes["principle"].map(serves))
    truth = study.truth.sessions.sort_values(["client_id", "session"])
    ahead = truth.groupby("client_id")["repair"].shift(-1).eq(True)
    truth = truth.assign(ahead=ahead)[["client_id", "session", "in_rupture", "ahead"]]
    inside = codes.merge(truth, on=["client_id", "session"]).query("in_rupture")
    means = inside.groupby(["serves", "ahead"])["extent"].mean().unstack()
    gain = means[True] - means[False]
    assert gain["repairing"] > 0.6  # 1.0, less what is lost at the ends of the 0-4 scale
    assert gain.drop("repairing").abs().max() < 0.15

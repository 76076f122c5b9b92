"""Simulations that end early, go on where they were stopped, and follow who leaves by scores."""

import numpy as np
import pytest
from joblib import parallel_config
from scipy.special import expit

import alliance_stats as al
from alliance_stats.errors import DesignError
from alliance_stats.planning import replicates
from alliance_stats.planning import simulated as power_room
from alliance_stats.planning.leaving import planned_rows, still_there

SHARES = {"icc_client": 0.4, "icc_therapist": 0.1}


def plan(**more):
    return al.StudyDesign(
        **{"n_therapists": 8, "clients_per_therapist": 3, "sessions": 3} | SHARES | more
    )


def simulated(design, **more):
    return design.power(1.2, method="simulation", seed=4, **{"replicates": 400} | more)


def test_it_ends_when_the_error_is_small_enough_whatever_works_on_it():
    found = simulated(plan(), mc_error=0.035)
    assert 200 <= found.replicates < 400
    assert found.mc_error <= 0.035
    assert f"ended after {found.replicates} studies" in " ".join(found.messages)
    with parallel_config("threading", n_jobs=3):
        both = simulated(plan(), mc_error=0.035)
    assert (both.power, both.replicates) == (found.power, found.replicates)
    assert simulated(plan(), mc_error=0.001, replicates=220).replicates == 220


def test_a_stopped_simulation_goes_on_where_it_was(tmp_path, monkeypatch):
    file = tmp_path / "power.jsonl"
    whole = simulated(plan(), replicates=250)
    assert simulated(plan(), replicates=150, resume=file).replicates == 150
    lines = file.read_bytes().splitlines()
    file.write_bytes(b"\n".join(lines[:3]) + b"\n" + lines[3][:40])  # killed while it wrote
    drawn = []
    once = power_room.coefficient_tests
    monkeypatch.setattr(
        power_room, "coefficient_tests", lambda *given: drawn.append(given[-1][0]) or once(*given)
    )
    again = simulated(plan(), replicates=250, resume=file)
    assert again.power == whole.power
    assert drawn == [50] * 3  # two of the five were there
    drawn.clear()
    assert simulated(plan(), replicates=250, resume=file).power == whole.power
    assert drawn == []  # nothing was written behind the broken line
    with pytest.raises(DesignError, match="does not hold the studies of this simulation"):
        simulated(plan(sessions=4), resume=file)
    file.write_text("[" * 100_000)
    with pytest.raises(DesignError, match="does not hold the studies of this simulation"):
        simulated(plan(), resume=file)


@pytest.mark.parametrize("of", ["within", "between", "rupture"])
def test_every_study_has_values_of_its_own(of, monkeypatch):
    # studies of the same values share what these tell, and their errors would be told too small
    drawn, once = [], replicates.with_predictor

    def kept(*given):
        drawn.append(once(*given))
        return drawn[-1]

    monkeypatch.setattr(replicates, "with_predictor", kept)
    simulated(plan(randomised="none", n_therapists=20), of=of, replicates=4)
    assert len({tuple(values) for _, values in drawn}) == 4


def test_who_leaves_follows_the_scores_and_how_many_the_plan():
    gone = [0, 0.2, 0.3, 0.3, 0.5]
    design = plan(n_therapists=2000, sessions=5, dropout=gone, dropout_odds_ratio=0.4)
    rows, rng = planned_rows(design), np.random.default_rng(1)
    score = rng.normal(0, design.total_sd, len(rows))
    held = still_there(design, rows, score, rng).reshape(-1, 5)
    n = len(held)
    assert 1 - held.mean(axis=0) == pytest.approx(gone, abs=3.5 * 0.5 / np.sqrt(n))
    assert (np.diff(held.astype(int), axis=1) <= 0).all()  # who has left does not come back
    first = score.reshape(-1, 5)[:, 0] / design.total_sd
    left = ~held[:, 1]
    # logit of leaving on the first score: its slope is the log of the odds ratio
    slope, level = 0.0, 0.0
    for _ in range(25):
        p = expit(level + slope * first)
        X = np.column_stack([np.ones(n), first])
        step = np.linalg.solve((X * (p * (1 - p))[:, None]).T @ X, X.T @ (left - p))
        level, slope = level + step[0], slope + step[1]
    error = np.sqrt(np.linalg.inv((X * (p * (1 - p))[:, None]).T @ X)[1, 1])
    assert abs(slope - np.log(0.4)) < 3.5 * error


def test_leaving_by_scores_at_random_given_them_does_not_bias_the_analysis():
    design = plan(n_therapists=20, clients_per_therapist=5, sessions=6, dropout=0.6)
    biased = plan(
        n_therapists=20, clients_per_therapist=5, sessions=6, dropout=0.6, dropout_odds_ratio=0.2
    )
    for of, effect in (("arm", 0.6), ("within", 0.15), ("rupture", 0.4)):
        formula = design.power(effect, of=of)
        found = biased.power(effect, of=of, method="simulation", replicates=50, seed=2)
        assert abs(found.power - formula.power) < 3.5 * found.mc_error + 0.05, of
    said = " ".join(biased.messages)
    assert "odds of leaving are multiplied by 0.2" in said
    study = biased.simulate(1)
    counts = study.tables["scores"].groupby("session").size()
    assert counts.iloc[0] == 100
    assert 25 <= counts.iloc[-1] <= 55  # 40 on average


def test_the_table_goes_over_one_or_two_numbers_of_the_plan():
    both = {"n_therapists": [8, 20], "icc_therapist": [0.0, 0.1, 0.2]}
    found = plan().power(0.8, over=both)
    assert list(found.table.columns[:3]) == ["n_therapists", "icc_therapist", "effect"]
    for row in found.table.itertuples():
        one = plan(n_therapists=row.n_therapists, icc_therapist=row.icc_therapist)
        assert row.power == one.power(0.8).power
    ax = found.plot()
    assert [line.get_label() for line in ax.get_lines()[1:]] == ["0", "0.1", "0.2"]
    assert ax.get_legend().get_title().get_text() == "Therapists' share of the variance"
    effects = plan().power(0.8, over={"effect": [0.4, 0.8]}, standardised=True).table
    assert effects["effect"].tolist() == [0.4, 0.8]  # as they were asked


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"over": {"n_therapist": [1]}}, "Did you mean 'n_therapists'"),
        ({"over": [3]}, "over must name one or two"),
        ({"over": {"sessions": "abc"}}, "over needs numbers for 'sessions'"),
        ({"mc_error": 2}, "mc_error must be a number between 0 and 1"),
    ],
)
def test_what_cannot_be_varied_is_one_sentence(more, said):
    with pytest.raises(DesignError, match=said):
        plan().power(0.8, method="simulation", **more)


def test_the_share_that_is_the_effect_is_varied_as_the_effect():
    with pytest.raises(DesignError, match="not as 'icc_therapist'"):
        plan().power(0.1, of="therapists", over={"icc_therapist": [0.1]})


def test_an_odds_ratio_is_above_zero():
    with pytest.raises(DesignError, match="dropout_odds_ratio must be a number above 0"):
        plan(dropout_odds_ratio=0)


def test_a_plan_from_a_pilot_with_occasions():
    pilot = al.load_dataset("demo-trial")
    design = al.StudyDesign.from_study(pilot, "core-10", time="occasion", draws=0)
    occasions = pilot.select("core-10", at="occasion").dropna(subset=["score"])
    assert design.sessions == 3
    there = occasions.groupby("client_id", observed=True)["occasion"].agg(set)
    last = there.map(lambda one: 3 if "followup" in one else 2 if "post" in one else 1)
    assert design.gone == pytest.approx([(last < s).mean() for s in (1, 2, 3)], abs=0.005)


def test_scores_are_missing_beside_dropout_and_depend_on_nothing():
    design = plan(sessions=6, n_therapists=200, missing=[0, 0.5, 0, 0, 0, 0.5], dropout=0.3)
    study = design.simulate(1)
    held = study.tables["sessions"].groupby("session").size()
    share = study.tables["scores"].groupby("session").size() / held
    assert share[[1, 3, 4, 5]].tolist() == [1] * 4
    assert share[[2, 6]].tolist() == pytest.approx([0.5, 0.5], abs=0.07)  # of 550 and 420: 3 errors
    assert held[6] == pytest.approx(420, abs=2)
    assert "have no score" in str(design)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"missing": 1}, "from 0 to below 1"),
        ({"missing": [0.1]}, "each of the 3 sessions"),
        ({"missing": 0.1, "sessions": 1}, "plan fewer clients"),
        ({"predictor_reliability": 0}, "between 0 and 1"),
        ({"pilot_draws": ({"icc": 0.1},)}, "each draw may hold"),
    ],
)
def test_what_cannot_be_missing_or_measured_is_one_sentence(more, said):
    with pytest.raises(DesignError, match=said):
        plan(**more)


def test_no_number_of_therapists_is_told_to_look_at_the_effect():
    with pytest.raises(DesignError, match="whether its unit is right"):
        plan().required("n_therapists", effect=1e-6)


def test_a_simulation_is_told_by_its_studies_and_not_by_the_formula():
    wrong = "score ~ arm + time + (1 | client_id)"
    found = simulated(plan(), replicates=10, formula=wrong)
    by = f"by simulation ({found.replicates} studies fitted with {wrong}, seed 4)"
    assert by in found.sentence()
    assert by in found.methods()
    told = " ".join((found.sentence(), found.methods(), *found.messages))
    assert "egrees of freedom" not in told
    assert "standard error" not in told


def test_a_simulations_error_and_df_are_those_of_its_studies():
    design, wrong = plan(randomised="client"), "score ~ arm + (1 | client_id)"
    found = simulated(design, replicates=60, formula=wrong, standardised=True)
    drawn = replicates.coefficient_tests(
        replicates.Asked(design, 1.2 * design.total_sd, "arm", wrong, True),
        (50, np.random.SeedSequence(4).spawn(2)[0]),
    )
    formula = design.power(1.2, standardised=True)
    assert found.df != formula.df
    assert found.df == pytest.approx(np.median(drawn[:, 4]), abs=1)
    assert found.std_error == pytest.approx(drawn[:, 0].std() / design.total_sd, rel=0.25)
    assert found.std_error == pytest.approx(formula.std_error, rel=0.35)  # of 60: 9 %
    assert found.glance()["df"].iloc[0] == found.df
    told = " ".join(found.messages)
    assert f"an SD of {found.std_error:.3g} SD, and their tests {found.df:.4g} df (median)" in told
    many = plan(randomised="none").power(
        0.3, of="therapists", method="simulation", replicates=4, seed=1
    )
    assert np.isnan(many.df)  # a likelihood ratio has none

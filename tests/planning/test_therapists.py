"""Power to find that therapists differ: the F test of a nested analysis of variance."""

import numpy as np
import pytest
from scipy import stats

import alliance_stats as al
from alliance_stats.errors import DesignError

SHARES = {"icc_client": 0.4, "icc_therapist": 0.1}


def anovas(rng, design, share, n):
    """Draw client means of a balanced plan, and test them as an analysis of variance would."""
    total = design.residual_sd**2 / (1 - design.icc_client - share)
    J, each = design.n_therapists, int(design.clients_per_therapist)
    own = rng.normal(0, np.sqrt(share * total), (n, J, 1))
    spread = design.icc_client * total + design.residual_sd**2 / design.sessions
    means = own + rng.normal(0, np.sqrt(spread), (n, J, each))
    between = each * means.mean(axis=2).var(axis=1, ddof=1)
    within = means.var(axis=2, ddof=1).mean(axis=1)
    found = (between - within) / each / (share * total)  # in units of the truth
    return between / within, found


@pytest.mark.parametrize("share", [0.03, 0.1])
def test_power_and_exaggeration_are_those_of_simulated_anovas(share):
    design = al.StudyDesign(20, 6, 5, **SHARES, randomised="none")
    answer = design.power(share, of="therapists")
    ratio, found = anovas(np.random.default_rng(1), design, share, 40_000)
    hit = ratio > stats.f.isf(0.05, 19, 100)
    assert answer.power == pytest.approx(hit.mean(), abs=3.5 * 0.5 / np.sqrt(40_000))
    assert answer.type_m == pytest.approx(found[hit].mean(), rel=0.01)
    assert np.isnan(answer.type_s)
    assert answer.df == 19


def test_the_formula_written_out():
    design = al.StudyDesign(30, 4, 3, **SHARES)
    theta = (0.05 / 0.55) / ((0.4 + 0.55 / 3) / 0.55)  # over the variance of a client's mean
    critical = stats.f.isf(0.05, 28, 90)
    expected = stats.f.sf(critical / (1 + 4 * theta), 28, 90)
    assert design.power(0.05, of="therapists").power == pytest.approx(expected, rel=1e-9)


def test_simulated_studies_and_their_likelihood_ratio_agree():
    design = al.StudyDesign(24, 5, 3, **SHARES)
    formula = design.power(0.08, of="therapists")
    found = design.power(0.08, of="therapists", method="simulation", replicates=300, seed=3)
    # half of the chi-square's chance at zero is not exact with 24: a few points less
    assert abs(found.power - formula.power) < 3 * found.mc_error + 0.03
    assert "likelihood ratio" in " ".join(found.messages)


def test_unequal_caseloads_tell_less_and_their_size_is_that_of_anova():
    equal = al.StudyDesign(20, 6, 4, **SHARES, randomised="none")
    sizes = [1, 11] * 10
    unequal = al.StudyDesign(20, 6, 4, **SHARES, randomised="none", caseloads=sizes)
    size = (120 - np.sum(np.square(sizes)) / 120) / 19
    theta = (0.1 / 0.5) / ((0.4 + 0.5 / 4) / 0.5)
    expected = stats.f.sf(stats.f.isf(0.05, 19, 100) / (1 + size * theta), 19, 100)
    assert unequal.power(0.1, of="therapists").power == pytest.approx(expected, rel=1e-9)
    assert unequal.power(0.1, of="therapists").power < equal.power(0.1, of="therapists").power


def test_required_and_smallest_share_have_the_power_asked_for():
    design = al.StudyDesign(20, 6, 4, **SHARES)
    share = design.required("effect", power=0.8, of="therapists").effect
    assert design.power(share, of="therapists").power == pytest.approx(0.8, abs=1e-6)
    assert design.precision(of="therapists").detectable == pytest.approx(share, rel=1e-6)
    enough = design.required("n_therapists", power=0.8, effect=0.06, of="therapists")
    assert enough.power >= 0.8
    fewer = al.StudyDesign(enough.design.n_therapists - 2, 6, 4, **SHARES)
    assert fewer.power(0.06, of="therapists").power < 0.8


def test_half_the_width_is_that_of_the_interval_f_gives():
    design = al.StudyDesign(20, 6, 1, icc_client=0, icc_therapist=0.2, randomised="none")
    ratio, spread = 1 + 6 * 0.2 / 0.8, stats.f(19, 100)
    low, high = (ratio / spread.ppf(1 - tail) for tail in (0.025, 0.975))
    ends = [(one - 1) / (one + 5) for one in (low, high)]  # Searle's limits of the ICC
    assert design.precision(of="therapists").half_width == pytest.approx(
        (ends[1] - ends[0]) / 2, rel=1e-9
    )


@pytest.mark.parametrize(
    ("more", "effect", "said"),
    [
        ({}, 0.7, "between 0 and 0.6"),
        ({"clients_per_therapist": 1}, 0.05, "two clients or more"),
        ({"slope_sd_therapist": 0.1}, 0.05, "one level in all sessions"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(more, effect, said):
    given = {"n_therapists": 20, "clients_per_therapist": 6, "sessions": 4} | SHARES | more
    with pytest.raises(DesignError, match=said):
        al.StudyDesign(**given).power(effect, of="therapists")


def test_where_no_share_suffices_that_is_said_of_therapists():
    few = al.StudyDesign(2, 2, 4, icc_client=0.9, icc_therapist=0.01, randomised="none")
    with pytest.raises(DesignError, match="not even all that clients leave"):
        few.required("effect", power=0.95, of="therapists")

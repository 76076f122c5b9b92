"""Power to find that therapists differ: the likelihood ratio of nested mean squares."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

import alliance_stats as al
from alliance_stats.errors import DesignError

SHARES = {"icc_client": 0.4, "icc_therapist": 0.1}


def anovas(rng, design, share, n):
    """Draw mean squares of a balanced plan; return their likelihood ratios and the estimates."""
    total = design.residual_sd**2 / (1 - design.icc_client - share)
    J, each, m = design.n_therapists, int(design.clients_per_therapist), design.sessions
    error = design.residual_sd**2 / m
    within = design.icc_client * total + error
    df = J - 1, J * (each - 1), J * each * (m - 1) - 1
    t, c, r = (
        expected * rng.chisquare(one, n) / one
        for expected, one in zip((within + each * share * total, within, error), df, strict=True)
    )

    def deviance(pools):  # of variances that must not fall from sessions to clients to therapists
        weight = [df[p[0]] if len(p) == 1 else sum(df[k] for k in p) for p in pools]
        mean = [
            sum(df[k] * (t, c, r)[k] for k in p) / w for p, w in zip(pools, weight, strict=True)
        ]
        allowed = np.all([a >= b for a, b in pairwise(mean)], axis=0) if len(mean) > 1 else True
        size = sum(w * np.log(one) for w, one in zip(weight, mean, strict=True))
        return np.where(allowed, size, np.inf)

    without = np.minimum(deviance([(0, 1), (2,)]), deviance([(0, 1, 2)]))
    full = np.minimum(deviance([(0,), (1,), (2,)]), deviance([(0,), (1, 2)]))
    clients = np.where(c < r, (df[1] * c + df[2] * r) / (df[1] + df[2]), c)
    ratio = without - np.minimum(full, without)
    return ratio, (t - clients) / each / (share * total)  # in units of the truth


@pytest.mark.parametrize(("share", "clients"), [(0.03, 0.4), (0.1, 0.4), (0.05, 0.0)])
def test_power_and_exaggeration_are_those_of_simulated_likelihood_ratios(share, clients):
    design = al.StudyDesign(20, 6, 5, icc_client=clients, icc_therapist=0.1, randomised="none")
    answer = design.power(share, of="therapists")
    ratio, found = anovas(np.random.default_rng(1), design, share, 40_000)
    hit = ratio > stats.chi2.isf(0.1, 1)
    assert answer.power == pytest.approx(hit.mean(), abs=3.5 * 0.5 / np.sqrt(40_000))
    assert answer.type_m == pytest.approx(found[hit].mean(), rel=0.01)
    assert np.isnan(answer.type_s)
    assert answer.df == pytest.approx(19, rel=1e-9)


def test_the_formula_written_out_for_one_session():
    design = al.StudyDesign(30, 4, 1, icc_client=0, icc_therapist=0.1)
    critical = stats.f.isf(0.05, 28, 90)
    expected = stats.f.sf(critical / (1 + 4 * 0.05 / 0.95), 28, 90)
    # the mean over a thousand points of the clients' mean square
    assert design.power(0.05, of="therapists").power == pytest.approx(expected, abs=1e-4)


def test_simulated_studies_and_their_likelihood_ratio_agree():
    design = al.StudyDesign(24, 5, 3, **SHARES)
    formula = design.power(0.08, of="therapists")
    found = design.power(0.08, of="therapists", method="simulation", replicates=300, seed=3)
    # half of the chi-square's chance at zero is not exact with 24: a few points less
    assert abs(found.power - formula.power) < 3 * found.mc_error + 0.03
    assert "likelihood ratio" in " ".join(found.messages)


def likelihood_ratios(design, share, n=4000):
    """Draw likelihood ratios from their exact distribution (Crainiceanu & Ruppert 2004).

    Clients' means have known weights here, so that the therapists' variance is the only one.
    """
    rng, layout = np.random.default_rng(2), design.layout
    total = design.residual_sd**2 / (1 - design.icc_client - share)
    weight = 1 / (design.icc_client * total + design.residual_sd**2 / layout.length)
    own = np.bincount(layout.therapist, weight)
    value = np.linalg.eigvalsh(np.diag(own) - np.outer(own, own) / own.sum())[1:]
    df = len(weight) - len(own)
    square = (1 + share * total * value) * rng.chisquare(1, (n, len(value)))
    rest, best = rng.chisquare(df, n), np.zeros(n)
    for at in np.geomspace(1e-3, 30, 60) / value.mean():
        left = (square / (1 + at * value)).sum(axis=1) + rest
        ratio = (len(value) + df) * np.log((square.sum(axis=1) + rest) / left)
        best = np.maximum(best, ratio - np.log1p(at * value).sum())
    return best


@pytest.mark.parametrize(
    "more",
    [
        {"caseloads": [1, 11] * 10},
        {"caseloads": "geometric"},
        {"caseloads": [1, 1, 1, 1, 30] * 4},
        {"dropout": 0.6, "icc_client": 0.2},
    ],
)
def test_unequal_caseloads_and_lengths_have_the_power_of_the_likelihood_ratio(more):
    design = al.StudyDesign(20, 6, 6, **SHARES | {"randomised": "none"} | more)
    hit = likelihood_ratios(design, 0.1) > stats.chi2.isf(0.1, 1)
    # 3 Monte Carlo errors are .02; an equal design that tells as much is another one
    assert design.power(0.1, of="therapists").power == pytest.approx(hit.mean(), abs=0.03)


@pytest.mark.parametrize(
    ("sizes", "more", "share", "simulated"),
    [
        ((40, 6, 8), {"missing": 0.3}, 0.05, 0.565),
        ((20, 6, 6), {"icc_client": 0.1, "dropout": 0.6}, 0.06, 0.653),
        ((20, 6, 4), {"caseloads": [1, 1, 11, 11] * 5}, 0.1, 0.674),
    ],
)
def test_missing_scores_dropout_and_caseloads_have_the_power_of_fits(sizes, more, share, simulated):
    # 2,000 studies each, fitted: python tests/benchmarks/planning.py --replicates 2000
    # --only therapists; their Monte Carlo error is .011
    given = {"icc_client": 0.45, "icc_therapist": 0.05} | more
    found = al.StudyDesign(*sizes, **given).power(share, of="therapists").power
    assert found == pytest.approx(simulated, abs=0.025)


def test_clients_without_any_score_tell_nothing():
    given = {"icc_client": 0.45, "icc_therapist": 0.05, "randomised": "none"}
    half = al.StudyDesign(20, 6, 2, **given, missing=[0.5, 0.999999])
    rest = al.StudyDesign(20, 3, 1, **given)
    assert half.precision(of="therapists").std_error == pytest.approx(
        rest.precision(of="therapists").std_error, rel=0.01
    )


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

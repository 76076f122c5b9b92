"""Reliability of clients' observed means."""

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import alliance_stats as al

REFERENCE = Path(__file__).parents[1] / "reference" / "multilevel"
CLOSED_FORM = 1e-9  # the search for the ratio ends at 1e-12 of the intraclass correlation
AGAINST_LME4 = 1e-6  # relative; lme4's optimum itself is known to about 1e-7


def sessions_of(sizes, *, between=1.0, within=1.0, seed=0):
    rng = np.random.default_rng(seed)
    client = np.repeat(np.arange(len(sizes)), sizes)
    level = rng.normal(0, np.sqrt(between), len(sizes))
    bond = level[client] + rng.normal(0, np.sqrt(within), len(client))
    return pd.DataFrame({"client_id": client, "bond": bond})


def balanced_with_icc_half(n):
    """Return data whose analysis of variance gives exactly τ² = σ² = 1 (squares chosen so)."""
    deviation = np.array([1.0, -1.0] * (n // 2)) * np.sqrt((n - 1) / n)  # mean square within: 1
    level = np.array([-1.0, 1.0]) * np.sqrt((1 + 1 / n) / 2)  # variance of the means: 1 + 1 / n
    bond = np.concatenate([one + deviation for one in level])
    return pd.DataFrame({"client_id": np.repeat(["a", "b"], n), "bond": bond})


@pytest.mark.parametrize(("n", "expected"), [(2, 0.667), (4, 0.800), (8, 0.889)])
@pytest.mark.parametrize("method", ["reml", "anova"])
def test_an_icc_of_one_half(n, expected, method):
    found = al.mean_reliability(balanced_with_icc_half(n), "bond", method=method)
    assert found.icc == pytest.approx(0.5, abs=1e-6)  # the search of REML is for the ratio
    assert round(found.reliability, 3) == expected
    assert found.average == pytest.approx(found.reliability)


def test_balanced_data_by_hand():
    # means 5, 2, 8 (variance 9), mean square within 2: τ² = 9 - 2/2 = 8, λ = 8/9
    data = pd.DataFrame({"client_id": list("aabbcc"), "bond": [4.0, 6, 1, 3, 7, 9]})
    for method in ("reml", "anova"):
        found = al.mean_reliability(data, "bond", method=method)
        assert found.variance_between == pytest.approx(8, rel=1e-6)
        assert found.variance_within == pytest.approx(2, rel=1e-6)
        assert found.reliability == pytest.approx(8 / 9, rel=1e-6)


def test_unbalanced_analysis_of_variance_by_hand():
    # a: 1, 3; b: 5, 7, 9; c: 4. SSW = 2 + 8 = 10 on 3 df; grand mean 29/6;
    # SSB = 2 (2 - 29/6)² + 3 (7 - 29/6)² + (4 - 29/6)² on 2 df; n0 = (6 - 14/6) / 2
    data = pd.DataFrame({"client_id": list("aabbbc"), "bond": [1.0, 3, 5, 7, 9, 4]})
    grand = 29 / 6
    between = 2 * (2 - grand) ** 2 + 3 * (7 - grand) ** 2 + (4 - grand) ** 2
    tau2 = (between / 2 - 10 / 3) / ((6 - 14 / 6) / 2)
    found = al.mean_reliability(data, "bond", method="anova")
    assert found.variance_between == pytest.approx(tau2)
    expected = [tau2 / (tau2 + (10 / 3) / n) for n in (2, 3, 1)]
    assert found.clients["reliability"].tolist() == pytest.approx(expected)
    assert found.clients["n_sessions"].tolist() == [2, 3, 1]
    assert found.clients["mean"].tolist() == [2, 7, 4]
    assert found.harmonic_sessions == pytest.approx(3 / (1 / 2 + 1 / 3 + 1))
    assert found.reliability == pytest.approx(tau2 / (tau2 + (10 / 3) / found.harmonic_sessions))
    assert found.average == pytest.approx(np.mean(expected))


@pytest.mark.parametrize("name", ["clinic-null-two-level", "unbalanced-null-two-level"])
def test_reml_agrees_with_lme4(name):
    reference = json.loads((REFERENCE / "lme4" / f"{name}.json").read_text())
    with gzip.open(REFERENCE / "data" / f"{reference['data']}.csv.gz", "rt") as file:
        data = pd.read_csv(file)
    found = al.mean_reliability(data, "alliance")
    between, within = (row["vcov"] for row in reference["varcorr"])
    assert found.variance_between == pytest.approx(between, rel=AGAINST_LME4)
    assert found.variance_within == pytest.approx(within, rel=AGAINST_LME4)
    assert found.n_clients == reference["n_groups"]["client_id"]


def test_the_interval_is_exact_where_balanced():
    # F = MSB / MSW on 2 and 3 df; ICC limits (F/Fq - 1) / (F/Fq - 1 + n) (Shrout & Fleiss 1979)
    from scipy.stats import f

    data = pd.DataFrame({"client_id": list("aabbcc"), "bond": [4.0, 6, 1, 3, 7, 9]})
    ratio = 18 / 2
    low, high = (ratio / f.ppf(q, 2, 3) for q in (0.975, 0.025))
    tidy = al.mean_reliability(data, "bond").tidy().set_index("term")
    assert tidy.loc["icc", "conf_low"] == pytest.approx(max((low - 1) / (low + 1), 0))
    assert tidy.loc["icc", "conf_high"] == pytest.approx((high - 1) / (high + 1))
    # for the mean of n the limits are 1 - Fq / F
    assert tidy.loc["reliability", "conf_high"] == pytest.approx(1 - 1 / high)


def test_the_interval_covers_in_very_unbalanced_data():
    sizes = [1, 1, 2, 3, 3, 5, 8, 12, 20, 2, 4, 6, 1, 9, 3]
    hits = 0
    studies = 400
    for seed in range(studies):
        low, high = al.mean_reliability(sessions_of(sizes, seed=seed), "bond").icc_interval
        hits += low <= 0.5 <= high
    # 95 % of 400 within three standard errors of a proportion
    assert hits / studies == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / studies))


def test_the_truth_is_recovered():
    found = al.mean_reliability(sessions_of([3, 6] * 2000, between=2.0, seed=5), "bond")
    # standard errors of the components are about .06 and .02
    assert found.variance_between == pytest.approx(2.0, abs=0.2)
    assert found.variance_within == pytest.approx(1.0, abs=0.06)


def test_sessions_needed_and_reliability_at():
    found = al.mean_reliability(balanced_with_icc_half(4), "bond", method="anova")
    assert found.sessions_needed(0.8) == pytest.approx(4)
    assert found.at(np.array([2, 8])) == pytest.approx([2 / 3, 8 / 9])
    with pytest.raises(al.ColumnError, match=r"between 0 and 1; it is 1.5"):
        found.sessions_needed(1.5)


def test_missing_values_and_ids_are_left_out_and_told():
    data = pd.DataFrame({"client_id": list("aabbcc"), "bond": [4.0, 6, 1, 3, 7, 9]})
    more = pd.concat(
        [data, pd.DataFrame({"client_id": ["a", None], "bond": [np.nan, 5.0]})], ignore_index=True
    )
    found = al.mean_reliability(more, "bond")
    assert found.reliability == pytest.approx(8 / 9, rel=1e-6)
    assert found.messages == (
        "1 of 8 rows lack bond and were left out.",
        "1 of 8 rows lack client_id and were left out.",
    )


@pytest.mark.parametrize(
    ("client_id", "bond", "message"),
    [
        ("aa", [1, 2], "bond was observed in 1 clients; two are needed"),
        ("", [], "bond was observed in 0 clients"),
        ("abc", [1, 2, 3], "no client has bond in two sessions"),
        ("aabb", [1, 1, 1, 1], "bond is the same in every session"),
    ],
)
def test_what_cannot_be_estimated_is_nan_with_a_reason(client_id, bond, message):
    data = pd.DataFrame({"client_id": list(client_id), "bond": np.array(bond, dtype=float)})
    found = al.mean_reliability(data, "bond")
    assert np.isnan(found.reliability)
    assert np.isnan(found.icc)
    assert message in " ".join(found.messages)
    assert len(found.tidy()) == 5
    assert message in found.summary()


def test_no_difference_between_clients_is_a_reliability_of_zero():
    data = pd.DataFrame({"client_id": list("aabb"), "bond": [1.0, 5, 5, 1]})
    for method in ("reml", "anova"):
        found = al.mean_reliability(data, "bond", method=method)
        assert found.reliability == 0
        assert found.sessions_needed() == np.inf
        assert "no more than chance" in found.messages[0]


def test_a_score_that_never_changes_within_clients_is_wholly_reliable():
    found = al.mean_reliability(
        pd.DataFrame({"client_id": list("aabb"), "bond": [1.0, 1, 5, 5]}), "bond"
    )
    assert (found.reliability, found.icc) == (1, 1)
    assert found.messages == ("bond never changes within a client.",)


def test_it_shows_itself():
    found = al.mean_reliability(balanced_with_icc_half(4), "bond")
    assert "Reliability of the means of bond by client_id" in found.summary()
    assert "<table" in found._repr_html_()
    assert found.glance().loc[0, "sessions_median"] == 4


@given(
    st.lists(st.tuples(st.integers(0, 5), st.floats(-50, 50)), max_size=30),
    st.sampled_from(["reml", "anova"]),
)
@example([(0, 0.0), (0, 2e-161), (1, 1.0)], "reml")  # a variance within that is barely a number
def test_any_data_give_a_share_or_a_reason(rows, method):
    data = pd.DataFrame(rows, columns=["client_id", "bond"]).astype({"bond": float})
    found = al.mean_reliability(data, "bond", method=method)
    assert 0 <= found.reliability <= 1 or found.messages
    low, high = found.icc_interval
    assert np.isnan(low) or 0 <= low <= high <= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"column": "bnd"}, "Did you mean 'bond'"),
        ({"column": ["bond"]}, "`column` must be the name of one column"),
        ({"column": "bond", "method": "ml"}, "must be 'reml' or 'anova'; it is 'ml'"),
        ({"column": "bond", "by": "client"}, "Did you mean 'client_id'"),
    ],
)
def test_what_cannot_be_done_is_said(arguments, message):
    with pytest.raises(al.ColumnError, match=message):
        al.mean_reliability(sessions_of([2, 2]), **arguments)

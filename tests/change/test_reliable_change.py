"""Reliable change against hand calculation from the published formulas."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.instruments.change_formulas import METHODS, Moments, cutoff

EXACT = 1e-12  # same arithmetic, another order of operations

PRE = np.array([32.0, 28.0, 40.0, 35.0, 22.0, 30.0])
POST = np.array([20.0, 29.0, 25.0, 36.0, 21.0, 12.0])


def frame() -> pd.DataFrame:
    return pd.DataFrame({"client_id": list("abcdef"), "before": PRE, "after": POST})


def test_jacobson_and_truax_worked_example():
    """SD 7.5 and reliability .80 give a standard error of difference of 4.743 (RCI 9.297)."""
    out = al.reliable_change(
        pd.DataFrame({"before": [40.0], "after": [30.0]}),
        pre="before",
        post="after",
        reliability=0.8,
        sd=7.5,
    )
    assert out["rci"].iloc[0] == pytest.approx(10 / 4.743416490252569, abs=EXACT)
    account = out.attrs["reliable_change"]
    assert account["smallest_reliable_change_jt"] == pytest.approx(9.297, abs=5e-4)


def test_the_shares_show_themselves_under_the_words_given():
    options = {"pre": "before", "post": "after", "reliability": 0.8}
    shown = al.reliable_change(frame(), **options).summary(labels={"improved": "Better"})
    assert "Better" in shown


def test_a_change_of_exactly_the_critical_value_is_no_reliable_change():
    sd, reliability = 10.0, 0.5  # standard error of difference exactly 10
    at = pd.DataFrame({"before": [0.0, 0.0], "after": [-19.6, -19.7]})
    out = al.reliable_change(at, pre="before", post="after", reliability=reliability, sd=sd)
    assert out["category"].tolist() == ["unchanged", "improved"]


def by_hand(method: str, r: float, r_post: float) -> np.ndarray:
    """The six statistics written out a second time, from the published formulas."""
    m1, m2, s1, s2 = PRE.mean(), POST.mean(), PRE.std(ddof=1), POST.std(ddof=1)
    sem = s1 * (1 - r) ** 0.5
    true = r * PRE + (1 - r) * m1
    if method == "JT":
        return (POST - PRE) / (2 * sem**2) ** 0.5
    if method == "GLN":
        return ((POST - m1) - r * (PRE - m1)) / (s1 * (1 - r**2) ** 0.5)
    if method == "HLL":
        return ((POST - m2) - r * (PRE - m1)) / (s1 * (1 - r**2) ** 0.5)
    if method == "EN":
        return (POST - true) / sem
    if method == "NK":
        return (POST - true) / (r**2 * s1**2 * (1 - r) + s1**2 * (1 - r_post)) ** 0.5
    c = np.cov(PRE, POST)[0, 1]
    r1, r2 = (s1**2 - sem**2) / s1**2, (s2**2 - sem**2) / s2**2
    rdd = (s1**2 * r1 + s2**2 * r2 - 2 * c) / (s1**2 + s2**2 - 2 * c)
    return ((POST - PRE) * rdd + (m2 - m1) * (1 - rdd)) / (rdd**0.5 * (2 * sem**2) ** 0.5)


@pytest.mark.parametrize("method", list(METHODS))
def test_each_method_equals_its_formula(method):
    out = al.reliable_change(
        frame(),
        pre="before",
        post="after",
        reliability=0.85,
        reliability_post=0.8,
        method=method,
        direction="higher_is_better",
    )
    np.testing.assert_allclose(out["rci"], by_hand(method, 0.85, 0.8), rtol=1e-10)


def test_direction_turns_the_sign_and_the_category():
    down = al.reliable_change(frame(), pre="before", post="after", reliability=0.9)
    up = al.reliable_change(
        frame(), pre="before", post="after", reliability=0.9, direction="higher_is_better"
    )
    np.testing.assert_allclose(down["rci"], -up["rci"])
    assert down["category"].iloc[0] == "improved"
    assert up["category"].iloc[0] == "deteriorated"


def test_ha_uses_its_own_critical_value():
    out = al.reliable_change(frame(), pre="before", post="after", reliability=0.9, method="HA")
    assert out.attrs["reliable_change"]["critical"] == 1.65


def test_rows_without_both_scores_stay_and_are_counted():
    data = frame()
    data.loc[1, "after"] = np.nan
    out = al.reliable_change(data, pre="before", post="after", reliability=0.8)
    assert len(out) == 6
    assert out["category"].isna().tolist() == [False, True, False, False, False, False]
    assert out.attrs["reliable_change"]["rows_without_both_scores"] == 1
    assert "rci" not in data


def test_cutoff_b_comes_from_the_functional_sd():
    line = cutoff("b", (40.0, 12.0), (8.0, 4.0), lower_is_better=True)
    assert line == 16.0


def test_cutoffs_a_and_c_by_hand():
    assert cutoff("a", (40.0, 12.0), (8.0, 4.0), lower_is_better=True) == 16.0
    assert cutoff("c", (40.0, 12.0), (8.0, 4.0), lower_is_better=True) == pytest.approx(16.0)
    assert cutoff("c", (10.0, 2.0), (20.0, 6.0), lower_is_better=False) == pytest.approx(12.5)
    assert cutoff("b", None, (20.0, 6.0), lower_is_better=False) == 8.0


def test_categories_have_two_denominators_with_wilson_intervals():
    data = pd.DataFrame({"before": [30.0, 30.0, 10.0, 30.0], "after": [5.0, 20.0, 1.0, 45.0]})
    found = al.clinically_significant_change(
        data,
        pre="before",
        post="after",
        reliability=0.9,
        sd=7.0,
        clinical=(30.0, 7.0),
        functional=(8.0, 4.0),
    )
    assert found.data["category"].tolist() == [
        "recovered",
        "improved",
        "improved",
        "deteriorated",
    ]
    table = found.table.set_index(["denominator", "category"])
    assert table.loc[("all", "recovered"), "n_of"] == 4
    assert table.loc[("clinical_at_intake", "recovered"), "n_of"] == 3
    # Wilson's interval of 1 in 4, by its formula with z = 1.959964.
    z, p, n = 1.959963984540054, 0.25, 4
    centre, spread = (p + z * z / (2 * n)), z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    low = (centre - spread) / (1 + z * z / n)
    assert table.loc[("all", "recovered"), "conf_low"] == pytest.approx(low)
    assert found.glance()["n_clinical_at_intake"].iloc[0] == 3


def test_statistics_of_a_single_client_need_a_given_sd():
    data = pd.DataFrame({"before": [1.0], "after": [2.0]})
    with pytest.raises(al.DesignError, match="give sd="):
        al.reliable_change(data, pre="before", post="after", reliability=0.8)


def test_errors_name_the_near_miss():
    with pytest.raises(al.ColumnError, match="Did you mean 'before'"):
        al.reliable_change(frame(), pre="befor", post="after", reliability=0.8)
    with pytest.raises(al.DesignError, match=r"reliability must lie between 0 and 1, not 1\.2"):
        al.reliable_change(frame(), pre="before", post="after", reliability=1.2)
    with pytest.raises(al.DesignError, match="Did you mean 'higher_is_better'"):
        al.reliable_change(
            frame(), pre="before", post="after", reliability=0.8, direction="higher_better"
        )
    text = frame().astype({"before": object})
    text.loc[2, "before"] = "many"
    with pytest.raises(al.ColumnError, match="first value 'many'; rows 2"):
        al.reliable_change(text, pre="before", post="after", reliability=0.8)


def test_moments_know_the_standard_error():
    assert Moments(0, 0, 10, 10, 0.75, 0.75, 0.5).sem == 5.0


def test_a_change_of_exactly_the_critical_size_never_counts():
    rng = np.random.default_rng(5)
    for _ in range(200):
        sd, reliability = rng.integers(1, 300) / 10, rng.integers(50, 99) / 100
        start = float(rng.integers(0, 100))
        # the same number in three orders of rounding
        for size in (
            1.96 * np.sqrt(2) * sd * np.sqrt(1 - reliability),
            1.96 * sd * np.sqrt(2 * (1 - reliability)),
            1.96 * np.sqrt(2 * (sd * np.sqrt(1 - reliability)) ** 2),
        ):
            clients = pd.DataFrame({"pre": [start, start], "post": [start - size, start + size]})
            found = al.reliable_change(
                clients, pre="pre", post="post", reliability=reliability, sd=sd
            )
            assert found["category"].tolist() == ["unchanged", "unchanged"]

"""Cumulative incidence against R's survival, hand calculation and the binomial."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.dropout.plots import incidence_curves, numbers_at_risk

REFERENCE = Path(__file__).parents[1] / "reference" / "dropout"
SAME_FORMULA = 1e-12  # R evaluates the same sums in another order


def dropouts(found: al.DropoutIncidence) -> pd.DataFrame:
    return found.table[found.table["event"] == "dropout"].reset_index(drop=True)


def small() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "client_id": list("abcdef"),
            "last_session": [1, 2, 2, 3, 3, 4],
            "reason": ["dropout", "completed", "dropout", "ongoing", "dropout", "completed"],
            "site_id": ["x", "x", "y", "y", "y", None],
        }
    )


def test_equals_r_survival_with_its_standard_errors():
    ends = pd.read_csv(REFERENCE / "endings.csv")
    reference = json.loads((REFERENCE / "references.json").read_text())["incidence"]
    table = dropouts(al.dropout_incidence(ends))
    assert table["time"].tolist() == reference["time"]
    assert table["n_at_risk"].tolist() == reference["n_at_risk"]
    np.testing.assert_allclose(table["incidence"], reference["dropout"], atol=SAME_FORMULA)
    np.testing.assert_allclose(table["std_error"], reference["std_error"], atol=SAME_FORMULA)


def test_by_hand():
    table = dropouts(al.dropout_incidence(small()))
    # Session 1: 1/6. Session 2: + 5/6 * 1/5. Session 3: + (5/6 * 3/5) * 1/3. Session 4: nothing.
    np.testing.assert_allclose(table["incidence"], [1 / 6, 2 / 6, 3 / 6, 3 / 6])
    np.testing.assert_allclose(
        table["one_minus_km"],
        [1 / 6, 1 - 5 / 6 * 4 / 5, 1 - 5 / 6 * 4 / 5 * 2 / 3, 1 - 5 / 6 * 4 / 5 * 2 / 3],
    )


def test_without_censoring_it_is_the_plain_share_and_kaplan_meier_is_above_it():
    rng = np.random.default_rng(8)
    ends = pd.DataFrame(
        {
            "client_id": range(300),
            "last_session": rng.integers(1, 20, 300),
            "reason": rng.choice(["dropout", "completed"], 300),
        }
    )
    table = dropouts(al.dropout_incidence(ends))
    left = ends["reason"].eq("dropout")
    share = [(left & (ends["last_session"] <= t)).mean() for t in table["time"]]
    np.testing.assert_allclose(table["incidence"], share, atol=SAME_FORMULA)
    p = table["incidence"]
    np.testing.assert_allclose(table["std_error"], np.sqrt(p * (1 - p) / 300), atol=SAME_FORMULA)
    assert (table["one_minus_km"] >= p - SAME_FORMULA).all()
    assert table["one_minus_km"].iloc[-1] > p.iloc[-1] + 0.1


def test_intervals_cover_the_truth():
    """Of 400 studies of 150 clients, 95 % intervals hold the true share at session 6."""
    rng = np.random.default_rng(21)
    hits = 0
    for _ in range(400):
        last = rng.geometric(0.15, 150)
        kind = rng.choice(["dropout", "completed"], 150, p=[0.4, 0.6])
        end = rng.integers(4, 15, 150)  # data end here: later ends are not seen
        reason = np.where(last > end, "ongoing", kind)
        ends = pd.DataFrame(
            {"client_id": range(150), "last_session": np.minimum(last, end), "reason": reason}
        )
        row = dropouts(al.dropout_incidence(ends)).query("time == 6").iloc[0]
        hits += row["conf_low"] <= 0.4 * (1 - 0.85**6) <= row["conf_high"]
    # Binomial(400, .95) lies between .925 and .975 in 98 of 100 runs; the seed is fixed.
    assert 0.925 <= hits / 400 <= 0.975


def test_groups_and_clients_without_a_group_are_told():
    found = al.dropout_incidence(small(), by="site_id")
    assert sorted(found.table["by"].unique()) == ["x", "y"]
    assert found.messages == ("1 clients have no value of 'site_id' and are left out.",)
    assert found.glance()["n_clients"].iloc[0] == 5


def test_drawn_data_start_at_zero_and_count_those_at_risk():
    curves = incidence_curves(al.dropout_incidence(small()))
    assert curves["time"].tolist() == [0, 1, 2, 3, 4]
    assert curves["incidence"].iloc[0] == 0
    at_risk = numbers_at_risk(curves, np.array([0, 2, 4, 9]))
    assert at_risk["n_at_risk"].tolist() == [6, 5, 1, 0]
    ax = al.dropout_incidence(small()).plot()
    assert ax.get_xlabel() == "Sessions attended"


def test_a_client_who_ends_twice_is_refused():
    twice = pd.concat([small(), small().head(1)])
    with pytest.raises(al.DesignError, match="1 have several rows: a"):
        al.dropout_incidence(twice)


def test_an_unknown_reason_is_named_with_its_clients():
    wrong = small().replace({"reason": {"completed": "complete"}})
    with pytest.raises(al.ColumnError, match=r"'complete' \(clients b, f\).*'completed'"):
        al.dropout_incidence(wrong)


def test_a_session_that_is_no_number_is_named():
    wrong = small().astype({"last_session": object})
    wrong.loc[2, "last_session"] = "two"
    with pytest.raises(al.ColumnError, match="1 clients: c"):
        al.dropout_incidence(wrong)

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
    assert found.messages[0] == "1 client has no value of 'site_id' and is left out."
    assert found.glance()["n_clients"].iloc[0] == 5


def test_drawn_data_start_at_zero_and_count_those_at_risk():
    curves = incidence_curves(al.dropout_incidence(small()))
    assert curves["time"].tolist() == [0, 1, 2, 3, 4]
    assert curves["incidence"].iloc[0] == 0
    at_risk = numbers_at_risk(curves, np.array([0, 2, 4, 9]))
    assert at_risk["n_at_risk"].tolist() == [6, 5, 1, 0]
    ax = al.dropout_incidence(small()).plot()
    assert ax.get_xlabel() == "Session"


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
    with pytest.raises(al.ColumnError, match="for 1 client: c"):
        al.dropout_incidence(wrong)


def test_whether_open_therapies_go_on_is_not_known_yet():
    """By hand, and against a truth: a chance of .1 after each session, seen until a date."""
    table = dropouts(al.dropout_incidence(small(), last_open="unknown"))
    # As above, but d, still in therapy, is not at risk at session 3: 1/2 instead of 1/3.
    assert table["n_at_risk"].tolist() == [6, 5, 2, 1]
    np.testing.assert_allclose(table["incidence"], [1 / 6, 2 / 6, 7 / 12, 7 / 12])
    rng = np.random.default_rng(3)
    n, truth = 20_000, 1 - 0.9**8
    leaves = rng.geometric(0.1, n)
    held = rng.integers(1, 13, n)  # sessions held when the data end
    gone = leaves < held  # who left after the last session held has not been missed yet
    ends = pd.DataFrame(
        {"client_id": range(n), "last_session": np.where(gone, leaves, held),
         "reason": np.where(gone, "dropout", "ongoing")}
    )  # fmt: skip
    study = al.Study("made", {"clients": ends[["client_id"]], "terminations": ends})
    found = al.dropout_incidence(study)
    row = dropouts(found).query("time == 8").iloc[0]
    assert abs(row["incidence"] - truth) < 3 * row["std_error"]
    as_stayed = dropouts(al.dropout_incidence(study, last_open="survived")).query("time == 8")
    assert as_stayed["incidence"].iloc[0] < truth - 10 * row["std_error"]
    assert "nobody knows yet who comes back" in " ".join(found.messages)
    assert found.glance()["n_clients"].iloc[0] == n


@pytest.mark.parametrize("last_open", ["unknown", "survived"])
def test_times_are_the_sessions_themselves_up_to_the_last_one_held(last_open):
    """By hand: two of six leave while five are watched, two of the other three complete."""
    ends = pd.DataFrame(
        {"client_id": list("abcdef"), "last_session": [1, 2, 3, 4, 5, 6],
         "reason": ["ongoing", "dropout", "dropout", "completed", "completed", "ongoing"]}
    )  # fmt: skip
    found = al.dropout_incidence(ends, last_open=last_open)
    table = dropouts(found)
    assert table["time"].tolist() == [1, 2, 3, 4, 5, 6]
    assert table["time"].dtype == np.int64
    assert found.glance()["last_session"].iloc[0] == 6
    np.testing.assert_allclose(found.tidy()["estimate"], [0.4, 0.4])
    # f, who may have left after session 6 without anybody knowing yet, is not at risk there
    watched = [5, 5, 4, 3, 2, 0] if last_open == "unknown" else [6, 5, 4, 3, 2, 1]
    assert table["n_at_risk"].tolist() == watched
    assert not any("ended before others" in text for text in found.messages)


def test_where_all_are_still_in_therapy_nobody_is_at_risk_and_nothing_has_happened():
    ends = pd.DataFrame({"client_id": ["a", "b"], "last_session": [1, 1], "reason": "ongoing"})
    table = dropouts(al.dropout_incidence(ends, last_open="unknown"))
    assert table[["time", "n_at_risk", "incidence"]].to_numpy().tolist() == [[1, 0, 0]]


@pytest.mark.parametrize(
    "last",
    [pd.to_datetime(["2020-01-01"] * 6), pd.to_timedelta([1] * 6, unit="D"), [True] * 6,
     [10**7] * 6, [1e30] * 6],
)  # fmt: skip
def test_a_last_session_that_is_none_is_refused(last):
    with pytest.raises(al.ColumnError, match="'last_session' must hold"):
        al.dropout_incidence(small().assign(last_session=last))


@pytest.mark.parametrize(
    ("changes", "arguments", "text"),
    [
        ({"client_id": [*list("abcde"), None]}, {}, "1 row has no client_id"),
        ({"arm": ["1", 1, "1", 1, 1, 1]}, {"by": "arm"}, "read alike but are not"),
        ({}, {"by": ["site_id"]}, "one column"),
        ({"time": 1}, {"by": "time"}, "for itself"),
        ({"time": 1}, {"entry": "time"}, "for itself"),
        ({}, {"confidence": 95}, "between 0 and 1"),
        ({}, {"confidence": "x"}, "between 0 and 1"),
        ({}, {"last_open": "gone"}, "one of unknown, survived"),
        ({}, {"clock": ["days"]}, "clock must be"),
    ],
)
def test_arguments_that_cannot_be_are_refused_in_words(changes, arguments, text):
    with pytest.raises((al.ColumnError, al.DesignError), match=text):
        al.dropout_incidence(small().assign(**changes), **arguments)


@pytest.mark.parametrize("given", [None, 3, "demo-trial"])
def test_neither_study_nor_table_is_refused(given):
    for ask in (al.dropout_incidence, al.compare_dropout_definitions):
        with pytest.raises(al.DesignError, match="must be a Study"):
            ask(given)


def test_entry_is_by_the_measure_and_rater_asked_for():
    study = al.load_dataset("demo-trial")
    found = al.dropout_incidence(study, entry="first_rating", measure="wai-sr", rater="therapist")
    own = study.scores.query("measure == 'wai-sr' and rater == 'therapist'")
    first = own[own["score"].notna()].groupby("client_id")["session"].min()
    assert f"{(first > 1).sum()} client" in " ".join(found.messages)
    with pytest.raises(al.DesignError, match="no scores of oq-45"):
        al.dropout_incidence(study, entry="first_rating", measure="oq-45")


def test_shares_differ_with_an_interval_made_of_theirs():
    """Without censoring each share is a binomial's; a share of none has Wilson's interval."""
    rows = [("a", 10, 40), ("b", 0, 30), ("c", 5, 10)]
    ends = pd.DataFrame(
        [
            (f"{arm}{i}", arm, 1 + (i >= left), "dropout" if i < left else "completed")
            for arm, left, n in rows
            for i in range(n)
        ],
        columns=["client_id", "condition", "last_session", "reason"],
    )
    found = al.dropout_incidence(ends, by="condition")
    apart = found.differences().set_index("term")
    assert apart.index.tolist() == ["b - a", "c - a", "c - b"]
    a = found.table.query("by == 'a' and event == 'dropout'").iloc[-1]
    assert apart.loc["b - a", "estimate"] == pytest.approx(-0.25)
    top = 1.959964**2 / (30 + 1.959964**2)  # Wilson's upper end of 0 of 30
    low = -0.25 - (a["conf_high"] - 0.25)
    high = -0.25 + np.hypot(top, 0.25 - a["conf_low"])
    np.testing.assert_allclose(
        apart.loc["b - a", ["conf_low", "conf_high"]], [low, high], rtol=1e-6
    )
    with pytest.raises(al.DesignError, match="by="):
        al.dropout_incidence(ends).differences()
    for alone in ("client_id", "code"):
        with pytest.raises(al.DesignError, match="a group of each client"):
            al.dropout_incidence(ends.assign(code=ends["client_id"]), by=alone)


def test_a_share_of_none_or_all_has_wilsons_interval_of_those_who_are_known():
    """By hand: of six, one is lost from sight after 1, one completes at 2, nobody drops out."""
    last = [1, 2, 3, 3, 3, 3]
    reason = ["ongoing", "completed", *["ongoing"] * 4]
    ends = pd.DataFrame({"client_id": range(6), "last_session": last, "reason": reason})
    rows = dropouts(al.dropout_incidence(ends, last_open="survived"))
    assert (rows["conf_low"] == 0).all()
    z2 = 1.959964**2
    known = np.array([6, 5, 5])  # at risk, and who completed before: of five it is known at 3
    np.testing.assert_allclose(rows["conf_high"], z2 / (known + z2), rtol=1e-6)
    gone = dropouts(al.dropout_incidence(ends.assign(reason="dropout", last_session=1)))
    assert (gone["conf_low"].iloc[0], gone["conf_high"].iloc[0]) == (
        pytest.approx(6 / (6 + z2), rel=1e-6),
        pytest.approx(1.0),
    )

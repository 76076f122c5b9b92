"""Cause-specific hazards, Cox against R, Gray's test against cmprsk, clocks and late entry."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al

REFERENCE = Path(__file__).parents[1] / "reference" / "dropout"
FURTHER = json.loads((REFERENCE / "further.json").read_text())
SAME_FORMULA = 1e-10  # sums in another order
COX = 1e-6  # R's optimiser stops there
DELTA = 1e-3  # survfit takes the jackknife under late entry, we the delta method


@pytest.mark.parametrize("split", [3, 2])
def test_gray_equals_cmprsk(split):
    ends = pd.read_csv(REFERENCE / "endings_groups.csv")
    if split == 2:
        ends["group"] = ends["group"].where(ends["group"] == "a", "rest")
    reference = FURTHER[f"gray{split}"]
    tests = al.dropout_incidence(ends, by="group").tests
    assert tests["event"].tolist() == ["dropout", "completed", "transferred"]
    np.testing.assert_allclose(tests["statistic"], reference["statistic"], atol=SAME_FORMULA)
    np.testing.assert_allclose(tests["p_value"], reference["p"], atol=SAME_FORMULA)


def test_textbook_monoclonal_gammopathy():
    """mgus2 of the survival package: progression (here dropout) with death competing."""
    ends = pd.read_csv(REFERENCE / "mgus2.csv")
    found = al.dropout_incidence(ends, by="sex")
    reference = FURTHER["mgus2"]
    np.testing.assert_allclose(
        found.tests["statistic"], reference["test"]["statistic"], atol=SAME_FORMULA
    )
    table = al.dropout_incidence(ends).table.query("event == 'dropout'")
    at = [table[table["time"] <= t].iloc[-1] for t in reference["time"]]
    np.testing.assert_allclose([r["incidence"] for r in at], reference["pcm"], atol=SAME_FORMULA)
    np.testing.assert_allclose(
        [r["std_error"] for r in at], reference["std_error"], atol=SAME_FORMULA
    )
    # 1 - Kaplan-Meier promises half as much again at 30 years, since most patients die first.
    assert at[-1]["one_minus_km"] > 1.5 * at[-1]["incidence"]


def test_textbook_kaplan_meier_of_freireich():
    """Remission on 6-MP: Freireich et al. (1963); the estimates stand in every textbook."""
    weeks = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    ends = pd.DataFrame(
        {
            "client_id": range(21),
            "last_session": weeks,
            "reason": ["dropout"] * 9 + ["ongoing"] * 12,
        }
    )
    table = al.dropout_incidence(ends).table
    steps = table[table["n_events"] > 0]
    published = [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448]
    assert (1 - steps["incidence"]).round(3).tolist() == published


def test_late_entry_equals_r():
    ends = pd.read_csv(REFERENCE / "endings_groups.csv")
    found = al.dropout_incidence(ends, entry="entry")
    table = found.table.query("event == 'dropout'")
    reference = FURTHER["truncated"]
    assert table["n_at_risk"].tolist() == reference["n_at_risk"]
    np.testing.assert_allclose(table["incidence"], reference["dropout"], atol=SAME_FORMULA)
    np.testing.assert_allclose(table["std_error"], reference["std_error"], atol=DELTA)
    assert "left truncation" in found.messages[0]
    grouped = al.dropout_incidence(ends, entry="entry", by="group")
    assert grouped.tests.empty
    assert "Gray's test is not defined" in grouped.messages[-1]


def test_a_risk_set_that_empties_is_told():
    ends = pd.DataFrame(
        {"client_id": [1, 2, 3], "last_session": [1, 5, 6], "reason": "dropout", "e": [1, 3, 3]}
    )
    found = al.dropout_incidence(ends, entry="e")
    assert "stuck" in found.messages[-1]
    gone = al.dropout_incidence(ends.assign(e=[2, 3, 3]), entry="e")
    assert "ended before they could be watched" in gone.messages[0]
    assert gone.glance()["n_dropout"].iloc[0] == 2


def test_the_clock_of_days_counts_from_the_first_session():
    study = al.load_dataset("demo-trial")
    found = al.dropout_incidence(study, clock="days")
    first = study.sessions.groupby("client_id")["date"].min()
    one = study.terminations.iloc[0]
    own = study.sessions.query("client_id == @one.client_id and session == @one.last_session")
    days = (pd.to_datetime(own["date"].iloc[0]) - pd.to_datetime(first[one.client_id])).days
    assert days in found.table["time"].tolist()
    assert found.plot().get_xlabel() == "Days since the first session"
    last = al.dropout_incidence(study).table.query("event == 'dropout'")["incidence"].iloc[-1]
    own_last = found.table.query("event == 'dropout'")["incidence"].iloc[-1]
    assert own_last == pytest.approx(last)  # without censoring both are the plain share


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"clock": "weeks"}, "clock must be one of session, days"),
        ({"clock": "days"}, "must have the column days"),
        ({"entry": "entri"}, "no column 'entri'"),
        ({"entry": "first_rating"}, "needs a Study"),
    ],
)
def test_clocks_and_entries_that_cannot_be_had(arguments, text):
    ends = pd.read_csv(REFERENCE / "endings_groups.csv")
    with pytest.raises(ValueError, match=text):
        al.dropout_incidence(ends, **arguments)


def test_one_group_only_is_no_comparison():
    ends = pd.read_csv(REFERENCE / "endings.csv").assign(g="x")
    found = al.dropout_incidence(ends, by="g")
    assert found.tests.empty
    assert "no groups to test" in found.messages[-1]


def rows() -> pd.DataFrame:
    table = pd.read_csv(REFERENCE / "person_period.csv")
    return table.assign(client_id=table["therapist_id"] * 1000 + table["c"])  # c counts within


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_cox_equals_r(ties):
    for formula, reference in (
        ("event ~ x", FURTHER[f"cox_{ties}"]),
        ("event ~ x + square", FURTHER["cox_two"][ties]),
    ):
        table = rows().assign(square=lambda d: d["x"] ** 2)
        robust = al.fit_dropout_cox(formula, table, ties=ties)
        np.testing.assert_allclose(robust.params, reference["beta"], rtol=COX)
        np.testing.assert_allclose(robust.naive_bse, reference["se"], rtol=COX)
        np.testing.assert_allclose(robust.bse, reference["robust"], rtol=COX)
        alone = al.fit_dropout_cox(formula, table, ties=ties, cluster=None)
        np.testing.assert_array_equal(alone.bse, robust.naive_bse)


def test_sessions_after_the_last_event_change_nothing_about_cox():
    table = rows()
    last = table["session"].max() + np.arange(1, 6)
    later = table.tail(5).assign(client_id=table["client_id"].iloc[0], session=last, event=0)
    found = al.fit_dropout_cox("event ~ x", pd.concat([table, later], ignore_index=True))
    before = al.fit_dropout_cox("event ~ x", table)
    np.testing.assert_allclose(found.params, before.params, rtol=1e-12)
    np.testing.assert_allclose(found.bse, before.bse, rtol=1e-12)
    assert found.nobs == before.nobs + 5


def test_cox_and_cloglog_say_the_same():
    cox = al.fit_dropout_cox("event ~ x", rows(), ties="efron", cluster=None)
    table = rows().assign(s=lambda d: d["session"].astype(str))
    discrete = al.fit_dropout_hazard("event ~ x + C(s)", table, link="cloglog", guard=False)
    assert cox.params["x"] == pytest.approx(discrete.params["x"], abs=0.25 * cox.bse["x"])
    ratio = cox.tidy(exponentiate=True)
    assert ratio["estimate"].iloc[0] == pytest.approx(np.exp(cox.params["x"]))


@pytest.mark.parametrize(
    ("formula", "text"),
    [("event ~ session", "free baseline"), ("event ~ x + (1 | therapist_id)", "no random term")],
)
def test_what_cox_does_not_take(formula, text):
    with pytest.raises(al.DesignError, match=text):
        al.fit_dropout_cox(formula, rows())


def test_cox_says_what_it_cannot_do():
    for wrong in (np.nan, -1, 0):
        table = rows()
        table["session"] = table["session"].astype(float)
        table.loc[0, "session"] = wrong
        with pytest.raises(al.ColumnError, match="numbers above 0; 1 of"):
            al.fit_dropout_cox("event ~ x", table)
    np.testing.assert_allclose(
        al.fit_dropout_cox("event ~ 0 + x", rows()).params,
        al.fit_dropout_cox("event ~ x", rows()).params,
    )
    with pytest.raises(al.DesignError, match="linearly dependent"):
        al.fit_dropout_cox("event ~ 0 + C(arm)", rows().assign(arm=rows()["c"] % 2))
    with pytest.raises(al.DesignError, match="both sides"):
        al.fit_dropout_cox("event ~ C(event)", rows())
    parted = rows().assign(mark=lambda d: (1 - d["event"]) * (d["therapist_id"] < 15) * 1.0)
    found = al.fit_dropout_cox("event ~ mark", parted)
    assert any("infinity" in m for m in found.messages)
    parted["mark"] = (
        parted["event"] * (parted["therapist_id"] < 15) * 1.0
    )  # coxph: 4.395345, robust error 0.2301195
    found = al.fit_dropout_cox("event ~ mark", parted)
    assert found.params["mark"] == pytest.approx(4.395345, rel=COX)
    assert found.bse["mark"] == pytest.approx(0.2301195, rel=COX)
    far = al.fit_dropout_cox("event ~ x", rows().assign(x=lambda d: d["x"] + 3e7))
    near = al.fit_dropout_cox("event ~ x", rows())
    np.testing.assert_allclose([far.params["x"], far.bse["x"]], [near.params["x"], near.bse["x"]],
                               rtol=1e-5)  # fmt: skip


def test_cause_specific_hazards_add_up_to_the_incidence():
    """With session as a factor the models are saturated: Aalen-Johansen must come out."""
    study = al.load_dataset("demo-trial")
    data = al.person_period(study).query("session <= 6")
    found = al.fit_competing_hazards("event ~ C(session)", data, ends=("dropout", "mutual"))
    new = pd.DataFrame({"client_id": "new", "session": range(1, 7)})
    curve = found.incidence(new)
    ends = study.terminations
    early = ends["last_session"] <= 6
    reason = ends["reason"].where(early & ends["reason"].isin(["dropout", "mutual"]), "ongoing")
    trimmed = ends.assign(reason=reason, last_session=ends["last_session"].clip(upper=6))
    table = al.dropout_incidence(trimmed).table
    for end in ("dropout", "mutual"):
        expected = table.query("event == @end")["incidence"].to_numpy()
        np.testing.assert_allclose(curve[end], expected, atol=1e-4)  # an empty session is not 0
    np.testing.assert_allclose(curve[["survival", "dropout", "mutual"]].sum(axis=1), 1.0)
    assert found.glance()["n_dropout"].iloc[0] == found.fits["dropout"].n_events


def test_a_gap_in_the_sessions_to_predict_is_refused():
    data = al.person_period(al.load_dataset("demo-trial"))
    found = al.fit_competing_hazards("event ~ session", data, ends=("dropout", "mutual"))
    with pytest.raises(al.DesignError, match="without gaps"):
        found.incidence(pd.DataFrame({"client_id": [1, 1], "session": [1, 3]}))
    with pytest.raises(al.DesignError, match="Nobody ended as ongoing"):
        al.fit_competing_hazards("event ~ session", data, ends=("ongoing",))


@pytest.mark.parametrize("ends", [("dropout",), ("dropout", "completed")])
def test_incidence_with_a_random_intercept_is_averaged_over_whole_therapies(ends):
    """Against the integral over a fine grid, and against shares of simulated clients."""
    rng = np.random.default_rng(7)
    therapists, clients, last, sd = 150, 40, 20, 0.8
    own = rng.normal(0, sd, therapists)
    logit = np.array([-3.0, -4.0])
    chance = 1 / (1 + np.exp(-(logit[:, None] + np.stack([own, np.zeros(therapists)]))))
    chance = chance[: len(ends), :, None, None]
    drawn = rng.random((therapists, clients, last))
    way = (drawn[None] >= np.cumsum(chance, axis=0)).sum(axis=0)
    over = way < len(ends)
    end = np.where(over.any(axis=2), over.argmax(axis=2), last - 1)
    therapist, client, session = np.nonzero(np.arange(last) <= end[:, :, None])
    at_end = session == end[therapist, client]
    words = np.append(np.array(ends, dtype=object), "")
    table = pd.DataFrame(
        {"client_id": therapist * 1000 + client, "therapist_id": therapist, "session": session + 1,
         "ended_as": np.where(at_end, words[way[therapist, client, session]], "")}
    ).assign(event=0)  # fmt: skip
    found = al.fit_competing_hazards("event ~ 1 + (1 | therapist_id)", table)
    new = pd.DataFrame({"client_id": "new", "session": range(1, last + 1)})
    curve = found.incidence(new)
    # The same by brute force: 401 values of each intercept, all pairs of them.
    grid = np.linspace(-6, 6, 401)
    weight = np.exp(-(grid**2) / 2) / np.exp(-(grid**2) / 2).sum()
    hazard = [
        1 / (1 + np.exp(-(fit.params["Intercept"] + np.sqrt(fit.variance) * grid)))
        for fit in found.fits.values()
    ]
    first = hazard[0][:, None]
    other = hazard[1][None, :] if len(hazard) > 1 else np.zeros((1, 1))
    left, ending = weight[:, None], first + other
    across = weight[None, :] if len(hazard) > 1 else np.ones((1, 1))
    survival = [(left * across * (1 - ending) ** t).sum() for t in range(1, last + 1)]
    np.testing.assert_allclose(curve["survival"], survival, atol=1e-6)
    parts = curve[["survival", *ends]].sum(axis=1)
    np.testing.assert_allclose(parts, 1.0, atol=1e-9)
    gone = (over.any(axis=2) & (np.take_along_axis(way, end[:, :, None], 2)[:, :, 0] == 0)).mean()
    # Clients of 150 therapists: the simulated share itself has a standard error of about .015.
    assert curve["dropout"].iloc[-1] == pytest.approx(gone, abs=0.03)
    one_by_one = 1 - np.prod(1 - np.stack([f.predict(new) for f in found.fits.values()]).sum(0))
    assert one_by_one > 1 - curve["survival"].iloc[-1] + 0.02


def test_ends_left_out_unknown_ends_and_gaps_are_told():
    data = al.person_period(al.load_dataset("demo-trial"))
    found = al.fit_competing_hazards("event ~ session", data, ends="dropout")
    assert list(found.fits) == ["dropout"]
    assert found.messages[0].startswith("Not modelled: completed (")
    new = pd.DataFrame({"client_id": ["a"] * 3 + ["b"] * 3, "session": [1, 2, 3] * 2})
    assert found.incidence(new).attrs["messages"] == (found.not_modelled,)
    rated = al.fit_competing_hazards("event ~ alliance", data, ends=["dropout"])
    curve = rated.incidence(new.assign(alliance=[5, np.nan, 5, 5, 5, 5]))
    assert curve["dropout"].isna().tolist() == [False, True, True, False, False, False]
    assert "1 client lacks a predictor" in curve.attrs["messages"][-1]
    with pytest.raises(al.ColumnError, match="also holds 'left'"):
        al.fit_competing_hazards(
            "event ~ session", data.assign(ended_as=data["ended_as"].replace("dropout", "left"))
        )
    with pytest.raises(al.DesignError, match="No therapy ended"):
        al.fit_competing_hazards("event ~ session", data.assign(ended_as=""))


def test_separation_beside_therapists_is_refused_with_its_end():
    rng = np.random.default_rng(4)
    rows = pd.DataFrame(
        {"session": np.tile(np.arange(1, 9), 60), "therapist_id": np.repeat(range(12), 40)}
    )
    rows["ended_as"] = rng.choice(["", "dropout", "completed"], 480, p=[0.7, 0.15, 0.15])
    rows["marker"] = (rows["ended_as"] == "completed") & (rows["session"] > 4)
    rows = rows.assign(marker=rows["marker"].astype(int))
    with pytest.raises(al.DesignError, match="Ended as 'completed': 'marker' tells yes and no"):
        al.fit_competing_hazards(
            "event ~ session + marker + (1 | therapist_id)", rows, ends="completed"
        )

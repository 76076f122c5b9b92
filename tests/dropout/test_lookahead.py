"""Predictors that know the future are refused; dated ones are carried forward."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.dropout.leakage.lookahead import late_predictors


@pytest.fixture(scope="module")
def study():
    bare = dict.fromkeys(["assessments", "forecasts", "observer_codes", "principle_codes"], False)
    return al.simulate_study(n_therapists=8, n_clients=80, dropout_hazard=0.06, seed=5, **bare)


@pytest.fixture(scope="module")
def rows(study):
    """Person-period rows with planted look-aheads (`PLANTED`) and honest columns (`HONEST`)."""
    rng = np.random.default_rng(1)
    data = al.person_period(study)
    course = data.groupby("client_id")
    last = course["session"].transform("max").to_numpy(dtype=float)
    own = course["alliance"]
    mean = own.transform("mean")
    code = pd.factorize(data["client_id"])[0]
    ended = data["client_id"].map(study.terminations.set_index("client_id")["reason"])
    once = rng.normal(size=(code.max() + 1, 3))
    return data.assign(
        whole_mean=mean, whole_mean_z=(mean - mean.mean()) / mean.std(),
        whole_max=own.transform("max"), whole_min=own.transform("min") * 3 - 1,
        whole_last=own.transform("last"),
        from_whole=data["alliance"] - mean, from_whole_10=10 * (data["alliance"] - mean) + 5,
        within_z=(data["alliance"] - mean) / own.transform("std"),
        following=own.shift(-1), following_10=10 * own.shift(-1) + 2,
        attended=last * 2.0 + 1, log_last=np.log(last), long=(last > 10).astype(int),
        band=pd.cut(last, [0, 5, 10, 15, 99]).astype(str), rough=last + once[code, 0] * 0.5,
        remaining=last - data["session"], gone=data["session"] / last,
        outcome=1 - data["event"], ended_word=data["ended_as"].replace("", "went on"),
        why=ended, left=(ended == "dropout").astype(float),
        # Known before: background, running quantities, the calendar, and how long was planned.
        baseline=once[code, 1] + 0.3 * mean.groupby(code).transform("first"),
        first_rating=own.transform("first"),
        arm=np.where(once[code, 2] > 0, "a", "b"),
        lowest_so_far=own.cummin(), weeks=data["session"] + np.round(3 + once[code, 0]),
        planned=np.where(rng.random(code.max() + 1) < 0.5, 12, 20)[code],
        infinite=np.where(np.arange(len(data)) == 3, np.inf, data["alliance"]),
    )  # fmt: skip


OUTCOME, COUNT, END = "outcome itself", "number of sessions attended", "how the therapy ended"
PLANTED = {
    "whole_mean": "mean of 'alliance' over the client's whole therapy",
    "whole_mean_z": "mean of 'alliance' over the client's whole therapy",
    "whole_max": "highest value of 'alliance'", "whole_min": "lowest value of 'alliance'",
    "whole_last": "last value of 'alliance'",
    "from_whole": "deviation of 'alliance' from its mean over the whole therapy",
    "from_whole_10": "deviation of 'alliance' from its mean over the whole therapy",
    "within_z": "deviation of 'alliance' from its mean over the whole therapy",
    "following": "next session's 'alliance'", "following_10": "next session's 'alliance'",
    "attended": COUNT, "log_last": COUNT, "long": COUNT, "band": COUNT, "rough": COUNT,
    "remaining": "sessions still to come", "gone": "sessions still to come",
    "outcome": OUTCOME, "ended_word": OUTCOME, "why": END, "left": END,
    "ended_as": "how or when the therapy ended",
}  # fmt: skip
HONEST = [
    "alliance", "alliance_between", "alliance_within", "alliance_change", "condition", "baseline",
    "first_rating", "arm", "lowest_so_far", "weeks", "planned", "infinite", "therapist_id",
]  # fmt: skip


@pytest.mark.parametrize(("name", "why"), PLANTED.items())
def test_every_planted_look_ahead_is_found(rows, name, why):
    known = rows[["client_id", "session", "event", "alliance", "ended_as"]]
    known = known.assign(**{name: rows[name]})
    assert why in dict(late_predictors(known, [name], "event"))[name]
    with pytest.raises(al.DesignError, match="knows more than was known"):
        al.fit_dropout_hazard(f"event ~ {name}", known)


@pytest.mark.parametrize("formula", ["event ~ C(event)", "event ~ np.log(event + 1)"])
@pytest.mark.parametrize("guard", [True, False])
def test_the_outcome_on_the_right_is_always_refused(rows, formula, guard):
    with pytest.raises(al.DesignError, match="both sides of the formula"):
        al.fit_dropout_hazard(formula, rows, guard=guard)


def test_what_was_known_passes(rows):
    known = rows[["client_id", "session", "event", "ended_as", *HONEST]]
    assert late_predictors(known, HONEST, "event") == []
    fit = al.fit_dropout_hazard("event ~ alliance_within + alliance_between", rows)
    assert fit.nobs > 0


def test_decompose_over_the_whole_therapy_is_refused(rows):
    known = rows.drop(columns=["alliance_within", "alliance_between", "whole_mean", "from_whole"])
    split = al.decompose(known.dropna(subset=["alliance"]), ["alliance"])
    with pytest.raises(al.DesignError, match="whole therapy"):
        al.fit_dropout_hazard("event ~ alliance_within + alliance_between", split)


def test_dated_predictors_are_carried_forward_and_late_ones_counted(study):
    ends = study.terminations.set_index("client_id")["last_session"]
    client = ends.index[ends >= 5][0]
    dated = pd.DataFrame(
        {"client_id": [client] * 3, "session": [0, 3, 400], "distress": [20.0, 12.0, 1.0]}
    )
    data = al.person_period(study, predictors=dated)
    own = data[data["client_id"] == client]
    expected = np.where(own["session"] < 3, 20.0, 12.0)
    np.testing.assert_array_equal(own["distress"], expected)
    assert data.loc[data["client_id"] != client, "distress"].isna().all()
    assert any("1 predictor values became known after" in m for m in data.attrs["messages"])
    assert data["session"].dtype.kind == "i"


def test_undated_predictors_are_refused(study):
    with pytest.raises(al.ColumnError, match="0 for intake"):
        al.person_period(study, predictors=pd.DataFrame({"client_id": ["C01"], "x": [1]}))
    undated = pd.DataFrame({"client_id": ["C01"], "session": [None], "x": [1]})
    with pytest.raises(al.ColumnError, match=r"no session from which .* C01"):
        al.person_period(study, predictors=undated)


def ruptures(study, rule, **parameters):
    own = study.scores.query("measure == 'wai-sr' and scale == 'total' and rater == 'client'")
    return al.detect_ruptures(own, rule=rule, **parameters)


@pytest.mark.parametrize("as_table", [True, False])
def test_a_rupture_in_the_very_session_is_a_predictor(study, as_table):
    found = ruptures(study, "drop_points", points=0.5)
    data = al.person_period(study, ruptures=found.sessions if as_table else found)
    flagged = found.sessions.query("flag")[["client_id", "session"]].apply(tuple, axis=1)
    marked = data.query("rupture == 1")[["client_id", "session"]].apply(tuple, axis=1)
    assert set(marked) <= set(flagged)
    assert len(marked) > 0
    fit = al.fit_dropout_hazard("event ~ session + rupture", data)
    assert "rupture" in fit.params.index


@pytest.mark.parametrize(
    "rule",
    ["drop_within_sd", "drop_running_mean", "drop_trend", "change_point", "control_chart", "ewma",
     "cusum"],
)  # fmt: skip
def test_rules_that_look_at_later_sessions_are_refused(study, rule):
    found = ruptures(study, rule)
    for given in (found, found.sessions):
        with pytest.raises(al.DesignError, match="know the future"):
            al.person_period(study, ruptures=given)


def test_a_rule_for_long_therapies_only_knows_who_stayed(study):
    with pytest.raises(al.DesignError, match="min_sessions=2"):
        al.person_period(study, ruptures=ruptures(study, "drop_pooled_sd"))
    shorter = ruptures(study, "drop_pooled_sd", min_sessions=2)
    assert "rupture" in al.person_period(study, ruptures=shorter).columns


def test_flags_in_words_are_no_flags(study):
    marks = pd.DataFrame({"client_id": ["C01", "C02"], "session": 1, "flag": ["False", "no"]})
    with pytest.raises(al.ColumnError, match="'False', 'no'"):
        al.person_period(study, ruptures=marks)
    numbers = al.person_period(study, ruptures=marks.assign(flag=[0, 1]))
    assert "how they were found" in " ".join(numbers.attrs["messages"])
    with pytest.raises(al.DesignError, match="C01 1"):
        al.person_period(study, ruptures=pd.concat([marks.head(1)] * 2).assign(flag=True))


def test_two_values_for_one_session_are_refused_and_earlier_ones_kept(study):
    twice = pd.DataFrame({"client_id": "C01", "session": [0, 0], "x": [1.0, 2.0]})
    with pytest.raises(al.DesignError, match="C01 0"):
        al.person_period(study, predictors=twice)
    nobody = pd.DataFrame({"client_id": ["C01", None], "session": 0, "x": [1.0, 2.0]})
    with pytest.raises(al.ColumnError, match="1 row has no client_id"):
        al.person_period(study, predictors=nobody)
    known = pd.DataFrame({"client_id": "C01", "session": [0, 1], "x": [1.0, np.nan]})
    data = al.person_period(study, predictors=known)
    assert (data.loc[data["client_id"] == "C01", "x"] == 1.0).all()


def test_ids_typed_by_hand_are_the_same_ids():
    """Numbers, categories and texts of one client meet, whatever the columns' types."""
    ends = pd.DataFrame({"client_id": [1, 2], "last_session": [2, 3], "reason": "dropout"})
    scores = pd.DataFrame(
        {"client_id": ["1", "1", "2", "2"], "session": [1, 2, 1, 2], "rater": "client",
         "measure": "wai-sr", "scale": "total", "score": [3.0, 4.0, 5.0, 6.0],
         "n_answered": 12, "n_items": 12}
    )  # fmt: skip
    for clients in (["1", "2"], pd.Categorical(["1", "2"]), [1, 2]):
        table = pd.DataFrame({"client_id": clients, "therapist_id": "t"})
        made = al.Study("made", {"clients": table, "scores": scores, "terminations": ends})
        dated = pd.DataFrame({"client_id": [1], "session": [0], "x": [7.0]})
        data = al.person_period(made, predictors=dated)
        assert data["alliance"].notna().sum() == 4
        assert data["x"].notna().sum() == 2


@pytest.mark.parametrize("given", [None, 3, pd.DataFrame({"client_id": ["a"]})])
def test_what_is_no_study_is_refused(given):
    with pytest.raises(al.DesignError, match="must be a Study"):
        al.person_period(given)


def test_columns_of_the_clients_that_rows_at_risk_have_too_are_refused(study):
    clients = study.clients.assign(alliance=1)
    with pytest.raises(al.ColumnError, match="'alliance', which the rows at risk"):
        al.person_period(study.with_tables(clients=clients))
    twice = pd.concat([study.clients, study.clients.head(2)])
    with pytest.raises(al.DesignError, match="The table 'clients' must have one row"):
        al.person_period(study.with_tables(clients=twice))


def test_nobody_vanishes_and_open_therapies_end_before_their_last_session(study):
    ends = study.terminations
    gone = ends["client_id"].iloc[0]
    open_ = ends["client_id"].iloc[1]
    last = int(ends["last_session"].iloc[1])
    changed = ends[ends["client_id"] != gone].replace({"reason": {"mutual": "completed"}})
    changed.loc[changed["client_id"] == open_, "reason"] = "ongoing"
    tables = {
        "terminations": changed,
        **{name: table[table["client_id"] != gone]
           for name, table in study.tables.items() if name in {"sessions", "ratings", "scores"}},
    }  # fmt: skip
    data = al.person_period(study.with_tables(**tables))
    flow = dict(data.attrs["flow"])
    assert flow["clients of the study"] == len(study.clients)
    assert flow["no session and no ending"] == -1
    assert sum(n for step, n in data.attrs["flow"] if step != "analysed") == flow["analysed"]
    assert any(f"1 client has neither a session nor a row in terminations and is left out: {gone}"
               in m for m in data.attrs["messages"])  # fmt: skip
    assert data.loc[data["client_id"] == open_, "session"].max() == last - 1
    short = ends.assign(last_session=np.maximum(ends["last_session"] - 1, 0))
    said = al.person_period(study.with_tables(terminations=short)).attrs["messages"]
    assert any("attended sessions after last_session" in m for m in said)


@pytest.mark.parametrize(("within", "between"), [(-0.9, 0.0), (0.0, -0.6)])
def test_the_shrunken_split_recovers_effects_within_and_between(within, between):
    """3000 clients; the mean so far mixes the two, the estimated level does not."""
    rng = np.random.default_rng(4)
    n, last, up = 3000, 15, 0.6
    level, state = rng.normal(0, up, n), rng.normal(0, 0.5, (n, last))
    eta = -2.5 + within * state + between * level[:, None]
    leaves = rng.random((n, last)) < 1 / (1 + np.exp(-eta))
    ended = leaves.any(axis=1)
    end = np.where(ended, leaves.argmax(axis=1), last - 1)
    client, session = np.nonzero(np.arange(last) <= end[:, None])
    score = 4 + level[client] + state[client, session] + 0.03 * session
    ids = np.arange(n)
    tables = {
        "clients": pd.DataFrame({"client_id": ids, "therapist_id": "t"}),
        "scores": pd.DataFrame(
            {"client_id": client, "session": session + 1, "rater": "client", "measure": "wai-sr",
             "scale": "total", "score": score, "n_answered": 12, "n_items": 12}
        ),
        "terminations": pd.DataFrame(
            {"client_id": ids, "last_session": end + 1,
             "reason": np.where(ended, "dropout", "completed")}
        ),
    }  # fmt: skip
    formula = "event ~ session + alliance_within + alliance_between"
    study = al.Study("made", tables)
    fit = al.fit_dropout_hazard(formula, al.person_period(study, split="shrunken"))
    truth = np.array([within, between])
    names = ["alliance_within", "alliance_between"]
    # Three standard errors (about .05 each), and .02 for the shrinkage on the logit scale.
    assert (np.abs(fit.params[names] - truth) < 3 * fit.bse[names] + 0.02).all()
    mixed = al.fit_dropout_hazard(formula, al.person_period(study))
    assert abs(mixed.params["alliance_between"] - between) > 0.05


def test_ratings_after_the_end_are_told(study):
    ends = study.terminations
    long = ends["last_session"] >= 4
    short = ends.assign(last_session=np.where(long, 3, ends["last_session"]))
    data = al.person_period(study.with_tables(terminations=short))
    assert data["session"].max() == 3
    assert any("stand after the session at which the client ended" in m
               for m in data.attrs["messages"])  # fmt: skip

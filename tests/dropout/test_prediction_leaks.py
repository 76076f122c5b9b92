"""Leaks without a date are found by what they show; honest columns are not taken for leaks."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.dropout.leakage import association, leaks
from alliance_stats.dropout.prediction import run
from alliance_stats.dropout.prediction.landmark import at_landmark

BARE = dict.fromkeys(["forecasts", "observer_codes", "principle_codes"], False)
QUICK = {"replicates": 40, "permutations": 1, "seed": 3}


@pytest.fixture(scope="module")
def demo():
    return al.load_dataset("demo-trial")


def of_clients(study):
    """Return last session, reason, and first and last date, one row a client."""
    ends = study.terminations.set_index("client_id")
    ids = study.clients["client_id"]
    date = pd.to_datetime(study.sessions["date"]).groupby(study.sessions["client_id"])
    return pd.DataFrame(
        {"last": ids.map(ends["last_session"]).astype(float), "reason": ids.map(ends["reason"]),
         "start": ids.map(date.min()), "end": ids.map(date.max())}
    )  # fmt: skip


def found_in(study, **columns):
    own = study.with_tables(clients=study.clients.assign(**columns))
    land = at_landmark(own, 3, None)
    return {leak.feature: leak for leak in leaks.find_leaks(land, land.known)}


def planted(study):
    c, rng = of_clients(study), np.random.default_rng(0)
    left = (c["reason"] == "dropout").to_numpy()
    n, codes = len(c), {"dropout": 3, "completed": 1, "mutual": 7}
    return {
        "reason_text": (c["reason"].astype(str), "label"),
        "reason_code": (c["reason"].astype(str).map(codes).fillna(5), "label"),
        "flipped": ((left ^ (rng.random(n) < 0.02)).astype(int), "label"),
        "asked_at_the_end": (np.where(left, np.nan, rng.normal(size=n)), "label"),
        "completed": ((c["reason"] == "completed").map({True: "yes", False: "no"}), "label"),
        "after_10": ((c["last"] > 10).astype(int), "sessions_attended"),
        "bands": (pd.cut(c["last"], [0, 5, 10, 15, 40], labels=False), "sessions_attended"),
        "bands_text": (pd.cut(c["last"], [0, 5, 10, 15, 40]).astype(str), "sessions_attended"),
        "noisy": (c["last"] + rng.normal(0, 2, n), "sessions_attended"),
        "months": ((c["last"] / 4).round().astype(int).astype(str) + " months",
                   "sessions_attended"),
        "bill": (80 * c["last"], "sessions_attended"),
        "end": (c["end"], "after_landmark"),
        "end_text": (c["end"].dt.strftime("%d.%m.%Y"), "after_landmark"),
    }  # fmt: skip


def honest(study, seed):
    c, rng = of_clients(study), np.random.default_rng(seed)
    n = len(c)
    return {
        "age": rng.normal(35, 11, n).round(),
        "gender": rng.choice(["f", "m", "d"], n, p=[0.6, 0.37, 0.03]),
        "diagnosis": rng.choice([f"F{k}" for k in range(30, 75)], n),
        "file": [f"x{k}" for k in range(n)],
        "intake_date": c["start"] - pd.to_timedelta(rng.integers(3, 60, n), unit="D"),
        "born": pd.Timestamp("1980-01-01") + pd.to_timedelta(rng.integers(0, 9000, n), unit="D"),
        "seldom_asked": np.where(rng.random(n) < 0.3, np.nan, rng.integers(0, 5, n)),
    }


def test_every_kind_of_planted_leak_is_left_out(demo):
    planting = planted(demo)
    found = found_in(demo, **{name: column for name, (column, _) in planting.items()})
    assert {name: leak.kind for name, leak in found.items()} == {
        name: kind for name, (_, kind) in planting.items()
    }
    assert not any(leak.suspect for leak in found.values())


def test_a_copied_reason_is_left_out_of_a_whole_run(demo):
    text = demo.clients["client_id"].map(demo.terminations.set_index("client_id")["reason"])
    own = demo.with_tables(clients=demo.clients.assign(outcome_note=text.astype(str)))
    settings = {"features": ["wai-sr_client_last", "outcome_note"], "models": ["one_predictor"]}
    found = al.predict_dropout(own, **settings, **QUICK)
    assert found.features == ("wai-sr_client_last",)
    assert found.leaks[["feature", "kind", "action"]].to_numpy().tolist() == [
        ["outcome_note", "label", "left out"]
    ]


def test_honest_columns_of_the_demo_are_not_called_leaks(demo):
    assert found_in(demo, **honest(demo, 1)) == {}


@pytest.mark.parametrize("seed", range(5))
def test_a_real_intake_predictor_is_no_leak(seed):
    """A column with an area of .71, as much as any published model reaches with all of its own."""
    study = al.simulate_study(
        n_therapists=15, n_clients=150, dropout_hazard=0.05, ongoing_share=0.0, seed=seed,
        dropout_between_effect=-1.5, **BARE,
    )  # fmt: skip
    left = of_clients(study)["reason"].eq("dropout").to_numpy()
    strong = np.random.default_rng(seed).normal(size=len(left)) + 0.8 * left
    assert found_in(study, strong=strong, **honest(study, seed)) == {}


def test_a_planned_length_is_no_leak_though_it_goes_with_sessions(demo):
    """Whoever completes comes as often as planned; who leaves does not: at most suspect."""
    rng = np.random.default_rng(2)
    planned = np.where(rng.random(len(demo.clients)) < 0.5, 10, 25)
    ends = demo.terminations.set_index("client_id").loc[demo.clients["client_id"]].reset_index()
    early = ends["reason"].eq("dropout").to_numpy()
    last = np.where(early, np.minimum(rng.integers(1, 12, len(ends)), planned), planned)
    own = demo.with_tables(terminations=ends.assign(last_session=last))
    leak = found_in(own, planned=planned)["planned"]
    assert leak.kind == "suspect"
    assert leak.action(False) == "kept: look when it was known"


def test_many_small_categories_tell_nothing_by_chance():
    """Forty clients in twenty levels of noise, each level's rate without the client itself."""
    rng = np.random.default_rng(5)
    areas, lengths = [], []
    for _ in range(60):
        levels = association.read(pd.Series(rng.choice(list("abcdefghijklmnopqrst"), 40)))
        areas.append(association.separation(levels, (rng.random(40) < 0.4).astype(float))[0])
        lengths.append(association.with_length(levels, rng.integers(1, 20, 40).astype(float)))
    # With the client's own ending in it, a level's rate has an area above .8 on average.
    assert np.mean(areas) < 0.6
    assert max(areas) < leaks.AREA
    assert np.mean(lengths) < 0.35


def test_undated_columns_are_asked_about(demo):
    names = ["wai-sr_client_last", "condition", "training"]
    found = al.predict_dropout(demo, features=names, models=["one_predictor"], **QUICK)
    row = found.tripod().table.set_index("item").loc["9b"]
    assert row["status"] == "partly"
    assert "When was each of those without a date known (condition, training)?" in row["question"]


def test_a_copy_under_another_therapist_is_found_whatever_was_chosen(demo):
    original = demo.terminations.query("last_session >= 8")["client_id"].iloc[0]
    therapist = demo.clients.set_index("client_id").loc[original, "therapist_id"]
    other = next(t for t in demo.therapists["therapist_id"] if t != therapist)
    tables = {}
    for name in ("clients", "terminations", "ratings", "sessions", "assessments"):
        table = demo.tables[name]
        own = table[table["client_id"] == original].assign(client_id="zz-copy")
        if "therapist_id" in own.columns:
            own = own.assign(therapist_id=other)
        tables[name] = pd.concat([table, own], ignore_index=True)
    found = al.predict_dropout(
        demo.with_tables(**tables), features=["condition"], models=["logistic"], folds=3,
        inner_folds=2, **QUICK,
    )  # fmt: skip
    assert "zz-copy" in found.leaks.set_index("kind").loc["duplicates", "why"]
    assert "zz-copy" not in set(found.predictions["client_id"])
    assert found.flow["n"].iloc[-1] == len(at_landmark(demo, 3, None).clients)


def test_therapists_in_several_sites_are_told_and_not_called_unseen(demo):
    sites = [f"S{k % 6}" for k in range(len(demo.clients))]
    own = demo.with_tables(clients=demo.clients.assign(site_id=sites))
    found = al.predict_dropout(own, groups="site_id", models=["one_predictor"], **QUICK)
    row = found.leaks.set_index("kind").loc["therapists_on_both_sides"]
    assert row["action"] == "told"
    assert "therapists have clients in several folds" in row["why"]
    assert found.new_therapist["estimate"].isna().all()
    table = found.tripod().table.set_index("item")["text"]
    assert "unseen sites" in table["4"]
    assert "Therapists are not unseen" in table["4"]
    assert "held nobody of the client's site" in table["12g"]
    assert "several folds" in table["12a"]


def test_the_checklist_quotes_no_value_that_few_clients_have():
    from alliance_stats.dropout.prediction.cohort import _characteristics, _treatments

    notes = [f"Tel 0171 {i}" for i in range(40)]
    arms = ["usual"] * 26 + ["second arm"] * 11 + ["rare arm"] * 3
    ids = [f"c{i}" for i in range(40)]
    x = pd.DataFrame({"notes": notes, "condition": arms})
    land = SimpleNamespace(clients=pd.DataFrame({"client_id": ids, "event": [0, 1] * 20}))
    study = SimpleNamespace(tables={"clients": x.assign(client_id=ids)})
    said = _characteristics(x, land) + _treatments(study, land)
    assert "usual 13 / 13" in said
    assert "0171" not in said
    assert "second arm" not in said  # beside the total it would tell how many the rare one has
    assert "rare arm" not in said


def test_notes_on_every_client_are_no_feature_unless_named(demo):
    clients = demo.tables["clients"]
    notes = [f"Tel 0171 {number}" for number in range(len(clients))]
    study = demo.with_tables(clients=clients.assign(notes=notes))
    land = at_landmark(study, 3, None)
    assert "notes" in land.known
    column = land.known["notes"]
    assert run._is_note(column)
    assert not run._is_note(land.known["condition"])

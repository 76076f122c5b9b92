"""A synthetic study: like its original, labelled, and telling of nobody."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.errors import DesignError
from alliance_stats.synthesis.forms import forms_of

NEAR = 0.06  # of variance components of 5 % or more; of five draws the farthest was 5.9 % away
LARGE = 0.05
CHANCE = 0.08  # three standard errors of a share of 5 % among a hundred clients, rounded up


@pytest.fixture(scope="module")
def original():
    sizes = {"n_therapists": 20, "n_clients": 100, "planned_sessions": 10.0, "forecasts": False}
    study = al.simulate_study(**sizes, observer_codes=False, principle_codes=False, seed=8)
    clients = study.tables["clients"]
    clients.loc[clients.index[:3], "condition"] = "waiting"  # three clients are nobody's business
    return study.with_tables(clients=clients)


@pytest.fixture(scope="module")
def shown(original):
    return al.synthetic_study(original, seed=1)


@pytest.fixture(scope="module")
def check(original, shown):
    return al.check_synthetic(original, shown)


def test_it_has_the_shape_of_the_original_and_is_a_valid_study(original, shown):
    assert set(shown.tables) == set(original.tables) - {"events"}
    assert len(shown.clients) == 100
    assert len(shown.therapists) == 20
    assert len(shown.sessions) == pytest.approx(len(original.sessions), rel=0.1)
    assert al.validate(shown).ok
    for name in ("clients", "sessions", "ratings"):
        own, known = (set(one.tables[name].columns) for one in (shown, original))
        assert own <= known
    dates = [one.sessions["date"] for one in (shown, original)]
    assert abs(dates[0].min() - dates[1].min()) < pd.Timedelta(days=120)


def test_answers_keep_to_the_steps_and_range_of_each_form(original, shown):
    for study in (original, shown):
        values = study.ratings.groupby("measure")["value"].agg(["min", "max"])
        assert values.loc["wai-sr"].tolist() == [1, 5]
        assert values.loc["core-10"].tolist() == [0, 4]
    assert (shown.ratings["value"].dropna() % 1 == 0).all()
    gone = [one.ratings["value"].isna().mean() for one in (original, shown)]
    np.testing.assert_allclose(*gone, atol=0.003)  # one answer in a hundred is missing


def test_variances_lags_and_ends_are_near_those_of_the_original(check):
    table = check.likeness
    variances = table[table["what"] == "variance"]
    share = variances["original"] / variances.groupby("term")["original"].transform("sum")
    large = variances[share >= LARGE]
    assert len(large) >= 6
    np.testing.assert_allclose(large["synthetic"] / large["original"], 1.0, atol=NEAR)
    lags = table[table["what"] == "lag"]
    assert ((lags["synthetic"] - lags["original"]).abs() <= lags["std_error"]).all()
    ends = table[table["what"] == "reason"]
    assert ((ends["synthetic"] - ends["original"]).abs() <= 0.09).all()  # eight rare ends went over


def test_no_synthetic_client_is_nearer_than_another_sample_would_be(original, check):
    told = check.disclosure.set_index("what")["value"]
    assert told["nearer than real clients"] <= 0.05 + CHANCE
    assert told["distance over that of real clients (median)"] > 0.85
    assert told["copies of a course"] == 0
    copied = al.check_synthetic(original, original).disclosure.set_index("what")["value"]
    assert copied["nearer than real clients"] == 1.0  # the attack finds what there is to find
    assert copied["copies of a course"] > 50


def test_small_groups_and_the_longest_therapy_are_not_in_it(original, shown, check):
    assert set(shown.clients["condition"]) == {"standard", "alliance-focused"}
    assert check.disclosure.set_index("what")["value"]["rare values"] == 0
    reached = original.sessions.groupby("client_id")["session"].max().sort_values()
    assert shown.sessions["session"].max() <= reached.iloc[-5]
    assert set(shown.clients["site_id"]) == {"S01", "S02", "S03"}  # numbered anew


def test_every_page_says_that_it_is_synthetic(shown, tmp_path):
    assert shown.synthetic
    assert shown.notes[0].startswith("SYNTHETIC")
    assert "events" in shown.notes[1]
    shown.save(tmp_path / "shown")
    again = al.open_study(tmp_path / "shown")
    assert again.synthetic
    assert again.notes == shown.notes
    assert "Synthetic data" in (tmp_path / "shown" / "datapackage.json").read_text("utf-8")
    assert "real" not in str(dict(again.truth))  # what it was made of is not written down


def test_totals_without_therapists_conditions_or_dates_are_enough():
    study = al.simulate_study(n_therapists=6, n_clients=40, planned_sessions=6.0, seed=2)
    scores = study.scores.query("measure == 'core-10'").dropna(subset=["score"])
    clients, sessions = study.tables["clients"][["client_id"]], study.tables["sessions"]
    bare = al.Study(
        "bare",
        {"clients": clients, "sessions": sessions[["client_id", "session"]], "scores": scores},
    )
    one, again = (al.synthetic_study(bare, seed=3) for _ in range(2))
    assert set(one.tables) == {"clients", "sessions", "scores"}
    pd.testing.assert_frame_equal(one.scores, again.scores)
    of = {n: t.assign(client_id="anna " + t["client_id"]) for n, t in bare.tables.items()}
    named = bare.with_tables(**of)  # ids that no synthetic client has
    assert al.check_synthetic(named, one).glance()["copies"].item() == 0
    begun = [x.loc[x["session"] == 1, "score"].mean() for x in (one.scores, scores)]
    assert begun[0] == pytest.approx(begun[1], abs=1.0)


def trial(count=40, sessions=6, without=0):
    """Return a study of totals in planned sessions, 0 to 5; `without` the first rows."""
    rng, client = np.random.default_rng(1), np.repeat(np.arange(count), sessions)
    rows = pd.DataFrame({"client_id": np.char.add("P", client.astype(str)), "session": 0})
    rows["session"] = np.tile(np.arange(sessions), count)
    score = np.round(20 + rng.normal(0, 3, count)[client] + rng.normal(0, 2, len(rows)), 1)
    scores = rows.assign(rater="client", measure="own", scale="total", score=score)[without:]
    tables = {"clients": rows[["client_id"]].drop_duplicates(), "sessions": rows[without:]}
    return al.Study("trial", tables | {"scores": scores})


def test_two_of_which_one_holds_one_client_more_do_not_give_that_client_away():
    """What differs in anything differs in its means by as much as four clients more would do."""
    study, n = trial(20, 4), 20
    scores, clients = study.tables["scores"], study.scores.groupby("client_id")["score"].mean()
    apart = [scores.assign(score=scores["score"] + step * 1e-6) for step in range(4)]
    drawn = [al.synthetic_study(study.with_tables(scores=one)).scores for one in apart]
    means = [float(one["score"].mean()) for one in drawn]
    assert n * np.std(means, ddof=1) / clients.std() > 1.0  # one client more: 1; it was 0.02
    # nor can the seed be drawn again, to take off what chance put in
    both = drawn[0].merge(drawn[1], on=["client_id", "session"])
    assert abs(both[["score_x", "score_y"]].corr().iloc[0, 1]) < 0.5
    # and no mean over many seeds comes nearer to that of all
    other = al.synthetic_study(study, seed=1).scores
    assert n * abs(other["score"].mean() - means[0]) / clients.std() < 0.1


def test_a_planned_number_of_sessions_stays_one():
    made = al.synthetic_study(trial(without=5))
    assert (made.sessions.groupby("client_id")["session"].max() == 5).all()
    assert made.sessions["session"].min() == 0


@pytest.fixture(scope="module")
def treated():
    """A trial; the second of its arms is the one that therapists are taken from."""
    sizes = {"n_therapists": 10, "n_clients": 60, "planned_sessions": 6.0, "forecasts": False}
    study = al.simulate_study(**sizes, observer_codes=False, principle_codes=False, seed=3)
    clients = study.tables["clients"]
    arms = np.repeat(["treated", "waiting"], [24, 36])
    one = study.tables["ratings"].query("measure == 'core-10'")  # a single score is drawn sooner
    return study.with_tables(clients=clients.assign(condition=arms), ratings=one)


def without_therapists(study, whom):
    tables = {name: study.tables[name].copy() for name in ("clients", "sessions")}
    for table in tables.values():
        table.loc[table["client_id"].isin(whom), "therapist_id"] = None
    return study.with_tables(**tables)


def test_an_arm_without_therapists_stays(treated):
    clients = treated.tables["clients"]
    waiting = clients.loc[clients["condition"] == "waiting", "client_id"]
    study = without_therapists(treated, waiting)
    shown = al.synthetic_study(study, seed=1)
    seen = shown.clients["therapist_id"].notna()
    assert (shown.clients["condition"] == np.where(seen, "treated", "waiting")).all()
    assert (~seen).sum() == 36
    assert shown.clients["therapist_id"].nunique() == len(shown.therapists)
    assert al.validate(shown).ok
    check = al.check_synthetic(study, shown)
    rows = check.likeness.set_index("what").loc[["clients", "arm"]]
    np.testing.assert_allclose(rows["synthetic"], rows["original"])
    kept = ["clients", "sessions", "ratings", "terminations"]
    half = {name: shown.tables[name] for name in kept}
    half = {n: t[t["client_id"].isin(shown.clients["client_id"][seen])] for n, t in half.items()}
    said = al.check_synthetic(study, shown.with_tables(**half)).messages
    assert "The synthetic study has 24 clients, the original 60." in said
    assert "Arms of the original that the synthetic study has not: waiting." in said


@pytest.mark.parametrize("few", [3, 9])
def test_a_few_without_a_therapist_are_told_to_the_owner_alone(treated, few):
    """Of sixty clients 57 with a therapist, or three without: either counts the three."""
    study = without_therapists(treated, treated.tables["clients"]["client_id"].head(few))
    shown = al.synthetic_study(study, seed=1)
    assert len(shown.clients) == 60
    assert shown.clients["therapist_id"].notna().all()
    assert len(shown.notes) == len(al.synthetic_study(treated, seed=1).notes)
    said = f"{few} clients of the original without a therapist"
    assert any(one.startswith(said) for one in al.check_synthetic(study, shown).messages)


@pytest.mark.parametrize("therapists", [5, 8, 10])
def test_of_few_therapists_it_does_not_tell_how_many_they_are(therapists):
    study = al.simulate_study(n_therapists=therapists, n_clients=40, planned_sessions=5.0, seed=2)
    scores = study.scores.query("measure == 'core-10'").dropna(subset=["score"])
    tables = {name: study.tables[name] for name in ("clients", "sessions")}
    shown = al.synthetic_study(al.Study("bare", tables | {"scores": scores}))
    assert shown.clients["therapist_id"].nunique() == 10


def test_no_note_counts_the_scores_of_few_and_no_quarter_is_one_clients(treated):
    """ "pcl-5 (2 scores)" are those of two; a start in a quarter of its own is one's."""
    first = treated.clients["client_id"].head(2)
    odd = pd.DataFrame({"client_id": first, "session": 1, "rater": "client", "measure": "pcl-5",
                        "scale": "total", "score": [44.0, 31.0]})  # fmt: skip
    sessions = treated.sessions.assign(date=pd.Timestamp("2024-05-05"))
    sessions.loc[sessions["client_id"] == first.iloc[0], "date"] = pd.Timestamp("2019-05-05")
    shown = al.synthetic_study(treated.with_tables(scores=odd, sessions=sessions), seed=1)
    assert "pcl-5/total/client (fewer than 50 scores)" in shown.notes[-1]
    starts = shown.sessions.groupby("client_id")["date"].min()
    assert starts.dt.to_period("Q").value_counts().iloc[0] < 20  # spread over the years between


def test_what_is_too_small_or_has_no_scores_is_refused(original):
    few = original.with_tables(clients=original.tables["clients"].iloc[:12])
    with pytest.raises(DesignError, match="fewer than 20 clients"):
        al.synthetic_study(few)
    with pytest.raises(DesignError, match="At no session 10 clients or more"):
        al.synthetic_study(original.with_tables(sessions=original.sessions.head(1)))
    tables = {name: original.tables[name] for name in ("clients", "sessions")}
    with pytest.raises(DesignError, match="scores at sessions"):
        al.synthetic_study(al.Study("empty", tables))
    with pytest.raises(DesignError, match="needs the table 'sessions'"):
        al.synthetic_study(al.Study("people", {"clients": tables["clients"]}))


def test_forms_that_no_model_can_be_learned_of_are_left_out_and_named(original):
    """One value for nearly all, one session a client: their spread would be few people's."""
    ratings = original.ratings.copy()
    known = forms_of(original)[0]
    assert {form.measure for form in known} == {"wai-sr", "core-10"}
    core = ratings["measure"] == "core-10"
    few = ratings["client_id"].isin(ratings["client_id"].unique()[:3])
    alike = ratings.assign(value=ratings["value"].mask(core & ~few, 2.0))
    found, left = forms_of(original.with_tables(ratings=alike))
    assert {form.measure for form in found} == {"wai-sr"}
    assert left == ["core-10/total/client (one value for all but fewer than 10 clients)"]
    once = original.with_tables(ratings=ratings[ratings["session"] == 1])
    with pytest.raises(DesignError, match=r"has none .*at several sessions for fewer than 10"):
        al.synthetic_study(once)

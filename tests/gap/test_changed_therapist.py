"""Clients who change therapist: a dyad with each, in models whose groups cross."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.gap.description.course import mean_model
from alliance_stats.gap.description.gap_statistics import described, dyad_sums, standard_units
from alliance_stats.gap.pairs import paired_ratings
from alliance_stats.inference.cluster_bootstrap import Clusters, clusters
from alliance_stats.report.context import Context, Options
from alliance_stats.report.sections import gap
from alliance_stats.report.sections.draft import Draft

MOVED = 0.3
"""Share of the clients who go on with another therapist halfway."""


def scores(seed=1, therapists=12, each=5, sessions=6, moved=MOVED):
    rng = np.random.default_rng(seed)
    n = therapists * each
    of = np.tile(np.repeat(np.arange(therapists), each)[:, None], sessions)
    leaves = np.flatnonzero(rng.random(n) < moved)
    of[np.ix_(leaves, [3, 4, 5])] = (of[leaves, :1] + rng.integers(1, therapists)) % therapists
    client = 4 + rng.normal(0, 0.5, (n, 1)) + rng.normal(0, 0.4, of.shape)
    gap = rng.normal(0, 0.4, therapists)[of] + rng.normal(0, 0.3, (n, 1)) - 0.4
    therapist = client + gap + rng.normal(0, 0.3, of.shape)
    base = pd.DataFrame(
        {"client_id": np.repeat(np.arange(n), sessions), "therapist_id": of.ravel(),
         "session": np.tile(np.arange(1, sessions + 1), n)}
    )  # fmt: skip
    sides = {"client": client, "therapist": therapist}
    return pd.concat(base.assign(rater=who, score=side.ravel()) for who, side in sides.items())


@pytest.fixture(scope="module")
def found():
    return al.rating_gap(scores(), replicates=200)


def test_the_mean_gap_is_that_of_the_crossed_model(found):
    fit = al.fit_multilevel("gap ~ 1 + (1 | client_id) + (1 | therapist_id)", found.pairs)
    assert fit.grouping == "crossed"
    row = found.tidy().set_index("term").loc["mean_gap"]
    assert row["estimate"] == pytest.approx(fit.params["Intercept"])
    assert row["std_error"] == pytest.approx(fit.bse["Intercept"])
    assert row["df"] == pytest.approx(fit.df["Intercept"])


def test_a_dyad_is_a_client_with_one_therapist(found):
    dyads = found.pairs[["client_id", "therapist_id"]].drop_duplicates()
    assert found.n_dyads == len(dyads) > found.pairs["client_id"].nunique()
    several = dyads["client_id"].duplicated().sum()
    assert found.messages[0].startswith(f"{several} clients (")


def test_the_weights_of_dyads_give_the_models_mean():
    """With few sessions lost, so that weights differ; therapists are too many to be even."""
    data = scores(3)
    keep = np.random.default_rng(2).random(len(data)) < 0.7
    pairs = standard_units(paired_ratings(data[keep], measure=None, scale=None)).pairs
    sums = dyad_sums(pairs)
    row, weight = mean_model(pairs, sums, therapists=True, messages=[])
    assert weight.nunique() > 20
    assert np.average(sums["gap"], weights=weight) == pytest.approx(row["estimate"], abs=1e-9)


def test_where_nobody_moves_clients_change_nothing():
    pairs = paired_ratings(scores(moved=0.0), measure=None, scale=None)
    units = clusters(dyad_sums(pairs)["therapist_id"], np.arange(60))
    assert units.clients is None
    draws = units.draws(50, 1)
    assert draws.shape == (50, 60)
    assert (units.as_one(draws[:, 0], 1.0) == draws[:, 0]).all()


def test_the_error_is_of_therapists_plus_clients_minus_dyads():
    rng = np.random.default_rng(0)
    units = Clusters(np.array([0, 0, 1, 1]), "therapists", clients=np.array([0, 1, 1, 2]))
    parts = [rng.normal(0, sd, 5000) for sd in (3.0, 2.0, 1.0)]
    corrected = 9 * 2 / 1 + 4 * 3 / 2 - 1 * 4 / 3
    error = units.error(np.concatenate(parts), 0.0)
    assert error == pytest.approx(np.sqrt(corrected), rel=0.05)  # of 5,000 draws
    assert units.as_one(np.concatenate(parts), 0.0).std() * np.sqrt(2) == pytest.approx(
        error, rel=0.01
    )


def test_the_interval_covers_where_clients_carry_their_gap_along():
    """Two dyads of a client share the client's gap: as independent they would say too much."""
    pairs = paired_ratings(scores(5, moved=1.0), measure=None, scale=None)
    crossed = described(standard_units(pairs), 300, 1, [])[0]["standardised_gap"]["std_error"]
    names = pairs["client_id"] * 100 + pairs["therapist_id"]
    apart = described(standard_units(pairs.assign(client_id=names)), 300, 1, [])[0]
    assert crossed > apart["standardised_gap"]["std_error"]


def test_everything_about_dyads_takes_them(found):
    data = scores(2)
    leads = al.who_leads(data)
    assert leads.n_dyads > 60
    pairs = paired_ratings(data, measure=None, scale=None)
    assert al.one_with_many(data, replicates=20).n_dyads == len(dyad_sums(pairs)) > 60
    table = al.gap_by_therapist(found)
    assert table["n_dyads"].sum() == found.n_dyads
    page = al.gap_feedback(data, therapist="3")
    assert page.table["n_dyads"].max() > 5


def study_with_moves():
    made = al.simulate_study(n_therapists=8, n_clients=48, seed=3)
    tables = {name: frame.copy() for name, frame in made.tables.items()}
    sessions = tables["sessions"].merge(tables["clients"][["client_id", "therapist_id"]])
    late = sessions["session"].gt(4) & sessions["client_id"].isin(
        tables["clients"]["client_id"][:9]
    )
    sessions.loc[late, "therapist_id"] = "T08"
    return al.Study(made.name, tables | {"sessions": sessions})


def test_forms_and_the_report_take_the_therapist_of_each_session():
    study = study_with_moves()
    forms = al.check_parallel_forms(study, measure="wai-sr", replicates=50)
    assert forms.n_dyads > 48
    assert any("had several therapists" in message for message in forms.messages)
    section = gap.build(Context(study, Options()), Draft("gap", "Rating gap"))
    assert section.status == "complete"
    assert "48 clients" in section.headline


def test_sessions_without_a_named_therapist_are_counted_and_none_is_guessed_between_two():
    data = scores(therapists=6, moved=0.5)
    several = data.groupby("client_id")["therapist_id"].transform("nunique") > 1
    between = several & data["session"].eq(3)  # of two therapists
    inside = ~several & data["session"].eq(4)
    first = several & data["session"].eq(1)
    holes = data["therapist_id"].mask(between | inside | first)
    pairs = paired_ratings(data.assign(therapist_id=holes), measure=None, scale=None)
    said = " ".join(pairs.attrs["messages"])
    n, left = (inside | first).sum() // 2, between.sum() // 2
    clients = data["client_id"].nunique()
    assert f"{n} sessions of {clients} clients" in said
    assert f"{left} sessions of {left} clients" in said
    assert "between sessions with two different therapists and are left out" in said
    assert len(pairs) == 6 * clients - left
    true = data.drop_duplicates(["client_id", "session"]).rename(columns={"therapist_id": "who"})
    found = pairs.merge(true[["client_id", "session", "who"]])
    assert (found["therapist_id"] == found["who"]).all()
    assert pairs.index.equals(pd.RangeIndex(len(pairs)))


def test_the_table_of_clients_names_no_session_of_a_client_who_changed():
    study = al.load_dataset("demo-trial")
    score = {"measure": "wai-sr", "scale": "total"}
    plain = paired_ratings(study, **score)
    rated = plain.groupby("client_id")["session"].apply(list)
    client = rated[rated.str.len() > 5].index[0]
    later = rated[client][2:]
    sessions = study.tables["sessions"].copy()
    named = sessions["client_id"].eq(client) & sessions["session"].isin(later)
    sessions["therapist_id"] = np.where(named, "another", None)
    sessions.loc[named & sessions["session"].eq(later[1]), "therapist_id"] = None
    pairs = paired_ratings(study.with_tables(sessions=sessions), **score)
    held = pairs.query("client_id == @client").set_index("session")["therapist_id"]
    assert held.loc[later[1]] == "another"
    assert len(pairs) == len(plain)

"""Intervals of the description: whole clusters, one functional, few therapists, large levels."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.gap.description.course import change_row
from alliance_stats.gap.description.gap_statistics import dyad_sums
from alliance_stats.gap.pairs import paired_ratings
from alliance_stats.inference.cluster_bootstrap import (
    FEWEST_THERAPISTS,
    clusters,
    standard_deviation,
)


def scores_of(client, therapist, of=None, keep=None):
    """Arrays of dyads by sessions as scores; `keep` leaves sessions out."""
    dyads, sessions = client.shape
    base = pd.DataFrame(
        {"client_id": np.repeat(np.arange(dyads), sessions),
         "session": np.tile(np.arange(1, sessions + 1), dyads)}
    )  # fmt: skip
    if of is not None:
        base["therapist_id"] = np.repeat(of, sessions)
    sides = [
        base.assign(rater=rater, score=values.ravel())
        for rater, values in (("client", client), ("therapist", therapist))
    ]
    return pd.concat(side[keep.ravel()] if keep is not None else side for side in sides)


def study(seed, therapists=30, each=6, sessions=6, slopes=0.0):
    rng = np.random.default_rng(seed)
    n = therapists * each
    of = np.repeat(np.arange(therapists), each)
    level = 4 + rng.normal(0, 0.5, n)[:, None]
    move = rng.normal(0, 0.45, (n, sessions))
    gap = -0.4 + rng.normal(0, 0.25, therapists)[of] + rng.normal(0, 0.35, n)
    slope = rng.normal(0, slopes, (n, 1)) * (np.arange(sessions) - (sessions - 1) / 2)
    noise = rng.normal(0, 0.3, (n, sessions))
    return level + move, level + gap[:, None] + 0.4 * move + slope + noise, of


def terms(data, **options):
    return al.rating_gap(data, **options).tidy().set_index("term")


def test_estimate_and_interval_of_the_standardised_gap_are_of_one_mean():
    """Dyads with few sessions have the large gap: weights decide, and both must be the model's."""
    rng = np.random.default_rng(1)
    n = 80
    sessions = np.where(np.arange(n) < 40, 2, 20)
    gap = np.where(np.arange(n) < 40, -0.6, 0.0)[:, None]
    client = 4 + rng.normal(0, 0.5, (n, 1)) + rng.normal(0, 0.3, (n, 20))
    therapist = client + gap + rng.normal(0, 0.3, (n, 1)) + rng.normal(0, 0.3, (n, 20))
    keep = np.arange(20) < sessions[:, None]
    data = scores_of(client, therapist, keep=keep)
    found = terms(data, replicates=400)
    row = found.loc["standardised_gap"]
    assert abs((row["conf_low"] + row["conf_high"]) / 2 - row["estimate"]) < 1e-9
    # by hand: the model's mean over the pooled SD of the dyads' means
    sums = dyad_sums(paired_ratings(data, measure=None, scale=None))
    pooled = np.sqrt((sums["client"].var() + sums["therapist"].var()) / 2)
    expected = found.loc["mean_gap", "estimate"] / pooled
    assert row["estimate"] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("therapists", [1, 2, 4])
def test_few_therapists_are_no_clusters(therapists):
    client, therapist, of = study(3, therapists=therapists, each=20)
    found = al.rating_gap(scores_of(client, therapist, of), replicates=300)
    row = found.tidy().set_index("term").loc["sd_between_dyads"]
    assert row["conf_low"] < row["estimate"] < row["conf_high"]
    assert any("fewer than 5 do not say how therapists differ" in m for m in found.messages)
    assert not any("No therapist has two clients" in m for m in found.messages)


def test_clusters_are_therapists_from_five_on():
    of = pd.Series(np.repeat(np.arange(FEWEST_THERAPISTS), 4))
    found = clusters(of, np.arange(20))
    assert found.unit == "therapists"
    assert "5 therapists" in found.messages[0]


def test_the_change_covers_where_slopes_vary():
    hits, pairs = 0, paired_ratings(scores_of(*study(100)), measure=None, scale=None)
    for seed in range(60):
        client, therapist, _ = study(100 + seed, slopes=0.08)
        row = change_row(pairs.assign(gap=(therapist - client).ravel()), True, [])
        hits += row["conf_low"] <= 0 <= row["conf_high"]
    # a coverage of 95 % gives 53 or more of 60 in 99 of 100 runs; of 80 %, in 6 of 100
    assert hits >= 53


def test_a_large_level_or_a_tiny_unit_changes_nothing():
    client, therapist, of = study(5, therapists=8)
    base = terms(scores_of(client, therapist, of), replicates=300)
    high = terms(scores_of(client + 1e8, therapist + 1e8, of), replicates=300)
    tiny = terms(scores_of(client * 1e-12, therapist * 1e-12, of), replicates=300)
    free = ["standardised_gap", "standardised_gap_of_differences", "r_between", "r_within", "icc"]
    for term in base.index:
        unit = 1.0 if term in free else 1e-12
        for column in ("estimate", "conf_low", "conf_high"):
            # eight digits of a double at 1e8 are left of a rating
            assert high.loc[term, column] == pytest.approx(base.loc[term, column], abs=1e-5)
            assert tiny.loc[term, column] == pytest.approx(base.loc[term, column] * unit, rel=1e-5)


def test_the_interval_of_a_small_spread_says_how_little_and_how_much_it_may_be():
    """True SD .05 beside a session's .5: the ends lie around it, not at .005 and beyond all."""
    rng = np.random.default_rng(8)
    n, of = 120, np.repeat(np.arange(20), 6)
    client = 4 + rng.normal(0, 0.5, (n, 1)) + rng.normal(0, 0.45, (n, 6))
    therapist = client - 0.4 + rng.normal(0, 0.05, (n, 1)) + rng.normal(0, 0.5, (n, 6))
    for data in (scores_of(client, therapist, of), scores_of(client, therapist)):
        found = terms(data, replicates=400).loc["sd_between_dyads"]
        assert found["conf_low"] == 0
        assert 0.05 < found["conf_high"] < 0.25


def test_the_ends_of_a_spread_move_with_it_through_zero():
    """Draws alike, the estimate from below zero to far above the noise: no jump, none below 0."""
    errors = np.random.default_rng(1).normal(0, 0.02, 400)
    grid = np.array([-0.02, -0.001, 0.0, 0.001, 0.01, 0.03, 0.1, 1.0])
    units = clusters(None, np.arange(30))
    ends = np.array([standard_deviation(v, v + errors, 0.1, units)[2:] for v in grid])
    assert (np.diff(ends, axis=0) >= 0).all()
    assert (ends[:5, 0] == 0).all()
    assert ends[2, 1] == pytest.approx(ends[3, 1], abs=0.01)
    low, high = ends[-1]  # the noise no longer matters: the limits of the logarithm
    assert low * high == pytest.approx(1.0, rel=0.01)


def test_the_icc_is_about_these_two_raters_with_therapists_and_without():
    client, therapist, of = study(3, therapists=60, each=1)
    alone = terms(scores_of(client, therapist), replicates=200)
    named = terms(scores_of(client, therapist, of), replicates=200)
    pd.testing.assert_frame_equal(alone, named)  # one client each: the same units are drawn
    client, therapist, of = study(3, therapists=30, each=2)
    ends = [terms(scores_of(client, therapist, t), replicates=400).loc["icc"] for t in (of, None)]
    widths = [end["conf_high"] - end["conf_low"] for end in ends]
    assert 0.6 < widths[0] / widths[1] < 1.7


# -- raters and scales ---------------------------------------------------------------------------


def bounded(seed=0, dyads=60, sessions=6):
    client, therapist, _ = study(seed, therapists=10, each=dyads // 10, sessions=sessions)
    return np.clip(client, 1, 5), np.clip(therapist, 1, 5)


@pytest.mark.parametrize("points", [1, 12])
def test_one_to_five_against_one_to_seven_is_refused(points):
    client, therapist = bounded()
    wider = (therapist - 1) / 4 * 6 + 1
    with pytest.raises(al.DesignError, match="the highest, where 'therapist' goes on"):
        al.rating_gap(scores_of(client * points, wider * points), replicates=2)
    same = al.rating_gap(scores_of(client, therapist), replicates=2)
    assert same.n_dyads == 60


def test_scores_are_held_against_the_ranges_that_are_said():
    client, therapist = bounded()
    data = scores_of(client, therapist)
    five = {"client": (1, 5), "therapist": (1, 5)}
    assert al.rating_gap(data, ranges=five, replicates=2).n_dyads == 60
    with pytest.raises(al.DesignError, match="scales differ: client 1 to 5, therapist 1 to 7"):
        al.rating_gap(data, ranges={**five, "therapist": (1, 7)})
    with pytest.raises(al.DesignError, match=r"of the client lie outside the scale \(1 to 4\)"):
        al.rating_gap(data, ranges=dict.fromkeys(five, (1, 4)))


def test_a_card_is_held_against_the_scores():
    made = al.simulate_study(n_therapists=6, n_clients=30, seed=1)
    assert al.rating_gap(made, measure="wai-sr", scale="total", replicates=2).n_dyads > 20
    pairs = made.scores[made.scores["scale"] == "total"]

    class Wider:
        measures, tables = made.measures, made.tables
        scores = pairs.assign(score=pairs["score"].where(pairs["rater"] == "client", 6.5))

    with pytest.raises(al.DesignError, match=r"therapist lie outside the scale \(1 to 5\)"):
        al.rating_gap(Wider(), measure="wai-sr", scale="total")


def test_the_sessions_therapist_counts_and_two_are_told():
    made = al.simulate_study(n_therapists=6, n_clients=30, seed=1)
    tables = {name: frame.copy() for name, frame in made.tables.items()}

    class Moved:
        measures, scores = made.measures, made.scores

    moved = Moved()
    first = tables["clients"]["client_id"].iloc[0]
    of_first = tables["sessions"]["client_id"] == first
    moved.tables = {**tables, "sessions": tables["sessions"].assign(
        therapist_id=tables["sessions"]["therapist_id"].where(~of_first, "T06")
    )}  # fmt: skip
    found = al.rating_gap(moved, measure="wai-sr", scale="total", replicates=200)
    assert set(found.pairs.loc[found.pairs["client_id"] == first, "therapist_id"]) == {"T06"}
    assert any("another therapist than the table `clients` names" in m for m in found.messages)
    late = of_first & (tables["sessions"]["session"] > 3)
    moved.tables["sessions"] = tables["sessions"].assign(
        therapist_id=tables["sessions"]["therapist_id"].where(~late, "T06")
    )
    found = al.rating_gap(moved, measure="wai-sr", scale="total", replicates=20)
    assert any(m.startswith(f"1 client ({first}) had several therapists.") for m in found.messages)
    assert found.n_dyads == found.pairs["client_id"].nunique() + 1


def test_couples_run_by_couple():
    rng = np.random.default_rng(0)
    level = rng.normal(3, 0.4, 148)
    couples = pd.DataFrame(
        {
            "CoupleID": np.repeat(np.arange(148), 2),
            "rater": ["Wife", "Husband"] * 148,
            "score": np.repeat(level, 2) + rng.normal(0, 0.3, 296),
        }
    )
    found = al.rating_gap(couples, raters=("Husband", "Wife"), by="CoupleID", replicates=200)
    wide = couples.pivot_table("score", "CoupleID", "rater")
    table = found.tidy().set_index("term")
    assert table.loc["mean_gap", "estimate"] == pytest.approx(
        (wide["Wife"] - wide["Husband"]).mean()
    )
    assert np.isnan(table.loc["r_within", "estimate"])
    assert al.plot_bland_altman(found).get_ylabel() == "Wife minus Husband (points)"
    with pytest.raises(al.DesignError, match=r"it holds Wife, Husband.*say raters="):
        al.rating_gap(couples, by="CoupleID")


def test_dyads_and_rows_that_are_left_out_are_counted_and_passed_on():
    client, therapist, of = study(2, therapists=6)
    therapist[:20] = np.nan
    data = scores_of(client, therapist, of)
    data["client_id"] = data["client_id"].astype(object)
    lost = data["client_id"].eq(35)
    data.loc[lost, "client_id"] = None
    found = al.rating_gap(data, replicates=200)
    said = " ".join(found.messages)
    assert "20 dyads lose all their sessions" in said
    assert "12 scores name no client or no session" in said
    assert np.isfinite(found.tidy().set_index("term").loc["r_within", "estimate"])
    for other in (
        al.who_leads(found),
        al.one_with_many(data[data["client_id"].notna()]),
        al.gap_feedback(found, therapist="5"),
    ):
        assert "20 dyads lose all" in " ".join(other.messages)


WRONG = {
    "replicates": ({"replicates": 1}, "replicates must be a whole number of 2 or more"),
    "seed": ({"seed": -1}, "seed must be a whole number"),
    "raters": ({"raters": "client"}, "raters must be a list"),
    "by": ({"by": "couple"}, "must have the column couple"),
    "ranges": ({"ranges": (1, 5)}, "ranges must be such as"),
}


@pytest.mark.parametrize(("options", "said"), WRONG.values(), ids=WRONG)
def test_wrong_arguments_are_told(options, said):
    with pytest.raises(al.AllianceStatsError, match=said):
        al.rating_gap(scores_of(*bounded()), **options)


VALUES = {
    "text": (lambda s: s.astype(str) + "x", "finite numbers"),
    "bool": (lambda s: s > 3, "type bool"),
    "dates": (lambda s: pd.Series(pd.Timestamp("2020-01-01"), s.index), "type datetime"),
}


@pytest.mark.parametrize(("change", "said"), VALUES.values(), ids=VALUES)
def test_scores_that_are_no_numbers_are_told(change, said):
    data = scores_of(*bounded())
    with pytest.raises(al.ColumnError, match=said):
        al.rating_gap(data.assign(score=change(data["score"])))


@pytest.mark.parametrize("given", [None, 3, "study"])
def test_what_is_no_data_is_told(given):
    for call in (al.rating_gap, al.who_leads, al.one_with_many):
        with pytest.raises(al.ColumnError, match="must be a Study"):
            call(given)

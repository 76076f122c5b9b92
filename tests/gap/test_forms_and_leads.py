"""Parallel forms, who leads whom, and the gap by therapist and scale."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import alliance_stats as al
from alliance_stats.gap.description.items import ItemSums
from alliance_stats.gap.description.parallel_forms import TERMS, _terms
from alliance_stats.inference.cluster_bootstrap import clusters

STUDY = al.simulate_study(n_therapists=10, n_clients=80, seed=5)


@pytest.fixture(scope="module")
def gap():
    return al.rating_gap(STUDY, measure="wai-sr", scale="total", replicates=50)


def scores_of(client, therapist, therapist_of=None):
    dyads, sessions = client.shape
    base = pd.DataFrame(
        {"client_id": np.repeat(np.arange(dyads), sessions),
         "session": np.tile(np.arange(1, sessions + 1), dyads)}
    )  # fmt: skip
    if therapist_of is not None:
        base["therapist_id"] = np.repeat(therapist_of, sessions)
    return pd.concat(
        [
            base.assign(rater="client", score=client.ravel()),
            base.assign(rater="therapist", score=therapist.ravel()),
        ]
    )


# -- parallel forms ------------------------------------------------------------------------------


def planted_items(seed=0, dyads=400, sessions=6, items=4):
    """Client and therapist with known variances: latent between .5, .4; within .3, .2."""
    rng = np.random.default_rng(seed)
    between = rng.multivariate_normal([0, 0], [[0.5, 0.3], [0.3, 0.4]], dyads)
    within = rng.multivariate_normal([0, 0], [[0.3, 0.1], [0.1, 0.2]], (dyads, sessions))
    latent = between[:, None] + within
    error = rng.normal(0, np.sqrt(0.5), (dyads, sessions, 2, items))
    y = (latent[..., None] + error).reshape(dyads, sessions, 2 * items)
    mean = y.mean(axis=1)
    deviation = y - mean[:, None]
    return ItemSums(
        tuple(range(1, items + 1)),
        np.full(dyads, float(sessions)),
        mean,
        np.einsum("dsi,dsj->dij", deviation, deviation),
        clusters(None, np.arange(dyads)),
        dyads * sessions,
        0,
    )


def test_planted_reliabilities_and_true_correlations_are_found():
    found = {name: value[0] for name, value in _terms(planted_items(), np.ones((1, 400))).items()}
    expected = {
        "reliability_client_within": 0.3 / (0.3 + 0.5 / 4),
        "reliability_therapist_within": 0.2 / (0.2 + 0.5 / 4),
        "reliability_gap_within": 0.3 / (0.3 + 1.0 / 4),
        "reliability_client_between": 1.0,
        "r_within_disattenuated": 0.1 / np.sqrt(0.06),
        "truth_force_disattenuated": 0.1 / 0.3,
        "r_between": 0.3 / np.sqrt(0.2),
        "latent_sd_level": np.sqrt((0.5 + 0.4 + 0.6) / 4),
        "latent_sd_congruence": np.sqrt(0.3),
        "latent_cor_level_congruence": (0.4 - 0.5) / 2 / np.sqrt(1.5 / 4 * 0.3),
    }
    for name, value in expected.items():
        # 400 dyads of 6 sessions: sampling error of these is below .07
        assert found[name] == pytest.approx(value, abs=0.07), name
    assert {*found, "sd_item_gaps"} == set(TERMS)


def test_forms_of_a_study_are_checked_with_intervals():
    found = al.check_parallel_forms(STUDY, measure="wai-sr", replicates=60, seed=1)
    table = found.tidy().set_index("term")
    assert list(table.index) == list(TERMS)
    inside = (table["conf_low"] <= table["estimate"]) & (table["estimate"] <= table["conf_high"])
    assert inside.drop("sd_item_gaps").all()  # a spread, biased upward in every draw
    assert table.loc["r_within", "estimate"] < table.loc["r_within_disattenuated", "estimate"]
    assert len(found.items) == 12
    assert "Hatcher" in found.known
    assert "independent" in found.messages[0]
    assert found.invariance.verdict()[0] in found.text()
    assert "use the items alike was asked of one session of each dyad" in found.methods()
    assert "clients of one therapist_id being alike" in found.methods()
    assert "Geldhof, Preacher & Zyphur 2014" in found.methods()


def test_the_test_of_equal_gaps_is_shown_as_the_f_that_it_is():
    found = al.check_parallel_forms(STUDY, measure="wai-sr", scale="bond", replicates=2)
    test = found.tidy().set_index("term").loc["sd_item_gaps"]
    assert (test["df_num"], test["df"]) == (3, 7)  # 4 items, 10 therapists: k - 1, G - k + 1
    assert test["p_value"] == pytest.approx(stats.f.sf(test["statistic"], 3, 7))
    assert f"F(3, 7) = {test['statistic']:.2f}" in found.text()
    assert "3, 7" in found.summary()


def test_dyads_with_one_session_have_no_reliability_at_either_level():
    ratings = STUDY.ratings[STUDY.ratings["session"] == 1]
    clients = STUDY.clients.copy()
    clients.loc[clients.index[0], "therapist_id"] = None
    one = STUDY.with_tables(ratings=ratings, clients=clients)
    found = al.check_parallel_forms(one, measure="wai-sr", scale="bond", replicates=2)
    table = found.tidy().set_index("term")
    assert table["estimate"].notna().sum() == 1
    assert np.isfinite(table.loc["sd_item_gaps", "estimate"])
    assert found.items[["r_within", "r_between"]].isna().all(axis=None)
    (said,) = [one for one in found.messages if "cannot be" in one]
    assert said.startswith("Each dyad has one session, so within and between")
    # a dyad without therapist: tested without them, and no advice that nobody can follow
    assert found.invariance is not None
    assert "cluster=" not in " ".join(found.messages)
    assert any("one known for each dyad" in one for one in found.messages)


def test_the_same_sessions_give_the_correlation_of_the_description():
    gap = al.rating_gap(STUDY, measure="wai-sr", scale="total", replicates=2)
    found = al.check_parallel_forms(STUDY, measure="wai-sr", replicates=2).tidy()
    r = found.set_index("term").loc["r_within", "estimate"]
    described = gap.tidy().set_index("term").loc["r_within", "estimate"]
    assert r == pytest.approx(described, abs=0.02)  # scores with a missing item differ


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"measure": "wai-s"}, "Did you mean 'wai-sr'"),
        ({"measure": "wai-sr", "scale": "bonds"}, "Did you mean 'bond'"),
        ({"measure": "core-10"}, "Rater 'therapist' has no items of core-10"),
    ],
)
def test_what_has_no_parallel_form_is_told(options, said):
    with pytest.raises(al.DesignError, match=said):
        al.check_parallel_forms(STUDY, **options)


# -- who leads whom ------------------------------------------------------------------------------


def test_the_one_who_follows_is_found():
    rng = np.random.default_rng(2)
    dyads, sessions = 150, 25
    client, therapist = np.zeros((2, dyads, sessions))
    for t in range(sessions):
        before = (client[:, t - 1], therapist[:, t - 1]) if t else (0, 0)
        client[:, t] = 0.3 * before[0] + rng.normal(0, 1, dyads)
        therapist[:, t] = 0.2 * before[1] + 0.4 * before[0] + rng.normal(0, 1, dyads)
    found = al.who_leads(scores_of(client + 4, therapist + 4))
    table = found.tidy().set_index("term")
    # 25 sessions: Nickell's bias is about (1 + .3) / 25, which the tolerance grants
    expected = {
        "client:carry_over": 0.3,
        "client:from_other": 0.0,
        "therapist:carry_over": 0.2,
        "therapist:from_other": 0.4,
    }
    for term, value in expected.items():
        assert table.loc[term, "estimate"] == pytest.approx(value, abs=0.08), term
    assert table.loc["therapist:from_other", "p_value"] < 1e-6
    ratio = client.std() / therapist.std()
    assert table.loc["therapist:from_other_standardised", "estimate"] == pytest.approx(
        table.loc["therapist:from_other", "estimate"] * ratio, rel=0.05
    )


def test_only_neighbouring_sessions_are_pairs():
    rng = np.random.default_rng(3)
    data = scores_of(*rng.normal(4, 1, (2, 40, 10)))
    holes = data[data["session"] != 5]
    assert al.who_leads(data).n_pairs == 40 * 9
    found = al.who_leads(holes)
    assert found.n_pairs == 40 * 7
    assert found.messages[0].startswith("80 of 360 sessions have no session")


def test_too_few_sessions_to_lead_are_told():
    rng = np.random.default_rng(3)
    with pytest.raises(al.DesignError, match="needs 30 in 10 dyads"):
        al.who_leads(scores_of(*rng.normal(4, 1, (2, 8, 10))))


# -- by therapist and by scale -------------------------------------------------------------------


def test_therapists_are_shrunken_towards_the_average():
    rng = np.random.default_rng(4)
    of = np.repeat(np.arange(12), np.r_[[2] * 6, [12] * 6])
    own = rng.normal(0, 0.6, 12)
    client = rng.normal(4, 0.5, (len(of), 4))
    therapist = client - 0.4 + own[of][:, None] + rng.normal(0, 0.5, (len(of), 4))
    data = scores_of(client, therapist, of)
    gap = al.rating_gap(data, replicates=20)
    table = al.gap_by_therapist(gap).set_index("therapist_id")
    average = al.gap_by_therapist(gap).attrs["average"]
    pull = (table["shrunken"] - average) / (table["mean"] - average)
    assert pull.between(0, 1).all()
    assert pull[table["n_dyads"] == 2].max() < pull[table["n_dyads"] == 12].min()
    truth = pd.Series(own - 0.4).reindex(table.index)
    covered = (table["conf_low"] <= truth) & (truth <= table["conf_high"])
    assert covered.mean() > 0.8
    ax = al.plot_gap_by_therapist(al.gap_by_therapist(gap))
    assert "n = 12 therapists" in ax.get_title(loc="left")


def test_scales_stand_below_each_other():
    table = al.gap_by_scale(STUDY, measure="wai-sr", replicates=5)
    assert table["scale"].unique().tolist() == ["task", "bond", "goal", "total"]
    one = al.rating_gap(STUDY, measure="wai-sr", scale="bond", replicates=5).tidy()
    mine = table[table["scale"] == "bond"]["estimate"].to_numpy()
    assert mine == pytest.approx(one["estimate"].to_numpy(), nan_ok=True)
    with pytest.raises(al.DesignError, match="no scores of wai; there are"):
        al.gap_by_scale(STUDY, measure="wai")


def test_the_limits_of_agreement_are_drawn_where_they_are(gap):
    ax = al.plot_bland_altman(gap)
    drawn = sorted(line.get_ydata()[0] for line in ax.get_lines())
    table = gap.tidy().set_index("term")["estimate"]
    wanted = sorted([0.0, *table[["mean_gap", "loa_low", "loa_high"]]])
    assert drawn == pytest.approx(wanted)


def test_the_page_for_supervision_hides_small_cells(gap, tmp_path):
    page = al.gap_feedback(gap, therapist="T03")
    table = page.table
    small = table["suppressed"]
    assert table.loc[small, ["n_dyads", "estimate", "conf_low"]].isna().all(axis=None)
    assert (table.loc[~small, "n_dyads"] >= 5).all()
    assert small.any()
    assert (~small).any()
    own = gap.pairs[(gap.pairs["therapist_id"] == "T03") & gap.pairs["session"].between(1, 3)]
    mean = own.groupby("client_id")["gap"].mean().mean()
    assert table.iloc[0]["estimate"] == pytest.approx(mean)
    text = page.to_html(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "What this does not show" in text
    assert "<svg" in text
    others = set(gap.pairs["therapist_id"]) - {"T03"}
    assert not any(name in text for name in others)
    assert not any(client in text for client in gap.pairs["client_id"].unique())
    with pytest.raises(al.DesignError, match="no therapist 'T99'"):
        al.gap_feedback(gap, therapist="T99")

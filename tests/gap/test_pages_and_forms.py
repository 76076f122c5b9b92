"""Feedback against its hand values, therapists who do not differ, and forms with item error."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import alliance_stats as al
from alliance_stats.gap.description.homogeneity import same_gaps


def clinic(seed=0, therapists=12, each=7, sd=0.5):
    rng = np.random.default_rng(seed)
    n = therapists * each
    of = np.repeat(np.arange(therapists), each)
    base = pd.DataFrame({"client_id": np.arange(n), "session": 1, "therapist_id": of})
    client = rng.normal(4, 0.5, n)
    therapist = client - 0.3 + rng.normal(0, sd, therapists)[of] + rng.normal(0, 0.4, n)
    return pd.concat(
        [base.assign(rater="client", score=client), base.assign(rater="therapist", score=therapist)]
    )


def test_the_clinics_interval_is_that_of_whole_therapists():
    data = clinic()
    page = al.gap_feedback(data, therapist="3", stages=((1, 1),))
    table = page.table.set_index("who")
    gap = data[data["rater"] == "therapist"]["score"] - data[data["rater"] == "client"]["score"]
    others = data[data["rater"] == "client"].assign(gap=gap).query("therapist_id != 3")
    # equal numbers of clients: the mean of 11 therapists' means, independent of each other
    means = others.groupby("therapist_id")["gap"].mean()
    error = means.std(ddof=1) / np.sqrt(11)
    half = stats.t.ppf(0.975, 10) * error
    assert table.loc["clinic", "estimate"] == pytest.approx(means.mean())
    assert table.loc["clinic", "conf_low"] == pytest.approx(means.mean() - half)
    own = table.loc["own"]
    difference = table.loc["difference"]
    assert difference["estimate"] == pytest.approx(own["estimate"] - means.mean())
    squares = np.array([own["std_error"], error]) ** 2
    df = squares.sum() ** 2 / (squares**2 / [6, 10]).sum()
    half = stats.t.ppf(0.975, df) * np.sqrt(squares.sum())
    assert difference["conf_high"] - difference["estimate"] == pytest.approx(half)
    assert "therapist 3" in page.words


def test_a_page_is_html_and_says_where_it_cannot_be_written(tmp_path):
    page = al.gap_feedback(clinic(), therapist="3", stages=((1, 1),))
    with pytest.raises(al.AllianceStatsError, match=r"ends in \.html, not 'page.pdf'"):
        page.to_html(tmp_path / "page.pdf")
    with pytest.raises(al.AllianceStatsError, match="could not be written"):
        page.to_html(tmp_path / "nowhere" / "page.html")


@pytest.mark.parametrize("stages", ["x", (1, 5), (), ((5, 1),), ((1, 2, 3),), ((1.5, 2),)])
def test_wrong_stages_are_told(stages):
    with pytest.raises(al.DesignError, match=r"stage"):
        al.gap_feedback(clinic(), therapist="3", stages=stages)


def test_therapists_without_variance_get_no_intervals():
    data = clinic(seed=2, sd=0.0)
    gap = data.loc[data["rater"] == "therapist", "score"].to_numpy()
    gap = gap - data.loc[data["rater"] == "client", "score"].to_numpy()
    means = gap.reshape(12, 7).mean(axis=1)  # the same mean for every therapist
    data.loc[data["rater"] == "therapist", "score"] -= np.repeat(means - gap.mean(), 7)
    table = al.gap_by_therapist(al.rating_gap(data, replicates=200))
    assert "No variance between therapists is found" in table.attrs["note"]
    assert table[["conf_low", "conf_high"]].isna().all(axis=None)
    ax = al.plot_gap_by_therapist(table)
    assert not ax.collections
    assert "No variance" in ax.texts[0].get_text()


# -- items ---------------------------------------------------------------------------------------


def test_the_spread_of_item_gaps_is_without_sampling_error():
    found = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        gaps = rng.normal(0, 0.5, (60, 1)) + rng.normal(0, 1, (60, 6))
        found.append(same_gaps(gaps, np.arange(60)))
    # nothing differs: the plain SD is .129 on average, and the test is right 95 times of 100
    plain = 1 / np.sqrt(60)
    assert np.mean([one.sd**2 for one in found]) < 0.4 * plain**2
    assert min(one.sd for one in found) == 0
    assert 0.02 <= np.mean([one.p_value < 0.05 for one in found]) <= 0.09


def test_hotellings_t_of_two_items_is_a_paired_t():
    rng = np.random.default_rng(1)
    gaps = rng.normal(0, 1, (40, 2)) + np.array([0, 0.4])
    found = same_gaps(gaps, np.arange(40))
    by_hand = stats.ttest_rel(gaps[:, 0], gaps[:, 1])
    assert found.statistic == pytest.approx(by_hand.statistic**2)
    assert found.p_value == pytest.approx(by_hand.pvalue)


FEW = {"assessments": False, "forecasts": False, "observer_codes": False, "principle_codes": False}


def test_with_items_that_err_the_corrected_force_is_the_planted_one():
    hits = 0
    for seed in range(4):
        made = al.simulate_study(
            n_therapists=30, n_clients=200, seed=seed, item_error=True, alliance_mean=3.0,
            rupture_rate=0.0, **FEW,
        )  # fmt: skip
        found = al.check_parallel_forms(made, measure="wai-sr", replicates=200)
        table = found.tidy().set_index("term")
        row = table.loc["truth_force_disattenuated"]
        hits += row["conf_low"] < 0.4 < row["conf_high"]
        # the plain slope is pulled down by the client's reliability of .87
        plain = row["estimate"] * table.loc["reliability_client_within", "estimate"]
        assert plain < 0.37
    assert hits >= 3


def test_nothing_above_one_is_shown():
    made = al.simulate_study(n_therapists=8, n_clients=40, seed=1)
    found = al.check_parallel_forms(made, measure="wai-sr", replicates=200)
    table = found.tidy().set_index("term")
    bounded = table[table.index.str.startswith(("reliability", "r_", "latent_cor"))]
    assert not (bounded[["estimate", "conf_high"]] > 1).any(axis=None)
    for term in bounded.index[bounded["estimate"].isna()]:
        assert any(term in message for message in found.messages)


def _ratings(made, change):
    class Changed:
        measures = made.measures
        tables = {**made.tables, "ratings": change(made.tables["ratings"])}  # noqa: RUF012

    return Changed()


def test_faulty_items_are_told():
    made = al.simulate_study(n_therapists=8, n_clients=40, seed=1)
    twice = _ratings(made, lambda r: pd.concat([r, r.head(2)]))
    with pytest.raises(al.ColumnError, match="share client, session and item"):
        al.check_parallel_forms(twice, measure="wai-sr")
    words = _ratings(made, lambda r: r.assign(value="often"))
    with pytest.raises(al.ColumnError, match="must hold finite numbers"):
        al.check_parallel_forms(words, measure="wai-sr")

"""The description of the gap against hand calculation and planted truth."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.core.display.formatting import number
from alliance_stats.gap.description.course import mean_model
from alliance_stats.gap.description.gap_statistics import dyad_sums
from alliance_stats.gap.description.rating_gap import TERMS
from alliance_stats.gap.pairs import paired_ratings

EXACT = 1e-9  # the engine's optimum on balanced data, where the answer is a plain mean


def long(client: np.ndarray, therapist: np.ndarray, therapist_of=None) -> pd.DataFrame:
    """Both raters' scores, arrays of (dyads, sessions), as the canonical long table."""
    dyads, sessions = client.shape
    base = pd.DataFrame(
        {
            "client_id": np.repeat([f"c{i:03d}" for i in range(dyads)], sessions),
            "session": np.tile(np.arange(1, sessions + 1), dyads),
            "measure": "wai-sr",
            "scale": "total",
        }
    )
    if therapist_of is not None:
        base["therapist_id"] = np.repeat(therapist_of, sessions)
    sides = [
        base.assign(rater="client", score=client.ravel()),
        base.assign(rater="therapist", score=therapist.ravel()),
    ]
    return pd.concat(sides, ignore_index=True)


def simulated(seed: int, dyads: int = 60, sessions: int = 8, gap: float = -0.5):
    rng = np.random.default_rng(seed)
    level = rng.normal(0, 0.8, (dyads, 1))
    session = rng.normal(0, 0.5, (dyads, sessions))
    client = 4 + level + session + rng.normal(0, 0.3, (dyads, sessions))
    own = rng.normal(0, 0.4, (dyads, 1))
    therapist = client.mean() + gap + level + 0.6 * session + own
    return client, therapist + rng.normal(0, 0.3, (dyads, sessions))


def terms(found: al.RatingGap) -> pd.DataFrame:
    return found.tidy().set_index("term")


def test_balanced_data_give_plain_means_and_analysis_of_variance():
    client, therapist = simulated(1)
    found = terms(al.rating_gap(long(client, therapist), measure="wai-sr", scale="total"))
    gap = therapist - client
    dyads, sessions = gap.shape
    mean = gap.mean()
    assert found.loc["mean_gap", "estimate"] == pytest.approx(mean, abs=EXACT)
    # On balanced data the REML standard error of the mean is that of the dyads' means.
    error = gap.mean(axis=1).std(ddof=1) / np.sqrt(dyads)
    assert found.loc["mean_gap", "std_error"] == pytest.approx(error, rel=1e-5)
    assert found.loc["mean_gap", "df"] == pytest.approx(dyads - 1, rel=1e-4)
    ms_between = sessions * gap.mean(axis=1).var(ddof=1)
    ms_within = gap.var(axis=1, ddof=1).mean()
    between = (ms_between - ms_within) / sessions
    assert found.loc["sd_between_dyads", "estimate"] == pytest.approx(np.sqrt(between))
    total = np.sqrt(between + ms_within)
    assert found.loc["loa_low", "estimate"] == pytest.approx(mean - 1.959964 * total, abs=1e-6)
    assert found.loc["loa_high", "estimate"] == pytest.approx(mean + 1.959964 * total, abs=1e-6)
    pooled = np.sqrt((client.mean(1).var(ddof=1) + therapist.mean(1).var(ddof=1)) / 2)
    assert found.loc["standardised_gap", "estimate"] == pytest.approx(mean / pooled)


def test_correlations_between_and_within_are_told_apart():
    client, therapist = simulated(2)
    found = terms(al.rating_gap(long(client, therapist)))
    between = np.corrcoef(client.mean(1), therapist.mean(1))[0, 1]
    assert found.loc["r_between", "estimate"] == pytest.approx(between)
    c, t = (x - x.mean(1, keepdims=True) for x in (client, therapist))
    within = (c * t).sum() / np.sqrt((c**2).sum() * (t**2).sum())
    assert found.loc["r_within", "estimate"] == pytest.approx(within)
    # McGraw and Wong's ICC(A,1) of the dyads' means, written out.
    both = np.column_stack([client.mean(1), therapist.mean(1)])
    n, k = both.shape
    rows, cols = both.mean(1), both.mean(0)
    msr = k * rows.var(ddof=1)
    msc = n * cols.var(ddof=1)
    mse = ((both - rows[:, None] - cols + both.mean()) ** 2).sum() / ((n - 1) * (k - 1))
    icc = (msr - mse) / (msr + (k - 1) * mse + k * (msc - mse) / n)
    assert found.loc["icc", "estimate"] == pytest.approx(icc)
    limits = found.loc["icc", ["conf_low", "conf_high"]].to_numpy(dtype=float)
    assert (limits != np.round(limits, 2)).all()  # full precision, not pingouin's two decimals


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pingouin's own calls of pandas
def test_the_correlation_within_dyads_is_pingouins_and_its_interval_that_of_clusters():
    import pingouin

    client, therapist = simulated(2, dyads=15)
    data = long(client, therapist)
    row = terms(al.rating_gap(data)).loc["r_within"]
    wide = paired_ratings(data, measure=None, scale=None)
    other = pingouin.rm_corr(wide, "client", "therapist", "client_id").iloc[0]
    assert row["estimate"] == pytest.approx(other["r"])
    assert row["df"] == 14  # one fewer than dyads, not than sessions


def test_the_interval_of_the_mean_gap_covers_with_few_therapists():
    hits, of = 0, np.repeat(np.arange(10), 6)
    first = long(*simulated(0, dyads=60, sessions=3), of)
    pairs = paired_ratings(first, measure=None, scale=None)
    sums = dyad_sums(pairs)  # whom each therapist rated, and when, is the same in all studies
    for seed in range(200):
        rng = np.random.default_rng(seed)
        client, therapist = simulated(seed + 1000, dyads=60, sessions=3)
        therapist = therapist - client.mean() + 4 + rng.normal(0, 0.4, 10)[of][:, None]
        pairs = pairs.assign(gap=(therapist - client).ravel())
        row, _ = mean_model(pairs, sums, therapists=True, messages=[])
        hits += row["conf_low"] <= -0.5 <= row["conf_high"]
    # Binomial(200, .95) lies in [.91, .985] in 98 of 100 runs; the seeds are fixed.
    assert 0.91 <= hits / 200 <= 0.985


def test_one_session_a_dyad_is_enough_for_what_needs_no_more():
    client, therapist = simulated(3, sessions=1)
    found = al.rating_gap(long(client, therapist))
    table = terms(found)
    gap = (therapist - client).ravel()
    assert table.loc["mean_gap", "estimate"] == pytest.approx(gap.mean())
    assert table.loc["mean_gap", "df"] == 59
    assert table.loc["loa_low", "estimate"] == pytest.approx(
        gap.mean() - 1.959964 * gap.std(ddof=1), abs=1e-6
    )
    for term in ("sd_between_dyads", "r_within", "change_per_session"):
        assert np.isnan(table.loc[term, "estimate"])
    assert any("one session" in message for message in found.messages)


def test_every_term_is_there_in_order():
    client, therapist = simulated(4, dyads=10)
    assert al.rating_gap(long(client, therapist)).tidy()["term"].tolist() == list(TERMS)


def test_only_what_is_tested_against_zero_has_a_statistic():
    found = al.rating_gap(long(*simulated(4, dyads=20)))
    tested = found.tidy().dropna(subset=["statistic"])["term"].tolist()
    assert tested == ["mean_gap", "change_per_session"]
    text = found.summary()
    assert all(meaning in text for meaning in TERMS.values())
    assert f" {number(found.table['estimate'].iloc[0], 3)} " in text


def test_a_planted_change_over_sessions_is_found():
    client, therapist = simulated(5, dyads=150)
    therapist = therapist + 0.1 * np.arange(8)
    row = terms(al.rating_gap(long(client, therapist))).loc["change_per_session"]
    assert row["conf_low"] < 0.1 < row["conf_high"]
    assert row["p_value"] < 1e-6


def test_what_one_rated_alone_is_counted():
    client, therapist = simulated(6, dyads=12)
    therapist[0, 0] = np.nan
    client[1, 1:3] = np.nan
    found = al.rating_gap(long(client, therapist))
    assert found.messages[0] == (
        "1 sessions with a score from the client alone and 2 from the therapist alone are left out "
        "(a form with too few answers has none); 93 sessions have both."
    )


def test_the_same_seed_gives_the_same_intervals():
    client, therapist = simulated(7, dyads=20)
    data = long(client, therapist)
    pd.testing.assert_frame_equal(al.rating_gap(data).tidy(), al.rating_gap(data).tidy())
    other = al.rating_gap(data, seed=1).tidy().set_index("term")
    assert (
        other.loc["standardised_gap", "std_error"]
        != (terms(al.rating_gap(data)).loc["standardised_gap", "std_error"])
    )


def test_errors_say_what_is_there():
    client, therapist = simulated(8, dyads=6)
    data = long(client, therapist)
    with pytest.raises(al.ColumnError, match=r"no scores of wai-s;.*Did you mean 'wai-sr'"):
        al.rating_gap(data, measure="wai-s", scale="total")
    with pytest.raises(al.DesignError, match=r"No session was rated by both"):
        al.rating_gap(data[data["rater"] == "client"])
    with pytest.raises(al.DesignError, match="share client, session and rater"):
        al.rating_gap(pd.concat([data, data.head(1)]))
    twice = data.assign(therapist_id=np.where(data["rater"] == "client", "t1", "t2"))
    with pytest.raises(al.DesignError, match="6 clients have more than one therapist in one"):
        al.rating_gap(twice)


def test_the_drawn_course_hides_small_cells():
    client, therapist = simulated(9, dyads=8)
    client[4:, -1] = np.nan
    ax = al.rating_gap(long(client, therapist)).plot()
    assert ax.get_lines()[0].get_xdata().max() == 7

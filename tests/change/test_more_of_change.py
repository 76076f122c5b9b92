"""Sensitivity of the shares, sudden gains, and change by therapist."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al

CLINICAL, FUNCTIONAL = (25.0, 7.0), (8.0, 4.0)
KEPT = 1e-5  # the engine stops at a gradient of this size in the variance ratio


def pairs(seed=1, n=80):
    random = np.random.default_rng(seed)
    pre = random.normal(24, 6, n)
    return pd.DataFrame({"pre": pre, "post": pre - random.normal(5, 6, n)})


def test_sensitivity_agrees_with_each_specification_alone():
    data = pairs()
    table = al.change_sensitivity(data, pre="pre", post="post", reliability=[0.75, 0.9],
                                  clinical=CLINICAL, functional=FUNCTIONAL)  # fmt: skip
    assert len(table) == 6 * 2 * 3 * 3
    row = table.query("method == 'EN' and reliability == 0.9 and criterion == 'b'").iloc[0]
    alone = al.clinically_significant_change(
        data, pre="pre", post="post", reliability=0.9, clinical=CLINICAL, functional=FUNCTIONAL,
        criterion="b", method="EN",
    )  # fmt: skip
    shares = alone.table.query("denominator == 'all'").set_index("category")["share"]
    assert row["recovered"] == shares["recovered"]
    assert row["not_improved"] == shares["unchanged"] + shares["deteriorated"]
    assert row["cutoff"] == alone.cutoff == 16


def test_a_lower_reliability_lets_fewer_clients_change():
    table = al.change_sensitivity(pairs(), pre="pre", post="post", reliability=[0.6, 0.8, 0.95],
                                  methods=["JT"], criteria=["c"], clinical=CLINICAL,
                                  functional=FUNCTIONAL)  # fmt: skip
    shares = table.query("denominator == 'all'")["not_improved"]
    assert shares.is_monotonic_decreasing
    assert shares.iloc[0] > shares.iloc[-1]


def test_a_specification_that_cannot_be_is_told_beside_the_others():
    table = al.change_sensitivity(
        pairs(), pre="pre", post="post", reliability=[0.8], methods=["JT"], criteria=["a", "b"],
        clinical=CLINICAL,
    )  # fmt: skip
    lacking = table.query("criterion == 'b'").iloc[0]
    assert "needs the functional group" in lacking["why_not"]
    assert np.isnan(lacking["recovered"])
    with pytest.raises(al.DesignError, match="method must be one of"):
        al.change_sensitivity(pairs(), pre="pre", post="post", reliability=[0.8], methods=["XX"])
    with pytest.raises(al.DesignError, match="list of the values"):
        al.change_sensitivity(pairs(), pre="pre", post="post", reliability=0.8)


def course(*scores, first=1):
    numbers = range(first, first + len(scores))
    frame = pd.DataFrame({"client_id": "c", "session": list(numbers), "score": scores})
    return frame.astype({"score": float})


def test_a_sudden_gain_by_hand():
    gain = al.sudden_gains(course(30, 31, 30, 18, 17, 18), points=7).iloc[0]
    assert (gain["session_before"], gain["session_after"], gain["size"]) == (3, 4, 12)
    pooled = np.sqrt((2 * np.var([30, 31, 30], ddof=1) + 2 * np.var([18, 17, 18], ddof=1)) / 4)
    assert gain["threshold"] == pytest.approx(2.776 * pooled, abs=1e-3)
    assert not gain["reversed"]


@pytest.mark.parametrize(("n", "cut"), [(4, 4.303), (5, 3.182)])
def test_the_cut_off_follows_the_number_of_scores(n, cut):
    scores = [30, 31, 18, 17] if n == 4 else [30, 31, 18, 17, 18]
    gain = al.sudden_gains(course(*scores), points=7).iloc[0]
    before, after = np.array(scores[:2]), np.array(scores[2:])
    pooled = np.sqrt((before.var(ddof=1) + (len(after) - 1) * after.var(ddof=1)) / (n - 2))
    assert gain["threshold"] == pytest.approx(cut * pooled, abs=1e-3)
    assert al.sudden_gains(course(*scores), points=7, min_around=3).empty


def test_each_criterion_can_say_no():
    large = course(30, 31, 30, 18, 17, 18)
    assert al.sudden_gains(large, points=13).empty
    assert al.sudden_gains(large, points=7, percent=50).empty
    assert al.sudden_gains(course(30, 12, 30, 18, 30, 10), points=7).empty  # not lasting


def test_a_gain_that_is_lost_is_reversed():
    gain = al.sudden_gains(course(30, 31, 30, 18, 17, 18, 24), points=7).iloc[0]
    assert gain["reversed"]
    assert gain["session_reversed"] == 7


def test_a_loss_of_less_than_a_quarter_is_none_and_direction_turns_the_sign():
    assert al.sudden_gains(course(30, 30, 30, 33, 33, 33), points=2, losses=True).empty
    loss = al.sudden_gains(course(20, 20, 20, 33, 33, 34), points=2, losses=True)
    assert len(loss) == 1
    higher = al.sudden_gains(course(20, 20, 20, 33, 33, 34), points=2,
                             direction="higher_is_better")  # fmt: skip
    assert higher["size"].tolist() == loss["size"].tolist() == [13]


def test_a_missing_session_is_never_bridged():
    frame = course(30, 31, 30, 18, 17, 18)
    gap = frame[frame["session"] != 4]
    found = al.sudden_gains(gap, points=7)
    assert found.empty
    assert found.attrs["sudden_gains"]["pairs"] == 5
    assert found.attrs["sudden_gains"]["not_judged"] >= 2


def test_courses_that_cannot_be_judged_are_refused():
    twice = pd.concat([course(1, 2), course(3, 4)])
    with pytest.raises(al.DesignError, match="one score a session; clients c"):
        al.sudden_gains(twice, points=1)
    with pytest.raises(al.DesignError, match="points must be above 0"):
        al.sudden_gains(course(1, 2), points=0)


def therapists(seed=3, n=30, size=12, sd=2.0):
    random = np.random.default_rng(seed)
    names = np.repeat(np.arange(n), size)
    truth = random.normal(0, sd, n)
    pre = random.normal(24, 5, n * size)
    post = pre - 5 - truth[names] + random.normal(0, 4, n * size)
    return pd.DataFrame({"therapist_id": names, "pre": pre, "post": post}), truth


def test_shrunken_means_are_the_models_and_nearer_the_truth():
    data, truth = therapists()
    found = al.change_by_therapist(data, pre="pre", post="post")
    rows = found.therapists
    frame = pd.DataFrame({"y": data["pre"] - data["post"], "x": data["pre"] - data["pre"].mean(),
                          "therapist_id": data["therapist_id"]})  # fmt: skip
    fit = al.fit_multilevel("y ~ x + (1 | therapist_id)", frame)
    modes = fit.random_effects["therapist_id"].iloc[:, 0].to_numpy()
    np.testing.assert_allclose(rows["shrunken"], modes, rtol=KEPT, atol=KEPT)
    assert np.abs(rows["shrunken"] - truth).mean() < np.abs(rows["observed"] - truth).mean()
    inside = (rows["conf_low"] <= truth) & (truth <= rows["conf_high"])
    assert inside.mean() > 0.8
    assert found.share == pytest.approx(4 / (4 + 16), abs=0.12)
    assert found.glance().loc[0, "n_clients"] == 360


def test_few_clients_are_drawn_to_the_middle_and_missing_rows_are_told():
    data, _ = therapists()
    few = data.drop(index=range(2, 12))
    few.loc[few.index[0], "post"] = np.nan
    found = al.change_by_therapist(few, pre="pre", post="post")
    rows = found.therapists.set_index("therapist_id")
    assert rows.loc[0, "reliability"] < rows.loc[1, "reliability"]
    assert found.messages[0] == "1 of 350 rows lack a score or a therapist."
    with pytest.raises(al.DesignError, match="three therapists"):
        al.change_by_therapist(data[data["therapist_id"] < 2], pre="pre", post="post")


def test_the_picture_of_therapists_shows_both_means():
    data, _ = therapists(n=6)
    ax = al.change_by_therapist(data, pre="pre", post="post").plot()
    assert ax.get_xlabel() == "Therapists (6; 72 clients)"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["shrunken", "observed"]


def test_sudden_gains_take_one_measure_at_a_time():
    course = pd.DataFrame({"client_id": 1, "session": range(1, 7), "score": 20.0})
    mixed = course.assign(measure=["core-10", "wai-sr"] * 3)
    with pytest.raises(al.DesignError, match="mix 2 measures"):
        al.sudden_gains(mixed, points=5)
    with pytest.raises(al.DesignError, match="losses must be True or False"):
        al.sudden_gains(course, points=5, losses="no")

"""Which way is better, whose SD it is, and whose cut-off: said by every function of change."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al

SAID = "lower scores were taken as better"


@pytest.fixture
def pairs() -> pd.DataFrame:
    """Thirty clients of six therapists whose scores rise by 8 points or so."""
    rng = np.random.default_rng(2)
    pre = rng.normal(40, 6, 30)
    therapist = np.repeat(list("abcdef"), 5)
    effect = np.repeat(rng.normal(0, 4, 6), 5)
    post = pre + 8 + effect + rng.normal(0, 3, 30)
    return pd.DataFrame({"therapist_id": therapist, "pre": pre, "post": post})


def rising(**columns) -> pd.DataFrame:
    scores = [30.0, 30.5, 30, 45, 45.5, 45]
    return pd.DataFrame({"client_id": 1, "session": range(1, 7), "score": scores, **columns})


def asked(pairs, **options):
    """Return what each function says of direction, and whether a rise is better to it."""
    two = {"pre": "pre", "post": "post", **options}
    change = al.reliable_change(pairs, reliability=0.9, **two)
    clinical = al.clinically_significant_change(pairs, reliability=0.9, cutoff_value=44, **two)
    therapists = al.change_by_therapist(pairs, **two)
    return {
        "reliable_change": (
            change.attrs["reliable_change"]["messages"], (change["rci"] > 0).mean() > 0.5),
        "clinically_significant_change": (
            clinical.messages, (clinical.data["category"] == "deteriorated").sum() == 0),
        "change_by_therapist": (therapists.messages, therapists.mean > 0),
    }  # fmt: skip


def test_without_a_word_lower_is_better_and_each_says_so(pairs):
    for told, rise_is_better in asked(pairs).values():
        assert any(SAID in message for message in told)
        assert not rise_is_better
    gains = al.sudden_gains(rising(), points=5)
    assert gains.empty
    assert SAID in gains.attrs["sudden_gains"]["messages"][0]
    table = al.change_sensitivity(
        pairs, pre="pre", post="post", reliability=[0.9], methods=["JT"], criteria=["a"],
        clinical=(40, 6),
    )  # fmt: skip
    assert SAID in table.attrs["messages"][0]


@pytest.mark.parametrize(
    "how", [{"direction": "higher_is_better"}, {"measure": "wai-sr"}, "column"]
)
def test_a_word_or_a_card_decides_for_all(pairs, how):
    """The WAI-SR's card says that higher is better, by measure= or by a column of the rows."""
    if how == "column":
        pairs, options = pairs.assign(measure="wai-sr"), {}
        course = rising(measure="wai-sr")
    else:
        options, course = how, rising()
    for told, rise_is_better in asked(pairs, **options).values():
        assert not any(SAID in message for message in told)
        assert rise_is_better
    gains = al.sudden_gains(course, points=5, **options)
    assert gains["size"].tolist() == [15]
    assert gains.attrs["sudden_gains"]["direction"] == "higher_is_better"


def test_a_word_against_the_card_is_refused_by_all(pairs):
    wrong = {"direction": "lower_is_better", "measure": "wai-sr"}
    for call in (
        lambda: al.sudden_gains(rising(), points=5, **wrong),
        lambda: al.change_by_therapist(pairs, pre="pre", post="post", **wrong),
        lambda: al.reliable_change(pairs, pre="pre", post="post", reliability=0.9, **wrong),
    ):
        with pytest.raises(al.DesignError, match="but the card of"):
            call()


def test_the_sd_is_of_the_clients_who_are_judged_and_says_so(pairs):
    """A first score of 400 without a last one is not judged, and does not widen the criterion."""
    with_one = pd.concat([pairs, pd.DataFrame({"pre": [400.0], "post": [np.nan]})])
    given = {"pre": "pre", "post": "post", "reliability": 0.9, "direction": "higher_is_better"}
    found = al.reliable_change(with_one, **given).attrs["reliable_change"]
    assert found["sd"] == pytest.approx(pairs["pre"].std())
    assert any("first scores of the 30 clients with both scores" in m for m in found["messages"])
    assert not al.reliable_change(pairs, sd=6, **given).attrs["reliable_change"]["messages"]


def test_hageman_and_arrindell_with_a_cut_off_say_whose_cut_off_it_is(pairs):
    given = {"pre": "pre", "post": "post", "direction": "higher_is_better", "cutoff_value": 44}
    told = {
        method: al.clinically_significant_change(pairs, reliability=0.9, method=method, **given)
        for method in ("JT", "HA")
    }
    assert any("'recovered' is not theirs" in m for m in told["HA"].messages)
    assert not any("HA" in m for m in told["JT"].messages)


def test_a_direction_against_the_card_that_the_rows_name_is_told():
    data = pd.DataFrame({"measure": "core-10", "pre": [20.0, 22, 25], "post": [10.0, 21, 30]})
    ask = {"pre": "pre", "post": "post", "reliability": 0.9}
    found = al.reliable_change(data, **ask, direction="higher_is_better")
    messages = found.attrs["reliable_change"]["messages"]
    assert any("may have changed places" in message for message in messages)
    agreed = al.reliable_change(data, **ask, direction="lower_is_better")
    told = agreed.attrs["reliable_change"]["messages"]
    assert not any("may have changed places" in message for message in told)

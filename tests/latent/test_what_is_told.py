"""What latent models say in words and pictures, and what they refuse beside the usual bad input."""

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_info

import alliance_stats as al
from alliance_stats.latent.engine import maximise
from alliance_stats.latent.engine.threads import one_thread

FACTOR = {"A": ["i1", "i2", "i3", "i4"]}


def columns(waves):
    return {v: [f"{v}{t}" for t in range(1, waves + 1)] for v in "xy"}


def long(data, waves):
    stubs = pd.wide_to_long(data.assign(id=range(len(data))), ["x", "y"], i="id", j="session")
    return stubs.reset_index().rename(columns={"id": "client_id"}).query("session <= @waves")


@pytest.fixture(scope="module")
def panel(panels):
    return panels.panel(3, 150, 4).drop(columns="client_id", errors="ignore")


@pytest.fixture(scope="module")
def items():
    rng = np.random.default_rng(1)
    behind = rng.normal(size=200)
    return pd.DataFrame({f"i{k}": behind + rng.normal(size=200) for k in range(1, 5)})


def test_linear_algebra_of_small_matrices_keeps_to_one_thread():
    before = [one["num_threads"] for one in threadpool_info()]
    inside = one_thread(threadpool_info)()
    assert {one["num_threads"] for one in inside if one["user_api"] == "blas"} == {1}
    assert [one["num_threads"] for one in threadpool_info()] == before


def test_the_text_of_a_model_tells_its_fit(panel, items):
    for fit in (al.fit_cross_lagged(panel, **columns(4)), al.fit_factor_model(items, FACTOR)):
        line = fit.text().splitlines()[1]
        assert line.startswith(f"Fit: χ²({fit.chi2_df}) = {fit.chi2:.2f}")
        assert "CFI = " in line
        assert "SRMR = " in line


def test_an_item_called_i2_keeps_its_name(items):
    groups = items.assign(arm=np.where(np.arange(200) % 2, "a", "b"))
    found = al.measurement_invariance(groups, factors=FACTOR, across="arm")
    assert "I²" not in found.text()
    assert "Gap from items: i2" in found.text()


def test_items_that_go_against_each_other_are_told(items):
    turned = items.assign(i3=-items["i3"])
    said = "Items go against each other: i3 against i1"
    assert said in " ".join(al.fit_factor_model(turned, FACTOR).messages)
    assert said not in " ".join(al.fit_factor_model(items, FACTOR).messages)
    groups = turned.assign(arm=np.where(np.arange(200) % 2, "a", "b"))
    found = al.measurement_invariance(groups, factors=FACTOR, across="arm")
    assert said in " ".join(found.messages)


def test_what_is_equal_in_groups_needs_groups(items):
    with pytest.raises(al.DesignError, match="name them in group="):
        al.fit_factor_model(items, FACTOR, equal=["loadings"])


def test_sessions_that_are_copies_are_told_as_such(items):
    twice = pd.concat([items.assign(client_id=range(200), session=s) for s in (1, 2)])
    with pytest.raises(al.DesignError, match=r"i1 \(session 1\) and i1 \(session 2\) move exactly"):
        al.measurement_invariance(twice, factors=FACTOR, across="session")


def test_a_test_by_clusters_is_told_by_the_f_that_its_p_is_of(answers):
    data = answers.of_therapists(1, 12, style=0.25, shift=1.5)
    found = al.measurement_invariance(data, factors=FACTOR, across="rater", cluster="therapist_id")
    row = found.steps.set_index("step").loc["scalar"]
    assert f"F({row['delta_df']:.0f}, 11) = {row['delta_chi2'] / row['delta_df']:.2f}" in " ".join(
        found.verdict()
    )


def test_a_rater_in_place_of_a_scale_is_told_where_items_are_asked_for():
    study = al.simulate_study(n_therapists=3, n_clients=12, seed=1)
    with pytest.raises(al.AllianceStatsError, match="write 'wai-sr/total/therapist'"):
        al.fit_factor_model(study, measure="wai-sr/therapist")
    with pytest.raises(al.DesignError, match="x and y are both 'wai-sr/total/client'"):
        al.fit_cross_lagged(study, x="wai-sr", y="wai-sr")


def test_a_wave_in_another_unit_is_refused(panel):
    with pytest.raises(al.DesignError, match=r"x varies 1,\d+ times as much at wave 2"):
        al.fit_cross_lagged(panel.assign(x2=panel["x2"] * 1000), **columns(4))


@pytest.mark.parametrize("asked", [{"group": "when"}, {"covariates": ["when"]}])
def test_what_changes_within_clients_is_not_said_to_have_one_value(panel, asked):
    data = long(panel, 4).assign(when=lambda d: (d["session"] > 2) * 1.0)
    with pytest.raises(al.DesignError, match="it must be known once a client"):
        al.fit_cross_lagged(data, x="x", y="y", **asked)


def test_reliabilities_that_leave_nothing_within_are_named(panel):
    fit = al.fit_cross_lagged(panel, **columns(4), reliability={"x": 0.2})
    assert "With these reliabilities (x 0.2)" in " ".join(fit.messages)


def test_words_in_pictures_stand_clear_of_boxes_and_intervals(panel, items):
    arms = panel.assign(arm=np.where(np.arange(150) % 2, "usual treatment", "with feedback"))
    axes = al.fit_cross_lagged(arms, group="arm", **columns(4)).plot()
    draw = axes.figure.canvas.get_renderer()
    boxes = [one.get_bbox_patch().get_window_extent(draw) for one in axes.texts[:4]]
    words = [one.get_window_extent(draw) for one in axes.texts[4:] if "[" in one.get_text()]
    assert len(words) == 4
    assert not any(box.overlaps(own) for box in boxes for own in words)
    groups = items.assign(arm=np.where(np.arange(200) % 2, "a", "b"))
    axes = al.measurement_invariance(groups, factors=FACTOR, across="arm").plot()
    draw = axes.figure.canvas.get_renderer()
    legend = axes.get_legend().get_window_extent(draw)
    assert not legend.overlaps(axes.get_window_extent(draw))


def test_a_maximum_that_was_not_reached_is_warned_of_once_in_the_words_of_the_messages(
    panel, items, monkeypatch
):
    monkeypatch.setattr(maximise, "STEPS", 2)
    arms = items.assign(arm=np.where(np.arange(200) % 2, "a", "b"))
    for ask in (
        lambda: al.fit_cross_lagged(panel, **columns(4)),
        lambda: al.fit_factor_model(items, FACTOR),
        lambda: al.measurement_invariance(arms, factors=FACTOR, across="arm"),
    ):
        with pytest.warns(al.ConvergenceWarning) as warned:
            found = ask()
        (said,) = [str(one.message) for one in warned]
        assert said in found.messages
        assert warned[0].filename == __file__

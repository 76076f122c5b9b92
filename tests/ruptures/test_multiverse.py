"""The multiverse: its grid, its rows against single fits, seed, cache, joint test, curve."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.ruptures.multiverse import multiverse
from alliance_stats.ruptures.multiverse import plot as multiverse_plot
from alliance_stats.ruptures.multiverse.grid import expand
from alliance_stats.ruptures.multiverse.joint_test import take_apart, turned

ROOT = Path(__file__).resolve().parents[2]
BOTH = {"alliance": "bond", "outcome": "distress"}
GRID = {
    "adjust_for_alliance": [False],
    "rule": ["drop_within_sd", "drop_pooled_sd"],
    "k": [1.0, 1.5],
    "levels": [2, 3],
    "lagged_outcome": [False, True],
}
SAME = 1e-9
CLOSE = 0.05
"""Relative: random intercepts against a level a client; unequal sessions part them a little."""


@pytest.fixture(scope="module")
def script():
    path = ROOT / "tests" / "benchmarks" / "rupture_models.py"
    spec = importlib.util.spec_from_file_location("rupture_models", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def data(script):
    return script.study(np.random.default_rng(1), ruptures=True)


@pytest.fixture(scope="module")
def many(data):
    primary = {"rule": "drop_within_sd", "k": 1.5, "adjust_for_alliance": False}
    return al.rupture_multiverse(
        data, **BOTH, grid=GRID, primary=primary, permutations=99, seed=4, n_jobs=1
    )


def test_a_grid_spans_each_specification_once():
    assert len(expand(GRID)) == 2 * 2 * 2 * 2
    assert len(expand({"rule": ["drop_within_sd", "drop_within_sd"], "k": [1, 1.0]})) == 1
    mixed = expand(
        {"rule": ["drop_within_sd", {"rule": "drop_points", "points": 0.5}], "k": [1, 2]}
    )
    assert [one.rule for one in mixed] == ["drop_within_sd", "drop_within_sd", "drop_points"]
    assert mixed[2].parameters == {"points": 0.5}
    ranged = expand({"rule": "drop_points", "points": 1, "range": (1, 5)})
    assert ranged[0].parameters["range"] == (1, 5)


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        ({"k": [1]}, "at least one 'rule'"),
        ({"rule": ["drop_points"], "k": [1]}, "No rule of the grid has the parameter k"),
        ({"rule": ["drop_within_sd"], "level": [2]}, "Did you mean 'levels'"),
        ({"rule": ["drop_within_sd"], "k": []}, "no option for 'k'"),
        ({"rule": ["drop_within_sd"], "k": [-1]}, "k must be a number above 0"),
        ({"rule": ["drop_within"]}, "Did you mean 'drop_within_sd'"),
        ({"rule": ["drop_within_sd"], "levels": [4]}, "levels must be one of"),
    ],
)
def test_a_grid_that_cannot_be_is_refused(data, grid, said):
    with pytest.raises(al.DesignError, match=said):
        al.rupture_multiverse(data, **BOTH, grid=grid)


def test_each_row_is_what_the_single_model_gives(data, many):
    table = many.specifications
    assert len(table) == 16
    for place in (0, 5, 15):
        row = table.iloc[place]
        single = al.fit_rupture_repair(
            data,
            **BOTH,
            rule=row["rule"],
            k=row["k"],
            levels=int(row["levels"]),
            lagged_outcome=bool(row["lagged_outcome"]),
            adjust_for_alliance=False,
            reverse=False,
        )
        fits = single.table[single.table["model"] == f"outcome, {row['levels']} levels"]
        wanted = fits[fits["term"] == row["term"]].iloc[0]
        for name in ("estimate", "std_error", "conf_low", "conf_high", "p_value"):
            assert row[name] == pytest.approx(wanted[name], rel=SAME)


def test_the_old_name_of_a_choice_gives_the_new_one():
    named = expand({"rule": "drop_points", "points": 1, "random_slope": [True, False]})
    assert [one.model["slopes"] for one in named] == ["all", "none"]
    with pytest.raises(al.DesignError, match="random_slope must be true or false"):
        expand({"rule": "drop_points", "points": 1, "random_slope": "yes"})


def test_the_weights_give_the_within_client_least_squares_slope(data, many):
    row = many.specifications.query("rule == 'drop_within_sd' and k == 1.0 and levels == 2").iloc[0]
    assert not row["lagged_outcome"]
    falls = {"rule": "drop_within_sd", "k": 1.0}
    rows = al.fit_rupture_repair(data, **BOTH, **falls, levels=2, reverse=False).rows
    used = rows.dropna(subset=["outcome", "rupture_lag1", "repair_lag1"])
    dummies = pd.get_dummies(used["client_id"].astype(str), dtype=float).to_numpy()
    x = np.column_stack([used[["rupture_lag1", "repair_lag1", "session"]].to_numpy(float), dummies])
    slope = np.linalg.lstsq(x, used["outcome"].to_numpy(), rcond=None)[0][0]
    assert row["estimate_within"] == pytest.approx(slope, rel=SAME)
    equal = al.rupture_multiverse(
        data, **BOTH, grid={**GRID, "slopes": "none"}, permutations=0, n_jobs=1
    ).specifications
    assert equal["estimate_within"].tolist() == pytest.approx(equal["estimate"].tolist(), rel=CLOSE)


def test_the_weights_hold_the_alliance_score_beside_the_rupture(data):
    grid = {"rule": "drop_within_sd", "k": 1.0, "levels": 2, "lagged_outcome": False}
    row = al.rupture_multiverse(data, **BOTH, grid=grid, permutations=0).specifications.iloc[0]
    assert row["adjust_for_alliance"]
    falls = {"rule": "drop_within_sd", "k": 1.0}
    rows = al.fit_rupture_repair(data, **BOTH, **falls, levels=2, reverse=False).rows
    columns = ["rupture_lag1", "repair_lag1", "alliance_lag1", "session"]
    used = rows.dropna(subset=["outcome", *columns])
    dummies = pd.get_dummies(used["client_id"].astype(str), dtype=float).to_numpy()
    x = np.column_stack([used[columns].to_numpy(float), dummies])
    slope = np.linalg.lstsq(x, used["outcome"].to_numpy(), rcond=None)[0][0]
    assert row["estimate_within"] == pytest.approx(slope, rel=SAME)


def test_with_the_outcome_before_the_weights_hold_its_slope(data, many):
    row = many.specifications.query("rule == 'drop_within_sd' and k == 1.0 and levels == 2").iloc[1]
    assert row["lagged_outcome"]
    falls = {"rule": "drop_within_sd", "k": 1.0}
    rows = al.fit_rupture_repair(data, **BOTH, **falls, levels=2, reverse=False).rows
    columns = ["rupture_lag1", "repair_lag1", "session", "outcome_lag1"]
    used = rows.dropna(subset=["outcome", *columns])
    dummies = pd.get_dummies(used["client_id"].astype(str), dtype=float).to_numpy()
    x = np.column_stack([used[columns].to_numpy(float), dummies])
    slope = np.linalg.lstsq(x, used["outcome"].to_numpy(), rcond=None)[0][0]
    assert row["estimate_within"] == pytest.approx(slope, rel=SAME)


def test_shares_and_choices_add_up(many):
    shares = many.shares().set_index(["what", "where"])["n"]
    assert shares["estimate", "above zero"] + shares["estimate", "below zero"] == 16
    assert shares["interval"].sum() + shares["none", "not fitted"] == 16
    by_choice = many.by_choice()
    assert set(by_choice["choice"]) == {"rule", "k", "levels", "lagged_outcome"}
    assert by_choice.groupby("choice")["n"].sum().tolist() == [16] * 4
    assert many.specifications["primary"].sum() == 1
    assert len(many.glance()) == 1
    assert many.tidy()["term"].iloc[0].startswith("primary: ")


def test_a_planted_effect_makes_the_joint_test_reject_and_noise_does_not(many, script):
    assert (many.joint["p_value"] <= 0.02).all()
    p_values = []
    for seed in range(12):
        null = script.study(np.random.default_rng(100 + seed), ruptures=False)
        grid = {"rule": ["drop_within_sd", "drop_pooled_sd"], "k": [1.0]}
        found = al.rupture_multiverse(null, **BOTH, grid=grid, permutations=39, seed=seed, n_jobs=1)
        p_values.append(float(found.joint["p_value"].iloc[0]))
    assert sum(p <= 0.05 for p in p_values) <= 4  # of 12 at 5 %: P(5 or more) is below .001
    assert np.mean(p_values) > 0.2


def test_the_same_seed_gives_the_same_numbers_on_two_processes(data, many):
    again = al.rupture_multiverse(
        data,
        **BOTH,
        grid=GRID,
        primary={"rule": "drop_within_sd", "k": 1.5, "adjust_for_alliance": False},
        permutations=99,
        seed=4,
        n_jobs=2,
    )
    pd.testing.assert_frame_equal(again.specifications, many.specifications)
    pd.testing.assert_frame_equal(again.joint, many.joint)
    other = al.rupture_multiverse(data, **BOTH, grid=GRID, permutations=99, seed=5, n_jobs=1)
    assert (other.joint["expected"] != many.joint["expected"]).any()


def test_the_cache_answers_only_for_the_same_data(data, tmp_path, monkeypatch):
    grid = {"adjust_for_alliance": [False], "rule": ["drop_within_sd", "drop_pooled_sd"]}
    grid |= {"k": [1.0], "levels": [2, 3]}
    asked = {**BOTH, "grid": grid, "permutations": 9, "n_jobs": 1, "cache": tmp_path}
    first = al.rupture_multiverse(data, **asked)
    assert len(list(tmp_path.iterdir())) == 2  # one a rule and its parameters

    def never(*_):
        raise AssertionError("asked again")

    with monkeypatch.context() as patch:
        patch.setattr("alliance_stats.ruptures.multiverse.fitting.answer", never)
        again = al.rupture_multiverse(data, **asked)
    pd.testing.assert_frame_equal(first.specifications, again.specifications)
    pd.testing.assert_frame_equal(first.joint, again.joint)
    moved = data.assign(distress=data["distress"] + data["session"])
    other = al.rupture_multiverse(moved, **asked)
    assert not other.specifications["estimate"].equals(first.specifications["estimate"])
    for path in tmp_path.iterdir():
        path.write_text("{torn")
    mended = al.rupture_multiverse(data, **asked)
    pd.testing.assert_frame_equal(first.specifications, mended.specifications)
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}  # the owner's rows


def test_what_cannot_be_fitted_is_a_row_with_its_reason(data):
    lonely = data.drop(columns="therapist_id")
    found = al.rupture_multiverse(
        lonely, **BOTH, grid={"rule": "drop_within_sd", "levels": [2, 3]}, permutations=9, n_jobs=1
    )
    row = found.specifications.iloc[1]
    assert np.isnan(row["estimate"])
    assert "therapist_id" in row["message"]
    assert "1 of 2 specifications could not be fitted" in " ".join(found.messages)
    assert found.joint["n_specifications"].tolist() == [1, 1, 1]


def test_residuals_are_turned_within_clients_only():
    client = np.array([0, 0, 0, 1, 1, 2])
    source = turned(client, 200, np.random.default_rng(0))
    assert (client[source] == client).all()
    for row in source:
        assert sorted(row) == list(range(6))
    ways = {tuple(row[:3]) for row in source}
    assert ways == {(0, 1, 2), (1, 2, 0), (2, 0, 1), (0, 2, 1), (2, 1, 0), (1, 0, 2)}


def test_outcomes_are_taken_apart_and_put_together():
    rows = pd.DataFrame(
        {
            "client_id": ["a"] * 4 + ["b"] * 3 + ["c"],
            "session": [1, 2, 3, 4, 1, 2, 3, 1],
            "y": [1.0, 3, 5, 7, 4, 4, 4, 9],
        }
    )
    parts = take_apart(rows, "y")
    assert (parts.common + parts.own + parts.left).tolist() == pytest.approx(rows["y"].tolist())
    assert parts.left.tolist() == pytest.approx([0] * 8)  # three straight lines
    shared = 2.0 * 5 / 7  # slopes 2 and 0, with 5 and 2 as sums of squares of time
    assert parts.own[:4].tolist() == pytest.approx(
        [(2 - shared) * t for t in (-1.5, -0.5, 0.5, 1.5)]
    )
    assert parts.own[7] == 0
    drawn = parts.rearranged(50, np.random.default_rng(1))
    assert drawn.mean(axis=1).tolist() == pytest.approx([rows["y"].mean()] * 50)
    assert len({tuple(np.round(row, 9)) for row in drawn}) == 4  # two lines, two signs each


def test_the_curve_is_drawn_in_order_with_its_choices(many):
    curve = multiverse_plot.curve_data(many)
    assert curve["estimate"].is_monotonic_increasing
    options = multiverse_plot.choice_data(many, curve)
    for _, own in options.groupby("choice"):
        assert sorted(np.concatenate(own["orders"].tolist())) == list(range(1, 17))
    ax = many.plot()
    lower = ax.figure.axes[1]
    labels = [label.get_text() for label in lower.get_yticklabels()]
    assert "rule: fall, pooled SD" in labels
    assert "levels: 2" in labels
    assert "n = 16" in lower.get_xlabel()


def test_progress_is_shown_where_asked(data, capsys):
    al.rupture_multiverse(
        data, **BOTH, grid={"rule": "drop_within_sd"}, permutations=0, n_jobs=1, progress=True
    )
    assert "Specifications" in capsys.readouterr().out


def test_sizes_and_repairs_can_be_the_effect(data):
    for effect in ("repair", "rupture_size"):
        found = al.rupture_multiverse(
            data, **BOTH, grid={"rule": "drop_within_sd"}, effect=effect, permutations=0, n_jobs=1
        )
        assert found.specifications["term"].iloc[0] == f"{effect}_lag1_within"
        assert np.isfinite(found.specifications["estimate"].iloc[0])
    with pytest.raises(al.DesignError, match="Did you mean 'rupture'"):
        al.rupture_multiverse(data, **BOTH, effect="ruptur")


def test_the_default_grid_is_stated():
    assert len(expand(multiverse.DEFAULT_GRID)) == 72
    assert json.dumps(multiverse.DEFAULT_GRID)


# -- the plan ---------------------------------------------------------------------------------


@pytest.fixture
def plan():
    primary = {"rule": "drop_within_sd", "k": 1.0, "levels": 2}
    return al.AnalysisPlan("bond", "distress", primary, grid=GRID, name="trial")


def test_a_plan_is_saved_and_read_as_it_was(plan, tmp_path):
    path = plan.save(tmp_path / "plan.yaml")
    again = al.read_analysis_plan(path)
    assert again.fingerprint == plan.fingerprint
    assert again.as_dict() == plan.as_dict()
    with pytest.raises(al.DesignError, match="not overwritten"):
        plan.save(path)


def test_a_changed_plan_is_refused(plan, tmp_path):
    path = plan.save(tmp_path / "plan.yaml")
    path.write_text(path.read_text().replace("k: 1.0", "k: 2.0"))
    with pytest.raises(al.DesignError, match="was changed after it was saved"):
        al.read_analysis_plan(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("alliance: a\noutcome: b\nprimry: {}\n", "Did you mean 'primary'"),
        ("alliance: a\n", "lacks outcome, primary"),
        ("- a\n", "is no analysis plan"),
        ("a: [", "cannot be read as YAML"),
    ],
)
def test_what_is_no_plan_is_told(tmp_path, text, said):
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    with pytest.raises(al.DesignError, match=said):
        al.read_analysis_plan(path)


def test_a_primary_specification_is_one():
    with pytest.raises(al.DesignError, match="span 2"):
        al.AnalysisPlan("a", "b", {"rule": "drop_within_sd", "k": [1, 2]})


def test_what_differs_from_the_plan_is_marked(data, plan, tmp_path):
    path = plan.save(tmp_path / "plan.yaml")
    asked = {"permutations": 0, "n_jobs": 1}
    same = al.rupture_multiverse(data, plan=path, **asked)
    assert same.differences.empty
    assert same.specifications["planned"].all()
    first = same.specifications[same.specifications["primary"]].iloc[0]
    assert (first["rule"], first["k"], first["levels"]) == ("drop_within_sd", 1.0, 2)
    wider = {**GRID, "k": [1.0, 2.0]}
    other = al.rupture_multiverse(
        data, plan=path, grid=wider, primary={"rule": "drop_pooled_sd", "k": 2.0}, **asked
    )
    assert set(other.differences["choice"]) == {"grid", "rule", "k"}
    assert (other.specifications["planned"] == (other.specifications["k"] == 1.0)).sum() >= 15
    assert "differ from the plan" in " ".join(other.messages)


def test_outcomes_of_every_fourth_session_are_not_held_equal_unless_asked_and_that_is_told():
    study = al.simulate_study(n_therapists=8, n_clients=60, seed=2)
    bond = study.select("wai-sr/total/client").rename(columns={"score": "bond"})
    distress = study.select("core-10/total/client").rename(columns={"score": "distress"})
    key = ["client_id", "session"]
    data = bond[[*key, "bond"]].merge(distress[[*key, "distress"]], on=key)
    sparse = data.assign(distress=data["distress"].where(data["session"] % 4 == 0))
    one = {"rule": ["drop_within_sd"], "k": [1.0]}

    def many(rows, **choices):
        return al.rupture_multiverse(
            rows, **BOTH, grid={**one, **choices}, permutations=0, n_jobs=1
        )

    found = many(sparse)
    assert found.specifications["lagged_outcome"].tolist() == [False]
    assert found.specifications["estimate"].notna().all()
    assert "not held equal" in found.messages[0]
    asked = many(sparse, lagged_outcome=[True])
    assert "could not be fitted" in " ".join(asked.messages)
    whole = many(data)
    assert whole.specifications["lagged_outcome"].tolist() == [True]
    assert not any("not held equal" in said for said in whole.messages)

"""Noise with a privacy budget: as much as the budget asks, and what it costs is said."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import alliance_stats as al
from alliance_stats.sharing.closed_design import closed_design, start_in
from alliance_stats.sharing.columns import read_columns
from alliance_stats.sharing.combined_fit import CombinedFit
from alliance_stats.sharing.noise import Budget, bounded, noisy
from alliance_stats.sharing.reading import read_file
from alliance_stats.sharing.sums import sums_of

MODEL = "distress ~ session + (1 | client_id)"
BOUNDS = {"distress": (0, 40), "session": (1, 10)}
NOISE = (1.0, 1e-5, 10)


def delta_of(size, reach, epsilon):
    """Return delta of the Gaussian mechanism by its definition: an integral over the noise."""
    at = np.linspace(-reach - 12 * size, reach + 12 * size, 400_001)
    with_, without = stats.norm.pdf(at, reach, size), stats.norm.pdf(at, 0, size)
    return np.trapezoid(np.maximum(with_ - np.exp(epsilon) * without, 0), at)


@pytest.mark.parametrize(("epsilon", "delta"), [(0.5, 1e-6), (1.0, 1e-5), (4.0, 1e-4)])
def test_the_noise_is_what_the_budget_asks(epsilon, delta):
    columns, most = 3, 10
    reach = most * np.sqrt(columns * (columns + 1) + columns + 1)
    size = Budget(epsilon, delta, most).sd(columns)
    np.testing.assert_allclose(delta_of(size, reach, epsilon), delta, rtol=1e-3)
    if epsilon <= 1:  # the older bound holds there, and asks for more
        assert size < reach * np.sqrt(2 * np.log(1.25 / delta)) / epsilon


def released(data):
    """Return the numbers that noise is added to, each by the size that its noise is counted in."""
    columns = bounded(read_columns(MODEL, data, {}), BOUNDS)
    sums, most = sums_of(columns.scaled(), columns.grouping), NOISE[2]
    at = np.triu_indices(sums.size)
    found = [sums.total[at][np.array(at[0]) > 0]]
    for n in range(1, most + 1):
        here = sums.sessions == n
        outer = sums.outer[here].sum(axis=0) / n if here.any() else np.zeros((3, 3))
        found += [outer[at][1:], most * sums.clients[here].sum(keepdims=True)]
    return np.concatenate(found)


def test_one_client_moves_the_sums_by_no_more_than_was_counted(three):
    data = three["Bern"].assign(distress=lambda d: d["distress"].clip(0, 40))
    extreme = pd.DataFrame({"client_id": "new", "session": [1.0] * 10, "distress": 40.0})
    reach = NOISE[2] * np.sqrt(2 * 3 + 2 + 1)
    moved = np.linalg.norm(released(pd.concat([data, extreme])) - released(data))
    assert 0.9 * reach < moved <= reach + 1e-9


def test_a_file_with_noise(three, tmp_path):
    path = tmp_path / "a.json"
    options = {"noise": NOISE, "bounds": BOUNDS}
    first = al.clinic_file(MODEL, three["Bern"], path, **options)
    assert any("epsilon 1, delta 1e-05" in message for message in first.messages)
    assert any("files before spent 0, which adds up to 1" in m for m in first.messages)
    assert "epsilon" in str(first)
    assert first.tidy()["term"].tolist() == ["epsilon", "delta", "epsilon spent before"]
    held = json.loads(path.read_text())
    assert len(held["sums"]["by number of sessions"]) == 10  # those that nobody has too
    assert held["what this file tells"]["clients behind each term"] == {}
    told = held["sums"]["by number of sessions"]
    assert held["numbers"]["client_id"] == round(sum(one["clients"] for one in told))
    np.testing.assert_allclose(held["sums"]["sd of the noise"], Budget(*NOISE).sd(2))
    again = al.clinic_file(MODEL, three["Bern"], path, **options)
    assert any("files before spent 1, which adds up to 2" in m for m in again.messages)
    assert json.loads(path.read_text())["sums"] != held["sums"]  # drawn anew


def test_a_wide_budget_costs_little_and_says_how_much(three, tmp_path):
    path = tmp_path / "a.json"
    options = {"noise": (1e7, 1e-5, 10), "bounds": BOUNDS}
    al.clinic_file(MODEL, three["Bern"], path, **options)
    fit = al.combine_clinics([path])
    reference = al.fit_multilevel(MODEL, three["Bern"])
    off = ((fit.params - reference.params) / reference.bse).abs().max()
    assert 0 < off < 5 * fit.rounding["standard_errors"]
    assert fit.rounding["standard_errors"] < 0.1
    assert any("given noise, which standard errors hold" in m for m in fit.messages)


FIT = {"reml": True, "df": "satterthwaite"}
REDRAWN = 60
SPREAD = 3 / np.sqrt(2 * REDRAWN)
"""Three standard errors of an SD of so many draws, as a share of it."""


def joint(files, epsilon):
    """Fit files whose sums are given noise of a budget."""
    budget = Budget(epsilon, 1e-5, 10)
    drawn = [replace(file, body=noisy(replace(file.body, noise=0.0), budget)) for file in files]
    design = closed_design(drawn, "shared")
    return CombinedFit.of_design(design, theta=start_in(design), **FIT)


@pytest.fixture
def all_but_exact(three, tmp_path, monkeypatch):
    """Two clinics' files whose noise is next to none; what noise they get is always the same."""
    options = {"noise": (1e9, 1e-5, 10), "bounds": BOUNDS}
    paths = [tmp_path / f"{name}.json" for name in ("Kiel", "York")]
    for path in paths:
        al.clinic_file(MODEL, three[path.stem], path, **options)
    rng = np.random.default_rng(1)
    monkeypatch.setattr(np.random, "default_rng", lambda *seed: rng)
    return [read_file(path) for path in paths]


def test_standard_errors_hold_the_noise(all_but_exact):
    exact = joint(all_but_exact, 1e9)
    fits = [joint(all_but_exact, 1e4) for _ in range(REDRAWN)]
    noise = np.std([fit.params for fit in fits], axis=0, ddof=1)
    added = np.sqrt(np.mean([fit.bse**2 for fit in fits], axis=0) - exact.bse.to_numpy() ** 2)
    assert 0.1 < (noise / exact.bse).max() < 0.5
    np.testing.assert_allclose(added[1], noise[1], rtol=SPREAD + 0.1)  # and to first order only
    worst = [fit.rounding["standard_errors"] for fit in fits]
    np.testing.assert_allclose(np.mean(worst), (noise / exact.bse).max(), rtol=SPREAD + 0.1)
    np.testing.assert_allclose(fits[0].test(np.eye(2)).tidy()["std_error"], fits[0].bse)


def test_tests_that_noise_drowned_are_left_empty(all_but_exact):
    fit = joint(all_but_exact, 400.0)
    rows = fit.tidy().iloc[:2]
    assert rows["estimate"].notna().all()
    assert rows[["std_error", "df", "p_value", "conf_low", "conf_high"]].isna().all(axis=None)
    assert np.isnan(fit.test(["session"]).tidy()["p_value"]).all()
    assert any("left empty" in m and "noise" in m and "larger epsilon" in m for m in fit.messages)
    with pytest.raises(al.DesignError, match="does not know of the noise"):
        fit.profile_ci()


def test_a_model_that_noise_drowned_names_the_noise(all_but_exact):
    said = set()
    for _ in range(20):
        try:
            fit = joint(all_but_exact, 1.0)
        except al.DesignError as error:
            said.add(str(error).split(":")[0])
        else:
            assert fit.drowned
    assert said
    assert all(sentence.startswith("The noise in the files drowns") for sentence in said)


@pytest.mark.parametrize(
    ("options", "why"),
    {
        "no bounds": ({"noise": NOISE}, r"bounds=\{'session': \(lowest, highest\)\}"),
        "outside": (
            {"noise": NOISE, "bounds": {"distress": (0, 10), "session": (1, 10)}},
            "'distress' leaves its bounds 0 to 10",
        ),
        "no budget": ({"noise": (1.0, 1e-5), "bounds": BOUNDS}, r"noise= is \(epsilon, delta"),
        "no delta": ({"noise": (1.0, 0.0, 5), "bounds": BOUNDS}, "delta between 0 and .5"),
        "sessions": ({"noise": (1.0, 1e-5, 5), "bounds": BOUNDS}, "A client has 8 sessions"),
        "curve": ({"noise": NOISE, "bounds": BOUNDS, "kind": "curve"}, "for sums of two levels"),
    }.values(),
)
def test_what_noise_needs(options, why, three):
    with pytest.raises(al.DesignError, match=why):
        al.clinic_file(MODEL, three["Bern"], None, **options)

"""The templated notebook runs from files to the last figure, with an outcome and without."""

import re

import pytest

import alliance_stats as al


@pytest.fixture(scope="module")
def study():
    return al.simulate_study(n_therapists=10, n_clients=90, coded_share=0.3, seed=3)


@pytest.mark.usefixtures("warm_kernels")
@pytest.mark.parametrize("outcome", ["core-10", ""])
def test_the_template_runs_on_a_study(study, tmp_path, outcome):
    study.save(tmp_path / "study")
    plan = al.AnalysisPlan(
        "wai-sr",
        "core-10",
        {"rule": "drop_stricter_sd", "k": 1.0},
        grid={"rule": ["drop_within_sd", "drop_stricter_sd"], "k": [1.0], "levels": [2]},
    ).save(tmp_path / "plan.yaml")
    given = {"outcome": outcome, "k": 1.0, "permutations": 19, "plan_path": str(plan)}
    page = al.run_notebook(
        "rupture-repair",
        tmp_path / "study",
        tmp_path / "page.html",
        parameters=given,
        show_persons=True,
    )
    text = page.read_text(encoding="utf-8")
    assert "SYNTHETIC DATA" in text
    assert "difference: step" in text
    assert ("rupture_lag1_within</td>" in text) == (outcome != "")
    assert (">n_significant</td>" in text) == (outcome != "")
    assert "kappa, weighted" in text
    assert not re.search(r"<td>-?\d\.\d+e[+-]\d+</td>", text)  # numbers are to be read
    assert not re.search(r"not to be had from these data\. \w", text)

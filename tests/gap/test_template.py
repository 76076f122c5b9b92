"""The notebook of the rating gap runs on a study, and the planted truth lies inside."""

import re

import pytest

import alliance_stats as al


@pytest.mark.usefixtures("warm_kernels")
def test_the_notebook_runs_and_finds_the_planted_truth(tmp_path):
    study = al.simulate_study(n_therapists=12, n_clients=90, seed=3)
    study.save(tmp_path / "study")
    page = al.run_notebook(
        "rating-gap", tmp_path / "study", tmp_path / "gap.html", show_persons=True
    )
    text = page.read_text(encoding="utf-8")
    assert "SYNTHETIC DATA" in text
    assert text.count("What this does not show") >= 5
    assert "not on one axis" in text
    # written by the run, not by the page: the planted values lie inside what was found
    for term in ("directional_bias", "truth_force"):
        found = re.search(rf"{term}: planted (\S+), found \S+ \[(\S+), (\S+)\]; (\w+)", text)
        planted, low, high = (float(found[i]) for i in (1, 2, 3))
        assert low <= planted <= high
        assert found[4] == "inside"
    assert "do not use them" not in text
    assert ">nan<" not in text.split("4. Truth and bias")[-1].split("5. Who leads")[0]


def test_on_the_demo_the_planted_bias_and_force_are_inside_their_intervals():
    study = al.load_dataset("demo-trial")
    pairs = al.rating_gap(study, measure="wai-sr", scale="total", replicates=2).pairs
    for by in ("client_id", ["client_id", "therapist_id"]):
        found = al.fit_truth_and_bias(pairs, truth="client", judgment="therapist", by=by)
        table = found.tidy().query("effect == 'fixed'").set_index("term")
        for term, name in (("directional_bias", "therapist_bias"), ("truth_force", "truth_force")):
            row = table.loc[term]
            assert row["conf_low"] < study.truth[name] < row["conf_high"], (by, term)

"""The templated notebook on dropout runs on a study of its own."""

import pytest

import alliance_stats as al


@pytest.mark.usefixtures("warm_kernels")
def test_the_template_runs_and_says_that_the_data_are_synthetic(tmp_path):
    bare = dict.fromkeys(["forecasts", "observer_codes", "principle_codes"], False)
    study = al.simulate_study(n_therapists=10, n_clients=110, dropout_hazard=0.05, seed=6, **bare)
    study.save(tmp_path / "study")
    out = tmp_path / "dropout.html"
    al.run_notebook(
        "dropout", tmp_path / "study", out, parameters=["replicates=20"], show_persons=True
    )
    page = out.read_text(encoding="utf-8")
    assert "SYNTHETIC DATA" in page
    assert "median_split" in page
    assert "Two stages" in page
    assert "Riley et al." in page

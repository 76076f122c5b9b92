"""The demo trial opens clean, says that it is synthetic, and is what its generator makes."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat
import pytest

import alliance_stats as al
from alliance_stats.core.resources import folder
from alliance_stats.errors import AllianceStatsError
from alliance_stats.study.frames import same_frame

DEMO = folder("datasets") / "demo-trial"
ROUNDED = 1e-4  # the truth is written with four decimals
LARGEST = 1_500_000  # bytes


@pytest.fixture(scope="module")
def study():
    return al.load_dataset("demo-trial")


@pytest.fixture(scope="module")
def generator():
    """Return the generator as a module; it lies in the checkout and not in the wheel."""
    path = Path(__file__).parents[2] / "datasets" / "demo-trial" / "generate.py"
    spec = importlib.util.spec_from_file_location("generate_demo", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def simulated(generator):
    return al.simulate_study(**generator.PARAMETERS, seed=generator.SEED)


def test_it_opens_without_errors_or_warnings_and_keeps_every_row(study):
    assert study.report.ok
    assert len(study.report.issues) == 0
    assert (study.report.rows["rows_set_aside"] == 0).all()


def test_it_has_the_promised_size_and_tables(study):
    assert len(study.therapists) == 40
    assert len(study.clients) == 320
    assert len(study.sessions) == 4183
    assert set(study.tables) == {
        "therapists", "clients", "sessions", "ratings", "terminations", "events",
        "assessments", "forecasts", "observer_codes", "principle_codes",
    }  # fmt: skip


def test_every_place_that_shows_it_says_synthetic(study):
    assert study.synthetic
    assert "synthetic" in repr(study)
    assert "Synthetic data" in study.codebook()._repr_html_()
    listed = al.list_datasets().set_index("name").loc["demo-trial"]
    assert listed["synthetic"]
    assert "synthetic" in listed["title"]
    for file in ("README.md", "study.yaml"):
        assert "ynthetic" in (DEMO / file).read_text(encoding="utf-8")
    meta = pyreadstat.read_sav(DEMO / "sessions.sav", metadataonly=True)[1]
    assert "SYNTHETIC" in meta.file_label


def test_reading_the_labs_files_gives_back_what_was_simulated(study, simulated):
    for name, frame in simulated.tables.items():
        if name != "ratings":
            assert same_frame(study.tables[name][list(frame.columns)], frame), name
    left = _answered(study.ratings, "value")
    right = _answered(simulated.ratings, "value")
    pd.testing.assert_series_equal(left, right, check_dtype=False, check_index_type=False)
    left, right = _answered(study.scores, "score"), _answered(simulated.scores, "score")
    pd.testing.assert_series_equal(left, right, check_dtype=False, check_index_type=False)


def _answered(frame, value):
    key = ["client_id", "session", "rater", "measure", "scale" if value == "score" else "item"]
    frame = frame.dropna(subset=[value]).astype({"rater": object, "measure": object})
    frame = frame.astype({"client_id": object, key[-1]: object})
    return frame.set_index(key)[value].sort_index()


def test_the_truth_lies_beside_the_data(study, simulated):
    assert study.truth["therapist_bias"] == -0.4
    assert study.truth.parameters == simulated.truth.parameters
    left, right = study.truth.sessions, simulated.truth.sessions
    assert np.allclose(left["alliance"], right["alliance"], atol=ROUNDED)
    assert left["rupture"].tolist() == right["rupture"].tolist()


def test_the_generator_writes_the_shipped_files_again(generator, tmp_path):
    generator.main(tmp_path)
    made = sorted(path.name for path in tmp_path.iterdir())
    assert len(made) == 9
    for name in made:
        old, new = DEMO / name, tmp_path / name
        if name.endswith(".sav"):
            frames = [pyreadstat.read_sav(path, user_missing=True) for path in (old, new)]
            pd.testing.assert_frame_equal(frames[0][0], frames[1][0])
            assert frames[0][1].variable_value_labels == frames[1][1].variable_value_labels
        elif name.endswith(".xlsx"):
            for sheet in ("clients", "therapists"):
                pd.testing.assert_frame_equal(
                    *(pd.read_excel(p, sheet_name=sheet, engine="openpyxl") for p in (old, new))
                )
        else:
            assert old.read_bytes() == new.read_bytes(), name


def test_labels_number_the_items_and_hold_no_wording():
    meta = pyreadstat.read_sav(DEMO / "sessions.sav", metadataonly=True)[1]
    labels = meta.column_names_to_labels
    items = [name for name in labels if name.startswith(("wai", "core"))]
    assert len(items) == 34
    for name in items:
        measure, _, number = labels[name].rpartition(", item ")
        assert measure in {"WAI-SR, client", "WAI-SR, therapist", "CORE-10, client"}
        assert name.endswith(number)


def test_magnitudes_are_those_the_readme_names(study):
    truth = study.truth
    parts = [truth[f"alliance_{level}_sd"] ** 2 for level in ("therapist", "client", "within")]
    # ruptures add within-client variance: so the shares are approximate
    assert 0.04 < parts[0] / sum(parts) < 0.07
    assert 0.45 < parts[1] / sum(parts) < 0.60
    dropout = (study.terminations["reason"] == "dropout").mean()
    assert 0.22 < dropout < 0.28
    totals = study.scores.query("measure == 'wai-sr' and scale == 'total'")
    by_rater = totals.groupby("rater", observed=True)["score"].agg(["mean", "std"])
    gap = by_rater.loc["therapist", "mean"] - by_rater.loc["client", "mean"]
    assert -0.7 < gap / by_rater["std"].mean() < -0.45


def test_it_stays_small_and_open():
    size = sum(path.stat().st_size for path in DEMO.iterdir() if path.is_file())
    assert size < LARGEST
    assert "CC0" in (DEMO / "LICENSE").read_text(encoding="utf-8")
    json.loads((DEMO / "truth.json").read_text(encoding="utf-8"))
    assert al.open_study("demo-trial").equals(al.open_study(Path(DEMO)))


def test_it_is_opened_once_by_name_and_by_its_path_anew(study):
    assert al.open_study("demo-trial") is study
    assert al.open_study(DEMO) is not study


def test_it_can_be_saved_as_a_data_package_and_opened_again(study, tmp_path):
    again = al.open_study(study.save(tmp_path / "saved"))
    assert again.equals(study)


def test_nothing_in_it_looks_like_a_person(study):
    assert len(al.scan_identifiers(study)) == 0


def test_a_dataset_that_does_not_ship_is_named_with_the_nearest():
    with pytest.raises(AllianceStatsError, match=r"No dataset 'demo-trail' ships.*'demo-trial'"):
        al.load_dataset("demo-trail")

"""The section of the rating gap: further parts, and no small count on the page."""

import json

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.report.sections import gap_models
from alliance_stats.report.suppression import tellable


def test_the_section_has_forms_truth_and_forecasts(tmp_path):
    study = al.load_dataset("demo-trial")
    al.write_report(study, tmp_path / "report")
    tables = tmp_path / "report" / "tables"
    truth = pd.read_csv(tables / "gap-truth-and-bias.csv").set_index("term")
    row = truth.loc["directional_bias"]
    assert row["conf_low"] < study.truth["therapist_bias"] < row["conf_high"]
    forms = pd.read_csv(tables / "gap-forms.csv").set_index("term")
    assert set(forms.index) == set(gap_models.FORM_TERMS)
    success = pd.read_csv(tables / "gap-success.csv").set_index("label")
    run = json.loads((tmp_path / "report" / "run.json").read_text())
    used = {section["section"]: section["used"] for section in run["sections"]}
    reliability = used["change"]["reliability"]  # one report judges change by one reliability
    found = al.outcome_gap(study, reliability=reliability).tidy().set_index("term")
    assert success.loc["Improved", "bias"] == pytest.approx(found.loc["improved:bias", "estimate"])
    # Both tables withhold the same classes, so that neither tells what the other hides.
    change = pd.read_csv(tables / "change.csv")
    change = change[change["denominator"].str.startswith("Of all")].set_index("category")["share"]
    for label in ("Unchanged", "Deteriorated"):
        withheld = np.isnan(success.loc[label, "observed"])
        assert withheld == np.isnan(change[label.lower()])


def test_a_small_count_is_hidden_with_what_would_tell_it():
    frame = pd.DataFrame(
        {"target": ["improved", "unchanged", "deteriorated", "dropout"], "n": [40, 40, 40, 50],
         "events": [20.0, 17.0, 3.0, 12.0], "observed": [0.5, 0.425, 0.075, 0.24],
         "bias": 0.1, "conf_low": 0.0, "conf_high": 0.2}
    )  # fmt: skip
    shown = gap_models._hidden(frame)
    assert shown["observed"].isna().tolist() == [False, True, True, False]
    assert "events" not in shown
    swapped = frame.assign(events=[17.0, 20.0, 3.0, 12.0])  # improved is now the smaller
    assert gap_models._hidden(swapped)["observed"].isna().tolist() == [False, True, True, False]
    assert np.isnan(shown.loc[2, "bias"])


def test_messages_that_count_few_people_stay_out():
    messages = ["3 of 40 clients have x.", "13 of 40 clients have x.", "Deterioration counts as y."]
    assert tellable(messages) == ["13 of 40 clients have x."]

"""The section of the rating gap: further parts, and no small count on the page."""

import json
from types import SimpleNamespace

import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.core.disclosure import Disclosure
from alliance_stats.report.naming import without_data
from alliance_stats.report.sections import gap_models

ROUNDED = 0.006  # the table holds two decimals, and run.json four digits of the reliability


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
    assert success.loc["Improved", "bias"] == pytest.approx(
        found.loc["improved:bias", "estimate"], abs=ROUNDED
    )


def test_a_small_count_is_hidden_with_what_would_tell_it():
    targets = {"improved": 20, "unchanged": 17, "deteriorated": 3, "dropout": 12}
    terms, clients = [], []
    for target, events in targets.items():
        values = {"forecast": 0.4, "observed": events / 40, "bias": 0.1, "auc": 0.6}
        terms += [{"term": f"{target}:{name}", "estimate": x} for name, x in values.items()]
        seen = [float(n < events) if target != "unchanged" else float(n >= 23) for n in range(40)]
        clients.append(pd.DataFrame({"client_id": range(40), "target": target, "observed": seen}))
    tidy = pd.DataFrame(terms).assign(conf_low=0.0, conf_high=0.2)
    found = SimpleNamespace(tidy=lambda: tidy, clients=pd.concat(clients))
    shown = gap_models._success_frame(found, Disclosure(range(40))).set_index("target")
    assert shown["observed"].isna().to_dict() == {
        "improved": False, "unchanged": True, "deteriorated": True, "dropout": False,
    }  # fmt: skip
    assert shown.loc["deteriorated", ["bias", "conf_low", "conf_high"]].isna().all()


def test_messages_with_numbers_and_values_stay_out():
    assert without_data("3 of 40 clients have x.") == ""
    assert without_data("The fit is singular. Client 'Ann' is alone.") == "The fit is singular."
    assert without_data("The study has no table 'terminations'.") == (
        "The study has no table 'terminations'."
    )

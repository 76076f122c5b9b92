"""The section of the rating gap: further parts, and no small count on the page."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.core.disclosure import Disclosure
from alliance_stats.latent.measurement.verdict import verdict
from alliance_stats.report.context import Context, Options
from alliance_stats.report.naming import without_data
from alliance_stats.report.sections import gap, gap_models
from alliance_stats.report.sections.draft import Draft

ROUNDED = 0.006  # the table holds two decimals, and run.json four digits of the reliability


def test_the_section_has_forms_truth_and_forecasts(only, tmp_path):
    study = al.load_dataset("demo-trial")
    only("change", "gap")
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
    targets = {"improved": 20, "unchanged": 12, "deteriorated": 9, "dropout": 10}
    terms, clients = [], []
    for target, events in targets.items():
        values = {"forecast": 0.4, "observed": events / 40, "bias": 0.1, "auc": 0.6}
        terms += [{"term": f"{target}:{name}", "estimate": x} for name, x in values.items()]
        seen = [float(n < events) if target != "unchanged" else float(n >= 28) for n in range(40)]
        forecast = 0.4 + 0.1 * np.arange(40)
        own = {"client_id": range(40), "target": target, "observed": seen, "forecast": forecast}
        clients.append(pd.DataFrame(own))
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


def test_the_gap_of_a_couple_names_its_raters(tmp_path):
    rng, n_couples, n_sessions = np.random.default_rng(1), 30, 4
    level = (
        2.5 + 0.3 * rng.normal(size=(n_couples, 1)) + 0.3 * rng.normal(size=(n_couples, n_sessions))
    )
    gap_of_each = {"wife": 0.0, "husband": 0.45 + 0.1 * rng.normal(size=(n_couples, 1))}
    rows = [
        {"client_id": f"c{n}", "session": session + 1, "rater": rater, "measure": "satisfaction",
         "scale": "total", "score": score}
        for rater, extra in gap_of_each.items()
        for (n, session), score in np.ndenumerate(level + extra + rng.normal(0, 0.1, level.shape))
    ]  # fmt: skip
    (tmp_path / "measures").mkdir()
    (tmp_path / "measures" / "satisfaction.yaml").write_text(
        "id: satisfaction\ntitle: Satisfaction\ndirection: higher_is_better\n"
        "total: {low: 1, high: 5}\n"
    )
    pd.DataFrame(rows).to_csv(tmp_path / "scores.csv", index=False)
    (tmp_path / "study.yaml").write_text(
        "name: couples\nraters: {wife: Wife, husband: Husband}\nsources:\n"
        "- {file: scores.csv, table: scores}\n"
    )
    context = Context(al.open_study(tmp_path), Options(individual_courses=True))
    section = gap.build(context, Draft("gap", "Rating gap"))
    assert section.title == "Rating gap: husband minus wife"
    assert section.headline.startswith("The husband rates the SATISFACTION 0.4")
    assert "above the wife (husband minus wife 0.4" in section.headline
    titles = [block.title for block in section.blocks if hasattr(block, "title")]
    assert "Truth and bias of the SATISFACTION: does the husband follow the wife?" in titles
    words = " ".join(map(str, section.blocks))
    assert "therapist's" not in words
    assert "client's" not in words


def test_sentences_on_invariance_tell_no_number_of_people_unless_asked():
    study = al.simulate_study(n_clients=60, n_therapists=12, item_missing_rate=0.0, seed=7)
    found = al.check_parallel_forms(study, measure="wai-sr", seed=0).invariance
    exact, shown = " ".join(verdict(found)), " ".join(verdict(found, sizes=False))
    assert re.search(r"n = \d|RMSEA", exact)
    assert not re.search(r"n = \d|RMSEA", shown)

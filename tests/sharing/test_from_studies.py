"""Three clinics that share nothing but mail: each has a folder, and one file goes out of it."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats import cli

PLAN = """\
formula: distress ~ session + alliance_within + alliance_between + condition + (1 | client_id)
scores:
  distress: core-10/total/client
  alliance: wai-sr/total/client
categories:
  condition: [standard, alliance-focused]
"""


@pytest.fixture(scope="module")
def clinics(tmp_path_factory):
    """Return a folder for each clinic, with its study, and one for the coordinator."""
    found = tmp_path_factory.mktemp("clinics")
    for seed, name in enumerate(("Bern", "Kiel", "York"), start=1):
        study = al.simulate_study(
            n_therapists=20, n_clients=240, planned_sessions=8.0, seed=seed, coded_share=0
        )
        study.save(found / name / "study")
        (found / name / "plan.yaml").write_text(PLAN)
    (found / "coordinator").mkdir()
    return found


def run(capsys, *words):
    with pytest.raises(SystemExit) as end:
        cli.main([*map(str, words), "--debug"])
    return end.value.code or 0, capsys.readouterr().out


def rows_of(folder):
    """Return the rows of a clinic as its model has them, made by hand."""
    study = al.open_study(folder / "study")
    keys = ["client_id", "session"]
    distress = study.select("core-10")[[*keys, "condition", "score"]]
    alliance = study.select("wai-sr/total/client")[[*keys, "score"]]
    both = distress.rename(columns={"score": "distress"}).merge(
        alliance.rename(columns={"score": "alliance"}), on=keys
    )
    return al.decompose(both, "alliance", complete=["distress", "session", "condition"])


def test_three_clinics_one_mail_each(clinics, capsys, monkeypatch):
    mails = []
    for name in ("Bern", "Kiel", "York"):
        monkeypatch.chdir(clinics / name)  # what clinic A types, in its own folder
        code, said = run(capsys, "share", "plan.yaml", "study", "--out", f"{name}.json")
        assert code == 0
        assert "What this file tells" in said
        assert (clinics / name / "study" / ".alliance-stats" / "shared-files.json").exists()
        mails.append(f"{name}.json")
        shutil.copy(f"{name}.json", clinics / "coordinator")  # the mail
    monkeypatch.chdir(clinics / "coordinator")
    code, said = run(capsys, "combine", *mails, "--clinic", "fixed", "--out", "joint.html")
    assert code == 0
    assert "Linear multilevel model of several clinics" in said
    held = sorted(path.name for path in (clinics / "coordinator").iterdir())
    assert held == [*sorted(mails), "joint.html"]
    fit = al.combine_clinics(mails, clinic="fixed")
    each = [rows_of(clinics / name).assign(clinic=name) for name in ("Bern", "Kiel", "York")]
    each = [rows.assign(client_id=rows["clinic"] + rows["client_id"].astype(str)) for rows in each]
    words = ["standard", "alliance-focused"]
    rows = pd.concat(each).assign(
        condition=lambda table: pd.Categorical(table["condition"], categories=words)
    )
    formula = PLAN.splitlines()[0].removeprefix("formula: ")
    reference = al.fit_multilevel(formula + " + clinic", rows)
    off = ((fit.params - reference.params[fit.params.index]) / reference.bse).abs()
    assert off.max() < max(3 * fit.rounding["standard_errors"], 1e-8)
    assert fit.nobs == reference.nobs


def test_a_study_by_the_names_of_its_measures(clinics):
    study = al.open_study(clinics / "Bern" / "study")
    formula = "core_10 ~ session + wai_sr_within + wai_sr_between + (1 | client_id)"
    found = al.clinic_file(formula, study, None)
    table = rows_of(clinics / "Bern")
    by_hand = al.clinic_file(
        "distress ~ session + alliance_within + alliance_between + (1 | client_id)", table, None
    )
    assert found.file.numbers == by_hand.file.numbers
    np.testing.assert_array_equal(found.file.shift, by_hand.file.shift)
    with pytest.raises(al.ColumnError, match="'moon' is no score, no column of the clients"):
        al.clinic_file("core_10 ~ moon + (1 | client_id)", study, None)
    with pytest.raises(al.ColumnError, match="names no score of the study; its measures are"):
        al.clinic_file("distress ~ session + (1 | client_id)", study, None)


@pytest.mark.parametrize(
    ("text", "why"),
    {
        "formular: y ~ x": "holds 'formular', which no joint model has. Did you mean 'formula'",
        "scores: {y: core-10}": "must say its formula",
        "formula: y ~ 1 + (1 | g)\nunits: points": "'units' of 'plan.yaml' must hold names",
        "- a": "must hold names and values",
    }.items(),
)
def test_a_plan_that_is_none(text, why, tmp_path):
    (tmp_path / "plan.yaml").write_text(text)
    with pytest.raises(al.DesignError, match=re.escape(why)):
        al.clinic_file(str(tmp_path / "plan.yaml"), pd.DataFrame(), None)


def test_a_refusal_is_one_line_and_no_file(clinics, capsys, monkeypatch):
    monkeypatch.chdir(clinics / "Bern")
    with pytest.raises(SystemExit) as end:
        cli.main(
            ["share", "core_10 ~ scale(session) + (1 | client_id)", "study", "--out", "no.json"]
        )
    err = capsys.readouterr().err
    assert end.value.code not in (0, None)
    assert err.startswith("Error: scale() may be computed from the rows of one clinic")
    assert not (clinics / "Bern" / "no.json").exists()

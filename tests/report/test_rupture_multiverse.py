"""The multiverse of the section on ruptures, and what it says of an analysis plan."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.core.display.table import Table
from alliance_stats.report.content import Caution, Figure
from alliance_stats.report.context import Context, Options
from alliance_stats.report.plan import plan_of
from alliance_stats.report.sections import (
    SECTIONS,
    rupture_models,
    rupture_multiverse,
)
from alliance_stats.report.sections.draft import Draft

ROUNDED = 5e-4  # a model whose number of clients is withheld is shown with three decimals
RULE = {"rule": "drop_stricter_sd"}
GRID = rupture_multiverse.GRID  # as it is before other tests make it small
PLANNED = {"rule": "drop_stricter_sd", "k": 2.0, "levels": 3}


def blocks_of(study, rule=RULE):
    context = Context(study, Options(replicates=19))
    draft = Draft("ruptures", "Ruptures and repairs", strict=True)
    blocks = rupture_multiverse.multiverse_blocks(context, context.alliance, rule, draft)
    return {getattr(block, "key", type(block).__name__): block for block in blocks}


def planned(study, folder, **choices):
    """Return the study from a folder with a plan of two specifications."""
    study.with_tables(ratings=None, scores=study.scores).save(folder)
    grid = {"rule": "drop_stricter_sd", "k": [1.0, 2.0], "levels": 3}
    plan = al.AnalysisPlan("wai-sr", "core-10", {**PLANNED, **choices}, grid=grid)
    plan.save(folder / "analysis_plan.yaml")
    return al.open_study(folder)


@pytest.fixture(scope="module")
def shown(report):
    section = next(s for s in report.sections if s.key == "ruptures")
    return {b.key: b for b in section.blocks if isinstance(b, (Table, Figure))}


def test_the_diamond_is_the_model_of_the_table(shown):
    curve = shown["rupture-multiverse"].data
    marked = curve[curve["primary"]]
    model = shown["rupture-model"].frame.set_index("term")
    row = model.loc["rupture_lag1_within"]
    coarse = (marked["conf_high"] - marked["conf_low"]).iloc[0] / 8  # rounded as sizes are withheld
    assert marked["estimate"].tolist() == pytest.approx([row["estimate"]], abs=coarse)
    assert marked["conf_low"].tolist() == pytest.approx([row["conf_low"]], abs=coarse)
    assert marked["rule"].tolist() == ["drop_stricter_sd"]


def test_shares_count_the_specifications_that_are_drawn(shown):
    curve = shown["rupture-multiverse"].data
    shares = shown["rupture-multiverse-shares"].frame.set_index(["what", "where"])
    assert shares.loc[("estimate", "above zero"), "n"] == (curve["estimate"] > 0).sum()
    beyond = (curve["conf_low"] > 0) | (curve["conf_high"] < 0)
    assert shares.loc[("interval", "includes zero"), "n"] == (~beyond).sum()
    assert shares.loc[("none", "not fitted"), "n"] == 0


def test_no_count_of_people_stands_in_what_is_drawn(shown):
    assert not set(shown["rupture-multiverse"].data) & set(rupture_multiverse.OF_PERSONS)


def test_the_reverse_is_that_of_the_function(study, shown):
    found = al.fit_rupture_repair(study, alliance="wai-sr", outcome="core-10", levels=3)
    table = found.tidy().query("term == 'outcome_lag1_within'").set_index("model")
    frame = shown["rupture-reverse"].frame
    exact = table.loc[["reverse: rupture, 3 levels", "reverse: alliance, 3 levels"]]
    off = (exact["conf_high"] - exact["conf_low"]).to_numpy() / 8  # a quarter of half the width
    assert (np.abs(frame["estimate"] - exact["estimate"].to_numpy()) <= off).all()


def test_without_a_plan_the_report_fits_its_own_grid_and_says_so(study, monkeypatch):
    monkeypatch.setattr(rupture_multiverse, "GRID", GRID)
    blocks = blocks_of(study)
    assert len(blocks["rupture-multiverse"].data) == 32
    assert blocks["Caution"].text.startswith("No analysis plan that is filled in lies in")
    assert "rupture-plan" not in blocks


def test_a_plan_gives_the_grid_and_the_primary_specification(study, tmp_path):
    blocks = blocks_of(planned(study, tmp_path / "study"))
    curve = blocks["rupture-multiverse"].data
    assert len(curve) == 2
    assert curve.loc[curve["primary"], "k"].tolist() == [2.0]
    assert "rupture-plan" not in blocks
    assert "was followed" in blocks["Paragraph"].text


def test_what_differs_from_the_plan_is_marked(study, tmp_path):
    blocks = blocks_of(planned(study, tmp_path / "study", k=1.0, lagged_outcome=False))
    frame = blocks["rupture-plan"].frame
    expected = [("k", "1.0", "2.0"), ("lagged_outcome", "False", "True")]
    assert list(frame.itertuples(index=False, name=None)) == expected
    assert "departed from in 2 choices" in blocks["Caution"].text
    assert "the analysis plan's primary one" in blocks["rupture-multiverse"].note


def test_a_plan_that_was_changed_is_refused_by_its_name_alone(study, tmp_path):
    changed = planned(study, tmp_path / "study")
    path = tmp_path / "study" / "analysis_plan.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("k: 2.0", "k: 3.0"), encoding="utf-8")
    with pytest.raises(al.DesignError, match="was changed after") as raised:
        plan_of(changed)
    assert str(tmp_path) not in str(raised.value)


def test_the_plan_that_a_new_study_has_fixed_goes_before_the_one_it_is_written_in(study, tmp_path):
    folder = tmp_path / "study"
    planned(study, folder)
    al.read_analysis_plan(folder / "analysis_plan.yaml").save(folder / "analysis-plan-fixed.yaml")
    loose = "alliance: wai-sr\noutcome: phq-9\nprimary: {rule: drop_stricter_sd, levels: 3}\n"
    (folder / "analysis_plan.yaml").write_text(loose, encoding="utf-8")
    assert plan_of(al.open_study(folder)).outcome == "core-10"


def test_a_grid_too_large_for_a_report_is_left_to_the_user():
    grid = {"rule": "drop_stricter_sd", "k": [1 + i / 100 for i in range(201)]}
    plan = al.AnalysisPlan("wai-sr", "core-10", PLANNED, grid=grid)
    with pytest.raises(al.DesignError, match="201 specifications; a report fits 200"):
        rupture_multiverse._asked(plan, PLANNED)


def test_without_known_therapists_all_has_two_levels(study):
    clients = study.tables["clients"].assign(therapist_id=pd.NA)
    context = Context(study.with_tables(clients=clients), Options(replicates=5))
    assert rupture_models.able_levels(context.study) == 2
    asked = rupture_multiverse._asked(None, {**RULE, "levels": 2})
    assert asked["grid"]["levels"] == [2]


def test_a_few_ruptured_clients_have_no_model(study):
    rule = {"rule": "drop_stricter_sd", "k": 9.0}
    context = Context(study, Options(replicates=5, rupture_parameters={"k": 9.0}))
    draft = Draft("ruptures", "Ruptures and repairs", strict=True)
    with pytest.raises(al.DesignError, match="Few clients have a rupture"):
        rupture_models.model_blocks(context, context.alliance, rule, draft)
    entry = next(entry for entry in SECTIONS if entry.key == "ruptures")
    section = entry.build(context, Draft(entry.key, entry.title, strict=True))
    keys = {getattr(block, "key", "") for block in section.blocks}
    assert not {"rupture-model", "rupture-multiverse"} & keys
    assert any(isinstance(b, Caution) and "Few clients have" in b.text for b in section.blocks)


def test_the_plan_of_a_new_study_counts_only_when_it_is_filled_in(study, tmp_path):
    folder = tmp_path / "study"
    study.with_tables(ratings=None, scores=study.scores).save(folder)
    empty = "name:\nalliance:\noutcome:\nprimary: {rule: drop_stricter_sd}\n"
    (folder / "analysis-plan.yaml").write_text(empty, encoding="utf-8")
    blocks = blocks_of(al.open_study(folder))
    assert blocks["Caution"].text.startswith("No analysis plan that is filled in lies in")
    assert "rupture-multiverse" in blocks

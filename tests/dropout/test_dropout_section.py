"""The report's table of dropout by definition, and that differences give no small number away."""

import alliance_stats as al
from alliance_stats.report.context import Context, Options
from alliance_stats.report.sections.draft import Draft
from alliance_stats.report.sections.dropout import definition_blocks


def section_table(study):
    (table,) = definition_blocks(Context(study, Options()), Draft("dropout", "Dropout"))
    return table


def test_the_demo_has_its_rates_by_definition():
    frame = section_table(al.load_dataset("demo-trial")).frame.set_index("label")
    assert frame.loc["As recorded", "n_dropout"] == 81
    assert frame.loc["Ended early, alone or in agreement", "n_dropout"] == 112


def test_definitions_a_few_clients_apart_are_not_both_shown():
    study = al.load_dataset("demo-trial")
    ends = study.terminations
    mutual = ends.index[ends["reason"] == "mutual"][3:]
    few = ends.assign(reason=ends["reason"].where(~ends.index.isin(mutual), "completed"))
    table = section_table(study.with_tables(terminations=few))
    assert "Ended early, alone or in agreement" not in table.frame["label"].tolist()
    assert "1 more cannot be shown beside these" in table.note

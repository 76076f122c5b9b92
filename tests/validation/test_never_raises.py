"""Whatever comes in, validation answers with a report, and no row vanishes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import alliance_stats as al
from alliance_stats.study.tables import TABLES, table_schema
from alliance_stats.study.validating.doctor import check

CELLS = st.one_of(
    st.none(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.booleans(),
    st.text(max_size=6),
    st.sampled_from(
        ["c1", "c2", " c1", "client", "wai-sr", "total", "2024-02-30", "{value}", "=1"]
    ),
    st.dates().map(pd.Timestamp),
    st.sampled_from([pd.NA, pd.NaT, np.float32(2), np.int8(3)]),
)
LIKELY = {
    "client_id": st.sampled_from(["c1", "c2", "c3"]),
    "session": st.integers(1, 3),
    "rater": st.sampled_from(["client", "therapist"]),
    "measure": st.sampled_from(["wai-sr", "phq-9", "3rs"]),
    "item": st.integers(1, 12),
    "value": st.integers(1, 5),
    "scale": st.sampled_from(["total", "bond"]),
}


@st.composite
def any_table(draw, name):
    """Draw a table of any columns of its schema, with likely and unlikely cells."""
    names = [field.name for field in table_schema(name).fields]
    left_out = draw(st.sets(st.sampled_from(names), max_size=1))
    n = draw(st.integers(0, 6))
    data = {}
    for column in names:
        if column not in left_out:
            cell = st.one_of(LIKELY[column], LIKELY[column], CELLS) if column in LIKELY else CELLS
            data[column] = pd.Series(
                draw(st.lists(cell, min_size=n, max_size=n)), dtype=object, index=range(n)
            )
    frame = pd.DataFrame(data, index=range(n))
    return frame.infer_objects() if draw(st.booleans()) else frame


@st.composite
def any_study(draw):
    names = draw(st.sets(st.sampled_from([*TABLES, "ratings", "sessions", "clients"]), max_size=5))
    return {name: draw(any_table(name)) for name in sorted(names)}


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(any_study())
def test_any_tables_give_a_report_and_rows_add_up(raw_of, tables):
    before = {name: frame.copy(deep=True) for name, frame in tables.items()}
    report, kept = check(raw_of(tables))
    assert "check_failed" not in set(report.issues["rule"]), report.summary()
    rows = report.rows.set_index("table")
    for name, frame in tables.items():
        assert rows.loc[name, "rows_in"] == len(frame)
        assert rows.loc[name, "rows_kept"] == len(kept[name])
        assert rows.loc[name, "rows_set_aside"] == len(frame) - len(kept[name])
        pd.testing.assert_frame_equal(frame, before[name])
    assert len(report.summary()) > 0


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(any_study())
def test_what_was_kept_breaks_no_rule_for_rows(raw_of, tables):
    _, kept = check(raw_of(tables))
    again, twice = check(raw_of(kept))
    assert again.rows["rows_set_aside"].sum() == 0, again.summary()
    assert {n: len(f) for n, f in twice.items()} == {n: len(f) for n, f in kept.items()}


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=st.one_of(st.text(max_size=80), st.binary(max_size=80)))
def test_any_study_yaml_gives_a_report(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("any")
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    (folder / "study.yaml").write_bytes(content)
    report = al.validate(folder)
    assert not report.ok
    assert report.problems[0].message


@pytest.mark.parametrize("path", ["no/such/folder", "", "nul\0byte", "x" * 5000])
def test_a_path_that_does_not_exist_is_a_problem(path):
    report = al.validate(path)
    assert not report.ok
    assert report.counts()["error"] == 1


def test_a_file_name_that_is_no_text_is_shown_as_far_as_it_goes(tmp_path):
    (tmp_path / "study.yaml").write_text("sources: [{file: gone.csv}]\n", encoding="utf-8")
    (tmp_path / "gon\udcff.csv").write_text("pid\n1\n", encoding="utf-8")
    report = al.validate(tmp_path)
    assert report.issues["rule"].tolist() == ["missing_file"]
    assert "gon\udcff.csv" in report.issues["message"].iloc[0]
    assert "gon?.csv" in report.to_html(tmp_path / "r.html").read_text(encoding="utf-8")
    marked = al.read_table(report.to_xlsx(tmp_path / "r.xlsx"), sheet="problems")
    assert "gon?.csv" in marked.to_string()


def test_a_folder_without_a_description_is_a_problem(tmp_path):
    report = al.validate(tmp_path)
    assert report.issues["rule"].tolist() == ["missing_study"]
    assert len(report.rows) == 0
    assert report.to_html(tmp_path / "r.html").exists()
    assert report.to_xlsx(tmp_path / "r.xlsx").exists()


def test_what_is_no_study_is_refused_in_words():
    with pytest.raises(al.AllianceStatsError, match="takes the path of a study or a Study, but"):
        al.validate(5)


def test_a_study_from_memory_is_validated():
    study = al.simulate_study(n_therapists=4, n_clients=12, seed=2)
    report = al.validate(study)
    assert report.ok, report.summary()
    assert (report.rows["rows_set_aside"] == 0).all()


def test_the_order_of_problems_does_not_depend_on_the_run(lab, tmp_path):
    for row in (12, 50, 77, 90):
        lab.session(row, "wai5", 9)
    lab.endings.loc[2:5, "why"] = "gone"
    folder = lab.write(tmp_path / "study")
    first, second = al.validate(folder), al.validate(folder)
    assert first.problems == second.problems

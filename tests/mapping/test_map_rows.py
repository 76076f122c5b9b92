"""Whatever stands in the cells: no row vanishes, nothing but our own words comes out."""

import csv

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import alliance_stats as al
from alliance_stats.study.mapping import read_study

CELL = st.one_of(
    st.integers(-9, 99).map(str),
    st.sampled_from(["", "NA", "abc", "1,5", "2.5", " 3", "007", "1e400", "inf", "2026-01-05"]),
    st.text(alphabet="a1 ,;é\n", max_size=4),
)
ROWS = st.lists(st.tuples(CELL, CELL, CELL, CELL, CELL), min_size=1, max_size=10)
EXAMPLES = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
WIDE = """\
sources:
  - {file: s.csv, client_id: pid, session: sess, therapist_id: ther,
     measures: [{measure: gad-7, rater: client, items: [a, b]},
                {measure: oq-45, rater: client, score: a, missing: [9]}]}
"""
LONG = """\
sources:
  - {file: s.csv, table: ratings, columns: {client_id: pid, session: sess, item: a, value: b},
     constants: {measure: gad-7, rater: client}}
"""


def write(folder, yaml, rows):
    (folder / "study.yaml").write_text(yaml, encoding="utf-8")
    with (folder / "s.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
        writer.writerow(["pid", "sess", "ther", "a", "b"])
        writer.writerows(rows)
    return read_study(folder)


def accounted(raw, table):
    kept = len(raw.tables.get(table, ()))
    return kept + sum(entry.rows for entry in raw.set_aside if entry.table == table)


@EXAMPLES
@given(rows=ROWS)
def test_rows_of_a_wide_file_add_up(tmp_path, rows):
    raw = write(tmp_path, WIDE, rows)
    blank = sum(entry.rows for entry in raw.set_aside if entry.reason == "a blank row")
    assert accounted(raw, "ratings") == raw.rows_in["ratings"] == 2 * (len(rows) - blank)
    assert accounted(raw, "scores") == raw.rows_in.get("scores", 0) == len(rows) - blank
    assert all(problem.message for problem in raw.problems)


@EXAMPLES
@given(rows=ROWS)
def test_rows_of_a_long_file_add_up(tmp_path, rows):
    raw = write(tmp_path, LONG, rows)
    assert accounted(raw, "ratings") == raw.rows_in["ratings"] == len(rows)
    for name, frame in raw.tables.items():
        origin = raw.origins[name]
        assert len(origin.row) == len(origin.layout) == len(frame)
        assert ((origin.row >= 2) & (origin.row <= len(rows) + 1)).all()


@EXAMPLES
@given(rows=ROWS)
def test_each_answer_that_is_kept_is_the_one_in_its_cell(tmp_path, rows):
    raw = write(tmp_path, WIDE, rows)
    ratings, origin = raw.tables.get("ratings"), raw.origins.get("ratings")
    if ratings is None:
        return
    column = {"a": 3, "b": 4}
    for position, answer in enumerate(ratings.itertuples()):
        if answer.value == answer.value:
            name = origin.layouts[origin.layout[position]].columns["value"]
            cell = rows[int(origin.row[position]) - 2][column[name]]
            assert float(cell.replace(",", ".")) == answer.value


def test_an_answer_a_row_at_occasions_becomes_assessments(tmp_path):
    rows = [
        (client, when, item, item % 4)
        for client in range(4)
        for when in ("baseline", "week 6")
        for item in range(1, 10)
    ]
    frame = pd.DataFrame(rows, columns=["Subject", "Visit", "ItemNo", "Response"])
    frame.insert(2, "Questionnaire", "PHQ9")
    frame.loc[3, "Response"] = 7
    frame.to_csv(tmp_path / "long.csv", index=False)
    draft = al.suggest_mapping(tmp_path)
    assert draft["sources"][0]["columns"]["occasion"] == "Visit"
    (tmp_path / "study.yaml").write_text(draft.to_yaml(), encoding="utf-8")
    errors = al.validate(tmp_path).issues.query("level == 'error'")
    assert errors[["row", "column"]].to_numpy().tolist() == [[5, "Response"]]
    assert "7" in errors["message"].iloc[0]
    frame.loc[3, "Response"] = 0
    frame.to_csv(tmp_path / "long.csv", index=False)
    study = al.open_study(tmp_path)
    assert study.assessments["score"].tolist() == [13.0] * 8  # 1 2 3 0 1 2 3 0 1
    assert study.assessments["occasion"].unique().tolist() == ["baseline", "week 6"]
    weeks = (tmp_path / "study.yaml").read_text("utf-8").replace("occasion: Visit", "time: Week")
    frame.assign(Week=frame["Visit"].map({"baseline": 0, "week 6": 6.5})).to_csv(
        tmp_path / "long.csv", index=False
    )
    (tmp_path / "study.yaml").write_text(weeks, "utf-8")
    assert al.open_study(tmp_path).assessments["time"].unique().tolist() == [0, 6.5]

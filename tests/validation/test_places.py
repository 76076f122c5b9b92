"""Every problem is told at the cell where the value stands, in every layout a file can have."""

import re

import numpy as np
import openpyxl
import pandas as pd
import pytest

from alliance_stats import open_study, validate
from alliance_stats.study.mapping import read_study

PHQ = [f"phq{item}" for item in range(1, 10)]
TIMES = ("1", "2", "3")
MEASURE = "{measure: phq-9, rater: client, "
LONG = "    session: sess\n"
LAYOUTS = {
    "a session a row": (PHQ, LONG, [MEASURE + 'items: "phq{item}"}']),
    "an occasion a row": (PHQ, "    occasion: sess\n", [MEASURE + 'items: "phq{item}"}']),
    "items by session": (
        [f"s{time}_{item}" for time in TIMES for item in PHQ],
        "",
        [MEASURE + 'items: "s{session}_phq{item}"}'],
    ),
    "items by occasion": (
        [f"{item}.{time}" for item in PHQ for time in TIMES],
        "",
        [MEASURE + 'items: "phq{item}.{occasion}"}'],
    ),
    "totals by session": (
        [f"tot_{time}" for time in TIMES],
        "",
        [MEASURE + 'score: "tot_{session}"}'],
    ),
    "totals by occasion": (
        [f"tot_{time}" for time in TIMES],
        "",
        [MEASURE + 'score: "tot_{occasion}"}'],
    ),
    "two measures, two raters, items and a total": (
        [*PHQ, *(f"gad{n}" for n in range(1, 8)), *(f"wt{n}" for n in range(1, 13)), "oq"],
        LONG,
        [
            MEASURE + 'items: "phq{item}"}',
            '{measure: gad-7, rater: client, items: "gad{item}"}',
            '{measure: wai-sr, rater: therapist, items: "wt{item}"}',
            "{measure: oq-45, rater: client, score: oq}",
        ],
    ),
    "items listed and recoded": (
        PHQ,
        LONG + "    recode: {phq1: {often: 3}}\n",
        [MEASURE + f"items: [{', '.join(PHQ)}]}}"],
    ),
}


def _write(folder, frame, kind, yaml):
    name = f"data.{kind}"
    frame.to_csv(folder / name, index=False) if kind == "csv" else frame.to_excel(
        folder / name, index=False
    )
    (folder / "study.yaml").write_text(yaml.replace("FILE", name), encoding="utf-8")
    return folder


def _yaml(keys, measures):
    lines = "".join(f"      - {each}\n" for each in measures)
    return f"sources:\n  - file: FILE\n    client_id: pid\n{keys}    measures:\n{lines}"


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_twenty_planted_problems_are_told_twenty_times_each_where_it_is(tmp_path, layout, kind):
    columns, keys, measures = LAYOUTS[layout]
    rng = np.random.default_rng(20)
    frame = pd.DataFrame(rng.integers(1, 3, (30, len(columns))), columns=columns)
    frame.insert(0, "pid", [f"c{n:02d}" for n in range(30)])
    if keys:
        frame.insert(1, "sess", 1)
    places = rng.choice(30 * len(columns), 20, replace=False)
    planted = {}
    for n, place in enumerate(places):
        row, column = int(place) // len(columns), columns[int(place) % len(columns)]
        frame.loc[row, column] = 200 + n
        planted[row + 2, column] = 200 + n
    report = validate(_write(tmp_path, frame, kind, _yaml(keys, measures)))
    told = report.issues[report.issues["level"] != "info"]
    assert (told["rule"].str.contains("out_of_range")).all()
    places = zip(told["row"], told["column"], strict=True)
    assert dict(zip(places, told["value"], strict=True)) == planted
    assert len(told) == 20
    for issue in told.itertuples():
        assert f" {issue.value:g} " in issue.message
        named = re.search(r"(?:s|_|\.)([123])(?:_phq\d)?$", issue.column)
        if not keys and named:
            when = "session " if "session" in measures[0] else "occasion '"
            assert f"{when}{named[1]}" in issue.message.lower()
        if kind == "xlsx":
            letters = re.sub(r"\d", "", issue.cell)
            at = 0
            for letter in letters:
                at = at * 26 + ord(letter) - 64
            assert frame.columns[at - 1] == issue.column


def test_a_file_in_two_sources_tells_each_problem_at_its_own_column(tmp_path):
    frame = pd.DataFrame({"pid": ["a", "b"], "sess": 1, "tot": [9, 3], "bond": [3, 8]})
    source = """\
  - file: FILE
    table: scores
    columns: {{client_id: pid, session: sess, score: {0}}}
    constants: {{rater: client, measure: wai-sr, scale: {1}}}
"""
    yaml = "sources:\n" + source.format("tot", "total") + source.format("bond", "bond")
    issues = validate(_write(tmp_path, frame, "csv", yaml)).issues
    assert issues[["row", "column", "value"]].values.tolist() == [[2, "tot", 9], [3, "bond", 8]]


@pytest.mark.parametrize("slot", ["session", "occasion"])
def test_each_total_of_a_client_that_contradicts_its_items_is_told(tmp_path, slot):
    columns = {f"{item}_{time}": [1, 1] for time in TIMES for item in PHQ}
    frame = pd.DataFrame({"pid": ["a", "b"], **columns})
    frame = frame.assign(tot_1=[9, 5], tot_2=[9, 6], tot_3=[9, 9])
    measures = [MEASURE + f'items: "phq{{item}}_{{{slot}}}", score: "tot_{{{slot}}}"}}']
    report = validate(_write(tmp_path, frame, "csv", _yaml("", measures)))
    assert report.issues[["rule", "row", "column", "value"]].values.tolist() == [
        ["total_contradicts_items", 3, "tot_1", 5],
        ["total_contradicts_items", 3, "tot_2", 6],
    ]
    quote = "'" if slot == "occasion" else ""
    for time, message in zip("12", report.issues["message"], strict=True):
        assert message.startswith(f"{slot.capitalize()} {quote}{time}{quote}: The total")


def test_what_a_source_carries_beside_an_occasion_is_kept(tmp_path):
    frame = pd.DataFrame(
        {"pid": ["a", "a", "b"], "at": ["pre", "post", "pre"], "phq": [9, 8, 7]}
    ).assign(sex=["f", "f", "m"], dose=[10, 20, 10], day=["2024-01-01", "2024-02-01", "2024-01-01"])
    keys = "    occasion: at\n    date: day\n    therapist_id: ther\n"
    yaml = _yaml(keys + "    constants: {site_id: x}\n", [MEASURE + "score: phq}"])
    study = read_study(_write(tmp_path, frame.assign(ther="t"), "csv", yaml))
    clients, scores = study.tables["clients"], study.tables["assessments"]
    assert clients["sex"].tolist() == ["f", "m"]
    assert clients["therapist_id"].tolist() == ["t", "t"]
    assert scores["dose"].tolist() == [10, 20, 10]
    assert scores["date"].dt.strftime("%Y-%m-%d").tolist() == frame["day"].tolist()


def test_dates_therapists_and_attendance_may_have_the_session_in_their_columns(tmp_path):
    frame = pd.DataFrame({"pid": ["a", "b"], "phq_1": [9, 8], "phq_2": [7, None]})
    frame = frame.assign(d_1=["2024-01-01", "2024-01-02"], d_2=["2023-12-01", None])
    frame = frame.assign(t_1=["x", "y"], t_2=["z", None], here_1=[1, 1], here_2=[1, 0])
    keys = (
        '    date: "d_{session}"\n    therapist_id: "t_{session}"\n    attended: "here_{session}"\n'
    )
    folder = _write(tmp_path, frame, "csv", _yaml(keys, [MEASURE + 'score: "phq_{session}"}']))
    tables = read_study(folder).tables
    sessions = tables["sessions"]
    assert sessions[["client_id", "session"]].values.tolist() == [
        ["a", 1],
        ["a", 2],
        ["b", 1],
        ["b", 2],
    ]
    assert sessions["therapist_id"].fillna("").tolist() == ["x", "z", "y", ""]
    assert tables["clients"]["therapist_id"].tolist() == ["x", "y"]
    assert sorted(tables["therapists"]["therapist_id"]) == ["x", "y", "z"]
    issues = validate(folder).issues
    assert issues[["rule", "row", "column"]].values.tolist() == [
        ["sessions_out_of_order", 2, "d_1"],
        ["client_under_two_therapists", 2, "t_2"],
    ]


def test_a_recoded_value_is_told_as_it_stands_in_the_file(tmp_path):
    frame = pd.DataFrame({"pid": ["a", "b"], "arm": ["X", "Y"], "sess": 1, **dict.fromkeys(PHQ, 1)})
    frame["phq3"] = ["often", "never"]
    recode = "    recode: {phq3: {often: 30, never: 0}, attended: {X: perhaps, Y: yes}}\n"
    keys = LONG + "    attended: arm\n" + recode
    issues = validate(
        _write(tmp_path, frame, "csv", _yaml(keys, [MEASURE + 'items: "phq{item}"}']))
    )
    issues = issues.issues.set_index("column")
    assert issues.loc["phq3", "value"] == "often"
    assert issues.loc["phq3", "message"].endswith("treated as missing. In the file it is 'often'.")
    assert (issues.loc["phq3", "row"], issues.loc["arm", "row"]) == (2, 2)
    assert issues.loc["arm", "value"] == "X"


def test_two_columns_that_fit_one_pattern_at_one_place_are_told(tmp_path):
    frame = pd.DataFrame({"pid": ["a"], "phq_1": [9], "phq_01": [8], "phq_2": [7]})
    yaml = _yaml("", [MEASURE + 'score: "phq_{session}"}'])
    issues = validate(_write(tmp_path, frame, "csv", yaml)).issues
    assert issues[["rule", "column"]].values.tolist() == [["duplicate_column", "phq_01"]]
    assert "phq_1, phq_01" in issues["message"][0]


def test_a_column_of_sessions_that_the_file_lacks_is_named(tmp_path):
    frame = pd.DataFrame({"pid": ["a"], "phq_1": [9]})
    yaml = _yaml('    date: "day_{session}"\n', [MEASURE + 'score: "phq_{session}"}'])
    (message,) = validate(_write(tmp_path, frame, "csv", yaml)).issues["message"]
    assert message.startswith("The file has no column 'day_1', nor any other that fits date")


def test_a_cell_that_cannot_be_read_is_told_with_its_session(tmp_path):
    frame = pd.DataFrame({"pid": ["a", "b"], "phq_1": [9, 8], "phq_2": ["many", 7]})
    frame = frame.assign(day_1="2024-01-01", day_2=["2024-02-01", "soon"])
    yaml = _yaml('    date: "day_{session}"\n', [MEASURE + 'score: "phq_{session}"}'])
    messages = validate(_write(tmp_path, frame, "csv", yaml)).issues["message"].tolist()
    assert messages == [
        "'many' in column 'phq_2' (session 2) is not a number. It is read as missing.",
        "'soon' in column 'day_2' (session 2) is not a date. It is read as missing.",
    ]


def test_cells_merged_over_rows_hold_their_value_in_each_of_them(tmp_path):
    book = openpyxl.Workbook()
    for row in (["pid", "sess", "phq"], ["a", 1, 4], [None, 2, 5], ["b", 1, 6], [None, 2, 7]):
        book.active.append(row)
    for cells in ("A2:A3", "A4:A5", "B5:C5"):
        book.active.merge_cells(cells)
    book.save(tmp_path / "s.xlsx")
    yaml = _yaml(LONG, [MEASURE + "score: phq}"]).replace("FILE", "s.xlsx")
    (tmp_path / "study.yaml").write_text(yaml)
    scores = read_study(tmp_path).tables["scores"]
    assert scores["client_id"].tolist() == ["a", "a", "b", "b"]
    assert scores["score"].tolist()[:3] == [4, 5, 6]
    issues = validate(tmp_path).issues
    assert issues[["rule", "column", "rows"]].values.tolist() == [
        ["merged_cells", "pid", (2, 3, 4, 5)],
        ["merged_cells", "sess", (5,)],
    ]


def test_a_value_filled_in_from_another_row_or_file_is_told_where_it_stands(tmp_path):
    pd.DataFrame({"pid": ["a", "a", "b"], "sess": [1, 2, 1], "came": 1}).to_csv(
        tmp_path / "list.csv", index=False
    )
    frame = pd.DataFrame({"pid": ["a", "b", "a"], "sess": [1, 1, 2], "phq": [9, 8, 7]})
    frame = frame.assign(arm=[None, "x", "y"], day=["2024-01-01", "1024-01-02", "2024-02-01"])
    keys = LONG + "    condition: arm\n    date: day\n"
    listed = """\
  - file: list.csv
    table: sessions
    columns: {client_id: pid, session: sess, attended: came}
"""
    yaml = _yaml(keys, [MEASURE + "score: phq}"]) + listed
    folder = _write(tmp_path, frame, "csv", yaml)
    raw = read_study(folder)
    assert raw.tables["clients"]["condition"].tolist() == ["y", "x"]
    assert raw.origins["clients"].filled["condition"][0].tolist() == [4, 3]
    assert raw.origins["clients"].row.tolist() == [2, 3]
    assert raw.tables["sessions"]["date"].dt.year.tolist() == [2024, 2024, 1024]
    issues = validate(folder).issues
    assert issues[["file", "row", "column"]].values.tolist() == [["data.csv", 3, "day"]]


def test_a_client_who_is_twice_in_a_wide_file_is_told_once(tmp_path):
    frame = pd.DataFrame({"pid": ["a", "b", "a"], "phq_1": [4, 1, 4], "phq_2": [5, 4, 6]})
    yaml = _yaml("", [MEASURE + 'score: "phq_{session}"}'])
    (issue,) = validate(_write(tmp_path, frame, "csv", yaml)).issues.itertuples()
    assert (issue.rule, issue.rows) == ("duplicate_key", (2, 4))
    assert issue.message.startswith("Each session of client a is there twice (rows 2 and 4 of")
    assert issue.message.endswith("They contradict each other: score is 5 and 6.")


def test_a_form_that_is_twice_at_an_occasion_is_told_beside_its_totals(tmp_path):
    frame = pd.DataFrame({"pid": "a", "at": ["pre", "post", "post"], **dict.fromkeys(PHQ, 1)})
    frame = frame.assign(tot=[9, 8, 9], sex=["f", "f", "m"])
    yaml = _yaml("    occasion: at\n", [MEASURE + 'items: "phq{item}", score: tot}'])
    issues = validate(_write(tmp_path, frame, "csv", yaml)).issues
    assert issues[["rule", "row", "column"]].values.tolist() == [
        ["duplicate_key", 3, "pid"],
        ["total_contradicts_items", 3, "tot"],
    ]


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        (LONG + '    date: "d_{session}"\n', "The session stands in a column of its own"),
        ('    date: "d_{sesion}"\n', "date: the pattern 'd_{sesion}' has the placeholder"),
    ],
)
def test_a_pattern_that_cannot_be_followed_is_told(tmp_path, keys, sentence):
    frame = pd.DataFrame({"pid": ["a"], "sess": [1], "phq_1": [4], "d_1": ["2024-01-01"]})
    score = "score: phq_1}" if keys.startswith(LONG) else 'score: "phq_{session}"}'
    issues = validate(_write(tmp_path, frame, "csv", _yaml(keys, [MEASURE + score]))).issues
    assert issues["message"][0].startswith(sentence)


def test_a_study_whose_clients_have_no_therapist_gets_no_table_of_them_when_saved(tmp_path):
    frame = pd.DataFrame({"pid": ["a", "b"], "at": "pre", "phq": [4, 5], "dose": [1, 2]})
    yaml = _yaml("    occasion: at\n", [MEASURE + "score: phq}"])
    study = open_study(_write(tmp_path, frame, "csv", yaml))
    study.save(tmp_path / "saved")
    assert list(open_study(tmp_path / "saved").tables) == list(study.tables)

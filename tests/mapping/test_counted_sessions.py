"""Sessions that no column numbers: ``session: {date: Datum}``."""

import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.study.mapping.dated_sessions import days_of

WAI = "client,day,score\na,2024-01-01 09:30,3\na,2024-01-08,4\nb,2024-02-01,2\na,2024-01-22,5\n"
PHQ = "client,day,score\na,2024-01-08,9\na,2024-01-15,8\nb,2024-02-01,7\n"
SOURCE = """
- file: {file}.csv
  client_id: client
  session: {session}
  measures: [{{measure: {measure}, rater: client, score: score}}]
"""


def study_of(folder, *sources, **files):
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
    parts = "".join(SOURCE.format(file=f, session=s, measure=m) for f, s, m in sources)
    (folder / "study.yaml").write_text(f"name: x\nsources:{parts}")
    return folder


def test_a_clients_nth_day_in_all_files_is_session_n(tmp_path):
    by_date = [
        (one, "{date: day}", measure) for one, measure in (("wai", "wai-sr"), ("phq", "phq-9"))
    ]
    study = al.open_study(study_of(tmp_path, *by_date, wai=WAI, phq=PHQ))
    scores = study.scores.pivot_table(
        index=["client_id", "session"], columns="measure", values="score"
    )
    assert scores.loc["a"].fillna(0).to_numpy().tolist() == [[0, 3], [9, 4], [8, 0], [0, 5]]
    assert scores.loc["b"].to_numpy().tolist() == [[7, 2]]
    first = study.sessions.query("client_id == 'a'").sort_values("session")
    assert first["date"].dt.strftime("%d").tolist() == ["01", "08", "15", "22"]
    told = al.validate(tmp_path).issues.query("rule == 'counted_sessions'")
    assert told[["level", "file", "column"]].to_numpy().tolist() == [["info", "wai.csv", "day"]]


def test_sessions_are_not_counted_in_one_file_and_numbered_in_another(tmp_path):
    numbered = "client,n,score\na,1,9\nb,1,7\n"
    sources = (("wai", "{date: day}", "wai-sr"), ("phq", "n", "phq-9"))
    report = al.validate(study_of(tmp_path, *sources, wai=WAI, phq=numbered))
    (said,) = report.issues.query("rule == 'counted_sessions'")["message"]
    assert said.startswith("Sessions are counted by 'day' here, and numbered in phq.csv")
    assert not report.ok


def test_a_day_that_cannot_be_read_is_told_once_at_its_cell(tmp_path):
    source = ("wai", "{date: day}", "wai-sr")
    report = al.validate(study_of(tmp_path, source, wai=WAI.replace("2024-01-08", "soon")))
    found = report.issues.query("level != 'info'")[["rule", "row", "column"]]
    assert found.to_numpy().tolist() == [["not_a_date", 3, "day"]]


def test_rows_of_nobody_are_told_once(tmp_path):
    source = ("wai", "{date: day}", "wai-sr")
    report = al.validate(study_of(tmp_path, source, wai=WAI + ",2024-03-01,4\n"))
    assert report.issues.query("level == 'error'")["rule"].tolist() == ["missing_value"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("session: {day: d}", "'session' must name its column of dates"),
        ("session: {date: day}\n  measures: [{measure: wai-sr, items: 'w{session}_{item}'}]",
         "stand in names of columns too"),
    ],
)  # fmt: skip
def test_what_cannot_be_counted_is_said_in_the_description(tmp_path, line, said):
    (tmp_path / "wai.csv").write_text(WAI)
    text = f"name: x\nsources:\n- file: wai.csv\n  client_id: client\n  {line}\n"
    (tmp_path / "study.yaml").write_text(text)
    assert said in " ".join(al.validate(tmp_path).issues["message"])


def test_a_long_file_of_forms_and_days_is_drafted_counted(tmp_path):
    rows = [
        (f"p{n}", f"{7 * week + 1:02d}.01.2024", form, 20 + week)
        for n in range(6)
        for week in range(4)
        for form in ("SRS", "ORS")
    ]
    frame = pd.DataFrame(rows, columns=["Klient", "Datum", "Bogen", "Summe"])
    frame.to_csv(tmp_path / "pcoms.csv", index=False, sep=";")
    draft = al.suggest_mapping(tmp_path)
    assert draft["sources"][0]["session"] == {"date": "Datum"}
    (tmp_path / "study.yaml").write_text(draft.to_yaml(), "utf-8")
    study = al.open_study(tmp_path)
    assert study.scores["session"].value_counts().to_dict() == dict.fromkeys((1, 2, 3, 4), 12)
    assert study.sessions["date"].nunique() == 4


def test_days_are_counted_without_their_hours():
    hours = pd.Series(pd.to_datetime(["1970-01-02 23:59", "1970-01-03 00:01", None]))
    assert days_of(hours).tolist()[:2] == [1, 2]
    assert days_of(hours).isna().tolist() == [False, False, True]

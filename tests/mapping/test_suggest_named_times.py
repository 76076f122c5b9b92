"""Drafts of studies whose sheets and files say by their names when rows are of, and whose."""

import numpy as np
import openpyxl
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.core.yaml_reading import parse_yaml
from alliance_stats.study.mapping.named_times import rater_in, times_in


@pytest.mark.parametrize(
    ("names", "times"),
    [
        (["Voormeting", "Nameting"], [{"occasion": "pre"}, {"occasion": "post"}]),
        (["oq_pre", "oq_post", "Legende"], [{"occasion": "pre"}, {"occasion": "post"}, None]),
        (["WAI Sitzung 1", "WAI_S03"], [{"session": 1}, {"session": 3}]),
        (["1. Sitzung", "2. Sitzung"], [{"session": 1}, {"session": 2}]),
        (["PHQ_T0", "PHQ_T1"], [{"constants": {"occasion": each}} for each in ("T0", "T1")]),
        (
            ["post", "FU 3", "Follow-up 6"],
            [{"occasion": "post"}, *({"constants": {"occasion": f"followup{n}"}} for n in (3, 6))],
        ),
        (["data_final"], [None]),
        (["data_2024", "data_2025"], [None, None]),
        (["pre_a", "pre_b"], [None, None]),
    ],
)
def test_the_times_that_names_say(names, times):
    assert [times_in(names).get(name) for name in names] == times


@pytest.mark.parametrize(
    ("name", "rater"),
    [
        ("WAI_Therapeut_S1", "therapist"),
        ("wai patient", "client"),
        ("WAI_T1", ""),
        ("Therapeut und Patient", ""),
    ],
)
def test_the_rater_that_a_name_says(name, rater):
    assert rater_in(name) == rater


def test_a_sheet_a_moment_is_an_occasion_a_sheet(tmp_path):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for moment, mean in (("Voormeting", 70), ("Nameting", 60), ("Toelichting", 0)):
        sheet = book.create_sheet(moment)
        sheet.append(["Cliëntnummer", "OQ45_totaal"] if mean else ["Kolom", "Uitleg"])
        for n in range(12):
            sheet.append([f"C{n}", mean + n] if mean else [f"k{n}", "tekst"])
    book.save(tmp_path / "metingen.xlsx")
    draft = al.suggest_mapping(tmp_path)
    assert [source["occasion"] for source in draft["sources"]] == ["pre", "post"]
    (tmp_path / "study.yaml").write_text(draft.to_yaml(), "utf-8")
    report = al.validate(tmp_path)
    assert report.counts()["error"] == 0
    scores = al.open_study(tmp_path).assessments
    assert scores.groupby("occasion", observed=True)["score"].mean().to_dict() == {
        "pre": 75.5,
        "post": 65.5,
    }


def test_a_file_a_session_and_rater_is_joined(tmp_path):
    rng = np.random.default_rng(4)
    for who in ("Patient", "Therapeut"):
        for session in (1, 2):
            answers = {f"WAI_{k}": rng.integers(1, 6, 10) for k in range(1, 13)}
            frame = pd.DataFrame({"Code": [f"A{n}" for n in range(10)]} | answers)
            frame.to_csv(tmp_path / f"WAI_{who}_Sitzung{session}.csv", index=False)
    draft = al.suggest_mapping(tmp_path)
    said = [(one["session"], one["measures"][0]["rater"]) for one in draft["sources"]]
    assert said == [(1, "client"), (2, "client"), (1, "therapist"), (2, "therapist")]
    (tmp_path / "study.yaml").write_text(draft.to_yaml(), "utf-8")
    assert al.validate(tmp_path).counts() == {"error": 0, "warning": 0, "info": 0}


def test_a_columns_rater_goes_before_the_files(tmp_path):
    frame = pd.DataFrame({"Code": range(30), "session": 1} | {f"WAI_T{k}": 3 for k in range(1, 13)})
    frame.to_csv(tmp_path / "Patient.csv", index=False)
    (source,) = al.suggest_mapping(tmp_path)["sources"]
    assert source["measures"][0]["rater"] == "therapist"


def test_the_name_of_a_form_is_found_in_a_sentence():
    frame = pd.DataFrame({"pid": range(20), "session": 1})
    frame = frame.assign(**{f"Q5_{k}": np.arange(20) % 5 + 1 for k in range(1, 13)})
    label = "Working Alliance Inventory (WAI-SR), question {}"
    frame.attrs["variable_labels"] = {f"Q5_{k}": label.format(k) for k in range(1, 13)}
    (measure,) = al.suggest_mapping(frame)["sources"][0]["measures"]
    assert measure["measure"] == "wai-sr"
    assert measure["items"] == "Q5_{item}"
    word = "How das went, state of work {}"  # three forms are called so, and none is meant
    frame.attrs["variable_labels"] = {f"Q5_{k}": word.format(k) for k in range(1, 13)}
    assert "measures" not in al.suggest_mapping(frame)["sources"][0]


def test_spanish_records_and_stages():
    frame = pd.DataFrame({"folio": [f"F{n}" for n in range(20)], "beck_pre": 20, "beck_post": 10})
    frame.attrs["variable_labels"] = {
        "folio": "Número de expediente",
        "beck_pre": "BDI-II total pretest",
        "beck_post": "BDI-II total postest",
    }
    (source,) = al.suggest_mapping(frame)["sources"]
    assert source["client_id"] == "folio"
    assert [measure["occasion"] for measure in source["measures"]] == ["pre", "post"]


@pytest.mark.parametrize("head", [["Sitzung", "Datum", "SRS"], ["Datum", "SRS"]])
def test_a_sheet_a_client_is_a_client_a_sheet(tmp_path, head):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for client in ("Anton", "Berta", "Carl"):
        sheet = book.create_sheet(client)
        sheet.append(head)
        for n in range(1, 5):
            row = {"Sitzung": n, "Datum": f"0{n}.03.2024", "SRS": 30 + n}
            sheet.append([row[name] for name in head])
    book.save(tmp_path / "faelle.xlsx")
    draft = al.suggest_mapping(tmp_path)
    assert draft.doubts[-1] == "each of 3 sheets or files is taken for the client of its name"
    (tmp_path / "study.yaml").write_text(draft.to_yaml(), "utf-8")
    scores = al.open_study(tmp_path).scores
    assert scores["client_id"].value_counts().to_dict() == dict.fromkeys(
        ("Anton", "Berta", "Carl"), 4
    )
    assert scores.groupby("session")["score"].mean().tolist() == [31, 32, 33, 34]


def test_a_column_of_raters_says_whose_rows_are(tmp_path):
    frame = pd.DataFrame({"Klient": np.repeat(range(10), 4), "Sitzung": np.tile([1, 1, 2, 2], 10)})
    frame = frame.assign(Beurteiler=["K", "T"] * 20, **{f"wai{k}": 3 for k in range(1, 13)})
    frame.to_csv(tmp_path / "wai.csv", index=False)
    draft = al.suggest_mapping(tmp_path)
    (source,) = draft["sources"]
    assert source["rater"] == {"column": "Beurteiler", "recode": {"K": "client", "T": "therapist"}}
    assert source["measures"] == [{"measure": "wai-sr", "items": "wai{item}"}]
    (tmp_path / "study.yaml").write_text(draft.to_yaml(), "utf-8")
    assert al.open_study(tmp_path).ratings["rater"].value_counts().tolist() == [240, 240]
    frame.assign(Beurteiler=["K", "x"] * 20).to_csv(tmp_path / "wai.csv", index=False)
    assert "Beurteiler" in al.suggest_mapping(tmp_path).unplaced


def test_rows_of_which_nobody_knows_when_are_told_in_one_sentence(tmp_path):
    frame = pd.DataFrame({"Klient": np.repeat(range(10), 4), "Laune": np.arange(40)})
    frame.to_csv(tmp_path / "a.csv", index=False)
    (tmp_path / "study.yaml").write_text(al.suggest_mapping(tmp_path).to_yaml(), "utf-8")
    issues = al.validate(tmp_path).issues.query("level == 'error'")
    assert len(issues) == 1
    assert issues["message"].iloc[0].startswith("10 of 10 clients have several rows: these seem")


def test_names_in_two_rows_are_drafted_by_session_with_their_dates(tmp_path):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["Code", *(part for n in (1, 2, 3) for part in (f"Sitzung {n}", "", ""))])
    sheet.append(["", *["SRS", "ORS", "Datum"] * 3])
    for at in (2, 5, 8):
        sheet.merge_cells(start_row=1, start_column=at, end_row=1, end_column=at + 2)
    for n in range(10):
        sheet.append([f"K{n}", *(x for s in (1, 2, 3) for x in (30, 20 + s, f"0{s}.04.2024"))])
    sheet["B5"] = 71
    book.save(tmp_path / "verlauf.xlsx")
    draft = al.suggest_mapping(tmp_path)
    assert draft["sources"][0]["date"] == "Sitzung {session} Datum"
    (tmp_path / "study.yaml").write_text(draft.to_yaml(), "utf-8")
    issues = al.validate(tmp_path).issues
    assert issues.query("level == 'warning'")[["row", "cell"]].to_numpy().tolist() == [[5, "B5"]]
    assert (
        issues.query("rule == 'two_rows_of_names'")["message"]
        .iloc[0]
        .endswith("as in 'Sitzung 3 Datum'.")
    )
    sheet["B5"] = 30
    book.save(tmp_path / "verlauf.xlsx")
    days = al.open_study(tmp_path).sessions.groupby("session")["date"].first()
    assert days.dt.day.tolist() == [1, 2, 3]


def test_sheets_of_clients_are_judged_together_and_their_names_stay_text(tmp_path):
    clients = ["0071", "0208", "1e5", "null"]  # 0208 and 1e5 are numbers in YAML
    book = openpyxl.Workbook()
    book.active.title = "Codes"
    for client in clients:
        sheet = book.create_sheet(client)
        sheet.append(["Datum", "SRS gesamt"])
        for week in range(6):
            sheet.append([pd.Timestamp("2024-01-08") + pd.Timedelta(days=7 * week), 30])
    book["0208"]["B4"] = 45
    book["0071"]["A3"] = "soon"
    book["Codes"].append(["Kürzel", "Name"])
    book["Codes"].append(["x", "y"])
    book.save(tmp_path / "akten.xlsx")
    draft = al.suggest_mapping(tmp_path)
    assert sum("n-th day" in doubt for doubt in draft.doubts) == 1
    (tmp_path / "study.yaml").write_text(draft.to_yaml(), "utf-8")
    told = al.validate(tmp_path).issues.query("level != 'info'")
    assert set(told[["sheet", "row", "column"]].itertuples(index=False, name=None)) == {
        ("0208", 4, "SRS gesamt"),
        ("0071", 3, "Datum"),
    }
    sources = parse_yaml(draft.to_yaml(), "study.yaml").value["sources"]
    assert [source["constants"]["client_id"] for source in sources] == clients


def test_a_word_that_names_no_rater_is_told_and_the_others_are_read(tmp_path):
    items = {f"wai{item}": 3 for item in range(1, 13)}
    rows = [{"pid": p, "session": 1, "rater": r, **items} for p in "ab" for r in ("K", "T", "X")]
    pd.DataFrame(rows).to_csv(tmp_path / "x.csv", index=False)
    draft = al.suggest_mapping(tmp_path)
    assert draft["sources"][0]["rater"] == {
        "column": "rater",
        "recode": {"K": "client", "T": "therapist"},
    }
    assert any("'X'" in doubt for doubt in draft.doubts)


def test_merged_names_over_a_blank_column_are_read(tmp_path):
    frame = pd.DataFrame(
        [["Klient", "Sitzung 1", "", "", "Sitzung 2", "", ""], ["", *("SRS", "ORS", "") * 2]]
        + [[f"k{n}", 30, 20, "", 31, 21, ""] for n in range(9)]
    )
    frame.to_csv(tmp_path / "x.csv", index=False, header=False)
    scores = [each["score"] for each in al.suggest_mapping(tmp_path)["sources"][0]["measures"]]
    assert scores == ["Sitzung {session} SRS", "Sitzung {session} ORS"]

"""Values that pass for others elsewhere: truth for one, years of no life, no calendar's seconds."""

import numpy as np
import pandas as pd
import pyreadstat
import pytest
from openpyxl import Workbook

import alliance_stats as al

ITEMS = [f"q{item}" for item in range(1, 10)]
STUDY = """name: s
sources:
  - file: e.csv
    client_id: pid
    session: sess
    date: day
    measures: [{measure: phq-9, rater: client, items: "q{item}"}]
"""


def validated(folder, *rows):
    (folder / "study.yaml").write_text(STUDY, "utf-8")
    lines = [",".join(["pid", "sess", "day", *ITEMS]), *rows]
    (folder / "e.csv").write_text("\n".join(lines), "utf-8")
    return al.validate(folder).issues


def test_true_is_no_answer_in_a_file(tmp_path):
    found = validated(tmp_path, "a,1,2024-01-01,TRUE,True" + ",1" * 7)
    assert found["column"].tolist() == ["q1", "q2"]
    assert found["value"].str.upper().tolist() == ["TRUE", "TRUE"]
    assert set(found["level"]) == {"error"}


@pytest.mark.parametrize("kind", [bool, object, "boolean"])
def test_true_is_no_answer_in_a_frame(kind):
    answers = pd.DataFrame(
        {"client_id": "a", "session": 1, "rater": "client", "measure": "phq-9",
         "item": range(1, 10), "value": [True] * 9}
    ).astype({"value": kind})  # fmt: skip
    found = al.validate(al.Study("s", {"ratings": answers})).issues
    assert "True" in found["message"].iloc[0]
    assert set(found["rule"]) == {"not_a_number"}
    scored = al.score(answers)
    assert scored["n_answered"].tolist() == [0]
    assert scored["score"].isna().all()


@pytest.mark.parametrize("day", ["0201-01-08", "1066-10-14", "1899-12-30", "2204-01-08"])
def test_a_date_of_no_life_is_told_and_left_out(tmp_path, day):
    found = validated(tmp_path, f"a,1,{day}" + ",1" * 9, "a,2,2024-01-08" + ",1" * 9)
    assert found["column"].tolist() == ["day"]
    assert found["row"].tolist() == [2]
    assert day in found["message"].iloc[0]
    assert "between 1900 and 2100" in found["message"].iloc[0]


@pytest.mark.parametrize("seconds", [1e15, -1e15, np.inf])
def test_seconds_of_no_calendar_in_an_spss_file_are_told(tmp_path, seconds):
    frame = pd.DataFrame({"pid": ["a", "b"], "day": [seconds, 13_900_000_000.0]})
    pyreadstat.write_sav(frame, tmp_path / "d.sav", variable_format={"day": "DATETIME20"})
    (tmp_path / "study.yaml").write_text(
        "name: s\nsources:\n  - {file: d.sav, table: clients, columns: {client_id: pid}, "
        "carry: [day]}\n",
        "utf-8",
    )
    found = al.validate(tmp_path).issues.query("rule == 'impossible_date'")
    assert found["row"].tolist() == [1]
    assert found["column"].tolist() == ["day"]


def test_a_formula_of_an_array_without_a_value_is_told(tmp_path):
    import openpyxl
    from openpyxl.worksheet.formula import ArrayFormula

    book = openpyxl.Workbook()
    for row in (["pid", "sess", "phq"], ["a", 1, 3], ["a", 2, None], ["a", 3, 5]):
        book.active.append(row)
    book.active["C3"] = ArrayFormula("C3", "=SUM(A1:A2)")
    book.save(tmp_path / "t.xlsx")
    (tmp_path / "study.yaml").write_text(
        "name: s\nsources:\n  - {file: t.xlsx, client_id: pid, session: sess, "
        "measures: [{measure: phq-9, rater: client, score: phq}]}\n",
        "utf-8",
    )
    found = al.validate(tmp_path).issues.query("rule == 'formula_without_value'")
    assert found["cell"].tolist() == ["C3"]


def sessions_of_ten():
    rng = np.random.default_rng(4)
    ids = np.repeat([f"c{n}" for n in range(10)], 4)
    frame = pd.DataFrame({"client_id": ids, "session": np.tile(range(1, 5), 10)})
    level = np.repeat(rng.normal(4, 2, 10), 4)
    return frame.assign(score=level + rng.normal(size=40), x=rng.normal(size=40))


MODEL = "score ~ session + (1 | client_id)"
SURFACE = {"x": "x", "y": "session", "outcome": "score", "by": None}


@pytest.mark.parametrize(
    "call",
    [
        lambda rows: al.detect_ruptures(rows, rule="drop_points", points=1),
        lambda rows: al.expected_by_chance(rows, rule="drop_within_sd", replicates=2),
        lambda rows: al.decompose(rows, "score"),
        lambda rows: al.lag(rows, "score"),
        lambda rows: al.mean_reliability(rows.rename(columns={"score": "bond"}), "bond"),
        lambda rows: al.fit_multilevel(MODEL, rows),
        lambda rows: al.clinic_file(MODEL, rows, None),
        lambda rows: al.fit_response_surface(rows, **SURFACE),
    ],
)
@pytest.mark.parametrize("mixed", [False, True])
def test_true_and_false_are_no_scores(call, mixed):
    rows = sessions_of_ten()
    truth = rows["score"] > 4
    cells = truth.astype(object).mask(rows["session"] > 1, 3) if mixed else truth
    with pytest.raises(al.ColumnError, match=r"(must|True|False|numbers)"):
        call(rows.assign(score=cells))


def test_a_yes_or_no_may_be_the_outcome_of_its_own_model_and_a_predictor():
    rows = sessions_of_ten().assign(ruptured=lambda own: own["score"] > 4)
    flat = {"family": "binomial", "df": "between-within"}
    assert al.fit_multilevel("ruptured ~ session + (1 | client_id)", rows, **flat).nobs == len(rows)
    assert al.fit_multilevel("score ~ ruptured + (1 | client_id)", rows).nobs == len(rows)
    assert al.decompose(rows, "ruptured")["ruptured_between"].between(0, 1).all()


@pytest.mark.parametrize("how", [{}, {"family": "binomial", "df": "between-within"}])
def test_a_blank_id_is_a_missing_one_in_a_model_too(how):
    rows = sessions_of_ten()
    rows.loc[:3, "client_id"] = ["", " ", "c1 ", " c1"]
    rows["score"] = rows["score"] > 4 if how else rows["score"]
    fit = al.fit_multilevel(MODEL, rows, **how)
    assert (fit.nobs, fit.glance()["n_client_id"].item()) == (38, 9)
    assert "client_id 2." in str(fit.summary())


def test_a_hidden_sheet_beside_one_that_is_read_is_told(tmp_path):
    book = Workbook()
    book.active.append(["pid", "sess", "day", *ITEMS])
    book.active.append(["a", 1, "2024-01-01", *[1] * 9])
    book.create_sheet("withdrawn").sheet_state = "hidden"
    book["withdrawn"].append(["pid", "sess"])
    book["withdrawn"].append(["b", 1])
    book.save(tmp_path / "e.xlsx")
    (tmp_path / "study.yaml").write_text(STUDY.replace("e.csv", "e.xlsx"), "utf-8")
    found = al.validate(tmp_path).issues
    assert found["rule"].tolist() == ["hidden_sheet"]
    assert "withdrawn" in found["message"].item()

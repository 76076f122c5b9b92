"""Studies written for other programs are read back equal."""

import datetime as dt

import numpy as np
import pandas as pd
import pyreadstat
import pytest

import alliance_stats as al
from alliance_stats.errors import AllianceStatsError

STUDY = al.simulate_study(n_therapists=3, n_clients=8, seed=3)


def plain(column):
    """A column as any program holds it: texts, numbers, days; nothing is None."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return [None if pd.isna(day) else day.date() for day in column]
    if pd.api.types.is_bool_dtype(column.dtype) or pd.api.types.is_numeric_dtype(column.dtype):
        return [None if pd.isna(value) else float(value) for value in column]
    return [None if pd.isna(text) or text == "" else text for text in column.astype(object)]


@pytest.mark.parametrize("format", ["sav", "dta"])
def test_spss_and_stata_files_are_read_back_equal(tmp_path, format):
    folder = STUDY.export(tmp_path / "out", format=format)
    read = {"sav": pyreadstat.read_sav, "dta": pyreadstat.read_dta}[format]
    for name, table in STUDY.tables.items():
        back, meta = read(folder / f"{name}.{format}")
        assert list(back) == list(table)
        for column in table:
            assert plain(back[column]) == plain(table[column]), (name, column)
        assert all(meta.column_labels)
    _, meta = read(folder / f"sessions.{format}")
    assert meta.variable_value_labels["attended"] == {0: "no", 1: "yes"}
    assert meta.column_names_to_labels["client_id"] == "Client"


def test_answers_not_given_have_a_code_that_spss_knows_as_missing(tmp_path):
    assert STUDY.ratings["value"].isna().any()
    folder = STUDY.export(tmp_path, format="sav")
    back, meta = pyreadstat.read_sav(folder / "ratings.sav", user_missing=True)
    assert meta.missing_ranges["value"] == [{"lo": -99.0, "hi": -99.0}]
    assert meta.variable_value_labels["value"] == {-99: "no answer"}
    assert (back["value"] == -99).sum() == STUDY.ratings["value"].isna().sum()
    assert (
        al.read_table(folder / "ratings.sav")["value"].isna().sum() == (back["value"] == -99).sum()
    )


def test_answers_not_given_have_a_code_that_stata_knows_as_missing(tmp_path):
    folder = STUDY.export(tmp_path, format="dta")
    back, meta = pyreadstat.read_dta(folder / "ratings.dta", user_missing=True)
    assert meta.missing_user_values["value"] == ["a"]
    assert meta.variable_value_labels["value"] == {"a": "no answer"}
    missing = STUDY.ratings["value"].isna()
    assert (back["value"] == "a").tolist() == missing.tolist()
    ours = al.read_table(folder / "ratings.dta")["value"]
    assert ours.isna().tolist() == missing.tolist()
    assert pd.api.types.is_numeric_dtype(ours.dtype)


@pytest.mark.parametrize("format", ["csv", "parquet", "xlsx"])
def test_other_formats_hold_the_values_and_a_codebook(tmp_path, format):
    folder = STUDY.export(tmp_path / "out", format=format)
    if format == "xlsx":
        read = {
            name: pd.read_excel(folder / "study.xlsx", sheet_name=name) for name in STUDY.tables
        }
        book = pd.read_excel(folder / "study.xlsx", sheet_name="codebook")
    else:
        reader = {"csv": pd.read_csv, "parquet": pd.read_parquet}[format]
        read = {name: reader(folder / f"{name}.{format}") for name in STUDY.tables}
        book = pd.read_csv(folder / "codebook.csv")
    for name, table in STUDY.tables.items():
        number = [c for c in table if pd.api.types.is_numeric_dtype(table[c].dtype)]
        for column in number:
            assert plain(read[name][column]) == plain(table[column])
    labels = book.set_index(["table", "column"])["label"]
    assert labels["ratings", "value"] == "Answer"


@pytest.mark.parametrize("format", ["sav", "csv"])
def test_wide_is_a_row_a_client_with_every_answer_and_score(tmp_path, format):
    folder = STUDY.export(tmp_path / "out", format=format, wide=True)
    path = folder / f"wide.{format}"
    back = pyreadstat.read_sav(path)[0] if format == "sav" else pd.read_csv(path)
    assert back["client_id"].tolist() == STUDY.clients["client_id"].tolist()
    rows = back.set_index("client_id")
    for client, session, rater, item, value in (
        STUDY.ratings.query("measure == 'wai-sr'")
        .head(60)[["client_id", "session", "rater", "item", "value"]]
        .itertuples(index=False)
    ):
        held = rows.loc[client, f"wai_sr_{rater}_i{item}_s{session}"]
        np.testing.assert_equal(float(held), float(value))
    first = STUDY.scores.dropna(subset=["score"]).query("measure == 'wai-sr'").iloc[0]
    name = f"wai_sr_{first['rater']}_{first['scale']}_s{first['session']}"
    assert rows.loc[first["client_id"], name] == first["score"]


def test_days_stay_days_and_text_is_no_formula(tmp_path):
    frame = pd.DataFrame({"client_id": ["=1+1", "b"], "session": [1, 1]})
    frame["date"] = pd.to_datetime(["2024-03-01", None])
    study = al.Study("s", {"sessions": frame})
    back, _ = pyreadstat.read_sav(study.export(tmp_path, format="sav") / "sessions.sav")
    assert back["date"].tolist()[0] == dt.date(2024, 3, 1)
    book = pd.read_excel(study.export(tmp_path, format="xlsx") / "study.xlsx")
    assert book["client_id"].tolist() == ["=1+1", "b"]


def test_what_cannot_be_written_is_said(tmp_path):
    with pytest.raises(AllianceStatsError, match="not 'sas'"):
        STUDY.export(tmp_path, format="sas")
    STUDY.export(tmp_path / "out", format="csv")
    with pytest.raises(AllianceStatsError, match=r"already holds .*overwrite=True"):
        STUDY.export(tmp_path / "out", format="csv")
    STUDY.export(tmp_path / "out", format="csv", overwrite=True)
    (tmp_path / "file").write_text("x")
    with pytest.raises(AllianceStatsError, match="is a file"):
        STUDY.export(tmp_path / "file", format="csv")
    with pytest.raises(AllianceStatsError, match="no ratings or scores"):
        al.Study("s", {"clients": STUDY.clients}).export(tmp_path / "w", format="csv", wide=True)


@pytest.mark.parametrize("format", ["sav", "dta"])
def test_names_that_a_program_refuses_are_written_so_that_it_takes_them(tmp_path, format):
    names = ["Anmerkung Prüfer", "Anmerkung-Prüfer", "1st", "with", "ende.", "Ä" * 40, "Ä" * 41,
             "anmerkung_prüfer"]  # fmt: skip
    clients = pd.DataFrame({"client_id": ["a", "b"], **{name: [1.0, 2.0] for name in names}})
    folder = al.Study("s", {"clients": clients}).export(tmp_path, format=format)
    read = {"sav": pyreadstat.read_sav, "dta": pyreadstat.read_dta}[format]
    back, meta = read(folder / f"clients.{format}")
    made = list(back)
    assert made[:5] == ["client_id", "Anmerkung_Prüfer", "Anmerkung_Prüfer_2", "v1st", "with_"]
    assert len({name.casefold() for name in made}) == len(made) == 9
    assert meta.column_labels[1:6] == names[:5]
    assert (back.iloc[:, 1:].to_numpy() == [[1.0], [2.0]]).all()

"""Sheets and files that are called as their client: no such name leaves by any way."""

import zipfile

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.core.id_masking import Names
from alliance_stats.study.labels import Labels

FIRST = ["Anton", "Berta", "Carlo", "Doro", "Emilia", "Frieda", "Gustav", "Hannah", "Ignaz",
         "Jutta", "Karl", "Lotte"]  # fmt: skip
LAST = ["Huber", "Maier"]
DAY = "2023-0"
KEY = "correct horse battery staple"


def opened(folder, names, kind):
    """Return the study that the draft of a workbook, or of a folder of files, makes of them."""
    rng = np.random.default_rng(3)
    sheets = {}
    for at, name in enumerate(names):
        n = int(rng.integers(5, 9))
        answers = np.clip(np.round(rng.normal(3.5, 0.8, (n, 12))), 1, 5).astype(int)
        answers[1] = 3 if at % 3 else answers[1]
        days = pd.date_range(f"{DAY}1-09", periods=n, freq="7D").strftime("%Y-%m-%d")
        sheets[name] = pd.DataFrame({"Datum": days}).join(
            pd.DataFrame(answers, columns=[f"wai_sr_{item}" for item in range(1, 13)])
        )
    sheets[names[1]].loc[0, "wai_sr_3"] = 99
    folder.mkdir()
    if kind == "sheets":
        with pd.ExcelWriter(folder / "daten.xlsx") as book:
            for name, rows in sheets.items():
                rows.to_excel(book, sheet_name=name, index=False)
    else:
        for name, rows in sheets.items():
            rows.to_csv(folder / f"{name}.csv", index=False)
    draft = al.suggest_mapping(folder).to_yaml()
    (folder / "study.yaml").write_text(draft, encoding="utf-8")
    return al.open_study(folder)


def everything_in(folder):
    """Return names and texts of all files, those inside documents too."""
    texts = []
    for path in (each for each in folder.rglob("*") if each.is_file()):
        texts += [path.name, path.read_bytes().decode("utf-8", "replace")]
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as held:
                texts += [held.read(each).decode("utf-8", "replace") for each in held.namelist()]
    return "\n".join(texts)


def test_nothing_written_of_sheets_of_clients_names_one(tmp_path):
    names = [f"{first} {last}" for last in LAST[:2] for first in FIRST]
    # the study is called after its folder, as a practice is after who works there
    study = opened(tmp_path / f"WAI_{names[0]}", names, "sheets")
    assert set(study.clients["client_id"]) == set(names)
    group = study.clients.assign(group=[1, 2] * 12)
    words = Labels(f"Gruppe ({names[2]})", {1: f"mit {names[5]}", 2: "andere"})
    study = study.with_tables(clients=group)._with(labels={"group": words}, notes=(names[4],))
    out = tmp_path / "out"
    shared = al.pseudonymise(study, key=KEY)
    shared.save(out / "shared")
    al.synthetic_study(study, seed=1).save(out / "synthetic")
    for one, to in ((study, "own.html"), (shared, "shared.html")):
        one.codebook().to_html(out / to)
    study.explore().save(out / "explorer.html")
    text = everything_in(out).casefold()
    assert len(text) > 10_000
    assert [one for one in {*FIRST, *LAST} if one.casefold() in text] == []
    counts = [one.sessions.groupby("client_id").size() for one in (study, shared)]
    assert sorted(counts[0]) == sorted(counts[1])
    assert DAY not in repr(shared.notes)
    assert not shared.files
    assert shared.report is None


@pytest.mark.parametrize("kind", ["sheets", "files"])
def test_no_report_of_twelve_names_a_sheet_a_file_or_a_day(tmp_path, kind):
    names = [f"{first} {LAST[0]}" for first in FIRST]
    study = opened(tmp_path / names[3], names, kind)
    assert study.report.issues["rule"].eq("counted_sessions").any()
    al.write_report(study.folder, tmp_path / "out")
    text = everything_in(tmp_path / "out").casefold()
    assert [one for one in (*FIRST, *LAST[:1]) if f"{one.casefold()} " in text] == []
    assert DAY not in text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("T1_anton-huber.xlsx", "T1_….xlsx"), ("ANTON_HUBER", "…"), ("klient-07: late", "…: late"),
        ("Anna", "…"), ("an anna's Klient 071", "an anna's Klient 071"),
    ],
)  # fmt: skip
def test_a_file_s_name_that_holds_an_id_is_an_id_however_it_is_written(text, masked):
    assert Names(["Anton Huber", "Klient 07", "Anna"]).mask(text) == masked

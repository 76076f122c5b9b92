"""From a practice's own files, as messy as they come, to the report, with one line by hand."""

import numpy as np
import openpyxl
import pandas as pd
import pyreadstat
import pytest

import alliance_stats as al

REASONS = {
    "completed": "abgeschlossen", "dropout": "Abbruch", "mutual": "einvernehmlich",
    "ongoing": "laufend", "transferred": "verlegt", "administrative": "Umzug",
}  # fmt: skip
SESSIONS = 4


@pytest.fixture(scope="module")
def simulated():
    return al.simulate_study(n_therapists=8, n_clients=24, seed=5)


def write_forms(study, path):
    """Write a wide SPSS file: ``wai_c_s03_07``, labels, codes for missing, numbers for arms."""
    rows = study.ratings.query(f"measure == 'wai-sr' and session <= {SESSIONS}")
    names = [
        f"wai_{rater[0]}_s{session:02d}_{item:02d}"
        for rater, session, item in rows[["rater", "session", "item"]].itertuples(index=False)
    ]
    ids = study.clients["client_id"]
    wide = rows.assign(name=names).pivot_table(index="client_id", columns="name", values="value")
    wide = wide.reindex(ids).reset_index(drop=True)
    at = np.arange(len(ids))
    frame = pd.DataFrame(
        {
            "klnr": 101.0 + at,
            "thnr": pd.factorize(study.clients["therapist_id"])[0] + 1.0,
            "geschl": 1.0 + at % 2,
            "gruppe": 1.0 + at // 2 % 2,
        }
    )
    pyreadstat.write_sav(
        pd.concat([frame, wide.fillna(-9)], axis=1),
        path,
        column_labels={
            "klnr": "Klientennummer", "thnr": "Therapeutennummer", "geschl": "Geschlecht",
            "gruppe": "Behandlungsgruppe",
        },
        variable_value_labels={
            "geschl": {1: "weiblich", 2: "männlich"}, "gruppe": {1: "KVT", 2: "TP"},
        },
        missing_ranges={name: [-9] for name in wide.columns},
    )  # fmt: skip
    return dict(zip(ids, (101 + at).tolist(), strict=True))


def write_ends(study, number, path):
    """Write a workbook whose second sheet holds the ends of therapy, in words and with remarks."""
    book = openpyxl.Workbook()
    book.active.title = "Hinweise"
    book.active.append(["Stand: Mai"])
    sheet = book.create_sheet("Therapieende")
    sheet.append(["Klient-Nr.", "letzte Sitzung", "Grund", "Bemerkung"])
    ends = study.terminations[["client_id", "last_session", "reason"]]
    for client, last, reason in ends.itertuples(index=False):
        sheet.append([f" {number[client]}", min(int(last), SESSIONS), REASONS[reason], None])
    book.save(path)


def write_course(study, number, path):
    """Write a CSV of Windows: semicolons, decimal commas, days first, umlauts, a blank line."""
    sessions = study.sessions.query(f"session <= {SESSIONS} and attended")
    rng = np.random.default_rng(1)
    lines = ["Klientennummer;Sitzung;Datum;HSCL11_MW;Gespräch"]
    for client, session in sessions[["client_id", "session"]].itertuples(index=False):
        day = pd.Timestamp("2023-02-01") + pd.Timedelta(days=7 * int(session))
        score = np.clip(2.4 - 0.08 * session + 0.3 * rng.normal(), 1, 4)
        said = "ja" if session % 2 else ""
        cells = [number[client], session, day.strftime("%d.%m.%Y"), f"{score:.2f}", said]
        lines.append(
            ";".join(map(str, cells)).replace(f"{score:.2f}", f"{score:.2f}".replace(".", ","))
        )
    path.write_bytes("\r\n".join([*lines, ";;;;", ""]).encode("cp1252"))


@pytest.fixture
def practice(call, tmp_path, simulated):
    """Return a folder made by ``new`` with the practice's files and the draft of study.yaml."""
    folder = tmp_path / "praxis"
    assert call("new", folder)[0] == 0
    number = write_forms(simulated, folder / "data" / "Fragebögen.sav")
    write_ends(simulated, number, folder / "data" / "Enden.xlsx")
    write_course(simulated, number, folder / "data" / "verlauf.csv")
    draft = al.suggest_mapping(folder)
    (folder / "study.yaml").write_text(draft.to_yaml(), encoding="utf-8")
    return folder


def test_from_new_to_the_report_with_one_line_by_hand(call, practice, simulated):
    text = (practice / "study.yaml").read_text(encoding="utf-8")
    (practice / "study.yaml").write_text(text.replace("name: praxis", "name: Praxis Nord"))
    code, out, _ = call("validate", practice)
    assert code == 0, out
    study = al.open_study(practice)
    assert len(study.clients) == len(simulated.clients)
    assert set(study.clients["condition"]) == {"KVT", "TP"}
    assert study.labels["geschl"].values == {1: "weiblich", 2: "männlich"}
    wanted = simulated.ratings.query(f"measure == 'wai-sr' and session <= {SESSIONS}")
    assert study.ratings["value"].sum() == wanted["value"].sum()
    assert study.terminations["reason"].tolist() == simulated.terminations["reason"].tolist()
    hscl = study.select("hscl-11")
    assert hscl["score"].between(1, 4).all()
    assert hscl["date"].min() == pd.Timestamp("2023-02-08")
    said = call("report", practice, "--out", practice / "results" / "report", "--quiet")
    assert said == (0, "", "")  # quiet is silent
    page = (practice / "results" / "report" / "index.html").read_text(encoding="utf-8")
    assert "Praxis Nord" in page
    for found in ("WAI-SR", "HSCL-11"):
        assert found in page

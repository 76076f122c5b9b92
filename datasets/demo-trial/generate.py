"""Make the files of the demo trial: python datasets/demo-trial/generate.py [folder]

Every number is drawn by `alliance_stats.simulate_study` with the parameters below. The files are
written as a lab might have them; study.yaml, README.md and LICENSE are written by hand.
"""

import datetime as dt
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat

import alliance_stats as al

SEED = 2018
PARAMETERS = {
    "planned_sessions": 16.5,
    "planned_sessions_sd": 5.0,
    "dropout_hazard": 0.0175,
    "answer_sd": 0.6,
    "coded_share": 0.05,
}
NO_ANSWER = -9
REASONS = {1: "completed", 2: "dropout", 3: "mutual", 4: "transferred", 5: "administrative"}
MADE = dt.datetime(2026, 1, 1)  # written into the files, so that each run gives the same bytes
DECIMALS = 4


def main(folder: Path) -> None:
    """Write all data files into `folder`."""
    study = al.simulate_study(**PARAMETERS, seed=SEED)
    folder.mkdir(parents=True, exist_ok=True)
    write_sessions(study, folder / "sessions.sav")
    write_people(study, folder / "clients.xlsx")
    for name, frame in {
        "endings": endings(study),
        "events": events(study),
        "assessments": assessments(study),
        "forecasts": study.forecasts,
        "observer_codes": study.observer_codes,
        "principle_codes": study.principle_codes,
    }.items():
        frame.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    study.truth.to_json(folder / "truth.json", decimals=DECIMALS)


def write_sessions(study: al.Study, path: Path) -> None:
    """Write one row a session, with the answers of both raters beside each other."""
    wide = study.sessions.rename(columns={"client_id": "pid", "therapist_id": "ther"})
    wide = wide.rename(columns={"session": "sess"}).assign(
        attended=wide["attended"].astype(float), date=wide["date"].dt.date
    )
    labels = {
        "pid": "Client",
        "ther": "Therapist",
        "sess": "Session number",
        "date": "Date of the session",
        "attended": "Did the session take place",
    }
    blocks = [("wai-sr", "client", "wai", "WAI-SR, client"),
              ("wai-sr", "therapist", "waiT", "WAI-SR, therapist"),
              ("core-10", "client", "core", "CORE-10, client")]  # fmt: skip
    items: list[str] = []
    for measure, rater, prefix, title in blocks:
        block = answers(study, measure, rater)
        block.columns = [f"{prefix}{item}" for item in block.columns]
        labels |= {name: f"{title}, item {name.removeprefix(prefix)}" for name in block}
        items += list(block)
        wide = wide.join(block, on=["pid", "sess"])
    scale = {"wai": {1.0: "lowest", 5.0: "highest"}, "core": {0.0: "lowest", 4.0: "highest"}}
    values = {
        name: scale["core" if name.startswith("core") else "wai"] | {float(NO_ANSWER): "no answer"}
        for name in items
    }
    pyreadstat.write_sav(
        wide,
        path,
        file_label="SYNTHETIC demo trial of alliance_stats",
        column_labels=labels,
        variable_value_labels={"attended": {0.0: "missed", 1.0: "took place"}, **values},
        missing_ranges={name: [NO_ANSWER] for name in items},
        variable_format={"sess": "F3.0", "attended": "F1.0", **dict.fromkeys(items, "F2.0")},
        row_compress=True,
    )
    stamp(path)


def answers(study: al.Study, measure: str, rater: str) -> pd.DataFrame:
    """Return client × session by item; an answer left out is -9, a form left out blank."""
    part = study.ratings.query("measure == @measure and rater == @rater")
    part = part.assign(value=part["value"].fillna(NO_ANSWER))
    return part.pivot_table(
        "value", index=["client_id", "session"], columns="item", aggfunc="first"
    )


def stamp(path: Path) -> None:
    """Put a fixed date into the header of an SPSS file, in place of the moment of writing."""
    content = bytearray(path.read_bytes())
    content[92:101] = MADE.strftime("%d %b %y").encode()
    content[101:109] = MADE.strftime("%H:%M:%S").encode()
    path.write_bytes(bytes(content))


def write_people(study: al.Study, path: Path) -> None:
    """Write a workbook with a sheet of clients and one of therapists."""
    clients = study.clients.rename(
        columns={"client_id": "pid", "therapist_id": "ther", "site_id": "clinic",
                 "condition": "arm"}
    )  # fmt: skip
    therapists = study.therapists.rename(
        columns={"therapist_id": "ther", "site_id": "clinic", "training": "school",
                 "years_experience": "years"}
    )  # fmt: skip
    with pd.ExcelWriter(path, engine="xlsxwriter") as writer:
        clients.to_excel(writer, sheet_name="clients", index=False)
        therapists.to_excel(writer, sheet_name="therapists", index=False)
        writer.book.set_properties({"title": "SYNTHETIC demo trial", "created": MADE})


def endings(study: al.Study) -> pd.DataFrame:
    """Return one row a client: the last session and why it was the last, as a code."""
    code = {reason: number for number, reason in REASONS.items()}
    return pd.DataFrame(
        {
            "pid": study.terminations["client_id"],
            "n": study.terminations["last_session"],
            "why": study.terminations["reason"].map(code),
        }
    )


def events(study: al.Study) -> pd.DataFrame:
    """Return what clients (c) and therapists (t) reported, in short codes."""
    frame = study.events
    return pd.DataFrame(
        {
            "pid": frame["client_id"],
            "sess": frame["session"],
            "who": frame["rater"].str[0],
            "what": frame["kind"],
            "type": frame["subtype"].str[0],
            "strength": frame["intensity"].astype("Int64"),
            "resolved": frame["resolution"].astype("Int64"),
        }
    )


def assessments(study: al.Study) -> pd.DataFrame:
    """Return the outcome total at each occasion."""
    frame = study.assessments
    score = frame["score"].to_numpy()
    assert np.array_equal(score, np.rint(score))
    return pd.DataFrame(
        {
            "pid": frame["client_id"],
            "occasion": frame["occasion"],
            "week": frame["week"].astype(int),
            "core_total": score.astype(int),
        }
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)

"""A clean study as a lab has it: an SPSS file of sessions, an Excel list, two CSV files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from alliance_stats.study.origin import RawStudy

N_CLIENTS, N_SESSIONS = 40, 6

STUDY_YAML = """\
name: clinic
sources:
  - file: sessions.sav
    client_id: pid
    session: sess
    therapist_id: ther
    date: visit
    attended: came
    measures:
      - {measure: wai-sr, rater: client, items: "wai{item}"}
      - {measure: wai-sr, rater: therapist, items: "waiT{item:02d}"}
      - {measure: core-10, rater: client, items: "core{item}", score: core_total}
  - file: clients.xlsx
    sheet: list
    table: clients
    columns: {client_id: code, therapist_id: ther, site_id: clinic, condition: arm}
  - file: endings.csv
    table: terminations
    columns: {client_id: pid, last_session: n, reason: why}
  - {file: events.csv, table: events, columns: {client_id: pid, session: sess}}
"""


class Lab:
    """The files of the study as frames, to be changed and written.

    Rows are counted as the files do: case 1 of the SPSS file is row 1, the first row below the
    header of a sheet or CSV is row 2.
    """

    def __init__(self, seed: int = 7) -> None:
        rng = np.random.default_rng(seed)
        self.clients = _clients()
        self.sessions = _sessions(rng, self.clients)
        self.endings = pd.DataFrame(
            {"pid": self.clients["code"], "n": N_SESSIONS, "why": "completed"}
        ).astype(object)
        first = [1, 15, 42, 77, 120, 155, 190, 200]
        self.events = pd.DataFrame(
            {
                "pid": self.sessions["pid"].iloc[first].tolist(),
                "sess": self.sessions["sess"].iloc[first].astype(int).tolist(),
                "rater": ["client", "therapist"] * 4,
                "kind": ["rupture", "repair"] * 4,
                "subtype": ["withdrawal", None, "confrontation", None] * 2,
                "intensity": [1, 2, 3, 4, 5, 3, 2, 1],
                "resolution": [5, 4, 3, 2, 1, 3, 4, 5],
            }
        ).astype(object)
        self.yaml = STUDY_YAML

    def session(self, row: int, column: str, value: object) -> None:
        """Write one cell of the SPSS file by its case number."""
        self.sessions.loc[row - 1, column] = value

    def write(self, folder: Path) -> Path:
        """Write the study's folder and return it."""
        folder.mkdir(exist_ok=True)
        pyreadstat.write_sav(self.sessions, str(folder / "sessions.sav"))
        with pd.ExcelWriter(folder / "clients.xlsx") as book:
            self.clients.to_excel(book, sheet_name="list", index=False)
        self.endings.to_csv(folder / "endings.csv", index=False)
        self.events.to_csv(folder / "events.csv", index=False)
        (folder / "study.yaml").write_text(self.yaml, encoding="utf-8")
        return folder


def _clients() -> pd.DataFrame:
    number = np.arange(N_CLIENTS)
    return pd.DataFrame(
        {
            "code": [f"C{i + 1:03d}" for i in number],
            "ther": [f"T{i % 8 + 1:02d}" for i in number],
            "clinic": np.where(number % 8 < 4, "north", "south"),
            "arm": np.where(number % 2, "active", "usual"),
        }
    ).astype(object)


def _sessions(rng: np.random.Generator, clients: pd.DataFrame) -> pd.DataFrame:
    n = N_CLIENTS * N_SESSIONS
    session = np.tile(np.arange(1, N_SESSIONS + 1), N_CLIENTS)
    level = np.repeat(rng.normal(size=N_CLIENTS), N_SESSIONS) + rng.normal(size=n) * 0.7
    frame = {
        "pid": np.repeat(clients["code"].to_numpy(), N_SESSIONS),
        "ther": np.repeat(clients["ther"].to_numpy(), N_SESSIONS),
        "sess": session.astype(float),
        "visit": pd.Timestamp("2024-01-01") + pd.to_timedelta(session * 7, unit="D"),
        "came": np.ones(n),
    }
    for name, reverse, k, low, high in (
        ("wai{}", (), 12, 1, 5),
        ("waiT{:02d}", (), 12, 1, 5),
        ("core{}", (2, 3), 10, 0, 4),
    ):
        middle, unit = (low + high) / 2, (high - low) / 5
        answers = middle + unit * (0.8 * level[:, None] + rng.normal(size=(n, k)))
        answers = np.clip(np.rint(answers), low, high)
        keyed = answers.copy()
        for item in reverse:
            answers[:, item - 1] = low + high - keyed[:, item - 1]
        frame |= {name.format(i + 1): answers[:, i] for i in range(k)}
        if name == "core{}":
            frame["core_total"] = keyed.sum(axis=1)
    return pd.DataFrame(frame)


@pytest.fixture(scope="session")
def make_lab() -> type[Lab]:
    return Lab


@pytest.fixture
def lab() -> Lab:
    return Lab()


@pytest.fixture
def tables() -> dict[str, pd.DataFrame]:
    """Canonical tables of a small clean study, built by hand."""
    number = np.arange(12)
    clients = pd.DataFrame(
        {
            "client_id": [f"c{i}" for i in number],
            "therapist_id": [f"t{i % 3}" for i in number],
            "site_id": "north",
        }
    )
    sessions = clients[["client_id"]].merge(pd.DataFrame({"session": [1, 2, 3, 4]}), how="cross")
    sessions = sessions.assign(
        date=pd.Timestamp("2024-05-01") + pd.to_timedelta(sessions["session"] * 7, unit="D"),
        attended=True,
    )
    rng = np.random.default_rng(3)
    items = pd.DataFrame({"item": np.arange(1, 13)})
    ratings = sessions[["client_id", "session"]].merge(items, how="cross")
    ratings = ratings.assign(
        rater="client", measure="wai-sr", value=rng.integers(1, 6, len(ratings)).astype(float)
    )
    return {
        "therapists": pd.DataFrame({"therapist_id": ["t0", "t1", "t2"]}),
        "clients": clients,
        "sessions": sessions,
        "ratings": ratings,
        "terminations": pd.DataFrame(
            {"client_id": clients["client_id"], "last_session": 4, "reason": "completed"}
        ),
    }


@pytest.fixture
def raw_of():
    """Make a `RawStudy` of tables; a table given as None is left out."""

    def make(tables: dict[str, pd.DataFrame | None], **options: object) -> RawStudy:
        held = {name: table for name, table in tables.items() if table is not None}
        return RawStudy(name="small", folder=Path(), tables=held, options=dict(options))

    return make

"""Three messy files, as a clinic has them, and the page that they are dropped on."""

import http.client
import json
import socket
import threading

import numpy as np
import openpyxl
import pandas as pd
import pyreadstat
import pytest
import uvicorn

import alliance_stats as al
from alliance_stats.app.desk import Desk
from alliance_stats.app.server import FROM_THE_PAGE, make_app

TOKEN = "the-right-token"
GERMAN = {
    "completed": "regulär beendet", "dropout": "Abbruch", "mutual": "einvernehmlich",
    "transferred": "Wechsel", "administrative": "organisatorisch", "ongoing": "laufend",
}  # fmt: skip


@pytest.fixture(scope="session")
def messy(tmp_path_factory):
    """Return a folder: a wide SPSS file in German, a sheet of endings, decimal commas."""
    folder = tmp_path_factory.mktemp("messy")
    study = al.simulate_study(n_therapists=4, n_clients=16, seed=11)
    clients, ratings = study.clients["client_id"], study.ratings
    columns = {
        "Pat_Nr": [f"P{n}" for n in range(101, 117)],
        "Therapeut": study.clients["therapist_id"],
    }
    for rater, part in (("client", "P"), ("therapist", "T")):
        own = ratings[(ratings["measure"] == "wai-sr") & (ratings["rater"] == rater)]
        answers = own.pivot_table(index="client_id", columns=["session", "item"], values="value")
        for session in range(1, 7):
            for item in range(1, 13):
                values = answers[session, item].reindex(clients).to_numpy(dtype=float)
                columns[f"WAI_{part}_S{session}_{item}"] = np.nan_to_num(values, nan=-99)
    wide = pd.DataFrame(columns).assign(Bemerkung="")
    wide.loc[4, "WAI_P_S1_4"] = 7  # a slip of the pen
    items = [name for name in wide if name.startswith("WAI")]
    pyreadstat.write_sav(wide, folder / "WAI_Daten.sav", missing_ranges={n: [-99] for n in items})
    book = openpyxl.Workbook()
    book.active.append(["Patient", "Letzte Sitzung", "Art des Endes"])
    for who, row in zip(columns["Pat_Nr"], study.terminations.itertuples(), strict=True):
        book.active.append([who, min(row.last_session, 6), GERMAN[row.reason]])
    book.save(folder / "Therapieende.xlsx")
    total = study.assessments.pivot_table(index="client_id", columns="occasion", values="score")
    rows = total.reindex(clients).itertuples(index=False)
    lines = [f"pat_nr;{';'.join(f'core10_{one}' for one in total)}"]
    for who, row in zip(columns["Pat_Nr"], rows, strict=True):
        cells = ["" if one != one else f"{one:.1f}".replace(".", ",") for one in row]
        lines.append(";".join([who, *cells]))
    (folder / "Verlauf.csv").write_text("\n".join(lines), "cp1252")
    return folder


@pytest.fixture
def desk():
    one = Desk()
    yield one
    one.close()


@pytest.fixture
def laid(desk, messy):
    """Return a desk with the three files."""
    for path in sorted(messy.iterdir()):
        desk.add(path.name, path.read_bytes())
    return desk


@pytest.fixture
def served(desk):
    """Return the port of the page of a desk, which a server of its own answers."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    config = uvicorn.Config(make_app(desk, TOKEN, port), log_level="critical", access_log=False)
    server = uvicorn.Server(config)
    running = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    running.start()
    yield port
    server.should_exit = True
    running.join(10)
    listening.close()


@pytest.fixture
def ask(served):
    """Return a function that asks as the page does: method, path, body → status, value, head."""
    usual = {"Cookie": f"alliance_stats_{served}={TOKEN}", FROM_THE_PAGE: "1"}

    def asked(method, path, body=None, **headers):
        wire = http.client.HTTPConnection("127.0.0.1", served, timeout=30)
        given = {**usual, **{name.replace("_", "-"): value for name, value in headers.items()}}
        wire.request(
            method,
            path,
            body,
            {n: v for n, v in given.items() if v is not None},
            encode_chunked="Transfer-Encoding" in given,
        )
        answer = wire.getresponse()
        content = answer.read()
        wire.close()
        kind = answer.headers.get("content-type", "")
        value = json.loads(content) if kind == "application/json" else content
        return answer.status, value, answer.headers

    return asked

"""What it costs to open, validate and score a study of one million rating rows.

    python tests/benchmarks/opening.py [rows]

Prints, for a long file (a row an answer), a wide one (a row a session) and a wider one (a row a
client, thirteen sessions in the names of 585 columns; ten times the answers), the time of
`open_study` and scoring as a multiple of `pandas.read_csv` of the same file, and the peak of
memory as a multiple of the finished study's tables (a wide file's answers in rows) and of the file
as pandas holds it. The aims: at most 3.2 times the time for the long file, 4 times for the wider
one, and twice the finished tables in memory for both.
"""

from __future__ import annotations

import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import alliance_stats as al

ITEMS = 45
REVERSED = (1, 12, 13, 20, 21, 24, 31, 37, 43)
MOST_TIME, MOST_TIME_WIDER, MOST_MEMORY = 3.2, 4.0, 2.0
REPEATS = 5

LONG_YAML = """\
name: long
sources:
  - {file: ratings.csv, table: ratings}
"""
WIDE_YAML = """\
name: wide
sources:
  - file: sessions.csv
    client_id: client
    session: session
    measures:
      - {measure: oq-45, rater: client, items: "oq{item}"}
"""

WIDER_YAML = WIDE_YAML.replace("    session: session\n", "").replace(
    "oq{item}", "oq_s{session}_{item}"
)
SESSIONS = 13


def answers(n_forms: int, rng: np.random.Generator) -> np.ndarray:
    """Return OQ-45 answers that hang together, as on the form (before reversal)."""
    keyed = 1.5 + rng.normal(size=(n_forms, 1)) + rng.normal(size=(n_forms, ITEMS))
    values = np.clip(np.rint(keyed), 0, 4).astype(int)
    columns = np.array(REVERSED) - 1
    values[:, columns] = 4 - values[:, columns]
    return values


def write_studies(folder: Path, n_rows: int) -> tuple[Path, Path]:
    """Write the same answers as a long and as a wide study."""
    n_forms = n_rows // ITEMS
    n_clients = max(n_forms // 20, 1)
    client = np.array([f"C{i % n_clients:05d}" for i in range(n_forms)])
    session = np.arange(n_forms) // n_clients + 1
    order = np.lexsort((session, client))
    client, session = client[order], session[order]
    values = answers(n_forms, np.random.default_rng(1))
    long, wide = folder / "long", folder / "wide"
    long.mkdir()
    wide.mkdir()
    pd.DataFrame(
        {
            "client_id": np.repeat(client, ITEMS),
            "session": np.repeat(session, ITEMS),
            "rater": "client",
            "measure": "oq-45",
            "item": np.tile(np.arange(1, ITEMS + 1), n_forms),
            "value": values.ravel(),
        }
    ).to_csv(long / "ratings.csv", index=False)
    frame = pd.DataFrame(values, columns=[f"oq{item}" for item in range(1, ITEMS + 1)])
    frame.insert(0, "client", client)
    frame.insert(1, "session", session)
    frame.to_csv(wide / "sessions.csv", index=False)
    (long / "study.yaml").write_text(LONG_YAML, encoding="utf-8")
    (wide / "study.yaml").write_text(WIDE_YAML, encoding="utf-8")
    return long / "ratings.csv", wide / "sessions.csv"


def write_wider(folder: Path, n_rows: int) -> Path:
    """Write a study with a row a client and its sessions side by side."""
    folder.mkdir()
    n_clients = max(n_rows // (ITEMS * SESSIONS), 1)
    names = [f"oq_s{s}_{item}" for s in range(1, SESSIONS + 1) for item in range(1, ITEMS + 1)]
    values = answers(n_clients * SESSIONS, np.random.default_rng(2)).reshape(n_clients, -1)
    frame = pd.DataFrame(values, columns=names)
    frame.insert(0, "client", [f"C{i:06d}" for i in range(n_clients)])
    frame.to_csv(folder / "sessions.csv", index=False)
    (folder / "study.yaml").write_text(WIDER_YAML, encoding="utf-8")
    return folder / "sessions.csv"


def open_and_score(folder: Path) -> int:
    """Open a study, validated, and make its scores; return how many there are."""
    return len(al.open_study(folder).scores)


def fastest(work: Callable[[], object]) -> float:
    """Return the time that the processor took for the fastest of some runs, in seconds."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def peak(work: Callable[[], object]) -> int:
    """Return the peak of memory that Python and NumPy held, in bytes."""
    tracemalloc.start()
    work()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def report(name: str, file: Path) -> tuple[float, float]:
    """Measure one study and print its two ratios."""
    table = pd.read_csv(file)
    size = int(table.memory_usage(deep=True).sum())
    study = al.open_study(file.parent)
    held = sum(int(each.memory_usage(deep=True).sum()) for each in study.tables.values())
    del study
    plain = fastest(lambda: pd.read_csv(file))
    whole = fastest(lambda: open_and_score(file.parent))
    most = peak(lambda: open_and_score(file.parent))
    print(
        f"{name}: {len(table):,} rows, read_csv {plain:.3f} s, open + validate + score "
        f"{whole:.3f} s: {whole / plain:.2f} times; peak memory {most / 1e6:.0f} MB, "
        f"{most / held:.2f} times the study's tables ({held / 1e6:.0f} MB), "
        f"{most / size:.2f} times the file in pandas ({size / 1e6:.0f} MB)"
    )
    return whole / plain, most / held


def main() -> int:
    """Run the studies; return 1 where an aim is missed."""
    n_rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        long, wide = write_studies(Path(folder), n_rows)
        open_and_score(long.parent)  # imports are not what is measured
        cost, memory = report("long", long)
        report("wide", wide)
        wider, memory_wider = report("wider", write_wider(Path(folder) / "wider", 10 * n_rows))
    slow = cost > MOST_TIME or wider > MOST_TIME_WIDER
    return int(slow or max(memory, memory_wider) > MOST_MEMORY)


if __name__ == "__main__":
    sys.exit(main())

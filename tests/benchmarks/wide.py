"""What a file of many columns and few rows costs, and whether the cost of a column grows.

    python tests/benchmarks/wide.py [columns]

Prints the processor time of reading, validating, drafting a mapping, looking for identifiers and
splitting into parts, for a tenth of the columns and for all of them: in seconds, as a multiple of
`pandas.read_csv` of the same file in the same run, and how many times a column costs what it
costs in the narrower file (1: growth is linear).
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import alliance_stats as al

ROWS = 50
KINDS = (
    lambda rng: rng.integers(0, 5, ROWS),
    lambda rng: np.where(rng.random(ROWS) < 0.2, "NA", rng.integers(0, 5, ROWS).astype(str)),
    lambda rng: np.array(["never", "seldom", "often", "always"])[rng.integers(0, 4, ROWS)],
    lambda rng: rng.normal(size=ROWS).round(3),
    lambda rng: np.array(["no", "a little", "much"])[rng.integers(0, 3, ROWS)],
    lambda rng: np.array([f"c{n}" for n in range(9)])[rng.integers(0, 9, ROWS)],
)
STUDY = "name: wide\nsources:\n  - {file: wide.csv, client_id: client, session: session}\n"


def write(folder: Path, n_columns: int) -> Path:
    """Write a study of one file: numbers, missing words and, in half of the columns, words."""
    rng = np.random.default_rng(1)
    columns = {f"v{n}": KINDS[n % len(KINDS)](rng) for n in range(n_columns - 2)}
    row = np.arange(ROWS)
    keys = {"client": [f"C{n:03d}" for n in row // 5], "session": row % 5 + 1}
    folder.mkdir()
    cells = [map(str, values) for values in (*keys.values(), *columns.values())]
    lines = [[*keys, *columns], *zip(*cells, strict=True)]  # to_csv takes minutes for it
    (folder / "wide.csv").write_text("\n".join(map(",".join, lines)) + "\n", encoding="utf-8")
    (folder / "study.yaml").write_text(STUDY, encoding="utf-8")
    return folder / "wide.csv"


def works(file: Path) -> dict[str, Callable[[], object]]:
    """Return what is measured, `pandas.read_csv` first."""
    numbers = pd.read_csv(file, low_memory=False)
    plain = numbers.select_dtypes("number").drop(columns="session")
    sessions = pd.concat([numbers[["client", "session"]], plain], axis=1)
    return {
        "pandas.read_csv": lambda: pd.read_csv(file, low_memory=False),
        "read_table": lambda: al.read_table(file),
        "validate": lambda: al.validate(file.parent),
        "suggest_mapping": lambda: al.suggest_mapping(file),
        "scan_identifiers": lambda: al.scan_identifiers(numbers),
        "decompose": lambda: al.decompose(sessions, list(plain.columns), by="client"),
    }


def measured(file: Path) -> dict[str, float]:
    """Return the processor time of each work, in seconds."""
    seconds = {}
    for name, work in works(file).items():
        start = time.process_time()
        work()
        seconds[name] = time.process_time() - start
    return seconds


def main() -> None:
    """Measure a narrow and a wide file and print the table."""
    n_columns = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        measured(write(Path(folder) / "first", 50))  # imports are not what is measured
        narrow = measured(write(Path(folder) / "narrow", n_columns // 10))
        wide = measured(write(Path(folder) / "wide", n_columns))
    plain = wide["pandas.read_csv"]
    print(f"| {n_columns:,} columns, {ROWS} rows | seconds | times read_csv | growth |")
    print("|---|---|---|---|")
    for name, seconds in wide.items():
        growth = seconds / narrow[name] / 10
        print(f"| `{name}` | {seconds:.1f} | {seconds / plain:.1f} | {growth:.1f} |")


if __name__ == "__main__":
    main()

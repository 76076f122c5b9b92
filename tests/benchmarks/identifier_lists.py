"""How many columns of the lists written by hand are found, and how many innocent ones accused.

python tests/benchmarks/identifier_lists.py
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import alliance_stats as al

N = 24


def digits(seed: int, pattern: str) -> list[str]:
    """Return numbers of a form: ``#`` is a digit, ``%`` one that is not 0, ``?`` a letter."""
    rng = np.random.default_rng(seed)
    drawn = {"#": "0123456789", "%": "123456789", "?": "ABCDEFGHJKLMNPRSTUVWXYZ"}
    return [
        "".join(str(rng.choice(list(drawn[one]))) if one in drawn else one for one in pattern)
        for _ in range(N)
    ]


def numbers(seed: int, pattern: str) -> list[int]:
    return [int(one) for one in digits(seed, pattern)]


def pick(seed: int, *words: object, every: int = 1) -> list[object]:
    """Return words drawn with repetition; blank but for one row in `every`."""
    rng = np.random.default_rng(seed)
    return [words[rng.integers(len(words))] if i % every == 0 else None for i in range(N)]


def cycle(text: str, sign: str = ";") -> list[str]:
    words = [one.strip() for one in text.split(sign)]
    return [words[i % len(words)] for i in range(N)]


def days(seed: int, style: str, first: str = "1948-01-01", span: int = 19_000) -> list[str]:
    rng = np.random.default_rng(seed)
    days = pd.Timestamp(first) + pd.to_timedelta(rng.integers(0, span, N), unit="D")
    return list(days.strftime(style))


def scanned(name: str) -> tuple[list[str], list[str]]:
    """Return what is missed and what is accused of a list (``a``, ``b`` or ``c``)."""
    folder = str(Path(__file__).parent)
    sys.path.insert(0, folder)
    try:
        columns = importlib.import_module(f"identifier_list_{name}")
    finally:
        sys.path.remove(folder)

    def told(column: str, values: list[object]) -> bool:
        return len(al.scan_identifiers(pd.DataFrame({column: pd.Series(values)}))) > 0

    missed = [column for column, values in columns.PLANTED.items() if not told(column, values)]
    return missed, [column for column, values in columns.INNOCENT.items() if told(column, values)]


if __name__ == "__main__":
    for one in "abc":
        missed, accused = scanned(one)
        print(f"list {one}: {60 - len(missed)} of 60 found, {len(accused)} of 60 accused")
        print(f"    missed {missed}, accused {accused}")

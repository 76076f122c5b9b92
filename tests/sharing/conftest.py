"""Clinics whose truth is known, and the attackers, who stand in a module of their own."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al

HERE = Path(__file__).parent
LOOSE = {"most_told": 1, "reviewed": True}
"""Settings under which a file tells what it tells, and whoever answers for the data knows."""


@pytest.fixture(scope="session")
def attackers():
    spec = importlib.util.spec_from_file_location("attackers", HERE / "attackers.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def clinic(
    seed: int,
    *,
    therapists: int = 8,
    each: int = 8,
    sessions: int | tuple[int, int] = (3, 14),
    level: float = 0.0,
    therapist_sd: float = 1.5,
    slope_sd: float = 0.0,
) -> pd.DataFrame:
    """Return the sessions of one clinic; scores are whole, as sums of items are."""
    rng = np.random.default_rng(seed)
    count = therapists * each
    low, high = sessions if isinstance(sessions, tuple) else (sessions, sessions)
    client = np.repeat(np.arange(count), rng.integers(low, high + 1, count))
    by = client // each
    data = pd.DataFrame(
        {
            "client_id": [f"{seed}-{i:03}" for i in client],
            "therapist_id": [f"{seed}-T{i:02}" for i in by],
            "session": pd.Series(client).groupby(client).cumcount() + 1.0,
            "condition": rng.choice(["CBT", "PDT"], count)[client],
            "alliance": 5 + rng.normal(0, 0.6, count)[client] + rng.normal(0, 0.8, len(client)),
        }
    )
    mean = 20 + level - 0.3 * data["session"] - data["alliance"] + (data["condition"] == "PDT")
    mean += rng.normal(0, 3, count)[client] + rng.normal(0, therapist_sd, therapists)[by]
    mean += rng.normal(0, slope_sd, count)[client] * (data["session"] - 5)
    data["distress"] = np.round(mean + rng.normal(0, 4, len(client))).clip(0, 40)
    return al.decompose(data, "alliance")


@pytest.fixture(scope="session")
def make_clinic():
    return clinic


@pytest.fixture(scope="session")
def three():
    """Three clinics with the same number of sessions for all of a clinic's clients."""
    return {
        name: clinic(i, sessions=n, level=i)
        for i, (name, n) in enumerate({"Bern": 8, "Kiel": 10, "York": 10}.items())
    }


@pytest.fixture(scope="session")
def uneven():
    """Three clinics whose clients had three to fourteen sessions."""
    return {name: clinic(10 + i, level=i) for i, name in enumerate(("Bern", "Kiel", "York"))}


@pytest.fixture(scope="session")
def send(tmp_path_factory):
    """Write a file for each clinic, each with a ledger of its own; return the paths.

    What was asked before is not written again.
    """
    known = {}

    def write(formula, clinics, **options):
        rows = [(name, len(data), data["distress"].sum()) for name, data in clinics.items()]
        asked = repr((formula, rows, sorted(options.items())))
        if asked not in known:
            folder, paths = tmp_path_factory.mktemp("mail"), []
            for name, data in clinics.items():
                path = folder / name / f"{name}.json"
                path.parent.mkdir()
                al.clinic_file(formula, data, path, **options)
                paths.append(path)
            known[asked] = paths
        return known[asked]

    return write

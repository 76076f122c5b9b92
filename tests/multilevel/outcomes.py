"""The sessions that tests of yes/no, counts and answers share."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

REFERENCE = Path(__file__).parents[1] / "reference" / "multilevel" / "outcomes"


@cache
def _sessions() -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "sessions.csv")


def sessions() -> pd.DataFrame:
    return _sessions().copy()


def few(therapists: int = 5) -> pd.DataFrame:
    """Return the sessions of some therapists, small enough to integrate by brute force."""
    data = _sessions()
    return data[
        data["therapist_id"].isin(sorted(data["therapist_id"].unique())[:therapists])
    ].copy()


def over_a_line(log_density, sd, half=8.0, points=161):
    """Return logs of integrals over a normal effect, by the trapezoidal rule.

    `log_density` takes effects and gives a row an effect; what it has behind stays.
    """
    z = np.linspace(-half, half, points)
    logs = log_density(sd * z)
    logs = logs - 0.5 * z[:, None] ** 2 - 0.5 * np.log(2 * np.pi)
    peak = logs.max(axis=0)
    return peak + np.log(np.trapezoid(np.exp(logs - peak), z, axis=0))

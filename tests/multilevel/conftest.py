import numpy as np
import pandas as pd
import pytest


def draw(
    seed=1,
    *,
    clients=60,
    therapists=12,
    client_sd=(1.5, 0.4),
    therapist_sd=0.8,
    correlation=0.3,
):
    """Sessions in clients in therapists with a random intercept and slope for clients."""
    rng = np.random.default_rng(seed)
    sessions = rng.integers(3, 12, clients)
    client = np.repeat(np.arange(clients), sessions)
    therapist = rng.integers(0, therapists, clients)[client]
    slope_sd = client_sd[1] * np.sqrt(1 - correlation**2)
    level = rng.normal(size=clients)
    slope = correlation * client_sd[1] * level + slope_sd * rng.normal(size=clients)
    within = rng.normal(size=client.size)
    between = rng.normal(size=clients)[client]
    session = np.concatenate([np.arange(1, n + 1) for n in sessions])
    y = (
        10
        - 0.2 * session
        + 0.5 * within
        + 0.7 * between
        + client_sd[0] * level[client]
        + slope[client] * within
        + therapist_sd * rng.normal(size=therapists)[therapist]
        + rng.normal(size=client.size)
    )
    return pd.DataFrame(
        {
            "y": y,
            "session": session,
            "within": within,
            "between": between,
            "client": [f"c{i:03d}" for i in client],
            "therapist": [f"t{i:02d}" for i in therapist],
            "condition": np.array(["waiting", "cbt", "dynamic"])[client % 3],
        }
    )


@pytest.fixture(scope="session")
def sessions():
    return draw()


@pytest.fixture(scope="session")
def draw_sessions():
    return draw


MAIN = "y ~ session + within + between + (1 + within | client) + (1 | therapist)"


@pytest.fixture(scope="session")
def main_formula():
    return MAIN

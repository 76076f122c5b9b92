"""Draw the sessions that the references are computed for: python make_data.py"""

from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent


def draw(seed: int = 7) -> pd.DataFrame:
    """Draw 96 clients of 16 therapists, two to nine sessions each, with outcomes of every kind."""
    rng = np.random.default_rng(seed)
    sessions = rng.integers(2, 10, 96)
    client = np.repeat(np.arange(96), sessions)
    therapist = (np.arange(96) % 16)[client]
    session = np.concatenate([np.arange(1, n + 1) for n in sessions])
    x = rng.normal(size=len(client)).round(3)
    arm = (np.arange(96) // 16 % 2)[client]
    own, above = rng.normal(size=96)[client], rng.normal(size=16)[therapist]
    eta = -0.6 + 0.7 * x + 0.5 * arm - 0.08 * session + 0.7 * above
    wide = eta + 1.6 * own
    n = rng.integers(3, 9, len(client))
    minutes = rng.integers(30, 61, len(client))
    rate = np.exp(-3.2 + 0.4 * x + 0.3 * arm + 0.6 * own + 0.3 * above) * minutes
    cuts = np.array([-1.5, 0.0, 1.2])
    noise = rng.logistic(size=len(client))
    return pd.DataFrame(
        {
            "client_id": [f"c{i:02d}" for i in client],
            "therapist_id": [f"t{i:02d}" for i in therapist],
            "session": session,
            "x": x,
            "arm": np.where(arm, "b", "a"),
            "yes": (rng.random(len(client)) < 1 / (1 + np.exp(-wide))).astype(int),
            "k": rng.binomial(n, 1 / (1 + np.exp(-eta - 0.9 * own))),
            "n": n,
            "minutes": minutes,
            "count": rng.poisson(rate * rng.gamma(2.0, 0.5, len(client))),
            "rating": 1 + (0.8 * x + 0.4 * arm + 1.3 * own + noise > cuts[:, None]).sum(axis=0),
        }
    )


if __name__ == "__main__":
    draw().to_csv(HERE / "sessions.csv", index=False)

"""Draw the three-level data of truth and bias: python tests/reference/gap/make_three_levels.py

The variances between therapists are clearly above zero and their correlation is inside (-1, 1), so
that no estimate lies on its edge and degrees of freedom are comparable.
"""

from pathlib import Path

import numpy as np
import pandas as pd


def main() -> None:
    """Write three_levels.csv: sessions in clients in therapists, both ratings."""
    rng = np.random.default_rng(61)
    therapists, each, sessions = 24, 5, 7
    n = therapists * each
    client = np.repeat(np.arange(n), sessions)
    truth = 4 + rng.normal(0, 0.6, n)[client] + rng.normal(0, 0.8, len(client))
    mean = (np.bincount(client, truth) / sessions)[client]
    of = np.arange(n) // each
    effects = rng.multivariate_normal([-0.4, 0.5], [[0.12, -0.02], [-0.02, 0.05]], n)
    effects += rng.multivariate_normal([0, 0], [[0.16, 0.04], [0.04, 0.08]], therapists)[of]
    bias, force = effects[client].T
    judgment = mean + bias + force * (truth - mean) + rng.normal(0, 0.4, len(client))
    frame = pd.DataFrame(
        {"client_id": client, "therapist_id": of[client],
         "session": np.tile(np.arange(1, sessions + 1), n), "client": truth, "therapist": judgment}
    )  # fmt: skip
    frame = frame[rng.random(len(frame)) > 0.1].round(3)
    frame.to_csv(Path(__file__).parent / "three_levels.csv", index=False)


if __name__ == "__main__":
    main()

"""Draw the data of the references: python tests/reference/gap/make_data.py"""

from pathlib import Path

import numpy as np
import pandas as pd

SEED = 20230917


def main() -> None:
    """Write dyads.csv: sessions in clients in therapists, both ratings, an outcome, a moderator."""
    rng = np.random.default_rng(SEED)
    therapists, each, sessions = 20, 5, 9
    n = therapists * each
    client = np.repeat(np.arange(n), sessions)
    therapist = client // each
    level, style = rng.normal(0, 0.7, n), rng.normal(0, 0.3, therapists)
    x = 5 + level[client] + rng.normal(0, 0.9, len(client))
    mean = (np.bincount(client, x) / sessions)[client]
    bias, force = rng.normal(-0.4, 0.4, n), rng.normal(0.5, 0.15, n)
    y = mean + (bias + style[np.arange(n) // each])[client] + force[client] * (x - mean)
    y = y + rng.normal(0, 0.6, len(client))
    training = rng.normal(0, 1, therapists)[therapist]
    u, v, covariate = x - 4.8, y - 4.8, rng.normal(0, 1, len(client))
    slope = rng.normal(0, 0.7, (2, n))[:, client]
    outcome = (0.5 + slope[0]) * u + (0.2 + slope[1]) * v - 0.6 * (u - v) ** 2 + 0.1 * u * v
    outcome = outcome + rng.normal(0, 1.0, n)[client] + rng.normal(0, 0.5, therapists)[therapist]
    outcome = outcome + 0.3 * covariate + rng.normal(0, 1.2, len(client))
    frame = pd.DataFrame(
        {
            "client_id": client, "therapist_id": therapist, "session": np.tile(np.arange(1, 10), n),
            "client": x, "therapist": y, "outcome": outcome, "covariate": covariate,
            "training": training,
        }
    )  # fmt: skip
    frame = frame[rng.random(len(frame)) > 0.15].round(3)
    frame.to_csv(Path(__file__).parent / "dyads.csv", index=False)


if __name__ == "__main__":
    main()

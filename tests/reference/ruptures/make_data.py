"""Write panel.csv and windows.csv, the data of the references. Run: python make_data.py."""

from pathlib import Path

import numpy as np
import pandas as pd

import alliance_stats as al

HERE = Path(__file__).parent


def panel(seed: int = 7, n: int = 60) -> pd.DataFrame:
    """Return courses of 4 to 10 sessions without gaps, with falls that act more than rises."""
    rng = np.random.default_rng(seed)
    parts = []
    for client in range(n):
        length = int(rng.integers(4, 11))
        alliance = np.round(5 + rng.normal(0, 0.5) + rng.normal(0, 0.6, length), 2)
        step = np.diff(alliance, prepend=alliance[0])
        course = np.cumsum(np.where(step > 0, -0.4 * step, -1.1 * step))
        level = 18 + rng.normal(0, 3) + np.append(0.0, course[:-1])
        outcome = np.round(level + rng.normal(0, 1.0, length), 2)
        rows = {"client_id": client, "session": np.arange(1, length + 1)}
        parts.append(pd.DataFrame({**rows, "alliance": alliance, "outcome": outcome}))
    return pd.concat(parts, ignore_index=True)


def main() -> None:
    """Write the two files."""
    panel().to_csv(HERE / "panel.csv", index=False)
    study = al.simulate_study(n_therapists=6, n_clients=40, seed=11)
    events = al.fit_event_study(study, alliance="wai-sr", outcome="core-10", seed=1)
    events.windows.to_csv(HERE / "windows.csv", index=False)


if __name__ == "__main__":
    main()

"""Draw the trial that the references of repeated measures were computed from.

``python tests/reference/multilevel/make_trials.py`` writes ``data/trial.csv.gz``: 90 clients of
three arms, a baseline and four occasions, with dropout that depends on the occasion before, and
15 therapists within two of the arms' clients. Nothing here is real.
"""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent


def trial(rng):
    arms = np.repeat(["cbt", "dynamic", "wait"], 30)
    baseline = rng.normal(22, 4, 90)
    sd = np.array([3.0, 3.5, 4.0, 5.0])
    correlation = 0.75 ** np.abs(np.subtract.outer(range(4), range(4)))
    errors = rng.multivariate_normal(np.zeros(4), correlation * np.outer(sd, sd), 90)
    effect = {"cbt": [-2, -4, -5, -6], "dynamic": [-1, -3, -5, -7], "wait": [0, -1, -1, -1]}
    rows = []
    for i in range(90):
        for t in range(4):
            value = 6 + 0.7 * baseline[i] + effect[arms[i]][t] + errors[i, t]
            rows.append((f"c{i:02d}", f"t{i // 6:02d}", arms[i], t + 1, baseline[i], value))
            if t and rng.random() < 0.12:
                break
    names = ["client_id", "therapist_id", "condition", "occasion", "baseline", "distress"]
    data = pd.DataFrame(rows, columns=names)
    skip = (rng.random(len(data)) < 0.04) & (data["occasion"] > 1)
    return data[~skip].round(4)


if __name__ == "__main__":
    text = trial(np.random.default_rng(11)).to_csv(index=False, lineterminator="\n")
    (HERE / "data" / "trial.csv.gz").write_bytes(gzip.compress(text.encode(), mtime=0))

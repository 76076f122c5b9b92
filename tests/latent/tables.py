"""Panels of two scores whose effects are known, as wide and long tables."""

import numpy as np
import pandas as pd

EXACT = 1e-8  # the same numbers by another way in


def wide(n=200, waves=5, seed=0, **more):
    rng = np.random.default_rng(seed)
    level = rng.normal(size=(n, 2)) @ [[1, 0.4], [0, 0.9]]
    within = rng.normal(size=(n, 2))
    columns = {}
    for t in range(1, waves + 1):
        if t > 1:
            within = within @ [[0.3, 0.0], [0.25, 0.3]] + rng.normal(0, 0.9, (n, 2))
        columns |= {f"x{t}": 3 + level[:, 0] + within[:, 0], f"y{t}": level[:, 1] + within[:, 1]}
    return pd.DataFrame({"client_id": [f"c{i}" for i in range(n)], **columns, **more})


def long(data, waves=5):
    parts = [
        data[["client_id"]].assign(session=t, x=data[f"x{t}"], y=data[f"y{t}"])
        for t in range(1, waves + 1)
    ]
    return pd.concat(parts, ignore_index=True)


def call(waves=5):
    return {v: [f"{v}{t}" for t in range(1, waves + 1)] for v in "xy"}


def armed(n=200, waves=4, **more):
    data = wide(n, waves, **more)
    return data.assign(arm=np.where(np.arange(n) % 2, "B", "A"))

"""Panels whose effects are known, as wide and long tables, and answers to items."""

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


def few_in_three_groups(seed=1, n=150, shift=0.4):
    """Return answers of three groups, of which the last answers the second item higher."""
    rng = np.random.default_rng(seed)
    factor, group = rng.normal(size=n), np.array(["a", "b", "c"])[np.arange(n) % 3]
    items = {f"i{k}": 3 + 0.8 * factor + rng.normal(0, 0.7, n) for k in range(1, 5)}
    data = pd.DataFrame({**items, "clinic": group})
    return data.assign(i2=data["i2"] + shift * (group == "c"))


def of_two_groups(*shifts, n=300, seed=5):
    """Return answers of two groups, of which the second answers each item so much higher."""
    rng = np.random.default_rng(seed)
    factor, second = rng.normal(size=n), np.arange(n) % 2 == 1
    items = {
        f"i{k}": 3 + factor + rng.normal(0, 0.7, n) + shift * second
        for k, shift in enumerate(shifts, start=1)
    }
    return pd.DataFrame({**items, "clinic": np.where(second, "b", "a")})


def answered_on(most, n=250, seed=1, client=3.4):
    """Return answers of 1 to 5 by clients around a middle, and of 1 to so many by therapists."""
    rng = np.random.default_rng(seed)
    parts = []
    for rater, middle, end in (("client", client, 5), ("therapist", 3.6, most)):
        felt = middle + rng.normal(size=(n, 1)) + 0.7 * rng.normal(size=(n, 4))
        rows = pd.DataFrame(np.clip(felt.round(), 1, end), columns=list("abcd"))
        parts.append(rows.assign(rater=rater, client_id=range(n)))
    return pd.concat(parts)

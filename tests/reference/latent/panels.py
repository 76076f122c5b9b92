"""Simulated panels whose fits are stored in `references.json`; nobody stands behind them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd


class Case(NamedTuple):
    """One panel (how it is drawn) and the call of `fit_cross_lagged` made on it."""

    draw: dict
    call: dict


CASES = {
    "complete-5": Case({"seed": 1}, {}),
    "complete-5-free": Case({"seed": 1}, {"lags": "free"}),
    "dropout-5": Case({"seed": 2, "dropout": 0.12}, {}),
    "dropout-5-clpm": Case({"seed": 2, "dropout": 0.12}, {"model": "clpm"}),
    "dropout-5-clpm-free": Case({"seed": 2, "dropout": 0.12}, {"model": "clpm", "lags": "free"}),
    "holes-5": Case({"seed": 3, "holes": 0.1}, {}),
    "holes-5-free": Case({"seed": 3, "holes": 0.1}, {"lags": "free"}),
    "both-6": Case({"seed": 4, "waves": 6, "dropout": 0.08, "holes": 0.03}, {}),
    "dropout-8": Case({"seed": 5, "waves": 8, "dropout": 0.08}, {}),
    "dropout-8-residuals": Case({"seed": 5, "waves": 8, "dropout": 0.08}, {"residuals": "equal"}),
    "trend-6": Case({"seed": 6, "waves": 6, "slopes": True}, {"model": "lcm-sr"}),
    "trend-dropout-6": Case(
        {"seed": 7, "waves": 6, "slopes": True, "dropout": 0.06},
        {"model": "lcm-sr", "covariates": ["z"]},
    ),
    "panel-5": Case({"seed": 8, "dropout": 0.08}, {"model": "dynamic-panel"}),
    "panel-5-free": Case({"seed": 8, "dropout": 0.08}, {"model": "dynamic-panel", "lags": "free"}),
    "panel-5-z": Case({"seed": 8}, {"model": "dynamic-panel", "covariates": ["z"]}),
    "covariate-5": Case({"seed": 9, "dropout": 0.1}, {"covariates": ["z"]}),
    "covariate-5-clpm": Case({"seed": 9, "dropout": 0.1}, {"covariates": ["z"], "model": "clpm"}),
    "error-5": Case({"seed": 10, "dropout": 0.1}, {"reliability": {"x": 0.9, "y": 0.85}}),
    "skewed-4": Case({"seed": 11, "waves": 4, "skewed": True}, {"errors": "robust"}),
    "skewed-dropout-4": Case(
        {"seed": 12, "waves": 4, "skewed": True, "dropout": 0.1}, {"errors": "robust"}
    ),
    "clusters-4": Case(
        {"seed": 13, "waves": 4, "dropout": 0.1, "clusters": 60}, {"cluster": "therapist"}
    ),
    "arms-5": Case({"seed": 16, "dropout": 0.08}, {"group": "arm"}),
    "arms-5-equal": Case(
        {"seed": 16, "dropout": 0.08}, {"group": "arm", "equal": ["lags", "residuals"]}
    ),
    "three-4": Case({"seed": 17, "waves": 4, "dropout": 0.08, "third": True}, {}),
    "three-4-arms": Case(
        {"seed": 18, "waves": 4, "third": True},
        {"group": "arm", "equal": ["lags"], "lags": "free"},
    ),
    "apart-5": Case({"seed": 19, "dropout": 0.06}, {"waves": [1, 2, 3, 5, 8], "step": 1}),
    "dropout-16": Case({"seed": 14, "waves": 16, "dropout": 0.05, "clients": 600}, {}),
}


def panel(
    seed: int,
    clients: int = 300,
    waves: int = 5,
    dropout: float = 0.0,
    holes: float = 0.0,
    *,
    slopes: bool = False,
    skewed: bool = False,
    clusters: int = 0,
    third: bool = False,
) -> pd.DataFrame:
    """Return a wide table: ``client_id, x1 ..., y1 ..., z, therapist, arm``; z1 ... of a third.

    Levels spread with SD 1 and correlate .3, z explains them; within clients x on x .3, x on y
    .1, y on x .2, y on y .35. Who drops out does so by the last x that was seen.
    """
    rng = np.random.default_rng(seed)
    z = rng.normal(size=clients)
    therapist = rng.integers(0, clusters, clients) if clusters else np.zeros(clients, dtype=int)
    level = rng.normal(size=(clients, 2)) @ np.array([[1.0, 0.3], [0.0, 0.95]])
    level += np.outer(z, [0.4, -0.2])
    if clusters:
        level += rng.normal(0, 0.6, (clusters, 2))[therapist]
    trend = rng.normal([0.1, -0.2], 0.25, (clients, 2)) if slopes else np.zeros((clients, 2))
    paths = np.array([[0.3, 0.1], [0.2, 0.35]])
    shape = np.array([[0.8, 0.2], [0.0, 0.8]])
    within = np.zeros((clients, 2))
    out = np.full((clients, waves, 2), np.nan)
    there = np.ones(clients, dtype=bool)
    for t in range(waves):
        new = rng.normal(size=(clients, 2))
        if skewed:
            new = (new**2 - 1) / np.sqrt(2.0)
        within = within @ paths.T + new @ shape
        now = 3.0 + level + trend * t + within
        out[there, t] = now[there]
        chance = dropout * np.exp(-0.3 * (now[:, 0] - 3.0))
        there = there & (rng.random(clients) > np.minimum(chance, 0.9))
    if holes:
        out[:, 1:][rng.random((clients, waves - 1, 2)) < holes] = np.nan
    columns = {f"{v}{t + 1}": out[:, t, i] for i, v in enumerate("xy") for t in range(waves)}
    if third:
        now = rng.normal(size=(clients, 1)) + 0.3 * np.nan_to_num(out[:, :, 0] - 3.0)
        now += rng.normal(0, 0.8, (clients, waves))
        now[:, 1:] += 0.4 * np.nan_to_num(out[:, :-1, 1] - 3.0)
        now[np.isnan(out[:, :, 0])] = np.nan
        columns |= {f"z{t + 1}": now[:, t] for t in range(waves)}
    known = {"client_id": np.arange(clients), "z": z, "therapist": therapist}
    return pd.DataFrame({**known, **columns, "arm": np.where(np.arange(clients) % 3, "A", "B")})


def call_of(case: Case) -> dict:
    """Return the arguments of `fit_cross_lagged` for the table of a case."""
    waves = range(1, case.draw.get("waves", 5) + 1)
    scores = "xyz" if case.draw.get("third") else "xy"
    return {**{v: [f"{v}{t}" for t in waves] for v in scores}, **case.call}


TEXTBOOK = {
    **{model: {"model": model} for model in ("ri-clpm", "lcm-sr", "clpm", "dynamic-panel")},
    "three": {"z": [f"v{t}" for t in range(1, 6)]},
    "groups": {"group": "arm", "equal": ["lags"]},
    "steps": {"waves": [1, 2, 3, 5, 8], "step": 1},
}
"""The calls whose models are written by hand in `textbook.R`."""


def textbook_data() -> pd.DataFrame:
    """Return the panel of `textbook.R`: that of the case dropout-5, with a third score, v."""
    data = panel(**CASES["dropout-5"].draw)
    rng = np.random.default_rng(20)
    for t in range(1, 6):
        data[f"v{t}"] = 0.5 * data[f"x{t}"] - 0.3 * data[f"y{t}"] + rng.normal(size=len(data))
    return data

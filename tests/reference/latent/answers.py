"""Simulated answers to items whose fits are stored in `factor_references.json`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

FACTORS = {"task": ["i1", "i2", "i3", "i4"], "bond": ["i5", "i6", "i7", "i8"]}
ITEMS = [item for items in FACTORS.values() for item in items]
LOADINGS = np.array([0.9, 0.8, 0.7, 0.6, 0.8, 0.9, 0.6, 0.7])
LEVEL = np.array([3.6, 3.4, 3.8, 3.5, 4.0, 3.9, 3.7, 3.8])


def _answers(rng: np.random.Generator, factor: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Return answers from two factors (columns) and each item's own part."""
    which = np.repeat([0, 1], 4)
    return LEVEL + LOADINGS * factor[:, which] + own


def groups(seed: int, n: tuple[int, int] = (160, 200), missing: float = 0.0) -> pd.DataFrame:
    """Return two groups; the second has means .3 higher, and item 3 is 0.5 higher in it."""
    rng = np.random.default_rng(seed)
    parts = []
    for g, size in enumerate(n):
        factor = rng.normal(size=(size, 2)) @ np.array([[1.0, 0.5], [0.0, 0.87]]) + 0.3 * g
        own = rng.normal(0, 0.6, (size, 8))
        values = _answers(rng, factor, own)
        values[:, 2] += 0.5 * g
        values[rng.random(values.shape) < missing] = np.nan
        parts.append(pd.DataFrame(values, columns=ITEMS).assign(clinic="AB"[g]))
    return pd.concat(parts, ignore_index=True)


def dyads(
    seed: int, n: int = 240, missing: float = 0.0, shift: float = 0.0, loading: float = 0.0
) -> pd.DataFrame:
    """Return a row a client and rater; therapists .4 lower, on item 3 by `shift` higher.

    Factors of both raters correlate; parallel items share .3 of their own variance.
    """
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(n, 2)) @ np.array([[1.0, 0.5], [0.0, 0.87]])
    shared = rng.normal(0, 0.6, (n, 8))
    parts = []
    for k, rater in enumerate(("client", "therapist")):
        factor = np.sqrt(0.5) * base + np.sqrt(0.5) * rng.normal(size=(n, 2)) - 0.4 * k
        own = np.sqrt(0.3) * shared + np.sqrt(0.7) * rng.normal(0, 0.6, (n, 8))
        values = _answers(rng, factor, own)
        values[:, 2] += k * (shift + loading * factor[:, 0])
        values[rng.random(values.shape) < missing] = np.nan
        parts.append(pd.DataFrame(values, columns=ITEMS).assign(client_id=range(n), rater=rater))
    return pd.concat(parts, ignore_index=True)


def of_therapists(
    seed: int, therapists: int = 30, *, style: float = 0.4, shift: float = 0.0, clients: int = 8
) -> pd.DataFrame:
    """Return a row a client and rater, of therapists with as many clients each.

    Each therapist answers each item by a way of her own (SD `style`), each client as much by one of
    his; therapists answer the second item higher by `shift`.
    """
    rng = np.random.default_rng(seed)
    n, items = therapists * clients, ITEMS[:4]
    of = np.repeat(np.arange(therapists), clients)
    factor = rng.multivariate_normal([0, 0], [[1, 0.4], [0.4, 1]], n)
    shared, parts = 0.3 * rng.normal(size=(n, 4)), []
    for k, rater in enumerate(("client", "therapist")):
        values = 4 + 0.7 * factor[:, [k]] + shared + 0.6 * rng.normal(size=(n, 4))
        own = rng.normal(size=(n, 4))
        values += style * (rng.normal(size=(therapists, 4))[of] if k else own)
        values[:, 1] += k * shift
        parts.append(pd.DataFrame(values, columns=items).assign(rater=rater))
    data = pd.concat(parts, ignore_index=True)
    return data.assign(client_id=[*range(n)] * 2, therapist_id=[*of] * 2)


def sessions(seed: int, n: int = 150, deep: float = 0.3, missing: float = 0.0) -> pd.DataFrame:
    """Return one to seven sessions of n clients; factors spread with SD 1 between, .8 within."""
    rng = np.random.default_rng(seed)
    of = np.repeat(np.arange(n), rng.integers(1, 8, n))
    level = rng.normal(size=(n, 2)) @ np.array([[1.0, 0.5], [0.0, 0.87]])
    now = rng.normal(size=(len(of), 2)) @ np.array([[0.8, 0.2], [0.0, 0.77]])
    own = rng.normal(0, deep, (n, 8))[of] + rng.normal(0, 0.6, (len(of), 8))
    values = _answers(rng, level[of] + now, own)
    values[rng.random(values.shape) < missing] = np.nan
    return pd.DataFrame(values, columns=ITEMS).assign(client_id=of)


def schools() -> pd.DataFrame:
    """Return rows with the very moments of Holzinger and Swineford's two schools."""
    found = json.loads(Path(__file__).with_name("factor_references.json").read_text())
    items = [f"x{i}" for i in range(1, 10)]
    parts = [
        with_moments(own["n"], own["mean"], own["covariance"], items).assign(school=name)
        for name, own in found["holzinger"]["moments"].items()
    ]
    return pd.concat(parts, ignore_index=True)


def with_moments(n: int, mean: list, covariance: list, columns: list) -> pd.DataFrame:
    """Return rows that have exactly these moments (covariance divided by n)."""
    rng = np.random.default_rng(n)
    z = rng.normal(size=(n, len(mean)))
    z -= z.mean(axis=0)
    z = z @ np.linalg.inv(np.linalg.cholesky(z.T @ z / n)).T
    return pd.DataFrame(z @ np.linalg.cholesky(np.array(covariance)).T + mean, columns=columns)

"""Scores at occasions (before, after, at follow-up): normal, given the client's own sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..study import Study
from .forms import Form

FEWEST = 20  # clients with a score at an occasion
KEYS = ["measure", "scale", "rater"]


@dataclass(frozen=True)
class Occasions:
    """One score at occasions.

    Attributes
    ----------
    names, rates, weeks
        The occasions, how often each is there, and their weeks where these are told.
    mean, covariance
        Of the client's mean at sessions (first, where there is one) and of each occasion.
    form
        The score at sessions that goes with it; empty where there is none.
    """

    measure: str
    scale: str
    rater: str
    names: tuple[str, ...]
    rates: tuple[float, ...]
    weeks: tuple[float, ...]
    mean: np.ndarray
    covariance: np.ndarray
    form: str
    step: float
    low: float
    high: float


def learn_occasions(study: Study, forms: Sequence[Form], scores: pd.DataFrame) -> list[Occasions]:
    """Learn what is rated at occasions."""
    if not study.has("assessments"):
        return []
    table = study.tables["assessments"].dropna(subset=["score"])
    n_clients = len(study.tables["clients"])
    known = {form.name: form for form in forms}
    found = []
    for (measure, scale, rater), rows in table.groupby(KEYS, observed=True):
        wide = rows.pivot_table(index="client_id", columns="occasion", values="score")
        wide = wide.loc[:, wide.notna().sum() >= FEWEST]
        names = tuple(map(str, wide.columns))
        if not names:
            continue
        name = f"{measure}/{scale}/{rater}"
        form = known.get(name)
        if form is not None:
            wide.insert(0, "", scores.groupby("client")[name].mean().reindex(wide.index))
        values = wide.to_numpy()
        weeks = rows.groupby("occasion")["week"].median() if "week" in rows else None
        whole = bool((rows["score"] == rows["score"].round()).all())
        sd, mean = float(rows["score"].std()), float(rows["score"].mean())
        low, high = (mean - 3.5 * sd, mean + 3.5 * sd) if form is None else (form.low, form.high)
        found.append(
            Occasions(
                str(measure), str(scale), str(rater), names,
                tuple((wide[list(wide.columns[-len(names):])].notna().sum() / n_clients).tolist()),
                tuple(float(weeks[n]) for n in names) if weeks is not None else (),
                np.nanmean(values, axis=0), wide.cov().fillna(0.0).to_numpy(),
                name if form is not None else "", 1.0 if whole else 0.01, low, high,
            )
        )  # fmt: skip
    return found


def draw_occasions(
    found: Sequence[Occasions], made: pd.DataFrame, client: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    """Draw the table `assessments`."""
    blocks = []
    for one in found:
        own = np.full(len(client), np.nan)
        if one.form:
            means = made.groupby("client")[one.form].mean()
            own[means.index.to_numpy()] = means.to_numpy()
        values = _given(one, own, rng)
        values = np.clip(np.round(values / one.step) * one.step, one.low, one.high)
        for place, name in enumerate(one.names):
            there = rng.random(len(client)) < one.rates[place]
            block = pd.DataFrame({"client_id": client[there], "occasion": name})
            block = block.assign(rater=one.rater, measure=one.measure, scale=one.scale)
            block["score"] = values[there, place]
            blocks.append(block.assign(week=one.weeks[place]) if one.weeks else block)
    return pd.concat(blocks, ignore_index=True).sort_values(
        "client_id", kind="stable", ignore_index=True
    )


def _given(one: Occasions, own: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw each client's scores at occasions, given the mean at sessions where there is one."""
    k, n = len(one.names), len(own)
    mean, cov = one.mean[-k:], one.covariance[-k:, -k:]
    expected = np.tile(mean, (n, 1))
    if one.form and one.covariance[0, 0] > 0:
        slope = one.covariance[0, 1:] / one.covariance[0, 0]
        expected += np.outer(np.nan_to_num(own - one.mean[0]), slope)
        cov = cov - np.outer(slope, slope) * one.covariance[0, 0]
    values, vectors = np.linalg.eigh(cov)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(expected + rng.standard_normal((n, k)) @ root.T)

"""The columns a response surface is fitted to, and the fit of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from .. import linear
from ..model_rows import require_variance
from . import geometry


@dataclass(frozen=True)
class Specification:
    """What was asked for: columns, levels, centre, part, random effects."""

    x: str
    y: str
    outcome: str
    levels: tuple[str, ...]
    covariates: tuple[str, ...]
    moderators: tuple[str, ...]
    part: str
    cubic: bool
    random: str
    df: Any
    center: float
    direction: str | None = None
    confidence: float = 0.95


@dataclass(frozen=True, eq=False)
class Part:
    """One surface of a model: the columns of its coefficients and its centred ratings."""

    group: str
    columns: tuple[str, ...]
    x: np.ndarray
    y: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        """The coefficients' names, b0 to b5 or b9."""
        return geometry.CUBIC[: len(self.columns)]

    @property
    def unit(self) -> float:
        """The spread of both ratings together."""
        return float(np.concatenate([self.x, self.y]).std()) or 1.0


def design(rows: pd.DataFrame, spec: Specification) -> tuple[pd.DataFrame, tuple[Part, ...]]:
    """Return the model's columns and, for each surface, the columns of its coefficients."""
    frame = pd.DataFrame({"outcome": rows["outcome"]})
    parts = []
    for name in ("within", "between") if spec.part == "both" else (spec.part,):
        x, y = _ratings(rows, name, spec.center)
        names = [f"{name}_b{i}" for i in range(1, 10 if spec.cubic else 6)]
        columns = geometry.monomials(x, y, spec.cubic)
        frame = frame.assign(**dict(zip(names, columns, strict=True)))
        parts.append(Part(name if spec.part == "both" else "", ("Intercept", *names), x, y))
    for i in range(len(spec.covariates)):
        frame[f"covariate{i}"] = rows[f"covariate{i}"]
    for i, name in enumerate(spec.moderators):
        value = rows[f"moderator{i}"] - rows[f"moderator{i}"].mean()
        require_variance(value, name, "it cannot moderate anything.")
        frame[f"moderator{i}"] = value
        for column in [c for part in parts for c in part.columns[1:]]:
            frame[f"moderator{i}_{column}"] = value * frame[column]
    for position in range(len(spec.levels)):
        frame[f"level{position + 1}"] = rows[f"level{position + 1}"]
    return frame, tuple(parts)


def _ratings(rows: pd.DataFrame, part: str, middle: float) -> tuple[np.ndarray, np.ndarray]:
    x, y = rows["x"], rows["y"]
    if part in ("within", "between"):
        means = rows.groupby("level1")[["x", "y"]].transform("mean")
        x, y = (
            (means["x"] - middle, means["y"] - middle)
            if part == "between"
            else (x - means["x"], y - means["y"])
        )
    else:
        x, y = x - middle, y - middle
    return x.to_numpy(), y.to_numpy()


def fit_design(frame: pd.DataFrame, spec: Specification) -> linear.Linear:
    """Fit the columns of a design by least squares, or with random effects of the levels."""
    fixed = [c for c in map(str, frame) if c != "outcome" and not c.startswith("level")]
    if not spec.levels:
        return linear.least_squares(frame["outcome"].to_numpy(), frame[fixed], spec.confidence)
    formula = f"outcome ~ {' + '.join(['1', *fixed])} + {bars(spec)}"
    return linear.multilevel(
        formula, frame, df=spec.df, levels=spec.levels, confidence=spec.confidence
    )


def bars(spec: Specification) -> str:
    """Return the random part of the formula."""
    name = {"both": "within", "between": ""}.get(spec.part, spec.part)
    slopes = f"1 + {name}_b1 + {name}_b2" if name and spec.random != "intercepts" else "1"
    out = []
    for position in range(len(spec.levels)):
        effects = slopes if position == 0 or spec.random == "linear_all" else "1"
        out.append(f"({effects} | level{position + 1})")
    return " + ".join(out)

"""Which model do the data ask for, and where on the surface do they lie?"""

from __future__ import annotations

from dataclasses import replace
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...core.display.shown import shown
from ...errors import DesignError
from ..linear import least_squares, multilevel
from ..wording import caveats, wording
from . import geometry
from .design import bars, design

if TYPE_CHECKING:
    from .result import ResponseSurface


def ladder(result: ResponseSurface) -> pd.DataFrame:
    """Fit the ladder of models by maximum likelihood and weigh them by AICc.

    Returns
    -------
    DataFrame
        ``model, predictors, n_parameters, llf, aicc, delta, weight``, best first. Covariates,
        moderators' own terms and random effects are the same in all; where there are moderators,
        they moderate each model's own predictors. n of AICc is the number of rows. A weight
        compares these models with each other: it is no probability that a model is true, and a
        best model may fit poorly; ``.attrs["note"]`` says so.
    """
    if len(result.parts) > 1:
        raise DesignError("A ladder is climbed on one surface: fit part='within' or 'between'.")
    frame, parts = design(result.rows, replace(result.spec, cubic=True))
    columns = list(parts[0].columns[1:])
    x, y = frame[columns[0]], frame[columns[1]]
    moderators = [f"moderator{i}" for i in range(len(result.spec.moderators))]
    moderated = [f"{m}_{c}" for m in moderators for c in columns]
    others = frame.drop(columns=[*columns, *moderated])
    chosen = {
        "null": [],
        "difference": [("difference", x - y)],
        "squared_difference": [("squared_difference", (x - y) ** 2)],
        "additive": [(c, frame[c]) for c in columns[:2]],
        "full": [(c, frame[c]) for c in columns[:5]],
        "cubic": [(c, frame[c]) for c in columns],
    }
    rows, models = [], wording("models")
    for name, predictors in chosen.items():
        one = others.assign(**dict(predictors))
        one = one.assign(
            **{f"{m}_{c}": frame[m] * value for m in moderators for c, value in predictors}
        )
        llf, k = _likelihood(one, result, frame)
        n = len(one)
        correction = 2 * k * (k + 1) / (n - k - 1) if n > k + 1 else np.inf
        rows.append((name, models[name], k, llf, -2 * llf + 2 * k + correction))
    table = pd.DataFrame(rows, columns=["model", "predictors", "n_parameters", "llf", "aicc"])
    delta = table["aicc"] - table["aicc"].min()
    weight = np.exp(-delta / 2)
    out = shown(
        table.assign(delta=delta, weight=weight / weight.sum()).sort_values(
            "aicc", kind="stable", ignore_index=True
        ),
        "Models of the surface, best first", aicc="AICc", delta="ΔAICc", weight="Weight",
        n_parameters="Parameters", llf="Log-likelihood",
    )  # fmt: skip
    out.attrs["note"] = caveats("ladder")[0]
    return out


def _likelihood(
    one: pd.DataFrame, result: ResponseSurface, frame: pd.DataFrame
) -> tuple[float, int]:
    fixed = [c for c in one if c != "outcome" and not str(c).startswith("level")]
    if not result.spec.levels:
        found = least_squares(one["outcome"].to_numpy(), one[fixed])
        variance = found.scale * (found.n - len(found.params)) / found.n
        llf = -found.n / 2 * (np.log(2 * np.pi * variance) + 1)
        return float(llf), len(found.params) + 1
    slopes = frame[[c for c in frame if c not in one]]  # random slopes need not be fixed ones too
    formula = f"outcome ~ {' + '.join(['1', *map(str, fixed)])} + {bars(result.spec)}"
    fit = multilevel(
        formula, one.join(slopes), df="normal", reml=False, levels=result.spec.levels
    ).fit
    assert fit is not None
    return float(fit.llf), fit.df_model


def regions(result: ResponseSurface, margin: float | None, group: str) -> pd.DataFrame:
    """Return the numbers of rows and dyads in each region (see `ResponseSurface.regions`)."""
    spec, part = result.spec, result._part(group)
    both = np.concatenate([part.x, part.y])
    if margin is None:
        margin = float(both.std(ddof=1)) / 2
    elif isinstance(margin, bool) or not isinstance(margin, Real) or not 0 <= margin < np.inf:
        raise DesignError(f"margin must be a number of points, 0 or more, not {margin!r}.")
    within = "within" in (spec.part, group)
    names = [f"{spec.x} above {spec.y}", "agreement", f"{spec.y} above {spec.x}"]
    if within:
        names = [
            f"{spec.x} deviates further up than {spec.y}",
            "both deviate alike",
            f"{spec.y} deviates further up than {spec.x}",
        ]

    def counted(difference: pd.Series) -> np.ndarray:
        value = difference.to_numpy()
        place = np.where(value > margin, 0, np.where(value < -margin, 2, 1))
        return np.bincount(place, minlength=3)

    difference = pd.Series(part.x - part.y, index=result.rows.index)
    n = counted(difference)
    dyads = np.full(3, np.nan)
    if spec.levels and not within:
        dyads = counted(difference.groupby(result.rows["level1"]).mean()).astype(float)
    counts = {"region": names, "n_rows": n, "share_rows": n / n.sum()}
    counts |= {"n_dyads": dyads, "share_dyads": dyads / dyads.sum()}
    out = shown(
        pd.DataFrame(counts), f"Regions of agreement, within {margin:.3g} points",
        n_rows="Sessions", share_rows="Share", n_dyads="Dyads", share_dyads="Share of dyads",
    )  # fmt: skip
    out.attrs["margin"] = float(margin)
    return out


def support(result: ResponseSurface, group: str) -> np.ndarray:
    """Return the corners of the convex hull of the centred ratings: where the data lie."""
    from scipy.spatial import ConvexHull, QhullError

    part = result._part(group)
    points = np.unique(np.column_stack([part.x, part.y]), axis=0)
    try:
        return np.asarray(points[ConvexHull(points).vertices])
    except QhullError:  # all on a line
        return points[[0, -1]]


def surface_grid(result: ResponseSurface, group: str, steps: int = 81) -> dict[str, np.ndarray]:
    """Return the fitted height over the square that holds the data; NaN outside their hull."""
    from matplotlib.path import Path

    b, _ = result.coefficients(group)
    part = result._part(group)
    low = min(part.x.min(), part.y.min())
    high = max(part.x.max(), part.y.max())
    ends = np.linspace(low, high, steps)
    X, Y = np.meshgrid(ends, ends)
    Z = geometry.height(b, X, Y)
    for i in range(len(result.spec.covariates)):
        name = f"covariate{i}"
        Z = Z + result.linear.params[name] * result.frame[name].mean()
    hull = support(result, group)
    inside = Path(hull).contains_points(np.column_stack([X.ravel(), Y.ravel()]), radius=1e-9)
    return {"x": X, "y": Y, "z": Z, "inside": inside.reshape(X.shape), "hull": hull}

"""The result of a response surface analysis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.arguments import level_of
from ...core.results import Result
from ...errors import DesignError
from ...inference.rows import coefficient_rows
from ..linear import Linear
from ..wording import labels
from . import geometry
from .design import Part, Specification

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...core.display.page import Block
    from .bootstrap import SurfaceBootstrap
    from .congruence import Congruence

NO_AXES = (
    "The surface has no single stationary point or no principal axes (b4 or the curvature is zero, "
    "or the model is cubic); they are NaN."
)


@dataclass(frozen=True, eq=False, repr=False)
class ResponseSurface(Result):
    """A fitted response surface; made by `fit_response_surface`.

    Attributes
    ----------
    spec
        What was asked for; ``spec.center`` is what was subtracted from both ratings.
    linear
        Coefficients and covariance; ``.linear.fit`` is the multilevel fit.
    frame
        The model's columns.
    parts
        The surfaces: one, or ``within`` and ``between``.
    rows
        The rows used: ``x``, ``y``, ``outcome``, as they were.
    mean_reliability
        With a surface between clients: the reliability of their observed means of x and of y.
    """

    spec: Specification
    linear: Linear
    frame: pd.DataFrame
    parts: tuple[Part, ...]
    rows: pd.DataFrame
    notes: tuple[str, ...] = ()
    mean_reliability: dict[str, float] = field(default_factory=dict)
    title = "Response surface"

    picture = "plot"

    @property
    def messages(self) -> tuple[str, ...]:  # type: ignore[override]
        """Rows left out, notes of the fit, what could not be computed."""
        axes = self.table.loc[self.table["term"].isin(geometry.AXES), "estimate"]
        return (*self.notes, NO_AXES) if axes.isna().any() else self.notes

    # -- numbers -----------------------------------------------------------------------------

    def coefficients(self, group: str = "") -> tuple[np.ndarray, np.ndarray]:
        """Return b0, b1, ... of a surface and their covariance."""
        names = list(self._part(group).columns)
        b = self.linear.params[names].to_numpy()
        return b, self.linear.covariance.loc[names, names].to_numpy()

    def _part(self, group: str) -> Part:
        for part in self.parts:
            if part.group == group:
                return part
        names = [part.group for part in self.parts]
        raise DesignError(f"The model holds the surfaces {names}; name one of them as group=.")

    @cached_property
    def table(self) -> pd.DataFrame:
        """What ``tidy()`` gives."""
        pieces = [self._rows_of(part) for part in self.parts]
        pieces.append(self._covariates())
        if self.linear.fit is not None:
            pieces.append(self._random())
        return pd.concat([piece for piece in pieces if len(piece)], ignore_index=True)

    @property
    def fewest(self) -> int | None:  # type: ignore[override]
        """How many people the fewest are that a coefficient is about."""
        return self.linear.fewest

    def tidy(self) -> pd.DataFrame:
        """Return ``b0``-``b5``, ``a1``-``a5``, ``x0``, ``y0``, axes, covariates, random effects."""
        return self.table

    def _rows_of(self, part: Part) -> pd.DataFrame:
        names = list(self.linear.params.index)
        shape = {**geometry.SHAPE, **(geometry.CUBIC_SHAPE if self.spec.cubic else {})}
        L = np.zeros((len(part.columns), len(names)))
        L[range(len(L)), [names.index(column) for column in part.columns]] = 1.0
        A = geometry.contrasts(shape, part.names)
        terms = [*part.names, *shape]
        pieces = [self.linear.rows(np.vstack([L, A @ L]), terms, part.group), self._axes(part)]
        for i, moderator in enumerate(self.spec.moderators):
            columns = [f"moderator{i}", *(f"moderator{i}_{c}" for c in part.columns[1:])]
            M = np.zeros_like(L)
            M[range(len(L)), [names.index(column) for column in columns]] = 1.0
            moderated = [f"{term}:{moderator}" for term in terms]
            pieces.append(self.linear.rows(np.vstack([M, A @ M]), moderated, part.group))
        return pd.concat(pieces, ignore_index=True)

    def _axes(self, part: Part) -> pd.DataFrame:
        value = error = np.full(6, np.nan)
        if not self.spec.cubic:
            value, error = geometry.axes_with_errors(*self.coefficients(part.group), part.unit)
        df = np.full(6, np.inf)
        if self.linear.fit is None:
            df = self.linear.df_of(np.zeros((6, 1)))
        return coefficient_rows(
            list(geometry.AXES), value, error, df, group=part.group,
            confidence=self.spec.confidence,
        )  # fmt: skip

    def _covariates(self) -> pd.DataFrame:
        names = list(self.linear.params.index)
        L = np.zeros((len(self.spec.covariates), len(names)))
        for i in range(len(L)):
            L[i, names.index(f"covariate{i}")] = 1.0
        return self.linear.rows(L, list(self.spec.covariates)) if len(L) else pd.DataFrame()

    def _random(self) -> pd.DataFrame:
        assert self.linear.fit is not None
        random = self.linear.fit.tidy().query("effect == 'random'").copy()
        words = {c: n for part in self.parts for c, n in zip(part.columns, part.names, strict=True)}
        random["term"] = [" ".join(words.get(w, w) for w in t.split(" ")) for t in random["term"]]
        levels = {f"level{i + 1}": name for i, name in enumerate(self.spec.levels)}
        return random.assign(group=random["group"].replace(levels))

    def glance(self) -> pd.DataFrame:
        """Return one row: rows, centre, R squared (least squares) or groups and convergence."""
        row: dict[str, Any] = {"nobs": self.linear.n, "center": self.spec.center}
        if self.linear.fit is None:
            z = self.frame["outcome"]
            total = float(((z - z.mean()) ** 2).sum())
            residual = self.linear.scale * (self.linear.n - len(self.linear.params))
            row |= {"r_squared": 1 - residual / total}
        row |= self.linear.described(self.spec.levels)
        row |= {f"reliability_of_means_{k}": v for k, v in self.mean_reliability.items()}
        return pd.DataFrame([{**row, "sigma": float(np.sqrt(self.linear.scale))}])

    # -- questions ---------------------------------------------------------------------------

    def congruence(
        self,
        *,
        group: str | None = None,
        direction: str | None = None,
        confidence: float = 0.95,
        equivalence: dict[str, tuple[float, float]] | None = None,
        limits: SurfaceBootstrap | None = None,
        level: float | None = None,
    ) -> Congruence:
        """Is it agreement that goes with the outcome? Every condition (see `congruence`).

        `direction` is that of `fit_response_surface` where not given here; `level` is an old name
        of `confidence`.
        """
        from .congruence import congruence

        return congruence(
            self,
            self.parts[0].group if group is None else group,
            direction or self.spec.direction,
            level_of(confidence, level=level),
            equivalence=equivalence,
            limits=limits,
        )

    def ladder(self) -> pd.DataFrame:
        """Compare simpler and richer models by AICc (see `model_sequence.ladder`)."""
        from .model_sequence import ladder

        return ladder(self)

    def regions(self, *, margin: float | None = None, group: str | None = None) -> pd.DataFrame:
        """Return how many sessions and dyads lie in agreement and to each side.

        In the surface's own coordinates: of a surface within clients, "agreement" means that both
        ratings deviate alike from the client's own means, whatever the gap.

        Parameters
        ----------
        margin
            Ratings at most this far apart (in points) agree; by default half the SD of all x and
            y together.
        group
            Of a model with two surfaces: ``"within"`` or ``"between"``.

        Returns
        -------
        DataFrame
            ``region, n_rows, share_rows, n_dyads, share_dyads``; dyads by the mean of their rows
            (NaN where no dyads are known, and within clients, where each dyad's mean is zero).
        """
        from .model_sequence import regions

        return regions(self, margin, self.parts[0].group if group is None else group)

    def bootstrap(
        self,
        replicates: int = 1000,
        *,
        seed: int,
        n_jobs: int | None = None,
        progress: bool = False,
    ) -> SurfaceBootstrap:
        """Draw whole clusters (top-level groups, else rows) anew (see `SurfaceBootstrap`)."""
        from .bootstrap import bootstrap

        return bootstrap(self, replicates, seed=seed, n_jobs=n_jobs, progress=progress)

    def plot(self, ax: Axes | None = None, *, group: str | None = None) -> Axes:
        """Draw the surface as contours with the data, lines, axes and region of support."""
        from .plots import plot_surface

        return plot_surface(self, ax, group=self.parts[0].group if group is None else group)

    def plot_3d(self, *, group: str | None = None) -> Axes:
        """Draw contours and, beside them, the surface in three dimensions."""
        from .plots import plot_surface_3d

        return plot_surface_3d(self, group=self.parts[0].group if group is None else group)

    @property
    def confidence(self) -> float:
        """The level of the intervals."""
        return self.spec.confidence

    def term_labels(self) -> dict[str, str]:
        """Return what the coefficients are called, by the names of both ratings."""
        of = {"x": self.spec.x, "y": self.spec.y}
        return {term: words.format(**of) for term, words in labels("response_surface").items()}

    def shown(self, given: Mapping[str, str] | None = None) -> list[Block]:
        """Return the coefficients, and the verdict on congruence in words."""
        blocks = super().shown(given)
        if self.spec.cubic:
            return blocks
        return blocks + [
            f"Congruence{f' ({part.group})' if part.group else ''}: "
            f"{self.congruence(group=part.group, confidence=self.spec.confidence).words}"
            for part in self.parts
        ]

"""Effects that vary between clients: which random slopes a model gets, by one stated rule.

An effect that differs between clients but is fitted as one and the same for all has an interval
that is too narrow. So every predictor that changes within clients gets a slope that varies between
them, as far as the data carry it. What is given up, and in which order, is fixed beforehand:

1. ``(1 + session | client) + (0 + x | client)``: a predictor whose zero lies far out (a session
   number) is correlated with the intercept, which depends on that zero; one that is centred within
   clients is by itself, since its correlations bear neither on its effect nor on the interval. So
   is a yes or no, where they can: it should be centred too;
2. where therapists are in the model, such a predictor's effect may vary between them too,
   ``(0 + x | therapist)``, if there are five or more;
3. a slope whose variance is estimated as zero goes, which hardly changes an estimate;
4. while the data cannot carry a model, or it does not converge, the last slope goes, and the result
   says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..core.arguments import shown
from ..errors import DesignError, did_you_mean, listing
from .engine.batches import Array
from .engine.deviance import covariances
from .engine.optimise import semidefinite_factor
from .formula.model_formula import Formula, parse_formula
from .formula.random_terms import Term, formula_text, lowest_first
from .formula.terms import INTERCEPT

if TYPE_CHECKING:
    import pandas as pd

    from .engine.design import Design
    from .result import MultilevelFit

SLOPES = ("all", "none")
ZERO = 1e-4  # an SD below this share of the residual's, in the column's own spread, is none
FLAT = 1e-10  # share of a column's squares within units below which it does not change there

LEAST_GROUPS = 5  # fewest groups of an upper level between which an effect may vary
NEW_VARIANCE = 0.04  # where the search for a new slope's variance starts

FitOnce = Callable[[Formula, "MultilevelFit | None"], "MultilevelFit"]
"""Fits a formula, starting near another fit to the same rows where there is one."""


def check_slopes(slopes: object, names: Sequence[str] = ()) -> None:
    """Refuse what is neither ``"all"``, ``"none"`` nor a list of (these) names."""
    if isinstance(slopes, str) or not isinstance(slopes, Sequence):
        if slopes not in SLOPES:
            raise DesignError(
                "slopes must be 'all', 'none', or a list of the predictors whose effect varies "
                f"between clients; it is {shown(slopes)}.{did_you_mean(slopes, SLOPES)}"
            )
        return
    for name in slopes:
        if names and name not in names:
            raise DesignError(
                f"slopes names '{name}', which is no predictor that changes within clients; there "
                f"are {listing(names)}.{did_you_mean(name, names)}"
            )


def fit_varying(
    written: Design,
    data: pd.DataFrame,
    slopes: str | Sequence[str],
    fit_once: FitOnce,
    near: MultilevelFit | None = None,
) -> MultilevelFit:
    """Fit a model with the slopes at the lowest level that the data carry, beside those written.

    `slopes` is ``"all"`` or the names of predictors. The steps are those of this module; the
    messages of the result tell them. The first search starts from `near` where it is given.
    """
    names = changing_within(written)
    if slopes != "all":
        check_slopes(slopes, names)
        names = [name for name in names if name in slopes]
    return _Search(written, data, fit_once).run(names, near)


def changing_within(design: Design) -> list[str]:
    """Return the predictors that change within two or more of the lowest units.

    Columns by themselves only: products, functions and categories keep what the formula gives
    them.
    """
    units = design.grouping.units
    counts = np.bincount(units)
    found = []
    for name in design.fixed_names:
        if name == INTERCEPT or name not in design.frame.columns:
            continue
        values = design.frame[name].to_numpy(dtype=float)
        rest = values - (np.bincount(units, values) / counts)[units]
        inside = np.bincount(units, rest**2)
        if (inside > FLAT * float(values @ values) / len(counts)).sum() > 1:
            found.append(name)
    return found


@dataclass(frozen=True)
class Slope:
    """An effect that may vary: which, at which level (0 the lowest), and how it is written."""

    name: str
    level: int
    apart: bool
    """Whether it stands in a term of its own, uncorrelated with the intercept."""


class _Search:
    """From all slopes to those that can be estimated, each step from the one before."""

    def __init__(self, written: Design, data: pd.DataFrame, fit_once: FitOnce) -> None:
        self.written, self.fit_once = written, fit_once
        self.terms = [Term.of(term) for term in lowest_first(written.formula.random, data)]
        self.groups = written.grouping.names

    def candidates(self, names: Sequence[str]) -> list[Slope]:
        """Return what may vary, in the order in which it is given up, the last first."""
        own = {(term.group, name) for term in self.terms for name in term.slopes}
        apart = [name for name in names if _has_zero(self.written, name)]
        able = [
            number
            for number, size in enumerate(self.written.grouping.sizes)
            if number == 0 or size >= LEAST_GROUPS
        ]
        found = [Slope(name, 0, False) for name in names if name not in apart]
        found += [Slope(name, number, True) for number in able for name in apart]
        return [slope for slope in found if (self.groups[slope.level], slope.name) not in own]

    def run(self, names: Sequence[str], near: MultilevelFit | None = None) -> MultilevelFit:
        """Return the first model of the sequence that can be estimated."""
        slopes = self.candidates(names)
        if not slopes or self.terms[0].effects[0] != "1":
            return self.fit_once(self.written.formula, near)
        lost: list[Slope] = []
        fit = self._fit(slopes, near)
        while fit is None and slopes:
            lost.append(slopes.pop())
            fit = self._fit(slopes)
        fit = fit or self.fit_once(self.written.formula, None)
        zero = [slope for slope in slopes if self._variance(fit, slope) < ZERO**2]
        kept = [slope for slope in slopes if slope not in zero]
        if zero:
            fit = self._fit(kept, fit) or fit
        notes = self._notes(fit, kept, zero, lost)
        return replace(fit, design=replace(fit.design, notes=(*fit.design.notes, *notes)))

    def _fit(
        self, slopes: Sequence[Slope], near: MultilevelFit | None = None
    ) -> MultilevelFit | None:
        """Fit with these slopes; None where the data cannot carry them."""
        together = [_quoted(slope.name) for slope in slopes if not slope.apart]
        alone = [
            Term(("0", _quoted(slope.name)), self.groups[slope.level], True)
            for slope in slopes
            if slope.apart
        ]
        own = [term for term in self.terms if term.group == self.groups[0]]
        upper = [term for term in self.terms if term.group != self.groups[0]]
        own = [own[0].with_slopes(together), *own[1:]]
        lowest = [term for term in alone if term.group == self.groups[0]]
        others = [term for term in alone if term.group != self.groups[0]]
        text = formula_text(self.written.formula, [*own, *lowest, *upper, *others])
        try:
            fit = self.fit_once(parse_formula(text), near)
        except DesignError:  # what the formula as written gave no reason for
            return None
        return fit if fit.converged else None

    def _variance(self, fit: MultilevelFit, slope: Slope) -> float:
        """Return the variance a slope gives to the rows' mean, over the residual's."""
        values = fit.design.frame[slope.name].to_numpy(dtype=float)
        variance = self._sd(fit, slope) ** 2
        return variance * float(np.mean(values**2)) / fit.scale

    def _sd(self, fit: MultilevelFit, slope: Slope) -> float:
        covariance = fit.random_covariances[self.groups[slope.level]]
        return float(covariance[slope.name][slope.name]) ** 0.5

    def _notes(
        self,
        fit: MultilevelFit,
        kept: Sequence[Slope],
        zero: Sequence[Slope],
        lost: Sequence[Slope],
    ) -> list[str]:
        notes = []
        for number, group in enumerate(self.groups):
            where = f"between groups of '{group}'"
            sds = [f"'{s.name}' (SD {self._sd(fit, s):.3g})" for s in kept if s.level == number]
            none = [slope.name for slope in zero if slope.level == number]
            gone = [slope.name for slope in lost if slope.level == number]
            if sds:
                notes.append(f"Effects that vary {where}: {', '.join(sds)}.")
            if none:
                notes.append(
                    f"No variance {where} is found in the effect of {_named(none)}: fitted as "
                    "the same for all, which hardly changes an estimate and does not show that it "
                    "is."
                )
            if gone:
                notes.append(
                    f"These data cannot carry effects of {_named(gone)} that vary {where}; where "
                    "they do vary, their intervals are too narrow (compare fit.robust())."
                )
        return notes


def _named(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _quoted(name: str) -> str:
    return name if name.isidentifier() else f"`{name}`"


def _has_zero(design: Design, name: str) -> bool:
    """Say whether a column's zero is within a standard deviation of its mean: a point of its own.

    So it is for deviations from clients' means, and for yes or no; not for numbers of sessions.
    """
    values = design.frame[name].to_numpy(dtype=float)
    return bool(abs(values.mean()) < values.std())


def start_near(design: Design, fit: MultilevelFit) -> Array:
    """Return a theta for a design from the estimates of another fit to the same rows.

    Effects of one group and name take over their covariances, new ones a small variance.
    """
    known = {
        (group, a, b): D[i, j]
        for group, effects, D in zip(
            fit.design.grouping.names,
            fit.design.effects,
            covariances(fit.design.levels, fit.optimum.theta),
            strict=True,
        )
        for i, a in enumerate(effects.names)
        for j, b in enumerate(effects.names)
    }
    theta: list[float] = []
    for group, level, effects in zip(
        design.grouping.names, design.levels, design.effects, strict=True
    ):
        q = len(effects.names)
        D = np.zeros((q, q))
        for i, j in level.pairs:
            a, b = effects.names[i], effects.names[j]
            D[i, j] = D[j, i] = known.get((group, a, b), NEW_VARIANCE if i == j else 0.0)
        factor = semidefinite_factor(D)
        theta += [factor[pair] for pair in level.pairs]
    return np.array(theta)

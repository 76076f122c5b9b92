"""Random slopes that a model leaves out: does the effect of a predictor differ between groups?

An effect that differs between clients while the model has one for all makes its interval too
narrow. Whether it does can be asked of the fit without another one: the derivative of the
restricted likelihood in the slope's variance, at zero, from the cross-products at hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...core.display.shown import shown
from ...errors import listing
from ...inference.distributions import chi2_upper
from ..checks import share_within
from ..engine.batches import Array
from ..engine.deviance import Profile, covariances
from ..engine.likelihood import Level
from ..formula.terms import INTERCEPT
from .inference import KenwardRoger

if TYPE_CHECKING:
    from ..engine.design import Design
    from ..result import MultilevelFit

FLAT = 1e-8  # share of a column's variance within groups below which it has no slope there
KNOWN = 1e-6  # share of the information that other variances must leave
LEVEL = 0.05


def omitted_slopes(fit: MultilevelFit) -> pd.DataFrame:
    """Test each random slope that the model could have and has not.

    Does the effect of a predictor that varies within clients (within therapists) differ between
    them? Each predictor of the fixed part is tested at each level it varies within, where it has
    no random effect there. The test is the score test of a variance of zero against one above,
    by the restricted likelihood: the quadratic form in the residuals is referred to a scaled
    chi-square with its mean and variance, in which what the other variances take up is paid for
    (Zhang & Lin 2003, doi 10.1093/biostatistics/4.1.57). Variances on their boundary and the
    correlation of AR(1) residuals count as known; where residuals have a covariance of their own
    nothing is asked. Residuals are taken to spread alike in all
    groups: where those whose predictor moves more have larger residuals too, slopes seem to differ
    that do not; the interval is too narrow then as well.

    Returns
    -------
    pandas.DataFrame
        A row a group and term: ``group, term, sd`` (of the slopes, a first step from zero, which
        is rough), ``statistic, df, p_value`` (one-sided, each by itself).
    """
    columns = ["group", "term", "sd", "statistic", "df", "p_value"]
    design, wanted = (fit.design, []) if fit.structured else _with_candidates(fit.design)
    if not wanted:
        return pd.DataFrame(columns=columns)
    relative = [
        np.pad(D, (0, len(level.columns) - len(D)))
        for D, level in zip(
            covariances(fit.design.levels, fit.optimum.theta), design.levels, strict=True
        )
    ]
    contribution = design.partition.contribution(design.levels, relative, 2)
    profile = Profile(contribution, design.fixed, design.n, True)
    free = [
        D[pair] for D, level in zip(relative, design.levels, strict=True) for pair in level.pairs
    ]
    information = KenwardRoger(profile, design.levels, np.array(free)).information
    mean = profile.logdet1 / profile.variance / 2.0
    form = -profile.sum_of_squares1 / profile.variance**2 / 2.0
    known = _nuisance(fit, design.levels)
    rows = []
    for place, group, term, size in wanted:
        left = _left_by(information, place, known)
        if not (left > KNOWN * information[place, place] and mean[place] > 0.0):
            continue  # nothing is left of what the rows could tell of this slope
        scale = left / (2.0 * mean[place])
        statistic, df = form[place] / scale, mean[place] / scale
        step = np.sqrt(max(form[place] - mean[place], 0.0) / left) * size
        p_value = chi2_upper(float(statistic), float(df))
        rows.append((group, term, float(step), float(statistic), float(df), p_value))
    return shown(
        pd.DataFrame(rows, columns=columns), "Slopes that the model leaves out",
        sd="SD of the slopes (rough)", statistic="χ²", p_value="p (one-sided)",
    )  # fmt: skip


def _left_by(information: Array, place: int, known: Sequence[int]) -> float:
    """Return the information on one parameter that the estimation of others leaves.

    It is NaN where the rows tell nothing of one of them, as in a model as large as its data.
    """
    others = list(known)
    told = np.diag(information)[others]
    if not np.isfinite(information).all() or not (told > 0).all():
        return float("nan")
    size = np.sqrt(told)
    inner = information[np.ix_(others, others)] / np.outer(size, size)
    side = information[others, place] / size
    return float(information[place, place] - side @ np.linalg.lstsq(inner, side, rcond=None)[0])


def _with_candidates(design: Design) -> tuple[Design, list[tuple[int, str, str, float]]]:
    """Return the design with the slopes it could have, and where each stands among the variances.

    A slope gets a block of its own, on its column less the mean.
    """
    found = list(_candidates(design))
    names = list(dict.fromkeys(name for _, name, _ in found))
    if not names:
        return design, []
    new, sizes = _centred(design, names)
    at = {name: len(design.columns) - 1 + i for i, name in enumerate(names)}
    levels, wanted, before = [], [], 0
    for number, level in enumerate(design.levels):
        here = [name for of, name, _ in found if of == number]
        level = Level((*level.columns, *(at[n] for n in here)), (*level.blocks, *(1 for _ in here)))
        for name in here:
            q = len(level.columns) - len(here) + here.index(name)
            place = before + level.pairs.index((q, q))
            wanted.append((place, design.grouping.names[number], name, sizes[names.index(name)]))
        before += len(level.pairs)
        levels.append(level)
    return replace(design.extended(new), levels=tuple(levels)), wanted


def _centred(design: Design, names: Sequence[str]) -> tuple[Array, list[float]]:
    """Return combinations of scaled columns that are the user's, centred, each of length one.

    And what a slope on such a column is multiplied by to be one in the user's units.
    """
    ones = design.fixed[design.fixed_names.index(INTERCEPT)]
    means = [design.mean_of(place) for place in design.fixed]
    new, sizes = np.zeros((len(design.columns), len(names))), []
    for i, name in enumerate(names):
        weights = design.fixed_basis[:, design.fixed_names.index(name)]
        new[list(design.fixed), i] = weights * design.scale[list(design.fixed)]
        new[ones, i] -= weights @ means * design.scale[ones]
        total = design.partition.totals
        size = float(np.sqrt(new[:, i] @ total @ new[:, i] / design.n))
        new[:, i] /= size
        sizes.append(float(design.scale[-1]) / size)
    return new, sizes


def _candidates(design: Design) -> Iterator[tuple[int, str, int]]:
    """Go through the slopes a model could have: level, name and place of the column in X."""
    if INTERCEPT not in design.fixed_names:
        return
    ones = design.fixed[design.fixed_names.index(INTERCEPT)]
    for number, effects in enumerate(design.effects):
        for name, place in zip(design.fixed_names, design.fixed, strict=True):
            if name == INTERCEPT or name in effects.names:
                continue
            if share_within(design.partition, number, ones, place) > FLAT:
                yield number, name, place


def _nuisance(fit: MultilevelFit, levels: Sequence[Level]) -> list[int]:
    """Return the places of the variances that are estimated, and of the residual's, the last."""
    singular = set(fit.optimum.on_boundary)
    found, before = [], 0
    for number, (level, own) in enumerate(zip(levels, fit.design.levels, strict=True)):
        edge = [span for span in own.spans if any((number, i) in singular for i in span)]
        for i, (a, _) in enumerate(level.pairs):
            if a < len(own.columns) and not any(a in span for span in edge):
                found.append(before + i)
        before += len(level.pairs)
    return [*found, before]


def message(table: pd.DataFrame) -> list[str]:
    """Say which intervals leave out that effects differ between groups (Holm's correction)."""
    ordered = table.sort_values("p_value")
    alarms = ordered["p_value"].to_numpy() * np.arange(len(ordered), 0, -1) < LEVEL
    shown = ordered[np.cumprod(alarms).astype(bool)] if len(ordered) else ordered
    if not len(shown):
        return []
    effects = listing(
        [f"'{row.term}' between groups of '{row.group}'" for row in shown.itertuples()], 6
    )
    first = shown.iloc[0]
    return [
        f"Effects differ that the model takes to be one: of {effects} (score tests, p < .05 after "
        "Holm; see fit.omitted_slopes()). The standard errors and intervals leave these "
        f"differences out and are too small: add random slopes, as (1 + {first['term']} | "
        f"{first['group']})."
    ]

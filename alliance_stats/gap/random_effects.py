"""Variances between dyads and therapists: which effects vary, and how well each is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..inference.distributions import half_width
from ..inference.rows import tidy_rows
from .linear import Linear, multilevel

if TYPE_CHECKING:
    from ..multilevel import MultilevelFit

EDGE = 1e-6  # an SD this small beside the residual's, or a correlation this near one, is an edge
MUCH = 2.0  # a variance whose error is so many times itself is not told from zero

Slope = tuple[str, int]
"""A column and the level (from 0) between whose units its effect varies."""


def possible_slopes(frame: pd.DataFrame, columns: Sequence[str], levels: int) -> list[Slope]:
    """Return for each column the levels within whose units it varies: there its effect can vary.

    A level must hold clearly more rows than its units would have effects.
    """
    found: list[Slope] = []
    for level in range(levels):
        groups = frame.groupby(f"level{level + 1}")
        room = len(frame) // max(groups.ngroups, 1) - 2
        for name in columns:
            spread = groups[name].transform("max") - groups[name].transform("min")
            if (spread > 0).mean() > 0.5 and room > 0:
                found.append((name, level))
                room -= 1
    return found


def fit_with_slopes(
    fixed: str,
    core: str,
    slopes: Sequence[Slope],
    frame: pd.DataFrame,
    *,
    df: Any,
    levels: Sequence[str],
    names: dict[str, str],
    messages: list[str],
    confidence: float = 0.95,
) -> Linear:
    """Fit with all slopes varying; a slope without variance goes, which hardly changes an estimate.

    `core` are the effects that vary together at every level; each of `slopes` varies by itself. An
    effect that differs between dyads but is fitted as one and the same for all has too small a
    standard error. Where the fit does not converge the last slope goes. Each step is told.
    """
    kept = list(slopes)
    zero: list[Slope] = []
    lost: list[Slope] = []
    while True:
        formula = _formula(fixed, core, kept, len(levels))
        found = multilevel(formula, frame, df=df, levels=levels, confidence=confidence)
        assert found.fit is not None
        if not found.fit.converged and kept:
            lost.append(kept.pop())
            continue
        gone = [slope for slope in kept if _is_zero(found.fit, slope)]
        if not gone:
            break
        zero += gone
        kept = [slope for slope in kept if slope not in gone]

    def told(which: list[Slope]) -> str:
        return ", ".join(f"'{names[c]}' between units of '{levels[at]}'" for c, at in which)

    if kept:
        messages.append(f"Effects that were let vary: {told(kept)}.")
    if zero:
        messages.append(
            f"Effects found not to vary (variance of zero), and taken as the same for all: "
            f"{told(zero)}."
        )
    if lost:
        messages.append(
            f"These data could not carry effects that vary of {told(lost)}; where they do vary, "
            "the intervals are too narrow."
        )
    return found


def _formula(fixed: str, core: str, slopes: Sequence[Slope], levels: int) -> str:
    bars = [f"({core} | level{i + 1})" for i in range(levels)]
    bars += [f"(0 + {name} | level{level + 1})" for name, level in slopes]
    return f"{fixed} + {' + '.join(bars)}"


def _is_zero(fit: MultilevelFit, slope: Slope) -> bool:
    table = fit.varcomp
    row = table[(table["group"] == f"level{slope[1] + 1}") & (table["term1"] == slope[0])]
    row = row[row["term2"].isna()]
    return bool(row["vcov"].iloc[0] <= EDGE**2 * fit.scale)


def variance_rows(
    fit: MultilevelFit, confidence: float = 0.95
) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """Return rows ``sd``, ``cor`` and ``cov`` with standard errors and intervals.

    From the expected information of the variances (REML): intervals on the log scale for SDs, on
    Fisher's z scale for correlations, symmetric for covariances. Where an estimate lies on the
    edge (a variance of zero or not told from it, a correlation of one) there is none: those entries
    are returned as ``(group, term)``, and a correlation there is NaN: it cannot be told.
    """
    components = fit.varcomp
    named = components[components["group"] != "Residual"].reset_index(drop=True)
    error = _errors(fit, named)
    entries: list[Any] = list(named.itertuples())
    variance = {
        (row.group, row.term1): (row.vcov, e)
        for row, e in zip(entries, error, strict=True)
        if pd.isna(row.term2)
    }
    tiny, z = EDGE**2 * fit.scale, float(half_width(1.0, confidence=confidence))
    rows: list[tuple[Any, ...]] = []
    edges: list[tuple[str, str]] = []

    def add(group: str, term: str, *values: float) -> None:
        rows.append((group, term, *values, *[np.nan] * (4 - len(values))))

    for row, e in zip(entries, error, strict=True):
        if pd.isna(row.term2):
            sd = float(np.sqrt(max(row.vcov, 0.0)))
            if row.vcov <= tiny or not e <= MUCH * row.vcov:
                edges.append((row.group, f"sd {row.term1}"))
                add(row.group, f"sd {row.term1}", sd)
                continue
            half = z * e / (2 * row.vcov)
            add(row.group, f"sd {row.term1}", sd, e / (2 * sd), sd * np.exp(-half),
                sd * np.exp(half))  # fmt: skip
            continue
        first, second = (variance[row.group, name][0] for name in (row.term1, row.term2))
        pair = f"{row.term1} {row.term2}"
        r = row.vcov / np.sqrt(first * second) if min(first, second) > tiny else np.nan
        if not abs(r) < 1 - EDGE or not np.isfinite(e):
            edges.append((row.group, f"cor {pair}"))
            add(row.group, f"cor {pair}", np.nan)
            add(row.group, f"cov {pair}", float(row.vcov))
            continue
        e_r = _error_of_correlation(fit, named, row, r)
        ends = np.tanh(np.arctanh(r) + np.array([-z, z]) * e_r / (1 - r * r))
        add(row.group, f"cor {pair}", float(r), e_r, *map(float, ends))
        add(row.group, f"cov {pair}", float(row.vcov), e, row.vcov - z * e, row.vcov + z * e)
    add("Residual", "sd", float(np.sqrt(fit.scale)))
    groups, terms, estimate, e, low, high = zip(*rows, strict=True)
    out = tidy_rows(terms, estimate, e, effect="random", group=groups, conf_low=low, conf_high=high)
    for group, term in [edge for edge in edges if edge[1].startswith("cor ")]:
        # a block on its edge has no regular information, so its SDs have no interval either
        of = [f"sd {name}" for name in term.split(" ")[1:]]
        block = (out["group"] == group) & out["term"].isin(of)
        out.loc[block, ["std_error", "conf_low", "conf_high"]] = np.nan
        edges += [(group, name) for name in of if (group, name) not in edges]
    return out, edges


def _covariance(fit: MultilevelFit, named: pd.DataFrame) -> np.ndarray:
    """Return the covariance of the rows of `named`, in the user's units."""
    from ..multilevel.after_fit.inference import KenwardRoger
    from ..multilevel.engine.variances import elements_to_user

    engine = replace(fit, df_method="kenward-roger").inference
    assert isinstance(engine, KenwardRoger)
    order = []
    for number, level in enumerate(fit.design.levels):
        group = fit.design.grouping.names[number]
        terms = named[(named["group"] == group) & named["term2"].isna()]["term1"].tolist()
        order += [(group, *sorted((terms[a], terms[b]))) for a, b in level.pairs]
    entries: list[Any] = list(named.itertuples())
    keys = [
        (row.group, *sorted((row.term1, row.term1 if pd.isna(row.term2) else row.term2)))
        for row in entries
    ]
    place = [order.index(key) for key in keys]
    to_user = elements_to_user(fit.design)[place]
    return np.asarray(to_user @ engine.variance_parameters[:-1, :-1] @ to_user.T)


def _errors(fit: MultilevelFit, named: pd.DataFrame) -> np.ndarray:
    try:
        with np.errstate(invalid="ignore"):
            return np.sqrt(np.diag(_covariance(fit, named)))
    except np.linalg.LinAlgError:
        return np.full(len(named), np.nan)


def _error_of_correlation(fit: MultilevelFit, named: pd.DataFrame, row: Any, r: float) -> float:
    """Return the delta method's error of a correlation, from those of three elements."""
    own = (named["group"] == row.group) & named["term2"].isna()
    place = [
        row.Index,
        int(named.index[own & (named["term1"] == row.term1)][0]),
        int(named.index[own & (named["term1"] == row.term2)][0]),
    ]
    V = _covariance(fit, named)[np.ix_(place, place)]
    c, a, b = named["vcov"].to_numpy()[place]
    gradient = np.array([r / c if c else 1 / np.sqrt(a * b), -r / (2 * a), -r / (2 * b)])
    return float(np.sqrt(gradient @ V @ gradient))

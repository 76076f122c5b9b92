"""How much of the variance a model explains, and through what.

The total variance of the outcome that the model implies is split into what the coefficients
explain, what differences of slopes and of levels between groups explain, and the residual. The
marginal and conditional R² are Nakagawa, Johnson & Schielzeth's (2017), doi
10.1098/rsif.2017.0213, with Johnson's (2014) mean variance of random slopes, doi
10.1111/2041-210X.12225; the split within and between is Rights & Sterba's (2019), doi
10.1037/met0000184.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...core.results import Result
from ...errors import listing
from ...inference.rows import tidy_rows
from ..engine.batches import Array, Indices
from ..engine.grouping import CrossedGrouping
from ..engine.variances import mean_products, working_columns
from ..formula.terms import INTERCEPT
from .prediction import fixed_of_rows

if TYPE_CHECKING:
    from ..result import MultilevelFit

CENTRED = 0.01  # share of a variance between clients that rows without an outcome may leave


@dataclass(frozen=True, eq=False)
class Explained(Result):
    """Explained variance of a multilevel fit.

    Attributes
    ----------
    marginal
        Share of the total variance that the coefficients explain.
    conditional
        Share that coefficients and random effects explain together.
    parts
        A row a source: ``source, group, variance`` and its shares ``total``, ``within`` (of the
        variance within the lowest groups) and ``between`` (of the variance between them).
        Sources are ``fixed`` (coefficients), ``slopes`` and ``levels`` (random effects of a
        group: what multiplies a predictor's deviations, and the rest) and ``residual``. Where
        groups are not nested, ``groups`` is all that a group's effects explain.
    not_centred
        Predictors that vary within and between the lowest groups at once.
    """

    marginal: float
    conditional: float
    parts: pd.DataFrame
    not_centred: tuple[str, ...]
    messages: tuple[str, ...] = ()
    _shares = "."
    title = "Explained variance"

    def tidy(self) -> pd.DataFrame:
        """Return the marginal and conditional R², then every part's share of the total."""
        names = ["marginal", "conditional"] + [
            " ".join(text for text in names if text)
            for names in self.parts[["source", "where", "group"]].itertuples(index=False)
        ]
        shares = [self.marginal, self.conditional, *self.parts["total"]]
        return tidy_rows(names, shares)

    def glance(self) -> pd.DataFrame:
        """Return marginal and conditional R² in one row."""
        return pd.DataFrame([{"r2_marginal": self.marginal, "r2_conditional": self.conditional}])


def explain(fit: MultilevelFit) -> Explained:
    """Split the variance that a model implies by where it comes from.

    ``marginal`` and ``conditional`` hold for any model. In ``parts`` "within" is what varies
    among the rows of a lowest group (a client's sessions), "between" what its mean has. Where every
    predictor is centred at the groups' means or constant in them, the parts are Rights & Sterba's
    f1 (``fixed within``), f2 (``fixed between``), v (``slopes``) and m (``levels``), and their
    shares those authors' R² measures. Where a predictor mixes, its observed parts are split in the
    same way, but one coefficient serves both; a message names it.
    """
    design = fit.design
    if isinstance(design.grouping, CrossedGrouping):
        return _undivided(fit)
    units = [design.grouping.of_rows(number) for number in range(len(design.levels))]
    spread = fit.nobs / (fit.nobs - 1.0)  # the coefficients' variance as sample variances are
    rows = _fixed_parts(fit, units, spread)
    for number in range(len(design.levels)):
        rows += _random_parts(fit, number, units)
    rows.append(("residual", "within", "", fit.scale))
    parts = pd.DataFrame(rows, columns=["source", "where", "group", "variance"])
    total = parts["variance"].sum()
    parts["total"] = parts["variance"] / total
    for where in ("within", "between"):
        here = parts["where"] == where
        parts[where] = (parts["variance"] / parts.loc[here, "variance"].sum()).where(here)
    fixed = parts.loc[parts["source"] == "fixed", "variance"].sum()
    mixing = _mixing(fit, units[0])
    note = (
        f"{listing(mixing, 6)} {'vary' if len(mixing) > 1 else 'varies'} within "
        f"'{design.grouping.names[0]}' and between: the split of what they explain is that of "
        "their observed parts, with one coefficient for both. Centre them with "
        "alliance_stats.decompose for Rights and Sterba's measures."
    )
    return Explained(
        float(fixed / total),
        float(1.0 - fit.scale / total),
        parts,
        mixing,
        (note,) if mixing else (),
    )


def _undivided(fit: MultilevelFit) -> Explained:
    """Return the shares where groups cross: what lies within one may lie between others."""
    names = fit.design.grouping.names
    fixed = float(fixed_of_rows(fit).var(ddof=1))
    groups = [
        mean_products(fit, number, working_columns(fit.design, number))
        for number in range(len(names))
    ]
    rows = [("fixed", "", "", fixed)]
    rows += [("groups", "", name, value) for name, value in zip(names, groups, strict=True)]
    rows.append(("residual", "", "", fit.scale))
    parts = pd.DataFrame(rows, columns=["source", "where", "group", "variance"])
    total = float(parts["variance"].sum())
    parts["total"] = parts["variance"] / total
    parts["within"] = parts["between"] = np.nan
    note = "Groups are not nested, so no part is split into within and between."
    return Explained(fixed / total, 1.0 - fit.scale / total, parts, (), (note,))


def mean_of_groups(values: Array, units: Indices) -> Array:
    """Return each row's group mean."""
    return (np.bincount(units, values) / np.bincount(units))[units]


def _fixed_parts(
    fit: MultilevelFit, units: list[Indices], spread: float
) -> list[tuple[str, str, str, float]]:
    """Split the variance of the coefficients' predictions by level."""
    values = fixed_of_rows(fit)
    values = values - values.mean()
    rows: list[tuple[str, str, str, float]] = []
    names = fit.design.grouping.names
    for number in range(len(names)):
        means = mean_of_groups(values, units[number])
        where, group = ("between", names[number - 1]) if number else ("within", "")
        rows.append(("fixed", where, group, float(((values - means) ** 2).mean()) * spread))
        values = means
    rows.append(("fixed", "between", names[-1], float((values**2).mean()) * spread))
    return rows


def _random_parts(
    fit: MultilevelFit, number: int, units: list[Indices]
) -> list[tuple[str, str, str, float]]:
    """Split a level's mean variance ``z' D z`` into slopes on deviations and the rest."""
    design = fit.design
    name = design.grouping.names[number]
    Z = working_columns(design, number)
    of_clients = np.stack([mean_of_groups(z, units[0]) for z in Z])
    of_units = np.stack([mean_of_groups(z, units[number]) for z in Z])
    within = mean_products(fit, number, Z - of_clients)
    between = mean_products(fit, number, of_clients - of_units)
    rows = [("slopes", "within", name, within)] if within > 0 else []
    if between > 0:
        rows.append(("slopes", "between", name, between))
    rows.append(("levels", "between", name, mean_products(fit, number, of_units)))
    return rows


def _mixing(fit: MultilevelFit, units: Indices) -> tuple[str, ...]:
    """Return predictors that vary within the lowest groups and between them."""
    found = []
    for name, values in fit.design.fixed_terms.named_arrays():
        total = float(values.var())
        if name not in fit.design.fixed_names or name == INTERCEPT or total == 0:
            continue
        between = float(mean_of_groups(values, units).var()) / total
        if CENTRED < between < 1.0 - CENTRED:
            found.append(name)
    return tuple(found)

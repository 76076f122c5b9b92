"""The same answers with more and more held equal over conditions, and which items are set free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from ...errors import listing
from ..engine.fit import Estimates, difference, estimate, sameness
from ..engine.likelihood import Likelihood
from ..engine.patterns import Sample
from ..engine.saturated import saturated
from .answers import Answers
from .checks import signs
from .factor_structure import Factors

Freed = frozenset[tuple[str, str]]
"""``("intercept", item)`` and the like that are not held equal, though their kind is."""

STEPS = {
    "configural": frozenset(),
    "metric": frozenset({"loadings"}),
    "scalar": frozenset({"loadings", "intercepts"}),
    "strict": frozenset({"loadings", "intercepts", "residuals"}),
}
CFI, CLOSE = 0.90, 0.05
"""A form fits badly where CFI is below the one, or all of RMSEA's interval above the other."""
NOT, ALIKE, OPEN = "not invariant", "no difference found", "not judged"
"""What is said of a step; below one that failed, the model it is tested against does not hold."""
SCALED = ("cfi_scaled", "rmsea_scaled")
TEST = ("delta_chi2", "delta_df", "p_value")


class Compared:
    """Models of the same answers with more and more held equal."""

    def __init__(self, held: Answers, errors: str) -> None:
        self.held, self.errors = held, errors
        keep = [np.isfinite(v).any(axis=1) for v in held.values]
        self.samples = [Sample.of(v[k]) for v, k in zip(held.values, keep, strict=True)]
        self.clusters = (
            None
            if held.clusters is None
            else [own[k] for own, k in zip(held.clusters, keep, strict=True)]
        )
        self.free = [saturated(sample) for sample in self.samples]
        tables = list(held.tables.values())
        self.mean = np.stack([table.mean().to_numpy(dtype=float) for table in tables])
        self.sd = np.stack([table.std(ddof=0).to_numpy(dtype=float) for table in tables])
        self.sign = signs(held.factors, pd.concat(tables))
        self.known: dict[str, float] = {}
        self.failed: dict[str, None] = {}

    def shape(self, equal: frozenset[str], freed: Freed = frozenset()) -> Factors:
        """Return the factors with what is held equal."""
        order = list(next(iter(self.held.tables.values())).columns)
        shape = Factors(
            self.held.factors, list(self.held.tables), self.mean, self.sd, self.held.repeated,
            equal, freed, known=self.known, sign=self.sign,
        )  # fmt: skip
        at = [order.index(item) for item in shape.items]
        return replace(shape, mean=self.mean[:, at], sd=self.sd[:, at])

    def fit(self, equal: frozenset[str], freed: Freed = frozenset()) -> Estimates:
        """Return the model fitted, started at the one before where that can be a start."""
        model = self.shape(equal, freed).model()
        if not np.isfinite(Likelihood(model, self.samples).deviance(model.start)[0]):
            model = replace(self.shape(equal, freed), known={}).model()
        fitted = estimate(
            model,
            self.samples,
            errors=self.errors,
            clusters=self.clusters,
            without_structure=self.free,
        )
        if not fitted.converged:
            self.failed[_said(equal, freed)] = None
        else:
            self.known = dict(zip(fitted.model.names, fitted.theta, strict=True))
        return fitted


def _said(equal: frozenset[str], freed: Freed) -> str:
    """Return a model by its step, and what is free in it."""
    step = next(name for name, held in STEPS.items() if held == equal)
    free = [f"the {kind} of {item}" for kind, item in sorted(freed)]
    return f"{step} with {listing(free, 12)} free" if free else step


def table_of(fits: Mapping[str, Estimates]) -> pd.DataFrame:
    """Return fit, test and verdict of each step."""
    rows, before = [], None
    for step, fit in fits.items():
        own = fit.fit_indices()
        row = {"step": step, "chi2": own["chi2"], "df": int(own["df"]), "cfi": own["cfi"],
               "rmsea": own["rmsea"], "srmr": own["srmr"], "delta_chi2": np.nan,
               "delta_df": np.nan, "p_value": np.nan, "delta_cfi": np.nan}  # fmt: skip
        if "cfi_scaled" in own:
            row |= {name: own[name] for name in SCALED}
        if before is not None:
            test = _tested(fit, fits[before])
            row |= dict(zip(TEST, test, strict=True))
            row["delta_cfi"] = own["cfi"] - rows[-1]["cfi"]
        rows.append(row)
        before = step
    table = pd.DataFrame(rows)
    if set(SCALED) & {*table} and table[list(SCALED)].isna().all(axis=None):
        table = table.drop(columns=list(SCALED))
    form = fits["configural"].fit_indices()
    fits_well = form["cfi"] >= CFI and form["rmsea_low"] <= CLOSE
    first = "cannot fail" if form["df"] == 0 else "fits" if fits_well else "fits badly"
    failed = below(table["p_value"].to_numpy()[1:])
    untold = table["p_value"].isna().to_numpy()[1:]
    words = [
        OPEN if any(failed[:k]) or untold[k] else NOT if bad else ALIKE
        for k, bad in enumerate(failed)
    ]
    if not fits["configural"].converged:
        first = OPEN
    return table.assign(verdict=[first, *words])


def _tested(more: Estimates, less: Estimates) -> tuple[float, int, float]:
    """Return the test of what a model holds equal beyond another; none where a search failed."""
    statistic, df, p = difference(more, less)
    if more.converged and less.converged:
        return statistic, df, p
    return np.nan, df, np.nan


def below(p: np.ndarray) -> list[bool]:
    """Return which p values are below .05 by Holm's rule."""
    order = np.argsort(np.nan_to_num(p, nan=1.0))
    out, going = [False] * len(p), True
    for rank, i in enumerate(order):
        going = going and bool(p[i] < 0.05 / (len(p) - rank))
        out[i] = going
    return out


def partial_model(
    compared: Compared, steps: pd.DataFrame
) -> tuple[Freed, pd.DataFrame, list[tuple[str, str]]]:
    """Return what is to be freed, found item by item, the table of the search, where it is stuck.

    It is stuck, in a kind of parameter and a factor, where the last two items differ, too.
    """
    freed: Freed = frozenset()
    failed = dict(zip([*STEPS][1:], below(steps["p_value"].to_numpy()[1:]), strict=True))
    tables, stuck = [], []
    for step, kind in (("metric", "loading"), ("scalar", "intercept")):
        if not failed[step]:
            continue
        # an item whose loading differs may have an intercept of its own, too
        freed |= {("intercept", item) for _, item in freed} if step == "scalar" else set()
        table, freed = _search(compared, STEPS[step], kind, freed)
        tables.append(table.assign(step=step))
        stuck += _stuck(compared, STEPS[step], kind, freed)
    if not failed["scalar"]:
        freed |= {("intercept", item) for _, item in freed}
    columns = ["step", "item", "delta_chi2", "delta_df", "p_value", "freed"]
    if not tables:
        return freed, pd.DataFrame(columns=columns), stuck
    return freed, pd.concat(tables, ignore_index=True).reindex(columns=columns), stuck


def _search(
    compared: Compared, equal: frozenset[str], kind: str, freed: Freed
) -> tuple[pd.DataFrame, Freed]:
    """Free the item that gains most, again and again, while the gain is more than chance's.

    Where errors are robust, an item is tested by the interval it would have: the scaled difference
    of one parameter divides by a difference of two sums over all parameters, which few clusters
    leave so uncertain that items without any difference are named.
    """
    factors = compared.held.factors
    first: pd.DataFrame | None = None
    base = compared.fit(equal, freed)
    while True:
        open_ = [
            item
            for items in factors.values()
            if sum((kind, one) not in freed for one in items) > 2
            for item in items
            if (kind, item) not in freed
        ]
        rows = [{"item": one, **_gain(compared, base, equal, kind, freed, one)} for one in open_]
        if not rows:
            break
        table = pd.DataFrame(rows)
        first = table if first is None else first
        best = table.iloc[int(table["p_value"].fillna(1.0).argmin())]
        if not best["p_value"] < 0.05 / len(table):
            break
        freed |= {(kind, best["item"])}
        base = compared.fit(equal, freed)
    shown = pd.DataFrame() if first is None else first
    return shown.assign(freed=[(kind, item) in freed for item in shown.get("item", ())]), freed


def _gain(
    compared: Compared, base: Estimates, equal: frozenset[str], kind: str, freed: Freed, item: str
) -> dict[str, float]:
    """Return the test of an item held equal, the others of the model as they are."""
    more = freed | {(kind, item)}
    fit = compared.fit(equal, more)
    test = _tested(base, fit)
    if np.isfinite(fit.trace) and fit.converged:
        test = sameness(fit, compared.shape(equal, more).labels(kind, item))
    return dict(zip(TEST, test, strict=True))


def _stuck(
    compared: Compared, equal: frozenset[str], kind: str, freed: Freed
) -> list[tuple[str, str]]:
    """Return in which factors the two items that must stay equal are still told apart."""
    last = {
        name: held
        for name, items in compared.held.factors.items()
        if len(held := [one for one in items if (kind, one) not in freed]) == 2
    }
    if not last:
        return []
    base = compared.fit(equal, freed)
    p = {
        name: _gain(compared, base, equal, kind, freed, items[1])["p_value"]
        for name, items in last.items()
    }
    return [(kind, name) for name in last if p[name] < 0.05 / len(last)]

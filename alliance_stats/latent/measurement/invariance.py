"""Do two raters, sessions or groups use the items alike? And what does it add to their gap?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from ...core.arguments import checked_choice, share
from ...core.results import Result
from ...errors import listing
from ...inference.rows import glance_row, tidy_rows
from ..engine.fit import Estimates, difference, estimate
from ..engine.patterns import Sample
from ..engine.saturated import saturated
from .answers import USUAL_RATERS, Answers, answers_of
from .checks import refuse_thin, signs
from .factor_structure import Factors
from .in_points import in_points
from .plots import plot_shifts
from .verdict import verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...core.display.page import Block
    from ...study import Study

STEPS = {
    "configural": frozenset(),
    "metric": frozenset({"loadings"}),
    "scalar": frozenset({"loadings", "intercepts"}),
    "strict": frozenset({"loadings", "intercepts", "residuals"}),
}
CFI, CLOSE = 0.90, 0.05
"""A form fits badly where CFI is below the one, or all of RMSEA's interval above the other."""
NOT = "not invariant"
SCALED = ("cfi_scaled", "rmsea_scaled")
TEST = ("delta_chi2", "delta_df", "p_value")


@dataclass(frozen=True, eq=False)
class MeasurementInvariance(Result):
    """Whether items are used alike; made by `measurement_invariance`.

    Attributes
    ----------
    steps
        A row a step, each with more held equal than the one before: ``configural`` (the same items
        on the same factors), ``metric`` (loadings), ``scalar`` (intercepts, too), ``strict``
        (residual variances, too); ``chi2, df, cfi, rmsea, srmr``, the difference to the step before
        (``delta_chi2, delta_df, p_value, delta_cfi``) and ``verdict``. With ``errors="robust"``
        the differences are scaled; ``chi2``, ``cfi`` and ``rmsea`` are those of normal theory,
        ``cfi_scaled`` and ``rmsea_scaled`` stand beside them.
    items
        Of the steps that did not hold, what freeing each item alone gains: ``step, item,
        delta_chi2, delta_df, p_value``, and ``freed``: whether it is free in the partial model.
    in_points
        A row an item and one for the scale: the mean ``gap`` (second condition minus first, as all
        would have it), ``estimate``: what of it comes from how the items are used, with
        ``std_error, conf_low, conf_high``, and ``from_people``, the rest.
    partial
        The model in which only the items found are free; `in_points` rests on it.
    """

    steps: pd.DataFrame
    items: pd.DataFrame
    in_points: pd.DataFrame
    across: str
    conditions: tuple[str, ...]
    n_people: int
    partial: Estimates
    messages: tuple[str, ...] = ()
    title: str = "Measurement invariance"
    score: str = ""

    @property
    def fewest(self) -> int:  # type: ignore[override]
        """How many people the smallest condition has."""
        return min(sample.n for sample in self.partial.samples)

    @property
    def holds(self) -> str:
        """The last step that holds; empty where not even the form does."""
        held = ""
        for step, said in self.steps[["step", "verdict"]].itertuples(index=False):
            if said == NOT:
                break
            held = step
        return held

    def tidy(self) -> pd.DataFrame:
        """Return what comes from the items, in points, a row an item and one for the scale."""
        rows = self.in_points
        terms = rows["item"].where(rows["item"] != "scale", "gap_from_items")
        terms = terms.mask(rows["item"] != "scale", "gap_from_items: " + rows["item"])
        table = tidy_rows(
            terms,
            rows["estimate"],
            rows["std_error"],
            conf_low=rows["conf_low"],
            conf_high=rows["conf_high"],
        )
        return table.assign(gap=rows["gap"].to_numpy(), compared=rows["compared"].to_numpy())

    def glance(self) -> pd.DataFrame:
        """Return what was compared, the last step that holds, and the scale's gap in one row."""
        scale = self.in_points[self.in_points["item"] == "scale"].iloc[0]
        return glance_row(
            self, "across", "n_people", "holds", gap=scale["gap"], gap_from_items=scale["estimate"]
        )

    def shown(self, labels: Mapping[str, str] | None = None) -> list[Block]:
        """Return the verdict, the steps, the items of those that failed, and what they add."""
        tables = [self.steps, self.items, self.in_points]
        return [
            " ".join(self.verdict()),
            *(self._table(one, labels) for one in tables if not one.empty),
        ]

    def verdict(self) -> list[str]:
        """Return what the steps say of comparing means, and what it comes to in points."""
        return verdict(self)

    def text(self, labels: Mapping[str, str] | None = None) -> str:
        """Return the verdict, the items' parts and what was done, in sentences."""
        heading, *rest = super().text(labels).splitlines()
        return "\n".join([heading, *self.verdict(), *rest])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw each item's mean gap, and what of it comes from how the item is used."""
        return plot_shifts(self, ax)


def measurement_invariance(
    study_or_data: Study | pd.DataFrame,
    *,
    measure: str | None = None,
    factors: Mapping[str, Sequence[str]] | None = None,
    across: str = "rater",
    raters: Sequence[str] = USUAL_RATERS,
    sessions: Sequence[float] | None = None,
    scored: Literal["mean", "sum"] = "mean",
    errors: Literal["normal", "robust"] = "normal",
    confidence: float = 0.95,
) -> MeasurementInvariance:
    """Do both forms measure the same, and what of a gap between them comes from the items?

    Parameters
    ----------
    study_or_data
        A `Study` with items; or a table with a row a client (and session, and rater) and a column
        an item.
    measure
        Of a study: ``"wai-sr"`` (its subscales are the factors) or one scale, ``"wai-sr/bond"``;
        with ``across`` other than the rater also who rated, ``"wai-sr/bond/therapist"``.
    factors
        ``{"bond": ["i1", "i2", ...]}``; of a study, numbers of items.
    across
        ``"rater"``: client and therapist of one session are one unit, and parallel items go
        together beyond their factors; ``"session"``: the same of one client's sessions; else a
        column of groups.
    raters
        The two raters; the gap is the second minus the first.
    sessions
        Across raters, the one session of each dyad (``[3]``); across sessions, those compared.
    scored
        What the scale's score is, of a table: the ``mean`` of the items or their ``sum``; of a
        study its card says it.
    errors
        ``"robust"``: tests that do not need normal answers (Satorra & Bentler 2001).
    confidence
        Level of the intervals.

    Returns
    -------
    MeasurementInvariance

    Raises
    ------
    DesignError
        Where a factor has one item, raters answer on different ranges, or a group is too small.

    Notes
    -----
    Nested models by full information maximum likelihood, each tested against the step before by
    chi-square. A step
    is "not invariant" where its p value is below .05 by Holm's rule over the three tests, so that
    forms that do measure the same are called different in 5 % of studies; ``delta_cfi`` below
    -.01 is the other usual rule (Cheung & Rensvold 2002, doi 10.1207/S15328007SEM0902_5). Where a
    step fails, items are freed one by one, most telling first, as long as the next gains more than
    chance among all would (Bonferroni), and two of each factor stay equal. Which items differ is
    known only against the rest: most are taken to be alike.

    An item's part is its difference of intercepts, and that of loadings at the second condition's
    mean: what its mean would move by if that side used the item as the first does. Intervals take
    the choice of items as given.

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.simulate_study(n_therapists=30, n_clients=240, seed=1)
    >>> found = al.measurement_invariance(study, measure="wai-sr/bond")
    >>> found.steps["step"].tolist()
    ['configural', 'metric', 'scalar', 'strict']
    """
    checked_choice("scored", scored, ("mean", "sum"))
    checked_choice("errors", errors, ("normal", "robust"))
    confidence = share(confidence)
    held = answers_of(
        study_or_data,
        measure,
        factors,
        across=across,
        raters=list(raters),
        sessions=sessions,
        scored=scored,
    )
    _refuse_unusable(held)
    compared = Compared(held, errors)
    fits = {step: compared.fit(equal) for step, equal in STEPS.items()}
    steps = _steps(fits)
    found, rows = _partial(compared, steps)
    partial = compared.fit(STEPS["scalar"], found) if found else fits["scalar"]
    points = in_points(compared.shape(STEPS["scalar"], found), partial, held.scored, confidence)
    return MeasurementInvariance(
        steps=steps,
        items=rows,
        in_points=points,
        across=across,
        conditions=tuple(held.tables),
        n_people=sum(sample.n for sample in partial.samples),
        partial=partial,
        messages=(*held.messages, *_told(steps, found), *partial.messages),
        score=held.of,
    )


class Compared:
    """Models of the same answers with more and more held equal."""

    def __init__(self, held: Answers, errors: str) -> None:
        self.held, self.errors = held, errors
        self.samples = [Sample.of(v[np.isfinite(v).any(axis=1)]) for v in held.values]
        self.free = [saturated(sample) for sample in self.samples]
        tables = list(held.tables.values())
        self.mean = np.stack([table.mean().to_numpy(dtype=float) for table in tables])
        self.sd = np.stack([table.std(ddof=0).to_numpy(dtype=float) for table in tables])
        self.sign = signs(held.factors, pd.concat(tables))
        self.known: dict[str, float] = {}

    def shape(
        self, equal: frozenset[str], freed: frozenset[tuple[str, str]] = frozenset()
    ) -> Factors:
        """Return the factors with what is held equal."""
        order = list(next(iter(self.held.tables.values())).columns)
        shape = Factors(
            self.held.factors, list(self.held.tables), self.mean, self.sd, self.held.repeated,
            equal, freed, known=self.known, sign=self.sign,
        )  # fmt: skip
        at = [order.index(item) for item in shape.items]
        return replace(shape, mean=self.mean[:, at], sd=self.sd[:, at])

    def fit(
        self, equal: frozenset[str], freed: frozenset[tuple[str, str]] = frozenset()
    ) -> Estimates:
        """Return the model fitted, started at the one before."""
        fitted = estimate(
            self.shape(equal, freed).model(),
            self.samples,
            errors=self.errors,
            without_structure=self.free,
        )
        self.known = dict(zip(fitted.model.names, fitted.theta, strict=True))
        return fitted


def _refuse_unusable(held: Answers) -> None:
    n = len(next(iter(held.tables.values())).columns)
    if held.repeated:
        refuse_thin({"": next(iter(held.tables.values()))}, n * len(held.tables))
    refuse_thin(held.tables, n)


def _steps(fits: Mapping[str, Estimates]) -> pd.DataFrame:
    rows, before = [], None
    for step, fit in fits.items():
        own = fit.fit_indices()
        row = {"step": step, "chi2": own["chi2"], "df": int(own["df"]), "cfi": own["cfi"],
               "rmsea": own["rmsea"], "srmr": own["srmr"], "delta_chi2": np.nan,
               "delta_df": np.nan, "p_value": np.nan, "delta_cfi": np.nan}  # fmt: skip
        if "cfi_scaled" in own:
            row |= {name: own[name] for name in SCALED}
        if before is not None:
            test = difference(fit, fits[before])
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
    words = [NOT if bad else "invariant" for bad in _below(table["p_value"].to_numpy()[1:])]
    return table.assign(verdict=[first, *words])


def _below(p: np.ndarray) -> list[bool]:
    """Return which p values are below .05 by Holm's rule."""
    order = np.argsort(np.nan_to_num(p, nan=1.0))
    out, going = [False] * len(p), True
    for rank, i in enumerate(order):
        going = going and bool(p[i] < 0.05 / (len(p) - rank))
        out[i] = going
    return out


def _partial(
    compared: Compared, steps: pd.DataFrame
) -> tuple[frozenset[tuple[str, str]], pd.DataFrame]:
    """Return what is to be freed, found item by item, and the table of the search."""
    freed: frozenset[tuple[str, str]] = frozenset()
    verdict = steps.set_index("step")["verdict"]
    tables = []
    for step, kind in (("metric", "loading"), ("scalar", "intercept")):
        if verdict[step] != NOT:
            continue
        # an item whose loading differs may have an intercept of its own, too
        freed |= {("intercept", item) for _, item in freed} if step == "scalar" else set()
        table, freed = _search(compared, STEPS[step], kind, freed)
        tables.append(table.assign(step=step))
    if verdict["scalar"] != NOT:
        freed |= {("intercept", item) for _, item in freed}
    columns = ["step", "item", "delta_chi2", "delta_df", "p_value", "freed"]
    if not tables:
        return freed, pd.DataFrame(columns=columns)
    return freed, pd.concat(tables, ignore_index=True)[columns]


def _search(
    compared: Compared, equal: frozenset[str], kind: str, freed: frozenset[tuple[str, str]]
) -> tuple[pd.DataFrame, frozenset[tuple[str, str]]]:
    """Free the item that gains most, again and again, while the gain is more than chance's."""
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
        rows = []
        for item in open_:
            test = difference(base, compared.fit(equal, freed | {(kind, item)}))
            rows.append({"item": item, **dict(zip(TEST, test, strict=True))})
        if not rows:
            break
        table = pd.DataFrame(rows)
        first = table if first is None else first
        best = table.iloc[int(table["p_value"].argmin())]
        if not best["p_value"] < 0.05 / len(table):
            break
        freed |= {(kind, best["item"])}
        base = compared.fit(equal, freed)
    shown = pd.DataFrame() if first is None else first
    return shown.assign(freed=[(kind, item) in freed for item in shown.get("item", ())]), freed


def _told(steps: pd.DataFrame, freed: frozenset[tuple[str, str]]) -> list[str]:
    said = []
    if steps["verdict"][0] == "fits badly":
        said.append(
            f"The factors fit badly to begin with (CFI {steps['cfi'][0]:.3f}, RMSEA "
            f"{steps['rmsea'][0]:.3f}): what is compared then is not clear, whatever the steps say."
        )
    items = list(dict.fromkeys(item for _, item in sorted(freed)))
    failed = steps.loc[steps["verdict"] == NOT, "step"].tolist()
    if items:
        said.append(f"Used differently: {listing(items, 12)}; the rest is held equal.")
    elif {"metric", "scalar"} & {*failed}:
        said.append(
            "The forms differ, but no single item stands out; what comes from the items cannot be "
            "told from what comes from the people."
        )
    return said

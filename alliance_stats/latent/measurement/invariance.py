"""Do two raters, sessions or groups use the items alike? And what does it add to their gap?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ...core.arguments import checked_choice, share
from ...errors import listing
from ...inference.rows import glance_row, tidy_rows
from ..engine.fit import NO_MAXIMUM, UNREACHED, Estimates
from ..result import (
    ROBUST,
    SCALED_DIFFERENCE,
    Latent,
    clustered,
    few_clusters,
    few_people,
    with_warning,
)
from .answers import USUAL_RATERS, Answers, answers_of
from .checks import coarse_items, refuse_copies, refuse_thin, turned_items
from .factor_model import MISSING
from .in_points import in_points
from .plots import plot_shifts
from .steps import NOT, OPEN, STEPS, Compared, Freed, partial_model, table_of
from .verdict import verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...core.display.page import Block
    from ...study import Study


@dataclass(frozen=True, eq=False)
class MeasurementInvariance(Latent):
    """Whether items are used alike; made by `measurement_invariance`.

    Attributes
    ----------
    steps
        A row a step, each with more held equal than the one before: ``configural`` (the same items
        on the same factors), ``metric`` (loadings), ``scalar`` (intercepts, too), ``strict``
        (residual variances, too); ``chi2, df, cfi, rmsea, srmr``, the difference to the step before
        (``delta_chi2, delta_df, p_value, delta_cfi``) and ``verdict``: ``no difference found``
        (which is not that there is none), ``not invariant``, and below that ``not judged``. With
        ``errors="robust"`` the differences are scaled; ``chi2``, ``cfi`` and ``rmsea`` are those of
        normal theory, ``cfi_scaled`` and ``rmsea_scaled`` stand beside them.
    items
        Of the steps whose test fell below .05, what freeing each item alone gains: ``step, item,
        delta_chi2, delta_df, p_value``, and ``freed``: whether it is free in the partial model.
    in_points
        A row an item and one for the scale: the mean ``gap`` (second condition minus first, as all
        would have it), ``estimate``: what of it comes from how the items are used, with
        ``std_error, conf_low, conf_high``, and ``from_people``, the rest. ``freed``: whether the
        item is free in the partial model; any other is set free alone beside those, so that its
        interval tells what may have been missed. The scale's row adds up what is free in the
        partial model, and is empty where nothing is. Empty, too, are the rows of a factor of which
        the last two items still differ, and the scale's with them.
    partial
        The model in which only the items found are free; `in_points` rests on it.
    stuck
        Where freeing stopped though the tests reject the model still: ``"loading"`` or
        ``"intercept"``, and the two items of a factor that must stay equal.
    """

    steps: pd.DataFrame
    items: pd.DataFrame
    in_points: pd.DataFrame
    across: str
    conditions: tuple[str, ...]
    n_people: int
    partial: Estimates = field(repr=False)
    messages: tuple[str, ...] = ()
    title: str = "Measurement invariance"
    score: str = ""
    cluster: str = ""
    wrong: tuple[str, ...] = ()
    confidence: float = 0.95
    stuck: tuple[tuple[str, ...], ...] = ()

    @property
    def fewest(self) -> int:  # type: ignore[override]
        """How few people have one of the items, in one condition, beyond one a parameter."""
        return self.partial.fewest

    @property
    def sizes(self) -> list[int]:
        """How many people each condition has; one number where they are the same people."""
        return [sample.n for sample in self.partial.samples]

    @property
    def holds(self) -> str:
        """The last step at which no difference was found; that there is none it does not show."""
        held = ""
        for step, said in self.steps[["step", "verdict"]].itertuples(index=False):
            if said in (NOT, OPEN):
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
        more = ("gap", "from_people", "compared", "freed")
        return table.assign(**{name: rows[name].to_numpy() for name in more})

    def glance(self) -> pd.DataFrame:
        """Return what was compared, the last step that holds, and the scale's gap in one row."""
        scale = self.in_points[self.in_points["item"] == "scale"].iloc[0]
        return glance_row(
            self, "across", "n_people", "holds", gap=scale["gap"], gap_from_items=scale["estimate"]
        )

    def term_labels(self) -> dict[str, str]:
        """Return the terms in words; items keep their names, whatever they are called."""
        return {
            term: term.replace("gap_from_items", "Gap from items", 1)
            for term in self.tidy()["term"]
        }

    def facts(self) -> dict[str, Any]:
        """Return what sentences are filled from: the glance, and what errors rest on."""
        tested_by, item_by = self._tested_by()
        told = ""
        if self.across in ("rater", "session"):
            told += f" Residuals of the same item were free to go together across {self.across}s."
        if len(self.items):
            told += (
                f" Where a step failed, items were freed one by one, most telling first (by "
                f"{item_by}), as long as the next was beyond chance by Bonferroni's rule; two of "
                "each factor stayed equal."
            )
        clusters, scaled = self.partial.clusters, bool(np.isfinite(self.partial.trace))
        if self.cluster and clusters:
            told += clustered(self.cluster, clusters)
        elif scaled:
            told += " Standard errors are robust."
        source = "; ".join([MISSING, *([ROBUST, SCALED_DIFFERENCE] if scaled else [])])
        return super().facts() | {"tested_by": tested_by, "errors_told": told, "source": source}

    def _tested_by(self) -> tuple[str, str]:
        """Return in words by what steps were tested, and by what single items."""
        clusters = self.partial.clusters
        if clusters:
            df = f"{clusters - 1} degrees of freedom"
            return (
                f"F (the scaled difference of chi-squares by its df; {df} below)",
                f"the t of the item's own difference, or Hotelling's T² of several, with {df}",
            )
        plain = "difference of chi-squares"
        if np.isfinite(self.partial.trace):
            return f"the scaled {plain}", "Wald's test of the item's own difference"
        return f"the {plain}", f"the {plain}"

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
    cluster: str | None = None,
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
    cluster
        A column such as ``therapist_id`` (of a study also of its table of clients): tests and
        intervals then hold where rows of one cluster go together. One therapist rates several
        clients and has a way of using the items: without this, forms that measure the same are
        called different far more often than in 5 % of studies.
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
    forms that do measure the same are called different in 5 % of studies; a larger p is no proof
    of the opposite, least with few people. ``delta_cfi`` below -.01 is the other usual rule
    (Cheung & Rensvold 2002, doi 10.1207/S15328007SEM0902_5); `verdict` says where both disagree.
    Where a step fails, items are freed one by one, most telling first, as long as the next gains
    more than chance among all would (Bonferroni), and two of each factor stay equal; if these are
    still told apart, no points are given. Which items differ is known only against the rest: most
    are taken to be alike.

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
        cluster=cluster,
    )
    _refuse_unusable(held)
    compared = Compared(held, errors)
    fits = {step: compared.fit(equal) for step, equal in STEPS.items()}
    steps = table_of(fits)
    found, rows, stuck = partial_model(compared, steps)
    partial = compared.fit(STEPS["scalar"], found) if found else fits["scalar"]
    points = in_points(compared, partial, found, confidence, {name for _, name in stuck})
    wrong = (*_wrong(fits, partial), *_failed(compared))
    result = MeasurementInvariance(
        steps=steps,
        items=rows,
        in_points=points,
        across=across,
        conditions=tuple(held.tables),
        n_people=sum(sample.n for sample in partial.samples),
        partial=partial,
        messages=(
            *held.messages,
            *coarse_items(pd.concat(held.tables)),
            *turned_items(held.factors, held.tables),
            *_told(steps, found, partial, stuck),
            *wrong,
        ),
        stuck=tuple(
            (kind, *(one for one in held.factors[name] if (kind, one) not in found))
            for kind, name in stuck
        ),
        wrong=wrong,
        confidence=confidence,
        score=held.of,
        cluster=cluster or "",
    )
    return with_warning(result)


def _refuse_unusable(held: Answers) -> None:
    n = len(next(iter(held.tables.values())).columns)
    if held.repeated:
        refuse_thin({"": next(iter(held.tables.values()))}, n * len(held.tables))
    refuse_thin(held.tables, n)
    if held.repeated:
        refuse_copies(pd.concat(held.tables, axis=1))


def _wrong(fits: Mapping[str, Estimates], partial: Estimates) -> Iterator[str]:
    """Yield what is wrong with all solutions, then a line for those that have the same more."""
    own = {f"the step {step}": fit for step, fit in fits.items()} | {"the partial model": partial}
    said = {
        name: [one for one in fit.messages if one != UNREACHED]
        for name, fit in own.items()
        if name.startswith("the step") or fit not in fits.values()
    }
    common = [one for one in partial.messages if all(one in more for more in said.values())]
    yield from common
    where: dict[str, list[str]] = {}
    for name, messages in said.items():
        where.setdefault(" ".join(one for one in messages if one not in common), []).append(name)
    for more, names in where.items():
        if more:
            yield f"In {listing(names)}: {more}"


def _failed(compared: Compared) -> list[str]:
    """Return where a search found no maximum."""
    if not compared.failed:
        return []
    return [
        f"{NO_MAXIMUM} in {listing([*compared.failed], 12)}; "
        "what rests on it is not judged, and no points are taken from it."
    ]


def _told(
    steps: pd.DataFrame, freed: Freed, partial: Estimates, stuck: list[tuple[str, str]]
) -> list[str]:
    said = [*few_clusters(partial), *few_people(partial, tested=False)]
    if steps["verdict"][0] == "fits badly":
        said.append(
            f"The factors fit badly to begin with (CFI {steps['cfi'][0]:.3f}, RMSEA "
            f"{steps['rmsea'][0]:.3f}): what is compared then is not clear, whatever the steps say."
        )
    items = list(dict.fromkeys(item for _, item in sorted(freed)))
    failed = steps.loc[steps["verdict"] == NOT, "step"].tolist()
    if items:
        still = ", though the tests still reject that (see the verdict)" if stuck else ""
        said.append(f"Used differently: {listing(items, 12)}; the rest is held equal{still}.")
    elif not stuck and {"metric", "scalar"} & {*failed}:
        said.append(
            "The forms differ, but no single item stands out; what comes from the items cannot be "
            "told from what comes from the people."
        )
    return said

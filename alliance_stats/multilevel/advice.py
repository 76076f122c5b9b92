"""What a result says of the data's structure and of the fit, in sentences."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..errors import listing
from ..preparation.components import by_anova, summarise
from .after_fit import neighbours, omitted_slopes
from .engine.batches import Array, Indices
from .engine.deviance import factors
from .formula.terms import INTERCEPT

if TYPE_CHECKING:
    from .engine.design import Design
    from .engine.optimise import Optimum
    from .nested_fit import NestedFit
    from .outcomes.result import OutcomeFit
    from .result import MultilevelFit

FEW_GROUPS = 20
"""Below this many top-level groups, z tests and unadjusted standard errors are too optimistic
(Luke 2017, doi 10.3758/s13428-016-0809-y; McNeish & Stapleton 2016, doi
10.1007/s10648-014-9287-x, discuss how few are few)."""
MANY_SINGLES = 0.25  # share of parents with one child that is worth a sentence
OFF_CENTRE = 1e-6  # a mean within a unit beyond this many SDs is not rounding
ROUNDED = 0.005  # two shares nearer than this are printed as the same per cent
OWN_PAST = "the outcome's own earlier value, is centred on observed group means"
MIXED = (0.05, 0.95)  # a share of variance between groups inside this range mixes two levels


def structure(fit: NestedFit) -> pd.DataFrame:
    """How units lie in each other.

    Returns
    -------
    pandas.DataFrame
        A row a level, the lowest first: ``group``, ``n``, and of what lies directly in a unit
        (rows at the lowest level, and at each where groups cross): ``contains``, ``min``,
        ``median``, ``max``, ``mean`` and ``singles``, the number of units that hold one only.
    """
    grouping, below, rows = fit.design.grouping, "rows", []
    for number, name in enumerate(grouping.names):
        if number < 1 or below == "rows":
            sizes = grouping.rows_in(number)
        else:
            sizes = np.bincount(grouping.parents[number - 1], minlength=grouping.sizes[number])
        rows.append(
            {
                "group": name,
                "n": grouping.sizes[number],
                "contains": below,
                "min": int(sizes.min()),
                "median": float(np.median(sizes)),
                "max": int(sizes.max()),
                "mean": float(sizes.mean()),
                "singles": int((sizes == 1).sum()),
            }
        )
        below = name if grouping.parents else "rows"
    return pd.DataFrame(rows)


def messages(fit: MultilevelFit) -> list[str]:
    """Collect everything a reader of the result should know."""
    return [
        *about_search(fit),
        *about_residuals(fit),
        *about_data(fit),
        *_trend_beside_own_past(fit),
        *_centred_own_past(fit),
        *omitted_slopes.message(fit.omitted_slopes()),
        *neighbours.message(neighbours.lag_one(fit, neighbours.CLEAR)),
    ]


def about_search(fit: MultilevelFit | OutcomeFit) -> list[str]:
    """Say what was left out, how the search ended, and whether there are few groups."""
    found = list(fit.design.notes)
    if not fit.converged:
        found.append(fit.convergence_note)
    if fit.singular:
        found.append(fit.singular_note)
    return [*found, *filter(None, [fit.few_groups_note])]


def about_data(fit: NestedFit) -> list[str]:
    """Say what predictors and groups are like, whatever the outcome."""
    asks = (_lags, _singles, _mixed_predictors, _off_centre) if fit.design.has_rows else (_singles,)
    return [said for ask in asks for said in ask(fit)]


def about_residuals(fit: MultilevelFit) -> list[str]:
    """Say where the residuals' correlation ended on its boundary, or no data are about it."""
    if fit.structured is not None and fit.structured.where.apart:
        labels = fit.structured.where.labels
        pairs = [f"{labels[b]} and {labels[a]}" for a, b in sorted(fit.structured.where.apart)]
        return [
            f"Nobody was measured at both {listing(pairs)}: the data say nothing of that "
            "covariance, which is left empty. Estimates rest on what the others imply for it."
        ]
    ar1 = fit.autocorrelation
    if ar1 is None or not ar1.on_boundary:
        return []
    if ar1.rho > 0:
        return [
            f"The residuals' correlation phi reached {ar1.phi:.3f}, the highest value considered: "
            "residuals cannot be told from a random intercept. Use residual='independent'."
        ]
    return [
        "The residuals' correlation phi is estimated as zero (negative ones are not considered); "
        "the estimates are those with residual='independent'."
    ]


def _lags(fit: NestedFit) -> list[str]:
    """Say which share of the rows had no predecessor, and which did not enter the model in all."""
    report = fit.design.frame.attrs.get("lag_report", {})
    columns, said = fit.design.formula.columns, []
    for column, share in report.get("share_lost_by_column", {}).items():
        if share > 0 and any(name.startswith(f"{column}_lag") for name in columns):
            out = 1 - fit.design.n / report["rows"]
            more = f"with what else is missing {out:.0%}" if out > share + ROUNDED else "they"
            said.append(
                f"{share:.0%} of the {report['rows']} rows have no previous value of '{column}' to "
                f"lag from (first sessions among them); {more} do not enter the model."
            )
    return said


def convergence_note(fit: MultilevelFit) -> str:
    """How far from a minimum the search ended; empty where it reached one."""
    if fit.converged:
        return ""
    return (
        f"The search did not reach a minimum of the deviance: after {fit.optimum.evaluations} "
        f"evaluations a slope of {fit.optimum.slope:.2g} is left. Do not report these estimates; "
        "simplify the random part (first the correlations, then the slopes); where a slope is not "
        "correlated with an intercept ('||', '0 +'), centre its predictor."
    )


def singular_note(fit: MultilevelFit) -> str:
    """Which random effects are on the boundary, what that means, and whose df that gives.

    Empty where none is.
    """
    if not fit.singular:
        return ""
    return (
        f"{on_the_boundary(fit)} Degrees of freedom are computed with it held on the boundary, as "
        "lmerTest does."
    )


def on_the_boundary(fit: MultilevelFit) -> str:
    """Which random effects are on the boundary, and what that means."""
    design, parts = fit.design, []
    for number, effect, variance in _on_boundary(design, fit.optimum):
        group, term = design.grouping.names[number], design.effects[number].names[effect]
        parts.append(
            f"the effect of '{term}' for '{group}' is a fixed multiple of the others "
            "(correlation of one in size)"
            if variance > 0
            else f"the variance of '{term}' for '{group}' is estimated as zero"
        )
    return (
        f"The fit is singular: {'; '.join(parts)}. The model asks for more than these data can "
        "tell; report this, and consider leaving that term out."
    )


def _on_boundary(design: Design, optimum: Optimum) -> list[tuple[int, int, float]]:
    """Return (level, effect, variance) of as many of the user's effects as are on the boundary.

    Each block has as many zeros in the user's order of effects as in the fit's own basis: they
    are the smallest of the sds that effects have given those before them.
    """
    found = []
    for number, (level, factor) in enumerate(
        zip(design.levels, factors(design.levels, optimum.theta), strict=True)
    ):
        of_user = design.to_user(number)
        for span in level.spans:
            here = slice(span.start, span.stop)
            zeros = [effect for at, effect in optimum.on_boundary if at == number]
            T = of_user[here, here]
            T = T / np.linalg.norm(T, axis=1)[:, None]
            own = np.abs(np.diag(np.linalg.qr((T @ factor[here, here]).T, mode="r")))
            variance = ((T @ factor[here, here]) ** 2).sum(axis=1)
            smallest = np.argsort(own, kind="stable")[: sum(effect in span for effect in zeros)]
            found += [(number, span.start + int(i), float(variance[i])) for i in sorted(smallest)]
    return found


def few_groups_note(fit: MultilevelFit) -> str:
    """What to do where the top level has few groups; empty where it has enough."""
    name, size = list(fit.n_groups.items())[-1]
    if size >= FEW_GROUPS:
        return ""
    way_out = {
        "kenward-roger": "Kenward-Roger's adjustment is used, as advised.",
        "satterthwaite": "df='kenward-roger' also adjusts the standard errors.",
        "normal": "z tests are too liberal here: use df='kenward-roger'.",
    }
    if fit.autocorrelation is not None:
        return (
            f"There are only {size} groups of '{name}'; compare the tests with those of "
            "fit.robust(), which do not rest on the model's covariance."
        )
    return f"There are only {size} groups of '{name}'. {way_out[fit.df_method]}"


def _singles(fit: NestedFit) -> list[str]:
    levels = fit.structure.iloc[1:].to_dict("records")
    return [
        _one_for_one(level)
        if level["singles"] == level["n"]
        else f"{level['singles']} of {level['n']} groups of '{level['group']}' hold one "
        f"'{level['contains']}' only; they cannot help to tell '{level['group']}' from "
        f"'{level['contains']}'."
        for level in levels
        if level["contains"] != "rows" and level["singles"] > MANY_SINGLES * level["n"]
    ]


def _one_for_one(level: Mapping[Hashable, object]) -> str:
    above, below = level["group"], level["contains"]
    return (
        f"Every group of '{above}' holds one '{below}', so only the sum of the variances of what "
        f"both have is known: how '.varcomp' and '.icc()' split it between '{above}' and '{below}' "
        f"is arbitrary. Leave (… | {above}) out; the coefficients and their tests stay the same."
    )


def _mixed_predictors(fit: NestedFit) -> list[str]:
    """Name predictors that vary both within and between the lowest groups.

    A predictor that rises by itself from row to row (a session number) is left out: its
    differences between groups come from how long they last.
    """
    design = fit.design
    names, units = design.fixed_names, design.grouping.units
    if INTERCEPT not in names:
        return []
    found = []
    for name, values in design.fixed_terms.named_arrays():
        if name not in names or name == INTERCEPT or ":" in name or "[" in name:
            continue
        groups = summarise(values, units)
        if groups.df_within == 0 or groups.squares_within == 0 or len(groups.n) == 1:
            continue
        between, within = by_anova(groups)
        share = between / (between + within)
        if MIXED[0] < share < MIXED[1] and not _is_time(units, values):
            lowest = design.grouping.names[0]
            found.append(
                f"'{name}' varies within '{lowest}' and between ({100 * share:.0f} % of its "
                "variance lies between): one coefficient mixes both. Split it with "
                "alliance_stats.decompose."
            )
    return found


def _off_centre(fit: NestedFit) -> list[str]:
    """Name parts within units that do not have a mean of zero in the rows of the model.

    `alliance_stats.decompose` says which columns it split and by what; rows that were left out
    since then leave a part of the differences between units in them.
    """
    design = fit.design
    units, lowest = design.grouping.units, design.grouping.names[0]
    counts = np.bincount(units)
    found = []
    for record in design.frame.attrs.get("preparation", []):
        if not isinstance(record, dict) or record.get("step") != "decompose":
            continue
        if record["by"][0] != lowest:
            continue
        name = record["parts"][0]
        if name not in design.fixed_names:
            continue
        values = design.frame[name].to_numpy(dtype=float)
        means = np.bincount(units, values) / counts
        off = int((np.abs(means) > OFF_CENTRE * values.std()).sum())
        if off:
            found.append(
                f"'{name}' does not have a mean of zero in {off} of {len(counts)} groups of "
                f"'{lowest}': rows were left out after it was split off, so it still holds "
                "differences between them. Leave those rows out before alliance_stats.decompose, "
                "or name what they must have in its complete=."
            )
    return found


def _trend_beside_own_past(fit: MultilevelFit) -> list[str]:
    """Say what a trend is beside the outcome's own earlier value, through which part of it goes."""
    design = fit.design
    if not design.has_rows:
        return []
    outcome, names, b = design.formula.response.text, design.fixed_names, fit.params
    own = [name for name in names if name in (f"{outcome}_lag1", f"{outcome}_lag1_within")]
    if not own or not abs(b[own[0]]) < 1:
        return []
    units = design.grouping.units
    return [
        f"'{own[0]}' is the outcome's own earlier value, and part of each trend goes through it: "
        f"the coefficient of '{name}' is no change per step of it. With these estimates that is "
        f"{b[name]:.3g} / (1 - {b[own[0]]:.2g}) = {b[name] / (1 - b[own[0]]):.3g}."
        for name, values in design.fixed_terms.named_arrays()
        if name in names and f"{name}:" not in " ".join(names) and _is_time(units, values)
    ]


def _centred_own_past(fit: MultilevelFit) -> list[str]:
    """Say how the outcome's own earlier value is biased where it is centred on observed means."""
    design, lowest = fit.design, fit.design.grouping.names[0]
    own = re.compile(rf"{re.escape(design.formula.response.text)}_lag\d+_within")
    return [
        f"'{name}', {nickell(float(fit.params[name]), design.n / fit.n_groups[lowest])}."
        for name in design.fixed_names
        if own.fullmatch(name)
    ]


def nickell(slope: float, rows: float) -> str:
    """Say the bias of the slope of an outcome's own earlier value; `rows` are those a group."""
    return (
        f"{OWN_PAST}: its slope is biased downward (Nickell), with {rows:.1f} rows a group by "
        f"about {-(1 + slope) / max(rows - 1, 1):.2f}, and other slopes with it a little"
    )


def _is_time(units: Indices, values: Array) -> bool:
    order = np.lexsort((values, units))
    same = np.diff(units[order]) == 0
    steps = np.diff(values[order])[same]
    if not len(steps):
        return False
    beside = np.diff(values)[np.diff(units) == 0]  # empty where units take turns, row by row
    rising = (beside > 0).mean() if len(beside) else 0.0
    return bool((steps > 0).all() and (rising > 0.95 or np.allclose(steps, np.round(steps))))

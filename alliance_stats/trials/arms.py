"""Comparing arms: which model, and what is asked of it."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ..core.arguments import checked_choice, level_of
from ..core.people import CLIENT
from ..errors import ConvergenceWarning, DesignError, SingularFitWarning, listing
from ..inference.multiplicity import ADJUST, Adjust
from ..multilevel.advice import about_residuals, on_the_boundary
from ..multilevel.checks import about_few_values
from ..multilevel.engine.patterns import refuse_singular
from ..multilevel.engine.structured import MOST_OCCASIONS
from ..multilevel.fit import fit_multilevel
from ..multilevel.result import MultilevelFit
from .lines import within_reach
from .result import ArmComparison
from .rows import ARM, BASELINE, SCORE, TIME, TrialRows, standardiser, trial_rows
from .shared import (
    CLUSTER,
    KINDS,
    Kind,
    clustered,
    crossing,
    in_several_arms,
    named,
    of_shared,
    shared,
    why_not_robust,
)

if TYPE_CHECKING:
    from ..study import Study

Method = Literal["ancova", "mmrm", "growth"]
METHODS = ("ancova", "mmrm", "growth")
ERRORS = ("model", "robust")
DF = ("satterthwaite", "kenward-roger")


def compare_arms(
    study_or_data: Study | pd.DataFrame,
    *,
    outcome: str,
    arm: str = "condition",
    baseline: Any = None,
    method: Method = "ancova",
    time: str | None = None,
    times: Sequence[Any] | None = None,
    reference: Any = None,
    adjust: Adjust = "holm",
    df: Literal["satterthwaite", "kenward-roger"] = "satterthwaite",
    errors: Literal["model", "robust"] | None = None,
    confidence: float = 0.95,
) -> ArmComparison:
    """Compare the arms of a trial on one outcome.

    *Do clients of one arm end better than those of another?* Clients count in the arm they were
    randomised to. Therapists, and therapy groups, are in the model where the rows name three or
    more, also where only some arms have them.

    Parameters
    ----------
    study_or_data
        A study, or a table with a row a client and time: ``client_id``, the arm, the outcome, and
        ``therapist_id`` and ``group_id`` (of a therapy group) where they are known.
    outcome
        The score (``"phq-9"``), or the column of a table.
    arm
        The column of the arms.
    baseline
        What outcomes are adjusted for: a column with one value a client (in one row or in all),
        or the first time, at which it was measured (``"pre"``, 0), whose rows are no outcomes then.
    method
        ``"ancova"``: one time alone, the last at which half of each arm were measured.
        ``"mmrm"``: all times, a mean for each arm and time, and an unstructured covariance of each
        client's residuals. ``"growth"``: straight lines over the times as numbers, which differ
        between clients; shown where five of each arm (or half) were measured, then or beyond, and
        at five times where each client has times of their own.
    time
        The column of the occasions; of a study its sessions, or occasions where it has none.
        Without it each client has one row.
    times
        Of several, those that are compared, such as six of fourteen; all if left out. Outcomes at
        other times are left out of the model; ``"ancova"`` compares the last of them alone, and
        ``"growth"``, whose lines need all, refuses it.
    reference
        The arm that all others are compared with; all pairs if left out, with the arm first whose
        name says that it is a control (waiting list, usual treatment, placebo).
    adjust
        For several comparisons at one time: ``"none"``, ``"holm"``, ``"bonferroni"``,
        ``"tukey"``.
    df
        As `fit_multilevel` takes it; ``"kenward-roger"`` is advised with few therapists.
    errors
        ``"robust"``: standard errors hold whatever clients of one therapist have in common (of one
        group, where there is no therapist; CR2, with Satterthwaite's df), as ``fit.robust``;
        ``"model"``: as the model's own terms of therapists and groups have it. Robust, if left
        out, over several times and with therapists or groups; at one time where some of them have
        clients in several arms, since one term each leaves out that they differ by arm.
    confidence
        Level of the intervals.

    Returns
    -------
    ArmComparison
        ``.means``, ``.contrasts``, ``.effect_sizes``, ``.estimand``, ``.fit``, ``.plot()``,
        ``.sensitivity()``, ``.equivalence()``, ``.non_inferiority()``.

    Raises
    ------
    ColumnError, DesignError
        Where the rows are no trial's: a column is missing, a client is in two arms, there is one
        arm, a client has two outcomes at one time, or the baseline lies after an outcome or is the
        same for all of an arm.

    Notes
    -----
    ANCOVA: Vickers & Altman (2001), doi 10.1136/bmj.323.7321.1123. Repeated measures as the
    primary analysis: Mallinckrodt et al. (2008), doi 10.1177/009286150804200402; with a baseline,
    mean and covariate are estimated at each time. Growth: Laird & Ware (1982), doi
    10.2307/2529876. Therapists are in the model, those of each measurement where clients
    changed; therapy groups just so, beside them or alone. At one time each arm has a residual
    variance of its own where one has none (Roberts & Roberts 2005, doi
    10.1191/1740774505cn076oa; Candlish et al. 2018, doi 10.1186/s12874-018-0559-x); over several
    times they differ in level and in change: where a variance or correlation runs to its bound,
    the likeliest of fewer terms is kept (``.messages`` says which), level alone at last. What that
    misses is why errors are then robust: the documentation's page on coverage has how often arms
    that do not differ are told apart.

    Examples
    --------
    >>> import alliance_stats as al, numpy as np, pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> data = pd.DataFrame({"client_id": range(80), "condition": ["cbt", "wait"] * 40,
    ...                      "pre": rng.normal(20, 5, 80)})
    >>> data["post"] = 6 + 0.6 * data.pre - 4 * (data.condition == "cbt") + rng.normal(0, 4, 80)
    >>> found = al.compare_arms(data, outcome="post", baseline="pre", reference="wait")
    >>> found.contrasts[["term", "estimate", "df"]].round(2)
             term  estimate    df
    0  cbt - wait     -4.47  77.0
    """
    checked_choice("method", method, METHODS)
    checked_choice("adjust", adjust, ADJUST)
    checked_choice("df", df, DF)
    checked_choice("errors", errors, (None, *ERRORS))
    level_of(confidence)
    if times is not None and method == "growth":
        raise DesignError(
            "method='growth' draws lines through all times: leave times= out, or take "
            "method='mmrm'."
        )
    data = trial_rows(
        study_or_data, outcome=outcome, arm=arm, baseline=baseline, time=time, reference=reference
    )
    if times is not None:
        data = data.at(times)
    if method == "mmrm" and len(data.times) > MOST_OCCASIONS:
        raise DesignError(
            f"method='mmrm' takes at most {MOST_OCCASIONS} times, and there are {len(data.times)}: "
            "name those to compare with times=, or take method='growth'."
        )
    if method != "ancova" and len(data.times) < 2:
        raise DesignError(
            f"method='{method}' needs two or more times after the baseline; name them with time=."
        )
    if method == "ancova" and data.own_times:
        raise DesignError(
            "method='ancova' compares one time, and clients have times of their own "
            f"({len(data.times)} of them): take method='growth', or rows of planned times."
        )
    last = data.last_common_time()
    rows = data.rows if method != "ancova" else data.rows[data.rows[TIME] == last]
    first = None if reference is None else data.arms[0]
    _refuse_times_without_comparison(rows, method, first)
    _refuse_what_the_baseline_tells(rows, method)
    rows, levels, note = shared(rows)
    why = why_not_robust(rows)
    across = in_several_arms(rows, levels)
    note = f"{note} {across}".strip()
    meant = errors is None and (bool(across) if method == "ancova" else bool(levels))
    robust = errors == "robust" or (meant and not why)
    if robust:
        rows, note = clustered(rows, note)
    elif meant:
        note += f" Errors are the model's, and not robust to {named(rows)} as they are else: {why}."
    rows = rows.assign(**{ARM: pd.Categorical(rows[ARM], data.arms)})
    with warnings.catch_warnings():  # the messages tell it; nobody wrote those terms
        warnings.simplefilter("ignore", SingularFitWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit = _with_shared(data, rows, method, levels, df)
    shown = (last,) if method == "ancova" else data.shown_times
    asked: dict[str, Any] = {"confidence": confidence, **_places(method, shown)}
    asked["cluster"] = CLUSTER if robust else None
    means = fit.marginal_means(ARM, **asked)
    contrasts = fit.contrasts(ARM, **asked, adjust=adjust, reference=first)
    if TIME not in means:
        means, contrasts = means.assign(**{TIME: shown[0]}), contrasts.assign(**{TIME: shown[0]})
    size, what = standardiser(data)
    means, contrasts = _told(means, data), _with_pairs(contrasts, means, first)
    if method == "growth":
        means, contrasts, seen = within_reach(means, contrasts, data, adjust, confidence)
    else:
        seen = _of_means(means, data, shown)
    change = of_shared(fit, robust, why) if levels and method != "ancova" else ""
    said = (
        *data.notes, *_of_outcome(data), *_of_spread(rows), *seen, note, change,
        *_of_fit(fit, robust),
    )  # fmt: skip
    return ArmComparison(
        method=method,
        data=data,
        fit=fit,
        means=means,
        contrasts=contrasts,
        sd=size,
        standardiser=what,
        confidence=confidence,
        adjust=adjust,
        errors="robust" if robust else "model",
        messages=tuple(filter(None, said)),
    )


def _refuse_times_without_comparison(
    rows: pd.DataFrame, method: str, reference: str | None
) -> None:
    """Refuse times at which one arm or no reference was measured, or all outcomes are alike."""
    there = sorted(set(rows[ARM]))
    if method == "ancova" and (len(there) < 2 or reference not in (None, *there)):
        raise DesignError(
            f"At {rows[TIME].iloc[0]}, the last time, only {listing(there)} were measured, and at "
            "no time half of each arm: take rows of a time that has the arms to be compared."
        )
    ends = rows.groupby(TIME, observed=True)[SCORE].agg(["min", "max"])
    alike = ends.index[ends["min"] == ends["max"]]
    if method == "mmrm" and len(alike):
        raise DesignError(
            "method='mmrm' gives the outcomes of each time a variance, and they are all alike (or "
            f"one) at {listing(alike)}: leave those rows out, or take method='growth'."
        )


def _refuse_what_the_baseline_tells(rows: pd.DataFrame, method: str) -> None:
    """Refuse outcomes of a time (of all, for lines) that follow from arm and baseline alone."""
    if BASELINE not in rows:
        return
    for time, part in rows.groupby(TIME, observed=True) if method != "growth" else [("", rows)]:
        within = part[[BASELINE, SCORE]] - part.groupby(ARM)[[BASELINE, SCORE]].transform("mean")
        x, y = within[BASELINE].to_numpy(), within[SCORE].to_numpy()
        spread, rounding = float(np.abs(y).max()), 1e-10 * float(np.abs(part[SCORE]).max())
        if len(part) < part[ARM].nunique() + 3 or not (x @ x > 0 and spread > rounding):
            continue
        if np.abs(y - x * (x @ y) / (x @ x)).max() <= rounding:
            at = f" at {time}" if len(set(rows[TIME])) > 1 and method != "growth" else ""
            raise DesignError(
                f"The outcome{at} follows from the baseline without error: one is made of the "
                "other, or both are one column. Name the score from before treatment as the "
                "baseline."
            )


def _with_shared(
    data: TrialRows, rows: pd.DataFrame, method: str, levels: tuple[Kind, ...], df: Any
) -> MultilevelFit:
    """Return the fit with the terms of therapists and groups that the rows carry.

    Over several times they differ in level and in change, correlated, where no variance or
    correlation of theirs runs to its bound; else in that of level and change, uncorrelated, level
    alone and change alone whose likelihood is highest of those that have no bound; else in level
    alone. Of two kinds the second is chosen beside the first.
    """
    terms = {kind.column: kind.level(rows) for kind in levels}
    if not levels or method == "ancova":
        return _fit(data, rows, method, "".join(terms.values()), df)
    for kind in levels:
        rows, ladder = kind.slopes(rows, data.times)
        others, found = set(terms) - {kind.column}, []
        for term in ladder:
            terms[kind.column] = term
            try:
                fit = _fit(data, rows, method, "".join(terms.values()), df)
            except DesignError:  # more variances than so few therapists can tell
                if term == ladder[-1]:
                    raise
                continue
            if fit.converged and not _at_a_bound(fit, others):
                found.append((fit, term))
                if term == ladder[0]:
                    break
        if found:
            fit, terms[kind.column] = max(found, key=lambda one: one[0].llf)
    return fit


def _fit(data: TrialRows, rows: pd.DataFrame, method: str, term: str, df: Any) -> MultilevelFit:
    """Fit the model of a method; `term` holds the random terms of therapists and groups."""
    before = f" + {BASELINE}" if data.has_baseline else ""
    if method == "growth":
        if not pd.api.types.is_numeric_dtype(rows[TIME].dtype):
            raise DesignError("method='growth' needs times that are numbers, such as weeks.")
        formula = f"{SCORE} ~ {ARM} * {TIME}{before} + (1 + {TIME} | {CLIENT}){term}"
        return fit_multilevel(formula, rows, df=df)
    if method == "mmrm":
        each = f" + {BASELINE} * C({TIME})" if data.has_baseline else ""
        formula = f"{SCORE} ~ {ARM} * C({TIME}){each}"
        if term and crossing(rows):  # the same model where groups cross
            formula += f" + (0 + C({TIME}) | {CLIENT}){term}"
            fit = fit_multilevel(formula, rows, allow_saturated=True, df=df)
            C = fit.random_covariances[CLIENT].to_numpy()
            named = [str(time).removesuffix(".0") for time in data.times]
            refuse_singular(C + fit.scale * np.eye(len(C)), named)
            return fit
        formula += term
    else:
        formula = f"{SCORE} ~ {ARM}{before}{term}"
        if term:  # clients without a therapist differ as they do, not as others beside theirs
            apart = any(kind.given in rows for kind in KINDS) and not _alike(rows)
            if apart and crossing(rows):
                raise DesignError(
                    f"{crossing(rows)}, and method='ancova' gives each arm a residual variance of "
                    "its own where some clients have no therapist or group, for which each group "
                    "must lie under one: take method='mmrm' or 'growth', or leave the therapists "
                    "or the groups out of the rows."
                )
            return fit_multilevel(formula, rows, residual_by=ARM if apart else None, df=df)
    return fit_multilevel(formula, rows, residual="unstructured", time=TIME, df=df)


def _at_a_bound(fit: MultilevelFit, but: Collection[str] = ()) -> bool:
    """Return whether a variance ran to zero, or a correlation to one, `but` those of some groups.

    Effects of clients as many as their rows share the residual's variance, so that it says nothing
    where theirs is zero.
    """
    shared = {CLIENT} if "C(" in "".join(fit.design.effects[0].names) else set()
    names = fit.design.grouping.names
    return bool({names[level] for level, _ in fit.optimum.on_boundary} - shared - {*but})


def _of_fit(fit: MultilevelFit, robust: bool) -> list[str]:
    """Return what must be known of the model itself; robust errors have df of their own."""
    few = fit.design.grouping.names[-1] in {kind.column for kind in KINDS} and not robust
    said = [fit.few_groups_note if few else ""]
    if not fit.converged:
        said.append(fit.convergence_note)
    if _at_a_bound(fit):
        note = on_the_boundary(fit) if robust else fit.singular_note
        for kind in KINDS:
            note = note.replace(f"'{kind.given}' for", "'level' for")
            note = note.replace(f"'{kind.change}' for", "'change over time' for")
        said.append(note)
    return [*said, *about_residuals(fit)]


def _of_outcome(data: TrialRows) -> list[str]:
    """Say what is compared where the outcome is a yes or no, or has few steps."""
    values, n = np.unique(data.rows[SCORE].dropna().to_numpy(dtype=float), return_counts=True)
    if set(values) <= {0.0, 1.0}:
        return [
            f"'{data.score}' holds only 0 and 1: means are shares, contrasts differences of "
            "shares, by a linear model. For odds ratios, or differences of shares by a logistic "
            f'one: fit_multilevel("{data.score} ~ arm + (1 | therapist_id)", data, '
            'family="binomial"), .odds_ratios() and .average_effects().'
        ]
    return about_few_values(f"{data.score} ~ arm + (1 | therapist_id)", data.score, values, n)


def _of_means(means: pd.DataFrame, data: TrialRows, times: tuple[Any, ...]) -> list[str]:
    """Say which time was taken where it is not the last, and where nobody was measured."""
    said = []
    if times[-1] != data.times[-1]:
        said.append(
            f"Arms are compared at {times[-1]}, the last time at which half of each arm were "
            f"measured; times go on to {data.times[-1]}."
        )
    said += [
        f"Nobody of the arm '{arm}' was measured at {times[-1]}: it is in no comparison."
        for arm in data.arms
        if arm not in set(means[ARM].astype(str))
    ]
    left_empty = "that mean and its comparisons cannot be estimated and are left empty."
    return said + [
        f"The rows of the arm '{row[ARM]}' at {row[TIME]} cannot be told from others: {left_empty}"
        if row["n"]
        else f"Nobody of the arm '{row[ARM]}' was measured at {row[TIME]}: {left_empty}"
        for row in means[means["estimate"].isna()].to_dict("records")
    ]


def _alike(rows: pd.DataFrame) -> dict[str, float]:
    """Return the arms whose clients all have one outcome, and that outcome."""
    ends = rows.groupby(rows[ARM].astype(str))[SCORE].agg(["min", "max"])
    same = ends.loc[ends["min"] == ends["max"], "min"]
    return {str(arm): float(value) for arm, value in same.items()}


def _of_spread(rows: pd.DataFrame) -> list[str]:
    """Say which arms have no spread of their own: the model has one for all."""
    return [
        f"All outcomes of the arm '{arm}' are {value:g}: they have no spread, and the model gives "
        "them that of the others."
        for arm, value in _alike(rows).items()
    ]


def _places(method: str, times: tuple[Any, ...]) -> dict[str, Any]:
    """Return at which times means are wanted."""
    if method == "ancova":
        return {}
    if method == "growth":
        return {"by": TIME, "at": {TIME: [float(time) for time in times]}}
    return {"by": TIME}


def _told(means: pd.DataFrame, data: TrialRows) -> pd.DataFrame:
    """Return the means with the number of participants behind them."""
    found = means.drop(columns=["effect", "group", "term", "statistic", "p_value"])
    found[ARM] = found[ARM].astype(str)
    counts = data.measured().set_index([ARM, TIME])["n"]
    keys = list(zip(found[ARM], found[TIME], strict=True))
    found["n"] = [int(counts.get(key, 0)) for key in keys]
    found["randomised"] = [data.randomised.get(arm, 0) for arm, _ in keys]
    found["share_measured"] = found["n"] / np.maximum(found["randomised"], 1)
    first = [ARM, TIME, "n", "randomised", "share_measured"]
    return found[[*first, *(name for name in found.columns if name not in first)]]


def _with_pairs(
    contrasts: pd.DataFrame, means: pd.DataFrame, reference: str | None
) -> pd.DataFrame:
    """Return the differences with the two arms of each, in the order of `MultilevelFit.contrasts`.

    Arms are not read from the terms: their names may hold " - " themselves.
    """
    arms = list(dict.fromkeys(means[ARM]))
    pairs = [(late, early) for early, late in itertools.combinations(arms, 2)]
    if reference is not None:
        pairs = [(arm, reference) for arm in arms if arm != reference]
    found = contrasts.drop(columns=["effect", "group"])
    each = pairs * (len(found) // len(pairs))
    found.insert(1, ARM, [arm for arm, _ in each])
    found.insert(2, "versus", [other for _, other in each])
    return found

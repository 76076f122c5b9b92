"""Comparing arms: which model, and what is asked of it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ..core.arguments import checked_choice, level_of
from ..core.people import CLIENT
from ..errors import ConvergenceWarning, DesignError, SingularFitWarning, listing
from ..inference.multiplicity import ADJUST, Adjust
from ..multilevel.engine.structured import MOST_OCCASIONS
from .lines import within_reach
from .messages import of_fit, of_means, of_outcome, of_spread
from .model import fit_with_shared
from .reading import trial_rows
from .result import ArmComparison
from .rows import ARM, BASELINE, SCORE, TIME, standardiser
from .shared import (
    CLUSTER,
    clustered,
    in_several_arms,
    named,
    of_shared,
    shared,
    why_not_robust,
)
from .tables import with_numbers, with_pairs

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
        client's residuals. ``"growth"``: straight lines over the times, three or more, as numbers,
        which differ between clients; shown where five of each arm (or half) were measured, then or
        beyond, and at five times where each client has times of their own.
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
        arm, a client has two outcomes at one time, times are dates, therapy groups are numbered
        anew under each therapist, or the baseline lies after an outcome or is the same for all of
        each arm.

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
    n, outcomes = data.rows[CLIENT].nunique(), len(data.rows)
    if method == "growth" and outcomes <= 2 * n:
        ways = "'ancova', at planned times" if data.own_times else "'mmrm', which compares both"
        raise DesignError(
            f"method='growth' draws a line through each client's outcomes, and {outcomes} outcomes "
            f"of {n} clients are two each or fewer: how clients differ from their lines cannot be "
            f"seen. Take three times or more, or method={ways}."
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
        fit = fit_with_shared(data, rows, method, levels, df)
    shown = (last,) if method == "ancova" else data.shown_times
    asked: dict[str, Any] = {"confidence": confidence, **_places(method, shown)}
    asked["cluster"] = CLUSTER if robust else None
    means = fit.marginal_means(ARM, **asked)
    contrasts = fit.contrasts(ARM, **asked, adjust=adjust, reference=first)
    if TIME not in means:
        means, contrasts = means.assign(**{TIME: shown[0]}), contrasts.assign(**{TIME: shown[0]})
    size, what = standardiser(data)
    means, contrasts = with_numbers(means, data), with_pairs(contrasts, means, first)
    if method == "growth":
        means, contrasts, seen = within_reach(means, contrasts, data, adjust, confidence)
    else:
        seen = of_means(means, data, shown)
    change = of_shared(fit, robust, why) if levels and method != "ancova" else ""
    said = (
        *data.notes, *of_outcome(data), *of_spread(rows), *seen, note, change,
        *of_fit(fit, robust),
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


def _places(method: str, times: tuple[Any, ...]) -> dict[str, Any]:
    """Return at which times means are wanted."""
    if method == "ancova":
        return {}
    if method == "growth":
        return {"by": TIME, "at": {TIME: [float(time) for time in times]}}
    return {"by": TIME}

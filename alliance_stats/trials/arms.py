"""Comparing arms: which model, and what is asked of it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ..core.arguments import checked_choice, level_of
from ..core.people import CLIENT, THERAPIST
from ..errors import DesignError, SingularFitWarning
from ..inference.multiplicity import ADJUST, Adjust
from ..multilevel.fit import fit_multilevel
from ..multilevel.result import MultilevelFit
from .result import ArmComparison
from .rows import ARM, BASELINE, SCORE, TIME, TrialRows, standardiser, therapists, trial_rows

if TYPE_CHECKING:
    from ..study import Study

Method = Literal["ancova", "mmrm", "growth"]
METHODS = ("ancova", "mmrm", "growth")
THERAPISTS_ALIKE = (
    "Therapists differ in level only. Where they also differ in how their clients change, and arms "
    "have different therapists, intervals over several times are too narrow: method='ancova' is "
    "not touched by that."
)
DF = ("satterthwaite", "kenward-roger")


def compare_arms(
    study_or_data: Study | pd.DataFrame,
    *,
    outcome: str,
    arm: str = "condition",
    baseline: Any = None,
    method: Method = "ancova",
    time: str | None = None,
    reference: Any = None,
    adjust: Adjust = "holm",
    df: Literal["satterthwaite", "kenward-roger"] = "satterthwaite",
    confidence: float = 0.95,
) -> ArmComparison:
    """Compare the arms of a trial on one outcome.

    *Do clients of one arm end better than those of another?* Clients count in the arm they were
    randomised to. Therapists are in the model where the rows name three or more, also where only
    some arms have them.

    Parameters
    ----------
    study_or_data
        A study, or a table with a row a client and time: ``client_id``, the arm, the outcome, and
        ``therapist_id`` where it is known.
    outcome
        The score (``"phq-9"``), or the column of a table.
    arm
        The column of the arms.
    baseline
        What outcomes are adjusted for: a column, or the time at which it was measured (``"pre"``,
        0); rows of that time are then no outcomes.
    method
        ``"ancova"``: one time alone, the last at which half of each arm were measured.
        ``"mmrm"``: all times, a mean for each arm and time, and an unstructured covariance of each
        client's residuals. ``"growth"``: straight lines over the times as numbers, which differ
        between clients.
    time
        The column of the occasions; of a study its sessions, or occasions where it has none.
        Without it each client has one row.
    reference
        The arm that all others are compared with; all pairs if left out.
    adjust
        For several comparisons at one time: ``"none"``, ``"holm"``, ``"bonferroni"``,
        ``"tukey"``.
    df
        As `fit_multilevel` takes it; ``"kenward-roger"`` is advised with few therapists.
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
        arm, or a client has two outcomes at one time.

    Notes
    -----
    Mallinckrodt et al. (2008), doi 10.1177/009286150804200402,
    for repeated measures as the primary analysis; with a baseline, mean and covariate are
    estimated at each time. Where nobody changes therapist the therapists' variance is estimated
    beside the covariance of clients' residuals.

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
    level_of(confidence)
    data = trial_rows(
        study_or_data, outcome=outcome, arm=arm, baseline=baseline, time=time, reference=reference
    )
    if method != "ancova" and len(data.times) < 2:
        raise DesignError(
            f"method='{method}' needs two or more times after the baseline; name them with time=."
        )
    last = data.last_common_time()
    rows = data.rows if method != "ancova" else data.rows[data.rows[TIME] == last]
    rows, term, note = therapists(rows)
    rows = rows.assign(**{ARM: pd.Categorical(rows[ARM], data.arms)})
    with warnings.catch_warnings():  # the messages tell it; nobody wrote that term
        warnings.simplefilter("ignore", SingularFitWarning)
        fit = _fit(data, rows, method, term, df)
    times = (last,) if method == "ancova" else data.times
    asked: dict[str, Any] = {"confidence": confidence, **_places(method, times)}
    means = fit.marginal_means(ARM, **asked)
    contrasts = fit.contrasts(
        ARM, **asked, adjust=adjust, reference=None if reference is None else str(reference)
    )
    if TIME not in means:
        means, contrasts = means.assign(**{TIME: times[0]}), contrasts.assign(**{TIME: times[0]})
    size, what = standardiser(data)
    said = (*data.notes, *_of_means(means, data, times), note, *_of_fit(fit))
    return ArmComparison(
        method=method,
        data=data,
        fit=fit,
        means=_told(means, data),
        contrasts=contrasts.drop(columns=["effect", "group"]),
        sd=size,
        standardiser=what,
        confidence=confidence,
        adjust=adjust,
        messages=tuple(filter(None, said)),
    )


def _fit(data: TrialRows, rows: pd.DataFrame, method: str, term: str, df: Any) -> MultilevelFit:
    """Fit the model of a method; `term` is the random term of therapists."""
    before = f" + {BASELINE}" if data.has_baseline else ""
    if method == "growth":
        if not pd.api.types.is_numeric_dtype(rows[TIME].dtype):
            raise DesignError("method='growth' needs times that are numbers, such as weeks.")
        formula = f"{SCORE} ~ {ARM} * {TIME}{before} + (1 + {TIME} | {CLIENT}){term}"
        return fit_multilevel(formula, rows, df=df)
    if method == "mmrm":
        each = f" + {BASELINE} * C({TIME})" if data.has_baseline else ""
        formula = f"{SCORE} ~ {ARM} * C({TIME}){each}{term}"
    else:
        formula = f"{SCORE} ~ {ARM}{before}{term}"
        if term:
            return fit_multilevel(formula, rows, df=df)
    return fit_multilevel(formula, rows, residual="unstructured", time=TIME, df=df)


def _of_fit(fit: MultilevelFit) -> list[str]:
    """Return what must be known of the model itself."""
    said = [fit.few_groups_note if len(fit.design.levels) > 1 else ""]
    if THERAPIST in fit.n_groups and TIME in fit.design.formula.columns:
        said.append(THERAPISTS_ALIKE)
    if not fit.converged:
        said.append(fit.convergence_note)
    if fit.singular:
        said.append(fit.singular_note)
    return said


def _of_means(means: pd.DataFrame, data: TrialRows, times: tuple[Any, ...]) -> list[str]:
    """Say which time was taken where it is not the last, and where nobody was measured."""
    said = []
    if times[-1] != data.times[-1]:
        said.append(
            f"Arms are compared at {times[-1]}, the last time at which half of each arm were "
            f"measured; times go on to {data.times[-1]}."
        )
    nobody = means[means["estimate"].isna()].to_dict("records")
    return said + [
        f"Nobody of the arm '{row[ARM]}' was measured at {row[TIME]}: that mean and its "
        "comparisons cannot be estimated and are left empty."
        for row in nobody
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

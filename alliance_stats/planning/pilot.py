"""A plan from a study that is there: its sizes, its dropout and its variances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DesignError
from ..multilevel.fit import fitted
from ..study import Study
from ..study.select import ScoreName

if TYPE_CHECKING:
    from .design import StudyDesign


def from_study(
    cls: type[StudyDesign], study: Study, score: str, *, slopes: bool = False, **changes: Any
) -> StudyDesign:
    """Take a plan from a pilot study: how alike are its clients, and how long do they stay?

    Parameters
    ----------
    study
        The pilot.
    score
        The outcome, as ``"core-10/total/client"``.
    slopes
        Whether clients and therapists differ in change a session too.
    **changes
        Arguments of `StudyDesign` that are to be otherwise, such as ``randomised="therapist"``.

    Returns
    -------
    StudyDesign
        With the pilot's therapists, caseloads (sizes and their shares), sessions that half of the
        clients or more have reached at their end, share of clients gone before each, and variances.

    Notes
    -----
    A pilot's variances are estimates, and those of few therapists poor ones: vary
    ``icc_therapist``.

    Examples
    --------
    >>> import alliance_stats as al
    >>> pilot = al.load_dataset("demo-trial")
    >>> design = al.StudyDesign.from_study(pilot, "core-10")
    >>> 0 < design.icc_therapist < design.icc_client
    True
    """
    rows = study.select(score)
    if "session" not in rows or "therapist_id" not in rows:
        raise DesignError(f"A plan needs '{score}' at sessions, and who the therapists are.")
    rows = rows.dropna(subset=["score", "therapist_id", "session"])
    rows = rows.assign(time=rows["session"].astype(float) - float(rows["session"].min()))
    part = " + time" if slopes else ""
    fit = fitted(f"score ~ time + (1{part} | client_id) + (1{part} | therapist_id)", rows)
    spread = fit.varcomp[fit.varcomp["term2"].isna()].set_index(["group", "term1"])["vcov"]

    def variance(group: str, term: str = "Intercept") -> float:
        return float(spread.get((group, term), 0.0))

    total = variance("client_id") + variance("therapist_id") + fit.scale
    last = rows.groupby("client_id")["time"].max().to_numpy() + 1
    sessions = int(changes.get("sessions", np.median(last)))
    gone = (last[:, None] < np.arange(1, sessions + 1)).mean(axis=0)
    loads = rows.groupby("therapist_id")["client_id"].nunique()
    name = ScoreName(rows.attrs.get("score", score))
    given: dict[str, Any] = {
        "n_therapists": len(loads),
        "clients_per_therapist": float(loads.mean()),
        "sessions": sessions,
        "randomised": "none",
        "icc_client": variance("client_id") / total,
        "icc_therapist": variance("therapist_id") / total,
        "slope_sd_client": np.sqrt(variance("client_id", "time")),
        "slope_sd_therapist": np.sqrt(variance("therapist_id", "time")),
        "residual_sd": float(np.sqrt(fit.scale)),
        "caseloads": loads.value_counts(normalize=True).to_dict(),
        "dropout": gone.tolist(),
        "notes": (
            f"Variances, caseloads and lengths are those of '{study.name}' ({name}; {len(loads)} "
            f"therapists, {len(last)} clients): estimates, so vary them.",
        ),
    }
    return cls(**given | changes)

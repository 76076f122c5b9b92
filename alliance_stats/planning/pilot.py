"""A plan from a study that is there: its sizes, its dropout and its variances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..core.arguments import shown, whole
from ..core.shown_groups import SMALLEST_SHOWN
from ..errors import DesignError, listing, plural
from ..multilevel.after_fit.prediction import simulate
from ..multilevel.fit import Asked, fitted, fitted_outcome
from ..study import Study
from ..study.mapping.file_labels import ARM
from ..study.select import ScoreName
from ..study.times import along

if TYPE_CHECKING:
    from ..multilevel.outcomes.result import OutcomeFit
    from ..multilevel.result import MultilevelFit
    from .design import StudyDesign


def from_study(
    cls: type[StudyDesign],
    study: Study,
    score: str,
    *,
    time: str = "session",
    slopes: bool = False,
    draws: int = 100,
    seed: int = 0,
    **changes: Any,
) -> StudyDesign:
    """Take a plan from a pilot study: how alike are its clients, and how long do they stay?

    Parameters
    ----------
    study
        The pilot.
    score
        The outcome, as ``"core-10/total/client"``.
    time
        ``"session"``, or where the outcome was measured at ``"occasion"``, whose places in their
        order count as sessions; a study without session scores goes by its occasions.
    slopes
        Whether clients and therapists differ in change a session too.
    draws, seed
        How many studies like the pilot are drawn (by its own model, from where) to see how unsure
        its variances are; `power` then gives the ``.assurance`` too. 0 takes them as known.
    **changes
        Arguments of `StudyDesign` that are to be otherwise, such as ``randomised="therapist"``.

    Returns
    -------
    StudyDesign
        With the pilot's therapists, caseloads (sizes and their shares; equal ones where
        ``clients_per_therapist`` is given), sessions that half of the clients or more have reached
        at their end, share of clients gone before each, share of the sessions before that without
        a score, and variances.

    Notes
    -----
    In a pilot with conditions (a trial) variances are those within them, as means may differ. A
    pilot's variances are estimates, and those of few therapists poor ones. Each study drawn gives
    variances that a pilot like this might have found (a parametric bootstrap); the assurance is the
    power averaged over them (O'Hagan, Stevens & Campbell 2005, doi 10.1002/pst.175).

    Examples
    --------
    >>> import alliance_stats as al
    >>> pilot = al.load_dataset("demo-trial")
    >>> design = al.StudyDesign.from_study(pilot, "core-10")
    >>> 0 < design.icc_therapist < design.icc_client
    True
    """
    if not isinstance(study, Study):
        raise DesignError(f"from_study needs a study as the pilot, not {shown(study)}.")
    if "sessions" in changes:
        whole(changes["sessions"], "sessions", 1)
    rows = along(study, time).select(score)
    if "session" not in rows or "therapist_id" not in rows:
        raise DesignError(f"A plan needs '{score}' at sessions, and who the therapists are.")
    rows = rows.dropna(subset=["score", "therapist_id", "session"])
    at, told = np.sort(rows["session"].unique().astype(float)), []
    if len(at) <= at[-1] - at[0]:
        told.append(
            f"The pilot was measured at {len(at)} of {at[-1] - at[0] + 1:g} sessions; these "
            "measurements count as the plan's sessions, and a change a session is one from a "
            "measurement to the next."
        )
    if rows["client_id"].nunique() < SMALLEST_SHOWN:
        told.append(
            "The pilot has fewer than ten clients: its numbers tell of single persons, and a plan "
            "that travels should be made with your own (round) ones."
        )
    rows = rows.assign(time=np.searchsorted(at, rows["session"].astype(float)).astype(float))
    part = " + time" if slopes else ""
    rows, arms = _with_arms(rows)
    if arms:
        told.append(
            f"The pilot's {plural(arms, 'condition')} may differ in mean"
            f"{' and change' if slopes else ''}: variances are those within them."
        )
    fixed = f"time{' * ' if slopes else ' + '}{ARM}" if arms else "time"
    fit = fitted(f"score ~ {fixed} + (1{part} | client_id) + (1{part} | therapist_id)", rows)
    # slopes that differ, or residuals that are alike, are against what the plan assumes
    told += [f"The pilot's own model: {message}" for message in fit.messages]
    rng = np.random.default_rng(whole(seed, "seed", 0))
    found, n = _variances(fit), whole(draws, "draws", 0)
    needed = [name for name in found if name.startswith("icc") or (slopes and "slope" in name)]
    zero = [name for name in needed if found[name] == 0 and name not in changes]
    if zero:
        n = 0  # what is drawn from a variance of zero takes it as known
        told.append(
            f"The pilot's {' and '.join(zero)} was estimated as zero, as happens with few people "
            "whatever it is: give what is usual in your field. Until then there is no assurance."
        )
    again = [fit.refit(simulate(fit, rng)) for _ in range(n)]
    likely = [
        {name: value for name, value in _variances(one).items() if name not in changes}
        for one in again
        if one.converged
    ]
    left, drawn, why = _dropout(study, rows, ARM if arms else "1", len(likely), rng)
    last = rows.groupby("client_id")["time"].max() + 1
    sessions = int(changes.get("sessions", np.median(last)))
    gone = (last.to_numpy()[:, None] < np.arange(1, sessions + 1)).mean(axis=0)
    # as many scores as the pilot had; a client's last session has one, for it is known by that
    until = last.clip(upper=sessions)
    missing = 1 - float((rows["time"] < sessions).sum() / until.sum())
    loads = rows.groupby("therapist_id")["client_id"].nunique()
    name = ScoreName(rows.attrs.get("score", score))
    given: dict[str, Any] = {
        "n_therapists": len(loads),
        "clients_per_therapist": float(loads.mean()),
        "sessions": sessions,
        "randomised": "none",
        **found,
        **left,
        "pilot_draws": tuple(one | more for one, more in zip(likely, drawn, strict=True)),
        "caseloads": loads.value_counts(normalize=True).to_dict(),
        "dropout": gone.round(2).tolist(),
        "missing": round(missing, 2) if sessions > 1 else 0.0,
        "notes": (
            f"Variances, caseloads and lengths are those of '{study.name}' ({name}; {len(loads)} "
            f"therapists, {len(last)} clients): estimates, so vary them.",
            *told,
            *why,
        ),
    }
    if "clients_per_therapist" in changes:  # the pilot's own sizes have another mean
        del given["caseloads"]
    return cls(**given | changes)


def _with_arms(rows: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return rows with a condition for each (one of their own for those unknown), and how many.

    0 where there is one condition. What a pilot's treatments did is no difference of its people.
    """
    known = rows[ARM].astype(object).where(rows[ARM].notna(), "not known") if ARM in rows else None
    if known is None or known.nunique() < 2:
        return rows, 0
    return rows.assign(**{ARM: known}), known.nunique()


def checked_draws(given: Any) -> tuple[Mapping[str, float], ...]:
    """Return the variances that a pilot might have found as well."""
    if not isinstance(given, list | tuple) or not all(isinstance(one, Mapping) for one in given):
        raise DesignError(
            "pilot_draws must be a list of variances by name, as StudyDesign.from_study makes it, "
            f"not {shown(given)}."
        )
    known = ("icc_client", "icc_therapist", "slope_sd_client", "slope_sd_therapist", "residual_sd",
             "dropout_share", "icc_dropout")  # fmt: skip
    for name in {name for one in given for name in one}:
        if name not in known:
            raise DesignError(
                f"pilot_draws holds {shown(name)}; each draw may hold {listing(known, 9)}."
            )
    return tuple(given)


def _dropout(
    study: Study, rows: pd.DataFrame, fixed: str, draws: int, rng: np.random.Generator
) -> tuple[dict[str, float], list[dict[str, float]], list[str]]:
    """Return the pilot's share of dropout and how alike therapists' clients are in it, and draws.

    Both are those of a multilevel logistic model of each client whose therapy is over, on the
    scale of shares, which the plan is on: averaged over therapists and conditions (`fixed`).
    """
    if not study.has("terminations"):
        return (
            {},
            [{}] * draws,
            [
                "Why clients left the pilot is not known: for of='dropout' every client whose "
                "scores end before the last session counts, unless dropout_share= is given."
            ],
        )
    ends = study.table("terminations")[["client_id", "reason"]].drop_duplicates("client_id")
    own = rows.filter(["client_id", "therapist_id", ARM]).drop_duplicates("client_id")
    ends = ends.merge(own)
    left = ends.assign(left=(ends["reason"] == "dropout").astype(float))
    if left["left"].nunique() < 2:
        return {}, [{}] * draws, []
    try:
        fit = fitted_outcome(f"left ~ {fixed} + (1 | therapist_id)", left, Asked("binomial"))
    except DesignError as error:
        share = {"dropout_share": float(left["left"].mean())}
        return share, [share] * draws, [f"How alike clients of one therapist leave: {error}"]

    def found(one: OutcomeFit) -> dict[str, float]:
        share = float(np.mean(one.predict(left, average=True)))
        alike = 0.0 if one.singular else float(one.icc(scale="observed")["icc"].iloc[0])
        return {"dropout_share": float(np.clip(share, 0.01, 0.99)), "icc_dropout": alike}

    outcomes = [fit.simulate(rng) for _ in range(draws)]
    alone = {0.0: {"dropout_share": 0.01}, 1.0: {"dropout_share": 0.99}}  # nobody left, or all did
    again = [alone.get(one.mean()) or found(fit.refit(one)) for one in outcomes]
    return found(fit), again, []


def _variances(fit: MultilevelFit) -> dict[str, float]:
    """Return a model's variances as the arguments of a plan."""
    spread = fit.varcomp[fit.varcomp["term2"].isna()].set_index(["group", "term1"])["vcov"]
    variances = {
        (group, term): float(spread.get((group, term), 0.0))
        for group in ("client_id", "therapist_id")
        for term in ("Intercept", "time")
    }
    clients, therapists = (
        variances["client_id", "Intercept"],
        variances["therapist_id", "Intercept"],
    )
    total = clients + therapists + fit.scale
    return {
        "icc_client": clients / total,
        "icc_therapist": therapists / total,
        "slope_sd_client": float(np.sqrt(variances["client_id", "time"])),
        "slope_sd_therapist": float(np.sqrt(variances["therapist_id", "time"])),
        "residual_sd": float(np.sqrt(fit.scale)),
    }

"""Alliance course and dropout looked at together, in two stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..core.people import refuse_repeats, same_ids
from ..core.results import Result
from ..errors import DesignError
from ..study import Study
from ..study.select import choose
from ..study.times import SESSION
from .checks import study_only
from .endings import along_time
from .hazard.fit import fit_dropout_hazard
from .hazard.result import DropoutHazard
from .person_period import person_period

BIAS = (
    "Two stages: level and slope are each client's as expected from the ratings up to that "
    "session, drawn to the mean the more so the fewer they are. In simulations coefficients were "
    "right on average, but the standard errors leave the first stage out and are too small, and "
    "stage one takes leaving as missing at random given the ratings. A joint likelihood would do "
    "without either."
)


@dataclass(frozen=True)
class AllianceAndDropout(Result):
    """The alliance course (stage one) and the hazard on its random effects (stage two).

    Attributes
    ----------
    course
        The multilevel model of the alliance; ``hazard`` the model of dropout.
    clients
        ``client_id, level, slope``: each client's deviations from the mean course by all ratings;
        the hazard's rows have them by the ratings up to each session.
    """

    course: Any
    hazard: DropoutHazard
    clients: pd.DataFrame
    messages: tuple[str, ...] = ()
    title: str = "Alliance course and dropout (shared random effects, two stages)"
    score: str = ""

    @property
    def fewest(self) -> int | None:  # type: ignore[override]
        """How many people the fewest are that a coefficient of the hazard is about."""
        return self.hazard.fewest

    @property
    def _ratio(self) -> str:  # type: ignore[override]
        """What the exponential of a coefficient of the hazard is."""
        return self.hazard._ratio

    def tidy(self) -> pd.DataFrame:
        """Return the terms of the hazard model."""
        return self.hazard.tidy()

    def glance(self) -> pd.DataFrame:
        """Return one row: sizes, and the hazard's fit."""
        return self.hazard.glance().assign(n_clients=len(self.clients))


def fit_alliance_and_dropout(
    study: Study,
    *,
    measure: str | None = None,
    rater: str | None = None,
    scale: str | None = None,
    link: str = "cloglog",
    time: str = SESSION,
) -> AllianceAndDropout:
    """Do clients leave whose alliance course is low or falling, and is the course then biased?

    Parameters
    ----------
    study
        A `Study` with terminations and alliance scores.
    measure, rater, scale
        The alliance score, as in `person_period`.
    link
        Of the hazard.
    time
        The column that counts along time in place of ``session``: ``"occasion"``, by its order, or
        one of numbers, such as ``"week"``.

    Returns
    -------
    AllianceAndDropout
        Where ``level`` or ``slope`` goes with leaving, dropout is informative: the mean course of
        those who are left rises more than clients do.

    Notes
    -----
    Stage one: ``score ~ session + (1 + session | client_id)``, REML. Stage two: the discrete-time
    hazard on ``level`` (at session 0) and ``slope`` as expected of the client given the ratings
    up to and including that session, and on ``deviation``, that session's rating minus the one
    expected; it has no random intercepts, since the course has no level of therapists either
    (errors are robust to them), and clients' differences are what it asks about. Modes from the
    whole course (the usual second stage) would know the session before
    leaving too: with true log odds of -.9 for the deviation and none for level and slope, they
    gave -.06 for level and -3.9 for slope; so do modes dated by session when the deviation is
    left out (-.02 and -9.4). With all three the estimates were -.01, .06 and -.89 (20 runs of 500
    clients; standard errors .02, 1.2 and .03), and -.58, -9.5 and -.90 for a truth of -.6, -10
    and -.9. Rizopoulos (2012, ISBN 978-1-4398-7286-4) treats joint models and the bias of two
    stages.

    Examples
    --------
    >>> import alliance_stats as al
    >>> found = al.fit_alliance_and_dropout(al.load_dataset("demo-trial"))
    >>> found.hazard.params.index.tolist()
    ['Intercept', 'session', 'level', 'slope', 'deviation']
    """
    from ..multilevel import fit_multilevel

    study_only(study, "ratings and endings are read from its tables")
    study = along_time(study, time)
    data = person_period(study, measure=measure, rater=rater, scale=scale)
    score = data.attrs["score"]
    own = choose(study, score)[0][["client_id", "session", "score"]].dropna(subset=["score"])
    own = same_ids(own, data["client_id"]).sort_values(["client_id", "session"])
    course = fit_multilevel("score ~ session + (1 + session | client_id)", own)
    modes = course.random_effects["client_id"]
    clients = pd.DataFrame(
        {"client_id": modes.index, "level": modes["Intercept"].to_numpy(),
         "slope": modes["session"].to_numpy()}
    )  # fmt: skip
    dated = expected_so_far(own, course)
    rows = data.merge(dated, on=["client_id", "session"], how="left", validate="one_to_one")
    rows.attrs["messages"] = data.attrs["messages"]
    cluster = "therapist_id" if "therapist_id" in rows.columns else None
    hazard = fit_dropout_hazard(
        "event ~ session + level + slope + deviation", rows, link=link, cluster=cluster,
        guard=False,  # dated by what was rated up to each session
    )  # fmt: skip
    return AllianceAndDropout(
        course, hazard, clients, (BIAS, *hazard.messages, *tuple(course.messages)), score=score
    )


def expected_so_far(own: pd.DataFrame, course: Any) -> pd.DataFrame:
    """Return each client's level and slope given the ratings up to each session.

    With G the covariance of level and slope, S the residual variance, Z the rows (1, session) so
    far and r their distances from the mean course: (I + G Z'Z / S)^-1 G Z'r / S.
    """
    refuse_repeats(own, ["client_id", "session"], "The alliance ratings")
    covariance = _covariance(course)
    session = own["session"].to_numpy(dtype=float)
    mean = course.params["Intercept"] + course.params["session"] * session
    away = own["score"].to_numpy(dtype=float) - mean
    client = pd.factorize(own["client_id"])[0]

    def so_far(values: np.ndarray) -> np.ndarray:
        return pd.Series(values).groupby(client).cumsum().to_numpy() / course.scale

    n, s, ss = so_far(np.ones(len(own))), so_far(session), so_far(session**2)
    known = np.stack([np.stack([n, s], axis=-1), np.stack([s, ss], axis=-1)], axis=-2)
    sums = np.stack([so_far(away), so_far(away * session)], axis=-1)
    left = np.eye(2) + covariance @ known
    modes = np.linalg.solve(left, (sums @ covariance.T)[..., None])[..., 0]
    return own[["client_id", "session"]].assign(
        level=modes[:, 0], slope=modes[:, 1],
        deviation=away - modes[:, 0] - modes[:, 1] * session,
    )  # fmt: skip


def _covariance(course: Any) -> np.ndarray:
    """Return the covariance matrix of the clients' intercepts and slopes."""
    parts = course.varcomp[course.varcomp["group"] == "client_id"]
    alone = parts["term2"].isna() | (parts["term2"] == "")
    variances = parts[alone].set_index("term1")["vcov"]
    shared = float(parts.loc[~alone, "vcov"].iloc[0])
    first, second = float(variances["Intercept"]), float(variances["session"])
    if first == 0.0 or second == 0.0:
        which = "level" if first == 0.0 else "slope"
        raise DesignError(
            f"Clients do not differ in the {which} of their alliance beyond chance (a variance of "
            "zero), so it cannot be held against leaving."
        )
    return np.array([[first, shared], [shared, second]])

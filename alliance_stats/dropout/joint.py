"""Alliance course and dropout looked at together, in two stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..results import Result
from .hazard import fit_dropout_hazard
from .hazard_result import DropoutHazard
from .person_period import first_alliance_measure, person_period

BIAS = (
    "Two stages: a client's level and slope are estimates drawn to the mean, the more so the fewer "
    "the sessions, so those who left early look average. The hazard's coefficients are biased, "
    "mostly towards zero, and their standard errors leave the first stage out. They also use the "
    "client's whole course and are no predictors. A joint likelihood would be the cure."
)


@dataclass(frozen=True)
class AllianceAndDropout(Result):
    """The alliance course (stage one) and the hazard on its random effects (stage two).

    Attributes
    ----------
    course
        The multilevel model of the alliance; ``hazard`` the model of dropout.
    clients
        ``client_id, level, slope``: each client's deviations from the mean course.
    """

    course: Any
    hazard: DropoutHazard
    clients: pd.DataFrame
    messages: tuple[str, ...] = ()
    title: str = "Alliance course and dropout (shared random effects, two stages)"

    def tidy(self) -> pd.DataFrame:
        """Return the terms of the hazard model."""
        return self.hazard.tidy()

    def glance(self) -> pd.DataFrame:
        """Return one row: sizes, and the hazard's fit."""
        return self.hazard.glance().assign(n_clients=len(self.clients))


def fit_alliance_and_dropout(
    study: Any,
    *,
    measure: str | None = None,
    rater: str = "client",
    scale: str = "total",
    link: str = "cloglog",
) -> AllianceAndDropout:
    """Do clients leave whose alliance course is low or falling, and is the course then biased?

    Parameters
    ----------
    study
        A `Study` with terminations and alliance scores.
    measure, rater, scale
        The alliance score; the study's first alliance measure unless given.
    link
        Of the hazard.

    Returns
    -------
    AllianceAndDropout
        Where ``level`` or ``slope`` goes with leaving, dropout is informative: the mean course of
        those who are left rises more than clients do.

    Notes
    -----
    Stage one: ``score ~ session + (1 + session | client_id)``, REML. Stage two: the discrete-time
    hazard on each client's conditional modes. Rizopoulos (2012, ISBN 978-1-4398-7286-4) explains
    the bias of two stages, which ``.messages`` states.

    Examples
    --------
    >>> import alliance_stats as al
    >>> found = al.fit_alliance_and_dropout(al.load_dataset("demo-trial"))
    >>> found.hazard.params.index.tolist()
    ['Intercept', 'session', 'level', 'slope']
    """
    from ..multilevel import fit_multilevel

    name = measure or first_alliance_measure(study)
    scores = study.scores
    keep = (scores["measure"] == name) & (scores["rater"] == rater) & (scores["scale"] == scale)
    own = scores.loc[keep & scores["score"].notna(), ["client_id", "session", "score"]]
    course = fit_multilevel("score ~ session + (1 + session | client_id)", own)
    modes = course.random_effects["client_id"]
    clients = pd.DataFrame(
        {"client_id": modes.index, "level": modes["Intercept"].to_numpy(),
         "slope": modes["session"].to_numpy()}
    )  # fmt: skip
    data = person_period(study, measure=name, rater=rater, scale=scale)
    rows = data.merge(clients, on="client_id", how="left")
    rows.attrs["messages"] = data.attrs["messages"]
    cluster = "therapist_id" if "therapist_id" in rows.columns else None
    hazard = fit_dropout_hazard(
        "event ~ session + level + slope", rows, link=link, cluster=cluster, guard=False
    )
    return AllianceAndDropout(
        course, hazard, clients, (BIAS, *hazard.messages, *tuple(course.messages))
    )

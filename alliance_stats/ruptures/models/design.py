"""From sessions to the rows and the formula of a next-session model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ...core.arguments import checked_choice, shown, whole
from ...errors import DesignError
from ...preparation import decompose, lag

CENTRINGS = ("client", "none")
DETRENDINGS = ("covariate", "none", "predictor")
LEVELS = (2, 3)
SLOPES = ("all", "none")
LEAST_CLIENTS = 5
KNOWN = 0.5
"""Share of sessions whose outcome before must be known for it to be held equal unless told."""
BEYOND_THE_SCORE = {
    True: "The alliance score of the rupture's session stands beside the rupture: the coefficient "
    "of a rupture is what it has beyond its low score. Of ruptures found by a fall, part of a true "
    "effect goes to the score; rule='state_model' divides it right where scores drift as it "
    "expects, but where it finds ruptures improbable and drift is skewed, its coefficient can be "
    "points from a true zero (docs/rupture-models.md).",
    False: "Without the alliance score of the same session the coefficient of a rupture cannot be "
    "told from the effect of a low alliance, which needs no rupture (adjust_for_alliance=True "
    "puts it beside).",
}
"""What a rupture's coefficient is beside, or without, the alliance score."""


@dataclass(frozen=True)
class Choices:
    """What a next-session model leaves open.

    Attributes
    ----------
    predictors
        Columns of the session before.
    lag
        How many session numbers before.
    levels
        2: sessions in clients; 3: in therapists too.
    centring
        ``"client"``: predictors split into parts within and between clients (and therapists);
        ``"none"``: raw, which mixes them.
    detrending
        ``"covariate"``: the session number is in the model; ``"none"``: no time at all;
        ``"predictor"``: each client's own line is split off from the predictors.
    lagged_outcome
        Whether the response's own value at the session before, centred on the client's mean, is
        in the model.
    slopes
        ``"all"``: every effect within clients may vary between them (as `fit_multilevel` has it);
        ``"none"``: each is the same for all clients.
    adjust_for_alliance
        Whether the alliance score of the predictors' session stands beside them in models of the
        outcome. A session flagged by its score is one of low alliance: without the score its
        coefficient is that of a low alliance too.
    """

    predictors: tuple[str, ...]
    lag: int = 1
    levels: int = 2
    centring: str = "client"
    detrending: str = "covariate"
    lagged_outcome: bool = False
    slopes: str = "all"
    adjust_for_alliance: bool = False

    def __post_init__(self) -> None:
        for name, allowed in (
            ("levels", LEVELS),
            ("centring", CENTRINGS),
            ("detrending", DETRENDINGS),
            ("lagged_outcome", (True, False)),
            ("slopes", SLOPES),
            ("adjust_for_alliance", (True, False)),
        ):
            checked_choice(name, getattr(self, name), allowed)
        whole(self.lag, "lag", 1)

    def predictors_of(self, response: str) -> tuple[str, ...]:
        """The predictors of a model of this response, the alliance score among them or not."""
        beside = self.adjust_for_alliance and response == "outcome"
        return (*self.predictors, "alliance") if beside else self.predictors

    @property
    def of_interest(self) -> str:
        """The term of the first predictor's within-client part (or of the raw predictor)."""
        name = f"{self.predictors[0]}_lag{self.lag}"
        return name if self.centring == "none" else f"{name}_within"


def adjusts(asked: bool | None, needs: str) -> bool:
    """Return whether the alliance score enters: where not said, with rules that read scores."""
    return needs == "scores" if asked is None else asked


def slopes_of(random_slope: Any) -> str:
    """Return what the older choice ``random_slope``, true or false, is called now."""
    if not isinstance(random_slope, (bool, np.bool_)):
        raise DesignError(f"random_slope must be true or false; it is {shown(random_slope)}.")
    return "all" if random_slope else "none"


@dataclass(frozen=True)
class ModelData:
    """Rows that are complete, the formula for them, and what happened on the way."""

    rows: pd.DataFrame
    formula: str
    choices: Choices
    response: str
    messages: tuple[str, ...]


def lagged(rows: pd.DataFrame, columns: Sequence[str], k: int) -> pd.DataFrame:
    """Put the values of k sessions before beside each session (by number, never by row)."""
    together = lag(rows, list(dict.fromkeys(columns)), k=k)
    together.attrs = {"lag_report": together.attrs["lag_report"]}
    return together


def mostly_known(together: pd.DataFrame, k: int, beside: str = "rupture") -> bool:
    """Return whether the outcome before is known for half of the sessions that could enter."""
    there = together.dropna(subset=["outcome", f"{beside}_lag{k}"])
    return bool(there[f"outcome_lag{k}"].notna().sum() >= KNOWN * len(there))


def model_data(
    together: pd.DataFrame, response: str, c: Choices, keep: Sequence[str] = ()
) -> ModelData:
    """Return the rows and the formula of one model from a table with lagged columns.

    Client means are those of the rows that enter the model. Columns named in `keep` are carried
    along.
    """
    names = [f"{name}_lag{c.lag}" for name in c.predictors_of(response)]
    own = f"{response}_lag{c.lag}"
    groups, parts, therapist = of_levels(c.levels, together)
    needed = [response, *names, *([own] if c.lagged_outcome else []), *groups]
    there = together[needed].notna().all(axis=1).to_numpy()
    columns = list(dict.fromkeys([*needed, "session", *keep]))
    rows = pd.DataFrame(together.loc[there, columns].reset_index(drop=True))
    n_clients = rows["client_id"].nunique()
    if n_clients < LEAST_CLIENTS:
        held, told = "", ""
        if c.lagged_outcome:
            held, told = f" that has '{response}' too", " (lagged_outcome=False does without it)"
        raise DesignError(
            f"Only {n_clients} clients have a session with '{response}' and a judged session "
            f"{c.lag} before it{held}{told}; a model of sessions in clients needs {LEAST_CLIENTS} "
            "at least."
        )
    rows, terms, lost = _terms(rows, names, c, groups, parts)
    if c.lagged_outcome:
        rows = _decomposed(rows, own)
        terms.append(f"{own}_within")
    if c.detrending == "covariate":
        terms.insert(0, "session")
    formula = f"{response} ~ {' + '.join(terms)} + (1 | client_id){therapist}"
    observed = int(together[response].notna().sum())
    notes = [
        f"{len(rows)} of {observed} sessions with '{response}' have all predictors {c.lag} "
        "session(s) before them, by session number, and enter; the others are left out."
    ]
    return ModelData(rows, formula, c, response, (*notes, *lost))


def of_levels(levels: int, rows: pd.DataFrame) -> tuple[list[str], list[str], str]:
    """Return what predictors are split by, the parts that gives, and therapists' random effect."""
    if levels == 2:
        return ["client_id"], ["within", "between"], ""
    if "therapist_id" not in rows.columns or rows["therapist_id"].nunique() < 2:
        raise DesignError(
            "Three levels need therapists: the data have no column 'therapist_id' with two or "
            "more of them. Use levels=2."
        )
    parts = ["within", "client", "therapist"]
    return ["client_id", "therapist_id"], parts, " + (1 | therapist_id)"


def _terms(
    rows: pd.DataFrame, names: list[str], c: Choices, groups: list[str], parts: list[str]
) -> tuple[pd.DataFrame, list[str], list[str]]:
    trend = "session" if c.detrending == "predictor" else None
    if c.centring == "none" and trend is None:
        return rows, list(names), []
    rows = _decomposed(rows, names, by=groups, detrend=trend)
    terms = [f"{name}_{part}" for name in names for part in parts]
    lost = []
    if trend:
        short = rows[f"{names[0]}_within"].isna()
        if short.any():
            lost.append(
                f"{int(short.sum())} rows of clients with fewer than 3 sessions, who have no trend "
                "of their own, are left out."
            )
            rows = rows[~short].reset_index(drop=True)
    if c.centring == "none":
        level = {name: rows[name] - rows[f"{name}_trend"] for name in names}
        return rows.assign(**level), list(names), lost
    return rows, [t for t in terms if _varies(rows[t])], lost


def _decomposed(rows: pd.DataFrame, names: str | list[str], **how: Any) -> pd.DataFrame:
    """Return parts within and between without their record, which pandas copies at every step."""
    return pd.DataFrame(decompose(rows, names, **how))


def _varies(column: pd.Series) -> bool:
    values = column.to_numpy(dtype=float)
    return bool(np.ptp(values) > 1e-12 * max(1.0, float(np.abs(values).max())))

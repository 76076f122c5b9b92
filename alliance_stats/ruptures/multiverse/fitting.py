"""Fitting the specifications: those that share a rule share its ruptures and lags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...errors import AllianceStatsError
from ..models.design import ModelData, lagged, model_data
from ..models.repair import centre_sizes, quiet_fit
from ..models.session_table import detect, mark
from .grid import Specification

if TYPE_CHECKING:
    from ...multilevel import MultilevelFit

RESPONSES = ("outcome", "alliance")
EFFECTS = ("rupture", "repair", "rupture_size", "repair_size")
NUMBERS = ("estimate", "std_error", "df", "p_value", "conf_low", "conf_high", "estimate_within")
ROW = "_row"

Floats = npt.NDArray[Any]


@dataclass(frozen=True)
class Task:
    """Specifications that share a rule and its parameters, and their places in the whole."""

    places: tuple[int, ...]
    specifications: tuple[Specification, ...]


@dataclass(frozen=True)
class Answer:
    """What one specification gave: numbers for the table, and its weights on the outcomes.

    The within-client least-squares slope of the specification is ``weights @ outcome[rows]``.
    """

    numbers: dict[str, Any]
    rows: npt.NDArray[np.int64]
    weights: Floats


@dataclass(frozen=True)
class Question:
    """What every specification of a multiverse asks."""

    effect: str
    response: str

    @property
    def predictors(self) -> tuple[str, ...]:
        """The predictors of every model, the one of interest first."""
        if self.effect.endswith("_size"):
            return (self.effect, "rupture", "repair")
        return (self.effect, "repair" if self.effect == "rupture" else "rupture")


def tasks(specifications: Sequence[Specification]) -> list[Task]:
    """Return the specifications grouped by rule and parameters."""
    groups: dict[Any, list[int]] = {}
    for place, one in enumerate(specifications):
        groups.setdefault(one.rule_key, []).append(place)
    return [
        Task(tuple(places), tuple(specifications[place] for place in places))
        for places in groups.values()
    ]


def answer(
    task: Task,
    data: pd.DataFrame,
    ratings: pd.DataFrame,
    card: Mapping[str, Any],
    question: Question,
    tables: Mapping[str, pd.DataFrame | None],
) -> list[Answer]:
    """Detect once, then fit every specification of the task."""
    first = task.specifications[0]
    try:
        found = detect(data, ratings, card, first.rule, first.parameters, **tables)
    except AllianceStatsError as error:
        return [_nothing(str(error)) for _ in task.specifications]
    rows, _ = mark(ratings, found)
    rows = rows.assign(**{ROW: np.arange(len(rows), dtype=float)})
    repaired = int((found.episodes["outcome"] == "repaired").sum())
    counts = {"n_ruptures": len(found.episodes), "n_repaired": repaired}
    if question.effect.endswith("_size"):
        rows, _ = centre_sizes(rows)
    ids = {name: "category" for name in ("client_id", "therapist_id") if name in rows}
    together: dict[int, pd.DataFrame] = {}
    answers, near = [], None
    for one in task.specifications:
        k = one.model["lag"]
        if k not in together:
            wanted = (*question.predictors, question.response, "alliance", ROW)
            columns = [name for name in wanted if name in rows]
            together[k] = pd.DataFrame(lagged(rows, columns, k)).astype(ids)
        given, near = _fit(together[k], one, question, counts, near)
        answers.append(given)
    return answers


def _nothing(reason: str, **known: Any) -> Answer:
    numbers = dict.fromkeys(NUMBERS, np.nan)
    more = {
        "nobs": 0,
        "n_clients": 0,
        "n_behind": 0,
        "converged": False,
        "singular": False,
        "message": reason,
    }
    none = np.zeros(0, dtype=np.int64)
    return Answer({**numbers, "n_ruptures": 0, "n_repaired": 0, **more, **known}, none, none * 0.0)


def _fit(
    together: pd.DataFrame,
    one: Specification,
    question: Question,
    counts: Mapping[str, int],
    near: MultilevelFit | None,
) -> tuple[Answer, MultilevelFit | None]:
    """Return what a specification gives, and the fit near which the next one is looked for."""
    missing = [name for name in question.predictors if name not in together.columns]
    if missing:
        lacks = missing[0].replace("_", " ")
        return _nothing(f"The rule '{one.rule}' gives no {lacks}.", **counts), near
    choices = one.choices(question.predictors)
    keep = [ROW, f"{ROW}_lag{choices.lag}"]
    term = choices.of_interest
    try:
        data = model_data(together, question.response, choices, keep)
        fit = quiet_fit(data, "satterthwaite", near)
    except AllianceStatsError as error:
        return _nothing(str(error), **counts), near
    if term not in fit.params.index:
        return _nothing(f"'{question.effect}' does not vary in these rows.", **counts), fit
    at, own = fit.params.index.get_loc(term), fit.coefficients
    low, high = fit.conf_int().to_numpy()[at]
    rows, weights = within_weights(data)
    numbers = {
        "estimate": float(own.params[at]),
        "std_error": float(own.bse[at]),
        "df": float(own.df[at]),
        "p_value": float(own.pvalues[at]),
        "conf_low": float(low),
        "conf_high": float(high),
        "estimate_within": float(weights @ together[question.response].to_numpy()[rows]),
        "nobs": fit.nobs,
        "n_clients": fit.n_groups["client_id"],
        "n_behind": fit.fewest,
        **counts,
        "converged": fit.converged,
        "singular": fit.singular,
        "message": "" if fit.converged else fit.convergence_note,
    }
    return Answer(numbers, rows, weights), fit


def within_weights(data: ModelData) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return positions of outcomes, and weights that make the within-client slope from them.

    The slope is that of least squares with a level a client and the model's other predictors;
    with a lagged outcome, whose slope is held at its estimate, the slope is linear in the
    outcomes still.
    """
    c, rows = data.choices, data.rows
    client = pd.factorize(rows["client_id"])[0]
    suffix = "_within" if c.detrending == "predictor" and c.centring == "client" else ""
    names = [f"{name}_lag{c.lag}{suffix}" for name in c.predictors_of(data.response)]
    others = [rows[name].to_numpy(dtype=float) for name in names[1:]]
    if c.detrending == "covariate":
        others.append(rows["session"].to_numpy(dtype=float))
    z = np.column_stack([_demeaned(column, client) for column in others])
    key = _residual(_demeaned(rows[names[0]].to_numpy(dtype=float), client), z)
    y = rows[data.response].to_numpy(dtype=float)
    here = rows[ROW].to_numpy(dtype=np.int64)
    norm = float(key @ key)
    if not c.lagged_outcome:
        return here, key / norm
    own = rows[f"{data.response}_lag{c.lag}"].to_numpy(dtype=float)
    before = _residual(_demeaned(own, client), z)
    gram = np.array([[norm, key @ before], [key @ before, before @ before]])
    slope = float(np.linalg.solve(gram, np.array([key @ y, before @ y]))[1])
    earlier = rows[f"{ROW}_lag{c.lag}"].to_numpy(dtype=np.int64)
    return np.concatenate([here, earlier]), np.concatenate([key, -slope * key]) / norm


def _demeaned(values: Floats, client: npt.NDArray[Any]) -> Floats:
    n = np.bincount(client)
    return values - (np.bincount(client, weights=values) / n)[client]


def _residual(values: Floats, z: Floats) -> Floats:
    if not z.shape[1]:
        return values
    return values - z @ np.linalg.lstsq(z, values, rcond=None)[0]

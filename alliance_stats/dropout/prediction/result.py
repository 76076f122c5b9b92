"""The result of a prediction study of dropout."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from ...core.results import Result
from ...inference.rows import glance_row, tidy_rows
from ..sample_size import DropoutSampleSize

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .tripod import Tripod

CANDIDATES = ("logistic", "boosting", "one_predictor")


@dataclass(frozen=True)
class DropoutPrediction(Result):
    """What a prediction of dropout is worth, in therapists the models have not seen.

    Attributes
    ----------
    performance
        ``model, metric, estimate, conf_low, conf_high, if_calibrated``: ``auc``, ``brier``,
        ``scaled_brier``, ``calibration_intercept``, ``calibration_slope``, ``ici``;
        ``if_calibrated`` is what perfect calibration would show (0, 1, and for ``ici`` a number
        above 0). Intervals draw whole therapists again. The intercept is near 0 by construction.
        The slope is NaN where the predictions hardly differ; ``.messages`` says so.
    calibration
        ``model, predicted, observed, conf_low, conf_high``: the flexible curve.
    net_benefit
        ``model, threshold, net_benefit, conf_low, conf_high``; ``treat_all`` and ``treat_none``
        are rows of their own.
    by_therapist
        ``model, therapist_id, n, n_events, observed, predicted, difference, auc, auc_se``; the
        last two with five clients or more of either outcome.
    new_therapist
        ``model, metric, estimate, conf_low, conf_high, sd_between, prediction_low,
        prediction_high``: what to expect of a therapist not seen before.
    fairness
        ``model, by, group, n, n_events, n_clusters, metric, estimate, conf_low, conf_high``.
    importance
        ``model, feature, estimate, sd, low, high``: growth of the log loss where the feature is
        shuffled; ``low`` and ``high`` are percentiles over folds and shuffles, no confidence
        limits.
    leaks
        ``feature, kind, why, action``, found before any model was fitted. A ``suspect`` one is
        kept: look when it was known.
    folds
        ``client_id, therapist_id, fold``: which therapist was tested where.
    predictions
        ``client_id, therapist_id, fold, event`` and one column of probabilities a model.
    specification
        The full model, refitted to all clients: coefficients of the logistic ones.
    sample_size
        What Riley et al.'s criteria ask for, computed before fitting.
    flow
        ``step, n``: the clients set aside, and why.
    cohort
        What the data say of the clients, in sentences for the checklist.
    """

    performance: pd.DataFrame
    calibration: pd.DataFrame
    net_benefit: pd.DataFrame
    by_therapist: pd.DataFrame
    new_therapist: pd.DataFrame
    fairness: pd.DataFrame
    importance: pd.DataFrame
    leaks: pd.DataFrame
    folds: pd.DataFrame
    predictions: pd.DataFrame
    specification: pd.DataFrame
    tuning: pd.DataFrame
    sample_size: DropoutSampleSize
    flow: pd.DataFrame
    features: tuple[str, ...]
    missing: pd.DataFrame
    settings: dict[str, Any] = field(default_factory=dict)
    cohort: dict[str, str] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    _quantities = True
    title: str = "Prediction of dropout, tested on unseen therapists"

    picture = "plot"

    @property
    def models(self) -> tuple[str, ...]:
        """The models that were compared, the base rate first."""
        return tuple(dict.fromkeys(self.performance["model"]))

    @property
    def main_model(self) -> str:
        """The model figures show unless another is asked for: the first real one there is."""
        return next((m for m in CANDIDATES if m in self.models), self.models[-1])

    def tidy(self) -> pd.DataFrame:
        """Return the performance of each model."""
        own = self.performance
        return tidy_rows(
            own["metric"],
            own["estimate"],
            group=own["model"],
            conf_low=own["conf_low"],
            conf_high=own["conf_high"],
        )

    def glance(self) -> pd.DataFrame:
        """Return one row: clients, dropouts, therapists, folds, landmark."""
        return glance_row(
            self,
            landmark=self.settings["landmark"],
            n_clients=len(self.predictions),
            n_events=int(self.predictions["event"].sum()),
            n_groups=self.folds[self.settings["groups"]].nunique(),
            n_folds=self.folds["fold"].nunique(),
            n_features=len(self.features),
            n_leaks=int((self.leaks["kind"] != "suspect").sum()),
            n_needed=self.sample_size.n,
        )

    def tripod(self) -> Tripod:
        """Return the TRIPOD+AI checklist: what the run can say said, the rest as questions."""
        from .tripod import fill_tripod

        return fill_tripod(self)

    def plot(self, ax: Axes | None = None, *, model: str | None = None) -> Axes:
        """Draw the calibration of a model in unseen therapists."""
        from .plots import plot_calibration

        return plot_calibration(self, ax, model=model)

    def plot_decision(self, ax: Axes | None = None, *, model: str | None = None) -> Axes:
        """Draw the net benefit of a model against treating all and none."""
        from .plots import plot_decision

        return plot_decision(self, ax, model=model)

"""A pooled effect as a value: the numbers, the rows they came from, the pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from ..core.results import Result
from ..inference.rows import tidy_rows
from .metrics import METRICS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..core.display.page import Block

NO_PREDICTION = {
    "one": "No prediction interval: one effect does not tell how far a new study may lie.",
    "EE": "No prediction interval: equal effects (EE) say that no study differs from another.",
}


@dataclass(frozen=True)
class PooledEffects(Result):
    """A pooled effect, on the metric's own scale (r back from z, a proportion from logits).

    Attributes
    ----------
    estimate, conf_low, conf_high, p_value
        The pooled effect with its interval and test against zero (no test of a proportion).
    std_error
        On the pooling scale (`tidy` names it in ``std_error_scale``).
    prediction_low, prediction_high
        Where the true effect of a new study may lie; NaN for one effect and for equal effects.
    tau2, tau2_low, tau2_high
        Variance between true effects on the pooling scale, with its Q-profile interval. With
        clusters, the sum of both components; no interval. NaN for one effect.
    i2
        Share (0 to 1) of the variability that is between true effects.
    q, q_df, q_p_value
        Cochran's test that all effects are one.
    sigma2
        With clusters: the variance ``between`` clusters and ``within`` them (NaN where every
        study has one effect); else empty.
    effects
        The rows used: ``label, yi, vi, weight`` (percent).
    """

    estimate: float
    conf_low: float
    conf_high: float
    p_value: float
    std_error: float
    df: float
    prediction_low: float
    prediction_high: float
    tau2: float
    tau2_low: float
    tau2_high: float
    i2: float
    q: float
    q_df: int
    q_p_value: float
    sigma2: dict[str, float]
    k: int
    n_clusters: int
    metric: str
    method: str
    test: str
    confidence: float
    pooled: float
    loglik: float
    effects: pd.DataFrame
    messages: tuple[str, ...] = ()
    title: str = "Pooled effect (random-effects model)"

    picture = "forest"

    def tidy(self) -> pd.DataFrame:
        """Return one row; statistic and standard error are on the scale ``std_error_scale``."""
        share = self.metric == "proportion"
        names = ("df", "p_value", "conf_low", "conf_high")
        return tidy_rows(
            "pooled",
            self.estimate,
            self.std_error,
            statistic=float("nan") if share else self.pooled / self.std_error,
            std_error_scale=METRICS[self.metric].scale,
            **{name: getattr(self, name) for name in names},
        )

    def spread(self) -> pd.DataFrame:
        """Return what is shown beside the pool: how many effects, and how far they differ."""
        levels = {f"tau2 {name} studies": value for name, value in self.sigma2.items()}
        return pd.DataFrame(
            [{
                "k": self.k, **({"studies": self.n_clusters} if self.sigma2 else {}),
                "tau2": self.tau2, "tau2_low": self.tau2_low, "tau2_high": self.tau2_high,
                **levels, "I2": self.i2, "Q": self.q, "Q_df": self.q_df,
                "Q_p": self.q_p_value, "prediction_low": self.prediction_low,
                "prediction_high": self.prediction_high,
            }]
        )  # fmt: skip

    def shown(self, labels: Mapping[str, str] | None = None) -> list[Block]:
        """Return the pool and how far effects differ."""
        blocks = [*super().shown(labels), self._table(self.spread(), labels)]
        scale = METRICS[self.metric].scale
        return blocks if scale == "own" else [*blocks, f"Standard error and tests: {scale}."]

    def glance(self) -> pd.DataFrame:
        """Return one row: heterogeneity, prediction interval, choices."""
        names = (
            "k", "n_clusters", "metric", "method", "test", "tau2", "tau2_low", "tau2_high", "i2",
            "q", "q_df", "q_p_value", "prediction_low", "prediction_high", "loglik",
        )  # fmt: skip
        return pd.DataFrame([{name: getattr(self, name) for name in names}])

    def forest(self, ax: Axes | None = None) -> Axes:
        """Draw every effect with its interval, the pool and the prediction interval."""
        from .plots import plot_forest

        return plot_forest(self, ax)

    def funnel(self, ax: Axes | None = None) -> Axes:
        """Draw effects against their standard errors."""
        from .plots import plot_funnel

        return plot_funnel(self, ax)


def no_test_of_a_share(metric: str, p: float, messages: list[str]) -> float:
    """A logit of zero is 50 %, which nobody asked about: no p value is shown for a share."""
    if metric != "proportion":
        return p
    messages.append("A share has no p value: a test of logit zero would be one against 50 %.")
    return float("nan")

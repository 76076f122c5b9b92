"""The result of comparing arms: means, differences, and how far they can be leaned on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..core.arguments import checked_choice, finite, is_number
from ..core.results import Result
from ..errors import DesignError, listing
from ..inference.distributions import half_width, t_two_sided, t_upper
from ..inference.rows import glance_row, tidy_rows
from ..multilevel.result import MultilevelFit
from .plots import plot_means
from .rows import ARM, TIME, TrialRows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WORDS = {
    "ancova": "comparison at the last time",
    "mmrm": "repeated measures, unstructured covariance",
    "growth": "straight lines that differ between clients",
}


@dataclass(frozen=True, eq=False)
class ArmComparison(Result):
    """Arms of a trial, compared.

    Attributes
    ----------
    method
        ``ancova``, ``mmrm`` or ``growth``.
    fit
        The model (a `MultilevelFit`), with its own questions.
    means
        A row an arm and time: ``arm, time, n`` (participants measured then), ``randomised,
        share_measured, estimate, std_error, df, conf_low, conf_high``.
    contrasts
        A row a pair and time: ``term, estimate, std_error, statistic, df, p_value, conf_low,
        conf_high, p_adjusted, time``.
    sd, standardiser
        What `effect_sizes` divides by, and what that is.
    """

    method: str
    data: TrialRows
    fit: MultilevelFit
    means: pd.DataFrame
    contrasts: pd.DataFrame
    sd: float
    standardiser: str
    confidence: float
    adjust: str
    messages: tuple[str, ...] = ()
    title = "Arms compared"

    @property
    def score(self) -> str:  # type: ignore[override]
        """What was compared."""
        return self.data.score

    @property
    def estimand(self) -> str:
        """In words, what is estimated and what of those who left is assumed."""
        n = sum(self.data.randomised.values())
        used = self.fit.design.frame["client_id"].nunique()
        adjusted = ", adjusted for the baseline" if self.data.has_baseline else ""
        head = (
            f"The difference in mean {self.score} between arms as randomised{adjusted}, whatever "
            f"treatment was received; {used} of {n} clients are in the model. "
        )
        if self.method == "ancova":
            return head + (
                "Those who were not measured at the last time are left out: taken to differ from "
                "the others by nothing but arm and baseline."
            )
        return head + (
            "Those who left are taken to go on, unseen, like clients of their arm with the same "
            "earlier scores (missing at random), as if they had stayed in treatment as others did."
        )

    @property
    def effect_sizes(self) -> pd.DataFrame:
        """Differences in SDs: ``term, time, estimate, std_error, conf_low, conf_high, sd``.

        `standardiser` says which SD, which counts as known: the intervals are those of the
        differences, divided by it.
        """
        found = self.contrasts[["term", TIME]].copy()
        for name in ("estimate", "std_error", "conf_low", "conf_high"):
            found[name] = self.contrasts[name] / self.sd
        return found.assign(sd=self.sd)

    def sensitivity(
        self, deltas: Sequence[float] | None = None, *, arms: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Ask how much worse those who left must be for the last differences to change.

        The mean of an arm moves by a delta times the share of its clients who were not measured at
        the last time: those are not like the others, but worse by delta (Carpenter & Kenward's
        delta adjustment). Shares count as known.

        Parameters
        ----------
        deltas
            Points of the outcome added to the unmeasured; five steps up to one SD if left out.
        arms
            The arms in which they are added; all but the reference (the first) if left out.

        Returns
        -------
        pandas.DataFrame
            ``delta, term, estimate, std_error, df, conf_low, conf_high, p_value``.
        """
        if deltas is None:
            deltas = np.round(np.linspace(-1.0, 1.0, 9) * self.sd, 6).tolist()
        moved = list(self.data.arms[1:] if arms is None else map(str, arms))
        strange = [name for name in moved if name not in self.data.arms]
        if strange:
            raise DesignError(
                f"There is no arm {strange[0]!r}; the arms are {listing(self.data.arms)}."
            )
        last = self.means[self.means[TIME] == self.means[TIME].iloc[-1]].set_index(ARM)
        gone = 1.0 - last["share_measured"]
        tables = []
        own = self.contrasts[self.contrasts[TIME] == self.contrasts[TIME].iloc[-1]]
        for delta in deltas:
            shift = [
                finite(delta, "deltas") * (gone[a] * (a in moved) - gone[b] * (b in moved))
                for a, b in (term.split(" - ", 1) for term in own["term"])
            ]
            table = own[["term", "std_error", "df"]].assign(
                estimate=own["estimate"] + shift, delta=float(delta)
            )
            half = half_width(table["std_error"], table["df"].to_numpy(), self.confidence)
            table["conf_low"], table["conf_high"] = (
                table["estimate"] - half,
                table["estimate"] + half,
            )
            ratio = (table["estimate"] / table["std_error"]).to_numpy()
            table["p_value"] = t_two_sided(ratio, table["df"].to_numpy())
            tables.append(table)
        columns = [
            "delta",
            "term",
            "estimate",
            "std_error",
            "df",
            "conf_low",
            "conf_high",
            "p_value",
        ]
        return pd.concat(tables, ignore_index=True)[columns]

    def equivalence(self, low: float, high: float, *, alpha: float = 0.05) -> pd.DataFrame:
        """Test whether differences lie between two bounds (two one-sided tests).

        Returns
        -------
        pandas.DataFrame
            ``term, time, estimate, conf_low, conf_high`` (of level ``1 - 2 alpha``), ``p_low,
            p_high, p_value`` (the larger), ``equivalent``.
        """
        if not (is_number(low) and is_number(high) and low < high):
            raise DesignError(f"Bounds must be two numbers, low and high, not {low!r}, {high!r}.")
        found = self._against(alpha)
        t, df = self.contrasts, self.contrasts["df"].to_numpy()
        found["p_low"] = t_upper(((t["estimate"] - low) / t["std_error"]).to_numpy(), df)
        found["p_high"] = t_upper(((high - t["estimate"]) / t["std_error"]).to_numpy(), df)
        found["p_value"] = found[["p_low", "p_high"]].max(axis=1)
        return found.assign(low=low, high=high, equivalent=found["p_value"] < alpha)

    def non_inferiority(
        self, margin: float, *, better: str = "lower", alpha: float = 0.025
    ) -> pd.DataFrame:
        """Test whether the first arm of each difference is worse by less than a margin.

        Parameters
        ----------
        margin
            The largest loss that does not matter, a positive number of points.
        better
            ``"lower"`` or ``"higher"`` scores.

        Returns
        -------
        pandas.DataFrame
            ``term, time, estimate, conf_low, conf_high`` (of level ``1 - 2 alpha``), ``p_value``
            (one-sided), ``non_inferior``.
        """
        checked_choice("better", better, ("lower", "higher"))
        if not finite(margin, "margin") > 0:
            raise DesignError(f"The margin must be above zero, not {margin!r}.")
        found, sign = self._against(alpha), 1.0 if better == "lower" else -1.0
        t, df = self.contrasts, self.contrasts["df"].to_numpy()
        apart = ((margin - sign * t["estimate"]) / t["std_error"]).to_numpy()
        found["p_value"] = t_upper(apart, df)
        return found.assign(margin=margin, non_inferior=found["p_value"] < alpha)

    def _against(self, alpha: float) -> pd.DataFrame:
        t = self.contrasts
        half = half_width(t["std_error"], t["df"].to_numpy(), 1.0 - 2.0 * alpha)
        found = t[["term", TIME, "estimate"]].copy()
        return found.assign(conf_low=t["estimate"] - half, conf_high=t["estimate"] + half)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the means of the arms over time, with their intervals and numbers."""
        return plot_means(self.means, self.score, ax)

    def tidy(self) -> pd.DataFrame:
        """Return one row a comparison of two arms; ``group``: the time, where there are several."""
        rest = self.contrasts.drop(columns=["term", TIME])
        columns: dict[str, Any] = {str(name): values for name, values in rest.items()}
        times = self.contrasts[TIME]
        group = times.astype(str) if times.duplicated().sum() < len(times) - 1 else ""
        return tidy_rows(self.contrasts["term"], group=group, **columns)

    def glance(self) -> pd.DataFrame:
        """Return method and sizes in one row."""
        n = sum(self.data.randomised.values())
        more: dict[str, Any] = {"arms": len(self.data.arms), "times": self.means[TIME].nunique()}
        return glance_row(self, "method", "adjust", "sd", **more, randomised=n, nobs=self.fit.nobs)

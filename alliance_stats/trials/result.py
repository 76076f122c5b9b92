"""The result of comparing arms: means, differences, and how far they can be leaned on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..core.arguments import checked_choice, finite, is_number, within
from ..core.display.shown import shown
from ..core.people import CLIENT
from ..core.results import Result
from ..errors import DesignError, listing
from ..inference.distributions import half_width, t_two_sided, t_upper
from ..inference.multiplicity import Adjust, adjusted_p, half_widths
from ..inference.rows import glance_row, tidy_rows
from ..multilevel.result import MultilevelFit
from ..multilevel.summary import DF_NOTES
from .plots import plot_means
from .rows import ARM, TIME, TrialRows, arm_called
from .shared import let_differ, named

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WORDS = {
    "ancova": "a linear model of the outcomes{}",
    "mmrm": "a linear model of all times with an unstructured residual covariance",
    "growth": "straight lines that differ between clients",
}
SOURCES = {
    "ancova": "Vickers & Altman 2001, doi 10.1136/bmj.323.7321.1123",
    "mmrm": "Mallinckrodt et al. 2008, doi 10.1177/009286150804200402",
    "growth": "Laird & Ware 1982, doi 10.2307/2529876",
}
"""Where each way of comparing is from."""


def _verdicts(found: pd.DataFrame, verdict: str) -> str:
    """Return in words which differences are shown to be what a test asked for."""
    words = verdict.replace("_", "-")
    said = [
        f"{term} {'is' if shown_so else 'is not shown to be'} {words}"
        for term, shown_so in zip(found["term"], found[verdict], strict=True)
    ]
    return f"{'; '.join(said)}."


def _as_list(given: Any) -> list[Any]:
    """Return one value as a list of one, and several as they are."""
    one = isinstance(given, str) or not isinstance(given, Iterable)
    return [given] if one else list(given)


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
        A row a pair and time: ``term, arm, versus, estimate, std_error, statistic, df, p_value,
        conf_low, conf_high, p_adjusted, time``; ``arm`` less ``versus``. Under ``"holm"`` each
        interval holds by itself, under ``"bonferroni"`` and ``"tukey"`` all of a time together.
    errors
        ``model``, or ``robust`` to therapists, to groups, or to clients where there are neither.
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
    adjust: Adjust
    errors: str = "model"
    messages: tuple[str, ...] = ()
    title = "Arms compared"

    @property
    def score(self) -> str:  # type: ignore[override]
        """What was compared."""
        return self.data.score

    @property
    def heading(self) -> str:
        """The title, the score, and when it was compared where that is one time."""
        return super().heading + self.at

    @property
    def several(self) -> bool:
        """Whether there are several comparisons at one time, so that p values are adjusted."""
        return len(self.data.arms) > 2

    @property
    def apart(self) -> str:
        """What is said of intervals where p values are adjusted and they are not; else nothing."""
        return " (of p values; each interval holds by itself)" if self.adjust == "holm" else ""

    @property
    def intervals(self) -> str:  # type: ignore[override]
        """What the header of intervals says: whether they hold together, as p does."""
        if not self.several or self.adjust == "none":
            return ""
        return " (unadjusted)" if self.adjust == "holm" else " (simultaneous)"

    @property
    def analysed(self) -> frozenset[Any]:
        """The ids of the clients in the model."""
        return frozenset(self.fit.design.frame[CLIENT])

    @property
    def left_out(self) -> dict[str, frozenset[Any]]:
        """The ids of those randomised who are not in the model, by reason."""
        gone = self.data.no_baseline
        others = frozenset(self.data.allocated.index) - self.analysed - gone
        after = " after the baseline" if self.data.has_baseline else ""
        why = f"not measured{self.at}" if self.method == "ancova" else f"never measured{after}"
        if self.data.chosen and self.method != "ancova":
            why = "not measured at the times compared"
        return {why: who for why, who in (("no baseline", gone), (why, others)) if who}

    @property
    def question(self) -> str:
        """In words, which difference is estimated, and what of those who left is assumed."""
        adjusted = ", adjusted for the baseline" if self.data.has_baseline else ""
        head = (
            f"The difference in mean {self.score}{self.at} between arms as randomised{adjusted}, "
            "whatever treatment was received. "
        )
        if self.data.no_baseline:
            head += (
                "Those without a baseline are left out: taken to differ from the others by nothing "
                "but arm. "
            )
        if self.method == "ancova":
            known = "arm and baseline" if self.data.has_baseline else "arm"
            return head + (
                "Those who were not measured then are left out: taken to differ from the others by "
                f"nothing but {known}."
            )
        return head + (
            "Those who left are taken to go on, unseen, like clients of their arm with the same "
            "earlier scores (missing at random), as if they had stayed in treatment as others did."
        )

    @property
    def at(self) -> str:
        """When arms are compared, where that is one time of several: `` at post``; else nothing."""
        one = self.method == "ancova" and self.data.timed
        return f" at {self.means[TIME].iloc[-1]}" if one else ""

    @property
    def variances(self) -> str:
        """What is said of residual variances where each arm has its own; else nothing."""
        apart = self.method == "ancova" and self.fit.residual == "by group"
        return ", with a residual variance for each arm" if apart else ""

    @property
    def estimand(self) -> str:
        """The `question`, and how many of those randomised the answer rests on."""
        n = sum(self.data.randomised.values())
        return f"{self.question} {len(self.analysed)} of {n} clients are in the model."

    @property
    def effect_sizes(self) -> pd.DataFrame:
        """Differences in SDs: ``term, time, estimate, std_error, conf_low, conf_high, sd``.

        `standardiser` says which SD, which counts as known: the intervals are those of the
        differences, divided by it.
        """
        found = self.contrasts[["term", TIME]].copy()
        for name in ("estimate", "std_error", "conf_low", "conf_high"):
            found[name] = self.contrasts[name] / self.sd
        return shown(found.assign(sd=self.sd), f"Differences in SDs: {self.score}")

    def sensitivity(
        self,
        deltas: float | Sequence[float] | None = None,
        *,
        arms: str | Sequence[str] | None = None,
        time: Any = None,
    ) -> pd.DataFrame:
        """Ask how much worse those who left must be for the differences to change.

        The mean of an arm moves by a delta times the share of its clients who were not measured at
        that time: those are not like the others, but worse by delta (Carpenter & Kenward's
        delta adjustment). Shares count as known.

        Parameters
        ----------
        deltas
            Points of the outcome added to the unmeasured, one number or several; nine steps from
            one SD below zero to one above if left out.
        arms
            The arm or arms in which they are added; all but the reference (the first) if left out.
        time
            At which time; the last at which half of each arm were measured if left out.

        Returns
        -------
        pandas.DataFrame
            ``delta, time, term, estimate, std_error, df, conf_low, conf_high, p_value,
            p_adjusted``; intervals and ``p_adjusted`` by the comparison's own ``adjust``, within
            each delta.
        """
        if deltas is None:
            deltas = np.round(np.linspace(-1.0, 1.0, 9) * self.sd, 6).tolist()
        points = [finite(delta, "deltas") for delta in _as_list(deltas)]
        if not points:
            raise DesignError("deltas must hold one number or more: points of the outcome.")
        moved = self.data.arms[1:]
        if arms is not None:
            moved = tuple(arm_called(name, self.data.arms) for name in _as_list(arms))
        if not moved:
            raise DesignError("arms must name one arm or more in which delta is added.")
        times = list(self.means[TIME])
        when = self.data.last_common_time() if time is None else time
        if when not in times:
            raise DesignError(
                f"There is no time {when!r}; the times are {listing(dict.fromkeys(times))}."
            )
        gone = 1.0 - self.means[self.means[TIME] == when].set_index(ARM)["share_measured"]
        own = self.contrasts[self.contrasts[TIME] == when]
        if own["estimate"].isna().all():
            raise DesignError(
                f"No difference is estimated at {when}: too few were measured. Name another time "
                "with time=."
            )
        pairs = zip(own[ARM], own["versus"], strict=True)
        share = np.array([gone[a] * (a in moved) - gone[b] * (b in moved) for a, b in pairs])
        table = pd.concat([self._moved(own, delta, share) for delta in points], ignore_index=True)
        return shown(table, "Differences if those who were not measured did otherwise")

    def _moved(self, own: pd.DataFrame, delta: float, share: np.ndarray) -> pd.DataFrame:
        """Return the comparisons of one time, moved by a delta for a share of the clients."""
        estimate, df = own["estimate"] + delta * share, own["df"].to_numpy()
        error = own["std_error"].to_numpy()
        half = half_widths(error, df, self.confidence, self.adjust, len(self.data.arms))
        ratio = (estimate / error).to_numpy()
        p = t_two_sided(ratio, df)
        return pd.DataFrame(
            {
                "delta": delta, TIME: own[TIME], "term": own["term"], "estimate": estimate,
                "std_error": error, "df": df, "conf_low": estimate - half,
                "conf_high": estimate + half, "p_value": p,
                "p_adjusted": adjusted_p(p, self.adjust, ratio, df, len(self.data.arms)),
            }
        )  # fmt: skip

    def equivalence(self, low: float, high: float, *, alpha: float = 0.05) -> pd.DataFrame:
        """Test whether the differences that are estimated lie between two bounds (TOST).

        Returns
        -------
        pandas.DataFrame
            ``term, time, estimate, conf_low, conf_high`` (of level ``1 - 2 alpha``), ``p_low,
            p_high, p_value`` (the larger), ``p_adjusted``, ``equivalent`` (by ``p_adjusted``).

        Notes
        -----
        Of several comparisons at one time, p is adjusted as the comparison was (``adjust``); under
        ``"tukey"``, which has no one-sided form, by Holm's method. Intervals hold together under
        ``"bonferroni"`` and each by itself else.
        """
        if not (is_number(low) and is_number(high) and low < 0 < high):
            raise DesignError(
                "Bounds must be two numbers, low and high, on either side of no difference, such "
                f"as -2, 2; not {low!r}, {high!r}."
            )
        t = self._estimated
        df = t["df"].to_numpy()
        p_low = t_upper(((t["estimate"] - low) / t["std_error"]).to_numpy(), df)
        p_high = t_upper(((high - t["estimate"]) / t["std_error"]).to_numpy(), df)
        found = self._against(alpha).assign(p_low=p_low, p_high=p_high)
        found = self._one_sided(found, np.maximum(p_low, p_high))
        found = found.assign(low=low, high=high, equivalent=found["p_adjusted"] < alpha)
        title = f"Equivalence between {low:g} and {high:g} points"
        return shown(found, title, note=_verdicts(found, "equivalent"))

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
            (one-sided), ``p_adjusted`` (as in `equivalence`), ``non_inferior`` (by that).
        """
        checked_choice("better", better, ("lower", "higher"))
        if not finite(margin, "margin") > 0:
            raise DesignError(f"The margin must be above zero, not {margin!r}.")
        sign = 1.0 if better == "lower" else -1.0
        t = self._estimated
        df = t["df"].to_numpy()
        apart = ((margin - sign * t["estimate"]) / t["std_error"]).to_numpy()
        found = self._one_sided(self._against(alpha), t_upper(apart, df))
        found = found.assign(margin=margin, non_inferior=found["p_adjusted"] < alpha)
        title = f"Non-inferiority with a margin of {margin:g} points"
        return shown(found, title, note=_verdicts(found, "non_inferior"))

    @property
    def _estimated(self) -> pd.DataFrame:
        """The differences without those that are left empty."""
        return self.contrasts[self.contrasts["estimate"].notna()].reset_index(drop=True)

    def _against(self, alpha: float) -> pd.DataFrame:
        """Return the differences with intervals of the level of two one-sided tests."""
        within(alpha, "alpha", 0.0, 0.5)
        t = self._estimated
        if self.adjust == "bonferroni":
            alpha = alpha / t["term"].nunique()
        half = half_width(t["std_error"], t["df"].to_numpy(), 1.0 - 2.0 * alpha)
        found = t[["term", TIME, "estimate"]].copy()
        return found.assign(conf_low=t["estimate"] - half, conf_high=t["estimate"] + half)

    def _one_sided(self, found: pd.DataFrame, p: np.ndarray) -> pd.DataFrame:
        """Add p values of one-sided tests, and those adjusted for the comparisons of a time."""
        how: Adjust = "holm" if self.adjust == "tukey" else self.adjust
        found = found.assign(p_value=p, p_adjusted=np.nan)
        for _, rows in found.groupby(TIME, observed=True):
            own = rows["p_value"].to_numpy()
            found.loc[rows.index, "p_adjusted"] = adjusted_p(own, how, own, own, len(own))
        return found

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the means of the arms over time, with their intervals and numbers."""
        return plot_means(self.means, self.score, ax, arms=self.data.randomised)

    def tidy(self) -> pd.DataFrame:
        """Return one row a comparison of two arms; ``group``: the time, where there are several."""
        left = [] if self.several else ["p_adjusted"]
        rest = self.contrasts.drop(columns=["term", ARM, "versus", TIME, *left])
        columns: dict[str, Any] = {str(name): values for name, values in rest.items()}
        times = self.contrasts[TIME]
        group = times.astype(str) if times.duplicated().sum() < len(times) - 1 else ""
        return tidy_rows(self.contrasts["term"], group=group, **columns)

    def facts(self) -> dict[str, Any]:
        """Return what sentences are filled from: also therapists, baseline, errors and df."""
        each = " at each time" if self.method == "mmrm" else ""
        errors = DF_NOTES[self.fit.df_method]
        chosen = ""
        if self.data.chosen and self.method != "ancova":
            kept = listing(self.data.times, len(self.data.times))
            chosen = f" (at {kept}; outcomes at other times are left out of the model)"
        if self.errors == "robust":
            errors = (
                f"standard errors robust to {named(self.fit.design.frame)} (CR2) with "
                "Satterthwaite's degrees of freedom (Tipton 2015, doi 10.1037/met0000011)"
            )
        elif self.fit.df_method != "kenward-roger":
            errors = f"the model's standard errors and {errors}"
        return super().facts() | {
            "method": WORDS[self.method].format(self.at) + self.variances + chosen,
            "therapists": let_differ(self.fit) or "no term of therapists",
            "baseline": f"adjusted for the baseline{each}"
            if self.data.has_baseline
            else "without a baseline",
            "errors": errors,
            "source": SOURCES[self.method],
            "adjustment": f"; adjustment for several comparisons: {self.adjust}{self.apart}"
            * self.several,
            "analysed": len(self.analysed),
        }

    def glance(self) -> pd.DataFrame:
        """Return method and sizes in one row."""
        n = sum(self.data.randomised.values())
        more: dict[str, Any] = {"arms": len(self.data.arms), "times": self.means[TIME].nunique()}
        return glance_row(
            self, "method", "adjust", "errors", "sd", **more, randomised=n, nobs=self.fit.nobs
        )

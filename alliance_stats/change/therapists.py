"""Change by therapist, shrunk: how much of a therapist's mean is the therapist?"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..core.arguments import share
from ..core.drawing import new_axes
from ..core.people import trimmed
from ..core.results import Result
from ..errors import AllianceStatsWarning, DesignError
from ..inference.distributions import half_width
from ..inference.rows import tidy_rows
from ..instruments.scale_card import card_of, direction_of, sign_of
from .reliable import require_named, scores_of, several_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class ChangeByTherapist(Result):
    """Each therapist's clients' change, as observed and shrunk toward the mean of all.

    Attributes
    ----------
    therapists
        One row a therapist: ``therapist_id, n_clients, observed`` (mean improvement beyond what
        the first scores lead to expect, in points), ``shrunken, conf_low, conf_high``,
        ``reliability`` (how much of the observed mean is kept: near 0 with few clients).
    share
        Share of the variance of change, first score apart, that lies between therapists.
    """

    therapists: pd.DataFrame
    share: float
    variance_between: float
    variance_within: float
    mean: float
    confidence: float
    messages: tuple[str, ...] = ()
    title: str = "Change by therapist (empirical Bayes)"

    picture = "plot"

    def tidy(self) -> pd.DataFrame:
        """Return one row a therapist; the estimate is the shrunken mean, a predicted effect."""
        rows = self.therapists
        return tidy_rows(
            rows["therapist_id"].astype(str), rows["shrunken"], rows["std_error"],
            effect="ran_vals", group="therapist_id", **rows[["conf_low", "conf_high"]],
        )  # fmt: skip

    def glance(self) -> pd.DataFrame:
        """Return one row: variances and their share."""
        return pd.DataFrame(
            [{
                "n_therapists": len(self.therapists),
                "n_clients": int(self.therapists["n_clients"].sum()), "mean": self.mean,
                "variance_between": self.variance_between,
                "variance_within": self.variance_within, "share": self.share,
            }]
        )  # fmt: skip

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the shrunken means with intervals, and the observed ones as crosses."""
        rows = self.therapists.sort_values("shrunken").reset_index(drop=True)
        ax = new_axes(7.0, 4.0) if ax is None else ax
        at = np.arange(len(rows))
        ax.axhline(0, color="#999999", lw=0.8)
        ax.vlines(at, rows["conf_low"], rows["conf_high"], color="#444444", lw=1)
        ax.scatter(at, rows["shrunken"], s=22, color="#0072B2", zorder=3, label="shrunken")
        ax.scatter(at, rows["observed"], s=22, marker="x", color="#D55E00", label="observed")
        ax.set_xticks([])
        ax.set_xlabel(f"Therapists ({len(rows)}; {rows['n_clients'].sum()} clients)")
        ax.set_ylabel("Improvement beyond the expected (points)")
        ax.legend(loc="best", frameon=False)
        ax.spines[["top", "right"]].set_visible(False)
        return ax


def change_by_therapist(
    data: pd.DataFrame,
    *,
    pre: str,
    post: str,
    therapist: str = "therapist_id",
    direction: str | None = None,
    confidence: float = 0.95,
    measure: str | None = None,
    scale: str = "total",
) -> ChangeByTherapist:
    """Whose clients change more than their first scores lead to expect, and how sure is that?

    Parameters
    ----------
    data
        One row a client, with the therapist and two scores.
    pre, post
        Columns with the first and the last score.
    therapist
        Column that names the therapist.
    direction, measure, scale
        As in `reliable_change`; improvement is positive in the answer.
    confidence
        Level of the intervals.

    Returns
    -------
    ChangeByTherapist

    Notes
    -----
    The model is improvement on first score with a random intercept of therapist, by REML; the
    shrunken mean is the conditional mode, its interval the conditional variance (the variances
    and the mean taken as known). A rank of therapists by observed means mostly ranks chance
    where `reliability` is low; who has few clients is drawn to the middle.

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.simulate_study(n_therapists=12, n_clients=120, seed=5)
    >>> pairs = al.first_and_last(study, measure="core-10").merge(study.clients, on="client_id")
    >>> found = al.change_by_therapist(pairs, pre="pre", post="post", measure="core-10")
    >>> bool((found.therapists["reliability"] < 1).all())
    True
    """
    from ..multilevel import fit_multilevel

    share(confidence)
    card = None if measure is None else card_of(measure, scale)
    direction, told = direction_of(direction, card, data)
    sign = sign_of(direction)
    first, last = scores_of(data, pre, post)
    require_named(data, [therapist])
    frame = pd.DataFrame(
        {
            "improvement": sign * (last - first),
            "first": first,
            "therapist_id": trimmed(data[therapist]),
        }
    ).dropna()
    if isinstance(frame["therapist_id"].dtype, pd.CategoricalDtype):
        frame["therapist_id"] = frame["therapist_id"].cat.remove_unused_categories()
    counts = frame["therapist_id"].value_counts()
    if len(counts) < 3 or (counts == 1).all():
        raise DesignError(
            f"Change by therapist needs three therapists or more and some with several clients; "
            f"there are {len(counts)} therapists with {len(frame)} clients who have both scores."
        )
    if np.ptp(frame["improvement"] + sign * frame["first"]) < 1e-12 * frame["first"].abs().max():
        raise DesignError(f"All of '{post}' are alike, so no therapist's clients end better.")
    frame["first"] -= frame["first"].mean()
    messages = []
    formula = "improvement ~ first + (1 | therapist_id)"
    if np.ptp(frame["first"]) < 1e-12 * max(1.0, float(np.abs(first[~np.isnan(first)]).max())):
        formula = "improvement ~ 1 + (1 | therapist_id)"
        messages.append("All first scores are alike, so change is not adjusted for them.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AllianceStatsWarning)  # told in messages below
        fit = fit_multilevel(formula, frame)
    between = float(fit.varcomp.query("group == 'therapist_id'")["vcov"].iloc[0])
    within = float(fit.scale)
    expected = fit.params["Intercept"] + fit.params.get("first", 0.0) * frame["first"]
    beyond = (frame["improvement"] - expected).groupby(frame["therapist_id"], observed=True)
    rows = beyond.agg(observed="mean", n_clients="size").reset_index()
    rows["reliability"] = between / (between + within / rows["n_clients"])
    rows["shrunken"] = rows["reliability"] * rows["observed"]
    rows["std_error"] = np.sqrt(between * (1 - rows["reliability"]))
    half = half_width(rows["std_error"], confidence=confidence)
    rows["conf_low"], rows["conf_high"] = rows["shrunken"] - half, rows["shrunken"] + half
    if len(frame) < len(data):
        lost = len(data) - len(frame)
        messages.append(f"{lost} of {len(data)} rows lack a score or a therapist.")
    if len(counts) < 10:
        messages.append(f"The variance between {len(counts)} therapists is hardly known.")
    if between == 0 or fit.singular:
        messages.append("The variance between therapists is estimated as zero.")
    return ChangeByTherapist(
        rows, between / (between + within), between, within, float(fit.params["Intercept"]),
        confidence, (*messages, *several_rows(data), *told),
    )  # fmt: skip

"""The one criterion of reliable change: which reliability, whose SD, how many points.

Everything in the package that calls a client improved or deteriorated asks here. The reliability
is, in this order,

1. what the caller gives (`reliability=`);
2. the card's own: a number that was read in its source before one that was not, and of these
   retest, intraclass correlation, alpha, omega;
3. Cronbach's alpha of the clients at hand, where the study holds their items.

Retest comes first because change is judged between two days: what differs from day to day without
change of the person is error of the change, and alpha does not see it (Jacobson & Truax 1991, doi
10.1037/0022-006X.59.1.12; Schmidt, Le & Ilies 2003, doi 10.1037/1082-989X.8.2.206). The card comes
before the data because all who use the instrument then mean one thing, and because a table of two
scores a client answers like the study it was made from. The SD is that of the first scores of the
clients with both scores, who are judged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ..core.arguments import checked_choice, finite, is_number
from ..core.knowing_table import KnowingTable
from ..errors import DesignError
from .change_formulas import METHODS, Moments, difference_reliability
from .scale_card import ONE_DAY, Card, sign_of

CRITERIA = ("card", "alpha", "published")
"""The reliability by the order above, alpha of the data, or the card's published points."""

CATEGORIES = ("improved", "unchanged", "deteriorated")
ROUNDING = 1e-9
"""Relative slack at the critical value, so that a change of exactly that size never exceeds it."""

OwnAlpha = Callable[[], tuple[float, int]]


@dataclass(frozen=True)
class Criterion:
    """What a change must exceed to count as reliable, and where its numbers come from.

    Attributes
    ----------
    method
        The statistic (``JT``, ``GLN``, ``HLL``, ``EN``, ``NK``, ``HA``), or ``points`` where a
        number of points decides.
    reliability, kind, source
        The reliability, what it is (``given``, ``retest``, ``alpha``, ``alpha here`` ...) and
        where it is from, in words. NaN under ``points``.
    sd, sd_of
        The SD, and whose it is.
    points
        The smallest change that counts under JT (or ``points``); other methods also look at where
        a client began.
    or_more
        Whether a change of exactly so many points counts: only with published points.
    direction
        Which way is better.
    cutoff
        The line between ill and well, where one was used.
    """

    method: str
    reliability: float
    kind: str
    source: str
    sd: float
    sd_of: str
    points: float
    direction: str
    or_more: bool = False
    reliability_post: float | None = None
    cutoff: float | None = None

    @property
    def messages(self) -> tuple[str, ...]:
        """What was taken from elsewhere than the caller, a sentence each."""
        told = self.sd_of if self.sd_of != "given" else ""
        return tuple(text for text in (self.source, told) if text)

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers and their kinds as plain values."""
        return {
            "method": self.method, "reliability": self.reliability, "reliability_kind": self.kind,
            "sd": self.sd, "points": self.points,
        }  # fmt: skip

    def __str__(self) -> str:
        amount = f"{self.points:.4g} points{' or more' if self.or_more else ''}"
        line = f"; cut-off {self.cutoff:g}" if self.cutoff is not None else ""
        if self.method == "points":
            return f"{'' if self.or_more else 'more than '}{amount} ({self.kind}){line}"
        limit = f"more than {amount}" if self.method == "JT" else f"beyond {self.critical:g}"
        return (
            f"{METHODS[self.method].title}, {limit}; reliability {self.reliability:.4g} "
            f"({self.kind}), SD {self.sd:.4g}{line}"
        )

    @property
    def critical(self) -> float:
        """What the index must exceed."""
        return 1.0 if self.method == "points" else METHODS[self.method].critical

    def judge(self, pre: np.ndarray, post: np.ndarray) -> tuple[np.ndarray, pd.Categorical]:
        """Return each client's index (positive is improvement) and category.

        With published points there is no index: it is the change in multiples of the points.
        """
        if self.method == "points":
            index = (post - pre) / self.points
        else:
            index = METHODS[self.method].statistic(pre, post, self._moments(pre, post))
        index = sign_of(self.direction) * index
        slack = -ROUNDING if self.or_more else ROUNDING
        beyond = self.critical * (1 + slack)
        names = np.full(len(index), "unchanged", dtype=object)
        names[index > beyond] = "improved"
        names[index < -beyond] = "deteriorated"
        names[np.isnan(index)] = None
        return index, pd.Categorical(names, categories=list(CATEGORIES))

    def _moments(self, pre: np.ndarray, post: np.ndarray) -> Moments:
        both = ~(np.isnan(pre) | np.isnan(post))
        first, last = pre[both], post[both]
        spread, spread_post = _sd(first), _sd(last)
        varies = spread > 0 and spread_post > 0  # NaN is not
        m = Moments(
            mean_pre=float(first.mean()) if len(first) else float("nan"),
            mean_post=float(last.mean()) if len(last) else float("nan"),
            sd_pre=self.sd,
            sd_post=spread_post,
            reliability=self.reliability,
            reliability_post=self.reliability_post or self.reliability,
            correlation=float(np.corrcoef(first, last)[0, 1]) if varies else float("nan"),
        )
        rdd = difference_reliability(m) if self.method == "HA" else 1.0
        if not 0 < rdd <= 1:
            raise DesignError(
                f"HA needs a reliability of the differences between 0 and 1; with reliability "
                f"{m.reliability:g}, SDs {m.sd_pre:g} and {m.sd_post:g} and a pre-post "
                f"correlation of {m.correlation:.2f} it is {rdd:.2f}. Use JT, or check the "
                "reliability."
            )
        return m


class CriterionTable(KnowingTable):
    """A DataFrame that also holds the criterion by which its clients were judged, in ``attrs``."""

    @property
    def criterion(self) -> Criterion:
        """What a change had to exceed, and where that is from."""
        return Criterion(**self.attrs["criterion"])


def criterion_of(
    pre: np.ndarray,
    post: np.ndarray,
    *,
    criterion: str | Criterion = "card",
    card: Card | None = None,
    direction: str = "lower_is_better",
    reliability: float | None = None,
    reliability_post: float | None = None,
    sd: float | None = None,
    method: str = "JT",
    points: float | None = None,
    own_alpha: OwnAlpha | None = None,
) -> Criterion:
    """Return what a change of these clients must exceed, or say what is not known.

    Parameters
    ----------
    pre, post
        The clients' first and last scores; their SD is used unless `sd` is given.
    criterion
        One of `CRITERIA`, or the `Criterion` of another result, which is then used as it stands.
    card
        The card of the scale, where there is one.
    points
        A number of points of the caller's, that a change must exceed.
    own_alpha
        Returns alpha in the data and its number of clients (0: there is none).
    """
    checked_choice("method", method, METHODS)
    for name, value in (("reliability", reliability), ("reliability_post", reliability_post)):
        if value is not None and not (is_number(value) and 0 < value < 1):
            raise DesignError(f"{name} must lie between 0 and 1, not {value!r}.")
    check_sd(sd)
    if isinstance(criterion, Criterion):
        return _as_it_stands(criterion, direction, reliability, sd, points)
    checked_choice("criterion", criterion, CRITERIA)
    if points is not None:
        finite(points, "points", 0)
        return _by_points(float(points), "given", "", direction, or_more=False)
    if criterion == "published":
        if card is None:
            raise DesignError("criterion='published' needs the measure's card; give measure=.")
        value, source = card.published_change()
        return _by_points(value, "published", source, direction, or_more=True)
    if reliability is not None:
        value, kind, source = float(reliability), "given", ""
    else:
        value, kind, source = _reliability(criterion, card, own_alpha)
    both = ~(np.isnan(pre) | np.isnan(post))
    spread = _sd(pre[both]) if sd is None else float(sd)
    if not spread > 0:
        raise DesignError(
            "The SD of the first scores is zero or cannot be computed (fewer than two clients "
            "with both scores, or all alike); give sd=, the SD of a population like this one."
        )
    whose = (
        f"SD {spread:.4g}: that of the first scores of the {int(both.sum())} clients with both "
        "scores, who are judged; sd= takes another, such as that of the measure's norm group."
    )
    return Criterion(
        method=method, reliability=value, kind=kind, source=source, sd=spread,
        sd_of="given" if sd is not None else whose,
        points=float(METHODS["JT"].critical * spread * np.sqrt(2 * (1 - value))),
        direction=direction, reliability_post=reliability_post,
    )  # fmt: skip


def check_sd(sd: Any) -> None:
    """Refuse an SD that is none."""
    if sd is not None and not (is_number(sd) and sd > 0):
        raise DesignError(f"sd must be a finite number above 0, not {sd!r}.")


def _as_it_stands(
    criterion: Criterion, direction: str, reliability: Any, sd: Any, points: Any
) -> Criterion:
    given = {"reliability": reliability, "sd": sd, "points": points}
    over = [name for name, value in given.items() if value is not None]
    if over:
        raise DesignError(
            f"criterion= already holds a {over[0]}; leave {over[0]}= out, or change it with "
            f"dataclasses.replace."
        )
    if criterion.direction != direction:
        raise DesignError(
            f"criterion= is of a measure with {criterion.direction!r}, and these scores are "
            f"{direction!r}."
        )
    return replace(criterion, cutoff=None)


def _reliability(
    criterion: str, card: Card | None, own_alpha: OwnAlpha | None
) -> tuple[float, str, str]:
    """Return the reliability by the order of this module, its kind, and its source in words."""
    if criterion == "card" and card is not None and card.reliabilities:
        return card.reliability()
    alpha, n = own_alpha() if own_alpha is not None else (float("nan"), 0)
    if n:
        return alpha, "alpha here", (
            f"Reliability {alpha:.4g}: Cronbach's alpha of the first complete forms of {n} clients "
            f"here.{ONE_DAY}"
        )  # fmt: skip
    if criterion == "alpha":
        raise DesignError(
            "criterion='alpha' needs the items of ten clients or more in the study; these data "
            "hold none. Give reliability=, or leave criterion= out."
        )
    if card is None:
        raise DesignError("Give reliability=, or measure= with a card that has one.")
    raise DesignError(
        f"The card of {card.name} gives no reliability; pass reliability=, of a population like "
        "this one."
    )


def _by_points(
    points: float, kind: str, source: str, direction: str, *, or_more: bool
) -> Criterion:
    nothing = float("nan")
    return Criterion(
        method="points", reliability=nothing, kind=kind, source=source, sd=nothing, sd_of="",
        points=points, direction=direction, or_more=or_more,
    )  # fmt: skip


def _sd(values: np.ndarray) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")

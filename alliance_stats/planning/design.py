"""A study before its data: who is planned, how alike they are, and what the plan can be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ..core.arguments import (
    checked_choice,
    finite,
    flag,
    is_number,
    names,
    share,
    shown,
    whole,
    within,
)
from ..core.drawing import look, new_axes
from ..core.results import Result
from ..core.signatures import answers_when_made
from ..errors import DesignError
from ..inference.rows import tidy_rows
from . import answers, granted, pilot, simulated
from .layout import (
    Layout,
    check_arms,
    checked_allocation,
    checked_caseloads,
    checked_dropout,
    checked_missing,
    lay_out,
)
from .units import unit_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..core.display.page import Block
    from .information import Certainty

RANDOMISED = ("therapist", "client", "none")
NESTED = ("full", "one_arm")
NUMBERS = (
    "icc_client", "icc_therapist", "slope_sd_client", "slope_sd_therapist", "residual_sd",
    "reliability",
)  # fmt: skip
MOST = 1_000_000
"""No study has more clients, and no machine should be asked for them."""


@answers_when_made
@dataclass(frozen=True)
class StudyDesign(Result):
    """How many therapists, clients and sessions does my question need?

    A design is a plan with every assumption in numbers; it answers `power`, `precision` and
    `required`, simulates itself, and shows itself as a table and a picture.

    Parameters
    ----------
    n_therapists
        All therapists. Where only one arm has therapists (``nested="one_arm"``) they are that
        arm's, and the other has as many clients without therapists.
    clients_per_therapist
        Their mean number of clients.
    sessions
        The sessions at which the outcome is measured; 1 for a single measurement.
    arms, randomised
        How many arms (of equal size without ``allocation``), and who is assigned to them: each
        ``"therapist"`` with all clients, each ``"client"`` (therapists then work in every arm), or
        ``"none"`` (no arms).
    allocation
        The arms' sizes where they are not equal, in whole numbers: ``[1, 2]`` has twice as many in
        the last, ``[3, 50]`` of 53 therapists three in the first.
    nested
        ``"full"``: every arm has therapists; ``"one_arm"``: one of two arms has.
    icc_client, icc_therapist
        Shares of the total variance of the outcome in one session (the first): between clients of
        one therapist, and between therapists. With the residual's share they add to one.
    slope_sd_client, slope_sd_therapist
        SD of the change a session between clients of one therapist, and between therapists;
        independent of the levels in the first session.
    residual_sd
        SD of a client's single sessions around the own course, measurement error included; the
        unit of ``effect``.
    reliability
        Of the score of one session. Below 1, all variances and SDs (also of a standardised effect)
        are those of the true score, and error is added: ``1 / reliability - 1`` of its variance. 1
        where they are those of the score itself, as a pilot's are.
    caseloads
        ``"equal"``; ``"poisson"`` (one client and a Poisson number more) or ``"geometric"`` around
        the mean; a list with the clients of each therapist (who alternate between the arms); sizes
        with their shares of the therapists, ``{2: .5, 6: .5}``; or a distribution of `scipy.stats`.
    dropout
        The share of clients who leave before the last session, at a constant rate (of one session:
        who have no score); or a list with
        the share that has left before each session, ``[0, .1, .2, .25]``, or is still there,
        ``[1, .9, .8, .75]``. Who leaves does not depend on what nobody measured (missing at
        random).
    dropout_odds_ratio
        How many times as likely (odds) a client is to leave after a session who is one SD higher in
        it: in the predictor, for ``"within"`` and ``"between"`` (the alliance, where it is one),
        in the outcome else. Counts in simulations; below 1, the low ones leave.
    missing
        The share of sessions without a score among those before a client leaves, at random and
        beside ``dropout``; or a list with the share in each session.
    predictor_reliability
        Of a predictor with measurement error: of the sessions around the client's mean for
        ``"within"``, of clients' means for ``"between"``. The effect is that of the true score,
        and its estimate is corrected for the error.
    rupture_rate
        The share of sessions with a rupture, for ``of="rupture"``.
    dropout_share
        The share of clients who drop out, for ``of="dropout"``; by default those who have left
        before the last session.
    icc_dropout
        The therapists' share of the variance of dropout (0 or 1 a client), for ``of="dropout"``;
        by default their share of the outcome's.
    standardised
        Whether effects are given in SDs of the outcome in one session, and not in its points.
    pilot_draws
        Variances that a pilot might have found as well, each a mapping with some of the arguments
        above: what `from_study` puts here, to average the power over them.
    notes
        Sentences of your own that belong to the plan, such as where an ICC is from.

    Raises
    ------
    DesignError
        Where an arm has fewer than two therapists, variances are impossible or nobody is left.

    Notes
    -----
    The standard errors are those of generalised least squares with the variances known; the degrees
    of freedom are those of the analysis that will be run (for arms of randomised therapists the
    therapists minus the arms); power is from the noncentral t. The documentation derives them.

    Examples
    --------
    >>> import alliance_stats as al
    >>> many = al.StudyDesign(120, 2, 1, icc_client=0, icc_therapist=0.05)
    >>> few = al.StudyDesign(40, 6, 1, icc_client=0, icc_therapist=0.05)
    >>> [round(one.power(0.4, of="arm", standardised=True).power, 2) for one in (many, few)]
    [0.85, 0.77]
    """

    n_therapists: int
    clients_per_therapist: float
    sessions: int
    arms: int = field(default=2, kw_only=True)
    randomised: Literal["therapist", "client", "none"] = field(default="therapist", kw_only=True)
    nested: Literal["full", "one_arm"] = field(default="full", kw_only=True)
    icc_client: float = field(kw_only=True)
    icc_therapist: float = field(kw_only=True)
    slope_sd_client: float = field(default=0.0, kw_only=True)
    slope_sd_therapist: float = field(default=0.0, kw_only=True)
    residual_sd: float = field(default=1.0, kw_only=True)
    reliability: float = field(default=1.0, kw_only=True)
    allocation: tuple[int, ...] | None = field(default=None, kw_only=True)
    caseloads: Any = field(default="equal", kw_only=True)
    dropout: Any = field(default=None, kw_only=True)
    dropout_odds_ratio: float = field(default=1.0, kw_only=True)
    missing: Any = field(default=0.0, kw_only=True)
    predictor_reliability: float = field(default=1.0, kw_only=True)
    rupture_rate: float = field(default=0.06, kw_only=True)
    dropout_share: float | None = field(default=None, kw_only=True)
    icc_dropout: float | None = field(default=None, kw_only=True)
    standardised: bool = field(default=False, kw_only=True)
    pilot_draws: tuple[Mapping[str, float], ...] = field(default=(), kw_only=True, repr=False)
    notes: tuple[str, ...] = field(default=(), kw_only=True)

    title = "Planned study"
    picture = "plot"
    power = answers.power
    precision = answers.precision
    required = answers.required
    simulate = simulated.simulate
    assumptions = granted.assumptions
    from_study = classmethod(pilot.from_study)

    def __post_init__(self) -> None:
        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        put("notes", tuple(names(self.notes, "notes")))
        put("pilot_draws", pilot.checked_draws(self.pilot_draws))
        for name, most in (("n_therapists", MOST), ("sessions", 1000), ("arms", 100)):
            put(name, whole(getattr(self, name), name, 1, most))
        if not is_number(self.clients_per_therapist) or self.clients_per_therapist < 1:
            came = shown(self.clients_per_therapist)
            raise DesignError(f"clients_per_therapist must be a number of 1 or more, not {came}.")
        if self.n_therapists * self.clients_per_therapist > MOST:
            raise DesignError(f"A plan has at most {MOST:,} clients.")
        checked_choice("randomised", self.randomised, RANDOMISED)
        checked_choice("nested", self.nested, NESTED)
        flag(self.standardised, "standardised")
        if self.randomised == "none":
            put("arms", 1)
        if self.allocation is not None:
            put("allocation", checked_allocation(self.allocation, self.arms, self.nested))
        check_arms(self)
        self._check_variances()
        for name in NUMBERS:
            put(name, float(getattr(self, name)))
        within(self.rupture_rate, "rupture_rate")
        if not is_number(self.dropout_odds_ratio) or not 0 < self.dropout_odds_ratio < np.inf:
            raise DesignError(
                "dropout_odds_ratio must be a number above 0 (1 where leaving does not depend on "
                f"scores), not {shown(self.dropout_odds_ratio)}."
            )
        if self.dropout_share is not None:
            share(self.dropout_share, "dropout_share")
        within(self.predictor_reliability, "predictor_reliability", 0, np.nextafter(1, 2),
               " (1 without error)")  # fmt: skip
        put("caseloads", checked_caseloads(self.caseloads, self.n_therapists))
        checked_dropout(self.dropout, self.sessions)
        checked_missing(self.missing, self.sessions)

    def _check_variances(self) -> None:
        for name in ("icc_client", "icc_therapist", "icc_dropout"):
            value = getattr(self, name)
            if name == "icc_dropout" and value is None:
                continue
            if not is_number(value) or not 0 <= value < 1:
                raise DesignError(
                    f"{name} is a share of the outcome's variance, from 0 to below 1, not "
                    f"{shown(value)}."
                )
        both = self.icc_client + self.icc_therapist
        if both >= 1:
            raise DesignError(
                f"icc_client and icc_therapist add to {both:g} and must leave a share for the "
                "sessions themselves: both are shares of the total variance."
            )
        for name in ("slope_sd_client", "slope_sd_therapist"):
            value = getattr(self, name)
            if not is_number(value) or value < 0:
                raise DesignError(f"{name} must be 0 or more, for it is an SD, not {shown(value)}.")
        finite(self.residual_sd, "residual_sd", 0)
        within(self.reliability, "reliability", 0, np.nextafter(1, 2), " (1 without error)")

    # -- what follows from it ------------------------------------------------------------------

    @property
    def total_sd(self) -> float:
        """SD of the outcome in the first session, without error where `reliability` adds it."""
        return float(self.residual_sd / np.sqrt(1 - self.icc_client - self.icc_therapist))

    @property
    def noise_variance(self) -> float:
        """Variance of a client's single sessions, with the measurement error that is added."""
        return self.residual_sd**2 + (1 / self.reliability - 1) * self.total_sd**2

    @property
    def client_variance(self) -> float:
        """Variance between clients of one therapist, in the first session."""
        return self.icc_client * self.total_sd**2

    @property
    def therapist_variance(self) -> float:
        """Variance between therapists, in the first session."""
        return self.icc_therapist * self.total_sd**2

    @property
    def has_slopes(self) -> bool:
        """Whether clients or therapists change at rates of their own."""
        return self.slope_sd_client > 0 or self.slope_sd_therapist > 0

    @property
    def rupture_variance(self) -> float:
        """Variance of whether a session has a rupture."""
        return self.rupture_rate * (1 - self.rupture_rate)

    @cached_property
    def known(self) -> dict[str, Certainty]:
        """What was found of each question already, for a curve asks the same again and again."""
        return {}

    @cached_property
    def gone(self) -> np.ndarray:
        """The share of clients who have left before each session."""
        return np.array(checked_dropout(self.dropout, self.sessions))

    @cached_property
    def missed(self) -> np.ndarray:
        """The share of clients still there who have no score, in each session."""
        return np.array(checked_missing(self.missing, self.sessions))

    @property
    def scores(self) -> np.ndarray:
        """How many scores are expected of each client."""
        return np.append(0, np.cumsum(1 - self.missed))[self.layout.length]

    @cached_property
    def layout(self) -> Layout:
        """Who is with whom, in which arm, for how long."""
        return lay_out(self)

    def parameters(self) -> dict[str, Any]:
        """Return the arguments that make this design, without the draws of a pilot."""
        return {name: value for name, value in asdict(self).items() if name != "pilot_draws"}

    # -- its display ---------------------------------------------------------------------------

    @property
    def messages(self) -> tuple[str, ...]:  # type: ignore[override]
        """What the plan takes for granted."""
        return (*self.notes, *self.assumptions())

    def tidy(self) -> pd.DataFrame:
        """Return the sizes of the plan, and the SDs it takes for granted, in its unit."""
        sizes = [self.n_therapists, self.layout.n_clients, round(self.scores.sum())]
        spread = {
            ("therapist_id", "sd Intercept"): np.sqrt(self.therapist_variance),
            ("therapist_id", "sd session"): self.slope_sd_therapist,
            ("client_id", "sd Intercept"): np.sqrt(self.client_variance),
            ("client_id", "sd session"): self.slope_sd_client,
            ("Residual", "sd"): self.residual_sd,
        }
        groups, terms = zip(*spread, strict=True)
        unit = unit_of(self, "arm", None).points
        values = [float(value) / unit for value in spread.values()]
        parts = [
            tidy_rows(["therapists", "clients", "sessions"], [float(size) for size in sizes]),
            tidy_rows(list(terms), values, effect="random", group=list(groups)),
        ]
        return pd.concat(parts, ignore_index=True)

    def glance(self) -> pd.DataFrame:
        """Return one row: the plan's own numbers."""
        given = self.parameters() | {"n_clients": self.layout.n_clients}
        return pd.DataFrame(
            [{name: str(v) if isinstance(v, Mapping | tuple) else v for name, v in given.items()}]
        )

    def shown(self, labels: Mapping[str, str] | None = None) -> list[Block]:
        """Return who is planned in each arm, and how alike they are."""
        layout, rows = self.layout, []
        for arm, name in enumerate(self.arm_names):
            mine = layout.arm == arm
            whose = layout.therapist[mine]
            sizes = np.unique(whose[whose >= 0], return_counts=True)[1]
            ends = sorted({int(sizes.min()), int(sizes.max())}) if len(sizes) else ["none"]
            each = " to ".join(map(str, ends))
            row = {"arm": name, "therapists": len(sizes), "clients_each": each}
            row |= {"clients": int(mine.sum()), "sessions": round(self.scores[mine].sum())}
            rows.append(row)
        return [
            self._table(pd.DataFrame(rows), labels, "Who is planned"),
            self._table(
                self.tidy().iloc[3:],
                labels,
                "What is taken for granted",
                unit_of(self, "arm", None).words,
            ),
        ]

    def term_labels(self) -> dict[str, str]:
        """Return the words for the rows and columns."""
        course = {"Intercept": "level, first session", "session": "change a session"}
        return course | {"sessions": "Sessions with a score"}

    @property
    def arm_names(self) -> list[str]:
        """What the arms are called."""
        if self.arms == 1:
            return ["All"]
        names = [f"Arm {number + 1}" for number in range(self.arms)]
        return ["Without therapists", "With therapists"] if self.nested == "one_arm" else names

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw how many clients of each arm are still there in each session."""
        ax = new_axes() if ax is None else ax
        layout, at = self.layout, np.arange(1, self.sessions + 1)
        width = 0.8 / self.arms
        for arm, name in enumerate(self.arm_names):
            there = (layout.length[layout.arm == arm][:, None] >= at).sum(axis=0)
            place = at + (arm - (self.arms - 1) / 2) * width
            ax.bar(place, there, width * 0.95, color=look("", arm).color, label=name)
        ax.set(
            xlabel="Session",
            ylabel="Clients still there",
            xticks=at if self.sessions <= 20 else at[::5],
        )
        if self.arms > 1:
            ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)
        return ax

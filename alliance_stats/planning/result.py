"""What a planned study can find: power, precision, and how large it must be, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..core.drawing import PALE, SERIES, in_percent, look, new_axes
from ..core.results import Result
from ..inference.rows import glance_row, tidy_rows
from .units import SHARES, Unit, unit_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..core.display.page import Block
    from .design import StudyDesign

QUESTIONS = {
    "arm": "the difference between arms, the same in every session",
    "arm_by_time": "the difference between arms in change a session",
    "within": "the effect of one SD of a client's sessions around the own mean",
    "between": "the effect of one SD between clients",
    "rupture": "the effect of a rupture on the next session",
    "gap": "the mean gap, therapist minus client",
    "dropout": "the difference between arms in the share who drop out",
    "therapists": "the therapists' share of the variance",
}
AXES = {
    "n_therapists": "Therapists",
    "clients_per_therapist": "Clients of a therapist",
    "sessions": "Sessions",
    "icc_client": "Clients' share of the variance",
    "icc_therapist": "Therapists' share of the variance",
    "slope_sd_client": "SD of clients' change a session",
    "slope_sd_therapist": "SD of therapists' change a session",
    "residual_sd": "Residual SD",
    "reliability": "Reliability of one session's score",
    "dropout": "Share that leaves",
    "missing": "Share of sessions without a score",
    "predictor_reliability": "Reliability of the predictor",
    "dropout_odds_ratio": "Odds ratio of leaving",
    "rupture_rate": "Share of sessions with a rupture",
    "dropout_share": "Share that drops out",
    "icc_dropout": "Therapists' share of the variance of dropout",
}
ASSUMED = {
    "arm": "The difference between arms is the same in every session.",
    "within": "The effect is the same for every client; where it differs, the power is lower.",
    "rupture": "The effect is the same for every client; where it differs, the power is lower.",
    "between": "Clients of one therapist are not alike in the predictor.",
    "gap": "Shares and SDs are those of the gap itself (therapist minus client), not of a rating; "
    "the mean gap is that in the middle of the sessions.",
    "dropout": "Who drops out is compared once, at the end, over all who began; the effect is a "
    "difference of shares.",
    "therapists": "The test is one-sided, as no variance is below zero: the likelihood ratio "
    "(REML) to the model without therapists, with half its chance at zero, and F where there is "
    "one session; where caseloads or numbers of scores are unequal the power is nearly right.",
}
"""What a question takes for granted besides its design."""
RESTS = {
    "dropout": "the standard error of a difference of shares",
    "therapists": "the mean squares expected of therapists, clients and sessions",
}
"""What a power is computed from, where it is no standard error of generalised least squares."""


@dataclass(frozen=True)
class StudyPower(Result):
    """The power of a planned study for one question.

    Attributes
    ----------
    power
        The probability that the test is significant if the effect is what was said.
    mc_error
        Its Monte Carlo standard error; 0 where it was computed.
    effect
        As it was asked: in points, or in SDs of one session where `standardised`.
    std_error, df
        Of the estimate, in the effect's unit; df of the analysis that will be run. Simulated: the
        SD of the studies' estimates, and the median df of their tests (missing for
        ``"therapists"``, whose test has none).
    type_s, type_m
        Among significant results: the share with the wrong sign, and how many times too large the
        estimate is on average (Gelman & Carlin 2014).
    table
        ``effect, power, mc_error, type_s, type_m, method``, before them what else was varied: the
        curve, and what was simulated.
    varied
        What the table goes over: the effect, or what ``over=`` named.
    false_positives
        Where a model of one's own was simulated: the share significant without any effect.
    formula
        Of the model that simulated studies were fitted with.
    standardised
        Whether the effect was asked for in SDs of one session.
    assurance
        Where the variances are a pilot's: the power averaged over what they may be.
    """

    design: StudyDesign
    of: str
    effect: float
    power: float
    mc_error: float
    std_error: float
    df: float
    type_s: float
    type_m: float
    table: pd.DataFrame
    replicates: int
    seed: int | None
    varied: tuple[str, ...] = ("effect",)
    alpha: float = 0.05
    method: str = "analytic"
    false_positives: float = float("nan")
    assurance: float = float("nan")
    messages: tuple[str, ...] = ()
    formula: str = ""
    standardised: bool = False
    _shares = r"^(?:power|type_s)"
    picture = "plot"

    @property
    def title(self) -> str:  # type: ignore[override]
        """The question in words."""
        return f"Power for {QUESTIONS[self.of]}"

    @property
    def size(self) -> str:
        """The effect with its unit, and in the other unit where that is known."""
        if self.of in SHARES:
            return f"{self.effect:.3g} ({self.unit.short})"
        told, sd = f"{self.effect:.3g} {self.unit.short}", self.design.total_sd
        if not self.standardised:
            return f"{told} ({self.effect / sd:.3g} SD)"
        # without a residual SD nothing says what a point is
        return told if self.design.residual_sd == 1 else f"{told} ({self.effect * sd:.3g} points)"

    @property
    def unit(self) -> Unit:
        """What the effect, its error and the table's effects are told in."""
        return unit_of(self.design, self.of, self.standardised)

    def tidy(self) -> pd.DataFrame:
        """Return power, and what significant results will be like."""
        names = ("power", "assurance", "type_s", "type_m", "false_positives")
        values = {name: value for name in names if (value := getattr(self, name)) == value}
        errors = [self.mc_error if self.replicates else float("nan")]
        errors += [float("nan")] * (len(values) - 1)
        return tidy_rows(list(values), list(values.values()), errors)

    def term_labels(self) -> dict[str, str]:
        """Return the words for the rows."""
        return {
            "power": f"Power at an effect of {self.size}",
            "assurance": "Power averaged over what the pilot's variances may be",
            "type_s": "Wrong sign, of significant results",
            "type_m": "Exaggeration of significant results (times)",
            "false_positives": "Significant without any effect",
        }

    def glance(self) -> pd.DataFrame:
        """Return one row: the question, its answer, and the sizes it rests on."""
        fields = ("of", "effect", "power", "mc_error", "std_error", "df", "alpha", "method")
        sizes = _sizes(self.design) | {"unit": self.unit.words}
        return glance_row(self, *fields, "replicates", "seed", **sizes)

    def shown(self, labels: Mapping[str, str] | None = None) -> list[Block]:
        """Return the answer in a sentence, and its numbers."""
        return [self.sentence(), *super().shown(labels)]

    def sentence(self) -> str:
        """Return the sentence for a proposal."""
        sizes = _sizes(self.design)
        said = f"With {sizes['n_therapists']} therapists and {sizes['n_clients']} clients"
        said += f" in {self.design.sessions} session{'s' * (self.design.sessions > 1)}"
        how = f" ± {self.mc_error:.3f} (Monte Carlo)" if self.replicates else ""
        error = f"{self.std_error:.3g}{'' if self.of in SHARES else f' {self.unit.short}'}"
        by = f"standard error {error}, {self.df:.4g} degrees of freedom"
        by = f"by {self._simulation}" if self.replicates else by
        sided = "one" if self.of == "therapists" else "two"
        return (
            f"{said}, {QUESTIONS[self.of]}, if it is {self.size}, is found with a power of "
            f"{self.power:.3f}{how} ({sided}-sided, alpha {self.alpha:g}; {by})."
        )

    @property
    def _simulation(self) -> str:
        """How the power was simulated."""
        fitted = f"{self.replicates} studies fitted with {self.formula}"
        return f"simulation ({fitted}, seed {self.seed})"

    def facts(self) -> dict[str, Any]:
        """Return what sentences are filled from."""
        by = self._simulation if self.replicates else f"formula, from {_rests(self)}"
        return super().facts() | {"of": QUESTIONS[self.of], "by": by, "effect": self.size}

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw power over the effect, or over what was varied: the second as a line a value."""
        ax = new_axes() if ax is None else ax
        along, *beside = self.varied
        axes = AXES | {"effect": f"Effect ({self.unit.words})"}
        curve = self.table[self.table["method"] == "analytic"]
        ax.axhline(0.8, color=PALE, linewidth=0.8)
        lines = curve.groupby(beside[0]) if beside else [("formula", curve)]
        for place, (_, line) in enumerate(lines):
            like, again = look("", place), place // len(SERIES)
            ax.plot(
                line[along],
                line["power"],
                color=like.color,
                marker="" if along == "effect" else like.marker,
                linestyle=("-", "--", ":", "-.")[again % 4],  # colours begin anew
                label=f"{line[beside[0]].iloc[0]:.4g}" if beside else "formula",
            )
        if self.replicates:
            ax.errorbar(
                [self.effect if along == "effect" else getattr(self.design, along)],
                [self.power],
                yerr=3 * self.mc_error,
                color=look("", len(lines)).color,
                fmt=look("", len(lines)).marker,
                label="simulation, ± 3 Monte Carlo errors",
            )
        if beside or self.replicates:
            outside = {"loc": "upper left", "bbox_to_anchor": (1, 1)}  # lines fill the axes
            where = outside if len(lines) > len(SERIES) else {"loc": "best"}
            ax.legend(title=axes[beside[0]] if beside else None, **where)
        ax.set(xlabel=axes[along], ylabel="Power", ylim=(0, 1.02))
        in_percent(ax.yaxis)
        return ax


@dataclass(frozen=True)
class StudyPrecision(Result):
    """How wide the interval of a planned study will be.

    Attributes
    ----------
    half_width
        Half the width of the interval expected; like all here in points, or in SDs of one session
        where `standardised`.
    std_error, df
        Of the estimate; df of the analysis that will be run.
    detectable
        The effect found with a power of 80 % in a two-sided test at 1 - `confidence`.
    """

    design: StudyDesign
    of: str
    half_width: float
    std_error: float
    df: float
    detectable: float
    confidence: float = 0.95
    messages: tuple[str, ...] = ()
    standardised: bool = False

    @property
    def title(self) -> str:  # type: ignore[override]
        """The question in words."""
        return f"Precision of {QUESTIONS[self.of]}"

    def tidy(self) -> pd.DataFrame:
        """Return half the interval's width, the standard error, and the detectable effect."""
        values = [self.half_width, self.std_error, self.detectable]
        return tidy_rows(["half_width", "std_error", "detectable"], values)

    def term_labels(self) -> dict[str, str]:
        """Return the words for the rows."""
        return {
            "half_width": f"Half the width of the {100 * self.confidence:g}% interval",
            "std_error": "Standard error",
            "detectable": "Effect found with a power of 80 %",
        }

    @property
    def unit(self) -> Unit:
        """What all three numbers are told in."""
        return unit_of(self.design, self.of, self.standardised)

    @property
    def _unit(self) -> str:  # type: ignore[override]
        return self.unit.words

    def facts(self) -> dict[str, Any]:
        """Return what sentences are filled from."""
        return super().facts() | {"of": QUESTIONS[self.of], "by": _rests(self)}

    def glance(self) -> pd.DataFrame:
        """Return one row: the question, its answer, and the sizes it rests on."""
        fields = ("of", "half_width", "std_error", "df", "detectable", "confidence")
        return glance_row(self, *fields, **_sizes(self.design) | {"unit": self.unit.words})


def _rests(answer: StudyPower | StudyPrecision) -> str:
    """Return what an answer by formula is computed from."""
    rests = RESTS.get(answer.of, "the standard error of generalised least squares")
    return f"{rests} and {answer.df:.4g} degrees of freedom"


def _sizes(design: StudyDesign) -> dict[str, int]:
    return {"n_therapists": design.n_therapists, "n_clients": design.layout.n_clients}

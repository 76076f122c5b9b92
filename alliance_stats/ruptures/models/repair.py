"""What follows a rupture, and what follows a repair, at the next session?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ...core.arguments import is_number, shown
from ...core.results import TIDY_COLUMNS
from ...errors import DesignError
from ...inference.rows import glance_row
from ...multilevel.advice import OWN_PAST, nickell
from ...multilevel.fit import fitted, fitted_outcome
from ...multilevel.outcomes.reading import Asked
from ...multilevel.outcomes.result import OutcomeFit
from ...study.times import SESSION, along
from ..result import Ruptures
from ..rules import RUPTURE_RULE, find_rule
from ..rules.told import ByRule
from .design import (
    BEYOND_THE_SCORE,
    Choices,
    ModelData,
    adjusts,
    lagged,
    model_data,
    mostly_known,
    slopes_of,
)
from .plots import plot_coefficients
from .session_table import SessionTable, session_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...core.display.page import Block
    from ...multilevel import MultilevelFit
    from ...study import Study

Method = Literal["satterthwaite", "kenward-roger", "normal"]


RUPTURE_AS_RESPONSE = {
    True: "Rupture as a response is a yes or no: the reverse model of it is a multilevel logistic "
    "one (log odds ratios, random intercepts, between-within degrees of freedom).",
    False: "Rupture as a response is a probability here: the reverse model of it is a linear one.",
}


@dataclass(frozen=True)
class RuptureRepair(ByRule):
    """Next-session models of ruptures and repairs, forward and reverse.

    Attributes
    ----------
    fits
        The fitted models by name: ``"outcome, 2 levels"``, ``"outcome, 3 levels"``,
        ``"alliance, 2 levels"``, ..., and in the reverse direction ``"reverse: alliance, 2
        levels"``, ``"reverse: rupture, 2 levels"``, ...
    table
        One row a model and coefficient: ``model, direction, response, levels`` and the columns
        of ``tidy()``; no test of what ruptures of a rule of scores do to these scores.
    ruptures
        What the rule found.
    rows
        The sessions: what was rated, found and lagged.
    choices
        What the models left open, as chosen.
    messages
        Rows left out, singular fits, known biases.
    """

    fits: Mapping[str, MultilevelFit | OutcomeFit] = field(repr=False)
    table: pd.DataFrame = field(repr=False)
    ruptures: Ruptures = field(repr=False)
    rows: pd.DataFrame = field(repr=False)
    choices: Choices
    messages: tuple[str, ...] = ()
    title: str = "Next session after ruptures and repairs"
    score: str = ""

    @property
    def fewest(self) -> int:  # type: ignore[override]
        """How many people the fewest are that a coefficient of any model is about."""
        return min(fit.fewest for fit in self.fits.values())

    def tidy(self) -> pd.DataFrame:
        """Return one row a model and coefficient; `model` says which model it is of."""
        return self.table[[*TIDY_COLUMNS, "model", "direction", "response", "levels"]]

    def glance(self) -> pd.DataFrame:
        """Return one row: the rule, what it found, rows and clients of the main model."""
        first = next(iter(self.fits.values()))
        found = self.ruptures.glance().iloc[0]
        return glance_row(
            self,
            rule=self.ruptures.rule,
            **found[["n_ruptures", "n_repaired"]],
            nobs=first.nobs,
            n_clients=first.n_groups["client_id"],
            n_models=len(self.fits),
            lag=self.choices.lag,
            lagged_outcome=self.choices.lagged_outcome,
            converged=all(fit.converged for fit in self.fits.values()),
            singular=any(fit.singular for fit in self.fits.values()),
        )

    def shown(self, labels: Mapping[str, str] | None = None) -> list[Block]:
        """Return the rule, and a table a model."""
        blocks: list[Block] = [f"{self.ruptures.title}. {self.ruptures.settings}"]
        for name, fit in self.fits.items():
            own = self.table[self.table["model"] == name]
            blocks += [f"{name}: {fit.formula}", self._table(own, labels)]
        return blocks

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the forward models' coefficients of rupture and repair with their intervals."""
        return plot_coefficients(self, ax=ax)


def fit_rupture_repair(
    data: Study | pd.DataFrame,
    *,
    alliance: str,
    outcome: str,
    rule: str = RUPTURE_RULE,
    lag: int = 1,
    levels: int | Sequence[int] | None = None,
    size: bool = False,
    lagged_outcome: bool | None = None,
    slopes: str = "all",
    adjust_for_alliance: bool | None = None,
    detrending: str = "covariate",
    centring: str = "client",
    reverse: bool = True,
    df: Method = "satterthwaite",
    subscale: str | None = None,
    rater: str | None = None,
    outcome_subscale: str | None = None,
    outcome_rater: str | None = None,
    events: pd.DataFrame | None = None,
    codes: pd.DataFrame | None = None,
    random_slope: bool | None = None,
    probabilities: bool = True,
    time: str = SESSION,
    **parameters: Any,
) -> RuptureRepair:
    """Does the session after a rupture (or a repair) differ from the client's other sessions?

    Ruptures are found by one stated rule. The outcome of session t, and the alliance of session
    t, are then regressed on rupture and repair at session t - `lag`, each split into a part
    within clients (this session against the client's own other sessions) and a part between them
    (clients with more ruptures against others). The reverse direction stands beside it: rupture
    and alliance at session t on the outcome of session t - `lag`.

    Parameters
    ----------
    data
        A `Study`, or a table with one row a client and session and the two columns named (and
        ``therapist_id`` for three levels).
    alliance, outcome
        A study's scores, as `Study.select` takes them (``"wai-sr/task/therapist"``, or the measure
        with `subscale`, `rater`, `outcome_subscale`, `outcome_rater`), or columns of the table.
    rule, **parameters
        As in `detect_ruptures`; direction and range are those of the measure's card unless given.
    lag
        Session numbers between predictor and response. A session whose predecessor was not
        observed is left out, and counted.
    levels
        2 (sessions in clients), 3 (in therapists too), or both; without it both where there are
        therapists, else 2. For within-client effects two levels do as well as three or better
        (Falkenström, Solomonov & Rubel 2020, doi 10.1080/10503307.2020.1769875): read both.
    size
        Whether the size enters too: ``rupture_size`` (points fallen in that session) and
        ``repair_size`` (points risen from the lowest), counted from the mean size, so that
        ``rupture`` is the effect of a rupture of average size and ``rupture_size`` that of each
        point more.
    lagged_outcome
        Whether the response's own earlier value is held equal (not of a rupture, which cannot begin
        in two sessions running). Without it, what alliance and
        outcome share in a session and carry over to the next passes for an effect of one on the
        other, in both directions (docs/rupture-models.md, "With what carries over"). None: where it
        is known for half of the sessions with an outcome; where the outcome is rated now and then,
        the few sessions that would be left are no study, and the result says so. Centred on
        observed means its own slope is too low, by about -(1 + rho)/(T - 1) (Nickell; Hamaker &
        Grasman 2015, doi 10.3389/fpsyg.2014.01492), and a little of that is left in the others.
    slopes
        ``"all"``: clients differ in the effect of a rupture, of a repair and of everything else
        within clients, the course over sessions among them, as far as the data carry it (the rule
        is `fit_multilevel`'s); rows ``sd`` of ``.tidy()`` and ``.messages`` say how much.
        ``"none"``: one effect for all; where clients do differ, intervals are then too narrow.
    adjust_for_alliance
        Whether the alliance score of the rupture's session enters the models of the outcome too
        (``alliance_lag1_within``). Without it, a session flagged by its score is a session of low
        alliance, and where the outcome follows the alliance point by point, with no rupture at
        all, "a rupture's effect" is found (docs/rupture-models.md, "With a linear effect and no
        ruptures"). With it, ``rupture`` is what a rupture has beyond its score. None: with rules
        that read scores, not with reports and codes.
    detrending, centring
        See `Choices`: ``"covariate"``, ``"none"`` or ``"predictor"``; ``"client"`` or ``"none"``.
    reverse
        Whether to fit the reverse direction.
    df
        Degrees of freedom, as in `fit_multilevel`.
    events, codes
        Tables for the rules that read reports or codes.
    random_slope
        Old name: True is ``slopes="all"``, False ``slopes="none"``.
    probabilities
        Whether, with the rule ``state_model``, the probabilities that a rupture begins and ends
        enter in place of flags: what detection leaves open is then in the intervals. With `size`
        flags enter, for only what is called a rupture has a size.
    time
        The column that counts along time in place of ``session``: ``"occasion"``, by its order, or
        one of numbers, such as ``"week"``.

    Returns
    -------
    RuptureRepair
        ``.tidy()``, ``.fits`` (each a `MultilevelFit`; of rupture as response an `OutcomeFit`),
        ``.ruptures``, ``.rows``, ``.plot()``, ``.messages``.

    Raises
    ------
    ColumnError, DesignError
        Where columns, measures or parameters are not what they must be, or no model can be fitted.

    Notes
    -----
    The alliance as response: a rule of scores reads the same series, so a rupture *is* a low
    session, and a client's other sessions lie higher than it by construction. Its coefficients
    describe the course; they do not test an effect. (`expected_by_chance` says what chance would
    give.)
    Rupture as response is a yes or no: a multilevel logistic model, log odds ratios (one of
    measurements where the rule gives probabilities).
    None of this proves a cause: what makes the alliance fall may itself make the outcome worse.

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.simulate_study(n_therapists=8, n_clients=60, seed=2)
    >>> model = al.fit_rupture_repair(study, alliance="wai-sr", outcome="core-10", levels=2)
    >>> sorted(model.fits)[:2]
    ['alliance, 2 levels', 'outcome, 2 levels']
    """
    data, events, codes = (along(one, time, whole=True) for one in (data, events, codes))
    table = session_table(
        data,
        (alliance, subscale, rater),
        (outcome, outcome_subscale, outcome_rater),
        rule,
        parameters,
        events=events,
        codes=codes,
        probabilities=probabilities and not size,
    )
    predictors: tuple[str, ...] = ("rupture", "repair")
    rows = table.rows
    if size:
        rows, predictors = centre_sizes(rows)
    c = Choices(
        predictors,
        lag=lag,
        centring=centring,
        detrending=detrending,
        lagged_outcome=True if lagged_outcome is None else lagged_outcome,
        slopes=slopes if random_slope is None else slopes_of(random_slope),
        adjust_for_alliance=adjusts(adjust_for_alliance, find_rule(rule).needs),
    )
    together = lagged(rows, [*predictors, "outcome", "alliance"], lag)
    if lagged_outcome is None:
        c = replace(c, lagged_outcome=mostly_known(together, lag))
    fits, estimates, notes = _fit_all(together, c, _levels(together, levels), reverse, df)
    if find_rule(table.found.rule).needs == "scores":
        estimates.loc[_of_the_rule(estimates), ["statistic", "p_value"]] = np.nan
    return RuptureRepair(
        fits, estimates, table.found, together, c, (*_start(table, c, fits), *notes),
        score=table.score,
    )  # fmt: skip


def _of_the_rule(estimates: pd.DataFrame) -> pd.Series:
    """Return which coefficients a rule of scores makes by itself, from the scores it reads."""
    forward = estimates["direction"].eq("forward") & estimates["response"].eq("alliance")
    back = estimates["direction"].eq("reverse") & estimates["response"].eq("rupture")
    term = estimates["term"]
    return (forward & term.str.contains("^(?:rupture|repair)", regex=True)) | (
        back & term.str.startswith("outcome")
    )


def centre_sizes(rows: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Count the sizes from their mean over ruptures (and repairs), zero elsewhere."""
    predictors = ["rupture", "repair"]
    for event in ("rupture", "repair"):
        name = f"{event}_size"
        if name in rows.columns and (rows[event] == 1).any():
            mean = rows.loc[rows[event] == 1, name].mean()
            rows = rows.assign(**{name: rows[name] - mean * rows[event]})
            predictors.append(name)
    return rows, tuple(predictors)


def _levels(rows: pd.DataFrame, wanted: int | Sequence[int] | None) -> list[int]:
    if wanted is None:
        able = "therapist_id" in rows.columns and len(rows["therapist_id"].dropna().unique()) > 1
        return [2, 3] if able else [2]
    levels: list[Any] = list(wanted) if isinstance(wanted, (list, tuple)) else [wanted]
    if not levels or not all(is_number(n) and n in (2, 3) for n in levels):
        raise DesignError(f"levels must be one of 2, 3, or a list of both; it is {shown(wanted)}.")
    return [int(n) for n in levels]


def _fit_all(
    together: pd.DataFrame, c: Choices, levels: list[int], reverse: bool, df: Method
) -> tuple[dict[str, MultilevelFit | OutcomeFit], pd.DataFrame, list[str]]:
    """Return the models by name, their coefficients, and what was noted on the way."""
    responses = [("forward", "outcome"), ("forward", "alliance")]
    if reverse:
        responses += [("reverse", "alliance"), ("reverse", "rupture")]
    fits, tables, notes = {}, [], []
    for (direction, response), n in product(responses, levels):
        name = f"{'reverse: ' * (direction == 'reverse')}{response}, {n} levels"
        choices = replace(c, levels=n)
        if direction == "reverse":
            choices = replace(choices, predictors=("outcome",))
        if response == "rupture":  # none follows upon itself: what was there before separates them
            choices = replace(choices, lagged_outcome=False)
        try:
            data = model_data(together, response, choices)
            fit = quiet_fit(data, df) if response != "rupture" else _rupture_fit(data, df)
        except DesignError as error:
            if name == f"outcome, {levels[0]} levels":
                raise
            notes.append(f"{name}: not fitted. {error}")
            continue
        fits[name] = fit
        tables.append(
            fit.tidy().assign(model=name, direction=direction, response=response, levels=n)
        )
        said = [one for one in (*data.messages, *fit.messages) if OWN_PAST not in one]
        notes += [f"{name}: {one}" for one in said]  # the bias of the own past is told once, of all
    return fits, pd.concat(tables, ignore_index=True), notes


def quiet_fit(data: ModelData, df: Method, near: MultilevelFit | None = None) -> MultilevelFit:
    """Fit a model; what it would warn of is in its messages. `near` is one much like it."""
    return fitted(data.formula, data.rows, slopes=data.choices.slopes, df=df, near=near)


def _rupture_fit(data: ModelData, df: Method) -> MultilevelFit | OutcomeFit:
    """Fit a rupture as a yes or no; where it is a probability, as a measurement."""
    if not data.rows["rupture"].isin((0.0, 1.0)).all():
        return quiet_fit(data, df)
    return fitted_outcome(data.formula, data.rows, Asked("binomial"), df="between-within")


def _start(table: SessionTable, c: Choices, fits: Mapping[str, Any]) -> list[str]:
    found = list(table.messages)
    if c.lagged_outcome:
        fit = next(iter(fits.values()))
        sessions = fit.nobs / fit.n_groups["client_id"]
        own = fit.params.filter(like="outcome_lag")
        rho = float(own.iloc[0]) if len(own) else float("nan")
        found.append(
            f"The lagged outcome, {nickell(rho, sessions)} (lagged_outcome=False leaves it out)."
        )
    else:
        found.append(
            "The response's own earlier value is not held equal: what alliance and outcome share "
            "in a session and carry over to the next passes for an effect, above all in the rows "
            "of the alliance score and in reverse (docs/rupture-models.md; lagged_outcome=True)."
        )
    if c.centring == "none":
        found.append("Predictors are not centred: their slopes mix effects within and between.")
    found.append(BEYOND_THE_SCORE[c.adjust_for_alliance])
    reverse = [fit for name, fit in fits.items() if name.startswith("reverse: rupture")]
    if reverse:
        found.append(RUPTURE_AS_RESPONSE[isinstance(reverse[0], OutcomeFit)])
    if find_rule(table.found.rule).needs == "scores":
        found.append(
            "Forward, the alliance as a response is the series the rule reads: its coefficients of "
            "rupture and repair describe the course and test nothing. In reverse, a fall needs a "
            "high score at the session before, and that goes with a good outcome there: the rule "
            "makes the coefficient of rupture after outcome. So no p value is with either."
        )
    return found

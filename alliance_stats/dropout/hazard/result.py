"""The result of a hazard model: coefficients, therapists, predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.arguments import checked_choice, checked_table
from ...core.display.journal import written
from ...core.display.labels import label_of
from ...core.people import CLIENT, SESSION, trimmed
from ...core.results import Result
from ...errors import require_columns
from ...inference.distributions import half_width
from ...inference.rows import glance_row, tidy_rows
from ...multilevel.formula.terms import Columns, Table
from .accumulation import hazard_of_those_there
from .changing import Function, ratios_at, told_of_changes
from .fit_checks import clusters_in_words
from .links import over_therapists, ratio_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PREDICT_FOR = ("new", "known", "average")


@dataclass(frozen=True)
class DropoutHazard(Result):
    """A fitted discrete-time hazard model.

    Attributes
    ----------
    params, bse
        Coefficients on the link's scale and their standard errors (from the observed
        information; robust to clusters where ``cluster`` was given).
    variance
        Variance of the therapists' random intercept; NaN without one. No interval is given.
    icc
        variance / (variance + frailty + latent variance), which is pi^2/3 for logit and pi^2/6 for
        cloglog.
    frailty, frailty_p_value
        Variance of the clients' own intercept, and the likelihood-ratio test of it; NaN without.
    n_alone
        Rows without a group of the random intercept: they have no effect of one.
    cluster
        The column whose groups standard errors are robust to; empty without.
    clusters_alone
        How many of these are clients without one, each a cluster of its own.
    clock
        The column that counts sessions (or weeks, ...).
    varying
        Term → the term that its coefficient changes by, and the function of time.
    starts
        Term → at which times its own coefficient holds (``at session = 1`` under a logarithm).
    converged
        Whether the gradient vanished at the end.
    therapists
        With a random intercept, one row a group: its name, ``n`` rows at risk, ``events``,
        ``effect`` (the conditional mode on the link's scale), ``sd`` (its posterior spread),
        ``conf_low``, ``conf_high``. Modes are drawn to zero, the more so the fewer the rows; no
        league table should be made of them.
    """

    formula: str
    link: str
    params: pd.Series
    bse: pd.Series
    variance: float
    variance_p_value: float
    icc: float
    group: str
    n_groups: int
    nobs: int
    n_events: int
    llf: float
    aic: float
    converged: bool
    confidence: float
    cov: pd.DataFrame = field(repr=False)
    terms: Columns = field(repr=False)
    therapists: pd.DataFrame = field(repr=False)
    messages: tuple[str, ...] = ()
    runaway: tuple[str, ...] = ()
    title: str = "Discrete-time hazard of dropout"
    fewest: int | None = None
    frailty: float = float("nan")
    frailty_p_value: float = float("nan")
    clock: str = SESSION
    n_alone: int = 0
    cluster: str = ""
    clusters_alone: int = 0
    varying: Mapping[str, tuple[str, Function]] = field(default_factory=dict, repr=False)
    starts: Mapping[str, str] = field(default_factory=dict)

    ratios_at = ratios_at

    def term_labels(self) -> dict[str, str]:
        """Return the terms that change, with the time that their own coefficient is of."""
        return {term: f"{label_of(term)} ({start})" for term, start in self.starts.items()}

    def facts(self) -> dict[str, Any]:
        """Return what sentences are filled from: what is counted, and whose errors it is."""
        own = [
            f"{name} (SD {written(np.sqrt(variance))})"
            for name, variance in ((CLIENT, self.frailty), (self.group, self.variance))
            if variance >= 0
        ]
        errors = "standard errors are the model's"
        if own:
            errors = f"random intercepts of {' and '.join(own)} stand in the model"
        elif self.n_groups:
            who = clusters_in_words(self.cluster, self.n_groups, self.clusters_alone)
            errors = f"standard errors are robust to {who}"
        sessions = self.clock == SESSION
        return super().facts() | {
            "rows": "sessions" if sessions else f"rows ({self.clock})",
            "events": "dropouts" if sessions else "events",
            "errors": errors,
            "further": told_of_changes(self.varying),
        }

    def conf_int(self) -> pd.DataFrame:
        """Return Wald intervals of the coefficients, columns ``low`` and ``high``."""
        half = half_width(self.bse, confidence=self.confidence)
        return pd.DataFrame({"low": self.params - half, "high": self.params + half})

    @property
    def _ratio(self) -> str:  # type: ignore[override]
        """An odds ratio under the logit link, a hazard ratio under the other."""
        return "OR" if self.link == "logit" else "HR"

    def tidy(self, *, exponentiate: bool = False) -> pd.DataFrame:
        """Return one row a term; `exponentiate` gives odds ratios (logit) or hazard ratios.

        Coefficients that run to infinity (``.runaway``) are NaN.
        """
        fixed = ratio_rows(self, exponentiate)
        random = [
            tidy_rows("sd Intercept", np.sqrt(own), effect="random", group=group, p_value=p)
            for group, own, p in (
                (CLIENT, self.frailty, self.frailty_p_value),
                (self.group, self.variance, self.variance_p_value),
            )
            if not np.isnan(own)
        ]
        return pd.concat([fixed, *random], ignore_index=True)

    def glance(self) -> pd.DataFrame:
        """Return one row: size, fit and the therapists' share of the variance."""
        return glance_row(
            self,
            "nobs",
            "n_events",
            "n_groups",
            "link",
            "variance",
            "icc",
            "frailty",
            "llf",
            "aic",
            "converged",
        )

    @property
    def random_effects(self) -> dict[str, pd.DataFrame]:
        """Conditional modes by group, as the multilevel engine names them."""
        if not self.group:
            return {}
        modes = self.therapists.set_index(self.group)[["effect"]]
        return {self.group: modes.rename(columns={"effect": "Intercept"})}

    def design(self, data: pd.DataFrame) -> pd.DataFrame:
        """Return the model's columns for these rows; rows with a missing value are all NaN."""
        names = [*self.terms.columns, *([self.clock] if self.varying else [])]
        names = list(dict.fromkeys(names))
        checked_table(data, "data")
        require_columns(data.columns, names, what="the new data")
        out = np.full((len(data), len(self.params)), np.nan)
        # A missing category would else be read as the reference category.
        whole = data[names].notna().all(axis=1).to_numpy()
        if whole.any():
            own = self.terms.rebuild(Table(data[whole]))
            columns = dict(zip(self.terms.names, own, strict=True))
            for term, (product, function) in self.varying.items():
                times = data.loc[whole, self.clock].to_numpy(dtype=float)
                columns[product] = columns[term] * function(times)
            out[whole] = np.stack([columns[name] for name in self.params.index], axis=1)
        return pd.DataFrame(out, index=data.index, columns=self.params.index)

    def linear_predictor(self, data: pd.DataFrame) -> np.ndarray:
        """Return the fixed part on the link's scale for each row; NaN where a value is missing."""
        return np.asarray(self.design(data).to_numpy() @ self.params.to_numpy())

    def intercepts(
        self, data: pd.DataFrame, therapists: str
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return each row's therapist's intercept, its spread, and the SD to average over.

        Clients' own intercepts are averaged over, whoever the therapist is.
        """
        checked_choice("therapists", therapists, PREDICT_FOR)
        none, own = np.zeros(len(data)), float(np.nan_to_num(self.frailty))
        clients = np.full(len(data), np.sqrt(own))
        if not self.group or therapists == "average" or self.variance == 0:
            return none, none, clients
        sd = np.full(len(data), np.sqrt(self.variance + own))
        if self.n_alone and self.group in data.columns:
            sd = np.where(trimmed(data[self.group]).isna(), clients, sd)
        if therapists == "new":
            return none, none, sd
        require_columns(data.columns, [self.group], what="the new data")
        modes = self.therapists.set_index(self.group)[["effect", "sd"]]
        effect, spread = (data[self.group].map(modes[c]).to_numpy(dtype=float) for c in modes)
        seen = np.isfinite(effect)
        return np.where(seen, effect, 0.0), np.where(seen, spread, 0.0), np.where(seen, clients, sd)

    def predict(self, data: pd.DataFrame, *, therapists: str = "new") -> pd.Series:
        """How likely is each client to leave after each of these sessions?

        Parameters
        ----------
        data
            Rows with the formula's columns.
        therapists
            ``"new"``: averaged over therapists as they differ in this population, for one not
            seen before. ``"known"``: with the own intercept of each row's therapist; one not
            seen before gets the average over therapists. ``"average"``: of the therapist at the
            middle (intercept 0), who is not the average over therapists.

        Returns
        -------
        Series
            The hazard of each row, with the index of `data`. With clients' own intercepts it is
            averaged over those still there, who are not those who began: the rows then need
            ``client_id`` and the clock's column, from session 1 on without gaps.
        """
        if self.frailty > 0:
            return hazard_of_those_there(self, data, therapists)
        effect, _, sd = self.intercepts(data, therapists)
        eta = self.linear_predictor(data) + effect
        return pd.Series(over_therapists(self.link, eta, sd), index=data.index, name="hazard")

    def plot(self, data: pd.DataFrame, ax: Axes | None = None) -> Axes:
        """Draw the observed and the fitted hazard by session of these rows."""
        from .plots import plot_hazard

        return plot_hazard(self, data, ax)

    def plot_client(self, data: pd.DataFrame, client_id: object, ax: Axes | None = None) -> Axes:
        """Draw one client's predicted course with what drove it."""
        from .plots import plot_client

        return plot_client(self, data, client_id, ax)

    def augment(self, data: pd.DataFrame) -> pd.DataFrame:
        """Return `data` with the column ``hazard``, for the therapists that were seen."""
        return data.assign(hazard=self.predict(data, therapists="known"))

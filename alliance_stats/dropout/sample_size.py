"""How many clients a prediction model of dropout needs, before any is fitted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..core.arguments import whole, within
from ..core.results import Result
from ..errors import DesignError
from ..inference.rows import glance_row, tidy_rows


@dataclass(frozen=True)
class DropoutSampleSize(Result):
    """The clients needed by each criterion; the largest counts.

    Attributes
    ----------
    table
        ``criterion, n, n_events, events_per_parameter, shrinkage``.
    n, n_events
        The clients and dropouts needed to meet all of them.
    """

    table: pd.DataFrame
    n: int
    n_events: float
    parameters: int
    prevalence: float
    r2_cox_snell: float
    messages: tuple[str, ...] = ()
    title: str = "Clients needed for a prediction model of dropout (Riley et al.)"

    def tidy(self) -> pd.DataFrame:
        """Return the number of clients by each criterion."""
        return tidy_rows(self.table["criterion"], self.table["n"].astype(float))

    def glance(self) -> pd.DataFrame:
        """Return one row: what is needed, and for what."""
        return glance_row(self, "n", "n_events", "parameters", "prevalence", "r2_cox_snell")


def dropout_sample_size(
    *,
    parameters: int,
    prevalence: float,
    r2: float | None = None,
    auc: float | None = None,
    shrinkage: float = 0.9,
    optimism: float = 0.05,
    margin: float = 0.05,
    seed: int = 0,
) -> DropoutSampleSize:
    """How many clients must there be before a prediction model of dropout is worth fitting?

    Parameters
    ----------
    parameters
        Coefficients to be considered, without the intercept; not only those kept in the end.
    prevalence
        The share of clients expected to drop out.
    r2
        Anticipated Cox-Snell R squared. Unless given it is taken from `auc`, or else as 15 % of
        the largest possible (Riley et al.'s advice where nothing is known).
    auc
        Anticipated area under the curve; turned into Cox-Snell R squared by simulation.
    shrinkage
        Criterion 1: the shrinkage wanted, at least; Riley et al. say .9.
    optimism
        Criterion 2: the largest difference of apparent and adjusted Nagelkerke R squared.
    margin
        Criterion 3: half the width of the 95 % interval of the overall risk.
    seed
        Of the simulation that turns `auc` into R squared.

    Returns
    -------
    DropoutSampleSize

    Notes
    -----
    Riley et al. (2019, doi 10.1002/sim.7992; 2020, doi 10.1136/bmj.m441). From AUC: Riley, Van
    Calster & Collins (2021, doi 10.1002/sim.8806). The formulas take clients as independent;
    clients of one therapist are alike, so more are needed.

    Examples
    --------
    Chagas' disease, from Riley et al. (2020): 24 parameters, risk .174, R squared .288.

    >>> import alliance_stats as al
    >>> al.dropout_sample_size(parameters=24, prevalence=0.174, r2=0.288).n
    662
    """
    parameters = _check(parameters, prevalence, shrinkage, optimism, margin, seed)
    largest = 1 - np.exp(2 * _null(prevalence))
    r2, said = _r2(r2, auc, prevalence, largest, seed)
    within(r2, "r2", 0.0, float(largest), " (the most this prevalence allows)")
    if r2 >= shrinkage:
        raise DesignError(
            f"shrinkage ({shrinkage:g}) must lie above the anticipated Cox-Snell R squared "
            f"({r2:.3f}): with less, no number of clients is defined."
        )
    for_risk = int(np.ceil((1.96 / margin) ** 2 * prevalence * (1 - prevalence)))
    for_optimism = r2 / (r2 + optimism * largest)
    rows = [
        ("shrinkage", _for_shrinkage(parameters, r2, shrinkage), shrinkage),
        ("optimism", _for_shrinkage(parameters, r2, for_optimism), for_optimism),
        ("overall risk", for_risk, np.nan),
    ]
    table = pd.DataFrame(rows, columns=["criterion", "n", "shrinkage"])
    table["n_events"] = table["n"] * prevalence
    table["events_per_parameter"] = table["n_events"] / parameters
    n = int(table["n"].max())
    answer = (
        f"{n} clients are needed, of whom about {n * prevalence:.0f} drop out: the largest of the "
        f"three numbers ({table['criterion'].iloc[int(table['n'].argmax())]})."
    )
    return DropoutSampleSize(table, n, n * prevalence, parameters, prevalence, r2, (*said, answer))


def _check(
    parameters: int, prevalence: float, shrinkage: float, optimism: float, margin: float, seed: int
) -> int:
    within(prevalence, "prevalence")
    within(shrinkage, "shrinkage")
    within(optimism, "optimism")
    within(margin, "margin", 0, 0.5)
    whole(seed, "seed", 0)
    return whole(parameters, "parameters", 1)


def _null(prevalence: float) -> float:
    """Return the log-likelihood of the base rate, a client."""
    return float(prevalence * np.log(prevalence) + (1 - prevalence) * np.log1p(-prevalence))


def _for_shrinkage(parameters: int, r2: float, shrinkage: float) -> int:
    return int(np.ceil(parameters / ((shrinkage - 1) * np.log(1 - r2 / shrinkage))))


def _r2(
    r2: float | None, auc: float | None, prevalence: float, largest: float, seed: int
) -> tuple[float, list[str]]:
    if r2 is not None and auc is not None:
        raise DesignError("Give either r2 or auc, not both.")
    if r2 is not None:
        return r2, []
    if auc is None:
        said = "Nothing was anticipated, so R squared is 15 % of its maximum, as Riley et al. say."
        return 0.15 * largest, [said]
    within(auc, "auc", 0.5, 1.0)
    return _r2_from_auc(auc, prevalence, seed), []


def _r2_from_auc(auc: float, prevalence: float, seed: int, n: int = 200_000) -> float:
    """Return Cox-Snell R squared of a normal linear predictor with that AUC."""
    from scipy.stats import norm

    from .prediction.metrics import weighted_logistic

    rng = np.random.default_rng(seed)
    gone = round(prevalence * n)
    y = np.repeat([1.0, 0.0], [gone, n - gone])
    z = rng.normal(size=n) + y * np.sqrt(2) * norm.ppf(auc)
    x = np.column_stack([np.ones(n), z])
    eta = x @ weighted_logistic(x, y, np.ones(n))
    loglik = float(np.sum(y * eta - np.logaddexp(0, eta)))
    return float(1 - np.exp(2 * (n * _null(gone / n) - loglik) / n))

"""The between effect that clients' true levels would show, from that of their observed means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..core.arguments import shown
from ..core.results import Z95, Result
from ..errors import ColumnError, DesignError, require_columns
from ..inference.rows import tidy_rows

if TYPE_CHECKING:
    from .reliability import MeanReliability


LOW = 0.5  # below it the correction more than doubles the distance from the within effect


@dataclass(frozen=True)
class CorrectedBetween(Result):
    """A between effect before and after the correction; made by `correct_between`."""

    column: str
    reliability: float
    within: float
    between_observed: float
    between: float
    std_error: float
    observed_std_error: float
    conf_low: float
    conf_high: float
    messages: tuple[str, ...] = ()

    @property
    def title(self) -> str:  # type: ignore[override]
        """Return the headline of the summary."""
        return f"Between effect of {self.column}, corrected for the unreliability of client means"

    @property
    def contextual(self) -> float:
        """Return the corrected contextual effect: between minus within."""
        return self.between - self.within

    def tidy(self) -> pd.DataFrame:
        """Return the corrected and the observed effect, with the glossary's columns."""
        names = [f"{self.column}_between", f"{self.column}_between (observed)"]
        return tidy_rows(
            names,
            [self.between, self.between_observed],
            [self.std_error, self.observed_std_error],
            conf_low=[self.conf_low, np.nan],
            conf_high=[self.conf_high, np.nan],
        )

    def term_labels(self) -> dict[str, str]:
        """Return which of both effects is corrected."""
        name = f"{self.column}_between"
        return {name: "Corrected", f"{name} (observed)": "As observed"}

    def glance(self) -> pd.DataFrame:
        """Return one row: the reliability and the effects."""
        row = {
            "column": self.column,
            "reliability": self.reliability,
            "within": self.within,
            "between_observed": self.between_observed,
            "between": self.between,
            "contextual": self.contextual,
        }
        return pd.DataFrame([row])


def correct_between(
    fit: Any, column: str, reliability: MeanReliability | float
) -> CorrectedBetween:
    """Correct a between-client effect for the unreliability of the clients' observed means.

    *The model says that clients with a better usual alliance have less distress. How strong is
    that for the alliance they truly usually have, and not only in the few sessions observed?* With
    reliability λ the coefficient of the observed mean is, in large samples, a mixture:
    λ · between + (1 - λ) · within. Solved for the between effect:
    (observed - (1 - λ) · within) / λ.

    Parameters
    ----------
    fit
        A fitted model with ``.params`` and ``.cov_params()`` that holds ``X_within`` and
        ``X_between`` as `decompose` names them; anything from `fit_multilevel` or statsmodels.
    column
        X, the column that was split.
    reliability
        What `mean_reliability` gives for it, or a number above 0, at most 1.

    Returns
    -------
    CorrectedBetween
        ``.between``, ``.std_error``, ``.conf_low``, ``.conf_high``, ``.contextual``, and the effect
        as observed.

    Raises
    ------
    ColumnError
        The fit lacks one of the two coefficients, or the reliability is no number of that range.

    Notes
    -----
    What the formula takes for granted: two levels, clients' true levels and their deviations
    unrelated, the same within effect in all clients (or one unrelated to their level), no other
    predictor in the model that is correlated with clients' means (with one, λ would have to be
    the reliability given the others), and about equally many sessions a client. The standard
    error and the 95 % interval (normal) take λ as known, so they are too small where λ rests on
    few clients. The lower λ is, the more the correction only multiplies uncertainty: report the
    observed effect beside it. Where much depends on it, fit a model with latent means.

    References
    ----------
    Lüdtke et al. (2008), doi:10.1037/a0012869 (the bias). Gottfredson (2019), PMC6435441 (the
    correction after the fit).

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import statsmodels.formula.api as smf
    >>> import alliance_stats as al
    >>> rng = np.random.default_rng(1)
    >>> level = np.repeat(rng.normal(size=200), 4)
    >>> data = pd.DataFrame({"client_id": np.repeat(range(200), 4)})
    >>> data = data.assign(bond=level + rng.normal(size=800))
    >>> data = data.assign(distress=-2 * level - 0.5 * (data["bond"] - level))
    >>> split = al.decompose(data, "bond")
    >>> fit = smf.ols("distress ~ bond_within + bond_between", split).fit()
    >>> reliability = al.mean_reliability(data, "bond")
    >>> round(float(fit.params["bond_between"]), 1)
    -1.7
    >>> round(al.correct_between(fit, "bond", reliability).between, 1)
    -2.0
    """
    if not hasattr(fit, "params") or not hasattr(fit, "cov_params"):
        raise DesignError(
            "fit must be a fitted model with .params and .cov_params(), of fit_multilevel or "
            f"statsmodels, not {shown(fit)}."
        )
    share = _share(reliability)
    estimates = pd.Series(fit.params)
    names = [f"{column}_between", f"{column}_within"]
    require_columns(estimates.index, names, what="the fit's coefficients")
    between, within = (float(estimates[name]) for name in names)
    covariance = pd.DataFrame(fit.cov_params()).loc[names, names].to_numpy(dtype=float)
    observed_error = float(np.sqrt(covariance[0, 0]))
    if not share > 0:
        why = (
            f"Not corrected: the reliability is {share:g}, so that the means carry no information."
        )
        nothing = np.nan
        return CorrectedBetween(
            column, share, within, between, nothing, nothing, observed_error, nothing, nothing,
            (why,),
        )  # fmt: skip
    weights = np.array([1.0, -(1 - share)]) / share
    corrected = float(weights @ [between, within])
    error = float(np.sqrt(weights @ covariance @ weights))
    reach = Z95 * error
    return CorrectedBetween(
        column=column,
        reliability=share,
        within=within,
        between_observed=between,
        between=corrected,
        std_error=error,
        observed_std_error=observed_error,
        conf_low=corrected - reach,
        conf_high=corrected + reach,
        messages=_caveats(share, list(estimates.index), names),
    )


def _share(reliability: MeanReliability | float) -> float:
    if hasattr(reliability, "reliability"):
        return reliability.reliability
    if isinstance(reliability, (int, float, np.number)) and 0 < reliability <= 1:
        return float(reliability)
    raise ColumnError(
        "`reliability` must be a result of mean_reliability, or a number above 0 and at most 1; "
        f"it is {shown(reliability)}."
    )


def _caveats(share: float, terms: list[str], names: list[str]) -> tuple[str, ...]:
    said = [
        "The standard error and the interval take the reliability as known; they are too small "
        "where it rests on few clients."
    ]
    if share < LOW:
        said.append(
            f"The reliability is only {share:.2f}: the correction more than doubles the distance "
            "from the within effect, and its uncertainty. Do not rest a conclusion on it."
        )
    others = [term for term in terms if term not in names and "ntercept" not in term]
    others = [term for term in others if not term.endswith((" Var", " Cov", "scale"))]
    if others:
        said.append(
            f"The model has further terms ({', '.join(others[:5])}"
            f"{', ...' if len(others) > 5 else ''}). The formula holds where they are "
            "uncorrelated with the clients' means."
        )
    return tuple(said)

"""Discrete-time hazard of dropout, with or without a random intercept of the therapist."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2, norm

from ..errors import ColumnError, DesignError, FormulaError, did_you_mean, listing
from ..results import Result
from . import frailty

_RANDOM = re.compile(r"\+?\s*\(\s*1\s*\|\s*(?P<group>[A-Za-z_]\w*)\s*\)")
_LARGE = 15.0  # |log odds| beyond which a coefficient speaks of separation, not of an effect


@dataclass(frozen=True)
class DropoutHazard(Result):
    """A fitted discrete-time hazard model.

    Attributes
    ----------
    params, bse
        Coefficients on the link's scale and their standard errors (from the observed
        information; robust to clusters where ``cluster`` was given).
    variance
        Variance of the therapists' random intercept; NaN without one.
    icc
        variance / (variance + latent variance), which is pi^2/3 for logit and pi^2/6 for cloglog.
    converged
        Whether the gradient vanished at the end.
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
    messages: tuple[str, ...] = ()
    title: str = "Discrete-time hazard of dropout"

    def conf_int(self) -> pd.DataFrame:
        """Return Wald intervals of the coefficients, columns ``low`` and ``high``."""
        half = norm.ppf(0.5 + self.confidence / 2) * self.bse
        return pd.DataFrame({"low": self.params - half, "high": self.params + half})

    def tidy(self, *, exponentiate: bool = False) -> pd.DataFrame:
        """Return one row a term; `exponentiate` gives odds ratios (logit) or hazard ratios."""
        statistic = self.params / self.bse
        limits = self.conf_int()
        turn = np.exp if exponentiate else (lambda values: values)
        fixed = pd.DataFrame(
            {
                "effect": "fixed",
                "group": "",
                "term": self.params.index,
                "estimate": turn(self.params.to_numpy()),
                "std_error": self.bse.to_numpy(),
                "statistic": statistic.to_numpy(),
                "df": np.inf,
                "p_value": 2 * norm.sf(np.abs(statistic.to_numpy())),
                "conf_low": turn(limits["low"].to_numpy()),
                "conf_high": turn(limits["high"].to_numpy()),
            }
        )
        if not self.group:
            return fixed
        empty = dict.fromkeys(["std_error", "statistic", "df", "conf_low", "conf_high"], np.nan)
        row = {
            "effect": "random", "group": self.group, "term": "var(Intercept)",
            "estimate": self.variance, "p_value": self.variance_p_value, **empty,
        }  # fmt: skip
        return pd.concat([fixed, pd.DataFrame([row])[fixed.columns]], ignore_index=True)

    def glance(self) -> pd.DataFrame:
        """Return one row: size, fit and the therapists' share of the variance."""
        return pd.DataFrame(
            [
                {
                    "nobs": self.nobs,
                    "n_events": self.n_events,
                    "n_groups": self.n_groups,
                    "link": self.link,
                    "variance": self.variance,
                    "icc": self.icc,
                    "llf": self.llf,
                    "aic": self.aic,
                    "converged": self.converged,
                }
            ]
        )


def fit_dropout_hazard(
    formula: str,
    data: pd.DataFrame,
    *,
    link: str = "logit",
    cluster: str | None = None,
    nodes: int = frailty.NODES,
    confidence: float = 0.95,
) -> DropoutHazard:
    """What raises or lowers the chance that a client does not come back after a session?

    Parameters
    ----------
    formula
        ``event ~ session + alliance_within + alliance_between + (1 | therapist_id)``. The
        left-hand side is 0/1; the right one may use ``C(...)``, interactions and ``bs(session,
        df=4)``. One random intercept is allowed.
    data
        One row a client and session at risk, from `person_period`.
    link
        ``logit`` (odds ratios) or ``cloglog`` (hazard ratios of a proportional-hazards model in
        continuous time).
    cluster
        Without a random intercept: a column whose groups make the standard errors robust.
    nodes
        Points of the adaptive Gauss-Hermite quadrature.

    Returns
    -------
    DropoutHazard

    Notes
    -----
    Maximum likelihood. With a random intercept the coefficients are conditional on the therapist;
    without, they are averages over therapists and smaller in size. The test of the variance is a
    likelihood ratio against half a chi-squared with 1 df, half at 0. Singer & Willett (1993,
    doi 10.3102/10769986018002155) describe the model.

    Examples
    --------
    >>> import pandas as pd, alliance_stats as al
    >>> data = pd.DataFrame(
    ...     {"event": [0, 0, 1, 0, 1, 0, 0, 1], "session": [1, 2, 3, 1, 2, 1, 2, 3]}
    ... )
    >>> fit = al.fit_dropout_hazard("event ~ session", data)
    >>> fit.nobs, fit.n_events
    (8, 3)
    """
    if link not in frailty.LATENT_VARIANCE:
        raise DesignError(
            f"link must be 'logit' or 'cloglog', not {link!r}."
            f"{did_you_mean(link, frailty.LATENT_VARIANCE)}"
        )
    fixed, group = _split(formula)
    if group and cluster:
        raise DesignError(
            f"Give either a random intercept, (1 | {group}), or cluster='{cluster}', not both."
        )
    used, messages = _complete(fixed, data, [c for c in (group, cluster) if c])
    y, x = _matrices(fixed, used)
    messages += list(data.attrs.get("messages", ()))
    if group:
        parts = _fit_with_frailty(y, x, used[group], link, nodes)
    else:
        parts = _fit_without(y, x, used[cluster] if cluster else None, link)
    messages += _warnings_in_words(parts["params"], parts["converged"], group, parts["variance"])
    return DropoutHazard(
        formula=formula, link=link, group=group or "", nobs=len(y), n_events=int(y.sum()),
        confidence=confidence, messages=tuple(messages), **parts,
    )  # fmt: skip


def _split(formula: str) -> tuple[str, str | None]:
    """Return the formula without its random intercept, and the grouping column."""
    found = list(_RANDOM.finditer(formula))
    rest = _RANDOM.sub("", formula).strip()
    if len(found) > 1 or "|" in rest:
        raise FormulaError(
            "A hazard formula may hold one random intercept, such as (1 | therapist_id); got\n"
            f"  {formula}"
        )
    if "~" not in rest:
        raise FormulaError(f"A formula needs '~' between event and predictors; got\n  {formula}")
    return (rest + " 1" if rest.endswith("~") else rest), (found[0]["group"] if found else None)


def _complete(fixed: str, data: pd.DataFrame, groups: list[str]) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows without missing values in any variable used, and what was left out."""
    import formulaic

    try:
        needed = [str(v) for v in formulaic.Formula(fixed).required_variables]
    except Exception as problem:
        raise FormulaError(f"The formula cannot be read: {problem}\n  {fixed}") from None
    absent = [name for name in [*needed, *groups] if name not in data.columns]
    if absent:
        raise ColumnError(
            f"The formula names '{absent[0]}', which is no column of the data; the columns are "
            f"{listing(data.columns, 12)}.{did_you_mean(absent[0], data.columns)}"
        )
    columns = list(dict.fromkeys([*needed, *groups]))
    gaps = data[columns].isna()
    keep = ~gaps.any(axis=1)
    messages = []
    if not keep.all():
        counts = ", ".join(f"{name} {n}" for name, n in gaps.sum().items() if n)
        messages.append(f"{int((~keep).sum())} of {len(data)} rows lack a value ({counts}).")
    return data.loc[keep], messages


def _matrices(fixed: str, used: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
    import formulaic

    if used.empty:
        raise DesignError("No row has a value of every variable in the formula.")
    sides = formulaic.model_matrix(fixed, used)
    y = np.asarray(sides.lhs, dtype=float).ravel()
    x = pd.DataFrame(np.asarray(sides.rhs, dtype=float), columns=list(sides.rhs.columns))
    if not np.isin(y, (0.0, 1.0)).all():
        raise ColumnError("The left-hand side of the formula must hold 0 and 1 only.")
    if y.min() == y.max():
        what = "no" if y.max() == 0 else "nothing but"
        raise DesignError(f"There is {what} event among {len(y)} rows, so no hazard to model.")
    if not np.isfinite(x.to_numpy()).all():
        bad = x.columns[~np.isfinite(x.to_numpy()).all(axis=0)]
        raise ColumnError(f"Predictors must be finite; {listing(bad)} hold infinite values.")
    if np.linalg.matrix_rank(x.to_numpy()) < x.shape[1]:
        raise DesignError(
            f"The predictors {listing(x.columns, 12)} are linearly dependent; leave one out."
        )
    return y, x


def _fit_without(
    y: np.ndarray, x: pd.DataFrame, cluster: pd.Series | None, link: str
) -> dict[str, Any]:
    model, fitted = _glm(y, x, link)
    if cluster is not None:
        codes = pd.factorize(cluster)[0]
        fitted = model.fit(cov_type="cluster", cov_kwds={"groups": codes})
    return {
        "params": pd.Series(fitted.params, index=x.columns),
        "bse": pd.Series(fitted.bse, index=x.columns),
        "variance": float("nan"),
        "variance_p_value": float("nan"),
        "icc": float("nan"),
        "n_groups": int(cluster.nunique()) if cluster is not None else 0,
        "llf": float(fitted.llf),
        "aic": float(-2 * fitted.llf + 2 * x.shape[1]),
        "converged": bool(fitted.converged),
    }


def _glm(y: np.ndarray, x: pd.DataFrame, link: str) -> tuple[Any, Any]:
    import warnings

    import statsmodels.api as sm

    links = {"logit": sm.families.links.Logit, "cloglog": sm.families.links.CLogLog}
    model = sm.GLM(y, x.to_numpy(), family=sm.families.Binomial(link=links[link]()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # separation is told in our own words
        return model, model.fit()


def _fit_with_frailty(
    y: np.ndarray, x: pd.DataFrame, groups: pd.Series, link: str, nodes: int
) -> dict[str, Any]:
    codes, names = pd.factorize(groups)
    if len(names) < 2:
        raise DesignError(
            f"A random intercept of '{groups.name}' needs at least two groups; there is "
            f"{len(names)}."
        )
    _, plain = _glm(y, x, link)
    sample = frailty.Sample(y, x.to_numpy(), codes, len(names), link)
    found = frailty.fit(sample, np.asarray(plain.params), nodes)
    p = x.shape[1]
    ratio = max(0.0, 2 * (found.loglik - float(plain.llf)))
    variance = found.sd**2
    return {
        "params": pd.Series(found.beta, index=x.columns),
        "bse": pd.Series(np.sqrt(np.diag(found.cov))[:p], index=x.columns),
        "variance": variance,
        "variance_p_value": 0.5 * float(chi2.sf(ratio, 1)) if ratio > 0 else 1.0,
        "icc": variance / (variance + frailty.LATENT_VARIANCE[link]),
        "n_groups": len(names),
        "llf": found.loglik,
        "aic": -2 * found.loglik + 2 * (p + 1),
        "converged": found.converged,
    }


def _warnings_in_words(
    params: pd.Series, converged: bool, group: str | None, variance: float
) -> list[str]:
    messages = []
    large = params.index[params.abs() > _LARGE]
    if len(large):
        messages.append(
            f"The coefficient of {listing(large)} runs to infinity: some value of it goes with no "
            "event, or with nothing but events. Merge categories or leave it out."
        )
    if not converged:
        messages.append("The optimiser stopped before the maximum; do not report this fit.")
    if group and variance == 0:
        messages.append(
            f"The variance between groups of '{group}' is estimated as zero: the data show no "
            "difference between them beyond chance, which with few groups says little."
        )
    return messages

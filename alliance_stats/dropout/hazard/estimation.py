"""How a hazard is estimated: a logistic regression, or an integral over random intercepts."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2

from ...core.people import CLIENT
from ...errors import DesignError
from ...inference.distributions import half_width
from ...multilevel.fit import fitted_outcome
from ...multilevel.outcomes.meaning import LATENT
from ...multilevel.outcomes.reading import Asked
from ...multilevel.outcomes.result import OutcomeFit
from .fit_checks import refuse_one_group, standardised, turned

NO_THERAPISTS = pd.DataFrame(columns=["n", "events", "effect", "sd"])


def fit_without(
    y: np.ndarray, x: pd.DataFrame, cluster: pd.Series | None, link: str
) -> dict[str, Any]:
    """Fit without random effects; errors are the model's, or robust to a `cluster`."""
    scaled, back = standardised(x)
    codes = None
    if cluster is not None:
        refuse_one_group(cluster)
        codes = pd.factorize(cluster)[0]
    plain, fitted = _glm(y, scaled, link, codes)
    cov = turned(np.asarray(fitted.cov_params()), back)
    naive = turned(np.asarray(plain.cov_params()), back)
    return {
        "params": pd.Series(back @ np.asarray(fitted.params), index=x.columns),
        "bse": pd.Series(np.sqrt(np.diag(cov)), index=x.columns),
        "naive_bse": pd.Series(np.sqrt(np.diag(naive)), index=x.columns),
        "cov": pd.DataFrame(cov, index=x.columns, columns=x.columns),
        "therapists": NO_THERAPISTS,
        "variance": float("nan"),
        "variance_p_value": float("nan"),
        "icc": float("nan"),
        "n_groups": int(cluster.nunique()) if cluster is not None else 0,
        "llf": float(fitted.llf),
        "aic": float(-2 * fitted.llf + 2 * x.shape[1]),
        "converged": bool(fitted.converged),
    }


def _glm(
    y: np.ndarray, x: np.ndarray, link: str, codes: np.ndarray | None = None
) -> tuple[Any, Any]:
    """Return the fit with the model's own errors, and the one robust to clusters (or the same)."""
    from statsmodels.genmod.families import Binomial, links
    from statsmodels.genmod.generalized_linear_model import GLM

    known = {"logit": links.Logit, "cloglog": links.CLogLog}
    model = GLM(y, x, family=Binomial(link=known[link]()))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # separation is told in our own words
        plain = model.fit()
        if codes is None:
            return plain, plain
        return plain, model.fit(cov_type="cluster", cov_kwds={"groups": codes})


def fit_with_intercepts(
    y: pd.Series,
    x: pd.DataFrame,
    groups: pd.DataFrame,
    alone: pd.Series,
    link: str,
    nodes: int | None,
    confidence: float,
) -> dict[str, Any]:
    """Fit with random intercepts of the groups: clients, of whatever they lie in, or both.

    Rows that stand `alone` have no effect of what clients lie in.
    """
    names = [str(name) for name in groups.columns]
    held = {name: groups[name] if name == CLIENT else groups.loc[~alone, name] for name in names}
    for name in names:
        if held[name].nunique() < 2:
            raise DesignError(
                f"A random intercept of '{name}' needs at least two groups; there is "
                f"{held[name].nunique()}."
            )
    scaled, back = standardised(x)
    # a predictor may have the name of a group
    known = {name: name if name not in x.columns else f"({name})" for name in names}
    columns = {known[name]: groups[name].to_numpy() for name in names}
    rows = pd.DataFrame(scaled, columns=x.columns).assign(**{str(y.name): y.to_numpy()}, **columns)
    rows["(given)"] = (~alone).to_numpy(dtype=float)
    effect = {name: "1" if name == CLIENT or not alone.any() else "0 + `(given)`" for name in names}
    terms = f"`{y.name}` ~ 0 + {' + '.join(f'`{term}`' for term in x.columns)}"

    def fitted(kept: Iterable[str]) -> OutcomeFit:
        random = "".join(f" + ({effect[name]} | `{known[name]}`)" for name in kept)
        return fitted_outcome(terms + random, rows, Asked("binomial", link), nodes=nodes)

    fit = fitted(names)
    found = fit.varcomp.set_index("group")["vcov"]
    variances = {name: float(found[known[name]]) for name in names}

    def p_value(name: str) -> float:
        if not variances[name] > 0:  # both likelihoods are the same but for rounding
            return 1.0
        others = [other for other in names if other != name]
        without = fitted(others).llf if others else _glm(y.to_numpy(), scaled, link)[0].llf
        return 0.5 * float(chi2.sf(max(2 * (fit.llf - without), 0.0), 1))

    group = next((name for name in names if name != CLIENT), "")
    variance, frailty = (variances.get(name, float("nan")) for name in (group, CLIENT))
    cov = turned(fit.cov_params().to_numpy(), back)
    bse = pd.Series(np.sqrt(np.diag(cov)), index=x.columns)
    return {
        "params": pd.Series(back @ fit.params.to_numpy(), index=x.columns),
        "bse": bse,
        "naive_bse": bse,
        "cov": pd.DataFrame(cov, index=x.columns, columns=x.columns),
        "therapists": _therapists(held[group], known[group], y[~alone.to_numpy()], fit, confidence)
        if group
        else NO_THERAPISTS,
        "variance": variance,
        "variance_p_value": p_value(group) if group else float("nan"),
        "icc": variance / (sum(variances.values()) + LATENT[link]),
        "frailty": frailty,
        "frailty_p_value": p_value(CLIENT) if CLIENT in variances else float("nan"),
        "n_groups": held[group].nunique() if group else 0,
        "n_alone": int(alone.sum()) if group else 0,
        "llf": fit.llf,
        "aic": fit.aic,
        "converged": fit.converged,
    }


def _therapists(
    groups: pd.Series, column: str, y: pd.Series, fit: OutcomeFit, confidence: float
) -> pd.DataFrame:
    """Return rows at risk, events and the conditional mode of each therapist."""
    own = y.groupby(groups.to_numpy(), sort=False).agg(["size", "sum"])
    effect = fit.random_effects[column].iloc[:, 0].loc[own.index].to_numpy()
    spread = fit.random_effects_sd[column].iloc[:, 0].loc[own.index].to_numpy()
    half = half_width(spread, confidence=confidence)
    return pd.DataFrame(
        {
            groups.name: own.index.to_numpy(),
            "n": own["size"].to_numpy(),
            "events": own["sum"].to_numpy().astype(int),
            "effect": effect,
            "sd": spread,
            "conf_low": effect - half,
            "conf_high": effect + half,
        }
    )

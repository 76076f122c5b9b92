"""The models behind the mean gap and its change over sessions."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t

from ...errors import AllianceStatsWarning, DesignError

SLOPES = (
    ("(1 + session | client_id)", "(1 + session | therapist_id)", ""),
    (
        "(1 + session | client_id)",
        "(1 | therapist_id)",
        "The gap's change is not let vary between therapists: the data do not carry it.",
    ),
    (
        "(1 | client_id)",
        "(1 | therapist_id)",
        "The gap's change is taken as the same in all dyads, since the data do not carry a slope "
        "for each; where slopes differ, its interval is too narrow.",
    ),
)
"""Random effects by client and therapist from richest to plainest, and what the loss means."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """A coefficient with its test, and what each dyad counts in it."""

    estimate: float
    std_error: float
    low: float
    high: float
    df: float
    p_value: float
    weight: pd.Series


_NOTHING = dict.fromkeys(("std_error", "low", "high", "df", "p_value"), np.nan)


def mean_model(
    pairs: pd.DataFrame, sums: pd.DataFrame, *, therapists: bool, messages: list[str]
) -> Fitted:
    """Return the mean gap with dyads and therapists respected (REML, Satterthwaite)."""
    levels = ["client_id"] if (sums["n"] > 1).any() else []
    levels += ["therapist_id"] if therapists else []
    even = pd.Series(1.0, index=sums.index)
    if not levels:
        gap = pairs["gap"].to_numpy()
        n, mean = len(gap), float(gap.mean())
        if n < 2:
            messages.append("One dyad with one session gives no interval.")
            return Fitted(mean, **_NOTHING, weight=even)
        error = float(gap.std(ddof=1) / np.sqrt(n))
        half = t.ppf(0.975, n - 1) * error
        p = 2 * t.sf(abs(mean) / error, n - 1)
        return Fitted(mean, error, mean - half, mean + half, n - 1, p, even)
    if len(sums) < 2:
        messages.append("One dyad does not say how dyads differ: the mean gap has no interval.")
        return Fitted(float(pairs["gap"].mean()), **_NOTHING, weight=even)
    fit = _fit("gap ~ 1" + "".join(f" + (1 | {level})" for level in levels), pairs)
    if fit is None:
        messages.append("The model of the mean gap did not converge; its row is left out.")
        return Fitted(np.nan, **_NOTHING, weight=even)
    row = fit.tidy().query("effect == 'fixed'").set_index("term").loc["Intercept"]
    return Fitted(
        estimate=float(row["estimate"]),
        std_error=float(row["std_error"]),
        low=float(row["conf_low"]),
        high=float(row["conf_high"]),
        df=float(row["df"]),
        p_value=float(row["p_value"]),
        weight=_weights(fit, sums, therapists),
    )


def _weights(fit: Any, sums: pd.DataFrame, therapists: bool) -> pd.Series:
    """Return what each dyad's mean counts in the model's mean (generalised least squares)."""
    found = fit.varcomp.groupby("group")["vcov"].first()
    noise = float(fit.scale)
    own = 1 / (float(found.get("client_id", 0.0)) + noise / sums["n"])
    if not therapists:
        return own
    total = own.groupby(sums["therapist_id"]).transform("sum")
    # a therapist's weight, spread over the dyads by what each says
    return own / total / (float(found.get("therapist_id", 0.0)) + 1 / total)


def change_row(pairs: pd.DataFrame, therapists: bool, messages: list[str]) -> dict[str, float]:
    """Return the change of the gap per session, with slopes that vary where they can be had."""
    names = ["estimate", "std_error", "df", "p_value", "conf_low", "conf_high"]
    repeated = pairs.groupby("client_id", observed=True)["session"].nunique()
    if (repeated < 2).all():
        messages.append("No dyad was rated at two sessions, so the gap's change is not estimated.")
        return dict.fromkeys(names, np.nan)
    if len(repeated) < 3:
        messages.append("Fewer than three dyads do not say how the gap changes in general.")
        return dict.fromkeys(names, np.nan)
    data = pairs.assign(session=pairs["session"] - pairs["session"].mean())
    for dyad, top, said in SLOPES if therapists else SLOPES[1:]:
        formula = f"gap ~ session + {dyad}" + (f" + {top}" if therapists else "")
        fit = _fit(formula, data)
        if fit is None:
            continue
        if said and not (therapists is False and dyad == SLOPES[1][0]):
            messages.append(said)
        row = fit.tidy().query("effect == 'fixed'").set_index("term").loc["session"]
        return {name: float(row[name]) for name in names}
    messages.append("No model of the gap's change converged; its row is left out.")
    return dict.fromkeys(names, np.nan)


def _fit(formula: str, data: pd.DataFrame) -> Any:
    """Return a converged fit, or None."""
    from ...multilevel import fit_multilevel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AllianceStatsWarning)  # told in the messages instead
        try:
            fit = fit_multilevel(formula, data)
        except (DesignError, np.linalg.LinAlgError):
            return None
    return fit if fit.converged else None

"""The models behind the mean gap and its change over sessions."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

from ...errors import AllianceStatsWarning, DesignError
from ...inference.rows import mean_row, t_row

Row = dict[str, float]
UNKNOWN: Row = {"estimate": np.nan}
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


def mean_model(
    pairs: pd.DataFrame,
    sums: pd.DataFrame,
    *,
    therapists: bool,
    messages: list[str],
    confidence: float = 0.95,
) -> tuple[Row, pd.Series]:
    """Return the mean gap with clients and therapists respected, and what each dyad counts in it.

    By REML with Satterthwaite's degrees of freedom; clients who changed therapist cross the two.
    """
    levels = ["client_id"] if pairs["client_id"].duplicated().any() else []
    levels += ["therapist_id"] if therapists else []
    even = pd.Series(1.0, index=sums.index)
    if not levels:
        if len(pairs) < 2:
            messages.append("One dyad with one session gives no interval.")
        return mean_row(pairs["gap"].to_numpy(), confidence), even
    if len(sums) < 2:
        messages.append("One dyad does not say how dyads differ: the mean gap has no interval.")
        return {"estimate": float(pairs["gap"].mean())}, even
    fit = _fit("gap ~ 1" + "".join(f" + (1 | {level})" for level in levels), pairs)
    if fit is None:
        messages.append("The model of the mean gap did not converge; its row is left out.")
        return UNKNOWN, even
    return _row(fit, "Intercept", confidence), _weights(fit, sums, therapists)


def _weights(fit: Any, sums: pd.DataFrame, therapists: bool) -> pd.Series:
    """Return what each dyad's mean counts in the model's mean (generalised least squares).

    That is the covariance's inverse times ones. Dyads of a client share the client's effect and
    those of a therapist the therapist's, so the inverse is a diagonal and two small corrections.
    """
    found = fit.varcomp.groupby("group")["vcov"].first()
    of_client, of_therapist = (
        float(found.get(f"{who}_id", 0.0)) for who in ("client", "therapist")
    )
    own = sums["n"].to_numpy(dtype=float) / float(fit.scale)
    client = pd.factorize(sums["client_id"])[0]
    shared = of_client / (1 + of_client * np.bincount(client, own))

    def solved(values: np.ndarray) -> np.ndarray:  # without therapists
        values = own * values
        return np.asarray(values - own * (shared * np.bincount(client, values))[client])

    weight = solved(np.ones(len(sums)))
    if therapists and of_therapist > 0:
        therapist = pd.factorize(sums["therapist_id"])[0]
        member = np.eye(int(therapist.max()) + 1)[therapist]
        inner = np.column_stack([solved(column) for column in member.T])
        small = np.eye(inner.shape[1]) / of_therapist + member.T @ inner
        weight = weight - inner @ np.linalg.solve(small, member.T @ weight)
    return pd.Series(weight, index=sums.index)


def change_row(
    pairs: pd.DataFrame, therapists: bool, messages: list[str], confidence: float = 0.95
) -> Row:
    """Return the change of the gap per session, with slopes that vary where they can be had."""
    repeated = pairs.groupby("client_id", observed=True)["session"].nunique()
    if (repeated < 2).all():
        messages.append("No dyad was rated at two sessions, so the gap's change is not estimated.")
        return UNKNOWN
    if len(repeated) < 3:
        messages.append("Fewer than three dyads do not say how the gap changes in general.")
        return UNKNOWN
    data = pairs.assign(session=pairs["session"] - pairs["session"].mean())
    for dyad, top, said in SLOPES if therapists else SLOPES[1:]:
        fit = _fit(f"gap ~ session + {dyad}" + (f" + {top}" if therapists else ""), data)
        if fit is None:
            continue
        if said and (therapists or dyad != SLOPES[1][0]):
            messages.append(said)
        return _row(fit, "session", confidence)
    messages.append("No model of the gap's change converged; its row is left out.")
    return UNKNOWN


def _row(fit: Any, term: str, confidence: float) -> Row:
    found = fit.tidy().query("effect == 'fixed'").set_index("term").loc[term]
    return t_row(found["estimate"], found["std_error"], found["df"], confidence)


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

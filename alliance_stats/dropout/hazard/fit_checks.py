"""What must hold before and after a hazard or Cox model is fitted, said in words."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...core.arguments import LARGEST
from ...core.people import CLIENT, SESSION, trimmed
from ...errors import ColumnError, DesignError, listing, plural
from ..checks import number_of

INTERCEPT = "Intercept"
OWN_CLUSTER = "'{}' stay: each is a cluster of its own."
NO_EFFECT = "'{}' stay, and have no effect of one."
FEW_GROUPS = 30
_RUNAWAY = 5.0
"""Per standard deviation of a predictor: a coefficient beyond it multiplies odds by 150, and the
standard error of one that data can tell is about 1 / sqrt(events)."""


def standardised(x: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return centred and scaled predictors, and the matrix that turns coefficients back.

    Coefficients of the predictors themselves are ``back @ found``, their covariance is ``back @
    cov @ back.T``. A predictor far from zero (a date, an id) would else lose its digits.

    Raises
    ------
    ColumnError, DesignError
        Where a predictor is infinite, or a linear combination of the others.
    """
    values = x.to_numpy(dtype=float)
    usable = np.abs(values) <= LARGEST
    if not usable.all():
        bad = x.columns[~usable.all(axis=0)]
        raise ColumnError(f"Predictors must be finite; {listing(bad)} hold infinite values.")
    constant = x.columns == INTERCEPT
    # Without an intercept nothing could take up what centring moves.
    centre = np.where(constant | (not constant.any()), 0.0, values.mean(axis=0))
    away = values - centre
    size = np.sqrt((away**2).mean(axis=0))
    rounding = 1e-12 * np.abs(values).max(axis=0, initial=0.0)
    flat = size <= rounding
    if flat.any():
        raise DesignError(
            f"The predictors {listing(x.columns, 12)} are linearly dependent: "
            f"{listing(x.columns[flat])} has the same value in every row used. Leave it out."
        )
    scaled = away / size
    if np.linalg.matrix_rank(scaled) < scaled.shape[1]:
        raise DesignError(
            f"The predictors {listing(x.columns, 12)} are linearly dependent; leave one out."
        )
    back = np.diag(1 / size)
    back[constant] -= np.where(constant, 0.0, centre / size)
    return scaled, back


def turned(cov: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Return the covariance of coefficients turned back."""
    return np.asarray(back @ cov @ back.T)


def runaways(x: pd.DataFrame, params: pd.Series, naive_bse: pd.Series) -> list[str]:
    """Return the coefficients that run to infinity (separation), in whatever unit."""
    spread = x.std(ddof=0)
    # Errors robust to clusters go to zero under separation, so the model's own are asked.
    far = (params.abs() * spread > _RUNAWAY) | (naive_bse * spread > _RUNAWAY) | naive_bse.isna()
    return [str(name) for name in x.columns if far[name] and name != INTERCEPT]


def told(names: list[str]) -> list[str]:
    """Tell of coefficients that run to infinity."""
    if not names:
        return []
    one = len(names) == 1
    return [
        f"The coefficient{'' if one else 's'} of {listing(names)} run{'s' if one else ''} to "
        "infinity: some value of it goes with no event, or with nothing but events. Merge "
        "categories or leave it out; no estimate is shown."
    ]


def few_events(n: int, p: int) -> list[str]:
    """Tell of a model that asks more of the events than they can tell."""
    if n >= 5 * p:
        return []
    return [
        f"{number_of(n, 'event')} for {number_of(p, 'coefficient')}: so few that estimates are "
        "biased away from zero and their intervals too narrow."
    ]


def few_groups(n: int, advice: str = "take a random intercept instead") -> list[str]:
    """Tell of robust errors from too few groups."""
    if n >= FEW_GROUPS:
        return []
    return [f"Robust standard errors from {n} groups are too small; {advice}."]


def with_groups_of_their_own(
    data: pd.DataFrame, column: str | None
) -> tuple[pd.DataFrame, pd.Series]:
    """Return the data with a group for rows that have none, and which rows those are.

    An arm without therapists would else be gone. Rows of one client stay together. An index that
    repeats, as of tables put below one another, is numbered anew.
    """
    if not data.index.is_unique:
        data = data.reset_index(drop=True)
    if column is None or column not in data.columns:
        return data, pd.Series(data=False, index=data.index)
    none = trimmed(data[column]).isna()
    if not none.any():
        return data, none
    rows = pd.Series(np.arange(len(data)), data.index).astype(object)
    who = data[CLIENT].where(data[CLIENT].notna(), rows) if CLIENT in data.columns else rows
    own = f"no {column}: " + who.astype(str)
    return data.assign(**{column: data[column].astype(object).where(~none, own)}), none


def clusters_in_words(column: str, n: int, alone: int) -> str:
    """Return what errors are robust to; `alone` of `n` clusters are clients without a group."""
    without = f" and {plural(alone, 'client')} without one" if alone else ""
    return f"{n - alone} groups of {column}{without}"


def about_clients_without_group(used: pd.DataFrame, none: pd.Series, what: str) -> list[str]:
    """Tell of clients (or rows, where these are not known) that lack a group and stay."""
    if not none.any():
        return []
    rows = used[none]
    known = CLIENT in rows.columns
    n = plural(int(rows[CLIENT].nunique()), "client") if known else plural(len(rows), "row")
    return [f"{n} without {what}"]


def refuse_a_row_a_client(data: pd.DataFrame) -> None:
    """Refuse rows of clients where those of sessions are meant: nobody would be at risk before."""
    if CLIENT not in data.columns or len(data) < 2 or data[CLIENT].duplicated().any():
        return
    if SESSION not in data.columns or (data[SESSION] != data[SESSION].iloc[0]).any():
        raise DesignError(
            "Each client has one row, and rows of sessions at risk are meant: name the column of "
            "how long clients stayed with duration=, or make rows with al.person_period."
        )


def refuse_one_group(groups: pd.Series) -> None:
    """Refuse robust errors from fewer than two groups."""
    n = groups.nunique()
    if n < 2:
        raise DesignError(
            f"Standard errors robust to '{groups.name}' need two groups or more; there is {n}."
        )

"""Cumulative incidence of dropout where completing therapy competes with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from ..errors import DesignError, require_columns
from ..results import Result
from .endings import COMPETING, DROPOUT, endings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TABLE_COLUMNS = (
    "by", "time", "event", "incidence", "std_error", "conf_low", "conf_high", "n_at_risk",
    "n_events", "one_minus_km",
)  # fmt: skip


@dataclass(frozen=True)
class DropoutIncidence(Result):
    """The share of clients who had ended in each way by each session.

    Attributes
    ----------
    table
        ``by, time, event, incidence, std_error, conf_low, conf_high, n_at_risk, n_events`` and
        ``one_minus_km``: 1 - Kaplan-Meier, which treats the other ends as if those clients could
        still drop out later and so is too high wherever somebody completes.
    """

    table: pd.DataFrame
    by: str | None
    confidence: float
    messages: tuple[str, ...] = ()
    title: str = "Cumulative incidence of the ends of therapy (Aalen-Johansen)"

    def tidy(self) -> pd.DataFrame:
        """Return the incidence at each group's last time, one row a kind of end."""
        last = self.table.groupby(["by", "event"], sort=False, dropna=False).tail(1)
        return pd.DataFrame(
            {
                "effect": "fixed",
                "group": last["by"].to_numpy(),
                "term": last["event"].to_numpy(),
                "estimate": last["incidence"].to_numpy(),
                "std_error": last["std_error"].to_numpy(),
                "statistic": np.nan,
                "df": np.nan,
                "p_value": np.nan,
                "conf_low": last["conf_low"].to_numpy(),
                "conf_high": last["conf_high"].to_numpy(),
            }
        )

    def glance(self) -> pd.DataFrame:
        """Return one row: clients, dropouts, last time."""
        first = self.table.drop_duplicates("by")
        dropouts = self.table.loc[self.table["event"] == DROPOUT, "n_events"].sum()
        return pd.DataFrame(
            [
                {
                    "n_clients": int(first["n_at_risk"].sum()),
                    "n_dropout": int(dropouts),
                    "last_session": int(self.table["time"].max()),
                }
            ]
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the incidence of dropout with its interval, beside 1 - Kaplan-Meier."""
        from .plots import plot_incidence

        return plot_incidence(self, ax)


def dropout_incidence(
    study: Any, *, by: str | None = None, confidence: float = 0.95
) -> DropoutIncidence:
    """What share of clients has dropped out by each session, given that others complete?

    Parameters
    ----------
    study
        A `Study` with ``terminations``, or a DataFrame with ``client_id``, ``last_session``
        (the number of sessions after which the client ended) and ``reason``.
    by
        A column of the client (``condition``, ``site_id``, ...) to compare groups by.
    confidence
        Level of the pointwise intervals.

    Returns
    -------
    DropoutIncidence
        ``.table`` has a row a group, kind of end and session number at which anybody ended.

    Notes
    -----
    The Aalen-Johansen estimator: the hazard of each end at a session times the share still in
    therapy before it, summed over sessions. Ends at the same session as a censoring come first.
    Standard errors by the delta method, which without censoring is the binomial's; intervals on
    the log(-log) scale. Marubini & Valsecchi (1995, ISBN 978-0-471-93987-0) give the variance.
    Clients enter at their first session: those who never came are not in the denominator unless
    the table holds them with ``last_session`` 0.

    Examples
    --------
    >>> import pandas as pd, alliance_stats as al
    >>> ends = pd.DataFrame({
    ...     "client_id": ["a", "b", "c", "d"],
    ...     "last_session": [2, 4, 4, 6],
    ...     "reason": ["dropout", "completed", "dropout", "completed"],
    ... })
    >>> found = al.dropout_incidence(ends)
    >>> found.table.query("event == 'dropout'")["incidence"].tolist()
    [0.25, 0.5, 0.5]
    """
    table = endings(study)
    messages = list(table.attrs["messages"])
    if by is not None:
        require_columns(table.columns, [by], what="the clients' table")
        unknown = table[by].isna()
        if unknown.any():
            messages.append(
                f"{int(unknown.sum())} clients have no value of '{by}' and are left out."
            )
            table = table[~unknown]
    if table.empty:
        raise DesignError("No client with a known end of therapy is left to analyse.")
    groups = [("all", table)] if by is None else list(table.groupby(by, observed=True))
    parts = [_group_table(str(name), part, confidence) for name, part in groups]
    return DropoutIncidence(
        pd.concat(parts, ignore_index=True)[list(TABLE_COLUMNS)], by, confidence, tuple(messages)
    )


def _group_table(name: str, part: pd.DataFrame, confidence: float) -> pd.DataFrame:
    time, reason = part["last_session"].to_numpy(), part["reason"].to_numpy(dtype=object)
    grid = np.unique(time)
    at_risk = len(time) - np.searchsorted(np.sort(time), grid, side="left")
    kinds = [DROPOUT, *[kind for kind in COMPETING if (reason == kind).any()]]
    counts = np.stack([_counts(time[reason == kind], grid) for kind in kinds])
    return pd.concat(
        [
            _kind_table(name, kind, grid, at_risk, counts, row, confidence)
            for row, kind in enumerate(kinds)
        ],
        ignore_index=True,
    )


def _counts(times: np.ndarray, grid: np.ndarray) -> np.ndarray:
    return np.bincount(np.searchsorted(grid, times), minlength=len(grid))


def _kind_table(
    name: str,
    kind: str,
    grid: np.ndarray,
    at_risk: np.ndarray,
    counts: np.ndarray,
    row: int,
    confidence: float,
) -> pd.DataFrame:
    incidence, variance = aalen_johansen(at_risk, counts, row)
    low, high = log_log_interval(incidence, variance, confidence)
    return pd.DataFrame(
        {
            "by": name,
            "time": grid,
            "event": kind,
            "incidence": incidence,
            "std_error": np.sqrt(variance),
            "conf_low": low,
            "conf_high": high,
            "n_at_risk": at_risk,
            "n_events": counts[row],
            "one_minus_km": 1 - np.cumprod(1 - counts[row] / at_risk),
        }
    )


def aalen_johansen(
    at_risk: np.ndarray, counts: np.ndarray, kind: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the cumulative incidence of one kind of end and its variance.

    Parameters
    ----------
    at_risk
        Clients still in therapy before each time, shape (times,).
    counts
        Ends of each kind at each time, shape (kinds, times).
    kind
        The row of `counts` that is asked for.
    """
    n = at_risk.astype(float)
    every, own = counts.sum(axis=0).astype(float), counts[kind].astype(float)
    survival = np.cumprod(1 - every / n)
    before = np.concatenate([[1.0], survival[:-1]])
    incidence = np.cumsum(before * own / n)
    return incidence, _delta_variance(n, every, own, before, incidence)


def _delta_variance(
    n: np.ndarray, every: np.ndarray, own: np.ndarray, before: np.ndarray, incidence: np.ndarray
) -> np.ndarray:
    """Return the delta-method variance at each time, from sums over the times before it."""
    # Where everybody at risk ends, the first sum's weight is infinite but its factor is zero.
    last = n == every
    greenwood = np.where(last, 0.0, every / np.where(last, 1.0, n * (n - every)))
    share = own * (n - own) / n**3
    covariance = before * own / n**2
    sums = [np.cumsum(w) for w in (greenwood, incidence * greenwood, incidence**2 * greenwood)]
    first = incidence**2 * sums[0] - 2 * incidence * sums[1] + sums[2]
    second = np.cumsum(before**2 * share)
    third = incidence * np.cumsum(covariance) - np.cumsum(incidence * covariance)
    return np.maximum(first + second - 2 * third, 0.0)


def log_log_interval(
    incidence: np.ndarray, variance: np.ndarray, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return pointwise limits on the log(-log) scale; where nothing happened yet, both are 0."""
    inside = (incidence > 0) & (incidence < 1)
    safe = np.where(inside, incidence, 0.5)
    spread = norm.ppf(0.5 + confidence / 2) * np.sqrt(variance) / np.abs(safe * np.log(safe))
    low = np.where(inside, safe ** np.exp(spread), incidence)
    high = np.where(inside, safe ** np.exp(-spread), incidence)
    return low, high

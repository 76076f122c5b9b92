"""How far the observed mean of a client can be trusted, given how few sessions it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from ..core.arguments import refuse_truth, shown
from ..core.results import Result
from ..errors import ColumnError
from ..inference.rows import tidy_rows
from . import columns as col
from .components import Components, by_anova, by_reml, icc_interval, summarise
from .correction import CorrectedBetween, correct_between

Method = Literal["reml", "anova"]
LEVEL = 0.95


@dataclass(frozen=True)
class MeanReliability(Result):
    """The reliability of clients' observed means; made by `mean_reliability`."""

    column: str
    by: str
    method: Method
    reliability: float
    """At the harmonic mean of the clients' numbers of sessions."""
    average: float
    """The mean of the clients' reliabilities."""
    icc: float
    """Share of the variance of a single session that lies between clients."""
    variance_between: float
    variance_within: float
    icc_interval: tuple[float, float]
    n_clients: int
    n_sessions: int
    harmonic_sessions: float
    clients: pd.DataFrame
    """One row a client: its id, ``mean``, ``n_sessions``, ``reliability``."""
    messages: tuple[str, ...] = ()

    _quantities = True

    @property
    def title(self) -> str:  # type: ignore[override]
        """Return the headline of the summary."""
        return f"Reliability of the means of {self.column} by {self.by}"

    def at(self, n_sessions: float | np.ndarray) -> float | np.ndarray:
        """Return the reliability of a mean of `n_sessions` sessions."""
        return _reliability(Components(self.variance_between, self.variance_within), n_sessions)

    def sessions_needed(self, reliability: float = 0.8) -> float:
        """Return how many sessions a mean of this reliability takes (Spearman-Brown)."""
        if not 0 < reliability < 1:
            raise ColumnError(
                f"`reliability` must lie between 0 and 1; it is {shown(reliability)}."
            )
        if not self.variance_between > 0:
            return np.nan if np.isnan(self.variance_between) else np.inf
        return reliability / (1 - reliability) * self.variance_within / self.variance_between

    def correct_between(self, fit: object) -> CorrectedBetween:
        """Return the between effect of `fit` corrected by this reliability: `correct_between`."""
        return correct_between(fit, self.column, self)

    def tidy(self) -> pd.DataFrame:
        """Return one row a quantity, with the glossary's columns."""
        low, high = self.icc_interval
        size = self.harmonic_sessions
        rows = {
            "reliability": (self.reliability, _stepped_up(low, size), _stepped_up(high, size)),
            "average_reliability": (self.average, np.nan, np.nan),
            "icc": (self.icc, low, high),
            "variance_between": (self.variance_between, np.nan, np.nan),
            "variance_within": (self.variance_within, np.nan, np.nan),
        }
        estimate, lows, highs = zip(*rows.values(), strict=True)
        return tidy_rows(list(rows), estimate, conf_low=lows, conf_high=highs)

    def term_labels(self) -> dict[str, str]:
        """Return what the variances are called, whatever the groups are."""
        group = self.by.removesuffix("_id").replace("_", " ")
        return {
            "variance_between": f"Variance between {group} means",
            "variance_within": f"Variance within each {group}",
        }

    def glance(self) -> pd.DataFrame:
        """Return one row: the numbers of clients and sessions and the method."""
        sizes = self.clients["n_sessions"]
        row = {
            "column": self.column,
            "by": self.by,
            "method": self.method,
            "n_clients": self.n_clients,
            "n_sessions": self.n_sessions,
            "sessions_min": sizes.min(),
            "sessions_median": sizes.median(),
            "sessions_max": sizes.max(),
            "sessions_harmonic_mean": self.harmonic_sessions,
        }
        return pd.DataFrame([row])


def mean_reliability(
    data: pd.DataFrame, column: str, *, by: str = "client_id", method: Method = "reml"
) -> MeanReliability:
    """Estimate how reliable the clients' observed means are.

    *A client's mean alliance of three sessions stands for how the client usually rates. How well?*
    The observed mean differs from the client's true level by chance; the fewer the sessions, the
    more. Its reliability is λ = τ² / (τ² + σ² / n), with τ² the variance of true levels between
    clients, σ² the variance of sessions within clients, and n the client's number of sessions.
    Between-client effects of observed means are pulled towards the within-client effect by 1 - λ;
    see `correct_between`.

    Parameters
    ----------
    data
        One row a session.
    column
        The score; missing values are left out and counted.
    by
        The client. Ids that each therapist gives out anew count as one client a therapist.
    method
        How the variances are estimated in the one-way random-effects model: ``"reml"``
        (default; what a mixed model with nothing but a random intercept gives) or ``"anova"``.
        They agree where all clients have the same number of sessions.

    Returns
    -------
    MeanReliability
        ``.reliability`` (at the harmonic mean of the numbers of sessions, which is the share of
        true variance among the observed means of all clients), ``.average`` (mean of the clients'
        reliabilities), ``.icc``, the variances, ``.clients`` (one row each), ``.at(n)``,
        ``.sessions_needed(0.8)``, ``.correct_between(fit)``. What cannot be estimated is NaN, with
        the reason in ``.messages``.

    Raises
    ------
    ColumnError
        A column is missing, or holds no numbers.

    Notes
    -----
    The model takes a client's sessions as exchangeable. A trend over sessions or autocorrelation
    makes a mean less reliable than this says; take such a λ as an upper bound. The interval of the
    ICC is that of Thomas & Hultquist (1978), exact where all clients have equally many sessions;
    the interval of the reliability is the same, stepped up to the harmonic mean.

    References
    ----------
    Lüdtke et al. (2008), doi:10.1037/a0012869. Gottfredson (2019), PMC6435441. Crits-Christoph et
    al. (2011), PMC3111943 (alliance: about four sessions for .90). Thomas & Hultquist (1978),
    doi:10.1214/aos/1176344202.

    Examples
    --------
    >>> import pandas as pd
    >>> import alliance_stats as al
    >>> sessions = pd.DataFrame({"client_id": list("aabbcc"), "bond": [4.0, 6, 1, 3, 7, 9]})
    >>> round(al.mean_reliability(sessions, "bond").reliability, 3)
    0.889
    """
    if method not in ("reml", "anova"):
        raise ColumnError(f"`method` must be 'reml' or 'anova'; it is {shown(method)}.")
    for name, argument in ((column, "column"), (by, "by")):
        if not isinstance(name, str):
            raise ColumnError(f"`{argument}` must be the name of one column; it is {shown(name)}.")
    col.check_table(data, list(dict.fromkeys([column, by])))
    refuse_truth(data[column], col.WHAT)
    values = col.numbers(data, column)
    codes, ids, said = col.client_codes(data, [by])
    used = (codes >= 0) & ~np.isnan(values)
    present, codes_used = np.unique(codes[used], return_inverse=True)
    groups = summarise(values[used], codes_used)
    left_out = _left_out(column, by, values, codes)
    found, why = _estimate(column, groups, method)
    interval = (np.nan, np.nan)
    if np.isfinite(found.between) and found.within > 0:
        interval = icc_interval(groups, LEVEL)
    each = np.asarray(_reliability(found, groups.n), dtype=float)
    size = groups.harmonic_size if len(groups.n) else np.nan
    total = found.between + found.within
    clients = ids.iloc[present].reset_index(drop=True)
    return MeanReliability(
        column=column,
        by=by,
        method=method,
        reliability=float(_reliability(found, size)),
        average=float(each.mean()) if len(each) else np.nan,
        icc=found.between / total if total > 0 else np.nan,
        variance_between=found.between,
        variance_within=found.within,
        icc_interval=interval,
        n_clients=len(present),
        n_sessions=int(used.sum()),
        harmonic_sessions=size,
        clients=clients.assign(mean=groups.mean, n_sessions=groups.n, reliability=each),
        messages=(*([said] if said else []), *left_out, *why),
    )


def _estimate(column, groups, method: Method) -> tuple[Components, tuple[str, ...]]:
    """Return the variances, and sentences on what stood in the way."""
    nothing = Components(np.nan, np.nan)
    if len(groups.n) < 2:
        return nothing, (
            f"Not estimated: {column} was observed in {len(groups.n)} clients; two are needed.",
        )
    if groups.df_within < 1:
        return nothing, (
            f"Not estimated: no client has {column} in two sessions, so that differences within "
            "clients cannot be told from differences between them.",
        )
    if groups.squares_within == 0:
        between = float(groups.mean.var(ddof=1))
        if between == 0:
            return nothing, (f"Not estimated: {column} is the same in every session.",)
        return Components(between, 0.0), (f"{column} never changes within a client.",)
    found = by_reml(groups) if method == "reml" else by_anova(groups)
    if found.between > 0:
        return found, ()
    return Components(0.0, found.within), (
        "The clients' means differ no more than chance: the variance between clients is estimated "
        "as zero, and so is the reliability.",
    )


def _left_out(column: str, by: str, values: np.ndarray, codes: np.ndarray) -> tuple[str, ...]:
    no_value, no_id = int(np.isnan(values).sum()), int((codes < 0).sum())
    said = []
    if no_value:
        said.append(f"{no_value} of {len(values)} rows lack {column} and were left out.")
    if no_id:
        said.append(f"{no_id} of {len(values)} rows lack {by} and were left out.")
    return tuple(said)


def _reliability(found: Components, n: float | np.ndarray) -> float | np.ndarray:
    if found.between == 0:
        return np.zeros_like(n, dtype=float) if isinstance(n, np.ndarray) else 0.0
    return found.between / (found.between + found.within / n)


def _stepped_up(icc: float, n: float) -> float:
    """Return the reliability of a mean of `n` sessions from that of one (Spearman-Brown)."""
    return n * icc / (1 + (n - 1) * icc)

"""What leaving does to other results: end scores that dropouts never gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ...core.arguments import finite, share, whole
from ...core.results import Result
from ...errors import DesignError
from ...inference.distributions import half_width, t_two_sided
from ...inference.rows import glance_row, tidy_rows
from ...study import Study
from ...study.times import SESSION
from ..checks import number_of
from ..endings import along_time
from .end_scores import FEWEST, EndScores, draw, end_scores


@dataclass(frozen=True)
class DropoutSensitivity(Result):
    """The mean change to the end of therapy, for several ideas of what dropouts would have had.

    Attributes
    ----------
    table
        ``delta, estimate, std_error, df, p_value, conf_low, conf_high``: the mean change from the
        first to the end score over all clients with a score, where dropouts' end scores are
        `delta` points worse than those of others who were like them.
    tipping_point
        The smallest of the deltas at which the interval holds no change; NaN where none does.
    """

    table: pd.DataFrame
    tipping_point: float
    n_clients: int
    n_imputed: int
    imputations: int
    confidence: float
    messages: tuple[str, ...] = ()
    title: str = "Mean change if dropouts ended worse (pattern mixture, delta adjustment)"
    score: str = ""

    def tidy(self) -> pd.DataFrame:
        """Return the mean change under each delta."""
        own = self.table.drop(columns="delta")
        statistic = own["estimate"] / own["std_error"]
        terms = [f"delta = {d:g}" for d in self.table["delta"]]
        return tidy_rows(terms, statistic=statistic, **own)

    def glance(self) -> pd.DataFrame:
        """Return one row: clients, imputed clients, tipping point."""
        return glance_row(self, "n_clients", "n_imputed", "imputations", "tipping_point")


def dropout_sensitivity(
    study: Study,
    *,
    measure: str,
    scale: str | None = None,
    rater: str | None = None,
    deltas: Sequence[float] | float = (0, 1, 2, 3, 4, 6, 8),
    imputations: int = 50,
    confidence: float = 0.95,
    seed: int = 0,
    time: str = SESSION,
) -> DropoutSensitivity:
    """Would the mean change still hold if those who left had ended worse than they look?

    Parameters
    ----------
    study
        A `Study` with terminations and session scores of the measure.
    measure, scale, rater
        The outcome score, as `Study.select` takes it. The card says which direction is worse.
    deltas
        Points by which a dropout's end score is worse than that of a client with the same
        course so far who stayed. 0 is missing at random.
    imputations
        Completed data sets.
    confidence, seed
        Of the intervals; of the imputations.
    time
        The column that counts along time in place of ``session``: ``"occasion"``, by its order, or
        one of numbers, such as ``"week"``.

    Returns
    -------
    DropoutSensitivity

    Notes
    -----
    The end score of a client who completed or ended by agreement is the last one given. For a
    dropout after session s it is drawn from the regression of the end score on the first, the
    latest and the mean score up to s among all who went on after s, plus a residual, plus
    `delta`; those of them who left later take part with the end score already drawn for them, so
    that delta 0 is missing at random given the scores seen (from the last session to the first).
    The regression is fitted to therapists drawn again with replacement, so that the imputation
    is proper. Clients still in therapy, transferred or ended for administrative reasons, and
    those who stayed but gave one score only, are drawn likewise, without delta; all are counted
    in ``.messages``. Rubin's rules with the degrees of freedom of Barnard & Rubin (1999, doi
    10.1093/biomet/86.4.948); the variance within is that of therapists' sums. Delta adjustment:
    Carpenter & Kenward (2013, ISBN 978-0-470-74052-1). No data can tell which delta is right:
    show all of them. With random slopes and 31 % leaving by the score last seen, delta 0 was
    off by -0.01 points (standard error 0.02) on average (`tests/benchmarks/dropout_missing.py`).

    Examples
    --------
    >>> import alliance_stats as al
    >>> found = al.dropout_sensitivity(
    ...     al.load_dataset("demo-trial"), measure="core-10", deltas=[0, 5], imputations=5
    ... )
    >>> bool(found.table["estimate"].iloc[0] < found.table["estimate"].iloc[1])
    True
    """
    imputations = whole(imputations, "imputations", 2)
    seed = whole(seed, "seed", 0)
    share(confidence)
    shifts = _deltas(deltas)
    scores, worse = end_scores(along_time(study, time), measure, scale, rater)
    gone = scores.dropout
    stayed = int((~scores.unknown).sum())
    if stayed < FEWEST or not gone.any():
        raise DesignError(
            f"{number_of(stayed, 'client', 'has')} an end score of {scores.score} and "
            f"{int(gone.sum())} dropped out; {FEWEST} with an end score and one who left are "
            "needed."
        )
    drawn = draw(scores, imputations, seed)
    table = pd.DataFrame(
        [_pooled(scores, drawn + worse * d * gone, confidence) | {"delta": d} for d in shifts]
    )
    tipping = _tipping(table)
    columns = ["delta", "estimate", "std_error", "df", "p_value", "conf_low", "conf_high"]
    return DropoutSensitivity(
        table[columns], tipping, len(gone), int(gone.sum()), imputations, confidence,
        scores.messages, score=scores.score,
    )  # fmt: skip


def _tipping(table: pd.DataFrame) -> float:
    """Return the delta nearest to 0 at which the change no longer lies on its first side."""
    outward = table.loc[table["delta"].abs().sort_values(kind="stable").index]
    side = np.sign(outward["conf_low"]).where(
        np.sign(outward["conf_low"]) == np.sign(outward["conf_high"]), 0.0
    )
    tipped = (side != side.iloc[0]) | (side == 0)
    return float(outward.loc[tipped, "delta"].iloc[0]) if tipped.any() else np.nan


def _deltas(given: Any) -> list[float]:
    """Return the deltas as numbers."""
    if isinstance(given, str):
        raise DesignError(f"deltas must be a number or a list of numbers, not {given!r}.")
    values = list(given) if np.iterable(given) else [given]
    if not values:
        raise DesignError("deltas must hold at least one number.")
    return [finite(value, "each of deltas") for value in values]


def _pooled(scores: EndScores, drawn: np.ndarray, confidence: float) -> dict[str, float]:
    """Return the mean change by Rubin's rules."""
    changes = drawn - scores.first
    m, k = len(drawn), int(scores.cluster.max()) + 1
    means = changes.mean(axis=1)
    between = float(np.var(means, ddof=1))
    inside = float(np.mean([_clustered(change, scores.cluster) for change in changes]))
    total = inside + (1 + 1 / m) * between
    df = _barnard_rubin(m, between, total, k - 1)
    estimate, error = float(np.mean(means)), float(np.sqrt(total))
    half = float(half_width(error, df, confidence))
    return {
        "estimate": estimate, "std_error": error, "df": df,
        "p_value": float(t_two_sided(estimate / error, df)),
        "conf_low": estimate - half, "conf_high": estimate + half,
    }  # fmt: skip


def _clustered(values: np.ndarray, cluster: np.ndarray) -> float:
    """Return the variance of a mean whose values are alike within clusters."""
    k = int(cluster.max()) + 1
    sums = np.bincount(cluster, weights=values - values.mean(), minlength=k)
    return float(k / (k - 1) * (sums**2).sum() / len(values) ** 2)


def _barnard_rubin(m: int, between: float, total: float, complete: int) -> float:
    share = (1 + 1 / m) * between / total
    observed = (complete + 1) / (complete + 3) * complete * (1 - share)
    if share < 1e-12:
        return observed
    old = (m - 1) / share**2
    return float(old * observed / (old + observed))

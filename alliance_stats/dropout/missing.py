"""What leaving does to other results: end scores that dropouts never gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from ..errors import DesignError
from ..results import Result
from .endings import DROPOUT, endings

_FEWEST = 20


@dataclass(frozen=True)
class DropoutSensitivity(Result):
    """The mean change to the end of therapy, for several ideas of what dropouts would have had.

    Attributes
    ----------
    table
        ``delta, estimate, std_error, df, p_value, conf_low, conf_high``: the mean change from the
        first to the end score over all clients, where dropouts' end scores are `delta` points
        worse than those of others who were like them.
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

    def tidy(self) -> pd.DataFrame:
        """Return the mean change under each delta."""
        own = self.table
        out = pd.DataFrame(
            {"effect": "fixed", "group": "", "term": [f"delta = {d:g}" for d in own["delta"]]}
        )
        out["estimate"], out["std_error"] = own["estimate"], own["std_error"]
        out["statistic"] = own["estimate"] / own["std_error"]
        columns = ["df", "p_value", "conf_low", "conf_high"]
        return pd.concat([out, own[columns]], axis=1)

    def glance(self) -> pd.DataFrame:
        """Return one row: clients, imputed clients, tipping point."""
        return pd.DataFrame(
            [{"n_clients": self.n_clients, "n_imputed": self.n_imputed,
              "imputations": self.imputations, "tipping_point": self.tipping_point}]
        )  # fmt: skip


def dropout_sensitivity(
    study: Any,
    *,
    measure: str,
    scale: str = "total",
    rater: str = "client",
    deltas: Sequence[float] = (0, 1, 2, 3, 4, 6, 8),
    imputations: int = 50,
    confidence: float = 0.95,
    seed: int = 1,
) -> DropoutSensitivity:
    """Would the mean change still hold if those who left had ended worse than they look?

    Parameters
    ----------
    study
        A `Study` with terminations and session scores of the measure.
    measure, scale, rater
        The outcome score. The card says which direction is worse.
    deltas
        Points by which a dropout's end score is worse than that of a client with the same
        course so far who stayed. 0 is missing at random.
    imputations
        Completed data sets.
    confidence, seed
        Of the intervals; of the imputations.

    Returns
    -------
    DropoutSensitivity

    Notes
    -----
    The end score of a client who did not drop out is the last one given. For a dropout it is
    imputed from those who stayed: a regression of the end score on the first score, the score at
    a session, and the session number, fitted to therapists drawn again with replacement (so that
    the imputation is proper), plus a residual, plus `delta`. Rubin's rules with the degrees of
    freedom of Barnard & Rubin (1999, doi 10.1093/biomet/86.4.948); the variance within is that of
    therapists' sums. Delta adjustment: Carpenter & Kenward (2013, ISBN 978-0-470-74052-1). No data
    can tell which delta is right: show all of them.

    Examples
    --------
    >>> import alliance_stats as al
    >>> found = al.dropout_sensitivity(
    ...     al.load_dataset("demo-trial"), measure="core-10", deltas=[0, 5], imputations=5
    ... )
    >>> bool(found.table["estimate"].iloc[0] < found.table["estimate"].iloc[1])
    True
    """
    if imputations < 2:
        raise DesignError(f"imputations must be 2 or more, not {imputations}.")
    rows, worse, messages = _rows(study, measure, scale, rater)
    stayed, gone = (
        rows[~rows["dropout"]],
        rows[rows["dropout"]].groupby("client_id", observed=True).tail(1),
    )
    ends = stayed.groupby("client_id", observed=True).tail(1)
    if ends["client_id"].nunique() < _FEWEST or gone.empty:
        raise DesignError(
            f"{ends['client_id'].nunique()} clients stayed and {len(gone)} dropped out with a "
            f"score of {measure} after the first; {_FEWEST} who stayed and one who left are needed."
        )
    donors = stayed.assign(
        end=stayed.groupby("client_id", observed=True)["score"].transform("last")
    )
    drawn = _draws(donors, gone, imputations, seed)
    table = pd.DataFrame(
        [_pooled(ends, gone, drawn, worse * float(d), confidence) | {"delta": float(d)}
         for d in deltas]
    )  # fmt: skip
    holds_none = (table["conf_low"] <= 0) & (table["conf_high"] >= 0)
    tipping = float(table.loc[holds_none, "delta"].min()) if holds_none.any() else np.nan
    columns = ["delta", "estimate", "std_error", "df", "p_value", "conf_low", "conf_high"]
    return DropoutSensitivity(
        table[columns], tipping, len(ends) + len(gone), len(gone), imputations, confidence,
        tuple(messages),
    )  # fmt: skip


def _rows(
    study: Any, measure: str, scale: str, rater: str
) -> tuple[pd.DataFrame, float, list[str]]:
    """Return scores after the first, with the first score, therapist and whether they left."""
    table = endings(study)
    if "therapist_id" not in table.columns:
        raise DesignError("The clients' table has no 'therapist_id'.")
    scores = study.scores
    keep = (scores["measure"] == measure) & (scores["scale"] == scale) & (scores["rater"] == rater)
    own = scores.loc[keep & scores["score"].notna(), ["client_id", "session", "score"]]
    if own.empty:
        raise DesignError(f"The study has no scores of {measure} {scale} by the {rater}.")
    card = study.measures.get(measure)
    if card is None or scale not in card.scales:
        raise DesignError(f"'{measure}' has no card with a scale '{scale}', so nobody knows what "
                          "worse means.")  # fmt: skip
    worse = 1.0 if card.scales[scale].direction == "lower_is_better" else -1.0
    own = own.sort_values(["client_id", "session"])
    own = own.assign(first=own.groupby("client_id", observed=True)["score"].transform("first"))
    rank = own.groupby("client_id", observed=True).cumcount()
    own = own[rank > 0].merge(
        table[["client_id", "therapist_id", "reason"]], on="client_id", how="inner"
    )
    out = own.assign(dropout=own["reason"] == DROPOUT).drop(columns="reason")
    lost = len(table) - out["client_id"].nunique()
    said = [f"{lost} clients have fewer than two scores and are left out."] if lost else []
    return out.reset_index(drop=True), worse, said


def _matrix(rows: pd.DataFrame) -> np.ndarray:
    return np.column_stack([np.ones(len(rows)), rows["first"], rows["score"], rows["session"]])


def _draws(donors: pd.DataFrame, gone: pd.DataFrame, imputations: int, seed: int) -> np.ndarray:
    """Return end scores under missing at random, shape (imputations, dropouts)."""
    rng = np.random.default_rng(seed)
    codes, names = pd.factorize(donors["therapist_id"])
    sizes = (
        donors.groupby("client_id", observed=True)["score"].transform("size").to_numpy(dtype=float)
    )
    x, y, new = _matrix(donors), donors["end"].to_numpy(dtype=float), _matrix(gone)
    drawn = np.empty((imputations, len(gone)))
    for m in range(imputations):
        often = rng.multinomial(len(names), np.full(len(names), 1 / len(names)))[codes]
        weight = np.sqrt(often / sizes)  # each client counts once, however long the therapy
        beta = np.linalg.lstsq(x * weight[:, None], y * weight, rcond=None)[0]
        residual = y - x @ beta
        chance = often / sizes / (often / sizes).sum()
        drawn[m] = new @ beta + rng.choice(residual, size=len(gone), p=chance)
    return drawn


def _pooled(
    ends: pd.DataFrame, gone: pd.DataFrame, drawn: np.ndarray, shift: float, confidence: float
) -> dict[str, float]:
    """Return the mean change by Rubin's rules."""
    therapist = pd.factorize(pd.concat([ends["therapist_id"], gone["therapist_id"]]))[0]
    known = (ends["score"] - ends["first"]).to_numpy(dtype=float)
    first = gone["first"].to_numpy(dtype=float)
    means, within = [], []
    for values in drawn:
        change = np.concatenate([known, values + shift - first])
        means.append(change.mean())
        within.append(_clustered(change, therapist))
    m, k = len(drawn), int(therapist.max()) + 1
    between, inside = float(np.var(means, ddof=1)), float(np.mean(within))
    total = inside + (1 + 1 / m) * between
    df = _barnard_rubin(m, between, total, k - 1)
    estimate, error = float(np.mean(means)), float(np.sqrt(total))
    half = student.ppf(0.5 + confidence / 2, df) * error
    return {
        "estimate": estimate, "std_error": error, "df": df,
        "p_value": float(2 * student.sf(abs(estimate / error), df)),
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

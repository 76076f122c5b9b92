"""Clinically significant change: reliable, and across the line between ill and well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..errors import DesignError, did_you_mean
from ..results import Result
from .formulas import cutoff
from .reliable import reliable_change, scores_of

CLASSES = ("recovered", "improved", "unchanged", "deteriorated")
CRITERIA = ("a", "b", "c")


@dataclass(frozen=True)
class ClinicallySignificantChange(Result):
    """How many clients recovered, improved, stayed or got worse, each of a stated denominator.

    Attributes
    ----------
    data
        The clients, with ``change``, ``rci``, ``category`` (one of `CLASSES`) and
        ``clinical_at_intake``.
    table
        ``denominator`` (``all`` or ``clinical_at_intake``), ``category``, ``n``, ``n_of``,
        ``share``, ``conf_low``, ``conf_high`` (Wilson).
    cutoff
        The line between the clinical and the functional population.
    options
        What was used: method, criterion, reliability, SD, direction.
    """

    data: pd.DataFrame
    table: pd.DataFrame
    cutoff: float
    options: dict[str, Any]
    messages: tuple[str, ...] = ()
    title: str = "Clinically significant change"

    def tidy(self) -> pd.DataFrame:
        """Return one row a category and denominator; the estimate is a share."""
        table = self.table
        return pd.DataFrame(
            {
                "effect": "fixed",
                "group": "",
                "term": table["denominator"] + ": " + table["category"],
                "estimate": table["share"],
                "std_error": np.sqrt(table["share"] * (1 - table["share"]) / table["n_of"]),
                "statistic": np.nan,
                "df": np.nan,
                "p_value": np.nan,
                "conf_low": table["conf_low"],
                "conf_high": table["conf_high"],
            }
        )

    def glance(self) -> pd.DataFrame:
        """Return one row: clients, cut-off and the choices made."""
        n = int(self.data["category"].notna().sum())
        clinical = int((self.data["clinical_at_intake"] & self.data["category"].notna()).sum())
        return pd.DataFrame(
            [{"n": n, "n_clinical_at_intake": clinical, "cutoff": self.cutoff, **self.options}]
        )


def clinically_significant_change(
    data: pd.DataFrame,
    *,
    pre: str,
    post: str,
    reliability: float,
    clinical: tuple[float, float] | None = None,
    functional: tuple[float, float] | None = None,
    criterion: str = "c",
    cutoff_value: float | None = None,
    sd: float | None = None,
    method: str = "JT",
    direction: str = "lower_is_better",
    confidence: float = 0.95,
) -> ClinicallySignificantChange:
    """How many clients changed reliably, and how many of them crossed into the healthy range?

    Parameters
    ----------
    data, pre, post, reliability, sd, method, direction
        As in `reliable_change`.
    clinical, functional
        ``(mean, sd)`` of the two populations, on the measure's scale.
    criterion
        ``a``, ``b`` or ``c`` of Jacobson and Truax (1991, doi 10.1037/0022-006X.59.1.12).
    cutoff_value
        A published cut-off to use instead of `criterion`.
    confidence
        Level of the Wilson intervals.

    Returns
    -------
    ClinicallySignificantChange
        Recovered: reliable improvement, with a first score on the clinical side (at or beyond the
        cut-off) and a last one on the functional side. A client who starts on the functional
        side cannot recover, so every share is given of all clients and of those who could.

    Examples
    --------
    >>> import pandas as pd, alliance_stats as al
    >>> scores = pd.DataFrame({"pre": [30.0, 25.0, 30.0], "post": [8.0, 24.0, 45.0]})
    >>> found = al.clinically_significant_change(
    ...     scores, pre="pre", post="post", reliability=0.9, sd=7.0,
    ...     clinical=(28.0, 7.0), functional=(8.0, 4.0),
    ... )
    >>> found.data["category"].tolist()
    ['recovered', 'unchanged', 'deteriorated']
    """
    if criterion not in CRITERIA:
        raise DesignError(
            f"criterion must be 'a', 'b' or 'c', not {criterion!r}."
            f"{did_you_mean(criterion, CRITERIA)}"
        )
    changed = reliable_change(
        data,
        pre=pre,
        post=post,
        reliability=reliability,
        sd=sd,
        method=method,
        direction=direction,
    )
    lower = direction == "lower_is_better"
    if cutoff_value is None:
        line = cutoff(criterion, clinical, functional, lower_is_better=lower)
    else:
        line = float(cutoff_value)
    out = _classified(changed, pre, post, line, lower)
    account = changed.attrs["reliable_change"]
    missing = account["rows_without_both_scores"]
    messages: tuple[str, ...] = ()
    if missing:
        messages = (f"{missing} of {len(data)} rows lack a score and are in no denominator.",)
    options = {
        "criterion": criterion if cutoff_value is None else "given",
        "method": account["method"],
        "reliability": account["reliability"],
        "sd": account["sd"],
        "direction": direction,
        "smallest_reliable_change_jt": account["smallest_reliable_change_jt"],
    }
    return ClinicallySignificantChange(out, _shares(out, confidence), line, options, messages)


def _classified(
    changed: pd.DataFrame, pre: str, post: str, line: float, lower: bool
) -> pd.DataFrame:
    first, last = scores_of(changed, pre, post)
    clinical = first >= line if lower else first <= line
    functional = last < line if lower else last > line
    category = changed["category"].astype(object)
    category[(category == "improved") & clinical & functional] = "recovered"
    out = changed.copy()
    out["category"] = pd.Categorical(category, categories=list(CLASSES))
    out["clinical_at_intake"] = clinical
    return out


def _shares(data: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Return every category's share of all clients and of those who could recover."""
    judged = data[data["category"].notna()]
    parts = {"all": judged, "clinical_at_intake": judged[judged["clinical_at_intake"]]}
    rows = [
        _share_row(name, category, part, confidence)
        for name, part in parts.items()
        for category in CLASSES
    ]
    return pd.DataFrame(rows)


def _share_row(
    denominator: str, category: str, part: pd.DataFrame, confidence: float
) -> dict[str, Any]:
    n, of = int((part["category"] == category).sum()), len(part)
    low, high = wilson(n, of, confidence)
    return {
        "denominator": denominator,
        "category": category,
        "n": n,
        "n_of": of,
        "share": n / of if of else np.nan,
        "conf_low": low,
        "conf_high": high,
    }


def wilson(n: int, of: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval of a share, NaN where nobody is in the denominator."""
    if of == 0:
        return float("nan"), float("nan")
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(n, of, alpha=1 - confidence, method="wilson")
    return float(low), float(high)

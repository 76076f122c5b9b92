"""Clinically significant change: reliable, and across the line between ill and well."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..core.arguments import checked_choice, is_number, share
from ..core.results import Result
from ..errors import DesignError
from ..inference.rows import tidy_rows
from ..inference.shares import wilson
from ..instruments.change_formulas import cutoff
from ..instruments.criteria import ROUNDING, Criterion
from ..study.select import is_study
from ..study.splitting import parts_of, stacked
from .reliable import ReliableChanges, card_for, reliable_change, scores_of

if TYPE_CHECKING:
    from ..study import Study

CLASSES = ("recovered", "improved", "unchanged", "deteriorated")
DENOMINATORS = ("all", "clinical_at_intake", "with_intake")
CRITERIA = ("a", "b", "c")
BETTER = ("recovered", "improved")
NO_LAST = "no_last_score"
HA_CUTOFF = (
    "HA with a cut-off: change is judged by Hageman and Arrindell's index, the crossing by the "
    "last score as observed, as Jacobson and Truax do. Their article judges the crossing by an "
    "index of its own, which is not computed here: 'recovered' is not theirs."
)


@dataclass(frozen=True)
class ClinicallySignificantChange(Result):
    """How many clients recovered, improved, stayed or got worse, each of a stated denominator.

    Attributes
    ----------
    data
        The clients, with ``change``, ``rci``, ``category`` (one of `CLASSES`) and
        ``clinical_at_intake``.
    table
        ``denominator``, ``category``, ``n``, ``n_of``, ``share``, ``conf_low``, ``conf_high``
        (Wilson). ``all`` are all clients with both scores (completers, where the last score is
        one of the end), ``clinical_at_intake`` those of them who could recover, ``with_intake``
        everybody with a first score: who has no last one has a row of its own there
        (``no_last_score``), for nothing was shown of them. With `by` the group stands first.
    cutoff
        The line between the clinical and the functional population.
    options
        What was used: method, criterion of the cut-off, reliability, SD, direction.
    criterion
        What a change had to exceed, and the cut-off, with where both are from.
    """

    data: pd.DataFrame
    table: pd.DataFrame
    cutoff: float
    options: dict[str, Any]
    criterion: Criterion
    messages: tuple[str, ...] = ()
    _shares = "."
    title: str = "Clinically significant change"

    def tidy(self) -> pd.DataFrame:
        """Return one row a category and denominator, by ``group``; the estimate is a share."""
        table = self.table
        return tidy_rows(
            table["denominator"] + ": " + table["category"],
            table["share"],
            np.sqrt(table["share"] * (1 - table["share"]) / table["n_of"]),
            group="" if table.columns[0] == "denominator" else table.iloc[:, 0],
            **table[["conf_low", "conf_high"]],
        )

    def glance(self) -> pd.DataFrame:
        """Return one row: clients, cut-off and the choices made."""
        once = self.table[self.table["category"] == CLASSES[0]]  # a row a denominator and group
        of = once.groupby("denominator")["n_of"].sum()
        row = {"n": of["all"]} | {f"n_{name}": of[name] for name in DENOMINATORS[1:]}
        return pd.DataFrame([{**row, "cutoff": self.cutoff, **self.options}])


def clinically_significant_change(
    data: pd.DataFrame | Study,
    *,
    pre: str | None = None,
    post: str | None = None,
    reliability: float | None = None,
    clinical: tuple[float, float] | None = None,
    functional: tuple[float, float] | None = None,
    criterion: str = "c",
    cutoff_value: float | None = None,
    sd: float | None = None,
    method: str = "JT",
    direction: str | None = None,
    confidence: float = 0.95,
    measure: str | None = None,
    scale: str = "total",
    rater: str = "client",
    time: str | None = None,
    by: str | None = None,
) -> ClinicallySignificantChange:
    """How many clients changed reliably, and how many of them crossed into the healthy range?

    Parameters
    ----------
    data, pre, post, reliability, sd, method, direction, measure, scale, rater, time
        As in `reliable_change`, a `Study` too. With `measure`, the card's cut-off is used where
        neither populations nor `cutoff_value` are given; what was taken from the card, with its
        source and whether somebody read it there, is in ``messages``.
    clinical, functional
        ``(mean, sd)`` of the two populations, on the measure's scale.
    criterion
        ``a``, ``b`` or ``c`` of Jacobson and Truax (1991, doi 10.1037/0022-006X.59.1.12).
    cutoff_value
        A published cut-off to use instead of `criterion`; a score at it is clinical.
    confidence
        Level of the Wilson intervals.
    by
        A column of the clients (``condition``, ``site_id``) for the shares of each group. All are
        judged by one criterion and one cut-off.

    Notes
    -----
    The cut-off is Jacobson and Truax's with every `method`. Hageman and Arrindell (1999, doi
    10.1016/S0005-7967(99)00032-7) have an index of clinical significance of their own, which is
    not computed: with ``method="HA"`` only the reliable change is theirs, and ``messages`` say so.

    Returns
    -------
    ClinicallySignificantChange
        Recovered: reliable improvement, with a first score on the clinical side (at or beyond the
        cut-off) and a last one on the functional side. A client who starts on the functional
        side cannot recover, so every share is given of all clients with both scores and of those
        who could; and of everybody with a first score, since who left without a last one has not
        been shown to be better.

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
    checked_choice("criterion", criterion, CRITERIA)
    share(confidence)
    changed = reliable_change(
        data, pre=pre, post=post, reliability=reliability, sd=sd, method=method,
        direction=direction, measure=measure, scale=scale, rater=rater, time=time, by=by,
    )  # fmt: skip
    if is_study(data):
        pre, post = "pre", "post"
    card = card_for(data, changed, measure, scale)
    lower = changed.attrs["reliable_change"]["direction"] == "lower_is_better"
    source, told, at_line_is_clinical = criterion, "", True
    if cutoff_value is not None:
        if not is_number(cutoff_value):
            raise DesignError(f"cutoff_value must be a finite number, not {cutoff_value!r}.")
        line, source = float(cutoff_value), "given"
    elif card is not None and clinical is None and functional is None:
        found, told = card.cutoff()
        if found is None:
            raise DesignError(f"{told}; pass cutoff_value=, or clinical= and functional=.")
        line, source = found, "card"
        at_line_is_clinical = lower  # a card says 'so much or more': the line is the upper group's
    else:
        line = cutoff(criterion, clinical, functional, lower_is_better=lower)
    messages = [*([told] if told else []), *([HA_CUTOFF] if method == "HA" else [])]
    return judged_by_line(
        changed, pre, post, line, source=source, at_line_is_clinical=at_line_is_clinical,
        confidence=confidence, messages=tuple(messages),
    )  # fmt: skip


def judged_by_line(
    changed: ReliableChanges,
    pre: str | None,
    post: str | None,
    line: float,
    *,
    source: str = "given",
    at_line_is_clinical: bool = True,
    confidence: float = 0.95,
    messages: tuple[str, ...] = (),
) -> ClinicallySignificantChange:
    """Judge what `reliable_change` returned against a line (infinite: nobody recovers)."""
    account = changed.attrs["reliable_change"]
    out = _classified(
        changed, pre, post, line, account["direction"] == "lower_is_better", at_line_is_clinical
    )
    by = account["by"]
    parts = parts_of(out, by)
    table = stacked([(name, _shares(own, pre, post, confidence)) for name, own in parts], by)
    options = {
        "criterion": source,
        **{name: account[name] for name in
           ("method", "reliability", "sd", "direction", "smallest_reliable_change_jt")},
    }  # fmt: skip
    told = [*account["messages"], *messages]
    for name, own in parts_of(table, by):
        rows = len(changed) if by is None else int((changed[by].map(str) == name).sum())
        told += [f"{by} {name}: {said}" if by else said for said in _missing(own, rows)]
    named = replace(changed.criterion, cutoff=line if np.isfinite(line) else None)
    return ClinicallySignificantChange(out, table, line, options, named, tuple(told))


def _missing(table: pd.DataFrame, rows: int) -> list[str]:
    """Say who is in which denominator, and why a share is missing."""
    of = table.groupby("denominator")["n_of"].first()
    messages = []
    if of["all"] < rows:
        messages.append(
            f"{rows - of['all']} of {rows} rows lack a score: they are not in 'all', which is the "
            f"{of['all']} clients with both scores; 'with_intake' is the {of['with_intake']} with "
            "a first score."
        )
    messages += [
        f"No shares of '{name}': {words}."
        for name, words in (("all", "nobody has both scores"),
                            ("clinical_at_intake", "nobody starts on the clinical side"),
                            ("with_intake", "nobody has a first score"))
        if of[name] == 0
    ]  # fmt: skip
    return messages


def _classified(
    changed: pd.DataFrame,
    pre: str | None,
    post: str | None,
    line: float,
    lower: bool,
    at_line_is_clinical: bool,
) -> pd.DataFrame:
    first, last = (_on_clinical_side(scores, line, lower, at_line_is_clinical)
                   for scores in scores_of(changed, pre, post))  # fmt: skip
    category = changed["category"].astype(object)
    category[(category == "improved") & first & ~last] = "recovered"
    out = changed.copy()
    out["category"] = pd.Categorical(category, categories=list(CLASSES))
    out["clinical_at_intake"] = first
    return out


def _on_clinical_side(
    scores: np.ndarray, line: float, lower: bool, at_line_is_clinical: bool
) -> np.ndarray:
    """Tell which scores are clinical; a score that differs from the line by rounding is at it."""
    with np.errstate(invalid="ignore"):
        beyond = scores > line if lower else scores < line
        at = np.abs(scores - line) <= ROUNDING * max(1.0, abs(line)) if np.isfinite(line) else False
    return np.where(at, at_line_is_clinical, beyond)


def _shares(data: pd.DataFrame, pre: Any, post: Any, confidence: float) -> pd.DataFrame:
    """Return every category's share of the three denominators."""
    judged = data[data["category"].notna()]
    begun = data[~np.isnan(scores_of(data, pre, post)[0])]
    named = begun["category"].astype(object).where(begun["category"].notna(), NO_LAST)
    parts = {
        "all": judged["category"],
        "clinical_at_intake": judged.loc[judged["clinical_at_intake"], "category"],
        "with_intake": named,
    }
    rows = []
    for name, part in parts.items():
        for category in (*CLASSES, NO_LAST) if name == "with_intake" else CLASSES:
            n, of = int((part == category).sum()), len(part)
            share_of = n / of if of else np.nan
            rows.append((name, category, n, of, share_of, *wilson(n, of, confidence)))
    columns = ["denominator", "category", "n", "n_of", "share", "conf_low", "conf_high"]
    return pd.DataFrame(rows, columns=columns)

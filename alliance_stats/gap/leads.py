"""Who leads whom: does one rater's session go with the other's next session?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from ..errors import DesignError
from ..preparation import lag
from ..results import TIDY_COLUMNS, Result
from .description import RatingGap
from .linear import Linear, multilevel
from .pairs import RATERS, paired_ratings

TERMS = {
    "carry_over": "of the rater's own previous session",
    "from_other": "of the other rater's previous session, own previous session held equal",
}
CAVEATS = (
    "Effects are of deviations from a dyad's own mean. With few sessions a dyad the carry-over is "
    "pulled below its true value (Nickell 1981, doi 10.2307/1911408), by about (1 + effect) / "
    "number of sessions, and the other effects with it.",
    "An effect from one rater's session to the other's next shows an order in time, not that one "
    "rating causes the other: both may follow a third thing. Both effects may hold at once.",
)


@dataclass(frozen=True, eq=False)
class LeadLag(Result):
    """Cross-lagged effects between both raters; made by `who_leads`.

    Attributes
    ----------
    table
        ``tidy()``: ``client:carry_over``, ``client:from_other`` (therapist to client),
        ``therapist:carry_over``, ``therapist:from_other`` (client to therapist), in points, and
        ``..._standardised`` (in SDs within dyads).
    fits
        The two multilevel models by rater.
    """

    table: pd.DataFrame
    fits: dict[str, Linear]
    n_pairs: int
    n_dyads: int
    messages: tuple[str, ...] = ()
    title: str = "Who leads whom"

    def tidy(self) -> pd.DataFrame:
        """Return one row a term."""
        return self.table

    def glance(self) -> pd.DataFrame:
        """Return numbers of pairs of sessions and of dyads in one row."""
        return pd.DataFrame([{"n_pairs": self.n_pairs, "n_dyads": self.n_dyads}])


def who_leads(
    study_or_data: Any,
    *,
    measure: str | None = None,
    scale: str | None = None,
    df: Literal["satterthwaite", "kenward-roger", "normal"] = "satterthwaite",
) -> LeadLag:
    """Does one rater's session go with the other's next session?

    Parameters
    ----------
    study_or_data
        A `Study`, a table of scores, or a `RatingGap`, whose pairs are taken.
    measure, scale
        Which scores to compare.
    df
        How degrees of freedom are found.

    Returns
    -------
    LeadLag
        Compare the two ``from_other``: the larger says whose session comes first, if any.

    Notes
    -----
    For each rater a multilevel model: the deviation of session t from the dyad's mean on both
    raters' deviations of session t - 1 (found by its number, never by row) and the session number,
    with random slopes of none and random intercepts of the therapist only, since deviations
    have no level of their own.

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.simulate_study(n_therapists=8, n_clients=40, seed=2)
    >>> found = al.who_leads(study, measure="wai-sr", scale="total")
    >>> found.tidy()["term"].tolist()[:2]
    ['client:carry_over', 'client:from_other']
    """
    pairs = (
        study_or_data.pairs
        if isinstance(study_or_data, RatingGap)
        else paired_ratings(study_or_data, measure=measure, scale=scale)
    )
    rows, lost = _lagged(pairs)
    messages = [*lost, *CAVEATS]
    fits = {rater: _fit(rows, rater, df) for rater in RATERS}
    sds = {rater: float(rows[rater].std()) for rater in RATERS}
    tables = [_rows(fits[rater], rater, sds) for rater in RATERS]
    return LeadLag(
        table=pd.concat(tables, ignore_index=True)[list(TIDY_COLUMNS)],
        fits=fits,
        n_pairs=len(rows),
        n_dyads=int(rows["client_id"].nunique()),
        messages=tuple(messages),
    )


def _lagged(pairs: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    own = pairs.groupby("client_id")[list(RATERS)].transform("mean")
    moved = pairs.assign(**{rater: pairs[rater] - own[rater] for rater in RATERS})
    earlier = lag(moved, list(RATERS))
    rows = earlier.dropna(subset=[f"{rater}_lag1" for rater in RATERS])
    if rows["client_id"].nunique() < 10 or len(rows) < 30:
        raise DesignError(
            f"Only {len(rows)} pairs of neighbouring sessions in {rows['client_id'].nunique()} "
            "dyads were rated by both; who leads whom needs 30 in 10 dyads or more."
        )
    for rater in RATERS:
        if not rows[rater].std() > 0 < rows[f"{rater}_lag1"].std():
            raise DesignError(f"The {rater}s' ratings do not vary over a dyad's sessions.")
    if abs(rows["client_lag1"].corr(rows["therapist_lag1"])) > 1 - 1e-9:
        raise DesignError(
            "Client and therapist move exactly together, so who leads cannot be told; is one "
            "rating a copy of the other?"
        )
    missing = len(pairs) - len(rows)
    note = (
        f"{missing} of {len(pairs)} sessions have no session with the number before that both "
        "rated (first sessions among them); they are no outcome here."
    )
    return rows, [note]


def _fit(rows: pd.DataFrame, rater: str, df: Any) -> Linear:
    other = RATERS[1 - RATERS.index(rater)]
    frame = pd.DataFrame(
        {
            "now": rows[rater],
            "carry_over": rows[f"{rater}_lag1"],
            "from_other": rows[f"{other}_lag1"],
            "session": rows["session"] - rows["session"].mean(),
            "client_id": rows["client_id"],
        }
    )
    top = "client_id"
    if "therapist_id" in rows and rows["therapist_id"].notna().all():
        frame["therapist_id"] = rows["therapist_id"]
        top = "therapist_id"
    return multilevel(f"now ~ carry_over + from_other + session + (1 | {top})", frame, df=df)


def _rows(found: Linear, rater: str, sds: dict[str, float]) -> pd.DataFrame:
    other = RATERS[1 - RATERS.index(rater)]
    names = list(found.params.index)
    L = np.zeros((4, len(names)))
    for i, (term, source) in enumerate((("carry_over", rater), ("from_other", other))):
        L[i, names.index(term)] = 1.0
        L[i + 2, names.index(term)] = sds[source] / sds[rater]
    terms = [f"{rater}:{term}{end}" for end in ("", "_standardised") for term in TERMS]
    return found.rows(L, terms)

"""Who leads whom: does one rater's session go with the other's next session?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...core.display.page import MEANINGS
from ...errors import DesignError
from ...inference.cluster_bootstrap import Clusters, clusters
from ...inference.rows import coefficient_rows, glance_row
from ...preparation import lag
from ...study import Study
from ...study.times import SESSION, along
from ..about_dyads import AboutDyads, dyads_of
from ..pairs import RATERS, pairs_of
from ..wording import caveats, explained
from .lagged import Estimates, Sums, solve, sums_of

if TYPE_CHECKING:
    from ...core.display.page import Block

DIFFERENCE = "difference_standardised"


@dataclass(frozen=True, eq=False)
class LeadLag(AboutDyads):
    """Cross-lagged effects between both raters; made by `who_leads`.

    Attributes
    ----------
    table
        ``tidy()``: for ``client:`` and ``therapist:`` (whose session is explained) the rows of
        the summary, in points; ``..._standardised`` in SDs within dyads; and
        ``difference_standardised``: therapist's minus client's ``from_other_standardised``, above
        zero where clients lead more than therapists do.
    """

    table: pd.DataFrame
    n_pairs: int
    n_dyads: int
    messages: tuple[str, ...] = ()
    title: str = "Who leads whom"
    score: str = ""

    def glance(self) -> pd.DataFrame:
        """Return numbers of pairs of sessions and of dyads in one row."""
        return glance_row(self, "n_pairs", "n_dyads")

    def shown(self, labels: Mapping[str, str] | None = None) -> list[Block]:
        """Return the terms, and what each means."""
        return [*super().shown(labels), self._table(explained("who_leads"), labels, MEANINGS)]


def who_leads(
    study_or_data: Study | pd.DataFrame,
    *,
    measure: str | None = None,
    scale: str | None = None,
    confidence: float = 0.95,
    time: str = SESSION,
) -> LeadLag:
    """Does one rater's session go with the other's next session?

    Parameters
    ----------
    study_or_data
        A `Study`, a table of scores, or a `RatingGap`, whose pairs are taken.
    measure, scale
        Which scores to compare.
    confidence
        Level of the intervals.
    time
        The column that counts along time in place of ``session``: ``"occasion"``, by its order, or
        one of numbers, such as ``"week"``.

    Returns
    -------
    LeadLag
        ``difference_standardised`` compares the two directions; one of them significant and the
        other not is no difference.

    Notes
    -----
    Both raters' deviations of session t from the dyad's mean on both deviations of session t - 1
    (found by its number, never by row) and the session number. Least squares of deviations is
    biased with few sessions; the bias of its normal equations is a known function of the effects
    and the residual covariance, and is taken off (bias-corrected method of moments: Breitung,
    Kripfganz & Hayakawa 2022, doi 10.1016/j.ecosta.2021.07.001), here for both raters and for
    missed sessions. What the other's present session explains follows from the residual
    covariance. Standard errors: jackknife over therapists (five or more known) or dyads, with t
    of clusters - 1 degrees of freedom. Measured coverage: docs/rating-gap-benchmark.md.

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.simulate_study(n_therapists=8, n_clients=40, seed=2)
    >>> found = al.who_leads(study, measure="wai-sr", scale="total")
    >>> found.tidy()["term"].tolist()[:2]
    ['client:carry_over', 'client:from_other']
    """
    study_or_data = along(study_or_data, time, whole=True)
    pairs, messages = pairs_of(study_or_data, measure=measure, scale=scale)
    rows, lost = _lagged(pairs.assign(client_id=dyads_of(pairs), whose=pairs["client_id"]))
    sums = sums_of(rows)
    units = _units(rows, sums)
    observed = solve(sums, np.ones((1, sums.n)))
    if not observed.solved[0]:
        messages.append(
            "The bias of few sessions cannot be taken off: the equations have no stable solution "
            "(too few sessions a dyad, or ratings that hardly return to a level). Nothing is shown."
        )
    sds = np.array([float(rows[rater].std()) for rater in RATERS])
    left_out = 1.0 - (units.codes[None, :] == np.arange(units.n)[:, None])
    table = _table(_terms(observed, sds), _terms(solve(sums, left_out), sds), units.n, confidence)
    return LeadLag(
        table=table,
        n_pairs=len(rows),
        n_dyads=sums.n,
        messages=(*messages, *lost, *units.messages, *caveats("who_leads")),
        score=pairs.attrs.get("score", ""),
    )


def _lagged(pairs: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    level = pairs[list(RATERS)].to_numpy().mean()  # so that a large level costs no digits
    moved = pairs.assign(**{rater: pairs[rater] - level for rater in RATERS})
    earlier = lag(moved, list(RATERS))
    rows = earlier.dropna(subset=[f"{rater}_lag1" for rater in RATERS])
    # a dyad with one pair of neighbours has no deviation to show
    alone = ~rows["client_id"].duplicated(keep=False)
    single = int(alone.sum())
    rows = rows[~alone]
    if rows["client_id"].nunique() < 10 or len(rows) < 30:
        raise DesignError(
            f"Only {len(rows)} pairs of neighbouring sessions in {rows['client_id'].nunique()} "
            "dyads (with two pairs or more) were rated by both; who leads whom needs 30 in 10 "
            "dyads or more."
        )
    names = [*RATERS, *(f"{rater}_lag1" for rater in RATERS)]
    own = rows[names] - rows.groupby("client_id", observed=True)[names].transform("mean")
    for rater in RATERS:
        if not min(own[rater].std(), own[f"{rater}_lag1"].std()) > 1e-9 * moved[rater].std():
            raise DesignError(f"The {rater}s' ratings do not vary over a dyad's sessions.")
    if abs(own["client_lag1"].corr(own["therapist_lag1"])) > 1 - 1e-9:
        raise DesignError(
            "Client and therapist move exactly together, so who leads cannot be told; is one "
            "rating a copy of the other?"
        )
    rows = rows.assign(**{name: own[name] for name in names})
    missing = len(pairs) - len(rows) - single
    note = (
        f"{missing} of {len(pairs)} sessions have no session with the number before that both "
        "rated (first sessions among them); they are no outcome here."
    )
    more = [f"{single} dyads have one pair of neighbouring sessions, and no say."] if single else []
    return rows, [note, *more]


def _units(rows: pd.DataFrame, sums: Sums) -> Clusters:
    groups = rows.groupby("client_id", observed=True)
    whose = groups["whose"].first().to_numpy()
    return clusters(groups["therapist_id"].first() if "therapist_id" in rows else None, whose)


def _terms(found: Estimates, sds: np.ndarray) -> dict[str, np.ndarray]:
    """Return every term, for each row of weights (NaN where there is no solution)."""
    effect, noise = found.effects, found.noise
    out: dict[str, np.ndarray] = {}
    for a, rater in enumerate(RATERS):
        b = 1 - a
        ratio = sds[b] / sds[a]
        with np.errstate(divide="ignore", invalid="ignore"):
            together = noise[:, a, b] / noise[:, b, b]
        values = {
            "carry_over": (effect[:, a, a], 1.0),
            "from_other": (effect[:, a, b] - together * effect[:, b, b], ratio),
            "from_other_in_all": (effect[:, a, b], ratio),
            "same_session": (together, ratio),
        }
        for term, (value, _) in values.items():
            out[f"{rater}:{term}"] = value
        for term, (value, scale) in values.items():
            out[f"{rater}:{term}_standardised"] = value * scale
    ends = [out[f"{rater}:from_other_standardised"] for rater in ("therapist", "client")]
    out[DIFFERENCE] = ends[0] - ends[1]
    return out


def _table(
    observed: dict[str, np.ndarray], without: dict[str, np.ndarray], n: int, confidence: float
) -> pd.DataFrame:
    """Return rows with jackknife standard errors."""
    value = np.array([values[0] for values in observed.values()])
    spread = np.array([((without[t] - without[t].mean()) ** 2).sum() for t in observed])
    error = np.sqrt((n - 1) / n * spread)
    known = np.isfinite(value) & (error > 0)
    error = np.where(known, error, np.nan)
    df = np.where(known, n - 1.0, np.nan)
    return coefficient_rows(list(observed), value, error, df, confidence=confidence)

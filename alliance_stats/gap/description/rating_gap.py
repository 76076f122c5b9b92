"""How far apart do therapist and client rate the same sessions? Always therapist minus client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from ...core.display.page import MEANINGS
from ...inference.rows import glance_row, tidy_rows
from ...study.select import ScoreName
from ...study.times import SESSION, along
from .. import checks
from ..about_dyads import AboutDyads, dyads_of
from ..pairs import RATERS, paired_ratings
from ..wording import explained, labels, meanings
from .gap_statistics import described, standard_units

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...core.display.page import Block
    from ...study import Study

TERMS = meanings("rating_gap")
REST_ON_SEVERAL = (
    "change_per_session", "sd_between_dyads", "standardised_gap_of_differences", "loa_low",
    "loa_high",
)  # fmt: skip
"""Terms that rest on what moves within dyads, where any has two sessions or more."""


@dataclass(frozen=True)
class RatingGap(AboutDyads):
    """The gap between therapist and client, described.

    Attributes
    ----------
    table
        ``term, estimate, std_error, df, p_value, conf_low, conf_high``, one row each of `TERMS`.
    pairs
        The sessions that both rated: ``client_id, session, client, therapist, gap``.
    by_session
        ``session, n, client, therapist, gap``: means over dyads, with the number of dyads.
    raters
        How the data name those in the columns ``client`` and ``therapist``.
    unit
        What was drawn anew for the intervals: ``therapists`` or ``dyads``.
    """

    table: pd.DataFrame
    pairs: pd.DataFrame
    by_session: pd.DataFrame
    measure: str
    scale: str
    n_dyads: int
    n_therapists: int
    messages: tuple[str, ...] = ()
    _quantities = True
    title: str = "Rating gap, therapist minus client"
    raters: tuple[str, str] = RATERS
    unit: str = "dyads"
    score: str = ""

    picture = "plot"

    def tidy(self) -> pd.DataFrame:
        """Return one row a term; what could not be computed is NaN, its reason in messages.

        A statistic stands only where it is the ratio of estimate and standard error: not for a
        spread or limit of agreement (zero is no question anybody has), and not for
        correlations, which are tested on Fisher's z or by F.
        """
        table = self.table
        tested = table["term"].isin(["mean_gap", "change_per_session"]) & table["p_value"].notna()
        ratio = table["estimate"] / table["std_error"]
        return tidy_rows(**table, statistic=ratio.where(tested))

    def informed(self, tidy: pd.DataFrame) -> pd.Series:
        """Return how few people inform each row: what moves within dyads rests on few at times.

        So do the spreads, from which what moves is taken off: dyads with one session say nothing
        of it. Where all have one there is nothing to take off.
        """
        dyads = self.pairs.groupby(dyads_of(self.pairs), observed=True)
        both = dyads[["client", "therapist"]]
        moving = (both.max() > both.min()).any(axis=1)
        clients = dyads["client_id"].first()
        several = clients[dyads.size() > 1].nunique()
        known = {"r_within": clients[moving].nunique()}
        known |= dict.fromkeys(REST_ON_SEVERAL, several) if several else {}
        found = super().informed(tidy)
        return tidy["term"].map(known).fillna(found).clip(upper=found).astype(int)

    def term_labels(self) -> dict[str, str]:
        """Return what the terms are called."""
        return labels("rating_gap")

    def shown(self, given: Mapping[str, str] | None = None) -> list[Block]:
        """Return the terms, and what each means."""
        return [*super().shown(given), self._table(explained("rating_gap"), given, MEANINGS)]

    def glance(self) -> pd.DataFrame:
        """Return one row: sessions, dyads, therapists."""
        sizes = glance_row(self, "n_dyads", "n_therapists")
        return glance_row(self, "measure", "scale", n_sessions=len(self.pairs)).join(sizes)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw both raters' mean course over sessions."""
        from .plots import plot_gap_by_session

        return plot_gap_by_session(self, ax)


def rating_gap(
    study_or_data: Study | pd.DataFrame,
    *,
    measure: str | None = None,
    scale: str | None = None,
    confidence: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
    same_scale: bool = False,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    raters: tuple[str, str] = RATERS,
    by: str = "client_id",
    time: str = SESSION,
) -> RatingGap:
    """How far apart do therapist and client rate the same sessions?

    Parameters
    ----------
    study_or_data
        A `Study`, or a DataFrame like ``scores``: ``client_id, session, rater, score`` and, where
        there are several, ``measure`` and ``scale``; ``therapist_id`` where known.
    measure, scale
        Which scores to compare, such as ``"wai-sr/bond"``; both raters must have answered parallel
        forms.
    confidence
        Level of the intervals; the limits of agreement hold 95 % of single gaps whatever it is.
    replicates, seed
        Bootstrap samples of whole therapists (five or more known, else whole dyads) behind the
        standard errors of the standardised gaps, the SD between dyads, the limits of agreement,
        the ICC, the correlation within dyads and, with therapists, that between dyads.
    same_scale
        Say True where both ratings are on one scale although their ranges look unlike.
    ranges
        What each rater's scale allows, ``{"client": (1, 5), "therapist": (1, 5)}``; where it is
        given, every score is held against it. For a `Study` the measure's card says it.
    raters
        How the two raters are named in the data, the one who stands where the client stands
        first: ``("wife", "husband")`` gives husband minus wife, in the column `therapist`.
    by
        The column that names the dyad: ``client_id``, or for couples the couple's.
    time
        The column that counts along time in place of ``session``: ``"occasion"``, by its order, or
        one of numbers, such as ``"week"``. It then stands in
        the columns called ``session``, and ``change_per_session`` is per unit of it.

    Returns
    -------
    RatingGap
        ``.tidy()`` has a row each for the terms in `TERMS`.

    Notes
    -----
    *Mean gap and its change over sessions*: multilevel models with random intercepts (for the
    change also slopes, where they can be had) of client and therapist; Satterthwaite's degrees of
    freedom. A client who changed therapist is a dyad with each, by the therapist of each session:
    the model's groups then cross, and standard errors of whole clusters drawn anew are those of
    therapists, plus those of clients, minus those of dyads (squared; Cameron, Gelbach & Miller
    2011, doi 10.1198/jbes.2010.07136). *Spread*: analysis of variance of dyads (unbalanced n0).
    *Limits of agreement*: mean gap +- 1.96 x sqrt(variance between + within dyads), for repeated
    measures whose true value varies (Bland & Altman 2007, doi 10.1080/10543400701329422).
    *Within-dyad correlation*: Bakdash & Marusich (2017, doi 10.3389/fpsyg.2017.00456). *ICC(A,1)*:
    McGraw & Wong (1996, doi 10.1037/1082-989X.1.1.30).

    *Intervals* of spread, standardised gaps, limits, ICC and correlations: whole clusters drawn
    anew give the standard error, of Fisher's z of a correlation or ICC and, for the SD between
    dyads, of the logarithm of the variance of the dyads' means, from which the noise of their
    sessions is then taken off (so that the interval reaches zero where noise alone could make
    such a spread); limits with t of clusters - 1 degrees of freedom. Both standardised gaps
    divide the model's mean gap, in the estimate as in each draw. The correlation between
    independent dyads has its exact normal interval. The ICC's interval is about further dyads
    (or therapists) and these two raters, with and without therapists alike; McGraw and Wong's
    F-based one, for raters drawn at random, would ask how other raters agree, and from two of
    them nearly anything is possible. Measured coverage: docs/rating-gap-benchmark.md.

    A mean gap compares raw scores of two forms; it presumes that both measure the same thing on
    the same scale, which for therapist forms of the WAI is contested.

    Examples
    --------
    >>> import alliance_stats as al
    >>> found = al.rating_gap(al.load_dataset("demo-trial"), measure="wai-sr", scale="total")
    >>> bool(found.tidy().set_index("term").loc["mean_gap", "estimate"] < 0)
    True
    """
    study_or_data = along(study_or_data, time)
    replicates, seed, rough = checks.resampling(replicates, seed)
    pairs = paired_ratings(
        study_or_data, measure=measure, scale=scale, same_scale=same_scale, ranges=ranges,
        raters=raters, by=by, whole=time == SESSION,
    )  # fmt: skip
    messages, score = [*pairs.attrs["messages"], *rough], ScoreName(pairs.attrs["score"])
    rows, unit = described(standard_units(pairs), replicates, seed, messages, confidence)
    columns = ["term", "estimate", "std_error", "df", "p_value", "conf_low", "conf_high"]
    groups = pairs.groupby("session")
    by_session = groups[["client", "therapist", "gap"]].mean().reset_index()
    by_session.insert(1, "n", groups.size().to_numpy())
    return RatingGap(
        table=pd.DataFrame([{"term": term, **rows[term]} for term in TERMS], columns=columns),
        pairs=pairs,
        by_session=by_session,
        measure=score.measure or "",
        scale=score.scale or "",
        n_dyads=int(dyads_of(pairs).nunique()),
        n_therapists=int(pairs["therapist_id"].nunique()) if "therapist_id" in pairs else 0,
        messages=tuple(messages),
        raters=(str(raters[0]), str(raters[1])),
        unit=unit,
        score=score,
    )

"""How exact may be what stands beside a number of people that is withheld?

An exact mean tells its denominator: 16.2 points of a sum of whole answers are 81 in five, and no
sum in six or seven gives them (Brown & Heathers 2017, doi 10.1177/1948550616673876, look for errors
that way). So do an interval beside a standard error or p value, and a standard deviation beside
an interval. What is left is rounded, or blank.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable

import numpy as np
import pandas as pd

from .disclosure import SMALLEST_SHOWN, each_once

SPREAD_TELLS_BELOW = 30
CORRELATION = r"(?:r|cor|icc)(?:[_ ]|$)"
SPREAD = r"(?:sd|loa|standardised)[_ ]"
FINEST_UNIT = 100
"""Scores that are no multiples of a hundredth, or of a larger part of one, count as continuous."""
MOSTLY = 2 / 3
"""Share of the scores that are multiples of the unit: some forms lack an answer."""
UNIT = "unit"
"""Where a table of means keeps the unit of its scores, among its ``attrs``."""


def unit_of(scores: pd.Series | np.ndarray) -> float:
    """Return the largest part of one whose multiples most scores are; 0 where there is none.

    Examples
    --------
    >>> unit_of(np.array([12.0, 15.0, 9.0])), round(unit_of(np.arange(12, 60) / 12), 3)
    (1.0, 0.083)
    """
    values = np.asarray(scores, dtype=float)
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0
    for parts in range(1, FINEST_UNIT + 1):
        away = np.abs(values * parts - np.round(values * parts))
        if (away < 1e-6 * parts).mean() > MOSTLY:
            return 1 / parts
    return 0.0


def hiding_step(unit: float) -> float:
    """Return to what a mean is rounded so that it may be one of any five people or more.

    The mean of n scores is a multiple of their unit / n. In steps of a fifth of the unit or more
    there is one for every number of people from five on.

    Examples
    --------
    >>> hiding_step(1), hiding_step(1 / 12), hiding_step(0)
    (0.2, 0.02, 0.01)
    """
    least = max(unit / SMALLEST_SHOWN - 1e-9, 0.01)
    size = 10.0 ** np.floor(np.log10(least))
    return float(next(size * n for n in (1, 2, 5, 10) if size * n >= least - 1e-9))


def stepped(frame: pd.DataFrame, columns: Iterable[str], unit: float) -> pd.DataFrame:
    """Return a table with columns of means rounded so that no number of people follows."""
    step = hiding_step(unit)
    there = [name for name in columns if name in frame.columns]
    return frame.assign(**{name: (frame[name] / step).round() * step for name in there})


def without_sizes(course: pd.DataFrame, told: Iterable[bool]) -> pd.DataFrame:
    """Return a course of means without n and SD where they are not told, and rounded there.

    The unit of the scores is in ``course.attrs``, where `mean_course` puts it.
    """
    told = pd.Series(list(told), index=course.index, dtype=bool)
    sizes = [name for name in ("n", "sd") if name in course.columns]
    means = [name for name in MEANS if name in course.columns]
    hidden = stepped(course, means, course.attrs.get(UNIT, 0.0))
    shown = course.assign(**{name: course[name].where(told, hidden[name]) for name in means})
    return rounded(shown.assign(**{name: course[name].where(told) for name in sizes}))


PLAIN_MEANS = ("mean_gap", "loa_low", "loa_high")
MEANS = ("mean", "conf_low", "conf_high", "client", "therapist", "gap")


def rounded(frame: pd.DataFrame, digits: int = 2) -> pd.DataFrame:
    """Return a table with its decimal numbers rounded, so that no size can be computed back."""
    return frame.round(dict.fromkeys(frame.select_dtypes("float"), digits))


def spread_tells(people: Iterable[Hashable]) -> bool:
    """Return whether a standard deviation beside an interval tells how many people there are.

    An interval's half width is about t * SD / sqrt(n). With seven people one more or less moves
    it by a tenth, which any rounding shows; with thirty by less than what is left unsaid of the
    sessions and of the therapists.
    """
    return len(each_once(people)) < SPREAD_TELLS_BELOW


def others_told(values: pd.DataFrame) -> bool:
    """Return whether the means of some, beside those of all, give the means of a few others.

    Seven times the mean of seven less five times the mean of five of them are two people's scores.
    Means have two decimals, so that n / 100 is left open, a fourth of it in a mean of four: as
    much as people differ by, or the others are told.
    """
    open_ = 0.01 * len(values) / (SMALLEST_SHOWN - 1)
    return not bool((values.std() <= open_).all())


def blurred(frame: pd.DataFrame, *, spread: bool = True, unit: float = 0.0) -> pd.DataFrame:
    """Return rows of a model whose people are withheld, without what their number follows from.

    Of a mean or slope the estimate and its interval are left. Either beside a standard error or
    p value gives the degrees of freedom, and so does the interval of a correlation alone, whose
    width is that of Fisher's z.

    Parameters
    ----------
    spread
        Whether standard deviations between people, and what is in units of them, may stand
        beside the intervals (`spread_tells`).
    unit
        That of the scores, where everybody has one: then the terms `PLAIN_MEANS` are plain means.
    """
    told = ("df", "statistic", "sd", "std_error", "p_value")
    blank = [name for name in told if name in frame.columns]
    frame = rounded(frame.assign(**dict.fromkeys(blank, np.nan)), 3)
    if "term" in frame.columns:
        term, ends = frame["term"].astype(str), ["conf_low", "conf_high"]
        frame.loc[term.str.match(CORRELATION), ends] = np.nan
        if not spread:
            frame.loc[term.str.match(SPREAD), ["estimate", *ends]] = np.nan
        if unit:
            hidden = stepped(frame, ["estimate", *ends], unit)
            frame = frame.where(~term.isin(PLAIN_MEANS), hidden)
    return frame


SLOPES = re.compile(
    r"change(_per_session)?|rise|fall|rise \+ fall|slope_before|step|slope_after"
    r"|truth_force(_disattenuated)?|[xyz]_on_[xyz](_now)?|difference_standardised"
    r"|(carry_over|from_other|from_other_in_all|same_session)(_standardised)?|.+=~.+"
)
"""Terms of ours that are effects: slopes, changes, loadings."""
PLAIN = re.compile(r"mean_\w+|gap_from_items.*|.+~1")
ANCHORS = re.compile(r"Intercept|directional_bias|b0")
"""Where a model has one of these, its other coefficients are differences or slopes."""
BOUNDED = re.compile(r"(r|cor|icc|latent_cor|reliability)(_\w+)?|\w+_(share|reciprocity)")
"""Shares and correlations: how wide their intervals are says of how many people they are."""
ALL_SLOPES = ("DropoutCox", "AsymmetricChange", "EventStudy")
"""Results without an intercept; their terms are called as columns of the data are."""


def for_page(tidy: pd.DataFrame, kind: str, people: int) -> pd.DataFrame:
    """Return the terms that the page of a notebook may show, each as exact as it may be.

    Every estimate is rounded with its interval to a fifth of the half width or more. A plain mean
    gives no denominator then, and an interval beside a standard deviation the number of people to
    a fifth at best; what rounding adds is less than half a standard error. Of fewer than
    `SPREAD_TELLS_BELOW` people that is too much still: what is not known to be a mean, a slope, a
    gap, share or correlation stays out, standard deviations and variances of any name with it.

    Examples
    --------
    >>> rows = {"effect": ["fixed", "random"], "term": ["Intercept", "sd"],
    ...         "estimate": [13.923, 5.664], "conf_low": [10.5, None], "conf_high": [17.345, None]}
    >>> for_page(pd.DataFrame(rows), "MultilevelFit", 13).iloc[:, 1:].values.tolist()
    [['Intercept', 14.0, 10.0, 17.0]]
    """
    # "dropout: session" is about one of several ends, "client:carry_over" about one rater's scores
    terms = [re.sub(r"^(.*: |(client|therapist)(_rating)?:)", "", str(t)) for t in tidy["term"]]
    frame = blurred(tidy, spread=people >= SPREAD_TELLS_BELOW)
    frame.loc[_each(terms, BOUNDED), ["conf_low", "conf_high"]] = np.nan
    if people < SPREAD_TELLS_BELOW:
        known = _each(terms, PLAIN, SLOPES, BOUNDED)
        if kind in ALL_SLOPES or _each(terms, ANCHORS).any():
            known[:] = True
        frame = frame[known & (frame["effect"] == "fixed").to_numpy()]
    numbers = frame[["estimate", "conf_low", "conf_high"]].astype(float)
    half = (numbers["conf_high"] - numbers["conf_low"]) / 2
    steps = half.map(_step, na_action="ignore").astype(float)
    coarse = numbers.div(steps, axis="index").round().mul(steps, axis="index").round(9) + 0.0
    return frame.assign(**coarse.where(steps.notna(), numbers.round(2), axis="index"))


def _step(half_width: float) -> float:
    return hiding_step(half_width * 100) / 100 if np.isfinite(half_width) else np.nan


def _each(terms: Iterable[str], *patterns: re.Pattern[str]) -> np.ndarray:
    return np.array([any(p.fullmatch(one) for p in patterns) for one in terms], dtype=bool)

"""How exact may be what stands beside a number of people that is withheld?

An exact mean tells its denominator: 16.2 points of a sum of whole answers are 81 in five, and no
sum in six or seven gives them (Brown & Heathers 2017, doi 10.1177/1948550616673876, look for errors
that way). So do an interval beside a standard error or p value, and a standard deviation beside
an interval. So an estimate is rounded with its interval to a fifth of half its width or more, and
the rest is blank: what rounding adds is less than half a standard error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

from .disclosure import in_tens

SPREAD_TELLS_BELOW = 30
TELL_SIZES = ("n", "nobs", "df", "statistic", "sd", "std_error", "p_value")
"""Columns from which the number of people follows, beside an estimate and its interval."""
ENDS = ("conf_low", "conf_high")


def rounded(frame: pd.DataFrame, digits: int = 2) -> pd.DataFrame:
    """Return a table with its decimal numbers rounded, so that no size can be computed back."""
    return frame.round(dict.fromkeys(frame.select_dtypes("float"), digits))


def step_of(half_width: float) -> float:
    """Return to what an estimate is rounded: 1, 2 or 5 of a decimal, a fifth of it or more.

    Examples
    --------
    >>> step_of(3.4), step_of(0.04)
    (1.0, 0.01)
    """
    least = half_width / 5
    if not np.isfinite(least) or least <= 0:
        return float("nan")
    size = 10.0 ** np.floor(np.log10(least))
    return float(next(size * n for n in (1, 2, 5, 10) if size * n >= least - 1e-12))


def coarse(
    frame: pd.DataFrame, where: Iterable[bool] | None = None, *, also: Iterable[str] = ()
) -> pd.DataFrame:
    """Return rows with an estimate (or mean) and its interval as they may stand without a number.

    Parameters
    ----------
    where
        The rows whose number of people is withheld; by default all.
    also
        Further columns in the unit of the estimate.

    Examples
    --------
    >>> course = pd.DataFrame({"n": [24, 40], "mean": 23.43, "conf_low": 21.1, "conf_high": 25.76})
    >>> coarse(course, [True, False]).to_numpy().tolist()
    [[nan, 23.5, 21.0, 26.0], [40.0, 23.43, 21.1, 25.76]]
    """
    hidden = pd.Series(True if where is None else list(where), index=frame.index, dtype=bool)
    half = (frame["conf_high"] - frame["conf_low"]).astype(float) / 2
    steps = half.map(step_of, na_action="ignore").astype(float)
    there = [name for name in ("estimate", "mean", *ENDS, *also) if name in frame.columns]
    numbers = frame[there].astype(float)
    near = numbers.div(steps, axis="index").round().mul(steps, axis="index").round(9) + 0.0
    near = near.where(steps.notna(), numbers.round(2), axis="index")
    kept = frame.assign(**near.where(hidden, numbers, axis="index"))
    blank = [name for name in TELL_SIZES if name in frame.columns]
    return kept.assign(**{name: frame[name].where(~hidden).astype(float) for name in blank})


def without_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return estimates as they travel: of degrees of freedom the number of rows does not follow.

    Those of a model without a variance between clients are its rows less its coefficients, and
    those of therapists drawn anew are their number less one. So they are told as rows are, in
    tens, none below ten, and p values, which give them back, to three decimals.

    Examples
    --------
    >>> tested = pd.DataFrame({"estimate": -0.3, "df": [381.0, 7.0], "p_value": [9.8e-87, 0.03141]})
    >>> without_rows(tested)[["df", "p_value"]].to_numpy().tolist()
    [[380.0, 0.0], [nan, 0.031]]
    """
    if not {"estimate", "df"} <= set(frame.columns):
        return frame
    given = frame["df"].astype(float)
    told = {"df": given.where(np.isinf(given), given.replace(np.inf, np.nan).map(in_tens))}
    if "p_value" in frame.columns:
        exact = frame["p_value"].astype(float)
        told["p_value"] = exact.round(3).where(np.isfinite(given), exact)
    return frame.assign(**told)


SLOPES = re.compile(
    r"change(_per_session)?|rise|fall|rise \+ fall|slope_before|step|slope_after"
    r"|truth_force(_disattenuated)?|[xyz]_on_[xyz](_now)?|difference_standardised"
    r"|(carry_over|from_other|from_other_in_all|same_session)(_standardised)?|.+=~.+"
)
"""Terms of ours that are effects: slopes, changes, loadings."""
PLAIN = re.compile(r"mean_\w+|gap_from_items.*|.+~1")
ANCHORS = re.compile(r"Intercept|directional_bias|b0")
"""Where a model has one of these, its other coefficients are differences or slopes."""
BOUNDED = re.compile(r"(r|cor|icc|latent_cor|reliability)([_ ].+)?|\w+_(share|reciprocity)")
"""Shares and correlations: how wide their intervals are says of how many people they are."""
ALL_SLOPES = ("DropoutCox", "AsymmetricChange", "EventStudy")
"""Results without an intercept; their terms are called as columns of the data are."""


def for_page(tidy: pd.DataFrame, kind: str, people: int) -> pd.DataFrame:
    """Return the terms that may stand where the number of people is withheld, coarse.

    A plain mean gives no denominator then, and an interval beside a standard deviation the number
    of people to a fifth at best. Of fewer than `SPREAD_TELLS_BELOW` people that is too much still:
    what is not known to be a mean, a slope, a gap, share or correlation stays out, standard
    deviations and variances of any name with it.

    Parameters
    ----------
    kind
        The class of the result.
    people
        How few people the fewest are that a term is about (`Result.fewest`).

    Examples
    --------
    >>> rows = {"effect": ["fixed", "random"], "term": ["Intercept", "sd"],
    ...         "estimate": [13.923, 5.664], "conf_low": [10.5, None], "conf_high": [17.345, None]}
    >>> for_page(pd.DataFrame(rows), "MultilevelFit", 13).iloc[:, 1:].values.tolist()
    [['Intercept', 14.0, 10.0, 17.0]]
    """
    # "dropout: session" is about one of several ends, "client:carry_over" about one rater's scores
    terms = [re.sub(r"^(.*: |(client|therapist)(_rating)?:)", "", str(t)) for t in tidy["term"]]
    frame = tidy.copy()
    frame.loc[_each(terms, BOUNDED), list(ENDS)] = np.nan
    if people < SPREAD_TELLS_BELOW:
        known = _each(terms, PLAIN, SLOPES, BOUNDED)
        if kind in ALL_SLOPES or _each(terms, ANCHORS).any():
            known[:] = True
        frame = frame[known & (frame["effect"] == "fixed").to_numpy()]
    return coarse(frame)


def _each(terms: Iterable[str], *patterns: re.Pattern[str]) -> np.ndarray:
    return np.array([any(p.fullmatch(one) for p in patterns) for one in terms], dtype=bool)

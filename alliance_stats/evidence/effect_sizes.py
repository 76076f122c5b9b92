"""Effect sizes with their variances from what papers report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import gammaln

from ..core.arguments import LARGEST, checked_choice, checked_table, numbers, shown
from ..errors import ColumnError, DesignError, listing, require_columns

Numbers = dict[str, np.ndarray]


def small_sample_factor(df: np.ndarray) -> np.ndarray:
    """Return Hedges' exact correction of a standardised difference (1981, doi 10.2307/1164588)."""
    return np.exp(gammaln(df / 2) - 0.5 * np.log(df / 2) - gammaln((df - 1) / 2))


def _hedges(d: np.ndarray, n1: np.ndarray, n2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    g = small_sample_factor(n1 + n2 - 2) * d
    return g, 1 / n1 + 1 / n2 + g**2 / (2 * (n1 + n2))


def _means(x: Numbers) -> tuple[np.ndarray, np.ndarray]:
    df = x["n1"] + x["n2"] - 2
    pooled = np.sqrt(((x["n1"] - 1) * x["sd1"] ** 2 + (x["n2"] - 1) * x["sd2"] ** 2) / df)
    return _hedges((x["mean1"] - x["mean2"]) / pooled, x["n1"], x["n2"])


def _d(x: Numbers) -> tuple[np.ndarray, np.ndarray]:
    return _hedges(x["d"], x["n1"], x["n2"])


def _t(x: Numbers) -> tuple[np.ndarray, np.ndarray]:
    return _hedges(x["t"] * np.sqrt(1 / x["n1"] + 1 / x["n2"]), x["n1"], x["n2"])


def _f(x: Numbers) -> tuple[np.ndarray, np.ndarray]:
    root = np.sign(x["sign"]) * np.sqrt(x["f"])
    return _hedges(root * np.sqrt(1 / x["n1"] + 1 / x["n2"]), x["n1"], x["n2"])


def _pre_post(x: Numbers) -> tuple[np.ndarray, np.ndarray]:
    g = small_sample_factor(x["n"] - 1) * (x["mean_post"] - x["mean_pre"]) / x["sd_pre"]
    return g, 2 * (1 - x["r"]) / x["n"] + g**2 / (2 * x["n"])


def _r(x: Numbers) -> tuple[np.ndarray, np.ndarray]:
    return x["r"], (1 - x["r"] ** 2) ** 2 / (x["n"] - 3)


def _r_from_t(x: Numbers) -> tuple[np.ndarray, np.ndarray]:
    r = x["t"] / np.sqrt(x["t"] ** 2 + x["n"] - 2)
    return _r({"r": r, "n": x["n"]})


def _proportion(x: Numbers) -> tuple[np.ndarray, np.ndarray]:
    share = x["events"] / x["n"]
    return share, share * (1 - share) / x["n"]


def _odds_ratio(x: Numbers) -> tuple[np.ndarray, np.ndarray]:
    a, b, c, d = _two_by_two(x)
    return np.log(a * d / (b * c)), 1 / a + 1 / b + 1 / c + 1 / d


def _risk_ratio(x: Numbers) -> tuple[np.ndarray, np.ndarray]:
    a, b, c, d = _two_by_two(x)
    return np.log(a / (a + b)) - np.log(c / (c + d)), 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)


def _risk_difference(x: Numbers) -> tuple[np.ndarray, np.ndarray]:
    p1, p2 = x["events1"] / x["n1"], x["events2"] / x["n2"]
    return p1 - p2, p1 * (1 - p1) / x["n1"] + p2 * (1 - p2) / x["n2"]


def _two_by_two(x: Numbers) -> tuple[np.ndarray, ...]:
    """Return the four cells; half an event is added to all where one is empty."""
    cells = (x["events1"], x["n1"] - x["events1"], x["events2"], x["n2"] - x["events2"])
    empty = 0.5 * (np.minimum.reduce(cells) == 0)
    return tuple(cell + empty for cell in cells)


@dataclass(frozen=True)
class _Kind:
    """What a paper reports: the columns it needs, the metric it becomes, the formula."""

    columns: tuple[str, ...]
    metric: str
    formula: Callable[[Numbers], tuple[np.ndarray, np.ndarray]]


KINDS: dict[str, _Kind] = {
    "means": _Kind(("mean1", "sd1", "n1", "mean2", "sd2", "n2"), "smd", _means),
    "d": _Kind(("d", "n1", "n2"), "smd", _d),
    "t": _Kind(("t", "n1", "n2"), "smd", _t),
    "f": _Kind(("f", "sign", "n1", "n2"), "smd", _f),
    "pre_post": _Kind(("mean_pre", "mean_post", "sd_pre", "r", "n"), "smd", _pre_post),
    "r": _Kind(("r", "n"), "r", _r),
    "r_from_t": _Kind(("t", "n"), "r", _r_from_t),
    "proportion": _Kind(("events", "n"), "proportion", _proportion),
    "odds_ratio": _Kind(("events1", "n1", "events2", "n2"), "log_odds_ratio", _odds_ratio),
    "risk_ratio": _Kind(("events1", "n1", "events2", "n2"), "generic", _risk_ratio),
    "risk_difference": _Kind(("events1", "n1", "events2", "n2"), "generic", _risk_difference),
}


def effect_sizes(data: pd.DataFrame, *, kind: str) -> pd.DataFrame:
    """Turn what papers report into effects that `pool_effects` takes.

    Parameters
    ----------
    data
        One row an effect, with the columns its kind needs:

        =================== ========================================== ====================
        kind                columns                                    metric
        =================== ========================================== ====================
        ``means``           mean1, sd1, n1, mean2, sd2, n2             smd (Hedges' g)
        ``d``               d, n1, n2                                  smd
        ``t``               t, n1, n2 (two groups)                     smd
        ``f``               f, sign, n1, n2 (one df; sign 1 or -1)     smd
        ``pre_post``        mean_pre, mean_post, sd_pre, r, n          smd, raw-score SD
        ``r``               r, n                                       r
        ``r_from_t``        t, n (of a correlation or a 1-df contrast) r
        ``proportion``      events, n                                  proportion
        ``odds_ratio``      events1, n1, events2, n2                   log_odds_ratio
        ``risk_ratio``      events1, n1, events2, n2                   generic (log)
        ``risk_difference`` events1, n1, events2, n2                   generic
        =================== ========================================== ====================

    kind
        One of these.

    Returns
    -------
    DataFrame
        A copy of `data` with ``metric``, ``estimate`` and ``se``.

    Notes
    -----
    Standardised differences are group 1 minus group 2, or after minus before, with the exact
    small-sample correction. A before-after difference holds all that happened meanwhile and is no
    effect of treatment; its ``r`` is the correlation of the two scores, which papers seldom give:
    do not guess one value without a second. Formulas: Borenstein et al. (2009, ISBN
    978-0-470-05724-7).

    Examples
    --------
    >>> import pandas as pd, alliance_stats as al
    >>> al.effect_sizes(pd.DataFrame({"t": [2.5], "n1": [20], "n2": [20]}), kind="t")[
    ...     "estimate"].round(3).tolist()
    [0.775]
    """
    chosen = KINDS[checked_choice("kind", kind, KINDS)]
    checked_table(data, "the data")
    require_columns(data.columns, list(chosen.columns), what="the data")
    reported = {name: numbers(data, name, "the data") for name in chosen.columns}
    _check_possible(data, reported)
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate, variance = chosen.formula(reported)
    return data.assign(metric=chosen.metric, estimate=estimate, se=np.sqrt(variance))


def _check_possible(data: pd.DataFrame, x: Numbers) -> None:
    """Refuse what no study can have reported, by column and row."""
    rules = {
        "r": (lambda v: np.abs(v) >= 1, "lie between -1 and 1"),
        "f": (lambda v: v < 0, "be 0 or more"),
        "sign": (lambda v: v == 0, "be 1 or -1, for the direction an F does not have"),
    }
    for name, values in x.items():
        wrong, must = rules.get(name, (None, ""))
        if name.startswith("sd"):
            wrong, must = (lambda v: v <= 0), "be above 0"
        if name in ("n", "n1", "n2"):
            least = 3 if "r" in x or "t" in x else 1
            wrong, must = (lambda v, least=least: v <= least), f"be above {least}"
        if name.startswith("events"):
            n = x["n" + name.removeprefix("events")]
            wrong, must = (lambda v, n=n: (v < 0) | (v > n)), "lie between 0 and n"
        if wrong is not None and wrong(values).any():
            rows = data.index[wrong(values)]
            raise ColumnError(f"Column '{name}' must {must}; rows {listing(rows)} do not.")


def d_from_r(r: float | np.ndarray) -> float | np.ndarray:
    """Return the standardised difference that corresponds to a correlation: 2r / sqrt(1 - r^2).

    Examples
    --------
    >>> import alliance_stats as al
    >>> float(round(al.d_from_r(0.278), 3))
    0.579
    """
    r = _numbers(r)
    if np.any(np.abs(r) >= 1):
        raise DesignError(
            f"A correlation lies between -1 and 1, without the ends; {listing(r[np.abs(r) >= 1])} "
            "has no standardised difference."
        )
    return _as_given(2 * r / np.sqrt(1 - np.square(r)))


def _numbers(values: object) -> np.ndarray:
    try:
        found = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise DesignError(f"Give numbers (or a column of them), not {shown(values)}.") from None
    if (np.abs(found) > LARGEST).any():
        raise DesignError(f"Give finite numbers (or a column of them), not {shown(values)}.")
    return found


def _as_given(values: np.ndarray) -> float | np.ndarray:
    return float(values) if values.ndim == 0 else values


def r_from_d(d: float | np.ndarray) -> float | np.ndarray:
    """Return the correlation that corresponds to a standardised difference, for equal groups.

    Examples
    --------
    >>> import alliance_stats as al
    >>> float(round(al.r_from_d(0.55), 3))
    0.265
    """
    d = _numbers(d)
    return _as_given(d / np.sqrt(np.square(d) + 4))

"""The tables of a comparison: means with their numbers, differences with their arms."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from .rows import ARM, TIME, TrialRows


def with_numbers(means: pd.DataFrame, data: TrialRows) -> pd.DataFrame:
    """Return the means with the number of participants behind them."""
    found = means.drop(columns=["effect", "group", "term", "statistic", "p_value"])
    found[ARM] = found[ARM].astype(str)
    counts = data.measured().set_index([ARM, TIME])["n"]
    keys = list(zip(found[ARM], found[TIME], strict=True))
    found["n"] = [int(counts.get(key, 0)) for key in keys]
    found["randomised"] = [data.randomised.get(arm, 0) for arm, _ in keys]
    found["share_measured"] = found["n"] / np.maximum(found["randomised"], 1)
    first = [ARM, TIME, "n", "randomised", "share_measured"]
    return found[[*first, *(name for name in found.columns if name not in first)]]


def with_pairs(contrasts: pd.DataFrame, means: pd.DataFrame, reference: str | None) -> pd.DataFrame:
    """Return the differences with the two arms of each, in the order of `MultilevelFit.contrasts`.

    Arms are not read from the terms: their names may hold " - " themselves.
    """
    arms = list(dict.fromkeys(means[ARM]))
    pairs = [(late, early) for early, late in itertools.combinations(arms, 2)]
    if reference is not None:
        pairs = [(arm, reference) for arm in arms if arm != reference]
    found = contrasts.drop(columns=["effect", "group"])
    each = pairs * (len(found) // len(pairs))
    found.insert(1, ARM, [arm for arm, _ in each])
    found.insert(2, "versus", [other for _, other in each])
    return found

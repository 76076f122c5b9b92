"""What is asked of items and factors before a model is fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ...core.arguments import names
from ...errors import DesignError, listing, plural
from ..engine.patterns import PER_VARIABLE, coarse, copies

TURNED = 3.0
"""Standard errors of a correlation by which an item goes against another beyond chance."""
FEW_ANSWERS = 3
"""Items with no more different answers are far from continuous."""


def checked_factors(factors: Any) -> dict[str, list[str]]:
    """Return factors with their items, or say what is wrong with them."""
    if not isinstance(factors, Mapping) or not factors:
        raise DesignError("factors must be such as {'task': ['i1', 'i2', 'i3']}.")
    chosen = {str(name): names(items, f"factors['{name}']") for name, items in factors.items()}
    for name, items in chosen.items():
        given = factors.get(name, items)
        twice = [one for one in items if not isinstance(given, str) and [*given].count(one) > 1]
        if twice:
            raise DesignError(f"{twice[0]} is named twice as an item of the factor '{name}'.")
        if len(items) < 2:
            raise DesignError(
                f"The factor '{name}' has {len(items)} item; what an item measures shows only in "
                "what it shares with others, so a factor needs two or more, three where it stands "
                "alone."
            )
    for name, items in chosen.items():
        within = [other for other, more in chosen.items() if other != name and {*items} <= {*more}]
        if within:
            raise DesignError(
                f"All items of the factor '{name}' are items of '{within[0]}', too: as factors may "
                "go together here, the two cannot be told apart. Bifactor models, which hold them "
                "apart, are not built; lavaan and Mplus fit them."
            )
    return chosen


def signs(factors: Mapping[str, Sequence[str]], values: pd.DataFrame) -> dict[str, float]:
    """Return -1 for items that go against the first of their factor."""
    return {
        item: -1.0 if values[item].corr(values[items[0]]) < 0 else 1.0
        for items in factors.values()
        for item in items
    }


def turned_items(
    factors: Mapping[str, Sequence[str]], conditions: Mapping[str, pd.DataFrame]
) -> list[str]:
    """Return what is said of items that go against the first of their factor beyond chance.

    Asked in each condition by itself: an item keyed the other way on one side alone is hidden
    where both are thrown together.
    """
    against = [
        f"{item} against {items[0]} ({f'{side}, ' if len(conditions) > 1 else ''}r = {r:.2f})"
        for items in factors.values()
        for item in items[1:]
        for side, values in conditions.items()
        for r in [values[item].corr(values[items[0]])]
        if r * values[[item, items[0]]].notna().all(axis=1).sum() ** 0.5 < -TURNED
    ]
    if not against:
        return []
    return [
        f"Items go against each other: {listing(against)}. If an item is keyed the other way, turn "
        "its answers first: a sum, its reliability and mean gaps take them as they are."
    ]


def coarse_items(values: pd.DataFrame) -> list[str]:
    """Return what is said of items with so few different answers that they are not continuous."""
    few = values.columns[coarse(values.to_numpy(dtype=float), FEW_ANSWERS)]
    if not len(few):
        return []
    return [
        f"{listing(few)}: {FEW_ANSWERS} different answers or fewer, taken as continuous and "
        "normal, which understates loadings and upsets tests; models of ordinal items (thresholds) "
        "are in lavaan and Mplus."
    ]


def refuse_thin(samples: Mapping[str, pd.DataFrame], n_variables: int) -> None:
    """Refuse groups with fewer than two people an item, and items that do not vary."""
    for name, own in samples.items():
        of = f"The group '{name}' has" if name else "There are"
        if len(own) < PER_VARIABLE * n_variables:
            remedy = "leave it out, join groups, or use" if name else "use"
            raise DesignError(
                f"{of} {plural(len(own), 'row')} with answers; {n_variables} items need "
                f"{PER_VARIABLE * n_variables} or more: {remedy} fewer items."
            )
        flat = own.columns[~(own.std() > 1e-9 * own.abs().max())]
        if len(flat):
            where = f" in the group '{name}'" if name else ""
            raise DesignError(
                f"{listing(flat)} does not vary{where} (or nobody answered), so nothing can go "
                "with it; leave it out."
            )
        refuse_copies(own)


def refuse_copies(table: pd.DataFrame) -> None:
    """Refuse answers that say the same twice; columns may be of items, or of conditions' items."""
    twins = copies(table.to_numpy(dtype=float))
    if twins is not None:
        one, other = (
            name if isinstance(name, str) else f"{name[1]} ({name[0]})"
            for name in (table.columns[i] for i in twins)
        )
        raise DesignError(f"{one} and {other} move exactly together; is one a copy?")

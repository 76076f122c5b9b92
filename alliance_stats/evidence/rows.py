"""The rows of a synthesis before their numbers are read: whose they are, and what comes twice."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ..core.arguments import checked_choice, checked_table, share
from ..errors import DesignError, listing, require_columns

TESTS = ("knapp-hartung", "wald")
NUMBERS = ("estimate", "se", "ci_low", "ci_high", "n", "events")


def with_single_rows(effects: Any) -> pd.DataFrame:
    """Return the table with an index that names each row once (else rows are counted from 0)."""
    table = checked_table(effects, "the effects")
    return table if table.index.is_unique else table.reset_index(drop=True)


def check_effects(
    effects: pd.DataFrame, metric: str, test: str, cluster: str | None, confidence: float
) -> list[str]:
    """Refuse a test that is not there, metrics that mix, studies that come twice; tell the rest."""
    checked_choice("test", test, TESTS)
    share(confidence)
    if cluster is not None:
        if not isinstance(cluster, str):
            raise DesignError(f"cluster must be the name of one column, not {cluster!r}.")
        require_columns(effects.columns, [cluster], what="the effects")
    _refuse_mixed(effects, metric)
    if cluster is None:
        _refuse_repeated(effects)
    return _copies(effects, cluster)


def _refuse_mixed(effects: pd.DataFrame, metric: str) -> None:
    """A table that says which metric its rows are in must say the one that is pooled."""
    if "metric" not in effects.columns:
        return
    named = effects["metric"].dropna().astype(str)
    if metric == "generic":
        if len(named.unique()) > 1:
            raise DesignError(
                f"The rows are in different metrics ({listing(sorted(named.unique()))}), which "
                "have no common scale. Convert them, or pool them apart."
            )
        return
    other = named[named != metric]
    if not other.empty:
        raise DesignError(
            f"All effects must be in the metric '{metric}'; {len(other)} rows are in "
            f"{listing(sorted(other.unique()))} (rows "
            f"{listing(other.index)}). Convert them, or pool them apart."
        )


def _refuse_repeated(effects: pd.DataFrame) -> None:
    """Two effects of one study are not independent."""
    if "study_id" not in effects.columns:
        return
    again = effects["study_id"][effects["study_id"].duplicated() & effects["study_id"].notna()]
    if not again.empty:
        raise DesignError(
            f"A study must come once; {listing(again.unique())} come more than once. Effects of "
            "one study depend on each other: give cluster='study_id' for a three-level model, or "
            "choose one effect a study."
        )


def _copies(effects: pd.DataFrame, cluster: str | None) -> list[str]:
    """Refuse rows that come twice under one name, and tell of equal rows that may be no copies.

    Two outcomes of one study can have equal numbers: rows are copies only where nothing else in
    the table tells them apart.
    """
    said = [name for name in NUMBERS if name in effects.columns]
    names = [name for name in ("study_id", "label", "study") if name in effects.columns]
    wanted = effects[effects[said].notna().sum(axis=1) > 1]
    try:
        same = wanted.duplicated([*said, *names, *([cluster] if cluster else [])])
        copies = same & wanted.duplicated()
    except TypeError:  # a cell that holds a list: refused by name where numbers are read
        return []
    if names and cluster is None and copies.any():
        raise DesignError(
            f"Rows {listing(wanted.index[copies])} are the same as an earlier row: same "
            f"{names[0]}, same numbers. Copies must be dropped; several effects of one study that "
            f"happen to be equal depend on each other: say so by cluster='{names[-1]}'."
        )
    if not same.any():
        return _same_study(effects, cluster)
    rows = listing(wanted.index[same])
    if names and cluster is None:
        return [
            f"Rows {rows} have the {names[0]} and the numbers of an earlier row and differ from it "
            "elsewhere: they were taken as independent effects. Effects of one study are not; "
            f"cluster='{names[-1]}' gives the three-level model."
        ]
    return [
        f"Rows {rows} hold the same numbers as an earlier row"
        f"{' of their study' if cluster else ''}; if they are copies, the pool counts them twice."
        + ("" if cluster else " If they are effects of one study, name it by cluster=.")
    ]


def _same_study(effects: pd.DataFrame, cluster: str | None) -> list[str]:
    if cluster is not None or "study" not in effects.columns:
        return []
    again = effects["study"][effects["study"].duplicated() & effects["study"].notna()]
    if again.empty:
        return []
    return [
        f"{listing(again.unique())} come more than once in 'study' and were taken as independent; "
        "cluster='study' gives the three-level model."
    ]


def labels(effects: pd.DataFrame) -> pd.Series:
    """Return what to call each row: its label, study, or position."""
    for name in ("label", "study_id", "study"):
        if name in effects.columns:
            return effects[name].astype(str)
    return pd.Series([f"effect {i + 1}" for i in range(len(effects))], index=effects.index)

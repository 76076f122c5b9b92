"""The rows every model of the gap is fitted to: arguments asked, levels found, what is left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..core.arguments import checked_choice, checked_table, refuse_truth, rows_that_do_not
from ..core.people import reuse_hint
from ..errors import ColumnError, DesignError, listing, require_columns
from .about_dyads import clients_of_several, dyads_of
from .ranges import beyond_the_other

MUCH_WIDER = 3.0
"""Two raters of one scale do not differ in spread or reach by more; more tells of two scales."""
ENOUGH_TO_JUDGE = 10
"""Fewer rows say little about the range of a scale."""


def model_rows(
    data: object, wanted: dict[str, str], by: str | Sequence[str] | None
) -> tuple[pd.DataFrame, list[str], list[str]]:
    """Return a model's rows, its levels (the dyad first), and what was left out.

    `wanted` names the model's columns by their part in it (``truth``, ``covariate0``). Rows are
    complete, numbers under the names of their parts, levels as ``level1`` and ``level2``; their
    index is the position in the data.
    """
    levels = grouping(by)
    _refuse_two_parts(wanted, levels)
    if not isinstance(data, pd.DataFrame):
        raise ColumnError(
            "The data must be a pandas DataFrame with a row a session, not "
            f"{type(data).__name__}; for a study take rating_gap(study, ...).pairs, which holds "
            "both ratings side by side."
        )
    checked_table(data, "the data")
    refuse_repeats(data, levels)
    rows, messages = _complete_rows(data, wanted, levels)
    return rows, levels, messages


def _refuse_two_parts(wanted: dict[str, str], levels: Sequence[str]) -> None:
    """Refuse one column in two parts: the fit would be exact, or empty.

    A covariate may also moderate.
    """
    for other in ("covariate", "moderator"):
        named = [column for part, column in wanted.items() if not part.startswith(other)]
        named += levels
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            raise DesignError(
                f"The column '{twice[0]}' is named for two parts of the model; each part (ratings, "
                "outcome, covariates, groups) needs a column of its own."
            )


def grouping(by: str | Sequence[str] | None) -> list[str]:
    """Return the grouping columns, the lowest level (the dyad) first."""
    if by is None:
        return []
    levels = [by] if isinstance(by, str) else list(by)
    if not 1 <= len(levels) <= 2 or len(set(levels)) < len(levels):
        raise DesignError(
            "by must name the dyad (client_id), or the dyad and the therapist "
            f"(['client_id', 'therapist_id']), or be None; it is {by!r}."
        )
    return levels


def numeric(data: pd.DataFrame, column: str) -> pd.Series:
    """Return a column as numbers, or say what in it is none."""
    kind = data[column].dtype
    if pd.api.types.is_datetime64_any_dtype(kind) or pd.api.types.is_timedelta64_dtype(kind):
        raise ColumnError(
            f"The column '{column}' holds dates, not numbers; turn it into a number first (days or "
            "sessions since the start)."
        )
    refuse_truth(data[column], "the data")
    values = pd.to_numeric(data[column], errors="coerce").astype(float)
    bad = (values.isna() & data[column].notna()) | np.isinf(values)
    if bad.any():
        raise ColumnError(
            f"The column '{column}' must hold finite numbers; {rows_that_do_not(int(bad.sum()))} "
            f"(first value {data[column][bad].iloc[0]!r}, rows {listing(data.index[bad])}). "
            "Correct them, or set them missing; categories must be coded as numbers first."
        )
    return values


def _complete_rows(
    data: pd.DataFrame, wanted: dict[str, str], levels: Sequence[str]
) -> tuple[pd.DataFrame, list[str]]:
    """Return the complete rows; the messages count those left out, by what was missing."""
    require_columns(data.columns, [*wanted.values(), *levels], what="the data")
    frame = pd.DataFrame({n: numeric(data, column).to_numpy() for n, column in wanted.items()})
    for position, level in enumerate(levels):
        frame[f"level{position + 1}"] = data[level].to_numpy()
    lacking = frame.isna()
    incomplete = lacking.any(axis=1)
    messages = []
    if incomplete.any():
        names = {**wanted, **{f"level{i + 1}": level for i, level in enumerate(levels)}}
        each = [
            f"'{names[name]}' {int(n)}"
            for name, n in zip(map(str, lacking), lacking.sum(), strict=True)
            if n
        ]
        messages.append(
            f"{int(incomplete.sum())} of {len(frame)} rows are incomplete and left out (missing: "
            f"{listing(each)})."
        )
    kept = frame[~incomplete]
    if len(kept) < 3:
        raise DesignError(f"Only {len(kept)} complete rows are left; a model needs more.")
    if len(levels) == 2:
        several = clients_of_several(kept, "level1", "level2")
        if len(several):
            messages.append(
                f"{len(several)} of '{levels[0]}' ({listing(several)}) lie in several of "
                f"'{levels[1]}'. A dyad is one client with one therapist, so they count as a dyad "
                "with each; that these dyads share a client is not modelled."
            )
            kept = kept.assign(level1=dyads_of(kept, "level1", "level2"))
    return kept, messages


def require_one_scale(first: pd.Series, second: pd.Series, names: tuple[str, str]) -> None:
    """Refuse two ratings that cannot be on one scale, by how far they reach and how they spread."""
    ends = [(float(one.min()), float(one.max())) for one in (first, second)]
    reach = sorted(max(abs(low), abs(high)) for low, high in ends)
    spread = sorted(high - low for low, high in ends)
    enough = len(first) >= ENOUGH_TO_JUDGE and spread[0] > 0
    much = reach[1] > MUCH_WIDER * reach[0] or (enough and spread[1] > MUCH_WIDER * spread[0])
    ends_at = beyond_the_other(first, second)
    if not much and ends_at is None:
        return
    heap = ""
    if ends_at is not None:
        position, end, word = ends_at
        heap = (
            f" (several of '{names[position]}' are exactly {end:g}, the {word}, where "
            f"'{names[1 - position]}' goes on)"
        )
    ranges = [f"'{n}' runs from {a:g} to {b:g}" for n, (a, b) in zip(names, ends, strict=True)]
    raise DesignError(
        f"Both ratings must be on one scale, but {ranges[0]} and {ranges[1]}{heap}. Put them on a "
        "common scale first (the same range of points; not z scores, which remove the gap), or "
        "pass same_scale=True where they are on one."
    )


def require_variance(values: pd.Series, name: str, why: str) -> None:
    """Refuse a variable that does not vary."""
    if not float(values.max() - values.min()) > 0:
        raise DesignError(f"'{name}' has the same value in all {len(values)} rows; {why}")


def names_of(given: object, argument: str) -> list[str]:
    """Return names of columns, given as one, as several, or None."""
    if given is None:
        return []
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise DesignError(f"{argument} must name columns (one, or a list), not {given!r}.")
    out = list(names)
    if len(set(out)) < len(out):
        raise DesignError(f"{argument} names a column twice: {listing(out)}.")
    return out


def random_part(slopes: str, random: str | None, allowed: Sequence[str]) -> str:
    """Return which effects vary, from `slopes` or from its older name `random` where given.

    The first of `allowed` lets slopes vary, ``"intercepts"`` holds them the same for all.
    """
    checked_choice("slopes", slopes, ("all", "none"))
    if random is None:
        return allowed[0] if slopes == "all" else "intercepts"
    checked_choice("random", random, allowed)
    return random


def refuse_repeats(data: pd.DataFrame, levels: Sequence[str]) -> None:
    """Refuse two rows of one client and session, which would count the session twice."""
    unit = levels[0] if levels else "client_id"
    if unit not in data.columns or "session" not in data.columns:
        return
    keys = data[[unit, "session"]]
    twice = keys.duplicated(keep=False) & keys.notna().all(axis=1)
    if twice.any():
        first = keys[twice].drop_duplicates().head(3)
        where = [f"{a} session {b}" for a, b in first.itertuples(index=False)]
        raise DesignError(
            f"{int(twice.sum())} rows share '{unit}' and session (first: {listing(where)}); keep "
            f"one row a session.{reuse_hint(data, unit)}"
        )


def note_clusters(data: pd.DataFrame, levels: Sequence[str], messages: list[str]) -> None:
    """Say where rows of one client or therapist are taken as independent of each other."""
    if not levels and "client_id" in data.columns and data["client_id"].duplicated().any():
        messages.append(
            "by=None treats rows as independent, but clients have several rows: intervals are "
            "too narrow. Use by='client_id', or one row a dyad."
        )
    elif (
        "therapist_id" in data.columns
        and "therapist_id" not in levels
        and 1 < data["therapist_id"].nunique() < len(data)
    ):
        how = f"by=['{levels[0]}', 'therapist_id']" if levels else "a model with therapists"
        messages.append(
            f"The data name {data['therapist_id'].nunique()} therapists, but the model does not "
            "use them. Where therapists differ, clients of one therapist are alike and these "
            f"intervals are too narrow: use {how}."
        )


def levels_in(rows: pd.DataFrame, levels: list[str], messages: list[str]) -> list[str]:
    """Return the levels that can be told apart; one row a dyad leaves none within dyads.

    Couples or single sessions: with one row a unit of `by` the model is that of by=None.
    """
    if len(levels) != 1 or rows["level1"].duplicated().any():
        return levels
    messages.append(
        f"Every unit of '{levels[0]}' has one row, so nothing can vary within dyads: this is the "
        "model of by=None, which compares dyads and centres on the mean of all."
    )
    return []


def pairwise(rows: pd.DataFrame, first: str, second: str, levels: Sequence[str]) -> bool:
    """Tell whether each dyad stands in two rows, once from each person's side."""
    if len(levels) != 1 or not (rows.groupby("level1").size() == 2).mean() > 0.9:
        return False
    groups = rows.groupby("level1")
    swapped = groups[first].first().eq(groups[second].last())
    swapped &= groups[second].first().eq(groups[first].last())
    differs = groups[first].first().ne(groups[second].first())
    return bool(swapped[differs].mean() > 0.9)


def refuse_pairwise(
    rows: pd.DataFrame, first: str, second: str, levels: Sequence[str], names: tuple[str, str]
) -> None:
    """Refuse the pairwise form where it would count every dyad twice."""
    if pairwise(rows, first, second, levels):
        raise DesignError(
            f"The data are in pairwise form: each '{levels[0]}' stands in two rows in which "
            f"'{names[0]}' and '{names[1]}' change places, so every dyad would count twice. Keep "
            "one row a dyad, with the same person first in each (the wives' rows, say), and fit "
            "that."
        )

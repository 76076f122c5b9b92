"""The columns of a truth-and-bias model: centred, standardised, with moderators."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from ...errors import DesignError
from ..model_rows import require_variance


def design(
    rows: pd.DataFrame,
    levels: list[str],
    bias: str | None,
    further: list[str],
    standardise: str | None,
    messages: list[str],
) -> tuple[pd.DataFrame, str | None, dict[str, float]]:
    """Return centred (and standardised) columns, the kind of standardisation, moderators' means."""
    kept = rows
    if levels:
        _note_single(rows, levels, messages)
    if standardise == "dyad":
        kept = _with_own_sd(rows, levels, messages)
    group = kept["level1"] if levels else pd.Series(0, index=kept.index)
    centre = kept.groupby(group)["truth"].transform("mean")
    frame = pd.DataFrame({name: kept[name] - centre for name in ("truth", "judgment")})
    if bias:
        frame["bias"] = kept["bias"] - centre
    for name in list(frame) if standardise else []:
        frame[name] = frame[name] / _spread(kept[name], group, standardise == "dyad")
    means = {}
    for i, name in enumerate(further):
        means[name] = float(kept[f"moderator{i}"].mean())
        value = kept[f"moderator{i}"] - means[name]
        require_variance(value, name, "it cannot moderate anything.")
        frame[f"moderator{i}"] = value
        frame[f"truth_moderator{i}"] = value * frame["truth"]
    for position in range(len(levels)):
        frame[f"level{position + 1}"] = kept[f"level{position + 1}"]
    return frame, standardise, means


def affordable(frame: pd.DataFrame, messages: list[str]) -> Literal["slopes", "intercepts"]:
    """Return what the data can carry: slopes need more rows than two a dyad."""
    dyads = frame["level1"].nunique()
    if len(frame) > 2 * dyads:
        return "slopes"
    messages.append(
        f"{len(frame)} rows of {dyads} dyads cannot carry a bias and a force of each dyad's own: "
        "only the directional bias varies between dyads here."
    )
    return "intercepts"


def _note_single(rows: pd.DataFrame, levels: list[str], messages: list[str]) -> None:
    sizes = rows.groupby("level1").size()
    if (sizes < 2).all():
        raise DesignError(
            f"Every unit of '{levels[0]}' has one row, so nothing can vary within dyads; use "
            "by=None, which centres on the grand mean and compares dyads (its intervals do not "
            "know of therapists)."
        )
    single = int((sizes < 2).sum())
    if single:
        messages.append(
            f"{single} of {len(sizes)} dyads have one session: they count for the directional "
            "bias and say nothing about the truth force."
        )


def _with_own_sd(rows: pd.DataFrame, levels: list[str], messages: list[str]) -> pd.DataFrame:
    if not levels:
        raise DesignError("standardise='dyad' needs by='client_id': each dyad's own SD.")
    groups = rows.groupby("level1")
    spread = groups[["truth", "judgment"]].std().min(axis=1)
    usable = (groups.size() >= 3) & (spread > 1e-12)
    out = int((~usable).sum())
    if out:
        messages.append(
            f"{out} of {len(usable)} dyads have fewer than 3 sessions or a constant rating; they "
            "have no SD of their own and are left out."
        )
    kept = rows[rows["level1"].map(usable).astype(bool)]
    if kept.empty:
        raise DesignError("No dyad has 3 sessions in which both ratings vary.")
    return kept


def _spread(values: pd.Series, group: pd.Series, own: bool) -> pd.Series | float:
    if own:
        return values.groupby(group).transform("std")
    deviation = values - values.groupby(group).transform("mean")
    return float(np.sqrt((deviation**2).sum() / (len(values) - group.nunique())))


def columns(frame: pd.DataFrame) -> list[str]:
    """Return the names of the fixed effects' columns."""
    return [c for c in map(str, frame) if c != "judgment" and not c.startswith("level")]

"""Measures given at occasions (intake, pre, post): they become assessments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ...errors import AllianceStatsError
from .people import client_rows, therapist_rows
from .source import Source
from .tables_of import settled
from .values import categories_of
from .wide import Block, blank_rows, block_part, long_frame, matrix, no_session


def read_occasions(source: Source, blocks: list[Block]) -> None:
    """Turn measures at occasions (pre, post) into assessments."""
    if not blocks:
        return
    client = source.ids("client_id")
    usable = ~blank_rows(source, client)
    occasion = source.ids("occasion") if source.has("occasion") else None
    week = source.typed("assessments", "week")[0] if source.has("week") else None
    for block in blocks:
        own = block.slot[1]
        if own is None and occasion is None:
            no_session(source, block)
            continue
        cells = matrix(source, block)
        at = np.flatnonzero(usable if own is None else usable & ~np.isnan(cells).all(axis=1))
        which = occasion if own is None else categories_of(own, len(source))
        keys: dict[str, Any] = {"client_id": client, "occasion": which}
        if week is not None and own is None:
            keys["week"] = week
        frame, positions = long_frame(keys, block, cells, at)
        if block.is_items:
            frame, positions = _scored(source, block, frame, positions)
        part = block_part(source, "assessments", block, settled(frame, "assessments"), positions)
        source.gathered.parts.append(part)
    client_rows(source, client, np.flatnonzero(usable))
    therapist_rows(source, np.flatnonzero(usable))


def _scored(
    source: Source, block: Block, frame: pd.DataFrame, positions: np.ndarray
) -> tuple[pd.DataFrame, np.ndarray]:
    """Score items given at an occasion: ``assessments`` holds scores."""
    from ...instruments import score

    n_items = len(block.parts)
    forms = frame.iloc[::n_items].reset_index(drop=True)
    at = positions[::n_items]
    long = frame.assign(
        client_id=np.repeat(np.arange(len(forms)), n_items), session=np.int64(1)
    ).drop(columns=[name for name in ("occasion", "week") if name in frame.columns])
    pair = (block.spec.measure, block.spec.rater)
    done = {pair} if block.spec.reversed else False
    try:
        scores = score(long, already_reversed=done, registry=source.gathered.registry)
    except AllianceStatsError as error:
        source.notes.add("not_scored", str(error), table="assessments", column=block.columns[0])
        return forms.iloc[:0].assign(scale="", score=np.nan), at[:0]
    form = scores["client_id"].astype("int64").to_numpy()
    result = forms.iloc[form].drop(columns=["item", "value"]).reset_index(drop=True)
    result = result.assign(scale=scores["scale"].to_numpy(), score=scores["score"].to_numpy())
    return result, at[form]

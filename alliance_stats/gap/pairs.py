"""Both ratings of a session side by side: the base of every question about the gap."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..errors import ColumnError, DesignError, did_you_mean, listing, require_columns
from .levels import require_one_scale

RATERS = ("client", "therapist")
_KEY = ["client_id", "session"]


def paired_ratings(
    study_or_data: Any, *, measure: str | None, scale: str | None, same_scale: bool = False
) -> pd.DataFrame:
    """Return one row a session that both rated: ``client``, ``therapist`` and ``gap``.

    ``gap`` is always therapist minus client. ``.attrs["messages"]`` counts what one of the two
    rated alone. The client's therapist is carried along where it is known.
    """
    scores, therapists = _scores(study_or_data)
    require_columns(scores.columns, [*_KEY, "rater", "score"], what="the scores")
    chosen = _choose(_choose(scores, "measure", measure), "scale", scale)
    chosen = chosen[chosen["rater"].isin(RATERS)]
    _refuse_duplicates(chosen)
    sides = {rater: _side(chosen, rater) for rater in RATERS}
    pairs = sides["client"].merge(sides["therapist"], on=_KEY, how="inner", validate="one_to_one")
    if pairs.empty:
        raise DesignError(
            "No session was rated by both client and therapist "
            f"({len(sides['client'])} by the client, {len(sides['therapist'])} by the "
            "therapist), so there is no gap to describe."
        )
    if not same_scale and not _has_card(study_or_data, measure):
        require_one_scale(pairs["client"], pairs["therapist"], RATERS)
    pairs["gap"] = pairs["therapist"] - pairs["client"]
    pairs = _with_therapist(pairs, chosen, therapists)
    pairs.attrs["messages"] = _alone(sides, len(pairs))
    return pairs.sort_values(_KEY, kind="stable", ignore_index=True)


def _has_card(study_or_data: Any, measure: str | None) -> bool:
    """Return whether a card says that both raters' forms have one range."""
    return measure is not None and measure in (getattr(study_or_data, "measures", None) or {})


def _scores(study_or_data: Any) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    if isinstance(study_or_data, pd.DataFrame):
        return study_or_data, None
    return study_or_data.scores, study_or_data.tables.get("clients")


def _choose(scores: pd.DataFrame, column: str, wanted: str | None) -> pd.DataFrame:
    if column not in scores.columns:
        return scores
    there = [str(value) for value in pd.unique(scores[column])]
    if wanted is None:
        if len(there) == 1:
            return scores
        raise DesignError(f"The scores hold several of '{column}' ({listing(there, 8)}); name one.")
    if wanted not in there:
        raise ColumnError(
            f"The scores hold no {column} '{wanted}'; there are {listing(there, 8)}."
            f"{did_you_mean(wanted, there)}"
        )
    return scores[scores[column] == wanted]


def _side(scores: pd.DataFrame, rater: str) -> pd.DataFrame:
    side = scores.loc[(scores["rater"] == rater) & scores["score"].notna(), [*_KEY, "score"]]
    side = side.rename(columns={"score": rater})
    if not np.isfinite(side[rater].to_numpy(dtype=float)).all():
        raise ColumnError(f"The {rater}s' scores hold infinite values; correct them first.")
    return side


def _refuse_duplicates(scores: pd.DataFrame) -> None:
    twice = scores.duplicated([*_KEY, "rater"], keep=False)
    if twice.any():
        rows = scores.loc[twice, _KEY].drop_duplicates().head(5)
        names = [f"{row.client_id}/{row.session}" for row in rows.itertuples()]
        raise DesignError(
            f"{int(twice.sum())} scores share client, session and rater (client/session "
            f"{listing(names)}). Keep one score each, or choose one measure and scale."
        )


def _with_therapist(
    pairs: pd.DataFrame, scores: pd.DataFrame, clients: pd.DataFrame | None
) -> pd.DataFrame:
    source = scores if "therapist_id" in scores.columns else clients
    if source is None or "therapist_id" not in source.columns:
        return pairs
    known = source[["client_id", "therapist_id"]].dropna().drop_duplicates()
    several = known.loc[known["client_id"].duplicated(keep=False), "client_id"].unique()
    if len(several):
        raise DesignError(
            f"{len(several)} clients have more than one therapist: {listing(several)}. A dyad is "
            "one client with one therapist; make the client's id unique to the dyad, or leave "
            "those clients out."
        )
    return pairs.merge(known, on="client_id", how="left", validate="many_to_one")


def _alone(sides: dict[str, pd.DataFrame], both: int) -> tuple[str, ...]:
    alone = {rater: len(side) - both for rater, side in sides.items()}
    if not any(alone.values()):
        return ()
    return (
        f"{alone['client']} sessions rated by the client alone and {alone['therapist']} by the "
        f"therapist alone are left out; {both} sessions were rated by both.",
    )

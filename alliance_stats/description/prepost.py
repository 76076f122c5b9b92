"""A client's first and last score, where a study measures outcome at sessions or occasions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ..errors import DesignError

if TYPE_CHECKING:
    from ..study import Study

BEFORE, AFTER = ("intake", "pre"), ("post",)


def first_and_last(
    study: Study, *, measure: str, scale: str = "total", rater: str = "client"
) -> pd.DataFrame:
    """What was each client's outcome score at the beginning, and what at the end?

    Parameters
    ----------
    study
        A `Study` with session scores or ``assessments`` of the measure.
    measure, scale, rater
        The outcome score.

    Returns
    -------
    DataFrame
        One row a client who has any score: ``client_id, pre, post, pre_when, post_when``. With
        assessments of the measure: ``pre`` is at ``intake`` (else ``pre``) and ``post`` at
        ``post``. Otherwise the first and the last session with a score; a client with a single
        score has no ``post``. ``.attrs["source"]`` says which of the two it was.

    Notes
    -----
    A last session is not the end of a course of treatment: a client who dropped out is judged by
    the last session attended, which is what makes the denominator everybody and not completers.
    """
    assessments = study.tables.get("assessments")
    if assessments is not None:
        chosen = _rows(assessments, measure, scale, rater)
        if chosen["occasion"].isin([*BEFORE, *AFTER]).any():
            return _by_occasion(chosen)
    chosen = _rows(study.scores, measure, scale, rater)
    if chosen.empty:
        raise DesignError(
            f"The study has no scores of {measure} ({scale}) by the {rater}, at sessions or "
            "at occasions; name another measure, scale or rater."
        )
    return _by_session(chosen)


def _rows(table: pd.DataFrame, measure: str, scale: str, rater: str) -> pd.DataFrame:
    keep = (table["measure"] == measure) & (table["scale"] == scale) & (table["rater"] == rater)
    return table[keep & table["score"].notna()]


def _by_occasion(rows: pd.DataFrame) -> pd.DataFrame:
    scores = rows.set_index(["client_id", "occasion"])["score"]
    wide = scores.unstack("occasion")  # noqa: PD010 - keys are unique, nothing to aggregate
    wide = wide.reindex(columns=[*BEFORE, *AFTER])
    when = pd.Series("intake", index=wide.index).where(wide["intake"].notna(), "pre")
    out = pd.DataFrame(
        {
            "client_id": wide.index,
            "pre": wide["intake"].fillna(wide["pre"]).to_numpy(),
            "post": wide["post"].to_numpy(),
            "pre_when": when.to_numpy(),
            "post_when": "post",
        }
    )
    out.attrs["source"] = "assessments"
    return out


def _by_session(rows: pd.DataFrame) -> pd.DataFrame:
    ordered = rows.sort_values(["client_id", "session"], kind="stable")
    groups = ordered.groupby("client_id", observed=True, sort=True)
    out = pd.DataFrame(
        {
            "pre": groups["score"].first(),
            "post": groups["score"].last().where(groups.size() > 1),
            "pre_when": groups["session"].first(),
            "post_when": groups["session"].last().where(groups.size() > 1),
        }
    ).reset_index()
    out.attrs["source"] = "sessions"
    return out

"""A client's first and last score, where a study measures outcome at sessions or occasions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ..core.people import refuse_repeats
from ..errors import ScoreError, require_columns
from .select import choose, is_study, name_of, scores_of

if TYPE_CHECKING:
    from .study import Study

BEFORE, AFTER = ("intake", "pre"), ("post",)


def first_and_last(
    study_or_data: Study | pd.DataFrame,
    *,
    measure: str | None = None,
    scale: str | None = None,
    rater: str | None = None,
) -> pd.DataFrame:
    """What was each client's outcome score at the beginning, and what at the end?

    Parameters
    ----------
    study_or_data
        A `Study` with session scores or ``assessments`` of the measure, or one such table:
        ``client_id, score`` and ``session`` or ``occasion``.
    measure, scale, rater
        The outcome score, as `Study.select` takes it (``"core-10/total/client"``); needed where
        there are several.

    Returns
    -------
    DataFrame
        One row a client who has any score: ``client_id, pre, post, pre_when, post_when``. With
        assessments of the measure: ``pre`` is at ``intake`` (else ``pre``) and ``post`` at
        ``post``. Otherwise the first and the last session with a score; a client with a single
        score has no ``post``. ``.attrs["source"]`` says which of the two it was, and
        ``.attrs["score"]`` which score.

    Notes
    -----
    A last session is not the end of a course of treatment: a client who dropped out is judged by
    the last session attended, which is what makes the denominator everybody and not completers.
    """
    held = [scores_of(study_or_data)]
    if is_study(study_or_data) and study_or_data.has("assessments"):
        held = [study_or_data.tables["assessments"], *held]
    refusal = None
    for table in held:
        try:
            rows, name = choose(table, measure, scale, rater)
        except ScoreError as error:
            refusal = error
            continue
        require_columns(rows.columns, ["client_id", "score"], what="the scores")
        rows = rows[rows["score"].notna()]
        if "occasion" in rows and rows["occasion"].isin([*BEFORE, *AFTER]).any():
            out = _by_occasion(rows)
        elif "session" in rows and len(rows):
            out = _by_session(rows)
        else:
            continue
        out.attrs["score"] = str(name)
        return out
    raise refusal or ScoreError(
        f"There are no scores of {name_of(measure, scale, rater).words or 'anything'}, at sessions "
        "or at occasions; name another measure, scale or rater."
    )


def _by_occasion(rows: pd.DataFrame) -> pd.DataFrame:
    refuse_repeats(rows, ["client_id", "occasion"], "The scores")
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
    refuse_repeats(rows, ["client_id", "session"], "The scores")
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

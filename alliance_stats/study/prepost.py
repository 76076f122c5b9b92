"""A client's first and last score, where a study measures outcome at sessions or occasions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ..core.people import refuse_repeats
from ..errors import ScoreError, did_you_mean, listing, require_columns
from .select import choose, is_study, name_of, scores_of
from .stages import stage_of
from .times import OCCASION, SESSION, along, in_order

if TYPE_CHECKING:
    from .study import Study

BEFORE, AFTER, LATER = ("intake", "pre"), ("post",), "followup"


def first_and_last(
    study_or_data: Study | pd.DataFrame,
    *,
    measure: str | None = None,
    scale: str | None = None,
    rater: str | None = None,
    time: str | None = None,
    pre: str | None = None,
    post: str | None = None,
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
    held = [scores_of(along(study_or_data, time if time not in (None, OCCASION) else SESSION))]
    named = pre is not None or post is not None
    if is_study(study_or_data) and study_or_data.has("assessments") and time in (None, OCCASION):
        held = [study_or_data.tables["assessments"], *held]
    refusal = None
    for table in held:
        try:
            rows, name = choose(table, measure, scale, rater)
        except ScoreError as error:
            refusal = refusal or error
            continue
        require_columns(rows.columns, ["client_id", "score"], what="the scores")
        rows = rows[rows["score"].notna()]
        ends = _ends(rows, pre, post) if OCCASION in rows and time in (None, OCCASION) else ()
        if ends:
            out = _by_occasion(rows, *ends)
        elif SESSION in rows and len(rows) and not named and time != OCCASION:
            out = _by_session(rows)
        else:
            continue
        out.attrs["score"] = str(name)
        return out
    raise refusal or ScoreError(
        f"There are no scores of {name_of(measure, scale, rater).words or 'anything'}, at sessions "
        "or at occasions; name another measure, scale or rater."
    )


def _ends(
    rows: pd.DataFrame, pre: str | None, post: str | None
) -> tuple[tuple[str, ...], tuple[str, ...]] | tuple[()]:
    """Return which occasions count as before, and which as after; nothing where there are none."""
    there = list(map(str, rows[OCCASION].dropna().unique()))
    for name, value in (("pre", pre), ("post", post)):
        if value is not None and value not in there:
            raise ScoreError(
                f"{name}='{value}' is no occasion of the scores; there are "
                f"{listing(there, 20) or 'none'}.{did_you_mean(value, there)}"
            )
    usual = not set(there).isdisjoint(BEFORE) and not set(there).isdisjoint(AFTER)
    order = [] if (pre and post) or usual or not there else list(map(str, in_order(rows)))
    treated = [one for one in order if stage_of(one) != LATER]
    if not (usual or (pre and post) or len(treated) > 1):
        return ()
    before = (pre,) if pre else BEFORE if usual else (treated[0],)
    after = (post,) if post else AFTER if usual else (treated[-1],)
    return before, after


def _by_occasion(
    rows: pd.DataFrame, before: tuple[str, ...], after: tuple[str, ...]
) -> pd.DataFrame:
    refuse_repeats(rows, ["client_id", OCCASION], "The scores")
    labels = rows[OCCASION].astype(object).astype(str)
    scores = rows.assign(**{OCCASION: labels}).set_index(["client_id", OCCASION])["score"]
    wide = scores.unstack(OCCASION).reindex(columns=list(dict.fromkeys([*before, *after])))  # noqa: PD010 - keys are unique, nothing to aggregate
    when = pd.Series(before[0], index=wide.index)
    if len(before) > 1:
        when = when.where(wide[before[0]].notna(), before[1])
    out = pd.DataFrame(
        {
            "client_id": wide.index,
            "pre": wide[list(before)].bfill(axis=1).iloc[:, 0].to_numpy(),
            "post": wide[after[0]].to_numpy(),
            "pre_when": when.to_numpy(),
            "post_when": after[0],
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

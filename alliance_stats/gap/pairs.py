"""Both ratings of a session side by side: the base of every question about the gap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..core.arguments import names, rows_that_do_not
from ..core.people import reuse_hint
from ..errors import ColumnError, DesignError, listing, plural, require_columns
from ..study import Study
from ..study.select import KEYS, ScoreName, choose, is_study, name_of, scores_of
from .about_dyads import clients_of_several, several_therapists
from .checks import finite_numbers
from .model_rows import require_one_scale
from .ranges import require_within

RATERS = ("client", "therapist")
_KEY = ["client_id", "session"]


def pairs_of(
    given: Any, *, measure: str | None = None, scale: str | None = None, whole: bool = True
) -> tuple[pd.DataFrame, list[str]]:
    """Return the pairs of a `RatingGap`, a study or a table, and what was left out of them."""
    pairs = getattr(given, "pairs", None)
    if not isinstance(pairs, pd.DataFrame):
        pairs = paired_ratings(given, measure=measure, scale=scale, whole=whole)
        return pairs, list(pairs.attrs["messages"])
    asked = name_of(measure, scale).parts
    for name, value in zip(KEYS[:2], asked, strict=False):
        if value is not None and value != getattr(given, name, value):
            raise DesignError(
                f"The rating gap given is of {name} '{getattr(given, name)}', not '{value}'; "
                "make it anew for the other, or give the study."
            )
    return pairs, list(pairs.attrs.get("messages", ()))


def paired_ratings(
    study_or_data: Study | pd.DataFrame,
    *,
    measure: str | None,
    scale: str | None,
    same_scale: bool = False,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    raters: tuple[str, str] = RATERS,
    by: str = "client_id",
    whole: bool = True,
) -> pd.DataFrame:
    """Return one row a session that both rated: ``client``, ``therapist`` and ``gap``.

    ``gap`` is always therapist minus client. ``.attrs["messages"]`` counts what is left out: rows
    without client or session, sessions that one of the two rated alone, dyads that lose all. The
    therapist is carried along where known. `raters` names who stands in the columns ``client``
    and ``therapist``; `by` is the column of the dyad; `whole` refuses decimals.
    """
    scores, study = scores_of(study_or_data), study_or_data if is_study(study_or_data) else None
    raters = _raters(raters)
    messages: list[str] = []
    scores = _keyed(scores, by, messages)
    require_columns(scores.columns, [*_KEY, "rater", "score"], what="the scores")
    if scores.empty:
        raise DesignError("The scores are empty: there is no rating to compare.")
    chosen, score = choose(scores, measure, scale, settle=KEYS[:2])
    if score.rater:
        raise DesignError(
            f"A gap compares two raters, so a score with one of them cannot be asked for: write "
            f"'{ScoreName.of(score.measure, score.scale)}'; raters=(...) names others."
        )
    chosen = _of_raters(chosen, raters)
    chosen = _known_keys(chosen, messages, whole)
    _refuse_duplicates(chosen)
    sides = {role: _side(chosen, name, role) for role, name in zip(RATERS, raters, strict=True)}
    pairs = sides["client"].merge(sides["therapist"], on=_KEY, how="inner", validate="one_to_one")
    if pairs.empty:
        raise DesignError(
            f"No session was rated by both {raters[0]} and {raters[1]}, so there is no gap to "
            f"describe. Rated by the {raters[0]}: {len(sides['client'])}; by the {raters[1]}: "
            f"{len(sides['therapist'])}."
        )
    if not same_scale and not require_within(
        sides, raters, ranges, study, score.measure, score.scale
    ):
        require_one_scale(pairs["client"], pairs["therapist"], raters)
    pairs["gap"] = pairs["therapist"] - pairs["client"]
    alone = _alone(sides, pairs, raters)
    pairs = with_therapist(pairs, chosen, study, messages)
    pairs = pairs.sort_values(_KEY, kind="stable", ignore_index=True)
    pairs.attrs |= {"messages": (*alone, *messages), "score": str(score)}
    return pairs


def _raters(raters: Any) -> tuple[str, str]:
    named = [] if isinstance(raters, str) else names(raters, "raters")
    if len(named) != 2 or "" in named:
        raise DesignError(
            f"raters must be a list of two different raters, such as {RATERS}; it is {raters!r}."
        )
    return named[0], named[1]


def _keyed(scores: pd.DataFrame, by: Any, messages: list[str]) -> pd.DataFrame:
    """Return the scores with ``client_id`` and ``session`` as plain columns."""
    scores = scores.reset_index(drop=True)
    if by != "client_id":
        require_columns(scores.columns, [by], what="the scores")
        scores = scores.drop(columns="client_id", errors="ignore").rename(columns={by: "client_id"})
        if "session" not in scores.columns:
            messages.append("The scores hold no column 'session': each dyad counts as rated once.")
            scores = scores.assign(session=1)
    return scores


def _of_raters(scores: pd.DataFrame, raters: tuple[str, str]) -> pd.DataFrame:
    chosen = scores[scores["rater"].isin(raters)]
    there = [str(value) for value in pd.unique(scores["rater"].dropna())]
    if chosen.empty:
        raise DesignError(
            f"The column 'rater' must hold {raters[0]!r} and {raters[1]!r}; it holds "
            f"{listing(there, 6) or 'nothing'}. Rename them, or say raters=(...) with the one who "
            "stands where the client stands first."
        )
    return chosen


def _known_keys(scores: pd.DataFrame, messages: list[str], whole: bool) -> pd.DataFrame:
    unknown = scores[_KEY].isna().any(axis=1)
    if unknown.any():
        messages.append(f"{int(unknown.sum())} scores name no client or no session; left out.")
        scores = scores[~unknown]
    number = finite_numbers(scores["session"], "The sessions (column 'session')")
    if not whole:
        return scores.assign(session=number)
    wrong = (number < 0) | (number != np.floor(number))
    if wrong.any():
        raise ColumnError(
            "The column 'session' must hold whole numbers from 0; "
            f"{rows_that_do_not(int(wrong.sum()))} (first {scores['session'][wrong].iloc[0]}, "
            f"client {scores['client_id'][wrong].iloc[0]})."
        )
    return scores.assign(session=number.astype(int))


def _side(scores: pd.DataFrame, name: str, role: str) -> pd.DataFrame:
    part = scores[scores["rater"] == name]
    values = finite_numbers(part["score"], f"The scores of rater '{name}' (column 'score')")
    return part[_KEY].assign(**{role: values})[values.notna()]


def _refuse_duplicates(scores: pd.DataFrame) -> None:
    twice = scores.duplicated([*_KEY, "rater"], keep=False)
    if twice.any():
        rows = scores.loc[twice, _KEY].drop_duplicates().head(5)
        names = [f"{row.client_id}/{row.session}" for row in rows.itertuples()]
        raise DesignError(
            f"{int(twice.sum())} scores share client, session and rater (client/session "
            f"{listing(names)}). "
            + (
                reuse_hint(scores).strip()
                or "Keep one score each, or choose one measure and scale."
            )
        )


def with_therapist(
    pairs: pd.DataFrame, scores: pd.DataFrame, study: Study | None, messages: list[str]
) -> pd.DataFrame:
    """Add the therapist: of the scores' rows, else of the session, else of the client.

    Else of the client's sessions around it, which `messages` counts; between two therapists a
    session is left out, the others keep their place in the index.
    """
    own = pairs.merge(_therapists_of(scores, _KEY), on=_KEY, how="left", validate="one_to_one")
    if study is not None:
        for table, key in (("sessions", _KEY), ("clients", ["client_id"])):
            source = study.tables.get(table)
            if source is None or not {*key, "therapist_id"} <= set(source.columns):
                continue
            found = _therapists_of(source, key)
            found = found.rename(columns={"therapist_id": "further"})
            further = pairs[key].merge(found, on=key, how="left")["further"]
            if table == "clients" and "therapist_id" in own:
                differ = _tell_differing(own, further, messages)
                further = further.where(~own["client_id"].isin(differ))  # the table knows one only
            own["therapist_id"] = own["therapist_id"].astype(object).where(
                own["therapist_id"].notna(), further.astype(object)
            ) if "therapist_id" in own else further  # fmt: skip
    if "therapist_id" not in own or own["therapist_id"].isna().all():
        return pairs
    own = _filled(own, messages)
    own["therapist_id"] = own["therapist_id"].infer_objects()
    moved = clients_of_several(own)
    if len(moved):
        messages.append(several_therapists(moved))
    return own


def _therapists_of(source: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """Return one row a key with the therapist; a key with two names them in an error."""
    if "therapist_id" not in source.columns:
        return source[key].drop_duplicates()
    known = source[[*key, "therapist_id"]].dropna().drop_duplicates()
    twice = known.loc[known.duplicated(key, keep=False), "client_id"].unique()
    if len(twice):
        raise DesignError(
            f"{len(twice)} clients have more than one therapist"
            f"{' in one session' if len(key) > 1 else ''}: {listing(twice)}. A dyad is one client "
            "with one therapist; make the client's id unique to the dyad, or leave those clients "
            "out."
        )
    return known


def _tell_differing(own: pd.DataFrame, further: pd.Series, messages: list[str]) -> Sequence[Any]:
    """Tell and return the clients whose sessions name another than the table of clients does."""
    both = own["therapist_id"].notna() & further.notna()
    differ = both & (own["therapist_id"].astype(object) != further.astype(object))
    who = own.loc[differ, "client_id"].drop_duplicates().tolist()
    if len(who):
        messages.append(
            f"{int(differ.sum())} sessions of {len(who)} clients ({listing(who)}) were held by "
            "another therapist than the table `clients` names; the session's therapist counts."
        )
    return who


def _filled(own: pd.DataFrame, messages: list[str]) -> pd.DataFrame:
    """Give sessions without a therapist the one of those around; leave out those between two."""
    if own["therapist_id"].notna().all():
        return own
    groups = own.sort_values(_KEY, kind="stable").groupby("client_id")["therapist_id"]
    before, after = groups.ffill().reindex(own.index), groups.bfill().reindex(own.index)
    between = before.notna() & after.notna() & (before != after)
    found = own.assign(therapist_id=before.where(before.notna(), after).where(~between))
    _tell_nameless(
        own[own["therapist_id"].isna() & found["therapist_id"].notna()],
        "they count as held by the therapist of the client's sessions before or after",
        messages,
    )
    _tell_nameless(
        own[between],
        "they lie between sessions with two different therapists and are left out",
        messages,
    )
    return found[~between]


def _tell_nameless(rows: pd.DataFrame, what: str, messages: list[str]) -> None:
    who = rows["client_id"].unique()
    if len(who):
        messages.append(
            f"{plural(len(rows), 'session')} of {plural(len(who), 'client')} ({listing(who)}) "
            f"without a named therapist: {what}."
        )


def _alone(
    sides: dict[str, pd.DataFrame], pairs: pd.DataFrame, raters: tuple[str, str]
) -> tuple[str, ...]:
    alone = {role: len(side) - len(pairs) for role, side in sides.items()}
    if not any(alone.values()):
        return ()
    everybody = {client for side in sides.values() for client in side["client_id"]}
    lost = sorted(everybody - set(pairs["client_id"]), key=str)
    whole = f" {len(lost)} dyads lose all their sessions: {listing(lost)}." if lost else ""
    return (
        f"{alone['client']} sessions with a score from the {raters[0]} alone and "
        f"{alone['therapist']} from the {raters[1]} alone are left out (a form with too few "
        f"answers has none); {len(pairs)} sessions have both.{whole}",
    )

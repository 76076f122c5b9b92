"""Which columns say who, when and where, and which rows of a survey are no answers."""

from __future__ import annotations

import pandas as pd

from ...errors import listing, plural
from ..stages import words_in
from .names import ROLES, WORDS, maybe_session, roles_in, roles_of, tool_of, unit_of
from .shapes import families_of
from .values import as_word, dates, numbers, whole_numbers

WHEN = {"session", "occasion", "time"}
"""The columns that say when a row is from."""

SPREAD = ("date", "therapist_id", "attended")
"""What a wide file may hold for each session."""

MANY_ROWS = 20
"""In so many rows a column of one or two values names no clients."""


def guess_roles(
    frame: pd.DataFrame, names: list[str], labels: dict[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Return our column → the file's, each column at most once, and what is unsure.

    A column of dates may count the sessions too, where no other column does.

    Names that are sure come first, then labels, then names that may mean something else too.
    """
    roles: dict[str, str] = {}
    doubts: list[str] = []

    def take(texts: dict[str, str], *, sure: bool) -> None:
        for name, text in texts.items():
            for role in roles_of(text, sure=sure):
                free = role not in roles and name not in roles.values()
                if role == "session" and not sure and "occasion" in roles:
                    continue
                if free and _holds(frame[name], role):
                    roles[role] = name
                    if role == "session" and not sure:
                        doubts.append(f"'{name}' is taken to count sessions")

    take({name: name for name in names}, sure=True)
    take({name: labels[name] for name in names if name in labels}, sure=True)
    asked = {name: role for name, label in labels.items() for role in roles_in(label)[:1]}
    for name, role in asked.items():
        alone = name in names and [*asked.values()].count(role) == 1
        free = role not in roles and name not in roles.values()
        if alone and free and _holds(frame[name], role):
            roles[role] = name
            doubts.append(f"'{name}' is taken for {role}, by its label {labels[name]!r}")
    numbered = any(tool_of(name) == "LimeSurvey" for name in names)  # its ``id`` is the answer's
    take({name: name for name in names if not (numbered and name == "id")}, sure=False)
    if "episode" in roles and not _several_each(frame, roles, "episode"):
        del roles["episode"]
    if not {"session", "occasion"} & set(roles):
        for name in names:
            if maybe_session(name) and name not in roles.values() and frame[name].notna().all():
                unit = "" if len(numbers(frame[name])[1]) else unit_of(name)
                roles["time" if unit else "occasion"] = name
                what = f"taken for a time in {unit}s" if unit else "taken to name occasions"
                doubts.append(f"'{name}' does not count from 1 on; it is {what}")
                break
    if {"session", "occasion"} <= set(roles):
        doubts.append(f"'{roles.pop('occasion')}' may name occasions; sessions are taken")
    timed = WHEN & set(roles)
    if _several_each(frame, roles, "date") and not timed:
        roles["session"] = roles["date"]
        doubts.append(
            f"no column numbers the sessions; a client's n-th day in '{roles['date']}' is taken "
            "for session n"
        )
    elif "client_id" in roles and not timed and frame[roles["client_id"]].duplicated().any():
        doubts.append(
            f"ids in '{roles['client_id']}' are there several times, and no column says when; add "
            "session: or occasion:, or the column that really names the client"
        )
    order = [role for role in (*(role for role, *_ in ROLES), "time") if role in roles]
    return {role: roles[role] for role in order}, doubts


def guess_spread(
    frame: pd.DataFrame, left: list[str], roles: dict[str, str]
) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return ours → its pattern and columns, where names hold the session (``Datum_3``)."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for family in families_of(left, {}):
        words = [
            w for w in words_in(family.names[0]) if not {"session", "time"} & {*WORDS.get(w, {})}
        ]
        role = next((r for r in roles_of("".join(words)) if r in SPREAD and r not in roles), "")
        one = len(family.varying) == 1 == family.rows.shape[1]
        if role and one and role not in found and all(_holds(frame[n], role) for n in family.names):
            found[role] = (family.pattern({0: "session"}), family.names)
    return found


def _says_when(word: str) -> bool:
    return not {"session", "time"}.isdisjoint(WORDS.get(word, {}))


def _several_each(frame: pd.DataFrame, roles: dict[str, str], role: str) -> bool:
    """Return whether some client has several values of a role: treatments, or days."""
    client, other = roles.get("client_id"), roles.get(role)
    return (
        client is not None
        and other is not None
        and bool(frame[[client, other]].dropna().drop_duplicates()[client].duplicated().any())
    )


def _holds(series: pd.Series, role: str) -> bool:
    """Return whether the values agree with the role a name suggests."""
    if not series.notna().any():
        return False
    if role in ("session", "episode"):
        values, bad = whole_numbers(series)
        below = int((values < 1).sum())
        return len(bad) + below <= 0.1 * len(values)
    if role == "date":
        _, bad, _ = dates(series)
        return series.dtype.kind not in "iufb" and len(bad) <= 0.1 * len(series)
    if role == "client_id":  # which of two partners, not who
        return series.nunique() > 2 or len(series) < MANY_ROWS
    if role == "years_experience":
        return series.dtype.kind in "iuf"
    return True


def not_to_count(frame: pd.DataFrame) -> list[str]:
    """Return what to do with rows of a survey that are previews, or were not finished."""
    kept = {"Status": ("IP Address", "0"), "Finished": ("True", "1")}
    if not {*kept, "ResponseId"} <= {*frame.columns}:
        return []
    words = {name: frame[name].dropna().map(as_word) for name in kept}
    others = {name: ~column.isin(kept[name]) for name, column in words.items()}
    return [
        f"'{name}' holds {listing(words[name][others[name]].unique())} in "
        f"{plural(int(others[name].sum()), 'row')}; where these are not to count, write where: "
        f"{{{name}: {words[name][~others[name]].iloc[0]}}}"
        for name in kept
        if others[name].any() and not others[name].all()
    ]

"""One source of a draft: which of a file's columns is what, and why the others stay open."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ...errors import listing
from ..labels import of_age_or_sex
from .draft import one_line
from .families import guess_measures
from .guess import Guess
from .likeness import like_placed
from .named_times import rater_in
from .names import maybe_session, roles_of, tool_of, unit_of
from .roles_guess import WHEN, guess_roles, guess_spread, not_to_count
from .source import ROW
from .tables_guess import TableGuess, guess_rater, guess_table, may_end
from .vocabulary import columns_for


@dataclass
class Sorting:
    """What became of each column of one file."""

    source: dict[str, Any]
    placed: dict[str, str] = field(default_factory=dict)
    unplaced: dict[str, str] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)
    counted_by: str = ""
    """The column of dates that was taken for the sessions."""


def sort_columns(
    file: str, sheet: str, frame: pd.DataFrame, registry: Any, named: dict[str, Any]
) -> Sorting:
    """Return a file's source, and where each of its columns went or why it went nowhere.

    `named` is what the name of the sheet or file says of rows that do not say it themselves.
    """
    labels = {str(k): v for k, v in (frame.attrs.get("variable_labels") or {}).items()}
    notes: Any = frame.attrs
    frame = frame.rename(columns=str)
    frame.attrs = {}  # pandas copies them with every column that is taken
    names = [str(name) for name in frame.columns]
    roles, doubts = guess_roles(frame, names, labels)
    result = Sorting({"file": file} | ({"sheet": sheet} if sheet else {}), doubts=doubts)
    left = [name for name in names if name not in roles.values()]
    timed = "session" in roles
    rater = rater_in(sheet) or rater_in(Path(file).stem)
    guesses, why = guess_measures(frame, left, registry, by_session=timed, rater=rater, notes=notes)
    said = _taken_from_names(named, roles, guesses, doubts)
    if roles.get("session") == roles.get("date"):
        result.counted_by = roles.get("date", "")
    table = None if guesses else guess_table(frame, left, _with_labels(roles), registry)
    if table is None:
        given = "client_id" in roles or "client_id" in said.get("constants", {})
        result.source |= said | (_of_rows(roles, doubts) if guesses and not given else roles)
        result.placed = {name: role for role, name in roles.items()}
        guesses = _by_row(result, frame, left, guesses)
        _add_measures(result, guesses, why, timed=bool(WHEN & {*roles, *said} or said))
        if not WHEN & {*roles} and "{session" in str(result.source.get("measures")):
            for role, (pattern, columns) in guess_spread(frame, left, roles).items():
                result.source[role] = pattern
                result.placed |= dict.fromkeys(columns, role)
    else:
        _add_table(result, table, _with_labels(roles))
    if "time" in roles:
        result.source["time_unit"] = unit_of(roles["time"])
    _tell_open(result, names, guesses, why, labels)
    doubts += not_to_count(frame)
    return result


def _tell_open(
    result: Sorting,
    names: list[str],
    guesses: list[Guess],
    why: dict[str, str],
    labels: dict[str, str],
) -> None:
    """Say of each column without a place why it has none, and that no column names the client."""
    open_ = [name for name in names if name not in result.placed and name not in result.unplaced]
    like = like_placed(open_, guesses)
    words = dict.fromkeys(word for word, _ in like.values())
    result.doubts += [f"'{word}' in the names of columns may be an occasion" for word in words]
    result.unplaced |= {
        name: like[name][1] if name in like else why.get(name) or _why(name, labels.get(name, ""))
        for name in open_
    }
    held = [result.source, *(result.source.get(key, {}) for key in ("columns", "constants"))]
    if not any("client_id" in each for each in held):
        result.doubts.append(
            "no column was found that names the client; add client_id:, or "
            f'client_id: "{ROW}" where each row is another client'
        )


def _by_row(
    result: Sorting, frame: pd.DataFrame, left: list[str], guesses: list[Guess]
) -> list[Guess]:
    """Let a column say who rated, where there is one; return the guesses without an assumed one."""
    rater = guess_rater(frame, left, result.doubts) if guesses else None
    if rater is None:
        return guesses
    result.source["rater"] = rater
    result.placed[rater["column"]] = "rater"
    return [guess.by_row() for guess in guesses]


def _taken_from_names(
    named: dict[str, Any], roles: dict[str, str], guesses: list[Guess], doubts: list[str]
) -> dict[str, Any]:
    """Return what a source takes from the name of its sheet or file, where no column says it.

    Rows of one client are of sessions; where nothing counts them, their days do.
    """
    constants = named.get("constants", {})
    if not named or not guesses:
        return {}
    if "client_id" in constants:
        if not WHEN & {*roles} and "date" in roles:
            roles["session"] = roles["date"]
            doubts.append(f"the n-th day in '{roles['date']}' is taken for session n")
        taken = "client_id" not in roles and bool(WHEN & {*roles})
    else:
        timed = WHEN & {*roles} or any(guess.when for guess in guesses)
        taken = "client_id" in roles and not timed
    if not taken:
        return {}
    ((kind, value),) = (constants or named).items()
    if kind != "client_id":
        doubts.append(f"its name says that its rows are of {kind} {value}")
    return named


def _with_labels(roles: dict[str, str]) -> dict[str, str]:
    """Return the roles of a long table, whose times are labels of occasions as well."""
    return {"occasion": roles["time"], **roles} if "time" in roles else roles


def _of_rows(roles: dict[str, str], doubts: list[str]) -> dict[str, str]:
    """Return the roles; rows of a file without ids and times are clients, one each."""
    if (WHEN | {"client_id"}) & {*roles}:
        return roles
    doubts.append(
        "no column was found that names the client; each row is taken for another client, whose id "
        "is the number of the row"
    )
    return {"client_id": ROW, **roles}


def _add_table(result: Sorting, table: TableGuess, roles: dict[str, str]) -> None:
    columns = _roles_for(table.table, roles) | table.columns
    result.source |= {"table": table.table, "columns": columns}
    if "episode" in roles:
        result.source["episode"] = roles["episode"]
    if table.where:
        result.source["where"] = table.where
    if table.constants:
        result.source["constants"] = table.constants
    if table.recode:
        result.source["recode"] = table.recode
    result.placed = {name: f"{table.table}: {ours}" for ours, name in columns.items()}
    result.doubts += table.doubts


def _add_measures(
    result: Sorting, guesses: list[Guess], why: dict[str, str], *, timed: bool
) -> None:
    """Put measures into a source; those of which nobody knows when they were given stay out."""
    kept = []
    for guess in guesses:
        entry, who = guess.entry, guess.entry.get("rater", "rater of the row")
        if not timed and not guess.when:
            reason = (
                f"{entry['measure']} by the {who}, but nothing says of which session "
                "or occasion; write session: or occasion:"
            )
            result.unplaced |= dict.fromkeys(guess.columns, reason)
            continue
        kept.append(guess)
        what = f"{entry['measure']}, {who}: {entry.get('items') or 'score'}"
        result.placed |= dict.fromkeys(guess.columns, what)
        if guess.doubt:
            result.doubts.append(f"{entry['measure']} in {guess.columns[0]}: {guess.doubt}")
    if kept:
        result.source["measures"] = [guess.entry for guess in kept]
    codes = sorted({code for guess in kept for code in guess.missing})
    if codes:
        result.source["missing"] = codes
        many = "codes" if len(codes) > 1 else "a code"
        result.doubts.append(f"{listing(codes)} looked like {many} for missing")


def _roles_for(table: str, roles: dict[str, str]) -> dict[str, str]:
    """Return the roles that are columns of a table."""
    return {role: name for role, name in roles.items() if role in columns_for(table)}


def _why(name: str, label: str) -> str:
    tool = tool_of(name) or tool_of(label)
    if tool:
        return f"written by {tool} itself; it comes along as it is"
    if may_end(name):
        return (
            "may say how therapies ended; if so, list the file once more with table: terminations"
        )
    if "episode" in roles_of(name):
        return "may count treatments, but nobody has two; if so, write episode: " + one_line(name)
    if "date" in roles_of(name):
        return (
            "may hold days, but not all of its cells can be read as such; mend them, or write "
            f"date: {one_line(name)} and date_format:"
        )
    if maybe_session(name):
        return "may count sessions; if so, write session: " + one_line(name)
    if of_age_or_sex(name, label):
        return "age or sex, no measure; it comes along as it is, for the table of the sample"
    return "no known role or measure in its name; it comes along as it is"

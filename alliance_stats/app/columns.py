"""What each column of a file is taken for, and how a person's choice changes ``study.yaml``.

All functions work on the plain values of a ``study.yaml`` (`MappingDraft.mapping`); a choice that
the page does not offer is written into the text of the file.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..errors import DesignError
from ..study.mapping.patterns import PatternError, parse_pattern
from ..study.mapping.vocabulary import enum_of

ROLES = {
    "client_id": "Who the client is (id)",
    "therapist_id": "Who the therapist is (id)",
    "session": "Number of the session",
    "occasion": "Occasion (pre, post, ...)",
    "date": "Date of the session",
    "attended": "Whether the client came",
    "condition": "Arm of treatment",
    "site_id": "Clinic or site",
    "reason": "How the therapy ended",
    "last_session": "Number of the last session",
}
OTHER_ROLES = (
    "kind", "rater", "measure", "item", "value", "scale", "score", "intensity", "week", "time",
)  # fmt: skip
"""Columns of long tables and reports; they are shown, and changed in the text of the file."""
ENDING = ("reason", "last_session")
ENDINGS = "terminations"
REASONS = {
    "completed": "ended as planned",
    "dropout": "client dropped out",
    "mutual": "ended by agreement, before the plan",
    "transferred": "moved on to another therapist or clinic",
    "administrative": "other reasons (moved house, insurance)",
    "ongoing": "still in therapy",
}
"""How a therapy may end, as `enum_of("terminations", "reason")` has it, in words."""
ALONG, OUT, SCORE, ITEMS = "", "out", "score", "items"
"""What else a column may be: it comes along, is left out, is a score, or items of a measure."""


@dataclass(frozen=True)
class Use:
    """What a column is taken for: a role, or `ALONG` and the like; of measures, which entry."""

    role: str
    source: int = -1
    entry: int = -1


def uses(mapping: dict[str, Any], file: str, sheet: str, columns: Iterable[str]) -> dict[str, Use]:
    """Return what each column of a file is taken for."""
    columns = list(columns)
    found: dict[str, Use] = {}
    for at, source in _of_file(mapping, file, sheet):
        for role, given in {**source, **(source.get("columns") or {})}.items():
            name = given
            if isinstance(given, dict) and role in ("rater", "session"):
                name = given.get("column") or given.get("date")
            if isinstance(name, str) and name in columns and (role in ROLES or role in OTHER_ROLES):
                found.setdefault(name, Use(role, at))
        for place, entry in enumerate(source.get("measures") or ()):
            for name in _columns_of(entry, columns):
                found[name] = Use(ITEMS if "items" in entry else SCORE, at, place)
    for _, source in _of_file(mapping, file, sheet):
        carry = source.get("carry", True)
        kept = columns if carry is True else (carry or ())
        for name in columns:
            if name not in found and name not in kept and "table" not in source:
                found[name] = Use(OUT)
    return {name: found.get(name, Use(ALONG)) for name in columns}


def _of_file(mapping: dict[str, Any], file: str, sheet: str) -> list[tuple[int, dict[str, Any]]]:
    return [
        (at, source)
        for at, source in enumerate(mapping["sources"])
        if source.get("file") == file and str(source.get("sheet") or "") in ("", sheet)
    ]


def _columns_of(entry: dict[str, Any], columns: list[str]) -> list[str]:
    """Return the columns that hold a measure's items or scores."""
    named: list[str] = []
    for value in (entry.get("items"), entry.get("score"), *(entry.get("scores") or {}).values()):
        if isinstance(value, dict | list):
            named += map(str, value.values() if isinstance(value, dict) else value)
        elif isinstance(value, str) and "{" in value:
            named += _fitting(value, columns)
        elif isinstance(value, str):
            named.append(value)
    return [name for name in named if name in columns]


def _fitting(text: str, columns: list[str]) -> list[str]:
    try:
        return [match.column for match in parse_pattern(text).find(columns)]
    except PatternError:
        return []


def choose_role(mapping: dict[str, Any], file: str, sheet: str, column: str, role: str,
                columns: list[str], words: list[str]) -> None:  # fmt: skip
    """Let a column have a role; whatever it was before, and whoever had the role, is free.

    Parameters
    ----------
    columns
        All columns of the file.
    words
        The words in the column, of which those of endings that are ours need no translation.
    """
    if role not in (*ROLES, ALONG, OUT):
        raise DesignError(f"A column cannot be '{role}'.")
    _listed(mapping, file, sheet)
    out = {name for name, use in uses(mapping, file, sheet, columns).items() if use.role == OUT}
    _free(mapping, file, sheet, column)
    if role in ENDING:
        _end(mapping, file, sheet, column, role, words)
    elif role in ROLES:
        for _, source in _of_file(mapping, file, sheet):
            if source.get("table") != ENDINGS:
                source[role] = column
            elif role == "client_id":
                source.setdefault("columns", {})[role] = column
    out = (out | {column}) if role == OUT else out - {column}
    used = uses(mapping, file, sheet, columns)
    further = [name for name in columns if used[name].role in (ALONG, OUT) and name not in out]
    for _, source in _of_file(mapping, file, sheet):
        if "table" not in source:
            source.pop("carry", None)
            if out:
                source["carry"] = further or False
    _tidy(mapping)


def _listed(mapping: dict[str, Any], file: str, sheet: str) -> None:
    """List a file or sheet that the draft left out."""
    if not _of_file(mapping, file, sheet):
        mapping["sources"].append({"file": file, **({"sheet": sheet} if sheet else {})})


def _free(mapping: dict[str, Any], file: str, sheet: str, column: str) -> None:
    for _, source in _of_file(mapping, file, sheet):
        for place in (source, source.get("columns") or {}):
            for role in [r for r, name in place.items() if name == column and r in ROLES]:
                del place[role]
                (source.get("recode") or {}).pop(role, None)
        entries = source.get("measures") or []
        source["measures"] = [one for one in entries if column not in _columns_of(one, [column])]
        if not source["measures"]:
            del source["measures"]


def _end(mapping: dict[str, Any], file: str, sheet: str, column: str, role: str,
         words: list[str]) -> None:  # fmt: skip
    """Put a column into the file's table of endings, which is made where there is none."""
    own = _of_file(mapping, file, sheet)
    ends = next((one for _, one in own if one.get("table") == ENDINGS), None)
    if ends is None:
        first = own[0][1]
        ends = {"file": file, **({"sheet": first["sheet"]} if "sheet" in first else {})}
        ends |= {"table": ENDINGS, "columns": {}}
        if "client_id" in first:
            ends["columns"]["client_id"] = first["client_id"]
        bare = not set(first) - {"file", "sheet", "client_id", "carry"}
        if bare:  # the file holds endings and nothing else
            mapping["sources"][own[0][0]] = ends
        else:
            mapping["sources"].append(ends)
    ends["columns"][role] = column
    if role == "reason":
        choose_words(mapping, file, sheet, {word: meaning(word) for word in words})


def meaning(word: str) -> str:
    """Return which of our words for an ending a word is, empty where it is not known."""
    from ..study.mapping.tables_guess import meaning_of

    return meaning_of(word, enum_of(ENDINGS, "reason"))


def choose_words(mapping: dict[str, Any], file: str, sheet: str, words: dict[str, str]) -> None:
    """Say of each word in a file how a therapy ended; empty ones stay unknown."""
    allowed = enum_of(ENDINGS, "reason")
    own = [one for _, one in _of_file(mapping, file, sheet) if one.get("table") == ENDINGS]
    if not own:
        raise DesignError(f"No column of '{file}' says how therapies ended.")
    for source in own:
        recode = dict((source.get("recode") or {}).get("reason") or {})
        for word, ours in words.items():
            if ours and ours not in allowed:
                raise DesignError(f"A therapy cannot have ended as '{ours}'.")
            recode.pop(word, None)
            if ours and ours != word:
                recode[word] = ours
        source.setdefault("recode", {}).pop("reason", None)
        if recode:
            source["recode"]["reason"] = recode
        if not source["recode"]:
            del source["recode"]


def choose_measure(
    mapping: dict[str, Any], source: int, entry: int, *, measure: str, rater: str
) -> None:
    """Say of which measure the columns of an entry are, and who answered."""
    one = mapping["sources"][source]["measures"][entry]
    one["measure"], one["rater"] = measure, rater


def choose_missing(mapping: dict[str, Any], source: int, entry: int, value: float) -> None:
    """Let a value of a measure's columns stand for an answer that is missing."""
    one = mapping["sources"][source]["measures"][entry]
    known = one.get("missing", mapping["sources"][source].get("missing")) or []
    whole = int(value) if float(value).is_integer() else float(value)
    one["missing"] = [*(code for code in known if code != whole), whole]


def choose_score(
    mapping: dict[str, Any], file: str, sheet: str, column: str, *,
    measure: str, rater: str, occasion: str = ""
) -> None:  # fmt: skip
    """Let a column be the total of a measure, of each row's session or at an occasion."""
    _listed(mapping, file, sheet)
    _free(mapping, file, sheet, column)
    own = [one for _, one in _of_file(mapping, file, sheet) if "table" not in one]
    if not own:
        raise DesignError("A file of endings has no column for scores; list the file once more.")
    new = {"measure": measure, "rater": rater, "score": column}
    own[0].setdefault("measures", []).append(
        {**new, **({"occasion": occasion} if occasion else {})}
    )
    _tidy(mapping)


def _tidy(mapping: dict[str, Any]) -> None:
    """Take out what an emptied table of endings leaves behind."""
    for source in mapping["sources"]:
        if source.get("table") == ENDINGS and not set(source.get("columns") or ()) & set(ENDING):
            client = (source.get("columns") or {}).get("client_id")
            for key in ("table", "columns", "recode"):
                source.pop(key, None)
            if client:
                source["client_id"] = client

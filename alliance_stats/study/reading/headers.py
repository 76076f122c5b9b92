"""Header rows: names made unique, and the further header rows of REDCap and Qualtrics.

Qualtrics writes a row of question texts under the names, and since 2016 a third row of JSON
(``{"ImportId": ...}``). Its older export has the names V1, V2, ... and one row of texts.
REDCap's export has one header row of names; its columns give it away, and some labs keep the
field labels as a second row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_QUALTRICS_NAMES = {
    "startdate",
    "enddate",
    "status",
    "ipaddress",
    "progress",
    "finished",
    "recordeddate",
    "responseid",
}
_REDCAP_SECOND_ROW = {
    "redcap_event_name": "event name",
    "redcap_repeat_instrument": "repeat instrument",
    "redcap_repeat_instance": "repeat instance",
    "redcap_data_access_group": "data access group",
}
_CHECKBOX = re.compile(r"^(?P<name>.+)___(?P<code>[A-Za-z0-9_]+)$")

MOST_TITLES = 10
"""Rows in which the names of columns may stand below a title, blank rows counted."""


@dataclass
class Header:
    """The columns of a text file or sheet."""

    names: list[str]
    n_rows: int = 1
    export: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    duplicates: dict[str, list[str]] = field(default_factory=dict)
    unnamed: list[str] = field(default_factory=list)
    checkboxes: dict[str, list[str]] = field(default_factory=dict)


def read_header(records: list[list[str]]) -> Header:
    """Return the header of a file whose first records are given (one to four of them).

    Names in two rows are joined (``Session 1`` over ``SRS`` and ``ORS``: ``Session 1 SRS``).
    """
    joined = _joined_rows(records)
    if joined:
        header = _unique(joined)
        header.n_rows = 2
        return header
    header = _unique(records[0])
    header.export, header.n_rows = _export(records)
    if header.n_rows > 1:
        texts = records[1] + [""] * (len(header.names) - len(records[1]))
        header.labels = {
            name: text.strip()
            for name, text in zip(header.names, texts, strict=False)
            if text.strip()
        }
    header.checkboxes = _checkboxes(header.names) if header.export == "redcap" else {}
    return header


def _joined_rows(records: list[list[str]]) -> list[str]:
    """Return names that stand in two rows as one name each; empty where one row names all.

    The upper row has names over several columns, which the lower one repeats under each: words
    that stand under two of the upper names are no data, unless the next row has them as well.
    """
    rows = [[cell.strip() for cell in record] for record in records[:3]]
    if len(rows) < 3 or len(rows[1]) > len(rows[0]):
        return []
    upper, (lower, below) = rows[0], (row + [""] * (len(rows[0]) - len(row)) for row in rows[1:])
    over: list[str] = []
    for name in upper:
        over.append(name or (over[-1] if over else ""))
    under: dict[str, set[str]] = {}
    for top, word in zip(over, lower, strict=True):
        if word:
            under.setdefault(word, set()).add(top)
    again = {word for word, tops in under.items() if len(tops) > 1}
    bare = any(
        cell and not name and not word
        for name, word, cell in zip(upper, lower, below, strict=False)
    )
    words = all(any(map(str.isalpha, word)) for word in under)
    if bare or not words or len(again) < 2 or again & {*below}:
        return []
    return [
        f"{top} {word}".strip() if name or word else ""
        for top, name, word in zip(over, upper, lower, strict=True)
    ]


def rows_above(records: list[list[str]]) -> int:
    """Return how many rows stand above the names of columns: titles, and blank rows below them.

    A title fills at most half as many cells as the row of names, which holds words alone, each
    once: a file without names is not to lose its first rows.
    """
    filled = [sum(map(bool, map(str.strip, record))) for record in records]
    sizes = filled[: MOST_TITLES + 1]
    widest = max(filled, default=0)
    at = next((n for n, size in enumerate(sizes) if size > widest / 2), 0)
    names = [name for cell in records[at] if (name := cell.strip())] if records else []
    worded = all(any(map(str.isalpha, name)) for name in names)
    sure = worded and len(set(names)) == len(names) >= 2 * max(sizes[:at], default=1)
    return at if sure and sizes[0] else 0


def titles_of(records: list[list[str]]) -> list[str]:
    """Return what stands in the rows above the names of columns, blank rows left out."""
    joined = (" ".join(cell.strip() for cell in record if cell.strip()) for record in records)
    return [text[:80] for text in joined if text]


def _unique(raw: list[str]) -> Header:
    header = Header(names=[])
    taken = {name.strip() for name in raw}
    seen: set[str] = set()
    for position, text in enumerate(raw, start=1):
        name = " ".join(text.split())
        if not name:
            name = _free(f"column {position}", taken)
            header.unnamed.append(name)
        elif name in seen:
            first, name = name, _free(name, taken | seen, number=2)
            header.duplicates.setdefault(first, []).append(name)
        seen.add(name)
        header.names.append(name)
    return header


def _free(name: str, taken: set[str], number: int = 1) -> str:
    candidate = name if number == 1 else f"{name} ({number})"
    while candidate in taken:
        number += 1
        candidate = f"{name} ({number})"
    return candidate


def _export(records: list[list[str]]) -> tuple[str, int]:
    """Return the program that wrote the file, where its header shows it, and the header rows."""
    names = [name.strip().casefold() for name in records[0]]
    for number, record in enumerate(records[1:3], start=2):
        if any(cell.lstrip().startswith('{"ImportId"') for cell in record):
            return "qualtrics", number
    second = records[1] if len(records) > 1 else []
    if names[:2] == ["v1", "v2"] and second and second[0].strip().casefold() == "responseid":
        return "qualtrics", 2
    if len(_QUALTRICS_NAMES.intersection(names)) >= 3:
        return "qualtrics", 2 if _is_qualtrics_text_row(names, second) else 1
    if _is_redcap(names):
        return "redcap", 2 if _is_redcap_label_row(names, second) else 1
    return "", 1


def _is_qualtrics_text_row(names: list[str], second: list[str]) -> bool:
    """Whether the second row holds texts: a date column of the export then has no digit."""
    for name, cell in zip(names, second, strict=False):
        if name in {"startdate", "enddate", "recordeddate"}:
            return bool(cell.strip()) and not any(letter.isdigit() for letter in cell)
    return False


def _is_redcap(names: list[str]) -> bool:
    complete = any(name.endswith("_complete") for name in names)
    checkbox = any(_CHECKBOX.match(name) for name in names)
    return any(name.startswith("redcap_") for name in names) or complete or checkbox


def _is_redcap_label_row(names: list[str], second: list[str]) -> bool:
    pairs = list(zip(names, (cell.strip().casefold() for cell in second), strict=False))
    return any(
        _REDCAP_SECOND_ROW.get(name) == cell
        or (name.endswith("_complete") and cell in {"complete?", "complete"})
        for name, cell in pairs
    )


def _checkboxes(names: list[str]) -> dict[str, list[str]]:
    boxes: dict[str, list[str]] = {}
    for name in names:
        match = _CHECKBOX.match(name)
        if match:
            boxes.setdefault(match["name"], []).append(name)
    return boxes

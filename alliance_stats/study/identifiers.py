"""Looking for what could tell who a person is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import AllianceStatsError

if TYPE_CHECKING:
    import pandas as pd

    from .study import Study

COLUMNS = ["table", "column", "kind", "found_in", "count", "share", "reason", "example"]

_WORDS: dict[str, str] = {
    "name": r"(first|last|sur|family|given|full|vor|nach|patient|client|therapist)?_?name|"
    r"vorname|nachname|initials",
    "date of birth": r"dob|birth_?(day|date)?|date_?of_?birth|geburts(datum|tag)?|geb_?dat(um)?",
    "e-mail": r"e_?mail(_?address)?",
    "phone number": r"(tele)?(phone|fon)(_?(no|number|nr))?|mobile|handy|fax|cell(phone)?",
    "address": r"(home_?)?address|street|strasse|post_?code|zip(_?code)?|plz|city|wohnort",
    "official number": r"ssn|social_?security|insurance_?(no|number|id)?|nhs(_?(no|number))?|mrn|"
    r"versichert(en)?_?(nr|nummer)?|passport",
    "free text": r"notes?|comments?|remarks?|diary|transcript|freetext|bemerkung(en)?|notiz(en)?",
}
"""What a column's name says about its content, whole words between underscores."""

_EMAIL = re.compile(r"[\w.+-]@[\w-]{1,63}\.\w")
_PHONE = re.compile(r"(?<![\w.-])(\+?\d[\d ()/.-]{6,17}\d)(?![\w.-])")
_DAY = re.compile(r"\b(\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./]\d{1,2}[./]\d{2,4})\b")
_NAME = re.compile(
    r"((Dr|Prof|Mr|Mrs|Ms|Herr|Frau)\.?\s+)?[^\W\d_][\w'’-]+(,\s*|\s+)[^\W\d_][\w'’-]+(\s+[^\W\d_][\w'’-]+)?"
)

OLD_YEARS = 10
"""A date so many years before the study's sessions is taken for a date of birth."""

LONGEST_NAME = 100
"""A longer text is free text, whatever it begins with."""

MANY_WORDS, LONG_TEXT = 5, 40
"""A cell of that many words or characters is free text."""


@dataclass(frozen=True)
class Hit:
    """One kind of identifier in one column."""

    table: str
    column: str
    kind: str
    found_in: str
    count: int
    share: float
    reason: str
    example: str


def scan_identifiers(study: Study | Mapping[str, pd.DataFrame] | pd.DataFrame) -> pd.DataFrame:
    """Return columns and values that could tell who a person is: look before you share.

    Names, dates of birth, e-mail addresses, phone numbers, addresses, official numbers and free
    text are looked for in the names of columns and in their values. The scan is a help, not a
    proof: a nickname in a column of codes passes it.

    Parameters
    ----------
    study
        A `Study`, a dictionary of tables, or one DataFrame.

    Returns
    -------
    DataFrame
        One row a column and kind: ``table, column, kind, found_in`` (``name of the column`` or
        ``values``), ``count`` (cells), ``share`` (of the cells that hold something), ``reason``
        and ``example`` (masked: letters become x, digits 9). Empty where nothing was found.

    Examples
    --------
    >>> import pandas as pd
    >>> import alliance_stats as al
    >>> frame = pd.DataFrame({"client_id": ["a1"], "contact": ["anna@example.org"]})
    >>> al.scan_identifiers(frame)[["column", "kind", "example"]].values.tolist()
    [['contact', 'e-mail', 'xxxx@xxxxxxx.xxx']]
    """
    import pandas as pd

    tables = _tables(study)
    first_day = _first_session(tables)
    hits = [
        hit
        for table, frame in tables.items()
        for place, column in enumerate(frame.columns)  # two columns may share a name
        for hit in _column_hits(table, str(column), frame.iloc[:, place], first_day)
    ]
    rows = [[getattr(hit, name) for name in COLUMNS] for hit in hits]
    return pd.DataFrame(rows, columns=COLUMNS)


def _tables(study: Any) -> dict[str, pd.DataFrame]:
    import pandas as pd

    if isinstance(study, pd.DataFrame):
        return {"": study}
    if isinstance(study, Mapping) and all(isinstance(t, pd.DataFrame) for t in study.values()):
        return {str(name): table for name, table in study.items()}
    if hasattr(study, "tables"):
        return dict(study.tables)
    raise AllianceStatsError(
        f"scan_identifiers needs a Study, tables or a DataFrame, and got {type(study).__name__}."
    )


def _first_session(tables: dict[str, pd.DataFrame]) -> pd.Timestamp | None:
    """Return the earliest day of a session, where the study has days."""
    from pandas.api.types import is_datetime64_any_dtype

    sessions = tables.get("sessions")
    if sessions is None or "date" not in sessions.columns:
        return None
    days = sessions["date"]
    return days.min() if is_datetime64_any_dtype(days.dtype) and days.notna().any() else None


def _column_hits(
    table: str, column: str, values: pd.Series, first_day: pd.Timestamp | None
) -> Iterator[Hit]:
    filled = values.dropna()
    if not len(filled):
        return
    named = _kind_by_name(column)
    found: set[str] = set()
    for kind, mask, reason in _kinds_by_value(column, filled, first_day):
        count = int(mask.sum())
        if count:
            found.add(kind)
            example = _masked(filled[mask].iloc[0])
            yield Hit(table, column, kind, "values", count, count / len(filled), reason, example)
    if named and named not in found:
        reason = f"a column named '{column}' usually holds {_ARTICLE.get(named, named)}"
        example = _masked(filled.iloc[0])
        yield Hit(table, column, named, "name of the column", len(filled), 1.0, reason, example)


_ARTICLE = {
    "name": "names",
    "date of birth": "dates of birth",
    "e-mail": "e-mail addresses",
    "phone number": "phone numbers",
    "address": "addresses",
    "official number": "official numbers",
}


def _kind_by_name(column: str) -> str:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column)
    folded = re.sub(r"[^a-z0-9äöüß]+", "_", spaced.lower()).strip("_")
    for kind, words in _WORDS.items():
        if re.search(rf"(^|_)({words})($|_)", folded):
            return kind
    return ""


Found = tuple[str, "pd.Series", str]


def _kinds_by_value(
    column: str, filled: pd.Series, first_day: pd.Timestamp | None
) -> Iterator[Found]:
    from pandas.api import types

    if types.is_datetime64_any_dtype(filled.dtype):
        yield from _old_dates(filled, first_day)
    elif not (types.is_numeric_dtype(filled.dtype) or types.is_bool_dtype(filled.dtype)):
        yield from _in_text(filled, first_day)


def _old_dates(days: pd.Series, first_day: pd.Timestamp | None) -> Iterator[Found]:
    import pandas as pd

    if first_day is None:
        return
    limit = first_day - pd.DateOffset(years=OLD_YEARS)
    reason = f"a day more than {OLD_YEARS} years before the first session"
    yield "date of birth", days < limit, reason


def _in_text(filled: pd.Series, first_day: pd.Timestamp | None) -> Iterator[Found]:
    """Look at each distinct text once."""
    import pandas as pd

    codes, values = pd.factorize(filled.astype(object).map(str))
    texts = [str(value) for value in values]

    def where(flags: list[bool]) -> pd.Series:
        return pd.Series(flags, dtype=bool).take(codes).set_axis(filled.index)

    emails = [bool(_EMAIL.search(text)) for text in texts]
    yield "e-mail", where(emails), "text with the form of an e-mail address"
    births = [_birth(text, first_day) for text in texts]
    yield "date of birth", where(births), "a day far before the sessions"
    phones = [not born and bool(_phone(text)) for text, born in zip(texts, births, strict=True)]
    yield "phone number", where(phones), "a run of digits like a phone number"
    varied = len(texts) > max(3, len(filled) // 20) or len(filled) <= 5
    if not varied:
        return
    names = [_looks_like_name(text) for text in texts]
    yield "name", where(names), "two or three capitalised words, like a person's name"
    free = [len(text.split()) >= MANY_WORDS or len(text) > LONG_TEXT for text in texts]
    yield "free text", where(free), "long text that differs from row to row"


def _birth(text: str, first_day: pd.Timestamp | None) -> bool:
    hit = _DAY.search(text)
    if hit is None:
        return False
    years = [part for part in re.split(r"[-./]", hit.group()) if len(part) == 4]
    if not years:
        return False
    latest = (first_day.year if first_day is not None else 2015) - OLD_YEARS
    return 1900 <= int(years[0]) <= latest


def _phone(text: str) -> bool:
    """Tell phone numbers from days and from plain codes: separators, a plus or a leading 0."""
    for hit in _PHONE.finditer(text):
        number = hit.group()
        digits = re.sub(r"\D", "", number)
        formed = number.startswith(("+", "0")) or re.search(r"\d[ ()/-]+\d", number)
        if 7 <= len(digits) <= 15 and formed and not _DAY.fullmatch(number.strip()):
            return True
    return False


def _looks_like_name(text: str) -> bool:
    if len(text) > LONGEST_NAME:
        return False
    hit = _NAME.fullmatch(text.strip())
    words = re.split(r"[,\s]+", text.strip())
    return hit is not None and len(words) <= 4 and all(word[:1].isupper() for word in words)


def _masked(value: Any) -> str:
    """Return the shape of a value: letters as x, digits as 9, at most 24 characters."""
    text = re.sub(r"\d", "9", re.sub(r"[^\W\d_]", "x", str(value)))
    return text if len(text) <= 24 else text[:24] + "..."

"""Looking for what could tell who a person is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import AllianceStatsError
from ..frames import stacked_texts
from . import identifier_forms as forms

if TYPE_CHECKING:
    import pandas as pd

    from ..study import Study

COLUMNS = ["table", "column", "kind", "found_in", "count", "share", "reason", "example"]

HIGHEST_AGE = 89
"""An age above is rare enough to tell a person (as in HIPAA's safe harbour, 45 CFR 164.514)."""

_AGE = re.compile(r"(^|[^a-z])(age|alter|leeftijd|edad)($|[^a-z])")

Found = tuple[str, "pd.Series", str]


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

    Names, dates and years of birth, ages above 89, e-mail addresses, phone numbers, addresses,
    official numbers (accounts, insurance, tax, social security), online identifiers (web and
    machine addresses, handles) and free text are looked for in the names of columns and of the
    index, in English, German, Dutch, French and Spanish, and in their values. Every word looked
    for stands in ``schemas/identifiers/identifiers.yaml``; how often it finds and how often it
    accuses is on the page of methods "Identifiers". The scan is a help, not a proof: a rare name
    in a column of codes passes it.

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
    latest = forms.latest_birth(first_day)
    hits = [
        hit
        for table, frame in tables.items()
        for column, values in _columns(frame, latest)
        for hit in _column_hits(table, column, values, first_day, latest)
    ]
    rows = [[getattr(hit, name) for name in COLUMNS] for hit in hits]
    return pd.DataFrame(rows, columns=COLUMNS)


def _tables(study: Study | Mapping[str, pd.DataFrame] | pd.DataFrame) -> dict[str, pd.DataFrame]:
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


def _columns(frame: pd.DataFrame, latest: int) -> Iterator[tuple[str, pd.Series]]:
    """Yield the columns (two may share a name) and what stands in the index beside counting.

    Columns of small numbers and of texts that tell nothing, the answers of a wide file, are left
    out unless their name tells.
    """
    import pandas as pd

    quiet = _small_numbers(frame) | _quiet_texts(frame, latest)
    for place, column in enumerate(frame.columns):
        name = re.sub(r"[0-9]+", "0", str(column))  # no number in a name tells anything
        if place in quiet and not _is_age(name) and _kind_by_name(name) is None:
            continue
        name = str(column)
        yield name, frame.iloc[:, place]
    if isinstance(frame.index, pd.RangeIndex):
        return
    for level in range(frame.index.nlevels):
        given = frame.index.names[level]
        values = pd.Series(frame.index.get_level_values(level))
        yield "index" if given is None else str(given), values


def _small_numbers(frame: pd.DataFrame) -> set[int]:
    """Return the places of numeric columns whose numbers are all below any year of birth."""
    real = [place for place, kind in enumerate(frame.dtypes) if getattr(kind, "kind", "") in "iuf"]
    if not real or not len(frame):
        return set()
    values = frame.iloc[:, real].to_numpy(dtype=float, na_value=np.nan)
    highest = np.fmax.reduce(values, axis=0)
    return {real[i] for i in np.flatnonzero(highest < forms.OLDEST_BIRTH)}


def _quiet_texts(frame: pd.DataFrame, latest: int) -> set[int]:
    """Return the places of text columns of which no text can tell anything, asked once each."""
    import pandas as pd

    names, stack = stacked_texts(frame)
    codes, values = pd.factorize(stack)
    loud = [forms.may_tell(str(text), latest) for text in values]
    texts = np.array([*loud, False], dtype=bool)[codes].reshape(len(names), len(frame))
    told: np.ndarray = np.any(texts, axis=1)
    places = [n for n, kind in enumerate(frame.dtypes) if isinstance(kind, pd.StringDtype)]
    return {place for place, one in zip(places, told, strict=True) if not one}


@lru_cache(maxsize=4096)
def _is_age(name: str) -> bool:
    return _AGE.search(forms.fold(name)) is not None


def _column_hits(
    table: str, column: str, values: pd.Series, first_day: pd.Timestamp | None, latest: int
) -> Iterator[Hit]:
    filled = values.dropna()
    if not len(filled):
        return
    found: set[str] = set()
    for kind, mask, reason in _kinds_by_value(column, filled, first_day, latest):
        count = int(mask.sum())
        if count and kind not in found:
            found.add(kind)
            example = _masked(filled[mask].iloc[0])
            yield Hit(table, column, kind, "values", count, count / len(filled), reason, example)
    named = _kind_by_name(column)
    if named and named["kind"] not in found and _holds(named["holds"], filled, latest):
        reason = f"a column named '{column}' usually holds {named['plural']}"
        example = _masked(filled.iloc[0])
        yield Hit(
            table, column, named["kind"], "name of the column", len(filled), 1.0, reason, example
        )


@lru_cache(maxsize=4096)
def _kind_by_name(column: str) -> dict[str, Any] | None:
    """Return the kind that the words of a column's name tell, the longest run of words first."""
    spaced = re.sub(r"(?<=[a-zß-ÿ])(?=[A-ZÀ-Þ])", " ", column)
    words = [word for word in re.split(r"[^a-z]+", forms.fold(spaced)) if word]
    lexicon = forms.lexicon()
    for length in range(len(words), 0, -1):
        for start in range(len(words) - length + 1):
            run = tuple(words[start : start + length])
            rest = [*words[:start], *words[start + length :]]
            if any(word in lexicon.not_of for word in rest):
                continue
            for kind, (_, columns) in zip(lexicon.kinds, lexicon.columns, strict=True):
                if run in columns:
                    return kind
    return None


def _holds(wanted: str, filled: pd.Series, latest: int) -> bool:
    """Say whether the values can be what the column's name promises: no yes/no, no counts."""
    from pandas.api import types

    if types.is_bool_dtype(filled.dtype):
        return False
    if types.is_datetime64_any_dtype(filled.dtype):
        return wanted == "birth"
    texts = [str(value) for value in filled.astype(object).unique()[:200]]
    numeric = types.is_numeric_dtype(filled.dtype)
    digits = sorted(len(re.sub(r"\D", "", text.removesuffix(".0"))) for text in texts)
    many_digits = digits[len(digits) // 2] >= 4
    lettered = not numeric and any(re.search(r"[^\W\d_]", text) for text in texts)
    answers = forms.lexicon().answers
    lettered = lettered and not answers.issuperset(forms.fold(text).strip() for text in texts)
    if wanted == "text":
        return lettered
    if wanted == "digits":
        return many_digits
    if wanted == "birth":
        years = [int(float(text)) for text in texts if re.fullmatch(r"\d{4,8}(\.0)?", text)]
        return any(forms.OLDEST_BIRTH <= int(str(y)[:4]) <= latest + 10 for y in years) or (
            many_digits if not numeric else _two_digit_years(filled)
        )
    return lettered or many_digits or types.is_float_dtype(filled.dtype)


def _two_digit_years(filled: pd.Series) -> bool:
    """Tell 84 and 91, in a column of years of birth, from months and from an order of siblings."""
    return bool(((filled % 1 == 0) & filled.between(0, 99)).all() and filled.median() >= 20)


def _kinds_by_value(
    column: str, filled: pd.Series, first_day: pd.Timestamp | None, latest: int
) -> Iterator[Found]:
    from pandas.api import types

    if types.is_bool_dtype(filled.dtype):
        return
    if types.is_datetime64_any_dtype(filled.dtype):
        yield from _old_dates(filled, first_day, latest)
    elif types.is_numeric_dtype(filled.dtype):
        yield from _in_numbers(column, filled, latest)
    else:
        yield from _in_text(column, filled, latest)


def _old_dates(days: pd.Series, first_day: pd.Timestamp | None, latest: int) -> Iterator[Found]:
    import pandas as pd

    if first_day is None:
        limit = pd.Timestamp(year=latest, month=1, day=1)
    else:
        limit = first_day - pd.DateOffset(years=forms.OLD_YEARS)
    if getattr(days.dtype, "tz", None) is not None:
        days = days.dt.tz_localize(None)
    reason = f"a day more than {forms.OLD_YEARS} years before the first session"
    yield "date of birth", days < limit, reason


def _in_numbers(column: str, filled: pd.Series, latest: int) -> Iterator[Found]:
    whole = filled[(filled % 1 == 0) & (filled.abs() < 1e17)]
    everywhere = filled.notna()
    if len(whole) < len(filled) or (whole < 0).any():
        return
    numbers = [int(value) for value in whole]
    if forms.are_birth_days(numbers, latest):
        yield "date of birth", everywhere, "days far before the sessions, as YYYYMMDD"
    elif forms.are_birth_years(numbers, latest):
        yield "date of birth", everywhere, "years as grown-up people are born in"
    elif forms.are_long_numbers(numbers, column):
        reason = "long numbers, each its own: phone, insurance, tax or register"
        yield "official number", everywhere, reason
    if _is_age(column):
        old = (filled > HIGHEST_AGE) & (filled <= 120)
        yield "age above 89", old, f"an age above {HIGHEST_AGE} can tell a person"


def _in_text(column: str, filled: pd.Series, latest: int) -> Iterator[Found]:
    """Look at each distinct text once."""
    import pandas as pd

    codes, values = pd.factorize(filled.astype(object).map(str))
    texts = [str(value) for value in values]
    births = [forms.is_birth(text, latest) for text in texts]
    taken = list(births)
    found: list[tuple[str, list[bool], str]] = []
    for kind, has_form, reason in forms.TEXT_FORMS:
        flags = [not born and has_form(text) for text, born in zip(texts, births, strict=True)]
        taken = [one or flag for one, flag in zip(taken, flags, strict=True)]
        found.append((kind, flags, reason))
    phones = [not one and forms.is_phone(text) for text, one in zip(texts, taken, strict=True)]
    free = forms.are_free(texts, np.bincount(codes, minlength=len(texts)).tolist())
    found += [
        ("date of birth", births, "a day far before the sessions"),
        ("phone number", phones, "a run of digits like a phone number"),
        ("name", forms.are_names(texts), "words like a person's name"),
        ("free text", free, "text that somebody wrote: long, or a sentence"),
    ]
    for kind, flags, reason in found:
        if any(flags):  # most kinds are in no cell of most columns
            yield kind, pd.Series(np.array(flags, dtype=bool)[codes], index=filled.index), reason
    if all(re.fullmatch(r"\d{1,16}", text.strip()) for text in texts):
        yield from _in_numbers(column, filled.astype(object).map(lambda v: int(str(v))), latest)


def _masked(value: Any) -> str:
    """Return the shape of a value: letters as x, digits as 9, at most 24 characters."""
    text = re.sub(r"\d", "9", re.sub(r"[^\W\d_]", "x", str(value)))
    return text if len(text) <= 24 else text[:24] + "..."

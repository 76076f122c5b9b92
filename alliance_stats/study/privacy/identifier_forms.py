"""What identifies a person, told by the form of a text: one question a function.

The words, names and patterns of five languages are data, in ``schemas/identifiers``.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from ipaddress import ip_address
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ...core.resources import folder
from ...instruments.card_check import read_trusted

if TYPE_CHECKING:
    import pandas as pd

OLD_YEARS = 10
"""A date so many years before the study's sessions is taken for a date of birth."""

OLDEST_BIRTH = 1900
"""Nobody in a study was born before."""

LONGEST_NAME = 100
"""A longer text is free text, whatever it begins with."""

MANY_WORDS, LONG_TEXT = 5, 40
"""A cell of that many words or characters is free text."""

NAMES_KNOWN = 0.15
"""Where that share of the distinct words of a column are known names, the others are names too."""

_EMAIL = re.compile(r"[\w.+-]@[\w-]{1,63}(\.\w|\s*$)|\w\s*[\[(](at|AT)[\])]\s*\w")
_URL = re.compile(
    r"https?://|www\.\w|\b[\w-]+\.(com|org|net|de|nl|fr|es|eu|uk|ch|at|be)(/|\b(?!@))", re.I
)
_IP_LIKE = re.compile(r"[0-9a-fA-F.:]{7,45}")
_MAC = re.compile(r"\b[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}\b")
_PLATE = re.compile(r"[A-ZÄÖÜ]{1,3}-[A-Z]{1,2}\s\d{1,4}[EH]?")
_COORDINATES = re.compile(r"-?\d{1,2}\.\d{3,}\s?[,;/ ]\s?-?\d{1,3}\.\d{3,}")
_HANDLE = re.compile(r"(^|[\s(,;:])@[A-Za-z][\w.]{2,29}\b")
_PHONE = re.compile(r"(?<![\w.-])(\+?\(?\d[\d ()/.-]{6,20}\d)(?![\w.-])")
_DAY = re.compile(r"\b(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}([./-])\s?\d{1,2}\2\s?\d{2,4})\b")
_DAY_IN_WORDS = re.compile(
    r"\b\d{1,2}(?:st|nd|rd|th|er|\.)?\s+(?:de\s+)?([^\W\d_]{3,10})\.?,?\s+(?:de\s+)?(\d{4})\b|"
    r"\b([^\W\d_]{3,10})\s+\d{1,2}(?:st|nd|rd|th)?,?\s+(\d{4})\b"
)
_WORD = re.compile(r"[^\W\d_]+(['’-][^\W\d_]+)*\.?")
_INITIAL = re.compile(r"[^\W\d_]{2,}(,\s?[A-Z]\.?|\s[A-Z]\.)|[A-Z]\.\s?[A-ZÀ-Þ][^\W\d_]+")
_NUMBERED = re.compile(r"([_.-][A-Za-z]{0,3}\d+)+$")
_TIME = re.compile(r"seed|unix|time|date|stamp|start|end|epoch|created|submitted|zeit|datum|fecha")
_POSTCODE = re.compile(
    r"\b[1-9]\d{3}\s?(?!SA|SD|SS)[A-Z]{2}\b|"  # Dutch
    r"\b[A-Z]{1,2}\d[A-Z\d]?\s\d[A-Z]{2}\b|"  # British
    r"\b[ABCEGHJ-NPRSTVXY]\d[A-Z]\s\d[A-Z]\d\b|"  # Canadian
    r"\b([A-Z]{1,2}-)?\d{4,5}\s+(?!Hz|ms|mg|km)[A-ZÄÖÜÉ][a-zäöüßé]+(\s|$|-|,)"  # number and town
)
_OFFICIAL = re.compile(
    r"\b[A-Z]{2}\d{2}(\s?[A-Z0-9]{4}){3,7}(\s?[A-Z0-9]{1,3})?\b|"  # IBAN
    r"\b[A-Z]\d{9}\b|"  # German health insurance
    r"\b\d{8}-?[TRWAGMYFPDXBNJZSQVHLCKE]\b|\b[XYZ]-?\d{7}-?[A-Z]\b|"  # Spanish DNI and NIE
    r"\b(?!000)\d{3}-\d{2}-\d{4}\b|"  # US social security
    r"\b(?!BG|GB|NK|KN|TN|NT)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](\s?\d{2}){3}\s?[A-DT]\b|"  # UK
    r"\b[12]\s?\d{2}\s?(0[1-9]|1[0-2])\s?(\d{2}|2[AB])\s?\d{3}\s?\d{3}(\s?\d{2})?\b|"  # French NIR
    r"\b756\.\d{4}\.\d{4}\.\d{2}\b|"  # Swiss AHV
    r"\b\d{2}\s?\d{6}\s?[A-Z]\s?\d{3}\b|"  # German pension insurance
    r"\b\d{3}\s\d{3}\s\d{4}\b|"  # British NHS
    r"\b\d{2}\s\d{3}\s\d{3}\s\d{3}\b|\b\d{2,3}/\d{3,4}/\d{4,5}\b"  # German tax numbers
)


@dataclass(frozen=True)
class Lexicon:
    """Words and names that tell an identifier, folded (see `fold`)."""

    kinds: tuple[dict[str, Any], ...]
    columns: tuple[tuple[str, frozenset[tuple[str, ...]]], ...]
    not_of: frozenset[str]
    no_name: frozenset[str]
    answers: frozenset[str]
    sentence_words: frozenset[str]
    titles: frozenset[str]
    months: frozenset[str]
    names: frozenset[str]
    street: re.Pattern[str]
    relative: re.Pattern[str]


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """Return what ships in ``schemas/identifiers/identifiers.yaml``."""
    data = read_trusted(folder("schemas") / "identifiers" / "identifiers.yaml")

    def words(*keys: str) -> frozenset[str]:
        return frozenset(fold(word) for key in keys for word in data[key])

    columns = tuple(
        (k["kind"], frozenset(tuple(fold(c).split()) for cs in k["columns"].values() for c in cs))
        for k in data["kinds"]
    )
    return Lexicon(
        kinds=tuple(data["kinds"]), columns=columns, not_of=words("not_of"),
        no_name=words("no_name"), answers=words("answers"), sentence_words=words("sentence_words"),
        titles=words("titles"), months=words("months"),
        names=words("given_names", "family_names"), street=re.compile(data["street"], re.I),
        relative=re.compile(rf"\b({'|'.join(data['relations'])})[:,]?\s\(?[A-ZÀ-Þ][a-zß-ÿ]{{2,}}\b"),
    )  # fmt: skip


def fold(text: str) -> str:
    """Return the text in lower case, without accents, sharp s as ss."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(part for part in parts if not unicodedata.combining(part))


def is_email(text: str) -> bool:
    """Tell an e-mail address, also one written with (at)."""
    return bool(_EMAIL.search(text))


def is_online(text: str) -> bool:
    """Tell a web address, an address of a machine, or a handle of a network."""
    if _EMAIL.search(text):
        return False
    formed = _URL.search(text) or _HANDLE.search(text) or _MAC.search(text)
    return bool(formed) or any(map(_is_ip, _IP_LIKE.findall(text)))


def _is_ip(text: str) -> bool:
    if text.count(".") != 3 and text.count(":") < 2:
        return False
    try:
        return bool(ip_address(text))
    except ValueError:
        return False


def is_official(text: str) -> bool:
    """Tell the form of an account, insurance, tax or social security number, or a plate."""
    return bool(_OFFICIAL.search(text) or _PLATE.fullmatch(text.strip()))


def is_phone(text: str) -> bool:
    """Tell phone numbers from days and from plain codes: separators, a plus or a leading 0."""
    for hit in _PHONE.finditer(text):
        number = hit.group()
        digits = re.sub(r"\D", "", number)
        formed = number.startswith(("+", "0", "(0")) or re.search(r"\d[ ()/-]+\d", number)
        if 7 <= len(digits) <= 15 and formed and not _DAY.search(number) and not _is_ip(number):
            return True
    return False


def is_address(text: str) -> bool:
    """Tell a street with its number, a postcode, or a place on the map."""
    if _COORDINATES.fullmatch(text.strip()):
        return True
    return bool(lexicon().street.search(text) or _POSTCODE.search(text))


def is_day(text: str) -> bool:
    """Say whether a text is a day and nothing else, whatever day."""
    return _DAY.fullmatch(text.strip()) is not None


def is_birth(text: str, latest: int) -> bool:
    """Tell a day whose year lies between 1900 and `latest`; two digits mean the nearest past."""
    for hit in _DAY.finditer(text):
        parts = re.split(r"[-./]\s?", hit.group())
        year = next((int(part) for part in parts if len(part) == 4), None)
        if year is None:
            year = int(parts[-1]) + (1900 if int(parts[-1]) > (latest + OLD_YEARS) % 100 else 2000)
        if OLDEST_BIRTH <= year <= latest:
            return True
    for hit in _DAY_IN_WORDS.finditer(text):
        month, year_text = (part for part in hit.groups() if part)
        if _is_month(month) and OLDEST_BIRTH <= int(year_text) <= latest:
            return True
    return False


def _is_month(word: str) -> bool:
    folded = fold(word)
    return len(folded) >= 3 and any(month.startswith(folded) for month in lexicon().months)


def are_names(texts: Sequence[str]) -> list[bool]:
    """Say of each distinct text of a column whether it is a person's name.

    A title, or a known name among one to five words that look like a name, tells one; where
    known names are many (`NAMES_KNOWN`), whatever else looks like a name is one too. Words with
    an initial (``Hartley G.``) are known where most of the column is written so.
    """
    shaped = [_name_words(text) for text in texts]
    initials = [
        bool(words and _INITIAL.fullmatch(text.strip()))
        for words, text in zip(shaped, texts, strict=True)
    ]
    written_so = sum(initials) > max(2, len(texts) // 2)
    known = [
        bool(words) and ((written_so and short) or _has_known(words))
        for words, short in zip(shaped, initials, strict=True)
    ]
    candidates = sum(bool(words) for words in shaped)
    many = sum(known) >= max(2, NAMES_KNOWN * candidates)
    return [
        titled or one or (many and bool(words))
        for titled, one, words in zip(map(_has_title, texts), known, shaped, strict=True)
    ]


def _name_words(text: str) -> list[str]:
    """Return the folded words of a text that looks like a name, else none.

    Files and accounts are named after people too: ``Brandt_Ulrike_2023.pdf``, ``ulrike.brandt``.
    """
    if len(text) > LONGEST_NAME:
        return []
    plain = _NUMBERED.sub("", re.sub(r"\.\w{2,4}$", "", text.strip().strip(",")))
    words = re.split(r"[,\s_]+|(?<=[^\W\d_])\.(?=[^\W\d_])", plain)
    lexical = [fold(word).strip(".") for word in words]
    fits = (
        0 < len(words) <= 5
        and all(_WORD.fullmatch(word) for word in words)
        and any(len(word) > 1 for word in lexical)
        and not any(word in lexicon().no_name for word in lexical)
    )
    return lexical if fits else []


def _has_known(words: list[str]) -> bool:
    if len(words) == 1 and _is_month(words[0]):
        return False
    names = lexicon().names
    parts = [part for word in words for part in re.split(r"['’-]", word)]
    return any(part in names for part in parts)


def _has_title(text: str) -> bool:
    """Tell ``Frau Weiss``, ``Dr. Weiss`` or ``brother Ian`` in a text, ``mrs weiss`` as a text."""
    if lexicon().relative.search(text):
        return True
    words = re.findall(r"[^\W\d_]+\.?|\S", text)
    if 2 <= len(words) <= 3 and _name_words(text) and text.islower():
        return len(words[0]) > 1 and fold(words[0]).strip(".") in lexicon().titles - {"don"}
    for first, second in pairwise(words):
        title = fold(first).strip(".")
        alone = len(title) > 2 or first.endswith(".") or title in {"dr", "mr", "ms"}
        if title in lexicon().titles and alone and first[:1].isupper() and second[:1].isupper():
            return True
    return False


def are_free(texts: Sequence[str], counts: Sequence[int]) -> list[bool]:
    """Say of each distinct text whether it is free text: long and its own, or a sentence.

    A long label of a category comes again and again; what somebody wrote comes once.
    """
    cells = sum(counts)
    varied = len(texts) > max(3, cells // 20) or cells <= 5
    words = lexicon().sentence_words
    found = []
    for text, count in zip(texts, counts, strict=True):
        parts = [fold(part).strip(".,;:!?") for part in text.split()]
        is_long = len(parts) >= MANY_WORDS or len(text) > LONG_TEXT
        sentence = len(parts) >= 3 and len(words.intersection(parts)) >= 2
        own = count <= max(1, cells // 100) or cells <= 5
        found.append((is_long and varied) or (own and sentence))
    return found


def are_long_numbers(numbers: Sequence[int], name: str) -> bool:
    """Say whether whole numbers are somebody's: nine digits or more, each its own, no times.

    Numbers of nine digits that count on (record numbers of one file) are none, nor are moments
    in seconds or milliseconds or as digits of a day.
    """
    distinct = sorted(set(numbers))
    if not distinct or _TIME.search(fold(name)):
        return False
    lengths = Counter(len(str(number)) for number in distinct)
    long = sum(count for digits, count in lengths.items() if 9 <= digits <= 16)
    counting = distinct[-1] - distinct[0] < 100 * len(distinct) and distinct[-1] < 10**10
    days = all(_is_day_of_digits(number) for number in distinct)
    return long >= 0.8 * len(distinct) and len(distinct) >= 0.5 * min(len(numbers), 50) and not (
        (counting and len(distinct) > 2) or days
    )  # fmt: skip


def _is_day_of_digits(number: int) -> bool:
    text = str(number)
    century, month, day = text[:2], text[4:6], text[6:8]
    return len(text) in {8, 12, 14} and century in {"19", "20"} and month <= "12" and day <= "31"


def are_birth_years(numbers: Sequence[int], latest: int) -> bool:
    """Say whether whole numbers are years of birth: 1900 on, spread, most of grown-up people."""
    distinct = sorted(set(numbers))
    if not distinct or distinct[0] < OLDEST_BIRTH or distinct[-1] > latest:
        return False
    middle = sorted(numbers)[len(numbers) // 2]
    spread = distinct[-1] - distinct[0] >= 12 or len(distinct) <= 3
    return spread and middle <= latest - OLD_YEARS


def are_birth_days(numbers: Sequence[int], latest: int) -> bool:
    """Say whether whole numbers are days of birth written as YYYYMMDD."""
    return bool(numbers) and all(
        len(str(number)) == 8 and _is_day_of_digits(number) and int(str(number)[:4]) <= latest
        for number in set(numbers)
    )


def latest_birth(first_day: pd.Timestamp | None) -> int:
    """Return the last year in which a client can have been born; without sessions, as of today."""
    return (first_day or date.today()).year - OLD_YEARS


TextForm = tuple[str, Callable[[str], bool], str]
TEXT_FORMS: tuple[TextForm, ...] = (
    ("e-mail", is_email, "text with the form of an e-mail address"),
    ("online identifier", is_online, "a web address, a machine's address or a handle"),
    (
        "official number",
        is_official,
        "the form of an account, insurance, tax or social security number",
    ),
    ("address", is_address, "a street with its number, or a postcode"),
)
"""Kinds that one text tells by itself, with the reason that is given."""


def may_tell(text: str, latest: int) -> bool:
    """Return False where a text tells nothing, whatever stands beside it in its column."""
    digits = re.fullmatch(r"\d{1,16}", text.strip())
    if (digits and int(text) >= OLDEST_BIRTH) or is_birth(text, latest) or is_phone(text):
        return True
    if any(has_form(text) for _, has_form, _ in TEXT_FORMS) or _has_title(text):
        return True
    words = _name_words(text)
    named = bool(words) and (_has_known(words) or bool(_INITIAL.fullmatch(text.strip())))
    return named or are_free([text], [1])[0]

"""What the name of a column says: who, when, which measure, whose rating."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_END = r"(?:[ _.\-]?(?:id|nr|no|num|number|code|key|nummer))?"
ROLES: tuple[tuple[str, str], ...] = (
    (
        "client_id",
        r"(?:client|clt|patient|pat|participant|part|subject|subj|case|person|proband|klient|"
        r"record|study|respondent|vp|vpn|p|c)[ _.\-]?(?:id|nr|no|num|number|code|key|nummer)"
        r"|client|patient|participant|subject|klient|proband|ppn|id|code|chiffre",
    ),
    (
        "therapist_id",
        rf"(?:therapist|therapeut(?:in)?|therap|thera|ther|clinician|counsell?or|provider){_END}|tid",
    ),
    ("session", rf"(?:session|sess|sitzung|ses|meeting){_END}|redcap_repeat_instance"),
    ("date", r"(?:session|sess|visit)?[ _.\-]?(?:date|datum|day|tag)"),
    ("attended", r"attended|attendance|came|present|anwesend"),
    ("site_id", rf"(?:site|cent(?:er|re)|clinic|zentrum|klinik|ambulanz){_END}"),
    ("condition", r"condition|cond|arm|group|grp|treatment|trt|gruppe|bedingung"),
    ("training", r"training|profession|ausbildung"),
    ("years_experience", r"(?:years?[ _.\-]?(?:of[ _.\-]?)?)?experience"),
    ("occasion", r"occasion|timepoint|phase|assessment|messzeitpunkt|redcap_event_name"),
)
_LESS_SURE_SESSION = r"visit(?:[ _.\-]?(?:no|nr|number))?|time|wave|week|month|t"
RATERS: tuple[tuple[str, str], ...] = (
    ("therapist", r"t|th|ther|therap|therapist|tf|tr"),
    ("client", r"c|cl|clt|client|p|pat|patient|pt|k|klient|cf"),
    ("observer", r"o|obs|observer|rater"),
)
_SESSION_WORD = r"(?:s|ses|sess|session|sitzung|t|w|week|wk)"
_TOTAL = r"(?:total|tot|sum|score|summe|gesamt|mean|mw|ges)"


def roles_of(name: str) -> list[str]:
    """Return the columns of ours a name may stand for, surest first."""
    low = name.strip().casefold()
    return [role for role, pattern in ROLES if re.fullmatch(pattern, low)]


def maybe_session(name: str) -> bool:
    """Return whether a name may also count sessions (``week``, ``visit``)."""
    return re.fullmatch(_LESS_SURE_SESSION, name.strip().casefold()) is not None


@dataclass(frozen=True)
class Named:
    """A measure found in a name, the rater hinted at, and what is left over."""

    cards: tuple[str, ...]
    rater: str
    rest: str


def measures_in(stem: str, registry: Any) -> list[Named]:
    """Return the measures a column's stem may name, the longest name first, with the rater."""
    low = re.sub(r"[\s_.\-]+", "", stem).casefold()
    cards_of = _aliases(registry)
    return [
        Named(cards_of[low[:n]], _rater(low[n:]), low[n:])
        for n in range(len(low), 1, -1)
        if low[:n] in cards_of
    ]


def _rater(rest: str) -> str:
    for rater, pattern in RATERS:
        if re.fullmatch(pattern, rest):
            return rater
    return ""


def _aliases(registry: Any) -> dict[str, tuple[str, ...]]:
    cards = sorted(registry.values(), key=lambda c: (c.n_items, c.version, c.name), reverse=True)
    return _aliases_of(tuple((card.name, card.aliases) for card in cards))


@lru_cache(maxsize=4)
def _aliases_of(cards: tuple[tuple[str, tuple[str, ...]], ...]) -> dict[str, tuple[str, ...]]:
    """Return folded names with their cards: full ids, aliases, and the letters before a number.

    Where several share a name, the longest form comes first, then the newest.
    """
    pairs: dict[tuple[str, str], None] = {}
    for name, aliases in cards:
        for each in (name, *aliases):
            folded = re.sub(r"[^a-z0-9]", "", each.casefold())
            pairs[folded, name] = None
            letters = re.match(r"[a-z]+", each.casefold())
            if letters and len(letters[0]) >= 2:
                pairs[letters[0], name] = None
    found: dict[str, tuple[str, ...]] = {}
    for folded, name in pairs:
        found[folded] = (*found.get(folded, ()), name)
    return found


def scale_in(rest: str, scales: Any) -> str | None:
    """Return the scale a left-over such as ``total`` or ``bond`` names; None for none."""
    if rest == "" or re.fullmatch(_TOTAL, rest):
        return "total"
    for scale in scales:
        plain = scale.replace("_", "")
        if rest in (plain, plain[:4]) or re.fullmatch(rf"{plain}{_TOTAL}", rest):
            return str(scale)
    return None


@dataclass(frozen=True)
class Cut:
    """A column name cut at its numbers."""

    before: str
    first: str
    between: str = ""
    second: str = ""
    after: str = ""


def cut(name: str) -> Cut | None:
    """Return a name cut at its last one or two numbers, None without a number."""
    two = re.fullmatch(r"(.*?\D)(\d{1,3})(\D+?)(\d{1,3})(\D*)", name)
    if two:
        return Cut(*two.groups())
    one = re.fullmatch(r"(.*?)(\d{1,3})(\D*)", name)
    return Cut(one[1], one[2], after=one[3]) if one else None


def is_session_word(text: str) -> bool:
    """Return whether letters before a number mean a session (``_s``, ``session``)."""
    return re.search(rf"(?:^|[_.\- ]){_SESSION_WORD}[_.\- ]?$", text.casefold()) is not None

"""The secret behind pseudonyms: judged, stretched, and turned into names and shifts of days."""

from __future__ import annotations

import hashlib
import hmac
import re
from functools import lru_cache

from ...errors import AllianceStatsError

SHORTEST_KEY = 8
"""A key with fewer characters can be found by trying."""

FEWEST_PARTS = 5
"""So can one with fewer parts to guess, where a common word, a run or a repetition is one."""

FEWEST_CHARACTERS = 5
"""Different characters a key must have."""

SHORTEST_WORD = 3
"""Of the name of a study; shorter ones are in many keys by chance."""

SHORTEST_HASH = 10
"""Hexadecimal digits of a pseudonym; more are taken where two ids would share one."""

SCRYPT = {"n": 2**15, "r": 8, "p": 3, "maxmem": 2**26}
"""Cost of one try at a key: 32 MiB and about a third of a second (OWASP's recommended minimum)."""

_SALT = b"alliance_stats pseudonyms, second form"
_RUNS = (
    "abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertzuiop", "qwertyuiop", "asdfghjkl", "yxcvbnm",
    "zxcvbnm",
)  # fmt: skip
_COMMON = re.compile(
    "password|passwort|passw0rd|secret|geheim|letmein|welcome|willkommen|admin|iloveyou|monkey|"
    "dragon|football|master|changeme|default|pseudonym|alliance|therapy|therapie|study|studie|"
    "stats?|statisti[ck]s?|data|daten|research|forschung|clinic|klinik|project|projekt|test|key|schluessel|hallo|hello|sunshine|princess|spring|summer|autumn|winter|"
    "fruehling|sommer|herbst|(19|20)[0-9]{2}([-./]?[0-9]{2}){0,2}"
)


def secret_from(key: str | bytes, name: str = "") -> bytes:
    """Return the stretched secret of a key; refuse a key that can be found by trying.

    The `name` of the study stands on what is made of it, so it counts as a common word.

    The same key gives the same secret everywhere, so that next year's data get the same
    pseudonyms; whoever tries keys pays scrypt's cost for each (Percival & Josefsson 2016, RFC
    7914, doi 10.17487/RFC7914).
    """
    if not isinstance(key, (str, bytes)):
        raise AllianceStatsError(f"key must be a text or bytes, and is {type(key).__name__}.")
    secret = key.encode("utf-8", "surrogatepass") if isinstance(key, str) else key
    stripped = secret.strip()
    why = ""
    if len(stripped) < SHORTEST_KEY:
        why = f"must have at least {SHORTEST_KEY} characters, and has {len(stripped)}"
    elif len(set(stripped)) < FEWEST_CHARACTERS:
        why = f"must have at least {FEWEST_CHARACTERS} different characters"
    elif _parts(_plain(stripped), name) < FEWEST_PARTS:
        why = "is made of common words, the study's name, years or runs such as 1234"
    if why:
        raise AllianceStatsError(
            f"key {why}: such a key can be found by trying. Take a long random one, for example "
            "from secrets.token_urlsafe(), and keep it away from the data."
        )
    return _stretched(secret)


def _plain(text: bytes) -> str:
    try:
        return text.decode("utf-8").lower()
    except UnicodeDecodeError:  # random bytes
        return text.decode("latin-1").lower()


def _parts(text: str, name: str = "") -> int:
    """Count what has to be guessed: a common word, a run or a repetition is one part.

    So is the name of the study, or a word of it. What only parts words (a dash, a blank, an
    underscore) is none.
    """
    name = name.lower()
    known = {name, re.sub(r"[\W_]", "", name), *re.split(r"[\W_]+", name)}
    for word in sorted(known, key=len, reverse=True):
        text = text.replace(word, "\x00") if len(word) >= SHORTEST_WORD else text
    text = re.sub(r"[\s_.-]", "", _COMMON.sub("\x00", text))
    text = re.sub(r"^(.+?)\1+$", r"\1", re.sub(r"(.)\1+", r"\1", text))
    count, place = 0, 0
    while place < len(text):
        length = 1
        for run in (*_RUNS, *(run[::-1] for run in _RUNS)):
            while text[place : place + length + 2] in run and place + length + 2 <= len(text):
                length += 1
        count += 1
        place += length + 1 if length > 1 else 1
    return count


@lru_cache(maxsize=4)
def _stretched(secret: bytes) -> bytes:
    return hashlib.scrypt(secret, salt=_SALT, dklen=32, **SCRYPT)


def digest(secret: bytes, kind: str, value: str) -> str:
    """Return the keyed hash (HMAC-SHA-256) of one value of a kind."""
    text = f"{kind}\x1f{value}".encode("utf-8", "surrogatepass")
    return hmac.new(secret, text, hashlib.sha256).hexdigest()


def pseudonyms(ids: list[str], kind: str, letter: str, secret: bytes) -> dict[str, str]:
    """Return id → pseudonym, with as many digits as it takes to tell all ids apart."""
    digests = [digest(secret, kind, one) for one in ids]
    length = SHORTEST_HASH
    while length < 64 and len({one[:length] for one in digests}) < len(ids):
        length += 2
    return {one: letter + hashed[:length] for one, hashed in zip(ids, digests, strict=True)}


def shifts(clients: list[str], secret: bytes, limit: int) -> dict[str, int]:
    """Return each client's shift in days: never 0 where a shift is wanted."""
    if limit == 0:
        return {}
    found = {}
    for client in clients:
        drawn = int(digest(secret, "days", client)[:12], 16) % (2 * limit)
        found[client] = drawn - limit if drawn < limit else drawn - limit + 1
    return found

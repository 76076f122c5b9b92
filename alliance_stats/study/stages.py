"""Which stage of treatment the label of an occasion names, in long and in wide files alike.

One list of words in English, German, Dutch, French and Spanish. Words are compared without case
and accents (``Prä`` is ``pra``).
"""

from __future__ import annotations

import difflib
import re
import unicodedata

STAGES: tuple[tuple[str, str], ...] = (
    ("screening", "screening"),
    ("intake", "intake aufnahme eingang eingangsmessung eingangsdiagnostik erstgesprach "
     "aanmelding admission admision ingreso"),
    ("pre", "baseline bl"),
    ("pre", "pre prae pra pretest praetest pratest pramessung praemessung vormessung vortest "
     "beginn therapiebeginn behandlungsbeginn begin beginning start therapiestart pretreatment "
     "beginmeting voormeting debut inicio pretratamiento"),
    ("mid", "mid middle midpoint midtreatment interim mitte therapiemitte zwischen "
     "zwischenmessung zwischenerhebung verlauf verlaufsmessung halbzeit tussen tussenmeting "
     "tussentijds midden milieu mitad intermedio"),
    ("post", "post posttest postest postrx postmessung posttreatment nachmessung nachtest end "
     "ende therapieende behandlungsende termination discharge abschluss therapieabschluss "
     "abschlussmessung entlassung einde eindmeting nameting ontslag fin sortie final alta "
     "postratamiento"),
    ("followup", "followup follow fu catamnesis katamnese nachsorge suivi seguimiento"),
)  # fmt: skip
"""Stages in the order in which a treatment passes them, and the words for each.

A baseline stands between intake and pre where a study has them all.
"""
BEFORE = "before vor vorher voor avant antes"
AFTER = "after nach nachher na apres despues"
"""Words that name a stage alone or before the treatment (``vor Therapie``).

With a number (``6 Monate nach Beginn``) they count from somewhere, and name none.
"""
NAMES = tuple(name for name, _ in STAGES)
PLACES = {word: place for place, (_, words) in enumerate(STAGES) for word in words.split()}
_RELATIVE = dict.fromkeys(BEFORE.split(), PLACES["pre"]) | dict.fromkeys(
    AFTER.split(), PLACES["post"]
)
_TREATMENT = re.compile(
    r"(?:psycho)?th?erap\w*|treatments?|behandl?ung|behandeling|traitement|tratamiento|"
    r"intervention|training|the|der|die|dem|de|het|la|le|el|du|del"
)
CLOSE = 0.7
"""How like a word must be to be offered for a mistyped one, as `difflib` counts (1 is equal)."""


def without_accents(text: str) -> str:
    """Return a text in small letters without accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in plain if not unicodedata.combining(sign))


def words_for(name: str) -> str:
    """Return all words for a stage, those included that need no treatment beside them."""
    relative = {"pre": BEFORE, "post": AFTER}.get(name, "")
    return " ".join([*(words for one, words in STAGES if one == name), relative])


def words_in(label: str) -> list[str]:
    """Return the words of a label."""
    return re.findall(r"[^\W\d_]+", without_accents(label))


def place_of(label: str) -> int | None:
    """Return the place in `STAGES` that a label names; None where it names none."""
    words = words_in(label)
    named = [PLACES[word] for word in ("".join(words), *words) if word in PLACES]
    last = len(STAGES) - 1
    if last in named:  # a follow-up after the end
        return last
    relative = [_RELATIVE[word] for word in words if word in _RELATIVE]
    if not relative:
        return named[0] if named else None
    rest = [word for word in words if word not in _RELATIVE]
    plain = not re.search(r"\d", label) and all(map(_TREATMENT.fullmatch, rest))
    return relative[0] if plain else None


def is_relative(label: str) -> bool:
    """Return whether a label counts from something: ``3 months after treatment``."""
    return any(word in _RELATIVE for word in words_in(label))


def stage_of(label: str) -> str | None:
    """Return the stage of treatment that a label names, in one word each; None where none."""
    place = place_of(label)
    return None if place is None else NAMES[place]


def nearest(label: str, labels: list[str]) -> str | None:
    """Return what a mistyped label most likely is: another label, else a word for a stage."""
    plain = {"".join(words_in(one)): one for one in labels if place_of(one) is not None}
    for known in (plain, {word: NAMES[place] for word, place in PLACES.items() if len(word) > 3}):
        found = difflib.get_close_matches("".join(words_in(label)), known, n=1, cutoff=CLOSE)
        if found:
            return known[found[0]]
    return None

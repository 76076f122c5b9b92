"""What the name of a column says: who, when, which measure, whose rating.

Names are compared without case, accents and separators (``Klient-Nr.`` is ``klientnr``), in
English, German, Dutch, French and Spanish.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

from ..stages import without_accents, words_for, words_in
from ..tables import OCCASIONS

_NOT_PLAIN = re.compile(r"[^a-z0-9]")
_NR = r"(?:id|nr|no|num|number|code|key|nummer|numero|kennung|chiffre|kurzel|cod(?:igo)?)"
_AFTER = rf"(?:{_NR}|n)?"
_BEFORE = rf"(?:{_NR}(?:de[lr]?|des|du|van|of)?|n)?"
_CLIENT = (
    r"client(?:e|en|es)?|clt|klient(?:en|in|innen)?|patient(?:en|in|innen|e)?|pat|participant|"
    r"deelnemer|paciente|subject|subj|sujet|sujeto|proband(?:en|in)?|vpn|ppn"
)
_WEEK = r"weeks?|wochen?|weken|semaines?|semanas?"
_MONTH = r"months?|monate?|maand(?:en)?|mois|mes(?:es)?"
ROLES: tuple[tuple[str, str, str], ...] = (
    (
        "client_id",
        rf"{_BEFORE}(?:{_CLIENT}){_AFTER}|(?:case|record|respondent|study|part|person|fall|dossier|couple|"
        rf"dyad|paar|versuchspersonen|expediente|akten?|pt|vp|kl|p|c|casus){_NR}|"
        rf"(?:{_NR}|n)(?:de[lr]?|du)?(?:expediente|historia(?:clinica)?|dossier|akten?|fall|couple|paar)",
        r"id|code|chiffre|kennung|externalreference|folio|expediente|dossier",
    ),
    (
        "therapist_id",
        rf"{_BEFORE}(?:therapist|therapeut(?:en|in)?|therapeute|terapeuta|therap|thera|ther|th|clinician|"
        rf"counsell?or|behandler|behandelaar|psychologue|provider){_AFTER}|tid",
        "",
    ),
    (
        "session",
        rf"{_BEFORE}(?:session|sess|ses|sitzungs?|sitz|zit(?:ting)?|sessie|seance|sesion|meeting){_AFTER}"
        rf"|(?:therapie)?stunde{_NR}?|redcaprepeatinstance",
        rf"(?:visite?|besuch|time|zeit|tijd|temps|tiempo|tp|t|wave|welle){_NR}?"
        rf"|{_WEEK}|{_MONTH}",
    ),
    (
        "episode",
        rf"episoden?{_NR}?|(?:treatment|therapy|therapie|behandlungs?|behandeling|traitement|tratamiento){_NR}",
        "",
    ),
    (
        "date",
        r"(?:session|sess|sitzungs|visit)?(?:date|datum|fecha|day|tag)|date(?:of|at)?(?:session|visit)",
        r"(?:start|recorded|completion)date|timestamp|datetime|zeitstempel",
    ),
    ("attended", r"attended|attendance|came|present|anwesend|aanwezig|presence|asistio", ""),
    (
        "site_id",
        rf"(?:site|cent(?:er|re|ro)|clinic|clinica|clinique|zentrum|klinik|ambulanz|standort|vestiging|locatie|"
        rf"einrichtung|sede){_NR}?"
        r"|redcapdataaccessgroup",
        "",
    ),
    (
        "condition",
        r"condition|cond|conditie|condicion|bedingung|studienarm|(?:treatment|study|trial)?(?:arm|group)|"
        r"grp|gruppe|groep|groupe|grupo|treatment|trt",
        "",
    ),
    ("training", r"training|profession|ausbildung", ""),
    ("years_experience", r"(?:years?(?:of)?)?experience|berufsjahre", ""),
    (
        "occasion",
        r"occ(?:asion)?|timepoint|phase|assessment|messzeitpunkt|mzp|zeitpunkt|meetmoment|erhebung|"
        r"redcapeventname",
        "",
    ),
)
"""Our column, names that are sure, and names that are taken where no sure one is there."""
_ANY_ROLE = {
    sure: re.compile("|".join(f"(?:{role[1 if sure else 2] or '$.'})" for role in ROLES))
    for sure in (True, False)
}
"""What most names are asked alone: does it stand for any role?"""

OF_A_TOOL = {
    "Qualtrics": re.compile(
        r"status|progress|finished|durationinseconds|ipaddress|responseid|recipient\w+|"
        r"distributionchannel|userlanguage|location(?:latitude|longitude|accuracy)|responseset|"
        r"external(?:data)?reference|emailaddress|(?:start|end|recorded)date"
    ),
    "LimeSurvey": re.compile(r"submitdate|lastpage|startlanguage|datestamp|seed|refurl|ipaddr"),
    "SoSci Survey": re.compile(r"questnnr|lastdata|maxpage|missrel|timersi|degtime"),
    "REDCap": re.compile(r"redcap(?:repeatinstrument|surveyidentifier)|\w+(?:timestamp|complete)"),
}
"""Columns that a tool writes by itself; they say nothing of what a file is."""

RATERS = {
    "therapist": "t th ther therap therapist therapeut therapeute terapeuta tf tr",
    "client": "c cl clt client cliente klient patient pat pt p k kl cf deelnemer paciente",
    "observer": "o obs observer rater beobachter observador",
}
OCCASION_WORDS = {name: words_for(name) for name in OCCASIONS}
NUMBERED = "followup"
"""The occasion of which there may be several, by number (``fu1``, ``fu2``)."""
_SESSION = "s ses sess session sitzung sitz stunde zit zitting sessie seance sesion visit"
_TIME = "t tp time zeit w week woche wave welle m month monat"
_ITEM = "i it item q question frage f vraag pregunta sq"  # LimeSurvey writes ``WAI[SQ003]``
_SUM = (
    "total tot totaal totale sum sumscore score summe suma gesamt ges gesamtwert summenwert "
    "summenscore gesamtscore gesamtsumme rohwert totalscore somscore totaalscore puntuacion"
)
MEAN_WORDS = (
    "mean", "mw", "avg", "mittelwert", "average", "gemiddelde", "moyenne", "media",
)  # fmt: skip
"""Words for a total that say it is a mean: of a measure that is summed it is another number."""
_TOTAL = f"{_SUM} {' '.join(MEAN_WORDS)}"

WORDS: dict[str, dict[str, str]] = {}
"""Word → what it may mean (``rater``, ``occasion``, ``session``, ``time``, ``item``, ``scale``)."""
for _kind, _table in (
    ("rater", RATERS),
    ("occasion", OCCASION_WORDS),
    ("session", {"session": _SESSION}),
    ("time", {"session": _TIME}),
    ("item", {"item": _ITEM}),
    ("scale", {"total": _TOTAL}),
):
    for _meaning, _words in _table.items():
        for _word in _words.split():
            WORDS.setdefault(_word, {})[_kind] = _meaning


@lru_cache(maxsize=1024)  # of one name many things are asked, one after another
def folded(text: str) -> str:
    """Return a text in small letters and digits alone, without accents."""
    return _NOT_PLAIN.sub("", without_accents(text))


def roles_of(name: str, *, sure: bool = True) -> list[str]:
    """Return the columns of ours a name stands for, or (`sure` false) may stand for."""
    low = folded(name)
    if not _ANY_ROLE[sure].fullmatch(low):
        return []
    return [role for role, *patterns in ROLES if re.fullmatch(patterns[not sure] or "$.", low)]


def roles_in(question: str) -> list[str]:
    """Return the columns of ours that a question asks for: ``Please enter your client code``.

    One word is not enough: ``How was the session?`` is no number of a session.
    """
    asked = {"which", "what", "welche", "welke", "quelle", "cual"}
    words = ["number" if word in asked else word for word in words_in(question) if len(word) > 1]
    pairs = [one + other for one, other in pairwise(words)]
    return list(dict.fromkeys(role for pair in pairs for role in roles_of(pair)))


def maybe_session(name: str) -> bool:
    """Return whether a name may also count sessions (``week``, ``visit``)."""
    return "session" in roles_of(name, sure=False)


def unit_of(name: str) -> str:
    """Return the unit of time that a name says, empty for none."""
    low = folded(name)
    return next((u for u, p in (("week", _WEEK), ("month", _MONTH)) if re.fullmatch(p, low)), "")


def tool_of(name: str) -> str:
    """Return the tool that writes a column of this name by itself, empty for none."""
    low = folded(name)
    return next((tool for tool, known in OF_A_TOOL.items() if known.fullmatch(low)), "")


def aliases_of(registry: Any) -> dict[str, tuple[str, ...]]:
    """Return folded names with their cards: full ids, aliases, and the letters before a number.

    Where several share a name, the longest form comes first, then the newest.
    """
    cards = sorted(registry.values(), key=lambda c: (c.n_items, c.version, c.name), reverse=True)
    return _aliases(tuple((card.name, card.aliases) for card in cards))


@lru_cache(maxsize=4)
def _aliases(cards: tuple[tuple[str, tuple[str, ...]], ...]) -> dict[str, tuple[str, ...]]:
    pairs: dict[tuple[str, str], None] = {}
    for name, aliases in cards:
        for each in (name, *aliases):
            pairs[folded(each), name] = None
            letters = re.match(r"[a-z]+", each.casefold())
            if letters and len(letters[0]) >= 2 and letters[0] not in WORDS:  # ``session-...``
                pairs[letters[0], name] = None
    found: dict[str, tuple[str, ...]] = {}
    for alias, name in pairs:
        found[alias] = (*found.get(alias, ()), name)
    return found


def scale_in(word: str, scales: Any) -> str | None:
    """Return the scale a word such as ``total`` or ``bond`` names; None for none."""
    if word == "" or "scale" in WORDS.get(word, {}):
        return "total" if "total" in scales else None
    for scale in scales:
        plain = folded(scale)
        if word in (plain, plain[:4]):
            return str(scale)
    return None


@dataclass(frozen=True)
class Number:
    """A number in a name: where it stands, and what a word before it says that it counts.

    `rater` is set where that word may also say who rated (``T`` in ``WAI_T01``).
    """

    position: int
    counts: str = ""  # "session", "time", "item" or nothing
    rater: str = ""


@dataclass(frozen=True)
class Named:
    """A measure found in a name, and what the rest of the name says."""

    cards: tuple[str, ...]
    rater: str = ""
    scale: str = ""
    occasion: str = ""
    numbers: tuple[Number, ...] = ()


class Known(NamedTuple):
    """The measures there are, and the words that name them and their scales."""

    registry: Any
    aliases: dict[str, tuple[str, ...]]
    scales: set[str]

    @classmethod
    def of(cls, registry: Any) -> Known:
        """Gather the words of a registry once, for however many names."""
        scales = {folded(scale) for card in registry.values() for scale in card.scales}
        return cls(registry, aliases_of(registry), scales)


def measures_in(name: str, fixed: set[int], known: Known, *, passing: bool = False) -> list[Named]:
    """Return what a name says, the longest name of a measure first; empty where none fits it all.

    `fixed` are the numbers (by position) that are the same in all names of this shape: they may
    be part of the measure's name (``phq9_4``). `passing`: a label is a sentence, whose words that
    nobody knows are passed over (``Working Alliance Inventory WAI-SR - Item 3``).
    """
    _, aliases, scales = known
    tokens = _tokens(name, aliases, scales)
    spans: dict[tuple[int, int], tuple[str, ...]] = {}
    for i in range(len(tokens)):
        for j in range(i + 1, len(tokens) + 1):
            whole = "".join(token.text for token in tokens[i:j])
            if whole in aliases and all(t.number is None or t.number in fixed for t in tokens[i:j]):
                spans[i, j] = aliases[whole]
    for i, j in list(spans):  # the T of ``wai-t`` is the rater, though the card knows that name
        who = "rater" in WORDS.get(tokens[j - 1].text, {})
        if who and set(spans[i, j]) <= set(spans.get((i, j - 1), ())):
            del spans[i, j]
    if passing:
        texts = {at: "".join(token.text for token in tokens[slice(*at)]) for at in spans}
        spans = {at: cards for at, cards in spans.items() if _is_whole(texts[at], cards, known)}
    found = []
    for (i, j), cards in sorted(spans.items(), key=lambda span: span[0][0] - span[0][1]):
        said = _rest_of([*tokens[:i], None, *tokens[j:]], scales, passing=passing)
        if said is not None:
            found.append(Named(cards, **said))
    return found


def _is_whole(text: str, cards: tuple[str, ...], known: Known) -> bool:
    """Return whether a text is no word of a sentence (``das``, ``state``), but a form's name."""
    names = {folded(name) for card in cards for name in (card, *known.registry.find(card).aliases)}
    return text in names and (len(text) > 4 or not text.isalpha())


@dataclass(frozen=True)
class _Token:
    text: str
    number: int | None = None
    glued: bool = False  # a number that stands right behind a word


def _tokens(name: str, aliases: Any, scales: set[str]) -> list[_Token]:
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    tokens: list[_Token] = []
    count = 0
    for match in re.finditer(r"\d+|[A-Za-zß]+", plain):
        run, glued = match[0], match.start() > 0 and plain[match.start() - 1].isalpha()
        if run[0].isdigit():
            tokens.append(_Token(str(int(run)), count, glued))
            count += 1
        else:
            tokens += [_Token(part) for part in _cut(run, aliases, scales)]
    return tokens


def _cut(run: str, aliases: Any, scales: set[str]) -> list[str]:
    """Return a run of letters cut where a measure's name ends or begins (``waic``, ``bdiSum``)."""
    word = run.casefold()
    if word in WORDS or word in scales:
        return [word]
    for n in range(len(word) - 1, 0, -1):
        one, two = word[:n], word[n:]
        ends = one in aliases and (two in WORDS or two in scales)
        if ends or (one in WORDS and two in aliases):
            return [one, two]
    humps = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-zß]+|[A-Z]+", run)
    if word in aliases or len(humps) == 1:
        return [word]
    return [part for hump in humps for part in _cut(hump, aliases, scales)]


def _rest_of(
    tokens: list[_Token | None], scales: set[str], *, passing: bool
) -> dict[str, Any] | None:
    """Return what the tokens around a measure's name say (None stands for it), or None."""
    said: dict[str, Any] = {"rater": "", "scale": "", "occasion": ""}
    numbers: list[Number] = []
    before = ("", "")
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        means = {} if token is None else WORDS.get(token.text, {})
        counts = next((kind for kind in ("session", "time", "item") if kind in means), "")
        if token is None:
            pass
        elif token.number is not None and before[0] == "occasion":
            said["occasion"] += token.text  # ``fu1``
        elif token.number is not None:
            numbers.append(Number(token.number, *before))
        elif counts and following is not None and following.number is not None:
            before = (counts, "" if said["rater"] else means.get("rater", ""))
            continue
        elif not _say(said, token.text, means, scales) and not passing:
            return None
        elif means.get("occasion") == NUMBERED and following is not None and following.glued:
            before = ("occasion", "")
            continue
        before = ("", "")
    return {**said, "numbers": tuple(numbers)}


def _say(said: dict[str, Any], word: str, means: dict[str, str], scales: set[str]) -> bool:
    """Note what a word says, or return that nobody knows it."""
    kind = next((k for k in ("occasion", "rater", "scale") if k in means), "")
    if kind and not said[kind]:
        said[kind] = word if kind == "scale" else means[kind]
        return True
    if len(word) > 2 and any(scale.startswith(word) for scale in scales):
        said["scale"] = word
        return True
    return kind == "scale"  # ``sum_total``

"""Which files are one of our tables already: ends of therapy, events, long ratings or scores.

A name alone never decides it (``Status``, ``type``, ``outcome`` stand in files of every kind):
the values must be those of the table, and the rows as many a client as it has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from ...errors import listing, plural
from .names import WORDS, folded
from .values import as_word, codes_of, numbers
from .vocabulary import enum_of

_RATER = (
    r"rater|who|source|perspective|beurteiler|perspektive|informant|respondent|quelle|rolle|role|"
    r"ausgefulltvon|beoordelaar|perspectief|evaluateur|evaluador|perspectiva"
)
_MEASURE = (
    r"measure|instrument|scale|questionnaire|(?:frage)?bogen|vragenlijst|lijst|test|skala|"
    r"verfahren|form|formular|cuestionario|escala|echelle"
)
_WHY = r"(?:reason|grund|reden|motif|motivo)"
_END = (
    r"(?:end(?:e|ing)?|(?:therapie)?(?:ende|beendigung|abbruch)|termination|dropout|discharge|"
    r"ontslag)"
)
_NAMES: dict[str, dict[str, str]] = {
    "terminations": {
        "last_session": r"(?:last|end|final)session|(?:n|number)(?:of)?session|"
        r"(?:(?:n|no|number|total)(?:of)?)?(?:attended|completed)?sessions(?:attended|completed|held|received)?|"
        r"letztesitzung|(?:anzahl|zahl)(?:der)?sitzungen|laatstesessie|n",
        "reason": rf"(?:{_WHY}(?:for|of|fur|der|des|voor|du|de|del)?)?{_END}|{_WHY}|why|"
        rf"outcome(?:of(?:the)?(?:therapy|treatment))?|"
        rf"{_END}s?(?:art|type|{_WHY})|status",
    },
    "events": {
        "kind": r"kind|event|type|ereignis",
        "subtype": r"subtype",
        "intensity": r"intensity|intensitat",
        "resolution": r"resolution|resolved",
        "rater": _RATER,
    },
    "ratings": {
        "rater": _RATER,
        "measure": _MEASURE,
        "item": r"item(?:no|nr|number)?|question|frage",
        "value": r"value|answer|response|rating|score|wert|antwort",
    },
    "scores": {
        "rater": _RATER,
        "measure": _MEASURE,
        "scale": r"subscale|unterskala",
        "score": r"(?:total|sum)?score|value|total|sum|result|(?:punkt|summen)?wert|summe|"
        r"punkte|ergebnis|puntaje|puntuacion|resultado|resultat|resultaat|uitslag",
    },
}
_ANY_NAME = re.compile("|".join(f"(?:{p})" for each in _NAMES.values() for p in each.values()))
_NEEDED = {
    "terminations": ("reason",),
    "events": ("kind",),
    "ratings": ("measure", "item", "value"),
    "scores": ("measure", "score"),
}
_WORDS = {
    "completed": r"complete|finished|ended|(?:as)?planned(?:end)?|regular|(?:regular|planmassig)?"
    r"(?:beendet|abgeschlossen)|(?:regulares|planmassiges)ende|afgerond|voltooid|termine|acheve|"
    r"completado|terminado",
    "dropout": r"droppedout|(?:therapie)?abbruch(?:durch)?(?:(?:patient|klient)(?:en|in)?)?|"
    r"abbrecher(?:in)?|(?:vorzeitig)?abgebrochen|"
    r"afgebroken|uitval|abandon|abandono|unilateral|withdrawn|withdrew|discontinued",
    "mutual": r"einvernehmlich(?:beendet)?|agreed|(?:by)?agreement|onderlingoverleg|deacuerdo",
    "transferred": r"transfer|referred|verlegt|uberw(?:iesen|eisung)|(?:therapeuten)?wechsel|"
    r"doorverwezen|oriente|derivado",
    "administrative": r"admin|umzug|umgezogen|moved|relocation|verhuizing|demenagement|mudanza",
    "ongoing": r"current|active|in(?:therapy|progress|therapie)|laufend|lauft(?:noch)?|lopend|"
    r"encours|encurso",
}
"""Other words for how a therapy ended."""

MOST_REASONS = 12
"""A column with more different words is free text."""
MOST_FORMS = 100


@dataclass
class TableGuess:
    """A file that seems to be one of our tables."""

    table: str
    columns: dict[str, str] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    recode: dict[str, dict[Any, str]] = field(default_factory=dict)
    where: dict[str, Any] = field(default_factory=dict)
    """The rows that are read, where others are of forms that nobody knows."""
    doubts: list[str] = field(default_factory=list)


def guess_table(
    frame: pd.DataFrame, left: list[str], roles: dict[str, str], registry: Any
) -> TableGuess | None:
    """Return the table a file seems to be, None where it is a file of sessions or clients."""
    if "client_id" not in roles:
        return None
    lows = {name: low for name in left if _ANY_NAME.fullmatch(low := folded(name))}
    for table, patterns in _NAMES.items():
        columns: dict[str, str] = {}
        for ours, pattern in patterns.items():
            for name, low in lows.items():
                fits = re.fullmatch(pattern, low)
                if fits and name not in columns.values() and ours not in columns:
                    columns[ours] = name
        if all(ours in columns for ours in _NEEDED[table]):
            guess = _guess(frame, table, columns, roles, registry)
            if guess is not None:
                return guess
    return None


def guess_rater(frame: pd.DataFrame, left: list[str], doubts: list[str]) -> dict[str, Any] | None:
    """Return what ``rater:`` of a source would be: a column of words of which two name raters."""
    raters = enum_of("ratings", "rater")
    for name in left:
        if not re.fullmatch(_RATER, folded(name)):
            continue
        words = list(dict.fromkeys(map(as_word, codes_of(frame[name])[1])))
        meant = {word: us for word in words if (us := meaning_of(word, raters))}
        unknown = [word for word in words if word not in meant]
        if len({*meant.values()}) > 1 and len(words) <= MOST_REASONS:
            if unknown:
                doubts.append(
                    f"'{name}' holds {listing(map(repr, unknown))}; say under recode: which of "
                    f"{', '.join(raters)} it is, or declare it under raters:"
                )
            others = {word: us for word, us in meant.items() if word != us}
            return {"column": name, **({"recode": others} if others else {})}
    return None


def may_end(name: str) -> bool:
    """Return whether a column's name may speak of how therapies ended."""
    return re.fullmatch(_NAMES["terminations"]["reason"], folded(name)) is not None


def _guess(
    frame: pd.DataFrame, table: str, columns: dict[str, str], roles: dict[str, str], registry: Any
) -> TableGuess | None:
    """Return the table where rows and values are those it has."""
    guess = TableGuess(table, columns)
    if table == "terminations":
        one_each = frame[roles["client_id"]].dropna().is_unique
        few = frame[columns["reason"]].nunique() <= MOST_REASONS
        said = _translate(frame, guess, "reason") or (few and "last_session" in columns)
        return guess if one_each and said else None
    if "session" not in roles and not (table in ("scores", "ratings") and "occasion" in roles):
        return None
    if table == "events":
        return guess if _translate(frame, guess, "kind") else None
    theirs, column = columns["measure"], frame[columns["measure"]]
    words = [as_word(value) for value in codes_of(column)[1]]
    known = {word: name for word in words if (name := _measure_of(word, registry))}
    others = [word for word in words if word not in known]
    if others:
        frame = frame[column.map(as_word, na_action="ignore").isin([*known])]
        guess.where = {theirs: [*known] if len(known) > 1 else next(iter(known), "")}
        guess.doubts.append(
            f"{plural(len(others), 'form')} in '{theirs}' with no card ({listing(others, 4)}); "
            "only rows of the others are read"
        )
    bad = numbers(frame[columns[_NEEDED[table][-1]]])[1]
    if not known or len(words) > MOST_FORMS or len(bad) > 0.05 * len(frame):
        return None
    odd = {word: name for word, name in known.items() if word != name}
    if odd:
        guess.recode["measure"] = odd
    if "session" not in roles and table == "scores":
        guess.table = "assessments"
    if table == "scores" and "scale" not in columns:
        guess.constants["scale"] = "total"
        guess.doubts.append("the scores are taken to be totals")
    if "rater" not in columns:
        guess.constants["rater"] = "client"
        guess.doubts.append("no column says who rated; the client is assumed")
    elif not _translate(frame, guess, "rater"):
        return None
    return guess


def _measure_of(word: str, registry: Any) -> str:
    """Return our name for a word of a measure, which may say that its total is meant."""
    *form, last = word.split() or [""]
    total = form and "scale" in WORDS.get(folded(last), {})
    texts = (word, " ".join(form)) if total else (word,)
    return next((registry.find(text).name for text in texts if text in registry), "")


def _translate(frame: pd.DataFrame, guess: TableGuess, ours: str) -> bool:
    """Note words that have to be translated into ours; return whether any is known."""
    theirs, allowed = guess.columns[ours], enum_of(guess.table, ours)
    words = list(dict.fromkeys(as_word(value).strip() for value in codes_of(frame[theirs])[1]))
    if not 1 <= len(words) <= MOST_REASONS:
        return False
    meant = {word: meaning_of(word, allowed) for word in words}
    found = {word: us for word, us in meant.items() if us}
    if any(word != us for word, us in found.items()):
        guess.recode[ours] = {word: us for word, us in found.items() if word != us}
    unknown = [word for word in words if not meant[word]]
    if unknown:
        guess.doubts.append(
            f"'{theirs}' holds {', '.join(repr(word) for word in unknown[:6])}; say under "
            f"recode: which of {', '.join(allowed)} each is"
        )
    return bool(found)


def meaning_of(word: str, allowed: tuple[str, ...]) -> str:
    """Return our word for one of theirs, empty where it is not known."""
    low = folded(word)
    if low in allowed:
        return low
    rater = WORDS.get(low, {}).get("rater", "")
    if rater in allowed:
        return rater
    for ours, others in _WORDS.items():
        if ours in allowed and re.fullmatch(others, low):
            return ours
    return ""

"""What a term is called where a person reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping

PARTS = {
    "_within": "Within clients",
    "_trend": "Within clients",
    "_between": "Between clients",
    "_client": "Between clients",
    "_therapist": "Between therapists",
}
"""Endings that `decompose` gives to the parts of a predictor, and the level each is about."""

_SHORT = {
    name.lower(): name
    for name in (
        "AUC",
        "ICI",
        "ICC",
        "PPV",
        "SD",
        "AIC",
        "BIC",
        "n",
        "CFI",
        "TLI",
        "RMSEA",
        "SRMR",
        "r",
    )
}
_SHORT |= {"brier": "Brier", "df": "df"}
_SIGNS = {"llf": "log-likelihood", "tau2": "τ²", "I2": "I²", "chi2": "χ²", "delta": "Δ"}
"""Signs of statistics, in headings alone: as a term such a name is a column of somebody's data."""
_OF_ID = re.compile(r"_id(?![A-Za-z])")
_LAG = re.compile(r"_lag(\d+)(?=_|$)")
_LEVEL = re.compile(r"^(C\()?([^\[\]]+?)(?(1)\))\[(?:T\.)?(.+)\]$")


def level_of(term: str) -> str:
    """Return the level a term is about, by its ending; empty where it has none.

    Examples
    --------
    >>> level_of("alliance_lag1_within"), level_of("session")
    ('Within clients', '')
    """
    levels = {level for end, level in PARTS.items() for part in [term] if part.endswith(end)}
    return levels.pop() if levels else ""


def label_of(term: str, labels: Mapping[str, str] | None = None, *, level: bool = True) -> str:
    """Return a term in words: those given for it, else those its name is made of.

    Parameters
    ----------
    term
        The name, as `tidy` has it.
    labels
        Words for terms; also for a column whose parts or lags are the terms.
    level
        Say the level too (``within clients``); without, where a heading says it.

    Examples
    --------
    >>> label_of("alliance_lag1_within")
    'Alliance, session before (within clients)'
    >>> label_of("alliance_lag1_within", {"alliance": "Working alliance"}, level=False)
    'Working alliance, session before'
    >>> label_of("condition[CBT]:session")
    'Condition: CBT × session'
    >>> label_of("C(site)[T.2]"), label_of("bs(wk, df=4)[1]")
    ('Site: 2', 'bs(wk, df=4): 1')
    """
    given = dict(labels or {})
    if term in given:
        return given[term]
    if ":" in term and ": " not in term:
        first, *others = (label_of(part, given, level=level) for part in term.split(":"))
        own = [part in given for part in term.split(":")][1:]
        rest = [text if named else inside(text) for text, named in zip(others, own, strict=True)]
        return " × ".join([first, *rest])
    found = _LEVEL.match(term)
    if found:
        return f"{label_of(found[2], given, level=level)}: {found[3]}"
    stem, about = term, level_of(term)
    for end in PARTS:
        if term.endswith(end):
            stem = term.removesuffix(end)
    lag = _LAG.search(stem)
    stem = _LAG.sub("", stem)
    words = given.get(stem) or _plain(stem)
    if lag:
        n = int(lag[1])
        words += ", session before" if n == 1 else f", {n} sessions before"
    return f"{words} ({inside(about)})" if about and level else words


def heading_of(column: str) -> str:
    """Return what a column of a result is called: a statistic by its sign.

    Examples
    --------
    >>> heading_of("I2"), heading_of("chi2_scaled"), label_of("I2"), heading_of("i2")
    ('I²', 'χ² scaled', 'I2', 'i2')
    """
    if column == "std_error":
        return "SE"
    signs = [_SIGNS.get(word, word) for word in re.split("[_ ]", column)]
    return label_of("_".join(signs)).replace("Δ ", "Δ")


def random_label(term: str, group: str, labels: Mapping[str, str] | None = None) -> str:
    """Return how a random effect spreads, in words.

    Examples
    --------
    >>> random_label("sd Intercept", "client_id"), random_label("sd", "Residual")
    ('Client: SD of intercept', 'Residual SD')
    """
    if labels and term in labels:
        return labels[term]
    kind, _, about = term.partition(" ")
    words = {"sd": "SD", "cor": "correlation", "cov": "covariance", "phi": "AR(1) correlation"}
    kind = words.get(kind, kind)
    if group == "Residual":
        parts = f" of {about}" if about else ""
        return f"Residual {kind}{parts}" if kind != words["phi"] else f"Residual {kind}"
    names = [inside(label_of(part, labels)) for part in about.split()]
    of = f" of {' and '.join(names)}" if names else ""
    whose = label_of(group.removesuffix("_id"), labels) if group else ""
    return f"{whose}: {kind}{of}" if whose else f"{kind}{of}"


def _plain(name: str) -> str:
    """Return a name as words: an underscore is a blank, and the first letter is large."""
    known = [_SHORT.get(word, word) for word in _OF_ID.sub("", name).split("_")]
    words = " ".join(known).strip()
    symbol = not re.search(r"[a-z]{3}", name) or known[0] in (*_SHORT.values(), *_SIGNS.values())
    return words if symbol else sentence_case(words)


def renamed(words: str, names: Mapping[str, str]) -> str:
    """Return words in which names of scores and columns are said as a reader knows them.

    Examples
    --------
    >>> renamed("wai-sr on phq-9 before", {"wai-sr": "Alliance", "phq": "no part of a name"})
    'Alliance on phq-9 before'
    """
    if not names:
        return words
    longest_first = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    whole = rf"(?<![\w/-])(?:{longest_first})(?![\w/-])"
    return re.sub(whole, lambda found: names[found[0]], words)


def sentence_case(words: str) -> str:
    """Return words with a large first letter, as at the start of a line."""
    return words[:1].upper() + words[1:]


def inside(words: str) -> str:
    """Return words as they stand inside a sentence: an abbreviation keeps its letters."""
    first = words.split(" ")[0]
    return (
        words
        if first[1:] != first[1:].lower() or len(first) == 1
        else words[:1].lower() + words[1:]
    )

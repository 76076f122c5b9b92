"""Which measure each family of columns holds.

What the numbers in their names count is told from words before them, and where there are none from
what they run over: the items of a form are all there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ...errors import listing
from ..stages import words_in
from .answer_labels import answers_from
from .answers_guess import Answers, fitting_cards, holds_words, number_columns, sums_of
from .guess import ASSUMED, NO_COLUMN, Guess, UnplacedError
from .marked_items import with_marked
from .names import MEAN_WORDS, Known, Named, measures_in, scale_in, tool_of
from .patterns import parse_pattern
from .shapes import Family, families_of, read_titles


def guess_measures(
    frame: pd.DataFrame,
    names: list[str],
    registry: Any,
    *,
    by_session: bool = False,
    rater: str = "",
    notes: Mapping[str, Any] | None = None,
) -> tuple[list[Guess], dict[str, str]]:
    """Return the measures found among columns, and why likely columns were not placed.

    `by_session`: a column counts the sessions, so the lone number in a name is no session
    (``WAI_T01`` is an item of the therapist's form, not a score of session 1). `rater`: who
    rated where no column says it. `notes` hold the labels of answers, and which codes mean missing.
    """
    guesses: list[Guess] = []
    why: dict[str, str] = {}
    known = Known.of(registry)
    numeric = number_columns(frame[names])
    families = families_of([n for n in names if n in numeric and "{" not in n], known.aliases)
    for family in sorted(families, key=lambda f: -len(f.names)):
        try:
            guess = _guess(frame, names, family, known, guesses, by_session, rater, notes or {})
        except UnplacedError as reason:
            why |= dict.fromkeys(family.names, str(reason))
            continue
        if guess is None:
            continue
        twice = next((each for each in guesses if each.slot == guess.slot), None)
        if twice is None:
            guesses.append(guess)
        else:
            what = f"{guess.entry['measure']} by the {guess.entry['rater']}"
            why |= dict.fromkeys(family.names, f"{what} is already in {twice.columns[0]}")
    titles = (notes or {}).get("variable_labels") or {}
    for name in names:
        texts = (name, str(titles.get(name, ""))) if name not in numeric else ()
        named = [m for text in texts for m in measures_in(text, {*range(len(text))}, known)]
        if named:
            why[name] = holds_words(_labels(named[0].cards), frame[name])
    order = {name: at for at, name in enumerate(names)}
    items_first = sorted(guesses, key=lambda g: ("items" not in g.entry, order[g.columns[0]]))
    return items_first, why


# -- one family -------------------------------------------------------------------------------


def _guess(
    frame: pd.DataFrame,
    all_names: list[str],
    family: Family,
    known: Known,
    there: list[Guess],
    by_session: bool,
    rater: str,
    notes: Mapping[str, Any],
) -> Guess | None:
    """Return what a family is, None where its names say nothing, or raise why it is open."""
    fixed = set(range(family.rows.shape[1])) - set(family.varying)
    readings = measures_in(family.names[0], fixed, known) or read_titles(
        family, notes.get("variable_labels") or {}, known
    )
    alone = len(family.varying) == 1 and len(family.names) > 2
    if not readings:
        _name_form(family, fixed, known)
    if not readings and not alone:
        return None
    answers = Answers.of(frame, family.names)
    answers = replace(answers, labels=_labels_of(notes, family.names))
    reasons = []
    for named in readings:
        try:
            guess = _as_read(family, named, answers, known.registry, there, by_session, rater)
        except UnplacedError as reason:
            reasons.append(str(reason))
            continue
        return with_marked(_only_its_own(guess, all_names), all_names, known.registry)
    if reasons:
        raise UnplacedError(reasons[0])
    if alone:
        items = set(family.rows[:, family.varying[0]])
        near = [c.name for c in fitting_cards(known.registry.values(), items, answers)
                if c.n_items == max(items)]  # fmt: skip
        hint = f"; the numbers would fit {', '.join(near[:5])}" if near else ""
        if min(items) == 1:
            raise UnplacedError(f"looks like one of {len(items)} items of an unknown form{hint}")
    return None


def _name_form(family: Family, fixed: set[int], known: Known) -> None:
    """Raise where names hold the name of a form, and a word beside it that nobody knows."""
    name = family.names[0]
    named = measures_in(name, fixed, known, passing=True)
    cards = named[0].cards if named else known.aliases.get(next(iter(words_in(name)), ""), ())
    if cards and not tool_of(name):
        raise UnplacedError(
            f"names {_labels(cards)}, with a word beside it that nobody knows: if it is who rated "
            "or when, write the measure with rater:, session: or occasion:"
        )


def _as_read(
    family: Family,
    named: Named,
    answers: Answers,
    registry: Any,
    there: list[Guess],
    by_session: bool,
    else_rater: str,
) -> Guess:
    """Return the guess of a family whose name was read in one way."""
    cards = [registry.find(name) for name in named.cards]
    counts = {number.position: number for number in named.numbers}
    when = {n.position for n in named.numbers if n.counts in ("session", "time")}
    varying = [p for p in family.varying if p in counts]
    constant = [p for p in counts if p not in family.varying]
    known = _labels(cards)
    if any(p not in when for p in constant) and family.varying:
        raise UnplacedError(f"names {known} with a number that is the same in all of them")
    if by_session and len(varying) > 1:
        raise UnplacedError(
            f"names {known} by two numbers, where the file has a column for sessions"
        )
    if len(varying) > 2:
        raise UnplacedError(f"names {known} by three numbers; say with a pattern what each is")
    if len(varying) == 2:
        sure = {p for p in varying if counts[p].counts == "session"}
        item, session = _two_numbers(family, varying, sure or when, cards, answers, known)
    elif varying and (
        by_session or (not named.scale and _are_items(family, varying[0], cards, answers))
    ):
        item, session = varying[0], None
    elif varying:
        item, session = None, varying[0]
    elif constant and not set(constant) <= when:
        raise UnplacedError(f"names one number of {known} alone; the other items have no column")
    else:
        item, session = None, None
    entry: dict[str, Any] = {}
    if constant and not by_session:
        entry["session"] = int(family.rows[0, constant[0]])
    if named.occasion:
        entry["occasion"] = named.occasion
    doubts = []
    if session is not None and counts[session].counts != "session":
        doubts.append("the number is taken to count sessions")
    rater = named.rater or ("" if item is None else counts[item].rater) or else_rater
    guess = (
        _items(family, cards, rater, answers, item, session)
        if item is not None
        else _total(family, named, cards, rater, answers, session, there)
    )
    doubt = "; ".join(filter(None, [*doubts, guess.doubt]))
    return replace(guess, entry={**guess.entry, **entry}, doubt=doubt)


def _are_items(family: Family, position: int, cards: list[Any], answers: Answers) -> bool:
    found = set(family.rows[:, position])
    by_labels = ((card, _by_labels(answers, card)) for card in cards)
    return bool(fitting_cards(cards, found, answers)) or any(
        meant is not None and fitting_cards([card], found, meant) for card, meant in by_labels
    )


def _by_labels(answers: Answers, card: Any) -> Answers | None:
    """Return what the codes stand for by their labels, where these are answers of a form."""
    made = answers_from(answers.labels, card.range) if answers.labels else None
    if not made or not set(answers.values.tolist()) <= {float(code) for code in made}:
        return None
    return replace(answers, values=np.unique(list(made.values())), labels={})


def _two_numbers(
    family: Family,
    varying: list[int],
    when: set[int],
    cards: list[Any],
    answers: Answers,
    known: str,
) -> tuple[int, int]:
    """Return which number counts the items and which the sessions."""
    items = [p for p in varying if p not in when]
    if len(items) == 1:
        return items[0], next(p for p in varying if p in when)
    able = [p for p in varying if _are_items(family, p, cards, answers)]
    if len(able) != 1:
        raise UnplacedError(
            f"names {known} by two numbers, of which either may count the items; write "
            "{item} and {session} in place of them"
            if able
            else _no_form_fits(cards, answers, known)
        )
    return able[0], next(p for p in varying if p != able[0])


def _no_form_fits(cards: list[Any], answers: Answers, known: str) -> str:
    return f"names {known}, but the items or the answers ({answers.span}) do not fit that form"


def _labels(cards: Iterable[Any]) -> str:
    return listing([str(getattr(card, "name", card)) for card in cards][:4])


def _items(
    family: Family,
    cards: list[Any],
    rater: str,
    answers: Answers,
    item: int,
    session: int | None,
) -> Guess:
    found = set(family.rows[:, item])
    fitting = fitting_cards(cards, found, answers)
    if not fitting and answers.labels:
        return _labelled_items(family, cards, rater, answers, item, session)
    if not fitting:
        raise UnplacedError(_no_form_fits(cards, answers, _labels(cards)))
    card = min(fitting, key=lambda c: (c.n_items != max(found), c.range.high))
    whose, doubt = _whose(card, rater)
    others = [each.name for each in fitting if each.name != card.name]
    lost = [each for each in card.items if each not in found]
    doubts = [
        doubt,
        f"could also be {', '.join(others)}" if others else "",
        f"{NO_COLUMN} {lost[0]}" if lost else "",
        answers.slips_beyond(card.range),
    ]
    placeholders = {item: "item"} | ({} if session is None else {session: "session"})
    entry = {"measure": card.name, "rater": whose, "items": family.pattern(placeholders)}
    return Guess(entry, family.names, "; ".join(filter(None, doubts)), answers.codes(card.range))


def _labelled_items(
    family: Family,
    cards: list[Any],
    rater: str,
    answers: Answers,
    item: int,
    session: int | None,
) -> Guess:
    """Return the items of a form whose codes stand for answers as their labels say."""
    for card in cards:
        meant = _by_labels(answers, card)
        if meant is not None:
            guess = _items(family, [card], rater, meant, item, session)
            doubt = "the answers are read by the labels of their codes"
            doubts = "; ".join(filter(None, [guess.doubt, doubt]))
            return replace(guess, entry=guess.entry | {"answers": "labels"}, doubt=doubts)
    raise UnplacedError(_no_form_fits(cards, answers, _labels(cards)))


def _labels_of(notes: Mapping[str, Any], names: tuple[str, ...]) -> dict[Any, str]:
    """Return the labels that the answers in columns share, but for codes that mean missing."""
    labels = [(notes.get("value_labels") or {}).get(name, {}) for name in names]
    missing = (notes.get("user_missing") or {}).get(names[0], ())
    if not labels[0] or any(each != labels[0] for each in labels):
        return {}
    return {code: word for code, word in labels[0].items() if code not in missing}


def _total(
    family: Family,
    named: Named,
    cards: list[Any],
    rater: str,
    answers: Answers,
    session: int | None,
    there: list[Guess],
) -> Guess:
    used = [guess.entry["measure"] for guess in there]
    able = [(card, scale) for card in cards if (scale := scale_in(named.scale, card.scales))]
    if not able:
        raise UnplacedError(f"names {_labels(cards)}, but no scale of it")
    mean = named.scale in MEAN_WORDS
    ranges = [_limits(card, scale, mean=mean) for card, scale in able]
    fitting = [pair for pair, limits in zip(able, ranges, strict=True) if answers.within(limits)]
    if not fitting:
        near = zip(able, ranges, strict=True)
        fitting = [pair for pair, limits in near if answers.nearly_within(limits)]
    if not fitting:
        card, scale = able[0]
        low, high = ranges[0]
        sums = "" if mean else sums_of(able, answers)
        raise UnplacedError(
            f"names {'a mean of ' * mean}{card.name}/{scale}, which runs from {low:g} to {high:g}, "
            f"and holds {answers.span}{sums}"
        )
    card, scale = min(fitting, key=lambda pair: pair[0].name not in used)
    lengths = {each.n_items for each, _ in fitting}
    if card.name not in used and len(lengths) > 1 and named.cards != (card.name,):
        forms = listing(each.name for each, _ in fitting)
        raise UnplacedError(
            f"names no form: it may be {forms}, which differ in their items; write measure: with "
            "the one it is"
        )
    whose, doubt = _whose(card, rater)
    others = [each.name for each, _ in able if each.name != card.name]
    if others and card.name not in used:
        doubt = "; ".join(filter(None, [doubt, f"could also be {', '.join(others)}"]))
    limits = _limits(card, scale, mean=mean)
    odd = sorted({f"{value:g}" for value in answers.outside(limits)})
    if odd:
        beyond = f"outside its range of {limits[0]:g} to {limits[1]:g}: {listing(odd)}"
        doubt = "; ".join(filter(None, [doubt, beyond]))
    text = family.pattern({} if session is None else {session: "session"})
    entry: dict[str, Any] = {"measure": card.name, "rater": whose}
    entry["score"] = text if scale == "total" else {scale: text}
    if mean and card.scales[scale].method == "sum":
        entry["scored"] = "mean"
    return Guess(entry, family.names, doubt, answers.codes(limits))


def _limits(card: Any, scale: str, *, mean: bool) -> tuple[float, float]:
    """Return the ends of a scale, as its name says that it is given: as scored, or as a mean."""
    low, high = card.scale_range(scale)
    key = card.scales[scale]
    by = key.n_expected if mean and key.method == "sum" else 1
    return low / by, high / by


def _only_its_own(guess: Guess, all_names: Iterable[str]) -> Guess:
    """Return the guess; refuse one whose pattern takes columns of others."""
    score = guess.entry.get("score")
    text: str = guess.entry.get("items") or (
        next(iter(score.values())) if isinstance(score, dict) else score or ""
    )
    if "{" in text:
        taken = {match.column for match in parse_pattern(text).find(all_names)}
        if taken != set(guess.columns):
            odd = sorted(taken ^ set(guess.columns))
            raise UnplacedError(f"no pattern takes these columns alone: '{text}' and {odd[0]}")
    return guess


def _whose(card: Any, rater: str) -> tuple[str, str]:
    if rater in card.raters:
        return rater, ""
    if len(card.raters) == 1:
        return next(iter(card.raters)), ""
    return next((each for each in ("client", *card.raters) if each in card.raters), ""), (ASSUMED)

"""Reading a description piece by piece: each key and value checked, each mistake with its line."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from ...core.yaml_reading import Place, Tree
from ...errors import did_you_mean, listing, nearest
from ..origin import Problem
from ..reading.loaded import is_delimiter

LAST_SESSION = 10_000
"""As the schemas allow; a larger number is a date or a slip."""


class PartReader:
    """Reads parts of one description and collects what is wrong with them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tree = Tree()
        self.problems: list[Problem] = []

    def add(
        self, message: str, place: Place, hint: str = "", error: BaseException | None = None
    ) -> None:
        """Note a mistake with its line."""
        line = getattr(error, "row", None) or self.tree.line(place)
        self.problems.append(
            Problem("error", "study_yaml", message, hint, file=self.name, row=line)
        )

    def check_keys(self, given: dict[Any, Any], allowed: Iterable[str], place: Place) -> set[str]:
        """Name each key that is not known; return the known ones they were probably meant as."""
        known = tuple(allowed)
        meant: set[str] = set()
        for key in given:
            if key in known:
                continue
            near = nearest(key, known)
            meant |= {near} if near else set()
            self.add(
                f"The key '{key}' is not known here.{did_you_mean(key, known)}",
                (*place, key),
                f"Known keys are {listing(known, 40)}.",
            )
        return meant

    def flag(self, given: dict[str, Any], key: str, place: Place) -> bool:
        """Return a yes-or-no key; anything else is noted."""
        value = given.get(key, False)
        if isinstance(value, bool):
            return value
        self.add(f"'{key}' must be true or false, got {value!r}.", (*place, key))
        return False

    def text(self, given: dict[str, Any], key: str, place: Place) -> str | None:
        """Return a key that must be text where it is given."""
        value = given.get(key)
        if value is None or isinstance(value, str):
            return value
        self.add(f"'{key}' must be text, got {value!r}.", (*place, key))
        return None

    def mapping(self, given: Any, place: Place, shape: str) -> dict[str, Any]:
        """Return a block of keys, empty where it is not one."""
        if given is None:
            return {}
        if isinstance(given, dict):
            return {str(key): value for key, value in given.items()}
        self.add(f"'{place[-1]}' must be a block of '{shape}', got {given!r}.", place)
        return {}

    def plain(self, given: Any, what: str, place: Place) -> bool:
        """Return whether a value is one value (a word, a number, a blank); else say so."""
        if isinstance(given, list | dict):
            self.add(f"{what} must be one value, got {given!r}.", place)
            return False
        return True

    def one_of(
        self, given: dict[str, Any], key: str, allowed: tuple[str, ...], place: Place
    ) -> str | None:
        """Return a key that must be one of some words where it is given."""
        value = self.text(given, key, place)
        if value is None or value in allowed:
            return value
        words = " or ".join(repr(word) for word in allowed)
        self.add(f"'{key}' must be {words}, got {value!r}.", (*place, key))
        return None

    def delimiter(self, given: dict[str, Any], place: Place) -> str | None:
        """Return the delimiter of a text file where one is given."""
        value = self.text(given, "delimiter", place)
        if value is None or is_delimiter(value):
            return value
        self.add(
            f"'delimiter' must be one character such as ';' or \"\\t\", got {value!r}.",
            (*place, "delimiter"),
        )
        return None

    def date_format(self, given: dict[str, Any], place: Place) -> str | None:
        """Return the form of dates where one is given and a day can be read back from it."""
        value = self.text(given, "date_format", place)
        if value is None or _reads_back(value):
            return value
        self.add(
            f"'date_format' must say where day, month and year stand, got {value!r}.",
            (*place, "date_format"),
            "Write it as in '%d/%m/%Y': %d the day, %m the month, %Y the year of four digits.",
        )
        return None

    def session_number(self, given: Any, place: Place) -> bool:
        """Return whether a number can be that of a session; else say so."""
        if isinstance(given, int) and not isinstance(given, bool) and 1 <= given <= LAST_SESSION:
            return True
        self.add(f"'session' must be a number from 1 to {LAST_SESSION}, got {given!r}.", place)
        return False

    def recode(self, given: Any, place: Place) -> dict[str, dict[Any, Any]]:
        """Return what to recode: column → old value → new value."""
        result: dict[str, dict[Any, Any]] = {}
        for column, values in self.mapping(given, place, "column: {old: new}").items():
            if isinstance(values, dict):
                here = (*place, column)
                result[column] = {
                    old: new
                    for old, new in values.items()
                    if self.plain(new, f"What '{old}' is recoded to", (*here, old))
                }
            else:
                self.add(
                    f"'recode' of '{column}' must be a block of 'old: new', got {values!r}.",
                    (*place, column),
                )
        return result

    def codes(self, given: Any, place: Place) -> tuple[Any, ...] | None:
        """Return codes for missing: numbers or words."""
        if given is None:
            return None
        listed = given if isinstance(given, list) else [given]
        good = tuple(c for c in listed if isinstance(c, int | float | str) and c is not True)
        if len(good) < len(listed):
            self.add(f"'missing' must be a list of codes such as [-9, 99], got {given!r}.", place)
        return good

    def carry(self, given: Any, place: Place) -> bool | tuple[str, ...]:
        """Return which further columns come along."""
        if isinstance(given, bool):
            return given
        if isinstance(given, list):
            return tuple(str(column) for column in given)
        self.add(f"'carry' must be true, false or a list of columns, got {given!r}.", place)
        return True


def _reads_back(form: str) -> bool:
    """Return whether a day written in a form can be read again as the same day."""
    day = dt.datetime(2019, 11, 23)
    try:
        return dt.datetime.strptime(day.strftime(form), form).date() == day.date()
    except ValueError:
        return False

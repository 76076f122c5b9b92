"""The measures of a source in ``study.yaml``: which, rated by whom, in which columns."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ...core.yaml_reading import Place
from ...errors import did_you_mean, listing
from .describing_parts import PartReader
from .patterns import Pattern, PatternError, parse_pattern
from .spec import MeasureSpec
from .vocabulary import MEASURE_KEYS, enum_of

LAST_ITEM = 1_000
"""No form has so many items."""


class MeasureReader(PartReader):
    """Reads the measures of a source."""

    def measures(self, source: dict[str, Any], place: Place) -> tuple[MeasureSpec, ...]:
        """Return the measures of a source."""
        given, here = source.get("measures"), (*place, "measures")
        if given is None:
            return ()
        if not isinstance(given, list):
            self.add("'measures' must be a list of measures.", here)
            return ()
        if source.get("table") is not None:
            self.add(
                f"A source of the table '{source['table']}' cannot also list measures.",
                here,
                "Leave out table:, or give the columns under columns:.",
            )
            return ()
        for n, each in enumerate(given):
            if each in given[:n]:
                self.add("The same measure is listed twice.", (*here, n), "Delete one of them.")
        once = [(n, each) for n, each in enumerate(given) if each not in given[:n]]
        made = [self.measure(each, (*here, n)) for n, each in once]
        return tuple(each for each in made if each is not None)

    def measure(self, given: Any, place: Place) -> MeasureSpec | None:
        """Return one measure, or None where a needed key is wrong."""
        if not isinstance(given, dict):
            self.add(f"A measure must have keys such as measure:, got {given!r}.", place)
            return None
        before = len(self.problems)
        self.check_keys(given, MEASURE_KEYS, place)
        raters = enum_of("ratings", "rater")
        if not isinstance(given.get("measure"), str):
            self.add("A measure must say which it is (measure: wai-sr).", place)
        rater = given.get("rater")
        if rater is not None and rater not in raters:
            self.add(
                f"The rater must be one of {listing(raters)}, got {rater!r}."
                f"{did_you_mean(rater, raters)}",
                (*place, "rater"),
            )
        if given.get("items") is None and given.get("score") is None:
            self.add(
                f"The measure '{given.get('measure')}' has neither items: nor score:.",
                place,
                'Write items: "wai{item}" for item columns, or score: for a column of totals.',
            )
        session = given.get("session")
        if session is not None:
            self.session_number(session, (*place, "session"))
        self.plain(given.get("occasion"), "'occasion'", (*place, "occasion"))
        items = self.items(given.get("items"), (*place, "items"))
        scores = self.scores(given, place)
        if len(self.problems) > before:
            return None
        return MeasureSpec(
            measure=given["measure"],
            rater=str(rater) if rater is not None else "",
            items=items,
            scores=scores,
            reversed=self.flag(given, "reversed", place),
            missing=self.codes(given.get("missing"), (*place, "missing")),
            session=session,
            occasion=None if given.get("occasion") is None else str(given["occasion"]),
            line=self.tree.line(place),
        )

    def pattern(self, text: str, place: Place) -> Pattern | None:
        """Return a pattern, or note why it is none."""
        try:
            return parse_pattern(text)
        except PatternError as error:
            self.add(f"{str(error)[0].upper()}{str(error)[1:]}", place)
            return None

    def items(self, given: Any, place: Place) -> Pattern | dict[int, str] | None:
        """Return the item columns: a pattern, a list in item order, or item: column."""
        if given is None:
            return None
        if isinstance(given, str):
            pattern = self.pattern(given, place)
            if pattern is not None and "item" not in pattern.names:
                self.add(
                    f"The pattern '{given}' has no {{item}}.",
                    place,
                    'Write {item} where the number stands, as in "wai{item}".',
                )
            return pattern
        if isinstance(given, list):
            given = dict(enumerate(given, start=1))
        if isinstance(given, dict) and given:
            return self.listed_items(given, place)
        self.add(
            f"'items' must be a pattern, a list of columns or 'number: column', got {given!r}.",
            place,
        )
        return None

    def listed_items(self, given: dict[Any, Any], place: Place) -> dict[int, str] | None:
        """Return the item columns that are listed one by one."""
        before = len(self.problems)
        for number, column in given.items():
            if isinstance(number, bool) or not isinstance(number, int):
                self.add(f"An item must be a number, got {number!r}.", (*place, number))
            elif abs(number) > LAST_ITEM:
                self.add(f"There is no form with an item {number:.3g}.", (*place, number))
            elif isinstance(column, list | dict | bool) or column is None:
                self.add(f"Item {number} must name one column, got {column!r}.", (*place, number))
        if len(self.problems) > before:
            return None
        columns = {number: str(column) for number, column in given.items()}
        for column, times in Counter(columns.values()).items():
            if times > 1:
                items = listing(number for number, name in columns.items() if name == column)
                self.add(f"The column '{column}' is given for the items {items}.", place)
        return columns

    def scores(self, given: dict[str, Any], place: Place) -> dict[str, Pattern | str]:
        """Return the columns of totals by scale."""
        score, here = given.get("score"), (*place, "score")
        if score is None:
            return {}
        if isinstance(score, dict):
            pairs = {str(scale): column for scale, column in score.items()}
        else:
            pairs = {str(given.get("scale") or "total"): score}
        result: dict[str, Pattern | str] = {}
        for scale, column in pairs.items():
            if isinstance(column, list | dict | bool) or column is None:
                self.add(f"The total of '{scale}' must name one column, got {column!r}.", here)
                continue
            text = str(column)
            made = self.pattern(text, here) if "{" in text else text
            if made is not None:
                result[scale] = made
        return result

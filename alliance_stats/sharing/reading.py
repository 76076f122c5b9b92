"""Reading the file of a clinic, of which nothing is believed; what is wrong is told by place."""

from __future__ import annotations

import json
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from ..errors import ReadError, did_you_mean
from ..multilevel.engine.batches import Array
from .curve import Axis, Curve
from .expansion import Expansion
from .rounds import Point, variance_names
from .shared_file import FORMAT, SharedFile, number_names, pair_names, seal
from .sums import Sums

LARGEST_FILE = 20_000_000
MOST_COLUMNS = 200
MOST_DEGREES = 100
LONGEST_WORD = 200
LARGEST = 1e100
"""Beyond it sums of squares of what was measured come to no end."""
MOST_ROWS = 1e12


def read_file(path: str | PathLike[str]) -> SharedFile:
    """Read the file of a clinic, and believe nothing of it.

    Raises
    ------
    ReadError
        Where it is no file of a clinic, is damaged, or was made for another edition.
    """
    given = Path(path)
    try:
        if given.stat().st_size > LARGEST_FILE:
            raise ReadError(f"'{given}' is larger than any file of a clinic (20 MB).")
        text = given.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        if isinstance(error, ReadError):
            raise
        why = getattr(error, "strerror", None) or "it is no text"
        raise ReadError(f"The file of a clinic '{given}' cannot be read ({why}).") from None
    try:
        held = json.loads(text, parse_constant=_no_number, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise ReadError(
            f"'{given}' is no whole JSON ({error}): was the mail cut? Ask the clinic to send it "
            "again."
        ) from None
    return _Reader(str(given)).file(held)


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("an entry stands twice")
    return dict(pairs)


@dataclass(frozen=True)
class _Reader:
    """Takes a file apart; whatever is not as it must be is told with its place."""

    path: str

    def fail(self, why: str) -> NoReturn:
        raise ReadError(f"'{self.path}' is no file of a clinic as it was written: {why}.")

    def file(self, held: Any) -> SharedFile:
        made = held.get("made_by") if isinstance(held, dict) else None
        if not isinstance(made, str) or not made.startswith("alliance_stats "):
            self.fail("it does not begin with 'made_by: alliance_stats'")
        if held.get("format") != FORMAT:
            raise ReadError(
                f"'{self.path}' was written by {made} in format {held.get('format')!r}, and this "
                f"release reads format {FORMAT}: let all clinics use one release."
            )
        if held.get("seal") != seal(held):
            self.fail("its seal does not fit what it holds, so it was changed after writing")
        model = self.model(self.part(held, "model", dict))
        columns = [*model["terms"], model["outcome"]]
        places = self.part(held, "columns", dict)
        if list(places) != columns:
            self.fail("its columns are not those of its model")
        shift = self.numbers([self.part(places[c], "taken off", float) for c in columns], "columns")
        unit = self.numbers([self.part(places[c], "divided by", float) for c in columns], "columns")
        if not (unit > 0).all():
            self.fail("a column is divided by nothing")
        if (shift[0], unit[0]) != (0.0, 1.0):
            self.fail("its intercept is not what the rows are counted by")
        kind = held.get("kind")
        if kind not in ("sums", "curve", "round"):
            self.fail(f"its kind is {kind!r}, and 'sums', 'curve' and 'round' are known")
        body = self.part(held, kind, dict)
        ratios = sum(map(len, model["effects"]))
        made_of: Sums | Curve | Expansion
        if kind == "round":
            made_of, ratios = self.round(body, columns, model)
        else:
            if model["family"] != "gaussian" or any(max(of) > 1 for of in model["blocks"]):
                self.fail("its model takes rounds of mail")
            made_of = (
                self.sums(body, columns) if kind == "sums" else self.curve(body, columns, ratios)
            )
        if ratios != made_of.ratios:
            self.fail("its sums are not those of its random terms")
        counts = self.part(held, "numbers", dict)
        wanted = ["rows", "rows left out", *model["groups"]]
        whole = {name: int(self.part(counts, name, float)) for name in wanted}
        cannot_be = min(whole.values()) < 0 or max(whole.values()) > MOST_ROWS
        if cannot_be or whole["rows"] <= len(columns) or not all(map(whole.get, model["groups"])):
            self.fail("its numbers of rows and groups cannot be")
        return SharedFile(
            self.word(self.part(held, "clinic", str), "clinic"),
            model,
            whole,
            self.part(held, "what this file tells", dict),
            shift,
            unit,
            made_of,
            made.removeprefix("alliance_stats "),
            self.path,
        )

    def part(self, held: Any, name: str, kind: type) -> Any:
        if not isinstance(held, dict) or name not in held:
            known = list(held) if isinstance(held, dict) else []
            self.fail(f"it lacks '{name}'{did_you_mean(name, known)}")
        value = held[name]
        right = isinstance(value, int | float) if kind is float else isinstance(value, kind)
        if not right or isinstance(value, bool):
            self.fail(f"'{name}' is of a wrong kind")
        if kind is float and not abs(value) <= LARGEST:
            self.fail(f"'{name}' is no finite number, or larger than any that is measured")
        return value

    def word(self, value: Any, name: str) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= LONGEST_WORD:
            self.fail(f"a word of '{name}' is none, or too long")
        return value

    def words(self, value: Any, name: str) -> list[str]:
        if not isinstance(value, list) or len(value) > MOST_COLUMNS:
            self.fail(f"'{name}' is no list of words")
        found = [self.word(one, name) for one in value]
        if len(set(found)) != len(found):
            self.fail(f"a word of '{name}' stands twice")
        return found

    def model(self, held: dict[str, Any]) -> dict[str, Any]:
        effects = self.part(held, "effects", list)
        categories, units = self.part(held, "categories", dict), self.part(held, "units", dict)
        formula = self.part(held, "formula", str)
        found = {
            "formula": formula if len(formula) <= 10 * LONGEST_WORD else self.fail("formula"),
            "outcome": self.word(self.part(held, "outcome", str), "outcome"),
            "terms": self.words(held.get("terms"), "terms"),
            "groups": self.words(held.get("groups"), "groups"),
            "effects": [self.words(of, "effects") for of in effects],
            "categories": {k: self.words(v, "categories") for k, v in categories.items()},
            "units": {k: self.word(v, "units") for k, v in units.items()},
        }
        if len(found["groups"]) != len(found["effects"]) or not found["terms"]:
            self.fail("its groups and random effects do not belong together")
        blocks = held.get("blocks", [[1] * len(of) for of in found["effects"]])
        plain = isinstance(blocks, list) and all(
            isinstance(of, list) and all(isinstance(b, int) and 0 < b < 10 for b in of)
            for of in blocks
        )
        if not plain or [sum(of) for of in blocks] != [len(of) for of in found["effects"]]:
            self.fail("its groups and random effects do not belong together")
        found["blocks"] = blocks
        for name, usual in (("family", "gaussian"), ("link", "identity")):
            found[name] = self.word(held.get(name, usual), name)
        return found

    def numbers(self, values: Any, name: str) -> Array:
        plain = isinstance(values, list) and all(
            isinstance(v, int | float) and not isinstance(v, bool) for v in values
        )
        if not plain or not all(abs(v) <= LARGEST for v in values):
            self.fail(f"'{name}' holds what is no number")
        return np.array(values, dtype=float)

    def full(self, values: Any, size: int, name: str) -> Array:
        packed = self.numbers(values, name)
        at = np.triu_indices(size)
        if len(packed) != len(at[0]):
            self.fail(f"'{name}' holds {len(packed)} numbers and not {len(at[0])}")
        table = np.zeros((size, size))
        table[at] = packed
        return table + np.triu(table, 1).T

    def sums(self, held: dict[str, Any], columns: list[str]) -> Sums:
        size, classes = len(columns), self.part(held, "by number of sessions", list)
        if not classes:
            self.fail("it holds no clients")
        one = "by number of sessions"
        noise = float(self.part(held, "sd of the noise", float))
        if noise < 0.0:
            self.fail("the SD of its noise is below zero")
        return Sums(
            self.full(held.get("sums over all rows"), size, "sums over all rows"),
            self.numbers([self.part(c, "sessions", float) for c in classes], one),
            self.numbers([self.part(c, "clients", float) for c in classes], one),
            np.array([self.full(c.get("sums of products"), size, one) for c in classes]),
            noise,
        )

    def round(
        self, held: dict[str, Any], columns: list[str], model: dict[str, Any]
    ) -> tuple[Expansion, int]:
        where = [self.part(held, name, dict) for name in ("at", "before")]
        at, before = ({str(k): float(self.part(of, k, float)) for k in of} for of in where)
        if not set(variance_names(model)) <= set(at):
            self.fail("its point lacks parameters of its model")
        point = Point(
            int(self.part(held, "number", float)), at, before,
            self.part(held, "between clinics", str),
        )  # fmt: skip
        size = len(columns) if model["family"] == "gaussian" else 1
        centre = self.numbers(held.get("derivatives at"), "derivatives at")
        steps = self.numbers(held.get("in units of"), "in units of")
        k, tables = len(centre), self.part(held, "value, slopes, curvatures", dict)
        if list(tables) != number_names(size, columns):
            self.fail("its numbers are not those of its columns")
        rows = [self.numbers(row, name) for name, row in tables.items()]
        digits = self.numbers(held.get("digits"), "digits").astype(int)
        right = {len(row) for row in rows} == {1 + k + k * (k + 1) // 2}
        if not right or len(steps) != k or not (steps > 0).all() or len(digits) != size:
            self.fail("its numbers are not as many as its parameters ask for")
        if size > 1 and k != len(variance_names(model)):
            self.fail("its parameters are not those of its random terms")
        if not ((digits >= 0) & (digits <= MOST_DEGREES)).all():
            self.fail("its digits cannot be")
        nodes = int(self.part(held, "nodes", float))
        found = Expansion(
            point, centre, steps, np.array(rows), size, tuple(map(int, digits)), nodes
        )
        return found, k

    def curve(self, held: dict[str, Any], columns: list[str], ratios: int) -> Curve:
        axes = []
        for one in self.part(held, "variance ratios", list):
            low, high, offset = (self.part(one, name, float) for name in ("from", "to", "offset"))
            if not 0.0 <= low < high or not offset > 0.0:
                self.fail("a variance ratio goes from nowhere to nowhere")
            axes.append(Axis(float(low), float(high), float(offset)))
        if len(axes) != ratios or ratios not in (1, 2):
            self.fail("its variance ratios are not those of its random terms")
        products = self.part(held, "cross-products", dict)
        if list(products) != pair_names(columns):
            self.fail("its cross-products are not those of its columns")
        tables = [held.get("log-determinant"), *products.values()]
        rows = [[[v] for v in t] if ratios == 1 and isinstance(t, list) else t for t in tables]
        if not all(isinstance(t, list) and all(isinstance(r, list) for r in t) for t in rows):
            self.fail("its coefficients are no lists")
        sides = max(map(len, rows)), max((len(r) for t in rows for r in t), default=0)
        if not 0 < max(sides) <= MOST_DEGREES or min(sides) < 1:
            self.fail("it has no coefficients, or too many")
        found = np.zeros((len(rows), *sides))
        for table, into in zip(rows, found, strict=True):
            for row, place in zip(table, into, strict=False):
                place[: len(row)] = self.numbers(row, "cross-products")
        digits = self.part(held, "digits", dict)
        each = [int(self.part(digits, name, float)) for name in columns]
        if not all(0 <= one <= MOST_DEGREES for one in each):
            self.fail("its digits cannot be")
        return Curve(tuple(axes), found, len(columns), tuple(each))

"""The file a clinic sends: JSON that a person can read, and that the program does not believe."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from ..errors import ReadError, did_you_mean
from ..multilevel.engine.batches import Array
from .curve import Axis, Curve
from .sums import Sums

FORMAT = 1
WHAT = (
    "Sums of one clinic for a joint multilevel model. It holds no rows, no ids and no names of "
    "people. 'what this file tells' says what can be read out of it."
)
LARGEST_FILE = 20_000_000
MOST_COLUMNS = 200
MOST_DEGREES = 100
LONGEST_WORD = 200


@dataclass(frozen=True)
class SharedFile:
    """What one clinic sends.

    Attributes
    ----------
    clinic
        The name it goes by in the joint model.
    model
        ``formula, outcome, terms, groups, effects, categories, units``: what must be the same in
        all clinics.
    numbers
        ``rows``, ``rows left out`` (to the nearest ten) and the number of groups of each level.
    tells
        The audit: sentences and numbers.
    shift, unit
        What was taken off each column (the terms, then the outcome) and what it was divided by.
    body
        The likelihood.
    """

    clinic: str
    model: dict[str, Any]
    numbers: dict[str, int]
    tells: dict[str, Any]
    shift: Array
    unit: Array
    body: Sums | Curve
    version: str
    path: str = ""

    @property
    def kind(self) -> str:
        """``sums`` or ``curve``."""
        return "sums" if isinstance(self.body, Sums) else "curve"

    @property
    def digits(self) -> int | None:
        """To which decimal the most rounded column of a curve goes; None where sums are exact."""
        return min(self.body.digits) if isinstance(self.body, Curve) else None

    @property
    def effects(self) -> list[tuple[str, str]]:
        """The group and effect of each variance ratio."""
        model = self.model
        return [
            (group, effect)
            for group, of in zip(model["groups"], model["effects"], strict=True)
            for effect in of
        ]

    def content(self) -> dict[str, Any]:
        """Return the file as JSON holds it, its seal last."""
        columns = [*self.model["terms"], self.model["outcome"]]
        held: dict[str, Any] = {
            "made_by": f"alliance_stats {self.version}",
            "what": WHAT,
            "format": FORMAT,
            "clinic": self.clinic,
            "what this file tells": self.tells,
            "numbers": self.numbers,
            "model": self.model,
            "columns": {
                name: {"taken off": float(s), "divided by": float(u)}
                for name, s, u in zip(columns, self.shift, self.unit, strict=True)
            },
            "kind": self.kind,
        }
        held[self.kind] = (
            _sums_out(self.body, columns)
            if isinstance(self.body, Sums)
            else _curve_out(self.body, columns, self.effects)
        )
        return held | {"seal": seal(held)}

    def written(self) -> bytes:
        """Return the file's text: a line an entry, lists of numbers in one line."""
        return (_written(self.content()) + "\n").encode()


def seal(held: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what a file holds: a mail that was cut or edited is seen by it."""
    plain = json.dumps({k: v for k, v in held.items() if k != "seal"}, sort_keys=True)
    return hashlib.sha256(plain.encode()).hexdigest()


def _written(value: Any, depth: int = 0) -> str:
    """Return JSON that breaks lines between entries, not between numbers."""
    pad, inner = "  " * depth, "  " * (depth + 1)
    if isinstance(value, dict) and value:
        lines = (f"{inner}{json.dumps(k)}: {_written(v, depth + 1)}" for k, v in value.items())
        return "{\n" + ",\n".join(lines) + f"\n{pad}}}"
    if isinstance(value, list) and any(isinstance(one, dict | str) for one in value):
        lines = (inner + _written(one, depth + 1) for one in value)
        return "[\n" + ",\n".join(lines) + f"\n{pad}]"
    return json.dumps(value, allow_nan=False, ensure_ascii=False)


def _pair_names(columns: list[str]) -> list[str]:
    rows, others = np.triu_indices(len(columns))
    return [f"{columns[a]} x {columns[b]}" for a, b in zip(rows, others, strict=True)]


def _sums_out(sums: Sums, columns: list[str]) -> dict[str, Any]:
    at = np.triu_indices(sums.size)
    classes = zip(sums.sessions, sums.clients, sums.outer, strict=True)
    return {
        "sd of the noise": sums.noise,
        "pairs": _pair_names(columns),
        "sums over all rows": sums.total[at].tolist(),
        "by number of sessions": [
            {"sessions": int(n), "clients": float(m), "sums of products": outer[at].tolist()}
            for n, m, outer in classes
        ],
    }


def _curve_out(curve: Curve, columns: list[str], effects: list[tuple[str, str]]) -> dict[str, Any]:
    def rows(table: Array) -> list[Any]:
        plain = [_trimmed(row) for row in table.tolist()]
        while len(plain) > 1 and not plain[-1]:
            plain.pop()
        return plain[0] if len(plain) == 1 and curve.ratios == 1 else plain

    def one(table: Array) -> list[Any]:
        return _trimmed(table[:, 0].tolist()) if curve.ratios == 1 else rows(table)

    tables = dict(zip(_pair_names(columns), curve.coefficients[1:], strict=True))
    return {
        "digits": dict(zip(columns, curve.digits, strict=True)),
        "variance ratios": [
            {
                "group": group,
                "effect": effect,
                "from": axis.low,
                "to": axis.high,
                "offset": axis.offset,
            }
            for (group, effect), axis in zip(effects, curve.axes, strict=True)
        ],
        "log-determinant": one(curve.coefficients[0]),
        "cross-products": {name: one(table) for name, table in tables.items()},
    }


def _trimmed(row: list[float]) -> list[float]:
    while row and row[-1] == 0.0:
        row = row[:-1]
    return row


# -- reading -----------------------------------------------------------------------------------


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
        kind = held.get("kind")
        if kind not in ("sums", "curve"):
            self.fail(f"its kind is {kind!r}, and 'sums' and 'curve' are known")
        body = self.part(held, kind, dict)
        ratios = sum(map(len, model["effects"]))
        made_of = self.sums(body, columns) if kind == "sums" else self.curve(body, columns, ratios)
        if ratios != made_of.ratios:
            self.fail("its sums are not those of its random terms")
        counts = self.part(held, "numbers", dict)
        wanted = ["rows", "rows left out", *model["groups"]]
        whole = {name: int(self.part(counts, name, float)) for name in wanted}
        if min(whole.values()) < 0 or whole["rows"] <= len(columns):
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
        if kind is float and not math.isfinite(value):
            self.fail(f"'{name}' is no finite number")
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
        return found

    def numbers(self, values: Any, name: str) -> Array:
        plain = isinstance(values, list) and all(
            isinstance(v, int | float) and not isinstance(v, bool) for v in values
        )
        if not plain or not all(math.isfinite(v) for v in values):
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
        if list(products) != _pair_names(columns):
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

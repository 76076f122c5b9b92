"""The file a clinic sends: JSON that a person can read, and that the program does not believe."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..multilevel.engine.batches import Array
from .curve import Curve
from .expansion import Expansion
from .sums import Sums

FORMAT = 1
WHAT = (
    "Sums of one clinic for a joint multilevel model. It holds no rows, no ids and no names of "
    "people. 'what this file tells' says what can be read out of it."
)


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
    body: Sums | Curve | Expansion
    version: str
    path: str = ""

    @property
    def kind(self) -> str:
        """``sums``, ``curve`` or ``round``."""
        return {Sums: "sums", Curve: "curve", Expansion: "round"}[type(self.body)]

    @property
    def digits(self) -> int | None:
        """To which decimal the most rounded column goes; None where sums are exact."""
        return None if isinstance(self.body, Sums) else min(self.body.digits)

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
        if isinstance(self.body, Sums):
            held[self.kind] = _sums_out(self.body, columns)
        elif isinstance(self.body, Curve):
            held[self.kind] = _curve_out(self.body, columns, self.effects)
        else:
            held[self.kind] = _round_out(self.body, columns)
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


def pair_names(columns: list[str]) -> list[str]:
    """Return what products of two columns are called."""
    rows, others = np.triu_indices(len(columns))
    return [f"{columns[a]} x {columns[b]}" for a, b in zip(rows, others, strict=True)]


def _sums_out(sums: Sums, columns: list[str]) -> dict[str, Any]:
    at = np.triu_indices(sums.size)
    classes = zip(sums.sessions, sums.clients, sums.outer, strict=True)
    return {
        "sd of the noise": sums.noise,
        "pairs": pair_names(columns),
        "sums over all rows": sums.total[at].tolist(),
        "by number of sessions": [
            {"sessions": int(n), "clients": float(m), "sums of products": outer[at].tolist()}
            for n, m, outer in classes
        ],
    }


def _round_out(body: Expansion, columns: list[str]) -> dict[str, Any]:
    return {
        **body.point.content(),
        "digits": list(body.digits),
        "nodes": body.nodes,
        "derivatives at": body.centre.tolist(),
        "in units of": body.steps.tolist(),
        "value, slopes, curvatures": dict(
            zip(number_names(body.size, columns), body.numbers.tolist(), strict=True)
        ),
    }


def number_names(size: int, columns: list[str]) -> list[str]:
    """Return what the numbers of a round are called."""
    return ["log-likelihood"] if size == 1 else ["log-determinant", *pair_names(columns)]


def _curve_out(curve: Curve, columns: list[str], effects: list[tuple[str, str]]) -> dict[str, Any]:
    def rows(table: Array) -> list[Any]:
        plain = [_trimmed(row) for row in table.tolist()]
        while len(plain) > 1 and not plain[-1]:
            plain.pop()
        return plain[0] if len(plain) == 1 and curve.ratios == 1 else plain

    def one(table: Array) -> list[Any]:
        return _trimmed(table[:, 0].tolist()) if curve.ratios == 1 else rows(table)

    tables = dict(zip(pair_names(columns), curve.coefficients[1:], strict=True))
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

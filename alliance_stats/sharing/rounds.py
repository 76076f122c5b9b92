"""A search by mail: at which point a round looks, and which point comes next.

The coordinator's plan names a point, each clinic answers with its `Expansion` there, and all
answers together give one step of Newton's, until the point stands still. A point is written by
name: elements of the random effects' factors (their SDs over the residual one, or on the scale of
the link), and where the outcome is no measurement coefficients too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arguments import is_number
from ..core.outputs import write_whole
from ..core.yaml_reading import read_yaml
from ..errors import DesignError, did_you_mean
from ..multilevel.engine.batches import Array
from ..multilevel.engine.likelihood import Level
from ..multilevel.formula.terms import INTERCEPT
from ..multilevel.outcomes.integral import Shape
from .answers import USUAL_SD, Answers

CLINIC = "clinic"
USUAL_SDS = (0.8, 0.2, 0.3)
"""SDs over the residual one where a search begins: intercepts, slopes, groups above."""
DEVIANCE = "deviance"
WORSE = 0.1  # rise of the deviance by which a step went too far


@dataclass(frozen=True)
class Point:
    """Where a round looks.

    Attributes
    ----------
    number
        The number of the round, from one.
    at
        Parameters by name.
    before
        The point that the step here was taken from, and the ``deviance`` there; empty at first.
    between
        What may differ between clinics, as the coordinator asked; empty at first.
    """

    number: int = 1
    at: Mapping[str, float] = field(default_factory=dict)
    before: Mapping[str, float] = field(default_factory=dict)
    between: str = ""

    @classmethod
    def read(cls, path: str | PathLike[str], formula: str) -> Point:
        """Read the point that the coordinator sent.

        Raises
        ------
        ReadError, DesignError
            Where the file holds none, or one of another model.
        """
        name, held = Path(path).name, read_yaml(Path(path)).value
        known = {"formula", "between clinics", "round", "at", "before"}
        if not isinstance(held, dict) or set(held) != known:
            raise DesignError(f"'{name}' is no point of a round as 'combine --next' writes it.")
        number, at, before = held["round"], held["at"], held["before"]
        right = isinstance(number, int) and not isinstance(number, bool) and number > 0
        right = right and all(
            isinstance(of, dict) and all(map(is_number, of.values())) for of in (at, before)
        )
        if not right:
            raise DesignError(f"'{name}' is no point of a round: its numbers are none.")
        if "".join(str(held["formula"]).split()) != "".join(formula.split()):
            raise DesignError(f"'{name}' is of another model: {held['formula']}, not {formula}.")
        here, last = ({str(k): float(v) for k, v in of.items()} for of in (at, before))
        return cls(number, here, last, str(held["between clinics"]))

    def write(self, path: str | PathLike[str], formula: str) -> Path:
        """Write the point as clinics read it.

        Raises
        ------
        DesignError
            Where `path` names no YAML file.
        """
        if Path(path).suffix.lower() not in (".yaml", ".yml"):
            raise DesignError(f"The point of a round is a .yaml file, not '{Path(path).name}'.")
        lines = [
            f"# made by alliance_stats: where round {self.number} of a search by mail looks",
            f"formula: {json.dumps(formula, ensure_ascii=False)}",
            f"between clinics: {self.between}",
            f"round: {self.number}",
            *_block("before", self.before),
            *_block("at", self.at),
        ]
        content = ("\n".join(lines) + "\n").encode()
        return Path(write_whole(path, content, what="the point of the next round"))

    def complete(self, model: Mapping[str, Any], usual: Mapping[str, float]) -> dict[str, float]:
        """Return all parameters of a model at the point; those not named where searches begin."""
        known = [*usual, f"{CLINIC}: {INTERCEPT}"]
        for name in self.at:
            if name not in known and not name.startswith(f"{CLINIC}[T."):
                raise DesignError(
                    f"The point of the round names '{name}', no parameter of {model['formula']}."
                    f"{did_you_mean(name, known)}"
                )
        return {**usual, **self.at}

    def content(self) -> dict[str, Any]:
        """Return the point as a file of a clinic holds it."""
        return {
            "number": self.number,
            "between clinics": self.between,
            "before": dict(self.before),
            "at": dict(self.at),
        }


def levels_of(model: Mapping[str, Any]) -> list[Level]:
    """Return the levels of a model's random effects, their columns numbered among themselves."""
    return [
        Level(tuple(range(len(of))), tuple(blocks))
        for of, blocks in zip(model["effects"], model["blocks"], strict=True)
    ]


def variance_names(model: Mapping[str, Any]) -> list[str]:
    """Return the names of the elements of the random effects' factors."""
    return [
        f"{group}: {of[a]}" if a == b else f"{group}: {of[a]} on {of[b]}"
        for group, of, level in zip(
            model["groups"], model["effects"], levels_of(model), strict=True
        )
        for a, b in level.pairs
    ]


def coefficients_of(model: Mapping[str, Any]) -> list[str]:
    """Return the names of the coefficients: thresholds stand for the intercept."""
    return [t for t in model["terms"] if t != INTERCEPT or model["family"] != "ordinal"]


def begin(model: Mapping[str, Any], answers: Answers | None) -> dict[str, float]:
    """Return where a search begins if nobody said it: the same for all clinics."""
    found: dict[str, float] = {}
    if answers is not None:
        found |= dict.fromkeys(coefficients_of(model), 0.0)
        found |= dict(zip(answers.family.own_names, map(float, answers.begin()), strict=True))
    pairs = [
        (number, of[a], a == b)
        for number, (of, level) in enumerate(zip(model["effects"], levels_of(model), strict=True))
        for a, b in level.pairs
    ]
    for name, (number, effect, diagonal) in zip(variance_names(model), pairs, strict=True):
        first, slope, above = (USUAL_SD, USUAL_SDS[1], USUAL_SD / 2) if answers else USUAL_SDS
        usual = above if number else first if effect == INTERCEPT else slope
        found[name] = usual if diagonal else 0.0
    return found


def parameters(
    model: Mapping[str, Any], own: Sequence[str], at: Mapping[str, float] | Sequence[str]
) -> list[str]:
    """Return the joint parameters of an outcome that is no measurement, in their order."""
    clinics = [name for name in at if name.startswith(f"{CLINIC}[T.")]
    return [*coefficients_of(model), *clinics, *own, *variance_names(model)]


def theta_at(model: Mapping[str, Any], at: Mapping[str, float]) -> Array:
    """Return the elements of the random effects' factors at a point."""
    return np.array([at[name] for name in variance_names(model)])


def shape_of(model: Mapping[str, Any], own: int, more: int = 0) -> Shape:
    """Return how the parameters of outcomes that are no measurements are cut."""
    lowest = levels_of(model)[0]
    size, top = len(lowest.columns), len(model["groups"]) > 1
    return Shape(len(coefficients_of(model)) + more, own, size, lowest.pairs, top)


def to_file(
    model: Mapping[str, Any],
    own: Sequence[str],
    shift: Array,
    unit: Array,
    joint: Sequence[str],
    clinic: str,
) -> Array:
    """Return the matrix from the joint parameters to those of a clinic's file.

    Its columns are less a number and over another, and a clinic may have a level of its own.
    """
    terms, ours = model["terms"], [*coefficients_of(model), *own, *variance_names(model)]
    found = np.zeros((len(ours), len(joint)))
    place = {name: i for i, name in enumerate(joint)}
    moved = {place[name]: float(s) for name, s in zip(terms, shift, strict=False) if name in place}
    moved |= {place[INTERCEPT]: 1.0} if INTERCEPT in place else {}
    if f"{CLINIC}[T.{clinic}]" in place:
        moved[place[f"{CLINIC}[T.{clinic}]"]] = 1.0
    scales = dict(zip(terms, map(float, unit), strict=False))
    for row, name in enumerate(ours):
        found[row, place[name]] = scales.get(name, 1.0)
        if name == INTERCEPT or name.startswith("threshold["):
            for column, by in moved.items():
                found[row, column] = by if name == INTERCEPT else -by
            if name != INTERCEPT:
                found[row, place[name]] = 1.0
    return found


def following(point: Point, step: Mapping[str, float], deviance: float, between: str) -> Point:
    """Return the point of the next round: a step on, or half way back where the last went uphill.

    Parameters
    ----------
    step
        Where the step leads.
    deviance
        That of all clinics at the point.
    """
    before = point.before
    if before and deviance > before[DEVIANCE] + WORSE:
        at = {name: 0.5 * (value + before.get(name, value)) for name, value in point.at.items()}
        return Point(point.number + 1, at, before, between)
    return Point(point.number + 1, step, {**point.at, DEVIANCE: deviance}, between)


def _block(name: str, values: Mapping[str, float]) -> list[str]:
    """Return lines of YAML; its numbers with an exponent need a point."""
    if not values:
        return [f"{name}: {{}}"]
    written = {key: repr(float(value)) for key, value in values.items()}
    return [f"{name}:"] + [
        f"  {json.dumps(key, ensure_ascii=False)}: {w if '.' in w else w.replace('e', '.0e')}"
        for key, w in written.items()
    ]

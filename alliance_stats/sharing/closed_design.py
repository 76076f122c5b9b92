"""A design without rows: what the files of several clinics tell of their joint model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from ..errors import DesignError, listing
from ..multilevel.engine.basis import DEPENDENT, share_left
from ..multilevel.engine.batches import Array
from ..multilevel.engine.blocks import Effects
from ..multilevel.engine.grouping import Grouping
from ..multilevel.engine.likelihood import Level
from ..multilevel.formula.model_formula import parse_formula
from ..multilevel.formula.table import Table
from ..multilevel.formula.terms import INTERCEPT, Columns
from ..multilevel.partitions.absent import AbsentRows, SummedDesign
from .agreement import far_apart, names_unit
from .clinics import Clinic, Clinics
from .curve import Curve
from .expansion import Expansion
from .rounds import CLINIC, Point
from .shared_file import SharedFile

Between = Literal["shared", "fixed", "random"]
EDGE = 1.02  # how near to the end of a range a search that wants to go on may stop


@dataclass(frozen=True)
class ClosedDesign(SummedDesign):
    """Columns, levels and likelihood of a joint model; its columns have no rows.

    Attributes
    ----------
    files
        What the clinics sent.
    """

    files: tuple[SharedFile, ...] = ()
    between: Between = "shared"

    @property
    def point(self) -> Point | None:
        """Where the round of a search looks that the files answer; None where one mail suffices."""
        body = self.files[0].body
        return body.point if isinstance(body, Expansion) else None


def noisy(files: Sequence[SharedFile]) -> bool:
    """Say whether a file holds noise with a privacy budget."""
    return any(getattr(file.body, "noise", 0.0) for file in files)


def closed_design(files: Sequence[SharedFile], clinic: Between) -> ClosedDesign:
    """Put the files of clinics together as one design.

    Raises
    ------
    DesignError
        Where the clinics together do not carry the model.
    """
    model, names = files[0].model, [file.clinic for file in files]
    terms, further = list(model["terms"]), _further(model["effects"])
    extra = [f"{CLINIC}[T.{name}]" for name in names[1:]] if clinic == "fixed" else []
    fixed_names = [*terms, *extra]
    rows = np.array([file.numbers["rows"] for file in files], dtype=float)
    shift = rows @ np.stack([file.shift for file in files]) / rows.sum()
    unit = np.stack([file.unit for file in files]).max(axis=0)
    shift[0], unit[0] = 0.0, 1.0
    parts = tuple(
        Clinic(file.body, _turn(file, shift, unit, len(extra), at - 1, len(further)))
        for at, file in enumerate(files)
    )
    clinics = Clinics(parts, clinic == "random")
    kept, dropped = _independent(clinics, len(fixed_names))
    if dropped and noisy(files):
        raise DesignError(
            f"The noise in the files drowns {listing([fixed_names[i] for i in dropped])}: of its "
            "sums of squares, with noise, nothing is left beside the terms before it, so the "
            "model cannot be estimated. More clients or a larger epsilon are needed."
        )
    p, k = len(fixed_names), len(fixed_names) + len(further) + 1
    levels, effects = _levels(model, p)
    groups = list(model["groups"])
    if clinic == "random":
        levels, effects = (
            [*levels, Level((0,), (1,))],
            [*effects, Effects((INTERCEPT,), (), np.eye(1))],
        )
        groups.append(CLINIC)
    basis = np.eye(p)
    basis[0, 1 : len(terms)] = shift[1:-1]
    scale = np.array([*unit[:-1], *np.ones(len(extra) + len(further)), unit[-1]])
    return ClosedDesign(
        formula=parse_formula(_formula(model["formula"], clinic)),
        outcome=model["outcome"],
        columns=AbsentRows("the files of clinics", k),  # type: ignore[arg-type]
        fixed=tuple(kept),
        fixed_names=tuple(fixed_names[i] for i in kept),
        fixed_terms=Columns((), (), _no_columns),
        fixed_basis=basis[np.ix_(kept, kept)],
        outcome_shift=float(shift[-1]),
        dropped=tuple(fixed_names[i] for i in dropped),
        levels=tuple(levels),
        effects=tuple(effects),
        grouping=_grouping(groups, files, clinic),
        terms=(),
        weights=None,
        scale=scale,
        partition=clinics,  # type: ignore[arg-type]  # what is asked of it is the contribution
        frame=pd.DataFrame(),
        missing={},
        rows_dropped=sum(file.numbers["rows left out"] for file in files),
        notes=_notes(files, [fixed_names[i] for i in dropped]),
        rows=int(rows.sum()),
        files=tuple(files),
        between=clinic,
    )


def outline(files: Sequence[SharedFile], clinic: Between, names: Sequence[str]) -> ClosedDesign:
    """Return formula, groups and notes of a joint model whose likelihood is known by itself."""
    model, p = files[0].model, len(names)
    levels, effects = _levels(model, p)
    return ClosedDesign(
        formula=parse_formula(_formula(model["formula"], clinic)),
        outcome=model["outcome"],
        columns=AbsentRows("the files of clinics", p),  # type: ignore[arg-type]
        fixed=tuple(range(p)),
        fixed_names=tuple(names),
        fixed_terms=Columns((), (), _no_columns),
        fixed_basis=np.eye(p),
        outcome_shift=0.0,
        dropped=(),
        levels=tuple(levels),
        effects=tuple(effects),
        grouping=_grouping(list(model["groups"]), files, clinic),
        terms=(),
        weights=None,
        scale=np.ones(p + 1),
        partition=None,  # type: ignore[arg-type]
        frame=pd.DataFrame(),
        missing={},
        rows_dropped=sum(file.numbers["rows left out"] for file in files),
        notes=_notes(files, ()),
        rows=sum(file.numbers["rows"] for file in files),
        files=tuple(files),
        between=clinic,
    )


def _no_columns(table: Table) -> tuple[Array, ...]:
    """Return what a design without rows makes of new rows."""
    return ()


def _further(effects: Sequence[Sequence[str]]) -> list[str]:
    """Return the random slopes, each once, as `ClinicColumns` orders them."""
    return list(dict.fromkeys(e for of in effects for e in of if e != INTERCEPT))


def _levels(model: Mapping[str, Any], p: int) -> tuple[list[Level], list[Effects]]:
    effects = model["effects"]
    places = {INTERCEPT: 0} | {name: p + i for i, name in enumerate(_further(effects))}
    levels = [
        Level(tuple(places[e] for e in of), tuple(blocks))
        for of, blocks in zip(effects, model["blocks"], strict=True)
    ]
    return levels, [Effects(tuple(of), (), np.eye(len(of))) for of in effects]


def _turn(file: SharedFile, shift: Array, unit: Array, extra: int, own: int, further: int) -> Array:
    """Return the matrix from a file's columns to the joint ones.

    `own` is the place of the clinic's own intercept among the `extra` ones, if it has one.
    """
    size = len(file.shift)
    found = np.zeros((size, size + extra + further))
    joint = [*range(size - 1), found.shape[1] - 1]
    for i, place in enumerate(joint):
        found[i, place] = file.unit[i] / unit[i]
        if i:
            found[0, place] += (file.shift[i] - shift[i]) / unit[i]
    if extra and own >= 0:
        found[0, size - 1 + own] = 1.0
    return found


def _independent(clinics: Clinics, p: int) -> tuple[list[int], list[int]]:
    """Return which columns of X stay, judged by those before them, and which do not."""
    cross = clinics.totals[:p, :p]
    size = np.sqrt(np.diag(cross))
    scaled = cross / np.outer(*(np.where(size > 0, size, 1.0),) * 2)
    kept: list[int] = []
    for i in range(p):
        if size[i] > 0 and share_left(scaled, kept, i) > DEPENDENT:
            kept.append(i)
    return kept, [i for i in range(p) if i not in kept]


def _formula(text: str, clinic: Between) -> str:
    return text + {"shared": "", "fixed": f" + {CLINIC}", "random": f" + (1 | {CLINIC})"}[clinic]


def _grouping(groups: list[str], files: Sequence[SharedFile], clinic: Between) -> Grouping:
    """Return the groups by number; who they are no file says."""
    own = groups[:-1] if clinic == "random" else groups
    sizes = [sum(file.numbers[name] for file in files) for name in own]
    labels: list[pd.Index] = [pd.RangeIndex(size) for size in sizes]
    if clinic == "random":
        labels.append(pd.Index([file.clinic for file in files]))
    none = np.zeros(0, dtype=np.intp)
    parents = tuple(none for _ in labels[1:])
    return Grouping(
        tuple(groups), tuple((name,) for name in groups), tuple(labels), parents, none, none
    )


def _notes(files: Sequence[SharedFile], dropped: Sequence[str]) -> tuple[str, ...]:
    sizes = ", ".join(f"{file.clinic} {file.numbers['rows']:,} rows" for file in files)
    many = "clinics" if len(files) > 1 else "clinic"
    found = [f"Fitted to the files of {len(files)} {many} ({sizes}); no rows were seen."]
    left = sum(file.numbers["rows left out"] for file in files)
    if left:
        found.append(f"About {left:,} rows were left out by the clinics for missing values.")
    if dropped:
        found.append(
            f"{listing(dropped)}: a combination of the terms before it in the clinics together, "
            "and left out."
        )
    for other in files[1:]:
        found += [
            f"{said}, though the plan names one unit: ask whether both clinics keep to it. A mean "
            "of items and their sum are no one outcome."
            for name, said in far_apart(files[0], other)
            if names_unit(other, name)
        ]
    versions = sorted({file.version for file in files})
    if len(versions) > 1:
        found.append(f"The files were written by different releases: {listing(versions)}.")
    return tuple(found)


def usable(design: ClosedDesign) -> list[tuple[float, float]]:
    """Return the range of each variance ratio that every file knows."""
    found = []
    for at in range(design.files[0].body.ratios):
        axes = [file.body.axes[at] for file in design.files if isinstance(file.body, Curve)]
        low = max((axis.low for axis in axes), default=0.0)
        found.append((low, min((axis.high for axis in axes), default=np.inf)))
    return found


def start_in(design: ClosedDesign) -> Array:
    """Return a start of the search that every file knows.

    Raises
    ------
    DesignError
        Where the ranges of two files have nothing in common.
    """
    inside = []
    for (low, high), (group, effect) in zip(usable(design), design.files[0].effects, strict=True):
        if not low < high:
            raise DesignError(
                f"The files know the variance of '{effect}' for '{group}' over ranges that have "
                "nothing in common: agree on ratios= and ask for them again."
            )
        inside.append(min(1.0, max(high / 4.0, 2.0 * low)) if high < np.inf else 1.0)
    own = design.partition.random  # type: ignore[attr-defined]  # clinics as a level of their own
    return np.sqrt([*inside, *([0.1] if own else [])])


def wider(group: str, low: float, high: float) -> str:
    """Say how clinics agree on another range of a variance ratio."""
    return (
        f"Agree on ratios: {{{group}: [{low:.3g}, {high:.3g}]}} in the plan (ratios={{'{group}': "
        f"({low:.3g}, {high:.3g})}} in Python), and let each clinic write its file by that."
    )


def check_ratios(design: ClosedDesign, ratios: Sequence[float]) -> None:
    """Refuse an estimate at the end of what the files know.

    Raises
    ------
    DesignError
        Where a clinic's curve ends at the estimate, or before it.
    """
    effects = design.files[0].effects
    for (low, high), ratio, (group, effect) in zip(usable(design), ratios, effects, strict=False):
        below = low > 0.0 and ratio < EDGE * low
        if below or ratio > high / EDGE:
            ask = (low / 10.0, high) if below else (low, 10.0 * high)
            raise DesignError(
                f"The variance of '{effect}' for '{group}', over that of the residuals, lies "
                f"{'below' if below else 'above'} {low if below else high:.3g}, where the files of "
                f"the clinics end. {wider(group, *ask)} A second file tells more beside the first, "
                "so each is asked for a yes (--reviewed, or reviewed=True)."
            )

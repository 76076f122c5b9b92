"""What the clinics of a joint model agreed on, and the table that a study gives for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ..core.people import CLIENT
from ..core.yaml_reading import read_yaml
from ..errors import ColumnError, DesignError, did_you_mean, listing
from ..multilevel.formula.model_formula import parse_formula
from ..preparation import decompose
from ..study import Study
from .shared_file import SharedFile

FAR = 8.0
"""Units (about SDs) apart, or as many times as wide, as the same measure hardly is elsewhere."""
SETTINGS = ("min_clients", "digits", "ratios", "kind", "family", "link")
WORDS = ("categories", "units", "scores")
PARTS = ("_within", "_between")
BESIDE = ("therapist_id", "site_id", "condition", "session")


@dataclass(frozen=True)
class Agreement:
    """A joint model in a file: the formula, and what its columns mean.

    Attributes
    ----------
    formula
        The model.
    scores
        Names of the formula and the score of the study that each is: ``{"distress":
        "core-10/total/client"}``.
    categories, units
        As `clinic_file` takes them.
    settings
        Further arguments of `clinic_file` that all clinics use: ``min_clients, digits, ratios,
        kind, family, link``.
    """

    formula: str
    scores: Mapping[str, str] = field(default_factory=dict)
    categories: Mapping[str, Sequence[str]] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


def read_agreement(path: Path) -> Agreement:
    """Read a joint model from a YAML file.

    Raises
    ------
    ReadError, DesignError
        Where it is no YAML, or a key is unknown or missing.
    """
    given = read_yaml(path).value
    if not isinstance(given, dict):
        raise DesignError(f"'{path.name}' must hold names and values, such as 'formula: ...'.")
    known = ["formula", *WORDS, *SETTINGS]
    for name in given:
        if name not in known:
            hint = did_you_mean(name, known)
            raise DesignError(f"'{path.name}' holds '{name}', which no joint model has.{hint}")
    if not isinstance(given.get("formula"), str):
        raise DesignError(f"'{path.name}' must say its formula, such as 'formula: y ~ x + ...'.")
    wrong = [name for name in WORDS if not isinstance(given.get(name, {}), dict)]
    if wrong:
        raise DesignError(f"'{wrong[0]}' of '{path.name}' must hold names and values.")
    return Agreement(
        given["formula"],
        scores=given.get("scores", {}),
        categories=given.get("categories", {}),
        units=given.get("units", {}),
        settings={name: given[name] for name in SETTINGS if name in given},
    )


def is_file_of_agreement(formula: object) -> bool:
    """Say whether a formula is the name of a file that holds one."""
    return isinstance(formula, str | Path) and str(formula).lower().endswith((".yaml", ".yml"))


def scores_named(study: Study, formula: str, scores: Mapping[str, str]) -> dict[str, pd.DataFrame]:
    """Return by name the scores of a study that a formula names (see `table_of`).

    Raises
    ------
    ColumnError
        Where it names none.
    """
    measures = {str(m).replace("-", "_"): str(m) for m in study.scores["measure"].unique()}
    names = dict.fromkeys(map(whole_score, parse_formula(formula).columns))
    of = {base: scores.get(base, measures.get(base)) for base in names}
    found = {base: study.select(score) for base, score in of.items() if score is not None}
    if not found:
        raise ColumnError(
            f"The formula names no score of the study; its measures are {listing(measures)}. Name "
            "one, or say in a file which score a name is (scores: {distress: core-10})."
        )
    return found


def table_of(study: Study, formula: str, scores: Mapping[str, str]) -> pd.DataFrame:
    """Return the sessions of a study with the columns of a formula.

    A name of the formula is a score where `scores` says so, or where it is a measure's id with
    ``_`` for ``-``; with ``_within`` and ``_between`` it is the score's part within clients or
    between them. Other names are columns beside the scores (therapist, site, condition, session)
    or of the clients.

    Raises
    ------
    ColumnError
        Where a name is none of these.
    """
    names = parse_formula(formula).columns
    wanted = {name: whole_score(name) for name in names}
    found = scores_named(study, formula, scores)
    table: pd.DataFrame | None = None
    for base, rows in found.items():
        keys = [CLIENT, *(name for name in BESIDE if name in rows)]
        part = rows[[*keys, "score"]].rename(columns={"score": base})
        if table is None:
            table = part
            continue
        at = [CLIENT, "session"] if "session" in part and "session" in table else [CLIENT]
        table = table.merge(part[[*at, base]], on=at, how="inner", validate="one_to_one")
    assert table is not None
    beside = [n for n in names if n in study.clients and n not in table and n not in found]
    if beside:
        table = table.merge(study.clients[[CLIENT, *beside]], on=CLIENT, how="left")
    split = [base for name, base in wanted.items() if name != base and base in table]
    plain = [name for name, base in wanted.items() if name == base and name in table]
    for base in dict.fromkeys(split):
        table = decompose(table, base, complete=[name for name in plain if name != base] or None)
    missing = [name for name in names if name not in table]
    if missing:
        measures = [str(m).replace("-", "_") for m in study.scores["measure"].unique()]
        raise ColumnError(
            f"'{missing[0]}' is no score, no column of the clients and none beside the scores."
            f"{did_you_mean(missing[0], [*table.columns, *study.clients.columns, *measures])}"
        )
    return table


def whole_score(name: str) -> str:
    """Return the score that a name is a part of."""
    return next((name.removesuffix(part) for part in PARTS if name.endswith(part)), name)


def names_unit(file: SharedFile, name: str) -> bool:
    """Say whether a clinic's file says in words what a column is measured in."""
    return bool({name, whole_score(name)} & set(file.model["units"]))


def far_apart(one: SharedFile, other: SharedFile) -> Iterator[tuple[str, str]]:
    """Yield columns that lie far from themselves in another clinic, each with a sentence.

    The words for a unit stand in the plan that all clinics were sent; no one may have looked.
    """
    for i, name in enumerate([*one.model["terms"], one.model["outcome"]]):
        widest, least = max(one.unit[i], other.unit[i]), min(one.unit[i], other.unit[i])
        apart = abs(one.shift[i] - other.shift[i])
        flat = any(file.unit[i] == 1.0 and file.shift[i] == 0.0 for file in (one, other))
        if i and not flat and (widest / least > FAR or apart > FAR * widest):
            yield (
                name,
                f"'{name}' lies near {one.shift[i]:g} (spread about {one.unit[i]:g}) in "
                f"'{one.path}' and near {other.shift[i]:g} (spread about {other.unit[i]:g}) in "
                f"'{other.path}'",
            )

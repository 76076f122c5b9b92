"""An analysis plan: the primary specification and the grid, fixed before the data are opened."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from ...core.arguments import checked_choice, shown
from ...core.outputs import write_whole
from ...core.yaml_reading import Dumper, read_yaml
from ...errors import DesignError, ReadError, did_you_mean, listing
from .fitting import EFFECTS, RESPONSES
from .grid import DEFAULT_GRID, Specification, expand, single


@dataclass(frozen=True)
class AnalysisPlan:
    """What will be analysed, and how, stated before the data are opened.

    Attributes
    ----------
    alliance, outcome
        The measures (or columns).
    primary
        The one specification that answers the question: ``rule``, its parameters, ``lag``,
        ``levels``, ``centring``, ``detrending``, ``lagged_outcome``, ``slopes``,
        ``adjust_for_alliance``.
    effect
        ``rupture``, ``repair``, ``rupture_size`` or ``repair_size``.
    response
        ``outcome`` or ``alliance``.
    grid
        The options of the multiverse.
    name, created, note
        What the plan is called, the day it was made (ISO), and anything else.

    Examples
    --------
    >>> import alliance_stats as al
    >>> plan = al.AnalysisPlan("wai-sr", "core-10", {"rule": "drop_stricter_sd", "k": 1.0})
    >>> plan.differences({"rule": "drop_stricter_sd", "k": 2.0})
      choice planned done
    0      k     1.0  2.0
    """

    alliance: str
    outcome: str
    primary: Mapping[str, Any]
    effect: str = "rupture"
    response: str = "outcome"
    grid: Mapping[str, Any] = field(default_factory=lambda: dict(DEFAULT_GRID))
    name: str = ""
    created: str = field(default_factory=lambda: date.today().isoformat())
    note: str = ""

    def __post_init__(self) -> None:
        for name in ("alliance", "outcome"):
            if not isinstance(getattr(self, name), str):
                raise DesignError(
                    f"{name} must be the name of a measure or column; it is "
                    f"{getattr(self, name)!r}."
                )
        checked_choice("effect", self.effect, EFFECTS)
        checked_choice("response", self.response, RESPONSES)
        single(self.primary)
        expand(self.grid)

    @property
    def specification(self) -> Specification:
        """The primary specification."""
        return single(self.primary)

    @property
    def fingerprint(self) -> str:
        """A hash of all that is planned; the same plan has the same one."""
        text = json.dumps(self.as_dict(), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def sentence(self) -> str:
        """Say what is planned: the question, the grid, and the specification that answers."""
        options = [
            f"{name} ({', '.join(map(str, _plain(values)))})" for name, values in self.grid.items()
        ]
        primary = ", ".join(f"{name} {value}" for name, value in self.primary.items())
        return (
            f"{self.effect.replace('_', ' ').capitalize()} of {self.alliance} on {self.response} "
            f"({self.outcome}) in {len(expand(self.grid))} specifications of "
            f"{', '.join(options)}, judged by one permutation test; the primary "
            f"specification is {primary}."
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as plain values."""
        return {one.name: _plain(getattr(self, one.name)) for one in fields(self)}

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the plan as YAML; an existing plan is never overwritten."""
        import yaml

        target = _path(path)
        if target.exists():
            raise DesignError(
                f"'{target}' exists. A plan is fixed: it is not overwritten. Save another beside "
                "it, and say in its note what changed and why."
            )
        if not target.parent.is_dir():
            raise DesignError(f"There is no folder '{target.parent}' to save the plan in.")
        content = {**self.as_dict(), "fingerprint": self.fingerprint}
        text = yaml.dump(content, Dumper=Dumper, sort_keys=False, allow_unicode=True)
        return write_whole(target, text.encode(), what="the plan")

    def differences(self, done: Mapping[str, Any]) -> pd.DataFrame:
        """Return what was done otherwise than planned: ``choice, planned, done``.

        Parameters
        ----------
        done
            Choices by name: ``alliance``, ``outcome``, ``effect``, ``response``, ``grid``, and
            those of the primary specification. What is not named was done as planned.
        """
        names = ("alliance", "outcome", "effect", "response", "grid")
        planned = {name: getattr(self, name) for name in names} | self.specification.as_row()
        rows = [
            {"choice": name, "planned": planned.get(name, "not planned"), "done": value}
            for name, value in done.items()
            if name not in planned or _plain(planned[name]) != _plain(value)
        ]
        return pd.DataFrame(rows, columns=["choice", "planned", "done"])


def _plain(value: Any) -> Any:
    """Return lists and dicts for tuples and mappings, so that YAML and comparison see values."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.item() if hasattr(value, "item") else value


def read_analysis_plan(path: str | os.PathLike[str]) -> AnalysisPlan:
    """Read a plan from YAML, and refuse one that was changed after it was saved.

    Parameters
    ----------
    path
        A file with ``alliance``, ``outcome``, ``primary`` and, if wanted, ``effect``,
        ``response``, ``grid``, ``name``, ``created``, ``note``. `AnalysisPlan.save` writes a
        ``fingerprint`` too; where it is there it must fit the rest. Or a design file (of
        `StudyDesign`) that has all this under ``multiverse``.

    Returns
    -------
    AnalysisPlan

    Raises
    ------
    DesignError
        Where the file is no plan, names what a plan does not have, or was changed.
    """
    source = _path(path)
    if not source.is_file():
        raise DesignError(f"There is no analysis plan '{source}'.")
    try:
        tree = read_yaml(source)
    except ReadError as error:
        raise DesignError(f"The analysis plan {error}") from None
    if tree.repeated:
        place, line = tree.repeated[0]
        raise DesignError(
            f"'{source}', line {line}: the key '{place[-1]}' is given twice; a plan says one thing."
        )
    content = tree.value
    if isinstance(content, dict) and "n_therapists" in content:  # a design file
        if not isinstance(content.get("multiverse"), dict):
            raise DesignError(
                f"'{source}' plans no multiverse; write alliance, outcome, primary and grid under "
                "multiverse:."
            )
        content = {"created": "the design file", **content["multiverse"]}
    return _from_dict(content, source)


def _path(path: object) -> Path:
    if not isinstance(path, (str, os.PathLike)):
        raise DesignError(f"A plan is an AnalysisPlan or the path of one; it is {shown(path)}.")
    return Path(path)


def _from_dict(content: Any, source: Path) -> AnalysisPlan:
    names = [one.name for one in fields(AnalysisPlan)]
    if not isinstance(content, dict):
        raise DesignError(f"'{source}' is no analysis plan: it must name {listing(names, 9)}.")
    given = dict(content)
    fingerprint = given.pop("fingerprint", None)
    for name in given:
        if name not in names:
            raise DesignError(
                f"'{source}' names '{name}', which an analysis plan does not have; it has "
                f"{listing(names, 9)}.{did_you_mean(name, names)}"
            )
    missing = [name for name in ("alliance", "outcome", "primary") if name not in given]
    if missing:
        raise DesignError(f"'{source}' lacks {listing(missing)}, which every plan must name.")
    if "created" in given:
        given["created"] = str(given["created"])
    plan = AnalysisPlan(**given)
    if fingerprint is not None and fingerprint != plan.fingerprint:
        raise DesignError(
            f"'{source}' was changed after it was saved: its fingerprint is {fingerprint}, its "
            f"content has {plan.fingerprint}. Restore it, or save the changed plan as a new one."
        )
    return plan

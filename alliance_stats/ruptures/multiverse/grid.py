"""A grid of choices, and the specifications it spans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from ...errors import DesignError, did_you_mean, listing
from ..models.design import Choices, adjusts, slopes_of
from ..parameters import complete
from ..rules import REGISTRY, find_rule

MODEL_CHOICES: dict[str, Any] = {
    "lag": 1,
    "levels": 2,
    "centring": "client",
    "detrending": "covariate",
    "lagged_outcome": True,
    "slopes": "all",
    "adjust_for_alliance": None,
}
"""Choices of the model, with what is taken where the grid does not name them."""

DEFAULT_GRID: dict[str, list[Any]] = {
    "rule": ["drop_within_sd", "drop_pooled_sd", "drop_stricter_sd"],
    "k": [1.0, 1.5, 2.0],
    "detrending": ["covariate", "predictor"],
    "levels": [2, 3],
    "lagged_outcome": [False, True],
}
SEQUENCES = ("range", "families")
"""Parameters whose value is itself a list."""
MOST = 20_000
"""A grid beyond it is a slip of the pen."""


@dataclass(frozen=True)
class Specification:
    """One way to analyse: a rule with the parameters that were chosen, and a model."""

    rule: str
    parameters: Mapping[str, Any]
    model: Mapping[str, Any] = field(default_factory=lambda: dict(MODEL_CHOICES))

    @property
    def key(self) -> tuple[Any, ...]:
        """What makes two specifications the same."""
        full = complete(find_rule(self.rule), self.parameters)
        return (self.rule, _hashable(full), _hashable(self.model))

    @property
    def rule_key(self) -> tuple[Any, ...]:
        """What makes two specifications share their ruptures."""
        return self.key[:2]

    def choices(self, predictors: tuple[str, ...]) -> Choices:
        """Return the model's choices for `models.design`."""
        return Choices(predictors, **self.model)

    def as_row(self) -> dict[str, Any]:
        """Return every choice that was made, by name."""
        return {"rule": self.rule, **self.parameters, **self.model}


def _hashable(mapping: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, repr(_plain(value))) for name, value in mapping.items()))


def _plain(value: Any) -> Any:
    """Return numbers such that 1 and 1.0 are the same choice."""
    if isinstance(value, (bool, str)) or value is None:
        return value
    if isinstance(value, (list, tuple)):
        return tuple(_plain(item) for item in value)
    return float(value)


def expand(grid: Mapping[str, Any]) -> list[Specification]:
    """Return all specifications of a grid, each once, in the order of the grid.

    A parameter is applied to the rules that have it; an entry of ``rule`` may be a mapping that
    fixes parameters of that rule alone (``{"rule": "drop_points", "points": 0.5}``).
    """
    if not isinstance(grid, Mapping):
        raise DesignError(
            f"Choices are given as a mapping, name: options; {grid!r} is a {type(grid).__name__}."
        )
    options = {name: _options(name, values) for name, values in grid.items()}
    if "random_slope" in options:
        options["slopes"] = [slopes_of(value) for value in options.pop("random_slope")]
    _check_names(options)
    model_names = [name for name in options if name in MODEL_CHOICES]
    models = [
        {**MODEL_CHOICES, **dict(zip(model_names, values, strict=True))}
        for values in product(*(options[name] for name in model_names))
    ]
    for model in models:
        Choices(
            ("rupture",),
            **{**model, "adjust_for_alliance": adjusts(model["adjust_for_alliance"], "scores")},
        )  # refuses what cannot be, before anything is fitted
    found: dict[tuple[Any, ...], Specification] = {}
    for rule, parameters in _rules(options):
        needs = find_rule(rule).needs
        for asked in models:
            beside = adjusts(asked["adjust_for_alliance"], needs)
            one = Specification(rule, parameters, {**asked, "adjust_for_alliance": beside})
            found.setdefault(one.key, one)
            if len(found) > MOST:
                raise DesignError(f"The grid spans more than {MOST} specifications; narrow it.")
    return list(found.values())


def _options(name: str, values: Any) -> list[Any]:
    if isinstance(values, (str, Mapping)) or not isinstance(values, Iterable):
        return [values]
    listed = list(values)
    if name in SEQUENCES and not any(isinstance(item, (list, tuple)) for item in listed):
        return [tuple(listed)]
    if not listed:
        raise DesignError(f"The grid names no option for '{name}'; leave it out or give some.")
    return listed


def _check_names(options: Mapping[str, list[Any]]) -> None:
    if "rule" not in options:
        raise DesignError("A grid must name at least one 'rule' (al.rupture_rules() lists them).")
    known = {parameter for rule in REGISTRY.values() for parameter in rule.parameters}
    for name in options:
        if name != "rule" and name not in MODEL_CHOICES and name not in known:
            raise DesignError(
                f"The grid names '{name}', which is no choice of a model "
                f"({listing(MODEL_CHOICES, 9)}) and no parameter of a rule."
                f"{did_you_mean(name, [*MODEL_CHOICES, *known])}"
            )


def _rules(options: Mapping[str, list[Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Return each rule with each combination of the parameters it has."""
    shared = {k: v for k, v in options.items() if k != "rule" and k not in MODEL_CHOICES}
    pairs = []
    for entry in options["rule"]:
        own = dict(entry) if isinstance(entry, Mapping) else {"rule": entry}
        name = own.pop("rule", None)
        rule = find_rule(name)  # type: ignore[arg-type]
        open_ = [k for k in shared if k in rule.parameters and k not in {*own, *rule.fixed}]
        for values in product(*(shared[k] for k in open_)):
            parameters = {**dict(zip(open_, values, strict=True)), **own}
            complete(rule, parameters)
            pairs.append((rule.name, parameters))
    unused = [k for k in shared if not any(k in parameters for _, parameters in pairs)]
    if unused:
        raise DesignError(
            f"No rule of the grid has the parameter{'s' * (len(unused) > 1)} {listing(unused)}."
        )
    return pairs


def single(chosen: Mapping[str, Any]) -> Specification:
    """Return the one specification that a mapping of choices names."""
    found = expand(chosen)
    if len(found) != 1:
        raise DesignError(
            f"A primary specification is one; the choices given span {len(found)}. Give every "
            "choice one value."
        )
    return found[0]

"""From waves to a fitted panel model: what is asked, what is refused, a structure a group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...core.arguments import within
from ...errors import DesignError, plural
from ..engine.fit import Estimates, estimate
from ..engine.patterns import Sample, copies
from ..engine.saturated import Saturated, saturated
from ..engine.structure import Model
from .grid import LEFT_OUT
from .panel_models import MODELS, Panel, of_group
from .waves import Waves, labels_of

OTHER_UNIT = 100.0
"""A score that varies so many times as much at one wave as at another is not the same score."""
UNSAID = 1 - 1e-9
"""The reliability of a score of which nothing is said."""


@dataclass(frozen=True)
class Specification:
    """Which panel model it is, and what of it is held equal."""

    model: str
    lags: str = "equal"
    residuals: str = "free"
    equal: frozenset[str] = frozenset()
    reliability: Mapping[str, float] | None = None
    errors: str = "normal"
    cluster: str = ""
    step: float | None = None
    time: str = ""


def fitted(held: Waves, asked: Specification) -> Estimates:
    """Return the estimates of a panel model."""
    make = MODELS[asked.model][0]
    structures, samples, free = [], [], []
    clusters: list[Any] = []
    for k, group in enumerate(held.groups):
        who = held.of(group)
        columns = [*np.flatnonzero(np.isfinite(held.values[who]).any(axis=0))]
        own, sample, keep = _without_structure(held, who, columns)
        structure = make(_panel(held, who, own, [held.columns[i] for i in columns], asked))
        if len(structure.observed) < len(columns):  # the last x of a dynamic panel explains nothing
            columns = [held.columns.index(name) for name in structure.observed]
            own, sample, keep = _without_structure(held, who, columns)
        structure = replace(structure, words=_words(held, structure.latent, group))
        structures.append(of_group(structure, k, asked.equal) if group else structure)
        samples.append(sample)
        free.append(own)
        clusters.append(None if held.cluster is None else held.cluster[who][keep])
    return estimate(
        Model.of(*structures),
        samples,
        errors=asked.errors,
        clusters=None if held.cluster is None else clusters,
        without_structure=free,
    )


def _without_structure(
    held: Waves, who: np.ndarray, columns: Any
) -> tuple[Saturated, Sample, np.ndarray]:
    """Return moments of some clients' columns, their sample, and which of them have any value."""
    values = held.values[who][:, columns]
    keep = np.isfinite(values).any(axis=1)
    sample = Sample.of(values[keep])
    return saturated(sample), sample, keep


def refuse_too_few(held: Waves, model: str) -> None:
    """Refuse too few waves or clients, and scores that say the same."""
    least, waves = MODELS[model][1], len(held.waves)
    if waves < least:
        cut = [f"{one[:1].lower()}{one[1:]}" for one in held.messages if one.startswith(LEFT_OUT)]
        raise DesignError(
            f"{model} needs {least} waves or more; there {'is' if waves == 1 else 'are'} {waves} "
            f"that can be used{f', as {cut[0]}' if cut else '.'}"
        )
    for group in held.groups:
        values = held.values[held.of(group)]
        n, variables = len(values), int(np.isfinite(values).any(axis=0).sum())
        if n <= variables:
            of = f" in the group '{group}'" if group else ""
            scores = {2: "two", 3: "three"}[len(held.names)]
            raise DesignError(
                f"{waves} waves of {scores} scores are {variables} variables, but only "
                f"{plural(n, 'client')}{of} have any: there must be more clients than variables. "
                f"Name fewer waves in waves=[...]{', or join groups' if group else ''}."
            )
    for v, own in held.scores.items():
        sd = np.nanstd(own[:, held.measured[v]], axis=0)
        least, most = int(sd.argmin()), int(sd.argmax())
        if sd[most] > OTHER_UNIT * sd[least]:
            at = [f"{held.time[held.measured[v]][k]:g}" for k in (most, least)]
            raise DesignError(
                f"{held.names[v]} varies {sd[most] / sd[least]:,.0f} times as much at wave {at[0]} "
                f"as at wave {at[1]}; is it in another unit there? Put all waves in one."
            )
    twins = copies(held.values)
    if twins is not None:
        one, other = (_named(held, held.columns[i]) for i in twins)
        raise DesignError(f"{one} and {other} move exactly together; is one a copy of the other?")


def _named(held: Waves, column: str) -> str:
    if column in held.covariates:
        return column
    return f"{held.names[column[0]]} at wave {held.time[int(column[1:]) - 1]:g}"


def _words(held: Waves, latent: Sequence[str], group: str) -> dict[str, str]:
    """Return what the latents of a panel model are called in sentences."""
    labels = labels_of(held.names.values())
    names = {v: labels.get(name, name) for v, name in held.names.items()}
    said = {"level": f"the lasting level of {names['y']}"}
    for v, name in names.items():
        said |= {
            f"between_{v}": f"the lasting level of {name}",
            f"slope_{v}": f"the trend of {name}",
        }
        for t, wave in enumerate(held.time, 1):
            said[f"w{v}{t}"] = f"{'' if t == 1 else 'what is new in '}{name} at wave {wave:g}"
    said |= {f"c_{one}": str(one) for one in held.covariates}
    behind = f" in the group '{group}'" if group else ""
    return {name: f"{said[name]}{behind}" for name in latent}


def _panel(
    held: Waves, who: np.ndarray, free: Saturated, columns: list[str], asked: Specification
) -> Panel:
    """Return what the model needs to know of a group; moments as all clients' would be."""
    values = held.values[who][:, [held.columns.index(name) for name in columns]]
    if free.converged:
        moments = free.mu, np.diag(free.sigma)
    else:
        moments = np.nanmean(values, axis=0), np.nanvar(values, axis=0)
    known = {name: (m, v) for name, m, v in zip(columns, *moments, strict=True)}
    names, waves = list(held.names), range(1, len(held.time) + 1)
    measured = np.array([[f"{v}{t}" in known for t in waves] for v in names])
    mean, variance = np.empty(measured.shape), np.empty(measured.shape)
    for i, v in enumerate(names):
        at = np.flatnonzero(measured[i])
        for j, target in enumerate((mean, variance)):
            target[i] = np.interp(np.arange(len(waves)), at, [known[f"{v}{t + 1}"][j] for t in at])
    return Panel(
        time=held.time,
        mean=mean,
        variance=variance,
        names=names,
        measured=measured,
        equal=asked.lags == "equal",
        same_residuals=asked.residuals == "equal",
        covariates={name: known[name] for name in map(str, held.covariates)},
        error=_errors(asked, names, variance),
    )


def _errors(asked: Specification, names: list[str], variance: np.ndarray) -> np.ndarray | None:
    """Return the variances of the scores' errors that are known."""
    given: Any = asked.reliability
    if given is None:
        return None
    if asked.model == "dynamic-panel":
        raise DesignError("reliability= is not built for dynamic-panel; use ri-clpm.")
    if not isinstance(given, Mapping) or not {*given} <= {*names}:
        raise DesignError("reliability must be such as {'x': 0.9, 'y': 0.85}.")
    known = [within(given.get(v, UNSAID), f"reliability['{v}']") for v in names]
    return (1.0 - np.round(np.array(known), 8))[:, None] * variance

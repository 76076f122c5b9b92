"""The panel models of two or three scores, as structures: cells of matrices, and their starts.

Labels are the terms of the result; a wave stands behind in brackets, a group behind an at sign:
``x_on_y[3]@1``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..engine.structure import Cell, Structure

EQUAL = ("lags", "residuals", "levels", "means")
"""What may be the same in all groups."""
HAMAKER = "Hamaker, Kuiper & Grasman 2015, doi 10.1037/a0038889"
CURRAN = "Curran et al. 2014, doi 10.1037/a0035297"
ALLISON = "Allison, Williams & Moral-Benito 2017, doi 10.1177/2378023117710578"


@dataclass(frozen=True, eq=False)
class Panel:
    """What a panel model needs to know of the data (of one group).

    Attributes
    ----------
    time
        The time of each wave.
    mean, variance
        Of each score (a row each of x, y and z), by wave; where nobody has it, of its neighbours.
    names
        ``x``, ``y`` (and ``z``).
    measured
        Which scores (rows) anybody has at which waves; None where all.
    covariates
        Names of what is known of a client once, with their means and variances.
    equal
        Whether lagged effects are the same at every wave.
    same_residuals
        Whether variances and covariances of residuals are the same from the second wave on.
    error
        The known error variances of the scores, a row a score.
    """

    time: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    names: Sequence[str] = ("x", "y")
    measured: np.ndarray | None = None
    equal: bool = True
    same_residuals: bool = False
    covariates: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    error: np.ndarray | None = None

    @property
    def waves(self) -> range:
        """The numbers of the waves, from 1."""
        return range(1, len(self.time) + 1)

    def seen(self, v: str) -> list[int]:
        """Return the numbers of the waves at which anybody has a score."""
        there = None if self.measured is None else self.measured[self.names.index(v)]
        return [t for t in self.waves if there is None or there[t - 1]]

    def pairs(self) -> Iterator[tuple[str, str, str]]:
        """Yield each pair of scores, and what stands behind the name of their covariance."""
        for i, v in enumerate(self.names):
            for before in self.names[:i]:
                yield before, v, "" if len(self.names) == 2 else f"_{before}_{v}"

    def at(self, term: str, t: int, *, same: bool | None = None) -> str:
        """Return the label of a term at a wave, one for all waves where they are the same."""
        return term if (self.equal if same is None else same) else f"{term}[{t}]"

    def residual_at(self, term: str, t: int) -> str:
        """Return the label of a residual's (co)variance; the first wave's has a history."""
        return f"{term}[{t}]" if t == 1 or not self.same_residuals else f"{term}[later]"


def observed_names(panel: Panel) -> list[str]:
    """Return the names of the observed variables: x by wave, y by wave, covariates."""
    return [*(f"{v}{t}" for v in panel.names for t in panel.seen(v)), *panel.covariates]


def _residuals(panel: Panel, share: float) -> Iterator[Cell]:
    """Yield variances and covariances of what is new at each wave."""
    for t in panel.waves:
        part = dict(zip(panel.names, share * panel.variance[:, t - 1], strict=True))
        for v, value in part.items():
            name, label = f"w{v}{t}", panel.residual_at(f"var_{v}_within", t)
            yield Cell("covariance", name, name, label, value)
        for v, other, behind in panel.pairs():
            label, value = panel.residual_at(f"cov_within{behind}", t), part[v] * part[other]
            yield Cell("covariance", f"w{v}{t}", f"w{other}{t}", label, 0.1 * np.sqrt(value))


def _lags(panel: Panel, own: float) -> Iterator[Cell]:
    for t in panel.waves[1:]:
        for v in panel.names:
            for before in panel.names:
                label = panel.at(f"{v}_on_{before}", t)
                start = own if v == before else 0.0
                yield Cell("path", f"w{v}{t}", f"w{before}{t - 1}", label, start)


def _measured(panel: Panel, *, means: bool) -> Iterator[Cell]:
    """Yield that a score is its within part, a known error, and (where asked) a mean by wave."""
    for i, v in enumerate(panel.names):
        for t in panel.seen(v):
            name = f"{v}{t}"
            yield Cell("loading", name, f"w{name}", value=1.0)
            if means:
                yield Cell("intercept", name, "", f"mean_{v}[{t}]", panel.mean[i, t - 1])
            if panel.error is not None:
                yield Cell("residual", name, name, "", panel.error[i, t - 1])


def _covariates(panel: Panel, onto: Sequence[tuple[str, str, Sequence[str]]]) -> Iterator[Cell]:
    """Yield covariates, free among themselves, and that they explain latents.

    `onto` holds, for each effect, what comes before ``_on_`` and behind the covariate's name in
    its label, and the latents it is on.
    """
    names = list(panel.covariates)
    for i, z in enumerate(names):
        mean, variance = panel.covariates[z]
        yield Cell("loading", z, f"c_{z}", value=1.0)
        yield Cell("intercept", z, "", f"mean({z})", mean)
        for other in names[: i + 1]:
            start = variance if other == z else 0.0
            yield Cell("covariance", f"c_{z}", f"c_{other}", f"cov({z},{other})", start)
        for term, wave, latents in onto:
            for latent in latents:
                yield Cell("path", latent, f"c_{z}", f"{term}_on_{z}{wave}", 0.0)


def _free_covariances(latents: Mapping[str, tuple[str, float]], *, pair: bool) -> Iterator[Cell]:
    """Yield variances and covariances of latents; the mapping gives term and start variance.

    `pair` says that there are two scores, whose levels have one covariance.
    """
    names = list(latents)
    for i, one in enumerate(names):
        term, variance = latents[one]
        yield Cell("covariance", one, one, f"var_{term}", variance)
        for other in names[:i]:
            first = latents[other][0]
            levels = first.endswith("_between") and term.endswith("_between")
            label = f"cov_{first}_{term}"
            if levels:
                label = "cov_between" if pair else f"cov_between_{first[0]}_{term[0]}"
            yield Cell("covariance", one, other, label, 0.0)


def ri_clpm(panel: Panel) -> Structure:
    """Return the random intercept cross-lagged panel model (Hamaker, Kuiper & Grasman 2015)."""
    spread = panel.variance.mean(axis=1)
    cells = [*_measured(panel, means=True), *_lags(panel, 0.2), *_residuals(panel, 0.55)]
    cells += [
        Cell("loading", f"{v}{t}", f"between_{v}", value=1.0)
        for v in panel.names
        for t in panel.seen(v)
    ]
    levels = {f"between_{v}": (f"{v}_between", 0.4 * spread[i]) for i, v in enumerate(panel.names)}
    cells += _free_covariances(levels, pair=len(panel.names) == 2)
    cells += _covariates(panel, [(f"{v}_between", "", (f"between_{v}",)) for v in panel.names])
    return _structure(panel, [*levels], cells)


def clpm(panel: Panel) -> Structure:
    """Return the cross-lagged panel model, in which nothing about a client is lasting."""
    cells = [*_measured(panel, means=True), *_lags(panel, 0.4), *_residuals(panel, 0.8)]
    later = panel.waves[1:]
    onto = [(v, "[1]", [f"w{v}1"]) for v in panel.names]
    if panel.equal:
        onto += [(v, "", [f"w{v}{t}" for t in later]) for v in panel.names]
    else:
        onto += [(v, f"[{t}]", [f"w{v}{t}"]) for v in panel.names for t in later]
    cells += _covariates(panel, onto)
    return _structure(panel, [], cells)


def lcm_sr(panel: Panel) -> Structure:
    """Return the latent curve model with structured residuals (Curran et al. 2014)."""
    elapsed = panel.time - panel.time[0]
    spread = panel.variance.mean(axis=1)
    cells = [*_measured(panel, means=False), *_lags(panel, 0.2), *_residuals(panel, 0.55)]
    growth: dict[str, tuple[str, float]] = {}
    onto = []
    for i, v in enumerate(panel.names):
        slope, first = np.polyfit(elapsed, panel.mean[i], 1)
        per_time = 0.1 * spread[i] / max(float((elapsed**2).mean()), 1e-12)
        growth[f"between_{v}"] = (f"{v}_between", 0.4 * spread[i])
        growth[f"slope_{v}"] = (f"{v}_slope", per_time)
        onto += [(f"{v}_{part}", "", (f"{part}_{v}",)) for part in ("between", "slope")]
        cells.append(Cell("mean", f"between_{v}", "", f"mean_{v}_between", first))
        cells.append(Cell("mean", f"slope_{v}", "", f"mean_{v}_slope", slope))
        for t in panel.seen(v):
            cells.append(Cell("loading", f"{v}{t}", f"between_{v}", value=1.0))
            cells.append(Cell("loading", f"{v}{t}", f"slope_{v}", value=elapsed[t - 1]))
    cells += [*_free_covariances(growth, pair=len(panel.names) == 2), *_covariates(panel, onto)]
    return _structure(panel, [*growth], cells)


def dynamic_panel(panel: Panel) -> Structure:
    """Return the dynamic panel model of y with predetermined x (Allison et al. 2017).

    ``y_t = mean + y_on_x x_(t-1) + y_on_y y_(t-1) + level + e_t``; the level may go with every x
    and the first y, and x may go with e of its own and of earlier waves.
    """
    waves, before = panel.waves, panel.waves[:-1]
    size = {f"{v}{t}": panel.variance[i, t - 1] for i, v in enumerate(panel.names) for t in waves}
    first = ["y1", *(f"x{t}" for t in before)]
    names = [name for name in observed_names(panel) if name != f"x{len(waves)}"]
    cells = [Cell("loading", one, f"w{one}", value=1.0) for one in size if one in names]
    cells += [
        Cell("intercept", f"{v}{t}", "", f"mean_{v}[{t}]", panel.mean[i, t - 1])
        for i, v in enumerate(panel.names)
        for t in (before if v == "x" else waves)
    ]
    start = 0.2 * panel.variance[1].mean()
    cells.append(Cell("covariance", "level", "level", "var_y_between", start))
    for i, one in enumerate(first):
        cells.append(Cell("covariance", "level", f"w{one}", f"cov(level,{one})", 0.0))
        for other in first[: i + 1]:
            value = size[one] if other == one else 0.0
            cells.append(Cell("covariance", f"w{one}", f"w{other}", f"cov({one},{other})", value))
        for z in panel.covariates:
            cells.append(Cell("covariance", f"w{one}", f"c_{z}", f"cov({one},{z})", 0.0))
    for t in waves[1:]:
        cells.append(Cell("path", f"wy{t}", "level", value=1.0))
        for v, lag in (("x", 0.0), ("y", 0.2)):
            cells.append(Cell("path", f"wy{t}", f"w{v}{t - 1}", panel.at(f"y_on_{v}", t), lag))
        label = panel.residual_at("var_y_within", t)
        cells.append(Cell("covariance", f"wy{t}", f"wy{t}", label, 0.5 * size[f"y{t}"]))
        cells += [
            Cell("covariance", f"wy{t}", f"wx{s}", f"cov(y{t},x{s})", 0.0)
            for s in waves[t - 1 : -1]
        ]
    cells += _covariates(panel, [("y", "", [f"wy{t}" for t in waves[1:]])])
    latent = ["level", *(f"w{one}" for one in size if one in names)]
    return Structure(names, [*latent, *(f"c_{z}" for z in panel.covariates)], cells)


def _structure(panel: Panel, levels: list[str], cells: list[Cell]) -> Structure:
    within = [f"w{v}{t}" for v in panel.names for t in panel.waves]
    latent = [*levels, *within, *(f"c_{z}" for z in panel.covariates)]
    return Structure(observed_names(panel), latent, cells)


def of_group(structure: Structure, group: int, equal: frozenset[str]) -> Structure:
    """Return the structure of a group: what is not the same in all bears the group's number."""
    own = [cell.label != "" and _kind(cell.label) not in equal for cell in structure.cells]
    cells = [
        cell._replace(label=f"{cell.label}@{group}") if is_own else cell
        for cell, is_own in zip(structure.cells, own, strict=True)
    ]
    return replace(structure, cells=cells)


def _kind(label: str) -> str:
    """Return which of `EQUAL` a parameter belongs to; the covariates' own moments to none."""
    if re.match(r"(mean|cov)\(", label):
        return ""
    if re.match(r"[xyz]_on_[xyz](\[|$)", label):
        return "lags"
    if re.match(r"(var_._within|cov_within)", label):
        return "residuals"
    return "means" if label.startswith("mean_") else "levels"


MODELS: dict[str, tuple[Callable[[Panel], Structure], int, str, str]] = {
    "ri-clpm": (ri_clpm, 3, "Random intercept cross-lagged panel model", HAMAKER),
    "clpm": (clpm, 2, "Cross-lagged panel model", HAMAKER),
    "lcm-sr": (lcm_sr, 4, "Latent curve model with structured residuals", CURRAN),
    "dynamic-panel": (dynamic_panel, 3, "Dynamic panel model with predetermined x", ALLISON),
}
"""The structure, how many waves it needs at least, its title, and its source."""

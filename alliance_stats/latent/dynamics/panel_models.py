"""The panel models of two variables, as structures: cells of matrices, and where they start.

Labels are the terms of the result; a wave stands behind in brackets: ``x_on_y[3]``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..engine.structure import Cell, Structure

PAIR = ("x", "y")


@dataclass(frozen=True, eq=False)
class Panel:
    """What a panel model needs to know of the data.

    Attributes
    ----------
    time
        The time of each wave.
    mean, variance
        Of each variable (a row each of x and y), by wave.
    covariates
        Names of what is known of a client once, with their means and variances.
    equal
        Whether lagged effects are the same at every wave.
    same_residuals
        Whether variances and covariances of residuals are the same from the second wave on.
    error
        The known error variances of the scores, a row a variable.
    """

    time: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    equal: bool = True
    same_residuals: bool = False
    covariates: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    error: np.ndarray | None = None

    @property
    def waves(self) -> range:
        """The numbers of the waves, from 1."""
        return range(1, len(self.time) + 1)

    def at(self, term: str, t: int, *, same: bool | None = None) -> str:
        """Return the label of a term at a wave, one for all waves where they are the same."""
        return term if (self.equal if same is None else same) else f"{term}[{t}]"

    def residual_at(self, term: str, t: int) -> str:
        """Return the label of a residual's (co)variance; the first wave's has a history."""
        return f"{term}[{t}]" if t == 1 or not self.same_residuals else f"{term}[later]"


def observed_names(panel: Panel) -> list[str]:
    """Return the names of the observed variables: x by wave, y by wave, covariates."""
    return [*(f"{v}{t}" for v in PAIR for t in panel.waves), *panel.covariates]


def _residuals(panel: Panel, share: float, of: str = "w") -> Iterator[Cell]:
    """Yield variances and covariances of what is new at each wave; `of` begins its name."""
    for t in panel.waves:
        part = share * panel.variance[:, t - 1]
        for i, v in enumerate(PAIR):
            name, label = f"{of}{v}{t}", panel.residual_at(f"var_{v}_within", t)
            yield Cell("covariance", name, name, label, part[i])
        label, value = panel.residual_at("cov_within", t), 0.1 * np.sqrt(part.prod())
        yield Cell("covariance", f"{of}x{t}", f"{of}y{t}", label, value)


def _lags(panel: Panel, own: float, of: str = "w") -> Iterator[Cell]:
    for t in panel.waves[1:]:
        for v in PAIR:
            for before in PAIR:
                label = panel.at(f"{v}_on_{before}", t)
                start = own if v == before else 0.0
                yield Cell("path", f"{of}{v}{t}", f"{of}{before}{t - 1}", label, start)


def _measured(panel: Panel, *, means: bool) -> Iterator[Cell]:
    """Yield that a score is its within part, a known error, and (where asked) a mean by wave."""
    for i, v in enumerate(PAIR):
        for t in panel.waves:
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


def _free_covariances(latents: Mapping[str, tuple[str, float]]) -> Iterator[Cell]:
    """Yield variances and covariances of latents; the mapping gives term and start variance."""
    names = list(latents)
    for i, one in enumerate(names):
        term, variance = latents[one]
        yield Cell("covariance", one, one, f"var_{term}", variance)
        for other in names[:i]:
            label = f"cov_{latents[other][0]}_{term}"
            label = "cov_between" if label == "cov_x_between_y_between" else label
            yield Cell("covariance", one, other, label, 0.0)


def ri_clpm(panel: Panel) -> Structure:
    """Return the random intercept cross-lagged panel model (Hamaker, Kuiper & Grasman 2015)."""
    spread = panel.variance.mean(axis=1)
    cells = [*_measured(panel, means=True), *_lags(panel, 0.2), *_residuals(panel, 0.55)]
    cells += [
        Cell("loading", f"{v}{t}", f"between_{v}", value=1.0) for v in PAIR for t in panel.waves
    ]
    levels = {f"between_{v}": (f"{v}_between", 0.4 * spread[i]) for i, v in enumerate(PAIR)}
    cells += _free_covariances(levels)
    cells += _covariates(panel, [(f"{v}_between", "", (f"between_{v}",)) for v in PAIR])
    return _structure(panel, [*levels], cells)


def clpm(panel: Panel) -> Structure:
    """Return the cross-lagged panel model, in which nothing about a client is lasting."""
    cells = [*_measured(panel, means=True), *_lags(panel, 0.4), *_residuals(panel, 0.8)]
    later = panel.waves[1:]
    onto = [(v, "[1]", [f"w{v}1"]) for v in PAIR]
    if panel.equal:
        onto += [(v, "", [f"w{v}{t}" for t in later]) for v in PAIR]
    else:
        onto += [(v, f"[{t}]", [f"w{v}{t}"]) for v in PAIR for t in later]
    cells += _covariates(panel, onto)
    return _structure(panel, [], cells)


def lcm_sr(panel: Panel) -> Structure:
    """Return the latent curve model with structured residuals (Curran et al. 2014)."""
    elapsed = panel.time - panel.time[0]
    spread = panel.variance.mean(axis=1)
    cells = [*_measured(panel, means=False), *_lags(panel, 0.2), *_residuals(panel, 0.55)]
    growth: dict[str, tuple[str, float]] = {}
    onto = []
    for i, v in enumerate(PAIR):
        slope, first = np.polyfit(elapsed, panel.mean[i], 1)
        per_time = 0.1 * spread[i] / max(float((elapsed**2).mean()), 1e-12)
        growth[f"between_{v}"] = (f"{v}_between", 0.4 * spread[i])
        growth[f"slope_{v}"] = (f"{v}_slope", per_time)
        onto += [(f"{v}_{part}", "", (f"{part}_{v}",)) for part in ("between", "slope")]
        cells.append(Cell("mean", f"between_{v}", "", f"mean_{v}_between", first))
        cells.append(Cell("mean", f"slope_{v}", "", f"mean_{v}_slope", slope))
        for t in panel.waves:
            cells.append(Cell("loading", f"{v}{t}", f"between_{v}", value=1.0))
            cells.append(Cell("loading", f"{v}{t}", f"slope_{v}", value=elapsed[t - 1]))
    cells += [*_free_covariances(growth), *_covariates(panel, onto)]
    return _structure(panel, [*growth], cells)


def dynamic_panel(panel: Panel) -> Structure:
    """Return the dynamic panel model of y with predetermined x (Allison et al. 2017).

    ``y_t = mean + y_on_x x_(t-1) + y_on_y y_(t-1) + level + e_t``; the level may go with every x
    and the first y, and x may go with e of its own and of earlier waves.
    """
    waves, before = panel.waves, panel.waves[:-1]
    size = {f"{v}{t}": panel.variance[i, t - 1] for i, v in enumerate(PAIR) for t in waves}
    first = ["y1", *(f"x{t}" for t in before)]
    names = [name for name in observed_names(panel) if name != f"x{len(waves)}"]
    cells = [Cell("loading", one, f"w{one}", value=1.0) for one in size if one in names]
    cells += [
        Cell("intercept", f"{v}{t}", "", f"mean_{v}[{t}]", panel.mean[i, t - 1])
        for i, v in enumerate(PAIR)
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
    within = [f"w{v}{t}" for v in PAIR for t in panel.waves]
    latent = [*levels, *within, *(f"c_{z}" for z in panel.covariates)]
    return Structure(observed_names(panel), latent, cells)


MODELS: dict[str, tuple[Callable[[Panel], Structure], int, str]] = {
    "ri-clpm": (ri_clpm, 3, "Random intercept cross-lagged panel model"),
    "clpm": (clpm, 2, "Cross-lagged panel model"),
    "lcm-sr": (lcm_sr, 4, "Latent curve model with structured residuals"),
    "dynamic-panel": (dynamic_panel, 3, "Dynamic panel model with predetermined x"),
}
"""The structure, how many waves it needs at least, and its title."""

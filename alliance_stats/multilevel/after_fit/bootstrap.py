"""Parametric bootstrap: outcomes are drawn from the fit and the model is fitted to each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd

from ...core.arguments import level_of
from ...core.parallel import in_pieces
from ...core.results import Result
from ...errors import DesignError
from ...inference.rows import tidy_rows
from ..engine.batches import Array

if TYPE_CHECKING:
    from ..outcomes.result import OutcomeFit
    from ..result import MultilevelFit

    Fit: TypeAlias = MultilevelFit | OutcomeFit

BATCH = 25  # replicates a task: long enough to be worth sending, short enough for a bar
ENDLESS = 1e300  # stands for infinity, between two of which nothing lies
FEW = 1000  # fewer draws than this leave the ends of a 95 % interval rough


@dataclass(frozen=True, eq=False)
class Bootstrap(Result):
    """Draws of a parametric bootstrap.

    Attributes
    ----------
    draws
        A row a replicate, a column a parameter (as in `terms`).
    terms
        ``effect, group, term, estimate`` of every parameter, in the order of the columns.
    failed
        Number of replicates whose fit did not converge; they are left out.
    singular
        Number of replicates with a variance of zero; they count.
    """

    draws: pd.DataFrame
    terms: pd.DataFrame
    failed: int
    singular: int
    messages: tuple[str, ...] = ()
    title = "Parametric bootstrap"

    def conf_int(self, alpha: float | None = None, *, confidence: float = 0.95) -> pd.DataFrame:
        """Return percentile intervals, columns 0 (low) and 1 (high)."""
        tail = (1.0 - level_of(confidence, alpha=alpha)) / 2.0
        finite = self.draws.clip(-ENDLESS, ENDLESS)  # a negative binomial's size can be infinite
        ends = finite.quantile([tail, 1.0 - tail]).to_numpy()
        ends = np.where(np.abs(ends) > np.sqrt(ENDLESS), np.copysign(np.inf, ends), ends)
        return pd.DataFrame({0: ends[0], 1: ends[1]}, index=self.draws.columns)

    @property
    def bias(self) -> pd.Series:
        """Mean of the draws minus the estimate."""
        return self.draws.mean() - self.terms["estimate"].to_numpy()

    def tidy(self) -> pd.DataFrame:
        """Return one row a parameter: estimate, spread of the draws, percentile interval."""
        interval = self.conf_int()
        own = self.terms.assign(conf_low=interval[0].array, conf_high=interval[1].array)
        spread = self.draws.where(np.isfinite(self.draws)).std(skipna=False)
        return tidy_rows(**own.assign(std_error=spread.array))

    def glance(self) -> pd.DataFrame:
        """Return the numbers of replicates in one row."""
        row = {"replicates": len(self.draws), "failed": self.failed, "singular": self.singular}
        return pd.DataFrame([row])


def bootstrap(
    fit: Fit,
    replicates: int = 1000,
    *,
    seed: int,
    n_jobs: int | None = None,
    progress: bool = False,
) -> Bootstrap:
    """Run a parametric bootstrap: simulate from the fit, refit, and look at the spread.

    Parameters
    ----------
    replicates
        How many outcomes to draw; at least 1,000 for an interval that is reported.
    seed
        The same seed gives the same draws, whatever `n_jobs` is.
    n_jobs
        How many processes share the work; by default one, or what ``joblib.parallel_config`` says.
    progress
        Whether to show a bar.
    """
    if isinstance(replicates, bool) or replicates < 2:
        raise DesignError(f"A bootstrap needs 2 or more replicates, not {replicates!r}.")
    seeds = np.random.SeedSequence(seed).spawn(replicates)
    batches = [seeds[first : first + BATCH] for first in range(0, replicates, BATCH)]
    kept, failed, singular = [], 0, 0
    work = partial(_batch, _light(fit))
    words = "Bootstrap" if progress else ""
    for rows, flags in in_pieces(work, batches, n_jobs=n_jobs, progress=words):
        converged, at_boundary = flags.T
        kept.append(rows[converged])
        failed += int((~converged).sum())
        singular += int((converged & at_boundary).sum())
    terms = fit.tidy()[["effect", "group", "term"]].assign(estimate=fit.estimates())
    names = [" ".join(filter(None, row)) for row in zip(terms["group"], terms["term"], strict=True)]
    draws = pd.DataFrame(np.concatenate(kept), columns=names)
    notes = []
    if failed:
        notes.append(f"{failed} of {replicates} refits did not converge and were left out.")
    if len(draws) < FEW:
        notes.append(f"{len(draws)} draws leave the ends of a 95 % interval rough; use {FEW:,}.")
    return Bootstrap(draws, terms, failed, singular, tuple(notes))


def _light(fit: Fit) -> Fit:
    """Return the fit without the user's data, which a refit does not need."""
    bare = fit.design.frame.iloc[:, :0]
    bare.attrs = {}
    return fit.of_alike(replace(fit.design, frame=bare))


def _batch(fit: Fit, seeds: list[np.random.SeedSequence]) -> tuple[Array, Array]:
    """Return the estimates of some replicates, and whether each converged and is singular."""
    rows, flags = [], []
    for seed in seeds:
        again = fit.refit(fit.simulate(np.random.default_rng(seed)).to_numpy())
        rows.append(again.estimates())
        flags.append((again.converged, again.singular))
    return np.stack(rows), np.array(flags, dtype=bool)

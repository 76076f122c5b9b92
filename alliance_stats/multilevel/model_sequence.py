"""A ladder of models, from the one the design asks for to simpler ones, with a log of every step.

What is simplified, and in which order, is fixed before a result is seen; what is reported is the
first model that can be estimated.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..core.arguments import checked_choice
from ..core.results import Result
from ..errors import AllianceStatsWarning, DesignError
from .fit import fit_multilevel
from .formula.model_formula import parse_formula
from .formula.random_terms import Term, formula_text, lowest_first

if TYPE_CHECKING:
    from ..core.display.page import Block
    from .result import MultilevelFit


@dataclass(frozen=True, eq=False)
class Ladder(Result):
    """The outcome of a model ladder.

    Attributes
    ----------
    fit
        The model chosen: the first that converged and has no variance on the boundary; where
        there is none, the last that converged.
    fits
        Every model fitted, in order (None where the data could not carry it).
    log
        A row a step: ``step, change, formula, converged, singular, llf, aic, verdict``.
    """

    fit: MultilevelFit
    fits: tuple[MultilevelFit | None, ...]
    log: pd.DataFrame
    messages: tuple[str, ...] = ()
    title = "Model ladder"

    def tidy(self) -> pd.DataFrame:
        """Return the terms of the model chosen."""
        return self.fit.tidy()

    def glance(self) -> pd.DataFrame:
        """Return one row that describes the model chosen, and how many steps it took."""
        return self.fit.glance().assign(steps=len(self.log))

    def shown(self, labels: Mapping[str, str] | None = None) -> list[Block]:
        """Return the log and the model chosen."""
        log = self._table(self.log[["step", "change", "formula", "verdict"]], labels, "Steps")
        return [log, self.fit.heading, *self.fit.shown(labels)]


def fit_ladder(
    formulas: str | Sequence[str], data: pd.DataFrame, *, fit_all: bool = False, **options: Any
) -> Ladder:
    """Fit models from the fullest to the simplest until one can be estimated.

    Which random effects can these data carry? Deciding that after a look at the results invites
    choosing by p value; here the list of simplifications stands first, and each step is logged.

    Parameters
    ----------
    formulas
        The models in their order, or one formula, from which the steps follow: drop the
        correlations of random effects, then random slopes (from the top level down, in each the
        last written first), then the intercepts of the upper levels (the top one first). The
        fixed part stays.
    data
        As for `fit_multilevel`.
    fit_all
        Whether to fit the models below the one chosen too.
    **options
        Passed on to `fit_multilevel` (``reml``, ``df``, ``residual``, ...).

    Returns
    -------
    Ladder
        ``.fit`` is the model chosen, ``.log`` has a row a step.

    Raises
    ------
    DesignError
        Where no model can be fitted.

    Notes
    -----
    Starting from the maximal model: Barr, Levy, Scheepers & Tily (2013), doi
    10.1016/j.jml.2012.11.001; on giving up what the data cannot carry: Matuschek et al. (2017), doi
    10.1016/j.jml.2017.01.001.

    Examples
    --------
    >>> import alliance_stats as al, numpy as np, pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> client = np.repeat(np.arange(30), 8)
    >>> data = pd.DataFrame({"client_id": client, "session": np.tile(np.arange(8.0), 30)})
    >>> data["distress"] = 20 - data.session + rng.normal(0, 3, 30)[client] + rng.normal(0, 2, 240)
    >>> ladder = al.fit_ladder("distress ~ session + (1 + session | client_id)", data)
    >>> ladder.log["verdict"].iloc[-1]
    'chosen'
    """
    if not len(formulas):
        raise DesignError("A ladder needs at least one formula.")
    known = list(signature(fit_multilevel).parameters)[2:]
    for name in options:
        checked_choice("An option of fit_ladder", name, known)
    if isinstance(formulas, str):
        steps = automatic_steps(formulas, data)
    else:
        steps = [("as given", formula) for formula in formulas]
    fits: list[MultilevelFit | None] = []
    rows: list[dict[str, Any]] = []
    chosen: int | None = None
    for number, (change, formula) in enumerate(steps):
        fit, row = _try(formula, data, options)
        fits.append(fit)
        rows.append({"step": number + 1, "change": change, "formula": formula, **row})
        if chosen is None and row["verdict"] == "estimable":
            chosen = number
            if not fit_all:
                break
    fallback = [n for n, fit in enumerate(fits) if fit is not None and fit.converged]
    messages: tuple[str, ...] = ()
    if chosen is None:
        if not fallback:
            reasons = "; ".join(f"{row['formula']}: {row['verdict']}" for row in rows)
            raise DesignError(f"No model of the ladder can be fitted ({reasons}).")
        chosen = fallback[-1]
        messages = (
            "No model of the ladder is free of variances on the boundary; the last one that "
            "converged is given.",
        )
    rows[chosen]["verdict"] = "chosen"
    best = fits[chosen]
    assert best is not None
    return Ladder(best, tuple(fits), pd.DataFrame(rows), messages)


def _try(
    formula: str, data: pd.DataFrame, options: dict[str, Any]
) -> tuple[MultilevelFit | None, dict[str, Any]]:
    """Fit one model; what the data cannot carry is a verdict, not an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AllianceStatsWarning)  # the log says it
        try:
            fit = fit_multilevel(formula, data, **options)
        except DesignError as error:
            return None, {
                "converged": False,
                "singular": False,
                "llf": float("nan"),
                "aic": float("nan"),
                "verdict": f"not possible: {error}",
            }
    verdict = "estimable"
    if fit.singular:
        verdict = fit.singular_note.split(". The model")[0]
    if not fit.converged:
        verdict = "did not converge"
    row = {"converged": fit.converged, "singular": fit.singular, "llf": fit.llf, "aic": fit.aic}
    return fit, {**row, "verdict": verdict}


def automatic_steps(formula: str, data: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the steps that follow from one formula: what changes, and the formula."""
    parsed = parse_formula(formula).over(data.columns)
    terms = [Term.of(term) for term in lowest_first(parsed.random, data)]
    steps = [("the full model", formula)]
    if any(term.correlated and term.several for term in terms):
        terms = [term.uncorrelated() for term in terms]
        steps.append(("no correlations of random effects", formula_text(parsed, terms)))
    for number in reversed(range(len(terms))):
        while terms[number].slopes:
            slope = terms[number].slopes[-1]
            terms[number] = terms[number].without(slope)
            change = f"no slope of '{slope}' for '{terms[number].group}'"
            steps.append((change, formula_text(parsed, terms)))
    while len(terms) > 1:
        gone = terms.pop()
        steps.append((f"no random effects of '{gone.group}'", formula_text(parsed, terms)))
    return steps

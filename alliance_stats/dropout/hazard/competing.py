"""Cause-specific hazards of every end of therapy, and the incidence they imply together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...core.arguments import checked_table, names
from ...core.results import Result
from ...errors import ColumnError, DesignError, listing, require_columns
from ..checks import number_of
from ..endings import COMPETING, DROPOUT
from .accumulation import accumulated, in_order
from .fit import fit_dropout_hazard
from .result import DropoutHazard


@dataclass(frozen=True)
class CompetingHazards(Result):
    """One discrete-time hazard model for each end of therapy; ``.fits`` holds them by name.

    ``not_modelled`` says which ends were left out, and what that makes of `incidence`.
    """

    fits: dict[str, DropoutHazard]
    messages: tuple[str, ...] = ()
    not_modelled: str = ""
    title: str = "Cause-specific hazards of the ends of therapy"

    @property
    def fewest(self) -> int | None:  # type: ignore[override]
        """How many people the fewest are that a coefficient of any end is about."""
        return min((fit.fewest or 0) for fit in self.fits.values())

    @property
    def _ratio(self) -> str:  # type: ignore[override]
        """What the exponential of a coefficient is, the same in every model."""
        return next(iter(self.fits.values()))._ratio

    def tidy(self, *, exponentiate: bool = False) -> pd.DataFrame:
        """Return the terms of every model; ``term`` is ``end: term``."""
        parts = []
        for end, fit in self.fits.items():
            part = fit.tidy(exponentiate=exponentiate)
            parts.append(part.assign(term=[f"{end}: {term}" for term in part["term"]]))
        return pd.concat(parts, ignore_index=True)

    def glance(self) -> pd.DataFrame:
        """Return one row: rows at risk and events of each end."""
        first = next(iter(self.fits.values()))
        counts = {f"n_{end}": fit.n_events for end, fit in self.fits.items()}
        return pd.DataFrame([{"nobs": first.nobs, **counts}])

    def incidence(
        self, data: pd.DataFrame, *, by: str = "client_id", therapists: str = "new"
    ) -> pd.DataFrame:
        """What share will have ended in each way by each session, for clients with these values?

        Parameters
        ----------
        data
            One row a session for each client or scenario, without gaps from session 1 on, with
            the formula's columns.
        by
            The column that tells clients (or scenarios) apart.
        therapists
            ``"new"``, ``"known"`` or ``"average"``, as for `DropoutHazard.predict`.

        Returns
        -------
        DataFrame
            ``by`` column, ``session``, ``survival`` (still in therapy after it) and one column of
            cumulative incidence for each end: CIF_k(t) = sum over s of h_k(s) S(s - 1). With a
            random intercept it is the average of that sum over therapists, since those still in
            therapy late are more often with therapists whose clients stay; the intercepts of
            several ends are taken as independent. No interval is given. From the first session
            without a prediction on (a missing predictor) a client's values are NaN, and
            ``.attrs["messages"]`` says how many clients those are.
        """
        checked_table(data, "data")
        rows, codes = in_order(data, by)
        fits = list(self.fits.values())
        survival, ended = accumulated(fits, rows, codes, therapists)
        out = rows[[by, "session"]].reset_index(drop=True).assign(survival=survival)
        for end, values in zip(self.fits, ended, strict=True):
            out[end] = values
        gaps = int(pd.Series(codes[np.isnan(survival)]).nunique())
        said = [self.not_modelled] if self.not_modelled else []
        if gaps:
            said.append(
                f"{number_of(gaps, 'client', 'lacks')} a predictor at some session; from there on "
                "nothing can be said."
            )
        out.attrs["messages"] = tuple(said)
        return out


def fit_competing_hazards(
    formula: str,
    data: pd.DataFrame,
    *,
    ends: Sequence[str] | str | None = None,
    link: str = "logit",
    cluster: str | None = None,
) -> CompetingHazards:
    """What goes with each way to end therapy: leaving, completing, ending by agreement?

    Parameters
    ----------
    formula
        As for `fit_dropout_hazard`; the same predictors for every end.
    data
        Rows of `person_period`, with ``ended_as``.
    ends
        The ends to model; every end that happened unless given. Ends left out are treated as
        censoring, and told of.
    link, cluster
        As for `fit_dropout_hazard`.

    Returns
    -------
    CompetingHazards
        ``.fits`` by end, and ``.incidence(data)``, which puts them together.

    Notes
    -----
    In each model the other ends leave the risk set without an event. A coefficient speaks of the
    rate among those still in therapy; whoever asks how many will drop out needs all of them
    (Putter, Fiocco & Geskus 2007, doi 10.1002/sim.2712).

    Examples
    --------
    >>> import alliance_stats as al
    >>> data = al.person_period(al.load_dataset("demo-trial"))
    >>> found = al.fit_competing_hazards("event ~ session", data, ends=("dropout", "completed"))
    >>> list(found.fits)
    ['dropout', 'completed']
    """
    checked_table(data, "data")
    require_columns(data.columns, ["ended_as"], what="the person-period rows")
    counts = data["ended_as"].dropna().loc[lambda d: d != ""].value_counts()
    unknown = [end for end in counts.index if end not in (DROPOUT, *COMPETING)]
    if unknown:
        raise ColumnError(
            f"Column 'ended_as' must hold {listing((DROPOUT, *COMPETING), 9)} or nothing; it also "
            f"holds {listing(map(repr, unknown))}."
        )
    there = [end for end in (DROPOUT, *COMPETING) if end in counts.index]
    if not there:
        raise DesignError("No therapy ended in these rows, so there is no hazard to model.")
    chosen = there if ends is None else names(ends, "ends")
    absent = [end for end in chosen if end not in there]
    if absent or not chosen:
        raise DesignError(
            f"Nobody ended as {listing(absent) or 'asked'}; the ends in the data are "
            f"{listing(there, 9)}."
        )
    fits = {}
    for end in chosen:
        rows = data.assign(event=(data["ended_as"] == end).astype(int))
        try:
            fits[end] = fit_dropout_hazard(formula, rows, link=link, cluster=cluster)
        except DesignError as error:
            raise DesignError(f"Ended as '{end}': {error}") from error
    said = _once(fits)
    others = [f"{end} ({counts[end]})" for end in there if end not in chosen]
    left_out = ""
    if others:
        left_out = (
            f"Not modelled: {listing(others, 9)}. Those clients leave the risk set as if lost from "
            "sight, so incidence and survival speak of a world in which nobody ends so."
        )
    return CompetingHazards(
        fits, tuple([left_out, *said] if left_out else said), not_modelled=left_out
    )


def _once(fits: dict[str, DropoutHazard]) -> list[str]:
    """Return what the fits say; what all say is said once, the rest with its end."""
    common = [m for m in dict.fromkeys(next(iter(fits.values())).messages)
              if all(m in fit.messages for fit in fits.values())]  # fmt: skip
    own = [f"{end}: {m}" for end, fit in fits.items() for m in fit.messages if m not in common]
    return [*common, *dict.fromkeys(own)]

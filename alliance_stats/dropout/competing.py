"""Cause-specific hazards of every end of therapy, and the incidence they imply together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..errors import DesignError, listing, require_columns
from ..results import Result
from .endings import COMPETING, DROPOUT
from .hazard import fit_dropout_hazard
from .hazard_result import DropoutHazard


@dataclass(frozen=True)
class CompetingHazards(Result):
    """One discrete-time hazard model for each end of therapy; ``.fits`` holds them by name."""

    fits: dict[str, DropoutHazard]
    messages: tuple[str, ...] = ()
    title: str = "Cause-specific hazards of the ends of therapy"

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

    def incidence(self, data: pd.DataFrame, *, by: str = "client_id") -> pd.DataFrame:
        """What share will have ended in each way by each session, for clients with these values?

        Parameters
        ----------
        data
            One row a session for each client or scenario, without gaps from session 1 on, with
            the formula's columns.
        by
            The column that tells clients (or scenarios) apart.

        Returns
        -------
        DataFrame
            ``by`` column, ``session``, ``survival`` (still in therapy after it) and one column of
            cumulative incidence for each end: CIF_k(t) = sum over s of h_k(s) S(s - 1).
        """
        require_columns(data.columns, [by, "session"], what="the sessions to predict for")
        rows = data.sort_values([by, "session"], kind="stable")
        expected = rows.groupby(by, observed=True).cumcount() + 1
        if (rows["session"].to_numpy() != expected.to_numpy()).any():
            raise DesignError("Sessions must run from 1 without gaps for each client.")
        hazards = np.stack([fit.predict(rows).to_numpy() for fit in self.fits.values()])
        # Binary models of each end do not know of one another; together they cannot pass 1.
        hazards = hazards / np.maximum(hazards.sum(axis=0), 1.0)
        out = rows[[by, "session"]].reset_index(drop=True)
        stay = pd.Series(1 - hazards.sum(axis=0)).groupby(out[by]).cumprod()
        before = stay.groupby(out[by]).shift(1).fillna(1.0)
        out["survival"] = stay
        for end, hazard in zip(self.fits, hazards, strict=True):
            out[end] = (before * hazard).groupby(out[by]).cumsum()
        return out


def fit_competing_hazards(
    formula: str,
    data: pd.DataFrame,
    *,
    ends: tuple[str, ...] | None = None,
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
        The ends to model; every end that happened unless given.
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
    require_columns(data.columns, ["ended_as"], what="the person-period rows")
    happened = set(data["ended_as"])
    chosen = ends or tuple(end for end in (DROPOUT, *COMPETING) if end in happened)
    absent = [end for end in chosen if end not in happened]
    if absent or not chosen:
        raise DesignError(
            f"Nobody ended as {listing(absent) or 'anything'}; the ends in the data are "
            f"{listing(sorted(happened - {''}), 9) or 'none'}."
        )
    fits = {
        end: fit_dropout_hazard(
            formula, data.assign(event=(data["ended_as"] == end).astype(int)),
            link=link, cluster=cluster,
        )
        for end in chosen
    }  # fmt: skip
    said = dict.fromkeys(f"{end}: {m}" for end, fit in fits.items() for m in fit.messages)
    return CompetingHazards(fits, tuple(said))

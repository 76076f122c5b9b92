"""What a dyad is: one client with one therapist; and what results about dyads have in common."""

from __future__ import annotations

import pandas as pd

from ..core.people import CLIENT, THERAPIST
from ..core.results import Result
from ..errors import listing, plural


def clients_of_several(
    rows: pd.DataFrame, client: str = CLIENT, therapist: str = THERAPIST
) -> pd.Index:
    """Return the clients whose rows name several therapists."""
    if therapist not in rows:
        return pd.Index([])
    known = rows[[client, therapist]].dropna().drop_duplicates()
    return pd.Index(known.loc[known[client].duplicated(), client].unique())


def dyads_of(rows: pd.DataFrame, client: str = CLIENT, therapist: str = THERAPIST) -> pd.Series:
    """Return who is a dyad in each row: the client, with the therapist where one had several."""
    own = rows[client]
    several = own.isin(clients_of_several(rows, client, therapist))
    if not several.any():
        return own
    with_whom = own.astype(str) + " with " + rows[therapist].astype(str)
    return own.astype(object).where(~several, with_whom)


def several_therapists(clients: pd.Index) -> str:
    """Return what is said of clients who changed therapist."""
    return (
        f"{plural(len(clients), 'client')} ({listing(clients)}) had several therapists. A dyad is "
        "one client with one therapist, so they count as a dyad with each, by the therapist of "
        "each session."
    )


class AboutDyads(Result):
    """A result whose table is what it tells, and whose dyads are whom it is about."""

    table: pd.DataFrame
    n_dyads: int
    n_with_several: int = 0
    """Dyads with two sessions or more, where all terms rest on what moves within these."""

    @property
    def fewest(self) -> int:  # type: ignore[override]
        """How many dyads the terms are about: those that move, where all terms need that."""
        return min(self.n_dyads, self.n_with_several or self.n_dyads)

    def tidy(self) -> pd.DataFrame:
        """Return one row a term."""
        return self.table

"""How much of a client's treatment so far each therapist gave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ..core.people import CLIENT, SESSION, THERAPIST
from ..errors import ColumnError, DesignError, require_columns

if TYPE_CHECKING:
    from ..study import Study


def therapist_exposure(
    study_or_data: Study | pd.DataFrame,
    *,
    by: str = CLIENT,
    time: str = SESSION,
    therapist: str = THERAPIST,
) -> pd.DataFrame:
    """Return which share of a client's sessions so far each therapist gave.

    *My client changed therapist: who gets the effect of the sessions after it?* With these shares
    as weights, all who treated the client up to the session do, each by the number of sessions:
    ``al.fit_multilevel("y ~ ... + (1 | client_id) + (1 | therapist_id)", data,
    membership={"therapist_id": exposure})``.

    Parameters
    ----------
    study_or_data
        A study (its sessions are used), or a table with a row or more a session.
    by, time, therapist
        The columns of the client, of the session's number or time, and of the therapist. Sessions
        of which no therapist is known count for none.

    Returns
    -------
    pandas.DataFrame
        ``row, <therapist>, weight``: for each row of the data (by its index) the therapists the
        client has met up to that session, it included, and their shares, which add up to one. Rows
        of a study are those of ``study.tables["sessions"]``.

    Raises
    ------
    ColumnError, DesignError
        Where a column is missing, or the index of the data names several rows.

    Examples
    --------
    >>> import alliance_stats as al, pandas as pd
    >>> sessions = pd.DataFrame({"client_id": ["c1"] * 4, "session": [1, 2, 3, 4],
    ...                          "therapist_id": ["a", "a", "b", "b"]})
    >>> al.therapist_exposure(sessions).tail(4)
       row therapist_id    weight
    2    2            a  0.666667
    3    2            b  0.333333
    4    3            a  0.500000
    5    3            b  0.500000
    """
    data = study_or_data
    if not isinstance(data, pd.DataFrame):
        if not hasattr(data, "tables"):
            raise ColumnError(
                f"A study or a table of sessions is needed, not {type(data).__name__}."
            )
        data = data.tables["sessions"]
    require_columns(data.columns, [by, time, therapist], what="the sessions")
    if not data.index.is_unique:
        raise DesignError(
            "The index of the data names several rows at once; use data.reset_index(drop=True)."
        )
    sessions = data[[by, time, therapist]].dropna().drop_duplicates()
    pairs = sessions[[by, therapist]].drop_duplicates()
    moments = data[[by, time]].dropna().drop_duplicates().sort_values([by, time], kind="stable")
    grid = moments.merge(pairs, on=by)
    own = sessions.assign(held=1.0)
    grid = grid.merge(own, on=[by, time, therapist], how="left")
    grid["held"] = grid["held"].fillna(0.0)
    grid["weight"] = grid.groupby([by, therapist], sort=False)["held"].cumsum()
    grid["weight"] /= grid.groupby([by, time], sort=False)["weight"].transform("sum")
    grid = grid[grid["weight"] > 0]
    rows = data[[by, time]].assign(row=data.index).dropna(subset=[by, time])
    found = rows.merge(grid, on=[by, time])
    return found[["row", therapist, "weight"]]

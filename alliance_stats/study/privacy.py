"""Giving a study away safely: keyed pseudonyms and shifted dates."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..errors import AllianceStatsError, ColumnError, did_you_mean, listing

if TYPE_CHECKING:
    import pandas as pd

    from .study import Study

SHORTEST_KEY = 8
"""A key with fewer characters can be found by trying."""

ID_COLUMNS = {
    "client_id": "c",
    "therapist_id": "t",
    "site_id": "s",
    "coder_id": "k",
}
"""Columns that name a person or place, and the letter their pseudonyms begin with."""

LONGEST_SHIFT = 36_500
"""Days; a hundred years."""

SHORTEST_HASH = 10
"""Hexadecimal digits of a pseudonym; more are taken where two ids would share one."""


def pseudonymise(
    study: Study, *, key: str | bytes, max_shift: int = 365, drop: Iterable[str] = ()
) -> Study:
    """Return the study with pseudonyms for ids and with each client's dates shifted.

    Ids of clients, therapists, sites and coders become keyed hashes (HMAC-SHA-256), the same in
    every table, so that tables still join and the same key gives the same pseudonyms again in
    next year's data. Whoever has the key can find out whether an id they know is in the data:
    keep it away from the data, and lose it to make that impossible.

    All dates of one client move by the same number of whole days, drawn by the key from 1 to
    `max_shift` backwards or forwards, so that intervals stay and calendar days do not.

    Parameters
    ----------
    study
        The study; it is not changed.
    key
        A secret of at least 8 characters (better 20 or more).
    max_shift
        Largest shift in days; 0 leaves dates as they are.
    drop
        Columns to leave out of every table, such as those `scan_identifiers` names.

    Returns
    -------
    Study
        ``.notes`` says what was done, and what was left for you to judge. The validation report
        is not carried over, since it quotes the old ids.

    Raises
    ------
    AllianceStatsError
        An empty or short key.
    ColumnError
        A column to drop that no table has, or that a table cannot do without.

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.simulate_study(n_therapists=5, n_clients=20, seed=1)
    >>> shared = al.pseudonymise(study, key="correct horse battery staple")
    >>> shared.clients["client_id"].iloc[0] == study.clients["client_id"].iloc[0]
    False
    """
    secret = _secret(key)
    shift_limit = _shift_limit(max_shift)
    if not isinstance(getattr(study, "tables", None), dict):
        raise AllianceStatsError(
            f"pseudonymise needs a Study, and got a {type(study).__name__}: open one first."
        )
    if not isinstance(drop, Iterable):
        raise AllianceStatsError(f"drop must be a list of columns, and is {drop!r}.")
    drop = (drop,) if isinstance(drop, str) else tuple(drop)
    tables = _without(study.tables, drop)
    shift = _shifts(_ids(tables, "client_id"), secret, shift_limit)
    names = {column: _pseudonyms(_ids(tables, column), column, secret) for column in ID_COLUMNS}
    frames = {name: _renamed(_moved(frame, shift), names) for name, frame in tables.items()}
    truth = study.truth
    if truth is not None:
        truth = truth.with_frames(lambda frame: _renamed(frame, names))
    notes = (*study.notes, *_notes(tables, names, shift_limit, drop))
    return study._with(tables=frames, truth=truth, report=None, folder=None, files=(), notes=notes)


def _secret(key: str | bytes) -> bytes:
    if not isinstance(key, (str, bytes)):
        raise AllianceStatsError(f"key must be a text or bytes, and is {type(key).__name__}.")
    secret = key.encode("utf-8", "surrogatepass") if isinstance(key, str) else key
    if len(secret.strip()) < SHORTEST_KEY:
        raise AllianceStatsError(
            f"key must have at least {SHORTEST_KEY} characters, and has {len(secret.strip())}: a "
            "short key can be found by trying. Take a long random one, for example from "
            "secrets.token_urlsafe(), and keep it away from the data."
        )
    return secret


def _shift_limit(max_shift: int) -> int:
    if isinstance(max_shift, bool) or not isinstance(max_shift, int) or max_shift < 0:
        raise AllianceStatsError(
            f"max_shift must be a whole number of days, 0 or more, and is {max_shift!r}."
        )
    if max_shift > LONGEST_SHIFT:
        raise AllianceStatsError(
            f"max_shift must be at most {LONGEST_SHIFT:,} days, and is {max_shift:,}: further off "
            "there are no dates."
        )
    return max_shift


def _without(tables: dict[str, pd.DataFrame], drop: tuple[str, ...]) -> dict[str, pd.DataFrame]:
    """Leave the named columns out of every table that has them."""
    from .tables import table_schema

    known = list(dict.fromkeys(str(c) for frame in tables.values() for c in frame.columns))
    for column in drop:
        if column not in known:
            raise ColumnError(
                f"No table has a column '{column}' to drop; the columns are "
                f"{listing(known, 20)}.{did_you_mean(column, known)}"
            )
        needy = [n for n, f in tables.items() if column in f and column in table_schema(n).needed]
        if needy:
            raise ColumnError(
                f"The column '{column}' cannot be dropped: the table '{needy[0]}' cannot do "
                "without it."
            )
    return {
        name: frame.drop(columns=[c for c in drop if c in frame]) for name, frame in tables.items()
    }


def _ids(tables: dict[str, pd.DataFrame], column: str) -> list[str]:
    """Return every value that the column has in any table."""
    values: dict[str, None] = {}
    for frame in tables.values():
        if column in frame.columns:
            values.update(dict.fromkeys(str(one) for one in frame[column].dropna().unique()))
    return list(values)


def _digest(secret: bytes, kind: str, value: str) -> str:
    text = f"{kind}\x1f{value}".encode("utf-8", "surrogatepass")
    return hmac.new(secret, text, hashlib.sha256).hexdigest()


def _pseudonyms(ids: list[str], column: str, secret: bytes) -> dict[str, str]:
    """Return id → pseudonym, with as many digits as it takes to tell all ids apart."""
    digests = [_digest(secret, column, one) for one in ids]
    length = SHORTEST_HASH
    while length < 64 and len({digest[:length] for digest in digests}) < len(ids):
        length += 2
    letter = ID_COLUMNS[column]
    return {one: letter + digest[:length] for one, digest in zip(ids, digests, strict=True)}


def _shifts(clients: list[str], secret: bytes, limit: int) -> dict[str, int]:
    """Return each client's shift in days: never 0 where a shift is wanted."""
    if limit == 0:
        return {}
    shifts = {}
    for client in clients:
        drawn = int(_digest(secret, "days", client)[:12], 16) % (2 * limit)
        shifts[client] = drawn - limit if drawn < limit else drawn - limit + 1
    return shifts


def _moved(frame: pd.DataFrame, shift: dict[str, int]) -> pd.DataFrame:
    """Shift every column of dates of a table that names clients."""
    import pandas as pd

    dates = _dates(frame)
    if not shift or "client_id" not in frame.columns or not dates:
        return frame
    days = pd.to_timedelta(frame["client_id"].map(shift, na_action="ignore").astype(float), "D")
    return frame.assign(**{name: (frame[name] + days).astype(frame[name].dtype) for name in dates})


def _dates(frame: pd.DataFrame) -> list[Any]:
    from pandas.api.types import is_datetime64_any_dtype

    return [name for name in frame.columns if is_datetime64_any_dtype(frame[name].dtype)]


def _renamed(frame: pd.DataFrame, names: dict[str, dict[str, str]]) -> pd.DataFrame:
    columns = [column for column in names if column in frame.columns]
    return frame.assign(**{column: _mapped(frame[column], names[column]) for column in columns})


def _mapped(column: pd.Series, names: dict[str, str]) -> pd.Series:
    import pandas as pd

    codes, values = pd.factorize(column)
    table = pd.Series([*(names[str(one)] for one in values), None], dtype=object).infer_objects()
    mapped = table.take(codes if len(codes) else []).set_axis(column.index)
    mapped.name = column.name
    return mapped


def _notes(
    tables: dict[str, pd.DataFrame],
    names: dict[str, dict[str, str]],
    limit: int,
    drop: tuple[str, ...],
) -> list[str]:
    done = [f"{len(ids)} {column}" for column, ids in names.items() if ids]
    notes = [f"Pseudonymised with a key: {', '.join(done) or 'no ids'}."]
    dated = [name for name, frame in tables.items() if _dates(frame)]
    if dated and limit:
        moved = [name for name in dated if "client_id" in tables[name].columns]
        left = [name for name in dated if name not in moved]
        if moved:
            notes.append(
                f"Dates of each client in {listing(moved)} were shifted by the same number of "
                f"days, at most {limit}; intervals are as they were."
            )
        if left:
            notes.append(f"Dates in {listing(left)} belong to no client and were left as they are.")
    elif dated:
        notes.append(f"Dates in {listing(dated)} were left as they are (max_shift=0).")
    if drop:
        notes.append(f"Columns left out: {listing(drop, 20)}.")
    notes.append(
        "Other columns were not touched: look at scan_identifiers() before sharing the study."
    )
    return notes

"""Giving a study away safely: keyed pseudonyms and shifted dates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...core.id_masking import Names
from ...core.people import ID_COLUMNS, ids_in
from ...errors import AllianceStatsError, ColumnError, did_you_mean, listing
from ..tables import table_schema
from .days import Days, moved_days
from .id_copies import is_telling, replacer, without_copies
from .keys import pseudonyms, secret_from, shifts

if TYPE_CHECKING:
    import pandas as pd

    from ..study import Study

LETTERS = dict(zip(ID_COLUMNS, "ctsk", strict=True))
"""What the pseudonyms of each column begin with."""

LONGEST_SHIFT = 36_500
"""Days; a hundred years."""


@dataclass
class _Done:
    """What was done to the tables, for the notes."""

    days: Days = field(default_factory=Days)
    copies: list[str] = field(default_factory=list)
    standing_for_ids: list[str] = field(default_factory=list)


def pseudonymise(
    study: Study, *, key: str | bytes, max_shift: int = 365, drop: Iterable[str] = ()
) -> Study:
    """Return the study with pseudonyms for ids and with each client's dates shifted.

    Ids of clients, therapists, sites and coders (and any further column named ``..._id``) become
    keyed hashes (HMAC-SHA-256 under a key stretched by scrypt), the same in every table, so that
    tables still join and the same key gives the same pseudonyms again in next year's data. Where
    an id stands again in another column, alone, inside a text or as a number, it is replaced
    there too. Rows are put into the order of the pseudonyms, so that their order tells nothing.
    Whoever has the key can find out whether an id they know is in the data: keep it away from the
    data, and lose it to make that impossible.

    All dates of one client, days written as text (2024-03-01, 01.03.2024 10:30) included, move by
    the same number of whole days, drawn by the key from 1 to `max_shift` backwards or forwards, so
    that intervals stay and calendar days do not. A date in a row without a client cannot be moved
    with anybody's: it is left out and counted. What seems to hold days in another form is named in
    ``.notes``: beside dates that were moved it would tell by how much.

    Parameters
    ----------
    study
        The study; it is not changed.
    key
        A secret of at least 8 characters (better 20 or more), not a word, the study's
        name, a year or a run of keys.
    max_shift
        Largest shift in days; 0 leaves dates as they are.
    drop
        Columns to leave out of every table, such as those `scan_identifiers` names.

    Returns
    -------
    Study
        ``.notes`` says what was done, and what was left for you to judge. The validation report,
        the notes of reading and tables' ``.attrs`` are not carried over, since they quote old ids;
        in the study's name and in labels an ellipsis stands for an id.

    Raises
    ------
    AllianceStatsError
        An empty, short or weak key.
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
    secret = secret_from(key, str(getattr(study, "name", "")))
    limit = _shift_limit(max_shift)
    if not isinstance(getattr(study, "tables", None), dict):
        raise AllianceStatsError(
            f"pseudonymise needs a Study, and got a {type(study).__name__}: open one first."
        )
    if not isinstance(drop, Iterable):
        raise AllianceStatsError(f"drop must be a list of columns, and is {drop!r}.")
    drop = (drop,) if isinstance(drop, str) else tuple(drop)
    tables = _without(study.tables, drop)
    names = _names(tables, secret)
    telling = {i: new for ids in names.values() for i, new in ids.items() if is_telling(i)}
    replace = replacer(telling)
    shift = shifts(list(names.get("client_id", {})), secret, limit)
    done = _Done()
    frames = {}
    for table, frame in tables.items():
        ids = {column: frame[column] for column in names if column in frame.columns}
        own = {column: names[column] for column in ids}
        kept = frozenset(field.name for field in table_schema(table).fields)
        moved = moved_days(table, frame, shift, limit, done.days)
        cleaned, copies = without_copies(moved, ids, own, replace, kept)
        done.copies += [f"{table}.{column}" for column in copies]
        done.standing_for_ids += [
            f"{table}.{column}" for column in _stands_for_id(cleaned, {*names, *kept, *copies})
        ]
        frames[table] = _ordered(_renamed(cleaned, names))
    truth = study.truth
    if truth is not None:
        truth = truth.with_frames(lambda frame: _ordered(_renamed(frame, names)))
    notes = tuple(_notes(names, limit, drop, done))
    if study.synthetic:
        notes = ("The data were simulated.", *notes)
    here = {str(column) for frame in frames.values() for column in frame} - names.keys()
    mask = Names.of(study).mask
    labels = {name: one.masked(mask) for name, one in study.labels.items() if name in here}
    said: dict[str, Any] = {"name": mask(study.name), "labels": labels, "notes": notes}
    return study._with(tables=frames, truth=truth, report=None, folder=None, files=(), **said)


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


def _names(tables: dict[str, pd.DataFrame], secret: bytes) -> dict[str, dict[str, str]]:
    """Return column → id → pseudonym: the four of the schemas first, then every ``..._id``."""
    names = {c: pseudonyms(_ids(tables, c), c, letter, secret) for c, letter in LETTERS.items()}
    known = {one: new for ids in reversed(names.values()) for one, new in ids.items()}
    for table, frame in tables.items():
        schema = {field.name for field in table_schema(table).fields}
        for column in frame.columns:
            if str(column).lower().endswith("_id") and column not in schema and column not in names:
                ids = _ids(tables, column)
                made = pseudonyms(ids, str(column), "x", secret)
                names[column] = {one: known.get(one, made[one]) for one in ids}
    return names


def _ids(tables: dict[str, pd.DataFrame], column: str) -> list[str]:
    """Return every value that the column has in any table, as text."""
    return list(dict.fromkeys(map(str, ids_in(tables, column))))


def _stands_for_id(frame: pd.DataFrame, known: set[str]) -> list[str]:
    """Return columns that are different for each client and the same in all of a client's rows."""
    from pandas.api.types import is_datetime64_any_dtype, is_float_dtype

    if "client_id" not in frame.columns or frame["client_id"].nunique() < 5:
        return []
    found = []
    for column in frame.columns:
        values = frame[column]
        if column in known or is_datetime64_any_dtype(values.dtype):
            continue
        if is_float_dtype(values.dtype) and not (values.dropna() % 1 == 0).all():
            continue
        try:
            pairs = frame[["client_id", column]].dropna().drop_duplicates()
        except TypeError:  # cells that cannot be compared, such as lists
            continue
        each = len(pairs) == pairs["client_id"].nunique() == pairs[column].nunique()
        if each and len(pairs) >= 5:
            found.append(str(column))
    return found


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


def _ordered(frame: pd.DataFrame) -> pd.DataFrame:
    """Put rows into the order of the pseudonyms; within them they stay as they were."""
    by = [column for column in ID_COLUMNS if column in frame.columns][:1]
    ordered = frame.sort_values(by, kind="stable", ignore_index=True) if by else frame.copy()
    ordered.attrs = {}
    return ordered


def _notes(
    names: dict[str, dict[str, str]], limit: int, drop: tuple[str, ...], done: _Done
) -> list[str]:
    counted = [f"{len(ids)} {column}" for column, ids in names.items() if ids]
    notes = [
        "Pseudonymised with a key; rows are in the order of the pseudonyms. They stand for "
        f"{', '.join(counted) or 'no ids'}."
    ]
    if done.copies:
        notes.append(f"Ids stood also in {listing(done.copies, 20)}, and were replaced there.")
    notes += done.days.notes(limit)
    if drop:
        notes.append(f"Columns left out: {listing(drop, 20)}.")
    if done.standing_for_ids:
        notes.append(
            f"Different for every client, and so able to stand for an id: "
            f"{listing(done.standing_for_ids, 20)}. Drop what is not needed."
        )
    notes.append(
        "Other columns were not touched: look at scan_identifiers() before sharing the study."
    )
    return notes

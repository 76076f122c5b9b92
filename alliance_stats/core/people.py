"""Whose rows are these? The ids of a study, and client numbers given out anew by every therapist.

Where each therapist counts clients from 1, ``client_id`` 1 is as many people as there are
therapists. A client who changed therapist also stands under several, but never has one session
with two of them: that is how the two are told apart.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from ..errors import DesignError, listing, plural

CLIENT, THERAPIST, SESSION = "client_id", "therapist_id", "session"
GROUP = "group_id"
"""The therapy group a client is in, where treatment is given to several at once."""
ID_COLUMNS = (CLIENT, THERAPIST, "site_id", "coder_id")
"""The columns of a study's tables that name a person or a place."""
OTHERS = frozenset({"synthetic"})
"""Arguments that hold other people by design, whose ids need not be those of the first."""
ANEW = 0.9  # share of therapists whose groups are numbered from the first on, without a gap
SHARED = "shared"
"""What begins the names of therapy groups that have clients of several therapists."""
SEVERAL = 10
"""Fewer categories than this may well be one a client, in a small study."""


def ids_in(tables: Mapping[str, pd.DataFrame], column: str) -> list[Any]:
    """Return what an id column holds in any of the tables, each id once."""
    held = [table[column] for table in tables.values() if column in table.columns]
    return list(dict.fromkeys(one for ids in held for one in ids.dropna().unique()))


def refuse_ids(data: pd.DataFrame, columns: Iterable[str]) -> None:
    """Raise `DesignError` where an id would count as a measurement, or a client as a category.

    A number that names a person is no amount; a category that each client has alone leaves nothing
    to compare. The id of a therapist or a site in words is a category, and stays.
    """
    for column in columns:
        if column not in data.columns:
            continue
        cells = data[column]
        if column in ID_COLUMNS and types.is_numeric_dtype(cells):
            raise DesignError(
                f"'{column}' is an id: its numbers say who somebody is, not how much of anything, "
                f"so they cannot be a predictor. Group by it, as in (1 | {column})"
                + (f", or compare its categories with C({column})." if column != CLIENT else ".")
            )
        if column == CLIENT or _one_each(data, cells):
            raise DesignError(
                f"'{column}' is an id: as a predictor it has {cells.nunique()} categories, one for "
                f"each client, and nothing is left to compare. Group by it, as in (1 | {column})."
            )


def _one_each(data: pd.DataFrame, cells: pd.Series) -> bool:
    """Tell a column of words in which each client has one of his own, whatever its name."""
    if CLIENT not in data.columns or cells.name == CLIENT or cells.name == data[CLIENT].name:
        return False
    kind = cells.dtype
    if types.is_numeric_dtype(kind) or types.is_datetime64_any_dtype(kind):
        return False
    try:
        pairs = pd.DataFrame({"own": cells, "client": data[CLIENT]}).dropna().drop_duplicates()
    except TypeError:  # cells that hold lists are told of where they are used
        return False
    n = len(pairs)
    return n >= SEVERAL and pairs["own"].is_unique and pairs["client"].is_unique


@dataclass(frozen=True, eq=False)
class Reuse:
    """Ids that stand for several people, and which rows hold them."""

    client: str
    therapist: str
    ids: tuple[object, ...]
    n_pairs: int
    rows: np.ndarray
    timed: bool

    @property
    def fact(self) -> str:
        """Return in words what was found."""
        n = len(self.ids)
        return (
            f"{plural(n, self.client)} ({listing(self.ids)}) {'are' if n > 1 else 'is'} "
            f"used again under several {self.therapist}s{' in the same sessions' * self.timed}, "
            f"so {'they stand' if n > 1 else 'it stands'} for {self.n_pairs} people"
        )

    @property
    def advice(self) -> str:
        """Return what makes the ids those of one person each."""
        client, therapist = repr(self.client), repr(self.therapist)
        return (
            f"To make the ids unique: data[{client}] = data[{therapist}].astype(str) + '-' + "
            f"data[{client}].astype(str)."
        )


def reused_ids(
    data: pd.DataFrame,
    client: str = CLIENT,
    therapist: str = THERAPIST,
    *,
    time: str | None = SESSION,
) -> Reuse | None:
    """Return the client ids that stand for several people, or None where none are found.

    An id is used again where one session of it stands under two therapists. Without the column
    `time` a change of therapist cannot be told from that, and ids count as used again only where
    most of them stand under several therapists (nobody moves most of a clinic's clients). With
    `time` None, each client can have one row only.
    """
    if client == therapist or not {client, therapist} <= set(map(str, data.columns)):
        return None
    if any(isinstance(data[name], pd.DataFrame) for name in (client, therapist)):
        return None  # a column that is there twice: told by whoever needs it
    pairs = data[[client, therapist]].dropna().drop_duplicates()
    again = pairs[client].duplicated(keep=False)
    if not again.any():
        return None
    timed = time in data.columns and not isinstance(data[time], pd.DataFrame)
    if timed:
        held = data[[client, therapist, time]].dropna().drop_duplicates()
        ids = held.loc[held.duplicated([client, time]), client].unique()
    else:
        ids = pairs.loc[again, client].unique()
        if time is not None and 2 * len(ids) <= pairs[client].nunique():
            return None
    if not len(ids):
        return None
    n_pairs = int(pairs[client].isin(ids).sum())
    rows = data[client].isin(ids).to_numpy(dtype=bool)
    return Reuse(client, therapist, tuple(ids), n_pairs, rows, timed)


def refuse_groups_that_start_anew(
    data: pd.DataFrame, remedy: str, group: str = GROUP, therapist: str = THERAPIST
) -> None:
    """Raise `DesignError` where each therapist numbers therapy groups from the first on.

    Groups that really have clients of several therapists seldom lie so that each therapist has the
    first of them and no gaps; numbers that are given out by each always do. A few large groups do
    too: there the names say it, or clients whose group goes from one therapist to the next.
    """
    if not {group, therapist} <= set(map(str, data.columns)):
        return
    pairs = data[[group, therapist]].dropna().drop_duplicates()
    names = pairs[group].astype(str).str.removesuffix(".0")
    if names.str.lower().str.startswith(SHARED).all() or _led_in_turn(data, group, therapist):
        return
    place = _place_in_list(names)
    of = place.groupby(pairs[therapist]).agg(["min", "max", "size"])
    first = of["min"] == place.min()
    anew = first & (of["max"] - of["min"] + 1 == of["size"])
    if len(of) < 3 or place.nunique() < 2 or anew.mean() < ANEW:
        return
    raise DesignError(
        f"The numbers in '{group}' seem to start anew under each '{therapist}' (the first, "
        f"{pairs[group][place == place.min()].iloc[0]}, stands under {int(first.sum())} of "
        f"{len(of)}), so that one number is several groups: {remedy} If they are the same groups, "
        f"with clients of several therapists, write '{SHARED}' before each number, as in "
        f"'{SHARED} 1'."
    )


def _led_in_turn(data: pd.DataFrame, group: str, therapist: str) -> bool:
    """Say whether most clients stay in their group while its therapist changes."""
    if CLIENT not in data.columns:
        return False
    met = data[[CLIENT, group, therapist]].dropna().drop_duplicates()
    handed = met.loc[met.duplicated([CLIENT, group]), CLIENT].nunique()
    return bool(2 * handed > met[CLIENT].nunique())


def _place_in_list(words: pd.Series) -> pd.Series:
    """Return the numbers in ``1``, ``g1`` or ``a``; empty where words are no such list."""
    stems = words.str.replace(r"\d+", "#", regex=True)
    if set(stems.str.count("#")) == {1} and len(set(stems)) == 1:
        return pd.to_numeric(words.str.extract(r"(\d+)")[0])
    if words.str.fullmatch("[A-Za-z]").all():
        return words.str.lower().map(ord)
    return pd.Series(np.nan, words.index)


def reuse_hint(data: pd.DataFrame, client: str = CLIENT, *, time: str | None = SESSION) -> str:
    """Return what to add to a refusal of rows that come twice, where the ids are the reason."""
    found = reused_ids(data, client, time=time)
    return "" if found is None else f" {found.fact}. {found.advice}"


def handovers(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Say whose therapist is taken where a study's clients changed therapist between sessions."""
    clients, sessions = tables.get("clients"), tables.get("sessions")
    if clients is None or sessions is None:
        return []
    if not all({CLIENT, THERAPIST} <= set(table.columns) for table in (clients, sessions)):
        return []
    known = clients.dropna(subset=[THERAPIST]).drop_duplicates(CLIENT).set_index(CLIENT)[THERAPIST]
    own = sessions[[CLIENT, THERAPIST]].dropna()
    named = own[CLIENT].map(known)
    other = named.notna() & (named.astype(str) != own[THERAPIST].astype(str))
    if not other.any():
        return []
    who = own.loc[other, CLIENT].unique()
    return [
        f"{plural(len(who), 'client')} ({listing(who)}) had "
        f"{plural(int(other.sum()), 'session')} with another therapist than the table 'clients' "
        "names; where therapists are compared, all of a client's sessions count for the one named "
        "there."
    ]


def refuse_repeats(table: pd.DataFrame, keys: list[str], what: str) -> None:
    """Refuse a table in which a client's session (or whatever `keys` are) stands twice."""
    if not set(keys) <= set(table.columns):
        return
    twice = table.duplicated(keys, keep=False)
    if twice.any():
        first = table.loc[twice, keys].drop_duplicates()
        words = [" ".join(map(str, row)) for row in first.itertuples(index=False)]
        raise DesignError(
            f"{what} must have one row for each {' and '.join(keys)}, but {len(words)} stand more "
            f"than once: {listing(words)}."
            + reuse_hint(table, time="session" if "session" in keys else None)
        )


def plain_id(text: str) -> str:
    """Return an id without blanks, case and leading zeros: what two spellings have in common.

    Letters that look the same count as the same (é in one sign or in two), and signs that do not
    show (a blank of no width) as none.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        text = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    plain = "".join(text.split()).casefold()
    return plain.lstrip("0") or "0" if plain.isdecimal() else plain


def one_spelling(given: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Return the frames among some arguments in which ids had to be written alike.

    An id is the same as number and as text (1, 1.0, ``"1"``), with blanks around it, and in
    either form of its accents; the first argument's spelling counts. What only looks alike
    (``"01"`` and 1, ``"C1"`` and ``"c1"``) may be two people.

    Raises
    ------
    DesignError
        Where two arguments share no client, or ids that only look alike are all that is left.
    """
    changed: dict[str, pd.DataFrame] = {}
    given = {name: value for name, value in given.items() if name not in OTHERS}
    frames = [value for value in given.values() if isinstance(value, pd.DataFrame)]
    if not frames and sum(hasattr(value, "tables") for value in given.values()) < 2:
        return changed  # a study alone: its ids were written alike when it was opened
    for column in ID_COLUMNS:
        first: tuple[str, dict[str, Any]] | None = None
        for name, value in given.items():
            frame = value if isinstance(value, pd.DataFrame) else None
            if frame is None:
                held = ids_in(getattr(value, "tables", None) or {}, column)
            elif list(frame.columns).count(column) != 1:
                continue
            else:
                try:
                    held = list(pd.unique(frame[column].dropna()))
                except TypeError:  # cells that hold lists are told of where they are used
                    continue
            if not all(isinstance(one, str | int | float | np.number) for one in held):
                continue
            known = {} if first is None else first[1]
            texts = [_spelled(one) for one in held]
            own: dict[str, Any] = {}
            for text, one in zip(texts, held, strict=True):
                own.setdefault(text, one)
            if first is not None and column == CLIENT:
                _refuse_strangers(own, name, known, first[0])
            spelling = {**own, **known}
            renamed = {one: spelling[text] for one, text in zip(held, texts, strict=True)}
            if frame is not None and any(
                new is not old and (new != old or type(new) is not type(old))
                for old, new in renamed.items()
            ):
                frame = changed.get(name, frame)
                cells = frame[column].astype(object).map(renamed, na_action="ignore")
                changed[name] = frame.assign(**{column: cells.infer_objects()})
            if first is None and held:
                first = name, own
    return changed


def _spelled(value: Any) -> str:
    """Return an id as text: whole numbers without a point, no blanks around, composed accents."""
    text = unicodedata.normalize("NFC", str(_as_text(value))).strip()
    return text[:-2] if text.endswith(".0") and text[:-2].isdecimal() else text


def _refuse_strangers(own: dict[str, Any], name: str, known: dict[str, Any], first: str) -> None:
    """Raise `DesignError` where ids of an argument are none of the first's, or look like them."""
    if not own or not known:
        return
    alike = {plain_id(text): one for text, one in known.items() if text not in own}
    near = [(one, alike[plain_id(text)]) for text, one in own.items()
            if text not in known and plain_id(text) in alike]  # fmt: skip
    if near:
        raise DesignError(
            f"{plural(len(near), 'client_id')} of `{name}` only look like those of `{first}` "
            f"(first: {near[0][0]!r} and {near[0][1]!r}). Write the ids of both alike."
        )
    if not own.keys() & known.keys():
        raise DesignError(
            f"No client_id of `{name}` is one of `{first}`: {listing(own.values(), 3)} "
            f"against {listing(known.values(), 3)}. Are both of the same clients?"
        )


def trimmed(column: pd.Series) -> pd.Series:
    """Return ids or names of groups without blanks around them; a blank one is a missing one.

    Cells that are no text stay as they are, and so does a column in which nothing is to be done.
    """
    if types.is_numeric_dtype(column.dtype):
        return column
    try:
        held = column.dropna().unique()
    except TypeError:  # cells that hold lists are told of where they are used
        return column
    renamed = {one: one.strip() or None for one in held if isinstance(one, str)}
    changed = {one: new for one, new in renamed.items() if new != one}
    if not changed:
        return column
    cells = column.astype(object)
    return cells.where(~cells.isin(list(changed)), cells.map(changed))


def in_words(column: pd.Series) -> pd.Series:
    """Return the names of groups as text, `trimmed`; the number 1.0 is called ``"1"``."""
    return trimmed(column).astype(object).map(lambda one: str(_as_text(one)), na_action="ignore")


def same_ids(table: pd.DataFrame, like: pd.Series) -> pd.DataFrame:
    """Return `table` with its client_id in the type of `like`, so that the two can be merged."""
    own = table["client_id"]
    if own.dtype == like.dtype:
        return table
    if types.is_numeric_dtype(like.dtype) and not types.is_bool_dtype(like.dtype):
        as_number = pd.to_numeric(own.astype(object), errors="coerce")
        if as_number.notna().all():
            return table.assign(client_id=as_number.astype(like.dtype))
    text = own.astype(object)
    if not types.is_numeric_dtype(like.dtype):
        text = text.map(_as_text)
    return table.assign(client_id=text)


def _as_text(value: Any) -> Any:
    """Return a number as the text a person would type for it; anything else as it is."""
    if isinstance(value, bool | np.timedelta64):
        return value
    if not isinstance(value, int | float | np.integer | np.floating):
        return value
    return str(int(value)) if float(value).is_integer() else str(value)

"""Codes of observers by session and coder, with what was looked for and not seen as zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ...core.arguments import checked_choice, whole
from ...errors import DesignError, listing, plural
from ..reading import table_of
from .event_checks import check_codes, check_principles, keyed

if TYPE_CHECKING:
    from ...study import Study

SESSION = ["client_id", "session"]
FAMILIES = ("withdrawal", "confrontation", "resolution")


def tables_of(
    data: Study | pd.DataFrame | None,
    codes: pd.DataFrame | None,
    principles: pd.DataFrame | None,
) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    """Return the tables ``observer_codes`` and ``principle_codes``, from wherever they are."""
    codes = table_of(data, "observer_codes", codes)
    principles = table_of(data, "principle_codes", principles)
    if isinstance(data, pd.DataFrame):
        if "principle" in data.columns and principles is None:
            principles = data
        elif "family" in data.columns and codes is None:
            codes = data
    if codes is not None:
        codes = None if _nothing_in(codes) else check_codes(codes)
    if principles is not None:
        principles = None if _nothing_in(principles) else check_principles(principles)
    if codes is None and principles is None:
        raise DesignError(
            "There are no codes: pass a study with the table 'observer_codes' or "
            "'principle_codes', or one of these tables."
        )
    return codes, principles


def _nothing_in(table: object) -> bool:
    return isinstance(table, pd.DataFrame) and table.empty


def coded_by(
    codes: pd.DataFrame | None, principles: pd.DataFrame | None, coded: pd.DataFrame | None
) -> tuple[pd.DataFrame, str]:
    """Return who coded which session (client, session, coder), and how that is known.

    A coder who saw no marker leaves no row, so the table of codes alone does not tell.
    """
    key = [*SESSION, "coder_id"]
    if coded is not None:
        given = keyed(coded, key, "the list of coded sessions")
        return given[key].drop_duplicates(), "Who coded which session was given."
    if principles is not None:
        parts = [principles[key]] + ([] if codes is None else [codes[key]])
        how = "A session counts as coded by everyone who rated its principles or marked it."
        return pd.concat(parts).drop_duplicates(), how
    if codes is None:
        raise DesignError("There are no codes.")
    sessions = codes[SESSION].drop_duplicates()
    coders = codes[["coder_id"]].drop_duplicates()
    return sessions.merge(coders, how="cross"), (
        "Who coded which session is not known: every coder is taken to have coded every session in "
        "the table. Sessions in which no coder saw anything are missing, so agreement on nothing "
        "is not counted; pass coded= (client_id, session, coder_id)."
    )


def counts_by_family(codes: pd.DataFrame, by: pd.DataFrame) -> pd.DataFrame:
    """Return, for each coded session and coder, how many segments hold each family's markers."""
    key = [*SESSION, "coder_id"]
    seen = codes.groupby([*key, "family"])["segment"].nunique()
    wide = seen.unstack("family").reindex(columns=FAMILIES).reset_index()  # noqa: PD010
    both = by.merge(wide, on=key, how="left")[[*key, *FAMILIES]]
    return both.assign(**{name: both[name].fillna(0.0).astype(float) for name in FAMILIES})


def summarise_codes(
    data: Study | pd.DataFrame,
    *,
    codes: pd.DataFrame | None = None,
    principles: pd.DataFrame | None = None,
    coded: pd.DataFrame | None = None,
    by: str = "session",
    segments: int | None = None,
) -> pd.DataFrame:
    """What did the observers see in each session over coders, or in each segment?

    Parameters
    ----------
    data
        A `Study`, or one of the two tables.
    codes, principles
        Tables ``observer_codes`` and ``principle_codes``, where `data` is not a study with them.
    coded
        Who coded which session (``client_id, session, coder_id``); without it, taken from the
        tables, and ``.attrs["messages"]`` says how.
    by
        ``"session"``, or ``"segment"``: a row a segment and coder, to be fitted as a yes or no.
    segments
        With ``by="segment"``: into how many segments a session was cut. The table of codes does
        not tell, since a segment without a marker leaves no row.

    Returns
    -------
    pandas.DataFrame
        By session, one row a coded session: ``client_id, session, n_coders``, then the mean over
        coders of the number of segments with markers: ``withdrawal, confrontation, resolution``;
        ``rupture`` (share of coders who saw withdrawal or confrontation), ``peak`` (highest
        rating of a rupture marker, where there are ratings), and one column a principle (mean
        extent over coders). By segment: ``client_id, session, coder_id, segment``, then as 1 and
        0 ``withdrawal, confrontation, resolution`` and ``rupture``, one of the first two.

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.simulate_study(n_therapists=8, n_clients=40, seed=2)
    >>> al.summarise_codes(study).columns[:4].tolist()
    ['client_id', 'session', 'n_coders', 'withdrawal']
    """
    marks, extents = tables_of(data, codes, principles)
    who, how = coded_by(marks, extents, coded)
    if checked_choice("by", by, ("session", "segment")) == "segment":
        table = _by_segment(marks, who, segments)
        table.attrs = {"messages": (how,)}
        return table
    if segments is not None:
        raise DesignError("segments= goes with by='segment'.")
    table = who.groupby(SESSION).size().rename("n_coders").reset_index()
    if marks is not None:
        counts = counts_by_family(marks, who)
        counts["rupture"] = ((counts["withdrawal"] + counts["confrontation"]) > 0).astype(float)
        means = counts.groupby(SESSION)[[*FAMILIES, "rupture"]].mean().reset_index()
        table = table.merge(means, on=SESSION, how="left")
        if "rating" in marks.columns:
            rupture = marks[marks["family"].isin(FAMILIES[:2])]
            peak = rupture.groupby(SESSION)["rating"].max().rename("peak").reset_index()
            table = table.merge(peak, on=SESSION, how="left")
    if extents is not None:
        mean = extents.groupby([*SESSION, "principle"])["extent"].mean()
        table = table.merge(mean.unstack("principle").reset_index(), on=SESSION, how="left")  # noqa: PD010
    table.attrs = {"messages": (how,)}
    return table


def _by_segment(
    codes: pd.DataFrame | None, who: pd.DataFrame, segments: int | None
) -> pd.DataFrame:
    """Return a row a segment and coder: whether each family was seen there."""
    if codes is None:
        raise DesignError("There is no table 'observer_codes', which holds the segments.")
    if segments is None:
        raise DesignError(
            "by='segment' needs segments=, into how many a session was cut: fifty minutes in "
            "segments of five are 10."
        )
    n, codes = whole(segments, "segments", 1), codes[codes["family"].notna()]
    numbers = pd.to_numeric(codes["segment"], errors="coerce")  # texts of numbers are numbers
    beyond = codes.loc[~numbers.isin(range(1, n + 1)), "segment"]
    if len(beyond):
        raise DesignError(
            f"{plural(len(beyond), 'code stands', 'codes stand')} in a segment of 'observer_codes' "
            f"that is none of 1 to {n}: {listing(beyond.unique())}. Give segments= what a session "
            "was cut into."
        )
    codes = codes.assign(segment=numbers.astype(int))
    key = [*SESSION, "coder_id", "segment"]
    rows = who.merge(pd.DataFrame({"segment": range(1, n + 1)}), how="cross").sort_values(key)
    seen = pd.crosstab([codes[name] for name in key], codes["family"]) > 0
    table = rows.merge(seen.reindex(columns=FAMILIES), on=key, how="left").reset_index(drop=True)
    for name in FAMILIES:
        table[name] = table[name].eq(True).astype(int)
    return table[key].assign(
        **table[list(FAMILIES)], rupture=table[["withdrawal", "confrontation"]].max(axis=1)
    )

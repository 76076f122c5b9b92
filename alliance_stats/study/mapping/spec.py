"""What a study's description says, as frozen values with every name checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .patterns import Pattern

Columns = dict[str, str]
"""Canonical column → the file's column."""


@dataclass(frozen=True)
class MeasureSpec:
    """One measure in one file: who rated it and where its items or totals stand.

    Attributes
    ----------
    measure, rater
        As the columns ``measure`` and ``rater`` hold them.
    items
        A pattern, or the item columns by item number; None without items.
    scores
        Scale → the column (or pattern) of its total.
    scored
        What the totals are, ``sum`` or ``mean``; None for what the card says.
    answers
        The number each answer in words stands for; ``labels``: as the file's labels of values say.
    reversed
        The file already holds reversed values.
    missing
        Codes for missing of these columns alone; None for those of the source.
    session, occasion
        Where one column belongs to one session or occasion, which one.
    line
        Where in ``study.yaml``.
    """

    measure: str
    rater: str
    items: Pattern | dict[int, str] | None = None
    scores: dict[str, Pattern | str] = field(default_factory=dict)
    scored: str | None = None
    answers: dict[Any, float] | str = field(default_factory=dict)
    reversed: bool = False
    missing: tuple[Any, ...] | None = None
    session: int | None = None
    occasion: str | None = None
    line: int | None = None


@dataclass(frozen=True)
class SourceSpec:
    """One file of the study and what its columns mean.

    Attributes
    ----------
    columns
        Our column → the file's column, as written; a name that is none of ours is a further
        column that comes along under that name.
    constants
        Canonical column → one value for the whole file.
    where
        Only these rows: the file's column → the values it may hold (None: an empty cell).
    recode
        Our column (that use alone) or the file's (all its uses) → old value → new value.
    missing_words
        Words that mean missing in the file; None for the usual ones.
    id_prefix
        Put before ids of clients and therapists.
    episode
        The column that counts a client's treatments, or one number for the file; None for 1.
    by_date
        The column of sessions holds dates: a client's n-th day is session n.
    carry
        True: further columns come along; False: none; else those named.
    told
        Our columns of which a mistake in the description has been told already.
    as_is
        A saved study's table: what stands in it was put there by us, blanks around ids too.
    """

    file: str
    sheet: str | int | None = None
    table: str | None = None
    columns: Columns = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    where: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    recode: dict[str, dict[Any, Any]] = field(default_factory=dict)
    missing: tuple[Any, ...] = ()
    missing_words: tuple[str, ...] | None = None
    measures: tuple[MeasureSpec, ...] = ()
    by_date: bool = False
    carry: bool | tuple[str, ...] = True
    id_prefix: str = ""
    episode: str | int | None = None
    time_unit: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    date_format: str | None = None
    told: frozenset[str] = frozenset()
    as_is: bool = False
    line: int | None = None


@dataclass(frozen=True)
class StudySpec:
    """A whole ``study.yaml``."""

    name: str
    sources: tuple[SourceSpec, ...] = ()
    description: str = ""
    synthetic: bool = False
    raters: dict[str, str] = field(default_factory=dict)
    time_unit: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)

"""What a page is made of: plain values, so that a test reads what a reader would see.

All text here is plain text. The page escapes it; nothing that comes from data is ever markup.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from ..core.display.table import Table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure as Canvas


@dataclass(frozen=True)
class Paragraph:
    """A few sentences."""

    text: str


@dataclass(frozen=True)
class Caution:
    """What a reader must know before using the numbers."""

    text: str


@dataclass(frozen=True)
class Figure:
    """A drawn figure, with the table of what was drawn; None where that is data of persons."""

    key: str
    title: str
    canvas: Canvas
    how: str
    note: str = ""
    alt: str = ""
    data: pd.DataFrame | None = None
    methods: str = ""
    folded: bool = False


Block: TypeAlias = Paragraph | Caution | Table | Figure


@dataclass(frozen=True)
class Section:
    """One section of a report.

    Attributes
    ----------
    headline
        One sentence for the summary at the top; empty where there is nothing to say.
    reason
        Why the section could not be computed; empty where it was.
    status
        ``complete``, ``partial`` (some blocks could not be computed), ``not possible`` (the data
        cannot carry it) or ``failed`` (an error of the program).
    messages
        What the functions said while they ran; goes into ``run.json``.
    withheld
        Whether all that is missing is withheld, as few people are behind it.
    used
        The choices that made the numbers (measure, rule, formula, seed); goes into ``run.json``.
    """

    key: str
    title: str
    blocks: tuple[Block, ...] = ()
    headline: str = ""
    reason: str = ""
    status: str = "complete"
    messages: tuple[str, ...] = ()
    used: dict[str, Any] = field(default_factory=dict)
    withheld: bool = False

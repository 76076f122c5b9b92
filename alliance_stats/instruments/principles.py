"""The thirteen principles of alliance-focused treatment, as a coding scheme."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..core.resources import folder
from .card_check import read_trusted
from .facts import Source

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Principle:
    """One principle: what it serves, how its extent is rated, and what in the data speaks for it.

    Attributes
    ----------
    name, title
        The id that the column ``principle`` holds, and the principle in words.
    number
        Its place in the list of thirteen.
    serves
        ``building``, ``detecting`` or ``repairing`` the alliance.
    evidence_in_data
        What a study of this package can show for it, and where.
    anchors
        Extent 0 to 4 → what a rater sees at that extent.
    sources, verified
        Where it comes from, and whether its place in the list was read there.
    """

    name: str
    title: str
    number: int
    serves: str
    evidence_in_data: tuple[str, ...]
    anchors: dict[int, str]
    sources: tuple[Source, ...]
    verified: bool
    note: str = ""

    def __hash__(self) -> int:
        return hash(self.name)


def list_principles() -> pd.DataFrame:
    """Return the thirteen principles, one row each, in their order.

    The table ``principle_codes`` holds, for a session and a coder, the extent (0-4) to which
    each was seen. Columns: ``principle, number, title, serves, evidence_in_data, extent_0`` to
    ``extent_4``, ``sources, verified``.

    Examples
    --------
    >>> import alliance_stats as al
    >>> len(al.list_principles())
    13
    """
    import pandas as pd

    return pd.DataFrame([_row(principle) for principle in load_principles().values()])


@lru_cache(maxsize=1)
def load_principles() -> dict[str, Principle]:
    """Return the principles by name, in their order."""
    cards = [read_trusted(path) for path in (folder("schemas") / "principles").glob("*.yaml")]
    ordered = sorted(cards, key=lambda card: card["number"])
    return {card["id"]: _principle(card) for card in ordered}


def _principle(card: dict[str, Any]) -> Principle:
    return Principle(
        name=card["id"],
        title=card["title"],
        number=card["number"],
        serves=card["serves"],
        evidence_in_data=tuple(card["evidence_in_data"]),
        anchors={int(extent): text for extent, text in card["anchors"].items()},
        sources=tuple(Source(key, **source) for key, source in card["sources"].items()),
        verified=card["verified"]["status"],
        note=card["verified"].get("read", ""),
    )


def _row(principle: Principle) -> dict[str, Any]:
    return {
        "principle": principle.name,
        "number": principle.number,
        "title": principle.title,
        "serves": principle.serves,
        "evidence_in_data": " ".join(principle.evidence_in_data),
        **{f"extent_{extent}": text for extent, text in principle.anchors.items()},
        "sources": "; ".join(str(source) for source in principle.sources),
        "verified": principle.verified,
    }

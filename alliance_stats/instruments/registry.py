"""Which instruments are known: those that ship, and a study's own."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.resources import folder
from ..errors import MeasureError, listing, nearest
from .card import Measure
from .card_check import read_card, read_trusted
from .card_reading import from_dict

if TYPE_CHECKING:
    import pandas as pd


class Registry(Mapping[str, Measure]):
    """The known instruments, by id. Aliases, case, blanks and hyphens do not matter.

    Attributes
    ----------
    replaced
        Ids of shipped cards that the study's own folder replaces.
    """

    def __init__(self, cards: Mapping[str, Measure], replaced: tuple[str, ...] = ()) -> None:
        self._cards = dict(cards)
        self._names = _names(self._cards.values())
        self.replaced = replaced

    def find(self, name: object) -> Measure:
        """Return the card of a name or alias; an unknown name is refused with the nearest."""
        if isinstance(name, Measure):
            return name
        known = self._names.get(folded(name))
        if known is not None:
            return self._cards[known]
        hint = nearest(name, self._cards) or nearest(name, self._names)
        also = f" Did you mean '{self._names.get(folded(hint), hint)}'?" if hint else ""
        raise MeasureError(
            f"The measure '{name}' is not known; known are {listing(self._cards, 60)}.{also} "
            "An instrument of your own is added as a card in the study's folder 'measures'."
        )

    def __getitem__(self, name: str) -> Measure:
        return self.find(name)

    def __contains__(self, name: object) -> bool:
        return folded(name) in self._names

    def get(self, name: Any, default: Any = None) -> Any:
        """Return the card of a name or alias, or `default`."""
        return self.find(name) if name in self else default

    def __iter__(self) -> Iterator[str]:
        return iter(self._cards)

    def __len__(self) -> int:
        return len(self._cards)

    def __repr__(self) -> str:
        return f"<Registry of {len(self)} measures: {listing(self, 60)}>"

    def table(self) -> pd.DataFrame:
        """Return one row a card: what `list_measures` shows."""
        import pandas as pd

        return pd.DataFrame([_row(card) for card in self.values()])


def load_registry(extra_folder: str | PathLike[str] | None = None) -> Registry:
    """Return the shipped cards and, where a folder is given, those in it.

    A card is one YAML file named after its id (``my-scale.yaml``) that meets
    ``schemas/measures/measure.schema.json``. A card of the folder with the id of a shipped one
    takes its place; ``Registry.replaced`` says so.

    Parameters
    ----------
    extra_folder
        A study's own folder of cards; one that does not exist holds none.

    Raises
    ------
    MeasureError
        Where a card is faulty (file, line, place, nearest key), or two cards share a name.
    """
    shipped = _shipped()
    if extra_folder is None:
        return shipped
    where = Path(extra_folder)
    try:  # a folder that may not be entered looks empty to glob, and its cards would vanish
        there = sorted(where.iterdir()) if os.path.lexists(where) else []
    except OSError as error:
        raise MeasureError(
            f"The cards in '{where}' cannot be read: {error.strerror or error}."
        ) from None
    files = [path for path in there if path.suffix.lower() in (".yaml", ".yml")]
    own: dict[str, Measure] = {}
    for path in files:
        card = from_dict(read_card(path), origin=str(path))
        if card.name in own:
            raise MeasureError(
                f"The measure '{card.name}' has two cards in {where}: keep one of "
                f"{card.name}.yaml and {card.name}.yml."
            )
        own[card.name] = card
    if not own:
        return shipped
    replaced = tuple(name for name in own if name in set(shipped))
    return Registry({**shipped._cards, **own}, replaced)


def measure(name: str, *, registry: Registry | None = None) -> Measure:
    """Return the card of one instrument.

    Parameters
    ----------
    name
        Its id or an alias (``"wai-sr"``, ``"WAI-SR"``, ``"oq45"``).
    registry
        Where to look; the shipped cards unless given (see `load_registry`).

    Raises
    ------
    MeasureError
        Where the name is not known; the nearest is named.

    Examples
    --------
    >>> import alliance_stats as al
    >>> al.measure("oq45").reversed_items
    (1, 12, 13, 20, 21, 24, 31, 37, 43)
    """
    return (registry or _shipped()).find(name)


def list_measures(registry: Registry | None = None) -> pd.DataFrame:
    """Return the known instruments, one row a card.

    Columns: ``name, title, construct, form, raters, n_items, low, high, scales, direction,
    licence, verified`` (every fact of the key was read in a named source), ``not_verified``
    (the facts that were not).

    Examples
    --------
    >>> import alliance_stats as al
    >>> table = al.list_measures().set_index("name")
    >>> [int(n) for n in table.loc["phq-9", ["n_items", "low", "high"]]]
    [9, 0, 3]
    """
    return (registry or _shipped()).table()


def folded(name: object) -> str:
    """Return a name without case, blanks, hyphens, underscores and full stops."""
    return re.sub(r"[\s\-_.]+", "", str(name)).casefold()


@lru_cache(maxsize=1)
def _shipped() -> Registry:
    files = sorted((folder("schemas") / "measures").glob("*.yaml"))
    cards = [from_dict(read_trusted(path), origin="alliance_stats") for path in files]
    return Registry({card.name: card for card in cards})


def _names(cards: Any) -> dict[str, str]:
    names: dict[str, str] = {}
    for card in cards:
        for name in (card.name, *card.aliases):
            other = names.setdefault(folded(name), card.name)
            if other != card.name:
                raise MeasureError(
                    f"The name '{name}' belongs to two measures, '{other}' and '{card.name}': "
                    "take it out of the aliases of one."
                )
    return names


def _row(card: Measure) -> dict[str, Any]:
    open_facts = [fact for fact, mark in card.verified.items() if not mark]
    return {
        "name": card.name,
        "title": card.title,
        "construct": card.construct,
        "form": card.form,
        "raters": ", ".join(card.raters),
        "n_items": card.n_items,
        "low": card.range.low,
        "high": card.range.high,
        "scales": ", ".join(card.scales),
        "direction": card.direction,
        "licence": card.licence.kind,
        "verified": not open_facts,
        "not_verified": ", ".join(open_facts),
    }

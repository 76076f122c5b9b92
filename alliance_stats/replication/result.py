"""The agreement of a published table with the recomputed one, as a value."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..core.results import Result
from ..inference.rows import glance_row, tidy_rows
from .published import PublishedTable

if TYPE_CHECKING:
    from ..core.display.page import Block

VERDICTS = ("equal", "rounding", "different", "not computed")
SIGNS = dict(zip(VERDICTS, "=≈≠–", strict=True))
RULE = (
    "equal (=): the recomputed number, rounded half up or half to even to the printed decimals, is "
    "the printed one, or a printed bound (< .001) holds; rounding (≈): it differs by no more than "
    "one unit of the last printed digit and is no count; different (≠): anything else; "
    "not computed (–): no number was given."
)


@dataclass(frozen=True)
class Replication(Result):
    """How far a published table comes out again; made by `compare_published`.

    Attributes
    ----------
    cells
        A row a printed number: ``row, column, printed`` (the text), ``published`` (its value),
        ``relation`` (``<`` and the like), ``unit`` (of its last digit), ``recomputed``,
        ``difference`` (recomputed minus published), ``verdict``, ``note`` (which ordinary slip
        would explain a difference).
    published
        The table as printed, with its source.
    rule
        By which rule the verdicts are given.
    """

    cells: pd.DataFrame
    published: PublishedTable
    rule: str = RULE
    messages: tuple[str, ...] = ()

    @property
    def title(self) -> str:  # type: ignore[override]
        """Return the headline: what was compared."""
        name = self.published.title or "A published table"
        return f"{name}: printed and recomputed"

    @property
    def counts(self) -> dict[str, int]:
        """How many numbers got each verdict."""
        found = self.cells["verdict"].value_counts()
        return {verdict: int(found.get(verdict, 0)) for verdict in VERDICTS}

    def tidy(self) -> pd.DataFrame:
        """Return a row a printed number; the estimate is the recomputed one."""
        own = self.cells
        more = {name: own[name] for name in ("printed", "difference", "verdict", "note")}
        return tidy_rows(own["row"], own["recomputed"], group=own["column"], **more)

    def glance(self) -> pd.DataFrame:
        """Return one row: how many numbers are printed, and how many got each verdict."""
        counts = {verdict.replace(" ", "_"): n for verdict, n in self.counts.items()}
        return glance_row(self, n_printed=len(self.cells), **counts)

    def shown(self, labels: Mapping[str, str] | None = None) -> list[Block]:
        """Return the table in its printed shape, each number with its verdict, and the rule."""
        rows = dict.fromkeys(self.cells["row"])
        columns = list(dict.fromkeys(self.cells["column"]))
        signed = {
            (one["row"], one["column"]): _signed(one) for one in self.cells.to_dict("records")
        }
        printed = pd.DataFrame(
            [{"": row, **{name: signed.get((row, name), "") for name in columns}} for row in rows]
        )
        source = self.published.source
        place = ", ".join(
            source[key] for key in ("citation", "table", "page", "doi", "url") if source.get(key)
        )
        counted = ", ".join(f"{n} {verdict}" for verdict, n in self.counts.items())
        told = [f"Source: {place}."] if place else []
        told += [self.published.note] if self.published.note else []
        told += [f"{len(self.cells)} printed numbers: {counted}.", f"Rule: {self.rule}"]
        return [self._table(printed, {"": "", **{n: n for n in columns}}), "\n".join(told)]


def _signed(one: dict[Hashable, Any]) -> str:
    """Return one number with its sign; where it does not come out, the recomputed one too."""
    decimals = max(0, -int(np.floor(np.log10(one["unit"]) + 0.5)))
    relation = f"{one['relation']} " if one["relation"] else ""
    text = f"{relation}{one['published']:.{decimals}f} {SIGNS[one['verdict']]}"
    if one["verdict"] in ("rounding", "different"):
        text += f" {one['recomputed']:.{decimals + 1}f}"
    return text

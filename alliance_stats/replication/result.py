"""The agreement of a published table with the recomputed one, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd

from ..core.results import Result
from ..inference.rows import glance_row, tidy_rows
from .published import PublishedTable

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

    def summary(self) -> str:
        """Return the verdicts as text, with the rule."""
        shown = self.cells[["row", "column", "printed", "recomputed", "verdict", "note"]]
        counted = ", ".join(f"{n} {verdict}" for verdict, n in self.counts.items())
        parts = [
            self.title,
            shown.to_string(index=False, na_rep=""),
            f"{len(self.cells)} printed numbers: {counted}.",
            f"Rule: {self.rule}",
        ]
        return "\n\n".join(parts + [f"Note: {message}" for message in self.messages])

    def _repr_html_(self) -> str:
        """Return the table in its printed shape, each number with its verdict."""
        columns = list(dict.fromkeys(self.cells["column"]))
        head = "".join(f"<th>{escape(name)}</th>" for name in ["", *columns])
        body = "".join(
            f"<tr><td style='text-align:left'>{escape(str(row))}</td>"
            + "".join(_shown(part[part["column"] == name]) for name in columns)
            + "</tr>"
            for row, part in self.cells.groupby("row", sort=False)
        )
        source = self.published.source
        place = ", ".join(
            source[key] for key in ("citation", "table", "page", "doi", "url") if source.get(key)
        )
        counted = ", ".join(f"{n} {verdict}" for verdict, n in self.counts.items())
        notes = [f"Source: {place}."] if place else []
        notes += [self.published.note] if self.published.note else []
        notes += [f"{len(self.cells)} printed numbers: {counted}.", f"Rule: {self.rule}"]
        listed = "".join(f"<li>{escape(note)}</li>" for note in [*notes, *self.messages])
        return (
            f"<div><strong>{escape(self.title)}</strong><table><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table><ul>{listed}</ul></div>"
        )


def _shown(cell: pd.DataFrame) -> str:
    """Return one number with its sign; where it does not come out, the recomputed one too."""
    if cell.empty:
        return "<td></td>"
    one = cell.iloc[0]
    decimals = max(0, -int(np.floor(np.log10(one["unit"]) + 0.5)))
    relation = f"{one['relation']} " if one["relation"] else ""
    text = f"{escape(relation)}{one['published']:.{decimals}f} {SIGNS[one['verdict']]}"
    if one["verdict"] in ("rounding", "different"):
        text += f" {one['recomputed']:.{decimals + 1}f}"
    bold = "font-weight:bold;" if one["verdict"] == "different" else ""
    return f"<td style='white-space:nowrap;text-align:right;{bold}'>{text}</td>"

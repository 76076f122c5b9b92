"""What cells of a notebook show: sentences, terms of results, courses; each knows both pages.

The owner's page (``--show-persons``) has them whole. `shared` gives what a page that may travel has
of them: nothing that counts people (see `sharing`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from textwrap import fill
from typing import Any

import pandas as pd

from ..core.disclosure import SMALLEST_SHOWN
from ..core.display.figures import inline_svg, to_svg
from ..core.display.formatting import p_value
from ..core.drawing import figure_of
from ..core.id_masking import Names
from ..core.precision import coarse, for_page
from ..core.results import Result
from ..errors import DesignError
from ..report.drawings import plot_course
from ..report.naming import without_data

WIDTH = 100
TERMS = ("model", "group", "reading", "term", "estimate", "conf_low", "conf_high")


def to_read(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table as it is read: p values as journals print them, nothing where no number is."""
    shown = table.copy()
    for name in [name for name in shown.columns if name == "p_value" or name == "p"]:
        shown[name] = [p_value(p) if p == p else "" for p in shown[name]]
    return shown.astype(object).where(shown.notna(), "")


def as_html(table: pd.DataFrame) -> str:
    """Return a table as HTML: a running number says nothing; names of rows do."""
    numbered = isinstance(table.index, pd.RangeIndex) or table.index.dtype.kind in "iu"
    page = table.to_html(index=not numbered, border=0)
    # Notebooks push all cells to the right, which suits numbers only.
    return re.sub(r"<td>(?=[^<]*[A-Za-z]{2})", '<td style="text-align: left">', page)


@dataclass(frozen=True)
class Words:
    """Sentences of ours; shared as far as they hold no number, value or id of the data."""

    sentences: tuple[str, ...]
    mark: str = ""

    def __repr__(self) -> str:
        later = " " * len(self.mark)
        return "\n".join(
            fill(one, WIDTH, initial_indent=self.mark, subsequent_indent=later)
            for one in self.sentences
        )

    def shared(self, names: Names) -> str:
        """Return the sentences as HTML."""
        said = [without_data(" ".join(one.split())) for one in self.sentences]
        kept = [self.mark + one for one in said if one and not names.names(one)]
        return "<br>".join(map(escape, kept))


@dataclass(frozen=True)
class Terms:
    """The terms of a result, with what each means where that is said."""

    result: Result
    columns: tuple[str, ...] = ()
    where: str = ""
    meaning: Mapping[str, str] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def _repr_html_(self) -> str:
        return self._html(self.result.tidy(**self.options), self.columns)

    def shared(self, _: Names) -> str:
        """Return the terms no number of people follows from; none about fewer than ten."""
        fewest = self.result.fewest or 0
        if fewest < SMALLEST_SHOWN:
            return ""
        tidy = self.result.tidy(**self.options)
        tidy = tidy[self.result.informed(tidy) >= SMALLEST_SHOWN]
        table = for_page(tidy, type(self.result).__name__, fewest)
        told = table[table["estimate"].notna()]
        if told.empty:
            return ""
        return self._html(told, tuple(n for n in self.columns or TERMS if n in TERMS))

    def _html(self, table: pd.DataFrame, columns: tuple[str, ...]) -> str:
        table = table.query(self.where, engine="python") if self.where else table
        named = [name for name in columns or table.columns if name in table.columns]
        chosen = table[named].replace("", float("nan")).dropna(axis="columns", how="all")
        if self.meaning is not None:
            chosen = chosen.assign(meaning=[self.meaning.get(t, "") for t in chosen["term"]])
        return as_html(to_read(chosen))


@dataclass(frozen=True)
class Course:
    """The mean course of a score, drawn; shared without numbers of clients."""

    course: pd.DataFrame
    label: str

    def _repr_html_(self) -> str:
        return self._drawn(self.course)

    def shared(self, _: Names) -> str:
        """Return the sessions with ten clients or more, drawn."""
        enough = self.course[self.course["n"] >= SMALLEST_SHOWN]
        return self._drawn(coarse(enough))

    def _drawn(self, course: pd.DataFrame) -> str:
        try:
            figure = figure_of(plot_course(course, label=self.label))
        except DesignError:  # no session has as many
            return ""
        return inline_svg(to_svg(figure), self.label, f"Mean {self.label} by session and rater")

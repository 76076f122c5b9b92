"""What every result of this package can do, and the one glossary of its columns.

A result is a value: a frozen dataclass, built complete. Numbers keep their full precision and
are formatted only when shown. What could not be computed is NaN, with the reason in
``messages``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .display import page
from .display.figures import picture_of
from .display.journal import journal_table
from .display.labels import renamed
from .display.sentences import findings, methods_paragraph, what_was_done
from .display.word import result_document
from .outputs import write_whole
from .signatures import answer_for_methods

if TYPE_CHECKING:
    import pandas as pd

    from .display.page import Block
    from .display.table import Table

TIDY_COLUMNS: dict[str, str] = {
    "effect": "'fixed' for a coefficient or quantity, 'random' for how random effects spread: the "
    "term begins with sd, cor (correlation), cov (covariance) or phi (residuals); 'ran_vals' for "
    "the predicted effect of one member of a group (broom.mixed's word)",
    "group": "the grouping factor of a random effect; empty for fixed effects",
    "term": "the name of the coefficient or quantity",
    "estimate": "the estimate, in the units of the model",
    "std_error": "its standard error",
    "statistic": "estimate / std_error, or the test statistic named in the summary",
    "df": "degrees of freedom of the statistic; infinite where it is a z",
    "p_value": "two-sided p value",
    "conf_low": "lower end of the confidence interval (95 % unless said)",
    "conf_high": "upper end of the confidence interval",
}

Frame = TypeVar("Frame")
LAST_LINE = ("__str__", "__repr__", "_repr_html_")
"""What consoles and notebooks ask of the value of a last line."""
Z95 = 1.959963984540054
"""The normal quantile of two-sided 95 % intervals."""


class Summary(str):
    """A result as text; in a notebook it shows itself as the result does."""

    page: Callable[[], str]

    @classmethod
    def of(cls, text: str, page: Callable[[], str]) -> Summary:
        """Return a text that can make its page."""
        made = cls(text)
        made.page = page
        return made

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return self.page()


class Result:
    """Mixin of every fitted result: its numbers, its display, its sentences.

    A subclass is a frozen dataclass with a field or property ``messages`` (a tuple of
    sentences) and implements `tidy` and `glance`. What it shows besides ``tidy()`` it adds in
    `shown`; text, HTML, LaTeX and Word are all made from that. ``display/methods.yaml`` says in a
    sentence what was done.
    """

    messages: tuple[str, ...] = ()
    title: str = ""
    score: str = ""
    """The one score that was analysed, ``measure/scale/rater``; empty where there were others."""
    fewest: int | None = None
    """How many people the fewest are that one of the terms is about; None where nobody counted.

    A page that may be shared shows terms only of results that know it.
    """
    picture: str = ""
    """The method that draws the result, where a picture is the result."""
    intervals: str = ""
    """What the header of intervals says of them beside their level."""
    _unit: str = ""
    """What the estimates are in, where the header is to say it."""
    _ratio: str = ""
    """What the exponential of a coefficient is (``OR``, ``HR``, ``RR``), where it is shown."""
    _quantities: bool = False
    """Whether its terms are names of quantities, none of columns of somebody's data."""
    _shares: str = ""
    """A pattern of terms that are shares, though their names do not say so; ``.`` for all."""
    _letter: str = ""
    """The letter of a statistic that is no t and no z, as ``χ²``."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__repr__" not in vars(cls):  # a dataclass would write one that dumps its fields
            setattr(cls, "__repr__", Result.__repr__)  # noqa: B010
        answer_for_methods(cls)

    @property
    def heading(self) -> str:
        """The title, and the score where one was analysed."""
        title = self.title or type(self).__name__
        return f"{title}: {self.score}" if self.score else title

    def tidy(self) -> pd.DataFrame:
        """Return one row a term, with the columns of `TIDY_COLUMNS`."""
        raise NotImplementedError(f"{type(self).__name__} must define tidy()")

    def glance(self) -> pd.DataFrame:
        """Return one row that describes the whole result."""
        raise NotImplementedError(f"{type(self).__name__} must define glance()")

    def informed(self, tidy: pd.DataFrame) -> pd.Series:
        """Return how few people inform each row of ``tidy()``: at most `fewest`.

        What moves within people is told by those alone who have several rows.
        """
        return tidy["term"].map(lambda _: self.fewest or 0).astype(int)

    def term_labels(self) -> dict[str, str]:
        """Return what terms are called, where their names do not say it."""
        return {}

    def name_labels(self) -> dict[str, str]:
        """Return what the scores are called that stand in the words of terms."""
        return {}

    def shown(self, labels: Mapping[str, str] | None = None) -> list[Block]:
        """Return what a reader sees, in order: tables, and paragraphs of plain text."""
        return [self._table(self.tidy(), labels)]

    def summary(self, labels: Mapping[str, str] | None = None) -> Summary:
        """Return the result as text for a console; in a notebook it is a display.

        Parameters
        ----------
        labels
            Words for terms, as ``{"alliance_lag1_within": "Alliance, session before"}``; a
            column's word serves its parts and lags too, a score's (``{"wai-sr/total/client":
            "Alliance"}``) every term that names it.
        """
        text = page.as_text(self.heading, self.shown(labels), self._notes())
        return Summary.of(text, lambda: Result.to_html(self, labels=labels))

    def to_html(
        self, path: str | PathLike[str] | None = None, labels: Mapping[str, str] | None = None
    ) -> str:
        """Return the display as HTML; with `path` also write it as a page of its own."""
        picture = picture_of(self, self.picture) if self.picture else ""
        shown = page.as_html(self.heading, self.shown(labels), self._notes(), picture)
        if path is not None:
            whole = page.whole(self.heading, shown)
            write_whole(path, whole.encode(), what="the page")
        return shown

    def to_latex(self, labels: Mapping[str, str] | None = None) -> str:
        """Return the tables as LaTeX; they need the package booktabs."""
        return page.as_latex(self.heading, self.shown(labels), self._notes())

    def to_word(self, path: str | PathLike[str], labels: Mapping[str, str] | None = None) -> Path:
        """Write the tables and notes as a Word document in APA style."""
        document = result_document(self.heading, self.shown(labels), self._notes())
        return Path(write_whole(path, document, what="the Word document"))

    def text(self, labels: Mapping[str, str] | None = None) -> str:
        """Return the result in sentences: each term's estimate, interval and test, and the method.

        Parameters
        ----------
        labels
            As in `summary`.
        """
        said = findings(self.tidy(), lambda rows: self._table(rows, labels), self._level)
        unfit = [note for note in self._notes() if page.UNFIT.search(note)]
        told = [page.ended(self.heading), *unfit, *said, what_was_done(*self._done())]
        return page.typeset("\n".join(told))

    def methods(self) -> str:
        """Return the paragraph of a methods section: what was done, versions, sources."""
        return page.typeset(methods_paragraph(*self._done(), self._level))

    def facts(self) -> dict[str, Any]:
        """Return what sentences are filled from: the glance, by name, and the title."""
        row = self.glance().iloc[0]
        known = {str(name): value for name, value in row.items()}
        criterion = getattr(self, "criterion", None)
        known |= {"criterion": str(criterion)} if criterion is not None else {}
        return known | {"title": self.title[:1].lower() + self.title[1:]}

    def _done(self) -> tuple[str, dict[str, Any]]:
        has = self.tidy()["conf_low"].notna().any()
        return type(self).__name__, self.facts() | {"has_intervals": has}

    def _table(
        self,
        frame: pd.DataFrame,
        labels: Mapping[str, str] | None,
        title: str = "",
        unit: str = "",
    ) -> Table:
        given = dict(labels or {})
        names = self.name_labels() | given
        words = {term: renamed(said, names) for term, said in self.term_labels().items()} | given
        return journal_table(
            frame,
            title=title,
            labels=words,
            confidence=self._level,
            ratio=self._ratio,
            letter=self._letter,
            intervals=self.intervals,
            unit=unit or self._unit,
            quantities=self._quantities,
            shares=self._shares,
        )

    @property
    def _level(self) -> float:
        """The level of the intervals."""
        return float(getattr(self, "confidence", 0.95))

    def _notes(self) -> list[str]:
        """Return what is told beneath: first what a share of changed clients rests on."""
        criterion = getattr(self, "criterion", None)
        first = [f"Criterion: {criterion}."] if criterion is not None else []
        return [*first, *self.messages]

    def __str__(self) -> str:
        return str.__str__(self.summary())

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return Result.to_html(self)


def shown_as_result(table: type[Frame]) -> type[Frame]:
    """Give a kind of DataFrame all ways of a result to show itself that it has not of its own.

    Inherited they would take the place of a DataFrame's methods of the same name; of these only
    those give way that show it where it is the last line.
    """
    for name, value in vars(Result).items():
        if name in LAST_LINE or (not name.startswith("__") and not hasattr(table, name)):
            setattr(table, name, value)
    return table

"""What every result of this package can do, and the one glossary of its columns.

A result is a value: a frozen dataclass, built complete. Numbers keep their full precision and
are formatted only when shown. What could not be computed is NaN, with the reason in
``messages``.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

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

Z95 = 1.959963984540054
"""The normal quantile of two-sided 95 % intervals."""


def four_digits(value: float) -> str:
    """Return a number as results show it: four digits that count."""
    return f"{value:.4g}"


def short_p(p: float) -> str:
    """Return a p value as journals print it: three decimals, ``< .001`` below, nothing for NaN."""
    return "" if p != p else "< .001" if p < 0.001 else f"{p:.3f}".lstrip("0")


def to_show(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table as results show it: short numbers, and nothing where no number is.

    Columns without any value are left out; `Result.tidy` keeps all, in full precision.

    Examples
    --------
    >>> import pandas as pd
    >>> to_show(pd.DataFrame({"estimate": [0.123456], "df": [float("nan")], "p_value": [1e-9]}))
      estimate p_value
    0   0.1235  < .001
    """
    shown = table.dropna(axis="columns", how="all")
    text = {}
    for name in shown.select_dtypes("float").columns:
        write = short_p if name in ("p_value", "Q_p") else four_digits
        text[name] = [write(value) if value == value else "" for value in shown[name]]
    return shown.assign(**text)


class Result:
    """Mixin of every fitted result: ``tidy``, ``glance``, ``summary`` and a Jupyter view.

    A subclass is a frozen dataclass with a field or property ``messages`` (a tuple of
    sentences) and implements `tidy` and `glance`; it may override `summary` and `fewest`.
    """

    messages: tuple[str, ...] = ()
    title: str = ""
    score: str = ""
    """The one score that was analysed, ``measure/scale/rater``; empty where there were others."""
    fewest: int | None = None
    """How many people the fewest are that one of the terms is about; None where nobody counted.

    A page that may be shared shows terms only of results that know it.
    """

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

    def summary(self) -> str:
        """Return the result as text, for a console."""
        tables = [to_show(table).to_string(index=False) for table in self._tables()]
        notes = [f"Note: {message}" for message in _notes(self)]
        return "\n\n".join([self.heading, *tables, *notes])

    def _tables(self) -> list[pd.DataFrame]:
        """Return the tables that `summary` and a notebook show."""
        return [self.tidy()]

    def __str__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{escape(message)}</li>" for message in _notes(self))
        notes = f"<ul>{notes}</ul>" if notes else ""
        title = escape(self.heading)
        tables = [to_show(table).to_html(index=False, border=0) for table in self._tables()]
        return f"<div><strong>{title}</strong>{''.join(tables)}{notes}</div>"


def _notes(result: Any) -> list[str]:
    """Return what is told beneath a result: first what a share of changed clients rests on."""
    criterion = getattr(result, "criterion", None)
    first = [f"Criterion: {criterion}."] if criterion is not None else []
    return [*first, *result.messages]

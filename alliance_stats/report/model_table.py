"""Several fitted models side by side, as a journal prints them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..core.arguments import shown
from ..core.display import formatting as fmt
from ..core.display.journal import in_words
from ..core.display.labels import inside, label_of, random_label
from ..core.display.page import as_html, as_latex, whole
from ..core.display.rendering import to_html, to_text
from ..core.display.table import Column, Table
from ..core.display.word import table_document
from ..core.outputs import write_whole
from ..core.results import Result
from ..errors import DesignError, listing
from ..multilevel.summary import DF_NOTES

if TYPE_CHECKING:
    from ..multilevel import MultilevelFit

FIXED, RANDOM, WHOLE = "Fixed effects", "Random effects", "Model"
VALUES = ("estimate", "std_error", "df", "p_value", "conf_low", "conf_high")
WHOLE_NAMES = {
    "nobs": "Rows",
    "n_clusters": "Clusters",
    "llf": "Log-likelihood",
    "aic": "AIC",
    "bic": "BIC",
    "r2_marginal": "Marginal R²",
    "r2_conditional": "Conditional R²",
}
STYLE = (
    "body{font:11pt/1.4 Georgia,serif;margin:2em}table{border-collapse:collapse;"
    "border-top:1.5px solid;border-bottom:1.5px solid}th,td{padding:.2em .7em;text-align:right}"
    "td{white-space:nowrap}td:first-child,thead tr:first-child th:first-child{text-align:left;"
    "white-space:normal}th[colspan]{text-align:center}thead th{border-bottom:1px solid;"
    "font-weight:normal}th.gt_group_heading,td.gt_group_heading{text-align:left;font-style:italic}"
    "p.note{max-width:52em;font-size:.9em}caption,p.title{font-style:italic;text-align:left}"
)


@dataclass(frozen=True, eq=False)
class ModelTable:
    """Several models side by side.

    Attributes
    ----------
    table
        What is shown, and the numbers at full precision.
    names
        The models' names, in order.
    """

    table: Table
    names: tuple[str, ...]
    messages: tuple[str, ...] = field(default=())

    def to_frame(self) -> pd.DataFrame:
        """Return the numbers at full precision.

        Returns
        -------
        pandas.DataFrame
            A row a term: ``part`` (fixed effects, random effects, model), ``term``, and columns
            ``<model>: estimate``, ``std_error``, ``df``, ``p_value``, ``conf_low``, ``conf_high``.
        """
        return self.table.frame.copy()

    def to_html(self, path: str | Path | None = None) -> str:
        """Return the table as HTML; with `path` also write it as a page of its own."""
        markup = (
            f'<p class="title">{escape(self.table.title)}</p>\n{to_html(self.table)}\n'
            f'<p class="note"><em>Note.</em> {escape(self.table.note)}</p>'
        )
        if path is not None:
            page = whole(self.table.title, f"<style>{STYLE}</style>{markup}")
            write_whole(path, page.encode(), what="the table")
        return markup

    def to_word(self, path: str | Path, *, number: int = 1) -> None:
        """Write the table as a Word document; `number` is what stands behind "Table"."""
        write_whole(path, table_document(self.table, number), what="the table")

    to_docx = to_word

    def to_latex(self) -> str:
        """Return the table as LaTeX; it needs the package booktabs."""
        return as_latex(self.table.title, [self.table], [self.table.note])

    def __str__(self) -> str:
        return f"{self.table.title}\n\n{to_text(self.table)}\n\nNote. {self.table.note}"

    def _repr_html_(self) -> str:
        shown = replace(self.table, title="", note=f"Note. {self.table.note}")
        return as_html(self.table.title, [shown], ())


def model_table(
    fits: Sequence[MultilevelFit | Result],
    *,
    names: Sequence[str] | None = None,
    title: str = "Multilevel models",
    digits: int | None = None,
    labels: Mapping[str, str] | None = None,
) -> ModelTable:
    """Put fitted models side by side in APA style.

    Parameters
    ----------
    fits
        Fitted models: of `fit_multilevel`, or their ``robust()`` tests.
    names
        What stands above each model's columns; ``Model 1``, ``Model 2``, ... if left out.
    title
        The line above the table.
    digits
        Decimals of estimates and intervals; without it two, or three where standard errors are
        small.
    labels
        Words for terms; a column's word serves its parts and lags too.

    Returns
    -------
    ModelTable
        With ``to_html()``, ``to_word(path)``, ``to_latex()`` and ``to_frame()`` (full precision).

    Raises
    ------
    DesignError
        Where there is no model, or names are doubled or too few.

    Examples
    --------
    >>> import alliance_stats as al, numpy as np, pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> client = np.repeat(np.arange(30), 8)
    >>> data = pd.DataFrame({"client_id": client, "session": np.tile(np.arange(8.0), 30)})
    >>> data["distress"] = 20 - data.session + rng.normal(0, 3, 30)[client] + rng.normal(0, 2, 240)
    >>> formulas = ["distress ~ 1 + (1 | client_id)", "distress ~ session + (1 | client_id)"]
    >>> fits = [al.fit_multilevel(formula, data) for formula in formulas]
    >>> al.model_table(fits, names=["null", "time"]).names
    ('null', 'time')
    """
    fits = list(fits) if isinstance(fits, Iterable) else [fits]
    strange = [fit for fit in fits if not isinstance(fit, Result)]
    if strange:
        raise DesignError(f"fits must be a list of fitted models; it holds {shown(strange[0])}.")
    called = _names(fits, names)
    parts = [_terms(fit) for fit in fits]
    keys = list(dict.fromkeys(key for part in parts for key in part.index))
    keys.sort(key=_place)
    frame = pd.DataFrame(keys, columns=["part", "term"])
    for label, part in zip(called, parts, strict=True):
        found = part.reindex(pd.MultiIndex.from_tuples(keys))
        for value in VALUES:
            frame[f"{label}: {value}"] = found[value].to_numpy()
    places = digits if digits is not None else _digits(parts)
    own: dict[str, str] = {}
    for fit in fits:  # one row has one name, which is plain where models call it otherwise
        own |= {
            term: said if own.get(term, said) == said else label_of(term)
            for term, said in fit.term_labels().items()
        }
    words = own | dict(labels or {})
    named = {(FIXED, term): label_of(term, words) for part, term in keys if part == FIXED}
    for fit in fits:
        named |= {
            (RANDOM, random_term(name, group)): random_label(str(name), str(group), words)
            for name, group in fit.tidy().query("effect == 'random'")[["term", "group"]].to_numpy()
        }

    def term(row: pd.Series) -> str:
        return named.get((row["part"], row["term"]), str(row["term"]))

    columns: tuple[Column, ...] = (Column("Term", term, align="left"),)
    for label in called:
        columns += _columns(label, places)
    note = _note(fits, called)
    table = Table("models", title, frame, columns, how="", note=note, group="part")
    messages = tuple(
        f"{label}: {message}"
        for label, fit in zip(called, fits, strict=True)
        for message in fit.messages
    )
    return ModelTable(table, tuple(called), messages)


def _place(key: tuple[str, str]) -> tuple[int, bool]:
    """Sort the parts; what belongs to the residual stands last among the random effects."""
    return (FIXED, RANDOM, WHOLE).index(key[0]), key[1].endswith("(Residual)")


def _names(fits: Sequence[Result], names: Sequence[str] | None) -> list[str]:
    if not fits:
        raise DesignError("model_table needs at least one fitted model.")
    if names is None:
        return [f"Model {number}" for number in range(1, len(fits) + 1)]
    labels = [str(name) for name in names]
    if len(labels) != len(fits):
        raise DesignError(f"There are {len(fits)} models but {len(labels)} names.")
    twice = {label for label in labels if labels.count(label) > 1}
    if twice:
        raise DesignError(f"Two models are called {listing(twice)}; give each its own name.")
    return labels


def _terms(fit: Result) -> pd.DataFrame:
    """Return a model's rows, by part and term."""
    tidy = fit.tidy()
    random = tidy["effect"] == "random"
    part = random.map({True: RANDOM, False: FIXED})
    term = [
        random_term(name, group) if is_random else str(name)
        for name, group, is_random in zip(tidy["term"], tidy["group"], random, strict=True)
    ]
    rows = tidy[list(VALUES)].set_axis(pd.MultiIndex.from_arrays([part, term]))
    return pd.concat([rows, _whole(fit)])


def random_term(term: str, group: str) -> str:
    """Return the name that a random effect's row has in the frame."""
    kind, _, rest = term.partition(" ")
    words = {"sd": "SD", "cor": "Correlation", "phi": "AR(1) correlation"}[kind]
    return f"{words} {rest.replace(' ', ', ') if kind == 'cor' else rest}".strip() + f" ({group})"


def _whole(fit: Result) -> pd.DataFrame:
    """Return what describes a whole model: rows, groups, likelihood, explained variance."""
    glance = {str(name): value for name, value in fit.glance().iloc[0].items()}
    if hasattr(fit, "r_squared"):
        explained = fit.r_squared().glance().iloc[0]
        glance |= {str(name): value for name, value in explained.items()}
    found = {
        WHOLE_NAMES.get(name, f"Groups: {inside(in_words(name.removeprefix('n_')))}"): value
        for name, value in glance.items()
        if name in WHOLE_NAMES or (name.startswith("n_") and name != "n_parameters")
    }
    index = pd.MultiIndex.from_tuples([(WHOLE, name) for name in found])
    return pd.DataFrame({"estimate": list(found.values())}, index=index, dtype=float).reindex(
        columns=list(VALUES)
    )


def _digits(parts: Sequence[pd.DataFrame]) -> int:
    errors = [part["std_error"][part.index.get_level_values(0) == FIXED] for part in parts]
    return fmt.decimals_for(pd.concat(errors))


def _columns(label: str, digits: int) -> tuple[Column, ...]:
    def estimate(row: pd.Series) -> str:
        value = row[f"{label}: estimate"]
        if row["part"] == WHOLE and not str(row["term"]).endswith("R²"):
            return fmt.count(value) if float(value).is_integer() else fmt.number(value, 2)
        bounded = _is_bounded(str(row["term"]), str(row["part"]))
        return fmt.number(value, digits, bounded=bounded)

    def interval(row: pd.Series) -> str:
        low, high = row[f"{label}: conf_low"], row[f"{label}: conf_high"]
        bounded = _is_bounded(str(row["term"]), str(row["part"]))
        empty = fmt.is_missing(low) and fmt.is_missing(high)
        return "" if empty else fmt.interval(low, high, digits, bounded=bounded)

    def p(row: pd.Series) -> str:
        value = row[f"{label}: p_value"]
        return "" if fmt.is_missing(value) else fmt.p_value(value)

    writers: dict[str, Callable[[pd.Series], str]] = {"b": estimate, "95% CI": interval, "p": p}
    return tuple(Column(name, write, spanner=label) for name, write in writers.items())


def _is_bounded(term: str, part: str) -> bool:
    """Return whether a quantity cannot exceed 1 in size."""
    if part == RANDOM:
        return term.startswith(("Correlation", "AR(1)"))
    return part == WHOLE


def _note(fits: Sequence[Any], labels: Sequence[str]) -> str:
    """Say how each model was fitted and tested."""
    said: dict[str, list[str]] = {}
    for fit, label in zip(fits, labels, strict=True):
        said.setdefault(_how(fit), []).append(label)
    if len(said) == 1:
        how = f"{next(iter(said))}."
    else:
        how = " ".join(f"{listing(names, 12)}: {text}." for text, names in said.items())
    explained = any(hasattr(fit, "r_squared") for fit in fits)
    after = " R² after Nakagawa et al." if explained else ""
    return f"CI = 95% confidence interval. {how} SD = standard deviation.{after}"


def _how(fit: Any) -> str:
    if hasattr(fit, "cluster"):
        return f"cluster-robust (CR2) tests by {fit.cluster} with Satterthwaite's df"
    if not hasattr(fit, "reml"):
        return type(fit).__name__
    if hasattr(fit, "family"):
        return f"{fit.title}, {inside(fit.estimator)}; {DF_NOTES[fit.df_method]}"
    kind = "Restricted maximum likelihood" if fit.reml else "Maximum likelihood"
    return f"{kind}; {DF_NOTES[fit.df_method]}"

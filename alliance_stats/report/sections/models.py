"""Fitted models as tables: terms in words, variances below, and how the fit was made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ...core.disclosure import SMALLEST_SHOWN, Disclosure, WithheldError
from ...core.display import columns as col
from ...core.display.formatting import count, decimals_told, interval, number
from ...core.display.labels import inside
from ...core.display.table import Table
from ...core.precision import ENDS, SPREAD_TELLS_BELOW, for_page
from ...multilevel.summary import DF_NOTES
from ...study import Study
from ..wording import table


def model_table(
    fit: Any, key: str, *, words: Mapping[str, str], disclosure: Disclosure, **facts: object
) -> Table:
    """Return the fixed effects and the variances of a multilevel fit as one table.

    Parameters
    ----------
    words
        Term → the term in words.
    disclosure
        Decides whether the sizes of the fit, and what they follow from, may be shown.
    **facts
        What else the words of the table are filled from, as `wording.table` takes it.
    """
    tidy, told = shown_terms(fit, disclosure)
    fixed = tidy[tidy["effect"] == "fixed"]
    random = _variances(fit.varcomp, words)
    if not disclosure.enough(fit.informed(tidy)[tidy["effect"] == "random"]).all():
        random = random[:0]
    if not told and fit.fewest < SPREAD_TELLS_BELOW:
        random = random[:0]
    if not disclosure.everything and fit.n_groups.get("therapist_id", 0) < SMALLEST_SHOWN:
        random = random[~random["label"].str.contains("between therapists")]
    frame = pd.concat([_fixed_rows(fixed, words), random], ignore_index=True)
    frame["correlation"] = frame["label"].str.startswith("Correlation")
    columns = (col.text("label", "Term"), *col.coefficients(fixed, bounded="correlation"))
    model = model_in_words(fit, told=told, rows=disclosure.rows(fit.design.frame))
    how = (
        f"al.fit_multilevel: {model}; log-likelihood {number(fit.llf, 1)}."
        if disclosure.everything  # it gives the number of rows, beside the variances
        else (f"al.fit_multilevel: {model}.")
    )
    facts |= {"how": how, "model": model, "note": _boundary(fit)}
    return table(key, frame, columns, group="part", withheld=not told, **facts)


def _fixed_rows(fixed: pd.DataFrame, words: Mapping[str, str]) -> pd.DataFrame:
    keep = ["term", "estimate", "std_error", "conf_low", "conf_high", "statistic", "df", "p_value"]
    rows = fixed[keep].reset_index(drop=True)
    rows.insert(0, "part", "Fixed effects")
    rows.insert(2, "label", [in_words(term, words) for term in rows["term"]])
    return rows


def _variances(varcomp: pd.DataFrame, words: Mapping[str, str]) -> pd.DataFrame:
    """Return standard deviations (and correlations) of the random terms, one row each."""
    rows = []
    nested = "therapist_id" in set(varcomp["group"])
    for row in varcomp.itertuples(index=False):
        group, first, second = str(row.group), row.term1, row.term2
        where = GROUPS.get(group, group)
        if nested and group == "client_id":
            where += " of a therapist"
        if group.lower() == "residual":
            label = "SD between sessions of a client (residual)"
        elif isinstance(second, str) and second:
            pair = f"{inside(in_words(first, words))} and {inside(in_words(second, words))}"
            label = f"Correlation {where}: {pair}"
        else:
            label = f"SD {where}: {inside(in_words(first, words))}"
        rows.append({"part": "Random effects", "label": label, "estimate": row.sdcor})
    return pd.DataFrame(rows)


TOLD = ("estimate", *ENDS)
LEAST_THERAPISTS = 5
"""Fewer say nothing of a variance between therapists; nor do fewer clients who share one."""
GROUPS = {"client_id": "between clients", "therapist_id": "between therapists"}


def in_words(term: object, words: Mapping[str, str]) -> str:
    """Return a term in words; an unknown one keeps its name."""
    default = {"Intercept": "Intercept", "(Intercept)": "Intercept"}
    return {**default, **words}.get(str(term), str(term))


def shown_terms(fit: Any, disclosure: Disclosure) -> tuple[pd.DataFrame, bool]:
    """Return a fit's terms as they may stand, and whether its sizes may be told.

    Raises where few people are behind it, or behind one of its coefficients (a rupture of one
    client is that client's), or hardly more people than coefficients.
    """
    if disclosure.everything:
        return fit.tidy(), True
    used = fit.design.frame
    if fit.fewest < SMALLEST_SHOWN:
        raise WithheldError(
            "Few clients have what the model needs, or one of its coefficients is about few: "
            "numbers about so few people are not shown."
        )
    told = disclosure.shows_rows(used, "session")
    if "therapist_id" in fit.n_groups:
        told &= disclosure.shows(used["therapist_id"].dropna(), of="therapist")
    return (fit.tidy() if told else for_page(fit.tidy(), type(fit).__name__, fit.fewest)), told


def in_sentence(row: Any, digits: int = 2, *, sign: bool = True) -> tuple[str, str]:
    """Return an estimate and its interval as a sentence has them.

    Where its error is withheld it is rounded: "about" says so, and no decimal more is written.

    Examples
    --------
    >>> in_sentence({"estimate": -0.4, "conf_low": -1.4, "conf_high": 0.4, "std_error": np.nan})
    ('about −0.4', '[−1.4, 0.4]')
    """
    estimate, *ends, error = (float(row.get(name, np.nan)) for name in (*TOLD, "std_error"))
    rounded = bool(np.isnan(error)) and not np.isnan(ends).any()
    digits = decimals_told([estimate, *ends]) if rounded else digits
    size = number(estimate if sign else abs(estimate), digits)
    return f"{'about ' if rounded else ''}{size}", interval(ends[0], ends[1], digits)


def model_in_words(fit: Any, *, told: bool = True, rows: str) -> str:
    """Return kind, criterion, df, formula and, where they may be told, sizes, as papers say it.

    `rows` is their number in words, as `Disclosure.rows` gives it.
    """
    criterion = "REML" if fit.reml else "maximum likelihood"
    names = {"client_id": "clients", "therapist_id": "therapists"}
    sizes = ", ".join(f"{count(n)} {names.get(str(k), str(k))}" for k, n in fit.n_groups.items())
    told_words = f"{rows} sessions, {sizes}" if told else "sizes withheld"
    return (
        f"linear mixed model by {criterion} with {DF_NOTES[fit.df_method]} "
        f"({fit.formula}; {told_words})"
    )


def _boundary(fit: Any) -> str:
    if not fit.converged:
        return "The fit did not converge: its numbers are not to be used."
    if fit.singular:
        return "A variance is estimated as zero: these data do not show differences at that level."
    return ""


def levels(table: pd.DataFrame, column: str) -> int:
    """Return how many different units a column holds; 0 where it is not there."""
    return int(table[column].nunique()) if column in table.columns else 0


def with_therapist(study: Study, rows: pd.DataFrame) -> pd.DataFrame:
    """Return session rows with the client's therapist, where the study knows it."""
    if "therapist_id" in rows.columns:
        return rows
    for name in ("clients", "sessions"):
        table = study.tables.get(name)
        if table is not None and "therapist_id" in table.columns:
            key = ["client_id"] if name == "clients" else ["client_id", "session"]
            known = table[[*key, "therapist_id"]].dropna().drop_duplicates(key)
            return rows.merge(known, on=key, how="left")
    return rows.assign(therapist_id=np.nan)


def therapist_term(rows: pd.DataFrame) -> str:
    """Return the random term of the therapist, or nothing where none can be told."""
    return " + (1 | therapist_id)" if therapists_tell_apart(rows) else ""


def therapists_tell_apart(rows: pd.DataFrame) -> bool:
    """Return whether differences between therapists are something else than those of clients.

    Every row's therapist must be known, they must be enough, and enough clients must share one:
    where each therapist has one client, how a variance is split between the two is arbitrary.
    """
    if "therapist_id" not in rows.columns or rows["therapist_id"].isna().any():
        return False
    therapists = levels(rows, "therapist_id")
    shared = len(rows[["client_id", "therapist_id"]].drop_duplicates()) - therapists
    return min(therapists, shared) >= LEAST_THERAPISTS

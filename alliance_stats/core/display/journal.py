"""A result's numbers as a journal prints them: rows in groups, intervals in brackets, words.

One function for every table of the package: columns that all results share (`TIDY_COLUMNS`) are
written as APA asks, all others by their kind; what is empty or the same in every row is left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pandas as pd

from . import columns as col
from . import formatting as fmt
from .labels import heading_of, inside, label_of, level_of, random_label
from .table import Column, Table

SHOWN = ("estimate", "std_error", "conf_low", "conf_high", "statistic", "df", "p_value")
ROWS = 60
"""So many rows are shown; a table that is longer says how many there are."""
INTERCEPT = "Intercept"
MOST = 10_000
"""A ratio above is written as that: no data tell it."""
NAMES = ("group", "term", "term1", "term2")
"""Columns of any table that hold names of columns of the data."""
NINETY = ("rmsea", "rmsea_scaled")
"""Quantities whose limits are at 90 % by convention, whatever the level of the others."""


def journal_table(
    frame: pd.DataFrame,
    *,
    title: str = "",
    labels: Mapping[str, str] | None = None,
    confidence: float = 0.95,
    ratio: str = "",
    letter: str = "",
    intervals: str = "",
    unit: str = "",
    quantities: bool = False,
    shares: str = "",
) -> Table:
    """Return a table of a result as it is read.

    Parameters
    ----------
    frame
        Rows of ``tidy()``, or any other table of a result.
    title
        The line above it.
    labels
        Words for terms and columns.
    confidence
        Level of ``conf_low`` and ``conf_high``.
    ratio
        What the exponential of a coefficient is, to be shown beside it; empty for none.
    letter
        The letter of the statistic, where it is neither t nor z.
    intervals
        What the header of intervals says of them beside their level.
    unit
        What the estimates are in, for their header.
    quantities
        Whether terms are names of quantities, none of columns of somebody's data.
    shares
        A pattern of terms that are shares, though their names do not say so.
    """
    note = ""
    if len(frame) > ROWS:
        note = f"{ROWS} of {len(frame)} rows are shown; the table (of a result: `tidy()`) has all."
    rows = frame.head(ROWS).reset_index(drop=True)
    if not {"term", "estimate"} <= set(rows.columns):
        return Table("table", title, rows, _any_columns(rows, labels, confidence), "", note)
    parts, names = _parts(rows, labels)
    rows = rows.assign(part=parts, label=names, bounded=_bounded(rows, quantities, shares))
    order = {part: place for place, part in enumerate(_in_order(parts))}
    rows = rows.sort_values("part", key=lambda kept: kept.map(order), kind="stable")
    others = [name for name in _others(rows) if name not in ("part", "label")]
    columns = (
        col.text("label", ""),
        *_numbers(rows, confidence, ratio, letter, intervals, unit),
        *_any_columns(rows[others], labels, confidence),
    )
    group = "part" if len(order) > 1 or next(iter(order), "") else ""
    return Table("table", title, rows.reset_index(drop=True), columns, "", note, group)


def _parts(rows: pd.DataFrame, labels: Mapping[str, str] | None) -> tuple[list[str], list[str]]:
    """Return for each row the heading it stands under, and what it is called there."""
    random = ["random", "ran_vals"]
    fixed = ~rows["effect"].isin(random) if "effect" in rows else pd.Series(True, rows.index)
    terms = rows["term"].astype(str)
    group = rows["group"].fillna("").astype(str) if "group" in rows else pd.Series("", rows.index)
    # Where terms share a first word that is no term itself (as in an interaction it would be),
    # that word is a heading.
    first = terms[fixed & terms.str.contains(":")].map(lambda term: term.partition(":")[0])
    heads = set(first[first.duplicated(keep=False) | (len(first) == len(terms))]) - set(terms)
    given = labels or {}
    levels = any(level_of(term) for term in terms[fixed] if term not in given)
    models = rows["model"].astype(str) if "model" in rows else group.mask(group.ne(""), "")
    several = _differ(models)
    kinds = rows.get("effect", group)
    parts, names = [], []
    for term, whose, model, kind, is_fixed in zip(terms, group, models, kinds, fixed, strict=True):
        if not is_fixed and kind == "random":
            part, name = "Random effects", random_label(term, whose, labels)
        elif not is_fixed:
            part, name = label_of(whose.removesuffix("_id"), labels), given.get(term, term)
        elif term not in given and term.partition(":")[0] in heads:
            head, _, rest = term.partition(":")
            part, name = label_of(head.strip(), labels), label_of(rest.strip(), labels)
            part = f"{label_of(whose, labels)}: {part}" if whose else part
        elif whose:
            part, name = label_of(whose, labels), label_of(term, labels)
        else:
            part = level_of(term) if levels and term not in given else ""
            name = label_of(term, labels, level=not part).replace(" - ", f" {fmt.MINUS} ")
        if not part and (kinds.eq("random").any() or (levels and terms.eq(INTERCEPT).any())):
            part = "Fixed effects"
        elif not part and (heads or levels or not fixed.all()):
            part = "Overall"
        parts.append(": ".join(word for word in (model if several else "", part) if word))
        names.append(name)
    return parts, names


def _in_order(parts: list[str]) -> list[str]:
    """Return headings as they come, the random effects of each model behind its others."""
    found = list(dict.fromkeys(parts))
    model = {part: part.rpartition(": ")[0] for part in found}
    first = {name: place for place, name in reversed(list(enumerate(model.values())))}
    return sorted(found, key=lambda part: (first[model[part]], part.endswith("Random effects")))


def _numbers(
    rows: pd.DataFrame, confidence: float, ratio: str, letter: str, intervals: str, unit: str
) -> list[Column]:
    """Return the columns that all results share, those without any value left out."""
    there = [name for name in SHOWN if name in rows and rows[name].notna().any()]
    digits = fmt.decimals_for(rows["std_error"]) if "std_error" in there else 2
    head = f"Estimate ({unit})" if unit else "Estimate"
    kept = [Column(head, lambda row: _estimate(row, there, digits))]
    if letter and rows["estimate"].equals(rows["statistic"]):
        kept = []  # a test of several at once: its statistic stands in its own column
    if "std_error" in there:
        kept.append(
            col.cell(
                "std_error",
                "SE",
                lambda row: _seen(row["std_error"], _digits(row, digits), bounded=row["bounded"]),
            )
        )
    if "conf_low" in there or "conf_high" in there:
        kept.append(_interval(f"{100 * confidence:g}% CI{intervals}", digits))
    if ratio and "conf_low" in there:
        kept.append(_ratio(ratio, confidence))
    if "statistic" in there:
        kept.append(
            col.cell(
                "statistic", letter or _letter(rows), lambda row: fmt.number(row["statistic"], 2)
            )
        )
    if "df" in there and rows["df"].map(math.isfinite).any():
        kept.append(col.cell("df", "df", fmt.degrees_of))
    if "p_value" in there:
        kept.append(col.cell("p_value", "p", lambda row: fmt.p_value(row["p_value"])))
    return kept


def _letter(rows: pd.DataFrame) -> str:
    """Return the letter of the statistic: t where it has finite degrees of freedom, z where not."""
    told = rows.loc[rows["statistic"].notna(), "df"] if "df" in rows else pd.Series(dtype=float)
    finite = told.dropna().map(math.isfinite)
    if not len(finite) or _differ(finite):
        return "Statistic"
    return "t" if finite.iloc[0] else "z"


def _digits(row: pd.Series, digits: int) -> int:
    """Return the decimals of a row: those of the table, more where its error would be zero."""
    value, given = row["estimate"], {"std_error": 0, "conf_low": None, "conf_high": None, **row}
    error: Any = given["std_error"]
    if fmt.is_missing(error) or not error:
        low, high = given["conf_low"], given["conf_high"]
        error = 0 if fmt.is_missing(low) or fmt.is_missing(high) else (high - low) / 4
    if error and math.isfinite(error):
        few = abs(error) < 0.5 * 10.0**-digits  # it would be shown as zero
        return min(1 - math.floor(math.log10(abs(error))), 6) if few else digits
    if fmt.is_missing(value) or not math.isfinite(value) or float(value).is_integer():
        return 0
    two = 1 - math.floor(math.log10(abs(value)))  # so many show two digits that count
    return max(digits, min(two, digits + 2, 6))


def _interval(label: str, digits: int) -> Column:
    def write(row: pd.Series) -> str:
        limits = row.get("conf_low"), row.get("conf_high")
        ends = fmt.interval(*limits, _digits(row, digits), bounded=row["bounded"])
        return "" if ends == fmt.MISSING else ends

    return Column(label, write)


def _estimate(row: pd.Series, there: list[str], digits: int) -> str:
    """Return the estimate; a dash where nothing of the row could be computed."""
    if not fmt.is_missing(value := row["estimate"]):
        return _seen(value, _digits(row, digits), bounded=row["bounded"])
    return fmt.MISSING if row[there].isna().all() else ""


def _bounded(rows: pd.DataFrame, quantities: bool, shares: str) -> pd.Series:
    """Return which rows hold what cannot exceed 1 in size."""
    terms = rows["term"].astype(str)
    random = rows.get("effect", pd.Series("", rows.index)).eq("random")
    of_random = random & terms.str.match(r"(?:cor|phi)\b")
    named = quantities & terms.map(fmt.is_bounded)
    return of_random | (~random & (named | (bool(shares) & terms.str.contains(shares))))


def _seen(value: Any, digits: int, *, bounded: bool) -> str:
    """Return a number; one too small to be seen, and not nothing, as what it is below."""
    text = fmt.number(value, digits, bounded=bounded)
    if value > 1e-12 and not text.strip("0."):
        return f"< {fmt.number(10.0**-digits, digits, bounded=bounded)}"
    return text


def _ratio(name: str, confidence: float) -> Column:
    """Return coefficients as ratios with their intervals; intercepts and thresholds are none."""

    def write(row: pd.Series) -> str:
        ends = [row["estimate"], row["conf_low"], row["conf_high"]]
        term = str(row["term"])
        other = term.endswith(INTERCEPT) or "|" in term or term.startswith("threshold[")
        if other or fmt.is_missing(row.get("statistic")) or any(map(fmt.is_missing, ends)):
            return ""
        at, low, high = (_size(value) for value in ends)
        return f"{at} [{low}, {high}]"

    return Column(f"{name} [{100 * confidence:g}% CI]", write)


def _size(log: float) -> str:
    """Return the exponential with two decimals; what is beyond them as that."""
    if log > math.log(MOST):
        return f"> {MOST:,}"
    return "< 0.01" if log < math.log(0.005) else fmt.number(math.exp(log), 2)


def _others(rows: pd.DataFrame) -> list[str]:
    """Return the columns beyond the glossary that tell rows apart inside their groups."""
    known = {"effect", "group", "term", "df_num", "bounded", *SHOWN}
    further = [name for name in rows.columns if name not in known]
    return [
        name
        for name in further
        if rows[name].notna().any()
        and not rows[name].astype(str).eq(rows["term"]).all()
        and any(_differ(part.astype(str)) for _, part in rows.groupby("part")[name])
    ]


def _differ(values: pd.Series) -> bool:
    return bool((values != values.iloc[0]).any())


def _any_columns(
    frame: pd.DataFrame, labels: Mapping[str, str] | None, confidence: float
) -> tuple[Column, ...]:
    """Return columns of a table of any kind, each written by what it holds."""
    columns = []
    bounded = "alpha" in frame  # whose limits they are
    for name in map(str, frame.columns):
        values = frame[name]
        stem = name.removesuffix("_low").removesuffix("_high")
        pair = stem != name and {f"{stem}_low", f"{stem}_high"} <= set(frame.columns)
        if values.replace("", None).isna().all() or (pair and name.endswith("_high")):
            continue
        label = (labels or {}).get(name, heading_of(name))
        if name == "conf_low" and "conf_high" in frame:
            columns.append(
                col.cell(name, f"{100 * confidence:g}% CI", lambda row: fmt.interval(
                    row["conf_low"], row["conf_high"], 3 if abs(row["conf_low"]) < 1 else 2,
                    bounded=bounded))
            )  # fmt: skip
        elif pair:
            level = 90 if stem in NINETY else 100 * confidence
            own = f"{level:g}% CI" if stem in frame else f"{level:g}%"
            label = (labels or {}).get(stem, heading_of(stem))
            columns.append(Column(f"{label} {own}", partial(_limits, stem)))
        elif pd.api.types.is_bool_dtype(values):
            columns.append(col.value(name, label, lambda value: "yes" if value else "no"))
        elif name in NAMES:
            columns.append(col.value(name, label, lambda value: in_words(value, labels), "left"))
        elif not pd.api.types.is_numeric_dtype(values):
            columns.append(col.text(name, label))
        elif name in ("p", "p_value") or name.startswith("p_") or name.endswith("_p"):
            of = name.removeprefix("p_").removesuffix("_p")
            rest = "" if of in ("p", "value") else f" ({heading_of(of)})"
            columns.append(col.value(name, f"p{rest}", fmt.p_value))
        elif fmt.is_bounded(name) and not values.dropna().map(float.is_integer).all():
            columns.append(col.value(name, label, partial(fmt.number, digits=3, bounded=True)))
        else:
            columns.append(col.value(name, label, _as_its_column(values)))
    return tuple(columns)


def _as_its_column(values: pd.Series) -> Callable[[Any], str]:
    """Return how the numbers of one column are written: with as many decimals as each other."""
    sizes = values.dropna().astype(float).abs()
    sizes = sizes[sizes.gt(0) & sizes.map(math.isfinite)]
    if sizes.empty or sizes.map(float.is_integer).all():
        return written
    digits = max(1, min(2 - math.floor(math.log10(sizes.median())), 3))

    def write(value: Any) -> str:
        few = 0 < abs(value) < 0.5 * 10.0**-digits  # it would be shown as zero
        return written(value) if few else fmt.number(value, digits)

    return write


def in_words(name: Any, labels: Mapping[str, str] | None = None) -> str:
    """Return the name of a group or term in words; nothing where there is none."""
    return label_of(str(name).removesuffix("_id"), labels)


def in_places(words: str, labels: Mapping[str, str] | None = None) -> str:
    """Return where something is, with terms and groups as they are called.

    Examples
    --------
    >>> in_places("mood_lag1 without client_id C33"), in_places("client_id, session")
    ('mood, session before without client C33', 'client, session')
    """
    term, without, group = words.partition(" without ")
    if without or " " not in words:
        term = inside(label_of(term, labels))
    return re.sub(r"_id\b", "", f"{term}{without}{group}")


def _limits(stem: str, row: pd.Series) -> str:
    """Return both limits of a quantity in brackets; empty where there are none."""
    ends = [row[f"{stem}_low"], row[f"{stem}_high"]]
    return "" if all(map(fmt.is_missing, ends)) else f"[{', '.join(map(written, ends))}]"


def written(value: Any) -> str:
    """Return one number that stands alone: whole as it is, else three digits that count.

    Examples
    --------
    >>> written(623.0), written(0.012345), written(-1234.56)
    ('623', '0.0123', '−1,234.6')
    """
    if fmt.is_missing(value) or not math.isfinite(value) or float(value).is_integer():
        return fmt.number(value, 0)
    if abs(value) < 0.5e-6:
        return "0"
    size = 0 if not value else math.floor(math.log10(abs(value)))
    return fmt.number(value, max(1, min(2 - size, 6)))

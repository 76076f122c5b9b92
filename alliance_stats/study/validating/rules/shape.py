"""Rules of one table: columns that must be there, blanks, ranges and allowed words.

pandera checks them; its failure cases are folded and put into words here.
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from ....errors import did_you_mean, listing, nearest
from ...frames import is_plain_number
from ...tables import Field, TableSchema, to_pandera
from .registry import Finding

SHAPE_RULES = {
    "missing_column": ("error", "a column the table cannot do without is not there"),
    "missing_value": ("error", "a blank where every row needs a value"),
    "not_a_number": ("error", "text where a number is expected"),
    "not_a_whole_number": ("error", "a fraction where a whole number is expected"),
    "not_a_date": ("error", "text where a date is expected"),
    "not_yes_or_no": ("error", "something else than yes or no"),
    "not_text": ("error", "something else than text in a column of ids or words"),
    "out_of_range": ("error", "a number outside the range its column allows"),
    "not_allowed": ("error", "a word that is not among those the column knows"),
}
"""Rules that come from the table schemas: name → level and what is looked for."""

Found = list[tuple[str, Finding]]


def missing_columns(frame: pd.DataFrame, schema: TableSchema) -> Found:
    """Return a finding for each column the table lacks; without it no row can be used."""
    found: Found = []
    for name in schema.needed:
        if name in frame.columns:
            continue
        others = [c for c in frame.columns if c not in {f.name for f in schema.fields}]
        near = did_you_mean(name, others)
        message = (
            f"The table '{schema.name}' has no column '{name}' ({schema.field(name).title}), "
            f"so none of its rows can be used; its columns are {listing(frame.columns, 12)}.{near}"
        )
        hint = f"Add the column, or name it in study.yaml: '{name}: <column of the file>'."
        found.append(("missing_column", Finding(schema.name, message, column=name, hint=hint)))
    return found


def table_rules(frame: pd.DataFrame, schema: TableSchema) -> Found:
    """Return what pandera finds in a table with typed columns, in words.

    `frame` must have a plain index (0, 1, ...), so that pandera's index is a position.
    """
    from pandera.errors import SchemaErrors

    own = frame[[field.name for field in schema.fields if field.name in frame.columns]]
    if all(_plainly_right(own[field.name], field) for field in schema.fields if field.name in own):
        return []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # pandera's own calls of pandas 2
            to_pandera(schema).validate(own, lazy=True, inplace=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases
    else:
        return []
    cases = cases[cases["index"].notna()]
    found: Found = []
    for (column, check), group in cases.groupby(["column", "check"], sort=True):
        rows = np.unique(group["index"].to_numpy(dtype=np.int64))
        found.append(_translate(frame, schema, schema.field(str(column)), str(check), rows))
    return found


def _plainly_right(series: pd.Series, field: Field) -> bool:
    """Return whether a column is right as its lowest, highest and distinct values show.

    That is seen at once, and pandera, which looks at each cell, need not be asked.
    """
    if isinstance(series.dtype, pd.CategoricalDtype):
        words = series.cat.categories
        there = not field.required or series.cat.codes.to_numpy().min(initial=0) >= 0
        return there and (not field.enum or set(words) <= set(field.enum)) and not field.limits
    if is_plain_number(series.dtype) and not field.enum:
        if not field.required and not field.limits:
            return True
        values = series.to_numpy()
        low, high = (values.min(), values.max()) if len(values) else (0, 0)
        if np.isnan(low):  # some are missing
            return not field.required and field.minimum is None and field.maximum is None
        least = field.minimum is None or low >= field.minimum
        return bool(least and (field.maximum is None or high <= field.maximum))
    return False


def _translate(
    frame: pd.DataFrame, schema: TableSchema, field: Field, check: str, rows: np.ndarray
) -> tuple[str, Finding]:
    if check == "not_nullable":
        return "missing_value", _blank(schema, field, rows)
    values = frame[field.name].iloc[rows].to_numpy(dtype=object)
    if check.startswith("isin"):
        return "not_allowed", _not_allowed(schema, field, rows, values)
    return "out_of_range", _out_of_range(schema, field, rows, values)


def _blank(schema: TableSchema, field: Field, rows: np.ndarray) -> Finding:
    what = field.title.lower()
    return Finding(
        schema.name,
        f"The cell for {what} is empty, but each row of '{schema.name}' needs one.",
        rows,
        column=field.name,
        many=f"{{n}} cells for {what} are empty, but each row of '{schema.name}' needs one.",
        hint="Fill the cell in, or delete the row; until then the row is left out.",
        values=np.full(len(rows), None, dtype=object),
        set_aside=True,
    )


def _not_allowed(
    schema: TableSchema, field: Field, rows: np.ndarray, values: np.ndarray
) -> Finding:
    allowed = listing(field.enum, 12)
    near = nearest(values[0], field.enum)
    hint = f"Write one of {allowed}, or translate the file's words under 'recode:' in study.yaml"
    hint += f" (for '{values[0]}' perhaps {near})." if near else "."
    return Finding(
        schema.name,
        f"'{{value}}' is not a {field.title.lower()} we know; known are {allowed}.",
        rows,
        column=field.name,
        many=f"{{n}} cells hold no {field.title.lower()} we know: {{values}}; known are {allowed}.",
        hint=hint,
        set_aside=field.required,
        blank=not field.required,
    )


def _out_of_range(
    schema: TableSchema, field: Field, rows: np.ndarray, values: np.ndarray
) -> Finding:
    what = field.title.lower()
    verb = "the row is left out" if field.required else "the cell is treated as missing"
    limits = field.limits
    if field.maximum is not None and (values.astype(float) > field.maximum).any():
        limits = f"{field.minimum:g} to {field.maximum:,g}" if field.minimum is not None else limits
    return Finding(
        schema.name,
        f"{field.title} {{value}} is outside its range, {limits}; {verb}.",
        rows,
        column=field.name,
        many=f"{{n}} cells for {what} are outside the range {limits}: {{values}}; "
        f"they are not used.",
        hint="Correct the number in the file; if it is a code for missing, list it under "
        "'missing:' in study.yaml.",
        set_aside=field.required,
        blank=not field.required,
    )

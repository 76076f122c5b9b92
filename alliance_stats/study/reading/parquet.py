"""Parquet files: columns as they are stored; text cells cleaned like those of a CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ...errors import ReadError, listing
from .cells import Cells, convert_columns, words_of
from .loaded import Conventions, Loaded, empty_notes
from .notes import note_column


def read_parquet(path: Path, conventions: Conventions, missing: frozenset[str]) -> Loaded:
    """Read a parquet file; row 1 is its first row."""
    table = _table(path)
    nested = [f.name for f in table.schema if pa.types.is_nested(f.type)]
    if nested:
        raise ReadError(
            f"The column{'s' if len(nested) > 1 else ''} {listing(nested)} of '{path.name}' "
            f"hold{'' if len(nested) > 1 else 's'} lists or records in a cell; expected one value "
            "a cell.",
            rule="nested_column",
            column=nested[0],
            hint="Write them as columns of their own.",
        )
    names = [name for name in table.column_names if not name.startswith("__index_level_")]
    notes = empty_notes() | {"encoding": "utf-8", "header_rows": 0, "first_row": 1}
    stored = {name: _column(table[name]) for name in names}
    texts = [name for name in names if isinstance(stored[name], Cells)]
    converted = convert_columns(
        [stored[name] for name in texts],
        missing_words=missing,
        decimal=conventions.decimal,
        as_text={n for n, name in enumerate(texts) if name in conventions.text_columns},
    )
    for name, (stored[name], changed) in zip(texts, converted, strict=True):
        note_column(notes, name, changed)
    frame = pd.DataFrame(stored, index=pd.RangeIndex(table.num_rows))
    rows = np.arange(1, table.num_rows + 1, dtype=np.int32)
    return Loaded(frame, rows, "parquet", tuple(names), notes=notes)


def _table(path: Path) -> pa.Table:
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        table.validate(full=True)  # text that is no UTF-8, offsets that lead out of the data
    except (pa.ArrowException, OSError, ValueError, NotImplementedError):
        raise ReadError(
            f"The parquet file '{path.name}' cannot be read: it is damaged or cut off.",
            hint="Write it again, or copy it again from where it came.",
        ) from None
    repeated = sorted({n for n in table.column_names if table.column_names.count(n) > 1})
    if repeated:
        raise ReadError(
            f"The parquet file '{path.name}' names the column {listing(repeated)} twice.",
            rule="duplicate_column",
            column=repeated[0],
            hint="Give each column a name of its own.",
        )
    return table


def _column(column: pa.ChunkedArray) -> Any:
    """Return the words of a text column, the values of any other."""
    kind = column.type
    coded = pa.types.is_dictionary(kind) and pa.types.is_string(kind.value_type)
    if coded or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        column = column.cast(pa.string())
    if not pa.types.is_string(column.type):
        return _plain(column)
    whole = column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = whole.chunk(0) if whole.num_chunks else []
    return words_of(whole)


def _plain(column: pa.ChunkedArray) -> Any:
    """Return a stored column with pandas' plain dtypes (no decimals, no objects of Arrow)."""
    kind = column.type
    if pa.types.is_decimal(kind):
        return column.cast(pa.float64()).to_pandas()
    if pa.types.is_boolean(kind) and column.null_count:
        return column.to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get)
    if pa.types.is_date(kind):
        return column.cast(pa.timestamp("us")).to_pandas()
    if pa.types.is_integer(kind) and not column.null_count and not pa.types.is_uint64(kind):
        return column.cast(pa.int64()).to_pandas()
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        return column.cast(pa.float64(), safe=False).to_pandas()
    return column.to_pandas()

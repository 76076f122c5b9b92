"""`read_table`, and `load` behind it: find the kind of a file, read it, say what was done."""

from __future__ import annotations

import gc
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...errors import ReadError
from .cells import MISSING_WORDS, convert_columns, text_dtype
from .kinds import KIND_WORDS, existing_file, kind_of
from .loaded import Conventions, Loaded, empty_notes, is_delimiter
from .notes import changes, note_column, note_header, shared

FEW_ROWS = 10_000
"""Fewer rows are kept as plain text: categories cost more than they save."""


def read_table(
    path: str | os.PathLike[str],
    *,
    sheet: str | int | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    decimal: str | None = None,
    missing_words: list[str] | None = None,
    text_columns: list[str] | None = None,
) -> pd.DataFrame:
    r"""Read one file, as a lab has it, into clean columns.

    Question answered: what is in this file, and what had to be changed to make a table of it?

    Missing words (``NA``, ``N/A``, ``#NULL!``, ``#VALUE!``, ``.``, blanks), decimal commas,
    byte-order marks and the further header rows of REDCap and Qualtrics are dealt with. Codes
    stay values. User-missing values of SPSS and Stata become missing. Numbers with leading zeros
    and numbers of more than 15 digits are ids and stay text. A column is numeric only if each of
    its cells is a number; otherwise it stays text, cell for cell.

    Parameters
    ----------
    path
        A ``.csv``, ``.tsv``, ``.sav``, ``.dta``, ``.xlsx`` or ``.parquet`` file.
    sheet
        Name (or position from 0) of the sheet of a workbook; the first with content otherwise.
    encoding
        Of a text, SPSS or Stata file. Found from the file where left out; ``.attrs`` says which.
    delimiter
        Of a text file. Found from the file where left out.
    decimal
        ``","`` or ``"."``; told from each column where left out.
    missing_words
        Words to read as missing, instead of the usual ones; blank cells always are.
    text_columns
        Columns to keep as text whatever they look like.

    Returns
    -------
    pandas.DataFrame
        One row a case. ``.attrs`` says what was read and what was changed: ``file``, ``kind``,
        ``sheet``, ``sheets``, ``encoding``, ``encoding_guessed``, ``delimiter``, ``export``
        (``redcap`` or ``qualtrics``), ``header_rows``, ``first_row`` (the row of the first
        case as the file's own program counts it: a CSV's or sheet's header is row 1, SPSS's
        first case is row 1), ``n_rows``, ``variable_labels`` (column to text),
        ``value_labels`` (column to code to text), ``user_missing`` (column to codes),
        ``user_missing_ranges``, ``user_missing_counts``, ``missing_words`` (column to word to
        count), ``decimal_commas``, ``numbers_stored_as_text``, ``kept_as_text``,
        ``duplicate_columns``, ``unnamed_columns``, ``blank_rows``, ``checkboxes`` and
        ``changes``, the same in sentences.

    Raises
    ------
    ReadError
        An `AllianceStatsError` and `ValueError`, in one sentence: what was expected, what came,
        where, and what to do. A row that cannot be placed is an error, never left out.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import alliance_stats as al
    >>> folder = tempfile.TemporaryDirectory()
    >>> file = pathlib.Path(folder.name) / "visits.csv"
    >>> _ = file.write_text("pid;sess;score\n01;1;1,5\n02;1;NA\n", encoding="utf-8")
    >>> frame = al.read_table(file)
    >>> frame["score"].tolist()
    [1.5, nan]
    >>> frame.attrs["delimiter"], frame.attrs["decimal_commas"]
    ('semicolon', {'score': 1})
    >>> folder.cleanup()
    """
    _check_options(decimal, delimiter, encoding)
    conventions = Conventions(
        missing_words=None if missing_words is None else _folded(missing_words),
        decimal=decimal,
        text_columns=frozenset(text_columns or ()),
        encoding=encoding,
        delimiter=delimiter,
    )
    loaded = load(path, sheet=sheet, conventions=conventions)
    refused = [fault for fault in loaded.faults if fault.level == "error"]
    if refused:
        fault = refused[0]
        more = f" ({len(refused)} such problems in all.)" if len(refused) > 1 else ""
        raise ReadError(
            f"In '{Path(path).name}': {fault.message}{more}",
            rule=fault.rule,
            hint=fault.hint,
            row=fault.row,
            column=fault.column,
            cell=fault.cell,
            sheet=loaded.sheet,
        )
    return with_plain_text(loaded)


def load(
    path: str | os.PathLike[str],
    *,
    sheet: str | int | None = None,
    conventions: Conventions | None = None,
) -> Loaded:
    """Read one file for mapping: the frame with its row numbers, notes and faults.

    Raises `ReadError` where nothing can be read; what is wrong with single rows or cells is in
    ``.faults``.
    """
    conventions = conventions or Conventions()
    file = existing_file(path)
    kind = kind_of(file)
    if sheet is not None and kind != "xlsx":
        raise ReadError(
            f"A sheet ('{sheet}') was asked for, but '{file.name}' is {KIND_WORDS[kind]}, "
            "which has none.",
            rule="unknown_sheet",
            sheet=str(sheet),
            hint="Leave out sheet.",
        )
    try:
        state = _state(file)
        sha256 = fingerprint(file)
        with _uncollected():
            loaded = replace(_load_kind(file, kind, sheet, conventions), sha256=sha256)
        if _state(file) != state:
            raise ReadError(
                f"The file '{file.name}' was changed while it was read.",
                hint="Close it in the program that writes it, and open the study again.",
            )
    except ReadError:
        raise
    except OSError as error:
        raise ReadError(
            f"The file '{file.name}' cannot be read: {error.strerror or error}.",
            hint="Make it readable for you, or copy it again from where it came.",
        ) from None
    except (MemoryError, RecursionError, OverflowError):
        raise ReadError(
            f"The file '{file.name}' cannot be read: it asks for more memory than there is.",
            hint="It is probably damaged; copy it again from where it came.",
        ) from None
    notes = loaded.notes | {
        "file": file.name,
        "kind": loaded.kind,
        "sheet": loaded.sheet,
        "n_rows": len(loaded.frame),
    }
    notes["changes"] = changes(notes)
    loaded.notes.update(notes)
    return loaded


@contextmanager
def _uncollected() -> Iterator[None]:
    """Let Python not look for garbage: of 100,000 columns nothing is, and looking costs a fifth."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def fingerprint(file: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def changed_since(folder: Path, read: Mapping[str, str]) -> tuple[str, ...]:
    """Return the files that no longer hold what was read from them."""
    return tuple(
        name
        for name, sha256 in read.items()
        if sha256 and not ((folder / name).is_file() and fingerprint(folder / name) == sha256)
    )


def _state(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_size, found.st_mtime_ns


def _load_kind(file: Path, kind: str, sheet: str | int | None, conventions: Conventions) -> Loaded:
    missing = conventions.missing_words
    missing = (MISSING_WORDS if missing is None else missing) | {""}
    if kind in ("sav", "dta"):
        from .labelled import read_labelled

        return read_labelled(file, kind, conventions)
    if kind == "xlsx":
        from .sheets import read_sheet

        return read_sheet(file, sheet, conventions, missing)
    if kind == "parquet":
        from .parquet import read_parquet

        return read_parquet(file, conventions, missing)
    return _load_text(file, kind, conventions, missing)


def _load_text(file: Path, kind: str, conventions: Conventions, missing: frozenset[str]) -> Loaded:
    from .text_files import read_text

    words = read_text(file, conventions)
    header = words.header
    notes: dict[str, Any] = empty_notes()
    decimal = conventions.decimal
    if decimal is None and words.delimiter == "semicolon":
        decimal = ","
    converted = convert_columns(
        words.columns,
        missing_words=missing,
        decimal=decimal,
        as_text={n for n, name in enumerate(header.names) if name in conventions.text_columns},
        plain_text=len(words.rows) < FEW_ROWS,
    )
    data: dict[str, Any] = {}
    for name, (data[name], changed) in zip(header.names, converted, strict=True):
        note_column(notes, name, changed)
    # with few rows columns of one kind are put together: pandas pays for each block, not each cell
    few = len(words.rows) < FEW_ROWS
    frame = pd.DataFrame(data, index=pd.RangeIndex(len(words.rows)), copy=few)
    note_header(notes, header)
    frame = _without_trailing_column(frame, header.unnamed)
    notes |= {
        "encoding": words.encoding,
        "encoding_guessed": words.encoding_guessed,
        "delimiter": words.delimiter,
        "header_rows": header.n_rows,
        "titles": words.titles,
        "first_row": int(words.rows[0]) if len(words.rows) else header.n_rows + 1,
        "blank_rows": words.blank_rows,
    }
    names = tuple(header.names)
    faults = tuple(words.faults)
    return Loaded(frame, words.rows, kind, names, "", notes, faults, words.lost_rows)


def _without_trailing_column(frame: pd.DataFrame, unnamed: list[str]) -> pd.DataFrame:
    """Drop columns that have neither a name nor a value (a delimiter at the end of each line)."""
    empty = [name for name in unnamed if frame[name].isna().all()]
    return frame.drop(columns=empty) if empty else frame


def with_plain_text(loaded: Loaded) -> pd.DataFrame:
    """Return the frame with pandas' own text columns and the notes in ``.attrs``."""
    frame = loaded.frame
    dtype = text_dtype()
    plain: dict[Any, pd.Series] = {
        name: pd.Series(np.asarray(frame[name], dtype=object), index=frame.index, dtype=dtype)
        for name, kind in frame.dtypes.items()
        if isinstance(kind, pd.CategoricalDtype)
    }
    result = frame.assign(**plain) if plain else frame
    result.attrs = {name: shared(note) for name, note in loaded.notes.items()}
    return result


def _check_options(decimal: str | None, delimiter: str | None, encoding: str | None) -> None:
    if decimal not in (None, ".", ","):
        raise ReadError(f"decimal must be '.' or ',', got {decimal!r}.", rule="wrong_option")
    if delimiter is not None and not is_delimiter(delimiter):
        raise ReadError(f"delimiter must be one character, got {delimiter!r}.", rule="wrong_option")
    if encoding is not None and not isinstance(encoding, str):
        raise ReadError(
            f"encoding must be a name such as 'utf-8', got {encoding!r}.", rule="wrong_option"
        )


def _folded(words: list[str]) -> frozenset[str]:
    return frozenset(str(word).strip().casefold() for word in words)

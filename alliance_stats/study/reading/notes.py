"""What reading changed, as plain values and as sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...errors import listing

if TYPE_CHECKING:
    from .cells import ColumnNotes
    from .headers import Header


class _SharedDict(dict[Any, Any]):
    def __deepcopy__(self, memo: Any) -> _SharedDict:
        return self


class _SharedList(list[Any]):
    def __deepcopy__(self, memo: Any) -> _SharedList:
        return self


def shared(note: Any) -> Any:
    """Return a note that the columns of a table share with it.

    Pandas copies `.attrs` deeply whenever a column is taken, so that a loop over the columns of a
    wide file would copy the notes on all columns once for each of them.
    """
    if isinstance(note, dict):
        return _SharedDict(note)
    return _SharedList(note) if isinstance(note, list) else note


def note_column(notes: dict[str, Any], name: str, changed: ColumnNotes) -> None:
    """Put what converting a column changed into the notes of its file."""
    if changed.missing_words:
        notes["missing_words"][name] = changed.missing_words
    if changed.decimal_commas:
        notes["decimal_commas"][name] = changed.decimal_commas
    if changed.kept_as_text:
        notes["kept_as_text"][name] = changed.kept_as_text


def note_header(notes: dict[str, Any], header: Header) -> None:
    """Put what the header rows said into the notes of the file."""
    notes["export"] = header.export
    notes["variable_labels"] = header.labels
    notes["duplicate_columns"] = header.duplicates
    notes["unnamed_columns"] = header.unnamed
    notes["checkboxes"] = header.checkboxes


def changes(notes: dict[str, Any]) -> list[str]:
    """Return what was changed while reading, a sentence each."""
    made: list[str] = []
    if notes["encoding_guessed"]:
        made.append(f"The file is not UTF-8; it was read as {notes['encoding']}, which is a guess.")
    if notes["hidden_sheets"]:
        made.append(
            f"Hidden in the workbook, and read only where named: sheets "
            f"{listing(notes['hidden_sheets'])}."
        )
    if notes["titles"]:
        made.append(
            f"Above the names of columns, in row {notes['first_row'] - notes['header_rows']}, "
            f"stands {listing(map(repr, notes['titles']))}, which is read as a title."
        )
    if notes["header_rows"] > 1:
        made.append(
            f"{notes['header_rows']} header rows ({notes['export']}): names from the first, "
            "labels from the second."
        )
    for name, words in notes["missing_words"].items():
        counts = ", ".join(f"'{word}' {n} times" for word, n in words.items())
        made.append(f"Column '{name}': read as missing: {counts}.")
    for name, count in notes["decimal_commas"].items():
        made.append(f"Column '{name}': {count} decimal commas read as decimal points.")
    for name, count in notes["numbers_stored_as_text"].items():
        made.append(f"Column '{name}': {count} numbers were stored as text.")
    for name, reason in notes["kept_as_text"].items():
        made.append(f"Column '{name}' is kept as text: {reason}.")
    for name, counts in notes["user_missing_counts"].items():
        codes = ", ".join(f"{code} {n} times" for code, n in counts.items())
        made.append(f"Column '{name}': user-missing, set to missing: {codes}.")
    for name, others in notes["duplicate_columns"].items():
        made.append(
            f"The column '{name}' is named {len(others) + 1} times; the later ones are called "
            f"{listing(others)}."
        )
    if notes["unnamed_columns"]:
        made.append(f"Columns without a name: {listing(notes['unnamed_columns'])}.")
    if notes["blank_rows"]:
        made.append(f"Blank lines left out: rows {listing(notes['blank_rows'])}.")
    return made

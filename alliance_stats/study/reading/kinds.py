"""What kind of file it is: by its ending, and whether its content agrees."""

from __future__ import annotations

import os
from pathlib import Path

from ...core.resources import at_home
from ...errors import ReadError, did_you_mean, listing

KINDS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".txt": "csv",
    ".sav": "sav",
    ".zsav": "sav",
    ".dta": "dta",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".parquet": "parquet",
}
"""File endings that can be read, and the kind of file each stands for."""

KIND_WORDS = {
    "csv": "a text table",
    "tsv": "a text table",
    "sav": "an SPSS file",
    "dta": "a Stata file",
    "xlsx": "an Excel workbook",
    "parquet": "a parquet file",
    "xls": "an old or password-protected Excel workbook",
    "pdf": "a PDF document",
    "image": "a picture",
    "gzip": "a compressed file",
    "rdata": "an R data file",
}
WITHOUT_HEADER = ("sav", "dta", "parquet")
"""Kinds whose first case is row 1."""

_MAGIC = (
    (b"$FL2", "sav"),
    (b"$FL3", "sav"),
    (b"<stata", "dta"),
    *((bytes([release, order, 1]), "dta") for release in range(104, 116) for order in (1, 2)),
    (b"PAR1", "parquet"),
    (b"PK\x03\x04", "xlsx"),
    (b"\xd0\xcf\x11\xe0", "xls"),
    (b"%PDF", "pdf"),
    (b"\x89PNG", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"\x1f\x8b", "gzip"),
    (b"RDX", "rdata"),
)


def existing_file(path: str | os.PathLike[str]) -> Path:
    """Return the path of a file that is there, or say what is there instead."""
    try:
        file = at_home(path)
        if file.is_file():
            return file
        exists = file.exists()
    except (TypeError, ValueError, OSError):
        raise ReadError(
            f"Expected the path of a file, got {str(path)[:80]!r}.", rule="missing_file"
        ) from None
    if exists:
        raise ReadError(
            f"'{file}' is a folder or device, not a file.",
            rule="missing_file",
            hint="For a whole study use open_study.",
        )
    beside = [each.name for each in file.parent.iterdir()] if file.parent.is_dir() else []
    raise ReadError(
        f"There is no file '{file}'.{did_you_mean(file.name, beside)}",
        rule="missing_file",
    )


def kind_of(file: Path) -> str:
    """Return the kind the ending promises, or say that the content is another."""
    kind = KINDS.get(file.suffix.lower())
    if kind is None:
        raise ReadError(
            f"The file '{file.name}' has the ending '{file.suffix}'; expected one of "
            f"{listing(['.csv', '.tsv', '.sav', '.dta', '.xlsx', '.parquet'])}.",
            rule="wrong_extension",
            hint="Export the table as one of these.",
        )
    try:
        with file.open("rb") as stream:
            head = stream.read(8)
    except OSError as error:
        raise ReadError(
            f"The file '{file.name}' cannot be opened: {error.strerror or error}."
        ) from None
    if not head:
        raise ReadError(f"The file '{file.name}' is empty.", rule="empty_file")
    found = next((name for magic, name in _MAGIC if head.startswith(magic)), None)
    text = kind in {"csv", "tsv"}
    if (found is None and text) or found == kind:
        return kind
    content = KIND_WORDS[found] if found else f"no {KIND_WORDS[kind].split(' ', 1)[1]}"
    raise ReadError(
        f"The file '{file.name}' should be {KIND_WORDS[kind]} by its ending, but its content is "
        f"{content}.",
        rule="wrong_kind",
        hint="Give the file the ending of its kind, or export it again.",
    )


def files_in(folder: Path) -> list[Path]:
    """Return the files of a study's folder, and of its folder ``data``, that can be read."""
    places = [folder, folder / "data"] if (folder / "data").is_dir() else [folder]
    found = (each for place in places for each in place.iterdir())
    return sorted(each for each in found if each.suffix.lower() in KINDS)

"""The encoding of a text file: by its mark, by its bytes, or as asked for."""

from __future__ import annotations

import codecs

from ...errors import ReadError

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def as_utf8(data: bytes, encoding: str | None, name: str) -> tuple[bytes, str, bool]:
    """Return the file's text as UTF-8 bytes, its encoding, and whether that was a guess."""
    if encoding is not None:
        return _decoded(data, encoding, name), encoding, False
    for mark, found in _BOMS:
        if data.startswith(mark):
            return _decoded(data, found, name), found, False
    if data.isascii() and b"\0" not in data:
        return data, "utf-8", False
    if b"\0" in data:
        return _decoded(data, _wide_encoding(data, name), name), _wide_encoding(data, name), True
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        found = "cp1252" if _decodes(data, "cp1252") else "latin-1"
        return _decoded(data, found, name), found, True
    return data, "utf-8", False


def _wide_encoding(data: bytes, name: str) -> str:
    """Return the UTF-16 without a mark that the zero bytes speak for, or refuse the file."""
    even, odd = data[0:4096:2].count(0), data[1:4096:2].count(0)
    half = len(data[:4096]) // 2
    if odd > 0.3 * half and even < 0.05 * half:
        return "utf-16-le"
    if even > 0.3 * half and odd < 0.05 * half:
        return "utf-16-be"
    raise ReadError(
        f"The file '{name}' is not a text file: line {data[: data.index(0)].count(10) + 1} holds "
        "the byte 0, which no text does.",
        rule="not_a_text_file",
        hint="Export the table again as CSV (UTF-8), or give the file the ending of its kind.",
    )


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _decoded(data: bytes, encoding: str, name: str) -> bytes:
    try:
        content = data.decode(encoding).encode("utf-8")
    except UnicodeError as error:
        line = data[: getattr(error, "start", 0)].count(b"\n") + 1
        raise ReadError(
            f"The file '{name}' is not in the encoding {encoding}: line {line} holds bytes that "
            "it does not have.",
            rule="wrong_encoding",
            hint="Leave out encoding= to have it found, or save the file as UTF-8.",
        ) from None
    except (LookupError, ValueError):
        raise ReadError(
            f"There is no text encoding called {encoding!r} (asked for '{name}').",
            rule="wrong_encoding",
            hint="Usual ones are utf-8, cp1252 and utf-16.",
        ) from None
    return content.replace(b"\0", b"")

"""Writing what others will read: all of it or nothing, and never over what we did not write.

Everything is first made in a scratch folder beside its place, then moved there. What a run that
was killed left behind is put right by the next one (`sweep`): a half exchange is taken back.
"""

from __future__ import annotations

import errno
import json
import os
import platform
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import AllianceStatsError
from .resources import at_home

MARK = b"alliance_stats"
"""Stands at the head of every page, workbook and description that is written here."""

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
LEAST_FREE = 64 * 1024

_HOST = f"{zlib.crc32(platform.node().encode()):08x}"
_SCRATCH = re.compile(r"\.alliance-([0-9a-f]{8})-(\d+)-.*")
_JOURNAL = "journal.json"


def write_whole(
    path: str | os.PathLike[str],
    content: bytes,
    *,
    what: str,
    make_folder: bool = False,
    private: bool = False,
    own: bool = False,
) -> Path:
    """Write a file in one step: a reader finds the old one or the new one, never a half.

    Parameters
    ----------
    path
        Where.
    content
        All of the file.
    what
        The file in words, as in ``"the report"``; it opens the message where writing fails.
    make_folder
        Make the folder where it is not there; else that is an error.
    private
        Let nobody but the owner read it (`owner_only`), whatever stood there: it has ids or rows.
    own
        Whatever stands there is ours (a cache, a temporary folder), and may be lost.

    Raises
    ------
    AllianceStatsError
        Where nothing can be written there.
    """
    given = at_home(path)
    try:
        target = given.resolve()  # a link stays a link, and what it names is written
        if target.exists() and not target.is_file() and not target.is_dir():
            target.write_bytes(content)  # a device or a pipe, such as /dev/stdout
            return given
        if target.is_dir():
            raise IsADirectoryError(0, "it is a folder")
        if target.is_file() and not own and _would_be_lost(target, content):
            raise AllianceStatsError(
                f"'{given}' holds what alliance_stats did not write (data, a description, notes) "
                "and would be lost; nothing was written. Name another file, or move it away."
            )
        if make_folder:
            target.parent.mkdir(parents=True, exist_ok=True)
        with scratch_beside(target) as scratch:
            new = scratch / "new"
            with new.open("wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            if private:
                owner_only(new)
            elif target.exists():
                new.chmod(target.stat().st_mode & 0o777)
            new.replace(target)
    except (OSError, ValueError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or error
        raise AllianceStatsError(
            f"{what[0].upper()}{what[1:]} could not be written to '{given}' ({why}): name a file "
            "in a folder that exists, that you may write to and that has room, and close it "
            "elsewhere first."
        ) from None
    return given


def write_files(
    folder: Path,
    files: Mapping[str, bytes],
    gone: Iterable[str] = (),
    *,
    beside: Path | None = None,
) -> None:
    """Write the files of a study into a folder and take `gone` out of it: all or nothing.

    Parameters
    ----------
    beside
        Where the scratch folder is made: beside the folder unless given.

    Raises
    ------
    AllianceStatsError
        Where nothing can be written there.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with scratch_beside(beside or folder) as scratch:
            for name, content in files.items():
                path = scratch / "new" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            folder.mkdir(exist_ok=True)
            exchange(scratch, folder, files, gone)
    except OSError as error:
        raise AllianceStatsError(
            f"The study could not be saved to '{folder}' ({error.strerror or error}); what stood "
            "there is as it was. Name a folder that you may write to."
        ) from None


def owner_only(path: Path) -> None:
    """Let nobody but the owner read a file or folder, where the system knows owners (POSIX)."""
    if os.name != "posix":
        return
    with suppress(PermissionError):  # it is somebody else's, who decides who reads it
        path.chmod(0o700 if path.is_dir() else 0o600)


def keep_inputs(path: str | os.PathLike[str], folder: Path | None) -> None:
    """Refuse to write over a file in the study's folder that was not written here.

    Data, description, plan, cards, notes: whatever lies there is the study's own, under any of
    its names (links too), unless it bears our mark.

    Parameters
    ----------
    path
        What is to be written.
    folder
        The study's folder; None for a study from memory.
    """
    if folder is None:
        return
    given = Path(path)
    try:
        if not given.is_file() or _written_here(given):
            return
        inside = given.resolve().is_relative_to(folder.resolve())
        own = inside or any(one.samefile(given) for one in folder.rglob("*") if one.is_file())
    except (OSError, ValueError, RuntimeError):
        return  # writing it will say what is wrong
    if own:
        raise AllianceStatsError(
            f"'{given}' is a file of the study itself and would be lost; nothing was written. "
            "Name another file."
        )


def _would_be_lost(path: Path, content: bytes) -> bool:
    """Say whether a file, whatever its name and place, holds something else without our mark."""
    return path.stat().st_size > 0 and not _written_here(path) and path.read_bytes() != content


def _written_here(path: Path) -> bool:
    """Say whether a page or workbook bears our mark; descriptions and data never do."""
    kind = path.suffix.lower()
    if kind in {".html", ".htm"}:
        with path.open("rb") as stream:
            return b'name="generator" content="alliance_stats' in stream.read(4096)
    if kind in {".xlsx", ".docx"}:
        try:
            with zipfile.ZipFile(path) as book:
                return MARK in book.read("docProps/core.xml")
        except (zipfile.BadZipFile, KeyError):
            return False
    if kind == ".json" and path.name != "datapackage.json":
        with path.open("rb") as stream:
            return b'"made_by": "alliance_stats' in stream.read(200)
    return False


@contextmanager
def scratch_beside(target: Path) -> Iterator[Path]:
    """Give a folder beside `target`, on the same disk, that is gone in the end.

    What runs that were killed left there goes first.
    """
    sweep(target.parent)
    prefix = f".alliance-{_HOST}-{os.getpid()}-"
    scratch = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
    try:
        yield scratch
    except AllianceStatsError:
        raise
    except Exception as error:
        if _is_full(error, scratch):
            raise AllianceStatsError(
                f"There is no room for '{target}' on its disk (or for you there); what stood there "
                "is as it was. Make room, or name a folder on another disk."
            ) from None
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _is_full(error: Exception, folder: Path) -> bool:
    """Say whether it was for want of room; libraries have errors of their own for that."""
    if isinstance(error, OSError) and error.errno in FULL:
        return True
    return shutil.disk_usage(folder).free < LEAST_FREE


def exchange(scratch: Path, target: Path, new: Iterable[str], gone: Iterable[str] = ()) -> None:
    """Put files of ``scratch/new`` into `target`, and take `gone` out of it: all or nothing.

    A journal is written first and removed last, so that `sweep` can take back an exchange in
    whose midst the machine stopped. Files whose content stays are not touched.

    Raises
    ------
    OSError
        Where a file cannot be moved; then all is as it was.
    """
    fresh, old = scratch / "new", scratch / "old"
    names = [name for name in new if not _same(fresh / name, target / name)]
    out = [name for name in dict.fromkeys([*gone, *names]) if os.path.lexists(target / name)]
    for name in out:
        if (target / name).is_dir() and not (target / name).is_symlink():
            raise IsADirectoryError(0, f"{name} is a folder there")
    record = {"target": str(target.resolve()), "new": names}
    journal = scratch / _JOURNAL
    with journal.open("w", encoding="utf-8") as stream:
        json.dump(record, stream)
        stream.flush()
        os.fsync(stream.fileno())
    try:
        for name in out:
            _move(target / name, old / name)
        for name in names:
            _move(fresh / name, target / name)
    except BaseException:
        _take_back(scratch)
        raise
    journal.unlink()


def _same(one: Path, other: Path) -> bool:
    return other.is_file() and not other.is_symlink() and one.read_bytes() == other.read_bytes()


def _move(source: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    source.rename(to)


def _take_back(scratch: Path) -> None:
    """Undo what an exchange had done when it was stopped."""
    journal = scratch / _JOURNAL
    record = json.loads(journal.read_text(encoding="utf-8"))
    target = Path(record["target"])
    for name in record["new"]:
        if not (scratch / "new" / name).exists() and os.path.lexists(target / name):
            _move(target / name, scratch / "new" / name)
    old = scratch / "old"
    for path in [p for p in old.rglob("*") if p.is_symlink() or not p.is_dir()]:
        _move(path, target / path.relative_to(old))
    journal.unlink()


def sweep(folder: Path) -> None:
    """Take back and remove what runs of this machine that were killed left in a folder."""
    try:
        left = [path for path in folder.glob(".alliance-*") if _is_left(path)]
    except OSError:
        return
    for path in left:
        try:
            if (path / _JOURNAL).is_file():
                _take_back(path)
        except (OSError, ValueError, KeyError):
            continue  # it holds what could not be put back: it stays, for a person to look at
        shutil.rmtree(path, ignore_errors=True)


def _is_left(path: Path) -> bool:
    """Say whether a scratch folder belongs to a process of this machine that has ended."""
    made = _SCRATCH.fullmatch(path.name)
    if made is None or made.group(1) != _HOST or path.is_symlink() or not path.is_dir():
        return False
    if os.name != "posix":  # asking for a process would stop it there
        return False
    try:
        os.kill(int(made.group(2)), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False

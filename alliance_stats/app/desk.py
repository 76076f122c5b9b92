"""What the page works on: files in a folder of its own, what they are taken for, what is wrong.

Nothing of it leaves the machine, and nothing is kept unless it is saved: the folder is a temporary
one, which goes with the page.
"""

from __future__ import annotations

import copy
import io
import re
import tempfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import alliance_stats as al

from ..core.outputs import write_files, write_whole
from ..core.yaml_reading import parse_yaml, read_yaml
from ..errors import AllianceStatsError, listing
from ..study.mapping.draft import MappingDraft
from ..study.mapping.paths import inside
from ..study.reading.kinds import KINDS
from ..study.reading.workbooks import keeping_sheets

DESCRIPTION = "study.yaml"
LARGEST_FILE = 200 * 2**20
MOST_FILES = 40
_NAME = re.compile(r"[^/\\\x00-\x1f:*?\"<>|]{1,150}")
LONGEST_NAME = 200
"""Bytes; systems take 255, and what a name is written beside needs some."""


class Desk:
    """The files of one study on their way to a report.

    Parameters
    ----------
    folder
        A folder of a study: its files are copied in, and `save` writes there. None: files are
        dropped onto the page, and saved as one archive.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.home = folder
        self._own = tempfile.TemporaryDirectory(prefix="alliance-stats-")
        self.study = Path(self._own.name) / (folder.resolve().name if folder else "my-study")
        self.results = Path(self._own.name) / "results"
        self.study.mkdir()
        self.lock = threading.RLock()
        self.mapping: dict[str, Any] = {"name": self.study.name, "sources": []}
        self.text = ""
        self.written: dict[str, Any] = {}
        self.why: dict[tuple[str, str, str], str] = {}
        self.doubts: dict[str, list[str]] = {}
        self.broken: dict[str, str] = {}
        self.tables: dict[tuple[str, str], Any] = {}
        self.checked: Any = None
        self.sheets: dict[Any, Any] = {}
        if folder is not None:
            try:
                self._copy_in(folder)
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Take away all that was not saved."""
        self._own.cleanup()

    # -- files --------------------------------------------------------------------------------

    def _copy_in(self, folder: Path) -> None:
        if not folder.is_dir():
            raise AllianceStatsError(f"'{folder}' is no folder; name one, or none.")
        described = folder / DESCRIPTION
        if described.is_file():
            inside(folder, DESCRIPTION)
            read_yaml(described, aliases=True)  # says what is no text in UTF-8
            self.set_text(described.read_text("utf-8-sig"))
        known = [str(source.get("file")) for source in self.mapping["sources"]]
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_symlink() or not path.is_file() or "/." in f"/{name}":
                continue
            card = name.startswith("measures/") and path.suffix in (".yaml", ".yml")
            if card:
                self._put(name, path.read_bytes())
            elif path.suffix.lower() in KINDS and ("/" not in name or name in known):
                self._take(name, path.read_bytes(), known=described.is_file())

    def add(self, name: str, content: bytes) -> None:
        """Take a file in and draft what its columns are; choices for the same columns are kept."""
        name = self._checked_name(name)
        with self.lock:
            if len(content) > LARGEST_FILE:
                raise AllianceStatsError(too_large(name))
            if len(self.files()) >= MOST_FILES and name not in self.files():
                raise AllianceStatsError(f"More than {MOST_FILES} files are no study of this page.")
            self._take(name, content)

    def _take(self, name: str, content: bytes, *, known: bool = False) -> None:
        before = self._columns_of(name)
        said, reasons = self.doubts.get(name, []), dict(self.why)
        self._forget(name)
        path = self._put(name, content)
        try:
            with keeping_sheets(self.sheets):
                self._read(name)
                if before and before == self._columns_of(name):
                    self.doubts[name], self.why = said, reasons
                elif not known:
                    self._take_out(name)
                    self._draft(name)
        except AllianceStatsError as error:
            self._forget(name)
            self._take_out(name)
            self.broken[name] = str(error)
            path.unlink()
        self._changed()

    def _put(self, name: str, content: bytes) -> Path:
        """Write a file into the folder of the page."""
        what = f"the page's own copy of '{name}'"
        return write_whole(self.study / name, content, what=what, make_folder=True, own=True)

    def _columns_of(self, name: str) -> dict[str, list[str]]:
        return {key[1]: list(one.columns) for key, one in self.tables.items() if key[0] == name}

    def _forget(self, name: str) -> None:
        self.sheets.clear()
        self.broken.pop(name, None)
        self.doubts.pop(name, None)
        self.tables = {key: one for key, one in self.tables.items() if key[0] != name}
        self.why = {key: one for key, one in self.why.items() if key[0] != name}

    def _take_out(self, name: str) -> None:
        kept = [one for one in self.mapping["sources"] if one.get("file") != name]
        self.mapping = {**self.mapping, "sources": kept}

    def remove(self, name: str) -> None:
        """Take a file away, and what was said of it."""
        with self.lock:
            self._forget(name)
            self._take_out(name)
            if name in self.files():
                (self.study / name).unlink()
            self._changed()

    def files(self) -> list[str]:
        """Return the names of the files that could be read."""
        found = (path for path in self.study.rglob("*") if path.suffix.lower() in KINDS)
        return sorted(path.relative_to(self.study).as_posix() for path in found)

    @staticmethod
    def _checked_name(name: str) -> str:
        if not _NAME.fullmatch(name) or name.startswith("."):
            raise AllianceStatsError("A file's name is a plain name, without folders in it.")
        if len(name.encode()) > LONGEST_NAME:
            raise AllianceStatsError("The file's name is too long for this page; shorten it.")
        ending = Path(name).suffix.lower()
        if ending not in KINDS:
            old = " Save it in Excel as .xlsx." if ending == ".xls" else ""
            raise AllianceStatsError(
                f"'{name}' is no file that can be read here; these can: "
                f"{listing(['.csv', '.tsv', '.xlsx', '.sav', '.dta', '.parquet'], 9)}.{old}"
            )
        return name

    def _read(self, name: str) -> None:
        path = self.study / name
        frame = al.read_table(path)
        sheets = frame.attrs.get("sheets") or [""]
        for sheet in sheets if len(sheets) > 1 else [""]:
            try:
                part = al.read_table(path, sheet=sheet) if sheet else frame
            except AllianceStatsError:
                continue  # an empty sheet
            self.tables[name, str(sheet)] = part.rename(columns=str)

    def _draft(self, name: str) -> None:
        draft = al.suggest_mapping(self.study / name)
        drafted = [{**one, "file": name} for one in copy.deepcopy(draft.mapping["sources"])]
        self.mapping = {**self.mapping, "sources": [*self.mapping["sources"], *drafted]}
        self.doubts[name] = [one for one in draft.doubts if "nothing to analyse" not in one]
        for file, sheet in self.tables:
            if file == name:
                for column in self.tables[file, sheet].columns:
                    for key in (column, f"{Path(name).name}, {sheet}: {column}"):
                        said = draft.unplaced.get(key)
                        if said or key in draft.placed:
                            self.why[file, sheet, column] = said or ""

    # -- choices ------------------------------------------------------------------------------

    def change(self, make: Callable[[dict[str, Any]], None]) -> None:
        """Change the mapping; a change that is refused leaves it as it was."""
        with self.lock:
            changed, before = copy.deepcopy(self.mapping), self.mapping
            make(changed)
            self.mapping = changed
            try:
                self._changed()
            except Exception:
                self.mapping = before
                raise

    def set_name(self, name: str) -> None:
        """Say what the study is called, on the report too."""
        named = " ".join(str(name).split())[:100]
        if not named:
            raise AllianceStatsError("A study needs a name.")
        self.change(lambda mapping: mapping.update(name=named))

    def set_text(self, text: str) -> None:
        """Take the text of ``study.yaml`` as a person wrote it."""
        value = parse_yaml(text, DESCRIPTION).value
        sources = value.get("sources") if isinstance(value, dict) else None
        if not isinstance(sources, list) or not all(map(_is_source, sources)):
            raise AllianceStatsError(
                "The description needs 'sources:', a list with what is in each file."
            )
        with self.lock:
            self.mapping = value
            self._changed(text)

    def _changed(self, text: str | None = None) -> None:
        if text is not None or self.mapping != self.written:  # a person's own words are kept
            self.text = MappingDraft(self.mapping).to_yaml() if text is None else text
            self.written = copy.deepcopy(self.mapping)
        if self.mapping["sources"]:
            self._put(DESCRIPTION, self.text.encode())
        else:
            (self.study / DESCRIPTION).unlink(missing_ok=True)
        self.checked = None

    def check(self) -> Any:
        """Return the report of what is wrong; made anew after each change."""
        with self.lock:
            if self.checked is None and self.mapping["sources"]:
                with keeping_sheets(self.sheets):
                    self.checked = al.validate(self.study)
            return self.checked

    def table(self, file: str, sheet: str) -> Any:
        """Return a file (or sheet) as it was read."""
        if (file, sheet) not in self.tables:
            raise AllianceStatsError(f"There is no file '{file}' on this page.")
        return self.tables[file, sheet]

    def words(self, file: str, sheet: str, column: str) -> list[str]:
        """Return the different words in a column."""
        table = self.table(file, sheet)
        if column not in table:
            raise AllianceStatsError(f"'{file}' has no column '{column}'.")
        return list(dict.fromkeys(str(one).strip() for one in table[column].dropna()))

    def columns(self, file: str, sheet: str) -> list[str]:
        """Return the columns of a file."""
        return [str(name) for name in self.table(file, sheet).columns]

    # -- results ----------------------------------------------------------------------------------

    def report(self, progress: Callable[[str, int, int], None], *, persons: bool) -> Path:
        """Write the report; return its folder."""
        opened = al.open_study(self.study)
        folder = self.results / "report"
        self.results.mkdir(exist_ok=True)
        al.write_report(opened, folder, progress=progress, individual_courses=persons)
        return folder

    def explorer(self, *, persons: bool) -> str:
        """Return the page to look through the study."""
        return al.open_study(self.study).explore(show_persons=persons).html

    def archive(self) -> bytes:
        """Return the study (files and description) and its report, if any, as one archive."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for root, under in ((self.study, self.study.name), (self.results / "report", "report")):
                for path in sorted(root.rglob("*")) if root.is_dir() else ():
                    if path.is_file() and ".alliance-stats" not in path.parts:
                        archive.write(path, f"{under}/{path.relative_to(root).as_posix()}")
        return packed.getvalue()

    def save(self) -> list[str]:
        """Write description and files into the study's folder; return what was written."""
        if self.home is None:
            raise AllianceStatsError("The page was opened without a folder; save the archive.")
        new: dict[str, bytes] = {}
        with self.lock:
            for name in self.files():
                target, content = self.home / name, (self.study / name).read_bytes()
                if target.exists() and target.read_bytes() != content:
                    raise AllianceStatsError(
                        f"'{target}' is there already and holds something else; nothing was saved. "
                        "Rename the file that you dropped."
                    )
                if not target.exists():
                    new[name] = content
            written, target = [*new], self.home / DESCRIPTION
            new[DESCRIPTION] = self.text.encode()
            if target.exists() and target.read_bytes() != new[DESCRIPTION]:
                names = (f"study-before-{n}.yaml" for n in range(1, 1000))
                kept = next(name for name in names if not (self.home / name).exists())
                new[kept] = target.read_bytes()
                written.append(f"{kept} (the description that was there)")
            write_files(self.home, new, beside=target)
        return [*written, DESCRIPTION]


def too_large(name: str) -> str:
    """Return the sentence for a file that is larger than the page takes."""
    return (
        f"'{name}' is larger than {LARGEST_FILE // 2**20} MB, more than this page takes; describe "
        "it in a study.yaml and call al.open_study."
    )


def _is_source(value: object) -> bool:
    """Return whether this may be a source; what is wrong inside is told as a problem."""
    if not isinstance(value, dict):
        return False
    measures = value.get("measures") or []
    inside = [value.get(name) or {} for name in ("columns", "recode")]
    return (
        isinstance(measures, list)
        and all(isinstance(one, dict) for one in measures)
        and all(isinstance(one, dict) for one in inside)
    )

"""Simulated studies kept in a file, so that a simulation that was stopped goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arguments import shown
from ..errors import DesignError

COLUMNS = 5
"""Numbers of each study: estimate, p, whether singular, p without effect, df."""


class Record:
    """A file of lines: the first says what was asked, each other holds one piece of studies.

    Attributes
    ----------
    kept
        The pieces in the file, by number. A line that was not written to its end is left out.
    """

    def __init__(self, path: str | PathLike[str], asked: Mapping[str, Any]) -> None:
        if not isinstance(path, str | PathLike):
            raise DesignError(f"resume must be the name of a file, not {shown(path)}.")
        self.path = Path(path)
        self.kept: dict[int, np.ndarray] = {}
        asked = json.loads(json.dumps(asked, default=str))
        if not self.path.is_file():
            self._write(asked, "x")
            return
        lines = self.path.read_bytes().splitlines()
        try:
            if json.loads(lines[0]) != asked:
                raise ValueError
        except (IndexError, ValueError, RecursionError):
            raise DesignError(
                f"'{self.path.name}' does not hold the studies of this simulation; name another "
                "file, or ask for the same design, effect, question and seed again."
            ) from None
        for line in lines[1:]:
            try:
                at, studies = json.loads(line)
                self.kept[int(at)] = np.array(studies, dtype=float).reshape(-1, COLUMNS)
            except (ValueError, TypeError, RecursionError):
                continue

    def keep(self, at: int, studies: np.ndarray) -> None:
        """Add a piece to the file."""
        self._write([at, studies.tolist()], "a")

    def _write(self, what: object, how: str) -> None:
        try:
            with self.path.open(how, encoding="utf-8") as file:
                # a line of its own, also behind one that was not written to its end
                file.write("\n" * (how == "a") + json.dumps(what))
        except OSError as error:
            raise DesignError(
                f"The simulation could not be kept in '{self.path.name}': {error.strerror}."
            ) from None

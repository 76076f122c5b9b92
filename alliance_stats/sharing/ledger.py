"""What a clinic has sent before: a private file beside the study, and what it forbids.

Two files of one clinic that differ by a few clients give these clients away by subtraction, and so
do more files by sums and differences. The ledger holds who was in each file as fingerprints with a
secret of the clinic, so that it is of no use to whoever finds it without the data; it must not be
sent.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..core.disclosure import RARE
from ..core.outputs import owner_only, write_whole
from ..core.people import CLIENT
from ..core.shown_groups import Ledger as Groups
from ..errors import ReadError
from .columns import ClinicColumns

NAME = "shared-files.json"
HOME = ".alliance-stats"
MADE_BY = "alliance_stats"  # who may write over it
WARNING = "Private: who was in which file that was sent. It stays with the study."


@dataclass(frozen=True)
class Entry:
    """One file that was written: when, which model, and who was in it."""

    when: str
    formula: str
    outcome: str
    body: str
    path: str
    people: frozenset[tuple[str, str]]
    """Fingerprints of each client and of the client's values of the outcome."""
    epsilon: float = 0.0
    """The privacy budget it spent, where it holds noise."""
    at: Mapping[str, float] = field(default_factory=dict)
    """The point of a round of a search by mail, by name."""
    digits: Mapping[str, int] = field(default_factory=dict)
    """To how many decimals the answer went out there, by column."""


@dataclass(frozen=True)
class Ledger:
    """The files that were written from a study."""

    path: Path
    secret: str
    entries: tuple[Entry, ...] = ()

    @classmethod
    def beside(cls, folder: str | PathLike[str]) -> Ledger:
        """Open the ledger of a study's folder; a new one where there is none.

        Raises
        ------
        ReadError
            Where it cannot be read: what it forbids is then not known.
        """
        path = Path(folder) / HOME / NAME
        if not path.exists():
            return cls(path, secrets.token_hex(16))
        try:
            held = json.loads(path.read_text(encoding="utf-8"))
            entries = tuple(
                Entry(**{**one, "people": frozenset(map(tuple, one["people"]))})
                for one in held["files"]
            )
            return cls(path, str(held["secret"]), entries)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ReadError(
                f"'{path}' holds what was sent before and cannot be read ({error}): put a copy "
                "back from a backup. Without it nobody knows what two files tell together."
            ) from None

    def people(self, columns: ClinicColumns) -> frozenset[tuple[str, str]]:
        """Return the fingerprints of the clients of a model, with their outcomes."""
        if CLIENT in columns.frame.columns:
            ids = columns.frame[CLIENT].astype(str).to_numpy()
        else:
            lowest = columns.grouping.columns[0]
            ids = columns.frame[list(lowest)].astype(str).agg("\x1f".join, axis=1).to_numpy()
        rows = pd.DataFrame({"id": ids, "y": np.round(columns.values, 9)})
        return frozenset(
            (self._print(str(name)), self._print(str(name), *map(repr, sorted(of.tolist()))))
            for name, of in rows.groupby("id")["y"]
        )

    def _print(self, *words: str) -> str:
        text = "\x1f".join((self.secret, *words))
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def earlier(self, people: frozenset[tuple[str, str]]) -> int:
        """Return how many files were written about some of these people."""
        ids = {one for one, _ in people}
        return sum(bool(ids & {one for one, _ in entry.people}) for entry in self.entries)

    def spent(self, people: frozenset[tuple[str, str]]) -> float:
        """Return the privacy budget that earlier files about these people spent, by addition."""
        ids = {one for one, _ in people}
        return sum(e.epsilon for e in self.entries if ids & {one for one, _ in e.people})

    def rounds(
        self, outcome: str, people: frozenset[tuple[str, str]]
    ) -> list[tuple[Mapping[str, float], Mapping[str, int]]]:
        """Return points and digits of what rounds were told of an outcome of these people."""
        ids = {one for one, _ in people}
        return [
            (one.at, one.digits)
            for one in self.entries
            if one.at and one.outcome == outcome and ids & {who for who, _ in one.people}
        ]

    def repeats(self, entry: Entry) -> list[str]:
        """Return where the same question was answered before with other settings."""
        return [
            f"The file '{one.path}' of {one.when} is of the same model and rows with other "
            "settings; two roundings tell more than one."
            for one in self.entries
            if (one.formula, one.people) == (entry.formula, entry.people)
            and one.body != entry.body
            and not (one.epsilon and entry.epsilon)
            and (one.at == entry.at or not (one.at and entry.at))
        ]

    def forbids(self, outcome: str, people: frozenset[tuple[str, str]], least: int) -> list[str]:
        """Return why a file would tell of few people beside those that were sent."""
        found = []
        same = [entry for entry in self.entries if entry.outcome == outcome]
        for entry in same:
            apart = {one for one, _ in people ^ entry.people}
            which = f"'{entry.path}' of {entry.when}"
            if 0 < len(apart) < least:
                found.append(
                    f"The file {which} has the same outcome and other rows of {len(apart)} "
                    "clients: the difference of the two would tell of them. Send that one, or "
                    f"wait until {least} clients have changed."
                )
        if not found and least >= RARE:
            shown = Groups(RARE)
            for entry in same:
                shown.admit([entry.people])
            if not shown.admit([people]):
                found.append(
                    "Sums and differences of the files that were written before and of this one "
                    f"come down to fewer than {RARE} clients. Send one of those."
                )
        return found

    def write(self, entry: Entry) -> None:
        """Add a file that was written."""
        if any((e.body, e.people) == (entry.body, entry.people) for e in self.entries):
            return
        held: dict[str, Any] = {"made_by": MADE_BY, "what": WARNING, "secret": self.secret}
        held["files"] = [
            {**vars(one), "people": sorted(map(list, one.people))} for one in (*self.entries, entry)
        ]
        content = json.dumps(held, indent=1).encode()
        if self.path.parent.is_dir():
            owner_only(self.path.parent)
        write_whole(self.path, content, what="the ledger of shared files", make_folder=True)
        owner_only(self.path.parent)
        owner_only(self.path)


def today() -> str:
    """Return the day, for the ledger."""
    return date.today().isoformat()


def fingerprint(body: Sequence[Any] | dict[str, Any]) -> str:
    """Return what tells one likelihood from another."""
    return hashlib.blake2b(json.dumps(body).encode(), digest_size=16).hexdigest()

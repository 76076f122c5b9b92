"""What a clinic has sent before: a private file beside the study, and what it forbids.

Two files of one clinic that differ by a few clients give these clients away by subtraction, and so
do more files by sums and differences. Every column that two models have in common is subtracted,
the intercept (how many rows a client has) among them, so two outcomes are no two worlds. The ledger
holds who was in each file, and with which values, as fingerprints with a secret of the clinic, so
that it is of no use to whoever finds it without the data; it must not be sent.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from ..core.disclosure import RARE
from ..core.outputs import owner_only, write_whole
from ..core.shown_groups import Ledger as Groups
from ..errors import ReadError
from ..multilevel.engine.batches import Array
from ..multilevel.formula.terms import INTERCEPT
from .columns import ClinicColumns, ids_of

NAME = "shared-files.json"
HOME = ".alliance-stats"
People: TypeAlias = frozenset[tuple[str, str]]
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
    people: People
    """Fingerprints of each client and of the client's values of the outcome."""
    epsilon: float = 0.0
    """The privacy budget it spent, where it holds noise."""
    at: Mapping[str, float] = field(default_factory=dict)
    """The point of a round of a search by mail, by name."""
    digits: Mapping[str, int] = field(default_factory=dict)
    """To how many decimals the columns of a curve or a round went out; empty of sums."""
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By term a fingerprint of each client's values, in the order of `people`."""
    products: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The same of the sums of products of two columns, which a file holds besides."""
    sizes: Sequence[int] = ()
    """How many rows each client has, in the order of `people`."""

    @property
    def ids(self) -> list[str]:
        """Fingerprints of the clients, in the order in which all is held."""
        return [one for one, _ in sorted(self.people)]

    def with_values(self) -> dict[str, People]:
        """Return by column who was in the file, and with which values of it."""
        named = {**self.columns, **self.products}
        terms = {k: frozenset(zip(self.ids, v, strict=True)) for k, v in named.items()}
        return {self.outcome: self.people} | terms


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

    def entry(self, columns: ClinicColumns, body: str, path: str) -> Entry:
        """Return what is remembered of a file: its model, and who is in it with which values."""
        ids = ids_of(columns.frame, columns.who)
        rows = pd.Series(ids).groupby(ids).indices
        prints = {str(name): (self._print(str(name)), rows[name]) for name in rows}
        held = sorted(prints.items(), key=lambda of: of[1][0])

        def of_column(values: Array) -> list[str]:
            rounded = np.round(values, 9)
            return [self._print(n, *map(repr, sorted(rounded[at].tolist()))) for n, (_, at) in held]

        def of_product(values: Array) -> list[str]:
            return [self._print(n, f"{values[at].sum():.9g}") for n, (_, at) in held]

        terms = dict(zip(columns.names, columns.arrays, strict=True))
        measured = {**terms, columns.outcome: columns.values}
        del measured[INTERCEPT]
        products = {
            f"{a} x {b}": of_product(measured[a] * measured[b])
            for a, b in combinations(sorted(measured), 2)
        }
        people = [who for _, (who, _) in held]
        return Entry(
            today(),
            columns.formula.text,
            columns.outcome,
            body,
            path,
            frozenset(zip(people, of_column(columns.values), strict=True)),
            columns={name: of_column(column) for name, column in terms.items()},
            products=products,
            sizes=[len(at) for _, (_, at) in held],
        )

    def _print(self, *words: str) -> str:
        text = "\x1f".join((self.secret, *words))
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def earlier(self, people: People) -> int:
        """Return how many files were written about some of these people."""
        ids = {one for one, _ in people}
        return sum(bool(ids & {one for one, _ in entry.people}) for entry in self.entries)

    def spent(self, people: People) -> float:
        """Return the privacy budget that earlier files about these people spent, by addition."""
        ids = {one for one, _ in people}
        return sum(e.epsilon for e in self.entries if ids & {one for one, _ in e.people})

    def rounds(
        self, outcome: str, people: People
    ) -> list[tuple[Mapping[str, float], Mapping[str, int]]]:
        """Return points and digits of what rounds were told of an outcome of these people."""
        ids = {one for one, _ in people}
        return [
            (one.at, one.digits)
            for one in self.entries
            if one.at and one.outcome == outcome and ids & {who for who, _ in one.people}
        ]

    def other_models(self, entry: Entry) -> list[Entry]:
        """Return the files about some of these people that are of other models, without noise."""
        ids = {one for one, _ in entry.people}
        return [
            one
            for one in self.entries
            if one.formula != entry.formula
            and not one.epsilon
            and ids & {who for who, _ in one.people}
        ]

    def same_outcome(self, entry: Entry) -> Iterator[tuple[Entry, frozenset[str]]]:
        """Yield files of the outcome about some of the same rows, each with who differs between.

        Those whom one of the two lacks are among these; what one of them does not hold of a client
        is not asked.
        """
        new = entry.with_values()
        for one in self.entries:
            if one.outcome != entry.outcome or one.epsilon:
                continue
            old = one.with_values()
            apart = [{who for who, _ in new[name] ^ old[name]} for name in new if name in old]
            differ = frozenset().union(*apart)
            if differ and {*entry.ids} - differ:  # else nothing is hidden that is taken off again
                yield one, differ

    def marks(self, columns: ClinicColumns) -> Array:
        """Return the fingerprint of whose each row is."""
        ids = ids_of(columns.frame, columns.who)
        return np.array([self._print(str(name)) for name in ids])

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

    def forbids(self, entry: Entry, least: int) -> list[str]:
        """Return why a file would tell of few people beside those that were sent."""
        found, new = [], entry.with_values()
        held = [(one, one.with_values()) for one in self.entries]
        known = {people for _, columns in held for people in columns.values()}
        for one, columns in held:
            # a column by another name is the same as far as its values are
            pairs = [(a, a) for a in new if a in columns]
            pairs += [(a, b) for a in new if new[a] not in known for b in columns if b != a]
            for name, other in pairs:
                apart = len({who for who, _ in new[name] ^ columns[other]})
                if 0 < apart < least:
                    what = f"other values of '{name}'"
                    if other != name:
                        what = f"as '{other}' the values of '{name}' here, but others"
                    elif name in (entry.outcome, INTERCEPT):
                        same = "the same outcome and " * (one.outcome == entry.outcome)
                        what = f"{same}other rows"
                    found.append(
                        f"The file '{one.path}' of {one.when} has {what} of {apart} clients: the "
                        "difference of the two would tell of them. Send that one, wait until "
                        f"{2 * least} clients have changed, or keep to rows that both models can "
                        "use."
                    )
                    break
        if found or least < RARE:
            return found
        for name in (entry.outcome, *entry.columns):
            shown = Groups(RARE)
            for _, columns in held:
                shown.admit([columns.get(name, frozenset())])
            if not shown.admit([new[name]]):
                return [
                    "Sums and differences of the files that were written before and of this one "
                    f"come down to fewer than {RARE} clients. Send one of those."
                ]
        return []

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
        what = "the ledger of shared files"
        write_whole(self.path, content, what=what, make_folder=True, private=True)
        owner_only(self.path.parent)


def today() -> str:
    """Return the day, for the ledger."""
    return date.today().isoformat()


def fingerprint(body: Sequence[Any] | dict[str, Any]) -> str:
    """Return what tells one likelihood from another."""
    return hashlib.blake2b(json.dumps(body).encode(), digest_size=16).hexdigest()

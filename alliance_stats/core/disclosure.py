"""What may be said of people in files that travel: one place decides, and all of them ask it.

The attacker has everything that was written of a study (reports, codebook, pages of notebooks),
knows this program, and may know the people. He adds and subtracts what is shown: totals and parts,
nested tables, steps of curves, means times their numbers. He wins where he is left with a number
about fewer than ten people.

Ten is the default of those who check outputs of research for disclosure: of people in a cell and of
residual degrees of freedom (``safe_threshold`` and ``safe_dof_threshold`` in the defaults of ACRO,
read there; Preen et al. 2025, doi 10.1109/TP.2025.3566052, whose text was not read). It holds here
for every count and every statistic alike, so that a study of fewer than ten has nothing to tell:
what was measured and how stands in what travels, and no number.

A section does not ask "is this count small?", which says nothing of what it gives away beside
another. It names the *group of people* behind a number, and a ledger remembers the groups that were
shown. A new one is shown only if no sum of shown groups, each added or subtracted any number of
times, comes down to fewer than ten people. `Disclosure.shows` asks so of the number of people;
`Disclosure.states` of a statistic, whose sum over some, beside that over others, would be a sum
over those left. Where a statistic may stand and its number not, it is as exact as leaves the number
open (`core.precision`). Empty groups are shown: that nobody dropped out is no number of somebody.
Rows (sessions, answers) are counted in tens of what comes together. Rare categories are put
together (`Disclosure.parts`) before anything is computed of them. Persons are drawn only where the
user asks for it.

What this does not cover: two reports of different states of one study, given to one reader, tell
what changed between them; attackers who know the people behind most of a group know the rest; and
what sums are looked for stands in `core.shown_groups`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..errors import DesignError
from .people import CLIENT, THERAPIST, ids_in
from .shown_groups import SMALLEST_SHOWN, Ledger

NOTE = "Of what is withheld, see the top of the report."
AT_THE_TOP = (
    "Some numbers are withheld in this report: those about fewer than ten people, and those from "
    "which such a number could be computed. Estimates beside them are rounded for the same reason, "
    "with their intervals to about a fifth of half their width. The owner of the data makes the "
    "page on which every number is exact with --show-persons (individual_courses=True in Python); "
    "it must not leave the clinic. Which of these reasons a number is withheld for is not said, on "
    "purpose: that too would tell. Two reports of one study with different options are two sets of "
    "numbers, and their difference may tell of few: give one reader one report."
)
TOO_FEW = (
    "Fewer than ten people are in this study, so nothing that travels tells a number of them: no "
    "count, no mean, no model and no figure; each would be about few, or would tell of few beside "
    "another. Here stands what was measured and how. The owner of the data sees everything with "
    "--show-persons (individual_courses=True in Python); that page must not leave the clinic."
)
NOTHING_WITHHELD = (
    "PRIVATE: nothing is withheld in this report, and single persons are drawn. It is for the "
    "owner of the data and must not leave the clinic."
)
RARE = 5
"""Of fewer people dropout prediction learns nothing, nor does a file of a clinic tell, which has an
audit of its own; that a model has a term for therapists tells that they are as many."""
OTHERS = "Others, put together because some are few"
TIMES = ("session", "occasion", "time")
FEW_VALUES = 4
"""A column with so many values or fewer may be one of categories, whatever they are called."""


class WithheldError(DesignError):
    """A number that would tell of fewer than ten people."""


def each_once(group: Iterable[Hashable]) -> frozenset[Hashable]:
    """Return the people of a group; a column is made unique before Python looks at its cells."""
    return frozenset(group.unique() if isinstance(group, pd.Series) else group)


class Disclosure:
    """Decides which groups of people a report may speak of; one for a whole report.

    Parameters
    ----------
    clients, therapists
        Everybody in the study. How many they are is shown first, where they are ten or more.
    everything
        Withhold nothing: for the owner of the data, in a report that does not travel.
    persons
        Client → whose course it is, where a person may have several.

    Examples
    --------
    Of 60 clients 57 came; who is told both numbers knows that three did not:

    >>> shown = Disclosure(clients=range(60))
    >>> shown.shows(range(57)), shown.shows(range(40)), shown.shows(range(38))
    (False, True, False)
    >>> shown.people(range(57), "client"), shown.people(range(40), "client")
    ('more than 40 clients', '40 clients')

    Their mean age may stand all the same, but none of all but two of them beside it:

    >>> shown.states(range(57), "age"), shown.states(range(55), "age")
    (True, False)
    """

    def __init__(
        self,
        clients: Iterable[Hashable] = (),
        therapists: Iterable[Hashable] = (),
        *,
        everything: bool = False,
        persons: Mapping[Hashable, Hashable] | None = None,
    ) -> None:
        self.everything = everything
        self._persons = dict(persons or {})
        self._ledgers: dict[str, Ledger] = {}
        self.withheld = False
        self.everybody = frozenset(clients)
        self.shows(self.everybody)
        self.shows(therapists, of="therapist")

    @classmethod
    def of(cls, tables: Mapping[str, pd.DataFrame], *, everything: bool = False) -> Disclosure:
        """Return the ledger of a study, with everybody in its tables."""
        clients = tables.get("clients", pd.DataFrame())
        courses = clients.get([CLIENT, "person_id"]) if "person_id" in clients else None
        persons = None if courses is None else dict(courses.itertuples(index=False, name=None))
        everybody = ids_in(tables, CLIENT), ids_in(tables, THERAPIST)
        return cls(*everybody, everything=everything, persons=persons)

    def shows(self, *groups: Iterable[Hashable], of: str = "client") -> bool:
        """Return whether the sizes of all the groups may be shown, and remember that they are."""
        if self.everything:
            return True
        found = [each_once(group) for group in groups]
        few = of == CLIENT.removesuffix("_id") and any(map(self._few, found))
        return self._admits(of, found) if not few else self._withholds()

    def states(self, people: Iterable[Hashable], *about: str, values: Any = None) -> bool:
        """Return whether a statistic of some values over people may stand, and remember it.

        Parameters
        ----------
        values
            The numbers themselves, each of one of `people`. Where most are one and the same, their
            mean is about those who have another: of 54 zeros and six more it tells the sum of six.
        about
            Which values: ``core-10 pre``. Several, where one statistic rests on them: a mean change
            tells the sum of the first scores to who knows that of the last.
        """
        if self.everything:
            return True
        people = list(people)
        group = each_once(people)
        if not group or self._few(group):
            return self._withholds()
        if values is not None and self._few(each_once(pd.Series(people)[_others(values)])):
            return self._withholds()
        return all(self._admits(f"statistic of {one}", [group]) for one in about)

    def _few(self, group: frozenset[Hashable]) -> bool:
        return 0 < len({self._persons.get(one, one) for one in group}) < SMALLEST_SHOWN

    def _admits(self, ledger: str, groups: list[frozenset[Hashable]]) -> bool:
        admitted = self._ledgers.setdefault(ledger, Ledger()).admit(groups)
        return admitted or self._withholds()

    def _withholds(self) -> bool:
        self.withheld = True
        return False

    @property
    def _many(self) -> bool:
        return len(self.everybody) >= 2 * SMALLEST_SHOWN

    @property
    def tells_nothing(self) -> bool:
        """Whether there are so few people that no number of theirs travels."""
        return not self.everything and (not self.everybody or self._few(self.everybody))

    def shows_rows(
        self,
        rows: pd.DataFrame,
        what: str = "session",
        *,
        over: Iterable[Hashable] | None = None,
        events: bool = False,
    ) -> bool:
        """Return whether a number of rows may be shown: sessions, ruptures, ...

        Parameters
        ----------
        rows
            ``client_id`` and the column `what` that tells a client's rows apart.
        over
            The clients over whom the rows are counted, those without one included; by default
            those in `rows`. A number of sessions or ruptures is a sum over them, and does not
            tell how many have one.
        events
            How many have one is told beside (clients with a rupture), so those beyond each
            client's first are held to ten as well.
        """
        people = each_once(rows["client_id"])
        keys = [name for name in ("client_id", what) if name in rows.columns]
        more = rows[rows.duplicated("client_id") & events]

        def of(some: pd.DataFrame) -> Iterable[Hashable]:
            return zip(*(some[name].to_numpy(dtype=object) for name in keys), strict=True)

        return (
            (self.everything or not self._few(people))
            and self.shows(people if over is None else over)
            and self.shows(of(rows), of=what)
            and self.shows(of(more), of=f"{what} beyond the first")
        )

    def rows(self, table: pd.DataFrame) -> str:
        """Return a number of rows in words: in tens, where ten people or more have some."""
        n = self.tens(table)
        if self.everything:
            return f"{n:,.0f}"
        return "withheld" if n != n else f"about {n:,.0f}"

    def tens(self, table: pd.DataFrame) -> float:
        """Return a number of clients' rows: in tens of lots, or for the owner as it is.

        Eight answers of each client, counted in tens, tell how many clients there are. So rows of
        one time come together; where the number of clients is withheld, all of a client's.
        """
        if self.everything:
            return float(len(table))
        people = each_once(table[CLIENT])
        if not people or self._few(people):
            return float("nan")
        return in_tens(len(table), most_together(table, self.shows(people)))

    def people(self, group: Iterable[Hashable], one: str, many: str | None = None) -> str:
        """Return the size of a group in words: ``12 clients``, or that it is withheld."""
        group, many = each_once(group), many or one + "s"
        if not group and not self.everything:  # beside "0" the words for few would be one to nine
            return f"few or no {many}" if self._many else f"a withheld number of {many}"
        if self.shows(group, of="therapist" if one == "therapist" else "client"):
            return f"{len(group):,} {one if len(group) == 1 else many}"
        if not self._many:  # beside so small a total "ten or more" or "few" would tell who is not
            return f"a withheld number of {many}"
        if len(group) < SMALLEST_SHOWN:
            return f"few or no {many}"
        below = (len(group) - SMALLEST_SHOWN) // 10 * 10
        return f"more than {below} {many}" if below else f"ten or more {many}"

    def require(self, group: Iterable[Hashable], what: str) -> None:
        """Raise where a group is so small that nothing is said of it.

        Parameters
        ----------
        what
            What they are or did: ``clients have two scores``.
        """
        group = each_once(group)
        if not self.everything and (not group or self._few(group)):
            self._withholds()
            raise WithheldError(f"Few {what}, or none: numbers about so few people are not shown.")

    def enough(self, people: pd.Series) -> pd.Series:
        """Return which of some statistics ten people or more inform; each row is one's number."""
        kept = (people >= SMALLEST_SHOWN) | self.everything
        if not kept.all():
            self._withholds()
        return kept

    def parts(
        self, groups: Mapping[str, Iterable[Hashable]], *, last: str = "", whole: bool = False
    ) -> dict[str, frozenset[Hashable]]:
        """Return the parts of a whole as they may be shown: rare ones are put together.

        Parameters
        ----------
        groups
            Each part's name and people; no one is in two.
        last
            The part that readers miss least: rare ones are put together with it. Unless given,
            with the smallest that will do.
        whole
            The whole stands nowhere else, so that all parts put together tell it.

        Returns
        -------
        dict
            In the given order; the parts that cannot be shown alone as one, named `OTHERS`. Where
            none can be shown alone, or not even the others together, nothing. Empty parts are left
            out where parts were put together, so that it is not told which are rare and which
            empty.
        """
        every = {name: each_once(group) for name, group in groups.items()}
        if not self.shows(frozenset().union(*every.values())):
            return {}
        by_size = sorted(every, key=lambda name: (name == last, -len(every[name])))
        alone = {name for name in by_size if self.shows(every[name])}
        rest = frozenset().union(*(every[name] for name in every if name not in alone))
        if not rest:
            return every
        kept = {name: every[name] for name in every if name in alone and every[name]}
        return {**kept, OTHERS: rest} if (kept or whole) and self.shows(rest) else {}


def _others(values: Any) -> np.ndarray:
    """Return which numbers are not the one that most of them are; none where no one is."""
    _, which, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    return (which != counts.argmax()) & (2 * counts.max() > len(which))


def in_tens(rows: float, lot: int = 1) -> float:
    """Return a number of rows as it may travel: to the nearest ten lots; NaN where they are fewer.

    Who adds and subtracts such numbers is left with tens, and does not know of any whether a few
    lots are missing or none.

    Examples
    --------
    >>> in_tens(238), in_tens(9), in_tens(456, lot=12)
    (240.0, nan, 480.0)
    """
    step = SMALLEST_SHOWN * lot
    return round(rows / step) * float(step) if rows >= step else float("nan")


def most_together(rows: pd.DataFrame, told: bool, of: str = CLIENT) -> int:
    """Return how many rows come or lack together: those a person has at one time, at most.

    Parameters
    ----------
    told
        Whether it is told how many people have some; else all rows of a person come together.
    """
    times = [name for name in TIMES if name in rows.columns and told]
    return int(rows.groupby([of, *times], observed=True, dropna=False).size().max())

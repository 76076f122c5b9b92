"""Whom clients of a trial have in common: therapists and therapy groups, in all arms or some."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..core.display.journal import written
from ..core.people import CLIENT, GROUP, THERAPIST, refuse_groups_that_start_anew
from ..errors import DesignError, listing, plural
from ..multilevel.result import MultilevelFit
from .rows import ARM, TIME

CLUSTER = "cluster"
FEW = 10  # clusters below which robust errors are told to be rough
TOO_NARROW = "If they do, intervals over several times are too narrow: {} not touched by that."


@dataclass(frozen=True)
class Kind:
    """A kind of thing that several clients have in common.

    Attributes
    ----------
    column, word
        Whose ids, and what one is called.
    given, change
        The columns of their effects: 1 in rows that have one (where others have none), and time
        from its middle there.
    lacking, remedy
        What is said of clients of their arms who have none.
    """

    column: str
    word: str
    given: str
    change: str
    lacking: str
    remedy: str

    @property
    def several(self) -> str:
        """What several are called."""
        return f"{self.word}s"

    def level(self, rows: pd.DataFrame) -> str:
        """Return the random term of their level."""
        return f" + ({'0 + ' + self.given if self.given in rows else '1'} | {self.column})"

    def slopes(
        self, rows: pd.DataFrame, times: tuple[Any, ...]
    ) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Return rows with time as a number, and terms from the richest to level alone.

        Time counts from the middle, where level and change are least entangled; times that are no
        numbers count by their order.
        """
        if pd.api.types.is_numeric_dtype(rows[TIME].dtype):
            when = rows[TIME].astype(float)
        else:
            when = rows[TIME].map(dict(zip(times, range(len(times)), strict=True))).astype(float)
        given = rows.get(self.given, 1.0)
        middle = float(np.mean(sorted(set(when))))
        first = f"0 + {self.given}" if self.given in rows else "1"
        return rows.assign(**{self.change: given * (when - middle)}), (
            f" + ({first} + {self.change} | {self.column})",
            f" + ({first} + {self.change} || {self.column})",
            f" + (0 + {self.change} | {self.column})",
            self.level(rows),
        )


KINDS = (
    Kind(
        THERAPIST, "therapist", "by_therapist", "time_since_middle",
        "treated by nobody", "fill in by whom they were",
    ),
    Kind(
        GROUP, "therapy group", "in_group", "time_in_group",
        "in no group", "fill in the groups of those who were in one",
    ),
)  # fmt: skip
"""The likely higher level first."""


def shared(rows: pd.DataFrame) -> tuple[pd.DataFrame, tuple[Kind, ...], str]:
    """Return rows, what of them is a level of the model, and what is said of that.

    Arms without therapists or groups stay: their rows have no effect of one. Clients who changed
    have that of each measurement. What is left out beside another goes: it is no cluster either.
    """
    refuse_groups_that_start_anew(
        rows,
        f"make them distinct, data['{GROUP}'] = (data['{THERAPIST}'].astype(str) + '-' + "
        f"data['{GROUP}'].astype(str)).where(data['{GROUP}'].notna()).",
    )
    found: list[Kind] = []
    notes = []
    for kind in (kind for kind in KINDS if kind.column in rows):
        own, n = rows.groupby(CLIENT)[kind.column].transform("first"), _changed(rows, kind)
        if n:
            own = rows[kind.column].where(rows[kind.column].notna(), own)
            notes.append(
                f"{plural(n, 'client')} had several {kind.several}: each measurement counts for "
                "that of its time."
            )
        notes += _about_arms(rows, own, kind)
        why = _no_variance(rows, own, kind)
        if why:
            notes.append(why)
            continue
        rows = rows.assign(**{kind.column: own})
        if found and _is_one(rows):
            notes.append(
                "Each therapist has one therapy group: what clients of it have in common counts "
                "once, as the therapist's."
            )
            continue
        found.append(kind)
        if own.isna().any():
            rows = rows.assign(**{kind.given: own.notna().astype(float)})
    left = [kind.column for kind in KINDS if kind not in found and kind.column in rows]
    return rows.drop(columns=left if found else []), tuple(found), " ".join(notes)


def _no_variance(rows: pd.DataFrame, own: pd.Series, kind: Kind) -> str:
    """Return why nothing can be told of how those of a kind differ; empty where it can."""
    n = own.nunique()
    if n < 3:
        return (
            f"{plural(n, kind.word)}: too few for a variance between them. Errors leave out what "
            f"clients of one have in common, and are too small if {kind.several} differ."
        )
    pairs = pd.DataFrame({"own": own, CLIENT: rows[CLIENT], ARM: rows[ARM].astype(str)}).dropna()
    if not pairs[["own", CLIENT]].drop_duplicates()["own"].duplicated().any():
        return f"Each {kind.word} has one client: how they differ is how clients do."
    if not pairs[["own", ARM]].drop_duplicates()[ARM].duplicated().any():
        return f"No arm has two {kind.several}: there is no variance between them to be seen."
    return ""


def _is_one(rows: pd.DataFrame) -> bool:
    """Tell whether therapists and therapy groups are the same clients under two names."""
    both = rows[[THERAPIST, GROUP]].drop_duplicates()
    return (
        not any(both[name].dropna().duplicated().any() for name in both)
        and not (both.isna().any(axis=1) & both.notna().any(axis=1)).any()
    )


def _about_arms(rows: pd.DataFrame, own: pd.Series, kind: Kind) -> list[str]:
    """Say which arms have none of a kind, which have some unnamed, and which have one alone.

    `own` is each row's.
    """
    without, unnamed, alone = [], [], []
    for arm, part in own.groupby(rows[ARM], sort=True):
        who = part.dropna().unique()
        if not len(who):
            without.append(arm)
        elif part.isna().any():
            unnamed.append(arm)
        if len(who) == 1 and not (own[rows[ARM] != arm] == who[0]).any():
            alone.append(f"'{arm}' ({who[0]})")
    said, nameless = [], rows.loc[own.isna(), [ARM, CLIENT]].drop_duplicates()
    if without:
        n = plural(int(nameless[ARM].isin(without).sum()), "client")
        said.append(
            f"{n} without a {kind.word} (arms: {listing(without)}); {kind.several} differ among "
            "the others only."
        )
    if unnamed:
        n = plural(int(nameless[ARM].isin(unnamed).sum()), "client")
        said.append(
            f"{n} of arms that have {kind.several} ({listing(unnamed)}) have no '{kind.column}' "
            f"and count as {kind.lacking}: {kind.remedy}."
        )
    if alone:
        said.append(
            f"One {kind.word} alone is named in {listing(alone)}: what the arm does cannot be told "
            f"from what that {kind.word} does, by no analysis."
        )
    return said


def in_several_arms(rows: pd.DataFrame, levels: tuple[Kind, ...]) -> str:
    """Say how many of each kind have clients in several arms; empty where nobody has.

    What they do may differ by arm, and one term each leaves that out; or numbers are no ids.
    """
    said = []
    for kind in levels:
        arms = rows.groupby(kind.column)[ARM].nunique()
        n, which = int((arms > 1).sum()), "both" if rows[ARM].nunique() == 2 else "several"
        if n:
            have = "has" if n == 1 else "have"
            said.append(
                f"{n} of {plural(len(arms), kind.word)} {have} clients in {which} arms. If numbers "
                "start anew in each arm, make them distinct."
            )
    return " ".join(said)


def _changed(rows: pd.DataFrame, kind: Kind) -> int:
    """Return how many clients had several of a kind."""
    known = rows[[CLIENT, kind.column]].dropna().drop_duplicates()
    return int(known.loc[known[CLIENT].duplicated(), CLIENT].nunique())


def crossing(rows: pd.DataFrame) -> str:
    """Return how clients, groups and therapists cross; empty where each lies in one of the next."""
    said = []
    for kind in (kind for kind in KINDS if kind.column in rows):
        n = _changed(rows, kind)
        said += [f"{plural(n, 'client')} had several {kind.several}"] * bool(n)
    if {THERAPIST, GROUP} <= set(rows):
        led = rows.dropna(subset=[GROUP]).groupby(GROUP)[THERAPIST].nunique()
        cut = led.index[led > 1]
        if len(cut):
            how_many = plural(len(cut), "therapy group")
            said.append(f"{how_many} had clients of several therapists (first: {cut[0]})")
    return " and ".join(said)


def lone_arms(rows: pd.DataFrame) -> list[str]:
    """Return the arms whose rows have one cluster in common: errors have nothing to differ in."""
    n = clusters(rows).groupby(rows[ARM].astype(str)).nunique()
    return [str(arm) for arm in n.index[n < 2]]


def clusters(rows: pd.DataFrame) -> pd.Series:
    """Return what errors are robust to: the therapist, the group without one, or the client."""
    own = pd.Series(None, rows.index, dtype=object)
    for kind in (kind for kind in KINDS if kind.column in rows):
        name = rows.groupby(CLIENT)[kind.column].transform("first")
        own = own.where(own.notna(), own.groupby(name).transform("first"))  # of others of the group
        own = own.where(own.notna(), (f"{kind.word} " + name.astype(str)).where(name.notna()))
    return own.where(own.notna(), "client " + rows[CLIENT].astype(str))


def clustered(rows: pd.DataFrame, note: str) -> tuple[pd.DataFrame, str]:
    """Return rows with what errors are robust to, and what is said of it.

    Raises
    ------
    DesignError
        Where clients or groups had several therapists, so that none has them whole, or an arm has
        one alone.
    """
    across, alone = crossing(rows), lone_arms(rows)
    if across:
        raise DesignError(
            f"errors='robust' needs each client under one therapist and in one group, and each "
            f"group under one; {across}. method='growth' with errors='model' takes that of each "
            "measurement."
        )
    if alone:
        raise DesignError(
            "errors='robust' needs two therapists or more in each arm (or therapy groups, or "
            f"clients without), and {why_not_robust(rows)}: how they differ cannot be seen there. "
            "Take errors='model', which leaves it out."
        )
    own = clusters(rows)
    sizes = {
        kind.several: n
        for kind in KINDS
        if (n := own[own.str.startswith(f"{kind.word} ")].nunique())
    }
    what = [f"{name} ({n} of them)" for name, n in sizes.items()]
    if not sizes:
        what = ["clients"]
    elif own.str.startswith("client ").any():
        what.append("clients without one")
    said = f"Errors are robust to {', and '.join(what)}."
    if 0 < sum(sizes.values()) < FEW:
        said += " Of so few they are hardly known themselves: look at the degrees of freedom."
    return rows.assign(**{CLUSTER: own}), f"{note} {said}".strip()


def named(rows: pd.DataFrame) -> str:
    """Return what clients have in common, in words; "clients" where it is nothing."""
    there = [kind.several for kind in KINDS if kind.column in rows]
    return " and ".join(there) or "clients"


def why_not_robust(rows: pd.DataFrame) -> str:
    """Return why errors cannot be robust in such rows; empty where they can."""
    across, alone = crossing(rows), lone_arms(rows)
    if across:
        return across
    verb = "has" if len(alone) == 1 else "have"
    words = " or ".join(kind.word for kind in KINDS if kind.column in rows)
    return f"{listing(alone)} {verb} one {words} alone" if alone else ""


def ways_to_differ(fit: MultilevelFit) -> dict[Kind, str]:
    """Return in which ways the model lets those of each kind differ, each with its SD.

    What is in a model may be zero: the estimates are told and no verdict on them.
    """
    found, random = {}, fit.tidy().query("effect == 'random'")
    for kind in KINDS:
        rows = random[random["group"] == kind.column]
        spread = dict(zip(rows["term"], rows["estimate"], strict=True))
        ways = {
            "sd Intercept": "level",
            f"sd {kind.given}": "level",
            f"sd {kind.change}": "how their clients change for each step of time",
        }
        told = [
            f"in {words} (estimated SD {written(spread[term])})"
            for term, words in ways.items()
            if term in spread
        ]
        if told:
            found[kind] = " and ".join(told)
    return found


def let_differ(fit: MultilevelFit) -> str:
    """Return what the model lets differ, in one clause; empty where it is nothing."""
    ways = [f"{kind.several} {words}" for kind, words in ways_to_differ(fit).items()]
    said = f"the model lets {', and '.join(ways)}"
    return said.replace(" in ", " differ in ", 1) if ways else ""


def of_shared(fit: MultilevelFit, robust: bool, why: str) -> str:
    """Return what is said of therapists and groups in a model over several times.

    `why` says why errors could not be robust.
    """
    ways, clause = ways_to_differ(fit), let_differ(fit)
    said = f"{clause[:1].upper()}{clause[1:]}."
    alike = [kind.several for kind, told in ways.items() if "how their clients change" not in told]
    if not alike:
        return said
    who = "they" if len(ways) == len(alike) else " and ".join(alike)
    said += f" Whether {who} differ in how their clients change could not be told from zero."
    ways_out = "method='ancova' is" if why else "errors='robust' and method='ancova' are"
    return said + f" {TOO_NARROW.format(ways_out)}" * (not robust)

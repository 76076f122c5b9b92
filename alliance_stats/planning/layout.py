"""Who of a planned study is with whom, in which arm, and for how many sessions.

One layout serves the formulas and the simulations: caseloads and lengths of treatment are dealt so
that their shares are those asked for, in every arm alike, instead of drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..core.arguments import checked_choice, is_number, share, shown, whole
from ..errors import DesignError

if TYPE_CHECKING:
    from .design import StudyDesign

Array = np.ndarray
GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it fall evenly between whole numbers, also every second or tenth of them."""


@dataclass(frozen=True)
class Layout:
    """The clients of a planned study: arrays with one entry a client.

    Attributes
    ----------
    therapist
        The number of the client's therapist; -1 for a client without one.
    arm
        0 for the first arm.
    length
        The sessions the client comes to.
    """

    therapist: Array
    arm: Array
    length: Array

    @cached_property
    def n_therapists(self) -> int:
        """Therapists with at least one client."""
        return int(self.therapist.max()) + 1

    @property
    def n_clients(self) -> int:
        """Clients of all arms."""
        return len(self.arm)

    @cached_property
    def measured(self) -> Layout:
        """Those with a score, and their therapists: all of them but where one session is lost."""
        some = self.length > 0
        if some.all():
            return self
        treated = self.therapist[some]
        numbered = np.searchsorted(np.unique(treated[treated >= 0]), treated)
        return Layout(np.where(treated < 0, -1, numbered), self.arm[some], self.length[some])

    def rows(self) -> pd.DataFrame:
        """Return one row a session: ``client_id, therapist_id, arm, session, time``."""
        client = np.repeat(np.arange(self.n_clients), self.length)
        time = np.arange(len(client)) - np.repeat(np.cumsum(self.length) - self.length, self.length)
        columns = {"client_id": client, "therapist_id": self.therapist[client]}
        columns |= {"arm": self.arm[client], "session": time + 1, "time": time.astype(float)}
        return pd.DataFrame(columns)


def lay_out(design: StudyDesign) -> Layout:
    """Return the clients of a design."""
    alone = design.nested == "one_arm"
    whose_arm = np.ones(design.n_therapists, int) if alone else None
    if whose_arm is None:
        whose_arm = dealt(design, design.n_therapists)
    sizes = caseload_sizes(design, whose_arm)
    therapist = np.repeat(np.arange(design.n_therapists), sizes)
    if design.randomised == "client" and not alone:
        place = np.arange(len(therapist)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        pattern = dealt(design, sum(design.allocation or [1] * design.arms))
        arm = pattern[(place + therapist) % len(pattern)]
    else:
        arm = whose_arm[therapist]
    if alone:  # as many clients without a therapist
        therapist = np.concatenate([therapist, np.full(len(therapist), -1)])
        arm = np.concatenate([arm, np.zeros(len(arm), int)])
    length = np.empty(len(arm), int)
    for one in range(design.arms):
        mine = np.flatnonzero(arm == one)
        length[mine] = _lengths(len(mine), design.gone)
    return Layout(therapist, arm, length)


def dealt(design: StudyDesign, n: int) -> Array:
    """Return the arm of each of `n`: always the one that is furthest below its part."""
    if design.allocation is None:
        return np.arange(n) % design.arms
    part, count = np.array(design.allocation) / sum(design.allocation), np.zeros(design.arms)
    arm = np.empty(n, int)
    for one in range(n):
        arm[one] = np.argmax(part * (one + 1) - count)
        count[arm[one]] += 1
    return arm


def check_arms(design: StudyDesign) -> None:
    """Refuse arms that are none, or that have too few therapists to be compared."""
    if design.nested == "one_arm" and design.arms != 2:
        raise DesignError("nested='one_arm' needs two arms, one of them without therapists.")
    if design.randomised != "none" and design.arms < 2:
        raise DesignError("A comparison needs arms=2 or more; or write randomised='none'.")
    full = design.randomised == "therapist" and design.nested == "full"
    least = 2 * design.arms if full else 2
    each = np.bincount(dealt(design, design.n_therapists), minlength=design.arms)
    if design.n_therapists < least:
        raise DesignError(
            f"n_therapists must be {least} or more, not {design.n_therapists}: with one therapist"
            f"{' in an arm' if full else ''}, nobody can tell the therapist from the treatment."
        )
    if full and each.min() < 2:
        raise DesignError(
            f"Of {design.n_therapists} therapists allocation leaves an arm fewer than two."
        )


def checked_allocation(given: Any, arms: int, nested: str) -> tuple[int, ...]:
    """Return the parts of the arms as whole numbers."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise DesignError(f"allocation must list a part for each arm, not {shown(given)}.")
    parts = tuple(whole(part, "A part of allocation", 1, 1000) for part in given)
    if len(parts) != arms or nested == "one_arm":
        raise DesignError(
            f"allocation lists {len(parts)} parts and must have one for each of {arms} arms "
            "(and has no place with nested='one_arm', whose arms are of equal size)."
        )
    return parts


def _lengths(n: int, gone: Array) -> Array:
    """Return how long `n` clients stay: of each length as many as the curve says."""
    spread = np.argsort(np.argsort(np.arange(1, n + 1) * GOLDEN % 1))
    return ((spread + 0.5) / n >= gone[:, None]).sum(axis=0)


def caseload_sizes(design: StudyDesign, arm: Array) -> Array:
    """Return the number of clients of each therapist, dealt alike to every arm."""
    given = design.caseloads
    if isinstance(given, tuple):
        return np.array(given)
    sizes = np.empty(len(arm), int)
    if isinstance(given, Mapping):  # of all therapists the shares asked for, dealt to the arms
        place = np.empty(len(arm))
        turn = np.empty(len(arm))
        for one in np.unique(arm):
            mine = np.flatnonzero(arm == one)
            place[mine] = (np.arange(len(mine)) + 0.5) / len(mine)
            turn[mine] = one * (-1.0) ** np.arange(len(mine))
        at = (np.arange(len(arm)) + 0.5) / len(arm)
        sizes[np.lexsort((turn, place))] = _quantiles(given, design.clients_per_therapist, at)
        return sizes
    for one in np.unique(arm):
        mine = np.flatnonzero(arm == one)
        at = (np.arange(len(mine)) + 0.5) / len(mine)
        sizes[mine] = _quantiles(given, design.clients_per_therapist, at)
    return sizes


def _quantiles(given: Any, mean: float, at: Array) -> Array:
    from scipy import stats

    if isinstance(given, Mapping):
        size, part = np.array(sorted(given.items())).T
        return size[np.searchsorted(np.cumsum(part), at - 1e-9)].astype(int)
    if hasattr(given, "ppf"):
        return np.maximum(np.round(given.ppf(at)), 1).astype(int)
    if given == "poisson":
        return 1 + stats.poisson.ppf(at, mean - 1).astype(int)
    if given == "geometric" and mean > 1:
        return stats.geom.ppf(at, 1 / mean).astype(int)
    return np.diff(np.round(np.arange(len(at) + 1) * mean)).astype(int)


def checked_caseloads(given: Any, n_therapists: int) -> Any:
    """Return caseloads as a word, a tuple with one number a therapist, or sizes and their shares.

    Raises
    ------
    DesignError
        Where they are none of these, or do not fit the therapists.
    """
    if isinstance(given, str):
        return checked_choice("caseloads", given, ("equal", "poisson", "geometric"))
    if isinstance(given, Mapping):
        parts = list(given.values())
        if not given or not all(is_number(part) and part > 0 for part in parts):
            raise DesignError(
                "caseloads must name sizes with their shares of the therapists, above 0, such as "
                "{2: .5, 6: .5}."
            )
        if abs(sum(parts) - 1) > 1e-6:
            raise DesignError(f"The shares of caseloads must add to 1; they add to {sum(parts):g}.")
        return {whole(size, "A caseload", 1): float(part) for size, part in given.items()}
    if hasattr(given, "ppf"):
        return given
    if not isinstance(given, Iterable):
        raise DesignError(
            "caseloads must be 'equal', 'poisson', 'geometric', a list with the clients of each "
            f"therapist, or sizes with their shares ({{2: .5, 6: .5}}), not {shown(given)}."
        )
    sizes = tuple(whole(size, "A caseload", 1) for size in given)
    if len(sizes) != n_therapists:
        raise DesignError(
            f"caseloads must list the clients of each of the {n_therapists} therapists; it lists "
            f"{len(sizes)}. Sizes with their shares ({{2: .5, 6: .5}}) fit any number."
        )
    return sizes


def checked_dropout(given: Any, sessions: int) -> tuple[float, ...]:
    """Return the share of clients who have left before each session.

    Raises
    ------
    DesignError
        Where nobody is left, or the curve neither rises from 0 nor falls from 1.
    """
    if given is None:
        return (0.0,) * sessions
    if is_number(given):
        if given >= 1:
            raise DesignError(f"dropout={given:g} leaves nobody; it is the share that leaves.")
        if given == 0:
            return (0.0,) * sessions
        if sessions == 1:  # who has left before the one measurement has no score
            return (share(given, "dropout"),)
        stay = (1 - share(given, "dropout")) ** (1 / (sessions - 1))
        return tuple(1 - stay**before for before in range(sessions))
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise DesignError(
            "dropout must be the share of clients who leave before the last session, or a list "
            f"with the share who have left before each session, not {shown(given)}."
        )
    curve = list(given)
    if curve and all(map(is_number, curve)) and curve[0] == 1:
        curve = [1 - there for there in curve]
    fits = all(is_number(one) and 0 <= one <= 1 for one in curve)
    if not fits or len(curve) != sessions or curve[0] != 0 or sorted(curve) != curve:
        raise DesignError(
            f"dropout must list, for each of the {sessions} sessions, the share of clients who "
            f"have left before it (from 0 up) or are still there (from 1 down), not {shown(given)}."
        )
    if curve[-1] >= 1:
        raise DesignError(f"dropout leaves nobody in session {curve.index(1) + 1}.")
    return tuple(float(one) for one in curve)


def checked_missing(given: Any, sessions: int) -> tuple[float, ...]:
    """Return the share of clients without a score in each session.

    Raises
    ------
    DesignError
        Where it is no share, or nobody has a score.
    """
    several = isinstance(given, Iterable) and not isinstance(given, str | Mapping)
    each = list(given) if several else [given] * sessions
    if len(each) != sessions or not all(is_number(one) and 0 <= one < 1 for one in each):
        raise DesignError(
            "missing must be the share of sessions without a score, from 0 to below 1, or a list "
            f"with that of each of the {sessions} sessions, not {shown(given)}."
        )
    if sessions == 1 and any(each):
        raise DesignError("missing has no place in a plan of one session; plan fewer clients.")
    return tuple(float(one) for one in each)

"""How many ruptures and repairs would there be if nothing had ruptured?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import DesignError, did_you_mean
from . import ar1
from .courses import Courses, Floats
from .detection import apply, prepare, require_enough
from .parameters import check_seed, complete
from .reading import with_direction
from .rules import Rule, find_rule
from .yardsticks import retest_reliability

if TYPE_CHECKING:
    from ..study import Study

NULLS = ("permutation", "ar1")
BATCH_ROWS = 200_000
"""Sessions worked on at once: replicates are stacked until there are so many."""


def expected_by_chance(
    scores: Study | pd.DataFrame,
    *,
    rule: str,
    null: str = "permutation",
    replicates: int = 999,
    seed: int = 0,
    column: str = "score",
    measure: str | None = None,
    subscale: str | None = None,
    progress: bool = False,
    **parameters: Any,
) -> pd.DataFrame:
    """Are there more ruptures, and more repairs, than chance alone would bring?

    A high session followed by an average one looks like a rupture, and an unusually low session
    is mostly followed by a better one, so every rule finds ruptures, and repairs, in pure
    noise. Here the same rule is applied to courses that have no ruptures but are like the
    clients' own.

    Parameters
    ----------
    scores, rule, column, measure, subscale, **parameters
        As in `detect_ruptures`.
    null
        ``"permutation"``: each client's observed scores in random order (mean, SD, ceiling and
        every value kept; trend and autocorrelation gone). It asks about the *order* of sessions
        only: a single low score stays low wherever it is put, so dips of one session cannot be
        more than it expects, and drift counts as ruptures. ``"ar1"``: normal scores with the
        client's mean, SD and session numbers, and the autocorrelation common to all clients,
        both SD and autocorrelation corrected for short series (`ruptures.ar1`); it does not know
        the ends of the scale.
    replicates
        How many times; the p value cannot be below 1 / (replicates + 1).
    seed
        The same seed gives the same numbers.
    progress
        Show a progress bar.

    Returns
    -------
    pandas.DataFrame
        A row each for ``rupture`` and ``repair`` (index, and column ``event``): ``observed``,
        ``expected`` (mean over replicates), ``ratio`` (observed / expected), ``p_value``
        (one-sided: (1 + replicates with at least as many) / (replicates + 1)), ``conf_low``,
        ``conf_high`` (the middle 95 % of counts under the null), and the same for the share
        (ruptures per judged session; repaired among ruptures whose outcome was observed):
        ``share_observed``, ``share_expected``, ``share_p_value``. The share is the one to read
        for repairs: more ruptures bring more repairs by themselves. ``.attrs`` holds the rule,
        its parameters, the null, the replicates, the seed, ``messages`` and, for ``"ar1"``, the
        ``phi`` used.

    Notes
    -----
    A cut-off in points stays the same under the null: where no reliability is given, the one the
    data stand in for is held (it is in ``.attrs["parameters"]``).

    Both nulls keep the clients' SD, and ruptures widen it: real ruptures hide in part behind
    the spread they make. A large p value says that the counts can be had without a rupture
    process, not that there was none.

    Examples
    --------
    >>> import alliance_stats as al
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> scores = pd.DataFrame(
    ...     {
    ...         "client_id": np.repeat(range(30), 12),
    ...         "session": np.tile(range(1, 13), 30),
    ...         "score": rng.normal(5, 1, 360),
    ...     }
    ... )
    >>> table = al.expected_by_chance(scores, rule="drop_within_sd", replicates=99, seed=1)
    >>> bool(table.loc["rupture", "conf_low"] < table.loc["rupture", "expected"])
    True
    """
    chosen = find_rule(rule)
    p = complete(chosen, with_direction(scores, chosen, parameters, measure, subscale))
    _check(chosen, null, replicates)
    check_seed(seed)
    series, _ = prepare(scores, chosen, p, column=column, measure=measure, subscale=subscale)
    courses = series.courses(p["direction"])
    require_enough(courses, chosen, p)
    p = _hold_reliability(courses, p)
    observed = count(courses, chosen, p)[0]
    phi = ar1.estimate_phi(courses) if null == "ar1" else None
    batches = draw(courses, phi, replicates, np.random.default_rng(seed))
    drawn = np.concatenate(
        [count(batch, chosen, p) for batch in _watch(batches, courses, replicates, progress)]
    )
    table = summarise(observed, drawn)
    table.attrs = {
        "rule": rule,
        "parameters": dict(p),
        "null": null,
        "replicates": replicates,
        "seed": seed,
        "phi": phi,
        "messages": _messages(phi),
    }
    return table


def _hold_reliability(courses: Courses, p: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters with a reliability that the data stand in for held at its value.

    Estimated anew in every replicate, it would fall with the order of the sessions, and the
    cut-off would rise: observed and expected counts would not be of the same falls.
    """
    needed = p.get("scale") == "reliable_change" or ("stability" in p and p["points"] is None)
    if not needed or p["reliability"] is not None:
        return dict(p)
    r = float(retest_reliability(courses)[0])
    return {**p, "reliability": r if np.isfinite(r) else None}


def _messages(phi: float | None) -> tuple[str, ...]:
    if phi is None or abs(phi) < ar1.PHI_LIMIT:
        return ()
    return (
        f"The autocorrelation lies at the end of what is looked for ({phi:g}): there are too few "
        "neighbouring sessions to estimate it, and the AR(1) null is not to be relied on.",
    )


def _check(rule: Rule, null: str, replicates: int) -> None:
    if null not in NULLS:
        raise DesignError(
            f"null must be 'permutation' or 'ar1'; it is {null!r}.{did_you_mean(null, NULLS)}"
        )
    if isinstance(replicates, bool) or not isinstance(replicates, int) or replicates < 1:
        raise DesignError(f"replicates must be a whole number of 1 or more; it is {replicates!r}.")
    if rule.needs != "scores" or not rule.dates_sessions:
        raise DesignError(
            f"The rule '{rule.name}' finds no ruptures in a series of scores, so chance has no "
            "say in it; choose a rule that reads scores and dates sessions."
        )


def count(courses: Courses, rule: Rule, p: Mapping[str, Any]) -> Floats:
    """Return, a row a replicate: judged sessions, ruptures, repaired and unrepaired episodes."""
    flags, episodes = apply(courses, rule, p)
    rows = courses.session.size // courses.replicates
    sample = episodes.rupture // rows
    n = courses.replicates
    judged = flags.judged.reshape(n, -1).sum(axis=1)
    return np.column_stack(
        [
            judged,
            np.bincount(sample, minlength=n),
            np.bincount(sample[episodes.outcome == 0], minlength=n),
            np.bincount(sample[episodes.outcome == 1], minlength=n),
        ]
    ).astype(float)


def stack(courses: Courses, copies: int) -> Courses:
    """Return so many copies of the courses, one after the other."""
    n = courses.session.size
    start = (courses.start[None, :] + n * np.arange(copies)[:, None]).ravel()
    return replace(
        courses,
        session=np.tile(courses.session, copies),
        value=np.tile(courses.value, copies),
        start=start,
        replicates=copies,
    )


def draw(
    courses: Courses, phi: float | None, replicates: int, rng: np.random.Generator
) -> Iterator[Courses]:
    """Yield the replicates in batches: AR(1) with `phi`, or permutations where it is None."""
    sd = None if phi is None else ar1.true_sd(courses, phi)
    size = batch_size(courses)
    for first in range(0, replicates, size):
        copies = stack(courses, min(size, replicates - first))
        if phi is None or sd is None:
            yield permute(copies, rng)
        else:
            yield ar1.simulate(copies, np.tile(sd, copies.replicates), phi, rng)


def batch_size(courses: Courses) -> int:
    """Return how many replicates are worked on at once."""
    return max(1, BATCH_ROWS // courses.session.size)


def permute(courses: Courses, rng: np.random.Generator) -> Courses:
    """Return the courses with every client's scores in random order."""
    order = np.argsort(courses.client + rng.random(courses.value.size))
    return replace(courses, value=courses.value[order])


def _watch(
    batches: Iterable[Courses], courses: Courses, replicates: int, progress: bool
) -> Iterable[Courses]:
    if not progress:
        return batches
    from rich.progress import track

    total = -(-replicates // batch_size(courses))
    return track(batches, "Courses without ruptures", total=total)


def summarise(observed: Floats, drawn: Floats) -> pd.DataFrame:
    """Return observed against expected from the counts of `count`."""
    rows = {
        "rupture": (observed[1], drawn[:, 1], _share(observed, 1), _share(drawn.T, 1)),
        "repair": (observed[2], drawn[:, 2], _share(observed, 2), _share(drawn.T, 2)),
    }
    table = {event: {"event": event, **_compare(*row)} for event, row in rows.items()}
    return pd.DataFrame.from_dict(table, orient="index")


def _share(counts: Floats, which: int) -> Floats:
    """Return ruptures per judged session (1), or repaired among those decided (2)."""
    part, whole = (counts[1], counts[0]) if which == 1 else (counts[2], counts[2] + counts[3])
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.true_divide(part, whole)


def _compare(observed: float, drawn: Floats, share: Floats, shares: Floats) -> dict[str, float]:
    expected = float(drawn.mean())
    low, high = np.quantile(drawn, [0.025, 0.975])
    known = shares[np.isfinite(shares)]
    able = known.size > 0 and bool(np.isfinite(share))
    return {
        "observed": int(observed),
        "expected": expected,
        "ratio": observed / expected if expected > 0 else np.nan,
        "p_value": (1 + int((drawn >= observed).sum())) / (drawn.size + 1),
        "conf_low": float(low),
        "conf_high": float(high),
        "share_observed": float(share),
        "share_expected": float(known.mean()) if known.size else np.nan,
        "share_p_value": (1 + int((known >= share - 1e-12).sum())) / (known.size + 1)
        if able
        else np.nan,
    }

"""Which sessions are ruptures, and were they repaired? One door to every rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import DesignError
from ..study.splitting import about_groups, groups_of, with_group
from ..study.times import SESSION, along
from .courses import Courses, Floats
from .episodes import Episodes, follow
from .observers.reports import find_table, read_marks
from .parameters import complete
from .reading import ScoreTable, check_range, read_scores, therapists_in
from .result import Ruptures
from .result_tables import build
from .rules import Flags, Rule, find_rule

if TYPE_CHECKING:
    from ..study import Study


def apply(courses: Courses, rule: Rule, p: Mapping[str, Any]) -> tuple[Flags, Episodes]:
    """Apply a rule to courses: the part below the tables, which simulations repeat."""
    flags = rule.function(courses, p)
    short = courses.length < p["min_sessions"]
    if short.any():
        enough = ~courses.spread(short).astype(bool)
        flags = replace(flags, flag=flags.flag & enough, judged=flags.judged & enough)
    if flags.no_unit is not None and flags.no_unit.any():
        flags = replace(flags, judged=flags.judged & ~courses.spread(flags.no_unit).astype(bool))
    return flags, follow(courses, flags, p)


def prepare(
    data: Study | pd.DataFrame,
    rule: Rule,
    parameters: Mapping[str, Any],
    *,
    column: str = "score",
    events: pd.DataFrame | None = None,
    codes: pd.DataFrame | None = None,
    measure: str | None = None,
    subscale: str | None = None,
) -> tuple[ScoreTable, dict[str, Floats], dict[str, Any]]:
    """Return the sorted sessions a rule works on, its marks, and all its parameters."""
    if rule.needs != "scores":
        given = events if rule.needs == "events" else codes
        p = complete(rule, parameters)
        return *read_marks(data, find_table(data, rule.needs, given), rule, p), p
    series, parameters = read_scores(
        data, parameters, column=column, measure=measure, subscale=subscale
    )
    p = complete(rule, parameters)
    check_range(series, p["range"])
    return series, therapists_in(data, series) if rule.by_therapist else {}, p


def detect_ruptures(
    scores: Study | pd.DataFrame,
    *,
    rule: str,
    column: str = "score",
    measure: str | None = None,
    subscale: str | None = None,
    events: pd.DataFrame | None = None,
    codes: pd.DataFrame | None = None,
    time: str = SESSION,
    by: str | None = None,
    **parameters: Any,
) -> Ruptures:
    """In which sessions did the alliance rupture, and was it repaired?

    There is no agreed definition of a rupture in a series of scores, and the rules disagree on
    the same data (Gumz et al. 2012, doi 10.1186/1471-2288-12-10). So the rule and every
    parameter are named and come back with the result; compare several (`compare_rules`) and
    hold the counts against chance (`expected_by_chance`) before believing one.

    Parameters
    ----------
    scores
        One row a client and session: ``client_id``, ``session`` (whole numbers), ``score``. A
        session without a row, or with a missing score, is unobserved. A `Study` gives its
        scores, sessions, events and codes.
    rule
        A name from `rupture_rules`.
    column
        The column that holds the score.
    measure, subscale
        Which score to take from `scores`, as `Study.select` takes it: ``"wai-sr/total/client"``,
        or with the arguments `subscale` and `rater`. Where no measure is named, the columns
        ``measure``, ``scale`` and ``rater`` must hold one of each.
    events, codes
        Tables of reports and of observer codes for the rules ``direct_report`` and
        ``observer_codes``, where `scores` is not a study that has them.
    **parameters
        The rule's parameters (`rupture_rules`). Those of every rule: ``repair_level`` (share of
        the fall to be regained, 0.5 in most rules, or ``"threshold"``), ``repair_window``
        (session numbers within which a repair counts; None: as far as followed), ``min_sessions``,
        ``max_gap`` (largest difference of session numbers across which sessions are compared or
        followed; 1: adjacent only; None: any), ``direction`` (``"higher_is_better"`` or
        ``"lower_is_better"``), ``rater``, ``range`` (lowest and highest possible score, for flags
        of ceiling and floor). Direction and range are the card's unless given, where the scores
        are a study's or have a column ``measure``.
    time
        The column that counts along time in place of ``session``: ``"occasion"``, by its order, or
        one of numbers, such as ``"week"``. It then stands in
        the columns called ``session``. Decimals are refused: neighbours are found by whole numbers.
    by
        A column of the clients (``condition``, ``site_id``), which then stands in ``.clients`` and
        whose groups have rates of their own in ``.tidy()``. All are judged at once, by one SD.

    Returns
    -------
    Ruptures
        ``.sessions``, ``.episodes``, ``.clients``, ``.rule``, ``.parameters``, ``.limits`` (for
        charts), ``.plot(client_id)``, ``.tidy()``, ``.glance()``, ``.messages``.

    Raises
    ------
    ColumnError, DesignError
        Where columns are missing or wrong, sessions double, raters mixed, the rule unknown, a
        parameter impossible, or no client has enough sessions.

    Notes
    -----
    An episode is followed to the end of the ratings, or to the first gap of more than ``max_gap``:
    with ``max_gap=1`` a missed session ends it. It is *repaired*, *unrepaired* or *censored*; the
    last means that it was not followed far enough (fewer sessions than the window were observed
    after it; without a window: fewer than three, see docs/rupture-rules.md), while a repair counts
    from the first session on: a share of repairs is that of ``.repair_times()``, which needs no
    such choice. A client's class is the worst of: unrepaired,
    censored, repaired, none; clients who cannot be judged are ``too_few_sessions``, or
    ``no_spread`` where their scores never move and a rule counts falls in units of the client's
    own spread. Classes are made from the same course they describe: do not use them as if they had
    been known at the start of therapy.

    Examples
    --------
    >>> import alliance_stats as al
    >>> import pandas as pd
    >>> scores = pd.DataFrame(
    ...     {"client_id": "a", "session": range(1, 7), "score": [5.0, 5.2, 3.0, 4.1, 5.3, 5.1]}
    ... )
    >>> found = al.detect_ruptures(scores, rule="drop_points", points=1.5)
    >>> found.episodes[["rupture_session", "repair_session", "depth", "outcome"]]
       rupture_session  repair_session  depth   outcome
    0                3               4    2.2  repaired
    """
    given = scores
    scores, events, codes = (along(one, time, whole=True) for one in (scores, events, codes))
    chosen = find_rule(rule)
    series, marks, p = prepare(
        scores,
        chosen,
        parameters,
        column=column,
        events=events,
        codes=codes,
        measure=measure,
        subscale=subscale,
    )
    courses = series.courses(p["direction"], marks)
    require_enough(courses, chosen, p)
    flags, episodes = apply(courses, chosen, p)
    found = build(series, courses, flags, episodes, chosen, p)
    if by is None:
        return found
    clients = with_group(found.clients, given, by)
    messages = (*found.messages, *about_groups(clients, by, groups_of(given, by)))
    return replace(found, clients=clients, messages=messages, by=by)


def require_enough(courses: Courses, rule: Rule, p: Mapping[str, Any]) -> None:
    """Refuse data in which not one client has enough observed sessions."""
    least = max(p["min_sessions"], (p.get("baseline") or 0) + 1)
    longest = int(np.max(courses.length))
    if longest < least:
        raise DesignError(
            f"The rule '{rule.name}' needs {least} observed sessions of a client, and none of the "
            f"{courses.start.size} clients has as many (the longest course has {longest}). Lower "
            "min_sessions where the rule allows it, or choose a rule that needs fewer."
        )

"""Reliable change: is a client's change larger than measurement error alone would make it?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..core.arguments import checked_table, numbers
from ..core.people import CLIENT
from ..core.results import shown_as_result
from ..errors import ColumnError, DesignError, listing, plural, require_columns
from ..inference.shares import share_rows
from ..instruments.criteria import CATEGORIES, Criterion, CriterionTable, criterion_of
from ..instruments.scale_card import Card, card_of, direction_of
from ..study.judged import alpha_here
from ..study.prepost import first_and_last
from ..study.select import ScoreName, is_study
from ..study.splitting import about_groups, groups_of, parts_of, with_group

if TYPE_CHECKING:
    from ..core.display.page import Block
    from ..study import Study

MADE = ("change", "rci", "category")


@shown_as_result
class ReliableChanges(CriterionTable):
    """The clients' scores with ``change, rci, category``; made by `reliable_change`."""

    title = "Reliable change"
    _shares = "."

    @property
    def heading(self) -> str:
        """What this is, and of which score where that is known."""
        score = self.attrs.get("score")
        return f"Reliable change: {score}" if score else "Reliable change"

    @property
    def messages(self) -> tuple[str, ...]:
        """What was taken from the card or the data, a sentence each."""
        return tuple(self.attrs["reliable_change"]["messages"])

    def tidy(self) -> pd.DataFrame:
        """Return the share of each category, of the clients with both scores; by ``group``."""
        by = self.attrs["reliable_change"].get("by")
        rows = []
        for name, own in parts_of(self, by):
            judged = own["category"].dropna()
            counts = {kind: int((judged == kind).sum()) for kind in CATEGORIES}
            rows.append(share_rows(counts, len(judged)).assign(group=name))
        return pd.concat(rows, ignore_index=True)

    def shown(self, labels: Mapping[str, str] | None = None) -> list[Block]:
        """Return the shares, and where the rows of the clients are."""
        me: Any = self
        rows = plural(len(self), "row")
        where = f"This is a table with {rows}, one a client: {', '.join(map(str, self.columns))}."
        return [me._table(self.tidy(), labels), where]

    def glance(self) -> pd.DataFrame:
        """Return one row: clients, those judged, and the criterion."""
        numbers = {"n": len(self), "n_judged": int(self["category"].notna().sum())}
        return pd.DataFrame([{**numbers, **self.criterion.as_dict()}])


def reliable_change(
    data: pd.DataFrame | Study,
    *,
    pre: str | None = None,
    post: str | None = None,
    reliability: float | None = None,
    sd: float | None = None,
    method: str = "JT",
    direction: str | None = None,
    reliability_post: float | None = None,
    measure: str | None = None,
    scale: str = "total",
    rater: str = "client",
    criterion: str | Criterion = "card",
    time: str | None = None,
    by: str | None = None,
) -> ReliableChanges:
    """Has each client changed by more than measurement error?

    Parameters
    ----------
    data
        One row a client, with the scores of two occasions; or a `Study`, whose `first_and_last`
        scores of `measure` by `rater` are then used.
    pre, post
        Columns with the first and the last score, in points of the measure; of a `Study` the
        labels of two occasions, where they are not its first and last (`first_and_last`).
    reliability
        Reliability of the measure in a population like this one, between 0 and 1. Test-retest
        reliability and alpha give different answers; Jacobson and Truax recommend retest. May be
        left out with `measure`, if its card has one: there, what was read in its source comes
        before what was not, then retest before alpha.
    sd
        SD of the first score in the population the answer is for; by default the SD of `pre`
        of the clients who are judged: those of `data` with both scores. The messages say so.
    method
        ``JT`` (Jacobson-Truax), ``GLN`` (Gulliksen-Lord-Novick), ``HLL`` (Hsu-Linn-Lord), ``EN``
        (Edwards-Nunnally), ``NK`` (Nunnally-Kotsch) or ``HA`` (Hageman-Arrindell).
    direction
        ``lower_is_better`` (symptoms) or ``higher_is_better`` (functioning). The card says it
        where there is one; where nobody does, lower is taken as better and the messages say so.
    reliability_post
        Reliability at the second occasion, used by ``NK`` alone; by default `reliability`.
    measure, scale, rater
        The score, and the card (``al.measure(name)``) that reliability and direction are taken
        from where they are not given. What was taken, from where, and whether somebody read it
        there, is in ``.messages`` (also ``.attrs["reliable_change"]["messages"]``).
    criterion
        ``"card"`` (as above; with a `Study` whose measure's card has no reliability, alpha of its
        clients), ``"alpha"`` (Cronbach's alpha of the clients of the `Study`), ``"published"``
        (the card's points, that many or more, whatever the SD here), or the ``.criterion`` of
        another result: then reliability, SD and method are those of that one. `outcome_gap`,
        `define_dropout` and the report take the same.
    time
        Of a `Study`: along which time its first and last score are found, as `first_and_last`
        takes it.
    by
        A column of the clients (``condition``, ``site_id``), which stands in the answer and whose
        groups have shares of their own in ``.tidy()``. All are judged by one criterion.

    Returns
    -------
    ReliableChanges
        A copy of `data` with ``change`` (post - pre, raw points), ``rci`` (the statistic, signed
        so that positive is improvement) and ``category`` (improved, unchanged, deteriorated;
        missing where a score is missing). A change must *exceed* the critical value (1.96;
        HA 1.65) to count. ``.criterion`` is what was used; ``.tidy()`` the share of each category;
        ``.attrs["reliable_change"]`` also says how many rows had no score. Under published points
        ``rci`` is the change in multiples of them.

    Notes
    -----
    A reliable-change index is a statement about one SD and one reliability, not a constant of
    the measure. The formulas are given in `alliance_stats.instruments.change_formulas` with their
    sources (JT: doi 10.1037/0022-006X.59.1.12).

    Examples
    --------
    >>> import pandas as pd, alliance_stats as al
    >>> scores = pd.DataFrame({"pre": [30.0, 30.0, 30.0], "post": [20.0, 25.0, 40.0]})
    >>> out = al.reliable_change(scores, pre="pre", post="post", reliability=0.8, sd=7.5)
    >>> out["category"].tolist()
    ['improved', 'unchanged', 'deteriorated']
    >>> print(out.criterion)
    Jacobson-Truax, more than 9.297 points; reliability 0.8 (given), SD 7.5
    """
    own_alpha = None
    table: Any = data
    if is_study(data):
        table = pairs_of(data, measure, scale, rater, pre, post, time)
        pre, post = "pre", "post"
        own_alpha = partial(alpha_here, data, *ScoreName(table.attrs["score"]).chosen)
    card = card_for(data, table, measure, scale)
    direction, told_direction = direction_of(direction, card, table)
    first, last = scores_of(table, pre, post)
    groups: list[str] = []
    if by is not None:
        table = with_group(table, data, by)
        groups = list(groups_of(data, by) if is_study(data) else table[by].dropna())
    for made in MADE:
        if made in (pre, post):
            raise ColumnError(
                f"The column '{made}' holds scores, and the answer would have a column of that "
                "name; rename it first."
            )
    used = criterion_of(
        first, last, criterion=criterion, card=card, direction=direction, reliability=reliability,
        reliability_post=reliability_post, sd=sd, method=method, own_alpha=own_alpha,
    )  # fmt: skip
    out = ReliableChanges.of(table.copy())
    out["change"] = last - first
    out["rci"], out["category"] = used.judge(first, last)
    out.attrs["reliable_change"] = {
        **used.as_dict(),
        "critical": used.critical,
        "direction": direction,
        "smallest_reliable_change_jt": used.points,
        "by": by,
        "rows": len(out),
        "rows_without_both_scores": int(out["category"].isna().sum()),
        "messages": (
            *used.messages,
            *told_direction,
            *several_rows(out),
            *about_groups(out, by, groups, counted=out.dropna(subset=["category"])),
        ),
    }
    out.attrs["criterion"] = asdict(used)
    return out


def several_rows(table: pd.DataFrame) -> list[str]:
    """Say where clients have several rows, each of which counts as a client."""
    if CLIENT not in table.columns:
        return []
    ids = table[CLIENT].dropna()
    who = ids[ids.duplicated()].unique()
    return [
        f"{plural(len(who), 'client')} ({listing(who)}) have several rows, and each row counts as "
        "a client: give one row a client."
    ][: len(who)]


def pairs_of(
    study: Study,
    measure: str | None,
    scale: str,
    rater: str,
    pre: str | None,
    post: str | None,
    time: str | None,
) -> pd.DataFrame:
    """Return the first and last scores of a study's clients, as ``pre`` and ``post``."""
    if measure is None:
        raise DesignError("Of a study, name the score: measure= (scale=, rater=).")
    usual = {pre, post} <= {None, "pre", "post"}
    when = {} if usual else {"pre": pre, "post": post}
    return first_and_last(study, measure=measure, scale=scale, rater=rater, time=time, **when)


def card_for(
    data: pd.DataFrame | Study, table: pd.DataFrame, measure: str | None, scale: str
) -> Card | None:
    """Return the card of a measure that was named; of a study the one of the score chosen."""
    if not is_study(data):
        return None if measure is None else card_of(measure, scale)
    name, scale, _ = ScoreName(table.attrs["score"]).chosen
    return card_of(data.measures.get(name, name), scale)


def scores_of(data: pd.DataFrame, pre: Any, post: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return both columns as floats, or say which cell is not a number."""
    checked_table(data, "the data")
    require_named(data, [pre, post])
    if pre == post:
        raise ColumnError(f"pre and post are the same column '{pre}'; name two.")
    return numbers(data, pre, "the data"), numbers(data, post, "the data")


def require_named(data: pd.DataFrame, names: list[Any]) -> None:
    """Raise where a column is not there; a column may be named by a number."""
    for name in names:
        if name in data.columns:
            continue
        if str(name) in [str(column) for column in data.columns]:
            raise ColumnError(
                f"The column {name!r} is there with a name of another type (a number and its "
                "text are two names); write it as in data.columns."
            )
        require_columns(data.columns, [name], what="the data")

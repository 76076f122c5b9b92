"""From answers to scale scores, by the cards."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..core.arguments import shown
from ..errors import ColumnError, MeasureError, listing
from . import layout
from .answers import Answers, from_long, from_wide, unit_columns
from .card import Measure
from .cleaning import clean
from .facts import MissingRule, Scale
from .measure_scores import MeasureAnswers
from .registry import Registry, load_registry
from .units import Units, group_units

MissingRuleLike = MissingRule | int | Mapping[str, int]


def score(
    ratings: pd.DataFrame,
    measure: str | Measure | None = None,
    *,
    already_reversed: bool | Collection[tuple[str, str]] = False,
    registry: Registry | None = None,
    items: layout.Items | None = None,
    rater: str | None = None,
    by: str | Sequence[str] | None = None,
    scales: str | Sequence[str] | None = None,
    method: str | None = None,
    missing_rule: MissingRuleLike | None = None,
) -> pd.DataFrame:
    """Score questionnaires by their cards.

    Each scale is scored as the instrument's card says: reversed items as ``low + high -
    answer``, sum or mean, the published rule for missing items. Where no rule is published a
    score needs all its items. Answers outside the range are set aside as missing and reported,
    never clipped.

    Parameters
    ----------
    ratings
        Either one row an answer (``client_id, session, rater, measure, item, value``) or one row
        a client's session with a column an item (``wai_sr_1``, ``item1``, ``1``, ...).
    measure
        Score only this one. May be left out where a column ``measure``, or the names of the item
        columns, say which it is.
    already_reversed
        True where the values of reversed items were turned before; or the pairs
        ``(measure, rater)`` for which they were.
    registry
        The known instruments; those that ship unless given (see ``load_registry``).
    items
        Where the item columns are not found by their names: a pattern (``"wai{item}"``,
        ``"wai{item:02d}"``), the columns in the order of the items, or item number → column.
    rater
        Who rated, where no column ``rater`` says so; the client unless given (or the only rater
        the card knows).
    by
        The columns that name the unit; ``client_id`` and ``session`` (else ``occasion``) unless
        given.
    scales
        Only these scales.
    method
        ``"sum"`` or ``"mean"`` in place of what the card says, for scales of those two kinds.
    missing_rule
        In place of the card's rule: how many items of a scale may be missing (a number, or a
        number for each scale); the mean of the answered items stands in for them.

    Returns
    -------
    pandas.DataFrame
        One row a unit, rater, measure and scale: ``client_id, session, rater, measure, scale,
        score, n_answered, n_items``, whatever came in; ``score`` is NaN where too few items
        were answered. ``.attrs`` holds, as plain lists, ``set_aside`` (answers that were not
        used: measure, rater, item, reason, rows, values, first), ``not_scored`` (measures
        without a scorable scale, with the reason) and ``notes``.

    Raises
    ------
    ColumnError, MeasureError
        Where a column is missing or an id empty, the measure, an item number or a scale is not
        known, or one item is answered twice in a session.

    Notes
    -----
    Sum scores of a form with missing items are the mean of the answered items times the number
    of items. Scores do not depend on the order of the rows.

    Examples
    --------
    >>> import pandas as pd
    >>> import alliance_stats as al
    >>> answers = pd.DataFrame({"client_id": ["a"], "session": [1], "rater": ["client"]})
    >>> for item in range(1, 46):
    ...     answers[f"oq45_{item}"] = 0
    >>> al.score(answers)[["scale", "score", "n_answered"]].values.tolist()
    [['symptom_distress', 12.0, 25], ['interpersonal_relations', 16.0, 11], \
['social_role', 8.0, 9], ['total', 36.0, 45]]
    """
    known = load_registry() if registry is None else registry
    if isinstance(measure, Measure):
        known = Registry({**dict(known.items()), measure.name: measure})
    card = None if measure is None else known.find(measure)
    if card is not None and not card.scales:
        raise MeasureError(f"'{card.name}' cannot be scored: {card.why_not_scored()}.")
    _check_options(method, missing_rule)
    answers = _answers(ratings, card, known, items=items, rater=rater, by=by)
    units = group_units(answers)
    cleaned, set_aside = clean(answers, units, known, already_reversed)
    blocks, not_scored = [], []
    for code, one in enumerate(map(known.find, answers.keys["measure"].labels)):
        if not one.scales:
            rows = int(cleaned[code].length.sum())
            not_scored.append({"measure": one.name, "reason": one.why_not_scored(), "rows": rows})
            continue
        rule = one.missing_rule if missing_rule is None else _own_rule(missing_rule, one)
        wanted = _wanted(one, scales, strict=card is not None)
        members, number = units.renumbered(code)
        of_run = number[units.unit[cleaned[code].run]]
        mine = MeasureAnswers(one, rule, cleaned[code], of_run, len(members))
        blocks.append(_score_block(members, mine, wanted, method))
    table = _table(units, blocks)
    table.attrs = {
        "set_aside": set_aside,
        "not_scored": not_scored,
        "notes": list(answers.notes),
    }
    return table


def _answers(
    ratings: pd.DataFrame,
    card: Measure | None,
    known: Registry,
    *,
    items: layout.Items | None,
    rater: str | None,
    by: str | Sequence[str] | None,
) -> Answers:
    if not isinstance(ratings, pd.DataFrame):
        raise ColumnError(
            f"The ratings must be a pandas DataFrame; a {type(ratings).__name__} came."
        )
    columns = list(ratings.columns)
    twice = sorted({str(c) for c in ratings.columns[ratings.columns.duplicated()]})
    if twice:
        raise ColumnError(f"The ratings hold the column {listing(twice)} more than once.")
    units = unit_columns(ratings, by)
    if "item" in columns and "value" in columns and items is None:
        frame = ratings if card is None else _only(ratings, card, known)
        name = None if card is None else card.name
        return from_long(frame, units, measure=name, rater=_rater(rater, card), registry=known)
    if card is None and items is not None:
        raise ColumnError("Item columns were named; say also which measure they are of.")
    if card is None:
        families = layout.found_measures(columns, known)
    elif items is not None:
        families = {card.name: layout.named_columns(columns, card, items)}
    else:
        left = [column for column in columns if column not in (*units, "rater")]
        families = {card.name: layout.found_columns(left, card)}
    return from_wide(ratings, units, families, rater=_rater(rater, card), registry=known)


def _only(ratings: pd.DataFrame, card: Measure, known: Registry) -> pd.DataFrame:
    """Return the rows of one measure; refuse where there are none."""
    if "measure" not in ratings.columns or ratings.empty:
        return ratings
    names = pd.unique(ratings["measure"].dropna())
    own = [n for n in names if n in known and known.find(n).name == card.name]
    if not own:
        raise MeasureError(
            f"The ratings hold no answers to '{card.name}'; the column measure holds "
            f"{listing(names, 12)}."
        )
    return ratings if len(own) == len(names) else ratings[ratings["measure"].isin(own)]


def _rater(rater: str | None, card: Measure | None) -> str:
    if rater is not None or card is None:
        return rater or "client"
    return "client" if "client" in card.raters else next(iter(card.raters))


def _check_options(method: str | None, missing_rule: MissingRuleLike | None) -> None:
    if method not in (None, "sum", "mean"):
        raise MeasureError(
            f"method must be 'sum', 'mean' or None (the card's); it is {shown(method)}."
        )
    numbers = missing_rule.values() if isinstance(missing_rule, Mapping) else [missing_rule]
    for number in numbers:
        if number is None or isinstance(number, MissingRule):
            continue
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number < 0:
            raise MeasureError(
                "missing_rule must be the number of items of a scale that may be missing (0, 1, "
                f"...), or such a number for each scale; it is {shown(missing_rule)}."
            )


def _own_rule(rule: MissingRuleLike, card: Measure) -> MissingRule:
    if isinstance(rule, MissingRule):
        return rule
    limits: dict[str, int | None] = (
        dict(rule) if isinstance(rule, Mapping) else dict.fromkeys(card.scales, int(rule))
    )
    for name in limits:
        card.scale(name)
    return MissingRule("given", limits, text="The caller's own rule for missing items.")


def _wanted(card: Measure, scales: str | Sequence[str] | None, *, strict: bool) -> list[Scale]:
    if scales is None:
        return list(card.scales.values())
    names = [scales] if isinstance(scales, str) else list(scales)
    return [card.scale(name) for name in names if strict or name in card.scales]


@dataclass(frozen=True)
class _Block:
    """The scores of one measure: a row a unit, a column a scale."""

    unit: NDArray[np.integer]
    scales: list[Scale]
    score: NDArray[np.float64]
    answered: NDArray[np.int64]


def _score_block(
    members: NDArray[np.integer], answers: MeasureAnswers, scales: list[Scale], method: str | None
) -> _Block:
    results = [answers.score(scale, method) for scale in scales]
    shape = (len(members), len(scales))
    return _Block(
        members,
        scales,
        np.array([result[0] for result in results], dtype=float).T.reshape(shape),
        np.array([result[1] for result in results], dtype=int).T.reshape(shape),
    )


def _table(units: Units, blocks: list[_Block]) -> pd.DataFrame:
    """Return one row a unit and scale, in the order of the units."""
    unit = _joined([np.repeat(block.unit, len(block.scales)) for block in blocks], int)
    order = np.argsort(unit, kind="stable") if len(blocks) > 1 else slice(None)
    unit = unit[order]
    names: list[str] = list(dict.fromkeys(s.name for block in blocks for s in block.scales))
    scale, expected = [], []
    for block in blocks:
        codes = [names.index(s.name) for s in block.scales]
        scale.append(np.tile(np.array(codes, dtype=int), len(block.unit)))
        sizes = np.array([s.n_expected for s in block.scales], dtype=int)
        expected.append(np.tile(sizes, len(block.unit)))
    columns: dict[str, Any] = {
        name: units.labels[name].take(codes[unit]) for name, codes in units.codes.items()
    }
    columns["scale"] = pd.Index(names).take(_joined(scale, int)[order])
    columns["score"] = _joined([block.score.reshape(-1) for block in blocks], float)[order]
    columns["n_answered"] = _joined([b.answered.reshape(-1) for b in blocks], int)[order]
    columns["n_items"] = _joined(expected, int)[order]
    return pd.DataFrame(columns)


def _joined(parts: list[Any], kind: type) -> Any:
    return np.concatenate(parts) if parts else np.array([], dtype=kind)

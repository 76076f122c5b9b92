"""Sources with measures: item columns become ratings, total columns become scores.

The work is done on blocks: one block is one measure by one rater, a matrix of rows by items, which
`long_rows` turns into a row an answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ...errors import MeasureError, did_you_mean, listing
from ..frames import is_plain_number
from .answer_labels import answers_by_labels
from .file_labels import in_words
from .patterns import Match, Pattern, Slot, when_of
from .source import Source
from .spec import MeasureSpec
from .values import as_word, codes_of, numbers, recoded, split_codes, without_codes

_ROWS_AT_A_TIME = 1 << 11
"""So many rows of columns are turned into rows at a time: they stay in the processor's cache."""


@dataclass(frozen=True)
class Block:
    """Item or total columns of one measure, one rater and one slot."""

    spec: MeasureSpec
    slot: Slot
    parts: tuple[Any, ...]  # item numbers, or scale names
    columns: tuple[str, ...]
    is_items: bool
    rows: np.ndarray | None = None  # which rows of the file are this rater's; None for all


def blocks_of(source: Source) -> list[Block]:
    """Return the blocks of a source; what cannot be found is named and left out."""
    blocks: list[Block] = []
    for given in source.spec.measures:
        spec = _known(source, given)
        if spec is None:
            continue
        found = _item_blocks(source, spec) if spec.items is not None else []
        for scale, column in spec.scores.items():
            found += _score_blocks(source, spec, scale, column)
        if spec.rater:
            blocks += found
        else:
            card = source.gathered.registry.find(spec.measure)
            for rater, rows in _rows_of_raters(source).items():
                by = replace(spec, rater=rater)
                for block in found:
                    filled = source.frame[list(block.columns)].notna().any(axis=1).to_numpy()
                    mine = rows if rater in card.raters else rows & filled
                    blocks += [replace(block, spec=by, rows=mine)] if mine.any() else []
    # 'bdi_{occasion}' also fits what 'bdi_s{session}' names more closely
    named = {column for block in blocks if not block.slot[1] for column in block.columns}
    blocks = [b for b in blocks if not b.slot[1] or b.spec.occasion or not named >= {*b.columns}]
    for block in blocks:
        source.used.update(block.columns)
        source.notes.times |= dict.fromkeys(block.columns, when_of(block.slot))
        if block.spec.reversed:
            source.gathered.already_reversed.add((block.spec.measure, block.spec.rater))
    return blocks


def _rows_of_raters(source: Source) -> dict[str, np.ndarray]:
    """Return each rater in the source's column of raters, and its rows; name unknown words."""
    column = source.columns.get("rater", "rater")
    known = source.gathered.raters
    codes, values = codes_of(in_words(source, source.raw("rater"), column, known))
    rows: dict[str, np.ndarray] = {}
    for code, value in enumerate(values):
        word, at = as_word(value).strip().casefold(), codes == code
        rater = next((each for each in known if each.casefold() == word), None)
        if rater is not None:
            rows[rater] = rows.get(rater, False) | at
        elif at.any() and "rater" not in source.told:
            source.notes.add(
                "unknown_rater",
                f"'{as_word(value)}' in column '{column}' is no rater; known are {listing(known)}."
                f"{did_you_mean(word, known)} Its rows give no measures.",
                hint="Say who it is, as in rater: {column: "
                f"{column}, recode: {{{as_word(value)}: client}}}}, or declare it under raters: "
                "in study.yaml.",
                table="ratings",
                column=column,
                at=np.flatnonzero(at),
                value=as_word(value),
            )
    source.told.add("rater")
    return rows


def _known(source: Source, spec: MeasureSpec) -> MeasureSpec | None:
    """Return the measure under its card's name, its rater filled in where there is only one."""
    try:
        card = source.gathered.registry.find(spec.measure)
    except MeasureError as error:
        _complain(source, spec, "unknown_measure", str(error))
        return spec if spec.rater else None
    if not spec.rater and source.has("rater"):
        return replace(spec, measure=card.name)
    if not spec.rater and len(card.raters) == 1:
        return replace(spec, measure=card.name, rater=next(iter(card.raters)))
    if not spec.rater:
        _complain(
            source,
            spec,
            "study_yaml",
            f"It is not said who rated '{card.name}': {listing(card.raters)} are possible.",
            "Add rater: to the measure.",
        )
        return None
    return replace(spec, measure=card.name)


def _complain(source: Source, spec: MeasureSpec, rule: str, message: str, hint: str = "") -> None:
    line = f" (line {spec.line} of study.yaml)" if spec.line else ""
    source.notes.add(rule, f"{message}{line}", hint=hint, table="ratings")


# -- which columns ----------------------------------------------------------------------------


def _item_blocks(source: Source, spec: MeasureSpec) -> list[Block]:
    if isinstance(spec.items, dict):
        matches = [Match(column, item=item) for item, column in spec.items.items()]
        for match in matches:
            if match.column not in source.frame.columns:
                source.absent(match.column, f"item {match.item} of '{spec.measure}'")
        matches = [m for m in matches if m.column in source.frame.columns]
    elif isinstance(spec.items, Pattern):
        matches = spec.items.find(str(name) for name in source.frame.columns)
        source.name_twins(matches)
        matches = _within_card(source, spec, matches)
        _name_absent_items(source, spec, spec.items, matches)
    else:
        return []
    slots: dict[Slot, dict[int, str]] = {}
    for match in matches:
        slot = _slot(match, spec)
        slots.setdefault(slot, {})[int(match.item or 0)] = match.column
    blocks = []
    for slot, found in slots.items():
        items = tuple(sorted(found))
        blocks.append(Block(spec, slot, items, tuple(found[item] for item in items), True))
    return blocks


def _within_card(source: Source, spec: MeasureSpec, matches: list[Match]) -> list[Match]:
    """Leave columns alone whose number is far beyond the form (``wai2024``)."""
    if spec.measure not in source.gathered.registry:
        return matches
    most = source.gathered.registry.find(spec.measure).n_items
    return [m for m in matches if not most or (m.item or 0) <= max(2 * most, most + 10)]


def _name_absent_items(
    source: Source, spec: MeasureSpec, pattern: Pattern, matches: list[Match]
) -> None:
    """Name the items the form has and the file has no column for."""
    if not matches:
        source.absent(
            pattern.example(),
            f"nor any other that fits the items '{pattern.text}' of '{spec.measure}'",
        )
        return
    if spec.measure not in source.gathered.registry:
        return
    card = source.gathered.registry.find(spec.measure)
    found = {match.item for match in matches}
    lost = [item for item in card.items if item not in found]
    if lost:
        first = matches[0]
        names = [
            pattern.example(item=item, session=first.session, occasion=first.occasion or "")
            for item in lost
        ]
        source.absent(
            names[0],
            f"item {lost[0]} of '{card.name}'"
            + (f"; also without a column: {listing(names[1:], 8)}" if names[1:] else ""),
        )


def _score_blocks(
    source: Source, spec: MeasureSpec, scale: str, column: Pattern | str
) -> list[Block]:
    if isinstance(column, str):
        if column not in source.frame.columns:
            source.absent(column, f"the total of '{spec.measure}'")
            return []
        return [Block(spec, (spec.session, spec.occasion), (scale,), (column,), False)]
    matches = column.find(str(name) for name in source.frame.columns)
    source.name_twins(matches)
    if not matches:
        source.absent(column.example(), f"nor any other that fits '{column.text}'")
    return [Block(spec, _slot(match, spec), (scale,), (match.column,), False) for match in matches]


def _slot(match: Match, spec: MeasureSpec) -> Slot:
    session = spec.session if match.session is None else match.session
    return session, match.occasion or spec.occasion


# -- from columns to long rows ----------------------------------------------------------------


def matrix(source: Source, block: Block, cells: np.ndarray | None = None) -> np.ndarray:
    """Return the block's cells as numbers; a cell that is none is named and becomes missing.

    They are put into `cells`, where given.
    """
    cells = np.empty((len(source), len(block.columns))) if cells is None else cells
    for position in _put_plain(source, block, cells):
        cells[:, position] = _numbers_of(source, block, position)
    if not block.is_items:
        cells *= _factor(source, block)
    return cells


def filled(cells: np.ndarray) -> np.ndarray:
    """Return which rows hold a number."""
    here = ~np.isnan(cells[:, 0])
    others = np.flatnonzero(~here)
    here[others] = ~np.isnan(cells[others]).all(axis=1)
    return here


def _put_plain(source: Source, block: Block, cells: np.ndarray) -> list[int]:
    """Put columns of mere numbers into `cells`; return the others, which need a look at each."""
    codes = _codes_for_missing(source, block)
    series = [source.frame[column] for column in block.columns]
    as_they_are = not (block.spec.answers or block.spec.scored) and block.rows is None
    plain = [n for n, each in enumerate(series) if as_they_are and is_plain_number(each.dtype)]
    arrays = [series[n].to_numpy() for n in plain]
    for start in range(0, len(source) if plain else 0, _ROWS_AT_A_TIME):
        part = slice(start, start + _ROWS_AT_A_TIME)
        here = np.array([each[part] for each in arrays], dtype=np.float64).T
        cells[part, plain if len(plain) < len(series) else slice(None)] = here
    coded = {n for n in plain if codes and np.isin(cells[:, n], split_codes(codes)[0]).any()}
    return [n for n in range(len(series)) if n not in set(plain) or n in coded]


def _codes_for_missing(source: Source, block: Block) -> tuple[Any, ...]:
    return source.spec.missing if block.spec.missing is None else block.spec.missing


def _numbers_of(source: Source, block: Block, position: int) -> np.ndarray:
    """Return one column as numbers, its codes for missing and words cleared up and told."""
    codes, column = _codes_for_missing(source, block), block.columns[position]
    series = source.frame[column]
    cleaned = without_codes(series, codes)
    if block.spec.answers or block.spec.scored:
        source.written.columns.setdefault(column, series)
    if block.spec.answers:
        answers = block.spec.answers
        if isinstance(answers, str):
            limits = _limits(source, block, position)
            answers = answers_by_labels(source, column, block.spec.measure, limits)
        cleaned = recoded(cleaned, answers)
    values, bad = numbers(cleaned)
    if block.rows is not None:
        bad = bad[block.rows[bad]]
        values = np.where(block.rows, values, np.nan)
    source.notes.bad_cells(
        series,
        bad,
        rule="not_a_number",
        table="ratings" if block.is_items else "scores",
        column=column,
        expected="an answer that study.yaml knows" if block.spec.answers else "a number",
        hint=_hint_of_words(block.spec, series, values, bad),
        consequence="It is read as missing.",
    )
    if codes and cleaned is not series:
        _warn_of_possible_values(source, block, position, series, codes)
    return values


def _hint_of_words(
    spec: MeasureSpec, series: pd.Series, values: np.ndarray, bad: np.ndarray
) -> str:
    """Return what to do about cells that are no numbers: answers in words are no missing ones."""
    if spec.answers and not isinstance(spec.answers, str):
        return (
            "Correct it in the file, or say what it stands for under answers: in study.yaml, which "
            f"has {listing(map(str, spec.answers), 12)}."
        )
    if 2 * len(bad) > np.count_nonzero(~np.isnan(values)) + len(bad):
        word = as_word(series.iloc[bad[0]])[:40]
        return (
            "If these are answers in words, say what each stands for, as in answers: "
            f"{{{word}: 1}} of the measure in study.yaml."
        )
    return (
        "Correct it in the file, or list it under 'missing:' in study.yaml if it means that "
        "nothing was given."
    )


def _factor(source: Source, block: Block) -> float:
    """Return what a total has to be multiplied by to be what its card says; told if not 1."""
    spec, name = block.spec, block.parts[0]
    if spec.scored is None or spec.measure not in source.gathered.registry:
        return 1.0
    card = source.gathered.registry.find(spec.measure)
    scale = card.scales.get(name)
    if scale is None or scale.method not in ("sum", "mean") or not scale.n_expected:
        _complain(
            source,
            spec,
            "study_yaml",
            f"The scale '{name}' of '{spec.measure}' is neither a sum nor a mean of items, so "
            "'scored' cannot be compared with it.",
            "Leave scored: out, and give totals as the card has them.",
        )
        return 1.0
    power = {"sum": 1, "mean": 0}
    factor = float(scale.n_expected) ** (power[scale.method] - power[spec.scored])
    if factor != 1 and ("scored", block.columns) not in source.told:
        source.told.add(("scored", block.columns))
        done = "multiplied" if factor > 1 else "divided"
        source.notes.add(
            "converted_total",
            f"The totals in column '{block.columns[0]}' are {spec.scored}s, as 'scored' says; "
            f"'{name}' of '{spec.measure}' is a {scale.method} of {scale.n_expected} items, so "
            f"they are {done} by {scale.n_expected}.",
            level="info",
            table="scores",
            column=block.columns[0],
        )
    return factor


def _warn_of_possible_values(
    source: Source, block: Block, position: int, series: pd.Series, codes: tuple[Any, ...]
) -> None:
    """Say where a declared code for missing is also a value the measure can take."""
    limits = _limits(source, block, position)
    for code in codes:
        if limits is None or not isinstance(code, int | float):
            continue
        if not limits[0] <= code <= limits[1]:
            continue
        at = np.flatnonzero(numbers(series)[0] == code)
        if len(at):
            source.notes.add(
                "missing_code_in_range",
                f"{code:g} is declared to mean missing, but it is also a possible value in column "
                f"'{block.columns[position]}' ({limits[0]:g} to {limits[1]:g}); {len(at)} "
                f"cell{'s' if len(at) > 1 else ''} became missing.",
                hint="If it is a value there, give that measure its own list, such as "
                "missing: [] in study.yaml.",
                level="warning",
                table="ratings" if block.is_items else "scores",
                column=block.columns[position],
                at=at,
                value=code,
            )


def _limits(source: Source, block: Block, position: int) -> tuple[float, float] | None:
    """Return the lowest and highest value a column can hold, where the card tells."""
    if block.spec.measure not in source.gathered.registry:
        return None
    card = source.gathered.registry.find(block.spec.measure)
    if block.is_items:
        item = block.parts[position]
        low, high = card.item_range(item) if item in card.items else card.range
        return float(low), float(high)
    scale = card.scales.get(block.parts[position])
    if scale is None or scale.method not in ("sum", "sum_of", "mean", "single"):
        return None
    count = scale.n_expected if scale.method in ("sum", "sum_of") else 1
    low, high = (scale.multiply * count * end for end in card.range)
    return low, high

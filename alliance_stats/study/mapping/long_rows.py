"""From the columns of a block to a row an answer or total, with where each stands in the file.

NumPy alone does it, so that a million ratings cost little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..origin import Layout, Stepped
from .gathering import Part
from .patterns import when_of
from .source import Source
from .tables_of import settled
from .values import text_index
from .wide import Block

_WHEN: tuple[str, ...] = ("client_id", "session", "occasion", "time", "week")


def long_frame(
    keys: dict[str, Any], block: Block, cells: np.ndarray, at: np.ndarray
) -> pd.DataFrame:
    """Return the chosen rows of a block as long rows.

    Parameters
    ----------
    keys
        Our key columns (``client_id`` and ``session`` or ``occasion``), one value a file row.
    at
        Positions of the file rows that are used.
    """
    held = {name: _taken(values, at) for name, values in keys.items()}
    chosen = cells if len(at) == len(cells) else cells[at]
    return _frame(held, block, chosen)


def _frame(keys: dict[str, Any], block: Block, cells: np.ndarray) -> pd.DataFrame:
    """Return a row a cell; `keys` have a value for each row of cells."""
    n_forms, n_parts = cells.shape
    n = n_forms * n_parts
    data: dict[str, Any] = {name: _repeated(values, n_parts) for name, values in keys.items()}
    data["rater"] = _constant(block.spec.rater, n)
    data["measure"] = _constant(block.spec.measure, n)
    if block.is_items:
        data["item"] = np.tile(np.array(block.parts, dtype="int64"), n_forms)
        data["value"] = cells.ravel()
    else:
        data["scale"] = _constant(str(block.parts[0]), n)
        data["score"] = cells.ravel()
    return pd.DataFrame(data, copy=False)


def _repeated(values: Any, times: int) -> Any:
    if isinstance(values, pd.Categorical):  # whose own way goes by positions
        return pd.Categorical.from_codes(values.codes.repeat(times), dtype=values.dtype)
    return values.repeat(times)


def _taken(values: Any, at: np.ndarray) -> Any:
    values = values.array if isinstance(values, pd.Series) else values
    if isinstance(values, np.ndarray | pd.api.extensions.ExtensionArray):
        return values.take(at)
    return np.full(len(at), values)


def _constant(word: str, n: int) -> pd.Categorical:
    return pd.Categorical.from_codes(np.zeros(n, dtype=np.int8), text_index([word]))


def block_part(
    source: Source, table: str, block: Block, frame: pd.DataFrame, at: np.ndarray
) -> Part:
    """Return long rows as a part of a table; `at` are the rows of the file they came from.

    What a row holds stands in one column of the file, and so does what the column's name says.
    """
    layouts = _layouts(source, block)
    own = np.arange(len(layouts))
    rows = Stepped.of(source.rows[at], np.zeros_like(own))
    return Part(table, frame, rows, layouts, Stepped.of(np.zeros_like(at), own))


@dataclass(frozen=True)
class Course:
    """Blocks that differ in the session alone: their cells are one table, client by client.

    Rows of one client then stand together, as in a long file, and nothing is joined afterwards.
    """

    table: str
    blocks: list[Block]
    cells: np.ndarray
    here: np.ndarray

    def place(self, block: Block) -> np.ndarray:
        """Return where the cells of a block go."""
        return self.cells[:, self._nth(block)]

    def hold(self, block: Block, here: np.ndarray) -> None:
        """Note which rows of the file hold the session of a block."""
        self.here[:, self._nth(block)] = here

    def _nth(self, block: Block) -> int:
        return next(n for n, each in enumerate(self.blocks) if each is block)

    def part(self, source: Source, client: pd.Categorical) -> Part:
        """Return a row an answer (or total) that is held."""
        n_parts = len(self.blocks[0].parts)
        at = np.flatnonzero(self.here)
        row, nth = np.divmod(at, len(self.blocks))
        sessions = np.array([block.slot[0] for block in self.blocks], dtype=np.int64)
        keys = {"client_id": client.take(row), "session": sessions[nth]}
        cells = self.cells.reshape(-1, n_parts)
        cells = cells if len(at) == len(cells) else cells[at]
        frame = settled(_frame(keys, self.blocks[0], cells), self.table)
        layouts = tuple(one for block in self.blocks for one in _layouts(source, block))
        own = np.arange(n_parts)
        rows = Stepped.of(source.rows[row], np.zeros_like(own))
        return Part(self.table, frame, rows, layouts, Stepped.of(nth * n_parts, own))


def courses_of(source: Source, blocks: list[Block], tables: list[str]) -> dict[Any, Course]:
    """Return the courses of blocks whose columns name a session, by what they have in common."""
    alike: dict[Any, list[Block]] = {}
    for block, table in zip(blocks, tables, strict=True):
        if block.slot[0] is not None:
            alike.setdefault((table, id(block.spec), block.parts), []).append(block)
    found = {}
    for key, own in alike.items():
        own.sort(key=lambda block: block.slot[0] or 0)
        shape = (len(source), len(own))
        cells, here = np.empty((*shape, len(own[0].parts))), np.zeros(shape, dtype=bool)
        found[key] = Course(key[0], own, cells, here)
    return found


def _layouts(source: Source, block: Block) -> tuple[Layout, ...]:
    """Return for each column of a block where what its rows hold stands in the file."""
    whole = source.found(_WHEN)
    said = ["rater", "measure", *(("item", "value") if block.is_items else ("scale", "score"))]
    said += [name for name, own in zip(("session", "occasion"), block.slot, strict=True) if own]
    return tuple(
        source.layout(whole | dict.fromkeys(said, column), when_of(block.slot))
        for column in block.columns
    )

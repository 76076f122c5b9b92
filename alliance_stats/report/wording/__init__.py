"""The report's words, which are data: titles, makings and notes of its blocks, and of codes."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.disclosure import NOTE
from ...core.display.formatting import MISSING
from ...core.display.table import Column, Table
from ...core.drawing import figure_of
from ...core.yaml_reading import read_yaml
from ..content import Figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def labels(of: str) -> dict[str, str]:
    """Return the words of codes or terms, in the order of tables."""
    return dict(_read("labels")[of])


def note_kinds() -> list[dict[str, Any]]:
    """Return the kinds of notes that procedures give, in the order they are told."""
    return list(_read("notes"))


def table(
    key: str,
    frame: pd.DataFrame,
    columns: tuple[Column, ...],
    *,
    group: str = "",
    withheld: object = False,
    **facts: object,
) -> Table:
    """Return a table with its words from ``tables.yaml``, filled from `facts`.

    Parameters
    ----------
    withheld
        Whether a number of it is not shown, which the note then says.

    Columns in which nothing stands are left out.
    """
    title, how, note, methods = _filled("tables", key, withheld, facts)
    folded = bool(_read("tables")[key].get("folded"))
    columns = tuple(one for one in columns if _holds_something(one, frame))
    return Table(key, title, frame, columns, how, note, group, methods, folded)


def figure(
    key: str,
    ax: Axes,
    *,
    data: pd.DataFrame | None = None,
    alt: str = "",
    withheld: object = False,
    private: bool = False,
    **facts: object,
) -> Figure:
    """Return a figure with its words from ``figures.yaml``; else as `table`.

    In a private report, which withholds nothing, what is said of others is left out.
    """
    title, how, note, methods = _filled("figures", key, withheld, facts, private=private)
    folded = bool(_read("figures")[key].get("folded"))
    return Figure(key, title, figure_of(ax), how, note, alt, data, methods, folded)


def _holds_something(column: Column, frame: pd.DataFrame) -> bool:
    """Return whether some cell of a column is written as more than missing or withheld."""
    cells = {column.write(row).strip() for _, row in frame.iterrows()}
    return not cells or not cells <= {"", MISSING, "withheld"}


@cache
def _read(name: str) -> Any:
    return read_yaml(Path(__file__).with_name(f"{name}.yaml")).value


def _filled(
    kind: str, key: str, withheld: object, facts: dict[str, object], *, private: bool = False
) -> tuple[str, ...]:
    words = _read(kind)[key]
    texts = [words.get(part, "").format(**facts) for part in ("title", "how", "note", "methods")]
    if not private:
        texts[2] += " " + words.get("travels", "").format(**facts)
    texts[2] += f" {NOTE}" if withheld else ""
    return tuple(re.sub(" +", " ", text).strip() for text in texts)

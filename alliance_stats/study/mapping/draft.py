"""`MappingDraft`: a first ``study.yaml``, and what became of each column."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

import pandas as pd
import yaml

from ...core.yaml_reading import Dumper
from ...errors import listing

_HEAD = (
    "# A first draft, made from the names and values of the columns.",
    "# Check each line before you rely on it.",
)


MOST_NAMES = 12
"""So many columns that nobody knows are named; the rest is counted."""
LONGEST_NAME = 80


@dataclass(frozen=True, eq=False)
class MappingDraft(Mapping[str, Any]):
    """A draft of ``study.yaml``.

    It behaves like the mapping it holds (``draft["sources"]``); printing it shows the YAML.

    Attributes
    ----------
    mapping
        What ``study.yaml`` would hold, as plain values.
    unplaced
        Column → why it could not be placed (``file: column`` where several files were read).
    doubts
        What a person should check, a sentence each.
    placed
        Column → what it was taken for.
    parts
        Where several files, sheets or kinds of rows were read, what each is called before its
        columns.
    """

    mapping: dict[str, Any]
    unplaced: dict[str, str] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()
    placed: dict[str, str] = field(default_factory=dict)
    parts: tuple[str, ...] = ()

    def __getitem__(self, key: str) -> Any:
        return self.mapping[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.mapping)

    def __len__(self) -> int:
        return len(self.mapping)

    def to_yaml(self) -> str:
        """Return the draft as the text of a ``study.yaml``, with comments on what is unsure."""
        lines = [*_HEAD, *(f"# Check: {' '.join(doubt.split())}" for doubt in self.doubts)]
        if self.unplaced:
            lines.append("# Not placed:")
            lines += [
                f"#   {names}: {' '.join(why.split())}"
                for names, why in _alike(self.unplaced, self.parts)
            ]
        body = yaml.dump(
            self.mapping, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100
        )
        return "\n".join(lines) + "\n" + body

    def __str__(self) -> str:
        return self.to_yaml()

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the columns that were ``placed`` (``columns, taken_for``) and ``not_placed``.

        Columns alike stand in one row; those ``not_placed`` have the reason (``columns, why``).
        """
        return {
            "placed": pd.DataFrame(
                _alike(self.placed, self.parts), columns=["columns", "taken_for"]
            ),
            "not_placed": pd.DataFrame(
                _alike(self.unplaced, self.parts), columns=["columns", "why"]
            ),
        }

    def _repr_html_(self) -> str:
        heads = {"placed": "Placed", "not_placed": "Not placed"}
        parts = [
            f"<h4>{heads[name]}</h4>"
            + table.rename(columns={"taken_for": "taken for"})
            .to_html(index=False, border=0, justify="left")
            .replace("<td>", '<td style="text-align: left">')  # Jupyter sets words to the right
            .replace("<th>", '<th style="text-align: left">')
            for name, table in self.tables().items()
            if len(table)
        ]
        doubts = "".join(f"<li>{escape(doubt)}</li>" for doubt in self.doubts)
        check = f"<p>Check:</p><ul>{doubts}</ul>" if doubts else ""
        return f"<div><strong>A draft of study.yaml</strong>{''.join(parts)}{check}</div>"

    def __repr__(self) -> str:
        files = listing(source["file"] for source in self.mapping["sources"])
        return f"<MappingDraft of {files}: {len(self.unplaced)} columns not placed>"


def _alike(columns: dict[str, str], of: Iterable[str]) -> list[tuple[str, str]]:
    """Return columns of one meaning together: ``wai1 ... wai12 (12)``, and the meaning.

    Names that differ in their numbers alone are drawn together, those of one of several parts
    (`of`) stand behind its name.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for name, meaning in columns.items():
        part = max((each for each in of if name.startswith(f"{each}: ")), key=len, default="")
        column = one_line(name.removeprefix(f"{part}: ") if part else name)
        groups.setdefault((part, meaning), []).append(column)
    return [
        (f"{part}: {_drawn_together(names)}" if part else _drawn_together(names), what)
        for (part, what), names in groups.items()
    ]


def _drawn_together(names: list[str]) -> str:
    """Return names of columns; of more than three of one shape the first and the last."""
    shapes: dict[str, list[str]] = {}
    for name in names:
        shapes.setdefault(re.sub(r"\d+", "#", name), []).append(name)
    said = [
        each
        for same in shapes.values()
        for each in ([f"{same[0]} ... {same[-1]} ({len(same)})"] if len(same) > 3 else same)
    ]
    return (
        ", ".join(said)
        if len(said) <= MOST_NAMES
        else (f"{', '.join(said[:MOST_NAMES])} and {len(said) - MOST_NAMES} more")
    )


class _Dumper(Dumper):
    """Writes a measure on one line, as people do."""


def _represent(dumper: yaml.SafeDumper, data: dict[str, Any]) -> yaml.Node:
    flow = "measure" in data or not any(isinstance(v, dict | list) for v in data.values())
    small = flow and "sources" not in data and "file" not in data
    return dumper.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=small)


def _represent_list(dumper: yaml.SafeDumper, data: list[Any]) -> yaml.Node:
    plain = not any(isinstance(value, dict | list) for value in data)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=plain)


_Dumper.add_representer(dict, _represent)
_Dumper.add_representer(list, _represent_list)


def one_line(text: str) -> str:
    """Return a name without line ends, not longer than a line bears."""
    text = " ".join(str(text).split())
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 3]}..."

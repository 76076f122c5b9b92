"""Imports go one way: no circle when the package runs, and no topic that leans on another.

The imports are read from the source, those inside functions and those for type checkers included,
so that what is imported late, or never in the suite, counts too.
"""

import ast
import graphlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

import alliance_stats

PACKAGE = Path(alliance_stats.__file__).parent
ROOT = PACKAGE.name
TOPICS = {
    "change", "description", "dropout", "evidence", "gap", "ruptures", "trials",
}  # fmt: skip
LEANING: set[tuple[str, str]] = set()
"""Imports of one topic by another that are still to be dissolved; none may be added."""


class Arrow(NamedTuple):
    """One import of a module of the package by another."""

    importer: str
    imported: str
    when: str
    line: int

    def __str__(self) -> str:
        return f"{self.importer}, line {self.line}, imports {self.imported} ({self.when})"


def modules(package: Path) -> dict[str, Path]:
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def arrows(package: Path) -> list[Arrow]:
    files = modules(package)
    return [
        Arrow(name, imported, when, statement.lineno)
        for name, path in files.items()
        for statement, when in imports(ast.parse(path.read_text("utf-8")), "at the top")
        for imported in targets(statement, home_of(name, path), files)
        if imported in files and imported != name
    ]


def home_of(name: str, path: Path) -> str:
    """Return the package that a module's ``from .`` means."""
    return name if path.name == "__init__.py" else name.rpartition(".")[0]


def imports(node: ast.AST, when: str) -> Iterator[tuple[ast.Import | ast.ImportFrom, str]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):  # no import stands in one
            continue
        inside = when
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            inside = "in a function"
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            inside = "for types"
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, when
        yield from imports(child, inside)


def targets(statement: ast.Import | ast.ImportFrom, home: str, files: dict) -> Iterator[str]:
    """Yield the modules a statement imports: ``from . import a`` is an import of ``a``."""
    if isinstance(statement, ast.Import):
        yield from (alias.name for alias in statement.names)
        return
    above = home.split(".")[: len(home.split(".")) - statement.level + 1]
    base = ".".join([*(above if statement.level else []), *filter(None, [statement.module])])
    for alias in statement.names:
        inner = f"{base}.{alias.name}"
        yield inner if inner in files else base


def room(module: str) -> str:
    """Return the part of the package a module lies in; the package's own face is none."""
    return module.split(".")[1] if "." in module else ""


def circle(found: list[Arrow], of: Callable[[str], str]) -> str:
    """Return the arrows of a circle at run time in words; nothing where there is none."""
    running = [arrow for arrow in found if arrow.when != "for types"]
    graph: dict[str, set[str]] = {}
    for arrow in running:
        start, end = of(arrow.importer), of(arrow.imported)
        if start and end and start != end:
            graph.setdefault(start, set()).add(end)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        steps = list(zip(error.args[1][1:], error.args[1], strict=False))  # importer, imported
        told = [str(a) for a in running if (of(a.importer), of(a.imported)) in steps]
        late = [words for words in told if "in a function" in words]
        which = f"\nThe wrong one is probably:\n{chr(10).join(late)}" if late else ""
        return "A circle of imports:\n" + "\n".join(told) + which
    return ""


def leaning(found: list[Arrow]) -> list[Arrow]:
    """Return imports of one topic by another."""
    return [
        a for a in found
        if {room(a.importer), room(a.imported)} <= TOPICS and room(a.importer) != room(a.imported)
    ]  # fmt: skip


@pytest.mark.parametrize("of", [str, room], ids=["modules", "rooms"])
def test_no_circle_of_imports_when_the_package_runs(of):
    found = circle(arrows(PACKAGE), of)
    assert not found, found


def test_topics_import_the_floor_and_never_one_another():
    found = leaning(arrows(PACKAGE))
    wrong = [str(a) for a in found if (a.importer, a.imported) not in LEANING]
    assert not wrong, "Move what both need to the floor:\n" + "\n".join(wrong)
    gone = LEANING - {(a.importer, a.imported) for a in found}
    assert not gone, f"Dissolved; take it off the list LEANING: {sorted(gone)}"


def test_no_room_below_the_report_goes_through_the_public_face():
    # `import alliance_stats as al` may lead anywhere, so nothing could be said of its arrow
    above = {"app", "cli", "report", "workspace"}
    files = modules(PACKAGE)
    through = []
    for name, path in files.items():
        for statement, _ in imports(ast.parse(path.read_text("utf-8")), ""):
            reached = ROOT in targets(statement, home_of(name, path), files)
            names = {alias.name for alias in statement.names}
            if reached and names != {"__version__"} and room(name) not in {*above, ""}:
                through.append(f"{name}, line {statement.lineno}")
    assert not through, "Import from the module that holds it:\n" + "\n".join(through)


PLANTED = {
    "__init__.py": "",
    "gap/__init__.py": "",
    "gap/fit.py": "from .result import Result\n",
    "gap/result.py": "def plot():\n    from . import fit\n",
    "gap/verdict.py": "if TYPE_CHECKING:\n    from ..change.card import Card\n",
    "change/__init__.py": "",
    "change/card.py": "",
}


def test_planted_arrows_are_seen(tmp_path):
    for name, text in PLANTED.items():
        path = tmp_path / "package" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = arrows(tmp_path / "package")
    said = circle(found, str)
    assert "package.gap.fit, line 1, imports package.gap.result (at the top)" in said
    assert said.endswith("package.gap.result, line 2, imports package.gap.fit (in a function)")
    assert circle(found, room) == ""
    assert [str(arrow) for arrow in leaning(found)] == [
        "package.gap.verdict, line 2, imports package.change.card (for types)"
    ]

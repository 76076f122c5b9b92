"""The functions by topic, as the stub of the package lists them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from pathlib import Path

import alliance_stats as al

from .markdown import toctree

STUB = Path(al.__file__).with_suffix(".pyi")
TOPICS = {
    "study": "Studies and files",
    "measures": "Measures and scoring",
    "description": "Description",
    "preparation": "Preparation",
    "multilevel": "Multilevel models",
    "latent": "Latent variables",
    "ruptures": "Ruptures and repairs",
    "dropout": "Dropout",
    "gap": "The rating gap",
    "change": "Change",
    "evidence": "Evidence and claims",
    "sharing": "Data that may not leave",
    "simulation": "Simulation",
    "synthesis": "Synthetic studies",
    "datasets": "Datasets",
    "report": "Report and tables",
    "workspace": "Workspace and notebooks",
    "errors": "Errors and warnings",
}
"""The subpackages in the order in which data flow through them."""


def topics() -> dict[str, list[str]]:
    """Return the public names by the subpackage they come from, as the stub lists them."""
    lines = re.findall(
        r"^from \.(\w+) import (\w+) as \2$", STUB.read_text(encoding="utf-8"), re.MULTILINE
    )
    found: dict[str, list[str]] = {}
    for package, name in lines:
        found.setdefault(package, []).append(name)
    order = [*TOPICS, *sorted(set(found) - set(TOPICS))]
    return {package: found[package] for package in order if package in found}


def topic_page(topic: str, names: Sequence[str]) -> str:
    """Return the page of one topic: what it is about, functions, results."""
    module = inspect.getdoc(__import__(f"alliance_stats.{topic}", fromlist=["x"])) or ""
    title = _title(topic)
    functions = [name for name in names if not inspect.isclass(getattr(al, name))]
    classes = [name for name in names if inspect.isclass(getattr(al, name))]
    heading = "What goes wrong, by name" if topic == "errors" else "What comes back"
    return "\n".join(
        [
            title,
            "=" * len(title),
            "",
            module.split("\n\n")[0],
            "",
            ".. currentmodule:: alliance_stats",
            "",
            *_summary("Functions", functions),
            *_summary(heading, classes),
        ]
    )


def _title(topic: str) -> str:
    return TOPICS.get(topic, topic.replace("_", " ").capitalize())


def _summary(heading: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    return [
        heading,
        "-" * len(heading),
        "",
        ".. autosummary::",
        "   :toctree: ../api",
        "   :nosignatures:",
        "",
        *(f"   {name}" for name in names),
        "",
    ]


def reference_index() -> str:
    """Return the first page of the reference."""
    functions = [
        f"- [{_title(topic)}](functions/{topic}.rst): "
        + ", ".join(f"`al.{name}`" for name in _first(names))
        for topic, names in topics().items()
    ]
    return "\n".join(
        [
            "# Reference",
            "",
            "Everything here is read off the package when the site is built: docstrings, command "
            "line, table schemas, cards of instruments, rules and the ledger of claims.",
            "",
            "## Functions by topic",
            "",
            "All names are reached as `al.NAME` after `import alliance_stats as al`.",
            "",
            *functions,
            "",
            "## Facts",
            "",
            "- [Command line](commands.md)",
            "- [Keys of `study.yaml`](study-yaml.md)",
            "- [Tables of a study](tables.md)",
            "- [Measures](measures.md)",
            "- [Principles of alliance-focused treatment](principles.md)",
            "- [Rupture rules](rules.md)",
            "- [The ledger of claims](claims.md)",
            "- [Datasets that ship](datasets.md)",
            "",
            *toctree("Functions by topic", [f"functions/{topic}" for topic in topics()]),
            *toctree(
                "Facts",
                ["commands", "study-yaml", "tables", "measures", "principles", "rules", "claims",
                 "datasets"],
            ),
        ]
    )  # fmt: skip


def _first(names: Sequence[str], count: int = 4) -> list[str]:
    return [name for name in names if not inspect.isclass(getattr(al, name))][:count] or list(
        names[:count]
    )

"""Copies of the notebooks, and the page that lists them."""

from __future__ import annotations

import json
from typing import Any

from alliance_stats.core import resources

from .markdown import toctree

CLAIM_NOTEBOOKS = "claims"
TEMPLATE_NOTEBOOKS = "templates"


def notebooks() -> dict[str, str]:
    """Return copies of the notebooks: claims with outputs, templates with a note on top."""
    made = {}
    for kind in (CLAIM_NOTEBOOKS, TEMPLATE_NOTEBOOKS):
        for path in sorted((resources.folder("notebooks") / kind).glob("*.ipynb")):
            book = json.loads(path.read_text(encoding="utf-8"))
            if kind == TEMPLATE_NOTEBOOKS:
                _note_on_top(book, path.stem)
            made[f"notebooks/{kind}/{path.name}"] = json.dumps(book, ensure_ascii=False, indent=1)
    return made


def _note_on_top(book: dict[str, Any], name: str) -> None:
    """Say below the title that a template has no results yet, and how to get them."""
    note = (
        "\n\n:::{note}\nA template to fill in, shown without results. See them on the synthetic "
        f"demo study with\n`alliance-stats run {name} demo-trial --out {name}.html`; for your own "
        "study, write its folder instead of\n`demo-trial`.\n:::\n"
    )
    source = "".join(book["cells"][0]["source"])
    title, _, rest = source.partition("\n")
    book["cells"][0]["source"] = f"{title}{note}{rest}"


def notebooks_index() -> str:
    """Return the page that lists the notebooks."""
    entries: dict[str, list[tuple[str, str]]] = {CLAIM_NOTEBOOKS: [], TEMPLATE_NOTEBOOKS: []}
    for name, text in notebooks().items():
        _, kind, file = name.split("/")
        title = "".join(json.loads(text)["cells"][0]["source"]).split("\n")[0].lstrip("# ")
        entries[kind].append((file.removesuffix(".ipynb"), title))
    return "\n".join(
        [
            "# Notebooks",
            "",
            "## What the field says of itself",
            "",
            "One notebook for each claim: where it comes from, the published numbers, their "
            "synthesis, a simulated clinic in which the definition moves the number, the verdict, "
            "and what it does not show. They are saved with their results, and the test suite runs "
            "them.",
            "",
            *(f"- [{title}](claims/{name}.ipynb)" for name, title in entries[CLAIM_NOTEBOOKS]),
            "",
            "## Templates to fill in",
            "",
            "They come with a new study (`alliance-stats new FOLDER`) and run as they are "
            "(`alliance-stats run NAME STUDY --out PAGE.html`).",
            "",
            *(
                f"- [{title}](templates/{name}.ipynb)"
                for name, title in entries[TEMPLATE_NOTEBOOKS]
            ),
            "",
            *toctree("Claims", [f"claims/{name}" for name, _ in entries[CLAIM_NOTEBOOKS]]),
            *toctree("Templates", [f"templates/{n}" for n, _ in entries[TEMPLATE_NOTEBOOKS]]),
        ]
    )

"""What may stand on the page of a notebook: what is known to tell of nobody, and nothing else.

A report keeps a ledger of the groups it told the sizes of. A page of the same study has readers in
common with it, and two ledgers that do not know each other undo each other's suppression. So a page
tells no number of people at all, neither small nor large. Of results it shows the terms, as a
report does where sizes are withheld, if ten people or more stand behind each (`Result.fewest`); of
courses the sessions with ten clients or more, without their numbers; of messages the sentences
without data; of instruments their cards. Of fewer than ten people no cell is run at all. All else
that a cell prints or displays - frames, text, figures - never leaves the notebook's own kernel,
whatever it holds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..core.disclosure import TOO_FEW
from ..core.id_masking import Names
from ..core.results import Result
from ..instruments import Measure
from ..study import open_study
from .shown import Course, Terms, Words

NOTE = (
    "This page may be shared: it tells no number of people, shows no person and names none. What "
    "is left out below stands in a report (`alliance-stats report`), as far as it may travel, and "
    "on a page for your own eyes (`--show-persons`)."
)
PRIVATE = (
    "**PRIVATE**: nothing is left out of this page; it may hold rows of single persons. It is for "
    "the owner of the data and must not leave the clinic."
)
LEFT_OUT = "(Left out of a page that may be shared.)"
NO_PERSONS = "holds_no_persons"
"""In a notebook's metadata: it reads published numbers only, so its page shows everything."""

_MARK = {"alliance_stats": "may be shared"}


def prepare(notebook: Any, study: str) -> None:
    """Put a cell before all others that lets the kernel show only what may be shared."""
    from nbformat.v4 import new_code_cell

    code = f"from alliance_stats.workspace.sharing import start\nstart({study!r})"
    notebook.cells.insert(0, new_code_cell(code))


def start(study: str) -> None:
    """Let the running kernel show what may be shared, and nothing else."""
    from IPython import get_ipython

    names = Names.of(open_study(study))

    def shown(thing: Any, *_: Any, **__: Any) -> tuple[dict[str, str], dict[str, str]]:
        markup = shareable(thing, names)
        return ({"text/html": markup}, _MARK) if markup else ({"text/plain": LEFT_OUT}, {})

    get_ipython().display_formatter.format = shown


def shareable(thing: Any, names: Names) -> str:
    """Return what a page may show of a thing that a cell displays, as HTML; else nothing."""
    if isinstance(thing, Result):
        thing = Terms(thing)
    if isinstance(thing, Terms | Words | Course):
        return names.mask(thing.shared(names))
    return names.mask(thing._repr_html_()) if isinstance(thing, Measure) else ""


def say_private(notebook: Any) -> None:
    """Say at the top of a page that holds everything whom it is for."""
    from nbformat.v4 import new_markdown_cell

    notebook.cells.insert(0, new_markdown_cell(PRIVATE))


def unrun(notebook: Any) -> None:
    """Leave text and code of a notebook, of a study so small that nothing of it may be shown."""
    from nbformat.v4 import new_markdown_cell

    notebook.cells.insert(0, new_markdown_cell(""))
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    notebook.cells[1:1] = [new_markdown_cell(f"{TOO_FEW} No cell below was run.")]


def share(notebook: Any, names: Names, study: str) -> None:
    """Leave in an executed notebook what its kernel marked, no id and no path of the study."""
    from nbformat.v4 import new_markdown_cell, new_output

    notebook.cells[0] = new_markdown_cell(NOTE)
    for cell in notebook.cells:
        cell.source = names.mask(cell.source.replace(study, Path(study).name))
        if cell.cell_type == "code" and cell.outputs:
            kept = [one for one in cell.outputs if one.get("metadata") == _MARK]
            left = new_output("display_data", data={"text/plain": LEFT_OUT})
            cell.outputs = kept + [left] * (len(kept) < len(cell.outputs))

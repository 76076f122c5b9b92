"""Make the pages of the site that can be read off the package, so that they cannot go stale.

The reference (functions by topic, command line, tables, measures, rules, claims) and the copies of
the notebooks are written when the site is built, and git ignores them. Each page is made by one
function of this folder and is plain text; `pages()` has them all by file name.
"""

from __future__ import annotations

from pathlib import Path

from .commands import commands_page
from .facts import measures_page, principles_page, study_page, tables_page
from .functions import reference_index, topic_page, topics
from .notebooks import notebooks, notebooks_index
from .registries import claims_page, datasets_page, rules_page


def write(docs: Path) -> None:
    """Write every page below `docs`, touching only files that change."""
    made = pages()
    for name, text in made.items():
        path = docs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for folder in ("reference", "notebooks"):
        for path in (docs / folder).rglob("*"):
            stale = path.relative_to(docs).as_posix() not in made and "api" not in path.parts
            if path.is_file() and stale:
                path.unlink()


def pages() -> dict[str, str]:
    """Return the text of every page that is made, by its path below `docs`."""
    return {
        "reference/index.md": reference_index(),
        **{
            f"reference/functions/{topic}.rst": topic_page(topic, names)
            for topic, names in topics().items()
        },
        "reference/commands.md": commands_page(),
        "reference/study-yaml.md": study_page(),
        "reference/tables.md": tables_page(),
        "reference/measures.md": measures_page(),
        "reference/principles.md": principles_page(),
        "reference/rules.md": rules_page(),
        "reference/claims.md": claims_page(),
        "reference/datasets.md": datasets_page(),
        "notebooks/index.md": notebooks_index(),
        **notebooks(),
    }

"""Turn ``al.NAME`` in a page's text into a link to the page of that name.

The pages stay plain Markdown that any viewer shows; only the site has the links.
"""

import re

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

import alliance_stats

PUBLIC = frozenset(alliance_stats.__all__)
NAMED = re.compile(r"^al\.(\w+)(\(.*\))?$", re.DOTALL)


class LinkedNames(SphinxTransform):
    """Wrap each literal that is a public name of the package into a reference."""

    default_priority = 400

    def apply(self, **_: object) -> None:
        """Do so in one page."""
        for literal in list(self.document.findall(nodes.literal)):
            found = NAMED.match(literal.astext())
            if found is None or found[1] not in PUBLIC:
                continue
            if isinstance(literal.parent, (nodes.reference, addnodes.pending_xref, nodes.title)):
                continue
            link = addnodes.pending_xref(
                "",
                refdomain="py",
                reftype="obj",
                reftarget=f"alliance_stats.{found[1]}",
                refexplicit=True,
                refwarn=True,
                refdoc=self.env.docname,
            )
            literal.replace_self(link)
            link += literal


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the transform."""
    app.add_transform(LinkedNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

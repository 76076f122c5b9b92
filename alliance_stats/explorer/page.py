"""`explore`: a study as one page that a reader goes through by choosing, without a network."""

from __future__ import annotations

import base64
import gzip
import json
import os
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.id_masking import Names
from ..core.outputs import keep_inputs, write_whole
from ..errors import AllianceStatsError, DesignError
from ..study import Study
from .content import of_means, of_persons

if TYPE_CHECKING:
    import pandas as pd

HEIGHT = 860


@dataclass(frozen=True, repr=False)
class Explorer:
    """A page of a study; it shows itself in a notebook, and `save` writes it.

    Attributes
    ----------
    name, synthetic
        What the study is called, and whether nobody stands behind it.
    content
        All that the page holds: numbers in place of ids, and no text of the data.
    clients
        Which number is who (``client_id, therapist_id, client, therapist``); it is never on the
        page. None where single persons are not shown.
    folder
        Where the study was read from, whose files are not written over.
    """

    name: str
    synthetic: bool
    content: dict[str, Any]
    clients: pd.DataFrame | None = None
    folder: Path | None = field(default=None)

    @property
    def show_persons(self) -> bool:
        """Whether single persons are shown."""
        return bool(self.content["persons"])

    @cached_property
    def html(self) -> str:
        """The page."""
        from jinja2 import Environment, PackageLoader, StrictUndefined
        from markupsafe import Markup

        packed = gzip.compress(json.dumps(self.content, allow_nan=False).encode(), mtime=0)
        environment = Environment(
            loader=PackageLoader("alliance_stats.explorer"),
            autoescape=True,
            undefined=StrictUndefined,
        )
        return environment.get_template("explorer.html.j2").render(
            name=self.name,
            synthetic=self.synthetic,
            persons=self.show_persons,
            drawing=Markup(_drawing()),
            content=base64.b64encode(packed).decode(),
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page as one file that loads nothing from anywhere.

        Raises
        ------
        AllianceStatsError
            Where nothing can be written there, or the file is one of the study's own.
        """
        target = Path(path)
        if target.suffix.lower() not in (".html", ".htm"):
            raise AllianceStatsError(f"The page is written as .html, not '{target.name}'.")
        keep_inputs(target, self.folder)
        private = self.show_persons and not self.synthetic
        content = self.html.encode()
        return write_whole(target, content, what="the page", make_folder=True, private=private)

    def __repr__(self) -> str:
        who = f"{len(self.content['clients'])} clients" if self.show_persons else "means"
        return f"Explorer({self.name!r}, {who}, {len(self.content['scores'])} scores)"

    def _repr_html_(self) -> str:
        """Return the page in a frame of its own, so that nothing of it meets the notebook."""
        return (
            f'<iframe title="{escape(self.name)}" srcdoc="{escape(self.html)}" '
            f'style="width:100%;height:{HEIGHT}px;border:0" sandbox="allow-scripts"></iframe>'
            '<p style="font-size:.8em">Where nothing stands above, trust the notebook: JupyterLab '
            "shows no page of a notebook that was run elsewhere.</p>"
        )


def explore(study: Study, *, show_persons: bool = False) -> Explorer:
    """Return the page of a study; see `Study.explore`."""
    if not isinstance(show_persons, bool):
        raise DesignError(f"show_persons must be True or False, not {show_persons!r}.")
    require_drawing()
    if not len(study.scores) and not study.has("assessments"):
        raise DesignError(
            f"The study '{study.name}' has no scores, so there is nothing to look at."
        )
    content, clients = of_persons(study) if show_persons else (of_means(study), None)
    name = Names.of(study).mask(study.name)
    return Explorer(name, study.synthetic, content, clients, study.folder)


def require_drawing() -> None:
    """Refuse in words where what draws the page is not installed."""
    if find_spec("vl_convert") is None:
        raise AllianceStatsError(
            "The page is drawn by Vega-Lite, which comes with vl-convert-python, and that is not "
            'installed. Install it with: python -m pip install "alliance-stats[explore]"'
        )


@lru_cache(maxsize=1)
def _drawing() -> str:
    """Return the script that draws: Vega, Vega-Lite and Vega-Embed, as they are released."""
    import vl_convert

    # what would end the element that holds the script is written so that it does not
    return vl_convert.javascript_bundle().replace("</script", r"<\/script")  # type: ignore[call-arg]

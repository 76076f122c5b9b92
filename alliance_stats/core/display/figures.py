"""Figures as files: text that stays text, the same bytes each time, ids that do not clash."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any

from ...errors import AllianceStatsError
from ..drawing import GREY, figure_of, house_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

FONTS = "'Helvetica Neue', Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
PRINT_DPI = 300
_UNDATED: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": "alliance_stats"},
    "pdf": {"CreationDate": None, "Creator": "alliance_stats", "Producer": None},
    "png": {"Software": None},
}


def to_svg(canvas: Canvas) -> bytes:
    """Return the figure as SVG: text stays text, and two runs give the same bytes."""
    return _saved(canvas, "svg").replace(b"'DejaVu Sans'", FONTS.encode()).replace(b"\r\n", b"\n")


def settle(canvas: Canvas) -> None:
    """Lay the figure out for good, so that it is laid out once for all kinds of files."""
    from matplotlib import rc_context

    with house_style():
        canvas.draw_without_rendering()
    with rc_context({"figure.autolayout": False, "figure.constrained_layout.use": False}):
        canvas.set_layout_engine(None)  # what "none" leaves there has each file drawn twice


def for_print(canvas: Canvas) -> dict[str, bytes]:
    """Return the figure as journals take it: ``png`` at 300 dpi and ``pdf``."""
    return {kind: _saved(canvas, kind) for kind in ("png", "pdf")}


def _saved(canvas: Canvas, kind: str) -> bytes:
    stream = BytesIO()
    with house_style():
        dpi = PRINT_DPI if kind == "png" else "figure"
        canvas.savefig(stream, format=kind, dpi=dpi, metadata=_UNDATED[kind])
    return stream.getvalue()


def mask_texts(canvas: Canvas, mask: Callable[[str], str]) -> None:
    """Replace every text of a figure by what `mask` makes of it, names of ticks too."""
    from matplotlib.category import StrCategoryFormatter
    from matplotlib.text import Text
    from matplotlib.ticker import FixedFormatter, FuncFormatter

    for axes in canvas.get_axes():
        for axis in (axes.xaxis, axes.yaxis):
            named = axis.get_major_formatter()  # makes its texts anew whenever it is drawn
            if isinstance(named, FixedFormatter | FuncFormatter | StrCategoryFormatter):
                axis.set_major_formatter(_masked(named, mask))
    for found in canvas.findobj(Text):
        if isinstance(found, Text) and mask(found.get_text()) != found.get_text():
            found.set_text(mask(found.get_text()))


def _masked(named: Any, mask: Callable[[str], str]) -> Any:
    return lambda value, pos: mask(named(value, pos))


def mark_synthetic(canvas: Canvas) -> None:
    """Write so along the right edge, in a strip the drawing leaves free."""
    engine = canvas.get_layout_engine()
    if engine is not None:
        engine.set(rect=(0, 0, 0.98, 1))  # type: ignore[call-arg]
    canvas.text(0.999, 0.99, "synthetic data", rotation=90, ha="right", va="top", fontsize=6,
                color=GREY)  # fmt: skip


def picture_of(result: Any, method: str) -> str:
    """Return what a result's own drawing method draws, as an element of a page; else nothing."""
    try:
        with house_style():
            drawn = getattr(result, method)()
    except AllianceStatsError:  # there is nothing to draw, which the numbers show too
        return ""
    return as_image(to_svg(figure_of(drawn)), result.heading)


def as_image(svg: bytes, alt: str) -> str:
    """Return the SVG as an image that holds itself.

    A notebook that somebody else ran is not trusted: JupyterLab takes drawings out of it, and
    leaves their texts in a heap. Images it shows.
    """
    held = base64.b64encode(svg).decode("ascii")
    return f'<img alt="{escape(alt, quote=True)}" src="data:image/svg+xml;base64,{held}">'


def inline_svg(svg: bytes, key: str, alt: str) -> str:
    """Return the SVG as an element of a page: own ids, a text for those who cannot see it."""
    text = svg.decode("utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    prefix = re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")
    text = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", text)
    text = re.sub(r'(xlink:href|href)="#([^"]+)"', rf'\1="#{prefix}-\2"', text)
    return text.replace("<svg ", f'<svg role="img" aria-label="{escape(alt, quote=True)}" ', 1)

"""Sections of documentation pages that benchmarks write."""

from __future__ import annotations

import re
from pathlib import Path


def put(path: Path, name: str, section: str) -> None:
    """Put a section on a page, in place of what stood there between its marks."""
    text = path.read_text("utf-8")
    old = rf"\n*<!-- {name} -->.*<!-- end of {name} -->\n"
    text = re.sub(old, "", text, flags=re.DOTALL)
    path.write_text(f"{text.rstrip()}\n\n{section}", encoding="utf-8")

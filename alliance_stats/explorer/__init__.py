"""A page of one study to look through: courses, ruptures, endings and the gap between raters."""

from .page import Explorer, explore

__all__ = ["Explorer", "explore"]

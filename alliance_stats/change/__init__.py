"""Reliable and clinically significant change."""

from .reliable import reliable_change
from .significant import ClinicallySignificantChange, clinically_significant_change

__all__ = ["ClinicallySignificantChange", "clinically_significant_change", "reliable_change"]

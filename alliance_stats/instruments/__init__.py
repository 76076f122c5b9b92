"""Cards of instruments, their registry, and scoring."""

from .card import Measure
from .facts import MissingRule, Scale
from .principles import Principle, list_principles, load_principles
from .registry import Registry, list_measures, load_registry, measure
from .scoring import score

__all__ = [
    "Measure",
    "MissingRule",
    "Principle",
    "Registry",
    "Scale",
    "list_measures",
    "list_principles",
    "load_principles",
    "load_registry",
    "measure",
    "score",
]

"""From a lab's files and its ``study.yaml`` to the canonical tables, each cell with its origin."""

from .reading_study import read_study as read_study
from .suggesting import MappingDraft as MappingDraft
from .suggesting import suggest_mapping as suggest_mapping

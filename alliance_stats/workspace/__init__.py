"""A researcher's folder: a study to fill in, and notebooks that run on it."""

from .cells import (
    against_truth,
    attempt,
    has_or_says,
    one_score,
    say,
    show,
    show_course,
    show_terms,
    start,
    tell,
)
from .needing import choose_measure, needs
from .new_study import new_study
from .notebooks import list_templates, run_notebook
from .shown import to_read

__all__ = [
    "against_truth",
    "attempt",
    "choose_measure",
    "has_or_says",
    "list_templates",
    "needs",
    "new_study",
    "one_score",
    "run_notebook",
    "say",
    "show",
    "show_course",
    "show_terms",
    "start",
    "tell",
    "to_read",
]

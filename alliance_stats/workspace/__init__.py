"""A researcher's folder: a study to fill in, and notebooks that run on it."""

from .new_study import new_study
from .notebooks import list_templates, run_notebook

__all__ = ["list_templates", "new_study", "run_notebook"]

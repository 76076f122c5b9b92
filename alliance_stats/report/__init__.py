"""Tables, figures and pages; takes results and computes nothing statistical."""

from .build import Report, write_report
from .drawings import plot_course
from .model_table import ModelTable, model_table

__all__ = ["ModelTable", "Report", "model_table", "plot_course", "write_report"]

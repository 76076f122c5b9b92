"""Tables, figures and pages; takes results and computes nothing statistical."""

from .build import Report, write_report
from .drawings import plot_course

__all__ = ["Report", "plot_course", "write_report"]

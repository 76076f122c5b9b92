"""Tables, figures and pages; takes results and computes nothing statistical."""

from .build import Report, write_report

__all__ = ["Report", "write_report"]

"""Ruptures and repairs: rules, episodes, chance, agreement, models."""

from .agreement import RuleAgreement, compare_rules
from .chance import expected_by_chance
from .detection import detect_ruptures
from .recognition import ReportAgreement, compare_reports
from .result import Ruptures
from .rules import rupture_rules

__all__ = [
    "ReportAgreement",
    "RuleAgreement",
    "Ruptures",
    "compare_reports",
    "compare_rules",
    "detect_ruptures",
    "expected_by_chance",
    "rupture_rules",
]

"""Ruptures and repairs: rules, episodes, chance, agreement, models."""

from .agreement import RuleAgreement, compare_rules
from .chance import expected_by_chance
from .detection import detect_ruptures
from .models import (
    AsymmetricChange,
    EventStudy,
    RuptureCount,
    RuptureOutcome,
    RuptureRepair,
    fit_asymmetric_change,
    fit_event_study,
    fit_rupture_count,
    fit_rupture_outcome,
    fit_rupture_repair,
)
from .multiverse import Multiverse, rupture_multiverse
from .multiverse_plan import AnalysisPlan, read_analysis_plan
from .observer_principles import PrinciplesAndRepair, fit_principles_repair
from .observer_reliability import CoderReliability, coder_reliability
from .observer_table import summarise_codes
from .recognition import ReportAgreement, compare_reports
from .recommendation import RuleAdvice, recommend_rule
from .result import Ruptures
from .rules import rupture_rules

__all__ = [
    "AnalysisPlan",
    "AsymmetricChange",
    "CoderReliability",
    "EventStudy",
    "Multiverse",
    "PrinciplesAndRepair",
    "ReportAgreement",
    "RuleAdvice",
    "RuleAgreement",
    "RuptureCount",
    "RuptureOutcome",
    "RuptureRepair",
    "Ruptures",
    "coder_reliability",
    "compare_reports",
    "compare_rules",
    "detect_ruptures",
    "expected_by_chance",
    "fit_asymmetric_change",
    "fit_event_study",
    "fit_principles_repair",
    "fit_rupture_count",
    "fit_rupture_outcome",
    "fit_rupture_repair",
    "read_analysis_plan",
    "recommend_rule",
    "rupture_multiverse",
    "rupture_rules",
    "summarise_codes",
]

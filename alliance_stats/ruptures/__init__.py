"""Ruptures and repairs: rules, episodes, chance, agreement, models."""

from .chance.expected import expected_by_chance
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
from .multiverse.multiverse import Multiverse, rupture_multiverse
from .multiverse.plan import AnalysisPlan, read_analysis_plan
from .observers.agreement import RuleAgreement, compare_rules
from .observers.principles import PrinciplesAndRepair, fit_principles_repair
from .observers.recognition import ReportAgreement, compare_reports
from .observers.reliability import CoderReliability, coder_reliability
from .observers.table import summarise_codes
from .performance.recommendation import RuleAdvice, recommend_rule
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

"""Models of what follows ruptures and repairs."""

from .asymmetric import AsymmetricChange, fit_asymmetric_change
from .counts import RuptureCount, fit_rupture_count
from .event_study import EventStudy, fit_event_study
from .landmark import RuptureOutcome, fit_rupture_outcome
from .repair import RuptureRepair, fit_rupture_repair

__all__ = [
    "AsymmetricChange",
    "EventStudy",
    "RuptureCount",
    "RuptureOutcome",
    "RuptureRepair",
    "fit_asymmetric_change",
    "fit_event_study",
    "fit_rupture_count",
    "fit_rupture_outcome",
    "fit_rupture_repair",
]

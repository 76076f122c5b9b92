"""What the data hold, before any model: who is in them, what is missing, how well measured."""

from ..study.prepost import first_and_last
from ..study.reliability import scale_reliability
from .course import mean_course
from .flow import missing_by_session, missing_ratings, study_flow
from .sample import sample_table
from .trial_flow import trial_flow

__all__ = [
    "first_and_last",
    "mean_course",
    "missing_by_session",
    "missing_ratings",
    "sample_table",
    "scale_reliability",
    "study_flow",
    "trial_flow",
]

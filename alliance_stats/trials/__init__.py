"""Trials: arms compared by covariance, by repeated measures and by growth."""

from .arms import compare_arms as compare_arms
from .result import ArmComparison as ArmComparison

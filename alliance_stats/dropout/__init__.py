"""Dropout: who leaves, when, and what speaks for it."""

from .hazard import DropoutHazard, fit_dropout_hazard
from .incidence import DropoutIncidence, dropout_incidence
from .person_period import person_period

__all__ = [
    "DropoutHazard",
    "DropoutIncidence",
    "dropout_incidence",
    "fit_dropout_hazard",
    "person_period",
]

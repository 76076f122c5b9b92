"""Dropout: who leaves, when, and what speaks for it."""

from .comparison import DropoutDefinitions, compare_dropout_definitions
from .competing import CompetingHazards, fit_competing_hazards
from .cox import DropoutCox, fit_dropout_cox
from .definitions import define_dropout
from .hazard import fit_dropout_hazard
from .hazard_result import DropoutHazard
from .incidence import DropoutIncidence, dropout_incidence
from .person_period import person_period

__all__ = [
    "CompetingHazards",
    "DropoutCox",
    "DropoutDefinitions",
    "DropoutHazard",
    "DropoutIncidence",
    "compare_dropout_definitions",
    "define_dropout",
    "dropout_incidence",
    "fit_competing_hazards",
    "fit_dropout_cox",
    "fit_dropout_hazard",
    "person_period",
]

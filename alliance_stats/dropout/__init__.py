"""Dropout: who leaves, when, and what speaks for it."""

from .definitions.comparison import DropoutDefinitions, compare_dropout_definitions
from .definitions.definitions import define_dropout
from .end_scores.sensitivity import DropoutSensitivity, dropout_sensitivity
from .hazard.competing import CompetingHazards, fit_competing_hazards
from .hazard.cox import DropoutCox, fit_dropout_cox
from .hazard.fit import fit_dropout_hazard
from .hazard.result import DropoutHazard
from .incidence.incidence import DropoutIncidence, dropout_incidence
from .joint import AllianceAndDropout, fit_alliance_and_dropout
from .person_period import person_period
from .prediction import DropoutPrediction, predict_dropout
from .sample_size import DropoutSampleSize, dropout_sample_size

__all__ = [
    "AllianceAndDropout",
    "CompetingHazards",
    "DropoutCox",
    "DropoutDefinitions",
    "DropoutHazard",
    "DropoutIncidence",
    "DropoutPrediction",
    "DropoutSampleSize",
    "DropoutSensitivity",
    "compare_dropout_definitions",
    "define_dropout",
    "dropout_incidence",
    "dropout_sample_size",
    "dropout_sensitivity",
    "fit_alliance_and_dropout",
    "fit_competing_hazards",
    "fit_dropout_cox",
    "fit_dropout_hazard",
    "person_period",
    "predict_dropout",
]

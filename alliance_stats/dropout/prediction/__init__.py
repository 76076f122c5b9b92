"""Prediction of dropout at a landmark, and what it is worth.

Read in this order: `landmark` (who and what is known), `leaks` (what must not be known),
`models`, `run` (the nested cross-validation), `metrics` and `intervals` (its worth),
`therapists` (in a new therapist), `result` and `tripod`.
"""

from .result import DropoutPrediction
from .run import predict_dropout

__all__ = ["DropoutPrediction", "predict_dropout"]

"""The rating gap, always therapist minus client."""

from .congruence import Congruence
from .description import RatingGap, rating_gap
from .surface import fit_response_surface
from .surface_bootstrap import SurfaceBootstrap
from .surface_result import ResponseSurface
from .truth_bias import TruthAndBias, fit_truth_and_bias

__all__ = [
    "Congruence",
    "RatingGap",
    "ResponseSurface",
    "SurfaceBootstrap",
    "TruthAndBias",
    "fit_response_surface",
    "fit_truth_and_bias",
    "rating_gap",
]

"""What is not observed: lasting levels and movements behind scores, factors behind items.

`engine` fits covariance structure models by full information maximum likelihood, whatever is
missing; `dynamics` asks who leads within clients, `measurement` whether forms measure the same.
"""

from .dynamics.cross_lagged import fit_cross_lagged
from .dynamics.readings import Readings
from .dynamics.result import CrossLagged
from .engine.patterns import FEWEST_CLUSTERS
from .measurement.factor_model import FactorModel, fit_factor_model
from .measurement.invariance import MeasurementInvariance, measurement_invariance

__all__ = [
    "FEWEST_CLUSTERS",
    "CrossLagged",
    "FactorModel",
    "MeasurementInvariance",
    "Readings",
    "fit_cross_lagged",
    "fit_factor_model",
    "measurement_invariance",
]

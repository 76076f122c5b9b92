"""What is not observed: lasting levels and movements behind scores, factors behind items.

`engine` fits covariance structure models by full information maximum likelihood, whatever is
missing; `dynamics` asks who leads within clients, `measurement` whether forms measure the same.
"""

from .dynamics.cross_lagged import fit_cross_lagged
from .dynamics.result import CrossLagged

__all__ = [
    "CrossLagged",
    "fit_cross_lagged",
]

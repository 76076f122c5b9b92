"""The nested mixed-model engine, from formula to result.

Read in this order: `formula` (the language), `terms` and `grouping` (columns and levels),
`design` (each lowest unit's cross-products), `likelihood` and `elimination` (the sum over
groups), `deviance`, `optimise`, `inference`, and `fit` and `result`, which put them together.
"""

from .compare import Comparison
from .contrasts import ContrastTest
from .fit import fit_multilevel
from .result import MultilevelFit

__all__ = ["Comparison", "ContrastTest", "MultilevelFit", "fit_multilevel"]

"""Studies that may be shown: drawn from models of a study, and compared with it.

`forms` says what is rated and on which steps; `structure` learns who sees whom, for how long and
what is missing, `course` how scores move, `occasions` what is rated before and after; `making`
draws, and `check` compares.
"""

from .check import SyntheticCheck, check_synthetic
from .making import synthetic_study

__all__ = ["SyntheticCheck", "check_synthetic", "synthetic_study"]

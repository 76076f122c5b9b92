"""The mixed-model engine, from formula to result.

Read in this order: the folder `formula` (the language: its words are in `tokens`, what they make
in `tree`, made by `syntax`, its meaning in `expansion`, its `functions` in a registry; `factors`
and `terms` make columns); in `engine`, `grouping` (levels), `blocks` and `basis` (columns that
keep their digits), `design` (each lowest unit's cross-products), `likelihood` and `elimination`
(the sum over groups), `deviance` and `optimise`; where groups cross or share rows, `membership`,
`crossed` and `block` take the place of that sum; AR(1) residuals in `residual` and
`autocorrelated`, those with a covariance of their own in `structured`; then `fit` and `result`,
which put them together. `random_slopes` chooses which effects vary. `after_fit` holds what a fit
can be asked, a module a question: `inference`, `omitted_slopes`, `profiling`, `bootstrap`,
`prediction` and others.

`partitions` makes the same design from data larger than memory, of which only sums are kept.

`outcomes` holds the models of yes/no, counts and ordered answers: `families`, `reading` (from data
to a problem), `pieces`, `modes`, `nodes` and `integral` (the likelihood of some top-level groups),
`maximise` (the climb and the ladder of nodes), then `result` and what it can be asked.
"""

from .after_fit.bootstrap import Bootstrap
from .after_fit.cluster_robust import RobustFit
from .after_fit.compare import Comparison, compare_models
from .after_fit.contrasts import ContrastTest
from .after_fit.explained import Explained
from .after_fit.model_check import ModelCheck, check_model
from .fit import fit_multilevel
from .formula.functions import list_formula_functions, register_formula_function
from .model_sequence import Ladder, fit_ladder
from .outcomes.result import OutcomeFit
from .result import MultilevelFit

__all__ = [
    "Bootstrap",
    "Comparison",
    "ContrastTest",
    "Explained",
    "Ladder",
    "ModelCheck",
    "MultilevelFit",
    "OutcomeFit",
    "RobustFit",
    "check_model",
    "compare_models",
    "fit_ladder",
    "fit_multilevel",
    "list_formula_functions",
    "register_formula_function",
]

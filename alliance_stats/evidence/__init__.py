"""Effect sizes, their synthesis, and the ledger of claims."""

from .bias import TrimAndFill as TrimAndFill
from .bias import small_study_test as small_study_test
from .bias import trim_and_fill as trim_and_fill
from .effect_sizes import d_from_r as d_from_r
from .effect_sizes import effect_sizes as effect_sizes
from .effect_sizes import r_from_d as r_from_d
from .influence import leave_one_out as leave_one_out
from .influence import plot_leave_one_out as plot_leave_one_out
from .ledger import check_claims as check_claims
from .ledger import claims as claims
from .plots import plot_published as plot_published
from .pooled import PooledEffects as PooledEffects
from .pooling import pool_effects as pool_effects
from .regression import MetaRegression as MetaRegression
from .regression import fit_meta_regression as fit_meta_regression
from .regression import pool_subgroups as pool_subgroups
from .robust import robust_test as robust_test
from .selection import SelectionModel as SelectionModel
from .selection import selection_model as selection_model

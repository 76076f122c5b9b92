"""Data that may not leave: what a clinic may send for a joint model, and how files are combined.

`columns` reads a clinic's model; `sums`, `curve` and `expansion` (at a point of a search by mail,
see `rounds`) are the forms of its likelihood; `exposure` and `audit` say what these would tell of
people, `ledger` what several files would tell together, and `shared_file` is what is sent.
`clinics` adds the likelihoods up, `closed_design` makes a design of them, and `combine` a fit.
"""

from .clinic_file import clinic_file
from .combine import combine_clinics
from .combined_fit import CombinedFit
from .combined_outcome import CombinedOutcome
from .written import ClinicFile

__all__ = ["ClinicFile", "CombinedFit", "CombinedOutcome", "clinic_file", "combine_clinics"]

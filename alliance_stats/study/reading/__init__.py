"""Reading one file, as a lab has it, into a clean table that says what was changed.

`read_table` is for people; `load` gives mapping the same table with its row numbers and the
faults met, so that a study can name them all at once.
"""

from .loaded import Loaded as Loaded
from .table import load as load
from .table import read_table as read_table

"""How soon ruptures were repaired, as a table that shows all of itself."""

from __future__ import annotations

import pandas as pd

from ..core.display import columns as col
from ..core.display.shown import ShownTable
from ..core.display.table import Table

COLUMNS = (
    col.count("sessions", "Sessions after"),
    col.count("n_at_risk", "Still followed"),
    col.count("n_repaired", "Repaired"),
    col.count("n_censored", "Followed no further"),
    col.percent("repaired", "Repaired by then"),
    col.percent_interval("conf_low", "conf_high"),
)
NOTE = (
    "Sessions after: the difference of session numbers. Repaired by then: 1 − Kaplan-Meier, so "
    "that ruptures followed no further count as long as they were followed; intervals over "
    "clients. Where few are still followed, a share (100% above all) rests on these few."
)


class RepairTimes(ShownTable):
    """A row a number of sessions after the rupture; made by `Ruptures.repair_times`."""

    def _as_table(self) -> Table:
        title = "How soon ruptures were repaired"
        return Table("repair-times", title, pd.DataFrame(self), COLUMNS, "", NOTE)

"""How soon ruptures were repaired, as a table that shows all of itself."""

from __future__ import annotations

import pandas as pd

from ..core.display import columns as col
from ..core.display.rendering import to_html, to_text
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
    "Sessions after: the difference of session numbers. Repaired by then: 1 - Kaplan-Meier, so "
    "that ruptures followed no further count as long as they were followed; intervals over clients."
)


class RepairTimes(pd.DataFrame):
    """A row a number of sessions after the rupture; made by `Ruptures.repair_times`.

    A DataFrame that shows all its columns. A table made from it (by ``.set_index``, say) is a plain
    one.
    """

    def _as_table(self) -> Table:
        title = "How soon ruptures were repaired"
        return Table("repair-times", title, pd.DataFrame(self), COLUMNS, "", NOTE)

    def __str__(self) -> str:
        table = self._as_table()
        return f"{table.title}\n{to_text(table)}\n{table.note}"

    def _repr_html_(self) -> str:
        table = self._as_table()
        return f"<p><em>{table.title}</em></p>{to_html(table)}<p>{table.note}</p>"

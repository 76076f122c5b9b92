"""Observed beside expected: the table of `expected_by_chance`, and how it shows itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from ...core.display.formatting import p_sentence
from ...core.display.sentences import what_was_done
from ...core.knowing_table import KnowingTable
from ...core.results import Result, shown_as_result
from ...inference.rows import glance_row, tidy_rows
from ..rates import SOON
from ..rules import in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...core.display.page import Block

WORDS = {
    "event": "Events",
    "observed": "Found",
    "expected": "Expected",
    "null_low": "Without ruptures, from",
    "null_high": "to (middle 95%)",
    "ratio": "Found / expected",
    "count_p_value": "p (one-sided: as many or more)",
}
SHARE_WORDS = {
    "event": "Share",
    "share_observed": "Found",
    "share_expected": "Expected",
    "share_p_value": "p (one-sided: as large or larger)",
}


@shown_as_result
class ChanceTable(KnowingTable):
    """A row each for ruptures and repairs, found and expected; made by `expected_by_chance`.

    A DataFrame that shows itself with what the null assumes.
    """

    title = "Ruptures and repairs found, and expected of courses without ruptures"

    @property
    def heading(self) -> str:
        """What this is, and of which score where that is known."""
        score = self.attrs.get("score")
        return f"{self.title}: {score}" if score else self.title

    @property
    def messages(self) -> tuple[str, ...]:
        """What the null assumes, and where it rejects too often."""
        return tuple(self.attrs["messages"])

    def text(self, labels: Mapping[str, str] | None = None) -> str:
        """Return the counts in sentences, and what was done."""
        said = [
            f"{(labels or {}).get(str(row['event']), str(row['event']).capitalize() + 's')}: "
            "no session could be judged."
            if pd.isna(row["p_value"])
            else f"{(labels or {}).get(str(row['event']), str(row['event']).capitalize() + 's')}: "
            f"{row['observed']} found, {row['expected']:.1f} expected without any (95% of draws: "
            f"{row['null_low']:.0f} to {row['null_high']:.0f}), one-sided "
            f"{p_sentence(row['p_value'])}."
            for _, row in self.iterrows()
        ]
        me: Any = self
        return "\n".join([f"{self.heading}.", *said, what_was_done(*me._done())])

    def tidy(self) -> pd.DataFrame:
        """Return a row an event: the count and its one-sided p value.

        ``null_low`` to ``null_high`` is where the middle 95 % of counts lie without ruptures.
        """
        more = {name: self[name].array for name in ("expected", "null_low", "null_high", "ratio")}
        return tidy_rows(
            list(self["event"]), self["observed"], p_value=self["p_value"].array, **more
        )

    def glance(self) -> pd.DataFrame:
        """Return one row: the rule, the null and how often it was drawn, counts of ruptures."""
        found = self.loc["rupture", ["observed", "expected", "ratio", "p_value"]]
        made = {name: self.attrs[name] for name in ("rule", "null", "replicates", "seed", "phi")}
        return glance_row(self, **made, **found)

    def facts(self) -> dict[str, Any]:
        """Return what sentences are filled from: the rule in words, with its name."""
        me: Any = self
        known = Result.facts(me)
        return known | {"rule": in_words(known["rule"])}

    def shown(self, labels: Mapping[str, str] | None = None) -> list[Block]:
        """Return the counts, and the shares."""
        me: Any = self
        plain = pd.DataFrame(self).rename(columns={"p_value": "count_p_value"})
        plain["event"] = ["Ruptures", "Repairs"]
        counts = me._table(plain[list(WORDS)], {**WORDS, **(labels or {})}, "Counts")
        within = min(SOON, self.attrs["parameters"]["repair_window"] or SOON)
        plain["event"] = ["Ruptures per judged session", f"Repaired within {within}"]
        words = {**SHARE_WORDS, **(labels or {})}
        return [counts, me._table(plain[list(SHARE_WORDS)], words, "Shares")]

    def plot(self, *, ax: Axes | None = None) -> Axes:  # type: ignore[override]
        """Draw what was found against the middle 95 % of courses without ruptures."""
        from ..plots import plot_chance

        return plot_chance(self, ax=ax)

    def __str__(self) -> str:
        me: Any = self
        return str.__str__(me.summary())

    def _repr_html_(self) -> str:
        me: Any = self
        return Result.to_html(me)

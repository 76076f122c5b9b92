"""One page for supervision: a therapist's own gap over sessions beside the clinic's."""

from __future__ import annotations

import io
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import DesignError, did_you_mean
from ..results import TIDY_COLUMNS, Result
from .description import RatingGap
from .moments import mean_row
from .pairs import paired_ratings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STAGES = ((1, 3), (4, 6), (7, 10), (11, 15), (16, 10_000))
SMALLEST_CELL = 5
FEWEST_COLLEAGUES = 3
CAVEATS = (
    "A gap is no mistake: it says that two people rated the same sessions differently, and both "
    "forms may mean different things to them.",
    "Later stages hold the clients who stayed; a line that moves need not mean that anybody "
    "changed.",
    "Own intervals are wide with few clients. Where they reach the clinic's, no difference is "
    "shown.",
)


@dataclass(frozen=True, eq=False)
class GapFeedback(Result):
    """A therapist's own gap and the clinic's by stage; made by `gap_feedback`.

    Attributes
    ----------
    table
        ``who`` (own, clinic), ``stage``, ``n_dyads``, ``estimate``, ``conf_low``, ``conf_high``;
        NaN where fewer than 5 clients stand behind a cell (``suppressed``).
    """

    table: pd.DataFrame
    therapist: str
    label: str
    messages: tuple[str, ...] = CAVEATS
    title: str = "Your rating gap"

    def tidy(self) -> pd.DataFrame:
        """Return one row a cell, with the glossary's columns."""
        table = self.table
        out = table.assign(
            effect="fixed", group=table["who"], term=table["who"] + ": " + table["stage"]
        )
        return out.reindex(columns=list(TIDY_COLUMNS))

    def glance(self) -> pd.DataFrame:
        """Return therapist and number of suppressed cells in one row."""
        row = {"therapist": self.therapist, "suppressed": int(self.table["suppressed"].sum())}
        return pd.DataFrame([row])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw own and clinic's mean gap by stage with 95 % intervals."""
        from .plots import plot_feedback

        return plot_feedback(self, ax)

    def to_html(self, path: str | Path) -> Path:
        """Write the page: picture, what it shows, what it does not."""
        from ..drawing import figure_of

        picture = io.StringIO()
        figure_of(self.plot()).savefig(picture, format="svg", metadata={"Date": None})
        svg = picture.getvalue()
        target = Path(path)
        notes = "".join(f"<li>{escape(message)}</li>" for message in self.messages)
        target.write_text(
            "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
            f"<title>{escape(self.title)}</title><style>body{{font:15px/1.5 sans-serif;"
            "max-width:44rem;margin:2rem auto;padding:0 1rem}svg{max-width:100%;height:auto}"
            f"</style></head><body><h1>{escape(self.title)}</h1>"
            f"<p>{escape(self._words())}</p>{svg[svg.index('<svg') :]}"
            f"<h2>What this does not show</h2><ul>{notes}</ul></body></html>",
            encoding="utf-8",
        )
        return target

    def _words(self) -> str:
        return (
            f"{self.label}: your rating of a session minus your client's rating of the same "
            "session. Below zero, you rated the alliance lower than your client did. The grey "
            "line is the mean of the clinic's other therapists. Cells of fewer than "
            f"{SMALLEST_CELL} clients are not shown."
        )


def gap_feedback(
    study_or_data: Any,
    *,
    therapist: str,
    measure: str | None = None,
    scale: str | None = None,
    stages: tuple[tuple[int, int], ...] = STAGES,
) -> GapFeedback:
    """What could a therapist be shown of the own gap, beside the clinic's?

    Parameters
    ----------
    study_or_data
        A `Study`, a table of scores with ``therapist_id``, or a `RatingGap`.
    therapist
        Whose page it is.
    measure, scale
        Which scores.
    stages
        First and last session of each stage; sessions of one client in a stage are averaged.

    Returns
    -------
    GapFeedback
        ``.plot()`` and ``.to_html(path)``, one page.

    Notes
    -----
    Means over clients with t intervals. The clinic's values leave the own clients out, and are
    shown only where three other therapists stand behind them.

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.simulate_study(n_therapists=5, n_clients=60, seed=2)
    >>> page = al.gap_feedback(study, therapist="T01", measure="wai-sr", scale="total")
    >>> page.table["who"].unique().tolist()
    ['own', 'clinic']
    """
    gap = study_or_data if isinstance(study_or_data, RatingGap) else None
    pairs = gap.pairs if gap else paired_ratings(study_or_data, measure=measure, scale=scale)
    if "therapist_id" not in pairs:
        raise DesignError("The data do not say who the therapists are (therapist_id).")
    there = pairs["therapist_id"].dropna().astype(str).unique()
    if str(therapist) not in there:
        raise DesignError(
            f"There is no therapist '{therapist}' with a session rated by both."
            f"{did_you_mean(therapist, there)}"
        )
    rows = []
    mine = pairs["therapist_id"].astype(str) == str(therapist)
    for who, part in (("own", pairs[mine]), ("clinic", pairs[~mine])):
        for first, last in stages:
            rows.append(_cell(part[part["session"].between(first, last)], who, first, last))
    names = [measure or getattr(gap, "measure", ""), scale or getattr(gap, "scale", "")]
    label = " ".join(name for name in names if name) or "Alliance"
    return GapFeedback(pd.DataFrame(rows), str(therapist), label)


def _cell(part: pd.DataFrame, who: str, first: int, last: int) -> dict[str, Any]:
    stage = f"session {first} on" if last >= 10_000 else f"sessions {first}-{last}"
    means = part.groupby("client_id", observed=True)["gap"].mean()
    hidden = len(means) < SMALLEST_CELL
    if who == "clinic":
        hidden |= part["therapist_id"].nunique() < FEWEST_COLLEAGUES
    found = mean_row(means.to_numpy()) if not hidden else {}
    return {
        "who": who,
        "stage": stage,
        "n_dyads": np.nan if hidden else len(means),
        **{
            name: found.get(name, np.nan)
            for name in ("estimate", "std_error", "df", "conf_low", "conf_high")
        },
        "suppressed": bool(hidden),
    }

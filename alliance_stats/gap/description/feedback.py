"""One page for supervision: a therapist's own gap over sessions beside the clinic's."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.arguments import shown, whole
from ...core.outputs import write_whole
from ...core.results import Result
from ...errors import AllianceStatsError, DesignError, did_you_mean
from ...inference.rows import glance_row, mean_row, t_row, tidy_rows
from ...study.select import ScoreName
from ...study.times import SESSION, along
from ..pairs import pairs_of
from ..wording import caveats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...study import Study

STAGES = ((1, 3), (4, 6), (7, 10), (11, 15), (16, 10_000))
SMALLEST_CELL = 5
FEWEST_COLLEAGUES = 3
COLUMNS = ("estimate", "std_error", "df", "conf_low", "conf_high")
CAVEATS = caveats("feedback")


@dataclass(frozen=True, eq=False)
class GapFeedback(Result):
    """A therapist's own gap and the clinic's by stage; made by `gap_feedback`.

    Attributes
    ----------
    table
        ``who`` (own, clinic, difference: own minus clinic), ``stage``, ``n_dyads``, ``estimate``,
        ``conf_low``, ``conf_high``; NaN where fewer than 5 clients stand behind a cell
        (``suppressed``).
    """

    table: pd.DataFrame
    therapist: str
    label: str
    messages: tuple[str, ...] = CAVEATS
    title: str = "Your rating gap"
    score: str = ""
    confidence: float = 0.95

    def tidy(self) -> pd.DataFrame:
        """Return one row a cell, with the glossary's columns."""
        table = self.table
        terms = table["who"] + ": " + table["stage"]
        return tidy_rows(terms, group=table["who"], **table[list(COLUMNS)])

    def glance(self) -> pd.DataFrame:
        """Return therapist and number of suppressed cells in one row."""
        return glance_row(self, "therapist", suppressed=int(self.table["suppressed"].sum()))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw own and clinic's mean gap by stage with intervals."""
        from .plots import plot_feedback

        return plot_feedback(self, ax)

    def to_html(self, path: str | Path) -> Path:  # type: ignore[override]
        """Write the page: picture, what it shows, what it does not."""
        from ...core.drawing import figure_of

        if Path(path).suffix.lower() not in (".html", ".htm"):
            raise AllianceStatsError(
                f"The page is HTML: name a file that ends in .html, not '{Path(path).name}'."
            )
        picture = io.StringIO()
        figure_of(self.plot()).savefig(picture, format="svg", metadata={"Date": None})
        svg = picture.getvalue()
        notes = "".join(f"<li>{escape(message)}</li>" for message in self.messages)
        page = (
            "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
            '<meta name="generator" content="alliance_stats">'
            f"<title>{escape(self.title)}</title><style>body{{font:15px/1.5 sans-serif;"
            "max-width:44rem;margin:2rem auto;padding:0 1rem}svg{max-width:100%;height:auto}"
            f"</style></head><body><h1>{escape(self.title)}</h1>"
            f"<p>{escape(self.words)}</p>{svg[svg.index('<svg') :]}"
            f"<h2>What this does not show</h2><ul>{notes}</ul></body></html>"
        )
        return write_whole(path, page.encode("utf-8"), what="the page for supervision")

    @property
    def words(self) -> str:
        """Return what the page says above the notes."""
        return (
            f"{self.label}: your rating of a session minus your client's rating of the same "
            f"session, averaged over your clients (therapist {self.therapist}). Below zero, you "
            "rated lower than your clients did. The grey line is the mean over the clients of the "
            f"clinic's other therapists. Cells of fewer than {SMALLEST_CELL} clients are not "
            f"shown. {self._differences()}"
        )

    def _differences(self) -> str:
        """Say in words where the own gap differs from the clinic's."""
        rows = self.table[(self.table["who"] == "difference") & self.table["conf_low"].notna()]
        if rows.empty:
            return "Too few clients for a comparison with the clinic."
        apart = rows[(rows["conf_low"] > 0) | (rows["conf_high"] < 0)]
        if apart.empty:
            return (
                "No stage shows a difference from the clinic's others that its "
                f"{100 * self.confidence:g} % interval tells from zero; that is no proof of "
                "equality."
            )
        words = [
            f"{r.stage}: {r.estimate:+.2f} points [{r.conf_low:.2f}, {r.conf_high:.2f}]"
            for r in apart.itertuples()
        ]
        return f"You differ from the clinic's others in {'; '.join(words)}."


def gap_feedback(
    study_or_data: Study | pd.DataFrame,
    *,
    therapist: str,
    measure: str | None = None,
    scale: str | None = None,
    stages: tuple[tuple[int, int], ...] = STAGES,
    confidence: float = 0.95,
    time: str = SESSION,
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
    confidence
        Level of the intervals.
    time
        The column that counts along time in place of ``session``: ``"occasion"``, by its order, or
        one of numbers, such as ``"week"``.

    Returns
    -------
    GapFeedback
        ``.plot()`` and ``.to_html(path)``, one page.

    Notes
    -----
    Means over clients. Own: t interval over the own clients. The clinic's values leave the own
    clients out, are shown only where three other therapists stand behind them, and have the
    cluster-robust interval over therapists (t of therapists - 1). The difference has both errors,
    with Welch's degrees of freedom; it compares the own clients with the clinic's average.

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.simulate_study(n_therapists=5, n_clients=60, seed=2)
    >>> page = al.gap_feedback(study, therapist="T01", measure="wai-sr", scale="total")
    >>> page.table["who"].unique().tolist()
    ['own', 'clinic', 'difference']
    """
    study_or_data = along(study_or_data, time)
    parts = _stages(stages)
    pairs, left_out = pairs_of(study_or_data, measure=measure, scale=scale, whole=time == SESSION)
    score = pairs.attrs.get("score", "")
    if "therapist_id" not in pairs:
        raise DesignError("The data do not say who the therapists are (therapist_id).")
    unknown = pairs["therapist_id"].isna()
    if unknown.any():
        left_out.append(f"{int(unknown.sum())} sessions have no known therapist and are left out.")
        pairs = pairs[~unknown]
    there = pairs["therapist_id"].dropna().astype(str).unique()
    if str(therapist) not in there:
        raise DesignError(
            f"There is no therapist '{therapist}' with a session rated by both."
            f"{did_you_mean(therapist, there)}"
        )
    mine = pairs["therapist_id"].astype(str) == str(therapist)
    cells: dict[str, list[dict[str, Any]]] = {"own": [], "clinic": [], "difference": []}
    for first, last in parts:
        inside = pairs["session"].between(first, last)
        own = _cell(pairs[mine & inside], "own", first, last, confidence)
        clinic = _cell(pairs[~mine & inside], "clinic", first, last, confidence)
        cells["own"].append(own)
        cells["clinic"].append(clinic)
        cells["difference"].append(_minus(own, clinic, confidence))
    rows = [cell for each in cells.values() for cell in each]
    label = ScoreName(score).words or "Alliance"
    said = (*left_out, *CAVEATS)
    return GapFeedback(
        pd.DataFrame(rows), str(therapist), label, said, score=score, confidence=confidence
    )


def _cell(part: pd.DataFrame, who: str, first: int, last: int, confidence: float) -> dict[str, Any]:
    stage = f"session {first} on" if last >= 10_000 else f"sessions {first}-{last}"
    means = part.groupby("client_id", observed=True)["gap"].mean()
    hidden = len(means) < SMALLEST_CELL
    if who == "clinic":
        hidden |= part["therapist_id"].nunique() < FEWEST_COLLEAGUES
    found: dict[str, float] = {}
    if not hidden:
        if who == "own":
            found = mean_row(means.to_numpy(), confidence)
        else:
            of = part.groupby("client_id", observed=True)["therapist_id"].first()
            found = _clustered(means, of, confidence)
    return {
        "who": who,
        "stage": stage,
        "n_dyads": np.nan if hidden else len(means),
        **{name: found.get(name, np.nan) for name in COLUMNS},
        "suppressed": bool(hidden),
    }


def _clustered(means: pd.Series, of: pd.Series, confidence: float) -> dict[str, float]:
    """Return the mean over dyads with the interval of whole therapists."""
    mean = float(means.mean())
    total = (means - mean).groupby(of).sum()
    G = len(total)
    error = float(np.sqrt((total**2).sum() * G / (G - 1))) / len(means)
    return t_row(mean, error, G - 1, confidence)


def _minus(own: dict[str, Any], clinic: dict[str, Any], confidence: float) -> dict[str, Any]:
    """Return own minus clinic, where both are shown."""
    hidden = own["suppressed"] or clinic["suppressed"]
    found: dict[str, float] = {}
    if not hidden and np.isfinite(own["std_error"]):
        squares = np.array([own["std_error"], clinic["std_error"]]) ** 2
        free = np.array([own["df"], clinic["df"]])
        df = squares.sum() ** 2 / (squares**2 / free).sum() if squares.sum() > 0 else np.nan
        found = t_row(own["estimate"] - clinic["estimate"], np.sqrt(squares.sum()), df, confidence)
    return {
        "who": "difference", "stage": own["stage"], "n_dyads": own["n_dyads"],
        **{name: found.get(name, np.nan) for name in COLUMNS}, "suppressed": bool(hidden),
    }  # fmt: skip


def _stages(stages: Any) -> list[tuple[int, int]]:
    """Return checked stages."""
    example = "((1, 3), (4, 6))"
    out = []
    if isinstance(stages, str) or not isinstance(stages, Sequence):
        raise DesignError(f"stages must be a list such as {example}; it is {shown(stages)}.")
    for stage in stages:
        if isinstance(stage, str) or not isinstance(stage, Sequence) or len(stage) != 2:
            raise DesignError(f"Each of stages must be a first and last session; one is {stage!r}.")
        first, last = (whole(end, "A stage's session", 0) for end in stage)
        if first > last:
            raise DesignError(f"A stage must not end before it begins; one is {stage!r}.")
        out.append((first, last))
    if not out:
        raise DesignError(f"stages must hold one stage or more, such as {example}.")
    return out

"""Reports (``events``) and codes (``observer_codes``) as marks on sessions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...errors import DesignError, listing, require_columns
from ...study.select import is_study
from ..courses import Floats
from ..reading import ScoreTable, read_series, table_of
from ..rules import Rule
from .event_checks import check_codes, check_events

if TYPE_CHECKING:
    from ...study import Study

TABLES = {"events": "kind", "observer_codes": "family"}
"""The table a rule may need, and a column by which it is known."""


def find_table(data: Study | pd.DataFrame, name: str, given: pd.DataFrame | None) -> pd.DataFrame:
    """Return the table of reports or codes a rule needs, from wherever it was given."""
    argument = "codes" if name == "observer_codes" else name
    table = table_of(data, name, given)
    if table is None and not is_study(data) and TABLES[name] in data.columns:
        table = data
    if table is None or len(table) == 0:
        raise DesignError(
            f"This rule reads the table '{name}', and there is none. Pass a study that has it, "
            f"or {argument}=a table with its columns."
        )
    return table


def session_grid(data: Study | pd.DataFrame, reports: pd.DataFrame) -> pd.DataFrame:
    """Return the sessions that were held: of the study, of the scores, and those reported on.

    Sessions of the study's table that were not attended are left out; nobody could report.
    """
    held: Any = data
    if is_study(data):
        held = table_of(data, "sessions")
        held = data.scores if held is None else held
    require_columns(held.columns, ["client_id", "session"], what="the sessions")
    require_columns(reports.columns, ["client_id", "session"], what="the reports")
    if is_study(data) and "attended" in held.columns:
        held = held[held["attended"].fillna(True).astype(bool)]
    keep = ["client_id", "session"]
    both: pd.DataFrame = pd.concat([held[keep], reports[keep]], ignore_index=True)
    return both.drop_duplicates().assign(score=0.0)


def read_marks(
    data: Study | pd.DataFrame, table: pd.DataFrame, rule: Rule, p: Mapping[str, Any]
) -> tuple[ScoreTable, dict[str, Floats]]:
    """Return the sessions held, and the rule's marks on them."""
    own = table is data
    table = check_events(table) if rule.needs == "events" else check_codes(table)
    series = read_series(session_grid(data, table), what="the sessions")
    make = _event_marks if rule.needs == "events" else _code_marks
    marks = make(table, p)
    index = pd.MultiIndex.from_arrays([series.client_id, series.session])
    aligned = marks.reindex(index)
    columns = {str(name): aligned[name].to_numpy(dtype=float) for name in aligned.columns}
    if own:
        note = "Only sessions with a row are known; sessions without a report are not counted."
        series = replace(series, notes=(note,))
    if rule.needs == "observer_codes" and p["uncoded"] == "unobserved":
        series = replace(series, observed=~np.isnan(columns["segments"]))
    return series, {name: np.nan_to_num(values) for name, values in columns.items()}


def _event_marks(events: pd.DataFrame, p: Mapping[str, Any]) -> pd.DataFrame:
    """Return intensity, resolution and repair by client and session, for one rater."""
    of_rater = events[events["rater"] == p["rater"]]
    if of_rater.empty:
        found = listing(sorted(map(str, events["rater"].dropna().unique())))
        raise DesignError(
            f"There are no events reported by rater '{p['rater']}'; there are reports by {found}."
        )
    rupture = of_rater["kind"] == "rupture"
    marks = pd.DataFrame(
        {
            "client_id": of_rater["client_id"],
            "session": of_rater["session"],
            "intensity": np.where(rupture, _column(of_rater, "intensity", 1.0), 0.0),
            "resolution": np.where(rupture, _column(of_rater, "resolution", 0.0), 0.0),
            "repair": (of_rater["kind"] == "repair").astype(float),
        }
    )
    return marks.groupby(["client_id", "session"]).max()


def _column(frame: pd.DataFrame, name: str, missing: float) -> Floats:
    if name not in frame.columns:
        return np.full(len(frame), missing)
    return frame[name].fillna(missing).to_numpy(dtype=float)


def _code_marks(codes: pd.DataFrame, p: Mapping[str, Any]) -> pd.DataFrame:
    """Return segments with a marker (mean over coders), agreement and repair by session."""
    key = ["client_id", "session"]
    marker = codes["family"].isin(list(p["families"]))
    seen = codes.assign(_hit=codes["segment"].where(marker))
    coder = seen.groupby([*key, "coder_id"])["_hit"].nunique()
    by_session = coder.groupby(level=[0, 1])
    share = (coder >= p["min_segments"]).groupby(level=[0, 1]).mean()
    resolved = codes["family"] == "resolution"
    if p["min_resolution"] is not None:
        rating = pd.to_numeric(codes["rating"]) if "rating" in codes.columns else np.inf
        resolved = resolved & ~(rating < p["min_resolution"])
    repair = codes.assign(_hit=resolved.astype(float)).groupby(key)["_hit"].max()
    return pd.DataFrame({"segments": by_session.mean(), "share_of_coders": share, "repair": repair})

"""One client's course with its ruptures and repairs; and a rule's words."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ...core.drawing import house_style, new_axes
from ...errors import plural
from ..content import Block, Caution
from ..context import Score
from ..drawings import plot_client_course
from ..wording import figure


def rule_in_words(found: Any) -> str:
    """Return the rule's name and every parameter, as they were used."""
    chosen = [
        f"{key} = {value:g}" if isinstance(value, float) else f"{key} = {value}"
        for key, value in found.parameters.items()
        if value is not None and key not in {"rater", "range"}
    ]
    return f"{found.rule} with {', '.join(chosen)}"


def course_blocks(found: Any, score: Score) -> list[Block]:
    """Return one client's course with its episodes, without the client's id."""
    chosen = example_client(found)
    if chosen is None:
        return [Caution("No client has a repaired rupture and six sessions; no course is drawn.")]
    sessions = found.sessions[found.sessions["client_id"] == chosen].sort_values("session")
    episodes = found.episodes[found.episodes["client_id"] == chosen].sort_values("rupture_session")
    with house_style():
        ax = plot_client_course(sessions, episodes, new_axes(6.3, 3.2), label=score.label)
    return [
        figure(
            "client-course",
            ax,
            score=score.title,
            rule=rule_in_words(found),
            sessions=plural(len(sessions), "rated session"),
        )
    ]


def example_client(found: Any) -> Any:
    """Return a client worth showing: a repaired rupture, six sessions or more, median length."""
    clients = found.clients
    able = clients[(clients["n_repaired"] > 0) & (clients["n_sessions"] >= 6)]
    if able.empty:
        return None
    distance = (able["n_sessions"] - able["n_sessions"].median()).abs()
    order = pd.DataFrame({"d": distance, "n": able["n_ruptures"], "id": able["client_id"]})
    return order.sort_values(["d", "n", "id"], kind="stable")["id"].iloc[0]

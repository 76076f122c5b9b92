"""What a simulated study was made from: its parameters and the values nobody can observe."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.outputs import write_whole
from ..errors import AllianceStatsError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Truth:
    """The parameters of a simulated study, and what was realised under them.

    ``truth["autocorrelation"]`` and ``dict(truth)`` give parameters.

    Attributes
    ----------
    parameters
        Every argument of `simulate_study`, ``seed`` included.
    sessions
        One row a session: client_id, session, attended, alliance (the client's latent rating,
        not yet rounded or cut to the measure's range), alliance_within (its deviation from
        the client's own course), therapist_alliance, outcome, rupture (begins here),
        in_rupture, repair (happens here), depth.
    clients
        One row a client: client_id, therapist_id, alliance_level (site, therapist and client
        effects together), therapist_bias, truth_force, planned_sessions, reason.
    therapists
        One row a therapist: therapist_id, alliance_effect, outcome_effect, dropout_effect.
    """

    parameters: dict[str, Any] = field(default_factory=dict)
    sessions: pd.DataFrame | None = None
    clients: pd.DataFrame | None = None
    therapists: pd.DataFrame | None = None

    def __getitem__(self, name: str) -> Any:
        if name not in self.parameters:
            hint = did_you_mean(name, self.parameters)
            raise KeyError(f"The truth holds no parameter '{name}'.{hint}")
        return self.parameters[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.parameters)

    def __len__(self) -> int:
        return len(self.parameters)

    def keys(self) -> Any:
        """Return the names of the parameters."""
        return self.parameters.keys()

    def __repr__(self) -> str:
        realised = [name for name in _FRAMES if getattr(self, name) is not None]
        return f"Truth({len(self)} parameters, realised: {', '.join(realised) or 'nothing'})"

    def with_frames(self, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Truth:
        """Return a truth whose tables went through `change`."""
        made = {name: getattr(self, name) for name in _FRAMES}
        changed = {name: None if one is None else change(one) for name, one in made.items()}
        return Truth(self.parameters, **changed)

    def to_json(self, path: str | Path, *, decimals: int | None = None) -> None:
        """Write the truth as JSON; `decimals` rounds what was realised, to keep files small."""
        write_whole(path, self.to_text(decimals=decimals).encode(), what="the truth")

    def to_text(self, *, decimals: int | None = None) -> str:
        """Return the truth as JSON text, one table a line."""
        content: dict[str, Any] = {"parameters": self.parameters}
        for name in _FRAMES:
            frame = getattr(self, name)
            if frame is not None:
                content[name] = _columns(frame, decimals)
        parts = (
            f"{json.dumps(name)}:{json.dumps(part, separators=(',', ':'), allow_nan=False)}"
            for name, part in content.items()
        )
        return '{"made_by": "alliance_stats",\n' + ",\n".join(parts) + "}\n"


_FRAMES = ("sessions", "clients", "therapists")


def read_truth(path: str | Path) -> Truth:
    """Read what `Truth.to_json` wrote."""
    import pandas as pd

    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        frames = {name: pd.DataFrame(content[name]) for name in _FRAMES if name in content}
        return Truth(parameters=dict(content["parameters"]), **frames)
    except (ValueError, KeyError, TypeError, OSError, RecursionError) as error:
        raise AllianceStatsError(
            f"{Path(path).name} must be the truth of a simulated study (a JSON object with "
            f"'parameters'), and cannot be read as one: {type(error).__name__}. "
            "Remove the file if the study was not simulated."
        ) from None


def _columns(frame: pd.DataFrame, decimals: int | None) -> dict[str, list[Any]]:
    rounded = frame if decimals is None else frame.round(decimals)
    return {
        str(name): [None if value != value else value for value in rounded[name].tolist()]
        for name in rounded.columns
    }

"""What the coordinator of a search by mail is told, and what goes out for the next round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path

from ..errors import DesignError
from ..multilevel.formula.terms import INTERCEPT
from .closed_design import ClosedDesign
from .expansion import Expansion
from .rounds import CLINIC, Point, following
from .shared_file import SharedFile

ENDED = "The search has ended: there is no next round."
LOST = 100.0  # standard errors beyond which a distance says nothing


def search_beside(design: ClosedDesign) -> list[str]:
    """Return the parameters that the coordinator alone looks for: the SD of clinics as a level."""
    random = getattr(design.partition, "random", False)
    return [f"{CLINIC}: {INTERCEPT}"] if random else []


def point_of(files: Sequence[SharedFile]) -> Point:
    """Return the point that files of a round answer.

    Raises
    ------
    DesignError
        Where there is none, or files answer different ones.
    """
    points = [file.body.point if isinstance(file.body, Expansion) else None for file in files]
    first = points[0]
    for file, point in zip(files, points, strict=True):
        if point is None or first is None:
            raise DesignError("Files of a search by mail and files of one mail do not go together.")
        if point != first:
            raise DesignError(
                f"'{files[0].path}' answers round {first.number} and '{file.path}' round "
                f"{point.number}, or another point of it: one round at a time."
            )
    assert first is not None
    return first


def about_rounds(files: Sequence[SharedFile], distance: float, ended: bool) -> list[str]:
    """Say how far a search by mail has come; nothing where one mail sufficed."""
    body = files[0].body
    if not isinstance(body, Expansion):
        return []
    number = body.point.number
    if ended:
        return [f"A search by mail of {number} rounds found these estimates."]
    far = f"about {distance:.2g} standard errors" if distance < LOST else "far"
    return [
        f"Round {number} of a search by mail: the maximum is still {far} away, so these are no "
        "estimates yet. .next_round(path), or combine --next, writes what the clinics answer next."
    ]


def following_round(
    files: Sequence[SharedFile],
    step: Mapping[str, float],
    deviance: float,
    between: str,
    path: str | PathLike[str],
) -> Path:
    """Write the point of the next round."""
    point = following(point_of(files), step, deviance, between)
    return point.write(path, files[0].model["formula"])

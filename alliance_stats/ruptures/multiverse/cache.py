"""Answers kept on disk, by what was asked of which data."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...core.arguments import shown
from ...core.outputs import write_whole
from ...errors import DesignError
from .fitting import Answer, Question, Task

FORMAT = 2
"""Raised where answers of an earlier version must not be used again."""


def data_key(
    ratings: pd.DataFrame, card: Mapping[str, Any], tables: Mapping[str, pd.DataFrame | None]
) -> str:
    """Return a hash of all data the specifications read."""
    digest = hashlib.sha256(repr(sorted(card.items())).encode())
    for frame in (ratings, *(tables[name] for name in sorted(tables))):
        if frame is None:
            digest.update(b"none")
            continue
        digest.update(repr(list(frame.columns)).encode())
        digest.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return digest.hexdigest()


def _folder(path: object) -> Path:
    """Return the folder, made where it is not there."""
    if not isinstance(path, (str, os.PathLike)):
        raise DesignError(f"cache must be the path of a folder, or None; it is {shown(path)}.")
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a name no system takes
        why = getattr(error, "strerror", None) or error
        raise DesignError(
            f"The cache folder {shown(str(folder))} cannot be made: {why}. Name another, or None."
        ) from None
    return folder


class Cache:
    """A folder of answers, or nothing at all where no folder is given."""

    def __init__(
        self, folder: str | os.PathLike[str] | None, data: str, question: Question
    ) -> None:
        self.folder = None if folder is None else _folder(folder)
        self.data, self.question = data, question

    def path(self, task: Task) -> Path:
        """Return where the answers of a task are kept."""
        from ... import __version__

        asked = [repr(one.key) for one in task.specifications]
        what = [FORMAT, __version__, self.data, self.question.effect, self.question.response, asked]
        name = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]
        return (self.folder or Path()) / f"{name}.json"

    def get(self, task: Task) -> list[Answer] | None:
        """Return the answers of a task where they are kept and can be read."""
        if self.folder is None:
            return None
        try:
            kept = json.loads(self.path(task).read_text(encoding="utf-8"))
            answers = [_unpacked(one) for one in kept]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return answers if len(answers) == len(task.specifications) else None

    def put(self, task: Task, answers: list[Answer]) -> None:
        """Keep the answers of a task; a file appears whole or not at all."""
        if self.folder is None:
            return
        content = json.dumps([_packed(one) for one in answers]).encode()
        write_whole(self.path(task), content, what="an answer to keep", private=True, own=True)


def _packed(one: Answer) -> dict[str, Any]:
    numbers = {
        key: value.item() if hasattr(value, "item") else value for key, value in one.numbers.items()
    }
    return {"numbers": numbers, "rows": one.rows.tolist(), "weights": one.weights.tolist()}


def _unpacked(kept: Mapping[str, Any]) -> Answer:
    return Answer(
        dict(kept["numbers"]),
        np.array(kept["rows"], dtype=np.int64),
        np.array(kept["weights"], dtype=float),
    )

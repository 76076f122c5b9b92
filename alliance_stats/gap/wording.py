"""Words of the gap, from `wording.yaml`: one place for reader, report and picture."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from ..core.display.labels import label_of
from ..core.yaml_reading import read_yaml


@cache
def _all() -> dict[str, Any]:
    return dict(read_yaml(Path(__file__).with_name("wording.yaml")).value)


def wording(topic: str) -> dict[str, Any]:
    """Return what `wording.yaml` holds of a topic."""
    return dict(_all()[topic])


def meanings(topic: str) -> dict[str, str]:
    """Return what each term of a result means."""
    return {term: words["means"] for term, words in wording(topic).items() if "means" in words}


def explained(topic: str) -> pd.DataFrame:
    """Return the meanings of terms as a table for a reader."""
    told, called = meanings(topic), labels(topic)
    names = [called.get(term, label_of(term)) for term in told]
    return pd.DataFrame({"term": names, "meaning": list(told.values())})


def labels(topic: str) -> dict[str, str]:
    """Return what each term is called in a table or a picture."""
    return {term: words["label"] for term, words in wording(topic).items() if "label" in words}


def caveats(topic: str) -> tuple[str, ...]:
    """Return what is said beside the numbers of every such result."""
    return tuple(_all()["caveats"][topic])

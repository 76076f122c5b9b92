"""The data that ship with the package."""

from __future__ import annotations


def list_datasets():  # replaced when the first dataset lands
    """Return what ships."""
    raise NotImplementedError


def load_dataset(name: str):
    """Return one shipped dataset."""
    raise NotImplementedError

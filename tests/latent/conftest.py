"""The scripts that draw the data of `tests/reference/latent`, as modules."""

import importlib.util
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1] / "reference" / "latent"


def script(name):
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def panels():
    return script("panels")


@pytest.fixture(scope="session")
def answers():
    return script("answers")

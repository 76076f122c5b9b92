"""Every example in a docstring of the package runs and gives what it says."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import alliance_stats


def modules() -> list[str]:
    found = pkgutil.walk_packages(alliance_stats.__path__, "alliance_stats.")
    return [module.name for module in found if not module.name.endswith("__main__")]


@pytest.mark.parametrize("name", modules())
def test_examples_run(name):
    module = importlib.import_module(name)
    if ">>>" not in inspect.getsource(module):
        return  # there is none; looking through all that a module holds takes time
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    outcome = doctest.testmod(module, optionflags=flags)
    assert outcome.failed == 0

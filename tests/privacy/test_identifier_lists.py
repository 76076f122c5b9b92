"""Columns as clinics' files have them, written by hand: how many are found, how many accused."""

import importlib.util
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).parents[1] / "benchmarks" / "identifier_lists.py"


def scanned(name):
    spec = importlib.util.spec_from_file_location("identifier_lists", FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules["identifier_lists"] = module
    spec.loader.exec_module(module)
    return module.scanned(name)


@pytest.mark.parametrize(("name", "found", "accused"), [("a", 58, 1), ("b", 58, 1), ("c", 53, 2)])
def test_no_less_is_found_and_no_more_accused_than_the_page_says(name, found, accused):
    missed, wrongly = scanned(name)
    assert 60 - len(missed) >= found, missed
    assert len(wrongly) <= accused, wrongly

"""The page on the rules says what the registry says, and its numbers can be had again."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MONTE_CARLO = 0.03
"""About three standard errors of a share among 2000 clients."""


@pytest.fixture(scope="module")
def script():
    path = ROOT / "tests" / "benchmarks" / "rule_characteristics.py"
    spec = importlib.util.spec_from_file_location("rule_characteristics", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def page():
    return (ROOT / "docs" / "rupture-rules.md").read_text(encoding="utf-8")


def test_the_definitions_on_the_page_are_those_of_the_registry(script, page):
    assert "\n".join(script.definitions()).rstrip() in page


@pytest.mark.parametrize("label", ["drop_within_sd, k=1", "drop_trend, k=1.5", "change_point"])
def test_the_numbers_on_the_page_can_be_had_again(script, page, label):
    row = next(line for line in page.splitlines() if line.startswith(f"| {label} |"))
    found = [int(cell) / 100 for cell in row.split("|")[2:-1]]
    cells = [
        script.assess(script.COMPARED[label], depth=depth, clients=2000, **script.TYPICAL)
        for depth in (0.0, 3.0)
    ]
    assert found[0] == pytest.approx(cells[0]["found"], abs=MONTE_CARLO)
    assert found[3] == pytest.approx(cells[1]["found"], abs=MONTE_CARLO)
    assert found[4] == pytest.approx(cells[0]["sessions"], abs=MONTE_CARLO)

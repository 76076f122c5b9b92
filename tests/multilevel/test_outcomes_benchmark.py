"""The table of answers beside R: what R lacks keeps its row, and is told."""

import importlib.util
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "outcomes.py"


def test_a_case_whose_data_r_lacks_keeps_its_row_and_is_told(tmp_path, capsys):
    spec = importlib.util.spec_from_file_location("benchmark_of_outcomes", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    page = tmp_path / "page.md"
    page.write_text("| toenail, probit | a |\n| toenail | b |\n", encoding="utf-8")
    assert script.kept("toenail", "HSAUR3", page) == ["| toenail | b |"]
    assert "R lacks the package HSAUR3; its row stays as it is" in capsys.readouterr().err
    assert script.kept("wine", "ordinal", page) == []
    assert script.kept("wine", "ordinal", None) == []
    assert "it has no row" in capsys.readouterr().err

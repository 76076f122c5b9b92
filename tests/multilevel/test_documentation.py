"""The page on multilevel models: its code runs and its calls exist."""

import re
from pathlib import Path

import alliance_stats as al

PAGE = Path(__file__).parents[2] / "docs" / "multilevel.md"


def test_the_first_example_runs():
    text = PAGE.read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names = {}
    exec(compile(code, str(PAGE), "exec"), names)
    assert names["fit"].converged
    assert names["fit"].df_method == "kenward-roger"


def test_every_call_of_the_page_exists():
    text = PAGE.read_text(encoding="utf-8")
    called = set(re.findall(r"`fit\.(\w+)", text))
    assert len(called) > 20
    assert not {name for name in called if not hasattr(al.MultilevelFit, name)}
    assert not {name for name in re.findall(r"`al\.(\w+)", text) if not hasattr(al, name)}

"""The code on the page about synthesis runs as it stands."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "evidence.md"


def test_the_code_on_the_page_runs(capsys):
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert len(blocks) == 3
    for block in blocks:
        exec(block, names)
    assert "Pooled effect" in capsys.readouterr().out
    assert names["checked"]["holds"].all()

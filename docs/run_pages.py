"""Run what the pages show, as a reader would who goes through a page from top to bottom.

Each page runs in an empty folder. Blocks of Python share one namespace; lines of shell blocks that
call `alliance-stats` run in this process, others are left out; a block with a file's name as its
caption is written to that file. A `text` block that follows a block at once is what it prints:
words must agree, numbers to one unit of the last digit shown; `...` stands for anything.

    python docs/run_pages.py            runs all pages and says where they differ
    python docs/run_pages.py --write    puts what is printed now into the pages
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parent
FENCE = re.compile(
    r"^```(?P<language>[^\n]*)\n(?P<body>.*?)^```$(?P<after>\n\n?(?=```text\n))?",
    re.DOTALL | re.MULTILINE,
)
NUMBER = re.compile(r"[-+]?\d[\d,]*\.?\d*(?:e[-+]?\d+)?|[-+]?\.\d+")


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its text, and what the page says it prints."""

    language: str
    body: str
    shown: str | None
    shown_at: tuple[int, int]


def blocks(text: str) -> Iterator[Block]:
    """Give the blocks of a page in order, each with the output shown below it."""
    for found in FENCE.finditer(text):
        shown, at = None, (0, 0)
        if found["after"] is not None:
            output = FENCE.match(text, found.end())
            if output is not None:
                shown, at = output["body"], output.span("body")
        yield Block(found["language"].strip(), found["body"], shown, at)


def pages(folder: Path = DOCS) -> list[Path]:
    """Return the pages with something to run."""
    found = (path for path in sorted(folder.rglob("*.md")) if not _made(path.relative_to(folder)))
    return [path for path in found if any(map(_runs, blocks(path.read_text(encoding="utf-8"))))]


def _made(path: Path) -> bool:
    return path.parts[0] in ("reference", "notebooks", "_build")


def _runs(block: Block) -> bool:
    return block.language == "python" or "alliance-stats " in block.body


def run(text: str, folder: Path) -> Iterator[tuple[Block, str]]:
    """Run a page's blocks in `folder`, and give each with what it printed."""
    names: dict[str, object] = {"__name__": "__page__"}
    for block in blocks(text):
        printed = io.StringIO()
        with contextlib.chdir(folder), contextlib.redirect_stdout(printed):
            if block.language == "python":
                exec(compile(block.body, "<page>", "exec"), names)
            elif block.language == "sh":
                for line in commands(block.body):
                    call(line)
            elif block.language.startswith("{code-block}") and ":caption:" in block.body:
                _write_file(block.body)
        yield block, printed.getvalue()


def commands(body: str) -> list[list[str]]:
    """Return the calls of `alliance-stats` in a shell block, in words."""
    joined = body.replace("\\\n", " ")
    words = (shlex.split(line, comments=True) for line in joined.splitlines())
    return [line[1:] for line in words if line and line[0] == "alliance-stats"]


def call(words: list[str]) -> None:
    """Run one command in this process; a study with errors may end with exit code 1."""
    from alliance_stats import cli

    try:
        cli.main(words)
    except SystemExit as left:
        allowed = (None, 0, 1) if words[0] == "validate" else (None, 0)
        if left.code not in allowed:
            raise RuntimeError(f"{shlex.join(words)} ended with {left.code}") from left


def _write_file(body: str) -> None:
    caption, _, content = body.partition("\n\n")
    path = Path(caption.partition(":caption:")[2].strip())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def difference(shown: str, printed: str) -> str:
    """Say where the output differs from what the page shows, or nothing."""
    wanted, got = shown.split(), printed.split()
    at = 0
    for position, word in enumerate(wanted):
        if word == "...":
            rest = wanted[position + 1 :]
            return difference(" ".join(rest), " ".join(got[len(got) - len(rest) :]))
        if at >= len(got) or not _same(word, got[at]):
            return f"the page shows {word!r}, it prints {' '.join(got[at : at + 4])!r}"
        at += 1
    return "" if at == len(got) else f"it also prints {' '.join(got[at : at + 6])!r}"


def _same(word: str, other: str) -> bool:
    if word == other or (set(word) <= {"-", "="} and set(other) <= {"-", "="}):
        return True
    if NUMBER.sub("#", word) != NUMBER.sub("#", other):
        return False
    pairs = zip(NUMBER.findall(word), NUMBER.findall(other), strict=True)
    return all(_near(one, two) for one, two in pairs)


def _near(one: str, two: str) -> bool:
    """Return whether two numbers differ by one unit of the last digit at most (whole: not)."""
    a, b = float(one.replace(",", "")), float(two.replace(",", ""))
    mantissa, _, power = one.partition("e")
    decimals = len(mantissa.partition(".")[2])
    unit = 10.0 ** (int(power or 0) - decimals) if decimals else 0.0
    return abs(a - b) <= 1.01 * unit


def refreshed(text: str) -> str:
    """Return the page with the output that is printed now."""
    with tempfile.TemporaryDirectory() as folder:
        changes = [
            (block.shown_at, printed)
            for block, printed in run(text, Path(folder))
            if block.shown is not None and "..." not in block.shown.split()
        ]
    for (start, end), printed in reversed(changes):
        kept = "\n".join(line.rstrip() for line in printed.strip("\n").splitlines())
        text = f"{text[:start]}{kept}\n{text[end:]}"
    return text


def main(arguments: list[str]) -> int:
    """Run the pages named (or all), and write or compare."""
    chosen = [Path(word) for word in arguments if not word.startswith("-")] or pages()
    wrong = 0
    for path in chosen:
        text = path.read_text(encoding="utf-8")
        if "--write" in arguments:
            path.write_text(refreshed(text), encoding="utf-8")
            continue
        with tempfile.TemporaryDirectory() as folder:
            for block, printed in run(text, Path(folder)):
                said = difference(block.shown, printed) if block.shown is not None else ""
                if said:
                    wrong += 1
                    print(f"{path}: {said}")
    return 1 if wrong else 0


if __name__ == "__main__":
    os.environ.setdefault("MPLBACKEND", "agg")
    sys.exit(main(sys.argv[1:]))

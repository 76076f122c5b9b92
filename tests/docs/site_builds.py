"""The site builds without a warning, has a page for every public name, and needs no network.

    python -m pytest -n 0 tests/docs/site_builds.py

Building takes a minute, so the suite leaves it to `.ci/run docs`.
"""

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import alliance_stats as al

ROOT = Path(__file__).parents[2]
MADE = shutil.ignore_patterns("_build", "reference", "notebooks", "__pycache__")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the folder of the site, built from a copy of its sources with warnings as errors."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=MADE)
    shutil.copytree(ROOT / "schemas", folder / "schemas")  # a page shows one of them
    shutil.copy(ROOT / "CHANGELOG.md", folder)
    words = ["-W", "--keep-going", "-q", "-b", "html", folder / "docs", folder / "html"]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *map(str, words)],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "html"


def test_every_public_name_has_its_page(site):
    there = {
        path.stem.removeprefix("alliance_stats.") for path in site.glob("reference/api/*.html")
    }
    assert sorted(set(al.__all__) - there) == []


def test_every_notebook_and_fact_has_its_page(site):
    for name in ("commands", "tables", "measures", "principles", "rules", "claims", "datasets"):
        assert (site / "reference" / f"{name}.html").is_file()
    for folder in ("claims", "templates"):
        books = {path.stem for path in (ROOT / "notebooks" / folder).glob("*.ipynb")}
        assert books == {path.stem for path in (site / "notebooks" / folder).glob("*.html")}


class Loaded(HTMLParser):
    """Collects what a browser would load by itself."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag in ("script", "img", "iframe", "source", "video", "audio", "embed"):
            self.found.append(given.get("src") or "")
        if tag == "link" and given.get("rel") != "canonical":
            self.found.append(given.get("href") or "")


def test_no_page_loads_anything_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > len(al.__all__)
    for page in pages:
        parser = Loaded()
        parser.feed(page.read_text(encoding="utf-8"))
        away = [address for address in parser.found if re.match(r"(https?:)?//", address)]
        assert away == [], page.name
    for sheet in (site / "_static").rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert not re.search(r"(@import|url\()\s*['\"]?(https?:)?//", text), sheet.name

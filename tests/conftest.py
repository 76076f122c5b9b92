"""What holds for every test: which go first, a property may take its time, how a page is driven."""

import gc
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # workers of two threads wait for one another

import pandas as pd
import pytest
from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

HERE = Path(__file__).parent
LONGEST = (
    "ruptures/test_state_model.py",
    "cli/test_templates.py",
    "report/test_build.py",
    "docs/test_pages.py",
    "hostile/test_report_disclosure.py",
    "test_docstrings.py",
    "test_results.py",
    "dropout/test_prediction.py",
    "evidence/test_ledger.py",
    "report/test_rupture_multiverse.py",
)
"""A worker takes a file as a whole, so one that begins last with a long one ends alone."""


def pytest_collection_modifyitems(items):
    first = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: first.get(item.path.relative_to(HERE).as_posix(), len(first)))


def pytest_collection_finish():
    gc.freeze()  # modules and tests stay to the end: no use in looking through them for garbage


@pytest.fixture(scope="session")
def warm(tmp_path_factory):
    """Return a path of Jupyter's on which the kernel python3 starts warm."""
    folder = tmp_path_factory.mktemp("jupyter")
    program, address = str(HERE / "warm_kernels.py"), str(folder / "door")
    spec = {
        "argv": [sys.executable, "-S", program, "start", address, "-f", "{connection_file}"],
        "display_name": "Python 3",
        "language": "python",
        "metadata": {"debugger": False},
    }
    (folder / "kernels" / "python3").mkdir(parents=True)
    (folder / "kernels" / "python3" / "kernel.json").write_text(json.dumps(spec), "utf-8")
    words = [sys.executable, program, "serve", address]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout.readline() == "ready\n"
        yield folder
        server.terminate()


@pytest.fixture
def warm_kernels(warm, monkeypatch):
    """Have the notebooks of a test run in kernels that start warm."""
    monkeypatch.setenv("JUPYTER_PATH", str(warm))


@pytest.fixture(scope="session")
def small_grid():
    """Have reports fit eight specifications of the section on ruptures, in place of 32.

    Fitting 32 takes a quarter of a report's time; that a report fits them is asked by
    `report/test_rupture_multiverse.py` alone.
    """
    from alliance_stats.report.sections import rupture_multiverse

    small = {
        "rule": ["drop_within_sd", "drop_stricter_sd"],
        "k": [1.0],
        "levels": [2, 3],
        "detrending": ["covariate"],
        "lagged_outcome": [False, True],
    }
    assert set(small) == set(rupture_multiverse.GRID)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rupture_multiverse, "GRID", small)
        yield


@pytest.fixture
def only(monkeypatch):
    """Return a function that leaves these sections in reports, for what others take no part in."""
    from alliance_stats.report import build

    whole = build.sections_of

    def left(*keys):
        monkeypatch.setattr(
            build, "sections_of", lambda context: [one for one in whole(context) if one.key in keys]
        )

    return left


@pytest.fixture(autouse=True)
def plain_numbers():
    """Let no test see how a template's first cell makes numbers look, in the whole process."""
    looks = ("display.max_rows", 60, "display.max_colwidth", 50, "display.float_format", None)
    with pd.option_context(*looks):
        yield


BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@pytest.fixture(scope="session")
def browser():
    """Return a real browser without a network; where there is none, tests of pages are skipped."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("No Chromium is installed here, so no page is driven (apt install chromium).")
    driver = pytest.importorskip("playwright.sync_api", reason="playwright drives the pages")
    with driver.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def tab(browser):
    """Return a function that gives an empty tab; whatever it reports as an error fails the test."""
    tabs, said = [], []

    def opened(**options):
        one = browser.new_context(**options).new_page()
        one.set_default_timeout(20_000)
        one.on("pageerror", lambda error: said.append(str(error)))
        one.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
        tabs.append(one)
        return one

    yield opened
    for one in tabs:
        one.context.close()
    assert said == []

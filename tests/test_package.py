"""The package imports, is light, and offers every name its stub promises."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import alliance_stats as al


def test_importing_the_package_loads_no_heavy_library():
    code = (
        "import sys, alliance_stats; "
        "heavy = {'pandas', 'numpy', 'scipy', 'statsmodels', 'matplotlib', 'sklearn', 'pandera'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_can_be_reached():
    missing = [name for name in al.__all__ if not hasattr(al, name)]
    assert missing == []


def test_no_public_name_is_a_module_that_happens_to_have_it():
    modules = [name for name in al.__all__ if isinstance(getattr(al, name), ModuleType)]
    assert modules == []


def test_the_share_of_the_suite_that_other_releases_run_is_there():
    root = Path(__file__).parents[1]
    text = (root / ".ci" / "run").read_text(encoding="utf-8")
    share = text.split('\nshare="')[1].split('"')[0].split()
    assert len(share) > 10
    assert [name for name in share if not (root / name).exists()] == []

"""The package imports, is light, and offers every name its stub promises."""

import subprocess
import sys

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

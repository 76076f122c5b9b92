"""What importing the package and asking for help cost, beside ``import pandas``.

    python tests/benchmarks/imports.py

Each command runs in a fresh process, in turn, several times; the medians and their ratio are
printed. Aims: the import at most a tenth of pandas', ``alliance-stats --help`` under half a second.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROUNDS = 9
NOTHING = [sys.executable, "-c", "pass"]
COMMANDS = {
    "import pandas": [sys.executable, "-c", "import pandas"],
    "import alliance_stats": [sys.executable, "-c", "import alliance_stats"],
    "alliance-stats --help": [
        sys.executable, "-c",
        "import sys; sys.argv = ['alliance-stats', '--help']; "
        "from alliance_stats.cli import main; main()",
    ],
}  # fmt: skip


def seconds(command: list[str]) -> float:
    """Return the wall time of one run."""
    start = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - start


def main() -> None:
    """Run every command in turn and print medians, less the interpreter's own start."""
    everything = {"(interpreter)": NOTHING, **COMMANDS}
    times: dict[str, list[float]] = {name: [] for name in everything}
    for round_number in range(ROUNDS + 1):
        for name, command in everything.items():
            taken = seconds(command)
            if round_number:  # the first round warms the file cache
                times[name].append(taken)
    median = {name: statistics.median(values) for name, values in times.items()}
    start = median["(interpreter)"]
    for name, value in median.items():
        print(f"{name:24s} {value:6.3f} s, {value - start:6.3f} s beyond the interpreter's start")
    ratio = (median["import alliance_stats"] - start) / (median["import pandas"] - start)
    print(f"import alliance_stats / import pandas: {ratio:.3f} (aim: at most 0.1)")


if __name__ == "__main__":
    main()

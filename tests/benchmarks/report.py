"""What a report costs, as a multiple of validating and scoring the same study.

    python tests/benchmarks/report.py [clients ...]

CPU time, on one thread if OMP_NUM_THREADS=1 is set. Validating and scoring is what every use of
a study begins with; the report's models are the rest. Each size is run once, after a small report
that loads the libraries. The aims: at most 4 times, and a time that grows no faster than the
number of clients.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import alliance_stats as al
from alliance_stats.study import Study

CLIENTS_A_THERAPIST = 10
SIZES = (320, 1000, 4000)
MOST = 4.0


def cpu(work: Callable[[], object]) -> float:
    """Return the CPU seconds of some work."""
    start = time.process_time()
    work()
    return time.process_time() - start


def validated_and_scored(study: Study) -> int:
    """Validate a study and make its scores anew; return how many there are."""
    al.validate(study)
    return len(Study(study.name, study.tables, measures=study.measures).scores)


def measured(n_clients: int, folder: Path) -> tuple[float, dict[str, float]]:
    """Print what a report of a study costs; return the ratio, and the seconds of each part."""
    study = al.simulate_study(
        n_therapists=n_clients // CLIENTS_A_THERAPIST, n_clients=n_clients, seed=1
    )
    plain = cpu(lambda: validated_and_scored(study))
    marks: list[tuple[str, float]] = []
    al.write_report(
        study, folder, progress=lambda what, done, steps: marks.append((what, time.process_time()))
    )
    parts = {what: end - start for (what, start), (_, end) in pairwise(marks)}
    whole = sum(parts.values())
    told = ", ".join(f"{what} {seconds:.1f}" for what, seconds in parts.items() if seconds >= 0.1)
    print(
        f"{n_clients:,} clients, {len(study.sessions):,} sessions: validate + score {plain:.1f} s, "
        f"report {whole:.1f} s: {whole / plain:.1f} times ({told})"
    )
    return whole / plain, parts


def main() -> int:
    """Run every size; return 1 where the aim is missed."""
    sizes = [int(given) for given in sys.argv[1:]] or list(SIZES)
    with tempfile.TemporaryDirectory() as folder:
        small = al.simulate_study(n_therapists=6, n_clients=60, seed=2)
        validated_and_scored(small)
        al.write_report(small, Path(folder) / "small", replicates=5)
        ratios = [measured(n, Path(folder) / str(n))[0] for n in sizes]
    return int(max(ratios) > MOST)


if __name__ == "__main__":
    sys.exit(main())

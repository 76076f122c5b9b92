"""What stands there after whole commands were killed (SIGKILL) at random moments.

    python tests/benchmarks/killed.py [times [share save report]]

Writes a report, saves a study and writes a clinic's file over an older one of another seed, and
kills the process at moments drawn from as long as it takes. Prints how often the old, the new or
something else stood there after the next run had begun, and what scratch that run left.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import alliance_stats as al
from alliance_stats.core.outputs import _SCRATCH, sweep

FORMULA = "score ~ session + (1 | client_id)"
SCORES = "study.scores.query(\"measure == 'wai-sr' and scale == 'total' and rater == 'client'\")"
READ = "import sys, alliance_stats as al; study = al.open_study(sys.argv[1]); "
WORKS = {
    "report": READ + "al.write_report(study, sys.argv[2], replicates=5)",
    "save": READ + "study.save(sys.argv[2], overwrite=True)",
    "share": READ + f"al.clinic_file({FORMULA!r}, {SCORES}, sys.argv[2] + '.json')",
}


def start(work: str, study: Path, target: Path) -> subprocess.Popen[bytes]:
    """Begin the work in a process of its own."""
    code = [sys.executable, "-W", "ignore", "-c", WORKS[work], str(study), str(target)]
    fixed = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}  # a report says when it was made
    return subprocess.Popen(code, stderr=subprocess.PIPE, env=fixed)


def state(folder: Path) -> dict[str, str]:
    """Return a fingerprint of each file in a folder, scratch left out."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if not (name := path.relative_to(folder).as_posix()).startswith(".alliance-")
    }


def whole(work: str, study: Path, place: Path) -> tuple[dict[str, str], float]:
    """Do the work to its end; return what stands there then, and the seconds."""
    began = time.perf_counter()
    process = start(work, study, place / "target")
    _, told = process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"{work} failed: {told.decode()[-400:]}")
    return state(place), time.perf_counter() - began


def tried(work: str, old: Path, new: Path, times: int, rng: np.random.Generator) -> str:
    """Kill the work so often, each time in a folder of its own; return what stood there."""
    with tempfile.TemporaryDirectory() as folder:
        whole(work, old, Path(folder))
        after, seconds = whole(work, new, Path(folder))  # as there, after the older one
    found = {"old": 0, "new": 0, "other": 0}
    left = scratch = 0
    for _ in range(times):
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            before, _ = whole(work, old, place)
            process = start(work, new, place / "target")
            time.sleep(rng.uniform(0.3, 1) * seconds)  # before, it only loads the package
            process.kill()
            process.communicate()
            scratch += any(map(_SCRATCH.fullmatch, os.listdir(place)))
            sweep(place)  # as every run that writes there does first
            left += any(map(_SCRATCH.fullmatch, os.listdir(place)))
            now = state(place)
            found["old" if now == before else "new" if now == after else "other"] += 1
    counts = ", ".join(f"{n} {what}" for what, n in found.items())
    return f"{work}: {counts}; scratch after {scratch} kills, {left} left by the next start"


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    works = sys.argv[2:] or ["share", "save", "report"]
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder) / name for name in ("old", "new")]
        for seed, place in enumerate(places, start=1):
            al.simulate_study(n_therapists=6, n_clients=40, seed=seed).save(place)
        for work in works:
            print(tried(work, *places, times, rng), flush=True)


if __name__ == "__main__":
    main()

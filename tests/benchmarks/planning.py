"""Does the formula's power agree with simulated studies that are fitted as they will be?

    python tests/benchmarks/planning.py
    python tests/benchmarks/planning.py --replicates 2000 --only within
    python tests/benchmarks/planning.py --peers
    python tests/benchmarks/planning.py --speed --replicates 10000 --jobs 2

Each design is simulated and fitted with the analysis it plans; the difference should lie within
three Monte Carlo errors. `--peers` sets our formulas beside what powerlmm's readme prints, mcpower
(where it is installed: `pip install mcpower`) and lmerTest (where there is R).
"""

import argparse
import importlib.util
import json
import shutil
import subprocess
import time
import warnings
from pathlib import Path

import numpy as np

import alliance_stats as al

SHARES = {"icc_client": 0.45, "icc_therapist": 0.05}
GROWTH = {"slope_sd_client": 0.2, "slope_sd_therapist": 0.1}
DESIGNS = {
    "120 therapists with two": ((120, 2, 4), SHARES, "arm", 0.5),
    "40 therapists with six": ((40, 6, 4), SHARES, "arm", 0.5),
    "8 therapists with ten": ((8, 10, 4), {**SHARES, "icc_therapist": 0.15}, "arm", 0.9),
    "geometric caseloads": ((30, 5, 4), {**SHARES, "caseloads": "geometric"}, "arm", 0.55),
    "dropout of 40 %": ((30, 5, 8), {**SHARES, "dropout": 0.4}, "arm", 0.55),
    "one measurement": ((30, 5, 1), {"icc_client": 0, "icc_therapist": 0.1}, "arm", 0.45),
    "clients randomised": ((20, 8, 4), {**SHARES, "randomised": "client"}, "arm", 0.55),
    "therapists in one arm": ((20, 6, 4), {**SHARES, "nested": "one_arm"}, "arm", 0.5),
    "growth": ((20, 5, 6), {**SHARES, **GROWTH, "dropout": 0.3}, "arm_by_time", 0.18),
    "growth, clients randomised": (
        (20, 6, 6), {**SHARES, **GROWTH, "randomised": "client"}, "arm_by_time", 0.11,
    ),
    "growth, most have one client": (
        (16, 8.25, 5), {**SHARES, "slope_sd_client": 0.2, "slope_sd_therapist": 0.15,
                        "caseloads": [1, 1, 1, 1, 1, 1, 30, 30] * 2}, "arm_by_time", 0.4,
    ),
    "within": ((20, 4, 6), {**SHARES, "randomised": "none", "dropout": 0.3}, "within", 0.14),
    "between": ((20, 5, 5), {**SHARES, "randomised": "none"}, "between", 0.3),
    "rupture": ((20, 5, 6), {**SHARES, "randomised": "none"}, "rupture", 0.55),
    "gap": ((15, 5, 6), {**SHARES, "randomised": "none", "icc_therapist": 0.2}, "gap", 0.45),
    "therapists, 30 % missing": ((40, 6, 8), {**SHARES, "missing": 0.3}, "therapists", 0.05),
    "therapists, dropout of 60 %": (
        (20, 6, 6), {**SHARES, "icc_client": 0.1, "dropout": 0.6}, "therapists", 0.06,
    ),
    "therapists, one or eleven each": (
        (20, 6, 4), {**SHARES, "caseloads": [1, 1, 11, 11] * 5}, "therapists", 0.1,
    ),
}  # fmt: skip


# powerlmm's readme: pretest ICC .5, slope variance .02 of the residual's, .05 of it therapists',
# d = -.8 pretest SDs over eleven measurements; arms alike in dropout here, nearly so there.
LMM = {"icc_client": 0.5, "icc_therapist": 0, "slope_sd_client": np.sqrt(0.02 * 0.95),
       "slope_sd_therapist": np.sqrt(0.02 * 0.05)}  # fmt: skip
GONE = [0, 0, 0.01, 0.025, 0.05, 0.07, 0.10, 0.13, 0.165, 0.21, 0.25]
POWERLMM = {
    "10 therapists with ten, dropout": ((10, 10, 11), {"dropout": GONE}, 0.68),
}
MCPOWER = {(40, 6, 0.1): 0.4, (60, 10, 0.1): 0.25, (20, 10, 0.2): 0.5, (8, 10, 0.1): 0.7}
"""Therapists, clients of each, ICC; the effect in residual SDs. mcpower takes no smaller ICC."""


def peers(replicates: int) -> None:
    """Print our formulas beside what other programs say of the same designs."""
    print("powerlmm, as its readme prints it")
    for name, (sizes, more, published) in POWERLMM.items():
        found = al.StudyDesign(*sizes, **LMM, **more).power(
            -0.8 * np.sqrt(2) / 10, of="arm_by_time"
        )
        print(f"{name:<40}{published:>8.2f}{found.power:>8.3f}   df {found.df:.0f}")
    if importlib.util.find_spec("mcpower"):
        print(f"mcpower, {replicates} studies; it deals therapists to arms by chance")
        for sizes, effect in MCPOWER.items():
            print(f"{sizes!s:<40}{by_mcpower(*sizes, effect, replicates):>8.3f}"
                  f"{one_session(*sizes).power(effect).power:>8.3f}")  # fmt: skip
    if shutil.which("Rscript"):
        script = Path(__file__).parents[1] / "reference" / "planning" / "simulate.R"
        done = subprocess.run(["Rscript", script, str(replicates)], capture_output=True, text=True,
                              check=True)  # fmt: skip
        print(f"lmerTest (Satterthwaite), {replicates} studies")
        for row in json.loads(done.stdout):
            design = al.StudyDesign(row["J"], row["each"], row["sessions"], icc_client=0.45,
                                    icc_therapist=row["icc"])  # fmt: skip
            found = design.power(row["effect"], of="arm")
            error = np.sqrt(found.power * (1 - found.power) / replicates)
            print(
                f"{row['J']} therapists with {row['each']:<22}{row['power']:>8.3f}"
                f"{found.power:>8.3f}   z {(row['power'] - found.power) / error:.1f}"
            )


def one_session(J: int, each: int, icc: float) -> al.StudyDesign:
    return al.StudyDesign(J, each, 1, icc_client=0, icc_therapist=icc)


def by_mcpower(J: int, each: int, icc: float, effect: float, replicates: int) -> float:
    """Return mcpower's power for a difference between therapists' arms."""
    from mcpower import MCPower  # of the peers, and in no extra of ours

    model = MCPower("y ~ arm + (1|therapist)", family="lme")
    model.set_variable_type("arm=binary")
    model.set_cluster("therapist", ICC=icc, n_clusters=J, cluster_level_vars=["arm"])
    model.set_effects({"arm": effect})
    model.set_simulations(replicates)
    model.set_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said = str(model.find_power(J * each, verbose=False, progress_callback=False))
    line = next(line for line in said.splitlines() if line.startswith("arm"))
    return float(line.split()[1].rstrip("%")) / 100


def speed(replicates: int, jobs: int) -> None:
    """Print how long simulated studies of 3,000 sessions take."""
    design = al.StudyDesign(60, 5, 10, **SHARES)
    start = time.perf_counter()
    design.power(0.3, method="simulation", replicates=replicates, n_jobs=jobs)
    took = time.perf_counter() - start
    print(f"{replicates:,} studies of 3,000 sessions, {jobs} processes: {took:.1f} s"
          f" ({1000 * took / replicates:.2f} ms each)")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--speed", action="store_true", help="time 10,000 studies, say")
    asked = parser.parse_args()
    if asked.speed:
        speed(asked.replicates, asked.jobs)
        return
    if asked.peers:
        peers(asked.replicates)
        return
    print(f"{'design':<28}{'of':<13}{'df':>6}{'formula':>9}{'simulated':>11}{'error':>8}{'z':>7}")
    for name, (sizes, more, of, effect) in DESIGNS.items():
        if asked.only not in (name, of, ""):
            continue
        design = al.StudyDesign(*sizes, **more)
        formula = design.power(effect, of=of)
        start = time.perf_counter()
        found = design.power(
            effect, of=of, method="simulation", replicates=asked.replicates, n_jobs=asked.jobs
        )
        took = time.perf_counter() - start
        z = (found.power - formula.power) / found.mc_error
        print(
            f"{name:<28}{of:<13}{formula.df:>6.0f}{formula.power:>9.3f}{found.power:>11.3f}"
            f"{found.mc_error:>8.3f}{z:>7.1f}   ({1000 * took / asked.replicates:.0f} ms a study)"
        )


if __name__ == "__main__":
    main()

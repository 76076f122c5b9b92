"""Does the formula's power agree with simulated studies that are fitted as they will be?

    python tests/benchmarks/planning.py
    python tests/benchmarks/planning.py --replicates 2000 --only within

Each design is simulated and fitted with the analysis it plans; the difference should lie within
three Monte Carlo errors.
"""

import argparse
import time

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
    "within": ((20, 4, 6), {**SHARES, "randomised": "none", "dropout": 0.3}, "within", 0.14),
    "between": ((20, 5, 5), {**SHARES, "randomised": "none"}, "between", 0.3),
    "rupture": ((20, 5, 6), {**SHARES, "randomised": "none"}, "rupture", 0.55),
    "gap": ((15, 5, 6), {**SHARES, "randomised": "none", "icc_therapist": 0.2}, "gap", 0.45),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=1)
    asked = parser.parse_args()
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

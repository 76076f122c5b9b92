"""Print how far the engine is from R: the largest deviation of each quantity over all designs.

``python tests/reference/multilevel/parity.py`` prints the table that stands in ``README.md``. The
tests (``tests/multilevel/test_against_r.py``) hold every design to a tolerance; this only measures.
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
TESTS = HERE.parents[1] / "multilevel" / "test_against_r.py"


def load_tests():
    """Load the test module, whose readers and names of terms are used here."""
    spec = importlib.util.spec_from_file_location("test_against_r", TESTS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def relative(found, expected, size=None):
    """Return the largest deviation relative to `size`, or to the expected values."""
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    size = np.abs(expected) if size is None else size
    return float((np.abs(found - expected) / size).max())


def deviations(tests, name):
    """Return {quantity: largest deviation} of one design."""
    fit, reference = tests.fit_of(name), tests.reference_of(name)
    errors = np.array(reference["se"])
    coefficients = np.array(reference["fixef"])
    satterthwaite = reference["satterthwaite"]
    df = tests.in_r_order(fit.df, reference)
    return {
        "log-likelihood (absolute)": abs(fit.llf - reference["loglik"]),
        "coefficients": relative(
            tests.in_r_order(fit.params, reference),
            coefficients,
            np.maximum(np.abs(coefficients), errors),
        ),
        "standard errors": relative(tests.in_r_order(fit.bse, reference), errors),
        "variances": variance_deviation(tests, fit, reference),
        "Satterthwaite df (lmerTest)": relative(df, satterthwaite["df"]),
        "Satterthwaite df (lmerTest, wider step)": relative(df, satterthwaite["wider_step"]["df"]),
        **kenward_roger_deviations(tests, name, reference),
    }


def variance_deviation(tests, fit, reference):
    """Return the largest relative deviation of a variance that is not zero."""
    ours = tests.by_term(fit.varcomp.to_dict("records"))
    theirs = tests.by_term(reference["varcorr"])
    floor = tests.ZERO * reference["sigma"] ** 2
    return max(
        relative(ours[key][0], vcov)
        for key, (vcov, _) in theirs.items()
        if len(key[1]) < 2 and vcov > floor
    )


def kenward_roger_deviations(tests, name, reference):
    """Return the deviations from pbkrtest, for the designs it can do."""
    if name not in tests.ADJUSTED:
        return {}
    fit, expected = tests.fit_of(name, "kenward-roger"), reference["kenward_roger"]
    found = {
        "Kenward-Roger standard errors": relative(
            tests.in_r_order(fit.bse, reference), expected["se"]
        ),
        "Kenward-Roger df": relative(tests.in_r_order(fit.df, reference), expected["df"]),
    }
    joint = [fit.test(tests.ours_of(fit, one["terms"])) for one in expected["joint"]]
    if joint:
        found["Kenward-Roger joint F"] = relative(
            [test.statistic for test in joint], [one["F"] for one in expected["joint"]]
        )
    return found


def main():
    """Print the table."""
    tests = load_tests()
    rows = {}
    for name in tests.NAMES:
        for quantity, value in deviations(tests, name).items():
            rows.setdefault(quantity, []).append((value, name))
    print("| quantity | designs | median | largest | where |\n|---|---|---|---|---|")
    for quantity, found in rows.items():
        largest, where = max(found)
        median = np.median([value for value, _ in found])
        print(f"| {quantity} | {len(found)} | {median:.0e} | {largest:.0e} | `{where}` |")


if __name__ == "__main__":
    sys.exit(main())

"""How far the engine is from R, quantity by quantity, over every reference design.

Reads the references (no R needed) and prints the largest deviations as a Markdown table::

    python tests/benchmarks/parity.py

The tests hold every design to a tolerance; this only measures.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd

import alliance_stats as al

TESTS = Path(__file__).resolve().parents[1]
REFERENCE = TESTS / "reference" / "multilevel"
Found = dict[str, list[tuple[float, str]]]


def load(path: Path) -> ModuleType:
    """Load a module of the tests by its path."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def relative(found: object, expected: object) -> float:
    """Return the largest relative deviation."""
    ours, theirs = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    return float(np.abs(ours / theirs - 1.0).max())


def against_lme4() -> Found:
    """Collect deviations from lme4, lmerTest and pbkrtest."""
    parity = load(REFERENCE / "parity.py")
    tests = parity.load_tests()
    found: Found = {}
    for name in tests.NAMES:
        for quantity, value in parity.deviations(tests, name).items():
            found.setdefault(quantity, []).append((value, name))
    return found


def beyond_the_fit() -> Found:
    """Collect deviations of R², CR2 and profile intervals."""
    tests = load(TESTS / "multilevel" / "test_intervals.py")
    found: Found = {}

    def note(quantity: str, value: float, name: str) -> None:
        found.setdefault(quantity, []).append((value, name))

    for name in tests.WITH_R2:
        ours, theirs = tests.fit_of(name).r_squared(), tests.ALL[name]["r2"]
        apart = [ours.marginal - theirs["marginal"], ours.conditional - theirs["conditional"]]
        note("R², marginal and conditional (absolute)", float(np.abs(apart).max()), name)
    for name in tests.WITH_CR2:
        robust, theirs = tests.fit_of(name).robust(), tests.ALL[name]["cr2"]
        note("CR2 standard errors (clubSandwich)", relative(robust.bse, theirs["se"]), name)
        note("CR2 Satterthwaite df (clubSandwich)", relative(robust.df, theirs["df"]), name)
    for name in tests.PROFILED:
        for term, apart in profile_deviations(tests, name).items():
            if (name, term) not in tests.INTERPOLATED:
                note("profile intervals (share of their width)", apart, f"{name}: {term}")
    return found


def profile_deviations(tests: ModuleType, name: str) -> dict[str, float]:
    """Return, by parameter, the larger deviation of an interval's ends over its width."""
    rows = tests.fit_of(name).profile_ci()
    ours = {
        f"{row.term} {row.group}".strip(): np.array([row.conf_low, row.conf_high])
        for row in rows.itertuples()
    }
    expected = tests.ALL[name]["profile"]
    ends = zip(expected["low"], expected["high"], strict=True)
    terms = tests.lme4_terms(expected["term"])
    return {
        term: float(np.abs(ours[term] - end).max() / (end[1] - end[0]))
        for term, end in zip(terms, ends, strict=True)
    }


def against_nlme() -> Found:
    """Collect deviations from nlme's corCAR1."""
    tests = load(TESTS / "multilevel" / "test_ar1.py")
    data = pd.read_csv(REFERENCE / "data" / "autocorrelated.csv.gz")
    found: Found = {}
    for design in tests.DESIGNS:
        name = design["name"]
        theirs = json.loads((REFERENCE / "nlme" / f"{name}.json").read_text())
        fit = al.fit_multilevel(
            tests.formula_of(design), data, reml=design["reml"], residual="ar1", time="session"
        )
        errors = np.array(theirs["se"])
        apart = np.abs(fit.params.to_numpy() - theirs["fixef"]) / errors
        for quantity, value in {
            "AR(1): log-likelihood (absolute)": abs(fit.llf - theirs["loglik"]),
            "AR(1): coefficients (in standard errors)": float(apart.max()),
            "AR(1): standard errors": relative(fit.bse, errors),
            "AR(1): phi (absolute)": abs(fit.phi - theirs["phi"]),
            "AR(1): residual variance": relative([fit.scale], [theirs["sigma"] ** 2]),
        }.items():
            found.setdefault(quantity, []).append((value, name))
    return found


def main() -> None:
    """Print the table."""
    print("| quantity | comparisons | median | largest | where |\n|---|---|---|---|---|")
    for quantity, found in {**against_lme4(), **beyond_the_fit(), **against_nlme()}.items():
        largest, where = max(found)
        median = np.median([value for value, _ in found])
        print(f"| {quantity} | {len(found)} | {median:.0e} | {largest:.0e} | {where} |")


if __name__ == "__main__":
    sys.exit(main())

"""What files of clinics cost and what they tell: pooled against combined, and attacks, measured.

    python tests/benchmarks/federation.py [--rounds]       prints the tables, or the third alone

The first table has twelve designs: how far a model combined from files lies from that of the pooled
rows. The second has attacks on clinics of different sizes, under the defaults and on loose files:
the share of people's means (or of a table of counts) that an attacker reads out of them. The third
has searches by mail of two clinics of 240 clients, under the defaults where these allow it, and the
last what of clients' means an attacker solves all rounds of a clinic for.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import alliance_stats as al

TESTS = Path(__file__).parents[1] / "sharing"
LOOSE = {"most_told": 1, "reviewed": True, "digits": 8, "kind": "curve"}


def load(name: str):
    spec = importlib.util.spec_from_file_location(name, TESTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


made, attackers, designs = load("conftest"), load("attackers"), load("test_against_pooled")
searching = load("test_rounds")
SEARCHES = {
    "correlated slopes": (searching.SLOPES, "fixed", {}),
    "correlated slopes, ML, clinics shared": (searching.SLOPES, "shared", {"reml": False}),
    "two slopes": (
        "distress ~ session + alliance_within + (1 + session + alliance_within | client_id)",
        "fixed",
        {},
    ),
    "yes or no": ("late ~ session + (1 | client_id)", "fixed", {"family": "binomial"}),
    "yes or no, a slope": (
        "late ~ session + (1 + session | client_id)",
        "fixed",
        {"family": "binomial"},
    ),
    "counts": ("calls ~ session + (1 | client_id)", "fixed", {"family": "poisson"}),
    "counts, overdispersed": (
        "calls ~ session + (1 | client_id)",
        "fixed",
        {"family": "negative_binomial"},
    ),
    "ordered answers": ("grade ~ session + (1 | client_id)", "fixed", {"family": "ordinal"}),
}


def mail(formula: str, clinics: dict[str, pd.DataFrame], **options: object) -> list[Path]:
    folder, paths = Path(tempfile.mkdtemp()), []
    for name, data in clinics.items():
        paths.append(folder / name / f"{name}.json")
        paths[-1].parent.mkdir()
        al.clinic_file(formula, data, paths[-1], **options)
    return paths


def against_pooled() -> pd.DataFrame:
    sessions = {"Bern": 8, "Kiel": 10, "York": 10}
    same = {n: made.clinic(i, sessions=k, level=i) for i, (n, k) in enumerate(sessions.items())}
    uneven = {n: made.clinic(10 + i, level=i) for i, n in enumerate(sessions)}
    rows = []
    for name, (which, formula, options, clinic, how) in designs.DESIGNS.items():
        clinics, started = same if which == "three" else uneven, time.process_time()
        paths = mail(formula, clinics, **options)
        sent = time.process_time()
        fit = al.combine_clinics(paths, clinic=clinic, **how)
        ended = time.process_time()
        reference = designs.pooled(clinics, formula, clinic, **how)
        order = fit.params.index
        rows.append(
            {
                "design": name,
                "estimates (SE)": ((fit.params - reference.params[order]) / fit.bse).abs().max(),
                "errors": (fit.bse / reference.bse[order] - 1).abs().max(),
                "deviance": abs(2 * (fit.llf - reference.llf)),
                "df": (fit.df / reference.df[order] - 1).abs().max(),
                "KB a file": max(path.stat().st_size for path in paths) / 1000,
                "s a file": (sent - started) / len(paths),
                "s to combine": ended - sent,
            }
        )
    return pd.DataFrame(rows)


def searches() -> pd.DataFrame:
    clinics = searching.outcomes(made.clinic, 240)
    rows = []
    for name, (formula, clinic, how) in SEARCHES.items():
        more = {"categories": {"grade": ["low", "mid", "high"]}} if "grade" in formula else {}
        folder, started = Path(tempfile.mkdtemp()), time.process_time()
        how = how | more
        try:
            fit, rounds = searching.search(formula, clinics, folder, clinic=clinic, **how)
        except al.DesignError:
            name, folder = f"{name} (loose)", Path(tempfile.mkdtemp())
            how = how | searching.LOOSE
            fit, rounds = searching.search(formula, clinics, folder, clinic=clinic, **how)
        took = time.process_time() - started
        fitted = {key: how[key] for key in ("family", "reml") if key in how}
        reference = searching.pooled(clinics, formula, clinic, **fitted)
        order = fit.params.index
        df = (fit.df / reference.df[order] - 1).abs().max() if not how.get("family") else np.nan
        rows.append(
            {
                "search": name,
                "rounds": len(rounds),
                "estimates (SE)": ((fit.params - reference.params[order]) / fit.bse).abs().max(),
                "errors": (fit.bse / reference.bse[order] - 1).abs().max(),
                "deviance": abs(2 * (fit.llf - reference.llf)),
                "df": df,
                "KB a file": rounds[-1][0].stat().st_size / 1000,
                "s in all": took,
                "told of a mean at most": max(
                    file.tells["share of a person's mean that could be computed, at most"][
                        "client_id"
                    ]
                    for file in fit.files
                ),
            }
        )
    return pd.DataFrame(rows)


def solved() -> pd.DataFrame:
    """Solve all rounds of searches for clients' means, loose and under the defaults."""
    rows = []
    for clients in (50, 100, 160, 240):
        for how in ("default", "loose"):
            options = searching.LOOSE if how == "loose" else {}
            try:
                common, told = searching.solved(made.clinic, attackers, clients, options)
            except al.DesignError:
                common, told = np.nan, "refused"
            rows.append({"clients": clients, "file": how, "in common": common, "told": told})
    return pd.DataFrame(rows)


def attacks() -> pd.DataFrame:
    rows = []
    for therapists, each in ((5, 8), (8, 8), (20, 10), (200, 6)):
        for how in ("default", "loose"):
            options = {} if how == "default" else LOOSE
            rows.append(
                {"clients": therapists * each, "therapists": therapists, "file": how}
                | attacked(therapists, each, options)
            )
    return pd.DataFrame(rows)


def attacked(therapists: int, each: int, options: dict[str, object]) -> dict[str, object]:
    """Return what is read out of files of one clinic, and how many digits they have."""
    data = made.clinic(70, therapists=therapists, each=each)
    people = data.groupby("client_id", sort=False)
    sizes, means = people.size().to_numpy(), people["distress"].mean().to_numpy()
    by = people["therapist_id"].first().factorize()[0]
    numbers = np.unique(sizes)
    found: dict[str, object] = {}
    try:
        (path,) = mail("distress ~ session + (1 | client_id)", {"a": data}, **options)
        digits = attackers.read_file(path).digits
        found["digits"] = "sums" if digits is None else digits
        if digits is not None:
            guess = attackers.means_by_sessions(path, sizes, 10.0**-digits)
            of_client = guess[np.searchsorted(numbers, sizes)]
            found["clients' means"] = np.corrcoef(of_client, means)[0, 1] ** 2
    except al.DesignError:
        found["digits"] = "refused"
    try:
        arms = "distress ~ session + condition + (1 | client_id)"
        (path,) = mail(arms, {"a": data}, **options)
        if attackers.read_file(path).kind == "curve":
            counts = attackers.counts_by_sessions(path, "condition[T.PDT]", sizes, 10.0)
            yes = (people["condition"].first() == "PDT").to_numpy()
            true = np.array([yes[sizes == n].sum() for n in numbers])
            found["table of counts"] = (counts == true).mean()
            found["table, guessed"] = (
                np.round(np.array([(sizes == n).sum() for n in numbers]) * yes.mean()) == true
            ).mean()
    except al.DesignError:
        pass
    try:
        three = "distress ~ session + (1 | client_id) + (1 | therapist_id)"
        (path,) = mail(three, {"a": data}, **options)
        digits = attackers.read_file(path).digits
        guess = attackers.means_of_clients(path, sizes, by, 10.0**-digits)
        weighed = [np.bincount(by, sizes * m) / np.bincount(by, sizes) for m in (guess, means)]
        found["therapists' means"] = np.corrcoef(*weighed)[0, 1] ** 2
    except al.DesignError:
        found["therapists' means"] = "refused"
    return found


def main() -> None:
    warnings.simplefilter("ignore")
    with pd.option_context("display.width", 200, "display.max_columns", 20):
        if "--rounds" in sys.argv:
            print(searches().to_string(index=False, float_format=lambda v: f"{v:.2g}"))
            print(solved().to_string(index=False, float_format=lambda v: f"{v:.2f}"))
            return
        print(against_pooled().to_string(index=False, float_format=lambda v: f"{v:.2g}"))
        print()
        print(attacks().to_string(index=False, float_format=lambda v: f"{v:.2f}", na_rep=""))
        print(searches().to_string(index=False, float_format=lambda v: f"{v:.2g}"))
        print(solved().to_string(index=False, float_format=lambda v: f"{v:.2f}"))


if __name__ == "__main__":
    main()

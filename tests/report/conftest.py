"""A small synthetic study and its report, made once."""

from collections import defaultdict
from importlib import import_module

import pytest

import alliance_stats as al

REPLICATES = 30  # enough to exercise the shuffles; no number of theirs is tested
COSTLY = {
    "endings": ("alliance_stats.dropout.endings", "_from_study"),
    "scores": ("alliance_stats.study.scored", "study_scores"),
    "leak checks": ("alliance_stats.dropout.hazard.fit", "refuse_late_predictors"),
}


@pytest.fixture(scope="session", autouse=True)
def _quick(small_grid):
    """No test here asks how many specifications a report fits, but the one that undoes this."""


@pytest.fixture(scope="session")
def study():
    return al.simulate_study(n_therapists=12, n_clients=90, seed=4)


@pytest.fixture(scope="session")
def worked_on():
    """What each costly step, and who watches the progress, was given while the report was made."""
    return defaultdict(list)


@pytest.fixture(scope="session")
def write(study):
    """Return a function that writes the report into a folder, at one and the same time."""

    def written(folder, **more):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SOURCE_DATE_EPOCH", "1700000000")
            return al.write_report(study, folder, replicates=REPLICATES, strict=True, **more)

    return written


@pytest.fixture(scope="session")
def report(write, worked_on, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports") / "report"
    with pytest.MonkeyPatch.context() as patch:
        for step, (module, name) in COSTLY.items():
            patch.setattr(import_module(module), name, noting(module, name, worked_on[step]))
        return write(folder, progress=lambda *step: worked_on["progress"].append(step))


def noting(module, name, given):
    real = getattr(import_module(module), name)

    def step(first, *others):
        given.append(first)  # held, so that no two are one after the other at one address
        return real(first, *others)

    return step

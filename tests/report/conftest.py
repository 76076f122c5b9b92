"""A small synthetic study and its report, made once."""

import pytest

import alliance_stats as al

REPLICATES = 30  # enough to exercise the shuffles; no number of theirs is tested


@pytest.fixture(scope="session")
def study():
    return al.simulate_study(n_therapists=12, n_clients=90, seed=4)


@pytest.fixture(scope="session")
def report(study, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports") / "report"
    return al.write_report(study, folder, replicates=REPLICATES, strict=True)

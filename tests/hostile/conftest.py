"""Studies that are easily told from: of 25, and of sixty with rare categories."""

import pytest

import alliance_stats as al

RARE = {"mutual": 3, "transferred": 2, "administrative": 1, "ongoing": 4}


@pytest.fixture(scope="session", autouse=True)
def _quick(small_grid):
    """Whom a report tells of does not depend on how many specifications it fits."""


@pytest.fixture(scope="session")
def sixty():
    """Return sixty clients with rare endings, a few never rated, a few without a last score."""
    study = al.simulate_study(n_therapists=8, n_clients=60, seed=5)
    ends = study.tables["terminations"].copy()
    reasons = [name for name, n in RARE.items() for _ in range(n)]
    rest = len(ends) - len(reasons)
    ends["reason"] = [*reasons, *["dropout"] * 14, *["completed"] * (rest - 14)]
    ids = list(ends["client_id"])
    ratings, posts = study.tables["ratings"], study.tables["assessments"]
    unrated = (ratings["rater"] == "therapist") & ratings["client_id"].isin(ids[20:22])
    missed = (posts["occasion"] == "post") & posts["client_id"].isin(ids[30:33])
    return study.with_tables(terminations=ends, ratings=ratings[~unrated],
                             assessments=posts[~missed])  # fmt: skip


@pytest.fixture(scope="session")
def twenty_five():
    """Return twenty-five clients: some never rated by their therapist, some without a last score.

    Those lack who would be left over, were both the mean of all and that of the rest told.
    """
    study = al.simulate_study(n_therapists=5, n_clients=25, seed=6)
    ids = list(study.clients["client_id"])
    ratings, posts = study.tables["ratings"], study.tables["assessments"]
    unrated = (ratings["rater"] == "therapist") & ratings["client_id"].isin(ids[:3])
    missed = (posts["occasion"] == "post") & posts["client_id"].isin(ids[3:6])
    return study.with_tables(ratings=ratings[~unrated], assessments=posts[~missed])


@pytest.fixture(scope="session", params=["twenty_five", "sixty"])
def study(request):
    """Return either; of fewer than ten nothing is told at all (`test_few_people`)."""
    return request.getfixturevalue(request.param)

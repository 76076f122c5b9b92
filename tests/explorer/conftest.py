"""A small study with everything the page shows: both raters, endings, reports and codes."""

import pytest

import alliance_stats as al


@pytest.fixture(scope="session")
def study():
    made = al.simulate_study(n_therapists=3, n_clients=10, seed=3)
    named = {
        name: table.assign(**{
            column: table[column].map(lambda one: one if one != one else f"{one}-Mustermann")
            for column in ("client_id", "therapist_id") if column in table
        })
        for name, table in made.tables.items() if name not in ("ratings", "principle_codes")
    }  # fmt: skip
    scores = made.scores.assign(client_id=made.scores["client_id"] + "-Mustermann")
    scores = scores[scores["scale"] == "total"]
    return made.with_tables(**{"ratings": None, "principle_codes": None}, **named, scores=scores)


@pytest.fixture(scope="session")
def explorer(study):
    return study.explore(show_persons=True)

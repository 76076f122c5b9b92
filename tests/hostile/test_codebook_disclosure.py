"""An attacker with a codebook alone, who subtracts what it shows of a column from its total."""

import itertools

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.core.disclosure import Disclosure


def rests(content, tables):
    """Return what is left of each column's total without any of its levels, where it is few."""
    found = []
    for table in content["tables"]:
        if not tables[table["name"]].get("client_id", np.zeros(2)).is_unique:
            continue
        for column in table["columns"]:
            levels = list((column.get("levels") or {}).values())
            for n in range(1, len(levels) + 1):
                for some in itertools.combinations(levels, n):
                    rest = (column["filled"] or 0) - sum(some)
                    if 0 < rest < 10:
                        found.append((table["name"], column["name"], column["filled"], some))
    return found


def test_no_total_less_any_levels_comes_down_to_fewer_than_ten():
    found, levels = [], 0
    for seed in range(100, 120):
        study = al.simulate_study(
            n_clients=60, n_therapists=12, seed=seed, dropout_hazard=0.05, planned_sessions=8
        )
        rng = np.random.default_rng(seed)
        clients = study.clients.assign(
            sex=rng.choice(["f", "m"], 60),
            job=rng.choice(["yes", "no", "sick"], 60, p=[0.55, 0.35, 0.1]),
        )
        # tables with several rows a client are no part of what is asked
        tables = {"clients": clients, "terminations": study.terminations}
        content = al.Study("asked", tables).codebook().content
        found += rests(content, tables)
        levels += sum(
            len(column.get("levels") or {})
            for one in content["tables"]
            for column in one["columns"]
        )
    assert not found
    assert levels > 60  # three a study: withholding everything would be no answer


PEOPLE = 40


def people_that_fit(told, each, rounded_to):
    """Return how many of forty people may have `each` rows and be told as a number of rows."""
    near = [n * each for n in range(10, PEOPLE + 1)]
    return {n // each for n in near if abs(n - told) <= rounded_to / 2}


def lacking(study, table, few=3, **rows):
    """Return the study with nothing of a few people in a table, where `rows` are."""
    held = study.tables[table]
    ids = study.clients["client_id"].iloc[:few]
    gone = held["client_id"].isin(ids)
    for column, value in rows.items():
        gone &= held[column] == value
    tables = {name: one for name, one in study.tables.items() if name != "scores"}
    return study.with_tables(**{**tables, table: held[~gone]})


@pytest.fixture(scope="module")
def forty():
    """Return forty clients of eight sessions, all forecast, all rated by both."""
    return al.simulate_study(
        n_therapists=12, n_clients=PEOPLE, seed=4, dropout_hazard=0, planned_sessions=8
    )


def test_rows_that_come_together_do_not_tell_of_how_many_people_they_are(forty):
    """Four forecasts a client: 148, told as 150, are those of 37 or 38 of forty."""
    assert people_that_fit(150, 4, 10) == {37, 38}
    content = lacking(forty, "forecasts").codebook().content
    (table,) = [one for one in content["tables"] if one["name"] == "forecasts"]
    told = {table["rows"], *(one["filled"] for one in table["columns"])}
    for number in told - {None}:
        assert len(people_that_fit(number, 4, 40)) > 5


def test_answers_of_one_form_each_do_not_tell_how_many_filled_it_in():
    """Ten answers a client: 370 answers, whole tens, are those of 37."""
    assert people_that_fit(370, 10, 10) == {37}
    rows = pd.DataFrame({"client_id": np.repeat(np.arange(37), 10), "session": 1})
    for told in (frozenset(range(PEOPLE)), frozenset(range(37))):
        number = Disclosure(told).tens(rows)
        assert len(people_that_fit(number, 10, 100)) > 5


def test_sessions_of_a_fixed_number_do_not_tell_of_how_many_people_they_are():
    """Eight sessions a client: 296 rated ones, told as 300, are those of 37."""
    rows = pd.DataFrame({"client_id": np.repeat(np.arange(37), 8)})
    rows["session"] = np.tile(np.arange(8), 37)
    number = Disclosure(range(PEOPLE)).tens(rows)
    assert len(people_that_fit(number, 8, 80)) > 5
    assert Disclosure(range(37)).tens(rows) == 300  # whose number stands beside it


def test_moments_do_not_count_the_rows_that_are_told_in_tens(forty):
    ratings = forty.tables["ratings"]
    forms = ratings.groupby(["client_id", "session", "rater", "measure"], observed=True).ngroup()
    moment = pd.Timestamp("2024-01-01") + pd.to_timedelta(forms, "min")
    tables = {name: one for name, one in forty.tables.items() if name != "scores"}
    tables["ratings"] = ratings.assign(filled_at=moment)
    content = forty.with_tables(**tables).codebook().content
    (table,) = [one for one in content["tables"] if one["name"] == "ratings"]
    assert [one["distinct"] for one in table["columns"] if one["name"] == "filled_at"] == [None]


def test_one_clients_value_turns_no_type_of_a_column(forty):
    """Among whole ages one of 34.5, or one "unknown", would call the column another."""
    found = []
    for odd in (34, 34.5, "unknown", None):
        ages = [*range(20, 19 + PEOPLE), odd]
        clients = forty.clients.assign(
            age=pd.Series(ages, dtype=object if odd == "unknown" else None)
        )
        content = al.Study("asked", {"clients": clients}).codebook().content
        found += [c["type"] for c in content["tables"][0]["columns"] if c["name"] == "age"]
    assert found == ["number"] * 4
    words = forty.clients.assign(job=["at sea"] * 12 + [1] * (PEOPLE - 12))
    content = al.Study("asked", {"clients": words}).codebook().content
    assert [c["type"] for c in content["tables"][0]["columns"] if c["name"] == "job"] == ["string"]

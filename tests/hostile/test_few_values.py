"""An attacker who looks for what single persons have: words, days, and sums of few beside zeros."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.core.disclosure import Disclosure
from alliance_stats.report.context import Context, Options
from alliance_stats.report.naming import without_data
from alliance_stats.report.sections.draft import Draft
from alliance_stats.report.sections.sample import sample_block

ARMS = np.repeat(["one", "other"], 30)
SEX = np.array(["f", *["m"] * 12, "divers", *["f"] * 46], dtype=object)


@pytest.fixture(scope="module")
def people():
    """Return sixty clients, of whom a few have a word, a day or a number of their own."""
    study = al.simulate_study(n_therapists=12, n_clients=60, planned_sessions=4, seed=5)
    day = pd.Timestamp("2024-03-01")
    clients = study.clients.assign(
        condition=ARMS,
        sex=SEX,
        gender_note=["-"] * 59 + ["Frau Quitte"],
        age_of_onset=[0] * 54 + [2, 3, 5, 8, 13, 21],
        moment=[day] * 59 + [day + pd.Timedelta("13h")],
        written=["2024-03-01"] * 40 + ["12.4.2024"] * 20,
        days=[dt.date(2024, 3, 1)] * 40 + [dt.date(2024, 4, 1)] * 20,
    )
    return study.with_tables(clients=clients)


def sample(study, **options):
    return sample_block(Context(study, Options(**options)), Draft("trial", "The trial")).frame


@pytest.mark.parametrize("arms", [True, False])
def test_who_is_in_a_study_names_no_word_of_few(people, arms):
    study = people
    if not arms:
        study = people.with_tables(clients=people.clients.drop(columns="condition"))
    said = " ".join(sample(study)["label"])
    assert "Sex: f" in said
    assert "divers" not in said
    assert "Quitte" not in said


def test_no_zero_of_an_arm_stands_beside_a_withheld_number_of_another(people):
    """Nobody of one arm is divers, in the other it is withheld: then one to nine are."""
    frame = sample(people)
    counts = frame.loc[frame["kind"] == "n", ["one n", "other n"]].iloc[2:]
    assert not ((counts == 0).any(axis=1) & counts.isna().any(axis=1)).any()
    own = sample(people, individual_courses=True).set_index("label")
    assert own.loc["Sex: divers", ["one n", "other n"]].tolist() == [1, 0]


def test_no_mean_beside_zeros_is_the_sum_of_few(people):
    """54 zeros and a mean of 0.87 are 52 weeks of six people."""
    frame = sample(people)
    means = frame[frame["label"].str.startswith("Age of onset")].filter(like="mean")
    assert means.isna().all(axis=None)
    assert "mean" not in column(people, "age_of_onset")
    for n, told in ((10, True), (9, False)):
        values = [0.0] * (60 - n) + [float(i) for i in range(1, n + 1)]
        assert Disclosure(range(60)).states(range(60), "weeks", values=values) == told
    assert Disclosure(range(60)).states(range(60), "weeks", values=[0.0] * 60)
    assert Disclosure(range(12)).states(range(12), "age", values=[30.0] * 4 + [*range(8)])


def test_the_mean_of_a_score_that_nearly_all_have_alike_is_no_few_peoples(people):
    scores = people.tables["assessments"]
    first = scores["occasion"] == "pre"
    odd = scores["client_id"].isin(scores["client_id"].unique()[:6])
    alike = scores.assign(score=scores["score"].mask(first & ~odd, 0.0))
    frame = sample(people.with_tables(assessments=alike))
    row = frame[frame["label"].str.startswith("CORE-10 (client), pre")]
    assert row.filter(like="mean").isna().all(axis=None)
    context = Context(people.with_tables(assessments=alike), Options())
    assert not context.states_mean(context.outcome, "pre", list(people.clients["client_id"]))


def column(study, name):
    tables = {one["name"]: one for one in study.codebook().content["tables"]}
    return next(one for one in tables["clients"]["columns"] if one["name"] == name)


def test_no_hour_of_one_client_turns_the_type_of_a_column_of_days(people):
    assert column(people, "moment")["type"] == "date"
    clients = people.clients.assign(moment=people.clients["moment"] + pd.Timedelta("1h"))
    assert column(people.with_tables(clients=clients), "moment")["type"] == "datetime"


@pytest.mark.parametrize("name", ["moment", "written", "days"])
def test_no_day_stands_in_a_codebook_in_whatever_way_it_is_held(people, name):
    found = column(people, name)
    assert "levels" not in found
    assert "2024-" not in str(found)


def test_true_and_false_are_told_where_ten_have_each(people):
    for n, levels in ((0, {"True": 60}), (3, {}), (10, {"True": 50, "False": 10})):
        clients = people.clients.assign(flag=np.arange(60) >= n)
        assert column(people.with_tables(clients=clients), "flag")["levels"] == levels


@pytest.mark.parametrize("said", [
    "Features in which fewer than five clients differ from the others are left out: court_ordered.",
    "Values of fewer than five clients are put together: sex.",
    "Three of the clients came once.",
    "Only two came twice.",
])  # fmt: skip
def test_no_message_counts_people_in_words(said):
    """A page said that fewer than five are sent by a court; who are none or some is known."""
    assert without_data(f"All are counted. {said}") == "All are counted."
    harmless = "Intervals and tests take clients as independent, also those of one therapist."
    assert without_data(harmless) == harmless

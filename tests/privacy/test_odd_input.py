"""Odd tables and options: each gives an answer or one sentence, and none takes for ever."""

import time

import pandas as pd
import pytest

import alliance_stats as al

STUDY = al.simulate_study(n_therapists=3, n_clients=6, seed=1)
KEY = "correct horse battery staple"
SOON = 5.0  # seconds of the processor; linear searches take hundredths, a quadratic one minutes


@pytest.mark.parametrize("text", ["a" * 400_000, "a." * 200_000 + "@", "(" * 400_000 + "1"])
def test_a_very_long_cell_is_searched_in_no_time(text):
    start = time.process_time()
    found = al.scan_identifiers(pd.DataFrame({"diary": [text]}))
    assert found["kind"].tolist() == ["free text"]
    assert time.process_time() - start < SOON


def test_an_address_in_a_long_text_is_found():
    frame = pd.DataFrame({"diary": ["x " * 50_000 + "anna.b@mail.example.org" + " y" * 50_000]})
    assert "e-mail" in set(al.scan_identifiers(frame)["kind"])


def test_tables_of_any_cells_are_looked_through():
    frame = pd.DataFrame({"a": [[1], [2]], "b": [{"x": 1}, None], "c": ["x@y.de", b"\xff"]})
    twice = pd.concat([frame, frame[["c"]]], axis=1)
    assert al.scan_identifiers(twice)["column"].tolist() == ["c", "c"]
    with pytest.raises(al.AllianceStatsError, match="needs a Study, tables or a DataFrame"):
        al.scan_identifiers({"clients": None})


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"max_shift": 10**30}, "max_shift must be at most 36,500 days"),
        ({"drop": 5}, "drop must be a list of columns"),
    ],
)
def test_options_out_of_reach_are_refused(options, sentence):
    with pytest.raises(al.AllianceStatsError, match=sentence):
        al.pseudonymise(STUDY, key=KEY, **options)


def test_one_column_to_drop_may_be_named_alone_and_any_text_is_a_key():
    shared = al.pseudonymise(STUDY, key="\ud800 \udfff and any text", drop="date")
    assert "date" not in shared.sessions.columns
    with pytest.raises(al.AllianceStatsError, match="pseudonymise needs a Study"):
        al.pseudonymise(STUDY.clients, key=KEY)

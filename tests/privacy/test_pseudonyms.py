"""Pseudonyms join as the ids did, dates keep their intervals, and the key decides both."""

import re

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import alliance_stats as al
from alliance_stats.errors import AllianceStatsError, ColumnError
from alliance_stats.study.privacy import keys
from alliance_stats.study.privacy import pseudonyms as privacy

KEY = "correct horse battery staple"


@pytest.fixture(scope="module")
def study():
    """A study in whose tables every row can be known again."""
    made = al.simulate_study(n_therapists=5, n_clients=20, seed=51)
    return made.with_tables(**{n: f.assign(mark=range(len(f))) for n, f in made.tables.items()})


@pytest.fixture(scope="module")
def shared(study):
    return al.pseudonymise(study, key=KEY)


def by_mark(frame):
    return frame.sort_values("mark", ignore_index=True)


def test_no_old_id_is_left_in_any_table_or_in_the_truth(study, shared):
    frames = [*shared.tables.values(), shared.truth.sessions, shared.truth.clients]
    frames.append(shared.truth.therapists)
    for column, letter in privacy.LETTERS.items():
        old = {one for f in study.tables.values() if column in f for one in f[column]}
        new = {one for f in frames if column in f for one in f[column]}
        assert len(new) == len(old), column
        assert not new & old
        assert all(one.startswith(letter) and len(one) == 11 for one in new)


def test_tables_join_as_before_and_all_else_is_untouched(study, shared):
    clients = by_mark(shared.clients)
    name = dict(zip(study.clients["client_id"], clients["client_id"], strict=True))
    for table, old in study.tables.items():
        new = by_mark(shared.tables[table])
        if "client_id" in old:
            assert new["client_id"].tolist() == [name[one] for one in old["client_id"]]
        same = [c for c in old if c not in privacy.LETTERS and c != "date"]
        pd.testing.assert_frame_equal(new[same], old[same])
    assert len(shared.scores) == len(study.scores)


def test_rows_stand_in_the_order_of_the_pseudonyms_and_the_index_counts_anew(shared):
    for frame in [*shared.tables.values(), shared.truth.clients]:
        first = next(column for column in privacy.LETTERS if column in frame)
        assert frame[first].is_monotonic_increasing
        assert frame.index.tolist() == list(range(len(frame)))


def test_dates_move_by_whole_days_the_same_for_all_of_one_client(study, shared):
    moved = by_mark(shared.sessions)["date"] - study.sessions["date"]
    by_client = moved.groupby(study.sessions["client_id"]).agg(["nunique", "first"])
    assert (by_client["nunique"] == 1).all()
    days = by_client["first"].dt.days
    assert (by_client["first"] == pd.to_timedelta(days, unit="D")).all()
    assert days.abs().between(1, 365).all()
    assert days.nunique() > 10
    assert shared.sessions["date"].dtype == study.sessions["date"].dtype


def test_the_key_decides_and_the_study_is_not_changed(study, shared):
    assert al.pseudonymise(study, key=KEY).equals(shared)
    assert al.pseudonymise(study, key=KEY.encode()).equals(shared)
    other = al.pseudonymise(study, key="another key that is long")
    assert not set(other.clients["client_id"]) & set(shared.clients["client_id"])
    assert study.clients["client_id"].iloc[0] == "C01"


def test_it_says_what_it_did_and_forgets_where_the_data_came_from(shared):
    said = " ".join(shared.notes)
    assert "20 client_id, 5 therapist_id, 3 site_id, 2 coder_id" in said
    assert "at most 365" in said
    assert "scan_identifiers" in said
    assert shared.report is None
    assert shared.folder is None
    assert KEY not in repr(vars(shared))


def test_notes_of_reading_that_quote_an_id_are_not_handed_on(study):
    told = study._with(notes=("Client C07 was read twice.",))
    assert "C07" not in " ".join(al.pseudonymise(told, key=KEY).notes)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("", "at least 8 characters"), ("   ", "at least 8 characters"),
        ("short", "at least 8 characters"), (b"short", "at least 8 characters"),
        ("       x       ", "at least 8 characters"), ("k" * 40, "5 different characters"),
        ("abababab" * 4, "5 different characters"), ("password123", "common words"),
        ("Sommer2024!", "common words"), ("winter2023", "common words"),
        ("2024-01-11", "common words"), ("alliance-stats", "common words"),
        ("my-research-data", "common words"),
        ("1234567890", "common words"), ("qwertzuiop", "common words"),
        ("abcdefghijkl", "common words"), ("geheim-2024", "common words"),
        ("Passwort1987", "common words"), (b"letmein letmein", "common words"),
    ],
)  # fmt: skip
def test_a_key_that_can_be_found_by_trying_is_refused(study, key, why):
    with pytest.raises(AllianceStatsError, match=rf"key .*{why}.*secrets.token_urlsafe"):
        al.pseudonymise(study, key=key)


@pytest.mark.parametrize("key", ["sixty-study", "Oak Clinic 2024", "oakclinic_sixty", "sixty1234"])
def test_the_name_of_the_study_is_no_key(study, key):
    named = al.Study("Oak-Clinic sixty", study.tables)
    with pytest.raises(AllianceStatsError, match="the study's name"):
        al.pseudonymise(named, key=key)
    keys.secret_from("oak tree over 7 hills", "Oak-Clinic sixty")


def test_trying_a_key_costs_what_scrypt_costs_and_the_hash_is_keyed():
    assert keys.SCRYPT["n"] * keys.SCRYPT["r"] * 128 >= 2**25
    secret = keys.secret_from(KEY)
    assert secret != KEY.encode()
    assert keys.digest(secret, "client_id", "1") != keys.digest(secret, "therapist_id", "1")


def test_a_key_of_another_kind_and_a_wrong_shift_are_refused(study):
    with pytest.raises(AllianceStatsError, match="key must be a text or bytes, and is int"):
        al.pseudonymise(study, key=12345678)
    with pytest.raises(AllianceStatsError, match="max_shift must be a whole number of days"):
        al.pseudonymise(study, key=KEY, max_shift=1.5)


def test_columns_can_be_left_out_but_not_those_a_table_needs(study):
    noted = study.with_tables(clients=study.clients.assign(note="x"))
    assert "note" not in al.pseudonymise(noted, key=KEY, drop=["note"]).clients
    with pytest.raises(ColumnError, match=r"No table has a column 'notee'.*Did you mean 'note'"):
        al.pseudonymise(noted, key=KEY, drop=["notee"])
    with pytest.raises(ColumnError, match="'rater' cannot be dropped: the table 'ratings'"):
        al.pseudonymise(noted, key=KEY, drop=["rater"])


def test_no_shift_leaves_dates_and_says_so(study):
    still = al.pseudonymise(study, key=KEY, max_shift=0)
    pd.testing.assert_series_equal(by_mark(still.sessions)["date"], study.sessions["date"])
    assert any("left as they are (max_shift=0)" in note for note in still.notes)


def test_ids_that_would_share_a_pseudonym_get_longer_ones(monkeypatch):
    def colliding(secret, kind, value):
        return "0" * 10 + ("ab" if value == "x" else "cd") + "0" * 52

    monkeypatch.setattr(keys, "digest", colliding)
    names = keys.pseudonyms(["x", "y"], "client_id", "c", b"secret")
    assert names == {"x": "c0000000000ab", "y": "c0000000000cd"}


@settings(max_examples=50, deadline=None)
@given(ids=st.lists(st.text(min_size=1), min_size=1, max_size=20, unique=True))
def test_any_ids_stay_told_apart_and_missing_stays_missing(ids):
    clients = pd.DataFrame({"client_id": pd.Series([*ids, None], dtype=object)})
    clients["therapist_id"] = None
    made = al.pseudonymise(al.Study("x", {"clients": clients}), key=KEY).clients
    assert made["client_id"].iloc[:-1].nunique() == len(ids)
    assert made["client_id"].isna().tolist() == [False] * len(ids) + [True]
    assert made["therapist_id"].isna().all()


def test_no_client_keeps_the_days_and_none_moves_further_than_allowed():
    clients = [f"p{number}" for number in range(200)]
    assert set(keys.shifts(clients, b"secret", 1).values()) == {-1, 1}
    assert set(keys.shifts(clients, b"secret", 2).values()) == {-2, -1, 1, 2}
    assert keys.shifts(clients, b"secret", 0) == {}


FORMS = {
    "moved": ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M", "%d.%m.%Y"],
    "named": ["%m/%d/%Y", "%d.%m.%y", "%d %B %Y", "seen on %Y-%m-%d", "%Y%m%d", "%Y-%m"],
}


def test_no_day_stays_beside_moved_ones_without_being_named(study):
    """Whoever has one day as it was and as it is now can move all of the client's back."""
    day = pd.to_datetime(study.sessions["date"]) + pd.Timedelta("10h")
    forms = [form for some in FORMS.values() for form in some]
    told = {f"v{n}": day.dt.strftime(form) for n, form in enumerate(forms)}
    told |= {"serial": (day - pd.Timestamp("1899-12-30")).dt.days, "period": day.dt.to_period("D")}
    told |= {"number": told["v8"].astype(int), "mood": day.dt.day % 7, "words": "slept 7 hours"}
    told["gaps"] = day.dt.strftime("%Y-%m-%d").where(day.index % 3 > 0, "unknown")
    sessions = study.sessions.assign(**told)
    found = al.pseudonymise(study.with_tables(sessions=sessions), key=KEY)
    new = by_mark(found.sessions)
    moved = pd.to_datetime(new["date"])
    for n, form in enumerate(FORMS["moved"]):
        again = pd.to_datetime(new[f"v{n}"], format=form).dt.normalize()
        assert again.tolist() == moved.tolist()
    assert pd.to_datetime(new["period"]).tolist() == moved.tolist()
    (note,) = (note for note in found.notes if "seem to hold days" in note)
    named = set(re.findall(r"sessions\.(\w+)", note))
    left = {f"v{n}" for n in range(len(FORMS["moved"]), len(forms))}
    assert named == {*left, "serial", "number", "gaps"}

"""Ids that stand again elsewhere are replaced there; numbers that only equal them stay."""

import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.study.privacy.id_copies import replacer

KEY = "correct horse battery staple"


def shared(**columns):
    columns = {"client_id": ["7", "8", "9", "10", "11"], "therapist_id": ["t"] * 5} | columns
    clients = pd.DataFrame(columns)
    made = al.pseudonymise(al.Study("s", {"clients": clients}), key=KEY)
    return made, made.clients.drop(columns=["client_id", "therapist_id"])


@pytest.mark.parametrize(
    "copy",
    [
        ["7", "8", "9", "10", "11"], [7, 8, 9, 10, 11], [7.0, 8.0, 9.0, 10.0, None],
        [" 7", "8 ", "9", "10", "11"],
    ],
)  # fmt: skip
def test_a_column_that_is_the_id_again_becomes_the_pseudonym(copy):
    made, rest = shared(code=copy)
    same = rest["code"].notna()
    assert (rest["code"][same] == made.clients["client_id"][same]).all()
    assert any("clients.code" in note for note in made.notes)


def test_numbers_that_only_happen_to_be_ids_stay():
    made, rest = shared(group=["8", "7", "7", "8", "8"], score=[11, 10, 9, 8, 7])
    assert sorted(rest["score"]) == [7, 8, 9, 10, 11]
    assert set(rest["group"]) == {"7", "8"}
    assert any("clients.score" in note and "stand for an id" in note for note in made.notes)


def test_ids_inside_texts_are_replaced_the_longest_first_and_in_any_case():
    ids = ["C-1", "C-12", "anna b", "x@y.z", "C/1, a"]
    notes = ["see c-12", "with Anna B and C-1.", "mail x@y.z", "(C/1, a)", "C-123 is none"]
    made, rest = shared(client_id=ids, note=notes)
    text = " ".join(rest["note"])
    for one in ids:
        assert one.lower() not in text.lower().replace("c-123", "")
    assert "C-123 is none" in text
    assert sum(text.count(name) for name in made.clients["client_id"]) == 5


def test_another_person_s_id_in_a_further_id_column_gets_that_person_s_pseudonym():
    clients = pd.DataFrame(
        {"client_id": list("abcde"), "therapist_id": ["t1", "t2", "t1", "t2", "t1"],
         "supervisor_id": ["t2", "t1", "t2", "t1", "s9"], "Couple_ID": [1, 1, 2, 2, 3]}
    )  # fmt: skip
    made = al.pseudonymise(al.Study("s", {"clients": clients}), key=KEY).clients
    assert set(made["supervisor_id"]) & set(made["therapist_id"]) == set(made["therapist_id"])
    assert made["supervisor_id"].str.match(r"[tx][0-9a-f]{10}").all()
    assert made["Couple_ID"].nunique() == 3
    assert not set(made["Couple_ID"]) & {1, 2, 3}


def test_a_date_without_a_client_is_left_out_and_counted_and_days_in_text_move():
    sessions = pd.DataFrame(
        {"client_id": ["a", "a", None], "session": [1, 2, 3],
         "date": pd.to_datetime(["2024-03-01", "2024-03-08", "2024-03-09"]),
         "intake": ["2024-02-01", "2024-02-01", None], "ended": ["01.04.2024", None, None]}
    )  # fmt: skip
    made = al.pseudonymise(al.Study("s", {"sessions": sessions}), key=KEY)
    after = made.sessions.sort_values("session", ignore_index=True)
    days = (after["date"] - sessions["date"]).iloc[:2].dt.days
    assert days[0] == days[1]
    assert after["date"].isna().tolist() == [False, False, True]
    moved = pd.to_datetime(after["intake"][0]) - pd.Timestamp("2024-02-01")
    assert moved.days == days[0]
    assert (
        pd.to_datetime(after["ended"][0], format="%d.%m.%Y") - pd.Timestamp("2024-04-01") == moved
    )
    assert any("1 row(s) of sessions have a date and no client" in note for note in made.notes)


def test_many_ids_in_many_texts_take_no_longer_than_the_texts():
    names = {f"patient {n}": f"c{n:010x}" for n in range(50_000)}
    replace = replacer(names)
    assert replace("patient 49999 and patient 4999") == f"c{49999:010x} and c{4999:010x}"
    assert replace("patients 12") == "patients 12"


def test_the_replacer_leaves_words_that_only_begin_like_an_id():
    replace = replacer({"c1": "X", "c1-a": "Y", "ann": "Z"})
    assert replace("c12, c1; C1-A anna ann.") == "c12, X; Y anna Z."

"""An id is one id, as number and as text, with blanks around it: in every table that is given."""

import inspect

import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.core.door import asking
from alliance_stats.core.people import one_spelling

SPELLINGS = {
    "numbers": [1, 2, 3], "texts": ["1", "2", "3"], "floats": [1.0, 2.0, 3.0],
    "blanks": [" 1", "2 ", "3"], "decimals": ["1.0", "2.0", "3.0"],
    "categories": pd.Categorical(["1", "2", "3"]), "string": pd.array(["1", "2", "3"], "string"),
    "Int64": pd.array([1, 2, 3], "Int64"), "mixed": [1, "2", 3.0],
}  # fmt: skip


def frame(ids):
    return pd.DataFrame({"client_id": ids, "session": 1, "value": [0.1, 0.2, 0.4]})


@pytest.mark.parametrize("left", SPELLINGS)
@pytest.mark.parametrize("right", SPELLINGS)
def test_two_tables_of_the_same_clients_meet(left, right):
    def joined(data, further):
        return data.merge(further, on=["client_id", "session"])

    found = asking(joined)(frame(SPELLINGS[left]), frame(SPELLINGS[right]))
    assert found["value_x"].tolist() == found["value_y"].tolist() == [0.1, 0.2, 0.4]


@pytest.mark.parametrize(
    ("ids", "told"),
    [
        (["01", "02", "03"], "only look like those of `data`"),
        (["1", "2", "03"], "only look like those of `data`"),
        (["a", "b", "c"], "No client_id of `further` is one of `data`"),
    ],
)
def test_tables_whose_clients_do_not_meet_are_refused(ids, told):
    with pytest.raises(al.DesignError, match=told):
        one_spelling({"data": frame([1, 2, 3]), "further": frame(ids)})


def test_accents_in_one_sign_or_in_two_are_the_same():
    given = {"data": frame(["e\u0301", "b", "c"]), "further": frame(["\u00e9", "b", "c"])}
    found = one_spelling(given)["further"]["client_id"]
    assert found.tolist() == given["data"]["client_id"].tolist()


def test_ids_written_in_two_ways_in_one_table_are_one_client():
    rows = pd.DataFrame({"client_id": [1, "1", " 1", "2", 2.0], "score": [1.0, 2, 3, 4, 6]})
    found = al.decompose(rows, "score")
    assert (
        found["score_between"].tolist()
        == al.decompose(rows.assign(client_id=[1, 1, 1, 2, 2]), "score")["score_between"].tolist()
    )


STUDY = al.simulate_study(n_therapists=6, n_clients=36, planned_sessions=7, coded_share=1.0, seed=5)
SESSIONS = STUDY.sessions
SPOILT = {
    "blanks": lambda ids: ids + " ",
    "other people": lambda ids: "x" + ids,
    "capitals": lambda ids: ids.str.swapcase(),
}
CALLS = {
    "person_period": lambda t: al.person_period(STUDY, predictors=t(
        SESSIONS[["client_id", "session"]].assign(lateness=1.0 * SESSIONS["session"]))),
    "fit_rupture_count": lambda t: al.fit_rupture_count(
        STUDY, alliance="wai-sr", rule="drop_within_sd", predictors="age",
        clients=t(STUDY.clients.assign(age=range(36)))).table,
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_a_public_function_joins_rightly_or_refuses(name):
    plain = CALLS[name](lambda table: table)

    def spoilt(how):
        return lambda table: table.assign(client_id=SPOILT[how](table["client_id"].astype(str)))

    blanks = CALLS[name](spoilt("blanks"))
    assert blanks.equals(plain)
    for how in ("other people", "capitals"):
        with pytest.raises(al.DesignError, match="client_id"):
            CALLS[name](spoilt(how))


def test_every_function_is_handed_out_through_the_door():
    for name in al.__all__:
        function = getattr(al, name)
        if inspect.isfunction(function):
            assert function.__code__.co_name == "door", name

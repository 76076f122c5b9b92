import numpy as np
import pandas as pd
import pytest

from alliance_stats.errors import DesignError
from alliance_stats.multilevel.engine.grouping import arrange, factorise
from alliance_stats.multilevel.formula.terms import Table


def grouping_of(frame, *columns):
    table = Table(frame)
    return arrange([factorise(table, (c,) if isinstance(c, str) else c) for c in columns], frame)


@pytest.fixture
def shuffled():
    """Three sites, seven therapists, twenty clients, rows in no order."""
    rng = np.random.default_rng(2)
    therapist_of = rng.integers(0, 7, 20)
    site_of = np.array([0, 0, 1, 1, 1, 2, 2])
    client = rng.permutation(np.repeat(np.arange(20), 4))
    therapist = therapist_of[client]
    return pd.DataFrame(
        {"client": client, "therapist": therapist, "site": site_of[therapist]}
    ).astype(str)


def test_levels_are_ordered_whatever_the_formula_says(shuffled):
    for columns in (("site", "client", "therapist"), ("client", "therapist", "site")):
        grouping = grouping_of(shuffled, *columns)
        assert grouping.names == ("client", "therapist", "site")


def test_every_row_is_in_its_units(shuffled):
    grouping = grouping_of(shuffled, "client", "therapist", "site")
    for level, name in enumerate(grouping.names):
        labels = grouping.labels[level][grouping.of_rows(level)]
        assert list(labels) == list(shuffled[name])


def test_children_of_a_parent_are_neighbours(shuffled):
    grouping = grouping_of(shuffled, "client", "therapist", "site")
    for parents, starts in zip(grouping.parents, grouping.starts, strict=True):
        assert (np.diff(parents) >= 0).all()
        np.testing.assert_array_equal(parents[starts], np.unique(parents))


def test_ids_used_again_are_told_apart_by_a_combination():
    frame = pd.DataFrame({"client": [1, 1, 2, 2, 1, 1, 2, 2], "therapist": list("aaaabbbb")})
    grouping = grouping_of(frame, ("client", "therapist"), "therapist")
    assert grouping.names == ("client:therapist", "therapist")
    assert list(grouping.labels[0]) == [(1, "a"), (2, "a"), (1, "b"), (2, "b")]
    rows = grouping.labels[0][grouping.of_rows(0)]
    assert list(rows) == list(frame.itertuples(index=False, name=None))


def test_clients_of_several_therapists_are_counted_and_named():
    frame = pd.DataFrame(
        {"client": ["c1", "c1", "c2", "c2", "c3"], "therapist": ["t1", "t2", "t1", "t1", "t2"]}
    )
    grouping = grouping_of(frame, "therapist", "client")
    assert (grouping.kind, grouping.names) == ("crossed", ("client", "therapist"))
    (note,) = grouping.notes
    assert "1 of 3 groups of 'client' belong to several of 'therapist' (first: c1;" in note
    assert "c1 to t1, t2" in note


def test_client_numbers_that_start_anew_are_told_with_the_nested_term():
    """Four numbers under each of eight therapists: more therapists than numbers."""
    frame = pd.DataFrame({"therapist_id": np.repeat(range(8), 4), "client_id": [1, 2, 3, 4] * 8})
    timed = frame.assign(session=1)
    for order in (("client_id", "therapist_id"), ("therapist_id", "client_id")):
        for data in (frame, timed):
            with pytest.raises(DesignError) as caught:
                grouping_of(data, *order)
            message = str(caught.value)
            assert "4 of 4 groups of 'client_id' belong to several of 'therapist_id'" in message
            assert "start anew" in message
            assert "(1 | therapist_id/client_id)" in message


def test_most_clients_may_change_where_the_ids_are_those_of_one_person():
    frame = pd.DataFrame(
        {
            "client_id": np.repeat(range(12), 2),
            "therapist_id": [f"t{n}" for n in np.random.default_rng(1).permutation(24) % 6],
            "session": [1, 2] * 12,
        }
    )
    assert grouping_of(frame, "client_id", "therapist_id").kind == "crossed"
    without_time = frame.drop(columns="session")
    assert grouping_of(without_time, "client_id", "therapist_id").kind == "crossed"


def test_levels_above_may_cross_too():
    frame = pd.DataFrame(
        {"client": list("abcdef"), "therapist": list("ttuuvv"), "site": list("xyyyyy")}
    )
    grouping = grouping_of(frame, "client", "therapist", "site")
    assert grouping.kind == "crossed"
    assert "1 of 3 groups of 'therapist' belong to several of 'site'" in grouping.notes[0]


@pytest.mark.parametrize("bad", [[0.5, 1.0, 2.0], [np.inf, 1.0, 2.0]])
def test_measurements_are_no_groups(bad):
    with pytest.raises(DesignError, match="must hold labels"):
        grouping_of(pd.DataFrame({"g": bad}), "g")


def test_whole_floats_are_labels():
    grouping = grouping_of(pd.DataFrame({"g": [2.0, 1.0, 2.0]}), "g")
    assert grouping.sizes == (2,)

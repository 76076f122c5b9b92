"""A predictor's parts within clients, between clients, between therapists."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alliance_stats as al

EXACT = 1e-9  # sums of a few numbers of size 1 to 1000


@pytest.fixture
def sessions():
    """Two therapists; therapist t has a client with one and one with three sessions."""
    return pd.DataFrame(
        {
            "therapist_id": ["t", "t", "t", "t", "u", "u"],
            "client_id": ["a", "b", "b", "b", "c", "c"],
            "session": [1, 1, 2, 4, 1, 2],
            "alliance": [10.0, 1.0, 2.0, 3.0, 7.0, 5.0],
        },
        index=[9, 4, 7, 2, 0, 5],
    )


def test_two_levels_by_hand(sessions):
    split = al.decompose(sessions, "alliance")
    assert split["alliance_between"].tolist() == [10, 2, 2, 2, 6, 6]
    assert split["alliance_within"].tolist() == [0, -1, 0, 1, 1, -1]
    assert list(split.index) == [9, 4, 7, 2, 0, 5]
    assert list(split.columns[:4]) == list(sessions.columns)


def test_three_levels_weighted_by_sessions_by_hand(sessions):
    split = al.decompose(sessions, "alliance", by=["client_id", "therapist_id"])
    assert split["alliance_therapist"].tolist() == [4, 4, 4, 4, 6, 6]
    assert split["alliance_client"].tolist() == [6, -2, -2, -2, 0, 0]
    assert split["alliance_within"].tolist() == [0, -1, 0, 1, 1, -1]


def test_three_levels_weighted_by_clients_by_hand(sessions):
    split = al.decompose(sessions, "alliance", by=["client_id", "therapist_id"], weights="clients")
    assert split["alliance_therapist"].tolist() == [6, 6, 6, 6, 6, 6]
    assert split["alliance_client"].tolist() == [4, -4, -4, -4, 0, 0]


def test_the_input_is_left_as_it_was(sessions):
    before = sessions.copy()
    al.decompose(sessions, "alliance", by=["client_id", "therapist_id"], detrend="session")
    pd.testing.assert_frame_equal(sessions, before)
    assert sessions.attrs == {}


def test_several_columns_at_once(sessions):
    both = sessions.assign(distress=[1.0, 2, 3, 4, 5, 6])
    split = al.decompose(both, ["alliance", "distress"])
    alone = al.decompose(both, "distress")
    pd.testing.assert_series_equal(split["distress_within"], alone["distress_within"])
    assert [record["column"] for record in split.attrs["preparation"]] == ["alliance", "distress"]


def test_a_missing_value_has_a_between_but_no_within_part(sessions):
    split = al.decompose(sessions.assign(alliance=[10.0, 1, np.nan, 3, 7, 5]), "alliance")
    assert split["alliance_between"].tolist() == [10, 2, 2, 2, 6, 6]
    assert np.isnan(split["alliance_within"].iloc[2])


def test_complete_leaves_rows_out_of_the_means(sessions):
    holes = sessions.assign(distress=[1.0, np.nan, 1, 1, 1, 1])
    split = al.decompose(holes, "alliance", complete="distress")
    assert split["alliance_between"].tolist() == [10, 2.5, 2.5, 2.5, 6, 6]
    assert "Only rows with distress observed count." in split.attrs["preparation"][0]["message"]


def test_rows_without_an_id_are_kept_and_told(sessions):
    lost = sessions.assign(client_id=["a", None, "b", "b", "c", "c"])
    split = al.decompose(lost, "alliance")
    assert len(split) == 6
    assert split.loc[4, ["alliance_within", "alliance_between"]].isna().all()
    assert split.loc[7, "alliance_between"] == 2.5
    assert "1 rows lack client_id" in split.attrs["preparation"][0]["message"]


def test_detrending_by_hand():
    # client a rises by 2 a session around 5 (residuals 1, -2, 1); client b has two sessions only
    data = pd.DataFrame(
        {
            "client_id": list("aaabb"),
            "session": [1, 2, 3, 1, 2],
            "alliance": [4.0, 3.0, 8.0, 1.0, 3.0],
        }
    )
    split = al.decompose(data, "alliance", detrend="session")
    within = split["alliance_within"].to_numpy()
    assert within[:3] == pytest.approx([1, -2, 1], abs=EXACT)
    assert split["alliance_trend"].to_numpy()[:3] == pytest.approx([-2, 0, 2], abs=EXACT)
    assert split["alliance_between"].tolist() == [5, 5, 5, 2, 2]
    assert np.isnan(within[3:]).all()
    record = split.attrs["preparation"][0]
    assert record["clients_without_trend"] == 1
    assert "1 clients have fewer than 3 observed sessions" in record["message"]


def test_the_level_can_be_read_at_a_chosen_time():
    data = pd.DataFrame({"client_id": "a", "session": [1, 2, 3], "alliance": [4.0, 3.0, 8.0]})
    split = al.decompose(data, "alliance", detrend="session", trend_at=1)
    assert split["alliance_between"].to_numpy() == pytest.approx([3, 3, 3], abs=EXACT)
    assert split["alliance_trend"].to_numpy() == pytest.approx([0, 2, 4], abs=EXACT)


def test_detrending_is_the_residual_of_each_clients_own_least_squares():
    rng = np.random.default_rng(3)
    data = pd.DataFrame({"client_id": rng.integers(0, 8, 90), "session": rng.integers(1, 30, 90)})
    data["alliance"] = 50 + 0.3 * data["session"] + rng.normal(size=90)
    within = al.decompose(data, "alliance", detrend="session")["alliance_within"]
    for _, client in data.groupby("client_id"):
        line = np.polyfit(client["session"], client["alliance"], 1)
        expected = client["alliance"] - np.polyval(line, client["session"])
        assert within[client.index].to_numpy() == pytest.approx(expected.to_numpy(), abs=EXACT)


def test_large_numbers_keep_their_digits():
    data = pd.DataFrame({"client_id": "a", "x": 1e12 + np.array([1.0, 2.0, 6.0])})
    assert al.decompose(data, "x")["x_within"].tolist() == [-2, -1, 3]


@st.composite
def nested_sessions(draw):
    therapist_of = draw(st.lists(st.integers(0, 3), min_size=1, max_size=8))
    clients = draw(st.lists(st.integers(0, len(therapist_of) - 1), min_size=1, max_size=40))
    score = st.floats(-1000, 1000, allow_nan=False) | st.just(np.nan)
    scores = draw(st.lists(score, min_size=len(clients), max_size=len(clients)))
    return pd.DataFrame(
        {
            "client_id": [f"c{number}" for number in clients],
            "therapist_id": [f"t{therapist_of[number]}" for number in clients],
            "session": draw(st.permutations(range(len(clients)))),
            "x": scores,
        }
    )


@given(
    nested_sessions(), st.sampled_from(["sessions", "clients"]), st.sampled_from([None, "session"])
)
def test_the_parts_sum_to_the_whole_and_no_row_is_lost(data, weights, detrend):
    split = al.decompose(
        data, "x", by=["client_id", "therapist_id"], weights=weights, detrend=detrend
    )
    assert split[data.columns].equals(data)
    parts = [name for name in split.columns if name not in data.columns]
    whole = split[parts].sum(axis=1, skipna=False)
    there = whole.notna()
    assert whole[there].to_numpy() == pytest.approx(data["x"][there].to_numpy(), abs=EXACT)
    if detrend is None:
        assert there.equals(data["x"].notna())


@given(nested_sessions())
def test_each_part_sums_to_zero_one_level_up(data):
    split = al.decompose(data, "x", by=["client_id", "therapist_id"]).dropna(subset=["x"])
    within = split.groupby("client_id")["x_within"].sum()
    between = split.groupby("therapist_id")["x_client"].sum()
    assert within.abs().max() < 1e-7 or within.empty  # up to 40 numbers of size 1000
    assert between.abs().max() < 1e-7 or between.empty
    by_client = al.decompose(data, "x", by=["client_id", "therapist_id"], weights="clients")
    one_each = by_client.dropna(subset=["x"]).drop_duplicates("client_id")
    assert (one_each.groupby("therapist_id")["x_client"].sum().abs() < 1e-7).all()


def test_the_record_can_be_written_and_accumulates(sessions):
    once = al.decompose(sessions, "alliance", by=["client_id", "therapist_id"])
    twice = al.lag(once, "alliance_within")
    assert [record["step"] for record in twice.attrs["preparation"]] == ["decompose", "lag"]
    assert len(once.attrs["preparation"]) == 1
    record = json.loads(json.dumps(twice.attrs["preparation"]))[0]
    assert record["message"] == (
        "alliance was split into alliance_within, alliance_client and alliance_therapist: 6 of 6 "
        "rows count, 3 clients; the client's level is the mean of a client's sessions (by "
        "'client_id'). The therapist's level (by 'therapist_id') is the mean of all sessions, so "
        "that clients with more sessions count more."
    )


def test_records_do_not_stand_in_the_way_of_pandas(sessions):
    split = al.lag(al.decompose(sessions, "alliance"), "alliance")
    assert len(pd.concat([split, split])) == 12
    assert split.merge(split[["client_id", "session"]], how="left").shape == split.shape


@pytest.mark.parametrize("dtype", ["Float64", "Int64", "int8", "bool"])
def test_any_kind_of_number_will_do(sessions, dtype):
    data = sessions.assign(alliance=pd.Series([1, 0, 1, 1, 0, 1], sessions.index).astype(dtype))
    assert al.decompose(data, "alliance")["alliance_between"].tolist()[-1] == 0.5


def test_empty_and_wholly_missing_columns_give_empty_parts(sessions):
    assert al.decompose(sessions.iloc[:0], "alliance")["alliance_within"].empty
    by = ["client_id", "therapist_id"]
    assert al.decompose(sessions.iloc[:0], "alliance", by=by)["alliance_client"].empty
    void = al.decompose(sessions.assign(alliance=np.nan), "alliance", by=by)
    assert void["alliance_therapist"].isna().all()
    nobody = al.decompose(sessions.assign(client_id=None), "alliance")
    assert nobody["alliance_between"].isna().all()


# --- errors, by their text -------------------------------------------------------------------


def test_a_client_with_two_therapists_is_named(sessions):
    crossed = sessions.assign(client_id=["a", "b", "b", "b", "b", "b"], session=range(1, 7))
    with pytest.raises(al.DesignError, match=r"1 have several in 'therapist_id' \(first: b\)"):
        al.decompose(crossed, "alliance", by=["client_id", "therapist_id"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"columns": "aliance"}, "must have the column aliance; .* Did you mean 'alliance'"),
        ({"columns": []}, "`columns` must be the name of a column or a list of names"),
        ({"columns": ["alliance", "alliance"]}, "names alliance more than once"),
        ({"columns": "therapist_id"}, "'therapist_id' must hold numbers; .*first: 't', 'u'"),
        ({"columns": "alliance", "by": ["a", "b", "c"]}, "names a, b, c"),
        ({"columns": "session", "detrend": "session"}, "split by itself: session"),
        ({"columns": "alliance", "detrend": "sesion"}, "Did you mean 'session'"),
        ({"columns": "alliance", "trend_at": 1}, "`trend_at` needs `detrend`"),
        ({"columns": "alliance", "weights": "rows"}, "'sessions' or 'clients'; it is 'rows'"),
    ],
)
def test_what_cannot_be_done_is_said(sessions, arguments, message):
    with pytest.raises(al.ColumnError, match=message):
        al.decompose(sessions, **arguments)


def test_infinite_values_are_located(sessions):
    with pytest.raises(al.ColumnError, match=r"infinite values in 1 rows \(index 4\)"):
        al.decompose(sessions.assign(alliance=[1, np.inf, 1, 1, 1, 1]), "alliance")


def test_columns_are_replaced_only_on_request(sessions):
    once = al.decompose(sessions, "alliance")
    with pytest.raises(
        al.ColumnError, match="already have the columns alliance_within, alliance_b"
    ):
        al.decompose(once, "alliance")
    stale = once.assign(alliance_within=0.0)
    again = al.decompose(stale, "alliance", replace=True)
    assert again["alliance_within"].tolist() == once["alliance_within"].tolist()
    assert "were replaced" in again.attrs["preparation"][-1]["message"]


def test_a_table_is_asked_for():
    with pytest.raises(al.ColumnError, match=r"must be a pandas DataFrame .* it is a list"):
        al.decompose([1, 2], "x")


def test_a_column_named_twice_is_told(sessions):
    double = pd.concat([sessions, sessions[["alliance"]]], axis=1)
    with pytest.raises(al.ColumnError, match="more than one column named alliance"):
        al.decompose(double, "alliance")

"""Layouts, reversal, answers set aside, and what is refused in words."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.errors import ColumnError, MeasureError

COLUMNS = ["client_id", "session", "rater", "measure", "scale", "score", "n_answered", "n_items"]


@pytest.fixture
def long():
    """Two clients, two sessions, client and therapist, WAI-SR items 1 to 5 in turn."""
    rows = [
        (client, session, rater, "wai-sr", item, 1 + (item + session + len(rater)) % 5)
        for client in ("b", "a")
        for session in (2, 1)
        for rater in ("client", "therapist")
        for item in range(1, 13)
    ]
    names = ["client_id", "session", "rater", "measure", "item", "value"]
    return pd.DataFrame(rows, columns=names)


def wide_of(n_items, value=1, prefix="item", **columns):
    return pd.DataFrame(
        {
            "client_id": ["a", "b"],
            "session": [1, 1],
            **columns,
            **{f"{prefix}{item}": value for item in range(1, n_items + 1)},
        }
    )


def test_long_ratings_give_one_row_a_unit_and_scale(long):
    table = al.score(long)
    assert list(table.columns) == COLUMNS
    assert len(table) == 2 * 2 * 2 * 4
    first = table.iloc[0]
    assert first[COLUMNS[:5]].tolist() == ["b", 1, "client", "wai-sr", "task"]
    # session 1, "client" has 6 letters: 1 + (item + 7) % 5 for items 1, 2, 10, 12
    assert first["score"] == np.mean([4, 5, 3, 5])


def test_the_input_is_left_alone(long):
    before = long.copy(deep=True)
    al.score(long)
    pd.testing.assert_frame_equal(long, before)


def test_no_ratings_give_an_empty_table_of_the_same_columns(long):
    assert list(al.score(long.iloc[:0]).columns) == COLUMNS
    assert len(al.score(long.iloc[:0], "wai-sr")) == 0


def test_categories_objects_and_text_numbers_score_alike(long):
    plain = al.score(long)
    other = long.astype({"client_id": "category", "rater": "category", "measure": object})
    other = other.assign(value=other["value"].astype(str), item=other["item"].astype(float))
    found = al.score(other)
    assert found["score"].tolist() == plain["score"].tolist()
    assert found["client_id"].astype(str).tolist() == plain["client_id"].tolist()


@pytest.mark.parametrize("prefix", ["item", "wai_sr_", "WAI-SR.", "wai", "", "q", "foo"])
def test_item_columns_are_found_by_their_names(prefix):
    table = al.score(wide_of(12, 2, prefix), "wai-sr")
    assert table["score"].tolist() == [2.0] * 8
    assert set(table["rater"]) == {"client"}
    assert table.attrs["notes"] == ["The ratings name no rater; 'client' was taken."]


def test_item_columns_named_by_whole_numbers():
    frame = wide_of(9, 1, "").rename(columns={str(i): i for i in range(1, 10)})
    assert al.score(frame, "phq-9")["score"].tolist() == [9, 9]


@pytest.mark.parametrize(
    ("items", "columns"),
    [
        ("w{item}", [f"w{i}" for i in range(1, 13)]),
        ("w{item:02d}", [f"w{i:02d}" for i in range(1, 13)]),
        ([f"x{c}" for c in "abcdefghijkl"], [f"x{c}" for c in "abcdefghijkl"]),
        (dict(enumerate("abcdefghijkl", 1)), list("abcdefghijkl")),
    ],
)
def test_item_columns_as_the_caller_names_them(items, columns):
    frame = pd.DataFrame([[3] * 12], columns=columns).assign(client_id="z", session=1)
    table = al.score(frame, "wai-sr", items=items, rater="therapist")
    assert table["score"].tolist() == [3.0] * 4
    assert set(table["rater"]) == {"therapist"}
    assert table.attrs["notes"] == ["The ratings name no rater; 'therapist' was taken."]


def test_several_measures_side_by_side_are_told_by_their_names():
    frame = wide_of(9, 1, "phq9_").join(wide_of(7, 2, "gad7_").filter(like="gad"))
    table = al.score(frame)
    assert table["measure"].tolist() == ["phq-9", "gad-7"] * 2
    assert table["score"].tolist() == [9, 14] * 2


def test_a_number_in_the_name_runs_into_the_item_number():
    assert al.score(wide_of(45, 0, "oq45"), "oq-45")["score"].tolist()[3] == 36


def test_wide_with_a_rater_column():
    frame = wide_of(12, 4, rater=["client", "therapist"])
    assert al.score(frame, "wai-sr")["rater"].unique().tolist() == ["client", "therapist"]


def test_a_partial_form_is_scored_where_the_caller_says_so():
    frame = wide_of(12, 4).drop(columns=["item1", "item2"])
    items = {number: f"item{number}" for number in range(3, 13)}
    table = al.score(frame, "wai-sr", items=items).head(4).set_index("scale")
    assert table["score"].isna().tolist() == [True, False, False, True]


def test_occasions_and_other_units():
    frame = wide_of(9, 1).rename(columns={"session": "occasion"})
    assert list(al.score(frame, "phq-9").columns[:2]) == ["client_id", "occasion"]
    frame = frame.assign(wave=[1, 2]).drop(columns="occasion")
    table = al.score(frame, "phq-9", by=["client_id", "wave"])
    assert table["wave"].tolist() == [1, 2]


def test_only_some_scales_and_another_method(long):
    table = al.score(long, "wai-sr", scales=["bond"])
    assert set(table["scale"]) == {"bond"}
    sums = al.score(long, "wai-sr", scales="bond", method="sum")
    np.testing.assert_allclose(sums["score"], 4 * table["score"], rtol=0, atol=1e-12)


def test_one_measure_of_several(long):
    both = pd.concat([long, long.assign(measure="phq9", item=1, value=0).drop_duplicates()])
    assert set(al.score(both, "wai-sr")["measure"]) == {"wai-sr"}
    assert set(al.score(both)["measure"]) == {"wai-sr", "phq-9"}
    with pytest.raises(MeasureError, match=r"hold no answers to 'oq-45'; .* holds wai-sr, phq9"):
        al.score(both, "oq45")


def test_values_reversed_before_are_not_turned_again():
    raw = wide_of(10, 0)
    turned = raw.assign(item2=4, item3=4)
    assert al.score(raw, "core-10")["score"].tolist() == [8, 8]
    assert al.score(turned, "core-10", already_reversed=True)["score"].tolist() == [8, 8]
    pair = {("core10", "client")}
    assert al.score(turned, "core-10", already_reversed=pair)["score"].tolist() == [8, 8]
    other = {("core-10", "therapist"), ("oq-45", "client")}
    assert al.score(turned, "core-10", already_reversed=other)["score"].tolist() == [0, 0]


def test_answers_that_do_not_fit_are_set_aside_and_told():
    frame = wide_of(9, 1).astype({f"item{i}": object for i in range(1, 10)})
    frame.loc[0, "item3"] = 7
    frame.loc[1, "item3"] = -9
    frame.loc[0, "item4"] = 1.5
    frame.loc[1, "item5"] = "often"
    table = al.score(frame, "phq-9", missing_rule=1)
    assert table["score"].isna().all()
    assert table["n_answered"].tolist() == [7, 7]
    assert table.attrs["set_aside"] == [
        {
            "measure": "phq-9",
            "rater": "client",
            "item": 3,
            "reason": "out of range",
            "rows": 2,
            "values": [-9.0, 7.0],
            "first": [
                "client_id a, session 1, rater client",
                "client_id b, session 1, rater client",
            ],
        },
        {
            "measure": "phq-9",
            "rater": "client",
            "item": 4,
            "reason": "not an allowed step",
            "rows": 1,
            "values": [1.5],
            "first": ["client_id a, session 1, rater client"],
        },
        {
            "measure": "phq-9",
            "rater": "client",
            "item": 5,
            "reason": "not a number",
            "rows": 1,
            "values": ["often"],
            "first": ["client_id b, session 1, rater client"],
        },
    ]


@pytest.mark.parametrize("name", sorted(al.list_measures().query("scales != ''").name))
def test_the_last_allowed_answers_count_and_the_next_do_not(name):
    card = al.measure(name)
    step = 1 if card.step is None else card.step
    rows = [
        (f"{side}{item}", item, value)
        for item in card.items
        for side, value in (
            ("low", card.item_range(item).low),
            ("high", card.item_range(item).high),
            ("under", card.item_range(item).low - step),
            ("over", card.item_range(item).high + step),
        )
    ]
    frame = pd.DataFrame(rows, columns=["client_id", "item", "value"])
    frame = frame[~frame["value"].isin(card.missing_codes)]
    frame = frame.assign(session=1, rater="client", measure=name)
    table = al.score(frame)
    answered = table.groupby("client_id")["n_answered"].max() > 0
    in_no_scale = {i for i in card.items if not any(i in s for s in card.scales.values())}
    for client, found in answered.items():
        item = int("".join(filter(str.isdigit, client)))
        assert found == (client.startswith(("low", "high")) and item not in in_no_scale), client
    aside = {(r["item"], r["reason"], r["rows"]) for r in table.attrs["set_aside"]}
    wrong = frame["client_id"].str.startswith(("under", "over"))
    counts = frame[wrong].groupby("item").size()
    assert aside == {(item, "out of range", n) for item, n in counts.items()}


def test_decimals_add_up_alike_in_any_order():
    frame = pd.DataFrame(
        {
            "client_id": "a",
            "session": 1,
            "rater": "client",
            "measure": "ors",
            "item": [1, 2, 3, 4],
            "value": [0.1, 0.2, 0.3, 0.0],
        }
    )
    assert 0.1 + 0.2 + 0.3 != 0.3 + 0.2 + 0.1
    forward, backward = al.score(frame), al.score(frame.iloc[::-1])
    assert forward["score"].tolist() == backward["score"].tolist()


def test_infinite_answers_are_out_of_range():
    frame = wide_of(9, 1).assign(item1=np.inf)
    record = al.score(frame, "phq-9").attrs["set_aside"][0]
    assert (record["reason"], record["rows"]) == ("out of range", 2)


def test_an_instrument_that_cannot_be_scored_is_named_beside_those_that_can(long):
    calpas = long.assign(measure="calpas")
    table = al.score(pd.concat([long, calpas]))
    assert set(table["measure"]) == {"wai-sr"}
    (record,) = table.attrs["not_scored"]
    assert (record["measure"], record["rows"]) == ("calpas", 96)
    with pytest.raises(MeasureError, match="'calpas' cannot be scored: The items of the scale"):
        al.score(calpas, "calpas")
    with pytest.raises(MeasureError, match="'3rs' cannot be scored: it is a coding system"):
        al.score(calpas, "3rs")


def test_scores_survive_being_put_together(long):
    one = al.score(long)
    both = pd.concat([one, al.score(long)])
    assert len(both) == 2 * len(one)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.drop(columns="client_id"), "must have the column client_id"),
        (lambda d: d.drop(columns="session"), r"must have the column session \(or occasion\)"),
        (lambda d: d.drop(columns="measure"), "name no measure: give the column 'measure'"),
        (
            lambda d: d.assign(client_id=d["client_id"].where(d.index > 2)),
            r"'client_id' of the ratings is empty in 3 rows \(first at position 1, 2, 3\)",
        ),
        (
            lambda d: d.assign(rater=d["rater"].where(d.index != 4)),
            "'rater' of the ratings is empty in 1 rows",
        ),
    ],
)
def test_columns_that_are_missing_or_empty(long, change, message):
    with pytest.raises(ColumnError, match=message):
        al.score(change(long))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda d: pd.concat([d, d.iloc[[0]].assign(value=2)]),
            r"hold 1 answers to an item that was already answered in the same session \(client_id "
            r"b, session 2, rater client, item 1\)",
        ),
        (
            lambda d: d.assign(measure="wai-rs"),
            "The measure 'wai-rs' is not known.* Did you mean 'wai-s",
        ),
        (
            lambda d: d.assign(item=d["item"] + 1),
            "ratings of 'wai-sr' hold item 13 in 8 rows; its items are 1 to 12",
        ),
        (lambda d: d.assign(item=d["item"] - 1), "hold item 0 in 8 rows"),
        (lambda d: d.assign(item="wai1"), "must hold item numbers.*in 96 rows it holds wai1"),
        (lambda d: d.assign(item=d["item"] + 0.5), "must hold item numbers"),
    ],
)
def test_measures_and_items_that_do_not_fit(long, change, message):
    with pytest.raises(MeasureError, match=message):
        al.score(change(long))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: al.score([1, 2], "phq-9"), "must be a pandas DataFrame; a list came"),
        (lambda: al.score(wide_of(8, 1), "phq-9"), "No item columns of 'phq-9' were found"),
        (
            lambda: al.score(wide_of(8, 1, "phq9_"), "phq-9"),
            r"columns 'phq9_\{item\}' lack item 9 of 'phq-9', which has 9",
        ),
        (
            lambda: al.score(
                wide_of(9, 1, "foo").join(wide_of(9, 2, "bar").filter(like="bar")), "phq-9"
            ),
            r"could be in several families of columns \('foo\{item\}', 'bar\{item\}'\)",
        ),
        (lambda: al.score(wide_of(9, 1)), "No columns named like a known measure were found"),
        (lambda: al.score(wide_of(9, 1), items="item{item}"), "say also which measure"),
        (lambda: al.score(wide_of(9, 1), "phq-9", items="item"), r"must hold \{item\}"),
        (
            lambda: al.score(wide_of(9, 1), "phq-9", items="itm{item}"),
            "must have the columns itm1, itm2.* Did you mean 'item1'",
        ),
        (
            lambda: al.score(wide_of(9, 1), "phq-9", items=["item1", "item2"]),
            "'phq-9' has 9 items; 2 columns were named",
        ),
        (
            lambda: al.score(pd.concat([wide_of(9, 1), wide_of(9, 1)[["item4"]]], axis=1), "phq-9"),
            "hold the column item4 more than once",
        ),
        (
            lambda: al.score(wide_of(12, 1), "wai-sr", scales="bnd"),
            "has no scale 'bnd'; its scales are task, bond, goal, total. Did you mean 'bond'",
        ),
        (
            lambda: al.score(wide_of(6, 1), "sai", scales="bond"),
            "scale 'bond' of 'sai' cannot be scored: Which items belong to the bond is not known",
        ),
        (lambda: al.score(wide_of(12, 1), "wai-sr", method="median"), "method must be 'sum'"),
        (
            lambda: al.score(pd.concat([wide_of(9, 1)] * 2), "phq-9"),
            "already answered in the same session",
        ),
    ],
)
def test_what_cannot_be_done_is_said(call, message):
    with pytest.raises((ColumnError, MeasureError), match=message):
        call()


@pytest.mark.parametrize(
    "items",
    [5, {"a": "wai1"}, "wai{item}{other}", "wai{item}{", "wai{item}{0}", "wai{item}{item.x}"],
)
def test_item_columns_named_in_a_way_that_cannot_be_meant(items):
    frame = pd.DataFrame({"client_id": ["a"], "session": [1], "wai1": [3]})
    with pytest.raises(ColumnError, match="item"):
        al.score(frame, "wai-sr", items=items)


def test_an_item_number_no_form_has_is_refused_and_a_complex_answer_set_aside():
    long = pd.DataFrame({"client_id": ["a"], "session": [1], "rater": ["client"], "value": [3]})
    with pytest.raises(MeasureError, match="'item' must hold item numbers"):
        al.score(long.assign(item=1e30), "wai-sr")
    wide = pd.DataFrame({"client_id": ["a"], "session": [1]} | {f"q{i}": [1] for i in range(1, 10)})
    table = al.score(wide.assign(q1=1j), "phq-9", items="q{item}")
    assert "1j" in str(table.attrs["set_aside"])


def test_a_name_that_ends_in_a_digit_is_found_with_and_without_a_stroke():
    for form in ("phq9_{}", "phq9{}", "PHQ-9.{}"):
        row = {form.format(item): [1] for item in range(1, 10)}
        scored = al.score(
            pd.DataFrame({"client_id": ["a"], "session": [1], **row}), measure="phq-9"
        )
        assert scored["score"].tolist() == [9.0], form

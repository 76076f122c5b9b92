"""What holds for any answers: row order, no row lost, reversal undone by reversal."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

import alliance_stats as al

SCORABLE = sorted(name for name, card in al.load_registry().items() if card.scales)
QUICK = settings(max_examples=40, deadline=None)
KEYS = ["client_id", "session", "rater", "measure", "scale"]


@st.composite
def ratings(draw):
    """Some sessions of one instrument, each answer valid, missing, or nonsense."""
    card = al.measure(draw(st.sampled_from(SCORABLE)))
    units = draw(
        st.lists(
            st.tuples(
                st.sampled_from("abc"), st.integers(1, 3), st.sampled_from(list(card.raters))
            ),
            min_size=1,
            max_size=4,
            unique=True,
        )
    )
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    rows = []
    for client, session, rater in units:
        for item in card.items:
            if rng.random() < 0.05:
                continue
            low, high = card.item_range(item)
            value = rng.uniform(low, high) if card.step is None else rng.integers(low, high + 1)
            odd = rng.random()
            value = np.nan if odd < 0.05 else (high + 50 if odd < 0.08 else value)
            rows.append((client, session, rater, card.name, item, float(value)))
    columns = ["client_id", "session", "rater", "measure", "item", "value"]
    return card, pd.DataFrame(rows, columns=columns), seed


@QUICK
@given(ratings())
def test_the_order_of_rows_does_not_matter(drawn):
    _, frame, seed = drawn
    shuffled = frame.sample(frac=1, random_state=seed)
    one, other = al.score(frame), al.score(shuffled)
    pd.testing.assert_frame_equal(
        one.sort_values(KEYS, ignore_index=True),
        other.sort_values(KEYS, ignore_index=True),
        check_exact=True,
    )


@QUICK
@given(ratings())
def test_every_unit_has_every_scale_and_the_answers_add_up(drawn):
    card, frame, _ = drawn
    table = al.score(frame)
    units = frame[["client_id", "session", "rater"]].drop_duplicates()
    assert len(table) == len(units) * len(card.scales)
    aside = sum(record["rows"] for record in table.attrs["set_aside"])
    assert aside == (frame["value"] > card.range.high).sum()
    whole = {"total", "gsi"} & set(card.scales)
    if whole and card.name != "qids-sr16":
        used = table.loc[table["scale"].isin(whole), "n_answered"].sum()
        none = frame["value"].isin(card.missing_codes).sum()
        assert used == frame["value"].notna().sum() - aside - none


@QUICK
@given(ratings())
def test_scores_stay_inside_the_range_of_their_scale(drawn):
    card, frame, _ = drawn
    for scale, scores in al.score(frame).groupby("scale")["score"]:
        low, high = card.scale_range(scale)
        inside = scores.dropna().between(low - 1e-9, high + 1e-9)
        if card.name != "wsas":  # without item 1 the total may only be lower
            assert inside.all()


@QUICK
@given(ratings())
def test_reversing_by_hand_is_undone_by_saying_so(drawn):
    card, frame, _ = drawn
    valid = frame[frame["value"].between(card.range.low, card.range.high)]
    turn = valid["item"].isin(card.reversed_items)
    turned = valid.assign(
        value=valid["value"].where(~turn, card.range.low + card.range.high - valid["value"])
    )
    if valid.empty:
        return
    pd.testing.assert_frame_equal(
        al.score(valid), al.score(turned, already_reversed=True), check_exact=False, atol=1e-12
    )


def outcome(frame, measure):
    try:
        table = al.score(frame, measure)
    except al.AllianceStatsError as error:
        return "a sentence" if len(str(error)) > 20 else str(error)
    return "scores" if "score" in table.columns else "no scores"


@QUICK
@given(st.data())
def test_any_table_gives_scores_or_a_sentence(data):
    names = ["client_id", "session", "rater", "measure", "item", "value", "item1", "phq9_1"]
    columns = data.draw(st.lists(st.sampled_from(names), unique=True, max_size=8))
    cell = st.one_of(
        st.none(), st.integers(-5, 20), st.floats(), st.text(max_size=4), st.just("phq-9")
    )
    n_rows = data.draw(st.integers(0, 4))
    frame = pd.DataFrame(
        {name: data.draw(st.lists(cell, min_size=n_rows, max_size=n_rows)) for name in columns}
    )
    measure = data.draw(st.sampled_from([None, "phq-9", "oq-45", "gaf"]))
    assert outcome(frame, measure) in ("scores", "a sentence")


def test_answers_laid_out_in_any_way_give_the_same_scores():
    """Whole forms in order are added up as a table; others, and mostly empty ones, one by one."""
    rng = np.random.default_rng(3)
    units = pd.MultiIndex.from_product([range(40), range(3), range(1, 46)])
    whole = units.to_frame(index=False, name=["client_id", "session", "item"])
    whole = whole.assign(rater="client", measure="oq-45", value=rng.integers(0, 5, len(whole)))
    key = ["client_id", "session", "scale"]
    scores = al.score(whole).sort_values(key, ignore_index=True)
    mixed = al.score(whole.sample(frac=1, random_state=1)).sort_values(key, ignore_index=True)
    pd.testing.assert_frame_equal(scores, mixed)
    by_hand = whole.assign(value=whole["value"].where(
        ~whole["item"].isin(al.measure("oq-45").reversed_items), 4 - whole["value"]
    )).groupby(["client_id", "session"])["value"].sum()  # fmt: skip
    total = scores[scores["scale"] == "total"].set_index(["client_id", "session"])["score"]
    assert (total == by_hand).all()
    few = whole[rng.random(len(whole)) < 0.1]
    counts = al.score(few).query("scale == 'total'").set_index(["client_id", "session"])
    assert (counts["n_answered"] == few.groupby(["client_id", "session"]).size()).all()

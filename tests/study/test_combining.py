"""Several studies as one."""

import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.errors import AllianceStatsError, DesignError


def small(ids, **more):
    clients = pd.DataFrame({"client_id": ids, "therapist_id": "T1"})
    scores = pd.DataFrame({"client_id": ids, "session": 1, "rater": "client", "measure": "phq-9"})
    return al.Study(
        "s", {"clients": clients, "scores": scores.assign(scale="total", score=9.0), **more}
    )


def test_each_study_becomes_a_site_and_the_whole_validates():
    one, two = (al.simulate_study(n_therapists=3, n_clients=6, seed=seed) for seed in (1, 2))
    both = al.combine_studies({"Bern": one, "Kiel": two})
    assert al.validate(both).ok
    assert both.clients["site_id"].tolist() == ["Bern"] * 6 + ["Kiel"] * 6
    assert set(both.clients["site_within"]) == set(one.clients["site_id"]) | set(
        two.clients["site_id"]
    )
    assert len(both.ratings) == len(one.ratings) + len(two.ratings)
    kiel = both.scores[both.scores["client_id"].str.startswith("Kiel-")]
    pd.testing.assert_series_equal(
        kiel["score"].reset_index(drop=True), two.scores["score"].reset_index(drop=True)
    )
    assert both.synthetic


def test_only_ids_that_collide_are_changed():
    both = al.combine_studies({"a": small(["1", "2"]), "b": small(["3", "4"])})
    assert both.clients["client_id"].tolist() == ["1", "2", "3", "4"]
    assert both.clients["therapist_id"].tolist() == ["a-T1", "a-T1", "b-T1", "b-T1"]
    assert any("Ids of therapists stood in more than one study;" in n for n in both.notes)
    assert "T1" not in " ".join(both.notes)  # an old id is none that a report knows to mask
    whole = al.combine_studies({"a": small(["1", "2"]), "b": small(["2", "3"])})
    assert whole.clients["client_id"].tolist() == ["a-1", "a-2", "b-2", "b-3"]
    assert whole.scores["client_id"].tolist() == ["a-1", "a-2", "b-2", "b-3"]


def test_names_that_make_ids_collide_are_refused():
    studies = {"a": small(["b-1", "1"]), "a-b": small(["1", "2"])}
    with pytest.raises(DesignError, match="Give the studies other names"):
        al.combine_studies(studies)


def test_what_differs_is_told():
    one, two = small(["1"]), small(["2"])
    two = two.with_tables(scores=two.scores.assign(measure="gad-7"))
    ends = pd.DataFrame({"client_id": ["1"], "last_session": [4], "reason": ["completed"]})
    both = al.combine_studies({"a": one.with_tables(terminations=ends), "b": two})
    assert "phq-9 by the client (totals): in a only" in both.notes
    assert "gad-7 by the client (totals): in b only" in both.notes
    assert "the table terminations: in a only" in both.notes


def test_items_that_one_file_held_reversed_are_turned_back():
    rows = [("1", 1, "client", "oq-45", item, 3) for item in range(1, 46)]
    names = ["client_id", "session", "rater", "measure", "item", "value"]
    raw = al.Study("r", {"ratings": pd.DataFrame(rows, columns=names)})
    card = al.measure("oq-45")
    turned = raw.ratings
    at = turned["item"].isin(card.reversed_items)
    turned.loc[at, "value"] = 4 - turned.loc[at, "value"]
    held = al.Study(
        "t", {"ratings": turned}, already_reversed=frozenset({("oq-45", "client")})
    )  # the same answers, stored turned
    both = al.combine_studies({"raw": raw, "turned": held})
    scores = both.scores.groupby("client_id")["score"].agg(list)
    assert scores["raw-1"] == scores["turned-1"]
    assert any("turned: the reversed items of oq-45" in note for note in both.notes)


def test_different_cards_of_one_measure_are_refused(tmp_path):
    lines = ["id: mine", "title: T", "total: {low: 0, high: 30}", "direction: lower_is_better"]
    registries = []
    for place, high in (("a", 30), ("b", 40)):
        (tmp_path / place).mkdir()
        text = "\n".join(lines).replace("30", str(high))
        (tmp_path / place / "mine.yaml").write_text(text, encoding="utf-8")
        registries.append(al.load_registry(tmp_path / place))
    a, b = (al.Study("s", small(["1"]).tables, measures=one) for one in registries)
    with pytest.raises(DesignError, match="'a' and 'b' score 'mine' by different cards"):
        al.combine_studies({"a": a, "b": b})


@pytest.mark.parametrize("given", [{}, {"a": small(["1"])}, [small(["1"]), small(["2"])]])
def test_fewer_than_two_named_studies_are_refused(given):
    with pytest.raises(AllianceStatsError):
        al.combine_studies(given)
    with pytest.raises(AllianceStatsError, match="'b' is a int"):
        al.combine_studies({"a": small(["1"]), "b": 5})

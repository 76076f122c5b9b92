"""The codebook tells all about columns and measures, and nothing about a person."""

import json
import re

import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.study import codebook


@pytest.fixture(scope="module")
def study():
    return al.simulate_study(n_therapists=6, n_clients=30, seed=41)


def test_json_and_html_describe_every_table_column_and_measure(study, tmp_path):
    book = study.codebook()
    content = json.loads(book.to_json(tmp_path / "book.json").read_text(encoding="utf-8"))
    page = book.to_html(tmp_path / "book.html").read_text(encoding="utf-8")
    assert [one["name"] for one in content["tables"]] == list(study.tables)
    for one in content["tables"]:
        frame = study.tables[one["name"]]
        assert one["rows"] is None or abs(one["rows"] - len(frame)) <= 0.05 * len(frame)
        assert one["rows"] is None or one["name"] != "therapists"  # of six nothing is counted
        assert [column["name"] for column in one["columns"]] == list(frame.columns)
        assert f'id="table-{one["name"]}"' in page
        for column in one["columns"]:
            if column["missing"] is not None:  # withheld where it would tell of few people
                assert column["filled"] + column["missing"] == len(frame)
            assert column["description"]
    assert [one["name"] for one in content["measures"]] == ["core-10", "wai-sr"]
    assert "not verified" in page
    assert "✓ verified" in page


def test_a_codebook_is_made_once_and_each_is_its_owners(study, monkeypatch):
    first = study.codebook()
    monkeypatch.setattr(codebook, "_codebook", None)
    assert study.codebook() == first
    first.content["tables"].clear()
    assert study.codebook().content["tables"]


def test_a_measure_comes_with_its_key_rules_licence_sources_and_marks(study):
    core, wai = study.codebook().content["measures"]
    assert {one["name"]: one["items"] for one in wai["scales"]}["bond"] == [3, 5, 7, 9]
    assert core["reversed_items"] == [2, 3]
    assert core["direction"] == "lower_is_better"
    for card in (wai, core):
        assert card["licence"]["class"]
        assert card["sources"]
        assert card["verified"]["scales"]["status"] in (True, False)
        assert {one["rater"] for one in card["forms"]} <= {"client", "therapist"}


def test_forms_count_where_they_have_an_answer(study):
    ratings = study.ratings.copy()
    ids = ratings["client_id"].unique()
    first = ratings["client_id"].isin(ids[:20]) & ratings["session"].eq(1)
    ratings.loc[first & ratings["rater"].eq("client"), "value"] = float("nan")
    before, after = (
        {
            (card["name"], one["rater"]): one["forms"]
            for card in measures
            for one in card["forms"]
            if one["table"] == "ratings"
        }
        for measures in (
            each.codebook().content["measures"]
            for each in (study, study.with_tables(ratings=ratings))
        )
    )
    given = study.ratings.dropna(subset="value").query("measure == 'wai-sr' and rater == 'client'")
    forms = given[["client_id", "session"]].drop_duplicates()
    lost = (forms["client_id"].isin(ids[:20]) & forms["session"].eq(1)).sum()
    assert before["wai-sr", "client"] == round(len(forms), -1)
    assert after["wai-sr", "client"] == round(len(forms) - lost, -1)
    assert after["wai-sr", "therapist"] == before["wai-sr", "therapist"]
    page = study.codebook()._repr_html_()
    said = f"{before['wai-sr', 'therapist']:,} forms with answers by the therapist"
    assert re.search(rf"\. \d[\d,]* forms with answers by the client.*, {said}", page)


def test_the_page_needs_no_network_and_says_synthetic(study, tmp_path):
    page = study.codebook().to_html(tmp_path / "x" / "book.html").read_text(encoding="utf-8")
    assert "Synthetic data" in page
    for call in ("<script", "<link", "src=", "@import", "url("):
        assert call not in page
    assert "Synthetic data" in study.codebook()._repr_html_()


def test_no_id_no_single_day_and_no_rare_level_is_shown(study, tmp_path):
    page = study.codebook().to_html(tmp_path / "book.html").read_text(encoding="utf-8")
    for identity in ("C01", "T01", "2021-0", "2022-0"):
        assert identity not in page
    clients = study.clients.assign(condition=["usual"] * 21 + ["rare"] * 9)
    content = study.with_tables(clients=clients).codebook().content
    table = next(one for one in content["tables"] if one["name"] == "clients")
    condition = next(one for one in table["columns"] if one["name"] == "condition")
    assert condition["levels"] == {}  # all 30 less the 21 would tell the 9
    assert condition["distinct"] is None  # nor would how many arms there are
    assert "rare_levels" not in condition


def test_text_from_data_is_escaped():
    clients = pd.DataFrame(
        {"client_id": ["a"] * 6, "therapist_id": "t", "<i>": ["<script>x</script>"] * 6}
    )
    page = al.Study("<b>", {"clients": clients}).codebook()._page("page")
    assert "<script>" not in page
    assert "<i>" not in page
    assert "<b>" not in page


def test_a_measure_without_a_card_is_named():
    ratings = pd.DataFrame(
        {"client_id": ["a"], "session": 1, "rater": "client", "measure": "mine", "item": 1,
         "value": 2.0}
    )  # fmt: skip
    book = al.Study("x", {"ratings": ratings}).codebook()
    assert book.content["without_card"] == ["mine"]
    assert "mine" in book._page("page")


def test_different_ids_less_a_level_are_not_one_person():
    """Six have an event, five of them a rupture: the sixth has only a repair."""
    study = al.simulate_study(n_therapists=3, n_clients=20, seed=4)
    ids = study.clients["client_id"].iloc[:6].tolist()
    events = pd.DataFrame({"client_id": ids, "session": 1, "rater": "client", "kind": "rupture"})
    events.loc[5, "kind"] = "repair"
    events.loc[3:, "rater"] = "therapist"  # no level of another column is all six
    events = pd.concat([events, events.assign(session=2)])  # so rows do not count people
    content = study.with_tables(events=events).codebook().content
    tables = {one["name"]: {c["name"]: c for c in one["columns"]} for one in content["tables"]}
    events = tables["events"]
    shown = events["client_id"]["distinct"], events["kind"].get("levels", {})
    assert shown == (None, {})  # six are few
    therapists = {name: t["therapist_id"] for name, t in tables.items() if "therapist_id" in t}
    assert {one["distinct"] for one in therapists.values()} == {None}  # there are three


def test_what_somebody_wrote_is_no_level_however_often_it_comes():
    study = al.simulate_study(n_therapists=5, n_clients=40, seed=3)
    said = ["says her boss Otto Krause shouts", "he was late", "none", "ill", "moved"] * 8
    noted = study.with_tables(clients=study.clients.assign(remark=said))
    tables = {one["name"]: one for one in noted.codebook().content["tables"]}
    remark = next(c for c in tables["clients"]["columns"] if c["name"] == "remark")
    assert "levels" not in remark
    assert "Krause" not in str(noted.codebook().content)


def column_of(study, table, name):
    tables = {one["name"]: one for one in study.codebook().content["tables"]}
    return next(c for c in tables[table]["columns"] if c["name"] == name)


@pytest.mark.parametrize("values", [[1] + [0] * 29, [1.0] * 3 + [0.0] * 27, [2, 9] + [0] * 28])
def test_no_mean_of_a_column_of_few_values_counts_who_has_the_rare_one(study, values):
    told = column_of(
        study.with_tables(clients=study.clients.assign(attempt=values)), "clients", "attempt"
    )
    assert "mean" not in told  # 1 / 30, beside 30 clients
    assert told["levels"] == {}
    half = study.clients.assign(attempt=[1.0, 0.0] * 15)
    shown = column_of(study.with_tables(clients=half), "clients", "attempt")["levels"]
    assert shown == {"0": 15, "1": 15}


@pytest.mark.parametrize("occasion", ["pre", "post"])
def test_forms_do_not_tell_who_gave_none(study, occasion):
    """All thirty filled in 60 forms before and after; 59 would tell that one client did not."""
    given = study.tables["assessments"]
    every = pd.concat([given.assign(client_id=i) for i in study.clients["client_id"]])
    every = every.drop_duplicates(["client_id", "occasion"]).query("occasion != 'followup'")
    content = study.with_tables(assessments=every).codebook().content
    table = next(one for one in content["tables"] if one["name"] == "assessments")
    assert table["rows"] == 60
    one = every["client_id"].eq(every["client_id"].iloc[0]) & every["occasion"].eq(occasion)
    content = study.with_tables(assessments=every[~one]).codebook().content
    forms = {f["table"]: f["forms"] for card in content["measures"] for f in card["forms"]}
    assert forms["assessments"] == 60
    table = next(one for one in content["tables"] if one["name"] == "assessments")
    assert table["rows"] == 60
    assert {column["filled"] for column in table["columns"]} == {60}
    assert {column["missing"] for column in table["columns"]} == {None}


def test_one_form_missed_is_not_told_by_those_of_another_rater(study):
    own = study.ratings.query("rater == 'client' and measure == 'wai-sr'")
    one = own["client_id"].eq(own["client_id"].iloc[0]) & own["session"].eq(1)
    both = pd.concat([own, own[~one].assign(rater="therapist")])
    book = study.with_tables(ratings=both).codebook()
    forms = {
        f["rater"]: f["forms"]
        for card in book.content["measures"]
        for f in card["forms"]
        if f["table"] == "ratings"
    }
    assert all(n % 10 == 0 for n in forms.values())


def test_how_long_each_client_stayed_does_not_follow_from_the_codebook(study):
    tables = {table["name"]: table["columns"] for table in study.codebook().content["tables"]}
    for columns in tables.values():
        for column in columns:
            if column["name"] in ("session", "last_session"):
                assert column["distinct"] is None  # the longest therapy, one person's
                assert "mean" not in column  # of all sessions: a sum of squares of the lengths
                assert "levels" not in column

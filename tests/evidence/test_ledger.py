"""The ledger: every claim recomputed, every row with a source, every change noticed."""

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import alliance_stats as al
from alliance_stats.evidence import ledger as ledger_module
from alliance_stats.evidence.analyses import ANALYSES
from alliance_stats.evidence.ledger import claim_rows, read_ledger, read_verdicts
from alliance_stats.evidence.published import (
    MEANING,
    NUMBERS,
    published_folder,
    read_published,
    rows_digest,
)

TOPICS = {
    "non-benefit", "dropout", "deterioration", "self-assessment", "alliance-outcome",
    "rupture-prevalence", "rupture-repair", "training", "principles",
}  # fmt: skip
TABLES = sorted(path.stem for path in published_folder().glob("*.csv"))
# Kinds that stand beside the numbers and enter no analysis by themselves.
UNUSED = {"conflict", "control", "finding", "related"}
READ = ("full text", "abstract", "columns")
NOT_READ = ("secondary source: ", "not read", "not found")
# The field's page, clause by clause, and the sentences that answer it.
PAGE = {
    "a strong alliance is a precondition of success, in all forms": {
        "alliance-precondition", "alliance-associated", "alliance-all-forms",
        "alliance-contributes"},
    "detecting and repairing its ruptures is a precondition too": {"repair-precondition"},
    "about 30 % do not benefit": {"nonbenefit-third"},
    "about a quarter drop out": {"dropout-quarter"},
    "up to 8 % get worse": {"deterioration-eight"},
    "therapists overestimate their success": {"selfassessment-over"},
    "detecting and repairing contributes to change": {"repair-outcome", "repair-contributes"},
    "therapists can be trained in it": {"training-therapists", "training-helps"},
    "training works on its own": {"training-alone"},
    "and integrated with other therapies": {"training-integrated"},
    "thirteen principles": {
        "principles-list", *(f"principle-{number:02d}" for number in range(1, 14))},
}  # fmt: skip
LOCATED = re.compile(r"^(10\.\d{4,}/\S+|PMID \d+|PMC\d+|https?://\S+)$")


@pytest.fixture
def copy(tmp_path) -> Path:
    folder = tmp_path / "published"
    shutil.copytree(published_folder(), folder)
    return folder


def change(folder: Path, table: str, study: str, column: str, value: object) -> None:
    path = folder / f"{table}.csv"
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    frame.loc[frame["study_id"] == study, column] = str(value)
    frame.to_csv(path, index=False)


def red(checked: pd.DataFrame) -> set[str]:
    assert checked.loc[~checked["holds"], "why"].str.len().gt(0).all()
    return set(checked.loc[~checked["holds"], "claim"])


def resting_on(table: str, study: str | None = None) -> set[str]:
    """The numbers that rest on a row, or on any row, of a table."""
    rows = [(one, claim_rows(one)) for one in read_ledger() if table in one.rows]
    return {
        one.claim for one, found in rows
        if study is None or study in set(found.loc[found["table"] == table, "study_id"])
    }  # fmt: skip


def test_every_claim_holds():
    table = al.check_claims()
    assert list(table.columns[:8]) == [
        "claim", "topic", "tables", "expected", "tolerance", "recomputed", "holds", "verdict",
    ]  # fmt: skip
    assert table["holds"].all(), table.loc[~table["holds"], ["claim", "why"]].to_string()
    assert table["claim"].is_unique
    assert set(table["topic"]) == TOPICS
    assert (table["n_verified"] <= table["n_rows"]).all()
    assert table["sources"].str.len().gt(0).all()


def test_a_sentence_has_one_verdict_and_no_sentence_rests_on_unread_rows_alone():
    table = al.check_claims()
    assert table.groupby("words")["verdict"].nunique().eq(1).all()
    assert table.groupby("words")["statement"].nunique().eq(1).all()
    sentences = al.claims(by="sentence")
    assert sentences.loc[sentences["n_read"] == 0, "verdict"].eq("no evidence found").all()
    ledger = al.claims()
    unread = ledger[(ledger["n_verified"] == 0) & (ledger["analysis"] != "count_tests")]
    assert unread["because"].str.contains("unverified|later paper of its group").all()
    assert (table["recomputed"].sub(table["expected"]).abs() <= table["tolerance"]).all()


def test_the_ledger_says_what_it_rests_on():
    ledger = al.claims()
    assert set(ledger["verdict"]) <= set(read_verdicts())
    assert (ledger["sources"].str.len() > 0).all()
    assert (ledger["n_verified"] <= ledger["n_rows"]).all()
    for column in ("words", "number", "because", "would_change"):
        assert (ledger[column].str.len() > 5).all()


def test_every_sentence_of_the_fields_page_has_a_row():
    sentences = al.claims(by="sentence").set_index("statement")
    assert set().union(*PAGE.values()) <= set(sentences.index)
    found = sentences.filter(regex=r"^principle-\d\d$", axis=0)["words"]
    for number, words in enumerate(found, start=1):
        assert words.startswith(f"Principle {number}, ")


def test_each_principle_of_the_cards_has_rows_or_the_word_that_none_was_found():
    rows = al.load_dataset("published/principles")
    assert set(rows["principle"]) - {"the_list"} == set(al.list_principles()["principle"])
    sentences = al.claims(by="sentence").set_index("statement")
    names = al.list_principles().set_index("number")["principle"]
    for number, name in names.items():
        searched_in_vain = rows.loc[rows["principle"] == name, "kind"].eq("none").any()
        verdict = sentences.loc[f"principle-{number:02d}", "verdict"]
        assert (verdict == "no evidence found") == searched_in_vain, name


def test_association_and_contribution_are_two_sentences():
    verdict = al.claims(by="sentence").set_index("statement")["verdict"]
    assert verdict["repair-outcome"].startswith("supported")
    assert verdict["repair-contributes"] == "association only"
    assert verdict["alliance-precondition"] == "not tested as worded"


def test_an_upper_bound_below_our_own_maximum_is_not_supported():
    ledger = al.claims().set_index("claim")
    assert ledger.loc["deterioration-highest", "expected"] > 0.08
    assert ledger.loc["deterioration-highest", "verdict"] == "not supported"


def test_where_a_row_was_read_is_told_apart_and_second_hand_is_not_verified(copy):
    sentences = al.claims(by="sentence").set_index("statement")
    told = sentences.loc["nonbenefit-third", ["full text", "abstract", "data set"]]
    assert told.tolist() == [0, 9, 196]
    read = sentences[["full text", "abstract", "data set"]].sum(axis=1)
    assert read.tolist() == sentences["n_read"].tolist()
    ledger = al.claims().set_index("claim")
    assert ledger.loc["deterioration-hannan", "read_in"] == "1 second hand"
    assert ledger.loc["deterioration-lowest", "read_in"] == "3 abstract, 3 second hand"
    change(copy, "deterioration", "hannan-2005", "verified", "True")
    found = al.check_claims(copy).set_index("claim").loc["deterioration-hannan"]
    assert not found["holds"]
    assert "second hand" in found["why"]


def test_a_sentence_counts_each_row_once():
    sentences = al.claims(by="sentence").set_index("statement")
    rows: dict[str, set[tuple[str, str]]] = {}
    for one in read_ledger():
        found = claim_rows(one).query("kind not in ['none', 'control', 'related', 'conflict']")
        rows.setdefault(one.about.statement, set()).update(
            zip(found["table"], found["study_id"], strict=True)
        )
    assert sentences["k"].to_dict() == {name: len(each) for name, each in rows.items()}
    assert sentences.loc["principle-11", ["k", "n_read"]].tolist() == [0, 0]  # searched in vain
    # Two numbers rest on the two ends of one row, a third on eight studies that include it.
    assert sentences.loc["repair-outcome", ["k", "n_read", "n_numbers"]].tolist() == [8, 7, 5]
    # Ten shares and 196 arms in therapy; the 160 arms without it say nothing of the sentence.
    assert sentences.loc["nonbenefit-third", ["k", "n_read"]].tolist() == [208, 205]
    # Who read the list of sentences and who reads its numbers is told the same count.
    for statement, number in (("principle-02", 2), ("principle-10", 0), ("principle-12", 1)):
        told = al.claims().query("statement == @statement and analysis == 'count_tests'")
        assert sentences.loc[statement, "k"] == number == told["expected"].item()
    assert sentences["meaning"].str.len().gt(20).all()
    with pytest.raises(al.DesignError, match="Did you mean 'sentence'"):
        al.claims(by="sentense")


def test_a_ledger_without_its_own_words_takes_those_that_ship_and_refuses_a_list_of_words(copy):
    path = copy / "claims.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    words = content.pop("verdicts")
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    assert read_verdicts(copy) == words
    content["verdicts"] = list(words)
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    with pytest.raises(al.AllianceStatsError, match="what it means"):
        al.claims(copy)


@pytest.mark.parametrize("name", TABLES)
def test_every_published_row_has_source_and_sense(name):
    table = read_published(name)
    assert table["study_id"].is_unique
    for column in ("claim", "label", "doi", "measured", "definition", "denominator", "where"):
        assert table[column].notna().all(), column
    assert table["doi"].str.match(LOCATED).all()
    assert table["year"].between(1970, 2026).all()
    assert table["verified"].isin([True, False]).all()
    shares = table[table["metric"] == "proportion"]
    assert shares["estimate"].dropna().between(0, 1).all()
    assert (shares["events"].fillna(0) <= shares["n"].fillna(np.inf)).all()
    ends = table.dropna(subset=["ci_low", "ci_high"])
    assert (ends["ci_low"] < ends["estimate"]).all()
    assert (ends["estimate"] < ends["ci_high"]).all()
    assert table["kind"].notna().all()
    assert table["where"].str.startswith(READ + NOT_READ).all()
    assert (table["where"].str.startswith(READ) == table["verified"]).all()
    unseen = table[table["where"].str.startswith(("not read", "not found"))]
    assert unseen[["estimate", "ci_low", "ci_high", "events"]].isna().all(axis=None)
    assert unseen["note"].notna().all()


def test_every_number_is_used_by_a_claim():
    used = {
        (row.table, row.study_id)
        for one in read_ledger()
        for row in claim_rows(one).itertuples(index=False)
    }
    for name in TABLES:
        table = read_published(name)
        idle = table[~table["study_id"].map(lambda study, name=name: (name, study) in used)]
        assert set(idle["kind"]) <= UNUSED, idle[["study_id", "kind"]].to_string()


@pytest.fixture
def fast(monkeypatch):
    """Let every analysis return its claim's number, so that only the rows are compared."""
    numbers = {one.claim: one.expected for one in read_ledger()}
    check = ledger_module._check

    def checked(claim, folder):
        monkeypatch.setitem(ANALYSES, claim.analysis, lambda rows: numbers[claim.claim])
        return check(claim, folder)

    monkeypatch.setattr(ledger_module, "_check", checked)


@pytest.mark.parametrize("table", TABLES)
def test_any_change_of_a_row_is_seen_by_exactly_its_claims(copy, table):
    path = copy / f"{table}.csv"
    cells, before = pd.read_csv(path, dtype=str, keep_default_na=False), path.read_bytes()
    # Claims on other tables do not read this one. Every column is changed, each in another row.
    reading = [one for one in read_ledger() if table in one.rows]
    resting = {
        one.claim: set(rows.loc[rows["table"] == table, "study_id"])
        for one, rows in ((one, claim_rows(one)) for one in reading)
    }
    for at, column in enumerate((*NUMBERS, *MEANING, "verified")):
        if column in ("kind", "metric"):
            continue  # decides to which claims a row belongs; tested below
        study, old = cells.loc[at % len(cells), ["study_id", column]]
        if column == "verified":
            new = str(old != "True")
            change(copy, table, study, "where", "abstract")  # which no digest counts
        elif column in (*NUMBERS, "year"):
            new = "0.5" if old == "" else str(float(old) + 1)
        else:
            new = old + "x"
        change(copy, table, study, column, new)
        seen = {one.claim for one in reading if rows_digest(claim_rows(one, copy)) != one.digest}
        assert seen == {name for name, studies in resting.items() if study in studies}, column
        path.write_bytes(before)


def test_a_changed_row_turns_exactly_its_claims_red(copy, fast):
    change(copy, "dropout", "swift-greenberg-2012", "n", "83835")
    assert red(al.check_claims(copy)) == resting_on("dropout", "swift-greenberg-2012")


def test_a_changed_number_changes_the_numbers_that_rest_on_it(copy):
    change(copy, "dropout", "swift-greenberg-2012", "estimate", "0.198")
    checked = al.check_claims(copy, topic="dropout").set_index("claim")
    assert checked.loc["dropout-pooled", "recomputed"] == pytest.approx(0.198)
    assert checked.loc["dropout-pooled", "why"] == "The number is 0.198, not 0.197."
    change(copy, "dropout", "swift-greenberg-2012", "estimate", "0.197")
    change(copy, "dropout", "roos-werbart-2013", "k", "45")  # too little for the number to move
    checked = al.check_claims(copy, topic="dropout").set_index("claim")
    assert checked.loc["dropout-highest", "recomputed"] == pytest.approx(0.4686)
    assert "A row it rests on has changed" in checked.loc["dropout-highest", "why"]


def test_a_new_row_enters_the_lowest_and_highest_of_its_table(copy, fast):
    path = copy / "dropout.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    new = table.iloc[[0]].assign(study_id="new-study", estimate="0.6", ci_low="", ci_high="")
    pd.concat([table, new]).to_csv(path, index=False)
    assert red(al.check_claims(copy)) == {"dropout-lowest", "dropout-highest"}
    change(copy, "dropout", "new-study", "kind", "finding")
    assert red(al.check_claims(copy)) == set()


def test_order_of_rows_columns_and_keys_means_nothing(copy):
    for name in ("dropout", "self-assessment"):
        path = copy / f"{name}.csv"
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        table.iloc[::-1, ::-1].to_csv(path, index=False, encoding="utf-8-sig")
    path = copy / "claims.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    for entry in content["claims"]:
        for number in entry["numbers"]:
            number["rows"] = dict(reversed(number["rows"].items()))
            for wanted in number["rows"].values():
                for values in wanted.values():
                    values.reverse()
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    for topic in ("dropout", "self-assessment"):
        assert red(al.check_claims(copy, topic=topic)) == set()


def test_another_verdict_or_sentence_breaks_its_seal(copy):
    path = copy / "claims.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("verdict: not supported", "verdict: supported", 1), "utf-8")
    checked = al.check_claims(copy, topic="deterioration").set_index("claim")
    assert "Sentence or verdict" in checked.loc["deterioration-lowest", "why"]
    assert checked.loc["deterioration-against-control", "holds"]


def _mangle(path: Path, how: str) -> None:
    text = path.read_text(encoding="utf-8")
    if how == "empty":
        path.write_bytes(b"")
    elif how == "semicolon":
        path.write_text(text.replace(",", ";"), encoding="utf-8")
    elif how == "latin-1":
        path.write_bytes(text.replace("Safran", "Saf\u00e4n").encode("latin-1"))
    elif how == "utf-16":
        path.write_text(text, encoding="utf-16")
    elif how == "ragged":
        path.write_text(text.replace("\n", ",more\n", 2).replace(",more", "", 1), "utf-8")
    elif how == "nul":
        path.write_text(text + "\0", encoding="utf-8")
    elif how == "no column":
        pd.read_csv(path, dtype=str).drop(columns="metric").to_csv(path, index=False)
    elif how == "gone":
        path.unlink()


@pytest.mark.parametrize(
    ("how", "said"),
    [("empty", "empty or no CSV"), ("semicolon", "separated by commas"), ("latin-1", "not UTF-8"),
     ("utf-16", "not UTF-8"), ("ragged", "21 cells under 20 columns"), ("nul", "NUL bytes"),
     ("no column", "lacks the columns metric"), ("gone", "no table of published numbers")],
)  # fmt: skip
def test_a_table_that_cannot_be_read_fails_its_claims_with_a_reason(copy, fast, how, said):
    _mangle(copy / "training.csv", how)
    checked = al.check_claims(copy)
    assert red(checked) == resting_on("training")
    assert checked.loc[~checked["holds"], "why"].str.contains(said, regex=False).all()
    with pytest.raises(al.AllianceStatsError, match=re.escape(said)):
        al.claims(copy)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [("estimate", "1", "has no standardised difference"),
     ("estimate", "a third", "'a third' is not a number"),
     ("estimate", "", "cannot be computed"), ("verified", "perhaps", "expected True or False"),
     ("n", "inf", "is not a number"), ("claim", "", "")],
)  # fmt: skip
def test_a_cell_without_sense_fails_only_the_claims_on_its_row(copy, column, value, said):
    change(copy, "rupture-repair", "eubanks-2018-repair", column, value)
    checked = al.check_claims(copy, topic="rupture-repair").set_index("claim")
    assert checked.loc["repair-outcome-2011-p", "holds"]
    assert checked.loc["repair-outcome-d", "holds"] == (column == "claim")  # the cell is a label
    assert said in checked.loc["repair-outcome-d", "why"]


def test_a_row_that_comes_twice_fails_its_claims(copy, fast):
    path = copy / "training.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    pd.concat([table, table.iloc[[0]]]).to_csv(path, index=False)
    checked = al.check_claims(copy)
    assert red(checked) == resting_on("training", table.loc[0, "study_id"])
    assert checked.loc[~checked["holds"], "why"].str.contains("more than once").all()


def test_mended_words_change_nothing(copy):
    change(copy, "training", "eubanks-2018-training", "note", "Said better.")
    assert al.check_claims(copy, topic="training")["holds"].all()


def test_a_row_that_is_gone_is_named_and_fails(copy):
    change(copy, "training", "eubanks-2018-training", "study_id", "another")
    checked = al.check_claims(copy, topic="training").set_index("claim")
    assert not checked.loc["training-effect", "holds"]
    assert (
        "rests on eubanks-2018-training, which table 'training'"
        in checked.loc["training-effect", "why"]
    )
    assert checked.loc["training-before-after", "holds"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [("verdict: contested", "verdict: maybe", "verdict must be one of"),
     ("analysis: d_of_r", "analysis: d_of_rr", "Did you mean 'd_of_r'"),
     ("analysis: d_of_r", "analysis: [d_of_r]", "there is no analysis"),
     ("- claim: training-p\n", "- claim: training-effect\n", "more than once"),
     ("words: The alliance is associated with outcome.",
      "words: About 25 % of clients drop out.", "a sentence has one verdict"),
     ("  because:", "  becuse:", "lacks because"),
     ("expected: 0.12\n", "expected: many\n", "expected must be a number"),
     ("expected: 0.12\n", "expected:\n", "expected must be a number, not None"),
     ("tolerance: 1.0e-09\n", "tolerance: -1\n", "tolerance must be a number of at least 0"),
     ("      dropout-trials: {}\n", "      dropout-trials:\n", "rows must name its tables"),
     ("    rows:\n      dropout-trials: {}\n", "    rows: {}\n", "rows must name its tables"),
     ("    rows:\n      dropout-trials: {}\n", "    rows: [a]\n", "rows must name its tables"),
     ("    rows:\n      dropout-trials: {}\n", "    rows: a\n", "rows must name its tables")],
)  # fmt: skip
def test_a_faulty_entry_is_refused_in_words(copy, old, new, said):
    path = copy / "claims.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(al.AllianceStatsError, match=said):
        al.check_claims(copy)


@pytest.mark.parametrize("content", ["", "claims:", "claims: []", "- a", "claims: [1]", "{: ]"])
def test_a_ledger_that_is_none_is_refused_in_words(copy, content):
    (copy / "claims.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(al.AllianceStatsError, match="ledger"):
        al.check_claims(copy)


def test_a_ledger_that_is_missing_and_an_unknown_topic_are_refused_in_words(copy):
    (copy / "claims.yaml").unlink()
    with pytest.raises(al.AllianceStatsError, match=r"no ledger 'claims\.yaml'"):
        al.claims(copy)
    for topic in ("dropuot", 3, ["dropout"]):
        with pytest.raises(al.DesignError, match="topic must be one of"):
            al.check_claims(topic=topic)


def test_an_unknown_column_to_pick_rows_by_fails_its_claim(copy):
    path = copy / "claims.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("        kind: [ratio]", "        sort: [ratio]"), "utf-8")
    checked = al.check_claims(copy, topic="deterioration").set_index("claim")
    assert "has no column 'sort'" in checked.loc["deterioration-against-control", "why"]


def test_analyses_by_hand():
    rows = pd.DataFrame({"estimate": [0.2, np.nan], "events": [np.nan, 5], "n": [100, 50],
                         "ci_low": [0.1, np.nan], "ci_high": [0.3, np.nan],
                         "verified": [True, False],
                         "table": ["self-assessment", "dropout"]})  # fmt: skip
    expected = {"lowest": 0.1, "highest": 0.2, "highest_upper_end": 0.3, "lowest_read": 0.2,
                "highest_read": 0.2, "belief_minus_rate": 0.1, "lowest_lower_end": 0.1}  # fmt: skip
    for name, number in expected.items():
        assert ANALYSES[name](rows) == pytest.approx(number)
    kinds = pd.DataFrame({"kind": ["trial", "none", "related", "conflict", "finding"]})
    assert ANALYSES["count_tests"](kinds) == 2
    for name in ("value", "p_of_interval", "lower_end", "d_of_r"):
        with pytest.raises(al.DesignError, match="one row"):
            ANALYSES[name](rows)
    with pytest.raises(al.DesignError, match="one row, not 0"):
        ANALYSES["belief_minus_rate"](rows.head(1))
    # Safran et al. 2011 print z = 3.06; the interval rounded to two digits implies 2.98.
    one = pd.DataFrame({"estimate": [0.24], "ci_low": [0.09], "ci_high": [0.39], "n": [148],
                        "events": [np.nan]})  # fmt: skip
    assert ANALYSES["p_of_interval"](one) == pytest.approx(0.0028, abs=1e-4)


def test_the_published_tables_ship_as_datasets():
    names = set(al.list_datasets()["name"])
    assert {f"published/{name}" for name in TABLES} <= names
    loaded = al.load_dataset("published/rupture-prevalence")
    assert loaded.loc[0, "doi"] == "10.1080/10503307.2016.1174345"

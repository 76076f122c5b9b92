"""The ledger: every claim recomputed, every row with a source, every change noticed."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.evidence.analyses import ANALYSES
from alliance_stats.evidence.ledger import (
    VERDICTS,
    claim_rows,
    published_folder,
    read_ledger,
    read_published,
)

TOPICS = {
    "non-benefit", "dropout", "deterioration", "self-assessment", "alliance-outcome",
    "rupture-prevalence", "rupture-repair", "training",
}  # fmt: skip
TABLES = sorted(path.stem for path in published_folder().glob("*.csv"))
UNUSED = {"conflict", "control", "finding"}  # kinds that stand beside the numbers


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


def test_every_claim_holds():
    table = al.check_claims()
    assert list(table.columns[:8]) == [
        "claim", "topic", "tables", "expected", "tolerance", "recomputed", "holds", "verdict",
    ]  # fmt: skip
    assert table["holds"].all(), table.loc[~table["holds"], ["claim", "why"]].to_string()
    assert table["claim"].is_unique
    assert set(table["topic"]) == TOPICS
    assert (table["recomputed"].sub(table["expected"]).abs() <= table["tolerance"]).all()


def test_the_ledger_says_what_it_rests_on():
    ledger = al.claims()
    assert set(ledger["verdict"]) <= set(VERDICTS)
    assert (ledger["sources"].str.len() > 0).all()
    assert (ledger["n_verified"] <= ledger["n_rows"]).all()
    for column in ("words", "number", "because", "would_change"):
        assert (ledger[column].str.len() > 5).all()


@pytest.mark.parametrize("name", TABLES)
def test_every_published_row_has_source_and_sense(name):
    table = read_published(name)
    assert table["study_id"].is_unique
    for column in ("claim", "label", "doi", "measured", "definition", "denominator", "where"):
        assert table[column].notna().all(), column
    assert table["year"].between(1970, 2026).all()
    assert table["verified"].isin([True, False]).all()
    shares = table[table["metric"] == "proportion"]
    assert shares["estimate"].dropna().between(0, 1).all()
    assert (shares["events"].fillna(0) <= shares["n"].fillna(np.inf)).all()
    ends = table.dropna(subset=["ci_low", "ci_high"])
    assert (ends["ci_low"] < ends["estimate"]).all()
    assert (ends["estimate"] < ends["ci_high"]).all()
    assert table["kind"].notna().all()
    unread = table[~table["verified"].astype(bool)]
    assert (unread["note"].notna() | unread["where"].ne("abstract")).all()


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


@pytest.mark.parametrize(
    ("table", "study", "column", "value", "red"),
    [
        ("training", "eubanks-2018-training", "ci_low", "-0.05", {"training-effect", "training-p"}),
        ("dropout", "swift-greenberg-2012", "estimate", "0.198",
         {"dropout-pooled", "dropout-lowest", "dropout-highest", "selfassessment-dropout"}),
        ("dropout-trials", "abas-2018-pst", "events", "2",
         {"dropout-trials", "dropout-trials-new-study"}),
        ("deterioration", "hannan-2005", "events", "41",
         {"deterioration-hannan", "deterioration-lowest", "deterioration-highest",
          "selfassessment-foreseen"}),
        ("self-assessment", "walfish-2012-improved-a", "estimate", "0.5", set()),
    ],
)  # fmt: skip
def test_a_changed_row_turns_exactly_its_claims_red(copy, table, study, column, value, red):
    change(copy, table, study, column, value)
    checked = al.check_claims(copy)
    assert set(checked.loc[~checked["holds"], "claim"]) == red
    assert checked.loc[~checked["holds"], "why"].str.len().gt(0).all()


def test_a_change_too_small_for_the_number_is_still_seen(copy):
    change(copy, "dropout", "roos-werbart-2013", "k", "45")
    checked = al.check_claims(copy, topic="dropout").set_index("claim")
    assert checked.loc["dropout-highest", "recomputed"] == pytest.approx(0.47)
    assert "A row it rests on has changed" in checked.loc["dropout-highest", "why"]


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


def test_a_faulty_ledger_is_refused_in_words(copy):
    path = copy / "claims.yaml"
    text = path.read_text()
    for old, new, said in (
        ("verdict: contested", "verdict: maybe", "verdict must be one of"),
        ("analysis: d_of_r", "analysis: d_of_rr", "Did you mean 'd_of_r'"),
        ("- claim: training-p\n", "- claim: training-effect\n", "more than once"),
        ("  because:", "  becuse:", "lacks because"),
    ):
        path.write_text(text.replace(old, new, 1))
        with pytest.raises(al.AllianceStatsError, match=said):
            al.check_claims(copy)
    path.unlink()
    with pytest.raises(al.AllianceStatsError, match=r"no ledger 'claims\.yaml'"):
        al.claims(copy)
    with pytest.raises(al.DesignError, match="Did you mean 'dropout'"):
        al.check_claims(topic="dropuot")


def test_analyses_by_hand():
    rows = pd.DataFrame({"estimate": [0.2, np.nan], "events": [np.nan, 5], "n": [100, 50],
                         "ci_low": [0.1, np.nan], "ci_high": [0.3, np.nan]})  # fmt: skip
    expected = {"lowest": 0.1, "highest": 0.2, "highest_upper_end": 0.3, "difference": 0.1,
                "weighted_mean": 25 / 150}  # fmt: skip
    for name, number in expected.items():
        assert ANALYSES[name](rows) == pytest.approx(number)
    for name in ("value", "p_of_interval", "lower_end", "d_of_r"):
        with pytest.raises(al.DesignError, match="one row"):
            ANALYSES[name](rows)
    with pytest.raises(al.DesignError, match="two rows"):
        ANALYSES["difference"](rows.head(1))
    # Safran et al. 2011 print z = 3.06; the interval rounded to two digits implies 2.98.
    one = pd.DataFrame({"estimate": [0.24], "ci_low": [0.09], "ci_high": [0.39], "n": [148],
                        "events": [np.nan]})  # fmt: skip
    assert ANALYSES["p_of_interval"](one) == pytest.approx(0.0028, abs=1e-4)


def test_the_published_tables_ship_as_datasets():
    names = set(al.list_datasets()["name"])
    assert {f"published/{name}" for name in TABLES} <= names
    loaded = al.load_dataset("published/rupture-prevalence")
    assert loaded.loc[0, "doi"] == "10.1080/10503307.2016.1174345"

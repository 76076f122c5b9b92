"""The table of rules says what the rules do."""

import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.core.results import TIDY_COLUMNS
from alliance_stats.ruptures.parameters import CHECKS

RULES = al.rupture_rules()


def scores():
    base = [5.0, 4.6, 5.2, 3.0, 5.1, 4.9, 5.3, 4.4, 5.0, 5.2, 4.8, 5.1]
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "client_id": client,
                    "session": range(1, 13),
                    "score": [x + (t % (client + 2)) / 10 for t, x in enumerate(base)],
                }
            )
            for client in range(6)
        ]
    )


EVENTS = pd.DataFrame(
    {"client_id": [0, 1], "session": [2, 3], "rater": "client", "kind": "rupture"}
)
CODES = pd.DataFrame(
    {"client_id": [0], "session": [2], "segment": [1], "coder_id": ["x"], "family": "withdrawal"}
)


@pytest.mark.parametrize("name", RULES["name"])
def test_every_rule_runs_with_the_parameters_of_the_table(name):
    row = RULES.set_index("name").loc[name]
    found = al.detect_ruptures(scores(), rule=name, events=EVENTS, codes=CODES, **row["parameters"])
    assert found.rule == name
    estimated = {k for k, v in row["parameters"].items() if v is None and k in found.estimates}
    assert {k: None if k in estimated else v for k, v in found.parameters.items()} == row[
        "parameters"
    ]
    assert len(found.sessions) == 72
    assert len(found.clients) == 6
    assert {"client_id", "session", "score", "flag", "distance"} <= set(found.sessions)
    assert {
        "client_id", "rupture_session", "nadir_session", "repair_session", "depth", "length",
        "outcome",
    } <= set(found.episodes)  # fmt: skip
    assert {"client_id", "n_sessions", "n_ruptures", "n_repaired", "class"} <= set(found.clients)
    assert found.sessions["flag"].dtype == bool
    assert list(found.tidy().columns) == list(TIDY_COLUMNS)
    assert len(found.glance()) == 1
    assert name in found.summary()
    assert "<table" in found._repr_html_()
    assert (found.episodes["depth"] > 0).all()
    assert (found.limits is not None) == (name in ("control_chart", "ewma", "cusum"))


def test_the_table_is_complete():
    assert RULES["name"].is_unique
    assert (RULES[["title", "definition", "unit", "source"]] != "").all(axis=None)
    assert RULES["verified"].dtype == bool
    every = set().union(*RULES["parameters"])
    assert every == set(CHECKS)
    assert (RULES["minimum_sessions"] >= RULES["least_sessions"]).all()


def test_no_rule_bears_the_name_of_a_paper_that_was_not_read():
    authors = ("stiles", "strauss", "stevens", "larsson", "chen", "mclaughlin", "gumz", "tang")
    assert not [name for name in RULES["name"] if any(author in name for author in authors)]


def test_a_rule_that_dates_nothing_counts_nothing():
    found = al.detect_ruptures(scores(), rule="shape_clusters")
    assert found.clients["n_ruptures"].isna().all()
    assert found.tidy()["estimate"].isna().all()
    assert found.glance()["n_ruptures"].isna().all()


def test_a_study_gives_its_scores_sessions_and_events():
    study = al.simulate_study(n_therapists=4, n_clients=20, seed=2)
    found = al.detect_ruptures(
        study, rule="drop_pooled_sd", measure="wai-sr", subscale="total", rater="client"
    )
    wanted = study.scores.query("measure == 'wai-sr' and scale == 'total' and rater == 'client'")
    assert len(found.sessions) == len(wanted)
    reported = al.detect_ruptures(study, rule="direct_report")
    events = study.tables["events"].query("rater == 'client' and kind == 'rupture'")
    assert reported.sessions["flag"].sum() == len(
        events[["client_id", "session"]].drop_duplicates()
    )
    attended = study.tables["sessions"]["attended"]
    assert len(reported.sessions) == attended.sum()
    cells = al.compare_reports(study).cells["n_sessions"]
    assert cells.sum() == attended.sum()


def test_events_alone_know_only_the_sessions_they_name():
    found = al.detect_ruptures(EVENTS, rule="direct_report")
    assert len(found.sessions) == 2
    assert "Only sessions with a row are known" in found.messages[0]

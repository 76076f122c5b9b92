"""What the page of a study holds: the package's own flags, no id, no number of people unasked."""

import base64
import gzip
import json
import re
from itertools import product

import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.core.disclosure import SMALLEST_SHOWN
from alliance_stats.explorer import page
from alliance_stats.explorer.offered import OFFERED
from alliance_stats.ruptures.episodes import OUTCOMES

ONE_IN = 12
"""So many combinations of a rule, the first and the last among them, are held against the rule
itself; the state model, which is slow, at its ends only."""


def decoded(content, looked, result):
    """Return flags and episodes as the page's script reads them: by client's place and session."""
    flags, episodes, row = [], [], 0
    for step in content["lists"][result[0]]:
        row += step
        flags.append((looked["client"][row], looked["session"][row]))
    row, packed = 0, content["lists"][result[1]]
    for begin, followed, outcome in zip(packed[::3], packed[1::3], packed[2::3], strict=True):
        row += begin
        last = row + followed
        episodes.append(
            (
                looked["client"][row],
                looked["session"][row],
                looked["session"][last],
                OUTCOMES[outcome],
            )
        )
    return flags, episodes


def by_the_rule(study, explorer, looked, given):
    """Return the same from `detect_ruptures`."""
    scores = explorer.content["scores"]
    one = scores[looked["score"]] if looked["score"] >= 0 else None
    named = {} if one is None else {"measure": f"{one['measure']}/{one['scale']}/{one['rater']}"}
    found = al.detect_ruptures(study, rule=looked["rule"], **named, **given)
    place = {who: at for at, who in enumerate(explorer.clients["client_id"])}
    rows = found.sessions[found.sessions["flag"].fillna(False).astype(bool)]
    flags = [(place[who], s) for who, s in zip(rows["client_id"], rows["session"], strict=True)]
    e = found.episodes
    columns = (e["client_id"].map(place), e["rupture_session"], e["last_session"], e["outcome"])
    return flags, list(zip(*columns, strict=True))


def test_what_is_marked_is_what_the_rules_find(study, explorer):
    held = 0
    for looked in explorer.content["looked"]:
        assert "reason" not in looked, looked["reason"]
        names = [one["name"] for one in looked["parameters"]]
        grid = list(product(*(one["values"] for one in looked["parameters"])))
        assert len(grid) == len(looked["results"])
        every = len(grid) - 1 if looked["rule"] == "state_model" else ONE_IN
        whole = looked["score"] <= 0  # of the other scores one combination a rule
        for at in (
            sorted({*range(0, len(grid), every), len(grid) - 1}) if whole else [len(grid) // 2]
        ):
            if looked["rule"] == "state_model" and not whole:
                continue
            given = dict(zip(names, grid[at], strict=True))
            said = decoded(explorer.content, looked, looked["results"][at])
            assert said == by_the_rule(study, explorer, looked, given), (looked["rule"], given)
            held += len(said[1])
    assert held > 100
    assert {one["rule"] for one in explorer.content["looked"]} == set(OFFERED)


def test_every_rule_that_dates_a_rupture_is_offered():
    rules = al.rupture_rules()
    undated = {"drop", "shape_clusters"}  # the one names every choice; the other dates none
    assert set(OFFERED) == set(rules["name"]) - undated


def test_scores_gap_and_endings_are_those_of_the_study(study, explorer):
    content, place = explorer.content, explorer.clients["client_id"].tolist()
    score = next(
        one for one in content["scores"] if one["scale"] == "total" and one["rater"] == "therapist"
    )
    drawn = pd.DataFrame({key: score[key] for key in ("client", "session", "score")})
    known = study.select("wai-sr/total/therapist").dropna(subset=["score"])
    own = known.assign(client=[place.index(one) for one in known["client_id"]])
    both = drawn.merge(own, on=["client", "session"], validate="one_to_one")
    assert len(both) == len(drawn) == len(known)
    assert both["score_x"].to_numpy() == pytest.approx(both["score_y"].to_numpy(), rel=1e-4)
    ends = study.terminations.set_index("client_id")
    for who, client in zip(place, content["clients"], strict=True):
        end = ends.loc[who]
        assert client["end"] == {"session": end["last_session"], "reason": end["reason"]}
    whose = study.clients.set_index("client_id")["therapist_id"]
    assert (explorer.clients["client_id"].map(whose) == explorer.clients["therapist_id"]).all()


def test_each_client_has_their_arm_and_a_page_to_share_has_none(study, explorer):
    arms = study.clients.set_index("client_id")["condition"]
    told = [client["arm"] for client in explorer.content["clients"]]
    assert told == explorer.clients["client_id"].map(arms).tolist()
    assert explorer.content["arms"] == sorted(arms.unique())
    assert study.explore().content["arms"] == []


def test_no_id_is_on_the_page(explorer, study):
    for one in (explorer, study.explore()):
        packed = re.search(r'id="content">([^<]+)<', one.html).group(1)
        held = gzip.decompress(base64.b64decode(packed)).decode()
        assert json.loads(held) == json.loads(json.dumps(one.content))
        assert "Mustermann" not in held
        assert "Mustermann" not in one.html


def test_numbers_do_not_follow_the_files(explorer, study):
    assert explorer.clients["client_id"].tolist() != study.clients["client_id"].tolist()


def test_unasked_it_holds_means_and_no_number_of_people(study):
    content = study.explore().content
    assert [client["label"] for client in content["clients"]] == ["Mean of all clients"]
    assert content["looked"] == content["lists"] == []
    told = {"measure", "scale", "rater", "title", "range", "lower_is_better", "alliance", "client",
            "session", "score", "low", "high"}  # fmt: skip
    for score in content["scores"]:
        assert set(score) == told
        rows = study.select(f"{score['measure']}/{score['scale']}/{score['rater']}")
        n = rows.dropna(subset=["score"]).groupby("session").size()
        assert (n[score["session"]] >= SMALLEST_SHOWN).all()
        assert all(round(one, 2) == one for one in score["score"])
    few = al.simulate_study(n_therapists=1, n_sites=1, n_clients=4, seed=1)
    with pytest.raises(al.DesignError, match="no mean can be shown"):
        few.explore()


def test_it_loads_nothing_and_says_whose_it_is(explorer, study, tmp_path):
    whole = explorer.save(tmp_path / "page.html").read_text("utf-8")
    assert "default-src 'none'" in whole
    markup = re.sub(r"<script>.*?</script>", "", whole, flags=re.DOTALL)
    assert not re.search(r"\b(?:src|href|action)=", markup)
    assert "PRIVATE" not in whole  # of a synthetic study, which it says
    assert "Synthetic data" in whole
    real = page.Explorer("clinic", False, explorer.content)
    assert "PRIVATE: single persons are shown" in real.html
    assert "PRIVATE" not in page.Explorer("clinic", False, study.explore().content).html
    with pytest.raises(al.AllianceStatsError, match=r"written as \.html, not 'page\.txt'"):
        explorer.save(tmp_path / "page.txt")


def test_a_notebook_shows_it_in_a_frame_of_its_own(explorer):
    shown = explorer._repr_html_()
    assert shown.startswith("<iframe")
    assert 'sandbox="allow-scripts"' in shown
    assert "<script" not in shown  # all of it is the frame's, escaped


def test_occasions_are_drawn_in_their_order_without_rules(study):
    occasions = study.with_tables(scores=None, sessions=None, events=None, observer_codes=None,
                                  terminations=None, forecasts=None)  # fmt: skip
    content = occasions.explore(show_persons=True).content
    assert content["time"]["title"] == "Occasion"
    assert content["time"]["words"][0] == "pre"
    assert content["scores"]
    assert all("reason" in one for one in content["looked"])


def test_what_draws_it_is_asked_for_in_a_sentence(study, monkeypatch):
    monkeypatch.setattr(page, "find_spec", lambda name: None)
    with pytest.raises(al.AllianceStatsError, match=r"pip install \"alliance-stats\[explore\]\""):
        study.explore()


def test_the_command_writes_the_page(study, tmp_path, capsys):
    from alliance_stats import cli

    study.save(tmp_path / "clinic")
    target = tmp_path / "page.html"
    with pytest.raises(SystemExit) as left:
        cli.main(["explore", str(tmp_path / "clinic"), "--out", str(target)])
    assert not left.value.code
    assert "It shows means only; --show-persons" in capsys.readouterr().out
    assert "This page may be shared" in target.read_text("utf-8")


def test_words_of_occasions_that_few_came_to_are_not_in_a_page_that_travels(study):
    occasions = study.with_tables(scores=None, ratings=None, sessions=None, events=None,
                                  observer_codes=None, principle_codes=None)  # fmt: skip
    rows = occasions.tables["assessments"]
    few = rows[rows["client_id"].isin(rows["client_id"].unique()[:3])]
    late = few[few["occasion"] == "post"].assign(occasion="follow-up 60")
    content = occasions.with_tables(assessments=pd.concat([rows, late])).explore().content
    assert content["time"]["words"] == ["pre"]  # ten; fewer have a last score
    assert "follow-up 60" not in str(content)

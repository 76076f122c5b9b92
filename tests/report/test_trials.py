"""The report of a trial: arms and occasions, no sessions; what needs sessions says so."""

import re

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.core.display.formatting import interval, number
from alliance_stats.core.display.rendering import cells
from alliance_stats.report.build import make_section
from alliance_stats.report.context import Context, Options
from alliance_stats.report.drawings import plot_occasions
from alliance_stats.report.sections import SECTIONS, left_out, sections_of
from alliance_stats.report.sections import trial as trial_section
from alliance_stats.report.sections.draft import Draft
from alliance_stats.report.sections.trial_flow import trial_boxes
from alliance_stats.study.times import occasion_in_words

WEEKS = {"pre": 0, "mid": 6, "post": 12, "followup": 24}


def trial(alliance: bool = True) -> al.Study:
    """Four occasions, two arms of 60, therapists in one of them."""
    rng = np.random.default_rng(3)
    rows = []
    for client in range(120):
        treated = client % 2
        level, stays = rng.normal(18, 4), rng.choice([4, 4, 3, 2, 1])
        for place, occasion in enumerate(["pre", "mid", "post", "followup"][:stays]):
            phq = np.clip(level - (2 + 2 * treated) * min(place, 2) + rng.normal(0, 2), 0, 27)
            rows.append((client, occasion, "client", "phq-9", round(phq)))
            if alliance and treated and occasion in ("mid", "post"):
                bond = rng.normal(3.3, 0.3)
                rows += [(client, occasion, rater, "wai-sr", bond + rng.normal(0, 0.3))
                         for rater in ("client", "therapist")]  # fmt: skip
    columns = ["client_id", "occasion", "rater", "measure", "score"]
    clients = pd.DataFrame(
        {"client_id": range(120), "therapist_id": [f"T{i % 20}" if i % 2 else None
                                                   for i in range(120)],
         "condition": ["therapy", "waiting"] * 60}
    )  # fmt: skip
    clients["condition"] = clients["condition"].to_numpy()[::-1]
    assessments = pd.DataFrame(rows, columns=columns).assign(scale="total")
    return al.Study("trial", {"clients": clients, "assessments": assessments})


@pytest.fixture(scope="module", params=[True, False], ids=["with alliance", "without"])
def sections(request, tmp_path_factory):
    study = trial(alliance=request.param)
    folder = tmp_path_factory.mktemp("trial") / "report"
    report = al.write_report(study, folder, replicates=5, strict=True)
    return request.param, study, {section.key: section for section in report.sections}


def blocks(section, key):
    return [block for block in section.blocks if getattr(block, "key", None) == key]


def test_outcome_stands_by_occasion_and_arm(sections):
    _, study, made = sections
    (shown,) = (b for b in blocks(made["change"], "outcome-occasions") if hasattr(b, "frame"))
    rows = study.assessments.merge(study.clients).query("measure == 'phq-9'")
    means = rows.groupby(["condition", "occasion"])["score"].mean()
    found = shown.frame.set_index(["group", "occasion"])["mean"]
    assert len(found) == 8
    ends = shown.frame.set_index(["group", "occasion"])[["conf_low", "conf_high"]]
    off = (ends["conf_high"] - ends["conf_low"]) / 6 + 0.006  # rounded where sizes are withheld
    assert (np.abs(found - means.loc[found.index]) <= off).all()
    told = shown.frame.set_index(["group", "occasion"])["n"].notna()
    np.testing.assert_allclose(found[told], means.loc[found.index][told], rtol=1e-3)
    arms = blocks(made["change"], "change-arms")[0].frame
    assert set(arms["arm"]) == {"therapy", "waiting"}
    assert "pre and post" in blocks(made["change"], "change-arms")[0].title


def test_the_trial_comes_first_with_its_sample_flow_and_comparison(sections):
    _, study, made = sections
    trial_section = made["trial"]
    assert next(iter(made)) == "trial"
    sample = blocks(trial_section, "sample")[0].frame.set_index("label")
    assert sample.loc["Clients", ["therapy n", "waiting n"]].tolist() == [60, 60]
    rows = study.assessments.merge(study.clients).query("measure == 'phq-9' and occasion == 'pre'")
    means = rows.groupby("condition")["score"].mean()
    shown = sample.loc["PHQ-9 (client), pre, M (SD)", ["therapy mean", "waiting mean"]]
    np.testing.assert_allclose(shown.tolist(), means, atol=0.006)  # two decimals are shown
    found = al.compare_arms(
        study, outcome="phq-9/total/client", baseline="pre", method="mmrm", reference="waiting"
    )
    table = next(b for b in blocks(trial_section, "arms") if hasattr(b, "frame")).frame
    exact = found.contrasts  # a few lack a form, so sizes are withheld and estimates are rounded
    off = (exact["conf_high"] - exact["conf_low"]) / 8
    assert (np.abs(table["estimate"] - exact["estimate"]) <= off).all()
    assert "smd_estimate" not in table
    assert "missing at random" in " ".join(getattr(b, "text", "") for b in trial_section.blocks)
    flow = next(b for b in blocks(trial_section, "trial-flow") if hasattr(b, "frame")).frame
    for arm, own in study.clients.groupby("condition")["client_id"]:
        analysed = int(own.isin(found.analysed).sum())
        left = len(own) - analysed
        shown = flow.set_index("label").loc["analysed", arm]
        assert np.isnan(shown) or (shown == analysed and not 0 < left < 10)
    last = found.data.last_common_time()  # half of each arm were measured then, at followup less
    assert last == "post"
    assert trial_section.headline.startswith(f"PHQ-9 at {last}: therapy less waiting")


def test_methods_of_the_trial_say_what_is_assumed_and_how_many_were_analysed(sections):
    _, study, made = sections
    (means,) = (b for b in blocks(made["trial"], "arms-means") if hasattr(b, "frame"))
    assert "missing at random" in means.methods
    assert "clients are in the model" not in means.methods  # it would tell of fewer than ten
    only = next(entry for entry in SECTIONS if entry.key == "trial")
    own = make_section(only, Context(study, Options(individual_courses=True)), strict=True)
    (means,) = (b for b in blocks(own, "arms-means") if hasattr(b, "frame"))
    assert "of 120 clients are in the model" in means.methods


def test_a_trial_of_few_withholds_what_tells_of_fewer(tmp_path):
    study = trial(alliance=False)
    kept = study.clients["client_id"] < 48
    few = {name: table[table["client_id"] < 48] for name, table in study.tables.items()}
    report = al.write_report(study.with_tables(**few), tmp_path / "r", replicates=5, strict=True)
    assert kept.sum() == 48
    assert "the only outcome measure" in (tmp_path / "r" / "methods.md").read_text(encoding="utf-8")
    (section,) = (one for one in report.sections if one.key == "trial")
    flow = flow_table = next(b for b in blocks(section, "trial-flow") if hasattr(b, "frame")).frame
    numbers = flow[["therapy", "waiting"]].to_numpy()
    assert not ((numbers > 0) & (numbers < 10)).any()
    assert np.isnan(numbers).any()
    table = next(b for b in blocks(section, "arms") if hasattr(b, "frame"))
    assert "smd_estimate" not in table.frame
    shown = cells(table)
    assert shown.iloc[:, 1:].map(lambda text: text.startswith("\u2248 ")).all(axis=None)
    assert "waiting about " in section.headline
    assert "p adjusted" not in table.how
    page = (tmp_path / "r" / "index.html").read_text(encoding="utf-8")
    assert "exact with --show-persons" in page.split("In brief")[0]
    assert "measured: followup" in set(flow_table["label"])  # withheld, and not left out
    assert table.frame["df"].isna().all()
    assert "clients are in the model" not in " ".join(
        getattr(b, "text", "") for b in section.blocks
    )


def test_the_choice_among_outcomes_is_told_and_a_plan_goes_first(tmp_path):
    study = trial(alliance=False)
    rows = study.assessments[study.assessments["occasion"].isin(["pre", "post"])]
    first = rows.assign(score=rows["score"] * 2, measure="bdi-ii")
    rows = pd.concat([rows, first.iloc[:-7]])  # the PHQ-9 has more scores
    study.with_tables(assessments=rows).save(tmp_path / "study")
    said = {}
    for name, asked in {"counted": None, "asked": "bdi-ii", "planned": None}.items():
        if name == "planned":
            plan = tmp_path / "study" / "analysis-plan.yaml"
            plan.write_text("alliance:\noutcome: bdi-ii\n", encoding="utf-8")
        context = Context(al.open_study(tmp_path / "study"), Options(outcome=asked))
        section = make_section(SECTIONS[0], context, strict=True)
        said[name] = [getattr(block, "text", "") for block in section.blocks]
        assert said[name][0].startswith(section.headline)
        assert context.outcome_choice in said[name]
        first, other = ("PHQ-9", "BDI-II") if name == "counted" else ("BDI-II", "PHQ-9")
        assert section.headline.startswith(f"{first} at post")
        assert ("chosen by counting" in section.headline) == (name == "counted")
        assert any(f"{other} at post: therapy less waiting" in text for text in said[name])
    assert any("it also has BDI-II) has more scores" in text for text in said["counted"])
    assert any("was asked for" in text for text in said["asked"])
    assert any("that of the analysis plan" in text for text in said["planned"])


def test_without_arms_there_is_no_trial_and_the_data_begin_with_the_sample(only, tmp_path):
    only("trial", "data")
    study = trial(alliance=False)
    alone = study.with_tables(clients=study.clients.drop(columns="condition"))
    report = al.write_report(alone, tmp_path / "r", replicates=5, strict=True)
    assert report.sections[0].key == "data"
    answer, sample = report.sections[0].blocks[:2]
    assert answer.text == report.sections[0].headline
    nobody = alone.with_tables(clients=alone.clients.assign(therapist_id=None))
    told = make_section(SECTIONS[1], Context(nobody, Options()), strict=True)
    shown = next(block for block in told.blocks if getattr(block, "key", "") == "sample")
    assert "Therapists" not in set(shown.frame["label"])
    assert sample.key == "sample"
    assert sample.frame.set_index("label").loc["Clients", "all n"] == 120


def test_who_was_lost_is_told_by_arm(sections):
    _, study, made = sections
    assert made["dropout"].status == "complete"
    assert "ot measured any more by 'followup'" in made["dropout"].headline
    last = study.assessments.merge(study.clients).groupby(["condition", "client_id"])["occasion"]
    here = last.agg(set).apply(lambda seen: "followup" not in seen).groupby("condition").mean()
    found = blocks(made["dropout"], "lost")[0].frame
    found = found[found["occasion"] == "post"].set_index("by")["incidence"]
    np.testing.assert_allclose(found, here[found.index], atol=0.001)
    (apart,) = al.dropout_incidence(study, by="condition").differences().itertuples()
    told = made["dropout"].headline.endswith(
        f"Difference, in percentage points: waiting less therapy "
        f"{number(100 * apart.estimate, 1)} "
        f"{interval(100 * apart.conf_low, 100 * apart.conf_high, 1)}."
    )
    assert told == ("withheld" not in made["dropout"].headline)


def test_the_headline_is_about_the_end_or_says_withheld(only, tmp_path):
    only("dropout")
    study = trial(alliance=False)
    waiting = study.clients.loc[study.clients["condition"] == "waiting", "client_id"]
    early, later = waiting.iloc[:13], waiting.iloc[13:17]  # beside 13 these four are withheld
    kept = study.assessments["occasion"].isin(["pre", "post", "followup"])
    full = study.clients[["client_id"]].merge(study.assessments.loc[kept, ["occasion"]]
                                              .drop_duplicates(), how="cross")  # fmt: skip
    gone = full["client_id"].isin(early) & full["occasion"].ne("pre")
    gone |= full["client_id"].isin(later) & full["occasion"].eq("followup")
    rows = full[~gone].assign(rater="client", measure="phq-9", scale="total", score=12.0)
    report = al.write_report(study.with_tables(assessments=rows), tmp_path / "r", replicates=5)
    (section,) = report.sections
    assert section.headline == "How many were not measured any more by 'followup' is withheld."
    frame = blocks(section, "lost")[0].frame
    assert list(frame.columns) == ["by", "occasion", "incidence", "conf_low", "conf_high"]
    assert frame[["occasion", "incidence"]].to_numpy().tolist() == [["pre", 0.217]]  # 13 of 60


def test_what_needs_sessions_is_left_out_and_told_once(sections):
    alliance, study, made = sections
    texts = " ".join(getattr(b, "text", "") for s in made.values() for b in s.blocks)
    assert "holds no sessions" in texts
    assert "ruptures" not in made
    assert ("outcome" in made) is alliance
    assert ("gap" in made) is alliance
    context = Context(study, Options())
    assert left_out(context).count("Ruptures and repairs") == 1
    assert ("Rating gap" in left_out(context)) is not alliance
    assert "time='occasion'" not in texts + "".join(s.reason for s in made.values())
    assert ("alliance" in made) is alliance
    assert ("Alliance over sessions. The study has no scores" in left_out(context)) is not alliance
    with_sessions = Context(al.simulate_study(n_therapists=3, n_clients=6, seed=1), Options())
    assert left_out(with_sessions) == ""


def test_a_study_of_an_outcome_alone_has_no_boxes_about_the_alliance():
    study = al.simulate_study(n_therapists=6, n_clients=40, seed=3)
    own = study.scores[study.scores["measure"] == "core-10"]
    tables = dict.fromkeys(("ratings", "forecasts", "events", "observer_codes"))
    context = Context(study.with_tables(**tables, scores=own), Options())
    assert [entry.key for entry in sections_of(context)] == ["trial", "data", "dropout", "change"]
    assert "Left out: Alliance and outcome; Alliance over sessions" in left_out(context)
    assert "Rating gap" in left_out(context)


def test_the_alliance_at_occasions_has_its_course_and_its_gap(sections):
    alliance, _, made = sections
    if not alliance:
        return
    course = blocks(made["alliance"], "alliance-occasions")[-1].frame
    assert course["occasion"].tolist() == ["mid", "post"] * 2
    gap = blocks(made["gap"], "gap")[0].frame
    assert "Change of the gap per occasion (points)" in set(gap["label"])


def test_a_course_over_occasions_or_weeks_is_drawn():
    ax = al.plot_course(al.mean_course(trial(), measure="phq-9"))
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["pre", "mid", "post", "followup"]
    weeks = trial().assessments.assign(week=lambda t: t["occasion"].map(WEEKS))
    course = al.mean_course(weeks.query("measure == 'phq-9'"), time="week")
    assert al.plot_course(course).get_xlabel().startswith("Week")


def test_a_course_begins_at_the_intake():
    scores = pd.DataFrame(
        {"client_id": np.repeat(range(6), 3), "session": [0, 1, 2] * 6, "rater": "client"}
    )
    ax = al.plot_course(al.mean_course(scores.assign(score=np.arange(18.0))))
    assert ax.get_xlim()[0] < 0
    assert [round(tick) for tick in ax.get_xticks()] == [0, 1, 2]


def test_an_interval_of_few_does_not_set_the_height_of_a_course():
    course = pd.DataFrame(
        {"rater": "client", "session": [1, 2, 3], "n": [40, 30, 2], "mean": [3.8, 3.9, 4.1],
         "conf_low": [3.6, 3.6, -20], "conf_high": [4.0, 4.2, 28]}
    )  # fmt: skip
    low, high = al.plot_course(course, smallest_n=0).get_ylim()
    assert (low, high) == (pytest.approx(3.6, abs=0.1), pytest.approx(4.2, abs=0.1))


def test_an_occasion_that_is_a_number_is_named_as_one():
    assert [occasion_in_words(one) for one in ("18", "1.5", "post", "week 4")] == [
        "occasion 18", "occasion 1.5", "post", "week 4",
    ]  # fmt: skip


def test_the_flow_speaks_of_occasions():
    stages = {stage.key: stage for stage in al.study_flow(trial(), measure="wai-sr")}
    assert stages["attended"].label == "Measured at one occasion or more"
    assert stages["rated"].clients == stages["dyads"].clients > 20


def test_a_mean_change_is_told_where_no_reliability_is_known(only, tmp_path):
    only("change")
    study = trial(alliance=False)
    rows = study.assessments.assign(measure="ham-d", rater="observer")
    report = al.write_report(study.with_tables(assessments=rows), tmp_path / "r", replicates=5)
    (section,) = (one for one in report.sections if one.key == "change")
    pairs = al.first_and_last(rows).dropna(subset=["pre", "post"])
    change = (pairs["post"] - pairs["pre"]).mean()
    assert f"change {change:.2f} [".replace("-", "\N{MINUS SIGN}") in section.headline
    assert any("reliab" in getattr(block, "text", "") for block in section.blocks)
    assert section.status == "complete"


def test_the_share_that_changed_has_its_denominator(sections):
    _, study, made = sections
    pairs = al.first_and_last(study.assessments, measure="phq-9").dropna(subset=["pre", "post"])
    assert f", of the {len(pairs)} of 120 clients with both scores " in made["change"].headline


def test_arms_of_few_are_compared_for_the_owner_alone(only, tmp_path):
    only("trial", "data", "measured", "dropout", "change")
    study = trial(alliance=False)
    few = {name: table[table["client_id"] < 8] for name, table in study.tables.items()}
    few = study.with_tables(**few)
    public = al.write_report(few, tmp_path / "public", replicates=5)
    assert [section.key for section in public.sections] == ["measured"]
    own = al.write_report(few, tmp_path / "own", replicates=5, individual_courses=True)
    assert own.sections[0].key == "trial"
    assert blocks(own.sections[0], "sample")[0].frame["therapy n"].tolist()[1] == 4
    assert blocks(own.sections[0], "arms")
    assert "withheld" not in " ".join(section.headline for section in own.sections).lower()
    course = blocks({s.key: s for s in own.sections}["change"], "outcome-occasions")
    assert course[-1].frame["n"].min() < 5
    pages = [(tmp_path / name / "index.html").read_text("utf-8") for name in ("public", "own")]
    assert ["Numbers about fewer than ten" in page for page in pages] == [True, False]


def test_arms_are_compared_on_the_alliance_where_no_measure_is_an_outcome(only, tmp_path):
    only("trial")
    study = trial()
    rows = study.assessments.query("rater == 'client'").assign(
        measure="wai-sr", score=lambda t: 1 + t["score"] / 7
    )
    study = study.with_tables(assessments=rows.drop_duplicates(["client_id", "occasion"]))
    (section,) = al.write_report(study, tmp_path / "r", replicates=5).sections
    assert section.headline.startswith("WAI-SR at post: therapy less waiting")


def test_an_arm_keeps_its_look_where_another_is_withheld():
    from matplotlib.figure import Figure

    course = pd.DataFrame({"group": "b", "occasion": ["pre", "post"], "mean": [3.0, 2.0],
                           "conf_low": [2.0, 1.0], "conf_high": [4.0, 3.0]})  # fmt: skip
    colors = []
    for drawn in (course, pd.concat([course.assign(group="a"), course])):
        ax = plot_occasions(drawn, Figure().add_subplot(), order=["pre", "post"], label="PHQ-9",
                            groups=["a", "b"])  # fmt: skip
        handles, labels = ax.get_legend_handles_labels()
        colors.append(handles[labels.index("b")][0].get_color())
    assert colors[0] == colors[1]


def test_no_count_of_a_flow_is_torn_from_its_n():
    frame = pd.DataFrame(
        {"key": "completed", "label": [f"{'x' * width} y" for width in range(5, 60)],
         "a": 21.0, "b": 26.0}
    )  # fmt: skip
    text = "\n".join(trial_boxes(frame, ["a", "b"])["text"])
    assert len(re.findall(r"n = 2[16]$", text, re.MULTILINE)) == 2 * len(frame)


def test_of_many_occasions_a_few_are_compared_and_nobody_for_the_last_alone(monkeypatch):
    monkeypatch.setattr(trial_section, "MOST_REPEATED", 2)
    context = Context(trial(alliance=False), Options())
    found = trial_section.compare(context, context.compared_by_arm, Draft("trial", ""))
    assert (found.method, found.data.times) == ("mmrm", ("mid", "post"))
    last = al.compare_arms(context.study, outcome="phq-9", baseline="pre").analysed
    assert last < found.analysed
    assert trial_section._few_of(tuple(range(14)), 12) == [0, 12]

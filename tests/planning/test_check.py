"""A registered plan beside what was done: what differs is named, and nothing else."""

import hashlib

import pandas as pd
import pytest
from docx import Document

import alliance_stats as al
from alliance_stats.errors import AllianceStatsError
from alliance_stats.planning.plan_file import read_plan
from alliance_stats.report.plan import plan_of, planned_outcome

PLAN = """
n_therapists: 40
clients_per_therapist: 8
sessions: 12
icc_client: 0.4
icc_therapist: 0.05
effect: 3
"""
MODEL = "model: score ~ condition*session + (1 | client_id) + (1 | therapist_id)\n"


@pytest.fixture(scope="module")
def rows():
    return al.load_dataset("demo-trial").select("core-10").dropna(subset=["score"])


@pytest.fixture
def plan(tmp_path):
    def written(text):
        path = tmp_path / "design.yaml"
        path.write_text(text)
        return path

    return written


def choices(check):
    return check.deviations["choice"].tolist()


def test_a_model_is_the_same_however_it_is_written(rows, plan):
    again = "score ~ session + condition + session:condition + (1 | therapist_id/client_id)"
    check = al.check_plan(plan(PLAN + MODEL), al.fit_multilevel(again, rows))
    assert choices(check) == ["clients", "sessions held"]  # 319 of 320 have a score
    held = check.table.set_index("choice")
    assert held.loc["clients", ["planned", "done"]].tolist() == ["320", "319"]
    assert held.loc["therapists", "as_planned"]


@pytest.mark.parametrize(
    ("formula", "df"),
    [
        ("condition + session + (1 | client_id) + (1 | therapist_id)", "satterthwaite"),
        ("condition * session + (session | client_id) + (1 | therapist_id)", "satterthwaite"),
        ("condition * session + (1 | client_id) + (1 | therapist_id)", "kenward-roger"),
    ],
)  # fmt: skip
def test_another_model_or_test_is_told(rows, plan, formula, df):
    check = al.check_plan(plan(PLAN + MODEL), al.fit_multilevel(f"score ~ {formula}", rows, df=df))
    wanted = "model" if df == "satterthwaite" else "degrees of freedom"
    assert choices(check) == [wanted, "clients", "sessions held"]
    assert f"departed from in 3 choices: {wanted}, clients" in check.sentence()


def test_without_a_model_in_the_file_the_groups_are_compared(rows, plan):
    without = al.fit_multilevel("score ~ condition + (1 | client_id)", rows)
    assert choices(al.check_plan(plan(PLAN), without))[0] == "model"
    no_arm = al.fit_multilevel("score ~ session + (1 | therapist_id/client_id)", rows)
    assert choices(al.check_plan(plan(PLAN), no_arm))[0] == "model"
    with_both = al.fit_multilevel("score ~ condition + (1 | therapist_id/client_id)", rows)
    check = al.check_plan(plan(PLAN), with_both)
    assert choices(check) == ["clients", "sessions held"]
    assert check.uncompared == ["model"]
    assert "the file names no model" in check.table.loc[0, "planned"]
    no_predictor = al.fit_multilevel(
        "score ~ score_id + (1 | therapist_id/client_id)", rows.assign(score_id=rows.index % 2)
    )
    assert choices(al.check_plan(plan(PLAN), no_predictor))[0] == "model"


def test_another_likelihood_is_told_and_what_is_not_compared_is_said(rows, plan):
    fit = al.fit_multilevel(MODEL.removeprefix("model: ").strip(), rows, reml=False)
    check = al.check_plan(plan(PLAN + MODEL), fit)
    assert choices(check)[0] == "estimation"
    assert check.deviations.iloc[0].tolist() == ["estimation", "REML", "ML"]
    assert "who was excluded" in check.messages[0]


def test_of_a_study_sizes_are_compared_and_the_fingerprint_is_the_files(plan):
    study = al.load_dataset("demo-trial")
    path = plan(PLAN)
    check = al.check_plan(path, study)
    assert choices(check) == ["sessions held"]
    assert check.fingerprint == hashlib.sha256(path.read_bytes()).hexdigest()
    assert check.fingerprint[:16] in check.sentence()


def test_a_plan_that_was_followed_is_said_to_be(plan):
    text = PLAN.replace("_therapists: 40", "_therapists: 8").replace("sessions: 12", "sessions: 4")
    path = plan(text.replace("clients_per_therapist: 8", "clients_per_therapist: 3"))
    design = al.StudyDesign(8, 3, 4, icc_client=0.3, icc_therapist=0.4)
    drawn = design.simulate(2).select("outcome")
    formula = "score ~ condition + session + (1 | client_id) + (1 | therapist_id)"
    check = al.check_plan(path, al.fit_multilevel(formula, drawn))
    assert check.table["as_planned"].all()
    assert check.sentence().endswith("was followed in what was compared (not compared: model).")
    path.write_text(path.read_text() + f"model: {formula}\n")
    check = al.check_plan(path, check.fit)
    assert check.sentence().endswith("was followed.")
    gaps = plan(path.read_text() + "dropout: 0.2\n")
    held = al.check_plan(gaps, check.fit).table.set_index("choice").loc["sessions held"]
    assert held["planned"].endswith("expected")
    assert held["as_planned"] is pd.NA


def test_what_is_no_plan_or_no_model_is_one_sentence(rows, plan):
    with pytest.raises(
        AllianceStatsError, match="compares what fit_multilevel or rupture_multiverse returned"
    ):
        al.check_plan(plan(PLAN), rows)
    with pytest.raises(AllianceStatsError, match="is not there"):
        al.check_plan("no-such.yaml", al.load_dataset("demo-trial"))
    with pytest.raises(AllianceStatsError, match="formula"):
        al.check_plan(plan(PLAN + "model: score\n"), al.load_dataset("demo-trial"))


def test_a_checked_fit_tells_of_the_plan_itself(rows, plan):
    path = plan(PLAN + MODEL)
    formula = MODEL.removeprefix("model: ").strip().replace("*", "+")
    fit = al.fit_multilevel(formula, rows)
    check = al.check_plan(path, fit, exclusions="None.")
    assert "in 4 choices: model, clients, sessions held, exclusions" in check.sentence()
    assert check.sentence() in check.fit.messages
    assert check.sentence() in check.fit.text()
    assert check.sentence() not in fit.text()
    assert check.fit.llf == fit.llf
    assert set(check.messages) <= set(check.fit.messages)
    gaps = rows.assign(score=rows["score"].where(rows.index > rows.index[9]))
    told = al.check_plan(path, al.fit_multilevel(formula, gaps)).fit.messages
    assert sum("left out" in note for note in told) == 1
    yes = rows[rows["session"] <= 3].assign(high=lambda one: (one["score"] > 20).astype(int))
    fit = al.fit_multilevel("high ~ condition + (1 | client_id)", yes, family="binomial")
    assert any("departed from in" in note for note in al.check_plan(path, fit).fit.messages)
    assert al.check_plan(path, al.load_dataset("demo-trial")).fit is None


def test_what_a_fit_does_not_know_is_compared_where_it_is_said(rows, plan):
    words = "outcome: core-10/total/client\nexclusions: None.\nalpha: 0.05\n"
    path = plan(PLAN + words)
    fit = al.fit_multilevel("score ~ condition + (1 | therapist_id/client_id)", rows)
    check = al.check_plan(path, fit)
    assert check.table["choice"].tolist()[-1] == "outcome"  # known of rows that were selected
    assert choices(check) == ["clients", "sessions held"]
    assert "who was excluded" in check.messages[0]
    assert "outcome" not in check.messages[0]
    said = {"outcome": "wai-sr", "exclusions": "Clients of one session.", "alpha": 0.01}
    check = al.check_plan(path, fit, **said)
    assert choices(check)[2:] == ["outcome", "exclusions", "alpha"]
    assert check.deviations.iloc[-1].tolist() == ["alpha", "0.05", "0.01"]
    assert not check.messages
    assert choices(al.check_plan(path, fit, exclusions="none.", alpha=0.05))[2:] == []


MULTIVERSE = """
multiverse:
  alliance: wai-sr
  outcome: core-10
  primary: {rule: drop_pooled_sd, k: 1, levels: 2}
  grid: {rule: [drop_pooled_sd], k: [1, 2], levels: [2]}
"""


def test_a_multiverse_is_made_from_the_design_file_and_checked_against_it(plan):
    study = al.simulate_study(n_therapists=8, n_clients=60, seed=2)
    path = plan(PLAN + MULTIVERSE)
    many = al.rupture_multiverse(study, plan=path, permutations=9, n_jobs=1)
    check = al.check_plan(path, many)
    assert check.table["as_planned"].all()
    assert {"alliance", "grid", "k"} <= set(check.table["choice"])
    other = al.rupture_multiverse(study, plan=path, effect="repair", permutations=9, n_jobs=1)
    check = al.check_plan(path, other)
    assert check.deviations.to_numpy().tolist() == [["effect", "rupture", "repair"]]
    with pytest.raises(AllianceStatsError, match="plans no multiverse"):
        al.rupture_multiverse(study, plan=plan(PLAN), permutations=9)
    with pytest.raises(AllianceStatsError, match="was not made with plan="):
        al.check_plan(plan(PLAN), many)


def test_a_registration_and_a_report_know_the_planned_multiverse(plan):
    path = plan(PLAN + MULTIVERSE)
    out = path.with_suffix(".docx")
    read_plan(path).write_registration(out)
    text = "\n".join(line.text for line in Document(str(out)).paragraphs)
    assert "Multiverse: Rupture of wai-sr on outcome (core-10) in 2 specifications" in text

    class Folder:
        folder = path.parent

    assert plan_of(Folder()).primary["k"] == 1
    assert planned_outcome(Folder()) == "core-10"
    path.write_text(PLAN)
    assert plan_of(Folder()) is None
    with pytest.raises(AllianceStatsError, match="primary"):
        read_plan(plan(PLAN + "multiverse: {alliance: wai-sr, outcome: core-10}\n"))


@pytest.mark.parametrize(
    ("of", "fixed", "said"),
    [
        ("arm_by_time", "condition * gender + session", "lacks the arms' interaction with time"),
        ("arm", "alliance + session", "lacks the arms"),
        ("arm", "session", "lacks the arms"),
        ("arm_by_time", "C(condition) * session", None),
        ("arm", "treatment_arm + session", "lacks the arms"),
        ("arm", "arm + session", None),
        ("arm_by_time", "condition + session + C(condition):log(session)", None),
        ("within", "session", "lacks the predictor"),
        ("within", "alliance + session", None),
    ],
)  # fmt: skip
def test_a_planned_model_has_the_arms_and_their_course(plan, of, fixed, said):
    model = f"of: {of}\nmodel: score ~ {fixed} + (1 | client_id) + (1 | therapist_id)\n"
    path = plan(PLAN + model)
    if said is None:
        assert read_plan(path).model
        return
    with pytest.raises(AllianceStatsError, match=said):
        read_plan(path)


@pytest.mark.parametrize(
    ("of", "model", "columns", "said"),
    [
        ("arm", "zweig + (1 | client_id) + (1 | therapist_id)", "arm: zweig", None),
        ("arm", "age + (1 | client_id) + (1 | therapist_id)", "arm: zweig", "called 'zweig'"),
        ("arm_by_time", "x * visit + (1 | client_id) + (1 | therapist_id)", "arm: x, time: visit",
         None),
        ("arm_by_time", "x * visit + (1 | client_id) + (1 | therapist_id)", "arm: x",
         "interaction with time"),
        ("within", "visit + bond + (1 | client_id) + (1 | therapist_id)",
         "predictor: bond, time: visit", None),
        ("within", "visit + (1 | client_id) + (1 | therapist_id)", "time: visit", "the predictor"),
        ("within", "age + (1 | client_id) + (1 | therapist_id)", "predictor: bond",
         "called 'bond'"),
        ("arm", "condition + (1 | patient) + (1 | coach)", "client: patient, therapist: coach",
         None),
        ("arm", "condition + (1 | patient) + (1 | coach)", "client: patient",
         "intercept of therapists .called 'therapist_id'"),
        ("arm", "condition + (1 | client_id) + (1 | therapist_id)", "arms: condition",
         "Did you mean 'arm'"),
        ("arm", "condition + (1 | client_id) + (1 | therapist_id)", "arm: 2", "name of one column"),
    ],
)  # fmt: skip
def test_a_plan_says_what_its_columns_are_called(plan, of, model, columns, said):
    text = f"of: {of}\nmodel: score ~ {model}\ncolumns: {{{columns}}}\n"
    path = plan(PLAN + text)
    if said is None:
        assert read_plan(path).model
        return
    with pytest.raises(AllianceStatsError, match=said):
        read_plan(path)


def test_columns_that_are_no_names_are_one_sentence(plan):
    with pytest.raises(AllianceStatsError, match="must say what columns are called"):
        read_plan(plan(PLAN + "columns: condition\n"))


def test_groups_of_another_name_are_counted_as_planned(rows, plan):
    other = {"client_id": "patient", "therapist_id": "coach", "condition": "zweig"}
    named = rows.rename(columns=other)
    fit = al.fit_multilevel("score ~ zweig * session + (1 | coach/patient)", named)
    told = "columns: {arm: zweig, client: patient, therapist: coach}\n"
    model = "model: score ~ zweig*session + (1 | coach/patient)\n"
    check = al.check_plan(plan(PLAN + model + told), fit)
    assert check.table["choice"].tolist()[3:6] == ["arms", "clients", "therapists"]
    assert choices(check) == ["clients", "sessions held"]
    assert choices(al.check_plan(plan(PLAN + told), fit)) == ["clients", "sessions held"]
    assert choices(al.check_plan(plan(PLAN), fit))[0] == "model"  # whose groups nobody named


def test_of_a_study_the_scores_of_the_planned_outcome_are_counted(plan):
    study = al.load_dataset("demo-trial")
    told = al.check_plan(plan(PLAN + "outcome: core-10/total/client\n"), study).table
    scores = study.select("core-10")["score"].notna().sum()
    assert told.set_index("choice").loc["sessions held", "done"] == f"{scores:,}"


def test_arms_that_are_not_as_many_as_planned_are_told(rows, plan):
    path = plan(PLAN + "arms: 3\n")
    fit = al.fit_multilevel("score ~ condition * session + (1 | client_id)", rows)
    held = al.check_plan(path, fit).table.set_index("choice")
    assert held.loc["arms", ["planned", "done", "as_planned"]].tolist() == ["3", "2", False]
    study = al.check_plan(path, al.load_dataset("demo-trial")).table.set_index("choice")
    assert study.loc["arms", "done"] == "2"

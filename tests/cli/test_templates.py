"""Every template runs on a study, and says what a study lacks: by the command and in Jupyter."""

import json
import re
import subprocess
import tomllib
from pathlib import Path, PurePosixPath

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_notebook

import alliance_stats as al
from alliance_stats.study.mapping.describing import describe
from alliance_stats.workspace import cells, notebooks

pytestmark = pytest.mark.usefixtures("warm_kernels")


@pytest.fixture(scope="module")
def study():
    """Return a study whose alliance and outcome go together, without what can be left out."""
    bare = dict.fromkeys(["forecasts", "observer_codes", "principle_codes"], False)
    made = al.simulate_study(n_therapists=10, n_clients=90, seed=6, **bare)
    return made.with_tables(ratings=None, scores=made.scores)


@pytest.fixture(scope="module")
def place(study, tmp_path_factory):
    return study.save(tmp_path_factory.mktemp("studies") / "clinic")


def page(template, place, tmp_path, **given):
    out = tmp_path / "page.html"
    al.run_notebook(template, place, out, parameters=given, show_persons=True)
    return out.read_text(encoding="utf-8")


def test_describe_and_validate(place, tmp_path):
    text = page("describe-and-validate", place, tmp_path)
    assert "SYNTHETIC DATA" in text
    assert "clients per therapist" in text
    assert "icc_above" in text
    assert "No items, so no alpha" in text
    assert "Codebook" in text


def test_alliance_and_outcome(place, tmp_path):
    text = page("alliance-outcome", place, tmp_path)
    assert "SYNTHETIC DATA" in text
    assert "Three levels" in text
    assert "in the other direction" in text.lower()
    assert "between groups of" in text
    assert "not to be had from these data. " not in text


def test_change(place, tmp_path):
    text = page("change", place, tmp_path, clinical=(20.0, 6.0), functional=(5.0, 4.0))
    assert "Reliability 0.9: alpha" in text
    assert "clinical_at_intake" in text
    assert "had a gain of" in text
    assert "shrunken" in text


def test_who_leads(place, tmp_path):
    text = page("who-leads", place, tmp_path, group="condition", waves=[1, 2, 3, 4])
    for what in ("at every session", "in all groups"):
        test = rf"Lagged effects the same {what}: [\d.]+, p = [\d.]+ \(F with \d+ and \d+ df"
        assert re.search(test, text.replace("\n", " "))  # clients go together by therapist there
    assert "nothing lasting" in text
    assert "not to be had from these data. " not in text


def test_same_measure(tmp_path):
    made = al.simulate_study(n_therapists=20, n_clients=120, seed=5)
    made.save(tmp_path / "clinic")
    text = page("same-measure", tmp_path / "clinic", tmp_path, measure="wai-sr/bond")
    assert "use the items alike" in text
    assert text.count("between") >= 2
    assert "not to be had from these data. " not in text


def test_replication_shows_every_verdict(tmp_path):
    text = page("replication", "demo-trial", tmp_path)
    assert "3.84 ≠ 3.482" in text
    assert "3.53 ≈ 3.520" in text
    assert "30 printed numbers: 25 equal, 1 rounding, 1 different, 3 not computed." in text


def test_synthesis_of_own_effects(place, tmp_path):
    rows = ["label,metric,estimate,n", *(f"S{n},r,{n / 20},{50 + 10 * n}" for n in range(1, 9))]
    (place / "own.csv").write_text("\n".join(rows), encoding="utf-8")
    text = page("synthesis", place, tmp_path, effects_path="own.csv")
    assert "8 effects of the metric" in text
    assert "egger" in text
    assert "without one study" in text


LACKING = {
    "describe-and-validate": None,  # there is always something to describe
    "first-analysis": ("scores", "an alliance measure by the client"),
    "alliance-outcome": ("scores", "an alliance measure by the client"),
    "rupture-repair": ("scores", "an alliance measure by the client"),
    "dropout": ("terminations", "no table 'terminations'"),
    "rating-gap": ("therapist", "an alliance measure by the therapist"),
    "who-leads": ("scores", "an alliance measure by the client"),
    "same-measure": ("items", "no table 'ratings'"),
    "change": ("scores", "an outcome measure or a measure of function by the client"),
    "planning": ("scores", "an outcome measure or a measure of function by the client"),
    "replication": ("scores", "an outcome measure or a measure of function by the client"),
    "synthesis": ("effects", "no table 'effects'"),
}


def without(study, what):
    if what == "therapist":
        return study.with_tables(scores=study.scores.query("rater != 'therapist'"))
    if what == "scores":
        return study.with_tables(scores=None, assessments=None)
    return study.with_tables(**{what: None}) if what != "items" else study


def test_every_template_has_its_case():
    assert set(LACKING) == set(notebooks.template_files())


@pytest.mark.parametrize("template", [name for name, lack in LACKING.items() if lack])
def test_what_a_template_cannot_do_without_is_one_line_with_the_remedy(
    names_after, study, tmp_path, template
):
    what, said = LACKING[template]
    given = {"study_path": str(without(study, what).save(tmp_path / "study"))}
    with pytest.raises(al.StudyLacksError) as told:
        names_after(template, **given, **({"effects_path": ""} if template == "synthesis" else {}))
    sentence = str(told.value)
    assert sentence.startswith("The study 'simulated-6' has ")
    assert "\n" not in sentence
    assert said in sentence
    assert "to add it, " in sentence


def test_what_a_study_lacks_is_the_one_line_of_the_command(call, study, tmp_path):
    without(study, "terminations").save(tmp_path / "study")
    page = tmp_path / "page.html"
    code, out, err = call("run", "dropout", tmp_path / "study", "--out", page, "--quiet")
    assert (code, out) == (1, "")
    assert err.startswith("Error: The study 'simulated-6' has no table 'terminations'; to add it, ")
    assert err.count("\n") == 1
    assert not page.exists()


def test_what_can_be_left_out_is_left_out_with_a_sentence(study, tmp_path):
    bare = without(study, "terminations").with_tables(terminations=None, events=None)
    bare = without(bare, "therapist")
    bare.save(tmp_path / "study")
    text = page("first-analysis", tmp_path / "study", tmp_path)
    assert "Dropout: left out. The study" in text
    assert "Rating gap: left out. The study" in text


def test_in_jupyter_the_sentence_stands_without_a_traceback(tmp_path):
    code = "import alliance_stats as al\nal.needs(al.open_study('demo-trial'), tables=['effects'])"
    book = new_notebook(cells=[new_code_cell(code)])
    from nbclient import NotebookClient

    NotebookClient(book, allow_errors=True, kernel_name="python3").execute()
    (shown,) = book.cells[0].outputs
    assert len(shown["traceback"]) == 1
    assert shown["traceback"][0].startswith("The study 'demo-trial' has no table 'effects'; to ")


@pytest.mark.parametrize(
    "needed",
    [
        *({"tables": [name]} for name in ("terminations", "forecasts", "events", "assessments")),
        *({"tables": [name]} for name in ("observer_codes", "principle_codes", "ratings")),
        {"scores": [("phq-9", "therapist")]},
        {"therapists": True},
    ],
    ids=str,
)
def test_the_lines_it_names_are_understood_by_study_yaml(tmp_path, needed):
    call_new = tmp_path / "study"
    al.new_study(call_new)
    empty = al.Study("s", {}, folder=call_new)
    with pytest.raises(al.StudyLacksError) as told:
        al.needs(empty, **needed)
    line = str(told.value).split("sources in study.yaml: ")[1].split(" (with your file's")[0]
    source = yaml.safe_load(line.replace("NAME", "phq-9"))
    _, problems = describe({"name": "s", "sources": source})
    assert [problem.message for problem in problems] == []


def test_a_table_that_no_study_has_is_refused():
    with pytest.raises(al.DesignError, match="Did you mean 'terminations'"):
        al.needs(al.Study("s", {}), tables=["termination"])


def test_a_measure_is_chosen_by_its_card(study):
    assert al.choose_measure(study, "", "outcome", "function") == "core-10"
    assert al.choose_measure(study, "", "alliance", rater="therapist") == "wai-sr"
    with pytest.raises(al.StudyLacksError, match="Did you mean 'wai-sr'"):
        al.choose_measure(study, "wai-s", "alliance")


def test_numbers_are_written_to_be_read():
    written = [cells.readable(value) for value in (3.0, 0.12345, 1e-9, float("nan"))]
    assert written == ["3", "0.123", "1e-09", ""]


def test_the_notebooks_of_a_new_study_run_on_it_where_they_lie(tmp_path):
    al.new_study(tmp_path / "study")
    for path in (tmp_path / "study" / "notebooks").glob("*.ipynb"):
        book = nbformat.read(path, as_version=4)
        (cell,) = [c for c in book.cells if "parameters" in c.metadata.get("tags", [])]
        assert cell.source.startswith('study_path = ".."  ')
        assert "demo-trial" not in cell.source.splitlines()[0]
    assert len(list((tmp_path / "study" / "notebooks").glob("*.ipynb"))) == len(LACKING)


def test_a_new_study_that_cannot_be_made_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(al.AllianceStatsError, match="could not be made at"):
        al.new_study("")
    assert not list(tmp_path.iterdir())


def test_git_leaves_the_data_of_a_new_study_out(tmp_path):
    folder = tmp_path / "study"
    al.new_study(folder)
    (folder / "results" / "page.html").write_text("x")
    for words in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)
    listed = subprocess.run(["git", "ls-files"], cwd=folder, capture_output=True, text=True)
    files = listed.stdout.split()
    assert "data/.gitignore" in files
    assert "study.yaml" in files
    assert not [name for name in files if name.endswith((".csv", ".html"))]


def test_the_plan_of_a_new_study_must_be_filled_in_and_then_can_be_fixed(tmp_path):
    al.new_study(tmp_path / "study")
    path = tmp_path / "study" / "analysis-plan.yaml"
    with pytest.raises(al.DesignError, match="alliance must be the name of a measure"):
        al.read_analysis_plan(path)
    text = path.read_text(encoding="utf-8")
    text = text.replace("alliance:   ", "alliance: wai-sr").replace(
        "outcome:    ", "outcome: phq-9 "
    )
    path.write_text(text, encoding="utf-8")
    fixed = al.read_analysis_plan(path).save(tmp_path / "study" / "analysis-plan-fixed.yaml")
    assert al.read_analysis_plan(fixed).alliance == "wai-sr"


def test_a_messy_study_holds_the_mistakes_that_validation_is_to_find(tmp_path):
    written = al.new_study(tmp_path / "study", messy=True)
    data = [name for name in written if name.startswith("data/")]
    assert data == ["data/.gitignore", "data/endings.xlsx", "data/sessions.csv"]
    draft = al.suggest_mapping(tmp_path / "study")
    said = str(draft)
    assert "44 among the answers must be typing errors" in said
    assert "-9 looked like a code for missing" in said


def test_a_draft_of_the_mapping_finds_the_files_in_data(tmp_path):
    al.new_study(tmp_path / "study")
    sessions = tmp_path / "study" / "data" / "sessions.csv"
    header = sessions.read_text(encoding="utf-8").strip()
    row = ",".join(["c1", "t1", "1", "2024-01-01", "1", *["3"] * 33])
    sessions.write_text(f"{header}\n{row}\n", encoding="utf-8")
    draft = al.suggest_mapping(tmp_path / "study")
    assert [source["file"] for source in draft["sources"]] == ["data/sessions.csv"]


def test_the_templates_hold_no_outputs_and_import_only_what_is_public():
    for path in notebooks.template_files().values():
        book = json.loads(path.read_text(encoding="utf-8"))
        code = ["".join(c["source"]) for c in book["cells"] if c["cell_type"] == "code"]
        assert not any(cell.get("outputs") for cell in book["cells"])
        assert not [text for text in code if "._" in text or "alliance_stats.study" in text]


def test_jupyterlab_is_given_every_template():
    root = Path(__file__).parents[2]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    shared = project["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    shipped = (root / "notebooks" / "templates").glob("*.ipynb")
    assert set(shared) == {path.relative_to(root).as_posix() for path in shipped}
    place = "share/jupyter/notebook_templates/alliance_stats"
    assert {str(PurePosixPath(target).parent) for target in shared.values()} == {place}


@pytest.fixture(scope="module")
def trial(study, tmp_path_factory):
    """Return the same clients measured at four occasions, and at no session."""
    labels = {1: "pre", 3: "mid", 6: "post", 9: "followup"}
    rows = study.scores[study.scores["session"].isin(labels)]
    rows = rows.assign(occasion=rows["session"].map(labels))
    keep = ["client_id", "occasion", "rater", "measure", "scale", "score"]
    clients = study.clients.assign(condition=["new", "usual"] * (len(study.clients) // 2))
    made = al.Study("trial", {"clients": clients, "therapists": study.therapists,
                              "assessments": rows[keep]})  # fmt: skip
    return made.save(tmp_path_factory.mktemp("trials") / "trial")


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("change", "Outcome: core-10"),
        ("rating-gap", "wai-sr"),
        ("describe-and-validate", "core-10"),
    ],
)
def test_a_trial_of_occasions_runs_where_no_session_is_asked_for(template, told, trial, tmp_path):
    given = {"reliability": 0.9} if template == "change" else {}
    text = page(template, trial, tmp_path, **given)
    assert told in text
    assert "Traceback" not in text


@pytest.mark.parametrize("template", ["rupture-repair", "first-analysis"])
def test_what_follows_from_session_to_session_needs_sessions(names_after, template, trial):
    with pytest.raises(al.StudyLacksError, match="at occasions and none at sessions"):
        names_after(template, study_path=str(trial))


def test_the_gap_of_one_session_a_dyad(study, tmp_path):
    rows = study.scores[study.scores["session"] == 3]
    once = study.with_tables(
        scores=rows, terminations=None, assessments=None, events=None,
        sessions=study.sessions[study.sessions["session"] == 3],
    )  # fmt: skip
    text = page("rating-gap", once.save(tmp_path / "once"), tmp_path)
    assert "mean difference, therapist minus client (points)" in text
    assert "Truth and bias: not to be had" not in text


def test_a_replication_without_an_alliance(study, tmp_path):
    scores = study.scores[study.scores["measure"] == "core-10"]
    place = study.with_tables(scores=scores, events=None).save(tmp_path / "symptoms")
    table = al.load_dataset("demo-trial").folder / "published-table.yaml"
    (place / "published-table.yaml").write_bytes(table.read_bytes())
    text = page("replication", place, tmp_path)
    assert "Symptoms, intake" in text
    assert "The alliance's rows" in text

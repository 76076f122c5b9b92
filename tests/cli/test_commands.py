"""Each command does its job, and whatever goes wrong is one line and an exit code."""

import json
import re
import subprocess
import sys

import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats import cli


def one_line(err):
    assert err.startswith("Error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err.removeprefix("Error: ").rstrip("\n")


def test_help_names_every_command_and_loads_nothing_heavy():
    code = (
        "import sys; from alliance_stats import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'pandas', 'numpy', 'scipy', 'matplotlib', 'rich.progress', 'jinja2', 'yaml'}\n"
        "print('LOADED', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    commands = ("demo", "report", "validate", "new", "measures", "codebook", "run", "plan")
    for command in (*commands, "preregister", "share", "combine"):
        assert f"\n  {command} " in done.stdout
    assert done.stdout.rstrip().endswith("LOADED []")
    assert done.stderr == ""


def test_claims_are_offered_only_where_the_ledger_is(call):
    _, out, _ = call("--help")
    assert ("\n  claims " in out) is hasattr(al, "check_claims")


def test_version(call):
    assert call("--version") == (0, f"alliance-stats {al.__version__}\n", "")


def test_without_a_command_the_help_is_shown(call):
    code, out, err = call()
    assert "Usage: alliance-stats" in out + err
    assert code in (0, 2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["reprot", "x"], "No such command 'reprot'"),
        (["report", "x"], "Missing option '--out'"),
        (["report", "x", "--out", "y", "--sed", "3"], "No such option: --sed"),
        (["report", "x", "--out", "y", "--seed", "one"], "Invalid value for '--seed'"),
    ],
)
def test_a_word_that_is_not_understood_is_told(call, words, said):
    code, out, err = call(*words)
    assert code == 2
    assert out == ""
    assert said in one_line(err)


def test_report_writes_a_page_and_says_where(call, saved, tmp_path, only):
    only("data")
    code, out, err = call("report", saved, "--out", tmp_path / "out", "--seed", "5")
    assert code == 0
    assert f"The report is in {tmp_path / 'out' / 'index.html'}" in out
    assert "[0/" in out  # the steps, since this is no terminal
    run = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    assert run["seed"] == 5
    kept = saved / ".alliance-stats" / "out.json"
    assert f"must stay with the study, is {kept}" in out
    account = json.loads(kept.read_text(encoding="utf-8"))
    assert {entry["file"] for entry in account["inputs"]} >= {"datapackage.json"}
    assert "Traceback" not in err


def test_a_study_that_is_not_there(call, tmp_path):
    code, _, err = call("report", tmp_path / "nowhere", "--out", tmp_path / "out")
    assert code == 1
    assert "nowhere" in one_line(err)
    assert list(tmp_path.iterdir()) == []


def test_an_error_cannot_steer_the_terminal(call, tmp_path):
    code, _, err = call("report", tmp_path / "a\x1b[31m\nb", "--out", tmp_path / "out")
    assert code == 1
    assert one_line(err).isprintable()


def test_a_folder_that_is_not_ours_is_left_alone(call, saved, tmp_path):
    (tmp_path / "thesis.docx").write_text("x")
    code, _, err = call("report", saved, "--out", tmp_path)
    assert code == 1
    assert "thesis.docx" in one_line(err)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.docx"]


def test_validate_a_clean_study(call, saved, tmp_path):
    code, out, err = call("validate", saved, "--html", tmp_path / "p.html")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1].startswith("The study can be used: 0 errors")
    assert (tmp_path / "p.html").is_file()


@pytest.fixture
def broken(saved, tmp_path):
    """Return a study with a rating of a session that nobody can count."""
    folder = tmp_path / "broken"
    folder.mkdir()
    for path in (path for path in saved.iterdir() if path.is_file()):
        (folder / path.name).write_bytes(path.read_bytes())
    sessions = folder / "sessions.csv"
    if not sessions.is_file():
        sessions = next(folder.rglob("sessions.csv"))
    lines = sessions.read_text(encoding="utf-8").splitlines()
    header = lines[0].split(",")
    cells = lines[3].split(",")
    cells[header.index("session")] = "Post-Rx\x1b[31m"
    lines[3] = ",".join(cells)
    sessions.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_validate_tells_an_error_and_leaves_with_1(call, broken, tmp_path):
    code, out, err = call("validate", broken, "--xlsx", tmp_path / "marked.xlsx")
    assert (code, err) == (1, "")
    assert "Post-Rx" in out
    assert "\x1b" not in out  # what stands in a file must not steer the terminal
    assert "sessions.csv row 4 (session): " in out
    assert out.splitlines()[-1].startswith("The study cannot be used yet: 2 errors, ")
    assert (tmp_path / "marked.xlsx").is_file()


def test_validate_quietly(call, broken):
    assert call("validate", broken, "--quiet") == (1, "", "")


def test_report_of_a_broken_study_writes_nothing(call, broken, tmp_path):
    code, _, err = call("report", broken, "--out", tmp_path / "out")
    assert code == 1
    assert "error" in one_line(err)
    assert not (tmp_path / "out").exists()


def test_new_makes_a_study_to_fill_in(call, tmp_path):
    folder = tmp_path / "my: study"
    code, out, err = call("new", folder)
    assert (code, err) == (0, "")
    assert {p.name for p in folder.iterdir()} == {
        "study.yaml", "data", "results", "README.md", "measures", "notebooks",
        "analysis-plan.yaml", "analysis-plan.md", "published-table.yaml", "study.schema.json",
    }  # fmt: skip
    first = (folder / "study.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=study.schema.json"
    held = {p.name for p in (folder / "data").iterdir()}
    assert held == {"sessions.csv", "clients.csv", "endings.csv", ".gitignore"}
    assert (folder / "notebooks" / "first-analysis.ipynb").is_file()
    assert str(folder) in out
    assert "validate" not in out


def test_a_study_with_made_up_files_says_that_its_description_does_not_fit_them(call, tmp_path):
    code, out, _ = call("new", tmp_path / "study", "--messy")
    assert code == 0
    assert "'alliance-stats validate' says so" in out
    assert "alliance_stats.suggest_mapping" in out
    code, told, _ = call("validate", tmp_path / "study")
    assert (code, "which study.yaml gives as client_id" in told) == (1, True)


def test_a_new_study_that_is_still_empty_is_told_of_in_words(call, tmp_path):
    call("new", tmp_path / "study")
    _, out, err = call("validate", tmp_path / "study")
    assert err == ""
    assert "sessions.csv: The file has a header but no rows." in out
    assert out.splitlines()[-1] == "There is nothing to analyse yet: 0 errors, 4 warnings, 0 notes."
    mapping = tmp_path / "study" / "study.yaml"
    text = mapping.read_text(encoding="utf-8")
    mapping.write_text(text.replace("sources:", "soures:"), encoding="utf-8")
    number = 1 + text[: text.index("sources:")].count("\n")
    assert f"study.yaml line {number}: " in call("validate", tmp_path / "study")[1]
    alone = {"name": "s", "sources": [{"file": "data/endings.csv", "table": "terminations"}]}
    alone["sources"][0]["columns"] = {"client_id": "client_id"}
    (tmp_path / "study" / "study.yaml").write_text(json.dumps(alone), encoding="utf-8")
    _, out, _ = call("validate", tmp_path / "study")
    assert out.splitlines()[-1] == "There is nothing to analyse yet: 0 errors, 2 warnings, 0 notes."


def test_the_card_a_new_study_shows_can_be_copied_and_used(call, tmp_path):
    call("new", tmp_path / "study")
    own = tmp_path / "study" / "measures"
    shown = (own / "README.md").read_text(encoding="utf-8")
    card = re.search(r"```yaml\n(.*?)```", shown, re.DOTALL)[1]
    (own / "my-scale.yaml").write_text(card, encoding="utf-8")
    ratings = {"client_id": "a", "session": 1, "rater": "client", "measure": "my-scale"}
    rows = [{**ratings, "item": item, "value": 6} for item in range(1, 5)]
    pd.DataFrame(rows).to_csv(tmp_path / "study" / "sessions.csv", index=False)
    study = {"name": "s", "sources": [{"file": "sessions.csv", "table": "ratings"}]}
    study["sources"][0]["columns"] = {name: name for name in rows[0]}
    (tmp_path / "study" / "study.yaml").write_text(json.dumps(study), encoding="utf-8")
    score = al.open_study(tmp_path / "study").scores["score"]
    assert score.tolist() == [(6 + 0 + 6 + 6) / 4]  # item 2 is turned


def test_a_new_study_can_be_filled_in_and_opened(call, tmp_path):
    folder = tmp_path / "study"
    call("new", folder)
    items = ",".join(["4"] * 12 + ["3"] * 12 + ["1"] * 9)
    rows = [f"c{c},t{c % 2},{s},2024-03-0{s},1,{items}" for c in range(4) for s in (1, 2)]
    add(folder / "data" / "sessions.csv", rows)
    add(folder / "data" / "clients.csv", [f"c{c},t{c % 2},s1,a" for c in range(4)])
    add(folder / "data" / "endings.csv", [f"c{c},2,{c % 2 + 1}" for c in range(4)])
    study = al.open_study(folder)
    assert study.name == "study"
    assert len(study.clients) == 4
    assert sorted(study.terminations["reason"].unique()) == ["completed", "dropout"]
    totals = study.scores.query("measure == 'phq-9' and scale == 'total'")["score"]
    assert totals.tolist() == [9.0] * 8


def add(path, rows):
    path.write_text(path.read_text(encoding="utf-8") + "\n".join(rows) + "\n", encoding="utf-8")


def test_new_does_not_write_into_a_folder_that_holds_something(call, tmp_path):
    (tmp_path / "data.sav").write_text("x")
    code, _, err = call("new", tmp_path)
    assert code == 1
    assert "data.sav" in one_line(err)
    assert [p.name for p in tmp_path.iterdir()] == ["data.sav"]


def test_measures_are_listed_and_shown(call):
    code, out, _ = call("measures")
    assert code == 0
    assert "oq-45" in out
    code, out, _ = call("measures", "OQ45")
    assert code == 0
    assert "Reversed    1, 12, 13, 20, 21, 24, 31, 37, 43" in out


def test_an_unknown_measure_names_the_nearest(call):
    code, _, err = call("measures", "phq-8")
    assert code == 1
    assert "Did you mean 'phq-9'?" in one_line(err)


@pytest.mark.parametrize("name", ["book.html", "book.json"])
def test_codebook(call, saved, tmp_path, name):
    code, _, err = call("codebook", saved, "--out", tmp_path / name)
    assert (code, err) == (0, "")
    assert "client_id" in (tmp_path / name).read_text(encoding="utf-8")


def test_a_codebook_of_another_kind_is_refused(call, saved, tmp_path):
    code, _, err = call("codebook", saved, "--out", tmp_path / "book.pdf")
    assert code == 1
    assert "'.html" in one_line(err) or ".html or .json" in one_line(err)


def boom(*args, **kwargs):
    raise ZeroDivisionError("a fault\nof two lines")


def test_an_unexpected_error_is_one_line_and_the_way_to_its_place(call, monkeypatch):
    monkeypatch.setattr(al, "list_measures", boom)
    code, _, err = call("measures")
    assert code == 1
    assert "ZeroDivisionError: a fault of two lines" in one_line(err)
    assert "--debug" in err


def test_debug_shows_the_traceback(monkeypatch):
    monkeypatch.setattr(al, "list_measures", boom)
    with pytest.raises(ZeroDivisionError):
        cli.main(["measures", "--debug"])


def test_ctrl_c_is_clean(call, monkeypatch):
    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(al, "list_measures", stop)
    code, _, err = call("measures")
    assert code == 130
    assert one_line(err) == "Stopped; nothing was written half."


@pytest.mark.parametrize("error", [FileNotFoundError, PermissionError, IsADirectoryError])
def test_the_systems_errors_name_the_file(call, monkeypatch, error):
    def fail(*args, **kwargs):
        raise error(5, "No luck", "some/file.csv")

    monkeypatch.setattr(al, "list_measures", fail)
    code, _, err = call("measures")
    assert code == 1
    assert "some/file.csv" in one_line(err)
    assert "No luck" in err
